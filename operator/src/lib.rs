//! The operator of StoreCluster resources: it gathers (IO), decides (pure), and commits (IO).

pub mod cassandra;
pub mod clock;
pub mod desired;
pub mod observation;
pub mod plan;
