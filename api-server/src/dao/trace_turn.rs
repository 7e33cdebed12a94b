//! Whose statement Cassandra traces: of one request of the process at a time, and of that one statement. A trace is a
//! session and some twenty rows of events in Cassandra, so what a request may ask for is bounded whatever it reads. No IO.

use std::sync::atomic::{AtomicU64, Ordering};

/// Nobody's turn.
const FREE: u64 = 0;
/// Set beside a request's number once its statement was sent.
const SPENT: u64 = 1 << 63;

static NOW: AtomicU64 = AtomicU64::new(FREE);
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Held by the one request that may have a statement traced, until it is answered.
#[derive(Debug)]
pub struct TraceTurn(u64);

impl TraceTurn {
    /// The turn, unless another request has it.
    pub fn enter() -> Option<Self> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let entered = NOW.compare_exchange(FREE, number, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        // Made only then: dropping one gives the turn free.
        entered.then(|| Self(number))
    }

    /// What the request's contexts carry.
    pub const fn ask(&self) -> TraceAsk {
        TraceAsk(self.0)
    }
}

impl Drop for TraceTurn {
    fn drop(&mut self) {
        NOW.store(FREE, Ordering::SeqCst);
    }
}

/// A wish for a trace. Its copies are one wish: whoever takes it first has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceAsk(u64);

impl TraceAsk {
    /// No trace is wanted.
    pub const NONE: Self = Self(FREE);

    /// The wish of the request whose turn it is.
    pub fn of_turn() -> Self {
        let now = NOW.load(Ordering::SeqCst);
        Self(if now & SPENT == 0 { now } else { FREE })
    }

    /// Whether a trace is wanted; it may have been taken by now.
    pub const fn is_wanted(self) -> bool {
        self.0 != FREE
    }

    /// True once, and only while the request is not answered.
    pub fn take(self) -> bool {
        self.is_wanted() && NOW.compare_exchange(self.0, self.0 | SPENT, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

/// Whether Cassandra may keep what a statement binds, as it does for a day of one that it traces: nothing of the people
/// that the store knows, and no text that is free. Reads bind keys, and those of users' tables are addresses.
pub fn may_be_kept(operation: &str, table: &str) -> bool {
    let of_people = table.starts_with("user") || table == "idempotency_keys";
    !of_people && (operation.ends_with("SELECT") || table.starts_with("product"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The turn is one for the whole process, which the tests share.
    fn turn() -> TraceTurn {
        loop {
            if let Some(turn) = TraceTurn::enter() {
                return turn;
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn of_one_request_at_a_time_one_statement_is_traced_however_often_its_context_was_copied() {
        let first = turn();
        let ask = TraceAsk::of_turn();
        assert_eq!(ask, first.ask());
        assert!(TraceTurn::enter().is_none(), "another request waits");
        let copy = ask;
        assert!(copy.take());
        assert!(!ask.take() && !copy.take(), "of ten thousand reads one is traced");
        assert_eq!(TraceAsk::of_turn(), TraceAsk::NONE);
        drop(first);
        let second = turn();
        assert!(!ask.take(), "what an answered request left behind takes nobody's trace");
        assert!(second.ask().take());
        assert!(!TraceAsk::NONE.take());
    }

    #[test]
    fn no_statement_is_traced_that_binds_names_addresses_or_free_text() {
        for (operation, table) in [
            ("INSERT", "users"),
            ("UPDATE", "users"),
            ("SELECT", "user_emails"),
            ("INSERT", "user_intents"),
            ("INSERT", "users_by_time"),
            ("INSERT", "idempotency_keys"),
            ("INSERT", "orders"),
            ("UPDATE", "ledgers"),
            ("INSERT", "ledger_history"),
        ] {
            assert!(!may_be_kept(operation, table), "{operation} {table}");
        }
        for (operation, table) in [
            ("SELECT", "products"),
            ("SERIAL SELECT", "ledgers"),
            ("SELECT", "orders"),
            ("UPDATE", "products"),
            ("INSERT", "product_skus"),
        ] {
            assert!(may_be_kept(operation, table), "{operation} {table}");
        }
    }
}
