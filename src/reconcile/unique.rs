//! Values that one object only can hold: who keeps them, who gets them, who must wait.

use std::collections::{BTreeMap, HashMap};

use super::correlate::TargetIndex;
use super::inputs::Inputs;
use super::{Action, Edge, EdgeKind, Entry, Problem, Severity};
use crate::model::{Name, ObjectId, Value, comparison_key};

/// A value within its name space, as it is compared.
type Key = (Name, String);

/// Lets every unique value have one holder: who has it keeps it, unless this plan takes it from them; then one
/// newcomer gets it, after them. All other newcomers are exceptions.
pub(super) fn settle(inputs: &Inputs<'_>, index: &TargetIndex<'_>, entries: &mut [Entry]) {
    let by_target: HashMap<ObjectId, usize> =
        entries.iter().enumerate().filter_map(|(at, entry)| Some((entry.target.clone()?, at))).collect();
    let mut edges;
    loop {
        edges = Vec::new();
        let mut refusals: Vec<(usize, Name, String)> = Vec::new();
        for ((space, key), claims) in claims(inputs, index, entries) {
            if let [_, _, ..] = claims.as_slice() {
                let keys = claims.iter().map(|(at, _)| entries[*at].key.to_string()).collect::<Vec<_>>().join(", ");
                refusals.extend(
                    claims.into_iter().map(|(at, name)| (at, name, format!("several want this value: {keys}"))),
                );
                continue;
            }
            for (at, name) in claims {
                for holder in index.holders(&space, &key).iter().map(|position| &index.record(*position).id) {
                    let giver = by_target.get(holder).copied().filter(|giver| *giver != at);
                    match giver.filter(|giver| gives_up(inputs, &entries[*giver], &space, &key)) {
                        Some(giver) => edges.push((at, giver)),
                        None => refusals.push((at, name.clone(), format!("taken by {}, which keeps it", holder.id))),
                    }
                }
            }
        }
        if refusals.is_empty() {
            break;
        }
        // Each round takes at least one claim away, so that the rounds end.
        for (at, name, message) in refusals {
            refuse(inputs, &mut entries[at], &name, message);
        }
    }
    for (at, giver) in edges {
        let edge = Edge { entry: entries[giver].key.clone(), kind: EdgeKind::Frees };
        if !entries[at].after.contains(&edge) {
            entries[at].after.push(edge);
        }
    }
}

/// Who would newly hold which value: the places of the entries, with the attribute.
fn claims(inputs: &Inputs<'_>, index: &TargetIndex<'_>, entries: &[Entry]) -> BTreeMap<Key, Vec<(usize, Name)>> {
    let mut claims: BTreeMap<Key, Vec<(usize, Name)>> = BTreeMap::new();
    for (at, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.runs()) {
        let own = entry.target.as_ref().and_then(|id| index.position(id));
        for change in &entry.changes {
            for (space, key) in keys(inputs, &change.attribute, &change.new) {
                let holds_it = own.is_some_and(|own| index.holders(&space, &key).contains(&own));
                let claimed = claims.entry((space, key)).or_default();
                if !holds_it && !claimed.iter().any(|(other, _)| *other == at) {
                    claimed.push((at, change.attribute.clone()));
                }
            }
        }
    }
    claims.retain(|_, claims| !claims.is_empty());
    claims
}

/// Whether an entry, if it runs, leaves a value to others.
fn gives_up(inputs: &Inputs<'_>, entry: &Entry, space: &Name, key: &str) -> bool {
    if !entry.runs() {
        return false;
    }
    let has =
        |attribute: &Name, value: &Value| keys(inputs, attribute, value).iter().any(|(s, k)| s == space && k == key);
    let changed = |value: fn(&super::AttributeChange) -> Option<&Value>| {
        entry.changes.iter().any(|change| value(change).is_some_and(|value| has(&change.attribute, value)))
    };
    entry.action == Action::Delete || (changed(|change| change.old.as_ref()) && !changed(|change| Some(&change.new)))
}

fn keys(inputs: &Inputs<'_>, attribute: &Name, value: &Value) -> Vec<Key> {
    let Some(schema) = inputs.schema.get(attribute) else { return Vec::new() };
    let Some(space) = &schema.unique_in else { return Vec::new() };
    let key = |value| Some((space.clone(), comparison_key(schema, value)?));
    value.as_slice().iter().filter_map(key).collect()
}

fn refuse(inputs: &Inputs<'_>, entry: &mut Entry, attribute: &Name, message: String) {
    let at = entry.changes.iter().position(|change| change.attribute == *attribute);
    let value = at.map(|at| entry.changes[at].new.clone());
    let required = inputs.schema.get(attribute).is_some_and(|schema| schema.required_on_create);
    let blocks = entry.action == Action::Create && required;
    if let (Some(at), false) = (at, blocks) {
        entry.changes.remove(at);
    }
    let severity = if blocks { Severity::Blocks } else { Severity::Attention };
    entry.problems.push(Problem::new(severity, "unique", message).with_value(attribute.clone(), value));
}
