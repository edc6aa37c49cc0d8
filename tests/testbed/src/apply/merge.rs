//! Merging an applied configuration into a live object.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value};

use crate::schema::{Form, ListType, MapType, Shape};

use super::path::PathElement;
use super::typed::item_element;
use super::value::{entries, items};

/// The live object with everything in it that the configuration sets. Nothing is removed. List items keep the live
/// order where the configuration does not say otherwise.
pub(crate) fn merge(shape: Shape<'_>, live: &Value, applied: &Value) -> Value {
    node(shape, Some(live), Some(applied)).unwrap_or(Value::Null)
}

fn node(shape: Shape<'_>, live: Option<&Value>, applied: Option<&Value>) -> Option<Value> {
    // Where the two differ in form the applied one decides.
    let shape = if applied.is_none() { shape.narrowed(live) } else { shape.narrowed(applied) };
    match shape.form() {
        Form::Map(map, false) => {
            let (live, applied) = (entries(live), entries(applied));
            if live.is_some_and(|map| !map.is_empty()) || applied.is_some_and(|map| !map.is_empty()) {
                return merge_entries(shape, map, live, applied);
            }
        }
        Form::List(list) if !list.is_atomic() => {
            let (live, applied) = (items(live), items(applied));
            if live.is_some_and(|list| !list.is_empty()) || applied.is_some_and(|list| !list.is_empty()) {
                return merge_items(shape, list, live, applied);
            }
        }
        Form::Map(_, true) | Form::List(_) | Form::Scalar(_) | Form::Nothing => {}
    }
    applied.or(live).cloned()
}

fn merge_entries(
    shape: Shape<'_>,
    map: &MapType,
    live: Option<&Map<String, Value>>,
    applied: Option<&Map<String, Value>>,
) -> Option<Value> {
    let mut merged = Map::new();
    let mut visit = |name: &String, live: Option<&Value>, applied: Option<&Value>| {
        let value = match map.type_of(name) {
            Some(field) => node(field.shape(shape.types), live, applied),
            None => applied.or(live).cloned(),
        };
        if let Some(value) = value {
            merged.insert(name.clone(), value);
        }
    };
    for (name, live_value) in live.into_iter().flatten() {
        visit(name, Some(live_value), applied.and_then(|applied| applied.get(name)));
    }
    for (name, applied_value) in applied.into_iter().flatten() {
        if live.is_none_or(|live| !live.contains_key(name)) {
            visit(name, None, Some(applied_value));
        }
    }
    (!merged.is_empty()).then_some(Value::Object(merged))
}

/// One side of a list merge: the items in order, and by name.
struct Side<'v> {
    order: Vec<(PathElement, &'v Value)>,
    /// Null for a name that several items share: such items are not merged into.
    by_name: BTreeMap<PathElement, &'v Value>,
}

impl<'v> Side<'v> {
    fn new(shape: Shape<'_>, list: &ListType, items: Option<&'v Vec<Value>>) -> Self {
        let mut side = Self { order: Vec::new(), by_name: BTreeMap::new() };
        for item in items.into_iter().flatten() {
            if let Ok(element) = item_element(shape.types, list, item) {
                let shared = side.by_name.contains_key(&element);
                side.by_name.insert(element.clone(), if shared { &Value::Null } else { item });
                side.order.push((element, item));
            }
        }
        side
    }

    fn named(&self, element: &PathElement) -> Option<&'v Value> {
        self.by_name.get(element).copied()
    }
}

/// Items of the live list that the configuration does not name stay where they are relative to their neighbours; the
/// others come in the configuration's order. Both lists are walked at once, and `shared` holds the names that occur in
/// both and are still to come, in the configuration's order: a live item that is shared but not the next such waits
/// for its turn.
fn merge_items(
    shape: Shape<'_>,
    list: &ListType,
    live: Option<&Vec<Value>>,
    applied: Option<&Vec<Value>>,
) -> Option<Value> {
    let item_shape = list.items.shape(shape.types);
    let live = Side::new(shape, list, live);
    let applied = Side::new(shape, list, applied);
    let mut shared: VecDeque<&PathElement> =
        applied.order.iter().map(|(name, _)| name).filter(|name| live.named(name).is_some()).collect();
    let mut merged = Vec::with_capacity(live.order.len().max(applied.order.len()));
    let mut done = BTreeSet::new();
    let (mut from_live, mut from_applied) = (0, 0);
    while from_live < live.order.len() || from_applied < applied.order.len() {
        let next_applied = applied.order.get(from_applied).map(|(name, _)| name);
        if let Some((name, item)) = live.order.get(from_live) {
            if next_applied == Some(name) {
                merged.extend(node(item_shape, live.named(name), applied.named(name)));
                done.insert(name);
                from_live += 1;
                from_applied += 1;
                shared.pop_front();
                continue;
            }
            let is_shared = applied.named(name).is_some();
            if next_applied.is_some() && is_shared && shared.front().is_some_and(|next| *next != name) {
                from_live += 1;
                continue;
            }
            if !is_shared {
                merged.extend(node(item_shape, Some(item), None));
                from_live += 1;
                continue;
            }
            if done.contains(name) {
                from_live += 1;
            }
        }
        if let Some(name) = next_applied {
            merged.extend(node(item_shape, live.named(name), applied.named(name)));
            done.insert(name);
            from_applied += 1;
            if shared.front().is_some_and(|next| *next == name) {
                shared.pop_front();
            }
        }
    }
    (!merged.is_empty()).then_some(Value::Array(merged))
}
