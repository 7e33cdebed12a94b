//! cqlsh with the Python packages that it needs, for Debian's Python. Blocking IO, into the cache.

use std::path::PathBuf;
use std::process::Command;

use super::ImageError;
use crate::cache::{Cache, Key};
use crate::command::{LONG, run};

const VERSION: &str = "6.2.2";
const DRIVER: &str = "cassandra-driver==3.29.2";
/// The Python of Debian bookworm, whatever Python runs pip here.
const PYTHON: &str = "3.11";

/// The directory to put on PYTHONPATH.
pub(super) fn ensure(cache: &Cache) -> Result<PathBuf, ImageError> {
    let architecture = std::env::consts::ARCH;
    let key = Key::new("cqlsh", VERSION).with(DRIVER).with(PYTHON).with(architecture).making("fetching cqlsh");
    Ok(cache.ensure(&key, |directory| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore"]);
        // Compiled files would hold the time of the build.
        pip.args(["--no-compile", "--only-binary=:all:", "--python-version", PYTHON, "--target"]).arg(directory);
        for platform in ["manylinux_2_28", "manylinux2014"] {
            pip.arg("--platform").arg(format!("{platform}_{architecture}"));
        }
        pip.args(["--platform", "any", &format!("cqlsh=={VERSION}"), DRIVER]);
        run(&mut pip, LONG).map(drop)
    })?)
}
