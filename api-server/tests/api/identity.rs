//! Issuers as they are: keys without names and several of them, roles at other places, documents that are not what
//! they should be; and what the store tells of it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use store_api::auth::Gate;
use store_api::auth::claims::RoleRule;
use store_api::auth::jwks::BETWEEN_FETCHES;
use store_api::auth::oidc::{Oidc, Trust};
use tokio::task::JoinHandle;

use super::client::{Answer, Store};
use super::tokens::{AUDIENCE, Signer, ask, is_401, now, of_no_known_key, trust};

const DISCOVERY: &str = "/realms/shop/.well-known/openid-configuration";

/// What is served at a path: a status, a place to go to, a body.
type Page = (u16, Option<&'static str>, String);

/// An issuer with a path, whose documents the test writes.
struct Issuer {
    url: String,
    pages: Arc<Mutex<HashMap<&'static str, Page>>>,
    asked: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Issuer {
    async fn new(keys: &[Value]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/realms/shop", listener.local_addr().unwrap());
        let pages: Arc<Mutex<HashMap<&'static str, Page>>> = Arc::default();
        let asked = Arc::new(AtomicUsize::new(0));
        let (served, count) = (Arc::clone(&pages), Arc::clone(&asked));
        let answer = async move |uri: Uri| -> Response {
            count.fetch_add(1, Ordering::SeqCst);
            let page = served.lock().unwrap().get(uri.path()).cloned();
            let (status, location, body) = page.unwrap_or((404, None, "not here".into()));
            let status = StatusCode::from_u16(status).unwrap();
            match location {
                Some(location) => (status, [(header::LOCATION, location)], body).into_response(),
                None => (status, body).into_response(),
            }
        };
        let router = Router::new().fallback(answer);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let issuer = Self { url, pages, asked, serving };
        let keys_url = issuer.url.replace("/realms/shop", "/keys");
        issuer.serve(DISCOVERY, &json!({"issuer": issuer.url, "jwks_uri": keys_url, "more": [1]}).to_string());
        issuer.keys(keys);
        issuer
    }

    fn serve(&self, path: &'static str, body: &str) {
        self.pages.lock().unwrap().insert(path, (200, None, body.to_owned()));
    }

    fn keys(&self, keys: &[Value]) {
        self.serve("/keys", &json!({"keys": keys}).to_string());
    }

    fn trust(&self) -> Trust {
        trust(&self.url, None)
    }

    fn store(&self, roles: RoleRule) -> Store {
        behind(Trust { roles, ..self.trust() })
    }

    fn claims(&self, more: &Value) -> String {
        let now = now();
        let mut claims =
            json!({"iss": self.url, "aud": AUDIENCE, "sub": "ana", "role": "seller", "iat": now, "exp": now + 300});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims.to_string()
    }
}

fn behind(trust: Trust) -> Store {
    Store::behind(Gate::Oidc(Box::new(Oidc::new(trust))))
}

async fn send(store: &Store, token: &str) -> Answer {
    ask(store, &[&format!("Bearer {token}")]).await
}

/// The clock alone: whoever waits meanwhile would see its time-out.
async fn until_it_may_be_asked_again() {
    tokio::time::pause();
    tokio::time::advance(BETWEEN_FETCHES).await;
    tokio::time::resume();
}

const NAMELESS: &str = r#"{"alg":"ES256","typ":"JWT"}"#;

#[tokio::test]
async fn a_token_that_names_no_key_is_checked_by_every_key_that_fits() {
    let (first, second, other) = (Signer::new("key-1"), Signer::new("key-2"), Signer::new("key-3"));
    let mut encrypts = other.jwk.clone();
    encrypts["use"] = json!("enc");
    let mut without_name = second.jwk.clone();
    without_name.as_object_mut().unwrap().remove("kid");
    let issuer = Issuer::new(&[encrypts, first.jwk.clone(), without_name]).await;
    let store = issuer.store(RoleRule::default());
    let claims = issuer.claims(&json!({}));
    for (what, head, signer, status) in [
        ("the first key", NAMELESS, &first, 200),
        ("another one", NAMELESS, &second, 200),
        ("a key that is for encryption", NAMELESS, &other, 401),
        ("its own name", r#"{"alg":"ES256","kid":"key-1"}"#, &first, 200),
        ("the name of another key", r#"{"alg":"ES256","kid":"key-1"}"#, &second, 401),
        ("a name where the set has none", r#"{"alg":"ES256","kid":"key-2"}"#, &second, 200),
        ("such a name, and the key of another one", r#"{"alg":"ES256","kid":"key-2"}"#, &first, 401),
    ] {
        let answer = send(&store, &signer.sign(head, &claims)).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
    }
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 2, "one discovery document and one set");
}

#[tokio::test]
async fn a_new_key_is_found_although_neither_token_nor_set_names_it() {
    let nameless = |signer: &Signer| {
        let mut jwk = signer.jwk.clone();
        jwk.as_object_mut().unwrap().remove("kid");
        jwk
    };
    let (old, new) = (Signer::new(""), Signer::new(""));
    let issuer = Issuer::new(&[nameless(&old)]).await;
    let store = issuer.store(RoleRule::default());
    let claims = issuer.claims(&json!({}));
    assert_eq!(send(&store, &old.sign(NAMELESS, &claims)).await.status, 200);
    issuer.keys(&[nameless(&new)]);
    is_401(&send(&store, &new.sign(NAMELESS, &claims)).await, "not asked again yet");
    until_it_may_be_asked_again().await;
    let flood = futures::future::join_all((0..30).map(|_| send(&store, "eyJhbGciOiJFUzI1NiJ9.e30.AAAA"))).await;
    flood.iter().for_each(of_no_known_key);
    assert_eq!(send(&store, &new.sign(NAMELESS, &claims)).await.status, 200);
    is_401(&send(&store, &old.sign(NAMELESS, &claims)).await, "the old key is gone");
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 4, "asked twice, for two documents each");
}

#[tokio::test]
async fn a_refused_token_is_told_what_was_looked_for() {
    let signer = Signer::new("key-1");
    let issuer = Issuer::new(std::slice::from_ref(&signer.jwk)).await;
    let roles = RoleRule {
        claim: "/realm_access/roles".parse().unwrap(),
        values: r#"{"store-admins": "admin", "buyers": "supplier"}"#.parse().unwrap(),
    };
    let store = issuer.store(roles);
    let roles = |roles: &[&str]| json!({"realm_access": {"roles": roles}});
    let token = |claims: &Value| signer.sign(r#"{"alg":"ES256","kid":"key-1"}"#, &issuer.claims(claims));
    let products = async |claims: &Value| {
        let bearer = format!("Bearer {}", token(claims));
        store.call("GET", "/products").header("authorization", &bearer).send().await.status.as_u16()
    };
    assert_eq!(products(&roles(&["offline_access", "store-admins"])).await, 200);
    assert_eq!(products(&roles(&["buyers"])).await, 403, "a supplier");
    assert_eq!(products(&roles(&["buyers", "store-admins"])).await, 200, "both");
    assert_eq!(products(&roles(&["admin"])).await, 401);
    for (claims, told) in [
        (json!({}), "it has no claim /realm_access/roles; let its issuer put a value there that stands for seller,"),
        (roles(&["other"]), "nothing in its claim /realm_access/roles stands for a role here"),
        (json!({"exp": now() - 60}), "it has expired: ask its issuer for a new one"),
        (json!({"iat": now() + 60}), "clocks of its issuer and of the store differ by more than 30 s"),
        (json!({"aud": "account"}), "its claim aud does not name store"),
        (json!({"iss": format!("{}/", issuer.url)}), "its claim iss is another than http://"),
    ] {
        let answer = send(&store, &token(&claims)).await;
        is_401(&answer, told);
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer error=\"invalid_token\", error_description=\""), "{challenge}");
        assert!(challenge.contains(told), "{challenge}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with("the token is not valid here: ") && detail.contains(told), "{detail}");
    }
    let stranger = Signer::new("key-1").sign(NAMELESS, &issuer.claims(&json!({})));
    let answer = send(&store, &stranger).await;
    assert!(answer.header("www-authenticate").unwrap().contains("none of the keys of http://"), "{}", answer.text());
}

/// What the store tells of its issuer after a token came.
async fn failure_of(store: &Store) -> String {
    assert_eq!(send(store, "eyJhbGciOiJFUzI1NiJ9.e30.AAAA").await.status, 503);
    let answer = store.get("/identity").await;
    assert_eq!(answer.status, 200);
    let told = answer.json();
    assert_eq!((told["auth"].as_str(), told["keys"].as_u64()), (Some("oidc"), Some(0)));
    assert_eq!(store.get("/readyz").await.status, 503, "no keys yet");
    told["failure"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_issuer_that_is_not_understood_is_told_in_its_words_and_ours() {
    let signer = Signer::new("key-1");
    let discovery = |issuer: &str, keys: &str| json!({"issuer": issuer, "jwks_uri": keys}).to_string();
    for (what, change, told) in [
        ("no such realm", (DISCOVERY, 404, None, String::new()), "answered 404; is the issuer's URL right"),
        ("an error", (DISCOVERY, 500, None, String::new()), "answered 500"),
        ("a redirect", (DISCOVERY, 302, Some("/log-in"), String::new()), "leads to /log-in (status 302)"),
        ("a page", (DISCOVERY, 200, None, "<html>".into()), "is no discovery document: expected value"),
        ("no place of keys", (DISCOVERY, 200, None, json!({"issuer": "x"}).to_string()), "missing field `jwks_uri`"),
        (
            "another issuer",
            (DISCOVERY, 200, None, discovery("https://id.example.com/", "x")),
            "is that of the issuer https://id.example.com/, and http://",
        ),
        ("keys elsewhere", ("/keys", 404, None, String::new()), "/keys answered 404"),
        ("no keys", ("/keys", 200, None, json!({"keys": []}).to_string()), "none that signs by ES256, but no key"),
        ("no set", ("/keys", 200, None, "[]".into()), "is no set of keys"),
        ("too much", ("/keys", 200, None, "a".repeat(300_000)), "has more than 262144 bytes"),
    ] {
        let issuer = Issuer::new(std::slice::from_ref(&signer.jwk)).await;
        let (path, status, location, body) = change;
        issuer.pages.lock().unwrap().insert(path, (status, location, body));
        let failure = failure_of(&issuer.store(RoleRule::default())).await;
        assert!(failure.contains(told), "{what}: {failure}");
    }
    let issuer = Issuer::new(std::slice::from_ref(&signer.jwk)).await;
    let with_slash = Trust { issuer: format!("{}/", issuer.url), ..issuer.trust() };
    let failure = failure_of(&behind(with_slash)).await;
    assert!(failure.contains("with the same slash at the end or none"), "{failure}");
}

#[tokio::test]
async fn a_process_that_had_keys_stays_ready_and_serves_while_its_issuer_is_away() {
    let signer = Signer::new("key-1");
    let issuer = Issuer::new(std::slice::from_ref(&signer.jwk)).await;
    let oidc = Oidc::new(issuer.trust());
    let store = Store::behind(Gate::Oidc(Box::new(oidc)));
    let waiting = store.get("/readyz").await;
    assert_eq!(waiting.status, 503);
    assert!(waiting.text().contains("keys of the issuer"), "{}", waiting.text());
    // What the program does beside its server.
    let app = Arc::clone(&store.app);
    let keeping = tokio::spawn(async move {
        if let Gate::Oidc(oidc) = &app.gate {
            oidc.keep().await;
        }
    });
    let ready = async || {
        while store.get("/readyz").await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), ready()).await.unwrap();
    let good = signer.sign(NAMELESS, &issuer.claims(&json!({})));
    assert_eq!(store.get("/identity").await.json()["failure"], Value::Null);
    issuer.serving.abort();
    keeping.abort();
    until_it_may_be_asked_again().await;
    is_401(&send(&store, "eyJhbGciOiJFUzI1NiJ9.e30.AAAA").await, "the issuer is asked, and is away");
    let told = store.get("/identity").await.json();
    assert_eq!(told["keys"], 1);
    assert!(told["failure"].as_str().unwrap().contains("was not reached"), "{told}");
    assert_eq!(store.get("/readyz").await.status, 200);
    assert_eq!(send(&store, &good).await.status, 200);
}

#[tokio::test]
async fn an_issuer_that_is_there_again_is_found_without_a_token() {
    let signer = Signer::new("key-1");
    let issuer = Issuer::new(std::slice::from_ref(&signer.jwk)).await;
    let store = issuer.store(RoleRule::default());
    let app = Arc::clone(&store.app);
    let keeping = tokio::spawn(async move {
        if let Gate::Oidc(oidc) = &app.gate {
            oidc.keep().await;
        }
    });
    let is_well = async |well: bool| {
        while store.get("/identity").await.json()["failure"].is_null() != well
            || store.get("/readyz").await.status != 200
        {
            tokio::task::yield_now().await;
        }
    };
    let patience = std::time::Duration::from_secs(5);
    tokio::time::timeout(patience, is_well(true)).await.unwrap();
    issuer.pages.lock().unwrap().insert("/keys", (503, None, String::new()));
    until_it_may_be_asked_again().await;
    is_401(&send(&store, "eyJhbGciOiJFUzI1NiJ9.e30.AAAA").await, "no known key");
    tokio::time::timeout(patience, is_well(false)).await.unwrap();
    issuer.keys(std::slice::from_ref(&signer.jwk));
    until_it_may_be_asked_again().await;
    tokio::time::timeout(patience, is_well(true)).await.unwrap();
    keeping.abort();
}

#[tokio::test]
async fn where_nobody_signs_tokens_there_is_nothing_to_wait_for() {
    let store = Store::new();
    assert_eq!(store.get("/identity").await.json(), json!({"auth": "off"}));
    assert_eq!(store.get("/readyz").await.status, 200);
}
