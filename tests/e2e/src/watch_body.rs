//! The body of a watch's answer, under the control of a [`Wire`](crate::Wire): events stand still, or the watch ends
//! in the way in which API servers end one whose resource version is too old.

use bytes::{Bytes, BytesMut};
use futures::{Stream, stream};
use http_body_util::BodyExt;
use kube::client::Body;
use tokio::sync::watch;

use crate::wire::Weather;

/// What an API server sends before it ends a watch that it cannot go on with. The client has to list again.
const EXPIRED: &str = concat!(
    r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","#,
    r#""message":"too old resource version","reason":"Expired","code":410}}"#,
    "\n"
);

struct Watch {
    events: Body,
    weather: watch::Receiver<Weather>,
    /// Under which number of lost watches this one began.
    began: u64,
    /// The beginning of a line that has not come to its end.
    line: BytesMut,
    over: bool,
}

/// The events of a watch in whole lines, as long as the weather lets them through.
pub(crate) fn events(
    body: Body,
    weather: watch::Receiver<Weather>,
) -> impl Stream<Item = Result<Bytes, kube::Error>> + Send {
    let began = weather.borrow().watches_lost;
    let watch = Watch { events: body, weather, began, line: BytesMut::new(), over: false };
    stream::unfold(watch, |mut watch| async move {
        let lines = watch.next().await?;
        Some((lines, watch))
    })
}

impl Watch {
    async fn next(&mut self) -> Option<Result<Bytes, kube::Error>> {
        while !self.over {
            let weather = self.weather.borrow_and_update().clone();
            if weather.watches_lost != self.began {
                self.over = true;
                return Some(Ok(Bytes::from_static(EXPIRED.as_bytes())));
            }
            let changed = self.weather.changed();
            // Without a wire there is nobody left who could want the events.
            if weather.holds_events() {
                self.over = changed.await.is_err();
                continue;
            }
            let frame = tokio::select! {
                biased;
                changed = changed => {
                    self.over = changed.is_err();
                    continue;
                }
                frame = self.events.frame() => frame,
            };
            match frame {
                Some(Ok(frame)) => {
                    self.line.extend_from_slice(&frame.into_data().unwrap_or_default());
                    if let Some(end) = self.line.iter().rposition(|&byte| byte == b'\n') {
                        return Some(Ok(self.line.split_to(end + 1).freeze()));
                    }
                }
                Some(Err(error)) => {
                    self.over = true;
                    return Some(Err(error));
                }
                None => self.over = true,
            }
        }
        None
    }
}
