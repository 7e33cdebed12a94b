//! Whether a node may leave: the copies of every keyspace need so many nodes, and its data needs room elsewhere. Pure.

use super::hold::Hold;
use super::replication;
use super::ring::Node;
use super::world::Context;
use crate::observation::NodeView;
use crate::reason::Reason;

/// Of a receiver's free space, this part may be filled by a node that leaves; the rest is headroom
/// for compaction.
const FILL_NUMERATOR: u64 = 8;
const FILL_DENOMINATOR: u64 = 10;

/// Why a node must stay: copies that need it, or data that does not fit elsewhere.
pub fn cannot_leave(context: &Context, node: &Node) -> Option<Hold> {
    // it may be none any more by its peers' word
    let others = context.ring.members().filter(|other| other.pod != node.pod).count();
    let left = i32::try_from(others).unwrap_or(i32::MAX);
    if left < 1 {
        return Some(Hold::wrong(Reason::ScaleDownRefused, format!("{} is the last node", node.pod)));
    }
    let Some(cql) = context.cql() else {
        let message = format!("{} waits to leave: the replication of the keyspaces cannot be read", node.pod);
        return Some(Hold::waiting(Reason::ScaleDownWaits, message));
    };
    let needs = |(name, replication): (&String, _)| {
        let factor = replication::factor(context, replication)?;
        (factor > left).then(|| {
            let message = format!(
                "{} cannot leave: keyspace {name} has replication factor {factor} and {left} nodes would be left; \
                 lower the factor or put the size back",
                node.pod
            );
            Hold::wrong(Reason::ScaleDownRefused, message)
        })
    };
    cql.keyspaces.iter().find_map(needs).or_else(|| no_room(context, node))
}

/// Whether the nodes that inherit the ranges have the disk for them.
fn no_room(context: &Context, node: &Node) -> Option<Hold> {
    let Some(load) = node.view.map(|view| view.load_bytes) else {
        return Some(Hold::waiting(Reason::ScaleDownWaits, format!("the load of {} is not known", node.pod)));
    };
    let others = || context.ring.live().filter(|(other, _)| other.pod != node.pod);
    let same_rack: Vec<(&Node, &NodeView)> = others().filter(|(other, _)| other.id.rack == node.id.rack).collect();
    // with several racks, each keeps its copies: what leaves a node goes to the rest of its rack
    let several_racks = context.desired.cassandra.racks.len() > 1;
    let receivers = if several_racks && !same_rack.is_empty() { same_rack } else { others().collect() };
    let count = u64::try_from(receivers.len()).unwrap_or(u64::MAX).max(1);
    let share = load.div_ceil(count);
    receivers.iter().find_map(|(receiver, view)| {
        let Some(free) = view.free_bytes else {
            let message = format!("{} waits to leave: the free disk space of {} is not known", node.pod, receiver.pod);
            return Some(Hold::waiting(Reason::ScaleDownWaits, message));
        };
        let usable = free / FILL_DENOMINATOR * FILL_NUMERATOR;
        (usable < share).then(|| {
            let message = format!(
                "{} cannot leave: {} would get about {} MiB and can take {} MiB of its {} MiB free; \
                 free disk space, grow spec.cassandra.storage.size or put the size back",
                node.pod,
                receiver.pod,
                share >> 20,
                usable >> 20,
                free >> 20
            );
            Hold::wrong(Reason::ScaleDownRefused, message)
        })
    })
}
