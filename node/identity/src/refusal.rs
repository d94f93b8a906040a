//! Why a certificate or a chain of them is refused: numbered codes that never change their meaning.

use thiserror::Error;

/// Why a chain was refused. `place` counts the certificates of the chain from the leaf, 0; the root comes last.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CertificateRefusal {
    /// 1: the bytes are no certificate of version 3 in its one form.
    #[error("certificate {place} is malformed: {reason}")]
    Malformed {
        /// Which certificate.
        place: usize,
        /// What was met.
        reason: String,
    },
    /// 2: the key or a signature is of another algorithm.
    #[error("the {what} of certificate {place} is not Ed25519 as in RFC 8410")]
    NotEd25519 {
        /// Which certificate.
        place: usize,
        /// The part.
        what: &'static str,
    },
    /// 3: the signature is not that of the issuer's key over these bytes.
    #[error("certificate {place} is not signed by the key of its issuer")]
    BadSignature {
        /// Which certificate.
        place: usize,
    },
    /// 4: its validity has ended.
    #[error("certificate {place} was valid until {not_after_ms} ms and it is {time_ms} ms")]
    Expired {
        /// Which certificate.
        place: usize,
        /// Last moment of its validity.
        not_after_ms: u64,
        /// The time asked about.
        time_ms: u64,
    },
    /// 5: its validity has not begun.
    #[error("certificate {place} is valid from {not_before_ms} ms and it is {time_ms} ms")]
    NotYetValid {
        /// Which certificate.
        place: usize,
        /// First moment of its validity.
        not_before_ms: u64,
        /// The time asked about.
        time_ms: u64,
    },
    /// 6: it names another issuer, or another key of the issuer, than the certificate above it.
    #[error("certificate {place} names another issuer than the certificate above it: {what} differs")]
    WrongIssuer {
        /// Which certificate.
        place: usize,
        /// Name or key identifier.
        what: &'static str,
    },
    /// 7: it issued another and is no authority.
    #[error("certificate {place} may not issue certificates: {reason}")]
    NotAuthority {
        /// Which certificate.
        place: usize,
        /// The rule.
        reason: &'static str,
    },
    /// 8: more certificates than are allowed, or than an issuer allows below itself.
    #[error("{found} certificates are more than the {allowed} that {by} allows")]
    PathTooLong {
        /// How many there are.
        found: usize,
        /// How many there may be.
        allowed: usize,
        /// The rule's origin.
        by: &'static str,
    },
    /// 9: a name of ours is missing, twice there, unknown, or of another form.
    #[error("certificate {place}: {field} is '{value}', but {rule}")]
    BadName {
        /// Which certificate.
        place: usize,
        /// Which name.
        field: &'static str,
        /// What it is, cut at 80 characters.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
    /// 10: an extension that must be understood and is not.
    #[error("certificate {place} has the extension {identifier}, which must be understood and is not")]
    UnknownExtension {
        /// Which certificate.
        place: usize,
        /// Its object identifier.
        identifier: String,
    },
    /// 11: more bytes than a certificate may have.
    #[error("certificate {place} of {found} bytes exceeds {maximum}")]
    TooLarge {
        /// Which certificate.
        place: usize,
        /// Bytes given.
        found: usize,
        /// Bytes allowed.
        maximum: usize,
    },
    /// 12: the root is not the issuer of itself.
    #[error("the root did not sign itself: {reason}")]
    BadRoot {
        /// What differs.
        reason: &'static str,
    },
    /// 13: the certified key may sign certificates, or may not sign anything.
    #[error("certificate {place} is not for a member's key: {reason}")]
    NotLeaf {
        /// Which certificate.
        place: usize,
        /// The rule.
        reason: &'static str,
    },
    /// 14: there is no certificate.
    #[error("the chain is empty: it begins with the certificate of the key")]
    Empty,
}

impl CertificateRefusal {
    /// The stable number.
    pub const fn code(&self) -> u32 {
        match self {
            Self::Malformed { .. } => 1,
            Self::NotEd25519 { .. } => 2,
            Self::BadSignature { .. } => 3,
            Self::Expired { .. } => 4,
            Self::NotYetValid { .. } => 5,
            Self::WrongIssuer { .. } => 6,
            Self::NotAuthority { .. } => 7,
            Self::PathTooLong { .. } => 8,
            Self::BadName { .. } => 9,
            Self::UnknownExtension { .. } => 10,
            Self::TooLarge { .. } => 11,
            Self::BadRoot { .. } => 12,
            Self::NotLeaf { .. } => 13,
            Self::Empty => 14,
        }
    }
    /// The stable name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed",
            Self::NotEd25519 { .. } => "not_ed25519",
            Self::BadSignature { .. } => "bad_signature",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::WrongIssuer { .. } => "wrong_issuer",
            Self::NotAuthority { .. } => "not_authority",
            Self::PathTooLong { .. } => "path_too_long",
            Self::BadName { .. } => "bad_name",
            Self::UnknownExtension { .. } => "unknown_extension",
            Self::TooLarge { .. } => "too_large",
            Self::BadRoot { .. } => "bad_root",
            Self::NotLeaf { .. } => "not_leaf",
            Self::Empty => "empty",
        }
    }
}
