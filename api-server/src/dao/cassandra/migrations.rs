//! Versioned schema, applied once by one writer.
//!
//! The writer holds a lease: a row with a time to live, taken and renewed by LWT. Each version is
//! recorded after its tables are agreed on by all live nodes; every statement is `IF NOT EXISTS` or
//! sets a property, so a writer that died half-way is simply followed by the next. The statements of a version go to
//! one node, which knows its own changes at once, so agreement is awaited once a version: awaiting it
//! after each statement takes a second or two a table.

mod changes;
mod orders;
mod principals;
mod ranks;
mod reach;
mod tables;
mod words;

use std::time::Duration;

use scylla::client::session::Session;
use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
use scylla::policies::load_balancing::{NodeIdentifier, SingleTargetLoadBalancingPolicy};
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::statement::unprepared::Statement;
use scylla::statement::{Consistency, SerialConsistency};
use scylla::value::Row;
use thiserror::Error;
use tokio::time::Instant;
use uuid::Uuid;

use crate::dao::Level;

pub use tables::{MIGRATIONS, Migration};

/// The version that this program needs.
pub fn expected_version() -> i32 {
    MIGRATIONS.last().map_or(0, |last| last.version)
}

/// A keyspace to be created.
#[derive(Debug, Clone)]
pub struct KeyspaceToCreate {
    pub datacenter: String,
    pub replication_factor: u16,
}

/// What the writer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// Version before, 0 for none.
    pub from: i32,
    pub to: i32,
}

/// The schema could not be read or changed.
#[derive(Debug, Error)]
pub enum MigrationError {
    #[error("there is no keyspace {0}, create it or run migrate with --create-keyspace")]
    NoKeyspace(String),
    #[error("could not {action}: {detail}")]
    Statement { action: &'static str, detail: String },
    #[error("the nodes did not agree on the schema in time: {0}")]
    Agreement(String),
    #[error("another writer held the migration lease until the end of the wait")]
    LeaseHeld,
    #[error("the migration lease was lost to another writer, run migrate again")]
    LeaseLost,
    #[error("the datacenter name may not contain quotes")]
    Datacenter,
}

/// Time to live of the lease; renewed before each statement.
const LEASE_SECONDS: i32 = 60;
/// Between looks at a lease that another writer holds.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Looks at a table that is there but cannot be read yet; on a busy machine that takes seconds.
const LOOKS_AT_A_NEW_TABLE: u32 = 10;
/// DDL is slow on small machines.
const DDL_TIMEOUT: Duration = Duration::from_secs(30);

/// Changes the schema of one keyspace.
pub struct Migrator<'a> {
    session: &'a Session,
    keyspace: &'a str,
    level: Consistency,
    serial: SerialConsistency,
    deadline: Instant,
    owner: Uuid,
}

impl<'a> Migrator<'a> {
    /// A writer that gives up at `deadline`.
    pub fn new(session: &'a Session, keyspace: &'a str, serial: SerialConsistency, deadline: Instant) -> Self {
        Self { session, keyspace, level: Consistency::LocalQuorum, serial, deadline, owner: Uuid::new_v4() }
    }

    /// The same at another level than LOCAL_QUORUM. ONE is for a keyspace with more replicas than the ring
    /// has nodes yet: no quorum of them can answer, and the nodes that join later stream what is there.
    #[must_use]
    pub fn at(self, level: Level) -> Self {
        Self { level: super::consistency(level, self.serial), ..self }
    }

    /// Brings the keyspace to the expected version, creating it if asked to.
    pub async fn migrate(&self, create: Option<&KeyspaceToCreate>) -> Result<Migrated, MigrationError> {
        if let Some(create) = create {
            self.create_keyspace(create).await?;
        }
        if !self.exists("keyspaces", None).await? {
            return Err(MigrationError::NoKeyspace(self.keyspace.to_owned()));
        }
        let from = self.version().await?.unwrap_or(0);
        if from >= expected_version() {
            return Ok(Migrated { from, to: from });
        }
        self.create_own_tables().await?;
        self.take_lease().await?;
        let result = self.apply().await;
        self.give_lease_back().await;
        let from = from.min(result?);
        Ok(Migrated { from, to: expected_version() })
    }

    /// The version of the keyspace's schema, `None` where nothing was ever migrated.
    pub async fn version(&self) -> Result<Option<i32>, MigrationError> {
        if !self.exists("tables", Some("schema_migrations")).await? {
            return Ok(None);
        }
        let cql = "SELECT max(version) FROM {ks}.schema_migrations WHERE scope = 'store'";
        let action = "read the schema's version";
        let mut tries = 0;
        let row = loop {
            match self.one(action, cql, self.level).await {
                Ok(row) => break row,
                Err(error) if tries == LOOKS_AT_A_NEW_TABLE => return Err(error),
                // Another writer is creating the table: the schema tells of it a moment before
                // every node can read it.
                Err(_) => {
                    tries += 1;
                    self.agree().await?;
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
        };
        let version = row.and_then(|row| row.columns.into_iter().next().flatten());
        Ok(version.and_then(|version| version.as_int()))
    }

    async fn apply(&self) -> Result<i32, MigrationError> {
        // Read again: the writer before us may have done all of it.
        let from = self.version().await?.unwrap_or(0);
        for migration in MIGRATIONS.iter().filter(|migration| migration.version > from) {
            let target = self.meeting_point();
            for statement in migration.statements() {
                self.renew_lease().await?;
                self.ddl("change the schema", statement, target.clone()).await?;
            }
            self.agree().await?;
            self.prepare_data(migration.version).await?;
            self.renew_lease().await?;
            let cql = format!(
                "INSERT INTO {{ks}}.schema_migrations (scope, version, name, applied_at) \
                 VALUES ('store', {}, '{}', toTimestamp(now()))",
                migration.version, migration.name
            );
            self.one("record the version", &cql, self.level).await?;
            tracing::info!(version = migration.version, name = migration.name, "schema migrated");
        }
        Ok(from)
    }

    /// Rows that a version of the schema needs from the start.
    async fn prepare_data(&self, version: i32) -> Result<(), MigrationError> {
        let buckets = match version {
            1 => "product_buckets",
            2 => "user_buckets",
            4 => "order_buckets",
            _ => return Ok(()),
        };
        // The first bucket begins with time itself; the partition is changed by LWT only.
        let cql = format!("INSERT INTO {{ks}}.{buckets} (scope, bucket) VALUES ('all', 0) IF NOT EXISTS");
        self.lwt("create the first bucket", &cql).await?;
        let cql = format!("UPDATE {{ks}}.{buckets} SET newest = 0 WHERE scope = 'all' IF newest = null");
        self.lwt("create the first bucket", &cql).await?;
        Ok(())
    }

    async fn create_keyspace(&self, create: &KeyspaceToCreate) -> Result<(), MigrationError> {
        if create.datacenter.contains('\'') {
            return Err(MigrationError::Datacenter);
        }
        if self.exists("keyspaces", None).await? {
            return Ok(());
        }
        let cql = format!(
            "CREATE KEYSPACE IF NOT EXISTS {{ks}} WITH replication = \
             {{'class': 'NetworkTopologyStrategy', '{}': {}}}",
            create.datacenter, create.replication_factor
        );
        let target = self.meeting_point();
        self.ddl("create the keyspace", &cql, target).await?;
        self.agree().await
    }

    /// The tables that the lease itself needs, created before there can be a lease. Two writers
    /// at once would give one table two ids (CASSANDRA-8387), so both send these to one node.
    async fn create_own_tables(&self) -> Result<(), MigrationError> {
        let target = self.meeting_point();
        for (table, columns) in [
            ("schema_lease", "name text PRIMARY KEY, owner uuid"),
            (
                "schema_migrations",
                "scope text, version int, name text, applied_at timestamp, PRIMARY KEY (scope, version)",
            ),
        ] {
            if !self.exists("tables", Some(table)).await? {
                let cql = format!("CREATE TABLE IF NOT EXISTS {{ks}}.{table} ({columns})");
                self.ddl("create the migration tables", &cql, target.clone()).await?;
            }
        }
        self.agree().await
    }

    /// The node that every writer chooses: the connected one with the smallest host id.
    fn meeting_point(&self) -> Option<NodeIdentifier> {
        let state = self.session.get_cluster_state();
        let nodes = state.get_nodes_info().iter();
        nodes.filter(|node| node.is_connected()).map(|node| node.host_id).min().map(NodeIdentifier::HostId)
    }

    async fn take_lease(&self) -> Result<(), MigrationError> {
        let cql = format!(
            "INSERT INTO {{ks}}.schema_lease (name, owner) VALUES ('migrations', {}) \
             IF NOT EXISTS USING TTL {LEASE_SECONDS}",
            self.owner
        );
        let mut told = false;
        loop {
            if self.lwt("take the migration lease", &cql).await? || self.holds_lease().await? {
                return Ok(());
            }
            if !told {
                tracing::info!("another writer is migrating, waiting for its lease");
                told = true;
            }
            if Instant::now() + LOOK_AGAIN >= self.deadline {
                return Err(MigrationError::LeaseHeld);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// A lease taken by an LWT of ours whose answer was lost.
    async fn holds_lease(&self) -> Result<bool, MigrationError> {
        let cql = "SELECT owner FROM {ks}.schema_lease WHERE name = 'migrations'";
        let serial = super::serial_read(self.serial);
        let row = self.one("read the migration lease", cql, serial).await?;
        let owner = row.and_then(|row| row.columns.into_iter().next().flatten());
        Ok(owner.and_then(|owner| owner.as_uuid()) == Some(self.owner))
    }

    async fn renew_lease(&self) -> Result<(), MigrationError> {
        let cql = format!(
            "UPDATE {{ks}}.schema_lease USING TTL {LEASE_SECONDS} SET owner = {0} \
             WHERE name = 'migrations' IF owner = {0}",
            self.owner
        );
        if self.lwt("renew the migration lease", &cql).await? { Ok(()) } else { Err(MigrationError::LeaseLost) }
    }

    async fn give_lease_back(&self) {
        let cql = format!("DELETE FROM {{ks}}.schema_lease WHERE name = 'migrations' IF owner = {}", self.owner);
        if let Err(error) = self.lwt("give the migration lease back", &cql).await {
            tracing::warn!(%error, "the migration lease stays until its time to live ends");
        }
    }

    async fn exists(&self, kind: &str, table: Option<&str>) -> Result<bool, MigrationError> {
        let condition = match table {
            Some(table) => format!(" AND table_name = '{table}'"),
            None => String::new(),
        };
        let cql = format!(
            "SELECT keyspace_name FROM system_schema.{kind} WHERE keyspace_name = '{}'{condition}",
            self.keyspace
        );
        let row = self.one("read the schema", &cql, Consistency::One).await?;
        Ok(row.is_some())
    }

    /// Runs an LWT until its outcome is known; the statements here are harmless to repeat.
    async fn lwt(&self, action: &'static str, cql: &str) -> Result<bool, MigrationError> {
        let mut statement = Statement::new(cql.replace("{ks}", self.keyspace));
        statement.set_consistency(self.level);
        statement.set_serial_consistency(Some(self.serial));
        statement.set_retry_policy(Some(std::sync::Arc::new(FallthroughRetryPolicy)));
        statement.set_request_timeout(Some(Duration::from_secs(5)));
        let row = self.until_answered(action, &statement).await?;
        let applied = row.and_then(|row| row.columns.into_iter().next().flatten());
        Ok(applied.and_then(|applied| applied.as_boolean()) == Some(true))
    }

    async fn one(&self, action: &'static str, cql: &str, level: Consistency) -> Result<Option<Row>, MigrationError> {
        let mut statement = Statement::new(cql.replace("{ks}", self.keyspace));
        statement.set_consistency(level);
        statement.set_is_idempotent(true);
        statement.set_request_timeout(Some(Duration::from_secs(5)));
        self.until_answered(action, &statement).await
    }

    async fn until_answered(&self, action: &'static str, statement: &Statement) -> Result<Option<Row>, MigrationError> {
        loop {
            match self.session.query_unpaged(statement.clone(), ()).await {
                Ok(result) => {
                    let Ok(rows) = result.into_rows_result() else {
                        return Ok(None);
                    };
                    return rows
                        .maybe_first_row::<Row>()
                        .map_err(|error| MigrationError::Statement { action, detail: error.to_string() });
                }
                Err(error) => self.pause_after(action, &error).await?,
            }
        }
    }

    /// Has `target` change the schema; whether the other nodes know it is asked for by [`Self::agree`].
    /// Where that node fails another takes its place, and agreement is awaited before and after.
    async fn ddl(&self, action: &'static str, cql: &str, target: Option<NodeIdentifier>) -> Result<(), MigrationError> {
        let mut statement = Statement::new(cql.replace("{ks}", self.keyspace));
        statement.set_is_idempotent(false);
        statement.set_request_timeout(Some(DDL_TIMEOUT));
        let mut next = target;
        let mut failed = false;
        loop {
            if let Some(node) = next.take() {
                statement.set_load_balancing_policy(Some(SingleTargetLoadBalancingPolicy::new(node, None)));
            }
            match self.session.query_unpaged(statement.clone(), ()).await {
                Ok(_) if failed => return self.agree().await,
                Ok(_) => return Ok(()),
                Err(error) => {
                    failed = true;
                    self.pause_after(action, &error).await?;
                    self.agree().await?;
                    next = self.meeting_point();
                }
            }
        }
    }

    /// Waits a moment after a failure that may pass; gives up on others and at the deadline.
    async fn pause_after(&self, action: &'static str, error: &ExecutionError) -> Result<(), MigrationError> {
        let stays = matches!(
            error,
            ExecutionError::LastAttemptError(RequestAttemptError::DbError(
                DbError::SyntaxError
                    | DbError::Invalid
                    | DbError::Unauthorized
                    | DbError::AuthenticationError
                    | DbError::ConfigError
                    | DbError::AlreadyExists { .. },
                _
            ))
        );
        if stays || Instant::now() + LOOK_AGAIN >= self.deadline {
            return Err(MigrationError::Statement { action, detail: error.to_string() });
        }
        tracing::info!(action, %error, "trying again");
        tokio::time::sleep(LOOK_AGAIN).await;
        Ok(())
    }

    async fn agree(&self) -> Result<(), MigrationError> {
        loop {
            match self.session.await_schema_agreement().await {
                Ok(_) => break,
                Err(error) if Instant::now() + LOOK_AGAIN >= self.deadline => {
                    return Err(MigrationError::Agreement(error.to_string()));
                }
                Err(_) => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
        // Statements are routed by what the driver knows of keyspaces and tables; it learns by itself,
        // only later.
        if let Err(error) = self.session.refresh_metadata().await {
            tracing::info!(%error, "the driver could not read the new schema yet");
        }
        Ok(())
    }
}

#[cfg(test)]
impl Migrator<'_> {
    /// Only the keyspace, so that many writers can begin on the tables at once.
    pub async fn create_keyspace_for_tests(&self, create: &KeyspaceToCreate) {
        self.create_keyspace(create).await.unwrap();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_contiguous_and_every_statement_can_be_repeated() {
        for (at, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(usize::try_from(migration.version), Ok(at + 1));
            for statement in migration.statements() {
                let creates = statement.contains("IF NOT EXISTS {ks}.");
                let alters = statement.starts_with("ALTER TABLE {ks}.");
                let sets = statement.contains(" WITH ") || statement.contains("ADD IF NOT EXISTS");
                assert!(creates || (alters && sets), "{statement}");
            }
        }
    }
}
