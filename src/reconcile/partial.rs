//! What is met where not all is read: sources that are told to be deleted, and values of which nobody knows who holds them.

use super::assess::Assessor;
use super::case::{Case, Sourced};
use super::{EntryKey, Evidence, Situation};
use crate::mapping::Rule;
use crate::model::{Name, ObjectId, Record, Value, comparison_key};

impl<'a> Assessor<'a> {
    /// A source that was deleted, as the source says.
    pub(super) fn deleted(&mut self, id: &ObjectId) -> Option<Case<'a>> {
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
    pub(super) fn ask_for_new_values(&mut self, sourced: &Sourced, record: &Record) -> bool {
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
        values.iter().fold(true, |known, (name, value)| self.ask_find(name, value) && known)
    }
}
