//! Running statements: levels, deadlines, what a failure proves, and what may be tried again.
//!
//! Three kinds of statement, three rules:
//! - reads and absolute writes are idempotent: the driver may speculate, and they are tried again
//!   until the deadline;
//! - an LWT is never tried again by the driver. [`decide`] issues it again only when the
//!   statement recognises its own earlier effect (it carries an id of its own);
//! - absolute writes with explicit timestamps may go together in unlogged batches.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use scylla::client::session::Session;
use scylla::cluster::metadata::Strategy;
use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
use scylla::policies::load_balancing::{NodeIdentifier, SingleTargetLoadBalancingPolicy};
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::response::query_result::QueryResult;
use scylla::serialize::row::SerializeRow;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::{Consistency, SerialConsistency};
use scylla::value::{CqlValue, MaybeUnset, Row};
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::Instrument as _;

use super::hedging::Hedging;
use super::observe::{Meter, Observer};
use super::session::Connected;
use super::trace;
use super::tries::Tries;
use super::{StartError, Usage, consistency, name, serial_read};
use crate::dao::{Context, DaoError, Level, Receipt, trace_turn};

/// A value of a batch; `Unset` writes nothing, `Set(None)` writes a null.
pub type Bound = MaybeUnset<Option<CqlValue>>;

/// What a failed attempt proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Too few replicas; nothing was done.
    Unavailable { level: &'static str, required: i32, alive: i32 },
    /// No node was asked; nothing was done.
    NotSent(String),
    /// No node was asked, since there was no time or no room for it; nothing was done.
    Busy(String),
    /// Anything may have happened.
    Unsure { level: &'static str, detail: String },
    /// Cassandra could not read its own roles and permissions, so it did nothing: too few of their replicas are alive.
    RolesUnread(String),
    /// Cassandra understood and refused: a bug, or rights that are missing.
    Refused(String),
}

impl Failure {
    /// The error of an operation that cannot have changed anything.
    pub fn of_read(self) -> DaoError {
        match self {
            Self::Unavailable { level, required, alive } => DaoError::Unavailable { level, required, alive },
            Self::NotSent(detail) => DaoError::Unreachable(detail),
            Self::Busy(detail) => DaoError::Busy(detail),
            Self::Unsure { level, detail } => DaoError::Timeout { level, detail },
            Self::RolesUnread(detail) => DaoError::RolesUnread(detail),
            Self::Refused(detail) => DaoError::Broken(detail),
        }
    }
}

/// A prepared statement with its name in metrics.
pub struct Statement {
    prepared: PreparedStatement,
    meter: Meter,
    /// Whether it changes nothing, so that a client may choose its level.
    is_read: bool,
}

impl Statement {
    /// Whether Cassandra may keep what it binds.
    fn may_be_kept(&self) -> bool {
        trace_turn::may_be_kept(self.meter.operation(), self.meter.table())
    }

    /// Whether this is the statement of the request that is traced.
    fn is_traced(&self, cx: &Context) -> bool {
        cx.trace.is_wanted() && self.may_be_kept() && cx.trace.take()
    }
}

/// Outcome of one conditional statement.
#[derive(Debug)]
pub struct Cas {
    pub applied: bool,
    /// The rows that were met, when it was not applied. Where no row meets a condition Cassandra tells none, though it tells
    /// the static columns of a partition that has any, as a row that has nothing else.
    met: Vec<HashMap<String, CqlValue>>,
    pub receipt: Receipt,
}

impl Cas {
    /// The rows that were met, by their columns. Nulls are left out.
    pub fn met(&self) -> &[HashMap<String, CqlValue>] {
        &self.met
    }

    /// A value of the first row that was met.
    fn column(&self, column: &str) -> Option<&CqlValue> {
        self.met.first()?.get(column)
    }

    /// A UUID of the row that was met.
    pub fn uuid(&self, column: &str) -> Option<uuid::Uuid> {
        self.column(column).and_then(CqlValue::as_uuid)
    }

    /// A list of UUIDs of the row that was met.
    pub fn uuids(&self, column: &str) -> Vec<uuid::Uuid> {
        match self.column(column) {
            Some(CqlValue::List(values)) => values.iter().filter_map(CqlValue::as_uuid).collect(),
            _ => Vec::new(),
        }
    }

    /// A time of the row that was met, in milliseconds.
    pub fn millis(&self, column: &str) -> Option<i64> {
        let value = self.column(column)?.as_cql_timestamp()?;
        Some(value.0)
    }

    /// A number of the row that was met.
    pub fn bigint(&self, column: &str) -> Option<i64> {
        self.column(column)?.as_bigint()
    }

    /// A small number of the row that was met.
    pub fn int(&self, column: &str) -> Option<i32> {
        self.column(column)?.as_int()
    }

    /// Text of the row that was met.
    pub fn text(&self, column: &str) -> Option<String> {
        self.column(column)?.as_text().cloned()
    }

    /// Bytes of the row that was met.
    pub fn blob(&self, column: &str) -> Option<Vec<u8>> {
        self.column(column)?.as_blob().cloned()
    }
}

/// The session with the store's rules of use.
pub struct Database {
    pub session: Arc<Session>,
    hedging: Hedging,
    pub keyspace: String,
    /// Level of what the store does for itself, and of all plain writes unless a client raises it.
    pub level: Level,
    /// The configured level, which may be a weaker one: for plain reads that clients ask for.
    pub level_of_reads: Level,
    pub serial: SerialConsistency,
    pub lease: Duration,
    statement_timeout: Duration,
    conditional_timeout: Duration,
    observer: Observer,
    batches: Meter,
    /// Turns of statements that are one of many for their request.
    turns: Semaphore,
}

/// Statements under way at once that are one of many for their requests: lists, reports, queries and exports share them,
/// first come, first served. All others go past them.
const OF_MANY_AT_ONCE: usize = 32;

/// Partitions of one unlogged batch; Cassandra warns above it.
const PARTITIONS_OF_A_BATCH: usize = 10;

/// Writes of one unlogged batch of one partition.
const WRITES_OF_A_PARTITION: usize = 100;

impl Database {
    /// Rules over a session.
    pub fn new(Connected { session, hedging }: Connected, usage: &Usage, observer: &Observer) -> Self {
        Self {
            session,
            hedging,
            keyspace: usage.keyspace.clone(),
            level: Level::BOOKS.raised_to(Some(usage.level)),
            level_of_reads: usage.level,
            serial: usage.serial,
            lease: usage.lease,
            statement_timeout: usage.statement_timeout,
            conditional_timeout: usage.conditional_timeout,
            observer: observer.clone(),
            batches: observer.meter("BATCH", ""),
            turns: Semaphore::new(OF_MANY_AT_ONCE),
        }
    }

    /// Prepares an idempotent statement (a read or an absolute write). `{ks}` is the keyspace.
    pub async fn plain(
        &self,
        operation: &'static str,
        table: &'static str,
        cql: &str,
    ) -> Result<Statement, StartError> {
        let mut prepared = self.prepare(table, cql).await?;
        self.may_be_made_twice(&mut prepared);
        know_columns(&mut prepared);
        prepared.set_consistency(consistency(self.level, self.serial));
        let is_read = prepared.get_statement().starts_with("SELECT");
        Ok(Statement { is_read, ..self.named(prepared, operation, table) })
    }

    /// Prepares a read that sees every LWT before it.
    pub async fn serial(&self, table: &'static str, cql: &str) -> Result<Statement, StartError> {
        let mut prepared = self.prepare(table, cql).await?;
        self.may_be_made_twice(&mut prepared);
        know_columns(&mut prepared);
        prepared.set_consistency(serial_read(self.serial));
        // A round of Paxos like a conditional write. One that is given up goes on in Cassandra, and the next one
        // waits for it: asking again and again while ranges move would make each slower.
        prepared.set_request_timeout(Some(self.conditional_timeout));
        Ok(self.named(prepared, "SERIAL SELECT", table))
    }

    /// Prepares a conditional statement: decided at the serial level, committed at LOCAL_QUORUM or a level to which the
    /// client raises it.
    pub async fn conditional(
        &self,
        operation: &'static str,
        table: &'static str,
        cql: &str,
    ) -> Result<Statement, StartError> {
        let mut prepared = self.prepare(table, cql).await?;
        prepared.set_is_idempotent(false);
        // The driver's default policy tries Unavailable again even for LWTs, and one that was
        // accepted before would then answer "not applied".
        prepared.set_retry_policy(Some(Arc::new(FallthroughRetryPolicy)));
        prepared.set_consistency(consistency(Level::BOOKS, self.serial));
        prepared.set_serial_consistency(Some(self.serial));
        prepared.set_request_timeout(Some(self.conditional_timeout));
        Ok(self.named(prepared, operation, table))
    }

    fn may_be_made_twice(&self, prepared: &mut PreparedStatement) {
        prepared.set_is_idempotent(true);
        prepared.set_execution_profile_handle(Some(self.hedging.profile()));
    }

    async fn prepare(&self, table: &'static str, cql: &str) -> Result<PreparedStatement, StartError> {
        let cql = cql.replace("{ks}", &self.keyspace);
        self.session.prepare(cql).await.map_err(|error| StartError::Prepare { table, detail: error.to_string() })
    }

    fn named(&self, prepared: PreparedStatement, operation: &'static str, table: &'static str) -> Statement {
        Statement { prepared, meter: self.observer.meter(operation, table), is_read: false }
    }

    /// Level of a plain statement: a client chooses that of reads and may raise that of writes.
    fn level_of(&self, cx: &Context, is_read: bool) -> Level {
        match cx.level {
            Some(level) if is_read => level,
            asked => self.level.raised_to(asked),
        }
    }

    /// Runs an idempotent statement at its level, again and again until it works, the deadline passes or the failure is
    /// certain to stay.
    pub async fn run(
        &self,
        cx: &Context,
        statement: &Statement,
        values: &(impl SerializeRow + Sync),
    ) -> Result<QueryResult, DaoError> {
        // Dropped when it is answered; whoever waits for one has sent nothing.
        let _turn = if cx.of_many { Some(self.turn(cx).await?) } else { None };
        let traced = statement.is_traced(cx);
        let level = self.level_of(cx, statement.is_read);
        let changed = cx.level.is_some() || traced;
        let mut prepared = if changed {
            let mut prepared = statement.prepared.clone();
            if cx.level.is_some() {
                prepared.set_consistency(consistency(level, self.serial));
            }
            prepared.set_tracing(traced);
            Cow::Owned(prepared)
        } else {
            Cow::Borrowed(&statement.prepared)
        };
        if let (Some(via), true) = (cx.via, statement.is_read) {
            return self.run_by(cx, via, prepared.into_owned(), &statement.meter, values).await;
        }
        let mut tries = Tries::of_idempotent();
        loop {
            match self.attempt(cx, &prepared, &statement.meter, values).await {
                Ok(result) => return Ok(result),
                Err(failure) => self.after(&mut tries, cx, level, failure).await?,
            }
            if traced {
                prepared.to_mut().set_tracing(false);
            }
        }
    }

    /// Runs a read by one node and no other, once: whoever has chosen it wants to see what it says, be it nothing.
    async fn run_by(
        &self,
        cx: &Context,
        via: IpAddr,
        mut prepared: PreparedStatement,
        meter: &Meter,
        values: &(impl SerializeRow + Sync),
    ) -> Result<QueryResult, DaoError> {
        let started = Instant::now();
        let state = self.session.get_cluster_state();
        let of_address = state.get_nodes_info().iter().find(|node| node.address.ip() == via);
        let not_usable = |state| DaoError::Node { node: via, state };
        let node = of_address.ok_or_else(|| not_usable("is no node of the ring"))?;
        if !node.is_connected() {
            return Err(not_usable("cannot be reached now"));
        }
        let target = NodeIdentifier::Node(Arc::clone(node));
        let limit = bounded(cx, started, self.statement_timeout).map_err(Failure::of_read)?;
        prepared.set_request_timeout(Some(limit));
        prepared.set_retry_policy(Some(Arc::new(FallthroughRetryPolicy)));
        prepared.set_load_balancing_policy(Some(SingleTargetLoadBalancingPolicy::new(target, None)));
        let span = trace::statement(&self.keyspace, meter, &prepared);
        let execution = pin!(self.session.execute_unpaged(&prepared, values));
        let result = execution.instrument(span.clone()).await;
        let result = result.map_err(|error| classify(&error, false));
        trace::answered(&span, &result);
        meter.record(started.elapsed(), result.as_ref().err());
        result.map_err(Failure::of_read)
    }

    async fn turn(&self, cx: &Context) -> Result<SemaphorePermit<'_>, DaoError> {
        let turn = tokio::time::timeout_at(cx.deadline, self.turns.acquire()).await;
        turn.ok().and_then(Result::ok).ok_or_else(|| DaoError::Busy("other requests read too much".into()))
    }

    /// Decides whether to try again; a level that asks for more replicas than the keyspace has is
    /// the client's mistake, not a lack of nodes.
    async fn after(&self, tries: &mut Tries, cx: &Context, level: Level, failure: Failure) -> Result<(), DaoError> {
        if let Failure::Unavailable { required, .. } = &failure
            && cx.level == Some(level)
            && self.replicas().is_some_and(|replicas| replicas < *required)
        {
            return Err(DaoError::Level { level, detail: "the keyspace has fewer replicas" });
        }
        tries.after(cx, failure).await
    }

    /// Replicas of each row of the keyspace, in all datacenters; `None` where the driver cannot
    /// tell.
    fn replicas(&self) -> Option<i32> {
        let state = self.session.get_cluster_state();
        let replicas = match &state.get_keyspace(&self.keyspace)?.strategy {
            Strategy::NetworkTopologyStrategy { datacenter_repfactors } => datacenter_repfactors.values().sum(),
            Strategy::SimpleStrategy { replication_factor } => *replication_factor,
            _ => return None,
        };
        i32::try_from(replicas).ok()
    }

    /// Runs a read that sees every LWT, whatever level the client asked for.
    pub async fn run_serial(
        &self,
        cx: &Context,
        statement: &Statement,
        values: &(impl SerializeRow + Sync),
    ) -> Result<QueryResult, DaoError> {
        let plain = Context { level: None, ..cx.clone() };
        self.run(&plain, statement, values).await
    }

    /// Runs absolute writes, some together in each request and all requests at once. How the
    /// database answered the first of them is told.
    ///
    /// Unlogged: a logged batch waits for two other nodes to note it, and one of them is the dead
    /// node until Cassandra has noticed that it is dead (20 s and more). What a crash leaves
    /// undone is noted by the caller instead.
    pub async fn write_all(
        &self,
        cx: &Context,
        writes: &[(&Statement, Vec<Bound>)],
    ) -> Result<Option<Receipt>, DaoError> {
        let batches = writes.chunks(PARTITIONS_OF_A_BATCH);
        let receipts = futures::future::try_join_all(batches.map(|some| self.write_batch(cx, some))).await?;
        Ok(receipts.first().copied())
    }

    /// Runs absolute writes of one partition, many together in each request.
    pub async fn write_partition(&self, cx: &Context, writes: &[(&Statement, Vec<Bound>)]) -> Result<(), DaoError> {
        for some in writes.chunks(WRITES_OF_A_PARTITION) {
            self.write_batch(cx, some).await?;
        }
        Ok(())
    }

    /// Runs absolute writes in one request, however many they are: of one partition, or few of several.
    pub async fn write_together(
        &self,
        cx: &Context,
        writes: &[(&Statement, Vec<Bound>)],
    ) -> Result<Option<Receipt>, DaoError> {
        if writes.is_empty() { Ok(None) } else { self.write_batch(cx, writes).await.map(Some) }
    }

    async fn write_batch(&self, cx: &Context, writes: &[(&Statement, Vec<Bound>)]) -> Result<Receipt, DaoError> {
        let mut batch = Batch::new(BatchType::Unlogged);
        batch.set_is_idempotent(true);
        batch.set_execution_profile_handle(Some(self.hedging.profile()));
        let mut traced = writes.iter().all(|(statement, _)| statement.may_be_kept()) && cx.trace.take();
        let level = self.level_of(cx, false);
        batch.set_consistency(consistency(level, self.serial));
        let mut values = Vec::with_capacity(writes.len());
        for (statement, bound) in writes {
            batch.append_statement(statement.prepared.clone());
            values.push(bound.as_slice());
        }
        let mut tries = Tries::of_idempotent();
        loop {
            let started = Instant::now();
            let limit = bounded(cx, started, self.statement_timeout).map_err(Failure::of_read)?;
            batch.set_tracing(std::mem::take(&mut traced));
            let span = trace::batch(&self.keyspace, &batch);
            // Pinned where it is made: to put it into the span would else move kilobytes.
            let first = pin!(self.session.batch(&batch, &values));
            let again = |policy| {
                let mut batch = batch.clone();
                batch.set_load_balancing_policy(Some(policy));
                let values = &values;
                async move { self.session.batch(&batch, values).await }.boxed()
            };
            let execution = pin!(self.hedging.run(limit, first, again));
            let result = execution.instrument(span.clone()).await;
            let result = result.map_err(|error| classify(&error, false));
            trace::answered(&span, &result);
            self.batches.record(started.elapsed(), result.as_ref().err());
            match result {
                Ok(result) => return Ok(receipt(level, &result)),
                Err(failure) => self.after(&mut tries, cx, level, failure).await?,
            }
        }
    }

    async fn attempt(
        &self,
        cx: &Context,
        prepared: &PreparedStatement,
        meter: &Meter,
        values: &(impl SerializeRow + Sync),
    ) -> Result<QueryResult, Failure> {
        let started = Instant::now();
        let limit = bounded(cx, started, prepared.get_request_timeout().unwrap_or(self.statement_timeout))?;
        let span = trace::statement(&self.keyspace, meter, prepared);
        // Pinned where it is made: to put it into the span would else move kilobytes.
        let first = pin!(self.session.execute_unpaged(prepared, values));
        let again = |policy| {
            let mut prepared = prepared.clone();
            prepared.set_tracing(false);
            prepared.set_load_balancing_policy(Some(policy));
            async move { self.session.execute_unpaged(&prepared, values).await }.boxed()
        };
        let execution = pin!(self.hedging.run(limit, first, again));
        let result = execution.instrument(span.clone()).await;
        let result = result.map_err(|error| classify(&error, false));
        trace::answered(&span, &result);
        meter.record(started.elapsed(), result.as_ref().err());
        result
    }

    /// A conditional statement as it is, or with a shorter wait near the deadline. Nothing is sent after it.
    fn within_deadline<'s>(
        &self,
        cx: &Context,
        now: Instant,
        prepared: &'s PreparedStatement,
    ) -> Result<Cow<'s, PreparedStatement>, Failure> {
        let limit = bounded(cx, now, self.conditional_timeout)?;
        if limit == self.conditional_timeout {
            return Ok(Cow::Borrowed(prepared));
        }
        let mut shortened = prepared.clone();
        shortened.set_request_timeout(Some(limit));
        Ok(Cow::Owned(shortened))
    }

    /// Runs one conditional statement once.
    pub async fn cas(
        &self,
        cx: &Context,
        statement: &Statement,
        values: &(impl SerializeRow + Sync),
    ) -> Result<Cas, Failure> {
        let started = Instant::now();
        let mut prepared = self.within_deadline(cx, started, &statement.prepared)?;
        let commit = Level::BOOKS.raised_to(cx.level);
        if commit != Level::BOOKS {
            prepared.to_mut().set_consistency(consistency(commit, self.serial));
        }
        if statement.is_traced(cx) {
            prepared.to_mut().set_tracing(true);
        }
        let span = trace::statement(&self.keyspace, &statement.meter, &prepared);
        // Pinned where it is made: to put it into the span would else move kilobytes.
        let execution = pin!(self.session.execute_unpaged(&prepared, values));
        let result = execution.instrument(span.clone()).await;
        let result = result.map_err(|error| classify(&error, true));
        trace::answered(&span, &result);
        statement.meter.record(started.elapsed(), result.as_ref().err());
        read_cas(commit, result?)
    }

    /// Runs a conditional batch of one partition once.
    pub async fn cas_batch(&self, cx: &Context, writes: &[(&Statement, Vec<Bound>)]) -> Result<Cas, Failure> {
        let started = Instant::now();
        let limit = bounded(cx, started, self.conditional_timeout)?;
        let mut batch = Batch::new(BatchType::Unlogged);
        batch.set_retry_policy(Some(Arc::new(FallthroughRetryPolicy)));
        batch.set_is_idempotent(false);
        let commit = Level::BOOKS.raised_to(cx.level);
        batch.set_consistency(consistency(commit, self.serial));
        batch.set_serial_consistency(Some(self.serial));
        batch.set_request_timeout(Some(limit));
        batch.set_tracing(writes.iter().all(|(statement, _)| statement.may_be_kept()) && cx.trace.take());
        let mut values = Vec::with_capacity(writes.len());
        for (statement, bound) in writes {
            batch.append_statement(statement.prepared.clone());
            values.push(bound);
        }
        let span = trace::batch(&self.keyspace, &batch);
        // Pinned where it is made: to put it into the span would else move kilobytes.
        let execution = pin!(self.session.batch(&batch, &values));
        let result = execution.instrument(span.clone()).await;
        let result = result.map_err(|error| classify(&error, true));
        trace::answered(&span, &result);
        if let Some((first, _)) = writes.first() {
            first.meter.record(started.elapsed(), result.as_ref().err());
        }
        read_cas(commit, result?)
    }

    /// How the database answered a plain read.
    pub fn receipt(&self, cx: &Context, result: &QueryResult) -> Receipt {
        receipt(self.level_of(cx, true), result)
    }
}

fn receipt(level: Level, result: &QueryResult) -> Receipt {
    Receipt { coordinator: Some(result.request_coordinator().node().address.ip()), level, trace: result.tracing_id() }
}

/// What a conditional statement, committed at `level`, came to.
fn read_cas(level: Level, result: QueryResult) -> Result<Cas, Failure> {
    let receipt = receipt(level, &result);
    let broken = |detail: String| Failure::Refused(format!("answer to an LWT: {detail}"));
    let rows = result.into_rows_result().map_err(|error| broken(error.to_string()))?;
    let names = || rows.column_specs().iter().map(|spec| spec.name().to_owned());
    let mut met = Vec::new();
    let mut applied = None;
    for row in rows.rows::<Row>().map_err(|error| broken(error.to_string()))? {
        let row = row.map_err(|error| broken(error.to_string()))?;
        let named = names().zip(row.columns).filter_map(|(name, value)| Some((name, value?)));
        let mut columns: HashMap<String, CqlValue> = named.collect();
        applied = applied.or(columns.remove("[applied]").and_then(|value| value.as_boolean()));
        if !columns.is_empty() {
            met.push(columns);
        }
    }
    let applied = applied.ok_or_else(|| broken("no [applied]".into()))?;
    Ok(Cas { applied, met, receipt })
}

/// How long to wait for a statement that is sent now: not beyond the deadline, and nothing is sent after it.
fn bounded(cx: &Context, now: Instant, longest: Duration) -> Result<Duration, Failure> {
    match cx.deadline.into_std().saturating_duration_since(now) {
        Duration::ZERO => Err(Failure::Busy("the deadline has passed".into())),
        left => Ok(left.min(longest)),
    }
}

/// The columns of an answer are those that were told when the statement was prepared: Cassandra leaves them out of each
/// answer, and nobody reads them again. That is safe because every statement names its columns and no column ever
/// changes its type, which Cassandra refuses since 4.0.
fn know_columns(prepared: &mut PreparedStatement) {
    prepared.set_use_cached_result_metadata(true);
}

/// How Cassandra 4.1 and 5.0 begin what they say when a read of their own tables of roles, at LOCAL_QUORUM, has failed.
/// They answer by the same codes as to somebody without the right, whatever the level of the statement.
const ROLES_UNREAD: [&str; 2] = ["Unable to perform authorization of ", "Unable to perform authentication"];

/// Whether a refusal is for want of replicas of the roles, not of a right. It comes before the statement is run.
fn are_of_roles_unread(words: &str) -> bool {
    ROLES_UNREAD.iter().any(|beginning| words.starts_with(beginning))
}

/// What a failed execution proves. For an LWT more is uncertain: Cassandra checks for enough live
/// replicas again when it commits what Paxos has accepted, so Unavailable proves something only
/// at the serial level.
fn classify(error: &ExecutionError, lwt: bool) -> Failure {
    let unsure = |level| Failure::Unsure { level, detail: error.to_string() };
    match error {
        ExecutionError::LastAttemptError(attempt) => match attempt {
            RequestAttemptError::DbError(db, words) => match db {
                DbError::Unauthorized | DbError::AuthenticationError if are_of_roles_unread(words) => {
                    Failure::RolesUnread(error.to_string())
                }
                DbError::Unavailable { consistency, required, alive } => {
                    let serial = matches!(consistency, Consistency::Serial | Consistency::LocalSerial);
                    if lwt && !serial {
                        return unsure(name(*consistency));
                    }
                    Failure::Unavailable { level: name(*consistency), required: *required, alive: *alive }
                }
                DbError::IsBootstrapping => Failure::NotSent(error.to_string()),
                DbError::ReadTimeout { consistency, .. }
                | DbError::WriteTimeout { consistency, .. }
                | DbError::ReadFailure { consistency, .. }
                | DbError::WriteFailure { consistency, .. } => unsure(name(*consistency)),
                DbError::SyntaxError
                | DbError::Invalid
                | DbError::AlreadyExists { .. }
                | DbError::FunctionFailure { .. }
                | DbError::AuthenticationError
                | DbError::Unauthorized
                | DbError::ConfigError
                | DbError::ProtocolError => Failure::Refused(error.to_string()),
                _ => unsure("the level asked for"),
            },
            RequestAttemptError::UnableToAllocStreamId => Failure::Busy(error.to_string()),
            RequestAttemptError::SerializationError(_) | RequestAttemptError::CqlRequestSerialization(_) => {
                Failure::Refused(error.to_string())
            }
            _ => unsure("the level asked for"),
        },
        ExecutionError::EmptyPlan | ExecutionError::ConnectionPoolError(_) => Failure::NotSent(error.to_string()),
        ExecutionError::BadQuery(_) | ExecutionError::PrepareError(_) => Failure::Refused(error.to_string()),
        _ => unsure("the level asked for"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(db: DbError, words: &str) -> ExecutionError {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(db, words.to_owned()))
    }

    #[test]
    fn without_a_quorum_of_its_roles_cassandra_did_nothing_and_will_again_and_a_missing_right_stays_one() {
        for (db, words) in [
            (
                DbError::Unauthorized,
                "Unable to perform authorization of permissions: Cannot achieve consistency level LOCAL_QUORUM",
            ),
            (
                DbError::Unauthorized,
                "Unable to perform authorization of permissions: Operation timed out - received only 1 responses.",
            ),
            (
                DbError::Unauthorized,
                "Unable to perform authorization of super-user permission: Cannot achieve consistency level LOCAL_QUORUM",
            ),
            (
                DbError::Unauthorized,
                "Unable to perform authorization of permissions: Unable to perform authorization of super-user permission: \
                 Cannot achieve consistency level LOCAL_QUORUM",
            ),
            (
                DbError::AuthenticationError,
                "Unable to perform authentication: Cannot achieve consistency level LOCAL_QUORUM",
            ),
        ] {
            for lwt in [false, true] {
                let failure = classify(&answered(db.clone(), words), lwt);
                assert!(matches!(failure, Failure::RolesUnread(_)), "{words}: {failure:?}");
                assert!(matches!(failure.of_read(), DaoError::RolesUnread(_)), "{words}");
            }
        }
        for (db, words) in [
            (
                DbError::Unauthorized,
                "User store_api has no SELECT permission on <table shop.products> or any of its parents",
            ),
            (DbError::AuthenticationError, "Provided username store_api and/or password are incorrect"),
        ] {
            let failure = classify(&answered(db, words), false);
            assert!(matches!(failure, Failure::Refused(_)), "{words}: {failure:?}");
            assert!(matches!(failure.of_read(), DaoError::Broken(_)), "{words}");
        }
    }

    #[test]
    fn what_there_was_no_time_or_room_for_is_another_thing_than_a_database_that_is_away() {
        let full = ExecutionError::LastAttemptError(RequestAttemptError::UnableToAllocStreamId);
        assert!(matches!(classify(&full, true).of_read(), DaoError::Busy(_)));
        assert!(matches!(classify(&ExecutionError::EmptyPlan, true).of_read(), DaoError::Unreachable(_)));
        let late = Context::within(Duration::ZERO);
        let left = bounded(&late, Instant::now(), Duration::from_secs(2));
        assert!(matches!(left.map_err(Failure::of_read), Err(DaoError::Busy(_))));
    }
}
