//! Creation.

use serde_json::Value;

use super::write::{Outcome, Target, WriteOptions};
use super::{Resources, decode, finish, meta, names};
use crate::apply::{UpdateRequest, update};
use crate::error::{ApiError, ApiResult};
use crate::store::{CommitError, Expect, ObjectKey};

/// How often a generated name is tried again where it is taken.
const GENERATED_NAME_ATTEMPTS: usize = 8;

impl Resources {
    /// POST of a new object.
    pub(crate) fn create(
        &self,
        target: &Target<'_>,
        body: Value,
        options: &WriteOptions,
    ) -> ApiResult<Outcome> {
        let mut object = body;
        let mut warnings = decode::decode(target, &mut object, options.validation)?;
        decode::check_namespace(target, &mut object)?;
        if !meta::text(&object, "resourceVersion").is_empty() {
            return Err(ApiError::new(500, "", "resourceVersion should not be set on objects to be created"));
        }
        decode::fill_defaults(target, &mut object);
        let generate_name =
            meta::text(&object, "name").is_empty() && !meta::text(&object, "generateName").is_empty();
        if generate_name {
            let name = self.generated_name(&object);
            meta::set(&mut object, "name", Value::from(name));
        }
        let object = update(&UpdateRequest {
            schema: &target.kind.schema,
            live: None,
            new: &object,
            manager: &options.manager,
            subresource: target.subresource,
            api_version: &target.kind.api_version(),
            ignored: &target.ignored_fields(),
            now: &self.clock.now_text(),
        });
        let mut outcome = self.create_ready(target, object, options, generate_name)?;
        warnings.append(&mut outcome.warnings);
        Ok(Outcome { warnings, ..outcome })
    }

    fn generated_name(&self, object: &Value) -> String {
        // Names are cut so that they stay labels together with the suffix.
        let base: String = meta::text(object, "generateName").chars().take(58).collect();
        base + &self.random.name_suffix()
    }

    /// Creates an object that is decoded, defaulted and owned: POST and apply meet here.
    pub(super) fn create_ready(
        &self,
        target: &Target<'_>,
        mut object: Value,
        options: &WriteOptions,
        generated_name: bool,
    ) -> ApiResult<Outcome> {
        let kind = target.kind;
        let name = meta::text(&object, "name").to_owned();
        self.check_namespace(target, &name)?;
        finish::system_fields_of_new(self, kind, &mut object);
        self.prepare_new(target, &mut object)?;
        finish::check_new(self, target, &object)?;
        for attempt in 1.. {
            match self.commit(target, object.clone(), Expect::Absent, options.dry_run)? {
                Ok(json) => {
                    if !options.dry_run {
                        self.after_write(target, &json);
                    }
                    let warnings = names::finalizer_warnings(kind, &object);
                    return Ok(Outcome { json, created: true, warnings });
                }
                Err(_) if generated_name && attempt < GENERATED_NAME_ATTEMPTS => {
                    let name = self.generated_name(&object);
                    meta::set(&mut object, "name", Value::from(name));
                }
                Err(CommitError::Exists | CommitError::Missing | CommitError::Changed) => break,
            }
        }
        let name = meta::text(&object, "name");
        let mut error = ApiError::already_exists(kind, name);
        let existing = self.store.get(&kind.storage, &ObjectKey::new(target.namespace, name));
        if existing.is_some_and(|record| record.deleting) {
            error.message = format!("object is being deleted: {}", error.message);
        }
        Err(error)
    }
}
