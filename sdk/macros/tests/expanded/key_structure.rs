#[automatically_derived]
impl ::althing_sdk::order::Key for Place {
    fn encode_key(&self, out: &mut ::althing_sdk::order::Buffer) {
        ::althing_sdk::order::Key::encode_key(&self.zone, out);
        ::althing_sdk::order::Key::encode_key(&self.number, out);
    }
    fn decode_key(input: &mut &[u8]) -> ::core::option::Option<Self> {
        ::core::option::Option::Some(Self {
            zone: ::althing_sdk::order::Key::decode_key(input)?,
            number: ::althing_sdk::order::Key::decode_key(input)?,
        })
    }
}
