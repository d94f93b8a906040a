//! Events followed from a cursor, over broken connections and killed nodes.

use crate::{
    client::{Client, chain},
    error::ClientError,
};
use althing_api::{
    ApiError, ErrorCode,
    model::{EventDocument, cursor_after},
};
use althing_types::{
    event::EventId,
    id::{ContractId, Height},
};
use serde::Deserialize;
use std::{collections::VecDeque, time::Duration};
use tokio::time::{Instant, sleep, timeout};

/// Longest line of a stream in bytes.
const MAX_LINE: usize = 256 * 1024;
/// A stream that says nothing for this long is opened anew; the node sends a comment every 15 s.
const SILENCE: Duration = Duration::from_secs(45);
/// First pause before a stream is opened anew; doubles up to two seconds.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Which events are wanted; empty fields want all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this contract.
    pub contract: Option<ContractId>,
    /// Of this name.
    pub name: Option<String>,
    /// Whose topic starts with these bytes.
    pub topic: Vec<u8>,
}

/// What a follower gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// An event.
    Event(Box<EventDocument>),
    /// Everything up to this height was given.
    Height(Height),
}

/// Follows events; each is given exactly once and in order, whatever happens to connections.
///
/// Events are as the node tells them: they are not proven. A follower that must not be lied to reads the state that
/// the event is about with [`crate::Verifier`].
#[derive(Debug)]
pub struct Follower {
    client: Client,
    filter: Filter,
    next: EventId,
    stream: Option<reqwest::Response>,
    frames: Frames,
    ready: VecDeque<Frame>,
}

impl Follower {
    /// Follows from a place on (inclusive).
    pub fn new(client: Client, from: EventId, filter: Filter) -> Self {
        Self { client, filter, next: from, stream: None, frames: Frames::default(), ready: VecDeque::new() }
    }

    /// Where the follower stands: give it to [`Self::new`] to go on later.
    pub const fn cursor(&self) -> EventId {
        self.next
    }

    /// The next event or height; waits for it. Cancel-safe: a dropped call loses nothing.
    ///
    /// # Errors
    /// [`ClientError`] when no node answers for the client's retry time, or the cursor is no longer kept.
    pub async fn next(&mut self) -> Result<Followed, ClientError> {
        let mut failing_since: Option<Instant> = None;
        let mut pause = FIRST_PAUSE;
        loop {
            let outcome = match self.ready.pop_front() {
                Some(frame) => match self.take(&frame) {
                    Ok(Some(followed)) => return Ok(followed),
                    other => other.map(|_| false),
                },
                None => self.fill().await.map(|()| true),
            };
            let error = match outcome {
                Ok(read) => {
                    if read {
                        failing_since = None;
                        pause = FIRST_PAUSE;
                    }
                    continue;
                }
                Err(error) => error,
            };
            self.stream = None;
            self.ready.clear();
            let temporary = match error.api() {
                Some(api) => matches!(api.status(), 429 | 503),
                None => matches!(error, ClientError::Transport { .. }),
            };
            let since = *failing_since.get_or_insert_with(Instant::now);
            if !temporary || since.elapsed() > self.client.config().retry_for {
                return Err(error);
            }
            self.client.rotate();
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(Duration::from_secs(2));
        }
    }

    /// Reads one piece of the stream, opening it when there is none.
    async fn fill(&mut self) -> Result<(), ClientError> {
        let transport = |url: &str, reason: String| ClientError::Transport { url: url.into(), reason };
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let opened = self.client.open_events(self.next, &self.filter).await?;
                self.frames = Frames::default();
                self.stream.insert(opened)
            }
        };
        let url = stream.url().origin().ascii_serialization();
        match timeout(SILENCE, stream.chunk()).await {
            Err(_) => Err(transport(&url, "the event stream fell silent".into())),
            Ok(Err(error)) => Err(transport(&url, chain(&error))),
            Ok(Ok(None)) => Err(transport(&url, "the event stream ended".into())),
            Ok(Ok(Some(bytes))) => self
                .frames
                .push(&bytes, &mut self.ready)
                .map_err(|reason| ClientError::Answer { url, reason: reason.into() }),
        }
    }

    fn take(&mut self, frame: &Frame) -> Result<Option<Followed>, ClientError> {
        let url = self.client.url();
        let wrong = |e: serde_json::Error| ClientError::Answer { url: url.into(), reason: e.to_string() };
        match frame.event.as_str() {
            "event" => {
                let document: EventDocument = serde_json::from_str(&frame.data).map_err(wrong)?;
                if document.id < self.next {
                    return Ok(None);
                }
                self.next = cursor_after(document.id);
                Ok(Some(Followed::Event(Box::new(document))))
            }
            "height" => {
                #[derive(Deserialize)]
                struct Tip {
                    height: Height,
                }
                let tip: Tip = serde_json::from_str(&frame.data).map_err(wrong)?;
                self.next = self.next.max(EventId { height: tip.height.next(), index: 0 });
                Ok(Some(Followed::Height(tip.height)))
            }
            "error" => {
                let error = serde_json::from_str::<ApiError>(&frame.data)
                    .unwrap_or_else(|_| ApiError::new(ErrorCode::Internal, frame.data.clone()));
                Err(ClientError::Api { url: url.into(), error: Box::new(error) })
            }
            _ => Ok(None),
        }
    }
}

/// One frame of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Frame {
    event: String,
    data: String,
}

/// Splits bytes into frames (WHATWG HTML, 9.2.6), with a bound on lines and frames.
#[derive(Debug, Default)]
struct Frames {
    line: Vec<u8>,
    frame: Frame,
}

impl Frames {
    fn push(&mut self, bytes: &[u8], out: &mut VecDeque<Frame>) -> Result<(), &'static str> {
        for byte in bytes {
            if *byte != b'\n' {
                if self.line.len() >= MAX_LINE {
                    return Err("a line of the event stream is too long");
                }
                self.line.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let text = std::str::from_utf8(&line).map_err(|_| "the event stream is not UTF-8")?.trim_end_matches('\r');
            if text.is_empty() {
                let frame = std::mem::take(&mut self.frame);
                if !frame.data.is_empty() {
                    out.push_back(frame);
                }
                continue;
            }
            let (name, value) = text.split_once(':').unwrap_or((text, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "event" => self.frame.event = value.into(),
                "data" => {
                    if self.frame.data.len().saturating_add(value.len()) > MAX_LINE {
                        return Err("a frame of the event stream is too long");
                    }
                    if !self.frame.data.is_empty() {
                        self.frame.data.push('\n');
                    }
                    self.frame.data.push_str(value);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STREAM: &str = ": hello\n\nevent: event\r\nid: 1:0\ndata: {\"a\":\ndata: 1}\n\nevent:height\ndata:{}\n\n";

    fn frames(pieces: &[&[u8]]) -> Vec<Frame> {
        let (mut frames, mut out) = (Frames::default(), VecDeque::new());
        for piece in pieces {
            frames.push(piece, &mut out).unwrap();
        }
        out.into()
    }

    #[test]
    fn frames_are_split_at_empty_lines() {
        let found = frames(&[STREAM.as_bytes()]);
        assert_eq!(found[0], Frame { event: "event".into(), data: "{\"a\":\n1}".into() });
        assert_eq!(found[1], Frame { event: "height".into(), data: "{}".into() });
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut frames = Frames::default();
        assert!(frames.push(&vec![b'x'; MAX_LINE + 1], &mut VecDeque::new()).is_err());
    }

    proptest! {
        #[test]
        fn the_way_a_stream_is_cut_does_not_matter(cut in 0usize..STREAM.len()) {
            let (a, b) = STREAM.as_bytes().split_at(cut);
            prop_assert_eq!(frames(&[a, b]), frames(&[STREAM.as_bytes()]));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Frames::default().push(&bytes, &mut VecDeque::new());
        }
    }
}
