//! The commands: `serve`, `migrate`, `seed` and `texts`. IO.

use std::sync::Arc;
use std::time::Duration;

use scylla::client::session::Session;
use scylla::errors::NewSessionError;
use scylla::statement::SerialConsistency;
use store_telemetry::Catalogue;
use thiserror::Error;
use tokio::time::Instant;

use crate::access_log::AccessLog;
use crate::app::{App, LEASE_SLACK, Limits, Services};
use crate::auth::Gate;
use crate::cors::Origins;
use crate::dao::backfill::Run;
use crate::dao::cassandra::migrations::{KeyspaceToCreate, Migrated, MigrationError, Migrator, expected_version};
use crate::dao::cassandra::session::{Connected, Target, connect};
use crate::dao::cassandra::{self, BackfillDaos, Observer, StartError, Sweeper, Usage};
use crate::edge::Edge;
use crate::metrics::Metrics;
use crate::models::backfill::{Backfill, Walked};
use crate::models::changes;
use crate::models::clock::Clock;
use crate::models::cursor::CursorKey;
use crate::models::figures::Figures;
use crate::models::orders::finished::Settler;
use crate::models::orders::sweep;
use crate::models::ranker::Ranker;
use crate::models::{Context, Level};
use crate::proxies::Proxies;
use crate::router;
use crate::seed::{self, Plan};
use crate::server::{self, Door, Pace};
use crate::settings::{MigrateArgs, SeedArgs, SerialLevel, Settings, SettingsError, Switch};
use crate::texts;
use crate::webhooks::Webhooks;

/// A command that did not do its work.
#[derive(Debug, Error)]
pub enum RunError {
    #[error("a setting cannot be used: {0}")]
    Settings(#[from] SettingsError),
    #[error("could not listen on {address}: {source}")]
    Listen { address: std::net::SocketAddr, source: std::io::Error },
    #[error("could not start: {0}")]
    Start(String),
    #[error("could not reach Cassandra at {hosts} in time: {detail}")]
    Connect { hosts: String, detail: String },
    #[error("could not migrate: {0}")]
    Migrate(#[from] MigrationError),
    #[error("the demo catalogue is in the store in part only, run seed again: {0}")]
    Seed(String),
    #[error("the report of texts is not whole: {0}")]
    Texts(#[from] texts::TextsError),
}

/// For the looks at the database's clock.
const CLOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// At the end, what is left of finished orders may take so long.
const LAST_SETTLEMENT: Duration = Duration::from_secs(5);

/// Between two tries to reach Cassandra at the start.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Answers HTTP until a signal.
pub async fn serve(settings: &Settings) -> Result<(), RunError> {
    // Wrong settings end the program now, not at the first request.
    settings.check_who_reaches_it()?;
    settings.check_what_travels(|name| std::env::var(name).ok())?;
    settings.credentials()?;
    settings.webhooks()?;
    let cursors = match settings.cursor_secret()? {
        Some(secret) => CursorKey::new(&secret),
        None => {
            tracing::warn!(
                "no STORE_CURSOR_KEY: a random one is used, cursors of other processes and of earlier runs are refused"
            );
            CursorKey::new(&rand::random::<[u8; 32]>())
        }
    };
    let gate = settings.access.gate()?;
    if !gate.is_on() {
        tracing::warn!(address = %settings.listen_address, "STORE_AUTH is off: whoever reaches this address may do everything");
    }
    let metrics = Metrics::new(i64::from(settings.low_stock)).map_err(|error| RunError::Start(error.to_string()))?;
    let observer = Observer::register(metrics.catalogue()).map_err(|error| RunError::Start(error.to_string()))?;
    let (log, writer) = AccessLog::to_stdout(settings.log_format, metrics.log_lines_lost.clone())
        .map_err(|error| RunError::Start(error.to_string()))?;
    let limits =
        Limits { request_timeout: settings.request_timeout(), bounds: settings.bounds(), quota: settings.quota() };
    let app = App::new(limits, settings.consistency, settings.local_datacenter.clone(), cursors, metrics, gate);
    if let Some(path) = &settings.operation_file {
        app.operation_file.get_or_init(|| path.clone());
    }
    let listen = |port| {
        let address = (settings.listen_address, port).into();
        server::listen(address).map_err(|source| RunError::Listen { address, source })
    };
    let (listener, probes) = (listen(settings.port)?, listen(settings.operations_port)?);
    let edge = Edge::new(Arc::clone(&app), router::build(Arc::clone(&app)), log);
    let operations = Door { listener: probes, edge: edge.of_operations() };
    let public = Door {
        listener,
        edge: edge
            .behind(Proxies(settings.trusted_hops))
            .with_console(settings.console == Switch::On)
            .read_by(Origins::new(&settings.cors_origins)),
    };
    let pace = Pace {
        max_connections: settings.max_connections(),
        first_head_timeout: server::FIRST_HEAD_TIMEOUT,
        write_timeout: Duration::from_millis(settings.write_timeout_ms),
        drain: Duration::from_secs(settings.drain_seconds),
        shutdown: Duration::from_secs(settings.shutdown_seconds),
    };
    let keeping = tokio::spawn(keep_gate(Arc::clone(&app)));
    let connecting = tokio::spawn(connect_in_time(Arc::clone(&app), settings.clone(), observer));
    tracing::info!(
        address = ?public.listener.local_addr().ok(),
        operations = ?operations.listener.local_addr().ok(),
        max_connections = pace.max_connections,
        version = env!("CARGO_PKG_VERSION"),
        "listening"
    );
    server::serve(public, operations, Arc::clone(&app), pace, server::signal()).await;
    if let Some(services) = app.services() {
        // So that the sweepers of others find nothing to do.
        let settled = async {
            services.orders.settle_finished().await;
            services.changes.finish().await
        };
        if let Ok(Err(error)) = tokio::time::timeout(LAST_SETTLEMENT, settled).await {
            tracing::warn!(%error, "the last changes are not told yet, the sweepers of others do it");
        }
    }
    connecting.abort();
    keeping.abort();
    drop(writer);
    Ok(())
}

/// Reaches the database, however long that takes, and gives it to the application. Ends never
/// while the process lives: it holds the sweepers.
async fn connect_in_time(app: Arc<App>, settings: Settings, observer: Observer) {
    let (sweepers, backfill) = loop {
        match connect_once(&app, &settings, &observer).await {
            Ok(connected) => break connected,
            Err(error) => {
                tracing::warn!(%error, "not ready yet, trying again");
                tokio::time::sleep(TRY_AGAIN).await;
            }
        }
    };
    let lease = app.limits.request_timeout + LEASE_SLACK;
    let orders = app.services().map(|services| {
        let orders = &services.orders;
        let changes = services.changes.clone();
        let told = (changes.start(), changes::sweep::Sweeper::start(changes, lease));
        let webhooks = settings.webhooks().unwrap_or_default();
        let webhooks = Webhooks::start(&webhooks, &services.changes, &app.metrics.webhooks);
        let told = (told, webhooks);
        (sweep::Sweeper::start(orders.clone(), lease, observer.sweeps()), Settler::start(orders.clone()), told)
    });
    tracing::info!("connected to Cassandra, the schema is there");
    backfill.finish().await;
    std::future::pending::<()>().await;
    drop((sweepers, orders));
}

/// Keeps what tokens are checked by: the keys of an issuer, or the tokens themselves.
async fn keep_gate(app: Arc<App>) {
    match &app.gate {
        Gate::Off => {}
        Gate::Tokens(tokens) => tokens.keep(&app.metrics.tokens_stale).await,
        Gate::Oidc(oidc) => oidc.keep().await,
    }
}

async fn connect_once(
    app: &App,
    settings: &Settings,
    observer: &Observer,
) -> Result<(Vec<Sweeper>, Backfill), RunError> {
    let connected = open(settings).await?.map_err(|error| unreachable(settings, &error))?;
    if settings.migrate {
        migrate_with(&connected.session, settings, Level::LocalQuorum, None).await?;
    }
    check_schema(&connected.session, settings).await?;
    check_datacenters(&connected.session, settings).await?;
    let backfill = backfill(&connected, settings, observer).await?;
    let (daos, sweepers) = cassandra::daos(connected, &usage(settings), observer)
        .await
        .map_err(|error: StartError| RunError::Start(error.to_string()))?;
    // Before the first request: a sweeper does it again and again.
    if let Err(error) = app.clock.measure(&Context::within(CLOCK_TIMEOUT), &*daos.orders).await {
        tracing::warn!(%error, "could not read the database's clock, its own is believed until then");
    }
    app.connect(daos);
    Ok((sweepers, backfill))
}

async fn backfill(connected: &Connected, settings: &Settings, observer: &Observer) -> Result<Backfill, RunError> {
    let daos = cassandra::backfill(connected.clone(), &usage(settings), observer).await;
    let BackfillDaos { backfill, blocks, turnovers } = daos.map_err(|error| RunError::Start(error.to_string()))?;
    Ok(Backfill::new(backfill, Ranker::new(blocks, turnovers)))
}

/// Ranks and lists what earlier versions left, as far as time allows: before the first process of this version serves, so that
/// its reports and searches are whole. A process that serves does what is left.
async fn work_up_old(connected: &Connected, settings: &Settings, deadline: Instant) -> Result<(), RunError> {
    let start = |error: &dyn std::fmt::Display| RunError::Start(error.to_string());
    let observer = Observer::register(&Catalogue::new()).map_err(|error| start(&error))?;
    match backfill(connected, settings, &observer).await?.walk(Run::Before, deadline).await {
        Ok(Walked::Done) => tracing::info!("what earlier versions left is done"),
        Ok(walked) => {
            tracing::warn!(?walked, "what earlier versions left is not all done yet, a process that serves goes on")
        }
        Err(error) => {
            tracing::warn!(%error, "what earlier versions left is not all done yet, a process that serves goes on")
        }
    }
    Ok(())
}

async fn check_schema(session: &Session, settings: &Settings) -> Result<(), RunError> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let serial = serial(settings);
    let version = Migrator::new(session, &settings.keyspace, serial, deadline).version().await?;
    if version.is_none_or(|version| version < expected_version()) {
        return Err(RunError::Start(format!(
            "the schema of keyspace {} is at version {}, {} is needed: run store-api migrate",
            settings.keyspace,
            version.unwrap_or(0),
            expected_version()
        )));
    }
    Ok(())
}

/// Nothing is decided where two datacenters would decide it apart.
async fn check_datacenters(session: &Session, settings: &Settings) -> Result<(), RunError> {
    if settings.allow_local_serial {
        return Ok(());
    }
    let refused = cassandra::refuse_to_decide_apart(session, &settings.keyspace, serial(settings)).await;
    refused.map_err(|error| RunError::Start(error.to_string()))
}

/// Brings the schema to the version that this program needs, at the level of `STORE_CONSISTENCY`.
pub async fn migrate(settings: &Settings, args: &MigrateArgs) -> Result<(), RunError> {
    settings.credentials()?;
    let deadline = Instant::now() + Duration::from_secs(settings.migrate_timeout_seconds);
    let connected = open_until(settings, deadline).await?;
    let create = match (args.create_keyspace, &args.datacenter, args.replication_factor) {
        (true, Some(datacenter), Some(replication_factor)) => {
            Some(KeyspaceToCreate { datacenter: datacenter.clone(), replication_factor })
        }
        _ => None,
    };
    let done = migrate_with(&connected.session, settings, settings.consistency, create.as_ref()).await?;
    // A new keyspace has nothing of before, and perhaps fewer nodes than replicas.
    if done.from > 0 { work_up_old(&connected, settings, deadline).await } else { Ok(()) }
}

/// Puts the demo catalogue into the store.
pub async fn seed(settings: &Settings, args: &SeedArgs) -> Result<(), RunError> {
    // The sweepers end with this function; what it leaves half-way those of the store finish.
    let (services, _sweepers) = services_of_a_command(settings).await?;
    let plan = Plan { seed: args.seed, products: args.products, users: args.users };
    let sown = seed::sow(&services, &plan).await.map_err(|error| RunError::Seed(error.to_string()))?;
    if let Err(error) = services.changes.finish().await {
        tracing::warn!(%error, "what was sown is not all in the feed yet, the store's sweepers do it");
    }
    tracing::info!(
        products = sown.products,
        stocks = sown.stocks,
        users = sown.users,
        "the demo catalogue is in the store; told is what was made now"
    );
    Ok(())
}

/// Writes to standard output which stored texts today's rules would not take as they are.
pub async fn texts(settings: &Settings) -> Result<(), RunError> {
    let (services, _sweepers) = services_of_a_command(settings).await?;
    let looked = texts::report(&services, &mut std::io::stdout()).await?;
    let texts::Looked { products, users, fields } = looked;
    tracing::info!(products, users, fields, "looked at the store's texts; told are the fields that have to be changed");
    Ok(())
}

/// The use cases for a command that ends; what sweeps ends with what is returned beside them.
async fn services_of_a_command(settings: &Settings) -> Result<(Services, Vec<Sweeper>), RunError> {
    settings.credentials()?;
    let deadline = Instant::now() + Duration::from_secs(settings.migrate_timeout_seconds);
    let connected = open_until(settings, deadline).await?;
    check_schema(&connected.session, settings).await?;
    check_datacenters(&connected.session, settings).await?;
    let start = |error: &dyn std::fmt::Display| RunError::Start(error.to_string());
    // Nobody scrapes a command that ends.
    let unseen = Catalogue::new();
    let observer = Observer::register(&unseen).map_err(|error| start(&error))?;
    let figures = Figures::register(&unseen, i64::from(settings.low_stock)).map_err(|error| start(&error))?;
    let daos = cassandra::daos(connected, &usage(settings), &observer).await;
    let (daos, sweepers) = daos.map_err(|error| start(&error))?;
    // No cursor and no key of an idempotent request is given out here.
    Ok((
        Services::new(daos, &CursorKey::new(&rand::random::<[u8; 32]>()), 0, None, figures, Clock::default()),
        sweepers,
    ))
}

/// Reaches the database within a deadline.
async fn open_until(settings: &Settings, deadline: Instant) -> Result<Connected, RunError> {
    loop {
        match open(settings).await? {
            Ok(connected) => return Ok(connected),
            Err(error) if Instant::now() + TRY_AGAIN >= deadline => {
                return Err(unreachable(settings, &error));
            }
            Err(error) => {
                tracing::info!(%error, "waiting for Cassandra");
                tokio::time::sleep(TRY_AGAIN).await;
            }
        }
    }
}

async fn migrate_with(
    session: &Session,
    settings: &Settings,
    level: Level,
    create: Option<&KeyspaceToCreate>,
) -> Result<Migrated, RunError> {
    let deadline = Instant::now() + Duration::from_secs(settings.migrate_timeout_seconds);
    let migrator = Migrator::new(session, &settings.keyspace, serial(settings), deadline).at(level);
    let done = migrator.migrate(create).await?;
    tracing::info!(
        keyspace = settings.keyspace,
        from = done.from,
        to = done.to,
        "the schema is at the expected version"
    );
    Ok(done)
}

async fn open(settings: &Settings) -> Result<Result<Connected, NewSessionError>, RunError> {
    let credentials = settings.credentials()?.map(|(user, password)| (user, password.expose().to_owned()));
    let hosts = settings.cassandra_host.iter().map(|host| host.trim());
    let target = Target {
        hosts: hosts.filter(|host| !host.is_empty()).map(str::to_owned).collect(),
        credentials,
        datacenter: settings.local_datacenter.clone(),
        rack: settings.local_rack.clone(),
        statement_timeout: settings.statement_timeout(),
    };
    Ok(connect(&target).await)
}

fn unreachable(settings: &Settings, error: &NewSessionError) -> RunError {
    RunError::Connect { hosts: settings.cassandra_host.join(","), detail: error.to_string() }
}

/// Two conditional statements of the longest wait fit into a request.
fn usage(settings: &Settings) -> Usage {
    Usage {
        keyspace: settings.keyspace.clone(),
        level: settings.consistency,
        serial: serial(settings),
        statement_timeout: settings.statement_timeout(),
        conditional_timeout: settings.statement_timeout().max(settings.request_timeout() / 2),
        lease: settings.request_timeout() + LEASE_SLACK,
        changes_kept: settings.changes_kept(),
        audit_kept: settings.audit_kept(),
    }
}

const fn serial(settings: &Settings) -> SerialConsistency {
    match settings.serial_consistency {
        SerialLevel::Serial => SerialConsistency::Serial,
        SerialLevel::LocalSerial => SerialConsistency::LocalSerial,
    }
}
