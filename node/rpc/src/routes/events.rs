//! Events from a cursor: pages, and a stream that never holds more than one page per client.
//!
//! The stream reads the ledger by cursor whenever the client has taken what was read before and the tip has moved, so a
//! slow client delays only itself. Its frames:
//!
//! | event | id | data |
//! |---|---|---|
//! | `event` | `height:index` of the event | [`EventDocument`] |
//! | `height` | `height:4294967295` | `{"height": n}`: everything up to this height was sent; at once after events, else at most once per second |
//! | `error` | | [`althing_api::ApiError`]; the stream ends |

use crate::{
    app::{App, ClientAddress, Weight},
    extract::Arguments,
    problem::Problem,
    quota::Slot,
};
use althing_api::model::{EventDocument, EventPage, MAX_EVENT_PAGE, cursor_after, cursor_text, parse_cursor};
use althing_types::{
    event::{EventId, MAX_TOPIC},
    id::{ContractId, Height},
};
use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, header},
    response::{
        IntoResponse, Response,
        sse::{Event as Frame, KeepAlive, Sse},
    },
};
use futures::stream;
use prometheus_client::metrics::gauge::Gauge;
use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};

/// Events read from the ledger in one go.
const READ: usize = 256;
/// Events looked at for one page, matching or not.
const LOOK_AT: usize = 5_000;
/// Least time between two `height` frames without events between them.
const HEIGHT_EVERY: Duration = Duration::from_secs(1);
/// Time between two comments that keep the connection open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(Clone, Debug, Default)]
struct Filter {
    contract: Option<ContractId>,
    name: Option<String>,
    topic: Vec<u8>,
}

impl Filter {
    fn wants(&self, document: &EventDocument) -> bool {
        let event = &document.event;
        self.contract.as_ref().is_none_or(|c| *c == event.contract)
            && self.name.as_ref().is_none_or(|n| n.as_str() == event.name.as_str())
            && event.topic.starts_with(&self.topic)
    }
}

/// `GET /v1/events`
pub(crate) async fn events(
    State(app): State<Arc<App>>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    headers: HeaderMap,
    mut arguments: Arguments,
) -> Result<Response, Problem> {
    let rule = "must be height:index";
    let cursor = |field: &str, text: &str| parse_cursor(text).ok_or_else(|| Problem::parameter(field, text, rule));
    let from = arguments.text("from").map(|text| cursor("from", &text)).transpose()?;
    let filter = Filter {
        contract: arguments.parsed("contract")?,
        name: arguments.text("name"),
        topic: arguments.bytes("topic", MAX_TOPIC)?.unwrap_or_default(),
    };
    let stream = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .any(|accept| accept.contains("text/event-stream"));
    let first = EventId { height: Height(0), index: 0 };
    if !stream {
        let limit = arguments.count("limit", 100, MAX_EVENT_PAGE)?;
        arguments.finish()?;
        return page(&app, from.unwrap_or(first), filter, limit).await.map(|p| Json(p).into_response());
    }
    arguments.finish()?;
    let last = match headers.get("last-event-id") {
        None => None,
        Some(value) => {
            let text = value.to_str().map_err(|_| Problem::parameter("last-event-id", "", rule))?;
            Some(cursor_after(cursor("last-event-id", text)?))
        }
    };
    let slot = app.streams.take(address).ok_or_else(|| Problem::busy("event streams"))?;
    let gauge = app.metrics().streams.clone();
    gauge.inc();
    let feed = Feed {
        tip: app.services.ledger.tip(),
        stopping: app.stopping.clone(),
        app,
        filter,
        next: last.or(from).unwrap_or(first),
        frames: VecDeque::new(),
        told: None,
        told_at: None,
        events_sent: false,
        ended: false,
        _held: Held { gauge, _slot: slot },
    };
    let frames =
        stream::unfold(feed, async |mut feed| feed.frame().await.map(|frame| (Ok::<_, Infallible>(frame), feed)));
    Ok(Sse::new(frames).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

async fn page(app: &App, from: EventId, filter: Filter, limit: usize) -> Result<EventPage, Problem> {
    app.read(Weight::Heavy, move |ledger| {
        let height = *ledger.tip().borrow();
        let (mut next, mut looked, mut events) = (from, 0usize, Vec::new());
        while events.len() < limit && looked < LOOK_AT {
            let read = ledger.events(next, READ)?;
            let count = read.len();
            looked = looked.saturating_add(count.max(1));
            for document in read {
                if events.len() >= limit {
                    break;
                }
                next = cursor_after(document.id);
                if filter.wants(&document) {
                    events.push(document);
                }
            }
            if count < READ && events.len() < limit {
                next = next.max(EventId { height: height.next(), index: 0 });
                break;
            }
        }
        Ok(EventPage { events, next: cursor_text(next), height })
    })
    .await
}

/// What one stream holds of the server's quotas.
struct Held {
    gauge: Gauge,
    _slot: Slot,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

/// One client's stream.
struct Feed {
    app: Arc<App>,
    tip: watch::Receiver<Height>,
    stopping: watch::Receiver<bool>,
    filter: Filter,
    next: EventId,
    frames: VecDeque<Frame>,
    told: Option<Height>,
    told_at: Option<Instant>,
    /// Whether events were sent since: their reader waits to hear that the block has no more.
    events_sent: bool,
    ended: bool,
    _held: Held,
}

impl Feed {
    /// The next frame; `None` ends the stream.
    async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Some(frame);
            }
            if self.ended || *self.stopping.borrow() {
                return None;
            }
            let tip = *self.tip.borrow_and_update();
            match self.read(tip).await {
                Err(problem) => {
                    self.ended = true;
                    self.frames.push_back(json_frame("error", None, &problem.into_error()));
                }
                Ok(true) => {
                    self.tell_height(tip);
                    if self.frames.is_empty() && !self.wait(tip).await {
                        return None;
                    }
                }
                Ok(false) => {}
            }
        }
    }

    /// Reads on from the cursor; whether everything up to `tip` has been read.
    async fn read(&mut self, tip: Height) -> Result<bool, Problem> {
        let from = self.next;
        if from.height > tip {
            return Ok(true);
        }
        let read = self.app.read(Weight::Light, move |ledger| ledger.events(from, READ)).await?;
        let all = read.len() < READ;
        for document in read {
            self.next = cursor_after(document.id);
            if self.filter.wants(&document) {
                let id = cursor_text(document.id);
                self.frames.push_back(json_frame("event", Some(id), &document));
                self.events_sent = true;
            }
        }
        if all {
            self.next = self.next.max(EventId { height: tip.next(), index: 0 });
        }
        Ok(all)
    }

    fn tell_height(&mut self, tip: Height) {
        let due = self.events_sent || self.told_at.is_none_or(|at| at.elapsed() >= HEIGHT_EVERY);
        if due && self.told.is_none_or(|told| told < tip) {
            let id = cursor_text(EventId { height: tip, index: u32::MAX });
            self.frames.push_back(json_frame("height", Some(id), &serde_json::json!({ "height": tip })));
            self.told = Some(tip);
            self.told_at = Some(Instant::now());
            self.events_sent = false;
        }
    }

    /// Waits until the tip moves, or until a height that was held back may be told; `false` when the node stops.
    async fn wait(&mut self, tip: Height) -> bool {
        let held_back = self.told.is_none_or(|told| told < tip);
        let pause = if held_back { HEIGHT_EVERY } else { Duration::from_secs(3_600) };
        tokio::select! {
            changed = self.tip.changed() => changed.is_ok(),
            _ = self.stopping.wait_for(|stop| *stop) => false,
            () = tokio::time::sleep(pause) => true,
        }
    }
}

fn json_frame(name: &str, id: Option<String>, data: &impl serde::Serialize) -> Frame {
    let text = serde_json::to_string(data).unwrap_or_default();
    let frame = Frame::default().event(name).data(text);
    match id {
        Some(id) => frame.id(id),
        None => frame,
    }
}
