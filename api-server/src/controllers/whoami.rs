//! `/whoami`: what the sender of a request may do, so that a page need not show the rest.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer;
use super::request::{self, Query};
use crate::app::App;
use crate::auth::Principal;
use crate::auth::roles::{self, Role, Who};
use crate::problem::Problem;
use crate::route::Route;

/// Who sent the request, as far as the API knows.
#[derive(Debug, Serialize, ToSchema)]
pub struct Viewer {
    /// Who it is: the subject of a signed token, or the name of a secret one; `null` where the API asks for none.
    #[schema(example = "seller.till-1")]
    pub principal: Option<String>,
    /// Role of the token; `null` where the API asks for none, and everybody may do everything.
    #[schema(example = "seller")]
    pub role: Option<&'static str>,
    /// What this role may send.
    pub may: Vec<Allowed>,
}

/// The methods of one path that a role may send.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Allowed {
    /// As the document writes it.
    #[schema(example = "/products/{id}")]
    pub path: &'static str,
    #[schema(example = json!(["GET", "PATCH"]))]
    pub methods: Vec<&'static str>,
}

impl Viewer {
    /// The table of roles, as one of them sees it.
    pub fn of(caller: Option<&Principal>) -> Self {
        let role = caller.map(|caller| caller.role);
        let allowed = |who: Who| match (who, role) {
            (Who::Anybody, _) | (_, None) => true,
            (Who::Roles(allowed), Some(role)) => allowed[role as usize],
        };
        let may = Route::ALL.into_iter().filter(|route| !route.is_of_operations()).filter_map(|route| {
            let cells = roles::cells(route).iter().filter(|cell| allowed(cell.who));
            let methods: Vec<&'static str> = cells.map(|cell| cell.method).collect();
            (!methods.is_empty()).then_some(Allowed { path: route.pattern(), methods })
        });
        Self { principal: caller.map(|caller| caller.name.to_string()), role: role.map(Role::name), may: may.collect() }
    }
}

/// What the sender may do
#[utoipa::path(
    get, path = "/whoami", tag = "operations", operation_id = "whoami",
    responses(
        (status = 200, description = "The role of the token, and each path and method that it may send", body = Viewer),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn show(State(_app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    request::accepts_json(&parts.headers)?;
    Query::read(&parts, &[], &[])?;
    match serde_json::to_vec(&Viewer::of(request::caller(&parts).as_ref())) {
        Ok(body) => Ok(answer::json(StatusCode::OK, body)),
        Err(_) => {
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "not_writable", "the answer could not be written"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_is_told_of_what_it_may_do_and_nothing_else() {
        let methods = |viewer: &Viewer, path: &str| {
            let of_path = viewer.may.iter().find(|allowed| allowed.path == path);
            of_path.map(|allowed| allowed.methods.clone()).unwrap_or_default()
        };
        let viewer = |role| Viewer::of(Some(&Principal { name: "ana".into(), role }));
        let supplier = viewer(Role::Supplier);
        assert_eq!((supplier.principal.as_deref(), supplier.role), (Some("ana"), Some("supplier")));
        assert_eq!(methods(&supplier, "/stocks/reports/overview-stocks"), ["GET"]);
        assert!(methods(&supplier, "/orders").is_empty() && methods(&supplier, "/cluster/nodes").is_empty());
        let director = viewer(Role::Director);
        assert_eq!(methods(&director, "/users"), ["GET", "POST"]);
        assert!(methods(&director, "/products").is_empty() && methods(&director, "/metrics").is_empty());
        let anybody = Viewer::of(None);
        assert_eq!((anybody.role, anybody.may), (None, viewer(Role::Admin).may));
    }
}
