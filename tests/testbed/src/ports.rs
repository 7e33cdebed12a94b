//! Ports of this machine. IO: binds them.

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

/// Below those that the kernel gives to outgoing connections (32768 and up unless set otherwise): one of theirs can
/// become a client's before the program that it was looked up for listens at it. Below NodePorts (30000 and up), too.
const LOOKED_AT: Range<u16> = 15_000..30_000;

/// Ports that nobody listens at now, at any address, all different. The search begins anywhere, so that programs that
/// look at the same time find others.
///
/// # Errors
/// There are not so many.
pub fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    let anywhere = RandomState::new().hash_one(()) % u64::from(LOOKED_AT.end - LOOKED_AT.start);
    let first = LOOKED_AT.start + u16::try_from(anywhere).map_err(io::Error::other)?;
    let held: Vec<(u16, TcpListener)> = (first..LOOKED_AT.end)
        .chain(LOOKED_AT.start..first)
        .filter_map(|port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).ok().map(|listener| (port, listener)))
        .take(N)
        .collect();
    let ports: Vec<u16> = held.iter().map(|(port, _)| *port).collect();
    ports.try_into().map_err(|found: Vec<u16>| {
        io::Error::new(io::ErrorKind::AddrInUse, format!("{} of {N} ports are free in {LOOKED_AT:?}", found.len()))
    })
}

/// A port that nobody listens at now.
///
/// # Errors
/// There is none.
pub fn free_port() -> io::Result<u16> {
    free_ports::<1>().map(|[port]| port)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    #[test]
    fn no_outgoing_connection_gets_a_port_that_was_looked_up() {
        let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
        let lowest: u16 = range.split_whitespace().next().unwrap().parse().unwrap();
        let ports = free_ports::<8>().unwrap();
        assert!(ports.iter().all(|port| *port < lowest), "{ports:?}, and clients have {lowest} and up");
        assert_eq!(BTreeSet::from(ports).len(), 8, "{ports:?}");
    }

    #[test]
    fn a_port_at_which_somebody_listens_is_not_free() {
        for address in ["127.0.0.1", "[::]"] {
            let port = free_port().unwrap();
            let _listens = TcpListener::bind(format!("{address}:{port}")).unwrap();
            assert!(TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_err(), "{address}");
        }
    }
}
