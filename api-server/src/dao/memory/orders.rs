//! Orders in a map behind one lock: each call is atomic. Only listed orders are found by lists.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

use crate::dao::blocks::Turnover;
use crate::dao::orders::{Filter, Inserted, Note, Order, OrderDao, Replaced, Status, Stored};
use crate::dao::page::{PageEnd, Position};
use crate::dao::{Context, DaoError, Level, Receipt};

/// Notes that are read at once.
const READ_AT_ONCE: usize = 200;

#[derive(Debug, Default)]
struct Tables {
    orders: BTreeMap<Uuid, Stored>,
    listed: BTreeSet<Uuid>,
    /// By time and operation.
    notes: BTreeMap<(i64, Uuid), Uuid>,
    swept_until: Option<i64>,
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

fn receipt(cx: &Context) -> Receipt {
    Receipt::local(cx.level.unwrap_or(Level::LocalQuorum))
}

#[async_trait]
impl OrderDao for MemoryOrders {
    async fn find(&self, cx: &Context, id: Uuid) -> Result<(Option<Order>, Receipt), DaoError> {
        Ok((self.tables().orders.get(&id).map(|stored| stored.order.clone()), receipt(cx)))
    }

    async fn load(&self, _cx: &Context, id: Uuid) -> Result<Option<Stored>, DaoError> {
        Ok(self.tables().orders.get(&id).cloned())
    }

    async fn insert(&self, cx: &Context, order: &Order, operation: Uuid) -> Result<Inserted, DaoError> {
        let mut tables = self.tables();
        if let Some(stored) = tables.orders.get(&order.id) {
            return Ok(match stored.operations.last() == Some(&operation) {
                true => Inserted::Done(stored.clone(), receipt(cx)),
                false => Inserted::Exists,
            });
        }
        let stored = Stored { order: order.clone(), bucket: 0, operations: vec![operation] };
        tables.orders.insert(order.id, stored.clone());
        Ok(Inserted::Done(stored, receipt(cx)))
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
                Ok(Replaced::Done(stored.clone(), receipt(cx)))
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
        Ok((page, PageEnd { next, looked_at: 0, receipt: receipt(cx) }))
    }

    async fn note(&self, _cx: &Context, note: &Note) -> Result<(), DaoError> {
        self.tables().notes.insert((note.at, note.operation), note.order);
        Ok(())
    }

    async fn forget(&self, _cx: &Context, note: &Note) {
        self.tables().notes.remove(&(note.at, note.operation));
    }

    async fn notes(&self, _cx: &Context, minute: i64, after: i64, upto: i64) -> Result<(Vec<Note>, bool), DaoError> {
        let tables = self.tables();
        let of_minute = tables.notes.iter().filter(|((at, _), _)| Note::minute_of(*at) == minute);
        let mut wanted = of_minute.filter(|((at, _), _)| (after + 1..=upto).contains(at));
        let notes = wanted.by_ref().take(READ_AT_ONCE);
        let notes = notes.map(|((at, operation), order)| Note { at: *at, operation: *operation, order: *order });
        let notes: Vec<Note> = notes.collect();
        let all = wanted.next().is_none();
        Ok((notes, all))
    }

    async fn swept_until(&self, _cx: &Context) -> Result<Option<i64>, DaoError> {
        Ok(self.tables().swept_until)
    }

    async fn set_swept_until(&self, _cx: &Context, until: i64) -> Result<(), DaoError> {
        self.tables().swept_until = Some(until);
        Ok(())
    }
}
