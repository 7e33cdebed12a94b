//! Settings of who may do what.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jsonwebtoken::Algorithm;

use super::SettingsError;
use crate::auth::Gate;
use crate::auth::claims::{RoleClaim, RoleRule, RoleValues};
use crate::auth::oidc::{Oidc, Trust};
use crate::auth::tokens::Tokens;

/// How requests tell who sends them, and what is needed to believe it.
#[derive(Debug, Args, Clone)]
pub struct Access {
    /// How requests tell who sends them
    #[arg(id = "auth", long = "auth", env = "STORE_AUTH", default_value = "off", global = true)]
    pub mode: Auth,
    /// Let others than this machine reach an API with --auth off
    #[arg(long, env = "STORE_ALLOW_OPEN", num_args = 0..=1, default_value_t = false, default_missing_value = "true", global = true)]
    pub allow_open: bool,
    /// Let an issuer's keys, and headers for a collector, travel without TLS
    #[arg(long, env = "STORE_ALLOW_HTTP", num_args = 0..=1, default_value_t = false, default_missing_value = "true", global = true)]
    pub allow_http: bool,
    /// Directory with the files of tokens, with --auth tokens
    #[arg(long, env = "STORE_TOKENS_DIRECTORY", required_if_eq("auth", "tokens"), global = true)]
    pub tokens_directory: Option<PathBuf>,
    /// Issuer of tokens, with --auth oidc
    #[arg(long, env = "STORE_OIDC_ISSUER", required_if_eq("auth", "oidc"), global = true)]
    pub oidc_issuer: Option<String>,
    /// Audience that tokens must be for, with --auth oidc
    #[arg(long, env = "STORE_OIDC_AUDIENCE", required_if_eq("auth", "oidc"), global = true)]
    pub oidc_audience: Option<String>,
    /// The algorithm that tokens are signed by
    #[arg(long, env = "STORE_OIDC_ALGORITHM", default_value = "RS256", global = true)]
    pub oidc_algorithm: SigningAlgorithm,
    /// Take ID tokens, too, of an issuer whose access tokens nobody else can read
    #[arg(long, env = "STORE_OIDC_ALLOW_ID_TOKENS", num_args = 0..=1, default_value_t = false, default_missing_value = "true", global = true)]
    pub oidc_allow_id_tokens: bool,
    /// Where the issuer's keys are, if its discovery document shall not be asked
    #[arg(long, env = "STORE_OIDC_JWKS_URL", value_name = "URL", global = true)]
    pub oidc_jwks_url: Option<String>,
    /// Where a token's claims tell the role, as a JSON pointer
    #[arg(long, env = "STORE_OIDC_ROLE_CLAIM", value_name = "POINTER", default_value = "/role", global = true)]
    pub oidc_role_claim: RoleClaim,
    /// Which values of it stand for which role, as a JSON object; by default the names of the roles
    #[arg(long, env = "STORE_OIDC_ROLE_VALUES", value_name = "JSON", global = true)]
    pub oidc_role_values: Option<RoleValues>,
    /// Client by which people sign in to the console at the issuer, with --auth oidc: a public one, with PKCE
    #[arg(long, env = "STORE_CONSOLE_CLIENT_ID", value_name = "ID", global = true)]
    pub console_client_id: Option<String>,
}

/// How requests tell who sends them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Auth {
    /// They do not: everybody may do everything
    Off,
    /// By secret tokens, each of somebody with a role
    Tokens,
    /// By a signed token of an OpenID Connect issuer
    Oidc,
}

/// An algorithm by which an issuer signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SigningAlgorithm {
    #[value(name = "RS256")]
    Rs256,
    #[value(name = "PS256")]
    Ps256,
    #[value(name = "ES256")]
    Es256,
    #[value(name = "EdDSA")]
    EdDsa,
}

impl Access {
    /// The gate that requests pass.
    pub fn gate(&self) -> Result<Gate, SettingsError> {
        match self.mode {
            Auth::Off => Ok(Gate::Off),
            Auth::Tokens => {
                let directory = self.tokens_directory.as_deref();
                let directory = directory.ok_or(SettingsError::Empty { variable: "STORE_TOKENS_DIRECTORY" })?;
                Ok(Gate::Tokens(Tokens::read(directory)?))
            }
            Auth::Oidc => {
                let given = |value: &Option<String>, variable| {
                    value.clone().filter(|text| !text.is_empty()).ok_or(SettingsError::Empty { variable })
                };
                let trust = Trust {
                    issuer: given(&self.oidc_issuer, "STORE_OIDC_ISSUER")?,
                    audience: given(&self.oidc_audience, "STORE_OIDC_AUDIENCE")?,
                    algorithm: match self.oidc_algorithm {
                        SigningAlgorithm::Rs256 => Algorithm::RS256,
                        SigningAlgorithm::Ps256 => Algorithm::PS256,
                        SigningAlgorithm::Es256 => Algorithm::ES256,
                        SigningAlgorithm::EdDsa => Algorithm::EdDSA,
                    },
                    jwks_url: self.oidc_jwks_url.clone().filter(|url| !url.is_empty()),
                    id_tokens: self.oidc_allow_id_tokens,
                    roles: RoleRule {
                        claim: self.oidc_role_claim.clone(),
                        values: self.oidc_role_values.clone().unwrap_or_default(),
                    },
                };
                let client = self.console_client_id.clone().filter(|text| !text.is_empty());
                Ok(Gate::Oidc(Box::new(Oidc::new(trust).with_console_client(client))))
            }
        }
    }
}
