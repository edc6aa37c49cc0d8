//! What lies between a controller and one control plane: writes down every request, and has the switches for faults.

use std::{collections::BTreeSet, io, sync::Arc};

use bytes::Bytes;
use futures::TryStreamExt;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use kube::{Client, client::Body};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::BoxError;

use crate::{
    Requests, Sent,
    watch_body::{self, Event},
};

/// What all requests and watches of a wire look at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Weather {
    pub(crate) dark: bool,
    /// Events of newer versions are held back.
    events_up_to: Option<u64>,
    /// Watches that began under a lower number have ended.
    pub(crate) watches_lost: u64,
    /// Watches that began under a lower number have broken off.
    pub(crate) cuts: u64,
    /// Requests that began under a lower number are not held any more.
    released: u64,
}

impl Weather {
    /// Whether events are held back, some or all.
    pub(crate) fn holds_events(&self) -> bool {
        self.dark || self.events_up_to.is_some()
    }

    /// Whether a line of a watch is held back: an event of a version, or an error.
    pub(crate) fn holds(&self, version: Option<u64>) -> bool {
        let is_newer = |newest: u64| version.is_none_or(|version| version > newest);
        self.dark || self.events_up_to.is_some_and(is_newer)
    }
}

/// Which requests a fault is about.
pub type Matcher = fn(&Sent) -> bool;

enum Rule {
    Hold(Matcher),
    Refuse { matcher: Matcher, code: u16, message: &'static str },
    Cut(Matcher),
}

/// What becomes of a request that does not reach the server.
enum Fault {
    Refused(u16, &'static str),
    Cut,
}

/// An event that a watch has handed on to the controller.
struct HandedOn {
    /// Group and plural.
    resource: (String, String),
    /// What the watch selects.
    selector: Option<String>,
    name: String,
    version: u64,
}

/// A request that has neither been answered nor given up.
struct Pending<'a> {
    wire: &'a Wire,
    place: usize,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.wire.pending.lock().remove(&self.place);
    }
}

type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;

/// The wire between a controller and one control plane.
pub struct Wire {
    name: String,
    weather: watch::Sender<Weather>,
    rules: Mutex<Vec<Rule>>,
    revoked: Mutex<BTreeSet<String>>,
    log: Mutex<Vec<Sent>>,
    /// Places of requests in `log`.
    pending: Mutex<BTreeSet<usize>>,
    handed_on: Arc<Mutex<Vec<HandedOn>>>,
}

impl Wire {
    pub(crate) fn new(name: &str) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            weather: watch::Sender::default(),
            rules: Mutex::default(),
            revoked: Mutex::default(),
            log: Mutex::default(),
            pending: Mutex::default(),
            handed_on: Arc::default(),
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
        self.let_events_up_to(0);
    }

    /// From now on watches show what is no newer than a resourceVersion, in whatever object, and stand still before the
    /// rest, until [`resume_watches`](Self::resume_watches).
    pub fn let_events_up_to(&self, version: u64) {
        self.weather.send_modify(|weather| weather.events_up_to = Some(version));
    }

    /// Watches go on with what they held back.
    pub fn resume_watches(&self) {
        self.weather.send_modify(|weather| weather.events_up_to = None);
    }

    /// All watches end as expired: what they held back is lost, and the client has to list again. New ones work.
    pub fn lose_watches(&self) {
        self.weather.send_modify(|weather| {
            weather.watches_lost += 1;
            weather.events_up_to = None;
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

    /// From now on connections for such requests are refused, as where nobody listens, until [`mend`](Self::mend). All
    /// watches break off.
    pub fn cut(&self, matcher: Matcher) {
        self.rules.lock().push(Rule::Cut(matcher));
        self.weather.send_modify(|weather| weather.cuts += 1);
    }

    /// All connections can be made again.
    pub fn mend(&self) {
        self.rules.lock().retain(|rule| !matches!(rule, Rule::Cut(_)));
    }

    /// From now on requests with this token are answered with 401, as if the server did not know it any more.
    pub fn revoke(&self, token: &str) {
        self.revoked.lock().insert(token.to_owned());
    }

    /// Ends all faults.
    pub fn calm(&self) {
        self.accept();
        self.mend();
        self.release();
        self.revoked.lock().clear();
        self.weather.send_modify(|weather| {
            weather.dark = false;
            weather.events_up_to = None;
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

    /// The requests since a [`mark`](Self::mark) that are still waited for: there is no answer, and the controller has not
    /// given them up.
    #[must_use]
    pub fn pending_since(&self, mark: usize) -> Requests {
        let log = self.log.lock();
        Requests::new(self.pending.lock().range(mark..).map(|&place| log[place].clone()).collect())
    }

    /// How many events had been handed on by watches of a resource with a certain selector when that of this version of
    /// the object was, itself included; `None` while it was not.
    pub(crate) fn handed_on(
        &self,
        (group, resource): (&str, &str),
        selector: &str,
        name: &str,
        version: u64,
    ) -> Option<u64> {
        let handed_on = self.handed_on.lock();
        let mut events = handed_on.iter().filter(|event| {
            (&*event.resource.0, &*event.resource.1) == (group, resource)
                && event.selector.as_deref() == Some(selector)
        });
        let place = events.position(|event| event.name == name && event.version == version)?;
        Some(place as u64 + 1)
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
        let mut sent = Sent::new(&head, &body);
        let (place, open) = {
            let mut log = self.log.lock();
            let open = sent.begin(&log);
            log.push(sent.clone());
            let place = log.len() - 1;
            self.pending.lock().insert(place);
            (place, open)
        };
        let _pending = Pending { wire: self, place };
        let began = self.weather.borrow().clone();
        let fault = self.meet_rules(&sent).await;
        self.light().await;
        let is_revoked = self.revoked.lock().contains(token);
        match if is_revoked { Some(Fault::Refused(401, "Unauthorized")) } else { fault } {
            Some(Fault::Refused(code, message)) => {
                let sent = &mut self.log.lock()[place];
                (sent.code, sent.message, sent.refused_by_wire) = (Some(code), message.to_owned(), true);
                return refused(code, message);
            }
            Some(Fault::Cut) => return Err(io::Error::from(io::ErrorKind::ConnectionRefused).into()),
            None => {}
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
            let events = watch_body::events(body, self.weather.subscribe(), began, self.notes_of(&sent));
            let frames = events.map_ok(move |events| {
                let _until_the_body_is_dropped = &open;
                http_body::Frame::data(events)
            });
            StreamBody::new(frames).boxed_unsync()
        } else {
            body.map_err(BoxError::from).boxed_unsync()
        };
        self.log.lock()[place].code = Some(head.status.as_u16());
        Ok(Response::from_parts(head, body))
    }

    /// Notes what a watch hands on.
    fn notes_of(&self, watch: &Sent) -> impl Fn(&Event) + Send + 'static {
        let resource = (watch.group.clone(), watch.resource.clone());
        let selector = watch.parameter("labelSelector");
        let handed_on = Arc::clone(&self.handed_on);
        move |event| {
            handed_on.lock().push(HandedOn {
                resource: resource.clone(),
                selector: selector.clone(),
                name: event.name().to_owned(),
                version: event.version().unwrap_or_default(),
            });
        }
    }

    /// Waits while the request is held. Answers what keeps it from the server, if something does.
    async fn meet_rules(&self, sent: &Sent) -> Option<Fault> {
        let mut weather = self.weather.subscribe();
        loop {
            let mut held = false;
            for rule in self.rules.lock().iter() {
                match rule {
                    Rule::Hold(matcher) if matcher(sent) => held = true,
                    Rule::Refuse { matcher, code, message } if matcher(sent) => {
                        return Some(Fault::Refused(*code, message));
                    }
                    Rule::Cut(matcher) if matcher(sent) => return Some(Fault::Cut),
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
