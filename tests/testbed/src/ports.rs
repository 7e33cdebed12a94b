//! Ports of loopback. IO: binds them.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// Ports that nobody listens at now, all different.
///
/// # Errors
/// There are not so many.
pub fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    let bind = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let held: Vec<TcpListener> = (0..N).map(bind).collect::<Result<_, _>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

/// A port that nobody listens at now.
///
/// # Errors
/// There is none.
pub fn free_port() -> io::Result<u16> {
    free_ports::<1>().map(|[port]| port)
}
