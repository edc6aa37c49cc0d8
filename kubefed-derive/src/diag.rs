//! Errors as the compiler shows them.

use darling::Error;
use proc_macro2::TokenStream;

/// What `#[federate(…)]` takes, and how it is written.
const FORMS: [(&str, &str); 12] = [
    ("crates", "crates(runtime = path::to::kubefed_runtime)"),
    ("federated", "federated(kind = \"FederatedWebsite\", plural = \"federatedwebsites\")"),
    ("group", "group = \"example.com\""),
    ("kind", "kind = \"Website\""),
    ("namespaced", "namespaced"),
    ("plural", "plural = \"websites\""),
    ("replicas", "replicas = spec.replicas"),
    ("scope", "scope = \"Namespaced\""),
    ("short_names", "short_names(\"fw\")"),
    ("target", "target = path::Type"),
    ("template", "template(schema = include_str!(\"schema.json\"))"),
    ("version", "version = \"v1\""),
];

/// The errors as code, each at its place.
pub(crate) fn report(errors: Error) -> TokenStream {
    let errors: Vec<_> = errors.flatten().into_iter().collect();
    // An error without a place of its own follows from one that has it: what could not be read is missing as well.
    let has_place = |error: &Error| error.explicit_span().is_some();
    let some_have_places = errors.iter().any(has_place);
    errors
        .into_iter()
        .filter(|error| !some_have_places || has_place(error))
        .map(|error| explain(error).into_compile_error())
        .collect()
}

/// Says what to write where darling's own words only say what is wrong.
fn explain(error: Error) -> syn::Error {
    // Only what darling displays knows the attribute that an error belongs to.
    let displayed = error.to_string();
    let error = syn::Error::from(error);
    let message = error.to_string();
    let better = if let Some(unknown) = message.strip_prefix("Unknown field: ") {
        explain_unknown("attribute", unknown)
    } else if let Some(unknown) = message.strip_prefix("Unknown value: ") {
        explain_unknown("value", unknown)
    } else if let Some(name) = message.strip_prefix("Duplicate field ") {
        format!("{name} is given twice: keep one")
    } else if let Some(name) = message.strip_prefix("Missing field ") {
        format!("{name} is missing here")
    } else if message.starts_with("Unexpected ") {
        let form = form_at(&displayed).unwrap_or("#[federate(group = \"example.com\", …)]");
        format!("this is not how it is written: `{form}`")
    } else {
        message
    };
    syn::Error::new(error.span(), better)
}

/// `unknown` is the name in backticks, and behind it what darling proposes, if anything.
fn explain_unknown(what: &str, unknown: &str) -> String {
    let (name, proposal) = unknown.split_once(". ").unwrap_or((unknown, ""));
    if let Some(near) = proposal.strip_prefix("Did you mean ") {
        return format!("unknown {what} {name}: did you mean {near}");
    }
    if let Some(all) = proposal.strip_prefix("Available values: ") {
        return format!("unknown {what} {name}: write one of {all}");
    }
    let all: Vec<_> = FORMS.iter().map(|(name, _)| format!("`{name}`")).collect();
    format!("unknown {what} {name}: write one of {}", all.join(", "))
}

/// The form of the attribute that stands behind the message, as in `Unexpected type `int` at federated/kind`.
fn form_at(displayed: &str) -> Option<&'static str> {
    let (_, location) = displayed.rsplit_once(" at ")?;
    let attribute = location.split('/').next()?;
    FORMS.iter().find(|(name, _)| *name == attribute).map(|(_, form)| *form)
}
