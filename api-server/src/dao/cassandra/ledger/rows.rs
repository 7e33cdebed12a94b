//! Rows of the ledger as Cassandra keeps them. No IO.

use std::collections::HashMap;
use std::sync::Arc;

use scylla::response::query_result::QueryRowsResult;
use scylla::value::{CqlTimestamp, CqlValue, MaybeUnset};
use uuid::Uuid;

use crate::dao::DaoError;
use crate::dao::cassandra::execute::Bound;
use crate::dao::cassandra::listing::copies::{bigint, id, text, time};
use crate::dao::cassandra::products::broken;
use crate::dao::ledger::{Account, Balance, Glimpse, Kind, Met, Movement, Posting};

/// The part of a partition that holds movements, by version.
pub const MOVEMENTS: i8 = 0;
/// The part of a partition that holds turnover, by day.
pub const DAYS: i8 = 1;
/// The part of a partition that holds the ids that were used, by [`key_of_id`].
pub const IDS: i8 = 2;
/// Versions of one partition of the history.
pub const BLOCK: i64 = 1_000;

/// The columns of a balance, in the order of [`BalanceRow`].
pub const BALANCE: &str = "quantity, turnover, version, updated_at, settled";

/// The columns of a movement but its version, in the order of [`MovementRow`].
pub const MOVEMENT: &str = "movement, kind, delta, after, turned, day, reason, reference, at, made_by";

type BalanceRow = (Option<i64>, Option<i64>, Option<i64>, Option<CqlTimestamp>, Option<i64>);

type MovementRow<'f> = (
    i64,
    Option<Uuid>,
    Option<&'f str>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i32>,
    Option<&'f str>,
    Option<&'f str>,
    Option<CqlTimestamp>,
    Option<&'f str>,
);

/// The balance of a result of at most one row, and the version up to which movements are settled.
pub fn balance_of(rows: &QueryRowsResult) -> Result<Option<(Balance, i64)>, DaoError> {
    let row = rows.maybe_first_row::<BalanceRow>().map_err(broken)?;
    Ok(row.and_then(|row| Some((balance(row)?, row.4.unwrap_or(0)))))
}

/// The balance and the turnover of a day, if it has one, from a result of the newest row of a day up to that one.
pub fn day_of(rows: &QueryRowsResult, day: i32) -> Result<Option<Glimpse>, DaoError> {
    type Row = (Option<i64>, Option<i64>, Option<i64>, Option<CqlTimestamp>, Option<i64>, i64, Option<i64>);
    let row = rows.maybe_first_row::<Row>().map_err(broken)?;
    Ok(row.and_then(|(quantity, turnover, version, updated_at, settled, key, on_day)| {
        let balance = balance((quantity, turnover, version, updated_at, settled))?;
        Some((balance, on_day.filter(|_| key == i64::from(day))))
    }))
}

fn balance((quantity, turnover, version, updated_at, _): BalanceRow) -> Option<Balance> {
    Some(Balance {
        quantity: quantity?,
        turnover: turnover?,
        version: version?,
        updated_at: updated_at.map_or(0, |time| time.0),
    })
}

/// A row that a batch met which was not applied, by its columns.
type MetRow = HashMap<String, CqlValue>;

/// Whether a row that was met lies in this part of its partition.
pub fn is_of(part: i8, row: &MetRow) -> bool {
    row.get("part").and_then(CqlValue::as_tinyint) == Some(part)
}

/// The account as the rows tell it that a posting met. Every row carries the static columns, where the batch has a condition
/// on one: that of a posting without movements has none, and tells nothing. A day that was not met has no row. Cassandra
/// reads all this after it has finished every earlier round of Paxos, as for a SERIAL read.
pub fn met_of(posting: &Posting, met: &[MetRow]) -> Option<Met> {
    if posting.movements.is_empty() {
        return None;
    }
    let statics = met.first();
    let number = |row: &MetRow, column| row.get(column).and_then(CqlValue::as_bigint);
    let balance = statics.and_then(|row| {
        let updated_at = row.get("updated_at").and_then(CqlValue::as_cql_timestamp);
        balance((number(row, "quantity"), number(row, "turnover"), number(row, "version"), updated_at, None))
    });
    let on = |day: i32| {
        let row = met.iter().find(|row| is_of(DAYS, row) && number(row, "key") == Some(i64::from(day)));
        row.and_then(|row| number(row, "day_turnover"))
    };
    Some(Met { balance, days: posting.days.iter().map(|turned| (turned.day, on(turned.day))).collect() })
}

/// The movements of a result whose first column is the version. Each has all of its columns once its posting is complete,
/// as a SERIAL read leaves it.
pub fn movements_of(rows: &QueryRowsResult) -> Result<Vec<Movement>, DaoError> {
    let found = rows.rows::<MovementRow<'_>>().map_err(broken)?.map(|row| {
        let row = row.map_err(broken)?;
        movement_of(row).ok_or_else(|| broken(format!("movement {} of an account is not whole", row.0)))
    });
    found.collect()
}

/// The movements with versions below `before` of a plain read, newest first; `None` where it met a posting that is being
/// made: a movement is missing between others, or not whole. A read repairs what it has asked for, and asks for the newest
/// row of a partition when it wants the balance: so a replica may have a row without its columns.
pub fn listed(rows: &QueryRowsResult, before: i64) -> Result<Option<Vec<Movement>>, DaoError> {
    let found = rows.rows::<MovementRow<'_>>().map_err(broken)?.map(|row| row.map(movement_of));
    let found: Option<Vec<Movement>> = found.collect::<Result<_, _>>().map_err(broken)?;
    Ok(found.filter(|found| are_gapless(found.iter().map(|movement| movement.version), before)))
}

/// Whether versions descend one by one from below `before`, which is the highest number where a list begins.
fn are_gapless(versions: impl Iterator<Item = i64>, before: i64) -> bool {
    let mut above = (before < i64::MAX).then_some(before);
    for version in versions {
        if above.is_some_and(|above| version != above - 1) {
            return false;
        }
        above = Some(version);
    }
    true
}

fn movement_of(row: MovementRow<'_>) -> Option<Movement> {
    let (version, movement, kind, delta, after, turned, day, reason, reference, at, by) = row;
    Some(Movement {
        id: movement?,
        version,
        kind: kind.and_then(Kind::of)?,
        delta: delta?,
        quantity: after?,
        turned: turned.unwrap_or(0),
        day,
        reason: reason.map(str::to_owned),
        reference: reference.map(str::to_owned),
        by: by.map(Arc::from),
        at: at.map_or(0, |time| time.0),
    })
}

/// The key of a partition.
pub fn key_of(account: Account) -> [Bound; 2] {
    [text(account.book.name()), id(account.id)]
}

/// The key of an id's row: 64 of its bits, of which none is the same in all ids. Two ids of one account that share them
/// would be refused for each other.
pub const fn key_of_id(id: Uuid) -> i64 {
    let (high, low) = id.as_u64_pair();
    (high ^ low).cast_signed()
}

/// Values of [`MOVEMENT`].
pub fn values_of(movement: &Movement) -> [Bound; 10] {
    [
        id(movement.id),
        text(movement.kind.name()),
        bigint(movement.delta),
        bigint(movement.quantity),
        bigint(movement.turned),
        movement.day.map_or(MaybeUnset::Unset, |day| MaybeUnset::Set(Some(CqlValue::Int(day)))),
        optional(movement.reason.as_deref()),
        optional(movement.reference.as_deref()),
        time(movement.at),
        optional(movement.by.as_deref()),
    ]
}

fn optional(value: Option<&str>) -> Bound {
    // A null would be a tombstone; the row is new.
    value.map_or(MaybeUnset::Unset, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_with_a_gap_met_a_posting_that_is_being_made() {
        for (versions, before, whole) in [
            (&[][..], i64::MAX, true),
            (&[9, 8, 7], i64::MAX, true),
            (&[9, 7], i64::MAX, false),
            (&[8, 7], 9, true),
            (&[7, 6], 9, false),
            (&[], 9, true),
        ] {
            assert_eq!(are_gapless(versions.iter().copied(), before), whole, "{versions:?} below {before}");
        }
    }
}
