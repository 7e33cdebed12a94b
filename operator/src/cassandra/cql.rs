//! CQL: sessions to the rings, one per store, and what is asked and changed over them. IO.
//!
//! A session keeps one connection to at most three nodes, since the operator asks little, and is
//! dropped when it breaks, when its password changes, or after a while without use.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use scylla::client::PoolSize;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::errors::{
    ConnectionError, ConnectionPoolError, ConnectionSetupRequestErrorKind, DbError, ExecutionError, MetadataError,
    NewSessionError, RequestAttemptError,
};
use scylla::policies::host_filter::AllowListHostFilter;
use scylla::response::query_result::QueryResult;
use scylla::statement::{Consistency, Statement};
use store_planner::logins::{Credentials, DEFAULT_SUPERUSER, Login};
use store_planner::observation::Replication;
use tracing::Instrument as _;

use super::statements;
use crate::trace;

const CONNECT_DEADLINE: Duration = Duration::from_secs(3);
const LOGIN_DEADLINE: Duration = Duration::from_secs(6);
const READ_DEADLINE: Duration = Duration::from_secs(3);
/// Roles are written at EACH_QUORUM and keyspaces wait for schema agreement.
const CHANGE_DEADLINE: Duration = Duration::from_secs(12);
/// A session unused for longer is closed: a settled store is looked at every few minutes only.
const IDLE: Duration = Duration::from_secs(90);
/// How long a log-in that was refused is not tried again.
const REFUSED_FOR: Duration = Duration::from_secs(5);
/// Nodes that a session speaks with.
const CONTACTS: usize = 3;

/// A question or change over CQL that failed.
#[derive(Debug, thiserror::Error)]
pub enum CqlError {
    #[error("no node serves CQL yet")]
    NoNode,
    #[error("logged in to Cassandra as {user} and was refused: {message}")]
    Refused { user: String, message: String },
    #[error("no password of the operator's superuser is known")]
    NoPassword,
    #[error("connected to Cassandra at {contacts} and failed: {cause}")]
    Connect { contacts: String, cause: String },
    #[error("{what} and failed: {cause}")]
    Query { what: &'static str, cause: String },
    #[error("{what} and got rows of another shape than expected: {cause}")]
    Shape { what: &'static str, cause: String },
    #[error("the keyspace {0} is gone")]
    NoKeyspace(String),
}

impl CqlError {
    /// Closed label for metrics, events and logs.
    pub fn reason(&self) -> &'static str {
        match self {
            CqlError::NoNode => "NoNodeServesCql",
            CqlError::Refused { .. } => "LoginRefused",
            CqlError::NoPassword => "CredentialsMissing",
            CqlError::Connect { .. } => "CqlConnectFailed",
            CqlError::Query { .. } => "CqlQueryFailed",
            CqlError::Shape { .. } => "CqlAnswerMalformed",
            CqlError::NoKeyspace(_) => "KeyspaceGone",
        }
    }

    /// Whether the name or password were wrong or there is none, rather than Cassandra unable to judge them.
    pub fn is_refused(&self) -> bool {
        matches!(self, CqlError::Refused { .. } | CqlError::NoPassword)
    }
}

/// A logged-in session.
pub struct Cql {
    session: Session,
    /// Whether this is the operator's own superuser.
    pub own: bool,
    pub(super) credentials: Credentials,
    contacts: Vec<SocketAddr>,
}

/// State of a role as `system_auth` has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    pub can_login: bool,
    pub is_superuser: bool,
}

impl Cql {
    /// Logs in. A short-lived probe of a password is made the same way and dropped.
    pub async fn log_in(contacts: &[SocketAddr], credentials: &Credentials, own: bool) -> Result<Cql, CqlError> {
        let contacts: Vec<SocketAddr> = contacts.iter().copied().take(CONTACTS).collect();
        if contacts.is_empty() {
            return Err(CqlError::NoNode);
        }
        let fail = |cause: String| CqlError::Connect { contacts: list(&contacts), cause };
        let filter = AllowListHostFilter::new(contacts.iter().map(SocketAddr::to_string))
            .map_err(|error| fail(error.to_string()))?;
        let builder = SessionBuilder::new()
            .known_nodes_addr(&contacts)
            .host_filter(Arc::new(filter))
            .user(&credentials.username, &credentials.password)
            .connection_timeout(CONNECT_DEADLINE)
            .pool_size(PoolSize::PerHost(NonZeroUsize::MIN))
            .disallow_shard_aware_port(true)
            .fetch_schema_metadata(false)
            .fetch_full_schema_metadata(false)
            .keepalive_interval(Duration::from_secs(2))
            .keepalive_timeout(Duration::from_secs(3))
            .schema_agreement_timeout(Duration::from_secs(10))
            .schema_agreement_interval(Duration::from_millis(200));
        let span = trace::log_in(&contacts);
        let opened = tokio::time::timeout(LOGIN_DEADLINE, builder.build()).instrument(span.clone()).await;
        let opened = match opened {
            Err(_) => Err(fail("no session within the deadline".into())),
            Ok(Err(error)) => Err(match refusal(&error) {
                Some(message) => CqlError::Refused { user: credentials.username.clone(), message },
                None => fail(error.to_string()),
            }),
            Ok(Ok(session)) => Ok(Cql { session, own, credentials: credentials.clone(), contacts }),
        };
        if let Err(error) = &opened {
            trace::failed(&span, error.reason());
        }
        opened
    }

    /// Every keyspace that is replicated over the ring.
    pub async fn keyspaces(&self) -> Result<BTreeMap<String, Replication>, CqlError> {
        const WHAT: &str = "asked Cassandra for its keyspaces";
        let rows: Vec<(String, BTreeMap<String, String>)> = self
            .rows(WHAT, "SELECT keyspace_name, replication FROM system_schema.keyspaces", Consistency::LocalOne)
            .await?;
        Ok(rows
            .into_iter()
            .filter_map(|(keyspace, options)| Some((keyspace, statements::read_replication(&options)?)))
            .collect())
    }

    /// All roles, by name. Read at QUORUM: a replica that is new to `system_auth` may lack rows.
    pub async fn roles(&self) -> Result<BTreeMap<String, Role>, CqlError> {
        const WHAT: &str = "asked Cassandra for its roles";
        let rows: Vec<(String, Option<bool>, Option<bool>)> =
            self.rows(WHAT, "SELECT role, can_login, is_superuser FROM system_auth.roles", Consistency::Quorum).await?;
        Ok(rows
            .into_iter()
            .map(|(role, can_login, is_superuser)| {
                let can_login = can_login.unwrap_or(false);
                (role, Role { can_login, is_superuser: is_superuser.unwrap_or(false) })
            })
            .collect())
    }

    /// Permissions of a role, as pairs of resource (`data/shop`) and permission (`SELECT`).
    pub async fn permissions(&self, role: &str) -> Result<BTreeSet<(String, String)>, CqlError> {
        const WHAT: &str = "asked Cassandra for the permissions of a role";
        let question = format!(
            "SELECT resource, permissions FROM system_auth.role_permissions WHERE role = {}",
            statements::text(role)
        );
        let rows: Vec<(String, Option<BTreeSet<String>>)> = self.rows(WHAT, &question, Consistency::Quorum).await?;
        Ok(rows
            .into_iter()
            .flat_map(|(resource, permissions)| {
                permissions.unwrap_or_default().into_iter().map(move |permission| (resource.clone(), permission))
            })
            .collect())
    }

    /// Carries out a statement that changes roles or keyspaces. Every such statement is idempotent.
    pub async fn change(&self, what: &'static str, statement: String) -> Result<(), CqlError> {
        let mut statement = Statement::new(statement);
        statement.set_consistency(Consistency::LocalQuorum);
        statement.set_request_timeout(Some(CHANGE_DEADLINE));
        self.ask(what, statement).await.map(drop)
    }

    async fn rows<R>(&self, what: &'static str, statement: &str, consistency: Consistency) -> Result<Vec<R>, CqlError>
    where
        R: for<'frame, 'metadata> scylla::deserialize::row::DeserializeRow<'frame, 'metadata>,
    {
        let mut statement = Statement::new(statement);
        statement.set_consistency(consistency);
        statement.set_request_timeout(Some(READ_DEADLINE));
        statement.set_is_idempotent(true);
        let shape = |cause: String| CqlError::Shape { what, cause };
        let result = self.ask(what, statement).await?.into_rows_result().map_err(|error| shape(error.to_string()))?;
        let rows = result.rows::<R>().map_err(|error| shape(error.to_string()))?;
        rows.collect::<Result<Vec<R>, _>>().map_err(|error| shape(error.to_string()))
    }

    async fn ask(&self, what: &'static str, statement: Statement) -> Result<QueryResult, CqlError> {
        let span = trace::cql(what, &statement.contents);
        let result = self.session.query_unpaged(statement, ()).instrument(span.clone()).await;
        trace::answered(&span, &result);
        result.map_err(|error| CqlError::Query { what, cause: cause_of(&error) })
    }
}

/// Sessions by StoreCluster UID.
#[derive(Default)]
pub struct Sessions {
    open: Mutex<HashMap<String, (Arc<Cql>, Instant)>>,
    /// Log-ins that Cassandra refused a moment ago, and its words.
    refused: Mutex<HashMap<String, Vec<Refusal>>>,
}

struct Refusal {
    credentials: Credentials,
    message: String,
    at: Instant,
}

impl Sessions {
    /// A session as the operator's own superuser, with what its Secret holds or with what is kept, or, where
    /// Cassandra does not know that one, as the default superuser, whose only use is to make the own one.
    pub async fn get(&self, uid: &str, contacts: &[SocketAddr], superuser: &Login) -> Result<Arc<Cql>, CqlError> {
        let mut refused = None;
        for credentials in superuser.candidates() {
            if let Some(session) = self.find(uid, contacts, credentials) {
                return Ok(session);
            }
            let attempt = match self.refused_lately(uid, credentials) {
                Some(refusal) => Err(refusal),
                None => Cql::log_in(contacts, credentials, true).await,
            };
            match attempt {
                Ok(session) => {
                    let session = Arc::new(session);
                    self.lock().insert(uid.to_owned(), (session.clone(), Instant::now()));
                    return Ok(session);
                }
                Err(CqlError::Refused { user, message }) => {
                    self.note_refusal(uid, credentials, &message);
                    refused.get_or_insert(CqlError::Refused { user, message });
                }
                Err(other) => return Err(other),
            }
        }
        let default = Credentials { username: DEFAULT_SUPERUSER.to_owned(), password: DEFAULT_SUPERUSER.to_owned() };
        // The refusal of the own superuser is the one to tell: the default one is expected to be refused on
        // every ring that was set up before.
        match Cql::log_in(contacts, &default, false).await {
            Err(second) if second.is_refused() => Err(refused.unwrap_or(CqlError::NoPassword)),
            other => other.map(Arc::new),
        }
    }

    /// Cassandra is not asked on every pass about a password that it has just refused: to judge one costs it
    /// a good part of a second.
    fn refused_lately(&self, uid: &str, credentials: &Credentials) -> Option<CqlError> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let refusals = refused.get_mut(uid)?;
        refusals.retain(|refusal| refusal.at.elapsed() < REFUSED_FOR);
        let refusal = refusals.iter().find(|refusal| refusal.credentials == *credentials)?;
        Some(CqlError::Refused { user: credentials.username.clone(), message: refusal.message.clone() })
    }

    fn note_refusal(&self, uid: &str, credentials: &Credentials, message: &str) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let refusals = refused.entry(uid.to_owned()).or_default();
        if refusals.iter().all(|refusal| refusal.credentials != *credentials) {
            let (credentials, message) = (credentials.clone(), message.to_owned());
            refusals.push(Refusal { credentials, message, at: Instant::now() });
        }
    }

    /// A log-in that was refused may not be so any more: a role was just made or changed.
    pub fn forget_refusals(&self, uid: &str) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    /// Drops the store's session, so that the next question makes a new one.
    pub fn drop_session(&self, uid: &str) {
        self.lock().remove(uid);
    }

    /// Drops sessions of stores that are gone, and those that nobody used for a while.
    pub fn retain(&self, alive: &BTreeSet<String>) {
        self.lock().retain(|uid, (_, used)| alive.contains(uid) && used.elapsed() < IDLE);
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).retain(|uid, _| alive.contains(uid));
    }

    fn find(&self, uid: &str, contacts: &[SocketAddr], superuser: &Credentials) -> Option<Arc<Cql>> {
        let mut open = self.lock();
        let (session, used) = open.get_mut(uid)?;
        if !session.contacts.iter().any(|contact| contacts.contains(contact)) {
            open.remove(uid);
            return None;
        }
        if session.credentials != *superuser {
            return None;
        }
        *used = Instant::now();
        Some(session.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Arc<Cql>, Instant)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cassandra also calls it an authentication error when it cannot read its roles; that is no
/// refusal.
fn refusal(error: &NewSessionError) -> Option<String> {
    let NewSessionError::MetadataError(MetadataError::ConnectionPoolError(ConnectionPoolError::Broken {
        last_connection_error: ConnectionError::ConnectionSetupRequestError(setup),
    })) = error
    else {
        return None;
    };
    match &setup.error {
        ConnectionSetupRequestErrorKind::DbError(DbError::AuthenticationError, message)
            if !message.starts_with("Unable to perform") =>
        {
            Some(message.clone())
        }
        _ => None,
    }
}

/// The database's own words, but for syntax errors: those quote the statement, and it may hold a
/// password.
fn cause_of(error: &ExecutionError) -> String {
    match error {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(kind @ DbError::SyntaxError, _)) => {
            format!("{kind}")
        }
        other => other.to_string(),
    }
}

fn list(contacts: &[SocketAddr]) -> String {
    contacts.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(", ")
}
