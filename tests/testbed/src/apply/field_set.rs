//! Sets of fields: who owns what.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::path::PathElement;

/// A set of paths, held as a tree. A path that is in the set does not bring the paths above or below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldSet {
    nodes: BTreeMap<PathElement, Node>,
}

/// What is known at one step: whether the path that ends here is a member, and what is below. Never neither.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) member: bool,
    pub(crate) below: FieldSet,
}

impl FieldSet {
    /// A set of fields given as dotted paths without a leading dot, for example `metadata.labels`.
    pub(crate) fn of(paths: &[&str]) -> Self {
        let mut set = Self::default();
        for path in paths {
            let mut level = &mut set;
            let mut names = path.split('.').peekable();
            while let Some(name) = names.next() {
                let node = level.nodes.entry(PathElement::field(name)).or_default();
                node.member |= names.peek().is_none();
                level = &mut node.below;
            }
        }
        set
    }

    /// Whether no path is in the set.
    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&PathElement, &Node)> {
        self.nodes.iter()
    }

    /// Adds what a walk found at one step; nothing where it found nothing.
    pub(crate) fn put(&mut self, element: PathElement, member: bool, below: Self) {
        if !member && below.is_empty() {
            return;
        }
        match self.nodes.entry(element) {
            Entry::Vacant(vacant) => {
                vacant.insert(Node { member, below });
            }
            Entry::Occupied(mut occupied) => {
                let node = occupied.get_mut();
                node.member |= member;
                node.below.extend(below);
            }
        }
    }

    /// Adds everything that is in `other`.
    pub(crate) fn extend(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        for (element, node) in other.nodes {
            self.put(element, node.member, node.below);
        }
    }

    /// Whether the path that is this one step is a member.
    pub(crate) fn has(&self, element: &PathElement) -> bool {
        self.nodes.get(element).is_some_and(|node| node.member)
    }

    /// What is below a step, `None` where nothing is.
    pub(crate) fn below(&self, element: &PathElement) -> Option<&Self> {
        self.nodes.get(element).map(|node| &node.below).filter(|below| !below.is_empty())
    }

    /// Whether the path is a member.
    #[cfg(test)]
    pub(crate) fn contains(&self, path: &[PathElement]) -> bool {
        match path {
            [] => false,
            [last] => self.has(last),
            [first, rest @ ..] => self.below(first).is_some_and(|below| below.contains(rest)),
        }
    }

    /// Members of either set.
    #[must_use]
    pub(crate) fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.extend(other.clone());
        all
    }

    /// Members of both sets.
    #[must_use]
    pub(crate) fn intersection(&self, other: &Self) -> Self {
        let mut common = Self::default();
        for (element, node) in &self.nodes {
            if let Some(theirs) = other.nodes.get(element) {
                let below = node.below.intersection(&theirs.below);
                common.put(element.clone(), node.member && theirs.member, below);
            }
        }
        common
    }

    /// Members of this set that are not members of the other. A path above or below a member of the other stays.
    #[must_use]
    pub(crate) fn difference(&self, other: &Self) -> Self {
        let mut left = Self::default();
        for (element, node) in &self.nodes {
            match other.nodes.get(element) {
                Some(theirs) => {
                    left.put(
                        element.clone(),
                        node.member && !theirs.member,
                        node.below.difference(&theirs.below),
                    );
                }
                None => left.put(element.clone(), node.member, node.below.clone()),
            }
        }
        left
    }

    /// Members of this set that are neither members of the other nor below one.
    #[must_use]
    pub(crate) fn without(&self, other: &Self) -> Self {
        let mut left = Self::default();
        for (element, node) in &self.nodes {
            match other.nodes.get(element) {
                Some(theirs) if theirs.member => {}
                Some(theirs) => left.put(element.clone(), node.member, node.below.without(&theirs.below)),
                None => left.put(element.clone(), node.member, node.below.clone()),
            }
        }
        left
    }

    /// Members that have no members below.
    #[must_use]
    #[cfg(test)]
    pub(crate) fn leaves(&self) -> Self {
        let mut leaves = Self::default();
        for (element, node) in &self.nodes {
            leaves.put(element.clone(), node.member && node.below.is_empty(), node.below.leaves());
        }
        leaves
    }

    /// Every member as a printed path (`.spec.replicas`), each level's own members before what is below them: the order
    /// in which the server lists conflicts.
    pub(crate) fn printed(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.print_below("", &mut paths);
        paths
    }

    fn print_below(&self, prefix: &str, paths: &mut Vec<String>) {
        for (element, _) in self.nodes.iter().filter(|(_, node)| node.member) {
            paths.push(format!("{prefix}{element}"));
        }
        for (element, node) in self.nodes.iter().filter(|(_, node)| !node.below.is_empty()) {
            node.below.print_below(&format!("{prefix}{element}"), paths);
        }
    }
}
