//! Real OpenID Connect providers: Keycloak out of Maven, and oidc-provider-mock out of the registry of Python, whose clock
//! can be another one. IO: processes on loopback, HTTP.

mod keycloak;
mod mock;

use serde_json::Value;
use store_load::child::ChildError;
use store_testbed::cache::CacheError;
use store_testbed::command::CommandError;
use store_testbed::progress::WaitError;

use crate::debian::DebianError;
use crate::tools::ToolsError;

pub use keycloak::{CLIENTS, Keycloak};
pub use mock::{Clock, Mock, USERS};

/// What the tokens are for.
pub const AUDIENCE: &str = "store";

/// A provider that could not be had, or does not do as it should.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is the error of the module it is named after")]
pub enum ProviderError {
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Debian(#[from] DebianError),
    #[error(transparent)]
    Tools(#[from] ToolsError),
    #[error(transparent)]
    Child(#[from] ChildError),
    #[error(transparent)]
    Wait(#[from] WaitError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("asking a provider: {0}")]
    Http(#[from] reqwest::Error),
    #[error("a provider answered {0}")]
    Answer(String),
}

/// A member of an answer that must be a text.
fn text(answer: &Value, member: &str) -> Result<String, ProviderError> {
    let found = answer[member].as_str().map(str::to_owned);
    found.ok_or_else(|| ProviderError::Answer(format!("{answer}, which has no {member}")))
}

/// Whether a provider serves its discovery document.
async fn is_there(http: &reqwest::Client, issuer: &str) -> Result<(), String> {
    let url = format!("{issuer}/.well-known/openid-configuration");
    let answer = http.get(url).send().await.map_err(|error| error.to_string())?;
    if answer.status().is_success() { Ok(()) } else { Err(format!("it answers {}", answer.status())) }
}
