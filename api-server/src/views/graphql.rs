//! Products and stocks as GraphQL shows them, and how a query is read and answered. Pure.

pub mod fields;
pub mod outline;
mod variables;

use async_graphql::parser::parse_query;
use async_graphql::{
    Enum, InputValueError, InputValueResult, Number, Request, Response, Scalar, ScalarType, ServerError, SimpleObject,
    Value, Variables,
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{fields as members, json};
use crate::models::cursor::PageOf;
use crate::models::ledger::{Balance, Kind, Movement};
use crate::models::product::at_field;
use crate::models::{ModelError, Price, Product, Violation};
use crate::route::Route;
use fields::For;

/// What a client sends: a query in GraphQL's language.
#[derive(ToSchema)]
#[schema(as = GraphqlRequest)]
#[allow(dead_code, reason = "documents the request; it is read by `read`")]
pub struct RequestDoc {
    /// One or more operations of the schema in `api-server/schema.graphql`.
    #[schema(example = "query ($id: UUID!) { product(id: $id) { name price stockLevel { quantity } } }")]
    query: String,
    /// Which of several operations is to be done.
    #[schema(rename = "operationName")]
    operation_name: Option<String>,
    /// Values of the operation's variables.
    #[schema(value_type = Option<Object>, example = json!({ "id": "0190a0a0-0000-7000-8000-000000000000" }))]
    variables: Option<String>,
    /// Of these `persistedQuery` alone is looked at: no queries are kept, which is told as `PERSISTED_QUERY_NOT_SUPPORTED`.
    #[schema(value_type = Option<Object>)]
    extensions: Option<String>,
}

/// What is answered. Without `data` nothing was done; a field that could not be read is `null` in it.
#[derive(ToSchema)]
#[schema(as = GraphqlResponse)]
#[allow(dead_code, reason = "documents the answer; it is written by `answer`")]
pub struct ResponseDoc {
    #[schema(value_type = Option<Object>)]
    data: Option<String>,
    /// Only where something went wrong.
    #[schema(nullable = false)]
    errors: Option<Vec<ErrorDoc>>,
}

/// One thing that went wrong.
#[derive(ToSchema)]
#[schema(as = GraphqlError)]
#[allow(dead_code, reason = "documents the answer; it is written by `answer`")]
pub struct ErrorDoc {
    message: String,
    /// `code` as problems have it, and `status` as the same would have elsewhere.
    #[schema(value_type = Object, example = json!({ "code": "bad_cursor", "status": 400 }))]
    extensions: String,
}

/// Reads the body of a query. The text is not looked at yet. Members that are not known are left out, as the specification
/// of GraphQL over HTTP has it. `None` for a query that the server is to know by its hash, as Apollo's clients ask first: none is
/// kept here.
pub fn read(body: &[u8]) -> Result<Option<Request>, ModelError> {
    let mut broken = Vec::new();
    let (mut query, mut operation, mut variables, mut persisted) = (None, None, None, false);
    for (name, value) in &json::read_object(body).map_err(|violation| ModelError::Malformed(vec![violation]))? {
        match name.as_str() {
            "query" => {
                query = members::text("query", value, usize::MAX / 4, |text, _| Ok(text.to_owned()), &mut broken)
            }
            "operationName" => {
                operation = members::optional(value, |value| {
                    members::text("operationName", value, usize::MAX / 4, |text, _| Ok(text.to_owned()), &mut broken)
                });
            }
            "variables" | "extensions" if json::is_null(value) => {}
            "variables" | "extensions" if !value.get().starts_with('{') => {
                let detail = format!("{name} must be an object");
                broken.push(Violation::new(format!("/{name}"), "type", detail));
            }
            "variables" => match variables::read(value.get()) {
                Ok(found) => variables = Some(found),
                Err(error) if error.to_string().starts_with(variables::TWICE) => {
                    broken.push(at_field("variables", ("duplicate_member", format!("cannot be read: {error}"))));
                }
                // Nested too deeply, or a number or a string that is none.
                Err(error) => {
                    let detail = format!("cannot be read at line {} column {}", error.line(), error.column());
                    broken.push(at_field("variables", ("not_readable", detail)));
                }
            },
            "extensions" => {
                let extensions = serde_json::from_str::<serde_json::Value>(value.get()).unwrap_or_default();
                persisted = extensions.get("persistedQuery").is_some_and(serde_json::Value::is_object);
            }
            _ => {}
        }
    }
    if persisted && query.is_none() && broken.is_empty() {
        return Ok(None);
    }
    members::require("query", query.is_some(), &mut broken);
    let Some(query) = query.filter(|_| broken.is_empty()) else { return Err(ModelError::Malformed(broken)) };
    let mut request = Request::new(query);
    request.operation_name = operation.flatten();
    request.variables = Variables::from_json(variables.unwrap_or_default());
    Ok(Some(request))
}

/// Reads the text of a query, and refuses what would cost too much to look at.
pub fn parsed(mut request: Request) -> Result<Request, ServerError> {
    let refused = |detail: String| ServerError::new(detail, None);
    outline::check_brackets(&request.query).map_err(refused)?;
    let document = parse_query(&request.query)?;
    outline::check_document(&document).map_err(refused)?;
    request.set_parsed_query(document);
    Ok(request)
}

/// A finished query as it goes to the client.
pub struct Answer {
    pub body: Vec<u8>,
    /// The query itself was refused: nothing was read.
    pub refused: bool,
}

/// Code of a query that was refused.
const BAD_QUERY: &str = "bad_query";
/// How the library says that the cost is too high.
const TOO_COMPLEX: &str = "Query is too complex.";

/// Writes a response; `cost` is what a query may cost.
pub fn answer(mut response: Response, cost: usize) -> Answer {
    // What comes from a field of ours has a code. What the library refuses has none, whether it sees
    // it before the first field or, as a variable that does not fit, at one.
    let of_a_field = |error: &ServerError| error.extensions.as_ref().is_some_and(|found| found.get("code").is_some());
    let refused = !response.errors.iter().all(of_a_field);
    if refused {
        response.errors.retain(|error| !of_a_field(error));
    }
    for error in &mut response.errors {
        if error.message == TOO_COMPLEX {
            error.message = format!("the query costs more than {cost}, ask for smaller pages or fewer fields");
        }
        if refused {
            let extensions = error.extensions.get_or_insert_default();
            extensions.set("code", BAD_QUERY);
            extensions.set("status", 400);
        }
    }
    #[derive(Serialize)]
    struct Refused<'a> {
        errors: &'a [ServerError],
    }
    let body =
        if refused { serde_json::to_vec(&Refused { errors: &response.errors }) } else { serde_json::to_vec(&response) };
    // Texts, numbers and lists of them: there is nothing that JSON could not hold.
    Answer { body: body.unwrap_or_default(), refused }
}

/// The answer to a query that is asked for by its hash: the client sends its text then.
pub fn not_persisted() -> Answer {
    let error = r#"{"message":"PersistedQueryNotSupported","extensions":{"code":"PERSISTED_QUERY_NOT_SUPPORTED","status":400}}"#;
    Answer { body: format!(r#"{{"errors":[{error}]}}"#).into_bytes(), refused: true }
}

/// An id in its usual form of 36 characters.
#[derive(Debug, Clone, Copy)]
pub struct Id(pub Uuid);

/// A UUID in its usual form of 36 characters.
#[Scalar(name = "UUID")]
impl ScalarType for Id {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => json::parse_uuid(text).map(Self),
            _ => None,
        }
        .ok_or_else(|| InputValueError::custom("a UUID of 36 characters is wanted"))
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(text) if json::parse_uuid(text).is_some())
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// An exact amount with at most two decimal places.
#[derive(Debug, Clone, Copy)]
pub struct Amount(Price);

/// An amount of at most two decimal places as a number.
#[Scalar(name = "Price")]
impl ScalarType for Amount {
    fn parse(_: Value) -> InputValueResult<Self> {
        Err(InputValueError::custom("prices are not asked for"))
    }

    fn to_value(&self) -> Value {
        // Below 10^10 cents: the nearest double is written with the same digits.
        let number = self.0.to_string().parse().ok().and_then(Number::from_f64);
        number.map_or(Value::Null, Value::Number)
    }
}

/// A moment by UTC, such as `2026-11-22T17:38:36.000Z`.
#[derive(Debug, Clone, Copy)]
pub struct Time(i64);

/// A moment in UTC as RFC 3339 writes it, to the millisecond.
#[Scalar(name = "DateTime")]
impl ScalarType for Time {
    fn parse(_: Value) -> InputValueResult<Self> {
        Err(InputValueError::custom("times are not asked for"))
    }

    fn to_value(&self) -> Value {
        let mut quoted = Vec::with_capacity(26);
        json::write_time(&mut quoted, self.0);
        Value::String(String::from_utf8_lossy(&quoted).trim_matches('"').to_owned())
    }
}

/// Something that the store sells.
#[derive(SimpleObject)]
#[graphql(complex, name = "Product")]
pub struct ProductObject {
    pub id: Id,
    name: String,
    /// Stock keeping unit, unique in the store.
    sku: String,
    price: Amount,
    /// For who may read products in REST.
    #[graphql(guard = "For(Route::Product)")]
    brand: Option<String>,
    /// For who may read products in REST.
    #[graphql(guard = "For(Route::Product)")]
    description: Option<String>,
    /// For who may read products in REST.
    #[graphql(guard = "For(Route::Product)")]
    category: Option<String>,
    /// 1 when created, +1 with each change.
    version: i64,
    created_at: Time,
    updated_at: Time,
    /// Only of a product that was deleted and had a stock.
    archived_at: Option<Time>,
}

impl From<Product> for ProductObject {
    fn from(product: Product) -> Self {
        Self {
            id: Id(product.id),
            name: product.name,
            sku: product.sku,
            price: Amount(product.price),
            brand: product.brand,
            description: product.description,
            category: product.category,
            version: product.version,
            created_at: Time(product.created_at),
            updated_at: Time(product.updated_at),
            archived_at: product.archived_at.map(Time),
        }
    }
}

/// What is there of a product.
#[derive(SimpleObject)]
#[graphql(complex, name = "StockLevel")]
pub struct StockObject {
    pub product_id: Id,
    /// Units in stock; the sum of all movements.
    quantity: i64,
    /// Number of movements, +1 with each.
    version: i64,
    updated_at: Time,
}

impl StockObject {
    /// The stock of a product.
    pub fn new(product: Uuid, balance: &Balance) -> Self {
        Self {
            product_id: Id(product),
            quantity: balance.quantity,
            version: balance.version,
            updated_at: Time(balance.updated_at),
        }
    }
}

/// Why units came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "MovementKind")]
enum KindObject {
    /// Somebody counted.
    Set,
    /// Somebody added or took units.
    Adjustment,
    /// An order took units.
    Order,
    /// An order gave back what it took.
    Return,
    /// An order that was given up before it took anything.
    Void,
}

/// One change of a stock.
#[derive(SimpleObject)]
#[graphql(name = "Movement")]
pub struct MovementObject {
    id: Id,
    /// The version of the stock that it made.
    version: i64,
    kind: KindObject,
    /// Units that came, or went below 0.
    delta: i64,
    /// Units that were there after it.
    quantity: i64,
    reason: Option<String>,
    /// For movements of orders the id of the order.
    reference: Option<String>,
    /// Who asked for it; null where nobody said who they are, and for what the store did by itself.
    by: Option<String>,
    at: Time,
}

impl From<Movement> for MovementObject {
    fn from(movement: Movement) -> Self {
        Self {
            id: Id(movement.id),
            version: movement.version,
            kind: match movement.kind {
                Kind::Set => KindObject::Set,
                Kind::Adjustment => KindObject::Adjustment,
                Kind::Order => KindObject::Order,
                Kind::Return => KindObject::Return,
                Kind::Void => KindObject::Void,
            },
            delta: movement.delta,
            quantity: movement.quantity,
            reason: movement.reason,
            reference: movement.reference,
            by: movement.by.map(|by| by.to_string()),
            at: Time(movement.at),
        }
    }
}

/// Where a page ends.
#[derive(SimpleObject)]
pub struct PageInfo {
    /// Whether there is a next page. A page before it may hold fewer than `first`.
    has_next_page: bool,
    /// What `after` of the next page is; of this list only.
    end_cursor: Option<String>,
}

impl From<PageOf> for PageInfo {
    fn from(page: PageOf) -> Self {
        Self { has_next_page: page.next.is_some(), end_cursor: page.next }
    }
}

/// Products, the newest first.
#[derive(SimpleObject)]
pub struct ProductPage {
    pub nodes: Vec<ProductObject>,
    pub page_info: PageInfo,
}

/// Stocks, that of the newest product first.
#[derive(SimpleObject)]
pub struct StockLevelPage {
    pub nodes: Vec<StockObject>,
    pub page_info: PageInfo,
}

/// Movements, the newest first.
#[derive(SimpleObject)]
pub struct MovementPage {
    pub nodes: Vec<MovementObject>,
    pub page_info: PageInfo,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_shown_with_the_digits_that_were_sent() {
        for text in ["10.5", "0.01", "99999999.99", "7", "1234567.89"] {
            let shown = Amount(Price::from_json_number(text).unwrap()).to_value();
            let number = serde_json::to_string(&shown).unwrap();
            assert_eq!(number.trim_end_matches(".0"), text);
        }
    }

    #[test]
    fn a_time_is_the_one_that_the_rest_of_the_api_shows() {
        assert_eq!(Time(1_700_000_000_123).to_value(), Value::String("2023-11-14T22:13:20.123Z".into()));
    }

    #[test]
    fn bodies_that_are_no_query_are_refused_at_their_place() {
        for (body, pointer) in [
            ("[]", ""),
            ("{}", "/query"),
            (r#"{"query":null}"#, "/query"),
            (r#"{"query":1}"#, "/query"),
            (r#"{"query":"{a}","query":"{b}"}"#, "/query"),
            (r#"{"query":"{a}","variables":[]}"#, "/variables"),
            (r#"{"query":"{a}","variables":"{}"}"#, "/variables"),
            (r#"{"query":"{a}","variables":{"a":1e999}}"#, "/variables"),
            (r#"{"query":"{a}","extensions":1}"#, "/extensions"),
            (r#"{"query":"{a}","operationName":7}"#, "/operationName"),
            (r#"{"query":"{a}","variables":{"a":{"b":1,"b":1}}}"#, "/variables"),
            (r#"{"extensions":{"persistedQuery":true}}"#, "/query"),
        ] {
            match read(body.as_bytes()) {
                Err(ModelError::Malformed(broken)) => assert_eq!(broken[0].pointer, pointer, "{body}"),
                other => panic!("{body}: {other:?}"),
            }
        }
        let body = br#"{"query":"{a}","variables":null,"operationName":null,"extensions":{"x":1},"id":"x"}"#;
        let request = read(body).unwrap().unwrap();
        assert_eq!((request.query.as_str(), request.operation_name), ("{a}", None));
    }
}
