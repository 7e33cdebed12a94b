use std::time::Duration;

use super::*;
use crate::app::Services;
use crate::dao::Daos;
use crate::dao::idempotency::KEPT_SECONDS;
use crate::dao::memory;
use crate::models::Identity;
use crate::models::clock::Clock;
use crate::models::cursor::CursorKey;
use crate::models::figures::Figures;
use crate::models::idempotency::Turn;
use crate::models::order::Draft;
use crate::models::precondition::Condition;
use crate::models::stocks::Adjustment;

/// How long a request lives at most.
const LEASE: i64 = 10_000;

fn cx() -> Context {
    Context::within(Duration::from_secs(5))
}

/// When no request of now can be running any more.
fn later() -> Context {
    Context { now_ms: crate::dao::now_ms() + LEASE + 1, ..cx() }
}

fn process(daos: &Daos) -> Services {
    let cursors = CursorKey::new(b"0123456789abcdef");
    Services::new(daos.clone(), &cursors, LEASE, None, Figures::unseen(), Clock::default())
}

/// A key that a request has claimed.
async fn claimed(shop: &Services, request: Keyed, key: &str, identity: Identity) -> Identity {
    let scope = request.scope(Some("ana"));
    match shop.idempotency.begin(&cx(), &scope, key, b"{}", identity).await.unwrap() {
        Turn::Work(claimed) => claimed.identity,
        Turn::Replay(answer) => panic!("{answer:?}"),
    }
}

async fn became(shop: &Services, cx: &Context, key: &str) -> Vec<(Keyed, Became)> {
    let sent = shop.operations.find(cx, Some("ana"), key).await.unwrap();
    sent.into_iter().map(|sent| (sent.request, sent.became)).collect()
}

fn done(location: String, etag: Option<&str>) -> Became {
    Became::Done { location: Some(location), etag: etag.map(str::to_owned) }
}

async fn product(shop: &Services) -> Uuid {
    let draft = crate::models::product::Draft {
        sku: Uuid::new_v4().to_string(),
        name: "Tea".into(),
        price: crate::models::Price::new(1050, 2).unwrap(),
        brand: None,
        description: None,
        category: None,
        low_stock: None,
    };
    let id = Uuid::now_v7();
    let product = draft.into_product(id, 0);
    shop.operations.products.insert(&cx(), &product, Uuid::new_v4()).await.unwrap();
    let set = shop.stocks.set(&cx(), id, 5, Condition::default(), Identity::about(id)).await;
    set.unwrap();
    id
}

/// An adjustment that a process claimed and then made, or died before it did.
#[tokio::test]
async fn of_a_change_without_an_answer_its_movement_tells() {
    let daos = memory::daos();
    let shop = process(&daos);
    let product = product(&shop).await;
    for is_made in [true, false] {
        let key = format!("key {is_made}");
        let identity = claimed(&shop, Keyed::Adjustments, &key, Identity::about(product)).await;
        assert_eq!(became(&shop, &cx(), &key).await, [(Keyed::Adjustments, Became::UnderWay)]);
        if is_made {
            let adjustment = Adjustment { delta: -1, reason: None, reference: None };
            shop.stocks.adjust(&cx(), product, adjustment, Condition::default(), identity).await.unwrap();
        }
        let expected = if is_made { done(format!("/stocks/{product}"), Some("\"2\"")) } else { Became::NotDone };
        assert_eq!(became(&process(&daos), &later(), &key).await, [(Keyed::Adjustments, expected)]);
    }
    // As a process of the version before claimed it: it does not say for which product.
    claimed(&shop, Keyed::Stocks, "old", Identity::generate()).await;
    assert_eq!(became(&shop, &later(), "old").await, [(Keyed::Stocks, Became::Unknown)]);
}

#[tokio::test]
async fn of_an_order_without_an_answer_the_order_tells() {
    let daos = memory::daos();
    let shop = process(&daos);
    let product = product(&shop).await;
    let user = crate::models::User {
        id: Uuid::now_v7(),
        name: "Ana".into(),
        email: "ana@example.org".into(),
        version: 1,
        created_at: 0,
        updated_at: 0,
    };
    daos.users.insert(&cx(), &user, Uuid::new_v4()).await.unwrap();
    for is_made in [true, false] {
        let key = format!("key {is_made}");
        let identity = claimed(&shop, Keyed::Orders, &key, Identity::generate()).await;
        if is_made {
            let draft = Draft { user: user.id, items: vec![(product, 1)] };
            shop.orders.create(&cx(), draft, identity).await.unwrap();
        }
        let expected = if is_made { done(format!("/orders/{}", identity.resource), None) } else { Became::NotDone };
        assert_eq!(became(&process(&daos), &later(), &key).await, [(Keyed::Orders, expected)]);
    }
}

#[tokio::test]
async fn a_key_tells_of_each_request_that_was_sent_with_it_for_a_day_and_only_to_whom_it_belongs() {
    let daos = memory::daos();
    let shop = process(&daos);
    claimed(&shop, Keyed::Products, "key", Identity::generate()).await;
    assert_eq!(became(&shop, &later(), "key").await, [(Keyed::Products, Became::NotDone)]);
    claimed(&shop, Keyed::Users, "key", Identity::generate()).await;
    let both = became(&shop, &later(), "key").await;
    assert_eq!(both, [(Keyed::Products, Became::NotDone), (Keyed::Users, Became::NotDone)]);
    for by in [None, Some("bob"), Some("ana POST")] {
        assert_eq!(shop.operations.find(&later(), by, "key").await.unwrap(), [], "{by:?}");
    }
    assert_eq!(became(&shop, &later(), "another").await, []);
    let next_day = Context { now_ms: later().now_ms + i64::from(KEPT_SECONDS) * 1000, ..cx() };
    assert_eq!(became(&shop, &next_day, "key").await, []);
}
