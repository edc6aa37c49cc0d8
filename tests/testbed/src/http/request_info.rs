//! What a request's path and query say.

use std::collections::BTreeMap;

use http::{Method, Uri};
use percent_encoding::percent_decode_str;

use crate::control_plane::RequestKey;

/// A path below `/api` or `/apis` that names a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResourcePath {
    pub(crate) group: String,
    pub(crate) version: String,
    /// Empty for cluster-scoped resources and for lists over all namespaces.
    pub(crate) namespace: String,
    pub(crate) resource: String,
    /// Empty for collections.
    pub(crate) name: String,
    pub(crate) subresource: Option<String>,
}

/// Query parameters; of one that is given twice the first counts, as in Go.
#[derive(Debug, Default)]
pub(crate) struct Query {
    values: BTreeMap<String, String>,
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

impl Query {
    pub(crate) fn parse(uri: &Uri) -> Self {
        let mut values = BTreeMap::new();
        for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            values.entry(decode(name)).or_insert_with(|| decode(&value.replace('+', " ")));
        }
        Self { values }
    }

    /// Empty where absent.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.values.get(name).map(String::as_str).unwrap_or_default()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Go's Boolean parameters: present and not `false` or `0`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.values
            .get(name)
            .is_some_and(|value| !matches!(value.as_str(), "false" | "0" | "False" | "FALSE"))
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.text(name).parse().ok()
    }
}

impl ResourcePath {
    /// `None` for paths that name no resource.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let mut parts = path.split('/').filter(|part| !part.is_empty()).map(decode);
        let group = match parts.next()?.as_str() {
            "api" => String::new(),
            "apis" => parts.next()?,
            _ => return None,
        };
        let version = parts.next()?;
        let mut rest: Vec<String> = parts.collect();
        let mut namespace = String::new();
        // `namespaces/x` alone, or with a subresource, is the namespace itself.
        let is_namespace_itself = matches!(rest.as_slice(), [_, _])
            || matches!(rest.as_slice(), [_, _, sub] if sub == "status" || sub == "finalize");
        if rest.first().is_some_and(|first| first == "namespaces") {
            if rest.len() > 1 {
                namespace.clone_from(&rest[1]);
            }
            if rest.len() > 2 && !is_namespace_itself {
                rest.drain(..2);
            }
        }
        let mut rest = rest.into_iter();
        let resource = rest.next()?;
        let name = rest.next().unwrap_or_default();
        let subresource: Vec<String> = rest.collect();
        let subresource = (!subresource.is_empty()).then(|| subresource.join("/"));
        Some(Self { group, version, namespace, resource, name, subresource })
    }

    /// The namespace of the object that the path is about: namespaces themselves are in none.
    pub(crate) fn object_namespace(&self) -> &str {
        if self.resource == "namespaces" && self.group.is_empty() { "" } else { &self.namespace }
    }
}

/// The labels of a request in `apiserver_request_total`, without the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestLabels {
    pub(crate) key: RequestKey,
    pub(crate) version: String,
    pub(crate) scope: &'static str,
    pub(crate) dry_run: bool,
}

impl RequestLabels {
    pub(crate) fn new(
        method: &Method,
        path: &str,
        resource: Option<&ResourcePath>,
        query: &Query,
        content_type: &str,
    ) -> Self {
        let scope = match resource {
            Some(resource) if !resource.name.is_empty() || *method == Method::POST => "resource",
            Some(resource) if !resource.namespace.is_empty() => "namespace",
            Some(_) => "cluster",
            None => "",
        };
        let verb = match method.as_str() {
            "GET" | "HEAD" if resource.is_some() && query.flag("watch") => "WATCH",
            "GET" | "HEAD" if matches!(scope, "namespace" | "cluster") => "LIST",
            "GET" | "HEAD" => "GET",
            "PATCH" if content_type.starts_with("application/apply-patch+") => "APPLY",
            "POST" | "PUT" | "PATCH" | "DELETE" => method.as_str(),
            _ => "other",
        };
        let key = RequestKey {
            verb: verb.to_owned(),
            group: resource.map(|resource| resource.group.clone()).unwrap_or_default(),
            resource: resource.map(|resource| resource.resource.clone()).unwrap_or_default(),
            subresource: match resource {
                Some(resource) => resource.subresource.clone().unwrap_or_default(),
                None => path.to_owned(),
            },
            code: 0,
        };
        let version = resource.map(|resource| resource.version.clone()).unwrap_or_default();
        Self { key, version, scope, dry_run: query.has("dryRun") }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/api/v1/configmaps", "", "", "configmaps", "", None)]
    #[case("/api/v1/namespaces", "", "", "namespaces", "", None)]
    #[case("/api/v1/namespaces/a", "", "a", "namespaces", "a", None)]
    #[case("/api/v1/namespaces/a/status", "", "a", "namespaces", "a", Some("status"))]
    #[case("/api/v1/namespaces/a/finalize", "", "a", "namespaces", "a", Some("finalize"))]
    #[case("/api/v1/namespaces/a/configmaps", "", "a", "configmaps", "", None)]
    #[case("/apis/apps/v1/namespaces/a/deployments/b/scale", "apps", "a", "deployments", "b", Some("scale"))]
    #[case(
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Ax",
        "rbac.authorization.k8s.io",
        "",
        "clusterroles",
        "system:x",
        None
    )]
    fn paths(
        #[case] path: &str,
        #[case] group: &str,
        #[case] namespace: &str,
        #[case] resource: &str,
        #[case] name: &str,
        #[case] subresource: Option<&str>,
    ) {
        let parsed = ResourcePath::parse(path).expect("resource");
        assert_eq!(
            (
                parsed.group.as_str(),
                parsed.namespace.as_str(),
                parsed.resource.as_str(),
                parsed.name.as_str()
            ),
            (group, namespace, resource, name)
        );
        assert_eq!(parsed.subresource.as_deref(), subresource);
        assert_eq!(parsed.version, "v1");
    }

    #[test]
    fn paths_without_a_resource() {
        for path in
            ["/version", "/api", "/apis", "/api/v1", "/apis/apps", "/apis/apps/v1", "/openapi/v3/api/v1"]
        {
            assert_eq!(ResourcePath::parse(path), None, "{path}");
        }
    }
}
