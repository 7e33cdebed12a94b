//! What follows from the takes of an order's lines. Pure.

#![deny(clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]

use uuid::Uuid;

use crate::dao::orders::{Line, Order};
use crate::models::error::{ModelError, Shortage, Violation};

/// What became of the take of one line.
#[derive(Debug)]
pub enum Take {
    /// Made, now or by an earlier try.
    Made,
    /// Less is there than is wanted; it was not made.
    Short { available: i64 },
    /// The books cannot hold it; it was not made.
    TooLarge,
    /// It can never be made any more: somebody refused the order.
    GivenUp,
    /// It broke off. Whether it was made is known of some errors only.
    Broken(ModelError),
}

impl Take {
    /// Whether there may be something to give back.
    pub const fn may_be_made(&self) -> bool {
        match self {
            Self::Made => true,
            // It had not begun.
            Self::Broken(ModelError::Overloaded(_)) | Self::Short { .. } | Self::TooLarge | Self::GivenUp => false,
            Self::Broken(_) => true,
        }
    }
}

/// What is to become of the order.
#[derive(Debug)]
pub enum Verdict {
    /// Every line is taken.
    Confirm,
    /// Somebody else refused it.
    GivenUp,
    /// It is to be refused, for this.
    Refuse(ModelError),
}

/// The products whose takes are to be given back where the order is refused. Of a request that others may be trying, too, all
/// of them: none can be taken after that.
pub fn to_give_back(order: &Order, takes: &[Take], fresh: bool) -> Vec<Uuid> {
    let lines = order.lines.iter().zip(takes);
    lines.filter(|(_, take)| !fresh || take.may_be_made()).map(|(line, _)| line.product).collect()
}

/// Judges the takes, one for each line of the order. What is short is told of every short line, even where others broke off.
pub fn verdict(order: &Order, takes: Vec<Take>) -> Verdict {
    let (mut short, mut too_large, mut broken) = (Vec::new(), false, None);
    for (at, (line, take)) in order.lines.iter().zip(takes).enumerate() {
        match take {
            Take::Made => {}
            Take::Short { available } => short.push(shortage(at, line, available)),
            Take::TooLarge => too_large = true,
            Take::GivenUp => return Verdict::GivenUp,
            Take::Broken(error) => broken = broken.or(Some(error)),
        }
    }
    match broken {
        _ if !short.is_empty() => Verdict::Refuse(ModelError::Short(short)),
        _ if too_large => Verdict::Refuse(turnover_too_large()),
        Some(error) => Verdict::Refuse(error),
        None => Verdict::Confirm,
    }
}

fn shortage(at: usize, line: &Line, available: i64) -> Violation {
    let shortage = Shortage { product_id: line.product, requested: line.quantity, available };
    Violation::short(format!("/items/{at}"), shortage)
}

fn turnover_too_large() -> ModelError {
    let detail = "the books cannot hold more of this";
    ModelError::Conflict(Violation::new("/items", "turnover_too_large", detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dao::DaoError;
    use crate::dao::orders::Status;
    use crate::dao::price::Price;

    fn order(lines: usize) -> Order {
        let lines = (0..lines).map(|at| Line {
            product: Uuid::from_u128(u128::try_from(at).unwrap()),
            quantity: 2,
            unit_price: Price::new(1, 0).unwrap(),
        });
        Order {
            id: Uuid::nil(),
            user: Uuid::nil(),
            status: Status::Confirmed,
            lines: lines.collect(),
            total: 0,
            is_paid: false,
            payment_id: None,
            version: 1,
            created_at: 0,
            updated_at: 0,
        }
    }

    fn short() -> Take {
        Take::Short { available: 1 }
    }

    fn unknown() -> Take {
        Take::Broken(DaoError::Unknown { operation: "a take" }.into())
    }

    fn not_begun() -> Take {
        Take::Broken(ModelError::Overloaded("too many wait"))
    }

    #[test]
    fn an_order_is_confirmed_with_all_of_its_lines_or_refused_for_what_is_certain() {
        let told = |takes: Vec<Take>| match verdict(&order(takes.len()), takes) {
            Verdict::Confirm => "confirm".to_owned(),
            Verdict::GivenUp => "given up".to_owned(),
            Verdict::Refuse(ModelError::Short(short)) => {
                short.iter().map(|short| short.pointer.as_ref()).collect::<Vec<_>>().join(" ")
            }
            Verdict::Refuse(ModelError::Conflict(violation)) => violation.code.into_owned(),
            Verdict::Refuse(error) => error.to_string(),
        };
        for (takes, expected) in [
            (vec![Take::Made, Take::Made], "confirm"),
            (vec![Take::Made, short(), short()], "/items/1 /items/2"),
            (vec![unknown(), short()], "/items/1"),
            (vec![Take::TooLarge, short()], "/items/1"),
            (vec![not_begun(), Take::TooLarge], "turnover_too_large"),
            (vec![Take::Made, not_begun(), unknown()], "too many wait"),
            (vec![short(), Take::GivenUp], "given up"),
        ] {
            let what = format!("{takes:?}");
            assert_eq!(told(takes), expected, "{what}");
        }
    }

    #[test]
    fn what_may_be_made_is_given_back_and_of_a_request_that_others_try_everything() {
        let takes = [Take::Made, short(), unknown(), not_begun(), Take::TooLarge];
        let order = order(takes.len());
        let given =
            |fresh| -> Vec<u128> { to_give_back(&order, &takes, fresh).into_iter().map(|id| id.as_u128()).collect() };
        assert_eq!((given(true), given(false)), (vec![0, 2], vec![0, 1, 2, 3, 4]));
    }
}
