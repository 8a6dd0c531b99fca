//! `SelectUniqueValue`: the first of several values that nobody holds, asked of the target and of the plan itself.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use crate::expr::quote;
use crate::mapping::Rule;
use crate::model::{AttributeSchema, Attributes, Class, Name, ObjectId, Value, comparison_key};
use crate::reconcile::decide::unique::{self, Key, Spaces, gives_up, listed, refuse};
use crate::reconcile::find::case::{Assessment, Sourced};
use crate::reconcile::planner::Planner;
use crate::reconcile::reading::inputs::Inputs;
use crate::reconcile::{Action, Draft, DraftStep, Entry, EntryKey, FindingKind, Problem};

/// The name space of an attribute that is made unique. It is apart from those of the schema: what is made unique is
/// compared without case, whatever the attribute's own rule.
pub(crate) fn own_space(class: &Class, attribute: &Name) -> Name {
    format!("{class} {attribute}").into()
}

/// A value of an attribute that is made unique, as it is compared.
pub(crate) fn own_key(schema: &AttributeSchema, value: &Value) -> Option<String> {
    comparison_key(&schema.clone().ignore_case(), value)
}

/// Why a candidate cannot be written, whoever holds it; `None` if it can.
pub(crate) fn misfit(inputs: &Inputs<'_>, entry: &Entry, attribute: &Name, value: &Value) -> Option<String> {
    let limit = inputs.schema.get(attribute).and_then(|schema| schema.max_length);
    let length = value.as_text().map_or(0, |text| text.chars().count());
    if let Some(limit) = limit.filter(|limit| length > *limit) {
        return Some(format!("has {length} characters, and at most {limit} are allowed"));
    }
    let others = entry.changes.iter().filter(|change| change.attribute != *attribute);
    let others = others.map(|change| (change.attribute.clone(), change.new.clone()));
    let attributes: Attributes = others.chain([(attribute.clone(), value.clone())]).collect();
    let draft = Draft::new(inputs.mapping.target_class(), DraftStep::Create, None, &attributes);
    let mut findings = inputs.constraints.check(&draft).into_iter();
    let finding = findings
        .find(|finding| finding.kind == FindingKind::Violation && finding.attribute.as_ref() == Some(attribute))?;
    Some(finding.message)
}

/// Puts the first candidate that can be written in place of what the mapping says first. Who holds it is asked later.
pub(crate) fn prefer_fitting(inputs: &Inputs<'_>, sourced: &Sourced, entry: &mut Entry) {
    for rule in inputs.mapping.rules().iter().filter(|rule| rule.is_chosen()) {
        let Some(at) = entry.changes.iter().position(|change| change.attribute == *rule.target()) else { continue };
        let candidates = rule.candidates(&sourced.record, inputs.context);
        let fits = |value: &Value| misfit(inputs, entry, rule.target(), value).is_none();
        if let Some(value) = candidates.into_iter().map_while(Result::ok).find(|value| fits(value)) {
            entry.changes[at].new = value;
        }
    }
}

/// A value that is to be chosen.
struct Choice<'a> {
    at: usize,
    inputs: &'a Inputs<'a>,
    sourced: &'a Sourced,
    rule: &'a Rule,
}

/// Chooses, in the order of the entries' keys, and lets every unique value have one holder.
///
/// A value that a rename gives up in this plan is taken by the first who wants it. If the rename turns out to be
/// impossible, the choice is made again without that value.
pub(crate) fn settle(
    spaces: &Spaces<'_>,
    planners: &[Planner<'_>],
    assessments: &[Assessment<'_>],
    entries: &mut Vec<Entry>,
) {
    let choices = choices(planners, assessments, entries);
    let mut passed: HashSet<(usize, String)> = HashSet::new();
    while !choices.is_empty() {
        let before = entries.clone();
        let picked = choose(spaces, &choices, &passed, entries);
        unique::settle(spaces, entries);
        let lost = picked.into_iter().filter(|(number, key)| {
            let choice = &choices[*number];
            let schema = choice.inputs.schema.get(choice.rule.target());
            let held = |value: &Value| schema.and_then(|schema| own_key(schema, value)).as_ref() == Some(key);
            let entry = &entries[choice.at];
            let name = choice.rule.target();
            let kept = entry.changes.iter().any(|change| change.attribute == *name && held(&change.new));
            let refused = |problem: &Problem| {
                matches!(&*problem.rule, "unique" | "cycle") && problem.attribute.as_ref() == Some(name)
            };
            !kept || entry.problems.iter().any(refused)
        });
        let before_this = passed.len();
        passed.extend(lost.collect::<Vec<_>>());
        if passed.len() == before_this {
            return;
        }
        *entries = before;
    }
    unique::settle(spaces, entries);
}

fn choices<'a>(planners: &'a [Planner<'_>], assessments: &'a [Assessment<'_>], entries: &[Entry]) -> Vec<Choice<'a>> {
    let mut choices = Vec::new();
    for (planner, assessment) in planners.iter().zip(assessments) {
        let inputs = planner.inputs();
        let rules: Vec<&Rule> = inputs.mapping.rules().iter().filter(|rule| rule.is_chosen()).collect();
        if rules.is_empty() {
            continue;
        }
        let cases = assessment.cases.iter().filter(|case| !case.is_referenced());
        let sourced: HashMap<&EntryKey, &Sourced> = cases.filter_map(|case| Some((&case.key, case.source?))).collect();
        for (at, entry) in
            entries.iter().enumerate().filter(|(_, entry)| entry.action == Action::Create && entry.runs())
        {
            let Some(sourced) = sourced.get(&entry.key) else { continue };
            let mapped = |rule: &&&Rule| entry.changes.iter().any(|change| change.attribute == *rule.target());
            choices.extend(rules.iter().filter(mapped).map(|rule| Choice { at, inputs, sourced, rule }));
        }
    }
    choices.sort_by_key(|choice| choice.at);
    choices
}

/// Makes all choices; gives what was picked for each. `passed` holds what was picked before in vain.
fn choose(
    spaces: &Spaces<'_>,
    choices: &[Choice<'_>],
    passed: &HashSet<(usize, String)>,
    entries: &mut [Entry],
) -> Vec<(usize, String)> {
    let mut wanted = wanted(spaces, choices, entries);
    let by_target: HashMap<ObjectId, usize> =
        entries.iter().enumerate().filter_map(|(at, entry)| Some((entry.target.clone()?, at))).collect();
    let mut picked = Vec::new();
    for (number, choice) in choices.iter().enumerate() {
        let attribute = choice.rule.target();
        let Some(schema) = choice.inputs.schema.get(attribute) else { continue };
        let own = own_space(choice.inputs.mapping.target_class(), attribute);
        let mut tried: Vec<String> = Vec::new();
        let mut seen: HashSet<String> = HashSet::new();
        let mut found = None;
        let candidates = choice.rule.candidates(&choice.sourced.record, choice.inputs.context);
        if candidates.is_empty() {
            // What is written is the default value.
            continue;
        }
        for candidate in candidates {
            let value = match candidate {
                Ok(value) => value,
                Err(message) => {
                    tried.push(message);
                    continue;
                }
            };
            let Some(folded) = own_key(schema, &value).filter(|key| seen.insert(key.clone())) else { continue };
            let why = if passed.contains(&(number, folded.clone())) {
                Some(Cow::Borrowed("is given up by one who has to keep it"))
            } else {
                let mut keys: Vec<Key> = spaces.keys(&entries[choice.at], attribute, &value);
                keys.push((own.clone(), folded.clone()));
                let why = keys.iter().find_map(|key| taken(spaces, entries, &by_target, &wanted, key));
                why.map(Cow::Owned)
                    .or_else(|| misfit(choice.inputs, &entries[choice.at], attribute, &value).map(Cow::Owned))
            };
            match why {
                Some(why) => tried.push(format!("{} {why}", quote(&value.to_string()))),
                None => {
                    found = Some((value, folded));
                    break;
                }
            }
        }
        match found {
            Some((value, folded)) => {
                for key in spaces.keys(&entries[choice.at], attribute, &value) {
                    wanted.entry(key).or_insert_with(|| entries[choice.at].key.clone());
                }
                wanted.entry((own, folded.clone())).or_insert_with(|| entries[choice.at].key.clone());
                write(choice, &mut entries[choice.at], value);
                picked.push((number, folded));
            }
            None => {
                let message = format!("no value is free: {}", listed(tried.into_iter(), "; "));
                refuse(spaces, &mut entries[choice.at], attribute, "unique", message);
            }
        }
    }
    picked
}

fn write(choice: &Choice<'_>, entry: &mut Entry, value: Value) {
    let attribute = choice.rule.target();
    if choice.inputs.schema.label.as_ref() == Some(attribute) {
        entry.label = Some(value.to_string());
    }
    if let Some(change) = entry.changes.iter_mut().find(|change| change.attribute == *attribute) {
        change.new = value;
    }
}

/// What entries want that do not choose.
fn wanted(spaces: &Spaces<'_>, choices: &[Choice<'_>], entries: &[Entry]) -> BTreeMap<Key, EntryKey> {
    let chosen: HashSet<(usize, &Name)> = choices.iter().map(|choice| (choice.at, choice.rule.target())).collect();
    let own: HashMap<(&Class, &Name), &AttributeSchema> = choices
        .iter()
        .filter_map(|choice| {
            let name = choice.rule.target();
            Some(((choice.inputs.mapping.target_class(), name), choice.inputs.schema.get(name)?))
        })
        .collect();
    let mut wanted = BTreeMap::new();
    for (at, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.runs()) {
        for change in entry.changes.iter().filter(|change| !chosen.contains(&(at, &change.attribute))) {
            for key in spaces.keys(entry, &change.attribute, &change.new) {
                wanted.entry(key).or_insert_with(|| entry.key.clone());
            }
            if let Some(schema) = own.get(&(&entry.class, &change.attribute))
                && let Some(folded) = own_key(schema, &change.new)
            {
                let key = (own_space(&entry.class, &change.attribute), folded);
                wanted.entry(key).or_insert_with(|| entry.key.clone());
            }
        }
    }
    wanted
}

/// Who has a value, or gets it in this plan; `None` if it is free, or given up in this plan.
fn taken(
    spaces: &Spaces<'_>,
    entries: &[Entry],
    by_target: &HashMap<ObjectId, usize>,
    wanted: &BTreeMap<Key, EntryKey>,
    key: &Key,
) -> Option<String> {
    if let Some(entry) = wanted.get(key) {
        return Some(format!("goes to {entry}"));
    }
    spaces.indexes.iter().find_map(|index| {
        let mut holders = index.holders(key).into_iter();
        let keeps = |id: &&ObjectId| !by_target.get(*id).is_some_and(|giver| lets_go(spaces, &entries[*giver], key));
        holders.find(keeps).map(|id| format!("is held by {}", id.id))
    })
}

/// Whether an entry leaves a value to others, in a space of the schema or in one of those that are made unique. Of the
/// latter nobody but the plan knows, so that no order could be kept: what is given up there is free next time.
fn lets_go(spaces: &Spaces<'_>, entry: &Entry, key: &Key) -> bool {
    let mut attributes = spaces.attributes(&entry.class);
    match attributes.find(|(name, _)| own_space(&entry.class, name) == key.0) {
        None => gives_up(spaces, entry, key),
        Some((_, schema)) => {
            let gives = || entry.action == Action::Delete || renames_away(entry, key, schema);
            schema.unique_in.is_some() && entry.runs() && gives()
        }
    }
}

fn renames_away(entry: &Entry, key: &Key, schema: &AttributeSchema) -> bool {
    entry.changes.iter().any(|change| {
        let held = |value: &Value| own_key(schema, value).as_ref() == Some(&key.1);
        own_space(&entry.class, &change.attribute) == key.0
            && change.old.as_ref().is_some_and(held)
            && !held(&change.new)
    })
}
