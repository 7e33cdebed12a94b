//! The store in memory: the test double of every DAO, held to the same contract as Cassandra.
//! Nothing survives the process.

mod blocks;
mod changes;
mod cluster;
mod idempotency;
mod imports;
mod ledger;
mod orders;
mod payments;
mod products;
mod turnovers;
mod users;

use std::sync::Arc;

pub use blocks::MemoryBlocks;
pub use changes::MemoryChanges;
pub use cluster::MemoryCluster;
pub use idempotency::MemoryIdempotency;
pub use imports::MemoryImports;
pub use ledger::MemoryLedger;
pub use orders::MemoryOrders;
pub use payments::MemoryPayments;
pub use products::MemoryProducts;
pub use turnovers::MemoryTurnovers;
pub use users::MemoryUsers;

use super::{Context, Daos, Level, Receipt};

/// How a plain read was answered.
fn read(cx: &Context) -> Receipt {
    Receipt::local(cx.level.unwrap_or(Level::BOOKS))
}

/// How a change was decided.
fn decided(cx: &Context) -> Receipt {
    Receipt::local(Level::BOOKS.raised_to(cx.level))
}

/// All DAOs over one empty store.
pub fn daos() -> Daos {
    let (ledger, orders) = (Arc::new(MemoryLedger::default()), Arc::new(MemoryOrders::default()));
    Daos {
        products: Arc::new(MemoryProducts::default()),
        users: Arc::new(MemoryUsers::default()),
        idempotency: Arc::new(MemoryIdempotency::default()),
        blocks: Arc::new(MemoryBlocks::default()),
        turnovers: Arc::new(MemoryTurnovers::new(Arc::clone(&ledger), Arc::clone(&orders))),
        ledger,
        orders,
        payments: Arc::new(MemoryPayments::default()),
        imports: Arc::new(MemoryImports::default()),
        changes: Arc::new(MemoryChanges::default()),
        cluster: Arc::new(MemoryCluster),
    }
}
