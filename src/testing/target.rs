//! The contract of a target.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;

use super::changes::{Edit, follows};
use super::violation::{Verdict, fails, holds, same, works};
use crate::error::{ErrorKind, Result};
use crate::model::{
    Anchor, AttributeSchema, Attributes, Cardinality, Change, ChangeId, Class, ElementChange, Kind, Name, ObjectId,
    Operation, Record, Refused, Schema, Value, Written, values_equal,
};
use crate::secret::Secret;
use crate::store::{GetSupport, Lookup, Target};

const ANSWERED: &str = "each change is answered exactly once";
const CREATED: &str = "what was created is there with what was given";
const UPDATED: &str = "an update changes what it names, and nothing else";
const CLEARED: &str = "null clears an attribute";
const IN_ORDER: &str = "changes of one object are carried out in the order given";
const ALONE: &str = "one change that fails stops no other";
const AGAIN: &str = "an update does not fail for having been made before";
const DELETED: &str = "deleting what is gone is success";
const BIN: &str = "the recycle bin holds what was deleted, found by each of its anchors";
const RESTORED: &str = "what is restored is there as it was";
const FOUND: &str = "find yields all that hold one of the values, as the schema compares them";

const GIVEN: &str = "elements that are given and taken are there and gone, and no others";
const GIVEN_AGAIN: &str = "giving what is there and taking what is gone is success";
const REFUSED: &str = "an element that is refused is named with its reason, and the others are none the worse";
const REPLACED: &str = "of a single reference the new one takes the place of the one before";
const NOT_THE_ONE: &str = "taking a single reference that is not the one held changes nothing";
const AWAITED: &str = "a reference to what is not there is refused as not found";

/// What [`target_suite`] writes.
#[derive(Clone)]
pub struct Sample {
    class: Class,
    make: Arc<MakeSample>,
    attribute: Name,
    references: Vec<(Name, Option<Box<Sample>>)>,
}

type MakeSample = dyn Fn(usize) -> (Attributes, BTreeMap<Name, Secret>) + Send + Sync;

impl Sample {
    /// Objects of a class: `make` answers what the target needs to create one, with other values for each number.
    ///
    /// `attribute` is a text that can be changed and cleared, and that `make` does not give.
    pub fn new(
        class: Class,
        attribute: impl Into<Name>,
        make: impl Fn(usize) -> (Attributes, BTreeMap<Name, Secret>) + Send + Sync + 'static,
    ) -> Self {
        Self { class, make: Arc::new(make), attribute: attribute.into(), references: Vec::new() }
    }

    /// Names an attribute that refers to objects of the sample's own class.
    #[must_use]
    pub fn with_reference(mut self, attribute: impl Into<Name>) -> Self {
        self.references.push((attribute.into(), None));
        self
    }

    /// Names an attribute that refers to objects of another class, and a sample of those.
    #[must_use]
    pub fn with_reference_to(mut self, attribute: impl Into<Name>, sample: Sample) -> Self {
        self.references.push((attribute.into(), Some(Box::new(sample))));
        self
    }

    fn create(&self, number: usize) -> Operation {
        let (attributes, secrets) = (self.make)(number);
        Operation::Create { class: self.class.clone(), attributes, secrets }
    }

    fn update(&self, id: &ObjectId, value: impl Into<Value>) -> Operation {
        Operation::Update {
            id: id.clone(),
            attributes: [(self.attribute.clone(), value.into())].into_iter().collect(),
            secrets: BTreeMap::new(),
        }
    }
}

impl std::fmt::Debug for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sample").field("class", &self.class).field("attribute", &self.attribute).finish_non_exhaustive()
    }
}

/// Runs the cases of [`Target`]'s contract. It writes to the target, and needs [`Source::get`](crate::store::Source::get).
///
/// # Errors
///
/// The first sentence that does not hold.
pub async fn target_suite(target: &impl Target, sample: &Sample) -> Verdict {
    let unknown = target.schema(&Class::new("entrant-no-such-class"));
    fails("a class that the target does not have is unsupported", unknown, ErrorKind::Unsupported)?;
    let schema = works("a target has a schema", target.schema(&sample.class))?;
    works("constraints can be asked for", target.constraints().await)?;
    let readable = target.capabilities().get != GetSupport::Unsupported;
    holds("the suite needs a target that can be asked by id", readable, || "it cannot".into())?;

    let ids = creates(target, sample, &schema).await?;
    updates(target, sample, &ids).await?;
    if target.capabilities().find {
        finds(target, sample, &schema, &ids).await?;
    }
    for (attribute, other) in &sample.references {
        let others = match other {
            Some(other) => {
                let answers = write(target, (0..6).map(|number| other.create(number)).collect()).await?;
                answers.into_iter().map(|answer| works(CREATED, answer).map(|written| written.id)).collect()
            }
            None => Ok(ids[4..10].to_vec()),
        };
        elements(target, &schema, attribute, &ids[2..4], &others?).await?;
    }
    deletes(target, sample, &schema, &ids).await?;
    changes(target, sample).await
}

/// What a target that keeps track of changes tells of those that were written to it.
async fn changes(target: &impl Target, sample: &Sample) -> Verdict {
    let edit = async |edit| {
        let operation = match edit {
            Edit::Add(number) => sample.create(number),
            Edit::Set(id, text) => sample.update(&id, text),
            Edit::Remove(id) => Operation::Delete { id },
        };
        works(ALONE, write(target, vec![operation]).await?.remove(0)).map(|written| written.id)
    };
    follows(target, &sample.class, &sample.attribute, edit).await
}

async fn creates(target: &impl Target, sample: &Sample, schema: &Schema) -> Verdict<Vec<ObjectId>> {
    same(ANSWERED, &write(target, Vec::new()).await?.len(), &0)?;
    let answers = write(target, (0..25).map(|number| sample.create(number)).collect()).await?;
    let mut ids = Vec::new();
    for (number, answer) in answers.into_iter().enumerate() {
        let id = works(CREATED, answer)?.id;
        let record = look_up(target, &id).await?;
        let (attributes, secrets) = (sample.make)(number);
        for (name, value) in attributes.iter() {
            if let Some(attribute) = schema.get(name).filter(|attribute| attribute.is_readable()) {
                has(CREATED, &record, attribute, name, value)?;
            }
        }
        for (name, secret) in secrets {
            let shown = format!("{record:?} {target:?}");
            let hidden = record.get(&name).is_none() && !shown.contains(secret.expose());
            holds("a secret is never read back or shown", hidden, || format!("{name} of {id}"))?;
        }
        holds("each object has an id of its own", !ids.contains(&id), || id.to_string())?;
        ids.push(id);
    }
    Ok(ids)
}

async fn updates(target: &impl Target, sample: &Sample, ids: &[ObjectId]) -> Verdict {
    let text = |id| async move {
        let record = look_up(target, id).await?;
        Ok(record.get(&sample.attribute).cloned().unwrap_or_default())
    };
    let before = look_up(target, &ids[0]).await?;
    for _ in 0..2 {
        for answer in write(target, vec![sample.update(&ids[0], "changed")]).await? {
            works(AGAIN, answer)?;
        }
    }
    let mut after = look_up(target, &ids[0]).await?;
    same(UPDATED, &after.get(&sample.attribute), &Some(&Value::text("changed")))?;
    after.attributes.insert(sample.attribute.clone(), before.get(&sample.attribute).cloned().unwrap_or_default());
    for (name, value) in before.attributes.iter() {
        same(UPDATED, &after.get(name), &Some(value))?;
    }

    let order: Vec<_> = (0..30).map(|n| sample.update(&ids[n % 3], format!("step {n}"))).collect();
    for answer in write(target, order).await? {
        works(IN_ORDER, answer)?;
    }
    for (n, id) in ids[..3].iter().enumerate() {
        same(IN_ORDER, &text(id).await?, &Value::text(format!("step {}", 27 + n)))?;
    }

    let nobody = ObjectId::new(sample.class.clone(), "00000000-0000-4000-8000-000000000000");
    let mixed = vec![sample.update(&nobody, "x"), sample.update(&ids[1], Value::Null), sample.create(0)];
    let answers = write(target, mixed).await?;
    holds("a change of what is not there fails", answers[0].is_err(), || format!("{:?}", answers[0]))?;
    holds(ALONE, answers[1].is_ok(), || format!("{:?}", answers[1]))?;
    same(CLEARED, &text(&ids[1]).await?, &Value::Null)?;
    if let Ok(second) = &answers[2] {
        let answers = write(target, vec![Operation::Delete { id: second.id.clone() }]).await?;
        holds("what was just created can be deleted", answers[0].is_ok(), || format!("{:?}", answers[0]))?;
    }
    Ok(())
}

async fn finds(target: &impl Target, sample: &Sample, schema: &Schema, ids: &[ObjectId]) -> Verdict {
    let find = async |name: &Name, values: &[Value]| works(FOUND, target.find(&sample.class, name, values).await);
    let (first, second) = ((sample.make)(0).0, (sample.make)(1).0);
    for (name, attribute) in &schema.attributes {
        let (Some(one), Some(two)) = (first.get(name), second.get(name)) else {
            continue;
        };
        if attribute.unique_in.is_none() || !attribute.is_readable() || one == two {
            continue;
        }
        let mut found: Vec<_> =
            find(name, &[one.clone(), two.clone()]).await?.into_iter().map(|record| record.id).collect();
        found.sort();
        let mut expected = ids[..2].to_vec();
        expected.sort();
        same(FOUND, &found, &expected)?;
        same(FOUND, &find(name, &[Value::text("nobody's value")]).await?, &Vec::new())?;
        same(FOUND, &find(name, &[]).await?, &Vec::new())?;
        if let Some(other_case) = one.as_text().map(str::to_uppercase).filter(|upper| Some(&**upper) != one.as_text()) {
            let equal = values_equal(attribute, one, &Value::text(&*other_case));
            let found = find(name, &[Value::from(other_case)]).await?;
            same(FOUND, &found.iter().any(|record| record.id == ids[0]), &equal)?;
        }
    }
    Ok(())
}

/// Gives and takes references of the first of `ids`; of six `others`.
async fn elements(
    target: &impl Target,
    schema: &Schema,
    attribute: &Name,
    ids: &[ObjectId],
    others: &[ObjectId],
) -> Verdict {
    const NAMED: &str = "the sample names references of the schema";
    let kind = schema.get(attribute).map(|attribute| attribute.kind.clone());
    let Some(Kind::Reference(class)) = kind else {
        return holds(NAMED, false, || format!("{attribute} is {kind:?}"));
    };
    let value = |id: &ObjectId| Value::text(Arc::clone(&id.id));
    let change = |id: &ObjectId, add: &[Value], remove: &[Value]| Operation::Elements {
        id: id.clone(),
        changes: BTreeMap::from([(attribute.clone(), ElementChange::new(add.iter().cloned(), remove.iter().cloned()))]),
    };
    let held = async || {
        let record = look_up(target, &ids[0]).await?;
        let mut held = record.get(attribute).map_or_else(Vec::new, |value| value.as_slice().to_vec());
        held.sort();
        Ok(held)
    };
    let sorted = |ids: &[&ObjectId]| {
        let mut values: Vec<_> = ids.iter().map(|id| value(id)).collect();
        values.sort();
        values
    };
    // Each answer names what was refused.
    let refused = async |sentence, operation: Operation| {
        let mut answers = write(target, vec![operation]).await?;
        let written = works(sentence, answers.remove(0))?;
        same("an answer names the object that was written", &written.id, &ids[0])?;
        Ok(written.refused)
    };
    let none = async |sentence, operation: Operation| {
        let refused = refused(sentence, operation).await?;
        holds(sentence, refused.is_empty(), || format!("{refused:?}"))
    };
    let nobody = ObjectId::new(class, "00000000-0000-4000-8000-000000000000");
    let single = schema.get(attribute).is_some_and(|schema| schema.cardinality == Cardinality::Single);
    if single {
        for (add, remove, sentence, expected) in [
            (Some(&others[0]), None, GIVEN, Some(&others[0])),
            (Some(&others[0]), None, GIVEN_AGAIN, Some(&others[0])),
            (Some(&others[1]), Some(&others[0]), REPLACED, Some(&others[1])),
            (Some(&others[2]), None, REPLACED, Some(&others[2])),
            (None, Some(&others[0]), NOT_THE_ONE, Some(&others[2])),
            (None, Some(&others[2]), GIVEN, None),
            (None, Some(&others[2]), GIVEN_AGAIN, None),
        ] {
            let values = |id: Option<&ObjectId>| id.map(value).into_iter().collect::<Vec<_>>();
            none(sentence, change(&ids[0], &values(add), &values(remove))).await?;
            same(sentence, &held().await?, &sorted(&expected.into_iter().collect::<Vec<_>>()))?;
        }
    } else {
        let all: Vec<_> = others[..4].iter().map(value).collect();
        none(GIVEN, change(&ids[0], &all, &[])).await?;
        same(GIVEN, &held().await?, &sorted(&others[..4].iter().collect::<Vec<_>>()))?;
        for _ in 0..2 {
            none(GIVEN_AGAIN, change(&ids[0], &[value(&others[0]), value(&others[4])], &[value(&others[1])])).await?;
            let left = [&others[0], &others[2], &others[3], &others[4]];
            same(GIVEN_AGAIN, &held().await?, &sorted(&left))?;
        }
    }
    let before = held().await?;
    let refusals = refused(AWAITED, change(&ids[0], &[value(&nobody)], &[])).await?;
    let is_not_found = |refused: &Refused| {
        refused.attribute == *attribute
            && refused.element == value(&nobody)
            && refused.error.kind() == ErrorKind::NotFound
    };
    holds(AWAITED, refusals.len() == 1 && is_not_found(&refusals[0]), || format!("{refusals:?}"))?;
    same(REFUSED, &held().await?, &before)?;
    if !single {
        let given = change(&ids[0], &[value(&nobody), value(&others[5])], &[value(&others[2])]);
        let refusals = refused(REFUSED, given).await?;
        holds(REFUSED, refusals.len() == 1 && is_not_found(&refusals[0]), || format!("{refusals:?}"))?;
        let left = [&others[0], &others[3], &others[4], &others[5]];
        same(REFUSED, &held().await?, &sorted(&left))?;
    }
    let refusals = refused(REFUSED, change(&ids[0], &[Value::Bool(true)], &[])).await?;
    holds(REFUSED, refusals.len() == 1, || format!("{refusals:?} for what is no id"))?;

    // Two objects at once, and one of them twice: each in its order.
    let last = Operation::Elements {
        id: ids[0].clone(),
        changes: BTreeMap::from([(attribute.clone(), ElementChange::new([], [value(&others[5])]))]),
    };
    let both = vec![
        change(&ids[0], &[value(&others[5])], &[]),
        change(&ids[1], &[value(&others[5])], &[]),
        last,
        change(&ids[1], &[], &[value(&others[5])]),
    ];
    for answer in write(target, both).await? {
        let written = works(IN_ORDER, answer)?;
        holds(IN_ORDER, written.refused.is_empty(), || format!("{:?}", written.refused))?;
    }
    holds(IN_ORDER, !held().await?.contains(&value(&others[5])), || "given first and taken then".into())
}

async fn deletes(target: &impl Target, sample: &Sample, schema: &Schema, ids: &[ObjectId]) -> Verdict {
    let gone = &ids[0];
    let before = look_up(target, gone).await?;
    for _ in 0..2 {
        let answers = write(target, vec![Operation::Delete { id: gone.clone() }]).await?;
        holds(DELETED, answers[0].is_ok(), || format!("{:?}", answers[0]))?;
    }
    let answers = works(DELETED, target.get(std::slice::from_ref(gone)).await)?;
    same(DELETED, &answers, &vec![Lookup::None])?;
    if !target.capabilities().recycle_bin {
        return Ok(());
    }
    let mut anchors = vec![Anchor::Id(gone.clone())];
    for (name, attribute) in &schema.attributes {
        let value = before.get(name).filter(|value| attribute.anchor && !value.is_blank());
        anchors.extend(value.map(|value| Anchor::Attribute {
            class: sample.class.clone(),
            name: name.clone(),
            value: value.clone(),
        }));
    }
    for anchor in &anchors {
        let found = works(BIN, target.deleted(std::slice::from_ref(anchor)).await)?;
        let found: Vec<_> = found.into_iter().map(|record| record.id).collect();
        same(BIN, &found, &vec![gone.clone()])?;
    }
    let living = works(BIN, target.deleted(&[Anchor::Id(ids[1].clone())]).await)?;
    same(BIN, &living, &Vec::new())?;

    let answers = write(target, vec![Operation::Restore { id: gone.clone() }]).await?;
    holds(RESTORED, answers[0].is_ok(), || format!("{:?}", answers[0]))?;
    same(RESTORED, &look_up(target, gone).await?.attributes, &before.attributes)?;
    same(RESTORED, &works(BIN, target.deleted(&anchors).await)?, &Vec::new())
}

/// The answers in the order of the changes.
async fn write(target: &impl Target, operations: Vec<Operation>) -> Verdict<Vec<Result<Written>>> {
    let mut pending: BTreeMap<ChangeId, Option<Result<Written>>> = BTreeMap::new();
    let mut changes = Vec::new();
    for (number, operation) in (7..).zip(operations) {
        pending.insert(ChangeId::new(number), None);
        changes.push(Change::new(ChangeId::new(number), operation));
    }
    let mut answers = target.write(changes);
    while let Some((id, answer)) = answers.next().await {
        let open = pending.insert(id, Some(answer));
        holds(ANSWERED, matches!(open, Some(None)), || format!("{id:?} again, or never asked"))?;
    }
    let answers: Vec<_> = pending.into_values().flatten().collect();
    Ok(answers)
}

async fn look_up(target: &impl Target, id: &ObjectId) -> Verdict<Record> {
    const THERE: &str = "what was written can be asked for by id";
    match works(THERE, target.get(std::slice::from_ref(id)).await)?.pop() {
        Some(Lookup::One(record)) => Ok(record),
        other => holds(THERE, false, || format!("{other:?} for {id}")).map(|()| Record::new(id.clone())),
    }
}

fn has(sentence: &'static str, record: &Record, schema: &AttributeSchema, name: &Name, value: &Value) -> Verdict {
    let seen = record.get(name);
    let equal = seen.is_some_and(|seen| values_equal(schema, seen, value));
    holds(sentence, equal, || format!("{name} of {} is {seen:?} instead of {value:?}", record.id))
}
