//! The same two reads as others would write them: Go with chi and gocql, Python with Flask, gunicorn
//! and cassandra-driver (`tests/bench/go`, `tests/bench/flask`). IO: go and pip into the cache, child
//! processes.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::api::ApiBenchError;
use super::equality::PAGE;
use super::parts::address;
use super::store::{KEYSPACE, Store, free_port};
use crate::child::Program;
use store_testbed::cache::{Cache, Key};
use store_testbed::checkout::root;
use store_testbed::command::{CommandError, LONG, SHORT, run};
use store_testbed::local_cassandra::DATACENTER;
use store_testbed::progress::{say, wait_until};

/// As many as the CPUs of a small machine, and enough threads for the load.
const WORKERS: &str = "2";
const THREADS: &str = "8";

/// A peer that serves; it ends when this is dropped.
pub struct Peer {
    /// What it is made of.
    pub name: &'static str,
    /// Its process, the parent of all others that it has.
    pub process: Program,
    /// Where it answers.
    pub address: SocketAddr,
}

/// Builds and starts both, and checks that they answer the bytes that the API answers.
///
/// # Errors
/// [`ApiBenchError`] when one cannot be had or answers something else.
pub async fn start(store: &Store) -> Result<Vec<Peer>, ApiBenchError> {
    let installed = tokio::task::spawn_blocking(install).await;
    let (go, python) = installed.map_err(|error| ApiBenchError::Wrong(format!("installing the peers: {error}")))??;
    let peers = vec![start_go(&go, store).await?, start_flask(&python, store).await?];
    for peer in &peers {
        same_bytes(store, peer).await?;
        say(format!("{} answers the same bytes", peer.name));
    }
    Ok(peers)
}

async fn start_go(program: &Path, store: &Store) -> Result<Peer, ApiBenchError> {
    let node = store.node.to_string();
    let environment = [("CASSANDRA", node.as_str()), ("KEYSPACE", KEYSPACE), ("ACCESS_LOG", "/dev/null")];
    let mut process = Program::start_heard(program, &[], &environment)?;
    let address = address(&mut process).await?;
    Ok(Peer { name: "Go (chi, gocql)", process, address })
}

async fn start_flask(packages: &Path, store: &Store) -> Result<Peer, ApiBenchError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
    let (node, bind) = (store.node.to_string(), address.to_string());
    let (packages, sources) = (packages.display().to_string(), sources("flask").display().to_string());
    let environment = [
        ("CASSANDRA", node.as_str()),
        ("KEYSPACE", KEYSPACE),
        ("DATACENTER", DATACENTER),
        ("PYTHONPATH", &packages),
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ];
    let mut arguments = vec!["-m", "gunicorn", "--bind", &bind, "--workers", WORKERS, "--threads", THREADS];
    arguments.extend(["--keep-alive", "75", "--timeout", "120", "--log-level", "warning", "--chdir", &sources]);
    arguments.push("peer:app");
    let process = Program::start_unheard(Path::new("python3"), &arguments, &environment)?;
    let peer = Peer { name: "Python (Flask, gunicorn, cassandra-driver)", process, address };
    wait_until("the Flask peer to answer", Duration::from_secs(90), || async {
        store.get(peer.address, PAGE).await.map(drop).map_err(|error| error.to_string())
    })
    .await?;
    Ok(peer)
}

async fn same_bytes(store: &Store, peer: &Peer) -> Result<(), ApiBenchError> {
    let gets = store.ids.iter().map(|id| format!("/products/{id}"));
    for path in gets.chain([PAGE.to_owned()]) {
        let (ours, theirs) = (store.get(store.address, &path).await?, store.get(peer.address, &path).await?);
        if ours != theirs {
            let (ours, theirs) = (String::from_utf8_lossy(&ours), String::from_utf8_lossy(&theirs));
            let name = peer.name;
            return Err(ApiBenchError::Wrong(format!("{path}: store-api answers {ours}, {name} {theirs}")));
        }
    }
    Ok(())
}

fn sources(peer: &str) -> PathBuf {
    root().join("tests/bench").join(peer)
}

/// The Go program, and a directory of Python packages.
fn install() -> Result<(PathBuf, PathBuf), ApiBenchError> {
    let cache = Cache::open()?;
    let source = sources("go");
    let key = Key::new("bench-peer-go", &tool_version("go", "version")?).with_files(&source)?;
    let go = cache.ensure(&key, |directory| {
        say("building the Go peer (about 1 min from nothing)");
        let mut go = Command::new("go");
        go.current_dir(&source).env("CGO_ENABLED", "0");
        go.args(["build", "-mod=readonly", "-trimpath", "-o"]).arg(directory.join("peer")).arg(".");
        run(&mut go, LONG).map(drop)
    })?;
    let requirements = sources("flask").join("requirements.txt");
    let key = Key::new("bench-peer-flask", &tool_version("python3", "--version")?).with_files(&requirements)?;
    let packages = cache.ensure(&key, |directory| {
        say("fetching the Flask peer's packages");
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"]);
        run(pip.arg(directory).arg("-r").arg(&requirements), LONG).map(drop)
    })?;
    Ok((go.join("peer"), packages))
}

/// What a tool says its version is, as a part of a file's name.
fn tool_version(program: &str, argument: &str) -> Result<String, CommandError> {
    let said = run(Command::new(program).arg(argument), SHORT)?;
    let version =
        said.split_whitespace().find(|word| word.trim_start_matches("go").starts_with(|c: char| c.is_ascii_digit()));
    Ok(version.unwrap_or("unknown").to_owned())
}
