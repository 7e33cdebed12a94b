//! What kube-score and checkov say of the chart as production installs it, and of `k8s/` with its
//! images pinned. IO: runs them, helm and kubectl.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::linters_made;
use store_suites::manifests::copy_directory;
use store_suites::steps::Check;
use store_suites::tools::{Tools, python};
use store_testbed::command::{SHORT, run};

/// A digest; no linter asks whether there is such an image.
const DIGEST: &str = "sha256:0123456789012345678901234567890123456789012345678901234567890123";
/// Values that production sets; everything optional is rendered.
const PRODUCTION: &str = "priorityClassName=high,networkPolicy.egress.enabled=true,storeCluster.enabled=true";

/// Checks of checkov that do not hold, and why.
const CHECKOV_SKIPPED: [(&str, &str); 2] = [
    (
        "CKV_K8S_38",
        "the operator, and the Job that applies the chart's shop, talk to the API server: they need a token",
    ),
    (
        "CKV_K8S_15",
        "an image by version or digest never changes, and an operator must be able to start while the registry is away",
    ),
];
/// The same of kube-score.
const SCORE_SKIPPED: [&str; 1] = ["container-image-pull-policy"];
/// Fewer verdicts than this are no verdict: the program has not found the objects.
const FEWEST: usize = 20;
/// How kube-score grades what must be mended.
const CRITICAL: i64 = 1;

/// The manifests to look at, by name.
fn manifests(root: &Path, tools: &Tools) -> Result<Vec<(&'static str, String)>, String> {
    let mut helm = Command::new(&tools.helm);
    helm.args(["template", "release", "--namespace", "operators"]).arg(root.join("charts/store-manager"));
    let images = format!("image.digest={DIGEST},apiImage.digest={DIGEST}");
    helm.args(["--set", PRODUCTION, "--set", &images]);
    let chart = run(&mut helm, SHORT).map_err(text)?;
    Ok(vec![("chart", chart), ("k8s", pinned(root, tools)?)])
}

/// `k8s/` under an overlay that names its images by digest, as its users do.
fn pinned(root: &Path, tools: &Tools) -> Result<String, String> {
    let directory = tempfile::tempdir().map_err(text)?;
    copy_directory(&root.join("k8s"), &directory.path().join("base")).map_err(text)?;
    let image = |name: &str| json!({ "name": format!("docker.io/library/{name}"), "digest": DIGEST });
    let overlay = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
        "resources": ["base"], "images": [image("store-operator"), image("store-api")],
    });
    fs::write(directory.path().join("kustomization.yaml"), overlay.to_string()).map_err(text)?;
    run(Command::new(&tools.kubectl).arg("kustomize").arg(directory.path()), SHORT).map_err(text)
}

/// One check per manifest: no test of kube-score is critical.
pub fn kube_score(root: &Path, tools: &Tools) -> Vec<Check> {
    let mut checks = each(root, tools, "kube-score finds nothing critical", |file| {
        let mut score = Command::new(&tools.kube_score);
        score.args(["score", "--output-format", "json", "--exit-one-on-warning=false"]);
        for test in SCORE_SKIPPED {
            score.args(["--ignore-test", test]);
        }
        // It fails when it finds something; what it finds is on standard output all the same.
        critical(&output(score.arg(file))?)
    });
    checks.extend(linters_made::checks(root, tools));
    checks
}

/// One check per manifest: no check of checkov fails. `packages` is the directory that has it.
pub fn checkov(root: &Path, tools: &Tools, packages: &Path) -> Vec<Check> {
    each(root, tools, "checkov finds nothing", |file| {
        let skipped: Vec<&str> = CHECKOV_SKIPPED.iter().map(|(check, _)| *check).collect();
        let mut checkov = python(packages, "checkov.main");
        checkov.args(["--framework", "kubernetes", "--output", "json", "--skip-download", "--compact"]);
        checkov.args(["--skip-check", &skipped.join(","), "--file"]).arg(file);
        failed(&output(&mut checkov)?)
    })
}

fn each(root: &Path, tools: &Tools, what: &str, check: impl Fn(&Path) -> Result<(), String>) -> Vec<Check> {
    let manifests = match manifests(root, tools) {
        Ok(manifests) => manifests,
        Err(error) => return vec![(what.to_owned(), Err(error))],
    };
    let look = |(name, yaml): (&str, String)| {
        let looked = tempfile::tempdir().map_err(text).and_then(|directory| {
            let file = directory.path().join(format!("{name}.yaml"));
            fs::write(&file, yaml).map_err(text)?;
            check(&file)
        });
        (format!("{what} in {name}"), looked)
    };
    manifests.into_iter().map(look).collect()
}

/// Standard output of a linter as JSON, whether it found something or not.
pub(crate) fn output(command: &mut Command) -> Result<Value, String> {
    let output = command.output().map_err(text)?;
    serde_json::from_slice(&output.stdout).map_err(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("{error} in what it printed; it said: {}", said.lines().last().unwrap_or_default())
    })
}

/// What kube-score finds critical.
pub(crate) fn critical(scored: &Value) -> Result<(), String> {
    let mut verdicts = 0;
    let mut found = Vec::new();
    for object in scored.as_array().into_iter().flatten() {
        for check in object["checks"].as_array().into_iter().flatten() {
            verdicts += 1;
            if check["grade"].as_i64() == Some(CRITICAL) && check["skipped"] != true {
                found.push(format!("{}: {}", text_of(&object["object_name"]), text_of(&check["check"]["name"])));
            }
        }
    }
    verdict(verdicts, &found)
}

/// What checkov finds.
fn failed(report: &Value) -> Result<(), String> {
    let results = &report["results"];
    let count = |list: &str| results[list].as_array().map_or(0, Vec::len);
    let failed = results["failed_checks"].as_array().into_iter().flatten();
    let found: Vec<_> = failed
        .map(|check| {
            format!(
                "{} {} in {}",
                text_of(&check["check_id"]),
                text_of(&check["check_name"]),
                text_of(&check["resource"])
            )
        })
        .collect();
    verdict(count("passed_checks") + count("failed_checks"), &found)
}

fn verdict(verdicts: usize, found: &[String]) -> Result<(), String> {
    match found {
        [] if verdicts < FEWEST => Err(format!("it gave {verdicts} verdicts only: it has not seen the objects")),
        [] => Ok(()),
        _ => Err(found.join("; ")),
    }
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_critical_test_is_found_and_a_report_about_nothing_is_no_pass() {
        let check = |grade: i64| json!({"grade": grade, "skipped": false, "check": {"name": "Limits"}});
        let report = |grade| json!([{"object_name": "a", "checks": vec![check(grade); FEWEST]}]);
        assert!(critical(&report(10)).is_ok());
        assert!(critical(&report(5)).is_ok(), "a warning is none");
        assert!(critical(&report(CRITICAL)).is_err_and(|error| error.contains("a: Limits")));
        assert!(critical(&json!([])).is_err() && critical(&json!(null)).is_err());
    }

    #[test]
    fn a_failed_check_is_found_and_a_report_about_nothing_is_no_pass() {
        let passed = vec![json!({}); FEWEST];
        let bad = json!({"check_id": "CKV_1", "check_name": "Limits", "resource": "Pod.a"});
        assert!(failed(&json!({"results": {"passed_checks": passed, "failed_checks": []}})).is_ok());
        let found = failed(&json!({"results": {"passed_checks": passed, "failed_checks": [bad]}}));
        assert!(found.is_err_and(|error| error == "CKV_1 Limits in Pod.a"));
        assert!(failed(&json!({"passed": 0})).is_err());
    }
}
