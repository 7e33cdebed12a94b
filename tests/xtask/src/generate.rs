//! The files of the checkout that are made from others: the CRD as YAML, the chart's template of it, the version in
//! its Chart.yaml, the manifests in `k8s/`, the OpenAPI document, the references of values and of the StoreCluster.
//! IO: reads the chart, runs helm and cargo, and writes or compares the files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::{console, crd_reference, values};
use store_suites::manifests::{
    CHART, Files, ManifestsError, NAMESPACE, RELEASE, copy_directory, rendered, serialize, to_yaml,
};
use store_suites::monitoring::RULES;
use store_suites::release::rules::with_version;
use store_suites::steps::Check;
use store_testbed::checkout::cargo;
use store_testbed::command::{CommandError, LONG, SHORT, run};

/// What the chart's README begins with; the table of values follows.
const README_PREAMBLE: &str = "README.preamble.md";
const CHART_ABOUT: &str = "Chart.yaml";
const CHART_SCHEMA: &str = "values.schema.json";
/// The line of the schema that has what a shop's spec may be.
const STORE_SCHEMA: &str = r#"    "storeClusterSpec": "#;
const CHART_CRD: &str = "templates/crds/storeclusters.yaml";

/// A file could not be made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The file system refused.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// store-api failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The chart could not be rendered, or something not be written as YAML.
    #[error(transparent)]
    Manifests(#[from] ManifestsError),
    /// The chart's values cannot be shown as a table.
    #[error(transparent)]
    Values(#[from] values::ValuesError),
    /// The CRD has a text that helm would take for a template.
    #[error("the CRD contains {{{{, which helm would evaluate: word that text without it")]
    LooksLikeTemplate,
}

/// Makes all of them, without touching the checkout.
///
/// # Errors
/// [`GenerateError`] when helm or a serializer fails.
pub fn files(root: &Path, helm: &Path) -> Result<Files, GenerateError> {
    let mut files = Files::new();
    let crd = store_crds::crd_yaml().map_err(|error| serialize("the CRD", error))?;
    files.insert("crds/storeclusters.storemanager.io.yaml".into(), crd);
    files.insert(Path::new(CHART).join(CHART_CRD), chart_crd()?);
    let about = Path::new(CHART).join(CHART_ABOUT);
    let versioned = with_version(&read(&root.join(&about))?, env!("CARGO_PKG_VERSION"));
    files.insert(about, versioned);
    let schema = Path::new(CHART).join(CHART_SCHEMA);
    files.insert(schema.clone(), with_store_schema(&read(&root.join(&schema))?, &store_crds::crd())?);
    files.extend(render(root, helm, &files)?);
    files.insert(RULES.into(), rules(root, helm)?);
    let openapi = run(&mut cargo(["run", "--quiet", "--bin", "store-api", "--", "openapi"]), LONG)?;
    files.insert(console::TYPES.into(), console::types(root, &openapi)?);
    files.insert("api-server/openapi.json".into(), openapi);
    files.insert(console::QUESTIONS.into(), console::questions(&read(&root.join("docs/labs/questions.json"))?));
    let graphql = run(&mut cargo(["run", "--quiet", "--bin", "store-api", "--", "graphql"]), LONG)?;
    files.insert("api-server/schema.graphql".into(), graphql);
    let values = read(&root.join(CHART).join("values.yaml"))?;
    let preamble = read(&root.join(CHART).join(README_PREAMBLE))?;
    files.insert(Path::new(CHART).join("README.md"), values::readme(&preamble, &values)?);
    files.insert("docs/reference/storecluster.md".into(), crd_reference::page(&store_crds::crd())?);
    files.insert("docs/reference/conditions.md".into(), store_planner::reason::page());
    Ok(files)
}

/// Writes `files` and deletes what is in the way of `k8s/` being exactly what was rendered.
///
/// # Errors
/// [`GenerateError::Io`] when a file cannot be written.
pub fn write(root: &Path, files: &Files) -> Result<(), GenerateError> {
    for (path, content) in files {
        let path = root.join(path);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(io("creating", directory))?;
        }
        fs::write(&path, content).map_err(io("writing", &path))?;
    }
    for path in strangers(root, files)? {
        fs::remove_file(&path).map_err(io("deleting", &path))?;
    }
    Ok(())
}

/// Compares `files` with the checkout: one check per file, and one for each that should not be.
///
/// # Errors
/// [`GenerateError::Io`] when `k8s/` cannot be listed.
pub fn compare(root: &Path, files: &Files) -> Result<Vec<Check>, GenerateError> {
    let mut checks = Vec::new();
    for (path, content) in files {
        let same = fs::read_to_string(root.join(path)).is_ok_and(|found| found == *content);
        let result = if same { Ok(()) } else { Err("differs from what it is made of: run `make generate`".to_owned()) };
        checks.push((path.display().to_string(), result));
    }
    for path in strangers(root, files)? {
        checks
            .push((path.display().to_string(), Err("is not rendered from the chart: run `make generate`".to_owned())));
    }
    Ok(checks)
}

/// Files directly in `k8s/` that are not among `files`.
fn strangers(root: &Path, files: &Files) -> Result<Vec<PathBuf>, GenerateError> {
    let directory = root.join("k8s");
    let mut strangers = Vec::new();
    for entry in fs::read_dir(&directory).map_err(io("listing", &directory))? {
        let path = entry.map_err(io("listing", &directory))?.path();
        if path.is_file() && !path.strip_prefix(root).is_ok_and(|path| files.contains_key(path)) {
            strangers.push(path);
        }
    }
    Ok(strangers)
}

/// The chart's template of the CRD.
fn chart_crd() -> Result<String, GenerateError> {
    let yaml = to_yaml("the CRD", &store_crds::crd())?;
    if yaml.contains("{{") {
        return Err(GenerateError::LooksLikeTemplate);
    }
    let header = "# Generated from the types in crds/src by `make generate`.\n";
    let labels = "metadata:\n  labels:\n    {{- include \"store-manager.labels\" (list $ dict) | nindent 4 }}\n";
    let yaml = yaml.trim_end().replacen("metadata:\n", labels, 1);
    Ok(format!("{header}{{{{- if .Values.crds.install }}}}\n{yaml}\n{{{{- end }}}}\n"))
}

/// The schema of the chart's values with the form of a shop's spec out of the CRD, so that helm tells the path of what is
/// wrong. Rules in CEL stay with the API server.
fn with_store_schema(schema: &str, crd: &impl serde::Serialize) -> Result<String, GenerateError> {
    let crd = serde_json::to_value(crd).map_err(|error| serialize("the CRD", error))?;
    let spec = crd.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec").unwrap_or(&Value::Null);
    let mut form = form(spec);
    form["type"] = json!(["object", "null"]);
    let line = |line: &str| match line.strip_prefix(STORE_SCHEMA) {
        Some(rest) => format!("{STORE_SCHEMA}{form}{}", if rest.ends_with(',') { "," } else { "" }),
        None => line.to_owned(),
    };
    Ok(schema.lines().map(line).collect::<Vec<_>>().join("\n") + "\n")
}

/// What of the API server's schema is JSON Schema, without descriptions; fields that are not in it are refused.
fn form(schema: &Value) -> Value {
    let mut form = serde_json::Map::new();
    for (key, value) in schema.as_object().into_iter().flatten() {
        let value = match key.as_str() {
            "properties" => {
                let fields = value.as_object().into_iter().flatten();
                fields.map(|(name, schema)| (name.clone(), self::form(schema))).collect()
            }
            "items" | "additionalProperties" if value.is_object() => self::form(value),
            "anyOf" | "oneOf" | "allOf" => value.as_array().into_iter().flatten().map(self::form).collect(),
            "type"
            | "enum"
            | "required"
            | "minimum"
            | "maximum"
            | "minLength"
            | "maxLength"
            | "minItems"
            | "maxItems"
            | "minProperties"
            | "maxProperties"
            | "pattern"
            | "additionalProperties" => value.clone(),
            _ => continue,
        };
        form.insert(key.clone(), value);
    }
    let open = schema["x-kubernetes-preserve-unknown-fields"] == true;
    if form.contains_key("properties") && !open {
        form.entry("additionalProperties").or_insert(json!(false));
    }
    Value::Object(form)
}

/// The chart's rules with its defaults, for a Prometheus without its operator.
fn rules(root: &Path, helm: &Path) -> Result<String, GenerateError> {
    const RULE: &str = "templates/prometheusrule.yaml";
    let mut command = Command::new(helm);
    command.args(["template", RELEASE, "--namespace", NAMESPACE, "--show-only", RULE]).arg(root.join(CHART));
    command.args(["--set", "monitoring.rules.enabled=true,monitoring.rules.runbookUrl="]);
    let wrong = |reason| ManifestsError::Rendered { template: RULE.to_owned(), reason };
    let object: Value = serde_saphyr::from_str(&run(&mut command, SHORT)?).map_err(|error| wrong(error.to_string()))?;
    let header = "# Rules for Prometheus, generated from rules.tpl beside it by `make generate`, with the chart's defaults. The\n\
        # chart ships them as a PrometheusRule (monitoring.rules.enabled). Every alert has its page in docs/runbooks.\n";
    Ok(format!("{header}{}", to_yaml("the rules", &object["spec"])?))
}

/// `k8s/` of a copy of the chart that has `made`, its files that are made from others.
fn render(root: &Path, helm: &Path, made: &Files) -> Result<Files, GenerateError> {
    let copy = tempfile::tempdir().map_err(io("creating a directory in", &std::env::temp_dir()))?;
    let chart = copy.path().join("chart");
    copy_directory(&root.join(CHART), &chart)?;
    for (path, content) in made {
        let Ok(place) = path.strip_prefix(CHART) else { continue };
        let place = chart.join(place);
        if let Some(directory) = place.parent() {
            fs::create_dir_all(directory).map_err(io("creating", directory))?;
        }
        fs::write(&place, content).map_err(io("writing", &place))?;
    }
    Ok(rendered(helm, &chart)?)
}

fn read(path: &Path) -> Result<String, GenerateError> {
    fs::read_to_string(path).map_err(io("reading", path))
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> GenerateError {
    let path = path.to_owned();
    move |source| GenerateError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_charts_crd_stays_when_the_chart_is_uninstalled_and_can_be_left_out() {
        let template = chart_crd().expect("a template");
        assert!(template.contains("helm.sh/resource-policy: keep"), "{template}");
        assert!(template.contains("{{- if .Values.crds.install }}") && template.ends_with("{{- end }}\n"));
    }

    #[test]
    fn a_changed_a_missing_and_a_superfluous_file_are_drift() {
        let root = tempfile::tempdir().expect("a directory");
        let files: Files = [("k8s/a.yaml".into(), "a".into()), ("k8s/b.yaml".into(), "b".into())].into();
        write_in(root.path(), "k8s/samples/mine.yaml");
        write(root.path(), &files).expect("written");
        let drift = || {
            let checks = compare(root.path(), &files).expect("compared");
            checks.into_iter().filter(|(_, result)| result.is_err()).count()
        };
        assert_eq!(drift(), 0);
        write_in(root.path(), "k8s/a.yaml");
        fs::remove_file(root.path().join("k8s/b.yaml")).expect("deleted");
        write_in(root.path(), "k8s/old.yaml");
        assert_eq!(drift(), 3);
        write(root.path(), &files).expect("written again");
        assert_eq!(drift(), 0);
        assert!(root.path().join("k8s/samples/mine.yaml").exists());
    }

    fn write_in(root: &Path, path: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("created");
        fs::write(path, "x").expect("written");
    }
}
