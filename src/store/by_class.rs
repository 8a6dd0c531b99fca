//! Several stores seen as one.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::{Access, Capabilities, Lookup, Query, Read, Source};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Class, ObjectId};

/// A [`Source`] made of several, each for one class: people from one file, groups from another.
///
/// Its name is what is remembered with every object, whichever store that came from: do not change it. It can do what
/// all of them can do. A class that none of them is for is [`ErrorKind::Unsupported`], and so is one that two are for.
///
/// # Examples
///
/// ```
/// use entrant::{Record, model::{Class, ObjectId}, store::{ByClass, MemoryStore, Query, SourceExt}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let people = MemoryStore::new("people").with_record(Record::new(ObjectId::user("7")));
/// let groups = MemoryStore::new("groups").with_record(Record::new(ObjectId::group("sales")));
/// let hr = ByClass::new("hr").with(Class::USER, people).with(Class::GROUP, groups);
/// let (records, completeness) = hr.collect(&Query::all(Class::GROUP)).await;
/// assert_eq!(records[0].id, ObjectId::group("sales"));
/// assert!(completeness.is_complete());
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct ByClass {
    name: Arc<str>,
    parts: Vec<(Class, Arc<dyn Source>)>,
}

impl ByClass {
    /// No stores yet, under one name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), parts: Vec::new() }
    }

    /// Adds the store for a class. What else that store holds is not looked at.
    pub fn with(mut self, class: Class, source: impl Source) -> Self {
        self.parts.push((class, Arc::new(source)));
        self
    }

    fn part(&self, class: &Class) -> Result<&Arc<dyn Source>> {
        let mut own = self.parts.iter().filter(|(own, _)| own == class).map(|(_, source)| source);
        let message = match (own.next(), own.next()) {
            (Some(source), None) => return Ok(source),
            (Some(_), Some(_)) => format!("two stores are given for the class {class}; one is right"),
            (None, _) => {
                let classes: Vec<_> = self.parts.iter().map(|(class, _)| class.as_str()).collect();
                format!("no store is given for the class {class}; there is one for {}", or_none(&classes.join(", ")))
            }
        };
        Err(Error::new(ErrorKind::Unsupported, message).with_context("store", &self.name))
    }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

#[async_trait]
impl Source for ByClass {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        let all: Vec<_> = self.parts.iter().map(|(_, source)| source.capabilities()).collect();
        let mut tenants: Vec<_> = all.iter().filter_map(|one| one.tenant.as_deref()).collect();
        tenants.sort_unstable();
        tenants.dedup();
        let refused = |one: &Capabilities| (one.writes != Access::Allowed).then(|| one.writes.clone());
        Capabilities {
            get: all.iter().map(|one| one.get).min().unwrap_or_default(),
            absent_is_empty: !all.is_empty() && all.iter().all(|one| one.absent_is_empty),
            tenant: (!tenants.is_empty()).then(|| tenants.join(", ").into()),
            writes: all.iter().find_map(refused).unwrap_or_default(),
            // A target only can do these.
            recycle_bin: false,
            find: false,
            rewrites: false,
        }
    }

    async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        let mut answers: Vec<Option<Lookup>> = vec![None; ids.len()];
        let mut left: Vec<usize> = (0..ids.len()).collect();
        while let Some(first) = left.first() {
            let class = &ids[*first].class;
            let (own, others): (Vec<usize>, _) = left.into_iter().partition(|index| ids[*index].class == *class);
            let asked: Vec<ObjectId> = own.iter().map(|index| ids[*index].clone()).collect();
            let part = self.part(class)?;
            let found = part.get(&asked).await?;
            if found.len() != asked.len() {
                let message = format!("the store gave {} answers for {} ids", found.len(), asked.len());
                return Err(Error::new(ErrorKind::Store, message).with_context("store", part.name()));
            }
            for (index, answer) in own.into_iter().zip(found) {
                answers[index] = Some(answer);
            }
            left = others;
        }
        Ok(answers.into_iter().map(|answer| answer.expect("each id is of some class, and was asked for")).collect())
    }

    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        match self.part(&query.class) {
            Ok(part) => part.read(query),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }
}
