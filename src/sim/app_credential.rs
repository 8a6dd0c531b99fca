//! Client secrets that clients give applications.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::answer::{Answer, Refusal, date};
use super::application;
use super::audit::Activity;
use super::directory::take_member;
use super::property::{Class, Prop};
use super::routes::Call;
use super::seed::base64url;
use super::shelf::{Field, Slot, parse_id};
use super::state::{Client, State};
use super::stored::Stored;
use super::write::By;
use crate::secret::Secret;

/// So long a secret is good unless something else is asked for.
const LIFETIME: time::Duration = time::Duration::days(730);

fn prop_of(class: Class) -> Prop {
    if class == Class::Application { application::PASSWORDS } else { application::PRINCIPAL_PASSWORDS }
}

impl State {
    /// `POST /applications/{id}/addPassword`: makes up a secret, and tells it this once.
    pub(super) fn add_password(
        &mut self,
        call: &Call<'_>,
        client: &str,
        class: Class,
        key: &str,
    ) -> Result<Answer, Refusal> {
        let mut body = if call.body.is_empty() { json!({}) } else { call.json()? };
        let slot = self.app_slot(class, key, call.now)?;
        let mut wanted = take_member(&mut body, "passwordCredential").unwrap_or(Value::Null);
        let invalid = |name: &str| {
            Refusal::bad(format!("Invalid value specified for property '{name}' of resource 'PasswordCredential'."))
        };
        let mut text = |name: &str| match take_member(&mut wanted, name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(_) => Err(invalid(name)),
        };
        let dated = |name: &str, text: Option<String>, otherwise: OffsetDateTime| match text {
            None => Ok(otherwise),
            Some(text) => OffsetDateTime::parse(&text, &Rfc3339).map_err(|_| invalid(name)),
        };
        let name = text("displayName")?;
        let start = dated("startDateTime", text("startDateTime")?, call.now)?;
        let end = dated("endDateTime", text("endDateTime")?, call.now.saturating_add(LIFETIME))?;
        if end <= start {
            return Err(invalid("endDateTime"));
        }
        let secret =
            format!("{}8Q~{}", &base64url(&self.chance.bytes::<3>())[..3], base64url(&self.chance.bytes::<26>()));
        let key_id = self.chance.uuid();
        let made = json!({
            "customKeyIdentifier": null,
            "displayName": name,
            "endDateTime": date(end),
            "hint": &secret[..3],
            "keyId": key_id,
            "secretText": null,
            "startDateTime": date(start),
        });
        let (id, app_id) = self.change_passwords(call, class, slot, |all| all.push(made.clone()))?;
        let principal = self.principals.candidates(Field::AppId, &app_id).next();
        let principal = principal.and_then(|slot| self.principals.current(slot)).map(|app| app.id).unwrap_or_default();
        self.settings.clients.push(Client { id: app_id, secret: Secret::new(secret.as_str()), principal });
        let mut shown = made;
        shown["secretText"] = json!(secret);
        shown["@odata.context"] = json!(format!("{}/v1.0/$metadata#microsoft.graph.passwordCredential", call.origin));
        self.secrets.insert(key_id, Secret::new(secret));
        self.note(call, client, (Activity::AddPassword, 200), (id, Some(key_id)), vec!["passwordCredentials"]);
        Ok(Answer::value(200, &shown))
    }

    /// `POST /applications/{id}/removePassword`.
    pub(super) fn remove_password(
        &mut self,
        call: &Call<'_>,
        client: &str,
        class: Class,
        key: &str,
    ) -> Result<Answer, Refusal> {
        let mut body = call.json()?;
        let wanted = take_member(&mut body, "keyId")
            .ok_or_else(|| Refusal::bad("A value is required for parameter 'keyId'."))?;
        let wanted = wanted.as_str().and_then(parse_id);
        let wanted = wanted.ok_or_else(|| Refusal::bad("Invalid value specified for parameter 'keyId'."))?;
        let slot = self.app_slot(class, key, call.now)?;
        let mut is_found = false;
        let (id, app_id) = self.change_passwords(call, class, slot, |all| {
            let before = all.len();
            all.retain(|known| known["keyId"].as_str().and_then(parse_id) != Some(wanted));
            is_found = all.len() < before;
        })?;
        if !is_found {
            return Err(Refusal::bad("No credentials found to be removed."));
        }
        if let Some(secret) = self.secrets.remove(&wanted) {
            let is_gone =
                |known: &Client| known.id.eq_ignore_ascii_case(&app_id) && known.secret.expose() == secret.expose();
            self.settings.clients.retain(|known| !is_gone(known));
        }
        self.note(call, client, (Activity::RemovePassword, 204), (id, Some(wanted)), vec!["passwordCredentials"]);
        Ok(Answer::no_content())
    }

    /// Answers the object's id and its application's.
    fn change_passwords(
        &mut self,
        call: &Call<'_>,
        class: Class,
        slot: Slot,
        change: impl FnOnce(&mut Vec<Value>),
    ) -> Result<(Uuid, String), Refusal> {
        let mut app = self.apps(class).current(slot).cloned().ok_or_else(|| Refusal::not_found(class.name()))?;
        let prop = prop_of(class);
        let mut all = app.read(prop).into_value().as_array().cloned().unwrap_or_default();
        let before = all.clone();
        change(&mut all);
        let ids = (app.id, app.app_id.to_string());
        if all != before {
            app.set(prop, (!all.is_empty()).then(|| Stored::Json(Box::new(Value::Array(all)))));
            let lag = self.lag(By::Client, call.now);
            self.apps_mut(class).replace(slot, app, lag);
        }
        Ok(ids)
    }
}
