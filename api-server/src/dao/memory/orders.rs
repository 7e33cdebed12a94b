//! Orders in a map behind one lock: each call is atomic. Only listed orders are found by lists.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use uuid::Uuid;

use super::{decided, read};
use crate::dao::blocks::Turnover;
use crate::dao::orders::{
    Filter, Inserted, NOTES_AT_ONCE, Note, OLD_NOTES, Order, OrderDao, Replaced, Status, Stored, Swept, whole,
};
use crate::dao::page::{PageEnd, Position};
use crate::dao::ranks::{Turned, Unranked};
use crate::dao::{Context, DaoError, Receipt};

#[derive(Debug, Default)]
struct Tables {
    orders: BTreeMap<Uuid, Stored>,
    listed: BTreeSet<Uuid>,
    /// By shard, time and operation.
    notes: BTreeMap<(u8, i64, Uuid), Note>,
    swept_until: HashMap<u8, i64>,
    claimed_until: HashMap<u8, Instant>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct MemoryOrders {
    tables: Mutex<Tables>,
}

impl MemoryOrders {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a user spent by day.
    pub fn spent(&self, user: Uuid) -> BTreeMap<i32, Turnover> {
        let tables = self.tables();
        let listed = tables.listed.iter().filter_map(|id| tables.orders.get(id)).map(|stored| &stored.order);
        let mut days: BTreeMap<i32, Turnover> = BTreeMap::new();
        for order in listed.filter(|order| order.user == user) {
            let amount = if order.status == Status::Cancelled { 0 } else { order.total };
            let spent = days.entry(order.day()).or_default();
            *spent = spent.plus(Turnover { amount, version: order.version });
        }
        days
    }
}

#[async_trait]
impl OrderDao for MemoryOrders {
    async fn find(&self, cx: &Context, id: Uuid) -> Result<(Option<Order>, Receipt), DaoError> {
        Ok((self.tables().orders.get(&id).map(|stored| stored.order.clone()), read(cx)))
    }

    async fn load(&self, _cx: &Context, id: Uuid) -> Result<Option<Stored>, DaoError> {
        Ok(self.tables().orders.get(&id).cloned())
    }

    async fn insert(&self, cx: &Context, order: &Order, operation: Uuid) -> Result<Inserted, DaoError> {
        let mut tables = self.tables();
        if let Some(stored) = tables.orders.get(&order.id) {
            return Ok(match stored.operations.last() == Some(&operation) {
                true => Inserted::Done(stored.clone(), decided(cx)),
                false => Inserted::Exists,
            });
        }
        let stored = Stored { order: order.clone(), bucket: 0, operations: vec![operation] };
        tables.orders.insert(order.id, stored.clone());
        Ok(Inserted::Done(stored, decided(cx)))
    }

    async fn replace(
        &self,
        cx: &Context,
        before: &Stored,
        after: &Order,
        operation: Uuid,
    ) -> Result<Replaced, DaoError> {
        let mut tables = self.tables();
        match tables.orders.get_mut(&after.id) {
            Some(stored) if stored.order.version == before.order.version => {
                let lines = stored.order.lines.clone();
                let operations = stored.operations_with(operation);
                *stored = Stored { order: Order { lines, ..after.clone() }, bucket: stored.bucket, operations };
                Ok(Replaced::Done(stored.clone(), decided(cx)))
            }
            _ => Ok(Replaced::Moved),
        }
    }

    async fn list(&self, _cx: &Context, stored: &Stored) -> Result<(), DaoError> {
        self.tables().listed.insert(stored.order.id);
        Ok(())
    }

    async fn page(
        &self,
        cx: &Context,
        filter: &Filter,
        limit: usize,
        after: Option<Position>,
    ) -> Result<(Vec<Order>, PageEnd), DaoError> {
        let tables = self.tables();
        let mut found = tables
            .listed
            .iter()
            .rev()
            .filter(|id| after.is_none_or(|after| **id < after.id))
            .filter_map(|id| tables.orders.get(id))
            .filter(|stored| filter.admits(&stored.order));
        let page: Vec<Order> = found.by_ref().take(limit).map(|stored| stored.order.clone()).collect();
        let last = page.last().map(|order| Position { bucket: 0, id: order.id });
        let next = found.next().and(last);
        Ok((page, PageEnd { next, looked_at: 0, receipt: read(cx) }))
    }

    async fn note(&self, _cx: &Context, note: &Note) -> Result<(), DaoError> {
        self.tables().notes.insert(key_of(note), note.clone());
        Ok(())
    }

    async fn forget_all(&self, _cx: &Context, notes: &[Note]) -> Result<(), DaoError> {
        let mut tables = self.tables();
        for note in notes {
            tables.notes.remove(&key_of(note));
        }
        Ok(())
    }

    async fn notes(&self, _cx: &Context, shard: u8, after: i64, upto: i64) -> Result<(Vec<Note>, i64), DaoError> {
        let tables = self.tables();
        let wanted = tables.notes.values().filter(|note| note.shard() == shard);
        let mut of_minute: HashMap<i64, usize> = HashMap::new();
        let first = wanted.filter(|note| note.at > after && note.at <= upto).filter(|note| {
            let count = of_minute.entry(Note::minute_of(note.at)).or_default();
            *count += 1;
            *count <= NOTES_AT_ONCE
        });
        let mut notes: Vec<Note> = first.cloned().collect();
        let until = whole(&mut notes, after, upto);
        Ok((notes, until))
    }

    async fn sweeps(&self, _cx: &Context) -> Result<Vec<Swept>, DaoError> {
        let tables = self.tables();
        let now = Instant::now();
        let sweeps = (0..=OLD_NOTES).map(|shard| Swept {
            until: tables.swept_until.get(&shard).copied(),
            is_claimed: tables.claimed_until.get(&shard).is_some_and(|until| *until > now),
        });
        Ok(sweeps.collect())
    }

    async fn claim_sweep(&self, _cx: &Context, shard: u8, seconds: i32) -> Result<bool, DaoError> {
        let now = Instant::now();
        let mut tables = self.tables();
        if tables.claimed_until.get(&shard).is_some_and(|until| *until > now) {
            return Ok(false);
        }
        let lasts = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
        tables.claimed_until.insert(shard, now + lasts);
        Ok(true)
    }

    async fn set_swept_until(&self, _cx: &Context, shard: u8, until: i64) -> Result<(), DaoError> {
        self.tables().swept_until.insert(shard, until);
        Ok(())
    }

    async fn clock(&self, _cx: &Context) -> Result<i64, DaoError> {
        Ok(crate::dao::now_ms())
    }
}

#[async_trait]
impl Unranked for MemoryOrders {
    async fn unranked(&self, _cx: &Context) -> Result<Vec<Turned>, DaoError> {
        let tables = self.tables();
        let turned: BTreeSet<Turned> = tables.notes.values().flat_map(Note::turned).collect();
        Ok(turned.into_iter().collect())
    }
}

const fn key_of(note: &Note) -> (u8, i64, Uuid) {
    (note.shard(), note.at, note.operation)
}
