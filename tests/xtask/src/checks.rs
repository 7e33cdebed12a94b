//! What `make check` runs before each commit, and `make test` first. IO: child processes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::alerts;
use crate::book;
use crate::chart;
use crate::console;
use crate::docs;
use crate::generate::{self, GenerateError};
use crate::gitops;
use crate::linters;
use crate::readme;
use store_suites::counts::Counting;
use store_suites::release;
use store_suites::steps::{Check, Steps};
use store_suites::tools::{self, Tools, ToolsError};
use store_testbed::cache::Cache;
use store_testbed::checkout::{cargo, root};
use store_testbed::command::SHORT;

/// Enough for a build of everything from nothing on two busy cores.
const BUILD: Duration = Duration::from_secs(30 * 60);

/// Enough for a look at all sources or dependencies, on two busy cores.
const TOOL: Duration = Duration::from_secs(3 * 60);

/// Which worlds the operator's simulation walks.
const WALKS_SEED: &str = "STORE_WALKS_SEED";

/// Format and lints, warnings being errors.
pub fn lint(steps: &mut Steps) {
    steps.command("format", &mut cargo(["fmt", "--all", "--check"]), Counting::Exit, BUILD);
    let mut clippy = cargo(["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]);
    steps.command("clippy", &mut clippy, Counting::Exit, BUILD);
}

/// Everything else that needs no cluster.
pub fn run(steps: &mut Steps) {
    let root = root();
    let mut tests = cargo(["test", "--workspace", "--no-fail-fast"]);
    // as many walks of the simulation as other properties have cases
    if std::env::var_os("PROPTEST_CASES").is_none() {
        tests.env("PROPTEST_CASES", "256");
    }
    // one walk in a few thousand still finds a fault of its own: what fails here is to be of the change that is checked, and
    // `make soak` walks where nobody has been
    if std::env::var_os(WALKS_SEED).is_none() {
        tests.env(WALKS_SEED, "20261201");
    }
    steps.command("unit tests", &mut tests, Counting::CargoTest, BUILD);
    steps.checks("README", || {
        let mut checks = match store_suites::readme::blocks(&root) {
            Ok(blocks) => readme::coverage(&blocks),
            Err(error) => vec![("README".to_owned(), Err(error.to_string()))],
        };
        checks.push(readme::status(&root));
        checks.push(readme::start(&root));
        checks
    });
    steps.checks("documents", || docs::checks(&root));
    steps.checks("console's files", || console::checks(&root));
    steps.checks("last release", || release::last::checks(&root));
    let had = Cache::open().map_err(ToolsError::from).and_then(|cache| Ok((tools::ensure(&cache)?, cache)));
    let (tools, cache) = match had {
        Ok(had) => had,
        Err(error) => {
            steps.check("tools", || Err(error));
            return;
        }
    };
    steps.checks("site of the documents", || book::checks(&root, &cache));
    steps.checks("generated files", || match generated(&root, &tools) {
        Ok(checks) => checks,
        Err(error) => vec![("generated files".to_owned(), Err(error.to_string()))],
    });
    steps.checks("chart and samples", || chart::checks(&root, &tools));
    steps.checks("alerts and dashboards", || alerts::checks(&root, &cache));
    steps.checks("GitOps and Tilt", || gitops::checks(&root, &tools));
    steps.checks("kube-score", || linters::kube_score(&root, &tools));
    let mut lint = tools.python("yamllint");
    lint.current_dir(&root).args(["--strict", "--config-file", ".yamllint"]);
    lint.args(["k8s", "charts/store-manager/values.yaml", ".github"]);
    steps.command("yamllint", &mut lint, Counting::Exit, SHORT);
    // Nothing of what it would ask the forge itself.
    let mut zizmor = tools.zizmor();
    zizmor.current_dir(&root).args(["--offline", "--quiet", "--persona", "pedantic", ".github/workflows"]);
    steps.command("zizmor", &mut zizmor, Counting::Exit, SHORT);
    program(steps, "actionlint", || tools::actionlint(&cache), &["-shellcheck=", "-pyflakes="]);
    let deny = ["--locked", "check", "bans", "licenses", "sources"];
    program(steps, "cargo-deny", || tools::cargo_deny(&cache), &deny);
    program(steps, "cargo-machete", || tools::cargo_machete(&cache), &["--skip-target-dir", "."]);
}

/// The step `name`, a program that is had for this step alone, in the root of the checkout.
fn program(steps: &mut Steps, name: &str, had: impl FnOnce() -> Result<PathBuf, ToolsError>, arguments: &[&str]) {
    if !steps.wants(name) {
        return;
    }
    match had() {
        Ok(program) => {
            let mut command = Command::new(program);
            steps.command(name, command.current_dir(root()).args(arguments), Counting::Exit, TOOL);
        }
        Err(error) => {
            steps.check(name, || Err(error));
        }
    }
}

fn generated(root: &Path, tools: &Tools) -> Result<Vec<Check>, GenerateError> {
    let mut files = generate::files(root, &tools.helm)?;
    files.extend(alerts::files(root, tools)?);
    generate::compare(root, &files)
}
