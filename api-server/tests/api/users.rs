//! Users through HTTP: as it should go, and what is refused.

use super::client::{Answer, Store};

const ANA: &str = r#"{"name":"Ana","email":"Ana@example.org"}"#;

async fn post(store: &Store, body: &str) -> Answer {
    store.call("POST", "/users").json(body).send().await
}

async fn created(store: &Store, body: &str) -> String {
    let answer = post(store, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.header("location").unwrap().to_owned()
}

fn next(answer: &Answer) -> Option<String> {
    let target = answer.header("link")?.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?;
    Some(target.to_owned())
}

#[tokio::test]
async fn a_created_user_is_answered_located_and_read_back() {
    let store = Store::new();
    let answer = post(&store, ANA).await;
    assert_eq!(answer.status, 201);
    let body = answer.json();
    assert_eq!(body["id"], body["user_id"]);
    assert_eq!((&body["email"], &body["version"]), (&"Ana@example.org".into(), &1.into()));
    assert_eq!(answer.header("etag"), Some("\"1\""));
    let path = answer.header("location").unwrap();
    assert_eq!(path, format!("/users/{}", body["id"].as_str().unwrap()));
    let read = store.get(path).await;
    assert_eq!((read.status.as_u16(), read.header("etag")), (200, Some("\"1\"")));
    let mut expected = body;
    expected.as_object_mut().unwrap().remove("user_id");
    assert_eq!(read.json(), expected);
    assert_eq!(store.get("/users").await.json()[0], expected);
    let known = store.call("GET", path).header("if-none-match", "\"1\"").send().await;
    assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
}

#[tokio::test]
async fn an_address_is_unique_whatever_its_case() {
    let store = Store::new();
    let ana = created(&store, ANA).await;
    let refused = post(&store, r#"{"name":"Other","email":"ANA@EXAMPLE.ORG"}"#).await;
    assert_eq!(refused.status, 409);
    assert_eq!(refused.json()["errors"][0]["code"], "email_taken");
    let bea = created(&store, r#"{"name":"Bea","email":"bea@example.org"}"#).await;
    let refused = store.call("PATCH", &bea).json(r#"{"email":"ana@Example.org"}"#).send().await;
    assert_eq!((refused.status.as_u16(), &refused.json()["errors"][0]["pointer"]), (409, &"/email".into()));
    let case = store.call("PATCH", &ana).json(r#"{"email":"ana@example.org"}"#).send().await;
    assert_eq!((case.status.as_u16(), &case.json()["email"]), (200, &"ana@example.org".into()));
    assert_eq!(store.get("/users").await.json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_user_is_found_by_the_whole_address_whatever_its_case() {
    let store = Store::new();
    let ana = created(&store, ANA).await;
    created(&store, r#"{"name":"Bea","email":"bea@example.org"}"#).await;
    let found = store.get("/users?email=aNA%40example.ORG").await;
    assert_eq!(found.status, 200, "{}", found.text());
    let found = found.json();
    assert_eq!((found.as_array().unwrap().len(), &found[0]["email"]), (1, &"Ana@example.org".into()));
    for nobody in ["/users?email=an%40example.org", "/users?email=ana%40example.or"] {
        assert_eq!(store.get(nobody).await.json(), serde_json::json!([]), "{nobody}");
    }
    assert_eq!(store.call("DELETE", &ana).send().await.status, 204);
    assert_eq!(store.get("/users?email=ana%40example.org").await.json(), serde_json::json!([]), "erased");
    for (query, code) in
        [("email=ana", "not_an_address"), ("email=", "not_an_address"), ("email=a%40b&cursor=x", "stands_alone")]
    {
        let refused = store.get(&format!("/users?{query}")).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["errors"][0]["code"]), (400, &code.into()), "{query}");
    }
}

#[tokio::test]
async fn pages_lead_through_all_users_and_cursors_belong_to_their_list() {
    let store = Store::new();
    for at in 0..7 {
        created(&store, &format!(r#"{{"name":"User {at}","email":"u{at}@example.org"}}"#)).await;
        store.created(&format!("sku{at}")).await;
    }
    let mut seen = Vec::new();
    let mut target = Some("/users?limit=3".to_owned());
    while let Some(page) = target {
        let answer = store.get(&page).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        seen.extend(answer.json().as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()));
        target = next(&answer);
    }
    let expected: Vec<String> = (0..7).rev().map(|at| format!("User {at}")).collect();
    assert_eq!(seen, expected);
    let cursor = |answer: Answer| next(&answer).unwrap().split("cursor=").nth(1).unwrap().to_owned();
    let (users, products) = (cursor(store.get("/users?limit=2").await), cursor(store.get("/products?limit=2").await));
    assert_eq!(store.get(&format!("/users?cursor={products}")).await.status, 400);
    assert_eq!(store.get(&format!("/products?cursor={users}")).await.status, 400);
}

#[tokio::test]
async fn conditions_on_the_version_are_kept() {
    let store = Store::new();
    let path = created(&store, ANA).await;
    let patch = |condition: &'static str, body: &'static str| {
        store.call("PATCH", &path).header("if-match", condition).json(body).send()
    };
    assert_eq!(patch("\"2\"", r#"{"name":"B"}"#).await.status, 412);
    let changed = patch("\"1\"", r#"{"name":"B"}"#).await;
    assert_eq!((changed.status.as_u16(), changed.header("etag")), (200, Some("\"2\"")));
    assert_eq!(patch("\"2\"", r#"{"name":"B"}"#).await.json()["version"], 2, "nothing changed, no new version");
    let delete = |condition: &'static str| store.call("DELETE", &path).header("if-match", condition).send();
    assert_eq!(delete("\"1\"").await.status, 412);
    assert_eq!(delete("\"2\"").await.status, 204);
}

#[tokio::test]
async fn an_erased_user_is_gone_and_may_come_back_as_another() {
    let store = Store::new();
    let path = created(&store, ANA).await;
    assert_eq!(store.call("DELETE", &path).send().await.status, 204);
    assert_eq!(store.get(&path).await.status, 404);
    assert_eq!(store.call("DELETE", &path).send().await.status, 404);
    assert_eq!(store.call("PATCH", &path).json(r#"{"name":"B"}"#).send().await.status, 404);
    assert_eq!(store.get("/users").await.text(), "[]");
    assert_ne!(created(&store, ANA).await, path);
}

#[tokio::test]
async fn a_creation_under_a_key_is_answered_alike_without_the_answer_being_kept() {
    let store = Store::new();
    let post = |body: &'static str| store.call("POST", "/users").header("idempotency-key", "k1").json(body).send();
    let first = post(ANA).await;
    let second = post(ANA).await;
    assert_eq!((first.status.as_u16(), first.header("idempotency-replayed")), (201, None));
    assert_eq!((second.status, &second.body), (first.status, &first.body));
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!(second.header("location"), first.header("location"));
    assert_eq!(post(r#"{"name":"Other","email":"o@example.org"}"#).await.status, 422);
    assert_eq!(store.get("/users").await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn bad_users_are_refused_by_name_and_nothing_is_written() {
    let store = Store::new();
    let path = created(&store, ANA).await;
    let before = store.get(&path).await.body;
    let email = |text: &str| format!(r#"{{"name":"a","email":{text}}}"#);
    let long = format!("\"{}@example.org\"", "a".repeat(300));
    for (body, status, pointer) in [
        ("[]".to_owned(), 400, ""),
        ("{".to_owned(), 400, ""),
        (r#"{"name":"a","name":"b","email":"a@b"}"#.into(), 400, "/name"),
        ("{}".into(), 422, "/name"),
        (r#"{"email":"a@b"}"#.into(), 422, "/name"),
        (r#"{"name":"a"}"#.into(), 422, "/email"),
        (r#"{"name":"a\u0000","email":"a@b"}"#.into(), 422, "/name"),
        (r#"{"name":"a","email":"a@b","role":"admin"}"#.into(), 422, "/role"),
        (r#"{"name":"a","email":"a@b","user_id":"x"}"#.into(), 422, "/user_id"),
        (email("null"), 422, "/email"),
        (email("7"), 422, "/email"),
        (email("[\"a@b\"]"), 422, "/email"),
        (email("\"\""), 422, "/email"),
        (email("\"a\""), 422, "/email"),
        (email("\"a@\""), 422, "/email"),
        (email("\"a@b@c\""), 422, "/email"),
        (email("\"a b@c\""), 422, "/email"),
        (email("\"ä@b\""), 422, "/email"),
        (email("\"a@b\\u0000\""), 422, "/email"),
        (email("\"\\ud800@b\""), 422, "/email"),
        (email(&long), 422, "/email"),
    ] {
        let answer = post(&store, &body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.text());
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    for body in
        [email("null"), email("\"a@\""), r#"{"name":""}"#.into(), r#"{"id":"x"}"#.into(), r#"{"version":9}"#.into()]
    {
        let answer = store.call("PATCH", &path).json(&body).send().await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.text());
    }
    assert_eq!(store.get("/users").await.json().as_array().unwrap().len(), 1);
    assert_eq!(store.get(&path).await.body, before);
    for target in ["/users/x", "/users/0190a0a0-0000-7000-8000-000000000000"] {
        for method in ["GET", "PATCH", "DELETE"] {
            assert_eq!(store.call(method, target).json(ANA).send().await.status, 404, "{method} {target}");
        }
    }
    for target in ["/users?limit=0", "/users?limit=101", "/users?cursor=x", "/users?email=a", "/users?limit=1&limit=2"]
    {
        assert_eq!(store.get(target).await.status, 400, "{target}");
    }
    assert_eq!(store.call("PUT", &path).json(ANA).send().await.status, 405);
    assert_eq!(store.call("POST", "/users").body(ANA).send().await.status, 415);
}
