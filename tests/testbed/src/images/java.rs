//! The Java runtime of the Cassandra images and of the rings on loopback: Debian's OpenJDK 17 cut
//! down by jlink to the modules that Cassandra, its tools and the JMX agent need. Blocking IO.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{ImageError, io_error};
use crate::cache::{Cache, Key};
use crate::command::{LONG, SHORT, run};

/// `jdk.httpserver` is for the JMX agent, `jdk.naming.rmi` for nodetool, `jdk.attach` for Cassandra.
const MODULES: &str = "java.se,jdk.attach,jdk.crypto.cryptoki,jdk.crypto.ec,jdk.httpserver,jdk.jcmd,jdk.jfr,\
    jdk.localedata,jdk.management,jdk.management.agent,jdk.management.jfr,jdk.naming.dns,jdk.naming.rmi,jdk.net,\
    jdk.security.auth,jdk.unsupported,jdk.zipfs";
const OPTIONS: &[&str] =
    &["--strip-java-debug-attributes", "--no-header-files", "--no-man-pages", "--generate-cds-archive"];

/// The home directory of the runtime (`bin/java` is below it).
///
/// # Errors
/// [`ImageError::NoJdk`] when no development kit is installed, or the error of jlink.
pub fn ensure(cache: &Cache) -> Result<PathBuf, ImageError> {
    let jdk = jdk()?;
    // Names the build of OpenJDK: a security update of the package is another runtime.
    let release = fs::read(jdk.join("release")).map_err(io_error("reading", &jdk))?;
    let key = Key::new("java", "17")
        .with(release)
        .with(MODULES)
        .with(OPTIONS.concat())
        .making("cutting the Java runtime down");
    let entry = cache.ensure(&key, |directory| {
        let home = directory.join("openjdk");
        let mut jlink = Command::new(jdk.join("bin/jlink"));
        jlink.args(OPTIONS).arg("--add-modules").arg(MODULES).arg("--output").arg(&home);
        run(&mut jlink, LONG)?;
        run(Command::new(home.join("bin/java")).arg("-version"), SHORT)?;
        Ok::<(), ImageError>(())
    })?;
    Ok(entry.join("openjdk"))
}

fn jdk() -> Result<PathBuf, ImageError> {
    let directory = Path::new("/usr/lib/jvm");
    let entries = fs::read_dir(directory).map_err(|_| ImageError::NoJdk)?;
    let mut homes: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    homes.sort();
    homes.into_iter().find(|home| is_jdk_17(home)).ok_or(ImageError::NoJdk)
}

fn is_jdk_17(home: &Path) -> bool {
    let release = fs::read_to_string(home.join("release")).unwrap_or_default();
    release.contains("JAVA_VERSION=\"17.") && home.join("jmods").is_dir() && home.join("bin/jlink").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_development_kit_of_version_17_is_taken() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let home = directory.path();
        fs::create_dir_all(home.join("bin")).expect("create");
        fs::write(home.join("bin/jlink"), "").expect("write");
        fs::write(home.join("release"), "JAVA_VERSION=\"17.0.15\"\n").expect("write");
        assert!(!is_jdk_17(home), "a runtime without modules cannot be cut down");
        fs::create_dir(home.join("jmods")).expect("create");
        assert!(is_jdk_17(home));
        fs::write(home.join("release"), "JAVA_VERSION=\"25.0.1\"\n").expect("write");
        assert!(!is_jdk_17(home));
    }
}
