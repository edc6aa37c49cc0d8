//! Values seen through their type: how a list's items are named, and which fields a value sets.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::schema::{Form, ListKind, ListType, Shape, Types};

use super::field_set::FieldSet;
use super::path::{KeyValue, PathElement};

/// How an item of an associative list is named.
///
/// # Errors
/// With the server's words, when the item cannot be one of such a list.
pub(crate) fn item_element(types: &Types, list: &ListType, item: &Value) -> Result<PathElement, String> {
    match &list.kind {
        ListKind::Map(keys) => key_element(types, list, keys, item),
        ListKind::Set => set_element(item),
        ListKind::Atomic => Err("invalid indexing of non-associative list".to_owned()),
    }
}

fn key_element(types: &Types, list: &ListType, keys: &[String], item: &Value) -> Result<PathElement, String> {
    let object = match item {
        Value::Object(object) => object,
        Value::Null => return Err("associative list with keys may not have a null element".to_owned()),
        _ => return Err("associative list with keys may not have non-map elements".to_owned()),
    };
    let item_type = list.items.shape(types).map;
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        let default = || item_type?.fields.get(key)?.default.as_ref().filter(|default| !default.is_null());
        if let Some(value) = object.get(key).or_else(default) {
            found.push((key.clone(), KeyValue(value.clone())));
        }
    }
    if found.is_empty() {
        let names: Vec<_> = keys.iter().map(|key| format!("{key:?}")).collect();
        return Err(format!(
            "associative list with keys has an element that omits all key fields [{}] \
             (and doesn't have default values for any key fields)",
            names.join(" ")
        ));
    }
    found.sort();
    Ok(PathElement::Key(found))
}

fn set_element(item: &Value) -> Result<PathElement, String> {
    match item {
        Value::Object(_) => Err("associative list without keys has an element that's a map type".to_owned()),
        Value::Array(_) => Err("not supported: associative list with lists as elements".to_owned()),
        Value::Null => Err("associative list without keys has an element that's an explicit null".to_owned()),
        scalar => Ok(PathElement::Value(KeyValue(scalar.clone()))),
    }
}

/// The fields that a value sets: its leaves, its list items, and the keys of maps that are not declared fields.
pub(crate) fn field_set(shape: Shape<'_>, value: &Value) -> FieldSet {
    collect(shape, value).1
}

/// Whether the value itself is a leaf, and the fields below it.
fn collect(shape: Shape<'_>, value: &Value) -> (bool, FieldSet) {
    let shape = shape.narrowed(Some(value));
    let mut set = FieldSet::default();
    match (shape.form(), value) {
        (Form::Scalar(_) | Form::Map(_, true), _) => return (true, set),
        (Form::List(list), _) if list.is_atomic() => return (true, set),
        (Form::Map(map, false), Value::Object(object)) => {
            for (name, child) in object {
                let (leaf, below) = map
                    .type_of(name)
                    .map_or_else(Default::default, |field| collect(field.shape(shape.types), child));
                let holds_nothing =
                    child.is_null() || child.as_object().is_some_and(serde_json::Map::is_empty);
                let member = leaf || holds_nothing || !map.fields.contains_key(name);
                set.put(PathElement::field(name), member, below);
            }
        }
        (Form::List(list), Value::Array(items)) => collect_items(shape, list, items, &mut set),
        _ => {}
    }
    (false, set)
}

fn collect_items(shape: Shape<'_>, list: &ListType, items: &[Value], set: &mut FieldSet) {
    let elements: Vec<_> = items.iter().map(|item| item_element(shape.types, list, item).ok()).collect();
    let mut count: BTreeMap<&PathElement, usize> = BTreeMap::new();
    for element in elements.iter().flatten() {
        *count.entry(element).or_default() += 1;
    }
    for (element, item) in elements.iter().zip(items) {
        let Some(element) = element else { continue };
        // Of several items by one name nobody can own a part.
        let below = match count.get(element) {
            Some(1) => collect(list.items.shape(shape.types), item).1,
            _ => FieldSet::default(),
        };
        set.put(element.clone(), true, below);
    }
}
