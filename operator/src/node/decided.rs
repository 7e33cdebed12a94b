//! What the operator itself puts into cassandra.yaml. Pure.

use serde_json::{Value, json};
use store_crds::{CQL_PORT, INTERNODE_PORT};
use store_planner::node::files::DATA_DIR;
use store_planner::node::yaml::Settings;

/// Who this node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub cluster_name: String,
    /// Such as 5.0 or 4.1.10.
    pub version: String,
    /// Address of the pod.
    pub address: String,
    /// Tokens of the node, for ever.
    pub tokens: u32,
}

/// Settings that the user may change.
pub fn defaults(version: &str, token_replication: u32) -> Settings {
    let mut settings = Settings::new();
    settings.insert("allocate_tokens_for_local_replication_factor".into(), json!(token_replication));
    // A grant counts within seconds, yet nobody waits for it and log-ins survive the loss of nodes:
    // entries are read again in the background, and kept for a while if that fails.
    for cache in ["roles", "permissions", "credentials"] {
        settings.insert(format!("{cache}_validity"), json!("60s"));
        settings.insert(format!("{cache}_update_interval"), json!("2s"));
        settings.insert(format!("{cache}_cache_active_update"), json!(true));
    }
    // While ranges move, conditional writes wait for the node that joins, and beside it hundreds of Paxos
    // repairs go on. Given up after a second, the default, all their work is lost and begins again.
    settings.insert("cas_contention_timeout".into(), json!("3s"));
    settings.insert("write_request_timeout".into(), json!("3500ms"));
    if has_sound_paxos_v2(version) {
        settings.insert("paxos_variant".into(), json!("v2"));
    }
    // A node that joins or leaves first repairs the Paxos state of each table in each range. Nobody writes
    // conditionally in these, so they have none.
    settings.insert("skip_paxos_repair_on_topology_change_keyspaces".into(), json!(UNCONDITIONAL));
    settings
}

/// How the commit log is written where the user says nothing about it: what is acknowledged is on the disk. By default
/// Cassandra forgets up to the last 100 ms of what it has acknowledged when it is killed, and up to 10 s when its machine
/// loses power: with all nodes at once, an order that was confirmed. What Paxos has promised is forgotten, too.
///
/// Who names `batch` or `group` alone gets the rest: Cassandra refuses a period beside them, and the image's file has
/// one; and `group` without a window. Whoever names a period has chosen `periodic`, Cassandra's own way.
pub fn commit_log(overrides: &Settings) -> Settings {
    let named = |prefix: &str| overrides.keys().any(|name| name.starts_with(prefix));
    let chosen = overrides.get("commitlog_sync").map(|way| way.as_str().unwrap_or_default());
    let mut settings = Settings::new();
    match chosen {
        Some("batch") => {}
        Some("group") if !named("commitlog_sync_group_window") => {
            settings.insert("commitlog_sync_group_window".into(), json!("10ms"));
        }
        Some("group") => {}
        None if !named("commitlog_sync") => {
            settings.insert("commitlog_sync".into(), json!("batch"));
        }
        None | Some(_) => return settings,
    }
    settings.insert("commitlog_sync_period".into(), json!("0ms"));
    // Written, not mapped: a mapped log faults on each of its pages again after every sync. Orders are 1.6 times as
    // fast.
    settings.insert("commitlog_compression".into(), json!([{ "class_name": "LZ4Compressor" }]));
    settings
}

/// Cassandra's own keyspaces that are on several nodes.
const UNCONDITIONAL: [&str; 3] = ["system_auth", "system_distributed", "system_traces"];

/// Tokens of a new node. While a node joins or leaves, and in each repair, Cassandra repairs the Paxos state of each
/// table in each range by itself, writes a file on each replica for each of these, and conditional writes wait
/// meanwhile: a quarter of Cassandra's default of 16 tokens takes a quarter of the time.
pub const TOKENS: u32 = 4;

/// Tokens of a node whose volume does not tell: all had as many before it did.
pub const TOKENS_BEFORE: u32 = 8;

/// Settings that make the node part of this ring and keep it reachable and closed.
pub fn decided(identity: &Identity, seeds: &[String]) -> Settings {
    let settings = json!({
        "cluster_name": identity.cluster_name,
        "num_tokens": identity.tokens,
        "seed_provider": [{
            "class_name": "org.apache.cassandra.locator.SimpleSeedProvider",
            "parameters": [{ "seeds": seeds.join(",") }],
        }],
        "listen_address": identity.address,
        "broadcast_address": identity.address,
        "rpc_address": "0.0.0.0",
        "broadcast_rpc_address": identity.address,
        "storage_port": INTERNODE_PORT,
        "start_native_transport": true,
        "native_transport_port": CQL_PORT,
        "endpoint_snitch": "GossipingPropertyFileSnitch",
        "authenticator": "PasswordAuthenticator",
        "authorizer": "CassandraAuthorizer",
        "data_file_directories": [format!("{DATA_DIR}/data")],
        "commitlog_directory": format!("{DATA_DIR}/commitlog"),
        "saved_caches_directory": format!("{DATA_DIR}/saved_caches"),
        "hints_directory": format!("{DATA_DIR}/hints"),
        "cdc_raw_directory": format!("{DATA_DIR}/cdc_raw"),
    });
    match settings {
        Value::Object(settings) => settings,
        _ => Settings::new(),
    }
}

/// Paxos v2 keeps conditional writes linearizable while nodes join and leave, but before 4.1.6 it
/// could apply stale commits (CASSANDRA-19617). A version without a patch number is the newest.
fn has_sound_paxos_v2(version: &str) -> bool {
    match version.strip_prefix("4.1") {
        Some("") | None => true,
        Some(patch) => patch.trim_start_matches('.').parse::<u32>().is_ok_and(|patch| patch >= 6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paxos_v2_is_chosen_where_it_is_sound() {
        for (version, chosen) in [("4.1", true), ("4.1.5", false), ("4.1.6", true), ("4.1.10", true), ("5.0", true)] {
            assert_eq!(defaults(version, 3).contains_key("paxos_variant"), chosen, "{version}");
        }
    }
}
