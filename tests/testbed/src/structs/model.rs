//! Structs as the components of a document describe them.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde_json::Value;

/// What is not in the documents: fields by shortened component name.
#[derive(Debug, Default)]
struct Fields {
    always: HashMap<String, Vec<String>>,
    pointers: HashMap<String, Vec<String>>,
    times: HashMap<String, Vec<String>>,
}

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    // The table is part of the crate; a test reads it.
    let table: Value = serde_json::from_str(include_str!("fields.json")).unwrap_or_default();
    let read = |section: &str| serde_json::from_value(table[section].clone()).unwrap_or_default();
    Fields { always: read("always"), pointers: read("pointers"), times: read("times") }
});

/// A JSON scalar and the Go type that it is decoded into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    String,
    Boolean,
    Int32,
    Int64,
    Float,
    /// Base64 text.
    Bytes,
    Time,
}

impl Scalar {
    pub(super) fn go_name(self) -> &'static str {
        match self {
            Self::String | Self::Time => "string",
            Self::Boolean => "bool",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Float => "float64",
            Self::Bytes => "[]uint8",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) enum Type {
    Scalar(Scalar),
    /// A component with fields, by name.
    Struct(String),
    List(Box<Self>),
    Map(Box<Self>),
    Quantity,
    IntOrString,
    Any,
}

impl Type {
    pub(super) fn go_name(&self) -> String {
        match self {
            Self::Scalar(scalar) => scalar.go_name().to_owned(),
            // The package is called after the version.
            Self::Struct(component) => {
                let mut parts = component.rsplit('.');
                let (name, package) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                format!("{package}.{name}")
            }
            Self::List(items) => format!("[]{}", items.go_name()),
            Self::Map(values) => format!("map[string]{}", values.go_name()),
            Self::Quantity => "resource.Quantity".to_owned(),
            Self::IntOrString => "intstr.IntOrString".to_owned(),
            Self::Any => "interface {}".to_owned(),
        }
    }
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) go: Type,
    /// Written even where it is zero.
    pub(super) required: bool,
    /// An optional scalar that is a pointer: a zero that was given stays.
    pub(super) pointer: bool,
    /// A struct that is no pointer.
    pub(super) embedded: bool,
    /// An optional time that is no pointer.
    pub(super) bare_time: bool,
}

/// The components of one document.
#[derive(Debug, Default)]
pub(crate) struct Structs {
    pub(super) components: HashMap<String, BTreeMap<String, Field>>,
    kinds: HashMap<(String, String, String), String>,
}

impl Structs {
    pub(crate) fn read(document: &Value) -> Self {
        let mut structs = Self::default();
        let Some(components) = document["components"]["schemas"].as_object() else { return structs };
        for (name, schema) in components {
            if let Some([kind]) = schema["x-kubernetes-group-version-kind"].as_array().map(Vec::as_slice) {
                let text = |field: &str| kind[field].as_str().unwrap_or_default().to_owned();
                structs.kinds.insert((text("group"), text("version"), text("kind")), name.clone());
            }
            if schema["properties"].is_object() {
                structs.components.insert(name.clone(), fields(name, schema, document));
            }
        }
        structs
    }

    pub(super) fn kind(&self, group: &str, version: &str, kind: &str) -> Option<&str> {
        self.kinds.get(&(group.to_owned(), version.to_owned(), kind.to_owned())).map(String::as_str)
    }
}

/// `io.k8s.api.apps.v1.DeploymentSpec` is `apps.v1.DeploymentSpec` in the table.
pub(super) fn shortened(component: &str) -> &str {
    const PREFIXES: [&str; 4] = [
        "io.k8s.api.",
        "io.k8s.apimachinery.pkg.apis.",
        "io.k8s.apiextensions-apiserver.pkg.apis.",
        "io.k8s.kube-aggregator.pkg.apis.",
    ];
    PREFIXES.iter().find_map(|prefix| component.strip_prefix(prefix)).unwrap_or(component)
}

fn fields(component: &str, schema: &Value, document: &Value) -> BTreeMap<String, Field> {
    let listed = |table: &HashMap<String, Vec<String>>, field: &str| {
        table.get(shortened(component)).is_some_and(|fields| fields.iter().any(|one| one == field))
    };
    let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .map(|(name, property)| {
            let field = Field {
                go: read_type(property, document),
                required: required.iter().any(|one| one.as_str() == Some(name))
                    || listed(&FIELDS.always, name),
                pointer: listed(&FIELDS.pointers, name),
                embedded: property["default"].is_object(),
                bare_time: listed(&FIELDS.times, name),
            };
            (name.clone(), field)
        })
        .collect()
}

fn read_type(schema: &Value, document: &Value) -> Type {
    let reference = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str());
    if let Some(component) = reference.and_then(|reference| reference.strip_prefix("#/components/schemas/")) {
        let target = &document["components"]["schemas"][component];
        if target["properties"].is_object() {
            return Type::Struct(component.to_owned());
        }
        return read_type(target, document);
    }
    let format = schema["format"].as_str().unwrap_or_default();
    match schema["type"].as_str() {
        Some("string") => Type::Scalar(match format {
            "byte" => Scalar::Bytes,
            "date-time" => Scalar::Time,
            _ => Scalar::String,
        }),
        Some("boolean") => Type::Scalar(Scalar::Boolean),
        Some("integer") => Type::Scalar(if format == "int32" { Scalar::Int32 } else { Scalar::Int64 }),
        Some("number") => Type::Scalar(Scalar::Float),
        Some("array") => Type::List(Box::new(read_type(&schema["items"], document))),
        Some("object") if schema["additionalProperties"].is_object() => {
            Type::Map(Box::new(read_type(&schema["additionalProperties"], document)))
        }
        _ if format == "int-or-string" => Type::IntOrString,
        None if schema["oneOf"].is_array() => Type::Quantity,
        _ => Type::Any,
    }
}
