//! What a local node is started from: the Java runtime, the jars and an archive of the loaded
//! classes, all from the cache. IO: the cache, blocking on a thread of its own; one Cassandra is
//! started to make the archive.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use tokio::runtime::Handle;

use super::addresses::Block;
use super::node::Node;
use super::{Addresses, Options, RingError, START_DEADLINE, STOP_DEADLINE, configuration, io_error, readiness};
use crate::cache::{Cache, Key};
use crate::images::cassandra::{Version, find_jar, jars, jolokia_agent, list_jars};
use crate::images::java;
use crate::packages;

/// Java may share classes with an archive although an agent (jamm, which Cassandra measures its
/// memory with) looks at them; jamm changes none.
const SHARE_WITH_AGENTS: [&str; 2] = ["-XX:+UnlockDiagnosticVMOptions", "-XX:+AllowArchivingWithJavaAgent"];
const ARCHIVE: &str = "classes.jsa";
/// Not a port that a ring would be asked to use.
const TRAINING_CQL_PORT: u16 = 39042;

/// Java, jars and agents of one version.
#[derive(Debug, Clone)]
pub(super) struct Installation {
    java_home: PathBuf,
    jars: PathBuf,
    class_path: String,
    memory_agent: PathBuf,
    jolokia_agent: Option<PathBuf>,
    class_archive: Option<PathBuf>,
}

impl Installation {
    pub(super) fn java(&self) -> PathBuf {
        self.java_home.join("bin/java")
    }

    /// The end of the Java command line: archive, agents, class path and main class.
    pub(super) fn arguments(&self, options: &Options, address: Ipv4Addr) -> Vec<String> {
        let mut arguments: Vec<String> = SHARE_WITH_AGENTS.map(str::to_owned).to_vec();
        if let Some(archive) = &self.class_archive {
            arguments.push(format!("-XX:SharedArchiveFile={}", archive.display()));
            // A stale archive costs time, not the start.
            arguments.push("-Xshare:auto".to_owned());
        }
        arguments.push(format!("-javaagent:{}", self.memory_agent.display()));
        if let (Some(agent), Some((user, password))) = (&self.jolokia_agent, &options.jolokia) {
            let port = configuration::JOLOKIA_PORT;
            let agent = agent.display();
            arguments.push(format!("-javaagent:{agent}=host={address},port={port},user={user},password={password},executor=fixed,threadNr=8"));
        }
        arguments.extend(["-cp".to_owned(), self.class_path.clone()]);
        arguments.push("org.apache.cassandra.service.CassandraDaemon".to_owned());
        arguments
    }
}

/// Makes or finds everything for `version`.
pub(super) async fn ensure(version: Version, with_jolokia: bool) -> Result<Installation, RingError> {
    let work = move || {
        packages::ensure(crate::images::PACKAGES).map_err(crate::images::ImageError::from)?;
        let cache = Cache::open()?;
        let jolokia_agent = if with_jolokia { Some(jolokia_agent(&cache)?) } else { None };
        let jars = jars(&cache, version)?;
        let plain = Installation {
            java_home: java::ensure(&cache)?,
            class_path: class_path(&jars)?,
            memory_agent: find_jar(&jars, "jamm-")?,
            jars,
            jolokia_agent,
            class_archive: None,
        };
        let class_archive = Some(ensure_class_archive(&cache, version, &plain)?);
        Ok(Installation { class_archive, ..plain })
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| RingError::Task(error.to_string()))?
}

fn class_path(jars: &Path) -> Result<String, RingError> {
    let jars = list_jars(jars)?;
    Ok(jars.iter().map(|jar| jar.display().to_string()).collect::<Vec<_>>().join(":"))
}

/// The archive of the classes that a node has loaded by the time it serves: with it a start takes
/// a third less processor time.
fn ensure_class_archive(cache: &Cache, version: Version, plain: &Installation) -> Result<PathBuf, RingError> {
    // Java takes the archive only with the very files, by path, that it was made from.
    let paths = format!("{} {}", plain.java_home.display(), plain.jars.display());
    let key = Key::new("cassandra-classes", version.release()).with(paths);
    let key = key.making(format!("archiving the classes of Cassandra {}", version.release()));
    let entry = cache.ensure(&key, |directory| {
        let work = tempfile::tempdir().map_err(io_error("creating a temporary directory"))?;
        let options = Options { version, cql_port: TRAINING_CQL_PORT, ..Options::new(work.path()) };
        let archive = directory.join(ARCHIVE);
        // This runs on a thread for blocking work, where waiting for async work is allowed.
        Handle::current().block_on(train(plain, &options, &archive))?;
        std::fs::metadata(&archive).map_err(io_error("looking for the class archive that Java should have written"))?;
        Ok::<(), RingError>(())
    })?;
    Ok(entry.join(ARCHIVE))
}

async fn train(plain: &Installation, options: &Options, archive: &Path) -> Result<(), RingError> {
    let block = Block::take(Addresses::Free, options.nodes, options.cql_port)?;
    let founders = block.members(options.nodes);
    let address = *founders.first().ok_or(RingError::Size(0))?;
    let mut node = Node::create(plain, options, &configuration::Place { founders: &founders, index: 0, address })?;
    node.add_argument(format!("-XX:ArchiveClassesAtExit={}", archive.display()));
    node.spawn()?;
    let mut nodes = [node];
    readiness::wait(&mut nodes, options, START_DEADLINE).await?;
    let [mut node] = nodes;
    node.stop(STOP_DEADLINE).await
}
