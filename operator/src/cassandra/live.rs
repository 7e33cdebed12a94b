//! The `Ring` of real nodes. IO: JMX, the node agents and CQL, each with short deadlines.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{self, StreamExt as _};
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use sha2::{Digest as _, Sha256};
use store_planner::decision::{Memory, RingAction};
use store_planner::logins::{Credentials, DEFAULT_SUPERUSER, Login, StoreAccess};
use store_planner::observation::{
    CqlAnswer, CqlView, Factors, NodeAnswer, Replication, Superuser, TaskKey, TaskKind, TaskState,
};
use tokio::sync::mpsc;

use super::cql::{Cql, CqlError, Sessions};
use super::jmx::Jolokia;
use super::registry::{self, Progress, Registry};
use super::statements::{self, API_PERMISSIONS, SCHEMA_PERMISSIONS, TOLD_BY_NODES};
use super::{NodeTarget, Ring, RingError, agent, operations};

/// Nodes of one store that are asked at once.
const ASKED_AT_ONCE: usize = 32;
/// Roles that were proved are proved again after this long, so that hand edits are put right.
const ROLES_PROVED_FOR: Duration = Duration::from_secs(600);

/// A node operation under way.
type Operation = BoxFuture<'static, Result<(), String>>;

/// Ports of a node.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub jolokia: u16,
    pub agent: u16,
    pub cql: u16,
}

impl Default for Ports {
    fn default() -> Self {
        let port = |port: i32| u16::try_from(port).unwrap_or_default();
        Ports {
            jolokia: port(store_crds::JOLOKIA_PORT),
            agent: port(store_crds::NODE_AGENT_PORT),
            cql: port(store_crds::CQL_PORT),
        }
    }
}

/// Speaks with real nodes.
pub struct LiveRing {
    http: reqwest::Client,
    ports: Ports,
    sessions: Sessions,
    registry: Registry,
    /// By store UID: what the roles were proved for, and when.
    proved: Mutex<HashMap<String, (String, Instant)>>,
}

impl LiveRing {
    /// `ended` is told the UID of a store when one of its node operations ends.
    pub fn new(http: reqwest::Client, ports: Ports, ended: mpsc::Sender<String>) -> Self {
        LiveRing {
            http,
            ports,
            sessions: Sessions::default(),
            registry: Registry::new(ended),
            proved: Mutex::default(),
        }
    }

    fn jolokia(&self, node: &NodeTarget, login: &Login) -> Jolokia {
        Jolokia::new(self.http.clone(), node.ip, self.ports.jolokia, login.candidates().cloned().collect())
    }

    fn contacts(&self, serving: &[NodeTarget]) -> Vec<SocketAddr> {
        serving.iter().map(|node| SocketAddr::new(node.ip, self.ports.cql)).collect()
    }

    async fn view(&self, node: &NodeTarget, login: &Login) -> NodeAnswer {
        if login.wanted().is_none() {
            return NodeAnswer::Locked("no password of its management agent is known".into());
        }
        let jolokia = self.jolokia(node, login);
        let disk = agent::free_bytes(&self.http, node.ip, self.ports.agent);
        match tokio::join!(jolokia.view(), disk) {
            (Ok(mut view), free_bytes) => {
                view.free_bytes = free_bytes;
                view.kept_password = jolokia.accepted().is_some_and(|accepted| login.is_kept_only(accepted));
                if view.operation_mode == "JOINING" {
                    view.streamed = jolokia.streamed_bytes().await.unwrap_or_default();
                }
                NodeAnswer::Reachable(Box::new(view))
            }
            (Err(error), _) if error.is_unauthorized() => NodeAnswer::Locked(error.to_string()),
            (Err(error), _) => NodeAnswer::Unreachable(error.to_string()),
        }
    }

    async fn session(&self, access: &StoreAccess, serving: &[NodeTarget]) -> Result<std::sync::Arc<Cql>, RingError> {
        Ok(self.sessions.get(&access.uid, &self.contacts(serving), &access.superuser).await?)
    }

    async fn ask_schema(&self, access: &StoreAccess, serving: &[NodeTarget]) -> Result<CqlView, RingError> {
        if serving.is_empty() {
            return Err(CqlError::NoNode.into());
        }
        let session = self.session(access, serving).await?;
        let keyspaces = session.keyspaces().await?;
        if !session.own {
            is_default_superuser(&session).await?;
            return Ok(CqlView { superuser: Superuser::Default, keyspaces, ..CqlView::default() });
        }
        let proved = self.roles_proved(&session, access, serving, &keyspaces).await?;
        Ok(CqlView {
            superuser: Superuser::Own,
            kept_password: access.superuser.is_kept_only(&session.credentials),
            default_superuser_disabled: proved.default_disabled,
            roles_ready: proved.roles,
            keyspaces,
        })
    }

    /// Whether the roles are as they should be. Costs nothing while a proof of the same passwords
    /// and keyspaces is fresh.
    async fn roles_proved(
        &self,
        session: &Cql,
        access: &StoreAccess,
        serving: &[NodeTarget],
        keyspaces: &BTreeMap<String, Replication>,
    ) -> Result<Proof, RingError> {
        let subject = proof_subject(access, keyspaces);
        let fresh = self
            .proofs()
            .get(&access.uid)
            .is_some_and(|(proved, at)| *proved == subject && at.elapsed() < ROLES_PROVED_FOR);
        if fresh {
            return Ok(Proof { default_disabled: true, roles: true });
        }
        let roles = session.roles().await?;
        let default_disabled = match roles.get(DEFAULT_SUPERUSER) {
            Some(role) => !role.can_login && !role.is_superuser,
            None => true,
        };
        // what nobody has a password for cannot be proved, which is no reason not to read the rest
        let Ok(wanted) = wanted_roles(access) else { return Ok(Proof { default_disabled, roles: false }) };
        let mut ready = true;
        let keyspace = Some(&access.api_keyspace).filter(|name| keyspaces.contains_key(*name));
        for role in wanted {
            let credentials = role.credentials;
            let exists = roles.get(&credentials.username).is_some_and(|role| role.can_login && !role.is_superuser);
            ready = ready
                && exists
                && granted(session, &role, keyspace).await?
                && password_works(&self.contacts(serving), credentials).await?;
        }
        let proof = Proof { default_disabled, roles: ready };
        if proof.default_disabled && proof.roles {
            self.proofs().insert(access.uid.clone(), (subject, Instant::now()));
        }
        Ok(proof)
    }

    /// A role can log in once it has its rights: whoever waits for that needs not look at them.
    async fn ensure_roles(&self, session: &Cql, access: &StoreAccess, serving: &[NodeTarget]) -> Result<(), RingError> {
        // what was proved before says nothing of the passwords that the roles get now
        self.proofs().remove(&access.uid);
        let keyspaces = session.keyspaces().await?;
        for Wanted { credentials, permissions, tables } in wanted_roles(access)? {
            session.change("made a role", statements::make_role(&credentials.username)).await?;
            if keyspaces.contains_key(&access.api_keyspace) {
                for permission in permissions {
                    let grant = statements::grant(permission, &access.api_keyspace, &credentials.username);
                    session.change("granted a role its rights", grant).await?;
                }
            }
            for table in tables {
                let grant = statements::grant_of_nodes(table, &credentials.username);
                session.change("let a role read what nodes tell", grant).await?;
            }
            // Cassandra 5.0.7 and later take a password once in five seconds: one that works is not set again.
            if !password_works(&self.contacts(serving), credentials).await? {
                session.change("let a role log in", statements::admit_role(credentials, false)).await?;
            }
        }
        Ok(())
    }

    async fn change_replication(&self, session: &Cql, keyspace: &str, factors: &Factors) -> Result<(), RingError> {
        let keyspaces = session.keyspaces().await?;
        let current = keyspaces.get(keyspace).ok_or_else(|| CqlError::NoKeyspace(keyspace.to_owned()))?;
        let map = statements::replication_map(current, factors);
        let statement = statements::alter_keyspace(keyspace, &map);
        Ok(session.change("changed the replication of a keyspace", statement).await?)
    }

    async fn act_over_cql(
        &self,
        access: &StoreAccess,
        serving: &[NodeTarget],
        action: &RingAction,
    ) -> Result<(), RingError> {
        let session = self.session(access, serving).await?;
        match action {
            // It has just logged in; and no role may change its own superuser status.
            RingAction::CreateSuperuser if session.own => {}
            RingAction::CreateSuperuser => {
                let superuser = access.superuser.wanted().ok_or(RingError::NoCredentials("superuser"))?;
                session.change("made the operator's superuser", statements::make_role(&superuser.username)).await?;
                session.change("admitted the operator's superuser", statements::admit_role(superuser, true)).await?;
                self.sessions.forget_refusals(&access.uid);
            }
            RingAction::DisableDefaultSuperuser if session.own => {
                let statement = statements::disable_default_superuser(&random_password());
                session.change("disabled the default superuser", statement).await?;
            }
            // Without the own superuser nobody could log in any more; the next pass makes it.
            RingAction::DisableDefaultSuperuser => {}
            RingAction::EnsureRoles => self.ensure_roles(&session, access, serving).await?,
            RingAction::CreateKeyspace { keyspace, factors } => {
                let statement = statements::create_keyspace(keyspace, factors);
                session.change("made a keyspace", statement).await?;
            }
            RingAction::AlterReplication { keyspace, factors } => {
                self.change_replication(&session, keyspace, factors).await?;
            }
            RingAction::Decommission { .. }
            | RingAction::ResumeJoin { .. }
            | RingAction::Cleanup { .. }
            | RingAction::Repair { .. } => {}
        }
        Ok(())
    }

    /// Begins a node operation in the background.
    fn begin(
        &self,
        access: &StoreAccess,
        nodes: &[NodeTarget],
        key: TaskKey,
        operation: impl FnOnce(Jolokia, Progress) -> Operation,
    ) -> Result<(), RingError> {
        let node =
            nodes.iter().find(|node| node.pod == key.pod).ok_or_else(|| RingError::NoAddress(key.pod.clone()))?;
        access.jolokia.wanted().ok_or(RingError::NoCredentials("Jolokia"))?;
        let node = self.jolokia(node, &access.jolokia);
        self.registry
            .begin(&access.uid, key, |progress| operation(node, progress))
            .map_err(|registry::Full| RingError::TooManyOperations(registry::CAPACITY))
    }

    fn proofs(&self) -> std::sync::MutexGuard<'_, HashMap<String, (String, Instant)>> {
        self.proved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring for LiveRing {
    fn views<'a>(
        &'a self,
        access: &'a StoreAccess,
        nodes: &'a [NodeTarget],
    ) -> BoxFuture<'a, BTreeMap<String, NodeAnswer>> {
        stream::iter(nodes)
            .map(move |node| async move { (node.pod.clone(), self.view(node, &access.jolokia).await) })
            .buffer_unordered(ASKED_AT_ONCE)
            .collect()
            .boxed()
    }

    fn schema<'a>(&'a self, access: &'a StoreAccess, serving: &'a [NodeTarget]) -> BoxFuture<'a, CqlAnswer> {
        async move {
            match self.ask_schema(access, serving).await {
                Ok(view) => CqlAnswer::Reachable(view),
                Err(error) => {
                    self.sessions.drop_session(&access.uid);
                    match &error {
                        RingError::Cql(refused) if refused.is_refused() => CqlAnswer::Refused(refused.to_string()),
                        _ => CqlAnswer::Unreachable(error.to_string()),
                    }
                }
            }
        }
        .boxed()
    }

    fn act<'a>(
        &'a self,
        access: &'a StoreAccess,
        nodes: &'a [NodeTarget],
        serving: &'a [NodeTarget],
        action: &'a RingAction,
    ) -> BoxFuture<'a, Result<(), RingError>> {
        async move {
            let key = |pod: &String, kind, keyspace: Option<&String>| TaskKey {
                pod: pod.clone(),
                kind,
                keyspace: keyspace.cloned(),
            };
            match action {
                RingAction::Decommission { pod } => {
                    let key = key(pod, TaskKind::Decommission, None);
                    self.begin(access, nodes, key, |node, progress| operations::decommission(node, progress).boxed())
                }
                RingAction::ResumeJoin { pod } => {
                    let key = key(pod, TaskKind::Join, None);
                    self.begin(access, nodes, key, |node, progress| operations::resume_join(node, progress).boxed())
                }
                RingAction::Cleanup { pod, keyspace } => {
                    let key = key(pod, TaskKind::Cleanup, keyspace.as_ref());
                    let keyspace = keyspace.clone();
                    self.begin(access, nodes, key, |node, progress| {
                        operations::cleanup(node, keyspace, progress).boxed()
                    })
                }
                RingAction::Repair { pod, keyspace } => {
                    let key = key(pod, TaskKind::Repair, Some(keyspace));
                    let keyspace = keyspace.clone();
                    self.begin(access, nodes, key, |node, progress| {
                        operations::repair(node, keyspace, progress).boxed()
                    })
                }
                over_cql => self.act_over_cql(access, serving, over_cql).await,
            }
        }
        .boxed()
    }

    fn tasks(&self, store_uid: &str) -> BTreeMap<TaskKey, TaskState> {
        self.registry.states(store_uid)
    }

    fn settle(&self, store_uid: &str, memory: &Memory, hosts: &BTreeMap<String, String>) {
        self.registry.settle(store_uid, memory, hosts);
    }

    fn retain(&self, alive: &BTreeSet<String>) {
        self.registry.retain(alive);
        self.sessions.retain(alive);
        self.proofs().retain(|uid, _| alive.contains(uid));
    }
}

/// Whether Cassandra would let its default superuser in. A node whose authenticator somebody has switched off
/// lets everybody in, which says nothing of the passwords that the ring knows.
async fn is_default_superuser(session: &Cql) -> Result<(), CqlError> {
    let roles = session.roles().await?;
    match roles.get(DEFAULT_SUPERUSER) {
        Some(role) if role.can_login && role.is_superuser => Ok(()),
        Some(_) | None => Err(CqlError::NoPassword),
    }
}

struct Proof {
    default_disabled: bool,
    roles: bool,
}

/// A role as it is to be.
struct Wanted<'a> {
    credentials: &'a Credentials,
    /// On the API's keyspace.
    permissions: &'static [&'static str],
    /// Tables of each node itself that it reads.
    tables: &'static [&'static str],
}

fn wanted_roles(access: &StoreAccess) -> Result<[Wanted<'_>; 2], RingError> {
    let schema = access.schema.wanted().ok_or(RingError::NoCredentials("schema"))?;
    let api = access.api.wanted().ok_or(RingError::NoCredentials("API"))?;
    Ok([
        Wanted { credentials: schema, permissions: &SCHEMA_PERMISSIONS, tables: &[] },
        Wanted { credentials: api, permissions: &API_PERMISSIONS, tables: &TOLD_BY_NODES },
    ])
}

/// Whether the role has its rights: those on a keyspace once it is there.
async fn granted(session: &Cql, role: &Wanted<'_>, keyspace: Option<&String>) -> Result<bool, CqlError> {
    let granted = session.permissions(&role.credentials.username).await?;
    let has = |resource: String, permission: &str| granted.contains(&(resource, permission.to_owned()));
    let on_keyspace =
        keyspace.is_none_or(|name| role.permissions.iter().all(|permission| has(format!("data/{name}"), permission)));
    Ok(on_keyspace && role.tables.iter().all(|table| has(format!("data/system_views/{table}"), "SELECT")))
}

async fn password_works(contacts: &[SocketAddr], credentials: &Credentials) -> Result<bool, CqlError> {
    match Cql::log_in(contacts, credentials, false).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_refused() => Ok(false),
        Err(error) => Err(error),
    }
}

/// What a proof is about: the passwords, as a digest, and whether the API's keyspace is there.
fn proof_subject(access: &StoreAccess, keyspaces: &BTreeMap<String, Replication>) -> String {
    let mut digest = Sha256::new();
    let logins = [&access.superuser, &access.schema, &access.api];
    for credentials in logins.into_iter().filter_map(Login::wanted) {
        digest.update(credentials.username.as_bytes());
        digest.update([0]);
        digest.update(credentials.password.as_bytes());
        digest.update([0]);
    }
    let granted = keyspaces.contains_key(&access.api_keyspace);
    format!("{:x} {} {granted}", digest.finalize(), access.api_keyspace)
}

/// A password that nobody is told.
fn random_password() -> String {
    let mut bytes = [0_u8; 32];
    // The system's generator fails only where there is none; an unguessable fallback is the
    // process's own generator, seeded from it before.
    if OsRng.try_fill_bytes(&mut bytes).is_err() {
        rand::RngCore::fill_bytes(&mut rand::rng(), &mut bytes);
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
