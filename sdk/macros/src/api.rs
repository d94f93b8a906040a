//! `#[contract_api]`: entry points, the description's section, and the typed calls of tests.

use crate::method::{Context, ENTRY_ATTRIBUTES, Kind, Method};
use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{Error, Ident, ImplItem, ItemImpl, Result, Type, spanned::Spanned};

pub(crate) fn expand(arguments: &TokenStream, item: &ItemImpl) -> Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(Error::new(
            arguments.span(),
            "`#[contract_api]` takes no arguments: they belong to `#[contract(..)]`",
        ));
    }
    if let Some((_, path, _)) = &item.trait_ {
        return Err(Error::new(path.span(), "`#[contract_api]` goes on a plain `impl` block, not on a trait's"));
    }
    if !item.generics.params.is_empty() {
        return Err(Error::new(item.generics.span(), "a contract cannot be generic"));
    }
    let name = match &*item.self_ty {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.clone()),
        _ => None,
    };
    let Some(name) = name else {
        return Err(Error::new(item.self_ty.span(), "`#[contract_api]` goes on the contract's own type"));
    };
    let mut output = item.clone();
    let mut methods = Vec::new();
    for member in &mut output.items {
        let ImplItem::Fn(function) = member else {
            return Err(Error::new(member.span(), "only entry points stand here: move this to a plain `impl` block"));
        };
        methods.push(Method::read(function)?);
        function.attrs.retain(|a| !ENTRY_ATTRIBUTES.iter().any(|name| a.path().is_ident(name)));
    }
    let parts = Parts::new(name, &methods)?;
    let (entries, contract, calls, section) = (parts.entries(), parts.contract(), parts.calls(), parts.section());
    Ok(quote! {
        #output
        const _: () = {
            #entries
            #contract
            #calls
            #section
        };
    })
}

struct Parts<'a> {
    name: Ident,
    methods: Vec<&'a Method>,
    migrations: Vec<&'a Method>,
    error: Option<Type>,
}

impl<'a> Parts<'a> {
    fn new(name: Ident, all: &'a [Method]) -> Result<Self> {
        let (migrations, methods): (Vec<_>, Vec<_>) = all.iter().partition(|m| matches!(m.kind, Kind::Migrate { .. }));
        let inits: Vec<_> = methods.iter().filter(|m| matches!(m.kind, Kind::Init)).collect();
        if let [_, second, ..] = inits.as_slice() {
            return Err(Error::new(second.ident.span(), "a contract has one initialiser"));
        }
        let mut error: Option<Type> = None;
        for found in all.iter().filter_map(|method| method.error.as_ref()) {
            match &error {
                Some(before) if before.to_token_stream().to_string() != found.to_token_stream().to_string() => {
                    return Err(Error::new(
                        found.span(),
                        format!(
                            "another error type than `{}` before: a contract has one numbered error enumeration",
                            before.to_token_stream()
                        ),
                    ));
                }
                _ => error = Some(found.clone()),
            }
        }
        Ok(Self { name, methods, migrations, error })
    }

    fn error(&self) -> TokenStream {
        self.error.as_ref().map_or_else(|| quote!(::althing_sdk::wire::Never), ToTokens::to_token_stream)
    }

    /// One plain function for each export.
    fn entries(&self) -> TokenStream {
        let one = |method: &&Method| {
            let (name, ident, export) = (&self.name, &method.ident, method.export());
            let function = format_ident!("{export}");
            let role = role(method);
            let names: Vec<_> = method.arguments.iter().map(|(name, _)| name).collect();
            let kinds: Vec<_> = method.arguments.iter().map(|(_, kind)| kind).collect();
            let result = method.output.as_ref().map_or_else(|| quote!(()), ToTokens::to_token_stream);
            let error =
                method.error.as_ref().map_or_else(|| quote!(::althing_sdk::wire::Never), ToTokens::to_token_stream);
            let (cx, passed) = context(method);
            let call = quote!(state.#ident(#passed #(#names),*));
            let body = if method.error.is_some() { call } else { quote!(::core::result::Result::Ok(#call)) };
            quote! {
                #[cfg_attr(target_arch = "wasm32", unsafe(export_name = #export))]
                extern "C-unwind" fn #function() {
                    ::althing_sdk::entry::run::<#name, (#(#kinds,)*), #result, #error>(
                        #role,
                        |state, #cx, (#(#names,)*)| #body,
                    )
                }
            }
        };
        let methods = self.methods.iter().map(one);
        let migrate = self.migrate();
        quote!(#(#methods)* #migrate)
    }

    fn versions(&self) -> Vec<u32> {
        let from = |method: &&Method| if let Kind::Migrate { from, .. } = method.kind { Some(from) } else { None };
        let mut out: Vec<u32> = self.migrations.iter().filter_map(from).collect();
        out.sort_unstable();
        out.dedup();
        out
    }

    fn migrate(&self) -> Option<TokenStream> {
        if self.migrations.is_empty() {
            return None;
        }
        let (name, error) = (&self.name, self.error());
        let arms = self.versions().into_iter().map(|version| {
            let of_version = |m: &&&Method| matches!(m.kind, Kind::Migrate { from, .. } if from == version);
            let steps = self.migrations.iter().filter(of_version);
            let steps = (0u32..).zip(steps).map(|(number, method)| self.step(number, method));
            quote!(#version => { #(#steps)* })
        });
        let checks = self.versions().into_iter().map(|version| {
            let text =
                format!("#[migrate(from = {version})]: the version is not older than the contract's state_version");
            quote!(
                const _: () = ::core::assert!(#version < <#name as ::althing_sdk::State>::STATE_VERSION, #text);
            )
        });
        Some(quote! {
            #(#checks)*
            #[cfg_attr(target_arch = "wasm32", unsafe(export_name = "migrate"))]
            extern "C-unwind" fn migrate() {
                ::althing_sdk::entry::migrate::<#name, #error>(|state, _cx, from, steps| {
                    match from {
                        #(#arms)*
                        _ => return ::core::result::Result::Ok(false),
                    }
                    ::core::result::Result::Ok(true)
                })
            }
        })
    }

    /// One step of the migration from a version: done, or left at a place from which the next run goes on.
    fn step(&self, number: u32, method: &Method) -> TokenStream {
        let (name, ident) = (&self.name, &method.ident);
        if !method.of_values {
            let passed = match method.context {
                Context::None => quote!(),
                Context::Shared | Context::Exclusive => quote!(_cx,),
            };
            let ask = method.error.is_some().then(|| quote!(?));
            return match method.arguments.first() {
                Some(_) => quote! {
                    if let ::core::option::Option::Some(at) = steps.begin(#number)
                        && steps.leave(#number, &state.#ident(#passed at) #ask)
                    {
                        return ::core::result::Result::Ok(true);
                    }
                },
                None => quote! {
                    if steps.is_due(#number) {
                        state.#ident(#passed) #ask;
                    }
                },
            };
        }
        let (Some((_, old)), Some(new)) = (method.arguments.first(), &method.output) else { return TokenStream::new() };
        let (field, check) = match &method.kind {
            Kind::Migrate { field: Some(field), .. } => {
                let member = Ident::new(&field.value(), field.span());
                (quote!(::core::option::Option::Some(#field)), Some(quote!(let _ = &state.#member;)))
            }
            _ => (quote!(::core::option::Option::None), None),
        };
        quote! {
            #check
            if steps.rewrite::<#name, #old, #new>(#number, state, #field, &#name::#ident) {
                return ::core::result::Result::Ok(true);
            }
        }
    }

    /// The implementation of `Contract`.
    fn contract(&self) -> TokenStream {
        let (name, versions) = (&self.name, self.versions());
        let errors = self
            .error
            .as_ref()
            .map_or_else(|| quote!(&[]), |error| quote!(<#error as ::althing_sdk::wire::ContractError>::ERRORS));
        let schemas = self.methods.iter().map(|method| {
            let (text, about) = (method.ident.to_string(), &method.docs);
            let kind = match method.kind {
                Kind::View => quote!(View),
                Kind::Init => quote!(Init),
                Kind::Invariant => quote!(Invariant),
                _ => quote!(Call),
            };
            let role = role(method);
            let arguments = method.arguments.iter().map(|(name, kind)| {
                let text = crate::attributes::plain(name);
                quote!(::althing_sdk::wire::FieldSchema { name: #text, kind: <#kind as ::althing_sdk::wire::Wire>::SCHEMA })
            });
            let result = method.output.as_ref().map_or_else(|| quote!(()), ToTokens::to_token_stream);
            quote! {
                ::althing_sdk::abi::constant::MethodSchema {
                    name: #text,
                    kind: ::althing_sdk::abi::schema::MethodKind::#kind,
                    role: #role,
                    arguments: &[#(#arguments),*],
                    result: <#result as ::althing_sdk::wire::Wire>::SCHEMA,
                    docs: #about,
                }
            }
        });
        let mut exports: Vec<String> = self.methods.iter().map(|method| method.export()).collect();
        if !self.migrations.is_empty() {
            exports.push("migrate".to_owned());
        }
        let functions = exports.iter().map(|export| format_ident!("{export}"));
        let calls = format_ident!("{name}Calls");
        quote! {
            #[automatically_derived]
            impl ::althing_sdk::Contract for #name {
                const METHODS: &'static [::althing_sdk::abi::constant::MethodSchema] = &[#(#schemas),*];
                const ERRORS: &'static [::althing_sdk::wire::ErrorSchema] = #errors;
                const MIGRATES_FROM: &'static [u32] = &[#(#versions),*];
                #[cfg(not(target_arch = "wasm32"))]
                fn native() -> ::althing_sdk::testing::Native {
                    static ENTRIES: &[(&str, extern "C-unwind" fn())] = &[#((#exports, #functions)),*];
                    ::althing_sdk::testing::Native {
                        name: <#name as ::althing_sdk::State>::NAME,
                        abi: &ABI,
                        entries: ENTRIES,
                    }
                }
                #[cfg(not(target_arch = "wasm32"))]
                type By = #calls;
            }
        }
    }

    /// The methods as a test calls them.
    fn calls(&self) -> TokenStream {
        let calls = format_ident!("{}Calls", self.name);
        let one = |method: &&&Method| {
            let (ident, text) = (&method.ident, method.ident.to_string());
            let names: Vec<_> = method.arguments.iter().map(|(name, _)| name).collect();
            let kinds: Vec<_> = method.arguments.iter().map(|(_, kind)| kind).collect();
            let result = method.output.as_ref().map_or_else(|| quote!(()), ToTokens::to_token_stream);
            let error = self.error();
            let enter = if matches!(method.kind, Kind::View | Kind::Invariant) { quote!(view) } else { quote!(call) };
            quote! {
                pub fn #ident(&self, #(#names: #kinds),*) -> ::althing_sdk::testing::Answer<#result, #error> {
                    self.0.#enter(#text, &(#(#names,)*))
                }
            }
        };
        let methods: Vec<_> = self.methods.iter().filter(|m| !matches!(m.kind, Kind::Init)).collect();
        let methods = methods.iter().map(one);
        quote! {
            #[cfg(not(target_arch = "wasm32"))]
            #[doc(hidden)]
            pub struct #calls(::althing_sdk::testing::By);
            #[cfg(not(target_arch = "wasm32"))]
            #[automatically_derived]
            impl ::core::convert::From<::althing_sdk::testing::By> for #calls {
                fn from(by: ::althing_sdk::testing::By) -> Self {
                    Self(by)
                }
            }
            #[cfg(not(target_arch = "wasm32"))]
            #[automatically_derived]
            impl #calls {
                #(#methods)*
                pub fn raw(
                    &self,
                    entry: ::althing_sdk::testing::Entry<'_>,
                    input: &[u8],
                ) -> ::althing_sdk::testing::Outcome {
                    self.0.raw(entry, input)
                }
            }
        }
    }

    /// The description as the module's custom section, and the marker of the host interface.
    fn section(&self) -> TokenStream {
        let name = &self.name;
        quote! {
            #[cfg_attr(target_arch = "wasm32", used, unsafe(link_section = "althing.abi"))]
            static ABI: [u8; ::althing_sdk::abi::constant::measure(&<#name as ::althing_sdk::Contract>::SCHEMA)] =
                ::althing_sdk::abi::constant::write(&<#name as ::althing_sdk::Contract>::SCHEMA);
            #[cfg(target_arch = "wasm32")]
            #[unsafe(export_name = "althing_abi_1")]
            extern "C-unwind" fn marker() {}
        }
    }
}

fn role(method: &Method) -> TokenStream {
    match &method.role {
        Some(role) => quote!(::core::option::Option::Some(::althing_sdk::types::organisation::Role::#role)),
        None => quote!(::core::option::Option::None),
    }
}

/// The closure's parameter for the context, and what is passed on.
fn context(method: &Method) -> (TokenStream, TokenStream) {
    match method.context {
        Context::None => (quote!(_), quote!()),
        Context::Shared | Context::Exclusive => (quote!(cx), quote!(cx,)),
    }
}
