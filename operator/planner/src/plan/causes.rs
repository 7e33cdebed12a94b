//! Why an operation goes on: the fields of the spec that were changed, and in which generation. A change is
//! remembered from when it is taken up until everything it owes is done. Pure.

use store_crds::{OperationKind, OperationStatus};

use super::world::Context;
use crate::procedure;

/// Most fields that are named in one sentence.
const NAMED_MAX: usize = 4;

/// Says of an operation that begins which change asks for it.
pub fn explain(context: &Context, operation: &mut OperationStatus) {
    let wanted = |field: &&String| procedure::of(operation.kind).asked_by.iter().any(|of| is_below(field, of));
    let newest = context.observation.status.changes.iter().rev();
    let found = newest.map(|change| (change, change.fields.iter().filter(wanted).collect::<Vec<_>>()));
    let Some((change, fields)) = found.into_iter().find(|(_, fields)| !fields.is_empty()) else {
        // pods follow their template, which also comes from the operator
        operation.cause = (operation.kind == OperationKind::Rollout)
            .then(|| "it was made from another template than this operator's".to_owned());
        return;
    };
    let named: Vec<&str> = fields.iter().take(NAMED_MAX).map(|field| field.as_str()).collect();
    let more = match fields.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    operation.cause = Some(format!("{}{more} changed (generation {})", named.join(", "), change.generation));
    operation.generation = Some(change.generation);
}

/// `field` is `of`, or a part of it.
fn is_below(field: &str, of: &str) -> bool {
    field.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_explains_what_it_asks_for_and_nothing_else() {
        for (field, kind, explains) in [
            ("spec.cassandra.cassandraYaml.concurrent_reads", OperationKind::Rollout, true),
            ("spec.cassandra.sizes", OperationKind::Join, false),
            ("spec.cassandra.size", OperationKind::Join, true),
            ("spec.cassandra.size", OperationKind::Rollout, false),
            ("spec.keyspaces[shop].replicationFactor", OperationKind::AlterReplication, true),
            ("spec.api.image", OperationKind::Migrate, true),
            ("spec.cassandra.imagePullPolicy", OperationKind::Rollout, true),
        ] {
            let found = procedure::of(kind).asked_by.iter().any(|of| is_below(field, of));
            assert_eq!(found, explains, "{field} {kind:?}");
        }
    }
}
