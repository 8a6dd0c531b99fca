//! Making a plan: reading both sides, asking what planning asks, and nothing written.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use futures::StreamExt;
use time::OffsetDateTime;
use tracing::Instrument;

use super::bookmark::StoredBookmark;
use super::builder::Ready;
use super::ledger::Intent;
use super::reading::Sides;
use super::run::Extent as RunExtent;
use super::{Event, Job, Run, password};
use crate::digest::hex;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::Context;
use crate::mapping::{CompiledMapping, Rule};
use crate::model::{Anchor, Class, Completeness, Filter, Name, ObjectId, Record, Value, comparison_key};
use crate::reconcile::{
    self, Abilities, Answer, Answers, CarriedBack, Constraints, Extent, Given, Header, Holds, InDoubt, Inputs,
    LinkIndex, Linked, Pairs, Plan, Planner, Policy, Problem, Questions, Severity, Side, SideRead, schema_drift,
};
use crate::store::{GetSupport, Lookup, Query, Read, Source, ended, heeded};

/// How many objects are looked up at once.
pub(super) const LOOKUP: usize = 1_000;
/// How often planning may ask: twice for each kind of question, and once for each level of nested groups; and as often for
/// links.
const ROUNDS: usize = 128;
/// How many objects are read between two words to the observer.
pub(super) const PROGRESS: u64 = 1_000;

/// What a plan starts from, beside the objects and their links.
pub(super) struct Ground {
    pub(super) header: Header,
    pub(super) constraints: Arc<dyn Constraints>,
    /// Now, by the target's clock.
    pub(super) target_now: OffsetDateTime,
    pub(super) context: Context,
    /// For each mapping.
    pub(super) in_doubt: Vec<Vec<InDoubt>>,
    /// What is held back after a failure.
    pub(super) holds: Holds,
    /// For each mapping: what a job of the other direction carries back.
    pub(super) carried_back: Vec<CarriedBack>,
    /// The source objects for which a write was begun whose outcome is not known.
    pub(super) begun: Vec<ObjectId>,
    /// For each mapping: where it goes on.
    /// Whether the job went through everybody by the same mapping and policy before.
    pub(super) been_round: bool,
    pub(super) bookmarks: Vec<Option<StoredBookmark>>,
}

impl Job {
    /// Makes a plan, and writes nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::EmptySource`] if the source holds nothing, or nothing of a class of which the job owns something;
    /// [`ErrorKind::TenantChanged`]; whatever the state or the target's constraints fail with. A side that cannot be read
    /// to its end is no error: the plan says so, and takes nothing for gone.
    ///
    /// # Cancellation
    ///
    /// Leaves nothing behind.
    pub async fn plan(&self, run: Run) -> Result<Plan> {
        let span = tracing::info_span!("plan", job = self.name, link_set = self.link_set);
        self.plan_of(run).instrument(span).await
    }

    async fn plan_of(&self, run: Run) -> Result<Plan> {
        if run.extent == RunExtent::Retire && run.filter.is_some() {
            return Err(Error::new(
                ErrorKind::Invalid,
                "a run that gives a job up looks at all that the job owns; narrow its plan with Plan::select instead",
            )
            .with_context("job", &self.name));
        }
        if run.extent == RunExtent::Incremental {
            return self.plan_incrementally(run).await;
        }
        let ground = self.ground(&run).await?;
        self.plan_by_reading(&run, &ground, None).await
    }

    /// What a plan starts from, beside the objects and their links.
    pub(super) async fn ground(&self, run: &Run) -> Result<Ground> {
        let tenant = self.tenant();
        let link_set = self.ledger.open(tenant.as_deref()).await?;
        let as_of = whole_second(self.clock.now());
        let intents = self.ledger.intents(&self.name).await?;
        let holds = if run.by_hand { Holds::new() } else { self.holds(as_of).await? };
        let constraints = self.target.constraints().await?;
        // Its answer tells the time there.
        let target_now = self.target_now();
        let mut header = Header::new(&self.name, &self.link_set, tenant, as_of);
        let context = self.drawing_context(run, &*constraints, &mut header)?;
        let others = self.other_flows(as_of).await?;
        header.problems.extend(self.both_ways(&others));
        let carried_back = self.carried_back(&others);
        header.link_set_id = link_set.map(|set| set.id);
        header.run = run.describe();
        header.believes_empty = run.allow_empty;
        header.fingerprint = self.fingerprint();
        let in_doubt = self.mappings.iter().map(|ready| in_doubt(&intents, ready)).collect();
        let begun = intents.into_iter().filter_map(|intent| intent.source).collect();
        let bookmarks = self.bookmarks().await?;
        let been_round = self.ledger.job(&self.name).await?.been_round.as_ref() == Some(&header.fingerprint);
        Ok(Ground {
            header,
            constraints,
            target_now,
            context,
            in_doubt,
            holds,
            carried_back,
            begun,
            been_round,
            bookmarks,
        })
    }

    pub(super) fn inputs<'a>(
        &'a self,
        at: usize,
        ground: &'a Ground,
        links: &'a LinkIndex,
        given: &'a Given,
        run: &Run,
    ) -> Inputs<'a> {
        let ready = &self.mappings[at];
        Inputs {
            mapping: &ready.mapping,
            policy: &ready.policy,
            schema: &ready.schema,
            constraints: &*ground.constraints,
            context: &ground.context,
            links,
            given,
            in_doubt: &ground.in_doubt[at],
            holds: &ground.holds,
            begun: &ground.begun,
            carried_back: &ground.carried_back[at],
            been_round: ground.been_round,
            job: &self.name,
            abilities: self.abilities(),
            lists_all: matches!(run.extent, RunExtent::One(_)),
            target_now: ground.target_now,
            lag: self.lag,
        }
    }

    /// A plan from what is read of both sides. `in_place`: why it takes the place of an incremental one.
    pub(super) async fn plan_by_reading(&self, run: &Run, ground: &Ground, in_place: Option<String>) -> Result<Plan> {
        let mut header = ground.header.clone();
        header.run = run.describe();
        let asked = in_place.is_some();
        header.problems.extend(in_place.map(full_run));
        let index = self.ledger.link_index(self.source.name(), self.target.name()).await?;
        let given = self.ledger.given(self.target.name()).await?;
        let mut planners = Vec::with_capacity(self.mappings.len());
        for (at, ready) in self.mappings.iter().enumerate() {
            let inputs = self.inputs(at, ground, &index, &given, run);
            let before = ground.bookmarks[at].as_ref();
            planners.push(self.planner(run, inputs, &mut header, before, asked).await?);
            let class = ready.mapping.target_class();
            let owned = |link: &Linked| {
                link.target.object.class == *class && link.target.owner.as_deref() == Some(self.name.as_str())
            };
            header.linked.insert(class.clone(), index.owned(class, &self.name));
            let ours = |object: &ObjectId| index.of_target(object).is_some_and(owned);
            let memberships = given.count(ours, |name| ready.schema.is_reference(name));
            header.memberships.insert(class.clone(), memberships);
        }
        // Of one class there may be nothing; that there is nothing of any is a fault, also before anybody is linked.
        let is_empty = |read: &SideRead| read.objects == 0 && read.completeness == Some(Completeness::Complete);
        let mut of_source = header.reads.iter().filter(|read| read.store == self.source.name());
        if run.is_whole() && !run.allow_empty && of_source.all(is_empty) {
            return Err(self.empty_source(self.mappings[0].mapping.source_class()));
        }
        self.ask(planners, header, &index, &given).await
    }

    /// Plans, and answers what planning asks, until nothing is asked.
    pub(super) async fn ask(
        &self,
        mut planners: Vec<Planner<'_>>,
        mut header: Header,
        links: &LinkIndex,
        given: &Given,
    ) -> Result<Plan> {
        for _ in 0..ROUNDS {
            let planned = reconcile::plan(&planners);
            // What was planned without a link that there may be is planned again with it.
            if self.look_up(links, given).await? {
                continue;
            }
            match planned {
                Ok(planned) => {
                    header.situations = planned.situations;
                    header.owned_elsewhere = planned.owned_elsewhere;
                    for (planner, watch) in planners.iter().zip(planned.watch) {
                        if let Some(bookmark) = header.bookmarks.get_mut(planner.inputs().mapping.name()) {
                            bookmark.watch.extend(watch);
                        }
                    }
                    return Ok(Plan::new(header, planned.entries));
                }
                Err(questions) => {
                    for (planner, questions) in planners.iter_mut().zip(questions) {
                        let answers = self.answer(planner.inputs(), questions).await;
                        planner.answer(answers);
                    }
                }
            }
        }
        Err(Error::new(
            ErrorKind::Protocol,
            "planning asks without end: a store gives answers that change from call to call",
        ))
    }

    /// Reads both sides of a mapping.
    async fn planner<'a>(
        &self,
        run: &Run,
        inputs: Inputs<'a>,
        header: &mut Header,
        before: Option<&StoredBookmark>,
        asked: bool,
    ) -> Result<Planner<'a>> {
        if run.extent == RunExtent::Retire {
            let target = self.read(&*self.target, &target_query(&inputs)).await;
            header.reads.push(side_read(self.target.name(), inputs.mapping.target_class(), &target));
            return Ok(Planner::new(inputs, Extent::Owned, Side::default(), target, Pairs::default()));
        }
        let whole = run.is_whole();
        let compares = asked || before.is_some_and(|before| before.seen);
        let Sides { mut source, target, pairs, seen } = if whole {
            self.read_whole(run, inputs, compares).await
        } else {
            let sides = futures::future::join(self.read_source(run, &inputs), self.read_target(&inputs));
            let (source, target) = sides.await;
            Sides { source, target, pairs: Pairs::default(), seen: None }
        };
        if whole {
            let is_empty = source.is_complete() && source.objects() == 0;
            if is_empty && !run.allow_empty && self.owns_of(inputs.mapping, inputs.links) {
                return Err(self.empty_source(inputs.mapping.source_class()));
            }
            header.problems.extend(schema_drift(&inputs, &mut source));
            let bookmark = self.bookmark_after(&inputs, before, seen, &source, &target);
            header.bookmarks.extend(bookmark.map(|bookmark| (inputs.mapping.name().clone(), bookmark)));
        }
        for (store, class, side) in [
            (self.source.name(), inputs.mapping.source_class(), &source),
            (self.target.name(), inputs.mapping.target_class(), &target),
        ] {
            header.reads.push(side_read(store, class, side));
        }
        let extent = if whole { Extent::Whole } else { Extent::Only };
        let mut planner = Planner::new(inputs, extent, source, target, pairs);
        if let RunExtent::One(id) = &run.extent
            && inputs.abilities.source_get
        {
            let id = ObjectId::new(inputs.mapping.source_class().clone(), id.clone());
            let asked = Questions { sources: BTreeSet::from([id.clone()]), ..Questions::default() };
            let mut answers = self.answer(&inputs, asked).await;
            if !run.allow_empty
                && let Some(class) = self.doubt_absence(&mut answers.sources, &BTreeSet::new()).await?.first()
            {
                return Err(self.empty_source(class));
            }
            if let Some(Err(reason)) = answers.sources.get(&id) {
                return Err(Error::new(ErrorKind::Store, "the source could not be asked for the object")
                    .with_context("object", &id)
                    .with_context("reason", reason));
            }
            planner.answer(answers);
        }
        Ok(planner)
    }

    async fn read_source(&self, run: &Run, inputs: &Inputs<'_>) -> Side {
        let class = inputs.mapping.source_class();
        let mut query = source_query(run, inputs.mapping, inputs.policy);
        let wanted: Option<ObjectId> = match &run.extent {
            // Asked by id, see `planner`.
            RunExtent::One(_) if inputs.abilities.source_get => return Side::default(),
            RunExtent::One(id) => Some(ObjectId::new(class.clone(), id.clone())),
            RunExtent::Full | RunExtent::Incremental | RunExtent::Retire => None,
        };
        if let Some(filter) = &run.filter {
            query = query.with_filter(filter.clone());
        }
        let mut side = self.read(&*self.source, &query).await;
        let asked_for = |record: &Record| {
            wanted.as_ref().is_none_or(|id| record.id == *id)
                && run.filter.as_ref().is_none_or(|filter| filter.matches(&record.attributes))
        };
        // By id, so that a second record of the same id is seen although it fails the filter.
        let ids: HashSet<ObjectId> =
            side.records.iter().filter(|record| asked_for(record)).map(|record| record.id.clone()).collect();
        side.records.retain(|record| ids.contains(&record.id));
        let whole = run.filter.is_none();
        side.unreadable
            .retain(|(id, ..)| ids.contains(id) || (whole && wanted.as_ref().is_none_or(|wanted| wanted == id)));
        side
    }

    /// The whole target where it cannot be asked for single objects.
    async fn read_target(&self, inputs: &Inputs<'_>) -> Side {
        if inputs.abilities.target_get && inputs.abilities.target_find {
            return Side::default();
        }
        self.read(&*self.target, &target_query(inputs)).await
    }

    async fn read<S: Source + ?Sized>(&self, store: &S, query: &Query) -> Side {
        let mut records = Vec::new();
        let mut unreadable = Vec::new();
        let mut stream = heeded(store, query);
        let (completeness, cursor) = loop {
            match stream.next().await {
                Some(Ok(Read::Record(record))) => {
                    records.push(record);
                    if (records.len() as u64).is_multiple_of(PROGRESS) {
                        self.tell_read(store.name(), &query.class, records.len());
                    }
                }
                Some(Ok(Read::Unreadable { id, origin, reason })) => unreadable.push((id, origin, reason)),
                Some(Ok(Read::Deleted(_))) => {}
                end => break ended(end),
            }
        };
        self.tell_read(store.name(), &query.class, records.len());
        Side { records, unreadable, completeness: Some(completeness), cursor, ..Side::default() }
    }

    pub(super) fn tell_read(&self, store: &str, class: &Class, objects: usize) {
        self.tell(&Event::Reading { store, class, objects: objects as u64 });
    }

    // Questions and answers.

    pub(super) async fn answer(&self, inputs: &Inputs<'_>, questions: Questions) -> Answers {
        let mut answers = Answers::default();
        let ids: Vec<ObjectId> = questions.sources.into_iter().collect();
        for ids in ids.chunks(LOOKUP) {
            answers.sources.extend(lookup(&*self.source, ids).await);
        }
        let ids: Vec<ObjectId> = questions.references.into_iter().collect();
        for ids in ids.chunks(LOOKUP) {
            answers.references.extend(lookup(&*self.source, ids).await);
        }
        let ids: Vec<ObjectId> = questions.targets.into_iter().collect();
        for ids in ids.chunks(LOOKUP) {
            answers.targets.extend(lookup(&*self.target, ids).await);
        }
        let ids: Vec<ObjectId> = questions.whereabouts.into_iter().collect();
        for ids in ids.chunks(LOOKUP) {
            answers.whereabouts.extend(lookup(&*self.target, ids).await);
        }
        let anchors: Vec<Anchor> = questions.deleted.into_iter().collect();
        for anchors in anchors.chunks(LOOKUP) {
            answers.deleted.extend(self.seek_deleted(inputs, anchors).await);
        }
        let mut by_attribute: BTreeMap<Name, Vec<Value>> = BTreeMap::new();
        for (name, value) in questions.find {
            by_attribute.entry(name).or_default().push(value);
        }
        for (name, values) in by_attribute {
            for values in values.chunks(LOOKUP) {
                answers.find.extend(self.find(inputs, &name, values).await);
            }
        }
        answers
    }

    async fn seek_deleted(&self, inputs: &Inputs<'_>, anchors: &[Anchor]) -> HashMap<Anchor, Answer> {
        let found = self.target.deleted(anchors).await.map_err(|error| error.to_chain());
        let leads_to = |anchor: &Anchor, record: &Record| match anchor {
            Anchor::Id(id) => record.id == *id,
            Anchor::Attribute { class, name, value } => record.id.class == *class && holds(inputs, record, name, value),
        };
        let answer = |anchor: &Anchor| {
            found
                .as_ref()
                .map_err(Clone::clone)
                .map(|records| records.iter().filter(|record| leads_to(anchor, record)).cloned().collect::<Vec<_>>())
        };
        anchors.iter().map(|anchor| (anchor.clone(), answer(anchor))).collect()
    }

    async fn find(&self, inputs: &Inputs<'_>, name: &Name, values: &[Value]) -> HashMap<(Name, Value), Answer> {
        let class = inputs.mapping.target_class();
        let found = self.target.find(class, name, values).await.map_err(|error| error.to_chain());
        let answer = |value: &Value| {
            found.as_ref().map_err(Clone::clone).map(|records| {
                records.iter().filter(|record| holds(inputs, record, name, value)).cloned().collect::<Vec<_>>()
            })
        };
        values.iter().map(|value| ((name.clone(), value.clone()), answer(value))).collect()
    }

    // What planning goes by.

    pub(super) fn tenant(&self) -> Option<String> {
        let of = |capabilities: crate::store::Capabilities| capabilities.tenant.map(std::borrow::Cow::into_owned);
        of(self.target.capabilities()).or_else(|| of(self.source.capabilities()))
    }

    pub(super) fn context(&self, as_of: OffsetDateTime, constraints: &dyn Constraints) -> Context {
        let mut context = Context::new(as_of);
        for (name, value) in constraints.parameters().into_iter().chain(self.parameters.clone()) {
            context = context.with_parameter(name, value);
        }
        context
    }

    /// What expressions are evaluated with in a run, random values too. What a plan's values are drawn from is kept.
    pub(super) fn drawing_context(
        &self,
        run: &Run,
        constraints: &dyn Constraints,
        header: &mut Header,
    ) -> Result<Context> {
        let mut context = self.context(header.as_of, constraints);
        if self.mappings.iter().any(|ready| ready.mapping.draws()) {
            let seed = run.seed.map_or_else(password::seed, Ok)?;
            context = context.with_seed(seed);
            header.seed = Some(seed.to_hex());
        }
        if self.hides_random() {
            context = context.with_hidden_seed(password::seed()?);
        }
        Ok(context)
    }

    /// Whether something is drawn at random that must not be shown.
    pub(super) fn hides_random(&self) -> bool {
        let hides = |rule: &Rule| rule.is_random() && (rule.is_secret() || rule.is_redacted());
        self.mappings.iter().any(|ready| ready.mapping.rules().iter().any(hides))
    }

    /// What the plan depends on beside the data: another mapping or policy makes another plan.
    pub(super) fn fingerprint(&self) -> String {
        let mut hash = hmac_sha256::Hash::new();
        for ready in &self.mappings {
            hash.update(ready.mapping.fingerprint());
            hash.update([0]);
            hash.update(serde_json::to_vec(&ready.policy).expect("a policy is plain data"));
            hash.update([0]);
        }
        hash.update(serde_json::to_vec(&self.parameters).expect("parameters are plain data"));
        hex(&hash.finalize())
    }

    pub(super) fn abilities(&self) -> Abilities {
        let (source, target) = (self.source.capabilities(), self.target.capabilities());
        Abilities {
            source_get: source.get != GetSupport::Unsupported,
            source_get_is_authoritative: source.get == GetSupport::Authoritative,
            source_absent_is_empty: source.absent_is_empty,
            target_get: target.get == GetSupport::Authoritative,
            target_find: target.find,
            target_bin: target.recycle_bin,
        }
    }
}

/// What to ask the source for: what is mapped, and what is looked at beside.
pub(super) fn source_query(run: &Run, mapping: &CompiledMapping, policy: &Policy) -> Query {
    let query = Query::all(mapping.source_class().clone());
    let Some(mut select) = mapping.select() else { return query };
    select.extend(policy.source_attributes().cloned());
    // What the run is narrowed down by is looked at again.
    select.extend(run.filter.iter().flat_map(Filter::attributes).cloned());
    select.sort();
    select.dedup();
    query.with_select(select)
}

/// What to ask the target for.
pub(super) fn target_query(inputs: &Inputs<'_>) -> Query {
    Query::all(inputs.mapping.target_class().clone()).with_select(select(inputs))
}

/// The word on why a run that was to go by what changed is a full one.
fn full_run(reason: String) -> Problem {
    let message = format!("an incremental run was asked for, and this is a full one: {reason}");
    Problem::new(Severity::Warning, "full-run", message)
}

pub(super) fn side_read(store: &str, class: &Class, side: &Side) -> SideRead {
    SideRead {
        store: store.to_owned(),
        class: class.clone(),
        objects: side.objects(),
        completeness: side.completeness.clone(),
        changes: false,
    }
}

/// Looks objects up by id; each id has an answer, or the reason why there is none.
pub(super) async fn lookup<S: Source + ?Sized>(store: &S, ids: &[ObjectId]) -> HashMap<ObjectId, Answer> {
    let found = match store.get(ids).await {
        Ok(found) if found.len() == ids.len() => Ok(found),
        Ok(found) => Err(format!("{} answered {} of {} ids", store.name(), found.len(), ids.len())),
        Err(error) => Err(error.to_chain()),
    };
    match found {
        Err(reason) => ids.iter().map(|id| (id.clone(), Err(reason.clone()))).collect(),
        Ok(found) => ids
            .iter()
            .zip(found)
            .map(|(id, found)| {
                let records = match found {
                    Lookup::None => Vec::new(),
                    Lookup::One(record) => vec![record],
                    Lookup::Many(records) => records,
                };
                (id.clone(), Ok(records))
            })
            .collect(),
    }
}

/// What must be known of a target object: what is mapped, and what its schema gives a part.
pub(super) fn select(inputs: &Inputs<'_>) -> Vec<Name> {
    let schema = inputs.schema;
    let mut names: BTreeSet<Name> = inputs
        .mapping
        .target_attributes()
        .filter(|name| schema.get(name).is_some_and(|attribute| attribute.is_readable()))
        .cloned()
        .collect();
    if let Some(licenses) = &schema.licenses {
        let preferences = inputs.policy.preferences();
        let is_read = match &licenses.heirs {
            None => preferences.looks_at_licenses(),
            Some(heirs) => {
                let gives = inputs.mapping.rule(&licenses.products).is_some();
                if gives || preferences.takes_licenses_of_leavers() {
                    names.extend(heirs.attributes().cloned());
                }
                // What others have by it is not deleted.
                preferences.takes_licenses_of_leavers() || preferences.deletes_leavers()
            }
        };
        names.extend(is_read.then(|| licenses.products.clone()));
    }
    names.extend([&schema.status, &schema.created_at, &schema.label].into_iter().flatten().cloned());
    let scope = inputs.mapping.target_scope().or(schema.default_scope.as_ref());
    names.extend(scope.into_iter().flat_map(|scope| scope.attributes().into_iter().cloned()));
    names.extend(inputs.constraints.reads());
    names.extend(inputs.policy.target_attributes().cloned());
    names.into_iter().collect()
}

fn holds(inputs: &Inputs<'_>, record: &Record, name: &Name, value: &Value) -> bool {
    let (Some(schema), Some(own)) = (inputs.schema.get(name), record.get(name)) else { return false };
    let key = comparison_key(schema, value);
    key.is_some() && own.as_slice().iter().any(|own| comparison_key(schema, own) == key)
}

/// The creates between a mapping's classes whose answer never came; the mapping may have had another name then.
fn in_doubt(intents: &[Intent], ready: &Ready) -> Vec<InDoubt> {
    intents.iter().filter(|intent| intent.key.mapping == *ready.mapping.name()).filter_map(Intent::in_doubt).collect()
}

pub(super) fn whole_second(moment: OffsetDateTime) -> OffsetDateTime {
    moment.replace_nanosecond(0).unwrap_or(moment)
}
