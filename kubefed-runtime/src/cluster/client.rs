//! Clients of clusters: HTTP/2, watches on connections of their own, keep-alive pings, no retries below us.

use std::{sync::Arc, time::Duration};

use hyper_rustls::FixedServerNameResolver;
use hyper_util::{
    client::legacy::connect::HttpConnector,
    rt::{TokioExecutor, TokioTimer},
};
use kube::{
    Client, Config,
    client::{Body, ConfigExt},
};
use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tower::ServiceBuilder;

/// kube-apiserver allows 100 streams on one connection, and hyper waits rather than opening another: a watch that waits
/// for a stream would wait for ever.
const WATCHES_PER_CONNECTION: usize = 60;
/// How often an idle connection is checked, and how long the answer may take.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// A client could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// kube could not make a TLS setup, an authentication layer or a proxy of the configuration.
    #[error("the configuration cannot be used: {0}")]
    Config(#[from] kube::Error),
    /// A part of the `KubeFedCluster` or its secret cannot be used.
    #[error("{field}: {problem}")]
    Field {
        /// Where the problem is.
        field: &'static str,
        /// What it is, and what to do.
        problem: String,
    },
}

/// The clients of one cluster: one for requests, and as many for watches as their number asks for.
#[derive(Clone)]
pub struct Clients {
    /// For everything but watches.
    pub requests: Client,
    watches: Arc<Watches>,
}

type Connect = dyn Fn() -> Result<Client, ClientError> + Send + Sync;

struct Watches {
    connect: Box<Connect>,
    /// The newest client and how many watches it has been given to.
    newest: Mutex<Option<(Client, usize)>>,
}

impl Clients {
    /// Clients that `connect` makes, each with connections of its own.
    ///
    /// # Errors
    ///
    /// What `connect` answers.
    pub fn new(
        connect: impl Fn() -> Result<Client, ClientError> + Send + Sync + 'static,
    ) -> Result<Self, ClientError> {
        let requests = connect()?;
        Ok(Self {
            requests,
            watches: Arc::new(Watches { connect: Box::new(connect), newest: Mutex::new(None) }),
        })
    }

    /// Clients of a cluster that `config` describes.
    ///
    /// # Errors
    ///
    /// If no client can be made of `config`.
    pub fn from_config(config: &Config) -> Result<Self, ClientError> {
        let config = config.clone();
        Self::new(move || connect(&config))
    }

    /// A client for one more watch.
    ///
    /// # Errors
    ///
    /// If another connection is needed and no client can be made for it.
    pub fn watch_client(&self) -> Result<Client, ClientError> {
        let mut newest = self.watches.newest.lock();
        match &mut *newest {
            Some((client, watches)) if *watches < WATCHES_PER_CONNECTION => {
                *watches += 1;
                Ok(client.clone())
            }
            _ => {
                let client = (self.watches.connect)()?;
                *newest = Some((client.clone(), 1));
                Ok(client)
            }
        }
    }
}

/// A client on connections of its own. HTTP/2 wherever the server speaks it.
///
/// # Errors
///
/// If no client can be made of `config`.
pub fn connect(config: &Config) -> Result<Client, ClientError> {
    if config.proxy_url.is_some() {
        // kube's own stack knows how to speak through proxies; it speaks HTTP/1.1 only.
        let mut config = config.clone();
        config.default_retry = false;
        return Ok(Client::try_from(config)?);
    }
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(config.connect_timeout);
    let mut https = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(config.rustls_client_config()?)
        .https_or_http();
    if let Some(name) = &config.tls_server_name {
        let name = ServerName::try_from(name.clone()).map_err(|error| ClientError::Field {
            field: "tls-server-name",
            problem: format!("`{name}` is no server name ({error})"),
        })?;
        https = https.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let https = https.enable_all_versions().wrap_connector(connector);
    let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .http2_keep_alive_while_idle(true)
        .build::<_, Body>(https);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(tower::BoxError::from)
        .service(client);
    Ok(Client::new(service, config.default_namespace.clone()))
}
