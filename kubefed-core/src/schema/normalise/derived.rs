//! Template schemas of types that are known as Rust types.

use kube_core::{
    CustomResourceExt,
    schema::{OptionalEnum, OptionalIntOrString, StructuralSchemaRewriter},
};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

use super::{
    NormaliseOptions, open_template, root,
    walk::{OnError, Walk},
};

/// The template schema of a root schema that carries its own definitions, if it has any: that of `schemars`, or the
/// `openAPIV3Schema` of a CRD. What no structural schema can express accepts any content; so this never fails.
#[must_use]
pub fn derived_template_schema(schema: &Value) -> Value {
    root(&mut Walk::new(schema, NormaliseOptions::default(), OnError::Open), schema)
        .unwrap_or_else(|_| open_template())
}

/// The template schema of a type that derives kube's `CustomResource`.
///
/// # Panics
///
/// As kube's own [`CustomResourceExt::crd`] does, for types of which no CRD can be made.
#[must_use]
pub fn custom_resource_template<T: CustomResourceExt>() -> Value {
    let crd = T::crd();
    let schema = crd.spec.versions.into_iter().next().and_then(|version| version.schema?.open_api_v3_schema);
    match schema.map(serde_json::to_value) {
        Some(Ok(schema)) => derived_template_schema(&schema),
        _ => open_template(),
    }
}

/// The template schema of a whole object type with metadata that derives `JsonSchema`, made with the same settings and
/// transforms as kube's CRDs.
///
/// # Panics
///
/// As kube's [`StructuralSchemaRewriter`] does, for enums whose variants contradict each other.
#[must_use]
pub fn plain_template<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::openapi3()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .with_transform(StructuralSchemaRewriter)
        .with_transform(OptionalEnum)
        .with_transform(OptionalIntOrString);
    derived_template_schema(settings.into_generator().into_root_schema_for::<T>().as_value())
}

/// A template schema that `kubefed-gen` wrote to a file and generated code embeds.
///
/// # Panics
///
/// The text is no JSON object: the file was damaged, and a program with a wrong schema must not start.
#[must_use]
pub fn embedded_template(json: &str) -> Value {
    match serde_json::from_str(json) {
        Ok(schema @ Value::Object(_)) => schema,
        Ok(other) => panic!("an embedded template schema must be a JSON object, and is {other}"),
        Err(error) => panic!("an embedded template schema is no JSON: {error}"),
    }
}
