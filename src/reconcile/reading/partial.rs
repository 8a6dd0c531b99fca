//! What is met where not all is read: sources that are told to be deleted, and values of which nobody knows who holds them.

use crate::mapping::Rule;
use crate::model::{Name, ObjectId, Record, Value, comparison_key};
use crate::reconcile::find::assess::Assessor;
use crate::reconcile::find::case::{Case, Sourced};
use crate::reconcile::{EntryKey, Evidence, Situation};

impl<'a> Assessor<'a> {
    /// A source that was deleted, as the source says.
    pub(crate) fn deleted(&mut self, id: &ObjectId) -> Option<Case<'a>> {
        match self.inputs.links.of_source(id).filter(|link| link.target.deleted_at.is_none()) {
            Some(link) => self.source_gone(link, Evidence::Deleted),
            None => {
                let mut case = Case::new(EntryKey::of_source(self.key_name(), id), Situation::AllGone);
                case.source_id = Some(id.clone());
                Some(case)
            }
        }
    }

    /// Asks who holds the unique values that a linked object does not have yet; whether all were asked before.
    pub(crate) fn ask_for_new_values(&mut self, sourced: &Sourced, record: &Record) -> bool {
        if self.target_complete || !self.inputs.abilities.target_find {
            return true;
        }
        let schema = self.inputs.schema;
        let is_new = |(name, value): &(Name, Value)| {
            let Some(attribute) = schema.get(name).filter(|attribute| attribute.unique_in.is_some()) else {
                return false;
            };
            // What is made unique is chosen once, when the object is made.
            let chosen = self.inputs.mapping.rule(name).is_some_and(Rule::is_chosen);
            let key = comparison_key(attribute, value);
            let own = record.get(name).map_or(&[][..], Value::as_slice);
            !chosen && !own.iter().any(|own| comparison_key(attribute, own) == key)
        };
        let values: Vec<_> = self.identifying_values(sourced).into_iter().filter(is_new).collect();
        self.ask_all(&values)
    }

    /// Asks for all matching and unique values of a source; of one out of scope for the matching ones alone, since others
    /// may refer to it. Whether all were asked before.
    pub(crate) fn ask_for_values(&mut self, sourced: &Sourced) -> bool {
        if !self.inputs.abilities.target_find {
            return true;
        }
        let values = match sourced.is_in_scope() {
            true => self.identifying_values(sourced),
            false => self.values_of(sourced, self.inputs.mapping.matching()),
        };
        self.ask_all(&values)
    }

    fn ask_all(&mut self, values: &[(Name, Value)]) -> bool {
        // Not `all`: every missing question is to be asked in one go.
        values.iter().fold(true, |known, (name, value)| self.ask_find(name, value) && known)
    }

    pub(crate) fn ask_find(&mut self, name: &Name, value: &Value) -> bool {
        let question = (name.clone(), value.clone());
        let known = self.answers.find.contains_key(&question);
        if !known {
            self.questions.find.insert(question);
        }
        known
    }

    /// Why the target is not known well enough to say that something is not there; `None` if it is.
    pub(crate) fn unanswered(&self, sourced: &Sourced) -> Option<String> {
        if self.target_complete {
            return None;
        }
        if !self.inputs.abilities.target_find {
            return Some("and it cannot be asked by value".to_owned());
        }
        self.identifying_values(sourced).into_iter().find_map(|question| match self.answers.find.get(&question) {
            Some(Err(reason)) => Some(reason.clone()),
            Some(Ok(_)) => None,
            None => Some("not asked".to_owned()),
        })
    }

    /// What a source is to match by, and what only one object can hold of what it is to get.
    fn identifying_values(&self, sourced: &Sourced) -> Vec<(Name, Value)> {
        let mapping = self.inputs.mapping;
        let unique = self.inputs.schema.attributes.iter().filter(|(_, schema)| schema.unique_in.is_some());
        let mut names: Vec<&Name> = mapping.matching().iter().chain(unique.map(|(name, _)| name)).collect();
        names.sort();
        names.dedup();
        // Of what is made unique each value that may be tried.
        let chosen = mapping.rules().iter().filter(|rule| rule.is_chosen());
        let candidates = chosen.flat_map(|rule| {
            let candidates = rule.candidates(&sourced.record, self.inputs.context).into_iter();
            candidates.filter_map(Result::ok).map(|value| (rule.target(), value))
        });
        let names = names.into_iter().filter(|name| !mapping.rule(name).is_some_and(Rule::is_chosen));
        let mut values = self.values_of(sourced, names);
        values.extend(self.comparable(candidates));
        values
    }

    fn values_of<'n>(&self, sourced: &Sourced, names: impl IntoIterator<Item = &'n Name>) -> Vec<(Name, Value)> {
        let desired = |name: &'n Name| Some((name, sourced.desired(&self.inputs, name)?));
        self.comparable(names.into_iter().filter_map(desired))
    }

    /// Each value by which something can be found.
    fn comparable<'n>(&self, values: impl Iterator<Item = (&'n Name, Value)>) -> Vec<(Name, Value)> {
        let each = values.flat_map(|(name, value)| {
            value.as_slice().iter().map(|value| (name.clone(), value.clone())).collect::<Vec<_>>()
        });
        let schema = self.inputs.schema;
        each.filter(|(name, value)| schema.get(name).is_some_and(|own| comparison_key(own, value).is_some())).collect()
    }
}
