//! The OpenAPI document: what the controllers declare, with the answers that they share. Pure.

pub(crate) mod examples;

use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{AdditionalProperties, Schema};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, Ref, RefOr};
use utoipa::{IntoParams, Modify, OpenApi, ToResponse};

use crate::auth::roles::{self, Role, Who};
use crate::controllers::{
    activity, changes, cluster, csv, docs, graphql, health, live, operation, operations, orders, products, reports,
    stocks, users, whoami,
};
use crate::models::text::Text;
use crate::problem::ProblemDoc;
use crate::route::Route;

/// The document as it is served: pretty JSON with a line break at its end. With `guarded` it says
/// which operations need a token and who may do them; so it is committed. The declarations name the kind of a
/// text where the document has its pattern.
pub fn text(guarded: bool) -> String {
    let mut document = ApiDoc::openapi();
    if guarded {
        guard(&mut document);
    }
    examples::add(&mut document);
    let mut text = document.to_pretty_json().unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
    for kind in Text::ALL {
        text =
            text.replace(&format!("\"pattern\": \"{kind:?}\""), &format!("\"pattern\": {}", visible(&kind.pattern())));
    }
    text.push('\n');
    text
}

/// A JSON string whose characters can all be seen.
fn visible(text: &str) -> String {
    let mut out = serde_json::Value::from(text).to_string();
    let hidden: String = text.chars().filter(|c| !c.is_ascii()).collect();
    for c in hidden.chars() {
        let units: String = c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect();
        out = out.replace(c, &units);
    }
    out
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Store manager",
        description = "Products, stocks, orders and users of a store, kept in Apache Cassandra, and the ring they lie on. Errors are `application/problem+json` (RFC 9457). Every answer carries `X-Request-Id`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        products::list,
        products::create,
        products::show,
        products::replace,
        products::patch,
        products::remove,
        csv::import_products,
        csv::export::export_products,
        users::list,
        users::create,
        users::show,
        users::change,
        users::erase,
        stocks::list,
        stocks::set,
        stocks::show,
        stocks::adjust,
        stocks::movements,
        stocks::overview,
        graphql::query,
        csv::import_stocks,
        csv::export::export_stocks,
        csv::later::show,
        csv::export::export_orders,
        operations::show,
        orders::list,
        orders::create,
        orders::put,
        orders::show,
        orders::patch,
        orders::cancel,
        reports::highest_spenders,
        reports::best_sellers,
        cluster::nodes,
        cluster::ring,
        cluster::keyspaces,
        cluster::placement,
        cluster::trace,
        cluster::consistency,
        live::nodes,
        changes::changes,
        changes::audit,
        activity::activity,
        activity::replicas,
        operation::show,
        health::health,
        health::health_check,
        docs::document,
        whoami::show,
    ),
    components(responses(
        Malformed, Unauthorized, Forbidden, TooManyRequests, NotFound, NotAcceptable, SlowBody, SkuConflict, EmailConflict, OrderConflict, Gone, VersionMoved, TooLarge,
        UnsupportedMediaType, RuleBroken, Unavailable, UnknownOutcome,
    )),
    modifiers(&Closed),
    tags(
        (name = "products", description = "What the store sells"),
        (name = "users", description = "Whom the store knows"),
        (name = "stocks", description = "What is there of each product, and how it came to be"),
        (name = "orders", description = "What was bought, by whom, and reports on it"),
        (name = "changes", description = "What has changed, for those who follow it, and by whom"),
        (name = "cluster", description = "The distributed database made visible"),
        (name = "operations", description = "Health, this document"),
    ),
)]
struct ApiDoc;

/// Writes the table of roles into the document.
fn guard(document: &mut Document) {
    let mut scheme = Http::new(HttpAuthScheme::Bearer);
    scheme.description = Some("A token that tells a role: of STORE_AUTH=tokens, or signed by the issuer.".into());
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    for route in Route::ALL {
        let Some(path) = document.paths.paths.get_mut(route.pattern()) else { continue };
        for cell in roles::cells(route) {
            let operation = match cell.method {
                "GET" => &mut path.get,
                "POST" => &mut path.post,
                "PUT" => &mut path.put,
                "PATCH" => &mut path.patch,
                "DELETE" => &mut path.delete,
                _ => continue,
            };
            let (Some(operation), Who::Roles(allowed)) = (operation, cell.who) else { continue };
            operation.security = Some(vec![SecurityRequirement::new("bearer", [""; 0])]);
            for (status, response) in [("401", "Unauthorized"), ("403", "Forbidden"), ("429", "TooManyRequests")] {
                let response = RefOr::Ref(Ref::from_response_name(response));
                operation.responses.responses.insert(status.to_owned(), response);
            }
            let allowed = Role::ALL.into_iter().filter(|role| allowed[*role as usize]).map(Role::name);
            let roles = Extensions::builder().add("x-roles", allowed.collect::<Vec<_>>()).build();
            operation.extensions.get_or_insert_default().merge(roles);
        }
    }
}

/// Requests have the members that are listed and no others.
struct Closed;

impl Modify for Closed {
    fn modify(&self, document: &mut Document) {
        let Some(components) = &mut document.components else {
            return;
        };
        for name in [
            "FileForm",
            "NewProduct",
            "ProductChange",
            "NewUser",
            "UserChange",
            "NewStock",
            "NewAdjustment",
            "NewOrder",
            "NewOrderItem",
            "OrderChange",
            "OrderPayment",
        ] {
            if let Some(RefOr::T(Schema::Object(object))) = components.schemas.get_mut(name) {
                object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
            }
        }
    }
}

/// Headers of reads.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "documents the headers; they are read by controllers::request")]
pub struct ReadHeaders {
    /// Consistency level of this read; LOCAL_QUORUM unless configured otherwise.
    #[param(rename = "Consistency-Level", value_type = Option<ReadLevel>, nullable = false, inline)]
    consistency_level: Option<String>,
    /// Ask Cassandra for a trace; its id and summary come back under the same name.
    #[param(rename = "Cassandra-Trace", nullable = false)]
    cassandra_trace: Option<bool>,
    /// Address of the node that is to coordinate; at ONE it answers from its own copy, if it has one. By default any
    /// replica may, and the answer names it under the same name.
    #[param(rename = "Cassandra-Coordinator", nullable = false)]
    cassandra_coordinator: Option<String>,
}

/// Headers of writes.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "documents the headers; they are read by controllers::request")]
pub struct WriteHeaders {
    /// Consistency level of this write, where it is above LOCAL_QUORUM. Uniqueness and versions are always decided by
    /// lightweight transactions, and no header weakens what is written.
    #[param(rename = "Consistency-Level", value_type = Option<WriteLevel>, nullable = false, inline)]
    consistency_level: Option<String>,
    /// Ask Cassandra for a trace; its id and summary come back under the same name.
    #[param(rename = "Cassandra-Trace", nullable = false)]
    cassandra_trace: Option<bool>,
}

/// Header of conditional writes.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "documents the headers; they are read by controllers::request")]
pub struct ConditionHeaders {
    /// Entity tags of the versions that may be changed, such as `"3"`, or `*`. What is no entity
    /// tag matches no version.
    #[param(rename = "If-Match", nullable = false, example = "*")]
    if_match: Option<String>,
    /// Entity tags of versions that may not be changed, or `*`: only where nothing is there yet.
    #[param(rename = "If-None-Match", nullable = false, example = "\"0\"")]
    if_none_match: Option<String>,
}

/// Header of requests that are done once.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "documents the headers; they are read by controllers::request")]
pub struct IdempotencyHeader {
    /// Chosen by the client, remembered for a day: the same request is answered again, another
    /// one under the same key is refused.
    #[param(rename = "Idempotency-Key", nullable = false, min_length = 1, max_length = 255, pattern = r"^[!-~]+$")]
    idempotency_key: Option<String>,
}

#[derive(utoipa::ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(dead_code, reason = "documents a header")]
enum ReadLevel {
    One,
    Two,
    Quorum,
    LocalOne,
    LocalQuorum,
    All,
    Serial,
}

#[derive(utoipa::ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(dead_code, reason = "documents a header")]
enum WriteLevel {
    One,
    Two,
    Quorum,
    LocalOne,
    LocalQuorum,
    All,
}

macro_rules! problem_responses {
    ($($(#[$doc:meta])* $name:ident = $description:literal;)*) => {$(
        #[derive(ToResponse)]
        #[response(description = $description, content_type = "application/problem+json")]
        #[allow(dead_code, reason = "documents an answer; problems are written by crate::problem")]
        $(#[$doc])*
        pub struct $name(ProblemDoc);
    )*};
}

problem_responses! {
    /// 400.
    Malformed = "The request cannot be understood: path, query, headers or JSON";
    /// 401.
    Unauthorized = "There is no token, or it is not valid here; `WWW-Authenticate` says which";
    /// 403.
    Forbidden = "The role that the token tells may not do this";
    /// 404.
    NotFound = "No such resource";
    /// 406.
    NotAcceptable = "The client accepts no JSON";
    /// 408.
    SlowBody = "The body did not arrive in time";
    /// 409.
    SkuConflict = "The sku is taken";
    /// 409.
    EmailConflict = "The e-mail address is taken";
    /// 409.
    OrderConflict = "What has become of the order does not allow this";
    /// 410.
    Gone = "What follows the position is no longer kept: read anew, and go on from the end of the feed";
    /// 412.
    VersionMoved = "The resource is not as `If-Match` and `If-None-Match` ask";
    /// 413.
    TooLarge = "The body has more than 64 KiB";
    /// 415.
    UnsupportedMediaType = "The body is of another media type";
    /// 422.
    RuleBroken = "The request breaks rules of the store; `errors` names each";
    /// 429.
    TooManyRequests = "Whoever sent it has sent as many as they may (`RateLimit-Policy`); again after `Retry-After`";
    /// 503.
    Unavailable = "Nothing was changed; try again after `Retry-After`. Says how many replicas are required and alive where that is the cause";
    /// 504.
    UnknownOutcome = "The outcome could not be learnt in time; ask `/operations/{key}` where it was sent under a key, else read before trying again";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_the_one_that_is_served() {
        let committed = include_str!("../openapi.json");
        assert!(
            committed == text(true),
            "openapi.json is stale, run: cargo run --bin store-api -- openapi > api-server/openapi.json"
        );
    }

    #[test]
    fn every_route_is_documented_but_the_page_itself_and_what_is_at_another_port() {
        let document: serde_json::Value = serde_json::from_str(&text(true)).unwrap();
        let paths = document["paths"].as_object().unwrap();
        for route in Route::ALL {
            let documented = paths.contains_key(route.pattern());
            let left_out =
                matches!(route, Route::Docs | Route::DocsFile) || route.is_of_console() || route.is_of_operations();
            assert_eq!(documented, !left_out, "{}", route.pattern());
        }
        assert_eq!(paths.len(), Route::ALL.len() - 8);
        assert_eq!(document["openapi"], "3.1.0");
    }
}
