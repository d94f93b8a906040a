//! What the macros have in common: documentation texts, options, and pointed refusals.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{
    Attribute, Data, DeriveInput, Error, Expr, ExprLit, Fields, Lit, LitInt, Meta, Path, Result, spanned::Spanned,
};

/// The documentation text of an item, its lines joined.
pub(crate) fn docs(attributes: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes.iter().filter(|a| a.path().is_ident("doc")) {
        if let Meta::NameValue(pair) = &attribute.meta
            && let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &pair.value
        {
            lines.push(text.value().trim().to_owned());
        }
    }
    let mut text = lines.join("\n").trim().to_owned();
    // The description allows 2048 bytes.
    if text.len() > 2_000 {
        let cut = (0..=2_000).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(cut);
    }
    text
}

/// Attributes of the language itself that may stand anywhere.
fn is_plain(attribute: &Attribute) -> bool {
    ["doc", "allow", "expect", "warn", "deny", "must_use", "inline", "derive", "deprecated", "track_caller"]
        .iter()
        .any(|name| attribute.path().is_ident(name))
        || attribute.path().segments.first().is_some_and(|s| s.ident == "clippy" || s.ident == "rustfmt")
}

/// Refuses attributes that are neither the language's own nor among `known`.
pub(crate) fn refuse_unknown(attributes: &[Attribute], known: &[&str], place: &str) -> Result<()> {
    for attribute in attributes {
        if is_plain(attribute) || known.iter().any(|name| attribute.path().is_ident(name)) {
            continue;
        }
        let name = path_text(attribute.path());
        let hint = nearest(&name, known).map_or_else(
            || {
                if known.is_empty() {
                    "none are known here".to_owned()
                } else {
                    format!("known here: {}", known.join(", "))
                }
            },
            |near| format!("did you mean `#[{near}]`?"),
        );
        return Err(Error::new(attribute.span(), format!("unknown attribute `#[{name}]` on {place}: {hint}")));
    }
    Ok(())
}

/// A path as it is written.
pub(crate) fn path_text(path: &Path) -> String {
    path.segments.iter().map(|s| s.ident.to_string()).collect::<Vec<_>>().join("::")
}

/// The candidate that differs by at most two letters.
pub(crate) fn nearest<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let score = |candidate: &str| distance(name, candidate);
    candidates.iter().copied().filter(|c| score(c) <= 2).min_by_key(|c| score(c))
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut before = i;
        let mut next = vec![i.saturating_add(1)];
        for (right, above) in b.iter().zip(row.iter().skip(1)) {
            let change = before.saturating_add(usize::from(left != *right));
            let last = next.last().copied().unwrap_or(0);
            next.push(change.min(above.saturating_add(1)).min(last.saturating_add(1)));
            before = *above;
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// The same identifier without `r#`.
pub(crate) fn plain(ident: &Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").unwrap_or(&text).to_owned()
}

/// Options of the derives, from `#[althing(..)]`.
pub(crate) struct Options {
    /// Where `wire` and `order` are found: the SDK, or `althing_types` for crates below it.
    pub(crate) krate: TokenStream,
    /// The type has its canonical bytes already; only its description is wanted.
    pub(crate) schema_only: bool,
}

/// Reads `#[althing(crate = path, schema_only)]`.
pub(crate) fn options(attributes: &[Attribute]) -> Result<Options> {
    let mut out = Options { krate: quote!(::althing_sdk), schema_only: false };
    for attribute in attributes.iter().filter(|a| a.path().is_ident("althing")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("crate") {
                let path: Path = meta.value()?.parse()?;
                out.krate = quote!(#path);
            } else if meta.path.is_ident("schema_only") {
                out.schema_only = true;
            } else {
                return Err(meta.error("unknown option: known are `crate = path` and `schema_only`"));
            }
            Ok(())
        })?;
    }
    Ok(out)
}

/// Refuses generic parameters: a wire type has one fixed description.
pub(crate) fn refuse_generics(item: &DeriveInput, derive: &str) -> Result<()> {
    if item.generics.params.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        item.generics.span(),
        format!("`{derive}` cannot be derived for a generic type: its description in the ABI is one constant"),
    ))
}

/// The fields of a structure.
pub(crate) fn structure<'a>(item: &'a DeriveInput, derive: &str) -> Result<&'a Fields> {
    match &item.data {
        Data::Struct(data) => Ok(&data.fields),
        _ => Err(Error::new(item.ident.span(), format!("`{derive}` can be derived for structures only"))),
    }
}

/// A whole number in an attribute, within bounds.
pub(crate) fn number(literal: &LitInt, least: u32, most: u32, what: &str) -> Result<u32> {
    match literal.base10_parse::<u32>() {
        Ok(value) if (least..=most).contains(&value) => Ok(value),
        _ => Err(Error::new(literal.span(), format!("{what} must be between {least} and {most}"))),
    }
}
