//! The links between a job's two stores while a plan is applied, found from either end.

use std::collections::HashMap;

use super::Job;
use crate::error::Result;
use crate::model::ObjectId;
use crate::reconcile::{Link, LinkEnd};

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
        self.by_source.get_mut(source)?.end_mut(&self.target)
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

    pub(super) fn iter(&self) -> impl Iterator<Item = &Link> {
        self.by_source.values()
    }
}

impl Job {
    /// The links between the job's two stores, as they are stored now.
    pub(super) async fn links(&self) -> Result<Links> {
        let mut links = Links::new(self.source.name(), self.target.name());
        for link in self.ledger.links().await? {
            links.insert(link);
        }
        Ok(links)
    }
}
