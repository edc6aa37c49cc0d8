//! `Cargo.toml` of the generated crate.

use super::{Files, header::header};
use crate::{VERSION, config::Config, plan::Plan};

/// The versions of Kubernetes whose types this release of k8s-openapi has.
const K8S_OPENAPI_MINORS: std::ops::RangeInclusive<u32> = 33..=37;
const K8S_OPENAPI_VERSION: &str = "0.29";

pub(super) fn emit(config: &Config, plan: &Plan, files: &mut Files) {
    let package = config.package();
    let feature = format!("v1_{}", minor_version(plan));
    let header = header("#", config, None);
    let (fields, dependencies, lints) = if package.workspace {
        (
            "version.workspace = true\nedition.workspace = true\nrust-version.workspace = true\n\
             license.workspace = true\nrepository.workspace = true\nauthors.workspace = true\n",
            format!(
                "k8s-openapi = {{ workspace = true, features = [\"{feature}\"] }}\nkubefed-runtime.workspace = true\n"
            ),
            "\n[lints]\nworkspace = true\n",
        )
    } else {
        (
            "version = \"0.1.0\"\nedition = \"2024\"\npublish = false\n",
            format!(
                "k8s-openapi = {{ version = \"{K8S_OPENAPI_VERSION}\", default-features = false, \
                 features = [\"{feature}\"] }}\nkubefed-runtime = \"{VERSION}\"\n"
            ),
            "",
        )
    };
    let content = format!(
        "{header}[package]\nname = \"{name}\"\ndescription = \"Federated Kubernetes types, and the controller for them\"\n\
         {fields}\n[[bin]]\nname = \"{binary}\"\npath = \"src/main.rs\"\n\n[dependencies]\n\
         # The one place of the version feature: it is the version of the documents that the types were read from.\n\
         {dependencies}{lints}",
        name = package.name,
        binary = package.binary,
    );
    files.insert("Cargo.toml".to_owned(), content);
}

/// The newest minor version that a document names, as far as k8s-openapi has its types.
fn minor_version(plan: &Plan) -> u32 {
    let newest = plan.kinds.iter().filter_map(|kind| {
        let minor = kind.model.source.version.trim_start_matches('v').split('.').nth(1)?;
        minor.parse::<u32>().ok()
    });
    newest
        .max()
        .unwrap_or(*K8S_OPENAPI_MINORS.end())
        .clamp(*K8S_OPENAPI_MINORS.start(), *K8S_OPENAPI_MINORS.end())
}
