//! `#[derive(ContractError)]`: numbered errors. Numbers are part of receipts and never change their meaning.

use crate::attributes::{docs, number, options, plain, refuse_generics};
use proc_macro2::TokenStream;
use quote::quote;
use std::collections::BTreeMap;
use syn::{Data, DeriveInput, Error, Fields, LitInt, Result, Variant};

/// Largest number: it crosses the host interface as a positive i32.
const MAX_NUMBER: u32 = 0x7fff_ffff;

pub(crate) fn expand(item: &DeriveInput) -> Result<TokenStream> {
    refuse_generics(item, "ContractError")?;
    let krate = options(&item.attrs)?.krate;
    let name = &item.ident;
    let Data::Enum(data) = &item.data else {
        return Err(Error::new(name.span(), "`ContractError` can be derived for enumerations only"));
    };
    if data.variants.is_empty() {
        return Err(Error::new(name.span(), "an error enumeration without variants: leave out the `Result` instead"));
    }
    let mut seen: BTreeMap<u32, String> = BTreeMap::new();
    let (mut schemas, mut numbers, mut names, mut details) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for variant in &data.variants {
        let (ident, text, about) = (&variant.ident, plain(&variant.ident), docs(&variant.attrs));
        let number = code(variant)?;
        if let Some(other) = seen.insert(number, text.clone()) {
            return Err(Error::new(ident.span(), format!("error number {number} is taken by `{other}`")));
        }
        let (any, bound) = match &variant.fields {
            Fields::Unit => (quote!(Self::#ident), None),
            Fields::Unnamed(list) if list.unnamed.len() == 1 => {
                (quote!(Self::#ident(..)), Some(quote!(Self::#ident(detail))))
            }
            _ => {
                return Err(Error::new(
                    ident.span(),
                    "an error variant has no field, or one text that says what it is about: `NotFound(Text<63>)`",
                ));
            }
        };
        schemas.push(quote!(#krate::wire::ErrorSchema { number: #number, name: #text, docs: #about }));
        numbers.push(quote!(#any => #number));
        names.push(quote!(#any => #text));
        if let Some(pattern) = bound {
            details.push(quote!(#pattern => detail));
        }
    }
    let detail = if details.is_empty() {
        TokenStream::new()
    } else {
        let rest = (details.len() < data.variants.len()).then(|| quote!(_ => ""));
        quote! {
            fn detail(&self) -> &str {
                match self { #(#details,)* #rest }
            }
        }
    };
    Ok(quote! {
        #[automatically_derived]
        impl #krate::wire::ContractError for #name {
            const ERRORS: &'static [#krate::wire::ErrorSchema] = &[#(#schemas),*];
            fn number(&self) -> u32 {
                match self { #(#numbers),* }
            }
            fn name(&self) -> &'static str {
                match self { #(#names),* }
            }
            #detail
        }
    })
}

fn code(variant: &Variant) -> Result<u32> {
    let mut found = None;
    for attribute in variant.attrs.iter().filter(|a| a.path().is_ident("code")) {
        if found.is_some() {
            return Err(Error::new_spanned(attribute, "more than one `#[code(n)]`"));
        }
        let literal: LitInt = attribute
            .parse_args()
            .map_err(|error| Error::new(error.span(), "write the error's number: `#[code(1)]`"))?;
        found = Some(number(&literal, 1, MAX_NUMBER, "an error number")?);
    }
    found.ok_or_else(|| {
        Error::new(
            variant.ident.span(),
            "every error needs its number, `#[code(1)]`: positions change, numbers must not",
        )
    })
}
