//! Consistency levels as clients and settings name them. Pure.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A consistency level of a plain read or write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    One,
    Two,
    Quorum,
    LocalOne,
    LocalQuorum,
    All,
    /// Reads only: sees the outcome of every LWT, those in flight included.
    Serial,
}

impl Level {
    /// Every level, in the order in which documents list them.
    pub const ALL: [Self; 7] =
        [Self::One, Self::Two, Self::Quorum, Self::LocalOne, Self::LocalQuorum, Self::All, Self::Serial];

    /// Cassandra's name of the level.
    pub const fn name(self) -> &'static str {
        match self {
            Self::One => "ONE",
            Self::Two => "TWO",
            Self::Quorum => "QUORUM",
            Self::LocalOne => "LOCAL_ONE",
            Self::LocalQuorum => "LOCAL_QUORUM",
            Self::All => "ALL",
            Self::Serial => "SERIAL",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no level.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("unknown consistency level, use one of ONE, TWO, QUORUM, LOCAL_ONE, LOCAL_QUORUM, ALL, SERIAL")]
pub struct UnknownLevel;

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        Self::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(text)).ok_or(UnknownLevel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_is_read_back_from_its_name() {
        for level in Level::ALL {
            assert_eq!(level.name().parse(), Ok(level));
            assert_eq!(level.name().to_lowercase().parse(), Ok(level));
        }
        assert_eq!("THREE ".parse::<Level>(), Err(UnknownLevel));
    }
}
