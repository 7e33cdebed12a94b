//! `make bench`: what the API and the operator cost, beside what the same work costs without them.
//! Figures and ratios of one run on one machine; no pass marks.

pub mod api;
pub mod audit;
pub mod child;
pub mod closed_loop;
pub mod driver_loop;
pub mod figures;
pub mod hello;
pub mod page;
pub mod process_time;
pub mod ring;
