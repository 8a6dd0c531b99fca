//! Values that one object only can hold: who keeps them, who gets them, who must wait.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use crate::model::{AttributeSchema, Class, Name, ObjectId, Schema, Value, comparison_key};
use crate::reconcile::find::correlate::TargetIndex;
use crate::reconcile::plan::order;
use crate::reconcile::{Action, AttributeChange, Constraints, Edge, EdgeKind, Entry, Problem, Severity};

/// A value within its name space, as it is compared.
pub(crate) type Key = (Name, String);

/// How many rivals a message names.
const NAMED: usize = 10;

/// The name spaces of all classes of a run: one space may hold values of several.
pub(crate) struct Spaces<'a> {
    pub(crate) schemas: HashMap<&'a Class, &'a Schema>,
    pub(crate) constraints: &'a dyn Constraints,
    pub(crate) indexes: Vec<&'a TargetIndex<'a>>,
}

impl Spaces<'_> {
    fn attribute(&self, entry: &Entry, name: &Name) -> Option<&AttributeSchema> {
        self.schemas.get(&entry.class)?.get(name)
    }

    pub(crate) fn attributes(&self, class: &Class) -> impl Iterator<Item = (&Name, &AttributeSchema)> {
        self.schemas.get(class).into_iter().flat_map(|schema| &schema.attributes)
    }

    pub(crate) fn keys(&self, entry: &Entry, attribute: &Name, value: &Value) -> Vec<Key> {
        let Some(attribute) = self.attribute(entry, attribute) else { return Vec::new() };
        let Some(space) = &attribute.unique_in else { return Vec::new() };
        let key = |value| Some((space.clone(), comparison_key(attribute, value)?));
        value.as_slice().iter().filter_map(key).collect()
    }
}

/// An entry that would newly hold a value.
#[derive(Debug)]
struct Claim {
    at: usize,
    attribute: Name,
    key: Key,
}

/// Lets every unique value have one holder: who has it keeps it, unless this plan takes it from them; then one
/// newcomer gets it, after them. All other newcomers are exceptions. A circle of those who wait for each other is opened
/// by a value for a moment, where the attribute allows one, and is an exception too where it does not.
pub(crate) fn settle(spaces: &Spaces<'_>, entries: &mut [Entry]) {
    loop {
        let waits = settle_once(spaces, entries);
        let closed: Vec<(usize, usize)> =
            waits.iter().filter(|wait| !wait.is_opened(entries)).map(|wait| (wait.giver, wait.at)).collect();
        let circles = order::circles(entries.len(), &closed);
        if circles.is_empty() {
            note(entries, &waits);
            return;
        }
        // Each round opens a circle for good, or takes at least one claim away, so that the rounds end.
        for circle in circles {
            if circle.iter().any(|giver| open(spaces, entries, &waits, *giver)) {
                continue;
            }
            let names = listed(circle.iter().map(|at| entries[*at].key.to_string()), " → ");
            for at in circle {
                let wanted: BTreeSet<&Name> =
                    waits.iter().filter(|wait| wait.at == at).map(|wait| &wait.attribute).collect();
                for attribute in wanted {
                    let message = format!(
                        "each waits for a value that the next one gives up: {names}; change one of them by hand first"
                    );
                    refuse(spaces, &mut entries[at], attribute, "cycle", message);
                }
            }
        }
    }
}

/// Writes down who waits for whom, and takes back what nobody needs for a moment any more.
fn note(entries: &mut [Entry], waits: &[Wait]) {
    entries.iter_mut().for_each(|entry| entry.after.clear());
    for wait in waits {
        let edge =
            Edge { entry: entries[wait.giver].key.clone(), kind: EdgeKind::Frees, attribute: wait.attribute.clone() };
        if !entries[wait.at].after.contains(&edge) {
            entries[wait.at].after.push(edge);
        }
    }
    let needed: HashSet<usize> = waits.iter().map(|wait| wait.giver).collect();
    for (_, entry) in entries.iter_mut().enumerate().filter(|(at, _)| !needed.contains(at)) {
        entry.changes.iter_mut().for_each(|change| change.through = None);
    }
}

/// Lets an entry give its value up before it takes another, by way of a value for a moment.
fn open(spaces: &Spaces<'_>, entries: &mut [Entry], waits: &[Wait], giver: usize) -> bool {
    let wanted = waits.iter().filter(|wait| wait.giver == giver).map(|wait| &wait.attribute);
    let entry = &mut entries[giver];
    // A value for a moment may be made of one that must not be shown.
    let hidden = |name: &Name| entry.changes.iter().any(|change| change.attribute == *name && change.redacted);
    let swappable = |name: &&Name| spaces.attribute(entry, name).is_some_and(|own| own.swappable) && !hidden(name);
    let wanted: BTreeSet<&Name> = wanted.filter(swappable).collect();
    let Some(id) = entry.target.clone() else { return false };
    for name in wanted {
        let Some(change) = entry.changes.iter_mut().find(|change| change.attribute == *name) else { continue };
        if change.through.is_none()
            && let Some(old) = &change.old
            && let Some(value) = spaces.constraints.temporary(&id, name, old)
        {
            change.through = Some(value);
            return true;
        }
    }
    false
}

/// An entry that waits for a value that another gives up.
#[derive(Debug)]
struct Wait {
    at: usize,
    giver: usize,
    attribute: Name,
}

impl Wait {
    /// Whether the giver lets go of the value before it takes its own.
    fn is_opened(&self, entries: &[Entry]) -> bool {
        let gives = order::edge_parts(&entries[self.giver], &entries[self.at], EdgeKind::Frees, &self.attribute).0;
        gives == order::Part::Temporary
    }
}

/// Refuses what cannot be had, and gives who waits for whom over which attribute.
fn settle_once(spaces: &Spaces<'_>, entries: &mut [Entry]) -> Vec<Wait> {
    let claims = claims(spaces, entries);
    let by_target: HashMap<ObjectId, usize> =
        entries.iter().enumerate().filter_map(|(at, entry)| Some((entry.target.clone()?, at))).collect();
    let mut rivals: BTreeMap<&Key, Vec<usize>> = BTreeMap::new();
    for (number, claim) in claims.iter().enumerate() {
        rivals.entry(&claim.key).or_default().push(number);
    }
    let mut lost = vec![false; claims.len()];
    for numbers in rivals.values().filter(|numbers| numbers.len() > 1) {
        let names = listed(numbers.iter().map(|number| entries[claims[*number].at].key.to_string()), ", ");
        for number in numbers {
            lost[*number] = true;
            let Claim { at, attribute, .. } = &claims[*number];
            refuse(spaces, &mut entries[*at], attribute, "unique", format!("several want this value: {names}"));
        }
    }
    // Whom each claim waits for; and the claims to look at again when an entry loses what it was to become.
    let mut givers: Vec<Vec<usize>> = vec![Vec::new(); claims.len()];
    let mut relying: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut open: VecDeque<usize> = (0..claims.len()).collect();
    while let Some(number) = open.pop_front() {
        if lost[number] {
            continue;
        }
        let Claim { at, attribute, key } = &claims[number];
        givers[number].clear();
        let mut keeper = None;
        for holder in spaces.indexes.iter().flat_map(|index| index.holders(key)) {
            let giver = by_target.get(holder).copied().filter(|giver| giver != at);
            match giver.filter(|giver| gives_up(spaces, &entries[*giver], key)) {
                Some(giver) => givers[number].push(giver),
                None => keeper = Some(holder.clone()),
            }
        }
        match keeper {
            Some(keeper) => {
                lost[number] = true;
                let message = format!("taken by {}, which keeps it", keeper.id);
                refuse(spaces, &mut entries[*at], attribute, "unique", message);
                open.extend(relying.remove(at).unwrap_or_default());
            }
            None => givers[number].iter().for_each(|giver| relying.entry(*giver).or_default().push(number)),
        }
    }
    let won = (0..claims.len()).filter(|number| !lost[*number]);
    won.flat_map(|number| givers[number].iter().map(move |giver| (number, *giver)))
        .map(|(number, giver)| Wait { at: claims[number].at, giver, attribute: claims[number].attribute.clone() })
        .collect()
}

/// Who would newly hold which value.
fn claims(spaces: &Spaces<'_>, entries: &[Entry]) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    for (at, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.runs()) {
        let holds = |key: &Key| {
            let own = |id| spaces.indexes.iter().any(|index| index.holders(key).contains(&id));
            entry.target.as_ref().is_some_and(own)
        };
        let mut own: Vec<Claim> = Vec::new();
        for change in &entry.changes {
            for key in spaces.keys(entry, &change.attribute, &change.new) {
                if !holds(&key) && !own.iter().any(|claim| claim.key == key) {
                    own.push(Claim { at, attribute: change.attribute.clone(), key });
                }
            }
        }
        claims.extend(own);
    }
    claims
}

/// Whether an entry, if it runs, leaves a value to others.
pub(crate) fn gives_up(spaces: &Spaces<'_>, entry: &Entry, key: &Key) -> bool {
    if !entry.runs() {
        return false;
    }
    let holds = |value: fn(&AttributeChange) -> Option<&Value>| {
        entry
            .changes
            .iter()
            .any(|change| value(change).is_some_and(|value| spaces.keys(entry, &change.attribute, value).contains(key)))
    };
    entry.action == Action::Delete || (holds(|change| change.old.as_ref()) && !holds(|change| Some(&change.new)))
}

/// Leaves the attribute out; a create that cannot do without it is blocked.
pub(crate) fn refuse(spaces: &Spaces<'_>, entry: &mut Entry, attribute: &Name, rule: &'static str, message: String) {
    let at = entry.changes.iter().position(|change| change.attribute == *attribute);
    let value = at.map(|at| entry.changes[at].new.clone());
    let required = spaces.attribute(entry, attribute).is_some_and(|schema| schema.required_on_create);
    let blocks = entry.action == Action::Create && required;
    if let (Some(at), false) = (at, blocks) {
        entry.changes.remove(at);
    }
    let severity = if blocks { Severity::Blocks } else { Severity::Attention };
    entry.problems.push(Problem::new(severity, rule, message).with_value(attribute.clone(), value));
    // What is left may be a disable alone.
    if entry.action == Action::Update && entry.changes.len() == 1 && entry.disables() {
        entry.action = Action::Disable;
    }
}

/// The first few, and how many more there are.
pub(crate) fn listed(names: impl Iterator<Item = String>, separator: &str) -> String {
    let mut names: Vec<String> = names.collect();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let named = names.join(separator);
    if more == 0 { named } else { format!("{named} and {more} more") }
}
