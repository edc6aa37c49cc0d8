#[automatically_derived]
impl ::kubefed_runtime::api::Federate for Settings {
    type Target = Self;
    type Scope = ::kubefed_runtime::__private::NamespaceResourceScope;
    const TARGET: ::kubefed_runtime::api::TypeNames = ::kubefed_runtime::api::TypeNames {
        group: "",
        version: "v1",
        kind: "ConfigMap",
        plural: "configmaps",
        scope: ::kubefed_runtime::api::Scope::Namespaced,
    };
    const FEDERATED: ::kubefed_runtime::api::TypeNames = ::kubefed_runtime::api::TypeNames {
        group: "types.kubefed.io",
        version: "v1beta1",
        kind: "FederatedConfigMap",
        plural: "federatedconfigmaps",
        scope: ::kubefed_runtime::api::Scope::Namespaced,
    };
    fn template_schema() -> &'static ::kubefed_runtime::__private::Value {
        static SCHEMA: ::std::sync::LazyLock<::kubefed_runtime::__private::Value> = ::std::sync::LazyLock::new(
            ::kubefed_runtime::__private::plain_template::<Settings>,
        );
        &SCHEMA
    }
}
