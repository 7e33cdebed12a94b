//! StoreCluster types.
