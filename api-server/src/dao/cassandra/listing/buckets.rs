//! Where buckets begin. A bucket holds the rows whose ids were made from its begin to the
//! begin of the next; a new one is opened, some seconds ahead, when the newest has enough rows.
//! So partitions are bounded at any rate of creation, and pages find them without searching.
//!
//! A bucket is one partition, or [`SHARDS`] of them where so many rows are made that one replica would have to take them all:
//! then the low bits of a begin are free for the shard. A begin that has them set was opened by a process of a version that
//! had one partition a bucket, and stays one.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::Rng as _;
use scylla::value::{CqlValue, MaybeUnset};
use tokio::time::Instant;
use uuid::Uuid;

use crate::dao::cassandra::StartError;
use crate::dao::cassandra::execute::{Bound, Database, Statement};
use crate::dao::cassandra::tries::decide;
use crate::dao::{Context, DaoError};

/// Rows after which a new bucket is opened. A few more may follow before it begins.
const ENOUGH: i64 = 5_000;
/// Partitions of a bucket that is spread.
pub const SHARDS: i64 = 16;
/// Own inserts between two counts of the newest bucket.
const COUNT_EVERY: usize = 500;
/// A new bucket begins so much later than it is opened, so that every process knows it by then.
const AHEAD_MS: i64 = 10_000;
/// Begins older than this are asked for in the background while the known ones are used …
const FRESH: Duration = Duration::from_secs(2);
/// … and beyond this no answer is given without asking. Well below [`AHEAD_MS`].
const STALE: Duration = Duration::from_secs(5);
/// Deadline of background work.
const BACKGROUND: Duration = Duration::from_secs(8);

/// Whose buckets: the tables of the begins and of the rows.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    pub begins: &'static str,
    pub rows: &'static str,
    /// Whether a bucket is spread over [`SHARDS`] partitions.
    pub spread: bool,
}

/// Whether a bucket of a list that is spread has more than one partition.
const fn has_shards(begin: i64) -> bool {
    begin % SHARDS == 0
}

/// The partitions of a bucket of a list that is spread.
pub fn partitions_of(begin: i64) -> impl Iterator<Item = i64> {
    let last = if has_shards(begin) { begin + SHARDS - 1 } else { begin };
    begin..=last
}

/// The bucket of a partition of a list that is spread.
pub fn begin_of(begins: &[i64], partition: i64) -> i64 {
    match begins.binary_search(&partition) {
        Ok(_) => partition,
        Err(_) => partition - partition.rem_euclid(SHARDS),
    }
}

struct Known {
    /// Ascending.
    begins: Arc<Vec<i64>>,
    read_at: Option<Instant>,
}

/// The begins of all buckets.
pub struct Buckets {
    database: Arc<Database>,
    spread: bool,
    read: Statement,
    count: Statement,
    move_newest: Statement,
    insert: Statement,
    known: Mutex<Known>,
    reading: tokio::sync::Mutex<()>,
    refreshing: AtomicBool,
    inserted: AtomicUsize,
    opening: AtomicBool,
}

impl Buckets {
    /// Prepares the statements.
    pub async fn prepare(database: Arc<Database>, of: Listed) -> Result<Self, StartError> {
        let Listed { begins, rows, spread } = of;
        let read = format!("SELECT bucket FROM {{ks}}.{begins} WHERE scope = 'all' AND bucket >= ?");
        let count = format!("SELECT count(*) FROM {{ks}}.{rows} WHERE bucket IN ?");
        let move_newest = format!("UPDATE {{ks}}.{begins} SET newest = ? WHERE scope = 'all' IF newest = ?");
        let insert = format!("INSERT INTO {{ks}}.{begins} (scope, bucket) VALUES ('all', ?)");
        Ok(Self {
            read: database.plain("SELECT", begins, &read).await?,
            count: database.plain("COUNT", rows, &count).await?,
            move_newest: database.conditional("UPDATE", begins, &move_newest).await?,
            insert: database.conditional("INSERT", begins, &insert).await?,
            database,
            spread,
            known: Mutex::new(Known { begins: Arc::new(Vec::new()), read_at: None }),
            reading: tokio::sync::Mutex::new(()),
            refreshing: AtomicBool::new(false),
            // Processes that are started again and again count now and then, too.
            inserted: AtomicUsize::new(rand::rng().random_range(0..COUNT_EVERY)),
            opening: AtomicBool::new(false),
        })
    }

    /// The begins, ascending, at most [`STALE`] old.
    pub async fn begins(self: &Arc<Self>, cx: &Context) -> Result<Arc<Vec<i64>>, DaoError> {
        let (begins, read_at) = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            (Arc::clone(&known.begins), known.read_at)
        };
        match read_at.map(|read_at| read_at.elapsed()) {
            Some(age) if age < FRESH => Ok(begins),
            Some(age) if age < STALE => {
                self.refresh_in_background();
                Ok(begins)
            }
            _ => self.refresh(cx, read_at).await,
        }
    }

    /// The partition that a new row belongs to.
    pub async fn of_new(self: &Arc<Self>, cx: &Context, created_ms: i64, id: Uuid) -> Result<i64, DaoError> {
        let begins = self.begins(cx).await?;
        let after = begins.partition_point(|begin| *begin <= created_ms);
        let begin = after.checked_sub(1).map_or(0, |at| begins[at]);
        let shard = i64::from(id.as_bytes()[15]).rem_euclid(SHARDS);
        Ok(if self.spread && has_shards(begin) { begin + shard } else { begin })
    }

    /// The begin of the bucket that a partition is of.
    pub async fn begin_of(self: &Arc<Self>, cx: &Context, partition: i64) -> Result<i64, DaoError> {
        if !self.spread || has_shards(partition) {
            return Ok(partition);
        }
        Ok(begin_of(&self.begins(cx).await?, partition))
    }

    /// Told of each row that was put into a bucket; counts now and then, and opens the next
    /// bucket when the newest has enough.
    pub fn inserted(self: &Arc<Self>) {
        let inserted = self.inserted.fetch_add(1, Ordering::Relaxed) + 1;
        if inserted.is_multiple_of(COUNT_EVERY) && !self.opening.swap(true, Ordering::Relaxed) {
            let buckets = Arc::clone(self);
            tokio::spawn(async move {
                let cx = Context::within(BACKGROUND);
                if let Err(error) = buckets.open_if_full(&cx).await {
                    tracing::warn!(%error, "could not open a new bucket, the newest grows until the next try");
                }
                buckets.opening.store(false, Ordering::Relaxed);
            });
        }
    }

    /// Opens the next bucket if the newest has enough rows; true if it did.
    pub async fn open_if_full(self: &Arc<Self>, cx: &Context) -> Result<bool, DaoError> {
        let begins = self.refresh(cx, None).await?;
        let Some(newest) = begins.last().copied().filter(|newest| *newest <= cx.now_ms) else {
            return Ok(false);
        };
        let partitions: Vec<i64> = if self.spread { partitions_of(newest).collect() } else { vec![newest] };
        let result = self.database.run(cx, &self.count, &(partitions,)).await?;
        let rows = result.into_rows_result().map_err(|error| DaoError::Broken(error.to_string()))?;
        let (count,) = rows.first_row::<(i64,)>().map_err(|error| DaoError::Broken(error.to_string()))?;
        if count < ENOUGH {
            return Ok(false);
        }
        let begin = cx.now_ms + AHEAD_MS;
        let begin = if self.spread { (begin + SHARDS - 1).div_euclid(SHARDS) * SHARDS } else { begin };
        self.open(cx, newest, begin).await?;
        self.refresh(cx, None).await?;
        Ok(true)
    }

    /// Opens a bucket after `newest`, unless another process was faster.
    pub async fn open(&self, cx: &Context, newest: i64, begin: i64) -> Result<(), DaoError> {
        let bigint = |value| -> Bound { MaybeUnset::Set(Some(CqlValue::BigInt(value))) };
        let writes = [(&self.move_newest, vec![bigint(begin), bigint(newest)]), (&self.insert, vec![bigint(begin)])];
        decide!(cx, "opening of a bucket", _unsure => {
            self.database.cas_batch(cx, &writes).await.map(|_| ())
        })
    }

    /// Reads the begins now, whatever is known.
    #[cfg(test)]
    pub async fn read_again(&self, cx: &Context) {
        self.refresh(cx, None).await.unwrap();
    }

    fn refresh_in_background(self: &Arc<Self>) {
        if self.refreshing.swap(true, Ordering::Relaxed) {
            return;
        }
        let buckets = Arc::clone(self);
        tokio::spawn(async move {
            let cx = Context::within(BACKGROUND);
            if let Err(error) = buckets.refresh(&cx, None).await {
                tracing::debug!(%error, "could not refresh the buckets");
            }
            buckets.refreshing.store(false, Ordering::Relaxed);
        });
    }

    /// Reads the begins that are not known yet. `seen` is the age that the caller found too old:
    /// of many callers at once only the first asks.
    async fn refresh(&self, cx: &Context, seen: Option<Instant>) -> Result<Arc<Vec<i64>>, DaoError> {
        let _reading = self.reading.lock().await;
        let begins = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.read_at.is_some_and(|at| at.elapsed() < FRESH) && known.read_at != seen && seen.is_some() {
                return Ok(Arc::clone(&known.begins));
            }
            Arc::clone(&known.begins)
        };
        // The last known one is asked for again: it tells an empty answer from no partition.
        let from = begins.last().copied().unwrap_or(i64::MIN);
        let asked_at = Instant::now();
        let plain = cx.plain();
        let result = self.database.run(&plain, &self.read, &(from,)).await?;
        let rows = result.into_rows_result().map_err(|error| DaoError::Broken(error.to_string()))?;
        let mut found = Vec::new();
        for row in rows.rows::<(i64,)>().map_err(|error| DaoError::Broken(error.to_string()))? {
            let (begin,) = row.map_err(|error| DaoError::Broken(error.to_string()))?;
            found.push(begin);
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut merged: Vec<i64> = known.begins.as_ref().clone();
        merged.extend(found);
        merged.sort_unstable();
        merged.dedup();
        known.begins = Arc::new(merged);
        known.read_at = Some(asked_at);
        Ok(Arc::clone(&known.begins))
    }
}

/// The time in a time-ordered id, in milliseconds; `fallback` for ids of other kinds.
pub fn millis_of(id: Uuid, fallback: i64) -> i64 {
    id.get_timestamp()
        .map(|time| time.to_unix())
        .and_then(|(seconds, nanos)| {
            let millis = seconds.checked_mul(1000)? + u64::from(nanos / 1_000_000);
            i64::try_from(millis).ok()
        })
        .unwrap_or(fallback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_of_one_bucket_and_what_has_no_shards_is_one_partition() {
        let begins = [0, 1_700_000_000_007, 1_700_000_100_000, 1_700_000_200_015];
        assert_eq!(begins.map(|begin| partitions_of(begin).count()), [16, 1, 16, 1]);
        for begin in begins {
            for partition in partitions_of(begin) {
                assert_eq!(begin_of(&begins, partition), begin, "{partition}");
            }
        }
    }
}
