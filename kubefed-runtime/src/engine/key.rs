//! The key of an object: its namespace and name in one shared string.

use std::{borrow::Borrow, fmt, sync::Arc};

/// Namespace and name of an object, or the name alone for objects that belong to the cluster.
///
/// One string behind an `Arc`, since caches, queues and records of one object share it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key(Arc<str>);

impl Key {
    /// The key of an object in a namespace, or of one without.
    pub(crate) fn new(namespace: Option<&str>, name: &str) -> Self {
        match namespace.filter(|namespace| !namespace.is_empty()) {
            Some(namespace) => Self(format!("{namespace}/{name}").into()),
            None => Self(name.into()),
        }
    }

    /// The namespace, if there is one. A name never contains a slash.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.0.split_once('/').map(|(namespace, _)| namespace)
    }

    /// The name.
    pub(crate) fn name(&self) -> &str {
        self.0.split_once('/').map_or(&*self.0, |(_, name)| name)
    }

    /// Whether it is the key of a federated namespace as it must be: the name is that of the namespace it is in (spec 3.2).
    pub(crate) fn stands_for_its_namespace(&self) -> bool {
        self.namespace() == Some(self.name())
    }

    /// The bounds of all keys in a namespace: `/` is followed by `0` in ASCII.
    pub(crate) fn within(namespace: &str) -> (Self, Self) {
        (Self(format!("{namespace}/").into()), Self(format!("{namespace}0").into()))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gives_back_its_parts() {
        let key = Key::new(Some("demo"), "web");
        assert_eq!((key.namespace(), key.name()), (Some("demo"), "web"));
        let key = Key::new(Some(""), "admin");
        assert_eq!((key.namespace(), key.name()), (None, "admin"));
    }

    #[test]
    fn a_namespace_bounds_its_own_keys_only() {
        let (from, to) = Key::within("demo");
        let inside = Key::new(Some("demo"), "zzz");
        assert!(from <= inside && inside < to);
        for outside in [Key::new(Some("demo-2"), "a"), Key::new(Some("demo0"), "a"), Key::new(None, "demo")] {
            assert!(outside < from || outside >= to, "{outside}");
        }
    }
}
