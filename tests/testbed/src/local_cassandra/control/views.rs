//! What runs in a ring and who should see whom. Pure.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::super::jolokia::View;

/// What a node's process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Process {
    /// It runs.
    #[default]
    Runs,
    /// It was told to end, and did.
    Stopped,
    /// It was killed.
    Killed,
    /// It is halted.
    Paused,
}

impl Process {
    fn name(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Stopped => "stopped",
            Self::Killed => "killed",
            Self::Paused => "paused",
        }
    }
}

/// What was done to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct State {
    pub process: Process,
    /// Whether its wires to the other nodes are cut.
    pub cut: bool,
}

impl State {
    pub(super) fn runs(self) -> bool {
        self.process == Process::Runs
    }
}

/// The numbers, from 0, of the nodes that node `index` must take for up once it has noticed everything.
pub(super) fn expected(states: &[State], index: usize) -> BTreeSet<usize> {
    let whole = |node: usize| states.get(node).is_some_and(|state| !state.cut);
    let seen = |other: usize| other == index || (whole(index) && whole(other));
    (0..states.len()).filter(|other| states.get(*other).is_some_and(|state| state.runs()) && seen(*other)).collect()
}

/// What is still missing until each node sees what it should, in words.
pub(super) fn missing(states: &[State], addresses: &[Ipv4Addr], views: &[Option<View>]) -> Option<String> {
    let running = (0..states.len()).filter(|index| states.get(*index).is_some_and(|state| state.runs()));
    running.into_iter().find_map(|index| {
        let number = index + 1;
        let Some(view) = views.get(index).and_then(Option::as_ref) else {
            return Some(format!("node {number} does not answer yet"));
        };
        if !view.serves {
            return Some(format!("node {number} does not serve yet"));
        }
        let wanted: BTreeSet<Ipv4Addr> =
            expected(states, index).into_iter().filter_map(|other| addresses.get(other).copied()).collect();
        (view.live != wanted).then(|| format!("node {number} takes {} for up", numbers(addresses, &view.live)))
    })
}

/// Addresses as the numbers of their nodes.
fn numbers(addresses: &[Ipv4Addr], some: &BTreeSet<Ipv4Addr>) -> String {
    let known = addresses.iter().enumerate().filter(|(_, address)| some.contains(address));
    let numbers: Vec<String> = known.map(|(index, _)| (index + 1).to_string()).collect();
    if numbers.is_empty() { "nobody".to_owned() } else { numbers.join(" ") }
}

/// One line a node.
pub(super) fn table(states: &[State], addresses: &[Ipv4Addr], racks: &[String], views: &[Option<View>]) -> String {
    let mut rows = vec![["node", "address", "rack", "process", "wires", "sees up"].map(str::to_owned)];
    for (index, (state, address)) in states.iter().zip(addresses).enumerate() {
        let view = views.get(index).and_then(Option::as_ref);
        rows.push([
            (index + 1).to_string(),
            address.to_string(),
            racks.get(index).cloned().unwrap_or_default(),
            state.process.name().to_owned(),
            if state.cut { "cut" } else { "whole" }.to_owned(),
            view.map_or_else(|| "-".to_owned(), |view| numbers(addresses, &view.live)),
        ]);
    }
    aligned(&rows)
}

/// Rows with their columns below each other, two blanks between them, and none at an end.
pub(super) fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    aligned_rows(&rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>())
}

/// The same for rows of any length.
pub fn aligned_rows(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|text| text.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(text, width)| format!("{text:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(list: &[(Process, bool)]) -> Vec<State> {
        list.iter().map(|(process, cut)| State { process: *process, cut: *cut }).collect()
    }

    const ADDRESSES: [Ipv4Addr; 3] =
        [Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3)];

    fn view(nodes: &[usize]) -> Option<View> {
        Some(View { live: nodes.iter().map(|node| ADDRESSES[*node]).collect(), serves: true })
    }

    #[test]
    fn a_node_that_is_cut_off_sees_itself_and_nobody_sees_who_does_not_run() {
        use Process::{Killed, Paused, Runs};
        let all = states(&[(Runs, false), (Paused, false), (Runs, true)]);
        assert_eq!(expected(&all, 0), BTreeSet::from([0]));
        assert_eq!(expected(&all, 2), BTreeSet::from([2]));
        let all = states(&[(Runs, false), (Runs, false), (Killed, true)]);
        assert_eq!(expected(&all, 0), BTreeSet::from([0, 1]));
        assert_eq!(expected(&states(&[(Runs, true), (Runs, true)]), 0), BTreeSet::from([0]));
    }

    #[test]
    fn what_is_missing_is_told_until_nothing_is() {
        use Process::{Killed, Runs};
        let all = states(&[(Runs, false), (Runs, false), (Killed, false)]);
        let told = |views: &[Option<View>]| missing(&all, &ADDRESSES, views);
        assert_eq!(told(&[view(&[0, 1, 2]), view(&[0, 1]), None]).as_deref(), Some("node 1 takes 1 2 3 for up"));
        assert_eq!(told(&[None, view(&[0, 1]), None]).as_deref(), Some("node 1 does not answer yet"));
        let joins = view(&[0, 1]).map(|view| View { serves: false, ..view });
        assert_eq!(told(&[view(&[0, 1]), joins, None]).as_deref(), Some("node 2 does not serve yet"));
        assert_eq!(told(&[view(&[0, 1]), view(&[0, 1]), None]), None);
    }

    #[test]
    fn the_table_has_a_line_for_each_node() {
        let all = states(&[(Process::Runs, false), (Process::Killed, false)]);
        let racks = ["rack1".to_owned(), "rack2".to_owned()];
        let text = table(&all, &ADDRESSES[..2], &racks, &[view(&[0]), None]);
        assert_eq!(
            text,
            "node  address    rack   process  wires  sees up\n\
             1     127.0.0.1  rack1  runs     whole  1\n\
             2     127.0.0.2  rack2  killed   whole  -"
        );
    }
}
