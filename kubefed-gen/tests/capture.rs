//! Reading documents from an API server, here a service that answers from a table.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking, their helpers too")]
#![cfg(feature = "capture")]

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http::{Request, Response, StatusCode};
use kube::{Client, client::Body};
use kubefed_gen::capture::{Versions, fetch, pin};
use serde_json::{Value, json};
use tower::service_fn;

/// A client of a server that answers just these, and the paths that it was asked for.
fn server(answers: BTreeMap<&'static str, Value>) -> (Client, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&asked);
    let service = service_fn(move |request: Request<Body>| {
        let url = request.uri().to_string();
        record.lock().unwrap().push(url.clone());
        let (status, body) = match answers.get(url.as_str()) {
            Some(body) => (StatusCode::OK, body.clone()),
            None => (
                StatusCode::FORBIDDEN,
                json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "message": format!("{url} is forbidden"), "reason": "Forbidden", "code": 403}),
            ),
        };
        let response =
            Response::builder().status(status).body(Body::from(body.to_string().into_bytes())).unwrap();
        async move { Ok::<_, Infallible>(response) }
    });
    (Client::new(service, "default"), asked)
}

fn index() -> Value {
    let link = |path: &str| json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash=A")});
    json!({"paths": {
        "api": link("api"), "api/v1": link("api/v1"), "apis/apps/v1": link("apis/apps/v1"),
        "apis/apps/v1beta1": link("apis/apps/v1beta1"), "version": link("version")}})
}

fn version() -> Value {
    json!({"major": "1", "minor": "36", "gitVersion": "v1.36.3", "platform": "linux/amd64"})
}

#[tokio::test]
async fn stable_group_versions_are_fetched_by_the_urls_of_the_index() {
    let document = json!({"openapi": "3.0.0"});
    let (client, asked) = server(BTreeMap::from([
        ("/version", version()),
        ("/openapi/v3", index()),
        ("/openapi/v3/api/v1?hash=A", document.clone()),
        ("/openapi/v3/apis/apps/v1?hash=A", document),
    ]));
    let mut progress = Vec::new();
    let served = fetch(&client, Versions::Stable, |number, count, path| {
        progress.push(format!("{number}/{count} {path}"));
    })
    .await
    .unwrap();
    assert_eq!(progress, ["1/2 api/v1", "2/2 apis/apps/v1"]);
    assert_eq!(asked.lock().unwrap().len(), 4);
    let files = pin(&served, Versions::Stable);
    assert_eq!(files.keys().collect::<Vec<_>>(), ["api__v1.json", "apis__apps__v1.json", "index.json"]);
    assert!(files["index.json"].contains("v1.36.3"));
}

#[tokio::test]
async fn a_document_that_is_refused_is_named() {
    let (client, _) = server(BTreeMap::from([("/version", version()), ("/openapi/v3", index())]));
    let error = fetch(&client, Versions::Stable, |_, _, _| ()).await.unwrap_err().to_string();
    assert!(error.starts_with("GET /openapi/v3/api/v1?hash=A: ") && error.contains("forbidden"), "{error}");
}
