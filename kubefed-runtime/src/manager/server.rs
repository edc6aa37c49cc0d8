//! `/healthz`, `/readyz` and `/metrics`.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{ManagerError, ManagerOptions};
use crate::metrics::Metrics;

/// An address to listen on, as Go programs write it: `:8080` means port 8080 of all interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(SocketAddr);

/// A text that is no address.
#[derive(Clone, Debug, Error)]
#[error("`{0}` is no address; write IP:PORT, or :PORT for all interfaces")]
pub struct InvalidAddress(String);

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidAddress(text.to_owned());
        match text.strip_prefix(':') {
            Some(port) => {
                let port = port.parse().map_err(|_| invalid())?;
                Ok(Self(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)))
            }
            None => text.parse().map(Self).map_err(|_| invalid()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What `/readyz` answers from.
#[derive(Clone, Debug, Default)]
pub(super) struct Readiness {
    ready: Arc<AtomicBool>,
}

impl Readiness {
    /// The configuration is valid: this controller leads, or stands by for the one that does.
    pub(super) fn set(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }
}

/// Serves until `ended`. Both addresses are bound when this returns.
pub(super) async fn serve(
    options: &ManagerOptions,
    metrics: &Metrics,
    readiness: &Readiness,
    ended: &CancellationToken,
) -> Result<(), ManagerError> {
    if let Some(address) = options.healthz {
        let readiness = readiness.clone();
        let router = Router::new().route("/healthz", get(|| async { "OK" })).route(
            "/readyz",
            get(move || async move {
                if readiness.ready.load(Ordering::Relaxed) {
                    (StatusCode::OK, "ok")
                } else {
                    (StatusCode::SERVICE_UNAVAILABLE, "starting")
                }
            }),
        );
        listen(address, "health checks", router, ended).await?;
    }
    if let Some(address) = options.metrics {
        let metrics = metrics.clone();
        let router = Router::new().route("/metrics", get(move || async move { encode(&metrics) }));
        listen(address, "metrics", router, ended).await?;
    }
    Ok(())
}

fn encode(metrics: &Metrics) -> impl IntoResponse + use<> {
    match metrics.text() {
        Ok(text) => {
            let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            (StatusCode::OK, [(header::CONTENT_TYPE, content_type)], text)
        }
        Err(error) => {
            let text = format!("the metrics cannot be written: {error}");
            (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], text)
        }
    }
}

async fn listen(
    address: Address,
    what: &'static str,
    router: Router,
    ended: &CancellationToken,
) -> Result<(), ManagerError> {
    let listener = bind(address.0).await.map_err(|source| ManagerError::Listen { address, what, source })?;
    let ended = ended.clone();
    tokio::spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(ended.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::warn!(%error, what, "serving ended");
        }
    });
    Ok(())
}

/// All interfaces are those of IPv6 and IPv4, and those of IPv4 alone where the machine has no IPv6, as in Go.
async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(error) if address.ip() == Ipv6Addr::UNSPECIFIED && !is_taken(&error) => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
        }
        result => result,
    }
}

fn is_taken(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::AddrInUse | std::io::ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_go_reads_them() {
        assert_eq!(":8080".parse::<Address>().unwrap().to_string(), "[::]:8080");
        assert_eq!("127.0.0.1:0".parse::<Address>().unwrap().to_string(), "127.0.0.1:0");
        for bad in ["8080", ":http", "localhost:8080", ""] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
