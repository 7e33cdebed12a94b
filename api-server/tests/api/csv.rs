//! Whole tables as CSV: what an import does, tells and repeats, and what an export gives back.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use store_api::auth::roles::Role;

use super::client::{Answer, Store};
use super::roles::{guarded, token_of};
use super::stocks::stocked;

async fn import(store: &Store, target: &str, file: impl Into<Body>) -> Answer {
    store.call("POST", target).header("content-type", "text/csv").body(file).send().await
}

/// Lines, created, changed, unchanged, failed.
fn counts(answer: &Answer) -> [u64; 5] {
    let body = answer.json();
    let report = body.get("report").unwrap_or(&body);
    ["lines", "created", "changed", "unchanged", "failed"].map(|name| report[name].as_u64().unwrap())
}

/// Line, column and code of each error.
fn errors(answer: &Answer) -> Vec<(u64, String, String)> {
    let body = answer.json();
    let errors = body["report"]["errors"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
    errors.map(|error| (error["line"].as_u64().unwrap(), text(&error["column"]), text(&error["code"]))).collect()
}

async fn quantity(store: &Store, id: &str) -> i64 {
    store.get(&format!("/stocks/{id}")).await.json()["quantity"].as_i64().unwrap()
}

const FILE: &str = "sku,name,price,brand,category,description\r\nA,\"Tea, green\",10.50,Hillside,tea,\"two\r\nlines\"\r\nB,Mug,4,,,\r\n";

#[tokio::test]
async fn a_file_is_imported_once_and_a_second_time_changes_nothing() {
    let store = Store::new();
    let dry = import(&store, "/products/import?dry_run=true", FILE).await;
    assert_eq!((dry.status.as_u16(), counts(&dry)), (200, [2, 2, 0, 0, 0]), "{}", dry.text());
    assert_eq!(store.count().await, 0);
    let first = import(&store, "/products/import", FILE).await;
    assert_eq!((first.status.as_u16(), counts(&first)), (200, [2, 2, 0, 0, 0]));
    let tea = store.get("/products?sku=A").await.json()[0].clone();
    assert_eq!((&tea["name"], &tea["description"]), (&"Tea, green".into(), &"two\r\nlines".into()));
    assert_eq!((tea["price"].to_string(), &tea["version"]), ("10.5".to_owned(), &1.into()));
    let again = import(&store, "/products/import", FILE).await;
    assert_eq!(counts(&again), [2, 0, 0, 2, 0]);
    assert_eq!(store.get("/products?sku=A").await.json()[0]["version"], 1);
    assert_eq!(store.count().await, 2);
}

#[tokio::test]
async fn a_line_changes_what_it_has_columns_for_and_leaves_the_rest() {
    let store = Store::new();
    import(&store, "/products/import", FILE).await;
    let dry = import(&store, "/products/import?dry_run=true", "sku,name,price,brand\nA,Tea,11,\nB,Mug,4,\n").await;
    assert_eq!(counts(&dry), [2, 0, 1, 1, 0]);
    assert_eq!(store.get("/products?sku=A").await.json()[0]["brand"], "Hillside");
    let done = import(&store, "/products/import", "sku,name,price,brand\nA,Tea,11,\nB,Mug,4,\n").await;
    assert_eq!(counts(&done), [2, 0, 1, 1, 0]);
    let tea = store.get("/products?sku=A").await.json()[0].clone();
    assert_eq!((&tea["name"], &tea["brand"], &tea["category"]), (&"Tea".into(), &().into(), &"tea".into()));
}

#[tokio::test]
async fn wrong_lines_are_told_and_the_others_are_done() {
    let store = Store::new();
    let file = "sku,name,price\nA,Tea,10\nB,,0\nA,Tea,10\nC,Mug\nD,Lamp,39.90\nE,19\" screen,1\n\u{1F980},Crab,1e400\n";
    let answer = import(&store, "/products/import", file).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(counts(&answer), [7, 2, 0, 0, 5]);
    let expected = [
        (3, "name", "too_short"),
        (3, "price", "out_of_range"),
        (4, "sku", "repeated_sku"),
        (5, "-", "wrong_number_of_columns"),
        (7, "-", "stray_quotes"),
        (8, "price", "out_of_range"),
    ];
    let expected: Vec<_> =
        expected.iter().map(|(line, column, code)| (*line, (*column).into(), (*code).into())).collect();
    assert_eq!(errors(&answer), expected);
    assert_eq!(store.count().await, 2);
    let put_right = import(&store, "/products/import", "sku,name,price\nA,Tea,10\nB,Mug,1\nD,Lamp,39.90\n").await;
    assert_eq!(counts(&put_right), [3, 1, 0, 2, 0], "what was done is left as it is");
}

#[tokio::test]
async fn an_export_of_many_pages_is_a_file_that_changes_nothing() {
    let store = Store::new();
    let mut file = String::from("sku,name,price,brand,category,description\n");
    for at in 0..250 {
        file += &format!("S{at},\"Thing \"\"{at}\"\", large\",{at}.10,,things,\n").replace("0.10", "1.10");
    }
    assert_eq!(counts(&import(&store, "/products/import", file).await), [250, 250, 0, 0, 0]);
    let export = store.get("/products/export").await;
    assert_eq!(export.status, 200);
    assert_eq!(export.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    assert_eq!(export.header("content-disposition"), Some("attachment; filename=\"products.csv\""));
    assert_eq!(export.header("consistency-level"), Some("LOCAL_QUORUM"));
    assert_eq!(export.text().lines().count(), 251);
    assert!(
        export.text().starts_with("sku,name,price,brand,category,description\r\nS249,"),
        "{}",
        &export.text()[..99]
    );
    let back = import(&store, "/products/import", export.body.clone()).await;
    assert_eq!(counts(&back), [250, 0, 0, 250, 0]);
    let elsewhere = Store::new();
    assert_eq!(counts(&import(&elsewhere, "/products/import", export.body).await), [250, 250, 0, 0, 0]);
    let empty = Store::new().get("/stocks/export").await;
    assert_eq!(empty.text(), "sku,quantity\r\n");
}

#[tokio::test]
async fn a_count_is_made_once_however_often_it_is_sent() {
    let store = Store::new();
    let id = stocked(&store, "A", 3).await;
    store.created("B").await;
    let file = "sku,quantity\nA,10\nB,5\n";
    let dry = import(&store, "/stocks/import?reference=count-1&dry_run=true", file).await;
    assert_eq!((dry.status.as_u16(), counts(&dry)), (200, [2, 1, 1, 0, 0]), "{}", dry.text());
    assert_eq!(quantity(&store, &id).await, 3);
    let first = import(&store, "/stocks/import?reference=count-1", file).await;
    assert_eq!(counts(&first), [2, 1, 1, 0, 0], "{}", first.text());
    let sold = store.call("POST", &format!("/stocks/{id}/adjustments")).json(r#"{"delta":-4}"#).send().await;
    assert_eq!(sold.status, 201);
    let again = import(&store, "/stocks/import?reference=count-1", file).await;
    assert_eq!(counts(&again), [2, 0, 0, 2, 0]);
    assert_eq!(quantity(&store, &id).await, 6, "what was sold since stays sold");
    let movements = store.get(&format!("/stocks/{id}/movements")).await.json();
    assert_eq!(movements.as_array().unwrap().len(), 3);
    let of_the_import = (&movements[1]["kind"], &movements[1]["reference"], &movements[1]["reason"]);
    assert_eq!(of_the_import, (&"set".into(), &"count-1".into(), &"import".into()));
    let other = import(&store, "/stocks/import?reference=count-1", "sku,quantity\nA,11\n").await;
    assert_eq!(errors(&other), [(2, "quantity".into(), "reference_used".into())]);
    assert_eq!(counts(&import(&store, "/stocks/import?reference=count-2", file).await), [2, 0, 2, 0, 0]);
    assert_eq!(store.get("/stocks/export").await.text(), "sku,quantity\r\nB,5\r\nA,10\r\n");
}

#[tokio::test]
async fn a_delivery_adds_and_never_takes_more_than_there_is() {
    let store = Store::new();
    let id = stocked(&store, "A", 3).await;
    store.created("B").await;
    let file = "sku,delta\nA,-4\nB,1\nC,1\n";
    let expected = [
        (2, "delta".to_owned(), "insufficient_stock".to_owned()),
        (3, "-".into(), "not_found".into()),
        (4, "sku".into(), "unknown_sku".into()),
    ];
    for target in ["/stocks/import?reference=DN-1&dry_run=true", "/stocks/import?reference=DN-1"] {
        let answer = import(&store, target, file).await;
        assert_eq!((answer.status.as_u16(), counts(&answer)), (422, [3, 0, 0, 0, 3]));
        assert_eq!(errors(&answer), expected);
    }
    for (reference, after) in [("DN-2", 8), ("DN-2", 8), ("DN-3", 13)] {
        import(&store, &format!("/stocks/import?reference={reference}"), "sku,delta\nA,5\n").await;
        assert_eq!(quantity(&store, &id).await, after, "{reference}");
    }
}

#[tokio::test]
async fn files_that_are_no_table_are_refused_and_nothing_is_done() {
    let store = Store::new();
    for (file, code) in [
        (&b""[..], "empty"),
        (b"\n\n", "empty"),
        (b"A,Tea,10\n", "unknown_column"),
        (b"name,price\nTea,10\n", "missing_column"),
        (b"sku\nA\n", "missing_column"),
        (b"sku|name|price\nA|Tea|10\n", "unknown_column"),
        (b"sku,name,price,id\nA,Tea,10,1\n", "unknown_column"),
        (b"sku,sku,name,price\nA,A,Tea,10\n", "repeated_column"),
        (b"\xff\xfes\0k\0u\0", "not_utf8"),
        (b"PK\x03\x04\x14\0\0\0", "not_csv"),
        (b"{\"sku\":\"A\"}", "stray_quotes"),
    ] {
        let answer = import(&store, "/products/import", Bytes::from_static(file)).await;
        assert_eq!(answer.status, 422, "{file:?}");
        assert!(answer.json()["type"].as_str().unwrap().ends_with(":bad_columns"));
        assert_eq!(answer.json()["report"]["errors"][0]["code"], code, "{file:?}");
    }
    for (target, pointer) in [
        ("/stocks/import", "query:reference"),
        ("/stocks/import?reference=", "query:reference"),
        ("/stocks/import?reference=a%00", "query:reference"),
        ("/stocks/import?reference=a&dry_run=yes", "query:dry_run"),
        ("/products/import?dry_run=1", "query:dry_run"),
        ("/products/import?update_only=", "query:update_only"),
        ("/products/import?reference=a", "query:reference"),
    ] {
        let answer = import(&store, target, FILE).await;
        assert_eq!(answer.status, 400, "{target}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{target}");
    }
    for media_type in [
        "application/json",
        "text/plain",
        "application/csv",
        "application/x-www-form-urlencoded",
        "text/csv; charset=windows-1252",
        "",
    ] {
        let call = store.call("POST", "/products/import").header("content-type", media_type);
        assert_eq!(call.body(FILE).send().await.status, 415, "{media_type}");
    }
    assert_eq!(store.count().await, 0);
    for (target, accept, status) in [
        ("/products/export", "application/json", 406),
        ("/stocks/export", "text/*", 200),
        ("/products/export?limit=1", "*/*", 400),
        ("/products/export?separator=tab", "*/*", 400),
        ("/products/export?bom=1", "*/*", 400),
    ] {
        assert_eq!(store.call("GET", target).header("accept", accept).send().await.status, status, "{target}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_stands_still_or_has_no_end_is_told_with_what_was_done() {
    let store = Store::new();
    let begin = || stream::iter([Ok(Bytes::from_static(b"sku,name,price\nA,Tea,10\nB,Mu"))]);
    let broken = begin().chain(stream::iter([Err(std::io::Error::other("reset"))]));
    let answer = import(&store, "/products/import", Body::from_stream(broken)).await;
    assert_eq!((answer.status.as_u16(), counts(&answer)), (400, [1, 1, 0, 0, 0]), "{}", answer.text());
    assert!(answer.json()["type"].as_str().unwrap().ends_with(":malformed_request"));
    let silent = begin().chain(stream::pending::<Result<Bytes, std::io::Error>>());
    let answer = import(&store, "/products/import", Body::from_stream(silent)).await;
    assert_eq!((answer.status.as_u16(), counts(&answer)), (408, [1, 0, 0, 1, 0]), "{}", answer.text());
    let slow =
        stream::iter(b"sku,name,price\nA,Tea,10\n".map(|byte| Bytes::copy_from_slice(&[byte]))).then(|byte| async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Ok::<_, std::io::Error>(byte)
        });
    let answer = import(&store, "/products/import", Body::from_stream(slow)).await;
    assert_eq!((answer.status.as_u16(), counts(&answer)), (200, [1, 0, 0, 1, 0]), "byte by byte");
    let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 64 * 1024])));
    let answer = import(&store, "/products/import", Body::from_stream(begin().chain(endless))).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.header("connection"), Some("close"));
    let many =
        |lines: i32| (0..lines).fold(String::from("sku,quantity\n"), |file, at| file + &format!("none-{at},1\n"));
    let answer = import(&store, "/stocks/import?reference=r", many(20_000)).await;
    assert_eq!(answer.status, 422, "after a thousand wrong lines nothing more is looked at");
    assert!(counts(&answer)[0] < 1100 && counts(&answer)[4] == counts(&answer)[0], "{:?}", counts(&answer));
    let answer = import(&store, "/stocks/import?reference=r", many(20_001)).await;
    assert_eq!((answer.status.as_u16(), counts(&answer)), (413, [0; 5]), "nothing is done of a file that is too long");
    assert_eq!(store.count().await, 1);
}

#[tokio::test]
async fn sellers_import_and_export_and_suppliers_do_not() {
    let store = guarded();
    for (role, admitted) in
        [(Role::Seller, true), (Role::Admin, true), (Role::Supplier, false), (Role::Director, false)]
    {
        let authorization = format!("Bearer {}", token_of(role));
        let call = store.call("POST", "/products/import").header("authorization", &authorization);
        let status = call.header("content-type", "text/csv").body(FILE).send().await.status.as_u16();
        assert_eq!(status, if admitted { 200 } else { 403 }, "{role:?}");
        let export = store.call("GET", "/stocks/export").header("authorization", &authorization).send().await;
        assert_eq!(export.status.as_u16(), if admitted { 200 } else { 403 }, "{role:?}");
    }
    let nowhere = Store::without_database(5);
    assert_eq!(import(&nowhere, "/products/import", FILE).await.status, 503);
    assert_eq!(nowhere.get("/products/export").await.status, 503);
}

#[tokio::test]
async fn a_price_list_changes_prices_alone_and_creates_nothing_it_may_not() {
    let store = Store::new();
    import(&store, "/products/import", FILE).await;
    let file = "sku,price\nA,11\nNEW,1\n";
    for target in ["/products/import?update_only=true&dry_run=true", "/products/import?update_only=true"] {
        let answer = import(&store, target, file).await;
        assert_eq!((answer.status.as_u16(), counts(&answer)), (422, [2, 0, 1, 0, 1]), "{}", answer.text());
        assert_eq!(errors(&answer), [(3, "sku".into(), "unknown_sku".into())]);
    }
    let tea = store.get("/products?sku=A").await.json()[0].clone();
    assert_eq!((tea["price"].to_string(), &tea["name"]), ("11".to_owned(), &"Tea, green".into()));
    let new = import(&store, "/products/import", file).await;
    assert_eq!(errors(&new), [(3, "name".into(), "required".into())], "a new product needs a name");
    assert_eq!(store.count().await, 2);
}

#[tokio::test]
async fn files_as_spreadsheets_write_them_are_what_they_mean() {
    let store = Store::new();
    let german = "\u{feff}sku;name;price\r\nSEMI-1;Tee;10,50\r\n;;\r\n";
    let answer = import(&store, "/products/import", german).await;
    assert_eq!((answer.status.as_u16(), counts(&answer)), (200, [1, 1, 0, 0, 0]), "{}", answer.text());
    assert_eq!(store.get("/products?sku=SEMI-1").await.json()[0]["price"].to_string(), "10.5");
    // What a spreadsheet makes of an export when it saves it: fewer zeros, rows of nothing, a line that says sep.
    for saved in ["sku,name,price\r\nSEMI-1,Tee,10.5\r\n,,\r\n", "sep=;\r\nsku;name;price\r\nSEMI-1;Tee;10,5\r\n"] {
        let answer = import(&store, "/products/import", saved).await;
        assert_eq!((answer.status.as_u16(), counts(&answer)), (200, [1, 0, 0, 1, 0]), "{}", answer.text());
    }
    let product = store.get("/products?sku=SEMI-1").await;
    assert!(product.text().contains("\"price\":10.50,"), "as it was first written: {}", product.text());
    assert_eq!(product.json()[0]["version"], 1);
    let export = store.get("/products/export?bom=true&separator=semicolon&formulas=quoted").await;
    let back = import(&store, "/products/import", export.body.clone()).await;
    assert!(export.text().starts_with("\u{feff}sku;name;price;"), "{}", export.text());
    assert_eq!(counts(&back), [1, 0, 0, 1, 0], "{}", back.text());
    let formula = "sku,name,price\nFX-1,\"=HYPERLINK(\"\"http://example.org\"\")\",1\n";
    assert_eq!(import(&store, "/products/import", formula).await.status, 200);
    assert!(store.get("/products/export").await.text().contains("FX-1,\"=HYPERLINK("), "as it is kept");
    assert!(store.get("/products/export?formulas=quoted").await.text().contains("FX-1,\"'=HYPERLINK("));
}

#[tokio::test]
async fn a_file_comes_as_the_part_of_a_form_and_as_windows_calls_it_too() {
    let form = |parts: &[&str]| {
        let parts: String = parts.iter().map(|part| format!("--cut\r\n{part}\r\n")).collect();
        format!("{parts}--cut--\r\n")
    };
    let file = "Content-Disposition: form-data; name=\"file\"; filename=\"p.csv\"\r\n\
                Content-Type: application/vnd.ms-excel\r\n\r\nsku,name,price\nA,Tea,10\n";
    let other = "Content-Disposition: form-data; name=\"x\"\r\n\r\n1";
    for (media_type, body, status, code) in [
        ("multipart/form-data; boundary=cut", form(&[file]), 200, ""),
        ("application/vnd.ms-excel", "sku,name,price\nA,Tea,10\n".to_owned(), 200, ""),
        ("text/csv; charset=\"UTF-8\"; header=present", "sku,name,price\nA,Tea,10\n".to_owned(), 200, ""),
        ("multipart/form-data; boundary=cut", form(&[]), 400, "bad_form"),
        ("multipart/form-data; boundary=cut", form(&[file, other]), 400, "bad_form"),
        ("multipart/form-data; boundary=other", form(&[file]), 400, "bad_form"),
        ("multipart/form-data", form(&[file]), 400, "bad_form"),
    ] {
        let store = Store::new();
        let call = store.call("POST", "/products/import").header("content-type", media_type);
        let answer = call.body(body).send().await;
        assert_eq!(answer.status.as_u16(), status, "{media_type}: {}", answer.text());
        match status {
            200 => assert_eq!(counts(&answer), [1, 1, 0, 0, 0], "{media_type}"),
            _ => assert_eq!(answer.json()["errors"][0]["code"], code, "{media_type}"),
        }
    }
}

#[tokio::test]
async fn a_delivery_that_names_a_sku_twice_is_put_right_under_its_own_reference() {
    let store = Store::new();
    let mug = stocked(&store, "MUG-1", 0).await;
    let tea = stocked(&store, "TEA-1", 0).await;
    let twice = import(&store, "/stocks/import?reference=DN-9", "sku,delta\nMUG-1,12\nTEA-1,5\nMUG-1,8\n").await;
    assert_eq!((twice.status.as_u16(), counts(&twice)), (422, [3, 0, 1, 0, 2]), "{}", twice.text());
    let told: Vec<u64> = errors(&twice).into_iter().map(|(line, ..)| line).collect();
    assert_eq!((told, quantity(&store, &mug).await), (vec![2, 4], 0));
    let summed = import(&store, "/stocks/import?reference=DN-9", "sku,delta\nMUG-1,20\nTEA-1,5\n").await;
    assert_eq!((summed.status.as_u16(), counts(&summed)), (200, [2, 0, 1, 1, 0]), "{}", summed.text());
    assert_eq!((quantity(&store, &mug).await, quantity(&store, &tea).await), (20, 5));
    let floats = import(&store, "/stocks/import?reference=pd-1", "sku,quantity\nMUG-1,12.0\nTEA-1,8.0\n").await;
    assert_eq!(counts(&floats), [2, 0, 2, 0, 0], "{}", floats.text());
    // A file of stocks that breaks off has done nothing.
    let begin = stream::iter([Ok(Bytes::from_static(b"sku,delta\nMUG-1,1\n"))]);
    let broken = begin.chain(stream::iter([Err(std::io::Error::other("reset"))]));
    let answer = import(&store, "/stocks/import?reference=DN-10", Body::from_stream(broken)).await;
    assert_eq!((answer.status.as_u16(), counts(&answer)), (400, [0; 5]), "{}", answer.text());
    assert_eq!(quantity(&store, &mug).await, 12);
    for header in ["if-match", "if-none-match"] {
        let call = store.call("POST", "/stocks/import?reference=DN-11").header("content-type", "text/csv");
        let answer = call.header(header, "*").body("sku,delta\nMUG-1,1\n").send().await;
        assert_eq!((answer.status.as_u16(), quantity(&store, &mug).await), (400, 12), "{header}");
    }
}

/// An import that nobody waits for, once it has ended.
async fn ended(store: &Store, accepted: &Answer) -> serde_json::Value {
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    assert_eq!(accepted.header("preference-applied"), Some("respond-async"));
    assert!(accepted.header("retry-after").is_some());
    let location = accepted.header("location").unwrap();
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let told = store.get(location).await;
        assert_eq!(told.status, 200, "{}", told.text());
        let told = told.json();
        if told["state"] != "running" {
            return told;
        }
        assert!(tokio::time::Instant::now() < until, "{told}");
        tokio::task::yield_now().await;
    }
}

async fn later(store: &Store, target: &str, file: impl Into<Body>) -> Answer {
    let call = store.call("POST", target).header("content-type", "text/csv").header("prefer", "respond-async");
    call.body(file).send().await
}

#[tokio::test]
async fn an_import_that_is_not_waited_for_is_told_of_in_the_end_as_it_would_have_been_answered() {
    let store = Store::new();
    let dry = later(&store, "/products/import?dry_run=true", FILE).await;
    assert_eq!((&dry.json()["state"], &dry.json()["kind"]), (&"running".into(), &"products".into()));
    let dry = ended(&store, &dry).await;
    assert_eq!(
        (&dry["state"], &dry["status"], &dry["answer"]["dry_run"]),
        (&"ended".into(), &200.into(), &true.into())
    );
    assert_eq!((&dry["answer"]["created"], store.count().await), (&2.into(), 0));
    let done = ended(&store, &later(&store, "/products/import", FILE).await).await;
    assert_eq!((&done["status"], &done["answer"]["created"]), (&200.into(), &2.into()));
    assert_eq!((&done["progress"]["lines"], &done["progress"]["created"]), (&2.into(), &2.into()));
    assert_eq!(store.count().await, 2);
    let counted = later(&store, "/stocks/import?reference=count-1", "sku,quantity\nA,5\nB,-1\nX,1\n").await;
    let counted = ended(&store, &counted).await;
    assert_eq!((&counted["kind"], &counted["status"]), (&"stocks".into(), &422.into()));
    let problem = &counted["answer"];
    assert_eq!((&problem["status"], &problem["report"]["created"]), (&422.into(), &1.into()));
    assert_eq!(problem["report"]["errors"].as_array().unwrap().len(), 2);
    assert_eq!(problem["request_id"], counted["id"]);
    let wrong = ended(&store, &later(&store, "/products/import", "sku;nome\n").await).await;
    assert_eq!(
        (&wrong["status"], &wrong["answer"]["type"]),
        (&422.into(), &"urn:store-manager:problem:bad_columns".into())
    );
    assert_eq!(store.get("/imports/0190a0a0-0000-7000-8000-000000000000").await.status, 404);
}

#[tokio::test]
async fn what_is_wrong_with_a_file_that_comes_is_told_at_once_and_two_are_held() {
    let store = Store::new();
    let big = later(&store, "/products/import", vec![b'a'; 16 * 1024 * 1024 + 1]).await;
    assert_eq!(big.status, 413, "{}", big.text());
    let media = store.call("POST", "/products/import").header("prefer", "respond-async").body(FILE).send().await;
    assert_eq!(media.status, 415);
    let silent = || Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let slow = later(&store, "/products/import", silent()).await;
    assert_eq!(slow.status, 408, "{}", slow.text());
    let (one, two) = (later(&store, "/products/import", silent()), later(&store, "/products/import", silent()));
    let third = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        later(&store, "/products/import", FILE).await
    };
    let (one, two, third) = tokio::join!(one, two, third);
    assert_eq!((one.status.as_u16(), two.status.as_u16()), (408, 408));
    assert_eq!((third.status.as_u16(), third.header("retry-after")), (503, Some("1")), "{}", third.text());
    let waited = import(&store, "/products/import", FILE).await;
    assert_eq!(waited.status, 200, "those who wait have turns of their own");
    ended(&store, &later(&store, "/products/import", FILE).await).await;
}

#[tokio::test]
async fn an_import_whose_process_is_gone_is_told_as_lost_and_by_another_process() {
    let daos = store_api::dao::memory::daos();
    let id = uuid::Uuid::now_v7();
    let long_ago = store_api::models::Context {
        now_ms: store_api::models::now_ms() - 60_000,
        ..store_api::models::Context::within(Duration::from_secs(1))
    };
    daos.imports.begin(&long_ago, id, store_api::models::import::Kind::Products, long_ago.now_ms, 30).await.unwrap();
    daos.imports.beat(&long_ago, id, b"{\"lines\":7}", 30).await.unwrap();
    let (one, other) = (Store::over(daos.clone()), Store::over(daos));
    let told = one.get(&format!("/imports/{id}")).await;
    assert_eq!(told.header("retry-after"), None);
    let told = told.json();
    assert_eq!((&told["state"], &told["progress"]["lines"], &told["status"]), (&"lost".into(), &7.into(), &().into()));
    assert!(told["detail"].as_str().unwrap().contains("send the file again"));
    let accepted = later(&one, "/products/import", FILE).await;
    assert_eq!(ended(&other, &accepted).await["status"], 200);
}

#[tokio::test]
async fn a_process_that_leaves_ends_what_nobody_waits_for_and_tells_of_it() {
    let store = Store::new();
    store.app.drain();
    let told = ended(&store, &later(&store, "/products/import", FILE).await).await;
    assert_eq!((&told["status"], &told["answer"]["type"]), (&503.into(), &"urn:store-manager:problem:stopping".into()));
    store.app.jobs.close();
    tokio::time::timeout(Duration::from_secs(5), store.app.jobs.wait()).await.unwrap();
}
