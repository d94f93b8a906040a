//! Errors of the HTTP API. Codes are stable text: they are added, never renamed.

use althing_types::transaction::AbnormalCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Longest foreign value that is repeated in an error, in bytes.
pub const MAX_ECHO: usize = 160;

// A code is one token, not an expression: `utoipa` reads its text out of the attribute.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$row:meta])* $variant:ident = $text:tt, $status:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        pub enum $name {
            $($(#[$row])* #[serde(rename = $text)] $variant,)+
        }
        impl $name {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The stable text.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
            /// The HTTP status that goes with it.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }
            /// The code of this text; `None` for other text.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|c| c.text() == text)
            }
        }
        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.text())
            }
        }
    };
}

codes! {
    /// What went wrong with a request.
    ErrorCode {
        /// The body is not JSON, or not the JSON that this method takes.
        BadJson = "bad_json", 400;
        /// JSON nested deeper than allowed.
        TooDeep = "too_deep", 400;
        /// The binary body is not canonical bytes.
        BadBytes = "bad_bytes", 400;
        /// A field of path, query or body breaks a rule.
        BadParameter = "bad_parameter", 400;
        /// No such path.
        UnknownPath = "unknown_path", 404;
        /// The path exists, but not with this method.
        MethodNotAllowed = "method_not_allowed", 405;
        /// The body is longer than allowed.
        BodyTooLarge = "body_too_large", 413;
        /// A body of another type than the method takes.
        UnsupportedMediaType = "unsupported_media_type", 415;
        /// Too many requests of this address; see `Retry-After`.
        RateLimited = "rate_limited", 429;
        /// All workers of this kind are taken; see `Retry-After`.
        Busy = "busy", 503;
        /// The request took longer than allowed.
        Timeout = "timeout", 503;
        /// The node cannot answer yet: it is starting, catching up or halted.
        NotReady = "not_ready", 503;
        /// No such block.
        BlockUnknown = "block_unknown", 404;
        /// The height is above the node's tip.
        HeightAhead = "height_ahead", 404;
        /// State of this height is no longer kept, or the node began with a checkpoint above it.
        HeightPruned = "height_pruned", 410;
        /// The node offers no checkpoint of this height (any more).
        CheckpointUnknown = "checkpoint_unknown", 404;
        /// No such contract.
        ContractUnknown = "contract_unknown", 404;
        /// The transaction was refused; `refusal` says why.
        TransactionRefused = "transaction_refused", 422;
        /// There is no such remediation plan; `value` is the reason's number.
        PlanRefused = "plan_refused", 422;
        /// The recovery was refused; `value` is the number of the rule that it breaks.
        RecoveryRefused = "recovery_refused", 422;
        /// The node's own fault.
        Internal = "internal", 500;
    }
}

codes! {
    /// Why a transaction was not taken in. The first twelve are those of the ledger itself.
    RefusalCode {
        /// The bytes are not a transaction.
        Malformed = "malformed", 422;
        /// Longer than the chain allows.
        TooLarge = "too_large", 422;
        /// Another version of the form.
        Version = "version", 422;
        /// The signature does not verify.
        BadSignature = "bad_signature", 422;
        /// Made for another chain.
        WrongChain = "wrong_chain", 422;
        /// The attributes or the operation type do not fit the chain or the content.
        WrongKind = "wrong_kind", 422;
        /// The expiry height has passed.
        Expired = "expired", 422;
        /// The expiry height is further away than the chain allows.
        ExpiryTooFar = "expiry_too_far", 422;
        /// The sequence number was used before.
        SequenceUsed = "sequence_used", 422;
        /// The sequence number is too far ahead of the last one used.
        SequenceGap = "sequence_gap", 422;
        /// The key belongs to no member organisation.
        UnknownOperator = "unknown_operator", 422;
        /// The fuel limit is above the chain's maximum, or zero.
        FuelLimit = "fuel_limit", 422;
        /// The node's pool of pending transactions is full; try again.
        PoolFull = "pool_full", 503;
        /// This key has too many pending transactions; try again.
        SenderLimit = "sender_limit", 503;
        /// The node has stopped taking in transactions (disk full, fault); try another node.
        Halted = "halted", 503;
    }
}

impl RefusalCode {
    /// Whether the same bytes may be taken in later.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::PoolFull | Self::SenderLimit | Self::Halted | Self::SequenceGap)
    }
}

impl From<AbnormalCode> for RefusalCode {
    fn from(code: AbnormalCode) -> Self {
        match code {
            AbnormalCode::Malformed => Self::Malformed,
            AbnormalCode::TooLarge => Self::TooLarge,
            AbnormalCode::Version => Self::Version,
            AbnormalCode::BadSignature => Self::BadSignature,
            AbnormalCode::WrongChain => Self::WrongChain,
            AbnormalCode::WrongKind => Self::WrongKind,
            AbnormalCode::Expired => Self::Expired,
            AbnormalCode::ExpiryTooFar => Self::ExpiryTooFar,
            AbnormalCode::SequenceUsed => Self::SequenceUsed,
            AbnormalCode::SequenceGap => Self::SequenceGap,
            AbnormalCode::UnknownOperator => Self::UnknownOperator,
            AbnormalCode::FuelLimit => Self::FuelLimit,
        }
    }
}

/// Why one transaction was not taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// The stable code.
    pub code: RefusalCode,
    /// For people: field, value and rule.
    pub message: String,
}

impl Refusal {
    /// A refusal with its text.
    pub fn new(code: impl Into<RefusalCode>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

/// The body of every answer whose status is not 2xx.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// The stable code.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
    /// The field that is wrong, when one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Its value, cut at 160 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The rule it breaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// For [`ErrorCode::TransactionRefused`]: the ledger's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<RefusalCode>,
}

impl ApiError {
    /// An error without a field.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None, value: None, rule: None, refusal: None }
    }

    /// A field that breaks a rule.
    pub fn parameter(field: &str, value: &str, rule: impl Into<String>) -> Self {
        let rule = rule.into();
        let value = cut(value);
        Self {
            message: format!("{field} '{value}': {rule}"),
            field: Some(field.into()),
            value: Some(value),
            rule: Some(rule),
            ..Self::new(ErrorCode::BadParameter, "")
        }
    }

    /// A transaction that was not taken in.
    pub fn refused(refusal: Refusal) -> Self {
        Self { refusal: Some(refusal.code), ..Self::new(ErrorCode::TransactionRefused, refusal.message) }
    }

    /// The HTTP status of the answer.
    pub fn status(&self) -> u16 {
        self.refusal.map_or(self.code.status(), RefusalCode::status)
    }
}

/// Cuts foreign text at [`MAX_ECHO`] bytes, at a character boundary.
pub fn cut(text: &str) -> String {
    let mut end = text.len().min(MAX_ECHO);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_one_text_each_and_it_is_what_json_shows() {
        let texts: std::collections::BTreeSet<_> = ErrorCode::ALL.iter().map(|c| c.text()).collect();
        assert_eq!(texts.len(), ErrorCode::ALL.len());
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{code}\""));
            assert_eq!(ErrorCode::parse(code.text()), Some(*code));
        }
    }

    #[test]
    fn ledger_refusals_keep_the_ledgers_text() {
        for code in
            [AbnormalCode::Malformed, AbnormalCode::WrongChain, AbnormalCode::FuelLimit, AbnormalCode::SequenceGap]
        {
            assert_eq!(RefusalCode::from(code).text(), code.text());
        }
    }

    #[test]
    fn foreign_text_is_cut_at_a_character() {
        assert_eq!(cut(&"é".repeat(200)).len(), 160);
        assert_eq!(cut(&format!("a{}", "é".repeat(200))).len(), 159);
    }
}
