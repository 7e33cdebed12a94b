//! Tokens that must not pass, all of them 401; and the ones that must.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use store_api::auth::Gate;
use store_api::auth::claims::RoleRule;
use store_api::auth::jwks::BETWEEN_FETCHES;
use store_api::auth::oidc::{Oidc, Trust};
use store_api::auth::roles::Role;

use super::client::{Answer, Store};
use super::roles::{guarded, token_of};

pub const AUDIENCE: &str = "store";

/// A key pair with its name.
pub struct Signer {
    pair: EcdsaKeyPair,
    pub jwk: Value,
}

impl Signer {
    pub fn new(id: &str) -> Self {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pair.as_ref(), &random).unwrap();
        let point = pair.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        let jwk = json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": id, "x": x, "y": y});
        Self { pair, jwk }
    }

    /// A token of this header and these claims, as they stand.
    pub fn sign(&self, head: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// An issuer on loopback and a store that trusts it.
struct Ground {
    store: Store,
    issuer: String,
    signer: Signer,
    keys: Arc<Mutex<Vec<Value>>>,
    asked: Arc<AtomicUsize>,
}

impl Ground {
    async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let signer = Signer::new("key-1");
        let rsa = json!({"kty": "RSA", "kid": "rsa", "n": "AQAB", "e": "AQAB", "alg": "RS256"});
        let strange = json!({"kty": "quantum", "kid": "key-1"});
        let keys = Arc::new(Mutex::new(vec![strange, rsa, signer.jwk.clone()]));
        let asked = Arc::new(AtomicUsize::new(0));
        let discovery = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")});
        let (served, count) = (Arc::clone(&keys), Arc::clone(&asked));
        let set = async move || {
            count.fetch_add(1, Ordering::SeqCst);
            Json(json!({"keys": served.lock().unwrap().clone()}))
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(async move || Json(discovery)))
            .route("/keys", get(set));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let store = Store::behind(Gate::Oidc(Box::new(Oidc::new(trust(&issuer, None)))));
        Self { store, issuer, signer, keys, asked }
    }

    fn head(&self) -> Value {
        json!({"typ": "JWT", "alg": "ES256", "kid": "key-1"})
    }

    fn claims(&self) -> Value {
        let now = now();
        json!({"iss": self.issuer, "aud": AUDIENCE, "sub": "ana", "role": "seller", "iat": now, "nbf": now, "exp": now + 300})
    }

    /// A good token but for what is changed in it; `null` takes a claim away.
    fn token(&self, head: &Value, claims: &Value) -> String {
        let with = |mut base: Value, change: &Value| {
            for (name, value) in change.as_object().unwrap() {
                base[name] = value.clone();
            }
            base.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            base.to_string()
        };
        self.signer.sign(&with(self.head(), head), &with(self.claims(), claims))
    }

    async fn send(&self, token: &str) -> Answer {
        ask(&self.store, &[&format!("Bearer {token}")]).await
    }
}

pub fn trust(issuer: &str, jwks_url: Option<String>) -> Trust {
    Trust {
        issuer: issuer.to_owned(),
        audience: AUDIENCE.into(),
        algorithm: Algorithm::ES256,
        jwks_url,
        roles: RoleRule::default(),
        id_tokens: false,
    }
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub async fn ask(store: &Store, authorizations: &[&str]) -> Answer {
    let mut call = store.call("GET", "/stocks/reports/overview-stocks");
    for value in authorizations {
        call = call.header("authorization", value);
    }
    call.send().await
}

pub fn is_401(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 401, "{what}: {}", answer.text());
    assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"), "{what}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}");
    assert_eq!(answer.json()["status"], 401, "{what}");
}

/// A few of many wait for the issuer together, and the others are told to come again.
pub fn of_no_known_key(answer: &Answer) {
    if answer.status == 503 {
        assert!(answer.text().contains("issuer_asked"), "{}", answer.text());
    } else {
        is_401(answer, "by no known key");
    }
}

/// Headers that are wrong whatever the tokens are.
fn malformed(good: &str) -> Vec<Vec<String>> {
    let one = |text: String| vec![text];
    vec![
        one(String::new()),
        one(" ".into()),
        one("Bearer".into()),
        one("Bearer ".into()),
        one("Bearer  ".into()),
        one(good.to_owned()),
        one(format!("Basic {good}")),
        one(format!("Token {good}")),
        one(format!("Bearer: {good}")),
        one(format!("Bearer={good}")),
        one(format!("Bearer{good}")),
        one(format!("Bearer\t{good}")),
        one(format!("Bearer {good} {good}")),
        one(format!("Bearer {good},Bearer {good}")),
        one(format!("Bearer \"{good}\"")),
        one(format!("Bearer {good}é")),
        one(format!("Bearer ={good}")),
        one(format!("Bearer {}", &good[1..])),
        one(format!("Bearer {}", &good[..good.len() - 1])),
        one(format!("Bearer {good}a")),
        one("Bearer ..".into()),
        one("Bearer ...".into()),
        one("Bearer a.b.c".into()),
        one("Bearer e30.e30.e30".into()),
        vec![format!("Bearer {good}"), format!("Bearer {good}")],
        vec![format!("Bearer {good}"), "Basic YTpi".into()],
        vec![String::new(), format!("Bearer {good}")],
    ]
}

#[tokio::test]
async fn headers_that_carry_no_single_whole_token_are_refused() {
    let store = guarded();
    let good = token_of(Role::Admin);
    assert_eq!(ask(&store, &[&format!("Bearer {good}")]).await.status, 200);
    assert_eq!(ask(&store, &[&format!("bEARER   {good}")]).await.status, 200);
    is_401(&ask(&store, &[]).await, "no header");
    for values in malformed(&good) {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        is_401(&ask(&store, &values).await, &format!("{:.120?}", values));
    }
}

#[tokio::test]
async fn bad_signed_tokens_are_refused_and_good_ones_pass() {
    let ground = Ground::new().await;
    let none = json!({});
    for role in Role::ALL {
        let answer = ground.send(&ground.token(&none, &json!({"role": role.name()}))).await;
        let expected = if role == Role::Payment { 403 } else { 200 };
        assert_eq!(answer.status, expected, "{role:?}: {}", answer.text());
    }
    for good in [
        json!({"aud": ["other", AUDIENCE]}),
        json!({"nbf": null}),
        json!({"exp": now() - 10}),
        json!({"groups": ["x"], "email": "a@example.org"}),
        json!({"role": ["x", "admin"]}),
        json!({"nbf": now() + 25, "iat": now() + 25}),
        json!({"iat": null}),
    ] {
        assert_eq!(ground.send(&ground.token(&none, &good)).await.status, 200, "{good}");
    }
    let mut table: Vec<(String, String)> = Vec::new();
    for claims in [
        json!({"exp": now() + 90_000}),
        json!({"nonce": "of a log-in"}),
        json!({"typ": "ID"}),
        json!({"exp": now() - 3600}),
        json!({"exp": now() - 60}),
        json!({"exp": 0}),
        json!({"exp": -1}),
        json!({"exp": null}),
        json!({"exp": "tomorrow"}),
        json!({"exp": [now() + 300]}),
        json!({"nbf": now() + 3600}),
        json!({"nbf": now() + 60}),
        json!({"nbf": "yesterday"}),
        json!({"iat": now() + 60}),
        json!({"iat": "now"}),
        json!({"sub": null}),
        json!({"sub": ""}),
        json!({"sub": 7}),
        json!({"iss": "https://elsewhere.example"}),
        json!({"iss": format!("{}/", ground.issuer)}),
        json!({"iss": ground.issuer.to_uppercase()}),
        json!({"iss": null}),
        json!({"iss": ""}),
        json!({"iss": 7}),
        json!({"aud": "another"}),
        json!({"aud": "STORE"}),
        json!({"aud": "store "}),
        json!({"aud": []}),
        json!({"aud": ["another"]}),
        json!({"aud": null}),
        json!({"aud": {"store": true}}),
        json!({"role": null}),
        json!({"role": ""}),
        json!({"role": "root"}),
        json!({"role": "Admin"}),
        json!({"role": "admin\u{0}"}),
        json!({"role": []}),
        json!({"role": [["admin"]]}),
        json!({"role": {"admin": true}}),
        json!({"role": 3}),
        json!({"role": true}),
    ] {
        table.push((format!("claims {claims}"), ground.token(&none, &claims)));
    }
    for head in [
        json!({"alg": "none"}),
        json!({"alg": "None"}),
        json!({"alg": "HS256"}),
        json!({"alg": "RS256", "kid": "rsa"}),
        json!({"alg": "ES384"}),
        json!({"alg": "EdDSA"}),
        json!({"alg": null}),
        json!({"alg": ["ES256"]}),
        json!({"alg": ""}),
        json!({"kid": ""}),
        json!({"kid": "key-2"}),
        json!({"kid": "KEY-1"}),
        json!({"kid": "rsa"}),
        json!({"kid": "../../etc/passwd"}),
        json!({"kid": "key-1\u{0}"}),
        json!({"kid": "' OR 1=1"}),
        json!({"kid": "k".repeat(300)}),
        json!({"kid": 1}),
        json!({"crit": ["exp"]}),
        json!({"crit": []}),
    ] {
        table.push((format!("header {head}"), ground.token(&head, &none)));
    }
    let (head, claims) = (ground.head().to_string(), ground.claims().to_string());
    let good = ground.signer.sign(&head, &claims);
    let parts: Vec<&str> = good.split('.').collect();
    let stranger = Signer::new("key-1");
    let own = json!({"alg": "ES256", "kid": "key-1", "jwk": stranger.jwk, "jku": "http://127.0.0.1:1/keys"});
    let admin = URL_SAFE_NO_PAD.encode(claims.replace("seller", "admin"));
    let unsigned = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "kid": "key-1"}).to_string());
    let shared = URL_SAFE_NO_PAD.encode(json!({"alg": "HS256", "kid": "key-1"}).to_string());
    let public = hmac::Key::new(hmac::HMAC_SHA256, ground.signer.jwk["x"].as_str().unwrap().as_bytes());
    let forged = URL_SAFE_NO_PAD.encode(hmac::sign(&public, format!("{shared}.{}", parts[1]).as_bytes()));
    let twice = |text: &str, member: &str| text.replacen('{', &format!("{{{member},"), 1);
    for (what, token) in [
        ("another key of the same name", stranger.sign(&head, &claims)),
        ("a key of its own in the header", stranger.sign(&own.to_string(), &claims)),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("four parts", format!("{good}.{}", parts[2])),
        ("alg none without a signature", format!("{unsigned}.{}.", parts[1])),
        ("alg none with a signature", format!("{unsigned}.{}.{}", parts[1], parts[2])),
        ("HS256 with the public key", format!("{shared}.{}.{forged}", parts[1])),
        ("other claims under the signature", format!("{}.{admin}.{}", parts[0], parts[2])),
        ("a cut signature", good[..good.len() - 4].to_owned()),
        ("the signature of zeros", format!("{}.{}.{}", parts[0], parts[1], URL_SAFE_NO_PAD.encode([0_u8; 64]))),
        ("claims that are no JSON", ground.signer.sign(&head, "seller")),
        ("claims that are a list", ground.signer.sign(&head, "[]")),
        ("claims that are null", ground.signer.sign(&head, "null")),
        ("no claims", ground.signer.sign(&head, "")),
        ("a header that is no JSON", ground.signer.sign("ES256", &claims)),
        ("role given twice", ground.signer.sign(&head, &twice(&claims, "\"role\":\"admin\""))),
        ("exp given twice", ground.signer.sign(&head, &twice(&claims, "\"exp\":99999999999"))),
        ("kid given twice", ground.signer.sign(&twice(&head, "\"kid\":\"key-1\""), &claims)),
        ("alg given twice", ground.signer.sign(&twice(&head, "\"alg\":\"none\""), &claims)),
        ("an opaque token", "secret-of-the-admin".into()),
    ] {
        table.push((what.to_owned(), token));
    }
    assert!(table.len() >= 60, "{}", table.len());
    for (what, token) in &table {
        is_401(&ground.send(token).await, what);
    }
    for values in malformed(&good) {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        is_401(&ask(&ground.store, &values).await, &format!("{:.120?}", values));
    }
    assert_eq!(ground.send(&good).await.status, 200, "and the good one still passes");
    assert_eq!(ground.asked.load(Ordering::SeqCst), 1, "unknown keys do not make the issuer work");
}

#[tokio::test]
async fn a_new_key_of_the_issuer_is_found_and_asking_is_bounded() {
    let ground = Ground::new().await;
    let good = ground.token(&json!({}), &json!({}));
    assert_eq!(ground.send(&good).await.status, 200);
    let next = Signer::new("key-2");
    ground.keys.lock().unwrap().push(next.jwk.clone());
    let rotated = next.sign(r#"{"alg":"ES256","kid":"key-2"}"#, &ground.claims().to_string());
    is_401(&ground.send(&rotated).await, "not asked again yet");
    // The clock alone: whoever waits meanwhile would see its time-out.
    tokio::time::pause();
    tokio::time::advance(BETWEEN_FETCHES).await;
    tokio::time::resume();
    let flood = (0..20).map(|at| {
        let token = ground.token(&json!({"kid": format!("unknown-{at}")}), &json!({}));
        let ground = &ground;
        async move {
            of_no_known_key(&ground.send(&token).await);
        }
    });
    futures::future::join_all(flood).await;
    assert_eq!(ground.send(&rotated).await.status, 200);
    assert_eq!(ground.send(&good).await.status, 200, "the old key is still there");
    assert_eq!(ground.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn while_the_issuer_cannot_be_reached_tokens_are_not_called_invalid() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/keys", closed.local_addr().unwrap());
    drop(closed);
    let store = Store::behind(Gate::Oidc(Box::new(Oidc::new(trust("http://issuer.example", Some(url))))));
    let signer = Signer::new("key-1");
    let claims =
        json!({"iss": "http://issuer.example", "aud": AUDIENCE, "sub": "ana", "role": "admin", "exp": now() + 300});
    let token = signer.sign(r#"{"alg":"ES256","kid":"key-1"}"#, &claims.to_string());
    let answer = ask(&store, &[&format!("Bearer {token}")]).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, Some("1")));
    is_401(&ask(&store, &["Bearer a.b.c"]).await, "no token at all");
    assert_eq!(store.get("/livez").await.status, 200);
}
