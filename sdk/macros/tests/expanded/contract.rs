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
        after: &[u8],
    ) -> (usize, ::core::option::Option<::althing_sdk::alloc::vec::Vec<u8>>) {
        let (mut count, mut left) = (0usize, ::core::option::Option::None);
        if only.is_none_or(|name| name == "entries")
            && ::core::any::TypeId::of::<Entry>() == ::core::any::TypeId::of::<New>()
        {
            count = count.saturating_add(1);
            if left.is_none() && after.first().is_none_or(|field| *field <= 1u8) {
                left = self
                    .entries
                    .rewrite(
                        change,
                        if after.first() == Some(&1u8) { after } else { &[] },
                    );
            }
        }
        if only.is_none_or(|name| name == "title")
            && ::core::any::TypeId::of::<Text<64>>() == ::core::any::TypeId::of::<New>()
        {
            count = count.saturating_add(1);
            if left.is_none() && after.first().is_none_or(|field| *field <= 3u8) {
                left = self
                    .title
                    .rewrite(
                        change,
                        if after.first() == Some(&3u8) { after } else { &[] },
                    );
            }
        }
        (count, left)
    }
}
