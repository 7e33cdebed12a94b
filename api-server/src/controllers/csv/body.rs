//! The lines of a body as they arrive. Reads the body; no other IO.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use bytes::{Buf as _, Bytes};
use futures::stream;
use http::StatusCode;
use http_body_util::BodyExt as _;

use super::parts::MoreParts;
use super::{closing, too_large};
use crate::app::IMPORT_MAX;
use crate::problem::Problem;
use crate::views::csv::{Reader, Record};

/// Records of a body; holds one chunk and one line.
pub struct Records {
    body: Body,
    reader: Reader,
    chunk: Bytes,
    /// Bytes that may still come.
    room: usize,
    /// How long the body may stand still.
    patience: Duration,
    over: bool,
}

/// Why a body has no next line.
#[derive(Debug, Clone, Copy)]
pub enum Broken {
    Off,
    /// A form with more than the file.
    MoreParts,
    TooLarge,
    TooSlow(Duration),
}

impl Broken {
    /// What is told.
    pub fn problem(self) -> Problem {
        match self {
            Self::Off => Problem::malformed_at("", "body_broken_off", "the body broke off"),
            Self::MoreParts => Problem::malformed_at("", "bad_form", "a form has one part, the file"),
            Self::TooLarge => too_large(),
            Self::TooSlow(patience) => {
                let detail = format!("the body stood still for {} s", patience.as_secs_f32());
                closing(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail))
            }
        }
    }
}

/// A body read to its end, as one that is there.
pub async fn whole(mut body: Body, patience: Duration) -> Result<Body, Broken> {
    let (mut chunks, mut room) = (Vec::new(), IMPORT_MAX);
    loop {
        match tokio::time::timeout(patience, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                let Ok(chunk) = frame.into_data() else { continue };
                room = room.checked_sub(chunk.len()).ok_or(Broken::TooLarge)?;
                chunks.push(Ok::<_, Infallible>(chunk));
            }
            Ok(Some(Err(error))) => return Err(broken(&error)),
            Ok(None) => return Ok(Body::from_stream(stream::iter(chunks))),
            Err(_) => return Err(Broken::TooSlow(patience)),
        }
    }
}

/// What has ended a body, which bodies within bodies wrap.
fn broken(error: &axum::Error) -> Broken {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<MoreParts>() {
            return Broken::MoreParts;
        }
        if matches!(error.downcast_ref(), Some(multer::Error::StreamSizeExceeded { .. })) {
            return Broken::TooLarge;
        }
        cause = error.source();
    }
    Broken::Off
}

impl Records {
    /// The records of a body that stands still for `patience` at most.
    pub fn new(body: Body, patience: Duration) -> Self {
        Self { body, reader: Reader::default(), chunk: Bytes::new(), room: IMPORT_MAX, patience, over: false }
    }

    /// The next record. May be dropped while it waits without losing any.
    pub async fn next(&mut self) -> Result<Option<Record>, Broken> {
        loop {
            let mut rest = &self.chunk[..];
            let record = self.reader.next(&mut rest);
            let left = rest.len();
            self.chunk.advance(self.chunk.len() - left);
            if record.is_some() {
                return Ok(record);
            }
            if self.over {
                return Ok(None);
            }
            match tokio::time::timeout(self.patience, self.body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    let Ok(chunk) = frame.into_data() else { continue };
                    self.room = self.room.checked_sub(chunk.len()).ok_or(Broken::TooLarge)?;
                    self.chunk = chunk;
                }
                Ok(Some(Err(error))) => return Err(broken(&error)),
                Ok(None) => {
                    self.over = true;
                    return Ok(self.reader.finish());
                }
                Err(_) => return Err(Broken::TooSlow(self.patience)),
            }
        }
    }
}
