//! The store in Cassandra. All of the CQL is here and below.

mod activity;
mod backfill;
mod blocks;
mod change;
mod changes;
mod cluster;
mod datacenters;
mod execute;
mod hedging;
mod idempotency;
mod imports;
mod intents;
mod ledger;
mod listing;
pub mod migrations;
mod observe;
mod orders;
mod payments;
mod products;
pub mod session;
mod sweeper;
#[cfg(test)]
mod tests;
mod trace;
mod tries;
mod turnovers;
mod unique;
mod users;
mod wary;

use std::sync::Arc;
use std::time::Duration;

use scylla::statement::{Consistency, SerialConsistency};
use thiserror::Error;

use self::session::Connected;
use super::backfill::BackfillDao;
use super::blocks::BlockDao;
use super::turnovers::TurnoverDao;
use super::{Daos, Level};

pub use backfill::CassandraBackfill;
pub use blocks::CassandraBlocks;
pub use changes::CassandraChanges;
pub use cluster::CassandraCluster;
pub use datacenters::refuse_to_decide_apart;
pub use idempotency::CassandraIdempotency;
pub use imports::CassandraImports;
pub use ledger::CassandraLedger;
pub use observe::Observer;
pub use orders::CassandraOrders;
pub use payments::CassandraPayments;
pub use products::CassandraProducts;
pub use sweeper::Sweeper;
pub use turnovers::CassandraTurnovers;
pub use users::CassandraUsers;

/// How the store uses its database.
#[derive(Debug, Clone)]
pub struct Usage {
    pub keyspace: String,
    /// Level of the plain reads that clients ask for. What the store does for itself is never below LOCAL_QUORUM.
    pub level: Level,
    /// Level of the Paxos phase; the same for every process of a shop.
    pub serial: SerialConsistency,
    /// Longest wait for one statement.
    pub statement_timeout: Duration,
    /// Longest wait for one conditional statement. It pays to wait for it: one that is given up has to
    /// be resolved, and tried again it queues behind itself.
    pub conditional_timeout: Duration,
    /// A claim older than this belongs to a request that has ended.
    pub lease: Duration,
    /// How long changes stay in the feed.
    pub changes_kept: Duration,
    /// How long lines of the audit trail are kept.
    pub audit_kept: Duration,
}

/// The DAOs could not be made.
#[derive(Debug, Error)]
pub enum StartError {
    #[error("could not prepare a statement on {table}: {detail}")]
    Prepare { table: &'static str, detail: String },
    #[error("could not read how keyspace {keyspace} is replicated: {detail}")]
    Replication { keyspace: String, detail: String },
    #[error(
        "keyspace {keyspace} is replicated to the datacenters {datacenters}, and at LOCAL_SERIAL each of them decides by itself, so \
         that the same units could be sold in both: set STORE_SERIAL_CONSISTENCY=SERIAL for every process of the shop, or allow it \
         by STORE_ALLOW_LOCAL_SERIAL=true where all of them, and whatever else writes, use one datacenter"
    )]
    DecidedApart { keyspace: String, datacenters: String },
    #[error("could not read the schema's version: {0}")]
    Schema(#[from] migrations::MigrationError),
}

/// Makes the DAOs over a session whose keyspace has the expected schema, and the sweepers that
/// finish what crashes left.
pub async fn daos(
    connected: Connected,
    usage: &Usage,
    observer: &Observer,
) -> Result<(Daos, Vec<Sweeper>), StartError> {
    let database = Arc::new(execute::Database::new(connected, usage, observer));
    let products = Arc::new(CassandraProducts::prepare(Arc::clone(&database)).await?);
    let users = Arc::new(CassandraUsers::prepare(Arc::clone(&database)).await?);
    let idempotency = CassandraIdempotency::prepare(Arc::clone(&database)).await?;
    let ledger = CassandraLedger::prepare(Arc::clone(&database)).await?;
    let orders = CassandraOrders::prepare(Arc::clone(&database)).await?;
    let payments = CassandraPayments::prepare(Arc::clone(&database)).await?;
    let blocks = CassandraBlocks::prepare(Arc::clone(&database)).await?;
    let turnovers = CassandraTurnovers::prepare(Arc::clone(&database)).await?;
    let imports = CassandraImports::prepare(Arc::clone(&database)).await?;
    let kept = (usage.changes_kept, usage.audit_kept);
    let changes = CassandraChanges::prepare(Arc::clone(&database), kept).await?;
    let cluster = CassandraCluster::prepare(database).await?;
    let (lease, sweeps) = (usage.lease, observer.sweeps());
    let sweepers = vec![Sweeper::start(&products, lease, sweeps), Sweeper::start(&users, lease, sweeps)];
    let daos = Daos {
        products,
        users,
        idempotency: Arc::new(idempotency),
        ledger: Arc::new(ledger),
        orders: Arc::new(orders),
        payments: Arc::new(payments),
        blocks: Arc::new(blocks),
        turnovers: Arc::new(turnovers),
        imports: Arc::new(imports),
        changes: Arc::new(changes),
        cluster: Arc::new(cluster),
    };
    Ok((daos, sweepers))
}

/// The DAOs that a backfill asks.
pub struct BackfillDaos {
    pub backfill: Arc<dyn BackfillDao>,
    pub blocks: Arc<dyn BlockDao>,
    pub turnovers: Arc<dyn TurnoverDao>,
}

/// Makes the DAOs of a backfill alone.
pub async fn backfill(connected: Connected, usage: &Usage, observer: &Observer) -> Result<BackfillDaos, StartError> {
    let database = Arc::new(execute::Database::new(connected, usage, observer));
    Ok(BackfillDaos {
        blocks: Arc::new(CassandraBlocks::prepare(Arc::clone(&database)).await?),
        turnovers: Arc::new(CassandraTurnovers::prepare(Arc::clone(&database)).await?),
        backfill: Arc::new(CassandraBackfill::prepare(database).await?),
    })
}

/// Cassandra's form of a level.
fn consistency(level: Level, serial: SerialConsistency) -> Consistency {
    match level {
        Level::One => Consistency::One,
        Level::Two => Consistency::Two,
        Level::Quorum => Consistency::Quorum,
        Level::LocalOne => Consistency::LocalOne,
        Level::LocalQuorum => Consistency::LocalQuorum,
        Level::All => Consistency::All,
        // The Paxos level is one for the whole shop: SERIAL and LOCAL_SERIAL do not see each other.
        Level::Serial => serial_read(serial),
    }
}

/// The level of a read that sees every LWT before it.
fn serial_read(serial: SerialConsistency) -> Consistency {
    match serial {
        SerialConsistency::Serial => Consistency::Serial,
        SerialConsistency::LocalSerial => Consistency::LocalSerial,
    }
}

/// Cassandra's name of a level, for errors.
const fn name(consistency: Consistency) -> &'static str {
    match consistency {
        Consistency::Any => "ANY",
        Consistency::One => "ONE",
        Consistency::Two => "TWO",
        Consistency::Three => "THREE",
        Consistency::Quorum => "QUORUM",
        Consistency::All => "ALL",
        Consistency::LocalQuorum => "LOCAL_QUORUM",
        Consistency::EachQuorum => "EACH_QUORUM",
        Consistency::LocalOne => "LOCAL_ONE",
        Consistency::Serial => "SERIAL",
        Consistency::LocalSerial => "LOCAL_SERIAL",
    }
}

/// OpenTelemetry's name of a level.
const fn lower_name(consistency: Consistency) -> &'static str {
    match consistency {
        Consistency::Any => "any",
        Consistency::One => "one",
        Consistency::Two => "two",
        Consistency::Three => "three",
        Consistency::Quorum => "quorum",
        Consistency::All => "all",
        Consistency::LocalQuorum => "local_quorum",
        Consistency::EachQuorum => "each_quorum",
        Consistency::LocalOne => "local_one",
        Consistency::Serial => "serial",
        Consistency::LocalSerial => "local_serial",
    }
}

/// The same of a level of Paxos.
const fn serial_name(consistency: SerialConsistency) -> &'static str {
    match consistency {
        SerialConsistency::Serial => "serial",
        SerialConsistency::LocalSerial => "local_serial",
    }
}
