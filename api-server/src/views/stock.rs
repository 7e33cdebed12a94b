//! Stocks and movements as clients send and see them. Pure.

use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{fields, json};
use crate::models::ledger::{Balance, Movement, QUANTITY_MAX};
use crate::models::product::at_field;
use crate::models::stocks::{Adjustment, Row};
use crate::models::text::Text;
use crate::models::{ModelError, Price, Violation};

/// Characters that the reason of an adjustment may have at most.
const REASON_MAX: usize = 150;
/// Characters that the reference of an adjustment may have at most.
pub const REFERENCE_MAX: usize = 100;

/// What a client sends to set a stock.
#[derive(ToSchema)]
#[schema(as = NewStock)]
#[allow(dead_code, reason = "documents the request; it is read by `read_setting`")]
pub struct NewStockDoc {
    product_id: Uuid,
    /// Units that are there.
    #[schema(minimum = 0, maximum = 1_000_000_000, example = 25)]
    quantity: i64,
}

/// What a client sends to add units or take some away.
#[derive(ToSchema)]
#[schema(as = NewAdjustment)]
#[allow(dead_code, reason = "documents the request; it is read by `read_adjustment`")]
pub struct NewAdjustmentDoc {
    /// Units that come (or go, below 0). Not 0.
    #[schema(minimum = -1_000_000_000, maximum = 1_000_000_000, example = -2)]
    delta: i64,
    /// Why, for people.
    #[schema(min_length = 1, max_length = 150, pattern = "Name", example = "broken in transit")]
    reason: Option<String>,
    /// What it belongs to, such as a delivery note.
    #[schema(min_length = 1, max_length = 100, pattern = "Identifier", example = "DN-2041")]
    reference: Option<String>,
}

/// A stock as it is answered.
#[derive(ToSchema)]
#[schema(as = Stock)]
#[allow(dead_code, reason = "documents the answer; it is written by `shown`")]
pub struct StockDoc {
    product_id: Uuid,
    /// Units that are there; the sum of all movements.
    #[schema(minimum = 0)]
    quantity: i64,
    /// Number of movements, +1 with each; the entity tag is this number in quotes.
    #[schema(minimum = 1)]
    version: i64,
    #[schema(value_type = String, format = DateTime)]
    updated_at: String,
    /// The movement that was made, in answers to POST only.
    #[schema(nullable = false)]
    movement_id: Option<Uuid>,
}

/// A movement as it is answered.
#[derive(ToSchema)]
#[schema(as = Movement)]
#[allow(dead_code, reason = "documents the answer; it is written by `movements`")]
pub struct MovementDoc {
    id: Uuid,
    /// The version of the stock that it made.
    #[schema(minimum = 1)]
    version: i64,
    #[schema(value_type = KindDoc, inline)]
    kind: String,
    /// Units that came (or went, below 0).
    delta: i64,
    /// Units that were there after it.
    #[schema(minimum = 0)]
    quantity: i64,
    #[schema(required = true)]
    reason: Option<String>,
    /// For movements of orders the id of the order.
    #[schema(required = true)]
    reference: Option<String>,
    /// Who asked for it; null where nobody said who they are, and for what the store did by itself.
    #[schema(required = true, example = "seller.till-1")]
    by: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    at: String,
}

/// What the movement was; `void` is an order that was given up before it took anything.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "documents a member")]
enum KindDoc {
    Set,
    Adjustment,
    Order,
    Return,
    Void,
}

/// A row of the stock report.
#[derive(ToSchema)]
#[schema(as = StockOverview)]
#[allow(dead_code, reason = "documents the answer; it is written by `overview`")]
pub struct OverviewDoc {
    product_id: Uuid,
    name: String,
    sku: String,
    #[schema(value_type = f64, example = 10.50)]
    unit_price: Price,
    /// 0 for a product whose stock was never set.
    #[schema(minimum = 0)]
    units_in_stock: i64,
}

/// Reads the body that sets a stock: the product and its quantity.
pub fn read_setting(body: &[u8]) -> Result<(Uuid, i64), ModelError> {
    let mut broken = Vec::new();
    let (mut product, mut quantity) = (None, None);
    for (name, value) in &json::read_object(body).map_err(|violation| ModelError::Malformed(vec![violation]))? {
        match name.as_str() {
            "product_id" => product = fields::id("product_id", value, &mut broken),
            "quantity" => quantity = fields::whole("quantity", value, 0..=QUANTITY_MAX, &mut broken),
            other => broken.push(fields::unknown(other, "a stock has product_id and quantity")),
        }
    }
    fields::require("product_id", product.is_some(), &mut broken);
    fields::require("quantity", quantity.is_some(), &mut broken);
    match (product, quantity) {
        (Some(product), Some(quantity)) if broken.is_empty() => Ok((product, quantity)),
        _ => Err(ModelError::Invalid(broken)),
    }
}

/// Reads the body of an adjustment.
pub fn read_adjustment(body: &[u8]) -> Result<Adjustment, ModelError> {
    let mut broken = Vec::new();
    let (mut delta, mut reason, mut reference) = (None, None, None);
    for (name, value) in &json::read_object(body).map_err(|violation| ModelError::Malformed(vec![violation]))? {
        match name.as_str() {
            "delta" => delta = fields::whole("delta", value, -QUANTITY_MAX..=QUANTITY_MAX, &mut broken),
            "reason" => reason = line("reason", value, Text::Name, REASON_MAX, &mut broken),
            "reference" => reference = line("reference", value, Text::Identifier, REFERENCE_MAX, &mut broken),
            other => broken.push(fields::unknown(other, "an adjustment has delta, reason and reference")),
        }
    }
    fields::require("delta", delta.is_some(), &mut broken);
    if delta == Some(0) {
        broken.push(at_field("delta", ("zero", "must not be 0".into())));
    }
    match delta {
        Some(delta) if broken.is_empty() => Ok(Adjustment { delta, reason, reference }),
        _ => Err(ModelError::Invalid(broken)),
    }
}

fn line(field: &'static str, value: &RawValue, kind: Text, max: usize, broken: &mut Vec<Violation>) -> Option<String> {
    let read = |text: &str, max| kind.read(text, max);
    fields::optional(value, |value| fields::text(field, value, max, read, broken)).flatten()
}

fn write_open(out: &mut Vec<u8>, product: Uuid, quantity: i64, version: i64, updated_at: i64) {
    out.extend_from_slice(b"{\"product_id\":");
    json::write_uuid(out, product);
    out.extend_from_slice(b",\"quantity\":");
    json::write_integer(out, quantity);
    out.extend_from_slice(b",\"version\":");
    json::write_integer(out, version);
    out.extend_from_slice(b",\"updated_at\":");
    json::write_time(out, updated_at);
}

/// One stock.
pub fn shown(product: Uuid, balance: &Balance) -> Vec<u8> {
    let mut out = Vec::with_capacity(160);
    write_open(&mut out, product, balance.quantity, balance.version, balance.updated_at);
    out.push(b'}');
    out
}

/// The answer to a change: the stock as its movement left it.
pub fn changed(product: Uuid, movement: &Movement) -> Vec<u8> {
    let mut out = Vec::with_capacity(224);
    write_open(&mut out, product, movement.quantity, movement.version, movement.at);
    out.extend_from_slice(b",\"movement_id\":");
    json::write_uuid(&mut out, movement.id);
    out.push(b'}');
    out
}

/// The stocks of a page of products, those without one left out.
pub fn list(rows: &[Row]) -> Vec<u8> {
    let stocks = rows.iter().filter_map(|(product, balance)| Some((product.id, balance.as_ref()?)));
    json::array(stocks, |out, (product, balance)| {
        write_open(out, product, balance.quantity, balance.version, balance.updated_at);
        out.push(b'}');
    })
}

/// The rows of the stock report.
pub fn overview(rows: &[Row]) -> Vec<u8> {
    json::array(rows.iter(), |out, (product, balance)| {
        out.extend_from_slice(b"{\"product_id\":");
        json::write_uuid(out, product.id);
        out.extend_from_slice(b",\"name\":");
        json::write_text(out, &product.name);
        out.extend_from_slice(b",\"sku\":");
        json::write_text(out, &product.sku);
        out.extend_from_slice(b",\"unit_price\":");
        product.price.write_json(out);
        out.extend_from_slice(b",\"units_in_stock\":");
        json::write_integer(out, balance.map_or(0, |balance| balance.quantity));
        out.push(b'}');
    })
}

/// A page of movements.
pub fn movements(rows: &[Movement]) -> Vec<u8> {
    json::array(rows.iter(), |out, movement| {
        out.extend_from_slice(b"{\"id\":");
        json::write_uuid(out, movement.id);
        out.extend_from_slice(b",\"version\":");
        json::write_integer(out, movement.version);
        out.extend_from_slice(b",\"kind\":");
        json::write_text(out, movement.kind.name());
        out.extend_from_slice(b",\"delta\":");
        json::write_integer(out, movement.delta);
        out.extend_from_slice(b",\"quantity\":");
        json::write_integer(out, movement.quantity);
        out.extend_from_slice(b",\"reason\":");
        json::write_optional(out, movement.reason.as_deref());
        out.extend_from_slice(b",\"reference\":");
        json::write_optional(out, movement.reference.as_deref());
        out.extend_from_slice(b",\"by\":");
        json::write_optional(out, movement.by.as_deref());
        out.extend_from_slice(b",\"at\":");
        json::write_time(out, movement.at);
        out.push(b'}');
    })
}
