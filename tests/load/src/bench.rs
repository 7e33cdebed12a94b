//! `make bench`: what the API and the operator cost, beside what the same work costs without them.
//! Figures and ratios of one run on one machine; no pass marks.

pub mod api;
pub mod audit;
pub mod curve;
pub mod equality;
pub mod figures;
pub mod orders;
pub mod overload;
pub mod page;
pub mod parts;
pub mod peers;
pub mod ring;
pub mod rush;
pub mod store;
pub mod writes;
