//! Keys of resources and objects.

use std::fmt;

/// A resource of the API, whatever its versions: `deployments` of group `apps`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct GroupResource {
    /// Empty for the core group.
    pub(crate) group: String,
    /// Plural name.
    pub(crate) resource: String,
}

impl GroupResource {
    pub(crate) fn new(group: &str, resource: &str) -> Self {
        Self { group: group.to_owned(), resource: resource.to_owned() }
    }
}

impl fmt::Display for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group.as_str() {
            "" => f.write_str(&self.resource),
            group => write!(f, "{}.{group}", self.resource),
        }
    }
}

/// Namespace and name of an object.
///
/// Kept as one string `namespace/name`, since that is what lists are ordered by on a real server: `a-b/x` comes before
/// `a/x`. Cluster-scoped objects have an empty namespace.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ObjectKey {
    path: Box<str>,
    slash: u32,
}

impl ObjectKey {
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        let path = format!("{namespace}/{name}").into_boxed_str();
        // Names are bounded far below 4 GiB by the request size limit.
        Self { path, slash: namespace.len() as u32 }
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.path[..self.slash as usize]
    }

    pub(crate) fn name(&self) -> &str {
        &self.path[self.slash as usize + 1..]
    }

    /// `namespace/name`, or `/name`.
    pub(crate) fn as_str(&self) -> &str {
        &self.path
    }

    /// The inverse of [`as_str`](Self::as_str).
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let (namespace, name) = path.split_once('/')?;
        Some(Self::new(namespace, name))
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}
