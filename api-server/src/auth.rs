//! Who may do what. Every request passes [`Gate::admit`] before it reaches a controller: the token
//! tells a role, the table in [`roles`] tells what the role may do, and what is not in the table
//! nobody may do.

pub mod claims;
pub mod issuer;
pub mod jwks;
mod lifetime;
pub mod oidc;
pub mod refused;
pub mod roles;
mod signatures;
pub mod tokens;

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::models::order::Change;
use crate::problem::Problem;
use crate::route::Route;
use oidc::Oidc;
use refused::{Refused, Told};
use roles::{Role, Who};
use tokens::Tokens;

/// What the log was told of refused tokens: one log, one bound.
static TOLD: LazyLock<Told> = LazyLock::new(Told::default);

/// How requests tell who sends them.
pub enum Gate {
    /// They do not: everybody may do everything. For a store on one's own machine.
    Off,
    /// By secret tokens, each of somebody with a role.
    Tokens(Tokens),
    /// By a signed token of an OpenID Connect issuer.
    Oidc(Box<Oidc>),
}

/// Whoever sends a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who it is, for good: the subject of a signed token, or the name of a secret one.
    pub name: Arc<str>,
    pub role: Role,
}

/// Why a token tells no role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// It is not a token of ours.
    Invalid(Refused),
    /// It has more bytes than any is read of.
    TooLong,
    /// It cannot be checked now: the keys of the issuer were not reached.
    NoKeys,
    /// It cannot be checked now: others by keys that are not known wait for the issuer already.
    Asking,
}

impl From<Refused> for Denied {
    fn from(refused: Refused) -> Self {
        Self::Invalid(refused)
    }
}

/// A request that goes no further.
#[derive(Debug)]
pub struct NotAdmitted {
    pub problem: Problem,
    /// Whoever sent it, where that is known: they may not do what they asked for.
    pub by: Option<Principal>,
}

impl From<Problem> for NotAdmitted {
    fn from(problem: Problem) -> Self {
        Self { problem, by: None }
    }
}

/// Bytes of a token.
const MAX_TOKEN: usize = 8 * 1024;

impl Gate {
    /// Whether tokens are asked for.
    pub const fn is_on(&self) -> bool {
        !matches!(self, Self::Off)
    }

    /// How people sign in to the console at an issuer, if they can.
    pub fn sign_in(&self) -> Option<oidc::SignIn<'_>> {
        match self {
            Self::Oidc(oidc) => oidc.sign_in(),
            Self::Off | Self::Tokens(_) => None,
        }
    }

    /// Why nobody could come in yet, although they should: the keys of the issuer were never had. Once they were, it
    /// does not say so again, whatever becomes of the issuer.
    pub fn awaits(&self) -> Option<Problem> {
        let Self::Oidc(oidc) = self else { return None };
        let why = || oidc.state().failure.unwrap_or_else(|| "they are being fetched".into());
        let told = || format!("the keys of the issuer {} were never had: {}", oidc.issuer(), why());
        (!oidc.had_keys()).then(|| Problem::unavailable("issuer_unreachable", told()))
    }

    /// Whoever sends a request, `None` where nobody has to say who they are; or the refusal.
    pub async fn admit(
        &self,
        route: Route,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Option<Principal>, NotAdmitted> {
        // What no route matches has no controller: the router says so.
        if matches!(self, Self::Off) || route == Route::Unmatched {
            return Ok(None);
        }
        // A method without a cell was refused before.
        let allowed = match roles::who(route, method) {
            Some(Who::Roles(allowed)) => allowed,
            Some(Who::Anybody) => return Ok(None),
            None => return Err(Problem::not_found("method of this resource").into()),
        };
        let principal = match token(headers) {
            Ok(None) => {
                let challenge = HeaderValue::from_static("Bearer");
                return Err(unauthorized(challenge, "send a token: Authorization: Bearer …").into());
            }
            Ok(Some(token)) => self.principal(token).await,
            Err(denied) => Err(denied),
        };
        match principal {
            Ok(principal) if allowed[principal.role as usize] => Ok(Some(principal)),
            Ok(principal) => Err(NotAdmitted { problem: forbidden(principal.role), by: Some(principal) }),
            Err(Denied::Invalid(refused)) => {
                TOLD.tell(&refused);
                let detail = format!("the token is not valid here: {}", refused.words);
                Err(unauthorized(refused.challenge(), detail).into())
            }
            Err(Denied::TooLong) => {
                let detail = format!("a token has at most {MAX_TOKEN} bytes; one of fewer groups or claims is shorter");
                Err(Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "token_too_long", detail).into())
            }
            Err(Denied::NoKeys) => {
                let detail = "the keys of the token's issuer were not reached";
                Err(Problem::unavailable("issuer_unreachable", detail).into())
            }
            Err(Denied::Asking) => {
                let detail =
                    "the token is signed by a key that is not known, and its issuer is being asked for newer ones";
                Err(Problem::unavailable("issuer_asked", detail).into())
            }
        }
    }

    async fn principal(&self, token: &str) -> Result<Principal, Denied> {
        match self {
            Self::Off => Err(Refused::new("off", "no tokens are known").into()),
            Self::Tokens(tokens) => tokens.principal(token),
            Self::Oidc(oidc) => oidc.principal(token).await,
        }
    }
}

/// Refuses a trace to whoever neither runs the store nor sells in it: it is written to Cassandra, row by row.
pub fn may_trace(role: Option<Role>) -> Result<(), Problem> {
    match role {
        None | Some(Role::Admin | Role::Seller) => Ok(()),
        Some(role @ (Role::Director | Role::Supplier | Role::Payment | Role::Auditor)) => {
            let detail = format!("{} may not ask for a trace, leave Cassandra-Trace out", one(role));
            Err(Problem { detail: detail.into(), ..forbidden(role) })
        }
    }
}

/// Refuses what is no payment to whoever only tells of payments.
pub fn may_change(role: Role, change: &Change) -> Result<(), Problem> {
    if role == Role::Payment && change.fulfilled {
        let detail = "a payment service only tells of payments, leave status out";
        return Err(Problem { detail: detail.into(), ..forbidden(role) });
    }
    Ok(())
}

/// Refuses products beside an order to whoever may read the order alone.
pub fn may_see_products(role: Role) -> Result<(), Problem> {
    if roles::may(role, Route::Product, &Method::GET) {
        return Ok(());
    }
    let detail = format!("{} may not read products, leave expand out", one(role));
    Err(Problem { detail: detail.into(), ..forbidden(role) })
}

/// Refuses the choice of a node to whoever may not know of nodes.
pub fn may_choose_node(role: Option<Role>) -> Result<(), Problem> {
    match role {
        Some(role) if !roles::may(role, Route::ClusterNodes, &Method::GET) => {
            let detail = format!("{} may not choose a node, leave Cassandra-Coordinator out", one(role));
            Err(Problem { detail: detail.into(), ..forbidden(role) })
        }
        _ => Ok(()),
    }
}

/// The bearer token of a request (RFC 6750), `None` where there is no `Authorization`.
fn token(headers: &HeaderMap) -> Result<Option<&str>, Denied> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let form = |words| Denied::Invalid(Refused::new("header", words));
    if values.next().is_some() {
        return Err(form("there is more than one Authorization header"));
    }
    if value.len() > MAX_TOKEN {
        return Err(Denied::TooLong);
    }
    let text = value.to_str().map_err(|_| form("it is not visible ASCII"))?;
    let (scheme, token) = text.split_once(' ').ok_or(form("write Authorization: Bearer, a blank, the token"))?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(form("its scheme is not Bearer"));
    }
    let token = token.trim_start_matches(' ');
    let unpadded = token.trim_end_matches('=');
    let fits =
        !unpadded.is_empty() && unpadded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte));
    if fits { Ok(Some(token)) } else { Err(form("it has other characters than a token")) }
}

fn unauthorized(challenge: HeaderValue, detail: impl Into<Cow<'static, str>>) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail).with_header(header::WWW_AUTHENTICATE, challenge)
}

/// One of those who have a role.
const fn one(role: Role) -> &'static str {
    match role {
        Role::Seller => "a seller",
        Role::Director => "a director",
        Role::Supplier => "a supplier",
        Role::Admin => "an admin",
        Role::Payment => "a payment service",
        Role::Auditor => "an auditor",
    }
}

fn forbidden(role: Role) -> Problem {
    let detail = format!("{} may not do this", one(role));
    Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"insufficient_scope\""))
}
