//! Payments in a map behind one lock: each call is atomic.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

use crate::dao::payments::{Payment, PaymentDao, READ_MAX};
use crate::dao::{Context, DaoError};

/// See the module.
#[derive(Debug, Default)]
pub struct MemoryPayments {
    rows: Mutex<BTreeMap<(Uuid, String), Payment>>,
}

#[async_trait]
impl PaymentDao for MemoryPayments {
    async fn keep(&self, _cx: &Context, order: Uuid, payment: &Payment) -> Result<(), DaoError> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.entry((order, payment.id.clone())).or_insert_with(|| payment.clone());
        Ok(())
    }

    async fn of(&self, _cx: &Context, order: Uuid) -> Result<Vec<Payment>, DaoError> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let of_order = rows.range((order, String::new())..).take_while(|((of, _), _)| *of == order);
        Ok(of_order.map(|(_, payment)| payment.clone()).take(READ_MAX).collect())
    }
}
