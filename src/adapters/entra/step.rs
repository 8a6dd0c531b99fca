//! One request of a change.

use http::Method;
use serde_json::{Map, Value as Json};

use super::record::is_object_id;
use super::schema::{
    ACCOUNT_ENABLED, ASSIGNED_LICENSES, LICENSE_STATES, MANAGER, MEMBERS, ORG_DATA, OWNERS, REVOKE_SESSIONS,
};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::BatchRequest;
use crate::model::{License, Name, Value};

/// One request of a change. Those of one change are sent one after the other, but for some that do not mind.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// What it is about.
    pub(super) part: Part,
    pub(super) request: BatchRequest,
    /// The elements that it gives or takes, which are answered one by one.
    pub(super) elements: Vec<Element>,
    /// It was sent before, and nobody knows what became of it.
    pub(super) again: bool,
}

/// An element that is given or taken.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Element {
    pub(super) attribute: Name,
    pub(super) value: Value,
}

/// What a request of a change is about; those of an update in the order in which they are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Create,
    /// Looks whether somebody has the address of the guest whom the next request invites.
    FindGuest,
    Invite,
    /// Reads `employeeOrgData`, of which the next request writes a part.
    ReadOrgData,
    Attributes,
    Rule,
    UniqueName,
    Status,
    /// Ends the user's sign-ins, once he cannot begin new ones.
    Sessions,
    Password,
    SetManager,
    /// Reads whether the manager is still the one whom the next request takes away.
    ReadManager,
    RemoveManager,
    /// Adds several members, all or none.
    Bind,
    AddMember,
    RemoveMember,
    AddOwner,
    RemoveOwner,
    /// Reads which of the licences that the next request takes away are still there.
    ReadLicenses,
    Licenses,
    Delete,
    Restore,
}

impl Part {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::FindGuest | Self::Invite => "invitation",
            Self::ReadOrgData | Self::Attributes => "attributes",
            Self::Rule => "membershipRule",
            Self::UniqueName => "uniqueName",
            Self::Status => ACCOUNT_ENABLED,
            Self::Sessions => REVOKE_SESSIONS,
            Self::Password => "passwordProfile",
            Self::SetManager | Self::ReadManager | Self::RemoveManager => MANAGER,
            Self::Bind | Self::AddMember | Self::RemoveMember => MEMBERS,
            Self::AddOwner | Self::RemoveOwner => OWNERS,
            Self::ReadLicenses | Self::Licenses => "licenses",
            Self::Delete => "delete",
            Self::Restore => "restore",
        }
    }

    /// Whether several of one object may be under way at once. Not the removals of owners: the last one is refused.
    pub(super) fn may_go_together(self) -> bool {
        matches!(self, Self::AddMember | Self::RemoveMember | Self::AddOwner)
    }

    /// Whether it only says what the next request is to do, which cannot go without it.
    pub(super) fn is_question(self) -> bool {
        matches!(self, Self::FindGuest | Self::ReadOrgData | Self::ReadManager | Self::ReadLicenses)
    }
}

impl Step {
    pub(super) fn new(part: Part, method: Method, path: impl Into<String>) -> Self {
        Self::of(part, BatchRequest::new(method, path))
    }

    pub(super) fn of(part: Part, request: BatchRequest) -> Self {
        Self { part, request, elements: Vec::new(), again: false }
    }

    pub(super) fn with_body(mut self, body: Map<String, Json>) -> Self {
        self.request = self.request.with_body(Json::Object(body));
        self
    }

    pub(super) fn with_elements(mut self, elements: impl IntoIterator<Item = Element>) -> Self {
        self.elements.extend(elements);
        self
    }

    /// Takes in what was asked for this request; `false` if there is nothing left to do.
    ///
    /// # Errors
    ///
    /// If the answer does not say it: that something is not in it must not be taken for its not being there.
    pub(super) fn take_in(&mut self, question: Part, user: &Json) -> Result<bool> {
        let is_told = match question {
            Part::ReadOrgData => user.get(ORG_DATA).is_some_and(|data| data.is_object() || data.is_null()),
            // Of a user without a manager Graph leaves the property out.
            Part::ReadManager => user["id"].is_string() && (user[MANAGER].is_null() || is_id(&user[MANAGER]["id"])),
            Part::FindGuest => user["value"].is_array(),
            Part::ReadLicenses => rows_of(user).is_some_and(|rows| rows.iter().all(is_license)),
            _ => true,
        };
        if !is_told {
            let message = "the answer does not tell what the user has, which the next request depends on";
            return Err(Error::new(ErrorKind::Protocol, message));
        }
        match question {
            Part::ReadOrgData => self.fill_org_data(user),
            Part::ReadManager => {
                let held = user[MANAGER]["id"].as_str().unwrap_or_default();
                let is_held =
                    |element: &Element| element.value.as_text().is_some_and(|id| id.eq_ignore_ascii_case(held));
                return Ok(self.elements.iter().any(is_held));
            }
            Part::ReadLicenses => return Ok(self.keep_held(user)),
            Part::FindGuest => {
                let holder = user["value"].as_array().and_then(|users| users.first());
                if let Some(holder) = holder {
                    let message = "somebody has the guest's address already, and is not invited again; match by mail to take his account over";
                    let id = holder["id"].as_str().unwrap_or_default();
                    let id = crate::http::redact::one_line(id, 100);
                    return Err(Error::new(ErrorKind::Conflict, message).with_context("object", id));
                }
            }
            _ => {}
        }
        Ok(true)
    }

    /// Adds the members of `employeeOrgData` that the user has and the change does not name: those left out become null.
    fn fill_org_data(&mut self, user: &Json) {
        let Some(Json::Object(new)) = self.request.body.as_mut().and_then(|body| body.get_mut(ORG_DATA)) else {
            return;
        };
        for (member, value) in user[ORG_DATA].as_object().into_iter().flatten() {
            if !member.starts_with('@') && !new.contains_key(member) {
                new.insert(member.clone(), value.clone());
            }
        }
    }

    /// Leaves out the removal of licences that the user or group does not have itself: that is done.
    fn keep_held(&mut self, user: &Json) -> bool {
        let states = rows_of(user).map_or(&[][..], Vec::as_slice);
        let is_held = |sku: &str| {
            let same = |row: &&Json| row["skuId"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(sku));
            states.iter().filter(same).any(|row| row["assignedByGroup"].is_null())
        };
        let Some(body) = &mut self.request.body else { return true };
        let mut gone = Vec::new();
        if let Some(removed) = body["removeLicenses"].as_array_mut() {
            removed.retain(|sku| {
                let sku = sku.as_str().unwrap_or_default();
                let held = is_held(sku);
                if !held {
                    gone.push(sku.to_owned());
                }
                held
            });
        }
        let is_gone = |element: &Element| {
            let product = License::from_value(&element.value).map(|license| license.product);
            product.is_some_and(|product| gone.iter().any(|gone| gone.eq_ignore_ascii_case(&product)))
        };
        self.elements.retain(|element| !is_gone(element));
        let is_empty = |name: &str| body[name].as_array().is_none_or(Vec::is_empty);
        !(is_empty("addLicenses") && is_empty("removeLicenses"))
    }
}

fn is_id(id: &Json) -> bool {
    id.as_str().is_some_and(is_object_id)
}

/// Whether a row says of which product it is, and from which group if from one.
fn is_license(row: &Json) -> bool {
    let by = &row["assignedByGroup"];
    is_id(&row["skuId"]) && (by.is_null() || is_id(by))
}

/// The licences that a user or group has.
fn rows_of(user: &Json) -> Option<&Vec<Json>> {
    user[LICENSE_STATES].as_array().or_else(|| user[ASSIGNED_LICENSES].as_array())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ADA: &str = "00000000-0000-4000-8000-00000000000a";
    const BOB: &str = "00000000-0000-4000-8000-00000000000b";
    const CY: &str = "00000000-0000-4000-8000-00000000000c";

    fn element(attribute: &str, value: &str) -> Element {
        Element { attribute: attribute.into(), value: value.into() }
    }

    #[test]
    fn only_the_manager_who_was_meant_is_taken_away() {
        let step = || {
            Step::new(Part::RemoveManager, Method::DELETE, "/users/7/manager/$ref")
                .with_elements([element("manager", ADA)])
        };
        for (user, goes_on) in [
            (json!({"id": "7", "manager": {"id": ADA.to_uppercase()}}), true),
            (json!({"id": "7", "manager": {"id": BOB}}), false),
            (json!({"id": "7"}), false),
            (json!({"id": "7", "manager": null}), false),
        ] {
            assert_eq!(step().take_in(Part::ReadManager, &user).expect("told"), goes_on, "{user}");
        }
    }

    #[test]
    fn what_is_not_told_is_not_taken_for_gone() {
        let user = |json: &str| serde_json::from_str::<Json>(json).expect("JSON");
        for (question, answers) in [
            (
                Part::ReadManager,
                &[
                    "null",
                    "{}",
                    "[]",
                    r#"{"manager": {"id": "00000000-0000-4000-8000-00000000000b"}}"#,
                    r#"{"id": "7", "manager": "00000000-0000-4000-8000-00000000000b"}"#,
                    r#"{"id": "7", "manager": {"id": "b"}}"#,
                    r#"{"id": "7", "manager": {"id": ""}}"#,
                ][..],
            ),
            (
                Part::ReadLicenses,
                &[
                    "null",
                    "{}",
                    r#"{"id": "7"}"#,
                    r#"{"id": "7", "licenseAssignmentStates": null}"#,
                    r#"{"id": "7", "licenseAssignmentStates": [{"skuId": ""}]}"#,
                    r#"{"licenseAssignmentStates": [{"skuId": "00000000-0000-4000-8000-00000000000a", "assignedByGroup": ""}]}"#,
                    r#"{"licenseAssignmentStates": [{"skuId": "00000000-0000-4000-8000-00000000000a", "assignedByGroup": 0}]}"#,
                    r#"{"id": "7", "assignedLicenses": [{"disabledPlans": []}]}"#,
                ],
            ),
            (Part::ReadOrgData, &["null", "{}", r#"{"id": "7"}"#, r#"{"employeeOrgData": "x"}"#]),
            (Part::FindGuest, &["null", "{}", "[]", r#"{"value": null}"#, r#"{"value": {}}"#]),
        ] {
            for answer in answers {
                let mut step = Step::new(Part::Attributes, Method::PATCH, "/users/7")
                    .with_body(Map::from_iter([
                        (ORG_DATA.to_owned(), json!({"division": "x"})),
                        ("removeLicenses".to_owned(), json!(["a"])),
                    ]))
                    .with_elements([element("manager", "a")]);
                let before = step.request.body.clone();
                let error = step.take_in(question, &user(answer)).expect_err(answer);
                assert_eq!(error.kind(), ErrorKind::Protocol, "{question:?} {answer}");
                assert_eq!((&step.request.body, step.elements.len()), (&before, 1));
            }
        }
    }

    #[test]
    fn nobody_is_invited_twice() {
        let mut step = Step::new(Part::Invite, Method::POST, "/invitations");
        assert!(step.take_in(Part::FindGuest, &json!({"value": []})).expect("nobody"));
        for holder in [json!({"id": "7"}), json!({})] {
            let error = step.take_in(Part::FindGuest, &json!({"value": [holder]})).expect_err("somebody");
            assert_eq!(error.kind(), ErrorKind::Conflict);
        }
    }

    #[test]
    fn only_licences_that_are_held_are_taken_away() {
        let body = json!({"addLicenses": [], "removeLicenses": [ADA, BOB, CY]});
        let Json::Object(body) = body else { panic!("an object") };
        let mut step = Step::new(Part::Licenses, Method::POST, "/users/7/assignLicense")
            .with_body(body)
            .with_elements([ADA, BOB, CY].map(|id| element("skuId", id)));
        let states = json!({"licenseAssignmentStates": [
            {"skuId": ADA.to_uppercase(), "assignedByGroup": null},
            {"skuId": BOB, "assignedByGroup": CY},
        ]});
        assert!(step.take_in(Part::ReadLicenses, &states).expect("told"));
        assert_eq!(step.request.body, Some(json!({"addLicenses": [], "removeLicenses": [ADA]})));
        assert_eq!(step.elements, [element("skuId", ADA)]);
        assert!(!step.take_in(Part::ReadLicenses, &json!({"licenseAssignmentStates": []})).expect("told"));
    }
}
