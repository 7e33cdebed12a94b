//! placeholder
use crate::StoreClusterSpec;
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation { pub field: String, pub message: String }
pub fn validate(_spec: &StoreClusterSpec) -> Vec<Violation> { Vec::new() }
pub fn validate_change(_old: &StoreClusterSpec, _new: &StoreClusterSpec) -> Vec<Violation> { Vec::new() }
