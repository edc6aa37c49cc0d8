//! Request counters, under kube-apiserver's names.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use parking_lot::Mutex;

use super::request_info::RequestLabels;
use crate::control_plane::{RequestCounts, RequestKey};
use crate::request_counts::REQUEST_TOTAL;

/// A series of the counter: what [`RequestKey`] tells apart, and what it does not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    key: RequestKey,
    version: String,
    scope: &'static str,
    dry_run: bool,
}

/// The counters of one control plane.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    counts: Mutex<BTreeMap<Series, u64>>,
}

/// A request that is counted when this is dropped: watches count when they end.
#[derive(Debug)]
pub(crate) struct Pending {
    metrics: Arc<Metrics>,
    /// None where the request is counted elsewhere.
    labels: Option<RequestLabels>,
    code: u16,
}

impl Pending {
    pub(super) fn set_code(&mut self, code: u16) {
        self.code = code;
    }

    /// Hands the counting over to something that lives longer.
    pub(super) fn take(&mut self) -> Self {
        Self { metrics: self.metrics.clone(), labels: self.labels.take(), code: self.code }
    }
}

impl Metrics {
    /// A request that will have been answered with 200 unless its code is changed.
    pub(crate) fn begin(self: &Arc<Self>, labels: RequestLabels) -> Pending {
        Pending { metrics: self.clone(), labels: Some(labels), code: 200 }
    }

    fn count(&self, labels: &RequestLabels, code: u16) {
        let series = Series {
            key: RequestKey { code, ..labels.key.clone() },
            version: labels.version.clone(),
            scope: labels.scope,
            dry_run: labels.dry_run,
        };
        *self.counts.lock().entry(series).or_default() += 1;
    }

    pub(crate) fn counts(&self) -> RequestCounts {
        let mut counts = RequestCounts::default();
        for (series, count) in self.counts.lock().iter() {
            counts.add(series.key.clone(), *count);
        }
        counts
    }

    /// The text exposition.
    pub(crate) fn expose(&self) -> String {
        let mut text = format!(
            "# HELP {REQUEST_TOTAL} [STABLE] Counter of apiserver requests broken out for each verb, dry run value, group, \
             version, resource, scope, component, and HTTP response code.\n# TYPE {REQUEST_TOTAL} counter\n"
        );
        for (series, count) in self.counts.lock().iter() {
            let Series { key, version, scope, dry_run } = series;
            let dry_run = if *dry_run { "All" } else { "" };
            let RequestKey { verb, group, resource, subresource, code } = key;
            // Writing into a text cannot fail.
            let _ = writeln!(
                text,
                "{REQUEST_TOTAL}{{code=\"{code}\",component=\"apiserver\",dry_run=\"{dry_run}\",group=\"{group}\",\
                 resource=\"{resource}\",scope=\"{scope}\",subresource=\"{subresource}\",verb=\"{verb}\",\
                 version=\"{version}\"}} {count}"
            );
        }
        text
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(labels) = &self.labels {
            self.metrics.count(labels, self.code);
        }
    }
}
