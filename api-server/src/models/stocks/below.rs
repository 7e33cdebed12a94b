//! Which stocks are low. Pure.

use std::fmt;

use crate::dao::ledger::Balance;
use crate::dao::products::Product;

/// Of what a stock has less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Below {
    /// Than the threshold of its product; one without a threshold is never low.
    Threshold,
    /// Than so many units.
    Units(i64),
}

impl Below {
    /// Whether the stock of a product has to be looked at.
    pub const fn may_hold(self, product: &Product) -> bool {
        matches!(self, Self::Units(_)) || product.low_stock.is_some()
    }

    /// Whether it is low. Of a stock that was never set nothing is there.
    pub fn holds(self, product: &Product, balance: Option<&Balance>) -> bool {
        let units = balance.map_or(0, |balance| balance.quantity);
        match self {
            Self::Threshold => product.low_stock.is_some_and(|threshold| units < i64::from(threshold)),
            Self::Units(threshold) => units < threshold,
        }
    }
}

/// As it stands in a query.
impl fmt::Display for Below {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Threshold => f.write_str("threshold"),
            Self::Units(units) => write!(f, "{units}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::dao::price::Price;
    use crate::models::product::Draft;

    fn product(low_stock: Option<i32>) -> Product {
        let draft = Draft {
            sku: "A".into(),
            name: "a".into(),
            price: Price::LEAST,
            brand: None,
            description: None,
            category: None,
            low_stock,
        };
        draft.into_product(Uuid::nil(), 0)
    }

    #[test]
    fn a_stock_is_low_below_the_threshold_of_its_product_and_not_at_it() {
        let holds = |threshold, quantity: i64| {
            let balance = Balance { quantity, turnover: 0, version: 1, updated_at: 0 };
            Below::Threshold.holds(&product(threshold), Some(&balance))
        };
        assert!(holds(Some(5), 4) && !holds(Some(5), 5));
        assert!(!holds(None, 0), "nobody has said when it is low");
        assert!(Below::Threshold.holds(&product(Some(1)), None));
        assert!(Below::Units(1).holds(&product(None), None) && !Below::Units(0).holds(&product(None), None));
        assert!(Below::Units(1).may_hold(&product(None)) && !Below::Threshold.may_hold(&product(None)));
    }
}
