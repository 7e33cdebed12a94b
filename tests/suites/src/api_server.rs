//! An API server of Kubernetes with its etcd and the few controllers that keep objects in order, alone: no
//! node, no scheduler, no container. In a temporary directory and on loopback; all of it ends with the value.
//! IO: processes.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use store_testbed::binaries::{self, BinariesError};
use store_testbed::cache::Cache;
use store_testbed::command::{CommandError, SHORT, run};
use store_testbed::kubernetes_versions::KubernetesVersion;
use store_testbed::ports::{free_port, free_ports};
use store_testbed::progress::{WaitError, wait_until};

/// An idle machine needs ten seconds, a busy one more.
const STARTS: Duration = Duration::from_secs(90);
const ENDS: Duration = Duration::from_secs(10);
/// What the suites need of the controller manager: StatefulSets make pods and claims, what an owner leaves
/// goes, quotas are counted, namespaces end, claims that no pod uses go. Nothing binds a volume or a pod.
const CONTROLLERS: &str = "statefulset-controller,garbage-collector-controller,resourcequota-controller,namespace-controller,\
     persistentvolumeclaim-protection-controller";

/// The API server could not be started or asked.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is the error of the module it is named after")]
pub enum ApiServerError {
    #[error(transparent)]
    Binaries(#[from] BinariesError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Wait(#[from] WaitError),
    #[error(transparent)]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    #[error("making a client: {0}")]
    Client(#[source] Box<kube::Error>),
    /// A file, port or process was refused.
    #[error("{action}: {source}")]
    Io {
        /// What was attempted.
        action: String,
        /// Why not.
        source: io::Error,
    },
}

fn io_error(action: impl Into<String>) -> impl FnOnce(io::Error) -> ApiServerError {
    let action = action.into();
    move |source| ApiServerError::Io { action, source }
}

fn no_port() -> impl FnOnce(io::Error) -> ApiServerError {
    io_error("looking for a free port")
}

/// One that runs. Dropped, it is killed; [`ApiServer::end`] ends it and says what was left.
pub struct ApiServer {
    directory: TempDir,
    processes: Vec<(&'static str, Child)>,
    client: Client,
}

impl ApiServer {
    /// Starts all of it, in this version of Kubernetes, and waits until it is ready.
    ///
    /// # Errors
    /// [`ApiServerError`]; the log of the program that failed is in the temporary directory until then, so
    /// its end is part of the error.
    pub async fn start(cache: &Cache, version: KubernetesVersion) -> Result<Self, ApiServerError> {
        let (kubernetes, etcd) = binaries::control_plane(cache, version)?;
        let directory = tempfile::Builder::new()
            .prefix("store-api-server-")
            .tempdir()
            .map_err(io_error("making a temporary directory"))?;
        let at = directory.path();
        let [clients, peers, port] = free_ports().map_err(no_port())?;
        let token = uuid::Uuid::new_v4().simple().to_string();
        prepare(at, port, &token)?;
        let kubeconfig = Kubeconfig::read_from(at.join("kubeconfig"))?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        let client = Client::try_from(config).map_err(|error| ApiServerError::Client(Box::new(error)))?;
        let mut server = ApiServer { directory, processes: Vec::new(), client };
        server.spawn("etcd", &etcd, &etcd_flags(server.path(), clients, peers))?;
        server.spawn(
            "kube-apiserver",
            &kubernetes.join("kube-apiserver"),
            &server_flags(server.path(), clients, port),
        )?;
        server.ready().await?;
        let manager = kubernetes.join("kube-controller-manager");
        let flags = manager_flags(server.path(), free_port().map_err(no_port())?);
        server.spawn("kube-controller-manager", &manager, &flags)?;
        Ok(server)
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// An administrator's client.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.path().join("kubeconfig")
    }

    /// Starts a program beside it, as one of its own: its output goes to `NAME.log`.
    ///
    /// # Errors
    /// [`ApiServerError::Io`] when it cannot be started.
    pub fn spawn(&mut self, name: &'static str, program: &Path, flags: &[String]) -> Result<(), ApiServerError> {
        let log = File::create(self.log(name)).map_err(io_error(format!("making the log of {name}")))?;
        let errors = log.try_clone().map_err(io_error(format!("making the log of {name}")))?;
        let child = Command::new(program)
            .args(flags)
            .env("KUBECONFIG", self.kubeconfig())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .map_err(io_error(format!("starting {}", program.display())))?;
        self.processes.push((name, child));
        Ok(())
    }

    fn log(&self, name: &str) -> PathBuf {
        self.path().join(format!("{name}.log"))
    }

    /// The last lines that a program wrote.
    pub fn last_words(&self, name: &str, lines: usize) -> String {
        let text = fs::read_to_string(self.log(name)).unwrap_or_default();
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    async fn ready(&mut self) -> Result<(), ApiServerError> {
        let client = self.client();
        let answer = wait_until("the API server", STARTS, || async {
            let question = http::Request::get("/readyz").body(Vec::new()).map_err(|error| error.to_string())?;
            client.request_text(question).await.map_err(|error| first_line(&error.to_string()))
        });
        match answer.await {
            Ok(_) => Ok(()),
            Err(mut error) => {
                let words = ["etcd", "kube-apiserver"].map(|name| format!("{name}: {}", self.last_words(name, 5)));
                error.last = format!("{}\n{}", error.last, words.join("\n"));
                Err(error.into())
            }
        }
    }

    /// Ends every process, the last started first, and deletes the directory.
    ///
    /// # Errors
    /// [`ApiServerError`] when something is left.
    pub async fn end(mut self) -> Result<(), ApiServerError> {
        while let Some((name, mut child)) = self.processes.pop() {
            end(&mut child).await.map_err(io_error(format!("ending {name}")))?;
        }
        self.directory.close().map_err(io_error("deleting the temporary directory"))
    }

    /// Ends the program of this name, and says how it ended.
    ///
    /// # Errors
    /// [`ApiServerError::Io`] when there is none.
    pub async fn end_one(&mut self, name: &str) -> Result<ExitStatus, ApiServerError> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "it was not started");
        let position = self.processes.iter().rposition(|(known, _)| *known == name);
        let position = position.ok_or_else(missing).map_err(io_error(format!("ending {name}")))?;
        let (_, mut child) = self.processes.remove(position);
        end(&mut child).await.map_err(io_error(format!("ending {name}")))
    }
}

async fn end(child: &mut Child) -> Result<ExitStatus, io::Error> {
    if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    match tokio::time::timeout(ENDS, child.wait()).await {
        Ok(status) => status,
        Err(_) => {
            child.start_kill()?;
            child.wait().await
        }
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// Certificate, keys of service accounts, the administrator's token and kubeconfig.
fn prepare(at: &Path, port: u16, token: &str) -> Result<(), ApiServerError> {
    let openssl = |line: &str| {
        let mut openssl = std::process::Command::new("openssl");
        openssl.current_dir(at).args(line.split(' '));
        run(&mut openssl, SHORT)
    };
    openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out accounts.key")?;
    openssl("pkey -in accounts.key -pubout -out accounts.pub")?;
    openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 1 -subj /CN=alone")?;
    openssl("req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=api-server")?;
    let write = |name: &str, text: String| fs::write(at.join(name), text).map_err(io_error(format!("writing {name}")));
    write("server.ext", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n".to_owned())?;
    openssl(
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 1 -extfile server.ext -out server.crt",
    )?;
    write("tokens.csv", format!("{token},admin,admin,system:masters\n"))?;
    write("kubeconfig", kubeconfig(at, port, token).to_string())
}

fn kubeconfig(at: &Path, port: u16, token: &str) -> Value {
    let named = |part: &str, value: Value| json!([{ "name": "alone", part: value }]);
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "alone",
        "clusters": named("cluster", json!({
            "server": format!("https://127.0.0.1:{port}"), "certificate-authority": at.join("ca.crt"),
        })),
        "users": named("user", json!({ "token": token })),
        "contexts": named("context", json!({ "cluster": "alone", "user": "alone" })),
    })
}

fn flags<const N: usize>(pairs: [(&str, String); N]) -> Vec<String> {
    pairs.into_iter().map(|(name, value)| format!("--{name}={value}")).collect()
}

fn etcd_flags(at: &Path, clients: u16, peers: u16) -> Vec<String> {
    let (clients, peers) = (format!("http://127.0.0.1:{clients}"), format!("http://127.0.0.1:{peers}"));
    flags([
        ("name", "alone".to_owned()),
        ("data-dir", at.join("etcd").display().to_string()),
        ("listen-client-urls", clients.clone()),
        ("advertise-client-urls", clients),
        ("listen-peer-urls", peers.clone()),
        ("initial-advertise-peer-urls", peers.clone()),
        ("initial-cluster", format!("alone={peers}")),
        ("unsafe-no-fsync", "true".to_owned()),
        ("log-level", "warn".to_owned()),
    ])
}

fn server_flags(at: &Path, etcd: u16, port: u16) -> Vec<String> {
    let file = |name: &str| at.join(name).display().to_string();
    let text = ToOwned::to_owned;
    flags([
        ("bind-address", text("127.0.0.1")),
        ("secure-port", port.to_string()),
        ("etcd-servers", format!("http://127.0.0.1:{etcd}")),
        ("tls-cert-file", file("server.crt")),
        ("tls-private-key-file", file("server.key")),
        ("token-auth-file", file("tokens.csv")),
        ("service-account-issuer", text("https://kubernetes.default.svc.cluster.local")),
        ("service-account-key-file", file("accounts.pub")),
        ("service-account-signing-key-file", file("accounts.key")),
        ("authorization-mode", text("RBAC")),
        ("service-cluster-ip-range", text("10.99.0.0/24")),
        ("endpoint-reconciler-type", text("none")),
    ])
}

fn manager_flags(at: &Path, port: u16) -> Vec<String> {
    let kubeconfig = at.join("kubeconfig").display().to_string();
    flags([
        ("kubeconfig", kubeconfig.clone()),
        ("authentication-kubeconfig", kubeconfig.clone()),
        ("authorization-kubeconfig", kubeconfig),
        ("bind-address", "127.0.0.1".to_owned()),
        ("secure-port", port.to_string()),
        ("leader-elect", "false".to_owned()),
        ("controllers", CONTROLLERS.to_owned()),
        ("cert-dir", at.join("manager").display().to_string()),
    ])
}
