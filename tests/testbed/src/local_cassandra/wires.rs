//! Wires between the nodes of a ring that can be cut, slow or lossy, each direction by itself. IO: network namespaces and
//! TUN devices, as root.
//!
//! Every node has a network namespace of its own with one TUN device, whose other end is here: this program is the switch.
//! The kernel may lack what delays packets (netem), and a rule that drops them works in one namespace only; here a packet
//! is a message between two members. Nothing is left behind: a namespace lives as long as the process that holds it, and
//! that one dies with this program.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::Rng as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_tun::Tun;

use super::{RingError, keeper};
use crate::command::{SHORT, run};
use crate::progress::say;

/// Larger packets cost less here; no network in between has its say.
const MTU: i32 = 9000;
/// Packets under way on one direction of a wire; those beyond are lost, as a full switch loses them.
const UNDER_WAY: usize = 4096;

/// A member of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// A node, counted from 0.
    Node(usize),
    /// Where this program and the clients of the ring are.
    Clients,
}

/// What one direction of a wire does to packets.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Link {
    /// Nothing passes.
    pub cut: bool,
    /// The share of packets that is lost, 0 to 1.
    pub loss: f64,
    /// How long a packet is under way.
    pub delay: Duration,
}

impl Link {
    /// Nothing passes.
    pub const CUT: Self = Self { cut: true, loss: 0.0, delay: Duration::ZERO };

    /// What becomes of a packet, given a random number from 0 to 1: when it is passed on, or `None` when it is lost.
    fn fate(self, random: f64) -> Option<Duration> {
        (!self.cut && random >= self.loss).then_some(self.delay)
    }
}

type Links = HashMap<(Place, Place), Link>;

/// The network of a ring. Dropping it ends the namespaces, and so everything in them loses its network.
#[derive(Debug)]
pub struct Wires {
    members: Vec<Ipv4Addr>,
    holders: Vec<Child>,
    links: Arc<Mutex<Links>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Wires {
    /// Lays a network of `nodes` nodes; `number` is not used by another one.
    pub(super) fn lay(number: u8, nodes: u8) -> Result<Self, RingError> {
        let members: Vec<Ipv4Addr> = (1..=nodes).map(|node| Ipv4Addr::new(198, 18, number, node)).collect();
        let links = Arc::new(Mutex::new(Links::new()));
        let mut wires = Self { members, holders: Vec::new(), links, tasks: Vec::new() };
        let mut devices = Vec::new();
        for (node, address) in wires.members.clone().into_iter().enumerate() {
            let device = device(&format!("ring{number}-{}", node + 1))?;
            let holder = hold()?;
            let pid = holder.id().to_string();
            wires.holders.push(holder);
            ip(&["link", "set", device.name(), "netns", &pid])?;
            set_up(Some(&pid), device.name(), address)?;
            devices.push((Place::Node(node), address, Arc::new(device)));
        }
        let device = device(&format!("ring{number}"))?;
        let address = Ipv4Addr::new(198, 18, number, 254);
        set_up(None, device.name(), address)?;
        devices.push((Place::Clients, address, Arc::new(device)));
        wires.connect(&devices);
        Ok(wires)
    }

    /// The nodes' addresses.
    pub(super) fn members(&self) -> &[Ipv4Addr] {
        &self.members
    }

    /// A process in each node's namespace.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = u32> {
        self.holders.iter().map(Child::id)
    }

    /// Sets what passes from one member to another; the other direction is another link.
    pub fn set(&self, from: Place, to: Place, link: Link) {
        lock(&self.links).insert((from, to), link);
    }

    /// Sets both directions.
    pub fn set_both(&self, one: Place, other: Place, link: Link) {
        self.set(one, other, link);
        self.set(other, one, link);
    }

    /// Everything passes again at once; what is under way arrives when it was due.
    pub fn heal(&self) {
        lock(&self.links).clear();
    }

    fn connect(&mut self, devices: &[(Place, Ipv4Addr, Arc<Tun>)]) {
        for (from, _, device) in devices {
            let mut ways = HashMap::new();
            for (to, address, target) in devices.iter().filter(|(to, ..)| to != from) {
                let (way, packets) = mpsc::channel(UNDER_WAY);
                self.tasks.push(tokio::spawn(deliver(packets, Arc::clone(target))));
                ways.insert(*address, (*to, way));
            }
            self.tasks.push(tokio::spawn(forward(*from, Arc::clone(device), ways, Arc::clone(&self.links))));
        }
    }
}

impl Drop for Wires {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        for holder in &mut self.holders {
            // The kernel does it too when this program ends; nothing better is left if it fails here.
            let _ = holder.kill().and_then(|()| holder.wait());
        }
    }
}

fn lock(links: &Mutex<Links>) -> MutexGuard<'_, Links> {
    links.lock().unwrap_or_else(PoisonError::into_inner)
}

type Packet = (Instant, Vec<u8>);

/// Takes what a member sends, and gives each packet its way and the time when it is due.
async fn forward(
    from: Place,
    device: Arc<Tun>,
    ways: HashMap<Ipv4Addr, (Place, mpsc::Sender<Packet>)>,
    links: Arc<Mutex<Links>>,
) {
    let mut buffer = vec![0; 65_536];
    loop {
        let length = match device.recv(&mut buffer).await {
            Ok(length) => length,
            Err(error) => {
                say(format!("the wire of {from:?} is gone: {error}"));
                return;
            }
        };
        let packet = &buffer[..length];
        let Some((to, way)) = destination(packet).and_then(|address| ways.get(&address)) else { continue };
        let link = lock(&links).get(&(from, *to)).copied().unwrap_or_default();
        if let Some(delay) = link.fate(rand::rng().random()) {
            // A full way loses the packet.
            let _ = way.try_send((Instant::now() + delay, packet.to_vec()));
        }
    }
}

/// Brings packets to one member in their order, each when it is due.
async fn deliver(mut packets: mpsc::Receiver<Packet>, target: Arc<Tun>) {
    while let Some((due, packet)) = packets.recv().await {
        if due > Instant::now() {
            tokio::time::sleep_until(due).await;
        }
        // A device that is down loses the packet.
        let _ = target.send(&packet).await;
    }
}

/// Where an IPv4 packet goes.
fn destination(packet: &[u8]) -> Option<Ipv4Addr> {
    if packet.first()? >> 4 != 4 {
        return None;
    }
    let address: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
    Some(Ipv4Addr::from(address))
}

fn device(name: &str) -> Result<Tun, RingError> {
    let made = Tun::builder().name(name).mtu(MTU).close_on_exec().build();
    let made = made.map_err(|error| RingError::Wires(format!("making the device {name}, as root only: {error}")))?;
    made.into_iter().next().ok_or_else(|| RingError::Wires(format!("no device {name}")))
}

/// A process that holds a new network namespace.
fn hold() -> Result<Child, RingError> {
    let mut command = keeper::command(std::path::Path::new("unshare"));
    // It says when the namespace is there.
    command.args(["--net", "--", "sh", "-c", "echo; exec sleep infinity"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let failed = |error: std::io::Error| RingError::Wires(format!("holding a network namespace: {error}"));
    let mut holder = keeper::spawn(command).map_err(failed)?;
    let mut line = [0; 1];
    let output = holder.stdout.take().ok_or_else(|| RingError::Wires("a namespace says nothing".to_owned()))?;
    std::io::Read::read_exact(&mut { output }, &mut line).map_err(failed)?;
    Ok(holder)
}

fn set_up(namespace: Option<&str>, device: &str, address: Ipv4Addr) -> Result<(), RingError> {
    let address = format!("{address}/24");
    let steps: [&[&str]; 3] =
        [&["address", "add", &address, "dev", device], &["link", "set", "lo", "up"], &["link", "set", device, "up"]];
    for step in steps {
        match namespace {
            Some(pid) => {
                let mut enter = Command::new("nsenter");
                command(enter.args(["--target", pid, "--net", "--", "ip"]).args(step))?;
            }
            None => ip(step)?,
        }
    }
    Ok(())
}

fn ip(arguments: &[&str]) -> Result<(), RingError> {
    command(Command::new("ip").args(arguments))
}

fn command(command: &mut Command) -> Result<(), RingError> {
    run(command, SHORT).map(drop).map_err(|error| RingError::Wires(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_lost_as_often_as_the_link_says_and_late_by_its_delay() {
        let slow = Link { loss: 0.1, delay: Duration::from_millis(200), ..Link::default() };
        assert_eq!(slow.fate(0.05), None);
        assert_eq!(slow.fate(0.1), Some(Duration::from_millis(200)));
        assert_eq!(Link::default().fate(0.0), Some(Duration::ZERO));
        assert_eq!(Link::CUT.fate(0.99), None);
    }

    #[test]
    fn only_packets_of_version_4_have_a_way() {
        let mut packet = [0_u8; 20];
        packet[16..].copy_from_slice(&[198, 18, 7, 2]);
        assert_eq!(destination(&packet), None);
        packet[0] = 0x45;
        assert_eq!(destination(&packet), Some(Ipv4Addr::new(198, 18, 7, 2)));
        assert_eq!(destination(&packet[..19]), None);
    }

    /// Sends through the network as two nodes would, and cuts one direction.
    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "makes network namespaces, as root"]
    async fn a_cut_is_of_one_direction_and_a_slow_wire_is_slow() {
        let wires = Wires::lay(251, 2).expect("as root");
        let pids: Vec<String> = wires.namespaces().map(|pid| pid.to_string()).collect();
        let ping = async |from: usize, to: &str| {
            let (pid, to) = (pids[from].clone(), to.to_owned());
            let ran = tokio::task::spawn_blocking(move || {
                let mut command = Command::new("nsenter");
                command.args(["--target", &pid, "--net", "--", "python3", "-c", CONNECT, &to]);
                run(&mut command, SHORT)
            });
            let text = ran.await.expect("it ends").expect("python");
            text.trim().parse::<f64>().ok()
        };
        assert!(ping(0, "198.18.251.2").await.is_some(), "refused");
        wires.set(Place::Node(0), Place::Node(1), Link { delay: Duration::from_millis(200), ..Link::default() });
        let slow = ping(0, "198.18.251.2").await.expect("refused, later");
        assert!(slow >= 0.2, "{slow}");
        wires.set(Place::Node(1), Place::Node(0), Link::CUT);
        assert_eq!(ping(0, "198.18.251.2").await, None, "no answer comes back");
        wires.heal();
        assert!(ping(1, "198.18.251.1").await.is_some());
    }

    /// Seconds until a connection is refused, or "none".
    const CONNECT: &str = "
import socket, sys, time
began = time.time()
try:
    socket.create_connection((sys.argv[1], 9), timeout=3)
except ConnectionRefusedError:
    print(time.time() - began)
except OSError:
    print('none')
";
}
