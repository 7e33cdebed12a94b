//! `SHA256SUMS`, as `sha256sum --check` reads it. IO: reads the files of one directory.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{ReleaseError, io};

/// Name of the file with the sums.
pub const FILE: &str = "SHA256SUMS";

/// One line for each file of `directory` but the sums themselves, in order of name.
///
/// # Errors
/// [`ReleaseError::Io`] when a file cannot be read.
pub fn of(directory: &Path) -> Result<String, ReleaseError> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(directory).map_err(io("listing", directory))? {
        let path = entry.map_err(io("listing", directory))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == FILE {
            continue;
        }
        let content = fs::read(&path).map_err(io("reading", &path))?;
        lines.push((name, format!("{:x}", Sha256::digest(&content))));
    }
    lines.sort();
    Ok(lines.into_iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_those_of_every_file_but_their_own_by_name() {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, text) in [("b", "abc"), ("a", ""), (FILE, "old")] {
            fs::write(directory.path().join(name), text).expect("written");
        }
        let (empty, abc) = (
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        );
        assert_eq!(of(directory.path()).expect("sums"), format!("{empty}  a\n{abc}  b\n"));
    }
}
