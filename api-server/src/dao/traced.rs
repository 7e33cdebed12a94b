//! The DAOs with a span around each call. They stand in front of the real ones only while traces are
//! exported, so that nobody else pays for them.

use std::ops::RangeInclusive;
use std::sync::Arc;

use async_trait::async_trait;
use tracing::{Instrument as _, info_span};
use uuid::Uuid;

use super::activity::{Copies, NodeActivity};
use super::blocks::{Block, BlockDao, Change, Lists, Row, Turnover};
use super::changes::{self, Appended, Audited, ChangeDao, Entry, Object};
use super::cluster::{ClusterDao, Keyspace, Node, Placement, PlacementError, Ring, Trace};
use super::idempotency::{Answer, Begun, Claim, IdempotencyDao, Remembered};
use super::imports::{Ended, Import, ImportDao, Kind};
use super::ledger::{Account, Balance, Book, Glimpse, LedgerDao, Movement, Posted, Posting};
use super::orders::{self, Note, Order, OrderDao, Swept};
use super::page::{PageEnd, Position};
use super::payments::{Payment, PaymentDao};
use super::products::{self, PageQuery, Product, ProductDao, ProductSink};
use super::ranks::{Turned, Unranked};
use super::row::{Inserted, Removed, Replaced};
use super::turnovers::{OnDay, TurnoverDao};
use super::users::{StoredUser, User, UserDao, UserSink};
use super::{Context, DaoError, Daos, Level, Receipt};

/// The DAOs, each call in a span if spans are made.
pub fn daos(daos: Daos) -> Daos {
    if !store_telemetry::are_on() {
        return daos;
    }
    Daos {
        products: Arc::new(Traced(daos.products)),
        users: Arc::new(Traced(daos.users)),
        idempotency: Arc::new(Traced(daos.idempotency)),
        ledger: Arc::new(Traced(daos.ledger)),
        orders: Arc::new(Traced(daos.orders)),
        payments: Arc::new(Traced(daos.payments)),
        blocks: Arc::new(Traced(daos.blocks)),
        turnovers: Arc::new(Traced(daos.turnovers)),
        imports: Arc::new(Traced(daos.imports)),
        changes: Arc::new(Traced(daos.changes)),
        cluster: Arc::new(Traced(daos.cluster)),
    }
}

/// A DAO behind its spans.
struct Traced<D: ?Sized>(Arc<D>);

/// Passes calls on, each in a span `dao.ROOM.METHOD`. What is asked for is not told: ids of people are
/// among it.
macro_rules! traced {
    ($dao:ident, $room:literal, {
        $(fn $method:ident($($name:ident: $type:ty),* $(,)?) $(-> $result:ty)?;)*
    } $(, { $($rest:tt)* })?) => {
        #[async_trait]
        impl $dao for Traced<dyn $dao> {
            $(async fn $method(&self, $($name: $type),*) $(-> $result)? {
                let span = info_span!(concat!("dao.", $room, ".", stringify!($method)));
                self.0.$method($($name),*).instrument(span).await
            })*
            $($($rest)*)?
        }
    };
}

traced!(ProductDao, "products", {
    fn find(cx: &Context, id: Uuid, sink: &mut dyn ProductSink) -> Result<Receipt, DaoError>;
    fn find_many(cx: &Context, ids: &[Uuid]) -> Result<Vec<Product>, DaoError>;
    fn load(cx: &Context, id: Uuid) -> Result<Option<products::Stored>, DaoError>;
    fn page(cx: &Context, query: &PageQuery, sink: &mut dyn ProductSink) -> Result<PageEnd, DaoError>;
    fn insert(cx: &Context, product: &Product, operation: Uuid) -> Result<Inserted, DaoError>;
    fn replace(cx: &Context, before: &products::Stored, after: &Product, operation: Uuid)
    -> Result<Replaced, DaoError>;
    fn remove(cx: &Context, before: &products::Stored, operation: Uuid) -> Result<Removed, DaoError>;
});

traced!(UserDao, "users", {
    fn find(cx: &Context, id: Uuid, sink: &mut dyn UserSink) -> Result<Receipt, DaoError>;
    fn find_by_email(cx: &Context, email: &str, sink: &mut dyn UserSink) -> Result<Receipt, DaoError>;
    fn exists(cx: &Context, id: Uuid) -> Result<bool, DaoError>;
    fn load(cx: &Context, id: Uuid) -> Result<Option<StoredUser>, DaoError>;
    fn page(cx: &Context, limit: usize, after: Option<Position>, sink: &mut dyn UserSink) -> Result<PageEnd, DaoError>;
    fn insert(cx: &Context, user: &User, operation: Uuid) -> Result<Inserted, DaoError>;
    fn replace(cx: &Context, before: &StoredUser, after: &User, operation: Uuid) -> Result<Replaced, DaoError>;
    fn erase(cx: &Context, before: &StoredUser, operation: Uuid) -> Result<Removed, DaoError>;
});

traced!(IdempotencyDao, "idempotency", {
    fn begin(cx: &Context, claim: &Claim, lease_ms: i64) -> Result<Begun, DaoError>;
    fn find(cx: &Context, key: &str) -> Result<Option<Remembered>, DaoError>;
    fn finish(cx: &Context, claim: &Claim, answer: &Answer) -> Result<(), DaoError>;
    fn release(cx: &Context, claim: &Claim) -> Result<(), DaoError>;
});

traced!(ImportDao, "imports", {
    fn begin(cx: &Context, id: Uuid, kind: Kind, started_at: i64, alive_seconds: i32) -> Result<(), DaoError>;
    fn beat(cx: &Context, id: Uuid, progress: &[u8], alive_seconds: i32) -> Result<(), DaoError>;
    fn end(cx: &Context, id: Uuid, ended: &Ended) -> Result<(), DaoError>;
    fn find(cx: &Context, id: Uuid) -> Result<Option<Import>, DaoError>;
});

traced!(LedgerDao, "ledger", {
    fn find(cx: &Context, account: Account) -> Result<(Option<Balance>, Receipt), DaoError>;
    fn glimpse(cx: &Context, account: Account, day: i32) -> Result<Option<Glimpse>, DaoError>;
    fn load(cx: &Context, account: Account) -> Result<Option<Balance>, DaoError>;
    fn made(cx: &Context, account: Account, ids: &[Uuid]) -> Result<Vec<Movement>, DaoError>;
    fn closed(cx: &Context, account: Account, ids: &[Uuid]) -> Result<Vec<Uuid>, DaoError>;
    fn load_days(cx: &Context, account: Account, days: &[i32]) -> Result<Vec<(i32, i64)>, DaoError>;
    fn turnover(cx: &Context, account: Account, days: RangeInclusive<i32>) -> Result<i64, DaoError>;
    fn post(cx: &Context, account: Account, before: i64, posting: &Posting) -> Result<Posted, DaoError>;
    fn movements(
        cx: &Context,
        account: Account,
        before: i64,
        limit: usize,
    ) -> Result<(Vec<Movement>, Receipt), DaoError>;
});

traced!(OrderDao, "orders", {
    fn find(cx: &Context, id: Uuid) -> Result<(Option<Order>, Receipt), DaoError>;
    fn load(cx: &Context, id: Uuid) -> Result<Option<orders::Stored>, DaoError>;
    fn insert(cx: &Context, order: &Order, operation: Uuid) -> Result<orders::Inserted, DaoError>;
    fn replace(
        cx: &Context,
        before: &orders::Stored,
        after: &Order,
        operation: Uuid,
    ) -> Result<orders::Replaced, DaoError>;
    fn list(cx: &Context, stored: &orders::Stored) -> Result<(), DaoError>;
    fn page(
        cx: &Context,
        filter: &orders::Filter,
        limit: usize,
        after: Option<Position>,
    ) -> Result<(Vec<Order>, PageEnd), DaoError>;
    fn note(cx: &Context, note: &Note) -> Result<(), DaoError>;
    fn forget_all(cx: &Context, notes: &[Note]) -> Result<(), DaoError>;
    fn notes(cx: &Context, shard: u8, after: i64, upto: i64) -> Result<(Vec<Note>, i64), DaoError>;
    fn sweeps(cx: &Context) -> Result<Vec<Swept>, DaoError>;
    fn claim_sweep(cx: &Context, shard: u8, seconds: i32) -> Result<bool, DaoError>;
    fn set_swept_until(cx: &Context, shard: u8, until: i64) -> Result<(), DaoError>;
    fn clock(cx: &Context) -> Result<i64, DaoError>;
});

#[async_trait]
impl Unranked for Traced<dyn OrderDao> {
    async fn unranked(&self, cx: &Context) -> Result<Vec<Turned>, DaoError> {
        self.0.unranked(cx).instrument(info_span!("dao.orders.unranked")).await
    }
}
traced!(PaymentDao, "payments", {
    fn keep(cx: &Context, order: Uuid, payment: &Payment) -> Result<(), DaoError>;
    fn of(cx: &Context, order: Uuid) -> Result<Vec<Payment>, DaoError>;
});

traced!(BlockDao, "blocks", {
    fn turnovers(
        cx: &Context,
        book: Book,
        blocks: &[Block],
        ids: &[Uuid],
    ) -> Result<Vec<(Uuid, Block, Turnover)>, DaoError>;
    fn rows(cx: &Context, lists: &Lists) -> Result<(Vec<Row>, Receipt), DaoError>;
    fn write(cx: &Context, changes: &[Change]) -> Result<(), DaoError>;
    fn remove(cx: &Context, book: Book, row: &Row, version: i64) -> Result<(), DaoError>;
    fn spans(cx: &Context, book: Book) -> Result<Vec<Block>, DaoError>;
    fn use_span(cx: &Context, book: Book, span: Block) -> Result<(), DaoError>;
});

traced!(TurnoverDao, "turnovers", {
    fn on_day(cx: &Context, book: Book, day: i32, ids: &[Uuid]) -> Result<Vec<OnDay>, DaoError>;
    fn on_all_days(cx: &Context, book: Book, ids: &[Uuid]) -> Result<Vec<OnDay>, DaoError>;
});

traced!(ChangeDao, "changes", {
    fn append(cx: &Context, number: i64, entry: &Entry) -> Result<Appended, DaoError>;
    fn entries(cx: &Context, after: i64, limit: usize) -> Result<Vec<(i64, Entry)>, DaoError>;
    fn last(cx: &Context) -> Result<i64, DaoError>;
    fn told(cx: &Context, objects: &[Object]) -> Result<Vec<(Object, i64)>, DaoError>;
    fn keep_told(cx: &Context, told: &[(Object, i64)], last: i64) -> Result<(), DaoError>;
    fn note(cx: &Context, note: &changes::Note) -> Result<(), DaoError>;
    fn forget(cx: &Context, notes: &[changes::Note]) -> Result<(), DaoError>;
    fn notes(cx: &Context, minute: i64) -> Result<Vec<changes::Note>, DaoError>;
    fn swept_until(cx: &Context) -> Result<Option<i64>, DaoError>;
    fn set_swept_until(cx: &Context, minute: i64) -> Result<(), DaoError>;
    fn audit(cx: &Context, lines: &[Audited]) -> Result<(), DaoError>;
    fn audited(cx: &Context, hour: i64, below: Option<Uuid>, limit: usize) -> Result<Vec<Audited>, DaoError>;
    fn claim(cx: &Context, reader: &str, owner: Uuid, seconds: i32) -> Result<Option<String>, DaoError>;
    fn advance(cx: &Context, reader: &str, owner: Uuid, seconds: i32, position: &str) -> Result<bool, DaoError>;
});

traced!(
    ClusterDao,
    "cluster",
    {
        fn nodes(cx: &Context) -> Result<Vec<Node>, DaoError>;
        fn keyspaces(cx: &Context) -> Result<Vec<Keyspace>, DaoError>;
        fn ring(cx: &Context, keyspace: &str) -> Result<Option<Ring>, DaoError>;
        fn placement(cx: &Context, table: &str, key: &[String]) -> Result<Placement, PlacementError>;
        fn activity(cx: &Context) -> Result<Vec<NodeActivity>, DaoError>;
        fn copies(cx: &Context, table: &str, key: &[String]) -> Result<Copies, PlacementError>;
        fn ready(cx: &Context) -> Result<(), DaoError>;
        fn trace_summary(trace: Uuid) -> Option<String>;
        fn trace(cx: &Context, trace: Uuid) -> Result<Option<Trace>, DaoError>;
    },
    {
        fn keyspace(&self) -> &str {
            self.0.keyspace()
        }

        fn default_level(&self) -> Level {
            self.0.default_level()
        }
    }
);
