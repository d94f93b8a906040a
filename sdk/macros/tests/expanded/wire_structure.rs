#[automatically_derived]
impl ::althing_sdk::wire::borsh::BorshSerialize for Entry {
    fn serialize<W: ::althing_sdk::wire::borsh::io::Write>(
        &self,
        writer: &mut W,
    ) -> ::althing_sdk::wire::borsh::io::Result<()> {
        ::althing_sdk::wire::borsh::BorshSerialize::serialize(&self.name, writer)?;
        ::althing_sdk::wire::borsh::BorshSerialize::serialize(&self.active, writer)?;
        ::core::result::Result::Ok(())
    }
}
#[automatically_derived]
impl ::althing_sdk::wire::borsh::BorshDeserialize for Entry {
    fn deserialize_reader<R: ::althing_sdk::wire::borsh::io::Read>(
        reader: &mut R,
    ) -> ::althing_sdk::wire::borsh::io::Result<Self> {
        ::core::result::Result::Ok(Self {
            name: ::althing_sdk::wire::borsh::BorshDeserialize::deserialize_reader(
                reader,
            )?,
            active: ::althing_sdk::wire::borsh::BorshDeserialize::deserialize_reader(
                reader,
            )?,
        })
    }
}
#[automatically_derived]
impl ::althing_sdk::wire::Wire for Entry {
    const SCHEMA: &'static ::althing_sdk::wire::Schema = &::althing_sdk::wire::Schema::Struct {
        name: "Entry",
        fields: &[
            ::althing_sdk::wire::FieldSchema {
                name: "name",
                kind: <Text<64> as ::althing_sdk::wire::Wire>::SCHEMA,
            },
            ::althing_sdk::wire::FieldSchema {
                name: "active",
                kind: <bool as ::althing_sdk::wire::Wire>::SCHEMA,
            },
        ],
    };
}
