//! Rings on loopback, with real Cassandra:
//! `cargo test --workspace --test local_ring -- --ignored --test-threads 1`.

#![allow(clippy::expect_used, reason = "a test ends where it finds a fault")]

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::speculative_execution::SimpleSpeculativeExecutionPolicy;
use scylla::statement::{Consistency, Statement};
use store_testbed::local_cassandra::{LocalRing, Options, SUPERUSER, Version};
use store_testbed::progress::wait_until;

const INSERT: &str = "INSERT INTO ring_test.rows (id) VALUES (?)";
/// Writes at the same time.
const WRITERS: i32 = 16;
/// Longer than any time-out of Cassandra itself.
const ATTEMPT: Duration = Duration::from_secs(6);

/// A paused node answers nothing and closes nothing, and the driver, without a token to go by, takes
/// it for coordinator as often as any other: a second one is asked after half a second, else the
/// request would wait for the paused one until its time-out. It does so, too, when the others have refused: the driver
/// passes over what they said while one is still asked. Nodes that have just started may refuse: while they take each other for
/// down, one of the two copies is the paused node's. So an attempt ends long before the wait for it does.
async fn connect(ring: &LocalRing) -> Session {
    let second = SimpleSpeculativeExecutionPolicy { max_retry_count: 2, retry_interval: Duration::from_millis(500) };
    let profile = ExecutionProfile::builder()
        .speculative_execution_policy(Some(Arc::new(second)))
        .request_timeout(Some(ATTEMPT))
        .build();
    SessionBuilder::new()
        .known_nodes_addr(ring.contact_points())
        .user(SUPERUSER.0, SUPERUSER.1)
        .default_execution_profile_handle(profile.into_handle())
        .build()
        .await
        .expect("a session")
}

fn at(level: Consistency, text: &str) -> Statement {
    let mut statement = Statement::new(text);
    statement.set_consistency(level);
    statement.set_is_idempotent(true);
    statement
}

async fn write(session: &Session, id: i32) {
    let insert = at(Consistency::Quorum, INSERT);
    let write =
        || async { session.query_unpaged(insert.clone(), (id,)).await.map(drop).map_err(|error| error.to_string()) };
    wait_until("a write at QUORUM", Duration::from_secs(30), write).await.expect("written");
}

async fn ids_at(level: Consistency, session: &Session) -> HashSet<i32> {
    let select = at(level, "SELECT id FROM ring_test.rows");
    let read = || async {
        let result = session.query_unpaged(select.clone(), ()).await.map_err(|error| error.to_string())?;
        let rows = result.into_rows_result().map_err(|error| error.to_string())?;
        let ids: Result<HashSet<i32>, _> = rows.rows::<(i32,)>().expect("ids").map(|row| row.map(|(id,)| id)).collect();
        ids.map_err(|error| error.to_string())
    };
    wait_until("a read of all rows", Duration::from_secs(30), read).await.expect("read")
}

/// Writes without pause while all nodes are killed; the ids whose writing was acknowledged.
async fn write_until_all_are_killed(session: &Session, ring: &mut LocalRing) -> Vec<i32> {
    let insert = at(Consistency::Quorum, INSERT);
    let insert = session.prepare(insert).await.expect("prepared");
    let acknowledged = AtomicUsize::new(0);
    let writers = futures::future::join_all((0..WRITERS).map(|writer| {
        let (insert, acknowledged) = (&insert, &acknowledged);
        async move {
            let mut written = Vec::new();
            for id in (1_000 + writer..).step_by(WRITERS as usize).take(100_000) {
                if session.execute_unpaged(insert, (id,)).await.is_err() {
                    break;
                }
                written.push(id);
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            written
        }
    }));
    let kill = async {
        let enough = || async {
            let written = acknowledged.load(Ordering::Relaxed);
            if written >= 500 { Ok(()) } else { Err(format!("{written} writes")) }
        };
        wait_until("enough writes", Duration::from_secs(30), enough).await.expect("written");
        ring.kill_all_nodes().expect("killed");
    };
    let (written, ()) = tokio::join!(writers, kill);
    written.concat()
}

async fn a_ring_serves_through_the_loss_of_a_node(version: Version) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let options = Options { version, nodes: 3, authentication: true, ..Options::new(directory.path()) };
    let mut ring = LocalRing::start(options).await.expect("a ring");
    let pids = ring.pids();
    assert_eq!(pids.len(), 3);
    let session = connect(&ring).await;
    for statement in [
        "CREATE KEYSPACE ring_test WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3}",
        "CREATE TABLE ring_test.rows (id int PRIMARY KEY)",
    ] {
        session.query_unpaged(statement, ()).await.expect("created");
    }
    write(&session, 1).await;

    ring.pause(1).expect("paused");
    write(&session, 2).await;
    ring.resume(1).expect("resumed");

    ring.kill_node(2).expect("killed");
    assert_eq!(ring.pids().len(), 2);
    write(&session, 3).await;
    ring.start_node(2).expect("started");
    ring.ready().await.expect("ready again");

    ring.stop_node(0).await.expect("stopped");
    write(&session, 4).await;
    ring.start_node(0).expect("started");
    ring.ready().await.expect("ready again");
    assert_eq!(ids_at(Consistency::All, &session).await, HashSet::from([1, 2, 3, 4]));

    let written = write_until_all_are_killed(&session, &mut ring).await;
    assert!(written.len() > 100, "{} writes", written.len());
    (0..3).for_each(|node| ring.start_node(node).expect("started"));
    ring.ready().await.expect("ready again");
    let kept = ids_at(Consistency::Quorum, &session).await;
    let lost: Vec<&i32> = written.iter().filter(|id| !kept.contains(id)).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged writes are lost: {lost:?}", lost.len(), written.len());

    drop(ring);
    assert!(pids.iter().all(|pid| !Path::new("/proc").join(pid.to_string()).exists()));
}

#[tokio::test]
#[ignore = "starts three Cassandra nodes"]
async fn a_ring_of_5_0_serves_through_the_loss_of_a_node_and_reads_everything_back() {
    a_ring_serves_through_the_loss_of_a_node(Version::V5_0).await;
}

#[tokio::test]
#[ignore = "starts three Cassandra nodes"]
async fn a_ring_of_4_1_serves_through_the_loss_of_a_node_and_reads_everything_back() {
    a_ring_serves_through_the_loss_of_a_node(Version::V4_1).await;
}

#[tokio::test]
#[ignore = "starts a Cassandra node"]
async fn a_configuration_that_cassandra_refuses_is_told_with_its_log() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let options = Options { heap_mib: 1, ..Options::new(directory.path()) };
    let error = LocalRing::start(options).await.expect_err("no JVM has so small a heap").to_string();
    assert!(error.contains("ended (exit status") && error.contains("heap"), "{error}");
}
