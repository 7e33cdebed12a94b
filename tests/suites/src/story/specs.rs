//! The specs that the story applies, one after another. Pure.

use serde_json::{Value, json};

/// Racks and zones of the story.
const RACKS: [&str; 3] = ["a", "b", "c"];

/// A shop of `size` nodes on the first `racks` of the three racks, with `copies` of each row.
pub(super) fn spec(version: &str, size: u32, racks: usize, copies: u32, policy: &str) -> Value {
    let racks: Vec<Value> = RACKS.iter().take(racks).map(|rack| json!({ "name": rack, "zone": rack })).collect();
    json!({
        "cassandra": {
            "version": version,
            "size": size,
            "racks": racks,
            "deletionPolicy": policy,
            // Stock delays make each node wait two minutes for gossip on a network of one machine.
            "jvmOptions": ["-Dcassandra.ring_delay_ms=5000", "-Dcassandra.skip_wait_for_gossip_to_settle=0"],
        },
        "keyspaces": [{ "name": "store_manager", "replicationFactor": copies }],
        // The load-balancer and the Ingress controller.
        "api": { "replicas": 2, "ingress": {}, "trustedHops": 2 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spec_of_the_story_keeps_the_rules() {
        let steps = [(1, 1, 1), (3, 3, 1), (3, 3, 3), (3, 3, 2), (4, 3, 2)];
        for version in ["4.1", "5.0"] {
            for (size, racks, copies) in steps {
                let spec = serde_json::from_value(spec(version, size, racks, copies, "Retain")).expect("a spec");
                assert_eq!(store_crds::validate("shop", &spec), []);
            }
        }
    }
}
