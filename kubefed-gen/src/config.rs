//! `kubefed-gen.yaml`: what is generated from what.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use kubefed_core::{
    api::names,
    schema::normalise::{Descriptions, NormaliseOptions},
};
use serde::{Deserialize, Deserializer, de};

use crate::Error;

/// A configuration, and the folder that its paths are relative to.
#[derive(Clone, Debug)]
pub struct Config {
    file: PathBuf,
    folder: PathBuf,
    content: Content,
}

/// The file as it is written.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Content {
    /// OpenAPI v3 documents: files, and folders of them.
    inputs: Vec<PathBuf>,
    /// Folder of the generated crate.
    output: PathBuf,
    #[serde(rename = "crate")]
    package: Package,
    kinds: Vec<Selector>,
    #[serde(default)]
    federated: FederatedNames,
    #[serde(default)]
    descriptions: DescriptionsName,
    /// Namespace of the control plane that the manifests are for.
    #[serde(default = "default_namespace")]
    namespace: String,
    /// The command that the headers name for generating again.
    #[serde(default)]
    command: Option<String>,
}

/// The crate that is generated.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Name of its binary, the controller.
    pub binary: String,
    /// Whether it is a member of a workspace that has all dependencies and the package's fields.
    #[serde(default)]
    pub workspace: bool,
}

/// API group and version of the federated kinds.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FederatedNames {
    /// API group; `types.kubefed.io` by default.
    pub group: String,
    /// API version; `v1beta1` by default.
    pub version: String,
}

impl Default for FederatedNames {
    fn default() -> Self {
        Self { group: names::TYPES_GROUP.to_owned(), version: names::TYPES_VERSION.to_owned() }
    }
}

#[derive(Deserialize, Clone, Copy, Debug, Default)]
#[serde(rename_all = "lowercase")]
enum DescriptionsName {
    #[default]
    None,
    Short,
    Full,
}

fn default_namespace() -> String {
    names::DEFAULT_KUBEFED_NAMESPACE.to_owned()
}

/// Which kind, and what is special about it. In the file either just a name, or an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// Kind, plural or short name, in any case.
    pub kind: String,
    /// API group, where the name alone fits several; the core group is empty.
    pub group: Option<String>,
    /// API version; by default the preferred one of the input's.
    pub version: Option<String>,
    /// Short names of the federated kind; by default `f` before each of the target's.
    pub short_names: Option<Vec<String>>,
    /// Where the target counts its replicas, as `spec.replicas`; by default just there, if it is a 32-bit integer.
    pub replicas: Option<String>,
}

impl Selector {
    /// From a name, with the group behind a dot or not: `Deployment`, `deployments.apps`. Nothing behind the dot is
    /// the core group: `events.`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let (kind, group) = match name.split_once('.') {
            Some((plural, group)) => (plural, Some(group.to_owned())),
            None => (name, None),
        };
        Self { kind: kind.to_owned(), group, version: None, short_names: None, replicas: None }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if let Some(group) = self.group.as_ref().filter(|group| !group.is_empty()) {
            write!(f, ".{group}")?;
        }
        match &self.version {
            Some(version) => write!(f, " ({version})"),
            None => Ok(()),
        }
    }
}

impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Long {
            kind: String,
            group: Option<String>,
            version: Option<String>,
            short_names: Option<Vec<String>>,
            replicas: Option<String>,
        }
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Selector;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a kind, or an object with `kind` and what is special about it")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Selector, E> {
                Ok(Selector::named(name))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Selector, A::Error> {
                let Long { kind, group, version, short_names, replicas } =
                    Long::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let named = Selector::named(&kind);
                Ok(Selector {
                    group: group.or(named.group),
                    version,
                    short_names,
                    replicas,
                    ..Selector::named(&named.kind)
                })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is no YAML, or says what is unknown.
    pub fn load(file: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(file).map_err(Error::io(file))?;
        let content: Content = serde_saphyr::from_str(&text)
            .map_err(|error| Error::Config { path: file.to_owned(), message: error.to_string() })?;
        let folder = match file.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        Ok(Self { file: file.to_owned(), folder, content })
    }

    /// The folder of the configuration's file: its paths are relative to it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The inputs.
    #[must_use]
    pub fn inputs(&self) -> Vec<PathBuf> {
        self.content.inputs.iter().map(|input| self.folder.join(input)).collect()
    }

    /// The folder of the generated crate.
    #[must_use]
    pub fn output(&self) -> PathBuf {
        self.folder.join(&self.content.output)
    }

    /// The folder of the generated crate as the configuration names it.
    #[must_use]
    pub fn output_name(&self) -> &Path {
        &self.content.output
    }

    /// The crate that is generated.
    #[must_use]
    pub fn package(&self) -> &Package {
        &self.content.package
    }

    /// The selected kinds.
    #[must_use]
    pub fn kinds(&self) -> &[Selector] {
        &self.content.kinds
    }

    /// Group and version of the federated kinds.
    #[must_use]
    pub fn federated(&self) -> &FederatedNames {
        &self.content.federated
    }

    /// Namespace of the control plane that the manifests are for.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.content.namespace
    }

    /// How template schemas are made.
    #[must_use]
    pub fn normalise(&self) -> NormaliseOptions {
        let descriptions = match self.content.descriptions {
            DescriptionsName::None => Descriptions::None,
            DescriptionsName::Short => Descriptions::Short,
            DescriptionsName::Full => Descriptions::Full,
        };
        NormaliseOptions { descriptions }
    }

    /// The command that generates again, to be run in the configuration's folder.
    #[must_use]
    pub fn command(&self) -> String {
        self.content.command.clone().unwrap_or_else(|| {
            let name =
                self.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            format!("kubefed-gen generate --config {name}")
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn load(text: &str) -> Result<Config, Error> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kubefed-gen.yaml");
        fs::write(&file, text).unwrap();
        Config::load(&file)
    }

    const SMALL: &str = "inputs: [in]\noutput: out\ncrate: {name: a, binary: b}\n";

    #[test]
    fn what_is_left_out_has_kubefeds_defaults() {
        let config = load(&format!("{SMALL}kinds: [ConfigMap]\n")).unwrap();
        assert_eq!(config.namespace(), "kube-federation-system");
        assert_eq!(
            (config.federated().group.as_str(), config.federated().version.as_str()),
            ("types.kubefed.io", "v1beta1")
        );
        assert_eq!(config.command(), "kubefed-gen generate --config kubefed-gen.yaml");
        assert_eq!(config.normalise(), NormaliseOptions::default());
        assert!(!config.package().workspace);
        assert_eq!(config.inputs(), [config.folder().join("in")]);
    }

    #[test]
    fn kinds_are_names_or_objects() {
        let text = "kinds:\n- ConfigMap\n- deployments.apps\n- {kind: Job, group: batch, version: v1, shortNames: [fj]}\n\
                    - kind: scales.example.org\n  replicas: spec.size\n";
        let config = load(&format!("{SMALL}{text}")).unwrap();
        let plain = Selector::named;
        assert_eq!(
            config.kinds(),
            [
                plain("ConfigMap"),
                Selector { group: Some("apps".to_owned()), ..plain("deployments") },
                Selector {
                    group: Some("batch".to_owned()),
                    version: Some("v1".to_owned()),
                    short_names: Some(vec!["fj".to_owned()]),
                    ..plain("Job")
                },
                Selector {
                    group: Some("example.org".to_owned()),
                    replicas: Some("spec.size".to_owned()),
                    ..plain("scales")
                },
            ]
        );
    }

    #[rstest]
    #[case("kinds: [ConfigMap]\noutputs: x\n", "outputs")]
    #[case("kinds: [{kindd: Job}]\n", "kindd")]
    #[case("kinds: [[]]\n", "a kind")]
    #[case("kinds: [ConfigMap]\ndescriptions: some\n", "some")]
    #[case("", "kinds")]
    fn mistakes_are_named_with_their_line(#[case] text: &str, #[case] expected: &str) {
        let error = load(&format!("{SMALL}{text}")).unwrap_err().to_string();
        assert!(
            error.contains("kubefed-gen.yaml") && error.contains(expected) && error.contains("line"),
            "{error}"
        );
    }
}
