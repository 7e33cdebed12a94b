//! What HTTP itself says of a request, before anything is asked of the store: its Host, its method, its path. Pure.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};

use crate::auth::roles;
use crate::problem::Problem;
use crate::route::Route;
use crate::server::MAX_HEAD;

/// The answer to a request that goes no further: `OPTIONS`, which tells the methods of a path, and what is refused.
///
/// # Errors
/// 400 for HTTP/1.1 without one `Host` (RFC 9112, 3.2), 405 for a method that the path does not have.
pub fn settled(
    route: Route,
    path: &str,
    method: &Method,
    version: Version,
    headers: &HeaderMap,
) -> Result<Option<Response>, Problem> {
    let hosts = headers.get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && version == Version::HTTP_11) {
        let detail = "a request has one Host header";
        return Err(Problem::malformed_at("header:Host", "bad_host", detail));
    }
    if method == Method::OPTIONS && (route != Route::Unmatched || path == "*") {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        if let Some(allow) = allow(route) {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        return Ok(Some(response));
    }
    if route == Route::Unmatched || roles::who(route, method).is_some() {
        return Ok(None);
    }
    let methods = methods(route).join(", ");
    let detail = format!("{} has {methods}", route.pattern());
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
    Err(match allow(route) {
        Some(allow) => problem.with_header(header::ALLOW, allow),
        None => problem,
    })
}

/// 404 for a path that no resource has, with what may have been meant.
pub fn nowhere(path: &str) -> Problem {
    let without = path.trim_end_matches('/');
    let meant = path != without && Route::of(without) != Route::Unmatched;
    let hint = if meant { "without a slash at its end it is one" } else { "all are in /openapi.json" };
    Problem::new(StatusCode::NOT_FOUND, "not_found", format!("no resource has this path, {hint}"))
}

/// What is wrong with a head that is no head of HTTP/1.1, or is one too long.
pub fn unread(status: u16) -> Problem {
    let (status, code, detail) = match status {
        // A first line that is too long is, too: hyper has one bound for all of the head.
        414 | 431 => (
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "head_too_long",
            format!("the head of a request has at most 100 headers and {} KiB, send fewer", MAX_HEAD / 1024),
        ),
        _ => (
            StatusCode::BAD_REQUEST,
            "malformed_head",
            "the head is not one of HTTP/1.1: look at its first line, the names and values of its headers, and its \
             lengths (HTTP/2 and TLS end at the proxy before this port)"
                .to_owned(),
        ),
    };
    Problem::new(status, code, detail)
}

/// The methods of a route: those of its table, and what each resource understands.
fn methods(route: Route) -> Vec<&'static str> {
    let of_table = roles::cells(route).iter().map(|cell| cell.method);
    of_table
        .flat_map(|method| [method].into_iter().chain((method == "GET").then_some("HEAD")))
        .chain(["OPTIONS"])
        .collect()
}

fn allow(route: Route) -> Option<HeaderValue> {
    HeaderValue::try_from(methods(route).join(",")).ok().filter(|_| route != Route::Unmatched)
}

#[cfg(test)]
mod tests {
    use http::request::Builder;

    use super::*;

    fn of(method: &str, path: &str, hosts: &[&str], version: Version) -> (u16, Option<String>) {
        let request = hosts.iter().fold(Builder::new(), |request, host| request.header("host", *host));
        let request = request.body(()).unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        match settled(Route::of(path), path, &method, version, request.headers()) {
            Ok(None) => (0, None),
            Ok(Some(response)) => {
                let allow = response.headers().get("allow").map(|value| value.to_str().unwrap().to_owned());
                (response.status().as_u16(), allow)
            }
            Err(problem) => {
                (problem.status.as_u16(), problem.headers.first().map(|(_, v)| v.to_str().unwrap().to_owned()))
            }
        }
    }

    #[test]
    fn a_request_has_one_host_and_a_method_of_its_path() {
        let of_products = Some("GET,HEAD,POST,OPTIONS".to_owned());
        for (method, path, hosts, version, expected) in [
            ("GET", "/products", &["x"][..], Version::HTTP_11, (0, None)),
            ("GET", "/products", &[], Version::HTTP_11, (400, None)),
            ("GET", "/products", &["x", "x"], Version::HTTP_11, (400, None)),
            ("GET", "/products", &[], Version::HTTP_10, (0, None)),
            ("GET", "/products", &[], Version::HTTP_2, (0, None)),
            ("HEAD", "/products", &["x"], Version::HTTP_11, (0, None)),
            ("PUT", "/products", &["x"], Version::HTTP_11, (405, of_products.clone())),
            ("OPTIONS", "/products", &["x"], Version::HTTP_11, (204, of_products)),
            ("OPTIONS", "*", &["x"], Version::HTTP_11, (204, None)),
            ("OPTIONS", "/nowhere", &["x"], Version::HTTP_11, (0, None)),
            ("GET", "/nowhere", &["x"], Version::HTTP_11, (0, None)),
        ] {
            assert_eq!(of(method, path, hosts, version), expected, "{method} {path} {hosts:?} {version:?}");
        }
        assert!(nowhere("/products/").detail.contains("slash"));
        assert!(nowhere("/product").detail.contains("/openapi.json"));
    }
}
