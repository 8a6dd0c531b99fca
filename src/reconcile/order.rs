//! In which order the entries of a plan are carried out.

use std::collections::{HashMap, HashSet};

use super::{Action, Entry, EntryKey, Problem, Severity};

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
    while let Some((before, after)) =
        graph.edges.iter().copied().find(|(before, after)| stages[*before] > stages[*after])
    {
        stages[before] = stages[after];
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

/// Blocks the entries that wait for each other in a circle.
pub(super) fn block_cycles(entries: &mut [Entry]) {
    let graph = Graph::new(entries);
    let depths = graph.depths();
    let stuck: HashSet<usize> =
        (0..entries.len()).filter(|at| depths[*at].is_none() && graph.is_on_cycle(*at)).collect();
    for at in &stuck {
        let circle = graph.circle(*at).iter().map(|at| entries[*at].key.to_string()).collect::<Vec<_>>().join(" → ");
        entries[*at].problems.push(Problem::new(
            Severity::Blocks,
            "cycle",
            format!("each waits for a value that the next one gives up: {circle}; change one of them by hand first"),
        ));
    }
    let blocked: Vec<usize> = (0..entries.len()).filter(|at| depths[*at].is_none() && !stuck.contains(at)).collect();
    for at in blocked {
        let message = "waits for a value that entries in a circle hold".to_owned();
        entries[at].problems.push(Problem::new(Severity::Blocks, "cycle", message));
    }
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

    fn is_on_cycle(&self, at: usize) -> bool {
        !self.circle(at).is_empty()
    }

    /// The way from an entry back to itself; empty if there is none.
    fn circle(&self, start: usize) -> Vec<usize> {
        let mut came_from: HashMap<usize, usize> = HashMap::new();
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            for before in &self.befores[at] {
                if *before == start {
                    let mut way = vec![start, at];
                    while let Some(next) =
                        way.last().filter(|last| **last != start).and_then(|last| came_from.get(last))
                    {
                        way.push(*next);
                    }
                    way.dedup();
                    if *way.last().unwrap_or(&start) != start {
                        way.push(start);
                    }
                    return way;
                }
                if !came_from.contains_key(before) {
                    came_from.insert(*before, at);
                    open.push(*before);
                }
            }
        }
        Vec::new()
    }
}
