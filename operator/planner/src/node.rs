//! What the builders of pods and the commands that run in them agree on: paths, Java options, cassandra.yaml. Pure.

pub mod files;
pub mod jvm;
pub mod yaml;
