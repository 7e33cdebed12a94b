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

    /// The weakest level at which the store notes anything: its notes, lists, histories and claims. A commit of an LWT
    /// is at it, too. Reads at it see each other's writes; below it what one node has lost is lost.
    pub const BOOKS: Self = Self::LocalQuorum;

    /// Whether a read at this level may miss a write at [`Self::BOOKS`].
    pub const fn is_weak(self) -> bool {
        self.strength() < Self::BOOKS.strength()
    }

    /// This level, or a stronger one that was asked for. Nobody makes it weaker.
    #[must_use]
    pub fn raised_to(self, asked: Option<Self>) -> Self {
        asked.filter(|asked| asked.strength() > self.strength()).unwrap_or(self)
    }

    /// Levels of writes in their order. TWO is below LOCAL_QUORUM: of five replicas it is no majority. SERIAL is no level
    /// of writes and raises none.
    const fn strength(self) -> u8 {
        match self {
            Self::One | Self::LocalOne => 0,
            Self::Two => 1,
            Self::LocalQuorum | Self::Serial => 2,
            Self::Quorum => 3,
            Self::All => 4,
        }
    }

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
    fn a_level_is_raised_by_what_is_asked_for_and_never_lowered() {
        let raised = |asked| Level::BOOKS.raised_to(asked);
        for weak in [Level::One, Level::LocalOne, Level::Two] {
            assert_eq!((raised(Some(weak)), weak.is_weak()), (Level::LocalQuorum, true));
        }
        for strong in [Level::LocalQuorum, Level::Quorum, Level::All] {
            assert_eq!((raised(Some(strong)), strong.is_weak()), (strong, false));
        }
        assert_eq!((raised(None), raised(Some(Level::Serial))), (Level::LocalQuorum, Level::LocalQuorum));
        assert_eq!(Level::All.raised_to(Some(Level::Quorum)), Level::All, "a setting is not weakened either");
    }

    #[test]
    fn every_level_is_read_back_from_its_name() {
        for level in Level::ALL {
            assert_eq!(level.name().parse(), Ok(level));
            assert_eq!(level.name().to_lowercase().parse(), Ok(level));
        }
        assert_eq!("THREE ".parse::<Level>(), Err(UnknownLevel));
    }
}
