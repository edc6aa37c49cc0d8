//! Requests that an unmodified kube-apiserver 1.36.3 answered, replayed: what it stored and said must come out here.
//!
//! `recorded.json` holds cases of one object each. A step has the request, the status code, the message of a refusal, and
//! the object afterwards where it changed. Objects of kinds with defaults (`defaulted`) are completed from the recording
//! before they are compared, since this module does not default; a `writeOnly` field is never stored. Steps were at least a second apart, so that every
//! write has a time of its own.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::schema::{Definitions, TypeSchema};

use super::super::{ApplyError, ApplyRequest, FieldSet, UpdateRequest, apply, keep_times, update};

const RECORDED: &str = include_str!("recorded.json");
const DOCUMENTS: [&str; 4] = [
    include_str!("../../../openapi/api__v1.json"),
    include_str!("../../../openapi/apis__apps__v1.json"),
    include_str!("../../../openapi/apis__batch__v1.json"),
    include_str!("../../../openapi/apis__rbac.authorization.k8s.io__v1.json"),
];
/// A time that no recording has: whoever wrongly stamps an entry shows it.
const NEVER: &str = "2099-01-01T00:00:00Z";

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn times(object: Option<&Value>) -> BTreeSet<String> {
    let entries =
        object.and_then(|object| object.pointer("/metadata/managedFields")).and_then(Value::as_array);
    entries.into_iter().flatten().filter_map(|entry| entry["time"].as_str()).map(str::to_owned).collect()
}

fn with_managed_fields(object: &Value, sent: Option<&Value>) -> Value {
    let mut object = object.clone();
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.remove("managedFields");
    if let Some(sent) = sent {
        metadata.insert("managedFields".to_owned(), sent.clone());
    }
    object
}

/// The server writes some absent lists as null, which no document tells.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|_, child| !child.is_null());
            object.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// Adds what defaulting added: what is absent here, present in the recording, and was not there before (or was, with
/// another value).
fn complete(mine: &mut Value, recorded: &Value, before: Option<&Value>) {
    match (mine, recorded) {
        (Value::Object(mine), Value::Object(recorded)) => {
            for (key, value) in recorded {
                let before = before.and_then(|before| before.get(key));
                match mine.get_mut(key) {
                    Some(mine) => complete(mine, value, before),
                    None if before != Some(value) => {
                        mine.insert(key.clone(), value.clone());
                    }
                    None => {}
                }
            }
        }
        (Value::Array(mine), Value::Array(recorded)) => {
            for (index, (mine, recorded)) in mine.iter_mut().zip(recorded).enumerate() {
                let same = |item: &Value, key| item.get(key).is_some() && item.get(key) == recorded.get(key);
                let named = |item: &&Value| same(item, "name") || same(item, "port");
                let items = before.and_then(Value::as_array);
                let before = items.and_then(|items| items.iter().find(named).or_else(|| items.get(index)));
                // An item that is new in its place gets its defaults, whatever was in that place.
                let before = before.filter(|before| before.get("port") == recorded.get("port"));
                complete(mine, recorded, before);
            }
        }
        _ => {}
    }
}

struct Replay<'a> {
    case: &'a Value,
    schema: TypeSchema,
    api_version: String,
    live: Option<Value>,
    wrong: Vec<String>,
}

impl Replay<'_> {
    fn expect(&mut self, step: usize, what: &str, mine: &Value, recorded: &Value) {
        if mine != recorded {
            let name = text(self.case, "name");
            self.wrong.push(format!("{name}, step {step}, {what}:\n   here {mine}\n server {recorded}"));
        }
    }

    fn step(&mut self, index: usize, step: &Value) {
        let after = match step.get("after") {
            Some(Value::Null) => None,
            Some(after) => Some(after.clone()),
            None => self.live.clone(),
        };
        let after = after.map(|mut after| {
            if self.case.get("schema").is_none() {
                without_nulls(&mut after);
            }
            after
        });
        let fresh = times(after.as_ref()).difference(&times(self.live.as_ref())).next().cloned();
        let now = fresh.unwrap_or_else(|| NEVER.to_owned());
        let names: Vec<&str> =
            step["ignored"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let ignored = FieldSet::of(&names);
        match (text(step, "op"), step["code"].as_u64().unwrap()) {
            // Refused by validation or because it is there, which is not decided here.
            (_, 422) => {}
            ("post", 409) => {}
            ("apply", _) => self.apply(index, step, after.as_ref(), &ignored, &now),
            _ => self.update(index, step, after.as_ref().unwrap(), &ignored, &now),
        }
        self.live = after;
    }

    fn apply(&mut self, index: usize, step: &Value, after: Option<&Value>, ignored: &FieldSet, now: &str) {
        let result = apply(&ApplyRequest {
            schema: &self.schema,
            live: self.live.as_ref(),
            applied: &step["body"],
            manager: text(step, "manager"),
            force: step["force"].as_bool().unwrap_or(false),
            subresource: step["subresource"].as_str(),
            api_version: &self.api_version,
            ignored,
            now,
        });
        let code = step["code"].as_u64().unwrap();
        match result {
            Ok(applied) => {
                let Some(after) = after.filter(|_| code < 300) else {
                    self.expect(index, "code", &json!(200), &step["code"]);
                    return;
                };
                let mut object = applied.object;
                if step["subresource"] == "status" {
                    // The strategy of /status takes nothing but these from the result.
                    let status = object.get("status").cloned();
                    let entries = object.pointer("/metadata/managedFields").cloned();
                    object = with_managed_fields(self.live.as_ref().unwrap(), entries.as_ref());
                    if let Some(status) = status {
                        object["status"] = status;
                    }
                } else if names_status(step) {
                    keep_status(&mut object, self.live.as_ref());
                }
                if let (Some(name), Some(object)) = (self.case["writeOnly"].as_str(), object.as_object_mut())
                {
                    object.remove(name);
                }
                if self.case["defaulted"] == true {
                    complete(&mut object, after, self.live.as_ref());
                }
                if let Some(live) = &self.live {
                    keep_times(live, &mut object);
                }
                self.expect(index, "object", &object, after);
                if let Some(wrote) = step.get("wrote") {
                    self.expect(index, "written", &json!(Some(&object) != self.live.as_ref()), wrote);
                    if self.case["defaulted"] != true && !names_status(step) {
                        self.expect(index, "changed", &json!(applied.changed), wrote);
                    }
                }
            }
            Err(error) => {
                let (mine, message) = (sorted_lines(&error.to_string()), sorted_lines(text(step, "message")));
                self.expect(index, "message", &json!(mine), &json!(message));
                let conflicts = match &error {
                    ApplyError::Conflict(conflicts) => conflicts.as_slice(),
                    ApplyError::Typed { .. } | ApplyError::TypedLive { .. } => &[],
                };
                let mine: BTreeSet<String> =
                    conflicts.iter().map(|one| format!("{} {}", one.field, one.message())).collect();
                let causes: BTreeSet<String> = step["causes"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|cause| format!("{} {}", text(cause, "field"), text(cause, "message")))
                    .collect();
                self.expect(index, "causes", &json!(mine), &json!(causes));
                self.expect(
                    index,
                    "code",
                    &json!(if conflicts.is_empty() { 500 } else { 409 }),
                    &json!(code),
                );
            }
        }
    }

    fn update(&mut self, index: usize, step: &Value, after: &Value, ignored: &FieldSet, now: &str) {
        let live_entries = self.live.as_ref().and_then(|live| live.pointer("/metadata/managedFields"));
        let sent = match step.get("sent") {
            None => live_entries,
            Some(Value::String(_)) => None,
            given => given,
        };
        let object = update(&UpdateRequest {
            schema: &self.schema,
            live: self.live.as_ref(),
            new: &with_managed_fields(after, sent),
            manager: text(step, "manager"),
            subresource: step["subresource"].as_str(),
            api_version: &self.api_version,
            ignored,
            now,
        });
        self.expect(index, "object", &object, after);
    }
}

fn names_status(step: &Value) -> bool {
    step["ignored"].as_array().is_some_and(|names| names.contains(&json!("status")))
}

/// The strategy of a main endpoint takes the status from the live object.
fn keep_status(object: &mut Value, live: Option<&Value>) {
    let Some(object) = object.as_object_mut() else {
        return;
    };
    match live.and_then(|live| live.get("status")) {
        Some(status) => {
            object.insert("status".to_owned(), status.clone());
        }
        None => {
            if object.get("status").and_then(Value::as_object).is_some_and(|status| !status.is_empty()) {
                object.insert("status".to_owned(), Value::Object(Map::new()));
            }
        }
    }
}

/// Of several faults in one map the server names them in any order.
fn sorted_lines(message: &str) -> Vec<String> {
    let mut lines: Vec<_> = message.lines().map(str::to_owned).collect();
    if message.contains(": errors:") {
        lines[1..].sort();
    }
    lines
}

fn definitions(schemas: &Map<String, Value>) -> Definitions {
    let mut definitions = Definitions::default();
    for document in DOCUMENTS {
        definitions.add_openapi(&serde_json::from_str(document).unwrap()).unwrap();
    }
    for (name, schema) in schemas {
        definitions.add_custom(name, "v1", "Recorded", Some(schema)).unwrap();
    }
    definitions
}

#[test]
fn every_recorded_answer_of_a_real_server_comes_out_the_same() {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let definitions = definitions(recorded["schemas"].as_object().unwrap());
    let mut wrong = Vec::new();
    let mut steps = 0;
    for case in recorded["cases"].as_array().unwrap() {
        let (group, version, kind) = (text(case, "group"), text(case, "version"), text(case, "kind"));
        let schema = match case["schema"].as_str() {
            Some(name) => definitions.kind(name, "v1", "Recorded").unwrap(),
            None => definitions.kind(group, version, kind).unwrap(),
        };
        let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        let live = case.get("before").filter(|before| !before.is_null()).cloned();
        let mut replay = Replay { case, schema, api_version, live, wrong: Vec::new() };
        for (index, step) in case["steps"].as_array().unwrap().iter().enumerate() {
            replay.step(index, step);
            steps += 1;
        }
        wrong.extend(replay.wrong);
    }
    assert!(wrong.is_empty(), "{} of {steps} steps differ:\n{}", wrong.len(), wrong.join("\n"));
}
