//! Rows of the model: what was acknowledged at QUORUM, and which disks have it. It is what repairs, joins and
//! clean-ups are for, kept apart from what the operator believes to owe.
//!
//! The world is as unkind as it may be: of a write no more replicas than a quorum have it, if the others were slow
//! and the hints for them were lost; and a node that may stream from any replica streams from one that lacks it.

use std::collections::{BTreeMap, BTreeSet};

/// How long hints are kept for a node that is away, in seconds.
pub const HINT_WINDOW: i64 = 3 * 3600;
/// Most rows that are watched.
const WATCHED: usize = 24;

#[derive(Clone, Debug)]
struct Row {
    keyspace: String,
    position: u64,
    /// Hosts whose disk has it.
    on: BTreeSet<String>,
    /// Hosts that a hint waits for.
    hinted: BTreeSet<String>,
    /// Hosts that were too slow for it, and their hint is lost: no repair is owed for that.
    dropped: BTreeSet<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Rows {
    rows: Vec<Row>,
    written: u64,
}

/// Members, as the ring keeps them.
type Members = BTreeMap<String, String>;

impl Rows {
    /// A write at QUORUM; `late` are hosts that nobody keeps hints for any more.
    pub fn write(
        &mut self,
        keyspace: &str,
        factor: i32,
        members: &Members,
        up: &BTreeSet<String>,
        late: &BTreeSet<String>,
    ) {
        self.written += 1;
        let number = self.written;
        let position = hash(&number.to_string());
        let replicas = replicas(members, factor, position);
        let (here, away): (Vec<String>, Vec<String>) = replicas.into_iter().partition(|host| up.contains(host));
        let quorum = quorum(factor);
        if here.len() < quorum {
            return; // not acknowledged
        }
        let slow = if number.is_multiple_of(2) { here.len() - quorum } else { 0 };
        let first = usize::try_from(number / 2).unwrap_or(0) % here.len();
        let mut on: Vec<String> = here.iter().cycle().skip(first).take(here.len()).cloned().collect();
        let dropped = on.split_off(on.len() - slow).into_iter().collect();
        let hinted = away.into_iter().filter(|host| !late.contains(host)).collect();
        let row = Row { keyspace: keyspace.to_owned(), position, on: on.into_iter().collect(), hinted, dropped };
        let place = usize::try_from(number).unwrap_or(0) % WATCHED;
        match self.rows.get_mut(place) {
            None => self.rows.push(row),
            // what somebody lacks is watched until he has it
            Some(old) if old.hinted.is_empty() && old.dropped.is_empty() => *old = row,
            Some(_) => {}
        }
    }

    /// Hints for a host are delivered.
    pub fn deliver(&mut self, host: &str) {
        for row in &mut self.rows {
            if row.hinted.remove(host) {
                row.on.insert(host.to_owned());
            }
        }
    }

    /// A host joins: where it takes a copy over it streams from whoever gives it up, otherwise from anybody.
    pub fn join(&mut self, host: &str, before: &Members, factor: impl Fn(&str) -> i32) {
        let mut after = before.clone();
        after.insert(host.to_owned(), String::new());
        self.stream(before, &after, factor, None);
    }

    /// A host leaves and hands over what it has; or it is removed, and others stream from anybody.
    pub fn leave(&mut self, host: &str, before: &Members, factor: impl Fn(&str) -> i32, hands_over: bool) {
        let mut after = before.clone();
        after.remove(host);
        self.stream(before, &after, factor, hands_over.then_some(host));
        self.lose(host);
    }

    fn stream(&mut self, before: &Members, after: &Members, factor: impl Fn(&str) -> i32, from: Option<&str>) {
        for row in &mut self.rows {
            let factor = factor(&row.keyspace);
            let (old, new) = (replicas(before, factor, row.position), replicas(after, factor, row.position));
            let givers: Vec<&String> = old.iter().filter(|host| !new.contains(host)).collect();
            let strict = givers.iter().find(|host| after.contains_key(**host)).map(|host| (*host).clone());
            let worst = || {
                let sources = || old.iter().filter(|host| after.contains_key(*host));
                sources().find(|host| !row.on.contains(*host)).or_else(|| sources().next()).cloned()
            };
            let handed = from.map(str::to_owned).filter(|from| old.contains(from));
            let Some(source) = handed.or(strict).or_else(worst) else { continue };
            for taker in new.iter().filter(|host| !old.contains(host)) {
                for books in [&mut row.on, &mut row.hinted, &mut row.dropped] {
                    if books.contains(&source) {
                        books.insert(taker.clone());
                    }
                }
            }
        }
    }

    /// What a host had is gone; rows that nobody else has are, too, and no repair brings them back.
    pub fn lose(&mut self, host: &str) {
        for row in &mut self.rows {
            for books in [&mut row.on, &mut row.hinted, &mut row.dropped] {
                books.remove(host);
            }
        }
        self.rows.retain(|row| !row.on.is_empty());
    }

    /// A full repair of the primary ranges of a host.
    pub fn repair(&mut self, keyspace: &str, host: &str, members: &Members, factor: i32) {
        for row in self.rows.iter_mut().filter(|row| row.keyspace == keyspace) {
            let replicas = replicas(members, factor, row.position);
            let holds = replicas.iter().any(|replica| row.on.contains(replica));
            if holds && replicas.first().is_some_and(|primary| primary == host) {
                row.on.extend(replicas);
                row.hinted.clear();
                row.dropped.clear();
            }
        }
    }

    /// A host drops what is not its own.
    pub fn clean(&mut self, keyspace: Option<&str>, host: &str, members: &Members, factor: impl Fn(&str) -> i32) {
        for row in self.rows.iter_mut().filter(|row| keyspace.is_none_or(|keyspace| keyspace == row.keyspace)) {
            if !replicas(members, factor(&row.keyspace), row.position).iter().any(|replica| replica == host) {
                row.on.remove(host);
            }
        }
    }

    /// What is wrong with the copies although they are told to be in order, if anything is.
    pub fn fault(&self, members: &Members, up: &BTreeSet<String>, factor: impl Fn(&str) -> i32) -> Option<String> {
        self.rows.iter().find_map(|row| {
            let keyspace = &row.keyspace;
            let factor = factor(keyspace);
            let replicas = replicas(members, factor, row.position);
            let asked: Vec<&String> = replicas.iter().filter(|host| up.contains(*host)).collect();
            let lacking: Vec<&String> = asked.iter().copied().filter(|host| !row.on.contains(*host)).collect();
            if lacking.len() >= quorum(factor) {
                return Some(format!(
                    "a read of {keyspace} at QUORUM from {lacking:?} misses a row that was acknowledged"
                ));
            }
            let untold = lacking.iter().find(|host| !row.hinted.contains(**host) && !row.dropped.contains(**host))?;
            Some(format!("{untold} lacks a row of {keyspace} that no hint brings, and no repair is owed"))
        })
    }
}

fn quorum(factor: i32) -> usize {
    usize::try_from(factor.max(1) / 2 + 1).unwrap_or(1)
}

/// The hosts that are to have what is at a position, the primary one first.
fn replicas(members: &Members, factor: i32, position: u64) -> Vec<String> {
    let mut ring: Vec<(u64, &String)> = members.keys().map(|host| (hash(host), host)).collect();
    ring.sort_unstable();
    let first = ring.iter().position(|(token, _)| *token >= position).unwrap_or(0);
    let copies = usize::try_from(factor).unwrap_or(0).min(ring.len());
    ring.iter().cycle().skip(first).take(copies).map(|(_, host)| (*host).clone()).collect()
}

/// Spreads names over the ring, the same on every run.
fn hash(text: &str) -> u64 {
    let mixed = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}
