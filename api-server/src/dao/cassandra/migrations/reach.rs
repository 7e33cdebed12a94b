//! What finds products by more than their names, and tells which run low.

/// Units below which a stock is low.
pub const LOW_STOCK: &[&str] = &[
    "ALTER TABLE {ks}.products ADD IF NOT EXISTS low_stock int",
    "ALTER TABLE {ks}.products_by_time ADD IF NOT EXISTS low_stock int",
    "ALTER TABLE {ks}.products_by_category ADD IF NOT EXISTS low_stock int",
    "ALTER TABLE {ks}.products_archived ADD IF NOT EXISTS low_stock int",
];
