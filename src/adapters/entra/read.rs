//! Reading users and groups: lists, look-ups by id, searches, the recycle bin.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use http::Method;
use icu_normalizer::{ComposingNormalizer, DecomposingNormalizer};
use serde::Deserialize;
use uuid::Uuid;

use super::changes::Watch;
use super::record::ObjectRecord;
use super::schema::{
    self, ASSIGNED_LICENSES, Attribute, Filtering, Link, MANAGER, PROCESSING_STATE, Reading, Table, VISIBILITY,
};
use super::{license_faults, links};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{BatchRequest, BatchResponse, Call, GraphClass, GraphClient, List, Page};
use crate::model::{
    Anchor, AttributeSchema, Cardinality, Class, Filter, Kind, Name, ObjectId, Origin, Record, Shape, Value,
    comparison_key,
};
use crate::odata::{Test, filter_text, key_segment, literal};
use crate::store::{Cursor, Lookup, Query, Read};

/// The longest text that is asked for, of an attribute without a limit of its own: an address has its limits.
const MAX_TEXT: usize = 256;
/// The most values in one `in`.
const MAX_VALUES: usize = 15;
/// How many objects are given at once where each needs requests of its own: enough to fill batches.
pub(super) const MAX_LINKED: usize = 100;
const EXPAND_MANAGER: &str = "manager($select=id)";

/// Reads users and groups from a tenant.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) client: GraphClient,
    pub(super) origin: Origin,
    /// The tenant as its connection names it, in lower case.
    pub(super) tenant: Arc<str>,
}

/// One page of objects.
#[derive(Deserialize)]
struct Objects {
    value: Vec<ObjectRecord>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

/// What is asked for of each object.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) table: &'static Table,
    pub(super) select: Vec<&'static str>,
    pub(super) manager: bool,
    pub(super) links: Vec<&'static Link>,
    /// Which members did not get the licences of a group.
    pub(super) faults: bool,
}

impl Wanted {
    /// What it takes to give these attributes, or all.
    pub(super) fn new(table: &'static Table, names: Option<&[&Name]>) -> Self {
        let is_wanted = |name: &str| names.is_none_or(|names| names.iter().any(|own| **own == name));
        let mut select = BTreeSet::from(["id"]);
        let wanted = || table.readable().filter(|attribute| is_wanted(attribute.name));
        select.extend(wanted().filter_map(Attribute::selected));
        let mut links: Vec<_> = table.place.links.iter().collect();
        links.retain(|link| link.attributes.iter().any(|(_, attribute)| is_wanted(attribute)));
        if !links.is_empty() {
            // It says whether the members are shown.
            select.insert(VISIBILITY);
        }
        let manager = wanted().any(|attribute| attribute.reading == Reading::Expanded);
        let faults = wanted().any(|attribute| attribute.reading == Reading::Faults);
        if faults {
            // Only who has licences can fail to hand them on.
            select.insert(ASSIGNED_LICENSES);
        }
        Self { table, select: select.into_iter().collect(), manager, links, faults }
    }

    /// Of a deleted object there is only what it holds itself.
    fn deleted(table: &'static Table) -> Self {
        // A deleted group hands nothing on.
        let selected =
            |attribute: &&Attribute| attribute.reading == Reading::Selected && attribute.name != PROCESSING_STATE;
        let select: BTreeSet<_> = table.readable().filter(selected).map(Attribute::property).collect();
        Self { table, select: select.into_iter().collect(), manager: false, links: Vec::new(), faults: false }
    }

    /// Graph expands nothing in an advanced query.
    fn without_manager(self) -> Self {
        Self { manager: false, ..self }
    }

    /// Whether each object needs requests of its own.
    fn has_more(&self) -> bool {
        self.faults || !self.links.is_empty()
    }

    /// Reads what needs requests of its own. How many lists broke off for a reason that may pass.
    pub(super) async fn fill(&self, client: &GraphClient, mut records: Vec<&mut Record>) -> usize {
        if self.faults {
            license_faults::fill(client, records.iter_mut().map(|record| &mut **record).collect()).await;
        }
        links::fill(client, self.table, &self.links, records).await
    }

    fn ask<T>(&self, call: Call<T>) -> Call<T> {
        let call = call.select(&self.select);
        if self.manager { call.expand(EXPAND_MANAGER) } else { call }
    }

    fn list(&self, client: &GraphClient, path: &str) -> List<ObjectRecord> {
        self.ask(client.request(Method::GET, path)).list().top(999)
    }

    fn record(&self, object: ObjectRecord, origin: &Origin) -> Record {
        let mut record = object.into_record(self.table, origin);
        if self.manager && record.get(MANAGER).is_none() && !record.partial.contains_key(MANAGER) {
            // Nobody was expanded, since there is nobody.
            record.attributes.insert(Name::from_static(MANAGER), Value::Null);
        }
        record
    }
}

impl Reader {
    /// All objects of a class, or those that changed.
    pub(super) fn read(&self, query: &Query) -> BoxStream<'static, Result<Read>> {
        let table = match schema::of(&query.class) {
            Ok(table) => table,
            Err(error) => return stream::iter([Err(error)]).boxed(),
        };
        let needed = query.select.as_ref().map(|names| {
            // The caller looks at the filter again.
            let of_filter = query.filter.iter().flat_map(Filter::attributes);
            names.iter().chain(of_filter).collect::<Vec<_>>()
        });
        let wanted = Wanted::new(table, needed.as_deref());
        match &query.since {
            Some(cursor) => self.changes(Watch::new(self, table, query), wanted, cursor),
            None if query.wants_cursor => {
                let (reader, query) = (self.clone(), query.clone());
                let watch = Watch::new(self, table, &query);
                // The cursor first: what changes while the list is read must not be lost.
                let list = async move {
                    let cursor = watch.latest(&reader.client).await;
                    reader.list(table, wanted, &query, cursor)
                };
                stream::once(list).flatten().boxed()
            }
            None => self.list(table, wanted, query, None),
        }
    }

    /// All objects; a list that breaks off after its first page is partial.
    fn list(
        &self,
        table: &'static Table,
        wanted: Wanted,
        query: &Query,
        cursor: Option<Cursor>,
    ) -> BoxStream<'static, Result<Read>> {
        let mut list = wanted.list(&self.client, table.place.path);
        if let Some(filter) = query.filter.as_ref().and_then(|filter| pushed_down(table, filter)) {
            list = list.filter(filter);
        }
        let pages = list.pages();
        let (shape, waiting) = (Shape::new(), VecDeque::new());
        let walk = Walk { reader: self.clone(), pages, wanted, shape, count: 0, waiting, cursor };
        let steps = stream::unfold(Some(walk), |walk| async move { walk?.next().await });
        steps.flat_map(stream::iter).boxed()
    }

    /// Looks objects up by their ids.
    pub(super) async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        let wanted = |class: &Class| schema::of(class).map(|table| Wanted::new(table, None));
        let mut found = self.by_id(ids, &wanted, false).await?;
        for class in [Class::USER, Class::GROUP] {
            let wanted = wanted(&class)?;
            let records = found.iter_mut().flatten().filter(|record| record.id.class == class);
            wanted.fill(&self.client, records.collect()).await;
        }
        Ok(found.into_iter().map(|record| record.map_or(Lookup::None, Lookup::One)).collect())
    }

    /// Finds objects by the value of an attribute.
    pub(super) async fn find(&self, class: &Class, name: &Name, values: &[Value]) -> Result<Vec<Record>> {
        let table = schema::of(class)?;
        let (Some(attribute), Some(attribute_schema)) = (table.attribute(name), table.schema().get(name)) else {
            return Err(cannot_find(table, name));
        };
        if attribute.filtering == Filtering::No || attribute_schema.cardinality == Cardinality::Many {
            return Err(cannot_find(table, name));
        }
        let wanted = Wanted::new(table, None);
        let asks_for_managers = wanted.manager && attribute.filtering == Filtering::Advanced;
        let wanted = if asks_for_managers { wanted.without_manager() } else { wanted };
        let literals = literals(values, attribute_schema.max_length);
        let filters: Vec<_> = literals.chunks(MAX_VALUES).map(|chunk| one_of(name, chunk)).collect();
        let objects = self.filtered(table.place.path, &wanted, attribute, &filters).await?;
        let records = objects.into_iter().map(|object| wanted.record(object, &self.origin));
        // Graph compares in its own way.
        let holds = one_of_these(attribute_schema, values);
        let mut records = once_each(records.filter(|record| record.get(name).is_some_and(&holds)));
        wanted.fill(&self.client, records.iter_mut().collect()).await;
        if asks_for_managers {
            self.fill_managers(&mut records).await?;
        }
        Ok(records)
    }

    /// Reads managers by id.
    async fn fill_managers(&self, records: &mut [Record]) -> Result<()> {
        let wanted = |class: &Class| Ok(Wanted::new(schema::of(class)?, Some(&[&Name::from_static(MANAGER)])));
        let ids: Vec<_> = records.iter().map(|record| record.id.clone()).collect();
        let managers = self.by_id(&ids, &wanted, false).await?;
        for (record, manager) in records.iter_mut().zip(managers) {
            let Some(mut read) = manager else { continue };
            if let Some(manager) = read.attributes.remove(MANAGER) {
                record.attributes.insert(Name::from_static(MANAGER), manager);
            }
            record.partial.append(&mut read.partial);
        }
        Ok(())
    }

    /// Finds objects in the recycle bin.
    pub(super) async fn deleted(&self, anchors: &[Anchor]) -> Result<Vec<Record>> {
        let mut ids = Vec::new();
        let mut values: BTreeMap<(&Class, &Name), Vec<Value>> = BTreeMap::new();
        for anchor in anchors {
            match anchor {
                Anchor::Id(id) => ids.push(id.clone()),
                Anchor::Attribute { class, name, value } => {
                    values.entry((class, name)).or_default().push(value.clone());
                }
            }
        }
        let wanted = |class: &Class| schema::of(class).map(Wanted::deleted);
        let by_id = self.by_id(&ids, &wanted, true).await?;
        let mut records: Vec<Record> = by_id.into_iter().flatten().collect();
        for ((class, name), values) in values {
            records.extend(self.deleted_by(schema::of(class)?, name, &values).await?);
        }
        Ok(once_each(records.into_iter()))
    }

    async fn deleted_by(&self, table: &'static Table, name: &Name, values: &[Value]) -> Result<Vec<Record>> {
        let (Some(attribute), Some(attribute_schema)) = (table.attribute(name), table.schema().get(name)) else {
            return Err(cannot_find(table, name));
        };
        if !attribute_schema.anchor {
            return Err(cannot_find(table, name));
        }
        let literals = literals(values, attribute_schema.max_length);
        if literals.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = Wanted::deleted(table);
        let filters: Vec<_> = literals.chunks(MAX_VALUES).map(|chunk| one_of(name, chunk)).collect();
        let objects = match self.filtered(table.place.deleted, &wanted, attribute, &filters).await {
            Err(error) if error.graph().is_some_and(|graph| graph.class() == GraphClass::UnsupportedQuery) => {
                wanted.list(&self.client, table.place.deleted).items().try_collect().await?
            }
            found => found?,
        };
        let records = objects.into_iter().map(|object| object.into_deleted_record(table, &self.origin));
        let holds = one_of_these(attribute_schema, values);
        Ok(records.filter(|record| record.get(name).is_some_and(&holds)).collect())
    }

    /// Sends one request an id; answers the record that has this very id, not one that goes by another name.
    pub(super) async fn by_id(
        &self,
        ids: &[ObjectId],
        wanted: &(dyn Fn(&Class) -> Result<Wanted> + Sync),
        deleted: bool,
    ) -> Result<Vec<Option<Record>>> {
        let asked = ids.iter().map(|id| {
            let wanted = wanted(&id.class)?;
            let path = if deleted { "/directory/deletedItems" } else { wanted.table.place.path };
            let call = self.client.request(Method::GET, key_segment(path, &id.id)?);
            Ok((wanted.ask(call).into_batch()?, wanted))
        });
        let asked: Vec<(BatchRequest, Wanted)> = asked.collect::<Result<_>>()?;
        let (requests, wanted): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
        let mut found = vec![None; ids.len()];
        let mut answers = self.client.batch(requests);
        while let Some((index, answer)) = answers.next().await {
            let wanted = &wanted[index];
            match answer.and_then(BatchResponse::decode::<ObjectRecord>) {
                Ok(object) if !object.is_of(wanted.table) => {}
                Ok(object) => {
                    let record = if deleted {
                        object.into_deleted_record(wanted.table, &self.origin)
                    } else {
                        wanted.record(object, &self.origin)
                    };
                    found[index] = (record.id == ids[index]).then_some(record);
                }
                Err(error) if error.is_object_missing() => {}
                Err(error) => return Err(error.with_context("object", &ids[index])),
            }
        }
        Ok(found)
    }

    /// All objects that pass one of the filters, asked for in batches.
    async fn filtered(
        &self,
        path: &str,
        wanted: &Wanted,
        attribute: &Attribute,
        filters: &[String],
    ) -> Result<Vec<ObjectRecord>> {
        let requests = filters.iter().map(|filter| {
            let call = self.client.request(Method::GET, path).query("$filter", filter).query("$top", "999");
            match attribute.filtering {
                Filtering::Advanced => wanted.ask(call).query("$count", "true").header("ConsistencyLevel", "eventual"),
                _ => wanted.ask(call),
            }
            .into_batch()
        });
        let mut objects = Vec::new();
        let mut long = Vec::new();
        let mut answers = self.client.batch(requests.collect::<Result<_>>()?);
        while let Some((index, answer)) = answers.next().await {
            let page: Objects = answer?.decode()?;
            page.value.iter().try_for_each(ObjectRecord::check_id)?;
            match page.next {
                None => objects.extend(page.value),
                Some(_) => long.push(index),
            }
        }
        // A value that more objects hold than fit into a page: rare enough to be asked for again.
        for index in long {
            let list = wanted.list(&self.client, path).filter(&filters[index]);
            let list = match attribute.filtering {
                Filtering::Advanced => list.advanced(),
                _ => list,
            };
            let more = list.pages().map(|page| page.and_then(checked));
            objects.extend(more.try_collect::<Vec<_>>().await?.into_iter().flat_map(|page| page.items));
        }
        Ok(objects)
    }
}

/// A list while it is read.
struct Walk {
    reader: Reader,
    pages: BoxStream<'static, Result<Page<ObjectRecord>>>,
    wanted: Wanted,
    shape: Shape,
    count: u64,
    /// What came with the last page and still needs requests of its own.
    waiting: VecDeque<Record>,
    cursor: Option<Cursor>,
}

impl Walk {
    async fn next(mut self) -> Option<(Vec<Result<Read>>, Option<Self>)> {
        if self.waiting.is_empty() {
            let page = self.pages.next().await.map(|page| page.and_then(checked));
            match page {
                Some(Ok(page)) => {
                    self.count = self.count.saturating_add(1);
                    let records = page.items.into_iter().map(|object| self.wanted.record(object, &self.reader.origin));
                    self.waiting.extend(records);
                }
                Some(Err(error)) if self.count == 0 => return Some((vec![Err(error)], None)),
                Some(Err(error)) => {
                    let (plural, count) = (self.wanted.table.place.plural, self.count);
                    let reason = format!("the list of {plural} broke off after page {count}: {}", error.to_chain());
                    return Some((vec![Ok(Read::partial(reason))], None));
                }
                None => {
                    let end = self.cursor.map_or_else(Read::complete, Read::complete_at);
                    return Some((vec![Ok(end)], None));
                }
            }
        }
        let many = if self.wanted.has_more() { MAX_LINKED.min(self.waiting.len()) } else { self.waiting.len() };
        let mut records: Vec<Record> = self.waiting.drain(..many).collect();
        if self.wanted.fill(&self.reader.client, records.iter_mut().collect()).await > 0 {
            // Nothing would tell that there is more to be read of these.
            self.cursor = None;
        }
        records.iter_mut().for_each(|record| self.shape.share(&mut record.attributes));
        Some((records.into_iter().map(|record| Ok(Read::Record(record))).collect(), Some(self)))
    }
}

/// The page, if all of its objects have an id of the directory's.
fn checked(page: Page<ObjectRecord>) -> Result<Page<ObjectRecord>> {
    page.items.iter().try_for_each(ObjectRecord::check_id)?;
    Ok(page)
}

/// The part of a filter that Graph can test; the caller tests all of it again.
fn pushed_down(table: &Table, filter: &Filter) -> Option<String> {
    let supported = |name: &Name, test| {
        let filtering = table.attribute(name).map(|attribute| attribute.filtering);
        match test {
            Test::Equals => matches!(filtering, Some(Filtering::Equals | Filtering::Prefix)),
            Test::StartsWith => filtering == Some(Filtering::Prefix),
        }
    };
    let text = |filter: &Filter| filter_text(filter, supported).filter(|_| is_of_its_types(table, filter));
    match filter {
        Filter::All(filters) => {
            let printable = filters.iter().filter(|filter| text(filter).is_some());
            text(&Filter::All(printable.cloned().collect()))
        }
        filter => text(filter),
    }
}

/// Whether each value is such as its attribute can hold. Graph refuses a question about others.
fn is_of_its_types(table: &Table, filter: &Filter) -> bool {
    let fits = |name: &Name, value: &Value| {
        let schema = table.schema().get(name);
        schema.is_some_and(|schema| match (&schema.kind, value) {
            (Kind::Boolean, Value::Bool(_)) => true,
            (Kind::Text, Value::Text(text)) if name == "id" => Uuid::try_parse(text).is_ok(),
            (Kind::Text, Value::Text(text)) => text.chars().count() <= schema.max_length.unwrap_or(MAX_TEXT),
            _ => false,
        })
    };
    match filter {
        Filter::Eq(name, value) => fits(name, value),
        Filter::In(name, values) => values.iter().all(|value| fits(name, value)),
        Filter::StartsWith(name, text) => fits(name, &Value::text(text.as_str())),
        Filter::All(filters) | Filter::Any(filters) => filters.iter().all(|filter| is_of_its_types(table, filter)),
        _ => false,
    }
}

/// The values as they stand in a filter, each once; without those that no object can hold.
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

/// Whether a value equals one of these, of which there may be thousands; a blank equals nothing.
fn one_of_these(schema: &AttributeSchema, values: &[Value]) -> impl Fn(&Value) -> bool {
    let key = |value: &Value| comparison_key(schema, value);
    let keys: HashSet<String> = values.iter().flat_map(Value::as_slice).filter_map(key).collect();
    move |own| comparison_key(schema, own).is_some_and(|key| keys.contains(&key))
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

fn cannot_find(table: &Table, name: &Name) -> Error {
    let message = format!("{} cannot be found by this attribute", table.place.plural);
    Error::new(ErrorKind::Unsupported, message).with_context("attribute", name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::entra::member_scope;
    use crate::model::{all, eq, is_in, starts_with};

    fn users() -> &'static Table {
        schema::of(&Class::USER).expect("users are known")
    }

    fn groups() -> &'static Table {
        schema::of(&Class::GROUP).expect("groups are known")
    }

    #[test]
    fn what_graph_can_test_is_pushed_down() {
        let member = member_scope();
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
            assert_eq!(pushed_down(users(), &filter).as_deref(), expected, "{filter:?}");
        }
        for (filter, expected) in [
            (all([eq("securityEnabled", true), eq("groupTypes", "Unified")]), Some("securityEnabled eq true")),
            (starts_with("displayName", "A"), Some("startswith(displayName,'A')")),
            (eq("members", "7"), None),
            (eq("department", "x"), None),
        ] {
            assert_eq!(pushed_down(groups(), &filter).as_deref(), expected, "{filter:?}");
        }
    }

    #[test]
    fn what_is_selected_covers_what_is_asked_for() {
        let names: Vec<Name> = ["mail", "employeeOrgData.division", "password", "nonsense"].map(Name::from).to_vec();
        let names: Vec<&Name> = names.iter().collect();
        let wanted = Wanted::new(users(), Some(&names));
        assert_eq!(wanted.select, ["employeeOrgData", "id", "mail"]);
        assert!(!wanted.manager && wanted.links.is_empty());
        let all = Wanted::new(users(), None);
        assert!(all.select.contains(&"onPremisesExtensionAttributes") && all.manager);
        for never in ["password", "manager", "skuId", "disabledPlans"] {
            assert!(!all.select.contains(&never), "{never}");
        }
        let some = |table, names: &[&'static str]| {
            let names: Vec<Name> = names.iter().map(|name| Name::from_static(name)).collect();
            let wanted = Wanted::new(table, Some(&names.iter().collect::<Vec<_>>()));
            let links: Vec<_> = wanted.links.iter().map(|link| link.property).collect();
            (wanted.select.join(" "), wanted.manager, links.join(" "))
        };
        let row = |select: &str, manager, links: &str| (select.to_owned(), manager, links.to_owned());
        assert_eq!(some(users(), &["skuId", "manager"]), row("id licenseAssignmentStates", true, ""));
        assert_eq!(some(groups(), &["memberGroups", "manager"]), row("id visibility", false, "members"));
        assert_eq!(some(groups(), &["owners", "mail"]), row("id mail visibility", false, "owners"));
        assert!(Wanted::deleted(users()).select.iter().all(|name| *name != "licenseAssignmentStates"));
    }

    #[test]
    fn what_is_found_is_compared_as_the_schema_says() {
        let schema = users().schema();
        let name = &schema.attributes["userPrincipalName"];
        let id = &schema.attributes["employeeId"];
        let values =
            [Value::from("Ada@x"), "zoe\u{308}@x".into(), Value::Null, "".into(), Value::list(["bo@x".into()])];
        let (folded, exact) = (one_of_these(name, &values), one_of_these(id, &values));
        for (own, is_folded, is_exact) in [
            ("Ada@x", true, true),
            ("ADA@X", true, false),
            ("zoë@x", true, true),
            ("ZOË@x", true, false),
            ("bo@x", true, true),
            ("", false, false),
            ("cy@x", false, false),
        ] {
            assert_eq!((folded(&own.into()), exact(&own.into())), (is_folded, is_exact), "{own:?}");
        }
        assert!(!folded(&Value::Null));
    }

    #[test]
    fn values_that_nobody_can_hold_are_not_asked_for() {
        let values = ["7", "7", "O'Neil", "", " ", "a\0b", "12345678"].map(Value::from);
        assert_eq!(literals(&values, Some(7)), ["'7'", "'O''Neil'"]);
        assert_eq!(literals(&[true.into(), Value::Null, 7.into()], None), ["true"]);
        assert_eq!(literals(&["é".into()], None).len(), 2, "composed and decomposed");
    }
}
