//! Real Kubernetes control planes for tests: unmodified `etcd`, `kube-apiserver` and `kube-controller-manager`, on
//! loopback, without containers.
//!
//! ```no_run
//! use kubefed_kubernetes::{ControlPlane, ControlPlanes};
//!
//! # async fn example() -> Result<(), kubefed_kubernetes::Error> {
//! let planes = ControlPlanes::start(&["host", "member1", "member2"]).await?;
//! let host = planes.plane("host")?;
//! let version = host.client().apiserver_version().await?;
//! assert_eq!(version.git_version, kubefed_kubernetes::kubernetes_version()?);
//! # Ok(())
//! # }
//! ```
//!
//! The programs come from the folder of `KUBEBUILDER_ASSETS`, or are built once; see [`Assets::locate`]. Everything
//! ends with the process that started it, also when that is killed. Unix only. Not for tokio's paused clock: the
//! servers live in real time.

mod assets;
mod credentials;
mod error;
mod flags;
mod go_build;
mod plane;
mod port;
mod process;
mod ready;
mod store;

use std::path::Path;
use std::sync::Arc;

use futures::future::try_join_all;

pub use crate::assets::{Assets, Program, kubernetes_version};
pub use crate::error::Error;
pub use crate::plane::Plane;
pub use kubefed_testbed::{ControlPlane, RequestCounts, RequestKey};

use crate::ready::Deadline;
use crate::store::Store;

/// How control planes are started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Runs a `kube-controller-manager` beside each API server. Without it namespaces are never cleaned up, owners'
    /// dependents never collected and Deployments never rolled out; a plane starts a few seconds earlier. Default:
    /// true.
    pub controllers: bool,
    /// Logs the metadata of every request; see [`Plane::audit_log`]. Dear at load. Default: false.
    pub audit: bool,
    /// Further flags of every API server, for example `--feature-gates=…`. Default: none.
    pub api_server_flags: Vec<String>,
    /// Leaves the folder with all logs and etcd's data behind. Default: false.
    pub keep_folder: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { controllers: true, audit: false, api_server_flags: Vec::new(), keep_folder: false }
    }
}

/// A set of running control planes that share one etcd, each below a prefix of its own.
///
/// Dropping the set and all handles on its planes kills the servers and removes their folder.
#[derive(Debug)]
pub struct ControlPlanes {
    assets: Assets,
    options: Options,
    planes: Vec<Arc<Plane>>,
    store: Arc<Store>,
}

impl ControlPlanes {
    /// Starts one control plane per name, with [`Options::default`].
    ///
    /// # Errors
    /// See [`start_with`](Self::start_with).
    pub async fn start(names: &[&str]) -> Result<Self, Error> {
        Self::start_with(names, Options::default()).await
    }

    /// Starts one control plane per name, all at the same time, and waits until each serves requests, has its
    /// `default` namespace and, with controllers, that namespace's service account. Without names only etcd runs.
    ///
    /// # Errors
    /// Where a name is not a DNS label or is there twice, where the programs cannot be found or built
    /// ([`Assets::locate`]), and where a server ends or is not ready within 120 seconds, with the end of its log.
    pub async fn start_with(names: &[&str], options: Options) -> Result<Self, Error> {
        for (index, name) in names.iter().enumerate() {
            check_name(name, &names[..index])?;
        }
        let located = tokio::task::spawn_blocking(Assets::locate).await;
        let assets = located.map_err(|error| Error::io("wait for", "go")(error.into()))??;
        let deadline = Deadline::from_now();
        let store = Arc::new(Store::start(&assets, options.keep_folder, deadline).await?);
        let starts = names.iter().map(|name| Plane::start(name, &assets, &store, &options, deadline));
        let planes = try_join_all(starts).await?.into_iter().map(Arc::new).collect();
        Ok(Self { assets, options, planes, store })
    }

    /// Starts a further control plane beside those that run.
    ///
    /// # Errors
    /// As [`start_with`](Self::start_with).
    pub async fn add(&mut self, name: &str) -> Result<Arc<Plane>, Error> {
        let names: Vec<&str> = self.planes.iter().map(|plane| plane.name()).collect();
        check_name(name, &names)?;
        let deadline = Deadline::from_now();
        let plane = Plane::start(name, &self.assets, &self.store, &self.options, deadline).await?;
        let plane = Arc::new(plane);
        self.planes.push(Arc::clone(&plane));
        Ok(plane)
    }

    /// The planes, in the order in which they were named.
    #[must_use]
    pub fn planes(&self) -> &[Arc<Plane>] {
        &self.planes
    }

    /// The plane of this name.
    ///
    /// # Errors
    /// [`Error::Name`] if there is none.
    pub fn plane(&self, name: &str) -> Result<&Arc<Plane>, Error> {
        let found = self.planes.iter().find(|plane| plane.name() == name);
        found.ok_or_else(|| Error::Name { name: name.to_owned(), problem: "no such plane was started" })
    }

    /// The programs in use.
    #[must_use]
    pub fn assets(&self) -> &Assets {
        &self.assets
    }

    /// The folder of all logs, certificates and data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.store.folder().path()
    }

    /// The URL of etcd, for example `http://127.0.0.1:40001`. Objects of plane `NAME` are below the key `/NAME`.
    #[must_use]
    pub fn etcd_endpoint(&self) -> &str {
        self.store.endpoint()
    }

    /// The log file of etcd.
    #[must_use]
    pub fn etcd_log(&self) -> &Path {
        self.store.log()
    }

    /// The process ids of the servers that run: etcd's first.
    #[must_use]
    pub fn process_ids(&self) -> Vec<u32> {
        let planes = self.planes.iter().flat_map(|plane| plane.process_ids());
        self.store.process_id().into_iter().chain(planes).collect()
    }
}

/// A plane's name becomes a file name, a prefix in etcd and a context of a kubeconfig.
fn check_name(name: &str, taken: &[&str]) -> Result<(), Error> {
    let refuse = |problem| Err(Error::Name { name: name.to_owned(), problem });
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    if bytes.is_empty() || bytes.len() > 63 {
        return refuse("it has to have 1 to 63 characters");
    }
    if !plain(bytes[0]) || !plain(bytes[bytes.len() - 1]) || !bytes.iter().all(|b| plain(*b) || *b == b'-') {
        return refuse("only lower-case letters, digits and, between them, hyphens are allowed");
    }
    if taken.contains(&name) {
        return refuse("another plane has it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels_and_unique() {
        for name in ["host", "member-1", "1", &"a".repeat(63)] {
            assert!(check_name(name, &["other"]).is_ok(), "{name}");
        }
        for name in ["", "Host", "a_b", "../x", "-a", "a-", "a.b", "other", &"a".repeat(64)] {
            assert!(check_name(name, &["other"]).is_err(), "{name}");
        }
    }
}
