//! What both ends of a link last agreed on, where jobs of both directions write the same: a value that one of them wrote
//! is no change for the other.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Digester};
use crate::mapping::Rule;
use crate::model::{Name, ObjectId, Record, Value};
use crate::reconcile::decide::entries::Decider;
use crate::reconcile::find::case::{Case, Sourced};
use crate::reconcile::{AttributeChange, Digests, Enable, Entry, LinkEnd, LinkOrigin, Linked, Problem, Severity};

/// The attributes of the target that jobs of the other direction carry back, by their names.
pub(crate) type CarriedBack = BTreeMap<Name, Vec<Carrier>>;

/// The job that carries an attribute back, and when it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Carrier {
    pub(crate) job: String,
    /// Whether it also carries that there is nothing.
    pub(crate) clears: bool,
    /// Where it writes a status by it.
    pub(crate) switch: Option<Switch>,
}

/// When a job switches objects off and on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Switch {
    pub(crate) disable: bool,
    pub(crate) enable: Enable,
}

/// Digests of what both ends have of an attribute that they agree on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Agreed {
    /// Of the source's attributes that the rule reads.
    pub source: Digests,
    /// Of the target's value.
    pub target: Digest,
}

/// Which ends have something else than when they last agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moved {
    source: bool,
    target: bool,
}

/// What becomes of an attribute that jobs of both directions write.
pub(crate) enum Turn {
    /// It is written, if it differs.
    Ours,
    /// Both ends changed it since they agreed: it is written, and a person may want to know.
    Clash(Problem),
    /// The other job brings it.
    Others(Problem),
    /// Both ends have the same, and the link does not know that yet.
    Agree(Agreed),
    /// The other job made one end of the other, and nothing changed since: what the rule makes of that would come back.
    Rest,
}

impl Carrier {
    /// Whether it brings the source what the target has: `is_status` if that is whether the object is active. `end` is the
    /// end of the link that it writes to.
    ///
    /// Whoever is active although the record says inactive is left so only if it was this job that made it say so.
    fn carries(&self, value: &Value, is_status: bool, end: &LinkEnd) -> bool {
        let Some(Switch { disable, enable }) = self.switch else { return self.clears || !value.is_blank() };
        match value.as_bool().filter(|_| is_status) {
            Some(true) => end.disabled_by_us && enable.allows(end.disabled_by_us, end.was_inactive),
            Some(false) => disable,
            // Nobody knows which it comes to.
            None => false,
        }
    }
}

impl Decider<'_> {
    /// Whose turn it is to write an attribute. `is_same`: both ends have the same.
    pub(crate) fn turn(
        &self,
        case: &Case<'_>,
        sourced: &Sourced,
        rule: &Rule,
        (old, new): (&Value, &Value),
        is_same: bool,
    ) -> Turn {
        let name = rule.target();
        let (Some(carriers), Some(target)) = (self.inputs().carried_back.get(name), &case.target_id) else {
            return Turn::Ours;
        };
        if is_same {
            let is_known = case.link.is_some_and(|link| is_known(link, &sourced.record, rule, old));
            let agreed = || Agreed { source: read(&sourced.record, rule), target: digest(target, name, old) };
            return if is_known { Turn::Ours } else { Turn::Agree(agreed()) };
        }
        // What became of a write that was begun nobody knows yet.
        let link = case.link.filter(|_| !self.inputs().begun.contains(&sourced.record.id));
        let Some((link, moved, end)) = link.and_then(|link| moved(link, &sourced.record, rule, old)) else {
            return Turn::Ours;
        };
        let is_status = self.inputs().schema.is_status(name);
        let is_carrier =
            |carrier: &&Carrier| end.owner.as_ref() == Some(&carrier.job) && carrier.carries(old, is_status, end);
        let Some(Carrier { job, .. }) = carriers.iter().find(is_carrier) else { return Turn::Ours };
        let problem = |severity, kind: &'static str, message: String| {
            Problem::new(severity, kind, message).with_value(name.clone(), Some(new.clone()))
        };
        match moved {
            Moved { source: false, target: true } => {
                // Somebody may be active who should not be, until the other job ran.
                let is_active = is_status && old.as_bool() == Some(true);
                let severity = if is_active { Severity::Attention } else { Severity::Warning };
                let message = format!("changed there and not here since both had the same: the job {job} brings it");
                Turn::Others(problem(severity, "carried-back", message))
            }
            Moved { source: true, target: true } => {
                let message = format!(
                    "changed on both sides since they had the same; of this job and the job {job}, the one that runs \
                     first wins"
                );
                Turn::Clash(problem(Severity::Warning, "changed-on-both-sides", message))
            }
            // Whoever the record says is inactive is switched off, whatever made it say so.
            Moved { source: false, target: false }
                if !is_status && (is_by_rule(link, rule) || self.is_made_since(link, end, rule)) =>
            {
                Turn::Rest
            }
            Moved { .. } => Turn::Ours,
        }
    }

    /// Whether the other job made the source's object of the target's, and this job, which has been round by the same rule
    /// before, comes to it only now.
    fn is_made_since(&self, link: &Linked, source: &LinkEnd, rule: &Rule) -> bool {
        let is_new = rule_of(link, rule.target()).is_none();
        self.inputs().been_round && is_new && rule.fingerprint().is_some() && source.origin == LinkOrigin::Created
    }

    /// Notes with what is written what it was made of, where another job carries it back. `differing` are the attributes in
    /// which the ends are not the same: what is also read for one of them that is left as it is was not agreed on.
    pub(crate) fn note_reads(&self, sourced: &Sourced, differing: &[Name], entry: &mut Entry) {
        let carried = self.inputs().carried_back;
        let rule = |name: &Name| self.inputs().mapping.rule(name).filter(|_| carried.contains_key(name));
        let is_left = |name: &&Name| entry.changes.iter().all(|change| change.attribute != **name);
        let left = differing.iter().filter(is_left).filter_map(rule);
        let open: BTreeSet<&Name> = left.flat_map(Rule::source_attributes).collect();
        let is_agreed = |rule: &&Rule| !rule.source_attributes().iter().any(|name| open.contains(name));
        entry.agreed.retain(|name, _| rule(name).filter(is_agreed).is_some());
        for change in &mut entry.changes {
            if let Some(rule) = rule(&change.attribute).filter(is_agreed) {
                change.read = read(&sourced.record, rule);
            }
        }
    }
}

/// Lets both ends remember what was written by a rule, as what they agree on. Where it came of nothing that the source has,
/// such as that somebody left, nobody knows any more what they agree on.
pub(crate) fn agree_on_written(
    source: &mut LinkEnd,
    target: &mut LinkEnd,
    change: &AttributeChange,
    rule: Option<&Rule>,
) {
    let name = &change.attribute;
    if change.read.is_empty() {
        target.agreed.set(name, None);
        target.by_rule.set(name, None);
        return;
    }
    source.agreed.take_in(&change.read);
    target.agreed.set(name, digest(&target.object, name, &change.new));
    target.by_rule.set(name, rule.and_then(Rule::fingerprint));
    if !is_made_of_one(rule) {
        forget_rules(source, &change.read);
    }
}

/// Lets both ends remember that they have the same.
pub(crate) fn agree(source: &mut LinkEnd, target: &mut LinkEnd, name: &Name, agreed: &Agreed, rule: Option<&Rule>) {
    let has_moved = target.agreed.get(name) != Some(agreed.target);
    source.agreed.take_in(&agreed.source);
    target.agreed.set(name, agreed.target);
    target.by_rule.set(name, rule.and_then(Rule::fingerprint));
    // What is no change by this rule may be one by the other job's.
    if has_moved || !is_made_of_one(rule) {
        forget_rules(source, &agreed.source);
    }
}

/// Lets the other job deal anew with what was read, since the whole of it is not what the target has.
fn forget_rules(source: &mut LinkEnd, read: &Digests) {
    read.names().for_each(|name| source.by_rule.set(name, Digest::NONE));
}

/// Whether what a rule gives takes the place of what is there, and is made of one attribute.
fn is_made_of_one(rule: Option<&Rule>) -> bool {
    rule.is_some_and(|rule| rule.overwrites() && rule.source_attributes().len() == 1)
}

/// Whether the target's end was written, or found the same, by this very rule.
fn is_by_rule(link: &Linked, rule: &Rule) -> bool {
    rule.fingerprint().is_some() && rule_of(link, rule.target()) == rule.fingerprint()
}

fn rule_of(link: &Linked, name: &Name) -> Option<Digest> {
    link.target.by_rule.get(name)
}

/// Whether both ends remember that they have this of each other, by this very rule.
fn is_known(link: &Linked, record: &Record, rule: &Rule, old: &Value) -> bool {
    let neither = Moved { source: false, target: false };
    let by = rule_of(link, rule.target()).filter(|by| *by != Digest::NONE);
    moved(link, record, rule, old).is_some_and(|(_, moved, _)| moved == neither) && by == rule.fingerprint()
}

/// Which ends moved, and the source's end; `None` if nobody remembers what they agreed on.
fn moved<'a>(link: &'a Linked, record: &Record, rule: &Rule, old: &Value) -> Option<(&'a Linked, Moved, &'a LinkEnd)> {
    let (there, here) = (&link.target, link.counterpart.as_deref()?);
    let target = there.agreed.get(rule.target())? != digest(&there.object, rule.target(), old);
    let mut source = false;
    for name in rule.source_attributes() {
        source |= here.agreed.get(name)? != digest_of(record, name);
    }
    Some((link, Moved { source, target }, here))
}

/// Digests of what a rule reads.
fn read(record: &Record, rule: &Rule) -> Digests {
    rule.source_attributes().iter().map(|name| (name.clone(), digest_of(record, name))).collect()
}

fn digest_of(record: &Record, name: &Name) -> Digest {
    digest(&record.id, name, record.get(name).unwrap_or(&Value::Null))
}

/// A digest of a value as a table would show it, since a store may give back as text what it got as a number, and values
/// in another order.
fn digest(object: &ObjectId, attribute: &Name, value: &Value) -> Digest {
    let mut digest = Digester::new();
    [object.class.as_str(), &object.id, attribute].into_iter().for_each(|part| digest.part(part));
    match value {
        Value::Text(_) if value.is_blank() => {}
        Value::Text(text) => digest.part(&**text),
        _ => {
            let shown = value.as_slice().iter().filter(|value| !value.is_blank()).map(Value::to_string);
            let mut shown: Vec<String> = shown.collect();
            shown.sort();
            shown.iter().for_each(|value| digest.part(value));
        }
    }
    digest.short()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_same_however_a_store_keeps_it() {
        let of = |value: Value| digest(&ObjectId::user("1"), &"title".into(), &value);
        let list = |values: &[&str]| Value::list(values.iter().map(|value| Value::from(*value)));
        let same = [
            (Value::Null, "".into()),
            (Value::Null, Value::list([])),
            (true.into(), "true".into()),
            (7_i64.into(), "7".into()),
            ("one".into(), list(&["one"])),
            (list(&["one", "two"]), list(&["two", "one"])),
        ];
        same.into_iter().for_each(|(one, other)| assert_eq!(of(one.clone()), of(other.clone()), "{one:?} {other:?}"));
        let different = [("one".into(), "One".into()), (list(&["a", "b"]), "a, b".into()), (Value::Null, false.into())];
        different.into_iter().for_each(|(one, other): (Value, Value)| assert_ne!(of(one.clone()), of(other.clone())));
        let of_another = digest(&ObjectId::user("2"), &"title".into(), &"one".into());
        assert_ne!(of("one".into()), of_another, "nobody sees who has the same");
    }

    #[test]
    fn a_carrier_brings_what_its_job_would_write() {
        let end = |disabled_by_us| {
            let end = LinkEnd::new(
                "b",
                ObjectId::user("1"),
                crate::reconcile::LinkOrigin::Adopted,
                time::OffsetDateTime::UNIX_EPOCH,
            );
            LinkEnd { disabled_by_us, ..end }
        };
        let plain = |clears| Carrier { job: "other".to_owned(), clears, switch: None };
        for (clears, value, expected) in [
            (true, Value::Null, true),
            (false, "".into(), false),
            (false, "Chief".into(), true),
            (false, false.into(), true),
        ] {
            assert_eq!(plain(clears).carries(&value, false, &end(false)), expected, "{clears} {value:?}");
        }
        #[rustfmt::skip]
        let table = [
            // Disables, enables, what is to be carried as a status, which job disabled: carried?
            (true, Enable::Always, Some(true), true, true),
            (true, Enable::Always, Some(true), false, false),
            (true, Enable::Own, Some(true), false, false),
            (true, Enable::Own, Some(true), true, true),
            (true, Enable::Never, Some(true), true, false),
            (true, Enable::Never, Some(false), false, true),
            (false, Enable::Always, Some(false), false, false),
            // Not told which way it goes.
            (true, Enable::Always, None, true, false),
        ];
        for (disable, enable, status, ours, expected) in table {
            let carrier = Carrier { switch: Some(Switch { disable, enable }), ..plain(true) };
            let value = Value::Bool(status.unwrap_or(true));
            assert_eq!(
                carrier.carries(&value, status.is_some(), &end(ours)),
                expected,
                "{disable} {enable:?} {status:?}"
            );
        }
    }
}
