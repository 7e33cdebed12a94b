//! Reading the audit trail. IO only through the feed's DAO.

use super::changes::Changes;
use super::cursor::{CursorKey, List};
use super::error::ModelError;
use crate::dao::Context;
use crate::dao::changes::{AuditFilter, Audited};
use crate::dao::page::Position;

/// The audit trail of the store.
#[derive(Clone)]
pub struct Audit {
    changes: Changes,
    cursors: CursorKey,
}

impl Audit {
    /// Use cases over a feed; `cursors` signs the positions of pages.
    pub const fn new(changes: Changes, cursors: CursorKey) -> Self {
        Self { changes, cursors }
    }

    /// One page of a day (days since 1970), the last change first, and the cursor of the next one.
    #[tracing::instrument(name = "model.audit.page", skip_all)]
    pub async fn page(
        &self,
        cx: &Context,
        day: i32,
        filter: &AuditFilter,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<(Vec<Audited>, Option<String>), ModelError> {
        let (on, object) = (day.to_string(), filter.object.map(|object| object.to_string()));
        let conditions = [Some(on.as_str()), filter.by.as_deref(), object.as_deref()];
        let list = List { name: "audit", conditions: &conditions };
        let below = self.cursors.resume(list, cursor)?.map(|after| after.id);
        let (lines, next) = self.changes.audited(cx, i64::from(day), filter, limit, below).await?;
        let bucket = i64::from(day);
        Ok((lines, next.map(|id| self.cursors.seal(list, Position { bucket, id }))))
    }
}
