//! The height that was decided last, kept to answer peers that are still at it.
//!
//! A peer that missed the precommits of a decision repeats its own messages of that height. When it still does so after
//! the re-broadcast time, we send the precommits of the certificate, at most once per re-broadcast time. Peers that are
//! further behind are the business of block catch-up.

use crate::outbox::{Message, Outbox};
use althing_types::{
    authority::AuthorityList,
    certificate::QuorumCertificate,
    crypto::{NodeId, Signed},
    id::Height,
};

/// A decided height.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) certificate: QuorumCertificate,
    authorities: AuthorityList,
    rebroadcast_ms: u64,
    quiet_until_ms: u64,
}

impl Finished {
    pub(crate) fn new(certificate: QuorumCertificate, list: AuthorityList, rebroadcast_ms: u64, now_ms: u64) -> Self {
        let quiet_until_ms = now_ms.saturating_add(rebroadcast_ms);
        Self { certificate, authorities: list, rebroadcast_ms, quiet_until_ms }
    }
    /// Whether a message of this place shows a peer that needs an answer now.
    pub(crate) fn answers(&self, now_ms: u64, me: NodeId, from: NodeId, height: Height) -> bool {
        height == self.certificate.height
            && now_ms >= self.quiet_until_ms
            && from != me
            && self.authorities.position(&from).is_some()
            && self.authorities.position(&me).is_some()
    }
    /// Sends the precommits of the certificate.
    pub(crate) fn answer(&mut self, now_ms: u64, out: &mut Outbox) {
        self.quiet_until_ms = now_ms.saturating_add(self.rebroadcast_ms);
        for entry in self.certificate.signatures.iter() {
            let value = self.certificate.vote_of(entry.voter);
            out.send(Message::Vote(Signed { value, signature: entry.signature }));
        }
    }
}
