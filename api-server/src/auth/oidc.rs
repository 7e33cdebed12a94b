//! Tokens of an OpenID Connect issuer: signed JSON Web Tokens with a `role` claim.
//!
//! The algorithm is pinned by the settings and never taken from the token; keys come from the
//! issuer's key set alone, whatever the token's header names.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Validation, decode};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Denied;
use super::jwks::{Jwks, Source};
use super::lifetime::Kind;
use super::roles::Role;
use super::signatures;

/// Clocks of issuer and store may differ by so many seconds.
const LEEWAY_SECONDS: u64 = 30;
/// Bytes of a key's name.
const MAX_KEY_ID: usize = 256;

/// Whose tokens are accepted, and which.
#[derive(Debug, Clone)]
pub struct Trust {
    /// `iss`, exactly.
    pub issuer: String,
    /// One of `aud`, exactly.
    pub audience: String,
    pub algorithm: Algorithm,
    /// Where the keys are; by default where the issuer says.
    pub jwks_url: Option<String>,
}

/// Checks tokens.
pub struct Oidc {
    algorithm: Algorithm,
    validation: Validation,
    keys: Arc<Jwks>,
}

/// A token's header, as far as it is believed.
#[derive(Deserialize)]
struct Head {
    alg: Algorithm,
    kid: String,
    typ: Option<String>,
    /// Extensions that must be understood: none is.
    crit: Option<IgnoredAny>,
}

/// What a token says beside issuer, audience and times.
#[derive(Deserialize)]
struct Claims {
    role: Role,
    #[serde(flatten)]
    kind: Kind,
}

impl Oidc {
    /// Trusts one issuer. No IO; the keys are asked for with the first token.
    pub fn new(trust: &Trust) -> Result<Self, reqwest::Error> {
        signatures::install();
        let mut validation = Validation::new(trust.algorithm);
        validation.set_issuer(&[&trust.issuer]);
        validation.set_audience(&[&trust.audience]);
        validation.set_required_spec_claims(&["iss", "aud", "exp"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY_SECONDS;
        let source = match &trust.jwks_url {
            Some(url) => Source::Keys(url.clone()),
            None => Source::Issuer(trust.issuer.clone()),
        };
        let keys = Arc::new(Jwks::new(source, trust.algorithm)?);
        Ok(Self { algorithm: trust.algorithm, validation, keys })
    }

    /// The role that a token gives.
    pub async fn role_of(&self, token: &str) -> Result<Role, Denied> {
        let head = head(token)?;
        if head.alg != self.algorithm {
            return Err(Denied::Invalid("signed by another algorithm"));
        }
        if head.crit.is_some() {
            return Err(Denied::Invalid("wants an extension to be understood"));
        }
        if head.kid.is_empty() || head.kid.len() > MAX_KEY_ID {
            return Err(Denied::Invalid("no name of a key"));
        }
        let key = self.keys.key(&head.kid).await?.ok_or(Denied::Invalid("signed by an unknown key"))?;
        match decode::<Claims>(token, &key, &self.validation) {
            Ok(token) => match token.claims.kind.refusal(head.typ.as_deref(), now()) {
                Some(reason) => Err(Denied::Invalid(reason)),
                None => Ok(token.claims.role),
            },
            Err(error) => {
                tracing::debug!(%error, "refused a signed token");
                Err(Denied::Invalid("signature or claims do not hold"))
            }
        }
    }
}

/// Seconds since 1970.
fn now() -> u32 {
    u32::try_from(jsonwebtoken::get_current_timestamp()).unwrap_or(u32::MAX)
}

fn head(token: &str) -> Result<Head, Denied> {
    let encoded = token.split('.').next().unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| Denied::Invalid("a header that is not base64url"))?;
    serde_json::from_slice(&bytes).map_err(|_| Denied::Invalid("a header without alg and kid"))
}
