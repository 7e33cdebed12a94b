//! Digests that tell one object from another. Pure.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// SHA-256 of a JSON value with sorted keys, in hex.
pub fn hash(value: &Value) -> String {
    hex(&Sha256::digest(value.to_string()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
