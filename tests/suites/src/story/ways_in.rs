//! The ways in beside that of the load: an Ingress with host, class, certificate and annotations, and a route of
//! the Gateway API as in the sample, both through the real controller. IO: openssl, kubectl, HTTP and HTTPS.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use http::Method;
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use serde_json::{Value, json};

use super::{ROLE, Story, StoryError};
use store_load::load::Client;
use store_testbed::checkout::root;
use store_testbed::command::{SHORT, run};
use store_testbed::progress::wait_until;
use store_testbed::shop::ask;

/// Host of the Ingress.
const HOST: &str = "shop.test";
/// The Ingress asks by its annotation that this is taken off the path; `traefik.yaml` has the middleware.
const BELOW: &str = "/below";
const ANNOTATION: (&str, &str) = ("traefik.ingress.kubernetes.io/router.middlewares", "below@file");
/// Secret with the certificate, for the Ingress and for the Gateway.
const SECRET: &str = "shop-tls";
/// The client that the load-balancer of layer 4 before a node says it has.
const CLIENT: &str = "192.0.2.7";
const TLS_PORT: u16 = 443;
/// For the controller to take up a route.
const ROUTED: Duration = Duration::from_secs(30);
/// Requests by the route.
const MANY: usize = 8;

/// A certificate for the hosts, signed by itself.
struct Certificate {
    key: String,
    chain: String,
}

impl Story<'_> {
    /// Asks for both, and goes in by each.
    pub(super) async fn other_ways_in(&mut self) -> Result<String, StoryError> {
        let sample = std::fs::read_to_string(root().join("k8s/samples/gateway.yaml"));
        let sample: Value = serde_saphyr::from_str(&sample.unwrap_or_default())
            .map_err(|error| StoryError::Wrong(error.to_string()))?;
        let gateway = &sample["spec"]["api"]["gateway"];
        let route = gateway["hostnames"][0].as_str().unwrap_or_default().to_owned();
        let certificate = certificate(&[HOST, &route])?;
        let objects = cluster_objects(&certificate, self.shop.namespace(), &gateway["parents"][0]);
        self.stage.kubectl.run_with(&["apply", "--server-side", "-f", "-"], objects.to_string()).await?;
        let mut spec = self.plan.spec(3, 3, 2);
        spec["api"]["gateway"] = gateway.clone();
        spec["api"]["ingress"] = json!({
            "host": HOST, "className": "traefik", "tlsSecretName": SECRET, "annotations": { ANNOTATION.0: ANNOTATION.1 },
        });
        self.shop.apply(&spec).await?;
        // A route that its Gateway refused would leave the shop Degraded.
        self.settle(Duration::from_secs(60), 3, 2).await?;
        let by_route = self.by_route(&certificate, &route).await?;
        let by_ingress = self.by_ingress(&certificate).await?;
        Ok(format!("{by_route}; {by_ingress}"))
    }

    /// Over TLS to the Gateway's listener, several times: each API pod answers some.
    async fn by_route(&self, certificate: &Certificate, host: &str) -> Result<String, StoryError> {
        self.get_by_tls(certificate, host, "/products", "route").await?;
        let spread = wait_until("the requests of the route in the pods' logs", ROUTED, || async {
            let clients = self.clients_of("route").await.map_err(|error| error.to_string())?;
            let every = clients.iter().flatten().count();
            if every < MANY { Err(format!("{every} of {MANY}")) } else { Ok(clients) }
        })
        .await?;
        let told: Vec<usize> = spread.iter().map(Vec::len).collect();
        let found = format!("by the route {told:?} requests to the API pods");
        let right = told.len() == 2 && told.iter().all(|pod| *pod > 0);
        let from = spread.iter().flatten().all(|client| client == CLIENT);
        if right && from { Ok(found) } else { Err(StoryError::Wrong(format!("{found}, of the clients {spread:?}"))) }
    }

    /// Through the load-balancer below the path, and over TLS.
    async fn by_ingress(&self, certificate: &Certificate) -> Result<String, StoryError> {
        self.get_by_tls(certificate, HOST, &format!("{BELOW}/products"), "tls").await?;
        let url = self.stage.cluster.url();
        let token = self.shop.token(ROLE).await?;
        let ask = async |host: &str, path: &str, method: Method, body: Option<&Value>| {
            let client = Client::new(&url, Some(host), Duration::from_secs(10))?.with_token(&token)?;
            // What a client claims is not what the load-balancer says.
            let headers = [("x-forwarded-for", "203.0.113.9"), ("x-request-id", "ingress-0")];
            let answer = client.send(method, path, &headers, body).await;
            answer.map_err(|(kind, detail)| StoryError::Wrong(format!("{host}{path}: {kind}: {detail}")))
        };
        let product = json!({ "name": "Way in", "sku": "WAY-1", "price": 1.5 });
        let made = ask(HOST, &format!("{BELOW}/products"), Method::POST, Some(&product)).await?;
        let location =
            made.headers.get("location").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let led = location.starts_with(&format!("{BELOW}/products/"));
        let read = ask(HOST, &location, Method::GET, None).await?.status.as_u16();
        let other = ask("other.test", "/products", Method::GET, None).await?.status.as_u16();
        let clients = wait_until("the requests of the Ingress in the pods' logs", ROUTED, || async {
            let clients = self.clients_of("ingress").await.map_err(|error| error.to_string())?;
            let clients: Vec<String> = clients.into_iter().flatten().collect();
            if clients.len() < 2 { Err(format!("{} of 2", clients.len())) } else { Ok(clients) }
        })
        .await?;
        let found = format!("by the Ingress to {location}, read {read}, another host {other}, clients {clients:?}");
        let right = led && (read, other) == (200, 404) && clients.iter().all(|client| client == "127.0.0.1");
        if right { Ok(found) } else { Err(StoryError::Wrong(found)) }
    }

    /// [`MANY`] answers of 200 over TLS with this certificate, the request ids `<name>-0` and so on.
    async fn get_by_tls(
        &self,
        certificate: &Certificate,
        host: &str,
        path: &str,
        name: &str,
    ) -> Result<(), StoryError> {
        let node = self.stage.cluster.layout().nodes().remove(0);
        let failed = |error: reqwest::Error| StoryError::Wrong(format!("https://{host}{path}: {error:?}"));
        let https = reqwest::Client::builder()
            .tls_built_in_root_certs(false)
            .add_root_certificate(reqwest::Certificate::from_pem(certificate.chain.as_bytes()).map_err(failed)?)
            .resolve(host, SocketAddr::from((node.address, TLS_PORT)))
            .no_proxy()
            .timeout(Duration::from_secs(10))
            .build()
            .map_err(failed)?;
        let token = self.shop.token(ROLE).await?;
        let url = format!("https://{host}{path}");
        let get =
            |id: &str| https.get(&url).bearer_auth(&token).header("x-request-id", id).header("x-forwarded-for", CLIENT);
        wait_until(&format!("{url} to answer"), ROUTED, || async {
            let answer = get("first").send().await.map_err(|error| format!("{error:?}"))?;
            if answer.status().is_success() { Ok(()) } else { Err(answer.status().to_string()) }
        })
        .await?;
        for number in 0..MANY {
            let status = get(&format!("{name}-{number}")).send().await.map_err(failed)?.status();
            if !status.is_success() {
                return Err(StoryError::Wrong(format!("{url}: {status}")));
            }
        }
        Ok(())
    }

    /// By API pod, whom its log names as the clients of the requests with ids that begin with `name`.
    async fn clients_of(&self, name: &str) -> Result<Vec<Vec<String>>, StoryError> {
        let api = self.shop.api::<Pod>();
        let params = LogParams { tail_lines: Some(500), ..LogParams::default() };
        let begins = format!("{name}-");
        let mut all = Vec::new();
        for pod in self.shop.pods("api").await?.into_keys() {
            let log = ask("reading the log of an API pod", api.logs(&pod, &params)).await?;
            let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let of_these = lines.filter(|line| line["request_id"].as_str().is_some_and(|id| id.starts_with(&begins)));
            all.push(of_these.map(|line| line["client"].as_str().unwrap_or("nobody").to_owned()).collect());
        }
        Ok(all)
    }
}

/// What a cluster has already when a shop names it: a Gateway, and the certificate in both namespaces.
fn cluster_objects(certificate: &Certificate, shop: &str, parent: &Value) -> Value {
    let secret = |namespace: &str| {
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": { "name": SECRET, "namespace": namespace },
            "stringData": { "tls.key": certificate.key, "tls.crt": certificate.chain },
        })
    };
    let namespace = parent["namespace"].as_str().unwrap_or_default();
    json!({ "apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": namespace, "labels": { "pod-security.kubernetes.io/enforce": "restricted" } },
        },
        secret(namespace),
        secret(shop),
        {
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
            "metadata": { "name": "traefik" },
            "spec": { "controllerName": "traefik.io/gateway-controller" },
        },
        {
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": { "name": parent["name"], "namespace": namespace },
            "spec": { "gatewayClassName": "traefik", "listeners": [{
                "name": parent["sectionName"], "port": TLS_PORT, "protocol": "HTTPS",
                "tls": { "mode": "Terminate", "certificateRefs": [{ "name": SECRET }] },
                "allowedRoutes": { "namespaces": { "from": "All" } },
            }]},
        },
    ]})
}

fn certificate(hosts: &[&str]) -> Result<Certificate, StoryError> {
    let io = |error: std::io::Error| StoryError::Wrong(format!("making a certificate: {error}"));
    let directory = tempfile::tempdir().map_err(io)?;
    let names: Vec<String> = hosts.iter().map(|host| format!("DNS:{host}")).collect();
    let mut openssl = Command::new("openssl");
    openssl.current_dir(directory.path());
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    openssl.args(["-keyout", "key", "-out", "chain", "-days", "2", "-subj", "/CN=shop"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE", "-addext"]);
    openssl.arg(format!("subjectAltName={}", names.join(",")));
    run(&mut openssl, SHORT)?;
    let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).map_err(io);
    Ok(Certificate { key: read("key")?, chain: read("chain")? })
}
