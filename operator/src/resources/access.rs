//! Generated Secrets and the service accounts of the pods. Pure: random values are filled in by
//! whoever makes the Secrets.

use serde_json::{Value, json};
use store_crds::AuthMode;

use super::Child;
use super::meta::{self, Component};
use crate::desired::Desired;

/// Role that the operator itself logs in with.
pub const SUPERUSER_ROLE: &str = "store_operator";
/// Role of the schema writer.
pub const SCHEMA_ROLE: &str = "store_schema";
/// Role of the API.
pub const API_ROLE: &str = "store_api";
/// User of the management port of the nodes.
pub const JOLOKIA_USER: &str = "store_operator";

/// Name of the Secret of the operator's own superuser.
pub fn superuser_secret(desired: &Desired) -> String {
    format!("{}-superuser", desired.name)
}

/// Name of the Secret of the schema writer's role.
pub fn schema_secret(desired: &Desired) -> String {
    format!("{}-schema", desired.name)
}

/// Name of the Secret of the API's role.
pub fn api_secret(desired: &Desired) -> String {
    format!("{}-api", desired.name)
}

/// Name of the Secret of the management port.
pub fn jolokia_secret(desired: &Desired) -> String {
    format!("{}-jolokia", desired.name)
}

/// Name of the Secret that signs the API's paging cursors.
pub fn cursor_key_secret(desired: &Desired) -> String {
    format!("{}-cursor-key", desired.name)
}

/// Name of the Secret with the API's token for each role.
pub fn api_tokens_secret(desired: &Desired) -> String {
    format!("{}-api-tokens", desired.name)
}

/// Roles of the API, each a key of that Secret.
const API_ROLES: [&str; 4] = ["seller", "director", "supplier", "admin"];

/// All Secrets. The superuser's has no owner: a StoreCluster made again under the same name takes up
/// the volumes, and needs the password that is in them. Under Delete the plan deletes it by UID, so
/// that the policy at the end counts, not the one at the time when the Secret was made.
pub fn build_secrets(desired: &Desired) -> Vec<Child> {
    let mut secrets = vec![
        login(desired, superuser_secret(desired), Component::Cassandra, SUPERUSER_ROLE, false),
        login(desired, jolokia_secret(desired), Component::Cassandra, JOLOKIA_USER, true),
        login(desired, schema_secret(desired), Component::Schema, SCHEMA_ROLE, true),
        login(desired, api_secret(desired), Component::Api, API_ROLE, true),
        secret(desired, cursor_key_secret(desired), Component::Api, json!({}), (true, vec!["key"])),
    ];
    if desired.api.auth.mode == AuthMode::Tokens {
        let tokens = (true, API_ROLES.to_vec());
        secrets.push(secret(desired, api_tokens_secret(desired), Component::Api, json!({}), tokens));
    }
    secrets
}

fn login(desired: &Desired, name: String, component: Component, user: &str, owned: bool) -> Child {
    secret(desired, name, component, json!({ "username": user }), (owned, vec!["password"]))
}

fn secret(
    desired: &Desired,
    name: String,
    component: Component,
    known: Value,
    kept: (bool, Vec<&'static str>),
) -> Child {
    let body = json!({ "type": "Opaque", "stringData": known });
    meta::created_once(desired, "v1", "Secret", name, meta::labels(desired, component), body, kept)
}

/// Service accounts that can do nothing and whose token is mounted nowhere.
pub fn build_service_accounts(desired: &Desired) -> [Child; 2] {
    [Component::Cassandra, Component::Api].map(|component| {
        meta::applied(
            desired,
            "v1",
            "ServiceAccount",
            meta::component_name(desired, component),
            meta::labels(desired, component),
            json!({ "automountServiceAccountToken": false }),
        )
    })
}
