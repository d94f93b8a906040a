#[automatically_derived]
impl ::althing_sdk::wire::borsh::BorshSerialize for Shape {
    fn serialize<W: ::althing_sdk::wire::borsh::io::Write>(
        &self,
        writer: &mut W,
    ) -> ::althing_sdk::wire::borsh::io::Result<()> {
        match self {
            Self::Nothing {} => {
                ::althing_sdk::wire::borsh::BorshSerialize::serialize(&0u8, writer)?;
            }
            Self::Circle { 0: field_0 } => {
                ::althing_sdk::wire::borsh::BorshSerialize::serialize(&1u8, writer)?;
                ::althing_sdk::wire::borsh::BorshSerialize::serialize(field_0, writer)?;
            }
            Self::Box { width: field_0, r#type: field_1 } => {
                ::althing_sdk::wire::borsh::BorshSerialize::serialize(&2u8, writer)?;
                ::althing_sdk::wire::borsh::BorshSerialize::serialize(field_0, writer)?;
                ::althing_sdk::wire::borsh::BorshSerialize::serialize(field_1, writer)?;
            }
        }
        ::core::result::Result::Ok(())
    }
}
#[automatically_derived]
impl ::althing_sdk::wire::borsh::BorshDeserialize for Shape {
    fn deserialize_reader<R: ::althing_sdk::wire::borsh::io::Read>(
        reader: &mut R,
    ) -> ::althing_sdk::wire::borsh::io::Result<Self> {
        ::core::result::Result::Ok(
            match <u8 as ::althing_sdk::wire::borsh::BorshDeserialize>::deserialize_reader(
                reader,
            )? {
                0u8 => Self::Nothing {},
                1u8 => {
                    Self::Circle {
                        0: ::althing_sdk::wire::borsh::BorshDeserialize::deserialize_reader(
                            reader,
                        )?,
                    }
                }
                2u8 => {
                    Self::Box {
                        width: ::althing_sdk::wire::borsh::BorshDeserialize::deserialize_reader(
                            reader,
                        )?,
                        r#type: ::althing_sdk::wire::borsh::BorshDeserialize::deserialize_reader(
                            reader,
                        )?,
                    }
                }
                _ => {
                    return ::core::result::Result::Err(
                        ::althing_sdk::wire::borsh::io::Error::new(
                            ::althing_sdk::wire::borsh::io::ErrorKind::InvalidData,
                            "unknown variant",
                        ),
                    );
                }
            },
        )
    }
}
#[automatically_derived]
impl ::althing_sdk::wire::Wire for Shape {
    const SCHEMA: &'static ::althing_sdk::wire::Schema = &::althing_sdk::wire::Schema::Enum {
        name: "Shape",
        variants: &[
            ::althing_sdk::wire::VariantSchema {
                name: "Nothing",
                fields: &[],
            },
            ::althing_sdk::wire::VariantSchema {
                name: "Circle",
                fields: &[
                    ::althing_sdk::wire::FieldSchema {
                        name: "0",
                        kind: <u32 as ::althing_sdk::wire::Wire>::SCHEMA,
                    },
                ],
            },
            ::althing_sdk::wire::VariantSchema {
                name: "Box",
                fields: &[
                    ::althing_sdk::wire::FieldSchema {
                        name: "width",
                        kind: <u16 as ::althing_sdk::wire::Wire>::SCHEMA,
                    },
                    ::althing_sdk::wire::FieldSchema {
                        name: "type",
                        kind: <u8 as ::althing_sdk::wire::Wire>::SCHEMA,
                    },
                ],
            },
        ],
    };
}
