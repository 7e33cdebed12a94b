//! The documents of an issuer: its discovery document and its set of keys. IO: HTTP.

use std::error::Error as StdError;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

/// Longest wait for one document.
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);
/// Bytes of a document.
const MAX_DOCUMENT: usize = 256 * 1024;

/// Where the keys are.
#[derive(Debug, Clone)]
pub enum Source {
    /// At this URL.
    Keys(String),
    /// Where this issuer's discovery document says.
    Issuer(String),
}

/// A document that could not be had.
#[derive(Debug, Error)]
pub enum FetchError {
    #[error("the certificates of the authorities to trust cannot be used: {0}")]
    Authorities(String),
    #[error("{url} was not reached: {detail}")]
    Unreached { url: String, detail: String },
    #[error(
        "{url} has a certificate of an authority that is not trusted here: {detail}; have the authority's own \
         certificate in the file of SSL_CERT_FILE (spec.api.caConfigMapName of a StoreCluster)"
    )]
    Untrusted { url: String, detail: String },
    #[error(
        "{url} leads to {location} (status {status}), and redirects are not followed: name the issuer as it stands in its discovery document"
    )]
    Redirected { url: String, status: u16, location: String },
    #[error("{url} answered {status}; {hint}")]
    Status { url: String, status: u16, hint: &'static str },
    #[error("{url} has more than {MAX_DOCUMENT} bytes")]
    TooLarge { url: String },
    #[error("{url} is no {what}: {detail}")]
    Form { url: String, what: &'static str, detail: String },
    #[error(
        "the discovery document at {url} is that of the issuer {found}, and {wanted} is what is trusted: write the \
         issuer exactly as it stands there, with the same slash at the end or none"
    )]
    OtherIssuer { url: String, found: String, wanted: String },
    #[error(
        "the set of keys at {url} has none that signs by {algorithm}, but {found}: name the algorithm that the issuer signs by, or let it have such a key"
    )]
    NoKey { url: String, algorithm: String, found: String },
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// A set of keys as it is served, and where.
pub struct Served {
    pub url: String,
    pub keys: Vec<Value>,
}

impl Source {
    /// Whoever the keys are of, as the settings name it.
    pub fn name(&self) -> &str {
        match self {
            Self::Keys(url) | Self::Issuer(url) => url,
        }
    }

    /// Fetches the keys. The authorities that are trusted are read anew, so that a file of them that has
    /// changed counts from the next fetch.
    pub async fn fetch(&self) -> Result<Served, FetchError> {
        let http = client().await?;
        let url = match self {
            Self::Keys(url) => url.clone(),
            Self::Issuer(issuer) => {
                let url = discovery_url(issuer);
                let hint = "is the issuer's URL right, with its path?";
                let found: Discovery = document(&http, &url, "discovery document", hint).await?;
                if found.issuer != *issuer {
                    return Err(FetchError::OtherIssuer { url, found: found.issuer, wanted: issuer.clone() });
                }
                // An issuer that is asked by TLS names no keys that whoever is on the way could change.
                if url.starts_with("https://") && !found.jwks_uri.starts_with("https://") {
                    let detail = "its keys (jwks_uri) are not at an https:// address".into();
                    return Err(FetchError::Form { url, what: "discovery document that can be trusted", detail });
                }
                found.jwks_uri
            }
        };
        let set: KeySet = document(&http, &url, "set of keys", "the issuer's keys should be there").await?;
        Ok(Served { url, keys: set.keys })
    }
}

/// Where an issuer's discovery document is: below its path, whether that ends in a slash or not.
fn discovery_url(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
}

/// A client for one fetch. Reading the system's authorities takes milliseconds, away from the thread that answers.
async fn client() -> Result<reqwest::Client, FetchError> {
    let build = || {
        reqwest::Client::builder()
            .timeout(FETCH_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("store-api/", env!("CARGO_PKG_VERSION")))
            .build()
    };
    match tokio::task::spawn_blocking(build).await {
        Ok(built) => built.map_err(|error| FetchError::Authorities(causes(&error))),
        Err(error) => Err(FetchError::Authorities(error.to_string())),
    }
}

async fn document<T: DeserializeOwned>(
    http: &reqwest::Client,
    url: &str,
    what: &'static str,
    hint: &'static str,
) -> Result<T, FetchError> {
    let mut answer = http.get(url).send().await.map_err(|error| unreached(url, &error))?;
    let status = answer.status();
    if status.is_redirection() {
        let location = answer.headers().get(reqwest::header::LOCATION).and_then(|value| value.to_str().ok());
        let location = location.unwrap_or("nowhere").to_owned();
        return Err(FetchError::Redirected { url: url.to_owned(), status: status.as_u16(), location });
    }
    if !status.is_success() {
        return Err(FetchError::Status { url: url.to_owned(), status: status.as_u16(), hint });
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| unreached(url, &error))? {
        if body.len() + chunk.len() > MAX_DOCUMENT {
            return Err(FetchError::TooLarge { url: url.to_owned() });
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|error| FetchError::Form {
        url: url.to_owned(),
        what,
        detail: error.to_string(),
    })
}

fn unreached(url: &str, error: &reqwest::Error) -> FetchError {
    let (url, detail) = (url.to_owned(), causes(error));
    if detail.contains("UnknownIssuer") {
        return FetchError::Untrusted { url, detail };
    }
    FetchError::Unreached { url, detail }
}

/// What caused an error, innermost last: its own words name the URL alone.
fn causes(error: &reqwest::Error) -> String {
    let mut chain = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        chain.push(error.to_string());
        cause = error.source();
    }
    let mut words: Vec<String> = Vec::new();
    for cause in chain {
        // Libraries put the words of a cause into their own as well.
        words.retain(|known| !known.contains(&cause) || *known == cause);
        if !words.iter().any(|known| known.contains(&cause)) {
            words.push(cause);
        }
    }
    if words.is_empty() { error.to_string() } else { words.join(": ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_discovery_document_is_looked_for_below_the_issuers_path() {
        for (issuer, url) in [
            ("https://id.example.com", "https://id.example.com/.well-known/openid-configuration"),
            ("https://id.example.com/", "https://id.example.com/.well-known/openid-configuration"),
            (
                "https://id.example.com/realms/shop",
                "https://id.example.com/realms/shop/.well-known/openid-configuration",
            ),
            ("https://id.example.com/t/v2.0/", "https://id.example.com/t/v2.0/.well-known/openid-configuration"),
        ] {
            assert_eq!(discovery_url(issuer), url);
        }
    }

    #[tokio::test]
    async fn who_is_not_there_is_told_with_the_cause_and_not_by_the_url_alone() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", closed.local_addr().unwrap());
        drop(closed);
        let error = Source::Issuer(url.clone()).fetch().await.err().unwrap().to_string();
        assert!(error.starts_with(&format!("{url}/.well-known/openid-configuration was not reached: ")), "{error}");
        assert!(error.contains("refused"), "{error}");
    }
}
