//! Reading users: lists, look-ups by id, searches, the recycle bin.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use http::Method;
use icu_normalizer::{ComposingNormalizer, DecomposingNormalizer};
use serde::Deserialize;

use super::record::UserRecord;
use super::schema::{self, Attribute, Filtering};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{BatchRequest, BatchResponse, GraphClass, GraphClient, List};
use crate::model::{Anchor, Cardinality, Class, Filter, Name, ObjectId, Origin, Record, Value, values_equal};
use crate::odata::{Test, filter_text, literal};
use crate::store::{Lookup, Query, Read};

/// The most values in one `in`.
const MAX_VALUES: usize = 15;
const USERS: &str = "/users";
const DELETED_USERS: &str = "/directory/deletedItems/microsoft.graph.user";

/// Reads users from a tenant.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) client: GraphClient,
    pub(super) origin: Origin,
}

/// One page of users.
#[derive(Deserialize)]
struct Users {
    value: Vec<UserRecord>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

impl Reader {
    /// All users; a list that breaks off after its first page is partial.
    pub(super) fn read(&self, query: &Query) -> BoxStream<'static, Result<Read>> {
        if let Err(error) = only_users(&query.class) {
            return stream::iter([Err(error)]).boxed();
        }
        let mut list = self.client.users().list().items_as::<UserRecord>();
        if let Some(filter) = query.filter.as_ref().and_then(pushed_down) {
            list = list.filter(filter);
        }
        let needed = query.select.as_ref().map(|names| {
            // The caller looks at the filter again.
            let of_filter = query.filter.iter().flat_map(Filter::attributes);
            names.iter().chain(of_filter).collect::<Vec<_>>()
        });
        let pages = list.select(properties(needed.as_deref())).pages();
        let origin = self.origin.clone();
        let steps = stream::unfold(Some((pages, 0_u64)), move |state| {
            let origin = origin.clone();
            async move {
                let (mut pages, count) = state?;
                Some(match pages.next().await {
                    Some(Ok(page)) => {
                        let records = page.items.into_iter();
                        let steps = records.map(|user| Ok(Read::Record(user.into_record(&origin))));
                        (steps.collect::<Vec<_>>(), Some((pages, count.saturating_add(1))))
                    }
                    Some(Err(error)) if count == 0 => (vec![Err(error)], None),
                    Some(Err(error)) => {
                        let reason = format!("the list of users broke off after page {count}: {}", error.to_chain());
                        (vec![Ok(Read::partial(reason))], None)
                    }
                    None => (vec![Ok(Read::complete())], None),
                })
            }
        });
        steps.flat_map(stream::iter).boxed()
    }

    /// Looks users up by their object ids.
    pub(super) async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        for id in ids {
            only_users(&id.class)?;
        }
        let select = properties(None);
        let requests = ids.iter().map(|id| {
            let call = self.client.users().get(id).select(&select);
            call.into_batch()
        });
        let found = self.by_id(ids, requests.collect(), UserRecord::into_record).await?;
        Ok(found.into_iter().map(|record| record.map_or(Lookup::None, Lookup::One)).collect())
    }

    /// Finds users by the value of an attribute.
    pub(super) async fn find(&self, class: &Class, name: &Name, values: &[Value]) -> Result<Vec<Record>> {
        only_users(class)?;
        let schema = schema::user_schema();
        let attribute = schema::attribute(name);
        let (Some(attribute), Some(attribute_schema)) = (attribute, schema.get(name)) else {
            return Err(cannot_find(name));
        };
        if attribute.filtering == Filtering::No || attribute_schema.cardinality == Cardinality::Many {
            return Err(cannot_find(name));
        }
        let literals = literals(values, attribute_schema.max_length);
        let filters: Vec<_> = literals.chunks(MAX_VALUES).map(|chunk| one_of(name, chunk)).collect();
        let users = self.filtered(USERS, attribute, &filters).await?;
        let records = users.into_iter().map(|user| user.into_record(&self.origin));
        // Graph compares in its own way.
        let holds =
            |own: &Value| values.iter().any(|value| !own.is_null() && values_equal(attribute_schema, own, value));
        Ok(once_each(records.filter(|record| record.get(name).is_some_and(holds))))
    }

    /// Finds users in the recycle bin.
    pub(super) async fn deleted(&self, anchors: &[Anchor]) -> Result<Vec<Record>> {
        let mut ids = Vec::new();
        let mut values: BTreeMap<&Name, Vec<Value>> = BTreeMap::new();
        for anchor in anchors {
            match anchor {
                Anchor::Id(id) => {
                    only_users(&id.class)?;
                    ids.push(id.clone());
                }
                Anchor::Attribute { class, name, value } => {
                    only_users(class)?;
                    values.entry(name).or_default().push(value.clone());
                }
            }
        }
        let select = properties(None);
        let requests = ids.iter().map(|id| {
            let call = self.client.deleted_items().get(id).select(&select);
            call.into_batch()
        });
        let by_id = self.by_id(&ids, requests.collect(), UserRecord::into_deleted_record).await?;
        let mut records: Vec<Record> = by_id.into_iter().flatten().collect();
        for (name, values) in values {
            records.extend(self.deleted_by(name, &values).await?);
        }
        Ok(once_each(records.into_iter()))
    }

    async fn deleted_by(&self, name: &Name, values: &[Value]) -> Result<Vec<Record>> {
        let schema = schema::user_schema();
        let (Some(attribute), Some(attribute_schema)) = (schema::attribute(name), schema.get(name)) else {
            return Err(cannot_find(name));
        };
        if !attribute_schema.anchor {
            return Err(cannot_find(name));
        }
        let literals = literals(values, attribute_schema.max_length);
        if literals.is_empty() {
            return Ok(Vec::new());
        }
        let filters: Vec<_> = literals.chunks(MAX_VALUES).map(|chunk| one_of(name, chunk)).collect();
        let users = match self.filtered(DELETED_USERS, attribute, &filters).await {
            Err(error) if error.graph().is_some_and(|graph| graph.class() == GraphClass::UnsupportedQuery) => {
                self.list(DELETED_USERS).items().try_collect().await?
            }
            found => found?,
        };
        let records = users.into_iter().map(|user| user.into_deleted_record(&self.origin));
        let holds =
            |own: &Value| values.iter().any(|value| !own.is_null() && values_equal(attribute_schema, own, value));
        Ok(records.filter(|record| record.get(name).is_some_and(holds)).collect())
    }

    /// Sends one request an id; answers the record that has this very id, not one that goes by another name.
    async fn by_id(
        &self,
        ids: &[ObjectId],
        requests: Vec<Result<BatchRequest>>,
        into_record: fn(UserRecord, &Origin) -> Record,
    ) -> Result<Vec<Option<Record>>> {
        let requests = requests.into_iter().collect::<Result<Vec<_>>>()?;
        let mut found = vec![None; ids.len()];
        let mut answers = self.client.batch(requests);
        while let Some((index, answer)) = answers.next().await {
            match answer.and_then(BatchResponse::decode::<UserRecord>) {
                Ok(user) => {
                    let record = into_record(user, &self.origin);
                    found[index] = (record.id == ids[index]).then_some(record);
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.with_context("user", &ids[index].id)),
            }
        }
        Ok(found)
    }

    /// All users that pass one of the filters, asked for in batches.
    async fn filtered(&self, path: &str, attribute: &Attribute, filters: &[String]) -> Result<Vec<UserRecord>> {
        let select = properties(None);
        let requests = filters.iter().map(|filter| {
            let call =
                self.client.request(Method::GET, path).query("$filter", filter).select(&select).query("$top", "999");
            match attribute.filtering {
                Filtering::Advanced => call.query("$count", "true").header("ConsistencyLevel", "eventual"),
                _ => call,
            }
            .into_batch()
        });
        let mut users = Vec::new();
        let mut long = Vec::new();
        let mut answers = self.client.batch(requests.collect::<Result<_>>()?);
        while let Some((index, answer)) = answers.next().await {
            let page: Users = answer?.decode()?;
            match page.next {
                None => users.extend(page.value),
                Some(_) => long.push(index),
            }
        }
        // A value that more users hold than fit into a page: rare enough to be asked for again.
        for index in long {
            let list = self.list(path).filter(&filters[index]);
            let list = match attribute.filtering {
                Filtering::Advanced => list.advanced(),
                _ => list,
            };
            users.extend(list.items().try_collect::<Vec<_>>().await?);
        }
        Ok(users)
    }

    fn list(&self, path: &str) -> List<UserRecord> {
        let list = self.client.request(Method::GET, path).list::<UserRecord>();
        list.top(999).select(properties(None))
    }
}

/// The error for another class than users.
pub(super) fn only_users(class: &Class) -> Result<()> {
    if *class == Class::USER {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unsupported, "only users can be read and written so far").with_context("class", class))
}

/// What to select of Graph for these attributes, or for all that can be read.
fn properties(names: Option<&[&Name]>) -> Vec<&'static str> {
    let mut properties = BTreeSet::from(["id"]);
    let wanted = |attribute: &&Attribute| names.is_none_or(|names| names.iter().any(|name| **name == attribute.name));
    properties.extend(schema::readable().filter(wanted).map(Attribute::property));
    properties.into_iter().collect()
}

/// The part of a filter that Graph can test; the caller tests all of it again.
fn pushed_down(filter: &Filter) -> Option<String> {
    let supported = |name: &Name, test| {
        let filtering = schema::attribute(name).map(|attribute| attribute.filtering);
        match test {
            Test::Equals => matches!(filtering, Some(Filtering::Equals | Filtering::Prefix)),
            Test::StartsWith => filtering == Some(Filtering::Prefix),
        }
    };
    match filter {
        Filter::All(filters) => {
            let printable = filters.iter().filter(|filter| filter_text(filter, supported).is_some());
            filter_text(&Filter::All(printable.cloned().collect()), supported)
        }
        filter => filter_text(filter, supported),
    }
}

/// The values as they stand in a filter, each once; without those that no user can hold.
fn literals(values: &[Value], max_length: Option<usize>) -> Vec<String> {
    let mut literals = BTreeSet::new();
    for value in values.iter().flat_map(Value::as_slice) {
        match value {
            Value::Bool(value) => {
                literals.insert(value.to_string());
            }
            Value::Text(text) => {
                let too_long = max_length.is_some_and(|max| text.chars().count() > max);
                if text.trim().is_empty() || too_long || text.chars().any(char::is_control) {
                    continue;
                }
                // Graph may tell apart what are two forms of the same text.
                literals.insert(literal(text));
                literals.insert(literal(&ComposingNormalizer::new_nfc().normalize(text)));
                literals.insert(literal(&DecomposingNormalizer::new_nfd().normalize(text)));
            }
            _ => {}
        }
    }
    literals.into_iter().collect()
}

fn one_of(name: &Name, literals: &[String]) -> String {
    match literals {
        [one] => format!("{name} eq {one}"),
        several => format!("{name} in ({})", several.join(",")),
    }
}

fn once_each(records: impl Iterator<Item = Record>) -> Vec<Record> {
    let mut seen = HashMap::new();
    records.filter(|record| seen.insert(record.id.clone(), ()).is_none()).collect()
}

fn cannot_find(name: &Name) -> Error {
    Error::new(ErrorKind::Unsupported, "users cannot be found by this attribute").with_context("attribute", name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{all, eq, is_in, starts_with};

    #[test]
    fn what_graph_can_test_is_pushed_down() {
        let member = schema::member_scope();
        #[rustfmt::skip]
        let table = [
            (eq("mail", "a@b.c"), Some("mail eq 'a@b.c'")),
            (all([eq("department", "R&D"), member.clone()]), Some("department eq 'R&D'")),
            (all([member.clone()]), None),
            (member.clone().not(), None),
            (starts_with("employeeId", "7"), Some("startswith(employeeId,'7')")),
            (starts_with("accountEnabled", "t"), None),
            (eq("companyName", "x"), None),
            (eq("employeeOrgData.division", "x"), None),
            (eq("nonsense", "x"), None),
            (is_in("surname", ["O'Neil", "Li"]), Some("surname in ('O''Neil','Li')")),
        ];
        for (filter, expected) in table {
            assert_eq!(pushed_down(&filter).as_deref(), expected, "{filter:?}");
        }
    }

    #[test]
    fn what_is_selected_covers_what_is_asked_for() {
        let names: Vec<Name> = ["mail", "employeeOrgData.division", "password", "nonsense"].map(Name::from).to_vec();
        let names: Vec<&Name> = names.iter().collect();
        assert_eq!(properties(Some(&names)), ["employeeOrgData", "id", "mail"]);
        let all = properties(None);
        assert!(all.contains(&"onPremisesExtensionAttributes") && !all.contains(&"password"));
    }

    #[test]
    fn values_that_nobody_can_hold_are_not_asked_for() {
        let values = ["7", "7", "O'Neil", "", " ", "a\0b", "12345678"].map(Value::from);
        assert_eq!(literals(&values, Some(7)), ["'7'", "'O''Neil'"]);
        assert_eq!(literals(&[true.into(), Value::Null, 7.into()], None), ["true"]);
        assert_eq!(literals(&["é".into()], None).len(), 2, "composed and decomposed");
    }
}
