//! Work that cannot be finished now is set aside: its note moves on to a later minute, the further the more often it was
//! tried, so that it keeps nobody else waiting and is never forgotten. Pure.
//!
//! Where a note moves to follows from the note alone. All processes sweep all notes, and two that set the same one aside
//! write the same new one.

use std::collections::HashMap;

use prometheus::{IntGauge, IntGaugeVec, Opts};
use store_telemetry::Catalogue;
use uuid::Uuid;

/// The first wait in milliseconds; each next one is twice as long.
const FIRST_WAIT_MS: i64 = 60_000;
/// The longest one.
const LONGEST_WAIT_MS: i64 = 3_600_000;
/// A note that was set aside and is not met again so long after its time was finished by another process.
const GONE_AFTER_MS: i64 = 120_000;

/// How often the note of this operation was set aside. Operations are made as UUIDs of version 4; version 8 is there for
/// what a program wants to say by one.
pub fn times(operation: Uuid) -> u8 {
    match operation.get_version_num() {
        8 => operation.as_bytes()[15],
        _ => 0,
    }
}

/// Moment and operation of the note that takes the place of this one: the next moment of its row of waits after `now`.
pub fn later(at: i64, operation: Uuid, now: i64) -> (i64, Uuid) {
    let (mut at, mut tries) = (at, times(operation));
    loop {
        let wait = FIRST_WAIT_MS << tries.min(6);
        at += wait.min(LONGEST_WAIT_MS);
        tries = tries.saturating_add(1);
        if at > now {
            break;
        }
    }
    let mut bytes = *operation.as_bytes();
    bytes[15] = tries;
    (at, uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// What the sweepers of a process tell of themselves, by the table of their notes.
#[derive(Debug, Clone)]
pub struct SweepFigures {
    stuck: IntGaugeVec,
    age: IntGaugeVec,
}

impl SweepFigures {
    /// Registers them.
    pub fn register(catalogue: &Catalogue) -> Result<Self, prometheus::Error> {
        let vec = |name: &str, help: &str| catalogue.add(IntGaugeVec::new(Opts::new(name, help), &["table"])?);
        Ok(Self {
            stuck: vec(
                "store_sweep_stuck_notes",
                "Changes under way that this process could not finish and has set aside; each is tried again after a minute, then ever later, within an hour at most.",
            )?,
            age: vec(
                "store_sweep_position_age_seconds",
                "Seconds up to which changes under way were looked through: about half a minute, and ever more while the sweeper breaks off or is held up.",
            )?,
        })
    }

    /// The figures of one table.
    pub fn of(&self, table: &str) -> Aside {
        let (stuck, age) = (self.stuck.with_label_values(&[table]), self.age.with_label_values(&[table]));
        Aside { due: HashMap::new(), stuck, age }
    }
}

/// What one sweeper has set aside, as far as it knows.
#[derive(Debug)]
pub struct Aside {
    /// By the row, when it will be tried again.
    due: HashMap<Uuid, i64>,
    stuck: IntGauge,
    age: IntGauge,
}

impl Aside {
    /// For a sweep that nobody watches.
    #[cfg(test)]
    pub fn unseen() -> Self {
        let gauge = || IntGauge::new("unseen", "unseen").unwrap();
        Self { due: HashMap::new(), stuck: gauge(), age: gauge() }
    }

    /// The note of this row was set aside until `at`.
    pub fn put(&mut self, row: Uuid, at: i64) {
        self.due.insert(row, at);
        self.tell();
    }

    /// The row's change is finished.
    pub fn finished(&mut self, row: Uuid) {
        self.due.remove(&row);
        self.tell();
    }

    /// Everything up to `position` was looked at, `now`.
    pub fn swept(&mut self, position: i64, now: i64) {
        self.due.retain(|_, at| *at + GONE_AFTER_MS > position);
        self.tell();
        self.age(position, now);
    }

    /// Where the sweeper stands.
    pub fn age(&self, position: i64, now: i64) {
        self.age.set((now - position) / 1000);
    }

    /// Changes that are set aside.
    pub fn len(&self) -> usize {
        self.due.len()
    }

    /// Whether nothing is set aside.
    pub fn is_empty(&self) -> bool {
        self.due.is_empty()
    }

    fn tell(&self) {
        self.stuck.set(i64::try_from(self.due.len()).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_moves_on_by_a_minute_then_by_twice_as_much_and_an_hour_at_most() {
        let mut note = (0, Uuid::new_v4());
        let mut waits = Vec::new();
        for tries in 0..9 {
            assert_eq!(times(note.1), tries);
            let next = later(note.0, note.1, note.0);
            waits.push((next.0 - note.0) / 60_000);
            note = next;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(times((0..300).fold(note.1, |operation, _| later(0, operation, 0).1)), u8::MAX);
    }

    #[test]
    fn processes_that_set_the_same_note_aside_at_different_moments_write_notes_that_meet() {
        let note = (1_000, Uuid::new_v4());
        // An old note: one process is ten minutes ahead of the other.
        let (first, second) = (later(note.0, note.1, 86_400_000), later(note.0, note.1, 87_000_000));
        assert!(first.0 > 86_400_000 && second.0 > 87_000_000);
        assert_eq!(later(note.0, note.1, 86_400_001), first, "the same new note");
        assert_eq!(later(first.0, first.1, 90_600_000), later(second.0, second.1, 90_600_000));
    }

    #[test]
    fn what_another_process_has_finished_is_not_stuck_for_ever() {
        let mut aside = Aside::unseen();
        let (ours, theirs) = (Uuid::from_u128(1), Uuid::from_u128(2));
        aside.put(ours, 60_000);
        aside.put(theirs, 60_000);
        aside.swept(100_000, 130_000);
        assert_eq!((aside.len(), aside.stuck.get(), aside.age.get()), (2, 2, 30));
        aside.finished(ours);
        aside.swept(60_000 + GONE_AFTER_MS, 250_000);
        assert!(aside.is_empty());
        assert_eq!(aside.stuck.get(), 0);
    }
}
