//! Leader election on a Lease, as client-go does it: only the leader acts, and it stops before its lease runs out.

use std::time::Duration;

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use kubefed_core::api::{KubeFedConfigSpec, names};
use tokio::time::Instant;

use crate::clock::Clock;

/// Timing of the lock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) lease: Duration,
    pub(crate) renew_deadline: Duration,
    pub(crate) retry: Duration,
}

impl From<&KubeFedConfigSpec> for Timing {
    fn from(config: &KubeFedConfigSpec) -> Self {
        Self {
            lease: config.lease_duration(),
            renew_deadline: config.renew_deadline(),
            retry: config.retry_period(),
        }
    }
}

/// A candidate for leadership, or the leader.
pub(crate) struct Election {
    api: Api<Lease>,
    identity: String,
    timing: Timing,
    clock: Clock,
    /// The holder's record as it was last seen to change, and when that was on our own clock: clocks of other machines
    /// are not trusted.
    seen: Option<(LeaseSpec, Instant)>,
}

impl Election {
    pub(crate) fn new(host: Client, namespace: &str, identity: String, timing: Timing, clock: Clock) -> Self {
        Self { api: Api::namespaced(host, namespace), identity, timing, clock, seen: None }
    }

    /// Waits until we lead. Answers since when the lease counts.
    pub(crate) async fn acquire(&mut self) -> Instant {
        loop {
            let asked = Instant::now();
            match tokio::time::timeout(self.timing.renew_deadline, self.try_hold()).await {
                Ok(Ok(true)) => return asked,
                Ok(Ok(false)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "trying to take the lease"),
                Err(_) => tracing::warn!("trying to take the lease: no answer from the host"),
            }
            tokio::time::sleep(self.timing.retry).await;
        }
    }

    /// Renews until that fails for as long as the deadline says, which is shorter than the lease.
    pub(crate) async fn hold(&mut self, mut renewed: Instant) {
        loop {
            tokio::time::sleep(self.timing.retry).await;
            let left = self.timing.renew_deadline.saturating_sub(renewed.elapsed());
            // What counts is when the request was made: others count from when it arrived.
            let asked = Instant::now();
            match tokio::time::timeout(left, self.try_hold()).await {
                Ok(Ok(true)) => renewed = asked,
                Ok(Ok(false)) => return,
                Ok(Err(error)) => tracing::warn!(%error, "renewing the lease"),
                Err(_) => return,
            }
            if renewed.elapsed() >= self.timing.renew_deadline {
                return;
            }
        }
    }

    /// Gives the lease back, so that the next leader need not wait.
    pub(crate) async fn release(&self) {
        let Ok(Some(mut lease)) = self.api.get_opt(names::LEADER_LOCK).await else {
            return;
        };
        let spec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_deref() != Some(&self.identity) {
            return;
        }
        spec.holder_identity = Some(String::new());
        spec.lease_duration_seconds = Some(1);
        if let Err(error) = self.api.replace(names::LEADER_LOCK, &PostParams::default(), &lease).await {
            tracing::debug!(%error, "giving the lease back");
        }
    }

    /// Takes or renews the lease, if it is free or ours. The resourceVersion fences writers that read the same state:
    /// whoever is slower gets a conflict, and looks again.
    async fn try_hold(&mut self) -> Result<bool, kube::Error> {
        let now = MicroTime(self.clock.now());
        let Some(mut lease) = self.api.get_opt(names::LEADER_LOCK).await? else {
            let spec = self.record(&LeaseSpec::default(), now);
            let lease = Lease {
                metadata: ObjectMeta { name: Some(names::LEADER_LOCK.to_owned()), ..ObjectMeta::default() },
                spec: Some(spec),
            };
            self.api.create(&PostParams::default(), &lease).await?;
            return Ok(true);
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let holder = spec.holder_identity.clone().unwrap_or_default();
        let ours = holder == self.identity;
        if !ours && !holder.is_empty() && !self.has_expired(&spec) {
            return Ok(false);
        }
        lease.spec = Some(self.record(&spec, now));
        self.api.replace(names::LEADER_LOCK, &PostParams::default(), &lease).await?;
        Ok(true)
    }

    fn has_expired(&mut self, spec: &LeaseSpec) -> bool {
        match &self.seen {
            Some((known, since)) if known == spec => {
                let seconds = spec.lease_duration_seconds.unwrap_or_default().max(0).unsigned_abs();
                since.elapsed() > Duration::from_secs(seconds.into())
            }
            _ => {
                self.seen = Some((spec.clone(), Instant::now()));
                false
            }
        }
    }

    fn record(&self, before: &LeaseSpec, now: MicroTime) -> LeaseSpec {
        let ours = before.holder_identity.as_deref() == Some(&self.identity);
        let transitions = before.lease_transitions.unwrap_or_default();
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(whole_seconds(self.timing.lease)),
            acquire_time: if ours { before.acquire_time.clone() } else { Some(now.clone()) },
            renew_time: Some(now),
            lease_transitions: Some(if ours { transitions } else { transitions.saturating_add(1) }),
            ..before.clone()
        }
    }
}

/// Rounded up: others must not take the lease over while we may still act on it.
fn whole_seconds(duration: Duration) -> i32 {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use kubefed_testbed::{ControlPlane, EmbeddedControlPlane, RequestMatcher};

    use super::*;

    const TIMING: Timing = Timing {
        lease: Duration::from_secs(15),
        renew_deadline: Duration::from_secs(10),
        retry: Duration::from_secs(2),
    };

    fn candidate(plane: &EmbeddedControlPlane, identity: &str) -> Election {
        Election::new(plane.client(), "default", identity.to_owned(), TIMING, Clock::system())
    }

    async fn in_time<T>(seconds: u64, future: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(Duration::from_secs(seconds), future).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_one_leader_until_its_lease_has_run_out() {
        let plane = EmbeddedControlPlane::in_process("host").unwrap();
        let (mut first, mut second) = (candidate(&plane, "first"), candidate(&plane, "second"));
        let acquired = first.acquire().await;
        let both = async {
            tokio::select! {
                () = first.hold(acquired) => "the first gave up",
                _ = second.acquire() => "the second took over",
            }
        };
        assert_eq!(in_time(120, both).await, None, "the first renews");
        assert!(in_time(14, second.acquire()).await.is_none(), "the first is gone, but its lease is not");
        assert!(in_time(10, second.acquire()).await.is_some());
    }

    #[test]
    fn a_lease_is_never_shorter_than_its_holder_believes() {
        assert_eq!(whole_seconds(Duration::from_secs(15)), 15);
        assert_eq!(whole_seconds(Duration::from_millis(15_200)), 16);
        assert_eq!(whole_seconds(Duration::from_millis(300)), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_was_given_back_is_taken_at_once() {
        let plane = EmbeddedControlPlane::in_process("host").unwrap();
        let (mut first, mut second) = (candidate(&plane, "first"), candidate(&plane, "second"));
        first.acquire().await;
        first.release().await;
        assert!(in_time(3, second.acquire()).await.is_some());
        first.release().await;
        assert!(in_time(60, first.acquire()).await.is_some(), "nobody renews for the second");
    }

    #[tokio::test(start_paused = true)]
    async fn a_leader_that_cannot_renew_stops_before_another_may_start() {
        let plane = EmbeddedControlPlane::in_process("host").unwrap();
        let mut leader = candidate(&plane, "leader");
        let acquired = leader.acquire().await;
        plane.refuse(RequestMatcher::any().verb("PUT"), 500);
        let start = Instant::now();
        leader.hold(acquired).await;
        assert!(start.elapsed() < TIMING.lease, "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_host_ends_the_leadership_too() {
        let plane = EmbeddedControlPlane::in_process("host").unwrap();
        let mut leader = candidate(&plane, "leader");
        let acquired = leader.acquire().await;
        plane.pause();
        let start = Instant::now();
        leader.hold(acquired).await;
        assert!(start.elapsed() < TIMING.lease, "{:?}", start.elapsed());
    }
}
