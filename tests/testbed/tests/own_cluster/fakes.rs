//! Programs that write down how they were called, in place of docker, podman, buildah, kubectl, helm, kind, k3d and
//! minikube, and a Kubernetes with one shop that answers `make up` and `make down`. What they print has the form of the
//! real ones; that the real ones take these commands is not shown by them.

use std::convert::Infallible;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use store_testbed::command::{CommandError, run};
use tokio::net::TcpListener;

/// More than any of these runs takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A builder of images: an id where `--iidfile` asks for one, an archive where one is to be saved, and docker without a
/// daemon where there is a file `broken`.
const BUILDER: &str = r#"
if [ -e "$here/broken" ]; then echo 'Cannot connect to the Docker daemon' >&2; exit 1; fi
previous=
for word; do
  case $previous in --iidfile) echo "sha256:of $word" > "$word" ;; --output) echo archive > "$word" ;; esac
  case $word in docker-archive:*) file=${word#docker-archive:}; echo archive > "${file%%:*}" ;; esac
  previous=$word
done
"#;
/// A tool of local clusters that refuses archives which are not there.
const TOOL: &str = r#"
case "$*" in "get clusters" | "cluster list"* | "profile list"*) exec /bin/cat "$here/clusters" ;; esac
for word; do case $word in *.tar) /bin/cat "$word" > /dev/null || exit 1 ;; esac; done
"#;
const KUBECTL: &str = r#"
case "$*" in
  "config current-context") exec /bin/cat "$here/context" ;;
  "config view"*) exec /bin/cat "$here/kubeconfig" ;;
  port-forward*) echo "Forwarding from 127.0.0.1:$(/bin/cat "$here/port") -> 5000"; exec /bin/sleep 60 ;;
esac
"#;
const HELM: &str = r#"case "$1" in version) echo v3.22.0 ;; list) echo store-manager ;; esac"#;

/// A machine with some of the programs, and none else.
pub struct Machine {
    directory: tempfile::TempDir,
}

impl Machine {
    /// One that has these of the programs.
    pub fn with(programs: &[&str]) -> Self {
        let machine = Self { directory: tempfile::tempdir().expect("a directory") };
        for directory in ["bin", "home"] {
            fs::create_dir(machine.path(directory)).expect("made");
        }
        let here = machine.directory.path().display();
        let record = format!("#!/bin/sh\nhere='{here}'\necho \"${{0##*/}} $*\" >> \"$here/calls\"\n");
        for (name, script) in [("builder", BUILDER), ("tool", TOOL), ("kubectl", KUBECTL), ("helm", HELM)] {
            let file = machine.path(name);
            fs::write(&file, format!("{record}{script}\n")).expect("written");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("made executable");
        }
        for program in programs {
            let script = match *program {
                "docker" | "podman" | "buildah" => "builder",
                "kind" | "k3d" | "minikube" => "tool",
                own => own,
            };
            symlink(machine.path(script), machine.path("bin").join(program)).expect("linked");
        }
        machine
    }

    /// A file of the machine's.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file that the programs read.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    /// Runs the testbed's program here; what it printed, or how it failed.
    pub fn testbed(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<String, CommandError> {
        let mut testbed = Command::new(env!("CARGO_BIN_EXE_testbed"));
        testbed.env_clear().env("PATH", self.path("bin")).env("HOME", self.path("home"));
        testbed.env("STORE_STATE", self.path("state")).envs(variables.iter().copied()).args(arguments);
        run(&mut testbed, DEADLINE)
    }

    /// How the programs were called, a line each, without the machine's own directories.
    pub fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("calls")).unwrap_or_default();
        let here = self.directory.path().display().to_string();
        text.lines().map(|line| line.replace(&here, "HERE")).collect()
    }
}

/// A Kubernetes with a node in no zone, a StoreCluster `minimal` that is Ready, and its API, on one port of loopback.
pub struct Kubernetes {
    /// The port.
    pub port: u16,
    /// Whether somebody deleted the shop.
    pub deleted: Arc<AtomicBool>,
}

impl Kubernetes {
    /// Starts it; it ends with the test's runtime.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let deleted = Arc::new(AtomicBool::new(false));
        let gone = Arc::clone(&deleted);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let gone = Arc::clone(&gone);
                let answer = service_fn(move |request: Request<Incoming>| {
                    let (status, body) = answer(request.method().as_str(), request.uri().path(), &gone);
                    let body = Full::new(Bytes::from(body.to_string()));
                    let answer =
                        Response::builder().status(status).header("content-type", "application/json").body(body);
                    async move { Ok::<_, Infallible>(answer.expect("an answer")) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { port, deleted }
    }

    /// A kubeconfig of it.
    pub fn kubeconfig(&self) -> String {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": format!("http://127.0.0.1:{}", self.port)}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": {}}],
        })
        .to_string()
    }
}

fn answer(method: &str, path: &str, deleted: &AtomicBool) -> (StatusCode, Value) {
    const STORES: &str = "/apis/storemanager.io/v1alpha1";
    const SHOP: &str = "/apis/storemanager.io/v1alpha1/namespaces/store/storeclusters/minimal";
    let missing = || {
        let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": path,
                            "reason": "NotFound", "code": 404});
        (StatusCode::NOT_FOUND, status)
    };
    let list = |kind: &str, version: &str, items: Value| json!({"kind": kind, "apiVersion": version, "metadata": {}, "items": items});
    let about = json!({"name": "minimal", "namespace": "store", "generation": 1});
    let product = json!({"id": "1", "name": "Hello"});
    let body = match (method, path) {
        ("GET", "/api/v1/nodes") => list("NodeList", "v1", json!([{"metadata": {"name": "control-plane"}}])),
        ("GET", SHOP) if deleted.load(Ordering::Relaxed) => return missing(),
        ("GET", SHOP) => json!({
            "kind": "StoreCluster", "apiVersion": "storemanager.io/v1alpha1", "metadata": about, "spec": {},
            "status": {"api": {"url": "http://minimal-api.store.svc"}, "conditions": [{
                "type": "Ready", "status": "True", "reason": "Serving", "message": "", "observedGeneration": 1,
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }]},
        }),
        ("DELETE", SHOP) => {
            deleted.store(true, Ordering::Relaxed);
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})
        }
        ("GET", stores) if stores.starts_with(STORES) => {
            let items = if deleted.load(Ordering::Relaxed) { json!([]) } else { json!([{"metadata": about}]) };
            list("PartialObjectMetadataList", "meta.k8s.io/v1", items)
        }
        ("GET", "/api/v1/namespaces/store/secrets/minimal-api-tokens") => {
            let about = json!({"name": "minimal-api-tokens"});
            json!({"kind": "Secret", "apiVersion": "v1", "metadata": about, "data": {"admin": "dG9rZW4="}})
        }
        ("GET", "/products") => json!([]),
        ("POST", "/products") | ("GET", "/products/1") => product,
        _ => return missing(),
    };
    (StatusCode::OK, body)
}
