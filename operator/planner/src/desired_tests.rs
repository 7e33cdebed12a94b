use super::*;
use serde_json::json;

fn store(spec: Value) -> StoreCluster {
    serde_json::from_value(json!({
        "apiVersion": "storemanager.io/v1alpha1",
        "kind": "StoreCluster",
        "metadata": {"name": "shop", "namespace": "default", "uid": "u"},
        "spec": spec,
    }))
    .unwrap()
}

fn targets(desired: &Desired) -> Vec<i32> {
    desired.cassandra.racks.iter().map(|rack| rack.target).collect()
}

#[test]
fn an_empty_spec_is_one_node_with_one_replica() {
    let desired = Desired::read(&store(json!({})), Uid::default(), None);
    assert!(desired.usable && desired.refused.is_empty());
    assert_eq!(targets(&desired), [1]);
    assert_eq!(desired.replication_of("store_manager"), Some(1));
    assert_eq!(desired.replication_of("system_auth"), Some(1));
    assert_eq!(desired.cassandra.heap_mib, 256);
    assert_eq!(desired.cassandra.image("cassandra"), "cassandra:5.0");
    assert_eq!(desired.seed_candidates(), ["shop-cassandra-rack1-0"]);
}

#[test]
fn the_size_is_spread_within_one_node_and_system_keyspaces_follow_it_up_to_three() {
    let racks = json!([{"name": "a"}, {"name": "b"}, {"name": "c"}]);
    for (size, expected, system) in [(3, [1, 1, 1], 3), (4, [2, 1, 1], 3), (8, [3, 3, 2], 3)] {
        let spec = json!({"cassandra": {"size": size, "racks": racks}});
        let desired = Desired::read(&store(spec), Uid::default(), None);
        assert_eq!(targets(&desired), expected);
        assert_eq!(desired.replication_of("system_auth"), Some(system));
    }
}

#[test]
fn the_last_accepted_spec_counts_while_a_newer_one_is_refused() {
    let good = Desired::read(&store(json!({"cassandra": {"size": 3}})), Uid::default(), None);
    let bad = store(json!({"cassandra": {"size": 5, "datacenter": "elsewhere"}}));
    let desired = Desired::read(&bad, Uid::default(), Some(&good.accepted_spec));
    assert!(desired.usable);
    assert_eq!(desired.cassandra.size, 3);
    assert_eq!(desired.refused[0].field, "spec.cassandra.datacenter");
    assert_eq!(desired.accepted_spec, good.accepted_spec);
}

#[test]
fn nothing_may_be_built_from_a_first_spec_that_is_refused() {
    let spec = json!({"keyspaces": [{"name": "store_manager", "replicationFactor": 3}]});
    let desired = Desired::read(&store(spec), Uid::default(), None);
    assert!(!desired.usable);
    assert_eq!(desired.refused[0].field, "spec.keyspaces[0].replicationFactor");
}
