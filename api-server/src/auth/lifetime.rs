//! For how long a token may be good, and whether it is for an API at all. Pure.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::refused::Refused;

/// A token that is good for longer is refused: nobody can take one back.
pub const LONGEST_SECONDS: u32 = 24 * 60 * 60;

/// What tells how long a token is good, and what it is.
#[derive(Deserialize)]
pub struct Kind {
    /// Seconds since 1970; some issuers write fractions.
    exp: f64,
    /// As Keycloak writes it: `Bearer`, `ID`, `Refresh`.
    typ: Option<String>,
    /// Claims of ID tokens (OpenID Connect Core, 2 and 3.3.2.11), which tell a client who has logged in.
    nonce: Option<IgnoredAny>,
    at_hash: Option<IgnoredAny>,
    c_hash: Option<IgnoredAny>,
}

impl Kind {
    /// Why a token is not taken, `None` for one that is; `now` in seconds since 1970, `typ` as its header has it. `of_clients`:
    /// what tells a client who has logged in is taken, too.
    pub fn refusal(&self, typ: Option<&str>, of_clients: bool, now: u32) -> Option<Refused> {
        // RFC 9068, 2.1; most issuers write the general one.
        let of_api = typ.is_none_or(|typ| {
            ["jwt", "at+jwt", "application/at+jwt"].iter().any(|ours| typ.eq_ignore_ascii_case(ours))
        });
        let by_claim = self.typ.as_ref().is_none_or(|typ| typ.eq_ignore_ascii_case("bearer"));
        let of_client = self.nonce.is_some() || self.at_hash.is_some() || self.c_hash.is_some();
        if !of_clients && (!of_api || !by_claim || of_client) {
            let words = "it is not an access token, but one that tells a client who has logged in, or another kind: send \
                         the access token";
            return Some(Refused::new("kind", words));
        }
        let too_long = self.exp > f64::from(now) + f64::from(LONGEST_SECONDS);
        too_long.then(|| Refused::new("lifetime", "it is good for more than a day: let its issuer make shorter ones"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_token_for_an_api_that_ends_within_a_day_is_taken_and_no_other() {
        let refusal = |typ: Option<&str>, claims: Value| {
            let kind: Kind = serde_json::from_value(claims).unwrap();
            let refusal = |of_clients| kind.refusal(typ, of_clients, 1_000_000).map(|refused| refused.reason);
            assert_eq!(refusal(true), refusal(false).filter(|reason| *reason != "kind"), "all but the kind counts");
            refusal(false)
        };
        let exp = 1_000_000 + LONGEST_SECONDS;
        for typ in [None, Some("JWT"), Some("at+jwt"), Some("application/at+jwt")] {
            assert_eq!(refusal(typ, json!({"exp": exp})), None, "{typ:?}");
        }
        assert_eq!(refusal(None, json!({"exp": exp, "typ": "Bearer", "azp": "shop"})), None);
        for (typ, claims) in [
            (Some("logout+jwt"), json!({"exp": exp})),
            (None, json!({"exp": exp, "typ": "ID"})),
            (Some("JWT"), json!({"exp": exp, "nonce": "n"})),
            (Some("JWT"), json!({"exp": exp, "at_hash": "h"})),
            (Some("JWT"), json!({"exp": exp, "c_hash": "h"})),
        ] {
            assert_eq!(refusal(typ, claims.clone()), Some("kind"), "{typ:?} {claims}");
        }
        assert_eq!(refusal(None, json!({"exp": exp + 1})), Some("lifetime"));
        assert_eq!(refusal(None, json!({"exp": u64::MAX})), Some("lifetime"));
    }
}
