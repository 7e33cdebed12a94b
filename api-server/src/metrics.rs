//! Metrics in Prometheus' form under OpenTelemetry's names. No IO.
//!
//! Label sets are closed: routes are patterns, methods and status codes come from fixed lists.
//! Handles are made once per combination and then read from a table.

use std::sync::OnceLock;

use http::{Method, StatusCode};
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntGauge, Opts};
use store_telemetry::Catalogue;

use crate::models::figures::Figures;
use crate::route::Route;
use crate::webhooks;

/// Bounds of request durations in seconds, as the conventions advise.
pub const SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "_OTHER"];

const STATUSES: [u16; 26] = [
    200, 201, 204, 304, 307, 400, 401, 403, 404, 405, 406, 408, 409, 410, 412, 413, 415, 422, 428, 429, 431, 499, 500,
    503, 504, 0,
];

/// Metrics of this process.
pub struct Metrics {
    catalogue: Catalogue,
    durations: HistogramVec,
    resolved: Vec<OnceLock<Histogram>>,
    /// Requests being worked on.
    pub active: IntGauge,
    /// Requests turned away because too many were being worked on.
    pub shed: IntCounter,
    /// Requests answered 429.
    pub limited: IntCounter,
    /// Requests that may be worked on now.
    pub allowed: IntGauge,
    /// Lines of the access log that could not be written.
    pub log_lines_lost: IntCounter,
    /// Whether tokens hold that are no longer those of their directory.
    pub tokens_stale: IntGauge,
    /// Of the business.
    pub figures: Figures,
    /// Of webhooks.
    pub webhooks: webhooks::Figures,
}

impl Metrics {
    /// All metrics, registered. A stock of fewer than `low_stock` units counts as low.
    pub fn new(low_stock: i64) -> Result<Self, prometheus::Error> {
        let catalogue = Catalogue::new();
        let durations = catalogue.add(HistogramVec::new(
            HistogramOpts::new("http_server_request_duration_seconds", "Duration of HTTP server requests.")
                .buckets(SECONDS.to_vec()),
            &["http_request_method", "http_route", "http_response_status_code", "url_scheme"],
        )?)?;
        let active =
            catalogue.add(IntGauge::new("http_server_active_requests", "Number of active HTTP server requests.")?)?;
        let shed = catalogue.add(IntCounter::new(
            "store_requests_shed_total",
            "Requests answered 503 because as many were being worked on as are allowed and no place to wait was free in time.",
        )?)?;
        let limited = catalogue.add(IntCounter::new(
            "store_requests_limited_total",
            "Requests answered 429 because their principal had sent as many as STORE_RATE_LIMIT allows.",
        )?)?;
        let allowed = catalogue.add(IntGauge::new(
            "store_requests_allowed",
            "Requests that may be worked on at once: 64 and twice as many as were there, STORE_MAX_REQUESTS at most; in a crowd before a busy store as many as end within STORE_CROWD_MS.",
        )?)?;
        let log_lines_lost = catalogue.add(IntCounter::new(
            "store_access_log_lines_lost_total",
            "Access log lines dropped because standard output was too slow.",
        )?)?;
        let tokens_stale = catalogue.add(IntGauge::new(
            "store_tokens_stale",
            "1 while the directory of tokens cannot be used as it is, and what it said before holds.",
        )?)?;
        let build = IntGauge::with_opts(
            Opts::new("build_info", "Version of this program.").const_label("version", env!("CARGO_PKG_VERSION")),
        )?;
        build.set(1);
        catalogue.register(build)?;
        catalogue.register(prometheus::process_collector::ProcessCollector::for_self())?;
        let cells = Route::COUNT * METHODS.len() * STATUSES.len();
        Ok(Self {
            figures: Figures::register(&catalogue, low_stock)?,
            webhooks: webhooks::Figures::register(&catalogue)?,
            catalogue,
            durations,
            resolved: (0..cells).map(|_| OnceLock::new()).collect(),
            active,
            shed,
            limited,
            allowed,
            log_lines_lost,
            tokens_stale,
        })
    }

    /// Where other modules register theirs.
    pub const fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Records a finished request.
    pub fn request(&self, route: Route, method: &Method, status: StatusCode, seconds: f64) {
        let (method, status) = (method_index(method), status_index(status));
        let cell = (route as usize * METHODS.len() + method) * STATUSES.len() + status;
        let Some(cell) = self.resolved.get(cell) else {
            return;
        };
        cell.get_or_init(|| {
            let status = match STATUSES[status] {
                0 => "other".to_owned(),
                code => code.to_string(),
            };
            self.durations.with_label_values(&[METHODS[method], route.pattern(), &status, "http"])
        })
        .observe(seconds);
    }

    /// The text that a scraper reads.
    pub fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        self.catalogue.text()
    }
}

/// Everything that a process which answers HTTP may tell, as a table (committed as docs/metrics/api.md).
pub fn reference() -> Result<String, prometheus::Error> {
    let metrics = Metrics::new(0)?;
    crate::dao::cassandra::Observer::register(metrics.catalogue())?;
    Ok(metrics.catalogue.reference("Metrics of the API"))
}

/// A method as labels and spans write it.
pub fn method_label(method: &Method) -> &'static str {
    METHODS[method_index(method)]
}

fn method_index(method: &Method) -> usize {
    match *method {
        Method::GET => 0,
        Method::POST => 1,
        Method::PUT => 2,
        Method::PATCH => 3,
        Method::DELETE => 4,
        Method::HEAD => 5,
        Method::OPTIONS => 6,
        _ => METHODS.len() - 1,
    }
}

fn status_index(status: StatusCode) -> usize {
    STATUSES.iter().position(|known| *known == status.as_u16()).unwrap_or(STATUSES.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_under_their_pattern_and_unknown_methods_under_one_label() {
        let metrics = Metrics::new(10).unwrap();
        metrics.request(Route::Product, &Method::GET, StatusCode::OK, 0.002);
        let strange = Method::from_bytes(b"BREW").unwrap();
        metrics.request(Route::Unmatched, &strange, StatusCode::IM_A_TEAPOT, 0.002);
        let text = String::from_utf8(metrics.render().unwrap()).unwrap();
        assert!(
            text.contains(
                "http_server_request_duration_seconds_count{http_request_method=\"GET\",\
             http_response_status_code=\"200\",http_route=\"/products/{id}\",url_scheme=\"http\"} 1"
            ),
            "{text}"
        );
        assert!(text.contains("http_request_method=\"_OTHER\",http_response_status_code=\"other\""));
        assert!(!text.contains("BREW"));
    }

    /// A new label, or a new metric, is a decision: each multiplies what a Prometheus must keep.
    #[test]
    fn the_metrics_and_their_labels_are_those_of_the_committed_table() {
        assert_eq!(reference().unwrap(), include_str!("../../docs/metrics/api.md"), "run make generate");
    }
}
