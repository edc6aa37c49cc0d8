//! Renders every file of a generated crate in memory.

mod header;
mod manifests;
mod package;
mod rust;

use std::collections::BTreeMap;

use crate::{Error, config::Config, plan::Plan};

pub(crate) use header::MARK;

/// Files by path relative to the output folder, with `/` between the parts, and their content.
pub type Files = BTreeMap<String, String>;

/// Renders the crate: its manifest, one module per kind, registry and `main`, template schemas, CRDs,
/// FederatedTypeConfigs and rights.
///
/// # Errors
///
/// A manifest cannot be written as YAML.
pub fn render(config: &Config, plan: &Plan) -> Result<Files, Error> {
    let mut files = Files::new();
    package::emit(config, plan, &mut files);
    rust::emit(config, plan, &mut files);
    manifests::emit(config, plan, &mut files)?;
    Ok(files)
}
