//! Bad inputs by hand: each is refused with the status that is documented for it, the answer is a
//! problem, and nothing is written or changed.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;

use super::client::{Answer, Store};

fn is_a_problem(answer: &Answer, what: &str) {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}");
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status.as_u16(), "{what}");
    assert_eq!(problem["error"], problem["detail"], "{what}");
    let kind = problem["type"].as_str().unwrap();
    assert!(kind.starts_with("urn:store-manager:problem:"), "{what}: {kind}");
    assert_eq!(problem["request_id"].as_str(), answer.header("x-request-id"), "{what}");
    for error in problem["errors"].as_array().unwrap() {
        assert!(!error["detail"].as_str().unwrap().is_empty(), "{what}");
        assert!(!error["code"].as_str().unwrap().is_empty(), "{what}");
    }
}

/// Bodies of POST and PUT that are no product, the status of each and the place it names.
fn bad_products() -> Vec<(String, u16, &'static str)> {
    let long = |length: usize| "x".repeat(length);
    let price = |literal: &str| format!(r#"{{"name":"a","sku":"b","price":{literal}}}"#);
    let name = |literal: &str| format!(r#"{{"name":{literal},"sku":"b","price":1}}"#);
    let sku = |literal: &str| format!(r#"{{"name":"a","sku":{literal},"price":1}}"#);
    let with = |member: &str| format!(r#"{{"name":"a","sku":"b","price":1,{member}}}"#);
    let mut table: Vec<(String, u16, &str)> = Vec::new();
    let mut add = |body: String, status: u16, pointer: &'static str| {
        table.push((body, status, pointer));
    };
    // Not JSON, or not an object.
    for body in ["", " ", "null", "true", "12", "\"text\"", "[]", "[{\"name\":\"a\"}]", "undefined"] {
        add(body.into(), 400, "");
    }
    for body in [
        "{",
        "{]",
        "{\"name\"}",
        "{\"name\":}",
        "{\"name\":\"a\",}",
        "{name:\"a\"}",
        "{'name':'a'}",
        "{} {}",
        "{}x",
        "{\"a\":1,,\"b\":2}",
        "{\"price\":01}",
        "{\"price\":1.}",
        "{\"price\":.5}",
        "{\"price\":+1}",
        "{\"price\":NaN}",
        "{\"price\":Infinity}",
        "{\"price\":0x10}",
        "{\"price\":1e}",
        "{\"name\":\"a\u{0}b\"}",
        "{\"name\":\"a\nb\"}",
        "{\"name\":\"\\x\"}",
        "\u{feff}{}",
    ] {
        add(body.into(), 400, "");
    }
    // Repeated members.
    add(r#"{"name":"a","name":"a","sku":"b","price":1}"#.into(), 400, "/name");
    add(r#"{"name":"a","sku":"b","price":1,"\u0070rice":2}"#.into(), 400, "/price");
    // Missing members.
    add("{}".into(), 422, "/name");
    add(r#"{"sku":"b","price":1}"#.into(), 422, "/name");
    add(r#"{"name":"a","price":1}"#.into(), 422, "/sku");
    add(r#"{"name":"a","sku":"b"}"#.into(), 422, "/price");
    // Unknown members; nobody sets what the store decides.
    for member in [
        r#""id":"0190a0a0-0000-7000-8000-000000000000""#,
        r#""version":7"#,
        r#""created_at":"x""#,
        r#""product_id":1"#,
        r#""Name":"a""#,
        r#""__proto__":{}"#,
        r#""":1"#,
        r#""a/b~c":1"#,
    ] {
        add(with(member), 422, "");
    }
    // Wrong types.
    for literal in ["null", "1", "true", "[]", "{}", "[\"a\"]", "1e400"] {
        add(name(literal), 422, "/name");
        add(sku(literal), 422, "/sku");
    }
    for literal in ["null", "\"10\"", "true", "[]", "{}", "[1]", "\"\"", "\"NaN\""] {
        add(price(literal), 422, "/price");
    }
    for member in [r#""brand":1"#, r#""description":[]"#, r#""category":{}"#, r#""brand":false"#] {
        add(with(member), 422, "/");
    }
    // Prices at every edge.
    for literal in [
        "0",
        "-0",
        "0.0",
        "0.00",
        "0e5",
        "-1",
        "-0.01",
        "0.001",
        "0.005",
        "1.001",
        "10.999",
        "100000000",
        "100000000.00",
        "99999999.991",
        "1e8",
        "1e308",
        "1e309",
        "1e400",
        "-1e400",
        "1e-3",
        "5e-324",
        "1e999999999999999999999",
        "1e-999999999999999999999",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "170141183460469231731687303715884105728",
        "0.00000000000000000000000000001",
        "123456789012345678901234567890.12",
    ] {
        add(price(literal), 422, "/price");
    }
    add(price(&"9".repeat(400)), 422, "/price");
    add(price(&format!("0.{}1", "0".repeat(400))), 422, "/price");
    // Texts at every edge.
    for literal in [
        "\"\"",
        "\" \"",
        "\"   \"",
        "\" a\"",
        "\"a \"",
        "\"a\\u0000b\"",
        "\"\\u0000\"",
        "\"a\\nb\"",
        "\"a\\tb\"",
        "\"\\u001f\"",
        "\"\\u007f\"",
        "\"a\\u0085b\"",
        "\"\\u009f\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"a\\ud800b\"",
        "\"\\ud800\\ud800\"",
    ] {
        add(name(literal), 422, "/name");
        add(sku(literal), 422, "/sku");
    }
    add(name(&format!("\"{}\"", long(151))), 422, "/name");
    add(name(&format!("\"{}\"", "🦀".repeat(151))), 422, "/name");
    add(sku(&format!("\"{}\"", long(65))), 422, "/sku");
    add(with(&format!("\"brand\":\"{}\"", long(151))), 422, "/brand");
    add(with(&format!("\"category\":\"{}\"", long(101))), 422, "/category");
    add(with(&format!("\"description\":\"{}\"", long(2001))), 422, "/description");
    add(with(r#""description":"""#), 422, "/description");
    add(with(r#""description":"a\u0000b""#), 422, "/description");
    add(with(r#""description":"a\u000bb""#), 422, "/description");
    add(with(r#""brand":"""#), 422, "/brand");
    add(with(r#""category":" a""#), 422, "/category");
    // Deep and wide.
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    add(with(&format!("\"brand\":{deep}")), 422, "/brand");
    add(with(&format!("\"x\":{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000))), 422, "/x");
    add("[".repeat(60_000), 400, "");
    add("{\"a\":".repeat(10_000), 400, "");
    let wide: Vec<String> = (0..100).map(|at| format!("\"k{at}\":1")).collect();
    add(format!("{{{}}}", wide.join(",")), 400, "");
    table
}

#[tokio::test]
async fn no_bad_product_is_created() {
    let store = Store::new();
    let table = bad_products();
    assert!(table.len() >= 120, "{}", table.len());
    for (body, status, pointer) in &table {
        let what: String = body.chars().take(120).collect();
        let answer = store.create(body).await;
        assert_eq!(answer.status.as_u16(), *status, "{what}: {}", answer.text());
        is_a_problem(&answer, &what);
        let errors = answer.json()["errors"].clone();
        let named = errors.as_array().unwrap().iter();
        let named: Vec<&str> = named.filter_map(|error| error["pointer"].as_str()).collect();
        assert!(named.iter().any(|found| found.starts_with(pointer)), "{what}: {named:?}");
    }
    assert_eq!(store.count().await, 0);
}

#[tokio::test]
async fn no_bad_body_changes_a_product() {
    let store = Store::new();
    let path = store.created("unchanged").await;
    let before = store.get(&path).await;
    for (body, status, _) in &bad_products() {
        let what: String = body.chars().take(120).collect();
        let answer = store.call("PUT", &path).json(body).send().await;
        assert_eq!(answer.status.as_u16(), *status, "PUT {what}");
        is_a_problem(&answer, &what);
        // For a patch absent members are right and null clears optional ones.
        let missing = !["{}", r#"{"sku":"b","price":1}"#].contains(&body.as_str())
            && !body.starts_with(r#"{"name":"a","price":1}"#)
            && body != r#"{"name":"a","sku":"b"}"#;
        if missing {
            let answer = store.call("PATCH", &path).json(body).send().await;
            assert_eq!(answer.status.as_u16(), *status, "PATCH {what}");
        }
    }
    let after = store.get(&path).await;
    assert_eq!(after.body, before.body);
    assert_eq!(after.header("etag"), before.header("etag"));
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused() {
    let store = Store::new();
    for bytes in [
        &b"\xff\xfe{\x00}\x00"[..],
        b"{\"name\":\"\xff\"}",
        b"{\"name\":\"\xed\xa0\x80\",\"sku\":\"b\",\"price\":1}",
        b"{\"name\":\"\xc0\x80\",\"sku\":\"b\",\"price\":1}",
        b"\x00\x00\x00",
        b"\x1f\x8b\x08\x00",
    ] {
        let call = store.call("POST", "/products").header("content-type", "application/json");
        let answer = call.body(Bytes::copy_from_slice(bytes)).send().await;
        assert_eq!(answer.status, 400, "{bytes:?}");
        is_a_problem(&answer, "bytes");
    }
    assert_eq!(store.count().await, 0);
}

#[tokio::test]
async fn other_media_types_and_encodings_are_refused() {
    let store = Store::new();
    let body = r#"{"name":"a","sku":"b","price":1}"#;
    for media_type in [
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonx",
        "json",
        "",
        "application/merge-patch+json",
        "*/*",
    ] {
        let call = store.call("POST", "/products").header("content-type", media_type);
        let answer = call.body(body).send().await;
        assert_eq!(answer.status, 415, "{media_type}");
        is_a_problem(&answer, media_type);
    }
    let answer = store.call("POST", "/products").body(body).send().await;
    assert_eq!(answer.status, 415, "no media type");
    let packed = store.call("POST", "/products").json(body).header("content-encoding", "gzip");
    assert_eq!(packed.send().await.status, 415);
    assert_eq!(store.count().await, 0);
    for media_type in ["application/json", "Application/JSON; charset=utf-8", "application/json;x=y"] {
        let body = format!(r#"{{"name":"a","sku":"{media_type}","price":1}}"#);
        let call = store.call("POST", "/products").header("content-type", media_type);
        assert_eq!(call.body(body).send().await.status, 201, "{media_type}");
    }
}

#[tokio::test]
async fn large_bodies_are_refused_whether_announced_or_not() {
    let store = Store::new();
    let body = format!(r#"{{"name":"{}","sku":"b","price":1}}"#, "x".repeat(70_000));
    let announced = store.call("POST", "/products").json(&body);
    let answer = announced.header("content-length", &body.len().to_string()).send().await;
    assert_eq!(answer.status, 413);
    is_a_problem(&answer, "announced");
    assert_eq!(answer.header("connection"), Some("close"));
    let chunks = body.into_bytes().chunks(1000).map(Bytes::copy_from_slice).collect::<Vec<_>>();
    let stream = futures::stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>));
    let call = store.call("POST", "/products").header("content-type", "application/json");
    let answer = call.body(Body::from_stream(stream)).send().await;
    assert_eq!(answer.status, 413);
    assert_eq!(store.count().await, 0);
}

#[tokio::test]
async fn a_body_that_never_ends_or_breaks_off_is_given_up() {
    let store = Store::new();
    let slow = futures::stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
    });
    let call = store.call("POST", "/products").header("content-type", "application/json");
    let answer = call.body(Body::from_stream(slow)).send().await;
    assert_eq!(answer.status, 408);
    is_a_problem(&answer, "slow");
    let broken = futures::stream::iter([Ok(Bytes::from_static(b"{\"name\":")), Err(std::io::Error::other("reset"))]);
    let call = store.call("POST", "/products").header("content-type", "application/json");
    let answer = call.body(Body::from_stream(broken)).send().await;
    assert_eq!(answer.status, 400);
    assert_eq!(store.count().await, 0);
}

#[tokio::test]
async fn ids_have_one_form_and_everything_else_is_not_found() {
    let store = Store::new();
    let path = store.created("one").await;
    let id = path.rsplit('/').next().unwrap();
    for other in [
        "x".to_owned(),
        "1".to_owned(),
        "-1".to_owned(),
        "null".to_owned(),
        id.replace('-', ""),
        format!("{{{id}}}").replace('{', "%7B").replace('}', "%7D"),
        format!("urn:uuid:{id}"),
        format!("{id}0"),
        id[..35].to_owned(),
        format!("{}g", &id[..35]),
        id.replace('-', "_"),
        "00000000-0000-0000-0000-000000000000".to_owned(),
        "ffffffff-ffff-ffff-ffff-ffffffffffff".to_owned(),
        "%00".to_owned(),
        "..%2f..%2fetc%2fpasswd".to_owned(),
        "%F0%9F%A6%80".to_owned(),
        "%ff".to_owned(),
        "'%20OR%201=1".to_owned(),
        "x".repeat(5000),
    ] {
        for method in ["GET", "PUT", "PATCH", "DELETE", "HEAD"] {
            let call = store.call(method, &format!("/products/{other}"));
            let answer = call.json(r#"{"name":"a","sku":"b","price":1}"#).send().await;
            assert_eq!(answer.status, 404, "{method} {other}");
        }
    }
    assert_eq!(store.get(&path.to_uppercase().replace("/PRODUCTS", "/products")).await.status, 200);
    assert_eq!(store.count().await, 1);
}

#[tokio::test]
async fn bad_queries_are_refused_by_name() {
    let store = Store::new();
    for (query, parameter) in [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=101", "limit"),
        ("limit=1.5", "limit"),
        ("limit=ten", "limit"),
        ("limit=", "limit"),
        ("limit=+1", "limit"),
        ("limit=1e1", "limit"),
        ("limit=99999999999999999999999", "limit"),
        ("limit=%00", "limit"),
        ("limit=1&limit=2", "limit"),
        ("cursor=", "cursor"),
        ("cursor=x", "cursor"),
        ("cursor=AAAA", "cursor"),
        ("cursor=%F0%9F%A6%80", "cursor"),
        ("sku=", "sku"),
        ("sku=%00", "sku"),
        ("sku=a&sku=b", "sku"),
        ("sku=%ff", "sku"),
        ("sku=%", "sku"),
        ("sku=%2", "sku"),
        ("sku=%zz", "sku"),
        ("category=", "category"),
        ("category=%0a", "category"),
        ("name_prefix=", "name_prefix"),
        ("words=", "words"),
        ("words=a%00", "words"),
        ("words=%2D%2D%20!", "words"),
        ("words=a&words=b", "words"),
        ("name_prefix=a%00", "name_prefix"),
        ("offset=10", "offset"),
        ("page=2", "page"),
        ("Limit=1", "Limit"),
        ("%00=1", ""),
        ("a", "a"),
    ] {
        let answer = store.get(&format!("/products?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        is_a_problem(&answer, query);
        let pointer = answer.json()["errors"][0]["pointer"].clone();
        assert!(pointer.as_str().unwrap().starts_with(&format!("query:{parameter}")), "{query}: {pointer}");
    }
    let long = store.get(&format!("/products?sku={}", "x".repeat(65))).await;
    assert_eq!(long.status, 400);
    for target in ["/cluster/nodes?x=1", "/products/x?y=1", "/cluster/ring?keyspace=a-b", "/cluster/ring?keyspace="] {
        let status = store.get(target).await.status.as_u16();
        assert!([400, 404].contains(&status), "{target}");
    }
}

#[tokio::test]
async fn bad_headers_are_refused_by_name() {
    let store = Store::new();
    let path = store.created("one").await;
    for (method, name, value) in [
        ("GET", "Consistency-Level", "MOST"),
        ("GET", "Consistency-Level", ""),
        ("GET", "Consistency-Level", "EACH_QUORUM"),
        ("GET", "Consistency-Level", "LOCAL QUORUM"),
        ("GET", "Consistency-Level", "é"),
        ("DELETE", "Consistency-Level", "SERIAL"),
        ("GET", "Cassandra-Trace", "yes"),
        ("GET", "Cassandra-Trace", ""),
    ] {
        let answer = store.call(method, &path).header(name, value).send().await;
        assert_eq!(answer.status, 400, "{method} {name}: {value}");
        is_a_problem(&answer, name);
        let pointer = answer.json()["errors"][0]["pointer"].clone();
        assert!(pointer.as_str().unwrap().eq_ignore_ascii_case(&format!("header:{name}")), "{pointer}");
    }
    for condition in ["1", "", "\"1", "\"1\" \"2\"", "é", "W/\"1\"", "\"01\"", "null"] {
        let answer = store.call("DELETE", &path).header("if-match", condition).send().await;
        assert_eq!(answer.status, 412, "{condition}");
        is_a_problem(&answer, condition);
    }
    for key in ["", " ", "a b", "é", &"k".repeat(256)] {
        let call = store.call("POST", "/products").header("idempotency-key", key);
        let answer = call.json(r#"{"name":"a","sku":"new","price":1}"#).send().await;
        assert_eq!(answer.status, 400, "{key}");
    }
    assert_eq!(store.count().await, 1);
}

#[tokio::test]
async fn clients_that_read_no_json_are_told() {
    let store = Store::new();
    let path = store.created("one").await;
    for accept in ["text/html", "application/xml", "image/*", "application/json;q=0", "text/plain, text/csv"] {
        for target in ["/products", &path, "/cluster/nodes"] {
            let answer = store.call("GET", target).header("accept", accept).send().await;
            assert_eq!(answer.status, 406, "{target} {accept}");
            is_a_problem(&answer, accept);
        }
    }
    for accept in ["*/*", "application/*", "application/json", "text/html, */*;q=0.1", "APPLICATION/JSON"] {
        let answer = store.call("GET", &path).header("accept", accept).send().await;
        assert_eq!(answer.status, 200, "{accept}");
    }
}

#[tokio::test]
async fn other_methods_and_paths_are_refused_with_what_there_is() {
    let store = Store::new();
    let path = store.created("one").await;
    for (method, target, allow) in [
        ("DELETE", "/products", "GET,HEAD,POST,OPTIONS"),
        ("PUT", "/products", "GET,HEAD,POST,OPTIONS"),
        ("PATCH", "/products", "GET,HEAD,POST,OPTIONS"),
        ("TRACE", "/products", "GET,HEAD,POST,OPTIONS"),
        ("BREW", "/products", "GET,HEAD,POST,OPTIONS"),
        ("POST", path.as_str(), "GET,HEAD,PUT,PATCH,DELETE,OPTIONS"),
        ("POST", "/health", "GET,HEAD,OPTIONS"),
        ("DELETE", "/metrics", "GET,HEAD,OPTIONS"),
        ("POST", "/cluster/nodes", "GET,HEAD,OPTIONS"),
    ] {
        let answer = store.call(method, target).json("{}").send().await;
        assert_eq!(answer.status, 405, "{method} {target}");
        is_a_problem(&answer, target);
        let mut listed: Vec<&str> = answer.header("allow").unwrap().split(',').collect();
        let mut expected: Vec<&str> = allow.split(',').collect();
        listed.sort_unstable();
        expected.sort_unstable();
        assert_eq!(listed, expected, "{method} {target}");
        let options = store.call("OPTIONS", target).send().await;
        assert_eq!((options.status.as_u16(), options.header("allow")), (204, answer.header("allow")), "{target}");
    }
    let hosts = store.call("GET", "/products").header("host", "other").send().await;
    assert_eq!((hosts.status.as_u16(), &hosts.json()["errors"][0]["code"]), (400, &"bad_host".into()));
    assert!(store.get("/products/").await.text().contains("slash"));
    for target in
        ["/", "/product", "/products/", "/products/a/b", "//products", "/%00", "/docs/../etc", "/docs/none.js"]
    {
        let answer = store.get(target).await;
        assert_eq!(answer.status, 404, "{target}");
        is_a_problem(&answer, target);
    }
}
