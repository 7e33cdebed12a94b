//! The steps of an order: take its lines, write it down or give back, publish.

use futures::future::join_all;
use uuid::Uuid;

use super::verdict::{Take, Verdict, to_give_back, verdict};
use super::{Orders, given_up};
use crate::dao::ledger::Account;
use crate::dao::orders::{Inserted, Line, Note, Order, Replaced, Status, Stored};
use crate::dao::{Context, DaoError, Receipt};
use crate::models::create::Identity;
use crate::models::error::ModelError;
use crate::models::ledger::{Change, Outcome, Refusal, Want};
use crate::models::order::{Ids, moved_to, strays};
use crate::models::precondition::Condition;

/// An order that is noted and whose lines are to be taken.
pub(super) struct Begun {
    /// As it is once they are.
    pub order: Order,
    /// What a process of the version before has written down of it.
    pub pending: Option<Stored>,
    pub note: Note,
}

/// Who may be trying the same request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tried {
    /// Nobody has before.
    pub fresh: bool,
    /// Nobody ever will.
    pub alone: bool,
}

impl Tried {
    /// Anybody may.
    pub const BY_OTHERS: Self = Self { fresh: false, alone: false };

    pub const fn of(identity: Identity) -> Self {
        let Identity { fresh, alone, .. } = identity;
        Self { fresh, alone }
    }
}

type Ended = Result<(Order, Option<Receipt>), ModelError>;

/// How one look at an order ends.
enum Next {
    End(Ended),
    /// A process of the version before has written it down meanwhile.
    Again(Begun),
}

impl Orders {
    /// Takes the lines of an order and writes it down, or gives everything back.
    pub(super) async fn complete(&self, cx: &Context, begun: Begun, tried: Tried) -> Ended {
        let mut next = self.once(cx, begun, tried).await;
        loop {
            match next {
                Next::End(ended) => return ended,
                Next::Again(begun) => next = self.once(cx, begun, Tried::BY_OTHERS).await,
            }
        }
    }

    async fn once(&self, cx: &Context, begun: Begun, tried: Tried) -> Next {
        let takes = self.take_all(cx, &begun.order, tried.fresh).await;
        let back = to_give_back(&begun.order, &takes, tried.fresh);
        match verdict(&begun.order, takes) {
            Verdict::Confirm => match self.write_down(cx, &begun, Status::Confirmed, begun.note.operation).await {
                Ok(Some((stored, receipt))) => {
                    self.publish_or_leave(cx, &stored, begun.note, true).await;
                    Next::End(Ok((stored.order, Some(receipt))))
                }
                Ok(None) => self.overtaken(cx, begun).await,
                Err(error) => self.refuse(cx, begun, tried, &back, error.into()).await,
            },
            Verdict::GivenUp => self.overtaken(cx, begun).await,
            Verdict::Refuse(error) => self.refuse(cx, begun, tried, &back, error).await,
        }
    }

    /// Takes all lines side by side; what became of each, in their order.
    async fn take_all(&self, cx: &Context, order: &Order, fresh: bool) -> Vec<Take> {
        join_all(order.lines.iter().map(|line| self.take(cx, order, line, fresh))).await
    }

    async fn take(&self, cx: &Context, order: &Order, line: &Line, fresh: bool) -> Take {
        let change = Change::Take { units: line.quantity, turned: line.quantity, day: order.day() };
        let want = want(cx, order.id, Ids(order.id).take(line.product), change, fresh);
        match self.lines.change(cx, Account::stock(line.product), want).await.map(|settled| settled.outcome) {
            Ok(Outcome::Made(_)) => Take::Made,
            Ok(Outcome::Refused(Refusal::Short { available })) => Take::Short { available },
            Ok(Outcome::Refused(Refusal::GivenUp) | Outcome::Nothing) => Take::GivenUp,
            Ok(Outcome::Refused(Refusal::Absent | Refusal::VersionMoved | Refusal::OutOfRange)) => Take::TooLarge,
            Err(error) => Take::Broken(error),
        }
    }

    /// Writes the order down in a status, if nobody else has decided it; `None` where somebody has.
    async fn write_down(
        &self,
        cx: &Context,
        begun: &Begun,
        status: Status,
        operation: Uuid,
    ) -> Result<Option<(Stored, Receipt)>, DaoError> {
        let orders = &self.daos.orders;
        let written = match &begun.pending {
            None => {
                let order = Order { status, ..begun.order.clone() };
                match orders.insert(cx, &order, operation).await? {
                    Inserted::Done(stored, receipt) => Some((stored, receipt)),
                    Inserted::Exists => None,
                }
            }
            Some(pending) => {
                let after = moved_to(&pending.order, status, cx.now_ms);
                match orders.replace(cx, pending, &after, operation).await? {
                    Replaced::Done(stored, receipt) => Some((stored, receipt)),
                    Replaced::Moved => None,
                }
            }
        };
        if let Some((stored, _)) = &written {
            self.lines.figures().order(&stored.order);
        }
        Ok(written)
    }

    /// Another worker decided the order first: the sweeper, or another try of the same request. One that refused it knew
    /// nothing of what this one took meanwhile.
    async fn overtaken(&self, cx: &Context, begun: Begun) -> Next {
        let Begun { order, note, .. } = begun;
        let stored = match self.daos.orders.load(cx, order.id).await {
            Ok(Some(stored)) => stored,
            Ok(None) => return Next::End(Err(given_up())),
            Err(error) => return Next::End(Err(unless_something_was_changed(error.into(), false))),
        };
        match stored.order.status {
            Status::Refused => {}
            Status::Pending => return Next::Again(Begun { order, pending: Some(stored), note }),
            Status::Confirmed | Status::Paid | Status::Fulfilled | Status::Cancelled => {
                if stored.operations.contains(&note.operation) {
                    // It was this one, and the answer was lost.
                    self.publish_or_leave(cx, &stored, note, true).await;
                } else {
                    // Whoever wrote it down publishes it, and has a note of his own.
                    self.give_back_strays(cx, &stored.order, note).await;
                }
                return Next::End(Ok((stored.order, None)));
            }
        }
        let products: Vec<Uuid> = order.lines.iter().map(|line| line.product).collect();
        match self.give_back(cx, order.id, &products).await {
            Ok(returned) => self.finished.put(note, returned),
            Err(error) => {
                tracing::warn!(order = %order.id, %error, "what was taken for a refused order is not back yet, the sweeper will do it");
            }
        }
        Next::End(Err(given_up()))
    }

    /// Refuses the order: it is written down so, and from there on nobody can confirm it; then what was taken comes back.
    async fn refuse(&self, cx: &Context, begun: Begun, tried: Tried, back: &[Uuid], error: ModelError) -> Next {
        let id = begun.order.id;
        if tried.alone && back.is_empty() {
            // Nobody else can confirm it, and there is nothing to undo.
            self.finished.put(begun.note, false);
            return Next::End(Err(error));
        }
        // Under another operation than that of a confirmation whose outcome is not known.
        match self.write_down(cx, &begun, Status::Refused, Uuid::new_v4()).await {
            Ok(Some(_)) => match self.give_back(cx, id, back).await {
                Ok(returned) => {
                    self.finished.put(begun.note, returned);
                    Next::End(Err(error))
                }
                Err(undone) => {
                    tracing::warn!(order = %id, error = %undone, "a refused order is not undone yet, the sweeper will do it");
                    Next::End(Err(unless_something_was_changed(error, true)))
                }
            },
            // Another try of the request took what was short here.
            Ok(None) => self.overtaken(cx, begun).await,
            Err(undecided) => {
                tracing::warn!(order = %id, error = %undecided, "an order is not refused yet, the sweeper will do it");
                Next::End(Err(unless_something_was_changed(error, tried.alone)))
            }
        }
    }

    /// Gives back what the lines of an order took from these products' stocks; whether anything came back. What was not taken
    /// yet cannot be taken any more.
    pub(super) async fn give_back(&self, cx: &Context, order: Uuid, products: &[Uuid]) -> Result<bool, ModelError> {
        let ids = Ids(order);
        let returns = products.iter().map(|product| async move {
            let change = Change::Return { take: ids.take(*product) };
            let want = want(cx, order, ids.give_back(*product), change, false);
            match self.lines.change(cx, Account::stock(*product), want).await?.outcome {
                Outcome::Made(_) => Ok(true),
                Outcome::Nothing => Ok(false),
                Outcome::Refused(refusal) => {
                    Err(ModelError::from(DaoError::Broken(format!("a return was refused: {refusal:?}"))))
                }
            }
        });
        // All are tried: one that fails must not keep the others.
        let returned: Vec<bool> = join_all(returns).await.into_iter().collect::<Result<_, _>>()?;
        Ok(returned.contains(&true))
    }

    /// Gives back what was taken for products that the order does not have. What fails is left to the sweeper.
    async fn give_back_strays(&self, cx: &Context, order: &Order, note: Note) {
        let strays = note.contents.as_ref().map(|noted| strays(noted, order)).unwrap_or_default();
        let products: Vec<Uuid> = strays.into_iter().map(|(product, _)| product).collect();
        if products.is_empty() {
            return self.finished.put(note, false);
        }
        match self.give_back(cx, order.id, &products).await {
            Ok(returned) => self.finished.put(note, returned),
            Err(error) => {
                tracing::warn!(order = %order.id, %error, "what an earlier try took is not back yet, the sweeper will do it");
            }
        }
    }

    /// Brings stock and lists up to date with an order that was decided. The decision stands, so a failure is told to the log
    /// and left to the sweeper. `turned`: its accounts are to be ranked anew.
    pub(super) async fn publish_or_leave(&self, cx: &Context, stored: &Stored, note: Note, turned: bool) {
        match self.publish(cx, stored).await {
            Ok(()) => self.finished.put(note, turned),
            Err(error) => {
                tracing::warn!(order = %stored.order.id, %error, "an order is not in every list yet, the sweeper will finish it");
            }
        }
    }

    /// Does what follows at once from the status of a confirmed or cancelled order. Harmless to repeat.
    pub(super) async fn publish(&self, cx: &Context, stored: &Stored) -> Result<(), ModelError> {
        let plain = cx.plain();
        let order = &stored.order;
        self.lines.changes().order(order);
        let listed = async { Ok::<_, ModelError>(self.daos.orders.list(&plain, stored).await?) };
        let returned = async {
            if order.status == Status::Cancelled {
                let products: Vec<Uuid> = order.lines.iter().map(|line| line.product).collect();
                self.give_back(&plain, order.id, &products).await?;
            }
            Ok(())
        };
        tokio::try_join!(listed, returned)?;
        Ok(())
    }
}

/// What is told of an order that is not undone yet: no error that says that nothing was changed. A refusal that is `certain`
/// to stand may be told as it is.
fn unless_something_was_changed(error: ModelError, certain: bool) -> ModelError {
    match error {
        ModelError::Short(_) | ModelError::Conflict(_) if certain => error,
        ModelError::Dao(DaoError::Broken(_)) => error,
        _ => DaoError::Unknown { operation: "refusal of an order" }.into(),
    }
}

fn want(cx: &Context, order: Uuid, id: Uuid, change: Change, fresh: bool) -> Want {
    let (reference, by) = (Some(order.to_string()), cx.by.clone());
    Want { id, change, condition: Condition::default(), reason: None, reference, by, fresh }
}
