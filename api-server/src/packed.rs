//! Answers packed by gzip for clients that take it. No IO.
//!
//! Packed is what lies in memory as a whole and is worth it: lists, reports, problems with many errors, the document and the
//! pages. What is sent as it is made (exports, events) is not, since a packer would hold it back. One resource is
//! not either: its entity tag names its bytes, which would be others (RFC 9110, 8.8.3), and a weak tag never matches in
//! `If-Match`.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::{LazyLock, Mutex, PoisonError};

use axum::body::Body;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;

use crate::cors::vary;
use crate::route::Route;

/// Fewer bytes fit into a packet as they are.
const LEAST: u64 = 1_400;
/// More is not held twice.
const MOST: u64 = 4 * 1024 * 1024;

/// Whether a client takes gzip.
pub fn is_wanted(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let (mut gzip, mut any) = (None, None);
    for range in lines.flat_map(|line| line.split(',')) {
        let (name, weight) = range.split_once(';').unwrap_or((range, ""));
        let weight = weight.trim().trim_start_matches(['q', 'Q', '=', ' ']);
        let takes = weight.is_empty() || weight.parse::<f32>().is_ok_and(|weight| weight > 0.0);
        match name.trim() {
            name if name.eq_ignore_ascii_case("gzip") => gzip = Some(takes),
            "*" => any = Some(takes),
            _ => {}
        }
    }
    gzip.or(any).unwrap_or(false)
}

/// Bytes of the answer, or of the one that it tells the headers of.
fn size(response: &Response<Body>) -> u64 {
    let length = response.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    match response.body().size_hint().exact() {
        Some(0) => length.unwrap_or(0),
        size => size.unwrap_or(0),
    }
}

/// Whether an answer is one that would be packed.
fn is_worth_it(route: Route, response: &Response<Body>) -> bool {
    let headers = response.headers();
    // Without a body, of which nothing is told: the client has it, and it was one of these.
    if response.status() == StatusCode::NOT_MODIFIED {
        return route.is_in_the_program();
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_text = kind.starts_with("text/")
        || ["application/json", "application/problem+json", "application/javascript", "image/svg+xml"]
            .iter()
            .any(|text| kind.starts_with(text));
    is_text
        && (LEAST..=MOST).contains(&size(response))
        && !headers.contains_key(header::CONTENT_ENCODING)
        && (route.is_in_the_program() || !headers.contains_key(header::ETAG))
}

/// The answer, packed where that is `wanted`. Caches are told that it may come in both forms. What has no body, as the
/// answer to HEAD and 304, has the headers that it would have with one (RFC 9110, 9.3.2 and 15.4.5).
pub async fn pack(route: Route, response: Response<Body>, wanted: bool) -> Response<Body> {
    if !is_worth_it(route, &response) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    vary(&mut parts.headers, &header::ACCEPT_ENCODING);
    if !wanted {
        return Response::from_parts(parts, body);
    }
    if body.is_end_stream() {
        // How long it would be is known once it is packed.
        parts.headers.remove(header::CONTENT_LENGTH);
        become_packed(&mut parts.headers, parts.status);
        return Response::from_parts(parts, body);
    }
    let bytes = match body.collect().await {
        Ok(body) => body.to_bytes(),
        // A body in memory does not break off.
        Err(_) => return Response::from_parts(parts, Body::empty()),
    };
    let packed = if route.is_in_the_program() { packed_once(&bytes) } else { gzip(&bytes, Compression::fast()) };
    let Some(packed) = packed.filter(|packed| packed.len() < bytes.len()) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    become_packed(&mut parts.headers, parts.status);
    Response::from_parts(parts, Body::from(packed))
}

/// The headers of an answer that is packed; 304 tells of no coding.
fn become_packed(headers: &mut HeaderMap, status: StatusCode) {
    if status != StatusCode::NOT_MODIFIED {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Some(weak) = headers.get(header::ETAG).and_then(weak_form) {
        headers.insert(header::ETAG, weak);
    }
}

/// The tag of what means the same and has other bytes.
fn weak_form(tag: &HeaderValue) -> Option<HeaderValue> {
    let tag = tag.to_str().ok()?;
    HeaderValue::try_from(if tag.starts_with("W/") { tag.to_owned() } else { format!("W/{tag}") }).ok()
}

/// What lies in the program, packed once for all who read it: a copy for each would be memory for whoever does not read.
/// It stays where it lies, so its place tells which it is, and there are no more of them than files.
fn packed_once(bytes: &Bytes) -> Option<Bytes> {
    static PACKED: LazyLock<Mutex<HashMap<(usize, usize), Bytes>>> = LazyLock::new(Mutex::default);
    let place = (bytes.as_ptr() as usize, bytes.len());
    let mut packed = PACKED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = packed.get(&place) {
        return Some(known.clone());
    }
    let made = gzip(bytes, Compression::best())?;
    packed.insert(place, made.clone());
    Some(made)
}

fn gzip(bytes: &[u8], level: Compression) -> Option<Bytes> {
    let mut packer = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), level);
    packer.write_all(bytes).ok()?;
    packer.finish().ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use http::HeaderName;

    use super::*;

    fn takes(line: &'static str) -> bool {
        is_wanted(&[(header::ACCEPT_ENCODING, HeaderValue::from_static(line))].into_iter().collect())
    }

    #[test]
    fn a_client_takes_gzip_if_it_says_so_and_does_not_forbid_it() {
        for line in ["gzip", "deflate, gzip", "GZIP;q=0.5", "br;q=1.0, gzip;q=0.8", "*", "identity;q=0.5, *;q=0.1"] {
            assert!(takes(line), "{line}");
        }
        for line in ["", "identity", "br", "gzip;q=0", "*;q=0", "*, gzip;q=0.0", "x-gzip"] {
            assert!(!takes(line), "{line}");
        }
        assert!(!is_wanted(&HeaderMap::new()));
    }

    fn answer(kind: &'static str, size: usize, tag: Option<&'static str>) -> Response<Body> {
        let mut response = Response::new(Body::from("tea ".repeat(size / 4)));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some(tag) = tag {
            response.headers_mut().insert(header::ETAG, HeaderValue::from_static(tag));
        }
        response
    }

    #[tokio::test]
    async fn long_texts_without_an_entity_tag_are_packed_and_come_out_as_they_were() {
        let packed = pack(Route::Products, answer("application/json", 4_000, None), true).await;
        assert_eq!(
            (&packed.headers()["content-encoding"], &packed.headers()["vary"]),
            (&"gzip".parse().unwrap(), &"accept-encoding".parse().unwrap())
        );
        let bytes = packed.into_body().collect().await.unwrap().to_bytes();
        let mut text = String::new();
        flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
        assert!(bytes.len() < 400 && text == "tea ".repeat(1_000));
        let plain = pack(Route::Products, answer("application/json", 4_000, None), false).await;
        assert!(plain.headers().get("content-encoding").is_none() && plain.headers()["vary"] == "accept-encoding");
        for (kind, size, tag) in
            [("application/json", 1_000, None), ("application/json", 4_000, Some("\"1\"")), ("image/png", 4_000, None)]
        {
            let same = pack(Route::Product, answer(kind, size, tag), true).await;
            assert!(
                same.headers().get("content-encoding").is_none() && same.headers().get("vary").is_none(),
                "{kind} {size}"
            );
        }
        let stream = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from(vec![b'a'; 4_000]))]);
        let mut sent = Response::new(Body::from_stream(stream));
        sent.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        assert!(pack(Route::Products, sent, true).await.headers().get("content-encoding").is_none());
    }

    #[tokio::test]
    async fn a_file_of_the_program_is_packed_once_and_its_tag_becomes_weak() {
        static FILE: [u8; 8_000] = [b'a'; 8_000];
        let mut bodies = Vec::new();
        for _ in 0..2 {
            let mut response = answer("text/css", 0, Some("\"v\""));
            *response.body_mut() = Body::from(Bytes::from_static(&FILE));
            let packed = pack(Route::ConsoleFile, response, true).await;
            assert_eq!(packed.headers()["etag"], "W/\"v\"");
            bodies.push(packed.into_body().collect().await.unwrap().to_bytes());
        }
        assert_eq!(bodies[0].as_ptr(), bodies[1].as_ptr(), "all share the same bytes");
    }

    #[tokio::test]
    async fn what_has_no_body_has_the_headers_that_it_would_have_with_one() {
        let head = |tag| {
            let mut response = answer("application/json", 0, tag);
            response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("4000"));
            response
        };
        let list = pack(Route::Products, head(None), true).await;
        let told = |response: &Response<Body>, name: HeaderName| {
            response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(told(&list, header::VARY).as_deref(), Some("accept-encoding"));
        assert_eq!(told(&list, header::CONTENT_ENCODING).as_deref(), Some("gzip"));
        assert_eq!(told(&list, header::CONTENT_LENGTH), None, "it would be another one");
        let plain = pack(Route::Products, head(None), false).await;
        assert_eq!(told(&plain, header::CONTENT_LENGTH).as_deref(), Some("4000"));
        assert_eq!(told(&plain, header::VARY).as_deref(), Some("accept-encoding"));
        let resource = pack(Route::Product, head(Some("\"1\"")), true).await;
        assert_eq!((told(&resource, header::VARY), told(&resource, header::CONTENT_ENCODING)), (None, None));
        for (wanted, tag) in [(true, "W/\"v\""), (false, "\"v\"")] {
            let mut known = answer("text/html", 0, Some("\"v\""));
            *known.status_mut() = StatusCode::NOT_MODIFIED;
            let known = pack(Route::Console, known, wanted).await;
            assert_eq!(told(&known, header::ETAG).as_deref(), Some(tag));
            assert_eq!(told(&known, header::VARY).as_deref(), Some("accept-encoding"));
            assert_eq!(told(&known, header::CONTENT_ENCODING), None);
        }
    }
}
