//! What became of a plan.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::render::words;
use crate::error::ErrorKind;
use crate::model::{Name, ObjectId};
use crate::plain::plain;
use crate::reconcile::{Action, Breach, Entry, EntryKey, Plan, Severity, Situation};

/// How many entries that went wrong a report keeps, the worst of them; all of them go to the observer.
const KEPT: usize = 10_000;
/// So many of the entries that are blocked are named in the text.
const BLOCKED_SHOWN: u64 = 10;

/// What became of a plan, by situation, action and outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
#[must_use = "a run that a guard stopped, or of which something failed, is no error: its report says so"]
pub struct Report {
    /// The job.
    pub job: String,
    /// The digest of the plan.
    pub plan: String,
    /// When applying began.
    #[serde(with = "time::serde::rfc3339")]
    pub started: OffsetDateTime,
    /// When it ended.
    #[serde(with = "time::serde::rfc3339")]
    pub finished: OffsetDateTime,
    /// How it ended.
    pub status: RunStatus,
    /// How often each situation was found.
    pub situations: BTreeMap<Situation, u64>,
    /// How many entries with an action had which outcome.
    pub outcomes: Vec<OutcomeCount>,
    /// How many references and licences were given and taken, by attribute.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub elements: BTreeMap<Name, ElementCount>,
    /// The entries that were not carried out, or need a person, the worst first: those that failed, then stale ones,
    /// those in doubt, blocked ones, and last what was carried out and lacks something. At most 10,000.
    pub troubles: Vec<EntryReport>,
    /// How many more such entries there were.
    pub troubles_left_out: u64,
    /// How many entries left something optional out.
    pub warnings: u64,
    /// What the plan as a whole had to say, such as why it was a full one where an incremental one was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "status")]
#[non_exhaustive]
pub enum RunStatus {
    /// All was done that was to be done.
    Complete,
    /// Some entries failed, are blocked, or need a person.
    NeedsAttention,
    /// Something was not read to its end, did not get through, or is still in doubt: run again.
    Incomplete,
    /// The job is in quarantine from now on: too many writes failed, or its credentials are refused. No plan is applied
    /// until [`Job::release`](super::Job::release).
    Quarantined {
        /// Why.
        reason: String,
    },
    /// Guards stopped it before the first write.
    Stopped {
        /// The guards that the plan exceeds.
        breaches: Vec<Breach>,
    },
}

/// How many entries had an outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct OutcomeCount {
    /// In this situation.
    pub situation: Situation,
    /// With this action.
    pub action: Action,
    /// With this outcome.
    pub outcome: OutcomeKind,
    /// So many.
    pub count: u64,
}

/// How many elements of an attribute were given and taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ElementCount {
    /// Given.
    pub given: u64,
    /// Taken, or replaced.
    pub taken: u64,
}

/// What became of one entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EntryReport {
    /// Which entry.
    pub key: EntryKey,
    /// Its situation.
    pub situation: Situation,
    /// Its action.
    pub action: Action,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The target object, with the id that it got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<ObjectId>,
    /// What became of it.
    pub outcome: Outcome,
    /// What of it needs a person although nothing stood in the way of the rest, such as a licence without a free seat.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attention: Vec<String>,
}

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[non_exhaustive]
pub enum Outcome {
    /// Carried out.
    Applied,
    /// There was nothing to do, or it was done before.
    Unchanged,
    /// Something stands in its way, or it needs a person.
    Blocked {
        /// What.
        reason: String,
    },
    /// It no longer fits what is there.
    Stale {
        /// What changed.
        reason: String,
    },
    /// It was tried and failed.
    Failed {
        /// The class of the error.
        class: ErrorKind,
        /// The error, in one line.
        message: String,
    },
    /// It may have been carried out, or cannot be yet: a later run looks again.
    Pending {
        /// Why.
        reason: String,
    },
    /// It waits for a grace period to pass.
    Waiting,
    /// It failed in an earlier run, and its next attempt is not due yet; the rest of the entry, if there is any, is told
    /// by the plan.
    Held {
        /// What failed, and when it is tried again.
        reason: String,
    },
}

/// An [`Outcome`] without its details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
#[expect(missing_docs, reason = "the words of Outcome")]
pub enum OutcomeKind {
    Applied,
    Unchanged,
    Blocked,
    Stale,
    Failed,
    Pending,
    Waiting,
    Held,
}

impl Outcome {
    /// The outcome without its details.
    #[must_use]
    pub fn kind(&self) -> OutcomeKind {
        match self {
            Self::Applied => OutcomeKind::Applied,
            Self::Unchanged => OutcomeKind::Unchanged,
            Self::Blocked { .. } => OutcomeKind::Blocked,
            Self::Stale { .. } => OutcomeKind::Stale,
            Self::Failed { .. } => OutcomeKind::Failed,
            Self::Pending { .. } => OutcomeKind::Pending,
            Self::Waiting => OutcomeKind::Waiting,
            Self::Held { .. } => OutcomeKind::Held,
        }
    }

    /// Whether the entry was carried out, now or before.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Applied | Self::Unchanged)
    }

    pub(super) fn reason(&self) -> Option<&str> {
        match self {
            Self::Blocked { reason } | Self::Stale { reason } | Self::Pending { reason } | Self::Held { reason } => {
                Some(reason)
            }
            Self::Failed { message, .. } => Some(message),
            Self::Applied | Self::Unchanged | Self::Waiting => None,
        }
    }
}

impl fmt::Display for OutcomeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Blocked => "blocked",
            Self::Stale => "stale",
            Self::Failed => "failed",
            Self::Pending => "pending",
            Self::Waiting => "waiting",
            Self::Held => "held",
        })
    }
}

impl EntryReport {
    pub(super) fn new(entry: &Entry, target: Option<ObjectId>, outcome: Outcome) -> Self {
        let serious = entry.problems.iter().filter(|problem| problem.severity != Severity::Warning);
        let attention =
            if outcome.reason().is_none() { serious.map(ToString::to_string).collect() } else { Vec::new() };
        Self {
            key: entry.key.clone(),
            situation: entry.situation,
            action: entry.action,
            label: entry.label.clone(),
            target,
            outcome,
            attention,
        }
    }

    /// How bad it is, the worst first; `None` if nobody needs to know.
    fn rank(&self) -> Option<u8> {
        match &self.outcome {
            Outcome::Failed { .. } => Some(0),
            Outcome::Stale { .. } => Some(1),
            Outcome::Pending { .. } => Some(2),
            Outcome::Blocked { .. } | Outcome::Held { .. } => Some(3),
            Outcome::Applied | Outcome::Unchanged | Outcome::Waiting => (!self.attention.is_empty()).then_some(4),
        }
    }
}

impl Report {
    pub(super) fn new(plan: &Plan, started: OffsetDateTime) -> Self {
        let warned = |entry: &&Entry| entry.problems.iter().any(|problem| problem.severity == Severity::Warning);
        Self {
            job: plan.job().to_owned(),
            plan: plan.digest().to_owned(),
            started,
            finished: started,
            status: RunStatus::Complete,
            situations: plan.situations().clone(),
            outcomes: Vec::new(),
            elements: BTreeMap::new(),
            troubles: Vec::new(),
            troubles_left_out: 0,
            warnings: plan.entries().iter().filter(warned).count() as u64,
            notes: plan.problems().iter().map(ToString::to_string).collect(),
        }
    }

    pub(super) fn add(&mut self, entry: &EntryReport) {
        let (situation, action, outcome) = (entry.situation, entry.action, entry.outcome.kind());
        let same =
            |count: &&mut OutcomeCount| (count.situation, count.action, count.outcome) == (situation, action, outcome);
        match self.outcomes.iter_mut().find(same) {
            Some(count) => count.count += 1,
            None => self.outcomes.push(OutcomeCount { situation, action, outcome, count: 1 }),
        }
        if entry.rank().is_some() {
            self.troubles.push(entry.clone());
            if self.troubles.len() == 2 * KEPT {
                self.keep_the_worst();
            }
        }
    }

    /// Puts the worst first, and lets go of those that are too many.
    pub(super) fn keep_the_worst(&mut self) {
        self.troubles.sort_by_key(EntryReport::rank);
        self.troubles_left_out += self.troubles.len().saturating_sub(KEPT) as u64;
        self.troubles.truncate(KEPT);
    }

    /// How many entries with this action had this outcome.
    #[must_use]
    pub fn count(&self, action: Action, outcome: OutcomeKind) -> u64 {
        self.sum(|count| count.action == action && count.outcome == outcome)
    }

    /// How many entries had this outcome.
    #[must_use]
    pub fn outcome(&self, outcome: OutcomeKind) -> u64 {
        self.sum(|count| count.outcome == outcome)
    }

    fn sum(&self, wanted: impl Fn(&OutcomeCount) -> bool) -> u64 {
        self.outcomes.iter().filter(|count| wanted(count)).map(|count| count.count).sum()
    }

    /// The situations as people roll them up: what was found, not what was done about it.
    #[must_use]
    pub fn buckets(&self) -> Buckets {
        let count = |situations: &[Situation]| {
            situations.iter().map(|situation| self.situations.get(situation).copied().unwrap_or(0)).sum()
        };
        use Situation as S;
        Buckets {
            one_to_one: count(&[S::Confirmed, S::Found]),
            unresolved_source: count(&[S::Absent]),
            unresolved_target: count(&[S::Unassigned]),
            ambiguous: count(&[S::Ambiguous, S::FoundAlreadyLinked, S::Rekeyed, S::Duplicate, S::Unreadable]),
            link_problems: count(&[S::Missing, S::SourceMissing, S::LinkOnly, S::RecycleBin, S::Pending]),
            out_of_scope: count(&[S::Unqualified, S::SourceIgnored, S::TargetIgnored]),
        }
    }

    /// The outcomes as a provisioning service's status page counts them.
    #[must_use]
    pub fn sync_status(&self) -> SyncStatus {
        use OutcomeKind as O;
        let failed = self.sum(|count| matches!(count.outcome, O::Failed | O::Blocked | O::Stale | O::Held));
        let success = self.outcome(OutcomeKind::Applied);
        SyncStatus {
            impacted: success + failed + self.outcome(OutcomeKind::Pending),
            success,
            unsynced: self.sum(|count| count.situation == Situation::Absent && count.action == Action::Report),
            partially_synced: self.warnings,
            failed,
        }
    }

    /// The situations, one a line.
    #[must_use]
    pub fn by_situation(&self) -> impl fmt::Display + '_ {
        Lines(self.situations.iter().map(|(situation, count)| format!("{count:>7} {situation}")).collect())
    }
}

/// Situations rolled up, see [`Report::buckets`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Buckets {
    /// Confirmed and found.
    pub one_to_one: u64,
    /// Sources without a counterpart.
    pub unresolved_source: u64,
    /// Targets without a source.
    pub unresolved_target: u64,
    /// More than one possible counterpart, or one that is taken.
    pub ambiguous: u64,
    /// Links with an end that is gone.
    pub link_problems: u64,
    /// Out of scope on either side.
    pub out_of_scope: u64,
}

/// Outcomes rolled up, see [`Report::sync_status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SyncStatus {
    /// Entries that were written or should have been.
    pub impacted: u64,
    /// Written.
    pub success: u64,
    /// Without an account, because creating is off.
    pub unsynced: u64,
    /// With an account that lacks something.
    pub partially_synced: u64,
    /// Not written.
    pub failed: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.status {
            RunStatus::Complete => writeln!(f, "Complete.")?,
            RunStatus::NeedsAttention => writeln!(f, "Applied; some entries need attention.")?,
            RunStatus::Incomplete => writeln!(
                f,
                "Incomplete: something was not read to its end, did not get through, or is still in doubt; mend that and run again."
            )?,
            RunStatus::Quarantined { reason } => {
                writeln!(f, "Quarantined: {reason}.")?;
                writeln!(f, "Nothing is applied any more; mend that, then release the job with Job::release().")?;
            }
            RunStatus::Stopped { breaches } => {
                writeln!(f, "Stopped before the first write.")?;
                breaches.iter().try_for_each(|breach| writeln!(f, "  {}", plain(&breach.to_string())))?;
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "  {note}"))?;
        let mut counts = self.outcomes.clone();
        counts.sort_by_key(|count| (count.action, count.outcome, count.situation));
        for OutcomeCount { situation, action, outcome, count } in &counts {
            writeln!(f, "  {count:>7} {action} {outcome} [{situation}]")?;
        }
        for (attribute, ElementCount { given, taken }) in &self.elements {
            writeln!(f, "  {given:>7} {} given, {taken} taken", plain(attribute))?;
        }
        if self.warnings > 0 {
            let entries = if self.warnings == 1 { "entry" } else { "entries" };
            writeln!(f, "  {:>7} {entries} left something optional out (see the plan)", self.warnings)?;
        }
        let mut blocked = 0_u64;
        for entry in &self.troubles {
            match entry.outcome {
                Outcome::Failed { .. } | Outcome::Stale { .. } | Outcome::Pending { .. } => {}
                // Of what needed a person before a few are enough: all stand in the plan.
                Outcome::Blocked { .. } if blocked < BLOCKED_SHOWN => blocked += 1,
                _ => continue,
            }
            let (key, reason) = (entry.key.to_string(), entry.outcome.reason().unwrap_or_default());
            writeln!(f, "  {} {} {}: {}", entry.outcome.kind(), entry.action, plain(&key), plain(reason))?;
        }
        let all = self.outcome(OutcomeKind::Blocked);
        if all > blocked {
            writeln!(f, "  … and {} more that are blocked (see the plan)", all - blocked)?;
        }
        if self.troubles_left_out > 0 {
            writeln!(f, "  … and {} more entries that need to be known", self.troubles_left_out)?;
        }
        if !matches!(self.status, RunStatus::Complete | RunStatus::Stopped { .. }) {
            words::steps(self).iter().try_for_each(|step| writeln!(f, "→ {}", plain(step)))?;
        }
        Ok(())
    }
}

struct Lines(Vec<String>);

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .enumerate()
            .try_for_each(|(index, line)| write!(f, "{}{line}", if index == 0 { "" } else { "\n" }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many entries go wrong, those that failed are kept, and all are counted.
    #[test]
    fn the_worst_are_kept_whenever_they_come() {
        let mut report: Report = serde_json::from_value(serde_json::json!({
            "job": "staff", "plan": "", "started": "2026-01-05T09:00:00Z", "finished": "2026-01-05T09:00:00Z",
            "status": { "status": "complete" }, "situations": {}, "outcomes": [], "troubles": [], "troublesLeftOut": 0,
            "warnings": 0
        }))
        .expect("a report");
        for number in 0..35_000 {
            let outcome = match number % 100 {
                99 => Outcome::Failed { class: ErrorKind::Invalid, message: String::new() },
                50 => Outcome::Stale { reason: String::new() },
                ten if ten % 10 == 0 => Outcome::Applied,
                _ => Outcome::Blocked { reason: String::new() },
            };
            report.add(&EntryReport {
                key: EntryKey::of_source(&Name::from("user"), &ObjectId::user(number.to_string())),
                situation: Situation::Confirmed,
                action: Action::Update,
                label: None,
                target: None,
                outcome,
                attention: Vec::new(),
            });
        }
        report.keep_the_worst();
        let kept = |kind| report.troubles.iter().filter(|entry| entry.outcome.kind() == kind).count();
        assert_eq!((kept(OutcomeKind::Failed), kept(OutcomeKind::Stale)), (350, 350));
        assert_eq!(report.troubles.len(), KEPT);
        assert!(report.troubles.is_sorted_by_key(EntryReport::rank));
        // Of equals the first are kept.
        assert_eq!(report.troubles[700].key.id.as_ref(), "1");
        assert_eq!(report.troubles_left_out, 35_000 * 91 / 100 - KEPT as u64);
        assert_eq!(report.outcome(OutcomeKind::Failed), 350);
        // Of those that are blocked the text names a few: who calls `Job::run` has seen no plan.
        let text = report.to_string();
        assert_eq!(text.lines().filter(|line| line.starts_with("  blocked update")).count(), 10, "{text}");
        assert!(text.contains("… and 31140 more that are blocked"), "{text}");
    }
}
