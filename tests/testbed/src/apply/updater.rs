//! Who owns what after a write: the rules of structured merge and diff, over the managers of one object.

use serde_json::Value;

use crate::schema::Shape;

use super::compare::{Comparison, compare};
use super::error::{Conflicts, Contested};
use super::field_set::FieldSet;
use super::managers::{ManagerId, Managers, Owned};
use super::merge::merge;
use super::reconcile::reconcile;
use super::remove::{remove_items, with_named_fields};
use super::typed::field_set;
use super::value::equal;

/// One write to one object.
pub(crate) struct Write<'a> {
    pub(crate) shape: Shape<'a>,
    pub(crate) live: &'a Value,
    pub(crate) api_version: &'a str,
    /// What the endpoint never persists.
    pub(crate) ignored: &'a FieldSet,
}

impl Write<'_> {
    /// Ownership after an object was replaced: what changed goes to `own`, what is gone belongs to nobody. Returns what
    /// this write gives to its manager, which the caller joins with what that manager owned before.
    pub(crate) fn replace(&self, new: &Value, managers: &mut Managers) -> FieldSet {
        self.reconcile(managers);
        let comparison = compare(self.shape, self.live, new).without(self.ignored);
        take_from_others(&comparison, managers, None);
        let mut own = comparison.modified;
        own.extend(comparison.added);
        own
    }

    /// The object after a configuration was applied, `None` where nothing in it changed, and the managers after that.
    ///
    /// # Errors
    /// With the fields in conflict, unless forced.
    pub(crate) fn apply(
        &self,
        applied: &Value,
        managers: &mut Managers,
        own: &ManagerId,
        force: bool,
    ) -> Result<Option<Value>, Conflicts> {
        self.reconcile(managers);
        let merged = merge(self.shape, self.live, applied);
        let fields = field_set(self.shape, applied).without(self.ignored);
        let owned = Owned { fields, api_version: self.api_version.to_owned(), time: None };
        let last = managers.0.insert(own.clone(), owned);
        if let (Some(last), Some(owned)) = (&last, managers.0.get_mut(own)) {
            owned.time.clone_from(&last.time);
        }
        let new = match last {
            Some(last) if !last.fields.is_empty() => self.prune(&merged, managers, &last.fields),
            _ => merged,
        };
        let comparison = compare(self.shape, self.live, &new).without(self.ignored);
        if !force {
            let conflicts = conflicts(&comparison, managers, own);
            if !conflicts.0.is_empty() {
                return Err(conflicts);
            }
        }
        take_from_others(&comparison, managers, Some(own));
        Ok((!equal(self.live, &new)).then_some(new))
    }

    /// Drops what the manager applied last time, does not apply now, and nobody else owns.
    fn prune(&self, merged: &Value, managers: &Managers, last: &FieldSet) -> Value {
        let shape = self.shape;
        let named = |set: &FieldSet| with_named_fields(Some(shape), set);
        let last = named(last);
        let pruned = remove_items(shape, merged, &last);
        let merged_set = named(&field_set(shape, merged));

        // Back comes what anybody owns, this manager's new configuration included.
        let mut kept = named(&field_set(shape, &pruned));
        for owned in managers.0.values() {
            kept.extend(named(&owned.fields));
        }
        let pruned = remove_items(shape, merged, &merged_set.difference(&kept));

        // Back comes, too, what was not this manager's to remove.
        let pruned_set = named(&field_set(shape, &pruned));
        remove_items(shape, merged, &merged_set.difference(&pruned_set).intersection(&last))
    }

    fn reconcile(&self, managers: &mut Managers) {
        for owned in managers.0.values_mut() {
            owned.fields = reconcile(self.shape, &owned.fields);
        }
    }
}

/// The fields of others that the write changes or adds.
fn conflicts(comparison: &Comparison, managers: &Managers, own: &ManagerId) -> Conflicts {
    let changed = comparison.modified.union(&comparison.added);
    let mut conflicts = Conflicts::default();
    for (id, owned) in managers.0.iter().filter(|(id, _)| *id != own) {
        let fields = owned.fields.intersection(&changed);
        if !fields.is_empty() {
            let contested =
                Contested { fields, api_version: owned.api_version.clone(), time: owned.time.clone() };
            conflicts.0.insert(id.clone(), contested);
        }
    }
    conflicts
}

/// Takes what the write changed, added and removed from everybody but `own`, and drops who is left with nothing.
fn take_from_others(comparison: &Comparison, managers: &mut Managers, own: Option<&ManagerId>) {
    let changed = comparison.modified.union(&comparison.added).union(&comparison.removed);
    for (_, owned) in managers.0.iter_mut().filter(|(id, _)| Some(*id) != own) {
        owned.fields = owned.fields.difference(&changed);
    }
    managers.0.retain(|_, owned| !owned.fields.is_empty());
}
