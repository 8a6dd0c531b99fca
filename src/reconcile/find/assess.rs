//! Which situation each object is in; and what must still be looked up to know.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::mapping::Belonging;
use crate::model::{Anchor, Name, ObjectId, Origin, Record, comparison_key};
use crate::reconcile::find::case::{Assessment, Case, Extent, SourceRead, Sourced};
use crate::reconcile::find::conflict::{contest, rekey, tell_apart};
use crate::reconcile::find::correlate::{Match, TargetIndex};
use crate::reconcile::find::link::Linked;
use crate::reconcile::reading::inputs::{Answers, Inputs, Questions, Side};
use crate::reconcile::reading::pairs::Pairs;
use crate::reconcile::{EntryKey, Evidence, Problem, Severity, Situation};

/// How many of the objects that a source may be are named.
const CANDIDATES_SHOWN: usize = 10;

/// Assesses every object, or says what must be looked up first.
#[expect(clippy::too_many_arguments, reason = "all that a planner holds")]
pub(crate) fn assess<'a>(
    inputs: &Inputs<'a>,
    extent: Extent,
    sources: &'a [Sourced],
    mut read: SourceRead,
    unreadable: &'a [(ObjectId, Origin, String)],
    deleted: &BTreeSet<ObjectId>,
    target_side: &'a Side,
    answers: &'a Answers,
    pairs: &'a Pairs,
) -> Result<Assessment<'a>, Box<Questions>> {
    // Asked by id, the records come after the read.
    let delivered =
        |name: &str| pairs.delivers(name) || sources.iter().any(|sourced| sourced.record.get(name).is_some());
    read.scope_delivered = inputs.mapping.scope_undelivered(delivered).is_empty();
    let mut assessor = Assessor {
        inputs: *inputs,
        read,
        answers,
        target_complete: target_side.is_complete(),
        index: TargetIndex::new(inputs, target_side, answers, pairs),
        questions: Questions::default(),
        owned_elsewhere: 0,
        candidates: HashSet::new(),
        lists_noted: HashMap::new(),
    };
    let mut by_id: BTreeMap<&ObjectId, Vec<&Sourced>> = BTreeMap::new();
    for sourced in sources {
        by_id.entry(&sourced.record.id).or_default().push(sourced);
    }
    let mut broken: BTreeMap<&ObjectId, Vec<&(ObjectId, Origin, String)>> = BTreeMap::new();
    for one in unreadable {
        broken.entry(&one.0).or_default().push(one);
    }
    let mut cases: Vec<Case<'a>> = Vec::with_capacity(by_id.len());
    for (id, records) in &by_id {
        match (records.as_slice(), broken.remove(id)) {
            ([one], None) => cases.extend(assessor.source_phase(one)),
            (several, unreadable) => cases.extend(assessor.duplicates(several, &unreadable.unwrap_or_default())),
        }
    }
    for (id, unreadable) in &broken {
        cases.extend(assessor.unreadable_of(id, unreadable));
    }
    if extent == Extent::Owned {
        cases.extend(inputs.links.iter().filter_map(|link| assessor.retired(link)).collect::<Vec<_>>());
    } else if extent == Extent::Whole {
        let links = inputs.links.places();
        let (from, to) = (inputs.mapping.source_class(), inputs.mapping.target_class());
        // What another job owns is counted where its source is met, or on the target's side.
        let ours = |place: usize| links.is_between(place, from, to, inputs.job);
        let unsettled = |place: &usize| ours(*place) && !pairs.is_settled(*place) && !links.standing(*place).is_deleted;
        for link in (0..links.len()).filter(unsettled).map(|place| links.get(place)) {
            if !by_id.contains_key(&link.source) && !broken.contains_key(&link.source) {
                cases.extend(assessor.link_without_source(link, read));
            }
        }
    } else {
        let is_there = |id: &ObjectId| by_id.contains_key(id) || broken.contains_key(id);
        for id in deleted.iter().filter(|id| !is_there(id)) {
            cases.extend(assessor.deleted(id));
        }
        let asked = answers.sources.iter().filter(|_| inputs.abilities.source_get_is_authoritative);
        for (id, answer) in asked.filter(|(id, _)| !deleted.contains(id)) {
            if let (Ok(found), Some(link)) = (answer, inputs.links.of_source(id))
                && found.is_empty()
                && link.target.deleted_at.is_none()
            {
                cases.extend(assessor.source_gone(link, Evidence::NotFoundById));
            }
        }
    }
    if !assessor.questions.is_empty() {
        return Err(Box::new(assessor.questions));
    }
    contest(&mut cases);
    rekey(&mut cases);
    for case in cases.iter_mut().filter(|case| case.situation == Situation::FoundAlreadyLinked) {
        let stays = |link: &Linked| by_id.get(&link.source).is_some_and(|own| own.iter().any(|one| one.is_in_scope()));
        case.holder_left = extent == Extent::Whole && read.complete && case.link.is_some_and(|link| !stays(link));
    }
    let candidates = std::mem::take(&mut assessor.candidates);
    if extent == Extent::Whole {
        cases.extend(assessor.target_phase(&cases, &candidates));
    }
    Ok(Assessment { cases, owned_elsewhere: assessor.owned_elsewhere, candidates, index: assessor.index })
}

pub(crate) struct Assessor<'a> {
    pub(crate) inputs: Inputs<'a>,
    pub(crate) read: SourceRead,
    pub(crate) answers: &'a Answers,
    pub(crate) target_complete: bool,
    pub(crate) index: TargetIndex<'a>,
    pub(crate) questions: Questions,
    pub(crate) owned_elsewhere: u64,
    /// Targets that some source may be.
    pub(crate) candidates: HashSet<ObjectId>,
    /// The first few of each list of several candidates.
    pub(crate) lists_noted: HashMap<usize, Vec<ObjectId>>,
}

/// What is known of a linked target that was not in the list.
enum Whereabouts<'a> {
    Here(&'a Record),
    Deleted(&'a Record),
    Gone,
    Unknown(String),
    Asked,
}

impl<'a> Assessor<'a> {
    fn source_phase(&mut self, sourced: &'a Sourced) -> Option<Case<'a>> {
        let id = &sourced.record.id;
        let mut case = Case::new(EntryKey::of_source(self.key_name(), id), Situation::SourceIgnored);
        case.source = Some(sourced);
        case.source_id = Some(id.clone());
        if sourced.is_ignored() {
            return Some(case);
        }
        let link = self.inputs.links.of_source(id);
        match &sourced.belonging {
            Belonging::InScope | Belonging::LeftScope => {}
            Belonging::LeftAlone => return self.left_alone(case, sourced, link),
            Belonging::Unknown(error) => {
                let message = format!("nobody can say whether it is in scope: {error}");
                case.situation = Situation::Unreadable;
                case.problems.push(Problem::new(Severity::Attention, "scope", message));
                return self.left_alone(case, sourced, link);
            }
        }
        match link {
            Some(link) if link.target.deleted_at.is_none() => {
                if self.is_owned_elsewhere(link) {
                    return None;
                }
                self.linked(case, sourced, link)
            }
            tombstone => self.unlinked(case, sourced, tombstone),
        }
    }

    /// Whoever is not looked at keeps what he has, and nobody takes away what he may have.
    fn left_alone(&mut self, mut case: Case<'a>, sourced: &'a Sourced, link: Option<&'a Linked>) -> Option<Case<'a>> {
        match link.filter(|link| link.target.deleted_at.is_none()) {
            Some(link) if self.is_owned_elsewhere(link) => return None,
            Some(link) => case.target_id = Some(link.target.object.clone()),
            None => {
                if let Match::Candidates(found) = self.index.candidates(&sourced.matching_keys(&self.inputs)) {
                    self.note_candidates(&mut case, &found);
                }
            }
        }
        Some(case)
    }

    fn linked(&mut self, mut case: Case<'a>, sourced: &'a Sourced, link: &'a Linked) -> Option<Case<'a>> {
        case.target_id = Some(link.target.object.clone());
        case.link = Some(link);
        match self.whereabouts(&link.target.object) {
            Whereabouts::Asked => return None,
            Whereabouts::Here(record) if sourced.is_in_scope() && !self.ask_for_new_values(sourced, record) => {
                return None;
            }
            Whereabouts::Here(record) => {
                case.target = Some(record);
                case.situation = if !sourced.is_in_scope() && link.target.owner.is_none() {
                    // A job of the other direction linked it, and no job writes to this end: nothing of it is ours.
                    Situation::SourceIgnored
                } else if !sourced.is_in_scope() && !self.index.in_scope(record) {
                    // Whoever left: what the mapping does not look at it does not take away.
                    Situation::TargetIgnored
                } else if !sourced.is_in_scope() {
                    case.evidence = Some(Evidence::OutOfScope);
                    if !self.read.scope_delivered {
                        case = case.block("schema-drift", "the scope reads an attribute that no record has");
                    }
                    Situation::Unqualified
                } else if link.target.owner.is_none() {
                    // Linked by a job of the other direction: this one takes over its own end.
                    Situation::Found
                } else {
                    Situation::Confirmed
                };
            }
            Whereabouts::Deleted(_) if !sourced.is_in_scope() => case.situation = Situation::Unqualified,
            Whereabouts::Deleted(record) => {
                case.target = Some(record);
                case.situation = Situation::RecycleBin;
            }
            Whereabouts::Gone if !sourced.is_in_scope() => {
                case.situation = self.unless_young(link, Situation::LinkOnly)
            }
            Whereabouts::Gone => {
                if let Some(case) = self.recovered(&mut case, sourced) {
                    return case;
                }
                case.situation = self.unless_young(link, Situation::Missing);
            }
            Whereabouts::Unknown(reason) => {
                case.situation = Situation::Pending;
                case = case.block("target-not-read", reason);
            }
        }
        Some(case)
    }

    /// What it means that a target is not to be found; nothing, while it is too young to be seen.
    fn unless_young(&self, link: &Linked, situation: Situation) -> Situation {
        if self.inputs.is_young(link.target.since) { Situation::Pending } else { situation }
    }

    fn unlinked(
        &mut self,
        mut case: Case<'a>,
        sourced: &'a Sourced,
        tombstone: Option<&'a Linked>,
    ) -> Option<Case<'a>> {
        if sourced.is_in_scope()
            && let Some(case) = self.recovered(&mut case, sourced)
        {
            return case;
        }
        let keys: Vec<Option<String>> = sourced.matching_keys(&self.inputs);
        if !self.target_complete && !self.ask_for_values(sourced) {
            return None;
        }
        let unknown = self.unanswered(sourced);
        let found = self.index.candidates(&keys);
        if let Match::Candidates(found) = &found {
            self.note_candidates(&mut case, found);
        }
        if !sourced.is_in_scope() {
            case.situation = if case.candidates.is_empty() { Situation::SourceIgnored } else { Situation::Unqualified };
            return Some(case);
        }
        match found {
            Match::Candidates(found) if found.len() == 1 => {
                let record = self.index.record(found[0]);
                if self.is_of_others(&record.id) {
                    return None;
                }
                case.target = Some(record);
                case.target_id = Some(record.id.clone());
                case.situation = match self.inputs.links.of_target(&record.id) {
                    Some(link) if link.source != sourced.record.id => {
                        if self.is_owned_elsewhere(link) {
                            return None;
                        }
                        case.link = Some(link);
                        Situation::FoundAlreadyLinked
                    }
                    _ => Situation::Found,
                };
                // That it is the only one counts only if all are known.
                Some(match unknown {
                    Some(reason) => case.block("target-not-read", format!("target not read completely: {reason}")),
                    None => case,
                })
            }
            Match::Candidates(_) => {
                case.situation = Situation::Ambiguous;
                Some(case)
            }
            Match::Blank if !keys.is_empty() => {
                case.situation = Situation::Absent;
                let names = self.inputs.mapping.matching().iter().map(Name::as_str).collect::<Vec<_>>().join(", ");
                Some(case.block("no-matching-value", format!("no matching value: {names} must not all be blank")))
            }
            Match::Blank | Match::None => {
                case.situation = Situation::Absent;
                if let Some(reason) = unknown {
                    return Some(case.block("target-not-read", format!("target not read completely: {reason}")));
                }
                self.in_recycle_bin(case, sourced, tombstone)
            }
        }
    }

    fn in_recycle_bin(
        &mut self,
        mut case: Case<'a>,
        sourced: &'a Sourced,
        tombstone: Option<&'a Linked>,
    ) -> Option<Case<'a>> {
        if !self.inputs.abilities.target_bin {
            return Some(case);
        }
        let class = self.inputs.mapping.target_class();
        let mut anchors: Vec<Anchor> =
            tombstone.map(|link| Anchor::Id(link.target.object.clone())).into_iter().collect();
        for (name, schema) in self.inputs.schema.attributes.iter().filter(|(_, schema)| schema.anchor) {
            let value = sourced.desired(&self.inputs, name).filter(|value| comparison_key(schema, value).is_some());
            anchors.extend(value.map(|value| Anchor::Attribute { class: class.clone(), name: name.clone(), value }));
        }
        let mut deleted: BTreeMap<&'a ObjectId, &'a Record> = BTreeMap::new();
        let mut asked = false;
        for anchor in anchors {
            match self.answers.deleted.get(&anchor) {
                None => {
                    self.questions.deleted.insert(anchor);
                    asked = true;
                }
                Some(Err(reason)) => {
                    return Some(
                        case.block("recycle-bin-not-read", format!("the recycle bin could not be read: {reason}")),
                    );
                }
                Some(Ok(records)) => deleted.extend(records.iter().map(|record| (&record.id, record))),
            }
        }
        if asked {
            return None;
        }
        let mut deleted = deleted.into_values();
        match (deleted.next(), deleted.next()) {
            (None, _) => {}
            (Some(record), None) if self.is_of_others(&record.id) => return None,
            (Some(record), None) => {
                case.situation = Situation::RecycleBin;
                case.target = Some(record);
                case.target_id = Some(record.id.clone());
                case.link = tombstone;
            }
            (Some(one), Some(two)) => {
                case.situation = Situation::Ambiguous;
                case.candidates = [one, two].into_iter().chain(deleted).map(|record| record.id.clone()).collect();
                case.candidate_count = case.candidates.len();
            }
        }
        Some(case)
    }

    /// Notes what a source may be: the first few by their ids for the eye, all of them so that nobody takes them away.
    fn note_candidates(&mut self, case: &mut Case<'a>, found: &Arc<Vec<usize>>) {
        case.candidate_count = found.len();
        let id = |position: &usize| self.index.record(*position).id.clone();
        if let [one] = found.as_slice() {
            case.candidates = vec![id(one)];
            self.candidates.insert(id(one));
            return;
        }
        // The same list is met by all that it matches; going through it once is enough.
        let shown = self.lists_noted.entry(Arc::as_ptr(found) as usize).or_insert_with(|| {
            let mut ids: Vec<ObjectId> = found.iter().map(id).collect();
            ids.sort();
            self.candidates.extend(ids.iter().cloned());
            ids.truncate(CANDIDATES_SHOWN);
            ids
        });
        case.candidates.clone_from(shown);
    }

    /// Records that share an id: nobody's, until a person says whose it is. Those that cannot be read count too.
    fn duplicates(&mut self, several: &[&'a Sourced], unreadable: &[&'a (ObjectId, Origin, String)]) -> Vec<Case<'a>> {
        // In an order that does not depend on that of the read, where the records have no rows to go by.
        let mut several = several.to_vec();
        several
            .sort_by_cached_key(|sourced| (sourced.record.origin.clone(), format!("{:?}", sourced.record.attributes)));
        let count = several.len() + unreadable.len();
        let shared = |mut case: Case<'a>| {
            let id = case.source_id.as_ref().map_or("", |id| &id.id);
            let message = format!("{count} records share the id `{id}`; an id must be one object's alone");
            case.situation = Situation::Duplicate;
            case.problems.push(Problem::new(Severity::Attention, "duplicate-id", message));
            case
        };
        let mut cases = Vec::with_capacity(count);
        for (number, sourced) in (1..).zip(several) {
            let mut case = self.repeated(&sourced.record.id, sourced.record.origin.as_ref(), number);
            case.source = Some(sourced);
            // Whoever they turn out to be, nobody takes their accounts away.
            if let Match::Candidates(found) = self.index.candidates(&sourced.matching_keys(&self.inputs)) {
                self.note_candidates(&mut case, &found);
            }
            cases.push(shared(case));
        }
        if let Some(one) = unreadable.first() {
            cases.extend(self.unreadable_of(&one.0, unreadable).into_iter().map(shared));
        }
        tell_apart(&mut cases);
        cases
    }

    /// Objects of one id that are there and cannot be read, in an order that does not depend on that of the read.
    fn unreadable_of(&self, id: &ObjectId, several: &[&'a (ObjectId, Origin, String)]) -> Vec<Case<'a>> {
        let mut several = several.to_vec();
        several.sort();
        let mut cases: Vec<Case<'a>> = several.into_iter().map(|one| self.unreadable(id, one)).collect();
        tell_apart(&mut cases);
        cases
    }

    /// An object that is there and cannot be read.
    fn unreadable(&self, id: &ObjectId, (_, origin, reason): &'a (ObjectId, Origin, String)) -> Case<'a> {
        let mut case = self.repeated(id, Some(origin), 0);
        case.situation = Situation::Unreadable;
        case.origin = Some(origin);
        case.problems.push(Problem::new(Severity::Attention, "unreadable", format!("{reason} ({origin})")));
        case
    }

    fn repeated(&self, id: &ObjectId, origin: Option<&Origin>, number: u64) -> Case<'a> {
        let mut key = EntryKey::of_source(self.key_name(), id);
        key.record = Some(origin.and_then(|origin| origin.row).unwrap_or(number));
        let mut case = Case::new(key, Situation::Duplicate);
        case.source_id = Some(id.clone());
        case
    }

    /// A link whose source was not in what was read.
    fn link_without_source(&mut self, link: &'a Linked, read: SourceRead) -> Option<Case<'a>> {
        if !read.complete {
            return None;
        }
        let mut asked_again = false;
        if self.inputs.abilities.source_get {
            match self.answers.sources.get(&link.source) {
                None => {
                    self.questions.sources.insert(link.source.clone());
                    return None;
                }
                // What was found is among the sources now.
                Some(Ok(found)) if !found.is_empty() => return None,
                Some(Ok(_)) => asked_again = true,
                Some(Err(reason)) => {
                    let case = Case::new(EntryKey::of_source(self.key_name(), &link.source), Situation::SourceMissing);
                    let mut case =
                        case.block("source-not-read", format!("the source could not be asked again: {reason}"));
                    case.source_id = Some(link.source.clone());
                    case.target_id = Some(link.target.object.clone());
                    case.link = Some(link);
                    return Some(case);
                }
            }
        }
        self.source_gone(link, Evidence::NotInCompleteRead { read: read.objects, asked_again })
    }

    /// Whether the link is between the mapping's classes, and its target this job's.
    fn owns(&self, link: &Linked) -> bool {
        let mapping = self.inputs.mapping;
        link.source.class == *mapping.source_class()
            && link.target.object.class == *mapping.target_class()
            && link.target.owner.as_deref() == Some(self.inputs.job)
    }

    /// What becomes of an object that the job owns when the job is retired. The source is not asked.
    fn retired(&mut self, link: &'a Linked) -> Option<Case<'a>> {
        let mut case = self.owns(link).then(|| self.source_gone(link, Evidence::JobRetired))??;
        if case.situation == Situation::SourceMissing {
            case.situation = Situation::Retired;
        }
        Some(case)
    }

    pub(crate) fn source_gone(&mut self, link: &'a Linked, evidence: Evidence) -> Option<Case<'a>> {
        if self.is_owned_elsewhere(link) || link.target.owner.is_none() {
            return None;
        }
        let mut case = Case::new(EntryKey::of_source(self.key_name(), &link.source), Situation::SourceMissing);
        case.source_id = Some(link.source.clone());
        case.target_id = Some(link.target.object.clone());
        case.link = Some(link);
        match self.whereabouts(&link.target.object) {
            Whereabouts::Asked => return None,
            // Such as one who was made a guest: what the mapping does not look at it does not take away either.
            Whereabouts::Here(record) if evidence != Evidence::JobRetired && !self.index.in_scope(record) => {
                case.target = Some(record);
                case.situation = Situation::TargetIgnored;
            }
            Whereabouts::Here(record) => {
                case.target = Some(record);
                case.evidence = Some(evidence);
            }
            Whereabouts::Unknown(reason) => case = case.block("target-not-read", reason),
            // Not gone yet: it may be brought back, and is ours then.
            Whereabouts::Deleted(_) => {}
            Whereabouts::Gone => case.situation = self.unless_young(link, Situation::LinkOnly),
        }
        Some(case)
    }

    /// Targets that no source accounts for.
    fn target_phase(&mut self, cases: &[Case<'a>], candidates: &HashSet<ObjectId>) -> Vec<Case<'a>> {
        let accounted: HashSet<&ObjectId> =
            cases.iter().filter_map(|case| case.target_id.as_ref()).chain(candidates).collect();
        let mut leftovers = Vec::new();
        for record in self.index.iter().filter(|record| !accounted.contains(&record.id)) {
            let link = self.inputs.links.of_target(&record.id);
            let of_others = || self.inputs.links.is_of_others(&record.id, self.inputs.job);
            if link.is_some_and(|link| self.is_owned_elsewhere_quietly(link)) || of_others() {
                continue;
            }
            // Linked, and its source not read this time: nothing is known of it.
            if link.is_some_and(|link| link.target.owner.is_some()) {
                continue;
            }
            let situation = if self.index.in_scope(record) { Situation::Unassigned } else { Situation::TargetIgnored };
            let mut case = Case::new(EntryKey::of_target(self.key_name(), &record.id), situation);
            case.target = Some(record);
            case.target_id = Some(record.id.clone());
            leftovers.push(case);
        }
        leftovers
    }

    fn whereabouts(&mut self, id: &ObjectId) -> Whereabouts<'a> {
        if let Some(position) = self.index.position(id) {
            return Whereabouts::Here(self.index.record(position));
        }
        if self.inputs.abilities.target_get {
            match self.answers.targets.get(id) {
                None => {
                    self.questions.targets.insert(id.clone());
                    return Whereabouts::Asked;
                }
                Some(Err(reason)) => return Whereabouts::Unknown(format!("the target could not be asked: {reason}")),
                // What was found is in the index.
                Some(Ok(_)) => {}
            }
        } else if !self.target_complete {
            return Whereabouts::Unknown("target not read completely".to_owned());
        }
        if !self.inputs.abilities.target_bin {
            return Whereabouts::Gone;
        }
        let anchor = Anchor::Id(id.clone());
        match self.answers.deleted.get(&anchor) {
            None => {
                self.questions.deleted.insert(anchor);
                Whereabouts::Asked
            }
            Some(Err(reason)) => Whereabouts::Unknown(format!("the recycle bin could not be read: {reason}")),
            Some(Ok(records)) => records.first().map_or(Whereabouts::Gone, Whereabouts::Deleted),
        }
    }

    fn is_owned_elsewhere(&mut self, link: &Linked) -> bool {
        let elsewhere = self.is_owned_elsewhere_quietly(link);
        self.owned_elsewhere += u64::from(elsewhere);
        elsewhere
    }

    /// Whether another job owns a target object that it linked to another store; it is counted then.
    fn is_of_others(&mut self, target: &ObjectId) -> bool {
        let elsewhere = self.inputs.links.is_of_others(target, self.inputs.job);
        self.owned_elsewhere += u64::from(elsewhere);
        elsewhere
    }

    fn is_owned_elsewhere_quietly(&self, link: &Linked) -> bool {
        link.target.owner.as_deref().is_some_and(|owner| owner != self.inputs.job)
    }

    pub(crate) fn key_name(&self) -> &'a Name {
        self.inputs.mapping.name()
    }
}
