//! The factors that keyspaces have. Pure.

use super::world::Context;
use crate::desired::SYSTEM_KEYSPACES;
use crate::observation::Replication;

/// The factor that the ring has for a keyspace in the datacenter.
pub fn actual(context: &Context, keyspace: &str) -> Option<i32> {
    factor(context, context.cql()?.keyspaces.get(keyspace)?)
}

/// The factor in the datacenter, whatever the strategy.
pub fn factor(context: &Context, replication: &Replication) -> Option<i32> {
    match replication {
        Replication::Simple(factor) => Some(*factor),
        Replication::Network(_) => is_network(context, replication),
    }
}

/// The factor in the datacenter, if the strategy is the one that the operator keeps.
pub fn is_network(context: &Context, replication: &Replication) -> Option<i32> {
    match replication {
        Replication::Network(factors) => Some(factors.get(&context.desired.cassandra.datacenter).copied().unwrap_or(0)),
        Replication::Simple(_) => None,
    }
}

/// Nobody waits at QUORUM for traces and the history of repairs.
pub fn is_expendable(keyspace: &str) -> bool {
    SYSTEM_KEYSPACES.contains(&keyspace) && keyspace != "system_auth"
}

/// One node more takes ranges from the others, which leaves data behind on them: some keyspace of users
/// will have fewer copies than there are nodes.
pub fn takes_ranges(context: &Context) -> bool {
    let nodes = context.member_count() + 1;
    let shrinks = |(name, replication): (&String, _)| {
        let factor = factor(context, replication);
        !name.starts_with("system") && factor.is_none_or(|factor| factor < nodes)
    };
    context.cql().is_none_or(|cql| cql.keyspaces.iter().any(shrinks))
}
