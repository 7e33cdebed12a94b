//! Sending an event: signed, without following where an answer leads. IO: HTTP.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use thiserror::Error;

use super::{Event, Webhook, settings};
use crate::models::now_ms;

/// How long one try may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// An event was not taken.
#[derive(Debug, Error)]
pub enum SendError {
    #[error("its key cannot be read: {0}")]
    Key(String),
    #[error("the certificates of the authorities to trust cannot be used: {0}")]
    Client(String),
    #[error("its address was not reached: {0}")]
    Unreached(String),
    #[error("its address leads elsewhere (status {0}), and redirects are not followed: name the right one")]
    Redirected(u16),
    #[error("it answered {0}")]
    Status(u16),
}

/// Sends to one webhook.
pub struct Sender {
    http: reqwest::Client,
    webhook: Webhook,
}

/// The signature of a message: over its id, the time of the try in seconds since 1970, and its body.
pub fn signature(key: &[u8], id: &str, at: i64, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(format!("{id}.{at}.{body}").as_bytes());
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

impl Sender {
    /// A client for a webhook. Reading the system's authorities takes milliseconds, away from the thread that answers.
    pub async fn new(webhook: &Webhook) -> Result<Self, SendError> {
        let build = || {
            reqwest::Client::builder()
                .timeout(TIMEOUT)
                .redirect(reqwest::redirect::Policy::none())
                .user_agent(concat!("store-api/", env!("CARGO_PKG_VERSION")))
                .build()
        };
        let built = tokio::task::spawn_blocking(build).await.map_err(|error| SendError::Client(error.to_string()))?;
        let http = built.map_err(|error| SendError::Client(causes(&error)))?;
        Ok(Self { http, webhook: webhook.clone() })
    }

    /// One try. The key is read anew, so that another one counts at once.
    pub async fn send(&self, event: &Event) -> Result<(), SendError> {
        let keys = settings::keys(&self.webhook.key_file).map_err(|error| SendError::Key(error.to_string()))?;
        let at = now_ms() / 1000;
        let signed: Vec<String> = keys.iter().filter_map(|key| signature(key, &event.id, at, &event.body)).collect();
        let request = self.http.post(&self.webhook.url).header("content-type", "application/json");
        let request = request.header("webhook-id", &event.id).header("webhook-timestamp", at.to_string());
        let request = request.header("webhook-signature", signed.join(" ")).body(event.body.clone());
        let answer = request.send().await.map_err(|error| SendError::Unreached(causes(&error.without_url())))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status if status.is_redirection() => Err(SendError::Redirected(status.as_u16())),
            status => Err(SendError::Status(status.as_u16())),
        }
    }
}
