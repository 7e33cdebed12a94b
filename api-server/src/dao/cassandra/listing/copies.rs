//! Writing and removing the copies of a product. Every write carries a timestamp made of the
//! product's time of creation and its version.

use std::sync::Arc;

use scylla::value::{CqlDecimal, CqlTimestamp, CqlValue, MaybeUnset};
use uuid::Uuid;

use super::prefixes_of;
use crate::dao::cassandra::StartError;
use crate::dao::cassandra::execute::{Bound, Database, Statement};
use crate::dao::price::Price;
use crate::dao::products::{Product, fold_name};
use crate::dao::words::words_of_name;

/// What decides in which partitions a product is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub id: Uuid,
    pub bucket: i64,
    pub created_at: i64,
    pub name: String,
    pub category: Option<String>,
}

impl Place {
    /// The place of a product in a bucket.
    pub fn of(product: &Product, bucket: i64) -> Self {
        Self {
            id: product.id,
            bucket,
            created_at: product.created_at,
            name: product.name.clone(),
            category: product.category.clone(),
        }
    }
}

/// Statements of one batch.
pub type Writes<'a> = Vec<(&'a Statement, Vec<Bound>)>;

/// Added to the time of creation for the removal of a row that is gone for good: beyond any
/// version.
pub const GONE: i64 = 1_000_000_000;

/// The statements that write copies.
pub struct Copies {
    by_time: Statement,
    by_category: Statement,
    category_bucket: Statement,
    by_prefix: Statement,
    prefix_bucket: Statement,
    by_word: Statement,
    word_bucket: Statement,
    drop_by_time: Statement,
    drop_by_category: Statement,
    drop_by_prefix: Statement,
    drop_by_word: Statement,
    archived: Statement,
    drop_archived: Statement,
}

impl Copies {
    /// Prepares the statements.
    pub async fn prepare(database: &Arc<Database>) -> Result<Self, StartError> {
        let by_time = "INSERT INTO {ks}.products_by_time (bucket, id, sku, name, price, brand, \
             description, version, created_at, updated_at, category, low_stock) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";
        let by_category = "INSERT INTO {ks}.products_by_category (bucket, id, sku, name, price, \
             brand, description, version, created_at, updated_at, category, low_stock) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";
        let category_bucket = "INSERT INTO {ks}.product_category_buckets (category, bucket) VALUES (?, ?)";
        let by_prefix = "INSERT INTO {ks}.products_by_name_prefix (prefix, bucket, id, name) \
             VALUES (?, ?, ?, ?) USING TIMESTAMP ?";
        let prefix_bucket = "INSERT INTO {ks}.product_name_prefix_buckets (prefix, bucket) VALUES (?, ?)";
        let by_word =
            "INSERT INTO {ks}.products_by_word (word, bucket, id, words) VALUES (?, ?, ?, ?) USING TIMESTAMP ?";
        let word_bucket = "INSERT INTO {ks}.product_word_buckets (word, bucket) VALUES (?, ?)";
        let drop_by_word = "DELETE FROM {ks}.products_by_word USING TIMESTAMP ? \
             WHERE word = ? AND bucket = ? AND id = ?";
        let archived = "INSERT INTO {ks}.products_archived (bucket, id, sku, name, price, brand, \
             description, version, created_at, updated_at, category, low_stock, archived_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";
        let drop_archived = "DELETE FROM {ks}.products_archived USING TIMESTAMP ? WHERE bucket = ? AND id = ?";
        let drop_by_time = "DELETE FROM {ks}.products_by_time USING TIMESTAMP ? WHERE bucket = ? AND id = ?";
        let drop_by_category = "DELETE FROM {ks}.products_by_category USING TIMESTAMP ? \
             WHERE category = ? AND bucket = ? AND id = ?";
        let drop_by_prefix = "DELETE FROM {ks}.products_by_name_prefix USING TIMESTAMP ? \
             WHERE prefix = ? AND bucket = ? AND id = ?";
        Ok(Self {
            by_time: database.plain("INSERT", "products_by_time", by_time).await?,
            by_category: database.plain("INSERT", "products_by_category", by_category).await?,
            category_bucket: database.plain("INSERT", "product_category_buckets", category_bucket).await?,
            by_prefix: database.plain("INSERT", "products_by_name_prefix", by_prefix).await?,
            prefix_bucket: database.plain("INSERT", "product_name_prefix_buckets", prefix_bucket).await?,
            by_word: database.plain("INSERT", "products_by_word", by_word).await?,
            word_bucket: database.plain("INSERT", "product_word_buckets", word_bucket).await?,
            drop_by_word: database.plain("DELETE", "products_by_word", drop_by_word).await?,
            drop_by_time: database.plain("DELETE", "products_by_time", drop_by_time).await?,
            drop_by_category: database.plain("DELETE", "products_by_category", drop_by_category).await?,
            drop_by_prefix: database.plain("DELETE", "products_by_name_prefix", drop_by_prefix).await?,
            archived: database.plain("INSERT", "products_archived", archived).await?,
            drop_archived: database.plain("DELETE", "products_archived", drop_archived).await?,
        })
    }

    /// Puts this version of the product into every list it belongs to and out of those of
    /// `before` that it left.
    pub fn put<'a>(&'a self, writes: &mut Writes<'a>, product: &Product, bucket: i64, before: Option<&Place>) {
        let written_at = written_at(product);
        // A first version leaves absent columns alone: nulls would be tombstones.
        let first = product.version == 1;
        writes.push((&self.by_time, row(product, bucket, written_at, first)));
        if let Some(category) = &product.category {
            writes.push((&self.by_category, row(product, bucket, written_at, first)));
            writes.push((&self.category_bucket, vec![text(category), bigint(bucket)]));
        }
        let folded = fold_name(&product.name);
        let old = before.map(|before| fold_name(&before.name));
        let now_under = prefixes_of(&folded);
        for prefix in &now_under {
            writes.push((
                &self.by_prefix,
                vec![text(prefix), bigint(bucket), id(product.id), text(&folded), bigint(written_at)],
            ));
            let listed_before = old.as_ref().is_some_and(|old| prefixes_of(old).contains(prefix));
            if !listed_before {
                writes.push((&self.prefix_bucket, vec![text(prefix), bigint(bucket)]));
            }
        }
        let words = words_of_name(&product.name);
        let old_words = before.map(|before| words_of_name(&before.name)).unwrap_or_default();
        self.put_words(writes, product, bucket, &old_words);
        if let Some(before) = before {
            if before.category != product.category {
                self.drop_category(writes, before, written_at);
            }
            for prefix in prefixes_of(old.as_deref().unwrap_or_default()) {
                if !now_under.contains(&prefix) {
                    self.drop_prefix(writes, before, prefix, written_at);
                }
            }
            for word in old_words.iter().filter(|word| !words.contains(word)) {
                self.drop_word(writes, before, word, written_at);
            }
        }
    }

    /// Puts a product under each word of its name; in which buckets they are is known of those of `before`.
    pub fn put_words<'a>(&'a self, writes: &mut Writes<'a>, product: &Product, bucket: i64, before: &[String]) {
        let words = words_of_name(&product.name);
        let all = words.join(" ");
        for word in &words {
            let values = vec![text(word), bigint(bucket), id(product.id), text(&all), bigint(written_at(product))];
            writes.push((&self.by_word, values));
            if !before.contains(word) {
                writes.push((&self.word_bucket, vec![text(word), bigint(bucket)]));
            }
        }
    }

    /// Takes a product that is gone for good out of every list.
    pub fn drop_all<'a>(&'a self, writes: &mut Writes<'a>, place: &Place) {
        let written_at = place.created_at * 1000 + GONE;
        self.drop_listed(writes, place, written_at);
        writes.push((&self.drop_archived, vec![bigint(written_at), bigint(place.bucket), id(place.id)]));
    }

    /// Puts a product among the archived ones, and out of the lists where it was. As old as its version, so that what
    /// restores it later is younger.
    pub fn archive<'a>(&'a self, writes: &mut Writes<'a>, product: &Product, bucket: i64, before: Option<&Place>) {
        let written_at = written_at(product);
        self.drop_listed(writes, &Place::of(product, bucket), written_at);
        if let Some(before) = before {
            self.drop_listed(writes, before, written_at);
        }
        let mut values = row(product, bucket, written_at, true);
        values.insert(values.len() - 1, product.archived_at.map_or(MaybeUnset::Unset, time));
        writes.push((&self.archived, values));
    }

    /// Takes a product that is restored out of the archived ones.
    pub fn leave_archive<'a>(&'a self, writes: &mut Writes<'a>, product: &Product, bucket: i64) {
        writes.push((&self.drop_archived, vec![bigint(written_at(product)), bigint(bucket), id(product.id)]));
    }

    fn drop_listed<'a>(&'a self, writes: &mut Writes<'a>, place: &Place, written_at: i64) {
        writes.push((&self.drop_by_time, vec![bigint(written_at), bigint(place.bucket), id(place.id)]));
        self.drop_category(writes, place, written_at);
        for prefix in prefixes_of(&fold_name(&place.name)) {
            self.drop_prefix(writes, place, prefix, written_at);
        }
        for word in words_of_name(&place.name) {
            self.drop_word(writes, place, &word, written_at);
        }
    }

    fn drop_word<'a>(&'a self, writes: &mut Writes<'a>, place: &Place, word: &str, written_at: i64) {
        writes.push((&self.drop_by_word, vec![bigint(written_at), text(word), bigint(place.bucket), id(place.id)]));
    }

    fn drop_category<'a>(&'a self, writes: &mut Writes<'a>, place: &Place, written_at: i64) {
        if let Some(category) = &place.category {
            writes.push((
                &self.drop_by_category,
                vec![bigint(written_at), text(category), bigint(place.bucket), id(place.id)],
            ));
        }
    }

    fn drop_prefix<'a>(&'a self, writes: &mut Writes<'a>, place: &Place, prefix: &str, written_at: i64) {
        writes.push((&self.drop_by_prefix, vec![bigint(written_at), text(prefix), bigint(place.bucket), id(place.id)]));
    }
}

/// The timestamp of what a version of a product writes.
const fn written_at(product: &Product) -> i64 {
    product.created_at * 1000 + product.version
}

fn row(product: &Product, bucket: i64, written_at: i64, first: bool) -> Vec<Bound> {
    let optional = |value: &Option<String>| match value {
        Some(value) => text(value),
        None if first => MaybeUnset::Unset,
        None => MaybeUnset::Set(None),
    };
    vec![
        bigint(bucket),
        id(product.id),
        text(&product.sku),
        text(&product.name),
        MaybeUnset::Set(Some(CqlValue::Decimal(decimal(product.price)))),
        optional(&product.brand),
        optional(&product.description),
        bigint(product.version),
        time(product.created_at),
        time(product.updated_at),
        optional(&product.category),
        match product.low_stock {
            Some(low) => MaybeUnset::Set(Some(CqlValue::Int(low))),
            None if first => MaybeUnset::Unset,
            None => MaybeUnset::Set(None),
        },
        bigint(written_at),
    ]
}

/// Cassandra's form of a price.
pub fn decimal(price: Price) -> CqlDecimal {
    CqlDecimal::from_signed_be_bytes_slice_and_exponent(&price.unscaled().to_be_bytes(), i32::from(price.scale()))
}

/// A text of a batch.
pub fn text(value: &str) -> Bound {
    MaybeUnset::Set(Some(CqlValue::Text(value.to_owned())))
}

/// A number of a batch.
pub fn bigint(value: i64) -> Bound {
    MaybeUnset::Set(Some(CqlValue::BigInt(value)))
}

/// A small number of a batch.
pub fn tinyint(value: i8) -> Bound {
    MaybeUnset::Set(Some(CqlValue::TinyInt(value)))
}

/// An id of a batch.
pub fn id(value: Uuid) -> Bound {
    MaybeUnset::Set(Some(CqlValue::Uuid(value)))
}

/// A time of a batch, in milliseconds.
pub fn time(millis: i64) -> Bound {
    MaybeUnset::Set(Some(CqlValue::Timestamp(CqlTimestamp(millis))))
}
