//! Which objects a list or watch asks for.

use super::key::ObjectKey;
use super::record::{Attributes, Record};

/// One requirement on a named attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Requirement {
    pub(crate) name: String,
    pub(crate) operator: Operator,
}

/// How an attribute's value is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operator {
    Exists,
    Absent,
    In(Vec<String>),
    /// Also holds where the attribute is absent.
    NotIn(Vec<String>),
    GreaterThan(i64),
    LessThan(i64),
}

impl Requirement {
    fn holds(&self, value: Option<&str>) -> bool {
        match &self.operator {
            Operator::Exists => value.is_some(),
            Operator::Absent => value.is_none(),
            Operator::In(values) => value.is_some_and(|value| values.iter().any(|one| one == value)),
            Operator::NotIn(values) => value.is_none_or(|value| values.iter().all(|one| one != value)),
            Operator::GreaterThan(bound) => number(value).is_some_and(|value| value > *bound),
            Operator::LessThan(bound) => number(value).is_some_and(|value| value < *bound),
        }
    }
}

fn number(value: Option<&str>) -> Option<i64> {
    value?.parse().ok()
}

/// The value of an attribute.
pub(crate) fn attribute<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    let index = attributes.binary_search_by(|(key, _)| (**key).cmp(name)).ok()?;
    Some(&attributes[index].1)
}

/// Namespace, name, labels and fields that an object must have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) labels: Vec<Requirement>,
    /// Requirements on fields; an absent field counts as the empty string, as on the real server.
    pub(crate) fields: Vec<Requirement>,
}

impl Selection {
    /// Everything, in one namespace or (`None`) in all.
    pub(crate) fn all(namespace: Option<&str>) -> Self {
        Self { namespace: namespace.map(str::to_owned), ..Self::default() }
    }

    /// Whether labels or fields narrow the selection.
    pub(crate) fn is_narrowed(&self) -> bool {
        self.name.is_some() || !self.labels.is_empty() || !self.fields.is_empty()
    }

    pub(crate) fn covers(&self, key: &ObjectKey) -> bool {
        self.namespace.as_deref().is_none_or(|namespace| namespace == key.namespace())
            && self.name.as_deref().is_none_or(|name| name == key.name())
    }

    pub(crate) fn matches(&self, record: &Record) -> bool {
        self.covers(&record.key)
            && self
                .labels
                .iter()
                .all(|requirement| requirement.holds(attribute(&record.labels, &requirement.name)))
            && self.fields.iter().all(|requirement| {
                let value = match requirement.name.as_str() {
                    "metadata.name" => record.key.name(),
                    "metadata.namespace" => record.key.namespace(),
                    other => attribute(&record.fields, other).unwrap_or_default(),
                };
                requirement.holds(Some(value))
            })
    }
}
