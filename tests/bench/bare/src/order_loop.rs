//! What an order cannot do without, by the driver alone: a note, its row written and confirmed under conditions, a
//! conditional batch a line as the ledger writes them, three rows of lists, and the note removed. In four rounds, each of
//! which waits for the one before. IO: CQL.
//!
//! It is a floor, not a store: nobody is asked whether user and products are there, and each worker knows the balances of its
//! products, which nobody else changes meanwhile.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::{try_join, try_join_all};
use scylla::client::session::Session;
use scylla::response::query_result::QueryRowsResult;
use scylla::serialize::row::SerializeRow;
use scylla::statement::SerialConsistency;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::{CqlTimestamp, CqlValue, MaybeUnset, Row};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use super::closed_loop::{Asked, Until};
use super::driver_loop::{DriverLoopError, connect, failed};
use super::latency::{Latencies, Percentiles};
use super::process_time::cpu_time;

type Bound = MaybeUnset<Option<CqlValue>>;

/// What somebody orders.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Cart {
    /// Who.
    pub user_id: Uuid,
    /// What.
    pub items: Vec<Item>,
}

/// A line of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Item {
    /// The product.
    pub product_id: Uuid,
    /// Units.
    pub quantity: i64,
}

impl Cart {
    /// The cart of a request for an order.
    ///
    /// # Errors
    /// When its body is none.
    pub fn read(asked: &Asked) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(asked.body.as_deref().unwrap_or_default())
    }
}

/// What the loop did, and what it used.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Done {
    /// Orders.
    pub requests: u64,
    /// Statements and batches of these orders.
    pub statements: u64,
    /// Seconds that they took.
    pub seconds: f64,
    /// CPU seconds of this process in that time.
    pub cpu_seconds: f64,
    /// From its begin to the last row of its lists; the note is removed after that.
    pub latency: Percentiles,
    /// The last order of the first worker.
    pub last: Uuid,
}

/// Price of everything, as a number of hundredths.
const PRICE: i64 = 1050;
/// Notes of a minute lie in so many partitions, and orders of a bucket.
const SHARDS: i64 = 16;
/// The floor's notes, so that nobody sweeps them.
const NOTES: &str = "CREATE TABLE IF NOT EXISTS floor_notes (minute bigint, shard int, at timestamp, operation uuid, \
     order_id uuid, PRIMARY KEY ((minute, shard), at, operation)) \
     WITH default_time_to_live = 2592000 AND gc_grace_seconds = 10800";

struct Statements {
    note: PreparedStatement,
    forget: PreparedStatement,
    insert: PreparedStatement,
    confirm: PreparedStatement,
    balance: PreparedStatement,
    on_day: PreparedStatement,
    change: PreparedStatement,
    record: PreparedStatement,
    use_id: PreparedStatement,
    count_day: PreparedStatement,
    by_time: PreparedStatement,
    by_user: PreparedStatement,
    by_status: PreparedStatement,
}

struct Shop {
    session: Session,
    statements: Statements,
    bucket: i64,
}

/// Orders what is in the carts with `workers` at once, each of them some of the carts again and again.
///
/// # Errors
/// [`DriverLoopError`] at the first statement that fails or is not applied: nobody else may be at these accounts.
pub async fn run(
    node: SocketAddr,
    keyspace: &str,
    carts: &[Cart],
    workers: usize,
    until: Until,
) -> Result<Done, DriverLoopError> {
    let shop = Shop::open(node, keyspace).await?;
    let of = |worker: usize| &carts[carts.len() * worker / workers..carts.len() * (worker + 1) / workers];
    let hands = try_join_all((0..workers).map(|worker| Worker::ready(&shop, of(worker)))).await?;
    let pid = std::process::id();
    let cpu = cpu_time(pid).map_err(failed("reading the CPU time"))?;
    let began = Instant::now();
    let done = try_join_all(hands.into_iter().map(|worker| worker.work(began, until))).await?;
    let seconds = began.elapsed().as_secs_f64();
    let cpu = cpu_time(pid).map_err(failed("reading the CPU time"))?.saturating_sub(cpu);
    let last = done.first().map(|one| one.last).unwrap_or_default();
    let statements = done.iter().map(|one| one.statements).sum();
    let latencies = Latencies::of(done.into_iter().map(|one| one.latencies));
    Ok(Done {
        requests: latencies.count(),
        statements,
        seconds,
        cpu_seconds: cpu.as_secs_f64(),
        latency: latencies.percentiles(),
        last,
    })
}

impl Shop {
    async fn open(node: SocketAddr, keyspace: &str) -> Result<Self, DriverLoopError> {
        let session = connect(node).await?;
        session.use_keyspace(keyspace, false).await.map_err(failed("using the keyspace"))?;
        session.query_unpaged(NOTES, ()).await.map_err(failed("making a table of notes"))?;
        let statements = Statements::prepare(&session).await?;
        let newest = session
            .query_unpaged("SELECT bucket FROM order_buckets WHERE scope = 'all' LIMIT 1", ())
            .await
            .map_err(failed("reading the newest bucket"))?;
        let rows = newest.into_rows_result().map_err(failed("reading the newest bucket"))?;
        let bucket = rows.maybe_first_row::<(i64,)>().map_err(failed("reading the newest bucket"))?;
        Ok(Self { session, statements, bucket: bucket.map_or(0, |(bucket,)| bucket) })
    }

    /// The bucket of an order: one of sixteen where the newest is a group of them.
    fn bucket_of(&self, order: Uuid) -> i64 {
        let grouped = self.bucket > 0 && self.bucket % SHARDS == 0;
        if grouped { self.bucket + shard(order) } else { self.bucket }
    }

    async fn run(&self, statement: &PreparedStatement, values: impl SerializeRow) -> Result<(), DriverLoopError> {
        self.session.execute_unpaged(statement, values).await.map_err(failed("writing"))?;
        Ok(())
    }

    async fn rows(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<QueryRowsResult, DriverLoopError> {
        let answer = self.session.execute_unpaged(statement, values).await.map_err(failed("asking"))?;
        answer.into_rows_result().map_err(failed("asking"))
    }

    async fn account(&self, product: Uuid, day: i64) -> Result<Account, DriverLoopError> {
        let (balance, on_day) = (&self.statements.balance, &self.statements.on_day);
        let (balance, on_day) = try_join(self.rows(balance, (product,)), self.rows(on_day, (product, day))).await?;
        let what = "reading a balance";
        let (quantity, turnover, version) = balance.first_row::<(i64, Option<i64>, i64)>().map_err(failed(what))?;
        let on_day = on_day.maybe_first_row::<(Option<i64>,)>().map_err(failed(what))?;
        Ok(Account { quantity, turnover: turnover.unwrap_or(0), version, day, on_day: on_day.and_then(|(sum,)| sum) })
    }
}

/// What a worker knows of a product.
#[derive(Debug, Clone, Copy)]
struct Account {
    quantity: i64,
    turnover: i64,
    version: i64,
    day: i64,
    /// Turnover of that day, if it has any.
    on_day: Option<i64>,
}

/// One at a time.
struct Worker<'a> {
    shop: &'a Shop,
    carts: &'a [Cart],
    accounts: HashMap<Uuid, Account>,
    statements: u64,
    latencies: Latencies,
    last: Uuid,
}

impl<'a> Worker<'a> {
    async fn ready(shop: &'a Shop, carts: &'a [Cart]) -> Result<Self, DriverLoopError> {
        let today = now_ms().div_euclid(86_400_000);
        let mut accounts = HashMap::new();
        for item in carts.iter().flat_map(|cart| &cart.items) {
            accounts.insert(item.product_id, shop.account(item.product_id, today).await?);
        }
        Ok(Self { shop, carts, accounts, statements: 0, latencies: Latencies::default(), last: Uuid::nil() })
    }

    async fn work(mut self, began: Instant, until: Until) -> Result<Self, DriverLoopError> {
        for cart in self.carts.iter().cycle() {
            let enough = match until {
                Until::Time(time) => began.elapsed() >= time,
                Until::Requests(count) => self.latencies.count() >= count,
            };
            if enough {
                break;
            }
            self.order(cart).await?;
        }
        Ok(self)
    }

    async fn order(&mut self, cart: &Cart) -> Result<(), DriverLoopError> {
        let Shop { statements, .. } = self.shop;
        let (began, now) = (Instant::now(), now_ms());
        let (id, operation, at) = (Uuid::now_v7(), Uuid::new_v4(), CqlTimestamp(now));
        let (minute, noted_in) = (now.div_euclid(60_000), i32::try_from(shard(operation)).unwrap_or_default());
        let lines: Vec<(Uuid, i64, i64, i32)> =
            cart.items.iter().map(|item| (item.product_id, item.quantity, PRICE, 2)).collect();
        let total: i64 = cart.items.iter().map(|item| item.quantity * PRICE).sum();
        let bucket = self.shop.bucket_of(id);

        let note = self.shop.run(&statements.note, (minute, noted_in, at, operation, id));
        let insert = (id, cart.user_id, "pending", lines, total, false, 1_i64, at, at, bucket, vec![operation]);
        let insert = async { applied(&self.shop.rows(&statements.insert, insert).await?) };
        try_join(note, insert).await?;

        let day = now.div_euclid(86_400_000);
        let takes = cart.items.iter().map(|item| self.take(item, (id, now, day)));
        let after = try_join_all(takes).await?;
        self.accounts.extend(cart.items.iter().map(|item| item.product_id).zip(after));

        let confirm = ("confirmed", false, None::<String>, 2_i64, at, vec![operation, operation], id, 1_i64);
        applied(&self.shop.rows(&statements.confirm, confirm).await?)?;

        let by_time = self.shop.run(&statements.by_time, (bucket, id));
        let by_user = self.shop.run(&statements.by_user, (cart.user_id, bucket, id));
        let by_status = self.shop.run(&statements.by_status, ("confirmed", bucket, id, now * 1000 + 2));
        futures::future::try_join3(by_time, by_user, by_status).await?;
        self.latencies.add(began.elapsed());

        self.shop.run(&statements.forget, (minute, noted_in, at, operation)).await?;
        self.statements += cart.items.len() as u64 + 7;
        self.last = id;
        Ok(())
    }

    /// One line: balance, movement, the row of its id and that of the day, if nobody was faster.
    async fn take(&self, item: &Item, (order, now, day): (Uuid, i64, i64)) -> Result<Account, DriverLoopError> {
        let Shop { session, statements, .. } = self.shop;
        let before = match self.accounts.get(&item.product_id) {
            Some(known) if known.day == day => *known,
            // At midnight; not counted.
            _ => self.shop.account(item.product_id, day).await?,
        };
        let after = Account {
            quantity: before.quantity - item.quantity,
            turnover: before.turnover + item.quantity,
            version: before.version + 1,
            day,
            on_day: Some(before.on_day.unwrap_or(0) + item.quantity),
        };
        let (product, movement) = (set(CqlValue::Uuid(item.product_id)), Uuid::new_v4());
        let (high, low) = movement.as_u64_pair();
        let change = vec![
            bigint(after.quantity),
            bigint(after.turnover),
            bigint(after.version),
            time(now),
            product.clone(),
            bigint(before.version),
        ];
        let record = vec![
            product.clone(),
            bigint(after.version),
            set(CqlValue::Uuid(movement)),
            text("order"),
            bigint(-item.quantity),
            bigint(after.quantity),
            bigint(item.quantity),
            set(CqlValue::Int(i32::try_from(day).unwrap_or_default())),
            text(&order.to_string()),
            time(now),
        ];
        let use_id =
            vec![product.clone(), bigint((high ^ low).cast_signed()), set(CqlValue::Uuid(movement)), text("order")];
        let count_day = vec![
            after.on_day.map_or(MaybeUnset::Unset, bigint),
            product,
            bigint(day),
            before.on_day.map_or(MaybeUnset::Set(None), bigint),
        ];
        let mut batch = Batch::new(BatchType::Unlogged);
        batch.set_serial_consistency(Some(SerialConsistency::LocalSerial));
        for statement in [&statements.change, &statements.record, &statements.use_id, &statements.count_day] {
            batch.append_statement(statement.clone());
        }
        let answer = session.batch(&batch, vec![change, record, use_id, count_day]).await.map_err(failed("taking"))?;
        applied(&answer.into_rows_result().map_err(failed("taking"))?)?;
        Ok(after)
    }
}

impl Statements {
    async fn prepare(session: &Session) -> Result<Self, DriverLoopError> {
        let plain = async |text: &str| {
            let mut statement = session.prepare(text).await.map_err(failed("preparing"))?;
            statement.set_is_idempotent(true);
            Ok::<_, DriverLoopError>(statement)
        };
        let conditional = async |text: &str| {
            let mut statement = session.prepare(text).await.map_err(failed("preparing"))?;
            statement.set_serial_consistency(Some(SerialConsistency::LocalSerial));
            Ok::<_, DriverLoopError>(statement)
        };
        Ok(Self {
            note: plain("INSERT INTO floor_notes (minute, shard, at, operation, order_id) VALUES (?, ?, ?, ?, ?)")
                .await?,
            forget: plain("DELETE FROM floor_notes WHERE minute = ? AND shard = ? AND at = ? AND operation = ?")
                .await?,
            insert: conditional(
                "INSERT INTO orders (id, user_id, status, lines, total, is_paid, version, created_at, updated_at, \
                 bucket, operations) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS",
            )
            .await?,
            confirm: conditional(
                "UPDATE orders SET status = ?, is_paid = ?, payment_id = ?, version = ?, updated_at = ?, \
                 operations = ? WHERE id = ? IF version = ?",
            )
            .await?,
            balance: plain("SELECT DISTINCT quantity, turnover, version FROM ledgers WHERE book = 'stock' AND id = ?")
                .await?,
            on_day: plain("SELECT day_turnover FROM ledgers WHERE book = 'stock' AND id = ? AND part = 1 AND key = ?")
                .await?,
            change: conditional(
                "UPDATE ledgers SET quantity = ?, turnover = ?, version = ?, updated_at = ? \
                 WHERE book = 'stock' AND id = ? IF version = ?",
            )
            .await?,
            record: conditional(
                "INSERT INTO ledgers (book, id, part, key, movement, kind, delta, after, turned, day, reference, at) \
                 VALUES ('stock', ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .await?,
            use_id: conditional(
                "INSERT INTO ledgers (book, id, part, key, movement, kind) VALUES ('stock', ?, 2, ?, ?, ?) \
                 IF NOT EXISTS",
            )
            .await?,
            count_day: conditional(
                "UPDATE ledgers SET day_turnover = ? WHERE book = 'stock' AND id = ? AND part = 1 AND key = ? \
                 IF day_turnover = ?",
            )
            .await?,
            by_time: plain("INSERT INTO orders_by_time (bucket, id) VALUES (?, ?)").await?,
            by_user: plain("INSERT INTO orders_by_user (user_id, bucket, id) VALUES (?, ?, ?)").await?,
            by_status: plain("INSERT INTO orders_by_status (status, bucket, id) VALUES (?, ?, ?) USING TIMESTAMP ?")
                .await?,
        })
    }
}

fn applied(rows: &QueryRowsResult) -> Result<(), DriverLoopError> {
    let row: Row = rows.first_row().map_err(failed("reading what a condition met"))?;
    match row.columns.first().and_then(Option::as_ref).and_then(CqlValue::as_boolean) {
        Some(true) => Ok(()),
        _ => Err(DriverLoopError { action: "changing under a condition", reason: format!("not applied: {row:?}") }),
    }
}

/// The last bits of an id.
fn shard(id: Uuid) -> i64 {
    i64::from(id.as_bytes()[15]) % SHARDS
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or_default()
}

fn set(value: CqlValue) -> Bound {
    MaybeUnset::Set(Some(value))
}

fn text(value: &str) -> Bound {
    set(CqlValue::Text(value.to_owned()))
}

fn bigint(value: i64) -> Bound {
    set(CqlValue::BigInt(value))
}

fn time(millis: i64) -> Bound {
    set(CqlValue::Timestamp(CqlTimestamp(millis)))
}
