#[automatically_derived]
impl ::althing_sdk::wire::Event for Written {
    const SCHEMA: &'static ::althing_sdk::wire::EventSchema = &::althing_sdk::wire::EventSchema {
        name: "Written",
        fields: &[
            (
                ::althing_sdk::wire::FieldSchema {
                    name: "organisation",
                    kind: <OrganisationId as ::althing_sdk::wire::Wire>::SCHEMA,
                },
                true,
            ),
            (
                ::althing_sdk::wire::FieldSchema {
                    name: "id",
                    kind: <EntryId as ::althing_sdk::wire::Wire>::SCHEMA,
                },
                false,
            ),
        ],
        docs: "An entry was written.",
    };
    fn topic(&self) -> ::althing_sdk::order::Buffer {
        ::althing_sdk::wire::bytes_of(&[&self.organisation])
    }
    fn data(&self) -> ::althing_sdk::order::Buffer {
        ::althing_sdk::wire::bytes_of(&[&self.organisation, &self.id])
    }
}
