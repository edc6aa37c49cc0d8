//! Defaults of Kubernetes' own kinds. On the real server they live in Go code; here in one table, `defaults.json`.
//!
//! A rule is a path and what to do there. The path's last field is set where it is absent and its parent is there;
//! `[]` goes through the elements of a list. A value `&name` applies a block of rules to what stands at the path,
//! `=name` calls a function of [`computed`](super::computed) with it, for defaults that depend on something.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::computed;
use crate::registry::ResourceKind;

const TABLE: &str = include_str!("defaults.json");

/// One step of a path.
#[derive(Debug)]
enum Step {
    Field(String),
    Elements,
}

#[derive(Debug)]
enum Action {
    /// Sets the last field of the path.
    Set(Value),
    /// Applies a block to what stands at the path.
    Block(String),
    /// Calls a function with what stands at the path.
    Compute(computed::Function),
}

#[derive(Debug)]
struct Rule {
    steps: Vec<Step>,
    action: Action,
}

#[derive(Debug, Default)]
struct Table {
    blocks: BTreeMap<String, Vec<Rule>>,
    kinds: BTreeMap<String, Vec<Rule>>,
}

static DEFAULTS: LazyLock<Table> = LazyLock::new(|| {
    // The table is part of the crate; a test reads it.
    let table: Value = serde_json::from_str(TABLE).unwrap_or_default();
    Table { blocks: read_rules(&table["blocks"]), kinds: read_rules(&table["kinds"]) }
});

fn read_rules(blocks: &Value) -> BTreeMap<String, Vec<Rule>> {
    let blocks = blocks.as_object().into_iter().flatten();
    blocks
        .map(|(name, rules)| {
            let rules = rules.as_array().into_iter().flatten();
            (name.clone(), rules.filter_map(|rule| read_rule(rule[0].as_str()?, &rule[1])).collect())
        })
        .collect()
}

fn read_rule(path: &str, value: &Value) -> Option<Rule> {
    let mut steps = Vec::new();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let (field, elements) = part.strip_suffix("[]").map_or((part, false), |field| (field, true));
        steps.push(Step::Field(field.to_owned()));
        if elements {
            steps.push(Step::Elements);
        }
    }
    let text = value.as_str().unwrap_or_default();
    let action = if let Some(block) = text.strip_prefix('&') {
        Action::Block(block.to_owned())
    } else if let Some(name) = text.strip_prefix('=') {
        Action::Compute(computed::function(name)?)
    } else {
        Action::Set(value.clone())
    };
    Some(Rule { steps, action })
}

/// Fills in the defaults of a built-in kind.
pub(crate) fn fill_defaults(kind: &ResourceKind, object: &mut Value) {
    let name = match kind.group.as_str() {
        "" => kind.kind.clone(),
        group => format!("{group}/{}", kind.kind),
    };
    for rule in DEFAULTS.kinds.get(&name).into_iter().flatten() {
        apply(&rule.steps, &rule.action, object);
    }
}

fn apply(steps: &[Step], action: &Action, value: &mut Value) {
    match (steps, action) {
        ([], Action::Set(_)) => {}
        ([], Action::Block(name)) => {
            for rule in DEFAULTS.blocks.get(name).into_iter().flatten() {
                apply(&rule.steps, &rule.action, value);
            }
        }
        ([], Action::Compute(function)) => {
            if let Value::Object(map) = value {
                function(map);
            }
        }
        ([Step::Field(last)], Action::Set(default)) => {
            if let Value::Object(map) = value {
                map.entry(last.as_str()).or_insert_with(|| default.clone());
            }
        }
        ([Step::Field(field), rest @ ..], action) => {
            if let Some(child) = value.get_mut(field) {
                apply(rest, action, child);
            }
        }
        ([Step::Elements, rest @ ..], action) => {
            for element in value.as_array_mut().into_iter().flatten() {
                apply(rest, action, element);
            }
        }
    }
}

/// Sets a field where it is absent.
pub(super) fn set(map: &mut Map<String, Value>, field: &str, default: impl Into<Value>) {
    map.entry(field).or_insert_with(|| default.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_of_the_table_is_understood() {
        let table: Value = serde_json::from_str(TABLE).expect("JSON");
        for section in ["blocks", "kinds"] {
            for (name, rules) in table[section].as_object().expect("section") {
                for rule in rules.as_array().expect("rules") {
                    let path = rule[0].as_str().expect("path");
                    let read = read_rule(path, &rule[1]);
                    assert!(read.is_some(), "{name}: {rule}");
                    if let Some(Rule { action: Action::Block(block), .. }) = read {
                        assert!(DEFAULTS.blocks.contains_key(&block), "{name}: no block {block}");
                    }
                }
            }
        }
    }
}
