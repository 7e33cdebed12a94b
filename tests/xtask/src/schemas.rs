//! What validators of other people make of the OpenAPI document: jsonschema in Python and ajv in JavaScript, on the table of
//! bodies that the API's tests send to the server, on each price to 1,000 and on each example. Blocking IO: npm, node, Python.

use std::process::Command;

use store_suites::tools::Tools;
use store_testbed::checkout::root;
use store_testbed::command::{CommandError, LONG, run};

/// The name of the step.
pub const STEP: &str = "schemas by two validators";
const DOCUMENT: &str = "api-server/openapi.json";
const TABLE: &str = "api-server/tests/api/schemas.jsonl";

/// Lets both look at all of it; what they think otherwise of is in the error.
pub fn check(tools: &Tools) -> Vec<(String, Result<(), CommandError>)> {
    let root = root();
    let (document, table) = (root.join(DOCUMENT), root.join(TABLE));
    let mut python = tools.python_script(&root.join("tests/python/schemas.py"));
    python.args([&document, &table]);
    let page = root.join("tests/schemas");
    let installed =
        run(Command::new("npm").current_dir(&page).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]), LONG);
    let ajv = installed
        .and_then(|_| run(Command::new("node").current_dir(&page).arg("validate.mjs").args([&document, &table]), LONG));
    vec![("jsonschema".to_owned(), run(&mut python, LONG).map(drop)), ("ajv".to_owned(), ajv.map(drop))]
}
