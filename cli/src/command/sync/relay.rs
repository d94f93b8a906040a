//! `althing sync relay`: carries messages until it is stopped, or until nothing is due.

use super::{Context, check_given, ends};
use crate::{
    args::SyncRelay,
    chain::Chain,
    command::key,
    error::{CliError, Result},
    exit_code::Exit,
};
use althing_client::{Relay, RelayConfig, RelayError, Step, SubmitterConfig, Verifier};
use althing_interface::root_sync::Verdict;
use althing_types::{crypto::SecretKey, id::ChainId};
use serde::Serialize;
use std::time::Duration;

/// Longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Most steps of `--once`: more than any outbox needs.
const MOST_STEPS: usize = 10_000;

/// One line of output.
#[derive(Serialize)]
struct Line<'a> {
    from: &'a ChainId,
    to: &'a ChainId,
    #[serde(flatten)]
    what: What,
}

#[derive(Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
enum What {
    Idle { height: u64, received: u64 },
    Delivered { transaction: String, received: u64, seen: u64, verdicts: Vec<Verdict>, list_changed: bool },
    Outrun { code: u8, name: &'static str },
    TooMany { reason: String },
    Full,
    Refused { transaction: String, code: u8, name: &'static str },
    Failed { reason: String },
}

impl From<Step> for What {
    fn from(step: Step) -> Self {
        match step {
            Step::Idle { height, received } => Self::Idle { height: height.0, received },
            Step::Delivered { transaction, progress } => Self::Delivered {
                transaction: transaction.to_string(),
                received: progress.received,
                seen: progress.seen.0,
                verdicts: progress.verdicts.into_vec(),
                list_changed: progress.list_changed,
            },
            Step::Outrun { code } => Self::Outrun { code: code.number(), name: code.name() },
            Step::TooMany { reason } => Self::TooMany { reason },
            Step::Full => Self::Full,
            Step::Refused { transaction, code } => {
                Self::Refused { transaction: transaction.to_string(), code: code.number(), name: code.name() }
            }
        }
    }
}

impl What {
    /// Whether the next step should come at once.
    const fn goes_on(&self) -> bool {
        matches!(self, Self::Delivered { .. } | Self::Outrun { .. } | Self::TooMany { .. })
    }
    fn text(&self) -> String {
        match self {
            Self::Idle { height, received } => {
                format!("nothing is due at height {height}; message {received} was the last")
            }
            Self::Delivered { received, seen, verdicts, list_changed, .. } => {
                let refused = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Refused { .. })).count();
                let held = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Held)).count();
                let list = if *list_changed { "; the authority list changed" } else { "" };
                let count = verdicts.len();
                format!(
                    "{count} messages delivered up to {received} ({refused} refused, {held} held), seen height {seen}{list}"
                )
            }
            Self::Outrun { name, .. } => format!("another carrier was quicker ({name})"),
            Self::TooMany { reason } => format!("too much at once, fewer next: {reason}"),
            Self::Full => "the receiver's outbox is full: the other direction is due first".to_owned(),
            Self::Refused { code, name, .. } => format!("refused, {code} {name}"),
            Self::Failed { reason } => format!("failed: {reason}"),
        }
    }
}

/// Runs `althing sync relay`.
///
/// # Errors
/// With `--once` the first thing that fails; else when it is stopped.
pub(super) async fn run(context: &Context, options: &SyncRelay) -> Result<()> {
    check_given(&options.ends)?;
    let key = key::open(context, &options.key)?;
    let [from, to] = ends(context, &options.ends).await?;
    let mut relays = vec![relay(context, options, &from, &to, &key)?];
    if options.both {
        relays.push(relay(context, options, &to, &from, &key)?);
    }
    if options.once {
        return once(context, &mut relays).await;
    }
    tokio::select! {
        ended = follow(context, options, &mut relays) => ended,
        stopped = tokio::signal::ctrl_c() => {
            stopped.map_err(|e| CliError::internal("signal", e.to_string()))?;
            Err(CliError::new(Exit::Interrupted, "interrupted", "stopped by request"))
        }
    }
}

fn relay(context: &Context, options: &SyncRelay, from: &Chain, to: &Chain, key: &SecretKey) -> Result<Relay> {
    let verifier = |chain: &Chain| -> Result<Verifier> {
        chain.verifier().cloned().ok_or_else(|| {
            CliError::usage("no_verify", "a relay checks what it carries").field("--no-verify").rule("left out")
        })
    };
    let timeout = Duration::from_secs(context.global.timeout);
    let submit = SubmitterConfig { timeout, ..SubmitterConfig::default() };
    let config = RelayConfig { confirm_blocks: options.confirm, submit, ..RelayConfig::default() };
    Ok(Relay::new(verifier(from)?, verifier(to)?, key.clone(), config))
}

fn tell(context: &Context, relay: &Relay, what: What) -> Result<bool> {
    let goes_on = what.goes_on();
    let line = Line { from: relay.from(), to: relay.to(), what };
    context.output.stream(&line, |line| format!("{} -> {}: {}", line.from, line.to, line.what.text()))?;
    Ok(goes_on)
}

async fn once(context: &Context, relays: &mut [Relay]) -> Result<()> {
    for _ in 0..MOST_STEPS {
        let mut goes_on = false;
        for relay in relays.iter_mut() {
            let what = What::from(relay.step().await?);
            if let What::Refused { code, name, .. } = &what {
                let message = format!("chain {} refused the delivery: {code} {name}", relay.to());
                let rule = "see althing sync refusals";
                return Err(CliError::new(Exit::Refused, "delivery_refused", message).field("delivery").rule(rule));
            }
            goes_on |= tell(context, relay, what)?;
        }
        if !goes_on {
            return Ok(());
        }
    }
    Ok(())
}

async fn follow(context: &Context, options: &SyncRelay, relays: &mut [Relay]) -> Result<()> {
    let every = Duration::from_secs(options.every);
    let mut pause = every;
    let mut idle = vec![None; relays.len()];
    loop {
        let (mut goes_on, mut failed) = (false, false);
        for (relay, idle) in relays.iter_mut().zip(&mut idle) {
            let what = match relay.step().await {
                Ok(step) => What::from(step),
                Err(error) => What::Failed { reason: error.to_string() },
            };
            failed |= matches!(what, What::Failed { .. } | What::Refused { .. });
            // That nothing is due is told once.
            let now = if let What::Idle { received, .. } = &what { Some(*received) } else { None };
            if now.is_none() || *idle != now {
                goes_on |= tell(context, relay, what)?;
            }
            *idle = now;
        }
        pause = if failed { pause.saturating_mul(2).min(LONGEST_PAUSE) } else { every };
        if failed || !goes_on {
            tokio::time::sleep(pause).await;
        }
    }
}

impl From<RelayError> for CliError {
    fn from(error: RelayError) -> Self {
        let message = error.to_string();
        match error {
            RelayError::Client(error) => error.into(),
            RelayError::NoPeer { from, .. } => Self::not_found("no_peer", message)
                .field("--from")
                .value(from.as_str())
                .rule("a peer of the receiving chain; see althing sync status"),
            RelayError::NotTrusted { from, .. } | RelayError::NeedsTrust { from, .. } => {
                Self::new(Exit::Refused, "not_trusted", message)
                    .field("--from")
                    .value(from.as_str())
                    .rule("a peer whose authority list is trusted")
                    .hint("members of the receiving chain propose a call of root_sync.trust")
            }
            RelayError::State { what, .. } => Self::internal("bad_state", message).field(what),
            RelayError::Failed { transaction, .. } => {
                Self::new(Exit::Refused, "delivery_failed", message).field("transaction").value(transaction.to_string())
            }
        }
    }
}
