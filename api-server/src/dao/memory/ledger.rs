//! Accounts in a map behind one lock: each call is atomic.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

use super::{decided, read};
use crate::dao::blocks::Turnover;
use crate::dao::ledger::{Account, Balance, Glimpse, LedgerDao, Met, Movement, Posted, Posting};
use crate::dao::{Context, DaoError, Receipt};

#[derive(Debug)]
struct Entry {
    balance: Balance,
    movements: Vec<Movement>,
    days: BTreeMap<i32, i64>,
    closed: HashSet<Uuid>,
}

impl Entry {
    /// Before the first movement there is no balance.
    fn balance(&self) -> Option<Balance> {
        (self.balance.version > 0).then_some(self.balance)
    }

    fn is_used(&self, id: Uuid) -> bool {
        self.closed.contains(&id) || self.movements.iter().any(|movement| movement.id == id)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    accounts: Mutex<HashMap<Account, Entry>>,
}

impl MemoryLedger {
    fn accounts(&self) -> MutexGuard<'_, HashMap<Account, Entry>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an account turned over by day.
    pub fn turned_over(&self, account: Account) -> BTreeMap<i32, Turnover> {
        let accounts = self.accounts();
        let Some(entry) = accounts.get(&account) else { return BTreeMap::new() };
        let version = entry.balance.version;
        entry.days.iter().map(|(day, amount)| (*day, Turnover { amount: *amount, version })).collect()
    }
}

#[async_trait]
impl LedgerDao for MemoryLedger {
    async fn find(&self, cx: &Context, account: Account) -> Result<(Option<Balance>, Receipt), DaoError> {
        Ok((self.accounts().get(&account).and_then(Entry::balance), read(cx)))
    }

    async fn glimpse(&self, _cx: &Context, account: Account, day: i32) -> Result<Option<Glimpse>, DaoError> {
        let accounts = self.accounts();
        let Some(entry) = accounts.get(&account) else { return Ok(None) };
        let newest = entry.days.range(..=day).next_back();
        Ok(newest.map(|(at, turnover)| (entry.balance, (*at == day).then_some(*turnover))))
    }

    async fn load(&self, _cx: &Context, account: Account) -> Result<Option<Balance>, DaoError> {
        Ok(self.accounts().get(&account).and_then(Entry::balance))
    }

    async fn made(&self, _cx: &Context, account: Account, ids: &[Uuid]) -> Result<Vec<Movement>, DaoError> {
        let accounts = self.accounts();
        let Some(entry) = accounts.get(&account) else { return Ok(Vec::new()) };
        Ok(entry.movements.iter().filter(|movement| ids.contains(&movement.id)).cloned().collect())
    }

    async fn closed(&self, _cx: &Context, account: Account, ids: &[Uuid]) -> Result<Vec<Uuid>, DaoError> {
        let accounts = self.accounts();
        let Some(entry) = accounts.get(&account) else { return Ok(Vec::new()) };
        Ok(ids.iter().filter(|id| entry.closed.contains(id)).copied().collect())
    }

    async fn load_days(&self, _cx: &Context, account: Account, days: &[i32]) -> Result<Vec<(i32, i64)>, DaoError> {
        let accounts = self.accounts();
        let Some(entry) = accounts.get(&account) else { return Ok(Vec::new()) };
        Ok(days.iter().filter_map(|day| Some((*day, *entry.days.get(day)?))).collect())
    }

    async fn turnover(&self, _cx: &Context, account: Account, days: RangeInclusive<i32>) -> Result<i64, DaoError> {
        let accounts = self.accounts();
        Ok(accounts.get(&account).map_or(0, |entry| entry.days.range(days).map(|(_, turnover)| turnover).sum()))
    }

    async fn post(&self, cx: &Context, account: Account, before: i64, posting: &Posting) -> Result<Posted, DaoError> {
        let mut accounts = self.accounts();
        let entry = accounts.entry(account).or_insert_with(|| Entry {
            balance: Balance { quantity: 0, turnover: 0, version: 0, updated_at: 0 },
            movements: Vec::new(),
            days: BTreeMap::new(),
            closed: HashSet::new(),
        });
        let days_are_as_read = posting.days.iter().all(|on| entry.days.get(&on.day).copied() == on.before);
        if entry.balance.version != before || !days_are_as_read {
            let days = posting.days.iter().map(|on| (on.day, entry.days.get(&on.day).copied())).collect();
            return Ok(Posted::Moved(Some(Met { balance: entry.balance(), days })));
        }
        if posting.movements.iter().map(|movement| &movement.id).chain(&posting.closed).any(|id| entry.is_used(*id)) {
            return Ok(Posted::Used);
        }
        if !posting.movements.is_empty() {
            entry.balance = posting.after;
        }
        entry.closed.extend(&posting.closed);
        entry.movements.extend(posting.movements.iter().cloned());
        entry.days.extend(posting.days.iter().map(|on| (on.day, on.after)));
        Ok(Posted::Done(decided(cx)))
    }

    async fn movements(
        &self,
        cx: &Context,
        account: Account,
        before: i64,
        limit: usize,
    ) -> Result<(Vec<Movement>, Receipt), DaoError> {
        let accounts = self.accounts();
        let movements = accounts.get(&account).map(|entry| entry.movements.iter()).unwrap_or_default();
        let found = movements.rev().filter(|movement| movement.version < before).take(limit).cloned().collect();
        Ok((found, read(cx)))
    }
}
