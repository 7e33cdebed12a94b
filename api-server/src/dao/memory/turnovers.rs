//! Turnover as ledger and orders of the same memory have it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use super::{MemoryLedger, MemoryOrders};
use crate::dao::blocks::Turnover;
use crate::dao::ledger::{Account, Book};
use crate::dao::turnovers::{OnDay, TurnoverDao};
use crate::dao::{Context, DaoError};

/// See the module.
#[derive(Debug)]
pub struct MemoryTurnovers {
    ledger: Arc<MemoryLedger>,
    orders: Arc<MemoryOrders>,
}

impl MemoryTurnovers {
    /// Over those.
    pub const fn new(ledger: Arc<MemoryLedger>, orders: Arc<MemoryOrders>) -> Self {
        Self { ledger, orders }
    }

    fn of(&self, book: Book, id: Uuid) -> BTreeMap<i32, Turnover> {
        match book {
            Book::Stock => self.ledger.turned_over(Account::stock(id)),
            Book::Spending => self.orders.spent(id),
        }
    }
}

#[async_trait]
impl TurnoverDao for MemoryTurnovers {
    async fn on_day(&self, _cx: &Context, book: Book, day: i32, ids: &[Uuid]) -> Result<Vec<OnDay>, DaoError> {
        let found = ids.iter().filter_map(|id| {
            let turnover = *self.of(book, *id).get(&day)?;
            Some(OnDay { id: *id, day, turnover })
        });
        Ok(found.collect())
    }

    async fn on_all_days(&self, _cx: &Context, book: Book, ids: &[Uuid]) -> Result<Vec<OnDay>, DaoError> {
        let of = |id: &Uuid| {
            let id = *id;
            self.of(book, id).into_iter().map(move |(day, turnover)| OnDay { id, day, turnover })
        };
        Ok(ids.iter().flat_map(of).collect())
    }
}
