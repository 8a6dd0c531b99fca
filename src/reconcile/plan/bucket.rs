//! A plan seen as the lists of an import.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::Value;
use crate::reconcile::policy::situation::words;
use crate::reconcile::{Entry, Plan, Problem, Situation};

words! {
    /// The lists in which an import is reviewed: views of a plan, by what was found.
    ///
    /// An entry may be in two of them, and is applied once. What is in none, such as an exception, is in no list, and
    /// is not to be picked. Which side is which: the source is Entra, the target is "here".
    ///
    /// # Examples
    ///
    /// ```
    /// # use entrant::reconcile::{Bucket, Entry, Plan};
    /// # fn narrow(plan: &Plan, ticked: impl Fn(&Entry) -> bool) -> Plan {
    /// plan.select(|entry| entry.is_in(Bucket::New) && ticked(entry))
    /// # }
    /// assert_eq!("deactivate".parse::<Bucket>().ok(), Some(Bucket::Deactivate));
    /// ```
    Bucket {
        /// In the source and not here: picked, they are created here.
        New => "new",
        /// On both sides, and something is to be written here: values that differ, or the link between the two. Where
        /// the target wins, values that differ are reported and stay.
        Update => "update",
        /// Inactive here and active in the source: picked, they are enabled here and linked.
        Activate => "activate",
        /// Active here and inactive in the source: picked, they are disabled *here*, never in the source. One who is
        /// only just found is linked first; the next import disables.
        Deactivate => "deactivate",
    }
}

impl Entry {
    /// Whether it belongs in a list of an import.
    #[must_use]
    pub fn is_in(&self, bucket: Bucket) -> bool {
        let is_on_both_sides = matches!(self.situation, Situation::Confirmed | Situation::Found);
        let held = |is: fn(&Problem) -> bool| self.problems.iter().any(is);
        match bucket {
            Bucket::New => self.situation == Situation::Absent,
            _ if !is_on_both_sides => false,
            Bucket::Activate => self.enables() || held(|problem| is_held_status(problem, true)),
            Bucket::Deactivate => self.disables() || held(|problem| is_held_status(problem, false)),
            Bucket::Update => {
                let is_of_status = self.is_in(Bucket::Activate) || self.is_in(Bucket::Deactivate);
                let differs = self.changes.iter().any(|change| !change.status)
                    || !self.sets.is_empty()
                    || held(|problem| problem.rule == "update-off" || is_held_value(problem));
                differs || (self.situation == Situation::Found && !is_of_status)
            }
        }
    }
}

impl Plan {
    /// The entries of a list of an import.
    pub fn bucket(&self, bucket: Bucket) -> impl Iterator<Item = &Entry> {
        self.entries().iter().filter(move |entry| entry.is_in(bucket))
    }
}

/// Whether a status is not written for a reason that is told: adoption comes first, a switch is off.
fn is_held_status(problem: &Problem, active: bool) -> bool {
    let rules: &[&str] =
        if active { &["disabled-by-others", "enable-off"] } else { &["after-adoption", "disable-off"] };
    rules.contains(&&*problem.rule) && problem.value == Some(Value::Bool(active))
}

/// Whether a value is not cleared yet because the object is only just taken over.
fn is_held_value(problem: &Problem) -> bool {
    problem.rule == "after-adoption" && problem.value != Some(Value::Bool(false))
}
