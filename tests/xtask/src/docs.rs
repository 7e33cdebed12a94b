//! The documents: every link in them leads somewhere, every command in them is run by a suite or stands
//! in a list with the reason why not. Pure, but for reading files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use store_suites::steps::Check;
use store_suites::{labs, readme};

/// Commands of the documents that no suite runs as they stand there, by how they begin, and why.
const NOT_RUN: &[(&str, &str)] = &[
    ("kubectl get stc", "looks at a shop; the README's suite runs its like"),
    ("kubectl describe stc", "looks at a shop"),
    ("kubectl get secret shop-api-tokens", "`make up` reads the same Secret"),
    ("kubectl logs", "looks at the operator"),
    ("kubectl annotate --overwrite crd", "the chart suite sets annotations of the CRD so"),
    ("helm install", "the chart suite installs with both Helms"),
    (
        "helm upgrade store-manager charts/store-manager -n store-system --reuse-values --set telemetry",
        "the chart suite renders with this value",
    ),
    ("kubectl patch stc shop -n store --type=merge -p '{\"spec\":{\"api\":{\"tracing\"", "unit tests read such a spec"),
    ("helm test", "the chart suite runs it with both Helms"),
    ("cargo run --bin testbed -- node", "the stories cut the power by the same code"),
    ("kubectl describe pod", "a runbook looks at a pod that does not start"),
    ("kubectl get pod", "a runbook looks at pods"),
    ("kubectl get events", "a runbook looks at events"),
    ("kubectl exec", "a runbook asks a node by nodetool"),
    ("curl -fsS --oauth2-bearer \"$STORE_TOKEN\" \"$STORE_URL/stocks/PRODUCT", "the API's tests read movements"),
    (
        "kubectl patch secret shop-api-tokens",
        "a unit test reads a directory of tokens again that has changed; the Secret is such a directory to a pod",
    ),
    ("kubectl patch secret shop-superuser", "the mishaps take the password out of that Secret and put it back"),
    ("kubectl patch secret shop-api-tokens", "unit tests read a file with such a name and a token of its own"),
    (
        "docker build",
        "there is no docker daemon here; tests/testbed/tests/own_cluster holds `make images` to the same commands",
    ),
    (
        "helm upgrade --install store-manager charts/store-manager --namespace store-system --create-namespace --set image.tag=dev",
        "the chart suite installs with images built here",
    ),
    ("kubectl port-forward", "`make up` forwards the same Service where it knows no other way in"),
    ("lab restore", "the suite of the labs asks for it after each of them, where it must find nothing to do"),
    ("tilt up", "there is no Tilt here; its file is evaluated by `make check`"),
];
/// Documents of which every command is run as it stands: by `api-server/tests/api/walk.rs`.
const WALKED: [&str; 1] = ["docs/api.md"];
/// The labs' pages, of which every command is run, too: by `tests/suites/src/labs.rs`. What tells about all of them is none.
const LABS: (&str, &str) = (labs::PAGES, "README.md");
/// What a command begins with.
const PROGRAMS: [&str; 10] = ["kubectl", "helm", "make", "cargo", "curl", "docker", "git", "tilt", "flux", "lab"];
/// Not looked at: what is not the project's own.
const SKIPPED: [&str; 4] = ["target", ".git", ".tilt", "node_modules"];

/// Links and commands of every document of the checkout.
pub fn checks(root: &Path) -> Vec<Check> {
    let documents = match read(root) {
        Ok(documents) => documents,
        Err(error) => return vec![("documents".to_owned(), Err(error))],
    };
    let mut checks: Vec<Check> = documents
        .iter()
        .map(|(path, text)| (format!("links of {}", path.display()), links(root, &documents, path, text)))
        .collect();
    let makefile = fs::read_to_string(root.join("Makefile")).unwrap_or_default();
    let tour = readme::blocks(root).unwrap_or_default();
    let tour: BTreeSet<String> = tour.iter().flat_map(|block| block.script.lines()).map(ToOwned::to_owned).collect();
    let all: Vec<(&PathBuf, String)> = documents
        .iter()
        .filter(|(path, _)| !is_walked(path))
        .flat_map(|(path, text)| commands(text).into_iter().map(move |command| (path, command)))
        .collect();
    for (path, command) in &all {
        checks.push((format!("{}: `{command}`", path.display()), claimed(command, &tour, &makefile)));
    }
    for (beginning, _) in NOT_RUN {
        let used = all.iter().any(|(_, command)| command.starts_with(beginning));
        let result = if used { Ok(()) } else { Err("no document has such a command: take it off the list".to_owned()) };
        checks.push((format!("list of commands that are not run: `{beginning}`"), result));
    }
    checks
}

/// Whether every command of a document is run as it stands.
fn is_walked(path: &Path) -> bool {
    let (labs, overview) = LABS;
    WALKED.iter().any(|walked| path == Path::new(walked)) || (path.starts_with(labs) && !path.ends_with(overview))
}

/// Every Markdown file below `root`, by its path from there.
fn read(root: &Path) -> Result<BTreeMap<PathBuf, String>, String> {
    let mut found = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        let list = fs::read_dir(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        for entry in list {
            let path = entry.map_err(|error| error.to_string())?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !SKIPPED.contains(&name.as_str()) {
                directories.push(path);
            } else if name.ends_with(".md") {
                let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                found.insert(path.strip_prefix(root).unwrap_or(&path).to_owned(), text);
            }
        }
    }
    Ok(found)
}

/// Whether every link of one document leads to a file, and to a heading where it names one.
fn links(root: &Path, documents: &BTreeMap<PathBuf, String>, path: &Path, text: &str) -> Result<(), String> {
    let dead: Vec<String> = targets(text)
        .into_iter()
        .filter(|target| !is_elsewhere(target))
        .filter_map(|target| {
            let (file, anchor) = target.split_once('#').map_or((target.as_str(), None), |(file, at)| (file, Some(at)));
            let place = if file.is_empty() { path.to_owned() } else { resolve(path, file) };
            if !root.join(&place).exists() {
                return Some(format!("{target}: there is no {}", place.display()));
            }
            let known =
                anchor.is_none_or(|anchor| documents.get(&place).is_some_and(|text| anchors(text).contains(anchor)));
            (!known).then(|| format!("{target}: {} has no such heading", place.display()))
        })
        .collect();
    if dead.is_empty() { Ok(()) } else { Err(dead.join("; ")) }
}

/// Whether a link leads out of the project.
pub(crate) fn is_elsewhere(target: &str) -> bool {
    ["http://", "https://", "mailto:"].iter().any(|scheme| target.starts_with(scheme))
}

/// `target` as seen from the directory of `from`, without `..`.
pub(crate) fn resolve(from: &Path, target: &str) -> PathBuf {
    let mut place = from.parent().unwrap_or(Path::new("")).to_owned();
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir => drop(place.pop()),
            Component::CurDir => {}
            other => place.push(other),
        }
    }
    place
}

/// Targets of the inline links outside of code.
pub(crate) fn targets(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        // What is between backticks is shown and not followed, unless the link's own text is it.
        let mut rest = line;
        while let Some(at) = rest.find("](") {
            let after = &rest[at + 2..];
            let Some(end) = after.find(')') else { break };
            found.push(after[..end].split_whitespace().next().unwrap_or_default().to_owned());
            rest = &after[end..];
        }
    }
    found
}

/// Lines that are not in a fence.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return false;
        }
        !fenced
    })
}

/// The anchors of the headings, as the usual renderers make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut times = BTreeMap::<String, usize>::new();
    let headings =
        prose(text).filter_map(|line| line.strip_prefix('#')).map(|rest| rest.trim_start_matches('#').trim());
    let slugs = headings.map(|heading| {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let slug: String = kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect();
        let seen = times.entry(slug.clone()).or_default();
        *seen += 1;
        if *seen == 1 { slug } else { format!("{slug}-{}", *seen - 1) }
    });
    slugs.collect()
}

/// Commands in fences for a shell or without a language, and in indented code; a line that ends with a
/// backslash goes on.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fence: Option<bool> = None;
    let mut joined = String::new();
    for line in text.lines() {
        if let Some(info) = line.trim_start().strip_prefix("```") {
            let language = info.split_whitespace().next().unwrap_or_default();
            fence = match fence {
                Some(_) => None,
                None => Some(["", "sh", "bash", "shell"].contains(&language)),
            };
            continue;
        }
        let code = fence.unwrap_or_else(|| line.starts_with("    "));
        if !code {
            continue;
        }
        joined += if joined.is_empty() && fence.is_none() { &line[4..] } else { line.trim_start() };
        if let Some(before) = joined.strip_suffix('\\') {
            joined = before.to_owned();
            continue;
        }
        let command = std::mem::take(&mut joined);
        let first = command.split_whitespace().next().unwrap_or_default();
        if PROGRAMS.contains(&first) {
            // Two blanks and more set off what the command is for.
            found.push(command.trim().split("   ").next().unwrap_or_default().trim_end().to_owned());
        }
    }
    found
}

/// Whether a suite runs the command, or the list says why not.
fn claimed(command: &str, tour: &BTreeSet<String>, makefile: &str) -> Result<(), String> {
    if tour.iter().any(|line| line.trim() == command)
        || NOT_RUN.iter().any(|(beginning, _)| command.starts_with(beginning))
    {
        return Ok(());
    }
    if let Some(target) = command.strip_prefix("make ") {
        let known = makefile.lines().any(|line| line.split_once(':').is_some_and(|(name, _)| name == target));
        return if known { Ok(()) } else { Err(format!("the Makefile has no target {target}")) };
    }
    Err("no suite runs it: let one do so, or add it to the list in tests/xtask/src/docs.rs with the reason why not"
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(list: &[(&str, &str)]) -> BTreeMap<PathBuf, String> {
        list.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect()
    }

    #[test]
    fn a_link_to_a_file_or_heading_that_is_not_there_is_found() {
        let root = tempfile::tempdir().expect("a directory");
        fs::create_dir(root.path().join("docs")).expect("made");
        for file in ["README.md", "docs/a.md"] {
            fs::write(root.path().join(file), "").expect("written");
        }
        let all = documents(&[("README.md", "# Où, `x` & Y\n"), ("docs/a.md", "# A\n## A\n```\n# no\n```\n")]);
        let check = |text: &str| links(root.path(), &all, Path::new("docs/a.md"), text);
        assert_eq!(
            check("[a](../README.md#où-x--y) [b](#a-1) [c](https://x.y/z) [d](a.md)\n```\n[e](nope)\n```"),
            Ok(())
        );
        for dead in ["[a](b.md)", "[a](../README.md#other)", "[a](#no)", "one [a](a.md) [b](../../up.md)"] {
            assert!(check(dead).is_err(), "{dead}");
        }
    }

    #[test]
    fn commands_are_found_in_fences_and_in_indented_code() {
        let text = "a `make x`\n```sh up\nmake up\nhelm a \\\n  b\n```\n```mermaid\nmake no\n```\n    kubectl get x     tells\n    other\n";
        assert_eq!(commands(text), ["make up", "helm a b", "kubectl get x"]);
    }

    #[test]
    fn a_command_that_nobody_runs_is_found() {
        let tour = BTreeSet::from(["kubectl apply -k k8s/".to_owned()]);
        assert!(claimed("kubectl apply -k k8s/", &tour, "").is_ok());
        assert!(claimed("kubectl delete everything", &tour, "").is_err());
        assert!(claimed("make up", &tour, "up: ## x\n").is_ok());
        assert!(claimed("make rain", &tour, "up: ## x\n").is_err());
        let (beginning, _) = NOT_RUN[0];
        assert!(claimed(beginning, &tour, "").is_ok());
    }
}
