//! The attributes as they are written: parsed, each value of the right form, nothing compared with anything yet.

use darling::{
    Error, FromDeriveInput, FromMeta, Result,
    ast::{MetaNameValueInvalidExpr, NestedMeta},
    util::{Flag, SpannedValue, parse_expr},
};
use proc_macro2::Span;
use syn::{
    Data, DeriveInput, Expr, Ident, Lit, LitStr, Member, Meta, Path, Type, parse_quote, spanned::Spanned,
};

/// What `#[federate(…)]` says.
#[derive(FromDeriveInput)]
#[darling(attributes(federate))]
pub(crate) struct FederateAttrs {
    pub(crate) group: Option<Text>,
    pub(crate) version: Option<Text>,
    pub(crate) kind: Option<Text>,
    pub(crate) plural: Option<Text>,
    pub(crate) namespaced: Flag,
    pub(crate) scope: Option<SpannedValue<ScopeName>>,
    #[darling(default)]
    pub(crate) federated: FederatedAttrs,
    #[darling(default)]
    pub(crate) short_names: Texts,
    pub(crate) target: Given<Type>,
    pub(crate) replicas: Given<ReplicasAttr>,
    pub(crate) template: Option<TemplateAttr>,
    #[darling(default)]
    pub(crate) crates: CratesAttr,
}

/// What `federated(…)` says: names of the federated kind, where they are not KubeFed's.
#[derive(FromMeta, Default)]
pub(crate) struct FederatedAttrs {
    pub(crate) group: Option<Text>,
    pub(crate) version: Option<Text>,
    pub(crate) kind: Option<Text>,
    pub(crate) plural: Option<Text>,
    pub(crate) scope: Option<SpannedValue<ScopeName>>,
}

/// A scope, by the word that stands for it on the wire.
#[derive(FromMeta, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScopeName {
    #[darling(rename = "Namespaced")]
    Namespaced,
    #[darling(rename = "Cluster")]
    Cluster,
}

/// What `template(…)` says.
#[derive(FromMeta)]
pub(crate) struct TemplateAttr {
    #[darling(with = parse_expr::preserve_str_literal)]
    pub(crate) schema: Expr,
}

/// What `crates(…)` says.
#[derive(FromMeta)]
pub(crate) struct CratesAttr {
    #[darling(default = default_runtime)]
    pub(crate) runtime: Path,
}

impl Default for CratesAttr {
    fn default() -> Self {
        Self { runtime: default_runtime() }
    }
}

fn default_runtime() -> Path {
    parse_quote!(::kubefed_runtime)
}

/// A value that may be absent, as `Option`, but may also be written as what is no Rust expression, such as `Type<A>`.
pub(crate) struct Given<T>(pub(crate) Option<T>);

impl<T: FromMeta> FromMeta for Given<T> {
    fn from_none() -> Option<Self> {
        Some(Self(None))
    }

    fn from_meta(item: &Meta) -> Result<Self> {
        T::from_meta(item).map(|value| Self(Some(value)))
    }

    fn from_invalid_expr(value: &MetaNameValueInvalidExpr) -> Result<Self> {
        T::from_invalid_expr(value).map(|value| Self(Some(value)))
    }
}

/// A string literal with its place.
pub(crate) struct Text(LitStr);

impl Text {
    pub(crate) fn value(&self) -> String {
        self.0.value()
    }

    pub(crate) fn span(&self) -> Span {
        self.0.span()
    }
}

impl FromMeta for Text {
    fn from_word() -> Result<Self> {
        Err(Error::custom("a value is missing: write a string literal behind `=`"))
    }

    fn from_expr(expr: &Expr) -> Result<Self> {
        match expr {
            Expr::Lit(literal) => Self::from_value(&literal.lit),
            Expr::Group(group) => Self::from_expr(&group.expr),
            _ => Err(not_a_string(expr)),
        }
    }

    fn from_value(literal: &Lit) -> Result<Self> {
        match literal {
            Lit::Str(text) => Ok(Self(text.clone())),
            _ => Err(not_a_string(literal)),
        }
    }
}

fn not_a_string<Tokens: Spanned>(tokens: &Tokens) -> Error {
    Error::custom("write a string literal here, in double quotes").with_span(tokens)
}

/// A list of string literals.
#[derive(Default)]
pub(crate) struct Texts(pub(crate) Vec<Text>);

impl FromMeta for Texts {
    fn from_word() -> Result<Self> {
        Err(Self::form())
    }

    fn from_expr(expr: &Expr) -> Result<Self> {
        Err(Self::form().with_span(expr))
    }

    fn from_list(items: &[NestedMeta]) -> Result<Self> {
        let text = |item: &NestedMeta| match item {
            NestedMeta::Lit(literal) => Text::from_value(literal),
            other => Err(not_a_string(other)),
        };
        items.iter().map(text).collect::<Result<_>>().map(Self)
    }
}

impl Texts {
    fn form() -> Error {
        Error::custom("write string literals in parentheses: `short_names(\"fw\")`")
    }
}

/// Where the target counts its replicas: `replicas = spec.replicas`, or with a JSON path of its own.
pub(crate) struct ReplicasAttr {
    /// The fields that lead there, in the order of the path. Never empty.
    pub(crate) fields: Vec<Ident>,
    /// The JSON path, where it is not the fields in camel case.
    pub(crate) json: Option<Text>,
}

#[derive(FromMeta)]
struct ReplicasList {
    path: FieldPath,
    json: Option<Text>,
}

impl FromMeta for ReplicasAttr {
    fn from_word() -> Result<Self> {
        Err(FieldPath::form())
    }

    fn from_expr(expr: &Expr) -> Result<Self> {
        FieldPath::from_expr(expr).map(|path| Self { fields: path.0, json: None })
    }

    fn from_list(items: &[NestedMeta]) -> Result<Self> {
        let ReplicasList { path, json } = ReplicasList::from_list(items)?;
        Ok(Self { fields: path.0, json })
    }

    fn from_invalid_expr(value: &MetaNameValueInvalidExpr) -> Result<Self> {
        FieldPath::from_invalid_expr(value).map(|path| Self { fields: path.0, json: None })
    }
}

/// Field names joined by dots.
struct FieldPath(Vec<Ident>);

impl FieldPath {
    fn form() -> Error {
        Error::custom("write the path of a field: `replicas = spec.replicas`")
    }

    fn collect(expr: &Expr, fields: &mut Vec<Ident>) -> Result<()> {
        match expr {
            Expr::Path(path) => match path.path.get_ident() {
                Some(first) => fields.push(first.clone()),
                None => return Err(Self::form().with_span(expr)),
            },
            Expr::Field(field) => {
                Self::collect(&field.base, fields)?;
                match &field.member {
                    Member::Named(name) => fields.push(name.clone()),
                    Member::Unnamed(index) => return Err(Self::form().with_span(index)),
                }
            }
            Expr::Index(index) => {
                let message =
                    "a replica count is one value: its path may cross an `Option`, not a list or a map";
                return Err(Error::custom(message).with_span(&index.index));
            }
            Expr::Lit(literal) => {
                let message = "write the path of a field without quotes: `replicas = spec.replicas`";
                return Err(Error::custom(message).with_span(literal));
            }
            Expr::Group(group) => return Self::collect(&group.expr, fields),
            _ => return Err(Self::form().with_span(expr)),
        }
        Ok(())
    }
}

impl FromMeta for FieldPath {
    fn from_expr(expr: &Expr) -> Result<Self> {
        let mut fields = Vec::new();
        Self::collect(expr, &mut fields)?;
        Ok(Self(fields))
    }

    fn from_invalid_expr(value: &MetaNameValueInvalidExpr) -> Result<Self> {
        let message = "this is not the path of a field; a keyword is written as in `spec.r#type`";
        Err(Error::custom(message).with_span(&value.value))
    }
}

/// What of `#[kube(…)]` decides on the names of the custom resource. The rest is none of our business.
#[derive(FromDeriveInput)]
#[darling(attributes(kube), allow_unknown_fields)]
pub(crate) struct KubeAttrs {
    pub(crate) group: LitStr,
    pub(crate) version: LitStr,
    pub(crate) kind: LitStr,
    pub(crate) root: Option<LitStr>,
    pub(crate) plural: Option<LitStr>,
    pub(crate) singular: Option<LitStr>,
    #[darling(default)]
    pub(crate) namespaced: bool,
    pub(crate) schema: Option<LitStr>,
}

/// A custom resource whose spec the derive sits on.
pub(crate) struct CustomResource {
    pub(crate) attrs: KubeAttrs,
    /// The type that `#[derive(CustomResource)]` writes: called as the kind, or as `root` says. Its place is the word
    /// in the attribute, so that the compiler points there where that derive is missing.
    pub(crate) root: Ident,
}

/// What is beside the derive.
pub(crate) enum Kube {
    /// No `#[kube(…)]`.
    Absent,
    /// `#[kube(…)]` that `#[derive(CustomResource)]` refuses, and says so.
    Refused,
    /// `#[kube(…)]` of a custom resource.
    Resource(Box<CustomResource>),
}

impl Kube {
    pub(crate) fn of(input: &DeriveInput) -> Self {
        if !input.attrs.iter().any(|attribute| attribute.path().is_ident("kube")) {
            return Self::Absent;
        }
        let Ok(attrs) = KubeAttrs::from_derive_input(input) else {
            return Self::Refused;
        };
        match attrs.root.as_ref().unwrap_or(&attrs.kind).parse::<Ident>() {
            Ok(root) if root != input.ident && !matches!(input.data, Data::Union(_)) => {
                Self::Resource(Box::new(CustomResource { attrs, root }))
            }
            _ => Self::Refused,
        }
    }
}

/// The little that an expansion beside errors needs to know, as far as it can be read.
#[derive(FromDeriveInput)]
#[darling(attributes(federate), allow_unknown_fields)]
struct FallbackAttrs {
    target: Given<Type>,
    #[darling(default)]
    crates: CratesAttr,
}

/// The runtime's path and the type of the target, read from attributes of which some are wrong.
pub(crate) fn read_what_is_right(input: &DeriveInput) -> (Path, Option<Type>) {
    match FallbackAttrs::from_derive_input(input) {
        Ok(attrs) => (attrs.crates.runtime, attrs.target.0),
        Err(_) => (default_runtime(), None),
    }
}
