//! Samples of remediation plans.

use super::{Samples, bytes, chain, contract_id, digest, list, organisation_id};
use althing_types::{
    hash::{Hash, Tag},
    id::Height,
    remediation::{
        LeftReason, MarkKind, Plan, PlanCounts, PlanDocument, PlanHead, PlanItem, PlanPart, PlanProgress,
        RemediationStep, RestoredEntry, TransactionMark, document_hash,
    },
};

fn items() -> [(&'static str, PlanItem); 6] {
    let (transaction, height, contract) = (digest("transaction"), Height(42), contract_id("guestbook"));
    let entry = RestoredEntry {
        contract: contract.clone(),
        key: bytes(b"\x01key"),
        expected: Some(digest("present")),
        value: Some(bytes(b"value")),
        because: transaction,
    };
    let by = Some(digest("later"));
    [
        ("Mark", PlanItem::Mark { transaction, height }),
        ("Restore", PlanItem::Restore(entry)),
        ("Keep", PlanItem::Keep { contract, key: bytes(b"\x02key"), because: transaction, by }),
        ("Repackage", PlanItem::Repackage { transaction, height }),
        ("Leave", PlanItem::Leave { transaction, height, reason: LeftReason::Overtaken }),
        ("Depends", PlanItem::Depends { transaction, height }),
    ]
}

fn plan() -> Plan {
    let head = PlanHead {
        chain: chain(),
        organisation: organisation_id("alpha"),
        from: Height(3),
        base: Height(42),
        block: digest("block"),
        counts: PlanCounts::default(),
        parts: list(vec![]),
    };
    Plan::make(head, items().into_iter().map(|(_, item)| item).collect()).unwrap()
}

pub(super) fn steps() -> Vec<RemediationStep> {
    let plan = plan();
    let (hash, subject) = (plan.hash(), plan.head.subject());
    vec![RemediationStep::Check { plan: hash, subject }, RemediationStep::Apply { tag: 3, plan: hash, part: 1 }]
}

/// Every sample of this module.
pub(super) fn add(all: &mut Samples) {
    let document = |document: &PlanDocument| -> Hash { document_hash(&althing_types::codec::encode(document)) };
    for (name, item) in items() {
        if let PlanItem::Restore(entry) = &item {
            all.add("RestoredEntry", entry.clone());
        }
        all.add(&format!("PlanItem.{name}"), item);
    }
    all.plain("LeftReason", [LeftReason::Fails, LeftReason::Overtaken]);
    all.plain("MarkKind", [MarkKind::Remedied, MarkKind::Repackaged]);
    let plan = plan();
    all.add("PlanCounts", plan.head.counts);
    all.add("PlanHead", plan.head.clone());
    let part = PlanPart { items: list(plan.items.clone()) };
    all.add("PlanPart", part.clone());
    all.hashed("PlanDocument.Head", PlanDocument::Head(plan.head.clone()), Tag::RemediationPlan, document);
    all.hashed("PlanDocument.Part", PlanDocument::Part(part), Tag::RemediationPlan, document);
    all.add("PlanSubject", plan.head.subject());
    for (name, step) in ["Check", "Apply"].into_iter().zip(steps()) {
        all.add(&format!("RemediationStep.{name}"), step);
    }
    let mark = TransactionMark { kind: MarkKind::Remedied, proposal: 3, plan: plan.hash(), height: Height(44) };
    all.add("TransactionMark", mark);
    all.add("PlanProgress", PlanProgress { restored: 2, skipped: 1, marked: 3 });
}
