//! Which webhooks there are, as the settings say. IO: the files of their keys.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use serde::Deserialize;
use thiserror::Error;

use super::event::NAMES;

/// An address that events are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub name: String,
    pub url: String,
    pub events: Vec<String>,
    pub key_file: PathBuf,
}

impl Webhook {
    /// Whether an event is sent to it.
    pub fn wants(&self, event: &str) -> bool {
        self.events.iter().any(|wanted| wanted == event)
    }
}

/// Webhooks that cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum WebhooksError {
    #[error("STORE_WEBHOOKS is no JSON list of webhooks with name, url and events: {0}")]
    Form(String),
    #[error("webhook {0:?} is named twice")]
    Twice(String),
    #[error("the name of webhook {0:?} is not 1 to 63 small letters, digits and hyphens")]
    Name(String),
    #[error("webhook {0} has the url {1:?}, which is not an address like https://example.org/path")]
    Url(String, String),
    #[error("webhook {0} has an address without TLS: give an https:// address, or allow it by \"allow_http\": true")]
    InClear(String),
    #[error("webhook {name} has the event {event:?}; there are {known}", known = NAMES.join(", "))]
    Event { name: String, event: String },
    #[error("webhook {0} has no events, name at least one")]
    NoEvents(String),
    #[error("webhooks need STORE_WEBHOOK_KEYS_DIRECTORY, where each has a file of its name with its key")]
    NoKeys,
    #[error("the key at {path}: {detail}; a key is whsec_ and the base64 of 24 to 64 bytes")]
    Key { path: PathBuf, detail: String },
    #[error("there are more than {MOST} webhooks")]
    TooMany,
}

/// Webhooks of a shop at most.
const MOST: usize = 32;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    name: String,
    url: String,
    events: Vec<String>,
    #[serde(default)]
    allow_http: bool,
}

/// Reads the webhooks of the settings, and that each has a key.
pub fn read(text: &str, keys_directory: Option<&Path>) -> Result<Vec<Webhook>, WebhooksError> {
    let given: Vec<Given> = serde_json::from_str(text).map_err(|error| WebhooksError::Form(error.to_string()))?;
    if given.len() > MOST {
        return Err(WebhooksError::TooMany);
    }
    let mut webhooks: Vec<Webhook> = Vec::with_capacity(given.len());
    for Given { name, url, events, allow_http } in given {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=63).contains(&name.len()) || !name.bytes().all(fits) {
            return Err(WebhooksError::Name(name));
        }
        if webhooks.iter().any(|other| other.name == name) {
            return Err(WebhooksError::Twice(name));
        }
        let parsed = Url::parse(&url).ok().filter(|url| url.has_host() && matches!(url.scheme(), "http" | "https"));
        let Some(parsed) = parsed else { return Err(WebhooksError::Url(name, url)) };
        if parsed.scheme() == "http" && !allow_http {
            return Err(WebhooksError::InClear(name));
        }
        if events.is_empty() {
            return Err(WebhooksError::NoEvents(name));
        }
        if let Some(event) = events.iter().find(|event| !NAMES.contains(&event.as_str())) {
            return Err(WebhooksError::Event { name, event: event.clone() });
        }
        let key_file = keys_directory.ok_or(WebhooksError::NoKeys)?.join(&name);
        keys(&key_file)?;
        webhooks.push(Webhook { name, url, events, key_file });
    }
    Ok(webhooks)
}

/// The keys of a webhook, the newest first: while it changes there are two, a line each, and both sign.
pub fn keys(path: &Path) -> Result<Vec<Vec<u8>>, WebhooksError> {
    let broken = |detail: String| WebhooksError::Key { path: path.to_owned(), detail };
    let text = std::fs::read_to_string(path).map_err(|error| broken(error.to_string()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let keys: Result<Vec<Vec<u8>>, WebhooksError> = lines
        .take(2)
        .map(|line| {
            let encoded = line.strip_prefix("whsec_").ok_or_else(|| broken("it does not begin with whsec_".into()))?;
            let key = STANDARD.decode(encoded).map_err(|error| broken(error.to_string()))?;
            if (24..=64).contains(&key.len()) { Ok(key) } else { Err(broken(format!("it has {} bytes", key.len()))) }
        })
        .collect();
    let keys = keys?;
    if keys.is_empty() { Err(broken("the file is empty".into())) } else { Ok(keys) }
}
