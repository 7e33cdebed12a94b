//! Who is ahead: which accounts may have changed since they were ranked, and classes of nearly equal turnover, so that an
//! account moves some dozens of times however often its turnover grows. No IO.

use async_trait::async_trait;

use super::ledger::Account;
use super::{Context, DaoError};

/// An account whose turnover of a day, in days since 1970, has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Turned {
    pub account: Account,
    pub day: i32,
}

/// Tells which accounts may have changed since they were ranked.
#[async_trait]
pub trait Unranked: Send + Sync {
    /// All of them whose orders were answered before the call: an order that is not told of was ranked before it.
    async fn unranked(&self, cx: &Context) -> Result<Vec<Turned>, DaoError>;
}

/// Those that are known to somebody.
#[async_trait]
impl Unranked for Vec<Turned> {
    async fn unranked(&self, _cx: &Context) -> Result<Self, DaoError> {
        Ok(self.clone())
    }
}

/// Classes between a turnover and its double.
const PER_DOUBLE: i64 = 16;

/// Above any class.
pub const TOP_CLASS: i64 = PER_DOUBLE * 64;

/// The class of a turnover; 0 belongs to none.
pub fn class_of(turnover: i64) -> Option<i64> {
    let turnover = u64::try_from(turnover).ok().filter(|turnover| *turnover > 0)?;
    let exponent = i64::from(turnover.ilog2());
    // The four bits after the leading one.
    let aligned = turnover << turnover.leading_zeros();
    let fraction = i64::try_from((aligned << 1) >> 60).unwrap_or(0);
    Some(exponent * PER_DOUBLE + fraction)
}

/// The least turnover that lies above a class: no member of it or of one below reaches it.
pub fn bound_of(class: i64) -> i64 {
    let (exponent, fraction) = ((class + 1) / PER_DOUBLE, (class + 1) % PER_DOUBLE);
    let bound = (i128::from(PER_DOUBLE + fraction) << exponent).div_euclid(i128::from(PER_DOUBLE));
    // Rounded up for small turnovers, which do not fill their classes.
    let exact = (i128::from(PER_DOUBLE + fraction) << exponent) % i128::from(PER_DOUBLE) == 0;
    i64::try_from(bound + i128::from(!exact)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_has_no_class_and_small_turnovers_have_classes_of_their_own() {
        assert_eq!((class_of(0), class_of(-5)), (None, None));
        for turnover in 1..32 {
            assert!(class_of(turnover) < class_of(turnover + 1), "{turnover}");
            assert_eq!(bound_of(class_of(turnover).unwrap()), turnover + 1);
        }
        assert!(class_of(i64::MAX).unwrap() < TOP_CLASS);
    }

    proptest! {
        #[test]
        fn classes_ascend_and_a_bound_lies_above_its_class_alone(one in 1_i64.., other in 1_i64..) {
            let (low, high) = (one.min(other), one.max(other));
            prop_assert!(class_of(low) <= class_of(high));
            let class = class_of(low).unwrap();
            let bound = bound_of(class);
            prop_assert!(low < bound || bound == i64::MAX);
            prop_assert!(bound == i64::MAX || class_of(bound) > Some(class));
            prop_assert_eq!(class_of(bound - 1), Some(class));
        }
    }
}
