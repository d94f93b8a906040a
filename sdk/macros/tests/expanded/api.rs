impl Book {
    /// Opens the book.
    fn open(&mut self, title: Text<64>) {
        self.title.put(&title);
    }
    /// Writes an entry.
    fn write(&mut self, cx: &mut Ctx, text: Text<280>) -> Result<EntryId, Fail> {
        Err(Fail::Empty)
    }
    fn title(&self) -> Text<64> {
        self.title.get().unwrap_or_default()
    }
    fn add_time(old: v1::Entry) -> Entry {
        Entry { text: old.text, time: 0 }
    }
    fn name_it(&mut self, cx: &mut Ctx) {}
    fn in_parts(&mut self, at: Option<EntryId>) -> Result<Option<EntryId>, Fail> {
        Ok(None)
    }
    fn has_a_title(&self) -> bool {
        self.title.has()
    }
}
const _: () = {
    #[cfg_attr(target_arch = "wasm32", unsafe(export_name = "init"))]
    extern "C-unwind" fn init() {
        ::althing_sdk::entry::run::<
            Book,
            (Text<64>,),
            (),
            ::althing_sdk::wire::Never,
        >(
            ::core::option::Option::None,
            |state, _, (title,)| ::core::result::Result::Ok(state.open(title)),
        )
    }
    #[cfg_attr(target_arch = "wasm32", unsafe(export_name = "c_write"))]
    extern "C-unwind" fn c_write() {
        ::althing_sdk::entry::run::<
            Book,
            (Text<280>,),
            EntryId,
            Fail,
        >(
            ::core::option::Option::Some(
                ::althing_sdk::types::organisation::Role::Registry,
            ),
            |state, cx, (text,)| state.write(cx, text),
        )
    }
    #[cfg_attr(target_arch = "wasm32", unsafe(export_name = "v_title"))]
    extern "C-unwind" fn v_title() {
        ::althing_sdk::entry::run::<
            Book,
            (),
            Text<64>,
            ::althing_sdk::wire::Never,
        >(
            ::core::option::Option::None,
            |state, _, ()| ::core::result::Result::Ok(state.title()),
        )
    }
    #[cfg_attr(target_arch = "wasm32", unsafe(export_name = "v_has_a_title"))]
    extern "C-unwind" fn v_has_a_title() {
        ::althing_sdk::entry::run::<
            Book,
            (),
            bool,
            ::althing_sdk::wire::Never,
        >(
            ::core::option::Option::None,
            |state, _, ()| ::core::result::Result::Ok(state.has_a_title()),
        )
    }
    const _: () = ::core::assert!(
        1u32 < < Book as ::althing_sdk::State > ::STATE_VERSION,
        "#[migrate(from = 1)]: the version is not older than the contract's state_version"
    );
    #[cfg_attr(target_arch = "wasm32", unsafe(export_name = "migrate"))]
    extern "C-unwind" fn migrate() {
        ::althing_sdk::entry::migrate::<
            Book,
            Fail,
        >(|state, _cx, from, steps| {
            match from {
                1u32 => {
                    let _ = &state.entries;
                    if steps
                        .rewrite::<
                            Book,
                            v1::Entry,
                            Entry,
                        >(
                            0u32,
                            state,
                            ::core::option::Option::Some("entries"),
                            &Book::add_time,
                        )
                    {
                        return ::core::result::Result::Ok(true);
                    }
                    if steps.is_due(1u32) {
                        state.name_it(_cx);
                    }
                    if let ::core::option::Option::Some(at) = steps.begin(2u32)
                        && steps.leave(2u32, &state.in_parts(at)?)
                    {
                        return ::core::result::Result::Ok(true);
                    }
                }
                _ => return ::core::result::Result::Ok(false),
            }
            ::core::result::Result::Ok(true)
        })
    }
    #[automatically_derived]
    impl ::althing_sdk::Contract for Book {
        const METHODS: &'static [::althing_sdk::abi::constant::MethodSchema] = &[
            ::althing_sdk::abi::constant::MethodSchema {
                name: "open",
                kind: ::althing_sdk::abi::schema::MethodKind::Init,
                role: ::core::option::Option::None,
                arguments: &[
                    ::althing_sdk::wire::FieldSchema {
                        name: "title",
                        kind: <Text<64> as ::althing_sdk::wire::Wire>::SCHEMA,
                    },
                ],
                result: <() as ::althing_sdk::wire::Wire>::SCHEMA,
                docs: "Opens the book.",
            },
            ::althing_sdk::abi::constant::MethodSchema {
                name: "write",
                kind: ::althing_sdk::abi::schema::MethodKind::Call,
                role: ::core::option::Option::Some(
                    ::althing_sdk::types::organisation::Role::Registry,
                ),
                arguments: &[
                    ::althing_sdk::wire::FieldSchema {
                        name: "text",
                        kind: <Text<280> as ::althing_sdk::wire::Wire>::SCHEMA,
                    },
                ],
                result: <EntryId as ::althing_sdk::wire::Wire>::SCHEMA,
                docs: "Writes an entry.",
            },
            ::althing_sdk::abi::constant::MethodSchema {
                name: "title",
                kind: ::althing_sdk::abi::schema::MethodKind::View,
                role: ::core::option::Option::None,
                arguments: &[],
                result: <Text<64> as ::althing_sdk::wire::Wire>::SCHEMA,
                docs: "",
            },
            ::althing_sdk::abi::constant::MethodSchema {
                name: "has_a_title",
                kind: ::althing_sdk::abi::schema::MethodKind::Invariant,
                role: ::core::option::Option::None,
                arguments: &[],
                result: <bool as ::althing_sdk::wire::Wire>::SCHEMA,
                docs: "",
            },
        ];
        const ERRORS: &'static [::althing_sdk::wire::ErrorSchema] = <Fail as ::althing_sdk::wire::ContractError>::ERRORS;
        const MIGRATES_FROM: &'static [u32] = &[1u32];
        #[cfg(not(target_arch = "wasm32"))]
        fn native() -> ::althing_sdk::testing::Native {
            static ENTRIES: &[(&str, extern "C-unwind" fn())] = &[
                ("init", init),
                ("c_write", c_write),
                ("v_title", v_title),
                ("v_has_a_title", v_has_a_title),
                ("migrate", migrate),
            ];
            ::althing_sdk::testing::Native {
                name: <Book as ::althing_sdk::State>::NAME,
                abi: &ABI,
                entries: ENTRIES,
            }
        }
        #[cfg(not(target_arch = "wasm32"))]
        type By = BookCalls;
    }
    #[cfg(not(target_arch = "wasm32"))]
    #[doc(hidden)]
    pub struct BookCalls(::althing_sdk::testing::By);
    #[cfg(not(target_arch = "wasm32"))]
    #[automatically_derived]
    impl ::core::convert::From<::althing_sdk::testing::By> for BookCalls {
        fn from(by: ::althing_sdk::testing::By) -> Self {
            Self(by)
        }
    }
    #[cfg(not(target_arch = "wasm32"))]
    #[automatically_derived]
    impl BookCalls {
        pub fn write(
            &self,
            text: Text<280>,
        ) -> ::althing_sdk::testing::Answer<EntryId, Fail> {
            self.0.call("write", &(text,))
        }
        pub fn title(&self) -> ::althing_sdk::testing::Answer<Text<64>, Fail> {
            self.0.view("title", &())
        }
        pub fn has_a_title(&self) -> ::althing_sdk::testing::Answer<bool, Fail> {
            self.0.view("has_a_title", &())
        }
        pub fn raw(
            &self,
            entry: ::althing_sdk::testing::Entry<'_>,
            input: &[u8],
        ) -> ::althing_sdk::testing::Outcome {
            self.0.raw(entry, input)
        }
    }
    #[cfg_attr(target_arch = "wasm32", used, unsafe(link_section = "althing.abi"))]
    static ABI: [u8; ::althing_sdk::abi::constant::measure(
        &<Book as ::althing_sdk::Contract>::SCHEMA,
    )] = ::althing_sdk::abi::constant::write(&<Book as ::althing_sdk::Contract>::SCHEMA);
    #[cfg(target_arch = "wasm32")]
    #[unsafe(export_name = "althing_abi_1")]
    extern "C-unwind" fn marker() {}
};
