//! Watches.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, Response, header};
use kubefed_core::schema::structural::FieldError;
use serde_json::{Value, json};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::answer::{ApiResponse, Form, IncludeObject, View};
use super::body::ResponseBody;
use super::metrics::Pending;
use super::read::{SharedKind, expired_watch};
use super::request_info::Query;
use super::selector;
use crate::encode::encode;
use crate::error::{ApiError, ApiResult};
use crate::faults::{Faults, Weather};
use crate::resources::{Resources, present};
use crate::store::{Change, Event, Page, Record, Selection, Store, Subscription, translate};

/// How often a watch that allows bookmarks gets one.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);
/// A watch without a timeout of its own lives between one and two of these.
const SHORTEST_WATCH: Duration = Duration::from_secs(1800);
/// Events that are waiting are sent together, up to this many.
const BATCH: usize = 64;

/// A running watch.
struct Watch {
    store: Arc<Store>,
    kind: SharedKind,
    form: Form,
    include: IncludeObject,
    selection: Selection,
    subscription: Subscription,
    weather: tokio::sync::watch::Receiver<Weather>,
    epoch: u64,
    /// Lines that are ready to be sent.
    lines: VecDeque<Bytes>,
    rows_sent: bool,
    /// The version of the last event or bookmark.
    sent: u64,
    bookmarks: Option<Interval>,
    deadline: Instant,
    ending: bool,
    /// Counted when the watch ends, as on the real server.
    _pending: Pending,
}

/// Where a watch begins, from its query.
struct Start {
    /// The state first, as ADDED events.
    initial: bool,
    /// A bookmark tells the end of the initial events.
    announce: bool,
    after: Option<u64>,
}

/// A request for a watch.
pub(super) struct WatchRequest<'a> {
    pub(super) kind: SharedKind,
    pub(super) namespace: &'a str,
    /// Empty for collections.
    pub(super) name: &'a str,
    pub(super) form: Form,
    pub(super) include: IncludeObject,
    pub(super) query: &'a Query,
    pub(super) pending: Pending,
}

/// Answers a watch request.
pub(super) fn watch(
    resources: &Resources,
    faults: &Faults,
    request: WatchRequest<'_>,
) -> ApiResult<ApiResponse> {
    let WatchRequest { kind, namespace, name, form, include, query, pending } = request;
    let mut selection =
        selector::selection(&kind, namespace, query.text("labelSelector"), query.text("fieldSelector"))?;
    if !name.is_empty() {
        selection.name = Some(name.to_owned());
    }
    let start = start(query)?;
    let (page, subscription) = match begin(&resources.store, &kind, &selection, &start) {
        Ok(begun) => begun,
        Err(expired) => return Ok(ended_at_once(&expired_watch(expired))),
    };
    let timeout = query.number("timeoutSeconds").map_or_else(
        || SHORTEST_WATCH + Duration::from_secs(resources.random.next() % SHORTEST_WATCH.as_secs()),
        Duration::from_secs,
    );
    let bookmarks = query.flag("allowWatchBookmarks").then(|| {
        let mut interval = tokio::time::interval_at(Instant::now() + BOOKMARK_INTERVAL, BOOKMARK_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        interval
    });
    let weather = faults.observe();
    let epoch = weather.borrow().watch_epoch;
    let sent = page.as_ref().map_or(start.after.unwrap_or(0), |page| page.revision);
    let mut watch = Watch {
        store: resources.store.clone(),
        kind,
        form,
        include,
        selection,
        subscription,
        weather,
        epoch,
        lines: VecDeque::new(),
        rows_sent: false,
        sent,
        bookmarks,
        deadline: Instant::now() + timeout,
        ending: false,
        _pending: pending,
    };
    for record in page.iter().flat_map(|page| &page.records) {
        watch.push(Change::Added, record);
    }
    if start.announce {
        watch.push_bookmark(sent, true);
    }
    Ok(streaming(stream::unfold(watch, |mut watch| async move {
        let lines = watch.next().await?;
        Some((lines, watch))
    })))
}

fn start(query: &Query) -> ApiResult<Start> {
    let version = query.text("resourceVersion");
    let match_rule = query.text("resourceVersionMatch");
    let announce = query.flag("sendInitialEvents") && query.flag("allowWatchBookmarks");
    if query.has("sendInitialEvents") && match_rule != "NotOlderThan" {
        return Err(forbidden_match(
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ));
    }
    if !query.has("sendInitialEvents") && !match_rule.is_empty() {
        return Err(forbidden_match(
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        ));
    }
    let after = match version {
        "" | "0" => None,
        text => Some(
            text.parse()
                .map_err(|_| ApiError::unexpected(format!(
                "resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax"
            )))?,
        ),
    };
    let initial =
        if query.has("sendInitialEvents") { query.flag("sendInitialEvents") } else { after.is_none() };
    Ok(Start { initial, announce, after })
}

fn forbidden_match(detail: &str) -> ApiError {
    ApiError::invalid_options("ListOptions", &[FieldError::forbidden("resourceVersionMatch", detail)])
}

fn begin(
    store: &Arc<Store>,
    kind: &SharedKind,
    selection: &Selection,
    start: &Start,
) -> Result<(Option<Page>, Subscription), crate::store::Expired> {
    if start.initial {
        // Changes between the list and the subscription are in the log.
        let page = store.list(&kind.storage, selection, 0, None)?;
        let subscription = store.watch(&kind.storage, selection, Some(page.revision))?;
        return Ok((Some(page), subscription));
    }
    Ok((None, store.watch(&kind.storage, selection, start.after)?))
}

fn streaming(stream: impl futures::Stream<Item = Bytes> + Send + 'static) -> ApiResponse {
    let mut response = Response::new(ResponseBody::stream(stream));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Once a watch has been accepted, errors are events.
fn ended_at_once(error: &ApiError) -> ApiResponse {
    streaming(stream::iter([line("ERROR", &encode(&error.status()))]))
}

fn line(kind: &str, object: &[u8]) -> Bytes {
    let mut line = Vec::with_capacity(object.len() + 40);
    line.extend_from_slice(format!(r#"{{"type":"{kind}","object":"#).as_bytes());
    line.extend_from_slice(object);
    line.extend_from_slice(b"}\n");
    line.into()
}

impl Watch {
    /// The next lines to send; `None` ends the watch.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let (epoch, held) = {
                let weather = self.weather.borrow_and_update();
                (weather.watch_epoch, weather.dark || weather.watches_stalled)
            };
            if epoch != self.epoch {
                return None;
            }
            if held {
                self.weather.changed().await.ok()?;
                continue;
            }
            if let Some(lines) = self.take_lines() {
                return Some(lines);
            }
            if self.ending {
                return None;
            }
            self.wait().await?;
        }
    }

    /// Waits until there is something to do; `None` where the control plane is gone.
    async fn wait(&mut self) -> Option<()> {
        let next_bookmark = async {
            match &mut self.bookmarks {
                Some(interval) => interval.tick().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            changed = self.weather.changed() => changed.ok()?,
            event = self.subscription.events.recv() => {
                let event = event?;
                self.take_events(&event);
            }
            () = tokio::time::sleep_until(self.deadline) => self.ending = true,
            _ = next_bookmark => {
                // What was committed up to now is in the channel: after it has been emptied, nothing older can come.
                let revision = self.store.revision();
                while let Ok(event) = self.subscription.events.try_recv() {
                    self.push_event(&event);
                }
                self.push_bookmark(revision.max(self.sent), false);
            }
        }
        Some(())
    }

    fn take_events(&mut self, first: &Event) {
        self.push_event(first);
        while self.lines.len() < BATCH {
            let Ok(event) = self.subscription.events.try_recv() else {
                return;
            };
            self.push_event(&event);
        }
    }

    fn take_lines(&mut self) -> Option<Bytes> {
        let first = self.lines.pop_front()?;
        if self.lines.is_empty() {
            return Some(first);
        }
        let mut together = first.to_vec();
        self.lines.drain(..).for_each(|line| together.extend_from_slice(&line));
        Some(together.into())
    }

    fn push_event(&mut self, event: &Event) {
        if let Some((change, record)) = translate(event, &self.selection) {
            self.push(change, &record);
            self.sent = event.revision;
        }
    }

    fn push(&mut self, change: Change, record: &Record) {
        let json = present(&self.kind, &record.json);
        let view = View { kind: &self.kind, form: self.form, include: self.include };
        let shown =
            if self.form == Form::Table { view.row(&json, !self.rows_sent) } else { view.object(&json) };
        self.rows_sent = true;
        self.lines.push_back(line(change.as_str(), &shown));
    }

    fn push_bookmark(&mut self, revision: u64, end_of_initial_events: bool) {
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        if end_of_initial_events {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let (api_version, kind) = match self.form {
            Form::Metadata => ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadata".to_owned()),
            Form::Object | Form::Table => (self.kind.api_version(), self.kind.kind.clone()),
        };
        let bookmark: Value = match self.form {
            Form::Table => json!({
                "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
                "columnDefinitions": [], "rows": [],
            }),
            Form::Object | Form::Metadata => {
                json!({"kind": kind, "apiVersion": api_version, "metadata": metadata})
            }
        };
        self.sent = revision;
        self.lines.push_back(line("BOOKMARK", &encode(&bookmark)));
    }
}
