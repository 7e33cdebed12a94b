//! Generated Secrets and the service accounts of the pods. Pure: random values are filled in by
//! whoever makes the Secrets.

use serde_json::{Value, json};
use store_crds::AuthMode;

use super::child::{Child, Fill};
use super::meta::{self, Component};
use crate::decision::{Origin, Shape};
use crate::desired::Desired;
use crate::identity::ChildKind;
use crate::observation::SecretPurpose;

/// Role that the operator itself logs in with.
pub const SUPERUSER_ROLE: &str = "store_operator";
/// Role of the schema writer.
pub const SCHEMA_ROLE: &str = "store_schema";
/// Role of the API.
pub const API_ROLE: &str = "store_api";
/// User of the management port of the nodes.
pub const JOLOKIA_USER: &str = "store_operator";

/// Keys of a log-in.
pub const LOGIN_KEYS: [&str; 2] = ["username", "password"];
/// Key of the Secret that signs cursors.
const CURSOR_KEYS: [&str; 1] = ["key"];
/// Roles of the API that every shop has a token for, each a key of the Secret; other keys of it are the shop owner's.
const API_ROLES: [&str; 4] = ["seller", "director", "supplier", "admin"];

impl SecretPurpose {
    /// Log-ins, of which the operator keeps what worked.
    pub const LOGINS: [SecretPurpose; 4] =
        [SecretPurpose::Superuser, SecretPurpose::Jolokia, SecretPurpose::Schema, SecretPurpose::Api];

    /// What comes after the store's name in the Secret's.
    pub fn suffix(self) -> &'static str {
        match self {
            SecretPurpose::Superuser => "superuser",
            SecretPurpose::Jolokia => "jolokia",
            SecretPurpose::Schema => "schema",
            SecretPurpose::Api => "api",
            SecretPurpose::CursorKey => "cursor-key",
            SecretPurpose::ApiTokens => "api-tokens",
        }
    }

    /// Keys that the Secret must have.
    pub fn keys(self) -> &'static [&'static str] {
        match self {
            SecretPurpose::Superuser | SecretPurpose::Jolokia | SecretPurpose::Schema | SecretPurpose::Api => {
                &LOGIN_KEYS
            }
            SecretPurpose::CursorKey => &CURSOR_KEYS,
            SecretPurpose::ApiTokens => &API_ROLES,
        }
    }

    fn component(self) -> Component {
        match self {
            SecretPurpose::Superuser | SecretPurpose::Jolokia => Component::Cassandra,
            SecretPurpose::Schema => Component::Schema,
            SecretPurpose::Api | SecretPurpose::CursorKey | SecretPurpose::ApiTokens => Component::Api,
        }
    }

    /// The user that a generated log-in has.
    fn user(self) -> Option<&'static str> {
        match self {
            SecretPurpose::Superuser => Some(SUPERUSER_ROLE),
            SecretPurpose::Jolokia => Some(JOLOKIA_USER),
            SecretPurpose::Schema => Some(SCHEMA_ROLE),
            SecretPurpose::Api => Some(API_ROLE),
            SecretPurpose::CursorKey | SecretPurpose::ApiTokens => None,
        }
    }
}

/// Name of one of the store's Secrets.
pub fn secret_name(desired: &Desired, purpose: SecretPurpose) -> String {
    format!("{}-{}", desired.name, purpose.suffix())
}

/// Name of the operator's record of the log-ins that worked.
pub fn record_name(desired: &Desired) -> String {
    format!("{}-operator-credentials", desired.name)
}

/// Keys of a log-in in the record: user name and password.
pub fn record_keys(purpose: SecretPurpose) -> [String; 2] {
    LOGIN_KEYS.map(|key| format!("{}-{key}", purpose.suffix()))
}

/// The Secrets that a store has.
pub fn purposes(desired: &Desired) -> Vec<SecretPurpose> {
    let mut purposes = SecretPurpose::LOGINS.to_vec();
    purposes.push(SecretPurpose::CursorKey);
    if desired.api.auth.mode == AuthMode::Tokens {
        purposes.push(SecretPurpose::ApiTokens);
    }
    purposes
}

/// The Secrets that are to be made on this pass; all others are left as they are. The superuser's has
/// no owner: a StoreCluster made again under the same name takes up the volumes, and needs the password
/// that is in them. Under Delete the plan deletes it by UID, so that the policy at the end counts, not the
/// one at the time when the Secret was made.
pub fn build_secrets(desired: &Desired, shape: &Shape) -> Vec<Child> {
    let made = shape.secrets.iter();
    made.map(|(purpose, origin)| {
        let owned = *purpose != SecretPurpose::Superuser;
        let (known, fill) = match (origin, purpose.user()) {
            (Origin::Kept, _) => (json!({}), Fill::Kept(*purpose)),
            (Origin::Random, Some(user)) => (json!({ "username": user }), Fill::Random(vec!["password"])),
            (Origin::Random, None) => (json!({}), Fill::Random(purpose.keys().to_vec())),
        };
        let body = json!({ "type": "Opaque", "stringData": known });
        let labels = meta::labels(desired, purpose.component());
        meta::created_once(
            desired,
            "v1",
            ChildKind::Secret,
            secret_name(desired, *purpose),
            labels,
            body,
            (owned, fill),
        )
    })
    .collect()
}

/// The record without its values. It has no owner, for the same reason as the superuser's Secret.
pub fn build_record(desired: &Desired) -> Value {
    let labels = meta::labels(desired, Component::Cassandra);
    let body = json!({ "type": "Opaque" });
    let unfilled = (false, Fill::Nothing);
    meta::created_once(desired, "v1", ChildKind::Secret, record_name(desired), labels, body, unfilled).object
}

/// Service accounts that can do nothing and whose token is mounted nowhere.
pub fn build_service_accounts(desired: &Desired) -> [Child; 2] {
    [Component::Cassandra, Component::Api].map(|component| {
        meta::applied(
            desired,
            "v1",
            ChildKind::ServiceAccount,
            meta::component_name(desired, component),
            meta::labels(desired, component),
            json!({ "automountServiceAccountToken": false }),
        )
    })
}
