//! The links between a job's two stores while a plan is applied, found from either end.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::{StreamExt, TryStreamExt, stream};

use super::Job;
use super::ledger::Intent;
use super::run::INCREMENTAL;
use crate::error::Result;
use crate::model::{Class, ObjectId};
use crate::reconcile::{Link, LinkEnd, Plan};
use crate::store::Source;

/// How many links are looked up at the same time.
const TOGETHER: usize = 32;

/// The links between two stores, by their ends.
#[derive(Debug)]
pub(super) struct Links {
    source: String,
    target: String,
    by_source: HashMap<ObjectId, Link>,
    sources: HashMap<ObjectId, ObjectId>,
}

impl Links {
    fn new(source: &str, target: &str) -> Self {
        Self {
            source: source.to_owned(),
            target: target.to_owned(),
            by_source: HashMap::new(),
            sources: HashMap::new(),
        }
    }

    /// The link of a source object, a tombstone too.
    pub(super) fn get(&self, source: &ObjectId) -> Option<&Link> {
        self.by_source.get(source)
    }

    /// The target's end of a source object's link.
    pub(super) fn target_of(&self, source: &ObjectId) -> Option<&LinkEnd> {
        self.get(source)?.end(&self.target)
    }

    /// The target's end of a source object's link, to change.
    pub(super) fn target_of_mut(&mut self, source: &ObjectId) -> Option<&mut LinkEnd> {
        self.ends_of_mut(source).map(|(_, target)| target)
    }

    /// The two ends of a source object's link, the target's last, to change.
    pub(super) fn ends_of_mut(&mut self, source: &ObjectId) -> Option<(&mut LinkEnd, &mut LinkEnd)> {
        let [one, other] = &mut self.by_source.get_mut(source)?.ends;
        Some(if one.store == *self.target { (other, one) } else { (one, other) })
    }

    /// The source object that a target object is linked to; none for a tombstone.
    pub(super) fn source_of(&self, target: &ObjectId) -> Option<&ObjectId> {
        self.sources.get(target)
    }

    /// Puts a link in, if it is between the two stores; gives the one that it replaces.
    pub(super) fn insert(&mut self, link: Link) -> Option<Link> {
        let (source, target) = (link.end(&self.source)?.object.clone(), link.end(&self.target)?);
        let lives = target.deleted_at.is_none();
        let target = target.object.clone();
        let before = self.remove(&source);
        if lives {
            self.sources.insert(target, source.clone());
        }
        self.by_source.insert(source, link);
        before
    }

    /// Takes the link of a source object out.
    pub(super) fn remove(&mut self, source: &ObjectId) -> Option<Link> {
        let link = self.by_source.remove(source)?;
        if let Some(end) = link.end(&self.target) {
            self.sources.remove(&end.object);
        }
        Some(link)
    }

    /// How many objects of each class a job owns in the target.
    pub(super) fn owned(&self, job: &str) -> BTreeMap<Class, u64> {
        let mut owned = BTreeMap::new();
        let ends = self.iter().filter_map(|link| link.end(&self.target));
        for end in ends.filter(|end| end.deleted_at.is_none() && end.owner.as_deref() == Some(job)) {
            *owned.entry(end.object.class.clone()).or_default() += 1;
        }
        owned
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Link> {
        self.by_source.values()
    }
}

impl Job {
    /// Whether an object of the target is linked to anything but this object of the source: in any store, of any job.
    pub(super) async fn is_anothers(&self, id: &ObjectId, source: Option<&ObjectId>) -> Result<bool> {
        let (here, there) = (self.source.name(), self.target.name());
        let links = self.ledger.links_of(there, id).await?;
        Ok(links.iter().any(|link| {
            let lives = link.end(there).is_some_and(|end| end.deleted_at.is_none());
            let ours = link.end(here).is_some_and(|end| Some(&end.object) == source);
            lives && !ours
        }))
    }

    /// The links between the job's two stores, as they are stored now.
    pub(super) async fn links(&self) -> Result<Links> {
        let mut links = Links::new(self.source.name(), self.target.name());
        for link in self.ledger.links().await? {
            links.insert(link);
        }
        Ok(links)
    }

    /// The links that applying a plan may meet. Of an incremental one they are few, and looked up one by one.
    pub(super) async fn links_for(&self, plan: &Plan) -> Result<Links> {
        if plan.header().run != INCREMENTAL {
            return self.links().await;
        }
        let (mut sources, mut targets) = (BTreeSet::new(), BTreeSet::new());
        for entry in plan.entries() {
            let sets = || entry.sets.iter().flat_map(|set| set.add.iter().chain(&set.remove));
            sources.extend(entry.source.iter().chain(sets().filter_map(|element| element.source.as_ref())).cloned());
            targets.extend(entry.target.iter().chain(&entry.candidates).cloned());
        }
        self.links_at(sources, targets).await
    }

    /// The links that settling intents may meet.
    pub(super) async fn links_of<'a>(
        &self,
        intents: &'a [Intent],
        made: impl Iterator<Item = &'a ObjectId>,
    ) -> Result<Links> {
        let sources = intents.iter().filter_map(|intent| intent.source.clone());
        let targets = intents.iter().flat_map(|intent| intent.target.iter().chain(&intent.replaces));
        self.links_at(sources.collect(), targets.chain(made).cloned().collect()).await
    }

    async fn links_at(&self, sources: BTreeSet<ObjectId>, targets: BTreeSet<ObjectId>) -> Result<Links> {
        let (here, there) = (self.source.name(), self.target.name());
        let mut links = Links::new(here, there);
        for (store, ends) in [(here, sources), (there, targets)] {
            for (_, found) in self.look_up_links(store, ends).await? {
                found.into_iter().for_each(|link| _ = links.insert(link));
            }
        }
        Ok(links)
    }

    /// Looks links up by one of their ends: an object has one to each other store at most.
    pub(super) async fn look_up_links(
        &self,
        store: &str,
        ends: impl IntoIterator<Item = ObjectId>,
    ) -> Result<Vec<(ObjectId, Vec<Link>)>> {
        let look_up = |end: ObjectId| async move {
            let links = self.ledger.links_of(store, &end).await?;
            Ok((end, links))
        };
        stream::iter(ends).map(look_up).buffered(TOGETHER).try_collect().await
    }
}
