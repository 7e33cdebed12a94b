//! `make test`: everything. Arguments are the names of the steps to run, as the table at the end has
//! them; none: all. The last line are the counts.

use std::process::ExitCode;
use std::time::Duration;

use store_suites::api_suite;
use store_suites::counts::Counting;
use store_suites::steps::Steps;
use store_suites::tools;
use store_testbed::cache::Cache;
use store_testbed::checkout::{cargo, root};
use xtask::checks;
use xtask::linters;
use xtask::schemas;

/// The step that is not in `make check`, since it takes a large download.
const CHECKOV: &str = "checkov";
/// Half a minute, but from an empty cache, where Keycloak is fetched and its database made.
const PROVIDERS: Duration = Duration::from_secs(10 * 60);
/// A minute and a half, but from an empty cache, where Chromium is fetched.
const CONSOLE: Duration = Duration::from_secs(10 * 60);
/// Tests that start Cassandra nodes of their own, or make images.
const RINGS: Duration = Duration::from_secs(20 * 60);
/// A minute, but from an empty cache.
const MANNERS: Duration = Duration::from_secs(10 * 60);
/// A minute and a half, but from an empty cache, where Kubernetes is built first.
const ALONE: Duration = Duration::from_secs(30 * 60);
/// From an empty cache: building Kubernetes alone takes a quarter of an hour.
const STORIES: Duration = Duration::from_secs(75 * 60);
const README: Duration = Duration::from_secs(40 * 60);

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let mut steps = Steps::only(std::env::args().skip(1).collect());
    checks::lint(&mut steps);
    checks::run(&mut steps);
    if steps.wants(CHECKOV) {
        let cache = Cache::open()?;
        let tools = tools::ensure(&cache)?;
        match tools::checkov(&cache) {
            Ok(packages) => steps.checks(CHECKOV, || linters::checkov(&root(), &tools, &packages)),
            Err(error) => steps.check(CHECKOV, || Err(error)),
        };
    }
    if steps.wants(schemas::STEP) {
        let tools = tools::ensure(&Cache::open()?)?;
        steps.checks(schemas::STEP, || schemas::check(&tools));
    }
    let mut walk = cargo(["test", "--workspace", "--lib", "models::orders::tests::walk"]);
    walk.args(["--", "--ignored", "--nocapture"]);
    steps.command("walk of an order", &mut walk, Counting::CargoTest, RINGS);
    if api_suite::STEPS.iter().any(|step| steps.wants(step)) {
        let tools = tools::ensure(&Cache::open()?)?;
        if let Err(error) = api_suite::run_all(&mut steps, &tools).await {
            steps.check(api_suite::STEPS[0], || Err(error));
        }
    }
    let mut manners = cargo(["run", "--quiet", "--bin", "manners"]);
    steps.command("bad manners", &mut manners, Counting::LastLine, MANNERS);
    let mut alone = cargo(["run", "--quiet", "--bin", "alone"]);
    steps.command("operator on an API server", &mut alone, Counting::LastLine, ALONE);
    for end in ["oldest", "newest"] {
        let mut alone = cargo(["run", "--quiet", "--bin", "alone", "--", "--kubernetes", end]);
        steps.command(&format!("operator on the {end} API server"), &mut alone, Counting::LastLine, ALONE);
    }
    let mut seen = cargo(["test", "--workspace", "--test", "api", "--test", "dashboards"]);
    seen.args(["--no-fail-fast", "--", "--ignored", "every_query_of_a_dashboard"]);
    steps.command("dashboards", &mut seen, Counting::CargoTest, RINGS);
    let mut console = cargo(["test", "--workspace", "--test", "api"]);
    console.args(["--", "--ignored", "--nocapture", "--test-threads=1", "in_a_real_browser"]);
    steps.command("console", &mut console, Counting::CargoTest, CONSOLE);
    let mut proxies = cargo(["test", "--workspace", "--test", "api"]);
    proxies.args(["--", "--ignored", "behind_a_proxy"]);
    steps.command("answers behind proxies", &mut proxies, Counting::CargoTest, RINGS);
    let mut providers = cargo(["test", "--workspace", "--test", "api", "--no-fail-fast", "--"]);
    providers.args(["--ignored", "--test-threads", "1", "a_real_provider"]);
    steps.command("identity providers", &mut providers, Counting::CargoTest, PROVIDERS);
    let mut rings = cargo(["test", "--workspace"]);
    rings.args([
        "--test",
        "cassandra",
        "--test",
        "silence",
        "--test",
        "local_ring",
        "--test",
        "images",
        "--test",
        "linearizability",
    ]);
    // One ring at a time.
    rings.args(["--no-fail-fast", "--", "--ignored", "--test-threads", "1"]);
    steps.command("rings and images", &mut rings, Counting::CargoTest, RINGS);
    let mut upgrade = cargo(["run", "--quiet", "--bin", "soak", "--", "--upgrade"]);
    steps.command("upgrade under orders", &mut upgrade, Counting::LastLine, RINGS);
    let mut stories = cargo(["run", "--quiet", "--bin", "e2e"]);
    steps.command("end-to-end stories", &mut stories, Counting::LastLine, STORIES);
    let mut readme = cargo(["run", "--quiet", "--bin", "readme"]);
    steps.command("README's commands", &mut readme, Counting::LastLine, README);
    Ok(if steps.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
