#[automatically_derived]
impl ::kubefed_runtime::api::Federate for Website {
    type Target = Self;
    type Scope = ::kubefed_runtime::__private::NamespaceResourceScope;
    const TARGET: ::kubefed_runtime::api::TypeNames = ::kubefed_runtime::api::TypeNames {
        group: "example.com",
        version: "v1",
        kind: "Website",
        plural: "websites",
        scope: ::kubefed_runtime::api::Scope::Namespaced,
    };
    const FEDERATED: ::kubefed_runtime::api::TypeNames = ::kubefed_runtime::api::TypeNames {
        group: "types.kubefed.io",
        version: "v1beta1",
        kind: "FederatedWebsite",
        plural: "federatedwebsites",
        scope: ::kubefed_runtime::api::Scope::Namespaced,
    };
    const SHORT_NAMES: &'static [&'static str] = &["fw", "fws"];
    const REPLICAS: ::core::option::Option<&'static [&'static str]> = ::core::option::Option::Some(
        &["spec", "scale", "minReplicas"],
    );
    fn template_schema() -> &'static ::kubefed_runtime::__private::Value {
        static SCHEMA: ::std::sync::LazyLock<::kubefed_runtime::__private::Value> = ::std::sync::LazyLock::new(
            ::kubefed_runtime::__private::custom_resource_template::<Website>,
        );
        &SCHEMA
    }
}
const _: fn(&Website) -> ::core::option::Option<i64> = |target| {
    let found = ::kubefed_runtime::__private::Found::new(target);
    let spec = found.then(|it| &it.spec);
    let scale = spec.then(|it| &it.scale);
    let min_replicas = scale.then(|it| &it.min_replicas);
    ::kubefed_runtime::__private::count(min_replicas)
};
