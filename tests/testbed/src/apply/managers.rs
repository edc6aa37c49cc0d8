//! The list of managers in `metadata.managedFields`: decoded, changed, and encoded again as the server does.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::field_set::FieldSet;

/// How many entries of operation Update an object keeps; the oldest beyond that are thrown together.
const MOST_UPDATERS: usize = 10;
/// The manager of what was thrown together.
const ANCIENT: &str = "ancient-changes";

/// How a manager came to own its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    Apply,
    Update,
}

impl Operation {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// What tells two entries apart. An applier is the same in every version, an updater is not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ManagerId {
    pub(crate) manager: String,
    pub(crate) operation: Operation,
    /// Empty for appliers.
    version: String,
    pub(crate) subresource: String,
}

impl ManagerId {
    /// The identity of a request's manager; a request without one counts as `unknown`.
    pub(crate) fn new(
        manager: &str,
        operation: Operation,
        api_version: &str,
        subresource: Option<&str>,
    ) -> Self {
        Self {
            manager: if manager.is_empty() { "unknown" } else { manager }.to_owned(),
            operation,
            version: if operation == Operation::Apply { "" } else { api_version }.to_owned(),
            subresource: subresource.unwrap_or_default().to_owned(),
        }
    }
}

/// What one manager owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) fields: FieldSet,
    /// The version in which the fields are named.
    pub(crate) api_version: String,
    /// When the manager last changed something; absent where its writes never did.
    pub(crate) time: Option<String>,
}

/// All managers of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Managers(pub(crate) BTreeMap<ManagerId, Owned>);

impl Managers {
    /// Decodes `metadata.managedFields`; `None` where one of its entries is malformed.
    pub(crate) fn decode(entries: &[Value]) -> Option<Self> {
        let mut managers = BTreeMap::new();
        for entry in entries {
            let text = |key: &str| entry.get(key).and_then(Value::as_str);
            let operation = match text("operation")? {
                "Apply" => Operation::Apply,
                "Update" => Operation::Update,
                _ => return None,
            };
            let api_version = text("apiVersion").filter(|version| !version.is_empty())?;
            text("fieldsType").filter(|kind| *kind == "FieldsV1")?;
            let fields = match entry.get("fieldsV1") {
                Some(fields) => FieldSet::from_fields_v1(fields).ok()?,
                None => FieldSet::default(),
            };
            let id = ManagerId {
                manager: text("manager").unwrap_or_default().to_owned(),
                ..ManagerId::new("", operation, api_version, text("subresource"))
            };
            let owned =
                Owned { fields, api_version: api_version.to_owned(), time: text("time").map(str::to_owned) };
            managers.insert(id, owned);
        }
        Some(Self(managers))
    }

    /// The managers of an object; none where it has no entries, or malformed ones.
    pub(crate) fn of(object: &Value) -> Self {
        entries_of(object).and_then(|entries| Self::decode(entries)).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes the entries to an object, in the server's order; without entries the field is absent.
    pub(crate) fn write_to(&self, object: &mut Value) {
        let mut order: Vec<_> = self.0.iter().collect();
        order.sort_by(|(a_id, a), (b_id, b)| {
            let key = |id: &ManagerId, owned: &Owned| (id.operation, seconds(owned.time.as_deref()));
            let names = (&a_id.manager, &a.api_version, &a_id.subresource);
            key(a_id, a).cmp(&key(b_id, b)).then(names.cmp(&(
                &b_id.manager,
                &b.api_version,
                &b_id.subresource,
            )))
        });
        let entries: Vec<_> = order.into_iter().map(|(id, owned)| encode(id, owned)).collect();
        let Some(root) = object.as_object_mut() else {
            return;
        };
        let metadata = root.entry("metadata").or_insert_with(|| json!({}));
        if !metadata.is_object() {
            *metadata = json!({});
        }
        if let Some(metadata) = metadata.as_object_mut() {
            if entries.is_empty() {
                metadata.remove("managedFields");
            } else {
                metadata.insert("managedFields".to_owned(), Value::Array(entries));
            }
        }
    }

    /// Keeps the number of updaters within bounds: the oldest ones of a version become one entry.
    pub(crate) fn cap_updaters(&mut self) {
        let mut updaters: Vec<_> = self
            .0
            .iter()
            .filter(|(id, _)| id.operation == Operation::Update)
            .map(|(id, _)| id.clone())
            .collect();
        let mut count = updaters.len();
        if count <= MOST_UPDATERS {
            return;
        }
        updaters
            .sort_by_key(|id| (self.0.get(id).map_or(0, |owned| seconds(owned.time.as_deref())), id.clone()));
        let mut first_of_version: BTreeMap<String, ManagerId> = BTreeMap::new();
        for id in updaters {
            if count <= MOST_UPDATERS {
                break;
            }
            let bucket = ManagerId::new(ANCIENT, Operation::Update, &id.version, None);
            let Some(first) = first_of_version.get(&id.version) else {
                first_of_version.insert(id.version.clone(), id);
                continue;
            };
            if !self.0.contains_key(&bucket)
                && let Some(owned) = self.0.remove(first)
            {
                self.0.insert(bucket.clone(), owned);
            }
            if let Some(owned) = self.0.remove(&id)
                && let Some(into) = self.0.get_mut(&bucket)
            {
                into.fields.extend(owned.fields);
                into.time = owned.time;
                count -= 1;
            }
        }
    }
}

/// The raw entries of an object, `None` where there are none.
pub(crate) fn entries_of(object: &Value) -> Option<&Vec<Value>> {
    object.get("metadata")?.get("managedFields")?.as_array()
}

/// Takes the entries off an object.
pub(crate) fn strip(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

fn encode(id: &ManagerId, owned: &Owned) -> Value {
    let mut entry = Map::new();
    let mut put = |key: &str, value: Value| entry.insert(key.to_owned(), value);
    if !id.manager.is_empty() {
        put("manager", Value::from(id.manager.as_str()));
    }
    put("operation", Value::from(id.operation.as_str()));
    put("apiVersion", Value::from(owned.api_version.as_str()));
    if let Some(time) = &owned.time {
        put("time", Value::from(time.as_str()));
    }
    put("fieldsType", Value::from("FieldsV1"));
    put("fieldsV1", owned.fields.to_fields_v1());
    if !id.subresource.is_empty() {
        put("subresource", Value::from(id.subresource.as_str()));
    }
    Value::Object(entry)
}

/// Seconds since the epoch; an absent or unreadable time counts as the epoch.
fn seconds(time: Option<&str>) -> i64 {
    time.and_then(|time| time.parse::<jiff::Timestamp>().ok()).map_or(0, jiff::Timestamp::as_second)
}
