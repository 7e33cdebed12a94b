//! A body that takes its time does not keep a slot: whoever sends a byte a second would else hold one until the deadline
//! of the request, and as many of them as there are slots would close the store to everybody. No IO of its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;

use super::{Admission, Slot};

/// The slot of one request, shared with its body.
#[derive(Debug, Clone)]
pub struct Held(Arc<Mutex<Option<Slot>>>);

impl Held {
    /// A slot that a body may give up for a while.
    pub fn new(slot: Slot) -> Self {
        Self(Arc::new(Mutex::new(Some(slot))))
    }

    fn exchange(&self, slot: Option<Slot>) -> Option<Slot> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), slot)
    }
}

/// The request was turned away because of its slow body: there are too many of these, or there was no slot any more when
/// it had arrived.
#[derive(Debug, thiserror::Error)]
#[error("too many requests are being worked on")]
pub struct TurnedAway;

impl TurnedAway {
    /// Whether an error that came with a body is this one.
    pub fn is(error: &(dyn std::error::Error + 'static)) -> bool {
        std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<Self>())
    }
}

type Entering = Pin<Box<dyn Future<Output = Option<Slot>> + Send>>;
type Item<E> = Option<Result<Frame<Bytes>, E>>;

/// Where the request is.
enum State {
    /// In its slot. Once it has waited for the body, the end of its patience.
    Inside(Option<Pin<Box<Sleep>>>),
    /// Without a slot, in one of the places for those who wait for their bodies.
    Outside { _place: OwnedSemaphorePermit },
    /// Its body is there: on its way in again.
    Entering(Entering),
    /// Nothing more is to come, or it was turned away.
    Over,
}

/// A body that gives up the slot of its request when it has kept it waiting for as long as others may wait for one, and
/// takes one again at its end.
pub struct SlowBody<B> {
    body: B,
    admission: Arc<Admission>,
    held: Held,
    state: State,
    /// The end of the body, kept until the request is in again.
    end: Option<Item<axum::BoxError>>,
}

impl<B> SlowBody<B> {
    /// A body of the request that has this slot.
    pub fn new(body: B, admission: Arc<Admission>, held: Held) -> Self {
        Self { body, admission, held, state: State::Inside(None), end: None }
    }
}

impl<B> Body for SlowBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<axum::BoxError>,
{
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Item<axum::BoxError>> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                State::Over => return Poll::Ready(this.end.take().flatten()),
                State::Entering(entering) => {
                    let Some(slot) = ready!(entering.as_mut().poll(cx)) else {
                        this.state = State::Over;
                        return Poll::Ready(Some(Err(TurnedAway.into())));
                    };
                    this.held.exchange(Some(slot));
                    this.state = State::Over;
                }
                State::Inside(patience) => {
                    if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
                        return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
                    }
                    let until = this.admission.bounds.patience;
                    let patience = patience.get_or_insert_with(|| Box::pin(tokio::time::sleep(until)));
                    ready!(patience.as_mut().poll(cx));
                    match Arc::clone(&this.admission.outside).try_acquire_owned() {
                        Ok(place) => {
                            this.state = State::Outside { _place: place };
                            drop(this.held.exchange(None));
                        }
                        Err(_) => {
                            this.state = State::Over;
                            return Poll::Ready(Some(Err(TurnedAway.into())));
                        }
                    }
                }
                State::Outside { .. } => match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                    Some(Ok(frame)) if !this.body.is_end_stream() => return Poll::Ready(Some(Ok(frame))),
                    end => {
                        this.end = Some(end.map(|end| end.map_err(Into::into)));
                        let admission = Arc::clone(&this.admission);
                        this.state = State::Entering(Box::pin(async move { admission.enter().await }));
                    }
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        // While an end is kept back there is more to come.
        self.end.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
