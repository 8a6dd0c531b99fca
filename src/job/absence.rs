//! What it is worth that a source does not find somebody: nothing, if it finds nobody at all.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::StreamExt;

use super::Job;
use super::planning::LOOKUP;
use crate::error::{Error, ErrorKind, Result};
use crate::mapping::CompiledMapping;
use crate::model::{Class, Completeness, ObjectId};
use crate::reconcile::{Answer, LinkEnd, LinkIndex};
use crate::store::{Query, Read, Source, ended, heeded};

impl Job {
    /// Takes back that objects are not there which this job would take away for it, where the source holds nothing at all
    /// of their class or nobody can say whether it does: a file that is missing knows nobody by id either. Not of those
    /// that the source `told` to be gone by a word of its own. Gives the classes of which it holds nothing.
    ///
    /// # Errors
    ///
    /// Whatever the state fails with.
    pub(super) async fn doubt_absence(
        &self,
        answers: &mut HashMap<ObjectId, Answer>,
        told: &BTreeSet<ObjectId>,
    ) -> Result<Vec<Class>> {
        let mut absent: BTreeMap<Class, Vec<ObjectId>> = BTreeMap::new();
        let mut found: BTreeSet<Class> = BTreeSet::new();
        for (id, answer) in answers.iter() {
            match answer {
                Ok(records) if !records.is_empty() => _ = found.insert(id.class.clone()),
                Ok(_) if !told.contains(id) => absent.entry(id.class.clone()).or_default().push(id.clone()),
                _ => {}
            }
        }
        absent.retain(|class, _| !found.contains(class));
        let mut empty = Vec::new();
        for (class, ids) in absent {
            if !self.owns_any(&ids).await? {
                continue;
            }
            let reason = match self.holds_any(&class).await {
                Ok(true) => continue,
                Ok(false) => {
                    empty.push(class.clone());
                    format!("{} holds no {class} at all, which proves nothing of a single one", self.source.name())
                }
                Err(reason) => format!("it is not found, and whether anything is there nobody can say: {reason}"),
            };
            answers.extend(ids.into_iter().map(|id| (id, Err(reason.clone()))));
        }
        Ok(empty)
    }

    /// The word on a source that holds nothing.
    pub(super) fn empty_source(&self, class: &Class) -> Error {
        Error::new(
            ErrorKind::EmptySource,
            "the source is complete and empty, which is more often a fault than the truth: look there; if it is true, allow \
             it for one run by Run::allow_empty_source",
        )
        .with_context("source", self.source.name())
        .with_context("class", class)
    }

    /// Whether this job owns the counterpart of any of these sources, so that it would be taken for one who left.
    pub(super) async fn owns_any(&self, sources: &[ObjectId]) -> Result<bool> {
        let (here, there) = (self.source.name(), self.target.name());
        let ours = |end: &LinkEnd| end.owner.as_deref() == Some(&*self.name) && end.deleted_at.is_none();
        for sources in sources.chunks(LOOKUP) {
            let links = self.look_up_links(here, sources.to_vec()).await?;
            if links.iter().flat_map(|(_, links)| links).any(|link| link.end(there).is_some_and(ours)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether this job owns anything that a mapping joins, by all links that there are.
    pub(super) fn owns_of(&self, mapping: &CompiledMapping, links: &LinkIndex) -> bool {
        let places = links.places();
        let (from, to) = (mapping.source_class(), mapping.target_class());
        (0..places.len())
            .any(|place| places.is_between(place, from, to, &self.name) && !places.standing(place).is_deleted)
    }

    /// Whether the source holds anything of a class, or why nobody can say: read until the first one shows.
    async fn holds_any(&self, class: &Class) -> std::result::Result<bool, String> {
        let mut stream = heeded(&*self.source, &Query::all(class.clone()).with_select([]));
        loop {
            match stream.next().await {
                Some(Ok(Read::Record(_) | Read::Unreadable { .. })) => return Ok(true),
                Some(Ok(Read::Deleted(_))) => {}
                end => {
                    return match ended(end).0 {
                        Completeness::Complete => Ok(false),
                        Completeness::Partial { reason } => Err(reason),
                    };
                }
            }
        }
    }
}
