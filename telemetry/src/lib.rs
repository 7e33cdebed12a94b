//! What the programs of the project tell about themselves, in one form. No IO.

mod catalogue;

pub use catalogue::Catalogue;
