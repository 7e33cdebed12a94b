//! Classes of the books in Cassandra: one partition a slot, and one partition a book with the
//! slots in use.
//!
//! Rows carry timestamps made of the account's version, so they converge whatever the order of
//! writes. A member is written before its slot is noted. A slot that was found empty is taken off
//! the book as of the moment at which it had been noted: one that a new member notes meanwhile
//! stays.

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use super::StartError;
use super::execute::{Database, Statement};
use super::products::broken;
use crate::dao::ledger::{Account, Book};
use crate::dao::ranks::{RankDao, Slot};
use crate::dao::{Context, DaoError};

/// See the module.
pub struct CassandraRanks {
    database: Arc<Database>,
    put: Statement,
    note: Statement,
    remove: Statement,
    noted_at: Statement,
    is_empty: Statement,
    drop_slot: Statement,
    slots: Statement,
    members: Statement,
}

impl CassandraRanks {
    /// Prepares every statement.
    pub async fn prepare(database: Arc<Database>) -> Result<Self, StartError> {
        let put = "INSERT INTO {ks}.rank_members (book, slot, id) VALUES (?, ?, ?) USING TIMESTAMP ?";
        let note = "INSERT INTO {ks}.rank_slots (book, slot, used) VALUES (?, ?, true)";
        let remove = "DELETE FROM {ks}.rank_members USING TIMESTAMP ? WHERE book = ? AND slot = ? AND id = ?";
        let noted_at = "SELECT WRITETIME(used) FROM {ks}.rank_slots WHERE book = ? AND slot = ?";
        let is_empty = "SELECT id FROM {ks}.rank_members WHERE book = ? AND slot = ? LIMIT 1";
        let drop_slot = "DELETE FROM {ks}.rank_slots USING TIMESTAMP ? WHERE book = ? AND slot = ?";
        let slots = "SELECT slot FROM {ks}.rank_slots WHERE book = ? AND slot < ? LIMIT ?";
        let members = "SELECT id FROM {ks}.rank_members WHERE book = ? AND slot = ? AND id > ? LIMIT ?";
        Ok(Self {
            put: database.plain("INSERT", "rank_members", put).await?,
            note: database.plain("INSERT", "rank_slots", note).await?,
            remove: database.plain("DELETE", "rank_members", remove).await?,
            noted_at: database.plain("SELECT", "rank_slots", noted_at).await?,
            is_empty: database.plain("SELECT", "rank_members", is_empty).await?,
            drop_slot: database.plain("DELETE", "rank_slots", drop_slot).await?,
            slots: database.plain("SELECT", "rank_slots", slots).await?,
            members: database.plain("SELECT", "rank_members", members).await?,
            database,
        })
    }

    /// Takes a slot off the book if it has no members any more.
    async fn tidy(&self, cx: &Context, book: Book, slot: Slot) -> Result<(), DaoError> {
        let key = (book.name(), slot.0);
        let result = self.database.run(cx, &self.noted_at, &key).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let noted = rows.maybe_first_row::<(Option<i64>,)>().map_err(broken)?;
        let Some((Some(noted_at),)) = noted else { return Ok(()) };
        let result = self.database.run(cx, &self.is_empty, &key).await?;
        if result.into_rows_result().map_err(broken)?.rows_num() == 0 {
            self.database.run(cx, &self.drop_slot, &(noted_at, book.name(), slot.0)).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl RankDao for CassandraRanks {
    async fn put(&self, cx: &Context, account: Account, slot: Slot, version: i64) -> Result<(), DaoError> {
        let cx = cx.plain();
        let values = (account.book.name(), slot.0, account.id, version);
        self.database.run(&cx, &self.put, &values).await?;
        self.database.run(&cx, &self.note, &(account.book.name(), slot.0)).await?;
        Ok(())
    }

    async fn remove(&self, cx: &Context, account: Account, slot: Slot, version: i64) -> Result<(), DaoError> {
        let cx = cx.plain();
        let values = (version, account.book.name(), slot.0, account.id);
        self.database.run(&cx, &self.remove, &values).await?;
        self.tidy(&cx, account.book, slot).await
    }

    async fn slots(&self, cx: &Context, book: Book, below: Slot, limit: usize) -> Result<Vec<Slot>, DaoError> {
        let values = (book.name(), below.0, i32::try_from(limit).unwrap_or(i32::MAX));
        let result = self.database.run(cx, &self.slots, &values).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        rows.rows::<(i64,)>().map_err(broken)?.map(|row| Ok(Slot(row.map_err(broken)?.0))).collect()
    }

    async fn members(
        &self,
        cx: &Context,
        book: Book,
        slot: Slot,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<Uuid>, DaoError> {
        let after = after.unwrap_or(Uuid::nil());
        let values = (book.name(), slot.0, after, i32::try_from(limit).unwrap_or(i32::MAX));
        let result = self.database.run(cx, &self.members, &values).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        rows.rows::<(Uuid,)>().map_err(broken)?.map(|row| Ok(row.map_err(broken)?.0)).collect()
    }
}
