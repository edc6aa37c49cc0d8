//! The order of API versions.

use std::cmp::Ordering;

/// Stability of a version: `v1` before `v1beta1` before `v1alpha1`, higher numbers first; anything else last, by name.
fn rank(version: &str) -> Option<(u8, u32, u32)> {
    let rest = version.strip_prefix('v')?;
    let digits = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    let major = rest[..digits].parse().ok()?;
    let rest = &rest[digits..];
    if rest.is_empty() {
        return Some((2, major, 0));
    }
    for (stability, prefix) in [(1, "beta"), (0, "alpha")] {
        if let Some(minor) = rest.strip_prefix(prefix) {
            return Some((stability, major, minor.parse().ok()?));
        }
    }
    None
}

/// Compares so that the version that clients should prefer comes first.
pub(super) fn preferred(a: &str, b: &str) -> Ordering {
    match (rank(a), rank(b)) {
        (Some(a), Some(b)) => b.cmp(&a),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

#[cfg(test)]
mod tests {
    use super::preferred;

    #[test]
    fn stable_versions_come_first() {
        let mut versions = ["foo1", "v1alpha2", "v2beta1", "v1", "v10", "v1beta2", "v2", "bar"];
        versions.sort_by(|a, b| preferred(a, b));
        assert_eq!(versions, ["v10", "v2", "v1", "v2beta1", "v1beta2", "v1alpha2", "bar", "foo1"]);
    }
}
