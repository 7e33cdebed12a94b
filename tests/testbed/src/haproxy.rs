//! The load-balancer in front of the nodes, which outlives any of them: HAProxy on the host, to the
//! Ingress controller of every node. Set so that a node that falls silent costs only what was inside
//! it. [`render`] is pure; [`start`] writes the file and starts the program.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

use crate::command::{CommandError, SHORT, run};
use crate::layout::Layout;
use crate::process::{self, Launch, ProcessError, launch};

/// The name of its process, log and pid file.
pub const NAME: &str = "haproxy";
/// The port of the Ingress controller on every node.
pub const INGRESS_PORT: u16 = 80;
/// A path that the Ingress controller answers with 200 once it knows the cluster's Ingresses; a
/// node just switched on would answer 404 to everything until then.
pub const READY_PATH: &str = "/.testbed/ready";
/// How long a request may take in all, in seconds; longer than the Ingress controller's own limit.
const REQUEST_SECONDS: u32 = 12;

/// The load-balancer could not start.
#[derive(Debug, thiserror::Error)]
pub enum HaproxyError {
    /// Its process.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Another program listens where it should.
    #[error("port {0} on 127.0.0.1 is taken by another program: stop that one, the load-balancer needs it")]
    PortTaken(u16),
    /// It refuses its configuration.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// HAProxy's configuration for the cluster.
pub fn render(layout: &Layout) -> String {
    let mut text = format!(
        "# Written by the testbed for the cluster `{name}`.
global
    maxconn 4096
    user haproxy
    group haproxy

defaults
    mode http
    option http-keep-alive
    timeout client 60s
    timeout http-request 10s
    # A node on the same bridge accepts within a millisecond or is gone.
    timeout connect 200ms
    timeout server {REQUEST_SECONDS}s
    timeout queue 2s
    timeout check 2s

frontend entry
    bind 127.0.0.1:{port}
    # The first proxy on the way: what a client claims about earlier ones is not believed.
    http-request del-header X-Forwarded-For
    http-request del-header X-Forwarded-Host
    http-request del-header X-Forwarded-Prefix
    http-request del-header X-Real-Ip
    option forwardfor
    http-request set-header X-Forwarded-Proto http
    default_backend nodes

backend nodes
    balance roundrobin
    # A kept connection to a machine that died is found out only by a request lost on it.
    http-reuse never
    option redispatch 1
    retries 4
    # A connection that failed carried no request: any request may go to another node. What was sent
    # already is sent again only where doing it twice is the same as once.
    retry-on conn-failure empty-response response-timeout 502
    http-request disable-l7-retry unless {{ method GET HEAD OPTIONS }}
    # A request that waits in a machine that died is known to be lost after three seconds.
    option srvtcpka
    srvtcpka-idle 1s
    srvtcpka-intvl 1s
    srvtcpka-cnt 2
    option httpchk
    http-check send meth GET uri {READY_PATH}
    http-check expect status 200
    default-server port {INGRESS_PORT} check inter 500ms fastinter 300ms downinter 500ms fall 3 rise 2 tcp-ut 3s
",
        name = layout.name,
        port = layout.entry_port(),
    );
    for node in layout.nodes() {
        let _ = writeln!(text, "    server {} {}:{INGRESS_PORT}", node.name, node.address);
    }
    text
}

/// Starts it unless it runs.
///
/// # Errors
/// [`HaproxyError`] when it refuses its configuration or the port is taken.
pub fn start(layout: &Layout) -> Result<(), HaproxyError> {
    let path = layout.state.join("haproxy.cfg");
    fs::write(&path, render(layout)).map_err(|source| ProcessError::Io {
        action: "writing",
        path: path.clone(),
        source,
    })?;
    run(Command::new("haproxy").args(["-c", "-q", "-f"]).arg(&path), SHORT)?;
    let port = layout.entry_port();
    if process::find(&layout.pid_file(NAME)).is_none() && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err() {
        return Err(HaproxyError::PortTaken(port));
    }
    let how = Launch {
        launcher: &layout.launcher(),
        name: NAME,
        cgroup: &layout.control_plane_cgroup(),
        log: &layout.log(NAME),
        pid_file: &layout.pid_file(NAME),
    };
    launch(&how, Command::new("haproxy").args(["-db", "-f"]).arg(&path))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packages;
    use std::path::PathBuf;

    fn config() -> String {
        render(&Layout { name: "test".to_owned(), slot: 1, state: PathBuf::from("/s") })
    }

    #[test]
    fn it_listens_on_loopback_only_and_knows_every_node() {
        let config = config();
        let binds: Vec<_> = config.lines().filter(|line| line.trim().starts_with("bind")).collect();
        assert_eq!(binds, ["    bind 127.0.0.1:18081"]);
        for node in ["node-a 10.101.0.11:80", "node-b 10.101.0.12:80", "node-c 10.101.0.13:80"] {
            assert!(config.contains(&format!("    server {node}\n")), "{node}");
        }
    }

    #[test]
    fn a_request_that_may_have_had_an_effect_is_never_sent_twice() {
        let config = config();
        assert!(config.contains("disable-l7-retry unless { method GET HEAD OPTIONS }"));
        assert!(config.contains("http-reuse never"));
    }

    #[test]
    fn haproxy_accepts_the_configuration() {
        packages::ensure(&[packages::HAPROXY]).expect("haproxy");
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("haproxy.cfg");
        fs::write(&path, config()).expect("write");
        run(Command::new("haproxy").args(["-c", "-f"]).arg(&path), SHORT).expect("valid");
    }
}
