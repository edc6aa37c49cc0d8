//! Embedded Kubernetes control planes for tests: in process, in memory, in milliseconds.
//!
//! [`EmbeddedControlPlane`] is an API server that behaves like kube-apiserver 1.36 where controllers, kube-rs and kubectl
//! look. Start one with [`EmbeddedControlPlane::in_process`] (no socket, works under tokio's paused clock) or with
//! [`EmbeddedControlPlane::start`] (also HTTPS on loopback). Real control planes implement the same trait,
//! [`ControlPlane`], so that a test runs on both.
//!
//! The layers, from the bottom: `store` (versioned objects, change log, watches), `schema` and `apply` (types and
//! server-side apply, as structured-merge-diff has them), `registry` and `builtin` (which kinds there are, and what Go
//! code says about them on a real server), `resources` (what requests do to objects), `controllers` (what happens by
//! itself), `authentication`, `http`.

mod apply;
mod authentication;
mod builtin;
mod clock;
pub mod control_plane;
mod controllers;
mod encode;
mod error;
mod faults;
mod http;
mod plane;
mod registry;
mod request_counts;
mod resources;
mod schema;
mod store;
mod structs;

pub use control_plane::{ControlPlane, RequestCounts, RequestKey};
pub use faults::RequestMatcher;
pub use http::{ApiService, ResponseBody};
pub use plane::{Builder, EmbeddedControlPlane, StartError};
