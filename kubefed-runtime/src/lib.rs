//! The runtime that every KubeFed for Rust controller links.
//!
//! A controller is a `main` of a few lines that names its types:
//!
//! ```no_run
//! # fn doc<Website: kubefed_runtime::api::Federate>() -> std::process::ExitCode {
//! kubefed_runtime::run(|manager| manager.federate::<Website>())
//! # }
//! ```
//!
//! * [`run`] is the whole life of a controller's process; [`Manager`] is the same as a library.
//! * [`cluster`] makes clusters members, and reaches them.
//! * [`api`], [`schema`] and the other modules of `kubefed-core` are re-exported, and so is the derive macro
//!   [`Federate`].
//!
//! How the parts work together is told in `ARCHITECTURE.md` of the repository.

#[doc(hidden)]
pub mod __private;
mod clock;
pub mod cluster;
mod election;
mod engine;
mod events;
mod install;
mod manager;
mod metrics;
mod options;
mod type_config;

pub use install::{InstallError, install};
/// The derive macro and the trait that it implements, as serde has it.
pub use kubefed_core::api::Federate;
pub use kubefed_core::{api, schema};
pub use kubefed_derive::Federate;
pub use manager::{Address, InvalidAddress, Manager, ManagerError, ManagerOptions, run};
