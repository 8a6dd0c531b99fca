//! Permissions that act for a person, granted for everybody or for one: `oauth2PermissionGrants`.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::sim::audit::Activity;
use crate::sim::objects::shelf::parse_id;
use crate::sim::organization::{collection, single};
use crate::sim::seed::base64url;
use crate::sim::state::State;
use crate::sim::users::property::Class;
use crate::sim::users::serve::take_member;
use crate::sim::wire::answer::{Answer, Refusal};
use crate::sim::wire::routes::Call;

/// What an application may do for people.
#[derive(Debug, Clone)]
pub(crate) struct ScopeGrant {
    client: Uuid,
    /// Nobody: for everybody.
    person: Option<Uuid>,
    resource: Uuid,
    /// Names with blanks between.
    scope: String,
}

const KIND: &str = "oauth2PermissionGrants";

impl ScopeGrant {
    fn id(&self) -> String {
        let person = self.person.unwrap_or_default();
        let all = [self.client, self.resource, person];
        base64url(&all.iter().flat_map(|id| id.as_bytes()).copied().collect::<Vec<u8>>())
    }

    fn show(&self) -> Value {
        json!({
            "id": self.id(),
            "clientId": self.client,
            "consentType": if self.person.is_some() { "Principal" } else { "AllPrincipals" },
            "principalId": self.person,
            "resourceId": self.resource,
            "scope": self.scope,
        })
    }
}

impl State {
    pub(crate) fn list_scope_grants(&self, call: &Call<'_>) -> Result<Answer, Refusal> {
        collection(call, KIND, self.scope_grants.iter().map(ScopeGrant::show).collect())
    }

    pub(crate) fn read_scope_grant(&self, call: &Call<'_>, key: &str) -> Result<Answer, Refusal> {
        let found = self.scope_grants.iter().find(|grant| grant.id() == key);
        single(call, KIND, found.ok_or_else(|| Refusal::not_found(key))?.show())
    }

    pub(crate) fn post_scope_grant(&mut self, call: &Call<'_>, client: &str) -> Result<Answer, Refusal> {
        let mut body = call.json()?;
        let mut text = |name: &str| match take_member(&mut body, name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(invalid(name)),
        };
        let (of, kind, person) = (text("clientId")?, text("consentType")?, text("principalId")?);
        let (resource, scope) = (text("resourceId")?, text("scope")?);
        let id = |name: &str, text: Option<String>| {
            let text = text.ok_or_else(|| missing(name))?;
            parse_id(&text).ok_or_else(|| invalid(name))
        };
        let person = match kind.as_deref() {
            Some("AllPrincipals") if person.is_none() => None,
            Some("Principal") => Some(id("principalId", person)?),
            Some(_) => return Err(invalid("consentType")),
            None => return Err(missing("consentType")),
        };
        let (of, resource) = (id("clientId", of)?, id("resourceId", resource)?);
        for principal in [of, resource] {
            self.app_seen(Class::ServicePrincipal, &principal.to_string(), call.now)?;
        }
        let grant = ScopeGrant { client: of, person, resource, scope: scope.unwrap_or_default() };
        if self.scope_grants.iter().any(|known| known.id() == grant.id()) {
            return Err(Refusal::new(
                409,
                "Request_MultipleObjectsWithSameKeyValue",
                "Permission entry already exists.",
            ));
        }
        let mut shown = grant.show();
        shown["@odata.context"] = json!(format!("{}/v1.0/$metadata#{KIND}/$entity", call.origin));
        self.scope_grants.push(grant);
        self.note(call, client, (Activity::GrantPermission, 201), (of, Some(resource)), vec!["scope"]);
        Ok(Answer::value(201, &shown))
    }

    pub(crate) fn patch_scope_grant(&mut self, call: &Call<'_>, client: &str, key: &str) -> Result<Answer, Refusal> {
        let mut body = call.json()?;
        let scope = take_member(&mut body, "scope").ok_or_else(|| missing("scope"))?;
        let scope = scope.as_str().ok_or_else(|| invalid("scope"))?;
        let found = self.scope_grants.iter_mut().find(|grant| grant.id() == key);
        let grant = found.ok_or_else(|| Refusal::not_found(key))?;
        scope.clone_into(&mut grant.scope);
        let ids = (grant.client, Some(grant.resource));
        self.note(call, client, (Activity::GrantPermission, 204), ids, vec!["scope"]);
        Ok(Answer::no_content())
    }

    pub(crate) fn drop_scope_grant(&mut self, call: &Call<'_>, client: &str, key: &str) -> Result<Answer, Refusal> {
        let at = self.scope_grants.iter().position(|grant| grant.id() == key);
        let gone = self.scope_grants.remove(at.ok_or_else(|| Refusal::not_found(key))?);
        self.note(call, client, (Activity::WithdrawPermission, 204), (gone.client, Some(gone.resource)), Vec::new());
        Ok(Answer::no_content())
    }
}

fn missing(name: &str) -> Refusal {
    Refusal::bad(format!("A value is required for property '{name}' of resource 'OAuth2PermissionGrant'."))
}

fn invalid(name: &str) -> Refusal {
    Refusal::bad(format!("Invalid value specified for property '{name}' of resource 'OAuth2PermissionGrant'."))
}
