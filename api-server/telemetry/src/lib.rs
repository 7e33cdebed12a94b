//! What the programs of the project tell about themselves, in one form: metrics, logs, traces.

mod catalogue;
mod exporter;
pub mod ids;
pub mod logs;
mod sampler;
mod traces;

pub use catalogue::Catalogue;
pub use traces::{ROOT, Traces, TracesError, are_on, follow};
