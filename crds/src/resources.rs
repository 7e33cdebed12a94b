//! Resources of a container: the part of Kubernetes' own type that a StoreCluster needs, with bounds
//! on every size, so that CEL rules about it have a bounded cost.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::messages;

/// Resources of a container.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(
    validation = Rule::new(messages::resource_names_rule("requests")).message(messages::RESOURCES_NAME),
    validation = Rule::new(messages::resource_names_rule("limits")).message(messages::RESOURCES_NAME),
    validation = Rule::new(fits("cpu")).message(messages::REQUESTS_ABOVE_LIMITS),
    validation = Rule::new(fits("memory")).message(messages::REQUESTS_ABOVE_LIMITS)
)]
pub struct ResourcesSpec {
    /// What the scheduler sets aside, by resource: cpu, memory.
    // Kubernetes 1.30 prices the rule of each amount so high that it takes no more than seven.
    #[schemars(extend("maxProperties" = 6))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, Amount>,
    /// What the container may use at most, by resource: cpu, memory.
    #[schemars(extend("maxProperties" = 6))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, Amount>,
}

/// A quantity; a plain integer, as in `cpu: 2`, is read as its text.
#[derive(Serialize, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[serde(transparent)]
pub struct Amount(pub String);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum TextOrInteger {
            Text(String),
            Integer(i64),
        }
        Ok(match TextOrInteger::deserialize(deserializer)? {
            TextOrInteger::Text(text) => Amount(text),
            TextOrInteger::Integer(integer) => Amount(integer.to_string()),
        })
    }
}

impl JsonSchema for Amount {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A quantity, such as 500m, 2 or 4Gi.",
            "x-kubernetes-int-or-string": true,
            "maxLength": 32,
            "x-kubernetes-validations": [{
                "rule": "isQuantity(string(self)) && quantity(string(self)).compareTo(quantity('0')) >= 0",
                "message": messages::RESOURCES_QUANTITY,
            }],
        })
    }
}

/// The rule that the request of a resource is not above its limit.
fn fits(resource: &str) -> String {
    let both =
        ["requests", "limits"].map(|part| format!("!has(self.{part}) || !('{resource}' in self.{part})")).join(" || ");
    let quantity = |part: &str| format!("quantity(string(self.{part}['{resource}']))");
    format!("{both} || {}.compareTo({}) <= 0", quantity("requests"), quantity("limits"))
}
