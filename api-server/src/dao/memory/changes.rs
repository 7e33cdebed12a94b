//! The feed and the audit trail in memory, behind one lock: each call is atomic.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::time::{Duration, Instant};
use uuid::Uuid;

use crate::dao::changes::{Appended, Audited, ChangeDao, ENTRIES_OF_A_BLOCK, Entry, Note, Object};
use crate::dao::{Context, DaoError};

#[derive(Debug, Default)]
struct Kept {
    entries: BTreeMap<i64, Entry>,
    /// The number of the last entry as it is kept apart from the entries.
    kept_last: i64,
    told: HashMap<Object, i64>,
    notes: BTreeMap<(i64, Uuid), Note>,
    swept_until: Option<i64>,
    audited: BTreeMap<Uuid, Audited>,
    readers: HashMap<String, Reader>,
}

#[derive(Debug)]
struct Reader {
    owner: Uuid,
    until: Instant,
    position: String,
}

/// See the module.
#[derive(Debug, Default)]
pub struct MemoryChanges {
    kept: Mutex<Kept>,
    /// How long each look for entries takes.
    look: Duration,
}

/// Notes that are given at once.
const NOTES_AT_ONCE: usize = 200;

impl MemoryChanges {
    /// One whose looks for entries take so long.
    pub fn slow(look: Duration) -> Self {
        Self { look, ..Self::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets entries up to a number go, as those that are older than they are kept do.
    pub fn expire(&self, number: i64) {
        self.kept().entries.retain(|at, _| *at > number);
    }
}

fn until(seconds: i32) -> Instant {
    Instant::now() + Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}

#[async_trait]
impl ChangeDao for MemoryChanges {
    async fn append(&self, _cx: &Context, number: i64, entry: &Entry) -> Result<Appended, DaoError> {
        let mut kept = self.kept();
        let there = kept.entries.entry(number).or_insert_with(|| entry.clone());
        let ours = there.operation == entry.operation;
        Ok(if ours { Appended::Done } else { Appended::Taken })
    }

    async fn entries(&self, _cx: &Context, after: i64, limit: usize) -> Result<Vec<(i64, Entry)>, DaoError> {
        if !self.look.is_zero() {
            tokio::time::sleep(self.look).await;
        }
        let kept = self.kept();
        let end = ((after + 1).div_euclid(ENTRIES_OF_A_BLOCK) + 1) * ENTRIES_OF_A_BLOCK;
        let found = kept.entries.range(after + 1..end).take(limit);
        Ok(found.map(|(number, entry)| (*number, entry.clone())).collect())
    }

    async fn last(&self, _cx: &Context) -> Result<i64, DaoError> {
        let kept = self.kept();
        Ok(kept.entries.keys().next_back().copied().unwrap_or(0).max(kept.kept_last))
    }

    async fn told(&self, _cx: &Context, objects: &[Object]) -> Result<Vec<(Object, i64)>, DaoError> {
        let kept = self.kept();
        Ok(objects.iter().filter_map(|object| Some((*object, *kept.told.get(object)?))).collect())
    }

    async fn keep_told(&self, _cx: &Context, told: &[(Object, i64)], last: i64) -> Result<(), DaoError> {
        let mut kept = self.kept();
        kept.kept_last = kept.kept_last.max(last);
        for (object, version) in told {
            let known = kept.told.entry(*object).or_default();
            *known = (*known).max(*version);
        }
        Ok(())
    }

    async fn note(&self, _cx: &Context, note: &Note) -> Result<(), DaoError> {
        self.kept().notes.insert((note.at, note.operation), note.clone());
        Ok(())
    }

    async fn forget(&self, _cx: &Context, notes: &[Note]) -> Result<(), DaoError> {
        let mut kept = self.kept();
        for note in notes {
            kept.notes.remove(&(note.at, note.operation));
        }
        Ok(())
    }

    async fn notes(&self, _cx: &Context, minute: i64) -> Result<Vec<Note>, DaoError> {
        let kept = self.kept();
        let of_minute = kept.notes.range((minute * 60_000, Uuid::nil())..((minute + 1) * 60_000, Uuid::nil()));
        Ok(of_minute.take(NOTES_AT_ONCE).map(|(_, note)| note.clone()).collect())
    }

    async fn swept_until(&self, _cx: &Context) -> Result<Option<i64>, DaoError> {
        Ok(self.kept().swept_until)
    }

    async fn set_swept_until(&self, _cx: &Context, minute: i64) -> Result<(), DaoError> {
        self.kept().swept_until = Some(minute);
        Ok(())
    }

    async fn audit(&self, _cx: &Context, lines: &[Audited]) -> Result<(), DaoError> {
        self.kept().audited.extend(lines.iter().map(|line| (line.id, line.clone())));
        Ok(())
    }

    async fn audited(
        &self,
        _cx: &Context,
        hour: i64,
        below: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<Audited>, DaoError> {
        let kept = self.kept();
        let lines = kept.audited.range(..below.unwrap_or(Uuid::max())).rev().map(|(_, line)| line);
        Ok(lines.filter(|line| line.at.div_euclid(3_600_000) == hour).take(limit).cloned().collect())
    }

    async fn claim(&self, _cx: &Context, reader: &str, owner: Uuid, seconds: i32) -> Result<Option<String>, DaoError> {
        let mut kept = self.kept();
        let new = Reader { owner, until: until(seconds), position: String::new() };
        let known = kept.readers.entry(reader.to_owned()).or_insert(new);
        if known.owner != owner && known.until > Instant::now() {
            return Ok(None);
        }
        (known.owner, known.until) = (owner, until(seconds));
        Ok(Some(known.position.clone()))
    }

    async fn advance(
        &self,
        _cx: &Context,
        reader: &str,
        owner: Uuid,
        seconds: i32,
        position: &str,
    ) -> Result<bool, DaoError> {
        let mut kept = self.kept();
        match kept.readers.get_mut(reader) {
            Some(known) if known.owner == owner && known.until > Instant::now() => {
                (known.until, known.position) = (until(seconds), position.to_owned());
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}
