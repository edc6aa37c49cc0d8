//! Server-side apply and field ownership as kube-apiserver has them, as pure functions over JSON values: the live
//! object and a request in, the object to store out. What merges how comes from [`crate::schema`]; the time is given.
//!
//! One request runs straight through: decode the managers → compare or merge ([`updater`]) → strip what nobody owns →
//! stamp the time → encode. An entry's time moves only with a write that changed the object.

mod compare;
mod error;
mod field_set;
mod fields_v1;
mod last_applied;
mod managers;
mod merge;
mod path;
mod reconcile;
mod remove;
#[cfg(test)]
mod tests;
mod typed;
mod updater;
mod validate;
mod value;

use std::sync::LazyLock;

use serde_json::Value;

use crate::schema::TypeSchema;

pub(crate) use error::ApplyError;
pub(crate) use field_set::FieldSet;

use managers::{ManagerId, Managers, Operation, Owned};
use updater::Write;
use validate::{Duplicates, validate};

/// What the server answers (400) to an applied configuration with managed fields of its own.
pub(crate) const MANAGED_FIELDS_MUST_BE_NIL: &str = "metadata.managedFields must be nil";

/// The manager that is made to own what is there before the first apply.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";
/// The subresource whose ownership is carried over from an object of another kind, which loses the times.
const SCALE: &str = "scale";
/// How long a field manager's name may be, in bytes.
const LONGEST_MANAGER: usize = 128;

/// What nobody ever owns: identity and what the server sets itself.
static NEVER_OWNED: LazyLock<FieldSet> = LazyLock::new(|| {
    FieldSet::of(&[
        "apiVersion",
        "kind",
        "metadata",
        "metadata.name",
        "metadata.namespace",
        "metadata.creationTimestamp",
        "metadata.selfLink",
        "metadata.uid",
        "metadata.clusterName",
        "metadata.generation",
        "metadata.managedFields",
        "metadata.resourceVersion",
    ])
});

/// A server-side apply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ApplyRequest<'a> {
    /// The type of the kind in the request's version.
    pub(crate) schema: &'a TypeSchema,
    /// The object as stored, in the request's version; `None` where the apply creates it.
    pub(crate) live: Option<&'a Value>,
    /// The applied configuration, without managed fields.
    pub(crate) applied: &'a Value,
    /// The request's field manager.
    pub(crate) manager: &'a str,
    /// Take fields from others instead of refusing.
    pub(crate) force: bool,
    /// `status`, `scale`, …; `None` on the main endpoint.
    pub(crate) subresource: Option<&'a str>,
    /// The request's version, for example `apps/v1`.
    pub(crate) api_version: &'a str,
    /// What this endpoint never persists, with everything below: nobody comes to own it here.
    pub(crate) ignored: &'a FieldSet,
    /// RFC 3339 in UTC with seconds.
    pub(crate) now: &'a str,
}

/// The outcome of a server-side apply.
#[derive(Clone, Debug)]
pub(crate) struct Applied {
    /// The merged object with its managed fields, not defaulted: nobody owns what defaulting adds.
    pub(crate) object: Value,
    /// Whether `object` differs from the live one. Defaulting and [`keep_times`] may still undo the difference.
    pub(crate) changed: bool,
}

/// Merges a configuration into an object.
///
/// Fields that the manager applied before, does not apply now, and nobody else owns are removed.
///
/// # Errors
/// When the configuration does not conform to its type, or changes fields of others without force.
pub(crate) fn apply(request: &ApplyRequest<'_>) -> Result<Applied, ApplyError> {
    let shape = request.schema.shape();
    validate(shape, request.applied, Duplicates::Refused).map_err(|errors| ApplyError::Typed {
        object: described(request.applied),
        errors: errors.to_string(),
    })?;
    let live = prepared(request.schema, request.live);
    validate(shape, &live, Duplicates::Allowed)
        .map_err(|errors| ApplyError::TypedLive { object: described(&live), errors: errors.to_string() })?;
    let write = Write { shape, live: &live, api_version: request.api_version, ignored: request.ignored };

    let managers = managers_before(request, &live);
    let id = ManagerId::new(request.manager, Operation::Apply, request.api_version, request.subresource);
    let mut after = managers.clone();
    let mut merged = write.apply(request.applied, &mut after, &id, request.force);
    if let Err(conflicts) = merged {
        if request.manager != last_applied::KUBECTL {
            return Err(conflicts.into());
        }
        let left = last_applied::excused(shape, &live, request.api_version, conflicts);
        if !left.0.is_empty() {
            return Err(left.into());
        }
        after = managers;
        merged = write.apply(request.applied, &mut after, &id, true);
    }
    let merged = merged?;

    strip_never_owned(&mut after, &id);
    let mut object = match merged {
        Some(mut object) => {
            if let Some(owned) = after.0.get_mut(&id) {
                owned.time = Some(request.now.to_owned());
            }
            request.schema.decode(&mut object);
            object
        }
        // An unchanged object keeps its times; an entry that is new has none.
        None => live,
    };
    if request.manager == last_applied::KUBECTL {
        last_applied::sync(&mut object, request.applied);
    }
    after.write_to(&mut object);
    Ok(outcome(request.live, object))
}

fn outcome(live: Option<&Value>, mut object: Value) -> Applied {
    let Some(live) = live else {
        return Applied { object, changed: true };
    };
    keep_times(live, &mut object);
    if value::equal(live, &object) {
        return Applied { object: live.clone(), changed: false };
    }
    Applied { object, changed: true }
}

/// The managers of the live object. An object that nobody owns anything of was written before there was ownership, or
/// had it reset: one updater gets everything in it.
fn managers_before(request: &ApplyRequest<'_>, live: &Value) -> Managers {
    let Some(stored) = request.live else {
        return Managers::default();
    };
    let mut managers = Managers::of(stored);
    if managers.is_empty() {
        let empty = request.schema.empty_object();
        let write = Write {
            shape: request.schema.shape(),
            live: &empty,
            api_version: request.api_version,
            ignored: request.ignored,
        };
        let own = write.replace(live, &mut managers);
        let id =
            ManagerId::new(BEFORE_FIRST_APPLY, Operation::Update, request.api_version, request.subresource);
        give(&mut managers, id, &own, request.api_version, request.now);
    }
    managers
}

/// Any other write: POST, PUT, and the patches that are no apply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UpdateRequest<'a> {
    /// The type of the kind in the request's version.
    pub(crate) schema: &'a TypeSchema,
    /// The object as stored, in the request's version; `None` for a POST.
    pub(crate) live: Option<&'a Value>,
    /// What is to be stored, defaulted, with the managed fields that the user sent.
    pub(crate) new: &'a Value,
    /// See [`manager_name`].
    pub(crate) manager: &'a str,
    /// `status`, `scale`, …; `None` on the main endpoint.
    pub(crate) subresource: Option<&'a str>,
    /// The request's version, for example `apps/v1`.
    pub(crate) api_version: &'a str,
    /// What this endpoint never persists, with everything below: nobody comes to own it here.
    pub(crate) ignored: &'a FieldSet,
    /// RFC 3339 in UTC with seconds.
    pub(crate) now: &'a str,
}

/// The new object with the managed fields that follow from it: what the write changed belongs to its manager, what it
/// removed to nobody.
///
/// Managed fields that the user sent are the base, unless they are absent or malformed, or the request goes to a
/// subresource; an empty list, or a list of one empty entry, resets ownership, and an object without ownership gets none
/// by later updates either. Where an object does not conform to its type, ownership is dropped, as the server does.
pub(crate) fn update(request: &UpdateRequest<'_>) -> Value {
    let mut managers = base_of_update(request);
    let new = prepared(request.schema, Some(request.new));
    if managers.is_empty() && request.live.is_some() {
        return new;
    }
    let live = prepared(request.schema, request.live);
    let shape = request.schema.shape();
    let conform = |object| validate(shape, object, Duplicates::Allowed).is_ok();
    if !conform(&new) || !conform(&live) {
        return new;
    }
    let write = Write { shape, live: &live, api_version: request.api_version, ignored: request.ignored };
    let own = write.replace(&new, &mut managers);
    let id = ManagerId::new(request.manager, Operation::Update, request.api_version, request.subresource);
    give(&mut managers, id.clone(), &own, request.api_version, request.now);
    if request.subresource == Some(SCALE)
        && let Some(owned) = managers.0.get_mut(&id)
    {
        owned.time = None;
    }
    managers.cap_updaters();
    let mut object = new;
    managers.write_to(&mut object);
    if let Some(live) = request.live {
        keep_times(live, &mut object);
    }
    object
}

fn base_of_update(request: &UpdateRequest<'_>) -> Managers {
    let live = || request.live.map(Managers::of).unwrap_or_default();
    if request.subresource.is_some() {
        return live();
    }
    let Some(entries) = managers::entries_of(request.new) else {
        return live();
    };
    let resets = match entries.as_slice() {
        [] => true,
        [entry] => entry.as_object().is_some_and(serde_json::Map::is_empty),
        _ => false,
    };
    if resets {
        return Managers::default();
    }
    Managers::decode(entries).filter(|managers| !managers.is_empty()).unwrap_or_else(live)
}

/// Adds what a write changed to what its manager owned before.
fn give(managers: &mut Managers, id: ManagerId, own: &FieldSet, api_version: &str, now: &str) {
    let mut fields = own.difference(&NEVER_OWNED);
    if fields.is_empty() {
        return;
    }
    if let Some(previous) = managers.0.remove(&id) {
        fields.extend(previous.fields);
    }
    let owned = Owned { fields, api_version: api_version.to_owned(), time: Some(now.to_owned()) };
    managers.0.insert(id, owned);
}

fn strip_never_owned(managers: &mut Managers, id: &ManagerId) {
    if let Some(owned) = managers.0.get_mut(id) {
        owned.fields = owned.fields.difference(&NEVER_OWNED);
        if owned.fields.is_empty() {
            managers.0.remove(id);
        }
    }
}

/// An object as the merge code sees it: decoded, without managed fields. No object is an empty one.
fn prepared(schema: &TypeSchema, object: Option<&Value>) -> Value {
    let Some(object) = object else {
        return schema.empty_object();
    };
    let mut object = object.clone();
    managers::strip(&mut object);
    schema.decode(&mut object);
    object
}

/// An object in the server's error texts: `namespace/name; group/version, Kind=Kind`.
fn described(object: &Value) -> String {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let api_version = text("/apiVersion");
    let slash = if api_version.contains('/') { "" } else { "/" };
    format!(
        "{}/{}; {slash}{api_version}, Kind={}",
        text("/metadata/namespace"),
        text("/metadata/name"),
        text("/kind")
    )
}

/// Brings the old times back where the new object differs from the live one in the times of its managers alone, so that
/// a write without effect stays none. To be called once a result of [`apply`] has been defaulted.
pub(crate) fn keep_times(live: &Value, new: &mut Value) {
    let (Some(old), Some(entries)) = (managers::entries_of(live), managers::entries_of(new)) else {
        return;
    };
    if old == entries
        || old.len() != entries.len()
        || !old.iter().zip(entries).all(|(old, new)| same_but_time(old, new))
    {
        return;
    }
    let bare = |object: &Value| {
        let mut object = object.clone();
        managers::strip(&mut object);
        object
    };
    if value::equal(&bare(live), &bare(new)) {
        let old = old.clone();
        if let Some(metadata) = new.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("managedFields".to_owned(), Value::Array(old));
        }
    }
}

fn same_but_time(a: &Value, b: &Value) -> bool {
    let (Some(a), Some(b)) = (a.as_object(), b.as_object()) else {
        return a == b;
    };
    let parts = |entry: &'_ serde_json::Map<String, Value>| entry.keys().filter(|key| *key != "time").count();
    parts(a) == parts(b) && a.iter().all(|(key, a)| key == "time" || b.get(key) == Some(a))
}

/// The field manager of a request that is no apply: the one it names, else the user agent up to its first slash without
/// unprintable characters, at most 128 bytes.
pub(crate) fn manager_name(field_manager: Option<&str>, user_agent: &str) -> String {
    if let Some(manager) = field_manager.filter(|manager| !manager.is_empty()) {
        return manager.to_owned();
    }
    let mut name = String::new();
    let printable =
        |character: &char| *character == ' ' || !(character.is_control() || character.is_whitespace());
    for character in user_agent.split('/').next().unwrap_or_default().chars().filter(printable) {
        if name.len() + character.len_utf8() > LONGEST_MANAGER {
            break;
        }
        name.push(character);
    }
    name
}
