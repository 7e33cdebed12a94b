//! Webhooks of two processes over one store, and an address that takes events or does not.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::event::{LOW, threshold};
use super::send::signature;
use super::settings::keys;
use super::*;
use crate::dao::ledger::Account;
use crate::dao::{Context, memory};
use crate::models::changes;
use crate::models::clock::Clock;
use crate::models::ledger::{Change as Moved, Outcome, Want};
use crate::models::lines::Lines;
use crate::models::precondition::Condition;

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn change(kind: Kind, what: &str, quantity: Option<i64>, delta: Option<i64>) -> Change {
    Change { kind, id: Uuid::from_u128(7), version: 3, at: 1_764_000_000_000, what: what.into(), quantity, delta }
}

#[test]
fn a_message_is_signed_as_the_standard_says() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hook");
    std::fs::write(&path, format!("{KEY}\n")).unwrap();
    let [key] = <[Vec<u8>; 1]>::try_from(keys(&path).unwrap()).unwrap();
    // The example of the standard's own libraries.
    let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
    assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
}

/// A product whose stock is low below so many units.
fn product(threshold: i32) -> crate::models::Product {
    let draft = crate::models::product::Draft {
        sku: "TEA".into(),
        name: "Tea".into(),
        price: crate::dao::price::Price::new(1050, 2).unwrap(),
        brand: None,
        description: None,
        category: None,
        low_stock: Some(threshold),
    };
    draft.into_product(Uuid::now_v7(), now_ms())
}

#[test]
fn orders_and_the_change_that_crosses_a_threshold_are_events() {
    for (change, threshold, name) in [
        (change(Kind::Order, "confirmed", None, None), None, Some("order.confirmed")),
        (change(Kind::Order, "paid", None, None), None, Some("order.paid")),
        (change(Kind::Order, "cancelled", None, None), None, Some("order.cancelled")),
        (change(Kind::Order, "fulfilled", None, None), None, None),
        (change(Kind::Stock, "order", Some(4), Some(-2)), Some(5), Some(LOW)),
        (change(Kind::Stock, "order", Some(5), Some(-2)), Some(5), None),
        (change(Kind::Stock, "order", Some(2), Some(-2)), Some(5), None),
        (change(Kind::Stock, "order", Some(4), Some(-2)), None, None),
        (change(Kind::Product, "created", None, None), Some(5), None),
    ] {
        let event = Event::of(&change, threshold);
        assert_eq!(event.as_ref().map(|event| event.name), name, "{change:?}");
        if let Some(event) = event {
            let body: serde_json::Value = serde_json::from_str(&event.body).unwrap();
            assert_eq!((&body["type"], &body["data"]["version"]), (&event.name.into(), &3.into()));
            assert_eq!(Event::of(&change, threshold).unwrap().id, event.id);
        }
    }
    let mut product = product(5);
    let crossed = change(Kind::Stock, "order", Some(4), Some(-2));
    let told = |product: &crate::models::Product| Event::of(&crossed, threshold(product)).map(|event| event.name);
    assert_eq!(told(&product), Some(LOW));
    product.low_stock = None;
    assert_eq!(told(&product), None, "nobody has said when it is low");
}

#[test]
fn webhooks_that_cannot_be_used_are_told_before_anything_starts() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("erp"), KEY).unwrap();
    std::fs::write(directory.path().join("short"), "whsec_c2hvcnQ=").unwrap();
    let of = |text: &str| read(text, Some(directory.path()));
    let fine = r#"[{"name":"erp","url":"https://erp.example.org/in","events":["order.paid","stock.low"]}]"#;
    assert_eq!(of(fine).unwrap().len(), 1);
    assert_eq!(read(fine, None), Err(WebhooksError::NoKeys));
    for (text, says) in [
        ("{}", "no JSON list"),
        (r#"[{"name":"erp","url":"https://a.b"}]"#, "missing field `events`"),
        (r#"[{"name":"Erp","url":"https://a.b","events":["order.paid"]}]"#, "small letters"),
        (r#"[{"name":"erp","url":"ftp://a.b","events":["order.paid"]}]"#, "not an address"),
        (r#"[{"name":"erp","url":"http://a.b","events":["order.paid"]}]"#, "allow_http"),
        (r#"[{"name":"erp","url":"https://a.b","events":[]}]"#, "no events"),
        (r#"[{"name":"erp","url":"https://a.b","events":["order.made"]}]"#, "there are stock.low"),
        (r#"[{"name":"none","url":"https://a.b","events":["order.paid"]}]"#, "none"),
        (r#"[{"name":"short","url":"https://a.b","events":["order.paid"]}]"#, "5 bytes"),
    ] {
        let told = of(text).unwrap_err().to_string();
        assert!(told.contains(says), "{text}: {told}");
    }
}

/// An address that answers with these statuses, one after the other and the last for good, and what it was sent.
async fn address(statuses: &'static [u16]) -> (String, Arc<Mutex<Vec<String>>>) {
    slow_address(statuses, Duration::ZERO).await
}

/// The same, which takes so long for each answer.
async fn slow_address(statuses: &'static [u16], pause: Duration) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    let sent = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&sent);
    tokio::spawn(async move {
        for at in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = Vec::new();
            let mut some = [0; 4096];
            while !String::from_utf8_lossy(&text).ends_with("}}") {
                match stream.read(&mut some).await {
                    Ok(0) | Err(_) => break,
                    Ok(read) => text.extend_from_slice(&some[..read]),
                }
            }
            tokio::time::sleep(pause).await;
            let status = statuses[at.min(statuses.len() - 1)];
            seen.lock().unwrap().push(String::from_utf8(text).unwrap());
            let answer =
                format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\nlocation: /\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (url, sent)
}

fn process(daos: &crate::dao::Daos) -> Changes {
    let of_feed = changes::Daos {
        changes: Arc::clone(&daos.changes),
        ledger: Arc::clone(&daos.ledger),
        products: Arc::clone(&daos.products),
    };
    Changes::new(of_feed, Clock::default())
}

fn order(status: crate::dao::orders::Status) -> crate::dao::orders::Order {
    crate::dao::orders::Order {
        id: Uuid::now_v7(),
        user: Uuid::now_v7(),
        status,
        lines: Vec::new(),
        total: 0,
        is_paid: false,
        payment_id: None,
        version: 1,
        created_at: now_ms(),
        updated_at: now_ms(),
    }
}

#[tokio::test]
async fn of_two_processes_one_sends_each_event_again_until_it_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("erp"), KEY).unwrap();
    let (url, sent) = address(&[500, 302, 204]).await;
    let text = format!(r#"[{{"name":"erp","url":"{url}","events":["order.confirmed"],"allow_http":true}}]"#);
    let webhooks = read(&text, Some(directory.path())).unwrap();
    let daos = memory::daos();
    let figures = Figures::register(&Catalogue::new()).unwrap();
    let processes = [process(&daos), process(&daos)];
    let _tasks = [processes[0].start(), processes[1].start()];
    let _senders = [0, 1].map(|at: usize| Webhooks::start(&webhooks, &processes[at], &figures));
    // One of them has it, and begins at the end of the feed.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let claimed = daos.changes.claim(&Context::within(Duration::from_secs(5)), "webhook erp", Uuid::new_v4(), 1).await;
    assert_eq!(claimed, Ok(None));
    let confirmed = order(crate::dao::orders::Status::Confirmed);
    processes[1].order(&order(crate::dao::orders::Status::Paid));
    processes[1].order(&confirmed);
    let delivered = figures.sent.with_label_values(&["erp", "delivered"]);
    let until = Instant::now() + Duration::from_secs(20);
    while delivered.get() == 0 {
        assert!(Instant::now() < until, "{sent:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let sent = sent.lock().unwrap().clone();
    assert_eq!(sent.len(), 3, "{sent:?}");
    let id = format!("webhook-id: order.confirmed_{}_1", confirmed.id);
    for one in &sent {
        assert!(
            one.starts_with("POST /in HTTP/1.1\r\n") && one.contains(&id) && one.contains("webhook-signature: v1,")
        );
    }
    assert_eq!(figures.sent.with_label_values(&["erp", "failed"]).get(), 2);
}

#[tokio::test]
async fn a_stock_that_falls_below_the_threshold_of_its_product_is_told_each_time_that_it_falls() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("erp"), KEY).unwrap();
    let (url, sent) = address(&[204]).await;
    let text = format!(r#"[{{"name":"erp","url":"{url}","events":["stock.low"],"allow_http":true}}]"#);
    let webhooks = read(&text, Some(directory.path())).unwrap();
    let daos = memory::daos();
    let figures = Figures::register(&Catalogue::new()).unwrap();
    let changes = process(&daos);
    let _task = changes.start();
    let (known, unknown) = (product(5), Uuid::now_v7());
    daos.products.insert(&Context::within(Duration::from_secs(5)), &known, Uuid::new_v4()).await.unwrap();
    // From the beginning of the feed on, whenever it comes to be sent.
    let (reader, nobody) = ("webhook erp", Uuid::new_v4());
    assert!(changes.claim(reader, nobody, 60).await.unwrap().is_some());
    assert!(changes.advance(reader, nobody, 0, "0-0".parse().unwrap()).await.unwrap());
    let _sender = Webhooks::start(&webhooks, &changes, &figures);
    let lines = Lines::new(Arc::clone(&daos.ledger), crate::models::figures::Figures::unseen());
    let lines = lines.telling(changes.clone());
    for change in [Moved::Set { quantity: 10 }, add(-4), add(-2), add(-1), Moved::Set { quantity: 9 }, add(-7)] {
        for stock in [known.id, unknown] {
            let want = Want {
                id: Uuid::new_v4(),
                change: change.clone(),
                condition: Condition::default(),
                reason: None,
                reference: None,
                fresh: true,
                by: None,
            };
            let settled = lines.change(&Context::within(Duration::from_secs(5)), Account::stock(stock), want).await;
            assert!(matches!(settled.unwrap().outcome, Outcome::Made(_)));
        }
    }
    let delivered = figures.sent.with_label_values(&["erp", "delivered"]);
    let until = Instant::now() + Duration::from_secs(20);
    while delivered.get() < 2 {
        assert!(Instant::now() < until, "{sent:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let sent = sent.lock().unwrap().clone();
    assert_eq!(sent.len(), 2, "{sent:?}");
    for (one, version) in sent.iter().zip([3, 6]) {
        assert!(one.contains(&format!("webhook-id: stock.low_{}_{version}", known.id)), "{one}");
    }
}

#[tokio::test]
async fn a_batch_that_takes_longer_than_a_claim_holds_is_sent_once_and_gone_on_from() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("erp"), KEY).unwrap();
    let (url, sent) = slow_address(&[204], Duration::from_millis(200)).await;
    let text = format!(r#"[{{"name":"erp","url":"{url}","events":["order.confirmed"],"allow_http":true}}]"#);
    let [webhook] = <[Webhook; 1]>::try_from(read(&text, Some(directory.path())).unwrap()).unwrap();
    let changes = process(&memory::daos());
    let _task = changes.start();
    let figures = Figures::register(&Catalogue::new()).unwrap();
    let worker = |owner| Worker {
        webhook: webhook.clone(),
        changes: changes.clone(),
        figures: figures.clone(),
        owner,
        hold: Hold { seconds: 1, say_every: Duration::from_millis(300) },
    };
    let nobody = Uuid::new_v4();
    assert!(changes.claim("webhook erp", nobody, 60).await.unwrap().is_some());
    assert!(changes.advance("webhook erp", nobody, 0, "0-0".parse().unwrap()).await.unwrap());
    // One entry: they are told together.
    for _ in 0..12 {
        changes.order(&order(crate::dao::orders::Status::Confirmed));
    }
    changes.flush().await.unwrap();
    let took = Instant::now();
    let turns = async {
        loop {
            worker(Uuid::new_v4()).turn().await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let delivered = figures.sent.with_label_values(&["erp", "delivered"]);
    let all = async {
        while delivered.get() < 12 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(took.elapsed() > Duration::from_secs(2), "longer than the claim holds");
        // Long enough for them to be sent again.
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    tokio::select! {
        () = turns => {}
        () = all => {}
    }
    assert_eq!(sent.lock().unwrap().len(), 12);
}

fn add(delta: i64) -> Moved {
    Moved::Add { delta }
}
