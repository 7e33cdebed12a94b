//! What browsers ask for: pages of other origins, packed answers, and a node that is chosen.

use std::io::Read as _;

use store_api::auth::roles::Role;
use store_api::cors::Origins;

use super::client::{Answer, Store};
use super::roles::{guarded, token_of};

const SHOP: &str = "https://shop.example.org";

fn read_by_shop(store: Store) -> Store {
    store.read_by(Origins::new(&[SHOP.parse().unwrap()]))
}

async fn from(store: &Store, method: &str, target: &str, origin: &str) -> Answer {
    store.call(method, target).header("origin", origin).header("access-control-request-method", "PATCH").send().await
}

#[tokio::test]
async fn a_page_of_a_named_origin_asks_first_and_reads_answers_and_errors() {
    let store = read_by_shop(guarded());
    let first = from(&store, "OPTIONS", "/products/x", SHOP).await;
    assert_eq!((first.status.as_u16(), first.header("access-control-allow-origin")), (204, Some(SHOP)));
    assert!(first.header("access-control-allow-methods").unwrap().contains("PATCH"));
    let sent = first.header("access-control-allow-headers").unwrap().to_lowercase();
    for name in ["authorization", "content-type", "if-match", "idempotency-key"] {
        assert!(sent.contains(name), "{name}");
    }
    for target in ["/products", "/nowhere"] {
        let refused = from(&store, "GET", target, SHOP).await;
        assert!(refused.status.is_client_error());
        assert_eq!(refused.header("access-control-allow-origin"), Some(SHOP), "{target}");
    }
    let token = format!("Bearer {}", token_of(Role::Admin));
    let read = store.call("GET", "/products").header("origin", SHOP).header("authorization", &token).send().await;
    assert_eq!((read.status.as_u16(), read.header("vary")), (200, Some("origin")));
    assert!(read.header("access-control-expose-headers").unwrap().contains("ETag"));
    assert_eq!(read.header("access-control-allow-credentials"), None);
}

#[tokio::test]
async fn other_origins_get_no_leave_and_without_named_ones_nothing_is_said_of_it() {
    let store = read_by_shop(Store::new());
    for other in
        ["https://evil.example", "https://shop.example.org.evil.example", "http://shop.example.org", "null", ""]
    {
        for method in ["OPTIONS", "GET"] {
            let answer = from(&store, method, "/products", other).await;
            assert_eq!(answer.header("access-control-allow-origin"), None, "{method} {other}");
            assert_eq!(answer.header("vary"), Some("origin"), "so that no cache gives it to the shop");
        }
    }
    let silent = from(&Store::new(), "OPTIONS", "/products", SHOP).await;
    assert_eq!((silent.status.as_u16(), silent.header("vary")), (204, None));
    assert!(silent.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
}

#[tokio::test]
async fn long_answers_come_packed_to_who_asks_for_it_and_are_the_same() {
    let store = Store::new();
    for at in 0..20 {
        store.created(&format!("s-{at}")).await;
    }
    for target in ["/products", "/openapi.json", "/docs/swagger-ui.css"] {
        let plain = store.get(target).await;
        assert_eq!(plain.header("content-encoding"), None, "{target}");
        let packed = store.call("GET", target).header("accept-encoding", "gzip, br").send().await;
        assert_eq!((packed.header("content-encoding"), packed.header("vary")), (Some("gzip"), Some("accept-encoding")));
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(&packed.body[..]).read_to_end(&mut bytes).unwrap();
        assert!(bytes == plain.body && packed.body.len() * 2 < bytes.len(), "{target}");
    }
    let one = store.created("one").await;
    let one = store.call("GET", &one).header("accept-encoding", "gzip").send().await;
    assert_eq!((one.header("content-encoding"), one.header("etag")), (None, Some("\"1\"")));
}

#[tokio::test]
async fn a_node_is_chosen_by_its_address_for_reads_by_who_may_know_of_nodes() {
    let store = guarded();
    let call = |role: Role, method: &'static str, target: &'static str, node: &'static str| {
        let token = format!("Bearer {}", token_of(role));
        store.call(method, target).header("authorization", &token).header("cassandra-coordinator", node).send()
    };
    assert_eq!(call(Role::Seller, "GET", "/products", "127.0.0.1").await.status, 200);
    for node in ["node-1", "", "127.0.0.1:9042"] {
        let refused = call(Role::Seller, "GET", "/products", node).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["errors"][0]["code"]), (400, &"not_an_address".into()));
    }
    let written = call(Role::Seller, "DELETE", "/products/0190a0a0-0000-7000-8000-000000000000", "127.0.0.1").await;
    assert_eq!((written.status.as_u16(), &written.json()["errors"][0]["code"]), (400, &"node_not_usable".into()));
    let outsider = call(Role::Supplier, "GET", "/stocks/reports/overview-stocks", "127.0.0.1").await;
    assert_eq!(outsider.status, 403);
}
