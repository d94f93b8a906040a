//! Plans that repair what a member did before it was removed (P 0064 (4)).
//!
//! ```text
//!  from .. base  --computed by any node, the same everywhere-->  documents  --uploaded-->  state
//!  proposal names the plan's hash  --accepted-->  one part at the end of each block  -->  values and marks
//! ```
//!
//! A plan is a [`PlanHead`] and its parts. The head names the parts by their hashes, so that its own hash stands for the
//! whole plan. No part is longer than what the end of one block may do. Nothing here changes a block: a plan is
//! carried out by new writes that name what they repair.

use crate::{
    codec::{Bytes, DecodeError, List, decode, encode},
    hash::{Hash, Tag, hash},
    id::{ChainId, ContractId, Height, OrganisationId},
    keyspace::{MAX_CONTRACT_KEY, MAX_CONTRACT_VALUE},
    receipt::{Failure, FailureCode},
};
use alloc::{format, vec::Vec};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Most items of one part: what the end of a block does at most.
pub const MAX_PART_ITEMS: usize = 256;
/// Most parts of a plan.
pub const MAX_PARTS: usize = 128;
/// Length at which a part is closed, in bytes; an entry of the longest key and value goes beyond it by itself.
pub const PART_BYTES: usize = 96 * 1024;
/// Longest document of a plan in bytes.
pub const MAX_DOCUMENT: usize = 192 * 1024;
/// Contracts beside the governor whose calls stay as they are and whose state is never restored: what members said and
/// decided is history.
pub const GOVERNING: [&str; 2] = ["node_admission", "node_removal"];

/// Whether a contract is one of those that no plan touches.
pub fn is_governing(governor: Option<&ContractId>, contract: &ContractId) -> bool {
    governor == Some(contract) || GOVERNING.contains(&contract.as_str())
}

/// A key of a contract whose value is put back, or made anew by a transaction that is packed again.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoredEntry {
    /// The contract.
    pub contract: ContractId,
    /// Its own key.
    pub key: Bytes<MAX_CONTRACT_KEY>,
    /// SHA3-256 of the value that the plan found; `None`: there was none. With another value the entry is skipped.
    pub expected: Option<Hash>,
    /// The value to be; `None`: none.
    pub value: Option<Bytes<MAX_CONTRACT_VALUE>>,
    /// The transaction because of which: the last bad one that wrote the key, or the one that is packed again.
    pub because: Hash,
}

/// Why a good transaction that was lost is not packed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum LeftReason {
    /// It fails on the repaired state.
    Fails = 0,
    /// A later good transaction wrote the same key, and the order of the two matters.
    Overtaken = 1,
}

impl LeftReason {
    /// Stable text, as in JSON.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Fails => "fails",
            Self::Overtaken => "overtaken",
        }
    }
}

/// One thing that a plan does, or says.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[repr(u8)]
pub enum PlanItem {
    /// Marks a transaction of the organisation.
    Mark {
        /// The transaction.
        transaction: Hash,
        /// Height of its block.
        height: Height,
    } = 0,
    /// Puts a value back.
    Restore(RestoredEntry) = 1,
    /// Says that a key stays, because somebody else wrote it after the organisation had.
    Keep {
        /// The contract.
        contract: ContractId,
        /// Its own key.
        key: Bytes<MAX_CONTRACT_KEY>,
        /// The organisation's last transaction that wrote it.
        because: Hash,
        /// The last transaction that wrote it; `None`: the end of a block, for a decision of the members.
        by: Option<Hash>,
    } = 2,
    /// Marks a good transaction that was lost because of the organisation; its writes are among those put back.
    Repackage {
        /// The transaction.
        transaction: Hash,
        /// Height of its block.
        height: Height,
    } = 3,
    /// Says that a good transaction was lost because of the organisation and must be sent again by whoever sent it.
    Leave {
        /// The transaction.
        transaction: Hash,
        /// Height of its block.
        height: Height,
        /// Why.
        reason: LeftReason,
    } = 4,
    /// Says that a good transaction succeeded only because of what the organisation had done; its writes stay.
    Depends {
        /// The transaction.
        transaction: Hash,
        /// Height of its block.
        height: Height,
    } = 5,
}

/// How many things of each sort there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanCounts {
    /// Transactions of the organisation that are marked.
    pub marked: u32,
    /// Keys whose value is put back.
    pub restored: u32,
    /// Keys that stay because somebody else wrote them later.
    pub kept: u32,
    /// Lost transactions that are packed again.
    pub repackaged: u32,
    /// Lost transactions that must be sent again.
    pub left: u32,
    /// Transactions that succeeded only because of the organisation's.
    pub dependent: u32,
}

impl PlanCounts {
    /// Counts one item.
    pub const fn count(&mut self, item: &PlanItem) {
        let number = match item {
            PlanItem::Mark { .. } => &mut self.marked,
            PlanItem::Restore(_) => &mut self.restored,
            PlanItem::Keep { .. } => &mut self.kept,
            PlanItem::Repackage { .. } => &mut self.repackaged,
            PlanItem::Leave { .. } => &mut self.left,
            PlanItem::Depends { .. } => &mut self.dependent,
        };
        *number = number.saturating_add(1);
    }
}

/// What a plan is about; its hash is the plan's.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanHead {
    /// The one chain on which it may be carried out.
    pub chain: ChainId,
    /// Whose transactions it repairs.
    pub organisation: OrganisationId,
    /// The first height that was looked at.
    pub from: Height,
    /// The last height that was looked at.
    pub base: Height,
    /// Hash of the header of that height.
    pub block: Hash,
    /// What is in the parts.
    pub counts: PlanCounts,
    /// Hashes of the parts in the order in which they are carried out.
    pub parts: List<Hash, MAX_PARTS>,
}

/// What is carried out in one block.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanPart {
    /// The items, in order.
    pub items: List<PlanItem, MAX_PART_ITEMS>,
}

/// A document of a plan as it is uploaded.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum PlanDocument {
    /// The head; uploaded after its parts.
    Head(PlanHead) = 0,
    /// One part.
    Part(PlanPart) = 1,
}

impl PlanDocument {
    /// Reads a document.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are longer than [`MAX_DOCUMENT`] or not the canonical form of one.
    pub fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode("remediation plan", bytes, MAX_DOCUMENT)
    }
}

/// The name of a document: the hash of its bytes.
pub fn document_hash(bytes: &[u8]) -> Hash {
    hash(Tag::RemediationPlan, &[bytes])
}

/// A whole plan with the bytes of its documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The head.
    pub head: PlanHead,
    /// All items, in order.
    pub items: Vec<PlanItem>,
    /// The documents in the order in which they are uploaded: parts, then the head.
    pub documents: Vec<Vec<u8>>,
}

/// Why documents are no plan, or things are no plan's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// More parts than [`MAX_PARTS`].
    #[error("the plan has {parts} parts; at most {MAX_PARTS} are allowed: choose a later first height")]
    TooLarge {
        /// How many it would have.
        parts: usize,
    },
    /// A document cannot be read.
    #[error("document {index}: {error}")]
    Document {
        /// Its position from 0.
        index: usize,
        /// What the decoder said.
        error: DecodeError,
    },
    /// The documents do not belong together.
    #[error("the documents are not one plan: {rule}")]
    NotOne {
        /// What they break.
        rule: &'static str,
    },
}

impl Plan {
    /// Makes the documents of a plan. Counts and parts of `head` are made here.
    ///
    /// # Errors
    /// [`PlanError::TooLarge`].
    pub fn make(head: PlanHead, items: Vec<PlanItem>) -> Result<Self, PlanError> {
        let (mut documents, mut hashes, mut counts) = (Vec::new(), Vec::new(), PlanCounts::default());
        let (mut part, mut length) = (Vec::new(), 0usize);
        let mut close = |part: &mut Vec<PlanItem>| {
            let items = List::new(core::mem::take(part)).unwrap_or_default();
            let bytes = encode(&PlanDocument::Part(PlanPart { items }));
            hashes.push(document_hash(&bytes));
            documents.push(bytes);
        };
        for item in &items {
            counts.count(item);
            let size = encode(item).len();
            if part.len() >= MAX_PART_ITEMS || (!part.is_empty() && length.saturating_add(size) > PART_BYTES) {
                close(&mut part);
                length = 0;
            }
            length = length.saturating_add(size);
            part.push(item.clone());
        }
        if !part.is_empty() {
            close(&mut part);
        }
        let found = hashes.len();
        let parts = List::new(hashes).map_err(|_| PlanError::TooLarge { parts: found })?;
        let head = PlanHead { counts, parts, ..head };
        documents.push(encode(&PlanDocument::Head(head.clone())));
        Ok(Self { head, items, documents })
    }

    /// Reads a plan out of its documents, and checks that they are one.
    ///
    /// # Errors
    /// [`PlanError`] for the first thing that is wrong.
    pub fn read(documents: Vec<Vec<u8>>) -> Result<Self, PlanError> {
        let refuse = |rule| Err(PlanError::NotOne { rule });
        let (mut head, mut items, mut hashes) = (None, Vec::new(), Vec::new());
        for (index, bytes) in documents.iter().enumerate() {
            match PlanDocument::read(bytes).map_err(|error| PlanError::Document { index, error })? {
                _ if head.is_some() => return refuse("the head is the last one"),
                PlanDocument::Part(part) => {
                    hashes.push(document_hash(bytes));
                    items.extend(part.items.into_vec());
                }
                PlanDocument::Head(found) => head = Some(found),
            }
        }
        let Some(head) = head else { return refuse("the last one is the head") };
        if *head.parts != *hashes {
            return refuse("the head names every part in order");
        }
        let mut counts = PlanCounts::default();
        items.iter().for_each(|item| counts.count(item));
        if counts != head.counts {
            return refuse("the head counts what is in the parts");
        }
        Ok(Self { head, items, documents })
    }

    /// The plan's hash: that of its head.
    pub fn hash(&self) -> Hash {
        document_hash(&encode(&PlanDocument::Head(self.head.clone())))
    }
}

/// Why a transaction is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum MarkKind {
    /// An organisation that was removed had made it; what it wrote was put back as far as nobody wrote it later.
    Remedied = 0,
    /// It was lost because of such an organisation; its writes were made after all.
    Repackaged = 1,
}

/// The mark of a transaction, in the state under [`crate::keyspace::mark`].
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct TransactionMark {
    /// Why.
    pub kind: MarkKind,
    /// The proposal that members accepted.
    pub proposal: u64,
    /// The plan.
    pub plan: Hash,
    /// Height at whose end the mark was made.
    pub height: Height,
}

/// What was done of a plan so far, in the state under [`crate::keyspace::remediation_progress`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct PlanProgress {
    /// Values that were put back.
    pub restored: u32,
    /// Values that were other ones than the plan had found, and stay.
    pub skipped: u32,
    /// Transactions that were marked.
    pub marked: u32,
}

/// What the governing contract wants of a plan.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum RemediationStep {
    /// Whether the plan is in the state, whole, and is about this; nothing is changed.
    Check {
        /// The plan.
        plan: Hash,
        /// What it must be about.
        subject: PlanSubject,
    } = 0,
    /// Put off: carries one part out.
    Apply {
        /// Comes back in [`crate::govern::ChangeResult::tag`]; the proposal.
        tag: u64,
        /// The plan.
        plan: Hash,
        /// Position of the part.
        part: u32,
    } = 1,
}

/// What voters are told of a plan beside its hash.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanSubject {
    /// Whose transactions it repairs.
    pub organisation: OrganisationId,
    /// The first height.
    pub from: Height,
    /// How many parts it has.
    pub parts: u32,
    /// How many values it puts back.
    pub restored: u32,
    /// How many transactions it marks.
    pub marked: u32,
}

impl PlanHead {
    /// What voters are told.
    pub fn subject(&self) -> PlanSubject {
        PlanSubject {
            organisation: self.organisation.clone(),
            from: self.from,
            parts: u32::try_from(self.parts.len()).unwrap_or(u32::MAX),
            restored: self.counts.restored,
            marked: self.counts.marked,
        }
    }
}

/// The head of an uploaded plan, from its bytes in the state.
///
/// # Errors
/// [`Failure`] when there is none, or the bytes are no head.
pub fn stored_head(plan: &Hash, bytes: Option<&[u8]>) -> Result<PlanHead, Failure> {
    let refuse = |message: &str| Failure::new(FailureCode::NotAllowed, message);
    let Some(bytes) = bytes else { return Err(refuse(&format!("plan {plan} was not uploaded"))) };
    match PlanDocument::read(bytes) {
        Ok(PlanDocument::Head(head)) => Ok(head),
        Ok(PlanDocument::Part(_)) => Err(refuse(&format!("{plan} is a part of a plan and no plan"))),
        Err(error) => Err(refuse(&format!("plan {plan}: {error}"))),
    }
}

/// Whether an uploaded plan is about a subject.
///
/// # Errors
/// [`Failure`] that names the first field that differs.
pub fn check_subject(plan: &Hash, head: &PlanHead, subject: &PlanSubject) -> Result<(), Failure> {
    let is = head.subject();
    let differ = |field: &str, given: &dyn core::fmt::Display, found: &dyn core::fmt::Display| {
        Err(Failure::new(
            FailureCode::NotAllowed,
            &format!("plan {plan}: {field} is {found}, the proposal says {given}"),
        ))
    };
    if is.organisation != subject.organisation {
        return differ("organisation", &subject.organisation, &is.organisation);
    }
    if is.from != subject.from {
        return differ("from", &subject.from, &is.from);
    }
    let counts = [
        ("parts", subject.parts, is.parts),
        ("restored", subject.restored, is.restored),
        ("marked", subject.marked, is.marked),
    ];
    counts
        .into_iter()
        .find(|(_, given, found)| given != found)
        .map_or(Ok(()), |(f, given, found)| differ(f, &given, &found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> PlanHead {
        PlanHead {
            chain: ChainId::new("test").unwrap(),
            organisation: OrganisationId::new("bad").unwrap(),
            from: Height(3),
            base: Height(9),
            block: Hash([1; 32]),
            counts: PlanCounts::default(),
            parts: List::default(),
        }
    }

    fn entry(bytes: usize) -> PlanItem {
        PlanItem::Restore(RestoredEntry {
            contract: ContractId::new("c").unwrap(),
            key: Bytes::new(alloc::vec![1; MAX_CONTRACT_KEY]).unwrap(),
            expected: None,
            value: Some(Bytes::new(alloc::vec![7; bytes]).unwrap()),
            because: Hash([2; 32]),
        })
    }

    #[test]
    fn parts_stay_within_their_bounds_and_read_back_as_the_plan() {
        let mark = |n: u8| PlanItem::Mark { transaction: Hash([n; 32]), height: Height(4) };
        let mut items: Vec<PlanItem> = (0..=255).chain(0..50).map(mark).collect();
        items.extend((0..5).map(|_| entry(MAX_CONTRACT_VALUE)));
        let plan = Plan::make(head(), items.clone()).unwrap();
        assert_eq!(plan.documents.len(), 7, "256 marks, 50 marks with the first entry, four entries, the head");
        assert!(plan.documents.iter().all(|bytes| bytes.len() <= MAX_DOCUMENT));
        assert_eq!((plan.head.counts.marked, plan.head.counts.restored), (306, 5));
        assert_eq!(Plan::read(plan.documents.clone()).unwrap(), plan);
        assert_eq!(plan.hash(), document_hash(plan.documents.last().unwrap()));
    }

    #[test]
    fn documents_that_do_not_belong_together_are_refused() {
        let documents = Plan::make(head(), alloc::vec![entry(1); 300]).unwrap().documents;
        let refused = |change: fn(&mut Vec<Vec<u8>>)| {
            let mut changed = documents.clone();
            change(&mut changed);
            Plan::read(changed).unwrap_err()
        };
        assert!(matches!(refused(|d| d.swap(0, 1)), PlanError::NotOne { .. }));
        assert!(matches!(refused(|d| drop(d.remove(0))), PlanError::NotOne { .. }));
        assert!(matches!(refused(|d| drop(d.pop())), PlanError::NotOne { .. }));
        assert!(matches!(refused(|d| d.swap(1, 2)), PlanError::NotOne { .. }));
        assert!(matches!(refused(|d| d[0].push(0)), PlanError::Document { index: 0, .. }));
    }

    #[test]
    fn a_plan_of_too_many_parts_is_refused() {
        let items = alloc::vec![entry(MAX_CONTRACT_VALUE); MAX_PARTS + 1];
        assert_eq!(Plan::make(head(), items).unwrap_err(), PlanError::TooLarge { parts: MAX_PARTS + 1 });
    }

    #[test]
    fn a_subject_that_differs_is_named() {
        let head = Plan::make(head(), alloc::vec![entry(1)]).unwrap().head;
        let plan = Hash([9; 32]);
        assert_eq!(check_subject(&plan, &head, &head.subject()), Ok(()));
        let wrong = PlanSubject { restored: 2, ..head.subject() };
        assert!(
            check_subject(&plan, &head, &wrong).unwrap_err().message.contains("restored is 1, the proposal says 2")
        );
    }
}
