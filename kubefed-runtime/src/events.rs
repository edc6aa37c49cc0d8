//! Warning events about the objects of one kind (spec 2.5, 3.13, 8.1), off the path of reconciles and said once.

use std::{
    collections::{HashMap, hash_map::Entry},
    time::Duration,
};

use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use kubefed_core::api::ApiResource;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::{clock::Clock, engine::Key};

/// Writes warning events about the objects of one kind in a task of its own.
pub(crate) struct Events {
    sender: mpsc::Sender<Event>,
    kind: ApiResource,
    clock: Clock,
    /// What was last said about an object, by subject: the same again is not said. kube's recorder would count it up on
    /// the host instead, and tells events apart by their reason only, so that a second cause would never be seen.
    said: Mutex<HashMap<Key, HashMap<String, String>>>,
}

/// Events that may wait; beyond that they are dropped, since the status says the same.
const WAITING: usize = 256;
/// How long an event may take to be written.
const TIMEOUT: Duration = Duration::from_secs(10);
/// An API server refuses longer notes.
const LONGEST_NOTE: usize = 1024;

impl Events {
    pub(crate) fn start(host: Client, kind: ApiResource, clock: Clock) -> Self {
        let (sender, mut receiver) = mpsc::channel::<Event>(WAITING);
        tokio::spawn(async move {
            while let Some(event) = receiver.recv().await {
                let namespace = event.metadata.namespace.as_deref().unwrap_or_default();
                let api: Api<Event> = Api::namespaced(host.clone(), namespace);
                let parameters = PostParams::default();
                match tokio::time::timeout(TIMEOUT, api.create(&parameters, &event)).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => tracing::debug!(%error, reason = event.reason, "writing an event"),
                    Err(_) => tracing::debug!(reason = event.reason, "writing an event took too long"),
                }
            }
        });
        Self { sender, kind, clock, said: Mutex::default() }
    }

    /// Warns about an object, unless the same was just said of the same subject.
    pub(crate) fn warn(&self, key: &Key, meta: &ObjectMeta, reason: &str, subject: &str, note: String) {
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
        if self.sender.try_send(self.event(key, meta, reason, note)).is_err() {
            tracing::debug!(%key, reason, "an event was dropped: too many are waiting");
        }
    }

    fn event(&self, key: &Key, meta: &ObjectMeta, reason: &str, mut note: String) -> Event {
        let controller = format!("{}-controller", self.kind.kind.to_lowercase());
        let regarding = ObjectReference {
            api_version: Some(self.kind.api_version()),
            kind: Some(self.kind.kind.clone()),
            name: Some(key.name().to_owned()),
            namespace: key.namespace().map(str::to_owned),
            uid: meta.uid.clone(),
            ..ObjectReference::default()
        };
        if let Some((end, _)) =
            note.char_indices().find(|(start, letter)| start + letter.len_utf8() > LONGEST_NOTE)
        {
            note.truncate(end);
        }
        Event {
            metadata: ObjectMeta {
                // The server adds a few letters, and takes no more than 253.
                generate_name: Some(name_prefix(key.name())),
                // Events about objects without a namespace live in this one.
                namespace: Some(key.namespace().unwrap_or("default").to_owned()),
                ..ObjectMeta::default()
            },
            type_: Some("Warning".to_owned()),
            reason: Some(reason.to_owned()),
            note: Some(note),
            action: Some("Propagate".to_owned()),
            event_time: Some(MicroTime(self.clock.now())),
            reporting_instance: Some(controller.clone()),
            reporting_controller: Some(controller),
            regarding: Some(regarding),
            ..Event::default()
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

/// What the names of events about an object begin with. They have to be DNS subdomains, which the names of roles need
/// not be, and leave room for what the server adds.
fn name_prefix(name: &str) -> String {
    let plain = |letter: char| match letter.to_ascii_lowercase() {
        letter @ ('a'..='z' | '0'..='9' | '-' | '.') => letter,
        _ => '-',
    };
    let name: String = name.chars().map(plain).take(200).collect();
    format!("{}-", name.trim_matches(['-', '.']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_events_are_valid_whatever_the_object_is_called() {
        for (name, prefix) in
            [("web", "web-"), ("a.b", "a.b-"), ("system:Node", "system-node-"), ("x:", "x-")]
        {
            assert_eq!(name_prefix(name), prefix);
        }
    }
}
