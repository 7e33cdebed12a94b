//! A model of Kubernetes and Cassandra in which the real `plan`, `resources` and `status` run a store
//! through random specs and faults. Safe at every tick; settled, as wanted and silent in the end.

mod away_stories;
mod configuration_stories;
mod controllers;
mod crossed_stories;
mod founding;
mod loss_stories;
mod operator;
mod processes;
mod reached;
mod refused_stories;
mod repair_stories;
mod ring;
mod rows;
mod safety;
mod schema_stories;
mod secrets;
mod secrets_stories;
mod set;
mod settled;
mod sharp_stories;
mod status_stories;
pub mod stories;
mod stream_stories;
mod taken_back_stories;
mod tasks;
mod tier;
mod views;
mod volume_stories;
mod walks;
mod weather;
mod world;

use proptest::prelude::TestCaseError;
use serde_json::{Value, json};
use store_crds::conditions::DEGRADED;

use operator::{Fault, Operator};
use reached::Reached;
use weather::Weather;
use world::World;

use crate::desired::Desired;
use crate::identity::Uid;
use crate::observation::Observation;
use crate::settings::Settings;

/// Ticks that any store needs to settle once nothing disturbs it.
const SETTLES: usize = 900;

/// Why a run failed, with what happened before: written so that it can be read.
pub struct Story(String);

impl std::fmt::Debug for Story {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Story> for TestCaseError {
    fn from(story: Story) -> TestCaseError {
        TestCaseError::fail(story.0)
    }
}

/// A store, its operator, and what happened.
pub struct Simulation {
    pub world: World,
    pub operator: Operator,
    /// Somebody reads what is told of lost members, and does it.
    pub obeyed: bool,
    pub reached: Reached,
    history: Vec<String>,
}

impl Simulation {
    pub fn new(spec: Value) -> Simulation {
        let mut world = World::new();
        world.set_spec(spec);
        Simulation {
            world,
            operator: Operator::default(),
            obeyed: false,
            reached: Reached::default(),
            history: Vec::new(),
        }
    }

    /// One tick, with one pass of the operator in it.
    pub fn step(&mut self, fault: &Fault) -> Result<(), Story> {
        self.operator.pass(&mut self.world, fault);
        let status = self.world.store.as_ref().and_then(|store| store.status.as_ref());
        self.reached.pass(self.operator.last.as_ref(), status);
        if !self.operator.writes.is_empty() || *fault != Fault::default() {
            let time = self.world.now.strftime("%H:%M:%S");
            self.history.push(format!("{time} {fault:?}: wrote {:?}", self.operator.writes));
        }
        self.operator.tasks.tick(&mut self.world);
        self.world.tick();
        if self.obeyed {
            self.obey();
        }
        safety::check_tick(&mut self.world);
        settled::check_status(&mut self.world, &self.operator);
        settled::check_lost(&mut self.world, &self.operator);
        match self.world.violations.first() {
            Some(violation) => Err(Story(format!("{violation}\n{}", self.tail()))),
            None => Ok(()),
        }
    }

    /// Removes a dead member from the ring as Degraded says.
    fn obey(&mut self) {
        let status = self.world.store.as_ref().and_then(|store| store.status.as_ref());
        let degraded = status.and_then(|status| status.conditions.iter().find(|told| told.type_ == DEGRADED));
        let Some(told) = degraded.map(|told| told.message.clone()) else { return };
        let host = self.world.gone.iter().find(|host| told.contains(&format!("removenode {host}"))).cloned();
        if let Some(host) = host.filter(|_| self.world.live_members() > 0) {
            self.history.push(format!("{host} is removed from the ring by hand"));
            self.world.remove_node(&host);
        }
    }

    pub fn steps(&mut self, ticks: usize) -> Result<(), Story> {
        (0..ticks).try_for_each(|_| self.step(&Fault::default()))
    }

    /// Runs undisturbed until a whole pass wrote nothing and everything is as wanted.
    pub fn settle(&mut self) -> Result<(), Story> {
        let mut why = String::new();
        for _ in 0..SETTLES {
            self.step(&Fault::default())?;
            match settled::check_end(&self.world, &self.operator) {
                Ok(()) => {
                    self.world.by_hand = false;
                    return Ok(());
                }
                Err(cause) => why = cause,
            }
        }
        Err(Story(format!("not settled after {SETTLES} ticks: {why}\n{}", self.tail())))
    }

    /// Runs in foul weather.
    pub fn weather(&mut self, seed: u64, ticks: usize) -> Result<(), Story> {
        let mut weather = Weather::new(seed);
        for _ in 0..ticks {
            self.history.extend(weather.strike(&mut self.world));
            self.step(&weather.fault())?;
        }
        Ok(())
    }

    fn tail(&self) -> String {
        let last = self.history.len().saturating_sub(25);
        let pods = self.world.pods.iter().map(|(name, pod)| format!("{name} {:?}", pod.process));
        let status = self.world.store.as_ref().and_then(|store| store.status.as_ref());
        let memory = status.map(|status| format!("{:?} {:?}", status.operation, status.owed));
        format!("{}\n{:?}\n{memory:?}", self.history[last..].join("\n"), pods.collect::<Vec<_>>())
    }
}

/// So many racks.
fn racks(count: usize) -> Value {
    ["a", "b", "c"].iter().take(count).map(|name| json!({"name": name})).collect()
}

/// What a pass sees of a settled store, for tables of decisions.
pub fn seen(spec: Value) -> (Desired, Observation, Settings) {
    let mut simulation = Simulation::new(spec);
    simulation.settle().unwrap();
    simulation.operator.keeps = true;
    simulation.steps(1).unwrap();
    let accepted = simulation.world.store.as_ref().map(|store| Desired::read(store, Uid::default(), None)).unwrap();
    (accepted, simulation.operator.seen.take().unwrap(), operator::settings())
}
