//! The two commands that the chart's hooks run in a pod of their own: one applies the StoreCluster
//! that comes with the chart, one asks an operator whether it is ready. IO: the Kubernetes API, HTTP.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::Value;
use store_crds::StoreCluster;
use tokio::time::{Instant, MissedTickBehavior};

/// Field manager of the StoreCluster that comes with the chart. Another than the operator's, which
/// never writes a spec.
const CHART_MANAGER: &str = "store-manager-chart";
/// How often something that is not there yet is looked for.
const PERIOD: Duration = Duration::from_millis(500);
/// Time for one look.
const LOOK: Duration = Duration::from_secs(10);

/// Settings of `apply-store`.
#[derive(Args, Debug)]
pub struct ApplyArgs {
    /// File with a StoreCluster as JSON or YAML, its namespace included.
    pub file: PathBuf,
    /// How long to wait until the API server serves StoreClusters.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=600))]
    pub timeout_seconds: u16,
}

/// Settings of `await-ready`.
#[derive(Args, Debug)]
pub struct ReadyArgs {
    /// Address of an operator's /readyz.
    pub url: String,
    /// How long to wait for it.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=600))]
    pub timeout_seconds: u16,
}

/// A hook could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    #[error("reading {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} cannot be applied, since it is no StoreCluster: {reason}; put it right in the chart's storeCluster", path.display())]
    NotAStore { path: PathBuf, reason: String },
    #[error(
        "applying StoreCluster {store}: somebody else has set other values since; put the same into the chart's storeCluster.spec, or leave these fields out of it: {message}"
    )]
    Conflict { store: String, message: String },
    #[error("applying StoreCluster {store}: {source}")]
    Refused { store: String, source: Box<kube::Error> },
    #[error("gave up after {} s waiting for {what}: {last}", waited.as_secs())]
    Late { what: String, waited: Duration, last: String },
    #[error("making the HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// What one look has shown.
enum Look {
    Done,
    /// Not there yet, and why.
    NotYet(String),
}

/// Applies the StoreCluster of the file, once its kind is served.
///
/// # Errors
/// [`HookError`] when it is refused, or its kind is not served in time.
pub async fn apply_store(client: Client, arguments: &ApplyArgs) -> Result<(), HookError> {
    let (store, namespace, name) = read(&arguments.file)?;
    let shown = format!("{namespace}/{name}");
    let api: Api<StoreCluster> = Api::namespaced(client, &namespace);
    // Not by force: a size that `kubectl scale` has set since is not the chart's to take back.
    let params = PatchParams::apply(CHART_MANAGER);
    let patch = Patch::Apply(&store);
    let what = format!("the API server to take StoreCluster {shown}");
    wait(&what, arguments.timeout_seconds, async || match api.patch(&name, &params, &patch).await {
        Ok(_) => Ok(Look::Done),
        Err(error) => answer(&shown, error),
    })
    .await?;
    tracing::info!(store = shown, "applied");
    Ok(())
}

/// Waits until an operator says that it is ready.
///
/// # Errors
/// [`HookError::Late`] with what it said last.
pub async fn await_ready(arguments: &ReadyArgs) -> Result<(), HookError> {
    let client = reqwest::Client::builder().no_proxy().tls_built_in_root_certs(false).timeout(LOOK).build()?;
    let what = format!("{} to answer that the operator is ready", arguments.url);
    wait(&what, arguments.timeout_seconds, async || {
        Ok(match client.get(&arguments.url).send().await {
            Ok(response) if response.status().is_success() => Look::Done,
            Ok(response) => Look::NotYet(format!("status {}", response.status())),
            Err(error) => Look::NotYet(chain(&error)),
        })
    })
    .await?;
    tracing::info!(url = arguments.url, "ready");
    Ok(())
}

/// The StoreCluster as it is written, without the types' defaults: what is not written is not the
/// chart's to own.
fn read(path: &Path) -> Result<(Value, String, String), HookError> {
    let text = std::fs::read_to_string(path).map_err(|source| HookError::Read { path: path.to_owned(), source })?;
    let not_a_store = |reason: String| HookError::NotAStore { path: path.to_owned(), reason };
    let store: Value = serde_saphyr::from_str(&text).map_err(|error| not_a_store(error.to_string()))?;
    let typed: StoreCluster =
        serde_path_to_error::deserialize(&store).map_err(|error| not_a_store(error.to_string()))?;
    match (typed.metadata.namespace, typed.metadata.name) {
        (Some(namespace), Some(name)) => Ok((store, namespace, name)),
        _ => Err(not_a_store("it needs metadata.name and metadata.namespace".to_owned())),
    }
}

/// What becomes of an answer that is not success: only a kind that is not served yet, or a server
/// that does not answer, is waited for.
fn answer(store: &str, error: kube::Error) -> Result<Look, HookError> {
    match &error {
        kube::Error::Api(status) if status.code == 409 && status.reason == "Conflict" => {
            Err(HookError::Conflict { store: store.to_owned(), message: status.message.clone() })
        }
        kube::Error::Api(status) if status.code == 404 => {
            Ok(Look::NotYet(format!("the kind or the namespace is not there yet: {}", status.message)))
        }
        kube::Error::Api(status) if status.code == 429 || status.code >= 500 => {
            Ok(Look::NotYet(format!("the API server says {}: {}", status.code, status.message)))
        }
        kube::Error::Service(_) | kube::Error::HyperError(_) => Ok(Look::NotYet(chain(&error))),
        _ => Err(HookError::Refused { store: store.to_owned(), source: Box::new(error) }),
    }
}

async fn wait(what: &str, seconds: u16, look: impl AsyncFn() -> Result<Look, HookError>) -> Result<(), HookError> {
    let began = Instant::now();
    let deadline = Duration::from_secs(seconds.into());
    let mut last = "no answer yet".to_owned();
    let mut ticker = tokio::time::interval(PERIOD);
    ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while began.elapsed() < deadline {
        ticker.tick().await;
        match tokio::time::timeout(LOOK, look()).await {
            Ok(Ok(Look::Done)) => return Ok(()),
            Ok(Ok(Look::NotYet(why))) if why == last => {}
            Ok(Ok(Look::NotYet(why))) => {
                tracing::info!("waiting for {what}: {why}");
                last = why;
            }
            Ok(Err(error)) => return Err(error),
            Err(_) => last = format!("no answer within {} s", LOOK.as_secs()),
        }
    }
    Err(HookError::Late { what: what.to_owned(), waited: began.elapsed(), last })
}

/// An error with all its causes: the outermost alone rarely says what is wrong.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    std::iter::once(error as &dyn Display)
        .map(ToString::to_string)
        .chain(causes.map(ToString::to_string))
        .collect::<Vec<_>>()
        .join(": ")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::Write as _;

    use kube::core::Status;

    use super::*;

    fn refusal(code: u16, reason: &str) -> kube::Error {
        let status = Status::failure("because", reason).with_code(code);
        kube::Error::Api(Box::new(status))
    }

    #[test]
    fn only_what_can_still_come_is_waited_for() {
        for code in [404, 429, 500, 503] {
            assert!(matches!(answer("a/b", refusal(code, "")), Ok(Look::NotYet(_))), "{code}");
        }
        for code in [400, 401, 403, 422] {
            assert!(matches!(answer("a/b", refusal(code, "")), Err(HookError::Refused { .. })), "{code}");
        }
        let conflict = answer("a/b", refusal(409, "Conflict")).err().expect("an error").to_string();
        assert!(conflict.contains("storeCluster.spec") && conflict.contains("because"), "{conflict}");
    }

    #[test]
    fn a_store_is_applied_as_it_is_written() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(
            br#"{"apiVersion": "storemanager.io/v1alpha1", "kind": "StoreCluster",
            "metadata": {"name": "shop", "namespace": "store"}, "spec": {}}"#,
        )
        .expect("written");
        let (store, namespace, name) = read(file.path()).expect("a store");
        assert_eq!(
            (store["spec"].clone(), namespace.as_str(), name.as_str()),
            (serde_json::json!({}), "store", "shop")
        );
        file.write_all(b"x").expect("written");
        assert!(matches!(read(file.path()), Err(HookError::NotAStore { .. })));
    }

    #[test]
    fn what_is_wrong_in_a_store_is_told_with_its_path() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(
            br#"{"metadata": {"name": "shop", "namespace": "store"}, "spec": {"cassandra": {"version": 5}}}"#,
        )
        .expect("written");
        let error = read(file.path()).expect_err("a number").to_string();
        assert!(error.contains("spec.cassandra.version: invalid type: integer `5`, expected a string"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_with_success_with_a_refusal_or_at_its_deadline() {
        let looks = Cell::new(0);
        let third = async || {
            looks.set(looks.get() + 1);
            Ok(if looks.get() < 3 { Look::NotYet("not there".into()) } else { Look::Done })
        };
        assert!(wait("it", 5, third).await.is_ok());
        let refused = wait("it", 5, async || answer("a/b", refusal(403, "Forbidden")).map(|_| Look::Done)).await;
        assert!(matches!(refused, Err(HookError::Refused { .. })));
        let late = wait("it", 5, async || Ok(Look::NotYet("not there".into()))).await.expect_err("late");
        assert!(late.to_string().contains("not there"), "{late}");
        let silent = wait("it", 25, async || std::future::pending().await).await.expect_err("late");
        assert!(silent.to_string().contains("no answer within"), "{silent}");
    }
}
