//! The tables of each version of the schema. No IO.

use super::changes::CHANGES;
use super::orders::{ARCHIVE, LEDGER, NOTES, ORDERS, PAYMENTS, QUEUES};
use super::principals::PRINCIPALS;
use super::ranks::BLOCKS;
use super::reach::LOW_STOCK;
use super::words::WORDS;

/// One version of the schema.
#[derive(Debug)]
pub struct Migration {
    pub version: i32,
    pub name: &'static str,
    /// What it is made of: statements with `{ks}` for the keyspace.
    parts: &'static [&'static [&'static str]],
}

impl Migration {
    /// Its statements, in their order.
    pub fn statements(&self) -> impl Iterator<Item = &'static str> {
        self.parts.iter().flat_map(|part| part.iter().copied())
    }
}

/// Every version, ascending and without gaps.
pub const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "products", parts: &[PRODUCTS] },
    Migration { version: 2, name: "users", parts: &[USERS] },
    Migration { version: 3, name: "ledger", parts: &[LEDGER] },
    Migration { version: 4, name: "orders", parts: &[ORDERS] },
    Migration { version: 5, name: "archive", parts: &[ARCHIVE] },
    Migration { version: 6, name: "archived and imports", parts: &[ARCHIVED_AND_IMPORTS] },
    Migration { version: 7, name: "orders written once", parts: &[NOTES, PAYMENTS, QUEUES, BLOCKS] },
    Migration {
        version: 8,
        name: "who did what, what changed, and what is low",
        parts: &[PRINCIPALS, CHANGES, LOW_STOCK],
    },
    Migration { version: 9, name: "words of products", parts: &[WORDS] },
];

const PRODUCTS: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS {ks}.products (
        id uuid PRIMARY KEY, sku text, name text, price decimal, brand text, description text,
        category text, version bigint, created_at timestamp, updated_at timestamp,
        bucket bigint, sku_claim uuid, operations frozen<list<uuid>>,
        fence uuid
    ) WITH comment = 'the truth about each product, changed by LWT only'",
    "CREATE TABLE IF NOT EXISTS {ks}.product_skus (
        sku text PRIMARY KEY, product_id uuid, claim uuid, claimed_at timestamp
    ) WITH comment = 'who holds a sku, changed by LWT only'",
    "CREATE TABLE IF NOT EXISTS {ks}.products_by_time (
        bucket bigint, id uuid, sku text, name text, price decimal, brand text,
        description text, category text, version bigint, created_at timestamp,
        updated_at timestamp, PRIMARY KEY (bucket, id)
    ) WITH CLUSTERING ORDER BY (id DESC) AND comment = 'copies for the list, newest first'",
    "CREATE TABLE IF NOT EXISTS {ks}.product_buckets (
        scope text, bucket bigint, newest bigint static, PRIMARY KEY (scope, bucket)
    ) WITH CLUSTERING ORDER BY (bucket DESC)
    AND comment = 'begin of each bucket of the lists in milliseconds'",
    "CREATE TABLE IF NOT EXISTS {ks}.products_by_category (
        category text, bucket bigint, id uuid, sku text, name text, price decimal, brand text,
        description text, version bigint, created_at timestamp, updated_at timestamp,
        PRIMARY KEY ((category, bucket), id)
    ) WITH CLUSTERING ORDER BY (id DESC) AND comment = 'copies for the list by category'",
    "CREATE TABLE IF NOT EXISTS {ks}.product_category_buckets (
        category text, bucket bigint, PRIMARY KEY (category, bucket)
    ) WITH CLUSTERING ORDER BY (bucket DESC) AND comment = 'buckets that hold a category'",
    "CREATE TABLE IF NOT EXISTS {ks}.products_by_name_prefix (
        prefix text, bucket bigint, id uuid, name text, PRIMARY KEY ((prefix, bucket), id)
    ) WITH CLUSTERING ORDER BY (id DESC)
    AND comment = 'products by the first characters of their lower-case names'",
    "CREATE TABLE IF NOT EXISTS {ks}.product_name_prefix_buckets (
        prefix text, bucket bigint, PRIMARY KEY (prefix, bucket)
    ) WITH CLUSTERING ORDER BY (bucket DESC) AND comment = 'buckets that hold a prefix'",
    // A row that comes back after its deletion is only looked at once more, so tombstones
    // need not be kept.
    "CREATE TABLE IF NOT EXISTS {ks}.product_intents (
        minute bigint, at timestamp, operation uuid, product_id uuid, before_name text,
        before_category text, before_bucket bigint, before_created timestamp,
        PRIMARY KEY (minute, at, operation)
    ) WITH gc_grace_seconds = 3600
    AND comment = 'changes that are not yet in every list'",
    "CREATE TABLE IF NOT EXISTS {ks}.sweeps (
        name text PRIMARY KEY, done_until timestamp
    ) WITH comment = 'how far unfinished changes have been looked through'",
    "CREATE TABLE IF NOT EXISTS {ks}.idempotency_keys (
        key text PRIMARY KEY, request blob, operation uuid, resource uuid,
        started_at timestamp, status int, etag text, location text, body blob
    ) WITH default_time_to_live = 86400 AND comment = 'answers by idempotency key'",
];

const USERS: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS {ks}.users (
        id uuid PRIMARY KEY, name text, email text, version bigint, created_at timestamp,
        updated_at timestamp, erased_at timestamp, bucket bigint, email_claim uuid,
        operations frozen<list<uuid>>, fence uuid
    ) WITH comment = 'the truth about each user, changed by LWT only; erased ones keep their id'",
    "CREATE TABLE IF NOT EXISTS {ks}.user_emails (
        email text PRIMARY KEY, user_id uuid, claim uuid, claimed_at timestamp
    ) WITH comment = 'who holds an address, changed by LWT only'",
    "CREATE TABLE IF NOT EXISTS {ks}.users_by_time (
        bucket bigint, id uuid, name text, email text, version bigint, created_at timestamp,
        updated_at timestamp, PRIMARY KEY (bucket, id)
    ) WITH CLUSTERING ORDER BY (id DESC) AND comment = 'copies for the list, newest first'",
    "CREATE TABLE IF NOT EXISTS {ks}.user_buckets (
        scope text, bucket bigint, newest bigint static, PRIMARY KEY (scope, bucket)
    ) WITH CLUSTERING ORDER BY (bucket DESC)
    AND comment = 'begin of each bucket of the list in milliseconds'",
    // Addresses stand here for as long as a change takes, so that a crash leaves none behind; the
    // time to live is for notes that nobody was there to look at.
    "CREATE TABLE IF NOT EXISTS {ks}.user_intents (
        minute bigint, at timestamp, operation uuid, user_id uuid, claims frozen<map<text, uuid>>,
        PRIMARY KEY (minute, at, operation)
    ) WITH default_time_to_live = 2592000
    AND comment = 'changes that are not yet in the list, with the addresses they touch'",
];

const ARCHIVED_AND_IMPORTS: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS {ks}.products_archived (
        bucket bigint, id uuid, sku text, name text, price decimal, brand text,
        description text, category text, version bigint, created_at timestamp,
        updated_at timestamp, archived_at timestamp, PRIMARY KEY (bucket, id)
    ) WITH CLUSTERING ORDER BY (id DESC) AND comment = 'copies for the list of archived products'",
    // `alive` has a time to live of its own, and is written again and again by the process at work.
    "CREATE TABLE IF NOT EXISTS {ks}.imports (
        id uuid PRIMARY KEY, kind text, started_at timestamp, alive boolean, progress blob,
        ended_at timestamp, status int, answer blob
    ) WITH default_time_to_live = 86400 AND comment = 'imports that are not waited for, and what became of them'",
];
