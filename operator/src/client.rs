//! The client of the Kubernetes API: a deadline for every call, counted requests, and no write by a
//! replica that does not lead. IO is kube's.
//!
//! kube's own retries are off: they can hold a call for minutes, and a pass that failed is repeated
//! with growing pauses anyway.

use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use http::{Method, Request, Response};
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};
use tower::{BoxError, Layer, Service};

use crate::leader::WriteGate;
use crate::metrics::Metrics;
use crate::trace;

/// Until the head of the answer is there; watches go on after it.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// A request that was not sent.
#[derive(Debug, thiserror::Error)]
#[error("not written: this replica does not hold the Lease")]
pub struct NotLeading;

/// Makes a client whose writes pass the gate.
///
/// # Errors
/// When the configuration names certificates or proxies that cannot be used.
pub fn gated(mut config: Config, metrics: Metrics, gate: WriteGate) -> Result<Client, kube::Error> {
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_DEADLINE);
    config.write_timeout = Some(ANSWER_DEADLINE);
    Ok(ClientBuilder::try_from(config)?.with_layer(&GateLayer { metrics, gate }).build())
}

#[derive(Clone)]
struct GateLayer {
    metrics: Metrics,
    gate: WriteGate,
}

impl<S> Layer<S> for GateLayer {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated { inner, metrics: self.metrics.clone(), gate: self.gate.clone() }
    }
}

struct Gated<S> {
    inner: S,
    metrics: Metrics,
    gate: WriteGate,
}

impl<S, B> Service<Request<Body>> for Gated<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<B>, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let method = request.method().clone();
        if method != Method::GET && !self.gate.is_open() {
            return async { Err(NotLeading.into()) }.boxed();
        }
        let metrics = self.metrics.clone();
        let span = trace::kubernetes(method_label(&method), request.uri());
        let answer = tokio::time::timeout(ANSWER_DEADLINE, self.inner.call(request));
        async move {
            let result: Result<Response<B>, BoxError> = match answer.await {
                Ok(result) => result.map_err(Into::into),
                Err(elapsed) => Err(elapsed.into()),
            };
            let code = result.as_ref().map_or("<error>", |answer| code_label(answer.status().as_u16()));
            metrics.request(method_label(&method), code);
            trace::replied(&span, result.as_ref().ok().map(|answer| answer.status().as_u16()));
            result
        }
        .boxed()
    }
}

fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}

/// Codes that mean something of their own to a controller; the others by their class.
fn code_label(code: u16) -> &'static str {
    match code {
        200 => "200",
        201 => "201",
        403 => "403",
        404 => "404",
        409 => "409",
        410 => "410",
        422 => "422",
        429 => "429",
        100..=199 => "1xx",
        202..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::Api;
    use kube::api::PostParams;

    use super::*;

    fn client(gate: WriteGate, metrics: Metrics) -> Client {
        let service = tower::service_fn(|_: Request<Body>| async {
            let body = Body::from(br#"{"metadata": {"name": "it"}}"#.to_vec());
            Ok::<_, BoxError>(Response::new(body))
        });
        ClientBuilder::new(service, "default").with_layer(&GateLayer { metrics, gate }).build()
    }

    #[tokio::test]
    async fn a_replica_that_does_not_lead_reads_but_does_not_write() {
        let metrics = Metrics::new(1).unwrap();
        let api: Api<ConfigMap> = Api::default_namespaced(client(WriteGate::closed(), metrics.clone()));
        api.get("it").await.unwrap();
        let refused = api.create(&PostParams::default(), &ConfigMap::default()).await.unwrap_err();
        assert!(refused.to_string().contains("does not hold the Lease"), "{refused}");
        let text = String::from_utf8(metrics.text().unwrap()).unwrap();
        assert!(text.contains(r#"rest_client_requests_total{code="200",method="GET"} 1"#), "{text}");
        assert!(!text.contains("POST"), "{text}");
    }

    #[tokio::test]
    async fn the_leader_writes() {
        let api: Api<ConfigMap> = Api::default_namespaced(client(WriteGate::open(), Metrics::new(1).unwrap()));
        api.create(&PostParams::default(), &ConfigMap::default()).await.unwrap();
    }
}
