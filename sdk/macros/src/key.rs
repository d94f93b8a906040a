//! `#[derive(Key)]`: storage keys of structures and plain enumerations.

use crate::{
    attributes::{options, refuse_generics},
    wire::members,
};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, Result};

pub(crate) fn expand(item: &DeriveInput) -> Result<TokenStream> {
    refuse_generics(item, "Key")?;
    let krate = options(&item.attrs)?.krate;
    let name = &item.ident;
    let (encode, decode) = match &item.data {
        Data::Struct(data) => {
            let members = members(&data.fields);
            if members.is_empty() {
                return Err(Error::new(name.span(), "a key without fields is no key"));
            }
            (
                quote!(#(#krate::order::Key::encode_key(&self.#members, out);)*),
                quote!(::core::option::Option::Some(Self { #(#members: #krate::order::Key::decode_key(input)?,)* })),
            )
        }
        Data::Enum(data) => {
            let mut arms = (Vec::new(), Vec::new());
            for (at, variant) in data.variants.iter().enumerate() {
                if !matches!(variant.fields, Fields::Unit) {
                    return Err(Error::new(
                        variant.ident.span(),
                        "`Key` can be derived for enumerations without fields only: use a structure for composed keys",
                    ));
                }
                let tag =
                    u8::try_from(at).map_err(|_| Error::new(variant.ident.span(), "a key has at most 256 variants"))?;
                let ident = &variant.ident;
                arms.0.push(quote!(Self::#ident => #tag));
                arms.1.push(quote!(#tag => ::core::option::Option::Some(Self::#ident)));
            }
            let (tags, values) = arms;
            (
                quote!(out.push(match self { #(#tags),* });),
                quote! {
                    match <u8 as #krate::order::Key>::decode_key(input)? {
                        #(#values,)*
                        _ => ::core::option::Option::None,
                    }
                },
            )
        }
        Data::Union(_) => return Err(Error::new(name.span(), "a union cannot be a key")),
    };
    Ok(quote! {
        #[automatically_derived]
        impl #krate::order::Key for #name {
            fn encode_key(&self, out: &mut #krate::order::Buffer) {
                #encode
            }
            fn decode_key(input: &mut &[u8]) -> ::core::option::Option<Self> {
                #decode
            }
        }
    })
}
