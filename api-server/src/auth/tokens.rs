//! Secret tokens, read from the files of a directory, and again whenever these change. A file is named after its role, or
//! after the role and, behind a dot, whoever has that role: the name of the file is that of the principal. Each of its lines
//! is a token, so that an old one and its successor are good side by side, and may say until when.

mod file;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use std::{fs, io};

use prometheus::IntGauge;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use thiserror::Error;

use super::refused::Refused;
use super::roles::{NAMES, Role};
use super::{Denied, Principal};
use file::{Line, SHORTEST};

/// Between two looks at the directory.
const LOOKS: Duration = Duration::from_secs(5);
/// Tokens at most: each request is compared with all of them.
const MOST: usize = 1000;
/// Bytes of a file at most.
const FILE_MAX: u64 = 64 * 1024;
/// Characters of what stands behind the role in a file's name.
const NAME_MAX: usize = 64;

/// The tokens of a directory, as they were when last they could be used.
pub struct Tokens {
    directory: PathBuf,
    known: RwLock<Arc<Vec<Known>>>,
    /// Why the directory cannot be used as it is now, so that it is told once.
    trouble: Mutex<Option<String>>,
}

/// A token's digest: comparing these takes the same time wherever two tokens differ, and however long they are.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    digest: [u8; 32],
    principal: Principal,
    /// Milliseconds since 1970 from which on it is good no more.
    until: Option<i64>,
}

/// Tokens that cannot be used.
#[derive(Debug, Error)]
pub enum TokensError {
    #[error("could not read the tokens in {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("there is no token in {0}, put one into a file named {NAMES}")]
    None(PathBuf),
    #[error("there are more than {MOST} tokens in {0}, take away those that nobody uses any more")]
    TooMany(PathBuf),
    #[error("the file {0} has more than {FILE_MAX} bytes")]
    TooLong(PathBuf),
    #[error(
        "the file {0} cannot be a principal's: behind the role and a dot its name has 1 to {NAME_MAX} letters, digits and \
         - . _"
    )]
    Name(PathBuf),
    #[error(
        "the token in line {line} of {path} cannot be sent, use at least {SHORTEST} letters, digits and - . _ ~ + /"
    )]
    Form { path: PathBuf, line: usize },
    #[error(
        "line {line} of {path} is not a token, or a token, a blank and expires=2027-01-31T00:00:00Z, with a time of your own"
    )]
    Line { path: PathBuf, line: usize },
    #[error("{0} and {1} have the same token, give each their own")]
    Same(String, String),
}

impl Tokens {
    /// Reads the files of a directory.
    pub fn read(directory: &Path) -> Result<Self, TokensError> {
        let known = read(directory)?;
        Ok(Self { directory: directory.to_owned(), known: RwLock::new(Arc::new(known)), trouble: Mutex::default() })
    }

    /// Whose token this is.
    pub fn principal(&self, token: &str) -> Result<Principal, Denied> {
        self.principal_at(token, crate::models::now_ms())
    }

    fn principal_at(&self, token: &str, now_ms: i64) -> Result<Principal, Denied> {
        let given = digest(token);
        let known = Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner));
        let mut found = None;
        for candidate in known.iter() {
            let same: Choice = candidate.digest.ct_eq(&given);
            if same.into() {
                found = Some(candidate);
            }
        }
        match found {
            Some(found) if found.until.is_none_or(|until| now_ms < until) => Ok(found.principal.clone()),
            Some(_) => Err(Denied::Invalid(Refused::new("expired", "it has expired: use the one that follows it"))),
            None => Err(Denied::Invalid(Refused::new("unknown", "it is nobody's token here"))),
        }
    }

    /// Looks at the directory again and again, and goes by what it says from then on. Never ends. `stale` is 1 while the
    /// directory cannot be used as it is, and what it said before holds.
    pub async fn keep(&self, stale: &IntGauge) {
        let mut looks = tokio::time::interval(LOOKS);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let directory = self.directory.clone();
            // The files lie in memory, but a file system may hang.
            match tokio::task::spawn_blocking(move || read(&directory)).await {
                Ok(found) => stale.set(i64::from(!self.follow(found))),
                Err(error) => tracing::warn!(%error, "the look at the tokens broke off"),
            }
        }
    }

    /// Goes by what was read, if it can be used; whether it can.
    fn follow(&self, found: Result<Vec<Known>, TokensError>) -> bool {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match found {
            Ok(now) => {
                let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                if **known != now {
                    tracing::info!(tokens = now.len(), "the tokens have changed");
                    *known = Arc::new(now);
                } else if trouble.is_some() {
                    tracing::info!("the directory of tokens can be used again");
                }
                *trouble = None;
                true
            }
            Err(error) => {
                let words = error.to_string();
                if trouble.as_ref() != Some(&words) {
                    tracing::error!(%error, "the tokens were not read again, those from before are good until this is put right");
                    *trouble = Some(words);
                }
                false
            }
        }
    }
}

/// Every token of a directory, in the order of the files' names.
fn read(directory: &Path) -> Result<Vec<Known>, TokensError> {
    let unread = |source| TokensError::Read { path: directory.to_owned(), source };
    let mut files: BTreeMap<String, Role> = BTreeMap::new();
    for entry in fs::read_dir(directory).map_err(unread)? {
        let name = entry.map_err(unread)?.file_name();
        // What else lies there is nobody's: Kubernetes has its own links beside the files.
        if let Some(name) = name.to_str()
            && let Some(role) = role_of(directory, name)?
        {
            files.insert(name.to_owned(), role);
        }
    }
    let mut known: Vec<Known> = Vec::new();
    for (name, role) in files {
        let path = directory.join(&name);
        let text = text_of(&path)?;
        let principal = Principal { name: name.as_str().into(), role };
        for (at, line) in text.lines().enumerate() {
            let wrong = |error: file::LineError| error.of(&path, at + 1);
            let Some(Line { token, until }) = file::read(line).map_err(wrong)? else { continue };
            let digest = digest(token);
            if let Some(other) = known.iter().find(|other| other.digest == digest) {
                return Err(TokensError::Same(other.principal.name.to_string(), name));
            }
            known.push(Known { digest, principal: principal.clone(), until });
            if known.len() > MOST {
                return Err(TokensError::TooMany(directory.to_owned()));
            }
        }
    }
    if known.is_empty() { Err(TokensError::None(directory.to_owned())) } else { Ok(known) }
}

/// The role of whoever's tokens a file has, `None` for a file that has none.
fn role_of(directory: &Path, file: &str) -> Result<Option<Role>, TokensError> {
    let (role, name) = file.split_once('.').map_or((file, None), |(role, name)| (role, Some(name)));
    let Some(role) = Role::ALL.into_iter().find(|known| known.name() == role) else {
        return Ok(None);
    };
    let fits = |name: &str| {
        (1..=NAME_MAX).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    if name.is_none_or(fits) { Ok(Some(role)) } else { Err(TokensError::Name(directory.join(file))) }
}

fn text_of(path: &Path) -> Result<String, TokensError> {
    let unread = |source| TokensError::Read { path: path.to_owned(), source };
    let file = fs::File::open(path).map_err(unread)?;
    let mut text = String::new();
    io::Read::read_to_string(&mut io::Read::take(file, FILE_MAX + 1), &mut text).map_err(unread)?;
    let fits = u64::try_from(text.len()).is_ok_and(|bytes| bytes <= FILE_MAX);
    if fits { Ok(text) } else { Err(TokensError::TooLong(path.to_owned())) }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests;
