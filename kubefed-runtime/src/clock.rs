//! Wall-clock time that follows tokio's clock, so that a paused clock pauses it too.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Tells the time of day: a point of origin, and how far tokio's clock has moved since.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Timestamp,
    start: Instant,
}

impl Clock {
    /// A clock that shows the system's time now.
    #[must_use]
    pub(crate) fn system() -> Self {
        Self::starting_at(Timestamp::now())
    }

    /// A clock that shows `origin` now.
    #[must_use]
    pub(crate) fn starting_at(origin: Timestamp) -> Self {
        Self { origin, start: Instant::now() }
    }

    /// The time.
    #[must_use]
    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.start.elapsed()).unwrap_or(SignedDuration::MAX);
        self.origin.saturating_add(elapsed).unwrap_or(Timestamp::MAX)
    }

    /// The time in whole seconds as Kubernetes writes it: `2026-01-31T12:00:00Z`.
    #[must_use]
    pub(crate) fn now_rfc3339(&self) -> String {
        self.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}
