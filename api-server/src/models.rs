//! Rules and use cases of the store. Knows the traits and records of [`crate::dao`] and nothing of
//! HTTP or of any database.

pub mod audit;
pub mod backfill;
pub mod bulk;
pub mod changes;
pub mod clock;
pub mod cluster;
pub mod create;
pub mod cursor;
pub mod error;
pub mod figures;
pub mod idempotency;
pub mod imports;
pub mod ledger;
pub mod lines;
pub mod live;
pub mod operations;
pub mod order;
pub mod orders;
pub mod payments;
pub mod precondition;
pub mod product;
pub mod products;
pub mod ranker;
pub mod reports;
pub mod stocks;
pub mod text;
pub mod user;
pub mod users;

pub use create::Identity;
pub use error::{ModelError, Violation};

/// What a caller of a use case gives and gets beside its data, re-exported so that whoever speaks
/// HTTP needs nothing from the DAOs.
pub use crate::dao::activity;
pub use crate::dao::changes as change;
pub use crate::dao::cluster as ring;
pub use crate::dao::imports as import;
pub use crate::dao::page::LOOKED_AT_MAX;
pub use crate::dao::price::{Price, PriceError};
pub use crate::dao::products::{Filter, Product, ProductRef, ProductSink};
pub use crate::dao::users::{User, UserRef, UserSink};
pub use crate::dao::words::words_of;
pub use crate::dao::{Context, DaoError, Level, Receipt, TraceAsk, TraceTurn, level::UnknownLevel, now_ms};
