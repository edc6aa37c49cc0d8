//! Replacement: PUT, and what patches end in.

use kubefed_core::schema::structural::FieldError;
use serde_json::{Value, json};

use super::write::{Live, Outcome, Target, WriteOptions};
use super::{Resources, decode, finish, meta, names};
use crate::apply::{UpdateRequest, update};
use crate::encode::encode;
use crate::error::{ApiError, ApiResult};
use crate::store::{CommitError, Expect};

/// What became of an attempt to replace an object.
pub(super) enum Replaced {
    Done(Outcome),
    /// Somebody else was faster: look again.
    Again,
}

impl Resources {
    /// PUT.
    pub(crate) fn replace(
        &self,
        target: &Target<'_>,
        body: Value,
        options: &WriteOptions,
    ) -> ApiResult<Outcome> {
        let mut object = body;
        let warnings = decode::decode(target, &mut object, options.validation)?;
        decode::check_namespace(target, &mut object)?;
        decode::check_name(target, &mut object)?;
        decode::fill_defaults(target, &mut object);
        loop {
            let Some(live) = self.live(target) else {
                if target.kind.traits.create_on_update && target.subresource.is_none() {
                    meta::set(&mut object, "resourceVersion", Value::Null);
                    return self.create(target, object, options);
                }
                return Err(ApiError::not_found(target.kind, target.name));
            };
            let new = object.clone();
            if let Replaced::Done(mut outcome) =
                self.replace_live(target, &live, new, options, OtherUid::Conflict)?
            {
                outcome.warnings.splice(0..0, warnings);
                return Ok(outcome);
            }
        }
    }

    /// Replaces `live` by `new`, which is decoded and defaulted.
    pub(super) fn replace_live(
        &self,
        target: &Target<'_>,
        live: &Live,
        mut new: Value,
        options: &WriteOptions,
        other_uid: OtherUid,
    ) -> ApiResult<Replaced> {
        check_preconditions(target, live, &mut new, other_uid)?;
        finish::keep_system_fields(target, &live.object, &mut new);
        let new = self.owned(target, live, &new, options);
        self.replace_ready(target, live, new, options)
    }

    /// `new` with the ownership that replacing `live` by it leads to.
    pub(super) fn owned(
        &self,
        target: &Target<'_>,
        live: &Live,
        new: &Value,
        options: &WriteOptions,
    ) -> Value {
        update(&UpdateRequest {
            schema: &target.kind.schema,
            live: Some(&live.object),
            new,
            manager: &options.manager,
            subresource: target.subresource,
            api_version: &target.kind.api_version(),
            ignored: &target.ignored_fields(),
            now: &self.clock.now_text(),
        })
    }

    /// Replaces `live` by an object that is decoded, defaulted and owned: updates and applies meet here.
    pub(super) fn replace_ready(
        &self,
        target: &Target<'_>,
        live: &Live,
        mut new: Value,
        options: &WriteOptions,
    ) -> ApiResult<Replaced> {
        finish::keep_system_fields(target, &live.object, &mut new);
        self.prepare_changed(target, &live.object, &mut new)?;
        finish::check_changed(self, target, &live.object, &new)?;
        if new == live.object {
            return Ok(Replaced::Done(done(&new)));
        }
        if meta::is_being_deleted(&new)
            && meta::finalizers(&new).is_empty()
            && self.nothing_holds(target, &new)
        {
            return self.remove_unheld(target, live, &new, options);
        }
        let warnings = names::finalizer_warnings(target.kind, &new);
        let expect = Expect::Revision(live.record.revision);
        match self.commit(target, new, expect, options.dry_run)? {
            Ok(json) => {
                if !options.dry_run {
                    self.after_write(target, &json);
                }
                Ok(Replaced::Done(Outcome { json, created: false, warnings }))
            }
            Err(CommitError::Missing | CommitError::Changed | CommitError::Exists) => Ok(Replaced::Again),
        }
    }

    /// The last finalizer is gone: the object goes instead of being written once more.
    fn remove_unheld(
        &self,
        target: &Target<'_>,
        live: &Live,
        new: &Value,
        options: &WriteOptions,
    ) -> ApiResult<Replaced> {
        if options.dry_run {
            return Ok(Replaced::Done(done(new)));
        }
        match self.store.remove(&target.kind.storage, &target.key(), Expect::Revision(live.record.revision)) {
            Ok(_) => {
                self.after_removal(target.kind, &live.object);
                Ok(Replaced::Done(done(new)))
            }
            Err(_) => Ok(Replaced::Again),
        }
    }
}

/// How a write fails whose object has another uid than the live one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OtherUid {
    /// PUT: the object that was meant is another one.
    Conflict,
    /// Patches: the patch would change a field that cannot change.
    Immutable,
}

/// Where etcd would have the object.
fn storage_key(target: &Target<'_>) -> String {
    let kind = target.kind;
    let group = if kind.custom.is_some() { format!("{}/", kind.group) } else { String::new() };
    let namespace = if kind.namespaced { format!("{}/", target.namespace) } else { String::new() };
    format!("/registry/{group}{}/{namespace}{}", kind.resource, target.name)
}

fn done(object: &Value) -> Outcome {
    Outcome { json: encode(object).into(), created: false, warnings: Vec::new() }
}

/// uid and resourceVersion of the new object, where given, must be those of the live one.
pub(super) fn check_preconditions(
    target: &Target<'_>,
    live: &Live,
    new: &mut Value,
    other_uid: OtherUid,
) -> ApiResult<()> {
    let kind = target.kind;
    let version = meta::text(new, "resourceVersion");
    let stale = !matches!(version, "" | "0") && version != meta::text(&live.object, "resourceVersion");
    if other_uid == OtherUid::Immutable && stale && version.parse::<u64>().is_ok() {
        // A patch is compared with the live object before it is validated.
        return Err(ApiError::modified(kind, target.name));
    }
    let live_uid = meta::text(&live.object, "uid");
    let uid = meta::text(new, "uid");
    if !uid.is_empty() && uid != live_uid {
        if other_uid == OtherUid::Immutable {
            let error = FieldError::invalid("metadata.uid", Value::from(uid), "field is immutable");
            return Err(ApiError::invalid(kind, target.name, &[error]));
        }
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: {}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID \
             in precondition: {uid}, UID in object meta: {live_uid}",
            storage_key(target)
        );
        return Err(ApiError::conflict(kind, target.name, &why));
    }
    let live_version = meta::text(&live.object, "resourceVersion");
    let version = meta::text(new, "resourceVersion");
    if version.is_empty() || version == "0" {
        if kind.custom.is_some() || kind.traits.version_required {
            let error = FieldError::invalid(
                "metadata.resourceVersion",
                // Go prints the unset number.
                json!(0),
                "must be specified for an update",
            );
            let mut refusal = ApiError::invalid(kind, target.name, &[error]);
            // The server names the resource here where it names the kind elsewhere.
            refusal.message = refusal.message.replacen(&kind.qualified_kind(), &kind.qualified(), 1);
            refusal.details["kind"] = Value::from(kind.resource.as_str());
            return Err(refusal);
        }
        let live_version = Value::from(live_version);
        meta::set(new, "resourceVersion", live_version);
    } else if version.parse::<u64>().is_err() {
        return Err(ApiError::unexpected(format!(
            "strconv.ParseUint: parsing \"{version}\": invalid syntax"
        )));
    } else if version != live_version {
        return Err(ApiError::modified(kind, target.name));
    }
    Ok(())
}
