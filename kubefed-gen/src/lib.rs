//! Reads Kubernetes type metadata and emits strongly typed federated APIs: Rust markers, CRDs, FederatedTypeConfigs,
//! rights, and a crate with one tailored controller.
//!
//! The way of the data, and of the code:
//!
//! [`config`] says what is wanted → [`input`] reads documents into one [`KindModel`](model::KindModel) per kind →
//! [`plan`] selects the kinds and computes their federated names and template schemas → [`emit`] renders every file in
//! memory → [`output`] writes what changed, or says what would.
//!
//! The same input always gives the same bytes: everything is sorted, and nothing depends on the time, the machine or
//! the order of directory entries.
//!
//! ```no_run
//! # fn main() -> Result<(), kubefed_gen::Errors> {
//! let config = kubefed_gen::config::Config::load("kubefed-gen.yaml".as_ref())?;
//! let files = kubefed_gen::generate(&config)?;
//! kubefed_gen::output::write(&config.output(), &files)?;
//! # Ok(())
//! # }
//! ```

pub mod capture;
pub mod config;
pub mod emit;
mod error;
pub mod input;
pub mod model;
pub mod output;
pub mod plan;
mod text;

pub use error::{Error, Errors};

/// The version of this generator, as it stands in every file that it writes.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Reads what the configuration names, and renders every file in memory.
///
/// # Errors
///
/// All that is wrong with the inputs and the selection, each with file, place and kind.
pub fn generate(config: &config::Config) -> Result<emit::Files, Errors> {
    let kinds = input::read(&config.inputs(), config.folder())?;
    let plan = plan::Plan::new(config, &kinds)?;
    Ok(emit::render(config, &plan)?)
}
