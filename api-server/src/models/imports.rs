//! Imports that nobody waits for: the process that works on one tells how far it is and what became of it, and every
//! process can be asked. IO only through the DAO's trait.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::error::ModelError;
use crate::dao::imports::{Ended, Import, ImportDao, Kind};
use crate::dao::{Context, now_ms};

/// How often a process tells how far it is.
pub const BEAT: Duration = Duration::from_secs(2);
/// Without a word for so long, the process at work counts as gone: several beats, and a database that is slow for a while.
const ALIVE_SECONDS: i32 = 30;
/// Tries to keep the end of an import, and between them.
const TRIES: usize = 10;
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// What is to be said of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Running,
    Ended,
    /// The process that worked on it is gone: what it began may be done in part.
    Lost,
}

impl State {
    /// As it is shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ended => "ended",
            Self::Lost => "lost",
        }
    }
}

/// The state of an import as it is kept.
pub const fn state(import: &Import) -> State {
    match (&import.ended, import.alive) {
        (Some(_), _) => State::Ended,
        (None, true) => State::Running,
        (None, false) => State::Lost,
    }
}

/// Imports of the store.
#[derive(Clone)]
pub struct Imports {
    dao: Arc<dyn ImportDao>,
}

impl Imports {
    /// Use cases over a DAO.
    pub fn new(dao: Arc<dyn ImportDao>) -> Self {
        Self { dao }
    }

    /// Notes an import before anything of it is done.
    #[tracing::instrument(name = "model.imports.begin", skip_all)]
    pub async fn begin(&self, cx: &Context, kind: Kind) -> Result<Import, ModelError> {
        let (id, started_at) = (Uuid::now_v7(), cx.now_ms);
        self.dao.begin(cx, id, kind, started_at, ALIVE_SECONDS).await?;
        Ok(Import { id, kind, started_at, alive: true, progress: None, ended: None })
    }

    /// Notes how far an import is. A failure costs whoever asks a beat.
    #[tracing::instrument(name = "model.imports.beat", skip_all)]
    pub async fn beat(&self, cx: &Context, id: Uuid, progress: &[u8]) {
        if let Err(error) = self.dao.beat(cx, id, progress, ALIVE_SECONDS).await {
            tracing::debug!(import = %id, %error, "could not tell how far an import is");
        }
    }

    /// Notes what became of an import, for as long as it takes the database to come back, but no longer than it takes to
    /// count as lost.
    #[tracing::instrument(name = "model.imports.end", skip_all)]
    pub async fn end(&self, id: Uuid, timeout: Duration, status: u16, answer: Vec<u8>) {
        let ended = Ended { at: now_ms(), status, answer };
        for _ in 0..TRIES {
            match self.dao.end(&Context::within(timeout), id, &ended).await {
                Ok(()) => return,
                Err(error) => tracing::warn!(import = %id, %error, "could not keep what became of an import"),
            }
            tokio::time::sleep(TRY_AGAIN).await;
        }
    }

    /// The import, if it is remembered.
    #[tracing::instrument(name = "model.imports.find", skip_all)]
    pub async fn find(&self, cx: &Context, id: Uuid) -> Result<Import, ModelError> {
        self.dao.find(cx, id).await?.ok_or(ModelError::NotFound("import"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_nothing_any_more_before_the_end_is_lost() {
        let import = |alive, ended: bool| Import {
            id: Uuid::nil(),
            kind: Kind::Products,
            started_at: 0,
            alive,
            progress: None,
            ended: ended.then(|| Ended { at: 1, status: 200, answer: Vec::new() }),
        };
        assert_eq!(state(&import(true, false)), State::Running);
        assert_eq!(state(&import(false, false)), State::Lost);
        assert_eq!((state(&import(true, true)), state(&import(false, true))), (State::Ended, State::Ended));
    }
}
