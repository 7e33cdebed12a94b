//! How many nodes may still fail before QUORUM of some row is not there. Pure.

#![deny(clippy::wildcard_enum_match_arm)]

use std::collections::BTreeSet;

use store_crds::{NodeState, NodeStatus};

/// Nodes that may fail before QUORUM of some row is not there; below 0: it is not there already. Cassandra puts the
/// replicas of a row into different racks as long as there are enough, so nodes that are away in one rack then
/// cost a row one replica together; otherwise each may cost it one.
pub fn tolerated(nodes: &[NodeStatus], replication: i32) -> i32 {
    let lost = if i32::try_from(racks(nodes).len()).is_ok_and(|racks| racks >= replication) {
        away(nodes).map(|node| node.rack.as_str()).collect::<BTreeSet<_>>().len()
    } else {
        away(nodes).count()
    };
    let lost = i32::try_from(lost).unwrap_or(i32::MAX).min(replication);
    replication - lost - (replication / 2 + 1)
}

/// Members that do not serve their rows.
pub fn away(nodes: &[NodeStatus]) -> impl Iterator<Item = &NodeStatus> {
    members(nodes).filter(|node| !serves(node))
}

/// A quorum of every row may answer: enough nodes are up at all, and none too many are away.
pub fn has_quorum(nodes: &[NodeStatus], replication: i32) -> bool {
    let serving = i32::try_from(members(nodes).filter(|node| serves(node)).count()).unwrap_or(i32::MAX);
    // of a keyspace that has more copies than there are nodes, the nodes there are hold all
    serving > 0 && serving > replication / 2 && tolerated(nodes, replication) >= 0
}

fn members(nodes: &[NodeStatus]) -> impl Iterator<Item = &NodeStatus> {
    nodes.iter().filter(|node| node.host_id.is_some() && node.state != NodeState::Decommissioned)
}

fn serves(node: &NodeStatus) -> bool {
    matches!(node.state, NodeState::Normal | NodeState::Leaving | NodeState::Joining)
}

fn racks(nodes: &[NodeStatus]) -> BTreeSet<&str> {
    members(nodes).map(|node| node.rack.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(nodes: &[(&str, NodeState)]) -> Vec<NodeStatus> {
        let node = |(at, (rack, state)): (usize, &(&str, NodeState))| NodeStatus {
            pod: format!("shop-cassandra-{rack}-{at}"),
            rack: (*rack).to_owned(),
            host_id: Some(at.to_string()),
            state: *state,
            ..NodeStatus::default()
        };
        nodes.iter().enumerate().map(node).collect()
    }

    #[test]
    fn what_may_fail_is_counted_by_racks_where_each_has_a_replica_of_its_own() {
        use NodeState::{Decommissioned, Down, Drained, Joining, Normal};
        for (nodes, replication, expected) in [
            (&[("a", Normal), ("b", Normal), ("c", Normal)][..], 3, 1),
            (&[("a", Normal), ("b", Normal), ("c", Down)], 3, 0),
            (&[("a", Normal), ("b", Drained), ("c", Down)], 3, -1),
            (&[("a", Down), ("a", Down), ("b", Normal), ("c", Normal)], 3, 0),
            (&[("a", Down), ("a", Down), ("a", Normal)], 3, -1),
            (&[("a", Normal), ("a", Joining), ("a", Decommissioned)], 1, 0),
            (&[("a", Down), ("b", Normal)], 1, -1),
            (&[("a", Normal), ("b", Normal)], 2, 0),
        ] {
            assert_eq!(tolerated(&ring(nodes), replication), expected, "{nodes:?} with {replication}");
        }
        let mut starting = ring(&[("a", Normal), ("b", Normal), ("c", Normal), ("a", NodeState::Starting)]);
        starting[3].host_id = None;
        assert_eq!(tolerated(&starting, 3), 1, "one that has not joined has no rows");
    }

    #[test]
    fn a_quorum_needs_nodes_that_are_up_and_not_only_none_that_is_known_to_be_away() {
        use NodeState::{Down, Normal};
        for (nodes, replication, expected) in [
            (&[("a", Normal), ("b", Normal), ("c", Down)][..], 3, true),
            (&[("a", Normal), ("b", Down), ("c", Down)], 3, false),
            (&[("a", Normal)], 1, true),
            (&[("a", Normal)], 3, false),
            (&[("a", Normal), ("b", Normal)], 3, true),
            (&[], 1, false),
        ] {
            assert_eq!(has_quorum(&ring(nodes), replication), expected, "{nodes:?} with {replication}");
        }
    }
}
