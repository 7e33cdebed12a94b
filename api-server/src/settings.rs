//! Settings: a flag wins over the environment, the environment over `.env`, that over the default.

mod access;
mod in_clear;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use thiserror::Error;

use crate::admission::Bounds;
use crate::admission::rate::Quota;
use crate::auth::tokens::TokensError;
use crate::cors::Origin;
use crate::models::Level;
use crate::webhooks::{self, Webhook, WebhooksError};

pub use access::{Access, Auth, SigningAlgorithm};

/// The store's REST API in front of Apache Cassandra.
#[derive(Debug, Parser)]
#[command(
    name = "store-api",
    version,
    about,
    max_term_width = 110,
    after_help = "By environment only, so that they never show in the list of processes:\n  \
        CASSANDRA_PASSWORD  password for Cassandra\n  \
        STORE_CURSOR_KEY    secret that signs paging cursors, 16 bytes or more\n\
        And RUST_LOG        log filter, such as info,store_api=debug"
)]
pub struct Cli {
    #[command(flatten)]
    pub settings: Settings,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What the program does; `serve` unless named.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer HTTP (the default)
    Serve,
    /// Bring the tables of the keyspace to the version this binary expects
    Migrate(MigrateArgs),
    /// Put a demo catalogue into the store
    Seed(SeedArgs),
    /// Tell of stored texts that today's rules would not take as they are
    Texts,
    /// Print the OpenAPI document
    Openapi,
    /// Print the schema of GraphQL queries
    Graphql,
    /// Print a table of every metric
    Metrics,
}

/// Settings of `migrate` alone.
#[derive(Debug, Args, Clone)]
pub struct MigrateArgs {
    /// Create the keyspace if it is not there
    #[arg(long, env = "STORE_CREATE_KEYSPACE", requires = "replication_factor", requires = "datacenter")]
    pub create_keyspace: bool,
    /// Replicas in the datacenter, with --create-keyspace
    #[arg(long, env = "STORE_REPLICATION_FACTOR", value_parser = clap::value_parser!(u16).range(1..))]
    pub replication_factor: Option<u16>,
    /// Datacenter of NetworkTopologyStrategy, with --create-keyspace
    #[arg(long, env = "STORE_MIGRATE_DATACENTER")]
    pub datacenter: Option<String>,
}

/// Settings of `seed` alone.
#[derive(Debug, Args, Clone)]
pub struct SeedArgs {
    /// Products to have
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(0..=2000))]
    pub products: u32,
    /// Users to have
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=2000))]
    pub users: u32,
    /// Another number makes other rows, beside those of the first
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Settings that every command takes.
#[derive(Debug, Args, Clone)]
pub struct Settings {
    /// Contact points, a comma list of host[:port]
    #[arg(long, env = "CASSANDRA_HOST", default_value = "127.0.0.1", value_delimiter = ',', global = true)]
    pub cassandra_host: Vec<String>,
    /// User name for Cassandra
    #[arg(long, env = "CASSANDRA_USERNAME", global = true)]
    pub cassandra_username: Option<String>,
    /// File with the user name
    #[arg(long, env = "CASSANDRA_USERNAME_FILE", global = true)]
    pub cassandra_username_file: Option<PathBuf>,
    /// Password for Cassandra, by environment only
    #[arg(skip)]
    pub cassandra_password: Option<Secret>,
    /// File with the password
    #[arg(long, env = "CASSANDRA_PASSWORD_FILE", global = true)]
    pub cassandra_password_file: Option<PathBuf>,
    /// Keyspace of the store's tables
    #[arg(long, env = "STORE_KEYSPACE", default_value = "store_manager", value_parser = keyspace_name, global = true)]
    pub keyspace: String,
    /// Address to listen on
    #[arg(long, env = "STORE_LISTEN_ADDRESS", default_value = "0.0.0.0", global = true)]
    pub listen_address: IpAddr,
    /// Port to listen on
    #[arg(long, env = "STORE_PORT", default_value_t = 5000, global = true)]
    pub port: u16,
    /// Port of probes and metrics, at the same address; 0 is any that is free
    #[arg(long, env = "STORE_OPERATIONS_PORT", default_value_t = 5001, global = true)]
    pub operations_port: u16,
    /// Datacenter whose nodes coordinate
    #[arg(long, env = "STORE_LOCAL_DATACENTER", value_parser = clap::builder::NonEmptyStringValueParser::new(), global = true)]
    pub local_datacenter: Option<String>,
    /// Rack whose replicas are asked first
    #[arg(long, env = "STORE_LOCAL_RACK", requires = "local_datacenter", value_parser = clap::builder::NonEmptyStringValueParser::new(), global = true)]
    pub local_rack: Option<String>,
    /// Level of reads that name none; what is written is never below LOCAL_QUORUM
    #[arg(long, env = "STORE_CONSISTENCY", default_value = "LOCAL_QUORUM", value_parser = plain_level, global = true)]
    pub consistency: Level,
    /// Level of the Paxos phase
    #[arg(long, env = "STORE_SERIAL_CONSISTENCY", default_value = "LOCAL_SERIAL", global = true)]
    pub serial_consistency: SerialLevel,
    /// Let LOCAL_SERIAL be used with replicas in several datacenters, where all that writes uses one of them
    #[arg(long, env = "STORE_ALLOW_LOCAL_SERIAL", num_args = 0..=1, default_value_t = false, default_missing_value = "true", global = true)]
    pub allow_local_serial: bool,
    /// Deadline of one request in milliseconds
    #[arg(long, env = "STORE_REQUEST_TIMEOUT_MS", default_value_t = 8000, value_parser = clap::value_parser!(u64).range(100..=600_000), global = true)]
    pub request_timeout_ms: u64,
    /// How long one CQL statement is waited for, in milliseconds
    #[arg(long, env = "STORE_STATEMENT_TIMEOUT_MS", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(50..=600_000), global = true)]
    pub statement_timeout_ms: u64,
    /// Requests worked on at once, at most
    #[arg(long, env = "STORE_MAX_REQUESTS", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..), global = true)]
    pub max_requests: u32,
    /// In a crowd before a busy store as many are worked on as end within so many milliseconds, and no fewer than 8
    #[arg(long, env = "STORE_CROWD_MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(10..=600_000), global = true)]
    pub crowd_ms: u64,
    /// Requests that may wait for one of these to end
    #[arg(long, env = "STORE_MAX_WAITING", default_value_t = 256, global = true)]
    pub max_waiting: u32,
    /// How long a request may wait so, in milliseconds
    #[arg(long, env = "STORE_MAX_WAIT_MS", default_value_t = 50, global = true)]
    pub max_wait_ms: u64,
    /// Connections open at once; one for each 128 KiB of the memory limit unless given, 4096 at most
    #[arg(long, env = "STORE_MAX_CONNECTIONS", value_parser = clap::value_parser!(u32).range(1..=1_000_000), global = true)]
    pub max_connections: Option<u32>,
    /// How long an answer waits for its client to read on, in milliseconds
    #[arg(long, env = "STORE_WRITE_TIMEOUT_MS", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(100..=600_000), global = true)]
    pub write_timeout_ms: u64,
    /// Threads that answer requests
    #[arg(long, env = "STORE_THREADS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256), global = true)]
    pub threads: u16,
    /// Proxies on the way that are believed about client and path
    #[arg(long, env = "STORE_TRUSTED_HOPS", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=8), global = true)]
    pub trusted_hops: u8,
    /// Whether the console is served at /console
    #[arg(long, env = "STORE_CONSOLE", default_value = "on", global = true)]
    pub console: Switch,
    /// File in which an operator tells of its work on this shop
    #[arg(long, env = "STORE_OPERATION_FILE", value_name = "FILE", global = true)]
    pub operation_file: Option<PathBuf>,
    /// A stock of fewer units counts as low in the metrics
    #[arg(long, env = "STORE_LOW_STOCK", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000_000_000), global = true)]
    pub low_stock: u32,
    /// Requests that one principal may send to this process in a window; 0: as many as they like
    #[arg(long, env = "STORE_RATE_LIMIT", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=10_000_000), global = true)]
    pub rate_limit: u32,
    /// Seconds of such a window
    #[arg(long, env = "STORE_RATE_WINDOW_SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400), global = true)]
    pub rate_window_seconds: u32,
    /// Days that changes stay in the feed
    #[arg(long, env = "STORE_CHANGES_DAYS", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=365), global = true)]
    pub changes_days: u32,
    /// Days that lines of the audit trail are kept
    #[arg(long, env = "STORE_AUDIT_DAYS", default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=7300), global = true)]
    pub audit_days: u32,
    /// Addresses that events are sent to, as a JSON list of name, url, events and allow_http
    #[arg(long, env = "STORE_WEBHOOKS", value_name = "JSON", global = true)]
    pub webhooks: Option<String>,
    /// Directory with a key for each of them, in a file of its name
    #[arg(long, env = "STORE_WEBHOOK_KEYS_DIRECTORY", global = true)]
    pub webhook_keys_directory: Option<PathBuf>,
    /// Secret that signs cursors, by environment only
    #[arg(skip)]
    pub cursor_key: Option<Secret>,
    /// File with the secret that signs cursors
    #[arg(long, env = "STORE_CURSOR_KEY_FILE", global = true)]
    pub cursor_key_file: Option<PathBuf>,
    /// Origins whose pages may read the API in a browser, a comma list such as https://shop.example.org; none unless given
    #[arg(long, env = "STORE_CORS_ORIGINS", value_delimiter = ',', global = true)]
    pub cors_origins: Vec<Origin>,
    #[command(flatten)]
    pub access: Access,
    /// Seconds of serving on after SIGTERM
    #[arg(long, env = "STORE_DRAIN_SECONDS", default_value_t = 5, global = true)]
    pub drain_seconds: u64,
    /// Seconds for running requests after that
    #[arg(long, env = "STORE_SHUTDOWN_SECONDS", default_value_t = 20, global = true)]
    pub shutdown_seconds: u64,
    /// Migrate before being ready
    #[arg(long, env = "STORE_MIGRATE", num_args = 0..=1, default_value_t = false, default_missing_value = "true", global = true)]
    pub migrate: bool,
    /// Seconds that a migration waits for Cassandra, another writer and schema agreement
    #[arg(long, env = "STORE_MIGRATE_TIMEOUT_SECONDS", default_value_t = 120, global = true)]
    pub migrate_timeout_seconds: u64,
    /// Form of the log
    #[arg(long, env = "LOG_FORMAT", default_value = "json", global = true)]
    pub log_format: LogFormat,
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Json,
    Text,
}

/// Something that is there or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    On,
    Off,
}

/// Level of the Paxos phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SerialLevel {
    Serial,
    LocalSerial,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// A setting that cannot be used.
#[derive(Debug, Error)]
pub enum SettingsError {
    #[error("could not read the file named by {variable} ({path}): {source}")]
    File { variable: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{variable} is empty")]
    Empty { variable: &'static str },
    #[error("the cursor key has fewer than 16 bytes, give a longer one")]
    ShortKey,
    #[error(transparent)]
    Tokens(#[from] TokensError),
    #[error(transparent)]
    Webhooks(#[from] WebhooksError),
    #[error(
        "STORE_AUTH is off and {address} is no loopback address, so whoever reaches it could do everything: set STORE_AUTH to \
         tokens or oidc, or STORE_LISTEN_ADDRESS to 127.0.0.1, or allow it by STORE_ALLOW_OPEN=true"
    )]
    Open { address: IpAddr },
    #[error("{variable} is {url}, and {whose}: give an https:// address, or allow it by STORE_ALLOW_HTTP=true")]
    InClear { variable: &'static str, url: String, whose: &'static str },
}

/// Requests that may come at once out of a calm: a store that gets through 20 a second has them done in half of the deadline.
const CALM: usize = 64;

impl Settings {
    /// Takes the secrets from the environment, where they never show in the list of processes.
    pub fn with_secrets_of_the_environment(mut self) -> Self {
        let secret = |name| std::env::var(name).ok().filter(|text| !text.is_empty()).map(Secret);
        self.cassandra_password = secret("CASSANDRA_PASSWORD");
        self.cursor_key = secret("STORE_CURSOR_KEY");
        self
    }

    /// User name and password, freshly read from their files. `None`: no authentication.
    pub fn credentials(&self) -> Result<Option<(String, Secret)>, SettingsError> {
        let user = match &self.cassandra_username_file {
            Some(path) => Some(read_file("CASSANDRA_USERNAME_FILE", path)?),
            None => self.cassandra_username.clone().filter(|name| !name.is_empty()),
        };
        let Some(user) = user else { return Ok(None) };
        let password = match &self.cassandra_password_file {
            Some(path) => Secret(read_file("CASSANDRA_PASSWORD_FILE", path)?),
            None => self.cassandra_password.clone().ok_or(SettingsError::Empty { variable: "CASSANDRA_PASSWORD" })?,
        };
        Ok(Some((user, password)))
    }

    /// The secret that signs cursors, `None` when none is given.
    pub fn cursor_secret(&self) -> Result<Option<Vec<u8>>, SettingsError> {
        let secret = match &self.cursor_key_file {
            Some(path) => Some(read_file("STORE_CURSOR_KEY_FILE", path)?),
            None => self.cursor_key.as_ref().map(|key| key.expose().to_owned()),
        };
        match secret {
            Some(secret) if secret.len() < 16 => Err(SettingsError::ShortKey),
            secret => Ok(secret.map(String::into_bytes)),
        }
    }

    /// How much is worked on at once.
    pub fn bounds(&self) -> Bounds {
        let number = |setting| usize::try_from(setting).unwrap_or(usize::MAX);
        let patience = Duration::from_millis(self.max_wait_ms);
        let turn = Duration::from_millis(self.crowd_ms);
        let (working, waiting) = (number(self.max_requests), number(self.max_waiting));
        Bounds { working, calm: CALM, waiting, patience, turn }
    }

    /// What one principal may send.
    pub fn quota(&self) -> Option<Quota> {
        let window = Duration::from_secs(self.rate_window_seconds.into());
        (self.rate_limit > 0).then_some(Quota { requests: self.rate_limit, window })
    }

    /// Connections open at once: as many as the memory that the container may have holds together with everything else.
    pub fn max_connections(&self) -> usize {
        let given = self.max_connections.map(|most| usize::try_from(most).unwrap_or(usize::MAX));
        let told = || MEMORY_LIMITS.iter().find_map(|path| std::fs::read_to_string(path).ok());
        given.unwrap_or_else(|| connections_within(told().as_deref()))
    }

    /// How long changes stay in the feed.
    pub fn changes_kept(&self) -> Duration {
        Duration::from_secs(u64::from(self.changes_days) * 86_400)
    }

    /// How long lines of the audit trail are kept.
    pub fn audit_kept(&self) -> Duration {
        Duration::from_secs(u64::from(self.audit_days) * 86_400)
    }

    /// Addresses that events are sent to, each of which has a key.
    pub fn webhooks(&self) -> Result<Vec<Webhook>, SettingsError> {
        match self.webhooks.as_deref().filter(|text| !text.is_empty()) {
            Some(text) => Ok(webhooks::read(text, self.webhook_keys_directory.as_deref())?),
            None => Ok(Vec::new()),
        }
    }

    /// Deadline of a request.
    pub const fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    /// Longest wait for one statement.
    pub const fn statement_timeout(&self) -> Duration {
        Duration::from_millis(self.statement_timeout_ms)
    }
}

/// Where the kernel tells the container's limit, in bytes; none is `max`, or a number of 19 digits where cgroups are of
/// version 1.
const MEMORY_LIMITS: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
/// Of the limit, for each connection.
const BYTES_A_CONNECTION: usize = 128 * 1024;
const CONNECTIONS_MAX: usize = 4096;

fn connections_within(limit: Option<&str>) -> usize {
    let bytes = limit.and_then(|text| text.trim().parse::<usize>().ok());
    bytes.map_or(CONNECTIONS_MAX, |bytes| (bytes / BYTES_A_CONNECTION).clamp(64, CONNECTIONS_MAX))
}

fn read_file(variable: &'static str, path: &Path) -> Result<String, SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|source| SettingsError::File {
        variable,
        path: path.to_owned(),
        source,
    })?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(SettingsError::Empty { variable });
    }
    Ok(text.to_owned())
}

fn keyspace_name(text: &str) -> Result<String, String> {
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    let rest = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if first && rest && text.len() <= 48 {
        Ok(text.to_owned())
    } else {
        Err("a keyspace name is a lower-case letter, then lower-case letters, digits, underscores, 48 at most".into())
    }
}

fn plain_level(text: &str) -> Result<Level, String> {
    match text.parse() {
        Ok(Level::Serial) => Err("SERIAL is a level of single reads, not a default".into()),
        Ok(level) => Ok(level),
        Err(error) => Err(format!("{error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("store-api").chain(args.iter().copied()))
    }

    #[test]
    fn the_command_line_is_well_formed_and_names_every_variable_of_the_readme() {
        Cli::command().debug_assert();
        let help = Cli::command().render_long_help().to_string();
        let migrate = Cli::command().find_subcommand_mut("migrate").unwrap().render_long_help().to_string();
        // the last chapter names variables of the tests, which the program does not read
        let (readme, _) = include_str!("../README.md").split_once("\n## Tests\n").unwrap();
        let named = readme
            .split('`')
            .filter(|word| word.starts_with("STORE_") || word.starts_with("CASSANDRA_"))
            .filter(|word| word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
        let mut count = 0;
        for name in named {
            assert!(help.contains(name) || migrate.contains(name), "{name} is not in --help");
            count += 1;
        }
        assert!(count >= 30, "{count}");
    }

    #[test]
    fn connections_are_bounded_by_the_memory_that_the_container_may_have() {
        for (limit, connections) in [
            (None, 4096),
            (Some("max\n"), 4096),
            (Some("134217728\n"), 1024),
            (Some("1073741824\n"), 4096),
            (Some("1000\n"), 64),
            (Some("9223372036854771712\n"), 4096),
        ] {
            assert_eq!(connections_within(limit), connections, "{limit:?}");
        }
        let given = parse(&["--max-connections", "7"]).unwrap();
        assert_eq!(given.settings.max_connections(), 7);
    }

    #[test]
    fn wrong_values_are_refused_before_anything_starts() {
        for args in [
            &["--keyspace", "Robert; DROP"][..],
            &["--consistency", "SERIAL"],
            &["--consistency", "MOST"],
            &["--serial-consistency", "QUORUM"],
            &["--port", "70000"],
            &["--request-timeout-ms", "1"],
            &["--local-rack", "r1"],
            &["--cors-origins", "*"],
            &["--cors-origins", "https://shop.example.org/"],
            &["--auth", "on"],
            &["--auth", "tokens"],
            &["--auth", "oidc", "--oidc-issuer", "https://id.example.org"],
            &["--auth", "oidc", "--oidc-audience", "store"],
            &["--oidc-algorithm", "none"],
            &["--oidc-algorithm", "HS256"],
            &["migrate", "--create-keyspace"],
            &["migrate", "--replication-factor", "0"],
        ] {
            assert!(parse(args).is_err(), "{args:?}");
        }
    }

    #[test]
    fn secrets_are_read_from_files_without_their_line_break() {
        let directory = std::env::temp_dir().join(format!("store-api-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (user, password) = (directory.join("user"), directory.join("password"));
        std::fs::write(&user, "api\n").unwrap();
        std::fs::write(&password, "s3cret\r\n").unwrap();
        let mut settings = parse(&[]).unwrap().settings;
        settings.cassandra_username_file = Some(user);
        settings.cassandra_password_file = Some(password);
        let (user, password) = settings.credentials().unwrap().unwrap();
        assert_eq!((user.as_str(), password.expose()), ("api", "s3cret"));
        assert!(!format!("{settings:?}{password:?}").contains("s3cret"));
        settings.cassandra_password_file = Some(directory.join("absent"));
        assert!(settings.credentials().is_err());
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
