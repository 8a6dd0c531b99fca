//! What a source that keeps no track of changes held: a digest of each record tells which of them changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt;

use crate::digest::Digester;
use crate::mapping::CompiledMapping;
use crate::model::{Name, Record};
use crate::reconcile::Policy;
use crate::store::{Query, Read, Source};

/// A digest of all records of one id, whatever their order.
pub(super) type Digest = [u8; 16];

/// The digests of what was read, by id.
#[derive(Debug)]
pub(super) struct Seen {
    attributes: Attributes,
    digests: BTreeMap<Arc<str>, Digest>,
}

/// What counts as a change.
#[derive(Debug)]
enum Attributes {
    These(BTreeSet<Name>),
    /// A closure does not say what it reads: all but what only secrets are made of.
    AllBut(BTreeSet<Name>),
}

impl Seen {
    /// Nothing read yet.
    pub(super) fn new(mapping: &CompiledMapping, policy: &Policy) -> Self {
        let reads = |secret: bool| {
            let rules = mapping.rules().iter().filter(move |rule| (rule.is_secret() || rule.is_redacted()) == secret);
            rules.flat_map(|rule| rule.source_attributes()).cloned()
        };
        // No digest of a secret is kept: one could be guessed at.
        let mut shown: BTreeSet<Name> = reads(false).collect();
        shown.extend(mapping.scope_attributes());
        shown.extend(policy.source_attributes().cloned());
        let hidden: BTreeSet<Name> = reads(true).filter(|name| !shown.contains(name)).collect();
        let attributes = if mapping.select().is_some() { Attributes::These(shown) } else { Attributes::AllBut(hidden) };
        Self { attributes, digests: BTreeMap::new() }
    }

    /// Of all that a source holds now; `None` if it cannot be read to its end.
    pub(super) async fn read<S: Source + ?Sized>(
        source: &S,
        query: &Query,
        mapping: &CompiledMapping,
        policy: &Policy,
    ) -> Option<Self> {
        let mut seen = Self::new(mapping, policy);
        let mut stream = source.read(query);
        while let Some(step) = stream.next().await {
            match step.ok()? {
                Read::Record(record) => _ = seen.add(&record),
                Read::End { completeness, .. } => return completeness.is_complete().then_some(seen),
                _ => {}
            }
        }
        None
    }

    /// Adds a record; gives the digest of all records of its id so far.
    pub(super) fn add(&mut self, record: &Record) -> Digest {
        let one = u128::from_le_bytes(self.attributes.digest(record));
        let digest = self.digests.entry(Arc::clone(&record.id.id)).or_default();
        // The order in which records of one id come says nothing.
        *digest = u128::from_le_bytes(*digest).wrapping_add(one).to_le_bytes();
        *digest
    }

    /// Whether a record of this id was added.
    pub(super) fn has(&self, id: &str) -> bool {
        self.digests.contains_key(id)
    }

    pub(super) fn digests(&self) -> &BTreeMap<Arc<str>, Digest> {
        &self.digests
    }

    /// A digest of everything.
    pub(super) fn digest(&self) -> String {
        let mut all = Digester::new();
        for (id, one) in &self.digests {
            all.part(&**id);
            all.part(one);
        }
        all.hex()
    }
}

impl Attributes {
    fn digest(&self, record: &Record) -> Digest {
        let counts = |name: &Name| match self {
            Self::These(names) => names.contains(name),
            Self::AllBut(names) => !names.contains(name),
        };
        let mut all = Digester::new();
        all.part(&*record.id.id);
        let mut values: Vec<_> = record.attributes.iter().filter(|(name, _)| counts(name)).collect();
        values.sort_by(|left, right| left.0.cmp(right.0));
        for (name, value) in values {
            all.part(name.as_bytes());
            all.part(super::ledger::encode(value));
        }
        for (name, reason) in record.partial.iter().filter(|(name, _)| counts(name)) {
            all.part(name.as_bytes());
            all.part(reason);
        }
        let mut digest = Digest::default();
        digest.copy_from_slice(&all.bytes()[..16]);
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{AbsentMeans, Mapping};
    use crate::model::{AttributeSchema, Class, Mutability, ObjectId, Schema, eq};
    use crate::reconcile::{Preferences, Situation, When};

    fn mapping() -> CompiledMapping {
        let schema = Schema::new(Class::USER)
            .with("name", AttributeSchema::text())
            .with("password", AttributeSchema::text().secret().with_mutability(Mutability::CreateOnly));
        let mapping =
            Mapping::users().attribute("name", "name").attribute("password", "pin").scope(eq("kind", "staff"));
        mapping.compile(&schema, AbsentMeans::Unknown).expect("a sound mapping")
    }

    fn policy() -> Policy {
        let when = When::Source(eq("type", "guest"));
        Policy::outbound(Preferences::default()).rule_when(Situation::Absent, when, crate::reconcile::Action::Ignore)
    }

    fn person(id: &str) -> Record {
        let record = Record::new(ObjectId::user(id)).with("name", "Ada").with("pin", "1234");
        record.with("kind", "staff").with("type", "member").with("shoes", "38")
    }

    fn digest(records: &[Record]) -> String {
        let mut seen = Seen::new(&mapping(), &policy());
        for record in records {
            seen.add(record);
        }
        seen.digest()
    }

    #[test]
    fn what_is_mapped_or_looked_at_is_a_change_and_what_is_secret_is_not() {
        let before = digest(&[person("1")]);
        for (name, value, changes) in [
            ("name", "Grace", true),
            ("kind", "external", true),
            ("type", "guest", true),
            ("pin", "4321", false),
            ("shoes", "39", false),
        ] {
            assert_eq!(digest(&[person("1").with(name, value)]) != before, changes, "{name}");
        }
        let mut partial = person("1");
        partial.partial.insert("name".into(), "cut off".to_owned());
        assert_ne!(digest(&[partial]), before);
        assert_ne!(digest(&[person("2")]), before, "the id counts");
    }

    #[test]
    fn the_order_of_records_says_nothing_and_their_number_does() {
        let (one, other) = (person("1"), person("1").with("name", "Grace"));
        assert_eq!(
            digest(&[one.clone(), other.clone(), person("2")]),
            digest(&[person("2"), other.clone(), one.clone()])
        );
        assert_ne!(digest(&[one.clone(), other]), digest(std::slice::from_ref(&one)));
        assert_ne!(digest(&[one.clone(), one.clone()]), digest(&[one]));
        assert_ne!(digest(&[]), digest(&[person("1")]));
    }
}
