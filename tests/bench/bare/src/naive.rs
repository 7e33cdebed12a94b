//! The hot product as most would write it: read quantity and version, change them if the version is still that, begin
//! again if it is not. IO: CQL.

use std::net::SocketAddr;
use std::time::Duration;

use futures::future::try_join_all;
use scylla::client::session::Session;
use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::{Consistency, SerialConsistency};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::closed_loop::Until;
use super::driver_loop::{DriverLoopError, connect, failed};
use super::process_time::cpu_time;

/// The keyspace of its one row.
const KEYSPACE: &str = "bench_naive";
/// What the row begins with.
pub const BEGIN: (i64, i64) = (1000, 1);

/// What the loop did.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Done {
    /// Changes that were applied.
    pub requests: u64,
    /// Tries that another was faster than.
    pub lost: u64,
    /// Tries of which the database could not say in time what became of them.
    pub unknown: u64,
    /// Seconds that they took.
    pub seconds: f64,
    /// CPU seconds of this process in that time.
    pub cpu_seconds: f64,
    /// The row in the end.
    pub quantity: i64,
    /// Of the row in the end.
    pub version: i64,
}

struct Naive {
    session: Session,
    read: PreparedStatement,
    change: PreparedStatement,
}

/// Adds one to the row again and again with `workers` at once.
///
/// # Errors
/// [`DriverLoopError`] when a statement fails, or when more was applied than the row says.
pub async fn run(node: SocketAddr, workers: usize, until: Until) -> Result<Done, DriverLoopError> {
    let naive = Naive::start(node).await?;
    let pid = std::process::id();
    let cpu = cpu_time(pid).map_err(failed("reading the CPU time"))?;
    let began = Instant::now();
    let counts = try_join_all((0..workers).map(|_| naive.work(began, until))).await?;
    let seconds = began.elapsed().as_secs_f64();
    let cpu = cpu_time(pid).map_err(failed("reading the CPU time"))?.saturating_sub(cpu);
    let mut done = Done { seconds, cpu_seconds: cpu.as_secs_f64(), ..Done::default() };
    for (applied, lost, unknown) in counts {
        done.requests += applied;
        done.lost += lost;
        done.unknown += unknown;
    }
    (done.quantity, done.version) = naive.read(true).await?;
    let made = u64::try_from(done.version - BEGIN.1).unwrap_or_default();
    if (done.requests..=done.requests + done.unknown).contains(&made)
        && done.quantity - BEGIN.0 == done.version - BEGIN.1
    {
        return Ok(done);
    }
    Err(DriverLoopError { action: "counting", reason: format!("the row is not what was done: {done:?}") })
}

impl Naive {
    async fn start(node: SocketAddr) -> Result<Self, DriverLoopError> {
        let session = connect(node).await?;
        let create = format!(
            "CREATE KEYSPACE IF NOT EXISTS {KEYSPACE} \
             WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
        );
        let table = format!(
            "CREATE TABLE IF NOT EXISTS {KEYSPACE}.stocks (id int PRIMARY KEY, quantity bigint, version bigint)"
        );
        let begin = format!(
            "INSERT INTO {KEYSPACE}.stocks (id, quantity, version) VALUES (1, {}, {}) IF NOT EXISTS",
            BEGIN.0, BEGIN.1
        );
        // Conditional as every write of it: a plain one may lie before a change in time.
        let end = format!("DELETE FROM {KEYSPACE}.stocks WHERE id = 1 IF EXISTS");
        for text in [create, table, end, begin] {
            session.query_unpaged(text, ()).await.map_err(failed("making the row"))?;
        }
        let read = format!("SELECT quantity, version FROM {KEYSPACE}.stocks WHERE id = 1");
        let change = format!("UPDATE {KEYSPACE}.stocks SET quantity = ?, version = ? WHERE id = 1 IF version = ?");
        let read = session.prepare(read).await.map_err(failed("preparing the read"))?;
        let mut change = session.prepare(change).await.map_err(failed("preparing the change"))?;
        change.set_serial_consistency(Some(SerialConsistency::LocalSerial));
        Ok(Self { session, read, change })
    }

    async fn read(&self, last: bool) -> Result<(i64, i64), DriverLoopError> {
        let mut read = self.read.clone();
        if last {
            // Sees what was not told to anybody yet, too.
            read.set_consistency(Consistency::LocalSerial);
        }
        let answer = self.session.execute_unpaged(&read, ()).await.map_err(failed("reading the row"))?;
        let rows = answer.into_rows_result().map_err(failed("reading the row"))?;
        rows.first_row::<(i64, i64)>().map_err(failed("reading the row"))
    }

    async fn work(&self, began: Instant, until: Until) -> Result<(u64, u64, u64), DriverLoopError> {
        let (mut applied, mut lost, mut unknown) = (0, 0, 0);
        loop {
            let enough = match until {
                Until::Time(time) => began.elapsed() >= time,
                Until::Requests(count) => applied >= count,
            };
            if enough {
                return Ok((applied, lost, unknown));
            }
            let (quantity, version) = self.read(false).await?;
            match self.session.execute_unpaged(&self.change, (quantity + 1, version + 1, version)).await {
                Ok(answer) => {
                    let rows = answer.into_rows_result().map_err(failed("changing the row"))?;
                    let row: scylla::value::Row = rows.first_row().map_err(failed("changing the row"))?;
                    let was = row.columns.first().and_then(Option::as_ref).and_then(|value| value.as_boolean());
                    *(if was == Some(true) { &mut applied } else { &mut lost }) += 1;
                }
                Err(error) if is_unknown(&error) => unknown += 1,
                Err(error) => return Err(failed("changing the row")(error)),
            }
        }
    }
}

/// Whether the change may have been applied, or may be yet.
fn is_unknown(error: &ExecutionError) -> bool {
    let timed_out = |db: &DbError| matches!(db, DbError::WriteTimeout { .. } | DbError::ReadTimeout { .. });
    match error {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(db, _)) => timed_out(db),
        ExecutionError::RequestTimeout(limit) => *limit > Duration::ZERO,
        _ => false,
    }
}
