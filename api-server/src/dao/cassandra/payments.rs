//! Payments in Cassandra: a partition an order, a row a payment, written by LWT only so that the first stays.

use std::sync::Arc;

use async_trait::async_trait;
use scylla::value::{CqlTimestamp, MaybeUnset};
use uuid::Uuid;

use super::StartError;
use super::execute::{Database, Statement};
use super::products::broken;
use super::tries::decide;
use crate::dao::payments::{Payment, PaymentDao, READ_MAX};
use crate::dao::{Context, DaoError};

/// See the module.
pub struct CassandraPayments {
    database: Arc<Database>,
    keep: Statement,
    of: Statement,
}

impl CassandraPayments {
    /// Prepares every statement.
    pub async fn prepare(database: Arc<Database>) -> Result<Self, StartError> {
        let table = "order_payments";
        let keep = "INSERT INTO {ks}.order_payments (order_id, payment_id, at, amount, told_by) VALUES (?, ?, ?, ?, ?) \
             IF NOT EXISTS";
        let of = format!(
            "SELECT payment_id, at, amount, told_by FROM {{ks}}.order_payments WHERE order_id = ? LIMIT {READ_MAX}"
        );
        Ok(Self {
            keep: database.conditional("INSERT", table, keep).await?,
            of: database.plain("SELECT", table, &of).await?,
            database,
        })
    }
}

#[async_trait]
impl PaymentDao for CassandraPayments {
    async fn keep(&self, cx: &Context, order: Uuid, payment: &Payment) -> Result<(), DaoError> {
        // A null would be a tombstone; the row is new.
        let by = payment.by.as_deref().map_or(MaybeUnset::Unset, MaybeUnset::Set);
        let values = (order, &payment.id, payment.at.map(CqlTimestamp), payment.amount, by);
        decide!(cx, "keeping of a payment", _unsure => {
            // Not applied: it is there.
            self.database.cas(cx, &self.keep, &values).await.map(|_| ())
        })
    }

    async fn of(&self, cx: &Context, order: Uuid) -> Result<Vec<Payment>, DaoError> {
        let result = self.database.run(cx, &self.of, &(order,)).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let mut payments = Vec::with_capacity(rows.rows_num());
        for row in rows.rows::<(String, Option<CqlTimestamp>, Option<i64>, Option<&str>)>().map_err(broken)? {
            let (id, at, amount, by) = row.map_err(broken)?;
            let amount = amount.ok_or_else(|| broken(format!("a payment of order {order} has no amount")))?;
            payments.push(Payment { id, at: at.map(|at| at.0), amount, by: by.map(Arc::from) });
        }
        Ok(payments)
    }
}
