//! What the expansion of `#[derive(Federate)]` names. No interface for anybody else: it changes with the derive.

use std::{fmt, ops::Deref};

use kube::Resource;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

pub use kube::core::{ClusterResourceScope, NamespaceResourceScope};
pub use kubefed_core::schema::normalise::custom_resource_template;
pub use serde_json::Value;

use kubefed_core::{
    api::{Scope, TypeNames},
    schema::normalise,
};

/// Names of a type whose attributes are wrong: the implementation beside the errors has to have some.
pub const NO_NAMES: TypeNames =
    TypeNames { group: "", version: "", kind: "", plural: "", scope: Scope::Namespaced };

/// What [`Federate`](kubefed_core::api::Federate) asks of a target, in one name.
pub trait Target: Serialize + DeserializeOwned + Clone + fmt::Debug + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Clone + fmt::Debug + Send + Sync + 'static> Target for T {}

/// The schema of the template of a whole type with metadata.
#[must_use]
pub fn plain_template<T: JsonSchema + WholeObject>() -> Value {
    normalise::plain_template::<T>()
}

/// The schema of a template that is given as text.
///
/// # Panics
/// Where the text is no JSON object.
#[must_use]
pub fn embedded_template(json: &str) -> Value {
    normalise::embedded_template(json)
}

/// A whole object: what implements [`Resource`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a whole object: it does not implement `kube::Resource`",
    label = "an object with metadata is needed here",
    note = "implement `kube::Resource`, or derive `Federate` on the spec of a `#[derive(CustomResource)]` type"
)]
pub trait WholeObject {}

// Without this the compiler speaks of a trait of k8s-openapi that nobody has to know.
#[diagnostic::do_not_recommend]
impl<T: Resource<DynamicType = ()>> WholeObject for T {}

/// What a path of fields has led to so far; nothing where an `Option` on the way is empty.
///
/// [`then`](Found::then) is there twice: on `Found` itself for a field that is an `Option`, which it crosses, and
/// behind [`Deref`] for every other. The compiler looks at the former first, so that a step is written the same in both
/// cases, and a wrong one is a plain "no such field" at the place where it is written.
pub struct Found<'a, T>(Required<'a, T>);

/// A [`Found`] whose type is no `Option`.
pub struct Required<'a, T>(Option<&'a T>);

impl<'a, T> Found<'a, T> {
    /// The beginning of a path.
    pub fn new(object: &'a T) -> Self {
        Self(Required(Some(object)))
    }
}

impl<'a, T> Found<'a, Option<T>> {
    /// Goes on to a field behind an `Option`.
    pub fn then<Field>(self, field: impl FnOnce(&'a T) -> &'a Field) -> Found<'a, Field> {
        Found(Required(self.0.0.and_then(Option::as_ref).map(field)))
    }
}

impl<'a, T> Deref for Found<'a, T> {
    type Target = Required<'a, T>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'a, T> Required<'a, T> {
    /// Goes on to a field.
    pub fn then<Field>(&self, field: impl FnOnce(&'a T) -> &'a Field) -> Found<'a, Field> {
        Found(Required(self.0.map(field)))
    }
}

/// The count at the end of a path.
#[allow(
    clippy::needless_pass_by_value,
    reason = "the end of a chain of steps, each of which takes the one before"
)]
pub fn count<Count: ReplicaCount>(found: Found<'_, Count>) -> Option<i64> {
    found.0.0.and_then(ReplicaCount::count)
}

/// A field that counts replicas.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no replica count",
    label = "the path of `replicas` ends in an `i32`, an `i64` or an `Option` of one"
)]
pub trait ReplicaCount {
    /// The count, where there is one.
    fn count(&self) -> Option<i64>;
}

impl ReplicaCount for i32 {
    fn count(&self) -> Option<i64> {
        Some((*self).into())
    }
}

impl ReplicaCount for i64 {
    fn count(&self) -> Option<i64> {
        Some(*self)
    }
}

impl<Count: ReplicaCount> ReplicaCount for Option<Count> {
    fn count(&self) -> Option<i64> {
        self.as_ref().and_then(ReplicaCount::count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Object {
        spec: Option<Spec>,
        total: i64,
    }

    struct Spec {
        replicas: Option<i32>,
        scale: Scale,
    }

    struct Scale {
        min: i32,
    }

    fn object(replicas: Option<i32>) -> Object {
        Object { spec: Some(Spec { replicas, scale: Scale { min: 2 } }), total: 7 }
    }

    #[test]
    fn a_path_crosses_options_and_plain_fields_alike() {
        let object = object(Some(3));
        let replicas = Found::new(&object).then(|it| &it.spec).then(|it| &it.replicas);
        let min = Found::new(&object).then(|it| &it.spec).then(|it| &it.scale).then(|it| &it.min);
        assert_eq!((count(replicas), count(min)), (Some(3), Some(2)));
        assert_eq!(count(Found::new(&object).then(|it| &it.total)), Some(7));
    }

    #[test]
    fn where_an_option_is_empty_there_is_no_count() {
        let unset = object(None);
        assert_eq!(count(Found::new(&unset).then(|it| &it.spec).then(|it| &it.replicas)), None);
        let empty = Object { spec: None, total: 0 };
        assert_eq!(count(Found::new(&empty).then(|it| &it.spec).then(|it| &it.replicas)), None);
    }
}
