//! Pure: the configuration files and the Java command line of one node of a local ring.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::ops::Bound;
use std::path::Path;

use super::{DATACENTER, Options};

/// Between the nodes.
pub(super) const STORAGE_PORT: u16 = 7000;
/// JMX over HTTP, when asked for.
pub(super) const JOLOKIA_PORT: u16 = 8778;
const TOKENS_PER_NODE: u8 = 16;
/// As many as there are copies of a row.
const RACKS: usize = 3;

/// Of a ring that people watch.
const WATCHED: &str = "dynamic_snitch: false\nhints_flush_period: 1s\n";

/// The options that Cassandra needs of Java 17, shared with the images.
const JAVA_OPTIONS: &str = include_str!("../../image/conf/jvm17-server.options");

pub(super) const LOGBACK: &str = r#"<configuration>
  <appender name="STDOUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level [%thread] %date{ISO8601, UTC} %F:%L - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="STDOUT"/></root>
</configuration>
"#;

/// The whole of `cassandra.yaml`: what is not said is Cassandra's own default.
///
/// Every founder of a ring is a seed and has its tokens given, evenly spread: so they start at the same time and none of them
/// bootstraps. Who joins later is none, and is sent its rows by the others.
pub(super) fn cassandra_yaml(options: &Options, place: &Place<'_>) -> String {
    let address = place.address;
    let (authenticator, authorizer) = if options.authentication {
        ("PasswordAuthenticator", "CassandraAuthorizer")
    } else {
        ("AllowAllAuthenticator", "AllowAllAuthorizer")
    };
    let seeds = place.founders.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let tokens = place.tokens().iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let bootstraps = place.joins();
    format!(
        "cluster_name: local
num_tokens: {TOKENS_PER_NODE}
initial_token: '{tokens}'
auto_bootstrap: {bootstraps}
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: GossipingPropertyFileSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: '{seeds}'
listen_address: {address}
rpc_address: {address}
storage_port: {STORAGE_PORT}
native_transport_port: {}
authenticator: {authenticator}
authorizer: {authorizer}
role_manager: CassandraRoleManager
commitlog_sync: batch
commitlog_compression: [{{class_name: LZ4Compressor}}]
paxos_variant: v2
auto_snapshot: {}
{}",
        options.cql_port,
        options.lasting,
        if options.watched { WATCHED } else { "" }
    )
}

pub(super) fn rack_properties(index: usize) -> String {
    format!("dc={DATACENTER}\nrack={}\n", rack(index))
}

/// The rack of node `index`.
pub(super) fn rack(index: usize) -> String {
    format!("rack{}", index % RACKS + 1)
}

/// Where a node stands in its ring.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The nodes that the ring began with.
    pub founders: &'a [Ipv4Addr],
    /// The node's number, from 0.
    pub index: usize,
    /// The node's address.
    pub address: Ipv4Addr,
}

impl Place<'_> {
    /// Whether the ring was there before it.
    pub(super) fn joins(&self) -> bool {
        self.index >= self.founders.len()
    }

    fn tokens(&self) -> Vec<i64> {
        let founders = self.founders.len();
        let mut all: Vec<Vec<i64>> = (0..founders).map(|index| tokens(index, founders)).collect();
        for index in founders..=self.index {
            let joining = joining_tokens(index, &all);
            all.push(joining);
        }
        all.swap_remove(self.index)
    }
}

/// The tokens of node `index`, which joins nodes with these tokens: each of its ranges is half of one that its rack's nodes
/// have among themselves, the widest first. A rack of its own takes halves of all nodes' ranges.
fn joining_tokens(index: usize, others: &[Vec<i64>]) -> Vec<i64> {
    let all: BTreeSet<i64> = others.iter().flatten().copied().collect();
    let of_rack = others.iter().enumerate().filter(|(other, _)| other % RACKS == index % RACKS);
    let mut ring: BTreeSet<i64> = of_rack.flat_map(|(_, tokens)| tokens).copied().collect();
    if ring.is_empty() {
        ring.clone_from(&all);
    }
    let mut joining = Vec::new();
    while joining.len() < usize::from(TOKENS_PER_NODE) {
        let after =
            |token: i64| ring.range((Bound::Excluded(token), Bound::Unbounded)).next().or(ring.first()).copied();
        // The distance round the ring; that of a token from itself is the whole of it.
        let width = |token: i64, next: i64| next.wrapping_sub(token).cast_unsigned().wrapping_sub(1);
        let ranges = ring.iter().filter_map(|token| after(*token).map(|next| (width(*token, next), *token)));
        // Of several as wide, the one that comes first.
        let Some((width, from)) = ranges.max_by_key(|(width, token)| (*width, std::cmp::Reverse(*token))) else {
            break;
        };
        let mut half = from.wrapping_add_unsigned(width / 2 + 1);
        while all.contains(&half) || joining.contains(&half) {
            half = half.wrapping_add(1);
        }
        joining.push(half);
        ring.insert(half);
    }
    joining.sort_unstable();
    joining
}

/// The tokens of node `index` of `nodes`: every `nodes`-th of an even division of the ring.
fn tokens(index: usize, nodes: usize) -> Vec<i64> {
    let all = nodes as i128 * i128::from(TOKENS_PER_NODE);
    let step = (1_i128 << 64) / all;
    let token = |position: i128| i64::try_from(i128::from(i64::MIN) + step / 2 + position * step).unwrap_or(i64::MAX);
    (0..i128::from(TOKENS_PER_NODE)).map(|round| token(round * nodes as i128 + index as i128)).collect()
}

/// Java's options and system properties for a node with its files in `directory`, which `joins` a ring or is a founder, without
/// class path, class archive and agents.
pub(super) fn java_arguments(options: &Options, joins: bool, directory: &Path) -> Vec<String> {
    let at = |file: &str| directory.join(file).display().to_string();
    let mut arguments: Vec<String> = JAVA_OPTIONS
        .lines()
        // The collector's options are for the servers that images are made for.
        .filter(|line| line.starts_with('-') && !line.starts_with("-XX"))
        .flat_map(|line| line.split(' ').map(str::to_owned))
        .collect();
    arguments.extend([
        format!("-Xms{}M", options.heap_mib),
        format!("-Xmx{}M", options.heap_mib),
        "-Xss256k".to_owned(),
        // On two processors and a small heap the collector without threads costs the least.
        "-XX:+UseSerialGC".to_owned(),
        "-XX:+ExitOnOutOfMemoryError".to_owned(),
        "-ea".to_owned(),
        "-Djava.net.preferIPv4Stack=true".to_owned(),
        "-Dcassandra-foreground=yes".to_owned(),
        "-Dcassandra.superuser_setup_delay_ms=0".to_owned(),
        format!("-Dcassandra.storagedir={}", at("")),
        format!("-Dcassandra.logdir={}", at("")),
        format!("-Dcassandra.config=file://{}", at("cassandra.yaml")),
        format!("-Dcassandra-rackdc.properties=file://{}", at("cassandra-rackdc.properties")),
        format!("-Dlogback.configurationFile={}", at("logback.xml")),
    ]);
    if joins {
        // It must know all others before it chooses from whom it gets its rows, and they know of it.
        arguments.push("-Dcassandra.ring_delay_ms=5000".to_owned());
    } else {
        // These spare a new ring 40 s of waiting for neighbours that it knows already.
        arguments.push("-Dcassandra.ring_delay_ms=1000".to_owned());
        arguments.push("-Dcassandra.skip_wait_for_gossip_to_settle=0".to_owned());
    }
    if !options.lasting {
        // A node that is killed has lost tables that were made lately, and their rows.
        arguments.push("-Dcassandra.test.flush_local_schema_changes=false".to_owned());
    }
    if !options.optimized {
        arguments.push("-XX:TieredStopAtLevel=1".to_owned());
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(founders: &[Ipv4Addr], index: usize) -> Place<'_> {
        Place { founders, index, address: founders[index] }
    }

    #[test]
    fn the_nodes_share_the_ring_evenly_and_no_token_twice() {
        for nodes in 1..=6 {
            let mut all: Vec<i64> = (0..nodes).flat_map(|index| tokens(index, nodes)).collect();
            all.sort_unstable();
            let gaps: Vec<i128> = all.windows(2).map(|pair| i128::from(pair[1]) - i128::from(pair[0])).collect();
            assert_eq!(all.len(), nodes * 16);
            assert!(gaps.iter().all(|gap| *gap == gaps[0] && *gap > 0), "{gaps:?}");
        }
    }

    #[test]
    fn who_joins_halves_what_its_rack_has_and_takes_no_token_twice() {
        let founders = [1, 2, 3].map(|node| Ipv4Addr::new(127, 0, 1, node));
        let of = |index| Place { founders: &founders, index, address: founders[0] }.tokens();
        let width = |from: i64, to: i64| to.wrapping_sub(from).cast_unsigned();
        let (first, fourth) = (of(0), of(3));
        let mut rack: Vec<(i64, usize)> = first.iter().map(|token| (*token, 0)).collect();
        rack.extend(fourth.iter().map(|token| (*token, 3)));
        rack.sort_unstable();
        let share = |node: usize| {
            let before = rack.iter().cycle().skip(rack.len() - 1);
            let ranges = rack.iter().zip(before).filter(|((_, owner), _)| *owner == node);
            ranges.map(|((to, _), (from, _))| u128::from(width(*from, *to))).sum::<u128>()
        };
        assert_eq!(share(0) + share(3), 1 << 64);
        assert!(share(0).abs_diff(share(3)) < 1 << 8, "{} {}", share(0), share(3));
        let all: BTreeSet<i64> = (0..6).flat_map(of).collect();
        assert_eq!(all.len(), 6 * usize::from(TOKENS_PER_NODE));
        let lone = Place { founders: &founders[..1], index: 1, address: founders[1] };
        assert_eq!((lone.joins(), lone.tokens().len()), (true, 16), "a rack of its own");
    }

    #[test]
    fn the_options_shared_with_the_images_reach_java_word_by_word() {
        let arguments = java_arguments(&Options::new("/somewhere"), false, Path::new("/somewhere/node-1"));
        let opened = arguments.iter().position(|argument| argument == "--add-opens").expect("an opened package");
        assert!(arguments[opened + 1].ends_with("=ALL-UNNAMED"));
        assert!(!arguments.iter().any(|argument| argument.contains("G1")), "{arguments:?}");
        assert!(arguments.contains(&"-Dcassandra.config=file:///somewhere/node-1/cassandra.yaml".to_owned()));
    }

    #[test]
    fn a_ring_whose_nodes_may_be_started_again_keeps_what_it_is_told_of_the_schema() {
        let members = [Ipv4Addr::new(127, 0, 1, 1)];
        let kept = |options: &Options| {
            let arguments = java_arguments(options, false, Path::new("/somewhere/node-1"));
            let flushes = !arguments.iter().any(|argument| argument.ends_with("flush_local_schema_changes=false"));
            (flushes, cassandra_yaml(options, &place(&members, 0)).contains("auto_snapshot: true"))
        };
        let options = Options::new("/somewhere");
        assert_eq!(kept(&options), (true, true));
        assert_eq!(kept(&Options { lasting: false, ..options }), (false, false));
    }

    #[test]
    fn who_joins_waits_until_it_knows_its_neighbours_and_founders_do_not() {
        let waits = |joins| {
            let arguments = java_arguments(&Options::new("/somewhere"), joins, Path::new("/somewhere/node-4"));
            !arguments.iter().any(|argument| argument.contains("skip_wait_for_gossip_to_settle"))
        };
        assert_eq!((waits(true), waits(false)), (true, false));
    }

    #[test]
    fn authentication_brings_authorization_with_it() {
        let members = [Ipv4Addr::new(127, 0, 1, 1), Ipv4Addr::new(127, 0, 1, 2)];
        let mut options = Options::new("/somewhere");
        assert!(cassandra_yaml(&options, &place(&members, 0)).contains("authorizer: AllowAllAuthorizer"));
        options.authentication = true;
        let yaml = cassandra_yaml(&options, &place(&members, 1));
        assert!(yaml.contains("authorizer: CassandraAuthorizer") && yaml.contains("listen_address: 127.0.1.2"));
        assert!(yaml.contains("seeds: '127.0.1.1,127.0.1.2'"));
    }
}
