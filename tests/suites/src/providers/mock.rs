//! oidc-provider-mock: its tokens name no key, and it makes another key at each start.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use store_load::child::{Program, clock_ahead};
use store_testbed::cache::Cache;
use store_testbed::progress::wait_until;

use super::{AUDIENCE, ProviderError, is_there, text};
use crate::debian;
use crate::tools;

const PATIENCE: Duration = Duration::from_secs(60);
const REDIRECT: &str = "http://127.0.0.1/back";

/// Its people and what their claim `roles` has.
pub const USERS: [(&str, &[&str]); 6] = [
    ("ana", &["staff", "seller"]),
    ("ben", &["director"]),
    ("cem", &["supplier"]),
    ("dora", &["admin"]),
    ("eve", &["supplier", "seller"]),
    ("nobody", &["staff"]),
];

/// How its clock differs from that of everybody else, and how long its tokens live.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Seconds that it is ahead.
    pub ahead: i32,
    /// Seconds that a token lives.
    pub life: u32,
}

/// A running provider.
pub struct Mock {
    /// Its issuer.
    pub issuer: String,
    http: reqwest::Client,
    _program: Program,
}

impl Mock {
    /// Starts one at this port of loopback.
    ///
    /// # Errors
    /// [`ProviderError`] when it cannot be had or does not serve within a minute.
    pub async fn start(cache: &Cache, port: u16, clock: Clock) -> Result<Self, ProviderError> {
        let packages = tools::oidc_provider_mock(cache)?.display().to_string();
        let clocks = clock_ahead(&debian::fake_clock(cache)?, clock.ahead.into());
        let clocks = clocks.iter().map(|(name, value)| (*name, value.as_str()));
        let environment: Vec<(&str, &str)> = clocks.chain([("PYTHONPATH", packages.as_str())]).collect();
        let people = USERS.map(|(name, roles)| json!({"sub": name, "roles": roles}).to_string());
        let (listens_at, life) = (port.to_string(), clock.life.to_string());
        let mut arguments = vec!["-m", "oidc_provider_mock", "--port", &listens_at, "--token-max-age", &life];
        arguments.extend(people.iter().flat_map(|person| ["--user-claims", person]));
        let program = Program::start_muted(Path::new("python3"), &arguments, &environment)?;
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        let issuer = format!("http://127.0.0.1:{port}");
        wait_until("oidc-provider-mock", PATIENCE, || is_there(&http, &issuer)).await?;
        Ok(Self { issuer, http, _program: program })
    }

    /// A token of one of its people, by the flow with an authorization code.
    ///
    /// # Errors
    /// [`ProviderError`] when the flow does not end with one.
    pub async fn token(&self, person: &str) -> Result<String, ProviderError> {
        let wanted =
            [("client_id", AUDIENCE), ("redirect_uri", REDIRECT), ("response_type", "code"), ("scope", "openid")];
        let log_in = self.http.post(format!("{}/oauth2/authorize", self.issuer)).query(&wanted);
        let answer = log_in.form(&[("sub", person)]).send().await?;
        let back = answer.headers().get(reqwest::header::LOCATION).and_then(|value| value.to_str().ok());
        let back = back.ok_or_else(|| ProviderError::Answer(format!("{} without a way back", answer.status())))?;
        let code = back.split_once("code=").map(|(_, code)| code.to_owned());
        let code = code.ok_or_else(|| ProviderError::Answer(format!("{back} without a code")))?;
        let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", REDIRECT)];
        let exchange = self.http.post(format!("{}/oauth2/token", self.issuer)).basic_auth(AUDIENCE, Some("any"));
        let answer: Value = exchange.form(&form).send().await?.json().await?;
        text(&answer, "id_token")
    }
}
