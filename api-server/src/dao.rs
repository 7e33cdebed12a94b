//! What the store asks of its database: one trait per aggregate, the records they exchange and the
//! ways in which they fail. No IO here; [`cassandra`] and [`memory`] do it, [`contract`] holds both
//! to the same promises.

pub mod cassandra;
pub mod cluster;
#[cfg(test)]
pub mod contract;
pub mod error;
pub mod idempotency;
pub mod ledger;
pub mod level;
pub mod memory;
pub mod orders;
pub mod page;
pub mod price;
pub mod products;
pub mod ranks;
pub mod row;
pub mod traced;
pub mod users;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

pub use error::DaoError;
pub use level::Level;

/// The DAOs of one database, as the models receive them.
#[derive(Clone)]
pub struct Daos {
    pub products: Arc<dyn products::ProductDao>,
    pub users: Arc<dyn users::UserDao>,
    pub idempotency: Arc<dyn idempotency::IdempotencyDao>,
    pub ledger: Arc<dyn ledger::LedgerDao>,
    pub orders: Arc<dyn orders::OrderDao>,
    pub ranks: Arc<dyn ranks::RankDao>,
    pub cluster: Arc<dyn cluster::ClusterDao>,
}

/// What every DAO call is given: how long it may take, and what the client asked of the database.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// No statement is started after this moment.
    pub deadline: Instant,
    /// Wall clock at the start of the request, milliseconds since 1970.
    pub now_ms: i64,
    /// Consistency level of plain reads and writes; `None` is the configured default.
    pub level: Option<Level>,
    /// Ask Cassandra to trace the first statement of the call.
    pub trace: bool,
}

impl Context {
    /// A context that ends `timeout` from now.
    pub fn within(timeout: Duration) -> Self {
        Self { deadline: Instant::now() + timeout, now_ms: now_ms(), level: None, trace: false }
    }

    /// What is left until the deadline, `None` when it has passed.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }
}

/// How the database answered: the node that coordinated, the level that was reached, the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    pub coordinator: Option<IpAddr>,
    pub level: Level,
    pub trace: Option<Uuid>,
}

impl Receipt {
    /// A receipt without a coordinator, as the in-memory store gives it.
    pub fn local(level: Level) -> Self {
        Self { coordinator: None, level, trace: None }
    }
}

/// Milliseconds since 1970 by the wall clock; 0 for a clock before it.
pub fn now_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
