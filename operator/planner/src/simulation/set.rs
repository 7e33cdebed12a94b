//! What the controllers of the model read of StatefulSets and of what they make pods from.

use serde_json::Value;
use store_crds::{ANNOTATION_CONFIGURATION, ANNOTATION_TEMPLATE_HASH};

/// Name of the ConfigMap that a pod is configured by: of those from before there were several, the only one.
pub fn config_map(pod: &Value) -> String {
    let volumes = pod["volumes"].as_array().unwrap();
    let named = volumes.iter().find(|volume| volume["name"] == "configuration");
    named.map_or("shop-cassandra", |volume| volume["configMap"]["name"].as_str().unwrap()).to_owned()
}

pub fn image(pod: &Value) -> String {
    pod["containers"][0]["image"].as_str().unwrap().to_owned()
}

/// What the controller of StatefulSets reads of one.
pub struct SetSeen {
    pub name: String,
    pub rack: String,
    pub replicas: i32,
    pub template_hash: String,
    pub configuration: String,
    pub image: String,
    pub config_map: String,
    pub storage: String,
    pub ring_name: String,
    pub class: Option<String>,
    pub zone: Option<String>,
}

impl SetSeen {
    pub fn of(set: &Value) -> SetSeen {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let variables = set["spec"]["template"]["spec"]["initContainers"][1]["env"].as_array().into_iter().flatten();
        let ring_name =
            variables.filter(|variable| variable["name"] == "STORE_CLUSTER_NAME").map(|name| &name["value"]);
        SetSeen {
            ring_name: ring_name.map(text).collect(),
            name: text(&set["metadata"]["name"]),
            rack: text(&set["metadata"]["labels"][store_crds::LABEL_RACK]),
            replicas: i32::try_from(set["spec"]["replicas"].as_i64().unwrap()).unwrap(),
            template_hash: text(&set["spec"]["template"]["metadata"]["annotations"][ANNOTATION_TEMPLATE_HASH]),
            configuration: set["spec"]["template"]["metadata"]["annotations"][ANNOTATION_CONFIGURATION]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            image: image(&set["spec"]["template"]["spec"]),
            config_map: config_map(&set["spec"]["template"]["spec"]),
            storage: text(&set["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"]),
            class: set["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"].as_str().map(str::to_owned),
            zone: set
                .pointer("/spec/template/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution")
                .and_then(|terms| terms.pointer("/nodeSelectorTerms/0/matchExpressions/0/values/0")?.as_str())
                .map(str::to_owned),
        }
    }
}
