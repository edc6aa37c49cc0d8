//! What all writes have in common.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::convert::{from_storage, present, selectable_fields, to_storage};
use super::{Resources, meta};
use crate::apply::FieldSet;
use crate::encode::encode;
use crate::error::{ApiError, ApiResult};
use crate::registry::ResourceKind;
use crate::store::{CommitError, Draft, Expect, ObjectKey, Record};

/// Objects larger than this are refused, as etcd refuses them.
const OBJECT_LIMIT: usize = 1_572_864;

/// What to do about fields that the kind does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FieldValidation {
    Ignore,
    #[default]
    Warn,
    Strict,
}

/// Parameters of a write.
#[derive(Debug, Clone, Default)]
pub(crate) struct WriteOptions {
    /// Who owns what the write sets.
    pub(crate) manager: String,
    /// Nothing is stored.
    pub(crate) dry_run: bool,
    /// An apply takes fields from other managers.
    pub(crate) force: bool,
    pub(crate) validation: FieldValidation,
}

impl WriteOptions {
    /// For writes of the control plane itself.
    pub(crate) fn internal(manager: &str) -> Self {
        Self { manager: manager.to_owned(), validation: FieldValidation::Ignore, ..Self::default() }
    }
}

/// The object that a request is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) kind: &'a ResourceKind,
    /// Empty for cluster-scoped kinds.
    pub(crate) namespace: &'a str,
    /// Empty where the object itself says it, or where a name is to be generated.
    pub(crate) name: &'a str,
    pub(crate) subresource: Option<&'a str>,
}

impl Target<'_> {
    pub(super) fn key(&self) -> ObjectKey {
        ObjectKey::new(self.namespace, self.name)
    }

    /// What this endpoint never stores, so that nobody owns it through it (the strategies' reset fields).
    pub(super) fn ignored_fields(&self) -> FieldSet {
        match self.subresource {
            None if self.kind.has_status() => FieldSet::of(&["status"]),
            Some("status") if self.kind.custom.is_some() => FieldSet::of(&["metadata", "spec"]),
            Some("status") => {
                let mut fields = vec!["spec"];
                fields.extend(self.kind.traits.status_keeps);
                FieldSet::of(&fields)
            }
            Some("finalize") => FieldSet::of(&["status"]),
            _ => FieldSet::default(),
        }
    }
}

/// The answer to a write.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The object, in the version of the request.
    pub(crate) json: Bytes,
    pub(crate) created: bool,
    /// For `Warning` headers.
    pub(crate) warnings: Vec<String>,
}

/// An object that is about to be replaced.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) record: Arc<Record>,
    /// In the version of the request.
    pub(super) object: Value,
}

impl Resources {
    pub(super) fn live(&self, target: &Target<'_>) -> Option<Live> {
        let record = self.store.get(&target.kind.storage, &target.key())?;
        let mut object = record.value();
        from_storage(target.kind, &mut object);
        Some(Live { record, object })
    }

    /// Stores an object that is ready, or only shows it in a dry run. `CommitError` is for the caller to judge.
    pub(super) fn commit(
        &self,
        target: &Target<'_>,
        mut object: Value,
        expect: Expect,
        dry_run: bool,
    ) -> Result<Result<Bytes, CommitError>, ApiError> {
        to_storage(target.kind, &mut object);
        let key = ObjectKey::new(target.namespace, meta::text(&object, "name"));
        if dry_run {
            return Ok(self.rehearse(target, &key, object, expect));
        }
        let fields = selectable_fields(target.kind, &object);
        let draft = Draft::new(key, object, fields);
        if draft.len() > OBJECT_LIMIT {
            return Err(ApiError::new(500, "", "etcdserver: request is too large"));
        }
        let committed = self.store.commit(&target.kind.storage, draft, expect);
        Ok(committed.map(|record| present(target.kind, &record.json)))
    }

    /// A dry run fails where the commit would have failed.
    fn rehearse(
        &self,
        target: &Target<'_>,
        key: &ObjectKey,
        mut object: Value,
        expect: Expect,
    ) -> Result<Bytes, CommitError> {
        let current = self.store.get(&target.kind.storage, key);
        match (&current, expect) {
            (Some(_), Expect::Absent) => return Err(CommitError::Exists),
            (None, Expect::Revision(_)) => return Err(CommitError::Missing),
            _ => {}
        }
        if let Some(current) = current {
            meta::set(&mut object, "resourceVersion", Value::from(current.revision.to_string()));
        }
        from_storage(target.kind, &mut object);
        Ok(Bytes::from(encode(&object)))
    }

    /// Whether content may be put into a namespace.
    pub(super) fn check_namespace(&self, target: &Target<'_>, name: &str) -> ApiResult<()> {
        if !target.kind.namespaced {
            return Ok(());
        }
        let namespace = target.namespace;
        let Some(object) = self.peek("", "namespaces", "", namespace) else {
            let mut error = ApiError::new(404, "NotFound", format!("namespaces \"{namespace}\" not found"));
            error.details = crate::error::details("", "namespaces", namespace);
            return Err(error);
        };
        if meta::is_being_deleted(&object) || object["status"]["phase"] == "Terminating" {
            let why = format!(
                "unable to create new content in namespace {namespace} because it is being terminated"
            );
            let mut error = ApiError::forbidden(target.kind, name, &why);
            error.details["causes"] = serde_json::json!([{
                "reason": "NamespaceTerminating",
                "message": format!("namespace {namespace} is being terminated"),
                "field": "metadata.namespace",
            }]);
            return Err(error);
        }
        Ok(())
    }
}
