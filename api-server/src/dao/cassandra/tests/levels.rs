//! Levels on a real Cassandra. A keyspace with twice as many replicas as there are nodes tells them apart: it answers at
//! ONE and has never a quorum.

use scylla::statement::Consistency;
use scylla::statement::unprepared::Statement;
use uuid::Uuid;

use super::{Ground, KeyspaceToCreate, cx};
use crate::dao::cassandra::{Usage, daos};
use crate::dao::contract::users::user;
use crate::dao::orders::{Contents, Note};
use crate::dao::{Context, DaoError, Daos, Level};

impl Ground {
    /// A keyspace without a quorum, or `None` where there is no Cassandra.
    async fn without_a_quorum() -> Option<Self> {
        let ground = Self::bare().await?;
        let nodes = u16::try_from(ground.connected.session.get_cluster_state().get_nodes_info().len()).unwrap();
        let create = KeyspaceToCreate { replication_factor: 2 * nodes, ..ground.to_create() };
        ground.migrator().at(Level::One).migrate(Some(&create)).await.unwrap();
        Some(ground)
    }

    /// DAOs of a process that is set to this level.
    async fn daos_at(&self, level: Level) -> Daos {
        let usage = Usage { level, ..self.usage() };
        let (daos, sweepers) = daos(self.connected.clone(), &usage, &Self::observer()).await.unwrap();
        drop(sweepers);
        daos
    }

    async fn rows(&self, table: &str) -> usize {
        let mut read = Statement::new(format!("SELECT * FROM {}.{table}", self.keyspace));
        read.set_consistency(Consistency::One);
        let rows = self.connected.session.query_unpaged(read, ()).await.unwrap();
        rows.into_rows_result().unwrap().rows_num()
    }
}

/// Fails at once where a statement has too few replicas.
fn soon() -> Context {
    Context::within(std::time::Duration::from_millis(300))
}

fn wants_a_quorum<T: std::fmt::Debug>(done: Result<T, DaoError>) -> bool {
    match done {
        Err(DaoError::Unavailable { level, required, alive }) => level == "LOCAL_QUORUM" && required > alive,
        _ => false,
    }
}

#[tokio::test]
async fn what_the_store_notes_is_at_a_quorum_whatever_a_client_or_a_setting_says() {
    let Some(ground) = Ground::without_a_quorum().await else { return };
    for (setting, asked) in [(Level::LocalQuorum, Some(Level::One)), (Level::One, None), (Level::LocalOne, None)] {
        let daos = ground.daos_at(setting).await;
        // Each has a deadline of its own: what is over before that has been refused.
        let cx = || Context { level: asked, ..soon() };
        let now_ms = crate::dao::now_ms();
        let contents = Some(Contents { user: Uuid::now_v7(), created_at: now_ms, lines: vec![(Uuid::now_v7(), 1)] });
        let note = Note { at: now_ms, operation: Uuid::new_v4(), order: Uuid::now_v7(), contents };
        assert!(wants_a_quorum(daos.orders.note(&cx(), &note).await), "{setting} {asked:?}: a note of an order");
        let stored = daos.users.insert(&cx(), &user("Noted"), Uuid::new_v4()).await;
        assert!(wants_a_quorum(stored), "{setting} {asked:?}: a note of a user");
        assert!(wants_a_quorum(daos.users.exists(&cx(), note.order).await), "{setting} {asked:?}: what an order reads");
    }
    for table in ["order_notes", "user_intents", "users"] {
        assert_eq!(ground.rows(table).await, 0, "{table}");
    }
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn a_client_may_still_read_what_it_asks_for_at_one() {
    let Some(ground) = Ground::without_a_quorum().await else { return };
    let daos = ground.daos_at(Level::LocalQuorum).await;
    let one = Context { level: Some(Level::One), ..cx() };
    let mut found = Vec::new();
    let read = daos.users.find(&one, Uuid::now_v7(), &mut found).await;
    assert_eq!(read.map(|receipt| receipt.level), Ok(Level::One));
    assert!(wants_a_quorum(daos.users.find(&soon(), Uuid::now_v7(), &mut found).await));
    ground.drop_keyspace().await;
}
