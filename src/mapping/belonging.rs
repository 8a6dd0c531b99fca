//! Who belongs to a mapping: its two kinds of scope, joined.

use super::engine::CompiledMapping;
use super::scope::{ScopeError, ScopeVerdict, ScopingFilter};
use crate::expr::AttributePath;
use crate::model::{Filter, Name, Record};

/// What a mapping's scopes say of a record. Complete by definition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it belongs, does not, is not looked at, or nobody knows")]
pub enum Belonging {
    /// It belongs.
    InScope,
    /// It does not: what was written for it is taken back, as the policy says of those who left the scope.
    LeftScope,
    /// It is not looked at: nothing is written for it and nothing taken back.
    LeftAlone,
    /// Nobody knows, for this reason: nothing is written for it and nothing taken back, and a person must look.
    Unknown(ScopeError),
}

impl CompiledMapping {
    /// Whether a record belongs, by [`scope`](super::Mapping::scope) and [`scoping`](super::Mapping::scoping) together.
    /// Of one with an attribute that a scope reads and that was not read whole ([`Record::partial`]) nobody knows.
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::mapping::{AbsentMeans, Belonging, Mapping, ScopingFilter};
    /// use entrant::model::{AttributeSchema, Class, ObjectId, Schema};
    /// use entrant::Record;
    ///
    /// let filter = ScopingFilter::from_json(r#"{"groups": [{"clauses": [
    ///     {"sourceOperandName": "department", "operatorName": "REGEX MATCH", "targetOperand": {"values": ["^Sales"]}}
    /// ]}]}"#)?;
    /// let schema = Schema::new(Class::USER).with("displayName", AttributeSchema::text());
    /// let mapping = Mapping::users().attribute("displayName", "name").scoping(filter);
    /// let mapping = mapping.compile(&schema, AbsentMeans::Unknown)?;
    /// let record = Record::new(ObjectId::user("7")).with("department", "Sales EMEA");
    /// assert_eq!(mapping.belonging(&record), Belonging::InScope);
    /// let record = record.with("department", "HR");
    /// assert_eq!(mapping.belonging(&record), Belonging::LeftScope);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn belonging(&self, record: &Record) -> Belonging {
        if let Some((name, reason)) = self.gap_in_scope(record) {
            let message = format!("it was not read whole, and the scope goes by it: {reason}");
            return Belonging::Unknown(ScopeError::new(name.as_str(), message));
        }
        let attributes = &record.attributes;
        let verdict = match &self.scoping {
            None => ScopeVerdict::InScope,
            Some(filter) => match filter.evaluate(attributes) {
                Ok(verdict) => verdict,
                Err(error) => return Belonging::Unknown(error),
            },
        };
        match verdict {
            ScopeVerdict::NotRead | ScopeVerdict::OtherCategory => Belonging::LeftAlone,
            ScopeVerdict::LeftScope => Belonging::LeftScope,
            ScopeVerdict::InScope if self.scope.as_ref().is_none_or(|scope| scope.matches(attributes)) => {
                Belonging::InScope
            }
            ScopeVerdict::InScope => Belonging::LeftScope,
        }
    }

    /// An attribute that a scope reads and that was not read whole, with why.
    fn gap_in_scope<'a>(&self, record: &'a Record) -> Option<(&'a Name, &'a String)> {
        if record.partial.is_empty() {
            return None;
        }
        let read: Vec<Name> = self.scope_attributes().collect();
        record.partial.iter().find(|(name, _)| read.contains(name))
    }

    /// The scoping filter, if there is one.
    #[must_use]
    pub fn scoping(&self) -> Option<&ScopingFilter> {
        self.scoping.as_ref()
    }

    /// The top-level source attributes that the scopes may read.
    pub(crate) fn scope_attributes(&self) -> impl Iterator<Item = Name> + '_ {
        let of_scope = self.scope.iter().flat_map(Filter::attributes).cloned();
        of_scope.chain(self.scoping.iter().flat_map(ScopingFilter::attributes))
    }

    /// The source attributes, as they are written in the scopes, of which no record held anything, given which attribute
    /// names were seen in any record.
    pub(crate) fn scope_undelivered(&self, seen: impl Fn(&str) -> bool) -> Vec<Name> {
        let plain = self.scope.iter().flat_map(Filter::attributes).filter(|name| !seen(name));
        let paths = self.scoping.iter().flat_map(ScopingFilter::references);
        let unseen = paths.filter(|path| !path.names().any(|name| seen(name))).map(AttributePath::text);
        plain.chain(unseen).cloned().collect()
    }
}
