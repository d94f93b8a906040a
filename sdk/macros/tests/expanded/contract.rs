/// A book.
pub struct Book {
    entries: Map<EntryId, Entry>,
    by_organisation: Index<OrganisationId, EntryId>,
    title: Value<Text<64>>,
}
#[automatically_derived]
impl ::althing_sdk::State for Book {
    const NAME: &'static str = "book";
    const VERSION: &'static str = ::core::env!("CARGO_PKG_VERSION");
    const DOCS: &'static str = "A book.";
    const STATE_VERSION: u32 = 2u32;
    const FIELDS: &'static [::althing_sdk::abi::constant::StateFieldSchema] = &[
        ::althing_sdk::abi::constant::StateFieldSchema {
            key: 1u8,
            name: "entries",
            kind: ::althing_sdk::abi::schema::StateKind::Map,
            types: &[
                <EntryId as ::althing_sdk::wire::Wire>::SCHEMA,
                <Entry as ::althing_sdk::wire::Wire>::SCHEMA,
            ],
        },
        ::althing_sdk::abi::constant::StateFieldSchema {
            key: 3u8,
            name: "title",
            kind: ::althing_sdk::abi::schema::StateKind::Value,
            types: &[<Text<64> as ::althing_sdk::wire::Wire>::SCHEMA],
        },
        ::althing_sdk::abi::constant::StateFieldSchema {
            key: 7u8,
            name: "by_organisation",
            kind: ::althing_sdk::abi::schema::StateKind::Index,
            types: &[
                <OrganisationId as ::althing_sdk::wire::Wire>::SCHEMA,
                <EntryId as ::althing_sdk::wire::Wire>::SCHEMA,
            ],
        },
    ];
    const EVENTS: &'static [&'static ::althing_sdk::wire::EventSchema] = &[
        <Written as ::althing_sdk::wire::Event>::SCHEMA,
    ];
    const BUILD: &'static [(&'static str, &'static str)] = &[
        ("sdk", ::althing_sdk::VERSION),
        (
            "rustc",
            match ::core::option_env!("ALTHING_BUILD_RUSTC") {
                ::core::option::Option::Some(version) => version,
                ::core::option::Option::None => "unknown",
            },
        ),
    ];
    fn open() -> Self {
        Self {
            entries: ::althing_sdk::Map::at(1u8),
            by_organisation: ::althing_sdk::Index::at(7u8),
            title: ::althing_sdk::Value::at(3u8),
        }
    }
    fn rewrite<Old: ::althing_sdk::wire::Wire, New: ::althing_sdk::wire::Wire + 'static>(
        &mut self,
        only: ::core::option::Option<&str>,
        change: &dyn ::core::ops::Fn(Old) -> New,
    ) -> usize {
        let mut count = 0usize;
        if only.is_none_or(|name| name == "entries")
            && ::core::any::TypeId::of::<Entry>() == ::core::any::TypeId::of::<New>()
        {
            self.entries.rewrite(change);
            count = count.saturating_add(1);
        }
        if only.is_none_or(|name| name == "title")
            && ::core::any::TypeId::of::<Text<64>>() == ::core::any::TypeId::of::<New>()
        {
            self.title.rewrite(change);
            count = count.saturating_add(1);
        }
        count
    }
}
