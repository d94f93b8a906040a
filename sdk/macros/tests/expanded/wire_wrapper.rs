#[automatically_derived]
impl ::althing_sdk::wire::borsh::BorshSerialize for EntryId {
    fn serialize<W: ::althing_sdk::wire::borsh::io::Write>(
        &self,
        writer: &mut W,
    ) -> ::althing_sdk::wire::borsh::io::Result<()> {
        ::althing_sdk::wire::borsh::BorshSerialize::serialize(&self.0, writer)?;
        ::core::result::Result::Ok(())
    }
}
#[automatically_derived]
impl ::althing_sdk::wire::borsh::BorshDeserialize for EntryId {
    fn deserialize_reader<R: ::althing_sdk::wire::borsh::io::Read>(
        reader: &mut R,
    ) -> ::althing_sdk::wire::borsh::io::Result<Self> {
        ::core::result::Result::Ok(Self {
            0: ::althing_sdk::wire::borsh::BorshDeserialize::deserialize_reader(reader)?,
        })
    }
}
#[automatically_derived]
impl ::althing_sdk::wire::Wire for EntryId {
    const SCHEMA: &'static ::althing_sdk::wire::Schema = <u64 as ::althing_sdk::wire::Wire>::SCHEMA;
}
