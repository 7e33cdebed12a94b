//! A connection whose peer has to read: writing that stands still for too long ends it, so that nobody holds answers in
//! this process by not taking them. IO.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::seats::Taken;

/// A stream that waits so long for its peer to take something.
pub struct Patient<S> {
    stream: S,
    patience: Duration,
    seat: Arc<Taken>,
    /// Ends the wait that is under way.
    end: Option<Pin<Box<Sleep>>>,
    /// Ends the time after the last answer in which the peer may go on sending.
    lingers: Option<Pin<Box<Sleep>>>,
    /// Whether all that was written before has left: what is written next begins an answer, or a piece of one.
    fresh: bool,
    /// The status by which hyper refused a head on its own. That answer is held back, and with it the end of the connection.
    refused: Option<u16>,
}

/// The status of an answer that hyper gives on its own to a head that it cannot read: one without a body and without the id that
/// every answer of ours has. Its head is written as one piece.
fn refusal(bytes: &[u8]) -> Option<u16> {
    let rest = bytes.strip_prefix(b"HTTP/1.1 ").or_else(|| bytes.strip_prefix(b"HTTP/1.0 "))?;
    let status = std::str::from_utf8(rest.get(..3)?).ok()?.parse().ok()?;
    let ours = bytes.windows(REQUEST_ID.len()).any(|name| name.eq_ignore_ascii_case(REQUEST_ID));
    (matches!(status, 400 | 414 | 431) && !ours && bytes.ends_with(b"\r\n\r\n")).then_some(status)
}

const REQUEST_ID: &[u8] = b"x-request-id";

/// How long a peer may send after it was told that nothing more comes: some seconds of a body that is on its way.
const LINGER: Duration = Duration::from_secs(5);
/// Reads in one turn.
const READS_AT_ONCE: usize = 16;

impl<S> Patient<S> {
    /// The stream with this patience, and the seat that its peer may lose meanwhile.
    pub const fn new(stream: S, patience: Duration, seat: Arc<Taken>) -> Self {
        Self { stream, patience, seat, end: None, lingers: None, fresh: true, refused: None }
    }

    /// The status by which a head was refused, whose answer was held back: it is to be answered now.
    pub const fn refused(&mut self) -> Option<u16> {
        self.refused.take()
    }

    /// Notes whether what is to be written now is held back.
    fn is_held_back(&mut self, bytes: &[u8]) -> bool {
        if self.refused.is_none() && self.fresh {
            self.refused = refusal(bytes);
        }
        self.fresh = false;
        self.refused.is_some()
    }

    fn waited<T>(&mut self, cx: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if done.is_ready() {
            if self.end.take().is_some() {
                self.seat.is_stuck(false);
            }
            return done;
        }
        if self.end.is_none() {
            self.seat.is_stuck(true);
        }
        let patience = self.patience;
        let end = self.end.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        match end.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read"))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_held_back(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let done = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.waited(cx, done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_held_back(bytes.first().map_or(&[], |first| first)) {
            return Poll::Ready(Ok(bytes.iter().map(|piece| piece.len()).sum()));
        }
        let done = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.waited(cx, done)
    }

    /// As the stream: what is written from where it lies is not copied together first.
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.refused.is_some() {
            return Poll::Ready(Ok(()));
        }
        let done = Pin::new(&mut self.stream).poll_flush(cx);
        self.fresh |= matches!(done, Poll::Ready(Ok(())));
        self.waited(cx, done)
    }

    /// Tells the peer that nothing more comes, and takes what it still sends: closed with bytes unread the connection would
    /// be reset, and the peer would lose the answer that it was given before all of its body had come.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.refused.is_some() {
            return Poll::Ready(Ok(()));
        }
        if self.lingers.is_none() {
            let done = Pin::new(&mut self.stream).poll_shutdown(cx);
            let done = self.waited(cx, done);
            if !matches!(done, Poll::Ready(Ok(()))) {
                return done;
            }
            self.lingers = Some(Box::pin(tokio::time::sleep(LINGER)));
        }
        let mut scrap = [0; 8 * 1024];
        let mut scrap = ReadBuf::new(&mut scrap);
        for _ in 0..READS_AT_ONCE {
            scrap.clear();
            match Pin::new(&mut self.stream).poll_read(cx, &mut scrap) {
                Poll::Ready(Ok(())) if !scrap.filled().is_empty() => {}
                // It has closed, too, or is gone.
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    let over = self.lingers.as_mut().is_none_or(|end| end.as_mut().poll(cx).is_ready());
                    return if over { Poll::Ready(Ok(())) } else { Poll::Pending };
                }
            }
        }
        // Others have their turn.
        cx.waker().wake_by_ref();
        match self.lingers.as_mut().is_none_or(|end| end.as_mut().poll(cx).is_ready()) {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_our_id_to_a_head_that_was_not_read_is_hypers_own() {
        let date = "content-length: 0\r\ndate: Mon, 30 Nov 2026 00:00:00 GMT\r\n\r\n";
        for (bytes, expected) in [
            (format!("HTTP/1.1 400 Bad Request\r\n{date}"), Some(400)),
            (format!("HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n{date}"), Some(431)),
            (format!("HTTP/1.0 400 Bad Request\r\n{date}"), Some(400)),
            (format!("HTTP/1.1 400 Bad Request\r\nx-request-id: 1\r\n{date}"), None),
            (format!("HTTP/1.1 200 OK\r\n{date}"), None),
            ("HTTP/1.1 100 Continue\r\n\r\n".to_owned(), None),
            ("HTTP/1.1 400 Bad Request\r\n".to_owned(), None),
            ("HTTP/1.1 4".to_owned(), None),
        ] {
            assert_eq!(refusal(bytes.as_bytes()), expected, "{bytes}");
        }
    }
}
