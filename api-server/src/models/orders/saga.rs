//! The steps of an order: take its lines, confirm or give back, publish.

use futures::future::{join_all, try_join_all};
use uuid::Uuid;

use super::{Orders, given_up};
use crate::dao::ledger::Account;
use crate::dao::orders::{Line, Note, Order, Replaced, Status, Stored};
use crate::dao::ranks::Slot;
use crate::dao::{Context, DaoError, Receipt};
use crate::models::error::{ModelError, Shortage, Violation};
use crate::models::ledger::{Change, Outcome, Refusal, Want};
use crate::models::lines::Settled;
use crate::models::order::{Ids, moved_to};
use crate::models::precondition::Condition;

/// Why what an order wants was not taken.
enum NotTaken {
    /// Some lines are short; those before the first of them were taken.
    Short(Vec<Violation>),
    /// The order was given up by the sweeper meanwhile.
    GivenUp,
    /// Anything may have happened to the line at which it broke off.
    Broken(ModelError),
}

/// An account whose turnover an order has changed.
pub(super) struct Turned {
    account: Account,
    by: i64,
    /// Its turnover and version right after that, if it was just now.
    after: Option<(i64, i64)>,
}

impl Turned {
    fn by(account: Account, by: i64, settled: &Settled) -> Self {
        let after = match &settled.outcome {
            Outcome::Made(movement) => settled.turnover.map(|turnover| (turnover, movement.version)),
            _ => None,
        };
        Self { account, by, after }
    }
}

impl Orders {
    /// Takes the lines of a pending order and confirms it, or gives everything back.
    pub(super) async fn complete(
        &self,
        cx: &Context,
        stored: Stored,
        note: &Note,
        fresh: bool,
    ) -> Result<(Order, Option<Receipt>), ModelError> {
        let order = &stored.order;
        let mut taken = Vec::with_capacity(order.lines.len() + 1);
        let error = match self.take_all(cx, order, fresh, &mut taken).await {
            Ok(()) => {
                let after = moved_to(order, Status::Confirmed, cx.now_ms);
                match self.daos.orders.replace(cx, &stored, &after, note.operation).await? {
                    Replaced::Done(stored, receipt) => {
                        self.lines.figures().order(&stored.order);
                        self.publish_or_leave(cx, &stored, note, Some(taken)).await;
                        return Ok((stored.order, Some(receipt)));
                    }
                    Replaced::Moved => return self.overtaken(cx, order.id, note).await,
                }
            }
            Err(NotTaken::Short(short)) => ModelError::Short(short),
            Err(NotTaken::GivenUp) => return self.overtaken(cx, order.id, note).await,
            Err(NotTaken::Broken(error)) => error,
        };
        // What nobody has tried to take needs not be made impossible to take: a refused order leaves other stocks alone.
        let only = (fresh && matches!(error, ModelError::Short(_))).then_some(taken);
        match self.refuse(cx, &stored, note, only).await {
            Ok(true) => Err(error),
            // Another try of the request took what was short here.
            Ok(false) => self.overtaken(cx, order.id, note).await,
            Err(undone) => {
                tracing::warn!(order = %order.id, error = %undone, "a refused order is not undone yet, the sweeper will do it");
                Err(error)
            }
        }
    }

    /// Another worker decided the order first: the sweeper, or another try of the same request. One that refused it knew
    /// nothing of what this one took meanwhile.
    pub(super) async fn overtaken(
        &self,
        cx: &Context,
        id: Uuid,
        note: &Note,
    ) -> Result<(Order, Option<Receipt>), ModelError> {
        let Some(stored) = self.daos.orders.load(cx, id).await? else { return Err(given_up()) };
        if stored.order.status != Status::Refused {
            return Ok((stored.order, None));
        }
        match self.undo(cx, &stored.order).await {
            Ok(()) => self.daos.orders.forget(cx, note).await,
            Err(error) => {
                tracing::warn!(order = %id, %error, "what was taken for a refused order is not back yet, the sweeper will do it");
            }
        }
        Err(given_up())
    }

    /// Takes every line in the order of the products' ids, so that orders with the same products
    /// meet at the first of them; then counts what the user spends. That is before the order can be
    /// cancelled, so whoever does that finds it counted.
    async fn take_all(
        &self,
        cx: &Context,
        order: &Order,
        fresh: bool,
        taken: &mut Vec<Turned>,
    ) -> Result<(), NotTaken> {
        let mut sorted: Vec<(usize, &Line)> = order.lines.iter().enumerate().collect();
        sorted.sort_by_key(|(_, line)| line.product);
        for (done, (at, line)) in sorted.iter().enumerate() {
            let account = Account::stock(line.product);
            let change = Change::Take { units: line.quantity, turned: line.quantity, day: order.day() };
            let want = want(order, Ids(order.id).take(line.product), change, fresh);
            let settled = self.lines.change(cx, account, want).await.map_err(NotTaken::Broken)?;
            match settled.outcome {
                Outcome::Made(_) => taken.push(Turned::by(account, line.quantity, &settled)),
                Outcome::Refused(Refusal::Short { available }) => {
                    let mut short = vec![shortage(*at, line, available)];
                    // The others are looked at, too, so that the answer names every short line.
                    short.extend(self.short_of(cx, &sorted[done + 1..]).await.map_err(NotTaken::Broken)?);
                    short.sort_by(|one, other| one.pointer.cmp(&other.pointer));
                    return Err(NotTaken::Short(short));
                }
                Outcome::Refused(Refusal::GivenUp) | Outcome::Nothing => return Err(NotTaken::GivenUp),
                Outcome::Refused(_) => return Err(NotTaken::Broken(turnover_too_large())),
            }
        }
        let account = Account::spending(order.user);
        let settled = self.lines.change(cx, account, spend(order, fresh)).await.map_err(NotTaken::Broken)?;
        match settled.outcome {
            Outcome::Made(_) => taken.push(Turned::by(account, order.total, &settled)),
            Outcome::Refused(Refusal::GivenUp) | Outcome::Nothing => return Err(NotTaken::GivenUp),
            Outcome::Refused(_) => return Err(NotTaken::Broken(turnover_too_large())),
        }
        Ok(())
    }

    /// Lines of which less is in stock than they want.
    async fn short_of(&self, cx: &Context, lines: &[(usize, &Line)]) -> Result<Vec<Violation>, ModelError> {
        let plain = cx.plain();
        let balances = lines.iter().map(|(_, line)| self.daos.ledger.find(&plain, Account::stock(line.product)));
        let balances = try_join_all(balances).await?;
        let short = lines.iter().zip(balances).filter_map(|((at, line), (balance, _))| {
            let available = balance.map_or(0, |balance| balance.quantity);
            (available < line.quantity).then(|| shortage(*at, line, available))
        });
        Ok(short.collect())
    }

    /// Ends a pending order: from here on nobody can confirm it, and what it took comes back; false where somebody else
    /// decided it first. With `only`, that is all that this try has tried to take for it.
    async fn refuse(
        &self,
        cx: &Context,
        stored: &Stored,
        note: &Note,
        only: Option<Vec<Turned>>,
    ) -> Result<bool, ModelError> {
        let after = moved_to(&stored.order, Status::Refused, cx.now_ms);
        let replaced = self.daos.orders.replace(cx, stored, &after, Uuid::new_v4()).await?;
        let Replaced::Done(refused, _) = replaced else { return Ok(false) };
        self.lines.figures().order(&refused.order);
        match only {
            Some(only) => {
                let accounts: Vec<Account> = only.into_iter().map(|turned| turned.account).collect();
                self.undo_some(cx, &refused.order, |account| accounts.contains(&account)).await?;
            }
            None => self.undo(cx, &refused.order).await?,
        }
        self.daos.orders.forget(cx, note).await;
        Ok(true)
    }

    /// Gives back what a refused order took, and ranks its accounts anew: others were ranked with
    /// what it took still in the books.
    pub(super) async fn undo(&self, cx: &Context, order: &Order) -> Result<(), ModelError> {
        // One that the sweeper refused before it was written down: nothing can be taken for it.
        if order.lines.is_empty() {
            return Ok(());
        }
        self.undo_some(cx, order, |_| true).await
    }

    async fn undo_some(&self, cx: &Context, order: &Order, which: impl Fn(Account) -> bool) -> Result<(), ModelError> {
        let given = self.give_back(cx, order, which).await?;
        self.rank(cx, given).await
    }

    /// Gives back what an order took from the accounts that are named, and what was counted as
    /// spent. What was not taken yet cannot be taken any more.
    async fn give_back(
        &self,
        cx: &Context,
        order: &Order,
        which: impl Fn(Account) -> bool,
    ) -> Result<Vec<Turned>, ModelError> {
        let ids = Ids(order.id);
        let lines = order.lines.iter().map(|line| {
            let change = Change::Return { take: ids.take(line.product), opens: false };
            (Account::stock(line.product), line.quantity, want(order, ids.give_back(line.product), change, false))
        });
        // An account of spending begins with an order, perhaps this one; a stock never does.
        let change = Change::Return { take: ids.spend(), opens: true };
        let spent = (Account::spending(order.user), order.total, want(order, ids.unspend(), change, false));
        let returns =
            lines.chain([spent]).filter(|(account, ..)| which(*account)).map(|(account, by, want)| async move {
                let settled = self.lines.change(cx, account, want).await?;
                match &settled.outcome {
                    Outcome::Made(_) => Ok(Some(Turned::by(account, -by, &settled))),
                    Outcome::Nothing => Ok(None),
                    Outcome::Refused(refusal) => {
                        Err(ModelError::from(DaoError::Broken(format!("a return was refused: {refusal:?}"))))
                    }
                }
            });
        // All are tried: one that fails must not keep the others.
        let given: Vec<Option<Turned>> = join_all(returns).await.into_iter().collect::<Result<_, _>>()?;
        Ok(given.into_iter().flatten().collect())
    }

    /// Brings stock, lists and reports up to date with an order that was decided. The decision
    /// stands, so a failure is told to the log and left to the sweeper.
    pub(super) async fn publish_or_leave(
        &self,
        cx: &Context,
        stored: &Stored,
        note: &Note,
        taken: Option<Vec<Turned>>,
    ) {
        match self.publish(cx, stored, taken).await {
            Ok(()) => self.daos.orders.forget(cx, note).await,
            Err(error) => {
                tracing::warn!(order = %stored.order.id, %error, "an order is not in every list and report yet, the sweeper will finish it");
            }
        }
    }

    /// Does everything that follows from the status of a confirmed or cancelled order. Harmless
    /// to repeat. `taken` is what was taken for it just now.
    pub(super) async fn publish(
        &self,
        cx: &Context,
        stored: &Stored,
        taken: Option<Vec<Turned>>,
    ) -> Result<(), ModelError> {
        let plain = cx.plain();
        let order = &stored.order;
        let listed = async { Ok::<_, ModelError>(self.daos.orders.list(&plain, stored).await?) };
        let ranked = async {
            let turned = match (taken, order.status) {
                (Some(taken), _) => taken,
                (None, Status::Cancelled) => self.give_back(&plain, order, |_| true).await?,
                (None, _) => {
                    let lines = order.lines.iter().map(|line| (Account::stock(line.product), line.quantity));
                    let accounts = lines.chain([(Account::spending(order.user), order.total)]);
                    accounts.map(|(account, by)| Turned { account, by, after: None }).collect()
                }
            };
            self.rank(&plain, turned).await
        };
        tokio::try_join!(listed, ranked)?;
        Ok(())
    }

    /// Puts accounts where they belong by what they turned over.
    async fn rank(&self, cx: &Context, turned: Vec<Turned>) -> Result<(), ModelError> {
        try_join_all(turned.into_iter().map(|turned| self.rank_account(cx, turned))).await?;
        Ok(())
    }

    /// Without what the order changed in the turnover the account lay in another slot, perhaps. Where else a race may
    /// have left it, a report finds out.
    ///
    /// Most takes leave it where it is: whoever moved it there puts it there. That does not hold for what is given back,
    /// since the order that moved it there may be the one that is refused.
    async fn rank_account(&self, cx: &Context, turned: Turned) -> Result<(), DaoError> {
        let Turned { account, by, after } = turned;
        let (turnover, version) = match after {
            Some(after) => after,
            None => match self.daos.ledger.load(cx, account).await? {
                Some(balance) => (balance.turnover, balance.version),
                None => return Ok(()),
            },
        };
        let (before, now) = (Slot::of(account.id, turnover.saturating_sub(by)), Slot::of(account.id, turnover));
        if before == now && after.is_some() && by > 0 {
            return Ok(());
        }
        if let Some(now) = now {
            self.daos.ranks.put(cx, account, now, version).await?;
        }
        match before {
            Some(before) if Some(before) != now => self.daos.ranks.remove(cx, account, before, version).await,
            _ => Ok(()),
        }
    }
}

/// Counts the order as spent by its user.
fn spend(order: &Order, fresh: bool) -> Want {
    let change = Change::Take { units: 0, turned: order.total, day: order.day() };
    want(order, Ids(order.id).spend(), change, fresh)
}

fn want(order: &Order, id: Uuid, change: Change, fresh: bool) -> Want {
    Want { id, change, condition: Condition::default(), reason: None, reference: Some(order.id.to_string()), fresh }
}

fn shortage(at: usize, line: &Line, available: i64) -> Violation {
    let shortage = Shortage { product_id: line.product, requested: line.quantity, available };
    Violation::short(format!("/items/{at}"), shortage)
}

fn turnover_too_large() -> ModelError {
    let detail = "the books cannot hold more of this";
    ModelError::Conflict(Violation::new("/items", "turnover_too_large", detail))
}
