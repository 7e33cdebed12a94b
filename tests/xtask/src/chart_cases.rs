//! The chart under names, values and parents that people have: what helm renders of it is what the API server takes, and
//! what cannot work is refused with its path. IO: reads tests/chart/cases.yaml, runs helm.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::chart::{KUBERNETES, documents, kind};
use crate::values::{defaults, set};
use store_suites::manifests::copy_directory;
use store_suites::steps::Check;
use store_suites::tools::Tools;
use store_testbed::command::{CommandError, SHORT, run};

const CASES: &str = "tests/chart/cases.yaml";
const CHART: &str = "charts/store-manager";
/// Maps whose defaults are the user's to take away, and resources, which may be left out as a whole.
const OPEN: [&str; 2] = ["resources", "monitoring.dashboards.labels"];
/// Values that have everything rendered.
const EVERYTHING: &str = "storeCluster.enabled=true,monitoring.rules.enabled=true,monitoring.dashboards.enabled=true,metrics.serviceMonitor.enabled=true,metrics.podMonitor.enabled=true,networkPolicy.egress.enabled=true";

/// An installation and what must come of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default = "release")]
    release: String,
    #[serde(default = "namespace")]
    namespace: String,
    #[serde(default = "kube")]
    kube: String,
    #[serde(default)]
    values: Value,
    /// Words of the refusal; none: it renders.
    #[serde(default)]
    told: Vec<String>,
    /// Kind, pointer, and a text that is there, or in what is there.
    #[serde(default)]
    has: Vec<(String, String, String)>,
    #[serde(default)]
    lacks: Vec<String>,
    #[serde(default)]
    notes: Vec<String>,
}

fn release() -> String {
    "release".to_owned()
}

fn namespace() -> String {
    "operators".to_owned()
}

fn kube() -> String {
    KUBERNETES.to_owned()
}

/// Runs all of them.
pub fn checks(root: &Path, tools: &Tools) -> Vec<Check> {
    let chart = root.join(CHART);
    let read = fs::read_to_string(root.join(CASES)).map_err(text);
    let cases: Vec<Case> = match read.and_then(|yaml| serde_saphyr::from_str(&yaml).map_err(text)) {
        Ok(cases) => cases,
        Err(error) => return vec![(format!("{CASES} can be read"), Err(error))],
    };
    let mut checks: Vec<Check> = Vec::new();
    for case in &cases {
        for (version, helm) in [("4", &tools.helm), ("3", &tools.helm_3)] {
            checks.push((format!("helm {version}, {}", case.name), case.check(helm, &chart)));
        }
        if !case.notes.is_empty() {
            checks.push((format!("notes of {}", case.name), case.noted(&tools.helm, &chart)));
        }
    }
    for (version, helm) in [("4", &tools.helm), ("3", &tools.helm_3)] {
        checks.push((format!("helm {version}: null is told with its path, or is as if not set"), nulls(helm, &chart)));
        checks.push((format!("helm {version}: a number for a text is told with its path"), numbers(helm, &chart)));
        checks.push((format!("helm {version}: two releases in a namespace do not meet"), beside(helm, &chart)));
        checks
            .push((format!("helm {version}: a parent has the chart on a condition, or twice"), umbrella(helm, &chart)));
        checks.push((format!("helm {version}: a chart packaged by a pipeline"), packaged(helm, &chart)));
    }
    checks
}

impl Case {
    fn helm(&self, helm: &Path, chart: &Path) -> Result<String, String> {
        template(helm, chart, (&self.release, &self.namespace, &self.kube), &self.values, &[])?.map_err(text)
    }

    fn check(&self, helm: &Path, chart: &Path) -> Result<(), String> {
        let rendered = self.helm(helm, chart);
        if !self.told.is_empty() {
            let said = rendered.err().ok_or("it renders")?;
            let missing = self.told.iter().find(|words| !said.contains(*words));
            return missing.map_or(Ok(()), |words| Err(format!("{words} is not in {said}")));
        }
        let yaml = rendered?;
        let objects = documents(&yaml)?;
        taken(&objects)?;
        for (wanted, pointer, expected) in &self.has {
            let found =
                objects.iter().filter(|object| kind(object) == wanted).filter_map(|object| object.pointer(pointer));
            let shown: Vec<String> = found.map(shown).collect();
            if !shown.iter().any(|shown| shown.contains(expected)) {
                return Err(format!("{expected} is not at {pointer} of a {wanted}: {shown:?}"));
            }
        }
        match self.lacks.iter().find(|words| yaml.contains(*words)) {
            Some(words) => Err(format!("{words} is rendered")),
            None => Ok(()),
        }
    }

    /// helm shows the notes of an installation alone; by its client it asks no cluster.
    fn noted(&self, helm: &Path, chart: &Path) -> Result<(), String> {
        let file = values_file(&self.values)?;
        let mut install = Command::new(helm);
        install.args(["install", &self.release, "--dry-run=client", "--namespace", &self.namespace]).arg(chart);
        let said = run(install.env("KUBECONFIG", "/dev/null").arg("--values").arg(file.path()), SHORT).map_err(text)?;
        let notes = said.split_once("\nNOTES:\n").ok_or("no notes")?.1;
        let missing = self.notes.iter().find(|words| !notes.contains(*words));
        missing.map_or(Ok(()), |words| Err(format!("{words} is not in {notes}")))
    }
}

/// What `helm template` prints or says; the outer error is of the test itself.
fn template(
    helm: &Path,
    chart: &Path,
    (release, namespace, kube): (&str, &str, &str),
    values: &Value,
    more: &[&str],
) -> Result<Result<String, CommandError>, String> {
    let file = values_file(values)?;
    let mut command = Command::new(helm);
    command.args(["template", release, "--namespace", namespace, "--kube-version", kube]).arg(chart);
    Ok(run(command.arg("--values").arg(file.path()).args(more), SHORT))
}

fn values_file(values: &Value) -> Result<tempfile::NamedTempFile, String> {
    let file = tempfile::NamedTempFile::with_suffix(".yaml").map_err(text)?;
    let values = if values.is_null() { json!({}) } else { values.clone() };
    fs::write(file.path(), values.to_string()).map_err(text)?;
    Ok(file)
}

fn plain(helm: &Path, chart: &Path, values: &Value) -> Result<Result<String, CommandError>, String> {
    template(helm, chart, ("release", "operators", KUBERNETES), values, &["--set", EVERYTHING])
}

/// Values without a default may be null, and it is as if they were not set. Of every other the path is told.
fn nulls(helm: &Path, chart: &Path) -> Result<(), String> {
    let values = defaults(chart)?;
    let free = |path: &str| OPEN.iter().any(|open| path.starts_with(open));
    let empty = |value: &Value| value == "" || value == &json!([]) || value == &json!({});
    let mut nothing = json!({});
    for (path, _) in values.iter().filter(|(path, value)| empty(value) && !free(path)) {
        set(&mut nothing, path, Value::Null);
    }
    let as_if = plain(helm, chart, &nothing)?.map_err(text)?;
    if as_if != plain(helm, chart, &Value::Null)?.map_err(text)? {
        return Err("null for what is empty by default renders other objects".to_owned());
    }
    // All of one depth at once: a section that is null hides what is in it.
    let kept: Vec<&(String, Value)> = values.iter().filter(|(path, value)| !empty(value) && !free(path)).collect();
    let sections = |section: bool| kept.iter().filter(move |(_, value)| value.is_object() == section);
    let deepest = kept.iter().map(|(path, _)| path.matches('.').count()).max().unwrap_or(0);
    let mut rounds: Vec<Vec<&str>> = vec![sections(false).map(|(path, _)| path.as_str()).collect()];
    rounds.extend((0..=deepest).map(|depth| {
        sections(true).map(|(path, _)| path.as_str()).filter(|path| path.matches('.').count() == depth).collect()
    }));
    for paths in rounds.into_iter().filter(|paths| !paths.is_empty()) {
        let mut broken = json!({});
        for path in &paths {
            set(&mut broken, path, Value::Null);
        }
        let said = template(helm, chart, ("release", "operators", KUBERNETES), &broken, &[])?.err().map(text);
        let said = said.ok_or_else(|| format!("with null for {paths:?} it renders"))?;
        let told = |path: &&&str| {
            let (parent, key) = path.rsplit_once('.').unwrap_or(("", path));
            let parent = if parent.is_empty() { String::new() } else { format!("/{}", parent.replace('.', "/")) };
            let mut lines = said.lines();
            lines.any(|line| {
                line.contains(&format!("at '{parent}': missing propert")) && line.contains(&format!("'{key}'"))
            })
        };
        if let Some(path) = paths.iter().find(|path| !told(path)) {
            return Err(format!("null for {path} is not told: {said}"));
        }
    }
    Ok(())
}

/// A number where the default is a text: `tag: 0.10` is what people write.
fn numbers(helm: &Path, chart: &Path) -> Result<(), String> {
    let values = defaults(chart)?;
    let mut broken = json!({});
    let texts: Vec<&str> = values
        .iter()
        .filter(|(path, value)| value.is_string() && !path.starts_with("resources"))
        .map(|(path, _)| path.as_str())
        .collect();
    for path in &texts {
        set(&mut broken, path, json!(5.5));
    }
    let said = template(helm, chart, ("release", "operators", KUBERNETES), &broken, &[])?.err().map(text);
    let said = said.ok_or("it renders")?;
    match texts.iter().find(|path| !said.contains(&format!("at '/{}'", path.replace('.', "/")))) {
        Some(path) => Err(format!("a number for {path} is not told: {said}")),
        None if texts.len() < 20 => Err(format!("only {texts:?} are texts")),
        None => Ok(()),
    }
}

/// Kind, namespace and name of each object; the CRD is the cluster's.
fn identities(objects: &[Value]) -> Vec<(String, String, String)> {
    let of = |object: &Value, field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    let own = objects.iter().filter(|object| kind(object) != "CustomResourceDefinition");
    own.map(|object| (kind(object).to_owned(), of(object, "namespace"), of(object, "name"))).collect()
}

/// The Lease that the operators of these objects take, which is the one that they may.
fn lease(objects: &[Value]) -> Result<String, String> {
    let deployment = objects.iter().find(|object| kind(object) == "Deployment").ok_or("no Deployment")?;
    let env = deployment["spec"]["template"]["spec"]["containers"][0]["env"].as_array().into_iter().flatten();
    let told = env.filter(|variable| variable["name"] == "LEASE_NAME").find_map(|variable| variable["value"].as_str());
    let told = told.ok_or("no LEASE_NAME")?;
    let rules =
        objects.iter().filter(|object| kind(object) == "Role").filter_map(|role| role["rules"].as_array()).flatten();
    let mut named =
        rules.filter(|rule| rule["resources"] == json!(["leases"])).filter_map(|rule| rule["resourceNames"].as_array());
    if named.any(|names| names == &[json!(told)]) { Ok(told.to_owned()) } else { Err(format!("no right to {told}")) }
}

/// Two releases: no object of one is the other's, and each leads for itself.
fn beside(helm: &Path, chart: &Path) -> Result<(), String> {
    // The last two differ behind the place where names are cut.
    let long = "a-release-with-a-name-of-some-fifty-characters-for-";
    for (one, two) in [("a", "b"), (&*format!("{long}1"), &*format!("{long}2")), ("a.b", "a-b")] {
        let render = |release: &str| -> Result<Vec<Value>, String> {
            let place = (release, "operators", KUBERNETES);
            documents(&template(helm, chart, place, &Value::Null, &["--set", EVERYTHING])?.map_err(text)?)
        };
        let (one, two) = (render(one)?, render(two)?);
        let of_two = identities(&two);
        if let Some(both) = identities(&one).into_iter().find(|identity| of_two.contains(identity)) {
            return Err(format!("both have {both:?}"));
        }
        let (one, two) = (lease(&one)?, lease(&two)?);
        if one == two {
            return Err(format!("both take the Lease {one}"));
        }
    }
    Ok(())
}

/// A chart of charts in a directory of its own.
fn parent(chart: &Path, dependencies: &Value) -> Result<tempfile::TempDir, String> {
    let directory = tempfile::tempdir().map_err(text)?;
    copy_directory(chart, &directory.path().join("charts/store-manager")).map_err(text)?;
    let manifest = json!({ "apiVersion": "v2", "name": "platform", "version": "1.0.0", "dependencies": dependencies });
    fs::write(directory.path().join("Chart.yaml"), manifest.to_string()).map_err(text)?;
    Ok(directory)
}

fn umbrella(helm: &Path, chart: &Path) -> Result<(), String> {
    let dependency = |more: Value| {
        let mut dependency = json!({ "name": "store-manager", "version": "*" });
        dependency
            .as_object_mut()
            .into_iter()
            .for_each(|fields| fields.extend(more.as_object().cloned().unwrap_or_default()));
        dependency
    };
    let place = ("release", "operators", KUBERNETES);
    let render = |directory: &tempfile::TempDir, values: Value| -> Result<Vec<Value>, String> {
        documents(&template(helm, directory.path(), place, &values, &[])?.map_err(text)?)
    };
    let conditional = parent(chart, &json!([dependency(json!({ "condition": "store-manager.enabled" }))]))?;
    for (enabled, expected) in [(true, true), (false, false)] {
        let objects = render(&conditional, json!({ "store-manager": { "enabled": enabled } }))?;
        taken(&objects)?;
        if objects.iter().any(|object| kind(object) == "Deployment") != expected {
            return Err(format!("enabled: {enabled} renders {} objects", objects.len()));
        }
    }
    let twice =
        parent(chart, &json!([dependency(json!({ "alias": "blue" })), dependency(json!({ "alias": "green" }))]))?;
    let objects = render(&twice, json!({ "green": { "crds": { "install": false } } }))?;
    taken(&objects)?;
    let mut identities = identities(&objects);
    let all = identities.len();
    identities.sort();
    identities.dedup();
    if identities.len() == all { Ok(()) } else { Err("blue and green have an object in common".to_owned()) }
}

/// Versions as `helm package --version --app-version` sets them.
fn packaged(helm: &Path, chart: &Path) -> Result<(), String> {
    let version = "0.0.0-feature-a-branch-with-a-name-that-says-at-length-what-it-is-for-abc";
    for (version, app) in [(version, "1.0.0+sha.abc"), ("0.1.0+build.5", "20240501"), ("0.1.0", "1e10")] {
        let copy = tempfile::tempdir().map_err(text)?;
        let place = copy.path().join("store-manager");
        copy_directory(chart, &place).map_err(text)?;
        let manifest = fs::read_to_string(place.join("Chart.yaml")).map_err(text)?;
        let line = |line: &str| match line.split_once(": ") {
            Some(("version", _)) => format!("version: \"{version}\""),
            Some(("appVersion", _)) => format!("appVersion: \"{app}\""),
            _ => line.to_owned(),
        };
        let manifest: Vec<String> = manifest.lines().map(line).collect();
        fs::write(place.join("Chart.yaml"), manifest.join("\n")).map_err(text)?;
        let yaml = plain(helm, &place, &Value::Null)?.map_err(text)?;
        taken(&documents(&yaml)?).map_err(|error| format!("{version}, {app}: {error}"))?;
    }
    Ok(())
}

/// Names, labels, annotations, variables and images as the API server's own validation has them.
fn taken(objects: &[Value]) -> Result<(), String> {
    if objects.is_empty() {
        return Ok(());
    }
    for object in objects {
        let complain = |what: String| Err(format!("{} {}: {what}", kind(object), object["metadata"]["name"]));
        let Some(name) = object["metadata"]["name"].as_str() else { return complain("its name is no text".to_owned()) };
        let (most, dots, digit_first) = match kind(object) {
            "Service" => (63, false, false),
            // The name becomes a label of its pods.
            "Job" | "Deployment" => (63, true, true),
            _ => (253, true, true),
        };
        let form = name.split('.').all(is_label);
        if name.len() > most
            || !form
            || (!dots && name.contains('.'))
            || (!digit_first && name.starts_with(|c: char| c.is_ascii_digit()))
        {
            return complain("its name is not valid".to_owned());
        }
        let namespace = &object["metadata"]["namespace"];
        if !namespace.is_null()
            && !namespace.as_str().is_some_and(|namespace| is_label(namespace) && namespace.len() <= 63)
        {
            return complain(format!("its namespace is {namespace}"));
        }
        let pod = &object["spec"]["template"];
        for metadata in [&object["metadata"], &pod["metadata"]] {
            let wrong = entries(&metadata["labels"]).find(|(_, value)| !value.as_str().is_some_and(is_label_value));
            let annotation = entries(&metadata["annotations"]).find(|(_, value)| !value.is_string());
            if let Some((key, value)) = wrong.or(annotation) {
                return complain(format!("{key} is {value}"));
            }
        }
        for container in pod["spec"]["containers"].as_array().into_iter().flatten() {
            let image = container["image"].as_str().unwrap_or_default();
            if image.is_empty() || image.contains(['+', ' ']) {
                return complain(format!("its image is {}", container["image"]));
            }
            let mut variables = container["env"].as_array().into_iter().flatten();
            if let Some(wrong) =
                variables.find(|variable| !(variable["value"].is_null() || variable["value"].is_string()))
            {
                return complain(format!("{wrong} is no text"));
            }
        }
    }
    Ok(())
}

fn entries(map: &Value) -> impl Iterator<Item = (&String, &Value)> {
    map.as_object().into_iter().flat_map(Map::iter)
}

fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(inner) && text.ends_with(inner) && text.chars().all(|c| inner(c) || c == '-')
}

fn is_label_value(text: &str) -> bool {
    let ends = |c: char| c.is_ascii_alphanumeric();
    let inside = text.chars().all(|c| ends(c) || "-_.".contains(c));
    text.is_empty() || (text.len() <= 63 && inside && text.starts_with(ends) && text.ends_with(ends))
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_api_server_would_refuse_is_found() {
        let object = |kind: &str, name: Value, labels: Value| json!({ "kind": kind, "metadata": { "name": name, "namespace": "a", "labels": labels } });
        let refused = |object: Value| taken(&[object]).is_err();
        assert!(taken(&[object("Service", json!("a-1"), json!({ "a": "b" }))]).is_ok());
        assert!(refused(object("Service", json!("1-a"), json!({}))), "DNS-1035");
        assert!(refused(object("Service", json!("a.b"), json!({}))));
        assert!(refused(object("Job", json!("a".repeat(64)), json!({}))));
        assert!(refused(object("ConfigMap", json!(2024), json!({}))));
        assert!(refused(object("ConfigMap", json!("a"), json!({ "a": 1 }))));
        assert!(refused(object("ConfigMap", json!("a"), json!({ "a": "b-" }))));
        let pod = |image: &str, value: Value| {
            let container = json!({ "image": image, "env": [{ "name": "A", "value": value }] });
            json!({ "kind": "Job", "metadata": { "name": "a" }, "spec": { "template": { "spec": { "containers": [container] } } } })
        };
        assert!(taken(&[pod("a:1", json!("1"))]).is_ok());
        assert!(refused(pod("a:1+2", json!("1"))) && refused(pod("a:1", json!(1))));
    }
}
