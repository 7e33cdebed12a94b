//! The Debian layers: a slim one as of `debian:bookworm-slim` with certificates, and one of tools on
//! top of it. Made by mmdebstrap from the mirror that apt on this machine uses. Blocking IO, into
//! the cache.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::process::Command;

use sha2::{Digest, Sha256};
use tar::{Archive, EntryType};

use super::tree::{Layer, LayerWriter, hex};
use super::{ImageError, io_error};
use crate::cache::{Cache, Key};
use crate::command::{LONG, SHORT, run, run_with_input};

const SUITE: &str = "bookworm";
const SLIM: &str = "ca-certificates";
/// What the official Cassandra image has, and what probes and test pods use.
const TOOLS: &str = "ca-certificates,curl,dnsutils,gosu,iproute2,libjemalloc2,netcat-openbsd,numactl,procps,python3";
const OPTIONS: &[&str] = &[
    "--quiet",
    "--variant=minbase",
    "--format=tar",
    "--aptopt=Apt::Install-Recommends \"false\"",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    // The directories are merged from the start, as in the official image: apt's own choice would be
    // the package that merges them, and all of Perl with it.
    "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
    "--setup-hook=printf 'Package: usrmerge\\nPin: release *\\nPin-Priority: -1\\n' > \"$1/etc/apt/preferences.d/no-usrmerge\"",
];
/// Times after this one become this one, so that the day of the build is not in the result.
const SOURCE_DATE_EPOCH: &str = "1704067200";
/// What differs from build to build or from machine to machine, and no container misses: devices,
/// logs, the mirror's address and what was copied from the host.
const LEFT_OUT: &[&str] = &["dev/", "var/log/", "var/cache/", "var/lib/apt/lists/", "run/", "tmp/"];
const LEFT_OUT_FILES: &[&str] =
    &["etc/apt/sources.list", "etc/apt/preferences.d/no-usrmerge", "etc/hostname", "etc/resolv.conf"];

/// The two layers.
#[derive(Debug, Clone)]
pub struct Debian {
    /// Debian with CA certificates.
    pub slim: Layer,
    /// On top of it: Python 3, curl, DNS tools and what Cassandra's image has.
    pub tools: Layer,
}

/// Makes or finds the layers.
///
/// # Errors
/// The error of mmdebstrap or apt, or [`ImageError::NoMirror`].
pub fn ensure(cache: &Cache) -> Result<Debian, ImageError> {
    let key = Key::new("debian", SUITE).with(TOOLS).with(SLIM).with(OPTIONS.concat()).with(SOURCE_DATE_EPOCH);
    let key = key.with(LEFT_OUT.concat()).with(LEFT_OUT_FILES.concat()).with(std::env::consts::ARCH);
    let key = key.making("installing the Debian of the images");
    let entry = cache.ensure(&key, |directory| {
        let sources = sources()?;
        let (slim, full) = (directory.join("slim-raw.tar"), directory.join("full-raw.tar"));
        bootstrap(&sources, SLIM, &slim)?;
        bootstrap(&sources, TOOLS, &full)?;
        copy_new(&HashMap::new(), &slim, &directory.join("slim.tar"))?;
        copy_new(&fingerprints(&slim)?, &full, &directory.join("tools.tar"))?;
        [slim, full].iter().try_for_each(|path| fs::remove_file(path).map_err(io_error("deleting", path)))
    })?;
    Ok(Debian { slim: Layer::of(&entry.join("slim.tar"))?, tools: Layer::of(&entry.join("tools.tar"))? })
}

/// The content of the file `name` in the archive of `layer`.
///
/// # Errors
/// [`ImageError::Io`] when it cannot be read or is not in it.
pub fn read_file(layer: &Layer, name: &str) -> Result<Vec<u8>, ImageError> {
    let read = || {
        let mut archive = Archive::new(BufReader::new(File::open(&layer.path)?));
        for entry in archive.entries()? {
            let mut entry = entry?;
            if entry.path()? == Path::new(name) {
                let mut content = Vec::new();
                entry.read_to_end(&mut content)?;
                return Ok(content);
            }
        }
        Err(io::Error::new(io::ErrorKind::NotFound, format!("no {name} in it")))
    };
    read().map_err(io_error("reading", &layer.path))
}

fn bootstrap(sources: &str, packages: &str, output: &Path) -> Result<(), ImageError> {
    let mut mmdebstrap = Command::new("mmdebstrap");
    mmdebstrap.env("SOURCE_DATE_EPOCH", SOURCE_DATE_EPOCH).args(OPTIONS).arg(format!("--include={packages}"));
    mmdebstrap.arg(SUITE).arg(output).arg("-");
    run_with_input(&mut mmdebstrap, Some(sources.as_bytes()), LONG)?;
    Ok(())
}

/// Debian's own package sources in apt's configuration, as lines for a sources.list.
fn sources() -> Result<String, ImageError> {
    let ask = || {
        let format = "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)";
        let mut apt = Command::new("apt-get");
        run(apt.args(["indextargets", "--format", format, "Created-By: Packages"]), SHORT)
    };
    let mut lines = source_lines(&ask()?);
    if lines.is_empty() {
        // Whose a source is, apt knows only once it has its lists.
        run(Command::new("apt-get").args(["-qq", "update"]), LONG)?;
        lines = source_lines(&ask()?);
    }
    if lines.is_empty() { Err(ImageError::NoMirror(SUITE)) } else { Ok(lines) }
}

fn source_lines(targets: &str) -> String {
    let mut lines: Vec<String> = targets
        .lines()
        .filter_map(|line| {
            let [origin, uri, release, component] = line.split('|').collect::<Vec<_>>().try_into().ok()?;
            let wanted = origin == "Debian" && component == "main" && release.starts_with(SUITE);
            wanted.then(|| format!("deb {uri} {release} {component}\n"))
        })
        .collect();
    lines.sort();
    lines.dedup();
    lines.concat()
}

fn wanted(name: &str) -> bool {
    !name.is_empty() && !LEFT_OUT_FILES.contains(&name) && !LEFT_OUT.iter().any(|above| name.starts_with(above))
}

/// `./usr/bin/` → `usr/bin`.
fn plain(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.trim_start_matches("./").trim_end_matches('/').to_owned()
}

/// What each entry of the archive is, apart from its time.
fn fingerprints(path: &Path) -> Result<HashMap<String, String>, ImageError> {
    let read = || {
        let mut archive = Archive::new(BufReader::new(File::open(path)?));
        let mut known = HashMap::new();
        for entry in archive.entries()? {
            let mut entry = entry?;
            known.insert(plain(&entry.path()?), fingerprint(&mut entry)?);
        }
        Ok(known)
    };
    read().map_err(io_error("reading", path))
}

fn fingerprint<R: Read>(entry: &mut tar::Entry<'_, R>) -> io::Result<String> {
    let mut hash = Sha256::new();
    let header = entry.header();
    let kind = header.entry_type().as_byte();
    let target = entry.link_name()?.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    let about = format!("{kind} {:o} {} {} {target}", header.mode()?, header.uid()?, header.gid()?);
    let mut content = Vec::new();
    entry.read_to_end(&mut content)?;
    hash.update(content);
    Ok(format!("{about} {}", hex(&hash.finalize())))
}

/// Writes the layer `to` of all entries of the archive `from` that are not `known` already.
fn copy_new(known: &HashMap<String, String>, from: &Path, to: &Path) -> Result<Layer, ImageError> {
    let reading = || io_error("reading", from);
    let changed = {
        let all = fingerprints(from)?;
        move |name: &str| known.get(name) != all.get(name)
    };
    let mut writer = LayerWriter::create(to)?;
    let mut archive = Archive::new(BufReader::new(File::open(from).map_err(reading())?));
    for entry in archive.entries().map_err(reading())? {
        let mut entry = entry.map_err(reading())?;
        let name = plain(&entry.path().map_err(reading())?);
        let mut header = entry.header().clone();
        let kind = header.entry_type();
        if !wanted(&name) || !changed(&name) || kind == EntryType::XGlobalHeader {
            continue;
        }
        // Names of users would be looked up where the image is unpacked.
        let _ = header.set_username("").and_then(|()| header.set_groupname(""));
        let mut target = entry.link_name().map_err(reading())?.map(|path| path.into_owned());
        if kind == EntryType::Link {
            // A hard link names its target from the root of the archive, as the entries do.
            target = target.map(|path| plain(&path).into());
        }
        let size = entry.size();
        writer.append(header, &name, target.as_deref(), &mut entry, size)?;
    }
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::tree::Tree;

    #[test]
    fn only_debians_own_sources_of_the_suite_are_taken_each_once() {
        let targets = "Debian|http://mirror.invalid/debian/|bookworm|main\n\
            Debian|http://mirror.invalid/debian/|bookworm|main\n\
            Debian|http://mirror.invalid/debian-security/|bookworm-security|main\n\
            Debian|http://mirror.invalid/debian/|bookworm|contrib\n\
            Debian|http://mirror.invalid/debian/|trixie|main\n\
            Acme|http://acme.invalid/apt/|bookworm|main\n";
        assert_eq!(
            source_lines(targets),
            "deb http://mirror.invalid/debian-security/ bookworm-security main\n\
             deb http://mirror.invalid/debian/ bookworm main\n"
        );
    }

    #[test]
    fn the_upper_layer_has_only_what_is_new_or_changed_and_nothing_of_the_machine() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let at = |name: &str| directory.path().join(name);
        let mut tree = Tree::default();
        tree.bytes("etc/passwd", 0o644, "root\n");
        tree.bytes("bin/same", 0o755, "same");
        tree.bytes("bin/made-executable", 0o644, "x");
        let lower = tree.write(&at("lower.tar")).expect("written");
        tree.bytes("etc/passwd", 0o644, "root\ncassandra\n");
        tree.bytes("bin/made-executable", 0o755, "x");
        tree.bytes("etc/resolv.conf", 0o644, "nameserver 192.0.2.1\n");
        tree.bytes("var/log/dpkg.log", 0o644, "today\n");
        tree.link("bin/new", "same");
        let upper = tree.write(&at("upper.tar")).expect("written");
        let layer = copy_new(&fingerprints(&lower.path).expect("read"), &upper.path, &at("new.tar")).expect("written");
        let mut names: Vec<String> = fingerprints(&layer.path).expect("read").into_keys().collect();
        names.sort();
        assert_eq!(names, ["bin/made-executable", "bin/new", "etc/passwd", "var", "var/log"]);
        assert_eq!(read_file(&layer, "etc/passwd").expect("read"), b"root\ncassandra\n");
    }
}
