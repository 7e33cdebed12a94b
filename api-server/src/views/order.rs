//! Orders and the reports on them as clients send and see them. Pure.

use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use uuid::Uuid;

use super::product::ProductDoc;
use super::{fields, json};
use crate::models::order::{Asked, Change, LINES_MAX, Named, PAYMENT_ID_MAX, UNITS_MAX, repeated};
use crate::models::orders::{NOBODY, Order, Status};
use crate::models::payments::{Paid, Payment};
use crate::models::product::{SKU_MAX, at_field};
use crate::models::text::Text;
use crate::models::{ModelError, Price, Product, Violation};

/// What a client sends to create an order.
#[derive(ToSchema)]
#[schema(as = NewOrder)]
#[allow(dead_code, reason = "documents the request; it is read by `read_draft`")]
pub struct NewOrderDoc {
    /// The customer; `null` for a sale without one.
    #[schema(required = true)]
    user_id: Option<Uuid>,
    /// Each product once.
    #[schema(min_items = 1, max_items = 100)]
    items: Vec<NewItemDoc>,
}

/// One line of a new order.
#[derive(ToSchema)]
#[schema(as = NewOrderItem)]
#[allow(dead_code, reason = "documents the request; it is read by `read_draft`")]
pub struct NewItemDoc {
    /// This or `sku`.
    #[schema(nullable = false)]
    product_id: Option<Uuid>,
    /// The product that has this sku when the order is made, in place of `product_id`.
    #[schema(nullable = false, min_length = 1, max_length = 64, pattern = "Identifier", example = "TEA-GREEN-100")]
    sku: Option<String>,
    #[schema(minimum = 1, maximum = 1_000_000, example = 2)]
    quantity: i64,
}

/// A partial change; absent members stay.
#[derive(ToSchema)]
#[schema(as = OrderChange)]
#[allow(dead_code, reason = "documents the request; it is read by `read_change`")]
pub struct OrderChangeDoc {
    /// What is paid stays so.
    #[schema(nullable = false)]
    is_paid: Option<bool>,
    #[schema(schema_with = payment_id_schema)]
    payment_id: Option<String>,
    #[schema(schema_with = fulfilled_schema)]
    status: Option<String>,
}

/// The same with the order named in the body.
#[derive(ToSchema)]
#[schema(as = OrderPayment)]
#[allow(dead_code, reason = "documents the request; it is read by `read_named_change`")]
pub struct OrderPaymentDoc {
    order_id: Uuid,
    /// What is paid stays so.
    #[schema(nullable = false)]
    is_paid: Option<bool>,
    #[schema(schema_with = payment_id_schema)]
    payment_id: Option<String>,
    #[schema(schema_with = fulfilled_schema)]
    status: Option<String>,
}

/// A text or a whole number.
fn payment_id_schema() -> Schema {
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(PAYMENT_ID_MAX))
        .pattern(Some("Identifier"));
    let number =
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(9_007_199_254_740_991_i64));
    let either = OneOfBuilder::new()
        .item(text)
        .item(number)
        .description(Some("Given by whoever took the payment; a number is kept as its digits"));
    Schema::OneOf(either.build())
}

/// The one status that can be asked for.
fn fulfilled_schema() -> Schema {
    let told = Some("An order that is paid was handed over.");
    let status = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["fulfilled"])).description(told);
    Schema::Object(status.build())
}

/// An order as it is answered.
#[derive(ToSchema)]
#[schema(as = Order)]
#[allow(dead_code, reason = "documents the answer; it is written by `write`")]
pub struct OrderDoc {
    id: Uuid,
    /// The id again, for older clients.
    order_id: Uuid,
    /// Null for a sale without a customer.
    #[schema(required = true)]
    user_id: Option<Uuid>,
    #[schema(value_type = StatusDoc)]
    status: String,
    items: Vec<ItemDoc>,
    /// Sum of the lines, exactly.
    #[schema(value_type = f64, example = 21.00)]
    total: Price,
    /// The same.
    #[schema(value_type = f64, example = 21.00)]
    total_amount: Price,
    is_paid: bool,
    /// The payment by which it is paid, or until then the one under way.
    #[schema(required = true)]
    payment_id: Option<String>,
    /// Of one order, not in lists: every payment that was told for it, first the one by which it is paid. At most 100.
    #[schema(required = false)]
    payments: Vec<PaymentDoc>,
    /// Of one order, not in lists: whether a payment is to be paid back, since the order is cancelled or paid by another.
    #[schema(required = false)]
    refund_due: bool,
    /// +1 with each change; the entity tag is this number in quotes.
    #[schema(minimum = 1)]
    version: i64,
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
    #[schema(value_type = String, format = DateTime)]
    updated_at: String,
}

/// One line of an order.
#[derive(ToSchema)]
#[schema(as = OrderItem)]
#[allow(dead_code, reason = "documents the answer; it is written by `write`")]
pub struct ItemDoc {
    product_id: Uuid,
    #[schema(minimum = 1)]
    quantity: i64,
    /// The price of the product when the order was made.
    #[schema(value_type = f64, example = 10.50)]
    unit_price: Price,
    /// Only where `expand=products` asks for it: the product as it is now; null where it was removed for good.
    #[schema(required = false)]
    product: Option<ProductDoc>,
}

/// What was paid for an order.
#[derive(ToSchema)]
#[schema(as = OrderPaid)]
#[allow(dead_code, reason = "documents the answer; it is written by `write_payments`")]
pub struct PaymentDoc {
    payment_id: String,
    /// The total of the order.
    #[schema(value_type = f64, example = 21.00)]
    amount: Price,
    /// When it was told first; null where it was told to a program that did not note it.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    at: Option<String>,
    /// Who told of it first; null where nobody said who they are.
    #[schema(required = true, example = "payment.card")]
    by: Option<String>,
}

/// How far an order has come.
#[derive(ToSchema)]
#[schema(as = OrderStatus, rename_all = "lowercase")]
#[allow(dead_code, reason = "documents a member")]
pub enum StatusDoc {
    Pending,
    Confirmed,
    Paid,
    Fulfilled,
    Cancelled,
}

/// The answer to a cancellation.
#[derive(ToSchema)]
#[schema(as = OrderDeleted)]
#[allow(dead_code, reason = "documents the answer; it is `DELETED`")]
pub struct DeletedDoc {
    #[schema(example = true)]
    deleted: bool,
}

/// The answer to a cancellation.
pub const DELETED: &[u8] = b"{\"deleted\":true}";

/// A row of the report on users.
#[derive(ToSchema)]
#[schema(as = Spender)]
#[allow(dead_code, reason = "documents the answer; it is written by `spenders`")]
pub struct SpenderDoc {
    user_id: Uuid,
    /// Sum of the totals of the user's orders that are not cancelled, exactly.
    #[schema(value_type = f64, example = 310.75)]
    total_expense: f64,
}

/// A row of the report on products.
#[derive(ToSchema)]
#[schema(as = Seller)]
#[allow(dead_code, reason = "documents the answer; it is written by `sellers`")]
pub struct SellerDoc {
    product_id: Uuid,
    /// Units in all orders that are not cancelled.
    #[schema(minimum = 1)]
    quantity_sold: i64,
}

/// Reads the body of POST.
pub fn read_draft(body: &[u8]) -> Result<Asked, ModelError> {
    let mut broken = Vec::new();
    let (mut user, mut items) = (None, None);
    for (name, value) in &json::read_object(body).map_err(|violation| ModelError::Malformed(vec![violation]))? {
        match name.as_str() {
            "user_id" if json::is_null(value) => user = Some(None),
            "user_id" => user = fields::id("user_id", value, &mut broken).map(Some),
            "items" => items = read_items(value, &mut broken),
            other => broken.push(fields::unknown(other, "a new order has user_id and items")),
        }
    }
    fields::require("user_id", user.is_some(), &mut broken);
    if items.is_none() && !broken.iter().any(|violation| violation.pointer.starts_with("/items")) {
        fields::require("items", false, &mut broken);
    }
    if user == Some(Some(NOBODY)) {
        broken.push(Violation::new("/user_id", "unknown_user", "there is no such user"));
    }
    match (user, items) {
        (Some(user), Some(items)) if broken.is_empty() => Ok(Asked { user, items }),
        _ => Err(ModelError::Invalid(broken)),
    }
}

fn read_items(value: &RawValue, broken: &mut Vec<Violation>) -> Option<Vec<(Named, i64)>> {
    let items: Vec<&RawValue> = match serde_json::from_str(value.get()) {
        Ok(items) => items,
        Err(_) => {
            broken.push(at_field("items", ("type", "must be an array".into())));
            return None;
        }
    };
    if !(1..=LINES_MAX).contains(&items.len()) {
        broken.push(at_field("items", ("length", format!("must have 1 to {LINES_MAX} members"))));
        return None;
    }
    let before = broken.len();
    let mut found: Vec<(Named, i64)> = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        let Some((product, quantity)) = read_item(at, item, broken) else { continue };
        if found.iter().any(|(known, _)| *known == product) {
            broken.push(repeated(at, if matches!(product, Named::Id(_)) { "product_id" } else { "sku" }));
        }
        found.push((product, quantity));
    }
    (broken.len() == before).then_some(found)
}

fn read_item(at: usize, item: &RawValue, broken: &mut Vec<Violation>) -> Option<(Named, i64)> {
    let members = match json::read_object(item.get().as_bytes()) {
        Ok(members) => members,
        Err(violation) => {
            broken.push(Violation { pointer: format!("/items/{at}{}", violation.pointer).into(), ..violation });
            return None;
        }
    };
    let (mut product, mut sku, mut quantity) = (None, None, None);
    for (name, value) in &members {
        match name.as_str() {
            "product_id" => product = fields::id(&format!("items/{at}/product_id"), value, broken),
            "sku" => sku = read_sku(at, value, broken),
            "quantity" => quantity = fields::whole(&format!("items/{at}/quantity"), value, 1..=UNITS_MAX, broken),
            other => {
                let pointer = format!("/items/{at}/{}", json::escape_pointer(other));
                broken.push(Violation::new(pointer, "unknown_member", "an item has product_id or sku, and quantity"));
            }
        }
    }
    let by_sku = members.iter().any(|(name, _)| name == "sku");
    if by_sku && members.iter().any(|(name, _)| name == "product_id") {
        let detail = "an item names its product once, by product_id or by sku";
        broken.push(Violation::new(format!("/items/{at}/sku"), "named_twice", detail));
    }
    if !by_sku {
        fields::require(&format!("items/{at}/product_id"), product.is_some(), broken);
    }
    fields::require(&format!("items/{at}/quantity"), quantity.is_some(), broken);
    Some((product.map(Named::Id).or(sku.map(Named::Sku))?, quantity?))
}

fn read_sku(at: usize, value: &RawValue, broken: &mut Vec<Violation>) -> Option<String> {
    let pointer = || format!("/items/{at}/sku");
    let Some(text) = json::read_text(value) else {
        broken.push(Violation::new(pointer(), "type", "sku must be a string"));
        return None;
    };
    match Text::Identifier.read(&text, SKU_MAX) {
        Ok(sku) => Some(sku),
        Err((code, detail)) => {
            broken.push(Violation::new(pointer(), code, format!("sku {detail}")));
            None
        }
    }
}

/// Reads the body of PATCH.
pub fn read_change(body: &[u8]) -> Result<Change, ModelError> {
    let mut broken = Vec::new();
    let (_, change) = read_changes(body, false, &mut broken)?;
    if broken.is_empty() { Ok(change) } else { Err(ModelError::Invalid(broken)) }
}

/// Reads the body of PUT, which names the order.
pub fn read_named_change(body: &[u8]) -> Result<(Uuid, Change), ModelError> {
    let mut broken = Vec::new();
    let (order, change) = read_changes(body, true, &mut broken)?;
    fields::require("order_id", order.is_some(), &mut broken);
    match order {
        Some(order) if broken.is_empty() => Ok((order, change)),
        _ => Err(ModelError::Invalid(broken)),
    }
}

fn read_changes(body: &[u8], named: bool, broken: &mut Vec<Violation>) -> Result<(Option<Uuid>, Change), ModelError> {
    let (mut order, mut change) = (None, Change::default());
    for (name, value) in &json::read_object(body).map_err(|violation| ModelError::Malformed(vec![violation]))? {
        match name.as_str() {
            "order_id" if named => order = fields::id("order_id", value, broken),
            "is_paid" => match value.get() {
                "true" => change.is_paid = Some(true),
                "false" => change.is_paid = Some(false),
                _ => broken.push(at_field("is_paid", ("type", "must be true or false".into()))),
            },
            "payment_id" => change.payment_id = payment_id(value, broken),
            "status" => match json::read_text(value).as_deref() {
                Some("fulfilled") => change.fulfilled = true,
                _ => broken.push(at_field("status", ("not_settable", "can only be set to fulfilled".into()))),
            },
            other => broken.push(fields::unknown(other, "of an order is_paid, payment_id and status can be changed")),
        }
    }
    Ok((order, change))
}

fn payment_id(value: &RawValue, broken: &mut Vec<Violation>) -> Option<String> {
    if json::read_number(value).is_some() {
        let number = fields::whole("payment_id", value, 0..=9_007_199_254_740_991, broken)?;
        return Some(number.to_string());
    }
    fields::text("payment_id", value, PAYMENT_ID_MAX, |text, max| Text::Identifier.read(text, max), broken)
}

/// Appends an order as a JSON object, as lists have it.
fn write(out: &mut Vec<u8>, order: &Order) {
    write_with(out, order, None, None);
}

fn write_payments(out: &mut Vec<u8>, paid: &Paid) {
    out.extend_from_slice(b",\"payments\":");
    let payments = json::array(paid.payments.iter(), |out, Payment { id, at, amount, by }| {
        out.extend_from_slice(b"{\"payment_id\":");
        json::write_text(out, id);
        out.extend_from_slice(b",\"amount\":");
        write_cents(out, *amount);
        out.extend_from_slice(b",\"at\":");
        match at {
            Some(at) => json::write_time(out, *at),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"by\":");
        json::write_optional(out, by.as_deref());
        out.push(b'}');
    });
    out.extend_from_slice(&payments);
    out.extend_from_slice(if paid.refund_due { b",\"refund_due\":true" } else { b",\"refund_due\":false" });
}

fn write_with(out: &mut Vec<u8>, order: &Order, paid: Option<&Paid>, products: Option<&[Product]>) {
    out.extend_from_slice(b"{\"id\":");
    json::write_uuid(out, order.id);
    out.extend_from_slice(b",\"order_id\":");
    json::write_uuid(out, order.id);
    out.extend_from_slice(b",\"user_id\":");
    if order.user == NOBODY {
        out.extend_from_slice(b"null");
    } else {
        json::write_uuid(out, order.user);
    }
    out.extend_from_slice(b",\"status\":");
    json::write_text(out, order.status.name());
    out.extend_from_slice(b",\"items\":[");
    for (at, line) in order.lines.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"product_id\":");
        json::write_uuid(out, line.product);
        out.extend_from_slice(b",\"quantity\":");
        json::write_integer(out, line.quantity);
        out.extend_from_slice(b",\"unit_price\":");
        line.unit_price.write_json(out);
        if let Some(products) = products {
            out.extend_from_slice(b",\"product\":");
            match products.iter().find(|product| product.id == line.product) {
                Some(product) => super::product::write(out, &product.borrowed()),
                None => out.extend_from_slice(b"null"),
            }
        }
        out.push(b'}');
    }
    for name in [&b"],\"total\":"[..], b",\"total_amount\":"] {
        out.extend_from_slice(name);
        write_cents(out, order.total);
    }
    out.extend_from_slice(if order.is_paid { b",\"is_paid\":true" } else { b",\"is_paid\":false" });
    out.extend_from_slice(b",\"payment_id\":");
    json::write_optional(out, order.payment_id.as_deref());
    if let Some(paid) = paid {
        write_payments(out, paid);
    }
    out.extend_from_slice(b",\"version\":");
    json::write_integer(out, order.version);
    out.extend_from_slice(b",\"created_at\":");
    json::write_times(out, order.created_at, b",\"updated_at\":", order.updated_at);
    out.push(b'}');
}

/// Appends cents as a JSON number with two places.
fn write_cents(out: &mut Vec<u8>, cents: i64) {
    json::write_integer(out, cents / 100);
    let rest = u8::try_from(cents % 100).unwrap_or(0);
    out.extend_from_slice(&[b'.', b'0' + rest / 10, b'0' + rest % 10]);
}

/// One order with what was paid for it.
pub fn shown(order: &Order, paid: &Paid) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    write_with(&mut out, order, Some(paid), None);
    out
}

/// The same with the product of each line.
pub fn shown_with_products(order: &Order, paid: &Paid, products: &[Product]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    write_with(&mut out, order, Some(paid), Some(products));
    out
}

/// A page of orders.
pub fn list(orders: &[Order]) -> Vec<u8> {
    json::array(orders.iter(), write)
}

/// The report on users: ids with cents.
pub fn spenders(rows: &[(Uuid, i64)]) -> Vec<u8> {
    json::array(rows.iter(), |out, (user, cents)| {
        out.extend_from_slice(b"{\"user_id\":");
        json::write_uuid(out, *user);
        out.extend_from_slice(b",\"total_expense\":");
        write_cents(out, *cents);
        out.push(b'}');
    })
}

/// The report on products: ids with units.
pub fn sellers(rows: &[(Uuid, i64)]) -> Vec<u8> {
    json::array(rows.iter(), |out, (product, units)| {
        out.extend_from_slice(b"{\"product_id\":");
        json::write_uuid(out, *product);
        out.extend_from_slice(b",\"quantity_sold\":");
        json::write_integer(out, *units);
        out.push(b'}');
    })
}

/// The status of a query's text, `None` when it is none that clients see.
pub fn read_status(text: &str) -> Option<Status> {
    Status::of(text).filter(|status| *status != Status::Refused)
}

/// The day of a text like `2026-11-22`, in days since 1970; `None` when there is no such day.
pub fn read_day(text: &str) -> Option<i32> {
    // Longer are times, and years of more than four digits.
    let date: jiff::civil::Date = text.parse().ok().filter(|_| text.len() == 10)?;
    Some((date - jiff::civil::date(1970, 1, 1)).get_days())
}

/// The text of a day, in days since 1970.
pub fn day_text(day: i32) -> String {
    let midnight = jiff::Timestamp::from_second(i64::from(day) * 86_400).unwrap_or_default();
    midnight.to_string().chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_day_is_written_as_it_is_read() {
        for text in ["1969-12-31", "1970-01-01", "2026-12-01", "2028-02-29"] {
            assert_eq!(read_day(text).map(day_text).as_deref(), Some(text));
        }
    }

    #[test]
    fn every_broken_place_of_a_draft_is_named() {
        let body = br#"{"items":[{"product_id":"x","quantity":0},{"quantity":1,"price":2},3]}"#;
        let Err(ModelError::Invalid(broken)) = read_draft(body) else { panic!("refused") };
        let mut places: Vec<&str> = broken.iter().map(|violation| violation.pointer.as_ref()).collect();
        places.sort_unstable();
        let expected = [
            "/items/0/product_id",
            "/items/0/quantity",
            "/items/1/price",
            "/items/1/product_id",
            "/items/2",
            "/user_id",
        ];
        assert_eq!(places, expected);
    }

    #[test]
    fn payments_are_named_by_text_or_number() {
        let of = |literal: &str| read_change(format!("{{\"payment_id\":{literal}}}").as_bytes());
        assert_eq!(of("\"p-1\"").unwrap().payment_id.as_deref(), Some("p-1"));
        assert_eq!(of("17").unwrap().payment_id.as_deref(), Some("17"));
        for bad in ["null", "true", "-1", "1.5", "\"\"", "[]", "99999999999999999999"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn cents_have_two_places() {
        for (cents, text) in [(0, "0.00"), (5, "0.05"), (1050, "10.50"), (100_000_000_000_000, "1000000000000.00")] {
            let mut out = Vec::new();
            write_cents(&mut out, cents);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in
            ["", "2026", "2026-13-01", "2026-02-29", "2026-1-01", "26-01-01", "2026-01-01T00:00:00Z", "2026-W01-1"]
        {
            assert_eq!(read_day(text), None, "{text}");
        }
        assert_eq!(read_day("1969-12-31"), Some(-1));
        assert_eq!(read_day("1970-01-01"), Some(0));
        assert_eq!(read_day("2024-02-29"), Some(19_782));
    }

    proptest! {
        #[test]
        fn days_are_those_of_the_calendar(day in -700_000_i32..2_932_000) {
            let date = jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(day));
            prop_assert_eq!(read_day(&date.to_string()), Some(day));
        }
    }
}
