//! Tables of specs that must be refused and of changes that must not, for every place that refuses: the
//! rules in Rust, the CEL rules, and a real API server.

use serde::Deserialize;
use serde_json::Value;

use crate::CarriedOut;

/// One spec that must be refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BadSpec {
    /// What is wrong with it, in words.
    pub name: String,
    /// `metadata.name` to give it; default: shop.
    #[serde(default = "default_store")]
    pub store: String,
    /// Good spec to store first, where the change is what is wrong.
    pub old: Option<Value>,
    /// What the operator had carried out of `old` by its status; absent: it has not looked yet.
    pub carried_out: Option<CarriedOut>,
    /// The bad spec.
    pub spec: Value,
    /// Path of the field that the refusal names.
    pub field: String,
    /// Part of what the operator answers; absent where the types cannot even hold the spec.
    pub message: Option<String>,
    /// Part of what the API server answers, where that is not `message`.
    pub server: Option<String>,
    /// The types cannot hold it: only an API server can be asked.
    #[serde(default)]
    pub types: bool,
}

impl BadSpec {
    /// Part of the API server's answer.
    pub fn server_message(&self) -> &str {
        self.server.as_deref().or(self.message.as_deref()).unwrap_or_default()
    }
}

/// The table.
///
/// # Errors
/// If the table in this crate is not as `BadSpec` says.
pub fn bad_specs() -> Result<Vec<BadSpec>, serde_saphyr::Error> {
    serde_saphyr::from_str(include_str!("bad_specs.yaml"))
}

/// A change that must be allowed.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GoodChange {
    /// What is taken back, in words.
    pub name: String,
    /// The spec before.
    pub old: Value,
    /// What the operator had carried out of it; absent: it has not looked yet.
    pub carried_out: Option<CarriedOut>,
    /// The spec after.
    pub spec: Value,
}

/// The table of changes that must be allowed.
///
/// # Errors
/// If the table in this crate is not as `GoodChange` says.
pub fn good_changes() -> Result<Vec<GoodChange>, serde_saphyr::Error> {
    serde_saphyr::from_str(include_str!("good_changes.yaml"))
}

fn default_store() -> String {
    "shop".into()
}
