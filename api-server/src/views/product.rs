//! Products as clients send and see them. Pure.

use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};
use uuid::Uuid;

use super::{fields, json};
use crate::models::product::{
    BRAND_MAX, CATEGORY_MAX, Change, DESCRIPTION_MAX, Draft, LOW_STOCK_MAX, NAME_MAX, SKU_MAX, at_field,
};
use crate::models::stocks::Row;
use crate::models::text::Text;
use crate::models::{ModelError, Price, Product, ProductRef, ProductSink, Violation};

/// What a client sends to create or replace a product.
#[derive(ToSchema)]
#[schema(as = NewProduct)]
#[allow(dead_code, reason = "documents the request; it is read by `read_draft`")]
pub struct NewProductDoc {
    /// Name shown to people, on one line. Composed (NFC), each kind of space as the usual one; refused with a character
    /// that nobody sees, or a space at either end.
    #[schema(min_length = 1, max_length = 150, pattern = "Name", example = "Green tea, 100 g")]
    name: String,
    /// Stock keeping unit, unique in the store; upper and lower case are different. Kept as a name is, and hyphens as that of
    /// the keyboard.
    #[schema(min_length = 1, max_length = 64, pattern = "Identifier", example = "TEA-GREEN-100")]
    sku: String,
    /// Exact price, at most two decimal places. (Not said by `multipleOf`, which validators compute with rounding.)
    #[schema(value_type = f64, exclusive_minimum = 0, exclusive_maximum = 100_000_000, example = 10.50)]
    price: Price,
    #[schema(min_length = 1, max_length = 150, pattern = "Name", example = "Hillside")]
    brand: Option<String>,
    /// Tabs and line breaks are allowed, other control characters and those that turn the direction of text are not.
    #[schema(min_length = 1, max_length = 2000, pattern = "Paragraphs")]
    description: Option<String>,
    #[schema(min_length = 1, max_length = 100, pattern = "Name", example = "tea")]
    category: Option<String>,
    /// Units below which the stock is low: `GET /stocks?below=threshold` lists those that are.
    #[schema(minimum = 1, maximum = 1_000_000_000, example = 10)]
    low_stock_threshold: Option<i32>,
}

/// A partial change (RFC 7396): absent members stay, `null` clears an optional one.
#[derive(ToSchema)]
#[schema(as = ProductChange)]
#[allow(dead_code, reason = "documents the request; it is read by `read_change`")]
pub struct ProductChangeDoc {
    #[schema(nullable = false, min_length = 1, max_length = 150, pattern = "Name")]
    name: Option<String>,
    #[schema(nullable = false, min_length = 1, max_length = 64, pattern = "Identifier")]
    sku: Option<String>,
    #[schema(required = false, nullable = false, value_type = f64, exclusive_minimum = 0, exclusive_maximum = 100_000_000, example = 10.50)]
    price: Option<Price>,
    #[schema(min_length = 1, max_length = 150, pattern = "Name")]
    brand: Option<String>,
    #[schema(min_length = 1, max_length = 2000, pattern = "Paragraphs")]
    description: Option<String>,
    #[schema(min_length = 1, max_length = 100, pattern = "Name")]
    category: Option<String>,
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    low_stock_threshold: Option<i32>,
    #[schema(schema_with = null_restores, required = false)]
    archived_at: Option<()>,
}

fn null_restores() -> Object {
    let description = "`null` restores an archived product: it is in the lists again with its stock, if its sku, or the one \
                       that is sent with this, is free.";
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::Null)).description(Some(description)).build()
}

/// A product as it is answered.
#[derive(ToSchema)]
#[schema(as = Product)]
#[allow(dead_code, reason = "documents the answer; it is written by `write`")]
pub struct ProductDoc {
    id: Uuid,
    name: String,
    sku: String,
    /// The amount that was sent, exactly.
    #[schema(value_type = f64, example = 10.50)]
    price: Price,
    #[schema(required = true)]
    brand: Option<String>,
    #[schema(required = true)]
    description: Option<String>,
    #[schema(required = true)]
    category: Option<String>,
    /// 1 when created, +1 with each change; the entity tag is this number in quotes.
    #[schema(minimum = 1)]
    version: i64,
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
    #[schema(value_type = String, format = DateTime)]
    updated_at: String,
    /// Only of a product that has one: units below which its stock is low.
    #[schema(nullable = false, minimum = 1)]
    low_stock_threshold: Option<i32>,
    /// Only of a product that was deleted and had a stock: it is read by its id and in the list of archived ones, and is
    /// changed only to restore it.
    #[schema(nullable = false, value_type = Option<String>, format = DateTime)]
    archived_at: Option<String>,
    /// Only where `expand=stock` asks for it: what is there of it; null where nobody has ever said.
    #[schema(required = false)]
    stock: Option<ProductStockDoc>,
    /// The id again, in answers to POST only.
    #[schema(nullable = false)]
    product_id: Option<Uuid>,
}

/// The stock beside a product.
#[derive(ToSchema)]
#[schema(as = ProductStock)]
#[allow(dead_code, reason = "documents the answer; it is written by `write_with_stock`")]
pub struct ProductStockDoc {
    /// Units that are there.
    #[schema(minimum = 0)]
    quantity: i64,
    /// Of the stock, not of the product.
    #[schema(minimum = 1)]
    version: i64,
    #[schema(value_type = String, format = DateTime)]
    updated_at: String,
}

const UNKNOWN: &str = "a product has name, sku, price, brand, description, category, low_stock_threshold";

/// Reads the body of POST and PUT.
pub fn read_draft(body: &[u8]) -> Result<Draft, ModelError> {
    let mut broken = Vec::new();
    let change = read_fields(body, false, &mut broken)?;
    fields::require("name", change.name.is_some(), &mut broken);
    fields::require("sku", change.sku.is_some(), &mut broken);
    fields::require("price", change.price.is_some(), &mut broken);
    match (change.name, change.sku, change.price) {
        (Some(name), Some(sku), Some(price)) if broken.is_empty() => Ok(Draft {
            sku,
            name,
            price,
            brand: change.brand.flatten(),
            description: change.description.flatten(),
            category: change.category.flatten(),
            low_stock: change.low_stock.flatten(),
        }),
        _ => Err(ModelError::Invalid(broken)),
    }
}

/// Reads the body of PATCH.
pub fn read_change(body: &[u8]) -> Result<Change, ModelError> {
    let mut broken = Vec::new();
    let change = read_fields(body, true, &mut broken)?;
    if broken.is_empty() { Ok(change) } else { Err(ModelError::Invalid(broken)) }
}

fn read_fields(body: &[u8], partial: bool, broken: &mut Vec<Violation>) -> Result<Change, ModelError> {
    let members = json::read_object(body).map_err(|violation| ModelError::Malformed(vec![violation]))?;
    let mut change = Change::default();
    for (name, value) in &members {
        match name.as_str() {
            "name" => change.name = text("name", value, (Text::Name, NAME_MAX), broken),
            "sku" => change.sku = text("sku", value, (Text::Identifier, SKU_MAX), broken),
            "price" => change.price = price(value, broken),
            "brand" => {
                change.brand = fields::optional(value, |value| text("brand", value, (Text::Name, BRAND_MAX), broken));
            }
            "category" => {
                change.category =
                    fields::optional(value, |value| text("category", value, (Text::Name, CATEGORY_MAX), broken));
            }
            "description" => {
                change.description = fields::optional(value, |value| {
                    text("description", value, (Text::Paragraphs, DESCRIPTION_MAX), broken)
                });
            }
            "low_stock_threshold" => {
                change.low_stock = if json::is_null(value) {
                    Some(None)
                } else {
                    let whole = fields::whole("low_stock_threshold", value, 1..=i64::from(LOW_STOCK_MAX), broken);
                    whole.and_then(|units| i32::try_from(units).ok()).map(Some)
                };
            }
            "archived_at" if partial => match value.get() {
                "null" => change.restore = true,
                _ => {
                    broken.push(at_field("archived_at", ("read_only", "can only become null, DELETE archives".into())))
                }
            },
            other => broken.push(fields::unknown(other, UNKNOWN)),
        }
    }
    Ok(change)
}

fn text(
    field: &'static str,
    value: &RawValue,
    (kind, max): (Text, usize),
    broken: &mut Vec<Violation>,
) -> Option<String> {
    fields::text(field, value, max, |text, max| kind.read(text, max), broken)
}

fn price(value: &RawValue, broken: &mut Vec<Violation>) -> Option<Price> {
    let Some(literal) = json::read_number(value) else {
        broken.push(at_field("price", ("type", "must be a number".into())));
        return None;
    };
    match Price::from_json_number(literal) {
        Ok(price) => Some(price),
        Err(error) => {
            broken.push(at_field("price", ("out_of_range", error.to_string())));
            None
        }
    }
}

/// Appends a product without its closing brace.
fn write_open(out: &mut Vec<u8>, row: &ProductRef<'_>) {
    out.extend_from_slice(b"{\"id\":");
    json::write_uuid(out, row.id);
    out.extend_from_slice(b",\"name\":");
    json::write_text(out, row.name);
    out.extend_from_slice(b",\"sku\":");
    json::write_text(out, row.sku);
    out.extend_from_slice(b",\"price\":");
    row.price.write_json(out);
    out.extend_from_slice(b",\"brand\":");
    json::write_optional(out, row.brand);
    out.extend_from_slice(b",\"description\":");
    json::write_optional(out, row.description);
    out.extend_from_slice(b",\"category\":");
    json::write_optional(out, row.category);
    out.extend_from_slice(b",\"version\":");
    json::write_integer(out, row.version);
    out.extend_from_slice(b",\"created_at\":");
    json::write_times(out, row.created_at, b",\"updated_at\":", row.updated_at);
    if let Some(low_stock) = row.low_stock {
        out.extend_from_slice(b",\"low_stock_threshold\":");
        json::write_integer(out, i64::from(low_stock));
    }
    if let Some(archived_at) = row.archived_at {
        out.extend_from_slice(b",\"archived_at\":");
        json::write_time(out, archived_at);
    }
}

/// Appends a product as a JSON object.
pub fn write(out: &mut Vec<u8>, row: &ProductRef<'_>) {
    write_open(out, row);
    out.push(b'}');
}

/// Appends a product with its stock.
fn write_with_stock(out: &mut Vec<u8>, (product, balance): &Row) {
    write_open(out, &product.borrowed());
    out.extend_from_slice(b",\"stock\":");
    match balance {
        Some(balance) => {
            out.extend_from_slice(b"{\"quantity\":");
            json::write_integer(out, balance.quantity);
            out.extend_from_slice(b",\"version\":");
            json::write_integer(out, balance.version);
            out.extend_from_slice(b",\"updated_at\":");
            json::write_time(out, balance.updated_at);
            out.push(b'}');
        }
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
}

/// One product with its stock.
pub fn shown_with_stock(row: &Row) -> Vec<u8> {
    let mut out = Vec::with_capacity(640);
    write_with_stock(&mut out, row);
    out
}

/// A page of products with their stocks.
pub fn list_with_stock(rows: &[Row]) -> Vec<u8> {
    json::array(rows.iter(), write_with_stock)
}

/// The answer to POST: the product with its id also as `product_id`.
pub fn created(product: &Product) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    write_open(&mut out, &product.borrowed());
    out.extend_from_slice(b",\"product_id\":");
    json::write_uuid(&mut out, product.id);
    out.push(b'}');
    out
}

/// The answer to PUT and PATCH.
pub fn shown(product: &Product) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    write(&mut out, &product.borrowed());
    out
}

impl ProductSink for json::One {
    fn product(&mut self, row: ProductRef<'_>) {
        self.set(row.version, |out| write(out, &row));
    }
}

impl ProductSink for json::List {
    fn product(&mut self, row: ProductRef<'_>) {
        self.push(|out| write(out, &row));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(result: Result<impl std::fmt::Debug, ModelError>) -> Vec<(String, String)> {
        match result.unwrap_err() {
            ModelError::Invalid(list) | ModelError::Malformed(list) => list
                .into_iter()
                .map(|violation| (violation.pointer.into_owned(), violation.code.into_owned()))
                .collect(),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn every_broken_field_is_named_at_once() {
        let body = br#"{"name":"","price":"10","color":"red"}"#;
        let mut found = codes(read_draft(body));
        found.sort();
        let pointers: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(pointers, ["/color", "/name", "/price", "/sku"]);
    }

    #[test]
    fn a_price_comes_out_as_it_went_in() {
        for literal in ["10.50", "0.1", "7", "99999999.99"] {
            let body = format!(r#"{{"name":"a","sku":"b","price":{literal}}}"#);
            let product = read_draft(body.as_bytes()).unwrap().into_product(Uuid::nil(), 0);
            let text = String::from_utf8(shown(&product)).unwrap();
            assert!(text.contains(&format!("\"price\":{literal},")), "{text}");
        }
    }

    #[test]
    fn null_clears_what_is_optional_and_nothing_else() {
        let change = read_change(br#"{"brand":null}"#).unwrap();
        assert_eq!(change.brand, Some(None));
        assert_eq!(codes(read_change(br#"{"name":null}"#)), [("/name".into(), "type".into())]);
        assert_eq!(codes(read_change(br#"{"price":null}"#)), [("/price".into(), "type".into())]);
    }

    #[test]
    fn a_threshold_is_a_number_of_units_that_null_clears_and_is_shown_where_there_is_one() {
        let change = |text: &str| read_change(format!(r#"{{"low_stock_threshold":{text}}}"#).as_bytes());
        assert_eq!(change("5").unwrap().low_stock, Some(Some(5)));
        assert_eq!(change("null").unwrap().low_stock, Some(None));
        for (text, code) in
            [("0", "out_of_range"), ("1000000001", "out_of_range"), ("2.5", "out_of_range"), ("\"5\"", "type")]
        {
            assert_eq!(codes(change(text)), [("/low_stock_threshold".into(), code.into())], "{text}");
        }
        let shown = |threshold: &str| {
            let body = format!(r#"{{"name":"a","sku":"b","price":1{threshold}}}"#);
            let product = read_draft(body.as_bytes()).unwrap().into_product(Uuid::nil(), 0);
            serde_json::from_slice::<serde_json::Value>(&shown(&product)).unwrap().get("low_stock_threshold").cloned()
        };
        assert_eq!(shown(""), None);
        assert_eq!(shown(r#","low_stock_threshold":7"#), Some(7.into()));
    }

    #[test]
    fn the_answer_to_a_creation_carries_both_names_of_the_id() {
        let draft = read_draft(br#"{"name":"a \"b\"","sku":"c","price":1}"#).unwrap();
        let product = draft.into_product(Uuid::from_u128(5), 0);
        let value: serde_json::Value = serde_json::from_slice(&created(&product)).unwrap();
        assert_eq!(value["id"], value["product_id"]);
        assert_eq!(value["name"], "a \"b\"");
        assert_eq!(value["created_at"], "1970-01-01T00:00:00.000Z");
    }
}
