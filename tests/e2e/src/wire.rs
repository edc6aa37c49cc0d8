//! What lies between a controller and one control plane: writes down every request, and has the switches for faults.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use futures::TryStreamExt;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use kube::{Client, client::Body};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::BoxError;

use crate::{Requests, Sent, watch_body};

/// What all requests and watches of a wire look at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Weather {
    dark: bool,
    stalled: bool,
    /// Watches that began under a lower number have ended.
    pub(crate) watches_lost: u64,
    /// Requests that began under a lower number are not held any more.
    released: u64,
}

impl Weather {
    /// Whether no events come through.
    pub(crate) fn holds_events(&self) -> bool {
        self.dark || self.stalled
    }
}

/// Which requests a fault is about.
pub type Matcher = fn(&Sent) -> bool;

enum Rule {
    Hold(Matcher),
    Refuse { matcher: Matcher, code: u16, message: &'static str },
}

type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;

/// The wire between a controller and one control plane.
pub struct Wire {
    name: String,
    weather: watch::Sender<Weather>,
    rules: Mutex<Vec<Rule>>,
    revoked: Mutex<BTreeSet<String>>,
    log: Mutex<Vec<Sent>>,
}

impl Wire {
    pub(crate) fn new(name: &str) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            weather: watch::Sender::default(),
            rules: Mutex::default(),
            revoked: Mutex::default(),
            log: Mutex::default(),
        })
    }

    /// The control plane at its other end.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// From now on nothing is answered and no event comes through, while connections stay open, until
    /// [`lighten`](Self::lighten).
    pub fn darken(&self) {
        self.weather.send_modify(|weather| weather.dark = true);
    }

    /// What was held in the dark goes on.
    pub fn lighten(&self) {
        self.weather.send_modify(|weather| weather.dark = false);
    }

    /// From now on watches stand still, while everything else works, until [`resume_watches`](Self::resume_watches).
    pub fn stall_watches(&self) {
        self.weather.send_modify(|weather| weather.stalled = true);
    }

    /// Watches go on with what they held back.
    pub fn resume_watches(&self) {
        self.weather.send_modify(|weather| weather.stalled = false);
    }

    /// All watches end as expired: what they held back is lost, and the client has to list again. New ones work.
    pub fn lose_watches(&self) {
        self.weather.send_modify(|weather| {
            weather.watches_lost += 1;
            weather.stalled = false;
        });
    }

    /// From now on such requests wait on the wire until [`release`](Self::release).
    pub fn hold(&self, matcher: Matcher) {
        self.rules.lock().push(Rule::Hold(matcher));
    }

    /// Held requests go on, and no more are held.
    pub fn release(&self) {
        self.rules.lock().retain(|rule| !matches!(rule, Rule::Hold(_)));
        self.weather.send_modify(|weather| weather.released += 1);
    }

    /// From now on such requests are answered with this status, without reaching the server, until
    /// [`accept`](Self::accept).
    pub fn refuse(&self, matcher: Matcher, code: u16, message: &'static str) {
        self.rules.lock().push(Rule::Refuse { matcher, code, message });
    }

    /// No more requests are refused.
    pub fn accept(&self) {
        self.rules.lock().retain(|rule| !matches!(rule, Rule::Refuse { .. }));
    }

    /// From now on requests with this token are answered with 401, as if the server did not know it any more.
    pub fn revoke(&self, token: &str) {
        self.revoked.lock().insert(token.to_owned());
    }

    /// Ends all faults.
    pub fn calm(&self) {
        self.accept();
        self.release();
        self.revoked.lock().clear();
        self.weather.send_modify(|weather| {
            weather.dark = false;
            weather.stalled = false;
        });
    }

    /// A place in the list of all requests: that of the next one.
    #[must_use]
    pub fn mark(&self) -> usize {
        self.log.lock().len()
    }

    /// The requests since a [`mark`](Self::mark).
    #[must_use]
    pub fn since(&self, mark: usize) -> Requests {
        Requests::new(self.log.lock()[mark..].to_vec())
    }

    /// All requests.
    #[must_use]
    pub fn requests(&self) -> Requests {
        self.since(0)
    }

    /// A client whose requests go over this wire. `token`: what it presents itself with.
    pub(crate) fn wrap(self: &Arc<Self>, client: Client, token: &str) -> Client {
        let namespace = client.default_namespace().to_owned();
        let (wire, token): (_, Arc<str>) = (Arc::clone(self), token.into());
        let service = tower::service_fn(move |request| {
            let (wire, client, token) = (Arc::clone(&wire), client.clone(), Arc::clone(&token));
            async move { wire.carry(&client, &token, request).await }
        });
        Client::new(service, namespace)
    }

    async fn carry(
        &self,
        client: &Client,
        token: &str,
        request: Request<Body>,
    ) -> Result<Response<AnswerBody>, BoxError> {
        let (head, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let sent = Sent::new(&head.method, &head.uri, content_type.unwrap_or_default(), &body);
        let place = {
            let mut log = self.log.lock();
            log.push(sent.clone());
            log.len() - 1
        };
        let refusal = self.meet_rules(&sent).await;
        self.light().await;
        let refusal = if self.revoked.lock().contains(token) { Some((401, "Unauthorized")) } else { refusal };
        if let Some((code, message)) = refusal {
            let sent = &mut self.log.lock()[place];
            (sent.code, sent.message) = (Some(code), message.to_owned());
            return refused(code, message);
        }
        let answer = client.send(Request::from_parts(head, Body::from(body))).await?;
        self.light().await;
        let (head, body) = answer.into_parts();
        let body = if !head.status.is_success() {
            let body = body.collect().await?.to_bytes();
            let status: Value = serde_json::from_slice(&body).unwrap_or_default();
            status["message"].as_str().unwrap_or_default().clone_into(&mut self.log.lock()[place].message);
            whole(body)
        } else if sent.verb == "WATCH" {
            let events = watch_body::events(body, self.weather.subscribe());
            let frames = events.map_ok(http_body::Frame::data).map_err(BoxError::from);
            StreamBody::new(frames).boxed_unsync()
        } else {
            body.map_err(BoxError::from).boxed_unsync()
        };
        self.log.lock()[place].code = Some(head.status.as_u16());
        Ok(Response::from_parts(head, body))
    }

    /// Waits while the request is held. Answers how it is refused, if it is.
    async fn meet_rules(&self, sent: &Sent) -> Option<(u16, &'static str)> {
        let mut weather = self.weather.subscribe();
        loop {
            let mut held = false;
            for rule in self.rules.lock().iter() {
                match rule {
                    Rule::Hold(matcher) if matcher(sent) => held = true,
                    Rule::Refuse { matcher, code, message } if matcher(sent) => {
                        return Some((*code, message));
                    }
                    _ => {}
                }
            }
            if !held {
                return None;
            }
            // The sender lives in `self`.
            let _ = weather.changed().await;
        }
    }

    async fn light(&self) {
        // The sender lives in `self`.
        let _ = self.weather.subscribe().wait_for(|weather| !weather.dark).await;
    }
}

fn refused(code: u16, message: &str) -> Result<Response<AnswerBody>, BoxError> {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "code": code,
    });
    let answer = Response::builder().status(code).header(header::CONTENT_TYPE, "application/json");
    Ok(answer.body(whole(Bytes::from(status.to_string())))?)
}

fn whole(body: Bytes) -> AnswerBody {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}
