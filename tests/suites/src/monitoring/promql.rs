//! Which metrics and labels an expression of Prometheus names. Whether it is well formed promtool says.
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

/// Words that are followed by a list of labels in parentheses.
const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const WORDS: [&str; 8] = ["and", "or", "unless", "bool", "offset", "atan2", "inf", "nan"];
const AGGREGATIONS: [&str; 12] =
    ["sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values", "bottomk", "topk", "quantile"];

/// What an expression names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Metrics, with the labels that their matchers name.
    pub metrics: BTreeMap<String, BTreeSet<String>>,
    /// Each place where a metric stands, with the labels that are matched there.
    pub uses: Vec<(String, BTreeSet<String>)>,
    /// Labels that are grouped or joined by.
    pub labels: BTreeSet<String>,
}

/// Reads the names in `expression`.
///
/// # Errors
/// A selector without a metric's name: what it selects cannot be told.
pub fn names(expression: &str) -> Result<Names, String> {
    let tokens = tokens(expression);
    let mut names = Names::default();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        let next = tokens.get(at).map(String::as_str);
        match token.as_str() {
            "{" => return Err(format!("a selector without a metric in {expression}")),
            "[" => at = after(&tokens, at, "]"),
            word if LISTS.contains(&word) && next == Some("(") => {
                let end = after(&tokens, at, ")");
                names.labels.extend(tokens[at..end].iter().filter(|token| is_name(token)).cloned());
                at = end;
            }
            word if !is_name(word) || next == Some("(") => {}
            word if LISTS.contains(&word) || WORDS.contains(&word) || AGGREGATIONS.contains(&word) => {}
            metric => {
                let mut matched = BTreeSet::new();
                if next == Some("{") {
                    let end = after(&tokens, at, "}");
                    matched.extend(tokens[at..end].iter().filter(|token| is_name(token)).cloned());
                    at = end;
                }
                names.metrics.entry(metric.to_owned()).or_default().extend(matched.iter().cloned());
                names.uses.push((metric.to_owned(), matched));
            }
        }
    }
    Ok(names)
}

/// The position behind the next `end`.
fn after(tokens: &[String], from: usize, end: &str) -> usize {
    tokens[from..].iter().position(|token| token == end).map_or(tokens.len(), |found| from + found + 1)
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':')
}

/// Names, numbers with their units, and single signs; texts in quotes are left out.
fn tokens(expression: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = expression.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '"' || c == '\'' {
            while let Some(inner) = rest.next() {
                match inner {
                    '\\' => drop(rest.next()),
                    inner if inner == c => break,
                    _ => {}
                }
            }
        } else if c.is_ascii_alphanumeric() || c == '_' || c == ':' {
            let mut word = c.to_string();
            while let Some(more) = rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == ':') {
                word.push(more);
            }
            tokens.push(word);
        } else if !c.is_whitespace() {
            tokens.push(c.to_string());
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(expression: &str) -> (Vec<String>, Vec<String>) {
        let names = names(expression).expect("read");
        let metrics = names.metrics.iter();
        let metrics = metrics.map(|(metric, labels)| {
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            format!("{metric}({})", labels.join(","))
        });
        (metrics.collect(), names.labels.into_iter().collect())
    }

    #[test]
    fn metrics_labels_and_groups_are_told_from_functions_and_words() {
        let sum = r#"histogram_quantile(0.99, sum by (le, route) (rate(a_bucket{code=~"5..|b{c}",x!="\"y"}[5m]))) > 14.4 * 1e-3"#;
        assert_eq!(read(sum), (vec!["a_bucket(code,x)".into()], vec!["le".into(), "route".into()]));
        let joined = "a * on (pod) group_left b unless (time() - c offset 5m > bool 0) or absent(d:e:rate5m)";
        let metrics = ["a()", "b()", "c()", "d:e:rate5m()"].map(str::to_owned).to_vec();
        assert_eq!(read(joined), (metrics, vec!["pod".into()]));
        assert_eq!(read("predict_linear(a[6h], 4 * 86400) < 0"), (vec!["a()".into()], vec![]));
        assert_eq!(read("count(a == 1) or vector(0)").0, ["a()"]);
    }

    #[test]
    fn a_selector_that_names_no_metric_is_refused() {
        assert!(names(r#"sum({job="a"})"#).is_err());
    }
}
