//! What the macros generate (golden files in `tests/expanded`, rewritten with `ALTHING_BLESS=1`) and what they refuse.

use proc_macro2::TokenStream;
use quote::quote;
use std::path::Path;
use syn::{Result, parse2};

fn wire(item: TokenStream) -> Result<TokenStream> {
    crate::wire::expand(&parse2(item)?)
}
fn key(item: TokenStream) -> Result<TokenStream> {
    crate::key::expand(&parse2(item)?)
}
fn event(item: TokenStream) -> Result<TokenStream> {
    crate::event::expand(&parse2(item)?)
}
fn error(item: TokenStream) -> Result<TokenStream> {
    crate::error::expand(&parse2(item)?)
}
fn contract(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    crate::contract::expand(arguments, &parse2(item)?)
}
fn api(item: TokenStream) -> Result<TokenStream> {
    crate::api::expand(&TokenStream::new(), &parse2(item)?)
}
fn ledger_test(item: TokenStream) -> Result<TokenStream> {
    crate::ledger_test::expand(&TokenStream::new(), &parse2(item)?)
}

/// Compares an expansion with its golden file.
fn golden(name: &str, expanded: Result<TokenStream>) {
    let text = prettyplease::unparse(&parse2(expanded.unwrap()).unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expanded").join(format!("{name}.rs"));
    if std::env::var_os("ALTHING_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == text,
        "the expansion of {name} differs from {}; look at the difference, then run with ALTHING_BLESS=1\n{text}",
        path.display()
    );
}

#[test]
fn wire_of_a_structure() {
    golden(
        "wire_structure",
        wire(quote! {
            pub struct Entry { name: Text<64>, active: bool }
        }),
    );
}

#[test]
fn wire_of_a_wrapper_is_that_of_its_content() {
    golden(
        "wire_wrapper",
        wire(quote!(
            pub struct EntryId(pub u64);
        )),
    );
}

#[test]
fn wire_of_an_enumeration() {
    golden(
        "wire_enumeration",
        wire(quote! {
            pub enum Shape { Nothing, Circle(u32), Box { width: u16, r#type: u8 } }
        }),
    );
}

#[test]
fn wire_below_the_sdk() {
    golden(
        "wire_schema_only",
        wire(quote! {
            #[althing(crate = althing_types, schema_only)]
            pub struct Entry { active: bool }
        }),
    );
}

#[test]
fn key_of_a_structure_and_an_enumeration() {
    golden(
        "key_structure",
        key(quote!(
            pub struct Place {
                zone: DomainName,
                number: u32,
            }
        )),
    );
    golden(
        "key_enumeration",
        key(quote!(
            pub enum Kind {
                A,
                B,
            }
        )),
    );
}

#[test]
fn event_with_a_topic() {
    golden(
        "event",
        event(quote! {
            /// An entry was written.
            pub struct Written {
                #[topic]
                pub organisation: OrganisationId,
                pub id: EntryId,
            }
        }),
    );
}

#[test]
fn numbered_errors() {
    golden(
        "error",
        error(quote! {
            pub enum Fail {
                /// The id is taken.
                #[code(1)]
                Exists,
                /// There is no such name.
                #[code(7)]
                NotFound(Text<63>),
            }
        }),
    );
}

#[test]
fn contract_state() {
    golden(
        "contract",
        contract(
            quote!(name = "book", state_version = 2, events(Written)),
            quote! {
                /// A book.
                pub struct Book {
                    entries: Map<EntryId, Entry>,
                    #[key(7)]
                    by_organisation: Index<OrganisationId, EntryId>,
                    title: Value<Text<64>>,
                }
            },
        ),
    );
}

#[test]
fn contract_entry_points() {
    golden(
        "api",
        api(quote! {
            impl Book {
                /// Opens the book.
                #[init]
                fn open(&mut self, title: Text<64>) { self.title.put(&title); }
                /// Writes an entry.
                #[call(role = "registry")]
                fn write(&mut self, cx: &mut Ctx, text: Text<280>) -> Result<EntryId, Fail> { Err(Fail::Empty) }
                #[view]
                fn title(&self) -> Text<64> { self.title.get().unwrap_or_default() }
                #[migrate(from = 1, field = "entries")]
                fn add_time(old: v1::Entry) -> Entry { Entry { text: old.text, time: 0 } }
                #[migrate(from = 1)]
                fn name_it(&mut self, cx: &mut Ctx) {}
                #[migrate(from = 1)]
                fn in_parts(&mut self, at: Option<EntryId>) -> Result<Option<EntryId>, Fail> { Ok(None) }
                #[invariant]
                fn has_a_title(&self) -> bool { self.title.has() }
            }
        }),
    );
}

#[test]
fn ledger_tests_stay_callable() {
    golden("ledger_test", ledger_test(quote! { fn it_counts(net: Net) { net.pass(1); } }));
}

/// The refusal's text must name what is wrong and what to write.
#[track_caller]
fn refused(expanded: Result<TokenStream>, words: &[&str]) {
    let text = match expanded {
        Ok(_) => panic!("was accepted"),
        Err(error) => error.to_string(),
    };
    for word in words {
        assert!(text.contains(word), "'{text}' does not say '{word}'");
    }
}

fn method(method: TokenStream) -> Result<TokenStream> {
    api(quote!(impl Book { #method }))
}

#[test]
fn unknown_attributes_are_refused_with_a_suggestion() {
    refused(
        method(quote!(
            #[cal]
            fn a(&mut self) {}
        )),
        &["unknown attribute `#[cal]`", "did you mean `#[call]`"],
    );
    refused(
        method(quote!(
            #[payable]
            fn a(&mut self) {}
        )),
        &["unknown attribute `#[payable]`", "call, view, init, migrate, invariant"],
    );
    refused(
        method(quote!(
            #[call(rol = "registry")]
            fn a(&mut self) {}
        )),
        &["unknown option `rol`", "did you mean `role`"],
    );
    refused(
        method(quote!(
            #[call(role = "registy")]
            fn a(&mut self) {}
        )),
        &["unknown role \"registy\"", "did you mean \"registry\""],
    );
    refused(
        method(quote!(
            #[call(role = "king")]
            fn a(&mut self) {}
        )),
        &["unknown role", "registry, registrar, isp"],
    );
    refused(
        method(quote!(
            #[view(role = "registry")]
            fn a(&self) {}
        )),
        &["`#[view]` takes no role"],
    );
    refused(
        method(quote!(
            #[cfg(feature = "x")]
            #[call]
            fn a(&mut self) {}
        )),
        &["unknown attribute `#[cfg]`"],
    );
    let state = |field: TokenStream| contract(quote!(state_version = 1), quote!(pub struct S { #field }));
    refused(
        state(quote!(#[ky(1)] a: Value<u8>)),
        &["unknown attribute `#[ky]` on a state field", "did you mean `#[key]`"],
    );
    refused(
        contract(
            quote!(state_versoin = 1),
            quote!(
                pub struct S;
            ),
        ),
        &["unknown option `state_versoin`", "`state_version`"],
    );
}

#[test]
fn methods_that_are_no_entry_points_are_refused() {
    refused(
        method(quote!(
            fn helper(&self) {}
        )),
        &["`helper` has none of #[call]", "plain `impl` block"],
    );
    refused(
        method(quote!(
            const A: u8 = 1;
        )),
        &["only entry points stand here"],
    );
    refused(
        method(quote!(
            #[call]
            #[view]
            fn a(&self) {}
        )),
        &["entered in one way", "`#[call]` already"],
    );
    refused(
        method(quote!(
            #[call]
            fn a() {}
        )),
        &["takes `&mut self`"],
    );
    refused(
        method(quote!(
            #[call]
            fn a(self) {}
        )),
        &["write `&mut self`"],
    );
    refused(
        method(quote!(
            #[view]
            fn a(&mut self) {}
        )),
        &["a view takes `&self`"],
    );
    refused(
        method(quote!(
            #[view]
            fn a(&self, cx: &mut Ctx) {}
        )),
        &["a view takes `&Ctx`"],
    );
    refused(
        method(quote!(
            #[call]
            fn a(&mut self, b: u8, cx: &mut Ctx) {}
        )),
        &["context is the first argument"],
    );
    refused(
        method(quote!(
            #[call]
            fn a(&mut self, name: &str) {}
        )),
        &["argument `name` is a reference", "owned"],
    );
    refused(
        method(quote!(
            #[call]
            fn a<T>(&mut self, b: T) {}
        )),
        &["cannot be generic"],
    );
    refused(
        method(quote!(
            #[call]
            async fn a(&mut self) {}
        )),
        &["cannot be async"],
    );
    refused(
        method(quote!(
            #[call]
            fn a(&mut self) -> Result<u8> {}
        )),
        &["write both types out"],
    );
    refused(
        method(quote!(
            #[migrate]
            fn a(old: u8) -> u8 {}
        )),
        &["#[migrate(from = 1)]"],
    );
    refused(
        method(quote!(
            #[migrate(from = 1)]
            fn a(old: u8) {}
        )),
        &["fn(old: Old) -> New"],
    );
    refused(
        api(
            quote!(impl Book { #[call] fn a(&mut self) -> Result<(), A> {} #[call] fn b(&mut self) -> Result<(), B> {} }),
        ),
        &["another error type than `A`", "one numbered error enumeration"],
    );
    refused(api(quote!(impl Book { #[init] fn a(&mut self) {} #[init] fn b(&mut self) {} })), &["one initialiser"]);
    refused(api(quote!(impl Default for Book {})), &["not on a trait's"]);
}

#[test]
fn states_that_cannot_be_kept_are_refused() {
    let state = |field: TokenStream| contract(quote!(state_version = 1), quote!(pub struct S { #field }));
    refused(
        contract(
            quote!(),
            quote!(
                pub struct S;
            ),
        ),
        &["#[contract(state_version = 1)]"],
    );
    refused(
        contract(
            quote!(state_version = 0),
            quote!(
                pub struct S;
            ),
        ),
        &["state_version must be between 1 and"],
    );
    refused(
        contract(
            quote!(state_version = 1, name = "No Spaces"),
            quote!(
                pub struct S;
            ),
        ),
        &["a-z 0-9 - _"],
    );
    refused(state(quote!(total: u64)), &["`Value<T>`, `Map<K, V>` or `Index<K, V>`"]);
    refused(state(quote!(a: Map<u8>)), &["`Map` has 2 type parameter(s)"]);
    refused(state(quote!(#[key(0)] a: Value<u8>)), &["storage key must be between 1 and 255"]);
    refused(state(quote!(#[key(2)] a: Value<u8>, b: Value<u8>)), &["storage key 2 of field `b` is taken by `a`"]);
}

#[test]
fn types_without_one_canonical_form_are_refused() {
    refused(
        wire(quote!(
            pub struct S<T>(T);
        )),
        &["cannot be derived for a generic type"],
    );
    refused(
        wire(quote!(
            pub union U {
                a: u8,
                b: u8,
            }
        )),
        &["a union has no canonical bytes"],
    );
    refused(
        wire(quote!(
            pub enum E {}
        )),
        &["1 to 256 variants"],
    );
    refused(
        wire(quote!(
            #[althing(krate = x)]
            pub struct S;
        )),
        &["`crate = path` and `schema_only`"],
    );
    refused(
        key(quote!(
            pub enum E {
                A(u8),
            }
        )),
        &["without fields only"],
    );
    refused(
        event(quote!(
            pub struct E(u8);
        )),
        &["named fields"],
    );
    refused(
        event(quote!(
            pub struct E {
                #[topic(1)]
                a: u8,
            }
        )),
        &["`#[topic]` takes no arguments"],
    );
    refused(
        error(quote!(
            pub enum E {
                A,
            }
        )),
        &["every error needs its number", "#[code(1)]"],
    );
    refused(
        error(quote!(
            pub enum E {
                #[code(0)]
                A,
            }
        )),
        &["an error number must be between 1"],
    );
    refused(
        error(quote!(
            pub enum E {
                #[code(1)]
                A,
                #[code(1)]
                B,
            }
        )),
        &["error number 1 is taken by `A`"],
    );
    refused(
        error(quote!(
            pub enum E {
                #[code(1)]
                A { x: u8 },
            }
        )),
        &["one text that says what it is about"],
    );
    refused(
        error(quote!(
            pub struct E;
        )),
        &["enumerations only"],
    );
    refused(
        ledger_test(quote!(
            fn a() {}
        )),
        &["fn name(net: Net)"],
    );
}
