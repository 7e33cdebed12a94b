//! What a token's claims say of its role: which claim, and which of its values stand for which role. Pure.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use thiserror::Error as ThisError;

use super::refused::Refused;
use super::roles::{NAMES, Role};

/// Characters of a pointer, and of a value.
const LONGEST: usize = 256;
/// Values that stand for roles.
const MOST_VALUES: usize = 64;

/// Where the role stands among the claims, as a JSON pointer (RFC 6901): `/role`, `/realm_access/roles`,
/// `/https:~1~1shop.example.com~1roles`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleClaim(String);

/// Which values of the claim stand for which role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleValues(BTreeMap<String, Role>);

/// A pointer or a map that cannot be used.
#[derive(Debug, ThisError, PartialEq, Eq)]
pub enum RoleRuleError {
    #[error(
        "it must be a JSON pointer of at most {LONGEST} characters, such as /role or /realm_access/roles; in the name \
         of a claim / is written ~1 and ~ is written ~0: /https:~1~1shop.example.com~1roles"
    )]
    Pointer,
    #[error(
        "it must be a JSON object of 1 to {MOST_VALUES} values, each with its role ({NAMES}), such \
         as {{\"store-admins\": \"admin\"}}: {0}"
    )]
    Values(String),
}

impl Default for RoleClaim {
    fn default() -> Self {
        Self("/role".into())
    }
}

impl FromStr for RoleClaim {
    type Err = RoleRuleError;

    fn from_str(text: &str) -> Result<Self, RoleRuleError> {
        let escaped = text.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
        let fits = text.len() > 1 && text.starts_with('/') && text.chars().count() <= LONGEST && escaped;
        if fits { Ok(Self(text.to_owned())) } else { Err(RoleRuleError::Pointer) }
    }
}

impl fmt::Display for RoleClaim {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Default for RoleValues {
    /// Each role's own name.
    fn default() -> Self {
        Self(Role::ALL.map(|role| (role.name().to_owned(), role)).into())
    }
}

impl FromStr for RoleValues {
    type Err = RoleRuleError;

    fn from_str(text: &str) -> Result<Self, RoleRuleError> {
        let wrong = |why: &dyn fmt::Display| RoleRuleError::Values(why.to_string());
        let Whole(value) = serde_json::from_str(text).map_err(|error| wrong(&error))?;
        let values: BTreeMap<String, Role> = serde_json::from_value(value).map_err(|error| wrong(&error))?;
        if !(1..=MOST_VALUES).contains(&values.len()) {
            return Err(wrong(&format_args!("it has {}", values.len())));
        }
        let fits = |value: &String| (1..=LONGEST).contains(&value.chars().count());
        if !values.keys().all(fits) {
            return Err(wrong(&format_args!("a value has 1 to {LONGEST} characters")));
        }
        Ok(Self(values))
    }
}

/// How the role is found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleRule {
    pub claim: RoleClaim,
    pub values: RoleValues,
}

impl RoleRule {
    /// The role of these claims: of several values that stand for roles, the one that may do most.
    pub fn role(&self, claims: &Value) -> Result<Role, Refused> {
        let Self { claim, .. } = self;
        let Some(found) = claims.pointer(&claim.0).filter(|found| !found.is_null()) else {
            return Err(self.absent(claims));
        };
        let texts: Option<Vec<&str>> = match found {
            Value::String(text) => Some(vec![text.as_str()]),
            Value::Array(values) => values.iter().map(Value::as_str).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
        };
        let Some(texts) = texts else {
            let words = format!("its claim {claim} is neither a text nor a list of texts; {}", self.asked());
            return Err(Refused::new("role_form", words));
        };
        let stood_for: Vec<Role> = texts.iter().filter_map(|text| self.values.0.get(*text)).copied().collect();
        let first = Role::BY_RIGHTS.into_iter().find(|role| stood_for.contains(role));
        first.ok_or_else(|| {
            let words = format!("nothing in its claim {claim} stands for a role here; {}", self.asked());
            Refused::new("no_role", words)
        })
    }

    fn absent(&self, claims: &Value) -> Refused {
        let Self { claim, .. } = self;
        // Entra leaves a long list of groups out and names it here.
        let first = claim.0.split('/').nth(1).unwrap_or_default();
        if claims["_claim_names"].get(first).is_some() {
            let words =
                format!("its issuer left the claim {claim} out, since it has too many values: let it tell fewer");
            return Refused::new("role_left_out", words);
        }
        Refused::new("role_absent", format!("it has no claim {claim}; {}", self.asked()))
    }

    fn asked(&self) -> String {
        let own_names = self.values == RoleValues::default();
        if own_names {
            format!("let its issuer put {NAMES} there")
        } else {
            format!("let its issuer put a value there that stands for {NAMES}")
        }
    }
}

/// Whose token it is: its claim `sub`, which an issuer gives to one person or program for good.
pub fn subject(claims: &Value) -> Result<&str, Refused> {
    let Some(found) = claims.get("sub").filter(|found| !found.is_null()) else {
        let words = "it has no claim sub, which tells whose it is: let its issuer put it there (Keycloak: the client scope \
                     basic)";
        return Err(Refused::new("subject_absent", words));
    };
    let fits = |text: &&str| {
        (1..=LONGEST).contains(&text.chars().count()) && !text.chars().any(char::is_control) && text.trim() == *text
    };
    found.as_str().filter(fits).ok_or_else(|| {
        let words = format!("its claim sub is not a text of 1 to {LONGEST} characters without control characters");
        Refused::new("subject_form", words)
    })
}

/// JSON in which no object has a member twice: readers would disagree on which one counts.
#[derive(Debug)]
pub struct Whole(pub Value);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Whole(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let Whole(value) = members.next_value()?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is there twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(claim: &str, values: &str) -> RoleRule {
        let values = if values.is_empty() { RoleValues::default() } else { values.parse().unwrap() };
        RoleRule { claim: claim.parse().unwrap(), values }
    }

    /// The role, or the reason of the refusal.
    fn of(rule: &RoleRule, claims: &Value) -> Result<Role, &'static str> {
        rule.role(claims).map_err(|refused| refused.reason)
    }

    #[test]
    fn the_role_is_read_where_issuers_put_it() {
        let groups = r#"{"Store Admins": "admin", "/sales/eu": "seller", "CN=Buyers,OU=Shop": "supplier"}"#;
        for (claim, values, claims, expected) in [
            ("/role", "", json!({"role": "seller"}), Ok(Role::Seller)),
            ("/role", "", json!({"role": ["seller"]}), Ok(Role::Seller)),
            // Keycloak's roles of a realm, and those of a client
            (
                "/realm_access/roles",
                "",
                json!({"realm_access": {"roles": ["offline_access", "director", "default-roles-shop"]}}),
                Ok(Role::Director),
            ),
            (
                "/resource_access/store/roles",
                "",
                json!({"resource_access": {"store": {"roles": ["admin"]}}}),
                Ok(Role::Admin),
            ),
            // Entra's roles of an application
            ("/roles", "", json!({"roles": ["supplier"]}), Ok(Role::Supplier)),
            // Auth0's claims are named by URLs
            (
                "/https:~1~1shop.example.com~1roles",
                "",
                json!({"https://shop.example.com/roles": ["admin"]}),
                Ok(Role::Admin),
            ),
            ("/a~0b", "", json!({"a~b": "admin"}), Ok(Role::Admin)),
            ("/groups", groups, json!({"groups": ["/sales/eu", "x"]}), Ok(Role::Seller)),
            ("/groups", groups, json!({"groups": ["CN=Buyers,OU=Shop"]}), Ok(Role::Supplier)),
            ("/groups", groups, json!({"groups": "Store Admins"}), Ok(Role::Admin)),
            // with a map the names of the roles themselves count no more
            ("/groups", groups, json!({"groups": ["admin"]}), Err("no_role")),
            ("/role", "", json!({"role": "Admin"}), Err("no_role")),
            ("/role", "", json!({"role": "seller admin"}), Err("no_role")),
            ("/role", "", json!({"role": []}), Err("no_role")),
            ("/role", "", json!({"role": ["admin", 7]}), Err("role_form")),
            ("/role", "", json!({"role": [["admin"]]}), Err("role_form")),
            ("/role", "", json!({"role": {"admin": true}}), Err("role_form")),
            ("/role", "", json!({"role": true}), Err("role_form")),
            ("/role", "", json!({"role": null}), Err("role_absent")),
            ("/role", "", json!({"roles": ["admin"]}), Err("role_absent")),
            ("/realm_access/roles", "", json!({"realm_access": "roles"}), Err("role_absent")),
            ("/role", "", json!(["role"]), Err("role_absent")),
            // Entra leaves out what is too long
            ("/groups", groups, json!({"_claim_names": {"groups": "src1"}}), Err("role_left_out")),
        ] {
            assert_eq!(of(&rule(claim, values), &claims), expected, "{claim} of {claims}");
        }
    }

    #[test]
    fn of_several_roles_the_one_that_may_do_most_counts_in_whichever_order_they_come() {
        let by_names = rule("/role", "");
        for (roles, expected) in [
            (vec!["supplier", "director"], Role::Director),
            (vec!["director", "seller", "supplier"], Role::Seller),
            (vec!["admin", "supplier"], Role::Admin),
            (vec!["seller", "x", "admin"], Role::Admin),
            (vec!["auditor", "payment"], Role::Payment),
            (vec!["supplier", "auditor"], Role::Auditor),
            (vec!["payment", "seller"], Role::Seller),
        ] {
            let mut reversed = roles.clone();
            reversed.reverse();
            assert_eq!(of(&by_names, &json!({"role": roles})), Ok(expected));
            assert_eq!(of(&by_names, &json!({"role": reversed})), Ok(expected));
        }
    }

    #[test]
    fn a_refusal_says_which_claim_was_looked_for_and_what_it_may_have() {
        let words = |rule: &RoleRule, claims: Value| rule.role(&claims).unwrap_err().words.into_owned();
        let told = words(&rule("/realm_access/roles", ""), json!({"role": "admin"}));
        assert_eq!(
            told,
            "it has no claim /realm_access/roles; let its issuer put seller, director, supplier, admin, payment or auditor there"
        );
        let mapped = words(&rule("/groups", r#"{"secret-group": "admin"}"#), json!({"groups": ["other"]}));
        assert!(mapped.contains("/groups") && mapped.contains("stands for seller, director"), "{mapped}");
        assert!(!mapped.contains("secret-group") && !mapped.contains("other"), "{mapped}");
    }

    #[test]
    fn pointers_and_maps_that_cannot_be_meant_are_refused_at_the_start() {
        let long = format!("/{}", "a".repeat(256));
        for bad in ["", "/", "role", "realm_access.roles", "/a~", "/a~2b", "/a~b", "#/role", long.as_str()] {
            assert_eq!(bad.parse::<RoleClaim>(), Err(RoleRuleError::Pointer), "{bad}");
        }
        for bad in [
            "",
            "{}",
            "[]",
            "admin",
            r#"{"x": "root"}"#,
            r#"{"x": "Admin"}"#,
            r#"{"": "admin"}"#,
            r#"{"x": ["admin"]}"#,
            r#"{"x": "admin", "x": "seller"}"#,
        ] {
            assert!(matches!(bad.parse::<RoleValues>(), Err(RoleRuleError::Values(_))), "{bad}");
        }
    }

    #[test]
    fn a_token_is_that_of_its_subject() {
        assert_eq!(subject(&json!({"sub": "auth0|5f7c"})), Ok("auth0|5f7c"));
        for (claims, reason) in [
            (json!({}), "subject_absent"),
            (json!({"sub": null}), "subject_absent"),
            (json!({"sub": 7}), "subject_form"),
            (json!({"sub": ""}), "subject_form"),
            (json!({"sub": " ana"}), "subject_form"),
            (json!({"sub": "a\nb"}), "subject_form"),
            (json!({"sub": "a".repeat(LONGEST + 1)}), "subject_form"),
        ] {
            assert_eq!(subject(&claims).map_err(|refused| refused.reason), Err(reason), "{claims}");
        }
    }

    #[test]
    fn a_member_that_is_there_twice_is_found_at_any_depth() {
        let read = |text: &str| serde_json::from_str::<Whole>(text).map(|Whole(value)| value);
        assert_eq!(read(r#"{"a": {"b": [1, -2, 2.5, null, true, "c"]}}"#).unwrap()["a"]["b"][4], true);
        for twice in [r#"{"a": 1, "a": 1}"#, r#"{"a": {"b": 1, "b": 2}}"#, r#"[{"a": 1, "\u0061": 2}]"#] {
            assert!(read(twice).is_err(), "{twice}");
        }
    }
}
