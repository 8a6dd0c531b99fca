//! From a change to the requests that carry it out.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Map, Value as Json, json};

use super::schema::{
    self, ACCOUNT_ENABLED, DYNAMIC, GROUP_TYPES, MAIL_ENABLED, MEMBERSHIP_RULE, ORG_DATA, PASSWORD, RESET_PASSWORD,
    REVOKE_SESSIONS, RULE_STATE, SECURITY_ENABLED, Table, UNIFIED, UNIQUE_NAME,
};
use super::step::{Part, Step};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Attributes, Cardinality, Class, Mutability, Name, ObjectId, Operation, Value};
use crate::odata::key_segment;
use crate::secret::Secret;

const PASSWORD_PROFILE: &str = "passwordProfile";

/// The object that a change is about, if it is there already, and its class.
pub(super) fn object_of(operation: &Operation) -> (Class, Option<&ObjectId>) {
    match operation {
        Operation::Create { class, .. } => (class.clone(), None),
        Operation::Update { id, .. }
        | Operation::Elements { id, .. }
        | Operation::Delete { id }
        | Operation::Restore { id } => (id.class.clone(), Some(id)),
    }
}

/// The requests for a change of an object itself, in their order: ordinary attributes together, others each alone,
/// since Graph refuses a request whole, and asks for other permissions for those.
///
/// See [update user](https://learn.microsoft.com/graph/api/user-update) and
/// [update group](https://learn.microsoft.com/graph/api/group-update).
pub(super) fn route(operation: Operation) -> Result<Vec<Step>> {
    match operation {
        Operation::Create { class, attributes, secrets } => {
            let table = schema::of(&class)?;
            let body = if class == Class::USER {
                new_user(table, &attributes, &secrets)?
            } else {
                new_group(table, &attributes, &secrets)?
            };
            Ok(vec![Step::new(Part::Create, Method::POST, table.place.path).with_body(body)])
        }
        Operation::Update { id, attributes, secrets } => update(&id, &attributes, &secrets),
        Operation::Elements { .. } => {
            Err(Error::new(ErrorKind::Invalid, "elements are routed by themselves, not with an object's attributes"))
        }
        Operation::Delete { id } => {
            let path = key_segment(schema::of(&id.class)?.place.path, &id.id)?;
            Ok(vec![Step::new(Part::Delete, Method::DELETE, path)])
        }
        Operation::Restore { id } => {
            schema::of(&id.class)?;
            let path = key_segment("/directory/deletedItems", &id.id)? + "/restore";
            Ok(vec![Step::new(Part::Restore, Method::POST, path).with_body(Map::new())])
        }
    }
}

fn new_user(table: &Table, attributes: &Attributes, secrets: &BTreeMap<Name, Secret>) -> Result<Map<String, Json>> {
    let mut body = Map::new();
    let mut profile = Map::new();
    for (name, value) in attributes.iter() {
        check_writable(table, name, Mutability::CreateOnly)?;
        // A new user has nothing to clear.
        if name == RESET_PASSWORD {
            profile.insert("forceChangePasswordNextSignIn".into(), value.into());
        } else if !value.is_null() && name != REVOKE_SESSIONS {
            set(table, &mut body, name, value);
        }
    }
    for (name, secret) in secrets {
        if name != PASSWORD {
            return Err(unknown(table, name));
        }
        profile.insert("password".into(), secret.expose().into());
        profile.entry("forceChangePasswordNextSignIn").or_insert(Json::Bool(true));
    }
    if !profile.is_empty() {
        body.insert(PASSWORD_PROFILE.into(), profile.into());
    }
    body.entry(ACCOUNT_ENABLED).or_insert(Json::Bool(true));
    Ok(body)
}

/// A security group unless its types say Microsoft 365; members and owners come later.
///
/// See [create group](https://learn.microsoft.com/graph/api/group-post-groups).
fn new_group(table: &Table, attributes: &Attributes, secrets: &BTreeMap<Name, Secret>) -> Result<Map<String, Json>> {
    if let Some(name) = secrets.keys().next() {
        return Err(unknown(table, name));
    }
    let mut body = Map::new();
    for (name, value) in attributes.iter() {
        check_writable(table, name, Mutability::CreateOnly)?;
        if !value.is_null() {
            set(table, &mut body, name, value);
        }
    }
    let types = attributes.get(GROUP_TYPES);
    let is_unified = has_type(types, UNIFIED);
    body.entry(MAIL_ENABLED).or_insert(Json::Bool(is_unified));
    body.entry(SECURITY_ENABLED).or_insert(Json::Bool(!is_unified));
    if has_type(types, DYNAMIC) {
        body.entry(RULE_STATE).or_insert("On".into());
    }
    Ok(body)
}

/// Whether `groupTypes` has a member.
pub(super) fn has_type(types: Option<&Value>, wanted: &str) -> bool {
    let types = types.map_or(&[][..], Value::as_slice);
    types.iter().filter_map(Value::as_text).any(|text| text.eq_ignore_ascii_case(wanted))
}

fn update(id: &ObjectId, attributes: &Attributes, secrets: &BTreeMap<Name, Secret>) -> Result<Vec<Step>> {
    let table = schema::of(&id.class)?;
    if let Some(name) = secrets.keys().next() {
        return Err(Error::new(ErrorKind::Invalid, "a secret is written only when a user is created")
            .with_context("attribute", name));
    }
    let path = key_segment(table.place.path, &id.id)?;
    let mut bodies: BTreeMap<Part, Map<String, Json>> = BTreeMap::new();
    let mut revokes = false;
    for (name, value) in attributes.iter() {
        check_writable(table, name, Mutability::ReadWrite)?;
        let part = part_of(&id.class, name);
        let body = bodies.entry(part).or_default();
        if part == Part::Sessions {
            // There is nothing to say but that it is to be done; and it is done last.
            revokes = value.as_bool() == Some(true);
            bodies.remove(&part);
        } else if part == Part::Password {
            body.insert(PASSWORD_PROFILE.into(), json!({ "forceChangePasswordNextSignIn": Json::from(value) }));
        } else {
            set(table, body, name, value);
        }
    }
    let mut steps = Vec::new();
    let org_data = bodies.get(&Part::Attributes).and_then(|body| body.get(ORG_DATA)).and_then(Json::as_object);
    let all_members = table.readable().filter(|attribute| attribute.property() == ORG_DATA).count();
    if org_data.is_some_and(|members| members.len() < all_members) {
        steps.push(Step::new(Part::ReadOrgData, Method::GET, format!("{path}?$select={ORG_DATA}")));
    }
    steps.extend(bodies.into_iter().map(|(part, body)| Step::new(part, Method::PATCH, path.as_str()).with_body(body)));
    if revokes {
        let after_status = steps.iter().position(|step| step.part > Part::Status).unwrap_or(steps.len());
        let revoke = Step::new(Part::Sessions, Method::POST, format!("{path}/revokeSignInSessions"));
        steps.insert(after_status, revoke.with_body(Map::new()));
    }
    Ok(steps)
}

/// The part of an update that an attribute belongs to. What Graph may refuse by itself goes by itself: the status and
/// the password need permissions of their own, a rule needs a licence, and a unique name is set only once.
fn part_of(class: &Class, name: &Name) -> Part {
    match name.as_str() {
        ACCOUNT_ENABLED => Part::Status,
        RESET_PASSWORD => Part::Password,
        REVOKE_SESSIONS if *class == Class::USER => Part::Sessions,
        MEMBERSHIP_RULE | RULE_STATE if *class == Class::GROUP => Part::Rule,
        UNIQUE_NAME if *class == Class::GROUP => Part::UniqueName,
        _ => Part::Attributes,
    }
}

/// Puts a value where Graph has it.
fn set(table: &Table, body: &mut Map<String, Json>, name: &Name, value: &Value) {
    let many = table.schema().get(name).is_some_and(|schema| schema.cardinality == Cardinality::Many);
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
fn check_writable(table: &Table, name: &Name, step: Mutability) -> Result<()> {
    let attribute = table.schema().get(name).ok_or_else(|| unknown(table, name))?;
    let message = match attribute.mutability {
        _ if attribute.secret => "a secret was given among the attributes that are shown",
        _ if table.schema().is_elements(name) => "the values are given and taken one by one, not with the attributes",
        Mutability::ReadWrite | Mutability::WriteOnly => return Ok(()),
        Mutability::CreateOnly if step == Mutability::CreateOnly => return Ok(()),
        Mutability::CreateOnly => "the attribute can be written only when the object is created",
        _ => "the attribute cannot be written",
    };
    Err(Error::new(ErrorKind::Invalid, message).with_context("attribute", name))
}

fn unknown(table: &Table, name: &Name) -> Error {
    let message = format!("{} have no such attribute", table.place.plural);
    Error::new(ErrorKind::Invalid, message).with_context("attribute", name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(pairs: &[(&str, Value)]) -> Attributes {
        pairs.iter().map(|(name, value)| (Name::from(*name), value.clone())).collect()
    }

    fn shown(steps: Vec<Step>) -> Vec<String> {
        let text = |step: Step| {
            let body = step.request.body.map_or_else(String::new, |body| format!(" {body}"));
            format!("{} {}{body}", step.request.method, step.request.url)
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
        for name in [
            "id",
            "createdDateTime",
            "proxyAddresses",
            "password",
            "nonsense",
            "employeeOrgData",
            "manager",
            "skuId",
            "groupTypes",
        ] {
            let error = update(&[(name, "hunter2".into())]).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Invalid, "{name}");
            assert!(!error.to_chain().contains("hunter2"));
        }
        let secrets = BTreeMap::from([("password".into(), Secret::new("hunter2"))]);
        let operation = Operation::Update { id: ObjectId::user("7"), attributes: Attributes::new(), secrets };
        route(operation).expect_err("an existing account gets no password");
        let device = ObjectId::new(Class::new("device"), "7");
        assert_eq!(route(Operation::Delete { id: device }).expect_err("a device").kind(), ErrorKind::Unsupported);
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
            assert_eq!(route(Operation::Delete { id }).expect("an id")[0].request.url, path);
        }
        let id = ObjectId::user("");
        route(Operation::Delete { id }).expect_err("that would be all users");
    }

    #[test]
    fn members_that_are_not_named_are_kept() {
        let mut steps = update(&[("employeeOrgData.division", "x".into())]).expect("it can be written");
        let user = json!({"employeeOrgData": {"@odata.type": "y", "division": "old", "costCenter": "c"}});
        assert!(steps[1].take_in(Part::ReadOrgData, &user).expect("told"));
        let body = steps[1].request.body.clone().expect("a body");
        assert_eq!(body, json!({"employeeOrgData": {"division": "x", "costCenter": "c"}}));
        assert!(steps[1].take_in(Part::ReadOrgData, &json!({"employeeOrgData": null})).expect("told"));
    }

    #[test]
    fn a_group_is_created_as_its_types_say() {
        let create = |pairs: &[(&str, Value)]| {
            let (attributes, secrets) = (attributes(pairs), BTreeMap::new());
            shown(route(Operation::Create { class: Class::GROUP, attributes, secrets }).expect("it can be written"))
        };
        #[rustfmt::skip]
        let table: &[(&[(&str, Value)], &str)] = &[
            (&[("displayName", "A".into())], r#"{"displayName":"A","mailEnabled":false,"securityEnabled":true}"#),
            (&[("groupTypes", "Unified".into())], r#"{"groupTypes":["Unified"],"mailEnabled":true,"securityEnabled":false}"#),
            (
                &[("groupTypes", Value::list(["unified".into()])), ("securityEnabled", true.into())],
                r#"{"groupTypes":["unified"],"mailEnabled":true,"securityEnabled":true}"#,
            ),
            (
                &[("groupTypes", "DynamicMembership".into()), ("membershipRule", "user.x -eq 1".into())],
                r#"{"groupTypes":["DynamicMembership"],"mailEnabled":false,"membershipRule":"user.x -eq 1","membershipRuleProcessingState":"On","securityEnabled":true}"#,
            ),
            (
                &[("isAssignableToRole", true.into()), ("uniqueName", "a".into()), ("description", Value::Null)],
                r#"{"isAssignableToRole":true,"mailEnabled":false,"securityEnabled":true,"uniqueName":"a"}"#,
            ),
        ];
        for (pairs, body) in table {
            assert_eq!(create(pairs), [format!("POST /groups {body}")], "{pairs:?}");
        }
    }

    #[test]
    fn an_update_of_a_group_is_split_as_graph_wants_it() {
        let update = |pairs: &[(&str, Value)]| {
            let (id, attributes) = (ObjectId::group("7"), attributes(pairs));
            route(Operation::Update { id, attributes, secrets: BTreeMap::new() })
        };
        let pairs = [
            ("uniqueName", "a".into()),
            ("membershipRule", "x".into()),
            ("membershipRuleProcessingState", "Paused".into()),
            ("displayName", "A".into()),
            ("description", Value::Null),
        ];
        assert_eq!(
            shown(update(&pairs).expect("it can be written")),
            [
                r#"PATCH /groups/7 {"description":null,"displayName":"A"}"#,
                r#"PATCH /groups/7 {"membershipRule":"x","membershipRuleProcessingState":"Paused"}"#,
                r#"PATCH /groups/7 {"uniqueName":"a"}"#,
            ]
        );
        for name in ["id", "groupTypes", "mailEnabled", "isAssignableToRole", "mail", "members", "accountEnabled"] {
            assert_eq!(update(&[(name, "x".into())]).expect_err(name).kind(), ErrorKind::Invalid, "{name}");
        }
    }
}
