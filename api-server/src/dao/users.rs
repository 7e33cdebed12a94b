//! The user aggregate: its records and what the store asks of whoever keeps them. No IO.
//!
//! A user who is removed is *erased*: name, e-mail address and the claim on the address go, the id
//! stays used for ever, so that orders and reports that name it stay true.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Context, DaoError, Receipt};

pub use super::page::{PageEnd, Position};
pub use super::row::{Inserted, Marks, Removed, Replaced};

/// A user as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: Uuid,
    pub name: String,
    /// As it was given; unique as [`fold_email`] writes it.
    pub email: String,
    /// 1 when created, +1 with each change.
    pub version: i64,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub updated_at: i64,
}

/// The same, borrowed from wherever the row lies (a network frame, a map).
#[derive(Debug, Clone, Copy)]
pub struct UserRef<'a> {
    pub id: Uuid,
    pub name: &'a str,
    pub email: &'a str,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

impl User {
    /// The borrowed form.
    pub fn borrowed(&self) -> UserRef<'_> {
        UserRef {
            id: self.id,
            name: &self.name,
            email: &self.email,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

impl UserRef<'_> {
    /// The owned form.
    pub fn to_user(&self) -> User {
        User {
            id: self.id,
            name: self.name.to_owned(),
            email: self.email.to_owned(),
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// Receives rows as they are decoded, so that a page is never collected before it is written out.
pub trait UserSink: Send {
    fn user(&mut self, row: UserRef<'_>);
}

impl UserSink for Vec<User> {
    fn user(&mut self, row: UserRef<'_>) {
        self.push(row.to_user());
    }
}

/// A user read to be changed, with what the store of it must know to change it safely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredUser {
    pub user: User,
    pub marks: Marks,
}

/// The form in which addresses are compared. Addresses are ASCII, see the rules of users.
pub fn fold_email(email: &str) -> String {
    email.to_ascii_lowercase()
}

/// Keeps users. Every method is bounded by the deadline of its context. An erased user is not
/// there for any of them.
///
/// `operation` names one attempt of one client request; calling again with the same operation
/// after an error is harmless and reports what the first call did.
#[async_trait]
pub trait UserDao: Send + Sync {
    /// Gives the user to the sink, if there is one, at the level of the context.
    async fn find(&self, cx: &Context, id: Uuid, sink: &mut dyn UserSink) -> Result<Receipt, DaoError>;

    /// Gives the user who has this address, whatever its case, to the sink, if there is one, at the level of the context.
    async fn find_by_email(&self, cx: &Context, email: &str, sink: &mut dyn UserSink) -> Result<Receipt, DaoError>;

    /// Whether there is such a user, by one cheap read at the store's own level.
    async fn exists(&self, cx: &Context, id: Uuid) -> Result<bool, DaoError>;

    /// The user as every LWT before has left it, for changing it.
    async fn load(&self, cx: &Context, id: Uuid) -> Result<Option<StoredUser>, DaoError>;

    /// Gives at most `limit` users to the sink, newest first, those after a position.
    async fn page(
        &self,
        cx: &Context,
        limit: usize,
        after: Option<Position>,
        sink: &mut dyn UserSink,
    ) -> Result<PageEnd, DaoError>;

    /// Creates the user at version 1. It is in the list when this returns `Done`.
    async fn insert(&self, cx: &Context, user: &User, operation: Uuid) -> Result<Inserted, DaoError>;

    /// Changes `before` to `after` (same id, next version) if it is still what was read.
    async fn replace(
        &self,
        cx: &Context,
        before: &StoredUser,
        after: &User,
        operation: Uuid,
    ) -> Result<Replaced, DaoError>;

    /// Erases the user if it is still what was read. The address is free when this returns `Done`,
    /// and nothing personal is left beside what a crash would leave to the sweeper.
    async fn erase(&self, cx: &Context, before: &StoredUser, operation: Uuid) -> Result<Removed, DaoError>;
}
