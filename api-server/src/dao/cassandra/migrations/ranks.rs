//! The tables of the reports.

/// Turnover by blocks of days.
pub const BLOCKS: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS {ks}.block_turnovers (
        book text, block bigint, shard tinyint, id uuid, amount bigint, version bigint,
        PRIMARY KEY ((book, block, shard), id)
    ) WITH comment = 'what accounts turned over in blocks of days'",
    // A row that comes back after its deletion is recognised by a report, so tombstones need not be kept.
    "CREATE TABLE IF NOT EXISTS {ks}.block_lists (
        book text, block bigint, shard tinyint, rank int, id uuid, amount bigint,
        PRIMARY KEY ((book, block, shard), rank, id)
    ) WITH gc_grace_seconds = 3600 AND comment = 'the same from the most, by classes of nearly equal turnover'",
    "CREATE TABLE IF NOT EXISTS {ks}.block_spans (
        book text, block bigint, PRIMARY KEY (book, block)
    ) WITH comment = 'blocks of 64 days that hold anything'",
    "CREATE TABLE IF NOT EXISTS {ks}.backfills (
        name text PRIMARY KEY, position bigint, after uuid, done boolean, worker uuid
    ) WITH comment = 'how far what older versions left was worked up; worker is a lease with a time to live'",
];
