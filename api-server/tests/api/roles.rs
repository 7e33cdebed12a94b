//! The table endpoint × role, compared with the OpenAPI document and tried cell by cell.

use std::collections::BTreeSet;

use http::Method;
use store_api::auth::Gate;
use store_api::auth::roles::{Role, Who, cells, who};
use store_api::auth::tokens::Tokens;
use store_api::models::TraceTurn;
use store_api::openapi;
use store_api::route::Route;

use super::client::Store;

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "patch", "trace"];

/// The token of a role in these tests.
pub fn token_of(role: Role) -> String {
    format!("secret-of-the-{}", role.name())
}

/// A store that knows one token for each role.
pub fn guarded() -> Store {
    let directory = tempfile::tempdir().unwrap();
    for role in Role::ALL {
        std::fs::write(directory.path().join(role.name()), token_of(role)).unwrap();
    }
    Store::behind(Gate::Tokens(Tokens::read(directory.path()).unwrap()))
}

/// Every operation of the document: path, method, roles (`None` for everybody).
fn documented() -> Vec<(String, String, Option<Vec<String>>)> {
    let document: serde_json::Value = serde_json::from_str(&openapi::text(true)).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            let roles = operation.get("x-roles").map(|roles| serde_json::from_value(roles.clone()).unwrap());
            assert_eq!(roles.is_some(), operation.get("security").is_some(), "{method} {path}");
            for status in ["401", "403"] {
                let told = operation["responses"].get(status).is_some();
                assert_eq!(roles.is_some(), told, "{method} {path} {status}");
            }
            found.push((path.clone(), method.to_uppercase(), roles));
        }
    }
    found
}

#[test]
fn every_operation_of_the_document_has_its_cell_and_every_cell_its_operation() {
    let table: BTreeSet<(String, String)> = Route::ALL
        .into_iter()
        .filter(|route| {
            !matches!(route, Route::Docs | Route::DocsFile) && !route.is_of_console() && !route.is_of_operations()
        })
        .flat_map(|route| cells(route).iter().map(move |cell| (route.pattern().to_owned(), cell.method.to_owned())))
        .collect();
    let operations: BTreeSet<(String, String)> =
        documented().into_iter().map(|(path, method, _)| (path, method)).collect();
    assert_eq!(table, operations);
}

#[test]
fn the_document_names_the_roles_of_each_cell() {
    for (path, method, roles) in documented() {
        let route = Route::of(&path);
        let expected = match who(route, &Method::from_bytes(method.as_bytes()).unwrap()).unwrap() {
            Who::Anybody => None,
            Who::Roles(allowed) => {
                let allowed = Role::ALL.into_iter().filter(|role| allowed[*role as usize]);
                Some(allowed.map(|role| role.name().to_owned()).collect::<Vec<_>>())
            }
        };
        assert_eq!(roles, expected, "{method} {path}");
    }
}

#[tokio::test]
async fn every_cell_holds_for_every_role_and_for_nobody() {
    let store = guarded();
    let mut tried = 0;
    for (pattern, method, roles) in documented() {
        let unknown = "0190a0a0-0000-7000-8000-000000000000";
        let path = pattern.replace("{id}", unknown).replace("{product_id}", unknown).replace("{key}", unknown);
        let bare = store.call(&method, &path).send().await;
        assert_eq!(bare.status == 401, roles.is_some(), "{method} {path} without a token: {}", bare.status);
        if bare.status == 401 {
            assert_eq!(bare.header("www-authenticate"), Some("Bearer"), "{method} {path}");
            assert_eq!(bare.header("content-type"), Some("application/problem+json"));
        }
        for role in Role::ALL {
            let authorization = format!("Bearer {}", token_of(role));
            let answer = store.call(&method, &path).header("authorization", &authorization).send().await;
            let allowed = roles.as_ref().is_none_or(|roles| roles.iter().any(|name| name == role.name()));
            assert_ne!(answer.status, 401, "{method} {path} {role:?}");
            assert_eq!(answer.status != 403, allowed, "{method} {path} {role:?}: {}", answer.status);
            tried += 1;
        }
    }
    assert!(tried >= Role::ALL.len() * 20, "{tried}");
}

#[tokio::test]
async fn what_has_no_cell_is_refused_to_everybody_and_never_reaches_a_controller() {
    let store = guarded();
    let admin = format!("Bearer {}", token_of(Role::Admin));
    for (method, path, status) in [
        ("PUT", "/products", 405),
        ("DELETE", "/users", 405),
        ("OPTIONS", "/products", 204),
        ("BREW", "/users", 405),
        ("POST", "/livez", 405),
        ("GET", "/nowhere", 404),
        ("GET", "/products/", 404),
    ] {
        for token in [None, Some(&admin)] {
            let call = store.call(method, path);
            let call = if let Some(token) = token { call.header("authorization", token) } else { call };
            let answer = call.send().await;
            assert_eq!(answer.status.as_u16(), status, "{method} {path}");
            assert_eq!(answer.header("allow").is_some(), status != 404, "{method} {path}");
        }
    }
    let head = store.call("HEAD", "/products").send().await;
    assert_eq!(head.status, 401, "HEAD is GET without a body");
    assert_eq!(store.call("HEAD", "/products").header("authorization", &admin).send().await.status, 200);
}

#[tokio::test]
async fn a_refused_request_writes_nothing_and_an_admitted_one_is_done() {
    let store = guarded();
    let post = |role: Role| {
        let call = store.call("POST", "/products").header("authorization", &format!("Bearer {}", token_of(role)));
        call.json(r#"{"name":"a","sku":"b","price":1}"#).send()
    };
    for role in [Role::Director, Role::Supplier, Role::Payment, Role::Auditor] {
        let refused = post(role).await;
        assert_eq!(refused.status, 403, "{role:?}");
        assert!(refused.json()["detail"].as_str().unwrap().contains(role.name()));
        assert_eq!(refused.header("www-authenticate"), Some("Bearer error=\"insufficient_scope\""));
    }
    assert_eq!(post(Role::Seller).await.status, 201, "the sku was still free");
}

#[tokio::test]
async fn without_roles_everybody_may_do_everything_and_the_document_says_so() {
    let open = Store::new();
    assert_eq!(open.get("/products").await.status, 200);
    let told = |document: serde_json::Value| document["paths"]["/products"]["get"].get("security").is_some();
    assert!(!told(open.get("/openapi.json").await.json()));
    assert!(told(guarded().get("/openapi.json").await.json()));
}

#[tokio::test]
async fn a_trace_is_for_those_who_sell_or_run_the_store_and_one_at_a_time() {
    let store = guarded();
    let ask = |role: Role, path: &'static str| {
        let call = store.call("GET", path).header("authorization", &format!("Bearer {}", token_of(role)));
        call.header("cassandra-trace", "true").send()
    };
    for (role, path, status) in [
        (Role::Director, "/orders/reports/best-sellers?limit=100", 403),
        (Role::Supplier, "/stocks/reports/overview-stocks", 403),
        (Role::Auditor, "/products", 403),
        (Role::Seller, "/products", 200),
        (Role::Admin, "/products", 200),
    ] {
        // Another test of this process may have the turn.
        let mut answer = ask(role, path).await;
        while answer.status == 503 {
            answer = ask(role, path).await;
        }
        assert_eq!(answer.status, status, "{role:?} {path}: {}", answer.text());
    }
    let detail = ask(Role::Director, "/users").await.json()["detail"].clone();
    assert_eq!(detail, "a director may not ask for a trace, leave Cassandra-Trace out");
    let turn = loop {
        if let Some(turn) = TraceTurn::enter() {
            break turn;
        }
    };
    let busy = ask(Role::Admin, "/products").await;
    assert_eq!((busy.status.as_u16(), busy.header("retry-after")), (503, Some("1")), "{}", busy.text());
    assert!(busy.json()["type"].as_str().unwrap().ends_with(":trace_under_way"));
    drop(turn);
}

#[tokio::test]
async fn who_may_read_an_order_and_no_products_is_not_shown_them_beside_it() {
    let store = guarded();
    let call = |role: Role, method: &'static str, target: String| {
        store.call(method, &target).header("authorization", &format!("Bearer {}", token_of(role)))
    };
    let id = async |target: &str, body: String| {
        let made = call(Role::Admin, "POST", target.to_owned()).json(&body).send().await;
        assert!(made.status.is_success(), "{}", made.text());
        made.json()["id"].as_str().unwrap_or_default().to_owned()
    };
    let product = id("/products", r#"{"name":"Tea","sku":"TEA","price":1}"#.into()).await;
    id("/stocks", format!(r#"{{"product_id":"{product}","quantity":1}}"#)).await;
    let order = id("/orders", r#"{"user_id":null,"items":[{"sku":"TEA","quantity":1}]}"#.into()).await;
    for role in Role::ALL {
        let alone = call(role, "GET", format!("/orders/{order}")).send().await.status.as_u16();
        let beside = call(role, "GET", format!("/orders/{order}?expand=products")).send().await;
        let products = call(role, "GET", format!("/products/{product}")).send().await.status.as_u16();
        assert_eq!(beside.status.as_u16(), alone.max(products), "{role:?}: {}", beside.text());
    }
    let refused = call(Role::Payment, "GET", format!("/orders/{order}?expand=products")).send().await;
    assert_eq!((refused.status.as_u16(), refused.json()["detail"].as_str().unwrap().contains("expand")), (403, true));
}
