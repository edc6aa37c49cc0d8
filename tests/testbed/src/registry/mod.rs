//! Which kinds a control plane serves: those of the pinned documents and those of its CustomResourceDefinitions.

mod custom;
mod documents;
mod kind;
mod version;

use std::collections::BTreeMap;
use std::sync::Arc;

use kubefed_core::schema::structural::SchemaError;
use parking_lot::RwLock;
use serde_json::Value;

pub(crate) use documents::{SERVER_VERSION, document, documents};
pub(crate) use kind::ResourceKind;

use crate::schema::Definitions;
use crate::store::GroupResource;

/// The kinds of one control plane.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    custom: RwLock<Custom>,
}

#[derive(Debug, Default)]
struct Custom {
    definitions: Definitions,
    /// By group and plural name: the served versions, the preferred one first.
    kinds: BTreeMap<GroupResource, Vec<Arc<ResourceKind>>>,
    /// Schemas as first seen; where they change, stored objects are coerced when read.
    schemas: BTreeMap<GroupResource, Value>,
}

/// One group as discovery shows it.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// The preferred version first.
    pub(crate) versions: Vec<GroupVersion>,
}

/// One version of a group.
#[derive(Debug)]
pub(crate) struct GroupVersion {
    pub(crate) version: String,
    /// In the order of their names.
    pub(crate) kinds: Vec<Arc<ResourceKind>>,
}

impl Registry {
    /// The kind behind a path.
    pub(crate) fn find(&self, group: &str, version: &str, resource: &str) -> Option<Arc<ResourceKind>> {
        if let Some(document) = document(group, version) {
            return document.kinds().iter().find(|kind| kind.resource == resource).cloned();
        }
        let custom = self.custom.read();
        let versions = custom.kinds.get(&GroupResource::new(group, resource))?;
        versions.iter().find(|kind| kind.version == version).cloned()
    }

    /// A stored resource in its preferred version.
    pub(crate) fn stored(&self, resource: &GroupResource) -> Option<Arc<ResourceKind>> {
        let builtin = documents().iter().filter(|document| document.group() == resource.group);
        let builtin =
            builtin.flat_map(|document| document.kinds()).find(|kind| kind.resource == resource.resource);
        builtin.cloned().or_else(|| self.custom.read().kinds.get(resource)?.first().cloned())
    }

    /// A kind by the apiVersion and kind of an object or of an owner reference.
    pub(crate) fn find_kind(&self, api_version: &str, kind: &str) -> Option<Arc<ResourceKind>> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        if let Some(document) = document(group, version) {
            return document.kinds().iter().find(|candidate| candidate.kind == kind).cloned();
        }
        let custom = self.custom.read();
        let mut kinds = custom.kinds.values().flatten();
        kinds.find(|one| one.group == group && one.version == version && one.kind == kind).cloned()
    }

    /// Serves what a definition defines, in place of what an earlier state of it defined.
    pub(crate) fn install(&self, definition: &Value) -> Result<(), SchemaError> {
        let spec = &definition["spec"];
        let resource = GroupResource::new(
            spec["group"].as_str().unwrap_or_default(),
            spec["names"]["plural"].as_str().unwrap_or_default(),
        );
        let mut custom = self.custom.write();
        let schemas: Value =
            spec["versions"].as_array().into_iter().flatten().map(|one| one["schema"].clone()).collect();
        let first = custom.schemas.entry(resource.clone()).or_insert_with(|| schemas.clone());
        let changed = *first != schemas;
        for kind in custom.kinds.remove(&resource).unwrap_or_default() {
            custom.definitions.remove(&kind.group, &kind.version, &kind.kind);
        }
        let mut kinds: Vec<_> = custom::served_kinds(definition, &mut custom.definitions, changed)?
            .into_iter()
            .map(Arc::new)
            .collect();
        kinds.sort_by(|a, b| version::preferred(&a.version, &b.version));
        custom.kinds.insert(resource, kinds);
        Ok(())
    }

    /// Stops serving a custom resource.
    pub(crate) fn uninstall(&self, resource: &GroupResource) {
        let mut custom = self.custom.write();
        custom.schemas.remove(resource);
        for kind in custom.kinds.remove(resource).unwrap_or_default() {
            custom.definitions.remove(&kind.group, &kind.version, &kind.kind);
        }
    }

    /// The kinds of one group version.
    pub(crate) fn group_version(&self, group: &str, version: &str) -> Option<GroupVersion> {
        let kinds: Vec<_> = match document(group, version) {
            Some(document) => document.kinds().to_vec(),
            None => {
                let custom = self.custom.read();
                let kinds = custom.kinds.values().flatten();
                kinds.filter(|kind| kind.group == group && kind.version == version).cloned().collect()
            }
        };
        (!kinds.is_empty()).then(|| GroupVersion { version: version.to_owned(), kinds })
    }

    /// Every served group: Kubernetes' own in the real server's order, then those of definitions by name.
    pub(crate) fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for document in documents() {
            let version =
                GroupVersion { version: document.version().to_owned(), kinds: document.kinds().to_vec() };
            match groups.iter_mut().find(|group| group.name == document.group()) {
                Some(group) => group.versions.push(version),
                None => groups.push(Group { name: document.group().to_owned(), versions: vec![version] }),
            }
        }
        let custom = self.custom.read();
        let mut by_version: BTreeMap<(&str, &str), Vec<Arc<ResourceKind>>> = BTreeMap::new();
        for kind in custom.kinds.values().flatten() {
            by_version.entry((&kind.group, &kind.version)).or_default().push(kind.clone());
        }
        let mut names: Vec<&str> = by_version.keys().map(|(group, _)| *group).collect();
        names.dedup();
        for name in names {
            let mut versions: Vec<GroupVersion> = by_version
                .iter()
                .filter(|((group, _), _)| *group == name)
                .map(|((_, version), kinds)| GroupVersion {
                    version: (*version).to_owned(),
                    kinds: kinds.clone(),
                })
                .collect();
            versions.sort_by(|a, b| version::preferred(&a.version, &b.version));
            groups.push(Group { name: name.to_owned(), versions });
        }
        groups
    }
}
