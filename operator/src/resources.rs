//! Every Kubernetes object that belongs to a StoreCluster, built from what is wanted. Pure.
//!
//! `build` says how the objects are to be; `diff` compares that with how they are and says what to
//! write. A settled cluster gives no write at all.

#![deny(clippy::disallowed_methods)]

pub mod access;
pub mod api;
mod cassandra;
mod check;
mod diff;
mod meta;
mod pod;
mod protection;
mod services;
mod telemetry;
#[cfg(test)]
pub mod tests;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::desired::Desired;
pub use crate::observation::{ChildKey, SecretPurpose};
use crate::plan::Shape;
use crate::settings::Settings;
pub use cassandra::{configuration_name, template_hash};
pub use check::name as check_name;
pub use diff::diff;
pub use meta::{API, CHECK};
pub use services::{client_name, headless_name};

/// An owned object as it is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    pub key: ChildKey,
    /// The whole object with `apiVersion`, `kind` and `metadata`.
    pub object: Value,
    pub mode: Mode,
}

/// How an object is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By server-side apply, whenever it is not as rendered. It carries
    /// `storemanager.io/applied-hash`.
    Apply,
    /// Made when it is missing and never touched again; whoever creates it fills it.
    CreateOnce { fill: Fill },
}

/// Values that are not rendered, so that no rendering holds a password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fill {
    #[default]
    Nothing,
    /// These keys of a Secret's `stringData`, each with a random value, by `with_random_values`.
    Random(Vec<&'static str>),
    /// The log-in as the operator keeps it.
    Kept(SecretPurpose),
}

/// One request that brings an object to what is rendered.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// Server-side apply, forced, by `store_crds::FIELD_MANAGER`, to the object of the UID `live`; where none was
    /// seen a POST, so that nothing is taken that is somebody else's.
    Apply { key: ChildKey, object: Value, live: Option<String> },
    /// POST; that it exists already, as this shop's, is success. `fill` as in `Mode::CreateOnce`.
    Create { key: ChildKey, object: Value, fill: Fill },
    /// DELETE with this UID as precondition: the object is no longer wanted.
    Delete { key: ChildKey, uid: String },
}

/// All objects of a StoreCluster in the order in which they are made: what pods refer to comes
/// before them.
pub fn build(desired: &Desired, shape: &Shape, settings: &Settings) -> Vec<Child> {
    if shape.nothing {
        return Vec::new();
    }
    let mut children = vec![services::build_headless(desired), services::build_client(desired)];
    children.extend(access::build_service_accounts(desired));
    children.extend(access::build_secrets(desired, shape));
    children.push(cassandra::build_configuration(desired, settings));
    children.push(cassandra::build_config_map(desired, shape));
    children.extend(protection::build_disruption_budgets(desired));
    children.extend(protection::build_network_policies(desired, settings));
    children.push(services::build_api(desired));
    children.extend(desired.api.ingress.as_ref().map(|ingress| api::build_ingress(desired, ingress)));
    let route = desired.api.gateway.as_ref().filter(|_| shape.route);
    children.extend(route.map(|gateway| api::build_route(desired, gateway)));
    children.extend(cassandra::build_stateful_sets(desired, shape, settings));
    children.extend(shape.check.then(|| check::build(desired, settings)));
    children.extend(shape.migrate.map(|level| api::build_schema_job(desired, level, settings)));
    let inputs = shape.api_inputs.as_deref();
    children.extend(shape.api.as_ref().map(|api| api::build_deployment(&desired.as_migrated(api), inputs, settings)));
    children
}

/// Name of the API's Deployment, Service, Ingress and HTTPRoute.
pub fn api_name(desired: &Desired) -> String {
    meta::component_name(desired, meta::Component::Api)
}

/// Fills the generated keys of a Secret: `stringData[key] = random()` for each.
pub fn with_random_values(mut secret: Value, keys: &[&'static str], mut random: impl FnMut() -> String) -> Value {
    for key in keys {
        secret["stringData"][*key] = Value::String(random());
    }
    secret
}

/// SHA-256 of a JSON value with sorted keys, in hex.
pub fn hash(value: &Value) -> String {
    hex(&Sha256::digest(value.to_string()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
