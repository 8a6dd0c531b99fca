//! From a change to the requests that carry it out.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Map, Value as Json, json};

use super::read::only_users;
use super::schema::{self, ACCOUNT_ENABLED, ORG_DATA, PASSWORD, RESET_PASSWORD};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::BatchRequest;
use crate::model::{Attributes, Cardinality, Mutability, Name, ObjectId, Operation, Value};
use crate::odata::key_segment;
use crate::secret::Secret;

const USERS: &str = "/users";
const PASSWORD_PROFILE: &str = "passwordProfile";

/// One request of a change. Those of one change are sent one after the other.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// What it is about, for messages.
    pub(super) part: Part,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Map<String, Json>>,
}

/// What a request of a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Create,
    /// Reads `employeeOrgData`, of which the next request writes a part.
    ReadOrgData,
    Attributes,
    Status,
    Password,
    Delete,
    Restore,
}

impl Part {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::ReadOrgData | Self::Attributes => "attributes",
            Self::Status => ACCOUNT_ENABLED,
            Self::Password => PASSWORD_PROFILE,
            Self::Delete => "delete",
            Self::Restore => "restore",
        }
    }
}

impl Step {
    pub(super) fn to_request(&self) -> BatchRequest {
        let request = BatchRequest::new(self.method.clone(), self.path.as_str());
        match &self.body {
            Some(body) => request.with_body(Json::Object(body.clone())),
            None => request,
        }
    }

    /// Adds the members of `employeeOrgData` that the user has and the change does not name: those left out become null.
    pub(super) fn fill_org_data(&mut self, user: &Json) {
        let Some(Json::Object(new)) = self.body.as_mut().and_then(|body| body.get_mut(ORG_DATA)) else {
            return;
        };
        for (member, value) in user[ORG_DATA].as_object().into_iter().flatten() {
            if !member.starts_with('@') && !new.contains_key(member) {
                new.insert(member.clone(), value.clone());
            }
        }
    }
}

/// The object that a change is about, if it is there already.
pub(super) fn object_of(operation: &Operation) -> Option<&ObjectId> {
    match operation {
        Operation::Update { id, .. } | Operation::Delete { id } | Operation::Restore { id } => Some(id),
        _ => None,
    }
}

/// The requests for a change, in their order: ordinary attributes together, the status and the password each alone,
/// since Graph refuses a request whole, and asks for other permissions for those.
///
/// See [update user](https://learn.microsoft.com/graph/api/user-update).
pub(super) fn route(operation: Operation) -> Result<Vec<Step>> {
    match operation {
        Operation::Create { class, attributes, secrets } => {
            only_users(&class)?;
            Ok(vec![create(&attributes, &secrets)?])
        }
        Operation::Update { id, attributes, secrets } => {
            only_users(&id.class)?;
            update(&id, &attributes, &secrets)
        }
        Operation::Elements { id, .. } => {
            only_users(&id.class)?;
            Err(Error::new(ErrorKind::Unsupported, "references and licences cannot be written so far"))
        }
        Operation::Delete { id } => {
            only_users(&id.class)?;
            Ok(vec![Step { part: Part::Delete, method: Method::DELETE, path: key_segment(USERS, &id.id)?, body: None }])
        }
        Operation::Restore { id } => {
            only_users(&id.class)?;
            Ok(vec![Step {
                part: Part::Restore,
                method: Method::POST,
                path: key_segment("/directory/deletedItems", &id.id)? + "/restore",
                body: Some(Map::new()),
            }])
        }
    }
}

fn create(attributes: &Attributes, secrets: &BTreeMap<Name, Secret>) -> Result<Step> {
    let mut body = Map::new();
    let mut profile = Map::new();
    for (name, value) in attributes.iter() {
        check_writable(name, Mutability::CreateOnly)?;
        // A new user has nothing to clear.
        if name == RESET_PASSWORD {
            profile.insert("forceChangePasswordNextSignIn".into(), value.into());
        } else if !value.is_null() {
            set(&mut body, name, value);
        }
    }
    for (name, secret) in secrets {
        if name != PASSWORD {
            return Err(unknown(name));
        }
        profile.insert("password".into(), secret.expose().into());
        profile.entry("forceChangePasswordNextSignIn").or_insert(Json::Bool(true));
    }
    if !profile.is_empty() {
        body.insert(PASSWORD_PROFILE.into(), profile.into());
    }
    body.entry(ACCOUNT_ENABLED).or_insert(Json::Bool(true));
    Ok(Step { part: Part::Create, method: Method::POST, path: USERS.into(), body: Some(body) })
}

fn update(id: &ObjectId, attributes: &Attributes, secrets: &BTreeMap<Name, Secret>) -> Result<Vec<Step>> {
    if let Some(name) = secrets.keys().next() {
        return Err(Error::new(ErrorKind::Invalid, "a secret is written only when a user is created")
            .with_context("attribute", name));
    }
    let path = key_segment(USERS, &id.id)?;
    let patch = |part, body| Step { part, method: Method::PATCH, path: path.clone(), body: Some(body) };
    let (mut ordinary, mut status, mut profile) = (Map::new(), Map::new(), Map::new());
    for (name, value) in attributes.iter() {
        check_writable(name, Mutability::ReadWrite)?;
        match name.as_str() {
            ACCOUNT_ENABLED => set(&mut status, name, value),
            RESET_PASSWORD => profile = Map::from_iter([("forceChangePasswordNextSignIn".into(), value.into())]),
            _ => set(&mut ordinary, name, value),
        }
    }
    let mut steps = Vec::new();
    let org_data = ordinary.get(ORG_DATA).and_then(Json::as_object);
    let all_members = schema::readable().filter(|attribute| attribute.property() == ORG_DATA).count();
    if org_data.is_some_and(|members| members.len() < all_members) {
        steps.push(Step {
            part: Part::ReadOrgData,
            method: Method::GET,
            path: format!("{path}?$select={ORG_DATA}"),
            body: None,
        });
    }
    if !ordinary.is_empty() {
        steps.push(patch(Part::Attributes, ordinary));
    }
    if !status.is_empty() {
        steps.push(patch(Part::Status, status));
    }
    if !profile.is_empty() {
        let profile = Map::from_iter([(PASSWORD_PROFILE.into(), Json::Object(profile))]);
        steps.push(patch(Part::Password, profile));
    }
    Ok(steps)
}

/// Puts a value where Graph has it.
fn set(body: &mut Map<String, Json>, name: &Name, value: &Value) {
    let many = schema::user_schema().get(name).is_some_and(|schema| schema.cardinality == Cardinality::Many);
    let value = if many { value.as_slice().iter().map(Json::from).collect() } else { Json::from(value) };
    match name.split_once('.') {
        Some((parent, member)) => {
            let members = body.entry(parent).or_insert_with(|| json!({}));
            members[member] = value;
        }
        None => {
            body.insert(name.to_string(), value);
        }
    }
}

/// Refuses what the schema does not let be written now.
fn check_writable(name: &Name, step: Mutability) -> Result<()> {
    let schema = schema::user_schema();
    let attribute = schema.get(name).ok_or_else(|| unknown(name))?;
    let message = match attribute.mutability {
        _ if attribute.secret => "a secret was given among the attributes that are shown",
        Mutability::ReadWrite | Mutability::WriteOnly => return Ok(()),
        Mutability::CreateOnly if step == Mutability::CreateOnly => return Ok(()),
        _ => "the attribute cannot be written",
    };
    Err(Error::new(ErrorKind::Invalid, message).with_context("attribute", name))
}

fn unknown(name: &Name) -> Error {
    Error::new(ErrorKind::Invalid, "users have no such attribute").with_context("attribute", name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Class;

    fn attributes(pairs: &[(&str, Value)]) -> Attributes {
        pairs.iter().map(|(name, value)| (Name::from(*name), value.clone())).collect()
    }

    fn shown(steps: Vec<Step>) -> Vec<String> {
        let text = |step: Step| {
            let body = step.body.map_or_else(String::new, |body| format!(" {}", Json::Object(body)));
            format!("{} {}{body}", step.method, step.path)
        };
        steps.into_iter().map(text).collect()
    }

    fn update(pairs: &[(&str, Value)]) -> Result<Vec<Step>> {
        let (id, attributes) = (ObjectId::user("7"), attributes(pairs));
        route(Operation::Update { id, attributes, secrets: BTreeMap::new() })
    }

    #[test]
    fn an_update_is_split_as_graph_wants_it() {
        type Row<'a> = (&'a [(&'a str, Value)], &'a [&'a str]);
        #[rustfmt::skip]
        let table: &[Row<'_>] = &[
            (&[], &[]),
            (&[("jobTitle", "x".into()), ("city", Value::Null)], &[r#"PATCH /users/7 {"city":null,"jobTitle":"x"}"#]),
            (
                &[("resetPassword", true.into()), ("accountEnabled", false.into()), ("city", "x".into())],
                &[
                    r#"PATCH /users/7 {"city":"x"}"#,
                    r#"PATCH /users/7 {"accountEnabled":false}"#,
                    r#"PATCH /users/7 {"passwordProfile":{"forceChangePasswordNextSignIn":true}}"#,
                ],
            ),
            (
                &[("employeeOrgData.division", "x".into())],
                &["GET /users/7?$select=employeeOrgData", r#"PATCH /users/7 {"employeeOrgData":{"division":"x"}}"#],
            ),
            (
                &[("employeeOrgData.division", "x".into()), ("employeeOrgData.costCenter", Value::Null)],
                &[r#"PATCH /users/7 {"employeeOrgData":{"costCenter":null,"division":"x"}}"#],
            ),
            (
                &[("onPremisesExtensionAttributes.extensionAttribute3", "x".into())],
                &[r#"PATCH /users/7 {"onPremisesExtensionAttributes":{"extensionAttribute3":"x"}}"#],
            ),
            (&[("businessPhones", Value::Null)], &[r#"PATCH /users/7 {"businessPhones":[]}"#]),
            (&[("businessPhones", "1".into())], &[r#"PATCH /users/7 {"businessPhones":["1"]}"#]),
        ];
        for (pairs, expected) in table {
            assert_eq!(shown(update(pairs).expect("it can be written")), *expected, "{pairs:?}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        for name in ["id", "createdDateTime", "proxyAddresses", "password", "nonsense", "employeeOrgData"] {
            let error = update(&[(name, "hunter2".into())]).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Invalid, "{name}");
            assert!(!error.to_chain().contains("hunter2"));
        }
        let secrets = BTreeMap::from([("password".into(), Secret::new("hunter2"))]);
        let operation = Operation::Update { id: ObjectId::user("7"), attributes: Attributes::new(), secrets };
        route(operation).expect_err("an existing account gets no password");
        let group = ObjectId::new(Class::GROUP, "7");
        assert_eq!(route(Operation::Delete { id: group }).expect_err("a group").kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn a_create_has_what_graph_requires() {
        let create = |pairs: &[(&str, Value)], password: Option<&str>| {
            let secrets = password.map(|password| (Name::from("password"), Secret::from(password)));
            let operation = Operation::Create {
                class: Class::USER,
                attributes: attributes(pairs),
                secrets: secrets.into_iter().collect(),
            };
            shown(route(operation).expect("it can be written"))
        };
        assert_eq!(
            create(&[("displayName", "Ada".into()), ("city", Value::Null)], Some("p")),
            [
                r#"POST /users {"accountEnabled":true,"displayName":"Ada","passwordProfile":{"forceChangePasswordNextSignIn":true,"password":"p"}}"#
            ]
        );
        assert_eq!(
            create(&[("accountEnabled", false.into()), ("resetPassword", false.into())], Some("p")),
            [
                r#"POST /users {"accountEnabled":false,"passwordProfile":{"forceChangePasswordNextSignIn":false,"password":"p"}}"#
            ]
        );
        assert_eq!(create(&[], None), [r#"POST /users {"accountEnabled":true}"#]);
    }

    #[test]
    fn hostile_ids_stay_ids() {
        for (id, path) in [
            ("a/../b", "/users/a%2F..%2Fb"),
            ("x?$filter=1", "/users/x%3F%24filter%3D1"),
            ("a#b", "/users/a%23b"),
            ("%2F", "/users/%252F"),
        ] {
            let id = ObjectId::user(id);
            assert_eq!(route(Operation::Delete { id }).expect("an id")[0].path, path);
        }
        let id = ObjectId::user("");
        route(Operation::Delete { id }).expect_err("that would be all users");
    }

    #[test]
    fn members_that_are_not_named_are_kept() {
        let mut steps = update(&[("employeeOrgData.division", "x".into())]).expect("it can be written");
        let user = json!({"employeeOrgData": {"@odata.type": "y", "division": "old", "costCenter": "c"}});
        steps[1].fill_org_data(&user);
        let body = steps[1].body.clone().expect("a body");
        assert_eq!(Json::Object(body), json!({"employeeOrgData": {"division": "x", "costCenter": "c"}}));
        steps[1].fill_org_data(&json!({"employeeOrgData": null}));
    }
}
