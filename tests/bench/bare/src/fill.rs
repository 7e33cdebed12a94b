//! Rows as a store of some size has them, written at once: what the lists, the stock report and the reports on orders
//! read. Row `n` is the same in every run. IO: CQL.

use std::net::SocketAddr;
use std::ops::Range;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use scylla::client::session::Session;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::{CqlDecimal, CqlTimestamp, CqlValue};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use super::driver_loop::{DriverLoopError, connect, failed};

/// When the first row was made: in the past also for the last of a million.
const FIRST_MS: u64 = 1_704_067_200_000;
/// Between two rows.
const STEP_MS: u64 = 1_000;
/// Rows of a bucket of a list, as the store makes them.
const BUCKET: u64 = 5_000;
/// Rows of one batch; those of a list lie in one partition.
const TOGETHER: usize = 50;
/// Batches at the same time.
const AT_ONCE: usize = 24;
/// Turnover of the first; the second has half of it, the third a third, and so on.
const MOST: u64 = 1_000_000_000;
/// Classes between a turnover and its double, and partitions of a class.
const PER_DOUBLE: i64 = 64;
const SHARDS: i64 = 16;

/// What was written.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Done {
    /// Rows in all tables.
    pub rows: u64,
    /// Seconds that they took.
    pub seconds: f64,
}

type Values = Vec<Option<CqlValue>>;

/// Writes the rows of a range: as many products, stocks, orders and users who spent something.
///
/// # Errors
/// [`DriverLoopError`] at the first statement that fails.
pub async fn run(node: SocketAddr, keyspace: &str, range: Range<u64>) -> Result<Done, DriverLoopError> {
    let session = connect(node).await?;
    session.use_keyspace(keyspace, false).await.map_err(failed("using the keyspace"))?;
    let began = Instant::now();
    begin_buckets(&session, range.clone()).await?;
    let mut rows = 0;
    for table in Table::ALL {
        let statement = session.prepare(table.text()).await.map_err(failed("preparing"))?;
        let batches = range.clone().step_by(TOGETHER).map(|first| {
            let numbers = first..(first + TOGETHER as u64).min(range.end);
            write(&session, &statement, numbers.flat_map(|number| table.rows(number)).collect())
        });
        let written = stream::iter(batches).buffer_unordered(AT_ONCE);
        rows += written.try_fold(0, |sum, rows| async move { Ok(sum + rows) }).await?;
    }
    Ok(Done { rows, seconds: began.elapsed().as_secs_f64() })
}

async fn write(session: &Session, statement: &PreparedStatement, rows: Vec<Values>) -> Result<u64, DriverLoopError> {
    let mut batch = Batch::new(BatchType::Unlogged);
    batch.set_is_idempotent(true);
    rows.iter().for_each(|_| batch.append_statement(statement.clone()));
    session.batch(&batch, &rows).await.map_err(failed("writing rows"))?;
    Ok(rows.len() as u64)
}

/// The begins of the buckets, as the store notes them when it opens one.
async fn begin_buckets(session: &Session, range: Range<u64>) -> Result<(), DriverLoopError> {
    for table in ["product_buckets", "order_buckets"] {
        for first in (0..range.end).step_by(usize::try_from(BUCKET).unwrap_or(1)) {
            let bucket = bucket_of(first);
            let text = format!("INSERT INTO {table} (scope, bucket, newest) VALUES ('all', {bucket}, {bucket})");
            session.query_unpaged(text, ()).await.map_err(failed("noting a bucket"))?;
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum Table {
    ProductsByTime,
    Ledgers,
    RankMembers,
    RankSlots,
    Orders,
    OrdersByTime,
}

impl Table {
    const ALL: [Self; 6] =
        [Self::ProductsByTime, Self::Ledgers, Self::RankMembers, Self::RankSlots, Self::Orders, Self::OrdersByTime];

    const fn text(self) -> &'static str {
        match self {
            Self::ProductsByTime => {
                "INSERT INTO products_by_time (bucket, id, sku, name, price, brand, description, version, created_at, \
                 updated_at, category) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?)"
            }
            Self::Ledgers => {
                "INSERT INTO ledgers (book, id, quantity, turnover, version, updated_at) VALUES (?, ?, ?, ?, 1, ?)"
            }
            Self::RankMembers => "INSERT INTO rank_members (book, slot, id) VALUES (?, ?, ?)",
            Self::RankSlots => "INSERT INTO rank_slots (book, slot, used) VALUES (?, ?, true)",
            Self::Orders => {
                "INSERT INTO orders (id, user_id, status, lines, total, is_paid, version, created_at, updated_at, \
                 bucket, operations) VALUES (?, ?, 'confirmed', ?, ?, false, 2, ?, ?, ?, [])"
            }
            Self::OrdersByTime => "INSERT INTO orders_by_time (bucket, id) VALUES (?, ?)",
        }
    }

    fn rows(self, number: u64) -> Vec<Values> {
        let (at, bucket) = (time(number), Some(CqlValue::BigInt(bucket_of(number))));
        let uuid = |kind| Some(CqlValue::Uuid(id(kind, number)));
        let books = [("stock", Kind::Product), ("spending", Kind::User)];
        match self {
            Self::ProductsByTime => vec![vec![
                bucket,
                uuid(Kind::Product),
                text(&format!("fill-{number}")),
                text(&format!("Product {number}")),
                Some(CqlValue::Decimal(CqlDecimal::from_signed_be_bytes_slice_and_exponent(&[4, 26], 2))),
                text("Müller & Söhne"),
                text("a product of many"),
                at.clone(),
                at,
                text("fill"),
            ]],
            Self::Ledgers => {
                let row =
                    |(book, kind)| vec![text(book), uuid(kind), bigint(100), bigint(turnover(number)), at.clone()];
                books.into_iter().map(row).collect()
            }
            Self::RankMembers => {
                let row = |(book, kind)| vec![text(book), bigint(slot(kind, number)), uuid(kind)];
                books.into_iter().map(row).collect()
            }
            Self::RankSlots => {
                books.into_iter().map(|(book, kind)| vec![text(book), bigint(slot(kind, number))]).collect()
            }
            Self::Orders => {
                let line = vec![uuid(Kind::Product), bigint(2), bigint(1050), Some(CqlValue::Int(2))];
                let lines = Some(CqlValue::List(vec![CqlValue::Tuple(line)]));
                vec![vec![uuid(Kind::Order), uuid(Kind::User), lines, bigint(2100), at.clone(), at, bucket]]
            }
            Self::OrdersByTime => vec![vec![bucket, uuid(Kind::Order)]],
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Product,
    User,
    Order,
}

fn millis(number: u64) -> u64 {
    FIRST_MS + number * STEP_MS
}

/// An id of the time of the row.
fn id(kind: Kind, number: u64) -> Uuid {
    // Scattered, since the last byte decides on a partition of the ranks.
    let scattered = (number ^ ((kind as u64) << 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    let mut random = [0; 10];
    random[0] = kind as u8;
    random[2..].copy_from_slice(&scattered);
    uuid::Builder::from_unix_timestamp_millis(millis(number), &random).into_uuid()
}

/// The first bucket has no begin.
fn bucket_of(number: u64) -> i64 {
    match number / BUCKET {
        0 => 0,
        bucket => i64::try_from(millis(bucket * BUCKET)).unwrap_or(i64::MAX),
    }
}

/// Few have much and many little, as everywhere: row `n` has an `n`th of the most.
fn turnover(number: u64) -> i64 {
    i64::try_from(MOST / (number + 1)).unwrap_or(i64::MAX).max(1)
}

/// Where the store ranks it: in 64 classes between a turnover and its double, each in 16 partitions.
fn slot(kind: Kind, number: u64) -> i64 {
    let turnover = turnover(number);
    let exponent = i64::from(turnover.ilog2());
    let fraction = ((i128::from(turnover) * i128::from(PER_DOUBLE)) >> exponent) - i128::from(PER_DOUBLE);
    let class = exponent * PER_DOUBLE + i64::try_from(fraction).unwrap_or_default();
    class * SHARDS + i64::from(id(kind, number).as_bytes()[15]) % SHARDS
}

fn text(value: &str) -> Option<CqlValue> {
    Some(CqlValue::Text(value.to_owned()))
}

fn bigint(value: i64) -> Option<CqlValue> {
    Some(CqlValue::BigInt(value))
}

fn time(number: u64) -> Option<CqlValue> {
    Some(CqlValue::Timestamp(CqlTimestamp(i64::try_from(millis(number)).unwrap_or(i64::MAX))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_with_their_rows_and_lie_in_their_buckets() {
        for number in [0, 1, 4_999, 5_000, 999_998] {
            assert!(id(Kind::Order, number) < id(Kind::Order, number + 1));
            assert_ne!(id(Kind::Order, number), id(Kind::User, number));
        }
        assert_eq!((bucket_of(0), bucket_of(4_999)), (0, 0));
        assert_eq!(bucket_of(5_000), i64::try_from(millis(5_000)).expect("small"));
    }

    #[test]
    fn a_slot_is_that_of_the_class_of_the_turnover() {
        // 1,000,000,000 is 2^29 and 0.862 of that: the 55th of 64 parts.
        assert_eq!(slot(Kind::Product, 0) / SHARDS, 29 * PER_DOUBLE + 55);
        assert_eq!(slot(Kind::Product, MOST - 1) / SHARDS, 0);
    }
}
