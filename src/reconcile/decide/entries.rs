//! From a situation to an entry: the policy's answer, what differs, and what stands in the way.

use std::collections::{BTreeMap, HashSet};

use crate::mapping::{FlowBehavior, Mapped, Rule};
use crate::model::{Attributes, Mutability, Name, ObjectId, Record, Value, values_equal};
use crate::reconcile::decide::agreed::Turn;
use crate::reconcile::decide::choose;
use crate::reconcile::find::case::{Case, Sourced, failures};
use crate::reconcile::policy::rules::Decision;
use crate::reconcile::reading::inputs::Inputs;
use crate::reconcile::{
    Action, AttributeChange, Digests, Draft, DraftStep, Enable, Entry, Evidence, Finding, FindingKind, LinkNote,
    LinkOrigin, Pair, Problem, SecretChange, Severity, Situation,
};

/// How much of a rule a plan shows, in characters.
const LONGEST_RULE: usize = 60;

/// Decides what is done about the objects of one mapping.
pub(crate) struct Decider<'a> {
    pub(crate) inputs: &'a Inputs<'a>,
    pub(crate) candidates: &'a HashSet<ObjectId>,
}

impl<'a> Decider<'a> {
    /// `candidates` are the targets that some source may be: nobody's leaving takes them away.
    pub(crate) fn new(inputs: &'a Inputs<'a>, candidates: &'a HashSet<ObjectId>) -> Self {
        Self { inputs, candidates }
    }

    pub(crate) fn inputs(&self) -> &'a Inputs<'a> {
        self.inputs
    }

    /// The entries for all cases, in the order of the cases; cases without anything to show have none.
    pub(crate) fn decide(&self, cases: &[Case<'_>]) -> Vec<Entry> {
        cases.iter().filter(|case| !case.is_referenced()).filter_map(|case| self.entry(case)).collect()
    }

    /// Whether what differs in a linked object is written.
    pub(crate) fn updates(&self, case: &Case<'_>) -> bool {
        case.situation == Situation::Confirmed && self.answer(case) == Decision::Do(Action::Update)
    }

    /// Whether somebody is there whose account this job is to take away step by step: whatever is done about whom it finds,
    /// he is leaving no longer. A tombstone counts, since it may become a link again.
    fn is_back(&self, case: &Case<'_>) -> bool {
        let Some(id) = case.source_id.as_ref().filter(|_| case.is_there()) else { return false };
        let link = case.link.filter(|link| link.source == *id).or_else(|| self.inputs.links.of_source(id));
        link.is_some_and(|link| {
            link.target.leaving_since.is_some() && link.target.owner.as_deref() == Some(self.inputs.job)
        })
    }

    pub(crate) fn answer(&self, case: &Case<'_>) -> Decision {
        self.inputs.policy.decide(case.situation, self.pair(case), self.inputs.schema.status.is_some())
    }

    fn pair<'b>(&self, case: &'b Case<'_>) -> Pair<'b> {
        Pair {
            source: case.source.map(|sourced| &sourced.record),
            target: case.target,
            absent_is_empty: self.inputs.abilities.source_absent_is_empty,
        }
    }

    /// The entry for a case, if there is anything to show.
    pub(crate) fn entry(&self, case: &Case<'_>) -> Option<Entry> {
        let mut entry = self.blank(case);
        match self.answer(case) {
            Decision::Do(Action::Ignore) if case.problems.is_empty() => {}
            Decision::Do(Action::Create) => self.create(case, &mut entry),
            Decision::Do(Action::Update) => self.update(case, &mut entry),
            Decision::Do(Action::Link) => self.link(case, &mut entry),
            Decision::Do(Action::Restore) => self.restore(case, &mut entry),
            Decision::Do(Action::Wait) => self.wait(case, &mut entry),
            // Two who both match one account would take it from each other, run by run.
            Decision::Do(Action::Relink) if case.situation == Situation::FoundAlreadyLinked && !case.holder_left => {
                entry.action = Action::Exception;
                let holder = case.link.map(|link| link.source.id.to_string()).unwrap_or_default();
                entry.reason =
                    Some(format!("what matches belongs to `{holder}`, which is still there, so the link is not moved"));
            }
            Decision::Do(Action::Unlink) if case.link.is_none() => {
                entry.reason = Some("not linked, so there is nothing to unlink".to_owned());
            }
            Decision::Do(action) => entry.action = action,
            Decision::Report(reason) => entry.reason = Some(reason.to_owned()),
            Decision::Leave(leaver) => self.leave(case, &leaver, &mut entry),
        }
        if self.is_back(case) {
            entry.notes.push(LinkNote::Returned);
            if matches!(entry.action, Action::Update | Action::Report | Action::Ignore) {
                entry.reason.get_or_insert_with(|| "back, so that nothing is left of the grace period".to_owned());
            }
        }
        self.explain(case, &mut entry);
        let acts = entry.action != Action::Ignore && (entry.action != Action::Update || entry.runs());
        let shown = acts || entry.returns();
        if shown || !entry.problems.is_empty() {
            if entry.action == Action::Ignore
                || (entry.action == Action::Update && !entry.runs() && !entry.is_blocked())
            {
                entry.action = Action::Report;
            }
            return Some(entry);
        }
        self.inputs.lists_all.then(|| {
            entry.action = Action::Report;
            let target = entry.target.as_ref().map_or_else(|| "nothing".to_owned(), |id| id.id.to_string());
            entry
                .reason
                .get_or_insert_with(|| format!("{}: counterpart {target}; there is nothing to do", entry.situation));
            entry
        })
    }

    pub(crate) fn blank(&self, case: &Case<'_>) -> Entry {
        let ignored = matches!(self.answer(case), Decision::Do(Action::Ignore));
        Entry {
            key: case.key.clone(),
            policy_rule: self.inputs.policy.hit(case.situation, self.pair(case)),
            class: self.inputs.mapping.target_class().clone(),
            situation: case.situation,
            action: if ignored { Action::Ignore } else { Action::Report },
            source: case.source_id.clone(),
            origin: case.source.and_then(|sourced| sourced.record.origin.as_ref()).or(case.origin).cloned(),
            target: case.target_id.clone(),
            label: self.label(case),
            changes: Vec::new(),
            sets: Vec::new(),
            secrets: Vec::new(),
            revokes_sessions: false,
            evidence: None,
            reason: None,
            until: None,
            notes: Vec::new(),
            remember: BTreeMap::new(),
            agreed: BTreeMap::new(),
            forget: BTreeMap::new(),
            link_origin: None,
            candidates: match case.situation {
                Situation::Found => Vec::new(),
                _ => case.candidates.clone(),
            },
            problems: case.problems.clone(),
            after: Vec::new(),
        }
    }

    fn label(&self, case: &Case<'_>) -> Option<String> {
        let name = self.inputs.schema.label.as_ref()?;
        if self.inputs.mapping.rule(name).is_some_and(Rule::is_redacted) {
            return None;
        }
        let desired = case.source.and_then(|sourced| sourced.desired(self.inputs, name));
        let value = desired.or_else(|| case.target?.get(name).cloned())?;
        (!value.is_blank()).then(|| value.to_string())
    }

    /// Says in words what the situation alone does not.
    fn explain(&self, case: &Case<'_>, entry: &mut Entry) {
        if entry.reason.is_some() {
            return;
        }
        let target = || case.target_id.as_ref().map_or_else(String::new, |id| id.id.to_string());
        entry.reason = match case.situation {
            Situation::Rekeyed => {
                let before = case.link.map(|link| link.source.id.to_string()).unwrap_or_default();
                Some(format!(
                    "the account {} was linked to `{before}`, which is gone: one person with a new id? Relink moves the link",
                    target()
                ))
            }
            Situation::FoundAlreadyLinked => {
                let other = case.link.map(|link| link.source.id.to_string()).unwrap_or_default();
                Some(format!("what matches, {}, is linked to `{other}`", target()))
            }
            Situation::Ambiguous if case.problems.is_empty() => {
                let ids = case.candidates.iter().map(|id| id.id.to_string()).collect::<Vec<_>>().join(", ");
                let more = if case.candidate_count > case.candidates.len() { ", …" } else { "" };
                Some(format!("{} objects match: {ids}{more}", case.candidate_count))
            }
            Situation::Missing => Some(format!("the linked account {} is gone, also from the recycle bin", target())),
            Situation::Confirmed if entry.changes.is_empty() && !entry.agreed.is_empty() => {
                let names = entry.agreed.keys().map(|name| &**name).collect::<Vec<_>>().join(", ");
                Some(format!(
                    "both sides have the same, which is remembered, since another job writes it back: {names}"
                ))
            }
            Situation::RecycleBin => Some(format!("the account {} lies in the recycle bin", target())),
            _ => None,
        };
    }

    // What is made.

    fn create(&self, case: &Case<'_>, entry: &mut Entry) {
        let Some(sourced) = case.source else { return };
        let Mapped::Flows(flows) = &sourced.mapped else { return };
        entry.action = Action::Create;
        entry.link_origin = Some(LinkOrigin::Created);
        // The account that was linked is gone for good; the new one has an id of its own.
        entry.candidates = entry.target.take().into_iter().collect();
        for flow in flows.iter().filter(|flow| !self.inputs.schema.is_elements(&flow.attribute)) {
            let Some(new) = self.inputs.mapping.on_create(flow).filter(|value| !value.is_null()) else { continue };
            let later = self.inputs.schema.get(&flow.attribute).is_some_and(|schema| schema.after_create);
            entry.changes.push(AttributeChange { later, ..self.change(&flow.attribute, None, new) });
        }
        let inactive = entry.changes.iter().any(|change| change.status && change.new == Value::Bool(false));
        if inactive && !self.inputs.policy.preferences().create_inactive {
            *entry = Entry { problems: entry.problems.clone(), ..self.blank(case) };
            entry.reason = Some("inactive, and create_inactive is off".to_owned());
            return;
        }
        for attribute in self.inputs.schema.attributes.iter().filter(|(_, schema)| schema.secret).map(|(name, _)| name)
        {
            if let Some(rule) = self.inputs.mapping.rule(attribute) {
                entry.secrets.push(SecretChange { attribute: attribute.clone(), rule: shorten(&rule.provenance()) });
            }
        }
        self.note_reads(sourced, &[], entry);
        choose::prefer_fitting(self.inputs, sourced, entry);
        self.add_failures(case, entry, DraftStep::Create);
        self.require_status(entry);
        self.check(None, entry, DraftStep::Create);
        self.add_missing_required(entry);
    }

    /// Where the status is mapped, nobody is created active because the source says nothing.
    fn require_status(&self, entry: &mut Entry) {
        let Some(name) = &self.inputs.schema.status else { return };
        let Some(rule) = self.inputs.mapping.rule(name) else { return };
        let known = entry.changes.iter().any(|change| change.status);
        let explained = entry.problems.iter().any(|problem| problem.attribute.as_ref() == Some(name));
        if !known && !explained {
            let message =
                format!("the source does not say whether the person is active, by {}", shorten(&rule.provenance()));
            entry
                .problems
                .push(Problem::new(Severity::Blocks, "status-unknown", message).with_value(name.clone(), None));
        }
    }

    fn add_missing_required(&self, entry: &mut Entry) {
        for (name, schema) in self.inputs.schema.attributes.iter().filter(|(_, schema)| schema.required_on_create) {
            let given = if schema.secret {
                entry.secrets.iter().any(|secret| secret.attribute == *name)
            } else {
                entry.changes.iter().any(|change| change.attribute == *name && !change.new.is_blank())
            };
            let explained = entry.problems.iter().any(|problem| problem.attribute.as_ref() == Some(name));
            if !given && !explained {
                let message = match self.inputs.mapping.rule(name) {
                    Some(rule) => format!("a value is required to create, and {} yields none", rule.provenance()),
                    None => "a value is required to create, and nothing is mapped to it".to_owned(),
                };
                entry.problems.push(Problem::new(Severity::Blocks, "required", message).with_value(name.clone(), None));
            }
        }
    }

    // What is changed.

    fn link(&self, case: &Case<'_>, entry: &mut Entry) {
        self.update(case, entry);
        entry.action = Action::Link;
        let recovered = case.recovered.is_some();
        // An end that another direction's job linked keeps its origin.
        let before = case.link.map(|link| link.target.origin);
        entry.link_origin = Some(before.unwrap_or(if recovered { LinkOrigin::Created } else { LinkOrigin::Adopted }));
        if recovered {
            entry.reason = Some("created before, and the answer was lost".to_owned());
        }
    }

    /// Brings the account back, and writes what differs then; nobody inactive is brought back to be active.
    fn restore(&self, case: &Case<'_>, entry: &mut Entry) {
        let status = self.inputs.schema.status.as_ref();
        let desired = status.and_then(|name| case.source?.desired(self.inputs, name));
        if desired == Some(Value::Bool(false)) && !self.inputs.policy.preferences().create_inactive {
            entry.reason = Some("inactive, so it is not brought back".to_owned());
            return;
        }
        self.update(case, entry);
        entry.action = Action::Restore;
        // Without a link it was never ours: bringing it back is taking it over.
        entry.link_origin = case.link.is_none().then_some(LinkOrigin::Adopted);
    }

    fn update(&self, case: &Case<'_>, entry: &mut Entry) {
        entry.action = Action::Update;
        let (Some(sourced), Some(target)) = (case.source, case.target) else { return };
        let Mapped::Flows(flows) = &sourced.mapped else { return };
        let adopting = match case.situation {
            Situation::Found => case.recovered.is_none(),
            Situation::RecycleBin => case.link.is_none(),
            _ => false,
        };
        let mut unwritten = 0_usize;
        let (mut differing, mut clashes, mut at_rest) = (Vec::new(), Vec::new(), Vec::new());
        for flow in flows.iter().filter(|flow| !self.inputs.schema.is_elements(&flow.attribute)) {
            let Some(schema) = self.inputs.schema.get(&flow.attribute) else { continue };
            let Some(rule) = self.inputs.mapping.rule(&flow.attribute) else { continue };
            let Some(new) = rule.on_update(&flow.outcome) else { continue };
            if let Some(problem) = self.not_read(sourced, target, &flow.attribute) {
                entry.problems.push(problem);
                differing.push(flow.attribute.clone());
                continue;
            }
            let old = match schema.mutability {
                Mutability::ReadOnly | Mutability::CreateOnly => continue,
                Mutability::WriteOnly => {
                    self.write_only(case, entry, rule, new, adopting);
                    continue;
                }
                Mutability::ReadWrite => target.get(&flow.attribute).cloned().unwrap_or_default(),
            };
            let Some(new) = rule.on_update_over(&flow.outcome, &old) else { continue };
            let repeated = values_equal(schema, &old, &new);
            let turn = self.turn(case, sourced, rule, (&old, &new), repeated);
            if !repeated && !matches!(turn, Turn::Rest) {
                differing.push(flow.attribute.clone());
            }
            match turn {
                Turn::Ours => {}
                Turn::Rest => {
                    at_rest.push(flow.attribute.as_str());
                    continue;
                }
                Turn::Clash(problem) => clashes.push(problem),
                Turn::Others(problem) => {
                    entry.problems.push(problem);
                    continue;
                }
                Turn::Agree(agreed) => _ = entry.agreed.insert(flow.attribute.clone(), agreed),
            }
            if self.inputs.schema.is_status(&flow.attribute) {
                self.status(case, entry, &flow.attribute, &old, &new, adopting);
                continue;
            }
            // Nothing is not written again and again.
            if repeated && (rule.flow_behavior() == FlowBehavior::FlowWhenChanged || new.is_blank()) {
                continue;
            }
            if !self.inputs.policy.preferences().update {
                unwritten += usize::from(!repeated);
                continue;
            }
            let mut change = self.change(&flow.attribute, Some(old), new);
            if repeated {
                change.repeated = true;
                change.renames = false;
            }
            if change.clears() && adopting {
                entry.problems.push(after_adoption(&change, "the value would be cleared"));
            } else {
                entry.changes.push(change);
            }
        }
        if !at_rest.is_empty() && self.inputs.lists_all && entry.changes.is_empty() {
            let message =
                "another job made one side of the other, and nothing changed since, so these are left as they are";
            entry.reason = Some(format!("{message}: {}", at_rest.join(", ")));
        }
        if unwritten > 0 {
            entry.problems.push(Problem::new(
                Severity::Warning,
                "update-off",
                format!("{unwritten} attributes differ, and {}", self.inputs.policy.why_no_update()),
            ));
        }
        self.add_failures(case, entry, DraftStep::Update);
        self.check(Some(target), entry, DraftStep::Update);
        self.note_reads(sourced, &differing, entry);
        clashes
            .retain(|problem| entry.changes.iter().any(|change| Some(&change.attribute) == problem.attribute.as_ref()));
        entry.problems.extend(clashes);
        if entry.changes.len() == 1 && entry.disables() {
            entry.action = Action::Disable;
        }
    }

    /// Of a set that was not read to its end, on either side, nobody can say what to write.
    fn not_read(&self, sourced: &Sourced, target: &Record, attribute: &Name) -> Option<Problem> {
        let rule = self.inputs.mapping.rule(attribute)?;
        let of_source = rule.source_attributes().iter().find_map(|name| sourced.record.partial.get(name));
        let (kind, reason) = match (of_source, target.partial.get(attribute)) {
            (Some(reason), _) => ("source-not-read", reason),
            (None, reason) => ("target-not-read", reason?),
        };
        let message = format!("not all values could be read, so nothing is written: {reason}");
        Some(Problem::new(Severity::Attention, kind, message).with_value(attribute.clone(), None))
    }

    fn status(&self, case: &Case<'_>, entry: &mut Entry, name: &Name, old: &Value, new: &Value, adopting: bool) {
        let preferences = self.inputs.policy.preferences();
        let ours = case.link.is_some_and(|link| link.target.disabled_by_us)
            || case.recovered.is_some_and(|doubt| doubt.disabled);
        let was_inactive = case.link.is_some_and(|link| link.target.was_inactive);
        self.note_status(entry, was_inactive, new);
        match (old.as_bool(), new.as_bool()) {
            (Some(true), Some(true)) if ours => entry.notes.push(LinkNote::EnabledByOthers),
            (Some(true) | None, Some(false)) => {
                let change = self.change(name, Some(old.clone()), new.clone());
                if !preferences.disable {
                    entry.problems.push(held(&change, "disable-off", "inactive in the source, and disable is off"));
                } else if adopting {
                    entry.problems.push(after_adoption(&change, "the account would be disabled"));
                } else {
                    entry.evidence = Some(Evidence::Inactive { rule: change.rule.clone() });
                    entry.revokes_sessions = preferences.revoke_sessions;
                    entry.changes.push(change);
                }
            }
            (Some(false) | None, Some(true)) => {
                let change = self.change(name, Some(old.clone()), new.clone());
                let activates = preferences.enable == Enable::OnSourceChange && adopting;
                if activates || preferences.may_enable(ours, was_inactive) {
                    entry.changes.push(change);
                } else if preferences.enable == Enable::Never {
                    entry.problems.push(held(&change, "enable-off", "active in the source, and enable is off"));
                } else {
                    let why = "disabled by someone else, so it stays disabled";
                    entry.problems.push(held(&change, "disabled-by-others", why));
                }
            }
            _ => {}
        }
    }

    /// Where it matters whether the source changed, the link remembers what it said.
    fn note_status(&self, entry: &mut Entry, was_inactive: bool, new: &Value) {
        let follows = self.inputs.policy.preferences().enable == Enable::OnSourceChange;
        match new.as_bool() {
            Some(false) if follows && !was_inactive => entry.notes.push(LinkNote::Inactive),
            Some(true) if was_inactive => entry.notes.push(LinkNote::Active),
            _ => {}
        }
    }

    /// A value that cannot be read back is written when it differs from what this job last wrote; a switch only when
    /// it is turned on. What is adopted is taken as it is.
    fn write_only(&self, case: &Case<'_>, entry: &mut Entry, rule: &Rule, new: Value, adopting: bool) {
        let name = rule.target();
        let Some(source) = case.source_id.as_ref().filter(|_| self.inputs.policy.preferences().update) else { return };
        let before = case.link.and_then(|link| link.target.written.get(name));
        let digest = write_only_digest(source, name, &new);
        if before == Some(&digest) {
            if rule.flow_behavior() == FlowBehavior::FlowAlways && !matches!(new, Value::Bool(false) | Value::Null) {
                let change = self.change(name, None, new);
                entry.changes.push(AttributeChange { repeated: true, ..change });
            }
            return;
        }
        let off = matches!(new, Value::Bool(false) | Value::Null);
        if adopting || case.link.is_none() || (off && before.is_some()) {
            entry.remember.insert(name.clone(), digest);
        } else if !off {
            entry.changes.push(self.change(name, None, new));
        }
    }

    // What stands in the way.

    pub(crate) fn change(&self, attribute: &Name, old: Option<Value>, new: Value) -> AttributeChange {
        let schema = self.inputs.schema.get(attribute);
        AttributeChange {
            attribute: attribute.clone(),
            old,
            new,
            rule: self.inputs.mapping.rule(attribute).map_or_else(String::new, |rule| shorten(&rule.provenance())),
            status: self.inputs.schema.is_status(attribute),
            renames: schema.is_some_and(|schema| schema.renames),
            repeated: false,
            redacted: self.inputs.mapping.rule(attribute).is_some_and(Rule::is_redacted),
            later: false,
            through: None,
            read: Digests::default(),
        }
    }

    fn add_failures(&self, case: &Case<'_>, entry: &mut Entry, step: DraftStep) {
        let Some(sourced) = case.source else { return };
        for (name, message) in failures(&sourced.mapped) {
            let problem = Problem::new(self.severity(name, step), "mapping", message).with_value(name.clone(), None);
            entry.problems.push(problem);
        }
    }

    /// How bad it is that an attribute cannot be written: what is required blocks a create, and needs a person later;
    /// what is optional is left out. Whether an account is active is never guessed.
    fn severity(&self, name: &Name, step: DraftStep) -> Severity {
        let schema = self.inputs.schema.get(name);
        let required = schema.is_some_and(|schema| schema.required_on_create) || self.inputs.schema.is_status(name);
        match (required, step) {
            (true, DraftStep::Create) => Severity::Blocks,
            (true, _) => Severity::Attention,
            (false, _) => Severity::Warning,
        }
    }

    /// Leaves out what the schema or the target's constraints forbid, and says so.
    pub(crate) fn check(&self, current: Option<&Record>, entry: &mut Entry, step: DraftStep) {
        let mut findings = self.schema_findings(entry);
        if step != DraftStep::Update || !entry.changes.is_empty() {
            let attributes: Attributes = entry
                .changes
                .iter()
                .filter(|change| !findings.iter().any(|finding| finding.attribute.as_ref() == Some(&change.attribute)))
                .map(|change| (change.attribute.clone(), change.new.clone()))
                .collect();
            let draft = Draft::new(self.inputs.mapping.target_class(), step, current, &attributes);
            findings.extend(self.inputs.constraints.check(&draft));
        }
        let allowed = self.inputs.policy.preferences().allows_privileged();
        for finding in findings.into_iter().filter(|finding| !(allowed && finding.kind == FindingKind::Privileged)) {
            let severity = match (&finding.kind, &finding.attribute) {
                (FindingKind::Unknown, _) => Severity::Warning,
                (FindingKind::Privileged, Some(_)) => Severity::Attention,
                (FindingKind::Privileged, None) => Severity::Blocks,
                (FindingKind::Violation, Some(attribute)) => self.severity(attribute, step),
                // An object that may not be written is matched and linked all the same.
                (FindingKind::Violation, None) if step == DraftStep::Update => {
                    let severity = if entry.disables() { Severity::Attention } else { Severity::Warning };
                    entry.changes.clear();
                    entry.remember.clear();
                    entry.agreed.clear();
                    severity
                }
                (FindingKind::Violation, None) => Severity::Blocks,
            };
            let mut problem = Problem::new(severity, finding.rule, finding.message);
            if let Some(attribute) = finding.attribute {
                let at = entry.changes.iter().position(|change| change.attribute == attribute);
                let value = at.map(|at| entry.changes[at].new.clone());
                if let (Some(at), FindingKind::Violation | FindingKind::Privileged) = (at, finding.kind) {
                    entry.changes.remove(at);
                }
                problem = problem.with_value(attribute, value);
            }
            entry.problems.push(problem);
        }
    }

    fn schema_findings(&self, entry: &Entry) -> Vec<Finding> {
        let mut findings = Vec::new();
        for change in &entry.changes {
            let Some(schema) = self.inputs.schema.get(&change.attribute) else { continue };
            if let Some(limit) = schema.max_length
                && let Some(length) =
                    change.new.as_slice().iter().filter_map(Value::as_text).map(|text| text.chars().count()).max()
                && length > limit
            {
                let message = format!("{length} characters, and at most {limit} are allowed");
                findings.push(Finding::attribute(change.attribute.clone(), "too-long", message));
            }
            if change.old.is_some() && !schema.nullable && change.new.as_slice().is_empty() {
                findings.push(Finding::attribute(
                    change.attribute.clone(),
                    "not-nullable",
                    "the value cannot be cleared",
                ));
            }
        }
        findings
    }
}

/// A rule as a plan shows it: an expression may be 10,000 characters long, and is said once for each entry.
pub(crate) fn shorten(rule: &str) -> String {
    match rule.char_indices().nth(LONGEST_RULE) {
        Some((end, _)) => format!("{}…", &rule[..end]),
        None => rule.to_owned(),
    }
}

fn held(change: &AttributeChange, rule: &'static str, message: &str) -> Problem {
    Problem::new(Severity::Warning, rule, message).with_value(change.attribute.clone(), Some(change.new.clone()))
}

fn after_adoption(change: &AttributeChange, what: &str) -> Problem {
    held(
        change,
        "after-adoption",
        &format!("{what}; the run that takes an account over removes nothing, the next one may"),
    )
}

/// What is kept of a write-only value to tell whether it changed.
#[must_use]
pub(crate) fn write_only_digest(source: &ObjectId, attribute: &Name, value: &Value) -> String {
    let mac = hmac_sha256::HMAC::mac(format!("{value:?}"), format!("{source}\u{0}{attribute}"));
    crate::digest::hex(&mac)
}
