//! The reports: who spent most, what sold most. IO only through the DAOs' traits.
//!
//! What an account turned over in a range of days is never more than in all. So accounts are
//! looked at from the top of all time downwards, and the first so-and-so many are known for sure
//! as soon as the least of them is no less than anything below can be.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use uuid::Uuid;

use super::error::{ModelError, Violation};
use crate::dao::ledger::{Account, Book, LedgerDao};
use crate::dao::ranks::{RankDao, Slot, bound_of};
use crate::dao::{Context, DaoError, Receipt};

/// Accounts that one report may look at.
const LOOKED_AT_MAX: usize = 5_000;
/// Slots and members that one statement reads.
const SLOTS_AT_ONCE: usize = 100;
const MEMBERS_AT_ONCE: usize = 200;
/// Accounts that are read at the same time.
const READ_AT_ONCE: usize = 16;

/// Reports over the books.
#[derive(Clone)]
pub struct Reports {
    ledger: Arc<dyn LedgerDao>,
    ranks: Arc<dyn RankDao>,
}

/// Accounts with their turnover, the most first, and who answered.
pub type Ranking = (Vec<(Uuid, i64)>, Option<Receipt>);

impl Reports {
    /// Reports over DAOs.
    pub fn new(ledger: Arc<dyn LedgerDao>, ranks: Arc<dyn RankDao>) -> Self {
        Self { ledger, ranks }
    }

    /// The `limit` accounts of a book with the most turnover, of all time or of a range of days,
    /// descending; those with none are left out.
    #[tracing::instrument(name = "model.reports.top", skip_all)]
    pub async fn top(
        &self,
        cx: &Context,
        book: Book,
        limit: usize,
        days: Option<RangeInclusive<i32>>,
    ) -> Result<Ranking, ModelError> {
        let cx = &cx.of_many();
        let mut top = Top::new(limit);
        let mut below = Slot(i64::MAX);
        let mut class = i64::MAX;
        loop {
            let slots = self.ranks.slots(cx, book, below, SLOTS_AT_ONCE).await?;
            for slot in &slots {
                if slot.class() < class {
                    class = slot.class();
                    if top.is_settled(bound_of(class)) {
                        return Ok(top.into_rows());
                    }
                }
                self.look_at(cx, book, *slot, days.as_ref(), &mut top).await?;
                if top.looked_at > LOOKED_AT_MAX {
                    return Err(too_wide());
                }
            }
            match slots.last() {
                Some(last) => below = *last,
                None => return Ok(top.into_rows()),
            }
        }
    }

    /// Reads every member of a slot; what does not belong there any more is taken out.
    async fn look_at(
        &self,
        cx: &Context,
        book: Book,
        slot: Slot,
        days: Option<&RangeInclusive<i32>>,
        top: &mut Top,
    ) -> Result<(), DaoError> {
        let mut after = None;
        loop {
            let members = self.ranks.members(cx, book, slot, after, MEMBERS_AT_ONCE).await?;
            let rows: Vec<(Option<(Uuid, i64)>, Receipt)> = stream::iter(members.clone())
                .map(|id| self.turnover(cx, Account { book, id }, slot, days))
                .buffered(READ_AT_ONCE)
                .try_collect()
                .await?;
            top.looked_at += members.len();
            for (row, receipt) in rows {
                top.receipt = Some(receipt);
                if let Some((id, turnover)) = row {
                    top.offer(id, turnover);
                }
            }
            match members.last() {
                Some(last) if members.len() == MEMBERS_AT_ONCE && top.looked_at <= LOOKED_AT_MAX => after = Some(*last),
                _ => return Ok(()),
            }
        }
    }

    async fn turnover(
        &self,
        cx: &Context,
        account: Account,
        slot: Slot,
        days: Option<&RangeInclusive<i32>>,
    ) -> Result<(Option<(Uuid, i64)>, Receipt), DaoError> {
        let (balance, receipt) = self.ledger.find(cx, account).await?;
        let Some(balance) = balance else { return Ok((None, receipt)) };
        if Slot::of(account.id, balance.turnover) != Some(slot) {
            // Left by a crash, or by two changes at once; it lies elsewhere, too.
            self.ranks.remove(cx, account, slot, balance.version).await?;
            return Ok((None, receipt));
        }
        let turnover = match days {
            Some(days) => self.ledger.turnover(cx, account, days.clone()).await?,
            None => balance.turnover,
        };
        Ok(((turnover > 0).then_some((account.id, turnover)), receipt))
    }
}

/// The best so far.
struct Top {
    limit: usize,
    /// The least on top; equal turnovers by id, so that a report is the same every time.
    best: BinaryHeap<Reverse<(i64, Reverse<Uuid>)>>,
    looked_at: usize,
    /// How the database answered last.
    receipt: Option<Receipt>,
}

impl Top {
    fn new(limit: usize) -> Self {
        Self { limit, best: BinaryHeap::with_capacity(limit + 1), looked_at: 0, receipt: None }
    }

    fn offer(&mut self, id: Uuid, turnover: i64) {
        // An account that moves between two slots may be met in both.
        if self.best.iter().any(|Reverse((_, Reverse(known)))| *known == id) {
            return;
        }
        self.best.push(Reverse((turnover, Reverse(id))));
        if self.best.len() > self.limit {
            self.best.pop();
        }
    }

    /// Whether nothing with less than `bound` can come in any more.
    fn is_settled(&self, bound: i64) -> bool {
        self.best.len() == self.limit && self.best.peek().is_some_and(|Reverse((least, _))| *least >= bound)
    }

    fn into_rows(self) -> Ranking {
        let sorted = self.best.into_sorted_vec();
        let rows = sorted.into_iter().map(|Reverse((turnover, Reverse(id)))| (id, turnover)).collect();
        (rows, self.receipt)
    }
}

fn too_wide() -> ModelError {
    let detail = "too many have been ahead of these days' first ones since, ask for more days or for all time";
    ModelError::Invalid(vec![Violation::new("query:from", "too_many_candidates", detail)])
}

#[cfg(test)]
mod tests;
