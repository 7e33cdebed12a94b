//! The console: its files as they are served, and, ignored by default since Chromium and npm's packages are fetched, the page
//! itself in a real browser, on a store in memory with a ring of seven nodes that is made up.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jsonwebtoken::Algorithm;
use store_api::auth::Gate;
use store_api::auth::claims::RoleRule;
use store_api::auth::oidc::{Oidc, Trust};
use store_api::auth::roles::Role;
use store_api::auth::tokens::Tokens;
use store_api::dao::activity::{Copies, Copy, Hints, NodeActivity, Peer, Silence, Stream, Task, Told};
use store_api::dao::cluster::{ClusterDao, Keyspace, Node, Placement, PlacementError, Range, Replication, Ring, Trace};
use store_api::dao::{Context, DaoError, Daos, Level, memory};
use store_api::seed::{self, Plan};
use store_api::server::serve;
use store_suites::browser;
use store_suites::providers::{AUDIENCE, Clock, Mock};
use store_testbed::cache::Cache;
use store_testbed::checkout::root;
use store_testbed::ports::free_ports;
use uuid::Uuid;

use super::client::Store;
use super::doors::PACE;
use super::roles::{guarded, token_of};

#[tokio::test]
async fn the_page_and_its_files_are_for_everybody_and_all_from_here() {
    let store = guarded();
    let page = store.get("/console").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let policy = page.header("content-security-policy").unwrap();
    for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    let text = page.text();
    let files: Vec<&str> = text.split("=\"console/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(files.len() > 20, "{text}");
    for file in files {
        let path = format!("/console/{file}");
        let answer = store.get(&path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        let head = store.call("HEAD", &path).send().await;
        assert_eq!((head.status, head.body.len()), (answer.status, 0), "{path}");
        assert_eq!(head.header("content-type"), answer.header("content-type"));
    }
}

#[tokio::test]
async fn what_a_browser_has_is_not_sent_again_and_another_version_is_not_kept() {
    let store = Store::new();
    let page = store.get("/console").await;
    assert!(page.text().contains("data-token=\"none\"") && guarded().get("/console").await.text().contains("needed"));
    let tag = page.header("etag").unwrap();
    let again = store.call("GET", "/console").header("if-none-match", tag).send().await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    let other = store.get("/console/another/main.js").await;
    assert_eq!((other.status.as_u16(), other.header("cache-control")), (200, Some("no-store")));
    for missing in [
        "/console/main.js",
        "/console/v/",
        "/console/v/none.js",
        "/console/v/../main.js",
        "/console/v/vendor/VENDORED.json",
    ] {
        assert_eq!(store.get(missing).await.status, 404, "{missing}");
    }
    let slash = store.get("/console/").await;
    assert_eq!((slash.status.as_u16(), slash.header("location")), (307, Some("/console")));
    assert_eq!(store.call("POST", "/console").send().await.status, 405);
}

#[tokio::test]
async fn switched_off_it_is_nowhere() {
    let store = Store::new().without_console();
    for path in ["/console", "/console/", "/console/v/main.js"] {
        let answer = store.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
    }
    assert_eq!(store.get("/whoami").await.status, 200, "the API is as it was");
}

#[tokio::test]
async fn a_token_is_told_what_it_may_do() {
    let store = guarded();
    let sells = |told: &serde_json::Value| {
        let may = told["may"].as_array().unwrap().iter();
        may.filter(|path| path["path"] == "/orders").any(|path| path["methods"].to_string().contains("POST"))
    };
    assert_eq!(store.get("/whoami").await.status, 401);
    for role in Role::ALL {
        let authorization = format!("Bearer {}", token_of(role));
        let answer = store.call("GET", "/whoami").header("authorization", &authorization).send().await;
        let told = answer.json();
        assert_eq!((&told["role"], &told["principal"]), (&role.name().into(), &role.name().into()));
        assert_eq!(sells(&told), matches!(role, Role::Seller | Role::Admin), "{role:?}");
    }
    let open = Store::new().get("/whoami").await.json();
    assert!(open["role"].is_null() && sells(&open));
}

/// Seven nodes in two datacenters of three racks, eight tokens each, and three replicas in both.
struct MadeUp {
    /// A file with the addresses of those that are down.
    down: PathBuf,
}

const KEYSPACE: &str = "store_manager";
const DATACENTERS: [(&str, u8); 2] = [("lyon", 4), ("nantes", 3)];
const TOKENS: usize = 8;

fn nodes() -> Vec<Node> {
    let places = DATACENTERS.into_iter().flat_map(|(datacenter, count)| (0..count).map(move |at| (datacenter, at)));
    let nodes = places.enumerate().map(|(number, (datacenter, at))| {
        // Even, but for a little: no node keeps exactly as much as another.
        let token = |turn: usize| {
            let place = (turn * 7 + number) as u64;
            let step = u64::MAX / (7 * TOKENS as u64);
            (place * step + (number as u64 * 31 + turn as u64 * 17) % 50 * (step / 100))
                .cast_signed()
                .wrapping_add(i64::MIN)
        };
        let mut tokens: Vec<i64> = (0..TOKENS).map(token).collect();
        tokens.sort_unstable();
        Node {
            host_id: Uuid::from_u128(number as u128 + 1),
            address: IpAddr::V4(Ipv4Addr::new(10, 0, u8::from(datacenter == "nantes"), at + 11)),
            port: 9042,
            datacenter: Some(datacenter.into()),
            rack: Some(format!("r{}", at % 3 + 1)),
            up: true,
            release_version: Some("5.0.9".into()),
            schema_version: Some(Uuid::from_u128(7)),
            tokens,
        }
    });
    nodes.collect()
}

/// Every token with its node, in order.
fn turns() -> Vec<(i64, Node)> {
    let mut turns: Vec<_> = nodes()
        .into_iter()
        .flat_map(|node| node.tokens.clone().into_iter().map(move |token| (token, node.clone())))
        .collect();
    turns.sort_by_key(|(token, _)| *token);
    turns
}

/// The next three nodes of one datacenter and the next one of the other, from a token on.
fn replicas(from: i64) -> Vec<Node> {
    let turns = turns();
    let start = turns.iter().position(|(token, _)| *token >= from).unwrap_or(0);
    let mut found: Vec<Node> = Vec::new();
    for (_, node) in turns.iter().cycle().skip(start).take(turns.len()) {
        let has = found.iter().filter(|other| other.datacenter == node.datacenter).count();
        if has < 3 && !found.contains(node) {
            found.push(node.clone());
        }
    }
    found
}

fn validation() -> Task {
    let [kind, keyspace, table, unit] = ["validation", KEYSPACE, "products", "bytes"].map(str::to_owned);
    Task { kind, keyspace, table, progress: 30, total: 100, unit }
}

#[async_trait]
impl ClusterDao for MadeUp {
    async fn nodes(&self, _cx: &Context) -> Result<Vec<Node>, DaoError> {
        let down = std::fs::read_to_string(&self.down).unwrap_or_default();
        let is_up = |node: &Node| down.lines().all(|address| address != node.address.to_string());
        Ok(nodes().into_iter().map(|node| Node { up: is_up(&node), ..node }).collect())
    }

    async fn keyspaces(&self, _cx: &Context) -> Result<Vec<Keyspace>, DaoError> {
        let id = |name: &str| (name.to_owned(), vec![("id".to_owned(), "uuid".to_owned())]);
        Ok(vec![Keyspace {
            name: KEYSPACE.into(),
            strategy: Replication::NetworkTopology(BTreeMap::from([("lyon".into(), 3), ("nantes".into(), 3)])),
            durable_writes: true,
            tables: BTreeMap::from([id("orders"), id("products"), id("users")]),
        }])
    }

    async fn ring(&self, _cx: &Context, keyspace: &str) -> Result<Option<Ring>, DaoError> {
        let turns = turns();
        let before = turns.iter().cycle().skip(turns.len() - 1);
        let ranges = before.zip(&turns).map(|((start, _), (end, _))| Range {
            start: *start,
            end: *end,
            replicas: replicas(*end).iter().map(|node| node.host_id).collect(),
        });
        let ring = || Ring { cluster_name: "Demo ring".into(), keyspace: keyspace.into(), ranges: ranges.collect() };
        Ok((keyspace == KEYSPACE).then(ring))
    }

    async fn placement(&self, _cx: &Context, table: &str, key: &[String]) -> Result<Placement, PlacementError> {
        let [key] = key else { return Err(PlacementError::KeyParts { columns: "id uuid".into() }) };
        let Ok(id) = Uuid::try_parse(key) else {
            return Err(PlacementError::KeyType { column: "id".into(), cql_type: "uuid".into() });
        };
        // Not Murmur3, but spread as evenly.
        let token =
            (id.as_u64_pair().1 ^ id.as_u64_pair().0.rotate_left(29)).wrapping_mul(0x9E37_79B9_7F4A_7C15).cast_signed();
        Ok(Placement { keyspace: KEYSPACE.into(), table: table.into(), token, replicas: replicas(token) })
    }

    /// As it may be while one node is told by some to be away, and a repair and a join go on.
    async fn activity(&self, _cx: &Context) -> Result<Vec<NodeActivity>, DaoError> {
        let all = nodes();
        let activity = all.iter().enumerate().map(|(at, node)| {
            if at == 6 {
                return NodeActivity { node: node.clone(), told: Err(Silence::NoAnswer) };
            }
            let peers = all.iter().enumerate().map(|(other, peer)| Peer {
                address: peer.address,
                host_id: Some(peer.host_id),
                status: Some(if other == 5 { "BOOT" } else { "NORMAL" }.into()),
                generation: 1,
                heartbeat: 7,
                silent: Some(Duration::from_secs(if (at, other) == (0, 6) { 30 } else { 0 })),
            });
            let hints = Hints {
                host_id: all[6].host_id,
                address: None,
                files: 2,
                newest: None,
                oldest: Some("2026-12-01T00:00:00Z".into()),
            };
            let stream = |operation: &str, to: usize| Stream {
                id: Uuid::from_u128(to as u128),
                operation: operation.into(),
                peers: vec![format!("/{}:7000", all[to].address)],
                status: "start".into(),
                percent: 40.0,
                bytes_to_send: 4_000_000,
                bytes_sent: 1_600_000,
                bytes_to_receive: 0,
                bytes_received: 0,
            };
            let told = Told {
                peers: peers.collect(),
                hints: if at == 0 { vec![hints] } else { Vec::new() },
                streams: match at {
                    1 => vec![stream("Repair", 2)],
                    3 => vec![stream("Bootstrap", 5)],
                    _ => Vec::new(),
                },
                tasks: if at == 2 { vec![validation()] } else { Vec::new() },
                outbound: Vec::new(),
            };
            NodeActivity { node: node.clone(), told: Ok(told) }
        });
        Ok(activity.collect())
    }

    /// The second replica has an older version, and the last one does not answer.
    async fn copies(&self, cx: &Context, table: &str, key: &[String]) -> Result<Copies, PlacementError> {
        let Placement { keyspace, table, token, replicas } = self.placement(cx, table, key).await?;
        let last = replicas.len() - 1;
        let copies = replicas.into_iter().enumerate().map(|(at, node)| {
            let (name, version) = if at == 1 { ("Teapot", 1) } else { ("Blue teapot", 2) };
            let row = serde_json::json!({ "id": key[0], "name": name, "price": 12.5, "version": version });
            let rows = if at == last { Err(Silence::NoAnswer) } else { Ok(vec![row.as_object().unwrap().clone()]) };
            Copy { node, rows }
        });
        Ok(Copies { keyspace, table, token, copies: copies.collect() })
    }

    async fn ready(&self, _cx: &Context) -> Result<(), DaoError> {
        Ok(())
    }

    fn keyspace(&self) -> &str {
        KEYSPACE
    }

    fn default_level(&self) -> Level {
        Level::LocalQuorum
    }

    async fn trace_summary(&self, _trace: Uuid) -> Option<String> {
        None
    }

    async fn trace(&self, _cx: &Context, _trace: Uuid) -> Result<Option<Trace>, DaoError> {
        Ok(None)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "fetches Chromium, packages of npm and a provider"]
async fn people_sign_in_to_the_console_at_a_provider_in_a_real_browser() {
    let [port] = free_ports::<1>().unwrap();
    let provider = Mock::start(&Cache::open().unwrap(), port, Clock { ahead: 0, life: 600 }).await.unwrap();
    let trust = Trust {
        issuer: provider.issuer.clone(),
        audience: AUDIENCE.into(),
        algorithm: Algorithm::RS256,
        jwks_url: None,
        id_tokens: true,
        roles: RoleRule { claim: "/roles".parse().unwrap(), values: Default::default() },
    };
    let gate = Gate::Oidc(Box::new(Oidc::new(trust).with_console_client(Some(AUDIENCE.into()))));
    let store = Store::behind_over(gate, memory::daos(), Duration::from_secs(8));
    let ([public, operations], [api, _]) = store.doors();
    let serving = tokio::spawn(serve(public, operations, Arc::clone(&store.app), PACE, std::future::pending()));
    let ended = tokio::task::block_in_place(|| {
        let place = root().join("tests/console");
        browser::ensure(&place).unwrap();
        let mut node = Command::new("node");
        node.current_dir(&place).arg("oidc.mjs").args([&format!("http://{api}"), &provider.issuer, AUDIENCE]);
        node.status().unwrap()
    });
    serving.abort();
    assert!(ended.success(), "what failed stands above");
}

/// Another script than the tests: of `tests/console`, and what it is told.
const SCRIPT: &str = "STORE_CONSOLE_SCRIPT";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "fetches Chromium and packages of npm"]
async fn the_console_in_a_real_browser() {
    let directory = tempfile::tempdir().unwrap();
    for role in Role::ALL {
        std::fs::write(directory.path().join(role.name()), token_of(role)).unwrap();
    }
    let gate = Gate::Tokens(Tokens::read(directory.path()).unwrap());
    let ring = tempfile::tempdir().unwrap();
    let down = ring.path().join("down");
    let daos = || Daos { cluster: Arc::new(MadeUp { down: down.clone() }), ..memory::daos() };
    let store = Store::behind_over(gate, daos(), Duration::from_secs(8));
    let services = store.app.services().unwrap();
    seed::sow(services, &Plan { seed: 1, products: 60, users: 12 }).await.unwrap();
    // Beside it one that asks for no tokens.
    let open = Store::within(daos(), Duration::from_secs(8));
    // As a process does that serves.
    let _tellers = [&store, &open].map(|store| store.app.services().unwrap().changes.start());
    let serving = [&store, &open].map(|store| {
        let ([public, operations], [api, _]) = store.doors();
        (api, tokio::spawn(serve(public, operations, Arc::clone(&store.app), PACE, std::future::pending())))
    });
    let ended = tokio::task::block_in_place(|| {
        let place = root().join("tests/console");
        browser::ensure(&place).unwrap();
        let mut node = Command::new("node");
        node.current_dir(&place).arg(std::env::var(SCRIPT).unwrap_or_else(|_| "run.mjs".into()));
        node.env("STORE_CONSOLE_DOWN", &down);
        node.args(serving.each_ref().map(|(api, _)| format!("http://{api}"))).args(Role::ALL.map(token_of));
        node.status().unwrap()
    });
    serving.iter().for_each(|(_, serving)| serving.abort());
    assert!(ended.success(), "what failed stands above");
}
