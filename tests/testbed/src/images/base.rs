//! The archive of the testbed's base images: the cluster's own, Debian with tools, and Cassandra.
//! Blocking IO, into the cache.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::archive::{self, Image};
use super::cassandra::Version;
use super::class_archive;
use super::debian::Debian;
use super::tree::{Layer, Tree};
use super::{
    ImageError, PACKAGES, PATH, WRITER, cassandra, cassandra_layers, cqlsh, debian, entry_name, io_error, java,
};
use crate::binaries::{Binaries, sources};
use crate::cache::{Cache, Key};
use crate::image_names;
use crate::packages;

const ARCHIVE: &str = "images.tar";

/// An image of one statically linked program.
struct Program<'a> {
    name: &'static str,
    file: &'a Path,
    user: &'static str,
}

/// What the archive is made from, all in the cache.
struct Parts<'a> {
    programs: [Program<'a>; 3],
    debian: Debian,
    java: PathBuf,
    cqlsh: PathBuf,
    cassandra: Vec<(Version, PathBuf)>,
}

/// The archive with the images of [`image_names`] and `docker.io/library/cassandra`, each version under the tags of its line
/// and of its release, in a cache entry of its own.
///
/// # Errors
/// [`ImageError`] when a part of it cannot be made.
pub fn ensure(cache: &Cache, binaries: &Binaries) -> Result<PathBuf, ImageError> {
    packages::ensure(PACKAGES)?;
    let program = |name, file, user| Program { name, file, user };
    let jars = |version| Ok::<_, ImageError>((version, cassandra::jars(cache, version)?));
    let parts = Parts {
        programs: [
            program(image_names::PAUSE, &binaries.pause, "65535:65535"),
            program(image_names::COREDNS, &binaries.coredns, ""),
            program(image_names::TRAEFIK, &binaries.traefik, ""),
        ],
        debian: debian::ensure(cache)?,
        java: java::ensure(cache)?,
        cqlsh: cqlsh::ensure(cache)?,
        cassandra: Version::ALL.into_iter().map(jars).collect::<Result<_, _>>()?,
    };
    let entry = cache.ensure(&key(&parts)?, |directory| write(&parts, directory))?;
    Ok(entry.join(ARCHIVE))
}

fn key(parts: &Parts<'_>) -> Result<Key, ImageError> {
    let mut key = Key::new("base-images", &format!("v{WRITER}")).with_files(&sources().join("image"))?;
    for program in &parts.programs {
        key = key.with(program.name).with(entry_name(program.file)).with(program.user);
    }
    key = key.with(&parts.debian.slim.digest).with(&parts.debian.tools.digest);
    key = key.with(entry_name(&parts.java)).with(parts.cqlsh.as_os_str().as_encoded_bytes());
    for (version, jars) in &parts.cassandra {
        let config = cassandra_layers::image_config(*version).to_string();
        key = key.with(jars.as_os_str().as_encoded_bytes()).with(config);
    }
    key = key.with(class_archive::SCRIPT).with(class_archive::ENVIRONMENT.concat());
    key = key.making("packing the base images, with the classes of each Cassandra");
    Ok(key.with(image_names::BASE).with(base_config().to_string()))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn base_config() -> Value {
    json!({ "Env": [PATH], "Cmd": ["/bin/bash"] })
}

fn write(parts: &Parts<'_>, directory: &Path) -> Result<(), ImageError> {
    let work = directory.join("layers");
    std::fs::create_dir(&work).map_err(io_error("creating", &work))?;
    let Debian { slim, tools } = &parts.debian;
    let mut images = parts.programs.iter().map(|program| one_program(program, &work)).collect::<Result<Vec<_>, _>>()?;
    images.push(Image {
        names: vec![image_names::BASE.to_owned()],
        layers: vec![slim.clone(), tools.clone()],
        config: base_config(),
    });
    let java = cassandra_layers::java(&parts.java, &work.join("java.tar"))?;
    let cqlsh = cassandra_layers::cqlsh(&parts.cqlsh, &work.join("cqlsh.tar"))?;
    for (version, jars) in &parts.cassandra {
        let jars = cassandra_layers::jars(jars, &work.join(format!("jars-{version}.tar")))?;
        let to = work.join(format!("cassandra-{version}.tar"));
        let common = cassandra_layers::common(*version, &sources().join("image"), &parts.debian, &to)?;
        let name = |tag: &str| format!("docker.io/library/cassandra:{tag}");
        let config = cassandra_layers::image_config(*version);
        let mut layers = vec![slim.clone(), tools.clone(), java.clone(), cqlsh.clone(), jars, common];
        let environment: Vec<String> = config["Env"].as_array().into_iter().flatten().map(text).collect();
        layers.push(class_archive::layer(&layers, &environment, &work, &work.join(format!("classes-{version}.tar")))?);
        images.push(Image { names: vec![name(version.line()), name(version.release())], layers, config });
    }
    archive::write(&images, &directory.join(ARCHIVE))?;
    std::fs::remove_dir_all(&work).map_err(io_error("deleting", &work))
}

/// The program at the root of an otherwise empty file system, but for a `/tmp`.
fn one_program(program: &Program<'_>, work: &Path) -> Result<Image, ImageError> {
    let name = program.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut tree = Tree::default();
    tree.copy(&name, program.file)?;
    tree.directory("tmp", 0o1777);
    let layer: Layer = tree.write(&work.join(format!("{name}.tar")))?;
    Ok(Image {
        names: vec![program.name.to_owned()],
        layers: vec![layer],
        config: json!({ "Entrypoint": [format!("/{name}")], "User": program.user, "Env": [PATH] }),
    })
}
