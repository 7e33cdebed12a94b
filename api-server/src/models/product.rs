//! What a product may be, and how a draft or a change becomes one. Pure.

#![deny(clippy::disallowed_methods)]

use uuid::Uuid;

use super::error::Violation;
use super::text::Broken;
use crate::dao::price::Price;
use crate::dao::products::Product;

/// Characters that a name may have at most.
pub const NAME_MAX: usize = 150;
/// Characters that a sku may have at most.
pub const SKU_MAX: usize = 64;
/// Characters that a brand may have at most.
pub const BRAND_MAX: usize = 150;
/// Characters that a category may have at most.
pub const CATEGORY_MAX: usize = 100;
/// Characters that a description may have at most; bounds the size of the batch that writes it.
pub const DESCRIPTION_MAX: usize = 2000;
/// Units that a threshold of a stock may have at most: as many as a stock may.
pub const LOW_STOCK_MAX: i32 = 1_000_000_000;

/// Everything of a product that a client decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub sku: String,
    pub name: String,
    pub price: Price,
    pub brand: Option<String>,
    pub description: Option<String>,
    pub category: Option<String>,
    pub low_stock: Option<i32>,
}

/// A partial change; `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    pub sku: Option<String>,
    pub name: Option<String>,
    pub price: Option<Price>,
    pub brand: Option<Option<String>>,
    pub description: Option<Option<String>>,
    pub category: Option<Option<String>>,
    pub low_stock: Option<Option<i32>>,
    /// Whether a product that is archived comes back.
    pub restore: bool,
}

impl From<Draft> for Change {
    /// A full replacement as a change of everything.
    fn from(draft: Draft) -> Self {
        Self {
            sku: Some(draft.sku),
            name: Some(draft.name),
            price: Some(draft.price),
            brand: Some(draft.brand),
            description: Some(draft.description),
            category: Some(draft.category),
            low_stock: Some(draft.low_stock),
            restore: false,
        }
    }
}

impl Draft {
    /// The product that this draft becomes.
    pub fn into_product(self, id: Uuid, now_ms: i64) -> Product {
        Product {
            id,
            sku: self.sku,
            name: self.name,
            price: self.price,
            brand: self.brand,
            description: self.description,
            category: self.category,
            low_stock: self.low_stock,
            version: 1,
            created_at: now_ms,
            updated_at: now_ms,
            archived_at: None,
        }
    }
}

impl Change {
    /// The next version of a product, `None` when the change leaves it as it is.
    pub fn apply(&self, before: &Product, now_ms: i64) -> Option<Product> {
        let mut after = before.clone();
        if let Some(sku) = &self.sku {
            after.sku.clone_from(sku);
        }
        if let Some(name) = &self.name {
            after.name.clone_from(name);
        }
        // The same amount written with more or fewer zeros is no change: spreadsheets drop them.
        if let Some(price) = self.price.filter(|price| !price.same_amount(before.price)) {
            after.price = price;
        }
        if let Some(brand) = &self.brand {
            after.brand.clone_from(brand);
        }
        if let Some(description) = &self.description {
            after.description.clone_from(description);
        }
        if let Some(category) = &self.category {
            after.category.clone_from(category);
        }
        if let Some(low_stock) = self.low_stock {
            after.low_stock = low_stock;
        }
        if self.restore {
            after.archived_at = None;
        }
        if after == *before {
            return None;
        }
        after.version = before.version + 1;
        after.updated_at = now_ms.max(before.updated_at);
        Some(after)
    }
}

/// The version of a product that is archived.
pub fn archived(before: &Product, now_ms: i64) -> Product {
    let at = now_ms.max(before.updated_at);
    Product { version: before.version + 1, updated_at: at, archived_at: Some(at), ..before.clone() }
}

/// A violation at a field of the body.
pub fn at_field(field: &str, (code, detail): Broken) -> Violation {
    Violation::new(format!("/{field}"), code, format!("{field} {detail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product() -> Product {
        Draft {
            sku: "TEA-1".into(),
            name: "Green tea".into(),
            price: Price::new(1050, 2).unwrap(),
            brand: None,
            description: None,
            category: Some("tea".into()),
            low_stock: None,
        }
        .into_product(Uuid::from_u128(1), 10)
    }

    #[test]
    fn a_change_raises_the_version_and_touches_only_what_it_names() {
        let change = Change { name: Some("Black tea".into()), category: Some(None), ..Change::default() };
        let after = change.apply(&product(), 20).unwrap();
        assert_eq!((after.version, after.updated_at, after.created_at), (2, 20, 10));
        assert_eq!(after.name, "Black tea");
        assert_eq!(after.category, None);
        assert_eq!(after.sku, product().sku);
    }

    #[test]
    fn a_change_that_changes_nothing_makes_no_version() {
        let change = Change { name: Some("Green tea".into()), ..Change::default() };
        assert_eq!(change.apply(&product(), 20), None);
        assert_eq!(Change::default().apply(&product(), 20), None);
    }

    #[test]
    fn an_archived_product_comes_back_with_what_else_is_changed_as_a_version_of_its_own() {
        let archived = archived(&product(), 15);
        assert_eq!((archived.version, archived.archived_at), (2, Some(15)));
        let change = Change { restore: true, sku: Some("TEA-2".into()), ..Change::default() };
        let back = change.apply(&archived, 20).unwrap();
        assert_eq!((back.version, back.archived_at, back.updated_at, &*back.sku), (3, None, 20, "TEA-2"));
        assert_eq!(Change { restore: true, ..Change::default() }.apply(&product(), 20), None);
    }

    #[test]
    fn an_amount_that_is_written_otherwise_is_no_change() {
        let priced =
            |unscaled, scale| Change { price: Some(Price::new(unscaled, scale).unwrap()), ..Change::default() };
        assert_eq!(priced(105, 1).apply(&product(), 20), None);
        assert_eq!(priced(1051, 2).apply(&product(), 20).unwrap().price.to_string(), "10.51");
    }

    #[test]
    fn a_threshold_comes_goes_and_stays_where_nothing_is_said_of_it() {
        let change = |low_stock| Change { low_stock, ..Change::default() };
        let low = change(Some(Some(5))).apply(&product(), 20).unwrap();
        assert_eq!((low.low_stock, low.version), (Some(5), 2));
        assert_eq!(change(None).apply(&low, 30), None);
        assert_eq!(change(Some(None)).apply(&low, 30).unwrap().low_stock, None);
    }

    #[test]
    fn a_clock_that_runs_back_never_makes_an_update_older() {
        let change = Change { name: Some("Black tea".into()), ..Change::default() };
        assert_eq!(change.apply(&product(), 5).unwrap().updated_at, 10);
    }
}
