#[automatically_derived]
impl ::kubefed_runtime::api::Federate for DeploymentType {
    type Target = Deployment;
    type Scope = ::kubefed_runtime::__private::NamespaceResourceScope;
    const TARGET: ::kubefed_runtime::api::TypeNames = ::kubefed_runtime::api::TypeNames {
        group: "apps",
        version: "v1",
        kind: "Deployment",
        plural: "deployments",
        scope: ::kubefed_runtime::api::Scope::Namespaced,
    };
    const FEDERATED: ::kubefed_runtime::api::TypeNames = ::kubefed_runtime::api::TypeNames {
        group: "types.kubefed.io",
        version: "v1beta1",
        kind: "FederatedDeployment",
        plural: "federateddeployments",
        scope: ::kubefed_runtime::api::Scope::Namespaced,
    };
    const SHORT_NAMES: &'static [&'static str] = &["fdeploy"];
    const REPLICAS: ::core::option::Option<&'static [&'static str]> = ::core::option::Option::Some(
        &["spec", "replicas"],
    );
    fn template_schema() -> &'static ::kubefed_runtime::__private::Value {
        static SCHEMA: ::std::sync::LazyLock<::kubefed_runtime::__private::Value> = ::std::sync::LazyLock::new(||
        ::kubefed_runtime::__private::embedded_template(
            r#"{"type":"object","properties":{"spec":{"type":"object"}}}"#,
        ));
        &SCHEMA
    }
}
const _: fn(&Deployment) -> ::core::option::Option<i64> = |target| {
    let found = ::kubefed_runtime::__private::Found::new(target);
    let spec = found.then(|it| &it.spec);
    let replicas = spec.then(|it| &it.replicas);
    ::kubefed_runtime::__private::count(replicas)
};
#[automatically_derived]
impl ::kubefed_runtime::api::Federate for NamespaceType {
    type Target = Namespace;
    type Scope = ::kubefed_runtime::__private::NamespaceResourceScope;
    const TARGET: ::kubefed_runtime::api::TypeNames = ::kubefed_runtime::api::TypeNames {
        group: "",
        version: "v1",
        kind: "Namespace",
        plural: "namespaces",
        scope: ::kubefed_runtime::api::Scope::Cluster,
    };
    const FEDERATED: ::kubefed_runtime::api::TypeNames = ::kubefed_runtime::api::TypeNames {
        group: "types.kubefed.io",
        version: "v1beta1",
        kind: "FederatedNamespace",
        plural: "federatednamespaces",
        scope: ::kubefed_runtime::api::Scope::Namespaced,
    };
    fn template_schema() -> &'static ::kubefed_runtime::__private::Value {
        static SCHEMA: ::std::sync::LazyLock<::kubefed_runtime::__private::Value> = ::std::sync::LazyLock::new(||
        ::kubefed_runtime::__private::embedded_template(r#"{"type":"object"}"#));
        &SCHEMA
    }
}
