//! `#[derive(Event)]`: what a contract tells the world.

use crate::attributes::{docs, options, plain, refuse_generics, structure};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, Fields, Result, spanned::Spanned};

pub(crate) fn expand(item: &DeriveInput) -> Result<TokenStream> {
    refuse_generics(item, "Event")?;
    let krate = options(&item.attrs)?.krate;
    let (name, text, about) = (&item.ident, plain(&item.ident), docs(&item.attrs));
    let Fields::Named(fields) = structure(item, "Event")? else {
        return Err(Error::new(name.span(), "an event has named fields: followers read them by name"));
    };
    let (mut schemas, mut topics, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for field in &fields.named {
        let mut topic = false;
        for attribute in field.attrs.iter().filter(|a| a.path().is_ident("topic")) {
            if attribute.meta.require_path_only().is_err() {
                return Err(Error::new(attribute.span(), "`#[topic]` takes no arguments"));
            }
            topic = true;
        }
        let (Some(ident), kind) = (&field.ident, &field.ty) else { continue };
        let field_text = plain(ident);
        schemas.push(quote! {
            (
                #krate::wire::FieldSchema { name: #field_text, kind: <#kind as #krate::wire::Wire>::SCHEMA },
                #topic,
            )
        });
        all.push(ident);
        if topic {
            topics.push(ident);
        }
    }
    let bytes = |idents: &[&syn::Ident]| match idents {
        [] => quote!(#krate::order::Buffer::new()),
        idents => quote!(#krate::wire::bytes_of(&[#(&self.#idents),*])),
    };
    let (topic, data) = (bytes(&topics), bytes(&all));
    Ok(quote! {
        #[automatically_derived]
        impl #krate::wire::Event for #name {
            const SCHEMA: &'static #krate::wire::EventSchema =
                &#krate::wire::EventSchema { name: #text, fields: &[#(#schemas),*], docs: #about };
            fn topic(&self) -> #krate::order::Buffer {
                #topic
            }
            fn data(&self) -> #krate::order::Buffer {
                #data
            }
        }
    })
}
