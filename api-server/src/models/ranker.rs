//! Puts accounts where they belong by what they turned over. IO only through the DAOs' traits.

use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::dao::ledger::{Book, LedgerDao};
use crate::dao::ranks::{RankDao, Slot, Turned};
use crate::dao::{Context, DaoError};

/// Accounts that are ranked at the same time.
const AT_ONCE: usize = 16;

/// See the module.
#[derive(Clone)]
pub struct Ranker {
    ledger: Arc<dyn LedgerDao>,
    ranks: Arc<dyn RankDao>,
}

impl Ranker {
    /// Over DAOs.
    pub fn new(ledger: Arc<dyn LedgerDao>, ranks: Arc<dyn RankDao>) -> Self {
        Self { ledger, ranks }
    }

    /// Ranks accounts anew. Harmless to repeat.
    pub async fn rank(&self, cx: &Context, turned: &[Turned]) -> Result<(), DaoError> {
        let ranked = turned.to_vec().into_iter().map(|turned| self.rank_one(*cx, turned));
        stream::iter(ranked).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
        Ok(())
    }

    async fn rank_one(&self, cx: Context, Turned { account, .. }: Turned) -> Result<(), DaoError> {
        // What is spent is no account of the ledger.
        if account.book != Book::Stock {
            return Ok(());
        }
        let Some(balance) = self.ledger.load(&cx, account).await? else { return Ok(()) };
        match Slot::of(account.id, balance.turnover) {
            Some(slot) => self.ranks.put(&cx, account, slot, balance.version).await,
            None => Ok(()),
        }
    }
}
