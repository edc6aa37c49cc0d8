//! What the end-to-end suite stands on. The suite itself is in `tests/suite`.
//!
//! It is written once and runs on two kinds of control planes, which `KUBEFED_TEST_PLANES` chooses: `embedded` (the
//! default) or `kubernetes`.
//!
//! * [`scenario`] runs one test: with control planes of its own where they are embedded, alone on the shared ones where
//!   they are real, and leaves nothing behind there.
//! * [`Federation`] is a host and two members that have joined, and the test's own [`Controller`].
//! * [`Wire`] is what lies between the controller and a control plane: it writes down every request of the controller,
//!   and has the switches for all faults. It is the same on both kinds.
//! * [`Kind`] is the table of the kinds that the suite federates.

mod cluster;
mod connector;
mod controller;
mod federation;
mod json;
mod kinds;
mod log;
mod planes;
mod scenario;
mod types;
mod wait;
mod watch_body;
mod wire;

pub use cluster::{Answer, Cluster, Objects, Patch};
pub use connector::FaultyConnector;
pub use controller::{Controller, Setup};
pub use federation::{Counts, FIRST, Federation, MEMBERS, SECOND, cluster_status, placement};
pub use json::{differs, requires};
pub use kinds::{Kind, merged};
pub use log::{Requests, Sent};
pub use planes::PlanesKind;
pub use scenario::{scenario, scenario_apart};
pub use types::{Gadget, GadgetSpec, Website, WebsiteSpec, WebsiteStatus};
pub use wait::{Look, wait_until};
pub use wire::{Matcher, Wire};

/// Namespace of the control plane on the host.
pub const KUBEFED_NAMESPACE: &str = kubefed_runtime::api::names::DEFAULT_KUBEFED_NAMESPACE;
