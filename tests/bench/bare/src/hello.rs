//! The bare opponent: a hyper server that answers every request with the same bytes, from memory or after a read by the
//! driver. IO: HTTP, CQL.

use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::driver_loop::{DriverLoopError, Reader};

/// Answers with `body`, after the read that was asked for if there is a reader, on a port of 127.0.0.1, printed as
/// `PORT=n`, until killed.
///
/// # Errors
/// When the port cannot be had.
pub async fn serve(body: Bytes, reader: Option<Reader>) -> std::io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("PORT={}", listener.local_addr()?.port());
    let reader = reader.map(Arc::new);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (body, reader) = (body.clone(), reader.clone());
        tokio::spawn(async move {
            let service = service_fn(async |request: Request<_>| {
                if let Some(reader) = &reader {
                    reader.of_path(request.uri().path()).await?;
                }
                let mut response = Response::new(Full::new(body.clone()));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                Ok::<_, DriverLoopError>(response)
            });
            // The client ends its connections when it has measured enough.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}
