//! Endpoint × role: the one table of what each role may do. Pure.
//!
//! [`cells`] is a match over every route, so a route without cells does not compile; a method
//! without a cell is refused to everybody. `tests/api/roles.rs` compares the table with the OpenAPI
//! document and tries each cell.

#![deny(clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]

use http::Method;
use serde::Deserialize;

use crate::route::Route;

/// What a person or a program does in the store.
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
    /// Tells of payments: a program beside the store.
    Payment,
    /// Reads everything and changes nothing.
    Auditor,
}

/// Roles there are.
const COUNT: usize = 6;

impl Role {
    /// Every role, in the order of a row's cells.
    pub const ALL: [Self; COUNT] =
        [Self::Seller, Self::Director, Self::Supplier, Self::Admin, Self::Payment, Self::Auditor];

    /// The same in the order in which one of several counts: each stands before all that may do no more than it. Of two that
    /// each may do what the other may not, the one that changes more stands before the other.
    pub const BY_RIGHTS: [Self; COUNT] =
        [Self::Admin, Self::Seller, Self::Director, Self::Payment, Self::Auditor, Self::Supplier];

    /// The name, as it stands in tokens, files and the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seller => "seller",
            Self::Director => "director",
            Self::Supplier => "supplier",
            Self::Admin => "admin",
            Self::Payment => "payment",
            Self::Auditor => "auditor",
        }
    }
}

/// Every role's name, for those who are told what to write.
pub const NAMES: &str = "seller, director, supplier, admin, payment or auditor";

/// Who may send one method to one route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Everybody, without a token.
    Anybody,
    /// By role, in the order of [`Role::ALL`].
    Roles([bool; COUNT]),
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
        //               seller director supplier admin payment auditor
        Route::Products => const { &[by("GET", [Y, N, N, Y, N, Y]), by("POST", [Y, N, N, Y, N, N])] },
        Route::ProductImport | Route::StockImport => const { &[by("POST", [Y, N, N, Y, N, N])] },
        Route::ProductExport | Route::StockExport | Route::OrderExport | Route::Import => {
            const { &[by("GET", [Y, N, N, Y, N, Y])] }
        }
        Route::Product => {
            const {
                &[
                    by("GET", [Y, N, N, Y, N, Y]),
                    by("PUT", [Y, N, N, Y, N, N]),
                    by("PATCH", [Y, N, N, Y, N, N]),
                    by("DELETE", [Y, N, N, Y, N, N]),
                ]
            }
        }
        Route::Users => const { &[by("GET", [Y, Y, N, Y, N, Y]), by("POST", [Y, Y, N, Y, N, N])] },
        Route::User => {
            const { &[by("GET", [Y, Y, N, Y, N, Y]), by("PATCH", [Y, Y, N, Y, N, N]), by("DELETE", [Y, Y, N, Y, N, N])] }
        }
        Route::Stocks => const { &[by("GET", [Y, N, N, Y, N, Y]), by("POST", [Y, N, N, Y, N, N])] },
        Route::StockAdjustments => const { &[by("POST", [Y, N, N, Y, N, N])] },
        Route::Stock | Route::StockMovements => const { &[by("GET", [Y, N, N, Y, N, Y])] },
        Route::Orders => {
            const { &[by("GET", [Y, N, N, Y, N, Y]), by("POST", [Y, N, N, Y, N, N]), by("PUT", [Y, N, N, Y, Y, N])] }
        }
        Route::Order => {
            const { &[by("GET", [Y, N, N, Y, Y, Y]), by("PATCH", [Y, N, N, Y, N, N]), by("DELETE", [Y, N, N, Y, N, N])] }
        }
        Route::HighestSpenders | Route::BestSellers => const { &[by("GET", [Y, Y, N, Y, N, Y])] },
        Route::StockOverview => const { &[by("GET", [Y, Y, Y, Y, N, Y])] },
        Route::StockQuery => const { &[by("POST", [Y, Y, Y, Y, N, Y])] },
        Route::Whoami | Route::Operation => const { &[by("GET", [Y, Y, Y, Y, Y, Y])] },
        Route::ClusterNodes
        | Route::ClusterRing
        | Route::ClusterKeyspaces
        | Route::ClusterPlacement
        | Route::ClusterTrace
        | Route::ClusterConsistency
        | Route::ClusterLive
        | Route::ClusterActivity
        | Route::ClusterOperation => const { &[by("GET", [Y, Y, N, Y, N, Y])] },
        // Rows as they are: for who may read all of them.
        Route::ClusterReplicas => const { &[by("GET", [Y, N, N, Y, N, Y])] },
        Route::Changes => const { &[by("GET", [Y, N, N, Y, N, Y])] },
        Route::Audit => const { &[by("GET", [N, N, N, Y, N, Y])] },
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

const fn by(method: &'static str, allowed: [bool; COUNT]) -> Cell {
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
    fn whoever_is_told_what_to_write_is_told_every_name() {
        let names: Vec<&str> = NAMES.split([',', ' ']).filter(|word| !matches!(*word, "" | "or")).collect();
        assert_eq!(names, Role::ALL.map(Role::name));
    }

    #[test]
    fn roles_stand_in_the_order_of_their_cells_and_are_read_by_their_names() {
        for (at, role) in Role::ALL.into_iter().enumerate() {
            assert_eq!(role as usize, at);
            let read: Role = serde_json::from_str(&format!("\"{}\"", role.name())).unwrap();
            assert_eq!(read, role);
        }
        assert!(serde_json::from_str::<Role>("\"Admin\"").is_err());
    }

    /// What a role may do, by route and method, and whether it may trace.
    fn rights(role: Role) -> Vec<bool> {
        let cells = Route::ALL.into_iter().flat_map(cells);
        let allowed = cells.map(|cell| matches!(cell.who, Who::Roles(allowed) if allowed[role as usize]));
        allowed.chain([crate::auth::may_trace(Some(role)).is_ok()]).collect()
    }

    /// So that no role of several counts where another of them may do all that it may, and more.
    #[test]
    fn no_role_comes_by_rights_after_one_that_may_do_less() {
        for (at, before) in Role::BY_RIGHTS.into_iter().enumerate() {
            for after in &Role::BY_RIGHTS[at + 1..] {
                let (first, second) = (rights(before), rights(*after));
                let beyond = |own: &[bool], other: &[bool]| own.iter().zip(other).any(|(own, other)| *own && !other);
                let is_less = beyond(&second, &first) && !beyond(&first, &second);
                assert!(!is_less, "{after:?} may do all that {before:?} may, and more");
            }
        }
        assert!(Role::ALL.iter().all(|role| Role::BY_RIGHTS.contains(role)));
    }

    #[test]
    fn an_auditor_changes_nothing_and_a_payment_service_only_tells_of_payments() {
        let may = |role, method: &str| {
            let routes =
                Route::ALL.into_iter().filter(move |route| !matches!(cells(*route), [Cell { who: Who::Anybody, .. }]));
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            routes.filter(|route| may(role, *route, &method)).collect::<Vec<_>>()
        };
        for method in ["PUT", "PATCH", "DELETE"] {
            assert_eq!(may(Role::Auditor, method), [], "{method}");
        }
        assert_eq!(may(Role::Auditor, "POST"), [Route::StockQuery], "a query reads");
        assert_eq!(may(Role::Auditor, "GET"), may(Role::Admin, "GET"), "and all of it");
        assert_eq!(may(Role::Payment, "PUT"), [Route::Orders]);
        assert_eq!(may(Role::Payment, "GET"), [Route::Operation, Route::Order, Route::Whoami]);
        for method in ["POST", "PATCH", "DELETE"] {
            assert_eq!(may(Role::Payment, method), [], "{method}");
        }
    }

    #[test]
    fn an_admin_may_do_everything_and_what_has_no_cell_nobody() {
        for route in Route::ALL {
            assert!(!cells(route).is_empty(), "{route:?}");
            for cell in cells(route) {
                assert!(
                    matches!(cell.who, Who::Anybody | Who::Roles([_, _, _, true, ..])),
                    "{route:?} {}",
                    cell.method
                );
            }
            assert_eq!(who(route, &Method::TRACE), None);
        }
        assert_eq!(who(Route::Products, &Method::PUT), None);
        assert_eq!(who(Route::Unmatched, &Method::GET), None);
    }
}
