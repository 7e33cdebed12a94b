//! Steps in which something dies: a process, a machine, API pods. IO.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use rustix::process::Signal;
use scylla::statement::Consistency;

use super::{KEYSPACE, Story, StoryError};
use store_load::load::CqlAccess;
use store_testbed::progress::{say, wait_until};
use store_testbed::shop::{ask, is_ready};

/// For a Cassandra process to be back and its ring calm.
const RESTART: Duration = Duration::from_secs(300);
/// How long the machine stays without power.
const OUTAGE: Duration = Duration::from_secs(60);
/// For the machine, its pods and the hints.
const RETURN: Duration = Duration::from_secs(400);

impl Story<'_> {
    /// Kills every process of the Cassandra container of rack b.
    pub(super) async fn kill_cassandra(&mut self) -> Result<String, StoryError> {
        let pod = format!("{}-cassandra-b-0", self.shop.name());
        let pods = self.shop.api::<Pod>();
        let before = restarts(&ask("reading a Cassandra pod", pods.get(&pod)).await?);
        let killed = self.stage.cluster.signal(self.shop.namespace(), &pod, "cassandra", Signal::KILL).await?;
        wait_until("Cassandra to be ready again", RESTART, || async {
            let now = pods.get(&pod).await.map_err(|error| error.to_string())?;
            let restarts = restarts(&now);
            if restarts > before && is_ready(&now) { Ok(()) } else { Err(format!("{restarts} restarts, not ready")) }
        })
        .await?;
        self.settle(RESTART, 3, 3).await?;
        Ok(format!("{killed} processes of {pod} killed; back in the ring"))
    }

    /// Cuts the power of the machine that has the first API pod, and watches the load go on without it.
    pub(super) async fn cut_power(&mut self) -> Result<String, StoryError> {
        let name = self.victim().await?;
        let node = self.stage.cluster.node(&name)?;
        let writes = self.load()?.acknowledged_writes();
        self.cut_at = Some(self.load()?.now());
        node.cut_power().await?;
        say(format!("{name} has no power"));
        // The time that the outage lasts is the step itself: there is no condition to wait for.
        tokio::time::sleep(OUTAGE).await;
        let written = self.load()?.acknowledged_writes() - writes;
        let found = format!("{name} off for {OUTAGE:?}, {written} writes acknowledged meanwhile");
        // The load writes four requests in ten; half of that is far above what a stall would leave.
        let expected = self.plan.rate * 0.2 * OUTAGE.as_secs_f64();
        if written as f64 > expected { Ok(found) } else { Err(StoryError::Wrong(found)) }
    }

    /// The machine with an API pod; all have a Cassandra and most an Ingress pod. Remembered by its
    /// being off.
    async fn victim(&self) -> Result<String, StoryError> {
        let api = self.shop.pods("api").await?;
        let nodes = api.into_values().filter_map(|pod| pod.spec?.node_name);
        nodes.max().ok_or_else(|| StoryError::Wrong("no API pod is on any machine".into()))
    }

    pub(super) async fn power_back(&mut self) -> Result<String, StoryError> {
        let off: Vec<_> = self.stage.cluster.nodes().into_iter().filter(|node| !node.is_on()).collect();
        let [node] = off.as_slice() else {
            return Err(StoryError::Wrong(format!("{} machines are off", off.len())));
        };
        node.power_on().await?;
        self.stage.cluster.wait_node(node.name(), true, Duration::from_secs(120)).await?;
        self.settle(RETURN, 3, 3).await?;
        let access = CqlAccess::of(&self.shop, KEYSPACE).await?;
        wait_until("all hints to be replayed", RETURN, || pending_hints(&access)).await?;
        Ok(format!("{} is back, no hint is left", node.name()))
    }

    /// Deletes the API's pods one after another, each when the one before has been replaced.
    pub(super) async fn delete_api_pods(&mut self) -> Result<String, StoryError> {
        let before = self.shop.pods("api").await?;
        let wanted = before.len();
        let pods = self.shop.api::<Pod>();
        for name in before.keys() {
            ask("deleting an API pod", pods.delete(name, &DeleteParams::default())).await?;
            wait_until("a new API pod", Duration::from_secs(120), || async {
                let now = self.shop.pods("api").await.map_err(|error| error.to_string())?;
                let ready = now.values().filter(|pod| is_ready(pod)).count();
                let gone = !now.contains_key(name);
                if gone && ready == wanted {
                    Ok(())
                } else {
                    Err(format!("{ready} of {wanted} ready, {name} gone: {gone}"))
                }
            })
            .await?;
        }
        self.settle(Duration::from_secs(120), 3, 2).await?;
        Ok(format!("{wanted} pods replaced"))
    }
}

fn restarts(pod: &Pod) -> i32 {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    let cassandra = statuses.and_then(|list| list.iter().find(|status| status.name == "cassandra"));
    cassandra.map_or(0, |status| status.restart_count)
}

/// Asks each node for the hints that it still keeps for others.
async fn pending_hints(access: &CqlAccess) -> Result<(), String> {
    for address in &access.addresses {
        let one = CqlAccess { addresses: vec![*address], ..access.clone() };
        let session = one.session_with(*address, Consistency::One).await.map_err(|error| error.to_string())?;
        let rows = session
            .query_unpaged("SELECT host_id FROM system_views.pending_hints", ())
            .await
            .map_err(|error| format!("asking {address} for its hints: {error}"))?;
        let left = rows.into_rows_result().map_err(|error| error.to_string())?.rows_num();
        if left > 0 {
            return Err(format!("{address} keeps hints for {left} nodes"));
        }
    }
    Ok(())
}
