//! Faults that a test switches on: a dark or slow server, refused requests, watches that stand still or end.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::control_plane::RequestKey;

/// Which requests a fault is about. What is not set matches everything.
///
/// ```
/// use kubefed_testbed::RequestMatcher;
///
/// let applies = RequestMatcher::any().verb("APPLY").resource("apps", "deployments");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestMatcher {
    verb: Option<String>,
    resource: Option<(String, String)>,
    subresource: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    user_agent: Option<String>,
}

impl RequestMatcher {
    /// Every request.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Only this verb, spelt as in [`RequestKey::verb`]: `APPLY`, `LIST`.
    #[must_use]
    pub fn verb(mut self, verb: &str) -> Self {
        self.verb = Some(verb.to_owned());
        self
    }

    /// Only this resource; the core group is the empty text.
    #[must_use]
    pub fn resource(mut self, group: &str, resource: &str) -> Self {
        self.resource = Some((group.to_owned(), resource.to_owned()));
        self
    }

    /// Only this subresource; the empty text means the objects themselves.
    #[must_use]
    pub fn subresource(mut self, subresource: &str) -> Self {
        self.subresource = Some(subresource.to_owned());
        self
    }

    /// Only this namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self
    }

    /// Only objects of this name.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Only clients whose User-Agent begins so.
    #[must_use]
    pub fn user_agent(mut self, prefix: &str) -> Self {
        self.user_agent = Some(prefix.to_owned());
        self
    }

    fn matches(&self, request: &Request<'_>) -> bool {
        let is =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        is(&self.verb, &request.key.verb)
            && self.resource.as_ref().is_none_or(|(group, resource)| {
                *group == request.key.group && *resource == request.key.resource
            })
            && is(&self.subresource, &request.key.subresource)
            && is(&self.namespace, request.namespace)
            && is(&self.name, request.name)
            && self.user_agent.as_deref().is_none_or(|prefix| request.user_agent.starts_with(prefix))
    }
}

/// A request as matchers see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) key: &'a RequestKey,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) user_agent: &'a str,
}

/// What all requests and watches look at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Weather {
    /// Nothing is answered and no event is delivered.
    pub(crate) dark: bool,
    pub(crate) watches_stalled: bool,
    /// Watches that began under an earlier number end.
    pub(crate) watch_epoch: u64,
    pub(crate) delay: Duration,
    /// The plane is gone: what is left of it refuses everything.
    pub(crate) stopped: bool,
}

#[derive(Debug)]
struct Refusal {
    matcher: RequestMatcher,
    code: u16,
    /// How often it still happens; none means always.
    remaining: Option<u64>,
}

/// The faults of one control plane.
#[derive(Debug)]
pub(crate) struct Faults {
    weather: watch::Sender<Weather>,
    refusals: Mutex<Vec<Refusal>>,
}

impl Faults {
    pub(crate) fn new() -> Self {
        Self { weather: watch::Sender::new(Weather::default()), refusals: Mutex::default() }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Weather)) {
        self.weather.send_modify(change);
    }

    pub(crate) fn observe(&self) -> watch::Receiver<Weather> {
        self.weather.subscribe()
    }

    /// Waits while the server is dark, and for as long as requests are delayed.
    pub(crate) async fn hold_request(&self) {
        let delay = self.weather.borrow().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        self.wait_for_light().await;
    }

    pub(crate) async fn wait_for_light(&self) {
        // The sender lives in `self`: waiting cannot fail.
        let _ = self.weather.subscribe().wait_for(|weather| !weather.dark || weather.stopped).await;
    }

    pub(crate) fn refuse(&self, matcher: RequestMatcher, code: u16, times: Option<u64>) {
        self.refusals.lock().push(Refusal { matcher, code, remaining: times });
    }

    pub(crate) fn clear_refusals(&self) {
        self.refusals.lock().clear();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.weather.borrow().stopped
    }

    /// The status code that a request is to be refused with.
    pub(crate) fn refusal(&self, request: &Request<'_>) -> Option<u16> {
        let mut refusals = self.refusals.lock();
        let refusal = refusals
            .iter_mut()
            .find(|refusal| refusal.remaining != Some(0) && refusal.matcher.matches(request))?;
        if let Some(remaining) = &mut refusal.remaining {
            *remaining -= 1;
        }
        Some(refusal.code)
    }
}
