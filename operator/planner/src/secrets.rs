//! The store's Secrets, judged without their values, and the log-ins that are in them. Pure.
//!
//! A Secret that cannot be read or lacks something is a fact like any other: the pass goes on with what the
//! operator keeps.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::desired::Desired;
use crate::logins::{Credentials, DEFAULT_SUPERUSER, Login, Logins, StoreAccess};
use crate::observation::{Kept, RecordFact, SecretFact, SecretPurpose, SecretState};
use crate::resources::access;

/// What is in a Secret, as far as the operator reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The store that its label names.
    pub label: Option<String>,
    values: BTreeMap<String, String>,
    /// Of all its keys and values.
    digest: [u8; 32],
}

impl Content {
    pub fn new(label: Option<String>, data: &BTreeMap<String, Vec<u8>>) -> Content {
        let mut digest = Sha256::new();
        for (key, value) in data {
            for part in [key.as_bytes(), value] {
                digest.update(u64::try_from(part.len()).unwrap_or_default().to_be_bytes());
                digest.update(part);
            }
        }
        let text = |(key, value): (&String, &Vec<u8>)| {
            Some((key.clone(), String::from_utf8(value.clone()).ok().filter(|text| !text.is_empty())?))
        };
        Content { label, values: data.iter().filter_map(text).collect(), digest: digest.finalize().into() }
    }

    fn login(&self, [username, password]: [&str; 2]) -> Option<Credentials> {
        let (username, password) = (self.values.get(username)?.clone(), self.values.get(password)?.clone());
        Some(Credentials { username, password })
    }
}

/// A Secret as it was found.
pub type Found = Result<Option<Arc<Content>>, String>;

/// All Secrets of a store as they were found.
#[derive(Clone, Debug)]
pub struct Secrets {
    pub by_purpose: BTreeMap<SecretPurpose, Found>,
    pub record: Found,
}

/// What is made of them.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    pub facts: BTreeMap<SecretPurpose, SecretFact>,
    pub record: RecordFact,
    pub logins: BTreeMap<SecretPurpose, Login>,
    /// What the record holds, or held.
    pub kept: Logins,
    pub api_inputs: Option<String>,
}

impl Judged {
    /// What the operator must know of the store to speak with its nodes.
    pub fn access(&self, desired: &Desired) -> StoreAccess {
        let login = |purpose| self.logins.get(&purpose).cloned().unwrap_or_default();
        StoreAccess {
            uid: desired.uid.to_string(),
            api_keyspace: desired.api.keyspace.clone(),
            jolokia: login(SecretPurpose::Jolokia),
            superuser: login(SecretPurpose::Superuser),
            schema: login(SecretPurpose::Schema),
            api: login(SecretPurpose::Api),
        }
    }
}

/// Judges what was found. `remembered` is what the record held when it was last there.
pub fn judge(store: &str, secrets: &Secrets, remembered: &Logins) -> Judged {
    let mut judged = Judged { record: record_fact(store, &secrets.record), ..Judged::default() };
    judged.kept = match (&judged.record.state, &secrets.record) {
        (SecretState::Complete, Ok(Some(content))) => recorded(content),
        (SecretState::Missing, _) => remembered.clone(),
        _ => Logins::new(),
    };
    judged.record.lost = judged.record.state == SecretState::Missing && !judged.kept.is_empty();
    let taken = user_names(store, secrets);
    for (purpose, found) in &secrets.by_purpose {
        let state = state(store, *purpose, found, &taken);
        let content = found.as_ref().ok().and_then(Option::as_ref);
        let secret =
            content.filter(|_| state == SecretState::Complete).and_then(|found| found.login(access::LOGIN_KEYS));
        let kept = judged.kept.get(purpose).cloned();
        let fact = SecretFact {
            labelled: content.is_some_and(|content| content.label.as_deref() == Some(store)),
            kept: match &kept {
                None => Kept::Nothing,
                Some(_) if kept == secret => Kept::Same,
                Some(_) => Kept::Other,
            },
            state,
        };
        judged.facts.insert(*purpose, fact);
        if SecretPurpose::LOGINS.contains(purpose) {
            judged.logins.insert(*purpose, Login { secret, kept });
        }
    }
    judged.api_inputs = api_inputs(secrets, &judged.facts);
    judged
}

fn recorded(content: &Content) -> Logins {
    let login = |purpose: SecretPurpose| {
        let [username, password] = access::record_keys(purpose);
        Some((purpose, content.login([&username, &password])?))
    };
    SecretPurpose::LOGINS.into_iter().filter_map(login).collect()
}

fn record_fact(store: &str, found: &Found) -> RecordFact {
    let (state, labelled) = match found {
        Err(cause) => (SecretState::Unreadable(cause.clone()), false),
        Ok(None) => (SecretState::Missing, false),
        Ok(Some(content)) => match &content.label {
            Some(other) if other != store => (SecretState::NotOurs(other.clone()), false),
            label => (SecretState::Complete, label.is_some()),
        },
    };
    RecordFact { state, labelled, lost: false }
}

/// User names of the log-ins over CQL, each with the purpose that has it first.
fn user_names(store: &str, secrets: &Secrets) -> BTreeMap<String, SecretPurpose> {
    let mut names = BTreeMap::new();
    for purpose in [SecretPurpose::Superuser, SecretPurpose::Schema, SecretPurpose::Api] {
        let Some(Ok(Some(content))) = secrets.by_purpose.get(&purpose) else { continue };
        let ours = content.label.as_deref().is_none_or(|label| label == store);
        if let Some(name) = content.values.get(access::LOGIN_KEYS[0]).filter(|_| ours) {
            names.entry(name.clone()).or_insert(purpose);
        }
    }
    names
}

fn state(store: &str, purpose: SecretPurpose, found: &Found, taken: &BTreeMap<String, SecretPurpose>) -> SecretState {
    let content = match found {
        Err(cause) => return SecretState::Unreadable(cause.clone()),
        Ok(None) => return SecretState::Missing,
        Ok(Some(content)) => content,
    };
    if let Some(other) = content.label.as_ref().filter(|label| *label != store) {
        return SecretState::NotOurs(other.clone());
    }
    let lacking: Vec<&'static str> =
        purpose.keys().iter().copied().filter(|key| !content.values.contains_key(*key)).collect();
    if !lacking.is_empty() {
        return SecretState::Incomplete(lacking);
    }
    let name = content.values.get(access::LOGIN_KEYS[0]);
    match (purpose, name) {
        (SecretPurpose::Superuser | SecretPurpose::Schema | SecretPurpose::Api, Some(name)) => {
            if name == DEFAULT_SUPERUSER {
                let why = "its username cassandra is Cassandra's own default role, which is disabled: choose another";
                return SecretState::Unusable(why.into());
            }
            match taken.get(name) {
                Some(first) if *first != purpose => SecretState::Unusable(format!(
                    "Secret {store}-{} has the same username {name}, and each role needs its own: choose another",
                    first.suffix()
                )),
                _ => SecretState::Complete,
            }
        }
        _ => SecretState::Complete,
    }
}

/// Digest of what the API's pods read when they start and never again. The signing key's digest goes into it, which nobody
/// can guess: so nothing can be tried against it. Tokens must be there, and are read again by the pods themselves.
fn api_inputs(secrets: &Secrets, facts: &BTreeMap<SecretPurpose, SecretFact>) -> Option<String> {
    let mut digest = Sha256::new();
    for purpose in [SecretPurpose::CursorKey, SecretPurpose::Api, SecretPurpose::ApiTokens] {
        let Some(found) = secrets.by_purpose.get(&purpose) else { continue };
        let complete = facts.get(&purpose).is_some_and(|fact| fact.state == SecretState::Complete);
        let content = found.as_ref().ok()?.as_ref().filter(|_| complete)?;
        if purpose != SecretPurpose::ApiTokens {
            digest.update(content.digest);
        }
    }
    Some(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
