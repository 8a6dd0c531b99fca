//! Passwords and other secrets of those who are about to be made.

use std::collections::BTreeMap;

use super::apply::Progress;
use super::recover::reread;
use super::write::Work;
use super::{Outcome, password};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Name, Operation};
use crate::secret::Secret;
use crate::store::InitialPassword;

impl Progress<'_> {
    /// Puts the secrets into the creates: generated ones by way of the sink, mapped ones from the source record.
    pub(super) async fn prepare_passwords(&mut self, works: &mut Vec<Work>) -> Result<()> {
        self.map_secrets(works).await?;
        let mut wanted = Vec::new();
        let mut passwords = Vec::new();
        for (position, work) in works.iter().enumerate() {
            let Some(Operation::Create { attributes, .. }) = &work.operation else { continue };
            let Some(attribute) = self.job.ready(&work.intent.key)?.mapping.generates_password() else { continue };
            wanted.push((position, attribute.clone()));
            passwords.push(InitialPassword::new(self.password_key(work.at), attributes.clone(), password::generate()?));
        }
        let Some(sink) = self.job.passwords.as_ref().filter(|_| !wanted.is_empty()) else { return Ok(()) };
        let expected = passwords.len();
        let prepared = sink.prepare(passwords).await?;
        if prepared.len() != expected {
            return Err(Error::new(ErrorKind::Store, "the password sink did not answer a password for each account")
                .with_context("asked", expected)
                .with_context("answered", prepared.len()));
        }
        for ((position, attribute), secret) in wanted.into_iter().zip(prepared) {
            if let Some(Operation::Create { secrets, .. }) = &mut works[position].operation {
                secrets.insert(attribute, secret);
            }
        }
        Ok(())
    }

    /// Reads the source records of creates with mapped secrets again: their values are in no plan.
    async fn map_secrets(&mut self, works: &mut Vec<Work>) -> Result<()> {
        let mut ids = Vec::new();
        for work in works.iter() {
            let mapped = self.entry(work.at).secrets.iter().any(|secret| {
                self.job
                    .ready(&work.intent.key)
                    .is_ok_and(|ready| ready.mapping.generates_password() != Some(&secret.attribute))
            });
            if mapped && matches!(work.operation, Some(Operation::Create { .. })) {
                ids.extend(work.intent.source.clone());
            }
        }
        if ids.is_empty() {
            return Ok(());
        }
        let records = reread(&*self.job.source, &ids).await;
        let context = self.context().await?;
        let mut kept = Vec::with_capacity(works.len());
        for mut work in works.drain(..) {
            let Some(answer) = work.intent.source.as_ref().and_then(|id| records.get(id)) else {
                kept.push(work);
                continue;
            };
            match self.mapped_secrets(&work, answer, &context) {
                Ok(found) => {
                    if let Some(Operation::Create { secrets, .. }) = &mut work.operation {
                        secrets.extend(found);
                    }
                    kept.push(work);
                }
                Err(reason) => self.settle(work.at, Outcome::Stale { reason }),
            }
        }
        *works = kept;
        Ok(())
    }

    fn mapped_secrets(
        &self,
        work: &Work,
        answer: &crate::reconcile::Answer,
        context: &crate::expr::Context,
    ) -> Result<BTreeMap<Name, Secret>, String> {
        let [record] = answer.as_ref().map_err(Clone::clone)?.as_slice() else {
            return Err("the source record is gone or no longer the only one of its id".to_owned());
        };
        let mapping = &self.job.ready(&work.intent.key).map_err(|error| error.to_chain())?.mapping;
        let crate::mapping::Mapped::Flows(flows) = mapping.evaluate(record, context) else {
            return Err("the source record is now left out by its mapping".to_owned());
        };
        for change in &self.entry(work.at).changes {
            let now =
                flows.iter().find(|flow| flow.attribute == change.attribute).and_then(|flow| mapping.on_create(flow));
            if now.as_ref() != Some(&change.new) {
                return Err(format!("{} changed in the source since the plan was made", change.attribute));
            }
        }
        mapping.evaluate_secrets(record, context).map_err(|error| error.to_chain())
    }

    pub(super) fn password_key(&self, at: usize) -> String {
        password_key(self.job.name(), &self.entry(at).key)
    }
}

/// Under which key the password of an entry is kept.
pub(super) fn password_key(job: &str, key: &crate::reconcile::EntryKey) -> String {
    format!("{job}: {key}")
}
