//! When a local ring is ready, and what is still missing. IO: TCP and CQL on loopback.

use std::net::SocketAddr;
use std::time::Duration;

use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::cluster::metadata::Strategy;
use scylla::policies::load_balancing::{NodeIdentifier, SingleTargetLoadBalancingPolicy};
use scylla::statement::{Consistency, Statement};
use tokio::net::TcpStream;

use super::node::Node;
use super::{DATACENTER, Options, RingError, SUPERUSER};
use crate::progress::wait_until;

const CONNECT: Duration = Duration::from_millis(500);
const REQUEST: Duration = Duration::from_secs(10);

/// Waits until every node serves CQL and every node sees all of them up and with one schema.
///
/// On the way `system_auth` gets a replica on every node, so that logins survive any of them.
pub(super) async fn wait(nodes: &mut [Node], options: &Options, deadline: Duration) -> Result<(), RingError> {
    let what = format!("Cassandra {} on loopback", options.version.release());
    let points: Vec<SocketAddr> = nodes.iter().map(|node| (node.address(), options.cql_port).into()).collect();
    let look = || {
        let dead = nodes.iter_mut().find_map(|node| node.check().err());
        let points = points.clone();
        async move {
            match dead {
                // There is nothing to wait for any more: the wait ends, with the error for a value.
                Some(error) => Ok(Err(error)),
                None => look(&points, options).await.map(Ok),
            }
        }
    };
    wait_until(&what, deadline, look).await?
}

async fn look(points: &[SocketAddr], options: &Options) -> Result<(), String> {
    for point in points {
        let connected = tokio::time::timeout(CONNECT, TcpStream::connect(point)).await;
        connected
            .map_err(|_| format!("{point} answers nothing"))?
            .map_err(|_| format!("{point} does not serve CQL yet"))?;
    }
    let session = connect(points, options).await?;
    if points.len() > 1 {
        replicate_logins(&session, points).await?;
    }
    session.check_schema_agreement().await.map_err(text)?.ok_or("the nodes do not agree on the schema yet")?;
    Ok(())
}

async fn connect(points: &[SocketAddr], options: &Options) -> Result<Session, String> {
    let mut builder = SessionBuilder::new().known_nodes_addr(points).connection_timeout(REQUEST);
    if options.authentication {
        builder = builder.user(SUPERUSER.0, SUPERUSER.1);
    }
    let session = builder.build().await.map_err(text)?;
    let known = session.get_cluster_state().get_nodes_info().len();
    if known < points.len() {
        return Err(format!("{known} of {} nodes have found each other", points.len()));
    }
    Ok(session)
}

/// Reading at ALL through each node proves that each sees every other one up, and its read repair
/// copies the first role to the replicas that the new replication factor added.
async fn replicate_logins(session: &Session, points: &[SocketAddr]) -> Result<(), String> {
    let replicas = points.len();
    let alter = format!(
        "ALTER KEYSPACE system_auth WITH replication = {{'class': 'NetworkTopologyStrategy', '{DATACENTER}': {replicas}}}"
    );
    let state = session.get_cluster_state();
    let strategy = state.get_keyspace("system_auth").map(|keyspace| &keyspace.strategy);
    if !matches!(strategy, Some(Strategy::NetworkTopologyStrategy { .. })) {
        session.query_unpaged(alter, ()).await.map_err(text)?;
    }
    for point in points {
        let through = SingleTargetLoadBalancingPolicy::new(NodeIdentifier::NodeAddress(*point), None);
        let profile = ExecutionProfile::builder().load_balancing_policy(through).request_timeout(Some(REQUEST)).build();
        let mut read = Statement::new("SELECT * FROM system_auth.roles WHERE role = 'cassandra'");
        read.set_consistency(Consistency::All);
        read.set_execution_profile_handle(Some(profile.into_handle()));
        session.query_unpaged(read, ()).await.map_err(|error| format!("asking {point}: {error}"))?;
    }
    Ok(())
}

/// The first line: the driver's errors list every node tried.
fn text(error: impl std::fmt::Display) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
