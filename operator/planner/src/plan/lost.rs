//! What is told of a member whose data is gone, or that was away for too long to come back with them. Pure.

use store_crds::{DebtKind, LostNode};

use super::hold::Hold;
use super::ring::Node;
use super::world::Context;
use crate::reason::Reason;

/// After so long, in seconds, Cassandra forgets what was deleted (`gc_grace_seconds`): a node that missed a deletion
/// brings the row back.
const GC_GRACE: i64 = 10 * 24 * 3600;

/// What is told of a node that is away, in place of why its process does not run.
pub fn told_of(context: &Context, node: &Node) -> Option<Hold> {
    if let Some(lost) = context.lost.iter().find(|lost| lost.pod.as_ref() == Some(&node.pod)) {
        return Some(hold(context, lost));
    }
    let serves = context.may_serve(node);
    let too_late = node.host_id.is_some() && !serves && context.away_for(node) > GC_GRACE;
    too_late.then(|| {
        let (pod, namespace) = (&node.pod, &context.desired.namespace);
        let claim = context.desired.claim_name(pod);
        let message = format!(
            "{pod} has been away for more than ten days (gc_grace_seconds): what was deleted meanwhile would return with \
             it. Do not let it come back with its data, but let it join anew: kubectl delete -n {namespace} pvc/{claim} \
             pod/{pod}, then {}",
            removal(context, pod, node.host_id.as_deref().unwrap_or_default())
        );
        Hold::wrong(Reason::NodeAwayTooLong, message).of(pod)
    })
}

/// What is told of a member whose data is gone.
pub fn hold(context: &Context, lost: &LostNode) -> Hold {
    Hold::wrong(Reason::VolumeLost, message(context, lost)).of(lost.pod.as_ref().unwrap_or(&lost.host_id))
}

/// What is gone, and what is to be done.
pub fn message(context: &Context, lost: &LostNode) -> String {
    let host = &lost.host_id;
    let Some(pod) = &lost.pod else {
        return match is_out(context, lost) {
            false => format!(
                "member {host} of the ring has no pod and no volume: {}; then every keyspace is repaired",
                removal(context, "", host)
            ),
            true => format!("member {host}, whose data is gone, is out of the ring: every keyspace is repaired"),
        };
    };
    if is_out(context, lost) {
        let owed = context.observation.status.owed.iter().any(|debt| debt.kind == DebtKind::Repair);
        let next = if owed {
            "every keyspace is repaired, and a node joins in its place"
        } else {
            "a node joins in its place"
        };
        return format!("the data of {pod} is gone, and its old member {host} is out of the ring: {next}");
    }
    let (namespace, claim) = (&context.desired.namespace, context.desired.claim_name(pod));
    let node = context.ring.find(pod);
    let first = match node.and_then(|node| node.claim).is_some_and(|claim| claim.lost) {
        true => format!("kubectl delete -n {namespace} pvc/{claim} pod/{pod}, then "),
        false => String::new(),
    };
    let cause = node.and_then(|node| node.running).and_then(|pod| pod.trouble.as_deref());
    let meanwhile = cause.map(|cause| format!(" (meanwhile: {cause})")).unwrap_or_default();
    format!(
        "the data of {pod} is gone: the volume of member {host} is not there any more. No node can take its place while the \
         ring waits for that member: see that every keyspace has other copies, {first}then, once its peers see it down, take it out: {}; then every keyspace is repaired, \
         and a node joins in its place by itself{meanwhile}",
        removal(context, pod, host)
    )
}

/// The command that takes a dead member out of the ring.
pub fn removal(context: &Context, pod: &str, host: &str) -> String {
    let namespace = &context.desired.namespace;
    let peer = context.ring.live().map(|(node, _)| node.pod.as_str()).find(|peer| *peer != pod);
    let peer = peer.unwrap_or("ANOTHER-POD");
    format!("kubectl exec -n {namespace} {peer} -c cassandra -- nodetool removenode {host}")
}

/// The member that was lost is out of the ring.
pub fn is_out(context: &Context, lost: &LostNode) -> bool {
    context.ring.is_out(&lost.host_id)
}
