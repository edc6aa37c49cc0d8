//! Pins the OpenAPI v3 documents of a running API server, so that generating needs no cluster and gives the same on
//! every machine.
//!
//! [`pin`] is the pure half: it turns the documents as served into files. [`fetch`] reads them from a server.

#[cfg(feature = "capture")]
mod fetch;
mod pin;

#[cfg(feature = "capture")]
pub use fetch::fetch;
pub use pin::{Served, Versions, pin, read_folder};
