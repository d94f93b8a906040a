//! The swarm's task: connections come and go, questions are asked and answered, members are dialled.
//!
//! Gossip does not pass here. Everything that waits has a bound: calls of the node by their channel, answers by the
//! requests that were accepted, events that the node could not take by peers and requests.

use crate::{
    codec::{Answer, Asked, Codec},
    config::{Config, Limits},
    counts::{Kind, one},
    dial::Dialler,
    event::{Channel, Event, RequestError, RequestId, StartError},
    gate::{Gate, GateEvent},
    identity::{keypair, node_of, peer_of},
    message::{Request, Response},
    quota::Bucket,
    shared::Shared,
};
use althing_types::{
    codec::{self, List},
    crypto::NodeId,
};
use futures::StreamExt;
use libp2p::{
    Multiaddr, StreamProtocol, Swarm, SwarmBuilder,
    multiaddr::Protocol,
    noise, ping,
    request_response::{
        self, Event as RrEvent, InboundRequestId, Message, OutboundFailure, OutboundRequestId, ProtocolSupport,
        ResponseChannel,
    },
    swarm::{NetworkBehaviour, SwarmEvent, dial_opts::DialOpts},
    tcp, yamux,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// Streams that one connection may carry at a time, above those for requests.
const SPARE_STREAMS: usize = 24;
/// Wait before an event that the node could not take is offered again.
const OFFER_AGAIN: Duration = Duration::from_millis(10);
/// Time to close all connections when we end.
const CLOSE_WITHIN: Duration = Duration::from_millis(500);
/// Time to look up a host name.
const LOOKUP_WITHIN: Duration = Duration::from_secs(5);

/// A call of the node that the swarm's task carries out.
#[derive(Debug)]
pub(crate) enum Call {
    Request(NodeId, Request, RequestId),
    Respond(Channel, Vec<u8>),
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    gate: Gate,
    requests: request_response::Behaviour<Codec>,
    ping: ping::Behaviour,
}

/// A node and what its host name was found to be.
type Found = (NodeId, Option<SocketAddr>);

struct Question {
    from: NodeId,
    id: InboundRequestId,
    channel: ResponseChannel<Answer>,
}

struct Allowance {
    requests: Bucket,
    bytes: Bucket,
}

pub(crate) struct Task {
    shared: Arc<Shared>,
    swarm: Swarm<Behaviour>,
    calls: mpsc::Receiver<Call>,
    dialler: Dialler,
    found: (mpsc::Sender<Found>, mpsc::Receiver<Found>),
    connected: BTreeSet<NodeId>,
    /// The members when the task looked last.
    members: BTreeSet<NodeId>,
    asked: BTreeMap<OutboundRequestId, (RequestId, NodeId, Request)>,
    questions: BTreeMap<u64, Question>,
    next_question: u64,
    allowances: BTreeMap<NodeId, Allowance>,
    offered: VecDeque<Event>,
}

fn transport(e: impl std::fmt::Display) -> StartError {
    StartError::Transport { reason: e.to_string() }
}

fn multiaddr(address: SocketAddr) -> Multiaddr {
    let host = match address.ip() {
        IpAddr::V4(a) => Protocol::Ip4(a),
        IpAddr::V6(a) => Protocol::Ip6(a),
    };
    Multiaddr::empty().with(host).with(Protocol::Tcp(address.port()))
}

fn socket(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    let host = match parts.next()? {
        Protocol::Ip4(a) => IpAddr::V4(a),
        Protocol::Ip6(a) => IpAddr::V6(a),
        _ => return None,
    };
    if let Some(Protocol::Tcp(port)) = parts.next() { Some(SocketAddr::new(host, port)) } else { None }
}

fn behaviour(shared: &Arc<Shared>, chain: &str, limits: &Limits) -> Result<Behaviour, StartError> {
    let streams = limits.requests_per_peer.saturating_mul(2);
    let config = request_response::Config::default()
        .with_request_timeout(limits.request_timeout)
        .with_max_concurrent_streams(streams);
    let name = StreamProtocol::try_from_owned(format!("/althing/{chain}/request/1")).map_err(transport)?;
    let ping = ping::Config::new().with_interval(limits.ping_interval).with_timeout(limits.ping_timeout);
    Ok(Behaviour {
        gate: Gate::new(Arc::clone(shared), chain)?,
        requests: request_response::Behaviour::new([(name, ProtocolSupport::Full)], config),
        ping: ping::Behaviour::new(ping),
    })
}

impl Task {
    /// Builds the swarm and listens. Must run inside the runtime's context.
    pub(crate) fn new(config: Config, shared: Arc<Shared>, calls: mpsc::Receiver<Call>) -> Result<Self, StartError> {
        let limits = config.limits;
        let behaviour = behaviour(&shared, config.chain.as_str(), &limits)?;
        let streams = limits.requests_per_peer.saturating_mul(2).saturating_add(SPARE_STREAMS);
        let multiplexer = move || {
            let mut config = yamux::Config::default();
            config.set_max_num_streams(streams);
            config
        };
        let mut swarm = SwarmBuilder::with_existing_identity(keypair(&config.key)?)
            .with_tokio()
            .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, multiplexer)
            .map_err(transport)?
            .with_behaviour(|_| behaviour)
            .map_err(transport)?
            .with_swarm_config(|c| c.with_max_negotiating_inbound_streams(streams))
            .with_connection_timeout(limits.handshake)
            .build();
        let refused = |reason: String| StartError::Listen { address: config.listen, reason };
        // The library lets several processes share one port; a node that meets another one there must say so.
        drop(std::net::TcpListener::bind(config.listen).map_err(|e| refused(e.to_string()))?);
        swarm.listen_on(multiaddr(config.listen)).map_err(|e| refused(e.to_string()))?;
        Ok(Self {
            dialler: Dialler::new(shared.me, config.peers, &limits, Instant::now()),
            members: config.members,
            shared,
            swarm,
            calls,
            found: mpsc::channel(64),
            connected: BTreeSet::new(),
            asked: BTreeMap::new(),
            questions: BTreeMap::new(),
            next_question: 0,
            allowances: BTreeMap::new(),
            offered: VecDeque::new(),
        })
    }

    pub(crate) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        while !shared.is_closing() {
            let wake = self.next_wake();
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_swarm(event),
                () = shared.notify.notified() => self.on_notice(),
                Some(call) = self.calls.recv() => self.on_call(call),
                Some((node, address)) = self.found.1.recv() => self.dial(node, address),
                () = tokio::time::sleep_until(wake.into()) => self.on_time(),
            }
        }
        self.close().await;
        shared.finish();
    }

    /// Members, addresses or bans have changed.
    fn on_notice(&mut self) {
        self.swarm.behaviour_mut().gate.sweep();
        let now = Instant::now();
        if let Some(peers) = self.shared.take_peers() {
            self.dialler.set_listed(peers, &self.connected, now);
        }
        let members = self.shared.members();
        for node in members.difference(&self.members) {
            self.dialler.hurry(node, now);
        }
        self.members = members;
    }

    async fn close(&mut self) {
        self.swarm.behaviour_mut().gate.close_all();
        let end = tokio::time::sleep(CLOSE_WITHIN);
        tokio::pin!(end);
        while !self.swarm.behaviour().gate.is_empty() {
            tokio::select! {
                _ = self.swarm.select_next_some() => {}
                () = &mut end => break,
            }
        }
    }

    fn next_wake(&self) -> Instant {
        let now = Instant::now();
        let offer = (!self.offered.is_empty()).then(|| now.checked_add(OFFER_AGAIN)).flatten();
        let rest = now.checked_add(Duration::from_secs(3600)).unwrap_or(now);
        self.dialler.next().into_iter().chain(offer).min().unwrap_or(rest)
    }

    fn on_time(&mut self) {
        while let Some(event) = self.offered.pop_front() {
            if !self.offer(event) {
                break;
            }
        }
        let shared = Arc::clone(&self.shared);
        let now = Instant::now();
        let never = now.checked_add(self.shared.limits.redial_most);
        // Those who are no members are looked at again later: they may become members.
        let put_off = |n: &NodeId| if shared.is_member(n) { shared.banned_until(n) } else { never };
        for peer in self.dialler.take_due(now, put_off) {
            if let Ok(address) = peer.address.parse() {
                self.dial(peer.node, Some(address));
                continue;
            }
            let out = self.found.0.clone();
            tokio::spawn(async move {
                let looked = tokio::time::timeout(LOOKUP_WITHIN, tokio::net::lookup_host(&peer.address)).await;
                let address = looked.ok().and_then(Result::ok).and_then(|mut all| all.next());
                let _ = out.send((peer.node, address)).await;
            });
        }
    }

    fn dial(&mut self, node: NodeId, address: Option<SocketAddr>) {
        let options = address.zip(peer_of(&node)).map(|(address, peer)| {
            DialOpts::peer_id(peer).addresses(vec![multiaddr(address)]).allocate_new_port().build()
        });
        let begun = options.is_some_and(|o| self.swarm.dial(o).is_ok());
        if !begun && !self.connected.contains(&node) {
            self.dialler.failed(&node, Instant::now());
        }
    }

    /// Offers an event that must not be lost; keeps a small stand-in when the node cannot take it now.
    fn offer(&mut self, event: Event) -> bool {
        let again = match &event {
            Event::PeerConnected { node } => Event::PeerConnected { node: *node },
            Event::PeerDisconnected { node } => Event::PeerDisconnected { node: *node },
            Event::Listening { address } => Event::Listening { address: *address },
            Event::Response { from, id, .. } => {
                Event::Response { from: *from, id: *id, result: Err(RequestError::Lost { node: *from }) }
            }
            Event::Gossip { .. } | Event::Request { .. } => return self.shared.deliver(event),
        };
        let taken = self.shared.deliver(event);
        if !taken {
            self.offered.push_front(again);
        }
        taken
    }

    fn tell(&mut self, event: Event) {
        if self.offered.is_empty() {
            self.offer(event);
        } else {
            self.offered.push_back(event);
        }
    }

    // --- the swarm

    fn on_swarm(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Gate(event)) => self.on_gate(event),
            SwarmEvent::Behaviour(BehaviourEvent::Requests(event)) => self.on_request_event(event),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event { connection, result: Err(e), .. })) => {
                tracing::debug!(error = %e, "ping failed");
                self.swarm.close_connection(connection);
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                if let Some(address) = socket(&address) {
                    let _ = self.shared.listen.set(address);
                    self.tell(Event::Listening { address });
                }
            }
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), error, .. } => {
                tracing::debug!(%peer, %error, "could not connect");
                if let Some(node) = node_of(&peer) {
                    self.dialler.failed(&node, Instant::now());
                }
            }
            _ => {}
        }
    }

    fn on_gate(&mut self, event: GateEvent) {
        match event {
            GateEvent::Up(link) => {
                if !self.shared.is_current(&link) || !self.shared.admits(&link.node) {
                    return;
                }
                self.dialler.connected(&link.node, Instant::now());
                link.ready();
                if self.connected.insert(link.node) {
                    tracing::info!(peer = %link.node, "peer connected");
                    self.tell(Event::PeerConnected { node: link.node });
                }
                link.activate();
                self.shared.announce();
            }
            GateEvent::Down(node) => {
                self.dialler.disconnected(&node, Instant::now());
                if self.connected.remove(&node) {
                    tracing::info!(peer = %node, "peer disconnected");
                    self.tell(Event::PeerDisconnected { node });
                    self.shared.announce();
                }
            }
        }
    }

    // --- questions and answers

    fn on_call(&mut self, call: Call) {
        match call {
            Call::Request(to, request, id) => match peer_of(&to).filter(|_| self.connected.contains(&to)) {
                Some(peer) => {
                    let bytes = codec::encode(&request).len();
                    self.shared.counts.went(Kind::Request, bytes);
                    // The kind is all that the answer is compared with.
                    let kept = match &request {
                        Request::Transactions { block, .. } => {
                            Request::Transactions { block: *block, hashes: List::default() }
                        }
                        Request::Blocks { .. } | Request::CompactBlock { .. } => request.clone(),
                    };
                    let out = self.swarm.behaviour_mut().requests.send_request(&peer, Asked::Good(request, bytes));
                    self.asked.insert(out, (id, to, kept));
                }
                None => self.answered(to, id, Err(RequestError::NotConnected { node: to })),
            },
            Call::Respond(channel, bytes) => self.answer(channel.0, bytes),
        }
    }

    fn answered(&mut self, from: NodeId, id: RequestId, result: Result<Response, RequestError>) {
        let _ = self.shared.requests.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1));
        self.tell(Event::Response { from, id, result });
    }

    fn answer(&mut self, number: u64, bytes: Vec<u8>) {
        let Some(question) = self.questions.remove(&number) else { return };
        self.shared.counts.went(Kind::Response, bytes.len());
        self.allowance(question.from).bytes.take(bytes.len(), Instant::now());
        let _ = self.swarm.behaviour_mut().requests.send_response(question.channel, Answer::Encoded(bytes));
    }

    fn allowance(&mut self, node: NodeId) -> &mut Allowance {
        let limits = &self.shared.limits;
        let now = Instant::now();
        if self.allowances.len() > limits.established as usize {
            let connected = &self.connected;
            self.allowances.retain(|n, _| connected.contains(n));
        }
        self.allowances.entry(node).or_insert_with(|| Allowance {
            requests: Bucket::new(limits.requests, now),
            bytes: Bucket::new(limits.response_bytes, now),
        })
    }

    fn on_question(&mut self, from: NodeId, request: Request, question: Question) {
        let now = Instant::now();
        let open = self.questions.values().filter(|q| q.from == from).count();
        let allowance = self.allowance(from);
        let within = allowance.requests.wait(now).is_none() && allowance.bytes.wait(now).is_none();
        allowance.requests.take(1, now);
        let number = self.next_question;
        self.next_question = self.next_question.wrapping_add(1);
        self.questions.insert(number, question);
        let taken = within
            && open < self.shared.limits.requests_per_peer
            && self.shared.deliver(Event::Request { from, request, channel: Channel(number) });
        if !taken {
            one(&self.shared.counts.busy);
            self.answer(number, codec::encode(&Response::Busy));
        }
    }

    fn on_request_event(&mut self, event: RrEvent<Asked, Answer>) {
        match event {
            RrEvent::Message { peer, message: Message::Request { request_id, request, channel }, .. } => {
                let Some(from) = node_of(&peer).filter(|n| self.shared.admits(n)) else { return };
                match request {
                    Asked::Good(request, bytes) => {
                        self.shared.counts.came(Kind::Request, bytes);
                        self.on_question(from, request, Question { from, id: request_id, channel });
                    }
                    Asked::Bad(reason) => self.shared.penalise(&from, &reason),
                }
            }
            RrEvent::Message { message: Message::Response { request_id, response }, .. } => {
                let Some((id, node, request)) = self.asked.remove(&request_id) else { return };
                let Answer::Decoded(response, bytes) = response else { return };
                self.shared.counts.came(Kind::Response, bytes);
                if response.answers(&request) {
                    self.answered(node, id, Ok(*response));
                } else {
                    self.broke_protocol(node, id, "an answer of another kind".into());
                }
            }
            RrEvent::OutboundFailure { request_id, error, .. } => {
                let Some((id, node, _)) = self.asked.remove(&request_id) else { return };
                match error {
                    OutboundFailure::Io(e) if e.kind() == io::ErrorKind::InvalidData => {
                        self.broke_protocol(node, id, e.to_string());
                    }
                    OutboundFailure::Timeout => self.answered(node, id, Err(RequestError::TimedOut { node })),
                    _ => self.answered(node, id, Err(RequestError::NotConnected { node })),
                }
            }
            RrEvent::InboundFailure { request_id, .. } => self.questions.retain(|_, q| q.id != request_id),
            RrEvent::ResponseSent { .. } => {}
        }
    }

    fn broke_protocol(&mut self, node: NodeId, id: RequestId, reason: String) {
        self.shared.penalise(&node, &reason);
        self.answered(node, id, Err(RequestError::Invalid { node, reason }));
    }
}
