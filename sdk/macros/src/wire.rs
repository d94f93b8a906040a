//! `#[derive(Wire)]`: canonical bytes and the constant description of a structure or enumeration.

use crate::attributes::{Options, options, plain, refuse_generics};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Error, Fields, Ident, Index, Member, Result, Type};

/// Most variants: the variant is one byte.
const MAX_VARIANTS: usize = 256;

pub(crate) fn expand(item: &DeriveInput) -> Result<TokenStream> {
    refuse_generics(item, "Wire")?;
    let options = options(&item.attrs)?;
    let krate = &options.krate;
    let (name, text) = (&item.ident, plain(&item.ident));
    let (schema, codec) = match &item.data {
        Data::Struct(data) => {
            let schema = match transparent(&data.fields) {
                Some(inner) => quote!(<#inner as #krate::wire::Wire>::SCHEMA),
                None => {
                    let fields = field_schemas(&options, &data.fields);
                    quote!(&#krate::wire::Schema::Struct { name: #text, fields: &[#(#fields),*] })
                }
            };
            (schema, structure_codec(&options, name, &data.fields))
        }
        Data::Enum(data) => {
            if data.variants.is_empty() || data.variants.len() > MAX_VARIANTS {
                return Err(Error::new(name.span(), format!("a wire enumeration has 1 to {MAX_VARIANTS} variants")));
            }
            let variants = data.variants.iter().map(|variant| {
                let (text, fields) = (plain(&variant.ident), field_schemas(&options, &variant.fields));
                quote!(#krate::wire::VariantSchema { name: #text, fields: &[#(#fields),*] })
            });
            let schema = quote!(&#krate::wire::Schema::Enum { name: #text, variants: &[#(#variants),*] });
            (schema, enumeration_codec(&options, name, data)?)
        }
        Data::Union(_) => return Err(Error::new(name.span(), "a union has no canonical bytes: use an enumeration")),
    };
    let codec = if options.schema_only { TokenStream::new() } else { codec };
    Ok(quote! {
        #codec
        #[automatically_derived]
        impl #krate::wire::Wire for #name {
            const SCHEMA: &'static #krate::wire::Schema = #schema;
        }
    })
}

/// The one field of a tuple structure: such a type looks on the wire and in JSON as its content does.
fn transparent(fields: &Fields) -> Option<&Type> {
    match fields {
        Fields::Unnamed(list) if list.unnamed.len() == 1 => list.unnamed.first().map(|field| &field.ty),
        _ => None,
    }
}

fn field_schemas(options: &Options, fields: &Fields) -> Vec<TokenStream> {
    let krate = &options.krate;
    let one = |(at, field): (usize, &syn::Field)| {
        let (name, kind) = (field.ident.as_ref().map_or_else(|| at.to_string(), plain), &field.ty);
        quote!(#krate::wire::FieldSchema { name: #name, kind: <#kind as #krate::wire::Wire>::SCHEMA })
    };
    fields.iter().enumerate().map(one).collect()
}

/// Names of the fields: identifiers or positions.
pub(crate) fn members(fields: &Fields) -> Vec<Member> {
    let one = |(at, field): (usize, &syn::Field)| {
        field.ident.clone().map_or_else(|| Member::Unnamed(Index::from(at)), Member::Named)
    };
    fields.iter().enumerate().map(one).collect()
}

fn structure_codec(options: &Options, name: &Ident, fields: &Fields) -> TokenStream {
    let borsh = borsh(options);
    let members = members(fields);
    let (writer, reader) =
        if members.is_empty() { (quote!(_writer), quote!(_reader)) } else { (quote!(writer), quote!(reader)) };
    codec(
        &borsh,
        name,
        (&writer, &reader),
        &quote! {
            #(#borsh::BorshSerialize::serialize(&self.#members, writer)?;)*
            ::core::result::Result::Ok(())
        },
        &quote! {
            ::core::result::Result::Ok(Self {
                #(#members: #borsh::BorshDeserialize::deserialize_reader(reader)?,)*
            })
        },
    )
}

fn enumeration_codec(options: &Options, name: &Ident, data: &syn::DataEnum) -> Result<TokenStream> {
    let borsh = borsh(options);
    let (mut writes, mut reads) = (Vec::new(), Vec::new());
    for (at, variant) in data.variants.iter().enumerate() {
        let tag = u8::try_from(at).map_err(|_| Error::new(variant.ident.span(), "too many variants"))?;
        let (ident, members) = (&variant.ident, members(&variant.fields));
        let names: Vec<Ident> = (0..members.len()).map(|at| format_ident!("field_{at}")).collect();
        writes.push(quote! {
            Self::#ident { #(#members: #names),* } => {
                #borsh::BorshSerialize::serialize(&#tag, writer)?;
                #(#borsh::BorshSerialize::serialize(#names, writer)?;)*
            }
        });
        reads.push(quote! {
            #tag => Self::#ident { #(#members: #borsh::BorshDeserialize::deserialize_reader(reader)?,)* }
        });
    }
    Ok(codec(
        &borsh,
        name,
        (&quote!(writer), &quote!(reader)),
        &quote! {
            match self { #(#writes)* }
            ::core::result::Result::Ok(())
        },
        &quote! {
            ::core::result::Result::Ok(match <u8 as #borsh::BorshDeserialize>::deserialize_reader(reader)? {
                #(#reads,)*
                _ => return ::core::result::Result::Err(#borsh::io::Error::new(
                    #borsh::io::ErrorKind::InvalidData,
                    "unknown variant",
                )),
            })
        },
    ))
}

fn borsh(options: &Options) -> TokenStream {
    let krate = &options.krate;
    quote!(#krate::wire::borsh)
}

fn codec(
    borsh: &TokenStream,
    name: &Ident,
    (writer, reader): (&TokenStream, &TokenStream),
    write: &TokenStream,
    read: &TokenStream,
) -> TokenStream {
    quote! {
        #[automatically_derived]
        impl #borsh::BorshSerialize for #name {
            fn serialize<W: #borsh::io::Write>(&self, #writer: &mut W) -> #borsh::io::Result<()> {
                #write
            }
        }
        #[automatically_derived]
        impl #borsh::BorshDeserialize for #name {
            fn deserialize_reader<R: #borsh::io::Read>(#reader: &mut R) -> #borsh::io::Result<Self> {
                #read
            }
        }
    }
}
