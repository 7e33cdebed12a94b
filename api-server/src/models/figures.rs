//! Figures of the business, counted as it passes through this process: no table is scanned for them,
//! so the sum over all processes is what happened since they started. No IO.

use std::sync::Arc;

use prometheus::{IntCounter, IntCounterVec, Opts};
use store_telemetry::Catalogue;

use super::error::ModelError;
use crate::dao::ledger::{Book, Kind, Movement};
use crate::dao::orders::{Order, Status};

/// Why an order was refused, as a closed set.
const REASONS: [&str; 8] = [
    "insufficient_stock",
    "unknown_product",
    "product_archived",
    "unknown_user",
    "out_of_range",
    "given_up",
    "overloaded",
    "database",
];

/// How well a product is stocked. `NEW` is before its first movement.
const LEVELS: [&str; 4] = ["new", "out", "low", "enough"];
const NEW: usize = 0;

/// Counters with their handles; cheap to clone.
#[derive(Clone)]
pub struct Figures(Arc<Counters>);

struct Counters {
    low: i64,
    orders: [IntCounter; Status::ALL.len()],
    value: [IntCounter; Status::ALL.len()],
    refused: [IntCounter; REASONS.len()],
    units: [IntCounter; Kind::ALL.len()],
    levels: [[IntCounter; LEVELS.len()]; LEVELS.len()],
    oversold: IntCounter,
}

impl Figures {
    /// Registers them. A stock of fewer than `low` units is low.
    pub fn register(catalogue: &Catalogue, low: i64) -> Result<Self, prometheus::Error> {
        let vec =
            |name: &str, help: &str, labels: &[&str]| catalogue.add(IntCounterVec::new(Opts::new(name, help), labels)?);
        let orders = vec(
            "store_orders_total",
            "Orders that this process brought to the status, since it started; pending: by a process of the version before.",
            &["status"],
        )?;
        let value = vec(
            "store_order_value_cents_total",
            "Cents of the orders that this process brought to the status, since it started.",
            &["status"],
        )?;
        let refused = vec(
            "store_orders_refused_total",
            "Requests for an order that this process refused, by the first reason, since it started.",
            &["reason"],
        )?;
        let units = vec(
            "store_stock_units_total",
            "Units by which this process moved stocks, up or down, by the kind of movement, since it started.",
            &["kind"],
        )?;
        let levels = vec(
            "store_stock_level_changes_total",
            "Products whose stock this process moved from one level to another, since it started; low: fewer units than \
             STORE_LOW_STOCK. Arrivals at a level less departures, over all processes, are the products that have come \
             to be there meanwhile.",
            &["from", "to"],
        )?;
        let oversold = catalogue.add(IntCounter::new(
            "store_stock_oversold_total",
            "Times that a stock below zero was met or written; anything but 0 is a fault of this program.",
        )?)?;
        let status = |vec: &IntCounterVec| Status::ALL.map(|status| vec.with_label_values(&[status.name()]));
        Ok(Self(Arc::new(Counters {
            low,
            orders: status(&orders),
            value: status(&value),
            refused: REASONS.map(|reason| refused.with_label_values(&[reason])),
            units: Kind::ALL.map(|kind| units.with_label_values(&[kind.name()])),
            levels: LEVELS.map(|from| LEVELS.map(|to| levels.with_label_values(&[from, to]))),
            oversold,
        })))
    }

    /// This process brought an order to its status.
    pub fn order(&self, order: &Order) {
        if let Some(at) = Status::ALL.iter().position(|status| *status == order.status) {
            self.0.orders[at].inc();
            self.0.value[at].inc_by(u64::try_from(order.total).unwrap_or_default());
        }
    }

    /// A request for an order was refused.
    pub fn refused(&self, error: &ModelError) {
        self.0.refused[reason(error)].inc();
    }

    /// Movements of one account were made; `before` is its quantity before the first of them.
    pub fn moved(&self, book: Book, before: Option<i64>, movements: &[Movement]) {
        if book != Book::Stock {
            return;
        }
        let counters = &self.0;
        let mut before = before;
        for movement in movements {
            if let Some(kind) = Kind::ALL.iter().position(|kind| *kind == movement.kind) {
                counters.units[kind].inc_by(movement.delta.unsigned_abs());
            }
            let (from, to) = (level(before, counters.low), level(Some(movement.quantity), counters.low));
            if from != to {
                counters.levels[from][to].inc();
            }
            if before.is_some_and(|quantity| quantity < 0) || movement.quantity < 0 {
                counters.oversold.inc();
            }
            before = Some(movement.quantity);
        }
    }
}

fn level(quantity: Option<i64>, low: i64) -> usize {
    match quantity {
        None => NEW,
        Some(quantity) if quantity <= 0 => 1,
        Some(quantity) if quantity < low => 2,
        Some(_) => 3,
    }
}

fn reason(error: &ModelError) -> usize {
    let code = match error {
        ModelError::Short(_) => "insufficient_stock",
        ModelError::Invalid(broken) | ModelError::Malformed(broken) => {
            broken.first().map_or("out_of_range", |first| first.code.as_ref())
        }
        ModelError::Conflict(broken) | ModelError::Busy(broken) => broken.code.as_ref(),
        ModelError::Overloaded(_) => "overloaded",
        ModelError::Dao(_) => "database",
        ModelError::NotFound(_)
        | ModelError::PreconditionFailed(_)
        | ModelError::KeyReused
        | ModelError::KeyInFlight => "given_up",
    };
    let named = REASONS.iter().position(|reason| *reason == code);
    // What the books cannot hold has several codes.
    named.or_else(|| REASONS.iter().position(|reason| *reason == "out_of_range")).unwrap_or_default()
}

#[cfg(test)]
impl Figures {
    /// For tests that do not look at them: the same for all.
    pub fn unseen() -> Self {
        static UNSEEN: std::sync::OnceLock<Figures> = std::sync::OnceLock::new();
        UNSEEN.get_or_init(|| Self::register(&Catalogue::new(), 10).unwrap()).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dao::DaoError;
    use crate::models::Violation;

    fn movement(kind: Kind, delta: i64, quantity: i64) -> Movement {
        Movement {
            id: uuid::Uuid::nil(),
            version: 1,
            kind,
            delta,
            quantity,
            turned: 0,
            day: None,
            reason: None,
            reference: None,
            by: None,
            at: 0,
        }
    }

    fn value(catalogue: &Catalogue, series: &str) -> Option<String> {
        let text = String::from_utf8(catalogue.text().unwrap()).unwrap();
        text.lines().find_map(|line| line.strip_prefix(series)).map(|value| value.trim().to_owned())
    }

    #[test]
    fn a_stock_that_falls_is_counted_at_each_level_that_it_comes_to() {
        let catalogue = Catalogue::new();
        let figures = Figures::register(&catalogue, 10).unwrap();
        let fall = [movement(Kind::Order, -5, 9), movement(Kind::Order, -2, 7), movement(Kind::Order, -7, 0)];
        figures.moved(Book::Stock, None, &[movement(Kind::Set, 14, 14)]);
        figures.moved(Book::Stock, Some(14), &fall);
        figures.moved(Book::Spending, Some(0), &[movement(Kind::Order, 0, 0)]);
        for (from, to, times) in
            [("new", "enough", "1"), ("enough", "low", "1"), ("low", "out", "1"), ("low", "low", "0")]
        {
            let series = format!("store_stock_level_changes_total{{from=\"{from}\",to=\"{to}\"}}");
            assert_eq!(value(&catalogue, &series).as_deref(), Some(times), "{series}");
        }
        assert_eq!(value(&catalogue, "store_stock_units_total{kind=\"order\"}").as_deref(), Some("14"));
        assert_eq!(value(&catalogue, "store_stock_oversold_total").as_deref(), Some("0"));
        figures.moved(Book::Stock, Some(1), &[movement(Kind::Order, -2, -1)]);
        assert_eq!(value(&catalogue, "store_stock_oversold_total").as_deref(), Some("1"));
    }

    #[test]
    fn an_order_is_refused_for_one_of_a_closed_set_of_reasons() {
        let of = |code: &'static str| Violation::new("", code, "");
        for (error, reason) in [
            (ModelError::Short(Vec::new()), "insufficient_stock"),
            (ModelError::Invalid(vec![of("unknown_user"), of("unknown_product")]), "unknown_user"),
            (ModelError::Conflict(of("given_up")), "given_up"),
            (ModelError::Conflict(of("turnover_too_large")), "out_of_range"),
            (ModelError::Overloaded(""), "overloaded"),
            (ModelError::Dao(DaoError::Unreachable(String::new())), "database"),
        ] {
            assert_eq!(REASONS[super::reason(&error)], reason, "{error}");
        }
    }
}
