//! The files of the checkout that are made from others: the CRD as YAML, the chart's template of
//! it, the manifests in `k8s/`, the OpenAPI document, the references of values and of the StoreCluster.
//! IO: reads the chart, runs helm and cargo, and writes or compares the files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::{crd_reference, values};
use store_suites::monitoring::RULES;
use store_suites::steps::Check;
use store_testbed::checkout::cargo;
use store_testbed::command::{CommandError, LONG, SHORT, run};

/// Release and namespace that `k8s/` is rendered with.
const RELEASE: &str = "store-manager";
const NAMESPACE: &str = "store-system";
const CHART: &str = "charts/store-manager";
/// What the chart's README begins with; the table of values follows.
const README_PREAMBLE: &str = "README.preamble.md";
const CHART_SCHEMA: &str = "values.schema.json";
/// The line of the schema that has what a shop's spec may be.
const STORE_SCHEMA: &str = r#"    "storeClusterSpec": "#;
const CHART_CRD: &str = "templates/crds/storeclusters.yaml";
/// What marks an object as Helm's, and says nothing where there is no Helm. `helm.sh/resource-policy`
/// is not among them: a CRD that kubectl applied must survive a release that lists it, too.
const HELM_ONLY: [&str; 2] = ["helm.sh/chart", "app.kubernetes.io/managed-by"];
const HEADER: &str = "# Generated from charts/store-manager by `make generate`: change the chart.\n";

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
    /// helm failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Something could not be written as YAML or JSON.
    #[error("writing {what} as YAML: {reason}")]
    Serialize {
        /// What.
        what: String,
        /// Why not.
        reason: String,
    },
    /// helm printed what is not YAML.
    #[error("reading what helm rendered for {template}: {reason}")]
    Rendered {
        /// The chart's template.
        template: String,
        /// Why not.
        reason: String,
    },
    /// The chart's values cannot be shown as a table.
    #[error(transparent)]
    Values(#[from] values::ValuesError),
    /// The CRD has a text that helm would take for a template.
    #[error("the CRD contains {{{{, which helm would evaluate: word that text without it")]
    LooksLikeTemplate,
}

/// Generated files: path relative to the root of the checkout, and content.
pub type Files = BTreeMap<PathBuf, String>;

/// Makes all of them, without touching the checkout.
///
/// # Errors
/// [`GenerateError`] when helm or a serializer fails.
pub fn files(root: &Path, helm: &Path) -> Result<Files, GenerateError> {
    let mut files = Files::new();
    let crd = store_crds::crd_yaml().map_err(|error| serialize("the CRD", error))?;
    files.insert("crds/storeclusters.storemanager.io.yaml".into(), crd);
    let template = chart_crd()?;
    files.extend(manifests(&render(root, helm, &template)?)?);
    files.insert(Path::new(CHART).join(CHART_CRD), template);
    let schema = Path::new(CHART).join(CHART_SCHEMA);
    files.insert(schema.clone(), with_store_schema(&read(&root.join(&schema))?, &store_crds::crd())?);
    files.insert(RULES.into(), rules(root, helm)?);
    let openapi = run(&mut cargo(["run", "--quiet", "--bin", "store-api", "--", "openapi"]), LONG)?;
    files.insert("api-server/openapi.json".into(), openapi);
    let graphql = run(&mut cargo(["run", "--quiet", "--bin", "store-api", "--", "graphql"]), LONG)?;
    files.insert("api-server/schema.graphql".into(), graphql);
    let values = read(&root.join(CHART).join("values.yaml"))?;
    let preamble = read(&root.join(CHART).join(README_PREAMBLE))?;
    files.insert(Path::new(CHART).join("README.md"), values::readme(&preamble, &values)?);
    files.insert("docs/reference/storecluster.md".into(), crd_reference::page(&store_crds::crd())?);
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
    let rendered = |reason| GenerateError::Rendered { template: RULE.to_owned(), reason };
    let object: Value =
        serde_saphyr::from_str(&run(&mut command, SHORT)?).map_err(|error| rendered(error.to_string()))?;
    let header = "# Rules for Prometheus, generated from rules.tpl beside it by `make generate`, with the chart's defaults. The\n\
        # chart ships them as a PrometheusRule (monitoring.rules.enabled). Every alert has its page in docs/runbooks.\n";
    Ok(format!("{header}{}", to_yaml("the rules", &object["spec"])?))
}

/// Renders a copy of the chart that has `crd` in it, with the default values.
fn render(root: &Path, helm: &Path, crd: &str) -> Result<String, GenerateError> {
    let copy = tempfile::tempdir().map_err(io("creating a directory in", &std::env::temp_dir()))?;
    let chart = copy.path().join("chart");
    copy_directory(&root.join(CHART), &chart)?;
    let place = chart.join(CHART_CRD);
    fs::create_dir_all(chart.join("templates/crds")).map_err(io("creating", &place))?;
    fs::write(&place, crd).map_err(io("writing", &place))?;
    Ok(run(Command::new(helm).args(["template", RELEASE, "--no-hooks", "--namespace", NAMESPACE]).arg(&chart), SHORT)?)
}

fn read(path: &Path) -> Result<String, GenerateError> {
    fs::read_to_string(path).map_err(io("reading", path))
}

pub(crate) fn copy_directory(from: &Path, to: &Path) -> Result<(), GenerateError> {
    fs::create_dir_all(to).map_err(io("creating", to))?;
    for entry in fs::read_dir(from).map_err(io("listing", from))? {
        let entry = entry.map_err(io("listing", from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_directory(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(io("copying", &source))?;
        }
    }
    Ok(())
}

/// One file of `k8s/` per template of the chart, a namespace to put them in, and the kustomization.
fn manifests(rendered: &str) -> Result<Files, GenerateError> {
    let mut documents = BTreeMap::<String, Vec<String>>::new();
    documents.entry("namespace.yaml".into()).or_default().push(to_yaml("the namespace", &namespace())?);
    for document in rendered.split("\n---\n").map(|document| document.trim_start_matches("---\n")) {
        let Some(source) = document.lines().find_map(|line| line.strip_prefix("# Source: ")) else { continue };
        let rendered = |reason| GenerateError::Rendered { template: source.to_owned(), reason };
        let mut object: Value = serde_saphyr::from_str(document).map_err(|error| rendered(error.to_string()))?;
        if object.is_null() {
            continue;
        }
        strip_helm(&mut object);
        let name = source.rsplit('/').next().unwrap_or(source);
        documents.entry(name.to_owned()).or_default().push(to_yaml(source, &object)?);
    }
    // In the order in which a new cluster needs them.
    let first = |name: &&String| !["namespace.yaml", "storeclusters.yaml"].contains(&name.as_str());
    let mut resources: Vec<&String> = documents.keys().collect();
    resources.sort_by_key(first);
    let kustomization = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": resources,
    });
    documents.insert("kustomization.yaml".into(), vec![to_yaml("the kustomization", &kustomization)?]);
    let file = |(name, documents): (String, Vec<String>)| {
        (Path::new("k8s").join(name), HEADER.to_owned() + &documents.join("---\n"))
    };
    Ok(documents.into_iter().map(file).collect())
}

fn namespace() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": { "name": NAMESPACE, "labels": { "pod-security.kubernetes.io/enforce": "restricted" } },
    })
}

/// Takes Helm's own labels and annotations out of `object` and of its pod template.
fn strip_helm(object: &mut Value) {
    for metadata in ["/metadata", "/spec/template/metadata"] {
        let Some(metadata) = object.pointer_mut(metadata).and_then(Value::as_object_mut) else { continue };
        for map in ["labels", "annotations"] {
            let Some(entries) = metadata.get_mut(map).and_then(Value::as_object_mut) else { continue };
            entries.retain(|key, _| !HELM_ONLY.contains(&key.as_str()));
            if entries.is_empty() {
                metadata.remove(map);
            }
        }
    }
}

fn to_yaml(what: &str, value: &impl serde::Serialize) -> Result<String, GenerateError> {
    let yaml = serde_saphyr::to_string(value).map_err(|error| serialize(what, error))?;
    Ok(yaml.trim_end().to_owned() + "\n")
}

fn serialize(what: &str, error: impl std::fmt::Display) -> GenerateError {
    GenerateError::Serialize { what: what.to_owned(), reason: error.to_string() }
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> GenerateError {
    let path = path.to_owned();
    move |source| GenerateError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RENDERED: &str = "---\n# Source: store-manager/templates/service.yaml\napiVersion: v1\nkind: Service\nmetadata:\n  \
        name: a\n  labels:\n    helm.sh/chart: x\n    keep: me\n---\n# Source: store-manager/templates/rbac.yaml\nkind: Role\n\
        metadata:\n  labels:\n    helm.sh/chart: x\n---\n# Source: store-manager/templates/rbac.yaml\nkind: RoleBinding\n";

    #[test]
    fn what_helm_renders_becomes_one_file_per_template_without_the_marks_of_helm() {
        let files = manifests(RENDERED).expect("manifests");
        let names: Vec<_> = files.keys().map(|path| path.display().to_string()).collect();
        assert_eq!(names, ["k8s/kustomization.yaml", "k8s/namespace.yaml", "k8s/rbac.yaml", "k8s/service.yaml"]);
        assert!(files.values().all(|text| !text.contains("helm.sh/chart")));
        assert!(files[Path::new("k8s/service.yaml")].contains("keep: me"));
        let rbac = &files[Path::new("k8s/rbac.yaml")];
        assert!(rbac.contains("\n---\n") && !rbac.contains("labels"), "{rbac}");
    }

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
