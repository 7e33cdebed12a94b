//! Whether every keyspace answers at LOCAL_QUORUM, and would with one node less. Pure.
//!
//! Which nodes hold the copies of one row is not looked at: the ones that are away may be those of the
//! same row, and for some row they are as a rule.

use std::collections::BTreeMap;

use super::ring::Node;
use super::world::Context;
use super::{calm, replication};

/// Keyspaces that answer at LOCAL_QUORUM now and would not while `node` is away, with their factors. A
/// node counts as there only if it serves in every view and Kubernetes, too, finds it ready.
pub fn cost(context: &Context, node: &Node) -> BTreeMap<String, i32> {
    let others = context.ring.members().filter(|other| other.pod != node.pod);
    let away = i32::try_from(others.filter(|other| calm::down(context, other).is_some()).count()).unwrap_or(i32::MAX);
    let mut factors = factors(context);
    factors.retain(|_, factor| answers(*factor, away) && !answers(*factor, away.saturating_add(1)));
    factors
}

/// More nodes are to come, and until then some keyspace has no copy to spare: one more that is away would be one too many.
pub fn awaits_nodes(context: &Context) -> bool {
    let members = context.member_count();
    let spare =
        |factor: i32| factor > members && !(answers(factor, factor - members) && answers(factor, factor - members + 1));
    members < context.desired.cassandra.size && !context.is_founding() && factors(context).into_values().any(spare)
}

/// A row of so many copies has a quorum of them while so many nodes are away.
fn answers(factor: i32, away: i32) -> bool {
    factor.saturating_sub(away) > factor / 2
}

/// The factors of all keyspaces that somebody waits for at QUORUM: as the ring has them, else as the last
/// status told. Where nobody knows, as if there were one copy.
fn factors(context: &Context) -> BTreeMap<String, i32> {
    let mut factors: BTreeMap<String, i32> = match context.cql() {
        Some(cql) => {
            let known = cql.keyspaces.iter();
            known.filter_map(|(name, seen)| Some((name.clone(), replication::factor(context, seen)?))).collect()
        }
        None => {
            let told = context.observation.status.keyspaces.iter();
            told.filter_map(|keyspace| Some((keyspace.name.clone(), keyspace.replication?))).collect()
        }
    };
    factors.retain(|name, factor| *factor > 0 && !replication::is_expendable(name));
    if factors.is_empty() {
        factors.insert("system_auth".to_owned(), 1);
    }
    factors
}

#[cfg(test)]
mod tests {
    use super::answers;

    #[test]
    fn a_quorum_of_three_copies_bears_one_node_away_and_that_of_one_or_two_none() {
        let bears = |factor| (0..=factor).take_while(|away| answers(factor, *away)).count() as i32 - 1;
        assert_eq!([1, 2, 3, 4, 5, 6, 7].map(bears), [0, 0, 1, 1, 2, 2, 3]);
    }
}
