//! Imports in Cassandra: one row each, written by the process that works on it. That it is alive is a cell that goes by
//! itself, so no clock of one process is compared with that of another.

use std::sync::Arc;

use async_trait::async_trait;
use scylla::value::CqlTimestamp;
use uuid::Uuid;

use super::StartError;
use super::execute::{Database, Statement};
use super::products::broken;
use crate::dao::imports::{Ended, Import, ImportDao, KEPT_SECONDS, Kind};
use crate::dao::{Context, DaoError};

/// See the module.
pub struct CassandraImports {
    database: Arc<Database>,
    begin: Statement,
    alive: Statement,
    progress: Statement,
    end: Statement,
    find: Statement,
}

/// Kind, start, alive, progress, end, status, answer.
type Row = (
    Option<String>,
    Option<CqlTimestamp>,
    Option<bool>,
    Option<Vec<u8>>,
    Option<CqlTimestamp>,
    Option<i32>,
    Option<Vec<u8>>,
);

impl CassandraImports {
    /// Prepares every statement.
    pub async fn prepare(database: Arc<Database>) -> Result<Self, StartError> {
        let table = "imports";
        let begin =
            format!("INSERT INTO {{ks}}.imports (id, kind, started_at) VALUES (?, ?, ?) USING TTL {KEPT_SECONDS}");
        let alive = "UPDATE {ks}.imports USING TTL ? SET alive = true WHERE id = ?";
        let progress = format!("UPDATE {{ks}}.imports USING TTL {KEPT_SECONDS} SET progress = ? WHERE id = ?");
        let end = format!(
            "UPDATE {{ks}}.imports USING TTL {KEPT_SECONDS} SET ended_at = ?, status = ?, answer = ? WHERE id = ?"
        );
        let find = "SELECT kind, started_at, alive, progress, ended_at, status, answer FROM {ks}.imports WHERE id = ?";
        Ok(Self {
            begin: database.plain("INSERT", table, &begin).await?,
            alive: database.plain("UPDATE", table, alive).await?,
            progress: database.plain("UPDATE", table, &progress).await?,
            end: database.plain("UPDATE", table, &end).await?,
            find: database.plain("SELECT", table, find).await?,
            database,
        })
    }
}

#[async_trait]
impl ImportDao for CassandraImports {
    async fn begin(
        &self,
        cx: &Context,
        id: Uuid,
        kind: Kind,
        started_at: i64,
        alive_seconds: i32,
    ) -> Result<(), DaoError> {
        let cx = cx.plain();
        self.database.run(&cx, &self.begin, &(id, kind.name(), CqlTimestamp(started_at))).await?;
        self.database.run(&cx, &self.alive, &(alive_seconds, id)).await?;
        Ok(())
    }

    async fn beat(&self, cx: &Context, id: Uuid, progress: &[u8], alive_seconds: i32) -> Result<(), DaoError> {
        let cx = cx.plain();
        self.database.run(&cx, &self.alive, &(alive_seconds, id)).await?;
        self.database.run(&cx, &self.progress, &(progress, id)).await?;
        Ok(())
    }

    async fn end(&self, cx: &Context, id: Uuid, ended: &Ended) -> Result<(), DaoError> {
        let cx = cx.plain();
        let values = (CqlTimestamp(ended.at), i32::from(ended.status), &ended.answer, id);
        self.database.run(&cx, &self.end, &values).await?;
        Ok(())
    }

    async fn find(&self, cx: &Context, id: Uuid) -> Result<Option<Import>, DaoError> {
        let cx = cx.plain();
        let result = self.database.run(&cx, &self.find, &(id,)).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let Some(row) = rows.maybe_first_row::<Row>().map_err(broken)? else { return Ok(None) };
        let (Some(kind), Some(started_at), alive, progress, ended_at, status, answer) = row else { return Ok(None) };
        let Some(kind) = Kind::ALL.into_iter().find(|known| known.name() == kind) else { return Ok(None) };
        let ended = match (ended_at, status, answer) {
            (Some(at), Some(status), Some(answer)) => {
                Some(Ended { at: at.0, status: u16::try_from(status).unwrap_or(500), answer })
            }
            _ => None,
        };
        Ok(Some(Import { id, kind, started_at: started_at.0, alive: alive.unwrap_or(false), progress, ended }))
    }
}
