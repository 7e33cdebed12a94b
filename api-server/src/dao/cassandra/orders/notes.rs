//! Notes of orders under way in Cassandra, by minute and shard, and who looks through them how far. Notes of processes of the
//! version before lie in a table of their own, from which they are read and removed only.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use scylla::value::{CqlTimestamp, CqlValue};
use uuid::Uuid;

use crate::dao::cassandra::StartError;
use crate::dao::cassandra::execute::{Bound, Database, Statement};
use crate::dao::cassandra::intents::{Detail, Intent, Intents};
use crate::dao::cassandra::listing::copies::{bigint, id, time, tinyint};
use crate::dao::cassandra::products::broken;
use crate::dao::cassandra::tries::decide;
use crate::dao::orders::{Contents, NOTE_SHARDS, NOTES_AT_ONCE, Note, OLD_NOTES, Swept, whole};
use crate::dao::ranks::Turned;
use crate::dao::{Context, DaoError};

/// Minutes that one statement reads.
const MINUTES_AT_ONCE: i64 = 16;
/// Notes of which it is told what they name.
const UNRANKED_MAX: i32 = 20_000;
/// Minutes of them, the latest.
const UNRANKED_MINUTES: i64 = 16;
/// Partitions whose notes are removed at the same time.
const REMOVED_AT_ONCE: usize = 4;

/// A note of the version before says nothing beside the order's id.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Nothing;

impl Detail for Nothing {
    const TABLE: &'static str = "order_intents";
    const OWNER: &'static str = "order_id";
    const COLUMNS: &'static [&'static str] = &[];

    fn write(&self) -> Vec<Bound> {
        Vec::new()
    }

    fn read(_owner: Uuid, _values: Vec<Option<CqlValue>>) -> Self {
        Self
    }
}

/// Lines of a note: products with their quantities.
type NotedLines = Vec<(Uuid, i64)>;

/// A row of a note: time, operation, order, user, time of the order, lines.
type Row = (CqlTimestamp, Uuid, Option<Uuid>, Option<Uuid>, Option<CqlTimestamp>, Option<NotedLines>);

/// See the module.
pub struct Notes {
    database: Arc<Database>,
    old: Intents<Nothing>,
    write: Statement,
    drop: Statement,
    read: Statement,
    unranked: Statement,
    sweeps: Statement,
    claim: Statement,
    set_until: Statement,
    clock: Statement,
}

/// The name under which the sweeps of a shard are kept.
fn name_of(shard: u8) -> String {
    if shard == OLD_NOTES { Nothing::TABLE.to_owned() } else { format!("order_notes.{shard}") }
}

impl Notes {
    /// Prepares the statements.
    pub async fn prepare(database: Arc<Database>) -> Result<Self, StartError> {
        let table = "order_notes";
        let write = "INSERT INTO {ks}.order_notes (minute, shard, at, operation, order_id, user_id, created_at, lines) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
        let drop = "DELETE FROM {ks}.order_notes WHERE minute = ? AND shard = ? AND at = ? AND operation = ?";
        let read = "SELECT at, operation, order_id, user_id, created_at, lines FROM {ks}.order_notes \
             WHERE minute IN ? AND shard = ? AND at > ? AND at <= ? PER PARTITION LIMIT ?";
        let unranked = "SELECT at, operation, order_id, user_id, created_at, lines FROM {ks}.order_notes \
             WHERE minute IN ? AND shard IN ? LIMIT ?";
        let sweeps = "SELECT name, done_until, owner FROM {ks}.sweeps WHERE name IN ?";
        let claim = "UPDATE {ks}.sweeps USING TTL ? SET owner = ? WHERE name = ? IF owner = null";
        let set_until = "INSERT INTO {ks}.sweeps (name, done_until) VALUES (?, ?)";
        let clock = "SELECT toTimestamp(now()) FROM system.local";
        Ok(Self {
            old: Intents::prepare(Arc::clone(&database)).await?,
            write: database.plain("INSERT", table, write).await?,
            drop: database.plain("DELETE", table, drop).await?,
            read: database.plain("SELECT", table, read).await?,
            unranked: database.plain("SELECT", table, unranked).await?,
            sweeps: database.plain("SELECT", "sweeps", sweeps).await?,
            claim: database.conditional("UPDATE", "sweeps", claim).await?,
            set_until: database.plain("INSERT", "sweeps", set_until).await?,
            clock: database.plain("SELECT", "local", clock).await?,
            database,
        })
    }

    /// Writes a note at the client's level, so that one that cannot be reached is refused before anything has happened.
    pub async fn write(&self, cx: &Context, note: &Note) -> Result<(), DaoError> {
        let Some(contents) = &note.contents else {
            return Err(broken("a note without contents is of the version before"));
        };
        let values = (
            Note::minute_of(note.at),
            shard_of(note),
            CqlTimestamp(note.at),
            note.operation,
            note.order,
            contents.user,
            CqlTimestamp(contents.created_at),
            &contents.lines,
        );
        self.database.run(&cx.untraced(), &self.write, &values).await?;
        Ok(())
    }

    /// Removes notes, those of one partition together.
    pub async fn forget(&self, cx: &Context, notes: &[Note]) -> Result<(), DaoError> {
        let cx = cx.plain();
        let mut partitions: BTreeMap<(i64, i8), Vec<Vec<Bound>>> = BTreeMap::new();
        for note in notes {
            if note.contents.is_none() {
                self.old
                    .forget(&cx, &Intent { at: note.at, operation: note.operation, owner: note.order, detail: Nothing })
                    .await;
                continue;
            }
            let (minute, shard) = (Note::minute_of(note.at), shard_of(note));
            let key = vec![bigint(minute), tinyint(shard), time(note.at), id(note.operation)];
            partitions.entry((minute, shard)).or_default().push(key);
        }
        let removed = partitions.into_values().map(|keys| self.forget_some(cx.clone(), keys));
        stream::iter(removed).buffer_unordered(REMOVED_AT_ONCE).try_collect::<Vec<()>>().await?;
        Ok(())
    }

    /// Removes notes of one partition.
    async fn forget_some(&self, cx: Context, keys: Vec<Vec<Bound>>) -> Result<(), DaoError> {
        let writes: Vec<(&Statement, Vec<Bound>)> = keys.into_iter().map(|key| (&self.drop, key)).collect();
        self.database.write_partition(&cx, &writes).await
    }

    /// Notes of a shard, see [`crate::dao::orders::OrderDao::notes`].
    pub async fn read(&self, cx: &Context, shard: u8, after: i64, upto: i64) -> Result<(Vec<Note>, i64), DaoError> {
        if shard == OLD_NOTES {
            return self.read_old(cx, after, upto).await;
        }
        let (minutes, upto) = some_minutes(after, upto);
        let limit = i32::try_from(NOTES_AT_ONCE).unwrap_or(i32::MAX);
        let shard = i8::try_from(shard).map_err(broken)?;
        let values = (minutes, shard, CqlTimestamp(after), CqlTimestamp(upto), limit);
        let result = self.database.run(cx, &self.read, &values).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let mut notes = Vec::with_capacity(rows.rows_num());
        for row in rows.rows::<Row>().map_err(broken)? {
            notes.extend(note_of(row.map_err(broken)?));
        }
        let until = whole(&mut notes, after, upto);
        Ok((notes, until))
    }

    async fn read_old(&self, cx: &Context, after: i64, upto: i64) -> Result<(Vec<Note>, i64), DaoError> {
        let (minutes, upto) = some_minutes(after, upto);
        let mut notes = Vec::new();
        for minute in minutes {
            let (intents, _) = self.old.read(cx, minute, after, upto).await?;
            notes.extend(intents.into_iter().map(|intent| {
                let Intent { at, operation, owner, detail: Nothing } = intent;
                Note { at, operation, order: owner, contents: None }
            }));
        }
        let until = whole(&mut notes, after, upto);
        Ok((notes, until))
    }

    /// What the notes since the sweepers' positions name.
    pub async fn unranked(&self, cx: &Context) -> Result<Vec<Turned>, DaoError> {
        let sweeps = self.sweeps(cx).await?;
        let positions = sweeps.iter().take(usize::from(NOTE_SHARDS)).map(|swept| swept.until.unwrap_or(0));
        let now = Note::minute_of(cx.now_ms);
        let since = Note::minute_of(positions.min().unwrap_or(0)).max(now - UNRANKED_MINUTES);
        // One more, for clocks differ.
        let minutes: Vec<i64> = (since..=now + 1).collect();
        let shards: Vec<i8> = (0..NOTE_SHARDS).filter_map(|shard| i8::try_from(shard).ok()).collect();
        let result = self.database.run(cx, &self.unranked, &(minutes, shards, UNRANKED_MAX)).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        if i32::try_from(rows.rows_num()).map_or(true, |found| found >= UNRANKED_MAX) {
            // A report that leaves some out would be wrong without a word.
            return Err(DaoError::Busy("more orders than a report looks at are not ranked yet".into()));
        }
        let mut turned = BTreeSet::new();
        for row in rows.rows::<Row>().map_err(broken)? {
            if let Some(note) = note_of(row.map_err(broken)?) {
                turned.extend(note.turned());
            }
        }
        Ok(turned.into_iter().collect())
    }

    /// What is known of the sweeps of each shard.
    pub async fn sweeps(&self, cx: &Context) -> Result<Vec<Swept>, DaoError> {
        let names: Vec<String> = (0..=OLD_NOTES).map(name_of).collect();
        let result = self.database.run(cx, &self.sweeps, &(&names,)).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let mut known: HashMap<String, Swept> = HashMap::with_capacity(names.len());
        for row in rows.rows::<(String, Option<CqlTimestamp>, Option<Uuid>)>().map_err(broken)? {
            let (name, until, owner) = row.map_err(broken)?;
            known.insert(name, Swept { until: until.map(|until| until.0), is_claimed: owner.is_some() });
        }
        Ok(names.iter().map(|name| known.get(name).copied().unwrap_or_default()).collect())
    }

    /// Claims the sweep of a shard.
    pub async fn claim(&self, cx: &Context, shard: u8, seconds: i32) -> Result<bool, DaoError> {
        let owner = Uuid::new_v4();
        let values = (seconds, owner, name_of(shard));
        decide!(cx, "claim of a sweep", _unsure => {
            let cas = self.database.cas(cx, &self.claim, &values).await?;
            Ok(cas.applied || cas.uuid("owner") == Some(owner))
        })
    }

    /// Records how far a shard was looked through.
    pub async fn set_until(&self, cx: &Context, shard: u8, until: i64) -> Result<(), DaoError> {
        self.database.run(cx, &self.set_until, &(name_of(shard), CqlTimestamp(until))).await?;
        Ok(())
    }

    /// The time by the clock of the node that is asked.
    pub async fn clock(&self, cx: &Context) -> Result<i64, DaoError> {
        let result = self.database.run(cx, &self.clock, &()).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let (now,) = rows.first_row::<(CqlTimestamp,)>().map_err(broken)?;
        Ok(now.0)
    }
}

/// The minutes that one statement reads, and the last moment that lies in them.
fn some_minutes(after: i64, upto: i64) -> (Vec<i64>, i64) {
    let first = Note::minute_of(after);
    let last = Note::minute_of(upto).min(first + MINUTES_AT_ONCE - 1);
    ((first..=last).collect(), upto.min((last + 1) * 60_000 - 1))
}

fn shard_of(note: &Note) -> i8 {
    // Below 16.
    i8::try_from(note.shard()).unwrap_or_default()
}

fn note_of((at, operation, order, user, created_at, lines): Row) -> Option<Note> {
    // What is left of a row that was removed is none.
    let (order, user, lines) = (order?, user?, lines.unwrap_or_default());
    let contents = Contents { user, created_at: created_at.map_or(at.0, |time| time.0), lines };
    Some(Note { at: at.0, operation, order, contents: Some(contents) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_time_is_read_some_minutes_at_once_without_a_gap() {
        let (mut after, upto) = (59_999, 60 * 60_000 + 5);
        let mut minutes = Vec::new();
        while after < upto {
            let (some, until) = some_minutes(after, upto);
            assert!(some.len() <= 16 && until > after && until <= upto);
            minutes.extend(some);
            after = until;
        }
        minutes.dedup();
        assert_eq!(minutes, (0..=60).collect::<Vec<i64>>());
        assert_eq!(some_minutes(5, 9), (vec![0], 9));
    }
}
