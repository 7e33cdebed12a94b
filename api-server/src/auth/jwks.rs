//! The keys of an issuer, kept and fetched again when they grow old or a token names another one.
//!
//! However many tokens name unknown keys, the issuer is asked once in [`BETWEEN_FETCHES`] at most,
//! by one request at a time. While it does not answer, the keys that are known hold on for
//! [`LONGEST_AGE`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use thiserror::Error;
use tokio::time::Instant;

use super::Denied;

/// Between two questions to the issuer.
pub const BETWEEN_FETCHES: Duration = Duration::from_secs(10);
/// Keys older than this are asked for again while they are used.
const FRESH: Duration = Duration::from_secs(5 * 60);
/// Keys that were not confirmed for so long are believed no more.
const LONGEST_AGE: Duration = Duration::from_secs(60 * 60);
/// Longest wait for one document.
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);
/// Bytes of a document, and keys of a set.
const MAX_DOCUMENT: usize = 256 * 1024;
const MAX_KEYS: usize = 64;

/// Where the keys are.
#[derive(Debug, Clone)]
pub enum Source {
    /// At this URL.
    Keys(String),
    /// Where this issuer's discovery document says.
    Issuer(String),
}

/// See the module.
pub struct Jwks {
    http: reqwest::Client,
    source: Source,
    algorithm: Algorithm,
    known: Mutex<Known>,
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
struct Known {
    keys: Arc<HashMap<String, Arc<DecodingKey>>>,
    fetched_at: Option<Instant>,
    asked_at: Option<Instant>,
}

/// A document that could not be had.
#[derive(Debug, Error)]
enum FetchError {
    #[error("could not fetch {url}: {detail}")]
    Http { url: String, detail: String },
    #[error("{url} is larger than any key set")]
    TooLarge { url: String },
    #[error("{url} is not what it should be: {detail}")]
    Form { url: String, detail: String },
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

impl Jwks {
    /// Keys for one algorithm. No IO yet.
    pub fn new(source: Source, algorithm: Algorithm) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .timeout(FETCH_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("store-api/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { http, source, algorithm, known: Mutex::default(), fetching: tokio::sync::Mutex::new(()) })
    }

    /// The key of this name, `None` when the issuer has none.
    pub async fn key(self: &Arc<Self>, id: &str) -> Result<Option<Arc<DecodingKey>>, Denied> {
        let known = self.known();
        let age = known.fetched_at.map(|at| at.elapsed());
        match (known.keys.get(id), age) {
            (Some(key), Some(age)) if age < FRESH => return Ok(Some(Arc::clone(key))),
            (Some(key), Some(age)) if age < LONGEST_AGE => {
                if self.may_ask() {
                    let keys = Arc::clone(self);
                    tokio::spawn(async move { keys.ask().await });
                }
                return Ok(Some(Arc::clone(key)));
            }
            _ => self.ask().await,
        }
        let known = self.known();
        match known.fetched_at {
            Some(at) if at.elapsed() < LONGEST_AGE => Ok(known.keys.get(id).cloned()),
            _ => Err(Denied::NoKeys),
        }
    }

    fn known(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn may_ask(&self) -> bool {
        self.known().asked_at.is_none_or(|at| at.elapsed() >= BETWEEN_FETCHES)
    }

    /// Asks the issuer, unless that was done a moment ago. Of many callers one asks; the others
    /// wait for its answer.
    async fn ask(&self) {
        let _fetching = self.fetching.lock().await;
        if !self.may_ask() {
            return;
        }
        self.known.lock().unwrap_or_else(PoisonError::into_inner).asked_at = Some(Instant::now());
        match self.fetch().await {
            Ok(keys) => {
                tracing::info!(keys = keys.len(), "fetched the keys of the issuer");
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                known.keys = Arc::new(keys);
                known.fetched_at = Some(Instant::now());
            }
            Err(error) => tracing::warn!(%error, "could not fetch the keys of the issuer"),
        }
    }

    async fn fetch(&self) -> Result<HashMap<String, Arc<DecodingKey>>, FetchError> {
        let url = match &self.source {
            Source::Keys(url) => url.clone(),
            Source::Issuer(issuer) => {
                let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
                let found: Discovery = self.document(&url).await?;
                if found.issuer != *issuer {
                    return Err(FetchError::Form { url, detail: "it is about another issuer".into() });
                }
                // An issuer that is asked by TLS names no keys that whoever is on the way could change.
                if url.starts_with("https://") && !found.jwks_uri.starts_with("https://") {
                    return Err(FetchError::Form { url, detail: "its keys are not at an https:// address".into() });
                }
                found.jwks_uri
            }
        };
        let set: KeySet = self.document(&url).await?;
        let mut keys = HashMap::new();
        for value in set.keys.into_iter().take(MAX_KEYS) {
            // Keys of kinds that this program does not know are none of ours.
            let Ok(key) = serde_json::from_value::<Jwk>(value) else { continue };
            if let Some((id, key)) = usable(&key, self.algorithm) {
                keys.entry(id).or_insert(key);
            }
        }
        Ok(keys)
    }

    async fn document<T: serde::de::DeserializeOwned>(&self, url: &str) -> Result<T, FetchError> {
        let http = |error: reqwest::Error| FetchError::Http { url: url.to_owned(), detail: error.to_string() };
        let answer = self.http.get(url).send().await.and_then(reqwest::Response::error_for_status);
        let mut answer = answer.map_err(http)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(http)? {
            if body.len() + chunk.len() > MAX_DOCUMENT {
                return Err(FetchError::TooLarge { url: url.to_owned() });
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body)
            .map_err(|error| FetchError::Form { url: url.to_owned(), detail: error.to_string() })
    }
}

/// A key by its name, if it may sign by this algorithm.
fn usable(key: &Jwk, algorithm: Algorithm) -> Option<(String, Arc<DecodingKey>)> {
    let common = &key.common;
    let signs = common.public_key_use.as_ref().is_none_or(|of| *of == PublicKeyUse::Signature);
    let by = |name: &KeyAlgorithm| name.to_string() == format!("{algorithm:?}");
    let decoding = DecodingKey::from_jwk(key).ok()?;
    let id = common.key_id.clone()?;
    (signs && common.key_algorithm.as_ref().is_none_or(by)).then(|| (id, Arc::new(decoding)))
}
