//! What must not be shown is taken out of a plan, once it is settled.

use std::collections::{BTreeSet, HashMap};

use crate::mapping::{Mapped, Rule};
use crate::model::{Name, Value, fold};
use crate::reconcile::find::case::Assessment;
use crate::reconcile::planner::Planner;
use crate::reconcile::{Entry, EntryKey, Problem};

/// What stands in a plan in place of a value.
const REDACTED: &str = "(redacted)";
/// Texts shorter than this may be a part of any word by chance.
const TELLING: usize = 4;

/// Texts that must not be shown, however they get into a message: in any case, and escaped as in quotes too.
#[derive(Debug, Default)]
pub(crate) struct Hidden(BTreeSet<String>);

impl Hidden {
    /// Adds a value, and what is in it.
    pub(crate) fn add(&mut self, value: &Value) {
        match value {
            Value::List(elements) => elements.iter().for_each(|element| self.add(element)),
            Value::Object(members) => members.iter().for_each(|(_, member)| self.add(member)),
            Value::Null | Value::Bool(_) => {}
            other if other.is_blank() => {}
            other => {
                let text = other.to_string();
                self.0.insert(fold(&text.escape_debug().to_string()).into_owned());
                self.0.insert(fold(&text).into_owned());
            }
        }
    }

    /// Whether a text shows one of them.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        let text = fold(text);
        self.0.iter().any(|hidden| {
            text.match_indices(hidden.as_str()).any(|(start, _)| {
                let word = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
                let before = word(text[..start].chars().next_back());
                let after = word(text[start + hidden.len()..].chars().next());
                hidden.chars().count() >= TELLING || !(before || after)
            })
        })
    }
}

/// Takes the values of redacted attributes out of the entries, and out of everything that is said about them.
pub(crate) fn conceal(planners: &[Planner<'_>], assessments: &[Assessment<'_>], entries: &mut [Entry]) {
    for (planner, assessment) in planners.iter().zip(assessments) {
        let mapping = planner.inputs().mapping;
        let names: BTreeSet<&Name> =
            mapping.rules().iter().filter(|rule| rule.is_redacted()).map(Rule::target).collect();
        if names.is_empty() {
            continue;
        }
        let cases: HashMap<&EntryKey, _> = assessment.cases.iter().map(|case| (&case.key, case)).collect();
        for entry in entries.iter_mut().filter(|entry| entry.key.mapping == *mapping.name()) {
            let mut hidden = Hidden::default();
            if let Some(case) = cases.get(&entry.key) {
                let of_target = names.iter().filter_map(|name| case.target?.get(name));
                of_target.for_each(|value| hidden.add(value));
                if let Some(Mapped::Flows(flows)) = case.source.map(|sourced| &sourced.mapped) {
                    let shown = flows.iter().filter(|flow| flow.redacted);
                    let values = shown.flat_map(|flow| [mapping.on_create(flow), mapping.on_update(flow)]);
                    values.flatten().for_each(|value| hidden.add(&value));
                }
            }
            conceal_entry(&names, hidden, entry);
        }
    }
}

fn conceal_entry(names: &BTreeSet<&Name>, mut hidden: Hidden, entry: &mut Entry) {
    for change in entry.changes.iter_mut().filter(|change| change.redacted) {
        for value in [Some(&mut change.new), change.old.as_mut()].into_iter().flatten() {
            hidden.add(value);
            *value = if value.as_slice().is_empty() { Value::Null } else { Value::text(REDACTED) };
        }
    }
    for problem in &mut entry.problems {
        if problem.attribute.as_ref().is_some_and(|name| names.contains(name)) {
            problem.value.take().iter().for_each(|value| hidden.add(value));
        }
    }
    for problem in &mut entry.problems {
        // Another attribute may hold the same.
        if problem.value.as_ref().is_some_and(|value| hidden.is_in(&value.to_string())) {
            problem.value = None;
        }
        conceal_message(&hidden, problem);
    }
    if entry.reason.as_ref().is_some_and(|reason| hidden.is_in(reason)) {
        entry.reason = Some("why is not shown, since it names a redacted value".to_owned());
    }
}

fn conceal_message(hidden: &Hidden, problem: &mut Problem) {
    if hidden.is_in(&problem.message) {
        problem.message = "what is wrong is not shown, since it names a redacted value".to_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_text_is_found_however_it_is_written() {
        let mut hidden = Hidden::default();
        for value in ["Zebra-47", "a\"b\\c", "47", "ÄÖ-1", "ΛΟΓΟΣ"] {
            hidden.add(&Value::text(value));
        }
        #[rustfmt::skip]
        let table = [
            ("the value 'Zebra-47' is refused", true),
            ("the value ZEBRA-47@contoso.com is refused", true),
            (r#"the value "a\"b\\c" is refused"#, true),
            (r#"the value a"b\c is refused"#, true),
            ("äö-1", true),
            ("λογοσα", true),
            ("status 47", true),
            ("status 470, and no Zebra", false),
            ("", false),
        ];
        for (text, expected) in table {
            assert_eq!(hidden.is_in(text), expected, "{text}");
        }
    }
}
