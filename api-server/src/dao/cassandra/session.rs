//! One session per process, and the driver settings that keep a lost node from costing requests.
//!
//! Measured with a node that vanishes without a packet: with the driver's defaults requests fail
//! for 18 s; with these, reads and absolute writes lose nothing and LWTs in flight end unknown,
//! to be resolved under their own ids.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use scylla::client::PoolSize;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::cluster::metadata::PeriodicFetchMode;
use scylla::errors::NewSessionError;
use scylla::policies::load_balancing::DefaultPolicy;
use scylla::policies::retry::DefaultRetryPolicy;
use scylla::statement::Consistency;

use super::hedging::{Answers, Hedging};
use super::wary::Wary;

/// Where and as whom to connect.
#[derive(Clone)]
pub struct Target {
    /// `host[:port]`.
    pub hosts: Vec<String>,
    /// User name and password.
    pub credentials: Option<(String, String)>,
    pub datacenter: Option<String>,
    pub rack: Option<String>,
    pub statement_timeout: Duration,
}

/// Longest wait for a question about the ring or the schema.
const METADATA_TIMEOUT: Duration = Duration::from_secs(4);

/// A session, and how requests are run on it that may be made twice.
#[derive(Clone)]
pub struct Connected {
    pub session: Arc<Session>,
    pub hedging: Hedging,
}

/// Opens the session.
pub async fn connect(target: &Target) -> Result<Connected, NewSessionError> {
    let mut policy = DefaultPolicy::builder().token_aware(true);
    match (&target.datacenter, &target.rack) {
        (Some(datacenter), Some(rack)) => {
            policy = policy.prefer_datacenter_and_rack(datacenter.clone(), rack.clone());
        }
        (Some(datacenter), None) => policy = policy.prefer_datacenter(datacenter.clone()),
        (None, _) => {}
    }
    let answers = Arc::new(Answers::default());
    let policy = Wary::over(policy.build(), Arc::clone(&answers));
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::LocalQuorum)
        .request_timeout(Some(target.statement_timeout))
        .retry_policy(Arc::new(DefaultRetryPolicy::new()))
        .load_balancing_policy(Arc::clone(&policy) as _)
        .build();
    let hedged = profile.to_builder().request_timeout(None).build();
    // In time for the second answer to come before the time of a plain statement is over.
    let hedging = Hedging::new(policy, answers, hedged, target.statement_timeout / 2);
    let mut builder = SessionBuilder::new()
        .known_nodes(&target.hosts)
        .default_execution_profile_handle(profile.into_handle())
        .pool_size(PoolSize::PerShard(std::num::NonZeroUsize::MIN))
        .connection_timeout(Duration::from_secs(2))
        .keepalive_interval(Duration::from_millis(1100))
        .keepalive_timeout(Duration::from_secs(2))
        .tcp_nodelay(true)
        .hostname_resolution_timeout(Some(Duration::from_secs(2)))
        .metadata_request_clientside_timeout(METADATA_TIMEOUT)
        .metadata_request_serverside_timeout(METADATA_TIMEOUT)
        .periodic_metadata_fetch_mode(PeriodicFetchMode::FullMetadata)
        .tracing_info_fetch_attempts(NonZeroU32::MIN.saturating_add(9))
        .tracing_info_fetch_interval(Duration::from_millis(50))
        // The writer of the schema awaits it itself, once for many statements.
        .auto_await_schema_agreement(false)
        .schema_agreement_interval(Duration::from_millis(200))
        .schema_agreement_timeout(Duration::from_secs(30))
        .custom_identity(
            scylla::client::SelfIdentity::new()
                .with_application_name("store-api")
                .with_application_version(env!("CARGO_PKG_VERSION")),
        );
    if let Some((user, password)) = &target.credentials {
        builder = builder.user(user, password);
    }
    Ok(Connected { session: Arc::new(builder.build().await?), hedging })
}
