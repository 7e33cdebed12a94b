//! What one pass saw of the world: plain data, gathered by `observe.rs`, decided on by `plan.rs`.
//!
//! A question that failed is a value of its own (`Unreachable`), never an empty answer: absence is
//! not evidence.

mod secrets;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use store_crds::StoreClusterStatus;

use crate::children::Children;
use crate::identity::{ChildKey, Uid};
pub use secrets::{Kept, RecordFact, SecretFact, SecretPurpose, SecretState};

/// Annotation on the claim of a node that is proved to have left the ring: its host id.
pub const ANNOTATION_LEFT_RING: &str = "storemanager.io/left-ring";

/// Annotation on the claim of a member: the datacenter that its volume is of. Cassandra starts with no other.
pub const ANNOTATION_DATACENTER: &str = "storemanager.io/datacenter";
/// Annotation on the claim of a member: the version of Cassandra that last ran on its volume.
pub const ANNOTATION_VERSION: &str = "storemanager.io/cassandra-version";
/// Annotation on the claim of a member: the name of the ring that its volume is of.
pub const ANNOTATION_CLUSTER_NAME: &str = "storemanager.io/cluster-name";

/// Everything that a pass knows.
#[derive(Clone, Debug)]
pub struct Observation {
    /// When the pass began; the only clock that decisions see.
    pub now: Timestamp,
    /// The StoreCluster's own metadata.
    pub store: StoreIdentity,
    /// Its status as last written: the operator's memory of intents and debts.
    pub status: StoreClusterStatus,
    /// Owned Kubernetes objects as they are. Pods and claims are not among them.
    pub children: Children,
    /// The Secrets of the store, each read by its name.
    pub secrets: BTreeMap<SecretPurpose, SecretFact>,
    /// The operator's own record of the log-ins that worked.
    pub record: RecordFact,
    /// Digest of all that an API pod reads of Secrets when it starts; absent while one of them lacks something.
    pub api_inputs: Option<String>,
    /// Whether the API server serves HTTPRoutes of the Gateway API.
    pub serves_routes: bool,
    /// Cassandra pods, by name.
    pub pods: BTreeMap<String, PodObservation>,
    /// Volume claims of Cassandra pods, by name.
    pub claims: BTreeMap<String, ClaimObservation>,
    /// An eviction that the API server refused, and that is not made since.
    pub eviction_refused: Option<EvictionRefused>,
    /// Pods that try a configuration, by name.
    pub checks: BTreeMap<String, CheckObservation>,
    /// Each Cassandra pod's own view of the ring, by pod name; every pod that exists has an entry.
    pub views: BTreeMap<String, NodeAnswer>,
    /// What CQL says, asked of the ring as a whole.
    pub cql: CqlAnswer,
    /// Node operations that this operator process started, by pod and kind. Empty after a restart of
    /// the operator: whatever is still owed is then begun again, which is harmless.
    pub tasks: BTreeMap<TaskKey, TaskState>,
    /// What was refused when it was last tried, and is wanted still; `None`: this operator process has tried
    /// nothing yet.
    pub refused: Option<Vec<Refusal>>,
    /// Pods, and Jobs, that are missing since whoever is to make them is refused: why, in the words of whoever
    /// refused.
    pub unmade: BTreeMap<String, String>,
    /// What the API's pods say of the issuer of signed tokens.
    pub issuer: IssuerAnswer,
}

/// How it stands with the keys that the API checks signed tokens by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum IssuerAnswer {
    /// No pod was asked or none answered: nothing is known.
    #[default]
    Unknown,
    /// Every pod that answered has them.
    Well,
    /// A pod could not have them when it last asked for them: why, in its words.
    Failing {
        words: String,
        /// It goes on with those that it had before.
        holds_keys: bool,
    },
}

/// Something that was tried and refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was to be done, such as `write Ingress shop-api`.
    pub deed: String,
    /// To which object; of a change of the ring none.
    pub object: Option<ChildKey>,
    pub cause: Cause,
    /// The words of whoever refused.
    pub words: String,
    pub since: Timestamp,
}

/// Why something was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There is such an object, and it is somebody else's: the owner in words.
    Taken(String),
    /// There is such an object of a former StoreCluster of this name, which Kubernetes takes away.
    Former,
    /// Whoever was asked will not have it as it is.
    Refused,
    /// It failed, and may not the next time.
    Failed,
}

/// Metadata of the StoreCluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Default))]
pub struct StoreIdentity {
    pub namespace: String,
    pub name: String,
    pub uid: Uid,
    pub generation: i64,
    pub deletion_requested: bool,
    pub has_finalizer: bool,
}

/// A Cassandra pod.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Default))]
pub struct PodObservation {
    pub uid: Uid,
    pub rack: String,
    pub ordinal: i32,
    /// Its address, once it has one.
    pub ip: Option<String>,
    /// Kubernetes node that it is bound to.
    pub node: Option<String>,
    /// Zone that it must be placed in, as its template had it when it was made.
    pub zone: Option<String>,
    pub ready: bool,
    /// Since when it has not been ready; absent while it is.
    pub unready_since: Option<Timestamp>,
    /// A deletion of it has been asked for.
    pub deleting: bool,
    /// When that was.
    pub deleting_since: Option<Timestamp>,
    /// Who takes it away or is about to, in words: an eviction, Kubernetes on behalf of its machine.
    pub disrupted: Option<String>,
    /// Since when the machine that it is on does not answer Kubernetes.
    pub machine_silent_since: Option<Timestamp>,
    /// `storemanager.io/template-hash` of the template it was made from.
    pub template_hash: String,
    /// `storemanager.io/configuration`: the hash of what it was configured by; empty: it was made by an operator that
    /// knew none.
    pub configuration: String,
    /// Why it does not run, in words: unschedulable, image pull, crash loop with the last exit.
    pub trouble: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// An eviction that was refused: a budget of disruptions has nothing left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvictionRefused {
    /// UID of the pod.
    pub uid: Uid,
    /// The API server's words.
    pub words: String,
    /// When it was refused first.
    pub since: Timestamp,
    /// When it was refused last.
    pub at: Timestamp,
}

/// A pod that tries a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Default))]
pub struct CheckObservation {
    pub uid: Uid,
    pub deleting: bool,
    pub created_at: Timestamp,
    pub outcome: CheckOutcome,
}

/// How a trial run of a configuration stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// It has not ended, and perhaps why it does not run.
    Running(Option<String>),
    Passed,
    /// Cassandra or Java refuses the configuration, in their words.
    Refused(String),
    /// It ended without a word on the configuration: its machine is lost, or had no room for it.
    Lost,
}

#[cfg(test)]
impl Default for CheckOutcome {
    fn default() -> CheckOutcome {
        CheckOutcome::Running(None)
    }
}

/// A volume claim of a Cassandra pod.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Default))]
pub struct ClaimObservation {
    pub uid: Uid,
    pub rack: String,
    pub ordinal: i32,
    /// Bytes asked for.
    pub requested_bytes: u64,
    /// Bytes that the volume has; 0 until it is bound.
    pub capacity_bytes: u64,
    /// Whether its StorageClass allows growth; absent when that is unknown.
    pub expandable: Option<bool>,
    /// `ANNOTATION_LEFT_RING`: host id of the node that used it and has left the ring. What is on it
    /// has been streamed to the others, and Cassandra would refuse to start with it.
    pub left: Option<String>,
    pub deleting: bool,
    /// What the operator has noted on it for whoever makes the StoreCluster again.
    pub note: VolumeNote,
    /// StorageClass that it asks for.
    pub class: Option<String>,
    /// Its volume is gone: nothing mounts this claim any more.
    pub lost: bool,
    /// How its growth stands, where more is asked for than the volume has.
    pub growth: Growth,
    pub created_at: Timestamp,
}

/// What a claim tells of its volume when the StoreCluster that filled it is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VolumeNote {
    /// `ANNOTATION_DATACENTER`.
    pub datacenter: Option<String>,
    /// `ANNOTATION_VERSION`.
    pub version: Option<String>,
    /// `ANNOTATION_CLUSTER_NAME`.
    pub cluster_name: Option<String>,
}

/// How the growth of a volume stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Growth {
    /// The volume itself is to grow, or has.
    #[default]
    Volume,
    /// The volume has grown, its file system has not.
    FileSystem,
    /// It could not grow, and why.
    Failed(String),
}

/// Answer of one Cassandra pod.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeAnswer {
    /// No answer, and why. Never to be read as "has left".
    Unreachable(String),
    /// Its agent answers, and lets nobody in whose password the operator has. That says nothing against the node.
    Locked(String),
    Reachable(Box<NodeView>),
}

/// The ring as one Cassandra node sees it, over JMX.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeView {
    /// Its own host id.
    pub host_id: String,
    /// Name of the ring that it is of.
    pub cluster_name: String,
    /// STARTING, JOINING, NORMAL, LEAVING, DECOMMISSIONED, DRAINING, DRAINED, MOVING, …
    pub operation_mode: String,
    /// Whether it accepts CQL clients.
    pub native_transport: bool,
    /// Whether Cassandra finished its set-up: `system_auth` can be asked.
    pub live: BTreeSet<String>,
    /// Addresses that it takes for dead.
    pub unreachable: BTreeSet<String>,
    pub joining: BTreeSet<String>,
    pub leaving: BTreeSet<String>,
    pub moving: BTreeSet<String>,
    /// Address → host id of every member of the ring (of token owners).
    pub members: BTreeMap<String, String>,
    pub schema_version: String,
    pub release_version: String,
    /// Bytes that the streams under way have moved, of those they will; of a node that joins only.
    pub streamed: Option<(u64, u64)>,
    /// Bytes of live data on its disk.
    pub load_bytes: u64,
    /// Free bytes of the file system that holds its data; absent when the node agent did not answer.
    pub free_bytes: Option<u64>,
    /// Files of hints that wait to be delivered to members that it takes for alive.
    pub pending_hints: u64,
    /// When the oldest of them was begun.
    pub oldest_hint: Option<Timestamp>,
    /// It took the password that the operator keeps, and not that of the Secret.
    pub kept_password: bool,
}

/// What CQL says.
#[derive(Clone, Debug, PartialEq)]
pub enum CqlAnswer {
    /// Not asked since no node serves CQL yet, or no answer, and why.
    Unreachable(String),
    /// Cassandra knows none of the passwords that the operator has; in its own words.
    Refused(String),
    Reachable(CqlView),
}

/// The ring's schema and roles.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CqlView {
    /// Log-in that worked: the operator's own superuser, or still Cassandra's default one.
    pub superuser: Superuser,
    /// The own one logged in with the password that the operator keeps, and not with that of the Secret.
    pub kept_password: bool,
    /// The default superuser `cassandra` can no longer log in.
    pub default_superuser_disabled: bool,
    /// Roles of the schema writer and of the API exist with their current passwords and grants.
    pub roles_ready: bool,
    /// Every keyspace that is not node-local.
    pub keyspaces: BTreeMap<String, Replication>,
}

/// Who the operator could log in as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Superuser {
    #[default]
    Default,
    Own,
}

/// Replication factors by datacenter.
pub type Factors = BTreeMap<String, i32>;

/// Replication of a keyspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replication {
    /// SimpleStrategy with its factor.
    Simple(i32),
    /// NetworkTopologyStrategy with its factors.
    Network(Factors),
}

/// A node operation under way in this process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskKey {
    pub pod: String,
    pub kind: TaskKind,
    /// Keyspace of a repair or clean-up.
    pub keyspace: Option<String>,
}

/// Kinds of node operations that outlast a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskKind {
    Decommission,
    Join,
    Cleanup,
    Repair,
}

/// How a node operation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// Under way, with its progress where the node tells it: `37 of 256 ranges`.
    Running(Option<String>),
    Succeeded,
    Failed(String),
}
