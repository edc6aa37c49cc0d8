#[automatically_derived]
impl ::kubefed_runtime::api::Federate for PolicyObject {
    type Target = Self;
    type Scope = ::kubefed_runtime::__private::ClusterResourceScope;
    const TARGET: ::kubefed_runtime::api::TypeNames = ::kubefed_runtime::api::TypeNames {
        group: "example.com",
        version: "v1",
        kind: "Policy",
        plural: "policies",
        scope: ::kubefed_runtime::api::Scope::Cluster,
    };
    const FEDERATED: ::kubefed_runtime::api::TypeNames = ::kubefed_runtime::api::TypeNames {
        group: "types.kubefed.io",
        version: "v1beta1",
        kind: "FederatedPolicy",
        plural: "federatedpolicies",
        scope: ::kubefed_runtime::api::Scope::Cluster,
    };
    fn template_schema() -> &'static ::kubefed_runtime::__private::Value {
        static SCHEMA: ::std::sync::LazyLock<::kubefed_runtime::__private::Value> = ::std::sync::LazyLock::new(
            ::kubefed_runtime::__private::custom_resource_template::<PolicyObject>,
        );
        &SCHEMA
    }
}
#[automatically_derived]
impl ::kubefed_runtime::api::Federate for Mouse {
    type Target = Self;
    type Scope = ::kubefed_runtime::__private::NamespaceResourceScope;
    const TARGET: ::kubefed_runtime::api::TypeNames = ::kubefed_runtime::api::TypeNames {
        group: "example.com",
        version: "v1",
        kind: "Mouse",
        plural: "mice",
        scope: ::kubefed_runtime::api::Scope::Namespaced,
    };
    const FEDERATED: ::kubefed_runtime::api::TypeNames = ::kubefed_runtime::api::TypeNames {
        group: "fed.example.com",
        version: "v1",
        kind: "MouseEverywhere",
        plural: "miceeverywhere",
        scope: ::kubefed_runtime::api::Scope::Namespaced,
    };
    fn template_schema() -> &'static ::kubefed_runtime::__private::Value {
        static SCHEMA: ::std::sync::LazyLock<::kubefed_runtime::__private::Value> = ::std::sync::LazyLock::new(
            ::kubefed_runtime::__private::custom_resource_template::<Mouse>,
        );
        &SCHEMA
    }
}
