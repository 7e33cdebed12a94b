//! The tables of the feed of changes and of the audit trail.

/// The log, what is known of it, its notes, its readers, and the audit trail.
pub const CHANGES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS {ks}.change_log (
        block bigint, number bigint, operation uuid, changes text, PRIMARY KEY (block, number)
    ) WITH comment = 'the feed: entries numbered without gaps, written by LWT and for as long as the feed is kept'",
    "CREATE TABLE IF NOT EXISTS {ks}.change_heads (
        shard tinyint, kind text, id uuid, version bigint, PRIMARY KEY (shard, kind, id)
    ) WITH comment = 'up to which version products and stocks are in the feed, at least'",
    // A row that comes back after its deletion is looked at once more, so tombstones need not be kept.
    "CREATE TABLE IF NOT EXISTS {ks}.change_notes (
        minute bigint, at timestamp, operation uuid, kind text, id uuid, version bigint,
        PRIMARY KEY (minute, at, operation)
    ) WITH gc_grace_seconds = 3600 AND comment = 'writes that may not be in the feed yet'",
    "CREATE TABLE IF NOT EXISTS {ks}.change_readers (
        name text PRIMARY KEY, owner uuid, position text
    ) WITH comment = 'how far webhooks have come; owner is a lease with a time to live'",
    "CREATE TABLE IF NOT EXISTS {ks}.audit (
        hour bigint, id uuid, at timestamp, by_whom text, kind text, object_id uuid, what text, version bigint, request text,
        PRIMARY KEY (hour, id)
    ) WITH CLUSTERING ORDER BY (id DESC) AND comment = 'who has changed what, for as long as it is kept'",
];
