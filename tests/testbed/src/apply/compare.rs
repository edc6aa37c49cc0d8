//! What one version of an object adds to, removes from and changes in another.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::schema::{Form, ListType, MapType, Shape};

use super::field_set::FieldSet;
use super::path::PathElement;
use super::typed::item_element;
use super::value::{entries, equal, items};

/// The difference between two versions of one object.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    pub(crate) added: FieldSet,
    pub(crate) removed: FieldSet,
    pub(crate) modified: FieldSet,
}

impl Comparison {
    /// Leaves out what an endpoint never persists.
    pub(crate) fn without(self, ignored: &FieldSet) -> Self {
        if ignored.is_empty() {
            return self;
        }
        Self {
            added: self.added.without(ignored),
            removed: self.removed.without(ignored),
            modified: self.modified.without(ignored),
        }
    }

    fn put(&mut self, element: PathElement, own: Own, below: Self) {
        self.added.put(element.clone(), own.added, below.added);
        self.removed.put(element.clone(), own.removed, below.removed);
        self.modified.put(element, own.modified, below.modified);
    }
}

/// What happened to a node itself.
#[derive(Clone, Copy, Default)]
struct Own {
    added: bool,
    removed: bool,
    modified: bool,
}

/// Compares two versions of an object.
pub(crate) fn compare(shape: Shape<'_>, old: &Value, new: &Value) -> Comparison {
    node(shape, Some(old), Some(new)).1
}

fn node(shape: Shape<'_>, old: Option<&Value>, new: Option<&Value>) -> (Own, Comparison) {
    let old_shape = shape.narrowed(old);
    let new_shape = shape.narrowed(new);
    let mut below = Comparison::default();
    let mut own = Own::default();
    let leaf = if new.is_none() {
        one_form(old_shape, old, new, &mut own, &mut below)
    } else {
        if old.is_some() && !old_shape.same_forms(&new_shape) {
            // The value changed its form: what the old form held is gone.
            one_form(old_shape, old, new, &mut own, &mut below);
        }
        one_form(new_shape, old, new, &mut own, &mut below)
    };
    if !leaf {
        own.added |= old.is_none();
        own.removed |= new.is_none();
    }
    (own, below)
}

/// Compares in one form; true where the node is a leaf in that form.
fn one_form(
    shape: Shape<'_>,
    old: Option<&Value>,
    new: Option<&Value>,
    own: &mut Own,
    below: &mut Comparison,
) -> bool {
    match shape.form() {
        Form::Map(map, false) => {
            let (old_entries, new_entries) = (entries(old), entries(new));
            // Two maps without content are compared as leaves: null and empty are not the same.
            if old_entries.is_some_and(|map| !map.is_empty())
                || new_entries.is_some_and(|map| !map.is_empty())
            {
                compare_entries(shape, map, old_entries, new_entries, below);
                return false;
            }
        }
        Form::List(list) if !list.is_atomic() => {
            let (old_items, new_items) = (items(old), items(new));
            if old_items.is_some_and(|list| !list.is_empty())
                || new_items.is_some_and(|list| !list.is_empty())
            {
                compare_items(shape, list, old_items, new_items, below);
                return false;
            }
        }
        Form::Map(_, true) | Form::List(_) | Form::Scalar(_) | Form::Nothing => {}
    }
    match (old, new) {
        (None, _) => own.added = true,
        (_, None) => own.removed = true,
        (Some(old), Some(new)) => own.modified |= !equal(old, new),
    }
    true
}

fn compare_entries(
    shape: Shape<'_>,
    map: &MapType,
    old: Option<&Map<String, Value>>,
    new: Option<&Map<String, Value>>,
    below: &mut Comparison,
) {
    let mut visit = |name: &String, old: Option<&Value>, new: Option<&Value>| {
        if let Some(field) = map.type_of(name) {
            let (own, inner) = node(field.shape(shape.types), old, new);
            below.put(PathElement::field(name), own, inner);
        }
    };
    for (name, old_value) in old.into_iter().flatten() {
        visit(name, Some(old_value), new.and_then(|new| new.get(name)));
    }
    for (name, new_value) in new.into_iter().flatten() {
        if old.is_none_or(|old| !old.contains_key(name)) {
            visit(name, None, Some(new_value));
        }
    }
}

/// The items of a list by their names; an item that cannot be named is not compared.
fn by_name<'v>(
    shape: Shape<'_>,
    list: &ListType,
    items: Option<&'v Vec<Value>>,
) -> BTreeMap<PathElement, Vec<&'v Value>> {
    let mut named: BTreeMap<PathElement, Vec<&Value>> = BTreeMap::new();
    for item in items.into_iter().flatten() {
        if let Ok(element) = item_element(shape.types, list, item) {
            named.entry(element).or_default().push(item);
        }
    }
    named
}

fn compare_items(
    shape: Shape<'_>,
    list: &ListType,
    old: Option<&Vec<Value>>,
    new: Option<&Vec<Value>>,
    below: &mut Comparison,
) {
    let old = by_name(shape, list, old);
    let new = by_name(shape, list, new);
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let item_shape = list.items.shape(shape.types);
    for name in names {
        let old_items = old.get(name).map_or(&[][..], Vec::as_slice);
        let new_items = new.get(name).map_or(&[][..], Vec::as_slice);
        let (own, inner) = match (old_items, new_items) {
            ([] | [_], [] | [_]) => node(item_shape, old_items.first().copied(), new_items.first().copied()),
            // Several items by one name are one thing, whatever they hold.
            ([_, _, ..], [_, _, ..]) => {
                let same = old_items.len() == new_items.len()
                    && old_items.iter().zip(new_items).all(|(old, new)| equal(old, new));
                (Own { modified: !same, ..Own::default() }, Comparison::default())
            }
            ([_, _, ..], new_items) => {
                let (own, inner) =
                    new_items.first().map_or_else(Default::default, |new| node(item_shape, None, Some(new)));
                (Own { removed: true, ..own }, inner)
            }
            (old_items, _) => {
                let (own, inner) =
                    old_items.first().map_or_else(Default::default, |old| node(item_shape, Some(old), None));
                (Own { added: true, ..own }, inner)
            }
        };
        below.put(name.clone(), own, inner);
    }
}
