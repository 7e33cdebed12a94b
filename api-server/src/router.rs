//! Every route on one page. No IO.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::{Method, Request, StatusCode, Uri};
use tower::Service as _;

use crate::app::App;
use crate::controllers::{
    activity, changes, cluster, console, csv, docs, graphql, health, live, operation, operations, orders, products,
    reports, stocks, users, whoami,
};
use crate::problem::Problem;
use crate::route::Route;
use crate::rules_of_http;

/// The API over one application.
pub fn build(app: Arc<App>) -> Router {
    Router::new()
        .route(Route::Products.pattern(), get(products::list).post(products::create))
        .route(Route::ProductImport.pattern(), post(csv::import_products))
        .route(Route::ProductExport.pattern(), get(csv::export::export_products))
        .route(
            Route::Product.pattern(),
            get(products::show).put(products::replace).patch(products::patch).delete(products::remove),
        )
        .route(Route::Users.pattern(), get(users::list).post(users::create))
        .route(Route::User.pattern(), get(users::show).patch(users::change).delete(users::erase))
        .route(Route::Stocks.pattern(), get(stocks::list).post(stocks::set))
        .route(Route::StockImport.pattern(), post(csv::import_stocks))
        .route(Route::StockExport.pattern(), get(csv::export::export_stocks))
        .route(Route::Stock.pattern(), get(stocks::show))
        .route(Route::StockAdjustments.pattern(), post(stocks::adjust))
        .route(Route::StockMovements.pattern(), get(stocks::movements))
        .route(Route::StockOverview.pattern(), get(stocks::overview))
        .route(Route::StockQuery.pattern(), post(graphql::query))
        .route(Route::Import.pattern(), get(csv::later::show))
        .route(Route::Operation.pattern(), get(operations::show))
        .route(Route::Orders.pattern(), get(orders::list).post(orders::create).put(orders::put))
        .route(Route::OrderExport.pattern(), get(csv::export::export_orders))
        .route(Route::Order.pattern(), get(orders::show).patch(orders::patch).delete(orders::cancel))
        .route(Route::HighestSpenders.pattern(), get(reports::highest_spenders))
        .route(Route::BestSellers.pattern(), get(reports::best_sellers))
        .route(Route::ClusterNodes.pattern(), get(cluster::nodes))
        .route(Route::ClusterRing.pattern(), get(cluster::ring))
        .route(Route::ClusterKeyspaces.pattern(), get(cluster::keyspaces))
        .route(Route::ClusterPlacement.pattern(), get(cluster::placement))
        .route(Route::ClusterTrace.pattern(), get(cluster::trace))
        .route(Route::ClusterConsistency.pattern(), get(cluster::consistency))
        .route(Route::ClusterLive.pattern(), get(live::nodes))
        .route(Route::Changes.pattern(), get(changes::changes))
        .route(Route::Audit.pattern(), get(changes::audit))
        .route(Route::ClusterActivity.pattern(), get(activity::activity))
        .route(Route::ClusterReplicas.pattern(), get(activity::replicas))
        .route(Route::ClusterOperation.pattern(), get(operation::show))
        .route(Route::Health.pattern(), get(health::health))
        .route(Route::HealthCheck.pattern(), get(health::health_check))
        .route(Route::OpenApi.pattern(), get(docs::document))
        .route(Route::Docs.pattern(), get(docs::index))
        .route(Route::DocsFile.pattern(), get(docs::file))
        .route(Route::Whoami.pattern(), get(whoami::show))
        .route(Route::Console.pattern(), get(console::page))
        .route("/console/", get(console::page))
        .route(Route::ConsoleFile.pattern(), get(console::file))
        .fallback(nowhere)
        .method_not_allowed_fallback(other_methods)
        .with_state(app)
}

/// What those who run the store ask, at a door of its own.
pub fn operations(app: Arc<App>) -> Router {
    Router::new()
        .route(Route::Livez.pattern(), get(health::livez))
        .route(Route::Readyz.pattern(), get(health::readyz))
        .route(Route::Identity.pattern(), get(health::identity))
        .route(Route::Metrics.pattern(), get(health::metrics))
        .fallback(nowhere)
        .method_not_allowed_fallback(other_methods)
        .with_state(app)
}

async fn nowhere(uri: Uri) -> Problem {
    rules_of_http::nowhere(uri.path())
}

/// Not reached: the edge knows the methods of each route.
async fn other_methods() -> Problem {
    let detail = "the resource has other methods, see Allow";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}

/// Answers by the route's handler. What most requests are, reads of products and orders, is handled without the router,
/// which looks for the route once more, makes some ten allocations on the way, one of them for a body that a read does not
/// have, and adds its wrappers to all that is gone through at each of the twenty wakes of an order.
pub async fn answer<B>(router: &Router, app: &Arc<App>, route: Route, request: Request<B>) -> Response
where
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    let state = State(Arc::clone(app));
    match (route, request.method()) {
        (Route::Product, &Method::GET) => products::show(state, request.into_parts().0).await.into_response(),
        (Route::Products, &Method::GET) => products::list(state, request.into_parts().0).await.into_response(),
        (Route::Orders, &Method::POST) => orders::create(state, request.map(Body::new)).await.into_response(),
        // Also what lies at another door, or is switched off.
        (Route::Unmatched, _) => rules_of_http::nowhere(request.uri().path()).into_response(),
        _ => {
            let Ok(response) = router.clone().call(request.map(Body::new)).await;
            response
        }
    }
}
