//! Which fields of a member's object are ours, read from its managed fields (design of server-side apply).
//!
//! When somebody edits or deletes a field that we applied, it leaves our entry. So a digest of our entry tells from
//! metadata alone whether the object still is as we left it, whatever others do to fields of theirs.

mod fields;
mod quantity;
mod satisfied;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
use serde_json::{Map, Value, json};

pub use satisfied::is_satisfied;

use crate::{
    api::names::FIELD_MANAGER,
    hash::{Digest, canonical},
};

/// The manager that an API server invents for the fields of an object that had no managed fields.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// What our entry of the managed fields tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ownership {
    /// Changes with every change of our fields, by us or by others.
    pub digest: Digest,
    /// Whether the replica count is ours.
    pub owns_replicas: bool,
    /// Whether our fields come from an apply. What we created by POST has an entry of operation `Update` until it is
    /// [promoted](promote).
    pub by_apply: bool,
}

/// Reads our ownership of an object. None if we never wrote it, or own nothing of it any more.
///
/// The digest covers the object's uid, the time of our entry where there is one (it moves with our own effective writes
/// only), and our fields. `replicas` is where the type counts its replicas.
#[must_use]
pub fn observe(
    uid: &str,
    managed_fields: &[ManagedFieldsEntry],
    replicas: Option<&[String]>,
) -> Option<Ownership> {
    let entry = our_entry(managed_fields)?;
    let fields = entry.fields_v1.as_ref().map_or(&Value::Null, |fields| &fields.0);
    let time = entry.time.as_ref().map_or(Value::Null, |time| time.0.as_second().into());
    let identity = canonical(&json!([uid, time]));
    let digest = Digest::of(format!("{identity}{}", canonical(fields)).as_bytes());
    let owns_replicas = replicas.is_some_and(|path| fields::owns(fields, path));
    Some(Ownership { digest, owns_replicas, by_apply: is_ours(entry, "Apply") })
}

/// Whether applying `rendered` would change neither `live` nor our ownership of it; see [`is_satisfied`].
#[must_use]
pub fn is_applied(rendered: &Value, live: &Value, managed_fields: &[ManagedFieldsEntry]) -> bool {
    let fields = our_entry(managed_fields).and_then(|entry| entry.fields_v1.as_ref());
    fields.is_some_and(|fields| is_satisfied(rendered, live, &fields.0))
}

/// Our Apply entry, or else the Update entry that our own POST left.
fn our_entry(managed_fields: &[ManagedFieldsEntry]) -> Option<&ManagedFieldsEntry> {
    let find = |operation| managed_fields.iter().find(|entry| is_ours(entry, operation));
    find("Apply").or_else(|| find("Update"))
}

/// The JSON patch that takes from all others exactly the fields that we apply; None if nobody shares any with us.
///
/// After an adoption the former writers still own, as operation `Update`, what had the same value in our apply. Only
/// without that does a field disappear when it is dropped from the template. Fields that we do not apply, entries of
/// subresources, and what others apply themselves stay. The patch fails with 409 where `resource_version` is stale.
#[must_use]
pub fn transfer(managed_fields: &[ManagedFieldsEntry], resource_version: &str) -> Option<Value> {
    let ours = managed_fields.iter().find(|entry| is_ours(entry, "Apply")).and_then(fields_of)?;
    let mut changed = false;
    let mut entries = Vec::with_capacity(managed_fields.len());
    for entry in managed_fields {
        let theirs = fields_of(entry).filter(|_| is_update(entry));
        let rest = theirs.map(|theirs| (theirs, fields::without(theirs, ours)));
        match rest {
            Some((theirs, rest)) if rest != *theirs => {
                changed = true;
                if !rest.is_empty() {
                    entries.push(with_fields(entry, rest));
                }
            }
            _ => entries.push(entry.clone()),
        }
    }
    if changed { patch(&entries, resource_version) } else { None }
}

/// The JSON patch that makes an entry of ours that came from a POST (operation `Update`) one of operation `Apply`, so
/// that a later apply can drop fields; None if there is no such entry.
#[must_use]
pub fn promote(managed_fields: &[ManagedFieldsEntry], resource_version: &str) -> Option<Value> {
    let posted = managed_fields.iter().find(|entry| is_ours(entry, "Update"))?;
    let applied = managed_fields.iter().find(|entry| is_ours(entry, "Apply"));
    let mut promoted = posted.clone();
    promoted.operation = Some("Apply".to_owned());
    if let Some(applied) = applied.and_then(fields_of) {
        let both = fields_of(posted).map_or_else(|| applied.clone(), |posted| fields::union(posted, applied));
        promoted = with_fields(&promoted, both);
    }
    let others = managed_fields.iter().filter(|entry| !is_ours(entry, "Update") && !is_ours(entry, "Apply"));
    let entries: Vec<_> = std::iter::once(promoted).chain(others.cloned()).collect();
    patch(&entries, resource_version)
}

/// The JSON patch that gives up one field of our Apply entry and leaves its value alone; None if it is not ours.
#[must_use]
pub fn release(
    managed_fields: &[ManagedFieldsEntry],
    resource_version: &str,
    path: &[String],
) -> Option<Value> {
    let released = path
        .iter()
        .rev()
        .fold(Map::new(), |inner, field| Map::from_iter([(format!("f:{field}"), Value::Object(inner))]));
    let mut changed = false;
    let mut entries = Vec::with_capacity(managed_fields.len());
    for entry in managed_fields {
        let ours = fields_of(entry).filter(|_| is_ours(entry, "Apply"));
        match ours.map(|ours| (ours, fields::without(ours, &released))) {
            Some((ours, rest)) if rest != *ours => {
                changed = true;
                entries.push(with_fields(entry, rest));
            }
            _ => entries.push(entry.clone()),
        }
    }
    if changed { patch(&entries, resource_version) } else { None }
}

/// Who else wrote to the object last: the name to tell when somebody undoes what we apply. Writers of the status do
/// not count.
#[must_use]
pub fn other_writer(managed_fields: &[ManagedFieldsEntry]) -> Option<&str> {
    managed_fields
        .iter()
        .filter(|entry| entry.subresource.as_deref() != Some("status"))
        .filter_map(|entry| Some((entry.time.as_ref(), entry.manager.as_deref()?)))
        .filter(|(_, manager)| ![FIELD_MANAGER, BEFORE_FIRST_APPLY, ""].contains(manager))
        .max_by_key(|(time, _)| *time)
        .map(|(_, manager)| manager)
}

fn is_main_resource(entry: &ManagedFieldsEntry) -> bool {
    entry.subresource.as_deref().is_none_or(str::is_empty)
}

fn is_ours(entry: &ManagedFieldsEntry, operation: &str) -> bool {
    entry.manager.as_deref() == Some(FIELD_MANAGER)
        && entry.operation.as_deref() == Some(operation)
        && is_main_resource(entry)
}

fn is_update(entry: &ManagedFieldsEntry) -> bool {
    entry.operation.as_deref() == Some("Update") && is_main_resource(entry)
}

fn fields_of(entry: &ManagedFieldsEntry) -> Option<&Map<String, Value>> {
    entry.fields_v1.as_ref().and_then(|fields| fields.0.as_object())
}

fn with_fields(entry: &ManagedFieldsEntry, fields: Map<String, Value>) -> ManagedFieldsEntry {
    ManagedFieldsEntry { fields_v1: Some(FieldsV1(Value::Object(fields))), ..entry.clone() }
}

/// The resource version is replaced rather than tested: a stale one then answers 409, where a failed `test` answers
/// 422, which looks like a refused object. There are entries, so the list is there to be replaced.
fn patch(entries: &[ManagedFieldsEntry], resource_version: &str) -> Option<Value> {
    let entries = serde_json::to_value(entries).ok()?;
    Some(json!([
        {"op": "replace", "path": "/metadata/resourceVersion", "value": resource_version},
        {"op": "replace", "path": "/metadata/managedFields", "value": entries},
    ]))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn entries(list: &Value) -> Vec<ManagedFieldsEntry> {
        serde_json::from_value(list.clone()).unwrap()
    }

    fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
        json!({"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1",
            "time": "2026-01-01T00:00:00Z", "fieldsV1": fields})
    }

    fn with(mut entry: Value, key: &str, value: &str) -> Value {
        entry[key] = value.into();
        entry
    }

    fn ours() -> Value {
        entry("kubefed", "Apply", &json!({"f:spec": {"f:replicas": {}}, "f:data": {"f:a": {}}}))
    }

    fn digest(uid: &str, list: &Value) -> Option<Digest> {
        observe(uid, &entries(list), None).map(|ownership| ownership.digest)
    }

    #[test]
    fn a_released_field_is_ours_no_more_and_nothing_else_changes() {
        let path = ["spec".to_owned(), "replicas".to_owned()];
        let list = json!([ours(), entry("hpa", "Update", &json!({"f:spec": {"f:replicas": {}}}))]);
        let patch = release(&entries(&list), "7", &path).unwrap();
        let left: Vec<ManagedFieldsEntry> = serde_json::from_value(patch[1]["value"].clone()).unwrap();
        assert!(!observe("u", &left, Some(&path)).unwrap().owns_replicas);
        assert_eq!(left[0].fields_v1.as_ref().unwrap().0, json!({"f:data": {"f:a": {}}}));
        assert_eq!(left[1], entries(&list)[1]);
        assert_eq!(patch[0]["value"], json!("7"));
        assert_eq!(release(&left, "8", &path), None, "it is not ours any more");
    }

    #[test]
    fn the_digest_is_stable() {
        let golden = digest("u", &json!([ours()])).unwrap().to_string();
        assert_eq!(golden, "8f5d799291ace09f5d1ae247d1af7781");
    }

    #[test]
    fn only_our_own_entry_makes_the_digest() {
        let alone = digest("u", &json!([ours()]));
        let other = entry("other", "Update", &json!({"f:data": {"f:b": {}}}));
        let status = with(ours(), "subresource", "status");
        let posted = entry("kubefed", "Update", &json!({"f:data": {}}));
        assert_eq!(digest("u", &json!([other, status, posted, ours()])), alone);
        assert_eq!(digest("u", &json!([other, status])), None);
    }

    #[test]
    fn what_we_posted_is_ours_before_the_first_apply() {
        let posted = entry("kubefed", "Update", &json!({"f:data": {"f:a": {}}}));
        let observe = |list: &Value| observe("u", &entries(list), None).unwrap();
        assert!(!observe(&json!([posted])).by_apply);
        assert!(observe(&json!([posted, ours()])).by_apply);
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"}});
        assert!(is_applied(&object, &object, &entries(&json!([posted]))));
        assert!(!is_applied(&object, &object, &[]));
    }

    #[rstest]
    #[case("other", ours())]
    #[case("u", with(ours(), "time", "2026-01-01T00:00:01Z"))]
    #[case("u", entry("kubefed", "Apply", &json!({"f:spec": {"f:replicas": {}}})))]
    fn the_digest_sees_uid_time_and_fields(#[case] uid: &str, #[case] entry: Value) {
        assert_ne!(digest(uid, &json!([entry])), digest("u", &json!([ours()])));
    }

    #[test]
    fn an_entry_without_time_or_fields_has_a_digest_too() {
        let mut bare = ours();
        bare.as_object_mut().unwrap().remove("time");
        let timeless = digest("u", &json!([bare]));
        assert!(timeless.is_some());
        assert_ne!(timeless, digest("u", &json!([ours()])));
        bare.as_object_mut().unwrap().remove("fieldsV1");
        assert!(digest("u", &json!([bare])).is_some());
    }

    #[rstest]
    #[case(&["spec", "replicas"], true)]
    #[case(&["spec", "other"], false)]
    #[case(&["spec"], false)]
    fn replicas_are_ours_where_our_entry_has_them(#[case] path: &[&str], #[case] expected: bool) {
        let path: Vec<String> = path.iter().map(|&key| key.to_owned()).collect();
        let observed = observe("u", &entries(&json!([ours()])), Some(&path)).unwrap();
        assert_eq!(observed.owns_replicas, expected);
        assert!(!observe("u", &entries(&json!([ours()])), None).unwrap().owns_replicas);
    }

    #[test]
    fn transfer_takes_exactly_our_fields_from_updates() {
        let shared = json!({"f:data": {".": {}, "f:a": {}, "f:b": {}}, "f:spec": {"f:replicas": {}}});
        let kept = json!({"f:data": {".": {}, "f:b": {}}});
        let applier = entry("helm", "Apply", &shared);
        let status = with(entry("other", "Update", &shared), "subresource", "status");
        let whole = entry("before-first-apply", "Update", &json!({"f:spec": {"f:replicas": {}}}));
        let list = json!([entry("kubectl", "Update", &shared), applier, status, whole, ours()]);
        assert_eq!(
            transfer(&entries(&list), "7"),
            Some(json!([
                {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
                {"op": "replace", "path": "/metadata/managedFields",
                    "value": [entry("kubectl", "Update", &kept), applier, status, ours()]},
            ]))
        );
    }

    #[test]
    fn transfer_has_nothing_to_do_where_nothing_is_shared() {
        let other = entry("kubectl", "Update", &json!({"f:data": {"f:b": {}}}));
        assert_eq!(transfer(&entries(&json!([other, ours()])), "7"), None);
        assert_eq!(
            transfer(&entries(&json!([entry("kubectl", "Update", &json!({"f:data": {"f:a": {}}}))])), "7"),
            None
        );
        assert_eq!(transfer(&[], "7"), None);
    }

    #[test]
    fn promote_makes_our_update_an_apply() {
        let fields = json!({"f:data": {"f:a": {}}});
        let other = entry("kubectl", "Update", &fields);
        let list = json!([other, entry("kubefed", "Update", &fields)]);
        let patch = promote(&entries(&list), "7").unwrap();
        assert_eq!(patch[0]["value"], "7");
        assert_eq!(patch[1]["value"], json!([entry("kubefed", "Apply", &fields), other]));
        assert_eq!(promote(&entries(&json!([other, ours()])), "7"), None);
    }

    #[test]
    fn promote_unites_both_of_our_entries() {
        let list = json!([
            ours(),
            entry("kubefed", "Update", &json!({"f:data": {"f:a": {".": {}, "f:x": {}}, "f:c": {}}}))
        ]);
        let patch = promote(&entries(&list), "7").unwrap();
        let united =
            json!({"f:spec": {"f:replicas": {}}, "f:data": {"f:a": {".": {}, "f:x": {}}, "f:c": {}}});
        assert_eq!(patch[1]["value"], json!([entry("kubefed", "Apply", &united)]));
    }

    #[test]
    fn the_other_writer_is_the_latest_one() {
        let fields = json!({"f:data": {}});
        let at = |manager: &str, second: &str| {
            with(entry(manager, "Update", &fields), "time", &format!("2026-01-01T00:00:0{second}Z"))
        };
        let scaled = with(at("hpa", "3"), "subresource", "scale");
        let status = with(at("controller", "8"), "subresource", "status");
        let mut timeless = at("old", "0");
        timeless.as_object_mut().unwrap().remove("time");
        let list = json!([
            at("kubectl", "2"),
            scaled,
            status,
            at("before-first-apply", "7"),
            at("kubefed", "9"),
            timeless
        ]);
        assert_eq!(other_writer(&entries(&list)), Some("hpa"));
        assert_eq!(other_writer(&entries(&json!([timeless]))), Some("old"));
        assert_eq!(other_writer(&entries(&json!([ours(), status]))), None);
    }
}
