//! What the walks of a run came to: told at its end, so that a walk that no longer goes anywhere is seen.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use store_crds::StoreClusterStatus;

use crate::decision::Plan;

/// Where one walk, or all of them, have been.
#[derive(Clone, Debug, Default)]
pub struct Reached {
    walks: u64,
    passes: u64,
    /// Passes by the rung of the runbook that held first.
    rungs: BTreeMap<&'static str, u64>,
    /// Kinds of operations of which one was in hand while the other was, or right after it.
    pairs: BTreeSet<[String; 2]>,
    in_hand: Vec<String>,
}

impl Reached {
    /// A pass, and the status after it.
    pub fn pass(&mut self, plan: Option<&Plan>, status: Option<&StoreClusterStatus>) {
        self.passes += 1;
        if let Some(rung) = plan.and_then(|plan| plan.rungs.first()) {
            *self.rungs.entry(rung).or_default() += 1;
        }
        let kinds = status.into_iter().flat_map(StoreClusterStatus::in_hand).map(|operation| operation.kind);
        let now: Vec<String> = kinds.map(|kind| format!("{kind:?}")).collect();
        if now.is_empty() || now == self.in_hand {
            return;
        }
        for one in self.in_hand.iter().chain(&now) {
            for other in now.iter().filter(|other| *other != one) {
                self.pairs.insert([one.clone(), other.clone()]);
            }
        }
        self.in_hand = now;
    }

    /// A walk that came to its end.
    pub fn add(&mut self, walk: &Reached) {
        self.walks += 1;
        self.passes += walk.passes;
        for (rung, passes) in &walk.rungs {
            *self.rungs.entry(rung).or_default() += passes;
        }
        self.pairs.extend(walk.pairs.iter().cloned());
    }

    /// Tells it, whatever becomes of what tests print.
    pub fn tell(&self, seed: &str) {
        let all = crate::plan::rungs();
        let missed: Vec<&str> = all.iter().filter(|rung| !self.rungs.contains_key(*rung)).copied().collect();
        let held = all.len() - missed.len();
        let text = format!(
            "simulation: {} walks from {seed}, {} passes; {held} of {} rungs held, {} pairs of operations; never: {missed:?}\n",
            self.walks,
            self.passes,
            all.len(),
            self.pairs.len()
        );
        drop(std::io::stderr().write_all(text.as_bytes()));
    }
}
