//! The paths of the API as a closed set: labels of metrics and log lines. Pure.

use http::Method;

/// A path pattern of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Route {
    Products,
    ProductImport,
    ProductExport,
    Product,
    Users,
    User,
    Stocks,
    StockImport,
    StockExport,
    Stock,
    StockAdjustments,
    StockMovements,
    StockOverview,
    StockQuery,
    Import,
    Operation,
    Orders,
    OrderExport,
    Order,
    HighestSpenders,
    BestSellers,
    ClusterNodes,
    ClusterRing,
    ClusterKeyspaces,
    ClusterPlacement,
    ClusterTrace,
    ClusterConsistency,
    ClusterLive,
    Changes,
    Audit,
    ClusterActivity,
    ClusterReplicas,
    ClusterOperation,
    Health,
    HealthCheck,
    Livez,
    Readyz,
    Identity,
    Metrics,
    OpenApi,
    Docs,
    DocsFile,
    Whoami,
    Console,
    ConsoleFile,
    /// No pattern fits.
    Unmatched,
}

impl Route {
    /// Every route with a pattern.
    pub const ALL: [Self; 45] = [
        Self::Products,
        Self::ProductImport,
        Self::ProductExport,
        Self::Product,
        Self::Users,
        Self::User,
        Self::Stocks,
        Self::StockImport,
        Self::StockExport,
        Self::Stock,
        Self::StockAdjustments,
        Self::StockMovements,
        Self::StockOverview,
        Self::StockQuery,
        Self::Import,
        Self::Operation,
        Self::Orders,
        Self::OrderExport,
        Self::Order,
        Self::HighestSpenders,
        Self::BestSellers,
        Self::ClusterNodes,
        Self::ClusterRing,
        Self::ClusterKeyspaces,
        Self::ClusterPlacement,
        Self::ClusterTrace,
        Self::ClusterConsistency,
        Self::ClusterLive,
        Self::Changes,
        Self::Audit,
        Self::ClusterActivity,
        Self::ClusterReplicas,
        Self::ClusterOperation,
        Self::Health,
        Self::HealthCheck,
        Self::Livez,
        Self::Readyz,
        Self::Identity,
        Self::Metrics,
        Self::OpenApi,
        Self::Docs,
        Self::DocsFile,
        Self::Whoami,
        Self::Console,
        Self::ConsoleFile,
    ];

    /// Number of labels, [`Route::Unmatched`] included.
    pub const COUNT: usize = Self::ALL.len() + 1;

    /// The pattern, as the router and the OpenAPI document write it.
    pub const fn pattern(self) -> &'static str {
        match self {
            Self::Products => "/products",
            Self::ProductImport => "/products/import",
            Self::ProductExport => "/products/export",
            Self::Product => "/products/{id}",
            Self::Users => "/users",
            Self::User => "/users/{id}",
            Self::Stocks => "/stocks",
            Self::StockImport => "/stocks/import",
            Self::StockExport => "/stocks/export",
            Self::Stock => "/stocks/{product_id}",
            Self::StockAdjustments => "/stocks/{product_id}/adjustments",
            Self::StockMovements => "/stocks/{product_id}/movements",
            Self::StockOverview => "/stocks/reports/overview-stocks",
            Self::StockQuery => "/stocks/graphql-query",
            Self::Import => "/imports/{id}",
            Self::Operation => "/operations/{key}",
            Self::Orders => "/orders",
            Self::OrderExport => "/orders/export",
            Self::Order => "/orders/{id}",
            Self::HighestSpenders => "/orders/reports/highest-spenders",
            Self::BestSellers => "/orders/reports/best-sellers",
            Self::ClusterNodes => "/cluster/nodes",
            Self::ClusterRing => "/cluster/ring",
            Self::ClusterKeyspaces => "/cluster/keyspaces",
            Self::ClusterPlacement => "/cluster/placement",
            Self::ClusterTrace => "/cluster/traces/{id}",
            Self::ClusterConsistency => "/cluster/consistency",
            Self::ClusterLive => "/cluster/live",
            Self::Changes => "/changes",
            Self::Audit => "/audit",
            Self::ClusterActivity => "/cluster/activity",
            Self::ClusterReplicas => "/cluster/replicas",
            Self::ClusterOperation => "/cluster/operation",
            Self::Health => "/health",
            Self::HealthCheck => "/health-check",
            Self::Livez => "/livez",
            Self::Readyz => "/readyz",
            Self::Identity => "/identity",
            Self::Metrics => "/metrics",
            Self::OpenApi => "/openapi.json",
            Self::Docs => "/docs",
            Self::DocsFile => "/docs/{file}",
            Self::Whoami => "/whoami",
            Self::Console => "/console",
            Self::ConsoleFile => "/console/{*file}",
            Self::Unmatched => "",
        }
    }

    /// The controller that answers, as spans name it.
    pub const fn controller(self) -> &'static str {
        match self {
            Self::Products | Self::Product => "controller.products",
            Self::ProductImport
            | Self::ProductExport
            | Self::StockImport
            | Self::StockExport
            | Self::OrderExport
            | Self::Import => "controller.csv",
            Self::Users | Self::User => "controller.users",
            Self::Stocks | Self::Stock | Self::StockAdjustments | Self::StockMovements | Self::StockOverview => {
                "controller.stocks"
            }
            Self::StockQuery => "controller.graphql",
            Self::Operation => "controller.operations",
            Self::Orders | Self::Order => "controller.orders",
            Self::HighestSpenders | Self::BestSellers => "controller.reports",
            Self::ClusterNodes
            | Self::ClusterRing
            | Self::ClusterKeyspaces
            | Self::ClusterPlacement
            | Self::ClusterTrace
            | Self::ClusterConsistency
            | Self::ClusterLive
            | Self::ClusterActivity
            | Self::ClusterReplicas
            | Self::ClusterOperation => "controller.cluster",
            Self::Changes | Self::Audit => "controller.changes",
            Self::Health | Self::HealthCheck | Self::Livez | Self::Readyz | Self::Identity | Self::Metrics => {
                "controller.health"
            }
            Self::OpenApi | Self::Docs | Self::DocsFile => "controller.docs",
            Self::Whoami => "controller.whoami",
            Self::Console | Self::ConsoleFile => "controller.console",
            Self::Unmatched => "controller.none",
        }
    }

    /// The route that a request path takes.
    pub fn of(path: &str) -> Self {
        // The files of the page lie in directories; people type the slash at the end.
        if let Some(file) = path.strip_prefix("/console/") {
            return if file.is_empty() { Self::Console } else { Self::ConsoleFile };
        }
        let mut segments = path.split('/');
        // What stands before the first slash: nothing.
        segments.next();
        let (first, second, third) = (segments.next(), segments.next(), segments.next());
        if segments.next().is_some() {
            return Self::Unmatched;
        }
        match (first, second, third) {
            (Some("products"), None, None) => Self::Products,
            (Some("products"), Some("import"), None) => Self::ProductImport,
            (Some("products"), Some("export"), None) => Self::ProductExport,
            (Some("products"), Some(id), None) if !id.is_empty() => Self::Product,
            (Some("users"), None, None) => Self::Users,
            (Some("users"), Some(id), None) if !id.is_empty() => Self::User,
            (Some("stocks"), None, None) => Self::Stocks,
            (Some("stocks"), Some("reports"), Some("overview-stocks")) => Self::StockOverview,
            (Some("stocks"), Some("import"), None) => Self::StockImport,
            (Some("stocks"), Some("export"), None) => Self::StockExport,
            (Some("stocks"), Some("graphql-query"), None) => Self::StockQuery,
            (Some("stocks"), Some(id), None) if !id.is_empty() => Self::Stock,
            (Some("stocks"), Some(id), Some("adjustments")) if !id.is_empty() => Self::StockAdjustments,
            (Some("stocks"), Some(id), Some("movements")) if !id.is_empty() => Self::StockMovements,
            (Some("imports"), Some(id), None) if !id.is_empty() => Self::Import,
            (Some("operations"), Some(key), None) if !key.is_empty() => Self::Operation,
            (Some("orders"), None, None) => Self::Orders,
            (Some("orders"), Some("export"), None) => Self::OrderExport,
            (Some("orders"), Some("reports"), Some("highest-spenders")) => Self::HighestSpenders,
            (Some("orders"), Some("reports"), Some("best-sellers")) => Self::BestSellers,
            (Some("orders"), Some(id), None) if !id.is_empty() => Self::Order,
            (Some("cluster"), Some("nodes"), None) => Self::ClusterNodes,
            (Some("cluster"), Some("ring"), None) => Self::ClusterRing,
            (Some("cluster"), Some("keyspaces"), None) => Self::ClusterKeyspaces,
            (Some("cluster"), Some("placement"), None) => Self::ClusterPlacement,
            (Some("cluster"), Some("traces"), Some(id)) if !id.is_empty() => Self::ClusterTrace,
            (Some("cluster"), Some("consistency"), None) => Self::ClusterConsistency,
            (Some("cluster"), Some("live"), None) => Self::ClusterLive,
            (Some("changes"), None, None) => Self::Changes,
            (Some("audit"), None, None) => Self::Audit,
            (Some("cluster"), Some("activity"), None) => Self::ClusterActivity,
            (Some("cluster"), Some("replicas"), None) => Self::ClusterReplicas,
            (Some("cluster"), Some("operation"), None) => Self::ClusterOperation,
            (Some("health"), None, None) => Self::Health,
            (Some("health-check"), None, None) => Self::HealthCheck,
            (Some("livez"), None, None) => Self::Livez,
            (Some("readyz"), None, None) => Self::Readyz,
            (Some("identity"), None, None) => Self::Identity,
            (Some("metrics"), None, None) => Self::Metrics,
            (Some("openapi.json"), None, None) => Self::OpenApi,
            (Some("docs"), None, None) => Self::Docs,
            (Some("whoami"), None, None) => Self::Whoami,
            (Some("console"), None, None) => Self::Console,
            (Some("docs"), Some(file), None) if !file.is_empty() => Self::DocsFile,
            _ => Self::Unmatched,
        }
    }

    /// Whether a file is read line by line, for as long as that takes.
    pub const fn is_import(self) -> bool {
        matches!(self, Self::ProductImport | Self::StockImport)
    }

    /// Whether the route is at the door for probes and metrics, and not at that of clients.
    pub const fn is_of_operations(self) -> bool {
        matches!(self, Self::Livez | Self::Readyz | Self::Identity | Self::Metrics)
    }

    /// Whether what is answered lies in the program itself, and costs no memory however long it takes to be read.
    pub const fn is_in_the_program(self) -> bool {
        matches!(self, Self::OpenApi | Self::Docs | Self::DocsFile | Self::Console | Self::ConsoleFile)
    }

    /// Whether the route is the console's, which may be switched off.
    pub const fn is_of_console(self) -> bool {
        matches!(self, Self::Console | Self::ConsoleFile)
    }

    /// Whether a request reads row by row: reports, queries, stocks of many products, and lists with conditions.
    pub fn is_wide(self, method: &Method, query: Option<&str>) -> bool {
        let conditions = |names: &[&str]| {
            // A name that is written otherwise than it needs to be is one of these for all that is known here.
            let is_one = |pair: &str| {
                let name = pair.split('=').next().unwrap_or_default();
                names.contains(&name) || name.contains(['%', '+'])
            };
            query.is_some_and(|query| query.split('&').any(is_one))
        };
        match self {
            Self::StockQuery | Self::HighestSpenders | Self::BestSellers | Self::StockOverview => true,
            Self::Stocks | Self::StockMovements => method != Method::POST,
            Self::Orders => method == Method::GET || method == Method::HEAD,
            Self::Products => conditions(&["name_prefix", "words", "sku", "expand", "sort"]),
            _ => false,
        }
    }

    /// Whether what is answered is of people: users, their orders, and who spent how much.
    pub const fn is_of_people(self) -> bool {
        matches!(
            self,
            Self::Users
                | Self::User
                | Self::Orders
                | Self::OrderExport
                | Self::Order
                | Self::HighestSpenders
                | Self::ClusterReplicas
        )
    }

    /// Whether whoever asks waits for what is to come: such requests have places of their own.
    pub const fn is_listened_to(self) -> bool {
        matches!(self, Self::Changes | Self::ClusterLive)
    }

    /// Whether the route is for those who run the store: never turned away under load.
    pub const fn is_operational(self) -> bool {
        matches!(self, Self::Health | Self::HealthCheck | Self::Livez | Self::Readyz | Self::Identity | Self::Metrics)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_recognised_as_its_own_route() {
        for route in Route::ALL {
            let path = route
                .pattern()
                .replace("{id}", "x")
                .replace("{key}", "x")
                .replace("{product_id}", "x")
                .replace("{file}", "x.js");
            let path = path.replace("{*file}", "v/x/y.js");
            assert_eq!(Route::of(&path), route, "{path}");
        }
    }

    #[test]
    fn a_list_with_conditions_takes_its_turn_however_their_names_are_written() {
        let is_wide = |query| Route::Products.is_wide(&Method::GET, Some(query));
        for query in ["sku=a", "limit=5&name_prefix=a", "expand=stock", "%65xpand=stock", "limit=5&name%5Fprefix=a"] {
            assert!(is_wide(query), "{query}");
        }
        for query in ["", "limit=5", "category=sku", "cursor=sort", "category=a%20b"] {
            assert!(!is_wide(query), "{query}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_unmatched() {
        for path in
            ["", "/", "/products/", "/products/a/b", "/stocks/a/movements/b", "/Products", "/docs/", "//products"]
        {
            assert_eq!(Route::of(path), Route::Unmatched, "{path}");
        }
    }
}
