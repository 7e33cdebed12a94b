//! Prometheus, promtool and nginx, taken out of Debian's packages. Blocking IO, into the cache.

use std::path::{Path, PathBuf};

use store_testbed::cache::Cache;

use crate::debian::{DebianError, unpacked};

/// The programs could not be had.
pub type ProgramsError = DebianError;

/// The directory with `prometheus` and `promtool`.
///
/// # Errors
/// [`ProgramsError`] when the package cannot be had.
pub fn ensure(cache: &Cache) -> Result<PathBuf, ProgramsError> {
    Ok(unpacked(cache, "prometheus", Path::new("usr/bin/promtool"))?.join("usr/bin"))
}

/// The program `nginx`.
///
/// # Errors
/// [`ProgramsError`] when the package cannot be had.
pub fn nginx(cache: &Cache) -> Result<PathBuf, ProgramsError> {
    let program = Path::new("usr/sbin/nginx");
    Ok(unpacked(cache, "nginx", program)?.join(program))
}
