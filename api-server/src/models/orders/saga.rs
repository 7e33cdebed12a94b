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
use crate::models::order::{Ids, moved_to};
use crate::models::precondition::Tags;

/// Why the lines of an order were not taken.
enum NotTaken {
    /// Some are short; the lines before the first of them were taken.
    Short(Vec<Violation>),
    /// The order was given up by the sweeper meanwhile.
    GivenUp,
    /// Anything may have happened to the line at which it broke off.
    Broken(ModelError),
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
        let error = match self.take_all(cx, order, fresh).await {
            Ok(()) => {
                let after = moved_to(order, Status::Confirmed, cx.now_ms);
                match self.daos.orders.replace(cx, &stored, &after, note.operation).await? {
                    Replaced::Done(stored, receipt) => {
                        self.lines.figures().order(&stored.order);
                        self.publish_or_leave(cx, &stored, note).await;
                        return Ok((stored.order, Some(receipt)));
                    }
                    Replaced::Moved => return self.overtaken(cx, order.id).await,
                }
            }
            Err(NotTaken::Short(short)) => ModelError::Short(short),
            Err(NotTaken::GivenUp) => return self.overtaken(cx, order.id).await,
            Err(NotTaken::Broken(error)) => error,
        };
        if let Err(undone) = self.refuse(cx, &stored, note).await {
            tracing::warn!(order = %order.id, error = %undone, "a refused order is not undone yet, the sweeper will do it");
        }
        Err(error)
    }

    /// Another worker decided the order first: the sweeper, or an earlier try of the same request.
    async fn overtaken(&self, cx: &Context, id: Uuid) -> Result<(Order, Option<Receipt>), ModelError> {
        let stored = self.daos.orders.load(cx, id).await?;
        match stored.map(|stored| stored.order) {
            Some(order) if order.status != Status::Refused => Ok((order, None)),
            _ => Err(given_up()),
        }
    }

    /// Takes every line in the order of the products' ids, so that orders with the same products
    /// meet at the first of them.
    async fn take_all(&self, cx: &Context, order: &Order, fresh: bool) -> Result<(), NotTaken> {
        let mut sorted: Vec<(usize, &Line)> = order.lines.iter().enumerate().collect();
        sorted.sort_by_key(|(_, line)| line.product);
        for (taken, (at, line)) in sorted.iter().enumerate() {
            let change = Change::Take { units: line.quantity, turned: line.quantity, day: order.day() };
            let want = want(order, Ids(order.id).take(line.product), change, fresh);
            let settled = self.lines.change(cx, Account::stock(line.product), want).await;
            match settled.map_err(NotTaken::Broken)?.outcome {
                Outcome::Made(_) => {}
                Outcome::Refused(Refusal::Short { available }) => {
                    let mut short = vec![shortage(*at, line, available)];
                    // The others are looked at, too, so that the answer names every short line.
                    short.extend(self.short_of(cx, &sorted[taken + 1..]).await.map_err(NotTaken::Broken)?);
                    short.sort_by(|one, other| one.pointer.cmp(&other.pointer));
                    return Err(NotTaken::Short(short));
                }
                Outcome::Refused(Refusal::GivenUp) | Outcome::Nothing => return Err(NotTaken::GivenUp),
                Outcome::Refused(_) => return Err(NotTaken::Broken(turnover_too_large())),
            }
        }
        Ok(())
    }

    /// Lines of which less is in stock than they want.
    async fn short_of(&self, cx: &Context, lines: &[(usize, &Line)]) -> Result<Vec<Violation>, ModelError> {
        let plain = Context { level: None, trace: false, ..*cx };
        let balances = lines.iter().map(|(_, line)| self.daos.ledger.find(&plain, Account::stock(line.product)));
        let balances = try_join_all(balances).await?;
        let short = lines.iter().zip(balances).filter_map(|((at, line), (balance, _))| {
            let available = balance.map_or(0, |balance| balance.quantity);
            (available < line.quantity).then(|| shortage(*at, line, available))
        });
        Ok(short.collect())
    }

    /// Ends a pending order: from here on nobody can confirm it, and what it took comes back.
    pub(super) async fn refuse(&self, cx: &Context, stored: &Stored, note: &Note) -> Result<bool, ModelError> {
        let after = moved_to(&stored.order, Status::Refused, cx.now_ms);
        match self.daos.orders.replace(cx, stored, &after, Uuid::new_v4()).await? {
            Replaced::Done(refused, _) => {
                self.lines.figures().order(&refused.order);
                self.undo(cx, &refused.order).await?;
                self.daos.orders.forget(cx, note).await;
                Ok(true)
            }
            Replaced::Moved => Ok(false),
        }
    }

    /// Gives back what a refused order took, and ranks its products anew: others were ranked with
    /// what it took still in the books.
    pub(super) async fn undo(&self, cx: &Context, order: &Order) -> Result<(), ModelError> {
        self.give_back(cx, order).await?;
        self.rank(cx, order).await
    }

    /// Gives back what an order took. A line that was not taken yet cannot be taken any more.
    async fn give_back(&self, cx: &Context, order: &Order) -> Result<(), ModelError> {
        let ids = Ids(order.id);
        let returns = order.lines.iter().map(|line| {
            let change = Change::Return { take: ids.take(line.product) };
            let want = want(order, ids.give_back(line.product), change, false);
            self.lines.change(cx, Account::stock(line.product), want)
        });
        // All are tried: one that fails must not keep the others.
        join_all(returns).await.into_iter().try_for_each(|returned| match returned?.outcome {
            Outcome::Made(_) | Outcome::Nothing => Ok(()),
            Outcome::Refused(refusal) => Err(DaoError::Broken(format!("a return was refused: {refusal:?}")).into()),
        })
    }

    /// Brings stock, lists and reports up to date with an order that was decided. The decision
    /// stands, so a failure is told to the log and left to the sweeper.
    pub(super) async fn publish_or_leave(&self, cx: &Context, stored: &Stored, note: &Note) {
        match self.publish(cx, stored).await {
            Ok(()) => self.daos.orders.forget(cx, note).await,
            Err(error) => {
                tracing::warn!(order = %stored.order.id, %error, "an order is not in every list and report yet, the sweeper will finish it");
            }
        }
    }

    /// Does everything that follows from the status of a confirmed or cancelled order. Harmless
    /// to repeat.
    pub(super) async fn publish(&self, cx: &Context, stored: &Stored) -> Result<(), ModelError> {
        let plain = Context { level: None, trace: false, ..*cx };
        let order = &stored.order;
        let listed = async { Ok::<_, ModelError>(self.daos.orders.list(&plain, stored).await?) };
        let counted = async {
            if order.status == Status::Cancelled {
                self.give_back(&plain, order).await?;
            }
            self.count_spending(&plain, order).await?;
            self.rank(&plain, order).await
        };
        tokio::try_join!(listed, counted)?;
        Ok(())
    }

    /// Counts the order as spent by its user, or takes that back.
    async fn count_spending(&self, cx: &Context, order: &Order) -> Result<(), ModelError> {
        let ids = Ids(order.id);
        let want = match order.status {
            Status::Cancelled => want(order, ids.unspend(), Change::Return { take: ids.spend() }, false),
            _ => {
                let change = Change::Take { units: 0, turned: order.total, day: order.day() };
                want(order, ids.spend(), change, false)
            }
        };
        match self.lines.change(cx, Account::spending(order.user), want).await?.outcome {
            Outcome::Refused(Refusal::OutOfRange) => Err(turnover_too_large()),
            // Cancelled meanwhile: whoever cancelled it counts.
            Outcome::Made(_) | Outcome::Nothing | Outcome::Refused(_) => Ok(()),
        }
    }

    /// Puts the user and the products of an order where they belong by what they turned over.
    async fn rank(&self, cx: &Context, order: &Order) -> Result<(), ModelError> {
        let sign = if matches!(order.status, Status::Cancelled | Status::Refused) { -1 } else { 1 };
        let products = order.lines.iter().map(|line| (Account::stock(line.product), line.quantity));
        let accounts = products.chain([(Account::spending(order.user), order.total)]);
        try_join_all(accounts.map(|(account, by)| self.rank_account(cx, account, sign * by))).await?;
        Ok(())
    }

    /// `by` is what the order changed in the turnover: without it the account lay in another slot,
    /// perhaps. Where else a race may have left it, a report finds out.
    async fn rank_account(&self, cx: &Context, account: Account, by: i64) -> Result<(), DaoError> {
        let Some(balance) = self.daos.ledger.load(cx, account).await? else {
            return Ok(());
        };
        let now = Slot::of(account.id, balance.turnover);
        if let Some(slot) = now {
            self.daos.ranks.put(cx, account, slot, balance.version).await?;
        }
        match Slot::of(account.id, balance.turnover.saturating_sub(by)) {
            Some(before) if Some(before) != now => self.daos.ranks.remove(cx, account, before, balance.version).await,
            _ => Ok(()),
        }
    }
}

fn want(order: &Order, id: Uuid, change: Change, fresh: bool) -> Want {
    Want { id, change, condition: Tags::Absent, reason: None, reference: Some(order.id.to_string()), fresh }
}

fn shortage(at: usize, line: &Line, available: i64) -> Violation {
    let shortage = Shortage { product_id: line.product, requested: line.quantity, available };
    Violation::short(format!("/items/{at}"), shortage)
}

fn turnover_too_large() -> ModelError {
    let detail = "the books cannot hold more of this";
    ModelError::Conflict(Violation::new("/items", "turnover_too_large", detail))
}
