#[automatically_derived]
impl althing_types::wire::Wire for Entry {
    const SCHEMA: &'static althing_types::wire::Schema = &althing_types::wire::Schema::Struct {
        name: "Entry",
        fields: &[
            althing_types::wire::FieldSchema {
                name: "active",
                kind: <bool as althing_types::wire::Wire>::SCHEMA,
            },
        ],
    };
}
