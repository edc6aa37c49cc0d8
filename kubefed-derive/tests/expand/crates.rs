#[automatically_derived]
impl crate::vendored::runtime::api::Federate for ObjectType {
    type Target = Object;
    type Scope = crate::vendored::runtime::__private::NamespaceResourceScope;
    const TARGET: crate::vendored::runtime::api::TypeNames = crate::vendored::runtime::api::TypeNames {
        group: "example.com",
        version: "v1",
        kind: "Object",
        plural: "objects",
        scope: crate::vendored::runtime::api::Scope::Namespaced,
    };
    const FEDERATED: crate::vendored::runtime::api::TypeNames = crate::vendored::runtime::api::TypeNames {
        group: "types.kubefed.io",
        version: "v1beta1",
        kind: "FederatedObject",
        plural: "federatedobjects",
        scope: crate::vendored::runtime::api::Scope::Namespaced,
    };
    const REPLICAS: ::core::option::Option<&'static [&'static str]> = ::core::option::Option::Some(
        &["replicas"],
    );
    fn template_schema() -> &'static crate::vendored::runtime::__private::Value {
        static SCHEMA: ::std::sync::LazyLock<
            crate::vendored::runtime::__private::Value,
        > = ::std::sync::LazyLock::new(|| crate::vendored::runtime::__private::embedded_template(
            "{}",
        ));
        &SCHEMA
    }
}
const _: fn(&Object) -> ::core::option::Option<i64> = |target| {
    let found = crate::vendored::runtime::__private::Found::new(target);
    let replicas = found.then(|it| &it.replicas);
    crate::vendored::runtime::__private::count(replicas)
};
