//! The specs that the story applies, one after another. Pure.

use serde_json::{Value, json};

use store_testbed::shop::SHORT_DELAYS;

use super::Plan;

/// Racks and zones of the story.
const RACKS: [&str; 3] = ["a", "b", "c"];

impl Plan {
    /// A shop of `size` nodes on the first `racks` of the three racks, with `copies` of each row.
    pub(super) fn spec(&self, size: u32, racks: usize, copies: u32) -> Value {
        let racks: Vec<Value> = RACKS.iter().take(racks).map(|rack| json!({ "name": rack, "zone": rack })).collect();
        let mut spec = json!({
            "cassandra": { "version": self.version, "size": size, "racks": racks, "deletionPolicy": self.policy() },
            "keyspaces": [{ "name": "store_manager", "replicationFactor": copies }],
            // The load-balancer and the Ingress controller.
            "api": { "replicas": 2, "ingress": {}, "trustedHops": 2 },
        });
        if self.short_delays {
            spec["cassandra"]["jvmOptions"] = json!(SHORT_DELAYS);
        }
        spec
    }

    /// Each of both policies is seen by one of both stories.
    pub(super) fn policy(&self) -> &'static str {
        if self.first_half { "Delete" } else { "Retain" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spec_of_the_story_keeps_the_rules() {
        let steps = [(1, 1, 1), (3, 3, 1), (3, 3, 3), (3, 3, 2), (4, 3, 2)];
        for plan in [Plan::whole("5.0", 10.0), Plan::half("4.1", 10.0)] {
            for (size, racks, copies) in steps {
                let spec = serde_json::from_value(plan.spec(size, racks, copies)).expect("a spec");
                assert_eq!(store_crds::validate("shop", &spec), []);
            }
        }
    }
}
