//! Reads the documents of a running API server.

use std::collections::BTreeMap;

use http::Request;
use kube::Client;
use serde::{Deserialize, de::DeserializeOwned};

use super::{Served, Versions};
use crate::Error;

/// The index at `/openapi/v3`.
#[derive(Deserialize)]
struct Root {
    paths: BTreeMap<String, Link>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    #[serde(rename = "serverRelativeURL")]
    server_relative_url: String,
}

/// Reads what [`pin`](super::pin) needs from the server behind the client. `progress` is told the path of each
/// document before it is read, with its number and their count.
///
/// # Errors
///
/// The server does not answer, refuses, or answers something else.
pub async fn fetch(
    client: &Client,
    versions: Versions,
    mut progress: impl FnMut(usize, usize, &str),
) -> Result<Served, Error> {
    let server = get(client, "/version").await?;
    let root: Root = get(client, "/openapi/v3").await?;
    let wanted: Vec<(String, Link)> =
        root.paths.into_iter().filter(|(path, _)| versions.include(path)).collect();
    let count = wanted.len();
    let mut documents = BTreeMap::new();
    for (index, (path, link)) in wanted.into_iter().enumerate() {
        progress(index + 1, count, &path);
        let document = get(client, &link.server_relative_url).await?;
        documents.insert(path, document);
    }
    Ok(Served { server, documents })
}

async fn get<T: DeserializeOwned>(client: &Client, url: &str) -> Result<T, Error> {
    let failed = |message: String| Error::Server { what: format!("GET {url}"), message };
    let request = Request::get(url).body(Vec::new()).map_err(|error| failed(error.to_string()))?;
    client.request(request).await.map_err(|error| failed(error.to_string()))
}
