//! Processes of the model: what Cassandra in a pod does in a tick, and what it does when it comes up.

use super::ring::{Disk, JOINS, Process, STARTS, YOUNG};
use super::secrets;
use super::world::{BAD_OPTION, MISSING_IMAGE, Pod, REFUSED_OPTION, World};
use crate::identity::Uid;
use crate::node::files;
use crate::observation::SecretPurpose;

impl World {
    /// A tick of what goes on in a pod.
    pub fn run_process(&mut self, name: &str) {
        let mut pod = self.pods[name].clone();
        // a pod whose Secret is missing or lacks a key does not get as far as to start Cassandra
        if pod.agent.is_none() && matches!(pod.process, Process::Starting(0) | Process::Crashing(_)) {
            pod.agent = secrets::login(self, SecretPurpose::Jolokia);
            if pod.agent.is_none() {
                return;
            }
        }
        pod.process = match pod.process {
            Process::Down(0) => Process::Starting(STARTS),
            Process::Down(ticks) => Process::Down(ticks - 1),
            Process::Paused(0, kept) => *kept,
            Process::Paused(ticks, kept) => Process::Paused(ticks - 1, kept),
            Process::Starting(0) => self.start(name, &pod),
            Process::Starting(ticks) => Process::Starting(ticks - 1),
            Process::Joining(0, host) if self.stream_breaks() => Process::JoinFailed(host),
            Process::Leaving(0, host) if self.stream_breaks() => Process::LeaveFailed(host),
            Process::Joining(0, host) => {
                self.ring.join(&host, pod.seen.ip.as_deref().unwrap());
                self.disks.insert(self.claims[&format!("data-{name}")].uid.clone(), Disk::Node(host.clone()));
                Process::Normal(host)
            }
            Process::Joining(ticks, host) => Process::Joining(ticks - 1, host),
            Process::Returning(host) => Process::Normal(host),
            Process::Leaving(0, host) => {
                self.ring.leave(&host, true);
                self.disks.insert(self.claims[&format!("data-{name}")].uid.clone(), Disk::Decommissioned(host.clone()));
                Process::Decommissioned(host)
            }
            Process::Leaving(ticks, host) => Process::Leaving(ticks - 1, host),
            Process::Crashing(_) => self.start(name, &pod),
            rest => rest,
        };
        pod.seen.ready = pod.process.is_up() && !self.unready.contains(name);
        pod.seen.trouble = match pod.process {
            Process::Crashing(cause) => Some(cause.to_owned()),
            _ => None,
        };
        if pod.process.is_up() {
            self.ran.insert(pod.seen.template_hash.clone());
        }
        pod.has_tried |= self.pods[name].has_tried;
        self.pods.insert(name.to_owned(), pod);
    }

    /// What keeps a pod from even starting Cassandra: its image, or what `node-config` finds.
    fn held_back(&self, name: &str, pod: &Pod) -> Option<&'static str> {
        if pod.image == MISSING_IMAGE {
            return Some("container copy-config: ErrImagePull: not found");
        }
        let trial = self.config_map("shop-cassandra")?["data"][files::TRIAL].as_str().unwrap_or_default();
        let mut lines = trial.lines();
        let tried = lines.next() == Some(pod.seen.configuration.as_str());
        (tried && lines.all(|tries| tries != name)).then_some("it is not its turn to try its configuration")
    }

    fn stream_breaks(&mut self) -> bool {
        let breaks = self.failing_streams > 0;
        self.failing_streams = self.failing_streams.saturating_sub(1);
        breaks
    }

    /// What Cassandra does when its process comes up: it goes by what is on its disk.
    fn start(&mut self, name: &str, pod: &Pod) -> Process {
        if let Some(cause) = pod.homeless {
            return Process::Crashing(cause);
        }
        if let Some(cause) = self.held_back(name, pod) {
            return Process::Crashing(cause);
        }
        let Some(configuration) = self.config_map(&pod.config_map).map(ToString::to_string) else {
            return Process::Starting(1);
        };
        if let Some(pod) = self.pods.get_mut(name) {
            pod.has_tried = true;
        }
        if [BAD_OPTION, REFUSED_OPTION].iter().any(|option| configuration.contains(option)) {
            return Process::Crashing("it ends with exit code 3");
        }
        let address = pod.seen.ip.clone().unwrap();
        let uid = self.claims[&format!("data-{name}")].uid.clone();
        let is_old = self.disks[&uid] != Disk::Empty;
        let told = if is_old { pod.ring_name.rsplit('/').next().unwrap().to_owned() } else { pod.ring_name.clone() };
        let ring_name = self.ring_names.entry(uid.clone()).or_insert(told).clone();
        if !self.ring.members.is_empty() && ring_name != self.ring.name {
            return Process::Crashing("the cluster name is not that of the ring");
        }
        self.ring.name = ring_name;
        match self.disks[&uid].clone() {
            Disk::Node(host) => {
                self.ring.members.insert(host.clone(), address);
                self.ring.young.insert(host.clone(), YOUNG);
                Process::Returning(host)
            }
            Disk::Decommissioned(_) => Process::Crashing("this node was decommissioned"),
            Disk::Empty => self.start_fresh(name, &uid, &address),
        }
    }

    fn start_fresh(&mut self, name: &str, uid: &Uid, address: &str) -> Process {
        let config = self.config_map("shop-cassandra").unwrap();
        let named: Vec<String> = config["data"][files::SEEDS].as_str().unwrap().lines().map(str::to_owned).collect();
        let alone = named.len() == 1 && named[0] == name;
        if alone {
            if !self.ring.members.is_empty() {
                self.violate(format!("{name} starts a ring of its own beside one that has data"));
            }
            let host = self.ring.new_host();
            self.ring.members.insert(host.clone(), address.to_owned());
            self.disks.insert(uid.clone(), Disk::Node(host.clone()));
            return Process::Normal(host);
        }
        let seeds_up = named.iter().filter_map(|seed| self.pods.get(seed));
        let found = seeds_up.filter(|seed| seed.process.is_up()).count() > 0;
        let busy = self.pods.values().any(|pod| pod.process.is_moving());
        // what a newcomer takes over it streams from whoever gives it up, and from nobody else
        let dead = self.ring.members.len() > self.live_members();
        match (found, busy) {
            (true, false) if dead => Process::Crashing("a node that gives up ranges is down: strict consistency"),
            (false, _) => Process::Crashing("unable to contact any seeds"),
            (true, true) => Process::Crashing("other bootstrapping or leaving nodes detected"),
            (true, false) => Process::Joining(JOINS, self.ring.new_host()),
        }
    }
}
