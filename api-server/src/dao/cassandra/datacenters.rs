//! Whether the conditional writes of a shop are decided by one set of replicas, or by one of each datacenter.

use std::collections::BTreeSet;

use scylla::client::session::Session;
use scylla::statement::SerialConsistency;

use super::StartError;
use super::cluster::replication_of;
use crate::dao::cluster::Replication;

/// The datacenters that would each decide by themselves, when there is more than one: a round of Paxos at LOCAL_SERIAL asks
/// the replicas of one datacenter, and those of another know nothing of what it decided.
pub fn deciding_apart(
    serial: SerialConsistency,
    replication: &Replication,
    of_nodes: BTreeSet<String>,
) -> Option<BTreeSet<String>> {
    let with_replicas = match replication {
        Replication::NetworkTopology(factors) => {
            factors.iter().filter(|(_, factor)| **factor > 0).map(|(datacenter, _)| datacenter.clone()).collect()
        }
        // Its replicas may lie anywhere.
        Replication::Simple(_) | Replication::Other(_) => of_nodes,
        Replication::Local => BTreeSet::new(),
    };
    (serial == SerialConsistency::LocalSerial && with_replicas.len() > 1).then_some(with_replicas)
}

/// Refuses a keyspace whose datacenters would decide apart.
pub async fn refuse_to_decide_apart(
    session: &Session,
    keyspace: &str,
    serial: SerialConsistency,
) -> Result<(), StartError> {
    let unread = |detail: String| StartError::Replication { keyspace: keyspace.to_owned(), detail };
    session.refresh_metadata().await.map_err(|error| unread(error.to_string()))?;
    let state = session.get_cluster_state();
    let found = state.get_keyspace(keyspace).ok_or_else(|| unread("the ring does not tell it".into()))?;
    let of_nodes = state.get_nodes_info().iter().filter_map(|node| node.datacenter.clone()).collect();
    match deciding_apart(serial, &replication_of(&found.strategy), of_nodes) {
        None => Ok(()),
        Some(datacenters) => {
            let datacenters: Vec<String> = datacenters.into_iter().collect();
            Err(StartError::DecidedApart { keyspace: keyspace.to_owned(), datacenters: datacenters.join(", ") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn more_than_one_datacenter_with_replicas_needs_a_level_of_all() {
        use SerialConsistency::{LocalSerial, Serial};
        let of = |factors: &[(&str, usize)]| {
            Replication::NetworkTopology(factors.iter().map(|(name, factor)| ((*name).to_owned(), *factor)).collect())
        };
        let (one, two) = (of(&[("a", 3), ("b", 0)]), of(&[("a", 3), ("b", 1)]));
        let nodes = || names(&["a", "b"]);
        assert_eq!(deciding_apart(LocalSerial, &two, nodes()), Some(nodes()));
        assert_eq!(deciding_apart(Serial, &two, nodes()), None);
        assert_eq!(deciding_apart(LocalSerial, &one, nodes()), None, "b has nodes and no replicas");
        assert_eq!(deciding_apart(LocalSerial, &Replication::Simple(3), nodes()), Some(nodes()));
        assert_eq!(deciding_apart(LocalSerial, &Replication::Simple(3), names(&["a"])), None);
    }
}
