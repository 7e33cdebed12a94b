//! The API behind real proxies, by HTTP/1.1 and HTTP/2: an answer that comes before the body has must reach the client. Ignored by
//! default, since the proxies are fetched, and Traefik is compiled. The clients are curl and Node.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use store_api::auth::roles::Role;
use store_api::server::serve;
use store_load::child::Program;
use store_suites::monitoring::programs;
use store_testbed::binaries;
use store_testbed::cache::Cache;
use store_testbed::packages;
use store_testbed::ports::free_ports;

use super::doors::PACE;
use super::roles::{guarded, token_of};

/// Requests of each kind.
const TIMES: usize = 2;
const STARTS: Duration = Duration::from_secs(20);

/// How a client speaks to a proxy, and who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Http1,
    Http2,
    /// curl 7.88 loses an answer before the body's end upon which Go closes the stream, as Traefik does.
    Http2OfNode,
}

/// A way to the API: its name, version and port.
type Way = (&'static str, Version, u16);

fn haproxy(directory: &Path, api: SocketAddr, [http_1, http_2]: [u16; 2]) -> Program {
    packages::ensure(&[packages::HAPROXY]).unwrap();
    let config = directory.join("haproxy.cfg");
    let text = format!(
        "defaults\n  mode http\n  timeout client 60s\n  timeout connect 2s\n  timeout server 12s\n\
         frontend entry\n  bind 127.0.0.1:{http_1}\n  bind 127.0.0.1:{http_2} proto h2\n  default_backend api\n\
         backend api\n  server api {api}\n"
    );
    fs::write(&config, text).unwrap();
    Program::start_unheard(Path::new("haproxy"), &["-db", "-f", config.to_str().unwrap()], &[]).unwrap()
}

fn nginx(directory: &Path, api: SocketAddr, [http_1, http_2, unbuffered]: [u16; 3]) -> Program {
    let config = directory.join("nginx.conf");
    let place = directory.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {place}/{kind};\n"))
        .concat();
    let to = format!("location / {{ proxy_pass http://{api}; proxy_http_version 1.1; }}");
    let text = format!(
        "daemon off;\nmaster_process off;\npid {place}/nginx.pid;\nerror_log {place}/nginx.log warn;\n\
         events {{ worker_connections 256; }}\n\
         http {{ access_log off;\nclient_max_body_size 0;\n{temporary}\
         server {{ listen 127.0.0.1:{http_1}; {to} }}\n\
         server {{ listen 127.0.0.1:{http_2} http2; {to} }}\n\
         server {{ listen 127.0.0.1:{unbuffered}; proxy_request_buffering off; {to} }}\n}}\n"
    );
    fs::write(&config, text).unwrap();
    let program = programs::nginx(&Cache::open().unwrap()).unwrap();
    let log = format!("{place}/nginx.log");
    Program::start_unheard(&program, &["-c", config.to_str().unwrap(), "-e", &log], &[]).unwrap()
}

/// As in the testbed: no kept connections, and a bound on how long the head of an answer is waited for.
fn traefik(directory: &Path, api: SocketAddr, port: u16) -> Program {
    let (fixed, dynamic) = (directory.join("traefik.yaml"), directory.join("dynamic.yaml"));
    let text = format!(
        "global: {{checkNewVersion: false, sendAnonymousUsage: false}}\nentryPoints: {{web: {{address: \"127.0.0.1:{port}\"}}}}\n\
         serversTransport: {{maxIdleConnsPerHost: -1, forwardingTimeouts: {{dialTimeout: 2s, responseHeaderTimeout: 10s}}}}\n\
         providers: {{file: {{filename: {}}}}}\n",
        dynamic.display()
    );
    fs::write(&fixed, text).unwrap();
    let text = format!(
        "http:\n  routers: {{all: {{rule: \"PathPrefix(`/`)\", service: api}}}}\n  \
         services: {{api: {{loadBalancer: {{servers: [{{url: \"http://{api}\"}}]}}}}}}\n"
    );
    fs::write(&dynamic, text).unwrap();
    let program = binaries::traefik(&Cache::open().unwrap()).unwrap();
    Program::start_unheard(&program, &["--configFile", fixed.to_str().unwrap()], &[]).unwrap()
}

/// curl's option for a version.
const fn option(version: Version) -> &'static str {
    match version {
        Version::Http1 => "--http1.1",
        Version::Http2 | Version::Http2OfNode => "--http2-prior-knowledge",
    }
}

/// Whether the API answers there: a proxy listens before it knows where to lead to.
fn leads_to_the_api(version: Version, port: u16) -> bool {
    let url = format!("http://127.0.0.1:{port}/nowhere");
    let asked = Command::new("curl").args(["-s", option(version), &url]).output().unwrap();
    String::from_utf8_lossy(&asked.stdout).contains("request_id")
}

/// An early answer: the token, what is sent where, and the status.
struct Early<'a> {
    token: &'a str,
    path: &'a str,
    media_type: &'a str,
    file: &'a Path,
    status: &'a str,
}

/// What the clients say of [`TIMES`] requests, by curl of as many with an `Expect: 100-continue`, too: each a status, or
/// what went wrong.
fn asked(way: Way, early: &Early<'_>) -> Vec<String> {
    let (_, version, port) = way;
    if version == Version::Http2OfNode {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/early.mjs");
        let mut node = Command::new("node");
        node.arg(script).arg(port.to_string()).args([early.path, early.media_type, early.token]).arg(early.file);
        let done = node.arg(TIMES.to_string()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        return String::from_utf8_lossy(&done.stdout).lines().map(str::to_owned).collect();
    }
    let option = option(version);
    let once = |expect: &str| {
        let mut curl = Command::new("curl");
        curl.args(["-sS", option, "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "30", "-X", "POST"]);
        curl.args(["--oauth2-bearer", early.token, "-H", &format!("Content-Type: {}", early.media_type), "-H", expect]);
        curl.arg("--data-binary").arg(format!("@{}", early.file.display()));
        let done = curl.arg(format!("http://127.0.0.1:{port}{}", early.path)).output().unwrap();
        let (status, error) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        format!("{status}{}", if done.status.success() { String::new() } else { format!(" {}", error.trim()) })
    };
    (0..TIMES).flat_map(|_| [once("Expect:"), once("Expect: 100-continue")]).collect()
}

/// Sends what is answered early by every way that `start` opens to the API.
async fn early_answers_arrive(start: impl FnOnce(&Path, SocketAddr) -> (Vec<Program>, Vec<Way>)) {
    let store = guarded();
    let ([public, operations], [api, _]) = store.doors();
    let serving = tokio::spawn(serve(public, operations, Arc::clone(&store.app), PACE, std::future::pending()));
    let directory = tempfile::tempdir().unwrap();
    let (_proxies, ways) = tokio::task::block_in_place(|| start(directory.path(), api));
    for (name, version, port) in &ways {
        let until = tokio::time::Instant::now() + STARTS;
        while !leads_to_the_api(*version, *port) {
            assert!(tokio::time::Instant::now() < until, "{name} does not lead to the API");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let (large, small) = (directory.path().join("large"), directory.path().join("small"));
    fs::write(&large, vec![b'a'; 17_000_000]).unwrap();
    fs::write(&small, vec![b' '; 70_000]).unwrap();
    let admin = token_of(Role::Admin);
    let early = |token, path, media_type, file, status| Early { token, path, media_type, file, status };
    let told = tokio::task::block_in_place(|| {
        let mut told: BTreeMap<String, usize> = BTreeMap::new();
        for way in ways {
            for early in [
                early("wrong", "/products/import", "text/csv", &large, "401"),
                early(&admin, "/products/import", "text/csv", &large, "413"),
                early(&admin, "/products/import", "text/plain", &large, "415"),
                early(&admin, "/products", "application/json", &small, "413"),
            ] {
                let answers = asked(way, &early);
                assert!(answers.len() >= TIMES, "{answers:?}");
                for answer in answers.into_iter().filter(|answer| answer != early.status) {
                    *told.entry(format!("{} {:?} {}: {answer}", way.0, way.1, early.status)).or_default() += 1;
                }
            }
        }
        told
    });
    serving.abort();
    assert!(told.is_empty(), "{told:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "fetches nginx and HAProxy"]
async fn an_early_answer_reaches_the_client_behind_a_proxy() {
    early_answers_arrive(|directory, api| {
        let ports: [u16; 5] = free_ports().unwrap();
        let [http_1, http_2, others @ ..] = ports;
        let proxies = vec![haproxy(directory, api, [http_1, http_2]), nginx(directory, api, others)];
        let ways = vec![
            ("no proxy", Version::Http1, api.port()),
            ("HAProxy", Version::Http1, http_1),
            ("HAProxy", Version::Http2, http_2),
            ("nginx", Version::Http1, others[0]),
            ("nginx", Version::Http2, others[1]),
            ("nginx without a buffer", Version::Http1, others[2]),
        ];
        (proxies, ways)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "compiles Traefik"]
async fn an_early_answer_reaches_the_client_behind_a_proxy_as_the_testbed_has() {
    early_answers_arrive(|directory, api| {
        let [port]: [u16; 1] = free_ports().unwrap();
        (
            vec![traefik(directory, api, port)],
            vec![("Traefik", Version::Http1, port), ("Traefik", Version::Http2OfNode, port)],
        )
    })
    .await;
}
