//! What becomes of the objects of those who left: which steps are due, which are still to come.

use crate::clock::later;
use crate::model::{Record, Value};
use crate::reconcile::decide::entries::Decider;
use crate::reconcile::elements::licenses::removable;
use crate::reconcile::find::case::Case;
use crate::reconcile::find::link::Linked;
use crate::reconcile::policy::preferences::LeaverStepKind;
use crate::reconcile::{Action, AttributeChange, DraftStep, Entry, Leaver, LinkNote, LinkOrigin, Situation};

impl Decider<'_> {
    pub(crate) fn leave(&self, case: &Case<'_>, leaver: &Leaver, entry: &mut Entry) {
        let Some((link, target)) = self.linked_leaver(case, entry) else {
            if case.situation == Situation::Retired && !entry.is_blocked() {
                self.let_go(entry);
            }
            return;
        };
        let preferences = self.inputs.policy.preferences();
        let as_of = self.inputs.context.as_of();
        let since = link.target.leaving_since.unwrap_or(as_of);
        let status = self.inputs.schema.status.as_ref();
        let active = status.is_none_or(|name| target.get(name).and_then(Value::as_bool) != Some(false));
        let takes_licenses = leaver.has(LeaverStepKind::RemoveLicenses);
        let licenses = takes_licenses.then(|| removable(self.inputs, case, format!("leaver: {}", case.situation)));
        let (licenses, mut refused) = match licenses.unwrap_or(Ok(None)) {
            Ok(licenses) => (licenses, Vec::new()),
            Err(problems) => (None, problems),
        };
        let mut due = Vec::new();
        let mut next = None;
        // What is due and cannot be done now keeps the job from being through with him.
        let mut is_stuck = false;
        for step in &leaver.steps {
            let left_to_do = match step.kind {
                // Disabling is nothing for objects without a status; a policy may be shared by several classes.
                LeaverStepKind::Disable => active && status.is_some(),
                LeaverStepKind::RemoveLicenses => licenses.is_some(),
                LeaverStepKind::Delete => true,
            };
            let at = later(since, step.after);
            if step.kind == LeaverStepKind::RemoveLicenses && at <= as_of {
                is_stuck = !refused.is_empty();
                entry.problems.append(&mut refused);
            }
            if left_to_do && at <= as_of {
                due.push(step.kind);
            } else if left_to_do {
                next = next.or(Some(at));
            }
        }
        entry.evidence = case.evidence.clone();
        if link.target.leaving_since.is_none() {
            entry.notes.push(LinkNote::Leaving);
        }
        let existed_before = link.target.origin == LinkOrigin::Adopted && !preferences.delete_adopted;
        // Who hands licences on is deleted once they are gone, by the next run.
        let hands_on = self.inputs.schema.licenses.as_ref().is_some_and(|licenses| licenses.heirs.is_some());
        let first_licenses = hands_on && (is_stuck || due.contains(&LeaverStepKind::RemoveLicenses));
        let deletes = due.contains(&LeaverStepKind::Delete) && !first_licenses;
        // That an account this young is not found on delete would prove nothing.
        if deletes && !existed_before && self.inputs.is_young(link.target.since) {
            entry.action = Action::Wait;
            entry.until = Some(later(link.target.since, self.inputs.lag));
        } else if deletes && !existed_before {
            entry.action = Action::Delete;
            self.check(Some(target), entry, DraftStep::Delete);
        } else if due.is_empty() {
            match next {
                Some(until) => {
                    entry.action = Action::Wait;
                    entry.until = Some(until);
                }
                None if !leaver.steps.iter().any(|step| step.kind != LeaverStepKind::Disable || status.is_some()) => {
                    entry.reason = Some("left; kept by preference".to_owned());
                }
                None if is_stuck => entry.reason = Some("left; what is due cannot be done yet".to_owned()),
                // Whatever was to be done is done.
                None => entry.action = Action::Ignore,
            }
        } else {
            if due.contains(&LeaverStepKind::Disable) || deletes {
                self.disable(target, active, entry);
            }
            if deletes {
                entry.reason = Some("existed before us, so it is disabled and not deleted".to_owned());
            }
            if due.contains(&LeaverStepKind::RemoveLicenses) && !entry.is_blocked() {
                entry.sets.extend(licenses);
                if entry.action != Action::Disable {
                    entry.action = Action::Update;
                }
            }
        }
        if !entry.runs() && entry.action != Action::Wait {
            entry.notes.clear();
        }
        if case.situation == Situation::Retired && next.is_none() && !is_stuck && !entry.is_blocked() {
            self.let_go(entry);
        }
    }

    /// The last that a job does to an object when it is retired: it owns it no longer.
    fn let_go(&self, entry: &mut Entry) {
        match entry.action {
            Action::Disable | Action::Update => entry.notes.push(LinkNote::LetGo),
            Action::Report | Action::Ignore => {
                entry.action = Action::Unlink;
                entry.notes = vec![LinkNote::LetGo];
                let why = entry.reason.take().unwrap_or_else(|| "kept as it is".to_owned());
                entry.reason = Some(format!("{why}; the job lets go of it"));
            }
            // A deleted object's link is a tombstone already, and a wait is not over.
            _ => {}
        }
    }

    /// Does nothing, and remembers since when.
    pub(crate) fn wait(&self, case: &Case<'_>, entry: &mut Entry) {
        let Some((link, _)) = self.linked_leaver(case, entry) else { return };
        entry.action = Action::Wait;
        entry.evidence = case.evidence.clone();
        if link.target.leaving_since.is_none() {
            entry.notes.push(LinkNote::Leaving);
        }
    }

    /// The account of one who left, and the link that makes it ours; if anything of it may be touched.
    fn linked_leaver<'b>(&self, case: &Case<'b>, entry: &mut Entry) -> Option<(&'b Linked, &'b Record)> {
        let (Some(link), Some(target)) = (case.link, case.target) else {
            entry.reason = match case.link {
                Some(_) => Some("left, and the account is gone or lies in the recycle bin".to_owned()),
                None if case.candidates.is_empty() => None,
                None => Some("out of scope; what matches is not linked, so it is left alone".to_owned()),
            };
            return None;
        };
        if self.candidates.contains(&link.target.object) {
            entry.reason = Some("left alone: another source of this run may be this account's".to_owned());
            return None;
        }
        Some((link, target))
    }

    fn disable(&self, target: &Record, active: bool, entry: &mut Entry) {
        let Some(status) = &self.inputs.schema.status else {
            entry.reason = Some("objects of this class cannot be disabled".to_owned());
            return;
        };
        if !active {
            entry.action = Action::Ignore;
            return;
        }
        if !self.inputs.policy.preferences().disable {
            entry.reason = Some("left, and disable is off".to_owned());
            return;
        }
        entry.action = Action::Disable;
        entry.revokes_sessions = self.inputs.policy.preferences().revoke_sessions;
        entry.changes.push(AttributeChange {
            rule: format!("leaver: {}", entry.situation),
            redacted: false,
            ..self.change(status, target.get(status).cloned(), Value::Bool(false))
        });
        self.check(Some(target), entry, DraftStep::Disable);
    }
}
