//! Sees held changes through: consents with the keys of the home folder, has brakes released, waits until all are applied.
//!
//! This is for networks in which one person holds the keys of all registries, as in a trial. It answers only for changes
//! that it asked for itself. What waits is kept by the chain: after an interruption the same changes are asked for again,
//! which gives the same held changes with the consents that they have.

use super::{Sending, decision, order};
use crate::{
    chain::typed,
    error::{CliError, Result},
    exit_code::Exit,
    output::Progress,
};
use althing_client::Order;
use althing_interface::{
    call::Call,
    domain_records::{
        self,
        held::{Brake, ChangeOutcome, Consent, HeldChange, HeldStatus, MAX_IDS, ReleaseHeld, Settle},
    },
    layout,
};
use althing_types::{
    codec::{List, decode},
    crypto::SecretKey,
    id::{ContractId, OrganisationId},
    keyspace::storage,
    receipt::Status,
};

/// Rounds of answering and looking again before giving up: others may begin or cease to use a host in between.
const ROUNDS: usize = 12;
/// Longest result of a change in bytes.
const MAX_RESULT: usize = 64;
/// Refusals of an answer that another answer explains: the change was settled, the organisation is not asked any more, or
/// it answered before.
const EXPLAINED: [u32; 3] = [25, 26, 33];

impl Sending<'_> {
    /// Has the changes that are held carried out; `results` are those of the calls that asked for them.
    ///
    /// # Errors
    /// When a key is missing, or a held change ends in another way.
    pub(super) async fn see_through(&mut self, results: &[Vec<u8>], note: &str, progress: &Progress) -> Result<()> {
        let mut ids = Vec::new();
        for result in results {
            let outcome: ChangeOutcome = decode("result of a change", result, MAX_RESULT)
                .map_err(|e| CliError::internal("bad_result", format!("a change's result is not understood: {e}")))?;
            if let ChangeOutcome::Held { id } = outcome {
                ids.push(id);
            }
        }
        self.counts.held = self.counts.held.saturating_add(ids.len() as u64);
        for round in 0..ROUNDS {
            let open = self.open(&ids).await?;
            if open.is_empty() {
                return Ok(());
            }
            progress.say(&format!("{} changes wait for consent", open.len()));
            let braked: Vec<u64> = open.iter().filter(|h| h.brake != Brake::Off).map(|h| h.id).collect();
            self.release(&braked, note, progress).await?;
            let mut orders = Vec::new();
            for held in open.iter().filter(|held| held.brake == Brake::Off) {
                let (id, tld) = (held.id, &held.tld);
                let missing: Vec<&OrganisationId> =
                    held.needed.iter().filter(|o| !held.consents.contains(*o)).collect();
                // Whoever was missing may have left the host, and nobody noticed: every second round counts anew.
                if missing.is_empty() || round % 2 == 1 {
                    orders.push((self.key_of(tld)?.clone(), order(&Settle { id }, note)?));
                    continue;
                }
                for organisation in missing {
                    orders.push((self.consenting_key(organisation, held)?, order(&Consent { id }, note)?));
                }
            }
            self.answer(orders).await?;
            ids = open.into_iter().map(|held| held.id).collect();
        }
        Err(CliError::new(Exit::Timeout, "not_carried_out", format!("{} changes are still held", ids.len()))
            .field("held")
            .value(ids.iter().map(u64::to_string).collect::<Vec<_>>().join(" "))
            .rule("applied after all have consented")
            .hint("althing record held; then run it again"))
    }

    /// Those that are open. Any other end than being applied is an error.
    async fn open(&self, ids: &[u64]) -> Result<Vec<HeldChange>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let contract = ContractId::new(domain_records::ID)?;
        let mut open = Vec::new();
        for part in ids.chunks(MAX_IDS) {
            let keys: Vec<Vec<u8>> = part.iter().map(|id| storage(&contract, &layout::held_change_key(*id))).collect();
            for (id, value) in part.iter().zip(self.chain.read(&keys, None).await?.values) {
                // A settled one is forgotten after many others: the zone itself is compared at the end.
                let Some(held) = typed::<HeldChange>("held change", value.as_deref())? else { continue };
                match held.status {
                    HeldStatus::Open => open.push(held),
                    HeldStatus::Applied => {}
                    status => {
                        let message = format!("held change {id} of '{}' is {status}", held.tld);
                        return Err(CliError::new(Exit::Refused, "not_carried_out", message)
                            .field("held")
                            .value(id.to_string())
                            .rule("applied after all have consented")
                            .hint(format!("althing record show {id}; then run it again")));
                    }
                }
            }
        }
        Ok(open)
    }

    fn consenting_key(&self, organisation: &OrganisationId, held: &HeldChange) -> Result<SecretKey> {
        self.registries.get(organisation).cloned().ok_or_else(|| {
            let hosts: Vec<String> = held.hosts.iter().map(ToString::to_string).collect();
            let message = format!(
                "the change of '{}' waits for the consent of {organisation}, whose TLDs use {}",
                held.tld,
                hosts.join(", ")
            );
            CliError::not_found("no_such_key", message)
                .field("held")
                .value(held.id.to_string())
                .rule("a key of each registry that must consent in the home folder")
                .hint(format!("{organisation} runs: althing record consent {} --key KEY; then run it again", held.id))
        })
    }

    async fn release(&mut self, ids: &[u64], note: &str, progress: &Progress) -> Result<()> {
        let mut decisions = Vec::new();
        for part in ids.chunks(MAX_IDS) {
            let ids = List::new(part.to_vec()).map_err(|e| CliError::internal("too_many", e.to_string()))?;
            decisions.push(decision("held changes released".into(), &ReleaseHeld { ids }, note)?);
        }
        if decisions.is_empty() {
            return Ok(());
        }
        // How far that came is not part of the plan's progress.
        self.decide(decisions, "releasing what the brake holds", note, progress, &mut 0).await
    }

    /// Sends answers. One that another answer made needless is no failure.
    async fn answer(&mut self, orders: Vec<(SecretKey, Order)>) -> Result<()> {
        for result in self.submitter.send_all(orders, |_| {}).await? {
            let done = result?;
            match &done.receipt.status {
                Status::Succeeded => self.counts.consents = self.counts.consents.saturating_add(1),
                Status::Failed(failure) if EXPLAINED.contains(&failure.detail) => {}
                Status::Failed(failure) => {
                    return Err(CliError::new(Exit::Refused, "not_consented", failure.message.to_string())
                        .field(Consent::METHOD)
                        .value(done.hash.to_string())
                        .rule("an answer that the contract takes"));
                }
            }
        }
        Ok(())
    }
}
