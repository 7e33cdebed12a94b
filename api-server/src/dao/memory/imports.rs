//! Imports in a map; how long they are kept by the clock of the caller.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

use crate::dao::imports::{Ended, Import, ImportDao, KEPT_SECONDS, Kind};
use crate::dao::{Context, DaoError};

#[derive(Debug)]
struct Entry {
    import: Import,
    alive_until: i64,
}

/// See the module.
#[derive(Debug, Default)]
pub struct MemoryImports {
    entries: Mutex<HashMap<Uuid, Entry>>,
}

impl MemoryImports {
    fn entries(&self) -> MutexGuard<'_, HashMap<Uuid, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ImportDao for MemoryImports {
    async fn begin(
        &self,
        cx: &Context,
        id: Uuid,
        kind: Kind,
        started_at: i64,
        alive_seconds: i32,
    ) -> Result<(), DaoError> {
        let mut entries = self.entries();
        entries.retain(|_, entry| entry.import.started_at + i64::from(KEPT_SECONDS) * 1000 > cx.now_ms);
        let import = Import { id, kind, started_at, alive: true, progress: None, ended: None };
        entries.insert(id, Entry { import, alive_until: cx.now_ms + i64::from(alive_seconds) * 1000 });
        Ok(())
    }

    async fn beat(&self, cx: &Context, id: Uuid, progress: &[u8], alive_seconds: i32) -> Result<(), DaoError> {
        if let Some(entry) = self.entries().get_mut(&id) {
            entry.import.progress = Some(progress.to_vec());
            entry.alive_until = cx.now_ms + i64::from(alive_seconds) * 1000;
        }
        Ok(())
    }

    async fn end(&self, _cx: &Context, id: Uuid, ended: &Ended) -> Result<(), DaoError> {
        if let Some(entry) = self.entries().get_mut(&id) {
            entry.import.ended = Some(ended.clone());
        }
        Ok(())
    }

    async fn find(&self, cx: &Context, id: Uuid) -> Result<Option<Import>, DaoError> {
        let entries = self.entries();
        let kept = entries.get(&id);
        Ok(kept.map(|entry| Import { alive: entry.alive_until > cx.now_ms, ..entry.import.clone() }))
    }
}
