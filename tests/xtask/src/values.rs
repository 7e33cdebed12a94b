//! The chart's README: a table of what can be set, out of the comments of `values.yaml`; and whether
//! `values.schema.json` knows the same values. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

/// `values.yaml` cannot be read as a table.
#[derive(Debug, thiserror::Error)]
pub enum ValuesError {
    /// A value that nobody explains.
    #[error("values.yaml: no comment stands above {0}: say what it is for")]
    Unexplained(String),
    /// A line that is neither a comment nor `key: value`, outside of a value in flow style.
    #[error("values.yaml, line {line}: `{text}` is not `key: value`; write lists and maps in flow style")]
    Line {
        /// Its number.
        line: usize,
        /// What it says.
        text: String,
    },
}

/// A value with its default and what the file says of it.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    path: String,
    default: String,
    comment: String,
}

/// The README of the chart.
///
/// # Errors
/// [`ValuesError`] when a value has no comment.
pub fn readme(preamble: &str, values: &str) -> Result<String, ValuesError> {
    let mut text = preamble.trim_end().to_owned();
    text += "\n\n## Values\n\nGenerated from `values.yaml` by `make generate`; `values.schema.json` refuses what cannot work.\n\n";
    text += "| value | default | |\n|---|---|---|\n";
    for row in rows(values)? {
        text += &format!("| `{}` | `{}` | {} |\n", row.path, cell(&row.default), prose(&row.comment));
    }
    Ok(text)
}

/// Leaves of the file in their order. A map takes part with its own comment only where it is a leaf, or
/// where all that is in it is explained by that comment alone.
fn rows(values: &str) -> Result<Vec<Row>, ValuesError> {
    let mut rows = Vec::new();
    let mut comment = Vec::<&str>::new();
    // Keys above the line, each with its indentation and its comment.
    let mut above = Vec::<(usize, String, String)>::new();
    for (number, line) in values.lines().enumerate() {
        let text = line.trim_start();
        let indentation = line.len() - text.len();
        if let Some(said) = text.strip_prefix('#') {
            comment.push(said.strip_prefix(' ').unwrap_or(said));
            continue;
        }
        if text.is_empty() {
            // The comment at the head of the file is about the file.
            comment.clear();
            continue;
        }
        let Some((key, value)) = text.split_once(':').filter(|(key, _)| !key.contains([' ', '{', '['])) else {
            return Err(ValuesError::Line { line: number + 1, text: text.to_owned() });
        };
        above.retain(|(indented, ..)| *indented < indentation);
        let said = std::mem::take(&mut comment).join("\n");
        let mut path: Vec<&str> = above.iter().map(|(_, key, _)| key.as_str()).collect();
        path.push(key);
        let path = path.join(".");
        let value = value.trim();
        if value.is_empty() {
            above.push((indentation, key.to_owned(), said));
            continue;
        }
        // A map of amounts is explained as a whole.
        let inherited = || above.iter().rev().map(|(.., said)| said).find(|said| !said.is_empty()).cloned();
        let said = Some(said).filter(|said| !said.is_empty()).or_else(inherited);
        let comment = said.ok_or_else(|| ValuesError::Unexplained(path.clone()))?;
        rows.push(Row { path, default: value.to_owned(), comment });
    }
    Ok(rows)
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// A comment as one line of Markdown. What stands in angle brackets would be taken for HTML.
fn prose(comment: &str) -> String {
    cell(&comment.split_whitespace().collect::<Vec<_>>().join(" ")).replace('<', "&lt;")
}

/// Every value of the chart at `chart` with its default, sections included, by its path with dots.
///
/// # Errors
/// values.yaml cannot be read.
pub fn defaults(chart: &std::path::Path) -> Result<Vec<(String, Value)>, String> {
    let text = std::fs::read_to_string(chart.join("values.yaml")).map_err(|error| error.to_string())?;
    let values: Value = serde_saphyr::from_str(&text).map_err(|error| error.to_string())?;
    let mut paths = BTreeSet::new();
    keys(&values, "", &mut paths, &|_| true);
    let of = |path: String| {
        values.pointer(&format!("/{}", path.replace('.', "/"))).map(|value| (path.clone(), value.clone()))
    };
    Ok(paths.into_iter().filter_map(of).collect())
}

/// Sets the value at a path with dots.
pub fn set(values: &mut Value, path: &str, value: Value) {
    let mut at = values;
    for key in path.split('.') {
        at = &mut at[key];
    }
    *at = value;
}

/// Values that the schema does not know, and properties of the schema that the file does not have.
pub fn unknown(values: &Value, schema: &Value) -> Vec<String> {
    let mut of_values = BTreeSet::new();
    keys(values, "", &mut of_values, &|_| true);
    let mut of_schema = BTreeSet::new();
    properties(schema, "", &mut of_schema);
    let closed = |path: &str| of_schema.iter().any(|known| known == path);
    // A map that is open in the schema (requests, limits) has keys of the user's.
    let open = |path: &str| {
        path.rsplit_once('.').is_some_and(|(parent, _)| of_schema.contains(parent) && !has_children(&of_schema, parent))
    };
    let missing =
        of_values.iter().filter(|path| !closed(path) && !open(path)).map(|path| format!("{path} is not in the schema"));
    let strange = of_schema
        .iter()
        .filter(|path| !of_values.contains(*path) && !ALLOWED_EXTRA.contains(&path.as_str()))
        .map(|path| format!("{path} of the schema is not in values.yaml"));
    missing.chain(strange).collect()
}

/// What Helm itself or Kubernetes allows beside what the file shows.
const ALLOWED_EXTRA: [&str; 3] = ["global", "enabled", "resources.claims"];

fn has_children(paths: &BTreeSet<String>, parent: &str) -> bool {
    paths.iter().any(|path| path.strip_prefix(parent).is_some_and(|rest| rest.starts_with('.')))
}

fn keys(value: &Value, path: &str, found: &mut BTreeSet<String>, wanted: &impl Fn(&str) -> bool) {
    for (key, child) in value.as_object().into_iter().flatten() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        if wanted(&path) {
            found.insert(path.clone());
        }
        keys(child, &path, found, wanted);
    }
}

fn properties(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    for (key, child) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        found.insert(path.clone());
        properties(child, &path, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const VALUES: &str = "# About the file.\n\nimage:\n  # Where it\n  # is | was.\n  repository: a/b\n\n# Of it.\nresources:\n  \
        limits:\n    memory: 1Gi\n\n# A list.\nlist: []\n";

    #[test]
    fn every_leaf_is_a_row_with_its_own_comment_or_that_of_what_it_is_in() {
        let rows = rows(VALUES).expect("rows");
        let shown: Vec<_> =
            rows.iter().map(|row| (row.path.as_str(), row.default.as_str(), row.comment.as_str())).collect();
        let wanted = [
            ("image.repository", "a/b", "Where it\nis | was."),
            ("resources.limits.memory", "1Gi", "Of it."),
            ("list", "[]", "A list."),
        ];
        assert_eq!(shown, wanted);
        let readme = readme("# Chart\n", VALUES).expect("a page");
        assert!(readme.starts_with("# Chart\n\n## Values\n"), "{readme}");
        assert!(readme.contains("| `image.repository` | `a/b` | Where it is \\| was. |\n"), "{readme}");
    }

    #[test]
    fn a_value_that_nobody_explains_is_an_error() {
        let error = rows("# a\n\nb: 1\n").expect_err("no comment").to_string();
        assert!(error.contains("above b"), "{error}");
        assert!(rows("# a\nb:\n  - c\n").is_err());
    }

    #[test]
    fn a_value_that_the_schema_does_not_know_is_found_and_so_is_the_reverse() {
        let schema = json!({"properties": {"a": {"properties": {"b": {}, "c": {}}}, "open": {"type": "object"}}});
        let good = json!({"a": {"b": 1, "c": 2}, "open": {"anything": 1}});
        assert_eq!(unknown(&good, &schema), Vec::<String>::new());
        let found = unknown(&json!({"a": {"b": 1, "d": 2}, "open": {}}), &schema);
        assert_eq!(found, ["a.d is not in the schema", "a.c of the schema is not in values.yaml"]);
    }
}
