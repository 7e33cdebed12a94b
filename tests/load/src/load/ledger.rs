//! What the API acknowledged: per product the last acknowledged revision and the last one sent. Pure.
//!
//! A product carries its revision in its description and its price, so that one read shows which
//! write it comes from and whether it is whole. At most one write per product is under way, and a
//! product with a write of unknown outcome is written no more: then "at least the acknowledged
//! revision, at most the last one sent" is exact, and any other value is a lost or torn write.

use std::collections::HashMap;

use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use uuid::Uuid;

/// A product as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its id.
    pub id: Uuid,
    /// Its sku, unique.
    pub sku: String,
    /// Highest revision whose write was acknowledged.
    pub acknowledged: u64,
    /// Highest revision ever sent.
    pub sent: u64,
    /// A write is under way.
    busy: bool,
}

impl Product {
    /// The same with any later revision allowed, for a check while the load goes on.
    #[must_use]
    pub fn with_any_later(self) -> Self {
        Product { sent: u64::MAX, ..self }
    }

    /// Whether a write is under way, or one ended with an unknown outcome.
    fn unsettled(&self) -> bool {
        self.busy || self.sent != self.acknowledged
    }
}

/// What a read must not contradict, taken down before it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Product to read.
    pub id: Uuid,
    /// Its sku.
    pub sku: String,
    /// Revision acknowledged before the read began: no older one may be seen.
    pub at_least: u64,
}

/// How an answer contradicts the ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refuted {
    /// An acknowledged write is not seen.
    #[error("revision {found} was read after revision {acknowledged} had been acknowledged")]
    Older {
        /// Revision that was read.
        found: u64,
        /// Revision acknowledged before the read began.
        acknowledged: u64,
    },
    /// Something is seen that was never written, or parts of different writes.
    #[error("the product is not as it was ever written: {0}")]
    Foreign(String),
}

/// All products that the load made.
#[derive(Debug, Default)]
pub struct Ledger {
    products: Vec<Product>,
    positions: HashMap<Uuid, usize>,
    created: u64,
    unknown_creations: Vec<String>,
}

impl Ledger {
    /// Number of products acknowledged.
    pub fn len(&self) -> usize {
        self.products.len()
    }

    /// Whether nothing has been acknowledged yet.
    pub fn is_empty(&self) -> bool {
        self.products.is_empty()
    }

    /// Number of writes acknowledged, creations included.
    pub fn acknowledged_writes(&self) -> u64 {
        self.products.iter().map(|product| product.acknowledged + 1).sum()
    }

    /// Every acknowledged product.
    pub fn products(&self) -> &[Product] {
        &self.products
    }

    /// The sku of each creation whose outcome is not known.
    pub fn unknown_creations(&self) -> &[String] {
        &self.unknown_creations
    }

    /// A sku that no creation had before, `prefix-7`.
    pub fn next_sku(&mut self, prefix: &str) -> String {
        self.created += 1;
        format!("{prefix}-{}", self.created)
    }

    /// Takes down a creation that was acknowledged.
    pub fn created(&mut self, id: Uuid, sku: String) {
        self.positions.insert(id, self.products.len());
        self.products.push(Product { id, sku, acknowledged: 0, sent: 0, busy: false });
    }

    /// Takes down a creation whose outcome is not known.
    pub fn creation_unknown(&mut self, sku: String) {
        self.unknown_creations.push(sku);
    }

    /// A product to read; none while there is none.
    pub fn choose_reading(&self, random: &mut StdRng) -> Option<Reading> {
        let product = self.products.get(random.random_range(0..self.products.len().max(1)))?;
        Some(Reading { id: product.id, sku: product.sku.clone(), at_least: product.acknowledged })
    }

    /// A product to write and the revision to give it. It is busy until [`Ledger::written`].
    pub fn choose_write(&mut self, random: &mut StdRng) -> Option<(Product, u64)> {
        let count = self.products.len();
        let first = random.random_range(0..count.max(1));
        // A few looks are enough: very few products are unsettled at a time.
        let position =
            (0..count.min(32)).map(|step| (first + step) % count).find(|at| !self.products[*at].unsettled())?;
        let product = &mut self.products[position];
        product.sent += 1;
        product.busy = true;
        Some((product.clone(), product.sent))
    }

    /// Takes down how a write ended. Without an acknowledgement its outcome stays unknown, and the
    /// product is written no more.
    pub fn written(&mut self, id: Uuid, revision: u64, acknowledged: bool) {
        if let Some(product) = self.positions.get(&id).and_then(|at| self.products.get_mut(*at)) {
            product.busy = false;
            if acknowledged {
                product.acknowledged = product.acknowledged.max(revision);
            }
        }
    }

    /// Compares an answer with the ledger.
    ///
    /// # Errors
    /// [`Refuted`] when the answer shows an older revision than `reading` allows, or one never sent.
    pub fn check(&self, reading: &Reading, answer: &Value) -> Result<(), Refuted> {
        let sent = self.positions.get(&reading.id).and_then(|at| self.products.get(*at)).map_or(0, |p| p.sent);
        let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if text("id") != reading.id.to_string() || text("sku") != reading.sku {
            return Err(Refuted::Foreign(format!("id {:?}, sku {:?}", text("id"), text("sku"))));
        }
        let price = answer.get("price").and_then(Value::as_f64).unwrap_or(f64::NAN);
        compare(&text("description"), (price * 100.0).round(), reading.at_least, sent)
    }
}

/// Compares a stored description and price in cents with the revisions that may be seen.
///
/// # Errors
/// [`Refuted`] when they are older, never sent, or of different revisions.
pub(super) fn compare(description: &str, cents: f64, at_least: u64, sent: u64) -> Result<(), Refuted> {
    let found: u64 = description
        .strip_prefix("revision ")
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| Refuted::Foreign(format!("description {description:?}")))?;
    if (cents - price_cents(found)).abs() > 0.1 {
        return Err(Refuted::Foreign(format!("revision {found} with a price of {cents} cents")));
    }
    if found > sent {
        return Err(Refuted::Foreign(format!("revision {found}, of {sent} ever sent")));
    }
    if found < at_least {
        return Err(Refuted::Older { found, acknowledged: at_least });
    }
    Ok(())
}

/// The whole body of a product at `revision`.
pub(super) fn body(sku: &str, revision: u64) -> Value {
    let mut body = change(revision);
    body["name"] = json!(format!("Product {sku}"));
    body["sku"] = json!(sku);
    body["brand"] = json!("Load");
    body["category"] = json!("load");
    body
}

/// What an update to `revision` changes.
pub(super) fn change(revision: u64) -> Value {
    json!({ "description": format!("revision {revision}"), "price": price_cents(revision) / 100.0 })
}

/// The price of a revision in cents; neighbours differ.
fn price_cents(revision: u64) -> f64 {
    let cents = u32::try_from(revision % 100_000).unwrap_or_default();
    f64::from(cents) + 100.0
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn one() -> (Ledger, Uuid) {
        let mut ledger = Ledger::default();
        let id = Uuid::new_v4();
        ledger.created(id, "a-1".into());
        (ledger, id)
    }

    fn answer(id: Uuid, revision: u64) -> Value {
        let mut answer = body("a-1", revision);
        answer["id"] = json!(id.to_string());
        answer
    }

    #[test]
    fn a_read_that_misses_an_acknowledged_write_is_refuted() {
        let (mut ledger, id) = one();
        let mut random = StdRng::seed_from_u64(1);
        let (_, revision) = ledger.choose_write(&mut random).expect("a product");
        ledger.written(id, revision, true);
        let reading = ledger.choose_reading(&mut random).expect("a product");
        assert_eq!(ledger.check(&reading, &answer(id, 1)), Ok(()));
        assert_eq!(ledger.check(&reading, &answer(id, 0)), Err(Refuted::Older { found: 0, acknowledged: 1 }));
    }

    #[test]
    fn a_write_of_unknown_outcome_may_or_may_not_be_seen_and_is_the_last_one() {
        let (mut ledger, id) = one();
        let mut random = StdRng::seed_from_u64(1);
        let (_, revision) = ledger.choose_write(&mut random).expect("a product");
        ledger.written(id, revision, false);
        let reading = ledger.choose_reading(&mut random).expect("a product");
        assert_eq!(ledger.check(&reading, &answer(id, 0)), Ok(()));
        assert_eq!(ledger.check(&reading, &answer(id, 1)), Ok(()));
        assert!(matches!(ledger.check(&reading, &answer(id, 2)), Err(Refuted::Foreign(_))));
        assert!(ledger.choose_write(&mut random).is_none());
    }

    #[test]
    fn a_product_being_written_gets_no_second_write() {
        let (mut ledger, id) = one();
        let mut random = StdRng::seed_from_u64(1);
        assert!(ledger.choose_write(&mut random).is_some());
        assert!(ledger.choose_write(&mut random).is_none());
        ledger.written(id, 1, true);
        assert!(ledger.choose_write(&mut random).is_some());
    }

    #[test]
    fn a_product_of_two_writes_is_foreign() {
        let (mut ledger, id) = one();
        let mut random = StdRng::seed_from_u64(1);
        ledger.choose_write(&mut random).expect("a product");
        let reading = ledger.choose_reading(&mut random).expect("a product");
        let mut torn = answer(id, 1);
        torn["price"] = answer(id, 0)["price"].clone();
        assert!(matches!(ledger.check(&reading, &torn), Err(Refuted::Foreign(_))));
    }

    #[test]
    fn an_empty_ledger_has_nothing_to_read_or_write() {
        let mut ledger = Ledger::default();
        let mut random = StdRng::seed_from_u64(1);
        assert!(ledger.choose_reading(&mut random).is_none() && ledger.choose_write(&mut random).is_none());
    }
}
