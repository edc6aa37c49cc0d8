#[automatically_derived]
impl ::kubefed_runtime::api::Federate for Renamed {
    type Target = Object<i64>;
    type Scope = ::kubefed_runtime::__private::ClusterResourceScope;
    const TARGET: ::kubefed_runtime::api::TypeNames = ::kubefed_runtime::api::TypeNames {
        group: "example.com",
        version: "v1",
        kind: "Renamed",
        plural: "renameds",
        scope: ::kubefed_runtime::api::Scope::Cluster,
    };
    const FEDERATED: ::kubefed_runtime::api::TypeNames = ::kubefed_runtime::api::TypeNames {
        group: "types.kubefed.io",
        version: "v1beta1",
        kind: "FederatedRenamed",
        plural: "federatedrenameds",
        scope: ::kubefed_runtime::api::Scope::Cluster,
    };
    const REPLICAS: ::core::option::Option<&'static [&'static str]> = ::core::option::Option::Some(
        &["spec", "wantedReplicas"],
    );
    fn template_schema() -> &'static ::kubefed_runtime::__private::Value {
        static SCHEMA: ::std::sync::LazyLock<::kubefed_runtime::__private::Value> = ::std::sync::LazyLock::new(||
        ::kubefed_runtime::__private::embedded_template("{}"));
        &SCHEMA
    }
}
const _: fn(&Object<i64>) -> ::core::option::Option<i64> = |target| {
    let found = ::kubefed_runtime::__private::Found::new(target);
    let spec = found.then(|it| &it.spec);
    let replicas = spec.then(|it| &it.replicas);
    ::kubefed_runtime::__private::count(replicas)
};
#[automatically_derived]
impl ::kubefed_runtime::api::Federate for Boxed {
    type Target = Object<Option<i32>>;
    type Scope = ::kubefed_runtime::__private::ClusterResourceScope;
    const TARGET: ::kubefed_runtime::api::TypeNames = ::kubefed_runtime::api::TypeNames {
        group: "example.com",
        version: "v1",
        kind: "Boxed",
        plural: "boxeds",
        scope: ::kubefed_runtime::api::Scope::Cluster,
    };
    const FEDERATED: ::kubefed_runtime::api::TypeNames = ::kubefed_runtime::api::TypeNames {
        group: "types.kubefed.io",
        version: "v1beta1",
        kind: "FederatedBoxed",
        plural: "federatedboxeds",
        scope: ::kubefed_runtime::api::Scope::Cluster,
    };
    const REPLICAS: ::core::option::Option<&'static [&'static str]> = ::core::option::Option::Some(
        &["spec", "innerScale", "replicas"],
    );
    fn template_schema() -> &'static ::kubefed_runtime::__private::Value {
        static SCHEMA: ::std::sync::LazyLock<::kubefed_runtime::__private::Value> = ::std::sync::LazyLock::new(||
        ::kubefed_runtime::__private::embedded_template("{}"));
        &SCHEMA
    }
}
const _: fn(&Object<Option<i32>>) -> ::core::option::Option<i64> = |target| {
    let found = ::kubefed_runtime::__private::Found::new(target);
    let spec = found.then(|it| &it.spec);
    let inner_scale = spec.then(|it| &it.inner_scale);
    let replicas_ = inner_scale.then(|it| &it.replicas_);
    ::kubefed_runtime::__private::count(replicas_)
};
#[automatically_derived]
impl ::kubefed_runtime::api::Federate for ShortType {
    type Target = Short;
    type Scope = ::kubefed_runtime::__private::ClusterResourceScope;
    const TARGET: ::kubefed_runtime::api::TypeNames = ::kubefed_runtime::api::TypeNames {
        group: "example.com",
        version: "v1",
        kind: "Short",
        plural: "shorts",
        scope: ::kubefed_runtime::api::Scope::Cluster,
    };
    const FEDERATED: ::kubefed_runtime::api::TypeNames = ::kubefed_runtime::api::TypeNames {
        group: "types.kubefed.io",
        version: "v1beta1",
        kind: "FederatedShort",
        plural: "federatedshorts",
        scope: ::kubefed_runtime::api::Scope::Cluster,
    };
    const REPLICAS: ::core::option::Option<&'static [&'static str]> = ::core::option::Option::Some(
        &["type"],
    );
    fn template_schema() -> &'static ::kubefed_runtime::__private::Value {
        static SCHEMA: ::std::sync::LazyLock<::kubefed_runtime::__private::Value> = ::std::sync::LazyLock::new(||
        ::kubefed_runtime::__private::embedded_template("{}"));
        &SCHEMA
    }
}
const _: fn(&Short) -> ::core::option::Option<i64> = |target| {
    let found = ::kubefed_runtime::__private::Found::new(target);
    let r#type = found.then(|it| &it.r#type);
    ::kubefed_runtime::__private::count(r#type)
};
