//! kubectl's way from client-side to server-side apply: the annotation with the last applied configuration stands in
//! for ownership where the two meet, for the field manager `kubectl` alone.

use serde_json::Value;

use crate::schema::Shape;

use super::compare::compare;
use super::error::Conflicts;
use super::field_set::FieldSet;
use super::typed::field_set;
use super::validate::{Duplicates, validate};

/// The one manager that this is for.
pub(crate) const KUBECTL: &str = "kubectl";
const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// All annotations of an object together, keys and values, in bytes.
const MOST_ANNOTATION_BYTES: usize = 256 * 1024;

/// What is left of the conflicts once the fields are taken out that the annotation shows to be kubectl's own.
pub(crate) fn excused(shape: Shape<'_>, live: &Value, api_version: &str, conflicts: Conflicts) -> Conflicts {
    let Some(own) = fields_of_annotation(shape, live, api_version) else {
        return conflicts;
    };
    let left = conflicts.0.into_iter().filter_map(|(id, mut contested)| {
        contested.fields = contested.fields.difference(&own);
        (!contested.fields.is_empty()).then_some((id, contested))
    });
    Conflicts(left.collect())
}

/// The fields of the annotation's configuration that the live object still holds as they were applied.
fn fields_of_annotation(shape: Shape<'_>, live: &Value, api_version: &str) -> Option<FieldSet> {
    let configuration: Value = serde_json::from_str(annotation(live)?).ok()?;
    if configuration.get("apiVersion").and_then(Value::as_str) != Some(api_version) {
        return None;
    }
    validate(shape, live, Duplicates::Refused).ok()?;
    validate(shape, &configuration, Duplicates::Refused).ok()?;
    let comparison = compare(shape, &configuration, live);
    let fields = field_set(shape, &configuration)
        .difference(&comparison.modified)
        .difference(&comparison.added)
        .difference(&comparison.removed);
    Some(fields)
}

/// Brings the annotation up to date with what was applied, where the object has one.
pub(crate) fn sync(object: &mut Value, applied: &Value) {
    if annotation(object).is_none() {
        return;
    }
    let mut configuration = applied.clone();
    if let Some(annotations) =
        configuration.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut)
    {
        annotations.remove(ANNOTATION);
    }
    let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) else {
        return;
    };
    // The encoder ends a document with a newline.
    annotations.insert(ANNOTATION.to_owned(), Value::from(format!("{configuration}\n")));
    let bytes: usize =
        annotations.iter().map(|(key, value)| key.len() + value.as_str().map_or(0, str::len)).sum();
    if bytes > MOST_ANNOTATION_BYTES {
        annotations.remove(ANNOTATION);
    }
}

fn annotation(object: &Value) -> Option<&str> {
    let text = object.get("metadata")?.get("annotations")?.get(ANNOTATION)?.as_str()?;
    (!text.is_empty()).then_some(text)
}
