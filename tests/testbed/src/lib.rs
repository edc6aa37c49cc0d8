//! Embedded Kubernetes control planes for tests: in process, in memory, in milliseconds.

pub mod control_plane;
mod request_counts;

pub use control_plane::{ControlPlane, RequestCounts, RequestKey};
