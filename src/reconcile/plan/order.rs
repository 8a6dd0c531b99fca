//! In which order the entries of a plan are carried out.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::reconcile::{Action, AttributeChange, EdgeKind, Entry, EntryKey, SetKind};

/// Entries that may be carried out at the same time, given by their place in the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wave {
    pub(crate) part: Part,
    pub(crate) entries: Vec<usize>,
}

/// The parts of an entry's work, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Part {
    /// Brings an object back, of which other attributes may change then.
    Restore,
    /// The value for a moment of what two objects swap.
    Temporary,
    /// Everything but the status of an object whose other attributes change too.
    #[default]
    Main,
    /// The status, by a request of its own after the others.
    Status,
    /// References to other objects.
    References,
    /// Licences.
    Licenses,
}

impl Part {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Restore => "restore",
            Self::Temporary => "temporary",
            Self::Main => "main",
            Self::Status => "status",
            Self::References => "references",
            Self::Licenses => "licenses",
        }
    }
}

/// The stages: who left is switched off first, and deleted last; what refers to others comes when all others are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Disables,
    Writes,
    Statuses,
    References,
    Licenses,
    Deletes,
}

fn stage(entry: &Entry, part: Part) -> Stage {
    match (part, entry.action) {
        (Part::Main, Action::Disable) => Stage::Disables,
        (Part::Main, Action::Delete) => Stage::Deletes,
        (Part::Restore | Part::Temporary | Part::Main, _) => Stage::Writes,
        (Part::Status, _) => Stage::Statuses,
        (Part::References, _) => Stage::References,
        (Part::Licenses, _) => Stage::Licenses,
    }
}

impl Entry {
    /// The parts that its work has, in their order; none if it does not run.
    pub(crate) fn parts(&self) -> Vec<Part> {
        if !self.runs() {
            return Vec::new();
        }
        let has = |kind: fn(SetKind) -> bool| self.sets.iter().any(|set| kind(set.kind));
        let restores = self.action == Action::Restore;
        let others = self.changes.is_empty() && self.secrets.is_empty() && !self.remembers();
        let only_sets = others && matches!(self.action, Action::Update | Action::Restore);
        let with_others = self.changes.len() > 1 || !self.secrets.is_empty();
        let status = match self.action {
            Action::Create => self.changes.iter().any(|change| change.later),
            _ => with_others && self.changes.iter().any(|change| change.status),
        };
        [
            (Part::Restore, restores),
            (Part::Temporary, self.changes.iter().any(|change| change.through.is_some())),
            (Part::Main, !only_sets),
            (Part::Status, status),
            (Part::References, has(|kind| kind != SetKind::Licenses)),
            (Part::Licenses, has(|kind| kind == SetKind::Licenses)),
        ]
        .into_iter()
        .filter_map(|(part, there)| there.then_some(part))
        .collect()
    }
}

/// The entries that run, in waves: each wave after the one before.
pub(crate) fn waves(entries: &[Entry]) -> Vec<Wave> {
    let nodes: Vec<(usize, Part)> = entries
        .iter()
        .enumerate()
        .flat_map(|(at, entry)| entry.parts().into_iter().map(move |part| (at, part)))
        .collect();
    let befores = befores(entries, &nodes);
    let mut stages: Vec<Stage> = nodes.iter().map(|(at, part)| stage(&entries[*at], *part)).collect();
    // What must come before an earlier stage moves there.
    let mut moved: Vec<usize> = (0..nodes.len()).collect();
    while let Some(after) = moved.pop() {
        for before in &befores[after] {
            if stages[*before] > stages[after] {
                stages[*before] = stages[after];
                moved.push(*before);
            }
        }
    }
    // Whatever is of an earlier stage has come before anyway.
    let edges =
        befores.iter().enumerate().flat_map(|(after, befores)| befores.iter().map(move |before| (*before, after)));
    let edges: Vec<_> = edges.filter(|(before, after)| stages[*before] == stages[*after]).collect();
    let depths = depths(nodes.len(), &edges);
    let mut waves: BTreeMap<(Stage, usize, Part), Vec<usize>> = BTreeMap::new();
    for (node, (at, part)) in nodes.iter().enumerate() {
        waves.entry((stages[node], depths[node].unwrap_or(0), *part)).or_default().push(*at);
    }
    waves.into_iter().map(|((_, _, part), entries)| Wave { part, entries }).collect()
}

/// Which nodes must come before each.
fn befores(entries: &[Entry], nodes: &[(usize, Part)]) -> Vec<Vec<usize>> {
    let places: HashMap<&EntryKey, usize> = entries.iter().enumerate().map(|(at, entry)| (&entry.key, at)).collect();
    let by_node: HashMap<(usize, Part), usize> = nodes.iter().enumerate().map(|(at, node)| (*node, at)).collect();
    let mut befores = vec![Vec::new(); nodes.len()];
    for window in (1..nodes.len()).map(|at| [at - 1, at]) {
        let [before, after] = window;
        if nodes[before].0 == nodes[after].0 {
            befores[after].push(before);
        }
    }
    for (after, entry) in entries.iter().enumerate() {
        for edge in &entry.after {
            let Some(before) = places.get(&edge.entry).copied() else { continue };
            let (gives, takes) = edge_parts(&entries[before], entry, edge.kind, &edge.attribute);
            if let (Some(from), Some(to)) = (by_node.get(&(before, gives)), by_node.get(&(after, takes))) {
                befores[*to].push(*from);
            }
        }
    }
    befores
}

/// Which part of one entry another one's part waits for.
pub(crate) fn edge_parts(before: &Entry, after: &Entry, kind: EdgeKind, attribute: &str) -> (Part, Part) {
    let licenses = after.licenses().is_some_and(|set| set.attribute == *attribute);
    match kind {
        EdgeKind::Needs => (Part::Main, Part::References),
        EdgeKind::Frees if licenses => (Part::Licenses, Part::Licenses),
        EdgeKind::Frees => {
            let through = |change: &AttributeChange| change.attribute == *attribute && change.through.is_some();
            let gives = if before.changes.iter().any(through) { Part::Temporary } else { Part::Main };
            (gives, Part::Main)
        }
    }
}

/// How many nodes must come before each, one after the other; `None` for what waits for a circle. An edge is what comes
/// before, and what comes after.
fn depths(nodes: usize, edges: &[(usize, usize)]) -> Vec<Option<usize>> {
    let mut waiting = vec![0_usize; nodes];
    let mut afters = vec![Vec::new(); nodes];
    for (before, after) in edges {
        waiting[*after] += 1;
        afters[*before].push(*after);
    }
    let mut depths: Vec<Option<usize>> = waiting.iter().map(|count| (*count == 0).then_some(0)).collect();
    let mut ready: Vec<usize> = (0..nodes).filter(|at| waiting[*at] == 0).collect();
    let mut deepest = vec![0; nodes];
    while let Some(at) = ready.pop() {
        let depth = depths[at].unwrap_or(0);
        for after in &afters[at] {
            deepest[*after] = deepest[*after].max(depth + 1);
            waiting[*after] -= 1;
            if waiting[*after] == 0 {
                depths[*after] = Some(deepest[*after]);
                ready.push(*after);
            }
        }
    }
    depths
}

/// What waits for each other in a circle; at least one circle wherever there are any. An edge is what comes before, and
/// what comes after.
pub(crate) fn circles(nodes: usize, edges: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let depths = depths(nodes, edges);
    let mut befores = vec![Vec::new(); nodes];
    edges.iter().for_each(|(before, after)| befores[*after].push(*before));
    // Whoever has no depth waits for a circle, or is on one: going back from it leads round.
    let mut walks: Vec<Option<usize>> = vec![None; nodes];
    let mut circles = Vec::new();
    for start in (0..nodes).filter(|at| depths[*at].is_none()) {
        let mut way = Vec::new();
        let mut at = start;
        while walks[at].is_none() {
            walks[at] = Some(start);
            way.push(at);
            match befores[at].iter().find(|before| depths[**before].is_none()) {
                Some(before) => at = *before,
                None => break,
            }
        }
        let begins = way.iter().position(|own| *own == at).filter(|_| walks[at] == Some(start));
        if let Some(begins) = begins {
            circles.push(way.split_off(begins));
        }
    }
    circles
}
