//! Client secrets that clients give applications.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::application;
use crate::secret::Secret;
use crate::sim::audit::Activity;
use crate::sim::objects::shelf::{Slot, parse_id};
use crate::sim::objects::stored::Stored;
use crate::sim::seed::base64url;
use crate::sim::state::{ClientSecret, State};
use crate::sim::users::property::{Class, Prop};
use crate::sim::users::serve::take_member;
use crate::sim::users::write::By;
use crate::sim::wire::answer::{Answer, Refusal, date, read_date};
use crate::sim::wire::routes::Call;

/// So long a secret is good unless something else is asked for.
const LIFETIME: time::Duration = time::Duration::days(730);

fn prop_of(class: Class) -> Prop {
    if class == Class::Application { application::PASSWORDS } else { application::PRINCIPAL_PASSWORDS }
}

impl State {
    /// `POST /applications/{id}/addPassword`: makes up a secret, and tells it this once.
    pub(crate) fn add_password(
        &mut self,
        call: &Call<'_>,
        client: &str,
        class: Class,
        key: &str,
    ) -> Result<Answer, Refusal> {
        let mut body = if call.body.is_empty() { json!({}) } else { call.json()? };
        let slot = self.app_slot(class, key, call.now)?;
        let mut wanted = take_member(&mut body, "passwordCredential").unwrap_or(Value::Null);
        let mut text = |name: &str| match take_member(&mut wanted, name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(_) => Err(name.to_owned()),
        };
        let invalid = |name: String| {
            Refusal::bad(format!("Invalid value specified for property '{name}' of resource 'PasswordCredential'."))
        };
        let dated = |name: &str, text: Option<String>, otherwise: OffsetDateTime| match text {
            None => Ok(date(otherwise)),
            Some(text) => read_date(&text).ok_or_else(|| invalid(name.to_owned())),
        };
        let name = text("displayName").map_err(invalid)?;
        let start = dated("startDateTime", text("startDateTime").map_err(invalid)?, call.now)?;
        let end = dated("endDateTime", text("endDateTime").map_err(invalid)?, call.now.saturating_add(LIFETIME))?;
        if end <= start {
            return Err(invalid("endDateTime".to_owned()));
        }
        let secret =
            format!("{}8Q~{}", &base64url(&self.chance.bytes::<3>())[..3], base64url(&self.chance.bytes::<26>()));
        let made = json!({
            "customKeyIdentifier": null,
            "displayName": name,
            "endDateTime": end,
            "hint": &secret[..3],
            "keyId": self.chance.uuid(),
            "secretText": null,
            "startDateTime": start,
        });
        let (id, app_id) = self.change_passwords(call, class, slot, |all| all.push(made.clone()))?;
        let ends = OffsetDateTime::parse(&end, &Rfc3339).ok();
        self.let_in(&app_id, ClientSecret { value: Secret::new(secret.clone()), ends });
        let mut shown = made;
        shown["secretText"] = json!(secret);
        shown["@odata.context"] = json!(format!("{}/v1.0/$metadata#microsoft.graph.passwordCredential", call.origin));
        let key_id = shown["keyId"].as_str().and_then(parse_id);
        self.secrets.extend(key_id.map(|key| (key, Secret::new(secret))));
        self.note(call, client, (Activity::AddPassword, 200), (id, key_id), vec!["passwordCredentials"]);
        Ok(Answer::value(200, &shown))
    }

    /// `POST /applications/{id}/removePassword`.
    pub(crate) fn remove_password(
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
            let known = self.settings.clients.iter_mut().filter(|known| known.id.eq_ignore_ascii_case(&app_id));
            let later = parse_id(&app_id).and_then(|app| self.later_secrets.get_mut(&app));
            for secrets in known.map(|known| &mut known.secrets).chain(later) {
                secrets.retain(|own| own.value.expose() != secret.expose());
            }
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
    ) -> Result<(uuid::Uuid, String), Refusal> {
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

    /// Lets an application sign in with a secret.
    fn let_in(&mut self, app_id: &str, secret: ClientSecret) {
        let known = self.settings.clients.iter_mut().find(|known| known.id.eq_ignore_ascii_case(app_id));
        match (known, parse_id(app_id)) {
            (Some(known), _) => known.secrets.push(secret),
            (None, Some(app)) => self.later_secrets.entry(app).or_default().push(secret),
            (None, None) => {}
        }
    }
}
