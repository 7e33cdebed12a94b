//! What a change of an account does to it. Pure: from the balance that was read and the changes
//! that wait for it, the movements to make and the answer to each.

#![deny(clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::precondition::Condition;
pub use crate::dao::ledger::{Balance, Book, Kind, Movement};
use crate::dao::ledger::{DayTurnover, Met, Posting};

/// Units that a stock may have at most.
pub const QUANTITY_MAX: i64 = 1_000_000_000;

/// What is to happen to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The quantity becomes this.
    Set { quantity: i64 },
    /// The quantity changes by this.
    Add { delta: i64 },
    /// Units leave for an order; `turned` belongs to the day.
    Take { units: i64, turned: i64, day: i32 },
    /// What the take of this id took comes back. If it took nothing yet, it never will; an account without movements stays one.
    Return { take: Uuid },
}

/// A change under an id that is used once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    pub id: Uuid,
    pub change: Change,
    /// What must be so of the account.
    pub condition: Condition,
    pub reason: Option<String>,
    pub reference: Option<String>,
    /// Who asks for it.
    pub by: Option<Arc<str>>,
    /// Nobody is known to have tried this id before, so it is not worth a look. A posting finds out where somebody has.
    pub fresh: bool,
}

impl Want {
    /// Ids that are looked for before the change is decided; `used`: of some id it is known that it was used.
    pub fn ids(&self, used: bool) -> impl Iterator<Item = Uuid> {
        let take = match self.change {
            Change::Return { take, .. } => Some(take),
            Change::Set { .. } | Change::Add { .. } | Change::Take { .. } => None,
        };
        (!self.fresh || used).then_some(self.id).into_iter().chain(take)
    }

    /// Days whose turnover must be known, given what was found of [`Want::ids`].
    fn day(&self, made: &HashMap<Uuid, Movement>) -> Option<i32> {
        match self.change {
            Change::Take { day, .. } => Some(day),
            Change::Return { take, .. } => made.get(&take).and_then(|movement| movement.day),
            Change::Set { .. } | Change::Add { .. } => None,
        }
    }
}

/// Days whose turnover must be known to decide these changes.
pub fn days_of<'w>(wants: impl Iterator<Item = &'w Want>, made: &HashMap<Uuid, Movement>) -> Vec<i32> {
    let mut days: Vec<i32> = wants.filter_map(|want| want.day(made)).collect();
    days.sort_unstable();
    days.dedup();
    days
}

/// Why a change is not made. Nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The account has never had a movement.
    Absent,
    /// Less is there than is wanted.
    Short { available: i64 },
    /// The account is at none of the versions of the condition.
    VersionMoved,
    /// The amount would leave the range of amounts.
    OutOfRange,
    /// The order was given up before this take was made.
    GivenUp,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Made, now or earlier under the same id.
    Made(Movement),
    /// A return of something that was never taken.
    Nothing,
    Refused(Refusal),
}

/// An account as it was read.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// `None` before the first movement.
    pub balance: Option<Balance>,
    /// Turnover of days that were asked for; `None` where a day has none yet.
    pub days: HashMap<i32, Option<i64>>,
}

impl From<Met> for Known {
    fn from(met: Met) -> Self {
        Self { balance: met.balance, days: met.days.into_iter().collect() }
    }
}

impl Known {
    /// The version that was read.
    pub fn version(&self) -> i64 {
        self.balance.map_or(0, |balance| balance.version)
    }

    /// The account after a posting that was made.
    pub fn follow(&mut self, posting: &Posting) {
        if !posting.movements.is_empty() {
            self.balance = Some(posting.after);
        }
        self.days.extend(posting.days.iter().map(|on| (on.day, Some(on.after))));
    }
}

/// What is to be posted, if anything, and the answer to each change once it is.
#[derive(Debug)]
pub struct Decision {
    pub posting: Option<Posting>,
    pub outcomes: Vec<Outcome>,
}

/// Decides changes one after the other, each on what the ones before it leave. `made` are the
/// movements that were found under the ids of [`Want::ids`].
pub fn decide<'w>(
    known: &Known,
    mut made: HashMap<Uuid, Movement>,
    wants: impl Iterator<Item = &'w Want>,
    now_ms: i64,
) -> Decision {
    let start = known.balance.unwrap_or(Balance { quantity: 0, turnover: 0, version: 0, updated_at: 0 });
    let exists = known.balance.is_some();
    let mut books = Books { now: start, exists, known: &known.days, turned: Vec::new(), closed: Vec::new() };
    books.now.updated_at = now_ms.max(start.updated_at);
    let mut movements: Vec<Movement> = Vec::new();
    let outcomes = wants
        .map(|want| {
            let movement = match next(&books, &made, want) {
                Next::Move(movement) => movement,
                Next::Close(id) => {
                    books.closed.push(id);
                    made.insert(id, Movement::closed(id));
                    return Outcome::Nothing;
                }
                Next::Is(outcome) => return outcome,
            };
            books.follow(&movement);
            made.insert(movement.id, movement.clone());
            movements.push(movement.clone());
            if movement.kind == Kind::Void { Outcome::Nothing } else { Outcome::Made(movement) }
        })
        .collect();
    let anything = !(movements.is_empty() && books.closed.is_empty());
    let posting = anything.then_some(Posting { movements, closed: books.closed, after: books.now, days: books.turned });
    Decision { posting, outcomes }
}

/// An account while changes are decided.
struct Books<'k> {
    now: Balance,
    exists: bool,
    /// Turnover of days as it was read.
    known: &'k HashMap<i32, Option<i64>>,
    /// Days whose turnover changes.
    turned: Vec<DayTurnover>,
    /// Ids that are closed without a movement.
    closed: Vec<Uuid>,
}

/// What a change leads to.
enum Next {
    Move(Movement),
    /// The id is used up, though the account stays without movements.
    Close(Uuid),
    /// Nothing is to be posted for it.
    Is(Outcome),
}

impl From<Result<Movement, Refusal>> for Next {
    fn from(made: Result<Movement, Refusal>) -> Self {
        made.map_or_else(|refusal| Self::Is(Outcome::Refused(refusal)), Self::Move)
    }
}

impl Books<'_> {
    fn follow(&mut self, movement: &Movement) {
        self.exists = true;
        self.now.version = movement.version;
        self.now.quantity = movement.quantity;
        self.now.turnover += movement.turned;
        if let Some(day) = movement.day {
            if let Some(on) = self.turned.iter_mut().find(|on| on.day == day) {
                on.after += movement.turned;
            } else {
                let before = self.known.get(&day).copied().flatten();
                self.turned.push(DayTurnover { day, before, after: before.unwrap_or(0) + movement.turned });
            }
        }
    }

    /// The next movement, if the amounts stay in their range. What comes back is taken whatever is there by then, and
    /// what leaves makes it less: the bound is for what people ask to have more of.
    fn movement(
        &self,
        want: &Want,
        id: Uuid,
        kind: Kind,
        (delta, turned): (i64, i64),
        day: Option<i32>,
    ) -> Result<Movement, Refusal> {
        let quantity = self.now.quantity.checked_add(delta);
        let free = kind == Kind::Return || delta <= 0;
        let Some(quantity) = quantity.filter(|quantity| free || *quantity <= QUANTITY_MAX) else {
            return Err(Refusal::OutOfRange);
        };
        if quantity < 0 {
            return Err(Refusal::Short { available: self.now.quantity });
        }
        let turnover = self.now.turnover.checked_add(turned);
        if turnover.is_none_or(|turnover| turnover < 0) {
            return Err(Refusal::OutOfRange);
        }
        Ok(Movement {
            id,
            version: self.now.version + 1,
            kind,
            delta,
            quantity,
            turned,
            day,
            reason: want.reason.clone(),
            reference: want.reference.clone(),
            by: want.by.clone(),
            at: self.now.updated_at,
        })
    }
}

/// What a change leads to, after all that was decided before it.
fn next(books: &Books<'_>, made: &HashMap<Uuid, Movement>, want: &Want) -> Next {
    if let Some(before) = made.get(&want.id) {
        let given_up = before.kind == Kind::Void;
        return Next::Is(if given_up { Outcome::Refused(Refusal::GivenUp) } else { Outcome::Made(before.clone()) });
    }
    // What is not there cannot be adjusted under any condition (RFC 9110, 13.2.1).
    if !books.exists && matches!(want.change, Change::Add { .. }) {
        return Next::Is(Outcome::Refused(Refusal::Absent));
    }
    if !want.condition.allows(books.exists.then_some(books.now.version)) {
        return Next::Is(Outcome::Refused(Refusal::VersionMoved));
    }
    match want.change {
        Change::Set { quantity } => {
            let delta = quantity.saturating_sub(books.now.quantity);
            books.movement(want, want.id, Kind::Set, (delta, 0), None).into()
        }
        Change::Add { delta } => books.movement(want, want.id, Kind::Adjustment, (delta, 0), None).into(),
        Change::Take { units, turned, day } => {
            books.movement(want, want.id, Kind::Order, (-units, turned), Some(day)).into()
        }
        Change::Return { take } => match made.get(&take) {
            Some(taken) if taken.kind == Kind::Order => {
                books.movement(want, want.id, Kind::Return, (-taken.delta, -taken.turned), taken.day).into()
            }
            Some(_) => Next::Is(Outcome::Nothing),
            // Under the id of the take, so that it cannot be made any more.
            None => match books.movement(want, take, Kind::Void, (0, 0), None) {
                Ok(void) if books.exists => Next::Move(void),
                Ok(_) => Next::Close(take),
                Err(refusal) => Next::Is(Outcome::Refused(refusal)),
            },
        },
    }
}

#[cfg(test)]
mod tests;
