//! `store-operator`: the operator itself, and the small commands that run in Cassandra's pods.

use std::net::{Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;
use store_operator::args::{Cli, Command, LogFormat, Metered, Run};
use store_operator::cassandra::jmx;
use store_operator::cassandra::live::{LiveRing, Ports};
use store_operator::context::Context;
use store_operator::events::Publisher;
use store_operator::health::{self, Health, Heartbeat};
use store_operator::leader::{Candidate, WriteGate};
use store_operator::metrics::Metrics;
use store_operator::node::agent::node_agent;
use store_operator::node::config::node_config;
use store_operator::node::metrics::NodeMetrics;
use store_operator::{client, controller, hooks, logs};
use store_telemetry::Traces;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Passes under way get this long to end after a signal.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(20);
/// Ended node operations that wait to be looked at.
const ENDED_OPERATIONS: usize = 64;

fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Run(run) => {
            // It waits for answers and hardly computes: more threads would only be more heaps.
            let runtime = runtime(&mut Builder::new_current_thread())?;
            let traces = {
                let _within = runtime.enter();
                Traces::from_environment("store-operator", env!("CARGO_PKG_VERSION"))
            };
            logs::to_stderr(run.log_format, traces.as_ref().ok().and_then(Option::as_ref));
            let traces = traces.context("read OpenTelemetry's variables")?;
            let code = runtime.block_on(async {
                let code = operate(*run).await;
                if let Some(traces) = traces {
                    traces.end().await;
                }
                code
            })?;
            // Long node operations go on in Cassandra; nothing here waits for them.
            runtime.shutdown_background();
            Ok(code)
        }
        Command::NodeConfig(args) => {
            logs::to_stderr(LogFormat::Text, None);
            let runtime = runtime(&mut Builder::new_current_thread())?;
            runtime.block_on(node_config(&args)).context("prepared Cassandra's configuration")?;
            Ok(ExitCode::SUCCESS)
        }
        Command::NodeAgent(args) => {
            logs::to_stderr(LogFormat::Text, None);
            let runtime = runtime(&mut Builder::new_current_thread())?;
            runtime.block_on(async {
                let stop = CancellationToken::new();
                tokio::spawn(stop_on_signal(stop.clone())?);
                node_agent(args, stop.cancelled_owned()).await.context("served as node agent")
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Command::ApplyStore(args) => {
            logs::to_stderr(LogFormat::Text, None);
            let runtime = runtime(&mut Builder::new_current_thread())?;
            runtime.block_on(async {
                let client = kube::Client::try_default().await.context("looked for a cluster to work in")?;
                hooks::apply_store(client, &args).await.context("applying the StoreCluster of the chart")
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Command::AwaitReady(args) => {
            logs::to_stderr(LogFormat::Text, None);
            let runtime = runtime(&mut Builder::new_current_thread())?;
            runtime.block_on(hooks::await_ready(&args)).context("asked the operator")?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Metrics { of } => {
            let table = match of {
                Metered::Operator => Metrics::new(1).context("registered the metrics")?.reference(),
                Metered::Node => NodeMetrics::new().context("registered the metrics")?.reference(),
            };
            print!("{table}");
            Ok(ExitCode::SUCCESS)
        }
        Command::Crd => {
            print!("{}", serde_saphyr::to_string(&store_crds::crd()).context("wrote the CRD as YAML")?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn runtime(builder: &mut Builder) -> anyhow::Result<Runtime> {
    builder.enable_all().build().context("started the async runtime")
}

async fn operate(run: Run) -> anyhow::Result<ExitCode> {
    let metrics = Metrics::new(run.concurrency).context("registered the metrics")?;
    let gate = if run.leader_election { WriteGate::closed() } else { WriteGate::open() };
    let config = kube::Config::infer().await.context("looked for a cluster to work in")?;
    let work = Heartbeat::new();
    let api_server = Heartbeat::new();
    let health = Health {
        work: work.clone(),
        api_server: run.leader_election.then(|| api_server.clone()),
        metrics: metrics.clone(),
    };
    let address = SocketAddr::from((Ipv6Addr::UNSPECIFIED, run.metrics_port));
    let listener = TcpListener::bind(address).await.with_context(|| format!("listened on {address}"))?;
    let stop = CancellationToken::new();
    tokio::spawn(health::serve(listener, health, stop.clone()));
    tokio::spawn(stop_on_signal(stop.clone())?);

    if !run.leader_election {
        metrics.leading(true);
        work_on_stores(&run, config, metrics, gate, work, stop).await?;
        return Ok(ExitCode::SUCCESS);
    }

    // The Lease is written when the gate is closed, too: its client has none.
    let plain = client::gated(config.clone(), metrics.clone(), WriteGate::open())?;
    let namespace = run.installation.operator_namespace.clone();
    let candidate = Candidate::new(plain, (&namespace, &run.lease_name), run.identity(), gate.clone(), api_server);
    tracing::info!(identity = run.identity(), "waiting for the Lease");
    let lease = tokio::select! {
        lease = candidate.acquire(&work) => lease,
        () = stop.cancelled() => return Ok(ExitCode::SUCCESS),
    };
    tracing::info!("leading");
    metrics.leading(true);

    // The Lease is kept until every pass has ended, and given back after them.
    let passes_ended = CancellationToken::new();
    let keeping = candidate.keep(lease, passes_ended.clone());
    let working = async {
        let worked = work_on_stores(&run, config, metrics, gate, work, stop).await;
        passes_ended.cancel();
        worked
    };
    let mut keeping = std::pin::pin!(keeping);
    let mut working = std::pin::pin!(working);
    tokio::select! {
        lost = &mut keeping => {
            // Writes are refused by now; whoever leads next must not be disturbed by what is left.
            tracing::error!(lost, "the Lease is lost; ending at once");
            Ok(ExitCode::FAILURE)
        }
        worked = &mut working => {
            worked?;
            keeping.await;
            tracing::info!("ended in good order");
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Runs a controller per watched namespace until `stop`, and gives passes under way time to end.
async fn work_on_stores(
    run: &Run,
    config: kube::Config,
    metrics: Metrics,
    gate: WriteGate,
    heartbeat: Heartbeat,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let client = client::gated(config, metrics.clone(), gate.clone()).context("made a client")?;
    let events = Publisher::new(client.clone(), run.identity());
    let http = jmx::http_client().context("made the client of the shops' pods")?;
    let settings = Arc::new(run.installation.clone().settings());
    let controllers = run.namespaces().into_iter().map(|namespace| {
        let (client, metrics, gate) = (client.clone(), metrics.clone(), gate.clone());
        let (events, settings) = (events.clone(), settings.clone());
        let (sender, ended) = mpsc::channel(ENDED_OPERATIONS);
        let ring = Arc::new(LiveRing::new(http.clone(), Ports::default(), sender));
        let with_cache = {
            let (client, http) = (client.clone(), http.clone());
            move |cache| Context {
                client,
                settings,
                ring,
                http,
                metrics,
                events,
                gate,
                cache,
                secrets: Arc::default(),
                failures: Arc::default(),
                evictions: Arc::default(),
                refused: Arc::default(),
                unmade: Arc::default(),
            }
        };
        let (heartbeat, stop) = (heartbeat.clone(), stop.clone());
        controller::run(client, namespace, run.concurrency, with_cache, ended, heartbeat, stop)
    });
    let all = futures::future::join_all(controllers);
    let mut all = std::pin::pin!(all);
    tokio::select! {
        _ = &mut all => return Ok(()),
        () = stop.cancelled() => {}
    }
    if tokio::time::timeout(SHUTDOWN_DEADLINE, all).await.is_err() {
        tracing::warn!("passes did not end within 20 s; ending without them");
    }
    Ok(())
}

fn stop_on_signal(stop: CancellationToken) -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("listened for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listened for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("asked to end");
        stop.cancel();
    })
}
