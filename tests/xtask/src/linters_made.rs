//! What kube-score says of the objects that the operator makes of a shop, as its snapshots have them. What is left critical
//! on purpose is told to users in docs/operations.md. IO: reads the snapshots, runs kube-score.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::linters::{critical, output};
use store_suites::steps::Check;
use store_suites::tools::Tools;

const SNAPSHOTS: &str = "operator/planner/src/resources/snapshots";
/// Where users read why these stay.
const TOLD: &str = "docs/operations.md";
/// What stays critical: kube-score's own name for it, and how it is switched off.
const LEFT: [(&str, &[&str]); 3] = [
    ("container-image-pull-policy", &["--ignore-test", "container-image-pull-policy"]),
    ("container-security-context-user-group-id", &["--ignore-test", "container-security-context-user-group-id"]),
    ("container-resources", &["--ignore-container-cpu-limit"]),
];

/// Three checks for each snapshot: nothing else is critical, each of those that are left is, and each is told.
pub fn checks(root: &Path, tools: &Tools) -> Vec<Check> {
    let told = fs::read_to_string(root.join(TOLD)).map_err(text);
    let mut checks: Vec<Check> = LEFT
        .iter()
        .map(|(test, _)| {
            let found =
                told.clone().and_then(|told| if told.contains(test) { Ok(()) } else { Err("it is not".to_owned()) });
            (format!("{TOLD} tells why kube-score's {test} stays"), found)
        })
        .collect();
    for snapshot in ["minimal", "production"] {
        let name = format!("kube-score finds nothing critical but what is told in the operator's {snapshot} shop");
        let score = |left: &[(&str, &[&str])]| {
            let file = objects(&root.join(SNAPSHOTS).join(format!("{snapshot}.snap")))?;
            let mut score = Command::new(&tools.kube_score);
            score.args(["score", "--output-format", "json", "--exit-one-on-warning=false"]);
            score.args(left.iter().flat_map(|(_, arguments)| *arguments)).arg(file.path());
            critical(&output(&mut score)?)
        };
        checks.push((name, score(&LEFT)));
        // One that is critical no more must not be told to be.
        for (at, (test, _)) in LEFT.iter().enumerate() {
            let others: Vec<_> =
                LEFT.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, left)| *left).collect();
            let result = match score(&others) {
                Ok(()) => Err("nothing is critical any more: tell it no longer".to_owned()),
                Err(_) => Ok(()),
            };
            checks.push((format!("kube-score's {test} is what stays in the {snapshot} shop"), result));
        }
    }
    checks
}

/// The objects of a snapshot, one document each.
fn objects(snapshot: &Path) -> Result<tempfile::NamedTempFile, String> {
    let content = fs::read_to_string(snapshot).map_err(text)?;
    let yaml = content.splitn(3, "---\n").nth(2).ok_or("no snapshot")?;
    let list: Value = serde_saphyr::from_str(yaml).map_err(text)?;
    let objects: Vec<String> = list["items"].as_array().into_iter().flatten().map(Value::to_string).collect();
    let file = tempfile::NamedTempFile::with_suffix(".yaml").map_err(text)?;
    fs::write(file.path(), objects.join("\n---\n")).map_err(text)?;
    Ok(file)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
