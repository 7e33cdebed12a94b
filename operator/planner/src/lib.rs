//! What the operator decides with: what is seen and what is wanted come in, and what is done, written and told
//! goes out. Pure: no client, no clock, no randomness. The manifest of this crate sees to it: nothing that it
//! depends on can speak with anybody.

#![deny(clippy::disallowed_methods)]

pub mod accepted;
pub mod changes;
pub mod children;
pub mod configuration;
pub mod decision;
pub mod desired;
pub mod digest;
pub mod effects;
pub mod events;
pub mod hints;
pub mod identity;
pub mod logins;
pub mod node;
pub mod observation;
pub mod ownership;
pub mod plan;
pub mod procedure;
pub mod quorum;
pub mod reason;
pub mod refusals;
pub mod resources;
pub mod secrets;
pub mod settings;
#[cfg(test)]
mod simulation;
pub mod status;
pub mod time;
pub mod unmade;
pub mod unreadable;
