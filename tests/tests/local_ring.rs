//! Rings on loopback, with real Cassandra:
//! `cargo test -p store-tests --test local_ring -- --ignored --test-threads 1`.

#![allow(clippy::expect_used, reason = "a test ends where it finds a fault")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::speculative_execution::SimpleSpeculativeExecutionPolicy;
use scylla::statement::{Consistency, Statement};
use store_tests::local_cassandra::{LocalRing, Options, SUPERUSER, Version};
use store_tests::progress::wait_until;

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
    let insert = at(Consistency::Quorum, "INSERT INTO ring_test.rows (id) VALUES (?)");
    let write =
        || async { session.query_unpaged(insert.clone(), (id,)).await.map(drop).map_err(|error| error.to_string()) };
    wait_until("a write at QUORUM", Duration::from_secs(30), write).await.expect("written");
}

async fn rows_at_all(session: &Session) -> usize {
    let select = at(Consistency::All, "SELECT id FROM ring_test.rows");
    let count = || async {
        let result = session.query_unpaged(select.clone(), ()).await.map_err(|error| error.to_string())?;
        Ok(result.into_rows_result().map_err(|error| error.to_string())?.rows_num())
    };
    wait_until("a read at ALL", Duration::from_secs(30), count).await.expect("read")
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
    assert_eq!(rows_at_all(&session).await, 4);

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
