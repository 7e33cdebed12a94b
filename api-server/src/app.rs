//! What the requests of one process share. No IO of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::admission::{Admission, Bounds};
use crate::auth::Gate;
use crate::dao::{Daos, traced};
use crate::metrics::Metrics;
use crate::models::Level;
use crate::models::cluster::Cluster;
use crate::models::cursor::CursorKey;
use crate::models::figures::Figures;
use crate::models::idempotency::Idempotency;
use crate::models::lines::Lines;
use crate::models::orders::{self, Orders};
use crate::models::products::Products;
use crate::models::reports::Reports;
use crate::models::stocks::Stocks;
use crate::models::users::Users;

/// Use cases over one database.
#[derive(Clone)]
pub struct Services {
    pub products: Products,
    pub users: Users,
    pub stocks: Stocks,
    pub orders: Orders,
    pub reports: Reports,
    pub idempotency: Idempotency,
    pub cluster: Cluster,
}

impl Services {
    /// Use cases over the DAOs of one database; `lease_ms` is longer than any request lives.
    pub fn new(daos: Daos, cursors: &CursorKey, lease_ms: i64, datacenter: Option<String>, figures: Figures) -> Self {
        let lines = Lines::new(Arc::clone(&daos.ledger), figures);
        Self {
            orders: Orders::new(
                lines.clone(),
                orders::Daos {
                    orders: daos.orders,
                    ledger: Arc::clone(&daos.ledger),
                    ranks: Arc::clone(&daos.ranks),
                    products: Arc::clone(&daos.products),
                    users: Arc::clone(&daos.users),
                },
                cursors.clone(),
            ),
            reports: Reports::new(Arc::clone(&daos.ledger), daos.ranks),
            stocks: Stocks::new(lines, Arc::clone(&daos.ledger), Arc::clone(&daos.products), cursors.clone()),
            products: Products::new(daos.products, daos.ledger, cursors.clone()),
            users: Users::new(daos.users, cursors.clone()),
            idempotency: Idempotency::new(daos.idempotency, lease_ms),
            cluster: Cluster::new(daos.cluster, datacenter),
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
}

/// Bytes of a request body.
pub const MAX_BODY: usize = 64 * 1024;

/// Bytes of a file that is imported.
pub const IMPORT_MAX: usize = 16 * 1024 * 1024;

/// Deadline of a file that is imported; each line has that of a request.
pub const LONG_REQUEST: Duration = Duration::from_secs(600);

/// Imports under way at once.
const IMPORTS_MAX: usize = 4;

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
    pub metrics: Metrics,
    /// Who may do what.
    pub gate: Gate,
    /// Turns of imports.
    pub imports: Arc<Semaphore>,
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
            limits,
            metrics,
            gate,
            imports: Arc::new(Semaphore::new(IMPORTS_MAX)),
            draining: AtomicBool::new(false),
        })
    }

    /// Gives the application its database, once.
    pub fn connect(&self, daos: Daos) {
        let lease = self.limits.request_timeout + LEASE_SLACK;
        let lease_ms = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        self.services.get_or_init(|| {
            let figures = self.metrics.figures.clone();
            Services::new(traced::daos(daos), &self.cursors, lease_ms, self.datacenter.clone(), figures)
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
