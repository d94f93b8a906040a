//! `#[contract(..)]`: the state of a contract.

use crate::attributes::{docs, nearest, number, plain, refuse_unknown};
use proc_macro2::TokenStream;
use quote::quote;
use std::collections::BTreeMap;
use syn::{
    Error, Field, Fields, GenericArgument, Ident, ItemStruct, LitInt, LitStr, Path, PathArguments, Result, Token, Type,
    parse::Parser, punctuated::Punctuated, spanned::Spanned,
};

#[derive(Default)]
struct Arguments {
    name: Option<LitStr>,
    state_version: Option<u32>,
    events: Vec<Path>,
}

fn arguments(tokens: TokenStream) -> Result<Arguments> {
    let mut out = Arguments::default();
    let known = ["name", "state_version", "events"];
    let parser = syn::meta::parser(|meta| {
        if meta.path.is_ident("name") {
            let name: LitStr = meta.value()?.parse()?;
            let value = name.value();
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
            let good = value.len() <= 48
                && value.bytes().next().is_some_and(plain)
                && value.bytes().all(|b| plain(b) || matches!(b, b'-' | b'_'));
            if !good {
                return Err(Error::new(
                    name.span(),
                    "a contract's name is 1 to 48 of a-z 0-9 - _, first a letter or digit",
                ));
            }
            out.name = Some(name);
        } else if meta.path.is_ident("state_version") {
            out.state_version = Some(number(&meta.value()?.parse::<LitInt>()?, 1, u32::MAX, "state_version")?);
        } else if meta.path.is_ident("events") {
            let content;
            syn::parenthesized!(content in meta.input);
            out.events = Punctuated::<Path, Token![,]>::parse_terminated(&content)?.into_iter().collect();
        } else {
            let name = crate::attributes::path_text(&meta.path);
            let hint = nearest(&name, &known)
                .map_or_else(|| format!("known are {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
            return Err(meta.error(format!("unknown option `{name}` of `#[contract]`: {hint}")));
        }
        Ok(())
    });
    parser.parse2(tokens)?;
    Ok(out)
}

struct StateField<'a> {
    ident: &'a Ident,
    kind: &'static str,
    types: Vec<&'a Type>,
    key: u8,
}

pub(crate) fn expand(tokens: TokenStream, item: &ItemStruct) -> Result<TokenStream> {
    let arguments = arguments(tokens)?;
    let Some(state_version) = arguments.state_version else {
        return Err(Error::new(
            item.ident.span(),
            "`#[contract]` needs the version of the state's layout: `#[contract(state_version = 1)]`",
        ));
    };
    if !item.generics.params.is_empty() {
        return Err(Error::new(item.generics.span(), "a contract cannot be generic"));
    }
    refuse_unknown(&item.attrs, &[], "a contract")?;
    let fields = state_fields(item)?;

    let mut output = item.clone();
    for field in &mut output.fields {
        field.attrs.retain(|attribute| !attribute.path().is_ident("key"));
    }
    let (ident, about, events) = (&item.ident, docs(&item.attrs), &arguments.events);
    let name = arguments.name.map_or_else(|| quote!(::core::env!("CARGO_PKG_NAME")), |name| quote!(#name));

    let mut sorted: Vec<&StateField<'_>> = fields.iter().collect();
    sorted.sort_by_key(|field| field.key);
    let schemas = sorted.iter().map(|field| {
        let (key, text, kind, types) =
            (field.key, plain(field.ident), Ident::new(field.kind, ident.span()), &field.types);
        let types = types.iter().map(|kind| quote!(<#kind as ::althing_sdk::wire::Wire>::SCHEMA));
        quote! {
            ::althing_sdk::abi::constant::StateFieldSchema {
                key: #key,
                name: #text,
                kind: ::althing_sdk::abi::schema::StateKind::#kind,
                types: &[#(#types),*],
            }
        }
    });
    let opened = fields.iter().map(|field| {
        let (ident, kind, key) = (field.ident, Ident::new(field.kind, field.ident.span()), field.key);
        quote!(#ident: ::althing_sdk::#kind::at(#key))
    });
    // In the order of storage keys: where a migration was left, by the first byte of a key, says which fields are done.
    let rewrites = sorted.iter().filter(|field| field.kind != "Index").map(|field| {
        let (ident, text, value, key) = (field.ident, plain(field.ident), field.types.last(), field.key);
        quote! {
            if only.is_none_or(|name| name == #text)
                && ::core::any::TypeId::of::<#value>() == ::core::any::TypeId::of::<New>()
            {
                count = count.saturating_add(1);
                if left.is_none() && after.first().is_none_or(|field| *field <= #key) {
                    left = self.#ident.rewrite(change, if after.first() == Some(&#key) { after } else { &[] });
                }
            }
        }
    });
    let (rewrites, opened) = (rewrites.collect::<Vec<_>>(), opened.collect::<Vec<_>>());
    let rewrite = if rewrites.is_empty() {
        quote! {
            let _ = (only, change, after);
            (0, ::core::option::Option::None)
        }
    } else {
        quote! {
            let (mut count, mut left) = (0usize, ::core::option::Option::None);
            #(#rewrites)*
            (count, left)
        }
    };
    Ok(quote! {
        #output
        #[automatically_derived]
        impl ::althing_sdk::State for #ident {
            const NAME: &'static str = #name;
            const VERSION: &'static str = ::core::env!("CARGO_PKG_VERSION");
            const DOCS: &'static str = #about;
            const STATE_VERSION: u32 = #state_version;
            const FIELDS: &'static [::althing_sdk::abi::constant::StateFieldSchema] = &[#(#schemas),*];
            const EVENTS: &'static [&'static ::althing_sdk::wire::EventSchema] =
                &[#(<#events as ::althing_sdk::wire::Event>::SCHEMA),*];
            const BUILD: &'static [(&'static str, &'static str)] = &[
                ("sdk", ::althing_sdk::VERSION),
                ("rustc", match ::core::option_env!("ALTHING_BUILD_RUSTC") {
                    ::core::option::Option::Some(version) => version,
                    ::core::option::Option::None => "unknown",
                }),
            ];
            fn open() -> Self {
                Self { #(#opened),* }
            }
            fn rewrite<Old: ::althing_sdk::wire::Wire, New: ::althing_sdk::wire::Wire + 'static>(
                &mut self,
                only: ::core::option::Option<&str>,
                change: &dyn ::core::ops::Fn(Old) -> New,
                after: &[u8],
            ) -> (usize, ::core::option::Option<::althing_sdk::alloc::vec::Vec<u8>>) {
                #rewrite
            }
        }
    })
}

fn state_fields(item: &ItemStruct) -> Result<Vec<StateField<'_>>> {
    let named = match &item.fields {
        Fields::Named(named) => &named.named,
        Fields::Unit => return Ok(Vec::new()),
        Fields::Unnamed(_) => {
            return Err(Error::new(
                item.ident.span(),
                "a contract's state has named fields: names are part of its description",
            ));
        }
    };
    let mut keys: BTreeMap<u8, &Ident> = BTreeMap::new();
    let mut out = Vec::new();
    for (at, field) in named.iter().enumerate() {
        let Some(ident) = &field.ident else { continue };
        refuse_unknown(&field.attrs, &["key"], "a state field")?;
        let position = at.saturating_add(1);
        let key = match pinned(field)? {
            Some(key) => key,
            None => u8::try_from(position)
                .map_err(|_| Error::new(ident.span(), "a contract has at most 255 state fields"))?,
        };
        if let Some(other) = keys.insert(key, ident) {
            return Err(Error::new(
                ident.span(),
                format!("storage key {key} of field `{ident}` is taken by `{other}`: pin one of them with `#[key(n)]`"),
            ));
        }
        let (kind, types) = kind(field)?;
        out.push(StateField { ident, kind, types, key });
    }
    Ok(out)
}

fn pinned(field: &Field) -> Result<Option<u8>> {
    let mut found = None;
    for attribute in field.attrs.iter().filter(|a| a.path().is_ident("key")) {
        let literal: LitInt =
            attribute.parse_args().map_err(|error| Error::new(error.span(), "write the storage key: `#[key(1)]`"))?;
        let value = number(&literal, 1, 255, "a storage key")?;
        if found.is_some() {
            return Err(Error::new(attribute.span(), "more than one `#[key(n)]`"));
        }
        found = u8::try_from(value).ok();
    }
    Ok(found)
}

fn kind(field: &Field) -> Result<(&'static str, Vec<&Type>)> {
    let refusal = || {
        Error::new(
            field.ty.span(),
            "a state field is `Value<T>`, `Map<K, V>` or `Index<K, V>`: plain values would have to be written back \
             behind your back",
        )
    };
    let Type::Path(path) = &field.ty else { return Err(refusal()) };
    let Some(last) = path.path.segments.last() else { return Err(refusal()) };
    let (kind, wanted) = match last.ident.to_string().as_str() {
        "Value" => ("Value", 1),
        "Map" => ("Map", 2),
        "Index" => ("Index", 2),
        _ => return Err(refusal()),
    };
    let PathArguments::AngleBracketed(list) = &last.arguments else { return Err(refusal()) };
    let types: Vec<&Type> = list
        .args
        .iter()
        .filter_map(|argument| if let GenericArgument::Type(kind) = argument { Some(kind) } else { None })
        .collect();
    if types.len() != wanted {
        return Err(Error::new(field.ty.span(), format!("`{kind}` has {wanted} type parameter(s)")));
    }
    Ok((kind, types))
}
