//! The crates of the workspace and the order between them, as `docs/testing.md` has it: each imports only what stands above it
//! there, and what is shipped imports nothing of the tests. And the wall around the crate that decides.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use store_testbed::checkout::{cargo, root};
use store_testbed::command::{SHORT, run};

const DOCUMENT: &str = "docs/testing.md";
const HEADING: &str = "## Map of crates";

/// What decides, and what its tests need besides, must not be able to speak with anybody, to wait, or to be started.
const DECIDES: &str = "store-planner";
const OUTSIDE: [&str; 10] = [
    "axum",
    "clap",
    "hyper",
    "kube-client",
    "kube-runtime",
    "prometheus",
    "reqwest",
    "scylla",
    "store-telemetry",
    "tokio",
];

/// A crate with the crates of the workspace that it imports, and those that its tests do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Imports {
    own: BTreeSet<String>,
    of_tests: BTreeSet<String>,
    /// Whether it is shipped, or part of what is: it lies outside of `tests`.
    shipped: bool,
}

/// As `cargo metadata` tells it.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `dev`, `build`, or none.
    kind: Option<String>,
    /// Of a crate of the workspace alone.
    path: Option<String>,
}

fn imports(metadata: Metadata, root: &Path) -> BTreeMap<String, Imports> {
    let imports = |package: Package| {
        let names = |of_tests: bool| {
            let local = package.dependencies.iter().filter(|dependency| dependency.path.is_some());
            let chosen = local.filter(|dependency| (dependency.kind.as_deref() == Some("dev")) == of_tests);
            chosen.map(|dependency| dependency.name.clone()).collect()
        };
        let shipped = !Path::new(&package.manifest_path).starts_with(root.join("tests"));
        let imports = Imports { own: names(false), of_tests: names(true), shipped };
        (package.name, imports)
    };
    metadata.packages.into_iter().map(imports).collect()
}

/// The rows of the map in their order: the crate, what it imports, what its tests do.
fn rows(document: &str) -> Vec<[Vec<&str>; 3]> {
    let section =
        document.lines().skip_while(|line| *line != HEADING).skip(1).take_while(|line| !line.starts_with('#'));
    let cells =
        section.filter(|line| line.starts_with("| [`")).map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    cells.filter_map(|cells| Some([code(cells.get(1)?), code(cells.get(3)?), code(cells.get(4)?)])).collect()
}

/// What stands between backticks.
fn code(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// What is not as the map says, or what the map says and must not.
fn wrong(crates: &BTreeMap<String, Imports>, rows: &[[Vec<&str>; 3]]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut above = BTreeSet::new();
    for [name, own, of_tests] in rows {
        let [name] = name[..] else { continue };
        let Some(found) = crates.get(name) else {
            wrong.push(format!("the workspace has no crate {name}"));
            continue;
        };
        for (whose, told, imported) in [("", own, &found.own), (" in its tests", of_tests, &found.of_tests)] {
            if *imported != told.iter().map(|name| (*name).to_owned()).collect() {
                wrong.push(format!("{name} imports {imported:?}{whose}, the map has {told:?}"));
            }
            for other in imported.iter().filter(|other| !above.contains(other.as_str())) {
                wrong.push(format!("{name} imports {other}{whose}, which does not stand above it"));
            }
        }
        let shipped = |name: &str| crates.get(name).is_some_and(|found| found.shipped);
        if let Some(test) = found.own.iter().find(|other| found.shipped && !shipped(other)) {
            wrong.push(format!("{name} is shipped and imports {test}"));
        }
        above.insert(name);
    }
    let missing = crates.keys().filter(|name| !above.contains(name.as_str()));
    wrong.extend(missing.map(|name| format!("the map has no row for {name}")));
    wrong
}

#[test]
fn no_crate_imports_one_below_it_in_the_map_and_the_map_is_true() {
    let root = root();
    let told =
        run(&mut cargo(["metadata", "--format-version", "1", "--no-deps", "--offline"]), SHORT).expect("metadata");
    let metadata: Metadata = serde_json::from_str(&told).expect("metadata");
    let document = std::fs::read_to_string(root.join(DOCUMENT)).expect(DOCUMENT);
    assert_eq!(wrong(&imports(metadata, &root), &rows(&document)), [""; 0]);
}

/// Those of the crates beyond the wall that a crate depends on, by whatever way, also in its tests. By the features that
/// it asks for itself: `cargo metadata` would tell those of the whole workspace.
fn beyond_the_wall(name: &str) -> Vec<&'static str> {
    let edges = ["--edges", "normal,build,dev", "--prefix", "none", "--format", "{p}", "--offline"];
    let told = run(cargo(["tree", "--package", name]).args(edges), SHORT).expect("the crates that it depends on");
    let depends: BTreeSet<&str> = told.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(depends.contains("store-crds") && depends.contains("k8s-openapi"), "{told}");
    OUTSIDE.into_iter().filter(|outside| depends.contains(outside)).collect()
}

#[test]
fn what_decides_depends_on_nothing_that_speaks_with_anybody() {
    assert_eq!(beyond_the_wall(DECIDES), [""; 0]);
    assert_eq!(beyond_the_wall("store-operator"), OUTSIDE, "which has all of them");
}

#[test]
fn an_import_of_a_crate_below_and_one_that_the_map_does_not_tell_are_found() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let imports = |own: &[&str], shipped| Imports { own: names(own), of_tests: names(&[]), shipped };
    let map = "## Map of crates\n\n| crate | in it | imports | tests |\n|---|---|---|---|\n| [`low`](../low) | `x` | | |\n\
               | [`high`](../high) | y | `low` | |\n| [`sold`](../sold) | z | | `high` |\n\n## Next\n| [`other`](x) | | | |\n";
    let rows = rows(map);
    let crates = BTreeMap::from([
        ("low".to_owned(), imports(&[], false)),
        ("high".to_owned(), imports(&["low"], false)),
        ("sold".to_owned(), Imports { of_tests: names(&["high"]), ..imports(&[], true) }),
    ]);
    assert_eq!(wrong(&crates, &rows), [""; 0]);
    let found = |name: &str, imports: Imports| {
        let mut changed = crates.clone();
        changed.insert(name.to_owned(), imports);
        wrong(&changed, &rows).join("\n")
    };
    assert!(found("low", imports(&["high"], false)).contains("low imports high, which does not stand above it"));
    assert!(found("high", imports(&[], false)).contains("the map has [\"low\"]"));
    assert!(found("sold", imports(&["low"], true)).contains("sold is shipped and imports low"));
    assert!(found("new", imports(&[], false)).contains("the map has no row for new"));
    assert!(wrong(&BTreeMap::new(), &rows).contains(&"the workspace has no crate low".to_owned()));
}
