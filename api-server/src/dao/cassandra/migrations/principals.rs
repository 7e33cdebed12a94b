//! Who did it. No IO.

/// Columns beside what programs before these write and read: rows of theirs have none.
pub const PRINCIPALS: &[&str] = &[
    "ALTER TABLE {ks}.ledgers ADD IF NOT EXISTS made_by text",
    "ALTER TABLE {ks}.ledger_history ADD IF NOT EXISTS made_by text",
    "ALTER TABLE {ks}.order_payments ADD IF NOT EXISTS told_by text",
];
