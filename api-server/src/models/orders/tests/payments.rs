//! Payments through crashes: none is lost, and which one counts is told.

use super::*;
use crate::models::payments::Paid;

fn pays(payment: &str) -> Change {
    Change { is_paid: Some(true), payment_id: Some(payment.into()), fulfilled: false }
}

fn ids(paid: &Paid) -> Vec<&str> {
    paid.payments.iter().map(|payment| payment.id.as_str()).collect()
}

#[tokio::test]
async fn wherever_a_process_dies_its_payment_is_kept_and_said_again_it_counts_once() {
    for writes in 0.. {
        for done in [false, true] {
            let shop = Shop::open(1).await;
            let (order, _) = shop.process().create(&cx(), shop.draft(&[2]), Identity::generate()).await.unwrap();
            let life = Life::of(writes, done);
            let first = shop.mortal(&life).change(&cx(), order.id, &Condition::default(), &pays("P-1")).await;
            let (Some((seen, paid)), _) = shop.process().find(&cx(), order.id).await.unwrap() else { panic!() };
            assert_eq!((ids(&paid), paid.refund_due), (vec!["P-1"], false), "{writes} {done}");
            assert!(seen.is_paid || first.is_err(), "{writes} {done}: who is told so can rely on it");
            let again = shop.process().change(&cx(), order.id, &Condition::default(), &pays("P-1")).await.unwrap();
            assert!(again.0.is_paid);
            let paid = shop.process().paid(&cx(), &again.0).await;
            assert_eq!((ids(&paid), paid.refund_due), (vec!["P-1"], false), "{writes} {done}");
            if !life.is_over() {
                assert!(writes > 0, "a payment writes something");
                return;
            }
        }
    }
}

#[tokio::test]
async fn of_two_payments_one_counts_and_the_other_is_to_be_paid_back() {
    let shop = Shop::open(1).await;
    let (order, _) = shop.process().create(&cx(), shop.draft(&[2]), Identity::generate()).await.unwrap();
    let pay = async |payment: &'static str| {
        shop.process().change(&cx(), order.id, &Condition::default(), &pays(payment)).await
    };
    let (one, other) = tokio::join!(pay("P-1"), pay("P-2"));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    let (Some((seen, paid)), _) = shop.process().find(&cx(), order.id).await.unwrap() else { panic!() };
    let counts = if one.is_ok() { ["P-1", "P-2"] } else { ["P-2", "P-1"] };
    assert_eq!((ids(&paid), paid.refund_due, seen.payment_id.as_deref()), (counts.to_vec(), true, Some(counts[0])));
    assert!(paid.payments.iter().all(|payment| payment.amount == order.total && payment.at.is_some()));
}

#[tokio::test]
async fn a_payment_of_an_order_that_nobody_knows_is_not_kept() {
    let shop = Shop::open(1).await;
    let unknown = Uuid::now_v7();
    let told = shop.process().change(&cx(), unknown, &Condition::default(), &pays("P-1")).await;
    assert!(matches!(told, Err(ModelError::NotFound(_))), "{told:?}");
    assert_eq!(shop.daos.payments.of(&cx(), unknown).await, Ok(Vec::new()));
}
