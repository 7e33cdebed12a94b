//! Use cases of users: create, read, list, change, erase. IO only through the DAO's trait.

use std::sync::Arc;

use uuid::Uuid;

use super::changes::Changes;
use super::create::Identity;
use super::cursor::{CursorKey, List, PageOf};
use super::error::{ModelError, RACES, Violation};
use super::precondition::Condition;
use super::user::{Change, Draft};
use crate::dao::changes::{Kind, Object};
use crate::dao::users::{Inserted, Removed, Replaced, User, UserDao, UserSink};
use crate::dao::{Context, Receipt};

const LIST: List<'static> = List { name: "users", conditions: &[] };

/// Users of the store.
#[derive(Clone)]
pub struct Users {
    dao: Arc<dyn UserDao>,
    cursors: CursorKey,
    changes: Changes,
}

impl Users {
    /// Use cases over a DAO; `cursors` signs the positions of pages.
    pub fn new(dao: Arc<dyn UserDao>, cursors: CursorKey) -> Self {
        Self { dao, cursors, changes: Changes::none() }
    }

    /// The same, and what changes is told to the audit trail.
    #[must_use]
    pub fn telling(self, changes: Changes) -> Self {
        Self { changes, ..self }
    }

    fn audit(&self, cx: &Context, id: Uuid, what: &'static str, version: i64) {
        self.changes.audit(cx, Object { kind: Kind::User, id }, what, version);
    }

    /// Creates a user from a draft.
    #[tracing::instrument(name = "model.users.create", skip_all)]
    pub async fn create(&self, cx: &Context, draft: Draft, identity: Identity) -> Result<(User, Receipt), ModelError> {
        let user = draft.into_user(identity.resource, identity.created_ms(cx.now_ms));
        match self.dao.insert(cx, &user, identity.operation).await? {
            Inserted::Done(receipt) => {
                self.audit(cx, user.id, "created", user.version);
                Ok((user, receipt))
            }
            Inserted::Taken => Err(email_taken()),
            Inserted::InFlight => Err(email_in_flight()),
        }
    }

    /// Gives the user to the sink, if there is one.
    #[tracing::instrument(name = "model.users.find", skip_all)]
    pub async fn find(&self, cx: &Context, id: Uuid, sink: &mut dyn UserSink) -> Result<Receipt, ModelError> {
        Ok(self.dao.find(cx, id, sink).await?)
    }

    /// Gives the user who has an address, whatever its case, to the sink, if there is one.
    #[tracing::instrument(name = "model.users.find_by_email", skip_all)]
    pub async fn find_by_email(
        &self,
        cx: &Context,
        email: &str,
        sink: &mut dyn UserSink,
    ) -> Result<Receipt, ModelError> {
        Ok(self.dao.find_by_email(cx, email, sink).await?)
    }

    /// Gives one page of the list to the sink.
    #[tracing::instrument(name = "model.users.page", skip_all)]
    pub async fn page(
        &self,
        cx: &Context,
        limit: usize,
        cursor: Option<&str>,
        sink: &mut dyn UserSink,
    ) -> Result<PageOf, ModelError> {
        let after = self.cursors.resume(LIST, cursor)?;
        let end = self.dao.page(cx, limit, after, sink).await?;
        Ok(PageOf {
            next: end.next.map(|next| self.cursors.seal(LIST, next)),
            looked_at: end.looked_at,
            receipt: end.receipt,
        })
    }

    /// Applies a change to the user as it is when the change is made. Returns the user after it; a
    /// change that changes nothing makes no new version.
    #[tracing::instrument(name = "model.users.change", skip_all)]
    pub async fn change(
        &self,
        cx: &Context,
        id: Uuid,
        condition: &Condition,
        change: &Change,
    ) -> Result<(User, Option<Receipt>), ModelError> {
        for _ in 0..RACES {
            let before = self.dao.load(cx, id).await?.ok_or(ModelError::NotFound("user"))?;
            if !condition.allows(Some(before.user.version)) {
                return Err(ModelError::PreconditionFailed("user"));
            }
            let Some(after) = change.apply(&before.user, cx.now_ms) else {
                return Ok((before.user, None));
            };
            match self.dao.replace(cx, &before, &after, Uuid::new_v4()).await? {
                Replaced::Done(receipt) => {
                    self.audit(cx, id, "changed", after.version);
                    return Ok((after, Some(receipt)));
                }
                Replaced::VersionMoved if condition.pins_version() => {
                    return Err(ModelError::PreconditionFailed("user"));
                }
                Replaced::VersionMoved => {}
                Replaced::Taken => return Err(email_taken()),
                Replaced::InFlight => return Err(email_in_flight()),
            }
        }
        Err(ModelError::contended())
    }

    /// Erases the user: name and address go, the id stays known to orders and reports.
    #[tracing::instrument(name = "model.users.erase", skip_all)]
    pub async fn erase(&self, cx: &Context, id: Uuid, condition: &Condition) -> Result<Receipt, ModelError> {
        for _ in 0..RACES {
            let before = self.dao.load(cx, id).await?.ok_or(ModelError::NotFound("user"))?;
            if !condition.allows(Some(before.user.version)) {
                return Err(ModelError::PreconditionFailed("user"));
            }
            match self.dao.erase(cx, &before, Uuid::new_v4()).await? {
                Removed::Done(receipt) => {
                    self.audit(cx, id, "erased", before.user.version + 1);
                    return Ok(receipt);
                }
                Removed::VersionMoved if condition.pins_version() => {
                    return Err(ModelError::PreconditionFailed("user"));
                }
                Removed::VersionMoved => {}
            }
        }
        Err(ModelError::contended())
    }
}

fn email_taken() -> ModelError {
    let detail = "another user has this e-mail address";
    ModelError::Conflict(Violation::new("/email", "email_taken", detail))
}

fn email_in_flight() -> ModelError {
    let detail = "another request is claiming this e-mail address at this moment, try again in some seconds";
    ModelError::Busy(Violation::new("/email", "email_in_flight", detail))
}
