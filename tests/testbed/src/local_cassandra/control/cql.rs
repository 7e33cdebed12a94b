//! Statements that are sent to one node of a ring and to no other. IO: CQL.

use std::net::SocketAddr;
use std::time::Duration;

use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
use scylla::policies::host_filter::AllowListHostFilter;
use scylla::policies::load_balancing::{NodeIdentifier, SingleTargetLoadBalancingPolicy};
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::response::query_result::QueryResult;
use scylla::statement::{Consistency, Statement};
use scylla::value::{CqlValue, Row};

use super::super::SUPERUSER;
use super::views::aligned_rows;

/// For a connection, and for a statement: longer than Cassandra's own time-outs.
const CONNECT: Duration = Duration::from_secs(2);
const REQUEST: Duration = Duration::from_secs(15);
/// Rows that are shown.
const ROWS_MAX: usize = 100;

/// Rows with the names of their columns, as texts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Table {
    pub names: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// Whether there are more than are here.
    pub more: bool,
}

impl Table {
    /// Names and rows below each other; nothing for a statement that has no rows.
    pub(super) fn text(&self) -> String {
        if self.names.is_empty() {
            return "done".to_owned();
        }
        let mut lines = vec![self.names.clone()];
        lines.extend(self.rows.iter().cloned());
        let count = match (self.more, self.rows.len()) {
            (true, shown) => format!("({shown} rows, and more)"),
            (false, 1) => "(1 row)".to_owned(),
            (false, rows) => format!("({rows} rows)"),
        };
        format!("{}\n{count}", aligned_rows(&lines))
    }
}

/// The level of this name.
pub(super) fn level(name: &str) -> Option<Consistency> {
    Some(match name.to_uppercase().as_str() {
        "ONE" => Consistency::One,
        "TWO" => Consistency::Two,
        "QUORUM" => Consistency::Quorum,
        "LOCAL_QUORUM" => Consistency::LocalQuorum,
        "ALL" => Consistency::All,
        "SERIAL" => Consistency::Serial,
        _ => return None,
    })
}

/// Runs `statement` with this node for its coordinator.
///
/// # Errors
/// In Cassandra's terms, for people.
pub(super) async fn run(
    node: SocketAddr,
    authentication: bool,
    level: Consistency,
    statement: &str,
) -> Result<Table, String> {
    let session = connect(node, authentication).await?;
    let mut statement = Statement::new(statement);
    statement.set_consistency(level);
    statement.set_page_size(ROWS_MAX as i32);
    let first = session.query_single_page(statement, (), scylla::response::PagingState::start());
    let (result, paging) = first.await.map_err(|error| refusal(&error))?;
    let table = read(result)?;
    Ok(Table { more: !paging.finished(), ..table })
}

/// A session with this node alone: the others may be silent, and waiting for them would be long.
async fn connect(node: SocketAddr, authentication: bool) -> Result<Session, String> {
    let only = AllowListHostFilter::new([node]).map_err(|error| error.to_string())?;
    let target = SingleTargetLoadBalancingPolicy::new(NodeIdentifier::NodeAddress(node), None);
    let profile = ExecutionProfile::builder()
        .load_balancing_policy(target)
        .retry_policy(std::sync::Arc::new(FallthroughRetryPolicy::new()))
        .request_timeout(Some(REQUEST))
        .build();
    let mut builder = SessionBuilder::new()
        .known_node_addr(node)
        .host_filter(std::sync::Arc::new(only))
        .connection_timeout(CONNECT)
        .default_execution_profile_handle(profile.into_handle());
    if authentication {
        builder = builder.user(SUPERUSER.0, SUPERUSER.1);
    }
    let told = |error: scylla::errors::NewSessionError| error.to_string().lines().next().unwrap_or_default().to_owned();
    builder.build().await.map_err(told)
}

fn read(result: QueryResult) -> Result<Table, String> {
    if !result.is_rows() {
        return Ok(Table::default());
    }
    let rows = result.into_rows_result().map_err(|error| error.to_string())?;
    let names = rows.column_specs().iter().map(|column| column.name().to_owned()).collect();
    let found = rows.rows::<Row>().map_err(|error| error.to_string())?;
    let text = |row: Row| row.columns.iter().map(|value| value.as_ref().map_or("null".to_owned(), plain)).collect();
    let rows = found.map(|row| row.map(text)).collect::<Result<_, _>>();
    Ok(Table { names, rows: rows.map_err(|error| error.to_string())?, more: false })
}

/// A value as people write it: without quotes, and a decimal number with its digits.
fn plain(value: &CqlValue) -> String {
    match value {
        CqlValue::Text(text) | CqlValue::Ascii(text) => text.clone(),
        CqlValue::Inet(address) => address.to_string(),
        CqlValue::Decimal(number) => {
            let (bytes, scale) = number.as_signed_be_bytes_slice_and_exponent();
            decimal(bytes, scale).unwrap_or_else(|| value.to_string())
        }
        other => other.to_string(),
    }
}

/// A number that is these bytes, the highest first, as many places behind the point as `scale` says; none where it is larger
/// than any that is shown here.
fn decimal(bytes: &[u8], scale: i32) -> Option<String> {
    let negative = bytes.first().is_some_and(|first| *first >= 0x80);
    let mut wide = if negative { [0xff; 16] } else { [0; 16] };
    let from = wide.len().checked_sub(bytes.len())?;
    wide.get_mut(from..)?.copy_from_slice(bytes);
    let places = usize::try_from(scale).ok().filter(|places| *places <= 20)?;
    let digits = format!("{:0>width$}", i128::from_be_bytes(wide).unsigned_abs(), width = places + 1);
    let (whole, part) = digits.split_at(digits.len() - places);
    let sign = if negative { "-" } else { "" };
    Some(if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") })
}

/// What Cassandra refused, in a line.
fn refusal(error: &ExecutionError) -> String {
    let ExecutionError::LastAttemptError(RequestAttemptError::DbError(reason, text)) = error else {
        return error.to_string().lines().next().unwrap_or_default().to_owned();
    };
    match reason {
        DbError::Unavailable { consistency, required, alive } => {
            format!("Unavailable: {} needs {required} replicas, {alive} of them up", name(*consistency))
        }
        DbError::ReadTimeout { consistency, received, required, .. }
        | DbError::WriteTimeout { consistency, received, required, .. } => {
            format!("Timeout: {} needs {required} replicas, {received} answered in time", name(*consistency))
        }
        _ => format!("{reason}: {text}"),
    }
}

fn name(level: Consistency) -> String {
    // `LocalQuorum` → `LOCAL_QUORUM`
    let mut found = String::new();
    for letter in format!("{level:?}").chars() {
        if letter.is_uppercase() && !found.is_empty() {
            found.push('_');
        }
        found.extend(letter.to_uppercase());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_with_what_the_level_needs() {
        let unavailable = DbError::Unavailable { consistency: Consistency::LocalQuorum, required: 2, alive: 1 };
        let error = ExecutionError::LastAttemptError(RequestAttemptError::DbError(unavailable, "long".to_owned()));
        assert_eq!(refusal(&error), "Unavailable: LOCAL_QUORUM needs 2 replicas, 1 of them up");
        assert_eq!(name(Consistency::All), "ALL");
    }

    #[test]
    fn levels_have_cassandras_names() {
        for name in ["ONE", "TWO", "QUORUM", "LOCAL_QUORUM", "ALL", "SERIAL"] {
            assert_eq!(level(name).map(super::name).as_deref(), Some(name));
            assert_eq!(level(&name.to_lowercase()), level(name));
        }
        assert_eq!(level("SOME"), None);
    }

    #[test]
    fn a_decimal_number_has_its_digits() {
        assert_eq!(decimal(&[0x02, 0xbc], 2).as_deref(), Some("7.00"));
        assert_eq!(decimal(&[0x05], 2).as_deref(), Some("0.05"));
        assert_eq!(decimal(&[0xff], 1).as_deref(), Some("-0.1"));
        assert_eq!(decimal(&[0x07], 0).as_deref(), Some("7"));
        assert_eq!(decimal(&[1; 17], 0), None);
        assert_eq!(plain(&CqlValue::Inet([127, 0, 0, 1].into())), "127.0.0.1");
    }

    #[test]
    fn rows_are_shown_below_their_names() {
        let rows = vec![vec!["TEA-1".to_owned(), "2".to_owned()]];
        let table = Table { names: vec!["sku".to_owned(), "n".to_owned()], rows, more: false };
        assert_eq!(table.text(), "sku    n\nTEA-1  2\n(1 row)");
        assert_eq!(Table::default().text(), "done");
        assert!(Table { more: true, ..table }.text().ends_with("(1 rows, and more)"));
    }
}
