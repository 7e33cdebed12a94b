//! Telling many at once that too little is there. Who wants more of a stock than the process knows of asks the database first:
//! one read that sees every posting answers all who asked before it began. So a rush for what is sold out costs a read now
//! and then, and nobody is refused who could have been served when he asked. IO only through the DAO's trait.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::try_join_all;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use super::Lines;
use crate::dao::ledger::{Account, Balance};
use crate::dao::{Context, DaoError};
use crate::models::error::ModelError;

/// Between the begins of two reads of one account. The first after a while begins at once.
const PACE: Duration = Duration::from_millis(25);
/// Who may wait for such reads in this process.
const WAITING_MAX: usize = 4_096;
/// Accounts that are read so at the same time.
const ACCOUNTS_MAX: usize = 1_024;

type Reply = Result<Option<Balance>, DaoError>;

/// A read that has not begun, and who waits for it.
struct Round {
    reply: watch::Sender<Option<Reply>>,
    /// The last of those who wait.
    deadline: Instant,
}

/// The reads of one process.
pub(super) struct Rush {
    waiting: Semaphore,
    /// Accounts that a task reads or has just read, each with its next read if anybody waits for it.
    next: Mutex<HashMap<Account, Option<Round>>>,
}

impl Default for Rush {
    fn default() -> Self {
        Self { waiting: Semaphore::new(WAITING_MAX), next: Mutex::default() }
    }
}

impl Rush {
    fn next(&self) -> MutexGuard<'_, HashMap<Account, Option<Round>>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next read of an account; true where nobody is there yet to make it.
    fn join(&self, cx: &Context, account: Account) -> Result<(watch::Receiver<Option<Reply>>, bool), ModelError> {
        let mut next = self.next();
        let accounts = next.len();
        let (slot, alone) = match next.entry(account) {
            Entry::Occupied(slot) => (slot.into_mut(), false),
            Entry::Vacant(_) if accounts == ACCOUNTS_MAX => return Err(overloaded()),
            Entry::Vacant(slot) => (slot.insert(None), true),
        };
        let round = slot.get_or_insert_with(|| Round { reply: watch::Sender::new(None), deadline: cx.deadline });
        round.deadline = round.deadline.max(cx.deadline);
        Ok((round.reply.subscribe(), alone))
    }

    /// Begins the next read of an account: who asks from here on waits for the one after it. `None` where nobody waits, and
    /// with that nobody is there any more to make one.
    fn begin(&self, account: Account) -> Option<Round> {
        let mut next = self.next();
        let round = next.get_mut(&account).and_then(Option::take);
        // Who waited and went away has left nothing.
        let round = round.filter(|round| round.reply.receiver_count() > 0);
        if round.is_none() {
            next.remove(&account);
        }
        round
    }
}

/// Whoever reads an account. Should it end before its work does, as at the end of the process, those who wait are let go.
struct Reader<'a> {
    rush: &'a Rush,
    account: Account,
    done: bool,
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.rush.next().remove(&self.account);
        }
    }
}

const fn overloaded() -> ModelError {
    ModelError::Overloaded("too many wait to be told that too little is in stock")
}

impl Lines {
    /// Those of the accounts, by their places, that hold less than is wanted of them, with what they hold; as certain as a
    /// refusal by [`Lines::change`], and as of a moment after this was asked. Only those are looked at of which the process
    /// knows too little to be there, and once one of them is short those of which it knows nothing. So an empty answer
    /// promises nothing, and mostly costs nothing.
    #[tracing::instrument(name = "model.lines.certainly_short", skip_all)]
    pub async fn certainly_short(
        &self,
        cx: &Context,
        wanted: &[(Account, i64)],
    ) -> Result<Vec<(usize, i64)>, ModelError> {
        let (mut seem_short, mut unknown) = (Vec::new(), Vec::new());
        for (at, (account, units)) in wanted.iter().enumerate() {
            match self.cache.quantity(*account) {
                Some(quantity) if quantity < *units => seem_short.push(at),
                Some(_) => {}
                None => unknown.push(at),
            }
        }
        let mut short = self.are_short(cx, wanted, &seem_short).await?;
        // What was never counted may be no product at all, which is another refusal than this one.
        if short.iter().all(|(_, available)| available.is_none()) {
            return Ok(Vec::new());
        }
        short.extend(self.are_short(cx, wanted, &unknown).await?);
        short.sort_unstable();
        Ok(short.into_iter().map(|(at, available)| (at, available.unwrap_or(0))).collect())
    }

    async fn are_short(
        &self,
        cx: &Context,
        wanted: &[(Account, i64)],
        places: &[usize],
    ) -> Result<Vec<(usize, Option<i64>)>, ModelError> {
        let read = places.iter().map(|at| async {
            let (account, units) = wanted[*at];
            let available = self.read_shared(cx, account).await?.map(|balance| balance.quantity);
            Ok::<_, ModelError>(available.is_none_or(|available| available < units).then_some((*at, available)))
        });
        Ok(try_join_all(read).await?.into_iter().flatten().collect())
    }

    /// The balance as every posting before this was asked has left it, or a later one.
    async fn read_shared(&self, cx: &Context, account: Account) -> Result<Option<Balance>, ModelError> {
        let _place = self.rush.waiting.try_acquire().map_err(|_| overloaded())?;
        let (mut reply, alone) = self.rush.join(cx, account)?;
        if alone {
            // A task of its own, since whoever asked first may go away before the others do.
            tokio::spawn(self.clone().read_for_all(account));
        }
        let told = tokio::time::timeout_at(cx.deadline, reply.wait_for(Option::is_some)).await;
        let told = told.ok().and_then(Result::ok).and_then(|told| told.clone());
        Ok(told.unwrap_or_else(|| Err(DaoError::Busy("a shared read of a stock".into())))?)
    }

    /// Reads an account for those who wait, until nobody does.
    async fn read_for_all(self, account: Account) {
        let mut reader = Reader { rush: &self.rush, account, done: false };
        loop {
            let began = Instant::now();
            let Some(Round { reply, deadline }) = self.rush.begin(account) else { break };
            let left = deadline.saturating_duration_since(began);
            let read = self.dao.load(&Context::within(left), account).await;
            if let Ok(balance) = &read {
                self.cache.learn(account, *balance);
            }
            reply.send_replace(Some(read));
            tokio::time::sleep_until(began + PACE).await;
        }
        reader.done = true;
    }

    #[cfg(test)]
    pub(super) fn rush_is_over(&self) -> bool {
        self.rush.next().is_empty() && self.rush.waiting.available_permits() == WAITING_MAX
    }
}

#[cfg(test)]
mod tests;
