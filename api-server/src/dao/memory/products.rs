//! Products in a map behind one lock: each call is atomic.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

use super::{decided, read};
use crate::dao::products::{
    Filter, Inserted, Marks, PageEnd, PageQuery, Position, Product, ProductDao, ProductSink, Removed, Replaced, Stored,
};
use crate::dao::{Context, DaoError, Receipt};

/// See the module.
#[derive(Debug, Default)]
pub struct MemoryProducts {
    rows: Mutex<BTreeMap<Uuid, Stored>>,
}

impl MemoryProducts {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<Uuid, Stored>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn holder_of(rows: &BTreeMap<Uuid, Stored>, sku: &str) -> Option<Uuid> {
    rows.values().find(|row| row.product.archived_at.is_none() && row.product.sku == sku).map(|row| row.product.id)
}

#[async_trait]
impl ProductDao for MemoryProducts {
    async fn find(&self, cx: &Context, id: Uuid, sink: &mut dyn ProductSink) -> Result<Receipt, DaoError> {
        if let Some(row) = self.rows().get(&id) {
            sink.product(row.product.borrowed());
        }
        Ok(read(cx))
    }

    async fn find_many(&self, _cx: &Context, ids: &[Uuid]) -> Result<Vec<Product>, DaoError> {
        let rows = self.rows();
        Ok(ids.iter().filter_map(|id| rows.get(id)).map(|row| row.product.clone()).collect())
    }

    async fn load(&self, _cx: &Context, id: Uuid) -> Result<Option<Stored>, DaoError> {
        Ok(self.rows().get(&id).cloned())
    }

    async fn page(&self, cx: &Context, query: &PageQuery, sink: &mut dyn ProductSink) -> Result<PageEnd, DaoError> {
        let rows = self.rows();
        // What an index by names would give: of these the others are picked out one by one.
        let Filter { name_prefix, words, archived, .. } = query.filter.clone();
        let listed = Filter { name_prefix, words, archived, ..Filter::default() };
        let by_name = listed.name_prefix.is_some() || listed.words.is_some();
        let start = query.after.unwrap_or(Position { bucket: i64::MAX, id: Uuid::max() });
        let mut page = PageEnd { next: None, looked_at: 0, receipt: read(cx) };
        if query.look_at == 0 {
            return Ok(PageEnd { next: Some(start), ..page });
        }
        // A list without a condition is one partition.
        page.looked_at += usize::from(!by_name);
        let (mut shown, mut last, mut upto) = (0, start, start);
        for row in rows.values().rev().filter(|row| row.product.id < start.id) {
            if !listed.admits(&row.product.borrowed()) {
                continue;
            }
            if by_name {
                if page.looked_at == query.look_at {
                    return Ok(PageEnd { next: Some(upto), ..page });
                }
                page.looked_at += 1;
            }
            upto = Position { bucket: row.marks.bucket, id: row.product.id };
            if !query.filter.admits(&row.product.borrowed()) {
                continue;
            }
            if shown == query.limit {
                return Ok(PageEnd { next: Some(last), ..page });
            }
            sink.product(row.product.borrowed());
            shown += 1;
            last = upto;
        }
        Ok(page)
    }

    async fn insert(&self, cx: &Context, product: &Product, operation: Uuid) -> Result<Inserted, DaoError> {
        let mut rows = self.rows();
        if let Some(row) = rows.get(&product.id)
            && row.marks.operations.last() == Some(&operation)
        {
            return Ok(Inserted::Done(decided(cx)));
        }
        if holder_of(&rows, &product.sku).is_some() {
            return Ok(Inserted::Taken);
        }
        let marks = Marks { bucket: 0, claim: operation, operations: vec![operation], fence: None };
        let product = product.clone();
        rows.insert(product.id, Stored { product, marks });
        Ok(Inserted::Done(decided(cx)))
    }

    async fn replace(
        &self,
        cx: &Context,
        before: &Stored,
        after: &Product,
        operation: Uuid,
    ) -> Result<Replaced, DaoError> {
        let mut rows = self.rows();
        let holder = holder_of(&rows, &after.sku);
        let Some(row) = rows.get_mut(&before.product.id) else {
            return Ok(Replaced::VersionMoved);
        };
        if row.marks.operations.contains(&operation) {
            return Ok(Replaced::Done(decided(cx)));
        }
        if row.product.version != before.product.version {
            return Ok(Replaced::VersionMoved);
        }
        if after.archived_at.is_none() && holder.is_some_and(|holder| holder != after.id) {
            return Ok(Replaced::Taken);
        }
        row.product = after.clone();
        row.marks.operations = row.marks.operations_with(operation);
        Ok(Replaced::Done(decided(cx)))
    }

    async fn remove(&self, cx: &Context, before: &Stored, _operation: Uuid) -> Result<Removed, DaoError> {
        let mut rows = self.rows();
        match rows.get(&before.product.id) {
            Some(row) if row.product.version == before.product.version => {
                rows.remove(&before.product.id);
                Ok(Removed::Done(decided(cx)))
            }
            _ => Ok(Removed::VersionMoved),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::dao::{contract, memory};

    #[tokio::test]
    async fn the_store_in_memory_keeps_the_contract() {
        contract::hold(&memory::daos()).await;
    }
}
