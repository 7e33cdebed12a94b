//! Blocks of loopback addresses, 127.0.N.1 to 127.0.N.6, so that several rings live side by side.
//! IO: lock files in the cache directory and trial binds.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};

use super::{RingError, configuration, io_error};
use crate::cache::Cache;

/// The loopback addresses of a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses {
    /// 127.0.N.1, 127.0.N.2 and so on.
    Block(u8),
    /// The first block from 127.0.1.x on that no other ring has.
    Free,
}

/// A block that this process has for itself while the value lives.
#[derive(Debug)]
pub(super) struct Block {
    number: u8,
    _lock: File,
}

impl Block {
    /// Takes the block wished for, or a free one, if the ports needed on it are free too.
    pub(super) fn take(wish: Addresses, nodes: u8, cql_port: u16) -> Result<Self, RingError> {
        match wish {
            Addresses::Block(number) => Self::take_numbered(number, nodes, cql_port),
            Addresses::Free => {
                let taken = |result: &Result<Self, RingError>| matches!(result, Err(RingError::Taken { .. }));
                let mut blocks = (1..=250).map(|number| Self::take_numbered(number, nodes, cql_port));
                blocks.find(|result| !taken(result)).unwrap_or(Err(RingError::NoBlock))
            }
        }
    }

    fn take_numbered(number: u8, nodes: u8, cql_port: u16) -> Result<Self, RingError> {
        let path = Cache::open()?.root().join(format!(".lock-loopback-127.0.{number}"));
        let lock = File::create(&path).map_err(io_error(format!("creating {}", path.display())))?;
        let taken = |port, reason: String| RingError::Taken { addresses: format!("127.0.{number}.1"), port, reason };
        if lock.try_lock().is_err() {
            return Err(taken(0, format!("another ring holds {}", path.display())));
        }
        let block = Self { number, _lock: lock };
        for address in block.members(nodes) {
            for port in [cql_port, configuration::STORAGE_PORT] {
                TcpListener::bind((address, port)).map_err(|error| taken(port, error.to_string()))?;
            }
        }
        Ok(block)
    }

    /// Its number, that no other ring of the machine has.
    pub(super) fn number(&self) -> u8 {
        self.number
    }

    /// The addresses of the first `nodes` nodes.
    pub(super) fn members(&self, nodes: u8) -> Vec<Ipv4Addr> {
        (1..=nodes).map(|node| Ipv4Addr::new(127, 0, self.number, node)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_rings_never_get_the_same_block() {
        let first = Block::take(Addresses::Free, 3, 19042).expect("a free block");
        let second = Block::take(Addresses::Free, 3, 19042).expect("another");
        assert_ne!(first.number, second.number);
        let again = Block::take(Addresses::Block(first.number), 3, 19042);
        assert!(matches!(again, Err(RingError::Taken { .. })));
        let number = first.number;
        drop(first);
        Block::take(Addresses::Block(number), 3, 19042).expect("free again");
    }

    #[test]
    fn a_port_in_use_is_named() {
        let _other = TcpListener::bind("127.0.251.2:19043").expect("bind");
        let error = Block::take(Addresses::Block(251), 2, 19043).expect_err("taken");
        assert!(error.to_string().contains("port 19043"), "{error}");
        Block::take(Addresses::Block(251), 1, 19043).expect("only the second address is in use");
    }
}
