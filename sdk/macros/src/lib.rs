//! The attributes and derives of the contract SDK, one file each. Use them through `althing_sdk::prelude`.
//!
//! What a macro does not understand it refuses, at the place and with what to write instead; nothing is ignored.
//! Generated code calls the SDK and holds no logic of its own. `tests/expanded` shows what is generated.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking"))]

mod api;
mod attributes;
mod contract;
mod error;
mod event;
mod key;
mod ledger_test;
mod method;
mod wire;

#[cfg(test)]
mod tests;

use proc_macro::TokenStream;
use syn::{DeriveInput, ItemFn, ItemImpl, ItemStruct, parse_macro_input};

fn done(result: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    result.unwrap_or_else(|error| error.into_compile_error()).into()
}

/// Makes a structure the state of a contract: `#[contract(name = "..", state_version = 1, events(A, B))]`.
///
/// Fields are `Value<T>`, `Map<K, V>` or `Index<K, V>`. A field's storage key is its position from 1, or `#[key(n)]`.
/// Without `name`, the package's name is taken.
#[proc_macro_attribute]
pub fn contract(arguments: TokenStream, item: TokenStream) -> TokenStream {
    done(contract::expand(arguments.into(), &parse_macro_input!(item as ItemStruct)))
}

/// Makes the methods of one `impl` block the entry points of a contract.
///
/// Each method is one of `#[call]`, `#[call(role = "registry")]`, `#[view]`, `#[init]`, `#[migrate(from = 1)]`,
/// `#[migrate(from = 1, field = "entries")]` or `#[invariant]`.
///
/// Migrations of a version are made in the order in which they stand. One of single values rewrites so many at a time
/// and goes on in a further step; one of the whole state does so when it takes and gives an `Option` of a place.
/// Invariants are asked by the node after each change of the code: one that fails, or gives `false`, undoes the change.
#[proc_macro_attribute]
pub fn contract_api(arguments: TokenStream, item: TokenStream) -> TokenStream {
    done(api::expand(&arguments.into(), &parse_macro_input!(item as ItemImpl)))
}

/// Makes a function `fn name(net: Net)` a test that runs natively, and that can be run on other machines.
#[proc_macro_attribute]
pub fn ledger_test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    done(ledger_test::expand(&arguments.into(), &parse_macro_input!(item as ItemFn)))
}

/// Gives a type its canonical bytes and its constant description.
#[proc_macro_derive(Wire, attributes(althing))]
pub fn derive_wire(item: TokenStream) -> TokenStream {
    done(wire::expand(&parse_macro_input!(item as DeriveInput)))
}

/// Makes a structure or plain enumeration a storage key whose bytes sort as the values do.
#[proc_macro_derive(Key, attributes(althing))]
pub fn derive_key(item: TokenStream) -> TokenStream {
    done(key::expand(&parse_macro_input!(item as DeriveInput)))
}

/// Makes a structure an event; `#[topic]` marks the fields that followers filter by.
#[proc_macro_derive(Event, attributes(topic, althing))]
pub fn derive_event(item: TokenStream) -> TokenStream {
    done(event::expand(&parse_macro_input!(item as DeriveInput)))
}

/// Makes an enumeration the numbered errors of a contract: every variant has `#[code(n)]`.
#[proc_macro_derive(ContractError, attributes(code, althing))]
pub fn derive_contract_error(item: TokenStream) -> TokenStream {
    done(error::expand(&parse_macro_input!(item as DeriveInput)))
}
