//! Two hands take a node at once; a schema Job is due in a roll-out. IO.

use k8s_openapi::api::core::v1::Pod;
use kube::api::EvictParams;
use scylla::statement::Consistency;
use store_crds::conditions::{AVAILABLE, DEGRADED, READY};

use super::watch::Seen;
use super::{Mishaps, ROLLED, expect, spec};
use crate::story::StoryError;
use store_load::load::CqlAccess;
use store_testbed::shop::ask;

impl Mishaps<'_> {
    /// What `kubectl drain` does to one node's machine, and at once a change that restarts all, and another image of the
    /// API, whose tables a Job looks after: the Job must not run beside a node that is away.
    pub(super) async fn evicted_beside_a_roll_out(&self) -> Result<String, StoryError> {
        let watch = self.watch();
        let pods = self.shop.api::<Pod>();
        let evicted = self.pod("c");
        ask("evicting a Cassandra pod", pods.evict(&evicted, &EvictParams::default())).await?;
        self.shop.apply(&spec()).await?;
        self.settle(ROLLED).await?;
        let seen = watch.seen();
        one_at_a_time(&seen)?;
        let flips = [(READY, "False"), (AVAILABLE, "False"), (DEGRADED, "True")]
            .into_iter()
            .flat_map(|(kind, status)| seen.to(kind, status))
            .map(|change| format!("{} {} at {}: {}", change.kind, change.status, change.at, change.text));
        let flips: Vec<String> = flips.collect();
        let restarted = seen.uids.values().filter(|uids| uids.len() > 1).count();
        let right = restarted == 3 && flips.is_empty() && !seen.jobs.is_empty() && seen.jobs_beside.is_empty();
        let found = format!(
            "{restarted} of 3 pods were made again; flips: {flips:?}; {} schema Jobs, beside a node that was away: {:?}",
            seen.jobs.len(),
            seen.jobs_beside
        );
        expect(right, found)
    }
}

/// At no moment were two nodes away.
pub(super) fn one_at_a_time(seen: &Seen) -> Result<(), StoryError> {
    match &seen.least_up {
        Some((up, away)) if *up < 2 => {
            Err(StoryError::Wrong(format!("{up} of 3 nodes were up while {away} were away")))
        }
        Some(_) => Ok(()),
        None => Err(StoryError::Wrong("no pod was seen".into())),
    }
}

/// What the ring calls itself.
pub(super) async fn cluster_name(access: &CqlAccess) -> Result<String, StoryError> {
    let Some(address) = access.addresses.first() else {
        return Err(StoryError::Wrong("no node has an address".into()));
    };
    let wrong = |error: String| StoryError::Wrong(format!("could not read the ring's name: {error}"));
    let session = access.session_with(*address, Consistency::One).await?;
    let answer = session.query_unpaged("SELECT cluster_name FROM system.local", ()).await;
    let rows = answer.map_err(|error| wrong(error.to_string()))?.into_rows_result();
    let (name,) = rows
        .map_err(|error| wrong(error.to_string()))?
        .single_row::<(String,)>()
        .map_err(|error| wrong(error.to_string()))?;
    Ok(name)
}
