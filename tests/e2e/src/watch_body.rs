//! The body of a watch's answer, under the control of a [`Wire`](crate::Wire): events stand still or come up to a
//! version, or the watch ends, with its connection or in the way in which API servers end one whose resource version is
//! too old. What is handed on is written down.

use std::io;

use bytes::{Bytes, BytesMut};
use futures::{Stream, stream};
use http_body_util::BodyExt;
use kube::client::Body;
use serde::Deserialize;
use tokio::sync::watch;
use tower::BoxError;

use crate::wire::Weather;

/// What an API server sends before it ends a watch that it cannot go on with. The client has to list again.
const EXPIRED: &str = concat!(
    r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","#,
    r#""message":"too old resource version","reason":"Expired","code":410}}"#,
    "\n"
);

/// A line of a watch, as far as the wire looks at it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Event {
    #[serde(rename = "type")]
    verb: String,
    object: Object,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Object {
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    name: String,
    resource_version: String,
}

impl Event {
    fn read(line: &[u8]) -> Self {
        serde_json::from_slice(line).unwrap_or_default()
    }

    /// Whether it tells of an object, and not only of how far the watch is.
    fn is_of_an_object(&self) -> bool {
        matches!(&*self.verb, "ADDED" | "MODIFIED" | "DELETED")
    }

    pub(crate) fn name(&self) -> &str {
        &self.object.metadata.name
    }

    /// `None` for an error.
    pub(crate) fn version(&self) -> Option<u64> {
        self.object.metadata.resource_version.parse().ok()
    }
}

struct Watch<F> {
    body: Body,
    /// Whether the body has come to its end.
    has_ended: bool,
    weather: watch::Receiver<Weather>,
    began: Weather,
    /// Lines that were not handed on, and the beginning of one that has not come to its end.
    lines: BytesMut,
    handed_on: F,
    over: bool,
}

/// The events of a watch that began under a certain weather, in whole lines, as long as the weather lets them through.
/// `handed_on` is told of each event of an object just before it goes on.
pub(crate) fn events(
    body: Body,
    weather: watch::Receiver<Weather>,
    began: Weather,
    handed_on: impl Fn(&Event) + Send,
) -> impl Stream<Item = Result<Bytes, BoxError>> + Send {
    let watch =
        Watch { body, has_ended: false, weather, began, lines: BytesMut::new(), handed_on, over: false };
    stream::unfold(watch, |mut watch| async move {
        let lines = watch.next().await?;
        Some((lines, watch))
    })
}

impl<F: Fn(&Event)> Watch<F> {
    async fn next(&mut self) -> Option<Result<Bytes, BoxError>> {
        while !self.over {
            let weather = self.weather.borrow_and_update().clone();
            if weather.watches_lost != self.began.watches_lost {
                self.over = true;
                return Some(Ok(Bytes::from_static(EXPIRED.as_bytes())));
            }
            if weather.cuts != self.began.cuts {
                self.over = true;
                return Some(Err(io::Error::from(io::ErrorKind::ConnectionReset).into()));
            }
            if let Some(lines) = self.take_lines(&weather) {
                return Some(Ok(lines));
            }
            if self.has_ended && !weather.holds_events() {
                return None;
            }
            let changed = self.weather.changed();
            // Without a wire there is nobody left who could want the events.
            if self.has_ended || weather.dark {
                self.over = changed.await.is_err();
                continue;
            }
            tokio::select! {
                biased;
                changed = changed => self.over = changed.is_err(),
                frame = self.body.frame() => match frame {
                    Some(Ok(frame)) => self.lines.extend_from_slice(&frame.into_data().unwrap_or_default()),
                    Some(Err(error)) => {
                        self.over = true;
                        return Some(Err(error.into()));
                    }
                    None => self.has_ended = true,
                },
            }
        }
        None
    }

    /// The whole lines that may go on now. Order stays: behind one that is held back, all are.
    fn take_lines(&mut self, weather: &Weather) -> Option<Bytes> {
        let mut end = 0;
        while let Some(length) = self.lines[end..].iter().position(|&byte| byte == b'\n') {
            let event = Event::read(&self.lines[end..end + length]);
            if weather.holds(event.version()) {
                break;
            }
            if event.is_of_an_object() {
                (self.handed_on)(&event);
            }
            end += length + 1;
        }
        (end > 0).then(|| self.lines.split_to(end).freeze())
    }
}
