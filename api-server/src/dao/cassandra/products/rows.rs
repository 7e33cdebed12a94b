//! Rows of products as Cassandra sends them, borrowed from the frame. No IO.

use std::fmt::Display;

use scylla::response::query_result::QueryRowsResult;
use scylla::value::{CqlDecimalBorrowed, CqlTimestamp};
use uuid::Uuid;

use crate::dao::DaoError;
use crate::dao::price::Price;
use crate::dao::products::{Marks, ProductRef, Stored};

/// The columns of a product that every list carries, in the order of [`Row`].
pub const LIST_COLUMNS: &str = "id, sku, name, price, brand, description, category, version, created_at, updated_at";

/// A row of [`LIST_COLUMNS`].
pub type Row<'f> = (
    Uuid,
    Option<&'f str>,
    Option<&'f str>,
    Option<CqlDecimalBorrowed<'f>>,
    Option<&'f str>,
    Option<&'f str>,
    Option<&'f str>,
    Option<i64>,
    Option<CqlTimestamp>,
    Option<CqlTimestamp>,
);

/// The columns of the truth that clients see, in the order of [`TruthRow`].
pub const TRUTH_COLUMNS: &str =
    "id, sku, name, price, brand, description, category, version, created_at, updated_at, archived_at";

/// A row of [`TRUTH_COLUMNS`].
pub type TruthRow<'f> = (
    Uuid,
    Option<&'f str>,
    Option<&'f str>,
    Option<CqlDecimalBorrowed<'f>>,
    Option<&'f str>,
    Option<&'f str>,
    Option<&'f str>,
    Option<i64>,
    Option<CqlTimestamp>,
    Option<CqlTimestamp>,
    Option<CqlTimestamp>,
);

/// A row of [`TRUTH_COLUMNS`] and the bookkeeping.
type MarkedRow<'f> = (
    Uuid,
    Option<&'f str>,
    Option<&'f str>,
    Option<CqlDecimalBorrowed<'f>>,
    Option<&'f str>,
    Option<&'f str>,
    Option<&'f str>,
    Option<i64>,
    Option<CqlTimestamp>,
    Option<CqlTimestamp>,
    Option<CqlTimestamp>,
    Option<i64>,
    Option<Uuid>,
    Option<Vec<Uuid>>,
    Option<Uuid>,
);

/// An answer that cannot be read.
pub fn broken(error: impl Display) -> DaoError {
    DaoError::Broken(error.to_string())
}

/// The product of a row. `None` for a row that only marks an id as used up.
pub fn row_of<'f>(row: &Row<'f>) -> Result<Option<ProductRef<'f>>, DaoError> {
    let (id, sku, name, price, brand, description, category, version, created_at, updated_at) = row;
    let (Some(sku), Some(name), Some(price), Some(version)) = (sku, name, price, version) else {
        return Ok(None);
    };
    let created_at = created_at.map_or(0, |time| time.0);
    Ok(Some(ProductRef {
        id: *id,
        sku,
        name,
        price: price_of(price)?,
        brand: *brand,
        description: *description,
        category: *category,
        version: *version,
        created_at,
        updated_at: updated_at.map_or(created_at, |time| time.0),
        archived_at: None,
    }))
}

/// The product of a row of the truth.
pub fn truth_of(row: TruthRow<'_>) -> Result<Option<ProductRef<'_>>, DaoError> {
    let (id, sku, name, price, brand, description, category, version, created_at, updated_at, archived_at) = row;
    let listed = (id, sku, name, price, brand, description, category, version, created_at, updated_at);
    let product = row_of(&listed)?;
    Ok(product.map(|product| ProductRef { archived_at: archived_at.map(|time| time.0), ..product }))
}

/// The product and bookkeeping of a result of at most one row.
pub fn stored_of(rows: &QueryRowsResult) -> Result<Option<Stored>, DaoError> {
    let Some(row) = rows.maybe_first_row::<MarkedRow<'_>>().map_err(broken)? else {
        return Ok(None);
    };
    let (id, sku, name, price, brand, description, category, version, created, updated, archived, ..) = row;
    let (.., bucket, sku_claim, operations, fence) = row;
    let truth = (id, sku, name, price, brand, description, category, version, created, updated, archived);
    let Some(product) = truth_of(truth)? else {
        return Ok(None);
    };
    // A product without bookkeeping is one that was written by something else.
    let defaults = Marks::default();
    Ok(Some(Stored {
        product: product.to_product(),
        marks: Marks {
            bucket: bucket.unwrap_or(defaults.bucket),
            claim: sku_claim.unwrap_or(defaults.claim),
            operations: operations.unwrap_or(defaults.operations),
            fence,
        },
    }))
}

fn price_of(decimal: &CqlDecimalBorrowed<'_>) -> Result<Price, DaoError> {
    let (bytes, scale) = decimal.as_signed_be_bytes_slice_and_exponent();
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    if bytes.is_empty() || bytes.len() > 8 || negative {
        return Err(DaoError::Broken("a price out of range".into()));
    }
    let unscaled = bytes.iter().fold(0_i64, |value, byte| (value << 8) | i64::from(*byte));
    Price::new(unscaled, scale).map_err(|error| DaoError::Broken(format!("a price that {error}")))
}
