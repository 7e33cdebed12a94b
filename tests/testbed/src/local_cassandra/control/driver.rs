//! Does to a ring what is asked, and waits until everybody has noticed. IO: the ring's processes and wires, JMX, CQL, the API.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures::future::join_all;
use scylla::statement::Consistency;
use serde_json::Value;

use super::super::jolokia::{Jolokia, JolokiaError, View};
use super::super::{DATACENTER, Link, LocalRing, Place, RingError, configuration};
use super::Order;
use super::cql::{self, Table};
use super::views::{self, Process, State};
use crate::labs::escaped;
use crate::progress::{WaitError, wait_until};

/// The keyspace of the store.
const KEYSPACE: &str = "store_manager";
/// Until all nodes have noticed what was done: a node that is silent is taken for down after some ten seconds.
const NOTICED: Duration = Duration::from_secs(90);
/// Until a node has joined or left.
const MOVED: Duration = Duration::from_secs(180);
/// Until hints have come to whom they are for.
const DELIVERED: Duration = Duration::from_secs(60);
const API: Duration = Duration::from_secs(3);

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant without a word is the error of the module it is named after")]
pub enum Refusal {
    #[error(transparent)]
    Ring(#[from] RingError),
    #[error(transparent)]
    Jolokia(#[from] JolokiaError),
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// A node, or the API, said no.
    #[error("{0}")]
    Said(String),
    /// The order makes no sense now.
    #[error("{0}")]
    Useless(String),
}

/// A ring with what was done to it.
#[derive(Debug)]
pub struct Driver {
    ring: LocalRing,
    nodes: Vec<Controlled>,
    /// Where the API is, if there is one.
    api: Option<String>,
    client: reqwest::Client,
    /// How many copies there are, and were at first.
    factor: u8,
    first_factor: u8,
    handoff: bool,
}

#[derive(Debug)]
struct Controlled {
    state: State,
    agent: Jolokia,
}

impl Driver {
    /// Drives `ring`, whose nodes have an agent and all run; `factor` is how many copies the store keeps of each row.
    ///
    /// # Errors
    /// [`Refusal`] when there can be no HTTP client, or the ring has no agents.
    pub fn new(ring: LocalRing, api: Option<String>, factor: u8) -> Result<Self, Refusal> {
        let client = reqwest::Client::builder().no_proxy().timeout(API).build();
        let client = client.map_err(|error| Refusal::Said(error.to_string()))?;
        let mut driver = Self { ring, nodes: Vec::new(), api, client, factor, first_factor: factor, handoff: true };
        for index in 0..driver.ring.nodes.len() {
            let agent = driver.agent(index)?;
            driver.nodes.push(Controlled { state: State::default(), agent });
        }
        Ok(driver)
    }

    fn agent(&self, index: usize) -> Result<Jolokia, Refusal> {
        let no_agent = || Refusal::Useless("this ring was started without agents".to_owned());
        let login = self.ring.options.jolokia.clone().ok_or_else(no_agent)?;
        let url = self.ring.jolokia_urls().get(index).cloned().ok_or_else(no_agent)?;
        Ok(Jolokia::new(url, login)?)
    }

    /// Carries out an order; what to show of it.
    ///
    /// # Errors
    /// [`Refusal`] saying what was not done and why.
    pub async fn obey(&mut self, order: Order) -> Result<String, Refusal> {
        match order {
            Order::Status => Ok(self.status().await),
            Order::Stop(node) => self.end(node, Process::Stopped).await,
            Order::Kill(node) => self.end(node, Process::Killed).await,
            Order::Start(node) => self.start(node).await,
            Order::Pause(node) => self.pause(node).await,
            Order::Resume(node) => self.resume(node).await,
            Order::Cut(node) => self.cut(node).await,
            Order::Heal => self.heal().await,
            Order::Add => self.add().await,
            Order::Remove => self.remove().await,
            Order::Cleanup(node) => self.cleanup(node).await,
            Order::Repair => self.repair().await,
            Order::Handoff(on) => self.hand_off(on).await,
            Order::Hints { wait } => self.hints(wait).await,
            Order::Factor(copies) => self.set_factor(copies).await,
            Order::Cql { node, level, statement } => self.cql(node, &level, &statement).await,
            Order::Copies { table, key, columns } => self.copies(&table, &key, &columns).await,
            Order::Restore => self.restore().await,
        }
    }

    fn states(&self) -> Vec<State> {
        self.nodes.iter().map(|node| node.state).collect()
    }

    fn addresses(&self) -> Vec<Ipv4Addr> {
        self.ring.nodes.iter().map(|node| node.address()).collect()
    }

    /// The position of a node that people call by this number, and its state.
    fn node(&mut self, number: u8) -> Result<(usize, &mut State), Refusal> {
        let all = self.nodes.len();
        let index = usize::from(number).wrapping_sub(1);
        let known = self.nodes.get_mut(index).map(|node| (index, &mut node.state));
        known.ok_or_else(|| Refusal::Useless(format!("there is no node {number}: the ring has the nodes 1 to {all}")))
    }

    async fn status(&self) -> String {
        let views = self.views().await;
        let racks: Vec<String> = (0..self.nodes.len()).map(configuration::rack).collect();
        views::table(&self.states(), &self.addresses(), &racks, &views)
    }

    /// How each node that runs sees the ring.
    async fn views(&self) -> Vec<Option<View>> {
        let ask = |node: &Controlled| {
            let agent = node.state.runs().then(|| node.agent.clone());
            async move {
                match agent {
                    Some(agent) => agent.view().await.ok(),
                    None => None,
                }
            }
        };
        join_all(self.nodes.iter().map(ask)).await
    }

    async fn end(&mut self, number: u8, how: Process) -> Result<String, Refusal> {
        let (index, state) = self.node(number)?;
        if matches!(state.process, Process::Stopped | Process::Killed) {
            return Err(Refusal::Useless(format!("node {number} does not run: `lab start {number}` starts it")));
        }
        if state.process == Process::Paused && how == Process::Stopped {
            return Err(Refusal::Useless(format!(
                "node {number} is paused and cannot end by itself: `lab resume {number}`"
            )));
        }
        match how {
            Process::Stopped => self.ring.stop_node(index).await?,
            _ => self.ring.kill_node(index)?,
        }
        self.node(number)?.1.process = how;
        self.noticed(NOTICED).await?;
        let word = if how == Process::Stopped { "stopped" } else { "killed" };
        Ok(format!("node {number} is {word}, and all others take it for down"))
    }

    async fn start(&mut self, number: u8) -> Result<String, Refusal> {
        let (index, state) = self.node(number)?;
        match state.process {
            Process::Runs => return Err(Refusal::Useless(format!("node {number} runs"))),
            Process::Paused => {
                return Err(Refusal::Useless(format!("node {number} is paused: `lab resume {number}` lets it go on")));
            }
            Process::Stopped | Process::Killed => {}
        }
        self.ring.start_node(index)?;
        self.node(number)?.1.process = Process::Runs;
        self.noticed(NOTICED).await?;
        if !self.handoff {
            // A node that starts keeps hints again.
            self.tell_hand_off(index).await?;
        }
        Ok(format!("node {number} runs, and all others take it for up"))
    }

    async fn pause(&mut self, number: u8) -> Result<String, Refusal> {
        let (index, state) = self.node(number)?;
        if !state.runs() {
            return Err(Refusal::Useless(format!("node {number} does not run")));
        }
        self.ring.pause(index)?;
        self.node(number)?.1.process = Process::Paused;
        self.noticed(NOTICED).await?;
        Ok(format!("node {number} is paused, and all others take it for down"))
    }

    async fn resume(&mut self, number: u8) -> Result<String, Refusal> {
        let (index, state) = self.node(number)?;
        if state.process != Process::Paused {
            return Err(Refusal::Useless(format!("node {number} is not paused")));
        }
        self.ring.resume(index)?;
        self.node(number)?.1.process = Process::Runs;
        self.noticed(NOTICED).await?;
        Ok(format!("node {number} goes on, and all others take it for up"))
    }

    async fn cut(&mut self, number: u8) -> Result<String, Refusal> {
        let (index, state) = self.node(number)?;
        if state.cut {
            return Err(Refusal::Useless(format!("node {number} is cut off")));
        }
        let Some(wires) = self.ring.wires() else {
            let told =
                "these nodes share the loopback device, and nothing between them can be cut: start the ring as root";
            return Err(Refusal::Useless(told.to_owned()));
        };
        for other in (0..self.ring.nodes.len()).filter(|other| *other != index) {
            wires.set_both(Place::Node(index), Place::Node(other), Link::CUT);
        }
        self.node(number)?.1.cut = true;
        self.noticed(NOTICED).await?;
        Ok(format!("node {number} is cut off from all other nodes, and they take each other for down"))
    }

    async fn heal(&mut self) -> Result<String, Refusal> {
        if !self.nodes.iter().any(|node| node.state.cut) {
            return Err(Refusal::Useless("no wire is cut".to_owned()));
        }
        if let Some(wires) = self.ring.wires() {
            wires.heal();
        }
        self.nodes.iter_mut().for_each(|node| node.state.cut = false);
        self.noticed(NOTICED).await?;
        Ok("all wires are whole, and all nodes that run see each other".to_owned())
    }

    /// Refuses what needs every node.
    fn all_run(&self, what: &str) -> Result<(), Refusal> {
        if self.nodes.iter().all(|node| node.state == State::default()) {
            return Ok(());
        }
        Err(Refusal::Useless(format!("{what} needs all nodes up and all wires whole: `lab status` shows what is not")))
    }

    async fn add(&mut self) -> Result<String, Refusal> {
        self.all_run("adding a node")?;
        let index = self.ring.add_node()?;
        let agent = self.agent(index)?;
        self.nodes.push(Controlled { state: State::default(), agent });
        let joined = self.noticed(MOVED).await;
        if let Err(error) = joined {
            let address = self.addresses().get(index).copied();
            self.nodes.pop();
            self.ring.discard_node().await?;
            // The others would wait for its part of each write.
            if let (Some(first), Some(address)) = (self.nodes.first(), address) {
                first.agent.forget(address, NOTICED).await?;
            }
            self.noticed(NOTICED).await?;
            return Err(error);
        }
        if !self.handoff {
            self.tell_hand_off(index).await?;
        }
        Ok(format!("node {} has joined {}, and has the rows that are its", index + 1, configuration::rack(index)))
    }

    async fn remove(&mut self) -> Result<String, Refusal> {
        self.all_run("removing a node")?;
        let index = self.nodes.len().wrapping_sub(1);
        if index < usize::from(self.ring.options.nodes) {
            return Err(RingError::Founder.into());
        }
        let Some(last) = self.nodes.last() else { return Err(RingError::Founder.into()) };
        last.agent.decommission(MOVED).await?;
        self.nodes.pop();
        self.ring.discard_node().await?;
        self.noticed(NOTICED).await?;
        Ok(format!("node {} has given its rows to the others and left", index + 1))
    }

    async fn cleanup(&mut self, number: u8) -> Result<String, Refusal> {
        let index = self.serving(number)?;
        if let Some(node) = self.nodes.get(index) {
            node.agent.cleanup(KEYSPACE, MOVED).await?;
        }
        Ok(format!("node {number} has dropped the rows that are not its"))
    }

    async fn repair(&mut self) -> Result<String, Refusal> {
        self.all_run("a repair")?;
        for node in &self.nodes {
            node.agent.repair(KEYSPACE).await?;
        }
        Ok("all copies of all rows were compared, and are the same".to_owned())
    }

    async fn hand_off(&mut self, on: bool) -> Result<String, Refusal> {
        self.handoff = on;
        for index in 0..self.nodes.len() {
            self.tell_hand_off(index).await?;
        }
        let word = if on { "keeps" } else { "keeps no" };
        Ok(format!("a node that runs {word} hints for one that is away"))
    }

    async fn tell_hand_off(&self, index: usize) -> Result<(), Refusal> {
        match self.nodes.get(index).filter(|node| node.state.runs()) {
            Some(node) => Ok(node.agent.hand_off(self.handoff).await?),
            None => Ok(()),
        }
    }

    /// Pairs of who keeps hints and for whom, by their numbers.
    async fn hinted(&self) -> Result<Vec<(usize, usize)>, String> {
        let addresses = self.addresses();
        let mut found = Vec::new();
        let running = self.nodes.iter().enumerate().filter(|(_, node)| node.state.runs());
        for index in running.map(|(index, _)| index) {
            let table =
                self.ask_node(index, Consistency::One, "SELECT address FROM system_views.pending_hints").await?;
            let targets = table.rows.iter().filter_map(|row| row.first()?.parse::<Ipv4Addr>().ok());
            let known = targets.filter_map(|target| addresses.iter().position(|address| *address == target));
            found.extend(known.map(|target| (index + 1, target + 1)));
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    async fn hints(&self, wait: bool) -> Result<String, Refusal> {
        if wait {
            let look = || async {
                match self.hinted().await?.as_slice() {
                    [] => Ok(()),
                    [(keeper, target), ..] => Err(format!("node {keeper} keeps hints for node {target}")),
                }
            };
            wait_until("the end of all hints", DELIVERED, look).await?;
        }
        let found = self.hinted().await.map_err(Refusal::Said)?;
        if found.is_empty() {
            return Ok("no node keeps hints".to_owned());
        }
        let lines = found.iter().map(|(keeper, target)| format!("node {keeper} keeps hints for node {target}"));
        Ok(lines.collect::<Vec<_>>().join("\n"))
    }

    async fn set_factor(&mut self, copies: u8) -> Result<String, Refusal> {
        self.all_run("another number of copies")?;
        let most = self.ring.options.nodes;
        if copies == 0 || copies > most {
            return Err(Refusal::Useless(format!("each row has 1 to {most} copies on this ring")));
        }
        let before = std::mem::replace(&mut self.factor, copies);
        let statement = format!(
            "ALTER KEYSPACE {KEYSPACE} WITH replication = {{'class': 'NetworkTopologyStrategy', '{DATACENTER}': {copies}}}"
        );
        self.ask_node(0, Consistency::Quorum, &statement).await.map_err(Refusal::Said)?;
        self.agreed().await?;
        self.learnt(copies).await?;
        Ok(format!("each row of the store has {copies} copies now, and had {before}"))
    }

    /// Waits until the API knows how many copies there are.
    async fn learnt(&self, copies: u8) -> Result<(), Refusal> {
        let look = || async {
            let Some(keyspaces) = self.ask_api("/cluster/keyspaces").await? else { return Ok(()) };
            let mut all = keyspaces.as_array().into_iter().flatten();
            let store = all.find(|keyspace| keyspace["name"] == KEYSPACE);
            let known = store.and_then(|store| store["replication"][DATACENTER].as_u64());
            if known == Some(u64::from(copies)) { Ok(()) } else { Err(format!("the API knows of {known:?} copies")) }
        };
        Ok(wait_until("the API", NOTICED, look).await?)
    }

    async fn cql(&mut self, number: u8, level: &str, statement: &str) -> Result<String, Refusal> {
        let index = self.serving(number)?;
        let known = cql::level(level).ok_or_else(|| {
            Refusal::Useless(format!("{level} is none of ONE, TWO, QUORUM, LOCAL_QUORUM, ALL, SERIAL"))
        })?;
        let table = self.ask_node(index, known, statement).await.map_err(Refusal::Said)?;
        let first = statement.split_whitespace().next().unwrap_or_default().to_uppercase();
        if ["CREATE", "ALTER", "DROP"].contains(&first.as_str()) {
            self.agreed().await?;
        }
        Ok(table.text())
    }

    /// Waits until all nodes that see each other have the same schema: one that lacks a table refuses what is written to it.
    async fn agreed(&self) -> Result<(), Refusal> {
        let look = || async {
            let mut versions = Vec::new();
            let whole = self.nodes.iter().enumerate().filter(|(_, node)| node.state == State::default());
            for index in whole.map(|(index, _)| index) {
                let table = self.ask_node(index, Consistency::One, "SELECT schema_version FROM system.local").await?;
                versions.extend(table.rows.into_iter().flatten());
            }
            versions.sort_unstable();
            versions.dedup();
            if versions.len() <= 1 { Ok(()) } else { Err("the nodes do not agree on the schema yet".to_owned()) }
        };
        Ok(wait_until("the schema", NOTICED, look).await?)
    }

    /// What each replica of a row has: at ONE a replica that is asked answers for itself.
    async fn copies(&self, table: &str, key: &[String], columns: &[String]) -> Result<String, Refusal> {
        let said = Refusal::Said;
        let no_api = || Refusal::Useless("there is no API before this ring, which knows where a row lies".to_owned());
        let keyspaces = self.ask_api("/cluster/keyspaces").await.map_err(said)?.ok_or_else(no_api)?;
        let condition = condition(&keyspaces, table, key).map_err(Refusal::Useless)?;
        let statement = format!("SELECT {} FROM {KEYSPACE}.{table} WHERE {condition}", columns.join(", "));
        let query: String = key.iter().map(|value| format!("&key={}", escaped(value))).collect();
        let path = format!("/cluster/placement?table={table}{query}");
        let placement = self.ask_api(&path).await.map_err(said)?.ok_or_else(no_api)?;
        let addresses = self.addresses();
        let holds = |address: &Ipv4Addr| {
            let mut replicas = placement["replicas"].as_array().into_iter().flatten();
            replicas.any(|replica| replica["address"].as_str() == Some(address.to_string().as_str()))
        };
        let mut rows = vec![[&["node".to_owned()], columns].concat()];
        for (index, _) in addresses.iter().enumerate().filter(|(_, address)| holds(address)) {
            let number = (index + 1).to_string();
            if !self.nodes.get(index).is_some_and(|node| node.state.runs()) {
                rows.push(vec![number, "does not answer".to_owned()]);
                continue;
            }
            let table = self.ask_node(index, Consistency::One, &statement).await.map_err(said)?;
            match table.rows.is_empty() {
                true => rows.push(vec![number, "has no such row".to_owned()]),
                false => rows.extend(table.rows.into_iter().map(|row| [vec![number.clone()], row].concat())),
            }
        }
        Ok(views::aligned_rows(&rows))
    }

    /// The position of a node that runs.
    fn serving(&mut self, number: u8) -> Result<usize, Refusal> {
        let (index, state) = self.node(number)?;
        if state.runs() {
            return Ok(index);
        }
        Err(Refusal::Useless(format!("node {number} does not answer: `lab status` shows why")))
    }

    async fn ask_node(&self, index: usize, level: Consistency, statement: &str) -> Result<Table, String> {
        let address = self.addresses().get(index).copied().ok_or("there is no such node")?;
        let node = SocketAddr::from((address, self.ring.options.cql_port));
        cql::run(node, self.ring.options.authentication, level, statement).await
    }

    async fn restore(&mut self) -> Result<String, Refusal> {
        let mut done = Vec::new();
        if self.nodes.iter().any(|node| node.state.cut) {
            done.push(self.heal().await?);
        }
        for number in (1..=self.nodes.len()).filter_map(|number| u8::try_from(number).ok()) {
            match self.node(number)?.1.process {
                Process::Runs => {}
                Process::Paused => done.push(self.resume(number).await?),
                Process::Stopped | Process::Killed => done.push(self.start(number).await?),
            }
        }
        if !self.handoff {
            done.push(self.hand_off(true).await?);
        }
        while self.nodes.len() > usize::from(self.ring.options.nodes) {
            done.push(self.remove().await?);
        }
        if self.factor != self.first_factor {
            done.push(self.set_factor(self.first_factor).await?);
            done.push(self.repair().await?);
        }
        if done.is_empty() {
            done.push("the ring is as it was when it started".to_owned());
        }
        Ok(done.join("\n"))
    }

    /// Waits until every node that runs sees what it should, and the API does.
    async fn noticed(&mut self, deadline: Duration) -> Result<(), Refusal> {
        let states = self.states();
        let addresses = self.addresses();
        let look = || {
            let dead = states.iter().enumerate().filter(|(_, state)| state.runs());
            let dead = dead.filter_map(|(index, _)| self.ring.check_node(index).err()).next();
            let asked = join_all(self.nodes.iter().map(|node| {
                let agent = node.state.runs().then(|| node.agent.clone());
                async move {
                    match agent {
                        Some(agent) => agent.view().await.ok(),
                        None => None,
                    }
                }
            }));
            let api = self.api.clone().map(|url| self.client.get(format!("{url}/cluster/nodes")).send());
            let (states, addresses) = (&states, &addresses);
            async move {
                if let Some(error) = dead {
                    return Ok(Err(error));
                }
                if let Some(missing) = views::missing(states, addresses, &asked.await) {
                    return Err(missing);
                }
                let Some(api) = api else { return Ok(Ok(())) };
                let told = read_api(api.await).await?;
                unnoticed(states, addresses, &told).map_or(Ok(Ok(())), Err)
            }
        };
        Ok(wait_until("all to notice", deadline, look).await??)
    }

    /// What the API answers at `path`; `None` where there is no API.
    async fn ask_api(&self, path: &str) -> Result<Option<Value>, String> {
        let Some(url) = &self.api else { return Ok(None) };
        read_api(self.client.get(format!("{url}{path}")).send().await).await.map(Some)
    }
}

async fn read_api(answer: Result<reqwest::Response, reqwest::Error>) -> Result<Value, String> {
    let answer = answer.and_then(reqwest::Response::error_for_status).map_err(|error| error.to_string())?;
    answer.json().await.map_err(|error| error.to_string())
}

/// The condition of a row with this partition key, by what the API tells of the table. Pure.
fn condition(keyspaces: &Value, table: &str, key: &[String]) -> Result<String, String> {
    let store = keyspaces.as_array().into_iter().flatten().find(|keyspace| keyspace["name"] == KEYSPACE);
    let columns = store.and_then(|store| store["tables"][table].as_array());
    let columns = columns.ok_or_else(|| format!("the store has no table {table}"))?;
    if columns.len() != key.len() {
        return Err(format!("the partition key of {table} has {} columns, not {}", columns.len(), key.len()));
    }
    let parts = columns.iter().zip(key).map(|(column, value)| {
        let name = column["name"].as_str().unwrap_or_default();
        let quoted = column["cql_type"] == "text" || column["cql_type"] == "ascii";
        if quoted { format!("{name} = '{}'", value.replace('\'', "''")) } else { format!("{name} = {value}") }
    });
    Ok(parts.collect::<Vec<_>>().join(" AND "))
}

/// What the API's list of nodes does not show yet. Pure.
fn unnoticed(states: &[State], addresses: &[Ipv4Addr], told: &Value) -> Option<String> {
    let shown: BTreeMap<Ipv4Addr, bool> = told
        .as_array()?
        .iter()
        .filter_map(|node| Some((node["address"].as_str()?.parse().ok()?, node["state"] == "UP")))
        .collect();
    if shown.len() != states.len() {
        return Some(format!("the API knows {} nodes", shown.len()));
    }
    let wrong = states.iter().zip(addresses).position(|(state, address)| shown.get(address) != Some(&state.runs()));
    wrong.map(|index| format!("the API has not noticed yet what node {} does", index + 1))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_is_named_by_all_columns_of_its_key() {
        let column = |name: &str, cql_type: &str| json!({"name": name, "cql_type": cql_type});
        let tables = json!({"ledgers": [column("book", "text"), column("account", "uuid")]});
        let keyspaces = json!([{"name": "other", "tables": {}}, {"name": KEYSPACE, "tables": tables}]);
        let of = |table: &str, key: &[&str]| {
            condition(&keyspaces, table, &key.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(of("ledgers", &["st'ock", "0190"]).as_deref(), Ok("book = 'st''ock' AND account = 0190"));
        assert!(of("ledgers", &["stock"]).is_err_and(|why| why.contains("2 columns, not 1")));
        assert!(of("nothing", &["1"]).is_err());
    }

    #[test]
    fn what_the_api_has_not_noticed_is_told() {
        let addresses = [Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2)];
        let states = [State::default(), State { process: Process::Killed, cut: false }];
        let told = |second: &str| {
            unnoticed(
                &states,
                &addresses,
                &json!([{"address": "127.0.0.1", "state": "UP"}, {"address": "127.0.0.2", "state": second}]),
            )
        };
        assert_eq!(told("DOWN"), None);
        assert_eq!(told("UP").as_deref(), Some("the API has not noticed yet what node 2 does"));
        let one = unnoticed(&states, &addresses, &json!([{"address": "127.0.0.1", "state": "UP"}]));
        assert_eq!(one.as_deref(), Some("the API knows 1 nodes"));
    }
}
