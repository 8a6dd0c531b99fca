//! Finding counterparts: target objects by id, by matching values and by unique values.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::{AttributeSchema, Filter, Name, ObjectId, Record, Value, comparison_key};
use crate::reconcile::decide::choose::own_space;
use crate::reconcile::decide::unique::Key;
use crate::reconcile::find::link::LinkIndex;
use crate::reconcile::reading::inputs::{Answers, Inputs, Side};
use crate::reconcile::reading::pairs::Pairs;

/// The target objects that are known, found by id and by value. Positions are places in the arena of records, in which
/// those of settled pairs are not: what others may ask of them is asked of [`Pairs`].
pub(crate) struct TargetIndex<'a> {
    records: Vec<&'a Record>,
    by_id: HashMap<&'a ObjectId, usize>,
    /// By matching attribute (in its order) and key; only objects in the target scope.
    matching: Vec<HashMap<String, Arc<Vec<usize>>>>,
    /// By name space and key; every object, in scope or not.
    unique: HashMap<Key, Vec<usize>>,
    scope: Option<&'a Filter>,
    /// The attributes that are made unique, each with its own name space and as it is compared there.
    chosen: Vec<(&'a Name, Name, AttributeSchema)>,
    pairs: &'a Pairs,
    links: &'a LinkIndex,
}

/// What matching yields for one source object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// No matching attribute has a value.
    Blank,
    /// Nothing matches.
    None,
    /// These match by the first attribute that yields any, at least one.
    ///
    /// Shared by all that they match: a placeholder in place of an id may match thousands to thousands.
    Candidates(Arc<Vec<usize>>),
}

impl<'a> TargetIndex<'a> {
    pub(crate) fn new(inputs: &Inputs<'a>, side: &'a Side, answers: &'a Answers, pairs: &'a Pairs) -> Self {
        let scope = inputs.mapping.target_scope().or(inputs.schema.default_scope.as_ref());
        let chosen = inputs.mapping.rules().iter().filter(|rule| rule.is_chosen()).filter_map(|rule| {
            let schema = inputs.schema.get(rule.target())?.clone().ignore_case();
            Some((rule.target(), own_space(inputs.mapping.target_class(), rule.target()), schema))
        });
        let mut index = Self {
            records: Vec::with_capacity(side.records.len()),
            by_id: HashMap::with_capacity(side.records.len()),
            matching: vec![HashMap::new(); inputs.mapping.matching().len()],
            unique: HashMap::new(),
            scope,
            chosen: chosen.collect(),
            pairs,
            links: inputs.links,
        };
        // What was asked for is fresher than what was listed.
        let mut found: Vec<_> = answers.find.iter().collect();
        // Of two that come with one id the same is taken each time.
        found.sort_by_key(|(question, _)| *question);
        let found = found.into_iter().map(|(_, answer)| answer);
        let answered = answers.targets.values().chain(found).flatten().flatten();
        let mut answered: Vec<&Record> =
            answered.filter(|record| record.id.class == *inputs.mapping.target_class()).collect();
        answered.sort_by(|left, right| left.id.cmp(&right.id));
        for record in answered.into_iter().chain(&side.records) {
            index.insert(inputs, record);
        }
        // In an order that does not depend on that of the read.
        let records = &index.records;
        let several = index.matching.iter_mut().flat_map(HashMap::values_mut).filter(|found| found.len() > 1);
        several.for_each(|found| Arc::make_mut(found).sort_by_key(|position| &records[*position].id));
        index
    }

    fn insert(&mut self, inputs: &Inputs<'a>, record: &'a Record) {
        let position = self.records.len();
        if self.by_id.contains_key(&record.id) {
            return;
        }
        self.by_id.insert(&record.id, position);
        self.records.push(record);
        if self.in_scope(record) {
            for (attribute, index) in inputs.mapping.matching().iter().zip(&mut self.matching) {
                for key in keys(inputs, attribute, record) {
                    Arc::make_mut(index.entry(key).or_default()).push(position);
                }
            }
        }
        for (attribute, space, schema) in &self.chosen {
            for value in record.get(attribute).into_iter().flat_map(Value::as_slice) {
                if let Some(key) = comparison_key(schema, value) {
                    self.unique.entry((space.clone(), key)).or_default().push(position);
                }
            }
        }
        for (attribute, schema) in &inputs.schema.attributes {
            if let Some(space) = &schema.unique_in {
                for key in keys(inputs, attribute, record) {
                    let holders = self.unique.entry((space.clone(), key)).or_default();
                    if !holders.contains(&position) {
                        holders.push(position);
                    }
                }
            }
        }
    }

    pub(crate) fn in_scope(&self, record: &Record) -> bool {
        self.scope.is_none_or(|scope| scope.matches(&record.attributes))
    }

    pub(crate) fn position(&self, id: &ObjectId) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    pub(crate) fn record(&self, position: usize) -> &'a Record {
        self.records[position]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a Record> {
        self.records.iter().copied()
    }

    /// Candidates by the matching attributes in their order; the first that yields any ends the search.
    pub(crate) fn candidates(&self, keys: &[Option<String>]) -> Match {
        if keys.iter().all(Option::is_none) {
            return Match::Blank;
        }
        for (key, index) in keys.iter().zip(&self.matching) {
            if let Some(found) = key.as_ref().and_then(|key| index.get(key)) {
                return Match::Candidates(Arc::clone(found));
            }
        }
        Match::None
    }

    /// Who holds a value in a name space, in the order of their ids.
    pub(crate) fn holders(&self, key: &Key) -> Vec<&'a ObjectId> {
        let settled = self.pairs.holders(key).map(|place| &self.links.places().get(place).target.object);
        let mut holders: Vec<&ObjectId> =
            self.unsettled_holders(key).iter().map(|position| &self.records[*position].id).chain(settled).collect();
        holders.sort();
        holders
    }

    /// Who of those that are not settled holds a value in a name space.
    pub(crate) fn unsettled_holders(&self, key: &Key) -> &[usize] {
        self.unique.get(key).map_or(&[], Vec::as_slice)
    }
}

fn keys(inputs: &Inputs<'_>, attribute: &Name, record: &Record) -> BTreeSet<String> {
    let (Some(schema), Some(value)) = (inputs.schema.get(attribute), record.get(attribute)) else {
        return BTreeSet::new();
    };
    value.as_slice().iter().filter_map(|value| comparison_key(schema, value)).collect()
}
