//! The statements of an order without the API: what store-api sends for a confirmed order of some lines, in the same
//! order and with the same things at once, by the driver alone. IO: CQL.
//!
//! Left out is what it does now and then: asking for the buckets, the first turnover of an account, moving an account to
//! another class of the reports, settling movements.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::{try_join, try_join_all};
use scylla::client::session::Session;
use scylla::serialize::row::SerializeRow;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::{Consistency, SerialConsistency};
use scylla::value::{CqlDecimal, CqlTimestamp, CqlValue, MaybeUnset, Row};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use super::closed_loop::{Asked, Until};
use super::driver_loop::{DriverLoopError, connect, failed};
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
    /// Statements and batches.
    pub statements: u64,
    /// Seconds that they took.
    pub seconds: f64,
    /// CPU seconds of this process in that time.
    pub cpu_seconds: f64,
    /// The last order of the first worker.
    pub last: Uuid,
}

struct Statements {
    user: PreparedStatement,
    product: PreparedStatement,
    note: PreparedStatement,
    forget: PreparedStatement,
    insert: PreparedStatement,
    confirm: PreparedStatement,
    account: PreparedStatement,
    change: PreparedStatement,
    record: PreparedStatement,
    count_day: PreparedStatement,
    lists: [PreparedStatement; 5],
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
    let pid = std::process::id();
    let cpu = cpu_time(pid).map_err(failed("reading the CPU time"))?;
    let began = Instant::now();
    let of = |worker: usize| &carts[carts.len() * worker / workers..carts.len() * (worker + 1) / workers];
    let done = try_join_all((0..workers).map(|worker| shop.work(of(worker), began, until))).await?;
    let seconds = began.elapsed().as_secs_f64();
    let cpu = cpu_time(pid).map_err(failed("reading the CPU time"))?.saturating_sub(cpu);
    let (requests, statements) = done.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let last = done.first().map(|one| one.2).unwrap_or_default();
    Ok(Done { requests, statements, seconds, cpu_seconds: cpu.as_secs_f64(), last })
}

impl Shop {
    async fn open(node: SocketAddr, keyspace: &str) -> Result<Self, DriverLoopError> {
        let session = connect(node).await?;
        session.use_keyspace(keyspace, false).await.map_err(failed("using the keyspace"))?;
        let statements = Statements::prepare(&session).await?;
        let newest = session
            .query_unpaged("SELECT bucket FROM order_buckets WHERE scope = 'all' LIMIT 1", ())
            .await
            .map_err(failed("reading the newest bucket"))?;
        let rows = newest.into_rows_result().map_err(failed("reading the newest bucket"))?;
        let bucket = rows.maybe_first_row::<(i64,)>().map_err(failed("reading the newest bucket"))?;
        Ok(Self { session, statements, bucket: bucket.map_or(0, |(bucket,)| bucket) })
    }

    async fn work(&self, carts: &[Cart], began: Instant, until: Until) -> Result<(u64, u64, Uuid), DriverLoopError> {
        let (mut requests, mut statements, mut last) = (0, 0, Uuid::nil());
        for cart in carts.iter().cycle() {
            let enough = match until {
                Until::Time(time) => began.elapsed() >= time,
                Until::Requests(count) => requests >= count,
            };
            if enough {
                break;
            }
            let mut order = Order { shop: self, id: Uuid::now_v7(), at: now_ms(), statements: 0 };
            order.place(cart).await?;
            (requests, statements, last) = (requests + 1, statements + order.statements, order.id);
        }
        Ok((requests, statements, last))
    }

    async fn rows(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<scylla::response::query_result::QueryRowsResult, DriverLoopError> {
        let answer = self.session.execute_unpaged(statement, values).await.map_err(failed("reading"))?;
        answer.into_rows_result().map_err(failed("reading"))
    }
}

/// One order on its way.
struct Order<'a> {
    shop: &'a Shop,
    id: Uuid,
    at: i64,
    statements: u64,
}

impl Order<'_> {
    async fn place(&mut self, cart: &Cart) -> Result<(), DriverLoopError> {
        let Shop { session, statements, bucket } = self.shop;
        let (id, at, operation) = (self.id, CqlTimestamp(self.at), Uuid::new_v4());
        let prices = self.prices(cart).await?;
        let total: i64 = cart.items.iter().zip(&prices).map(|(item, (unscaled, _))| item.quantity * unscaled).sum();
        let note = (self.at.div_euclid(60_000), at, operation, id);
        session.execute_unpaged(&statements.note, note).await.map_err(failed("noting"))?;
        let lines: Vec<(Uuid, i64, i64, i32)> = cart
            .items
            .iter()
            .zip(&prices)
            .map(|(item, (unscaled, scale))| (item.product_id, item.quantity, *unscaled, *scale))
            .collect();
        let insert = (id, cart.user_id, "pending", lines, total, false, 1_i64, at, at, *bucket, vec![operation]);
        applied(&self.shop.rows(&statements.insert, insert).await?)?;
        let mut items: Vec<&Item> = cart.items.iter().collect();
        items.sort_by_key(|item| item.product_id);
        for item in items {
            self.take("stock", item.product_id, (-item.quantity, item.quantity)).await?;
        }
        self.take("spending", cart.user_id, (0, total)).await?;
        let confirm = ("confirmed", false, None::<String>, 2_i64, at, vec![operation, operation], id, 1_i64);
        applied(&self.shop.rows(&statements.confirm, confirm).await?)?;
        self.list(cart.user_id).await?;
        let forget = (self.at.div_euclid(60_000), at, operation);
        session.execute_unpaged(&statements.forget, forget).await.map_err(failed("forgetting"))?;
        self.statements += 4;
        Ok(())
    }

    /// The prices of the products, and whether the user is there, all at once.
    async fn prices(&mut self, cart: &Cart) -> Result<Vec<(i64, i32)>, DriverLoopError> {
        type Product = (
            Uuid,
            String,
            String,
            CqlDecimal,
            Option<String>,
            Option<String>,
            Option<String>,
            i64,
            CqlTimestamp,
            CqlTimestamp,
            Option<CqlTimestamp>,
        );
        let Shop { statements, .. } = self.shop;
        let products = cart.items.iter().map(|item| async {
            let rows = self.shop.rows(&statements.product, (item.product_id,)).await?;
            let product = rows.first_row::<Product>().map_err(failed("decoding a product"))?;
            let (unscaled, scale) = product.3.as_signed_be_bytes_slice_and_exponent();
            Ok((unscaled.iter().fold(0_i64, |value, byte| (value << 8) | i64::from(*byte)), scale))
        });
        let user = async {
            let rows = self.shop.rows(&statements.user, (cart.user_id,)).await?;
            rows.first_row::<(Option<CqlTimestamp>, Option<CqlTimestamp>)>().map_err(failed("decoding a user"))
        };
        let (_, prices) = try_join(user, try_join_all(products)).await?;
        self.statements += 1 + cart.items.len() as u64;
        Ok(prices)
    }

    /// Reads an account and its day, then changes both and records the movement if nobody was faster.
    async fn take(&mut self, book: &str, account: Uuid, (delta, turned): (i64, i64)) -> Result<(), DriverLoopError> {
        type Account = (i64, i64, i64, Option<CqlTimestamp>, Option<i64>, i64, i64);
        let Shop { session, statements, .. } = self.shop;
        let day = self.at.div_euclid(86_400_000);
        let rows = self.shop.rows(&statements.account, (book, account, day)).await?;
        let known = rows.first_row::<Account>().map_err(failed("decoding an account that has turned over"))?;
        let (quantity, turnover, version, _, _, newest, on_newest) = known;
        let on_day = (newest == day).then_some(on_newest);
        self.statements += 2;
        let next = version + 1;
        let key = || [text(book), set(CqlValue::Uuid(account))];
        let mut change = vec![bigint(quantity + delta), bigint(turnover + turned), bigint(next), time(self.at)];
        change.extend(key());
        change.push(bigint(version));
        let mut record = Vec::from(key());
        record.extend([bigint(next), set(CqlValue::Uuid(Uuid::new_v4())), text("order"), bigint(delta)]);
        record.extend([
            bigint(quantity + delta),
            bigint(turned),
            set(CqlValue::Int(i32::try_from(day).unwrap_or_default())),
        ]);
        record.extend([MaybeUnset::Unset, text(&self.id.to_string()), time(self.at)]);
        let mut count_day = vec![bigint(on_day.unwrap_or(0) + turned)];
        count_day.extend(key());
        count_day.extend([bigint(day), on_day.map_or(MaybeUnset::Set(None), bigint)]);
        let mut batch = Batch::new(BatchType::Unlogged);
        batch.set_consistency(Consistency::LocalQuorum);
        batch.set_serial_consistency(Some(SerialConsistency::LocalSerial));
        for statement in [&statements.change, &statements.record, &statements.count_day] {
            batch.append_statement(statement.clone());
        }
        let answer = session.batch(&batch, vec![change, record, count_day]).await.map_err(failed("taking"))?;
        applied(&answer.into_rows_result().map_err(failed("taking"))?)
    }

    async fn list(&mut self, user: Uuid) -> Result<(), DriverLoopError> {
        let Shop { session, statements, bucket } = self.shop;
        let (key, place, status) = (|| set(CqlValue::Uuid(self.id)), || bigint(*bucket), || text("confirmed"));
        let user = || set(CqlValue::Uuid(user));
        let mut batch = Batch::new(BatchType::Unlogged);
        batch.set_is_idempotent(true);
        batch.set_consistency(Consistency::LocalQuorum);
        for statement in &statements.lists {
            batch.append_statement(statement.clone());
        }
        let values = vec![
            vec![place(), key()],
            vec![user(), place(), key()],
            vec![user(), place()],
            vec![status(), place(), key(), bigint(self.at * 1000 + 2)],
            vec![status(), place()],
        ];
        session.batch(&batch, values).await.map_err(failed("listing"))?;
        self.statements += 1;
        Ok(())
    }
}

impl Statements {
    async fn prepare(session: &Session) -> Result<Self, DriverLoopError> {
        let prepare = async |text: &str| session.prepare(text).await.map_err(failed("preparing"));
        let conditional = async |text: &str| {
            let mut statement = prepare(text).await?;
            statement.set_serial_consistency(Some(SerialConsistency::LocalSerial));
            Ok::<_, DriverLoopError>(statement)
        };
        let lists = [
            "INSERT INTO orders_by_time (bucket, id) VALUES (?, ?)",
            "INSERT INTO orders_by_user (user_id, bucket, id) VALUES (?, ?, ?)",
            "INSERT INTO order_user_buckets (user_id, bucket) VALUES (?, ?)",
            "INSERT INTO orders_by_status (status, bucket, id) VALUES (?, ?, ?) USING TIMESTAMP ?",
            "INSERT INTO order_status_buckets (status, bucket) VALUES (?, ?)",
        ];
        let [by_time, by_user, user_bucket, by_status, status_bucket] = lists;
        Ok(Self {
            user: prepare("SELECT created_at, erased_at FROM users WHERE id = ?").await?,
            product: prepare(
                "SELECT id, sku, name, price, brand, description, category, version, created_at, updated_at, \
                 archived_at FROM products WHERE id = ?",
            )
            .await?,
            note: prepare("INSERT INTO order_intents (minute, at, operation, order_id) VALUES (?, ?, ?, ?)").await?,
            forget: prepare("DELETE FROM order_intents WHERE minute = ? AND at = ? AND operation = ?").await?,
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
            account: prepare(
                "SELECT quantity, turnover, version, updated_at, settled, key, day_turnover FROM ledgers \
                 WHERE book = ? AND id = ? AND part = 1 AND key <= ? LIMIT 1",
            )
            .await?,
            change: conditional(
                "UPDATE ledgers SET quantity = ?, turnover = ?, version = ?, updated_at = ? \
                 WHERE book = ? AND id = ? IF version = ?",
            )
            .await?,
            record: conditional(
                "INSERT INTO ledgers (book, id, part, key, movement, kind, delta, after, turned, day, reason, \
                 reference, at) VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .await?,
            count_day: conditional(
                "UPDATE ledgers SET day_turnover = ? WHERE book = ? AND id = ? AND part = 1 AND key = ? \
                 IF day_turnover = ?",
            )
            .await?,
            lists: [
                prepare(by_time).await?,
                prepare(by_user).await?,
                prepare(user_bucket).await?,
                prepare(by_status).await?,
                prepare(status_bucket).await?,
            ],
        })
    }
}

fn applied(rows: &scylla::response::query_result::QueryRowsResult) -> Result<(), DriverLoopError> {
    let row: Row = rows.first_row().map_err(failed("reading what a condition met"))?;
    match row.columns.first().and_then(Option::as_ref).and_then(|value| value.as_boolean()) {
        Some(true) => Ok(()),
        _ => Err(DriverLoopError { action: "changing under a condition", reason: format!("not applied: {row:?}") }),
    }
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
