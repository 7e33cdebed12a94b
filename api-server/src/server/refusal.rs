//! The answer to a head that could not be read, as it is sent. Reads the clock; no other IO.

use axum::body::Body;
use http::Response;
use http_body_util::BodyExt as _;

/// The bytes of an answer, after which the connection ends.
pub async fn written(answer: Response<Body>) -> Vec<u8> {
    let (parts, body) = answer.into_parts();
    // It lies in memory whole.
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT");
    let mut out = Vec::with_capacity(512 + body.len());
    out.extend_from_slice(format!("HTTP/1.1 {}\r\n", parts.status).as_bytes());
    for (name, value) in &parts.headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(
        format!("date: {date}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len()).as_bytes(),
    );
    out.extend_from_slice(&body);
    out
}
