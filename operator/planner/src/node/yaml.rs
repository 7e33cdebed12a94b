//! cassandra.yaml: read, merged, written. Pure.
//!
//! The result is one line per setting with its value in flow style. That is still YAML, and no line
//! of it but the addresses is one that the image's entrypoint edits; above all it finds no
//! `- seeds:` to overwrite with the node's own address.

use serde_json::{Map, Value};
use serde_saphyr::options::DuplicateKeyPolicy;
use thiserror::Error;

/// Settings by name.
pub type Settings = Map<String, Value>;

/// What can be wrong with a cassandra.yaml.
#[derive(Debug, Error)]
pub enum YamlError {
    #[error("parsing {what} as YAML: {reason}")]
    Syntax { what: String, reason: String },
    #[error("reading {what}: it holds no settings, but should be a mapping of names to values")]
    NotAMapping { what: String },
}

/// Reads settings; `what` names the text in errors. An empty text has none.
pub fn parse(text: &str, what: &str) -> Result<Settings, YamlError> {
    let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::LastWins, emit_comments: false };
    let value: Value = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| YamlError::Syntax { what: what.to_owned(), reason: error.to_string() })?;
    match value {
        Value::Object(settings) => Ok(settings),
        Value::Null => Ok(Settings::new()),
        _ => Err(YamlError::NotAMapping { what: what.to_owned() }),
    }
}

/// Writes settings, one per line, sorted by name.
pub fn print(settings: &Settings) -> String {
    let mut lines: Vec<String> = settings.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    lines.sort_unstable();
    lines.concat()
}

/// Lays `settings` over `base`: each replaces the value of the same name whole, and also the one of
/// its older or newer name, since Cassandra refuses a file that has both.
pub fn merge(base: &mut Settings, settings: Settings) {
    for (name, value) in settings {
        base.retain(|known, _| modern_name(known) != modern_name(&name));
        base.insert(name, value);
    }
}

/// Names that changed with Cassandra 4.1 in another way than by losing a unit.
const RENAMED: [(&str, &str); 16] = [
    ("compaction_large_partition_warning_threshold_mb", "partition_size_warn_threshold"),
    ("compaction_large_partition_warning_threshold", "partition_size_warn_threshold"),
    ("compaction_tombstone_warning_threshold", "partition_tombstones_warn_threshold"),
    ("cross_node_timeout", "internode_timeout"),
    ("internode_recv_buff_size_in_bytes", "internode_socket_receive_buffer_size"),
    ("internode_send_buff_size_in_bytes", "internode_socket_send_buffer_size"),
    ("keyspace_count_warn_threshold", "keyspaces_warn_threshold"),
    ("native_transport_max_concurrent_requests_in_bytes", "native_transport_max_request_data_in_flight"),
    ("native_transport_max_concurrent_requests_in_bytes_per_ip", "native_transport_max_request_data_in_flight_per_ip"),
    ("streaming_keep_alive_period_in_secs", "streaming_keep_alive_period"),
    ("table_count_warn_threshold", "tables_warn_threshold"),
    ("tracetype_query_ttl", "trace_type_query_ttl"),
    ("tracetype_repair_ttl", "trace_type_repair_ttl"),
    ("user_defined_function_fail_timeout", "user_defined_functions_fail_timeout"),
    ("user_defined_function_warn_timeout", "user_defined_functions_warn_timeout"),
    ("validation_preview_purge_head_start_in_sec", "validation_preview_purge_head_start"),
];

/// Units that names carried before Cassandra 4.1, the longer ones first.
const UNITS: [&str; 14] = [
    "_megabits_per_sec",
    "_mb_per_sec",
    "_in_minutes",
    "_in_seconds",
    "_in_hours",
    "_in_bytes",
    "_seconds",
    "_in_min",
    "_in_ms",
    "_in_kb",
    "_in_mb",
    "_in_s",
    "_ms",
    "_mb",
];

/// A setting's name since Cassandra 4.1.
fn modern_name(name: &str) -> String {
    if let Some((_, modern)) = RENAMED.iter().find(|(old, _)| *old == name) {
        return (*modern).to_owned();
    }
    if let Some(feature) = name.strip_prefix("enable_") {
        return format!("{feature}_enabled");
    }
    UNITS.iter().find_map(|unit| name.strip_suffix(unit)).unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(value: Value) -> Settings {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_setting_replaces_the_default_whole_and_the_others_stay() {
        let mut base = parse("authenticator:\n  class_name: AllowAllAuthenticator\nnum_tokens: 16\n", "x").unwrap();
        merge(&mut base, settings(json!({"authenticator": "PasswordAuthenticator"})));
        assert_eq!(Value::Object(base), json!({"authenticator": "PasswordAuthenticator", "num_tokens": 16}));
    }

    #[test]
    fn an_old_name_replaces_the_default_under_its_new_name_and_the_other_way_round() {
        for (default, setting) in [
            ("read_request_timeout", "read_request_timeout_in_ms"),
            ("compaction_throughput", "compaction_throughput_mb_per_sec"),
            ("stream_throughput_outbound", "stream_throughput_outbound_megabits_per_sec"),
            ("materialized_views_enabled", "enable_materialized_views"),
            ("internode_timeout", "cross_node_timeout"),
            ("commitlog_segment_size_in_mb", "commitlog_segment_size"),
        ] {
            let mut base = settings(json!({default: 1, "other": 2}));
            merge(&mut base, settings(json!({setting: 3})));
            assert_eq!(Value::Object(base), json!({setting: 3, "other": 2}));
        }
    }

    #[test]
    fn no_line_is_one_that_the_entrypoint_takes_for_the_seeds() {
        let provider = json!({"seed_provider": [{"class_name": "Simple", "parameters": [{"seeds": "a,b"}]}]});
        let printed = print(&settings(provider));
        assert_eq!(printed, "seed_provider: [{\"class_name\":\"Simple\",\"parameters\":[{\"seeds\":\"a,b\"}]}]\n");
        assert!(!printed.contains("- seeds:"));
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let all = settings(json!({
            "a": "yes", "b": true, "c": null, "d": 1.5, "e": "with: colon, \"quotes\" and # hash\n", "f": [1, {"g": "0x1"}],
            "h": {}, "i": "", "j": "5000ms", "k": -1, "l": "null",
        }));
        assert_eq!(parse(&print(&all), "x").unwrap(), all);
    }

    #[test]
    fn the_thousands_of_comment_lines_of_the_images_files_are_no_hindrance() {
        let comments = "# Min unit: ms\n#\n# some_guardrail_warn_threshold: -1\n".repeat(1000);
        let text = format!(
            "{comments}a: 1\nparameters:\n  # none\n{comments}b:\n    # indented\n{comments}    - c\n{comments}"
        );
        let read = parse(&text, "x").unwrap();
        assert_eq!(Value::Object(read), json!({"a": 1, "parameters": null, "b": ["c"]}));
    }

    #[test]
    fn errors_name_the_text_and_what_it_should_be() {
        let error = parse("- a\n- b\n", "spec.cassandra.cassandraYaml").unwrap_err().to_string();
        assert!(error.contains("spec.cassandra.cassandraYaml") && error.contains("mapping"), "{error}");
        assert!(matches!(parse("a: [", "x"), Err(YamlError::Syntax { .. })));
        assert!(parse("# nothing but a comment\n", "x").unwrap().is_empty());
    }
}
