//! What is noted about a change of a product: where it was listed before.

use scylla::value::{CqlTimestamp, CqlValue, MaybeUnset};
use uuid::Uuid;

use crate::dao::Context;
use crate::dao::cassandra::execute::Bound;
use crate::dao::cassandra::intents::{self, Detail};
use crate::dao::cassandra::listing::copies::Place;

/// A change of a product under way.
pub type Intent = intents::Intent<Option<Place>>;

impl Intent {
    /// A creation.
    pub const fn of_new(cx: &Context, product: Uuid, operation: Uuid) -> Self {
        Self { at: cx.now_ms, operation, owner: product, detail: None }
    }

    /// A change or removal.
    pub const fn of_change(cx: &Context, before: Place, operation: Uuid) -> Self {
        Self { at: cx.now_ms, operation, owner: before.id, detail: Some(before) }
    }
}

impl Detail for Option<Place> {
    const TABLE: &'static str = "product_intents";
    const OWNER: &'static str = "product_id";
    const COLUMNS: &'static [&'static str] = &["before_name", "before_category", "before_bucket", "before_created"];

    fn write(&self) -> Vec<Bound> {
        let Some(place) = self else {
            return vec![MaybeUnset::Unset; Self::COLUMNS.len()];
        };
        let set = |value| MaybeUnset::Set(Some(value));
        vec![
            set(CqlValue::Text(place.name.clone())),
            place.category.clone().map_or(MaybeUnset::Unset, |category| set(CqlValue::Text(category))),
            set(CqlValue::BigInt(place.bucket)),
            set(CqlValue::Timestamp(CqlTimestamp(place.created_at))),
        ]
    }

    fn read(owner: Uuid, values: Vec<Option<CqlValue>>) -> Self {
        let mut values = values.into_iter();
        let mut next = || values.next().flatten();
        let (name, category, bucket, created) = (next(), next(), next(), next());
        Some(Place {
            id: owner,
            bucket: bucket.and_then(|bucket| bucket.as_bigint()).unwrap_or(0),
            created_at: created.and_then(|created| created.as_cql_timestamp()).map_or(0, |created| created.0),
            name: name.and_then(CqlValue::into_string)?,
            category: category.and_then(CqlValue::into_string),
        })
    }
}
