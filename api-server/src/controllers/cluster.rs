//! `/cluster/*`: the distributed database made visible.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use serde::Serialize;

use super::answer;
use super::request::{self, Access, Query};
use crate::app::App;
use crate::models::cluster::partition_of_stock;
use crate::models::ring::PlacementError;
use crate::problem::Problem;
use crate::views::cluster::{ConsistencyView, KeyspaceView, LevelView, NodeView, PlacementView, RingView, TraceView};
use crate::views::json;

pub(super) fn answer(value: &impl Serialize) -> Result<Response, Problem> {
    match serde_json::to_vec(value) {
        Ok(body) => Ok(answer::json(StatusCode::OK, body)),
        Err(_) => {
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "not_writable", "the answer could not be written"))
        }
    }
}

/// Nodes of the ring
#[utoipa::path(
    get, path = "/cluster/nodes", tag = "cluster", operation_id = "listNodes",
    responses(
        (status = 200, description = "Nodes by datacenter, rack and address", body = [NodeView]),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn nodes(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    request::accepts_json(&parts.headers)?;
    Query::read(&parts, &[], &[])?;
    let cx = request::context(&app, &parts, Access::Read)?;
    let nodes = request::services(&app)?.cluster.nodes(&cx).await?;
    answer(&nodes.iter().map(NodeView::from).collect::<Vec<_>>())
}

/// Token ring of a keyspace
#[utoipa::path(
    get, path = "/cluster/ring", tag = "cluster", operation_id = "getRing",
    params(("keyspace" = Option<String>, Query, description = "By default the store's", min_length = 1, max_length = 48, nullable = false, pattern = "^[A-Za-z0-9_]+$")),
    responses(
        (status = 200, description = "Ranges of the ring with their replicas", body = RingView),
        (status = 400, response = crate::openapi::Malformed),
        (status = 404, response = crate::openapi::NotFound),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn ring(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    request::accepts_json(&parts.headers)?;
    let mut query = Query::read(&parts, &["keyspace"], &[])?;
    let keyspace = query.take("keyspace");
    if let Some(name) = &keyspace {
        identifier("keyspace", name)?;
    }
    let cx = request::context(&app, &parts, Access::Read)?;
    let cluster = &request::services(&app)?.cluster;
    let ring = cluster.ring(&cx, keyspace.as_deref()).await?;
    answer(&RingView::from(&ring))
}

/// Keyspaces and how they are replicated
#[utoipa::path(
    get, path = "/cluster/keyspaces", tag = "cluster", operation_id = "listKeyspaces",
    responses(
        (status = 200, description = "Keyspaces by name", body = [KeyspaceView]),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn keyspaces(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    request::accepts_json(&parts.headers)?;
    Query::read(&parts, &[], &[])?;
    let cx = request::context(&app, &parts, Access::Read)?;
    let keyspaces = request::services(&app)?.cluster.keyspaces(&cx).await?;
    answer(&keyspaces.iter().map(KeyspaceView::from).collect::<Vec<_>>())
}

/// Replicas of one row
///
/// The partition need not exist: placement follows from the key alone. `stock` is for the stock of a product, which lies
/// in the table `ledgers` under the key `stock` and its id.
#[utoipa::path(
    get, path = "/cluster/placement", tag = "cluster", operation_id = "getPlacement",
    params(
        ("table" = Option<String>, Query, description = "Table of the store's keyspace; with `key`", min_length = 1, max_length = 48, nullable = false, pattern = "^[A-Za-z0-9_]+$", example = "products"),
        ("key" = Option<Vec<String>>, Query, description = "Partition key, one value per column in the table's order", min_items = 1, max_items = 8, nullable = false, example = json!(["0190a0a0-0000-7000-8000-000000000000"])),
        ("stock" = Option<Uuid>, Query, description = "Id of the product whose stock is looked for, in place of `table` and `key`", nullable = false),
    ),
    responses(
        (status = 200, description = "Token and replicas", body = PlacementView),
        (status = 400, response = crate::openapi::Malformed),
        (status = 404, response = crate::openapi::NotFound),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn placement(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    request::accepts_json(&parts.headers)?;
    let (table, key) = partition(&parts)?;
    let cx = request::context(&app, &parts, Access::Read)?;
    let cluster = &request::services(&app)?.cluster;
    let placement = cluster.placement(&cx, &table, &key).await.map_err(unplaced)?;
    answer(&PlacementView::new(&placement, &key))
}

/// Which partition a request is about: a table and its key, or that of a product's stock.
pub(super) fn partition(parts: &Parts) -> Result<(String, Vec<String>), Problem> {
    let mut query = Query::read(parts, &["table", "key", "stock"], &["key"])?;
    let (table, key) = (query.take("table"), query.all("key"));
    let mut given = String::new();
    let stock = query.parsed("stock", "is a UUID of 36 characters", &mut given, json::parse_uuid)?;
    if let Some(product) = stock {
        if table.is_some() || !key.is_empty() {
            let detail = "a stock is found by the id of its product, leave table and key out";
            return Err(Problem::malformed_at("query:stock", "stands_alone", detail));
        }
        return Ok(partition_of_stock(product));
    }
    let required = |name: &'static str| {
        let detail = format!("{name} is required");
        Problem::malformed_at(format!("query:{name}"), "required", detail)
    };
    let table = table.ok_or_else(|| required("table"))?;
    identifier("table", &table)?;
    if key.is_empty() {
        return Err(required("key"));
    }
    Ok((table, key))
}

/// Why there is no such partition.
pub(super) fn unplaced(error: PlacementError) -> Problem {
    match &error {
        PlacementError::UnknownTable { .. } => Problem::new(StatusCode::NOT_FOUND, "not_found", error.to_string()),
        PlacementError::KeyParts { .. } => Problem::malformed_at("query:key", "key_parts", error.to_string()),
        PlacementError::KeyType { .. } => Problem::malformed_at("query:key", "key_type", error.to_string()),
        PlacementError::Dao(error) => error.clone().into(),
    }
}

/// A statement that was traced
///
/// What `Cassandra-Trace: true` asked for, by the id that came back under the same name: each step with the node that made
/// it. Cassandra writes it a moment after the statement, and keeps it for a day. What the statement bound is not shown.
#[utoipa::path(
    get, path = "/cluster/traces/{id}", tag = "cluster", operation_id = "getTrace",
    params(("id" = Uuid, Path, description = "Id of the trace")),
    responses(
        (status = 200, description = "The trace", body = TraceView),
        (status = 400, response = crate::openapi::Malformed),
        (status = 404, response = crate::openapi::NotFound),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn trace(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let id = request::path_id(&parts, "trace")?;
    request::accepts_json(&parts.headers)?;
    Query::read(&parts, &[], &[])?;
    let cx = request::context(&app, &parts, Access::Read)?;
    answer(&TraceView::from(&request::services(&app)?.cluster.trace(&cx, id).await?))
}

/// What each consistency level promises
#[utoipa::path(
    get, path = "/cluster/consistency", tag = "cluster", operation_id = "getConsistency",
    responses(
        (status = 200, description = "Levels of the store's keyspace", body = ConsistencyView),
        (status = 400, response = crate::openapi::Malformed),
        (status = 404, response = crate::openapi::NotFound),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn consistency(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    request::accepts_json(&parts.headers)?;
    Query::read(&parts, &[], &[])?;
    let cx = request::context(&app, &parts, Access::Read)?;
    let table = request::services(&app)?.cluster.consistency(&cx).await?;
    answer(&ConsistencyView {
        keyspace: table.keyspace,
        replication: table.replication,
        default_level: table.default_level.name(),
        nodes: table.nodes,
        nodes_up: table.nodes_up,
        levels: table.levels.iter().map(LevelView::from).collect(),
    })
}

fn identifier(name: &'static str, text: &str) -> Result<(), Problem> {
    let fits = (1..=48).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if fits {
        return Ok(());
    }
    let detail = format!("{name} is 1 to 48 letters, digits and underscores");
    Err(Problem::malformed_at(format!("query:{name}"), "not_an_identifier", detail))
}
