//! Which kinds are generated, with everything that the emitters need to know of each.

use std::collections::BTreeMap;

use kubefed_core::{
    api::{ApiResource, TypeDescriptor},
    schema::normalise::{has_integer_at, violations},
};
use serde_json::Value;

use crate::{
    Error, Errors,
    config::{Config, Selector},
    model::{KindModel, version_rank},
};

/// The selected kinds, sorted by group and kind.
#[derive(Clone, Debug)]
pub struct Plan {
    /// At least one.
    pub kinds: Vec<PlannedKind>,
}

/// One selected kind.
#[derive(Clone, Debug)]
pub struct PlannedKind {
    /// The target.
    pub model: KindModel,
    /// The federated kind.
    pub federated: ApiResource,
    /// Short names of the federated kind.
    pub short_names: Vec<String>,
    /// Where the target counts its replicas.
    pub replicas: Option<Vec<String>>,
    /// Structural schema of the template.
    pub template_schema: Value,
    /// Path of the target's Rust type.
    pub rust_type: String,
}

impl PlannedKind {
    /// What the engine will know of the type.
    #[must_use]
    pub fn descriptor(&self) -> TypeDescriptor {
        TypeDescriptor {
            target: self.model.target(),
            federated: self.federated.clone(),
            replicas: self.replicas.clone(),
            collects_status: false,
        }
    }
}

impl Plan {
    /// Selects from the kinds of the inputs what the configuration names.
    ///
    /// # Errors
    ///
    /// Names that fit no kind or several, schemas that cannot be used, federated kinds of one name.
    pub fn new(config: &Config, kinds: &[KindModel]) -> Result<Self, Errors> {
        let mut errors = Vec::new();
        let mut planned = BTreeMap::new();
        for selector in config.kinds() {
            match select(selector, kinds).and_then(|model| plan(config, selector, model)) {
                Ok(kind) => {
                    planned.insert((kind.model.group.clone(), kind.model.kind.clone()), kind);
                }
                Err(error) => errors.push(error),
            }
        }
        let mut federated = BTreeMap::<String, &PlannedKind>::new();
        for kind in planned.values() {
            let name = kind.federated.group_qualified();
            if let Some(first) = federated.insert(name.clone(), kind) {
                errors.push(Error::SameFederatedKind {
                    first: first.model.title(),
                    second: kind.model.title(),
                    federated: name,
                });
            }
        }
        Errors::unless_empty(errors)?;
        Ok(Self { kinds: planned.into_values().collect() })
    }
}

/// The one kind that the selector means, by kind, plural or short name, in any case: of several versions of one resource the preferred one.
///
/// # Errors
///
/// It means none, or several.
pub fn select<'a>(selector: &Selector, kinds: &'a [KindModel]) -> Result<&'a KindModel, Error> {
    let name = selector.kind.to_lowercase();
    let fits = |model: &&KindModel| {
        (model.kind.to_lowercase() == name || model.plural == name || model.short_names.contains(&name))
            && selector.group.as_ref().is_none_or(|group| *group == model.group)
            && selector.version.as_ref().is_none_or(|version| *version == model.version)
    };
    let mut preferred = BTreeMap::<&str, &KindModel>::new();
    for model in kinds.iter().filter(fits) {
        let best = preferred.entry(&model.group).or_insert(model);
        if version_rank(&model.version) > version_rank(&best.version) {
            *best = model;
        }
    }
    match preferred.into_values().collect::<Vec<_>>().as_slice() {
        [model] => Ok(model),
        [] => Err(Error::UnknownKind { name: selector.to_string(), nearest: nearest(selector, kinds) }),
        several => Err(Error::AmbiguousKind {
            name: selector.to_string(),
            candidates: several
                .iter()
                .map(|model| format!("{}.{} ({})", model.plural, model.group, model.target().api_version()))
                .collect(),
        }),
    }
}

fn nearest(selector: &Selector, kinds: &[KindModel]) -> Vec<String> {
    let wanted = selector.kind.to_lowercase();
    let names: Vec<String> = kinds.iter().map(|model| model.kind.to_lowercase()).collect();
    let candidates: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut found: Vec<String> = Vec::new();
    for near in similar::get_close_matches(wanted.as_str(), &candidates, 3, 0.6) {
        for model in kinds.iter().filter(|model| model.kind.to_lowercase() == near) {
            let name = model.title();
            if !found.contains(&name) {
                found.push(name);
            }
        }
    }
    found
}

fn plan(config: &Config, selector: &Selector, model: &KindModel) -> Result<PlannedKind, Error> {
    let file = || model.source.file.clone();
    let template_schema = model.template_schema(config.normalise()).map_err(|source| Error::Schema {
        file: file(),
        kind: model.title(),
        source,
    })?;
    if let Some(violation) = violations(&template_schema).into_iter().next() {
        return Err(Error::NotStructural { file: file(), kind: model.title(), violation });
    }
    let rust_type = model.rust_type().ok_or_else(|| Error::NoRustType {
        file: file(),
        kind: model.title(),
        definition: model.definition.clone(),
    })?;
    let names = config.federated();
    Ok(PlannedKind {
        federated: model.federated(&names.group, &names.version),
        short_names: selector
            .short_names
            .clone()
            .unwrap_or_else(|| model.short_names.iter().map(|name| format!("f{name}")).collect()),
        replicas: replicas(selector, model, &template_schema)?,
        template_schema,
        rust_type,
        model: model.clone(),
    })
}

/// KubeFed takes a type for scalable if `spec.replicas` is a 32-bit integer (spec 1.8).
fn replicas(selector: &Selector, model: &KindModel, template: &Value) -> Result<Option<Vec<String>>, Error> {
    let Some(path) = &selector.replicas else {
        let format = template.pointer("/properties/spec/properties/replicas/format").and_then(Value::as_str);
        let counts = has_integer_at(template, &["spec", "replicas"]) && format == Some("int32");
        return Ok(counts.then(|| vec!["spec".to_owned(), "replicas".to_owned()]));
    };
    let segments: Vec<&str> = path.split('.').collect();
    if has_integer_at(template, &segments) {
        return Ok(Some(segments.into_iter().map(str::to_owned).collect()));
    }
    Err(Error::ReplicasPath { kind: model.title(), path: path.clone(), file: model.source.file.clone() })
}
