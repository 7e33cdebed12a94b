//! The decision: `plan(&Desired, &Observation, &Settings) -> Plan`, a ladder of rungs that reads like
//! a runbook. Pure and total: waiting, refusing and being blocked are values, never errors.
//!
//! Each rung either has nothing to do, or it holds: with a reason, and perhaps with one action. A gate stops all that
//! is below it; any other rung stops its own lane, and once it does something also those that must not meet that
//! (`procedure::conflict`). What waits, or is refused, in one lane keeps no other from going on.

#![deny(clippy::wildcard_enum_match_arm)]

mod api;
mod calm;
mod carried_out;
mod causes;
mod configuration;
mod draft;
mod engine;
mod gates;
mod hold;
mod issuer;
mod lifecycle;
mod losses;
mod lost;
mod procedures;
mod quorum;
mod refused;
mod replication;
mod report;
mod retained;
mod retry;
mod ring;
mod room;
mod secrets;
mod service;
mod standing;
#[cfg(test)]
mod table_tests;
mod taken_back;
mod volumes;
mod waits;
mod wanted;
mod world;

use store_crds::Lane;

use engine::{Rung, gate, passage, step, step_for};
use procedures::volumes as growth;
use procedures::{alter, bootstrap, decommission, join, migrate, repair, roles, rollout};
use ring::Ring;
use wanted::Wanted;
use world::Context;

use crate::decision::Plan;
use crate::desired::Desired;
use crate::observation::Observation;
use crate::procedure::{Gate, LANES};
use crate::resources::operation;
use crate::settings::Settings;

/// The runbook. The order is the point: what is in hand is finished first; nothing begins while the
/// ring is not calm; nodes come before copies, copies before nodes go.
const RUNBOOK: [Rung; 24] = [
    gate("a broken pod gets the newest template at once", rollout::replace_broken),
    gate("a new spec is written down before anything is done for it", lifecycle::take_up_spec),
    gate("racks that the spec took back are cleared away", taken_back::racks),
    gate("claims that never got a volume are made of the right class", taken_back::claims),
    gate("a decommission in hand is finished", decommission::finish),
    passage("StatefulSets that volume growth took away are made again", Gate::Sets, growth::remake),
    gate("the very first node starts alone", bootstrap::first_node),
    gate("a join in hand is finished, or taken back if it cannot even start", join::finish),
    passage("the ring is calm", Gate::Calm, gates::calm_ring),
    passage("nothing begins while the schema Job runs", Gate::NoJob, migrate::await_job),
    passage("a repair or clean-up under way ends", Gate::NoUnit, repair::await_tasks),
    passage("the schema can be read", Gate::Schema, gates::schema_readable),
    passage("an ALTER in hand is seen done", Gate::Altered, alter::finish),
    gate("the default superuser is replaced", roles::superuser),
    step_for("outdated pods are replaced one by one", Lane::Ring, &[], rollout::replace_next),
    step("repairs owed are done", Lane::Data, repair::repairs),
    step_for(
        "the first node gets keyspaces, roles and tables while it is alone",
        Lane::Schema,
        &LANES,
        bootstrap::found,
    ),
    step_for("log-ins do not wait for the last node", Lane::Schema, &[Lane::Ring], join::spread_log_ins),
    step("nodes join one by one", Lane::Ring, join::next),
    step("keyspaces exist", Lane::Schema, alter::create_next),
    step("roles exist", Lane::Schema, roles::make),
    step("replication goes to what is wanted, step by step", Lane::Schema, alter::alter_next),
    step("clean-ups owed are done", Lane::Data, repair::cleanups),
    step("nodes leave one by one", Lane::Ring, decommission::next),
];

/// The words of all rungs.
#[cfg(test)]
pub fn rungs() -> Vec<&'static str> {
    RUNBOOK.iter().map(Rung::words).collect()
}

/// Decides what this pass commits.
pub fn plan(desired: &Desired, observation: &Observation, settings: &Settings) -> Plan {
    let context = gather(desired, observation, settings);
    if let Some(plan) = lifecycle::outside_the_runbook(&context) {
        return plan;
    }
    let mut draft = standing::draft(&context);
    repair::discharge(&context, &mut draft);
    losses::incur(&context, &mut draft);
    let held = engine::run(&RUNBOOK, &context, &mut draft);
    repair::tell_failed(&mut draft);
    secrets::tell(&context, &mut draft);
    secrets::follow(&context, &mut draft);
    volumes::tell_deleted(&context, &mut draft);
    losses::tell(&context, &mut draft);
    growth::grow(&context, &mut draft);
    volumes::delete_left(&context, &mut draft);
    retained::note(&context, &mut draft);
    configuration::place(&context, &mut draft);
    configuration::prune(&context, &mut draft);
    api::run(&context, &mut draft, &held.holds);
    issuer::tell(&context, &mut draft);
    refused::tell(&context, &mut draft);
    let mut plan = report::finish(&context, draft, held);
    plan.shape.told = Some(operation::told(desired, &plan));
    plan
}

/// What is known on this pass.
fn gather<'a>(desired: &'a Desired, observation: &'a Observation, settings: &'a Settings) -> Context<'a> {
    let ring = Ring::gather(desired, observation);
    let racks = desired.cassandra.racks.iter();
    let taken = racks.map(|rack| (rack.name.clone(), ring.taken(&rack.name, observation))).collect();
    let wanted = Wanted::of(desired, settings);
    let lost = losses::gather(desired, observation, &ring);
    Context { desired, observation, settings, ring, taken, wanted, lost }
}
