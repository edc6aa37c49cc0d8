//! What the OpenAPI documents do not say about Kubernetes' own resources.
//!
//! Short names and categories come from the discovery documents of Kubernetes 1.36, the rest from the strategies in
//! `pkg/registry`. A resource that is not listed has none of it.

/// What names of a kind look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameRule {
    /// Dot-separated RFC 1123 labels.
    Subdomain,
    /// One RFC 1123 label.
    Label,
    /// Anything that can stand in a path.
    PathSegment,
}

/// Facts about one resource.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traits {
    pub(crate) group: &'static str,
    pub(crate) resource: &'static str,
    pub(crate) name_rule: NameRule,
    pub(crate) short_names: &'static [&'static str],
    pub(crate) categories: &'static [&'static str],
    /// Carries `metadata.generation`.
    pub(crate) generation: bool,
    /// PUT creates an object that is not there.
    pub(crate) create_on_update: bool,
    /// PUT needs a resourceVersion.
    pub(crate) version_required: bool,
    /// DELETE answers the object instead of a Status.
    pub(crate) returns_deleted: bool,
    /// Fields that field selectors may name, besides metadata.name and metadata.namespace.
    pub(crate) selectable: &'static [&'static str],
    /// A change of annotations moves the generation too.
    pub(crate) annotations_move_generation: bool,
    /// What a write of the status subresource never changes, besides `spec`.
    pub(crate) status_keeps: &'static [&'static str],
    /// Group and resource that really hold the objects, where another group serves the same ones.
    pub(crate) stored_as: Option<(&'static str, &'static str)>,
}

/// A resource without any trait.
pub(crate) const PLAIN: Traits = Traits {
    group: "",
    resource: "",
    name_rule: NameRule::Subdomain,
    short_names: &[],
    categories: &[],
    generation: false,
    create_on_update: false,
    version_required: false,
    returns_deleted: false,
    selectable: &[],
    annotations_move_generation: false,
    status_keeps: &[],
    stored_as: None,
};

const fn of(group: &'static str, resource: &'static str) -> Traits {
    Traits { group, resource, ..PLAIN }
}

const EXTENSION: &[&str] = &["api-extensions"];
const ALL: &[&str] = &["all"];

const ADMISSION: &str = "admissionregistration.k8s.io";
const EVENT_FIELDS: &[&str] = &[
    "involvedObject.apiVersion",
    "involvedObject.fieldPath",
    "involvedObject.kind",
    "involvedObject.name",
    "involvedObject.namespace",
    "involvedObject.resourceVersion",
    "involvedObject.uid",
    "reason",
    "reportingComponent",
    "type",
];

const TABLE: &[Traits] = &[
    Traits { short_names: &["cs"], ..of("", "componentstatuses") },
    Traits { short_names: &["cm"], ..of("", "configmaps") },
    Traits { short_names: &["ep"], create_on_update: true, ..of("", "endpoints") },
    Traits { short_names: &["ev"], create_on_update: true, selectable: EVENT_FIELDS, ..of("", "events") },
    Traits { short_names: &["limits"], create_on_update: true, ..of("", "limitranges") },
    Traits {
        name_rule: NameRule::Label,
        short_names: &["ns"],
        returns_deleted: true,
        selectable: &["status.phase"],
        ..of("", "namespaces")
    },
    Traits { short_names: &["no"], selectable: &["spec.unschedulable"], ..of("", "nodes") },
    Traits { short_names: &["pvc"], returns_deleted: true, ..of("", "persistentvolumeclaims") },
    Traits { short_names: &["pv"], returns_deleted: true, ..of("", "persistentvolumes") },
    Traits {
        short_names: &["po"],
        categories: ALL,
        generation: true,
        returns_deleted: true,
        selectable: &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
        ],
        status_keeps: &["metadata.ownerReferences", "metadata.deletionTimestamp"],
        ..of("", "pods")
    },
    Traits { generation: true, returns_deleted: true, ..of("", "podtemplates") },
    Traits { short_names: &["rc"], categories: ALL, generation: true, ..of("", "replicationcontrollers") },
    Traits { short_names: &["quota"], returns_deleted: true, ..of("", "resourcequotas") },
    Traits { selectable: &["type"], ..of("", "secrets") },
    Traits { short_names: &["sa"], returns_deleted: true, ..of("", "serviceaccounts") },
    Traits {
        name_rule: NameRule::Label,
        short_names: &["svc"],
        categories: ALL,
        create_on_update: true,
        returns_deleted: true,
        selectable: &["spec.clusterIP", "spec.type"],
        ..of("", "services")
    },
    Traits {
        generation: true,
        categories: EXTENSION,
        version_required: true,
        ..of(ADMISSION, "mutatingadmissionpolicies")
    },
    Traits {
        generation: true,
        categories: EXTENSION,
        version_required: true,
        ..of(ADMISSION, "mutatingadmissionpolicybindings")
    },
    Traits {
        generation: true,
        categories: EXTENSION,
        version_required: true,
        ..of(ADMISSION, "mutatingwebhookconfigurations")
    },
    Traits {
        generation: true,
        categories: EXTENSION,
        version_required: true,
        ..of(ADMISSION, "validatingadmissionpolicies")
    },
    Traits {
        generation: true,
        categories: EXTENSION,
        version_required: true,
        ..of(ADMISSION, "validatingadmissionpolicybindings")
    },
    Traits {
        generation: true,
        categories: EXTENSION,
        version_required: true,
        ..of(ADMISSION, "validatingwebhookconfigurations")
    },
    Traits {
        short_names: &["crd", "crds"],
        categories: EXTENSION,
        generation: true,
        version_required: true,
        ..of("apiextensions.k8s.io", "customresourcedefinitions")
    },
    Traits { categories: EXTENSION, ..of("apiregistration.k8s.io", "apiservices") },
    Traits { short_names: &["ds"], categories: ALL, generation: true, ..of("apps", "daemonsets") },
    Traits {
        short_names: &["deploy"],
        categories: ALL,
        generation: true,
        annotations_move_generation: true,
        status_keeps: &["metadata.labels"],
        ..of("apps", "deployments")
    },
    Traits {
        short_names: &["rs"],
        categories: ALL,
        generation: true,
        selectable: &["status.replicas"],
        ..of("apps", "replicasets")
    },
    Traits { short_names: &["sts"], categories: ALL, generation: true, ..of("apps", "statefulsets") },
    Traits { short_names: &["hpa"], categories: ALL, ..of("autoscaling", "horizontalpodautoscalers") },
    Traits { short_names: &["cj"], categories: ALL, generation: true, ..of("batch", "cronjobs") },
    Traits { categories: ALL, generation: true, selectable: &["status.successful"], ..of("batch", "jobs") },
    Traits {
        short_names: &["csr"],
        selectable: &["spec.signerName"],
        ..of("certificates.k8s.io", "certificatesigningrequests")
    },
    Traits { create_on_update: true, version_required: true, ..of("coordination.k8s.io", "leases") },
    Traits { generation: true, ..of("discovery.k8s.io", "endpointslices") },
    Traits {
        short_names: &["ev"],
        create_on_update: true,
        selectable: EVENT_FIELDS,
        stored_as: Some(("", "events")),
        ..of("events.k8s.io", "events")
    },
    Traits { generation: true, ..of("flowcontrol.apiserver.k8s.io", "flowschemas") },
    Traits { generation: true, ..of("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations") },
    Traits { generation: true, ..of("networking.k8s.io", "ingressclasses") },
    Traits { short_names: &["ing"], generation: true, ..of("networking.k8s.io", "ingresses") },
    Traits { short_names: &["ip"], ..of("networking.k8s.io", "ipaddresses") },
    Traits { short_names: &["netpol"], generation: true, ..of("networking.k8s.io", "networkpolicies") },
    Traits { create_on_update: true, version_required: true, ..of("node.k8s.io", "runtimeclasses") },
    Traits {
        short_names: &["pdb"],
        generation: true,
        version_required: true,
        ..of("policy", "poddisruptionbudgets")
    },
    Traits {
        name_rule: NameRule::PathSegment,
        create_on_update: true,
        ..of("rbac.authorization.k8s.io", "clusterrolebindings")
    },
    Traits {
        name_rule: NameRule::PathSegment,
        create_on_update: true,
        ..of("rbac.authorization.k8s.io", "clusterroles")
    },
    Traits {
        name_rule: NameRule::PathSegment,
        create_on_update: true,
        ..of("rbac.authorization.k8s.io", "rolebindings")
    },
    Traits {
        name_rule: NameRule::PathSegment,
        create_on_update: true,
        ..of("rbac.authorization.k8s.io", "roles")
    },
    Traits { generation: true, returns_deleted: true, ..of("resource.k8s.io", "deviceclasses") },
    Traits { returns_deleted: true, ..of("resource.k8s.io", "resourceclaims") },
    Traits { returns_deleted: true, ..of("resource.k8s.io", "resourceclaimtemplates") },
    Traits { generation: true, returns_deleted: true, ..of("resource.k8s.io", "resourceslices") },
    Traits { short_names: &["pc"], generation: true, ..of("scheduling.k8s.io", "priorityclasses") },
    Traits { returns_deleted: true, version_required: true, ..of("storage.k8s.io", "csidrivers") },
    Traits { returns_deleted: true, version_required: true, ..of("storage.k8s.io", "csinodes") },
    Traits { version_required: true, ..of("storage.k8s.io", "csistoragecapacities") },
    Traits { short_names: &["sc"], returns_deleted: true, ..of("storage.k8s.io", "storageclasses") },
    Traits { returns_deleted: true, version_required: true, ..of("storage.k8s.io", "volumeattachments") },
    Traits {
        short_names: &["vac"],
        returns_deleted: true,
        ..of("storage.k8s.io", "volumeattributesclasses")
    },
];

/// The traits of a resource.
pub(crate) fn traits(group: &str, resource: &str) -> &'static Traits {
    TABLE.iter().find(|traits| traits.group == group && traits.resource == resource).unwrap_or(&PLAIN)
}
