//! A plan of what changed: which objects are looked at, and when everything is looked at after all.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures::StreamExt;

use super::bookmark::StoredBookmark;
use super::planning::{Ground, LOOKUP, lookup, side_read, source_query, target_query};
use super::run::Extent as RunExtent;
use super::seen::{Digest, Seen};
use super::{Job, Run};
use crate::error::{ErrorKind, Result};
use crate::model::{Class, Completeness, ObjectId, Origin, Record};
use crate::reconcile::{
    Answer, Answers, AtTarget, Bookmark, Extent, Given, Inputs, LinkIndex, Linked, Pairs, Plan, Planner, Problem,
    Severity, Side, SideRead, Watch,
};
use crate::store::{Cursor, Query, Read, Source, ended, heeded};

/// How many objects may be looked at, whatever the number of those that are linked.
const FEW: u64 = 1_000;
/// Beyond that, the part of those that are linked, one in so many.
const PART: u64 = 10;
/// What is to be looked at of one mapping, or why all of it must be.
type Found<T> = Result<std::result::Result<T, String>>;

/// What changed on the two sides of a mapping, with all that is to be looked at beside.
struct Changes {
    source: Side,
    target: Side,
    /// Sources that were deleted, as the source says.
    deleted: BTreeSet<ObjectId>,
    /// Sources that were looked up by id.
    asked: HashMap<ObjectId, Answer>,
    /// How many objects each side's feed named.
    told: [u64; 2],
    bookmark: Option<Bookmark>,
}

/// What a store told of one class since a cursor.
#[derive(Default)]
struct Feed {
    records: BTreeMap<ObjectId, Vec<Record>>,
    deleted: BTreeSet<ObjectId>,
    unreadable: Vec<(ObjectId, Origin, String)>,
    completeness: Option<Completeness>,
    cursor: Option<String>,
    /// Whether anything was read: then the store is there.
    is_anything: bool,
}

impl Feed {
    /// The objects that it names.
    fn ids(&self) -> BTreeSet<ObjectId> {
        self.records.keys().chain(&self.deleted).cloned().collect()
    }

    /// Takes in how the read ended.
    fn end(&mut self, step: Option<Result<Read>>) {
        let (completeness, cursor) = ended(step);
        (self.completeness, self.cursor) = (Some(completeness), cursor);
    }

    fn is_complete(&self) -> bool {
        self.completeness.as_ref().is_some_and(Completeness::is_complete)
    }
}

impl Job {
    /// Plans what changed since the last plan that was applied as a whole; or everything, and says why.
    pub(super) async fn plan_incrementally(&self, run: Run) -> Result<Plan> {
        let ground = self.ground(&run).await?;
        let (links, given) = (LinkIndex::looked_up(), Given::looked_up());
        let mut all = Vec::with_capacity(self.mappings.len());
        for at in 0..self.mappings.len() {
            let inputs = self.inputs(at, &ground, &links, &given, &run);
            match self.changes(&run, &inputs, ground.bookmarks[at].as_ref(), &ground).await? {
                Ok(changes) => all.push((inputs, changes)),
                Err(reason) => {
                    let full = Run { extent: RunExtent::Full, ..run };
                    return self.plan_by_reading(&full, &ground, Some(reason)).await;
                }
            }
        }
        let mut header = ground.header.clone();
        let mut planners = Vec::with_capacity(all.len());
        for ((inputs, changes), stored) in all.into_iter().zip(&ground.bookmarks) {
            let (mapping, target_class) = (inputs.mapping, inputs.mapping.target_class());
            for (store, class, side, told) in [
                (self.source.name(), mapping.source_class(), &changes.source, changes.told[0]),
                (self.target.name(), target_class, &changes.target, changes.told[1]),
            ] {
                let read = side_read(store, class, side);
                header.reads.push(SideRead { objects: told, changes: true, ..read });
            }
            if let Some(stored) = stored {
                header.linked.insert(target_class.clone(), stored.linked);
                header.memberships.insert(target_class.clone(), stored.memberships);
                if stored.target.is_none() {
                    header.problems.push(changes_unseen(self.target.name(), target_class));
                }
            }
            header.bookmarks.extend(changes.bookmark.map(|bookmark| (mapping.name().clone(), bookmark)));
            // All that changed is not all that there is.
            let part = |side: Side| Side { completeness: None, ..side };
            let (source, target) = (part(changes.source), part(changes.target));
            let mut planner = Planner::new(inputs, Extent::Only, source, target, Pairs::default());
            planner.deleted(changes.deleted);
            planner.answer(Answers { sources: changes.asked, ..Answers::default() });
            planners.push(planner);
        }
        self.ask(planners, header, &links, &given).await
    }

    /// Looks links and what was given up that planning asked for; whether it asked for any.
    pub(super) async fn look_up(&self, links: &LinkIndex, given: &Given) -> Result<bool> {
        let (by_source, by_target) = links.missed();
        let objects = given.missed();
        if by_source.is_empty() && by_target.is_empty() && objects.is_empty() {
            return Ok(false);
        }
        let (here, there) = (self.source.name(), self.target.name());
        let by_source = self.look_up_links(here, by_source).await?.into_iter();
        let by_source = by_source.map(|(id, links)| (id, links.iter().find_map(|link| Linked::of(link, here, there))));
        let by_target = self.look_up_links(there, by_target).await?.into_iter();
        links.put(by_source, by_target.map(|(id, links)| (id, AtTarget::of(&links, here, there))));
        let mut found = Given::default();
        for object in &objects {
            self.ledger.given_to(&mut found, there, object).await?;
        }
        given.put(objects, found);
        Ok(true)
    }

    /// What changed of one mapping, and what else is to be looked at.
    async fn changes(
        &self,
        run: &Run,
        inputs: &Inputs<'_>,
        stored: Option<&StoredBookmark>,
        ground: &Ground,
    ) -> Found<Changes> {
        let stored = match self.usable(inputs, stored, ground) {
            Ok(stored) => stored,
            Err(reason) => return Ok(Err(reason)),
        };
        let query = target_query(inputs);
        let target = match &stored.target {
            Some(cursor) => match self.read_changes(&*self.target, query, cursor).await {
                Ok(feed) => feed,
                Err(reason) => return Ok(Err(reason)),
            },
            None => Feed { completeness: Some(Completeness::Complete), ..Feed::default() },
        };
        let mut wanted = self.wanted(inputs, &target, ground).await?;
        let query = source_query(run, inputs.mapping, inputs.policy);
        let (mut source, seen) = match &stored.source {
            Some(cursor) => match self.read_changes(&*self.source, query, cursor).await {
                Ok(feed) => (feed, None),
                Err(reason) => return Ok(Err(reason)),
            },
            None => match self.read_changed(run, inputs, &query, &wanted).await? {
                Ok((feed, seen)) => (feed, Some(seen)),
                Err(reason) => return Ok(Err(reason)),
            },
        };
        let told = [source.ids().len() as u64, target.ids().len() as u64];
        let looked_at = wanted.union(&source.ids()).count() as u64;
        if looked_at > FEW && looked_at > stored.linked / PART {
            return Ok(Err(format!(
                "{looked_at} objects are to be looked at of {} that are linked, which is cheaper all at once; the source \
                 told of {}, the others wait for something or changed in the target",
                stored.linked, told[0]
            )));
        }
        wanted.retain(|id| !source.records.contains_key(id) && !source.deleted.contains(id));
        // What was read whole and is not there is not there; whether that means anything a full run says.
        let beyond_reach = !inputs.abilities.source_get && seen.is_none();
        if !inputs.abilities.source_get {
            if beyond_reach && !wanted.is_empty() {
                return Ok(Err(format!(
                    "{} objects are to be looked at again, and {} cannot be asked for them by id",
                    wanted.len(),
                    self.source.name()
                )));
            }
            if let Some(id) = source.deleted.iter().find(|id| source.records.contains_key(*id)) {
                return Ok(Err(format!(
                    "{} says of {} both that it is there and that it was deleted, and cannot be asked by id",
                    self.source.name(),
                    id.id
                )));
            }
            wanted.clear();
        } else if seen.is_none() {
            // What was told more than once, or to be gone, is looked at as it is now.
            let unsure = source.records.iter().filter(|(_, records)| records.len() > 1).map(|(id, _)| id);
            wanted.extend(unsure.chain(&source.deleted).cloned());
            source.records.retain(|id, _| !wanted.contains(id));
        }
        if let Some(filter) = &run.filter {
            source.deleted.clear();
            source.records.retain(|_, records| records.iter().any(|record| filter.matches(&record.attributes)));
        }
        let mut asked = self.ask_for(run, wanted, &mut source).await?;
        // What cannot be said to be gone may show again.
        let unknown = asked.iter().filter(|(id, answer)| {
            let nothing = answer.as_ref().is_ok_and(Vec::is_empty);
            nothing && !inputs.abilities.source_get_is_authoritative && !source.deleted.contains(*id)
        });
        let watch = unknown.map(|(id, _)| (Arc::clone(&id.id), Watch::Undone)).collect();
        let bookmark = (source.is_complete() && target.is_complete() && run.filter.is_none()).then(|| Bookmark {
            before: Some(stored.number),
            fingerprint: stored.fingerprint.clone(),
            // A cursor that is missing for once is read from again.
            source: source.cursor.clone().or_else(|| stored.source.clone()),
            seen: seen.map(|seen| seen.digest()),
            target: target.cursor.clone().or_else(|| stored.target.clone()),
            watch,
        });
        // An object that cannot be read shares its id with no other.
        asked.retain(|id, _| !source.unreadable.iter().any(|(unreadable, ..)| unreadable == id));
        Ok(Ok(Changes {
            source: Side {
                records: source.records.into_values().flatten().collect(),
                unreadable: source.unreadable,
                completeness: source.completeness,
                ..Side::default()
            },
            target: Side {
                // What was told more than once, or to be gone too, planning asks for when it meets it.
                records: target
                    .records
                    .into_iter()
                    .filter(|(id, records)| records.len() == 1 && !target.deleted.contains(id))
                    .flat_map(|(_, records)| records)
                    .collect(),
                unreadable: Vec::new(),
                completeness: target.completeness,
                ..Side::default()
            },
            deleted: source.deleted,
            asked,
            told,
            bookmark,
        }))
    }

    /// The bookmark to go on from; or why there is none.
    fn usable<'a>(
        &self,
        inputs: &Inputs<'_>,
        stored: Option<&'a StoredBookmark>,
        ground: &Ground,
    ) -> std::result::Result<&'a StoredBookmark, String> {
        let mapping = inputs.mapping.name();
        if !(inputs.abilities.target_get && inputs.abilities.target_find) {
            return Err(format!("{} cannot be asked both by id and by value", self.target.name()));
        }
        let Some(stored) = stored else {
            return Err(format!("no plan of {mapping} that could be gone on from was applied as a whole before"));
        };
        if stored.tenant != ground.header.tenant {
            return Err("the last run was of another tenant".to_owned());
        }
        if stored.fingerprint != self.bookmark_fingerprint(inputs.constraints) {
            return Err("the mapping, its scope, the policy, a parameter or a store's name is another one".to_owned());
        }
        if stored.source.is_none() && !stored.seen {
            return Err(format!("{} gave no cursor last time", self.source.name()));
        }
        Ok(stored)
    }

    /// The sources to look at although they may not have changed: those that wait, those whose create was cut off, and
    /// those that are linked to what changed in the target.
    async fn wanted(&self, inputs: &Inputs<'_>, target: &Feed, ground: &Ground) -> Result<BTreeSet<ObjectId>> {
        let class = inputs.mapping.source_class();
        let pending = self.ledger.pending(&self.name, inputs.mapping.name()).await?;
        let mut wanted: BTreeSet<ObjectId> = pending.into_keys().map(|id| ObjectId::new(class.clone(), id)).collect();
        let begun = ground.begun.iter().filter(|source| source.class == *class);
        wanted.extend(begun.cloned());
        for (_, links) in self.look_up_links(self.target.name(), target.ids()).await? {
            let linked = links.iter().filter_map(|link| Linked::of(link, self.source.name(), self.target.name()));
            let ours = linked.filter(|linked| {
                let owner = linked.target.owner.as_deref();
                linked.source.class == *class && owner.is_none_or(|owner| owner == self.name)
            });
            wanted.extend(ours.map(|linked| linked.source));
        }
        Ok(wanted)
    }

    /// Looks sources up by id. One that cannot be is not forgotten: then the side was not read to its end.
    async fn ask_for(
        &self,
        run: &Run,
        wanted: BTreeSet<ObjectId>,
        source: &mut Feed,
    ) -> Result<HashMap<ObjectId, Answer>> {
        let wanted: Vec<ObjectId> = wanted.into_iter().collect();
        let mut asked = HashMap::new();
        for ids in wanted.chunks(LOOKUP) {
            asked.extend(lookup(&*self.source, ids).await);
        }
        let is_believed = source.is_anything || run.allow_empty || run.filter.is_some();
        if !is_believed && let Some(class) = self.doubt_absence(&mut asked, &source.deleted).await?.first() {
            return Err(self.empty_source(class));
        }
        let failed = asked.values().find_map(|answer| answer.as_ref().err().cloned());
        if let (Some(reason), Some(Completeness::Complete)) = (failed, &source.completeness) {
            let reason = format!("not all objects could be looked up: {reason}");
            source.completeness = Some(Completeness::Partial { reason });
        }
        if let Some(filter) = &run.filter {
            let passes = |record: &Record| filter.matches(&record.attributes);
            asked.retain(|_, answer| answer.as_ref().is_ok_and(|found| found.iter().any(passes)));
        }
        Ok(asked)
    }

    /// Reads what changed since a cursor; or says why that is not to be had.
    async fn read_changes<S: Source + ?Sized>(
        &self,
        store: &S,
        query: Query,
        cursor: &str,
    ) -> std::result::Result<Feed, String> {
        let query = query.with_since(Cursor::new(cursor));
        let mut feed = Feed::default();
        let mut stream = heeded(store, &query);
        while feed.completeness.is_none() {
            match stream.next().await {
                Some(Ok(Read::Record(record))) => {
                    feed.is_anything |= record.id.class == query.class;
                    let records = feed.records.entry(record.id.clone()).or_default();
                    // The same again is no second object.
                    if !records.contains(&record) {
                        records.push(record);
                    }
                }
                Some(Ok(Read::Deleted(id))) => _ = feed.deleted.insert(id),
                Some(Ok(Read::Unreadable { id, origin, reason })) => feed.unreadable.push((id, origin, reason)),
                Some(Err(error)) if error.kind() == ErrorKind::CursorExpired => {
                    return Err(format!("{} no longer takes its cursor: {}", store.name(), error.to_chain()));
                }
                end => feed.end(end),
            }
        }
        // Of other classes nothing was asked.
        feed.records.retain(|id, _| id.class == query.class);
        feed.deleted.retain(|id| id.class == query.class);
        feed.unreadable.retain(|(id, ..)| id.class == query.class);
        self.tell_read(store.name(), &query.class, feed.ids().len());
        Ok(feed)
    }

    /// Reads a source whole that keeps no track of changes, and keeps what differs from what was seen last, and what is
    /// wanted.
    async fn read_changed(
        &self,
        run: &Run,
        inputs: &Inputs<'_>,
        query: &Query,
        wanted: &BTreeSet<ObjectId>,
    ) -> Found<(Feed, Seen)> {
        let known: BTreeMap<Arc<str>, Digest> = self.ledger.seen(&self.name, inputs.mapping.name()).await?;
        let mut seen = Seen::new(inputs.mapping, inputs.policy);
        let mut feed = Feed::default();
        let mut read = 0;
        let mut stream = heeded(&*self.source, query);
        while feed.completeness.is_none() {
            match stream.next().await {
                Some(Ok(Read::Record(record))) => {
                    read += 1;
                    feed.is_anything = true;
                    let again = seen.has(&record.id.id);
                    let digest = seen.add(&record);
                    let changed = known.get(&record.id.id) != Some(&digest);
                    let kept = feed.records.contains_key(&record.id);
                    if again && !kept && changed {
                        // The first of them looked as before, and was let go.
                        return Ok(Err(format!(
                            "several records of {} share the id {}",
                            self.source.name(),
                            record.id.id
                        )));
                    }
                    if changed || kept || wanted.contains(&record.id) {
                        feed.records.entry(record.id.clone()).or_default().push(record);
                    }
                }
                Some(Ok(Read::Unreadable { id, origin, reason })) => feed.unreadable.push((id, origin, reason)),
                Some(Ok(Read::Deleted(_))) => {}
                end => feed.end(end),
            }
        }
        if read == 0 && feed.is_complete() && !run.allow_empty {
            let before: Vec<ObjectId> =
                known.keys().map(|id| ObjectId::new(query.class.clone(), Arc::clone(id))).collect();
            if self.owns_any(&before).await? {
                return Err(self.empty_source(&query.class));
            }
        }
        // Several records of one id may differ one by one and be the same together.
        feed.records.retain(|id, _| wanted.contains(id) || known.get(&id.id) != seen.digests().get(&id.id));
        self.tell_read(self.source.name(), &query.class, read);
        Ok(Ok((feed, seen)))
    }
}

fn changes_unseen(store: &str, class: &Class) -> Problem {
    let message = format!(
        "{store} keeps no track of what changes: what others did to {class} objects there only a full run sees"
    );
    Problem::new(Severity::Warning, "target-changes-unseen", message)
}
