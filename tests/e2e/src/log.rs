//! What a controller asked of a control plane, request by request.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use http::{HeaderName, Method, header, request::Parts};
use serde_json::Value;

/// A request that was on its way, and what became of it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// As `apiserver_request_total` spells it: `GET`, `LIST`, `WATCH`, `POST`, `PUT`, `PATCH`, `APPLY`, `DELETE` or
    /// `DELETECOLLECTION`.
    pub verb: &'static str,
    /// API group; empty for the core group, and for paths that name no resource.
    pub group: String,
    /// Plural; empty for paths that name no resource.
    pub resource: String,
    /// Namespace; empty where there is none.
    pub namespace: String,
    /// Name; empty where neither the path has one nor an object that is created.
    pub name: String,
    /// Subresource such as `status`; empty for the object itself.
    pub subresource: String,
    /// The path and what follows it.
    pub uri: String,
    /// In which form the answer is wanted.
    pub accept: String,
    /// What was sent; null where nothing was.
    pub body: Value,
    /// The status code of the answer; `None` while there is none.
    pub code: Option<u16>,
    /// What the server said where it refused; empty otherwise.
    pub message: String,
    /// Whether the wire itself has refused it, as the test wanted: the server has not seen it.
    pub refused_by_wire: bool,
    /// How many other watches of the same objects were open when this one began.
    pub beside: usize,
    /// Lives as long as a watch is open.
    open: Weak<()>,
}

impl Sent {
    pub(crate) fn new(head: &Parts, body: &[u8]) -> Self {
        let text = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
        let uri = &head.uri;
        let mut sent = Self {
            verb: "GET",
            group: String::new(),
            resource: String::new(),
            namespace: String::new(),
            name: String::new(),
            subresource: String::new(),
            uri: uri.to_string(),
            accept: text(header::ACCEPT).unwrap_or_default().to_owned(),
            body: serde_json::from_slice(body).unwrap_or_default(),
            code: None,
            message: String::new(),
            refused_by_wire: false,
            beside: 0,
            open: Weak::new(),
        };
        sent.read_path(uri.path());
        let watches = sent.parameter("watch").as_deref() == Some("true");
        let content_type = text(header::CONTENT_TYPE).unwrap_or_default();
        sent.verb = match head.method {
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH if content_type.starts_with("application/apply-patch") => "APPLY",
            Method::PATCH => "PATCH",
            Method::DELETE if sent.name.is_empty() => "DELETECOLLECTION",
            Method::DELETE => "DELETE",
            _ if watches => "WATCH",
            _ if sent.name.is_empty() && !sent.resource.is_empty() => "LIST",
            _ => "GET",
        };
        if sent.verb == "POST" && sent.name.is_empty() {
            sent.body["metadata"]["name"].as_str().unwrap_or_default().clone_into(&mut sent.name);
        }
        sent
    }

    fn read_path(&mut self, path: &str) {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let rest = match segments.as_slice() {
            ["api", _, rest @ ..] => rest,
            ["apis", group, _, rest @ ..] => {
                (*group).clone_into(&mut self.group);
                rest
            }
            _ => return,
        };
        let rest = match rest {
            ["namespaces", namespace, rest @ ..] if !matches!(rest, [] | ["status" | "finalize"]) => {
                (*namespace).clone_into(&mut self.namespace);
                rest
            }
            rest => rest,
        };
        let part = |index: usize| rest.get(index).copied().unwrap_or_default().to_owned();
        (self.resource, self.name, self.subresource) = (part(0), part(1), part(2));
    }

    /// Notes that it begins behind `others`, and what it is open for until the answer is dropped.
    pub(crate) fn begin(&mut self, others: &[Self]) -> Arc<()> {
        let open = Arc::new(());
        if self.verb == "WATCH" {
            let is_same = |other: &&Self| {
                other.open.strong_count() > 0
                    && (&other.group, &other.resource, &other.namespace)
                        == (&self.group, &self.resource, &self.namespace)
                    && other.parameter("labelSelector") == self.parameter("labelSelector")
            };
            self.beside = others.iter().filter(is_same).count();
            self.open = Arc::downgrade(&open);
        }
        open
    }

    /// The value of a parameter of the query, with slashes and equals signs as they are meant.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        let (_, query) = self.uri.split_once('?')?;
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.find(|(key, _)| *key == name)?;
        Some(value.replace("%2F", "/").replace("%2f", "/").replace("%3D", "=").replace("%3d", "="))
    }

    /// Whether the answer is wanted without all but the metadata.
    #[must_use]
    pub fn wants_metadata_only(&self) -> bool {
        self.accept.contains("as=PartialObjectMetadata")
    }

    /// Whether it could change something.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !matches!(self.verb, "GET" | "LIST" | "WATCH")
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.uri)?;
        match self.code {
            Some(code) => write!(f, " → {code} {}", self.message)?,
            None => f.write_str(" → no answer")?,
        }
        if self.is_write() { write!(f, " {}", self.body) } else { Ok(()) }
    }
}

/// Some of the requests of a controller, in the order in which they were sent. Narrowed like
/// [`RequestCounts`](kubefed_testbed::RequestCounts).
#[derive(Clone, Debug, Default)]
pub struct Requests(Vec<Sent>);

impl Requests {
    pub(crate) fn new(sent: Vec<Sent>) -> Self {
        Self(sent)
    }

    /// Only those that `keep` says yes to.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&Sent) -> bool) -> Self {
        Self(self.0.iter().filter(|sent| keep(sent)).cloned().collect())
    }

    /// Only those that could change something.
    #[must_use]
    pub fn writes(&self) -> Self {
        self.filter(Sent::is_write)
    }

    /// Only those to one resource, its subresources included.
    #[must_use]
    pub fn of(&self, group: &str, resource: &str) -> Self {
        self.filter(|sent| sent.group == group && sent.resource == resource)
    }

    /// Only those to one object, or to all objects of that name.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        self.filter(|sent| sent.name == name)
    }

    /// Only those of one verb.
    #[must_use]
    pub fn verb(&self, verb: &str) -> Self {
        self.filter(|sent| sent.verb == verb)
    }

    /// Only those that were answered with this code.
    #[must_use]
    pub fn code(&self, code: u16) -> Self {
        self.filter(|sent| sent.code == Some(code))
    }

    /// Only those that were not answered.
    #[must_use]
    pub fn unanswered(&self) -> Self {
        self.filter(|sent| sent.code.is_none())
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> usize {
        self.0.len()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Sent> {
        self.0.iter()
    }
}

impl fmt::Display for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no request");
        }
        for (index, sent) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n  " };
            write!(f, "{separator}{sent}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(method: &Method, uri: &str, content_type: &str) -> Sent {
        let request = http::Request::builder().method(method).uri(uri);
        let request = request.header(header::CONTENT_TYPE, content_type).body(()).unwrap();
        Sent::new(&request.into_parts().0, b"{}")
    }

    fn read(method: &Method, uri: &str, content_type: &str) -> (&'static str, String) {
        let sent = sent(method, uri, content_type);
        let parts = [&sent.group, &sent.resource, &sent.namespace, &sent.name, &sent.subresource];
        (sent.verb, parts.map(String::as_str).join("|"))
    }

    #[test]
    fn requests_are_read_as_the_server_reads_them() {
        let apply = "application/apply-patch+yaml";
        let cases = [
            (
                Method::PATCH,
                "/api/v1/namespaces/a/configmaps/b?force=true",
                apply,
                "APPLY",
                "|configmaps|a|b|",
            ),
            (Method::GET, "/apis/apps/v1/deployments?watch=true", "", "WATCH", "apps|deployments|||"),
            (Method::GET, "/apis/apps/v1/namespaces/a/deployments", "", "LIST", "apps|deployments|a||"),
            (
                Method::PATCH,
                "/api/v1/namespaces/a",
                "application/json-patch+json",
                "PATCH",
                "|namespaces||a|",
            ),
            (Method::PATCH, "/api/v1/namespaces/a/status", "", "PATCH", "|namespaces||a|status"),
            (Method::DELETE, "/api/v1/namespaces/a/secrets/b", "", "DELETE", "|secrets|a|b|"),
            (Method::GET, "/healthz", "", "GET", "||||"),
        ];
        for (method, uri, content_type, verb, parts) in cases {
            assert_eq!(read(&method, uri, content_type), (verb, parts.to_owned()), "{uri}");
        }
    }

    #[test]
    fn watches_of_the_same_objects_that_are_open_are_counted() {
        let mut log = Vec::new();
        let mut watch = |uri: &str| {
            let mut sent = sent(&Method::GET, uri, "");
            let open = sent.begin(&log);
            let beside = sent.beside;
            log.push(sent);
            (open, beside)
        };
        let selected = "/api/v1/namespaces?watch=true&labelSelector=kubefed.io%2Fmanaged";
        let (first, beside) = watch(selected);
        assert_eq!(beside, 0);
        let (_other, beside) = watch("/api/v1/namespaces?watch=true");
        assert_eq!(beside, 0, "other objects");
        let (second, beside) = watch(selected);
        assert_eq!(beside, 1);
        drop((first, second));
        assert_eq!(watch(selected).1, 0);
        assert_eq!(log[0].parameter("labelSelector").as_deref(), Some("kubefed.io/managed"));
    }
}
