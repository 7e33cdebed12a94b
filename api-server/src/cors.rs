//! Pages of other origins: which may read answers of the API in a browser. Pure.
//!
//! Off unless origins are named. A token is sent by the page itself in `Authorization`; cookies and the like are never
//! asked for, so `Access-Control-Allow-Credentials` is not told.

use std::str::FromStr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use thiserror::Error;

/// The scheme, host and port of a page, as browsers send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// A text that no browser sends as an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "an origin is a scheme, a host and a port unless it is the scheme's own, such as https://shop.example.org, in lower case and without a path"
)]
pub struct NoOrigin;

impl FromStr for Origin {
    type Err = NoOrigin;

    fn from_str(text: &str) -> Result<Self, NoOrigin> {
        let uri: Uri = text.parse().map_err(|_| NoOrigin)?;
        let (scheme, authority) = (uri.scheme_str().ok_or(NoOrigin)?, uri.authority().ok_or(NoOrigin)?);
        let own_port = matches!((scheme, authority.port_u16()), ("http", Some(80)) | ("https", Some(443)));
        // Anything else would be compared with what browsers send, and never be the same.
        let as_sent = text == format!("{scheme}://{authority}")
            && matches!(scheme, "http" | "https")
            && !own_port
            && !authority.as_str().contains('@')
            && !text.bytes().any(|byte| byte.is_ascii_uppercase());
        if as_sent { HeaderValue::from_str(text).map(Self).map_err(|_| NoOrigin) } else { Err(NoOrigin) }
    }
}

/// What scripts may read of an answer beside its body.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Link, Location, Retry-After, WWW-Authenticate, Content-Disposition, X-Request-Id, Idempotency-Replayed, \
     Consistency-Level, Cassandra-Coordinator, Cassandra-Trace, RateLimit-Policy, RateLimit",
);
/// What scripts may send.
const SENT: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Accept, If-Match, If-None-Match, Idempotency-Key, Prefer, Last-Event-ID, Consistency-Level, \
     Cassandra-Coordinator, Cassandra-Trace",
);
/// Seconds for which a browser need not ask again.
const BELIEVED: HeaderValue = HeaderValue::from_static("600");

/// What a request says of the page that it comes from.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The origin, if it may read the answer.
    origin: Option<HeaderValue>,
    /// Whether a browser asks before it sends the request itself.
    is_preflight: bool,
}

/// The origins whose pages may read.
#[derive(Debug, Clone, Default)]
pub struct Origins(Arc<[Origin]>);

impl Origins {
    /// Those of the settings.
    pub fn new(origins: &[Origin]) -> Self {
        Self(origins.into())
    }

    /// What a request says; nothing where no origins are named.
    pub fn asked(&self, method: &Method, headers: &HeaderMap) -> Asked {
        if self.0.is_empty() {
            return Asked::default();
        }
        let origin = headers.get(header::ORIGIN).filter(|origin| self.0.iter().any(|allowed| allowed.0 == *origin));
        let is_preflight = method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        Asked { origin: origin.cloned(), is_preflight }
    }

    /// Tells a browser in the headers of an answer whether the page may read it, and a cache that others may not.
    pub fn tell(&self, asked: Asked, headers: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        vary(headers, &header::ORIGIN);
        let Asked { origin: Some(origin), is_preflight } = asked else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if is_preflight {
            if let Some(methods) = headers.get(header::ALLOW).cloned() {
                headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
            }
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, SENT);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, BELIEVED);
        } else {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

/// Says that an answer depends on a header of its request.
pub fn vary(headers: &mut HeaderMap, name: &HeaderName) {
    let named = |line: &HeaderValue| {
        line.to_str().is_ok_and(|line| line.split(',').any(|given| given.trim().eq_ignore_ascii_case(name.as_str())))
    };
    if !headers.get_all(header::VARY).iter().any(named) {
        headers.append(header::VARY, HeaderValue::from(name.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_browsers_send_and_nothing_else() {
        for good in [
            "https://shop.example.org",
            "http://localhost:3000",
            "https://xn--bcher-kva.example:8443",
            "http://[::1]:5173",
        ] {
            assert!(good.parse::<Origin>().is_ok(), "{good}");
        }
        for wrong in [
            "",
            "*",
            "null",
            "shop.example.org",
            "https://",
            "https://shop.example.org/",
            "https://shop.example.org/page",
            "https://Shop.example.org",
            "HTTPS://shop.example.org",
            "https://shop.example.org:443",
            "http://shop.example.org:80",
            "https://ana@shop.example.org",
            "ftp://shop.example.org",
            "https://*.example.org?x",
        ] {
            assert_eq!(wrong.parse::<Origin>(), Err(NoOrigin), "{wrong}");
        }
    }

    #[test]
    fn what_depends_on_a_header_says_so_once() {
        let mut headers = HeaderMap::new();
        headers.insert(header::VARY, HeaderValue::from_static("Accept, origin"));
        vary(&mut headers, &header::ORIGIN);
        vary(&mut headers, &header::ACCEPT_ENCODING);
        vary(&mut headers, &header::ACCEPT_ENCODING);
        let lines: Vec<_> = headers.get_all(header::VARY).iter().map(|line| line.to_str().unwrap()).collect();
        assert_eq!(lines, ["Accept, origin", "accept-encoding"]);
    }
}
