//! The trial run of a configuration: a pod that pulls its image, renders its files and has Cassandra read them,
//! before any node is drained for it. Pure.
//!
//! It is bound to no volume and takes part in no ring. Its limits are those of a node, so that whoever forbids these
//! forbids the trial; it asks for little, so that it finds a place beside the nodes.

use serde_json::{Value, json};

use super::child::{Child, Fill};
use super::meta::{self, Component, env};
use super::pod::{CASSANDRA_USER, configuration_volume, copy_config, mount, node_config, read_only_mount, scratch};
use crate::configuration::Configuration;
use crate::desired::Desired;
use crate::identity::ChildKind;
use crate::node::files;
use crate::settings::Settings;

/// Heap of the trial run, in MiB: the configuration is loaded, not used.
const HEAP_MIB: u64 = 256;
/// Where a container leaves no last word, the end of its log is that.
const SAYS: &str = "FallbackToLogsOnError";
/// How long Cassandra may take to read its configuration, in seconds.
const SECONDS: u32 = 180;

/// The image's own start script says with which options and class path Cassandra starts. The `java` that it finds is
/// one that puts another class in place of Cassandra's: it loads the configuration as Cassandra does, and ends. What
/// Cassandra has to say of it is the container's last word.
fn script() -> String {
    format!(
        "\
REAL_JAVA=${{JAVA_HOME:+$JAVA_HOME/bin/}}java
export REAL_JAVA
export JAVA_HOME={config}/check
timeout {SECONDS} cassandra -f > /tmp/said 2>&1 && exit 0
code=$?
cat /tmp/said
if [ $code = 124 ]; then
  echo 'Cassandra has not read its configuration within {SECONDS} s' > /dev/termination-log
else
  grep -E 'Exception|Error|rror:|Unrecognized|Invalid|Could not|not found' /tmp/said | head -c 1500 > /dev/termination-log
fi
exit $code
",
        config = files::CONFIG_DIR,
    )
}

/// Name of the trial run of a configuration.
pub fn name(desired: &Desired, hash: &str) -> String {
    meta::configuration_name(desired, &format!("check-{hash}"))
}

/// The pod. It stays when it has ended, so that its log can be read, until the plan takes it away.
pub fn build(desired: &Desired, settings: &Settings) -> Child {
    let hash = Configuration::wanted(desired, settings).hash();
    let rack = desired.cassandra.racks.first().cloned().unwrap_or_default();
    let mut render = node_config(desired, &rack, &desired.name, settings);
    render["args"] = json!(["node-config", "--check"]);
    render["volumeMounts"] = json!([
        mount("config", files::CONFIG_DIR),
        read_only_mount("configuration", files::CONFIGURATION_DIR),
        mount("data", files::DATA_DIR),
    ]);
    let mut copy = copy_config(desired, settings);
    for container in [&mut copy, &mut render] {
        container["terminationMessagePolicy"] = json!(SAYS);
    }
    let spec = json!({
        "serviceAccountName": meta::component_name(desired, Component::Cassandra),
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "securityContext": meta::pod_security(CASSANDRA_USER, settings.user_ids),
        "initContainers": [copy, render],
        "containers": [container(desired, settings)],
        "volumes": [
            { "name": "config", "emptyDir": { "sizeLimit": "16Mi" } },
            configuration_volume(desired, settings),
            { "name": "data", "emptyDir": { "sizeLimit": "64Mi" } },
            { "name": "logs", "emptyDir": { "sizeLimit": "64Mi" } },
            { "name": "tmp", "emptyDir": { "sizeLimit": "64Mi" } },
        ],
    });
    let own = json!({ "labels": meta::labels(desired, Component::Check) });
    let labels = meta::with_added(&desired.cassandra.placement, own)["labels"].take();
    let placement = &desired.cassandra.placement;
    let spec = meta::placed(placement, meta::with_pull_secrets(desired, spec));
    let mut body = json!({ "spec": spec });
    if !placement.annotations.is_empty() {
        body["metadata"]["annotations"] = json!(placement.annotations);
    }
    meta::created_once(desired, "v1", ChildKind::Pod, name(desired, &hash), labels, body, (true, Fill::Nothing))
}

fn container(desired: &Desired, settings: &Settings) -> Value {
    let cassandra = &desired.cassandra;
    let heap = cassandra.heap_mib.min(HEAP_MIB);
    let mut resources = meta::resources(&cassandra.resources);
    resources["requests"] = json!({ "cpu": "100m", "memory": "64Mi" });
    let resources = scratch(resources);
    json!({
        "name": "cassandra",
        "image": cassandra.image(&settings.cassandra_repository),
        "imagePullPolicy": cassandra.image_pull_policy,
        "command": ["sh", "-c", script()],
        "env": [env("MAX_HEAP_SIZE", format!("{heap}M")), env("HEAP_NEWSIZE", format!("{}M", (heap / 4).max(32)))],
        "resources": resources,
        "terminationMessagePolicy": SAYS,
        "securityContext": meta::container_security(),
        "volumeMounts": [
            mount("config", files::CONFIG_DIR),
            mount("data", files::DATA_DIR),
            mount("logs", "/var/log/cassandra"),
            mount("tmp", "/tmp"),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{production, settings};
    use super::*;

    #[test]
    fn a_trial_run_has_the_image_and_limits_of_a_node_and_no_volume_of_one() {
        let pod = build(&production(), &settings()).object;
        let container = &pod["spec"]["containers"][0];
        assert_eq!(container["image"], "docker.io/library/cassandra:4.1.10");
        assert_eq!(container["resources"]["limits"]["memory"], "8Gi");
        assert_eq!(container["resources"]["requests"]["memory"], "64Mi");
        assert_eq!(container["env"][0]["value"], "256M");
        assert!(!pod.to_string().contains("persistentVolumeClaim") && !pod.to_string().contains("jolokia"));
        let typed: k8s_openapi::api::core::v1::Pod = serde_json::from_value(pod.clone()).unwrap();
        assert_eq!(serde_json::to_value(typed).unwrap(), pod);
    }

    #[test]
    fn a_trial_run_is_no_member_of_the_ring_to_any_selector() {
        let labels = &build(&production(), &settings()).object["metadata"]["labels"];
        assert_eq!(labels["app.kubernetes.io/component"], "check");
        assert_eq!(labels["storemanager.io/store"], "shop");
    }
}
