//! Limits on what one plan, and one day, may take away.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{Class, ObjectId};
use crate::reconcile::policy::situation::words;
use crate::reconcile::{AttributeChange, Entry, Part, Plan};

words! {
    /// A kind of effect that is limited.
    Guard {
        /// Accounts switched off.
        Disable => "disable",
        /// Accounts deleted.
        Delete => "delete",
        /// Licences taken away, but for those that another takes the place of.
        LicenseRemoval => "license-removal",
        /// Members and other references taken out of sets.
        MemberRemoval => "member-removal",
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
/// none while nothing of the class is linked; `create` and `update` as many as there are. `member-removal` goes by the
/// references that the job gave in place of the linked objects, and holds for each object by itself too.
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

    /// How many effects of a kind are allowed where this many objects of the class are linked, or references given;
    /// `None` is no limit.
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
    /// Of which object, where it is the limit of a single one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectId>,
    /// How many the plan has.
    pub planned: u64,
    /// How many the job did in the 24 hours before.
    pub recent: u64,
    /// How many are allowed together.
    pub allowed: u64,
    /// How many there are that the limit is taken from: linked objects of the class, or references that the job gave.
    pub base: u64,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { guard, class, object, planned, recent, allowed, base } = self;
        match object {
            Some(object) => write!(f, "guard {guard}: the plan has {planned} in {class} {}", object.id)?,
            None => write!(f, "guard {guard}: the plan has {planned} for {class}")?,
        }
        if *recent > 0 {
            write!(f, " beside {recent} in the last 24 hours")?;
        }
        let what = if *guard == Guard::MemberRemoval { "given by this job" } else { "linked" };
        write!(
            f,
            ", {allowed} allowed with {base} {what}; review the plan and lift `{guard}` for it, or set the limit with \
             Guards::with_limit(Guard::{guard:?}, …)"
        )
    }
}

/// What was done of each kind, to each class; and to single objects, where that is limited too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Effects {
    by_class: BTreeMap<(Class, Guard), u64>,
    by_object: BTreeMap<(ObjectId, Guard), u64>,
}

impl Effects {
    /// How much was done of a kind to a class.
    #[must_use]
    pub fn of_class(&self, class: &Class, guard: Guard) -> u64 {
        self.by_class.get(&(class.clone(), guard)).copied().unwrap_or(0)
    }

    /// How much was done of a kind to a single object; counted for [`Guard::MemberRemoval`] alone.
    #[must_use]
    pub fn of_object(&self, object: &ObjectId, guard: Guard) -> u64 {
        self.by_object.get(&(object.clone(), guard)).copied().unwrap_or(0)
    }

    pub(crate) fn count(&mut self, class: &Class, guard: Guard, object: Option<&ObjectId>, count: u64) {
        if count == 0 {
            return;
        }
        *self.by_class.entry((class.clone(), guard)).or_default() += count;
        if let (Guard::MemberRemoval, Some(object)) = (guard, object) {
            *self.by_object.entry((object.clone(), guard)).or_default() += count;
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (key, count) in &other.by_class {
            *self.by_class.entry(key.clone()).or_default() += count;
        }
        for (key, count) in &other.by_object {
            *self.by_object.entry(key.clone()).or_default() += count;
        }
    }

    /// Each class and kind with how much was done of it.
    pub(crate) fn classes(&self) -> impl Iterator<Item = (&Class, Guard, u64)> {
        self.by_class.iter().map(|((class, guard), count)| (class, *guard, *count))
    }

    /// Each kind with how much was done of it.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = (Guard, u64)> {
        self.by_class.iter().map(|((_, guard), count)| (*guard, *count))
    }
}

impl Entry {
    /// What the entry would do, by kind. An entry may count in several kinds; one that does not run counts in none.
    #[must_use]
    pub fn effects(&self) -> Effects {
        let mut effects = Effects::default();
        self.parts().into_iter().for_each(|part| effects.add(&self.part_effects(part)));
        effects
    }

    /// What one part of the entry would do, by kind.
    pub(crate) fn part_effects(&self, part: Part) -> Effects {
        use crate::reconcile::Action as A;
        let mut effects = Effects::default();
        let mut count = |guard, count| effects.count(&self.class, guard, self.target.as_ref(), count);
        let changes =
            |wanted: fn(&AttributeChange) -> bool| self.changes.iter().filter(|change| wanted(change)).count() as u64;
        let status_alone = self.changes.len() == 1;
        match part {
            Part::Restore => count(Guard::Adopt, u64::from(self.link_origin.is_some())),
            Part::Temporary => {}
            Part::Main => {
                match self.action {
                    A::Create => count(Guard::Create, 1),
                    A::Delete => count(Guard::Delete, 1),
                    A::Link if !self.recovers() => count(Guard::Adopt, 1),
                    _ => {}
                }
                if self.action != A::Create {
                    count(Guard::Disable, u64::from(self.disables() && status_alone));
                    count(Guard::Clear, changes(|change| change.clears()));
                    count(Guard::Rename, u64::from(changes(|change| change.renames) > 0));
                    count(Guard::Update, u64::from(changes(|change| !change.status && !change.repeated) > 0));
                }
            }
            Part::Status => count(Guard::Disable, u64::from(self.disables())),
            Part::References | Part::Licenses => {
                for set in self.sets.iter().filter(|set| set.part() == part) {
                    count(set.guard(), set.removals());
                }
            }
        }
        effects
    }
}

impl Plan {
    /// How many there are that a limit for a class is taken from.
    pub(crate) fn guard_base(&self, class: &Class, guard: Guard) -> u64 {
        match guard {
            Guard::MemberRemoval => self.memberships(class),
            _ => self.linked(class),
        }
    }
}

/// The guards that a plan exceeds, given what the job did in the 24 hours before.
#[must_use]
pub(crate) fn breaches(plan: &Plan, guards: &Guards, recent: &Effects) -> Vec<Breach> {
    let planned = plan.effects();
    let mut breaches = Vec::new();
    for ((class, guard), planned) in planned.by_class {
        let base = plan.guard_base(&class, guard);
        let recent = recent.of_class(&class, guard);
        let Some(allowed) = guards.limit(guard, base) else { continue };
        if planned + recent > allowed {
            breaches.push(Breach { guard, class, object: None, planned, recent, allowed, base });
        }
    }
    for entry in plan.entries() {
        let Some(object) = &entry.target else { continue };
        let guard = Guard::MemberRemoval;
        let planned = planned.by_object.get(&(object.clone(), guard)).copied().unwrap_or(0);
        let sets = entry.sets.iter().filter(|set| set.guard() == guard);
        let base = sets.map(|set| set.given).sum();
        let recent = recent.of_object(object, guard);
        let Some(allowed) = guards.limit(guard, base) else { continue };
        if planned > 0 && planned + recent > allowed {
            let (class, object) = (entry.class.clone(), Some(object.clone()));
            breaches.push(Breach { guard, class, object, planned, recent, allowed, base });
        }
    }
    breaches
}
