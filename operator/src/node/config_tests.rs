//! Tests of `node-config` on directories that look like those of the images.

use super::*;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use tempfile::TempDir;

/// How the two versions' own files differ: 4.1 names classes by words and collects with CMS.
const YAML_4_1: &str = "\
# The name of the cluster.
cluster_name: 'Test Cluster'
num_tokens: 16
allocate_tokens_for_local_replication_factor: 3
# initial_token:
authenticator: AllowAllAuthenticator
authorizer: AllowAllAuthorizer
role_manager: CassandraRoleManager
roles_validity: 2000ms
permissions_validity: 2000ms
# data_file_directories:
#     - /var/lib/cassandra/data
key_cache_size:
commitlog_sync: periodic
commitlog_sync_period: 10000ms
seed_provider:
  # Addresses of hosts that are deemed contact points.
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      # seeds is actually a comma-delimited list of addresses.
      - seeds: \"127.0.0.1:7000\"
listen_address: localhost
rpc_address: localhost
read_request_timeout: 5000ms
write_request_timeout: 2000ms
endpoint_snitch: SimpleSnitch
dynamic_snitch_badness_threshold: 1.0
server_encryption_options:
  internode_encryption: none
  keystore_password: cassandra
audit_logging_options:
  enabled: false
  logger:
    - class_name: BinAuditLogger
";

const YAML_5_0: &str = "\
cluster_name: 'Test Cluster'
num_tokens: 16
allocate_tokens_for_local_replication_factor: 3
authenticator:
  class_name: AllowAllAuthenticator
authorizer:
  class_name: AllowAllAuthorizer
role_manager:
  class_name: CassandraRoleManager
  parameters:
    # invalid_role_disconnect_task_period: 4h
cidr_authorizer:
  class_name: AllowAllCIDRAuthorizer
memtable:
  configurations:
    skiplist:
      class_name: SkipListMemtable
    default:
      inherits: skiplist
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: \"127.0.0.1:7000\"
listen_address: localhost
rpc_address: localhost
read_request_timeout: 5000ms
endpoint_snitch: SimpleSnitch
sstable:
  selected_format: big
storage_compatibility_mode: CASSANDRA_4
";

/// A network in which every listed pod has an address.
struct EveryName;

impl Network for EveryName {
    async fn resolve(&self, _: &str) -> Vec<IpAddr> {
        vec!["10.0.0.2".parse().unwrap()]
    }

    async fn serves_cql(&self, _: IpAddr) -> bool {
        false
    }
}

struct Pod {
    dir: TempDir,
    args: ConfigArgs,
}

impl Pod {
    fn new(version: &str, yaml: &str) -> Pod {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let args = ConfigArgs {
            cluster_name: "shop".into(),
            datacenter: "dc1".into(),
            rack: "a".into(),
            cassandra_version: version.into(),
            headless_service: "shop-cassandra".into(),
            pod_name: "shop-cassandra-a-0".into(),
            pod_namespace: "default".into(),
            pod_ip: "10.0.0.1".parse().unwrap(),
            config_dir: at("config"),
            data_dir: at("data"),
            settings_dir: at("settings"),
            configuration_dir: at("configuration"),
            configuration: "c-1".into(),
            check: false,
            credentials_dir: at("credentials"),
            agent_dir: at("agent"),
            agent_jar: at("agent.jar"),
        };
        for directory in ["config", "data", "settings", "configuration", "credentials", "agent"] {
            fs::create_dir(at(directory)).unwrap();
        }
        let pod = Pod { dir, args };
        pod.put("config/cassandra.yaml", yaml);
        pod.put("config/cassandra-rackdc.properties", "dc=dc9\nrack=rack9\n");
        pod.put("config/cassandra-topology.properties", "default=DC1:r1\n");
        pod.put("config/jvm-server.options", "-ea\n-Xss256k\n-Xms4G\n-Xmx4G\n");
        pod.put("config/jvm11-server.options", "-XX:+UseConcMarkSweepGC\n");
        pod.put("config/jvm-clients.options", "-Xss1m\n");
        pod.put("config/logback.xml", "<totalSizeCap>5GB</totalSizeCap>");
        pod.put("configuration/cassandra.yaml", "");
        pod.put("configuration/jvm.options", "");
        pod.put("settings/seeds", "shop-cassandra-a-0\nshop-cassandra-b-0\nshop-cassandra-c-0\n");
        pod.put("settings/token-replication", "3");
        pod.put("settings/trial", "");
        pod.put("credentials/username", "store_operator");
        pod.put("credentials/password", "s3cr=t\n");
        pod.put("agent.jar", "jar");
        pod
    }

    fn put(&self, path: &str, text: &str) {
        fs::write(self.dir.path().join(path), text).unwrap();
    }

    fn get(&self, path: &str) -> String {
        fs::read_to_string(self.dir.path().join(path)).unwrap()
    }

    async fn configure(&self) -> Result<(), ConfigError> {
        prepare(&self.args, &EveryName).await
    }

    fn yaml(&self) -> Value {
        Value::Object(yaml::parse(&self.get("config/cassandra.yaml"), "result").unwrap())
    }
}

#[tokio::test]
async fn both_versions_keep_their_own_defaults_and_get_what_the_operator_decides() {
    for (version, image) in [("4.1", YAML_4_1), ("5.0", YAML_5_0)] {
        let pod = Pod::new(version, image);
        pod.configure().await.unwrap();
        let settings = pod.yaml();
        assert_eq!(settings["cluster_name"], "shop");
        assert_eq!(settings["listen_address"], "10.0.0.1");
        assert_eq!(settings["rpc_address"], "0.0.0.0");
        assert_eq!(settings["authenticator"], "PasswordAuthenticator");
        assert_eq!(settings["endpoint_snitch"], "GossipingPropertyFileSnitch");
        assert_eq!(settings["paxos_variant"], "v2");
        assert_eq!(settings["commitlog_sync"], "batch");
        assert_eq!(settings["commitlog_sync_period"], "0ms");
        assert_eq!(settings["commitlog_compression"], json!([{"class_name": "LZ4Compressor"}]));
        let skipped = &settings["skip_paxos_repair_on_topology_change_keyspaces"];
        assert_eq!(*skipped, json!(["system_auth", "system_distributed", "system_traces"]));
        assert_eq!(settings["num_tokens"], 4);
        assert_eq!(settings["data_file_directories"], json!(["/var/lib/cassandra/data"]));
        assert_eq!(
            settings["seed_provider"][0]["parameters"],
            json!([{"seeds": "shop-cassandra-b-0.shop-cassandra.default.svc,shop-cassandra-c-0.shop-cassandra.default.svc"}])
        );
        let own = yaml::parse(image, "image").unwrap();
        for untouched in ["role_manager", "read_request_timeout", "memtable", "server_encryption_options"] {
            assert_eq!(settings.get(untouched), own.get(untouched), "{version} {untouched}");
        }
    }
}

#[tokio::test]
async fn the_user_s_settings_win_over_defaults_and_not_over_what_is_decided() {
    let pod = Pod::new("4.1", YAML_4_1);
    pod.put(
        "configuration/cassandra.yaml",
        "read_request_timeout_in_ms: 7000\nroles_validity: 10s\nconcurrent_reads: 8\nauthenticator: AllowAllAuthenticator\n\
         key_cache_size: 16MiB\n",
    );
    pod.configure().await.unwrap();
    let settings = pod.yaml();
    assert_eq!(settings["read_request_timeout_in_ms"], 7000);
    assert_eq!(settings.get("read_request_timeout"), None);
    assert_eq!(settings["roles_validity"], "10s");
    assert_eq!(settings["concurrent_reads"], 8);
    assert_eq!(settings["key_cache_size"], "16MiB");
    assert_eq!(settings["authenticator"], "PasswordAuthenticator");
}

#[tokio::test]
async fn whoever_says_anything_about_the_sync_of_the_commit_log_says_it_all() {
    for (version, image, setting, sync, period) in [
        ("4.1", YAML_4_1, "commitlog_sync_period_in_ms: 5000\n", json!("periodic"), Value::Null),
        ("4.1", YAML_4_1, "commitlog_sync: periodic\n", json!("periodic"), json!("10000ms")),
        ("5.0", YAML_5_0, "commitlog_sync_period: 5s\n", Value::Null, json!("5s")),
    ] {
        let pod = Pod::new(version, image);
        pod.put("configuration/cassandra.yaml", setting);
        pod.configure().await.unwrap();
        let settings = pod.yaml();
        assert_eq!((&settings["commitlog_sync"], &settings["commitlog_sync_period"]), (&sync, &period), "{setting}");
        assert_eq!(settings.get("commitlog_compression"), None, "what is compressed waits in the process");
    }
}

#[tokio::test]
async fn whoever_names_batch_or_group_alone_gets_the_rest_that_cassandra_wants() {
    for (version, image) in [("4.1", YAML_4_1), ("5.0", YAML_5_0)] {
        for (setting, sync, window) in [
            ("commitlog_sync: batch\n", "batch", Value::Null),
            ("commitlog_sync: group\n", "group", json!("10ms")),
            ("commitlog_sync: group\ncommitlog_sync_group_window: 5ms\n", "group", json!("5ms")),
        ] {
            let pod = Pod::new(version, image);
            pod.put("configuration/cassandra.yaml", setting);
            pod.configure().await.unwrap();
            let settings = pod.yaml();
            assert_eq!(settings["commitlog_sync"], sync);
            assert_eq!(settings["commitlog_sync_period"], "0ms", "a period beside it is refused: {setting}");
            assert_eq!(settings["commitlog_sync_group_window"], window, "{setting}");
            assert_eq!(settings["commitlog_compression"], json!([{"class_name": "LZ4Compressor"}]));
        }
    }
}

#[tokio::test]
async fn a_configuration_that_is_tried_starts_with_the_pods_that_try_it_only() {
    let pod = Pod::new("5.0", YAML_5_0);
    for (trial, starts) in [
        ("c-1\nshop-cassandra-b-0\nshop-cassandra-a-0\n", true),
        ("c-2\nshop-cassandra-b-0\n", true),
        ("c-1\nshop-cassandra-a-00\n", false),
    ] {
        pod.put("settings/trial", trial);
        assert_eq!(pod.configure().await.is_ok(), starts, "{trial}");
    }
}

#[tokio::test]
async fn a_trial_run_needs_no_ring_and_no_password_and_finds_a_java_of_its_own() {
    let mut pod = Pod::new("5.0", YAML_5_0);
    pod.args.check = true;
    for directory in ["settings", "credentials"] {
        fs::remove_dir_all(pod.dir.path().join(directory)).unwrap();
    }
    pod.put("configuration/cassandra.yaml", "concurrent_reads: 8\n");
    pod.put("configuration/jvm.options", "-Dx=1\n");
    pod.configure().await.unwrap();
    assert_eq!(pod.yaml()["concurrent_reads"], 8);
    let options = pod.get("config/jvm-server.options");
    assert!(options.contains("-Dx=1") && !options.contains("javaagent"), "{options}");
    let java = pod.dir.path().join("config/check/bin/java");
    assert_eq!(fs::metadata(&java).unwrap().permissions().mode() & 0o777, 0o755);
    // it runs the check in place of Cassandra, and nothing else in place of anything else
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new(&java).env("REAL_JAVA", "echo").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let cassandra = ["-Xmx1G", "-Dname=a  b", "org.apache.cassandra.service.CassandraDaemon"];
    assert_eq!(run(&cassandra), "-Xmx1G -Dname=a  b StoreCheck\n");
    assert_eq!(run(&["-version"]), "-version\n");
    assert!(pod.dir.path().join("config/StoreCheck.class").exists());
}

#[tokio::test]
async fn another_run_gives_the_same_and_forgets_what_the_user_took_back() {
    let pod = Pod::new("5.0", YAML_5_0);
    pod.configure().await.unwrap();
    let files = ["cassandra.yaml", "jvm-server.options", "jvm11-server.options", "logback.xml"];
    let first = files.map(|file| pod.get(&format!("config/{file}")));
    pod.put("configuration/cassandra.yaml", "read_request_timeout_in_ms: 7000\n");
    pod.put("configuration/jvm.options", "-XX:+UseG1GC\n-Xss512k\n");
    pod.configure().await.unwrap();
    assert_eq!(pod.yaml()["read_request_timeout_in_ms"], 7000);
    pod.put("configuration/cassandra.yaml", "");
    pod.put("configuration/jvm.options", "");
    pod.configure().await.unwrap();
    assert_eq!(files.map(|file| pod.get(&format!("config/{file}"))), first);
}

#[tokio::test]
async fn java_options_of_the_user_replace_those_of_the_image() {
    let pod = Pod::new("4.1", YAML_4_1);
    pod.put("configuration/jvm.options", "-XX:+UseG1GC\n-Xss512k\n-Dcassandra.ring_delay_ms=5000\n");
    pod.configure().await.unwrap();
    let active = |file: &str| -> Vec<String> {
        pod.get(&format!("config/{file}")).lines().filter(|line| line.starts_with('-')).map(str::to_owned).collect()
    };
    assert_eq!(
        active("jvm-server.options"),
        [
            "-ea",
            "-Dcassandra.superuser_setup_delay_ms=0",
            "-XX:+UseG1GC",
            "-Xss512k",
            "-Dcassandra.ring_delay_ms=5000",
            "-javaagent:/agent/jolokia-agent.jar=config=/agent/jolokia.properties",
        ]
    );
    assert!(active("jvm11-server.options").is_empty());
    assert_eq!(pod.get("config/jvm-clients.options"), "-Xss1m\n");
}

#[tokio::test]
async fn rack_logs_and_agent_are_set_and_the_example_topology_goes() {
    let pod = Pod::new("5.0", YAML_5_0);
    pod.configure().await.unwrap();
    assert_eq!(pod.get("config/cassandra-rackdc.properties"), "dc=dc1\nrack=a\n");
    assert!(!pod.dir.path().join("config/cassandra-topology.properties").exists());
    assert_eq!(pod.get("config/logback.xml"), "<totalSizeCap>200MB</totalSizeCap>");
    assert_eq!(pod.get("agent/jolokia-agent.jar"), "jar");
    let properties = pod.get("agent/jolokia.properties");
    assert!(properties.contains("user=store_operator\npassword=s3cr\\u003dt\n"), "{properties}");
    let mode = fs::metadata(pod.dir.path().join("agent/jolokia.properties")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "only Cassandra's own user reads the password");
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_named_with_its_cure() {
    type Damage = fn(&Pod);
    let cases: [(Damage, &str); 8] = [
        (
            |pod| fs::remove_file(pod.dir.path().join("config/cassandra.yaml")).unwrap(),
            "official image's /etc/cassandra",
        ),
        (|pod| fs::remove_file(pod.dir.path().join("settings/seeds")).unwrap(), "operator's ConfigMap must be mounted"),
        (|pod| fs::remove_file(pod.dir.path().join("credentials/password")).unwrap(), "username and password"),
        (|pod| fs::remove_file(pod.dir.path().join("agent.jar")).unwrap(), "operator's image must carry"),
        (|pod| pod.put("configuration/cassandra.yaml", "- concurrent_reads: 8\n"), "spec.cassandra.cassandraYaml"),
        (
            |pod| fs::remove_file(pod.dir.path().join("configuration/jvm.options")).unwrap(),
            "ConfigMap of the pod's configuration must be mounted",
        ),
        (|pod| pod.put("settings/trial", "c-1\nshop-cassandra-b-0\n"), "is tried by shop-cassandra-b-0 first"),
        (|pod| pod.put("settings/token-replication", "many"), "'many' is not a replication factor"),
    ];
    for (damage, cure) in cases {
        let pod = Pod::new("5.0", YAML_5_0);
        damage(&pod);
        let error = pod.configure().await.unwrap_err().to_string();
        assert!(error.contains(cure), "{error}");
    }
}

#[tokio::test]
async fn a_node_keeps_the_name_of_its_ring_and_two_shops_of_one_name_have_two() {
    for (volume, told, wanted) in [
        ("new", "store/shop", "store/shop"),
        ("new", "other/shop", "other/shop"),
        // a node more in a ring from before
        ("new", "shop", "shop"),
        ("from before", "store/shop", "shop"),
        ("from before", "shop", "shop"),
        ("told", "shop", "store/shop"),
    ] {
        let mut pod = Pod::new("5.0", YAML_5_0);
        pod.args.cluster_name = told.into();
        if volume == "from before" {
            fs::create_dir_all(pod.dir.path().join("data/data/system/local-1")).unwrap();
        }
        if volume == "told" {
            pod.put("data/cluster_name", "store/shop\n");
        }
        pod.configure().await.unwrap();
        assert_eq!(pod.yaml()["cluster_name"], wanted, "{volume} {told}");
        // Cassandra has run meanwhile, and the operator says something else: what the volume tells counts
        fs::create_dir_all(pod.dir.path().join("data/data/system/local-1")).unwrap();
        pod.args.cluster_name = "elsewhere/shop".into();
        pod.configure().await.unwrap();
        assert_eq!(pod.yaml()["cluster_name"], wanted, "{volume} {told}, again");
    }
}

#[tokio::test]
async fn a_node_keeps_the_number_of_its_tokens() {
    for (volume, wanted) in [("new", 4), ("from before", 8), ("told", 16)] {
        let pod = Pod::new("5.0", YAML_5_0);
        if volume == "from before" {
            fs::create_dir_all(pod.dir.path().join("data/data/system/local-1")).unwrap();
        }
        if volume == "told" {
            pod.put("data/num_tokens", "16\n");
        }
        pod.configure().await.unwrap();
        assert_eq!(pod.yaml()["num_tokens"], wanted, "{volume}");
        // Cassandra has run meanwhile: what the volume tells now counts.
        fs::create_dir_all(pod.dir.path().join("data/data/system/local-2")).unwrap();
        pod.configure().await.unwrap();
        assert_eq!(pod.yaml()["num_tokens"], wanted, "{volume}, again");
    }
}

#[tokio::test]
async fn a_volume_that_tells_no_number_of_tokens_is_an_error_that_says_where_to_find_it() {
    let pod = Pod::new("5.0", YAML_5_0);
    pod.put("data/num_tokens", "");
    let error = pod.configure().await.unwrap_err().to_string();
    assert!(error.contains("num_tokens") && error.contains("nodetool info -T"), "{error}");
}

#[test]
fn a_volume_has_data_once_cassandra_made_its_system_tables_there() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!has_data(dir.path()));
    fs::create_dir_all(dir.path().join("data/system")).unwrap();
    fs::create_dir(dir.path().join("lost+found")).unwrap();
    assert!(!has_data(dir.path()));
    fs::create_dir(dir.path().join("data/system/local-7ad54392")).unwrap();
    assert!(has_data(dir.path()));
}
