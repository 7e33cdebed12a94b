//! Users in Cassandra. `users` is the truth, changed by LWT only; the list and the claims on
//! addresses follow.
//!
//! A change goes: intent → (claim of the address) → LWT on the user → copy in the list → release
//! of addresses that are held no more → removal of the intent. Whatever a crash leaves, the sweeper
//! of any process finishes from the intent, so that no address stays behind that no user has.

mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use scylla::response::query_result::QueryRowsResult;
use scylla::value::CqlTimestamp;
use uuid::Uuid;

use super::StartError;
use super::change::{Outcome, made_by, outcome, publish, refuse_serial};
use super::execute::{Database, Failure, Statement};
use super::intents::{Intent, Intents};
use super::listing::buckets::{Buckets, Listed, millis_of};
use super::listing::copies::{GONE, bigint, id, text, time};
use super::listing::newest::{Newest, Taken};
use super::sweeper::{Sweeps, may_still_come};
use super::tries::decide;
use super::unique::{Claimed, Claims, Unique};
use crate::dao::page::LOOKED_AT_MAX;
use crate::dao::users::{
    Inserted, PageEnd, Position, Removed, Replaced, StoredUser, User, UserDao, UserSink, fold_email,
};
use crate::dao::{Context, DaoError, Receipt};
pub use rows::ClaimsTouched;
use rows::{Erased, Found, FoundRow, Kept, LIST_COLUMNS, Row, broken, kept_of, row_of};

const EMAIL: Unique = Unique {
    what: "the claim on an e-mail address",
    claims: "user_emails",
    value: "email",
    owner: "user_id",
    rows: "users",
    row_claim: "email_claim",
};

const LISTED: Listed = Listed { begins: "user_buckets", rows: "users_by_time", spread: false };

/// See the module.
pub struct CassandraUsers {
    database: Arc<Database>,
    emails: Claims,
    buckets: Arc<Buckets>,
    newest: Newest,
    pub(super) intents: Intents<ClaimsTouched>,
    find: Statement,
    holder: Statement,
    are_erased: Statement,
    clear: Statement,
    exists: Statement,
    load: Statement,
    insert: Statement,
    replace: Statement,
    erase: Statement,
    put_copy: Statement,
    drop_copy: Statement,
}

/// What the list shows of a user from now on.
#[derive(Clone, Copy)]
enum Listing<'a> {
    Shown(&'a User, i64),
    /// Nothing; where the user was.
    Gone {
        id: Uuid,
        bucket: i64,
        created_at: i64,
    },
}

impl CassandraUsers {
    /// Prepares every statement.
    pub async fn prepare(database: Arc<Database>) -> Result<Self, StartError> {
        let (users, copies) = ("users", "users_by_time");
        let find = format!("SELECT {LIST_COLUMNS}, erased_at FROM {{ks}}.users WHERE id = ?");
        let holder = "SELECT user_id FROM {ks}.user_emails WHERE email = ?";
        let are_erased = "SELECT id, erased_at FROM {ks}.users WHERE id IN ?";
        let clear = "UPDATE {ks}.users SET name = null, email = null, email_claim = null WHERE id = ? IF erased_at > 0";
        // Not the version: a read repairs what it has asked for, and a replica would then have the version of a change
        // without the name.
        let exists = "SELECT created_at, erased_at FROM {ks}.users WHERE id = ?";
        let load = format!("SELECT {} FROM {{ks}}.users WHERE id = ?", rows::KEPT_COLUMNS);
        let insert = "INSERT INTO {ks}.users (id, name, email, version, created_at, updated_at, bucket, \
             email_claim, operations) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS";
        let replace = "UPDATE {ks}.users SET name = ?, email = ?, version = ?, updated_at = ?, email_claim = ?, \
             operations = ? WHERE id = ? IF version = ? AND fence = ?";
        let erase = "UPDATE {ks}.users SET name = null, email = null, email_claim = null, version = ?, \
             updated_at = ?, erased_at = ?, operations = ? WHERE id = ? IF version = ? AND fence = ?";
        let put_copy = "INSERT INTO {ks}.users_by_time (bucket, id, name, email, version, created_at, updated_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";
        let drop_copy = "DELETE FROM {ks}.users_by_time USING TIMESTAMP ? WHERE bucket = ? AND id = ?";
        Ok(Self {
            emails: Claims::prepare(Arc::clone(&database), EMAIL).await?,
            buckets: Arc::new(Buckets::prepare(Arc::clone(&database), LISTED).await?),
            newest: Newest::prepare(Arc::clone(&database), copies, LIST_COLUMNS).await?,
            intents: Intents::prepare(Arc::clone(&database)).await?,
            find: database.plain("SELECT", users, &find).await?,
            holder: database.plain("SELECT", "user_emails", holder).await?,
            are_erased: database.plain("SELECT", users, are_erased).await?,
            clear: database.conditional("CLEAR", users, clear).await?,
            exists: database.plain("EXISTS", users, exists).await?,
            load: database.serial(users, &load).await?,
            insert: database.conditional("INSERT", users, insert).await?,
            replace: database.conditional("UPDATE", users, replace).await?,
            erase: database.conditional("ERASE", users, erase).await?,
            put_copy: database.plain("INSERT", copies, put_copy).await?,
            drop_copy: database.plain("DELETE", copies, drop_copy).await?,
            database,
        })
    }

    /// The truth about an id as every LWT before has left it.
    async fn kept(&self, cx: &Context, id: Uuid) -> Result<Option<Kept>, DaoError> {
        let result = self.database.run_serial(cx, &self.load, &(id,)).await?;
        kept_of(&result.into_rows_result().map_err(broken)?)
    }

    /// Writes the copy of a user as it is now, or removes it, with a timestamp made of its version.
    async fn list(&self, cx: &Context, listing: Listing<'_>) -> Result<Option<Receipt>, DaoError> {
        let write = match listing {
            Listing::Shown(user, bucket) => {
                let values = vec![
                    bigint(bucket),
                    id(user.id),
                    text(&user.name),
                    text(&user.email),
                    bigint(user.version),
                    time(user.created_at),
                    time(user.updated_at),
                    bigint(user.created_at * 1000 + user.version),
                ];
                (&self.put_copy, values)
            }
            Listing::Gone { id: gone, bucket, created_at } => {
                // Younger than whatever may have come back, since nothing of it is ever listed again.
                let written_at = (created_at * 1000 + GONE).max(cx.now_ms.saturating_mul(1000));
                (&self.drop_copy, vec![bigint(written_at), bigint(bucket), id(gone)])
            }
        };
        self.database.write_all(cx, &[write]).await
    }

    /// The last steps of a change that is done and known.
    async fn publish(
        &self,
        cx: &Context,
        intent: &Intent<ClaimsTouched>,
        listing: Listing<'_>,
        given_up: Option<(&str, Uuid)>,
        decided: Receipt,
    ) -> Receipt {
        publish(&self.database, cx, intent.owner, decided, |cx| async move {
            let written = self.list(&cx, listing).await?;
            if let Some((email, claim)) = given_up {
                self.emails.release(&cx, &fold_email(email), claim).await?;
            }
            self.intents.forget(&cx, intent).await;
            Ok(written)
        })
        .await
    }

    /// Gives a claim back that led to nothing; if that fails, the intent stays for the sweeper.
    async fn give_back(&self, cx: &Context, intent: &Intent<ClaimsTouched>, email: &str) {
        match self.emails.release(cx, &fold_email(email), intent.operation).await {
            Ok(()) => self.intents.forget(cx, intent).await,
            Err(error) => tracing::warn!(%error, "an address stays claimed until the sweeper gives it free"),
        }
    }

    async fn insert_row(&self, cx: &Context, user: &User, bucket: i64, operation: Uuid) -> Result<Outcome, DaoError> {
        let values = (
            user.id,
            &user.name,
            &user.email,
            user.version,
            CqlTimestamp(user.created_at),
            CqlTimestamp(user.updated_at),
            bucket,
            operation,
            vec![operation],
        );
        decide!(cx, "creation of a user", _unsure => {
            let cas = self.database.cas(cx, &self.insert, &values).await?;
            // Not applied, but with our claim: an earlier try of ours was. Whoever has been erased
            // or has another address since is not made again.
            let ours = cas.uuid("email_claim") == Some(operation);
            Ok(outcome(&cas, ours))
        })
    }

    async fn replace_row(
        &self,
        cx: &Context,
        before: &StoredUser,
        after: &User,
        claim: Uuid,
        operation: Uuid,
    ) -> Result<Outcome, DaoError> {
        let values = (
            &after.name,
            &after.email,
            after.version,
            CqlTimestamp(after.updated_at),
            claim,
            before.marks.operations_with(operation),
            after.id,
            before.user.version,
            before.marks.fence,
        );
        decide!(cx, "change of a user", unsure => {
            let cas = self.database.cas(cx, &self.replace, &values).await?;
            let ours = !cas.applied && unsure && self.made_by(cx, after.id, after.version, operation).await?;
            Ok(outcome(&cas, ours))
        })
    }

    async fn erase_row(&self, cx: &Context, before: &StoredUser, operation: Uuid) -> Result<Outcome, DaoError> {
        let version = before.user.version + 1;
        let now = CqlTimestamp(cx.now_ms.max(before.user.updated_at));
        let values = (
            version,
            now,
            now,
            before.marks.operations_with(operation),
            before.user.id,
            before.user.version,
            before.marks.fence,
        );
        decide!(cx, "erasure of a user", unsure => {
            let cas = self.database.cas(cx, &self.erase, &values).await?;
            let ours = !cas.applied && unsure && self.made_by(cx, before.user.id, version, operation).await?;
            Ok(outcome(&cas, ours))
        })
    }

    async fn made_by(&self, cx: &Context, id: Uuid, version: i64, operation: Uuid) -> Result<bool, Failure> {
        let kept =
            self.kept(cx, id).await.map_err(|error| Failure::Unsure { level: "SERIAL", detail: error.to_string() })?;
        let remembered = kept.as_ref().map(|kept| match kept {
            Kept::User(stored) => (stored.user.version, stored.marks.operations.as_slice()),
            Kept::Erased(erased) => (erased.version, erased.operations.as_slice()),
        });
        made_by(remembered, version, operation)
    }
}

impl CassandraUsers {
    /// Those of the listed users who are erased. A node that was away for longer than Cassandra remembers deletions brings
    /// their copies back.
    async fn erased_of(&self, cx: &Context, listed: &[User]) -> Result<Vec<Uuid>, DaoError> {
        if listed.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<Uuid> = listed.iter().map(|user| user.id).collect();
        let cx = cx.untraced().across_partitions();
        let result = self.database.run(&cx, &self.are_erased, &(ids,)).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let mut erased = Vec::new();
        for row in rows.rows::<(Uuid, Option<CqlTimestamp>)>().map_err(broken)? {
            if let (id, Some(_)) = row.map_err(broken)? {
                erased.push(id);
            }
        }
        Ok(erased)
    }

    /// Removes what came back of erased users, wherever it was seen. They are not shown in any case, so a failure waits for
    /// whoever sees them next.
    async fn erase_again(&self, cx: &Context, erased: &[Uuid]) {
        let cx = cx.plain();
        for id in erased {
            let removed = async {
                decide!(&cx, "erasure of what came back", _unsure => {
                    self.database.cas(&cx, &self.clear, &(id,)).await.map(|_| ())
                })?;
                if let Some(Kept::Erased(Erased { bucket, created_at, .. })) = self.kept(&cx, *id).await? {
                    self.list(&cx, Listing::Gone { id: *id, bucket, created_at }).await?;
                }
                Ok::<_, DaoError>(())
            };
            match removed.await {
                Ok(()) => tracing::warn!(user = %id, "what a node brought back of an erased user was removed again"),
                Err(error) => {
                    tracing::warn!(user = %id, %error, "what came back of an erased user is not shown, and still there")
                }
            }
        }
    }
}

fn show(rows: &QueryRowsResult, room: usize, listed: &mut Vec<User>) -> Result<Taken, DaoError> {
    let mut taken = Taken::default();
    for row in rows.rows::<Row<'_>>().map_err(broken)? {
        let row = row.map_err(broken)?;
        let Some(user) = row_of(&row) else { continue };
        if !taken.take(room, user.id) {
            break;
        }
        listed.push(user.to_user());
    }
    Ok(taken)
}

#[async_trait]
impl UserDao for CassandraUsers {
    async fn find(&self, cx: &Context, id: Uuid, sink: &mut dyn UserSink) -> Result<Receipt, DaoError> {
        let result = self.database.run(cx, &self.find, &(id,)).await?;
        let receipt = self.database.receipt(cx, &result);
        let rows = result.into_rows_result().map_err(broken)?;
        if let Some(row) = rows.maybe_first_row::<FoundRow<'_>>().map_err(broken)? {
            match rows::found_of(row) {
                Found::User(user) => sink.user(user),
                Found::CameBack => self.erase_again(cx, &[id]).await,
                Found::Nobody => {}
            }
        }
        Ok(receipt)
    }

    async fn find_by_email(&self, cx: &Context, email: &str, sink: &mut dyn UserSink) -> Result<Receipt, DaoError> {
        let email = fold_email(email);
        let result = self.database.run(cx, &self.holder, &(&email,)).await?;
        let receipt = self.database.receipt(cx, &result);
        let rows = result.into_rows_result().map_err(broken)?;
        let Some((Some(id),)) = rows.maybe_first_row::<(Option<Uuid>,)>().map_err(broken)? else {
            return Ok(receipt);
        };
        // A claim that no user confirms is of a request that is under way, or that died.
        let mut found = Vec::with_capacity(1);
        let receipt = self.find(cx, id, &mut found).await?;
        if let Some(user) = found.iter().find(|user| fold_email(&user.email) == email) {
            sink.user(user.borrowed());
        }
        Ok(receipt)
    }

    async fn exists(&self, cx: &Context, id: Uuid) -> Result<bool, DaoError> {
        let plain = cx.plain();
        let result = self.database.run(&plain, &self.exists, &(id,)).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let row = rows.maybe_first_row::<(Option<CqlTimestamp>, Option<CqlTimestamp>)>().map_err(broken)?;
        Ok(matches!(row, Some((Some(_), None))))
    }

    async fn load(&self, cx: &Context, id: Uuid) -> Result<Option<StoredUser>, DaoError> {
        Ok(match self.kept(cx, id).await? {
            Some(Kept::User(stored)) => Some(stored),
            Some(Kept::Erased(_)) | None => None,
        })
    }

    async fn page(
        &self,
        cx: &Context,
        limit: usize,
        after: Option<Position>,
        sink: &mut dyn UserSink,
    ) -> Result<PageEnd, DaoError> {
        let mut listed = Vec::with_capacity(limit);
        let mut show = |rows: &QueryRowsResult, room| show(rows, room, &mut listed);
        let end = self.newest.page(cx, &self.buckets, (limit, LOOKED_AT_MAX), after, &mut show).await?;
        let erased = self.erased_of(cx, &listed).await?;
        for user in listed.iter().filter(|user| !erased.contains(&user.id)) {
            sink.user(user.borrowed());
        }
        self.erase_again(cx, &erased).await;
        Ok(end)
    }

    async fn insert(&self, cx: &Context, user: &User, operation: Uuid) -> Result<Inserted, DaoError> {
        refuse_serial(cx)?;
        let bucket = self.buckets.of_new(cx, millis_of(user.id, user.created_at), user.id).await?;
        let email = fold_email(&user.email);
        let touched = ClaimsTouched(BTreeMap::from([(email.clone(), operation)]));
        let intent = Intent { at: cx.now_ms, operation, owner: user.id, detail: touched };
        // Before the claim and not beside it: without the note a crash would leave the address.
        self.intents.write(cx, &intent).await?;
        match self.emails.claim(cx, &email, user.id, operation).await? {
            Claimed::Ours => {}
            refused => {
                self.intents.forget(cx, &intent).await;
                return Ok(if refused == Claimed::Taken { Inserted::Taken } else { Inserted::InFlight });
            }
        }
        match self.insert_row(cx, user, bucket, operation).await? {
            Outcome::Applied(receipt) => {
                let receipt = self.publish(cx, &intent, Listing::Shown(user, bucket), None, receipt).await;
                self.buckets.inserted();
                Ok(Inserted::Done(receipt))
            }
            // Our id was used up: another request took the claim over.
            Outcome::Moved => {
                self.give_back(cx, &intent, &user.email).await;
                Ok(Inserted::InFlight)
            }
        }
    }

    async fn replace(
        &self,
        cx: &Context,
        before: &StoredUser,
        after: &User,
        operation: Uuid,
    ) -> Result<Replaced, DaoError> {
        refuse_serial(cx)?;
        let (old, new) = (fold_email(&before.user.email), fold_email(&after.email));
        let moves = old != new;
        let touched = match moves {
            true => BTreeMap::from([(old, before.marks.claim), (new.clone(), operation)]),
            false => BTreeMap::new(),
        };
        let intent = Intent { at: cx.now_ms, operation, owner: after.id, detail: ClaimsTouched(touched) };
        self.intents.write(cx, &intent).await?;
        if moves {
            match self.emails.claim(cx, &new, after.id, operation).await? {
                Claimed::Ours => {}
                refused => {
                    self.intents.forget(cx, &intent).await;
                    return Ok(if refused == Claimed::Taken { Replaced::Taken } else { Replaced::InFlight });
                }
            }
        }
        let claim = if moves { operation } else { before.marks.claim };
        match self.replace_row(cx, before, after, claim, operation).await? {
            Outcome::Applied(receipt) => {
                let given_up = moves.then_some((before.user.email.as_str(), before.marks.claim));
                let listing = Listing::Shown(after, before.marks.bucket);
                Ok(Replaced::Done(self.publish(cx, &intent, listing, given_up, receipt).await))
            }
            Outcome::Moved => {
                if moves {
                    self.give_back(cx, &intent, &after.email).await;
                } else {
                    self.intents.forget(cx, &intent).await;
                }
                Ok(Replaced::VersionMoved)
            }
        }
    }

    async fn erase(&self, cx: &Context, before: &StoredUser, operation: Uuid) -> Result<Removed, DaoError> {
        refuse_serial(cx)?;
        let User { id, email, created_at, .. } = &before.user;
        let touched = ClaimsTouched(BTreeMap::from([(fold_email(email), before.marks.claim)]));
        let intent = Intent { at: cx.now_ms, operation, owner: *id, detail: touched };
        self.intents.write(cx, &intent).await?;
        match self.erase_row(cx, before, operation).await? {
            Outcome::Applied(receipt) => {
                let listing = Listing::Gone { id: *id, bucket: before.marks.bucket, created_at: *created_at };
                let given_up = Some((email.as_str(), before.marks.claim));
                Ok(Removed::Done(self.publish(cx, &intent, listing, given_up, receipt).await))
            }
            Outcome::Moved => {
                self.intents.forget(cx, &intent).await;
                Ok(Removed::VersionMoved)
            }
        }
    }
}

#[async_trait]
impl Sweeps for CassandraUsers {
    type Detail = ClaimsTouched;

    fn intents(&self) -> &Intents<ClaimsTouched> {
        &self.intents
    }

    /// Brings the list up to date with the user as it is now, and gives addresses free that it
    /// does not hold.
    async fn finish(&self, cx: &Context, intent: &Intent<ClaimsTouched>) -> Result<bool, DaoError> {
        match self.kept(cx, intent.owner).await? {
            Some(Kept::User(stored)) => {
                self.list(cx, Listing::Shown(&stored.user, stored.marks.bucket)).await?;
            }
            Some(Kept::Erased(Erased { bucket, created_at, .. })) => {
                self.list(cx, Listing::Gone { id: intent.owner, bucket, created_at }).await?;
            }
            None if may_still_come(intent) => return Ok(false),
            None => {}
        }
        for (email, claim) in &intent.detail.0 {
            self.emails.abandon(cx, email, intent.owner, *claim).await?;
        }
        self.intents.forget(cx, intent).await;
        Ok(true)
    }
}
