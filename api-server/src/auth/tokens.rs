//! One secret token for each role, read from files at the start. A file is named after its role; a
//! role without a file has no token.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use thiserror::Error;

use super::refused::Refused;
use super::roles::Role;
use super::{Denied, Principal};

/// Characters of a token at the least.
const SHORTEST: usize = 16;

/// The tokens' digests: comparing these takes the same time wherever two tokens differ, and however
/// long they are.
pub struct Tokens(Vec<(Role, [u8; 32])>);

/// Tokens that cannot be used.
#[derive(Debug, Error)]
pub enum TokensError {
    #[error("could not read the token in {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("there is no token in {0}, put one into a file named seller, director, supplier or admin")]
    None(PathBuf),
    #[error("the token in {0} cannot be sent, use at least {SHORTEST} letters, digits and - . _ ~ + /")]
    Form(PathBuf),
    #[error("the {0} and the {1} have the same token, give each their own")]
    Same(&'static str, &'static str),
}

impl Tokens {
    /// Reads the files of a directory.
    pub fn read(directory: &Path) -> Result<Self, TokensError> {
        let mut found: Vec<(Role, [u8; 32])> = Vec::new();
        for role in Role::ALL {
            let path = directory.join(role.name());
            let token = match fs::read_to_string(&path) {
                Ok(token) => token,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(TokensError::Read { path, source }),
            };
            let token = token.trim_end_matches(['\r', '\n']);
            let fits = token.len() >= SHORTEST
                && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte));
            if !fits {
                return Err(TokensError::Form(path));
            }
            let digest = digest(token);
            if let Some((other, _)) = found.iter().find(|(_, known)| *known == digest) {
                return Err(TokensError::Same(other.name(), role.name()));
            }
            found.push((role, digest));
        }
        if found.is_empty() { Err(TokensError::None(directory.to_owned())) } else { Ok(Self(found)) }
    }

    /// Whose token this is.
    pub fn principal(&self, token: &str) -> Result<Principal, Denied> {
        let given = digest(token);
        let mut role = None;
        for (candidate, known) in &self.0 {
            let same: Choice = known.ct_eq(&given);
            if same.into() {
                role = Some(*candidate);
            }
        }
        let principal = role.map(|role| Principal { name: role.name().into(), role });
        principal.ok_or(Denied::Invalid(Refused::new("unknown", "it is nobody's token here")))
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<Tokens, TokensError> {
        let directory = tempfile::tempdir().unwrap();
        for (name, token) in files {
            fs::write(directory.path().join(name), token).unwrap();
        }
        Tokens::read(directory.path())
    }

    #[test]
    fn each_token_tells_its_role_and_no_other_text_does() {
        let tokens = read(&[("admin", "aaaaaaaaaaaaaaaa\n"), ("seller", "bbbbbbbbbbbbbbbb")]).unwrap();
        assert_eq!(tokens.principal("aaaaaaaaaaaaaaaa").map(|who| who.role), Ok(Role::Admin));
        assert_eq!(tokens.principal("bbbbbbbbbbbbbbbb").map(|who| who.role), Ok(Role::Seller));
        for other in ["", "a", "aaaaaaaaaaaaaaab", "aaaaaaaaaaaaaaaaa", "AAAAAAAAAAAAAAAA"] {
            assert!(tokens.principal(other).is_err(), "{other}");
        }
    }

    #[test]
    fn tokens_that_are_missing_weak_or_shared_end_the_start() {
        assert!(matches!(read(&[]), Err(TokensError::None(_))));
        assert!(matches!(read(&[("root", "aaaaaaaaaaaaaaaa")]), Err(TokensError::None(_))));
        for weak in ["", "short", "aaaaaaaaaaaaaaa a", "aaaaaaaaaaaaaaaé"] {
            assert!(matches!(read(&[("admin", weak)]), Err(TokensError::Form(_))), "{weak}");
        }
        let shared = [("admin", "aaaaaaaaaaaaaaaa"), ("supplier", "aaaaaaaaaaaaaaaa")];
        assert!(matches!(read(&shared), Err(TokensError::Same("supplier", "admin"))));
    }
}
