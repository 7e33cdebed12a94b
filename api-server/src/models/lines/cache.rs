//! What the process knows of accounts without asking the database. Any of it may be behind what others have posted, so nobody
//! is refused on the strength of it; a change that is decided on it finds out as it is posted. No IO.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use crate::dao::ledger::{Account, Balance};
use crate::models::ledger::Known;

/// Accounts that are kept: those that were used last.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

/// An account as it was after a posting, or as a read told it that sees every posting.
#[derive(Clone, Copy)]
struct Entry {
    /// `None` before the first movement.
    balance: Option<Balance>,
    /// The newest day that was known with it: orders are of today, and what comes back of older ones is seldom.
    day: Option<(i32, Option<i64>)>,
}

impl Entry {
    fn version(&self) -> i64 {
        self.balance.map_or(0, |balance| balance.version)
    }
}

/// See the module.
pub struct Cache(Mutex<LruCache<Account, Entry>>);

impl Default for Cache {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(KEPT)))
    }
}

impl Cache {
    fn entries(&self) -> MutexGuard<'_, LruCache<Account, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account with the turnover of these days. A day after the newest that is known has none yet, most likely: whoever
    /// begins it would have moved the account on. Of an earlier one nothing is known, so none of this is told.
    pub fn get(&self, account: Account, days: &[i32]) -> Option<Known> {
        let entry = self.entries().get(&account).copied()?;
        if days.iter().any(|day| entry.day.is_some_and(|(known, _)| *day < known)) {
            return None;
        }
        let days = days.iter().map(|day| (*day, None)).chain(entry.day);
        Some(Known { balance: entry.balance, days: days.collect() })
    }

    /// The quantity of an account, if it is known; 0 before the first movement.
    pub fn quantity(&self, account: Account) -> Option<i64> {
        let entry = self.entries().get(&account).copied()?;
        Some(entry.balance.map_or(0, |balance| balance.quantity))
    }

    /// Remembers an account as whoever changes it has left or found it, whatever was known of it before.
    pub fn put(&self, account: Account, known: &Known) {
        let day = known.days.iter().max_by_key(|(day, _)| **day).map(|(day, turnover)| (*day, *turnover));
        self.entries().put(account, Entry { balance: known.balance, day });
    }

    /// Remembers what a read told that went on beside the changes, if that is news.
    pub fn learn(&self, account: Account, balance: Option<Balance>) {
        let read = Entry { balance, day: None };
        let mut entries = self.entries();
        if entries.peek(&account).is_none_or(|known| known.version() < read.version()) {
            entries.put(account, read);
        }
    }

    /// Forgets an account whose last change ended no one knows how.
    pub fn forget(&self, account: Account) {
        self.entries().pop(&account);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use uuid::Uuid;

    use super::*;

    fn known(version: i64, days: &[(i32, Option<i64>)]) -> Known {
        let balance = Balance { quantity: 10 * version, turnover: 0, version, updated_at: 0 };
        Known { balance: Some(balance), days: days.iter().copied().collect() }
    }

    #[test]
    fn of_an_account_the_newest_day_is_kept_and_a_later_one_has_none_yet() {
        let (cache, account) = (Cache::default(), Account::stock(Uuid::new_v4()));
        let days = |asked: &[i32]| cache.get(account, asked).map(|known| known.days);
        cache.put(account, &known(1, &[(7, Some(3)), (9, Some(5)), (8, Some(4))]));
        assert_eq!(days(&[9]), Some(HashMap::from([(9, Some(5))])));
        assert_eq!(days(&[]), Some(HashMap::from([(9, Some(5))])));
        assert_eq!(days(&[9, 10]), Some(HashMap::from([(9, Some(5)), (10, None)])));
        assert_eq!((days(&[8]), days(&[8, 9])), (None, None));
        cache.put(account, &Known::default());
        assert_eq!(days(&[8]), Some(HashMap::from([(8, None)])));
        assert_eq!(cache.quantity(account), Some(0));
    }

    #[test]
    fn a_read_that_is_no_news_changes_nothing_and_one_that_is_takes_the_day_away() {
        let (cache, account) = (Cache::default(), Account::stock(Uuid::new_v4()));
        cache.put(account, &known(2, &[(7, Some(3))]));
        for version in [1, 2] {
            cache.learn(account, known(version, &[]).balance);
            let kept = cache.get(account, &[7]).map(|known| (known.version(), known.days));
            assert_eq!(kept, Some((2, HashMap::from([(7, Some(3))]))));
        }
        cache.learn(account, known(3, &[]).balance);
        assert_eq!(cache.get(account, &[7]).map(|known| known.days), Some(HashMap::from([(7, None)])));
        assert_eq!(cache.quantity(account), Some(30));
        // A database that was restored is behind; whoever changes it finds out.
        cache.put(account, &known(1, &[]));
        assert_eq!(cache.quantity(account), Some(10));
        cache.forget(account);
        assert_eq!(cache.quantity(account), None);
    }

    #[test]
    fn of_many_accounts_those_are_kept_that_were_used_last() {
        let cache = Cache::default();
        let accounts: Vec<Account> = (0..=KEPT.get()).map(|_| Account::stock(Uuid::new_v4())).collect();
        for account in &accounts[..KEPT.get()] {
            cache.put(*account, &known(1, &[]));
        }
        assert!(cache.quantity(accounts[0]).is_some());
        cache.put(accounts[KEPT.get()], &known(1, &[]));
        let kept = [0, 1, 2, KEPT.get()].map(|at| cache.quantity(accounts[at]).is_some());
        assert_eq!(kept, [true, false, true, true]);
    }
}
