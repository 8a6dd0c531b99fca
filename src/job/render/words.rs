//! What the forms of a report share: how it ended, what to do next, and what belongs together. None of it knows a syntax.

use std::collections::BTreeMap;

use crate::error::ErrorKind;
use crate::job::{EntryReport, Outcome, OutcomeKind, Report, RunStatus};
use crate::reconcile::render::words::{SENTENCE, counted, shorten, thousands};
use crate::reconcile::{Action, Breach, Severity};

/// How it ended, in a sentence or two.
pub(super) fn sentence(report: &Report) -> String {
    let written = match report.outcome(OutcomeKind::Applied) {
        0 => "Nothing was written.".to_owned(),
        count => format!("{} carried out.", counted(count, "entry was", "entries were")),
    };
    match &report.status {
        RunStatus::Complete if report.outcome(OutcomeKind::Applied) == 0 => "There was nothing to do.".to_owned(),
        RunStatus::Complete => format!("All was done that was to be done: {written}"),
        RunStatus::NeedsAttention => match attention(report) {
            0 => format!("{written} Something about the plan as a whole needs a person."),
            count => format!("{written} {} a person.", counted(count, "other thing needs", "things need")),
        },
        RunStatus::Incomplete => {
            format!("{written} It is not finished: something was not read to its end, or is still in doubt.")
        }
        RunStatus::Quarantined { reason } => format!("{written} The job is in quarantine: {reason}."),
        RunStatus::Stopped { breaches } => {
            let guards = if breaches.len() == 1 { "a guard" } else { "guards" };
            format!("Stopped by {guards} before the first write: nothing was changed.")
        }
    }
}

/// How many entries need a person.
pub(super) fn attention(report: &Report) -> u64 {
    let passes = |outcome| matches!(outcome, OutcomeKind::Pending | OutcomeKind::Held);
    report.troubles.iter().filter(|entry| !passes(entry.outcome.kind())).count() as u64 + report.troubles_left_out
}

/// What to do next, one step a line.
pub(in crate::job) fn steps(report: &Report) -> Vec<String> {
    let mut steps = Vec::new();
    if let RunStatus::Stopped { breaches } = &report.status {
        steps.extend(breaches.iter().map(|breach| shorten(&breach.to_string(), SENTENCE)));
        return steps;
    }
    if let RunStatus::Quarantined { reason } = &report.status {
        let why = shorten(reason, SENTENCE);
        steps.push(format!("Mend what put the job in quarantine ({why}), then release it with Job::release()"));
    }
    // The kept ones are the worst, so that those left out are of the last kind or better.
    let more = if report.troubles_left_out > 0 { " or more" } else { "" };
    for (group, entries) in groups(report) {
        let count = thousands(entries.len() as u64);
        steps.push(format!("{} ({count}{more}): {}", heading(group.name()), group.advice()));
    }
    let is_incomplete = report.status == RunStatus::Incomplete;
    if is_incomplete && report.outcome(OutcomeKind::Pending) == 0 {
        steps.push(
            "See what was not read to its end (the plan says what and why), and run again: nobody was removed for not \
             being in a list that broke off"
                .to_owned(),
        );
    }
    if report.status == RunStatus::NeedsAttention && steps.is_empty() {
        steps.push("See what the plan says about itself as a whole".to_owned());
    }
    if report.warnings > 0 {
        let who = counted(report.warnings, "entry", "entries");
        steps.push(format!("{who} left something optional out: the plan says what, and it need not be mended"));
    }
    steps
}

/// What became of troubles of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    NotPermitted,
    SignIn,
    Refused,
    Taken,
    Gone,
    Unreachable,
    Store,
    Failed,
    Stale,
    Pending,
    Blocked,
    Held,
    Lacking,
}

impl Group {
    pub(super) fn of(entry: &EntryReport) -> Self {
        match &entry.outcome {
            Outcome::Failed { class, .. } => match class {
                ErrorKind::Forbidden => Self::NotPermitted,
                ErrorKind::Unauthenticated | ErrorKind::NotReady => Self::SignIn,
                ErrorKind::Invalid | ErrorKind::Unsupported => Self::Refused,
                ErrorKind::Conflict => Self::Taken,
                ErrorKind::NotFound => Self::Gone,
                ErrorKind::Throttled
                | ErrorKind::Transport
                | ErrorKind::Unavailable
                | ErrorKind::TimedOut
                | ErrorKind::Protocol => Self::Unreachable,
                ErrorKind::Store => Self::Store,
                ErrorKind::Stale
                | ErrorKind::TenantChanged
                | ErrorKind::Leased
                | ErrorKind::Quarantined
                | ErrorKind::CursorExpired
                | ErrorKind::EmptySource => Self::Failed,
            },
            Outcome::Stale { .. } => Self::Stale,
            Outcome::Pending { .. } => Self::Pending,
            Outcome::Blocked { .. } => Self::Blocked,
            Outcome::Held { .. } => Self::Held,
            Outcome::Applied | Outcome::Unchanged | Outcome::Waiting => Self::Lacking,
        }
    }

    /// What they are.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NotPermitted => "failed, not permitted",
            Self::SignIn => "failed, not signed in",
            Self::Refused => "failed, refused as it is",
            Self::Taken => "failed, taken or changed at the same moment",
            Self::Gone => "failed, not there",
            Self::Unreachable => "failed, out of reach",
            Self::Store => "failed, a store",
            Self::Failed => "failed",
            Self::Stale => "out of date",
            Self::Pending => "in doubt",
            Self::Blocked => "blocked",
            Self::Held => "held back after a failure",
            Self::Lacking => "done, but lacking something",
        }
    }

    pub(super) fn severity(self) -> Severity {
        match self {
            Self::Stale | Self::Pending | Self::Held | Self::Lacking => Severity::Attention,
            _ => Severity::Blocks,
        }
    }

    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::NotPermitted => "grant what the reason names, then run again",
            Self::SignIn => "check the connection, then run again",
            Self::Refused => "correct the value in the source or the mapping, then run again",
            Self::Taken => "see who has the value, or leave it to a later run if it was a change at the same moment",
            Self::Gone => "run again: a new plan begins from what is there",
            Self::Unreachable => "nothing to mend here; a later run tries again",
            Self::Store => "see to the store that the reason names, then run again",
            Self::Failed => "see the reason, then run again",
            Self::Stale => "make a new plan, which begins from what is there now",
            Self::Pending => "run again; the next run looks whether it was carried out",
            Self::Blocked => "correct what the reason says, in the source or the target; a later run carries it out",
            Self::Held => {
                "correct what failed; it is tried again at the moment that is said, or at once by Run::by_hand()"
            }
            Self::Lacking => "the rest was carried out; correct what is said, and a later run adds it",
        }
    }
}

/// The troubles by group, the worst first.
pub(super) fn groups(report: &Report) -> BTreeMap<Group, Vec<&EntryReport>> {
    let mut groups: BTreeMap<Group, Vec<&EntryReport>> = BTreeMap::new();
    for entry in &report.troubles {
        groups.entry(Group::of(entry)).or_default().push(entry);
    }
    groups
}

/// What is said of a trouble.
pub(super) fn reasons(entry: &EntryReport) -> impl Iterator<Item = &str> {
    entry.outcome.reason().into_iter().chain(entry.attention.iter().map(String::as_str))
}

/// What a group is called where it heads a table.
pub(super) fn heading(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What was done with an action, by outcome.
pub(super) struct Deed {
    pub(super) action: Action,
    pub(super) outcomes: BTreeMap<OutcomeKind, u64>,
}

impl Deed {
    pub(super) fn total(&self) -> u64 {
        self.outcomes.values().sum()
    }

    pub(super) fn of(&self, outcome: OutcomeKind) -> u64 {
        self.outcomes.get(&outcome).copied().unwrap_or(0)
    }

    /// The outcomes in words, such as `3 applied, 1 failed`.
    pub(super) fn words(&self) -> String {
        let parts: Vec<String> =
            self.outcomes.iter().map(|(outcome, count)| format!("{} {outcome}", thousands(*count))).collect();
        parts.join(", ")
    }
}

pub(super) fn deeds(report: &Report) -> Vec<Deed> {
    let mut deeds: BTreeMap<Action, BTreeMap<OutcomeKind, u64>> = BTreeMap::new();
    for count in &report.outcomes {
        *deeds.entry(count.action).or_default().entry(count.outcome).or_default() += count.count;
    }
    deeds.into_iter().map(|(action, outcomes)| Deed { action, outcomes }).collect()
}

/// The situations as people roll them up, with what each means.
pub(super) fn buckets(report: &Report) -> [(&'static str, u64, &'static str); 6] {
    let own = report.buckets();
    [
        ("one to one", own.one_to_one, "linked or matched with one counterpart"),
        ("unresolved source", own.unresolved_source, "in the source, without a counterpart"),
        ("unresolved target", own.unresolved_target, "in the target, without a counterpart"),
        ("ambiguous", own.ambiguous, "more than one counterpart, or one that is taken"),
        ("link problems", own.link_problems, "linked, with an end that is gone or not to be seen"),
        ("out of scope", own.out_of_scope, "left out on either side"),
    ]
}

/// The outcomes as a status page of a provisioning service counts them.
pub(super) fn sync_status(report: &Report) -> [(&'static str, u64, &'static str); 5] {
    let own = report.sync_status();
    [
        ("impacted", own.impacted, "written, or to be written"),
        ("success", own.success, "written"),
        ("failed", own.failed, "not written"),
        ("partially synced", own.partially_synced, "with something optional left out"),
        ("unsynced", own.unsynced, "without an account, because creating is off"),
    ]
}

/// How long it took.
pub(super) fn duration(report: &Report) -> String {
    let seconds = (report.finished - report.started).whole_seconds().max(0).unsigned_abs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0) => "less than a second".to_owned(),
        (0, 0, seconds) => counted(seconds, "second", "seconds"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{} h {minutes} min", thousands(hours)),
    }
}

/// What lifts a guard for one plan.
pub(super) fn lift(breach: &Breach) -> String {
    format!("Apply::lift(Guard::{:?})", breach.guard)
}
