//! Why one object gets what it gets.

use super::recover::reread;
use super::{Job, Run};
use crate::error::{Error, ErrorKind, Result};
use crate::mapping::Explanation;
use crate::model::ObjectId;
use crate::reconcile::{EntryKey, Header};

impl Job {
    /// Explains what the mappings make of one source object, attribute by attribute: what is read, what the parts of an
    /// expression give, what would be written, what the target holds if the object is linked, and what failed in earlier
    /// runs. Writes nothing.
    ///
    /// What would be done about it, and why, says a plan of [`Run::one`]. There is one explanation for each mapping that
    /// reads an object of this id, and for each record if several share it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if the source has no such object; [`ErrorKind::Store`] if it cannot be asked.
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::job::Job;
    /// use entrant::mapping::Mapping;
    /// use entrant::model::{AttributeSchema, Class, ObjectId, Schema};
    /// use entrant::reconcile::{Policy, Preferences};
    /// use entrant::store::{MemoryState, MemoryStore};
    /// use entrant::Record;
    ///
    /// # async fn example() -> entrant::Result<()> {
    /// let people = MemoryStore::new("hr").with_record(Record::new(ObjectId::user("7")).with("name", "Ada"));
    /// let schema = Schema::new(Class::USER).with("displayName", AttributeSchema::text());
    /// let job = Job::builder("staff")
    ///     .source(people)
    ///     .target(MemoryStore::new("directory").with_schema(schema))
    ///     .mapping(Mapping::users().expression("displayName", "ToUpper([name])").map_err(entrant::Error::from)?)
    ///     .policy(Policy::outbound(Preferences::default()))
    ///     .state(MemoryState::new())
    ///     .build()?;
    /// let explanations = job.explain("7").await?;
    /// assert!(explanations[0].to_string().contains(r#"ToUpper([name]) = "ADA""#));
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(example()).unwrap();
    /// ```
    pub async fn explain(&self, id: &str) -> Result<Vec<Explanation>> {
        let tenant = self.tenant();
        self.ledger.open(tenant.as_deref()).await?;
        let constraints = self.target.constraints().await?;
        let as_of = super::planning::whole_second(self.clock.now());
        let mut header = Header::new(&self.name, &self.link_set, tenant, as_of);
        let context = self.drawing_context(&Run::one(id), &*constraints, &mut header)?;
        let links = self.links().await?;
        let mut explanations = Vec::new();
        for ready in &self.mappings {
            let source = ObjectId::new(ready.mapping.source_class().clone(), id);
            let mut answers = reread(&*self.source, std::slice::from_ref(&source)).await;
            let records = answers.remove(&source).unwrap_or_else(|| Ok(Vec::new())).map_err(|reason| {
                Error::new(ErrorKind::Store, "the source could not be asked for the object")
                    .with_context("object", &source)
                    .with_context("reason", reason)
            })?;
            let linked = links.target_of(&source).filter(|end| end.deleted_at.is_none()).map(|end| end.object.clone());
            let current = match linked {
                Some(target) => reread(&*self.target, std::slice::from_ref(&target)).await.remove(&target),
                None => None,
            };
            let current = current.and_then(Result::ok).and_then(|records| records.into_iter().next());
            let failures = self.failures_of(&EntryKey::of_source(ready.mapping.name(), &source)).await?;
            for record in records {
                let mut explanation = ready.mapping.explain(&record, &context);
                explanation.failures.clone_from(&failures);
                explanations.push(match &current {
                    Some(current) => explanation.with_current(&ready.mapping, current),
                    None => explanation,
                });
            }
        }
        if explanations.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, "the source has no such object").with_context("id", id));
        }
        Ok(explanations)
    }
}
