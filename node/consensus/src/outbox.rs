//! Collects the effects of one step and puts them into the only safe order.
//!
//! `Log*`, then one `Sync` if a new message of this node leaves, then the messages, then everything else. So one step
//! costs at most one disk flush, however many messages it signs.

use crate::{output::Output, record::Record};
use althing_types::{
    id::Round,
    vote::{SignedProposal, SignedVote},
};

/// A message on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Proposal(SignedProposal),
    Vote(SignedVote),
}

impl Message {
    pub(crate) const fn round(&self) -> Round {
        match self {
            Self::Proposal(signed) => signed.value.round,
            Self::Vote(signed) => signed.value.round,
        }
    }
}

/// The effects of one step so far.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    records: Vec<Record>,
    sync: bool,
    messages: Vec<Message>,
    rest: Vec<Output>,
}

impl Outbox {
    pub(crate) fn log(&mut self, record: Record) {
        self.records.push(record);
    }
    /// Demands that the log is durable before messages leave.
    pub(crate) fn sync(&mut self) {
        self.sync = true;
    }
    /// Sends a message, once per step.
    pub(crate) fn send(&mut self, message: Message) {
        if !self.messages.contains(&message) {
            self.messages.push(message);
        }
    }
    pub(crate) fn push(&mut self, output: Output) {
        self.rest.push(output);
    }
    /// Drops messages that `keep` does not want.
    pub(crate) fn retain_messages(&mut self, keep: impl Fn(&Message) -> bool) {
        self.messages.retain(keep);
    }
    pub(crate) fn has_messages(&self) -> bool {
        !self.messages.is_empty()
    }
    /// The outputs in order; the outbox is empty afterwards.
    pub(crate) fn take(&mut self) -> Vec<Output> {
        let Self { records, sync, messages, rest } = core::mem::take(self);
        let sync = sync.then_some(Output::Sync);
        let messages = messages.into_iter().map(|message| match message {
            Message::Proposal(signed) => Output::SendProposal(signed),
            Message::Vote(signed) => Output::SendVote(signed),
        });
        records.into_iter().map(Output::Log).chain(sync).chain(messages).chain(rest).collect()
    }
}
