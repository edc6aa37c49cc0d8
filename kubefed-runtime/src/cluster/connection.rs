//! The way to one member: clients, a window of concurrent requests, and a breaker that keeps a member that does not
//! answer from costing the others anything.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use kubefed_core::{api::names, plan::NamespaceState};
use parking_lot::{Mutex, RwLock};
use tokio::{
    sync::{Semaphore, SemaphorePermit, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{client::Clients, request::RequestError};

/// How many requests to one member run at once.
const WINDOW: usize = 32;
/// How long a request to a member may take. The server gives a write up before that.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// How many objects that fail in a row are taken for a failure of the member where each alone could be about its object.
const DOUBTS: usize = 3;
/// First pause after a member stopped answering; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The way to one member, for as long as its `KubeFedCluster` and token stay the same.
pub(crate) struct Connection {
    /// Tells one connection of a member from the next.
    pub(crate) id: u64,
    pub(crate) clients: Clients,
    window: Semaphore,
    breaker: Mutex<Breaker>,
    /// Counts the times at which requests may be tried again, or something that was waited for is there.
    changes: watch::Sender<u64>,
    pub(crate) namespaces: RwLock<Namespaces>,
    /// Ends everything that uses this connection.
    pub(crate) ended: CancellationToken,
}

/// Whether requests to the member are worth trying.
#[derive(Debug, Default)]
struct Breaker {
    failures: u32,
    /// The objects of failures in a row that may be about these objects alone.
    doubted: BTreeSet<String>,
    paused_until: Option<Instant>,
    why: String,
    /// One request is trying whether the member answers again.
    trial: bool,
    /// Counts the pauses, so that requests from before a pause do not speak of the time after it.
    pauses: u64,
}

/// The member's namespaces, whoever made them: names only.
#[derive(Debug, Default)]
pub(crate) struct Namespaces {
    pub(crate) active: BTreeSet<Box<str>>,
    pub(crate) terminating: BTreeSet<Box<str>>,
    pub(crate) list: NamespaceList,
}

/// Whether the member's namespaces are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum NamespaceList {
    /// Not yet.
    #[default]
    Listing,
    /// They are.
    Listed,
    /// The member does not tell; requests will show.
    Refused,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Connection {
    pub(crate) fn new(clients: Clients) -> Self {
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            clients,
            window: Semaphore::new(WINDOW),
            breaker: Mutex::default(),
            changes: watch::Sender::new(0),
            namespaces: RwLock::default(),
            ended: CancellationToken::new(),
        }
    }

    /// Why requests are held back now, if they are.
    pub(crate) fn paused(&self) -> Option<String> {
        let breaker = self.breaker.lock();
        let until = breaker.paused_until?;
        (breaker.trial || Instant::now() < until).then(|| breaker.why.clone())
    }

    /// Told when something that operations wait for has changed.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Something that operations wait for has changed.
    pub(crate) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Waits for a place in the window. `Err` says why requests are held back.
    pub(crate) async fn enter(&self) -> Result<Pass<'_>, String> {
        let Ok(permit) = self.window.acquire().await else {
            return Err("the connection was closed".to_owned());
        };
        let mut breaker = self.breaker.lock();
        let is_trial = breaker.paused_until.is_some();
        if let Some(until) = breaker.paused_until {
            if breaker.trial || Instant::now() < until {
                return Err(breaker.why.clone());
            }
            breaker.trial = true;
        }
        let pauses = breaker.pauses;
        drop(breaker);
        Ok(Pass { connection: self, is_trial, pauses, _permit: permit })
    }
}

/// A place in the window of requests to a member.
pub(crate) struct Pass<'a> {
    connection: &'a Connection,
    is_trial: bool,
    pauses: u64,
    _permit: SemaphorePermit<'a>,
}

impl Pass<'_> {
    /// Notes what a request about an object told of the member. Answers for how long requests are held back from now on, if
    /// they are.
    pub(crate) fn note<T>(&self, object: &str, result: &Result<T, RequestError>) -> Option<Duration> {
        let mut breaker = self.connection.breaker.lock();
        let Err(RequestError::Unavailable { message, retry_after, certain }) = result else {
            let was_paused = breaker.paused_until.is_some();
            *breaker = Breaker { pauses: breaker.pauses, ..Breaker::default() };
            drop(breaker);
            if was_paused {
                self.connection.changed();
            }
            return None;
        };
        if breaker.pauses != self.pauses {
            return None;
        }
        breaker.doubted.insert(object.to_owned());
        if !certain && !self.is_trial && breaker.doubted.len() < DOUBTS {
            return None;
        }
        breaker.failures += 1;
        let doubled = FIRST_PAUSE.saturating_mul(1 << (breaker.failures - 1).min(6));
        let pause = retry_after.unwrap_or(doubled).min(LONGEST_PAUSE);
        breaker.paused_until = Some(Instant::now() + pause);
        breaker.trial = false;
        breaker.pauses += 1;
        // One text for an outage: it stands in the status of every object that waits, and each new one would be a write.
        if breaker.failures == 1 {
            breaker.why = format!("requests to the cluster fail and are held back: {message}");
        }
        Some(pause)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut breaker = self.connection.breaker.lock();
        // A trial that told nothing: another may try.
        if self.is_trial && breaker.pauses == self.pauses && std::mem::take(&mut breaker.trial) {
            drop(breaker);
            self.connection.changed();
        }
    }
}

impl Namespaces {
    /// Whether the member has the namespace. A member that does not tell is believed to have it.
    pub(crate) fn state(&self, namespace: &str) -> NamespaceState {
        if self.list == NamespaceList::Refused || self.active.contains(namespace) {
            NamespaceState::Active
        } else if self.terminating.contains(namespace) {
            NamespaceState::Terminating
        } else {
            NamespaceState::Missing
        }
    }
}

/// Whether a namespace is one of those that are never propagated (spec section 0).
pub(crate) fn is_system_namespace(name: &str, kubefed_namespace: &str) -> bool {
    names::SYSTEM_NAMESPACES.contains(&name) || name == kubefed_namespace
}

#[cfg(test)]
mod tests {
    use kube::Client;

    use super::*;

    fn connection() -> Connection {
        let connect = || {
            let service = tower::service_fn(|_: http::Request<kube::client::Body>| async {
                Ok::<_, std::io::Error>(http::Response::new(http_body_util::Empty::<bytes::Bytes>::new()))
            });
            Ok(Client::new(service, "default"))
        };
        Connection::new(Clients::new(connect).unwrap())
    }

    fn dead<T>() -> Result<T, RequestError> {
        Err(RequestError::Unavailable { message: "refused".to_owned(), retry_after: None, certain: true })
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_member_is_tried_by_one_request_at_a_time_and_less_and_less_often() {
        let connection = connection();
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let pass = connection.enter().await.unwrap();
            assert!(
                connection.paused().is_none() || connection.enter().await.is_err(),
                "one trial at a time"
            );
            let pause = pass.note("x", &dead::<()>()).unwrap();
            drop(pass);
            assert!(connection.enter().await.is_err());
            pauses.push(pause.as_secs());
            tokio::time::advance(pause).await;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        let mut changes = connection.changes();
        connection.enter().await.unwrap().note("x", &Ok(()));
        assert!(changes.has_changed().unwrap(), "what waits is told");
        changes.mark_unchanged();
        assert!(connection.paused().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_object_does_not_pause_the_member() {
        let connection = connection();
        let pass = connection.enter().await.unwrap();
        let refused: Result<(), _> = Err(RequestError::Refused { code: 422, message: "no".to_owned() });
        assert_eq!(pass.note("x", &refused), None);
        assert!(connection.paused().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_of_one_object_does_not_pause_the_member_but_errors_in_a_row_do() {
        let connection = connection();
        let failed = || {
            Err::<(), _>(RequestError::Unavailable {
                message: "no answer".to_owned(),
                retry_after: None,
                certain: false,
            })
        };
        for _ in 0..9 {
            assert_eq!(
                connection.enter().await.unwrap().note("one", &failed()),
                None,
                "it is about one object"
            );
        }
        assert_eq!(connection.enter().await.unwrap().note("two", &failed()), None);
        connection.enter().await.unwrap().note("x", &Ok(()));
        for object in ["one", "two"] {
            assert_eq!(connection.enter().await.unwrap().note(object, &failed()), None);
        }
        assert!(connection.enter().await.unwrap().note("three", &failed()).is_some());
        assert!(connection.paused().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_has_one_text() {
        let connection = connection();
        let pause = connection.enter().await.unwrap().note("x", &dead::<()>()).unwrap();
        let why = connection.paused();
        tokio::time::advance(pause).await;
        let other: Result<(), _> =
            Err(RequestError::Unavailable { message: "reset".to_owned(), retry_after: None, certain: true });
        connection.enter().await.unwrap().note("x", &other).unwrap();
        assert_eq!(connection.paused(), why);
    }

    #[tokio::test(start_paused = true)]
    async fn a_trial_that_never_ends_does_not_lock_the_member_out() {
        let connection = connection();
        let pause = connection.enter().await.unwrap().note("x", &dead::<()>()).unwrap();
        tokio::time::advance(pause).await;
        drop(connection.enter().await.unwrap());
        assert!(connection.enter().await.is_ok());
    }
}
