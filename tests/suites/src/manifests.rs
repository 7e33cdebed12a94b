//! What `kubectl apply` installs: the chart as Helm renders it by default, as the files of `k8s/` or as one. IO: reads the
//! chart, runs helm.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use store_testbed::command::{CommandError, SHORT, run};

/// Release and namespace that `k8s/` is rendered with.
pub const RELEASE: &str = "store-manager";
/// As [`RELEASE`].
pub const NAMESPACE: &str = "store-system";
/// The chart, from the root of the checkout.
pub const CHART: &str = "charts/store-manager";
/// What marks an object as Helm's, and says nothing where there is no Helm. `helm.sh/resource-policy`
/// is not among them: a CRD that kubectl applied must survive a release that lists it, too.
const HELM_ONLY: [&str; 2] = ["helm.sh/chart", "app.kubernetes.io/managed-by"];
const KUSTOMIZATION: &str = "kustomization.yaml";
const HEADER: &str = "# Generated from charts/store-manager by `make generate`: change the chart.\n";

/// The chart could not be read, rendered or written down.
#[derive(Debug, thiserror::Error)]
pub enum ManifestsError {
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
}

/// Generated files: path relative to the root of the checkout, and content.
pub type Files = BTreeMap<PathBuf, String>;

/// The files of `k8s/` for a chart, which is a directory or an archive, with its default values.
///
/// # Errors
/// [`ManifestsError`] when helm fails, or renders what is not YAML.
pub fn rendered(helm: &Path, chart: &Path) -> Result<Files, ManifestsError> {
    let mut template = Command::new(helm);
    template.args(["template", RELEASE, "--no-hooks", "--namespace", NAMESPACE]).arg(chart);
    manifests(&run(&mut template, SHORT)?)
}

/// `files`, those of `k8s/`, as one to install from, in the order of its kustomization; `heading` is its first line.
///
/// # Errors
/// [`ManifestsError::Rendered`] when the kustomization names a file that is not among them.
pub fn in_one(files: &Files, heading: &str) -> Result<String, ManifestsError> {
    let text = |name: &str| {
        let found = files.get(&Path::new("k8s").join(name)).map(|text| text.strip_prefix(HEADER).unwrap_or(text));
        found
            .ok_or_else(|| ManifestsError::Rendered { template: name.to_owned(), reason: "it is not there".to_owned() })
    };
    let wrong = |error: serde_saphyr::Error| ManifestsError::Rendered {
        template: KUSTOMIZATION.to_owned(),
        reason: error.to_string(),
    };
    let kustomization: Value = serde_saphyr::from_str(text(KUSTOMIZATION)?).map_err(wrong)?;
    let names = kustomization["resources"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let documents = names.map(text).collect::<Result<Vec<_>, _>>()?;
    Ok(format!("# {heading}\n---\n{}", documents.join("---\n")))
}

/// Copies a directory with all that is in it.
///
/// # Errors
/// [`ManifestsError::Io`] when a file cannot be read or written.
pub fn copy_directory(from: &Path, to: &Path) -> Result<(), ManifestsError> {
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
fn manifests(rendered: &str) -> Result<Files, ManifestsError> {
    let mut documents = BTreeMap::<String, Vec<String>>::new();
    documents.entry("namespace.yaml".into()).or_default().push(to_yaml("the namespace", &namespace())?);
    for document in rendered.split("\n---\n").map(|document| document.trim_start_matches("---\n")) {
        let Some(source) = document.lines().find_map(|line| line.strip_prefix("# Source: ")) else { continue };
        let rendered = |reason| ManifestsError::Rendered { template: source.to_owned(), reason };
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
    documents.insert(KUSTOMIZATION.into(), vec![to_yaml("the kustomization", &kustomization)?]);
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

/// As YAML; `what` it is, for the error.
///
/// # Errors
/// [`ManifestsError::Serialize`] when it cannot be written so.
pub fn to_yaml(what: &str, value: &impl serde::Serialize) -> Result<String, ManifestsError> {
    let yaml = serde_saphyr::to_string(value).map_err(|error| serialize(what, error))?;
    Ok(yaml.trim_end().to_owned() + "\n")
}

/// The error of `what` that could not be written.
pub fn serialize(what: &str, error: impl std::fmt::Display) -> ManifestsError {
    ManifestsError::Serialize { what: what.to_owned(), reason: error.to_string() }
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ManifestsError {
    let path = path.to_owned();
    move |source| ManifestsError::Io { action, path, source }
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
    fn the_manifests_are_one_file_in_the_order_of_the_kustomization() {
        let files = manifests(RENDERED).expect("manifests");
        let one = in_one(&files, "all of it").expect("a file");
        let kinds: Vec<&str> = one.lines().filter_map(|line| line.strip_prefix("kind: ")).collect();
        assert_eq!(kinds, ["Namespace", "Role", "RoleBinding", "Service"]);
        let documents: Vec<Value> = serde_saphyr::from_multiple(&one).expect("YAML");
        assert_eq!(documents.iter().filter(|document| !document.is_null()).count(), 4);
        assert!(one.starts_with("# all of it\n") && !one.contains("make generate"), "{one}");
        let mut fewer = files;
        fewer.remove(Path::new("k8s/service.yaml"));
        assert!(in_one(&fewer, "x").is_err());
    }
}
