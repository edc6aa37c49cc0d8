//! Request counters with the labels of kube-apiserver's `apiserver_request_total`.

use std::collections::BTreeMap;
use std::fmt;

/// The name of the metric that kube-apiserver counts requests under.
pub(crate) const REQUEST_TOTAL: &str = "apiserver_request_total";

/// The labels that tell requests apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey {
    /// `GET`, `LIST`, `WATCH`, `POST`, `PUT`, `PATCH`, `APPLY`, `DELETE`, `DELETECOLLECTION` or `CONNECT`.
    pub verb: String,
    /// API group; empty for the core group.
    pub group: String,
    /// Plural resource name; empty for requests that name no resource.
    pub resource: String,
    /// Subresource such as `status`; empty for the object itself. Paths that name no resource stand here, as on the
    /// real server (`/readyz`, `/openapi/v3`).
    pub subresource: String,
    /// HTTP status code.
    pub code: u16,
}

impl RequestKey {
    /// Whether the request could have changed an object: every verb other than the reading ones.
    #[must_use]
    pub fn is_write(&self) -> bool {
        matches!(self.verb.as_str(), "POST" | "PUT" | "PATCH" | "APPLY" | "DELETE" | "DELETECOLLECTION")
    }
}

impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        if !self.subresource.is_empty() {
            write!(f, "/{}", self.subresource)?;
        }
        write!(f, " {}", self.code)
    }
}

/// How many requests of each sort a control plane served.
///
/// Every narrowing method answers another `RequestCounts`, so a test reads as one line:
/// `after.minus(&before).of("apps", "deployments").writes().total()`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestCounts {
    counts: BTreeMap<RequestKey, u64>,
}

impl RequestCounts {
    /// Reads the counters out of a Prometheus text exposition; other metrics and unreadable lines are skipped.
    /// Series that differ only in labels other than those of [`RequestKey`] are added up.
    #[must_use]
    pub fn from_prometheus(text: &str) -> Self {
        let mut counts = Self::default();
        for line in text.lines() {
            if let Some((key, value)) = parse_line(line) {
                counts.add(key, value);
            }
        }
        counts
    }

    /// Adds `value` to the counter of `key`.
    pub fn add(&mut self, key: RequestKey, value: u64) {
        *self.counts.entry(key).or_default() += value;
    }

    /// Every counter, in the order of its key.
    pub fn iter(&self) -> impl Iterator<Item = (&RequestKey, u64)> {
        self.counts.iter().map(|(key, count)| (key, *count))
    }

    /// Sum of all counters.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Only what `keep` says yes to.
    #[must_use]
    pub fn filter(&self, mut keep: impl FnMut(&RequestKey) -> bool) -> Self {
        let counts =
            self.counts.iter().filter(|(key, _)| keep(key)).map(|(key, n)| (key.clone(), *n)).collect();
        Self { counts }
    }

    /// Only requests to one resource, its subresources included.
    #[must_use]
    pub fn of(&self, group: &str, resource: &str) -> Self {
        self.filter(|key| key.group == group && key.resource == resource)
    }

    /// Only requests to one subresource; the empty name keeps those to the objects themselves.
    #[must_use]
    pub fn subresource(&self, subresource: &str) -> Self {
        self.filter(|key| key.subresource == subresource)
    }

    /// Only requests of one verb, in the metric's spelling (`APPLY`).
    #[must_use]
    pub fn verb(&self, verb: &str) -> Self {
        self.filter(|key| key.verb == verb)
    }

    /// Only requests that could have changed an object; see [`RequestKey::is_write`].
    #[must_use]
    pub fn writes(&self) -> Self {
        self.filter(RequestKey::is_write)
    }

    /// Only requests that were answered with this status code.
    #[must_use]
    pub fn code(&self, code: u16) -> Self {
        self.filter(|key| key.code == code)
    }

    /// What was counted since `earlier` was taken. Counters that did not move are left out.
    #[must_use]
    pub fn minus(&self, earlier: &Self) -> Self {
        let counts = self
            .counts
            .iter()
            .map(|(key, count)| {
                (key.clone(), count - earlier.counts.get(key).copied().unwrap_or(0).min(*count))
            })
            .filter(|(_, count)| *count > 0)
            .collect();
        Self { counts }
    }
}

impl fmt::Display for RequestCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (key, count)) in self.counts.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{key}: {count}")?;
        }
        Ok(())
    }
}

fn parse_line(line: &str) -> Option<(RequestKey, u64)> {
    let rest = line.strip_prefix(REQUEST_TOTAL)?.strip_prefix('{')?;
    let (labels, value) = rest.rsplit_once('}')?;
    let labels = parse_labels(labels)?;
    let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
    let key = RequestKey {
        verb: label("verb"),
        group: label("group"),
        resource: label("resource"),
        subresource: label("subresource"),
        code: label("code").parse().ok()?,
    };
    let value = value.split_whitespace().next()?.parse::<f64>().ok()?;
    // Counters of requests are whole numbers far below 2^53.
    Some((key, value as u64))
}

/// `a="x",b="y\"z"`, with the escapes of the exposition format.
fn parse_labels(text: &str) -> Option<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    let mut rest = text.trim_start_matches(',');
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next()? {
                (_, '\\') => match chars.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (index, '"') => break index,
                (_, other) => value.push(other),
            }
        };
        labels.insert(name.trim().to_owned(), value);
        rest = after[end + 1..].trim_start_matches(',');
    }
    Some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRAPE: &str = r#"# TYPE apiserver_request_total counter
apiserver_request_total{code="201",component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource="",verb="APPLY",version="v1"} 2
apiserver_request_total{code="201",component="apiserver",dry_run="All",group="",resource="configmaps",scope="resource",subresource="",verb="APPLY",version="v1"} 1
apiserver_request_total{code="200",component="apiserver",dry_run="",group="apps",resource="deployments",scope="cluster",subresource="",verb="LIST",version="v1"} 1.5e+01
apiserver_request_total{code="200",component="apiserver",dry_run="",group="apps",resource="deployments",scope="resource",subresource="status",verb="PATCH",version="v1"} 4
apiserver_request_duration_seconds_sum{verb="LIST"} 3
"#;

    #[test]
    fn reads_a_scrape_and_narrows_it() {
        let counts = RequestCounts::from_prometheus(SCRAPE);
        assert_eq!(counts.total(), 22);
        assert_eq!(counts.of("", "configmaps").writes().total(), 3);
        assert_eq!(counts.of("apps", "deployments").verb("LIST").total(), 15);
        assert_eq!(counts.of("apps", "deployments").subresource("status").total(), 4);
        assert_eq!(counts.writes().code(201).total(), 3);
    }

    #[test]
    fn a_difference_names_only_what_moved() {
        let before = RequestCounts::from_prometheus(SCRAPE);
        let mut after = before.clone();
        let key = RequestKey {
            verb: "APPLY".to_owned(),
            group: String::new(),
            resource: "configmaps".to_owned(),
            subresource: String::new(),
            code: 201,
        };
        after.add(key, 5);
        assert_eq!(after.minus(&before).to_string(), "APPLY configmaps 201: 5");
        assert!(before.minus(&after).is_empty());
    }

    #[test]
    fn escaped_label_values_are_read() {
        let labels = parse_labels(r#"a="x\"y\\z",b="1""#).expect("labels");
        assert_eq!(labels["a"], r#"x"y\z"#);
        assert_eq!(labels["b"], "1");
    }
}
