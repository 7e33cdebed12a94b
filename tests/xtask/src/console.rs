//! What must hold of the console's files, which no compiler sees: their types, their libraries, their weight. IO: npm and node
//! in `tests/console`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::generate::GenerateError;
use store_suites::browser;
use store_suites::steps::Check;
use store_testbed::command::{LONG, run};

/// The types of the API for the checker, made from the OpenAPI document.
pub const TYPES: &str = "tests/console/openapi.d.ts";
/// The labs' questions, as the page has them.
pub const QUESTIONS: &str = "api-server/console/ring/questions.js";
/// Lines of a file at most.
const LINES_MAX: usize = 200;
/// Files at the least; fewer have not been found.
const FILES_MIN: usize = 20;

/// The checks.
pub fn checks(root: &Path) -> Vec<Check> {
    let place = root.join("tests/console");
    let mut checks = vec![("no file of the console is long".to_owned(), short(&root.join("api-server/console")))];
    if let Err(error) = browser::npm(&place) {
        checks.push(("packages of npm".to_owned(), Err(error.to_string())));
        return checks;
    }
    for (name, arguments) in [
        ("types of the console hold", &["node_modules/typescript/bin/tsc", "--project", "."][..]),
        ("types of its tests hold", &["node_modules/typescript/bin/tsc", "--project", "tests.tsconfig.json"]),
        ("libraries are as npm has them", &["vendor.mjs"]),
        ("all is within its weight", &["weight.mjs"]),
        ("what the ring tells", &["reading.mjs"]),
        ("answers to the labs' questions", &["labs.mjs"]),
    ] {
        let ran = run(Command::new("node").current_dir(&place).args(arguments), LONG);
        checks.push((name.to_owned(), ran.map(drop).map_err(|error| error.to_string())));
    }
    checks
}

/// The script that has the labs' questions, of which this is the text.
pub fn questions(text: &str) -> String {
    format!(
        "// The labs and their questions. Made from docs/labs/questions.json by `make generate`.\n\n\
         /** @type {{{{ name: string, questions: import(\"./labs.js\").Question[] }}[]}} */\n\
         export const LABS = {};\n",
        text.trim_end()
    )
}

/// The types that an OpenAPI document has.
///
/// # Errors
/// [`GenerateError`] when npm or node fails, or there is no room for the document, which is too long for an argument.
pub fn types(root: &Path, openapi: &str) -> Result<String, GenerateError> {
    let place = root.join("tests/console");
    browser::npm(&place)?;
    let io = |source| GenerateError::Io { action: "writing", path: "a temporary file".into(), source };
    let document = tempfile::NamedTempFile::new().map_err(io)?;
    fs::write(document.path(), openapi).map_err(io)?;
    Ok(run(Command::new("node").current_dir(&place).arg("types.mjs").arg(document.path()), LONG)?)
}

/// Whether each script has few enough lines.
fn short(directory: &Path) -> Result<(), String> {
    let mut files = Vec::new();
    below(directory, &mut files).map_err(|error| error.to_string())?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "js"));
    if files.len() < FILES_MIN {
        return Err(format!("{} files only were found", files.len()));
    }
    let mut long = Vec::new();
    for path in files {
        let lines = fs::read_to_string(&path).map_err(|error| error.to_string())?.lines().count();
        // A dictionary is as long as there are texts.
        if lines > LINES_MAX && !path.ends_with("text/en.js") && !path.ends_with("text/fr.js") {
            long.push(format!("{}: {lines} lines", path.display()));
        }
    }
    if long.is_empty() { Ok(()) } else { Err(long.join("; ")) }
}

fn below(directory: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() { below(&path, found)? } else { found.push(path) }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_told_and_a_directory_without_files_is_no_pass() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str, lines: usize| {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, "a\n".repeat(lines)).expect("written");
        };
        assert!(short(directory.path()).is_err(), "nothing was found");
        for number in 0..FILES_MIN {
            write(&format!("screens/{number}.js"), LINES_MAX);
        }
        write("text/en.js", 900);
        write("vendor/x.mjs", 900);
        assert_eq!(short(directory.path()), Ok(()));
        write("screens/long.js", LINES_MAX + 1);
        assert!(short(directory.path()).is_err_and(|error| error.contains("long.js: 201 lines")));
    }
}
