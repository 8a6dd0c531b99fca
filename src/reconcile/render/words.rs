//! What the forms of a plan share: text that is safe to show, and what belongs together. None of it knows a syntax.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use crate::model::{Class, Completeness, ObjectId, Value};
use crate::plain::plain;
use crate::reconcile::{
    Action, AttributeChange, Element, Entry, Guards, Plan, Problem, SetChange, SetKind, Severity, SideRead, Situation,
};

/// Plain text of so many characters at most; what is cut off shows.
pub(crate) fn shorten(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", plain(&text[..end])),
        None => plain(text),
    }
}

/// A value as text. Every value that a form shows goes through here.
pub(super) fn value(value: &Value, longest: usize) -> String {
    shorten(&value.to_string(), longest)
}

/// A value as text, told apart from the words around it.
fn quoted(value: &Value, longest: usize) -> String {
    match value {
        Value::Text(_) => format!("\"{}\"", self::value(value, longest)),
        _ => self::value(value, longest),
    }
}

/// The values of a change, as text.
pub(super) struct ShownChange {
    /// `None` if the object is made, or the value cannot be read.
    pub(super) old: Option<String>,
    pub(super) new: String,
    pub(super) through: Option<String>,
}

pub(super) fn change(change: &AttributeChange, longest: usize) -> ShownChange {
    if change.redacted {
        let new = if change.clears() { "cleared (redacted)" } else { "(redacted)" };
        return ShownChange { old: None, new: new.to_owned(), through: None };
    }
    let text = |value: &Value| quoted(value, longest);
    ShownChange {
        old: change.old.as_ref().map(text),
        new: text(&change.new),
        through: change.through.as_ref().map(text),
    }
}

/// What people call the objects of a plan, by their ids on either side; not those whose id stands for several.
#[derive(Default)]
pub(super) struct Names<'a> {
    sources: HashMap<&'a ObjectId, Option<&'a str>>,
    /// An element does not say of which class it is.
    targets: HashMap<&'a str, Option<&'a str>>,
}

impl<'a> Names<'a> {
    pub(super) fn of(plan: &'a Plan) -> Self {
        let mut own = Self::default();
        for entry in plan.entries() {
            let label = entry.label.as_deref();
            if let Some(source) = &entry.source {
                own.sources
                    .entry(source)
                    .and_modify(|known| *known = known.filter(|_| *known == label))
                    .or_insert(label);
            }
            if let Some(target) = &entry.target {
                own.targets
                    .entry(&target.id)
                    .and_modify(|known| *known = known.filter(|_| *known == label))
                    .or_insert(label);
            }
        }
        own
    }

    /// The first of several elements, and how many more there are.
    pub(super) fn elements(&self, several: &[Element], shown: usize, longest: usize) -> (Vec<String>, usize) {
        let names = several.iter().take(shown).map(|one| self.element(one, longest)).collect();
        (names, several.len().saturating_sub(shown))
    }

    /// An element as people know it: a name, the source's id, else the target's.
    fn element(&self, element: &Element, longest: usize) -> String {
        if let Some(label) = &element.label {
            return shorten(label, longest);
        }
        let target = || self.targets.get(element.value.as_ref()?.as_text()?).copied().flatten();
        let source = element.source.as_ref().and_then(|source| self.sources.get(source).copied().flatten());
        let id = match (&element.source, &element.value) {
            (Some(source), _) => shorten(&source.id, longest),
            (None, Some(own)) => value(own, longest),
            (None, None) => String::new(),
        };
        match source.or_else(target) {
            Some(name) => format!("{} ({id})", shorten(name, longest)),
            None => id,
        }
    }
}

/// What an entry says beside its values, if anything.
pub(super) fn remark(entry: &Entry) -> Option<String> {
    let parts: Vec<String> =
        [entry.reason.as_deref().map(sentence), entry.revokes_sessions.then(|| ENDS_SIGN_INS.to_owned())]
            .into_iter()
            .flatten()
            .collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// What is done beside switching an account off.
const ENDS_SIGN_INS: &str = "ends all sign-ins";

/// What is wrong, with the attribute and the value at fault.
pub(super) fn problem(problem: &Problem, longest: usize) -> String {
    let message = sentence(&problem.message);
    match (&problem.attribute, &problem.value) {
        (Some(attribute), Some(own)) => format!("{} `{}`: {message}", shorten(attribute, longest), value(own, longest)),
        (Some(attribute), None) => format!("{}: {message}", shorten(attribute, longest)),
        _ => message,
    }
}

/// A moment, to the minute.
pub(crate) fn minute(moment: time::OffsetDateTime) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    // A date at the end of time has no other offset.
    let utc = moment.checked_to_offset(time::UtcOffset::UTC);
    utc.and_then(|utc| utc.format(format).ok()).unwrap_or_else(|| moment.to_string())
}

/// How a read ended.
pub(super) fn ending(read: &SideRead) -> (bool, String) {
    match &read.completeness {
        Some(Completeness::Complete) if read.changes => (true, "all that changed".to_owned()),
        Some(Completeness::Complete) => (true, "complete".to_owned()),
        Some(Completeness::Partial { reason }) => (false, sentence(reason)),
        None => (true, "looked up one by one".to_owned()),
    }
}

/// One `noun`, or several.
pub(crate) fn counted(count: u64, one: &str, several: &str) -> String {
    format!("{} {}", thousands(count), if count == 1 { one } else { several })
}

/// A number with a comma between the thousands.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How often an action is carried out, or is shown where it is none.
pub(super) struct ActionCount {
    pub(super) action: Action,
    pub(super) shown: usize,
    /// Entries with this action that something stands in the way of.
    pub(super) blocked: usize,
}

/// The actions that the plan has, in order.
pub(super) fn actions(plan: &Plan) -> Vec<ActionCount> {
    let mut counts: BTreeMap<Action, ActionCount> = BTreeMap::new();
    for entry in plan.entries() {
        let action = entry.action;
        let count = counts.entry(action).or_insert(ActionCount { action, shown: 0, blocked: 0 });
        let is_told = matches!(action, Action::Report | Action::Exception | Action::Ignore);
        count.shown += usize::from(if is_told { !entry.runs() } else { entry.runs() });
        count.blocked += usize::from(entry.is_blocked());
    }
    let is_worth_a_line =
        |count: &ActionCount| count.shown > 0 || (count.blocked > 0 && count.action != Action::Report);
    counts.into_values().filter(is_worth_a_line).collect()
}

/// How many references and licences are given and taken, over all entries that run, by attribute.
pub(super) fn element_counts(plan: &Plan) -> Vec<(String, usize, usize)> {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for set in plan.entries().iter().filter(|entry| entry.runs()).flat_map(|entry| &entry.sets) {
        let (given, taken) = counts.entry(&set.attribute).or_default();
        *given += set.add.len();
        *taken += if set.kind == SetKind::Reference && !set.takes() { 0 } else { set.remove.len() };
    }
    counts.into_iter().map(|(attribute, (given, taken))| (plain(attribute), given, taken)).collect()
}

/// Problems of one rule, by what is wrong, each with all entries that have it.
pub(super) struct ProblemKind<'a> {
    pub(super) severity: Severity,
    pub(super) rule: String,
    pub(super) cases: Vec<(String, Vec<&'a Entry>)>,
}

impl ProblemKind<'_> {
    pub(super) fn entries(&self) -> usize {
        self.cases.iter().map(|(_, entries)| entries.len()).sum()
    }
}

/// The longest sentence that is shown whole, in characters.
pub(crate) const SENTENCE: usize = 500;

/// A sentence that may quote what comes from outside.
fn sentence(text: &str) -> String {
    shorten(text, SENTENCE)
}

/// The problems of entries, the worst first.
pub(super) fn problem_kinds(plan: &Plan, longest: usize) -> Vec<ProblemKind<'_>> {
    let with_problems = plan.entries().iter().flat_map(|entry| entry.problems.iter().map(move |own| (entry, own)));
    kinds(with_problems.map(|(entry, own)| (entry, own.severity, shorten(&own.rule, longest), problem(own, longest))))
}

/// Entries that need a person for what was found, and not for a problem.
pub(super) fn unexplained(plan: &Plan) -> Vec<ProblemKind<'_>> {
    let explained = |entry: &Entry| entry.problems.iter().any(|problem| problem.severity != Severity::Warning);
    let open = plan.entries().iter().filter(|entry| entry.action == Action::Exception && !explained(entry));
    kinds(open.map(|entry| {
        let reason = entry.reason.as_deref().map(sentence).unwrap_or_else(|| situation(entry.situation).to_owned());
        (entry, Severity::Attention, entry.situation.to_string(), reason)
    }))
}

/// What is wrong, with those that have it.
type Cases<'a> = BTreeMap<String, Vec<&'a Entry>>;

fn kinds<'a>(cases: impl Iterator<Item = (&'a Entry, Severity, String, String)>) -> Vec<ProblemKind<'a>> {
    let mut kinds: BTreeMap<(Reverse<Severity>, String), Cases<'a>> = BTreeMap::new();
    for (entry, severity, rule, text) in cases {
        kinds.entry((Reverse(severity), rule)).or_default().entry(text).or_default().push(entry);
    }
    let kinds = kinds.into_iter();
    kinds
        .map(|((severity, rule), cases)| ProblemKind { severity: severity.0, rule, cases: cases.into_iter().collect() })
        .collect()
}

/// What is only told: each reason once, with those that it is told of.
pub(super) fn told(plan: &Plan) -> Vec<(String, Vec<&Entry>)> {
    let mut reasons: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in plan.entries().iter().filter(|entry| entry.action == Action::Report) {
        if let Some(reason) = &entry.reason {
            reasons.entry(reason).or_default().push(entry);
        }
    }
    reasons.into_iter().map(|(reason, entries)| (sentence(reason), entries)).collect()
}

/// What somebody loses by the plan, or will.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Loss {
    Deleted,
    Disabled,
    Licenses,
    References,
    Later,
}

impl Loss {
    pub(super) const ALL: &[Self] = &[Self::Deleted, Self::Disabled, Self::Licenses, Self::References, Self::Later];

    pub(super) fn heading(self) -> &'static str {
        match self {
            Self::Deleted => "Deleted",
            Self::Disabled => "Switched off",
            Self::Licenses => "Lose licences",
            Self::References => "Members and other references taken out",
            Self::Later => "Leave later, after a grace period",
        }
    }

    /// Whether the entry has it.
    pub(super) fn is_of(self, entry: &Entry) -> bool {
        let takes = |kind: SetKind| entry.sets.iter().any(|set| set.kind == kind && set.removals() > 0);
        entry.runs()
            && match self {
                Self::Deleted => entry.action == Action::Delete,
                Self::Disabled => entry.action != Action::Delete && entry.disables(),
                Self::Licenses => takes(SetKind::Licenses),
                Self::References => takes(SetKind::References) || takes(SetKind::Reference),
                Self::Later => entry.action == Action::Wait && entry.until.is_some(),
            }
    }

    /// The sets that it shows in.
    pub(super) fn sets(self, entry: &Entry) -> impl Iterator<Item = &SetChange> {
        entry.sets.iter().filter(move |set| {
            let own = match self {
                Self::Licenses => set.kind == SetKind::Licenses,
                Self::References => set.kind != SetKind::Licenses,
                Self::Deleted | Self::Disabled | Self::Later => false,
            };
            own && set.removals() > 0
        })
    }

    /// Why, from what the entry says.
    pub(super) fn why(self, entry: &Entry) -> String {
        let mut parts: Vec<String> = Vec::new();
        parts.extend(entry.evidence.as_ref().map(|evidence| sentence(&evidence.to_string())));
        parts.extend(entry.reason.as_deref().map(sentence));
        if parts.is_empty() || matches!(self, Self::Licenses | Self::References) {
            let rules: Vec<&str> = match self {
                Self::Disabled => entry.changes.iter().filter(|own| own.status).map(|own| own.rule.as_str()).collect(),
                _ => self.sets(entry).map(|set| set.rule.as_str()).collect(),
            };
            parts.extend(rules.first().map(|rule| format!("by {}", sentence(rule))));
        }
        let heirs = self.sets(entry).map(|set| set.heirs).max().unwrap_or(0);
        if heirs > 0 {
            parts.insert(0, format!("from {heirs} members"));
        }
        if parts.is_empty() {
            parts.push(situation(entry.situation).to_owned());
        }
        parts.join("; ")
    }
}

/// The figures that are asked for first.
#[derive(Default)]
pub(super) struct Headline {
    /// People who can no longer sign in: switched off, or deleted.
    pub(super) switched_off: u64,
    pub(super) deleted: u64,
    /// Objects that are no people, and are deleted.
    pub(super) others_deleted: u64,
    pub(super) lose_licenses: u64,
    pub(super) references_taken: u64,
    pub(super) later: u64,
    pub(super) created: u64,
    pub(super) changed: u64,
    /// Entries that need a person, and what is wrong with the plan as a whole.
    pub(super) attention: u64,
    pub(super) blocked: u64,
    /// Whether there is an entry of another class than people.
    others: bool,
}

impl Headline {
    pub(super) fn of(plan: &Plan) -> Self {
        let serious = |problem: &&Problem| problem.severity != Severity::Warning;
        let mut own = Self { attention: plan.problems().iter().filter(serious).count() as u64, ..Self::default() };
        for entry in plan.entries() {
            let is_user = entry.class == Class::USER;
            let count = |number: &mut u64, holds: bool| *number += u64::from(holds);
            count(&mut own.deleted, is_user && Loss::Deleted.is_of(entry));
            count(&mut own.others_deleted, !is_user && Loss::Deleted.is_of(entry));
            count(&mut own.switched_off, Loss::Disabled.is_of(entry));
            if entry.runs() {
                own.lose_licenses += Loss::Licenses.sets(entry).map(|set| set.heirs.max(1)).sum::<u64>();
            }
            count(&mut own.later, Loss::Later.is_of(entry));
            if entry.runs() {
                own.references_taken += Loss::References.sets(entry).map(SetChange::removals).sum::<u64>();
            }
            count(&mut own.created, entry.runs() && matches!(entry.action, Action::Create | Action::Restore));
            count(
                &mut own.changed,
                entry.runs() && matches!(entry.action, Action::Update | Action::Link | Action::Relink),
            );
            count(&mut own.attention, entry.needs_attention());
            count(&mut own.blocked, entry.is_blocked());
            own.others |= !is_user;
        }
        own
    }

    /// People who can no longer sign in.
    pub(super) fn lose_access(&self) -> u64 {
        self.switched_off + self.deleted
    }

    /// What to call so many of them, where all are people and where not.
    pub(super) fn noun(&self, count: u64, people: [&'static str; 2], objects: [&'static str; 2]) -> &'static str {
        let [one, several] = if self.others { objects } else { people };
        if count == 1 { one } else { several }
    }

    /// The answer in a sentence or two.
    pub(super) fn sentences(&self, plan: &Plan) -> Vec<String> {
        let who = |count| self.noun(count, ["account", "accounts"], ["object", "objects"]);
        let people = |count| if count == 1 { "person" } else { "people" };
        let mut parts = Vec::new();
        let mut part = |count: u64, who: &str, [one, several]: [&str; 2]| {
            if count > 0 {
                let verb = if count == 1 { one } else { several };
                parts.push(format!("{} {who} {verb}", thousands(count)));
            }
        };
        part(self.lose_access(), people(self.lose_access()), ["loses access", "lose access"]);
        part(self.others_deleted, "other", ["object is deleted", "objects are deleted"]);
        part(self.lose_licenses, who(self.lose_licenses), ["loses licences", "lose licences"]);
        let references =
            if self.references_taken == 1 { "membership or reference" } else { "memberships or references" };
        part(self.references_taken, references, ["ends", "end"]);
        part(self.created, who(self.created), ["is made", "are made"]);
        part(self.changed, who(self.changed), ["is changed", "are changed"]);
        let mut sentences = Vec::new();
        match parts.as_slice() {
            [] if plan.is_converged() => sentences.push("Nothing to change.".to_owned()),
            [] => sentences.push("If applied, only links change.".to_owned()),
            parts => sentences.push(format!("If applied: {}.", parts.join(", "))),
        }
        if self.later > 0 {
            let leave = if self.later == 1 { "leaves later" } else { "leave later" };
            sentences.push(format!("{} {} {leave}.", thousands(self.later), who(self.later)));
        }
        if self.attention > 0 {
            sentences.push(format!("{} a person.", counted(self.attention, "thing needs", "things need")));
        }
        sentences
    }
}

/// One kind of effect that is limited.
pub(super) struct Limit {
    pub(super) kind: &'static str,
    pub(super) class: String,
    pub(super) planned: u64,
    /// What the limit is taken from.
    pub(super) base: u64,
    /// What a job may do that sets no limit of its own; `None` is any number.
    pub(super) allowed: Option<u64>,
}

impl Limit {
    pub(super) fn is_exceeded(&self) -> bool {
        self.allowed.is_some_and(|allowed| self.planned > allowed)
    }
}

/// What the plan does of each limited kind, beside the limits that hold where a job sets none.
pub(super) fn limits(plan: &Plan) -> Vec<Limit> {
    let effects = plan.effects();
    let limit = |class: &Class, guard, planned| {
        let base = plan.guard_base(class, guard);
        let allowed = Guards::default().limit(guard, base);
        Limit { kind: guard.as_str(), class: plain(class.as_str()), planned, base, allowed }
    };
    effects.classes().map(|(class, guard, planned)| limit(class, guard, planned)).collect()
}

/// What a situation means, for who has not read the documentation.
pub(crate) fn situation(situation: Situation) -> &'static str {
    match situation {
        Situation::Confirmed => "linked, and both ends are there",
        Situation::Found => "not linked yet; one counterpart matches",
        Situation::Absent => "no counterpart in the target",
        Situation::Ambiguous => "several counterparts match",
        Situation::FoundAlreadyLinked => "what matches belongs to another source",
        Situation::Missing => "linked, and the target is gone",
        Situation::RecycleBin => "the target lies in the recycle bin",
        Situation::Pending => "linked moments ago; may not show yet",
        Situation::Rekeyed => "another source came for a linked account",
        Situation::Duplicate => "several source records share one id",
        Situation::Unreadable => "the source record cannot be read",
        Situation::Unqualified => "out of scope, with a counterpart",
        Situation::SourceIgnored => "out of scope, without a counterpart",
        Situation::SourceMissing => "linked, and the source is gone",
        Situation::Retired => "linked, and the job that owns it is given up",
        Situation::LinkOnly => "a link whose two ends are gone",
        Situation::Unassigned => "in the target, without a source",
        Situation::TargetIgnored => "in the target, out of scope there",
        Situation::AllGone => "gone on all sides",
    }
}
