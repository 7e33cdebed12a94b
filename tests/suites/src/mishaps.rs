//! A shop of three nodes under constant load is treated as its users and their neighbours treat things, one after
//! another: evicted beside a roll-out, its Secrets deleted and edited, misconfigured, refused by quotas and policies,
//! its names taken, its volume lost, made again with other racks. IO.
//!
//! No request may fail, at no moment may two of three nodes be away, and what is wrong must be told with its cure within
//! twenty seconds. The last acts take the shop down by the user's own word: before them the load ends.

mod configuration;
mod names;
mod refusals;
mod ring;
mod secrets;
mod taken_back;
mod volumes;
mod watch;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use store_crds::{StoreClusterStatus, conditions};

use crate::story::{Row, Stage, StoryError, Timeline};
use crate::tally::Tally;
use store_load::load::{Client, CqlAccess, Load, LoadReport, Product, Settings, verify_by_cql};
use store_testbed::kubectl::Kubectl;
use store_testbed::progress::{say, wait_until};
use store_testbed::shop::{SHORT_DELAYS, Shop, ask, condition, is_ready, settled};
use watch::Watch;

/// Keyspace of the API's tables.
const KEYSPACE: &str = "store_manager";
/// Role of the API that the load works in.
const ROLE: &str = "seller";
/// Within which trouble must stand in the status.
const TOLD: Duration = Duration::from_secs(20);
/// For three nodes from nothing, with three copies.
const FOUNDED: Duration = Duration::from_secs(900);
/// For three nodes to restart one after another.
const ROLLED: Duration = Duration::from_secs(600);
/// For one node to be back, or a change without a restart to be carried out.
const MENDED: Duration = Duration::from_secs(400);
/// For reading every product back.
const READ_BACK: Duration = Duration::from_secs(180);
/// Racks and zones of the shop.
const RACKS: [&str; 3] = ["a", "b", "c"];

/// A shop that is treated.
struct Mishaps<'a> {
    stage: &'a Stage<'a>,
    shop: Shop,
    rate: f64,
    /// Those to be tried, by a part of their names; none: all.
    only: Vec<String>,
    load: Option<Load>,
    /// What the load had acknowledged when it ended.
    products: Vec<Product>,
    timeline: Timeline,
}

/// Treats the shop; the checks go to `tally`. The answer is what the load saw, if it got so far.
pub async fn tell(
    stage: &Stage<'_>,
    rate: f64,
    only: Vec<String>,
    tally: &mut Tally,
) -> (Timeline, Option<LoadReport>) {
    let shop = Shop::new(stage.cluster.client(), "shop-mishaps", "shop");
    let mut mishaps =
        Mishaps { stage, shop, rate, only, load: None, products: Vec::new(), timeline: Timeline::default() };
    let told = mishaps.under_load(tally).await;
    if let Err(error) = &told {
        tally.check("the mishaps go on", Err::<&str, _>(format!("they stop here: {error}")));
    }
    let report = mishaps.end_load(tally).await;
    if told.is_ok()
        && let Err(error) = mishaps.without_customers(tally).await
    {
        tally.check("the mishaps go on without customers", Err::<&str, _>(format!("they stop here: {error}")));
    }
    (mishaps.timeline, report)
}

/// Takes one step and puts its result down; the mishaps end where a step fails.
macro_rules! step {
    ($mishaps:ident, $tally:ident, $name:expr, $step:expr) => {{
        let began = $mishaps.begin($name);
        let result = $step.await;
        $mishaps.took($name, began, $tally, result)?
    }};
}

/// As [`step`], but where it fails and the shop can be brought back to its spec, the next one follows: each is of its own.
macro_rules! mishap {
    ($mishaps:ident, $tally:ident, $name:expr, $step:expr) => {{
        if $mishaps.wants($name) {
            let began = $mishaps.begin($name);
            let result = $step.await;
            if $mishaps.took($name, began, $tally, result).is_err() {
                $mishaps.shop.apply(&spec()).await?;
                $mishaps.settle(ROLLED).await?;
            }
        }
    }};
}

impl Mishaps<'_> {
    async fn under_load(&mut self, tally: &mut Tally) -> Result<(), StoryError> {
        step!(self, tally, "three nodes, three copies", self.founded());
        step!(self, tally, "a load", self.begin_load());
        mishap!(
            self,
            tally,
            "one node evicted, a roll-out and another API image at once",
            self.evicted_beside_a_roll_out()
        );
        mishap!(self, tally, "a superuser's Secret without its password", self.superuser_without_password());
        mishap!(self, tally, "each log-in's Secret deleted", self.log_ins_deleted());
        mishap!(self, tally, "the management port's Secret edited", self.jolokia_edited());
        mishap!(self, tally, "the API's log-in changed beside a Secret without its label", self.api_log_in_changed());
        mishap!(self, tally, "a setting that Cassandra does not know, and a pod killed", self.unknown_setting());
        mishap!(self, tally, "an image that cannot be pulled", self.image_that_cannot_be_pulled());
        mishap!(self, tally, "an Ingress that is refused", self.ingress_refused());
        mishap!(self, tally, "a pod that a quota forbids", self.pod_forbidden());
        mishap!(self, tally, "names that are taken", self.names_taken());
        mishap!(self, tally, "two shops whose names meet", self.names_that_meet());
        mishap!(self, tally, "a rack whose zone does not exist", self.zone_mistyped());
        mishap!(self, tally, "a size beyond what volumes can have", self.size_mistyped());
        mishap!(self, tally, "a volume lost", self.volume_lost());
        Ok(())
    }

    /// What the user's own word takes down.
    async fn without_customers(&mut self, tally: &mut Tally) -> Result<(), StoryError> {
        step!(self, tally, "made again with other racks", self.made_again_with_other_racks());
        step!(self, tally, "the shop is deleted", self.deleted());
        Ok(())
    }

    fn wants(&self, step: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| step.contains(part))
    }

    fn begin(&self, step: &str) -> Timestamp {
        say(format!("── mishaps: {step}"));
        if let Some(load) = &self.load {
            load.begin(step);
        }
        Timestamp::now()
    }

    fn took(
        &mut self,
        step: &str,
        began: Timestamp,
        tally: &mut Tally,
        result: Result<String, StoryError>,
    ) -> Result<(), StoryError> {
        let seconds = Timestamp::now().duration_since(began).as_secs_f64();
        self.timeline.add(Row { step: step.to_owned(), seconds, cassandra: 0.0 });
        let told = match &result {
            Ok(found) => Ok(format!("{found} ({seconds:.1} s)")),
            Err(error) => Err(format!("{error} ({seconds:.1} s)")),
        };
        tally.check(step, told);
        result.map(drop)
    }

    async fn founded(&self) -> Result<String, StoryError> {
        self.shop.make_namespace().await?;
        self.shop.apply(&founding()).await?;
        let status = self.shop.wait_settled(FOUNDED).await?;
        let access = CqlAccess::of(&self.shop, KEYSPACE).await?;
        let name = ring::cluster_name(&access).await?;
        // Another shop of this name in another namespace must be another ring for Cassandra itself.
        if !name.contains(self.shop.namespace()) {
            return Err(StoryError::Wrong(format!("the ring is called {name}, which does not name the namespace")));
        }
        Ok(format!("{} nodes, the ring is called {name}", status.nodes.len()))
    }

    async fn begin_load(&mut self) -> Result<String, StoryError> {
        let url = self.stage.cluster.url();
        let token = self.shop.token(ROLE).await?;
        let client = Client::new(&url, None, Duration::from_secs(5))?.with_token(&token)?;
        wait_until("the Ingress to answer", Duration::from_secs(60), || async {
            let answer = client.send(http::Method::GET, "/products?limit=1", &[], None).await;
            let answer = answer.map_err(|(kind, detail)| format!("{kind}: {detail}"))?;
            if answer.status.is_success() { Ok(()) } else { Err(format!("status {}", answer.status)) }
        })
        .await?;
        let load = Load::start(Settings { rate: self.rate, token: Some(token), ..Settings::new(url) })?;
        load.begin("a load");
        let made = wait_until("the first products", Duration::from_secs(120), || {
            let made = load.products().len();
            async move { if made >= 50 { Ok(made) } else { Err(format!("{made} of 50")) } }
        })
        .await?;
        self.load = Some(load);
        Ok(format!("{made} products"))
    }

    async fn end_load(&mut self, tally: &mut Tally) -> Option<LoadReport> {
        let (report, ledger) = self.load.take()?.stop().await;
        say(format!("the load on it:\n{}", report.table()));
        let clean = report.failures.is_empty() && report.failures_not_kept == 0;
        tally.holds("no failed request through all of it", clean, format!("{:?}", report.failures));
        self.products = ledger.products().to_vec();
        tally.check("every acknowledged product read back from every replica", self.read_back().await);
        Some(report)
    }

    /// Every product of the load, from every replica.
    async fn read_back(&self) -> Result<String, StoryError> {
        let verdict = verify_by_cql(&CqlAccess::of(&self.shop, KEYSPACE).await?, &self.products, READ_BACK).await?;
        let right = verdict.is_clean() && verdict.asked > 0;
        expect(right, if right { format!("{} of {}", verdict.right, verdict.asked) } else { format!("{verdict:?}") })
    }

    fn kubectl(&self) -> &Kubectl {
        &self.stage.kubectl
    }

    /// kubectl in the shop's namespace.
    async fn run(&self, arguments: &[&str]) -> Result<String, StoryError> {
        let all = [&["-n", self.shop.namespace()], arguments].concat();
        Ok(self.kubectl().run(&all).await?)
    }

    /// Merges into the spec.
    async fn patch(&self, spec: Value) -> Result<(), StoryError> {
        let patch = json!({ "spec": spec }).to_string();
        let store = format!("stc/{}", self.shop.name());
        self.run(&["patch", &store, "--type=merge", "-p", &patch]).await.map(drop)
    }

    /// Waits until Degraded is True and says all of `words`, within twenty seconds; how long it took, and the text.
    async fn told(&self, words: &[&str]) -> Result<String, StoryError> {
        self.told_within(TOLD, words).await
    }

    async fn told_within(&self, deadline: Duration, words: &[&str]) -> Result<String, StoryError> {
        let began = Timestamp::now();
        let what = format!("Degraded to say {words:?}");
        let found = self.shop.wait(&what, deadline, |store| {
            let degraded = condition(store, conditions::DEGRADED).ok_or("no condition yet")?;
            let says = |word: &&str| degraded.message.contains(*word) || degraded.reason.contains(*word);
            if degraded.status == "True" && words.iter().all(says) {
                return Ok(degraded.clone());
            }
            Err(format!("{} {}: {}", degraded.status, degraded.reason, degraded.message))
        });
        let Condition { reason, message, .. } = found.await?;
        let seconds = Timestamp::now().duration_since(began).as_secs_f64();
        Ok(format!("told after {seconds:.1} s: {reason}: {message}"))
    }

    /// Waits until nothing is owed or wrong.
    async fn settle(&self, deadline: Duration) -> Result<StoreClusterStatus, StoryError> {
        let found = self.shop.wait("the shop to be ready with nothing owed", deadline, |store| {
            settled(store).and_then(|status| {
                let normal = status.nodes.iter().filter(|node| node.state == store_crds::NodeState::Normal).count();
                if normal == RACKS.len() { Ok(status) } else { Err(format!("{normal} nodes are normal")) }
            })
        });
        Ok(found.await?)
    }

    /// Deletes the pod of a rack's node, and waits until another one is there and ready.
    async fn lose(&self, rack: &str, how: &DeleteParams) -> Result<(), StoryError> {
        let (pods, name) = (self.shop.api::<Pod>(), self.pod(rack));
        let before = ask("reading a Cassandra pod", pods.get(&name)).await?.metadata.uid;
        ask("deleting a Cassandra pod", pods.delete(&name, how)).await?;
        wait_until("the deleted pod to be back", MENDED, || async {
            let now = pods.get(&name).await.map_err(|error| error.to_string())?;
            if now.metadata.uid != before && is_ready(&now) { Ok(()) } else { Err("it is not ready".to_owned()) }
        })
        .await?;
        Ok(())
    }

    fn watch(&self) -> Watch {
        Watch::start(&self.shop)
    }

    fn pod(&self, rack: &str) -> String {
        format!("{}-cassandra-{rack}-0", self.shop.name())
    }
}

/// The shop as it is founded.
fn founding() -> Value {
    spec_of(&RACKS)
}

/// The shop as it is wanted from the first mishap on, in the end of each: another option for every node, and the same
/// programs of the API under another name.
fn spec() -> Value {
    let mut wanted = founding();
    wanted["cassandra"]["jvmOptions"].as_array_mut().into_iter().for_each(|options| options.push(json!("-Dstory=1")));
    wanted["api"]["image"] = json!(concat!("docker.io/library/store-api:", env!("CARGO_PKG_VERSION")));
    wanted
}

fn spec_of(racks: &[&str]) -> Value {
    let zones = racks.iter().zip(RACKS).map(|(rack, zone)| json!({ "name": rack, "zone": zone }));
    json!({
        "cassandra": {
            "version": "5.0",
            "size": racks.len(),
            "racks": zones.collect::<Vec<_>>(),
            "deletionPolicy": "Retain",
            "jvmOptions": SHORT_DELAYS,
        },
        "keyspaces": [{ "name": KEYSPACE, "replicationFactor": 3 }],
        // An empty Ingress that gets annotations and loses them again would become null by server-side apply.
        "api": { "replicas": 2, "ingress": { "annotations": { "example.com/colour": "blue" } }, "trustedHops": 2 },
    })
}

/// `found`, or what it is instead.
fn expect(right: bool, found: impl Into<String>) -> Result<String, StoryError> {
    let found = found.into();
    if right { Ok(found) } else { Err(StoryError::Wrong(found)) }
}
