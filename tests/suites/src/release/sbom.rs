//! Lists of the crates in the two programs, in CycloneDX, by cargo-cyclonedx. IO: runs it in the files of a commit,
//! where it leaves one list beside each manifest.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::tree::Tree;
use super::{ReleaseError, io};
use store_testbed::command::{LONG, run};

/// The programs, and where their manifests are.
const PROGRAMS: [(&str, &str); 2] = [("store-operator", "operator"), ("store-api", "api-server")];
/// What their images are built for, as a container registry and as Rust names it.
const MACHINES: [(&str, &str); 2] = [("amd64", "x86_64-unknown-linux-gnu"), ("arm64", "aarch64-unknown-linux-gnu")];
/// What stands in a list for the directory that it was made in.
const PLACE: &str = "/store-manager";

/// Writes a list for each program and machine into `into`.
///
/// # Errors
/// [`ReleaseError`] when the tool fails, or a list is not one of that program.
pub fn write(tool: &Path, tree: &Tree, into: &Path) -> Result<(), ReleaseError> {
    for (machine, target) in MACHINES {
        let mut cyclonedx = Command::new(tool);
        cyclonedx.current_dir(tree.path()).env("SOURCE_DATE_EPOCH", tree.epoch().to_string());
        cyclonedx.args(["cyclonedx", "--format", "json", "--target", target]);
        run(&mut cyclonedx, LONG)?;
        for (program, directory) in PROGRAMS {
            let made = tree.path().join(directory).join(format!("{program}.cdx.json"));
            let list = fs::read_to_string(&made).map_err(io("reading", &made))?;
            let list = anywhere(&list, tree.path(), program).map_err(|reason| ReleaseError::Read {
                what: format!("the list of {program} for {machine}"),
                reason,
            })?;
            let place = into.join(format!("{program}-{machine}.cdx.json"));
            fs::write(&place, list).map_err(io("writing", &place))?;
        }
    }
    Ok(())
}

/// `list` without the directory that it was made in, if it is a list of the crates in `program`.
fn anywhere(list: &str, made_in: &Path, program: &str) -> Result<String, String> {
    let list = list.replace(&made_in.to_string_lossy().into_owned(), PLACE);
    let read: Value = serde_json::from_str(&list).map_err(|error| error.to_string())?;
    let name = &read["metadata"]["component"]["name"];
    if read["bomFormat"] != "CycloneDX" || name != program {
        return Err(format!("it is one of {name} in {}", read["bomFormat"]));
    }
    if read["components"].as_array().is_none_or(Vec::is_empty) {
        return Err("it has no crate".to_owned());
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn list(name: &str, crates: usize) -> String {
        let component = json!({ "name": name, "bom-ref": "path+file:///tmp/x1/operator#0.1.0" });
        json!({ "bomFormat": "CycloneDX", "metadata": { "component": component }, "components": vec![json!({}); crates] })
            .to_string()
    }

    #[test]
    fn a_list_does_not_tell_where_it_was_made() {
        let told = anywhere(&list("store-api", 1), Path::new("/tmp/x1"), "store-api").expect("a list");
        assert!(told.contains("file:///store-manager/operator#") && !told.contains("/tmp"), "{told}");
    }

    #[test]
    fn a_list_of_another_program_or_of_nothing_is_refused() {
        let made_in = Path::new("/tmp/x1");
        assert!(
            anywhere(&list("store-operator", 1), made_in, "store-api").is_err_and(|why| why.contains("store-operator"))
        );
        assert!(anywhere(&list("store-api", 0), made_in, "store-api").is_err_and(|why| why.contains("no crate")));
        assert!(anywhere("{}", made_in, "store-api").is_err());
    }
}
