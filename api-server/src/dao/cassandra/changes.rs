//! The feed of changes and the audit trail in Cassandra.
//!
//! An entry is a row of its block under its number, by `INSERT … IF NOT EXISTS`: of two that want a number one gets it, and
//! a try of unknown outcome is known again by its operation. All else is plain writes that may be made again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scylla::value::{CqlTimestamp, CqlValue, MaybeUnset};
use uuid::Uuid;

use super::StartError;
use super::execute::{Bound, Database, Statement};
use super::listing::copies::{bigint, id, text, time, tinyint};
use super::products::broken;
use super::tries::decide;
use crate::dao::changes::{Appended, Audited, Change, ChangeDao, ENTRIES_OF_A_BLOCK, Entry, Kind, Note, Object};
use crate::dao::{Context, DaoError};

/// See the module.
pub struct CassandraChanges {
    database: Arc<Database>,
    /// Seconds for which an entry, and a line of the audit trail, is kept.
    kept: (i32, i32),
    append: Statement,
    entries: Statement,
    told: Statement,
    keep_told: Statement,
    note: Statement,
    forget: Statement,
    notes: Statement,
    swept_until: Statement,
    set_swept_until: Statement,
    audit: Statement,
    audited: Statement,
    begin_reader: Statement,
    claim: Statement,
    renew: Statement,
    advance: Statement,
}

/// Partitions of what is known of objects.
const SHARDS: u8 = 8;
/// Objects that one statement asks for.
const OBJECTS_AT_ONCE: usize = 100;
/// Notes that are read at once.
const NOTES_AT_ONCE: i32 = 200;
/// Entries of a look for the last one.
const LOOK: i32 = 500;
/// Under which the number of the last entry is kept.
const LAST: &str = "last";

fn shard_of(id: Uuid) -> i8 {
    // Below 8.
    i8::try_from(id.as_bytes()[15] % SHARDS).unwrap_or_default()
}

fn optional(value: Option<&str>) -> Bound {
    MaybeUnset::Set(value.map(|value| CqlValue::Text(value.to_owned())))
}

impl CassandraChanges {
    /// Prepares every statement; entries, and lines of the audit trail, are kept for so long.
    pub async fn prepare(database: Arc<Database>, kept: (Duration, Duration)) -> Result<Self, StartError> {
        let append = "INSERT INTO {ks}.change_log (block, number, operation, changes) VALUES (?, ?, ?, ?) \
             IF NOT EXISTS USING TTL ?";
        let entries = "SELECT number, operation, changes FROM {ks}.change_log WHERE block = ? AND number > ? LIMIT ?";
        let told = "SELECT kind, id, version FROM {ks}.change_heads WHERE shard IN ? AND kind IN ? AND id IN ?";
        let keep_told =
            "INSERT INTO {ks}.change_heads (shard, kind, id, version) VALUES (?, ?, ?, ?) USING TIMESTAMP ?";
        let note = "INSERT INTO {ks}.change_notes (minute, at, operation, kind, id, version) VALUES (?, ?, ?, ?, ?, ?)";
        let forget = "DELETE FROM {ks}.change_notes WHERE minute = ? AND at = ? AND operation = ?";
        let notes = "SELECT at, operation, kind, id, version FROM {ks}.change_notes WHERE minute = ? LIMIT ?";
        let swept_until = "SELECT done_until FROM {ks}.sweeps WHERE name = 'change_notes'";
        let set_swept_until = "INSERT INTO {ks}.sweeps (name, done_until) VALUES ('change_notes', ?)";
        let audit = "INSERT INTO {ks}.audit (hour, id, at, by_whom, kind, object_id, what, version, request) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) USING TTL ?";
        let audited = "SELECT id, at, by_whom, kind, object_id, what, version, request FROM {ks}.audit \
             WHERE hour = ? AND id < ? LIMIT ?";
        let begin_reader = "INSERT INTO {ks}.change_readers (name, position) VALUES (?, '') IF NOT EXISTS";
        let claim = "UPDATE {ks}.change_readers USING TTL ? SET owner = ? WHERE name = ? IF owner = null";
        let renew = "UPDATE {ks}.change_readers USING TTL ? SET owner = ? WHERE name = ? IF owner = ?";
        let advance = "UPDATE {ks}.change_readers SET position = ? WHERE name = ? IF owner = ?";
        let (log, heads, all_notes, readers) = ("change_log", "change_heads", "change_notes", "change_readers");
        let seconds = |kept: Duration| i32::try_from(kept.as_secs()).unwrap_or(i32::MAX);
        Ok(Self {
            kept: (seconds(kept.0), seconds(kept.1)),
            append: database.conditional("INSERT", log, append).await?,
            entries: database.plain("SELECT", log, entries).await?,
            told: database.plain("SELECT", heads, told).await?,
            keep_told: database.plain("INSERT", heads, keep_told).await?,
            note: database.plain("INSERT", all_notes, note).await?,
            forget: database.plain("DELETE", all_notes, forget).await?,
            notes: database.plain("SELECT", all_notes, notes).await?,
            swept_until: database.plain("SELECT", "sweeps", swept_until).await?,
            set_swept_until: database.plain("INSERT", "sweeps", set_swept_until).await?,
            audit: database.plain("INSERT", "audit", audit).await?,
            audited: database.plain("SELECT", "audit", audited).await?,
            begin_reader: database.conditional("INSERT", readers, begin_reader).await?,
            claim: database.conditional("UPDATE", readers, claim).await?,
            renew: database.conditional("UPDATE", readers, renew).await?,
            advance: database.conditional("UPDATE", readers, advance).await?,
            database,
        })
    }

    async fn read(&self, cx: &Context, after: i64, limit: i32) -> Result<Vec<(i64, Entry)>, DaoError> {
        let block = (after + 1).div_euclid(ENTRIES_OF_A_BLOCK);
        let result = self.database.run(&cx.plain(), &self.entries, &(block, after, limit)).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let mut entries = Vec::with_capacity(rows.rows_num());
        for row in rows.rows::<(i64, Option<Uuid>, Option<&str>)>().map_err(broken)? {
            let (number, operation, changes) = row.map_err(broken)?;
            let changes: Vec<Change> = serde_json::from_str(changes.unwrap_or("[]")).map_err(broken)?;
            entries.push((number, Entry { operation: operation.unwrap_or_default(), changes }));
        }
        Ok(entries)
    }
}

#[async_trait]
impl ChangeDao for CassandraChanges {
    async fn append(&self, cx: &Context, number: i64, entry: &Entry) -> Result<Appended, DaoError> {
        let changes = serde_json::to_string(&entry.changes).map_err(broken)?;
        let values = (number.div_euclid(ENTRIES_OF_A_BLOCK), number, entry.operation, changes, self.kept.0);
        let cx = cx.plain();
        decide!(&cx, "entry of the feed", _unsure => {
            let cas = self.database.cas(&cx, &self.append, &values).await?;
            let ours = cas.applied || cas.uuid("operation") == Some(entry.operation);
            Ok(if ours { Appended::Done } else { Appended::Taken })
        })
    }

    async fn entries(&self, cx: &Context, after: i64, limit: usize) -> Result<Vec<(i64, Entry)>, DaoError> {
        self.read(cx, after, i32::try_from(limit).unwrap_or(i32::MAX)).await
    }

    async fn last(&self, cx: &Context) -> Result<i64, DaoError> {
        let cx = cx.plain();
        let values = (vec![shard_of(Uuid::nil())], vec![LAST], vec![Uuid::nil()]);
        let result = self.database.run(&cx, &self.told, &values).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let kept = rows.maybe_first_row::<(&str, Uuid, Option<i64>)>().map_err(broken)?;
        let mut last = kept.and_then(|(_, _, last)| last).unwrap_or(0);
        // It is kept some seconds later than the entries are written.
        while let Some((number, _)) = self.read(&cx, last, LOOK).await?.pop() {
            last = number;
        }
        Ok(last)
    }

    async fn told(&self, cx: &Context, objects: &[Object]) -> Result<Vec<(Object, i64)>, DaoError> {
        let cx = cx.plain();
        let mut told = Vec::with_capacity(objects.len());
        for some in objects.chunks(OBJECTS_AT_ONCE) {
            let mut shards: Vec<i8> = some.iter().map(|object| shard_of(object.id)).collect();
            let mut kinds: Vec<&str> = some.iter().map(|object| object.kind.name()).collect();
            let ids: Vec<Uuid> = some.iter().map(|object| object.id).collect();
            shards.sort_unstable();
            shards.dedup();
            kinds.sort_unstable();
            kinds.dedup();
            let result = self.database.run(&cx, &self.told, &(shards, kinds, ids)).await?;
            let rows = result.into_rows_result().map_err(broken)?;
            for row in rows.rows::<(&str, Uuid, Option<i64>)>().map_err(broken)? {
                let (kind, id, version) = row.map_err(broken)?;
                let object = Kind::of(kind).map(|kind| Object { kind, id });
                if let (Some(object), Some(version)) = (object.filter(|object| some.contains(object)), version) {
                    told.push((object, version));
                }
            }
        }
        Ok(told)
    }

    async fn keep_told(&self, cx: &Context, told: &[(Object, i64)], last: i64) -> Result<(), DaoError> {
        let cx = cx.plain();
        let row = |kind: &str, of: Uuid, version: i64| {
            // The version is the time: the highest counts, whatever the order of the writes.
            (shard_of(of), vec![tinyint(shard_of(of)), text(kind), id(of), bigint(version), bigint(version)])
        };
        let rows = told.iter().map(|(object, version)| row(object.kind.name(), object.id, *version));
        let mut shards: BTreeMap<i8, Vec<(&Statement, Vec<Bound>)>> = BTreeMap::new();
        for (shard, values) in rows.chain([row(LAST, Uuid::nil(), last)]) {
            shards.entry(shard).or_default().push((&self.keep_told, values));
        }
        for writes in shards.into_values() {
            self.database.write_partition(&cx, &writes).await?;
        }
        Ok(())
    }

    async fn note(&self, cx: &Context, note: &Note) -> Result<(), DaoError> {
        let Note { at, operation, object, version } = *note;
        let values = (Note::minute_of(at), CqlTimestamp(at), operation, object.kind.name(), object.id, version);
        self.database.run(&cx.untraced(), &self.note, &values).await?;
        Ok(())
    }

    async fn forget(&self, cx: &Context, notes: &[Note]) -> Result<(), DaoError> {
        let cx = cx.plain();
        let mut minutes: BTreeMap<i64, Vec<(&Statement, Vec<Bound>)>> = BTreeMap::new();
        for note in notes {
            let minute = Note::minute_of(note.at);
            let key = vec![bigint(minute), time(note.at), id(note.operation)];
            minutes.entry(minute).or_default().push((&self.forget, key));
        }
        for keys in minutes.into_values() {
            self.database.write_partition(&cx, &keys).await?;
        }
        Ok(())
    }

    async fn notes(&self, cx: &Context, minute: i64) -> Result<Vec<Note>, DaoError> {
        type Row<'a> = (CqlTimestamp, Uuid, Option<&'a str>, Option<Uuid>, Option<i64>);
        let result = self.database.run(&cx.plain(), &self.notes, &(minute, NOTES_AT_ONCE)).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let mut notes = Vec::with_capacity(rows.rows_num());
        for row in rows.rows::<Row<'_>>().map_err(broken)? {
            let (at, operation, kind, id, version) = row.map_err(broken)?;
            if let (Some(kind), Some(id)) = (kind.and_then(Kind::of), id) {
                notes.push(Note { at: at.0, operation, object: Object { kind, id }, version });
            }
        }
        Ok(notes)
    }

    async fn swept_until(&self, cx: &Context) -> Result<Option<i64>, DaoError> {
        let result = self.database.run(&cx.plain(), &self.swept_until, &()).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let row = rows.maybe_first_row::<(Option<CqlTimestamp>,)>().map_err(broken)?;
        Ok(row.and_then(|(until,)| until).map(|until| Note::minute_of(until.0)))
    }

    async fn set_swept_until(&self, cx: &Context, minute: i64) -> Result<(), DaoError> {
        self.database.run(&cx.plain(), &self.set_swept_until, &(CqlTimestamp(minute * 60_000),)).await?;
        Ok(())
    }

    async fn audit(&self, cx: &Context, lines: &[Audited]) -> Result<(), DaoError> {
        let cx = cx.plain();
        let mut hours: BTreeMap<i64, Vec<(&Statement, Vec<Bound>)>> = BTreeMap::new();
        for line in lines {
            let hour = line.at.div_euclid(3_600_000);
            let values = vec![
                bigint(hour),
                id(line.id),
                time(line.at),
                optional(line.by.as_deref()),
                text(line.object.kind.name()),
                id(line.object.id),
                text(&line.what),
                bigint(line.version),
                optional(line.request.as_deref()),
                MaybeUnset::Set(Some(CqlValue::Int(self.kept.1))),
            ];
            hours.entry(hour).or_default().push((&self.audit, values));
        }
        for writes in hours.into_values() {
            self.database.write_partition(&cx, &writes).await?;
        }
        Ok(())
    }

    async fn audited(
        &self,
        cx: &Context,
        hour: i64,
        below: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<Audited>, DaoError> {
        type Row = (
            Uuid,
            Option<CqlTimestamp>,
            Option<String>,
            Option<String>,
            Option<Uuid>,
            Option<String>,
            Option<i64>,
            Option<String>,
        );
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let values = (hour, below.unwrap_or(Uuid::max()), limit);
        let result = self.database.run(cx, &self.audited, &values).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let mut lines = Vec::with_capacity(rows.rows_num());
        for row in rows.rows::<Row>().map_err(broken)? {
            let (id, at, by, kind, object, what, version, request) = row.map_err(broken)?;
            let (Some(at), Some(kind), Some(object)) = (at, kind.as_deref().and_then(Kind::of), object) else {
                continue;
            };
            let (what, version) = (what.unwrap_or_default(), version.unwrap_or_default());
            lines.push(Audited { id, at: at.0, by, object: Object { kind, id: object }, what, version, request });
        }
        Ok(lines)
    }

    async fn claim(&self, cx: &Context, reader: &str, owner: Uuid, seconds: i32) -> Result<Option<String>, DaoError> {
        let cx = cx.plain();
        let position = decide!(&cx, "beginning of a reader", _unsure => {
            let cas = self.database.cas(&cx, &self.begin_reader, &(reader,)).await?;
            Ok(cas.text("position").unwrap_or_default())
        })?;
        let ours = decide!(&cx, "claim of a reader", _unsure => {
            let cas = self.database.cas(&cx, &self.claim, &(seconds, owner, reader)).await?;
            Ok(cas.applied || cas.uuid("owner") == Some(owner))
        })?;
        Ok(ours.then_some(position))
    }

    async fn advance(
        &self,
        cx: &Context,
        reader: &str,
        owner: Uuid,
        seconds: i32,
        position: &str,
    ) -> Result<bool, DaoError> {
        let cx = cx.plain();
        let kept = decide!(&cx, "position of a reader", _unsure => {
            Ok(self.database.cas(&cx, &self.advance, &(position, reader, owner)).await?.applied)
        })?;
        if !kept {
            return Ok(false);
        }
        decide!(&cx, "claim of a reader", _unsure => {
            Ok(self.database.cas(&cx, &self.renew, &(seconds, owner, reader, owner)).await?.applied)
        })
    }
}
