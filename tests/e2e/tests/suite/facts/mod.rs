//! Facts about the control plane that everything else relies on: what server-side apply and its neighbours do, asked
//! directly and without a controller. They hold on real API servers, and keep the embedded ones true.

mod ownership;
mod protocol;
mod refusals;

use anyhow::{Context, Result, ensure};
use kubefed_e2e::{FIRST, Federation, Objects, scenario_apart};
use serde_json::{Value, json};

/// Our field manager.
const US: &str = "kubefed";

/// Runs a test in a namespace of the first member.
fn fact(test: impl AsyncFnOnce(&Plane<'_>) -> Result<()>) -> Result<()> {
    scenario_apart(async |federation| {
        federation.create_member_namespace(FIRST, &federation.namespace).await?;
        test(&Plane { federation }).await
    })
}

/// The control plane that is asked.
struct Plane<'a> {
    federation: &'a Federation,
}

impl Plane<'_> {
    /// Objects of a kind in the name of a field manager.
    fn objects(&self, kind: &str, manager: &str) -> Objects {
        self.federation.targets(FIRST, kind).by(manager)
    }

    fn config_maps(&self, manager: &str) -> Objects {
        self.objects("ConfigMap", manager)
    }
}

fn config_map(data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": data})
}

fn deployment(spec: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "x"},
        "spec": {
            "selector": {"matchLabels": {"app": "x"}},
            "template": {
                "metadata": {"labels": {"app": "x"}},
                "spec": {"containers": [{"name": "web", "image": "registry.example.com/web:1.0"}]},
            },
        },
    });
    for (key, value) in spec.as_object().into_iter().flatten() {
        object["spec"][key] = value.clone();
    }
    object
}

/// The entry of a manager in an object's managed fields; null if there is none.
fn entry(object: &Value, manager: &str, operation: &str, subresource: Option<&str>) -> Value {
    let entries = object["metadata"]["managedFields"].as_array();
    let wanted = |entry: &&Value| {
        entry["manager"] == manager
            && entry["operation"] == operation
            && entry["subresource"].as_str() == subresource
    };
    entries.into_iter().flatten().find(wanted).cloned().unwrap_or_default()
}

/// Our own entry.
fn ours(object: &Value) -> Value {
    entry(object, US, "Apply", None)
}

/// Whether an entry has a field, for example `/f:data/f:a`.
fn owns(entry: &Value, path: &str) -> bool {
    entry["fieldsV1"].pointer(path).is_some()
}

fn version(object: &Value) -> Result<&str> {
    object["metadata"]["resourceVersion"].as_str().context("an object without a resource version")
}

/// Takes all managed fields off an object, as a client can.
async fn forget_managers(objects: &Objects) -> Result<Value> {
    let mut object = objects.get("x").await?.context("the object")?;
    object["metadata"]["managedFields"] = json!([{}]);
    let object = objects.put("x", &object).await?.ok()?;
    ensure!(object["metadata"]["managedFields"].is_null(), "{object}");
    Ok(object)
}
