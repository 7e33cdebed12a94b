//! `/cluster/activity` and `/cluster/replicas`: what the nodes tell of each other, and a row as each replica has it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::cluster::{answer, partition, unplaced};
use super::request::{self, Access, Query};
use crate::app::App;
use crate::problem::Problem;
use crate::views::activity::{ActivityView, CopiesView};

/// What the nodes tell of each other and of their work
///
/// Of each node what its own tables tell: how it sees the others by gossip, for which of them it keeps hints, what it streams, works
/// on, and has to send. Looked at once a second at most by each process, however many ask.
#[utoipa::path(
    get, path = "/cluster/activity", tag = "cluster", operation_id = "getActivity",
    responses(
        (status = 200, description = "Nodes by datacenter, rack and address, each with what it tells", body = [ActivityView]),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn activity(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    request::accepts_json(&parts.headers)?;
    Query::read(&parts, &[], &[])?;
    let cx = request::context(&app, &parts, Access::Read)?;
    let found = request::services(&app)?.cluster.activity(&cx).await?;
    answer(&found.iter().map(ActivityView::from).collect::<Vec<_>>())
}

/// A row as each of its replicas has it
///
/// Each replica is asked at ONE for what it has, and no other node. A copy that is older than another is what a read at ONE may be
/// answered with; reading it so mends nothing. Of `products`, `users`, `orders` and `ledgers`, whose key is the book (`stock` or
/// `spending`) and the id of the product or user.
#[utoipa::path(
    get, path = "/cluster/replicas", tag = "cluster", operation_id = "getReplicas",
    params(
        ("table" = Option<String>, Query, description = "`products`, `users`, `orders` or `ledgers`; with `key`", min_length = 1, max_length = 48, nullable = false, pattern = "^[A-Za-z0-9_]+$", example = "products"),
        ("key" = Option<Vec<String>>, Query, description = "Partition key, one value per column in the table's order", min_items = 1, max_items = 8, nullable = false, example = json!(["0190a0a0-0000-7000-8000-000000000000"])),
        ("stock" = Option<Uuid>, Query, description = "Id of the product whose stock is looked for, in place of `table` and `key`", nullable = false),
    ),
    responses(
        (status = 200, description = "Each replica with its copy; without rows where it has none", body = CopiesView),
        (status = 400, response = crate::openapi::Malformed),
        (status = 404, response = crate::openapi::NotFound),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn replicas(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    request::accepts_json(&parts.headers)?;
    let (table, key) = partition(&parts)?;
    let cx = request::context(&app, &parts, Access::Read)?;
    let found = request::services(&app)?.cluster.copies(&cx, &table, &key).await;
    answer(&CopiesView::new(found.map_err(unplaced)?, key))
}
