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
