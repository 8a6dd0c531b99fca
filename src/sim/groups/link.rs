//! Who is a member or an owner of what: found from either end, in the order of being added.

use std::collections::{BTreeMap, HashMap, VecDeque};

use time::OffsetDateTime;
use uuid::Uuid;

use crate::sim::objects::shelf::Log;
use crate::sim::trouble::lag::Lag;

/// One kind of links between objects.
#[derive(Debug, Default)]
pub(crate) struct Links {
    next: u32,
    /// The links that there are, by their two ends.
    current: HashMap<(Uuid, Uuid), u32>,
    from: BTreeMap<(Uuid, u32), Edge>,
    to: BTreeMap<(Uuid, u32), Edge>,
    counts: HashMap<Uuid, usize>,
    /// Removed ones that readers still see, the first to go first.
    fading: VecDeque<(OffsetDateTime, Uuid, Uuid, u32)>,
    log: Log<Turn>,
}

/// One line of the log of links: that one came or went.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) from: Uuid,
    pub(crate) to: Uuid,
    at: OffsetDateTime,
}

#[derive(Debug, Clone, Copy)]
struct Edge {
    other: Uuid,
    /// From when on readers see it.
    shown_from: OffsetDateTime,
    shown_until: Option<OffsetDateTime>,
}

impl Edge {
    fn is_shown(&self, now: OffsetDateTime) -> bool {
        self.shown_from <= now && self.shown_until.is_none_or(|until| until > now)
    }
}

impl Links {
    /// Whether there is such a link, whatever readers see.
    pub(crate) fn has(&self, from: Uuid, to: Uuid) -> bool {
        self.current.contains_key(&(from, to))
    }

    /// How many there are from an object, whatever readers see.
    pub(crate) fn count(&self, from: Uuid) -> usize {
        self.counts.get(&from).copied().unwrap_or_default()
    }

    /// Adds a link, unless there is one.
    pub(crate) fn add(&mut self, from: Uuid, to: Uuid, lag: Lag) {
        if self.has(from, to) {
            return;
        }
        let number = self.next;
        self.next = self.next.saturating_add(1);
        let shown_from = lag.dated();
        self.current.insert((from, to), number);
        self.from.insert((from, number), Edge { other: to, shown_from, shown_until: None });
        self.to.insert((to, number), Edge { other: from, shown_from, shown_until: None });
        *self.counts.entry(from).or_default() += 1;
        self.log.push(Turn { from, to, at: lag.dated() });
    }

    /// Removes a link; answers whether there was one.
    pub(crate) fn remove(&mut self, from: Uuid, to: Uuid, lag: Lag) -> bool {
        let Some(number) = self.current.remove(&(from, to)) else {
            return false;
        };
        self.log.push(Turn { from, to, at: lag.dated() });
        if let Some(count) = self.counts.get_mut(&from) {
            *count = count.saturating_sub(1);
        }
        if lag.is_none() {
            self.forget(from, to, number);
        } else {
            let until = lag.end();
            for edge in [self.from.get_mut(&(from, number)), self.to.get_mut(&(to, number))].into_iter().flatten() {
                edge.shown_until = Some(until);
            }
            self.fading.push_back((until, from, to, number));
        }
        true
    }

    /// Removes an object with all its links.
    pub(crate) fn remove_object(&mut self, id: Uuid, now: OffsetDateTime) {
        let out: Vec<_> = self.all_from(id).collect();
        let back: Vec<_> = self.all_to(id).collect();
        for to in out {
            self.remove(id, to, Lag::none(now));
        }
        for from in back {
            self.remove(from, id, Lag::none(now));
        }
    }

    /// The links from an object that there are.
    pub(crate) fn all_from(&self, id: Uuid) -> impl Iterator<Item = Uuid> {
        range(&self.from, id, 0).filter(|(_, edge)| edge.shown_until.is_none()).map(|(_, edge)| edge.other)
    }

    /// The links to an object that there are.
    pub(crate) fn all_to(&self, id: Uuid) -> impl Iterator<Item = Uuid> {
        range(&self.to, id, 0).filter(|(_, edge)| edge.shown_until.is_none()).map(|(_, edge)| edge.other)
    }

    /// The links from an object that readers see, each with its number, from a number on.
    pub(crate) fn shown_from(&self, id: Uuid, at: u32, now: OffsetDateTime) -> impl Iterator<Item = (u32, Uuid)> {
        range(&self.from, id, at).filter(move |(_, edge)| edge.is_shown(now)).map(|(number, edge)| (number, edge.other))
    }

    /// The links to an object that readers see, each with its number, from a number on.
    pub(crate) fn shown_to(&self, id: Uuid, at: u32, now: OffsetDateTime) -> impl Iterator<Item = (u32, Uuid)> {
        range(&self.to, id, at).filter(move |(_, edge)| edge.is_shown(now)).map(|(number, edge)| (number, edge.other))
    }

    /// Forgets what no reader sees any more.
    /// `told` is what time it is for `delta`.
    pub(crate) fn settle(&mut self, now: OffsetDateTime, told: OffsetDateTime) {
        while let Some((until, from, to, number)) = self.fading.front().copied()
            && until <= now
        {
            self.fading.pop_front();
            self.forget(from, to, number);
        }
        self.log.settle(|turn| turn.at <= told);
    }

    /// Which links came and went.
    pub(crate) fn log(&self) -> &Log<Turn> {
        &self.log
    }

    /// Forgets what happened, before anybody could ask.
    pub(crate) fn begin_log(&mut self) {
        self.log.clear();
    }

    fn forget(&mut self, from: Uuid, to: Uuid, number: u32) {
        self.from.remove(&(from, number));
        self.to.remove(&(to, number));
    }
}

fn range(edges: &BTreeMap<(Uuid, u32), Edge>, id: Uuid, at: u32) -> impl Iterator<Item = (u32, &Edge)> {
    edges.range((id, at)..=(id, u32::MAX)).map(|((_, number), edge)| (*number, edge))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::macros::datetime;

    use super::*;
    use crate::sim::trouble::lag::Lags;

    const NOW: OffsetDateTime = datetime!(2026-01-01 0:00 UTC);

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    #[test]
    fn links_lag_behind_for_readers_alone() {
        let mut links = Links::default();
        let written = |now| Lags::all(Duration::from_secs(10)).written(now);
        let lag = written(NOW);
        let later = NOW + Duration::from_secs(10);
        links.add(id(1), id(2), lag);
        assert!(links.has(id(1), id(2)));
        assert_eq!(links.shown_from(id(1), 0, NOW).count(), 0);
        assert_eq!(links.shown_to(id(2), 0, later).collect::<Vec<_>>(), [(0, id(1))]);
        assert!(links.remove(id(1), id(2), written(later)));
        assert!(!links.remove(id(1), id(2), lag), "gone already");
        assert_eq!((links.count(id(1)), links.all_from(id(1)).count()), (0, 0));
        assert_eq!(links.shown_from(id(1), 0, later).count(), 1, "still seen");
        links.add(id(1), id(2), Lag::none(later));
        assert_eq!(links.shown_from(id(1), 0, later + Duration::from_secs(10)).collect::<Vec<_>>(), [(1, id(2))]);
        links.settle(later + Duration::from_secs(10), later + Duration::from_secs(10));
        assert!(links.fading.is_empty());
        assert_eq!(links.from.len(), 1);
    }

    #[test]
    fn an_object_goes_with_all_its_links() {
        let mut links = Links::default();
        for (from, to) in [(1, 2), (2, 3), (2, 2), (4, 5)] {
            links.add(id(from), id(to), Lag::none(NOW));
        }
        links.remove_object(id(2), NOW);
        assert_eq!((links.current.len(), links.from.len(), links.to.len()), (1, 1, 1));
    }
}
