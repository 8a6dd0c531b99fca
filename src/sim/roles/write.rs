//! Giving and taking directory roles through Graph.

use serde_json::{Value, json};

use super::role::{self, Assignment};
use crate::sim::audit::Activity;
use crate::sim::groups::group::Group;
use crate::sim::objects::object::{Object, whole};
use crate::sim::objects::shelf::parse_id;
use crate::sim::objects::stored::Reading;
use crate::sim::state::State;
use crate::sim::users::property::Class;
use crate::sim::users::serve::take_member;
use crate::sim::wire::answer::{Answer, Refusal};
use crate::sim::wire::routes::Call;

impl State {
    /// `POST /roleManagement/directory/roleAssignments`.
    pub(crate) fn post_assignment(&mut self, call: &Call<'_>, client: &str) -> Result<Answer, Refusal> {
        let mut body = call.json()?;
        let mut text = |name: &str| {
            let value = take_member(&mut body, name).filter(|value| !value.is_null());
            let value = value.ok_or_else(|| Refusal::missing_value_of(Class::Assignment, name))?;
            match value {
                Value::String(text) => Ok(text),
                _ => Err(Refusal::invalid_value_of(Class::Assignment, name)),
            }
        };
        let (role, principal, scope) = (text("roleDefinitionId")?, text("principalId")?, text("directoryScopeId")?);
        let role = parse_id(&role).filter(|id| role::is_known(*id)).ok_or_else(|| Refusal::not_found(&role))?;
        if scope != "/" {
            return Err(Refusal::unsupported("Only directoryScopeId '/' is supported here."));
        }
        let id = parse_id(&principal).ok_or_else(|| Refusal::invalid_value_of(Class::Assignment, "principalId"))?;
        let is_app = self.app_seen(Class::ServicePrincipal, &id.to_string(), call.now).is_ok();
        let group = self.groups.by_id(id).and_then(|slot| self.groups.visible(slot, call.now));
        let is_user = self.people.by_id(id).is_some_and(|slot| self.people.visible(slot, call.now).is_some());
        if group.is_some_and(|group| !Group::is_role_assignable(group)) {
            return Err(Refusal::bad("Roles can only be assigned to groups that are created as role-assignable."));
        }
        if !is_app && !is_user && group.is_none() {
            return Err(Refusal::not_found(&principal));
        }
        let assignment = Assignment { role, principal: id };
        if self.assignments.contains(&assignment) {
            return Err(Refusal::bad(
                "A conflicting object with one or more of the specified property values is present in the directory.",
            ));
        }
        let mut shown = whole(Object::Assignment(&assignment), self.context());
        shown["@odata.context"] =
            json!(format!("{}/v1.0/$metadata#roleManagement/directory/roleAssignments/$entity", call.origin));
        self.assignments.push(assignment);
        self.note(call, client, (Activity::AssignRole, 201), (id, Some(role)), vec!["roleDefinitionId"]);
        Ok(Answer::value(201, &shown))
    }

    /// `DELETE /roleManagement/directory/roleAssignments/{id}`.
    pub(crate) fn drop_assignment(&mut self, call: &Call<'_>, client: &str, key: &str) -> Result<Answer, Refusal> {
        let has_id = |assignment: &Assignment| matches!(assignment.read(role::ID), Reading::Text(id) if id == key);
        let at = self.assignments.iter().position(has_id).ok_or_else(|| Refusal::not_found(key))?;
        let gone = self.assignments.remove(at);
        self.note(call, client, (Activity::RemoveRole, 204), (gone.principal, Some(gone.role)), Vec::new());
        Ok(Answer::no_content())
    }
}
