//! Owned fields after a change of the type: what became atomic is owned as a whole.

use crate::schema::{Form, Shape};

use super::field_set::FieldSet;
use super::path::PathElement;

/// The set as the type of today allows it: members below what is atomic now become that one field.
pub(crate) fn reconcile(shape: Shape<'_>, set: &FieldSet) -> FieldSet {
    let mut reconciled = FieldSet::default();
    for (element, node) in set.nodes() {
        let child = match element {
            PathElement::Field(name) => shape.field(name),
            PathElement::Key(_) | PathElement::Value(_) | PathElement::Index(_) => shape.items(),
        };
        let granular = !(node.member && node.below.is_empty());
        match child.filter(|_| granular).map(|child| (child, child.form())) {
            Some((_, Form::Map(_, true))) if !node.below.is_empty() => {
                reconciled.put(element.clone(), true, FieldSet::default());
            }
            Some((_, Form::List(list))) if list.is_atomic() => {
                reconciled.put(element.clone(), true, FieldSet::default());
            }
            Some((child, Form::Map(map, false))) if !map.is_deduced() => {
                reconciled.put(element.clone(), node.member, reconcile(child, &node.below));
            }
            Some((child, Form::List(_))) => {
                reconciled.put(element.clone(), node.member, reconcile(child, &node.below));
            }
            _ => reconciled.put(element.clone(), node.member, node.below.clone()),
        }
    }
    reconciled
}
