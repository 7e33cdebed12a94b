//! The container images of the testbed and of the project, made without a container daemon from
//! Debian packages, Maven artifacts, Python packages and programs built here. Blocking IO, into the
//! cache.

pub mod archive;
mod base;
pub mod cassandra;
mod cassandra_layers;
mod class_archive;
mod cqlsh;
pub mod debian;
pub mod java;
mod project;
pub mod tree;

use std::io;
use std::path::{Path, PathBuf};

pub use base::ensure;
pub use project::{Profile, project};

use crate::cache::CacheError;
use crate::command::CommandError;
use crate::packages::Package;

/// Goes up when the programs that write layers and archives change what they write: it is part of
/// the name of every cache entry made by them.
const WRITER: &str = "1";
/// Where programs are in an image, as a variable of its environment.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What making images, and running Cassandra without one, needs of Debian.
pub const PACKAGES: &[Package] = &[
    Package { name: "openjdk-17-jdk-headless", purpose: "the Java that Cassandra runs on" },
    Package { name: "maven", purpose: "fetching Cassandra's jars" },
    Package { name: "mmdebstrap", purpose: "the images' Debian" },
    Package { name: "python3-pip", purpose: "fetching cqlsh" },
    Package { name: "util-linux", purpose: "setpriv, which ties Cassandra's life to its starter's" },
];

/// An image, or a part of one, could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The cache failed, or a build in it.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// A tool failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The file system refused.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// No Java development kit with `jlink` and modules is installed.
    #[error("no Java 17 development kit in /usr/lib/jvm: install openjdk-17-jdk-headless")]
    NoJdk,
    /// apt has no Debian source of this suite.
    #[error("apt on this machine has no source for Debian {0}: add one to its configuration")]
    NoMirror(&'static str),
    /// What Maven brought lacks a jar.
    #[error("no {0} among what Maven fetched: the artifact's layout has changed")]
    NoJar(String),
}

/// The name of the cache entry that `path` lies in directly, which stands for its content.
fn entry_name(path: &Path) -> String {
    path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned()
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ImageError {
    let path = path.to_owned();
    move |source| ImageError::Io { action, path, source }
}
