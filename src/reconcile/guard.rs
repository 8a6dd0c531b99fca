//! Limits on what one plan, and one day, may take away.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::situation::words;
use super::{Entry, Plan};
use crate::model::Class;

words! {
    /// A kind of effect that is limited.
    Guard {
        /// Accounts switched off.
        Disable => "disable",
        /// Accounts deleted.
        Delete => "delete",
        /// Values cleared.
        Clear => "clear",
        /// Sign-in names and aliases changed.
        Rename => "rename",
        /// Existing objects taken over.
        Adopt => "adopt",
        /// Accounts made; unlimited unless a limit is set.
        Create => "create",
        /// Objects changed; unlimited unless a limit is set.
        Update => "update",
    }
}

/// How many effects of each kind a plan may have, beside what the job did in the 24 hours before.
///
/// Without a limit of its own a kind may take `max(3, min(500, 10 % of the linked objects of the class))`; `adopt`
/// none while nothing of the class is linked; `create` and `update` as many as there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Guards(BTreeMap<Guard, u64>);

impl Guards {
    /// Sets the limit of a kind, for each class.
    #[must_use]
    pub fn with_limit(mut self, guard: Guard, limit: u64) -> Self {
        self.0.insert(guard, limit);
        self
    }

    /// How many effects of a kind are allowed where this many objects of the class are linked; `None` is no limit.
    #[must_use]
    pub fn limit(&self, guard: Guard, linked: u64) -> Option<u64> {
        if let Some(limit) = self.0.get(&guard) {
            return Some(*limit);
        }
        match guard {
            Guard::Create | Guard::Update => None,
            Guard::Adopt if linked == 0 => Some(0),
            _ => Some((linked / 10).clamp(3, 500)),
        }
    }
}

/// A guard that a plan exceeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Breach {
    /// Which kind.
    pub guard: Guard,
    /// Of which class.
    pub class: Class,
    /// How many the plan has.
    pub planned: u64,
    /// How many the job did in the 24 hours before.
    pub recent: u64,
    /// How many are allowed together.
    pub allowed: u64,
    /// How many objects of the class are linked, which the limit is taken from.
    pub linked: u64,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { guard, class, planned, recent, allowed, linked } = self;
        write!(f, "guard {guard}: the plan has {planned} for {class}")?;
        if *recent > 0 {
            write!(f, " beside {recent} in the last 24 hours")?;
        }
        write!(
            f,
            ", {allowed} allowed with {linked} linked; review the plan and lift `{guard}` for it, or set the limit with \
             Guards::with_limit(Guard::{guard:?}, …)"
        )
    }
}

/// What was done of each kind to each class.
pub type Effects = BTreeMap<(Class, Guard), u64>;

impl Entry {
    /// What the entry would do, by kind. An entry may count in several kinds; one that does not run counts in none.
    #[must_use]
    pub fn effects(&self) -> Vec<(Guard, u64)> {
        if !self.runs() {
            return Vec::new();
        }
        use super::Action as A;
        let mut effects = Vec::new();
        match self.action {
            A::Create => effects.push((Guard::Create, 1)),
            A::Delete => effects.push((Guard::Delete, 1)),
            A::Link if !self.recovers() => effects.push((Guard::Adopt, 1)),
            A::Restore if self.link_origin.is_some() => effects.push((Guard::Adopt, 1)),
            _ => {}
        }
        if self.action != A::Create && !self.changes.is_empty() {
            let count = |wanted: fn(&super::AttributeChange) -> bool| {
                self.changes.iter().filter(|change| wanted(change)).count() as u64
            };
            effects.push((Guard::Disable, u64::from(self.disables())));
            effects.push((Guard::Clear, count(|change| change.clears())));
            effects.push((Guard::Rename, u64::from(count(|change| change.renames) > 0)));
            effects.push((Guard::Update, u64::from(self.changes.iter().any(|change| !change.status))));
        }
        effects.retain(|(_, count)| *count > 0);
        effects
    }
}

/// The guards that a plan exceeds, given what the job did in the 24 hours before.
#[must_use]
pub fn breaches(plan: &Plan, guards: &Guards, recent: &Effects) -> Vec<Breach> {
    let planned = plan.effects();
    planned
        .into_iter()
        .filter_map(|((class, guard), planned)| {
            let linked = plan.linked(&class);
            let recent = recent.get(&(class.clone(), guard)).copied().unwrap_or(0);
            let allowed = guards.limit(guard, linked)?;
            (planned + recent > allowed).then_some(Breach { guard, class, planned, recent, allowed, linked })
        })
        .collect()
}
