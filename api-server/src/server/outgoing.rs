//! Bodies on their way out: what clients have not taken yet is counted until it has left, and who is still sending is at
//! work. No IO.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::seats::Busy;

/// Smaller pieces are not counted: so many connections have at most some megabytes of them.
const COUNTED: usize = 4096;

/// Bytes of answers that clients have not taken yet, in a process.
#[derive(Debug, Clone)]
pub struct Unsent {
    bytes: Arc<AtomicUsize>,
    most: usize,
}

impl Unsent {
    /// None yet, and `most` before requests are turned away.
    pub fn new(most: usize) -> Self {
        Self { bytes: Arc::default(), most }
    }

    /// Whether there is no room for more answers.
    pub fn is_full(&self) -> bool {
        self.bytes() > self.most
    }

    /// What waits now.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn held(&self, bytes: Bytes) -> Bytes {
        if bytes.len() < COUNTED {
            return bytes;
        }
        self.bytes.fetch_add(bytes.len(), Ordering::Relaxed);
        Bytes::from_owner(Held { bytes, unsent: Arc::clone(&self.bytes) })
    }
}

/// A piece that waits. The connection drops it when the kernel has taken it.
struct Held {
    bytes: Bytes,
    unsent: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.unsent.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

/// The body of an answer. Its connection is at work until this is gone.
pub struct Outgoing {
    body: Body,
    /// `None` for what lies in the program itself.
    unsent: Option<Unsent>,
    _busy: Busy,
}

impl Outgoing {
    /// A body that is sent by whoever is busy with it.
    pub const fn new(body: Body, unsent: Option<Unsent>, busy: Busy) -> Self {
        Self { body, unsent, _busy: busy }
    }
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        match &self.unsent {
            Some(unsent) => frame.map_ok(|frame| frame.map_data(|bytes| unsent.held(bytes))),
            None => frame,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt as _, stream};
    use http_body_util::BodyExt as _;

    use super::super::seats::Seats;
    use super::*;

    #[tokio::test]
    async fn what_a_client_has_not_taken_is_counted_until_it_has() {
        let unsent = Unsent::new(10_000);
        let pieces = stream::iter([8_000, 100, 6_000]).map(|size| Ok::<_, std::io::Error>(Bytes::from(vec![0; size])));
        let seats = Seats::new(1);
        let seat = seats.take().unwrap();
        let mut body = Outgoing::new(Body::from_stream(pieces), Some(unsent.clone()), seat.busy());
        let mut waiting = Vec::new();
        for (bytes, full) in [(8_000, false), (8_000, false), (14_000, true)] {
            waiting.push(body.frame().await.unwrap().unwrap().into_data().unwrap());
            assert_eq!((unsent.bytes(), unsent.is_full()), (bytes, full));
        }
        assert!(seats.take().is_none(), "it is at work");
        assert!(body.frame().await.is_none());
        drop(body);
        assert!(unsent.is_full(), "the connection has not written it yet");
        waiting.clear();
        assert_eq!(unsent.bytes(), 0);
        assert!(seats.take().is_some());
    }
}
