//! One method of a contract: what its attribute and its signature say, checked.

use crate::attributes::{docs, nearest, number, path_text, refuse_unknown};
use syn::{
    Attribute, Error, FnArg, GenericArgument, Ident, ImplItemFn, LitInt, LitStr, Meta, Pat, PathArguments, Result,
    ReturnType, Type, spanned::Spanned,
};

/// Attributes that make a method an entry point.
pub(crate) const ENTRY_ATTRIBUTES: [&str; 5] = ["call", "view", "init", "migrate", "invariant"];
/// Roles by their text, with the name of the variant. A test of the SDK compares them with `Role`.
pub(crate) const ROLES: [(&str, &str); 12] = [
    ("registry", "Registry"),
    ("registrar", "Registrar"),
    ("isp", "Isp"),
    ("recursive_operator", "RecursiveOperator"),
    ("coordinator", "Coordinator"),
    ("regulator", "Regulator"),
    ("observer", "Observer"),
    ("governance", "Governance"),
    ("operator", "Operator"),
    ("voter", "Voter"),
    ("deployer", "Deployer"),
    ("node", "Node"),
];
/// Most arguments of a method.
const MAX_ARGUMENTS: usize = 16;

/// How a method is entered.
#[derive(Clone)]
pub(crate) enum Kind {
    Call,
    View,
    Init,
    Invariant,
    Migrate { from: u32, field: Option<LitStr> },
}

/// Whether a method takes the context, and how.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    None,
    Shared,
    Exclusive,
}

/// A checked method.
pub(crate) struct Method {
    pub(crate) ident: Ident,
    pub(crate) kind: Kind,
    /// Name of the variant of `Role`.
    pub(crate) role: Option<Ident>,
    pub(crate) docs: String,
    pub(crate) context: Context,
    pub(crate) arguments: Vec<(Ident, Type)>,
    /// The result without its `Result`.
    pub(crate) output: Option<Type>,
    pub(crate) error: Option<Type>,
    /// Takes no `self`: a migration of single values.
    pub(crate) of_values: bool,
}

fn entry_attribute(function: &ImplItemFn) -> Result<&Attribute> {
    refuse_unknown(&function.attrs, &ENTRY_ATTRIBUTES, "a contract's method")?;
    let mut found = function.attrs.iter().filter(|a| ENTRY_ATTRIBUTES.iter().any(|name| a.path().is_ident(name)));
    let Some(first) = found.next() else {
        return Err(Error::new(
            function.sig.ident.span(),
            format!(
                "method `{}` has none of #[call], #[view], #[init], #[migrate], #[invariant]: move helpers to a plain `impl` block",
                function.sig.ident
            ),
        ));
    };
    match found.next() {
        Some(second) => Err(Error::new(
            second.span(),
            format!("a method is entered in one way: it is `#[{}]` already", path_text(first.path())),
        )),
        None => Ok(first),
    }
}

fn kind(attribute: &Attribute) -> Result<(Kind, Option<Ident>)> {
    let name = path_text(attribute.path());
    let known: &[&str] = match name.as_str() {
        "call" | "init" => &["role"],
        "migrate" => &["from", "field"],
        _ => &[],
    };
    let (mut role, mut from, mut field) = (None, None, None);
    if !matches!(attribute.meta, Meta::Path(_)) {
        attribute.parse_nested_meta(|meta| {
            let option = path_text(&meta.path);
            match option.as_str() {
                "role" if name == "call" => role = Some(role_of(&meta.value()?.parse()?)?),
                "role" if name == "init" => {
                    return Err(meta.error("`#[init]` takes no role: who may deploy is the chain's rule"));
                }
                "role" if name == "view" => {
                    return Err(meta.error("`#[view]` takes no role: state is readable by everyone, with a proof"));
                }
                "from" if name == "migrate" => {
                    from = Some(number(&meta.value()?.parse::<LitInt>()?, 0, u32::MAX, "a state version")?);
                }
                "field" if name == "migrate" => field = Some(meta.value()?.parse::<LitStr>()?),
                _ => {
                    let hint = nearest(&option, known).map_or_else(
                        || {
                            if known.is_empty() {
                                "it takes none".to_owned()
                            } else {
                                format!("known: {}", known.join(", "))
                            }
                        },
                        |near| format!("did you mean `{near}`?"),
                    );
                    return Err(meta.error(format!("unknown option `{option}` of `#[{name}]`: {hint}")));
                }
            }
            Ok(())
        })?;
    }
    Ok(match name.as_str() {
        "call" => (Kind::Call, role),
        "view" => (Kind::View, None),
        "init" => (Kind::Init, None),
        "invariant" => (Kind::Invariant, None),
        _ => {
            let from = from.ok_or_else(|| {
                Error::new(attribute.span(), "write the state version that this starts from: `#[migrate(from = 1)]`")
            })?;
            (Kind::Migrate { from, field }, None)
        }
    })
}

fn role_of(text: &LitStr) -> Result<Ident> {
    let value = text.value();
    if let Some((_, variant)) = ROLES.iter().find(|(name, _)| *name == value) {
        return Ok(Ident::new(variant, text.span()));
    }
    let names: Vec<&str> = ROLES.iter().map(|(name, _)| *name).collect();
    let hint = nearest(&value, &names)
        .map_or_else(|| format!("roles are {}", names.join(", ")), |near| format!("did you mean \"{near}\"?"));
    Err(Error::new(text.span(), format!("unknown role \"{value}\": {hint}")))
}

fn context_of(kind: &Type) -> Option<Context> {
    let Type::Reference(reference) = kind else { return None };
    let Type::Path(path) = &*reference.elem else { return None };
    let is_context = path.path.segments.last().is_some_and(|segment| segment.ident == "Ctx");
    is_context.then_some(if reference.mutability.is_some() { Context::Exclusive } else { Context::Shared })
}

/// Whether a type is written as an `Option`.
fn is_option(kind: &Type) -> bool {
    matches!(kind, Type::Path(path) if path.path.segments.last().is_some_and(|segment| segment.ident == "Option"))
}

/// Splits `Result<T, E>`.
fn split_result(output: &ReturnType) -> Result<(Option<Type>, Option<Type>)> {
    let ReturnType::Type(_, kind) = output else { return Ok((None, None)) };
    if let Type::Path(path) = &**kind
        && let Some(last) = path.path.segments.last()
        && last.ident == "Result"
    {
        let types: Vec<&Type> = match &last.arguments {
            PathArguments::AngleBracketed(list) => {
                let types =
                    list.args.iter().filter_map(|a| if let GenericArgument::Type(t) = a { Some(t) } else { None });
                types.collect()
            }
            _ => Vec::new(),
        };
        return match types.as_slice() {
            [value, error] => Ok((Some((*value).clone()), Some((*error).clone()))),
            _ => Err(Error::new(
                kind.span(),
                "write both types out: `Result<T, Fail>`, with `Fail` the contract's errors",
            )),
        };
    }
    Ok((Some((**kind).clone()), None))
}

impl Method {
    /// Reads a method.
    pub(crate) fn read(function: &ImplItemFn) -> Result<Self> {
        let signature = &function.sig;
        let ident = signature.ident.clone();
        let (kind, role) = kind(entry_attribute(function)?)?;
        let refuse = |span: proc_macro2::Span, text: &str| Err(Error::new(span, text));
        if !signature.generics.params.is_empty() {
            return refuse(
                signature.generics.span(),
                "an entry point cannot be generic: its types are part of the ABI",
            );
        }
        if let Some(keyword) = &signature.asyncness {
            return refuse(keyword.span(), "an entry point cannot be async: a call runs to its end");
        }
        if let Some(keyword) = &signature.unsafety {
            return refuse(keyword.span(), "an entry point cannot be unsafe");
        }
        if ident.to_string().len() > 64 || ident.to_string().starts_with("r#") {
            return refuse(ident.span(), "an entry point's name has at most 64 bytes and is no keyword");
        }
        let mut inputs = signature.inputs.iter();
        let mut first = inputs.next();
        let receiver = match first {
            Some(FnArg::Receiver(receiver)) => {
                first = inputs.next();
                Some(receiver)
            }
            _ => None,
        };
        let of_values = receiver.is_none();
        match (&kind, receiver) {
            (Kind::Migrate { .. }, None) => {}
            (_, None) => {
                return refuse(ident.span(), "an entry point takes `&mut self` (a view `&self`): the contract's state");
            }
            (_, Some(receiver)) if receiver.reference.is_none() || receiver.colon_token.is_some() => {
                return refuse(receiver.span(), "write `&mut self` (in a view `&self`)");
            }
            (Kind::View | Kind::Invariant, Some(receiver)) if receiver.mutability.is_some() => {
                return refuse(receiver.span(), "a view takes `&self`: it cannot change state");
            }
            (Kind::Migrate { field: Some(field), .. }, Some(_)) => {
                return refuse(field.span(), "`field` belongs to migrations of single values, `fn(old: Old) -> New`");
            }
            _ => {}
        }
        let (mut context, mut arguments) = (Context::None, Vec::new());
        for (at, input) in first.into_iter().chain(inputs).enumerate() {
            let FnArg::Typed(input) = input else { continue };
            if let Some(found) = context_of(&input.ty) {
                if at != 0 || of_values {
                    return refuse(input.span(), "the context is the first argument after `self`");
                }
                if found == Context::Exclusive && matches!(kind, Kind::View | Kind::Invariant) {
                    return refuse(input.ty.span(), "a view takes `&Ctx`: it emits nothing and calls nobody");
                }
                context = found;
                continue;
            }
            let Pat::Ident(name) = &*input.pat else {
                return refuse(input.pat.span(), "an argument is a plain name: it is part of the ABI");
            };
            if let Type::Reference(reference) = &*input.ty {
                return refuse(
                    reference.span(),
                    &format!(
                        "argument `{}` is a reference: arguments come from outside and are owned values",
                        name.ident
                    ),
                );
            }
            if let Some(attribute) = input.attrs.first() {
                return refuse(attribute.span(), "attributes on arguments mean nothing here");
            }
            arguments.push((name.ident.clone(), (*input.ty).clone()));
        }
        if arguments.len() > MAX_ARGUMENTS {
            return refuse(
                signature.inputs.span(),
                "an entry point has at most 16 arguments: put them into a structure",
            );
        }
        let (output, error) = split_result(&signature.output)?;
        if let Kind::Migrate { .. } = kind {
            let good = match arguments.as_slice() {
                [_] if of_values => output.is_some() && error.is_none(),
                [(_, cursor)] => output.as_ref() == Some(cursor) && is_option(cursor),
                [] if !of_values => matches!(&output, None | Some(Type::Tuple(_))),
                _ => false,
            };
            if !good {
                return refuse(
                    signature.span(),
                    "a migration is `fn(&mut self, cx: &mut Ctx)` for the whole state, with `at: Option<Place>` and the \
                     result `Option<Place>` when it goes on in a further step, or `fn(old: Old) -> New` for the values \
                     of one type",
                );
            }
        }
        if matches!(kind, Kind::Invariant) {
            let good = match &output {
                Some(Type::Tuple(unit)) => unit.elems.is_empty() && error.is_some(),
                Some(Type::Path(path)) => path.path.is_ident("bool") && error.is_none(),
                _ => false,
            };
            if !(good && arguments.is_empty()) {
                return refuse(
                    signature.span(),
                    "an invariant is `fn(&self) -> bool` or `fn(&self) -> Result<(), Fail>`, without arguments",
                );
            }
        }
        Ok(Self { ident, kind, role, docs: docs(&function.attrs), context, arguments, output, error, of_values })
    }

    /// The name of the export.
    pub(crate) fn export(&self) -> String {
        match self.kind {
            Kind::Call => format!("c_{}", self.ident),
            Kind::View | Kind::Invariant => format!("v_{}", self.ident),
            Kind::Init => "init".to_owned(),
            Kind::Migrate { .. } => "migrate".to_owned(),
        }
    }
}
