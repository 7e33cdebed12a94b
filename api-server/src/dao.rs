//! What the store asks of its database: one trait per aggregate, the records they exchange and the
//! ways in which they fail. No IO here; [`cassandra`] and [`memory`] do it, [`contract`] holds both
//! to the same promises.

pub mod activity;
pub mod backfill;
pub mod blocks;
pub mod cassandra;
pub mod changes;
pub mod cluster;
#[cfg(test)]
pub mod contract;
pub mod error;
pub mod idempotency;
pub mod imports;
pub mod ledger;
pub mod level;
pub mod memory;
pub mod orders;
pub mod page;
pub mod payments;
pub mod price;
pub mod products;
pub mod ranks;
pub mod row;
pub mod set_aside;
pub mod trace_turn;
pub mod traced;
pub mod turnovers;
pub mod users;
pub mod words;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

pub use error::DaoError;
pub use level::Level;
pub use trace_turn::{TraceAsk, TraceTurn};

/// The DAOs of one database, as the models receive them.
#[derive(Clone)]
pub struct Daos {
    pub products: Arc<dyn products::ProductDao>,
    pub users: Arc<dyn users::UserDao>,
    pub idempotency: Arc<dyn idempotency::IdempotencyDao>,
    pub ledger: Arc<dyn ledger::LedgerDao>,
    pub orders: Arc<dyn orders::OrderDao>,
    pub payments: Arc<dyn payments::PaymentDao>,
    pub blocks: Arc<dyn blocks::BlockDao>,
    pub turnovers: Arc<dyn turnovers::TurnoverDao>,
    pub imports: Arc<dyn imports::ImportDao>,
    pub changes: Arc<dyn changes::ChangeDao>,
    pub cluster: Arc<dyn cluster::ClusterDao>,
}

/// What every DAO call is given: how long it may take, and what the client asked of the database.
#[derive(Debug, Clone)]
pub struct Context {
    /// No statement is started after this moment.
    pub deadline: Instant,
    /// Wall clock at the start of the request, milliseconds since 1970.
    pub now_ms: i64,
    /// Consistency level of the plain reads that a client asked for, whatever it is. Writes it may raise and never lower.
    /// `None` is the store's own: LOCAL_QUORUM, or the configured one where that is stronger.
    pub level: Option<Level>,
    /// The node that is to coordinate every read, where the client has chosen one; at ONE it answers from its own copy of
    /// the row, if it has one.
    pub via: Option<IpAddr>,
    /// Lists end here with what they have found, long before the deadline.
    pub enough_at: Instant,
    /// Ask Cassandra to trace a statement: the first of the request that may be.
    pub trace: TraceAsk,
    /// Whether a statement is one of many for the same request. Of these the process has few under way at once, so that
    /// what one request reads row by row does not keep the database from all others.
    pub of_many: bool,
    /// Who asks for it, as text: the subject of a signed token, or the name of a secret one. `None` where nobody has to say
    /// who they are, and for what the process does by itself.
    pub by: Option<Arc<str>>,
}

impl Context {
    /// A context that ends `timeout` from now.
    pub fn within(timeout: Duration) -> Self {
        let now = Instant::now();
        let (deadline, enough_at) = (now + timeout, now + timeout / 2);
        Self {
            deadline,
            enough_at,
            now_ms: now_ms(),
            level: None,
            via: None,
            trace: TraceAsk::NONE,
            of_many: false,
            by: None,
        }
    }

    /// The same for a statement that is not what the client wants to see traced.
    pub fn untraced(&self) -> Self {
        Self { trace: TraceAsk::NONE, ..self.clone() }
    }

    /// The same for what the client has not asked for: at the store's own level, which is never below LOCAL_QUORUM, and
    /// untraced.
    pub fn plain(&self) -> Self {
        Self { level: None, via: None, ..self.untraced() }
    }

    /// The same for a statement of a request that has many.
    pub fn of_many(&self) -> Self {
        Self { of_many: true, ..self.clone() }
    }

    /// The same for a statement that reads several partitions. At SERIAL Cassandra reads one at a time, so such a statement
    /// is at the store's own level there.
    pub fn across_partitions(&self) -> Self {
        Self { level: self.level.filter(|level| *level != Level::Serial), ..self.clone() }
    }

    /// Whether a list ends with what it has found.
    pub fn has_enough(&self) -> bool {
        self.enough_at <= Instant::now()
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
#[cfg(not(test))]
pub fn now_ms() -> i64 {
    wall_clock_ms()
}

/// The same by the clock of the runtime, which a test may have paused.
#[cfg(test)]
pub fn now_ms() -> i64 {
    static BEGAN: std::sync::LazyLock<(Instant, i64)> =
        std::sync::LazyLock::new(|| (Instant::from_std(std::time::Instant::now()), wall_clock_ms()));
    let (began, began_ms) = *BEGAN;
    began_ms + i64::try_from(Instant::now().duration_since(began).as_millis()).unwrap_or(i64::MAX)
}

fn wall_clock_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
