//! The samples for GitOps tools and the Tiltfile, as far as can be told without the tools. IO: reads
//! files, runs Python with an interpreter of Lua and one of Starlark, and helm.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use store_suites::steps::Check;
use store_suites::tools::Tools;
use store_testbed::command::{SHORT, run, run_with_input};

const HEALTH: &str = "docs/gitops/argocd-health.lua";
/// Manifests for the tools, and the fields of theirs that are paths of this repository.
const MANIFESTS: [(&str, &[&str]); 2] = [
    ("docs/gitops/argocd-application.yaml", &["/spec/source/path"]),
    ("docs/gitops/flux.yaml", &["/spec/chart/spec/chart"]),
];

/// Runs all of them.
pub fn checks(root: &Path, tools: &Tools) -> Vec<Check> {
    let mut checks: Vec<Check> = MANIFESTS
        .iter()
        .map(|(file, paths)| (format!("{file} names what there is"), manifest(root, file, paths)))
        .collect();
    checks.push(("Argo CD's health check tells every state apart".to_owned(), health(root, tools)));
    checks.push(("the Tiltfile runs and names what there is".to_owned(), tiltfile(root, tools)));
    checks
}

/// A script of `tests/python` with one argument.
fn script(root: &Path, tools: &Tools, name: &str, argument: &str) -> Command {
    let mut python = tools.python_script(&root.join("tests/python").join(name));
    python.current_dir(root).arg(argument);
    python
}

fn manifest(root: &Path, file: &str, paths: &[&str]) -> Result<(), String> {
    let text_of_file = fs::read_to_string(root.join(file)).map_err(text)?;
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text_of_file).map_err(text)?;
    let named: Vec<&str> =
        objects.iter().flat_map(|object| paths.iter().filter_map(|path| object.pointer(path)?.as_str())).collect();
    if named.is_empty() {
        return Err(format!("none of {} objects has {paths:?}", objects.len()));
    }
    exist(root, named.into_iter())
}

fn exist<'a>(root: &Path, mut paths: impl Iterator<Item = &'a str>) -> Result<(), String> {
    match paths.find(|path| !root.join(path).exists()) {
        Some(missing) => Err(format!("there is no {missing}")),
        None => Ok(()),
    }
}

/// A StoreCluster of generation 2, as observed at `observed`, with these conditions.
fn store(observed: i64, conditions: &[(&str, &str)]) -> Value {
    let conditions: Vec<Value> = conditions
        .iter()
        .map(|(kind, status)| json!({"type": kind, "status": status, "reason": kind, "message": "because"}))
        .collect();
    json!({"metadata": {"generation": 2}, "status": {"observedGeneration": observed, "conditions": conditions}})
}

/// What the script must say of what.
fn states() -> Vec<(Value, &'static str)> {
    let of = |ready, progressing, degraded| {
        store(
            2,
            &[("Ready", ready), ("Progressing", progressing), ("Degraded", degraded), ("ReplicationSynced", "True")],
        )
    };
    vec![
        (json!({"metadata": {"generation": 1}}), "Progressing"),
        (store(1, &[("Ready", "True"), ("Progressing", "False"), ("Degraded", "False")]), "Progressing"),
        (store(2, &[]), "Progressing"),
        (of("True", "False", "False"), "Healthy"),
        (of("True", "True", "False"), "Progressing"),
        (of("False", "True", "False"), "Progressing"),
        (of("False", "False", "False"), "Progressing"),
        (of("True", "False", "True"), "Degraded"),
        (of("False", "True", "True"), "Degraded"),
    ]
}

fn health(root: &Path, tools: &Tools) -> Result<(), String> {
    let (objects, wanted): (Vec<Value>, Vec<&str>) = states().into_iter().unzip();
    let mut python = script(root, tools, "argo_health.py", HEALTH);
    let input = json!(objects).to_string();
    let answer = run_with_input(&mut python, Some(input.as_bytes()), SHORT).map_err(text)?;
    let found: Vec<Value> = serde_json::from_str(&answer).map_err(text)?;
    let found: Vec<&str> = found.iter().filter_map(|health| health["status"].as_str()).collect();
    if found == wanted { Ok(()) } else { Err(format!("{found:?} instead of {wanted:?}")) }
}

fn tiltfile(root: &Path, tools: &Tools) -> Result<(), String> {
    let calls = run(&mut script(root, tools, "tiltfile.py", "Tiltfile"), SHORT).map_err(text)?;
    let calls: Vec<Value> = serde_json::from_str(&calls).map_err(text)?;
    let paths: Vec<&str> = calls.iter().flat_map(paths).collect();
    if paths.len() < 10 {
        return Err(format!("it names {} paths only", paths.len()));
    }
    exist(root, paths.into_iter())?;
    let helm = calls.iter().find(|call| call["function"] == "helm").ok_or("it does not install the chart")?;
    let mut command = Command::new(&tools.helm);
    command.current_dir(root).args(["template", "release"]).args(strings(&helm["args"]));
    for value in strings(&helm["kwargs"]["set"]) {
        command.args(["--set", value]);
    }
    run(&mut command, SHORT).map(drop).map_err(text)
}

/// Files and directories of the checkout that a call names; what it makes itself is below `.tilt`.
fn paths(call: &Value) -> Vec<&str> {
    let (arguments, named) = (&call["args"], &call["kwargs"]);
    let found = match call["function"].as_str().unwrap_or_default() {
        "local_resource" => strings(&named["deps"]),
        "docker_build" => [strings(&arguments[1]), strings(&named["dockerfile"])].concat(),
        "helm" => strings(&arguments[0]),
        "k8s_yaml" => strings(&arguments[0]),
        _ => Vec::new(),
    };
    found.into_iter().filter(|path| !path.starts_with(".tilt") && !path.starts_with('<')).collect()
}

/// The strings in a list, or the one that it is.
fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_of_a_tiltfile_are_those_it_reads() {
        let call =
            |function: &str, args: Value, kwargs: Value| json!({"function": function, "args": args, "kwargs": kwargs});
        assert_eq!(paths(&call("k8s_yaml", json!([["a", "b"]]), json!({}))), ["a", "b"]);
        assert!(paths(&call("k8s_yaml", json!(["<helm>"]), json!({}))).is_empty());
        let build = call("docker_build", json!(["name", ".tilt/x"]), json!({"dockerfile": "operator/Dockerfile"}));
        assert_eq!(paths(&build), ["operator/Dockerfile"]);
        assert_eq!(paths(&call("local_resource", json!(["n", "cmd"]), json!({"deps": ["src"]}))), ["src"]);
    }

    #[test]
    fn a_path_that_is_not_there_is_found() {
        let root = tempfile::tempdir().expect("a directory");
        assert!(exist(root.path(), ["."].into_iter()).is_ok());
        assert!(exist(root.path(), [".", "nowhere"].into_iter()).is_err_and(|error| error.contains("nowhere")));
    }
}
