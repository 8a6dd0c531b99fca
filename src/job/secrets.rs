//! What no plan holds: passwords, other secrets, redacted values.

use std::collections::{BTreeMap, HashSet};

use super::apply::Progress;
use super::recover::reread;
use super::work::Work;
use super::{Outcome, password};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::Context;
use crate::mapping::Rule;
use crate::model::{Attributes, Name, ObjectId, Operation, Value};
use crate::reconcile::{Answer, Hidden};
use crate::secret::Secret;
use crate::store::InitialPassword;

/// What is put into an operation last: redacted values and secrets.
struct Filling {
    values: Vec<(Name, Value)>,
    secrets: BTreeMap<Name, Secret>,
}

impl Progress<'_> {
    /// Puts in what no plan holds: redacted values and mapped secrets from the source record, passwords that are made by
    /// way of the sink.
    pub(super) async fn fill_in(&mut self, works: &mut Vec<Work>) -> Result<()> {
        self.map_again(works).await?;
        let mut wanted = Vec::new();
        let mut passwords = Vec::new();
        for (position, work) in works.iter().enumerate() {
            let Some(Operation::Create { attributes, secrets, .. }) = &work.operation else { continue };
            let mapping = &self.job.ready(&work.intent.key)?.mapping;
            let Some(attribute) = mapping.generates_password() else { continue };
            // One that an expression made is there already; it may have made none.
            let password = match mapping.rule(attribute).is_some_and(Rule::is_generated) {
                true => password::generate()?,
                false => match secrets.get(attribute) {
                    Some(password) => password.clone(),
                    None => continue,
                },
            };
            let shown = attributes.iter().filter(|(name, _)| !work.redacted.contains(name));
            let shown: Attributes = shown.map(|(name, value)| (name.clone(), value.clone())).collect();
            wanted.push((position, attribute.clone()));
            passwords.push(InitialPassword::new(self.password_key(work.at), shown, password));
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

    /// Reads source records again and maps them again, for values that are in no plan.
    async fn map_again(&mut self, works: &mut Vec<Work>) -> Result<()> {
        let mut open = Vec::new();
        for work in works.iter() {
            let mapping = &self.job.ready(&work.intent.key)?.mapping;
            let mapped = |name: &Name| mapping.rule(name).is_some_and(|rule| !rule.is_generated());
            let creates = matches!(work.operation, Some(Operation::Create { .. }));
            let secret = creates && self.entry(work.at).secrets.iter().any(|secret| mapped(&secret.attribute));
            if secret || !work.redacted.is_empty() {
                open.push((work.at, work.intent.source.clone()));
            }
        }
        if open.is_empty() {
            return Ok(());
        }
        let ids: Vec<ObjectId> = open.iter().filter_map(|(_, source)| source.clone()).collect();
        let records = reread(&*self.job.source, &ids).await;
        let context = self.context().await?;
        let open: HashSet<usize> = open.into_iter().map(|(at, _)| at).collect();
        let mut kept = Vec::with_capacity(works.len());
        for mut work in works.drain(..) {
            if !open.contains(&work.at) {
                kept.push(work);
                continue;
            }
            let answer = work.intent.source.as_ref().and_then(|id| records.get(id));
            match self.mapped_again(&work, answer, &context) {
                Ok(Filling { values, secrets: found }) => {
                    if let Some(
                        Operation::Create { attributes, secrets, .. } | Operation::Update { attributes, secrets, .. },
                    ) = &mut work.operation
                    {
                        values.into_iter().for_each(|(name, value)| _ = attributes.insert(name, value));
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

    /// The redacted values and the secrets of an entry as the source gives them now.
    fn mapped_again(&self, work: &Work, answer: Option<&Answer>, context: &Context) -> Result<Filling, String> {
        let (record, flows) = self.mapped_now(self.entry(work.at), answer, context)?;
        let mapping = &self.job.ready(&work.intent.key).map_err(|error| error.to_chain())?.mapping;
        let creates = matches!(work.operation, Some(Operation::Create { .. }));
        let now = |name: &Name| {
            let flow = flows.iter().find(|flow| flow.attribute == *name)?;
            if creates { mapping.on_create(flow) } else { mapping.on_update(flow) }
        };
        let mut values = Vec::new();
        for change in &self.entry(work.at).changes {
            let name = &change.attribute;
            let rule = mapping.rule(name);
            let changed = || format!("{name} changed in the source since the plan was made");
            let as_planned = if change.redacted {
                let value = now(name).filter(|value| value.as_slice().is_empty() == change.new.is_null());
                if work.redacted.contains(name) {
                    values.push((name.clone(), value.ok_or_else(changed)?));
                }
                continue;
            } else if let Some(rule) = rule.filter(|rule| rule.is_chosen()) {
                let candidates = rule.candidates(record, context);
                let default = || candidates.is_empty() && now(name).as_ref() == Some(&change.new);
                candidates.contains(&Ok(change.new.clone())) || default()
            } else {
                // What is written to an object that is there was seen, and needs no second look.
                !creates || now(name).as_ref() == Some(&change.new)
            };
            if !as_planned {
                return Err(changed());
            }
        }
        let secrets = match creates {
            true => mapping.evaluate_secrets(record, context).map_err(|error| error.to_chain())?,
            false => BTreeMap::new(),
        };
        Ok(Filling { values, secrets })
    }

    /// An error as it may be told: without what must not be shown.
    pub(super) fn told(&self, work: &Work, message: String) -> String {
        let mut hidden = Hidden::default();
        if let Some(Operation::Create { attributes, .. } | Operation::Update { attributes, .. }) = &work.operation {
            let values = attributes.iter().filter(|(name, _)| work.redacted.contains(name));
            values.for_each(|(_, value)| hidden.add(value));
        }
        match hidden.is_in(&message) {
            true => "the target's message is not shown, since it names a redacted value".to_owned(),
            false => message,
        }
    }

    pub(super) fn password_key(&self, at: usize) -> String {
        password_key(self.job.name(), &self.entry(at).key)
    }
}

/// Under which key the password of an entry is kept.
pub(super) fn password_key(job: &str, key: &crate::reconcile::EntryKey) -> String {
    format!("{job}: {key}")
}
