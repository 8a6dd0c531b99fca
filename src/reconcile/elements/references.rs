//! References to other objects: who is meant, what is given, what is taken.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use crate::mapping::{Flow, Mapped, Rule};
use crate::model::{Cardinality, Class, Kind, Name, ObjectId, Value};
use crate::reconcile::decide::entries::shorten;
use crate::reconcile::decide::unique::listed;
use crate::reconcile::elements::found::{Found, basis, left_out};
use crate::reconcile::find::case::{Assessment, Case, Sourced};
use crate::reconcile::planner::Planner;
use crate::reconcile::reading::inputs::{Inputs, Questions};
use crate::reconcile::{
    Action, Edge, EdgeKind, Element, Entry, EntryKey, LinkOrigin, Problem, SetChange, SetKind, Severity, Situation,
};

/// Who the objects of a run are, by their ids in the source.
pub(crate) struct Referents<'a> {
    /// The classes of the source whose objects become objects of a class of the target.
    sources: HashMap<&'a Class, Vec<Source<'a>>>,
    met: HashMap<&'a ObjectId, Met<'a>>,
    creates: HashMap<&'a ObjectId, &'a EntryKey>,
    /// Those who are linked by this plan to an object that is there.
    links: HashMap<&'a ObjectId, &'a EntryKey>,
    /// Who was found, so that a member of many sets is looked for once.
    found: RefCell<HashMap<Class, Rc<RefCell<FoundObjects>>>>,
}

/// The objects of one class of the target that ids of the source stand for.
type FoundObjects = HashMap<Arc<str>, Arc<str>>;

struct Source<'a> {
    class: &'a Class,
    /// Whether all of them were read, or each was looked up.
    complete: bool,
}

/// What was read under one id.
enum Met<'a> {
    One(&'a Case<'a>),
    /// Several records share the id.
    Several(usize),
}

/// Who is meant by an id.
#[derive(Debug, PartialEq, Eq)]
enum Referent {
    /// This object of the target, which is there.
    Object(Arc<str>, ObjectId),
    /// An object that this plan makes.
    Planned(EntryKey, ObjectId),
    /// Nobody can say, for this reason. Whoever is linked under the id, nothing is taken from them.
    Unresolved(String, Vec<Arc<str>>),
}

/// The ids that a reference names, in the source.
pub(super) struct Wanted {
    pub(super) ids: Vec<Arc<str>>,
    /// Why there may be more, if so.
    partial: Option<String>,
}

impl<'a> Referents<'a> {
    pub(crate) fn new(planners: &'a [Planner<'_>], assessments: &'a [Assessment<'a>], entries: &'a [Entry]) -> Self {
        let mut sources: HashMap<&Class, Vec<Source<'a>>> = HashMap::new();
        for planner in planners {
            let mapping = planner.inputs().mapping;
            let source = Source { class: mapping.source_class(), complete: planner.is_whole() || planner.looks_up() };
            sources.entry(mapping.target_class()).or_default().push(source);
        }
        let mut met: HashMap<&ObjectId, Met<'a>> = HashMap::new();
        for case in assessments.iter().flat_map(|assessment| &assessment.cases) {
            let Some(id) = &case.source_id else { continue };
            met.entry(id)
                .and_modify(|met| {
                    let before = if let Met::Several(count) = met { *count } else { 1 };
                    *met = Met::Several(before + 1);
                })
                .or_insert(Met::One(case));
        }
        let by = |action: Action| {
            let entries = entries.iter().filter(move |entry| entry.action == action && entry.runs());
            entries.filter_map(|entry| Some((entry.source.as_ref()?, &entry.key))).collect()
        };
        let (creates, links) = (by(Action::Create), by(Action::Link));
        Self { sources, met, creates, links, found: RefCell::default() }
    }

    /// Who was found before, of a class of the target.
    fn found(&self, class: &Class) -> Rc<RefCell<FoundObjects>> {
        Rc::clone(self.found.borrow_mut().entry(class.clone()).or_default())
    }

    /// Who an id of the source is, as an object of a class of the target.
    fn resolve(&self, inputs: &Inputs<'_>, class: &Class, id: &Arc<str>) -> Referent {
        let known = self.sources.get(class).map_or(&[][..], Vec::as_slice);
        // A class that no mapping of this job feeds may be linked by another job, under its own name.
        let other = known.iter().all(|source| source.class != class).then_some(class);
        let mut found: Option<Referent> = None;
        for class in known.iter().map(|source| source.class).chain(other) {
            let Some(referent) = self.one(inputs, ObjectId::new(class.clone(), Arc::clone(id))) else { continue };
            found = Some(match found {
                None => referent,
                Some(before) => before.beside(referent),
            });
        }
        found.unwrap_or_else(|| {
            let reason = match known {
                [] => format!("is linked by no job, and no mapping of this job reads {class} objects"),
                known if known.iter().all(|source| source.complete) => "is not in the source".to_owned(),
                _ => "was not among what was read of the source".to_owned(),
            };
            Referent::Unresolved(reason, Vec::new())
        })
    }

    fn one(&self, inputs: &Inputs<'_>, id: ObjectId) -> Option<Referent> {
        let linked = inputs.links.of_source(&id).filter(|link| link.target.deleted_at.is_none());
        let linked = linked.map(|link| Arc::clone(&link.target.object.id));
        let unresolved = |reason: String| Some(Referent::Unresolved(reason, linked.iter().cloned().collect()));
        let case = match self.met.get(&id) {
            None => return linked.map(|target| Referent::Object(target, id)),
            Some(Met::Several(count)) => return unresolved(format!("is ambiguous: {count} records share the id")),
            Some(Met::One(case)) => *case,
        };
        match case.situation {
            Situation::Duplicate => return unresolved("is ambiguous: several records share the id".to_owned()),
            Situation::Unreadable => return unresolved("stands for a record that cannot be read".to_owned()),
            Situation::Missing | Situation::LinkOnly if self.creates.contains_key(&id) => {}
            Situation::Missing | Situation::LinkOnly => return unresolved("has an account that is gone".to_owned()),
            Situation::RecycleBin => return unresolved("has an account that lies in the recycle bin".to_owned()),
            // Of those who left nothing is read but where the account is.
            Situation::SourceMissing | Situation::Unqualified
                if linked.is_some() && case.target.is_none() && case.problems.is_empty() =>
            {
                return unresolved("left, and has an account that is gone or lies in the recycle bin".to_owned());
            }
            _ => {
                if let Some(target) = linked {
                    return Some(Referent::Object(target, id));
                }
            }
        }
        if let Some(key) = self.creates.get(&id) {
            return Some(Referent::Planned((*key).clone(), id));
        }
        let blocked = case.problems.iter().find(|problem| problem.severity == Severity::Blocks);
        if let Some(problem) = blocked {
            return unresolved(format!("is not known for sure: {}", problem.message));
        }
        match (case.situation, &case.target_id, case.candidates.as_slice()) {
            (Situation::Found, Some(target), _) => Some(Referent::Object(Arc::clone(&target.id), id)),
            (Situation::Unqualified, _, [only]) if case.candidate_count == 1 => {
                Some(Referent::Object(Arc::clone(&only.id), id))
            }
            (Situation::Ambiguous, ..) => unresolved("is ambiguous: it matches several objects".to_owned()),
            (Situation::FoundAlreadyLinked | Situation::Rekeyed, ..) => {
                unresolved("matches an object that is linked to another id".to_owned())
            }
            (Situation::SourceIgnored, ..) => unresolved("is out of scope, and matches nothing".to_owned()),
            _ => unresolved("has no object in the target, and this plan makes none".to_owned()),
        }
    }
}

impl Referent {
    /// One id that leads to two objects leads to none.
    fn beside(self, other: Self) -> Self {
        let reason = "is the id of objects of several classes".to_owned();
        Self::Unresolved(reason, self.into_linked().into_iter().chain(other.into_linked()).collect())
    }

    /// The objects that are there, and may be meant.
    fn into_linked(self) -> Vec<Arc<str>> {
        match self {
            Self::Object(object, _) => vec![object],
            Self::Planned(..) => Vec::new(),
            Self::Unresolved(_, linked) => linked,
        }
    }
}

/// The objects that are referred to, or nested, and of which neither a link nor what was read says who they are: to be
/// looked up, for each planner.
pub(crate) fn open(planners: &[Planner<'_>], assessments: &[Assessment<'_>]) -> Vec<Questions> {
    let mut questions: Vec<Questions> = planners.iter().map(|_| Questions::default()).collect();
    if planners.iter().all(Planner::is_whole) {
        return questions;
    }
    let cases = || assessments.iter().flat_map(|assessment| &assessment.cases);
    let met: HashSet<&ObjectId> = cases().filter_map(|case| case.source_id.as_ref()).collect();
    for (planner, assessment) in planners.iter().zip(assessments) {
        let (mapping, schema, links) = (planner.inputs().mapping, planner.inputs().schema, planner.inputs().links);
        for (case, sourced) in assessment.cases.iter().filter_map(|case| Some((case, case.source?))) {
            let Mapped::Flows(flows) = &sourced.mapped else { continue };
            for rule in mapping.rules() {
                let Some(Kind::Reference(class)) = schema.get(rule.target()).map(|schema| &schema.kind) else {
                    continue;
                };
                let nested = mapping.flattened_into(rule.target()).is_some();
                let flat = nested || mapping.flattened_from(rule.target()).next().is_some();
                if case.is_referenced() && !flat {
                    continue;
                }
                for id in ids(flows, rule, sourced, false).into_iter().flat_map(|wanted| wanted.ids) {
                    for (planner, questions) in planners.iter().zip(&mut questions) {
                        let inputs = planner.inputs();
                        let id = ObjectId::new(inputs.mapping.source_class().clone(), Arc::clone(&id));
                        // Of what is nested the record itself is needed.
                        let known = met.contains(&id) || (!nested && links.of_source(&id).is_some());
                        if inputs.mapping.target_class() == class && !known && planner.can_look_up(&id) {
                            questions.references.insert(id);
                        }
                    }
                }
            }
        }
    }
    questions
}

/// What the references of one object come to.
pub(crate) struct References<'a> {
    pub(crate) referents: &'a Referents<'a>,
    pub(crate) inputs: &'a Inputs<'a>,
    pub(crate) planner: &'a Planner<'a>,
}

impl References<'_> {
    /// What is given and taken, and what stands in the way.
    pub(crate) fn find(&self, case: &Case<'_>, is_new: bool) -> Found {
        let mut found = Found::default();
        let (Some(sourced), mapping) = (case.source, self.inputs.mapping) else { return found };
        let Mapped::Flows(flows) = &sourced.mapped else { return found };
        for rule in mapping.rules() {
            if let Some(Kind::Reference(class)) = self.inputs.schema.get(rule.target()).map(|schema| &schema.kind)
                && let Some(wanted) = self.wanted(sourced, flows, rule, is_new, &mut found)
            {
                self.compare(case, rule, class, wanted, is_new, &mut found);
            }
        }
        found
    }

    /// The ids that an attribute names; `None` if the source says nothing about it.
    fn wanted(
        &self,
        sourced: &Sourced,
        flows: &[Flow],
        rule: &Rule,
        is_new: bool,
        found: &mut Found,
    ) -> Option<Wanted> {
        let mapping = self.inputs.mapping;
        if mapping.flattened_into(rule.target()).is_some() {
            return Some(Wanted { ids: Vec::new(), partial: None });
        }
        let mut own = ids(flows, rule, sourced, is_new);
        for nested in mapping.flattened_from(rule.target()) {
            let Some(nested) = mapping.rule(nested) else { continue };
            if let Some(flat) = self.flatten(sourced, rule, nested, is_new, found) {
                let wanted = own.get_or_insert_with(|| Wanted {
                    ids: Vec::new(),
                    partial: Some(format!("{} was not delivered", rule.provenance())),
                });
                wanted.ids.extend(flat.ids);
                wanted.partial = wanted.partial.take().or(flat.partial);
            } else if let Some(own) = &mut own {
                own.partial.get_or_insert_with(|| format!("{} was not delivered", nested.provenance()));
            }
        }
        own
    }

    /// The elements of all objects that are nested in one, at any depth.
    fn flatten(
        &self,
        sourced: &Sourced,
        into: &Rule,
        nested: &Rule,
        is_new: bool,
        found: &mut Found,
    ) -> Option<Wanted> {
        let Mapped::Flows(flows) = &sourced.mapped else { return None };
        let first = ids(flows, nested, sourced, is_new)?;
        let mut flat = Wanted { ids: Vec::new(), partial: first.partial };
        let mut seen: HashSet<Arc<str>> = HashSet::from([Arc::clone(&sourced.record.id.id)]);
        let mut open = first.ids;
        let mut missing = Vec::new();
        while let Some(id) = open.pop() {
            if !seen.insert(Arc::clone(&id)) {
                continue;
            }
            let met =
                self.referents.met.get(&ObjectId::new(self.inputs.mapping.source_class().clone(), Arc::clone(&id)));
            let inner = match met {
                Some(Met::One(case)) => case.source,
                _ => None,
            };
            let Some((inner, Mapped::Flows(flows))) = inner.map(|inner| (inner, &inner.mapped)) else {
                missing.push(id.to_string());
                continue;
            };
            for (rule, ends) in [(into, true), (nested, false)] {
                match ids(flows, rule, inner, is_new) {
                    Some(more) => {
                        flat.partial = flat.partial.or(more.partial);
                        if ends { &mut flat.ids } else { &mut open }.extend(more.ids);
                    }
                    None => {
                        _ = flat
                            .partial
                            .get_or_insert_with(|| format!("{} of {id} was not delivered", rule.provenance()))
                    }
                }
            }
        }
        if !missing.is_empty() {
            missing.sort();
            let names = listed(missing.into_iter(), ", ");
            let message = format!("what is nested cannot be flattened: no record of its own for {names}");
            flat.partial.get_or_insert_with(|| message.clone());
            let problem = Problem::new(Severity::Warning, "unresolved-reference", message);
            found.problems.push(problem.with_value(nested.target().clone(), None));
        }
        Some(flat)
    }

    fn compare(&self, case: &Case<'_>, rule: &Rule, class: &Class, wanted: Wanted, is_new: bool, found: &mut Found) {
        let inputs = self.inputs;
        let attribute = rule.target();
        let many = inputs.schema.get(attribute).is_some_and(|schema| schema.cardinality == Cardinality::Many);
        let target = case.target_id.as_ref().filter(|_| !is_new);
        let current = match case.target.filter(|_| !is_new) {
            None => &Value::Null,
            Some(record) if record.partial.contains_key(attribute) => {
                let reason = record.partial.get(attribute).map_or("", String::as_str);
                let message = format!("not all values could be read, so nothing is given or taken: {reason}");
                found.problems.push(left_out(Severity::Attention, "target-not-read", message, attribute));
                return;
            }
            Some(record) => match record.get(attribute) {
                Some(current) => current,
                None => {
                    let message = "the values in the target were not read, so nothing is given or taken";
                    found.problems.push(left_out(Severity::Attention, "target-not-read", message, attribute));
                    return;
                }
            },
        };
        if target.is_some() && rule.fills_only() && !current.as_slice().is_empty() {
            return;
        }
        // What is there, and whether it stays.
        let mut current: HashMap<&str, bool> =
            current.as_slice().iter().filter_map(Value::as_text).map(|id| (id, false)).collect();
        let mut set = SetChange {
            heirs: 0,
            attribute: attribute.clone(),
            kind: if many { SetKind::References } else { SetKind::Reference },
            add: Vec::new(),
            remove: Vec::new(),
            rule: shorten(&rule.provenance()),
            given: 0,
            basis: None,
        };
        // What is not there, and is given, or would be if it were known for sure.
        let mut missing: HashSet<Arc<str>> = HashSet::new();
        let mut open: BTreeMap<String, Vec<Arc<str>>> = BTreeMap::new();
        let mut seen: HashSet<Arc<str>> = HashSet::new();
        let known = self.referents.found(class);
        let mut known = known.borrow_mut();
        for id in wanted.ids {
            // Whoever is found, is there and is not the object itself: the same again, for nearly all.
            let other = known.get(&id).filter(|object| target.is_none_or(|own| own.id != **object));
            if let Some(stays) = other.and_then(|object| current.get_mut(&**object)) {
                *stays = true;
                continue;
            }
            if id.trim().is_empty() || !seen.insert(Arc::clone(&id)) {
                continue;
            }
            match self.referents.resolve(inputs, class, &id) {
                Referent::Object(object, _) if target.is_some_and(|own| own.class == *class && own.id == object) => {
                    open.entry("is the object itself".to_owned()).or_default().push(id);
                }
                Referent::Planned(key, _) if key == case.key => {
                    open.entry("is the object itself".to_owned()).or_default().push(id);
                }
                Referent::Object(object, source) => {
                    match current.get_mut(&*object) {
                        Some(stays) => *stays = true,
                        None if self.planner.is_away(&ObjectId::new(class.clone(), Arc::clone(&object))) => {
                            missing.insert(object);
                            open.entry("has an account that is gone or lies in the recycle bin".to_owned())
                                .or_default()
                                .push(id);
                            continue;
                        }
                        None if missing.insert(Arc::clone(&object)) => {
                            // Of one who turns out not to be the one, nothing is given in his name.
                            if let Some(entry) = self.referents.links.get(&source) {
                                let (entry, attribute) = ((*entry).clone(), attribute.clone());
                                found.edges.push(Edge { entry, kind: EdgeKind::Needs, attribute });
                            }
                            set.add.push(Element::object(Arc::clone(&object), Some(source)));
                        }
                        None => {}
                    }
                    known.insert(id, object);
                }
                Referent::Planned(entry, source) => {
                    set.add.push(Element::planned(source));
                    found.edges.push(Edge { entry, kind: EdgeKind::Needs, attribute: attribute.clone() });
                }
                Referent::Unresolved(reason, linked) => {
                    for object in linked {
                        match current.get_mut(&*object) {
                            Some(stays) => *stays = true,
                            None => _ = missing.insert(object),
                        }
                    }
                    open.entry(reason).or_default().push(id);
                }
            }
        }
        drop(known);
        let unresolved = !open.is_empty();
        for (reason, ids) in open {
            found.problems.push(unresolved_reference(attribute, &reason, &ids));
        }
        if let Some(reason) = &wanted.partial {
            let message = format!("not all values were delivered, so nothing is taken: {reason}");
            found.problems.push(left_out(Severity::Attention, "source-not-read", message, attribute));
        }
        if let Some(target) = target.filter(|_| wanted.partial.is_none()) {
            let has_more = !set.add.is_empty() || unresolved;
            // Whoever lies in the recycle bin comes back with what he was given; that may take a while to show, as may what
            // the object itself holds when it is back. Of what it may never have held nothing is waited for.
            let is_back = case.link.is_some_and(|link| inputs.is_young(link.target.since));
            let given = inputs.given.of(target, attribute);
            let away = given.iter().filter(|(own, _)| !current.contains_key(&***own));
            let away = away.filter(|(own, giving)| self.is_away(inputs, class, own, is_back && !giving.in_doubt));
            missing.extend(away.map(|(own, _)| Arc::clone(own)));
            self.take(case, rule, target, &current, &missing, has_more, &mut set, found);
            // The one reference makes way for another; otherwise what only adds takes nothing.
            if !rule.takes_elements() && (many || set.add.is_empty()) {
                set.remove.clear();
            }
        }
        if !many && set.add.len() > 1 {
            let message = format!("there are {} values where one is right", set.add.len());
            found.problems.push(left_out(Severity::Warning, "several-values", message, attribute));
            return;
        }
        if !set.is_empty() {
            if set.takes() {
                set.basis = case.source.map(|sourced| basis(inputs, &sourced.mapped, attribute));
            }
            found.sets.push(set);
        }
    }

    /// Whether an object of the target that was given is not seen there now, and may be again: its link stands, or is a
    /// tombstone, or it was asked for and is not there, or it was made or brought back a moment ago, or the object that
    /// holds it was (`is_back`). One in whose place another is made does not come back.
    fn is_away(&self, inputs: &Inputs<'_>, class: &Class, object: &Arc<str>, is_back: bool) -> bool {
        let id = ObjectId::new(class.clone(), Arc::clone(object));
        if inputs.links.is_deleted(&id) {
            return true;
        }
        let Some(link) = inputs.links.of_target(&id) else { return is_back };
        match self.referents.resolve(inputs, class, &link.source.id) {
            Referent::Unresolved(_, linked) => is_back || linked.contains(object),
            Referent::Object(own, _) => {
                own == *object && (is_back || inputs.is_young(link.target.since) || self.planner.is_away(&id))
            }
            Referent::Planned(..) => false,
        }
    }

    /// What is taken: what the job gave and the source no longer names; of exact sets strangers too.
    #[expect(clippy::too_many_arguments, reason = "all that the rules of taking look at")]
    fn take(
        &self,
        case: &Case<'_>,
        rule: &Rule,
        target: &ObjectId,
        current: &HashMap<&str, bool>,
        missing: &HashSet<Arc<str>>,
        has_more: bool,
        set: &mut SetChange,
        found: &mut Found,
    ) {
        let inputs = self.inputs;
        let attribute = rule.target();
        let given = inputs.given.of(target, attribute);
        set.given = given.len();
        // The run that takes an object over removes nothing from it.
        let adopting = case.situation == Situation::Found && case.recovered.is_none();
        let made = case.link.is_some_and(|link| link.target.origin == LinkOrigin::Created);
        let claimed = case.source_id.as_ref().is_some_and(|source| inputs.mapping.claims(&source.id));
        let exact = inputs.mapping.is_exact(attribute) && (made || claimed);
        // What someone else took away; what is young may merely not show yet.
        let forgotten: Vec<Arc<str>> = given
            .iter()
            .filter(|(own, _)| !current.contains_key(&***own) && !missing.contains(*own))
            .filter(|(_, giving)| !inputs.is_young(giving.at))
            .map(|(own, _)| Arc::clone(own))
            .collect();
        if !forgotten.is_empty() {
            found.forget.insert(attribute.clone(), forgotten);
        }
        if set.kind == SetKind::Reference && has_more {
            // What takes the place of what the job gave is given in its stead.
            let replaced = current.keys().filter(|own| !set.add.is_empty() && given.contains(own));
            set.remove = replaced.map(|own| Element::object((*own).into(), None)).collect();
            return;
        }
        let mut strangers: Vec<&str> = Vec::new();
        let mut gone: Vec<&str> = Vec::new();
        for own in current.iter().filter(|(_, stays)| !**stays).map(|(own, _)| own) {
            if given.contains(own) { gone.push(own) } else { strangers.push(own) }
        }
        if exact && !strangers.is_empty() {
            let unresolved = found.problems.iter().any(|problem| problem.attribute.as_ref() == Some(attribute));
            if adopting || unresolved {
                let why = if adopting {
                    "the run that takes an object over takes nothing"
                } else {
                    "who is meant by some ids is not known"
                };
                let message = format!("{} that this job did not give stay for now: {why}", strangers.len());
                let rule = if adopting { "after-adoption" } else { "strangers-stay" };
                found.problems.push(left_out(Severity::Warning, rule, message, attribute));
            } else {
                gone.append(&mut strangers);
            }
        }
        if !adopting {
            gone.sort_unstable();
            let class = match inputs.schema.get(attribute).map(|schema| &schema.kind) {
                Some(Kind::Reference(class)) => class.clone(),
                _ => return,
            };
            for own in gone {
                let id: Arc<str> = own.into();
                let linked = inputs.links.of_target(&ObjectId::new(class.clone(), Arc::clone(&id)));
                set.remove.push(Element::object(id, linked.map(|link| link.source.clone())));
            }
        }
    }
}

/// What an attribute names in a record.
pub(super) fn ids(flows: &[Flow], rule: &Rule, sourced: &Sourced, is_new: bool) -> Option<Wanted> {
    let flow = flows.iter().find(|flow| flow.attribute == *rule.target())?;
    let value = match &flow.outcome {
        outcome if is_new => rule.on_create(outcome)?,
        outcome => rule.elements_on_update(outcome)?,
    };
    let text = |value: &Value| match value {
        Value::Text(id) => Some(id.to_shared()),
        _ => None,
    };
    let partial = rule.source_attributes().iter().find_map(|name| sourced.record.partial.get(name)).cloned();
    Some(Wanted { ids: value.as_slice().iter().filter_map(text).collect(), partial })
}

fn unresolved_reference(attribute: &Name, reason: &str, ids: &[Arc<str>]) -> Problem {
    let problem = |message: String| Problem::new(Severity::Warning, "unresolved-reference", message);
    match ids {
        [one] => problem(reason.to_owned()).with_value(attribute.clone(), Some(Value::text(one))),
        several => {
            let names = listed(several.iter().map(ToString::to_string), ", ");
            problem(format!("{} ids, of each of which holds: {reason}: {names}", several.len()))
                .with_value(attribute.clone(), None)
        }
    }
}
