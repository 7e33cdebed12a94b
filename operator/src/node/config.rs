//! `node-config`: prepares the configuration directory of a Cassandra pod before Cassandra starts.
//!
//! It finds the image's own files there, copied by the container before it, and lays over
//! cassandra.yaml, in this order: the operator's defaults, the user's settings, and what the operator
//! decides. Beside that it writes rack and datacenter, Java options, and the settings of the
//! management agent. The image's files are kept as `*.image`, so that another run starts from them
//! again and gives the same result.
//!
//! IO: files of the pod, name resolution.

use std::fs;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use store_planner::node::yaml::{self, YamlError};
use store_planner::node::{files, jvm};
use thiserror::Error;

use super::decided::{self, Identity};
use super::seeds::{self, Network, PodNetwork, SeedError, Surroundings};
use super::{check, jolokia, logback};

/// Suffix of the kept originals.
const ORIGINAL: &str = "image";

/// Identity of the pod and places of its files.
#[derive(Args, Clone, Debug)]
pub struct ConfigArgs {
    /// Name of the ring, for a volume that does not tell it: namespace/name, or the bare name of an old ring.
    #[arg(long, env = "STORE_CLUSTER_NAME")]
    pub cluster_name: String,
    /// Datacenter of the node.
    #[arg(long, env = "STORE_DATACENTER")]
    pub datacenter: String,
    /// Rack of the node.
    #[arg(long, env = "STORE_RACK")]
    pub rack: String,
    /// Version of Cassandra in the image, such as 5.0 or 4.1.10.
    #[arg(long, env = "STORE_CASSANDRA_VERSION")]
    pub cassandra_version: String,
    /// Headless Service of the ring.
    #[arg(long, env = "STORE_HEADLESS_SERVICE")]
    pub headless_service: String,
    /// Name of the pod.
    #[arg(long, env = "POD_NAME")]
    pub pod_name: String,
    /// Namespace of the pod.
    #[arg(long, env = "POD_NAMESPACE")]
    pub pod_namespace: String,
    /// Address of the pod.
    #[arg(long, env = "POD_IP")]
    pub pod_ip: IpAddr,
    /// Configuration directory of Cassandra with the image's files.
    #[arg(long, default_value = files::CONFIG_DIR)]
    pub config_dir: PathBuf,
    /// Volume of the node.
    #[arg(long, default_value = files::DATA_DIR)]
    pub data_dir: PathBuf,
    /// Directory of the operator's settings.
    #[arg(long, default_value = files::SETTINGS_DIR)]
    pub settings_dir: PathBuf,
    /// Directory of the configuration that this pod was made for.
    #[arg(long, default_value = files::CONFIGURATION_DIR)]
    pub configuration_dir: PathBuf,
    /// Hash of that configuration.
    #[arg(long, env = "STORE_CONFIGURATION", default_value = "")]
    pub configuration: String,
    /// Prepare a trial run of the configuration, which takes part in no ring.
    #[arg(long)]
    pub check: bool,
    /// Directory with user name and password of the management port.
    #[arg(long, default_value = files::CREDENTIALS_DIR)]
    pub credentials_dir: PathBuf,
    /// Directory that the management agent is put into.
    #[arg(long, default_value = files::AGENT_DIR)]
    pub agent_dir: PathBuf,
    /// The management agent.
    #[arg(long, default_value = files::AGENT_JAR)]
    pub agent_jar: PathBuf,
}

/// Why the configuration could not be prepared. Each text says what to look at.
#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("reading {path}: {source}; {advice}")]
    Read { path: PathBuf, source: io::Error, advice: &'static str },
    #[error("writing {path}: {source}; the directory must be writable for user 999 and have space")]
    Write { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Yaml(#[from] YamlError),
    #[error(transparent)]
    Seeds(#[from] SeedError),
    #[error(
        "configuration {configuration} is tried by {pods} first, and this pod was made while that one was made, too; \
         the operator makes it again with the configuration before"
    )]
    NotItsTurn { configuration: String, pods: String },
    #[error("reading {path}: '{text}' is not a replication factor; the operator writes 2 or 3 there")]
    TokenReplication { path: PathBuf, text: String },
    #[error(
        "reading {path}: '{text}' is not a number of tokens; write the number that `nodetool info -T` shows for the node"
    )]
    Tokens { path: PathBuf, text: String },
}

const IMAGE_ADVICE: &str = "the Cassandra image must have the official image's /etc/cassandra";
const SETTINGS_ADVICE: &str = "the operator's ConfigMap must be mounted there with all its keys";
const CONFIGURATION_ADVICE: &str = "the ConfigMap of the pod's configuration must be mounted there with all its keys";
const CREDENTIALS_ADVICE: &str = "the Secret of the management port must be mounted there with username and password";
const DATA_ADVICE: &str = "the node's volume must be readable for user 999";
const JAR_ADVICE: &str = "the operator's image must carry the management agent";

/// Prepares the configuration. Harmless to repeat.
///
/// # Errors
/// A file that is missing or wrong, or seeds that cannot be found in time.
pub async fn node_config(args: &ConfigArgs) -> Result<(), ConfigError> {
    prepare(args, &PodNetwork).await
}

async fn prepare(args: &ConfigArgs, network: &impl Network) -> Result<(), ConfigError> {
    let configured = |key: &str| read(&args.configuration_dir.join(key), CONFIGURATION_ADVICE);
    if args.check {
        let seeds = [args.pod_ip.to_string()];
        write_cassandra_yaml(args, &seeds, &configured(files::OVERRIDES)?, CHECK_FACTOR)?;
        write_rack(args)?;
        write_java_options(args, &configured(files::JVM_OPTIONS)?)?;
        cap_logs(&args.config_dir)?;
        return write_check(args);
    }
    let setting = |key: &str| read(&args.settings_dir.join(key), SETTINGS_ADVICE);
    await_turn(args, &setting(files::TRIAL)?)?;
    let listed = setting(files::SEEDS)?.lines().map(str::to_owned).collect();
    let surroundings = Surroundings {
        pod: args.pod_name.clone(),
        address: args.pod_ip,
        namespace: args.pod_namespace.clone(),
        service: args.headless_service.clone(),
        listed,
        has_data: has_data(&args.data_dir),
    };
    let seeds = seeds::choose(&surroundings, network).await?;
    tracing::info!(seeds = seeds.join(","), has_data = surroundings.has_data, "seeds chosen");

    write_cassandra_yaml(args, &seeds, &configured(files::OVERRIDES)?, &setting(files::TOKEN_REPLICATION)?)?;
    write_rack(args)?;
    write_java_options(args, &configured(files::JVM_OPTIONS)?)?;
    cap_logs(&args.config_dir)?;
    write_agent(args)
}

/// A configuration that no node has come up with yet is tried by the pods that are named, and by no other: one that
/// was made with it all the same, since its pod was lost in the moment when the other was made, does not start.
fn await_turn(args: &ConfigArgs, trial: &str) -> Result<(), ConfigError> {
    let mut lines = trial.lines();
    let tried = lines.next().filter(|tried| *tried == args.configuration);
    let pods: Vec<&str> = lines.collect();
    match tried {
        Some(tried) if !pods.contains(&args.pod_name.as_str()) => {
            Err(ConfigError::NotItsTurn { configuration: tried.to_owned(), pods: pods.join(", ") })
        }
        _ => Ok(()),
    }
}

/// Replication factor that a trial run is told to choose tokens for: it chooses none.
const CHECK_FACTOR: &str = "3";

/// What the container of a trial run starts.
fn write_check(args: &ConfigArgs) -> Result<(), ConfigError> {
    let java = args.config_dir.join(files::CHECK_JAVA);
    if let Some(directory) = java.parent() {
        fs::create_dir_all(directory).map_err(|source| ConfigError::Write { path: directory.to_owned(), source })?;
    }
    write_with_mode(&java, check::java(files::CHECK_CLASS).as_bytes(), 0o755)?;
    let class = args.config_dir.join(format!("{}.class", files::CHECK_CLASS));
    write(&class, &check::class_file(files::CHECK_CLASS))
}

/// Whether Cassandra has run on the volume before.
fn has_data(data_dir: &Path) -> bool {
    fs::read_dir(data_dir.join("data/system")).is_ok_and(|mut tables| tables.next().is_some())
}

/// The number of tokens that the volume tells; a new one is told it.
fn tokens(data_dir: &Path) -> Result<u32, ConfigError> {
    let path = data_dir.join(files::TOKENS);
    if path.exists() {
        let text = read(&path, DATA_ADVICE)?;
        return text.trim().parse().map_err(|_| ConfigError::Tokens { path, text: text.trim().to_owned() });
    }
    let tokens = if has_data(data_dir) { decided::TOKENS_BEFORE } else { decided::TOKENS };
    write(&path, format!("{tokens}\n").as_bytes())?;
    Ok(tokens)
}

/// The name of the ring that the volume tells; a new one is told it.
fn cluster_name(args: &ConfigArgs) -> Result<String, ConfigError> {
    let path = args.data_dir.join(files::CLUSTER_NAME);
    if path.exists() {
        return Ok(read(&path, DATA_ADVICE)?.trim().to_owned());
    }
    let told = args.cluster_name.as_str();
    // before volumes told it, every ring had the bare name of its shop
    let bare = told.rsplit('/').next().unwrap_or(told);
    let name = if has_data(&args.data_dir) { bare } else { told };
    write(&path, format!("{name}\n").as_bytes())?;
    Ok(name.to_owned())
}

fn write_cassandra_yaml(args: &ConfigArgs, seeds: &[String], overrides: &str, factor: &str) -> Result<(), ConfigError> {
    let factor = factor.trim().parse().map_err(|_| ConfigError::TokenReplication {
        path: args.settings_dir.join(files::TOKEN_REPLICATION),
        text: factor.trim().to_owned(),
    })?;
    let path = args.config_dir.join("cassandra.yaml");
    let identity = Identity {
        cluster_name: cluster_name(args)?,
        version: args.cassandra_version.clone(),
        address: args.pod_ip.to_string(),
        tokens: tokens(&args.data_dir)?,
    };
    let mut settings = yaml::parse(&read_original(&path)?, "the image's cassandra.yaml")?;
    let overrides = yaml::parse(overrides, "spec.cassandra.cassandraYaml")?;
    yaml::merge(&mut settings, decided::defaults(&identity.version, factor));
    yaml::merge(&mut settings, decided::commit_log(&overrides));
    yaml::merge(&mut settings, overrides);
    yaml::merge(&mut settings, decided::decided(&identity, seeds));
    write(&path, yaml::print(&settings).as_bytes())
}

/// The other snitch's file goes: `GossipingPropertyFileSnitch` would believe its example entries.
fn write_rack(args: &ConfigArgs) -> Result<(), ConfigError> {
    let path = args.config_dir.join("cassandra-rackdc.properties");
    write(&path, format!("dc={}\nrack={}\n", args.datacenter, args.rack).as_bytes())?;
    let example = args.config_dir.join("cassandra-topology.properties");
    match fs::remove_file(&example) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(ConfigError::Write { path: example, source }),
        _ => Ok(()),
    }
}

fn write_java_options(args: &ConfigArgs, options: &str) -> Result<(), ConfigError> {
    let mut options: Vec<String> = options.lines().map(str::to_owned).collect();
    // the image's start script takes MAX_HEAP_SIZE only where no options file has a heap
    let replaced: Vec<String> = options.iter().cloned().chain(["-Xms".into(), "-Xmx".into()]).collect();
    for name in options_files(&args.config_dir)? {
        let path = args.config_dir.join(&name);
        let text = jvm::without_replaced(&read_original(&path)?, &replaced);
        write(&path, text.as_bytes())?;
    }
    // The default superuser is there as soon as CQL is, instead of ten seconds later.
    options.insert(0, "-Dcassandra.superuser_setup_delay_ms=0".to_owned());
    if !args.check {
        options.push(jolokia::java_option());
    }
    let main = args.config_dir.join(jvm::MAIN_FILE);
    let text = jvm::with_options(&read(&main, IMAGE_ADVICE)?, &options);
    write(&main, text.as_bytes())
}

fn options_files(config_dir: &Path) -> Result<Vec<String>, ConfigError> {
    let entries = fs::read_dir(config_dir).map_err(|source| ConfigError::Read {
        path: config_dir.to_owned(),
        source,
        advice: IMAGE_ADVICE,
    })?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter(|name| jvm::is_options_file(name)).collect())
}

/// An image without this file logs to standard output only, and needs no caps.
fn cap_logs(config_dir: &Path) -> Result<(), ConfigError> {
    let path = config_dir.join("logback.xml");
    if !path.exists() {
        return Ok(());
    }
    write(&path, logback::capped(&read_original(&path)?).as_bytes())
}

fn write_agent(args: &ConfigArgs) -> Result<(), ConfigError> {
    let credential = |key: &str| read(&args.credentials_dir.join(key), CREDENTIALS_ADVICE);
    let (user, password) = (credential("username")?, credential("password")?);
    let jar = fs::read(&args.agent_jar).map_err(|source| ConfigError::Read {
        path: args.agent_jar.clone(),
        source,
        advice: JAR_ADVICE,
    })?;
    write(&args.agent_dir.join(jolokia::JAR_FILE), &jar)?;
    let properties = jolokia::properties(user.trim_end(), password.trim_end());
    write_with_mode(&args.agent_dir.join(jolokia::PROPERTIES_FILE), properties.as_bytes(), 0o600)
}

/// The image's text of a file, from the copy that the first run kept.
fn read_original(path: &Path) -> Result<String, ConfigError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ORIGINAL);
    let kept = path.with_file_name(name);
    if !kept.exists() {
        write(&kept, read(path, IMAGE_ADVICE)?.as_bytes())?;
    }
    read(&kept, IMAGE_ADVICE)
}

fn read(path: &Path, advice: &'static str) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source, advice })
}

/// Writes a file whole or not at all, so that a run that is cut off leaves none half written.
fn write(path: &Path, content: &[u8]) -> Result<(), ConfigError> {
    write_with_mode(path, content, 0o644)
}

fn write_with_mode(path: &Path, content: &[u8], mode: u32) -> Result<(), ConfigError> {
    let failed = |source| ConfigError::Write { path: path.to_owned(), source };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let unfinished = path.with_file_name(name);
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&unfinished).map_err(failed)?;
    file.write_all(content).map_err(failed)?;
    fs::rename(&unfinished, path).map_err(failed)
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
