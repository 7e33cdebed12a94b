//! The container images of the testbed and of the project, made without a container daemon from
//! Debian packages, Maven artifacts, Python packages and programs built here. Blocking IO, into the
//! cache.

pub mod cassandra;
pub mod java;

use std::io;
use std::path::{Path, PathBuf};

use crate::cache::CacheError;
use crate::command::CommandError;
use crate::packages::Package;

/// What making images, and running Cassandra without one, needs of Debian.
pub const PACKAGES: &[Package] = &[
    Package { name: "openjdk-17-jdk-headless", purpose: "the Java that Cassandra runs on" },
    Package { name: "maven", purpose: "fetching Cassandra's jars" },
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
    /// What Maven brought lacks a jar.
    #[error("no {0} among what Maven fetched: the artifact's layout has changed")]
    NoJar(String),
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ImageError {
    let path = path.to_owned();
    move |source| ImageError::Io { action, path, source }
}
