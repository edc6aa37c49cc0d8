//! The heart of KubeFed for Rust: wire types, schemas, and every decision as a plain function over plain data.
//!
//! This crate does no I/O, reads no clock and holds no client; its dependencies make that true. What acts lives in
//! `kubefed-runtime`, which observes, asks this crate what to do, and does it.
//!
//! * [`api`]: the objects of KubeFed as they are on the wire, and [`Federate`](api::Federate), the trait that links a
//!   Rust type to its federated kind.
//! * [`schema`]: structural schemas, and the composition of CRDs, FederatedTypeConfigs and RBAC.
//! * The decisions, in the order of a reconcile: [`placement`], [`overrides`] and [`render`], [`ownership`] and
//!   [`hash`], [`plan`], [`status`]; and [`health`] for member clusters.

pub mod api;
pub mod hash;
pub mod health;
pub mod overrides;
pub mod ownership;
pub mod placement;
pub mod plan;
pub mod render;
pub mod schema;
pub mod status;
