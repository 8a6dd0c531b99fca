//! Before it is carried out, an entry is looked at again: whether whoever gets an account is still there, and whom it
//! matches. What is taken away is looked at in `recheck`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::apply::Progress;
use super::recover::reread;
use super::{Outcome, password};
use crate::error::{ErrorKind, Result};
use crate::expr::{Context, Seed};
use crate::mapping::{Belonging, Flow, Mapped, Rule};
use crate::model::{Class, Name, ObjectId, Record, Value, comparison_key};
use crate::reconcile::{Action, Answer, Constraints, EdgeKind, Entry, Part};

impl Progress<'_> {
    /// Reads the sources of those again who are about to get an account, many at once, where the plan is not of this moment.
    pub(super) async fn look_ahead(&mut self, ahead: &[usize], part: Part) -> Result<()> {
        self.sources.clear();
        if !self.looks || self.is_over() {
            return Ok(());
        }
        let mut ids = Vec::new();
        for entry in ahead.iter().map(|at| self.entry(*at)).filter(|entry| gives_account(entry, part)) {
            ids.extend(entry.source.clone());
            ids.extend(self.holder(entry).cloned());
        }
        self.sources = self.reread_sources(&ids, &BTreeSet::new()).await?;
        Ok(())
    }

    /// Asks the source for people again. That it finds nobody at all proves nothing, unless the plan was to believe that, or
    /// it told by a word of its own that they are gone.
    pub(super) async fn reread_sources(
        &self,
        ids: &[ObjectId],
        told: &BTreeSet<ObjectId>,
    ) -> Result<HashMap<ObjectId, Answer>> {
        let mut sources = reread(&*self.job.source, ids).await;
        if !self.plan.header().believes_empty {
            self.job.doubt_absence(&mut sources, told).await?;
        }
        Ok(sources)
    }

    /// Looks again at what is about to be carried out; gives the entries that still fit what is there.
    ///
    /// Who gets an account must still be there, and the account be his, or nobody's. From whom something is taken must
    /// still be gone, and be the one he was.
    pub(super) async fn look_again(&mut self, open: Vec<usize>, part: Part) -> Result<Vec<usize>> {
        let open = self.look_for_people(open, part).await?;
        let open = if part == Part::Main { self.look_for_matches(open).await? } else { open };
        let open = self.look_for_counterparts(open, part).await?;
        self.recheck(open, part).await
    }

    /// Leaves out those who are about to get an account and should have none any more.
    async fn look_for_people(&mut self, open: Vec<usize>, part: Part) -> Result<Vec<usize>> {
        if !self.looks || !open.iter().any(|at| gives_account(self.entry(*at), part)) {
            return Ok(open);
        }
        let context = self.context().await?;
        let mut kept = Vec::with_capacity(open.len());
        for at in open {
            let entry = self.entry(at);
            let reason = match gives_account(entry, part) {
                true => match self.unwanted(entry, &self.sources, &context)? {
                    None => self.held_again(entry)?,
                    reason => reason,
                },
                false => None,
            };
            match reason {
                Some(reason) => self.settle(at, Outcome::Stale { reason }),
                None => kept.push(at),
            }
        }
        Ok(kept)
    }

    /// Why somebody is not to have the account that an entry gives him or switches on.
    pub(super) fn unwanted(
        &self,
        entry: &Entry,
        sources: &HashMap<ObjectId, Answer>,
        context: &Context,
    ) -> Result<Option<String>> {
        let answer = entry.source.as_ref().and_then(|source| sources.get(source));
        let flows = match self.mapped_now(entry, answer, context) {
            Ok((_, flows)) => flows,
            Err(reason) => return Ok(Some(reason)),
        };
        let ready = self.job.ready(&entry.key)?;
        let status = ready.schema.status.as_ref();
        let says = flows.iter().find(|flow| Some(&flow.attribute) == status).and_then(|flow| match entry.action {
            Action::Create => ready.mapping.on_create(flow),
            _ => ready.mapping.on_update(flow),
        });
        let activates = entry.changes.iter().any(|change| change.status && change.new == Value::Bool(true));
        // Whoever is brought back is as he was; inactive only where that is allowed.
        let revives = entry.action == Action::Restore && !ready.policy.preferences().create_inactive;
        let is_off = (activates && says != Some(Value::Bool(true))) || (revives && says == Some(Value::Bool(false)));
        Ok(is_off.then(|| "the source no longer says active".to_owned()))
    }

    /// Why a link is not to be moved: whoever has it is there again.
    fn held_again(&self, entry: &Entry) -> Result<Option<String>> {
        let Some(holder) = self.holder(entry) else { return Ok(None) };
        let mapping = &self.job.ready(&entry.key)?.mapping;
        let has_left = |record: &Record| mapping.belonging(record) == Belonging::LeftScope;
        Ok(match self.sources.get(holder) {
            Some(Ok(records)) if records.iter().all(has_left) => None,
            Some(Ok(_)) => Some(format!("{holder}, to whom it is linked, is there again")),
            Some(Err(reason)) => Some(format!("the source could not be read again: {reason}")),
            None => Some("the source could not be read again".to_owned()),
        })
    }

    /// From whom a link is to be moved.
    fn holder(&self, entry: &Entry) -> Option<&ObjectId> {
        let holder = self.links.source_of(entry.target.as_ref().filter(|_| entry.action == Action::Relink)?)?;
        (Some(holder) != entry.source.as_ref()).then_some(holder)
    }

    /// An entry's source record, and what the mapping makes of it now; or why nothing may be written for it.
    pub(super) fn mapped_now<'a>(
        &self,
        entry: &Entry,
        answer: Option<&'a Answer>,
        context: &Context,
    ) -> Result<(&'a Record, Vec<Flow>), String> {
        let answer = answer.ok_or("the source could not be read again")?;
        let records = answer.as_ref().map_err(|reason| format!("the source could not be read again: {reason}"))?;
        let [record] = records.as_slice() else {
            return Err("the source record is gone or no longer the only one of its id".to_owned());
        };
        let mapping = &self.job.ready(&entry.key).map_err(|error| error.to_chain())?.mapping;
        if mapping.belonging(record) != Belonging::InScope {
            return Err("the source record is no longer in scope".to_owned());
        }
        match mapping.evaluate(record, context) {
            Mapped::Flows(flows) => Ok((record, flows)),
            Mapped::Ignored => Err("the source record is now left out by its mapping".to_owned()),
        }
    }

    /// Leaves out those who are about to be linked to an account that is not the one any more to which matching leads.
    async fn look_for_counterparts(&mut self, open: Vec<usize>, part: Part) -> Result<Vec<usize>> {
        let matched: Vec<usize> =
            open.iter().copied().filter(|at| self.looks && self.is_matched(self.entry(*at), part)).collect();
        if matched.is_empty() {
            return Ok(open);
        }
        let context = self.context().await?;
        let mut keys: BTreeMap<usize, Vec<(Name, Value)>> = BTreeMap::new();
        for at in matched {
            let entry = self.entry(at);
            let answer = entry.source.as_ref().and_then(|source| self.sources.get(source));
            let Ok((_, flows)) = self.mapped_now(entry, answer, &context) else { continue };
            let ready = self.job.ready(&entry.key)?;
            let value = |name: &Name| {
                let value = ready.mapping.on_create(flows.iter().find(|flow| flow.attribute == *name)?)?;
                comparison_key(ready.schema.get(name)?, &value)?;
                Some((name.clone(), value))
            };
            keys.insert(at, ready.mapping.matching().iter().filter_map(value).collect());
        }
        let mut refused: BTreeMap<usize, String> = BTreeMap::new();
        // As planning has it: the first value that leads to anybody ends the search.
        for place in 0.. {
            let mut asked: BTreeMap<(Class, Name), Vec<(usize, Value)>> = BTreeMap::new();
            keys.retain(|at, values| match values.get(place) {
                Some((name, value)) => {
                    let key = (self.entry(*at).class.clone(), name.clone());
                    asked.entry(key).or_default().push((*at, value.clone()));
                    true
                }
                None => {
                    refused.insert(*at, "what was to be linked no longer matches".to_owned());
                    false
                }
            });
            if asked.is_empty() {
                break;
            }
            for ((class, name), values) in asked {
                let wanted: Vec<Value> = values.iter().map(|(_, value)| value.clone()).collect();
                let found = match self.job.who_holds(&class, &name, &wanted).await {
                    // Of a value that nobody can be found by, the account itself must still have it at least.
                    Err(error) if error.kind() == ErrorKind::Unsupported => {
                        let ids = values.iter().filter_map(|(at, _)| self.entry(*at).target.clone());
                        let answers = reread(&*self.job.target, &ids.collect::<Vec<_>>()).await;
                        Ok(answers.into_values().flatten().flatten().collect())
                    }
                    found => found.map_err(|error| error.to_chain()),
                };
                for (at, value) in values {
                    let decided = match &found {
                        Ok(records) => self.leads_elsewhere(self.entry(at), &name, &value, records)?,
                        Err(reason) => Some(Some(reason.clone())),
                    };
                    let Some(reason) = decided else { continue };
                    keys.remove(&at);
                    refused.extend(reason.map(|reason| (at, reason)));
                }
            }
        }
        for (at, reason) in &refused {
            self.settle(*at, Outcome::Stale { reason: reason.clone() });
        }
        Ok(open.into_iter().filter(|at| !refused.contains_key(at)).collect())
    }

    /// Whether an entry links an account that was found by matching: not by a link of the other direction, and not by the
    /// create that made it.
    fn is_matched(&self, entry: &Entry, part: Part) -> bool {
        let end = entry.source.as_ref().and_then(|source| self.links.target_of(source));
        let leads = end.is_some_and(|end| end.deleted_at.is_none() && Some(&end.object) == entry.target.as_ref());
        matches!(entry.action, Action::Link | Action::Relink)
            && gives_account(entry, part)
            && !entry.recovers()
            && !leads
    }

    /// Why a value does not lead to the account of an entry alone, given who may hold it; `None` if it leads to nobody.
    #[expect(clippy::option_option, reason = "it leads nowhere, to the account, or elsewhere")]
    fn leads_elsewhere(
        &self,
        entry: &Entry,
        name: &Name,
        value: &Value,
        records: &[Record],
    ) -> Result<Option<Option<String>>> {
        let ready = self.job.ready(&entry.key)?;
        let Some(schema) = ready.schema.get(name) else { return Ok(None) };
        let key = comparison_key(schema, value);
        let holds = |record: &&Record| {
            let mut own = record.get(name).into_iter().flat_map(Value::as_slice);
            key.is_some() && own.any(|own| comparison_key(schema, own) == key) && ready.is_in_target_scope(record)
        };
        let holders: BTreeSet<&ObjectId> = records.iter().filter(holds).map(|record| &record.id).collect();
        if holders.is_empty() {
            return Ok(None);
        }
        let other = holders.iter().find(|holder| Some(**holder) != entry.target.as_ref());
        Ok(Some(other.map(|other| format!("{} matches by {name} by now; make a new plan", other.id))))
    }

    /// Looks for accounts that match whom is about to be created, or took the value that was made unique for him; gives
    /// the entries for which there are none.
    async fn look_for_matches(&mut self, open: Vec<usize>) -> Result<Vec<usize>> {
        let mut wanted: BTreeMap<(Class, Name), Vec<(usize, Value)>> = BTreeMap::new();
        for &at in open.iter().filter(|at| self.entry(**at).action == Action::Create) {
            let entry = self.entry(at);
            let ready = self.job.ready(&entry.key)?;
            let is_chosen = |name: &Name| ready.mapping.rule(name).is_some_and(Rule::is_chosen);
            // Where the target lets one object only hold a value, it refuses by itself what was taken a moment ago.
            let unguarded = |name: &Name| ready.schema.get(name).is_some_and(|schema| schema.unique_in.is_none());
            let asks = |name: &Name| {
                (self.looks && ready.mapping.matching().contains(name))
                    || (is_chosen(name) && (self.looks || unguarded(name)))
            };
            for change in entry.changes.iter().filter(|change| asks(&change.attribute)) {
                let key = (entry.class.clone(), change.attribute.clone());
                wanted.entry(key).or_default().push((at, change.new.clone()));
            }
        }
        let mut refused: BTreeMap<usize, String> = BTreeMap::new();
        for ((class, name), values) in wanted {
            let schema = self.job.target.schema(&class)?;
            let Some(attribute) = schema.get(&name) else { continue };
            let asked: Vec<Value> = values.iter().map(|(_, value)| value.clone()).collect();
            match self.job.who_holds(&class, &name, &asked).await {
                Err(error) => refused.extend(values.iter().map(|(at, _)| (*at, error.to_chain()))),
                Ok(found) => {
                    // What was made unique was so without regard to case.
                    let folded = attribute.clone().ignore_case();
                    let mut holders: HashMap<String, Vec<&Record>> = HashMap::new();
                    for record in &found {
                        if let Some(key) = record.get(&name).and_then(|own| comparison_key(&folded, own)) {
                            holders.entry(key).or_default().push(record);
                        }
                    }
                    for (at, value) in &values {
                        let holders = comparison_key(&folded, value).and_then(|key| holders.get(&key));
                        if let Some(reason) = holders.and_then(|holders| self.stands_in_the_way(*at, &name, holders)) {
                            refused.insert(*at, reason);
                        }
                    }
                }
            }
        }
        for (at, reason) in &refused {
            self.settle(*at, Outcome::Stale { reason: reason.clone() });
        }
        Ok(open.into_iter().filter(|at| !refused.contains_key(at)).collect())
    }

    /// Why an object cannot be made, given who holds a value of it by now.
    fn stands_in_the_way(&self, at: usize, name: &Name, holders: &[&Record]) -> Option<String> {
        let entry = self.entry(at);
        let ready = self.job.ready(&entry.key).ok()?;
        let matches = ready.mapping.matching().contains(name);
        let value = &entry.changes.iter().find(|change| change.attribute == *name)?.new;
        let same = |record: &&&Record| {
            let own = record.get(name).and_then(|own| comparison_key(ready.schema.get(name)?, own));
            !matches || own == ready.schema.get(name).and_then(|schema| comparison_key(schema, value))
        };
        // Who gave it up a moment ago may still show with it.
        let gave = |record: &&&Record| {
            let givers = entry.after.iter().filter(|edge| edge.kind == EdgeKind::Frees && edge.attribute == *name);
            givers.filter_map(|edge| self.entry_of(&edge.entry)).any(|giver| giver.target.as_ref() == Some(&record.id))
        };
        let holder = holders.iter().filter(same).find(|record| !gave(record))?;
        Some(match matches {
            true => format!("{} matches by {name} and was not there when the plan was made", holder.id.id),
            false => format!("{} holds the {name} that was free when the plan was made; make a new plan", holder.id.id),
        })
    }

    /// What expressions are evaluated with: the plan's time, and the target's parameters.
    pub(super) async fn context(&self) -> Result<Context> {
        Ok(self.surroundings().await?.0.clone())
    }

    /// The same, and what the target forbids by now.
    pub(super) async fn surroundings(&self) -> Result<&(Context, Arc<dyn Constraints>)> {
        let known = self.context.get_or_try_init(|| async {
            let constraints = self.job.target.constraints().await?;
            let mut context = self.job.context(self.plan.as_of(), &*constraints);
            if let Some(seed) = self.plan.header().seed.as_deref().and_then(Seed::from_hex) {
                context = context.with_seed(seed);
            }
            if self.job.hides_random() {
                context = context.with_hidden_seed(password::seed()?);
            }
            Ok((context, constraints))
        });
        known.await
    }
}

/// Whether a part of an entry makes somebody an account, brings his back, or takes one for his.
fn gives_account(entry: &Entry, part: Part) -> bool {
    match entry.action {
        Action::Create => part == Part::Main,
        Action::Restore => part == Part::Restore,
        Action::Link | Action::Relink => matches!(part, Part::Temporary | Part::Main),
        _ => false,
    }
}
