//! `#[ledger_test]`: a scenario on a chain. The function stays callable with any chain; a test runs it natively.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, FnArg, ItemFn, Result, ReturnType, spanned::Spanned};

pub(crate) fn expand(arguments: &TokenStream, item: &ItemFn) -> Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(Error::new(arguments.span(), "`#[ledger_test]` takes no arguments"));
    }
    let signature = &item.sig;
    let inputs: Vec<_> = signature.inputs.iter().collect();
    let [FnArg::Typed(_)] = inputs.as_slice() else {
        return Err(Error::new(signature.span(), "a ledger test is `fn name(net: Net)`"));
    };
    if !matches!(signature.output, ReturnType::Default) || signature.asyncness.is_some() {
        return Err(Error::new(
            signature.output.span(),
            "a ledger test returns nothing: it claims with `ok()`, `fails_with(..)`",
        ));
    }
    let (ident, attributes, block, inputs) = (&signature.ident, &item.attrs, &item.block, &signature.inputs);
    Ok(quote! {
        #(#attributes)*
        pub fn #ident(#inputs) #block
        #[cfg(test)]
        mod #ident {
            #[test]
            fn natively() {
                super::#ident(::althing_sdk::testing::Net::native());
            }
        }
    })
}
