//! The tables of stock, orders and reports.

/// The accounts: stock and spending.
pub const LEDGER: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS {ks}.ledgers (
        book text, id uuid, part tinyint, key bigint,
        quantity bigint static, turnover bigint static, version bigint static,
        updated_at timestamp static, settled bigint static,
        movement uuid, kind text, delta bigint, after bigint, turned bigint, day int, reason text,
        reference text, at timestamp, day_turnover bigint,
        PRIMARY KEY ((book, id), part, key)
    ) WITH CLUSTERING ORDER BY (part ASC, key DESC)
    AND comment = 'balances with their last movements (part 0, by version) and turnover by day (part 1), changed by LWT only'",
    "CREATE TABLE IF NOT EXISTS {ks}.ledger_history (
        book text, id uuid, block bigint, version bigint, movement uuid, kind text, delta bigint,
        after bigint, turned bigint, day int, reason text, reference text, at timestamp,
        PRIMARY KEY ((book, id, block), version)
    ) WITH CLUSTERING ORDER BY (version DESC)
    AND comment = 'settled movements by blocks of versions'",
    "CREATE TABLE IF NOT EXISTS {ks}.ledger_settled (
        book text, id uuid, movement uuid, version bigint, PRIMARY KEY ((book, id, movement))
    ) WITH comment = 'versions of settled movements by their ids, which stay refused'",
];

/// Orders with their lists, and the ranks of the reports.
pub const ORDERS: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS {ks}.orders (
        id uuid PRIMARY KEY, user_id uuid, status text,
        lines frozen<list<frozen<tuple<uuid, bigint, bigint, int>>>>, total bigint, is_paid boolean,
        payment_id text, version bigint, created_at timestamp, updated_at timestamp, bucket bigint,
        operations frozen<list<uuid>>
    ) WITH comment = 'the truth about each order, changed by LWT only; lines are product, quantity, price, scale'",
    "CREATE TABLE IF NOT EXISTS {ks}.orders_by_time (
        bucket bigint, id uuid, PRIMARY KEY (bucket, id)
    ) WITH CLUSTERING ORDER BY (id DESC) AND comment = 'confirmed orders, newest first'",
    "CREATE TABLE IF NOT EXISTS {ks}.order_buckets (
        scope text, bucket bigint, newest bigint static, PRIMARY KEY (scope, bucket)
    ) WITH CLUSTERING ORDER BY (bucket DESC)
    AND comment = 'begin of each bucket of the lists in milliseconds'",
    "CREATE TABLE IF NOT EXISTS {ks}.orders_by_user (
        user_id uuid, bucket bigint, id uuid, PRIMARY KEY ((user_id, bucket), id)
    ) WITH CLUSTERING ORDER BY (id DESC) AND comment = 'confirmed orders of a user'",
    "CREATE TABLE IF NOT EXISTS {ks}.order_user_buckets (
        user_id uuid, bucket bigint, PRIMARY KEY (user_id, bucket)
    ) WITH CLUSTERING ORDER BY (bucket DESC) AND comment = 'buckets that hold orders of a user'",
    "CREATE TABLE IF NOT EXISTS {ks}.orders_by_status (
        status text, bucket bigint, id uuid, PRIMARY KEY ((status, bucket), id)
    ) WITH CLUSTERING ORDER BY (id DESC) AND comment = 'confirmed orders by what became of them'",
    "CREATE TABLE IF NOT EXISTS {ks}.order_status_buckets (
        status text, bucket bigint, PRIMARY KEY (status, bucket)
    ) WITH CLUSTERING ORDER BY (bucket DESC) AND comment = 'buckets that hold orders in a status'",
    // A row that comes back after its deletion is only looked at once more, so tombstones
    // need not be kept.
    "CREATE TABLE IF NOT EXISTS {ks}.order_intents (
        minute bigint, at timestamp, operation uuid, order_id uuid, PRIMARY KEY (minute, at, operation)
    ) WITH gc_grace_seconds = 3600 AND comment = 'orders under way'",
    "CREATE TABLE IF NOT EXISTS {ks}.rank_members (
        book text, slot bigint, id uuid, PRIMARY KEY ((book, slot), id)
    ) WITH comment = 'accounts of nearly equal turnover; the ledger is the truth'",
    "CREATE TABLE IF NOT EXISTS {ks}.rank_slots (
        book text, slot bigint, used boolean, PRIMARY KEY (book, slot)
    ) WITH CLUSTERING ORDER BY (slot DESC) AND comment = 'slots that have members'",
];

/// What leaves a status is removed from its list, so its tombstones need not be kept for longer than a node may be away and
/// still be told by hints (3 h): a row that comes back is only looked at once more.
pub const QUEUES: &[&str] = &[
    "ALTER TABLE {ks}.orders_by_status WITH gc_grace_seconds = 14400",
    "ALTER TABLE {ks}.order_status_buckets WITH gc_grace_seconds = 14400",
];

/// Products that are archived and not removed.
pub const ARCHIVE: &[&str] = &["ALTER TABLE {ks}.products ADD IF NOT EXISTS archived_at timestamp"];

/// Payments of orders.
pub const PAYMENTS: &[&str] = &["CREATE TABLE IF NOT EXISTS {ks}.order_payments (
        order_id uuid, payment_id text, at timestamp, amount bigint, PRIMARY KEY (order_id, payment_id)
    ) WITH comment = 'what was paid for each order, each payment once and for ever'"];
/// Orders that are written once: their notes say the rest.
pub const NOTES: &[&str] = &[
    // Cassandra keeps a hint no longer than the tombstones of its table: with less than the three hours of the hint
    // window a node that was away longer than that would bring notes back. One that lived on would only be looked at
    // again. The time to live is for what is set aside and written again and again.
    "CREATE TABLE IF NOT EXISTS {ks}.order_notes (
        minute bigint, shard tinyint, at timestamp, operation uuid, order_id uuid, user_id uuid, created_at timestamp,
        lines frozen<list<frozen<tuple<uuid, bigint>>>>, PRIMARY KEY ((minute, shard), at, operation)
    ) WITH default_time_to_live = 2592000 AND gc_grace_seconds = 10800
    AND comment = 'orders under way with what they take; lines are product, quantity'",
    "ALTER TABLE {ks}.order_intents WITH gc_grace_seconds = 10800",
    "ALTER TABLE {ks}.product_intents WITH gc_grace_seconds = 10800",
    // Both are as old as the order's version: the newest one stays, whatever the order of writes.
    "ALTER TABLE {ks}.orders_by_user ADD IF NOT EXISTS (spent bigint, version bigint)",
    // Lives some seconds: who looks through a shard of the notes now.
    "ALTER TABLE {ks}.sweeps ADD IF NOT EXISTS owner uuid",
];
