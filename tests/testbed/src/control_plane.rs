//! What embedded and real control planes have in common: how a test or an example reaches one and counts what it
//! was asked to do.

use futures::future::BoxFuture;
use kube::Client;
use kube::config::Kubeconfig;

pub use crate::request_counts::{RequestCounts, RequestKey};

/// A running Kubernetes control plane.
///
/// The embedded one of this crate and the real ones of `kubefed-kubernetes` implement it, so that a test is written
/// once and runs on both.
pub trait ControlPlane: Send + Sync {
    /// The plane's name: also the name of the cluster, the user and the context in [`kubeconfig`](Self::kubeconfig).
    fn name(&self) -> &str;

    /// A client with administrator's rights.
    ///
    /// Embedded planes answer it in process, without a socket; real ones over HTTPS.
    fn client(&self) -> Client;

    /// The HTTPS endpoint, for example `https://127.0.0.1:41233`.
    fn endpoint(&self) -> String;

    /// The certificate authority of [`endpoint`](Self::endpoint), PEM.
    fn ca_pem(&self) -> String;

    /// A kubeconfig with one cluster, one user (a token) and one context, all named after the plane.
    fn kubeconfig(&self) -> Kubeconfig;

    /// Requests served since the start, as `apiserver_request_total` counts them. Long-running requests such as
    /// watches count when they end.
    fn request_counts(&self) -> BoxFuture<'_, RequestCounts>;
}
