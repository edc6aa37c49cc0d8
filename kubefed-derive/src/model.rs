//! The federated type that the attributes describe: complete, checked, and free of the way in which it was written.

use darling::{Error, FromDeriveInput, Result};
use proc_macro2::Span;
use syn::{Data, DeriveInput, Expr, Fields, Generics, Ident, LitStr, Path, Type, ext::IdentExt};

use crate::{
    attrs::{
        self, CustomResource, FederateAttrs, FederatedAttrs, Kube, KubeAttrs, ReplicasAttr, ScopeName,
        TemplateAttr, Text,
    },
    names,
};

/// All that is known of a federated type.
pub(crate) struct Model {
    /// Path of the runtime crate.
    pub(crate) runtime: Path,
    /// The type that gets the implementation.
    pub(crate) subject: Ident,
    /// The target, where it is not the subject itself.
    pub(crate) target: Option<Type>,
    /// Names of the target.
    pub(crate) names: Names,
    /// Names of the federated kind.
    pub(crate) federated: Names,
    /// Short names of the federated kind.
    pub(crate) short_names: Vec<String>,
    /// Where the target counts its replicas.
    pub(crate) replicas: Option<Replicas>,
    /// Where the schema of the template comes from.
    pub(crate) schema: Schema,
}

/// The names of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) plural: String,
    pub(crate) scope: ScopeName,
}

/// The path of a replica count, in Rust and in JSON.
pub(crate) struct Replicas {
    /// Never empty.
    pub(crate) fields: Vec<Ident>,
    /// Never empty.
    pub(crate) json: Vec<String>,
}

/// Where the schema of a template comes from.
pub(crate) enum Schema {
    /// The CRD of the custom resource.
    CustomResource,
    /// `schemars::JsonSchema` of the whole type.
    WholeType,
    /// An expression: the schema itself, as JSON.
    Given(Expr),
}

/// What the derive sits on.
enum Shape<'a> {
    /// The spec of a custom resource; the subject is the root type that `#[derive(CustomResource)]` writes.
    Spec(&'a CustomResource),
    /// A whole type with metadata.
    Whole,
    /// A unit struct that stands for a type of another crate.
    Marker(&'a Type),
}

impl Model {
    /// Reads and checks the attributes.
    ///
    /// `None` where `#[derive(CustomResource)]` beside us refuses its attributes: it says what is wrong, and there is
    /// no type to implement anything for.
    pub(crate) fn of(input: &DeriveInput) -> Result<Option<Self>> {
        let attrs = FederateAttrs::from_derive_input(input)?;
        let kube = match Kube::of(input) {
            Kube::Refused => return Ok(None),
            Kube::Absent => None,
            Kube::Resource(kube) => Some(kube),
        };

        refuse_generics(&input.generics)?;
        let shape = Shape::of(input, &attrs, kube.as_deref())?;

        let mut errors = Error::accumulator();
        let names = errors.handle(shape.names(&attrs, &input.ident));
        let federated = errors.handle(FederatedNames::of(&attrs.federated));
        let replicas = attrs.replicas.0.as_ref().and_then(|attr| errors.handle(Replicas::of(attr)));
        let schema = errors.handle(shape.schema(attrs.template.as_ref(), &input.ident));
        for name in &attrs.short_names.0 {
            errors.handle(names::check_label(name));
        }
        errors.finish()?;
        // What is missing left with its error above.
        let (Some(names), Some(federated), Some(schema)) = (names, federated, schema) else {
            return Ok(None);
        };

        Ok(Some(Self {
            runtime: attrs.crates.runtime.clone(),
            subject: shape.subject(&input.ident),
            target: shape.target().cloned(),
            federated: federated.complete(&names),
            names,
            short_names: attrs.short_names.0.iter().map(Text::value).collect(),
            replicas,
            schema,
        }))
    }
}

fn refuse_generics(generics: &Generics) -> Result<()> {
    if generics.params.is_empty() {
        return Ok(());
    }
    let message = "a federated type has no generics: one kind has one schema; derive on a type without them";
    Err(Error::custom(message).with_span(&generics.params))
}

impl<'a> Shape<'a> {
    fn of(input: &DeriveInput, attrs: &'a FederateAttrs, kube: Option<&'a CustomResource>) -> Result<Self> {
        let fields = match &input.data {
            Data::Struct(data) => Some(&data.fields),
            Data::Enum(_) | Data::Union(_) => None,
        };
        let refuse = |message: &str| Err(Error::custom(message).with_span(&input.ident));
        match (kube, &attrs.target.0) {
            (Some(_), Some(target)) => {
                let message = "the target is the custom resource of `#[kube(…)]`: remove `target`";
                Err(Error::custom(message).with_span(target))
            }
            (Some(kube), None) => Ok(Self::Spec(kube)),
            (None, Some(target)) => match fields {
                Some(Fields::Unit) => Ok(Self::Marker(target)),
                _ => refuse(
                    "a type with `target` only stands for that one: make it a unit struct, `struct Name;`",
                ),
            },
            (None, None) => match fields {
                Some(Fields::Named(_)) => Ok(Self::Whole),
                Some(Fields::Unit) => refuse(
                    "a unit struct needs the type that it stands for: `#[federate(target = path::Type, …)]`",
                ),
                _ => refuse(
                    "`Federate` goes on the spec of a `#[derive(CustomResource)]` type, on a struct with named fields \
                     (`metadata`, `spec`, …), or on a unit struct with `target = path::Type`",
                ),
            },
        }
    }

    fn target(&self) -> Option<&'a Type> {
        match self {
            Self::Marker(target) => Some(target),
            Self::Spec(_) | Self::Whole => None,
        }
    }

    fn subject(&self, ident: &Ident) -> Ident {
        match self {
            Self::Spec(kube) => kube.root.clone(),
            Self::Whole | Self::Marker(_) => ident.clone(),
        }
    }

    fn names(&self, attrs: &FederateAttrs, ident: &Ident) -> Result<Names> {
        match self {
            Self::Spec(kube) => names_of_custom_resource(&kube.attrs, attrs),
            Self::Whole | Self::Marker(_) => names_given(attrs, ident),
        }
    }

    fn schema(&self, template: Option<&TemplateAttr>, ident: &Ident) -> Result<Schema> {
        if let Some(template) = template {
            return Ok(Schema::Given(template.schema.clone()));
        }
        match self {
            Self::Spec(kube) => match kube.attrs.schema.as_ref().filter(|mode| mode.value() == "disabled") {
                None => Ok(Schema::CustomResource),
                Some(disabled) => Err(Error::custom(
                    "without a schema of the custom resource there is none for its template: remove this, or add \
                     `#[federate(template(schema = include_str!(\"…\")))]`",
                )
                .with_span(disabled)),
            },
            Self::Whole => Ok(Schema::WholeType),
            Self::Marker(_) => {
                let message =
                    "the template needs a schema: add `template(schema = include_str!(\"…\"))` to `#[federate(…)]`";
                Err(Error::custom(message).with_span(ident))
            }
        }
    }
}

fn names_of_custom_resource(kube: &KubeAttrs, attrs: &FederateAttrs) -> Result<Names> {
    let mut errors = Error::accumulator();
    let mut refuse = |name: &str, place: Span| {
        let message = format!("`{name}` is that of `#[kube(…)]`: remove it here");
        errors.push(Error::custom(message).with_span(&place));
    };
    let texts = [
        ("group", &attrs.group),
        ("version", &attrs.version),
        ("kind", &attrs.kind),
        ("plural", &attrs.plural),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            refuse(name, text.span());
        }
    }
    if attrs.namespaced.is_present() {
        refuse("namespaced", attrs.namespaced.span());
    }
    if let Some(scope) = &attrs.scope {
        refuse("scope", scope.span());
    }

    let kind = kube.kind.value();
    let singular = || kube.singular.as_ref().map_or_else(|| kind.to_ascii_lowercase(), LitStr::value);
    let plural = kube.plural.as_ref().map_or_else(|| names::plural_of(&singular()), LitStr::value);
    errors.finish_with(Names {
        group: kube.group.value(),
        version: kube.version.value(),
        kind,
        plural,
        scope: if kube.namespaced { ScopeName::Namespaced } else { ScopeName::Cluster },
    })
}

fn names_given(attrs: &FederateAttrs, ident: &Ident) -> Result<Names> {
    let mut errors = Error::accumulator();
    let missing: Vec<_> = [
        ("`group = \"example.com\"` (the core group is `\"\"`)", &attrs.group),
        ("`version = \"v1\"`", &attrs.version),
        ("`kind = \"Website\"`", &attrs.kind),
    ]
    .into_iter()
    .filter_map(|(form, text)| text.is_none().then_some(form))
    .collect();
    if !missing.is_empty() {
        let message =
            format!("names of the target are missing: add {} to `#[federate(…)]`", missing.join(", "));
        errors.push(Error::custom(message).with_span(ident));
    }
    if attrs.namespaced.is_present()
        && let Some(scope) = &attrs.scope
    {
        let message = "`namespaced` and `scope` say the same: keep one";
        errors.push(Error::custom(message).with_span(&scope.span()));
    }
    let mut checked = |text: &Option<Text>, check: fn(&Text) -> Result<()>| {
        let text = text.as_ref()?;
        errors.handle(check(text));
        Some(text.value())
    };
    let group = checked(&attrs.group, names::check_group_or_core).unwrap_or_default();
    let version = checked(&attrs.version, names::check_label).unwrap_or_default();
    let kind = checked(&attrs.kind, names::check_kind).unwrap_or_default();
    let plural = checked(&attrs.plural, names::check_label)
        .unwrap_or_else(|| names::plural_of(&kind.to_ascii_lowercase()));
    let scope = match &attrs.scope {
        Some(scope) => **scope,
        None if attrs.namespaced.is_present() => ScopeName::Namespaced,
        None => ScopeName::Cluster,
    };
    errors.finish_with(Names { group, version, kind, plural, scope })
}

/// What the attributes say of the names of the federated kind.
struct FederatedNames {
    group: Option<String>,
    version: Option<String>,
    kind: Option<String>,
    plural: Option<String>,
    scope: Option<ScopeName>,
}

impl FederatedNames {
    fn of(attrs: &FederatedAttrs) -> Result<Self> {
        let mut errors = Error::accumulator();
        let mut checked = |text: &Option<Text>, check: fn(&Text) -> Result<()>| {
            let text = text.as_ref()?;
            errors.handle(check(text));
            Some(text.value())
        };
        let names = Self {
            group: checked(&attrs.group, names::check_group),
            version: checked(&attrs.version, names::check_label),
            kind: checked(&attrs.kind, names::check_kind),
            plural: checked(&attrs.plural, names::check_label),
            scope: attrs.scope.as_deref().copied(),
        };
        errors.finish_with(names)
    }

    /// Fills the gaps as KubeFed does.
    fn complete(self, target: &Names) -> Names {
        // A federated namespace lives in the namespace that it stands for.
        let is_namespaces = target.group.is_empty() && target.plural == "namespaces";
        let scope = if is_namespaces { ScopeName::Namespaced } else { target.scope };
        Names {
            group: self.group.unwrap_or_else(|| names::FEDERATED_GROUP.to_owned()),
            version: self.version.unwrap_or_else(|| names::FEDERATED_VERSION.to_owned()),
            kind: self.kind.unwrap_or_else(|| format!("Federated{}", target.kind)),
            plural: self.plural.unwrap_or_else(|| format!("federated{}", target.plural)),
            scope: self.scope.unwrap_or(scope),
        }
    }
}

impl Replicas {
    fn of(attr: &ReplicasAttr) -> Result<Self> {
        let json = match &attr.json {
            Some(path) => names::json_path(path)?,
            None => attr.fields.iter().map(|field| names::camel_case(&field.unraw().to_string())).collect(),
        };
        Ok(Self { fields: attr.fields.clone(), json })
    }
}

/// The type that an implementation beside errors is for, so that its users do not add errors of their own.
pub(crate) struct Fallback {
    pub(crate) runtime: Path,
    pub(crate) subject: Ident,
    pub(crate) generics: Generics,
    pub(crate) target: FallbackTarget,
}

/// The target of an implementation beside errors.
pub(crate) enum FallbackTarget {
    /// The subject itself.
    Itself,
    /// Another type.
    Other(Box<Type>),
    /// Not known.
    Unknown,
}

impl Fallback {
    /// `None` where there is no type to implement anything for.
    pub(crate) fn of(input: &DeriveInput) -> Option<Self> {
        let (runtime, target) = attrs::read_what_is_right(input);
        let is_unit = matches!(&input.data, Data::Struct(data) if matches!(data.fields, Fields::Unit));
        let (subject, target) = match Kube::of(input) {
            Kube::Refused => return None,
            Kube::Resource(kube) => (kube.root, FallbackTarget::Itself),
            Kube::Absent => {
                let target = match target {
                    Some(target) => FallbackTarget::Other(Box::new(target)),
                    None if is_unit => FallbackTarget::Unknown,
                    None => FallbackTarget::Itself,
                };
                (input.ident.clone(), target)
            }
        };
        Some(Self { runtime, subject, generics: input.generics.clone(), target })
    }
}
