//! Rows of products as Cassandra sends them, borrowed from the frame. No IO.
//!
//! They are read cell by cell. The driver's tuples carry each cell through layers of options and errors, which took as
//! long as writing its JSON does; here they only check the types, once an answer.

use std::fmt::Display;
use std::str::Utf8Error;

use scylla::deserialize::row::{ColumnIterator, DeserializeRow};
use scylla::deserialize::value::DeserializeValue;
use scylla::deserialize::{DeserializationError, TypeCheckError};
use scylla::frame::response::result::ColumnSpec;
use scylla::response::query_result::QueryRowsResult;
use scylla::value::{CqlDecimalBorrowed, CqlTimestamp};
use thiserror::Error;
use uuid::Uuid;

use crate::dao::DaoError;
use crate::dao::price::{Price, PriceError};
use crate::dao::products::{Marks, ProductRef, Stored};

/// The columns of a product that every list carries, in the order of [`ListedRow`].
pub const LIST_COLUMNS: &str =
    "id, sku, name, price, brand, description, category, version, created_at, updated_at, low_stock";

/// The columns of the truth that clients see, in the order of [`TruthRow`].
pub const TRUTH_COLUMNS: &str =
    "id, sku, name, price, brand, description, category, version, created_at, updated_at, low_stock, archived_at";

/// A row of [`LIST_COLUMNS`]: its product, `None` for a row that only marks an id as used up.
pub struct ListedRow<'f>(pub Option<ProductRef<'f>>);

/// A row of [`TRUTH_COLUMNS`], the same.
pub struct TruthRow<'f>(pub Option<ProductRef<'f>>);

/// A row of [`TRUTH_COLUMNS`] and the bookkeeping.
struct MarkedRow<'f> {
    product: Option<ProductRef<'f>>,
    bucket: Option<i64>,
    sku_claim: Option<Uuid>,
    operations: Option<Vec<Uuid>>,
    fence: Option<Uuid>,
}

type Text<'f> = Option<&'f str>;
type Decimal<'f> = Option<CqlDecimalBorrowed<'f>>;
type Time = Option<CqlTimestamp>;

/// The types of [`LIST_COLUMNS`].
type ListedTypes<'f> =
    (Uuid, Text<'f>, Text<'f>, Decimal<'f>, Text<'f>, Text<'f>, Text<'f>, Option<i64>, Time, Time, Option<i32>);

/// The types of [`TRUTH_COLUMNS`].
type TruthTypes<'f> =
    (Uuid, Text<'f>, Text<'f>, Decimal<'f>, Text<'f>, Text<'f>, Text<'f>, Option<i64>, Time, Time, Option<i32>, Time);

/// The types of a [`MarkedRow`].
type MarkedTypes<'f> = (
    Uuid,
    Text<'f>,
    Text<'f>,
    Decimal<'f>,
    Text<'f>,
    Text<'f>,
    Text<'f>,
    Option<i64>,
    Time,
    Time,
    Option<i32>,
    Time,
    Option<i64>,
    Option<Uuid>,
    Option<Vec<Uuid>>,
    Option<Uuid>,
);

impl<'f, 'm> DeserializeRow<'f, 'm> for ListedRow<'f> {
    fn type_check(columns: &[ColumnSpec<'_>]) -> Result<(), TypeCheckError> {
        <ListedTypes<'f> as DeserializeRow<'f, 'm>>::type_check(columns)
    }

    fn deserialize(row: ColumnIterator<'f, 'm>) -> Result<Self, DeserializationError> {
        Cells(row).product().map(Self)
    }
}

impl<'f, 'm> DeserializeRow<'f, 'm> for TruthRow<'f> {
    fn type_check(columns: &[ColumnSpec<'_>]) -> Result<(), TypeCheckError> {
        <TruthTypes<'f> as DeserializeRow<'f, 'm>>::type_check(columns)
    }

    fn deserialize(row: ColumnIterator<'f, 'm>) -> Result<Self, DeserializationError> {
        Cells(row).truth().map(Self)
    }
}

impl<'f, 'm> DeserializeRow<'f, 'm> for MarkedRow<'f> {
    fn type_check(columns: &[ColumnSpec<'_>]) -> Result<(), TypeCheckError> {
        <MarkedTypes<'f> as DeserializeRow<'f, 'm>>::type_check(columns)
    }

    fn deserialize(row: ColumnIterator<'f, 'm>) -> Result<Self, DeserializationError> {
        let mut cells = Cells(row);
        Ok(Self {
            product: cells.truth()?,
            bucket: cells.bigint()?,
            sku_claim: cells.value()?,
            operations: cells.value()?,
            fence: cells.value()?,
        })
    }
}

/// A cell that cannot be read.
#[derive(Debug, Error)]
enum BadCell {
    #[error("a row has too few cells, or one of {0} bytes where another number is needed")]
    Length(usize),
    #[error("a text is not UTF-8: {0}")]
    Text(#[from] Utf8Error),
    #[error("a price {0}")]
    Price(#[from] PriceError),
}

impl From<BadCell> for DeserializationError {
    fn from(bad: BadCell) -> Self {
        Self::new(bad)
    }
}

/// The cells of one row, first to last.
struct Cells<'f, 'm>(ColumnIterator<'f, 'm>);

impl<'f> Cells<'f, '_> {
    fn truth(&mut self) -> Result<Option<ProductRef<'f>>, DeserializationError> {
        let product = self.product()?;
        let archived_at = self.bigint()?;
        Ok(product.map(|product| ProductRef { archived_at, ..product }))
    }

    fn product(&mut self) -> Result<Option<ProductRef<'f>>, DeserializationError> {
        let id = Uuid::from_bytes(self.exact()?.ok_or(BadCell::Length(0))?);
        let (sku, name, price) = (self.text()?, self.text()?, self.bytes()?);
        let (brand, description, category) = (self.text()?, self.text()?, self.text()?);
        let (version, created_at, updated_at) = (self.bigint()?, self.bigint()?, self.bigint()?);
        let low_stock = self.exact()?;
        let (Some(sku), Some(name), Some(price), Some(version)) = (sku, name, price, version) else {
            return Ok(None);
        };
        let created_at = created_at.unwrap_or(0);
        let updated_at = updated_at.unwrap_or(created_at);
        let low_stock = low_stock.map(i32::from_be_bytes);
        let price = price_of(price)?;
        Ok(Some(ProductRef {
            id,
            sku,
            name,
            price,
            brand,
            description,
            category,
            version,
            created_at,
            updated_at,
            low_stock,
            archived_at: None,
        }))
    }

    fn bytes(&mut self) -> Result<Option<&'f [u8]>, DeserializationError> {
        let column = self.0.next().ok_or(BadCell::Length(0))??;
        Ok(column.slice.map(|slice| slice.as_slice()))
    }

    fn exact<const N: usize>(&mut self) -> Result<Option<[u8; N]>, DeserializationError> {
        let Some(bytes) = self.bytes()? else { return Ok(None) };
        Ok(Some(bytes.try_into().map_err(|_| BadCell::Length(bytes.len()))?))
    }

    fn text(&mut self) -> Result<Text<'f>, DeserializationError> {
        let Some(bytes) = self.bytes()? else { return Ok(None) };
        Ok(Some(std::str::from_utf8(bytes).map_err(BadCell::Text)?))
    }

    /// A bigint, or a timestamp in milliseconds.
    fn bigint(&mut self) -> Result<Option<i64>, DeserializationError> {
        Ok(self.exact()?.map(i64::from_be_bytes))
    }
}

impl<'f, 'm> Cells<'f, 'm> {
    /// A cell as the driver reads it.
    fn value<T: DeserializeValue<'f, 'm>>(&mut self) -> Result<T, DeserializationError> {
        let column = self.0.next().ok_or(BadCell::Length(0))??;
        T::deserialize(column.spec.typ(), column.slice)
    }
}

/// An answer that cannot be read.
pub fn broken(error: impl Display) -> DaoError {
    DaoError::Broken(error.to_string())
}

/// The product and bookkeeping of a result of at most one row.
pub fn stored_of(rows: &QueryRowsResult) -> Result<Option<Stored>, DaoError> {
    let Some(MarkedRow { product: Some(product), bucket, sku_claim, operations, fence }) =
        rows.maybe_first_row().map_err(broken)?
    else {
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

/// The price in a decimal: the scale in four bytes, then the unscaled value, both signed, the highest byte first.
fn price_of(decimal: &[u8]) -> Result<Price, BadCell> {
    let (scale, unscaled) = decimal.split_first_chunk().ok_or(BadCell::Length(decimal.len()))?;
    let negative = unscaled.first().is_some_and(|byte| byte & 0x80 != 0);
    if unscaled.is_empty() || unscaled.len() > 8 {
        return Err(BadCell::Length(decimal.len()));
    }
    if negative {
        return Err(BadCell::Price(PriceError::NotPositive));
    }
    let unscaled = unscaled.iter().fold(0_i64, |value, byte| (value << 8) | i64::from(*byte));
    Ok(Price::new(unscaled, i32::from_be_bytes(*scale))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::{BufMut as _, Bytes, BytesMut};
    use scylla::cluster::metadata::{ColumnType, NativeType};
    use scylla::deserialize::FrameSlice;
    use scylla::frame::response::result::TableSpec;

    fn frame(cells: &[Option<&[u8]>]) -> Bytes {
        let mut out = BytesMut::new();
        for cell in cells {
            match cell {
                Some(bytes) => {
                    out.put_i32(i32::try_from(bytes.len()).unwrap());
                    out.put_slice(bytes);
                }
                None => out.put_i32(-1),
            }
        }
        out.freeze()
    }

    fn columns() -> Vec<ColumnSpec<'static>> {
        use NativeType::{BigInt, Decimal, Int, Text, Timestamp, Uuid};
        let types = [Uuid, Text, Text, Decimal, Text, Text, Text, BigInt, Timestamp, Timestamp, Int, Timestamp];
        let names = TRUTH_COLUMNS.split(", ").zip(types);
        let column = |(name, native)| {
            ColumnSpec::borrowed(name, ColumnType::Native(native), TableSpec::borrowed("store", "products"))
        };
        names.map(column).collect()
    }

    /// Id, price and times are good; the rest is as given.
    fn row(sku: &[u8], price: &[u8], version: Option<&[u8]>) -> Bytes {
        let (id, time) = ([7; 16], 5_i64.to_be_bytes());
        let (name, category) = ("Té".as_bytes(), b"tea".as_slice());
        frame(&[
            Some(&id),
            Some(sku),
            Some(name),
            Some(price),
            None,
            None,
            Some(category),
            version,
            Some(&time),
            None,
            Some(&[0, 0, 0, 9]),
            Some(&time),
        ])
    }

    const SKU: &[u8] = b"TEA-1";
    const PRICE: &[u8] = &[0, 0, 0, 2, 4, 226];
    const ONE: Option<&[u8]> = Some(&[0, 0, 0, 0, 0, 0, 0, 1]);

    #[test]
    fn a_row_is_read_as_the_driver_reads_it() {
        let (columns, frame) = (columns(), row(SKU, PRICE, ONE));
        TruthRow::type_check(&columns).unwrap();
        ListedRow::type_check(&columns[..11]).unwrap();
        let cells = || ColumnIterator::new(&columns, FrameSlice::new(&frame));
        let theirs = <TruthTypes<'_> as DeserializeRow<'_, '_>>::deserialize(cells()).unwrap();
        let ours = TruthRow::deserialize(cells()).unwrap().0.unwrap();
        assert_eq!((ours.id, Some(ours.sku), Some(ours.name)), (theirs.0, theirs.1, theirs.2));
        assert_eq!((ours.brand, ours.description, ours.category), (theirs.4, theirs.5, theirs.6));
        assert_eq!((Some(ours.version), ours.created_at, ours.updated_at), (theirs.7, 5, 5));
        assert_eq!((ours.low_stock, ours.low_stock), (theirs.10, Some(9)));
        assert_eq!(ours.archived_at, theirs.11.map(|time| time.0));
        assert_eq!(ours.price, Price::new(1250, 2).unwrap());
    }

    #[test]
    fn a_row_of_an_id_that_was_used_up_is_no_product() {
        let (columns, frame) = (columns(), row(SKU, PRICE, None));
        let read = TruthRow::deserialize(ColumnIterator::new(&columns, FrameSlice::new(&frame))).unwrap();
        assert!(read.0.is_none());
    }

    #[test]
    fn a_cell_that_is_no_value_is_an_error_and_no_product() {
        let columns = columns();
        let negative: &[u8] = &[0, 0, 0, 2, 255];
        let long: &[u8] = &[0, 0, 0, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1];
        for (sku, price, version) in [
            (b"\xff".as_slice(), PRICE, ONE),
            (SKU, negative, ONE),
            (SKU, long, ONE),
            (SKU, &PRICE[..4], ONE),
            (SKU, &PRICE[..3], ONE),
            (SKU, PRICE, Some(SKU)),
        ] {
            let frame = row(sku, price, version);
            assert!(
                TruthRow::deserialize(ColumnIterator::new(&columns, FrameSlice::new(&frame))).is_err(),
                "{price:?}"
            );
        }
        let short = frame(&[Some(&[7; 16])]);
        assert!(TruthRow::deserialize(ColumnIterator::new(&columns, FrameSlice::new(&short))).is_err());
    }
}
