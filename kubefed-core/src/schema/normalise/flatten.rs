//! One node of a schema, with its references and merged `allOf`s followed.

use serde_json::{Map, Value};

use super::{error::NormaliseError, walk::Walk};

/// What a node that encloses itself is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recursion {
    /// An object.
    Object,
    /// A list, or something that is not said.
    Other,
}

/// The layers that make up one node: the node itself first, then what it refers to. The first layer that has a keyword
/// decides, so that what stands beside a reference wins over what is referred to.
pub(super) struct Flat<'a> {
    layers: Vec<(&'a Map<String, Value>, String)>,
    /// The node refers to one that encloses it.
    pub(super) recursion: Option<Recursion>,
    /// The node offers null besides what the layers say.
    pub(super) nullable: bool,
    /// Nothing is known of the values of the node: the schema `true`.
    pub(super) any: bool,
    /// How many references were being followed before this node.
    pub(super) mark: usize,
}

impl<'a> Flat<'a> {
    /// The value of a keyword.
    pub(super) fn get(&self, keyword: &str) -> Option<&'a Value> {
        self.layers.iter().find_map(|(layer, _)| layer.get(keyword))
    }

    /// The value of a keyword, and where it stands.
    pub(super) fn locate(&self, keyword: &str) -> Option<(&'a Value, String)> {
        self.layers.iter().find_map(|(layer, pointer)| {
            Some((layer.get(keyword)?, format!("{pointer}/{}", escape(keyword))))
        })
    }

    /// The value of a keyword that must be a string.
    pub(super) fn string(&self, keyword: &str) -> Result<Option<&'a str>, NormaliseError> {
        match self.locate(keyword) {
            None => Ok(None),
            Some((Value::String(text), _)) => Ok(Some(text)),
            Some((other, pointer)) => Err(NormaliseError::malformed(pointer, "a string", other)),
        }
    }

    /// Whether a keyword is `true`.
    pub(super) fn flag(&self, keyword: &str) -> bool {
        self.get(keyword) == Some(&Value::Bool(true))
    }

    /// The properties of all layers, sorted by name; of one name, those of the first layer.
    pub(super) fn properties(&self) -> Result<Vec<(&'a str, &'a Value, String)>, NormaliseError> {
        let mut all: Vec<(&str, &Value, String)> = Vec::new();
        for (layer, pointer) in &self.layers {
            let properties = match layer.get("properties") {
                None => continue,
                Some(Value::Object(properties)) => properties,
                Some(other) => {
                    return Err(NormaliseError::malformed(
                        format!("{pointer}/properties"),
                        "an object",
                        other,
                    ));
                }
            };
            for (name, schema) in properties {
                if all.iter().all(|(known, ..)| known != name) {
                    all.push((name, schema, format!("{pointer}/properties/{}", escape(name))));
                }
            }
        }
        all.sort_by_key(|(name, ..)| *name);
        Ok(all)
    }

    /// Whether some layer demands the property.
    pub(super) fn requires(&self, property: &str) -> bool {
        self.layers
            .iter()
            .filter_map(|(layer, _)| layer.get("required")?.as_array())
            .flatten()
            .any(|name| name == property)
    }

    /// Where the node is: the end of its references, since that is where a reader looks first.
    pub(super) fn pointer(&self) -> &str {
        self.layers.last().map_or("", |(_, pointer)| pointer)
    }
}

/// A name as a segment of a JSON pointer (RFC 6901).
pub(super) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

impl<'a> Walk<'a> {
    /// Follows the references of a node. Whoever calls it gives the result to [`Walk::leave`] when done.
    pub(super) fn enter(&mut self, schema: &'a Value, pointer: String) -> Result<Flat<'a>, NormaliseError> {
        let mark = self.following.len();
        let mut flat = Flat { layers: Vec::new(), recursion: None, nullable: false, any: false, mark };
        self.collect(schema, pointer, &mut flat)?;
        Ok(flat)
    }

    /// Ends what [`Walk::enter`] began.
    pub(super) fn leave(&mut self, flat: &Flat<'a>) {
        self.following.truncate(flat.mark);
    }

    fn collect(
        &mut self,
        schema: &'a Value,
        pointer: String,
        flat: &mut Flat<'a>,
    ) -> Result<(), NormaliseError> {
        let layer = match schema {
            Value::Object(layer) => layer,
            Value::Bool(_) => {
                flat.any = true;
                return Ok(());
            }
            other => return Err(NormaliseError::malformed(pointer, "a schema", other)),
        };
        self.count(&pointer)?;
        flat.layers.push((layer, pointer.clone()));
        if let Some(reference) = layer.get("$ref") {
            self.follow(reference, &pointer, flat)?;
        }
        for keyword in ["allOf", "anyOf", "oneOf"] {
            let Some(Value::Array(branches)) = layer.get(keyword) else {
                continue;
            };
            let of_null = branches.iter().filter(|branch| is_null(branch)).count();
            let alternatives = keyword != "allOf";
            if alternatives && of_null > 0 {
                flat.nullable = true;
            }
            // All of `allOf` holds at once; of alternatives only one that stands alone beside null.
            let merged = if alternatives {
                of_null > 0 && branches.len() == of_null + 1
            } else {
                !speaks_of_values(branches)
            };
            if !merged {
                continue;
            }
            for (index, branch) in branches.iter().enumerate().filter(|(_, branch)| !is_null(branch)) {
                self.collect(branch, format!("{pointer}/{keyword}/{index}"), flat)?;
            }
        }
        Ok(())
    }

    fn follow(
        &mut self,
        reference: &'a Value,
        pointer: &str,
        flat: &mut Flat<'a>,
    ) -> Result<(), NormaliseError> {
        let Value::String(reference) = reference else {
            return Err(NormaliseError::malformed(format!("{pointer}/$ref"), "a string", reference));
        };
        let target =
            reference.strip_prefix('#').and_then(|target| Some((target, self.document.pointer(target)?)));
        let Some((target, schema)) = target else {
            return Err(NormaliseError::UnresolvedReference {
                pointer: pointer.to_owned(),
                reference: reference.clone(),
            });
        };
        if self.following.contains(&reference.as_str()) {
            let object =
                schema.get("type").map_or(schema.get("properties").is_some(), |name| name == "object");
            flat.recursion = Some(if object { Recursion::Object } else { Recursion::Other });
            return Ok(());
        }
        self.following.push(reference);
        self.collect(schema, target.to_owned(), flat)
    }
}

/// A branch that stands for null, as `schemars` writes `Option`.
fn is_null(branch: &Value) -> bool {
    branch.get("type").is_some_and(|name| name == "null")
        || branch
            .get("enum")
            .and_then(Value::as_array)
            .is_some_and(|values| values.as_slice() == [Value::Null])
        || branch.get("const").is_some_and(Value::is_null)
}

/// Whether all branches only limit values: such an `allOf` is kept as it is instead of being merged.
fn speaks_of_values(branches: &[Value]) -> bool {
    branches.len() > 1 && branches.iter().all(super::walk::is_value_only)
}
