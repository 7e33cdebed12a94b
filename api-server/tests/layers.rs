//! Controller → model → DAO: the direction of imports, checked on the source text.

#![allow(clippy::unwrap_used, reason = "a test ends where its ground does not hold")]

use std::fs;
use std::path::{Path, PathBuf};

/// Rust files of a room: `src/NAME.rs` and everything below `src/NAME/`.
fn files_of(room: &str) -> Vec<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![source.join(format!("{room}.rs"))];
    let mut folders = vec![source.join(room)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    // Test modules stand on the store in memory.
    files.retain(|path| path.is_file() && !path.ends_with("tests.rs"));
    files
}

/// Lines of code in a room that contain one of the words, comments and attributes left out.
fn lines_with(room: &str, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files_of(room) {
        let text = fs::read_to_string(&file).unwrap();
        for (at, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if words.iter().any(|word| code.contains(word)) {
                found.push(format!("{}:{}: {line}", file.display(), at + 1));
            }
        }
    }
    found
}

#[test]
fn every_room_has_its_files() {
    for room in ["controllers", "models", "views", "dao"] {
        assert!(files_of(room).len() >= 3, "{room}");
    }
}

#[test]
fn controllers_know_no_dao_and_no_database() {
    let found = lines_with("controllers", &["crate::dao", "scylla", "cassandra::", "SELECT "]);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn models_know_no_http_no_database_and_no_view() {
    let words = [
        "axum",
        "http::",
        "hyper",
        "scylla",
        "dao::cassandra",
        "dao::memory",
        "crate::views",
        "crate::controllers",
        "crate::problem",
        "SELECT ",
    ];
    let found = lines_with("models", &words);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn views_know_models_alone() {
    let words = ["axum", "scylla", "crate::dao", "crate::controllers", "crate::app"];
    let found = lines_with("views", &words);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn daos_know_nothing_above_them() {
    let words = [
        "axum",
        "hyper",
        "crate::models",
        "crate::views",
        "crate::controllers",
        "crate::app",
        "crate::problem",
        "crate::settings",
    ];
    let found = lines_with("dao", &words);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn cql_lives_below_the_cassandra_dao_alone() {
    let cql = ["SELECT ", "INSERT INTO", "ALLOW FILTERING", "scylla::"];
    for room in ["app", "edge", "router", "server", "problem", "metrics", "openapi"] {
        let found = lines_with(room, &cql);
        assert!(found.is_empty(), "{found:#?}");
    }
    let filtering = lines_with("dao", &["ALLOW FILTERING", "CREATE INDEX"]);
    assert!(filtering.is_empty(), "{filtering:#?}");
}
