//! Permissions that were granted to applications: what an administrator's consent leaves behind.

use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::application::App;
use super::permission;
use super::serve::GRAPH_APP_ID;
use crate::sim::audit::Activity;
use crate::sim::objects::shelf::{Field, parse_id};
use crate::sim::organization::{collection, single};
use crate::sim::seed::base64url;
use crate::sim::state::State;
use crate::sim::tenant::Sim;
use crate::sim::users::property::Class;
use crate::sim::users::serve::take_member;
use crate::sim::wire::answer::{Answer, Refusal, date_of};
use crate::sim::wire::routes::Call;

/// A permission of an application that another one offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    principal: Uuid,
    resource: Uuid,
    app_role: Uuid,
    created: i64,
}

/// From which side a grant is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// `appRoleAssignments`: what the service principal was granted.
    Granted,
    /// `appRoleAssignedTo`: what it grants others.
    Given,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Granted => "appRoleAssignments",
            Self::Given => "appRoleAssignedTo",
        }
    }

    fn of(self, grant: &Grant) -> Uuid {
        match self {
            Self::Granted => grant.principal,
            Self::Given => grant.resource,
        }
    }
}

impl Grant {
    fn id(&self) -> String {
        let bytes: Vec<u8> = self.principal.as_bytes().iter().chain(self.app_role.as_bytes()).copied().collect();
        base64url(&bytes)
    }
}

/// Administrators.
impl Sim {
    /// Consents to all that the registration of an application asks for of Microsoft Graph, as an administrator does on
    /// the consent page. The application is found by its client id; its service principal is made if need be.
    ///
    /// # Panics
    ///
    /// If there is no such application.
    pub fn consent(&self, client_id: &str) {
        let now = self.now();
        let known = self.state().consent(client_id, now);
        assert!(known, "there is no application '{client_id}'");
    }

    /// The names of the permissions that an application has, found by its client id.
    #[must_use]
    pub fn permissions_of(&self, client_id: &str) -> Vec<String> {
        self.state().permissions_of(client_id)
    }
}

impl State {
    /// What an application may do: what the tenant was set up with, and what it was granted since.
    pub(crate) fn permissions_of(&self, client: &str) -> Vec<String> {
        let is_given = self.settings.given.iter().any(|id| id.eq_ignore_ascii_case(client));
        let mut all = if is_given { self.settings.permissions.clone() } else { Vec::new() };
        let principal = self.principals.candidates(Field::AppId, &client.to_lowercase()).next();
        let principal = principal.and_then(|slot| self.principals.live(slot));
        if let (Some(principal), Some(graph)) = (principal, self.graph_principal()) {
            let own = self.app_grants.iter().filter(|grant| grant.principal == principal.id && grant.resource == graph);
            for name in own.filter_map(|grant| permission::name_of(grant.app_role)) {
                if !all.iter().any(|known| known == name) {
                    all.push(name.to_owned());
                }
            }
        }
        all
    }

    /// What an application has or would have with an administrator's consent.
    pub(crate) fn wanted_by(&self, client: &str) -> Vec<String> {
        let mut all = self.permissions_of(client);
        let app = self.applications.candidates(Field::AppId, &client.to_lowercase()).next();
        let asked = app.and_then(|slot| self.applications.live(slot)).map(asked_for).unwrap_or_default();
        let asked = asked.into_iter().filter_map(permission::name_of).map(str::to_owned);
        for name in asked.chain(self.settings.withheld.iter().cloned()) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        all
    }

    /// Whether an application may do this.
    pub(crate) fn may(&self, client: &str, permission: &str) -> bool {
        let is_given = || self.settings.given.iter().any(|id| id.eq_ignore_ascii_case(client));
        if self.settings.permissions.iter().any(|granted| granted == permission) && is_given() {
            return true;
        }
        !self.app_grants.is_empty() && self.permissions_of(client).iter().any(|granted| granted == permission)
    }

    fn graph_principal(&self) -> Option<Uuid> {
        let slot = self.principals.candidates(Field::AppId, GRAPH_APP_ID).next()?;
        self.principals.current(slot).map(|app| app.id)
    }

    /// All grants, those of the applications that the tenant was set up with too.
    fn all_grants(&self) -> Vec<Grant> {
        let created = self.settings.created.unix_timestamp();
        let graph = self.graph_principal().unwrap_or_default();
        let given = self.settings.given.iter();
        let given = given.filter_map(|id| self.principals.candidates(Field::AppId, &id.to_lowercase()).next());
        let given: Vec<Uuid> = given.filter_map(|slot| self.principals.live(slot)).map(|app| app.id).collect();
        let roles: Vec<Uuid> = self.settings.permissions.iter().filter_map(|name| permission::id_of(name)).collect();
        let from_start = given.iter().flat_map(|principal| {
            let grant =
                |app_role: &Uuid| Grant { principal: *principal, resource: graph, app_role: *app_role, created };
            roles.iter().map(grant)
        });
        from_start.chain(self.app_grants.iter().cloned()).collect()
    }

    fn show_grant(&self, grant: &Grant) -> Value {
        let name = |id: Uuid| {
            let app = self.principals.by_id(id).and_then(|slot| self.principals.current(slot));
            app.map(|app| app.name().to_owned())
        };
        json!({
            "id": grant.id(),
            "deletedDateTime": null,
            "appRoleId": grant.app_role,
            "createdDateTime": date_of(grant.created),
            "principalDisplayName": name(grant.principal),
            "principalId": grant.principal,
            "principalType": "ServicePrincipal",
            "resourceDisplayName": name(grant.resource),
            "resourceId": grant.resource,
        })
    }

    pub(crate) fn list_grants(&self, call: &Call<'_>, key: &str, side: Side) -> Result<Answer, Refusal> {
        let of = self.app_seen(Class::ServicePrincipal, key, call.now)?.id;
        let all = self.all_grants();
        let shown = all.iter().filter(|grant| side.of(grant) == of).map(|grant| self.show_grant(grant)).collect();
        collection(call, &format!("servicePrincipals('{of}')/{}", side.name()), shown)
    }

    pub(crate) fn read_grant(&self, call: &Call<'_>, key: &str, id: &str, side: Side) -> Result<Answer, Refusal> {
        let of = self.app_seen(Class::ServicePrincipal, key, call.now)?.id;
        let all = self.all_grants();
        let found = all.iter().find(|grant| side.of(grant) == of && grant.id() == id);
        let found = found.ok_or_else(|| Refusal::not_found(id))?;
        single(call, &format!("servicePrincipals('{of}')/{}", side.name()), self.show_grant(found))
    }

    pub(crate) fn post_grant(
        &mut self,
        call: &Call<'_>,
        client: &str,
        key: &str,
        side: Side,
    ) -> Result<Answer, Refusal> {
        let mut body = call.json()?;
        let of = self.app_seen(Class::ServicePrincipal, key, call.now)?.id;
        let mut id = |name: &str| {
            let value = take_member(&mut body, name).filter(|value| !value.is_null());
            let missing =
                || Refusal::bad(format!("A value is required for property '{name}' of resource 'AppRoleAssignment'."));
            let wrong = || {
                Refusal::bad(format!("Invalid value specified for property '{name}' of resource 'AppRoleAssignment'."))
            };
            value.ok_or_else(missing)?.as_str().and_then(parse_id).ok_or_else(wrong)
        };
        let (principal, resource, app_role) = (id("principalId")?, id("resourceId")?, id("appRoleId")?);
        let grant = Grant { principal, resource, app_role, created: call.now.unix_timestamp() };
        let is_there = |id: Uuid| self.app_seen(Class::ServicePrincipal, &id.to_string(), call.now).is_ok();
        if side.of(&grant) != of || !is_there(principal) || !is_there(resource) {
            return Err(Refusal::bad("Not a valid reference update."));
        }
        if Some(resource) != self.graph_principal() || permission::name_of(app_role).is_none() {
            return Err(Refusal::bad(format!("Permission being assigned was not found on application '{resource}'")));
        }
        let is_same = |known: &Grant| (known.principal, known.app_role) == (principal, app_role);
        if self.all_grants().iter().any(is_same) {
            return Err(Refusal::bad("Permission being assigned already exists on the object"));
        }
        let mut shown = self.show_grant(&grant);
        let kind = format!("servicePrincipals('{of}')/{}", side.name());
        shown["@odata.context"] = json!(format!("{}/v1.0/$metadata#{kind}/$entity", call.origin));
        self.app_grants.push(grant);
        self.note(call, client, (Activity::GrantPermission, 201), (principal, Some(app_role)), vec!["appRoleId"]);
        Ok(Answer::value(201, &shown))
    }

    pub(crate) fn drop_grant(
        &mut self,
        call: &Call<'_>,
        client: &str,
        (key, id): (&str, &str),
        side: Side,
    ) -> Result<Answer, Refusal> {
        let of = self.app_seen(Class::ServicePrincipal, key, call.now)?.id;
        let all = self.all_grants();
        let found = all.into_iter().find(|grant| side.of(grant) == of && grant.id() == id);
        let found = found.ok_or_else(|| Refusal::not_found(id))?;
        let before = self.app_grants.len();
        self.app_grants.retain(|grant| (grant.principal, grant.app_role) != (found.principal, found.app_role));
        if self.app_grants.len() == before {
            // The tenant was set up with it, and all its applications have the same.
            let name = permission::name_of(found.app_role);
            self.settings.permissions.retain(|granted| Some(granted.as_str()) != name);
        }
        let target = (found.principal, Some(found.app_role));
        self.note(call, client, (Activity::WithdrawPermission, 204), target, Vec::new());
        Ok(Answer::no_content())
    }

    /// Grants what a registration asks for.
    pub(crate) fn consent(&mut self, client_id: &str, now: OffsetDateTime) -> bool {
        let key = client_id.to_lowercase();
        let app = self.applications.candidates(Field::AppId, &key).next();
        let app = app.and_then(|slot| self.applications.live(slot)).cloned();
        let Some(app) = app else { return false };
        let known = self.principals.candidates(Field::AppId, &key).next();
        let known = known.and_then(|slot| self.principals.live(slot)).map(|principal| principal.id);
        let principal = known.unwrap_or_else(|| self.add_principal(&app, now));
        let resource = self.graph_principal().unwrap_or_default();
        let granted = self.permissions_of(client_id);
        for app_role in asked_for(&app) {
            let is_new = permission::name_of(app_role).is_some_and(|name| !granted.iter().any(|known| known == name));
            if is_new {
                self.app_grants.push(Grant { principal, resource, app_role, created: now.unix_timestamp() });
            }
        }
        true
    }
}

/// The permissions of Microsoft Graph that a registration asks for, as an application.
fn asked_for(app: &App) -> Vec<Uuid> {
    let asked = app.read(crate::sim::apps::application::REQUIRED_ACCESS).into_value();
    let of_graph = asked.as_array().into_iter().flatten().filter(|one| one["resourceAppId"] == GRAPH_APP_ID);
    let access = of_graph.flat_map(|one| one["resourceAccess"].as_array().cloned().unwrap_or_default());
    access.filter(|one| one["type"] == "Role").filter_map(|one| one["id"].as_str().and_then(parse_id)).collect()
}
