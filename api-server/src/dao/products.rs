//! The product aggregate: its records and what the store asks of whoever keeps them. No IO.

use async_trait::async_trait;
use uuid::Uuid;

use super::price::Price;
use super::words::{words_of, words_of_name};
use super::{Context, DaoError, Receipt};

pub use super::page::{LOOKED_AT_MAX, PageEnd, Position};
pub use super::row::{Inserted, Marks, Removed, Replaced};
pub use super::words::{fold_name, has_words};

/// A product as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    pub id: Uuid,
    pub sku: String,
    pub name: String,
    pub price: Price,
    pub brand: Option<String>,
    pub description: Option<String>,
    pub category: Option<String>,
    /// 1 when created, +1 with each change.
    pub version: i64,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub updated_at: i64,
    /// Units below which the stock is low; `None` where nobody has said.
    pub low_stock: Option<i32>,
    /// Milliseconds since 1970. An archived product is in the list of archived ones alone, holds no sku and is
    /// found by its id.
    pub archived_at: Option<i64>,
}

/// The same, borrowed from wherever the row lies (a network frame, a map).
#[derive(Debug, Clone, Copy)]
pub struct ProductRef<'a> {
    pub id: Uuid,
    pub sku: &'a str,
    pub name: &'a str,
    pub price: Price,
    pub brand: Option<&'a str>,
    pub description: Option<&'a str>,
    pub category: Option<&'a str>,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub low_stock: Option<i32>,
    pub archived_at: Option<i64>,
}

impl Product {
    /// The borrowed form.
    pub fn borrowed(&self) -> ProductRef<'_> {
        ProductRef {
            id: self.id,
            sku: &self.sku,
            name: &self.name,
            price: self.price,
            brand: self.brand.as_deref(),
            description: self.description.as_deref(),
            category: self.category.as_deref(),
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
            low_stock: self.low_stock,
            archived_at: self.archived_at,
        }
    }
}

impl ProductRef<'_> {
    /// The owned form.
    pub fn to_product(&self) -> Product {
        Product {
            id: self.id,
            sku: self.sku.to_owned(),
            name: self.name.to_owned(),
            price: self.price,
            brand: self.brand.map(str::to_owned),
            description: self.description.map(str::to_owned),
            category: self.category.map(str::to_owned),
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
            low_stock: self.low_stock,
            archived_at: self.archived_at,
        }
    }
}

/// Receives rows as they are decoded, so that a page is never collected before it is written out.
pub trait ProductSink: Send {
    fn product(&mut self, row: ProductRef<'_>);
}

impl ProductSink for Vec<Product> {
    fn product(&mut self, row: ProductRef<'_>) {
        self.push(row.to_product());
    }
}

/// A product read to be changed, with what the store of it must know to change it safely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub product: Product,
    pub marks: Marks,
}

/// Which products a list shows; all given conditions hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub sku: Option<String>,
    /// Compared without regard to case, see [`fold_name`].
    pub name_prefix: Option<String>,
    pub category: Option<String>,
    /// All words of this text are words of the name, see [`words_of`]; a text without words is of no name.
    pub words: Option<String>,
    /// Those that are archived instead of all others; stands alone.
    pub archived: bool,
}

impl Filter {
    /// Whether a product belongs into the list.
    pub fn admits(&self, product: &ProductRef<'_>) -> bool {
        product.archived_at.is_some() == self.archived
            && self.sku.as_ref().is_none_or(|sku| sku == product.sku)
            && self.category.as_ref().is_none_or(|category| Some(category.as_str()) == product.category)
            && self.name_prefix.as_ref().is_none_or(|prefix| fold_name(product.name).starts_with(&fold_name(prefix)))
            && self.words.as_ref().is_none_or(|words| has_words(&words_of_name(product.name), &words_of(words)))
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery {
    pub filter: Filter,
    /// At most so many products, 1 to 100.
    pub limit: usize,
    /// Continue after this position; `None` begins with the newest.
    pub after: Option<Position>,
    /// Rows and partitions that it may look at; see [`LOOKED_AT_MAX`].
    pub look_at: usize,
}

/// Keeps products. Every method is bounded by the deadline of its context.
///
/// `operation` names one attempt of one client request; calling again with the same operation
/// after an error is harmless and reports what the first call did.
#[async_trait]
pub trait ProductDao: Send + Sync {
    /// Gives the product to the sink, if there is one, archived or not, at the level of the context.
    async fn find(&self, cx: &Context, id: Uuid, sink: &mut dyn ProductSink) -> Result<Receipt, DaoError>;

    /// Those of the products that are there, archived or not, in no order; of at most a hundred ids, by one statement.
    async fn find_many(&self, cx: &Context, ids: &[Uuid]) -> Result<Vec<Product>, DaoError>;

    /// The product as every LWT before has left it, for changing it.
    async fn load(&self, cx: &Context, id: Uuid) -> Result<Option<Stored>, DaoError>;

    /// Gives one page to the sink, newest first.
    async fn page(&self, cx: &Context, query: &PageQuery, sink: &mut dyn ProductSink) -> Result<PageEnd, DaoError>;

    /// Creates the product at version 1. It is in every list when this returns `Done`.
    async fn insert(&self, cx: &Context, product: &Product, operation: Uuid) -> Result<Inserted, DaoError>;

    /// Changes `before` to `after` (same id, next version) if it is still what was read. Archived,
    /// it leaves every list but that of archived ones, and its sku is free; restored, it claims its sku again.
    async fn replace(
        &self,
        cx: &Context,
        before: &Stored,
        after: &Product,
        operation: Uuid,
    ) -> Result<Replaced, DaoError>;

    /// Removes the product if it is still what was read.
    async fn remove(&self, cx: &Context, before: &Stored, operation: Uuid) -> Result<Removed, DaoError>;
}
