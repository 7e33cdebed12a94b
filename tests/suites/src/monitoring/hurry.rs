//! The chart's rules for a clock that runs faster, so that a test sees alerts come and go which wait for hours. Pure.

use serde_json::Value;

/// How much faster: an hour of a rule becomes five seconds. The story raises a replication factor within some twenty seconds,
/// and that this takes too long is an alert after two hours.
pub const FACTOR: f64 = 720.0;
/// The shortest range, in seconds: a rate needs several scrapes.
const SHORTEST_RANGE: f64 = 15.0;
/// Whole numbers from here on are seconds in the rules' expressions: an age, or how far ahead to look.
const AGES_FROM: f64 = 1000.0;

/// The rules with every `for`, range and age divided by [`FACTOR`]; all else is as shipped.
pub fn hurried(rules: &Value) -> Value {
    let mut rules = rules.clone();
    let groups = rules["groups"].as_array_mut().into_iter().flatten();
    for rule in groups.filter_map(|group| group["rules"].as_array_mut()).flatten() {
        if let Some(wait) = rule["for"].as_str().and_then(seconds) {
            rule["for"] = duration(wait / FACTOR).into();
        }
        if let Some(expression) = rule["expr"].as_str() {
            rule["expr"] = shortened(expression).into();
        }
    }
    rules
}

/// Ranges in brackets and ages, shortened.
fn shortened(expression: &str) -> String {
    let mut text = String::new();
    let mut rest = expression;
    while let Some(start) = rest.find(|c: char| c == '[' || c == '"' || c.is_ascii_digit()) {
        let (skipped, found) = rest.split_at(start);
        text.push_str(skipped);
        // Digits in a name are no number of their own.
        let in_word = skipped.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let end = match found.as_bytes() {
            [b'[', ..] => found.find(']').map_or(found.len(), |end| end + 1),
            [b'"', inner @ ..] => inner.iter().position(|c| *c == b'"').map_or(found.len(), |end| end + 2),
            _ => found.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(found.len()),
        };
        let (token, after) = found.split_at(end);
        let range = token.strip_prefix('[').and_then(|token| seconds(token.strip_suffix(']')?));
        // `offset 1d`: the unit stands behind the number.
        let unit = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let offset = skipped.ends_with("offset ").then(|| format!("{token}{}", &after[..unit]));
        if let Some(offset) = offset.as_deref().and_then(seconds) {
            text += &duration((offset / FACTOR).max(SHORTEST_RANGE));
            rest = &after[unit..];
            continue;
        }
        let age = token.parse().ok().filter(|age: &f64| !in_word && *age >= AGES_FROM);
        match (range, age) {
            (Some(range), _) => text += &format!("[{}]", duration((range / FACTOR).max(SHORTEST_RANGE))),
            (None, Some(age)) => text += &format!("{}", age / FACTOR),
            (None, None) => text.push_str(token),
        }
        rest = after;
    }
    text + rest
}

/// A duration of Prometheus with one unit, in seconds.
fn seconds(text: &str) -> Option<f64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let unit = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * unit)
}

fn duration(seconds: f64) -> String {
    format!("{}ms", (seconds * 1000.0).round().max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_ages_are_shortened_and_nothing_else_is() {
        for (shipped, expected) in [
            (
                r#"rate(a{route="/v1/9999",le="0.5"}[6h]) > 14.4 * 0.001"#,
                r#"rate(a{route="/v1/9999",le="0.5"}[30000ms]) > 14.4 * 0.001"#,
            ),
            ("increase(b_total[10m]) > 0", "increase(b_total[15000ms]) > 0"),
            ("(time() - c_seconds > 9000) and c_seconds > 0", "(time() - c_seconds > 12.5) and c_seconds > 0"),
            ("predict_linear(d[6h], 4 * 86400) < 0", "predict_linear(d[30000ms], 4 * 120) < 0"),
            ("(e unless e offset 1d) > 0", "(e unless e offset 120000ms) > 0"),
            ("f unless f{a=\"1\"} offset 5m or g", "f unless f{a=\"1\"} offset 15000ms or g"),
            ("ns:errors:ratio_rate30m > 6 * 0.001", "ns:errors:ratio_rate30m > 6 * 0.001"),
        ] {
            assert_eq!(shortened(shipped), expected);
        }
    }

    #[test]
    fn every_wait_of_the_shipped_rules_is_shortened_and_no_rule_is_lost() {
        let shipped = crate::monitoring::shipped_rules(&store_testbed::checkout::root()).expect("rules");
        let hurried = hurried(&shipped);
        let (mut waits, mut ages) = (0, 0);
        let rules = crate::monitoring::rules_of(&hurried);
        for (before, after) in crate::monitoring::rules_of(&shipped).zip(rules) {
            assert_eq!((&before["alert"], &before["record"]), (&after["alert"], &after["record"]));
            if before["for"].is_string() {
                assert!(after["for"].as_str().is_some_and(|wait| wait.ends_with("ms")), "{after}");
                waits += 1;
            }
            let text = before["expr"].as_str().expect("an expression");
            let aged = text.contains("time() -");
            ages += usize::from(aged);
            assert_eq!(
                before["expr"] != after["expr"],
                aged || text.contains('[') || text.contains("offset"),
                "{after}"
            );
        }
        assert!(waits >= 20 && ages == 3, "{waits} {ages}");
    }
}
