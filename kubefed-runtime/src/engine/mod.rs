//! The propagation engine: one [`TypeController`] per federated type, on caches and queues of its own.
//!
//! A reconcile is one straight line: **observe** the caches, **place**, **render** and **plan** (all three in
//! `kubefed-core`), **apply** per member, **record** the status. The code of that line is in `reconcile`; what acts on a
//! single member is in `operation`; what feeds the caches is in `watches`.

mod host;
mod key;
mod member;
mod namespaces;
mod operation;
mod queue;
mod reconcile;
mod record;
mod removal;
mod type_controller;
mod watches;

pub(crate) use key::Key;
pub(crate) use namespaces::{FederatedNamespaces, federated_namespace};
pub(crate) use type_controller::{Engine, TypeController};
