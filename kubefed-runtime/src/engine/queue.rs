//! A queue of keys: each key is handed out once at a time, and is handed out again if it was added meanwhile.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use super::Key;

/// Keys that are due, keys that will be due, and keys that are being worked on.
///
/// * A key that is added while it is being worked on is handed out again after [`Queue::done`].
/// * A key that is added twice with delays is due at the earlier time (spec 2.1).
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    due: VecDeque<Key>,
    /// Keys in `due`, and keys that were added while being worked on.
    dirty: HashSet<Key>,
    working: HashSet<Key>,
    later: BTreeMap<(Instant, Key), ()>,
    later_by_key: HashMap<Key, Instant>,
}

impl Queue {
    /// Makes a key due now.
    pub(crate) fn add(&self, key: Key) {
        self.state.lock().add(key);
        self.changed.notify_one();
    }

    /// Makes keys due now.
    pub(crate) fn add_all(&self, keys: impl IntoIterator<Item = Key>) {
        let mut state = self.state.lock();
        for key in keys {
            state.add(key);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Makes a key due after a delay, unless it is due earlier.
    pub(crate) fn add_after(&self, key: Key, delay: Duration) {
        let at = Instant::now() + delay;
        let mut state = self.state.lock();
        if state.later_by_key.get(&key).is_some_and(|&earlier| earlier <= at) {
            return;
        }
        if let Some(later) = state.later_by_key.insert(key.clone(), at) {
            state.later.remove(&(later, key.clone()));
        }
        state.later.insert((at, key), ());
        drop(state);
        self.changed.notify_one();
    }

    /// Waits for the next key. It is worked on until [`Queue::done`] is called for it.
    pub(crate) async fn next(&self) -> Key {
        loop {
            let wake_at = {
                let mut state = self.state.lock();
                let wake_at = state.promote(Instant::now());
                if let Some(key) = state.due.pop_front() {
                    state.dirty.remove(&key);
                    state.working.insert(key.clone());
                    if !state.due.is_empty() {
                        self.changed.notify_one();
                    }
                    return key;
                }
                wake_at
            };
            match wake_at {
                Some(at) => {
                    tokio::select! {
                        () = self.changed.notified() => {}
                        () = tokio::time::sleep_until(at) => {}
                    }
                }
                None => self.changed.notified().await,
            }
        }
    }

    /// The work on a key has ended.
    pub(crate) fn done(&self, key: &Key) {
        let mut state = self.state.lock();
        state.working.remove(key);
        if state.dirty.contains(key) {
            state.due.push_back(key.clone());
            drop(state);
            self.changed.notify_one();
        }
    }
}

impl State {
    fn add(&mut self, key: Key) {
        if let Some(at) = self.later_by_key.remove(&key) {
            self.later.remove(&(at, key.clone()));
        }
        if self.dirty.insert(key.clone()) && !self.working.contains(&key) {
            self.due.push_back(key);
        }
    }

    /// Moves what is due by now; tells when the next key will be.
    fn promote(&mut self, now: Instant) -> Option<Instant> {
        while let Some(((at, _), ())) = self.later.first_key_value() {
            if *at > now {
                return Some(*at);
            }
            if let Some(((_, key), ())) = self.later.pop_first() {
                self.later_by_key.remove(&key);
                self.add(key);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::new(None, name)
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_is_worked_on_once_at_a_time_and_again_if_it_was_added_meanwhile() {
        let queue = Queue::default();
        queue.add(key("a"));
        queue.add(key("a"));
        assert_eq!(queue.next().await, key("a"));
        queue.add(key("a"));
        queue.add(key("b"));
        assert_eq!(queue.next().await, key("b"), "a is being worked on");
        queue.done(&key("a"));
        assert_eq!(queue.next().await, key("a"));
        queue.done(&key("a"));
        queue.done(&key("b"));
        assert!(tokio::time::timeout(Duration::from_secs(60), queue.next()).await.is_err(), "nothing is due");
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_delays_the_shorter_counts() {
        let queue = Queue::default();
        let start = Instant::now();
        queue.add_after(key("a"), Duration::from_secs(9));
        queue.add_after(key("a"), Duration::from_secs(3));
        queue.add_after(key("a"), Duration::from_secs(6));
        assert_eq!(queue.next().await, key("a"));
        assert_eq!(start.elapsed(), Duration::from_secs(3));
        queue.done(&key("a"));
        let again = tokio::time::timeout(Duration::from_secs(60), queue.next()).await;
        assert!(again.is_err(), "the longer delays were replaced");
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_is_due_now_is_not_due_later() {
        let queue = Queue::default();
        queue.add_after(key("a"), Duration::from_secs(9));
        queue.add(key("a"));
        assert_eq!(queue.next().await, key("a"));
        queue.done(&key("a"));
        assert!(tokio::time::timeout(Duration::from_secs(60), queue.next()).await.is_err());
    }
}
