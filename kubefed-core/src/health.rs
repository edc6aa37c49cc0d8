//! Whether a member cluster is ready (spec 8.2, 8.3).

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use crate::api::{ClusterCondition, ClusterConditionType, KubeFedClusterStatus};

/// What a probe of a member's `/healthz` found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// It answered `ok`.
    Healthy {
        /// The Kubernetes version of the member, where it was asked for and told.
        version: Option<String>,
    },
    /// It answered something else.
    Unhealthy,
    /// It did not answer, or not with success; says why.
    Unreachable(String),
    /// No client could be made from its `KubeFedCluster`; says why.
    Malformed(String),
}

impl Probe {
    fn is_ready(&self) -> bool {
        matches!(self, Self::Healthy { .. })
    }

    /// The conditions that the probe alone gives: type, status, reason and message.
    fn conditions(&self) -> Vec<(ClusterConditionType, &'static str, &'static str, String)> {
        use ClusterConditionType::{ConfigMalformed, Offline, Ready};
        match self {
            Self::Healthy { .. } => {
                vec![(Ready, "True", "ClusterReady", "/healthz responded with ok".to_owned())]
            }
            Self::Unhealthy => vec![
                (Ready, "False", "ClusterNotReady", "/healthz responded without ok".to_owned()),
                (Offline, "False", "ClusterReachable", "cluster is reachable".to_owned()),
            ],
            Self::Unreachable(why) => {
                vec![(Offline, "True", "ClusterNotReachable", format!("cluster is not reachable: {why}"))]
            }
            Self::Malformed(why) => vec![(
                ConfigMalformed,
                "True",
                "ClusterConfigMalformed",
                format!("cluster's configuration may be malformed: {why}"),
            )],
        }
    }
}

/// How many equal probes in a row change a member's readiness. Less than one counts as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Failures that make a ready member unready.
    pub failure: i64,
    /// Successes that make an unready member ready.
    pub success: i64,
}

/// What is remembered of one member from probe to probe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// One more than the probes in a row that disagreed with the reported readiness; 0 before the first probe.
    run: i64,
}

impl Health {
    /// Takes in a probe and gives the status to report. `stored` is what is reported now.
    ///
    /// A probe that disagrees with the reported readiness changes it only when as many in a row as the threshold says
    /// do so; until then what is reported stays, with the new probe time. A configuration that gives no client is
    /// reported at once. A process that starts, or becomes leader, starts to count anew, so that one failed probe then
    /// does not make a ready member unready. Times are cut to whole seconds, as Kubernetes writes them.
    ///
    /// KubeFed counts equal reports instead, so that one failure after a quiet time makes a member unready; the
    /// outcomes of its own tests are the same here.
    pub fn observe(
        &mut self,
        stored: Option<&KubeFedClusterStatus>,
        probe: Probe,
        now: Timestamp,
        thresholds: Thresholds,
    ) -> KubeFedClusterStatus {
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let run = self.run.max(1);
        self.run = 1;
        let Some(stored) = stored.filter(|stored| !stored.conditions.is_empty()) else {
            return report(stored, probe, now);
        };
        if stored.is_ready() == probe.is_ready() || matches!(probe, Probe::Malformed(_)) {
            return report(Some(stored), probe, now);
        }
        let threshold = if probe.is_ready() { thresholds.success } else { thresholds.failure };
        if run >= threshold {
            return report(Some(stored), probe, now);
        }
        self.run = run + 1;
        let mut kept = stored.clone();
        for condition in &mut kept.conditions {
            condition.last_probe_time = now;
        }
        kept
    }
}

/// What a probe alone says. A condition keeps the time of its last transition while the readiness and its own status
/// are what they were; one that appears while the readiness stays has the time since when it is what it is.
fn report(stored: Option<&KubeFedClusterStatus>, probe: Probe, now: Timestamp) -> KubeFedClusterStatus {
    let conditions = probe.conditions().into_iter().map(|(type_, status, reason, message)| {
        let unchanged = stored.filter(|stored| stored.is_ready() == probe.is_ready()).and_then(|stored| {
            match stored.conditions.iter().find(|before| before.type_ == type_) {
                Some(before) => Some(before).filter(|before| before.status == status),
                None => stored.conditions.first(),
            }
        });
        ClusterCondition {
            type_,
            status: status.to_owned(),
            last_probe_time: now,
            last_transition_time: Some(
                unchanged.and_then(|before| before.last_transition_time).unwrap_or(now),
            ),
            reason: Some(reason.to_owned()),
            message: Some(message),
        }
    });
    let mut next =
        KubeFedClusterStatus { conditions: conditions.collect(), ..KubeFedClusterStatus::default() };
    if let Some(stored) = stored {
        next.zones.clone_from(&stored.zones);
        next.region.clone_from(&stored.region);
        next.kubernetes_version.clone_from(&stored.kubernetes_version);
    }
    if let Probe::Healthy { version: Some(version) } = probe {
        next.kubernetes_version = Some(version);
    }
    next
}

/// Whether a status has to be written: something changed, or the probe time that is stored is as old as `heartbeat`.
///
/// Messages alone are no change: those of connection errors name ports and differ from probe to probe. A new one is
/// written with the next heartbeat.
#[must_use]
pub fn needs_write(
    stored: Option<&KubeFedClusterStatus>,
    next: &KubeFedClusterStatus,
    heartbeat: Duration,
) -> bool {
    let Some(stored) = stored else { return true };
    if without_noise(stored) != without_noise(next) {
        return true;
    }
    let probed = |status: &KubeFedClusterStatus| status.conditions.iter().map(|c| c.last_probe_time).max();
    match (probed(stored), probed(next)) {
        // A time in the future, from a clock that was set back, is replaced in the end as well.
        (Some(before), Some(now)) => now.duration_since(before).unsigned_abs() >= heartbeat,
        _ => false,
    }
}

fn without_noise(status: &KubeFedClusterStatus) -> KubeFedClusterStatus {
    let mut status = status.clone();
    for condition in &mut status.conditions {
        condition.last_probe_time = Timestamp::UNIX_EPOCH;
        condition.message = None;
    }
    status
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const THRESHOLDS: Thresholds = Thresholds { failure: 3, success: 1 };
    const HEARTBEAT: Duration = Duration::from_secs(300);

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn probe(ready: bool) -> Probe {
        if ready { Probe::Healthy { version: None } } else { Probe::Unhealthy }
    }

    /// A status of one `Ready` condition, as in KubeFed's tests.
    fn status(ready: bool, probed: i64, changed: i64) -> KubeFedClusterStatus {
        let condition = ClusterCondition {
            type_: ClusterConditionType::Ready,
            status: if ready { "True" } else { "False" }.to_owned(),
            last_probe_time: second(probed),
            last_transition_time: Some(second(changed)),
            reason: None,
            message: None,
        };
        KubeFedClusterStatus { conditions: vec![condition], ..KubeFedClusterStatus::default() }
    }

    fn ready_condition(status: &KubeFedClusterStatus) -> (bool, Timestamp, Timestamp) {
        let condition = status.conditions.iter().find(|c| c.type_ == ClusterConditionType::Ready).unwrap();
        (condition.status == "True", condition.last_probe_time, condition.last_transition_time.unwrap())
    }

    /// Spec D.3: stored, run, new, now, reported, run after.
    #[rstest]
    #[case(None, 0, true, 1, (true, 1, 1), 1)]
    #[case(None, 0, false, 1, (false, 1, 1), 1)]
    #[case(Some((true, 2, 1)), 2, false, 3, (true, 3, 1), 3)]
    #[case(Some((true, 3, 1)), 3, false, 4, (false, 4, 4), 1)]
    #[case(Some((false, 4, 1)), 1, true, 5, (true, 5, 5), 1)]
    fn thresholds_are_those_of_kubefed(
        #[case] stored: Option<(bool, i64, i64)>,
        #[case] run: i64,
        #[case] ready: bool,
        #[case] now: i64,
        #[case] expected: (bool, i64, i64),
        #[case] run_after: i64,
    ) {
        let stored = stored.map(|(ready, probed, changed)| status(ready, probed, changed));
        let mut health = Health { run };
        let reported = health.observe(stored.as_ref(), probe(ready), second(now), THRESHOLDS);
        assert_eq!(ready_condition(&reported), (expected.0, second(expected.1), second(expected.2)));
        assert_eq!(health.run, run_after);
    }

    /// Feeds probes (`+` ready, `-` not) one a second and writes what is reported after each.
    fn reports(probes: &str, thresholds: Thresholds) -> String {
        let mut health = Health::default();
        let mut stored = None;
        let mut out = String::new();
        for (now, character) in (1..).zip(probes.chars()) {
            let next = health.observe(stored.as_ref(), probe(character == '+'), second(now), thresholds);
            out.push(if next.is_ready() { '+' } else { '-' });
            stored = Some(next);
        }
        out
    }

    #[rstest]
    #[case("+++++---", "+++++++-", THRESHOLDS)]
    #[case("+--+--+---", "+++++++++-", THRESHOLDS)]
    #[case("-+-", "-++", THRESHOLDS)]
    #[case("-++-++", "--+--+", Thresholds { failure: 1, success: 2 })]
    #[case("-++--++", "--++--+", Thresholds { failure: 2, success: 2 })]
    #[case("+-+", "+-+", Thresholds { failure: 0, success: -1 })]
    fn readiness_changes_after_probes_in_a_row(
        #[case] probes: &str,
        #[case] expected: &str,
        #[case] thresholds: Thresholds,
    ) {
        assert_eq!(reports(probes, thresholds), expected);
    }

    #[test]
    fn a_new_process_starts_to_count_anew() {
        let stored = status(true, 1, 1);
        let reported = Health::default().observe(Some(&stored), probe(false), second(2), THRESHOLDS);
        assert!(reported.is_ready());
    }

    #[test]
    fn a_malformed_configuration_is_reported_at_once() {
        let stored = status(true, 1, 1);
        let malformed = Probe::Malformed("no secret".to_owned());
        let reported = Health::default().observe(Some(&stored), malformed, second(2), THRESHOLDS);
        assert_eq!(reported.conditions.len(), 1);
        assert_eq!(reported.conditions[0].type_, ClusterConditionType::ConfigMalformed);
        assert_eq!(reported.conditions[0].reason.as_deref(), Some("ClusterConfigMalformed"));
        assert_eq!(reported.conditions[0].last_transition_time, Some(second(2)));
        assert!(!reported.is_ready());
    }

    #[rstest]
    #[case(Probe::Healthy { version: None }, &[("Ready", "True", "ClusterReady", "/healthz responded with ok")])]
    #[case(
        Probe::Unhealthy,
        &[("Ready", "False", "ClusterNotReady", "/healthz responded without ok"),
          ("Offline", "False", "ClusterReachable", "cluster is reachable")]
    )]
    #[case(
        Probe::Unreachable("timeout".to_owned()),
        &[("Offline", "True", "ClusterNotReachable", "cluster is not reachable: timeout")]
    )]
    fn conditions_are_those_of_kubefed(#[case] probe: Probe, #[case] expected: &[(&str, &str, &str, &str)]) {
        let reported = Health::default().observe(None, probe, second(1), THRESHOLDS);
        let found: Vec<_> = reported
            .conditions
            .iter()
            .map(|c| {
                (
                    format!("{:?}", c.type_),
                    c.status.clone(),
                    c.reason.clone().unwrap(),
                    c.message.clone().unwrap(),
                )
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(a, b, c, d)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned(), (*d).to_owned()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn transition_times_stay_while_a_condition_stays() {
        let mut health = Health::default();
        let offline = |why: &str| Probe::Unreachable(why.to_owned());
        let first = health.observe(None, offline("a"), second(1), THRESHOLDS);
        let second_ = health.observe(Some(&first), offline("b"), second(2), THRESHOLDS);
        assert_eq!(second_.conditions[0].last_transition_time, Some(second(1)));
        assert_eq!(second_.conditions[0].last_probe_time, second(2));
        let third = health.observe(Some(&second_), Probe::Unhealthy, second(3), THRESHOLDS);
        // Not ready since 1, reachable since 3.
        let times: Vec<_> = third.conditions.iter().map(|c| c.last_transition_time.unwrap()).collect();
        assert_eq!(times, [second(1), second(3)]);
    }

    #[test]
    fn what_a_probe_does_not_tell_stays() {
        let version = |version: &str| Probe::Healthy { version: Some(version.to_owned()) };
        let mut health = Health::default();
        let mut first = health.observe(None, version("v1.36.2"), second(1), THRESHOLDS);
        first.region = Some("here".to_owned());
        let next = health.observe(Some(&first), Probe::Healthy { version: None }, second(2), THRESHOLDS);
        assert_eq!(next.kubernetes_version.as_deref(), Some("v1.36.2"));
        assert_eq!(next.region.as_deref(), Some("here"));
        let next = health.observe(Some(&first), version("v1.36.3"), second(3), THRESHOLDS);
        assert_eq!(next.kubernetes_version.as_deref(), Some("v1.36.3"));
        let once = Thresholds { failure: 1, success: 1 };
        let next = health.observe(Some(&first), Probe::Unhealthy, second(4), once);
        assert_eq!(next.kubernetes_version.as_deref(), Some("v1.36.2"));
    }

    #[test]
    fn times_have_whole_seconds() {
        let now = Timestamp::from_millisecond(1_500).unwrap();
        let reported = Health::default().observe(None, probe(true), now, THRESHOLDS);
        assert_eq!(ready_condition(&reported), (true, second(1), second(1)));
    }

    #[test]
    fn a_status_is_written_on_change_and_as_a_heartbeat() {
        let stored = status(true, 1_000, 1);
        assert!(needs_write(None, &stored, HEARTBEAT));
        assert!(!needs_write(Some(&stored), &stored, HEARTBEAT));
        assert!(!needs_write(Some(&stored), &status(true, 1_299, 1), HEARTBEAT));
        assert!(needs_write(Some(&stored), &status(true, 1_300, 1), HEARTBEAT));
        assert!(needs_write(Some(&stored), &status(false, 1_001, 1_001), HEARTBEAT));
        assert!(needs_write(Some(&status(true, 9_000, 1)), &stored, HEARTBEAT));
        let mut other = status(true, 1_001, 1);
        other.conditions[0].message = Some("port 43210".to_owned());
        assert!(!needs_write(Some(&stored), &other, HEARTBEAT));
        other.kubernetes_version = Some("v1.36.3".to_owned());
        assert!(needs_write(Some(&stored), &other, HEARTBEAT));
    }
}
