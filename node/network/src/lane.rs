//! A connection's end of the lanes: frames from the link's queues to the wire, and from the wire to the node.
//!
//! Each side opens one stream per lane and only writes on it; it only reads on those that the other side opened. A
//! frame is its length (u32, little endian) and its bytes. Streams of one connection take turns, so a vote waits for
//! a few kilobytes of transactions at most. A lane whose quota is used up is not read for a while: the peer's window
//! fills and its own queue drops what is old.

use crate::{
    config::Quota,
    counts::{Kind, one},
    link::{Link, longest},
    message::Lane,
    quota::Bucket,
    shared::Shared,
};
use futures::{AsyncRead, AsyncWrite, future};
use libp2p::{
    Stream, StreamProtocol,
    core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo},
    swarm::{
        ConnectionHandler, ConnectionHandlerEvent, SubstreamProtocol,
        handler::{ConnectionEvent, FullyNegotiatedInbound, FullyNegotiatedOutbound},
    },
};
use std::{
    convert::Infallible,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// Bytes that are put together before they are written.
const WRITE_TARGET: usize = 64 * 1024;
/// Bytes read at a time.
const READ_CHUNK: usize = 16 * 1024;
/// Frames taken from a lane before others get their turn.
const TURN: usize = 32;
/// Streams that a peer may open for its lanes in the life of a connection.
const MOST_OPENED: usize = 8;
/// Longest time that a connection drains.
const DRAIN_WITHIN: Duration = Duration::from_secs(3);
/// How often a draining connection is looked at.
const DRAIN_TICK: Duration = Duration::from_millis(20);
const LANES: [Lane; 2] = [Lane::Consensus, Lane::Transactions];

/// The protocol names of both lanes of a chain; as an upgrade, the stream with its lane.
#[derive(Clone, Debug)]
pub(crate) struct Lanes(Vec<(StreamProtocol, Lane)>);

impl Lanes {
    /// The lanes of a chain; each chain has its own names, so that no message strays from one to another.
    pub(crate) fn of_chain(chain: &str) -> Option<Self> {
        let name = |lane: &str| StreamProtocol::try_from_owned(format!("/althing/{chain}/{lane}/1")).ok();
        Some(Self(vec![(name("consensus")?, Lane::Consensus), (name("transactions")?, Lane::Transactions)]))
    }

    fn only(&self, lane: Lane) -> Self {
        Self(self.0.iter().filter(|(_, l)| *l == lane).cloned().collect())
    }

    fn lane(&self, protocol: &StreamProtocol) -> Lane {
        self.0.iter().find(|(p, _)| p == protocol).map_or(Lane::Transactions, |(_, l)| *l)
    }
}

impl UpgradeInfo for Lanes {
    type Info = StreamProtocol;
    type InfoIter = std::vec::IntoIter<StreamProtocol>;
    fn protocol_info(&self) -> Self::InfoIter {
        self.0.iter().map(|(p, _)| p.clone()).collect::<Vec<_>>().into_iter()
    }
}

impl InboundUpgrade<Stream> for Lanes {
    type Output = (Lane, Stream);
    type Error = Infallible;
    type Future = future::Ready<Result<Self::Output, Self::Error>>;
    fn upgrade_inbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        future::ready(Ok((self.lane(&protocol), stream)))
    }
}

impl OutboundUpgrade<Stream> for Lanes {
    type Output = (Lane, Stream);
    type Error = Infallible;
    type Future = future::Ready<Result<Self::Output, Self::Error>>;
    fn upgrade_outbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        future::ready(Ok((self.lane(&protocol), stream)))
    }
}

/// What a connection tells the door.
#[derive(Debug)]
pub(crate) enum LaneEvent {
    /// The peer opened both of our lanes: it lets us in.
    Ready,
    /// A lane broke; the connection is of no use.
    Broken(String),
}

enum Outgoing {
    Wanted,
    Opening,
    Open(Stream),
    Done,
}

struct Writer {
    lane: Lane,
    outgoing: Outgoing,
    buffer: Vec<u8>,
    written: usize,
    unflushed: bool,
}

struct Reader {
    lane: Lane,
    stream: Option<Stream>,
    ended: bool,
    buffer: Vec<u8>,
    start: usize,
    messages: Bucket,
    bytes: Bucket,
    throttled: bool,
}

/// The handler of one connection.
pub(crate) struct LaneHandler {
    shared: Arc<Shared>,
    link: Arc<Link>,
    lanes: Lanes,
    writers: [Writer; 2],
    readers: [Reader; 2],
    opened: usize,
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
    ready: bool,
    drain_end: Option<Instant>,
    broken: Option<String>,
    chunk: Box<[u8]>,
}

impl LaneHandler {
    pub(crate) fn new(shared: Arc<Shared>, link: Arc<Link>, lanes: Lanes) -> Self {
        let now = Instant::now();
        let limits = shared.limits.clone();
        let reader = |lane, messages: Quota, bytes: Quota| Reader {
            lane,
            stream: None,
            ended: false,
            buffer: Vec::new(),
            start: 0,
            messages: Bucket::new(messages, now),
            bytes: Bucket::new(bytes, now),
            throttled: false,
        };
        Self {
            shared,
            link,
            lanes,
            writers: LANES.map(Writer::new),
            readers: [
                reader(Lane::Consensus, limits.consensus_messages, limits.consensus_bytes),
                reader(Lane::Transactions, limits.transactions_messages, limits.transactions_bytes),
            ],
            opened: 0,
            sleep: None,
            ready: false,
            drain_end: None,
            broken: None,
            chunk: vec![0; READ_CHUNK].into_boxed_slice(),
        }
    }

    /// Reads both lanes; says how long to wait when a quota is used up.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<Option<Duration>, String> {
        let mut wait: Option<Duration> = None;
        for reader in &mut self.readers {
            let mut turn: usize = 0;
            loop {
                if !self.link.is_readable() {
                    return Ok(None);
                }
                if let Some(pause) = reader.pause() {
                    if !std::mem::replace(&mut reader.throttled, true) {
                        one(&self.shared.counts.throttled);
                    }
                    wait = Some(wait.map_or(pause, |w| w.min(pause)));
                    break;
                }
                reader.throttled = false;
                if turn >= TURN {
                    cx.waker().wake_by_ref();
                    break;
                }
                turn = turn.saturating_add(1);
                let Some(range) = reader.poll_frame(cx, &mut self.chunk)? else { break };
                let frame = reader.buffer.get(range.clone()).unwrap_or_default();
                self.shared.receive(&self.link, reader.lane, frame)?;
                reader.used(range);
            }
        }
        Ok(wait)
    }

    /// Reads, and sees to it that we are woken when a quota is free again.
    fn read_or_penalise(&mut self, cx: &mut Context<'_>) {
        match self.read(cx) {
            Ok(None) => self.sleep = None,
            Ok(Some(wait)) => self.wake_after(wait, cx),
            Err(reason) => self.shared.penalise(&self.link.node, &reason),
        }
    }

    fn wake_after(&mut self, wait: Duration, cx: &mut Context<'_>) {
        let mut sleep = Box::pin(tokio::time::sleep(wait));
        if sleep.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        self.sleep = Some(sleep);
    }

    /// Ends our streams and takes what still comes; says whether all is done.
    fn drain(&mut self, cx: &mut Context<'_>) -> bool {
        let now = Instant::now();
        let end = *self.drain_end.get_or_insert_with(|| now.checked_add(DRAIN_WITHIN).unwrap_or(now));
        for writer in &mut self.writers {
            writer.finish(cx);
        }
        // The node is told of the peer by the other connection; nothing may reach it before.
        if self.shared.link(&self.link.node).is_some_and(|l| l.is_active()) {
            self.read_or_penalise(cx);
        }
        let ended = self.readers.iter().all(|r| r.ended);
        let finished = self.writers.iter().all(|w| matches!(w.outgoing, Outgoing::Done));
        self.wake_after(DRAIN_TICK, cx);
        now >= end || (ended && finished)
    }
}

impl Writer {
    fn new(lane: Lane) -> Self {
        Self { lane, outgoing: Outgoing::Wanted, buffer: Vec::new(), written: 0, unflushed: false }
    }

    /// Writes the rest of the frames that were begun and ends the stream.
    fn finish(&mut self, cx: &mut Context<'_>) {
        let Outgoing::Open(stream) = &mut self.outgoing else { return };
        let mut stream = Pin::new(stream);
        while self.written < self.buffer.len() {
            let rest = self.buffer.get(self.written..).unwrap_or_default();
            match stream.as_mut().poll_write(cx, rest) {
                Poll::Ready(Ok(n)) if n > 0 => self.written = self.written.saturating_add(n),
                Poll::Ready(_) => {
                    self.outgoing = Outgoing::Done;
                    return;
                }
                Poll::Pending => return,
            }
        }
        if stream.poll_close(cx).is_ready() {
            self.outgoing = Outgoing::Done;
        }
    }

    /// Writes what waits.
    fn write(&mut self, cx: &mut Context<'_>, link: &Link, shared: &Shared) -> io::Result<()> {
        let Outgoing::Open(stream) = &mut self.outgoing else { return Ok(()) };
        loop {
            if self.written >= self.buffer.len() {
                self.buffer.clear();
                self.written = 0;
                let buffer = &mut self.buffer;
                link.pop(self.lane, WRITE_TARGET, |frame| {
                    shared.counts.went(Kind::of_frame(frame), frame.len());
                    let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
                    buffer.extend_from_slice(&length.to_le_bytes());
                    buffer.extend_from_slice(frame);
                });
                if buffer.is_empty() {
                    break;
                }
            }
            let rest = self.buffer.get(self.written..).unwrap_or_default();
            match Pin::new(&mut *stream).poll_write(cx, rest)? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(n) => {
                    self.written = self.written.saturating_add(n);
                    self.unflushed = true;
                }
                Poll::Pending => break,
            }
        }
        if self.unflushed && Pin::new(stream).poll_flush(cx)?.is_ready() {
            self.unflushed = false;
        }
        if self.buffer.capacity() > WRITE_TARGET.saturating_mul(4) && self.buffer.is_empty() {
            self.buffer = Vec::new();
        }
        Ok(())
    }
}

impl Reader {
    /// How long to leave the lane alone, by its quota.
    fn pause(&mut self) -> Option<Duration> {
        let now = Instant::now();
        self.messages.wait(now).into_iter().chain(self.bytes.wait(now)).max()
    }

    /// The next whole frame, as a range of the buffer; nothing when more must arrive first.
    fn poll_frame(&mut self, cx: &mut Context<'_>, chunk: &mut [u8]) -> Result<Option<std::ops::Range<usize>>, String> {
        loop {
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            if let Some((head, body)) = rest.split_first_chunk::<4>() {
                let length = u32::from_le_bytes(*head) as usize;
                let most = longest(self.lane);
                if length > most {
                    return Err(format!("a frame of {length} bytes exceeds the maximum of {most}"));
                }
                if body.len() >= length {
                    let from = self.start.saturating_add(4);
                    return Ok(Some(from..from.saturating_add(length)));
                }
            }
            let Some(stream) = &mut self.stream else { return Ok(None) };
            match Pin::new(stream).poll_read(cx, chunk) {
                Poll::Pending => return Ok(None),
                Poll::Ready(Ok(n)) if n > 0 => {
                    self.buffer.drain(..self.start);
                    self.start = 0;
                    self.buffer.extend_from_slice(chunk.get(..n).unwrap_or_default());
                }
                // The other side is done with this stream, and so are we; its connection ends by itself.
                Poll::Ready(_) => {
                    self.stream = None;
                    self.ended = true;
                    return Ok(None);
                }
            }
        }
    }

    /// Marks a frame as taken and charges it.
    fn used(&mut self, range: std::ops::Range<usize>) {
        let now = Instant::now();
        self.messages.take(1, now);
        self.bytes.take(range.len(), now);
        self.start = range.end;
        if self.start >= self.buffer.len() {
            self.start = 0;
            if self.buffer.capacity() > READ_CHUNK.saturating_mul(16) {
                self.buffer = Vec::new();
            } else {
                self.buffer.clear();
            }
        }
    }
}

impl ConnectionHandler for LaneHandler {
    type FromBehaviour = Infallible;
    type ToBehaviour = LaneEvent;
    type InboundProtocol = Lanes;
    type OutboundProtocol = Lanes;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Lane;

    fn listen_protocol(&self) -> SubstreamProtocol<Lanes> {
        SubstreamProtocol::new(self.lanes.clone(), ())
    }

    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Lanes, Lanes, (), Lane>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: (lane, stream), .. }) => {
                self.opened = self.opened.saturating_add(1);
                if self.opened > MOST_OPENED {
                    self.shared.penalise(&self.link.node, "too many lanes opened");
                    return;
                }
                for reader in self.readers.iter_mut().filter(|r| r.lane == lane) {
                    reader.buffer.clear();
                    reader.start = 0;
                }
                if let Some(reader) = self.readers.iter_mut().find(|r| r.lane == lane) {
                    reader.stream = Some(stream);
                }
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol: (_, stream), info }) => {
                if let Some(writer) = self.writers.iter_mut().find(|w| w.lane == info) {
                    writer.outgoing = Outgoing::Open(stream);
                }
            }
            ConnectionEvent::DialUpgradeError(e) => {
                if let Some(writer) = self.writers.iter_mut().find(|w| w.lane == e.info) {
                    writer.outgoing = Outgoing::Done;
                }
                self.broken = Some(format!("the peer does not open the {:?} lane of this chain: {}", e.info, e.error));
            }
            _ => {}
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Lanes, Lane, LaneEvent>> {
        self.link.waker.register(cx.waker());
        if let Some(reason) = self.broken.take() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(LaneEvent::Broken(reason)));
        }
        if self.link.is_draining() {
            if self.drain(cx) {
                self.link.close();
                let reason = "another connection to the peer was chosen".into();
                return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(LaneEvent::Broken(reason)));
            }
            return Poll::Pending;
        }
        for writer in &mut self.writers {
            if matches!(writer.outgoing, Outgoing::Wanted) {
                writer.outgoing = Outgoing::Opening;
                let protocol = SubstreamProtocol::new(self.lanes.only(writer.lane), writer.lane);
                return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
            }
        }
        if !self.ready && self.writers.iter().all(|w| matches!(w.outgoing, Outgoing::Open(_))) {
            self.ready = true;
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(LaneEvent::Ready));
        }
        if !self.link.is_active() {
            return Poll::Pending;
        }
        for writer in &mut self.writers {
            if let Err(e) = writer.write(cx, &self.link, &self.shared) {
                writer.outgoing = Outgoing::Done;
                return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(LaneEvent::Broken(e.to_string())));
            }
        }
        self.read_or_penalise(cx);
        Poll::Pending
    }
}
