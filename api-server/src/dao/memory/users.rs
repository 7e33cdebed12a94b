//! Users in a map behind one lock: each call is atomic.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

use super::{decided, read};
use crate::dao::users::{
    Inserted, Marks, PageEnd, Position, Removed, Replaced, StoredUser, User, UserDao, UserSink, fold_email,
};
use crate::dao::{Context, DaoError, Receipt};

/// See the module. An id without a user is one that was erased.
#[derive(Debug, Default)]
pub struct MemoryUsers {
    rows: Mutex<BTreeMap<Uuid, Option<StoredUser>>>,
}

impl MemoryUsers {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<Uuid, Option<StoredUser>>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn holder_of(rows: &BTreeMap<Uuid, Option<StoredUser>>, email: &str) -> Option<Uuid> {
    let email = fold_email(email);
    rows.values().flatten().find(|row| fold_email(&row.user.email) == email).map(|row| row.user.id)
}

#[async_trait]
impl UserDao for MemoryUsers {
    async fn find(&self, cx: &Context, id: Uuid, sink: &mut dyn UserSink) -> Result<Receipt, DaoError> {
        if let Some(Some(row)) = self.rows().get(&id) {
            sink.user(row.user.borrowed());
        }
        Ok(read(cx))
    }

    async fn find_by_email(&self, cx: &Context, email: &str, sink: &mut dyn UserSink) -> Result<Receipt, DaoError> {
        let rows = self.rows();
        if let Some(Some(row)) = holder_of(&rows, email).and_then(|id| rows.get(&id)) {
            sink.user(row.user.borrowed());
        }
        Ok(read(cx))
    }

    async fn exists(&self, _cx: &Context, id: Uuid) -> Result<bool, DaoError> {
        Ok(matches!(self.rows().get(&id), Some(Some(_))))
    }

    async fn load(&self, _cx: &Context, id: Uuid) -> Result<Option<StoredUser>, DaoError> {
        Ok(self.rows().get(&id).cloned().flatten())
    }

    async fn page(
        &self,
        cx: &Context,
        limit: usize,
        after: Option<Position>,
        sink: &mut dyn UserSink,
    ) -> Result<PageEnd, DaoError> {
        let rows = self.rows();
        let mut found = rows.values().rev().flatten().filter(|row| after.is_none_or(|after| row.user.id < after.id));
        let mut last = None;
        for row in found.by_ref().take(limit) {
            sink.user(row.user.borrowed());
            last = Some(Position { bucket: row.marks.bucket, id: row.user.id });
        }
        Ok(PageEnd { next: found.next().and(last), looked_at: 0, receipt: read(cx) })
    }

    async fn insert(&self, cx: &Context, user: &User, operation: Uuid) -> Result<Inserted, DaoError> {
        let mut rows = self.rows();
        match rows.get(&user.id) {
            Some(Some(row)) if row.marks.operations.last() == Some(&operation) => {
                return Ok(Inserted::Done(decided(cx)));
            }
            Some(_) => return Ok(Inserted::InFlight),
            None => {}
        }
        if holder_of(&rows, &user.email).is_some() {
            return Ok(Inserted::Taken);
        }
        let marks = Marks { bucket: 0, claim: operation, operations: vec![operation], fence: None };
        rows.insert(user.id, Some(StoredUser { user: user.clone(), marks }));
        Ok(Inserted::Done(decided(cx)))
    }

    async fn replace(
        &self,
        cx: &Context,
        before: &StoredUser,
        after: &User,
        operation: Uuid,
    ) -> Result<Replaced, DaoError> {
        let mut rows = self.rows();
        let holder = holder_of(&rows, &after.email);
        let Some(Some(row)) = rows.get_mut(&before.user.id) else {
            return Ok(Replaced::VersionMoved);
        };
        if row.marks.operations.contains(&operation) {
            return Ok(Replaced::Done(decided(cx)));
        }
        if row.user.version != before.user.version {
            return Ok(Replaced::VersionMoved);
        }
        if holder.is_some_and(|holder| holder != after.id) {
            return Ok(Replaced::Taken);
        }
        row.user = after.clone();
        row.marks.operations = row.marks.operations_with(operation);
        Ok(Replaced::Done(decided(cx)))
    }

    async fn erase(&self, cx: &Context, before: &StoredUser, _operation: Uuid) -> Result<Removed, DaoError> {
        let mut rows = self.rows();
        match rows.get_mut(&before.user.id) {
            Some(row) if row.as_ref().is_some_and(|row| row.user.version == before.user.version) => {
                *row = None;
                Ok(Removed::Done(decided(cx)))
            }
            _ => Ok(Removed::VersionMoved),
        }
    }
}
