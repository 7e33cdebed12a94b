//! JMX over HTTP: one Cassandra node asked through its Jolokia agent. IO: HTTP POST to the pod.
//!
//! The agent starts before Cassandra has registered its MBeans, and some attributes throw while a
//! node is on its way up. So questions travel as one bulk request whose answers are judged one by
//! one: only what `operation_mode` needs must be there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use store_planner::logins::Credentials;
use store_planner::observation::NodeView;
use tracing::Instrument as _;

use crate::trace;

const STORAGE_SERVICE: &str = "org.apache.cassandra.db:type=StorageService";
const HINTS_SERVICE: &str = "org.apache.cassandra.hints:type=HintsService";
const STORAGE_LOAD: &str = "org.apache.cassandra.metrics:type=Storage,name=Load";
const METRICS: &str = "org.apache.cassandra.metrics";
const STREAM_MANAGER: &str = "org.apache.cassandra.net:type=StreamManager";

/// Deadline of a question. A node that needs longer counts as unreachable in this pass.
const QUESTION_DEADLINE: Duration = Duration::from_secs(2);
/// Deadline of a command that only starts something.
const START_DEADLINE: Duration = Duration::from_secs(20);
/// Largest answer that is read: the views of 300 nodes need about 200 KiB.
const MAX_ANSWER_BYTES: usize = 4 << 20;
const UNAUTHORIZED: u16 = 401;

/// A question or command that did not get its answer.
#[derive(Debug, thiserror::Error)]
pub enum JmxError {
    #[error("asked the Jolokia agent at {address} and got no answer: {cause}")]
    Transport { address: String, cause: String, slow: bool },
    #[error("the Jolokia agent at {address} answered HTTP {status}")]
    Http { address: String, status: u16 },
    #[error("the Jolokia agent at {address} answered what is not Jolokia's format: {cause}")]
    Format { address: String, cause: String },
    #[error("Cassandra is not up far enough to be asked for {0}")]
    NotUp(&'static str),
    #[error("{0} failed: {1}")]
    Command(&'static str, String),
}

impl JmxError {
    /// Whether the command itself was refused or failed, rather than the way to it.
    pub fn is_refusal(&self) -> bool {
        matches!(self, JmxError::Command(..))
    }

    /// Whether the agent is there and knows none of the passwords.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self, JmxError::Http { status: UNAUTHORIZED, .. })
    }

    /// A word for it from a closed list.
    fn kind(&self) -> &'static str {
        match self {
            JmxError::Transport { slow: true, .. } => "timeout",
            JmxError::Transport { .. } => "no_answer",
            JmxError::Http { status: UNAUTHORIZED, .. } => "unauthorized",
            JmxError::Http { .. } => "http",
            JmxError::Format { .. } => "format",
            JmxError::NotUp(_) => "not_up",
            JmxError::Command(..) => "refused",
        }
    }
}

/// The Jolokia agent of one pod.
#[derive(Clone, Debug)]
pub struct Jolokia {
    client: reqwest::Client,
    url: String,
    address: String,
    /// Those that are tried: an agent has the password of the time when its pod started.
    logins: Vec<Credentials>,
    /// Position of the one that was let in last, and is tried first.
    accepted: Arc<AtomicUsize>,
}

/// How a repair stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepairStatus {
    Running,
    Completed,
    Failed(String),
    /// The node does not know this command: it was restarted, or finished it long ago.
    Unknown,
}

/// Client for all agents: no proxy, no redirect, short connect deadline; none speaks TLS, so the system's
/// certificates stay where they are.
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .no_proxy()
        .tls_built_in_root_certs(false)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(1))
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(2)
        .tcp_nodelay(true)
        .build()
}

impl Jolokia {
    pub fn new(client: reqwest::Client, ip: IpAddr, port: u16, logins: Vec<Credentials>) -> Self {
        let address = std::net::SocketAddr::new(ip, port).to_string();
        let url = format!("http://{address}/jolokia/");
        Jolokia { client, url, address, logins, accepted: Arc::default() }
    }

    /// The log-in that was let in last.
    pub fn accepted(&self) -> Option<&Credentials> {
        self.logins.get(self.accepted.load(Ordering::Relaxed))
    }

    /// The node's own view of the ring, in one request. A node that is only slow gets a second try:
    /// to take it for down stops all work on the ring.
    pub async fn view(&self) -> Result<NodeView, JmxError> {
        let questions = view_questions();
        let answers = match self.bulk(&questions, QUESTION_DEADLINE).await {
            Err(JmxError::Transport { slow: true, .. }) => self.bulk(&questions, QUESTION_DEADLINE).await,
            other => other,
        };
        read_view(&answers?)
    }

    /// `OperationMode` alone.
    pub async fn operation_mode(&self) -> Result<String, JmxError> {
        let answers = self.bulk(&[read(STORAGE_SERVICE, json!("OperationMode"))], QUESTION_DEADLINE).await?;
        text(&answers, 0).ok_or(JmxError::NotUp("its operation mode"))
    }

    /// Makes the node stream its ranges out and leave. Returns when it has left; never forced, so
    /// Cassandra refuses it while a keyspace would lose replicas.
    pub async fn decommission(&self, deadline: Duration) -> Result<(), JmxError> {
        let call = exec(STORAGE_SERVICE, "decommission(boolean)", json!([false]));
        self.command("decommission", call, deadline).await.map(|_| ())
    }

    /// Lets a bootstrap that broke off go on. `false`: there is none.
    pub async fn resume_bootstrap(&self) -> Result<bool, JmxError> {
        let call = exec(STORAGE_SERVICE, "resumeBootstrap()", json!([]));
        let answer = self.command("resuming the bootstrap", call, START_DEADLINE).await?;
        answer.as_bool().ok_or(JmxError::Command("resuming the bootstrap", "no yes or no in the answer".into()))
    }

    /// Drops the rows of ranges that the node no longer owns, of all tables of the keyspace.
    pub async fn cleanup(&self, keyspace: &str, deadline: Duration) -> Result<(), JmxError> {
        let call = exec(
            STORAGE_SERVICE,
            "forceKeyspaceCleanup(int,java.lang.String,[Ljava.lang.String;)",
            json!([1, keyspace, []]),
        );
        match self.command("cleanup", call, deadline).await?.as_i64() {
            Some(0) => Ok(()),
            Some(1) => Err(JmxError::Command("cleanup", "aborted, or the node is joining".into())),
            Some(2) => {
                Err(JmxError::Command("cleanup", "another compaction of these tables could not be interrupted".into()))
            }
            other => Err(JmxError::Command("cleanup", format!("unknown result {other:?}"))),
        }
    }

    /// Keyspaces that are replicated over the ring.
    pub async fn replicated_keyspaces(&self) -> Result<Vec<String>, JmxError> {
        let question = [read(STORAGE_SERVICE, json!("NonLocalStrategyKeyspaces"))];
        let answers = self.bulk(&question, QUESTION_DEADLINE).await?;
        value(&answers, 0)
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            .ok_or(JmxError::NotUp("its keyspaces"))
    }

    /// Begins a full repair of the node's primary ranges. Returns the number to follow it by, or
    /// `None` where there is nothing to repair.
    pub async fn start_repair(&self, keyspace: &str) -> Result<Option<i64>, JmxError> {
        let options = json!({
            "parallelism": "parallel",
            "primaryRange": "true",
            "incremental": "false",
            "jobThreads": "1",
            "trace": "false",
        });
        let call = exec(STORAGE_SERVICE, "repairAsync(java.lang.String,java.util.Map)", json!([keyspace, options]));
        let answer = self.command("repair", call, START_DEADLINE).await?;
        match answer.as_i64() {
            Some(0) => Ok(None),
            Some(number) => Ok(Some(number)),
            None => Err(JmxError::Command("repair", "no command number in the answer".into())),
        }
    }

    /// How the repair of that number stands, and how many of its jobs are done: `(done, of)`. A job is
    /// one table in the ranges that the same nodes hold.
    pub async fn repair_status(&self, number: i64) -> Result<(RepairStatus, Option<(u64, u64)>), JmxError> {
        let mut questions = vec![exec(STORAGE_SERVICE, "getParentRepairStatus(int)", json!([number]))];
        // jobs wait in a pool of their own from the start, so the total stands from then on
        questions.extend(["CompletedTasks", "ActiveTasks", "PendingTasks"].map(|count| {
            let pool = format!("{METRICS}:type=ThreadPools,path=internal,scope=Repair#{number},name={count}");
            read(&pool, json!("Value"))
        }));
        let answers = self.bulk(&questions, QUESTION_DEADLINE).await?;
        let status = value(&answers, 0).ok_or_else(|| refusal("repair status", answers.first()))?;
        let [completed, active, pending] = [1, 2, 3].map(|at| value(&answers, at).and_then(Value::as_u64));
        let jobs = completed.zip(active).zip(pending).map(|((done, active), pending)| (done, done + active + pending));
        Ok((read_repair_status(status), jobs.filter(|(_, of)| *of > 0)))
    }

    /// Bytes that streams under way have sent or received, of those they will: `(done, total)`.
    pub async fn streamed_bytes(&self) -> Result<Option<(u64, u64)>, JmxError> {
        let question = [read(STREAM_MANAGER, json!("CurrentStreams"))];
        let answers = self.bulk(&question, QUESTION_DEADLINE).await?;
        Ok(value(&answers, 0).and_then(read_streams))
    }

    async fn command(&self, what: &'static str, call: Value, deadline: Duration) -> Result<Value, JmxError> {
        let mut answers = self.bulk(&[call], deadline).await?;
        let Some(mut answer) = answers.pop() else {
            return Err(self.malformed("no answer to the only question"));
        };
        if answer["status"] == json!(200) {
            return Ok(answer["value"].take());
        }
        Err(refusal(what, Some(&answer)))
    }

    /// Sends the questions in one POST; the answers come in the same order.
    async fn bulk(&self, questions: &[Value], deadline: Duration) -> Result<Vec<Value>, JmxError> {
        let span = trace::jmx(&self.address, questions);
        let result = self.ask(questions, deadline).instrument(span.clone()).await;
        if let Err(error) = &result {
            trace::failed(&span, error.kind());
        }
        result
    }

    async fn ask(&self, questions: &[Value], deadline: Duration) -> Result<Vec<Value>, JmxError> {
        let mut response = self.knock(questions, deadline).await?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.transport(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(self.malformed("the answer is longer than 4 MiB"));
            }
            body.extend_from_slice(&chunk);
        }
        let answers =
            match serde_json::from_slice::<Value>(&body).map_err(|error| self.malformed(&error.to_string()))? {
                Value::Array(answers) => answers,
                // A question that it cannot even begin with is answered alone, without a list.
                answer => vec![answer],
            };
        if answers.len() != questions.len() {
            return Err(self.malformed("not as many answers as questions"));
        }
        Ok(answers)
    }

    /// Sends the questions with the log-in that was let in last, then with the others: whoever is not let in
    /// has changed nothing.
    async fn knock(&self, questions: &[Value], deadline: Duration) -> Result<reqwest::Response, JmxError> {
        let first = self.accepted.load(Ordering::Relaxed);
        let (before, from) = self.logins.split_at(first.min(self.logins.len()));
        let mut status = UNAUTHORIZED;
        for (number, login) in (first..).zip(from).chain((0..).zip(before)) {
            let request = self.client.post(&self.url).basic_auth(&login.username, Some(&login.password));
            let sent = request.timeout(deadline).json(questions).send().await;
            let response = sent.map_err(|error| self.transport(&error))?;
            status = response.status().as_u16();
            if response.status().is_success() {
                self.accepted.store(number, Ordering::Relaxed);
                return Ok(response);
            }
            if status != UNAUTHORIZED {
                break;
            }
        }
        Err(JmxError::Http { address: self.address.clone(), status })
    }

    fn transport(&self, error: &reqwest::Error) -> JmxError {
        JmxError::Transport {
            address: self.address.clone(),
            cause: root_cause(error),
            slow: error.is_timeout() && !error.is_connect(),
        }
    }

    fn malformed(&self, cause: &str) -> JmxError {
        JmxError::Format { address: self.address.clone(), cause: cause.to_owned() }
    }
}

fn refusal(what: &'static str, answer: Option<&Value>) -> JmxError {
    let cause = answer.and_then(|answer| answer["error"].as_str()).unwrap_or("no reason given");
    JmxError::Command(what, first_line(cause))
}

fn view_questions() -> Vec<Value> {
    let lists = ["LiveNodes", "UnreachableNodes", "JoiningNodes", "LeavingNodes", "MovingNodes"];
    let mut questions = vec![
        read(STORAGE_SERVICE, json!("OperationMode")),
        read(STORAGE_SERVICE, json!("LocalHostId")),
        read(STORAGE_SERVICE, json!("EndpointToHostId")),
        read(STORAGE_SERVICE, json!("SchemaVersion")),
        read(STORAGE_SERVICE, json!("ReleaseVersion")),
        read(STORAGE_SERVICE, json!("NativeTransportRunning")),
        read(STORAGE_LOAD, json!("Count")),
        read(HINTS_SERVICE, json!("PendingHints")),
    ];
    questions.extend(lists.map(|list| read(STORAGE_SERVICE, json!(list))));
    questions.push(read(STORAGE_SERVICE, json!("ClusterName")));
    questions
}

fn read_view(answers: &[Value]) -> Result<NodeView, JmxError> {
    let operation_mode = text(answers, 0).ok_or(JmxError::NotUp("its operation mode"))?;
    let members: BTreeMap<String, String> = value(answers, 2)
        .and_then(Value::as_object)
        .ok_or(JmxError::NotUp("the members of its ring"))?
        .iter()
        .filter_map(|(address, id)| Some((bare_address(address), id.as_str()?.to_owned())))
        .collect();
    let addresses = |at: usize, what: &'static str| -> Result<BTreeSet<String>, JmxError> {
        let list = value(answers, at).and_then(Value::as_array).ok_or(JmxError::NotUp(what))?;
        Ok(list.iter().filter_map(Value::as_str).map(bare_address).collect())
    };
    let joining = addresses(10, "the nodes that join")?;
    let live = addresses(8, "the nodes that are up")?;
    let hints = hints(value(answers, 7).ok_or(JmxError::NotUp("its pending hints"))?, &members, &live);
    Ok(NodeView {
        // A node that has not joined yet has no host id in its ring: it throws here.
        host_id: text(answers, 1).unwrap_or_default(),
        cluster_name: text(answers, 13).unwrap_or_default(),
        operation_mode,
        native_transport: value(answers, 5).and_then(Value::as_bool).unwrap_or(false),
        live,
        unreachable: addresses(9, "the nodes that are down")?,
        leaving: addresses(11, "the nodes that leave")?,
        moving: addresses(12, "the nodes that move")?,
        pending_hints: hints.files,
        oldest_hint: hints.oldest,
        members: members.into_iter().filter(|(address, _)| !joining.contains(address)).collect(),
        joining,
        schema_version: text(answers, 3).unwrap_or_default(),
        release_version: text(answers, 4).unwrap_or_default(),
        load_bytes: value(answers, 6).and_then(Value::as_u64).ok_or(JmxError::NotUp("its load"))?,
        free_bytes: None,
        kept_password: false,
        streamed: None,
    })
}

struct Hints {
    files: u64,
    oldest: Option<Timestamp>,
}

/// Hints for members that are up. Those for a host that has left or was replaced are never delivered,
/// and would keep the ring from ever being calm; those for one that is down wait for it.
fn hints(answer: &Value, members: &BTreeMap<String, String>, live: &BTreeSet<String>) -> Hints {
    let number = |value: &Value| match value {
        Value::String(text) => text.parse::<i64>().ok(),
        value => value.as_i64(),
    };
    let is_up = |host: &str| members.iter().any(|(address, id)| id == host && live.contains(address));
    let entries = answer.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut found = Hints { files: 0, oldest: None };
    for entry in entries.iter().filter(|entry| entry["host_id"].as_str().is_some_and(is_up)) {
        let files = number(&entry["total_files"]).unwrap_or(1);
        if files <= 0 {
            continue;
        }
        found.files += files.unsigned_abs();
        // without a time they count as old: to wait is safe
        let oldest = number(&entry["oldest_timestamp"]).and_then(|millis| Timestamp::from_millisecond(millis).ok());
        let oldest = oldest.unwrap_or(Timestamp::UNIX_EPOCH);
        found.oldest = Some(found.oldest.map_or(oldest, |known| known.min(oldest)));
    }
    found
}

/// The answer is a list: the state, then messages.
fn read_repair_status(answer: &Value) -> RepairStatus {
    let Some(lines) = answer.as_array() else { return RepairStatus::Unknown };
    let mut lines = lines.iter().filter_map(Value::as_str);
    match lines.next() {
        Some("IN_PROGRESS") => RepairStatus::Running,
        Some("COMPLETED") => RepairStatus::Completed,
        Some("FAILED") => RepairStatus::Failed(first_line(lines.next().unwrap_or("no reason given"))),
        _ => RepairStatus::Unknown,
    }
}

/// Adds up what the sessions of all streams have moved, from Jolokia's rendering of
/// `CurrentStreams`: plans hold sessions, sessions hold summaries and progress per file.
fn read_streams(plans: &Value) -> Option<(u64, u64)> {
    let mut total = 0;
    let mut done = 0;
    for session in plans.as_array()?.iter().filter_map(|plan| plan["sessions"].as_array()).flatten() {
        for summary in ["sendingSummaries", "receivingSummaries"] {
            let sizes = session[summary].as_array().into_iter().flatten();
            total += sizes.filter_map(|one| one["totalSize"].as_u64()).sum::<u64>();
        }
        for files in ["sendingFiles", "receivingFiles"] {
            let files = session[files].as_array().into_iter().flatten();
            done += files.filter_map(|one| one["currentBytes"].as_u64()).sum::<u64>();
        }
    }
    (total > 0).then_some((done.min(total), total))
}

fn read(mbean: &str, attribute: Value) -> Value {
    json!({"type": "read", "mbean": mbean, "attribute": attribute,
           "config": {"includeStackTrace": "false", "serializeException": "false"}})
}

fn exec(mbean: &str, operation: &str, arguments: Value) -> Value {
    json!({"type": "exec", "mbean": mbean, "operation": operation, "arguments": arguments,
           "config": {"includeStackTrace": "false", "serializeException": "false"}})
}

fn value(answers: &[Value], at: usize) -> Option<&Value> {
    let answer = answers.get(at)?;
    (answer["status"] == json!(200)).then(|| &answer["value"])
}

fn text(answers: &[Value], at: usize) -> Option<String> {
    value(answers, at)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Some versions print addresses as `/10.0.0.1` or `name/10.0.0.1`.
fn bare_address(address: &str) -> String {
    address.rsplit('/').next().unwrap_or(address).to_owned()
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or(text).chars().take(300).collect()
}

/// The innermost cause; reqwest's own text only says that a request failed.
pub(super) fn root_cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer within the deadline".into();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
#[path = "jmx_tests.rs"]
pub(super) mod tests;
