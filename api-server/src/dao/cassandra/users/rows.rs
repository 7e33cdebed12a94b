//! Rows of users as Cassandra sends them, and what is noted about a change of one. No IO.

use std::collections::BTreeMap;
use std::fmt::Display;

use scylla::response::query_result::QueryRowsResult;
use scylla::value::{CqlTimestamp, CqlValue, MaybeUnset};
use uuid::Uuid;

use crate::dao::DaoError;
use crate::dao::cassandra::execute::Bound;
use crate::dao::cassandra::intents::Detail;
use crate::dao::users::{Marks, StoredUser, UserRef};

/// The columns of a user that the list carries, in the order of [`Row`].
pub const LIST_COLUMNS: &str = "id, name, email, version, created_at, updated_at";

/// A row of [`LIST_COLUMNS`].
pub type Row<'f> = (Uuid, Option<&'f str>, Option<&'f str>, Option<i64>, Option<CqlTimestamp>, Option<CqlTimestamp>);

/// A row of [`LIST_COLUMNS`] and when the user was erased.
pub type FoundRow<'f> = (
    Uuid,
    Option<&'f str>,
    Option<&'f str>,
    Option<i64>,
    Option<CqlTimestamp>,
    Option<CqlTimestamp>,
    Option<CqlTimestamp>,
);

/// What a plain read of the truth found under an id.
#[derive(Debug)]
pub enum Found<'f> {
    User(UserRef<'f>),
    /// An erased user of whom a name or an address is there again.
    CameBack,
    /// Nobody, or what is left of an erased user.
    Nobody,
}

/// The columns of [`Kept`].
pub const KEPT_COLUMNS: &str =
    "id, name, email, version, created_at, updated_at, erased_at, bucket, email_claim, operations, fence";

type KeptRow<'f> = (
    Uuid,
    Option<&'f str>,
    Option<&'f str>,
    Option<i64>,
    Option<CqlTimestamp>,
    Option<CqlTimestamp>,
    Option<CqlTimestamp>,
    Option<i64>,
    Option<Uuid>,
    Option<Vec<Uuid>>,
    Option<Uuid>,
);

/// The truth about an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    User(StoredUser),
    /// What is left of an erased user.
    Erased(Erased),
}

/// What is left of an erased user: enough to finish the erasure and to recognise who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    pub version: i64,
    pub created_at: i64,
    pub bucket: i64,
    pub operations: Vec<Uuid>,
}

/// An answer that cannot be read.
pub fn broken(error: impl Display) -> DaoError {
    DaoError::Broken(error.to_string())
}

/// The user of a row. `None` for one that is erased, and for one that only marks an id as used up.
pub fn row_of<'f>(row: &Row<'f>) -> Option<UserRef<'f>> {
    let (id, name, email, version, created_at, updated_at) = row;
    let created_at = created_at.map_or(0, |time| time.0);
    Some(UserRef {
        id: *id,
        name: (*name)?,
        email: (*email)?,
        version: (*version)?,
        created_at,
        updated_at: updated_at.map_or(created_at, |time| time.0),
    })
}

/// What a row of the truth shows. Whoever is erased stays so, whatever else the row has.
pub fn found_of((id, name, email, version, created, updated, erased): FoundRow<'_>) -> Found<'_> {
    if erased.is_some() {
        return if name.is_some() || email.is_some() { Found::CameBack } else { Found::Nobody };
    }
    row_of(&(id, name, email, version, created, updated)).map_or(Found::Nobody, Found::User)
}

/// The truth of a result of at most one row.
pub fn kept_of(rows: &QueryRowsResult) -> Result<Option<Kept>, DaoError> {
    let Some(row) = rows.maybe_first_row::<KeptRow<'_>>().map_err(broken)? else {
        return Ok(None);
    };
    let (id, name, email, version, created, updated, erased, bucket, claim, operations, fence) = row;
    let bucket = bucket.unwrap_or(0);
    let operations = operations.unwrap_or_default();
    if let (Some(_), Some(version)) = (erased, version) {
        let created_at = created.map_or(0, |time| time.0);
        return Ok(Some(Kept::Erased(Erased { version, created_at, bucket, operations })));
    }
    let user = row_of(&(id, name, email, version, created, updated));
    let marks = Marks { bucket, claim: claim.unwrap_or_default(), operations, fence };
    Ok(user.map(|user| Kept::User(StoredUser { user: user.to_user(), marks })))
}

/// Claims on addresses that a change makes or gives up, by address: the sweeper gives free those
/// that no row confirms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimsTouched(pub BTreeMap<String, Uuid>);

impl Detail for ClaimsTouched {
    const TABLE: &'static str = "user_intents";
    const OWNER: &'static str = "user_id";
    const COLUMNS: &'static [&'static str] = &["claims"];

    fn write(&self) -> Vec<Bound> {
        if self.0.is_empty() {
            return vec![MaybeUnset::Unset];
        }
        let pairs = self.0.iter().map(|(email, claim)| (CqlValue::Text(email.clone()), CqlValue::Uuid(*claim)));
        vec![MaybeUnset::Set(Some(CqlValue::Map(pairs.collect())))]
    }

    fn read(_owner: Uuid, values: Vec<Option<CqlValue>>) -> Self {
        let Some(CqlValue::Map(pairs)) = values.into_iter().next().flatten() else {
            return Self::default();
        };
        let pairs = pairs.into_iter().filter_map(|(email, claim)| Some((email.into_string()?, claim.as_uuid()?)));
        Self(pairs.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_erased_is_not_shown_with_a_name_that_came_back() {
        let at = Some(CqlTimestamp(7));
        let row = |name, email, erased| (Uuid::nil(), name, email, Some(2), at, at, erased);
        assert!(matches!(found_of(row(Some("Ana"), Some("a@example.org"), None)), Found::User(_)));
        for name in [Some("Ana"), None] {
            assert!(matches!(found_of(row(name, Some("a@example.org"), at)), Found::CameBack));
        }
        assert!(matches!(found_of(row(None, None, at)), Found::Nobody));
        assert!(matches!(found_of((Uuid::nil(), None, None, None, None, None, None)), Found::Nobody));
    }

    #[test]
    fn touched_claims_are_read_as_they_were_written() {
        let touched = ClaimsTouched(BTreeMap::from([
            ("a@example.org".to_owned(), Uuid::from_u128(1)),
            ("b@example.org".to_owned(), Uuid::from_u128(2)),
        ]));
        for touched in [touched, ClaimsTouched::default()] {
            let written = touched.write().into_iter().map(|bound| match bound {
                MaybeUnset::Set(value) => value,
                MaybeUnset::Unset => None,
            });
            assert_eq!(ClaimsTouched::read(Uuid::nil(), written.collect()), touched);
        }
    }
}
