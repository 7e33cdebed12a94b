//! The releases of Cassandra that everything here is tested on, the newest of each series that Maven has. They stand in
//! this file alone: the testbed fetches these, and what names one as an example takes it from here.

/// The release of the series 4.1, as a literal.
macro_rules! cassandra_4_1 {
    () => {
        "4.1.10"
    };
}

/// The release of the series 5.0, as a literal.
macro_rules! cassandra_5_0 {
    () => {
        "5.0.9"
    };
}

/// The tested release of Cassandra 4.1, also a tag of the official image.
pub const CASSANDRA_4_1: &str = cassandra_4_1!();
/// The tested release of Cassandra 5.0, also a tag of the official image.
pub const CASSANDRA_5_0: &str = cassandra_5_0!();
