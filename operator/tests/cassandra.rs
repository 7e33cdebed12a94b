//! What the operator asks of nodes, asked of real rings of three: JMX over HTTP and CQL.
//!
//! Ignored by default, since each starts three Cassandra nodes on loopback:
//! `cargo test -p store-operator --test cassandra -- --ignored --test-threads 1`.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use store_operator::cassandra::live::{LiveRing, Ports};
use store_operator::cassandra::statements::TOLD_BY_NODES;
use store_operator::cassandra::{NodeTarget, Ring, jmx};
use store_operator::node::metrics::{NodeMetrics, Source};
use store_planner::decision::{Memory, RingAction};
use store_planner::logins::{Credentials, Login, StoreAccess};
use store_planner::observation::{
    CqlAnswer, CqlView, Factors, NodeAnswer, NodeView, Replication, Superuser, TaskKey, TaskKind, TaskState,
};
use store_testbed::local_cassandra::{LocalRing, Options, Version};

const UID: &str = "uid-1";

fn factors(factor: i32) -> Factors {
    [("dc1".into(), factor)].into()
}

/// A ring, and the operator's way to it.
struct World {
    local: LocalRing,
    live: LiveRing,
    access: StoreAccess,
    nodes: Vec<NodeTarget>,
    _directory: tempfile::TempDir,
}

fn credentials(username: &str) -> Login {
    Credentials { username: username.into(), password: format!("it's {username}'s") }.into()
}

impl World {
    async fn start(version: Version) -> World {
        let directory = tempfile::tempdir().unwrap();
        let local = LocalRing::start(Options {
            version,
            nodes: 3,
            authentication: true,
            jolokia: Some(("op".into(), "secret".into())),
            ..Options::new(directory.path())
        })
        .await
        .unwrap();
        let nodes = local
            .contact_points()
            .iter()
            .enumerate()
            .map(|(number, contact)| NodeTarget { pod: format!("pod-{number}"), ip: contact.ip() })
            .collect();
        let access = StoreAccess {
            uid: UID.into(),
            api_keyspace: "shop".into(),
            jolokia: Credentials { username: "op".into(), password: "secret".into() }.into(),
            superuser: credentials("store_operator"),
            schema: credentials("store_schema"),
            api: credentials("store_api"),
        };
        let live = LiveRing::new(jmx::http_client().unwrap(), Ports::default(), tokio::sync::mpsc::channel(1).0);
        World { local, live, access, nodes, _directory: directory }
    }

    async fn act(&self, action: RingAction) {
        self.live.act(&self.access, &self.nodes, &self.nodes, &action).await.unwrap();
    }

    /// As [`World::act`], begun again while Cassandra refuses a password that comes within five seconds of another.
    async fn act_once_taken(&self, action: RingAction) {
        let began = Instant::now();
        while let Err(error) = self.live.act(&self.access, &self.nodes, &self.nodes, &action).await {
            let early = error.to_string().contains("can only be changed every");
            assert!(early && began.elapsed() < Duration::from_secs(10), "{error}");
        }
    }

    async fn views(&self) -> BTreeMap<String, NodeView> {
        let answers = self.live.views(&self.access, &self.nodes).await;
        answers
            .into_iter()
            .map(|(pod, answer)| match answer {
                NodeAnswer::Reachable(view) => (pod, *view),
                NodeAnswer::Unreachable(cause) | NodeAnswer::Locked(cause) => panic!("{pod}: {cause}"),
            })
            .collect()
    }

    async fn schema(&self) -> CqlView {
        match self.live.schema(&self.access, &self.nodes).await {
            CqlAnswer::Reachable(view) => view,
            CqlAnswer::Unreachable(cause) | CqlAnswer::Refused(cause) => panic!("{cause}"),
        }
    }

    /// Waits until roles that were just made or changed are proved: nodes keep what they have read of
    /// roles and rights for two seconds, and the operator, too, finds them ready in a later pass only.
    async fn roles_are_found_ready(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        while !self.schema().await.roles_ready {
            assert!(Instant::now() < until, "{:?}", self.schema().await);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Begins a node operation and waits for its result.
    async fn run(&self, action: RingAction, key: TaskKey) -> TaskState {
        self.act(action).await;
        let until = Instant::now() + Duration::from_secs(180);
        loop {
            match self.live.tasks(UID).remove(&key) {
                Some(TaskState::Running(_)) => {}
                Some(ended) => return ended,
                None => panic!("{key:?} is not in the registry"),
            }
            assert!(Instant::now() < until, "{key:?} did not end");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn repair_everywhere(&self, keyspace: &str) {
        for node in &self.nodes {
            let key = TaskKey { pod: node.pod.clone(), kind: TaskKind::Repair, keyspace: Some(keyspace.into()) };
            let action = RingAction::Repair { pod: node.pod.clone(), keyspace: keyspace.into() };
            assert_eq!(self.run(action, key).await, TaskState::Succeeded, "{keyspace} on {}", node.pod);
        }
    }

    async fn log_in(&self, login: &Login) -> Session {
        let credentials = login.wanted().unwrap();
        SessionBuilder::new()
            .known_nodes_addr(self.local.contact_points())
            .user(&credentials.username, &credentials.password)
            .build()
            .await
            .unwrap()
    }
}

/// From a new ring to a decommissioned node, by what the operator asks and does, and by nothing else.
async fn story(version: Version) {
    let mut world = World::start(version).await;
    a_new_ring_is_seen_as_it_is(&world).await;
    wrong_jolokia_credentials_are_no_answer(&world).await;
    roles_are_made_and_proved(&mut world).await;
    roles_have_the_rights_they_need_and_no_more(&world).await;
    replication_goes_up_with_its_repair_and_down_with_its_cleanup(&world).await;
    every_metric_of_a_node_has_a_value(&world).await;
    a_node_leaves_only_when_its_replicas_have_a_place(&world).await;
    a_node_that_is_gone_is_unreachable(&mut world).await;
}

async fn a_new_ring_is_seen_as_it_is(world: &World) {
    let views = world.views().await;
    let ids: BTreeSet<&str> = views.values().map(|view| view.host_id.as_str()).collect();
    assert_eq!(ids.len(), 3, "{views:?}");
    for (node, view) in world.nodes.iter().zip(views.values()) {
        assert_eq!(view.operation_mode, "NORMAL");
        assert!(view.native_transport);
        assert_eq!(view.members.len(), 3);
        assert_eq!(view.members[&node.ip.to_string()], view.host_id);
        assert_eq!(view.live.len(), 3);
        assert!(view.unreachable.is_empty() && view.joining.is_empty() && view.leaving.is_empty());
        assert!(view.load_bytes > 0);
        assert_eq!(view.pending_hints, 0);
        assert!(view.release_version.starts_with(['4', '5']), "{}", view.release_version);
    }
    let versions: BTreeSet<&str> = views.values().map(|view| view.schema_version.as_str()).collect();
    assert_eq!(versions.len(), 1);
    let began = Instant::now();
    world.views().await;
    println!("three views took {:?}", began.elapsed());
}

async fn wrong_jolokia_credentials_are_no_answer(world: &World) {
    let access = StoreAccess { jolokia: credentials("nobody"), ..world.access.clone() };
    for (pod, answer) in world.live.views(&access, &world.nodes).await {
        let NodeAnswer::Locked(cause) = answer else { panic!("{pod} answered a stranger") };
        assert!(cause.contains("401"), "{cause}");
    }
    let jolokia = Login { kept: world.access.jolokia.secret.clone(), ..credentials("nobody") };
    let access = StoreAccess { jolokia, ..world.access.clone() };
    for (pod, answer) in world.live.views(&access, &world.nodes).await {
        let NodeAnswer::Reachable(view) = answer else { panic!("{pod} does not know the password that is kept") };
        assert!(view.kept_password);
    }
}

/// An edited Secret locks nobody out while the password that works is kept; without it the refusal is told, and
/// the old one put back counts at once.
async fn an_edited_superuser_is_told_apart_from_a_ring_that_does_not_answer(world: &World) {
    let mut wrong = credentials("store_operator");
    wrong.secret.as_mut().unwrap().password = "edited".into();
    let kept = Login { kept: world.access.superuser.secret.clone(), ..wrong.clone() };
    let access = StoreAccess { superuser: kept, uid: "uid-edited".into(), ..world.access.clone() };
    let CqlAnswer::Reachable(view) = world.live.schema(&access, &world.nodes).await else { panic!("locked out") };
    assert!(view.superuser == Superuser::Own && view.kept_password);
    let access = StoreAccess { superuser: wrong, uid: "uid-lost".into(), ..world.access.clone() };
    let CqlAnswer::Refused(cause) = world.live.schema(&access, &world.nodes).await else { panic!("it is let in") };
    assert!(cause.contains("store_operator"), "{cause}");
    let access = StoreAccess { superuser: Login::default(), ..access };
    assert!(matches!(world.live.schema(&access, &world.nodes).await, CqlAnswer::Refused(_)));
    let access = StoreAccess { superuser: world.access.superuser.clone(), ..access };
    let CqlAnswer::Reachable(view) = world.live.schema(&access, &world.nodes).await else { panic!("not taken up") };
    assert!(!view.kept_password);
}

async fn roles_are_made_and_proved(world: &mut World) {
    let schema = world.schema().await;
    assert_eq!(schema.superuser, Superuser::Default);
    assert!(!schema.keyspaces.contains_key("system"));

    world.act(RingAction::AlterReplication { keyspace: "system_auth".into(), factors: factors(3) }).await;
    world.repair_everywhere("system_auth").await;
    world.act(RingAction::CreateSuperuser).await;
    world.act(RingAction::CreateSuperuser).await;
    let schema = world.schema().await;
    assert_eq!(schema.superuser, Superuser::Own);
    assert!(!schema.default_superuser_disabled && !schema.roles_ready);
    assert_eq!(schema.keyspaces["system_auth"], Replication::Network([("dc1".into(), 3)].into()));

    world.act(RingAction::DisableDefaultSuperuser).await;
    world.act(RingAction::EnsureRoles).await;
    let schema = world.schema().await;
    assert!(schema.default_superuser_disabled && schema.roles_ready, "{schema:?}");

    // Rights on a keyspace can be given only once it is there.
    world.act(RingAction::CreateKeyspace { keyspace: "shop".into(), factors: factors(1) }).await;
    assert!(!world.schema().await.roles_ready);
    world.act(RingAction::EnsureRoles).await;
    world.roles_are_found_ready().await;

    // A new password in the Secret is not the one that Cassandra knows.
    world.access.api = Credentials { username: "store_api".into(), password: "rotated".into() }.into();
    assert!(!world.schema().await.roles_ready);
    world.act_once_taken(RingAction::EnsureRoles).await;
    world.roles_are_found_ready().await;
    let began = Instant::now();
    world.schema().await;
    println!("a proved schema took {:?}", began.elapsed());
    an_edited_superuser_is_told_apart_from_a_ring_that_does_not_answer(world).await;
}

async fn roles_have_the_rights_they_need_and_no_more(world: &World) {
    let schema = world.log_in(&world.access.schema).await;
    schema.query_unpaged("CREATE TABLE shop.t (id int PRIMARY KEY, v int)", ()).await.unwrap();
    schema.query_unpaged("CREATE INDEX ON shop.t (v)", ()).await.unwrap();
    schema.query_unpaged("INSERT INTO shop.t (id, v) VALUES (1, 1)", ()).await.unwrap();
    schema.query_unpaged("CREATE TABLE shop.old (id int PRIMARY KEY)", ()).await.unwrap();
    schema.query_unpaged("DROP TABLE shop.old", ()).await.unwrap();
    for forbidden in [
        "CREATE KEYSPACE other WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "DROP KEYSPACE shop",
        "SELECT * FROM system_auth.roles",
        "ALTER ROLE store_operator WITH PASSWORD = 'mine'",
    ] {
        assert!(schema.query_unpaged(forbidden, ()).await.is_err(), "{forbidden}");
    }
    let api = world.log_in(&world.access.api).await;
    for allowed in [
        "SELECT * FROM shop.t",
        "INSERT INTO shop.t (id, v) VALUES (2, 2) IF NOT EXISTS",
        "DELETE FROM shop.t WHERE id = 2",
        "SELECT host_id, rack FROM system.local",
        "SELECT host_id, rack, tokens FROM system.peers_v2",
        "SELECT * FROM system_schema.tables",
        "SELECT * FROM system_traces.sessions LIMIT 1",
        "SELECT * FROM system_traces.events LIMIT 1",
    ] {
        api.query_unpaged(allowed, ()).await.unwrap_or_else(|error| panic!("{allowed}: {error}"));
    }
    for forbidden in [
        "CREATE TABLE shop.u (id int PRIMARY KEY)",
        "DROP TABLE shop.t",
        "ALTER TABLE shop.t ADD w int",
        "SELECT * FROM system_auth.roles",
        "CREATE ROLE mine",
    ] {
        assert!(api.query_unpaged(forbidden, ()).await.is_err(), "{forbidden}");
    }
    // Of the tables of each node the API reads those from which its pages tell of the ring, and no others.
    for table in TOLD_BY_NODES {
        let told = format!("SELECT * FROM system_views.{table} LIMIT 1");
        api.query_unpaged(told.as_str(), ()).await.unwrap_or_else(|error| panic!("{told}: {error}"));
        assert!(schema.query_unpaged(told, ()).await.is_err(), "the schema writer reads {table}");
    }
    assert!(api.query_unpaged("SELECT * FROM system_views.clients", ()).await.is_err());
    assert!(api.query_unpaged("SELECT * FROM system_views.settings", ()).await.is_err());
}

async fn replication_goes_up_with_its_repair_and_down_with_its_cleanup(world: &World) {
    world.act(RingAction::AlterReplication { keyspace: "shop".into(), factors: factors(3) }).await;
    assert_eq!(world.schema().await.keyspaces["shop"], Replication::Network([("dc1".into(), 3)].into()));
    world.repair_everywhere("shop").await;
    let api = world.log_in(&world.access.api).await;
    let mut read_all = scylla::statement::Statement::new("SELECT v FROM shop.t WHERE id = 1");
    read_all.set_consistency(scylla::statement::Consistency::All);
    let rows = api.query_unpaged(read_all, ()).await.unwrap().into_rows_result().unwrap();
    assert_eq!(rows.rows_num(), 1);

    let results = world.live.tasks(UID);
    assert_eq!(results.len(), 6, "{results:?}");
    world.live.settle(UID, &Memory::default(), &BTreeMap::new());
    assert!(world.live.tasks(UID).is_empty());

    world.act(RingAction::AlterReplication { keyspace: "shop".into(), factors: factors(2) }).await;
    for keyspace in [Some("shop".to_owned()), None] {
        let key = TaskKey { pod: "pod-1".into(), kind: TaskKind::Cleanup, keyspace: keyspace.clone() };
        let action = RingAction::Cleanup { pod: "pod-1".into(), keyspace };
        assert_eq!(world.run(action, key).await, TaskState::Succeeded);
    }
    let key = TaskKey { pod: "pod-1".into(), kind: TaskKind::Repair, keyspace: Some("absent".into()) };
    let action = RingAction::Repair { pod: "pod-1".into(), keyspace: "absent".into() };
    let TaskState::Failed(cause) = world.run(action, key).await else { panic!("repaired nothing") };
    assert!(cause.starts_with("repair failed: "), "{cause}");
}

/// Versions differ in their MBeans: one that is not there would leave a gap in a dashboard, silently.
async fn every_metric_of_a_node_has_a_value(world: &World) {
    let secrets = tempfile::tempdir().unwrap();
    std::fs::write(secrets.path().join("username"), "op").unwrap();
    std::fs::write(secrets.path().join("password"), "secret\n").unwrap();
    let (metrics, client) = (NodeMetrics::new().unwrap(), jmx::http_client().unwrap());
    for node in &world.nodes {
        let source = Source {
            jolokia: SocketAddr::new(node.ip, Ports::default().jolokia),
            credentials_dir: secrets.path().to_owned(),
            data_dir: secrets.path().to_owned(),
        };
        let began = Instant::now();
        let text = String::from_utf8(metrics.scrape(&client, &source, Duration::from_secs(10)).await.unwrap()).unwrap();
        println!("a scrape of {} took {:?} and has {} lines", node.pod, began.elapsed(), text.lines().count());
        let rows = include_str!("../../docs/metrics/node.md").lines().filter_map(|line| line.strip_prefix("| `"));
        let silent: Vec<&str> = rows
            .filter_map(|row| Some(row.split_once('`')?.0))
            .filter(|name| !text.lines().any(|line| line.starts_with(name)))
            .collect();
        assert!(silent.is_empty(), "{} tells nothing of {silent:?}", node.pod);
        for operation in ["Read", "Write", "RangeSlice", "CASRead", "CASWrite"] {
            assert!(text.contains(&format!("cassandra_client_requests_total{{operation=\"{operation}\"}}")), "{text}");
        }
    }
}

async fn a_node_leaves_only_when_its_replicas_have_a_place(world: &World) {
    let leaver = world.views().await["pod-2"].host_id.clone();
    let key = TaskKey { pod: "pod-2".into(), kind: TaskKind::Decommission, keyspace: None };
    let leave = RingAction::Decommission { pod: "pod-2".into() };
    let TaskState::Failed(cause) = world.run(leave.clone(), key.clone()).await else {
        panic!("a node left although system_auth needs three");
    };
    println!("refused: {cause}");
    assert!(cause.contains("replication factor"), "{cause}");

    for keyspace in ["system_auth", "system_distributed", "system_traces"] {
        world.act(RingAction::AlterReplication { keyspace: keyspace.into(), factors: factors(2) }).await;
    }
    assert_eq!(world.run(leave, key).await, TaskState::Succeeded);
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let views = world.views().await;
        assert_eq!(views["pod-2"].operation_mode, "DECOMMISSIONED");
        let left = |pod: &str| !views[pod].members.values().any(|id| *id == leaver);
        if left("pod-0") && left("pod-1") {
            break;
        }
        assert!(Instant::now() < until, "{views:?}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

async fn a_node_that_is_gone_is_unreachable(world: &mut World) {
    world.local.kill_node(1).unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let began = Instant::now();
        let answers = world.live.views(&world.access, &world.nodes).await;
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
        assert!(matches!(answers["pod-1"], NodeAnswer::Unreachable(_)));
        let NodeAnswer::Reachable(view) = &answers["pod-0"] else { panic!("{answers:?}") };
        let gone: SocketAddr = world.local.contact_points()[1];
        if view.unreachable.contains(&gone.ip().to_string()) {
            break;
        }
        assert!(Instant::now() < until, "{view:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts three Cassandra nodes"]
async fn a_ring_of_cassandra_5_0_is_worked_on() {
    story(Version::V5_0).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts three Cassandra nodes"]
async fn a_ring_of_cassandra_4_1_is_worked_on() {
    story(Version::V4_1).await;
}
