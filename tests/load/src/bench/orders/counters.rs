//! Cassandra's own counts, node by node: what clients asked it, what its replicas wrote and read, and the partitions that
//! were written most. IO: CQL on its virtual tables, JMX over HTTP.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::host_filter::AllowListHostFilter;
use serde_json::{Value, json};

use super::Hot;
use crate::bench::api::ApiBenchError;
use crate::bench::store::{JOLOKIA, KEYSPACE, Store};

/// The name that the API gives itself.
const API: &str = "store-api";
/// Partitions that a node keeps in mind while it samples.
const SAMPLED: u32 = 256;
/// Partitions that are told.
const TOLD: usize = 3;

/// What was counted since the nodes began.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counted {
    /// Requests of processes of the API that are there.
    pub requests: f64,
    /// Writes of all replicas to the shop's tables and to that of Paxos.
    pub writes: f64,
    /// Reads of the same.
    pub reads: f64,
}

/// A way to each node.
pub struct Counters {
    sessions: Vec<Session>,
    jolokia: Vec<String>,
    client: reqwest::Client,
    tables: Vec<(String, String)>,
}

impl Counters {
    /// Connects to each node of a store.
    ///
    /// # Errors
    /// [`ApiBenchError`] when one does not answer.
    pub async fn of(store: &Store) -> Result<Self, ApiBenchError> {
        let sessions = store.nodes().into_iter().map(|node| async move {
            let filter = AllowListHostFilter::new([node]).map_err(wrong("choosing a node"))?;
            let session = SessionBuilder::new().known_node_addr(node).host_filter(Arc::new(filter));
            session.build().await.map_err(wrong("connecting to a node"))
        });
        let sessions = try_join_all(sessions).await?;
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
        let mut counters = Self { sessions, jolokia: store.jolokia_urls(), client, tables: Vec::new() };
        let text = format!("SELECT table_name FROM system_schema.tables WHERE keyspace_name = '{KEYSPACE}'");
        let tables = counters.rows::<(String,)>(&text).await?;
        let tables = tables.into_iter().map(|(table,)| (KEYSPACE.to_owned(), table));
        counters.tables = tables.collect();
        counters.tables.sort_unstable();
        counters.tables.dedup();
        Ok(counters)
    }

    /// What was counted up to now.
    ///
    /// # Errors
    /// [`ApiBenchError`] when a node does not tell.
    pub async fn counted(&self) -> Result<Counted, ApiBenchError> {
        type Client = (Option<HashMap<String, String>>, Option<i64>);
        let clients = self.rows::<Client>("SELECT client_options, request_count FROM system_views.clients").await?;
        let of_api = clients.into_iter().filter(|(options, _)| {
            let name = options.as_ref().and_then(|options| options.get("APPLICATION_NAME"));
            name.is_some_and(|name| name == API)
        });
        let requests = of_api.map(|(_, count)| count.unwrap_or(0) as f64).sum();
        let count = async |table: &str| -> Result<f64, ApiBenchError> {
            let text = format!("SELECT keyspace_name, table_name, count FROM system_views.{table}");
            let counts = self.rows::<(String, String, Option<i64>)>(&text).await?;
            let ours = counts
                .into_iter()
                .filter(|(keyspace, table, _)| keyspace == KEYSPACE || (keyspace == "system" && table == "paxos"));
            Ok(ours.map(|(_, _, count)| count.unwrap_or(0) as f64).sum())
        };
        Ok(Counted { requests, writes: count("local_write_latency").await?, reads: count("local_read_latency").await? })
    }

    /// From now on the nodes note which partitions are written, for so long at most.
    ///
    /// # Errors
    /// [`ApiBenchError`] when a node refuses.
    pub async fn begin_sampling(&self, time: Duration) -> Result<(), ApiBenchError> {
        let millis = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        let begin = "beginLocalSampling(java.lang.String,int,int)";
        self.of_tables(begin, &json!(["WRITES", SAMPLED, millis])).await?;
        Ok(())
    }

    /// The partitions that were written most since then, as writes of one replica for each of so many orders.
    ///
    /// # Errors
    /// [`ApiBenchError`] when a node refuses.
    pub async fn finish_sampling(&self, orders: u64) -> Result<Vec<Hot>, ApiBenchError> {
        let finish = "finishLocalSampling(java.lang.String,int)";
        let told = self.of_tables(finish, &json!(["WRITES", TOLD * 4])).await?;
        Ok(hottest(&told, orders))
    }

    /// Calls an operation of each table of the shop on each node; the answers with their tables.
    async fn of_tables(&self, operation: &str, arguments: &Value) -> Result<Vec<(String, Value)>, ApiBenchError> {
        let calls: Vec<Value> = (self.tables.iter())
            .map(|(keyspace, table)| {
                let bean = format!("org.apache.cassandra.db:type=Tables,keyspace={keyspace},table={table}");
                json!({"type": "exec", "mbean": bean, "operation": operation, "arguments": arguments})
            })
            .collect();
        let mut answers = Vec::new();
        for url in &self.jolokia {
            let request = self.client.post(format!("{url}/")).basic_auth(JOLOKIA.0, Some(JOLOKIA.1)).json(&calls);
            let told: Vec<Value> = request.send().await?.error_for_status()?.json().await?;
            for ((_, table), answer) in self.tables.iter().zip(told) {
                if answer["status"] != 200 {
                    return Err(ApiBenchError::Wrong(format!("{operation} of {table}: {}", answer["error"])));
                }
                answers.push((table.clone(), answer["value"].clone()));
            }
        }
        Ok(answers)
    }

    async fn rows<R>(&self, text: &str) -> Result<Vec<R>, ApiBenchError>
    where
        R: for<'f, 'm> scylla::deserialize::row::DeserializeRow<'f, 'm>,
    {
        let mut all = Vec::new();
        for session in &self.sessions {
            let answer = session.query_unpaged(text, ()).await.map_err(wrong("asking a node"))?;
            let rows = answer.into_rows_result().map_err(wrong("asking a node"))?;
            for row in rows.rows::<R>().map_err(wrong("decoding what a node tells"))? {
                all.push(row.map_err(wrong("decoding what a node tells"))?);
            }
        }
        Ok(all)
    }
}

/// The partitions with the most writes on any one node.
fn hottest(told: &[(String, Value)], orders: u64) -> Vec<Hot> {
    let mut most: BTreeMap<(&str, String), u64> = BTreeMap::new();
    for (table, samples) in told {
        for sample in samples.as_array().into_iter().flatten() {
            let partition = ["value", "partition"].iter().find_map(|name| sample[*name].as_str()).unwrap_or("?");
            let count = sample["count"].as_u64().unwrap_or(0);
            let known = most.entry((table, partition.to_owned())).or_default();
            *known = count.max(*known);
        }
    }
    let mut hot: Vec<Hot> = (most.into_iter())
        .map(|((table, partition), count)| Hot {
            table: table.to_owned(),
            partition,
            share: count as f64 / (orders as f64).max(1.0),
        })
        .collect();
    hot.sort_by(|one, other| other.share.total_cmp(&one.share));
    hot.truncate(TOLD);
    hot
}

fn wrong<E: std::fmt::Display>(action: &'static str) -> impl FnOnce(E) -> ApiBenchError {
    move |error| ApiBenchError::Wrong(format!("{action}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hottest_partition_is_the_one_that_a_replica_wrote_most() {
        let sample = |key: &str, count: u64| json!({"value": key, "count": count, "error": 0, "table": "x"});
        let told = [
            ("orders".to_owned(), json!([sample("a", 2)])),
            ("order_notes".to_owned(), json!([sample("7:0", 40), sample("7:1", 60)])),
            // Another node.
            ("order_notes".to_owned(), json!([sample("7:0", 80)])),
            ("ledgers".to_owned(), Value::Null),
        ];
        let hot = hottest(&told, 100);
        let shares: Vec<(&str, &str, f64)> =
            hot.iter().map(|hot| (hot.table.as_str(), hot.partition.as_str(), hot.share)).collect();
        assert_eq!(shares, [("order_notes", "7:0", 0.8), ("order_notes", "7:1", 0.6), ("orders", "a", 0.02)]);
    }
}
