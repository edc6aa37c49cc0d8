//! Waiting for servers.

use std::time::Duration;

use http::Request;
use kube::{Client, Config};
use tokio::time::{Instant, sleep, timeout};

use crate::error::Error;
use crate::process::Server;

/// How long a whole set of control planes may take to get ready. On an idle machine it takes some ten seconds.
const LIMIT: Duration = Duration::from_secs(120);
/// How long one probe may take.
const PROBE_LIMIT: Duration = Duration::from_secs(5);
/// How long to wait between two probes.
const PAUSE: Duration = Duration::from_millis(100);

/// When patience ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    pub(crate) fn from_now() -> Self {
        Self(Instant::now() + LIMIT)
    }

    fn has_passed(self) -> bool {
        Instant::now() >= self.0
    }
}

/// A client that answers at once: no retries behind the back of whoever probes.
pub(crate) fn probing_client(mut config: Config) -> Result<Client, Error> {
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

/// Waits until a GET of `path` succeeds, or `server` ends, or time is up.
pub(crate) async fn wait_for(
    server: &Server,
    client: &Client,
    path: &str,
    deadline: Deadline,
) -> Result<(), Error> {
    loop {
        let Err(answer) = get(client, path).await else {
            return Ok(());
        };
        let (server_name, log) = (server.title().to_owned(), server.log().to_owned());
        if let Some(status) = server.ended() {
            return Err(Error::Ended { server: server_name, status, log, tail: server.log_tail() });
        }
        if deadline.has_passed() {
            let tail = server.log_tail();
            return Err(Error::NotReady { server: server_name, limit: LIMIT, answer, log, tail });
        }
        sleep(PAUSE).await;
    }
}

async fn get(client: &Client, path: &str) -> Result<(), String> {
    let request = Request::get(path).body(Vec::new()).map_err(|error| error.to_string())?;
    match timeout(PROBE_LIMIT, client.request_text(request)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(format!("GET {path}: {error}")),
        Err(_) => Err(format!("GET {path}: no answer within {PROBE_LIMIT:?}")),
    }
}
