//! Tokens of an OpenID Connect issuer: signed JSON Web Tokens with a claim that tells the role.
//!
//! The algorithm is pinned by the settings and never taken from the token; keys come from the
//! issuer's key set alone, whatever the token's header names.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, Validation, decode};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::claims::{self, RoleRule, Whole};
use super::issuer::Source;
use super::jwks::{Jwks, Keys, State};
use super::lifetime::Kind;
use super::refused::Refused;
use super::signatures;
use super::{Denied, Principal};

/// Clocks of issuer and store may differ by so many seconds.
const LEEWAY_SECONDS: u32 = 30;
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
    /// Where the role stands, and what stands for it.
    pub roles: RoleRule,
    /// Whether ID tokens are taken, too: of issuers whose access tokens nobody else can read.
    pub id_tokens: bool,
}

/// How people sign in at the issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignIn<'a> {
    pub issuer: &'a str,
    /// A public client of it.
    pub client: &'a str,
    /// Whether the ID token is what the API takes.
    pub id_tokens: bool,
}

/// Checks tokens.
pub struct Oidc {
    trust: Trust,
    validation: Validation,
    keys: Jwks,
    console_client: Option<String>,
}

/// A token's header, as far as it is believed.
#[derive(Deserialize)]
struct Head {
    alg: Algorithm,
    kid: Option<String>,
    typ: Option<String>,
    /// Extensions that must be understood: none is.
    crit: Option<IgnoredAny>,
}

impl Oidc {
    /// Trusts one issuer. No IO; the keys are asked for by [`Oidc::keep`], or else with the first token.
    pub fn new(trust: Trust) -> Self {
        signatures::install();
        let mut validation = Validation::new(trust.algorithm);
        validation.set_issuer(&[&trust.issuer]);
        validation.set_audience(&[&trust.audience]);
        validation.set_required_spec_claims(&["iss", "aud", "exp"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY_SECONDS.into();
        let source = match &trust.jwks_url {
            Some(url) => Source::Keys(url.clone()),
            None => Source::Issuer(trust.issuer.clone()),
        };
        let keys = Jwks::new(source, trust.algorithm);
        Self { trust, validation, keys, console_client: None }
    }

    /// The same, with the client by which people sign in to the console.
    #[must_use]
    pub fn with_console_client(self, console_client: Option<String>) -> Self {
        Self { console_client, ..self }
    }

    /// How people sign in to the console at the issuer, if they can.
    pub fn sign_in(&self) -> Option<SignIn<'_>> {
        let Trust { issuer, id_tokens, .. } = &self.trust;
        self.console_client.as_deref().map(|client| SignIn { issuer, client, id_tokens: *id_tokens })
    }

    /// The issuer whose tokens are accepted.
    pub fn issuer(&self) -> &str {
        &self.trust.issuer
    }

    /// Keeps the keys fresh. Never ends.
    pub async fn keep(&self) {
        self.keys.keep().await;
    }

    /// How it stands with the keys.
    pub fn state(&self) -> State {
        self.keys.state()
    }

    /// Whether keys were ever had.
    pub fn had_keys(&self) -> bool {
        self.keys.were_had()
    }

    /// Whose token it is, and the role that it gives.
    pub async fn principal(&self, token: &str) -> Result<Principal, Denied> {
        let head = self.head(token)?;
        let known = self.keys.current().await?;
        let claims = match self.claims(token, &head, &known) {
            Some(claims) => claims,
            // Signed by a key that is newer than what is known, perhaps.
            None => match self.keys.newer(&known).await? {
                Some(newer) => self.claims(token, &head, &newer).unwrap_or_else(|| Err(self.unknown_key())),
                None => Err(self.unknown_key()),
            },
        };
        let claims = claims?;
        Ok(Principal { role: self.trust.roles.role(&claims)?, name: claims::subject(&claims)?.into() })
    }

    /// A header that may be believed so far.
    fn head(&self, token: &str) -> Result<Head, Refused> {
        let head = head(token)?;
        if head.alg != self.trust.algorithm {
            let words = format!("it is signed by another algorithm than {:?}", self.trust.algorithm);
            return Err(Refused::new("algorithm", words));
        }
        if head.crit.is_some() {
            return Err(Refused::new("critical", "its header asks for extensions (crit) that are not known here"));
        }
        if head.kid.as_ref().is_some_and(|id| id.is_empty() || id.len() > MAX_KEY_ID) {
            return Err(Refused::new("form", "its header has a kid that is empty or too long"));
        }
        Ok(head)
    }

    /// The claims of a token that one of the keys has signed, or what is wrong with them; `None`: none of them has.
    fn claims(&self, token: &str, head: &Head, keys: &Keys) -> Option<Result<Value, Refused>> {
        for key in keys.candidates(head.kid.as_deref()) {
            match decode::<Whole>(token, key, &self.validation) {
                Ok(token) => {
                    let claims = token.claims.0;
                    return Some(in_time(&claims).and_then(|()| self.for_an_api(head, &claims)).map(|()| claims));
                }
                Err(error) if is_of_the_key(&error) => {}
                Err(error) => return Some(Err(self.refused(&error))),
            }
        }
        None
    }

    /// Refuses what was not made for an API, or is good for too long.
    fn for_an_api(&self, head: &Head, claims: &Value) -> Result<(), Refused> {
        let kind = Kind::deserialize(claims).map_err(|error| {
            Refused::new("claims", format!("its claims have not the form that they must have: {error}"))
        })?;
        kind.refusal(head.typ.as_deref(), self.trust.id_tokens, now()).map_or(Ok(()), Err)
    }

    fn unknown_key(&self) -> Refused {
        let words = format!(
            "it is signed by none of the keys of {}: is it a token of another issuer, or an old one?",
            self.trust.issuer
        );
        Refused::new("key", words)
    }

    /// What is wrong with a token that is signed by a known key.
    fn refused(&self, error: &Error) -> Refused {
        let Trust { issuer, audience, .. } = &self.trust;
        match error.kind() {
            ErrorKind::ExpiredSignature => Refused::new("expired", "it has expired: ask its issuer for a new one"),
            ErrorKind::ImmatureSignature => Refused::new("not_yet", clocks("it is not valid yet (nbf)")),
            ErrorKind::InvalidIssuer => {
                Refused::new("issuer", format!("its claim iss is another than {issuer}, letter by letter"))
            }
            ErrorKind::InvalidAudience => Refused::new(
                "audience",
                format!("its claim aud does not name {audience}: ask its issuer for one that does"),
            ),
            ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => {
                Refused::new("audience", format!("it has no claim aud: let its issuer name {audience} there"))
            }
            ErrorKind::MissingRequiredClaim(claim) => Refused::new("claims", format!("it has no claim {claim}")),
            ErrorKind::InvalidClaimFormat(claim) => {
                Refused::new("claims", format!("its claim {claim} has not the form that it must have"))
            }
            ErrorKind::Json(_) => {
                Refused::new("claims", "its claims are no JSON object, or one of them is there twice")
            }
            _ => Refused::new("form", "it is no signed JSON Web Token"),
        }
    }
}

/// Refuses what was issued later than now.
fn in_time(claims: &Value) -> Result<(), Refused> {
    let issued = match &claims["iat"] {
        Value::Null => return Ok(()),
        issued => issued.as_f64().ok_or_else(|| Refused::new("claims", "its claim iat is not a number"))?,
    };
    // Whole seconds, as those of exp and nbf are compared.
    if issued > f64::from(now()) + f64::from(LEEWAY_SECONDS) {
        return Err(Refused::new("issued_later", clocks("it was issued later than now (iat)")));
    }
    Ok(())
}

/// Seconds since 1970.
fn now() -> u32 {
    u32::try_from(jsonwebtoken::get_current_timestamp()).unwrap_or(u32::MAX)
}

fn clocks(what: &str) -> String {
    format!("{what}: the clocks of its issuer and of the store differ by more than {LEEWAY_SECONDS} s")
}

/// Another key may fit.
fn is_of_the_key(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidSignature | ErrorKind::InvalidKeyFormat)
}

fn head(token: &str) -> Result<Head, Refused> {
    let form = |_| Refused::new("form", "it is no signed JSON Web Token of this issuer");
    let encoded = token.split('.').next().unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| form(()))?;
    serde_json::from_slice(&bytes).map_err(|_| form(()))
}
