//! The project's own images, by the recipe of `api-server/Dockerfile` and `operator/Dockerfile` but
//! without a container daemon: a build by cargo's profile `dev` here, stripped and put on the Debian layer that the
//! base images have too. Blocking IO, into the cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::archive::{self, Image};
use super::cassandra::jolokia_agent;
use super::tree::Tree;
use super::{ImageError, PACKAGES, PATH, WRITER, debian, entry_name, io_error};
use crate::cache::{Cache, Key};
use crate::checkout::{built, cargo, root};
use crate::command::{LONG, SHORT, run};
use crate::packages;

/// A profile of Cargo.toml that the programs are compiled by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// As the tests compile them, from the same target directory: after a change the images cost next to nothing more.
    Dev,
    /// What the Dockerfiles ship and the benchmark measures.
    Release,
}

impl Profile {
    /// The profile of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Dev, Self::Release].into_iter().find(|profile| profile.name() == name)
    }

    /// Its name for cargo.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
        }
    }
}

const ARCHIVE: &str = "project-images.tar";
/// The user without rights that the programs run as.
const USER: &str = "65532:65532";
/// Where the operator has the Jolokia agent that its init container copies to Cassandra pods.
const AGENT: &str = "/opt/store-operator/jolokia-agent.jar";

/// What a Dockerfile of the project says, for the two of them.
struct Recipe {
    package: &'static str,
    image: &'static str,
    entrypoint: &'static str,
    ports: &'static [u16],
    has_agent: bool,
}

const API: Recipe = Recipe {
    package: "store-api",
    image: "docker.io/library/store-api:dev",
    entrypoint: "/usr/local/bin/store-api",
    ports: &[5000, 5001],
    has_agent: false,
};
const OPERATOR: Recipe = Recipe {
    package: "store-operator",
    image: "docker.io/library/store-operator:dev",
    entrypoint: "/usr/local/bin/store-operator",
    ports: &[],
    has_agent: true,
};

/// What the programs are compiled from; that anything else changes nothing is what keeps a second run
/// quick. Every manifest is among it: what one crate asks of a dependency, all get in the profile `dev`.
const SOURCES: [&str; 18] = [
    "Cargo.toml",
    "Cargo.lock",
    "crds/Cargo.toml",
    "crds/src",
    "api-server/telemetry/Cargo.toml",
    "api-server/telemetry/src",
    "api-server/Cargo.toml",
    "api-server/src",
    "api-server/console",
    "operator/planner/Cargo.toml",
    "operator/planner/src",
    "operator/Cargo.toml",
    "operator/src",
    "tests/testbed/Cargo.toml",
    "tests/load/Cargo.toml",
    "tests/suites/Cargo.toml",
    "tests/xtask/Cargo.toml",
    "tests/bench/bare/Cargo.toml",
];

/// The archive with `docker.io/library/store-api:dev` and `docker.io/library/store-operator:dev`,
/// built from the sources as they are now, in a cache entry of its own.
///
/// # Errors
/// The compiler's, or [`ImageError`] when a layer cannot be made.
pub fn project(cache: &Cache, profile: Profile) -> Result<PathBuf, ImageError> {
    packages::ensure(PACKAGES)?;
    let debian = debian::ensure(cache)?;
    let agent = jolokia_agent(cache)?;
    let mut key = Key::new("project-images", &format!("{}-v{WRITER}", profile.name()))
        .with(&debian.slim.digest)
        .with(entry_name(&agent));
    for recipe in [&API, &OPERATOR] {
        key = key.with(recipe.image).with(env!("CARGO_PKG_VERSION")).with(image_config(recipe).to_string());
    }
    key = key.making(format!("compiling and packing store-api and store-operator ({})", profile.name()));
    let compiler = run(Command::new("rustc").current_dir(root()).arg("--version"), SHORT)?;
    key = key.with(&compiler);
    for source in SOURCES {
        key = key.with(source).with_files(&root().join(source))?;
    }
    let entry = cache.ensure(&key, |directory| {
        let programs = build(cache, profile, &compiler, directory)?;
        let mut images = Vec::new();
        for recipe in [&API, &OPERATOR] {
            let mut tree = Tree::default();
            tree.copy(inside(recipe.entrypoint), &programs.join(recipe.package))?;
            if recipe.has_agent {
                tree.copy(inside(AGENT), &agent)?;
            }
            let layer = tree.write(&directory.join(format!("{}.layer", recipe.package)))?;
            images.push(Image {
                // The chart's default is its version, a developer's --set is dev.
                names: vec![
                    recipe.image.to_owned(),
                    recipe.image.replace(":dev", concat!(":", env!("CARGO_PKG_VERSION"))),
                ],
                layers: vec![debian.slim.clone(), layer],
                config: image_config(recipe),
            });
        }
        std::fs::remove_dir_all(&programs).map_err(io_error("deleting", &programs))?;
        archive::write(&images, &directory.join(ARCHIVE))?;
        for image in &images {
            for layer in image.layers.iter().filter(|layer| layer.path.starts_with(directory)) {
                std::fs::remove_file(&layer.path).map_err(io_error("deleting", &layer.path))?;
            }
        }
        Ok::<(), ImageError>(())
    })?;
    Ok(entry.join(ARCHIVE))
}

fn image_config(recipe: &Recipe) -> Value {
    let ports: serde_json::Map<_, _> = recipe.ports.iter().map(|port| (format!("{port}/tcp"), json!({}))).collect();
    json!({ "Entrypoint": [recipe.entrypoint], "User": USER, "Env": [PATH], "ExposedPorts": ports })
}

/// Compiles both programs; the directory that they are in, below `directory`, without their symbols.
fn build(cache: &Cache, profile: Profile, compiler: &str, directory: &Path) -> Result<PathBuf, ImageError> {
    let compiled = match profile {
        Profile::Dev => {
            run(&mut cargo(["build", "--quiet", "--locked", "--bin", API.package, "--bin", OPERATOR.package]), LONG)?;
            [built(API.package), built(OPERATOR.package)]
        }
        Profile::Release => release(cache, compiler)?,
    };
    let stripped = directory.join("programs");
    std::fs::create_dir(&stripped).map_err(io_error("creating", &stripped))?;
    for program in compiled {
        let name = program.file_name().unwrap_or_default();
        run(Command::new("strip").arg("-o").arg(stripped.join(name)).arg(&program), SHORT)?;
    }
    Ok(stripped)
}

/// What they depend on has its own directory of cargo's in the cache, so that a clean checkout compiles the project alone.
fn release(cache: &Cache, compiler: &str) -> Result<[PathBuf; 2], ImageError> {
    // Not keyed by Cargo.lock: cargo itself knows what of a dependency's build is still good.
    let key = Key::new("cargo-target", &format!("release-v{WRITER}")).with(compiler);
    let target = cache.ensure(&key, |_| Ok::<(), ImageError>(()))?;
    // By package: what the tests ask of a dependency is not in what is shipped.
    let of_packages = |command: &str| {
        let mut cargo = cargo([command, "--quiet", "--release", "--locked", "--target-dir"]);
        cargo.arg(&target).args(["-p", API.package, "-p", OPERATOR.package]);
        cargo
    };
    // What other checkouts have compiled of the project itself is of no use to this one.
    run(of_packages("clean").args(["-p", "store-crds"]), SHORT)?;
    run(&mut of_packages("build"), LONG)?;
    Ok([API.package, OPERATOR.package].map(|package| target.join("release").join(package)))
}

fn inside(path: &str) -> &str {
    path.trim_start_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::cassandra::JOLOKIA;

    /// The instructions of a Dockerfile's last two stages, which are the image, and the whole of it on one line each.
    fn dockerfile(directory: &str) -> (String, Vec<String>) {
        let path = root().join(directory).join("Dockerfile");
        let text = std::fs::read_to_string(path).expect("a Dockerfile").replace("\\\n", " ");
        let lines: Vec<String> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|line| !line.is_empty())
            .collect();
        let base = lines.iter().rposition(|line| line.ends_with(" AS base")).expect("a stage");
        let stage = lines[base..].to_vec();
        (lines.join("\n"), stage)
    }

    #[test]
    fn the_recipe_here_and_the_dockerfiles_make_the_same_image() {
        for (directory, recipe) in [("api-server", API), ("operator", OPERATOR)] {
            let (all, stage) = dockerfile(directory);
            let has = |line: &str| assert!(stage.iter().any(|found| found == line), "{directory}: {line}\n{stage:#?}");
            has("FROM docker.io/library/debian:bookworm-slim AS base");
            has("FROM base");
            has(&format!("USER {USER}"));
            has(&format!("ENTRYPOINT [\"{}\"]", recipe.entrypoint));
            has(&format!("COPY --from=build /programs/{} {}", recipe.package, recipe.entrypoint));
            let compiles =
                format!("cargo build --locked --profile \"$PROFILE\" -p {} -p {}", API.package, OPERATOR.package);
            assert!(all.contains(&compiles) && all.contains("ARG PROFILE=release\n"), "{all}");
            let installs = stage.iter().find(|line| line.contains("apt-get install")).expect("packages");
            assert!(installs.contains("--no-install-recommends ca-certificates "), "nothing else: {installs}");
            let exposed: Vec<&String> = stage.iter().filter(|line| line.starts_with("EXPOSE ")).collect();
            assert_eq!(
                exposed,
                recipe.ports.iter().map(|port| format!("EXPOSE {port}")).collect::<Vec<_>>().iter().collect::<Vec<_>>()
            );
            let copies = stage.iter().filter(|line| line.starts_with("COPY ")).count();
            assert_eq!(copies, if recipe.has_agent { 2 } else { 1 }, "{stage:#?}");
        }
    }

    #[test]
    fn both_dockerfiles_compile_by_the_same_lines_so_that_a_builder_finds_what_it_has() {
        let compiling = |directory| {
            let (all, _) = dockerfile(directory);
            let first = all.split_once("\nFROM ").expect("a second stage").0.to_owned();
            assert!(first.contains(" AS build\n") && first.contains("cargo build"), "{first}");
            first
        };
        assert_eq!(compiling("api-server"), compiling("operator"));
    }

    #[test]
    fn a_builder_gets_every_crate_of_the_workspace() {
        let read = |file: &str| std::fs::read_to_string(root().join(file)).expect("a file of the checkout");
        let (ignored, manifest) = (read(".dockerignore"), read("Cargo.toml"));
        let members = manifest.split_once("members = [").and_then(|(_, rest)| rest.split_once(']')).expect("members").0;
        let members: Vec<&str> = members.split(',').map(|member| member.trim().trim_matches('"')).collect();
        assert!(members.contains(&"operator"), "{members:?}");
        for needed in members.iter().filter(|member| !member.is_empty()).chain(&["Cargo.toml", "Cargo.lock"]) {
            let top = needed.split('/').next().unwrap_or_default();
            assert!(ignored.lines().any(|line| line == format!("!{top}")), "{needed} is not let in: {ignored}");
        }
    }

    #[test]
    fn the_operators_image_has_the_agent_of_the_same_version_at_the_same_place() {
        let (all, stage) = dockerfile("operator");
        assert!(all.contains(&format!("org.jolokia:jolokia-agent-jvm:{JOLOKIA}:jar:javaagent")), "{all}");
        let copy = stage.iter().find(|line| line.contains("--from=agent")).expect("a copy of the agent");
        assert!(copy.ends_with(&format!(" {AGENT}")), "{copy}");
    }

    #[test]
    fn the_list_of_what_others_wrote_names_the_versions_that_are_shipped() {
        let read = |file: &str| std::fs::read_to_string(root().join(file)).expect("a file of the checkout");
        let list = read("THIRD-PARTY.md");
        assert!(list.contains(&format!("| Jolokia JVM agent | {JOLOKIA} |")), "{list}");
        let lock = read("Cargo.lock");
        let vendored = "name = \"utoipa-swagger-ui-vendored\"\nversion = \"";
        let version = lock.split_once(vendored).and_then(|(_, rest)| rest.split('"').next()).expect("a version");
        assert!(list.contains(&format!("`utoipa-swagger-ui-vendored` {version} |")), "{version}\n{list}");
    }

    #[test]
    fn the_manifest_of_every_crate_is_among_what_the_images_depend_on() {
        let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("the manifest of the workspace");
        let (_, members) = manifest.split_once("members = [").expect("members");
        let members: Vec<&str> =
            members.split(']').next().into_iter().flat_map(|list| list.split('"').skip(1).step_by(2)).collect();
        assert!(members.contains(&"tests/testbed"), "{members:?}");
        let wanted = members.iter().map(|member| format!("{member}/Cargo.toml"));
        let missing: Vec<String> = wanted.filter(|manifest| !SOURCES.contains(&manifest.as_str())).collect();
        assert_eq!(missing, [""; 0]);
    }
}
