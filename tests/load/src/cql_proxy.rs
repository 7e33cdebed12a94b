//! Stands between the API and the nodes of a ring and loses answers: those that say that a conditional write was applied.
//! Knows the frames of CQL (version 4, not compressed) and nothing of statements. IO: TCP on loopback.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

/// Bytes of a frame's head: version, flags, stream, operation, length.
const HEAD: usize = 9;
/// The largest body that Cassandra sends.
const LARGEST: usize = 256 << 20;
/// The operation of a frame that carries rows.
const RESULT: u8 = 0x08;
/// The column by which Cassandra says whether it applied a conditional write.
const APPLIED: &[u8] = b"[applied]";
/// A boolean that is true, as the last value of a body.
const TRUE: [u8; 5] = [0, 0, 0, 1, 1];

/// What is done and how often.
#[derive(Debug, Default)]
struct Rule {
    /// Every how many of the answers that a conditional write was applied; 0: none.
    every: AtomicU64,
    seen: AtomicU64,
    lost: AtomicU64,
}

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Pass,
    /// It never comes, and the connection lives on.
    Lose,
    /// It never comes, and the connection breaks.
    Cut,
}

impl Rule {
    fn fate(&self, head: [u8; HEAD], body: &[u8]) -> Fate {
        let every = self.every.load(Ordering::Relaxed);
        if every == 0 || !says_applied(head, body) {
            return Fate::Pass;
        }
        let seen = self.seen.fetch_add(1, Ordering::Relaxed) + 1;
        if !seen.is_multiple_of(every) {
            return Fate::Pass;
        }
        // In turns: whoever asked waits, or is told at once that nobody knows.
        if self.lost.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) { Fate::Cut } else { Fate::Lose }
    }
}

/// Whether a frame says that a conditional write was applied. Cassandra then sends that one column and nothing more.
fn says_applied(head: [u8; HEAD], body: &[u8]) -> bool {
    head[4] == RESULT && body.ends_with(&TRUE) && body.windows(APPLIED.len()).any(|window| window == APPLIED)
}

/// Proxies of all nodes, each on its node's own address at another port, where drivers look for the others, too. Dropping
/// it ends every connection.
#[derive(Debug)]
pub struct CqlProxy {
    points: Vec<SocketAddr>,
    rule: Arc<Rule>,
    tasks: Vec<JoinHandle<()>>,
}

impl CqlProxy {
    /// Listens at `port` of the nodes' addresses.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start(nodes: &[SocketAddr], port: u16) -> std::io::Result<Self> {
        let rule = Arc::new(Rule::default());
        let mut proxy = Self { points: Vec::new(), rule: Arc::clone(&rule), tasks: Vec::new() };
        for node in nodes {
            let point = SocketAddr::new(node.ip(), port);
            let listener = TcpListener::bind(point).await?;
            proxy.points.push(point);
            proxy.tasks.push(tokio::spawn(accept(listener, *node, Arc::clone(&rule))));
        }
        Ok(proxy)
    }

    /// Where a driver connects.
    pub fn points(&self) -> &[SocketAddr] {
        &self.points
    }

    /// From now on every so many of the answers that a conditional write was applied are lost; 0: none.
    pub fn lose_every(&self, every: u64) {
        self.rule.every.store(every, Ordering::Relaxed);
    }

    /// How many were.
    pub fn lost(&self) -> u64 {
        self.rule.lost.load(Ordering::Relaxed)
    }
}

impl Drop for CqlProxy {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn accept(listener: TcpListener, node: SocketAddr, rule: Arc<Rule>) {
    // Connections end when a side closes them, or with the program.
    let connections = TaskTracker::new();
    while let Ok((client, _)) = listener.accept().await {
        let rule = Arc::clone(&rule);
        connections.spawn(async move {
            // A node that is down ends the connection, which is what the driver would see of it.
            if let Ok(server) = TcpStream::connect(node).await {
                // Whatever ends one direction ends both.
                drop(relay(client, server, &rule).await);
            }
        });
    }
}

async fn relay(client: TcpStream, server: TcpStream, rule: &Rule) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    tokio::select! {
        asked = tokio::io::copy(&mut from_client, &mut to_server) => asked.map(drop),
        answered = answers(from_server, to_client, rule) => answered,
    }
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, rule: &Rule) -> std::io::Result<()> {
    loop {
        let mut head = [0; HEAD];
        from.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) as usize;
        if length > LARGEST {
            return Err(std::io::Error::other("a frame longer than Cassandra makes any"));
        }
        let mut frame = head.to_vec();
        frame.resize(HEAD + length, 0);
        from.read_exact(&mut frame[HEAD..]).await?;
        match rule.fate(head, &frame[HEAD..]) {
            Fate::Pass => to.write_all(&frame).await?,
            Fate::Lose => {}
            Fate::Cut => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame with rows: `columns` and the last value.
    fn frame(operation: u8, columns: &str, value: bool) -> ([u8; HEAD], Vec<u8>) {
        let mut body = columns.as_bytes().to_vec();
        body.extend([0, 0, 0, 1, 0, 0, 0, 1, u8::from(value)]);
        ([0x84, 0, 0, 1, operation, 0, 0, 0, 0], body)
    }

    #[test]
    fn only_the_answer_that_a_conditional_write_was_applied_is_one() {
        let says = |operation, columns, value| {
            let (head, body) = frame(operation, columns, value);
            says_applied(head, &body)
        };
        assert!(says(RESULT, "ks.ledgers.[applied]", true));
        assert!(!says(RESULT, "ks.ledgers.[applied]", false));
        assert!(!says(RESULT, "ks.ledgers.active", true));
        assert!(!says(0x00, "ks.ledgers.[applied]", true));
    }

    #[test]
    fn every_so_many_are_lost_in_turns_with_and_without_the_connection() {
        let rule = Rule::default();
        let (head, body) = frame(RESULT, "[applied]", true);
        assert_eq!(rule.fate(head, &body), Fate::Pass, "none, until told");
        rule.every.store(2, Ordering::Relaxed);
        let fates: Vec<Fate> = (0..5).map(|_| rule.fate(head, &body)).collect();
        assert_eq!(fates, [Fate::Pass, Fate::Cut, Fate::Pass, Fate::Lose, Fate::Pass]);
        let (head, read) = frame(RESULT, "name", true);
        assert_eq!(rule.fate(head, &read), Fate::Pass);
        assert_eq!(rule.lost.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn frames_pass_whole_and_a_cut_is_seen_by_the_client() {
        let node = TcpListener::bind("127.0.0.1:0").await.expect("a node");
        let address = node.local_addr().expect("its address");
        let port = store_testbed::ports::free_port().expect("a port");
        let proxy = CqlProxy::start(&[address], port).await.expect("a proxy");
        let mut client = TcpStream::connect(proxy.points()[0]).await.expect("a client");
        let (mut server, _) = node.accept().await.expect("a connection");
        client.write_all(b"ask").await.expect("asked");
        let mut asked = [0; 3];
        server.read_exact(&mut asked).await.expect("heard");
        let (mut head, body) = frame(RESULT, "[applied]", true);
        head[8] = u8::try_from(body.len()).expect("short");
        let whole = [&head[..], &body].concat();
        server.write_all(&whole).await.expect("answered");
        let mut told = vec![0; whole.len()];
        client.read_exact(&mut told).await.expect("told");
        assert_eq!(told, whole);
        proxy.lose_every(1);
        server.write_all(&whole).await.expect("answered");
        assert_eq!(client.read(&mut told).await.unwrap_or(0), 0, "cut");
        assert_eq!(proxy.lost(), 1);
    }
}
