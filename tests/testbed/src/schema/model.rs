//! The nodes of the type model: what server-side apply needs to know of a type, and nothing else.
//!
//! A type is the union of up to three forms (scalar, list, map); a type without a declared `type` has all three.
//! References are names into one shared table and are resolved when a walk reaches them, so recursive types cost nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use serde_json::Value;

/// Named types of all documents.
pub(crate) type Types = HashMap<String, Arc<TypeNode>>;

/// What a scalar may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScalarType {
    /// Integer or float.
    Numeric,
    /// A string without a format of its own.
    String,
    /// true or false.
    Boolean,
    /// Any scalar: dates, integer-or-string.
    Untyped,
    /// Any scalar, read as an amount.
    Quantity,
}

/// How the items of a list relate to each other (`x-kubernetes-list-type`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ListKind {
    /// One leaf, replaced as a whole.
    Atomic,
    /// Scalars, each an item of its own.
    Set,
    /// Objects told apart by these fields.
    Map(Vec<String>),
}

/// The list form of a type.
#[derive(Clone, Debug)]
pub(crate) struct ListType {
    pub(crate) kind: ListKind,
    pub(crate) items: TypeRef,
}

impl ListType {
    pub(crate) fn is_atomic(&self) -> bool {
        self.kind == ListKind::Atomic
    }
}

/// The map form of a type: declared fields, and the type of undeclared keys where those are allowed.
#[derive(Clone, Debug, Default)]
pub(crate) struct MapType {
    pub(crate) fields: BTreeMap<String, Field>,
    pub(crate) element: Option<TypeRef>,
    /// `x-kubernetes-map-type: atomic`.
    pub(crate) atomic: bool,
    pub(crate) required: Vec<String>,
    /// A custom object or a resource embedded in one: its metadata is the standard one.
    pub(crate) resource: bool,
}

impl MapType {
    /// The type of what is stored under `name`, `None` where the type declares no such field.
    pub(crate) fn type_of(&self, name: &str) -> Option<&TypeRef> {
        self.fields.get(name).map(|field| &field.type_ref).or(self.element.as_ref())
    }

    /// A map without declared fields whose elements may be anything.
    pub(crate) fn is_deduced(&self) -> bool {
        self.fields.is_empty() && matches!(self.element, Some(TypeRef::Deduced))
    }
}

/// A declared field of a map.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) type_ref: TypeRef,
    /// As in the document. On a built-in type `{}` marks a struct that is not a pointer, hence always there.
    pub(crate) default: Option<Value>,
    pub(crate) merge_key: Option<String>,
    pub(crate) patch_strategy: Option<String>,
}

/// How one type names another.
#[derive(Clone, Debug)]
pub(crate) enum TypeRef {
    /// An entry of the table; `atomic` overrides the map-type that the entry itself declares.
    Named { name: String, atomic: Option<bool> },
    /// Written in place.
    Inline(Arc<TypeNode>),
    /// Whatever the value is: maps granular, lists atomic.
    Deduced,
    /// Whatever the value is, as one leaf.
    UntypedAtomic,
}

/// One type: the forms that a value of it may take.
#[derive(Clone, Debug, Default)]
pub(crate) struct TypeNode {
    pub(crate) scalar: Option<ScalarType>,
    pub(crate) list: Option<ListType>,
    pub(crate) map: Option<MapType>,
}

fn untyped_node(element: TypeRef, atomic: bool) -> Arc<TypeNode> {
    Arc::new(TypeNode {
        scalar: Some(ScalarType::Untyped),
        list: Some(ListType { kind: ListKind::Atomic, items: TypeRef::UntypedAtomic }),
        map: Some(MapType { element: Some(element), atomic, ..MapType::default() }),
    })
}

/// The type of free-form data.
pub(crate) static DEDUCED: LazyLock<Arc<TypeNode>> = LazyLock::new(|| untyped_node(TypeRef::Deduced, false));

/// The type of free-form data below an atomic list, and of embedded raw objects.
pub(crate) static UNTYPED_ATOMIC: LazyLock<Arc<TypeNode>> =
    LazyLock::new(|| untyped_node(TypeRef::UntypedAtomic, true));

impl TypeRef {
    /// The node behind the reference. A name that the table does not hold is free-form data: documents are checked for
    /// dangling references when they are added, so this is a removed type at most.
    pub(crate) fn node<'s>(&'s self, types: &'s Types) -> &'s Arc<TypeNode> {
        match self {
            Self::Named { name, .. } => types.get(name).unwrap_or_else(|| &*DEDUCED),
            Self::Inline(node) => node,
            Self::Deduced => &DEDUCED,
            Self::UntypedAtomic => &UNTYPED_ATOMIC,
        }
    }

    pub(crate) fn atomic_override(&self) -> Option<bool> {
        match self {
            Self::Named { atomic, .. } => *atomic,
            Self::Inline(_) | Self::Deduced | Self::UntypedAtomic => None,
        }
    }

    /// Resolves the reference for a walk.
    pub(crate) fn shape<'s>(&'s self, types: &'s Types) -> Shape<'s> {
        Shape::new(types, self.node(types), self.atomic_override())
    }
}

/// A resolved type during a walk over a value; costs nothing to copy.
#[derive(Clone, Copy)]
pub(crate) struct Shape<'s> {
    pub(crate) types: &'s Types,
    pub(crate) scalar: Option<ScalarType>,
    pub(crate) list: Option<&'s ListType>,
    pub(crate) map: Option<&'s MapType>,
    atomic_override: Option<bool>,
}

/// The one form that a walk follows.
#[derive(Clone, Copy)]
pub(crate) enum Form<'s> {
    Map(&'s MapType, bool),
    Scalar(ScalarType),
    List(&'s ListType),
    /// A type that allows no value at all.
    Nothing,
}

impl<'s> Shape<'s> {
    pub(crate) fn new(types: &'s Types, node: &'s TypeNode, atomic_override: Option<bool>) -> Self {
        Self { types, scalar: node.scalar, list: node.list.as_ref(), map: node.map.as_ref(), atomic_override }
    }

    /// Keeps only the form that fits the value. Null, an absent value and a value that fits no form keep all of them:
    /// null goes with anything, and a misfit is to be reported against the declared type.
    pub(crate) fn narrowed(self, value: Option<&Value>) -> Self {
        let nothing = Self { scalar: None, list: None, map: None, ..self };
        match value {
            Some(Value::Object(_)) if self.map.is_some() => Self { map: self.map, ..nothing },
            Some(Value::Array(_)) if self.list.is_some() => Self { list: self.list, ..nothing },
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) if self.scalar.is_some() => {
                Self { scalar: self.scalar, ..nothing }
            }
            _ => self,
        }
    }

    /// Whether two narrowed shapes of one type came out the same.
    pub(crate) fn same_forms(&self, other: &Self) -> bool {
        (self.scalar.is_some(), self.list.is_some(), self.map.is_some())
            == (other.scalar.is_some(), other.list.is_some(), other.map.is_some())
    }

    /// Maps go before scalars, scalars before lists: the order in which the API server looks at an ambiguous type.
    pub(crate) fn form(&self) -> Form<'s> {
        if let Some(map) = self.map {
            Form::Map(map, self.atomic_override.unwrap_or(map.atomic))
        } else if let Some(scalar) = self.scalar {
            Form::Scalar(scalar)
        } else if let Some(list) = self.list {
            Form::List(list)
        } else {
            Form::Nothing
        }
    }

    /// The type of a declared field or of an undeclared key, `None` where the key is not allowed.
    pub(crate) fn field(&self, name: &str) -> Option<Self> {
        self.map?.type_of(name).map(|type_ref| type_ref.shape(self.types))
    }

    /// The type of a list's items.
    pub(crate) fn items(&self) -> Option<Self> {
        self.list.map(|list| list.items.shape(self.types))
    }
}
