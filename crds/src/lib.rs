//! The StoreCluster resource, `storemanager.io/v1alpha1`: its types, its defaults and its rules.
//!
//! Pure data and pure checks, no IO. The YAML in this directory is generated from these types
//! (`make generate`); a test proves that both are the same.

// Above the others, for its macros.
#[macro_use]
mod releases;

pub mod bad_specs;
mod carried_out;
pub mod conditions;
pub mod messages;
mod names;
mod operations;
mod placement;
mod placement_rules;
mod quantity;
mod resources;
mod spec;
mod status;
mod validate;

pub use carried_out::{CarriedOut, CarriedOutRack, CarriedOutStorage, validate_change};
pub use names::*;
pub use operations::*;
pub use placement::*;
pub use quantity::{canonical_quantity, quantity_nanos, quantity_units};
pub use releases::{CASSANDRA_4_1, CASSANDRA_5_0};
pub use resources::*;
pub use spec::*;
pub use status::*;
pub use validate::{Violation, validate};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt as _;

/// The CustomResourceDefinition as the API server gets it.
pub fn crd() -> CustomResourceDefinition {
    let mut crd = StoreCluster::crd();
    // In every copy, not in the chart's alone: Helm looks for it on the object in the cluster. A
    // release whose newest chart leaves the CRD out would delete one that was put there by kubectl
    // since, and every shop with it.
    crd.metadata.annotations.get_or_insert_default().insert("helm.sh/resource-policy".into(), "keep".into());
    for version in &mut crd.spec.versions {
        if let Some(schema) = version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut()) {
            without_nullable(schema);
            if let Some(status) = schema.properties.as_mut().and_then(|p| p.get_mut("status")) {
                without_defaults(status);
            }
        }
    }
    crd
}

/// The same as YAML: what `crds/storeclusters.storemanager.io.yaml` holds.
///
/// # Errors
/// Never for the types of this crate; the serializer's own error otherwise.
pub fn crd_yaml() -> Result<String, serde_saphyr::ser::Error> {
    let header = "# Generated from the types in crds/src: change those, then run `make generate`.\n";
    Ok(header.to_owned() + &serde_saphyr::to_string(&crd())?)
}

/// An absent optional field is left out, never null: CEL's `has()` then means what it says.
fn without_nullable(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    children(schema).for_each(without_nullable);
}

/// Only the operator writes the status, and it writes all of it.
fn without_defaults(schema: &mut JSONSchemaProps) {
    schema.default = None;
    children(schema).for_each(without_defaults);
}

fn children(schema: &mut JSONSchemaProps) -> impl Iterator<Item = &mut JSONSchemaProps> {
    let items = match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => Some(items.as_mut()),
        _ => None,
    };
    let values = match &mut schema.additional_properties {
        Some(JSONSchemaPropsOrBool::Schema(values)) => Some(values.as_mut()),
        _ => None,
    };
    schema.properties.iter_mut().flat_map(|p| p.values_mut()).chain(items).chain(values)
}
