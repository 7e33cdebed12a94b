//! The StoreCluster resource, `storemanager.io/v1alpha1`: its types, its defaults and its rules.
//!
//! Pure data and pure checks, no IO. The YAML in this directory is generated from these types
//! (`make generate`); a test proves that both are the same.

pub mod conditions;
pub mod messages;
mod names;
mod quantity;
mod spec;
mod status;
mod validate;

pub use names::*;
pub use quantity::{canonical_quantity, quantity_nanos, quantity_units};
pub use spec::*;
pub use status::*;
pub use validate::{Violation, validate, validate_change};

use kube::CustomResourceExt as _;

/// The CustomResourceDefinition as the API server gets it.
pub fn crd() -> k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition {
    StoreCluster::crd()
}
