//! What federated namespaces may and may not do to what is in them.

use anyhow::{Result, ensure};
use kubefed_e2e::{Federation, MEMBERS, Sent, Setup, placement, scenario, wait_until};
use serde_json::json;

/// A ConfigMap `x` in both members.
async fn converge(federation: &Federation) -> Result<()> {
    federation.begin().await?;
    let spec = json!({"template": {"data": {"a": "1"}}, "placement": placement(&MEMBERS)});
    federation.create("ConfigMap", "x", &spec).await?;
    federation.wait_propagated("ConfigMap", "x").await
}

/// Makes sure that `x` was never deleted anywhere, nor anything else of the test.
async fn require_untouched(federation: &Federation) -> Result<()> {
    for member in MEMBERS {
        federation.require_member(member, "ConfigMap", "x", &json!({"data": {"a": "1"}})).await?;
        let deleted = federation.wire(member).requests().verb("DELETE");
        ensure!(deleted.total() == 0, "{deleted}");
    }
    Ok(())
}

#[test]
fn a_federated_namespace_of_another_name_speaks_of_no_namespace_also_when_it_goes() -> Result<()> {
    scenario(async |federation| {
        converge(federation).await?;
        let namespace = &federation.namespace;
        let resource = &federation.descriptor("Namespace").federated;
        let objects = federation.host.objects(resource, Some(namespace));
        for (name, finalizers) in [("oops", json!([])), ("stuck", json!(["kubefed.io/sync-controller"]))] {
            let object = json!({
                "apiVersion": resource.api_version(),
                "kind": resource.kind,
                "metadata": {"name": name, "finalizers": finalizers},
                "spec": {"placement": placement(&[])},
            });
            objects.post(&object).await?.ok()?;
            objects.delete(name).await?.ok()?;
            wait_until("the end of the object", async || match objects.get(name).await {
                Ok(None) => Ok(()),
                Ok(Some(object)) => Err(object.to_string()),
                Err(error) => Err(error.to_string()),
            })
            .await?;
        }
        // It is placed anew, and says so only after what has become of the others was seen.
        federation.edit("ConfigMap", "x", &json!({"template": {"data": {"b": "2"}}})).await?;
        for member in MEMBERS {
            federation.wait_member(member, "ConfigMap", "x", &json!({"data": {"b": "2"}})).await?;
        }
        federation.wait_propagated("ConfigMap", "x").await?;
        require_untouched(federation).await
    })
}

#[test]
fn a_host_that_does_not_serve_federated_namespaces_is_no_reason_to_delete() -> Result<()> {
    scenario(async |federation| {
        converge(federation).await?;
        federation.stop().await?;
        let of_namespaces = |sent: &Sent| sent.resource == "federatednamespaces";
        federation.wire("host").refuse(
            of_namespaces,
            404,
            "the server could not find the requested resource",
        );
        federation.start(Setup::default()).await?;
        let unknown = json!([{"type": "Propagation", "status": "False", "reason": "ComputePlacementFailed"}]);
        federation.wait_status("ConfigMap", "x", &json!({"conditions": unknown})).await?;
        require_untouched(federation).await?;

        federation.wire("host").accept();
        federation.wait_propagated("ConfigMap", "x").await?;
        require_untouched(federation).await
    })
}
