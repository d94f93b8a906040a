//! A node that serves a chain: the chain lives in a thread of its own, the HTTP server asks it.

use crate::chain::{Maker, World};
use althing_api::{
    ApiError, ErrorCode,
    model::{
        AccountDocument, GenesisDocument, HeaderDocument, HeaderList, HexBytes, StateBatch, StateBatchRequest,
        StateEntry, StatusRequest, StatusResponse, SubmitResponse, SubmitResult, TransactionDocument,
        TransactionStatus,
    },
};
use althing_types::{
    codec::{List, decode},
    crypto::PublicKey,
    genesis::Genesis,
    hash::Hash,
    id::{Height, Sequence},
    receipt::Receipt,
    transaction::SignedTransaction,
};
use axum::{
    Json, Router,
    body::Bytes as Body,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
};
use tokio::sync::{Notify, oneshot};

type Work = Box<dyn FnOnce(&mut World) + Send>;

/// What the server shares.
struct Served {
    world: mpsc::Sender<Work>,
    genesis: Genesis,
    done: Mutex<BTreeMap<Hash, (PublicKey, Receipt)>>,
    lies: AtomicBool,
    hold: AtomicBool,
    held: Notify,
    go: Notify,
}

/// A node.
pub struct Node {
    pub url: String,
    pub genesis: Genesis,
    served: Arc<Served>,
}

impl Served {
    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&mut World) -> T + Send + 'static) -> T {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |world| drop(answer.send(work(world))));
        self.world.send(work).unwrap();
        answered.await.unwrap()
    }
}

impl Node {
    pub async fn start((genesis, make): (Genesis, Maker)) -> Self {
        let (world, works) = mpsc::channel::<Work>();
        std::thread::spawn(move || {
            let mut world = make();
            works.into_iter().for_each(|work| work(&mut world));
        });
        let served = Arc::new(Served {
            world,
            genesis: genesis.clone(),
            done: Mutex::default(),
            lies: AtomicBool::new(false),
            hold: AtomicBool::new(false),
            held: Notify::new(),
            go: Notify::new(),
        });
        let router = Router::new()
            .route("/v1/genesis", get(genesis_of))
            .route("/v1/headers/{height}", get(headers))
            .route("/v1/state/batch", post(batch))
            .route("/v1/transactions", post(submit))
            .route("/v1/transactions/status", post(statuses))
            .route("/v1/accounts/{key}", get(account))
            .with_state(served.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, genesis, served }
    }

    /// Does something to the chain.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce(&mut World) -> T + Send + 'static) -> T {
        self.served.run(work).await
    }
    /// From now on values are other ones than proven.
    pub fn lie(&self) {
        self.served.lies.store(true, Ordering::SeqCst);
    }
    /// The next submission waits.
    pub fn hold_next(&self) {
        self.served.hold.store(true, Ordering::SeqCst);
    }
    /// Until a submission waits.
    pub async fn held(&self) {
        self.served.held.notified().await;
    }
    /// What waits goes on.
    pub fn let_go(&self) {
        self.served.go.notify_one();
    }
}

type Shared = State<Arc<Served>>;

async fn genesis_of(State(served): Shared) -> Json<GenesisDocument> {
    Json(GenesisDocument { hash: served.genesis.hash(), genesis: served.genesis.clone() })
}

async fn headers(State(served): Shared, Path(height): Path<usize>) -> Response {
    let document = served
        .run(move |world| {
            world.blocks.get(height - 1).map(|block| HeaderDocument {
                hash: block.header.hash(),
                header: block.header.clone(),
                certificate: block.certificate.clone(),
                authorities: Some(block.list.clone()),
                recovery: None,
            })
        })
        .await;
    match document {
        Some(document) => Json(HeaderList { headers: vec![document] }).into_response(),
        None => (StatusCode::NOT_FOUND, Json(ApiError::new(ErrorCode::HeightAhead, "ahead"))).into_response(),
    }
}

async fn batch(State(served): Shared, Json(request): Json<StateBatchRequest>) -> Json<StateBatch> {
    let lies = served.lies.load(Ordering::SeqCst);
    let answer = served.run(move |world| {
        let at = request.height.map_or(world.blocks.len(), |height| usize::try_from(height.0).unwrap());
        let state = &world.blocks[at - 1].state;
        let tree = crate::made_up::Tree::new(state);
        let entry = |key: HexBytes| {
            let mut value = state.get(&key.0).cloned();
            if let Some(byte) = value.as_mut().filter(|_| lies).and_then(|value| value.last_mut()) {
                *byte ^= 1;
            }
            StateEntry { value: value.map(HexBytes), proof: Some(tree.prove(&key.0)), key }
        };
        let entries = request.keys.into_iter().map(entry).collect();
        StateBatch { height: Height(at as u64), entries, next: None }
    });
    Json(answer.await)
}

async fn submit(State(served): Shared, body: Body) -> (StatusCode, Json<SubmitResponse>) {
    if served.hold.swap(false, Ordering::SeqCst) {
        served.held.notify_one();
        served.go.notified().await;
    }
    let list: List<SignedTransaction, 512> = decode("list", &body, body.len()).unwrap();
    let mut results = Vec::new();
    for transaction in list.into_vec() {
        let (hash, key) = (transaction.value.hash(), transaction.value.operator);
        assert!(transaction.clone().verify().is_ok());
        let receipt = served.run(move |world| world.execute(&transaction)).await;
        served.done.lock().unwrap().insert(hash, (key, receipt));
        results.push(SubmitResult { hash, accepted: true, refusal: None });
    }
    (StatusCode::ACCEPTED, Json(SubmitResponse { results }))
}

async fn statuses(State(served): Shared, Json(request): Json<StatusRequest>) -> Json<StatusResponse> {
    let done = served.done.lock().unwrap();
    let status = |hash: Hash| {
        let found = done.get(&hash).map(|(_, receipt)| receipt.clone());
        let status = found.map_or(TransactionStatus::Unknown, |receipt| TransactionStatus::Final {
            height: Height(1),
            index: 0,
            receipt: Box::new(receipt),
        });
        TransactionDocument { hash, status }
    };
    Json(StatusResponse { transactions: request.hashes.into_iter().map(status).collect() })
}

async fn account(State(served): Shared, Path(key): Path<String>) -> Json<AccountDocument> {
    let key: PublicKey = key.parse().unwrap();
    let used = served.done.lock().unwrap().values().filter(|(by, _)| *by == key).count();
    let sequence = Sequence(used as u64);
    let roles = BTreeSet::new();
    let height = Height(1);
    Json(AccountDocument { key, height, sequence, next_sequence: sequence, organisation: None, roles })
}
