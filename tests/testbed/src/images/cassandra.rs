//! Cassandra itself: its versions, its jars and the JMX agent's, by Maven. Blocking IO, into the
//! cache.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use super::{ImageError, io_error};
use crate::cache::{Cache, Key};
use crate::command::{LONG, run};

const DEPENDENCY_PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1";
/// The version of the Jolokia agent, as in `operator/Dockerfile`.
pub const JOLOKIA: &str = "2.2.9";

/// A release line of Cassandra that the project supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// 4.1
    V4_1,
    /// 5.0
    V5_0,
}

impl Version {
    /// Both, the older one first.
    pub const ALL: [Self; 2] = [Self::V4_1, Self::V5_0];

    /// The release line, which is also the tag of its image: `4.1`.
    pub const fn line(self) -> &'static str {
        match self {
            Self::V4_1 => "4.1",
            Self::V5_0 => "5.0",
        }
    }

    /// The release that is tested, with its patch number.
    pub const fn release(self) -> &'static str {
        match self {
            Self::V4_1 => store_crds::CASSANDRA_4_1,
            Self::V5_0 => store_crds::CASSANDRA_5_0,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.line())
    }
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|version| text == version.line() || text == version.release());
        known.ok_or_else(|| format!("unknown Cassandra version {text}: use 4.1 or 5.0"))
    }
}

/// The directory with the jars of `version`, those for this processor and Linux only.
///
/// # Errors
/// The error of Maven.
pub fn jars(cache: &Cache, version: Version) -> Result<PathBuf, ImageError> {
    let release = version.release();
    let pom = format!(
        r#"<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>io.storemanager</groupId><artifactId>cassandra-jars</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.cassandra</groupId><artifactId>cassandra-all</artifactId><version>{release}</version></dependency>
</dependencies></project>
"#
    );
    let key = Key::new("cassandra-jars", release).with(&pom).with(DEPENDENCY_PLUGIN).with(std::env::consts::ARCH);
    let key = key.making(format!("fetching Cassandra {release}"));
    Ok(cache.ensure(&key, |directory| {
        let file = directory.join("pom.xml");
        fs::write(&file, &pom).map_err(io_error("writing", &file))?;
        let mut maven = Command::new("mvn");
        maven.args(["--quiet", "--batch-mode", "-f"]).arg(&file);
        maven.arg(format!("{DEPENDENCY_PLUGIN}:copy-dependencies")).arg("-DincludeScope=runtime");
        maven.arg(format!("-DoutputDirectory={}", directory.display()));
        run(&mut maven, LONG)?;
        fs::remove_file(&file).map_err(io_error("deleting", &file))?;
        for jar in list_jars(directory)? {
            if is_foreign(&file_name(&jar)) {
                fs::remove_file(&jar).map_err(io_error("deleting", &jar))?;
            }
        }
        find_jar(directory, "cassandra-all-").map(|_| ())
    })?)
}

/// The jar of the Jolokia agent for a Java process, which needs nothing else.
///
/// # Errors
/// The error of Maven.
pub fn jolokia_agent(cache: &Cache) -> Result<PathBuf, ImageError> {
    let artifact = format!("org.jolokia:jolokia-agent-jvm:{JOLOKIA}:jar:javaagent");
    let key = Key::new("jolokia-agent", JOLOKIA).with(&artifact).with(DEPENDENCY_PLUGIN);
    let key = key.making(format!("fetching the Jolokia agent {JOLOKIA}"));
    let entry = cache.ensure(&key, |directory| {
        let mut maven = Command::new("mvn");
        maven.args(["--quiet", "--batch-mode"]).current_dir(directory).arg(format!("{DEPENDENCY_PLUGIN}:copy"));
        maven.arg(format!("-Dartifact={artifact}")).arg(format!("-DoutputDirectory={}", directory.display()));
        run(&mut maven, LONG)?;
        let fetched = find_jar(directory, "jolokia-agent-jvm-")?;
        let place = directory.join("jolokia-agent.jar");
        fs::rename(&fetched, &place).map_err(io_error("renaming", &fetched))
    })?;
    Ok(entry.join("jolokia-agent.jar"))
}

/// The jars in `directory`, in order of name.
///
/// # Errors
/// [`ImageError::Io`] when the directory cannot be listed.
pub fn list_jars(directory: &Path) -> Result<Vec<PathBuf>, ImageError> {
    let read = || fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    let mut paths = read().map_err(io_error("listing", directory))?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jar"));
    paths.sort();
    Ok(paths)
}

/// The jar in `directory` whose name begins with `prefix`.
///
/// # Errors
/// [`ImageError::NoJar`] when there is none.
pub fn find_jar(directory: &Path, prefix: &str) -> Result<PathBuf, ImageError> {
    let jars = list_jars(directory)?;
    jars.into_iter()
        .find(|jar| file_name(jar).starts_with(prefix))
        .ok_or_else(|| ImageError::NoJar(format!("{prefix}*.jar")))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Native code for another system or processor.
fn is_foreign(jar: &str) -> bool {
    let others: &[&str] = match std::env::consts::ARCH {
        "aarch64" => &["-osx-", "-windows-", "-riscv64", "-x86_64"],
        _ => &["-osx-", "-windows-", "-riscv64", "-aarch_64"],
    };
    others.iter().any(|other| jar.contains(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_named_by_its_line_or_its_release() {
        assert_eq!("4.1".parse(), Ok(Version::V4_1));
        assert_eq!(Version::V5_0.release().parse(), Ok(Version::V5_0));
        assert!("3.11".parse::<Version>().is_err_and(|error| error.contains("4.1 or 5.0")));
    }

    /// The API's crate does not know the operator's, so its example is a copy.
    #[test]
    fn the_release_in_the_apis_example_is_the_one_that_is_tested() {
        let file = crate::checkout::root().join("api-server/src/openapi/examples.json");
        let examples: serde_json::Value = serde_json::from_str(&fs::read_to_string(file).expect("read")).expect("JSON");
        assert_eq!(examples["listNodes"]["answer"][0]["release_version"], Version::V5_0.release());
    }

    #[test]
    fn jars_with_native_code_for_other_systems_are_left_out() {
        assert!(is_foreign("netty-transport-native-kqueue-4.1.119.Final-osx-x86_64.jar"));
        assert!(is_foreign("netty-tcnative-boringssl-static-2.0.70.Final-windows-x86_64.jar"));
        assert!(!is_foreign("netty-tcnative-boringssl-static-2.0.70.Final.jar"));
        assert!(!is_foreign("jna-5.13.0.jar"));
    }
}
