//! The Rust sources: one small module per kind, without logic.

use std::fmt::Write;

use kubefed_core::api::{ApiResource, Scope};

use super::{Files, header::header};
use crate::{
    config::Config,
    plan::{Plan, PlannedKind},
    text,
};

/// Generated code is not formatted by rustfmt, so that its version does not decide what `--check` says.
const SKIP: &str = "#![cfg_attr(any(), rustfmt::skip)]\n";

pub(super) fn emit(config: &Config, plan: &Plan, files: &mut Files) {
    for kind in &plan.kinds {
        let module = kind.model.module();
        files.insert(format!("src/kinds/{module}.rs"), kind_module(config, kind));
        files.insert(format!("src/schemas/{module}.json"), text::compact_json(&kind.template_schema));
    }
    files.insert("src/kinds/mod.rs".to_owned(), kinds_module(config, plan));
    files.insert("src/registry.rs".to_owned(), registry(config, plan));
    files.insert("src/lib.rs".to_owned(), library(config, plan));
    files.insert("src/main.rs".to_owned(), main(config));
}

fn kind_module(config: &Config, kind: &PlannedKind) -> String {
    let model = &kind.model;
    let name = &model.kind;
    let mut code = header("//", config, Some(&model.source));
    let mut line = |text: &str| {
        code.push_str(text);
        code.push('\n');
    };
    line(&format!("//! {} as a federated kind.", article(&model.title())));
    line("");
    line("use kubefed_runtime::{Federate, api::Federated};");
    line("");
    line(&format!(
        "/// Stands for `{name}` ({}) where a federated type is named.",
        model.target().api_version()
    ));
    line("#[derive(Federate)]");
    line("#[federate(");
    for attribute in attributes(kind) {
        line(&format!("    {attribute},"));
    }
    line(")]");
    line(&format!("pub struct {name};"));
    line("");
    line(&format!("/// A federated `{name}`: template, placement and overrides."));
    line(&format!("pub type {} = Federated<{name}>;", kind.federated.kind));
    code
}

/// What `#[federate(…)]` says, one per line.
fn attributes(kind: &PlannedKind) -> Vec<String> {
    let model = &kind.model;
    let mut attributes = vec![
        format!("target = {}", kind.rust_type),
        format!("group = {:?}", model.group),
        format!("version = {:?}", model.version),
        format!("kind = {:?}", model.kind),
        format!("plural = {:?}", model.plural),
        match model.scope {
            Scope::Namespaced => "namespaced".to_owned(),
            Scope::Cluster => "scope = \"Cluster\"".to_owned(),
        },
    ];
    attributes.extend(federated_names(&kind.federated));
    if !kind.short_names.is_empty() {
        let names: Vec<String> = kind.short_names.iter().map(|name| format!("{name:?}")).collect();
        attributes.push(format!("short_names({})", names.join(", ")));
    }
    if let Some(path) = &kind.replicas {
        attributes.push(format!("replicas = {}", path.join(".")));
    }
    attributes.push(format!("template(schema = include_str!(\"../schemas/{}.json\"))", model.module()));
    attributes
}

/// Group and version of the federated kind, where they are not KubeFed's; its other names always are.
fn federated_names(federated: &ApiResource) -> Option<String> {
    let defaults = crate::config::FederatedNames::default();
    let mut names = Vec::new();
    if federated.group != defaults.group {
        names.push(format!("group = {:?}", federated.group));
    }
    if federated.version != defaults.version {
        names.push(format!("version = {:?}", federated.version));
    }
    (!names.is_empty()).then(|| format!("federated({})", names.join(", ")))
}

fn kinds_module(config: &Config, plan: &Plan) -> String {
    let mut code = header("//", config, None);
    code.push_str("//! One module per federated kind.\n\n");
    let mut modules: Vec<String> = plan.kinds.iter().map(|kind| kind.model.module()).collect();
    modules.sort();
    for module in modules {
        let _ = writeln!(code, "pub mod {module};");
    }
    code
}

fn registry(config: &Config, plan: &Plan) -> String {
    let mut code = header("//", config, None);
    code.push_str(
        "//! Links the kinds of this crate into a controller.\n\nuse kubefed_runtime::Manager;\n\n",
    );
    code.push_str("use crate::kinds;\n\n/// Adds every kind of this crate.\n#[must_use]\n");
    code.push_str("pub fn register(manager: Manager) -> Manager {\n    manager\n");
    for kind in &plan.kinds {
        let _ = writeln!(code, "        .federate::<kinds::{}::{}>()", kind.model.module(), kind.model.kind);
    }
    code.push_str("}\n");
    code
}

fn library(config: &Config, plan: &Plan) -> String {
    let mut code = header("//", config, None);
    code.push_str(
        "//! Federated Kubernetes types, one per kind, and what links them into a controller.\n//!\n",
    );
    code.push_str("//! | target | federated kind | alias |\n//! |---|---|---|\n");
    for kind in &plan.kinds {
        let _ = writeln!(
            code,
            "//! | {} | `{}` ({}) | [`{}`] |",
            kind.model.title(),
            kind.federated.plural_name,
            kind.federated.api_version(),
            kind.federated.kind,
        );
    }
    code.push('\n');
    code.push_str(SKIP);
    code.push_str("\n#[rustfmt::skip]\npub mod kinds;\n#[rustfmt::skip]\nmod registry;\n\n");
    for kind in &plan.kinds {
        let (module, name, federated) = (kind.model.module(), &kind.model.kind, &kind.federated.kind);
        let _ = writeln!(code, "pub use kinds::{module}::{{{federated}, {name}}};");
    }
    code.push_str("pub use registry::register;\n");
    code
}

fn main(config: &Config) -> String {
    let library = config.package().name.replace('-', "_");
    let mut code = header("//", config, None);
    code.push_str("//! The controller for the kinds of this crate.\n\n");
    code.push_str(SKIP);
    let _ = write!(
        code,
        "\nuse std::process::ExitCode;\n\nfn main() -> ExitCode {{\n    kubefed_runtime::run({library}::register)\n}}\n"
    );
    code
}

/// The title behind the right indefinite article, at the beginning of a sentence.
fn article(title: &str) -> String {
    let vowel = title.starts_with(['A', 'E', 'I', 'O', 'U']);
    format!("{} `{title}`", if vowel { "An" } else { "A" })
}
