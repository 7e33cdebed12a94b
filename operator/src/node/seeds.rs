//! Whom a starting node asks for the ring.
//!
//! A node that is in its own list of seeds joins without streaming its data, so that it answers
//! reads of rows it does not have. Only the first node of a new ring may be there, and a node that
//! had joined before, for which nothing is left to stream.
//!
//! IO: name resolution and connection attempts, through `Network`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures::future::join_all;
use store_crds::{CQL_PORT, INTERNODE_PORT};
use thiserror::Error;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, sleep, timeout};

/// How long a node waits for the address of a seed.
const PATIENCE: Duration = Duration::from_secs(90);
/// Pause between two look-ups: names cannot be watched.
const PAUSE: Duration = Duration::from_secs(1);
/// How long one look-up or connection may take.
const ANSWER: Duration = Duration::from_secs(2);
/// Most members of the ring that are tried.
const MEMBERS_TRIED: usize = 16;
/// A name that every Kubernetes cluster has.
const KNOWN_NAME: &str = "kubernetes.default.svc";

/// What the seeds are chosen from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// Name of this pod.
    pub pod: String,
    /// Its address.
    pub address: IpAddr,
    pub namespace: String,
    /// Headless Service of the ring.
    pub service: String,
    /// Pods to ask, as the operator listed them.
    pub listed: Vec<String>,
    /// Cassandra has run on this pod's volume before.
    pub has_data: bool,
}

/// Why no seeds could be chosen.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SeedError {
    #[error(
        "resolving the seeds {names}: none has an address after {waited:?}; this node must not found a ring of its own, \
         so it waits for one of those pods to run: look at why they do not"
    )]
    NoSeedResolves { names: String, waited: Duration },
    #[error(
        "looking for other members of {service}: the cluster's name service did not answer within {waited:?}, and without it a \
         node with an empty volume cannot know that it is the first: look at the cluster's DNS"
    )]
    NoNameService { service: String, waited: Duration },
}

/// Chooses the seeds: names of pods, or addresses.
pub async fn choose(at: &Surroundings, network: &impl Network) -> Result<Vec<String>, SeedError> {
    let own_address = vec![at.address.to_string()];
    let others: Vec<String> = at.listed.iter().filter(|pod| **pod != at.pod).map(|pod| dns_name(at, pod)).collect();
    if others.is_empty() {
        // listed alone or not at all: the first node, or one that lost its volume while the ring lives
        let members = find_serving_members(at, network).await?;
        return Ok(if members.is_empty() { own_address } else { members });
    }
    if wait_for_any(&others, network).await {
        return Ok(others);
    }
    if at.has_data && at.listed.contains(&at.pod) {
        tracing::warn!(seeds = others.join(","), "no other seed has an address, starting from this node's own data");
        return Ok(own_address);
    }
    Err(SeedError::NoSeedResolves { names: others.join(", "), waited: PATIENCE })
}

fn dns_name(at: &Surroundings, pod: &str) -> String {
    format!("{pod}.{}.{}.svc", at.service, at.namespace)
}

async fn wait_for_any(names: &[String], network: &impl Network) -> bool {
    let deadline = Instant::now() + PATIENCE;
    loop {
        for name in names {
            if !network.resolve(name).await.is_empty() {
                return true;
            }
        }
        if Instant::now() >= deadline {
            return false;
        }
        sleep(PAUSE).await;
    }
}

/// Addresses of other pods of the ring that serve CQL, and so have joined it. That there are none
/// counts for an empty volume only once the name service is seen to answer at all.
async fn find_serving_members(at: &Surroundings, network: &impl Network) -> Result<Vec<String>, SeedError> {
    let service = format!("{}.{}.svc", at.service, at.namespace);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let members = network.resolve(&service).await.into_iter().filter(|member| *member != at.address);
        let answers =
            members.take(MEMBERS_TRIED).map(|member| async move { (member, network.serves_cql(member).await) });
        let serving: Vec<String> = join_all(answers)
            .await
            .into_iter()
            .filter(|(_, serves)| *serves)
            .map(|(member, _)| member.to_string())
            .collect();
        if !serving.is_empty() || at.has_data || !network.resolve(KNOWN_NAME).await.is_empty() {
            return Ok(serving);
        }
        if Instant::now() >= deadline {
            return Err(SeedError::NoNameService { service, waited: PATIENCE });
        }
        sleep(PAUSE).await;
    }
}

/// What the choice asks of the network.
pub trait Network {
    /// Addresses of a name; none when it has none or nobody answers.
    fn resolve(&self, name: &str) -> impl Future<Output = Vec<IpAddr>> + Send;
    /// Whether CQL connections are accepted there.
    fn serves_cql(&self, address: IpAddr) -> impl Future<Output = bool> + Send;
}

/// The pod's own network.
pub struct PodNetwork;

impl Network for PodNetwork {
    async fn resolve(&self, name: &str) -> Vec<IpAddr> {
        let port = u16::try_from(INTERNODE_PORT).unwrap_or_default();
        match timeout(ANSWER, lookup_host((name, port))).await {
            Ok(Ok(addresses)) => addresses.map(|address| address.ip()).collect(),
            Ok(Err(_)) | Err(_) => Vec::new(),
        }
    }

    async fn serves_cql(&self, address: IpAddr) -> bool {
        let port = u16::try_from(CQL_PORT).unwrap_or_default();
        matches!(timeout(ANSWER, TcpStream::connect(SocketAddr::new(address, port))).await, Ok(Ok(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const OWN: &str = "10.0.0.1";

    #[derive(Default)]
    struct FakeNetwork {
        names: BTreeMap<String, Vec<IpAddr>>,
        serving: Vec<IpAddr>,
        /// Look-ups that stay without an answer at first.
        silent: usize,
        asked: AtomicUsize,
    }

    impl Network for FakeNetwork {
        async fn resolve(&self, name: &str) -> Vec<IpAddr> {
            if self.asked.fetch_add(1, Ordering::Relaxed) < self.silent {
                return Vec::new();
            }
            self.names.get(name).cloned().unwrap_or_default()
        }

        async fn serves_cql(&self, address: IpAddr) -> bool {
            self.serving.contains(&address)
        }
    }

    /// A cluster whose name service works and knows no pod yet.
    fn empty_cluster() -> FakeNetwork {
        FakeNetwork { names: [(KNOWN_NAME.into(), vec![ip("10.96.0.1")])].into(), ..FakeNetwork::default() }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn at(listed: &[&str], has_data: bool) -> Surroundings {
        Surroundings {
            pod: "shop-cassandra-a-0".into(),
            address: ip(OWN),
            namespace: "default".into(),
            service: "shop-cassandra".into(),
            listed: listed.iter().map(|pod| (*pod).to_owned()).collect(),
            has_data,
        }
    }

    #[tokio::test]
    async fn the_first_node_of_a_new_ring_asks_itself() {
        for listed in [&["shop-cassandra-a-0"][..], &[]] {
            assert_eq!(choose(&at(listed, false), &empty_cluster()).await, Ok(vec![OWN.to_owned()]));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_volume_founds_no_ring_while_the_name_service_is_silent() {
        let silent = FakeNetwork::default();
        let error = choose(&at(&["shop-cassandra-a-0"], false), &silent).await.unwrap_err();
        assert!(matches!(error, SeedError::NoNameService { .. }), "{error}");
        assert_eq!(choose(&at(&["shop-cassandra-a-0"], true), &silent).await, Ok(vec![OWN.to_owned()]));
    }

    #[tokio::test]
    async fn a_node_takes_itself_off_the_list_when_there_are_others() {
        let network = FakeNetwork {
            names: [("shop-cassandra-b-0.shop-cassandra.default.svc".into(), vec![ip("10.0.0.2")])].into(),
            ..FakeNetwork::default()
        };
        let seeds = choose(&at(&["shop-cassandra-a-0", "shop-cassandra-b-0"], false), &network).await;
        assert_eq!(seeds, Ok(vec!["shop-cassandra-b-0.shop-cassandra.default.svc".to_owned()]));
    }

    #[tokio::test]
    async fn a_sole_seed_that_lost_its_volume_joins_the_ring_that_still_serves() {
        let network = FakeNetwork {
            names: [("shop-cassandra.default.svc".into(), vec![ip(OWN), ip("10.0.0.2"), ip("10.0.0.3")])].into(),
            serving: vec![ip(OWN), ip("10.0.0.3")],
            ..FakeNetwork::default()
        };
        let seeds = choose(&at(&["shop-cassandra-a-0"], false), &network).await;
        assert_eq!(seeds, Ok(vec!["10.0.0.3".to_owned()]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_waits_for_a_seed_whose_name_comes_late() {
        let network = FakeNetwork {
            names: [("b.shop-cassandra.default.svc".into(), vec![ip("10.0.0.2")])].into(),
            silent: 5,
            ..FakeNetwork::default()
        };
        assert_eq!(choose(&at(&["b"], false), &network).await, Ok(vec!["b.shop-cassandra.default.svc".to_owned()]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_node_never_founds_a_ring_of_its_own_because_the_seeds_are_away() {
        for listed in [&["b", "c"][..], &["shop-cassandra-a-0", "b"]] {
            let error = choose(&at(listed, false), &FakeNetwork::default()).await.unwrap_err();
            assert!(error.to_string().contains("b.shop-cassandra.default.svc"), "{error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_had_joined_starts_alone_when_the_other_seeds_are_away() {
        let network = FakeNetwork::default();
        assert_eq!(choose(&at(&["shop-cassandra-a-0", "b"], true), &network).await, Ok(vec![OWN.to_owned()]));
        // data alone is no proof of having joined: it may be the rest of a join that was cut off
        assert!(choose(&at(&["b"], true), &network).await.is_err());
    }
}
