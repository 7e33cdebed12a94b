//! Payments: each is written once, and what was written first stays.

use uuid::Uuid;

use super::cx;
use crate::dao::Daos;
use crate::dao::payments::{Payment, READ_MAX};

pub async fn hold(daos: &Daos) {
    a_payment_is_kept_as_it_was_told_first(daos).await;
    many_at_once_are_all_kept(daos).await;
}

fn payment(id: &str, at: i64) -> Payment {
    Payment { id: id.to_owned(), at: Some(at), amount: 2103, by: Some("payment.card".into()) }
}

async fn a_payment_is_kept_as_it_was_told_first(daos: &Daos) {
    let (order, other) = (Uuid::now_v7(), Uuid::now_v7());
    assert_eq!(daos.payments.of(&cx(), order).await, Ok(Vec::new()));
    let (first, second) = (payment("P-1", 1), payment("P-2", 2));
    for told in [&first, &second, &Payment { at: Some(9), amount: 1, by: None, ..first.clone() }] {
        daos.payments.keep(&cx(), order, told).await.unwrap();
    }
    daos.payments.keep(&cx(), other, &payment("P-1", 5)).await.unwrap();
    assert_eq!(daos.payments.of(&cx(), order).await, Ok(vec![first, second]));
    assert_eq!(daos.payments.of(&cx(), other).await, Ok(vec![payment("P-1", 5)]));
}

async fn many_at_once_are_all_kept(daos: &Daos) {
    let order = Uuid::now_v7();
    let told: Vec<Payment> = (0..12).map(|at| payment(&format!("P-{at:02}"), at)).collect();
    let kept = told.iter().chain(&told).map(|payment| async { daos.payments.keep(&cx(), order, payment).await });
    futures::future::try_join_all(kept).await.unwrap();
    assert_eq!(daos.payments.of(&cx(), order).await, Ok(told));
    for at in 0..READ_MAX {
        daos.payments.keep(&cx(), order, &payment(&format!("Q-{at:03}"), 0)).await.unwrap();
    }
    assert_eq!(daos.payments.of(&cx(), order).await.map(|kept| kept.len()), Ok(READ_MAX), "a list is bounded");
}
