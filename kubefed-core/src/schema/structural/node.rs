//! One node of a structural schema.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

/// Why a document is not a structural schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct SchemaError {
    /// Where in the schema.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
}

/// What `additionalProperties` allows.
#[derive(Debug, Clone, Default)]
pub(super) enum Additional {
    /// The keyword is absent or `true` without a schema: any value validates.
    #[default]
    Unspecified,
    /// `false`: only declared properties.
    Forbidden,
    /// Every value must match this.
    Schema(Box<Node>),
}

/// A `pattern`, kept as written for messages.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) source: String,
    pub(super) regex: Regex,
}

/// A bound of a number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    pub(super) limit: f64,
    pub(super) exclusive: bool,
}

/// How the elements of a list are told apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum ListType {
    #[default]
    Atomic,
    Set,
    Map(Vec<String>),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    /// JSON types; empty means any. `integer` and `string` together for int-or-string.
    pub(super) types: Vec<String>,
    pub(super) format: Option<String>,
    pub(super) nullable: bool,
    pub(super) default: Option<Value>,
    pub(super) properties: BTreeMap<String, Self>,
    pub(super) additional: Additional,
    /// `additionalProperties: true`: keeps unknown fields when pruning.
    pub(super) additional_any: bool,
    pub(super) items: Option<Box<Self>>,
    pub(super) required: Vec<String>,
    pub(super) values: Vec<Value>,
    pub(super) pattern: Option<Pattern>,
    pub(super) minimum: Option<Bound>,
    pub(super) maximum: Option<Bound>,
    pub(super) multiple_of: Option<f64>,
    pub(super) length: (Option<u64>, Option<u64>),
    pub(super) item_count: (Option<u64>, Option<u64>),
    pub(super) property_count: (Option<u64>, Option<u64>),
    pub(super) unique_items: bool,
    pub(super) all_of: Vec<Self>,
    pub(super) any_of: Vec<Self>,
    pub(super) one_of: Vec<Self>,
    pub(super) not: Option<Box<Self>>,
    pub(super) preserve_unknown_fields: bool,
    pub(super) embedded_resource: bool,
    pub(super) list_type: ListType,
}

impl Node {
    pub(super) fn parse(schema: &Value, path: &str) -> Result<Self, SchemaError> {
        let Some(schema) = schema.as_object() else {
            return Err(problem(path, "must be an object"));
        };
        let reader = Reader { schema, path };
        let mut node = Self {
            types: reader.text("type")?.into_iter().collect(),
            format: reader.text("format")?.filter(|format| !format.is_empty()),
            nullable: reader.flag("nullable")?,
            default: schema.get("default").filter(|value| !value.is_null()).cloned(),
            properties: reader.children("properties")?,
            items: reader.child("items")?.map(Box::new),
            required: reader.texts("required")?,
            values: reader.list("enum")?.to_vec(),
            pattern: reader.pattern()?,
            minimum: reader.bound("minimum", "exclusiveMinimum")?,
            maximum: reader.bound("maximum", "exclusiveMaximum")?,
            multiple_of: reader.number("multipleOf")?,
            length: (reader.size("minLength")?, reader.size("maxLength")?),
            item_count: (reader.size("minItems")?, reader.size("maxItems")?),
            property_count: (reader.size("minProperties")?, reader.size("maxProperties")?),
            unique_items: reader.flag("uniqueItems")?,
            all_of: reader.alternatives("allOf")?,
            any_of: reader.alternatives("anyOf")?,
            one_of: reader.alternatives("oneOf")?,
            not: reader.child("not")?.map(Box::new),
            preserve_unknown_fields: reader.flag("x-kubernetes-preserve-unknown-fields")?,
            embedded_resource: reader.flag("x-kubernetes-embedded-resource")?,
            list_type: reader.list_type()?,
            ..Self::default()
        };
        if reader.flag("x-kubernetes-int-or-string")? {
            node.types = vec!["integer".to_owned(), "string".to_owned()];
        }
        match schema.get("additionalProperties") {
            None | Some(Value::Null) => {}
            Some(Value::Bool(true)) => node.additional_any = true,
            Some(Value::Bool(false)) => node.additional = Additional::Forbidden,
            Some(other) => {
                let child = Self::parse(other, &format!("{path}.additionalProperties"))?;
                node.additional = Additional::Schema(Box::new(child));
            }
        }
        node.drop_unsupported_format();
        Ok(node)
    }

    pub(super) fn allows_type(&self, name: &str) -> bool {
        self.types.iter().any(|allowed| allowed == name)
    }

    /// The schema of a field: a declared property or what `additionalProperties` says of every field.
    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        self.properties.get(name).or(match &self.additional {
            Additional::Schema(child) => Some(child),
            Additional::Unspecified | Additional::Forbidden => None,
        })
    }

    /// A null that stands where none is allowed.
    pub(super) fn refuses_null(&self, value: &Value) -> bool {
        value.is_null() && !self.nullable
    }

    /// The server ignores formats that it does not know for the type.
    fn drop_unsupported_format(&mut self) {
        let Some(format) = &self.format else { return };
        let known = match self.types.as_slice() {
            [one] if one == "integer" => matches!(format.as_str(), "int32" | "int64"),
            [one] if one == "number" => matches!(format.as_str(), "float" | "double"),
            [one] if one == "string" => super::formats::is_known(format),
            [] => super::formats::is_known(format),
            [_, ..] => false,
        };
        if !known {
            self.format = None;
        }
    }
}

fn problem(path: &str, problem: impl Into<String>) -> SchemaError {
    SchemaError { path: path.to_owned(), problem: problem.into() }
}

/// Typed access to the keywords of one schema object.
struct Reader<'a> {
    schema: &'a Map<String, Value>,
    path: &'a str,
}

impl Reader<'_> {
    fn value<T>(
        &self,
        key: &str,
        expected: &str,
        convert: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, SchemaError> {
        match self.schema.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => convert(value)
                .map(Some)
                .ok_or_else(|| problem(&format!("{}.{key}", self.path), format!("must be {expected}"))),
        }
    }

    fn text(&self, key: &str) -> Result<Option<String>, SchemaError> {
        Ok(self
            .value(key, "a string", |value| value.as_str().map(str::to_owned))?
            .filter(|text| !text.is_empty()))
    }

    fn flag(&self, key: &str) -> Result<bool, SchemaError> {
        Ok(self.value(key, "a boolean", Value::as_bool)?.unwrap_or(false))
    }

    fn number(&self, key: &str) -> Result<Option<f64>, SchemaError> {
        self.value(key, "a number", Value::as_f64)
    }

    fn size(&self, key: &str) -> Result<Option<u64>, SchemaError> {
        self.value(key, "a whole number that is not negative", Value::as_u64)
    }

    fn list(&self, key: &str) -> Result<&[Value], SchemaError> {
        match self.schema.get(key) {
            None | Some(Value::Null) => Ok(&[]),
            Some(Value::Array(list)) => Ok(list),
            Some(_) => Err(problem(&format!("{}.{key}", self.path), "must be a list")),
        }
    }

    fn texts(&self, key: &str) -> Result<Vec<String>, SchemaError> {
        let texts =
            self.list(key)?.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Option<_>>();
        texts.ok_or_else(|| problem(&format!("{}.{key}", self.path), "must be a list of strings"))
    }

    fn child(&self, key: &str) -> Result<Option<Node>, SchemaError> {
        match self.schema.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => Node::parse(value, &format!("{}.{key}", self.path)).map(Some),
        }
    }

    fn alternatives(&self, key: &str) -> Result<Vec<Node>, SchemaError> {
        let list = self.list(key)?.iter().enumerate();
        list.map(|(index, value)| Node::parse(value, &format!("{}.{key}[{index}]", self.path))).collect()
    }

    fn children(&self, key: &str) -> Result<BTreeMap<String, Node>, SchemaError> {
        let path = format!("{}.{key}", self.path);
        match self.schema.get(key) {
            None | Some(Value::Null) => Ok(BTreeMap::new()),
            Some(Value::Object(children)) => children
                .iter()
                .map(|(name, value)| Ok((name.clone(), Node::parse(value, &format!("{path}[{name}]"))?)))
                .collect(),
            Some(_) => Err(problem(&path, "must be an object")),
        }
    }

    fn pattern(&self) -> Result<Option<Pattern>, SchemaError> {
        let Some(source) = self.text("pattern")? else {
            return Ok(None);
        };
        let regex = Regex::new(&source).map_err(|error| {
            problem(&format!("{}.pattern", self.path), format!("is no regular expression: {error}"))
        })?;
        Ok(Some(Pattern { source, regex }))
    }

    fn bound(&self, key: &str, exclusive: &str) -> Result<Option<Bound>, SchemaError> {
        let exclusive = self.flag(exclusive)?;
        Ok(self.number(key)?.map(|limit| Bound { limit, exclusive }))
    }

    fn list_type(&self) -> Result<ListType, SchemaError> {
        Ok(match self.text("x-kubernetes-list-type")?.as_deref() {
            Some("set") => ListType::Set,
            Some("map") => ListType::Map(self.texts("x-kubernetes-list-map-keys")?),
            _ => ListType::Atomic,
        })
    }
}
