//! From elements that are given and taken to the requests that do it.

use std::collections::{BTreeMap, HashSet};

use super::schema::{self, ASSIGNED_LICENSES, LICENSE_STATES, MANAGER, MEMBER_GROUPS, MEMBERS, OWNERS, SKU_ID};
use super::step::{Element, Part, Step};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{
    AssignedLicense, BatchRequest, DirectoryObjectId, GraphClient, GroupLinks, LicenseChange, ServicePlanId, SkuId,
};
use crate::model::{Class, ElementChange, License, Mutability, Name, ObjectId, Refused, Value};

/// The requests for a change of elements, in their order, and the elements that no request can be made of.
///
/// Members go 20 at a time, users and groups together, since Graph keeps them in one list; owners are added before
/// others are removed, so that the group has one at any time; licences go all in one request.
///
/// # Errors
///
/// Of a class that a tenant does not have.
pub(super) fn route(
    client: &GraphClient,
    object: &ObjectId,
    changes: BTreeMap<Name, ElementChange>,
) -> Result<(Vec<Step>, Vec<Refused>)> {
    let table = schema::of(&object.class)?;
    let mut route = Route { client, object, steps: Vec::new(), refused: Vec::new() };
    let mut members = (Vec::new(), Vec::new());
    for (attribute, change) in changes {
        let can_be_written = table.schema().is_elements(&attribute)
            && table.schema().get(&attribute).is_some_and(|schema| schema.mutability == Mutability::ReadWrite);
        let (add, remove) = sorted_out(&attribute, change);
        match attribute.as_str() {
            _ if !can_be_written => {
                let elements = add.into_iter().chain(remove);
                route.refuse_all(elements, "the attribute has no elements that are given and taken one by one");
            }
            MEMBERS | MEMBER_GROUPS => {
                members.0.extend(add);
                members.1.extend(remove);
            }
            OWNERS => route.owners(add, remove),
            MANAGER => route.manager(add, remove),
            SKU_ID => route.licenses(add, remove),
            _ => route.refuse_all(add.into_iter().chain(remove), "the attribute cannot be written by itself"),
        }
    }
    route.members(members.0, members.1);
    Ok((route.steps, route.refused))
}

struct Route<'a> {
    client: &'a GraphClient,
    object: &'a ObjectId,
    steps: Vec<Step>,
    refused: Vec<Refused>,
}

impl Route<'_> {
    fn members(&mut self, add: Vec<Element>, mut remove: Vec<Element>) {
        let links = self.client.groups().members(self.object);
        let mut seen = HashSet::new();
        let mut add = self.references(add);
        // One person cannot be named twice in a request.
        add.retain(|(_, id)| seen.insert(id.as_str().to_ascii_lowercase()));
        for chunk in add.chunks(GroupLinks::MAX_BOUND) {
            let request = links.bind(chunk.iter().map(|(_, id)| id)).into_batch();
            self.push(Part::Bind, request, chunk.iter().map(|(element, _)| element.clone()).collect());
        }
        // Nor is one who is given under one name taken under the other.
        let is_given = |id: &str| seen.contains(&id.to_ascii_lowercase());
        remove.retain(|element| !element.value.as_text().is_some_and(is_given));
        self.remove(Part::RemoveMember, &links, remove);
    }

    fn owners(&mut self, add: Vec<Element>, remove: Vec<Element>) {
        let links = self.client.groups().owners(self.object);
        for (element, id) in self.references(add) {
            self.push(Part::AddOwner, links.add_one(&id).into_batch(), vec![element]);
        }
        self.remove(Part::RemoveOwner, &links, remove);
    }

    fn remove(&mut self, part: Part, links: &GroupLinks, elements: Vec<Element>) {
        for (element, id) in self.references(elements) {
            self.push(part, links.remove_one(&id).into_batch(), vec![element]);
        }
    }

    /// A new manager takes the place of the old one; an old one is taken away only if it is still he.
    fn manager(&mut self, mut add: Vec<Element>, remove: Vec<Element>) {
        let users = self.client.users();
        if let Some(manager) = add.pop() {
            self.refuse_all(add, "a user has one manager at most");
            for (element, id) in self.references(vec![manager]) {
                let request = users.set_manager(self.object, id.as_str()).into_batch();
                self.push(Part::SetManager, request, vec![element]);
            }
            return;
        }
        let remove: Vec<_> = self.references(remove).into_iter().map(|(element, _)| element).collect();
        if remove.is_empty() {
            return;
        }
        let read = users.get(self.object).select(["id"]).expand("manager($select=id)").into_batch();
        match read {
            Ok(request) => {
                self.steps.push(Step::of(Part::ReadManager, request));
                self.push(Part::RemoveManager, users.remove_manager(self.object).into_batch(), remove);
            }
            Err(error) => self.refuse(remove, error),
        }
    }

    fn licenses(&mut self, add: Vec<Element>, remove: Vec<Element>) {
        let mut change = LicenseChange::new();
        let mut elements = Vec::new();
        for (gives, element) in
            remove.into_iter().map(|element| (false, element)).chain(add.into_iter().map(|e| (true, e)))
        {
            let asked = own_license(&element.value).and_then(|license| {
                let sku = SkuId::new(&license.product)?;
                let plans = license.disabled_plans.iter().map(ServicePlanId::new).collect::<Result<Vec<_>>>()?;
                Ok((sku, plans))
            });
            match asked {
                Ok((sku, plans)) => {
                    change = if gives {
                        change.assign(AssignedLicense::new(sku).without(plans))
                    } else {
                        change.remove(sku)
                    };
                    elements.push(element);
                }
                Err(error) => self.refuse(vec![element], error),
            }
        }
        if !change.is_empty() {
            let request = match self.object.class == Class::GROUP {
                true => self.client.groups().assign_license(self.object, &change).into_batch(),
                false => self.client.users().assign_license(self.object, &change).into_batch(),
            };
            self.push(Part::Licenses, request, elements);
        }
    }

    /// The ids of objects that elements are.
    fn references(&mut self, elements: Vec<Element>) -> Vec<(Element, DirectoryObjectId)> {
        let mut references = Vec::with_capacity(elements.len());
        for element in elements {
            let id = match element.value.as_text() {
                Some(id) => Ok(DirectoryObjectId::new(id)),
                None => Err(Error::new(ErrorKind::Invalid, "the element is no id of an object")),
            };
            match id.and_then(|id| self.client.reference(&id).map(|_| id)) {
                Ok(id) => references.push((element, id)),
                Err(error) => self.refuse(vec![element], error),
            }
        }
        references
    }

    fn push(&mut self, part: Part, request: Result<BatchRequest>, elements: Vec<Element>) {
        match request {
            Ok(request) => self.steps.push(Step::of(part, request).with_elements(elements)),
            Err(error) => self.refuse(elements, error),
        }
    }

    fn refuse(&mut self, elements: Vec<Element>, error: Error) {
        self.refused.extend(refused(elements, error));
    }

    fn refuse_all(&mut self, elements: impl IntoIterator<Item = Element>, message: &'static str) {
        for element in elements {
            self.refuse(vec![element], Error::new(ErrorKind::Invalid, message));
        }
    }
}

/// The requests that add members one by one, where they were refused together; with what came of none.
pub(super) fn one_by_one(client: &GraphClient, group: &ObjectId, elements: Vec<Element>) -> (Vec<Step>, Vec<Refused>) {
    let mut route = Route { client, object: group, steps: Vec::new(), refused: Vec::new() };
    let links = client.groups().members(group);
    for (element, id) in route.references(elements) {
        route.push(Part::AddMember, links.add_one(&id).into_batch(), vec![element]);
    }
    (route.steps, route.refused)
}

/// The request that asks which licences a user has, and from whom; or which a group has.
pub(super) fn ask_licenses(client: &GraphClient, object: &ObjectId) -> Result<Step> {
    let request = match object.class == Class::GROUP {
        true => client.groups().get(object).select(["id", ASSIGNED_LICENSES]).into_batch()?,
        false => client.users().get(object).select(["id", LICENSE_STATES]).into_batch()?,
    };
    Ok(Step::of(Part::ReadLicenses, request))
}

/// Elements that were refused for one reason.
pub(super) fn refused(elements: Vec<Element>, error: Error) -> Vec<Refused> {
    let answer = |element: Element, error: Error| {
        let error = error.with_context("attribute", &element.attribute);
        Refused::new(element.attribute, element.value, error)
    };
    match <[Element; 1]>::try_from(elements) {
        Ok([element]) => vec![answer(element, error)],
        Err(elements) => {
            let error = std::sync::Arc::new(error);
            elements
                .into_iter()
                .map(|element| {
                    let message = "the request that the element was part of was refused";
                    let mut own = Error::new(error.kind(), message).with_retry(error.retry());
                    if let Some(graph) = error.graph() {
                        own = own.with_graph(graph.clone());
                    }
                    answer(element, own.with_source(std::sync::Arc::clone(&error)))
                })
                .collect()
        }
    }
}

/// What is given, each once, and what is taken and not given as well.
fn sorted_out(attribute: &Name, change: ElementChange) -> (Vec<Element>, Vec<Element>) {
    let element = |value| Element { attribute: attribute.clone(), value };
    let mut given = HashSet::new();
    // Of two that are the same the last one stands, as it would if they were given one after the other.
    let mut add: Vec<Element> =
        change.add.into_iter().rev().filter(|value| given.insert(key(value))).map(element).collect();
    add.reverse();
    let mut taken = HashSet::new();
    let is_taken = |value: &Value| !given.contains(&key(value)) && taken.insert(key(value));
    let remove = change.remove.into_iter().filter(is_taken).map(element).collect();
    (add, remove)
}

/// What tells an element from others of its attribute.
fn key(value: &Value) -> String {
    match License::from_value(value) {
        Some(License { product, inherited_from: None, .. }) => product.to_ascii_lowercase(),
        _ => format!("{value:?}"),
    }
}

fn own_license(value: &Value) -> Result<License> {
    match License::from_value(value) {
        Some(license) if license.is_direct() => Ok(license),
        Some(_) => Err(Error::new(ErrorKind::Invalid, "a licence that a group gives is the group's to give and take")),
        None => Err(Error::new(ErrorKind::Invalid, "the element is no licence")),
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use bytes::Bytes;
    use http::{Request, Response};

    use super::*;
    use crate::auth::StaticToken;
    use crate::http::Transport;

    #[derive(Debug)]
    struct Nowhere;

    #[async_trait]
    impl Transport for Nowhere {
        async fn send(&self, _: Request<Bytes>) -> Result<Response<Bytes>> {
            Err(Error::new(ErrorKind::Transport, "nothing is sent in these tests"))
        }
    }

    const GROUP: &str = "00000000-0000-4000-8000-0000000000aa";

    fn id(number: usize) -> Value {
        format!("00000000-0000-4000-8000-{number:012}").into()
    }

    fn routed(object: &ObjectId, changes: &[(&str, Vec<Value>, Vec<Value>)]) -> (Vec<String>, Vec<String>) {
        let client = GraphClient::builder(StaticToken::new("t")).transport(Nowhere).build().expect("complete");
        let changes = changes.iter().map(|(name, add, remove)| {
            (Name::from(*name), ElementChange::new(add.iter().cloned(), remove.iter().cloned()))
        });
        let (steps, refused) = route(&client, object, changes.collect()).expect("a class of the tenant");
        let step = |step: Step| {
            let body = step.request.body.map_or_else(String::new, |body| format!(" {body}"));
            let text = format!("{} {}{body}", step.request.method, step.request.url);
            text.replace("https://graph.microsoft.com/v1.0/", "…/").replace("00000000-0000-4000-8000-", "#")
        };
        let refusal = |refused: Refused| format!("{} {:?}: {}", refused.attribute, refused.element, refused.error);
        (steps.into_iter().map(step).collect(), refused.into_iter().map(refusal).collect())
    }

    #[test]
    fn members_go_twenty_at_a_time() {
        let group = ObjectId::group(GROUP);
        let users: Vec<_> = (0..25).map(id).collect();
        let (steps, refused) = routed(
            &group,
            &[("members", users, vec![id(90), id(3)]), ("memberGroups", vec![id(7), id(50)], vec![id(91), id(5)])],
        );
        assert_eq!(refused, [""; 0]);
        assert_eq!(steps.len(), 4, "26 in two, and two removals: {steps:?}");
        assert_eq!(steps[0].matches("…/directoryObjects/#").count(), 20);
        assert_eq!(steps[1].matches("…/directoryObjects/#").count(), 6, "one is in both attributes");
        assert!(steps[0].starts_with("PATCH /groups/#0000000000aa {\"members@odata.bind\":["), "{}", steps[0]);
        assert_eq!(
            steps[2..],
            [
                "DELETE /groups/#0000000000aa/members/#000000000091/$ref",
                "DELETE /groups/#0000000000aa/members/#000000000090/$ref",
            ],
        );
    }

    #[test]
    fn owners_are_added_before_others_go() {
        let (steps, _) = routed(&ObjectId::group(GROUP), &[("owners", vec![id(1)], vec![id(2)])]);
        assert_eq!(
            steps,
            [
                r#"POST /groups/#0000000000aa/owners/$ref {"@odata.id":"…/directoryObjects/#000000000001"}"#,
                "DELETE /groups/#0000000000aa/owners/#000000000002/$ref",
            ]
        );
    }

    #[test]
    fn a_user_has_one_manager_and_one_request_for_licences() {
        let user = ObjectId::user("00000000-0000-4000-8000-0000000000bb");
        let own = |number: usize| License::new(format!("00000000-0000-4000-8000-{number:012}"));
        let plan = "00000000-0000-4000-8000-000000000077";
        let (steps, refused) = routed(
            &user,
            &[
                ("manager", vec![id(1)], vec![id(2)]),
                (
                    "skuId",
                    vec![own(1).without_plan(plan).to_value(), own(2).to_value()],
                    vec![own(3).to_value(), id(2), own(4).inherited_from("g").to_value()],
                ),
            ],
        );
        assert_eq!(
            steps,
            [
                r#"PUT /users/#0000000000bb/manager/$ref {"@odata.id":"…/users/#000000000001"}"#,
                r##"POST /users/#0000000000bb/assignLicense {"addLicenses":[{"disabledPlans":["#000000000077"],"skuId":"#000000000001"},{"disabledPlans":[],"skuId":"#000000000002"}],"removeLicenses":["#000000000003"]}"##,
            ]
        );
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert!(refused[0].contains("the group's to give and take"), "{refused:?}");

        let (steps, _) = routed(&user, &[("manager", vec![], vec![id(2)])]);
        assert!(steps[0].starts_with("GET /users/#0000000000bb?$select=id&$expand=manager"), "{steps:?}");
        assert_eq!(steps[1..], ["DELETE /users/#0000000000bb/manager/$ref"]);
    }

    #[test]
    fn a_group_gets_its_licences_in_one_request() {
        let own = |number: usize| License::new(format!("00000000-0000-4000-8000-{number:012}")).to_value();
        let (steps, refused) =
            routed(&ObjectId::group(GROUP), &[("skuId", vec![own(1)], vec![own(2)]), ("members", vec![id(7)], vec![])]);
        assert_eq!(refused, [""; 0]);
        assert_eq!(
            steps[0],
            r##"POST /groups/#0000000000aa/assignLicense {"addLicenses":[{"disabledPlans":[],"skuId":"#000000000001"}],"removeLicenses":["#000000000002"]}"##,
        );
        assert_eq!(steps.len(), 2, "{steps:?}");
    }

    #[test]
    fn what_is_no_element_is_refused_by_itself() {
        let hostile = ["a/../b", "", "%2F", "x?$filter=1", "🦀", "\0", "ada@contoso.com"].map(Value::from);
        for object in [ObjectId::group(GROUP), ObjectId::user(GROUP)] {
            let attribute = if object.class == crate::model::Class::USER { "manager" } else { "members" };
            for value in hostile.iter().cloned().chain([Value::Null, 7.into(), Value::list([id(1)])]) {
                let (steps, refused) = routed(&object, &[(attribute, vec![value.clone()], vec![])]);
                assert_eq!((steps.len(), refused.len()), (0, 1), "{value:?}");
            }
        }
        for attribute in ["displayName", "disabledPlans", "owners", "nonsense"] {
            let (steps, refused) = routed(&ObjectId::user(GROUP), &[(attribute, vec![id(1)], vec![id(2)])]);
            assert_eq!((steps.len(), refused.len()), (0, 2), "{attribute}");
        }
    }
}
