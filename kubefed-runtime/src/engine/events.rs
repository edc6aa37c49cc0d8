//! Warning events of one type (spec 3.13), off the path of reconciles and said once.

use std::collections::{HashMap, hash_map::Entry};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use kubefed_core::api::{ApiResource, RawFederated};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::Key;

/// Writes warning events about federated objects in a task of its own.
pub(crate) struct Events {
    sender: mpsc::Sender<(Event, ObjectReference)>,
    federated: ApiResource,
    /// What was last said about an object, by subject: the same again is not said.
    said: Mutex<HashMap<Key, HashMap<String, String>>>,
}

/// Events that may wait; beyond that they are dropped, since the status says the same.
const WAITING: usize = 256;

impl Events {
    pub(crate) fn start(host: Client, federated: ApiResource) -> Self {
        let controller = format!("{}-controller", federated.kind.to_lowercase());
        let recorder = Recorder::new(host, Reporter { controller, instance: None });
        let (sender, mut receiver) = mpsc::channel::<(Event, ObjectReference)>(WAITING);
        tokio::spawn(async move {
            while let Some((event, reference)) = receiver.recv().await {
                if let Err(error) = recorder.publish(&event, &reference).await {
                    tracing::debug!(%error, reason = event.reason, "writing an event");
                }
            }
        });
        Self { sender, federated, said: Mutex::default() }
    }

    /// Warns about a federated object, unless the same was just said of the same subject.
    pub(crate) fn warn(
        &self,
        key: &Key,
        federated: &RawFederated,
        reason: &str,
        subject: &str,
        note: String,
    ) {
        let subject = format!("{reason}/{subject}");
        match self.said.lock().entry(key.clone()).or_default().entry(subject) {
            Entry::Occupied(mut said) => {
                if *said.get() == note {
                    return;
                }
                said.insert(note.clone());
            }
            Entry::Vacant(unsaid) => {
                unsaid.insert(note.clone());
            }
        }
        let event = Event {
            type_: EventType::Warning,
            reason: reason.to_owned(),
            note: Some(note),
            action: "Propagate".to_owned(),
            secondary: None,
        };
        let reference = ObjectReference {
            api_version: Some(self.federated.api_version()),
            kind: Some(self.federated.kind.clone()),
            name: Some(key.name().to_owned()),
            namespace: key.namespace().map(str::to_owned),
            uid: federated.metadata.uid.clone(),
            ..ObjectReference::default()
        };
        if self.sender.try_send((event, reference)).is_err() {
            tracing::debug!(%key, reason, "an event was dropped: too many are waiting");
        }
    }

    /// A subject is well again: the next warning about it is said anew.
    pub(crate) fn well(&self, key: &Key, subject: &str) {
        let mut said = self.said.lock();
        if let Some(subjects) = said.get_mut(key) {
            subjects.retain(|about, _| about.split_once('/').is_none_or(|(_, about)| about != subject));
            if subjects.is_empty() {
                said.remove(key);
            }
        }
    }

    /// The object is gone.
    pub(crate) fn forget(&self, key: &Key) {
        self.said.lock().remove(key);
    }
}
