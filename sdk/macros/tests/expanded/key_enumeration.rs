#[automatically_derived]
impl ::althing_sdk::order::Key for Kind {
    fn encode_key(&self, out: &mut ::althing_sdk::order::Buffer) {
        out.push(
            match self {
                Self::A => 0u8,
                Self::B => 1u8,
            },
        );
    }
    fn decode_key(input: &mut &[u8]) -> ::core::option::Option<Self> {
        match <u8 as ::althing_sdk::order::Key>::decode_key(input)? {
            0u8 => ::core::option::Option::Some(Self::A),
            1u8 => ::core::option::Option::Some(Self::B),
            _ => ::core::option::Option::None,
        }
    }
}
