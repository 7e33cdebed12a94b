//! The Cassandra tier: its ConfigMaps and one StatefulSet per rack. Pure.
//!
//! Pods are replaced by the plan, one at a time, never by Kubernetes (`OnDelete`). A pod that is made again for
//! whatever reason gets the template that its StatefulSet has: while a configuration is tried that no node has come
//! up with, that is the one before it, but where the pod is made that tries it. What makes a pod
//! outdated is its template hash, and that is made from the StoreCluster's own wishes only: an
//! upgrade of the operator changes templates, and yet restarts no node.

use serde_json::{Value, json};
use store_crds::{ANNOTATION_CONFIGURATION, ANNOTATION_TEMPLATE_HASH};

use super::child::{Child, Fill};
use super::meta::{self, Component};
use super::{pod, services};
use crate::configuration::Configuration;
use crate::decision::{ClaimTemplate, Shape};
use crate::desired::{Desired, DesiredRack, Placement};
use crate::digest::hash;
use crate::identity::ChildKind;
use crate::node::{files, jvm};
use crate::settings::Settings;

/// Raised when pods must be made anew although nothing was asked for: a cause that is worth a
/// rolling restart of every ring.
const TEMPLATE_REVISION: u32 = 1;

/// The configuration that is wanted: made once and never changed, so that whatever restarts, and whenever, finds
/// what it was made for.
pub fn build_configuration(desired: &Desired, settings: &Settings) -> Child {
    let configuration = Configuration::wanted(desired, settings);
    let hash = configuration.hash();
    let mut data = overrides(desired);
    data[files::CONFIGURATION] = json!(json!(configuration).to_string());
    let body = json!({
        "metadata": { "annotations": { ANNOTATION_CONFIGURATION: hash } },
        "immutable": true,
        "data": data,
    });
    let labels = meta::labels(desired, Component::Cassandra);
    let name = meta::configuration_name(desired, &hash);
    meta::created_once(desired, "v1", ChildKind::ConfigMap, name, labels, body, (true, Fill::Nothing))
}

/// What the user lays over the image's own files.
fn overrides(desired: &Desired) -> Value {
    let cassandra = &desired.cassandra;
    let overrides = cassandra.cassandra_yaml.clone().into_iter().collect();
    json!({
        files::OVERRIDES: crate::node::yaml::print(&overrides),
        files::JVM_OPTIONS: lines(&jvm::with_collector(cassandra.heap_mib, &cassandra.jvm_options)),
    })
}

/// What `node-config` reads beside the pod's own identity and its configuration. Seeds and the token allocation
/// only matter to a node that starts, so they change here without making pods outdated.
pub fn build_config_map(desired: &Desired, shape: &Shape) -> Child {
    let mut data = json!({});
    if shape.legacy {
        // Their pods know of no other ConfigMap. They get what has run, not what is tried.
        data = overrides(&shape.earlier.as_ref().map_or_else(|| desired.clone(), |of| of.good.applied_to(desired)));
    }
    data[files::SEEDS] = json!(lines(&shape.seeds));
    data[files::TOKEN_REPLICATION] = json!(token_replication(desired.cassandra.racks.len()).to_string());
    data[files::TRIAL] = json!(lines(&shape.trial));
    let labels = meta::labels(desired, Component::Cassandra);
    meta::applied(desired, "v1", ChildKind::ConfigMap, meta::config_map_name(desired), labels, json!({ "data": data }))
}

fn lines(items: &[String]) -> String {
    items.iter().map(|item| format!("{item}\n")).collect()
}

/// Replication factor that new nodes choose their tokens for. Cassandra refuses to add a node to a
/// datacenter that has more than one rack and fewer racks than this factor.
fn token_replication(racks: usize) -> usize {
    if racks == 2 { 2 } else { 3 }
}

/// One StatefulSet per rack that the shape names.
pub fn build_stateful_sets(desired: &Desired, shape: &Shape, settings: &Settings) -> Vec<Child> {
    let earlier = shape.earlier.as_ref().map(|earlier| (earlier, earlier.good.applied_to(desired)));
    let racks = desired.cassandra.racks.iter();
    racks
        .filter_map(|rack| {
            let replicas = *shape.replicas.get(&rack.name)?;
            let earlier = earlier.as_ref().filter(|(earlier, _)| earlier.racks.contains(&rack.name));
            let configured = earlier.map_or(desired, |(_, configured)| configured);
            Some(build_stateful_set(configured, rack, shape, replicas, settings))
        })
        .collect()
}

fn build_stateful_set(
    desired: &Desired,
    rack: &DesiredRack,
    shape: &Shape,
    replicas: i32,
    settings: &Settings,
) -> Child {
    let storage = shape.storage.get(&rack.name).cloned().unwrap_or_else(|| ClaimTemplate::wanted(desired));
    let metadata = json!({
        "labels": meta::rack_labels(desired, &rack.name),
        "annotations": {
            ANNOTATION_TEMPLATE_HASH: template_hash(desired, rack, settings),
            ANNOTATION_CONFIGURATION: Configuration::wanted(desired, settings).hash(),
            "kubectl.kubernetes.io/default-container": "cassandra",
        },
    });
    let body = json!({
        "spec": {
            "serviceName": services::headless_name(desired),
            "replicas": replicas,
            "podManagementPolicy": "Parallel",
            "updateStrategy": { "type": "OnDelete" },
            "persistentVolumeClaimRetentionPolicy": { "whenDeleted": "Retain", "whenScaled": "Retain" },
            "revisionHistoryLimit": 2,
            "selector": { "matchLabels": meta::rack_selector(desired, &rack.name) },
            "template": {
                "metadata": meta::with_added(&desired.cassandra.placement, metadata),
                "spec": pod::build(desired, rack, &shape.cluster_name, settings),
            },
            "volumeClaimTemplates": [claim_template(desired, rack, &storage)],
        },
    });
    meta::applied(
        desired,
        "apps/v1",
        ChildKind::StatefulSet,
        desired.stateful_set_name(&rack.name),
        meta::rack_labels(desired, &rack.name),
        body,
    )
}

fn claim_template(desired: &Desired, rack: &DesiredRack, storage: &ClaimTemplate) -> Value {
    let mut spec = json!({
        "accessModes": ["ReadWriteOnce"],
        "resources": { "requests": { "storage": storage.size } },
    });
    if let Some(class) = &storage.class {
        spec["storageClassName"] = json!(class);
    }
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": { "name": "data", "labels": meta::rack_labels(desired, &rack.name) },
        "spec": spec,
    })
}

/// Hash of everything asked for that a running node can only take up by a restart.
pub fn template_hash(desired: &Desired, rack: &DesiredRack, settings: &Settings) -> String {
    let cassandra = &desired.cassandra;
    let mut asked = json!({
        "revision": TEMPLATE_REVISION,
        "image": cassandra.image(&settings.cassandra_repository),
        "version": cassandra.version,
        "datacenter": cassandra.datacenter,
        "rack": rack.name,
        "zone": rack.zone,
        "resources": meta::resources(&cassandra.resources),
        "heap": cassandra.heap_mib,
        "cassandraYaml": cassandra.cassandra_yaml,
        "jvmOptions": cassandra.jvm_options,
    });
    // A pod that cannot pull its image has to be made again with the Secret; where none is named, nothing has
    // changed for the nodes of shops that are older than this wish.
    if !desired.pull_secrets.is_empty() {
        asked["imagePullSecrets"] = json!(desired.pull_secrets);
    }
    // The same of where it is to run and what its pod bears.
    if cassandra.placement != Placement::default() {
        asked["placement"] = json!(cassandra.placement);
    }
    hash(&asked)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{desired, production, settings};
    use super::*;
    use crate::decision::Earlier;

    fn hash_of(desired: &Desired, settings: &Settings) -> String {
        template_hash(desired, &desired.cassandra.racks[0], settings)
    }

    #[test]
    fn an_upgrade_of_the_operator_makes_no_pod_outdated() {
        let before = hash_of(&production(), &settings());
        let upgraded = Settings { operator_image: "store-operator:2".into(), ..settings() };
        assert_eq!(hash_of(&production(), &upgraded), before);
    }

    #[test]
    fn a_configuration_is_read_again_as_it_was_written() {
        let child = build_configuration(&production(), &settings());
        let wanted = Configuration::wanted(&production(), &settings());
        assert_eq!(
            Configuration::read(child.object["data"][files::CONFIGURATION].as_str().unwrap()),
            Some(wanted.clone())
        );
        assert_eq!(child.key.name, format!("shop-cassandra-{}", wanted.hash()));
        assert_eq!(child.object["immutable"], true);
        // and gives the template that it was made for, whatever is asked for now
        let again = wanted.applied_to(&desired(json!({})));
        let rack = &production().cassandra.racks[0];
        let datacenter = |mut desired: Desired| {
            desired.cassandra.datacenter = "dc".into();
            desired
        };
        assert_eq!(
            template_hash(&datacenter(again), rack, &settings()),
            template_hash(&datacenter(production()), rack, &settings())
        );
    }

    #[test]
    fn while_a_configuration_is_tried_the_other_racks_keep_the_one_before_it() {
        let mut before = production();
        before.cassandra.heap_mib += 1;
        let good = Configuration::wanted(&before, &settings());
        let replicas = ["a", "b", "c"].map(|rack| (rack.to_owned(), 1)).into();
        let earlier = Some(Earlier { good, racks: ["b".to_owned(), "c".to_owned()].into() });
        let shape = Shape { replicas, earlier, legacy: true, ..Shape::default() };
        let hashes: Vec<Value> = build_stateful_sets(&production(), &shape, &settings())
            .into_iter()
            .map(|child| child.object["spec"]["template"]["metadata"]["annotations"][ANNOTATION_TEMPLATE_HASH].clone())
            .collect();
        let of =
            |desired: &Desired, rack: usize| json!(template_hash(desired, &desired.cassandra.racks[rack], &settings()));
        assert_eq!(hashes, [of(&production(), 0), of(&before, 1), of(&before, 2)]);
    }

    #[test]
    fn what_a_node_reads_at_start_only_makes_no_pod_outdated() {
        let before = hash_of(&production(), &settings());
        let mut more = production();
        more.cassandra.size = 6;
        more.cassandra.storage_size = "200Gi".into();
        more.api.replicas = 9;
        assert_eq!(hash_of(&more, &settings()), before);
    }

    #[test]
    fn each_wish_that_needs_a_restart_makes_pods_outdated() {
        let before = hash_of(&production(), &settings());
        let changes: [fn(&mut Desired); 9] = [
            |d| d.cassandra.placement.priority_class_name = Some("high".into()),
            |d| drop(d.cassandra.placement.labels.insert("team".into(), "shops".into())),
            |d| d.cassandra.version = "5.0.7".into(),
            |d| d.cassandra.image = Some("example.com/cassandra:1".into()),
            |d| d.cassandra.heap_mib += 1,
            |d| d.cassandra.jvm_options.push("-Dx=1".into()),
            |d| drop(d.cassandra.cassandra_yaml.insert("concurrent_reads".into(), json!(8))),
            |d| d.cassandra.resources.limits = None,
            |d| d.pull_secrets.push("another".into()),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut changed = production();
            change(&mut changed);
            assert_ne!(hash_of(&changed, &settings()), before, "change {number}");
        }
    }

    #[test]
    fn a_rack_without_a_place_in_the_shape_gets_no_stateful_set() {
        let shape = Shape { replicas: [("b".to_owned(), 1)].into(), ..Shape::default() };
        let names: Vec<String> =
            build_stateful_sets(&production(), &shape, &settings()).into_iter().map(|child| child.key.name).collect();
        assert_eq!(names, ["shop-cassandra-b"]);
    }

    #[test]
    fn tokens_are_chosen_for_a_factor_that_the_racks_allow() {
        assert_eq!([1, 2, 3, 5].map(token_replication), [3, 2, 3, 3]);
        let map = build_config_map(&desired(json!({})), &Shape::default());
        assert_eq!(map.object["data"][files::TOKEN_REPLICATION], "3");
    }
}
