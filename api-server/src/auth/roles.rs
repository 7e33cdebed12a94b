//! Endpoint × role: the one table of what each role may do. Pure.
//!
//! [`cells`] is a match over every route, so a route without cells does not compile; a method
//! without a cell is refused to everybody. `tests/api/roles.rs` compares the table with the OpenAPI
//! document and tries each cell.

#![deny(clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]

use http::Method;
use serde::Deserialize;

use crate::route::Route;

/// What a person does in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(usize)]
pub enum Role {
    /// Manages products, users, stocks and orders, and reads reports.
    Seller,
    /// Manages users and reads reports.
    Director,
    /// Reads stock reports.
    Supplier,
    /// Runs the store.
    Admin,
}

impl Role {
    /// Every role, in the order of a row's cells.
    pub const ALL: [Self; 4] = [Self::Seller, Self::Director, Self::Supplier, Self::Admin];

    /// The same from the one that may do most to the one that may do least: each may do all that those after it may.
    pub const BY_RIGHTS: [Self; 4] = [Self::Admin, Self::Seller, Self::Director, Self::Supplier];

    /// The name, as it stands in tokens, files and the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seller => "seller",
            Self::Director => "director",
            Self::Supplier => "supplier",
            Self::Admin => "admin",
        }
    }
}

/// Who may send one method to one route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Everybody, without a token.
    Anybody,
    /// By role, in the order of [`Role::ALL`].
    Roles([bool; 4]),
}

/// One method of one route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    pub method: &'static str,
    pub who: Who,
}

const Y: bool = true;
const N: bool = false;

/// The table.
pub const fn cells(route: Route) -> &'static [Cell] {
    match route {
        //               seller director supplier admin
        Route::Products => const { &[by("GET", [Y, N, N, Y]), by("POST", [Y, N, N, Y])] },
        Route::ProductImport | Route::StockImport => const { &[by("POST", [Y, N, N, Y])] },
        Route::ProductExport | Route::StockExport | Route::OrderExport | Route::Import => {
            const { &[by("GET", [Y, N, N, Y])] }
        }
        Route::Product => {
            const {
                &[
                    by("GET", [Y, N, N, Y]),
                    by("PUT", [Y, N, N, Y]),
                    by("PATCH", [Y, N, N, Y]),
                    by("DELETE", [Y, N, N, Y]),
                ]
            }
        }
        Route::Users => const { &[by("GET", [Y, Y, N, Y]), by("POST", [Y, Y, N, Y])] },
        Route::User => const { &[by("GET", [Y, Y, N, Y]), by("PATCH", [Y, Y, N, Y]), by("DELETE", [Y, Y, N, Y])] },
        Route::Stocks => const { &[by("GET", [Y, N, N, Y]), by("POST", [Y, N, N, Y])] },
        Route::StockAdjustments => const { &[by("POST", [Y, N, N, Y])] },
        Route::Stock | Route::StockMovements => const { &[by("GET", [Y, N, N, Y])] },
        Route::Orders => const { &[by("GET", [Y, N, N, Y]), by("POST", [Y, N, N, Y]), by("PUT", [Y, N, N, Y])] },
        Route::Order => const { &[by("GET", [Y, N, N, Y]), by("PATCH", [Y, N, N, Y]), by("DELETE", [Y, N, N, Y])] },
        Route::HighestSpenders | Route::BestSellers => const { &[by("GET", [Y, Y, N, Y])] },
        Route::StockOverview | Route::Whoami => const { &[by("GET", [Y, Y, Y, Y])] },
        Route::StockQuery => const { &[by("POST", [Y, Y, Y, Y])] },
        Route::ClusterNodes
        | Route::ClusterRing
        | Route::ClusterKeyspaces
        | Route::ClusterPlacement
        | Route::ClusterTrace
        | Route::ClusterConsistency => const { &[by("GET", [Y, Y, N, Y])] },
        Route::Health
        | Route::HealthCheck
        | Route::Livez
        | Route::Readyz
        | Route::Identity
        | Route::Metrics
        | Route::OpenApi
        | Route::Docs
        | Route::DocsFile
        | Route::Console
        | Route::ConsoleFile => const { &[Cell { method: "GET", who: Who::Anybody }] },
        Route::Unmatched => &[],
    }
}

const fn by(method: &'static str, allowed: [bool; 4]) -> Cell {
    Cell { method, who: Who::Roles(allowed) }
}

/// Who may send this method to this route, `None` for nobody. HEAD is GET without a body.
pub fn who(route: Route, method: &Method) -> Option<Who> {
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    cells(route).iter().find(|cell| cell.method == method).map(|cell| cell.who)
}

/// Whether a role may send this method to this route.
pub fn may(role: Role, route: Route, method: &Method) -> bool {
    match who(route, method) {
        Some(Who::Anybody) => true,
        Some(Who::Roles(allowed)) => allowed[role as usize],
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_stand_in_the_order_of_their_cells_and_are_read_by_their_names() {
        for (at, role) in Role::ALL.into_iter().enumerate() {
            assert_eq!(role as usize, at);
            let read: Role = serde_json::from_str(&format!("\"{}\"", role.name())).unwrap();
            assert_eq!(read, role);
        }
        assert!(serde_json::from_str::<Role>("\"Admin\"").is_err());
    }

    /// So that a token with several roles may do all that any of them may.
    #[test]
    fn each_role_may_do_all_that_the_next_one_by_rights_may() {
        for pair in Role::BY_RIGHTS.windows(2) {
            let [more, less] = [pair[0] as usize, pair[1] as usize];
            for cell in Route::ALL.into_iter().flat_map(cells) {
                if let Who::Roles(allowed) = cell.who {
                    assert!(allowed[more] || !allowed[less], "{pair:?} {}", cell.method);
                }
            }
            let traces = |role| crate::auth::may_trace(Some(role)).is_ok();
            assert!(traces(pair[0]) || !traces(pair[1]));
        }
    }

    #[test]
    fn an_admin_may_do_everything_and_what_has_no_cell_nobody() {
        for route in Route::ALL {
            assert!(!cells(route).is_empty(), "{route:?}");
            for cell in cells(route) {
                assert!(matches!(cell.who, Who::Anybody | Who::Roles([.., true])), "{route:?} {}", cell.method);
            }
            assert_eq!(who(route, &Method::TRACE), None);
        }
        assert_eq!(who(Route::Products, &Method::PUT), None);
        assert_eq!(who(Route::Unmatched, &Method::GET), None);
    }
}
