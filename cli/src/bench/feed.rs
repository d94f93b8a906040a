//! What became final, block by block, as a node tells it.

use crate::error::Result;
use althing_client::Client;
use althing_types::id::Height;
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Time between two looks for a new block.
const POLL: Duration = Duration::from_millis(25);

/// One block with transactions.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Its height.
    pub height: Height,
    /// Its transactions.
    pub transactions: u64,
    /// When it was seen.
    pub at: Instant,
}

/// Follows blocks in a task of its own.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    blocks: Arc<Mutex<Vec<Seen>>>,
    committed: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
}

impl Feed {
    /// Starts to follow after a height.
    pub fn start(client: Client, after: Height) -> Self {
        let feed = Self::default();
        let own = feed.clone();
        tokio::spawn(async move {
            let mut next = after.next();
            while !own.stopped.load(Ordering::Relaxed) {
                match own.look(&client, next).await {
                    Ok(true) => next = next.next(),
                    _ => tokio::time::sleep(POLL).await,
                }
            }
        });
        feed
    }

    async fn look(&self, client: &Client, height: Height) -> Result<bool> {
        let status = client.status().await?;
        if status.height < height {
            return Ok(false);
        }
        let block = client.block(&height.0.to_string(), false).await?;
        let transactions = block.transaction_hashes.len() as u64;
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner).push(Seen {
            height,
            transactions,
            at: Instant::now(),
        });
        self.committed.fetch_add(transactions, Ordering::Relaxed);
        Ok(true)
    }

    /// Transactions in final blocks so far.
    pub fn committed(&self) -> u64 {
        self.committed.load(Ordering::Relaxed)
    }

    /// Blocks seen in a span of time.
    pub fn between(&self, from: Instant, to: Instant) -> Vec<Seen> {
        let blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.iter().filter(|b| b.at >= from && b.at < to).copied().collect()
    }

    /// Ends the task.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

/// A node's figures as text; `None` when it gives none.
pub async fn metrics(url: &str) -> Option<String> {
    let second = Duration::from_secs(2);
    let config =
        althing_client::ClientConfig { connect_timeout: second, request_timeout: second, retry_for: Duration::ZERO };
    Client::with_config(&[url], config).ok()?.metrics().await.ok()
}
