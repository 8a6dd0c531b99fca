//! Applications and service principals that are created by their alternate key, or changed if they are there.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::application::{self, App};
use crate::sim::lists::query::named_key;
use crate::sim::objects::stored::Stored;
use crate::sim::state::State;
use crate::sim::trouble::lag::Lag;
use crate::sim::users::property::Class;
use crate::sim::wire::answer::{Answer, Refusal};
use crate::sim::wire::routes::Call;

impl State {
    /// `PATCH …(uniqueName='…')` or `PATCH …(appId='…')` with `Prefer: create-if-missing`.
    pub(crate) fn upsert_app(
        &mut self,
        call: &Call<'_>,
        client: &str,
        class: Class,
        key: &str,
    ) -> Result<Answer, Refusal> {
        let by = if class == Class::Application { "uniqueName" } else { "appId" };
        let patched = self.patch_app(call, client, class, key);
        let missing = matches!(&patched, Err(refusal) if refusal.status == 404);
        let value = named_key(key, by).filter(|_| missing && call.headers.creates_if_missing());
        let Some(value) = value else { return patched };
        let body = if call.body.is_empty() { Value::Object(Map::new()) } else { call.json()? };
        let Value::Object(mut members) = body else {
            return Err(Refusal::protocol("The body of a write is a JSON object."));
        };
        // The key is set by the address, and may be repeated in the body.
        members.retain(|name, _| !name.eq_ignore_ascii_case(by));
        members.insert(by.to_owned(), json!(value));
        self.create_app(call, client, class, Value::Object(members))
    }

    /// A service principal for an application that has none, by an administrator's hand.
    pub(crate) fn add_principal(&mut self, app: &App, now: OffsetDateTime) -> Uuid {
        let id = self.ids.uuid();
        let mut principal =
            App::new(Class::ServicePrincipal, id, app.app_id, self.settings.tenant_id, now.unix_timestamp());
        principal.set(application::PRINCIPAL_NAME, Some(Stored::Text(app.name().into())));
        self.principals.insert(principal, Lag::none(now));
        self.let_in_as(app.app_id, id);
        id
    }

    /// Those who sign in as an application do so as this service principal from now on.
    pub(crate) fn let_in_as(&mut self, app_id: Uuid, principal: Uuid) {
        let own = app_id.to_string();
        let signs_in = self.settings.clients.iter_mut().filter(|known| known.id.eq_ignore_ascii_case(&own));
        signs_in.for_each(|known| known.principal = principal);
    }
}
