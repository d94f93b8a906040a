//! Path, query and body, read with errors that name field, value and rule.

use crate::{app::App, problem::Problem};
use althing_api::{ApiError, ErrorCode};
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, header, request::Parts},
};
use serde::de::DeserializeOwned;
use std::{collections::BTreeMap, str::FromStr, sync::Arc};

/// The one path parameter of a route, as text.
pub(crate) struct Param(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Param {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = parts.uri.path().to_owned();
        Path::<String>::from_request_parts(parts, state)
            .await
            .map(|Path(text)| Self(text))
            .map_err(|_| Problem::parameter("path", &path, "must be UTF-8 text"))
    }
}

impl Param {
    /// Parses the parameter; the type's own error is the rule.
    pub(crate) fn parse<T: FromStr<Err: std::fmt::Display>>(&self, field: &str) -> Result<T, Problem> {
        self.0.parse().map_err(|e: T::Err| Problem::parameter(field, &self.0, e.to_string()))
    }
    /// Parses hexadecimal bytes.
    pub(crate) fn bytes(&self, field: &str, maximum: usize) -> Result<Vec<u8>, Problem> {
        parse_hex(field, &self.0, maximum)
    }
    /// Parses a number.
    pub(crate) fn number(&self, field: &str) -> Result<u64, Problem> {
        parse_number(field, &self.0, 0, u64::MAX)
    }
}

/// The query: each name is read once, unknown names are refused.
pub(crate) struct Arguments(BTreeMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Arguments {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let raw = parts.uri.query().unwrap_or_default().to_owned();
        let Query(pairs) = Query::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::parameter("query", &raw, "must be name=value pairs"))?;
        let mut map = BTreeMap::new();
        for (name, value) in pairs {
            if let Some(value) = map.insert(name.clone(), value) {
                return Err(Problem::parameter(&name, &value, "must be given once"));
            }
        }
        Ok(Self(map))
    }
}

impl Arguments {
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }
    pub(crate) fn number(&mut self, name: &str, low: u64, high: u64) -> Result<Option<u64>, Problem> {
        self.0.remove(name).map(|text| parse_number(name, &text, low, high)).transpose()
    }
    /// A number of rows, from 1.
    pub(crate) fn count(&mut self, name: &str, default: usize, most: usize) -> Result<usize, Problem> {
        let high = u64::try_from(most).unwrap_or(u64::MAX);
        let number = self.number(name, 1, high)?;
        Ok(number.and_then(|n| usize::try_from(n).ok()).unwrap_or(default))
    }
    pub(crate) fn flag(&mut self, name: &str, default: bool) -> Result<bool, Problem> {
        match self.0.remove(name).as_deref() {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => Err(Problem::parameter(name, other, "must be true or false")),
        }
    }
    pub(crate) fn bytes(&mut self, name: &str, maximum: usize) -> Result<Option<Vec<u8>>, Problem> {
        self.0.remove(name).map(|text| parse_hex(name, &text, maximum)).transpose()
    }
    pub(crate) fn parsed<T: FromStr<Err: std::fmt::Display>>(&mut self, name: &str) -> Result<Option<T>, Problem> {
        let parse = |text: String| text.parse().map_err(|e: T::Err| Problem::parameter(name, &text, e.to_string()));
        self.0.remove(name).map(parse).transpose()
    }
    /// Refuses names that nobody asked for.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, value)) => Err(Problem::parameter(&name, &value, "is not a parameter of this path")),
        }
    }
}

fn parse_number(field: &str, text: &str, low: u64, high: u64) -> Result<u64, Problem> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u64>() {
        Ok(number) if plain && (low..=high).contains(&number) => Ok(number),
        _ if high == u64::MAX => Err(Problem::parameter(field, text, "must be a whole number")),
        _ => Err(Problem::parameter(field, text, format!("must be a whole number from {low} to {high}"))),
    }
}

fn parse_hex(field: &str, text: &str, maximum: usize) -> Result<Vec<u8>, Problem> {
    if text.len() / 2 > maximum {
        return Err(Problem::parameter(field, text, format!("must be at most {maximum} bytes")));
    }
    hex::decode(text).map_err(|e| Problem::parameter(field, text, format!("must be hexadecimal bytes: {e}")))
}

/// Which form a body has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyForm {
    Json,
    Binary,
}

/// A body within the limit, with its form.
pub(crate) struct RawBody {
    pub(crate) bytes: Bytes,
    pub(crate) form: BodyForm,
    max_depth: u32,
}

impl FromRequest<Arc<App>> for RawBody {
    type Rejection = Problem;
    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let form = body_form(request.headers())?;
        let limit = usize::try_from(app.limits.max_body_bytes).unwrap_or(usize::MAX);
        let bytes = read_body(request.into_body(), limit, app.limits.max_body_bytes).await?;
        Ok(Self { bytes, form, max_depth: app.limits.max_json_depth })
    }
}

async fn read_body(body: Body, limit: usize, shown: u32) -> Result<Bytes, Problem> {
    use axum::body::HttpBody;
    let too_large = || {
        let mut error = ApiError::new(ErrorCode::BodyTooLarge, format!("the body is longer than {shown} bytes"));
        error.field = Some("body".into());
        error.rule = Some(format!("must be at most {shown} bytes"));
        Problem::from(error)
    };
    let least = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if least > limit {
        return Err(too_large());
    }
    to_bytes(body, limit).await.map_err(|error| {
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(inner) = cause {
            if inner.to_string().contains("length limit") {
                return too_large();
            }
            cause = inner.source();
        }
        Problem::new(ErrorCode::BadBytes, format!("the body could not be read: {error}"))
    })
}

fn body_form(headers: &HeaderMap) -> Result<BodyForm, Problem> {
    let text = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("application/json");
    match text.split(';').next().unwrap_or_default().trim() {
        "application/json" => Ok(BodyForm::Json),
        "application/octet-stream" => Ok(BodyForm::Binary),
        _ => {
            let mut error =
                ApiError::parameter("content-type", text, "must be application/json or application/octet-stream");
            error.code = ErrorCode::UnsupportedMediaType;
            Err(error.into())
        }
    }
}

impl RawBody {
    /// The body as JSON of a known shape.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if self.form != BodyForm::Json {
            let mut error = ApiError::parameter("content-type", "application/octet-stream", "must be application/json");
            error.code = ErrorCode::UnsupportedMediaType;
            return Err(error.into());
        }
        if exceeds_depth(&self.bytes, self.max_depth) {
            let rule = format!("must not be nested deeper than {}", self.max_depth);
            let mut error = ApiError::new(ErrorCode::TooDeep, format!("the JSON body {rule}"));
            error.field = Some("body".into());
            error.rule = Some(rule);
            return Err(error.into());
        }
        serde_json::from_slice(&self.bytes).map_err(|e| Problem::new(ErrorCode::BadJson, format!("body: {e}")))
    }
}

/// Whether JSON text is nested deeper than `most`, found without parsing it.
fn exceeds_depth(bytes: &[u8], most: u32) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0u32, false, false);
    for byte in bytes {
        match (in_text, *byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (true, b'"') => in_text = false,
            (true, _) => {}
            (false, b'"') => in_text = true,
            (false, b'[' | b'{') => {
                depth = depth.saturating_add(1);
                if depth > most {
                    return true;
                }
            }
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            (false, _) => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn depth_counts_brackets_outside_of_text() {
        assert!(!exceeds_depth(b"[[\"[[[[\\\"[[\"]]", 2));
        assert!(exceeds_depth(b"[[[1]]]", 2));
        assert!(!exceeds_depth(b"[[1],[2],{\"a\":[3]}]", 3));
    }

    #[test]
    fn numbers_are_plain_digits_within_bounds() {
        for bad in ["", "+1", "-1", "1.0", "0x1", " 1", "18446744073709551616"] {
            assert!(parse_number("n", bad, 0, u64::MAX).is_err(), "{bad}");
        }
        assert!(parse_number("n", "11", 1, 10).is_err());
        assert_eq!(parse_number("n", "10", 1, 10).unwrap(), 10);
    }

    proptest! {
        #[test]
        fn what_serde_accepts_at_a_depth_is_within_it(depth in 1u32..100) {
            let count = usize::try_from(depth).unwrap();
            let text = format!("{}1{}", "[".repeat(count), "]".repeat(count));
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
            prop_assert!(!exceeds_depth(text.as_bytes(), depth));
            prop_assert!(exceeds_depth(text.as_bytes(), depth - 1));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            let _ = parse_hex("f", &text, 16).map(|b| assert!(b.len() <= 16));
            let _ = parse_number("f", &text, 1, 10).map(|n| assert!((1..=10).contains(&n)));
            let _ = exceeds_depth(text.as_bytes(), 3);
        }
    }
}
