//! Real OpenID Connect providers before a real gate. Ignored by default, since they are fetched and started.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use serde_json::Value;
use store_api::auth::Gate;
use store_api::auth::claims::RoleRule;
use store_api::auth::jwks::BETWEEN_FETCHES;
use store_api::auth::oidc::{Oidc, Trust};
use store_load::child::Program;
use store_suites::providers::{AUDIENCE, CLIENTS, Clock, Keycloak, Mock, USERS};
use store_testbed::cache::Cache;
use store_testbed::ports::free_ports;
use store_testbed::progress::wait_until;

use super::client::{Answer, Store};

/// Providers of a machine that does other things, too.
const PATIENCE: Duration = Duration::from_secs(60);
/// What tells the roles apart: who may ask for it, beside the administrator.
const TARGETS: [(&str, &[&str]); 3] = [
    ("/products", &["seller"]),
    ("/orders/reports/highest-spenders", &["seller", "director"]),
    ("/stocks/reports/overview-stocks", &["seller", "director", "supplier"]),
];

/// A store that trusts an issuer, whose keys it has.
async fn store(issuer: &str, claim: &str, values: Option<&str>, id_tokens: bool) -> Store {
    let trust = Trust {
        issuer: issuer.to_owned(),
        audience: AUDIENCE.into(),
        algorithm: Algorithm::RS256,
        jwks_url: None,
        id_tokens,
        roles: RoleRule {
            claim: claim.parse().unwrap(),
            values: values.map(|values| values.parse().unwrap()).unwrap_or_default(),
        },
    };
    let store = Store::behind_within(Gate::Oidc(Box::new(Oidc::new(trust))), PATIENCE);
    let app = Arc::clone(&store.app);
    tokio::spawn(async move {
        if let Gate::Oidc(oidc) = &app.gate {
            oidc.keep().await;
        }
    });
    let ready = async || {
        let answer = store.get("/readyz").await;
        if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
    };
    wait_until("keys", PATIENCE, ready).await.unwrap();
    store
}

async fn ask(store: &Store, target: &str, token: &str) -> Answer {
    store.call("GET", target).header("authorization", &format!("Bearer {token}")).send().await
}

/// The token must let its bearer do what this role may do, and no more.
async fn is_of(store: &Store, token: &str, role: &str) {
    for (target, roles) in TARGETS {
        let expected = if role == "admin" || roles.contains(&role) { 200 } else { 403 };
        let answer = ask(store, target, token).await;
        assert_eq!(answer.status, expected, "{role} at {target}: {} {:?}", answer.text(), answer.headers);
    }
}

/// The token must be refused with these words.
async fn is_refused(store: &Store, token: &str, words: &str) {
    let answer = ask(store, TARGETS[2].0, token).await;
    assert_eq!(answer.status, 401, "{words}: {}", answer.text());
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains(words), "{words}: {challenge}");
}

/// The clock of the store's patience alone.
async fn until_keys_may_be_asked_for_again() {
    tokio::time::pause();
    tokio::time::advance(BETWEEN_FETCHES).await;
    tokio::time::resume();
}

#[tokio::test]
#[ignore = "fetches and starts Keycloak"]
async fn keycloak_as_a_real_provider_gives_each_role_rotates_its_keys_and_has_an_authority_of_its_own() {
    let keycloak = Keycloak::start(&Cache::open().unwrap()).await.unwrap();
    let by_roles = store(&keycloak.issuer, "/realm_access/roles", None, false).await;
    for (client, roles, _) in CLIENTS.iter().filter(|(_, roles, _)| !roles.is_empty()) {
        let role = if roles.contains(&"seller") { "seller" } else { roles[0] };
        is_of(&by_roles, &keycloak.token(client).await.unwrap(), role).await;
    }
    is_refused(&by_roles, &keycloak.token("nobody").await.unwrap(), "claim /realm_access/roles").await;
    is_refused(&by_roles, &keycloak.token_for_nobody().await.unwrap(), "aud").await;
    let values = r#"{"/store/admins": "admin"}"#;
    let by_groups = store(&keycloak.issuer, "/groups", Some(values), false).await;
    is_of(&by_groups, &keycloak.token("grouped").await.unwrap(), "admin").await;
    is_refused(&by_groups, &keycloak.token("admin").await.unwrap(), "claim /groups").await;

    let old = keycloak.token("seller").await.unwrap();
    keycloak.rotate().await.unwrap();
    let new = keycloak.token("seller").await.unwrap();
    assert_ne!(old.split('.').next(), new.split('.').next(), "signed by another key");
    until_keys_may_be_asked_for_again().await;
    is_of(&by_roles, &new, "seller").await;
    is_of(&by_roles, &old, "seller").await;
    keycloak.forget_the_first_key().await.unwrap();
    until_keys_may_be_asked_for_again().await;
    let unknown = format!("{}.e30.AAAA", new.split('.').next().unwrap());
    is_refused(&by_roles, &unknown, "none of the keys of http://").await;
    is_refused(&by_roles, &old, "none of the keys of http://").await;
    is_of(&by_roles, &new, "seller").await;

    an_authority_of_its_own(&keycloak).await;
}

/// The program itself, over TLS: it trusts the authority from when the file has its certificate.
async fn an_authority_of_its_own(keycloak: &Keycloak) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.crt");
    fs::copy(&keycloak.other_authority, &file).unwrap();
    let [port, operations] = free_ports::<2>().unwrap().map(|port| port.to_string());
    let authorities = file.display().to_string();
    let environment = [
        ("CASSANDRA_HOST", "127.0.0.1:1"),
        ("STORE_LISTEN_ADDRESS", "127.0.0.1"),
        ("STORE_PORT", &port),
        ("STORE_OPERATIONS_PORT", &operations),
        ("STORE_AUTH", "oidc"),
        ("STORE_OIDC_ISSUER", &keycloak.tls_issuer),
        ("STORE_OIDC_AUDIENCE", AUDIENCE),
        ("STORE_OIDC_ROLE_CLAIM", "/realm_access/roles"),
        ("SSL_CERT_FILE", &authorities),
    ];
    let program = Path::new(env!("CARGO_BIN_EXE_store-api"));
    let _program = Program::start_unheard(program, &["serve"], &environment).unwrap();
    let told = async || -> Result<Value, String> {
        let url = format!("http://127.0.0.1:{operations}/identity");
        let answer = reqwest::get(url).await.map_err(|error| error.to_string())?;
        answer.json().await.map_err(|error| error.to_string())
    };
    let fails = async || {
        let told = told().await?;
        let words = told["failure"].as_str().ok_or("it is asking")?;
        assert!(words.contains("of an authority that is not trusted here"), "{words}");
        Ok::<(), String>(())
    };
    wait_until("the authority to be refused", PATIENCE, fails).await.unwrap();
    fs::copy(&keycloak.authority, &file).unwrap();
    let works = async || {
        let told = told().await?;
        if told["keys"].as_u64() > Some(0) && told["failure"].is_null() { Ok(()) } else { Err(told.to_string()) }
    };
    wait_until("the authority to be trusted", PATIENCE, works).await.unwrap();
}

#[tokio::test]
#[ignore = "fetches and starts oidc-provider-mock"]
async fn oidc_provider_mock_as_a_real_provider_names_no_keys_makes_new_ones_and_has_another_clock() {
    let cache = Cache::open().unwrap();
    let [port] = free_ports::<1>().unwrap();
    let with = async |ahead, life| Mock::start(&cache, port, Clock { ahead, life }).await.unwrap();
    let mock = with(0, 300).await;
    // It gives no access token that others can read.
    let wary = store(&mock.issuer, "/roles", None, false).await;
    is_refused(&wary, &mock.token("ana").await.unwrap(), "not an access token").await;
    let trusting = store(&mock.issuer, "/roles", None, true).await;
    for (person, roles) in USERS.iter().filter(|(person, _)| *person != "nobody") {
        let role = if roles.contains(&"seller") { "seller" } else { roles[0] };
        is_of(&trusting, &mock.token(person).await.unwrap(), role).await;
    }
    is_refused(&trusting, &mock.token("nobody").await.unwrap(), "nothing in its claim /roles").await;
    let old = mock.token("ana").await.unwrap();
    drop(mock);

    // Another process, and another key; neither kind of token names its own. Its clock is as far ahead as may be.
    let ahead = with(30, 300).await;
    until_keys_may_be_asked_for_again().await;
    is_of(&trusting, &ahead.token("ana").await.unwrap(), "seller").await;
    is_refused(&trusting, &old, "none of the keys").await;
    drop(ahead);
    for (ahead, life, told) in [
        (-30, 20, None),
        (45, 300, Some("clocks of its issuer and of the store differ by more than 30 s")),
        (-90, 20, Some("it has expired")),
    ] {
        let mock = with(ahead, life).await;
        let trusting = store(&mock.issuer, "/roles", None, true).await;
        let token = mock.token("dora").await.unwrap();
        match told {
            None => is_of(&trusting, &token, "admin").await,
            Some(words) => is_refused(&trusting, &token, words).await,
        }
    }
}
