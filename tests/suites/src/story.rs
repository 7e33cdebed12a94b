//! The end-to-end story: a shop grows from one node to three copies, loses a process and then a
//! machine, shrinks and grows again, while a constant load reads and writes through the Ingress, and Prometheus
//! watches with the chart's alerts. IO.
//!
//! Each step has a deadline. Beside its time stands the time that Cassandra itself needed for it, from
//! the nodes' own logs. From three copies on no request may fail, but for those that the cut of a
//! machine's power takes with it.

mod alerts;
mod faults;
mod growth;
mod hands;
mod outage;
pub mod page;
mod specs;
mod timeline;
mod traced;
mod ways_in;

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

pub use timeline::{Row, Timeline};

use alerts::Watch;

use crate::bad_specs;
use crate::cassandra_log::{Work, busy, work_since};
use crate::monitoring::server::ServerError;
use crate::tally::Tally;
use store_load::load::{
    Client, ClientError, CqlAccess, Load, LoadReport, Settings, VerifyError, verify_by_api, verify_by_cql,
};
use store_testbed::cluster::{Cluster, ClusterError};
use store_testbed::command::CommandError;
use store_testbed::kubectl::Kubectl;
use store_testbed::node::NodeError;
use store_testbed::progress::{WaitError, say, wait_until};
use store_testbed::shop::{Shop, ShopError};

/// Keyspace of the API's tables.
const KEYSPACE: &str = "store_manager";
/// Role of the API that the load works in.
const ROLE: &str = "seller";
/// For reading every product back.
const READ_BACK: Duration = Duration::from_secs(180);
/// How long after a cut of power requests may still fail.
const CUT_GRACE: f64 = 5.0;

/// A step of the story could not be taken to its end.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is the error of the module it is named after")]
pub enum StoryError {
    #[error(transparent)]
    Shop(#[from] ShopError),
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error(transparent)]
    Wait(#[from] WaitError),
    #[error(transparent)]
    Prometheus(#[from] ServerError),
    /// What the step found is not as it should be.
    #[error("{0}")]
    Wrong(String),
}

/// Which story to tell.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Version of Cassandra, as in the spec.
    pub version: String,
    /// End after three copies and the killed process.
    pub first_half: bool,
    /// Let no node wait longer for gossip than one machine's network needs; otherwise as Cassandra does by default.
    pub short_delays: bool,
    /// Requests per second.
    pub rate: f64,
    /// Where to put pictures of the dashboards, if any are wanted.
    pub pictures: Option<PathBuf>,
}

impl Plan {
    /// All of it.
    pub fn whole(version: &str, rate: f64) -> Self {
        Plan { version: version.into(), first_half: false, short_delays: true, rate, pictures: None }
    }

    /// Its first half, with Cassandra's own delays.
    pub fn half(version: &str, rate: f64) -> Self {
        Plan { version: version.into(), first_half: true, short_delays: false, rate, pictures: None }
    }
}

/// Where the story plays.
pub struct Stage<'a> {
    /// The Kubernetes cluster.
    pub cluster: &'a Cluster,
    /// kubectl and helm for it.
    pub kubectl: Kubectl,
    /// Namespace that the operator runs in.
    pub operator_namespace: String,
}

/// A story under way.
struct Story<'a> {
    stage: &'a Stage<'a>,
    plan: &'a Plan,
    shop: Shop,
    load: Option<Load>,
    /// When three copies were there, in time of the load: from here on nothing may fail.
    guarded_from: Option<Duration>,
    /// When the power was cut, in time of the load.
    cut_at: Option<Duration>,
    timeline: Timeline,
    /// Prometheus, unless it could not be started.
    watch: Option<Watch>,
    /// When the step in hand, or the last one, began.
    began: Timestamp,
    /// What nodes did whose pods may be gone at the end of the step.
    leaving: Vec<Work>,
}

/// Tells the story; its checks go to `tally`. The answer is what the load saw, if it got so far.
pub async fn tell(stage: &Stage<'_>, plan: &Plan, tally: &mut Tally) -> (Timeline, Option<LoadReport>) {
    let name = format!("shop-{}", plan.version.replace('.', ""));
    let shop = Shop::new(stage.cluster.client(), &name, "shop");
    let mut story = Story {
        stage,
        plan,
        shop,
        load: None,
        guarded_from: None,
        cut_at: None,
        timeline: Timeline::default(),
        watch: None,
        began: Timestamp::now(),
        leaving: Vec::new(),
    };
    let told = story.steps(tally).await;
    if let Err(error) = &told {
        tally.check("the story goes on", Err::<&str, _>(format!("it stops here: {error}")));
    }
    let report = story.end(tally, told.is_ok()).await;
    (story.timeline, report)
}

/// Takes one step and puts its result and its times down; the story ends where a step fails.
macro_rules! step {
    ($story:ident, $tally:ident, $name:expr, $step:expr) => {{
        let began = $story.begin($name);
        let result = $step.await;
        $story.took($name, began, $tally, result).await?
    }};
}

impl Story<'_> {
    async fn steps(&mut self, tally: &mut Tally) -> Result<(), StoryError> {
        self.watch = Some(
            Watch::start(&self.stage.cluster.client(), self.shop.namespace(), &self.stage.operator_namespace).await?,
        );
        step!(self, tally, "one node, one copy: apply to Ready", self.one_node());
        step!(self, tally, "products through the Ingress", self.first_products());
        step!(self, tally, "to three nodes", self.three_nodes());
        step!(self, tally, "to three copies, repaired", self.three_copies());
        self.alerts(tally, &["StoreReplicationUnmet"], &["StoreReplicationUnmet"]).await;
        self.guarded_from = self.load.as_ref().map(Load::now);
        step!(self, tally, "every product at ALL", self.all_at_all());
        step!(self, tally, "kill -9 of a Cassandra", self.kill_cassandra());
        self.alerts(tally, &["StoreNodeDown"], &["StoreNodeDown"]).await;
        if self.plan.first_half {
            return Ok(());
        }
        step!(self, tally, "a machine without power", self.cut_power());
        let away = ["StoreNodeDown", "StoreNodeAwayTooLong", "StoreQuorumAtRisk", "StoreDegraded"];
        self.alerts(tally, &away, &[]).await;
        step!(self, tally, "its power is back", self.power_back());
        self.alerts(tally, &[], &away).await;
        step!(self, tally, "to two copies", self.two_copies());
        step!(self, tally, "to four nodes, the operator killed on the way", self.four_nodes());
        step!(self, tally, "back to three nodes", self.back_to_three());
        step!(self, tally, "API pods deleted one after another", self.delete_api_pods());
        step!(self, tally, "owned objects edited and deleted by hand", self.meddle());
        step!(self, tally, "bad specs", self.bad_specs(tally));
        Ok(())
    }

    /// Takes down whether these alerts have fired since the last step began, and whether those are quiet now.
    async fn alerts(&self, tally: &mut Tally, fired: &[&str], quiet: &[&str]) {
        let Some(watch) = &self.watch else { return };
        if !fired.is_empty() {
            tally.check("alerts fire for it", watch.fired(self.began, fired).await);
        }
        if !quiet.is_empty() {
            tally.check("alerts go quiet after it", watch.quiet(quiet).await);
        }
    }

    fn watch(&self) -> Result<&Watch, StoryError> {
        self.watch.as_ref().ok_or_else(|| StoryError::Wrong("Prometheus does not run".into()))
    }

    async fn bad_specs(&mut self, tally: &mut Tally) -> Result<String, StoryError> {
        bad_specs::run(&self.stage.cluster.client(), &self.stage.kubectl, &self.shop, tally).await?;
        Ok("applied".into())
    }

    fn begin(&mut self, step: &str) -> Timestamp {
        self.began = Timestamp::now();
        say(format!("── {}: {step}", self.plan.version));
        if let Some(load) = &self.load {
            load.begin(step);
        }
        self.began
    }

    async fn took(
        &mut self,
        step: &str,
        began: Timestamp,
        tally: &mut Tally,
        result: Result<String, StoryError>,
    ) -> Result<(), StoryError> {
        let seconds = Timestamp::now().duration_since(began).as_secs_f64();
        let work = work_since(&self.shop, began).await.unwrap_or_default();
        let leaving = std::mem::take(&mut self.leaving);
        let cassandra = busy(work.iter().map(|(_, work)| work).chain(&leaving)).as_secs_f64();
        self.timeline.add(Row { step: step.to_owned(), seconds, cassandra });
        let times = format!("{seconds:.1} s, Cassandra itself {cassandra:.1} s");
        let told = match &result {
            Ok(found) => Ok(format!("{found} ({times})")),
            Err(error) => Err(format!("{error} ({times})")),
        };
        tally.check(step, told);
        result.map(drop)
    }

    /// Stops the load, judges it, reads everything back, breaks what is `whole` and deletes the shop.
    async fn end(&mut self, tally: &mut Tally, whole: bool) -> Option<LoadReport> {
        let mut told = None;
        if let Some(load) = self.load.take() {
            let (report, ledger) = load.stop().await;
            self.judge(&report, tally);
            let read = async {
                let client = Client::new(&self.stage.cluster.url(), None, Duration::from_secs(15))?;
                let client = client.with_token(&self.shop.token(ROLE).await?)?;
                let by_api = verify_by_api(&client, &ledger, "LOCAL_QUORUM", READ_BACK).await;
                let access = CqlAccess::of(&self.shop, KEYSPACE).await?;
                let by_cql = verify_by_cql(&access, ledger.products(), READ_BACK).await?;
                Ok::<_, StoryError>((by_api, by_cql))
            };
            match read.await {
                Ok((by_api, by_cql)) => {
                    for (way, verdict) in [("through the API", by_api), ("from every replica", by_cql)] {
                        let text = format!("{verdict:?}");
                        let found = format!("{} of {}", verdict.right, verdict.asked);
                        let clean = verdict.is_clean() && verdict.asked > 0;
                        tally.check(
                            &format!("every acknowledged product read back {way}"),
                            if clean { Ok(found) } else { Err(text) },
                        );
                    }
                }
                Err(error) => drop(tally.check("every acknowledged product read back", Err::<&str, _>(error))),
            }
            told = Some(report);
        }
        if whole && let Err(error) = self.outages(tally).await {
            tally.check("the outages go on", Err::<&str, _>(format!("they stop here: {error}")));
        }
        let began = self.begin("the shop is deleted");
        let result = self.delete().await;
        // Taken down like any other step; there is none after it.
        let _ = self.took("the shop is deleted", began, tally, result).await;
        told
    }

    /// Nobody shops any more: what breaks now is there for its alerts. Then what Prometheus has seen in all.
    async fn outages(&mut self, tally: &mut Tally) -> Result<(), StoryError> {
        step!(self, tally, "some business", self.some_business());
        if !self.plan.first_half {
            step!(self, tally, "an Ingress with TLS, and a Gateway", self.other_ways_in());
            step!(self, tally, "one trace from the Ingress to the statement", self.one_trace());
            step!(self, tally, "no operator", self.operator_away());
            self.alerts(tally, &[], &["StoreOperatorAbsent"]).await;
            step!(self, tally, "an operator that may not write", self.operator_without_a_right());
            self.alerts(tally, &[], &["StoreDegraded", "StoreOperatorFailing"]).await;
            step!(self, tally, "the ring stands still", self.ring_stands_still());
            self.alerts(tally, &[], &outage::ALERTS).await;
        }
        let watch = self.watch()?;
        tally.check("the alert that must never fire", watch.never().await);
        let seen = watch.dashboards(self.shop.namespace(), self.shop.name(), !self.plan.first_half).await;
        tally.check("every query of every dashboard has data", seen);
        if let Some(into) = &self.plan.pictures {
            let taken = watch.pictures(self.shop.namespace(), self.shop.name(), into).await;
            tally.check("pictures of the dashboards", taken);
        }
        Ok(())
    }

    /// From three copies on: no failure but what the cut of power took with it.
    fn judge(&self, report: &LoadReport, tally: &mut Tally) {
        tally.holds(
            "no read ever missed an acknowledged write",
            !report.failures.iter().any(|f| f.kind.is_of_data()),
            report.table(),
        );
        let Some(guarded) = self.guarded_from.map(|from| from.as_secs_f64()) else { return };
        let cut = self.cut_at.map(|at| at.as_secs_f64());
        // What is under way at the cut was due before it; what begins in the grace time after it may
        // have gone into the dead machine before anybody could know.
        let by_cut = |due: f64, ended: f64| cut.is_some_and(|cut| ended >= cut && due < cut + CUT_GRACE);
        let guarded: Vec<_> = report.failures.iter().filter(|failure| failure.due >= guarded).collect();
        let (taken, others): (Vec<_>, Vec<_>) =
            guarded.into_iter().partition(|failure| by_cut(failure.due, failure.ended));
        if cut.is_some() {
            let begun_after = taken.iter().filter(|failure| Some(failure.due) > cut).count();
            say(format!(
                "the cut of power took {} requests, {begun_after} of them begun within {CUT_GRACE} s after it",
                taken.len()
            ));
        }
        let clean = others.is_empty() && report.failures_not_kept == 0;
        tally.holds("no failed request from three copies on, but for the cut", clean, format!("{others:?}"));
    }

    /// The load, which begins with the first products.
    fn load(&self) -> Result<&Load, StoryError> {
        self.load.as_ref().ok_or_else(|| StoryError::Wrong("the load has not begun".into()))
    }

    /// Waits until the Ingress answers, and begins the load.
    async fn first_products(&mut self) -> Result<String, StoryError> {
        let url = self.stage.cluster.url();
        let client = Client::new(&url, None, Duration::from_secs(5))?;
        wait_until("the Ingress to answer", Duration::from_secs(60), || async {
            let answer = client.send(http::Method::GET, "/health", &[], None).await;
            let answer = answer.map_err(|(kind, detail)| format!("{kind}: {detail}"))?;
            if answer.status.is_success() { Ok(()) } else { Err(format!("status {}", answer.status)) }
        })
        .await?;
        let token = Some(self.shop.token(ROLE).await?);
        // With them a node has something to stream; by the mix of later they would take most of a minute.
        let load = Load::start(Settings { rate: self.plan.rate, token, first: 90, ..Settings::new(url) })?;
        load.begin("products through the Ingress");
        let made = wait_until("the first products", Duration::from_secs(120), || {
            let made = load.products().len();
            async move { if made >= 100 { Ok(made) } else { Err(format!("{made} of 100")) } }
        })
        .await;
        self.load = Some(load);
        Ok(format!("{} products", made?))
    }
}
