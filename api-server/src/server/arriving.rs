//! Bodies on their way in: whoever lets the process wait for one may lose the seat to a newcomer. IO of the connection's.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};

use super::seats::Taken;

/// The body of a request, and the seat of who sends it.
pub struct Arriving<B> {
    body: B,
    seat: Arc<Taken>,
    waits: bool,
}

impl<B> Arriving<B> {
    /// A body that comes over the connection of this seat.
    pub const fn new(body: B, seat: Arc<Taken>) -> Self {
        Self { body, seat, waits: false }
    }

    fn wait(&mut self, waits: bool) {
        if self.waits != waits {
            self.waits = waits;
            self.seat.is_stuck(waits);
        }
    }
}

impl<B> Drop for Arriving<B> {
    fn drop(&mut self) {
        self.wait(false);
    }
}

impl<B: Body + Unpin> Body for Arriving<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.wait(frame.is_pending());
        frame
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
    use std::time::Duration;

    use axum::body::Body;
    use bytes::Bytes;
    use futures::{FutureExt as _, StreamExt as _, stream};
    use http_body_util::BodyExt as _;

    use super::super::seats::Seats;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_lets_a_body_be_waited_for_loses_the_seat_to_a_newcomer_and_who_has_sent_it_does_not() {
        let seats = Seats::new(1);
        let seat = Arc::new(seats.take().unwrap());
        let _busy = seat.busy();
        let half = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"half"))]).chain(stream::pending());
        let mut body = Arriving::new(Body::from_stream(half), Arc::clone(&seat));
        assert!(body.frame().await.is_some());
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(seats.take().is_none(), "what has come is being worked on");
        assert!(body.frame().now_or_never().is_none(), "the other half");
        tokio::time::advance(Duration::from_secs(1)).await;
        drop(body);
        assert!(seats.take().is_none(), "nobody waits for it any more");
        let mut body =
            Arriving::new(Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()), Arc::clone(&seat));
        assert!(body.frame().now_or_never().is_none());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(seats.take().is_some());
        assert!(seat.lost().now_or_never().is_some());
    }
}
