//! One HTTP request without any retry, and how it failed. IO: HTTP/1.1 over kept connections.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::Value;

use super::recorder::FailureKind;

/// Connections idle for longer are closed by us, well before a proxy closes them: a request sent
/// into a connection that is being closed would fail through nobody's fault.
const IDLE: Duration = Duration::from_secs(2);
/// A connection on the same machine is made at once or not at all.
const CONNECT: Duration = Duration::from_secs(3);
/// Largest answer read, in bytes; a page of products is far below.
const LARGEST: usize = 4 << 20;

/// The base URL cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It does not parse, or is not `http://host:port`.
    #[error("the base URL {0:?} is not of the form http://host:port")]
    BaseUrl(String),
    /// The host name is not a header value.
    #[error("the host name {0:?} cannot be sent as a header")]
    Host(String),
    /// The token is not a header value; it is not told.
    #[error("the token cannot be sent as a header")]
    Token,
}

/// An HTTP client for one base URL.
#[derive(Debug, Clone)]
pub struct Client {
    pool: Pool<HttpConnector, Full<Bytes>>,
    base: String,
    host: Option<HeaderValue>,
    authorization: Option<HeaderValue>,
    timeout: Duration,
}

/// An answer with its whole body.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body as JSON; null when it is not JSON.
    pub body: Value,
}

impl Client {
    /// A client for `base_url` (`http://host:port`), each request within `timeout`.
    ///
    /// # Errors
    /// [`ClientError`] when the URL is not plain HTTP or `host` no host name.
    pub fn new(base_url: &str, host: Option<&str>, timeout: Duration) -> Result<Self, ClientError> {
        let base = base_url.trim_end_matches('/');
        let uri: Uri = base.parse().map_err(|_| ClientError::BaseUrl(base_url.to_owned()))?;
        if uri.scheme_str() != Some("http") || uri.authority().is_none() {
            return Err(ClientError::BaseUrl(base_url.to_owned()));
        }
        let host =
            host.map(|name| HeaderValue::from_str(name).map_err(|_| ClientError::Host(name.to_owned()))).transpose()?;
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT));
        connector.set_nodelay(true);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .retry_canceled_requests(false)
            .build(connector);
        Ok(Client { pool, base: base.to_owned(), host, authorization: None, timeout })
    }

    /// The same client, whose requests carry a token.
    ///
    /// # Errors
    /// [`ClientError`] when the token cannot be sent.
    pub fn with_token(mut self, token: &str) -> Result<Self, ClientError> {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| ClientError::Token)?;
        value.set_sensitive(true);
        self.authorization = Some(value);
        Ok(self)
    }

    /// Sends one request and reads its answer, whatever its status.
    ///
    /// # Errors
    /// [`FailureKind`] when there was no whole answer within the timeout.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, (FailureKind, String)> {
        let unsendable = |error: http::Error| (FailureKind::Unsendable, error.to_string());
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(host) = &self.host {
            request = request.header(HOST, host);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        for (name, value) in headers {
            request = request.header(HeaderName::from_static(name), *value);
        }
        let bytes = match body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
            None => Bytes::new(),
        };
        let request = request.body(Full::new(bytes)).map_err(unsendable)?;
        let exchange = async {
            let response = self.pool.request(request).await.map_err(|error| classify(&error))?;
            let (head, body) = response.into_parts();
            let body =
                Limited::new(body, LARGEST).collect().await.map_err(|error| classify(error.as_ref()))?.to_bytes();
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            Ok(Answer { status: head.status, headers: head.headers, body })
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(result) => result,
            Err(_) => Err((FailureKind::Timeout, format!("no whole answer within {:?}", self.timeout))),
        }
    }
}

/// The kind of a transport error, from the causes below it.
fn classify(error: &(dyn StdError + 'static)) -> (FailureKind, String) {
    let mut text = String::new();
    let mut kind = FailureKind::Broken;
    let mut cause = Some(error);
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        if let Some(error) = error.downcast_ref::<io::Error>() {
            match error.kind() {
                io::ErrorKind::ConnectionRefused => kind = FailureKind::Refused,
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
                    kind = FailureKind::Reset;
                }
                io::ErrorKind::TimedOut => kind = FailureKind::Timeout,
                _ => {}
            }
        }
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message) {
            kind = FailureKind::Reset;
        }
        cause = error.source();
    }
    (kind, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_with_a_host_is_a_base_url() {
        let new = |url: &str| Client::new(url, None, Duration::from_secs(1));
        assert!(new("http://127.0.0.1:8080/").is_ok());
        for bad in ["", "127.0.0.1:8080", "https://shop", "http://", "/products"] {
            assert!(new(bad).is_err(), "{bad}");
        }
    }
}
