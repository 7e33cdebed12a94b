//! Classes in a sorted set behind one lock.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

use crate::dao::ledger::{Account, Book};
use crate::dao::ranks::{RankDao, Slot};
use crate::dao::{Context, DaoError};

type Members = BTreeMap<(Book, Slot, Uuid), i64>;

/// See the module.
#[derive(Debug, Default)]
pub struct MemoryRanks {
    members: Mutex<Members>,
}

impl MemoryRanks {
    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RankDao for MemoryRanks {
    async fn put(&self, _cx: &Context, account: Account, slot: Slot, version: i64) -> Result<(), DaoError> {
        let mut members = self.members();
        let seen = members.entry((account.book, slot, account.id)).or_insert(version);
        *seen = version.max(*seen);
        Ok(())
    }

    async fn remove(&self, _cx: &Context, account: Account, slot: Slot, version: i64) -> Result<(), DaoError> {
        let mut members = self.members();
        let key = (account.book, slot, account.id);
        if members.get(&key).is_some_and(|seen| *seen <= version) {
            members.remove(&key);
        }
        Ok(())
    }

    async fn slots(&self, _cx: &Context, book: Book, below: Slot, limit: usize) -> Result<Vec<Slot>, DaoError> {
        let members = self.members();
        let mut slots: Vec<Slot> =
            members.keys().filter(|key| key.0 == book && key.1 < below).map(|key| key.1).collect();
        slots.dedup();
        slots.reverse();
        slots.truncate(limit);
        Ok(slots)
    }

    async fn members(
        &self,
        _cx: &Context,
        book: Book,
        slot: Slot,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<Uuid>, DaoError> {
        let members = self.members();
        let of_slot = members.keys().filter(|key| key.0 == book && key.1 == slot).map(|key| key.2);
        Ok(of_slot.filter(|id| after.is_none_or(|after| *id > after)).take(limit).collect())
    }
}
