//! Every Kubernetes object that belongs to a StoreCluster, built from what is wanted. Pure.
//!
//! `build` says how the objects are to be; `diff` compares that with how they are and says what to
//! write. A settled cluster gives no write at all.

pub mod access;
pub mod api;
#[cfg(test)]
mod api_tests;
mod cassandra;
mod check;
mod child;
mod diff;
mod meta;
pub mod operation;
mod pod;
mod protection;
mod services;
mod telemetry;
#[cfg(test)]
pub mod tests;

use serde_json::Value;

use crate::decision::Shape;
use crate::desired::Desired;
use crate::settings::Settings;
pub use cassandra::template_hash;
pub use check::name as check_name;
pub use child::{Child, Fill, Mode, Write};
pub use diff::diff;
pub use meta::{API, CHECK, configuration_name};
pub use services::{client_name, headless_name};

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
    children.extend(shape.told.as_deref().map(|told| operation::build(desired, told)));
    children.push(services::build_api(desired));
    children.extend(desired.api.ingress.as_ref().map(|ingress| api::build_ingress(desired, ingress)));
    let route = desired.api.gateway.as_ref().filter(|_| shape.route);
    children.extend(route.map(|gateway| api::build_route(desired, gateway)));
    children.extend(cassandra::build_stateful_sets(desired, shape, settings));
    children.extend(shape.check.then(|| check::build(desired, settings)));
    children.extend(shape.migrate.map(|level| api::build_schema_job(desired, level, settings)));
    let inputs = shape.api_inputs.as_deref();
    children.extend(shape.api.as_ref().map(|api| api::build_deployment(&api.applied_to(desired), inputs, settings)));
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
