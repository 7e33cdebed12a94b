//! What the requests of one process share. No IO of its own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::admission::listeners::Listeners;
use crate::admission::rate::{Quota, Rates};
use crate::admission::wide::Wide;
use crate::admission::{Admission, Bounds};
use crate::auth::Gate;
use crate::dao::{Daos, traced};
use crate::metrics::Metrics;
use crate::models::Level;
use crate::models::audit::Audit;
use crate::models::changes::{self, Changes};
use crate::models::clock::Clock;
use crate::models::cluster::Cluster;
use crate::models::cursor::CursorKey;
use crate::models::figures::Figures;
use crate::models::idempotency::Idempotency;
use crate::models::imports::Imports;
use crate::models::lines::Lines;
use crate::models::live::Live;
use crate::models::operations::Operations;
use crate::models::orders::{self, Orders};
use crate::models::products::Products;
use crate::models::reports::Reports;
use crate::models::stocks::Stocks;
use crate::models::users::Users;
use crate::problem::Problem;
use crate::server::outgoing::Unsent;

/// Use cases over one database.
#[derive(Clone)]
pub struct Services {
    pub products: Products,
    pub users: Users,
    pub stocks: Stocks,
    pub orders: Orders,
    pub reports: Reports,
    pub idempotency: Idempotency,
    pub operations: Operations,
    pub imports: Imports,
    pub changes: Changes,
    pub audit: Audit,
    pub cluster: Cluster,
    pub live: Live,
}

impl Services {
    /// Use cases over the DAOs of one database; `lease_ms` is longer than any request lives.
    pub fn new(
        daos: Daos,
        cursors: &CursorKey,
        lease_ms: i64,
        datacenter: Option<String>,
        figures: Figures,
        clock: Clock,
    ) -> Self {
        let feed = changes::Daos {
            changes: daos.changes,
            ledger: Arc::clone(&daos.ledger),
            products: Arc::clone(&daos.products),
        };
        let changes = Changes::new(feed, clock.clone());
        let lines = Lines::new(Arc::clone(&daos.ledger), figures).telling(changes.clone());
        let orders = Orders::new(
            lines.clone(),
            orders::Daos {
                orders: daos.orders,
                ledger: Arc::clone(&daos.ledger),
                payments: daos.payments,
                blocks: Arc::clone(&daos.blocks),
                turnovers: Arc::clone(&daos.turnovers),
                products: Arc::clone(&daos.products),
                users: Arc::clone(&daos.users),
            },
            cursors.clone(),
            clock.clone(),
        );
        let idempotency = Idempotency::new(daos.idempotency, lease_ms, clock);
        let cluster = Cluster::new(daos.cluster, datacenter);
        Self {
            operations: Operations {
                idempotency: idempotency.clone(),
                products: Arc::clone(&daos.products),
                users: Arc::clone(&daos.users),
                ledger: Arc::clone(&daos.ledger),
                orders: orders.clone(),
            },
            reports: Reports::new(daos.blocks, daos.turnovers, Arc::new(orders.clone())),
            orders,
            stocks: Stocks::new(lines, Arc::clone(&daos.ledger), Arc::clone(&daos.products), cursors.clone()),
            products: Products::new(daos.products, daos.ledger, cursors.clone()).telling(changes.clone()),
            users: Users::new(daos.users, cursors.clone()).telling(changes.clone()),
            audit: Audit::new(changes.clone(), cursors.clone()),
            changes,
            idempotency,
            imports: Imports::new(daos.imports),
            live: Live::new(cluster.clone()),
            cluster,
        }
    }
}

/// What every request may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Deadline of one request, its body included.
    pub request_timeout: Duration,
    /// Requests worked on at once, and waiting.
    pub bounds: Bounds,
    /// Requests of one principal; `None`: as many as they like.
    pub quota: Option<Quota>,
}

/// Bytes of a request body.
pub const MAX_BODY: usize = 64 * 1024;

/// Bytes of a file that is imported.
pub const IMPORT_MAX: usize = 16 * 1024 * 1024;

/// Deadline of a file that is imported; each line has that of a request.
pub const LONG_REQUEST: Duration = Duration::from_secs(600);

/// Imports under way at once.
const IMPORTS_MAX: usize = 4;

/// Files of imports that nobody waits for at once, each held whole.
const HELD_FILES_MAX: usize = 2;

/// Exports under way at once: each goes on after its request is answered.
const EXPORTS_MAX: usize = 4;

/// Bytes of answers that wait for their clients to read; beyond it requests are turned away.
pub const UNSENT_MAX: usize = 32 * 1024 * 1024;

/// How long a look at the database is believed.
const BELIEVED: Duration = Duration::from_secs(1);

/// Whether the database answers, looked at once a second at most however many ask, and by one look at a time.
#[derive(Debug, Default)]
pub struct Readiness(tokio::sync::Mutex<Option<(Instant, Result<(), Problem>)>>);

impl Readiness {
    /// What a look finds, or has just found.
    pub async fn of<F>(&self, look: impl FnOnce() -> F) -> Result<(), Problem>
    where
        F: Future<Output = Result<(), Problem>>,
    {
        let mut last = self.0.lock().await;
        if let Some((at, found)) = &*last
            && at.elapsed() < BELIEVED
        {
            return found.clone();
        }
        let found = look().await;
        *last = Some((Instant::now(), found.clone()));
        found
    }
}

/// Beyond the deadline of a request, how long its claims are respected by others.
pub const LEASE_SLACK: Duration = Duration::from_secs(2);

/// Shared by all requests. The database may come later than the first request: until
/// [`App::connect`] the store answers 503 and lives.
pub struct App {
    services: OnceLock<Services>,
    cursors: CursorKey,
    datacenter: Option<String>,
    /// Level of the database's default, echoed where no statement was run.
    pub default_level: Level,
    pub limits: Limits,
    /// Who is worked on now.
    pub admission: Arc<Admission>,
    /// What each principal may still send.
    pub rates: Rates,
    /// Whose request reads much.
    pub wide: Wide,
    pub metrics: Metrics,
    /// Who may do what.
    pub gate: Gate,
    /// Turns of imports.
    pub imports: Arc<Semaphore>,
    /// Room for files of imports that nobody waits for.
    pub held_files: Arc<Semaphore>,
    /// Work that goes on after its request was answered.
    pub jobs: TaskTracker,
    /// Turns of exports.
    pub exports: Arc<Semaphore>,
    /// Places of who listens to the feed, or to the cluster.
    pub listeners: Arc<Listeners>,
    /// What clients have not taken yet.
    pub unsent: Unsent,
    /// What the last look at the database found.
    pub readiness: Readiness,
    /// Changes that are being made, also for clients that have gone.
    pub writes: TaskTracker,
    /// The database's clock, as this process knows it.
    pub clock: Clock,
    /// Where the operator tells of its work.
    pub operation_file: OnceLock<PathBuf>,
    draining: AtomicBool,
}

impl App {
    /// An application without a database yet.
    pub fn new(
        limits: Limits,
        default_level: Level,
        datacenter: Option<String>,
        cursors: CursorKey,
        metrics: Metrics,
        gate: Gate,
    ) -> Arc<Self> {
        Arc::new(Self {
            services: OnceLock::new(),
            cursors,
            datacenter,
            default_level,
            admission: Admission::new(limits.bounds),
            rates: Rates::new(limits.quota),
            // Most of the deadline is left to be worked on in.
            wide: Wide::new(limits.request_timeout / 8),
            limits,
            metrics,
            gate,
            imports: Arc::new(Semaphore::new(IMPORTS_MAX)),
            held_files: Arc::new(Semaphore::new(HELD_FILES_MAX)),
            jobs: TaskTracker::new(),
            exports: Arc::new(Semaphore::new(EXPORTS_MAX)),
            listeners: Arc::default(),
            unsent: Unsent::new(UNSENT_MAX),
            readiness: Readiness::default(),
            writes: TaskTracker::new(),
            clock: Clock::default(),
            operation_file: OnceLock::new(),
            draining: AtomicBool::new(false),
        })
    }

    /// Gives the application its database, once.
    pub fn connect(&self, daos: Daos) {
        let lease = self.limits.request_timeout + LEASE_SLACK;
        let lease_ms = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        self.services.get_or_init(|| {
            let figures = self.metrics.figures.clone();
            let datacenter = self.datacenter.clone();
            Services::new(traced::daos(daos), &self.cursors, lease_ms, datacenter, figures, self.clock.clone())
        });
    }

    /// The use cases, `None` until the database was reached.
    pub fn services(&self) -> Option<&Services> {
        self.services.get()
    }

    /// From now on the process is leaving: not ready, and connections are closed after an answer.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether [`App::drain`] was called.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn however_many_ask_whether_it_is_ready_the_database_is_asked_once_a_second() {
        let (readiness, looks) = (Readiness::default(), AtomicUsize::new(0));
        let look = || async {
            looks.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(300)).await;
            Ok(())
        };
        let crowd = async || futures::future::join_all((0..1000).map(|_| readiness.of(look))).await;
        assert!(crowd().await.iter().all(Result::is_ok));
        assert_eq!(looks.load(Ordering::SeqCst), 1, "one look at a time");
        tokio::time::advance(Duration::from_millis(999)).await;
        crowd().await;
        assert_eq!(looks.load(Ordering::SeqCst), 1);
        tokio::time::advance(Duration::from_millis(1)).await;
        crowd().await;
        assert_eq!(looks.load(Ordering::SeqCst), 2);
    }
}
