//! Load on the API and what it shows: requests whose answers are remembered and checked, people at work while the ring breaks,
//! and what the API costs beside others.

pub mod bench;
pub mod child;
pub mod cql_proxy;
pub mod history;
pub mod linearizability;
pub mod load;
pub mod manners;
pub mod soak;
