//! Who is in groups, and who owns them: lists that hang on each group.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt, stream};
use http::Method;
use serde::Deserialize;

use super::record::is_object_id;
use super::schema::{self, Link, MEMBER_GROUPS, MEMBERS, Table, VISIBILITY};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{BatchResponse, Call, GraphClient};
use crate::model::{Class, Name, Record, Value};
use crate::odata::key_segment;

/// How many long lists are read at once.
const MAX_WALKS: usize = 4;
const PAGE: &str = "999";
/// What the names of all kinds begin with.
const TYPES: &str = "#microsoft.graph.";
/// See [list members](https://learn.microsoft.com/graph/api/group-list-members).
const READ_HIDDEN: &str = "Member.Read.Hidden";

/// The first page of a list.
#[derive(Deserialize)]
struct FirstPage {
    value: Vec<Linked>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

/// An object of a list that may hold several kinds.
#[derive(Deserialize)]
struct Linked {
    id: String,
    #[serde(rename = "@odata.type")]
    type_name: Option<String>,
}

/// What was read of one list.
struct Found {
    link: &'static Link,
    objects: Vec<Linked>,
    next: Option<String>,
    gap: Option<Gap>,
}

/// Why there may be more than what was read.
pub(super) type Gap = (ErrorKind, String);

/// Reads the links of records and puts them in: the first pages in batches, then those that go on, several at once.
///
/// A list that cannot be read, or not to its end, is [partial](Record::partial), and stops no other. Answers how many
/// lists broke off for a reason that may pass.
pub(super) async fn fill(
    client: &GraphClient,
    table: &Table,
    links: &[&'static Link],
    mut records: Vec<&mut Record>,
) -> usize {
    let ids: Vec<Arc<str>> = records.iter().map(|record| Arc::clone(&record.id.id)).collect();
    let mut broken = 0;
    for (place, found) in read(client, table, links, &ids).await {
        broken += usize::from(found.gap.as_ref().is_some_and(|(kind, _)| may_pass(*kind)));
        found.put_into(records[place]);
    }
    if links.iter().any(|link| link.property == MEMBERS) && records.iter().any(|record| hides_members(record)) {
        let token = client.tokens().token().await;
        if token.is_ok_and(|token| token.claims().has_permission(READ_HIDDEN)) {
            return broken;
        }
        for record in records.into_iter().filter(|record| hides_members(record)) {
            for name in [MEMBERS, MEMBER_GROUPS].map(Name::from_static) {
                let gap = || format!("the group hides its members from the application: grant {READ_HIDDEN}");
                record.partial.entry(name).or_insert_with(gap);
            }
        }
    }
    broken
}

fn may_pass(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Throttled | ErrorKind::Transport | ErrorKind::Unavailable | ErrorKind::TimedOut)
}

/// Whether Graph shows the members only to who may see hidden ones, and an empty list to others.
fn hides_members(record: &Record) -> bool {
    let visibility = record.get(VISIBILITY).and_then(Value::as_text);
    visibility.is_some_and(|text| text.eq_ignore_ascii_case("HiddenMembership"))
}

/// The users who are in groups, of each group with a gap if there may be more.
pub(super) async fn members(client: &GraphClient, groups: &[String]) -> Vec<(Vec<String>, Option<Gap>)> {
    let mut members: Vec<_> = groups.iter().map(|_| (Vec::new(), None)).collect();
    let Ok(table) = schema::of(&Class::GROUP) else { return members };
    let links: Vec<_> = table.place.links.iter().filter(|link| link.property == MEMBERS).collect();
    let ids: Vec<Arc<str>> = groups.iter().map(|id| Arc::from(id.as_str())).collect();
    for (place, found) in read(client, table, &links, &ids).await {
        members[place] = (found.objects.into_iter().map(|object| object.id).collect(), found.gap);
    }
    members
}

async fn read(client: &GraphClient, table: &Table, links: &[&'static Link], ids: &[Arc<str>]) -> Vec<(usize, Found)> {
    let mut asked = Vec::new();
    let mut requests = Vec::new();
    let mut found: Vec<(usize, Found)> = Vec::new();
    for (place, id) in ids.iter().enumerate() {
        for &link in links {
            match first_page(client, table, link, id).and_then(Call::into_batch) {
                Ok(request) => {
                    asked.push((place, link));
                    requests.push(request);
                }
                Err(error) => found.push((place, Found::broken(link, &error))),
            }
        }
    }
    let mut answers = client.batch(requests);
    while let Some((index, answer)) = answers.next().await {
        let (place, link) = asked[index];
        found.push(match answer.and_then(BatchResponse::decode::<FirstPage>) {
            Ok(FirstPage { value, next }) => (place, Found { link, objects: value, next, gap: None }),
            Err(error) => (place, Found::broken(link, &error)),
        });
    }
    let walks = found.into_iter().map(|(place, found)| async move { (place, found.walked(client).await) });
    stream::iter(walks).buffer_unordered(MAX_WALKS).collect().await
}

fn first_page(client: &GraphClient, table: &Table, link: &Link, id: &str) -> Result<Call> {
    let path = format!("{}/{}", key_segment(table.place.path, id)?, link.property);
    Ok(client.request(Method::GET, path).select(["id"]).query("$top", PAGE))
}

impl Found {
    fn broken(link: &'static Link, error: &Error) -> Self {
        let gap = format!("the {} could not be read: {}", link.property, error.to_chain());
        Self { link, objects: Vec::new(), next: None, gap: Some((error.kind(), gap)) }
    }

    async fn walked(mut self, client: &GraphClient) -> Self {
        let Some(next) = self.next.take() else { return self };
        // A link elsewhere is not followed; the list that begins with this page sees to the others.
        let Some(path) = next.strip_prefix(client.root().as_str()) else {
            let error = Error::new(ErrorKind::Protocol, "the link to the next page leaves the configured host");
            self.break_off(1, &error);
            return self;
        };
        let mut pages = client.request(Method::GET, path).list::<Linked>().pages();
        let mut count = 1_u64;
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => self.objects.extend(page.items),
                Err(error) => {
                    self.break_off(count, &error);
                    break;
                }
            }
            count = count.saturating_add(1);
        }
        self
    }

    fn break_off(&mut self, count: u64, error: &Error) {
        let property = self.link.property;
        let gap = format!("the list of {property} broke off after page {count}: {}", error.to_chain());
        self.gap = Some((error.kind(), gap));
    }

    fn put_into(self, record: &mut Record) {
        let Self { link, objects, mut gap, .. } = self;
        let mut ids: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for (_, attribute) in link.attributes {
            ids.insert(attribute, Vec::with_capacity(objects.len()));
        }
        for object in objects {
            let Some(type_name) = object.type_name.as_deref().filter(|name| is_type(name)) else {
                gap.get_or_insert_with(|| {
                    (ErrorKind::Protocol, format!("some of the {} do not say of which kind they are", link.property))
                });
                continue;
            };
            if !is_object_id(&object.id) {
                // Whoever it stands for would be taken for one who left.
                gap.get_or_insert_with(|| {
                    (ErrorKind::Protocol, format!("some of the {} go by what is no object id", link.property))
                });
                continue;
            }
            // What no attribute is for, such as a device, is left out.
            let attribute = link.attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case(type_name));
            if let Some(ids) = attribute.and_then(|(_, attribute)| ids.get_mut(attribute)) {
                ids.push(Value::from(object.id));
            }
        }
        for (attribute, mut ids) in ids {
            ids.sort_unstable();
            ids.dedup();
            let name = link.attributes.iter().find(|(_, own)| *own == attribute);
            let Some(name) = name.map(|(_, name)| Name::from_static(name)) else { continue };
            if let Some((_, gap)) = &gap {
                record.partial.insert(name.clone(), gap.clone());
            }
            record.attributes.insert(name, Value::list(ids));
        }
    }
}

/// Whether it is the name of a kind of objects, known here or not.
fn is_type(name: &str) -> bool {
    name.split_at_checked(TYPES.len()).is_some_and(|(start, _)| start.eq_ignore_ascii_case(TYPES))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ObjectId;

    #[test]
    fn objects_go_to_the_attribute_of_their_kind() {
        let link = &schema::of(&Class::GROUP).expect("groups are known").place.links[0];
        let id = |last: &str| format!("0f8fad5b-d9cb-469f-a165-{last:0>12}");
        let object =
            |last: &str, type_name: Option<&str>| Linked { id: id(last), type_name: type_name.map(Into::into) };
        let filled = |objects| {
            let mut record = Record::new(ObjectId::group("7"));
            Found { link, objects, next: None, gap: None }.put_into(&mut record);
            record
        };
        let record = filled(vec![
            object("c", Some("#microsoft.graph.user")),
            object("a", Some("#microsoft.graph.user")),
            object("a", Some("#microsoft.graph.user")),
            object("9", Some("#microsoft.graph.group")),
            object("d", Some("#microsoft.graph.device")),
            object("5", Some("#microsoft.graph.servicePrincipal")),
        ]);
        assert_eq!(record.get("members"), Some(&Value::list([id("a").into(), id("c").into()])));
        assert_eq!(record.get("memberGroups"), Some(&Value::list([id("9").into()])));
        assert!(record.partial.is_empty());

        let nameless = Linked { id: "a/../b".to_owned(), type_name: Some("#microsoft.graph.user".to_owned()) };
        for unknown in [object("1", None), object("1", Some("user")), object("1", Some("")), nameless] {
            let record = filled(vec![unknown]);
            assert_eq!(record.get("members"), Some(&Value::list([])), "nobody knows what it is");
            let partial: Vec<_> = record.partial.keys().map(|name| name.as_str()).collect();
            assert_eq!(partial, ["memberGroups", "members"]);
        }
    }
}
