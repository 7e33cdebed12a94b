//! What is read of a Cassandra node for its metrics: a bounded list, the same for 4.1 and 5.0. Data.

/// Whether a value only ever grows while the node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
}

/// Where the label of a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    None,
    /// A label, and its values with what stands for each in the place of `{}` in the name: each is asked for by itself.
    Each(&'static str, &'static [(&'static str, &'static str)]),
    /// A label, and the key of the MBean's name that is its value.
    Key(&'static str, &'static str),
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    pub name: &'static str,
    pub help: &'static str,
    pub kind: Kind,
    /// Name of the MBean or, with a `*`, of several. Java compares a name with a `*` with those of all MBeans,
    /// some hundred for each table.
    pub mbean: &'static str,
    /// A number, or a map of numbers that are added up.
    pub attribute: &'static str,
    /// Into an attribute that has parts.
    pub path: Option<&'static str>,
    /// To the unit of the metric.
    pub factor: f64,
    pub label: Label,
}

/// Series of one metric at most.
pub const MOST_SERIES: usize = 64;

const OPERATIONS: Label = Label::Each(
    "operation",
    &[
        ("Read", "Read"),
        ("Write", "Write"),
        ("RangeSlice", "RangeSlice"),
        ("CASRead", "CASRead"),
        ("CASWrite", "CASWrite"),
    ],
);
const POOLS: Label = Label::Each(
    "pool",
    &[
        ("ReadStage", "request,scope=ReadStage"),
        ("MutationStage", "request,scope=MutationStage"),
        ("Native-Transport-Requests", "transport,scope=Native-Transport-Requests"),
        ("CompactionExecutor", "internal,scope=CompactionExecutor"),
        ("AntiEntropyStage", "internal,scope=AntiEntropyStage"),
    ],
);
const MICROSECONDS: f64 = 1e-6;
const MILLISECONDS: f64 = 1e-3;

impl Reading {
    const fn new(
        kind: Kind,
        name: &'static str,
        help: &'static str,
        mbean: &'static str,
        attribute: &'static str,
    ) -> Self {
        Reading { name, help, kind, mbean, attribute, path: None, factor: 1.0, label: Label::None }
    }

    const fn part(self, path: &'static str) -> Self {
        Reading { path: Some(path), ..self }
    }

    const fn times(self, factor: f64) -> Self {
        Reading { factor, ..self }
    }

    const fn by(self, label: Label) -> Self {
        Reading { label, ..self }
    }
}

const fn counter(name: &'static str, help: &'static str, mbean: &'static str, attribute: &'static str) -> Reading {
    Reading::new(Kind::Counter, name, help, mbean, attribute)
}

const fn gauge(name: &'static str, help: &'static str, mbean: &'static str, attribute: &'static str) -> Reading {
    Reading::new(Kind::Gauge, name, help, mbean, attribute)
}

const LATENCY: &str = "org.apache.cassandra.metrics:type=ClientRequest,scope={},name=Latency";
const COLLECTORS: &str = "java.lang:type=GarbageCollector,name=*";
const COLLECTOR: Label = Label::Key("collector", "name");
const HEAP: &str = "java.lang:type=Memory";

/// Everything that is read.
pub const READINGS: [Reading; 28] = [
    counter("cassandra_client_requests_total", "Requests that this node coordinated, by operation.", LATENCY, "Count")
        .by(OPERATIONS),
    counter(
        "cassandra_client_request_seconds_total",
        "Time that requests coordinated by this node took, by operation.",
        "org.apache.cassandra.metrics:type=ClientRequest,scope={},name=TotalLatency",
        "Count",
    )
    .times(MICROSECONDS)
    .by(OPERATIONS),
    gauge(
        "cassandra_client_request_p50_seconds",
        "Half of the requests of the last minutes took less, by operation.",
        LATENCY,
        "50thPercentile",
    )
    .times(MICROSECONDS)
    .by(OPERATIONS),
    gauge(
        "cassandra_client_request_p99_seconds",
        "99 % of the requests of the last minutes took less, by operation.",
        LATENCY,
        "99thPercentile",
    )
    .times(MICROSECONDS)
    .by(OPERATIONS),
    counter(
        "cassandra_client_request_timeouts_total",
        "Requests coordinated by this node for which too few replicas answered in time, by operation.",
        "org.apache.cassandra.metrics:type=ClientRequest,scope={},name=Timeouts",
        "Count",
    )
    .by(OPERATIONS),
    counter(
        "cassandra_client_request_unavailables_total",
        "Requests that this node refused since too few replicas were up, by operation.",
        "org.apache.cassandra.metrics:type=ClientRequest,scope={},name=Unavailables",
        "Count",
    )
    .by(OPERATIONS),
    counter(
        "cassandra_client_request_failures_total",
        "Requests coordinated by this node that a replica answered with an error, by operation.",
        "org.apache.cassandra.metrics:type=ClientRequest,scope={},name=Failures",
        "Count",
    )
    .by(OPERATIONS),
    gauge(
        "cassandra_thread_pool_active_tasks",
        "Tasks that a thread pool works on.",
        "org.apache.cassandra.metrics:type=ThreadPools,path={},name=ActiveTasks",
        "Value",
    )
    .by(POOLS),
    gauge(
        "cassandra_thread_pool_pending_tasks",
        "Tasks that wait for a thread pool.",
        "org.apache.cassandra.metrics:type=ThreadPools,path={},name=PendingTasks",
        "Value",
    )
    .by(POOLS),
    counter(
        "cassandra_thread_pool_blocked_tasks_total",
        "Tasks that had to wait before they could even queue for a thread pool.",
        "org.apache.cassandra.metrics:type=ThreadPools,path={},name=TotalBlockedTasks",
        "Count",
    )
    .by(POOLS),
    counter(
        "cassandra_dropped_messages_total",
        "Messages that were too old when their turn came, of all kinds.",
        "org.apache.cassandra.net:type=MessagingService",
        "DroppedMessages",
    ),
    gauge(
        "cassandra_pending_compactions",
        "Compactions that wait.",
        "org.apache.cassandra.metrics:type=Compaction,name=PendingTasks",
        "Value",
    ),
    counter(
        "cassandra_compacted_bytes_total",
        "Bytes compacted.",
        "org.apache.cassandra.metrics:type=Compaction,name=BytesCompacted",
        "Count",
    ),
    gauge(
        "cassandra_commit_log_bytes",
        "Size of the commit log.",
        "org.apache.cassandra.metrics:type=CommitLog,name=TotalCommitLogSize",
        "Value",
    ),
    gauge(
        "cassandra_commit_log_pending_tasks",
        "Writes that wait for the commit log.",
        "org.apache.cassandra.metrics:type=CommitLog,name=PendingTasks",
        "Value",
    ),
    counter(
        "cassandra_hints_total",
        "Writes noted for nodes that were away.",
        "org.apache.cassandra.metrics:type=Storage,name=TotalHints",
        "Count",
    ),
    gauge(
        "cassandra_hints_in_progress",
        "Writes being noted for nodes that are away.",
        "org.apache.cassandra.metrics:type=Storage,name=TotalHintsInProgress",
        "Count",
    ),
    counter(
        "cassandra_exceptions_total",
        "Exceptions that nothing in Cassandra caught.",
        "org.apache.cassandra.metrics:type=Storage,name=Exceptions",
        "Count",
    ),
    gauge(
        "cassandra_load_bytes",
        "Data of this node on disk, without snapshots.",
        "org.apache.cassandra.metrics:type=Storage,name=Load",
        "Count",
    ),
    gauge(
        "cassandra_keyspace_disk_bytes",
        "Data of a keyspace on the disk of this node, without snapshots.",
        "org.apache.cassandra.metrics:type=Keyspace,keyspace=*,name=LiveDiskSpaceUsed",
        "Value",
    )
    .by(Label::Key("keyspace", "keyspace")),
    gauge(
        "cassandra_native_clients",
        "Connections of CQL clients.",
        "org.apache.cassandra.metrics:type=Client,name=connectedNativeClients",
        "Value",
    ),
    counter(
        "cassandra_key_cache_hits_total",
        "Look-ups that the key cache answered.",
        "org.apache.cassandra.metrics:type=Cache,scope=KeyCache,name=Hits",
        "Count",
    ),
    counter(
        "cassandra_key_cache_requests_total",
        "Look-ups in the key cache.",
        "org.apache.cassandra.metrics:type=Cache,scope=KeyCache,name=Requests",
        "Count",
    ),
    gauge("cassandra_heap_used_bytes", "Heap in use.", HEAP, "HeapMemoryUsage").part("used"),
    gauge("cassandra_heap_max_bytes", "Heap at most.", HEAP, "HeapMemoryUsage").part("max"),
    counter("cassandra_gc_collections_total", "Garbage collections.", COLLECTORS, "CollectionCount").by(COLLECTOR),
    counter("cassandra_gc_seconds_total", "Time spent in garbage collections.", COLLECTORS, "CollectionTime")
        .times(MILLISECONDS)
        .by(COLLECTOR),
    gauge(
        "cassandra_unreachable_nodes",
        "Nodes that this node sees down.",
        "org.apache.cassandra.net:type=FailureDetector",
        "DownEndpointCount",
    ),
];
