//! The other bare opponent: the same reads with the scylla driver alone, no HTTP, no layers. IO: CQL.
//!
//! The rows are decoded into the same columns as the API's, at the same consistency.

use std::net::SocketAddr;
use std::time::Duration;

use futures::future::try_join_all;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::statement::Consistency;
use scylla::statement::prepared::PreparedStatement;
use scylla::value::{CqlDecimal, CqlDecimalBorrowed, CqlTimestamp};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use super::process_time::cpu_time;

/// The columns of a product that are read, in the order of [`OwnedRow`].
pub const COLUMNS: &str = "id, sku, name, price, brand, description, category, version, created_at, updated_at";
/// Reads that warm the loop up before it is measured, on each worker.
const WARM_UP: u64 = 200;

/// A product's columns as they lie in the frame.
type Row<'a> = (
    Uuid,
    &'a str,
    &'a str,
    CqlDecimalBorrowed<'a>,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    i64,
    CqlTimestamp,
    CqlTimestamp,
);

/// The same, to be kept.
pub type OwnedRow =
    (Uuid, String, String, CqlDecimal, Option<String>, Option<String>, Option<String>, i64, CqlTimestamp, CqlTimestamp);

/// The driver failed, or found less than it should.
#[derive(Debug, thiserror::Error)]
#[error("{action}: {reason}")]
pub struct DriverLoopError {
    /// What was attempted.
    pub action: &'static str,
    /// Why not.
    pub reason: String,
}

pub(crate) fn failed<E: ToString>(action: &'static str) -> impl Fn(E) -> DriverLoopError {
    move |error| DriverLoopError { action, reason: error.to_string() }
}

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Read {
    /// One product by id.
    Get,
    /// The newest fifty.
    Page,
}

/// What the loop did, and what it used.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Done {
    /// Reads.
    pub requests: u64,
    /// Seconds that they took.
    pub seconds: f64,
    /// CPU seconds of this process in that time.
    pub cpu_seconds: f64,
}

/// Reads with `workers` at once for `time`.
///
/// # Errors
/// [`DriverLoopError`] at the first read that fails: a figure of failures would be worthless.
pub async fn run(reader: &Reader, workers: usize, time: Duration) -> Result<Done, DriverLoopError> {
    let warm = (0..workers).map(|worker| work(reader, worker, Until::Reads(WARM_UP)));
    try_join_all(warm).await?;
    let pid = std::process::id();
    let cpu = cpu_time(pid).map_err(failed("reading the CPU time"))?;
    let began = Instant::now();
    let timed = (0..workers).map(|worker| work(reader, worker, Until::Time(began + time)));
    let requests = try_join_all(timed).await?.into_iter().sum();
    let seconds = began.elapsed().as_secs_f64();
    let cpu = cpu_time(pid).map_err(failed("reading the CPU time"))?.saturating_sub(cpu);
    Ok(Done { requests, seconds, cpu_seconds: cpu.as_secs_f64() })
}

/// A session as plain as the driver makes them, at the level of the store.
pub(crate) async fn connect(node: SocketAddr) -> Result<Session, DriverLoopError> {
    let profile = ExecutionProfile::builder().consistency(Consistency::LocalQuorum).build();
    let session = SessionBuilder::new().known_node_addr(node).default_execution_profile_handle(profile.into_handle());
    session.build().await.map_err(failed("connecting"))
}

#[derive(Clone, Copy)]
enum Until {
    Reads(u64),
    Time(Instant),
}

/// What the reads are bound to.
#[derive(Debug)]
enum Key {
    Id(Uuid),
    Bucket(i64),
}

async fn keys(session: &Session, keyspace: &str, read: Read) -> Result<Vec<Key>, DriverLoopError> {
    let found = match read {
        Read::Get => {
            let text = format!("SELECT id FROM {keyspace}.products LIMIT 1000");
            let rows = session.query_unpaged(text, ()).await.map_err(failed("listing products"))?;
            let rows = rows.into_rows_result().map_err(failed("listing products"))?;
            let rows = rows.rows::<(Uuid,)>().map_err(failed("listing products"))?;
            rows.map(|row| row.map(|(id,)| Key::Id(id)))
                .collect::<Result<Vec<_>, _>>()
                .map_err(failed("listing products"))?
        }
        Read::Page => {
            let text = format!("SELECT DISTINCT bucket FROM {keyspace}.products_by_time");
            let rows = session.query_unpaged(text, ()).await.map_err(failed("listing buckets"))?;
            let rows = rows.into_rows_result().map_err(failed("listing buckets"))?;
            let rows = rows.rows::<(i64,)>().map_err(failed("listing buckets"))?;
            rows.flatten().map(|(bucket,)| bucket).max().map(Key::Bucket).into_iter().collect()
        }
    };
    if found.is_empty() {
        Err(DriverLoopError { action: "looking for products", reason: "there are none".into() })
    } else {
        Ok(found)
    }
}

/// Does one kind of read.
#[derive(Debug)]
pub struct Reader {
    session: Session,
    statement: PreparedStatement,
    keys: Vec<Key>,
}

impl Reader {
    /// Connects and prepares.
    ///
    /// # Errors
    /// [`DriverLoopError`] when the node does not answer, or has no products.
    pub async fn connect(node: SocketAddr, keyspace: &str, read: Read) -> Result<Self, DriverLoopError> {
        let session = connect(node).await?;
        let keys = keys(&session, keyspace, read).await?;
        let text = match read {
            Read::Get => format!("SELECT {COLUMNS} FROM {keyspace}.products WHERE id = ?"),
            Read::Page => format!("SELECT {COLUMNS} FROM {keyspace}.products_by_time WHERE bucket = ? LIMIT 50"),
        };
        let statement = session.prepare(text).await.map_err(failed("preparing the read"))?;
        Ok(Self { session, statement, keys })
    }

    /// Reads what a path asks for: the product whose id it ends with, or else the newest.
    ///
    /// # Errors
    /// [`DriverLoopError`] when the read fails, or finds less than it should.
    pub async fn of_path(&self, path: &str) -> Result<(), DriverLoopError> {
        let id = path.rsplit('/').next().and_then(|id| Uuid::try_parse(id).ok());
        match id.map(Key::Id).as_ref().or(self.keys.first()) {
            Some(key) => self.read(key).await,
            None => Err(DriverLoopError { action: "reading", reason: "nothing to read".into() }),
        }
    }

    async fn read(&self, key: &Key) -> Result<(), DriverLoopError> {
        let answer = match key {
            Key::Id(id) => self.session.execute_unpaged(&self.statement, (id,)).await,
            Key::Bucket(bucket) => self.session.execute_unpaged(&self.statement, (bucket,)).await,
        };
        let rows = answer.map_err(failed("reading"))?.into_rows_result().map_err(failed("reading"))?;
        let wanted = if matches!(key, Key::Id(_)) { 1 } else { 50 };
        let mut found = 0;
        for row in rows.rows::<Row<'_>>().map_err(failed("decoding"))? {
            std::hint::black_box(row.map_err(failed("decoding"))?);
            found += 1;
        }
        if found == wanted {
            return Ok(());
        }
        Err(DriverLoopError { action: "reading", reason: format!("{found} rows, not {wanted}") })
    }
}

async fn work(reader: &Reader, worker: usize, until: Until) -> Result<u64, DriverLoopError> {
    let mut done = 0;
    for key in reader.keys.iter().cycle().skip(worker * 31) {
        let enough = match until {
            Until::Reads(reads) => done >= reads,
            Until::Time(time) => Instant::now() >= time,
        };
        if enough {
            break;
        }
        reader.read(key).await?;
        done += 1;
    }
    Ok(done)
}
