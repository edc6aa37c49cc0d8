//! The derive macro of KubeFed for Rust: [`#[derive(Federate)]`](macro@Federate).
//!
//! Depend on `kubefed-runtime`, which re-exports it; expansions name nothing else.
//!
//! Inside: `attrs` parses what is written, `model` makes of it what it means and refuses what means nothing, `expand`
//! writes code. Errors stand at the place of the mistake, one for each, beside an implementation without content, so
//! that the use of a type whose attributes are wrong adds no errors.

use proc_macro::TokenStream;

mod attrs;
mod diag;
mod expand;
mod model;
mod names;
#[cfg(test)]
mod tests;

/// Makes a type a federated one: `Federated<Website>`, its CRD, its FederatedTypeConfig and its place in a controller
/// follow from the one implementation of `Federate` that this writes.
///
/// # Where it goes
///
/// **On the spec of a custom resource**, beside kube's `#[derive(CustomResource)]`. The names are those of
/// `#[kube(…)]`, the schema that of the CRD, and the implementation is for the type that `CustomResource` writes:
///
/// ```
/// use kube::CustomResource;
/// use kubefed_runtime::{Federate, api::{Federated, FederatedSpec, Placement}};
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(CustomResource, Federate, Serialize, Deserialize, JsonSchema, Clone, Debug)]
/// #[kube(group = "example.com", version = "v1", kind = "Website", namespaced)]
/// #[federate(short_names("fw"), replicas = spec.replicas)]
/// struct WebsiteSpec {
///     host: String,
///     replicas: Option<i32>,
/// }
///
/// let template = Website::new("shop", WebsiteSpec { host: "example.com".into(), replicas: Some(3) });
/// let spec = FederatedSpec {
///     template: Some(template),
///     placement: Some(Placement::everywhere()),
///     ..FederatedSpec::default()
/// };
/// let website: Federated<Website> = Federated::new("shop", spec).within("shops");
///
/// let json = serde_json::to_value(&website)?;
/// assert_eq!(json["apiVersion"], "types.kubefed.io/v1beta1");
/// assert_eq!(json["kind"], "FederatedWebsite");
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// **On a whole type with metadata** that implements `kube::Resource` and `schemars::JsonSchema`. The names stand in
/// `#[federate(…)]`:
///
/// ```
/// use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::ObjectMeta};
/// use kube::Resource;
/// use kubefed_runtime::Federate;
/// # use kubefed_runtime::api::Federate as _;
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
///
/// /// A `ConfigMap` whose keys are known.
/// #[derive(Resource, Federate, Serialize, Deserialize, JsonSchema, Clone, Debug)]
/// #[resource(inherit = ConfigMap)]
/// #[federate(group = "", version = "v1", kind = "ConfigMap", namespaced)]
/// struct Settings {
///     #[schemars(skip)]
///     metadata: ObjectMeta,
///     data: Data,
/// }
///
/// #[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
/// struct Data {
///     level: String,
/// }
///
/// assert_eq!(Settings::FEDERATED.kind, "FederatedConfigMap");
/// ```
///
/// **On a unit struct that stands for a type of another crate**, since Rust allows nobody to implement `Federate` for
/// that one directly. `kubefed-gen` writes such markers for the types of Kubernetes itself:
///
/// ```
/// use k8s_openapi::api::apps::v1::Deployment;
/// use kubefed_runtime::{Federate, api::Federated};
/// # use kubefed_runtime::api::Federate as _;
///
/// #[derive(Federate)]
/// #[federate(
///     target = Deployment,
///     group = "apps", version = "v1", kind = "Deployment", namespaced,
///     replicas = spec.replicas,
///     // As a rule: `template(schema = include_str!("deployment.json"))`.
///     template(schema = r#"{"type": "object", "x-kubernetes-preserve-unknown-fields": true}"#),
/// )]
/// struct DeploymentType;
///
/// type FederatedDeployment = Federated<DeploymentType>;
///
/// assert_eq!(DeploymentType::REPLICAS, Some(&["spec", "replicas"][..]));
/// ```
///
/// Enums and tuple structs are taken as specs only, where `CustomResource` takes them, and types with generics are
/// not taken at all: one kind has one schema.
///
/// # Attributes
///
/// All of them go into `#[federate(…)]`, in one or in several.
///
/// ## `group = "…"`, `version = "…"`, `kind = "…"`
///
/// Names of the target. Required, except beside `#[kube(…)]`, which has them. The core group is `""`.
///
/// ## `plural = "…"`
///
/// The target's plural, as it stands in the paths of the API. Without it, the rule of `CustomResource` holds: `es`
/// after s, x, z, ch and sh; `ies` for a `y` behind a consonant; otherwise `s`.
///
/// ```
/// # use kubefed_runtime::{Federate, api::Federate as _};
/// # use k8s_openapi::api::{core::v1::Endpoints, networking::v1::NetworkPolicy};
/// #[derive(Federate)]
/// #[federate(
///     target = Endpoints, group = "", version = "v1", kind = "Endpoints", plural = "endpoints", namespaced,
///     template(schema = r#"{"type": "object"}"#),
/// )]
/// struct EndpointsType;
///
/// #[derive(Federate)]
/// #[federate(
///     target = NetworkPolicy, group = "networking.k8s.io", version = "v1", kind = "NetworkPolicy", namespaced,
///     template(schema = r#"{"type": "object"}"#),
/// )]
/// struct NetworkPolicyType;
///
/// assert_eq!(EndpointsType::TARGET.plural, "endpoints");
/// assert_eq!(NetworkPolicyType::TARGET.plural, "networkpolicies");
/// ```
///
/// ## `namespaced` or `scope = "Namespaced" | "Cluster"`
///
/// Whether objects of the target live in namespaces. Without either they do not, as in `#[kube(…)]`, where
/// `namespaced` stands when there is one.
///
/// ## `federated(group = "…", version = "…", kind = "…", plural = "…", scope = "…")`
///
/// Names of the federated kind, each only where KubeFed's default is not wanted: group `types.kubefed.io`, version
/// `v1beta1`, kind `Federated` and the target's, plural `federated` and the target's, scope the target's.
/// A federated namespace is namespaced: it lives in the namespace that it stands for.
///
/// ```
/// # use kube::CustomResource;
/// # use kubefed_runtime::{Federate, api::Federate as _};
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// #[derive(CustomResource, Federate, Serialize, Deserialize, JsonSchema, Clone, Debug)]
/// #[kube(group = "example.com", version = "v1", kind = "Mouse", plural = "mice", namespaced)]
/// #[federate(federated(group = "federation.example.com", plural = "federated-mice"))]
/// struct MouseSpec {
///     colour: String,
/// }
///
/// assert_eq!(Mouse::FEDERATED.api_version(), "federation.example.com/v1beta1");
/// assert_eq!(Mouse::FEDERATED.kind, "FederatedMouse");
/// assert_eq!(Mouse::FEDERATED.plural, "federated-mice");
/// ```
///
/// ## `short_names("…", …)`
///
/// Short names of the federated kind for `kubectl`. KubeFed puts an `f` before those of the target.
///
/// ```
/// # use kube::CustomResource;
/// # use kubefed_runtime::{Federate, api::Federate as _};
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// #[derive(CustomResource, Federate, Serialize, Deserialize, JsonSchema, Clone, Debug)]
/// #[kube(group = "example.com", version = "v1", kind = "Website", shortname = "web", namespaced)]
/// #[federate(short_names("fweb"))]
/// struct WebsiteSpec {
///     host: String,
/// }
///
/// assert_eq!(Website::SHORT_NAMES, ["fweb"]);
/// ```
///
/// ## `target = path::Type`
///
/// On a unit struct: the type that it stands for. Also taken in quotes.
///
/// ## `replicas = spec.replicas`
///
/// Where the target counts its replicas, as the path of a Rust field that begins at the target. The compiler checks
/// it: a typo is an error at the segment with the typo, and the field is an `i32`, an `i64` or an `Option` of one. The
/// path may cross an `Option`, not a list or a map. In JSON it is the same in camel case; where it is not, say so:
///
/// ```
/// # use kube::CustomResource;
/// # use kubefed_runtime::{Federate, api::Federate as _};
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// #[derive(CustomResource, Federate, Serialize, Deserialize, JsonSchema, Clone, Debug)]
/// #[kube(group = "example.com", version = "v1", kind = "Website", namespaced)]
/// #[federate(replicas(path = spec.scale.replicas, json = ".spec.scale.wantedReplicas"))]
/// struct WebsiteSpec {
///     scale: Option<Scale>,
/// }
///
/// #[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
/// struct Scale {
///     #[serde(rename = "wantedReplicas")]
///     replicas: i32,
/// }
///
/// assert_eq!(Website::REPLICAS, Some(&["spec", "scale", "wantedReplicas"][..]));
/// ```
///
/// ```compile_fail,E0609
/// # use kube::CustomResource;
/// # use kubefed_runtime::{Federate, api::Federate as _};
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// #[derive(CustomResource, Federate, Serialize, Deserialize, JsonSchema, Clone, Debug)]
/// #[kube(group = "example.com", version = "v1", kind = "Website", namespaced)]
/// #[federate(replicas = spec.replcas)] // error[E0609]: no field `replcas` on type `&WebsiteSpec`
/// struct WebsiteSpec {
///     replicas: i32,
/// }
/// ```
///
/// ## `template(schema = …)`
///
/// The structural schema of the template, as an expression of type `&str` that holds JSON: mostly
/// `include_str!("…")`. It is taken as it is. Required on a unit struct; elsewhere it replaces the schema that is made
/// from the type. The program panics at the first use of a text that is no JSON object.
///
/// ```
/// # use kube::CustomResource;
/// # use kubefed_runtime::{Federate, api::Federate as _};
/// # use serde::{Deserialize, Serialize};
/// #[derive(CustomResource, Federate, Serialize, Deserialize, Clone, Debug)]
/// #[kube(group = "example.com", version = "v1", kind = "Website", namespaced, schema = "disabled")]
/// #[federate(template(schema = r#"{"type": "object", "x-kubernetes-preserve-unknown-fields": true}"#))]
/// struct WebsiteSpec {
///     host: String,
/// }
///
/// assert_eq!(Website::template_schema()["x-kubernetes-preserve-unknown-fields"], true);
/// ```
///
/// ## `crates(runtime = …)`
///
/// The path of `kubefed-runtime` where it is not `::kubefed_runtime`, for crates that re-export it.
///
/// ```
/// mod toolkit {
///     pub use kubefed_runtime as runtime;
/// }
///
/// use k8s_openapi::api::core::v1::Secret;
///
/// #[derive(toolkit::runtime::Federate)]
/// #[federate(
///     crates(runtime = toolkit::runtime),
///     target = Secret, group = "", version = "v1", kind = "Secret", namespaced,
///     template(schema = r#"{"type": "object"}"#),
/// )]
/// struct SecretType;
/// # fn main() {}
/// ```
///
/// # Generated code
///
/// Constants, one implementation, thin calls. For the `Website` at the top:
///
/// ```text
/// #[automatically_derived]
/// impl ::kubefed_runtime::api::Federate for Website {
///     type Target = Self;
///     type Scope = ::kubefed_runtime::__private::NamespaceResourceScope;
///     const TARGET: TypeNames = TypeNames {
///         group: "example.com", version: "v1", kind: "Website", plural: "websites", scope: Scope::Namespaced,
///     };
///     const FEDERATED: TypeNames = TypeNames {
///         group: "types.kubefed.io", version: "v1beta1", kind: "FederatedWebsite", plural: "federatedwebsites",
///         scope: Scope::Namespaced,
///     };
///     const SHORT_NAMES: &'static [&'static str] = &["fw"];
///     const REPLICAS: Option<&'static [&'static str]> = Some(&["spec", "replicas"]);
///     fn template_schema() -> &'static Value {
///         static SCHEMA: LazyLock<Value> =
///             LazyLock::new(::kubefed_runtime::__private::custom_resource_template::<Website>);
///         &SCHEMA
///     }
/// }
/// // Compiled, never called: the path of `replicas`, step by step.
/// const _: fn(&Website) -> Option<i64> = |target| {
///     let found = ::kubefed_runtime::__private::Found::new(target);
///     let spec = found.then(|it| &it.spec);
///     let replicas = spec.then(|it| &it.replicas);
///     ::kubefed_runtime::__private::count(replicas)
/// };
/// ```
///
/// All names are written out in full; they are shortened here. What generated CRDs, FederatedTypeConfigs and rights
/// look like is decided in `kubefed-core`, which composes them from these constants.
#[proc_macro_derive(Federate, attributes(federate, kube))]
pub fn derive_federate(input: TokenStream) -> TokenStream {
    expand::derive(input.into()).into()
}
