//! Time and chance of one control plane.

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;

/// Wall-clock time that runs with tokio's clock: it stands still where that is paused.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    wall: Timestamp,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), wall: Timestamp::now() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let elapsed =
            jiff::SignedDuration::try_from(self.started.elapsed()).unwrap_or(jiff::SignedDuration::MAX);
        self.wall.checked_add(elapsed).unwrap_or(Timestamp::MAX)
    }

    /// RFC 3339 with seconds, as `metav1.Time` is written.
    pub(crate) fn now_text(&self) -> String {
        seconds(self.now())
    }
}

/// RFC 3339 with seconds, UTC.
pub(crate) fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Letters that generated names end in: no vowels, so that no words appear.
const NAME_LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Identifiers that look random; the same seed gives the same ones.
#[derive(Debug)]
pub(crate) struct Random {
    state: Mutex<u64>,
}

impl Random {
    /// Seeded by the operating system where `seed` is none.
    pub(crate) fn new(seed: Option<u64>) -> Self {
        let seed = seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
        Self { state: Mutex::new(seed) }
    }

    /// SplitMix64: short, and good enough for identifiers.
    pub(crate) fn next(&self) -> u64 {
        let mut state = self.state.lock();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn uid(&self) -> String {
        let bytes = (u128::from(self.next()) << 64 | u128::from(self.next())).to_be_bytes();
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    /// Five letters, as `generateName` appends them.
    pub(crate) fn name_suffix(&self) -> String {
        (0..5).map(|_| char::from(NAME_LETTERS[(self.next() % NAME_LETTERS.len() as u64) as usize])).collect()
    }
}
