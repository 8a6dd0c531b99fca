//! Directory roles: who holds one, and whom an application may not touch without one.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::sim::lists::list::Source;
use crate::sim::lists::query::Shape;
use crate::sim::objects::object::Object;
use crate::sim::objects::stored::Reading;
use crate::sim::seed::base64url;
use crate::sim::state::State;
use crate::sim::users::property::{ASSIGNMENTS, Access, Class, Kind, Prop, Property, entry, place_in};
use crate::sim::wire::answer::Refusal;
use crate::sim::wire::routes::Call;

/// In the tokens of every application, and not a directory role.
pub(crate) const NO_ROLE: &str = "0997a1d0-0d1d-4acb-b408-d5ca73121e90";

/// A directory role given to a user, a group or an application, over the whole tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) role: Uuid,
    pub(crate) principal: Uuid,
}

const fn key(name: &'static str) -> Property {
    entry(name, Kind::Text(0), Access::Read, "D---")
}

pub(crate) static PROPERTIES: &[Property] =
    &[key("id"), key("principalId"), key("directoryScopeId"), key("roleDefinitionId")];

pub(crate) const DEFAULT_SET: &[Prop] = &[ID, PRINCIPAL, SCOPE, ROLE];

pub(crate) const ID: Prop = place_in(PROPERTIES, ASSIGNMENTS, "id");
const PRINCIPAL: Prop = place_in(PROPERTIES, ASSIGNMENTS, "principalId");
const SCOPE: Prop = place_in(PROPERTIES, ASSIGNMENTS, "directoryScopeId");
const ROLE: Prop = place_in(PROPERTIES, ASSIGNMENTS, "roleDefinitionId");

/// Template ids of built-in roles, the same in every tenant.
const ROLES: &[(&str, &str)] = &[
    ("62e90394-69f5-4237-9190-012177145e10", "Global Administrator"),
    ("e8611ab8-c189-46e8-94e1-60213ab1f814", "Privileged Role Administrator"),
    ("7be44c8a-adaf-4e2a-84d6-ab2649e08a13", "Privileged Authentication Administrator"),
    ("c4e39bd9-1100-46d3-8c65-fb160da0071f", "Authentication Administrator"),
    ("fe930be7-5e62-47db-91af-98c3a49a38b1", "User Administrator"),
    ("9360feb5-f418-4baa-8175-e2a00bac4301", "Directory Writers"),
    ("88d8e3e3-8f55-4a1e-953a-9b9898b8876b", "Directory Readers"),
    ("29232cdf-9323-42fd-ade2-1d097af3e4de", "Exchange Administrator"),
    ("4d6ac14f-3453-41d0-bef9-a3e0c569773a", "License Administrator"),
    ("fdd7a751-b60b-444a-984c-02652fe8fa1c", "Groups Administrator"),
    ("966707d0-3269-4727-9be2-8c3a10f19b9d", "Password Administrator"),
    ("729827e3-9c14-49f7-bb1b-9608f156bbb8", "Helpdesk Administrator"),
    ("95e79109-95c0-4d8e-aee3-d01accf2d47b", "Guest Inviter"),
    ("f2ef992c-3afb-46b9-b7cf-a126ee74c451", "Global Reader"),
    ("4a5d8f65-41da-4de4-8968-e035b65339cf", "Reports Reader"),
    ("9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3", "Application Administrator"),
    ("158c047a-c907-4556-b7ef-446551a6b5f7", "Cloud Application Administrator"),
];
/// Who holds one of these may touch everybody.
const OVER_ALL: &[&str] = &["Global Administrator", "Privileged Authentication Administrator"];
/// Who holds this one may touch ordinary users, and those that hold nothing but the limited ones.
const OVER_LIMITED: &str = "User Administrator";
const LIMITED: &[&str] = &[
    "Directory Readers",
    "Guest Inviter",
    "Helpdesk Administrator",
    "Password Administrator",
    "Reports Reader",
    "User Administrator",
    "Groups Administrator",
];

/// The template id of a role given by id or name.
pub(crate) fn template(role: &str) -> Option<Uuid> {
    let named = ROLES.iter().find(|(_, name)| name.eq_ignore_ascii_case(role)).map(|(id, _)| *id);
    Uuid::try_parse(named.unwrap_or(role)).ok()
}

/// Whether there is such a role.
pub(crate) fn is_known(role: Uuid) -> bool {
    name_of(role).is_some()
}

fn name_of(role: Uuid) -> Option<&'static str> {
    let id = role.to_string();
    ROLES.iter().find(|(known, _)| *known == id).map(|(_, name)| *name)
}

impl Assignment {
    pub(crate) fn read(&self, prop: Prop) -> Reading<'static> {
        match prop {
            ID => {
                let bytes: Vec<u8> = self.role.as_bytes().iter().chain(self.principal.as_bytes()).copied().collect();
                Reading::Text(format!("{}-1", base64url(&bytes)).into())
            }
            PRINCIPAL => Reading::Text(self.principal.to_string().into()),
            SCOPE => Reading::Text("/".into()),
            ROLE => Reading::Text(self.role.to_string().into()),
            _ => Reading::Null,
        }
    }
}

/// What of a role assignment is shown in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoleExpand {
    Definition,
    Principal,
}

impl RoleExpand {
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        match text.trim().to_ascii_lowercase().as_str() {
            "roledefinition" => Ok(Self::Definition),
            "principal" => Ok(Self::Principal),
            _ => Err(Refusal::unsupported(format!("Expanding '{text}' is not supported here."))),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Definition => "roleDefinition",
            Self::Principal => "principal",
        }
    }
}

impl State {
    pub(crate) fn list_assignments(&self, call: &Call<'_>) -> Result<crate::sim::wire::answer::Answer, Refusal> {
        let options = self.options(call, Class::Assignment, Shape::List)?;
        let source = Source {
            context: "roleManagement/directory/roleAssignments".to_owned(),
            class: Class::Assignment,
            end: u32::MAX,
            objects: Box::new(|from| {
                let numbered = (0_u32..).zip(&self.assignments).skip(from as usize);
                Box::new(numbered.map(|(at, assignment)| (at, Object::Assignment(assignment))))
            }),
        };
        self.answer_list(call, &options, &source)
    }

    pub(crate) fn read_assignment(
        &self,
        call: &Call<'_>,
        key: &str,
    ) -> Result<crate::sim::wire::answer::Answer, Refusal> {
        let options = self.options(call, Class::Assignment, Shape::Single)?;
        let has_id = |assignment: &&Assignment| matches!(assignment.read(ID), Reading::Text(id) if id == key);
        let found = self.assignments.iter().find(has_id).ok_or_else(|| Refusal::not_found(key))?;
        Ok(self.answer_one(call, 200, Object::Assignment(found), &options, "roleManagement/directory/roleAssignments"))
    }

    /// What `$expand` shows beside an assignment.
    pub(crate) fn expanded_role(&self, assignment: &Assignment, expand: RoleExpand) -> Value {
        match expand {
            RoleExpand::Definition => json!({
                "id": assignment.role,
                "templateId": assignment.role,
                "displayName": name_of(assignment.role).unwrap_or("Custom role"),
                "description": null,
                "isBuiltIn": name_of(assignment.role).is_some(),
                "isEnabled": true,
                "resourceScopes": ["/"],
                "rolePermissions": [],
                "version": "1",
            }),
            RoleExpand::Principal => match self.find_object(assignment.principal) {
                Some(object) => {
                    let mut out = Vec::new();
                    let kind = [("@odata.type", object.odata_type())];
                    crate::sim::objects::object::write_object(object, None, self.context(), &kind, &mut out);
                    serde_json::from_slice(&out).unwrap_or_default()
                }
                None => json!({
                    "@odata.type": "#microsoft.graph.servicePrincipal",
                    "id": assignment.principal,
                    "displayName": "Simulated application",
                }),
            },
        }
    }

    /// The roles that somebody holds: itself, or through a group to which roles are given.
    pub(crate) fn roles_of(&self, principal: Uuid) -> Vec<Uuid> {
        let groups: Vec<Uuid> = self.members.all_to(principal).collect();
        let holders =
            |assignment: &&Assignment| assignment.principal == principal || groups.contains(&assignment.principal);
        self.assignments.iter().filter(holders).map(|assignment| assignment.role).collect()
    }

    /// The roles of an application.
    pub(crate) fn roles_of_client(&self, client: &str) -> Vec<Uuid> {
        let found = self.settings.clients.iter().find(|known| known.id == client);
        found.map(|client| self.roles_of(client.principal)).unwrap_or_default()
    }

    /// Refuses what an application without a fitting role of its own may not do to a holder of roles.
    pub(crate) fn check_privilege(&self, client: &str, target: Uuid) -> Result<(), Refusal> {
        let held = self.roles_of(target);
        let in_protected_group = {
            let groups = self.members.all_to(target).chain(self.owners.all_to(target));
            groups.filter_map(|id| self.group_by_id(id)).any(crate::sim::groups::group::Group::is_role_assignable)
        };
        if held.is_empty() && !in_protected_group {
            return Ok(());
        }
        let own: Vec<_> = self.roles_of_client(client).into_iter().filter_map(name_of).collect();
        let is_limited =
            !in_protected_group && held.iter().all(|role| name_of(*role).is_some_and(|name| LIMITED.contains(&name)));
        let may = own.iter().any(|role| OVER_ALL.contains(role)) || (is_limited && own.contains(&OVER_LIMITED));
        if may { Ok(()) } else { Err(Refusal::denied()) }
    }
}
