//! The tables that find products by the words of their names.

/// Ids by each word, and the buckets that hold one.
pub const WORDS: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS {ks}.products_by_word (
        word text, bucket bigint, id uuid, words text, PRIMARY KEY ((word, bucket), id)
    ) WITH CLUSTERING ORDER BY (id DESC) AND comment = 'products by each word of their names, with all of them'",
    "CREATE TABLE IF NOT EXISTS {ks}.product_word_buckets (
        word text, bucket bigint, PRIMARY KEY (word, bucket)
    ) WITH CLUSTERING ORDER BY (bucket DESC) AND comment = 'buckets that hold a word'",
];
