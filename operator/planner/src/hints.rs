//! How long nodes keep writes for one that is away, by the settings of Cassandra. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

/// How long the others keep writes for a node that is away, in seconds, where cassandraYaml says nothing.
const DEFAULT: i64 = 3 * 3600;

/// How long the others keep writes for a node that is away, in seconds: both versions' spellings.
pub fn window(cassandra_yaml: &BTreeMap<String, Value>) -> i64 {
    let off = cassandra_yaml.get("hinted_handoff_enabled");
    if off.is_some_and(|value| *value == false || value == "false") {
        return 0;
    }
    let number = |value: &Value| value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
    let old = cassandra_yaml.get("max_hint_window_in_ms").and_then(number).map(|millis| millis / 1000);
    let new = cassandra_yaml.get("max_hint_window").and_then(Value::as_str).and_then(seconds);
    new.or(old).unwrap_or(DEFAULT)
}

/// Seconds of a duration as Cassandra writes it: a number with its unit.
fn seconds(duration: &str) -> Option<i64> {
    let duration = duration.trim();
    let unit = duration.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = duration.split_at(unit);
    let number: i64 = number.parse().ok()?;
    match unit {
        "d" => number.checked_mul(24 * 3600),
        "h" => number.checked_mul(3600),
        "m" => number.checked_mul(60),
        "s" => Some(number),
        "ms" => Some(number / 1000),
        "us" | "µs" => Some(number / 1_000_000),
        "ns" => Some(number / 1_000_000_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_window_of_hints_is_read_in_all_spellings() {
        for (key, value, expected) in [
            ("concurrent_reads", json!(8), 3 * 3600),
            ("max_hint_window", json!("6h"), 6 * 3600),
            ("max_hint_window", json!("90m"), 5400),
            ("max_hint_window", json!("1d"), 86400),
            ("max_hint_window", json!("7200000ms"), 7200),
            ("max_hint_window", json!("soon"), 3 * 3600),
            ("max_hint_window_in_ms", json!(3_600_000), 3600),
            ("max_hint_window_in_ms", json!("3600000"), 3600),
            ("hinted_handoff_enabled", json!(false), 0),
        ] {
            assert_eq!(window(&[(key.to_owned(), value)].into()), expected, "{key}");
        }
    }
}
