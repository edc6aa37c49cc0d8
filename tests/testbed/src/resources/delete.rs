//! Deletion.

use kubefed_core::schema::structural::FieldError;
use serde_json::{Value, json};

use super::write::{Live, Target};
use super::{Resources, convert, meta};
use crate::builtin;
use crate::error::{ApiError, ApiResult};
use crate::registry::ResourceKind;
use crate::store::{Expect, Selection};

/// Finalizer that keeps an owner until its dependents are gone.
pub(crate) const FOREGROUND: &str = "foregroundDeletion";
/// Finalizer that keeps an owner until its dependents no longer name it.
pub(crate) const ORPHAN: &str = "orphan";

/// What becomes of an object's dependents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// Parameters of a deletion.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeleteOptions {
    pub(crate) uid: Option<String>,
    pub(crate) resource_version: Option<String>,
    pub(crate) propagation: Option<Propagation>,
    pub(crate) dry_run: bool,
    /// `orphanDependents: false` was given, the old way to ask for a cascade.
    pub(crate) legacy_cascade: bool,
}

impl DeleteOptions {
    /// From a `DeleteOptions` body.
    pub(crate) fn read(body: &Value) -> ApiResult<Self> {
        let preconditions = &body["preconditions"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let propagation = match (body["propagationPolicy"].as_str(), body["orphanDependents"].as_bool()) {
            (Some(policy), _) => Some(Propagation::read(policy)?),
            (None, Some(true)) => Some(Propagation::Orphan),
            (None, Some(false)) => Some(Propagation::Background),
            (None, None) => None,
        };
        Ok(Self {
            uid: text(&preconditions["uid"]),
            resource_version: text(&preconditions["resourceVersion"]),
            propagation,
            legacy_cascade: body["orphanDependents"] == false,
            dry_run: body["dryRun"].as_array().is_some_and(|list| !list.is_empty()),
        })
    }
}

impl Propagation {
    pub(crate) fn read(policy: &str) -> ApiResult<Self> {
        match policy {
            "Background" => Ok(Self::Background),
            "Foreground" => Ok(Self::Foreground),
            "Orphan" => Ok(Self::Orphan),
            other => {
                let supported = ["Foreground", "Background", "Orphan", "nil"].map(str::to_owned);
                let error = FieldError::not_supported("propagationPolicy", Value::from(other), &supported);
                Err(ApiError::invalid_options("DeleteOptions", &[error]))
            }
        }
    }

    /// The finalizer that carries it out.
    fn finalizer(self) -> Option<&'static str> {
        match self {
            Self::Background => None,
            Self::Foreground => Some(FOREGROUND),
            Self::Orphan => Some(ORPHAN),
        }
    }
}

/// What a deletion came to.
#[derive(Debug)]
pub(crate) struct Deleted {
    /// The marked object, or a Status, or the removed object where the kind's storage answers that.
    pub(crate) answer: Value,
    /// The object is gone; otherwise it is only marked.
    pub(crate) removed: bool,
}

impl Resources {
    /// DELETE: removes the object at once, or marks it where finalizers hold it.
    pub(crate) fn delete(&self, target: &Target<'_>, options: &DeleteOptions) -> ApiResult<Deleted> {
        loop {
            let live = self.live(target).ok_or_else(|| ApiError::not_found(target.kind, target.name))?;
            check_preconditions(target, &live, options)?;
            builtin::check_deletion(target.kind, &live.object)?;
            let mut marked = live.object.clone();
            set_policy_finalizers(&mut marked, options.propagation);
            let held = !meta::finalizers(&marked).is_empty() || !self.nothing_holds(target, &marked);
            let done = if held {
                self.mark(target, &live, marked, options)?
            } else {
                self.remove_now(target, &live, options)
            };
            if let Some(answer) = done {
                return Ok(Deleted { answer, removed: !held });
            }
        }
    }

    /// Sets the deletion mark. `None`: somebody else was faster.
    fn mark(
        &self,
        target: &Target<'_>,
        live: &Live,
        mut marked: Value,
        options: &DeleteOptions,
    ) -> ApiResult<Option<Value>> {
        if !meta::is_being_deleted(&live.object) {
            meta::set(&mut marked, "deletionTimestamp", Value::from(self.clock.now_text()));
            meta::set(&mut marked, "deletionGracePeriodSeconds", json!(0));
            if let Some(generation) = meta::field(&marked, "generation").as_i64() {
                meta::set(&mut marked, "generation", Value::from(generation + 1));
            }
            builtin::mark_deleted(target.kind, &mut marked);
        }
        if marked == live.object || options.dry_run {
            return Ok(Some(marked));
        }
        let expect = Expect::Revision(live.record.revision);
        let committed = self.commit(target, marked, expect, false)?;
        Ok(committed.ok().map(|json| {
            self.after_write(target, &json);
            serde_json::from_slice(&json).unwrap_or_default()
        }))
    }

    /// Removes the object. `None`: somebody else was faster.
    fn remove_now(&self, target: &Target<'_>, live: &Live, options: &DeleteOptions) -> Option<Value> {
        let object = if options.dry_run {
            live.object.clone()
        } else {
            let expect = Expect::Revision(live.record.revision);
            let removed = self.store.remove(&target.kind.storage, &target.key(), expect).ok()?;
            self.after_removal(target.kind, &live.object);
            let mut object = removed.value();
            convert::from_storage(target.kind, &mut object);
            object
        };
        if target.kind.traits.returns_deleted {
            return Some(object);
        }
        Some(json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": deleted_details(target.kind, target.name, meta::text(&object, "uid")),
        }))
    }

    /// DELETE of a collection; answers the list of what was there, as the real server does.
    pub(crate) fn delete_collection(
        &self,
        kind: &ResourceKind,
        selection: &Selection,
        options: &DeleteOptions,
    ) -> ApiResult<Vec<Value>> {
        let page = self.store.list(&kind.storage, selection, 0, None)?;
        let mut deleted = Vec::with_capacity(page.records.len());
        for record in page.records {
            let target = Target {
                kind,
                namespace: record.key.namespace(),
                name: record.key.name(),
                subresource: None,
            };
            match self.delete(&target, options) {
                Ok(_) => {
                    let mut object = record.value();
                    convert::from_storage(kind, &mut object);
                    deleted.push(object);
                }
                Err(error) if error.code == 404 => {}
                Err(error) => return Err(error),
            }
        }
        Ok(deleted)
    }

    /// Whether the kind itself keeps the object, as namespaces are kept by their own finalizers.
    pub(super) fn nothing_holds(&self, target: &Target<'_>, object: &Value) -> bool {
        target.kind.custom.is_some() || !builtin::holds_deletion(self, target.kind, object)
    }
}

fn deleted_details(kind: &ResourceKind, name: &str, uid: &str) -> Value {
    let mut details = crate::error::details(&kind.group, &kind.resource, name);
    details["uid"] = Value::from(uid);
    details
}

fn check_preconditions(target: &Target<'_>, live: &Live, options: &DeleteOptions) -> ApiResult<()> {
    let checks = [
        ("UID", options.uid.as_deref(), meta::text(&live.object, "uid")),
        ("ResourceVersion", options.resource_version.as_deref(), meta::text(&live.object, "resourceVersion")),
    ];
    for (what, wanted, found) in checks {
        if let Some(wanted) = wanted.filter(|wanted| *wanted != found) {
            let happened = if what == "UID" { "deleted and then recreated" } else { "modified" };
            let why = format!(
                "the {what} in the precondition ({wanted}) does not match the {what} in record ({found}). The object might \
                 have been {happened}"
            );
            // The server names the kind here where it names the resource elsewhere.
            let kind = target.kind;
            let mut error = ApiError::conflict(kind, target.name, &why);
            error.message = error.message.replacen(&kind.qualified(), &kind.qualified_kind(), 1);
            error.details["kind"] = Value::from(kind.kind.as_str());
            return Err(error);
        }
    }
    Ok(())
}

/// The request's policy replaces one that an earlier request set.
fn set_policy_finalizers(object: &mut Value, propagation: Option<Propagation>) {
    let Some(propagation) = propagation else { return };
    let mut finalizers = meta::finalizers(object);
    let wanted = propagation.finalizer();
    finalizers.retain(|one| (one != FOREGROUND && one != ORPHAN) || Some(one.as_str()) == wanted);
    if let Some(wanted) = wanted
        && !finalizers.iter().any(|one| one == wanted)
    {
        finalizers.push(wanted.to_owned());
    }
    let value = if finalizers.is_empty() { Value::Null } else { Value::from(finalizers) };
    meta::set(object, "finalizers", value);
}
