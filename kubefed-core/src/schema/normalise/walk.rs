//! The walk over a source schema that emits a structural one.

use serde_json::{Map, Value, json};

use super::{
    Descriptions, NormaliseOptions,
    error::NormaliseError,
    flatten::{Flat, Recursion},
    keywords::{
        EMBEDDED_RESOURCE, FORMATS, INT_OR_STRING, JUNCTORS, LIST_MAP_KEYS, LIST_TYPE, MAP_TYPE, PRESERVE,
        SCALAR_LIMITS, VALUE_ONLY,
    },
};

/// Deeper schemas are refused: the deepest of Kubernetes' own has some twenty levels.
const MAX_DEPTH: usize = 100;
/// Bigger schemas are refused: references that fan out can make a small document expand without end. The biggest CRDs
/// in use have some ten thousand nodes.
const MAX_NODES: usize = 200_000;

/// What to do about a node that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnError {
    /// Refuse the schema.
    Fail,
    /// Let the node accept any content.
    Open,
}

/// The state of one walk.
pub(super) struct Walk<'a> {
    pub(super) document: &'a Value,
    /// The references that lead to the current node, to notice recursion.
    pub(super) following: Vec<&'a str>,
    options: NormaliseOptions,
    on_error: OnError,
    depth: usize,
    nodes: usize,
}

/// What a node is, in terms of structural schemas.
enum Shape<'a> {
    Object,
    Array,
    Scalar(&'a str),
    IntOrString,
    /// An object with any content.
    OpenObject,
    /// Any value.
    Any,
}

impl<'a> Walk<'a> {
    pub(super) fn new(document: &'a Value, options: NormaliseOptions, on_error: OnError) -> Self {
        Self { document, following: Vec::new(), options, on_error, depth: 0, nodes: 0 }
    }

    /// Counts a node against the limit.
    pub(super) fn count(&mut self, pointer: &str) -> Result<(), NormaliseError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(NormaliseError::TooLarge { pointer: pointer.to_owned(), limit: MAX_NODES });
        }
        if self.depth > MAX_DEPTH {
            return Err(NormaliseError::TooDeep { pointer: pointer.to_owned(), limit: MAX_DEPTH });
        }
        Ok(())
    }

    /// The structural schema of a node. `keys` are the properties by which the enclosing list tells its items apart.
    fn node(
        &mut self,
        schema: &'a Value,
        pointer: String,
        keys: &[&str],
    ) -> Result<Map<String, Value>, NormaliseError> {
        let following = self.following.len();
        self.depth += 1;
        let emitted = self.enter(schema, pointer).and_then(|flat| self.emit(&flat, keys));
        self.depth -= 1;
        self.following.truncate(following);
        match emitted {
            Err(_) if self.on_error == OnError::Open => Ok(any()),
            emitted => emitted,
        }
    }

    /// The structural schema of a flattened node.
    pub(super) fn emit(
        &mut self,
        flat: &Flat<'a>,
        keys: &[&str],
    ) -> Result<Map<String, Value>, NormaliseError> {
        let (shape, nullable) = shape(flat)?;
        let mut out = match shape {
            Shape::Object => self.object(flat, keys)?,
            Shape::Array => self.array(flat)?,
            Shape::Scalar(name) => scalar(flat, name, nullable),
            Shape::IntOrString => int_or_string(flat),
            Shape::OpenObject => open_object(),
            Shape::Any => any(),
        };
        if nullable && ["type", INT_OR_STRING].iter().any(|typed| out.contains_key(*typed)) {
            out.insert("nullable".to_owned(), Value::Bool(true));
        }
        if let Some(text) = self.description(flat) {
            out.insert("description".to_owned(), Value::String(text));
        }
        Ok(out)
    }

    fn description(&self, flat: &Flat<'_>) -> Option<String> {
        let text = flat.get("description")?.as_str()?;
        match self.options.descriptions {
            Descriptions::None => None,
            Descriptions::Short => Some(first_sentence(text).to_owned()),
            Descriptions::Full => Some(text.to_owned()),
        }
    }

    fn object(&mut self, flat: &Flat<'a>, keys: &[&str]) -> Result<Map<String, Value>, NormaliseError> {
        let mut out = Map::new();
        out.insert("type".to_owned(), json!("object"));
        copy(flat, &mut out, &["maxProperties", "minProperties", MAP_TYPE]);
        let mut properties = Map::new();
        for (name, schema, pointer) in flat.properties()? {
            properties.insert(name.to_owned(), Value::Object(self.node(schema, pointer, &[])?));
        }
        if flat.flag(EMBEDDED_RESOURCE) {
            // The marker would demand apiVersion, kind and a name; without it the metadata would be pruned.
            properties.entry("apiVersion").or_insert_with(|| json!({"type": "string"}));
            properties.entry("kind").or_insert_with(|| json!({"type": "string"}));
            properties.insert("metadata".to_owned(), Value::Object(open_object()));
        }
        let mut open = flat.flag(PRESERVE);
        match flat.locate("additionalProperties") {
            None | Some((Value::Bool(false), _)) => {}
            // Beside properties, a schema for all others cannot be expressed.
            Some(_) if !properties.is_empty() => open = true,
            Some((Value::Bool(true), _)) => open = true,
            Some((schema, pointer)) => {
                let values = self.node(schema, pointer, &[])?;
                out.insert("additionalProperties".to_owned(), Value::Object(values));
            }
        }
        if open {
            out.insert(PRESERVE.to_owned(), Value::Bool(true));
        }
        if !properties.is_empty() {
            self.demand_keys(flat, keys, &mut properties, &mut out)?;
            out.insert("properties".to_owned(), Value::Object(properties));
        }
        Ok(out)
    }

    /// The API server accepts a list with keys only if each key is required or has a default. A key that the source
    /// requires stays required: the default that OpenAPI documents put beside it (`""`, `0`) is Go's, not the API's.
    fn demand_keys(
        &mut self,
        flat: &Flat<'a>,
        keys: &[&str],
        properties: &mut Map<String, Value>,
        out: &mut Map<String, Value>,
    ) -> Result<(), NormaliseError> {
        let mut required = Vec::new();
        for (name, schema, pointer) in flat.properties()? {
            if !keys.contains(&name) {
                continue;
            }
            let key = self.enter(schema, pointer)?;
            let default = key.get("default").filter(|default| !default.is_null() && !flat.requires(name));
            self.leave(&key);
            match (default, properties.get_mut(name).and_then(Value::as_object_mut)) {
                (Some(default), Some(property)) => {
                    property.insert("default".to_owned(), default.clone());
                }
                _ => required.push(json!(name)),
            }
        }
        if !required.is_empty() {
            out.insert("required".to_owned(), Value::Array(required));
        }
        Ok(())
    }

    fn array(&mut self, flat: &Flat<'a>) -> Result<Map<String, Value>, NormaliseError> {
        let mut out = Map::new();
        out.insert("type".to_owned(), json!("array"));
        copy(flat, &mut out, &["maxItems", "minItems"]);
        let list_type = flat.get(LIST_TYPE).and_then(Value::as_str);
        let keys: Vec<&str> = match (list_type, flat.get(LIST_MAP_KEYS)) {
            (Some("map"), Some(Value::Array(keys))) => keys.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let mut items = match flat.locate("items") {
            Some((schema @ Value::Object(_), pointer)) => self.node(schema, pointer, &keys)?,
            _ => any(),
        };
        if !keys.is_empty() {
            items.remove("nullable");
        }
        match list_type {
            Some("map") if !keys.is_empty() && has_scalars(&items, &keys) => {
                out.insert(LIST_TYPE.to_owned(), json!("map"));
                out.insert(LIST_MAP_KEYS.to_owned(), json!(keys));
            }
            Some("set") if may_be_in_a_set(&items) => {
                out.insert(LIST_TYPE.to_owned(), json!("set"));
            }
            Some("atomic") => {
                out.insert(LIST_TYPE.to_owned(), json!("atomic"));
            }
            _ => strip_keys(&mut items, &keys),
        }
        out.insert("items".to_owned(), Value::Object(items));
        Ok(out)
    }
}

/// What a node is, and whether null is a value of it.
fn shape<'a>(flat: &Flat<'a>) -> Result<(Shape<'a>, bool), NormaliseError> {
    let mut nullable = flat.nullable || flat.flag("nullable");
    match flat.recursion {
        Some(Recursion::Object) => return Ok((Shape::OpenObject, nullable)),
        Some(Recursion::Other) => return Ok((Shape::Any, nullable)),
        None => {}
    }
    if flat.any {
        return Ok((Shape::Any, nullable));
    }
    let name = match flat.locate("type") {
        None => None,
        Some((Value::String(name), _)) => Some(name.as_str()),
        Some((Value::Array(names), _)) => {
            nullable |= names.iter().any(|name| name == "null");
            let names: Vec<&str> =
                names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect();
            match names.as_slice() {
                [name] => Some(*name),
                ["integer", "string"] | ["string", "integer"] => return Ok((Shape::IntOrString, nullable)),
                _ => return Ok((Shape::Any, nullable)),
            }
        }
        Some((other, pointer)) => return Err(NormaliseError::malformed(pointer, "a type's name", other)),
    };
    if flat.flag(INT_OR_STRING)
        || flat.string("format")? == Some("int-or-string")
        || is_number_or_string(flat)
    {
        return Ok((Shape::IntOrString, nullable));
    }
    let shape = match name {
        Some("object") => Shape::Object,
        Some("array") => Shape::Array,
        Some(name @ ("string" | "integer" | "number" | "boolean")) => Shape::Scalar(name),
        Some(_) => Shape::Any,
        None if flat.get("properties").is_some() || flat.get("additionalProperties").is_some() => {
            Shape::Object
        }
        None if flat.get("items").is_some() => Shape::Array,
        None if of_strings(flat) => Shape::Scalar("string"),
        None => Shape::Any,
    };
    let says_nothing =
        !["properties", "additionalProperties", EMBEDDED_RESOURCE].iter().any(|k| flat.get(k).is_some());
    Ok((if matches!(shape, Shape::Object) && says_nothing { Shape::OpenObject } else { shape }, nullable))
}

/// Quantities and ports: a choice between a number and a string, in whatever form the source writes it.
fn is_number_or_string(flat: &Flat<'_>) -> bool {
    if flat.get("type").is_some() {
        return false;
    }
    ["oneOf", "anyOf"].iter().filter_map(|keyword| flat.get(keyword)?.as_array()).any(|branches| {
        let mut names: Vec<&str> =
            branches.iter().filter_map(|branch| branch.get("type")?.as_str()).collect();
        names.sort_unstable();
        branches.len() == 2 && (names == ["integer", "string"] || names == ["number", "string"])
    })
}

/// A choice of strings without a type.
fn of_strings(flat: &Flat<'_>) -> bool {
    flat.get("const").is_some_and(Value::is_string)
        || flat.get("enum").and_then(Value::as_array).is_some_and(|values| {
            values.iter().any(Value::is_string)
                && values.iter().all(|value| value.is_string() || value.is_null())
        })
}

fn scalar(flat: &Flat<'_>, name: &str, nullable: bool) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("type".to_owned(), json!(name));
    copy(flat, &mut out, &SCALAR_LIMITS);
    if let Some(format) = flat.get("format").filter(|format| FORMATS.iter().any(|known| *format == known)) {
        out.insert("format".to_owned(), format.clone());
    }
    bounds(flat, &mut out);
    if let Some(values) = choices(flat, nullable) {
        out.insert("enum".to_owned(), Value::Array(values));
    }
    for keyword in JUNCTORS {
        let Some(junctor) = flat.get(keyword) else {
            continue;
        };
        let value_only = match junctor {
            Value::Array(branches) => !branches.is_empty() && branches.iter().all(is_value_only),
            branch => is_value_only(branch),
        };
        if value_only {
            out.insert(keyword.to_owned(), junctor.clone());
        }
    }
    out
}

/// `enum`, or `const` as an `enum` of one. Null belongs to it exactly where the node is nullable.
fn choices(flat: &Flat<'_>, nullable: bool) -> Option<Vec<Value>> {
    let mut values = match (flat.get("const"), flat.get("enum")) {
        (Some(value), _) => vec![value.clone()],
        (None, Some(Value::Array(values))) => {
            values.iter().filter(|value| !value.is_null()).cloned().collect()
        }
        _ => return None,
    };
    if nullable {
        values.push(Value::Null);
    }
    Some(values)
}

/// `minimum` and `maximum`. What excludes the bound is a flag in OpenAPI 3.0 and CRDs, and the bound itself in newer
/// JSON Schema.
fn bounds(flat: &Flat<'_>, out: &mut Map<String, Value>) {
    for (bound, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
        match flat.get(exclusive) {
            Some(value @ Value::Number(_)) => {
                out.insert(bound.to_owned(), value.clone());
                out.insert(exclusive.to_owned(), Value::Bool(true));
            }
            flag => {
                copy(flat, out, &[bound]);
                if flag == Some(&Value::Bool(true)) && out.contains_key(bound) {
                    out.insert(exclusive.to_owned(), Value::Bool(true));
                }
            }
        }
    }
}

fn int_or_string(flat: &Flat<'_>) -> Map<String, Value> {
    let mut out = any_of_integer_and_string();
    copy(flat, &mut out, &["pattern"]);
    out
}

fn any_of_integer_and_string() -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("anyOf".to_owned(), json!([{"type": "integer"}, {"type": "string"}]));
    out.insert(INT_OR_STRING.to_owned(), Value::Bool(true));
    out
}

fn open_object() -> Map<String, Value> {
    let mut out = any();
    out.insert("type".to_owned(), json!("object"));
    out
}

fn any() -> Map<String, Value> {
    let mut out = Map::new();
    out.insert(PRESERVE.to_owned(), Value::Bool(true));
    out
}

fn copy(flat: &Flat<'_>, out: &mut Map<String, Value>, keywords: &[&str]) {
    for &keyword in keywords {
        if let Some(value) = flat.get(keyword) {
            out.insert(keyword.to_owned(), value.clone());
        }
    }
}

/// Whether a branch of a junctor only limits scalar values. Others speak of fields that a template may leave out, or
/// set what structural schemas forbid in this place.
pub(super) fn is_value_only(branch: &Value) -> bool {
    let Value::Object(keywords) = branch else {
        return false;
    };
    keywords.iter().all(|(keyword, value)| match value {
        Value::Array(branches) if JUNCTORS.contains(&keyword.as_str()) => branches.iter().all(is_value_only),
        branch if keyword == "not" => is_value_only(branch),
        _ => VALUE_ONLY.contains(&keyword.as_str()),
    })
}

fn has_scalars(items: &Map<String, Value>, keys: &[&str]) -> bool {
    let Some(properties) = items.get("properties") else {
        return false;
    };
    keys.iter().all(|key| {
        let name = properties.get(key).and_then(|key| key.get("type")?.as_str());
        matches!(name, Some("string" | "integer" | "number" | "boolean"))
    })
}

fn may_be_in_a_set(items: &Map<String, Value>) -> bool {
    match items.get("type").and_then(Value::as_str) {
        Some("object") => items.get(MAP_TYPE).is_some_and(|of| of == "atomic"),
        Some("array") => items.get(LIST_TYPE).is_none_or(|of| of == "atomic"),
        Some(_) => true,
        None => false,
    }
}

/// Undoes [`Walk::demand_keys`] for a list that does not become a map after all.
fn strip_keys(items: &mut Map<String, Value>, keys: &[&str]) {
    if keys.is_empty() {
        return;
    }
    items.remove("required");
    if let Some(properties) = items.get_mut("properties").and_then(Value::as_object_mut) {
        for key in properties.values_mut().filter_map(Value::as_object_mut) {
            key.remove("default");
        }
    }
}

/// Up to the first full stop before a new sentence, or the first line.
fn first_sentence(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    let begins_after = |(at, _): &(usize, &str)| line[at + 2..].starts_with(char::is_uppercase);
    line.match_indices(". ").find(begins_after).map_or(line, |(at, _)| &line[..=at])
}
