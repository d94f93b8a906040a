//! From a plan to final transactions: who signs what, in which order, and what failed. Changes that wait for the consent
//! of other registries are seen through with the keys of the home folder, see [`consent`].

mod consent;

use super::{committee::Committee, signers::Signers};
use crate::{
    call::{Abis, Outcome},
    chain::Chain,
    command::{Context, proposal::proposed, send::submitter},
    error::{CliError, Result},
    exit_code::Exit,
    governed::Governed,
    output::Progress,
};
use althing_client::{Order, Submitter};
use althing_interface::{
    call::Call,
    domain_records::{ChangeApex, ChangeTld, held::ReleaseHeld},
    governance::ProposedCall,
    tld_binding::{Bind, Binding, Release},
    zone::Plan,
};
use althing_types::{crypto::SecretKey, id::OrganisationId, name::DomainName, receipt::Status};
use serde::Serialize;
use std::collections::BTreeMap;

/// Fuel of one call, far above what the largest of these calls takes; a block's fuel is shared by limits, so that the
/// chain's maximum would let few transactions into a block.
const FUEL: u64 = 100_000_000;
/// Blocks until a transaction expires.
const EXPIRY: u64 = 10_000;
/// Failures that an error lists.
const SHOWN_FAILURES: usize = 5;

/// Transactions by what they do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    /// TLDs bound.
    pub(super) bound: u64,
    /// Changes of the root's name servers and their hosts.
    pub(super) apex: u64,
    /// Changes of delegations and hosts.
    pub(super) changed: u64,
    /// Of these, changes that waited for the consent of other registries or for a vote.
    pub(super) held: u64,
    /// Consents given.
    pub(super) consents: u64,
    /// TLDs released.
    pub(super) released: u64,
}

impl Counts {
    /// All of them.
    pub(super) const fn total(&self) -> u64 {
        let own = self.bound.saturating_add(self.apex).saturating_add(self.changed).saturating_add(self.released);
        own.saturating_add(self.consents)
    }
}

/// Who changes bindings and the apex.
enum Decider {
    /// The operator's key, at once.
    Operator(SecretKey),
    /// Members, by votes.
    Committee(Committee),
}

/// A call that the operator or the members decide on.
struct Decision {
    name: String,
    order: Order,
    call: ProposedCall,
}

/// Signs and sends the calls of plans.
pub(super) struct Sending<'a> {
    chain: &'a Chain,
    submitter: Submitter,
    decider: Decider,
    registries: BTreeMap<OrganisationId, SecretKey>,
    bindings: BTreeMap<DomainName, Binding>,
    /// Present registry of each TLD, as far as this run changed it.
    bound: BTreeMap<DomainName, OrganisationId>,
    /// What was done so far.
    pub(super) counts: Counts,
}

impl<'a> Sending<'a> {
    /// Opens the keys of the home folder: one for each registry that has one there, and the operator's, or on a chain
    /// without an operator those of members that vote.
    ///
    /// # Errors
    /// When keys are missing or do not open.
    pub(super) async fn new(context: &Context, chain: &'a Chain) -> Result<Self> {
        let bindings = super::present::bindings(chain).await?;
        let Signers { operator, registries, voters } = Signers::open(context, chain).await?;
        let decider = match operator {
            Some(operator) => Decider::Operator(operator),
            None => {
                let home = context.home.path().display().to_string();
                Decider::Committee(Committee::new(&Governed::of(chain)?, voters, &home).await?)
            }
        };
        let submitter = submitter(context, chain, EXPIRY);
        Ok(Self { chain, submitter, decider, registries, bindings, bound: BTreeMap::new(), counts: Counts::default() })
    }

    fn registry_of(&self, tld: &DomainName) -> Option<&OrganisationId> {
        self.bound.get(tld).or_else(|| self.bindings.get(tld).map(|b| &b.organisation))
    }

    /// The key that may change a TLD.
    fn key_of(&self, tld: &DomainName) -> Result<&SecretKey> {
        let registry = self.registry_of(tld).ok_or_else(|| {
            CliError::new(Exit::Refused, "not_bound", format!("'{tld}' has a delegation and no binding"))
                .field("tld")
                .value(tld.to_string())
                .rule("a bound TLD")
        })?;
        self.registries.get(registry).ok_or_else(|| {
            CliError::not_found(
                "no_such_key",
                format!("'{tld}' is bound to {registry}, whose key is not in the home folder"),
            )
            .field("tld")
            .value(tld.to_string())
            .rule("a key of the bound registry in the home folder")
        })
    }

    /// How many transactions a plan takes, as far as the present bindings say.
    pub(super) fn size(&self, plan: &Plan) -> usize {
        let bind = plan.bind.iter().filter(|t| self.registry_of(t).is_none()).count();
        bind.saturating_add(plan.apex.len()).saturating_add(plan.changes.len()).saturating_add(plan.release.len())
    }

    /// Sends a plan's calls and waits until all are final.
    ///
    /// # Errors
    /// When one is refused or fails; the first few are listed.
    pub(super) async fn send(&mut self, plan: &Plan, note: &str, progress: &Progress, done: &mut u64) -> Result<()> {
        let mut first = Vec::new();
        for tld in &plan.bind {
            if self.registry_of(tld).is_some() {
                continue;
            }
            let organisation = Signers::registry_for(&self.registries, tld)?;
            let call = Bind { tld: tld.clone(), organisation: organisation.clone() };
            first.push(decision(format!("bind {tld}"), &call, note)?);
            self.bound.insert(tld.clone(), organisation);
        }
        self.counts.bound = self.counts.bound.saturating_add(first.len() as u64);
        for change in &plan.apex {
            let call = ChangeApex { change: change.clone() };
            first.push(decision("change of the apex".into(), &call, note)?);
            self.counts.apex = self.counts.apex.saturating_add(1);
        }
        self.decide(first, "binding", note, progress, done).await?;
        let mut changes = Vec::new();
        for (tld, change) in &plan.changes {
            let call = ChangeTld { tld: tld.clone(), change: change.clone() };
            changes.push((format!("change of {tld}"), self.key_of(tld)?.clone(), order(&call, note)?));
        }
        self.counts.changed = self.counts.changed.saturating_add(changes.len() as u64);
        let results = self.run(changes, "changing", progress, done).await?;
        self.see_through(&results, note, progress).await?;
        let mut releases = Vec::new();
        for tld in &plan.release {
            releases.push(decision(format!("release {tld}"), &Release { tld: tld.clone() }, note)?);
            self.bindings.remove(tld);
            self.bound.remove(tld);
        }
        self.counts.released = self.counts.released.saturating_add(releases.len() as u64);
        self.decide(releases, "releasing", note, progress, done).await
    }

    /// Has calls made that the operator or the members decide on.
    async fn decide(
        &mut self,
        decisions: Vec<Decision>,
        what: &str,
        note: &str,
        progress: &Progress,
        done: &mut u64,
    ) -> Result<()> {
        let operator = match &self.decider {
            Decider::Operator(operator) => operator.clone(),
            Decider::Committee(committee) => {
                progress.say(&format!("{what}, by votes"));
                let calls = decisions.into_iter().map(|d| d.call).collect();
                return committee.carry(self.chain, &mut self.submitter, calls, note, progress, done).await;
            }
        };
        let named = decisions.into_iter().map(|d| (d.name, operator.clone(), d.order)).collect();
        self.run(named, what, progress, done).await.map(|_| ())
    }

    /// Sends and waits; gives the calls' results.
    async fn run(
        &mut self,
        named: Vec<(String, SecretKey, Order)>,
        what: &str,
        progress: &Progress,
        done: &mut u64,
    ) -> Result<Vec<Vec<u8>>> {
        if named.is_empty() {
            return Ok(Vec::new());
        }
        progress.say(what);
        let mut names = Vec::with_capacity(named.len());
        let mut orders = Vec::with_capacity(named.len());
        for (name, key, order) in named {
            names.push(name);
            orders.push((key, order));
        }
        let base = *done;
        let results = self.submitter.send_all(orders, |n| progress.set(base.saturating_add(n as u64))).await?;
        *done = base.saturating_add(names.len() as u64);
        let mut failures = Vec::new();
        let mut failed = 0usize;
        let mut values = Vec::with_capacity(names.len());
        let mut abis = Abis::new(self.chain);
        for (name, result) in names.iter().zip(results) {
            let error = match result {
                Ok(done) if done.receipt.status == Status::Succeeded => {
                    values.push(done.receipt.result.into_vec());
                    continue;
                }
                Ok(done) => {
                    Outcome::of(&mut abis, &done, called(name).as_ref().map(|(c, m)| (c, *m))).await.check().err()
                }
                Err(error) => Some(CliError::from(error)),
            };
            failed = failed.saturating_add(1);
            if let Some(error) = error
                && failures.len() < SHOWN_FAILURES
            {
                failures.push((name.clone(), error));
            }
        }
        let Some((_, worst)) = failures.first() else { return Ok(values) };
        let lines: Vec<String> =
            failures.iter().map(|(name, e)| format!("{name}: [{}] {}", e.code, e.message)).collect();
        let mut error =
            CliError::new(worst.exit, "not_all_final", format!("{failed} of {} transactions failed", names.len()))
                .field(failures.first().map(|(n, _)| n.clone()).unwrap_or_default())
                .value(lines.join("; "))
                .rule("every change succeeds")
                .hint("run it again: only what is missing is sent");
        error.exit = worst.exit;
        Err(error)
    }
}

/// Contract and method of a named transaction, to decode its failure.
fn called(name: &str) -> Option<(althing_types::id::ContractId, &'static str)> {
    let (contract, method) = match name.split(' ').next()? {
        "bind" => (Bind::CONTRACT, Bind::METHOD),
        "release" => (Release::CONTRACT, Release::METHOD),
        "held" => (ReleaseHeld::CONTRACT, ReleaseHeld::METHOD),
        _ if name.ends_with("apex") => (ChangeApex::CONTRACT, ChangeApex::METHOD),
        _ => (ChangeTld::CONTRACT, ChangeTld::METHOD),
    };
    Some((althing_types::id::ContractId::new(contract).ok()?, method))
}

fn decision<C: Call>(name: String, call: &C, note: &str) -> Result<Decision> {
    Ok(Decision { name, order: order(call, note)?, call: proposed(call)? })
}

fn order<C: Call>(call: &C, note: &str) -> Result<Order> {
    let content = call.content().map_err(|e| {
        CliError::usage("too_long", format!("{}.{}: {e}", C::CONTRACT, C::METHOD))
            .field("arguments")
            .value(e.found.to_string())
            .rule(format!("at most {} bytes", e.maximum))
    })?;
    Ok(Order { operation: C::OPERATION, content, postscript: note.to_owned(), fuel_limit: Some(FUEL) })
}
