//! The engine of the runbook: rungs are asked in their order, and what one of them does stops those that must not meet
//! it. What is refused, or waits for others, stops no more than its own. Pure.
//!
//! An operation is in memory from the pass that takes it up until the gate that it is over behind, or until its own
//! steps end it: nobody has to remember to keep it.

use store_crds::Lane;

use super::draft::Draft;
use super::hold::Hold;
use super::world::Context;
use crate::procedure::{self, Conflict, Gate, LANES};

/// What a rung asks: `None` lets those below it be asked.
type Ask = fn(&Context, &mut Draft) -> Option<Hold>;

/// A rung of the runbook.
pub struct Rung {
    /// What it sees to, as the runbook says it.
    words: &'static str,
    /// The lane of what it begins: it is not asked while something above it stops that. A gate is always asked.
    lane: Option<Lane>,
    /// What waits while it does, also where it does nothing, or is refused.
    stops: &'static [Lane],
    /// The gate that is passed where it does not hold.
    passes: Option<Gate>,
    ask: Ask,
}

#[cfg(test)]
impl Rung {
    pub fn words(&self) -> &'static str {
        self.words
    }
}

/// Everything below waits for it.
pub const fn gate(words: &'static str, ask: Ask) -> Rung {
    Rung { words, lane: None, stops: &LANES, passes: None, ask }
}

/// Everything below waits for it; behind it, operations are over that lead no further.
pub const fn passage(words: &'static str, gate: Gate, ask: Ask) -> Rung {
    Rung { words, lane: None, stops: &LANES, passes: Some(gate), ask }
}

/// What is of its lane waits for it; and while it goes on, so does what must not meet that.
pub const fn step(words: &'static str, lane: Lane, ask: Ask) -> Rung {
    let stops: &'static [Lane] = match lane {
        Lane::Ring => &[Lane::Ring],
        Lane::Schema => &[Lane::Schema],
        Lane::Data => &[Lane::Data],
        Lane::Volumes => &[Lane::Volumes],
        Lane::Api => &[Lane::Api],
    };
    Rung { words, lane: Some(lane), stops, passes: None, ask }
}

/// It begins something of its lane for the sake of others, which wait for it.
pub const fn step_for(words: &'static str, lane: Lane, stops: &'static [Lane], ask: Ask) -> Rung {
    Rung { words, lane: Some(lane), stops, passes: None, ask }
}

/// Where the runbook held.
pub struct Held {
    /// Of the rungs that held; what something is done for comes first.
    pub holds: Vec<Hold>,
    /// Their words, in the same order.
    pub rungs: Vec<&'static str>,
}

/// Asks the rungs. At most one of them changes the ring.
pub fn run(runbook: &[Rung], context: &Context, draft: &mut Draft) -> Held {
    let mut held = Held { holds: Vec::new(), rungs: Vec::new() };
    let mut stopped: Vec<Lane> = Vec::new();
    for rung in runbook {
        if rung.lane.is_some_and(|lane| stopped.contains(&lane)) {
            continue;
        }
        let before = draft.deeds();
        let Some(hold) = (rung.ask)(context, draft) else {
            if let Some(gate) = rung.passes {
                draft.pass(gate);
            }
            continue;
        };
        let acted = draft.deeds() != before;
        stopped.extend(rung.stops);
        let goes_on = acted || !(hold.wrong || hold.yields);
        if let Some(lane) = rung.lane.filter(|_| goes_on) {
            stopped.extend(LANES.iter().filter(|other| procedure::conflict(lane, **other) != Conflict::No));
        }
        // one that two rungs give is one
        if !held.holds.contains(&hold) {
            let place = if acted { 0 } else { held.holds.len() };
            held.holds.insert(place, hold);
            held.rungs.insert(place, rung.words);
        }
        if rung.lane.is_none() {
            break;
        }
    }
    held
}
