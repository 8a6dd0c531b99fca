//! In which order the entries of a plan are carried out.

use std::collections::HashMap;

use super::{Action, Entry, EntryKey};

/// Entries that may be carried out at the same time, given by their place in the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wave {
    pub(crate) part: Part,
    pub(crate) entries: Vec<usize>,
}

/// Which part of its work each entry of a wave does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// Everything but the status of an object whose other attributes change too.
    Main,
    /// The status, by a request of its own after the others.
    Status,
}

/// The stages: who left is switched off first, and deleted last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Disables,
    Writes,
    Statuses,
    Deletes,
}

fn stage(entry: &Entry) -> Stage {
    match entry.action {
        Action::Disable => Stage::Disables,
        Action::Delete => Stage::Deletes,
        _ => Stage::Writes,
    }
}

/// The entries that run, in waves: each wave after the one before.
pub(crate) fn waves(entries: &[Entry]) -> Vec<Wave> {
    let graph = Graph::new(entries);
    let mut stages: Vec<Stage> = entries.iter().map(stage).collect();
    // What must come before an earlier stage moves there.
    let mut moved: Vec<usize> = (0..entries.len()).collect();
    while let Some(after) = moved.pop() {
        for before in &graph.befores[after] {
            if stages[*before] > stages[after] {
                stages[*before] = stages[after];
                moved.push(*before);
            }
        }
    }
    let depths = graph.depths();
    let mut places: Vec<((Stage, usize), usize)> = Vec::new();
    for (at, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.runs()) {
        places.push(((stages[at], depths[at].unwrap_or(0)), at));
        let has_more = entry.changes.len() > 1 || !entry.secrets.is_empty();
        if entry.action != Action::Create && has_more && entry.changes.iter().any(|change| change.status) {
            places.push(((Stage::Statuses, 0), at));
        }
    }
    places.sort_unstable();
    let mut waves: Vec<((Stage, usize), Wave)> = Vec::new();
    for (place, at) in places {
        let part = if place.0 == Stage::Statuses { Part::Status } else { Part::Main };
        match waves.last_mut() {
            Some((last, wave)) if *last == place => wave.entries.push(at),
            _ => waves.push((place, Wave { part, entries: vec![at] })),
        }
    }
    waves.into_iter().map(|(_, wave)| wave).collect()
}

/// Entries that wait for each other in a circle; at least one circle wherever there are any.
pub(super) fn circles(entries: &[Entry]) -> Vec<Vec<usize>> {
    let graph = Graph::new(entries);
    let depths = graph.depths();
    // Whoever has no depth waits for a circle, or is on one: going back from it leads round.
    let mut walks: Vec<Option<usize>> = vec![None; entries.len()];
    let mut circles = Vec::new();
    for start in (0..entries.len()).filter(|at| depths[*at].is_none()) {
        let mut way = Vec::new();
        let mut at = start;
        while walks[at].is_none() {
            walks[at] = Some(start);
            way.push(at);
            match graph.befores[at].iter().find(|before| depths[**before].is_none()) {
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

struct Graph {
    /// Who comes before whom.
    edges: Vec<(usize, usize)>,
    befores: Vec<Vec<usize>>,
}

impl Graph {
    fn new(entries: &[Entry]) -> Self {
        let places: HashMap<&EntryKey, usize> =
            entries.iter().enumerate().map(|(at, entry)| (&entry.key, at)).collect();
        let mut edges = Vec::new();
        let mut befores = vec![Vec::new(); entries.len()];
        for (at, entry) in entries.iter().enumerate() {
            for before in entry.after.iter().filter_map(|edge| places.get(&edge.entry)) {
                edges.push((*before, at));
                befores[at].push(*before);
            }
        }
        Self { edges, befores }
    }

    /// How many entries must come before each, one after the other; `None` for what waits for a circle.
    fn depths(&self) -> Vec<Option<usize>> {
        let mut waiting: Vec<usize> = self.befores.iter().map(Vec::len).collect();
        let mut afters = vec![Vec::new(); self.befores.len()];
        self.edges.iter().for_each(|(before, after)| afters[*before].push(*after));
        let mut depths: Vec<Option<usize>> = waiting.iter().map(|count| (*count == 0).then_some(0)).collect();
        let mut ready: Vec<usize> = (0..waiting.len()).filter(|at| waiting[*at] == 0).collect();
        let mut deepest = vec![0; waiting.len()];
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
}
