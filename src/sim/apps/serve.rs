//! Applications and service principals, as Graph serves them.

use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::application::{self, App};
use super::permission;
use crate::sim::audit::Activity;
use crate::sim::lists::list::{Slots, Source};
use crate::sim::lists::query::{Options, Shape, named_key};
use crate::sim::objects::object::Object;
use crate::sim::objects::shelf::{Field, Shelf, Slot, parse_id};
use crate::sim::objects::stored::{Stored, fold};
use crate::sim::objects::values::is_annotation;
use crate::sim::state::State;
use crate::sim::trouble::lag::Lag;
use crate::sim::users::property::{Access, Class, Kind, Prop, property};
use crate::sim::users::serve::take_member;
use crate::sim::users::write::By;
use crate::sim::wire::answer::{Answer, Refusal, read_date};
use crate::sim::wire::routes::Call;

/// Microsoft Graph itself, which is in every tenant.
pub(crate) const GRAPH_APP_ID: &str = "00000003-0000-0000-c000-000000000000";

/// How the audit calls what happens to one class.
pub(crate) struct Activities {
    created: Activity,
    updated: Activity,
    deleted: Activity,
    pub(crate) restored: Activity,
    pub(crate) purged: Activity,
}

pub(crate) fn activities(class: Class) -> Activities {
    match class {
        Class::Application => Activities {
            created: Activity::CreateApplication,
            updated: Activity::UpdateApplication,
            deleted: Activity::DeleteApplication,
            restored: Activity::RestoreApplication,
            purged: Activity::PurgeApplication,
        },
        _ => Activities {
            created: Activity::CreateServicePrincipal,
            updated: Activity::UpdateServicePrincipal,
            deleted: Activity::DeleteServicePrincipal,
            restored: Activity::RestoreServicePrincipal,
            purged: Activity::PurgeServicePrincipal,
        },
    }
}

impl State {
    pub(crate) fn apps(&self, class: Class) -> &Shelf<App> {
        if class == Class::Application { &self.applications } else { &self.principals }
    }

    pub(crate) fn apps_mut(&mut self, class: Class) -> &mut Shelf<App> {
        if class == Class::Application { &mut self.applications } else { &mut self.principals }
    }

    /// Puts the applications that may sign in, and Microsoft Graph, among the objects.
    pub(crate) fn register_clients(&mut self, now: OffsetDateTime) {
        let (tenant, created) = (self.settings.tenant_id, now.unix_timestamp());
        let graph = Uuid::try_parse(GRAPH_APP_ID).unwrap_or_default();
        // Their ids come from elsewhere, so that those of users stay what they were.
        let derived = |id: Uuid| Uuid::from_u128(id.as_u128() ^ tenant.as_u128());
        let clients = self
            .settings
            .clients
            .iter()
            .filter_map(|client| Some((Uuid::try_parse(&client.id).ok()?, client.principal)));
        let clients: Vec<(Uuid, Uuid)> = clients.collect();
        for (app_id, principal) in &clients {
            let mut app = App::new(Class::Application, derived(*app_id), *app_id, tenant, created);
            app.set(application::DISPLAY_NAME, Some(Stored::Text("Simulated application".into())));
            self.applications.insert(app, Lag::none(now));
            let mut app = App::new(Class::ServicePrincipal, *principal, *app_id, tenant, created);
            app.set(application::PRINCIPAL_NAME, Some(Stored::Text("Simulated application".into())));
            self.principals.insert(app, Lag::none(now));
        }
        let mut app = App::new(Class::ServicePrincipal, derived(graph), graph, graph, created);
        app.set(application::PRINCIPAL_NAME, Some(Stored::Text("Microsoft Graph".into())));
        app.set(application::APP_ROLES, Some(Stored::Json(Box::new(permission::app_roles()))));
        app.set(application::SCOPES, Some(Stored::Json(Box::new(permission::scopes()))));
        self.principals.insert(app, Lag::none(now));
    }

    pub(crate) fn list_apps(&self, call: &Call<'_>, class: Class) -> Result<Answer, Refusal> {
        let options = self.options(call, class, Shape::List)?;
        self.answer_list(call, &options, &self.apps_seen(call, class, &options))
    }

    pub(crate) fn count_apps(&self, call: &Call<'_>, class: Class) -> Result<Answer, Refusal> {
        self.answer_count(call, &self.apps_seen(call, class, &Options::none()))
    }

    fn apps_seen<'a>(&'a self, call: &Call<'_>, class: Class, options: &Options) -> Source<'a> {
        let (apps, now) = (self.apps(class), self.listed_at(call));
        let slots = Slots::of(apps, options.filter.as_ref());
        let seen = move |slot| Some((slot, Object::App(apps.visible(slot, now)?)));
        Source {
            context: class.collection().to_owned(),
            class,
            end: apps.end(),
            objects: Box::new(move |from| Box::new(slots.from(from).filter_map(seen))),
        }
    }

    pub(crate) fn read_app(&self, call: &Call<'_>, class: Class, key: &str) -> Result<Answer, Refusal> {
        let options = self.options(call, class, Shape::Single)?;
        let app = self.app_seen(class, key, call.now)?;
        Ok(self.answer_one(call, 200, Object::App(app), &options, class.collection()))
    }

    pub(crate) fn post_app(&mut self, call: &Call<'_>, client: &str, class: Class) -> Result<Answer, Refusal> {
        self.create_app(call, client, class, call.json()?)
    }

    pub(crate) fn create_app(
        &mut self,
        call: &Call<'_>,
        client: &str,
        class: Class,
        mut body: Value,
    ) -> Result<Answer, Refusal> {
        let given = (class == Class::ServicePrincipal).then(|| take_member(&mut body, "appId")).flatten();
        let named = resolve(class, &body)?;
        let (tenant, created) = (self.settings.tenant_id, call.now.unix_timestamp());
        let mut app = match class {
            Class::Application => {
                let (id, app_id) = (self.ids.uuid(), self.ids.uuid());
                App::new(class, id, app_id, tenant, created)
            }
            _ => {
                let app_id = given.ok_or_else(|| Refusal::missing_value_of(class, "appId"))?;
                let app_id = app_id.as_str().and_then(parse_id);
                let app_id = app_id.ok_or_else(|| Refusal::invalid_value_of(class, "appId"))?;
                self.principal_for(app_id, call.now)?
            }
        };
        apply(&mut app, &named)?;
        if app.name().is_empty() {
            return Err(Refusal::missing_value_of(class, "displayName"));
        }
        self.check_quota(By::Client)?;
        let names = named.iter().map(|(prop, _)| property(*prop).name).collect();
        let (id, lag) = (app.id, self.lag(By::Client, call.now));
        let answer = self.answer_whole(call, 201, Object::App(&app), class.collection());
        let location = self.location(call, Object::App(&app));
        if class == Class::ServicePrincipal {
            self.let_in_as(app.app_id, id);
        }
        self.apps_mut(class).insert(app, lag);
        self.note(call, client, (activities(class).created, 201), (id, None), names);
        Ok(answer.with_header("Location", location))
    }

    /// A new service principal of an application of this tenant, of which there is none yet.
    fn principal_for(&mut self, app_id: Uuid, now: OffsetDateTime) -> Result<App, Refusal> {
        let key = app_id.to_string();
        let named = |shelf: &Shelf<App>| shelf.candidates(Field::AppId, &key).next();
        if named(&self.principals).is_some() {
            let message = format!(
                "The service principal cannot be created, updated, or restored because the service principal name {key} \
                 is already in use."
            );
            return Err(Refusal::new(409, "Request_MultipleObjectsWithSameKeyValue", message));
        }
        let of = named(&self.applications).and_then(|slot| self.applications.visible(slot, now));
        let of = of.map(|app| app.name().to_owned());
        let name = of.ok_or_else(|| {
            Refusal::bad(format!(
                "The appId '{key}' of the service principal does not reference a valid application object."
            ))
        })?;
        let mut app =
            App::new(Class::ServicePrincipal, self.ids.uuid(), app_id, self.settings.tenant_id, now.unix_timestamp());
        app.set(application::PRINCIPAL_NAME, Some(Stored::Text(name.into())));
        Ok(app)
    }

    pub(crate) fn patch_app(
        &mut self,
        call: &Call<'_>,
        client: &str,
        class: Class,
        key: &str,
    ) -> Result<Answer, Refusal> {
        let body = call.json()?;
        let named = resolve(class, &body)?;
        let slot = self.app_slot(class, key, call.now)?;
        let mut app = self.apps(class).current(slot).cloned().ok_or_else(|| Refusal::not_found(key))?;
        apply(&mut app, &named)?;
        let (id, lag) = (app.id, self.lag(By::Client, call.now));
        self.apps_mut(class).replace(slot, app, lag);
        let names = named.iter().map(|(prop, _)| property(*prop).name).collect();
        self.note(call, client, (activities(class).updated, 204), (id, None), names);
        Ok(Answer::no_content())
    }

    pub(crate) fn drop_app(
        &mut self,
        call: &Call<'_>,
        client: &str,
        class: Class,
        key: &str,
    ) -> Result<Answer, Refusal> {
        let slot = self.app_slot(class, key, call.now)?;
        let (id, app_id) =
            self.apps(class).current(slot).map(|app| (app.id, app.app_id)).ok_or_else(|| Refusal::not_found(key))?;
        self.delete_app(class, slot, call.now);
        if class == Class::Application {
            // Its service principal goes with it.
            let own = self.principals.candidates(Field::AppId, &app_id.to_string()).next();
            own.into_iter().for_each(|slot| self.delete_app(Class::ServicePrincipal, slot, call.now));
        }
        self.note(call, client, (activities(class).deleted, 204), (id, None), Vec::new());
        Ok(Answer::no_content())
    }

    fn delete_app(&mut self, class: Class, slot: Slot, now: OffsetDateTime) {
        if let Some(mut app) = self.apps(class).current(slot).cloned() {
            app.deleted = Some(now.unix_timestamp());
            self.extensions.hide(app.id, true);
            self.apps_mut(class).replace(slot, app, Lag::none(now));
        }
    }

    /// Brings one back from the recycle bin.
    pub(crate) fn restore_app(&mut self, class: Class, slot: Slot, now: OffsetDateTime) -> Result<(), Refusal> {
        let mut app = self.apps(class).current(slot).cloned().ok_or_else(|| Refusal::not_found(class.name()))?;
        let holder = self.apps(class).holder(Field::AppId, &app.app_id.to_string(), Some(slot));
        if let Some(holder) = holder {
            return Err(Refusal::conflict("appId", class, holder));
        }
        app.deleted = None;
        self.extensions.hide(app.id, false);
        let lag = self.lag(By::Client, now);
        self.apps_mut(class).replace(slot, app, lag);
        Ok(())
    }

    /// Deletes for good.
    pub(crate) fn purge_app(&mut self, class: Class, slot: Slot, now: OffsetDateTime) {
        if let Some(app) = self.apps_mut(class).remove(slot, now) {
            self.departed.insert(app.id, class);
            self.extensions.forget(app.id);
            self.forget_links(app.id, now);
        }
    }

    pub(crate) fn app_slot(&self, class: Class, key: &str, now: OffsetDateTime) -> Result<Slot, Refusal> {
        let apps = self.apps(class);
        let by = |field, name: &str| named_key(key, name).map(|value| (field, value));
        let named = by(Field::AppId, "appId").or_else(|| by(Field::UniqueName, "uniqueName"));
        let slot = match named {
            Some((field, value)) => apps.candidates(field, &fold(&value)).next(),
            None => apps.find(key, now),
        };
        let seen = slot.filter(|slot| apps.visible(*slot, now).is_some() && apps.live(*slot).is_some());
        seen.ok_or_else(|| Refusal::not_found(key))
    }

    /// One as readers see it.
    pub(crate) fn app_seen(&self, class: Class, key: &str, now: OffsetDateTime) -> Result<&App, Refusal> {
        let slot = self.app_slot(class, key, now)?;
        self.apps(class).visible(slot, now).ok_or_else(|| Refusal::not_found(key))
    }
}

/// Finds the properties that a body names.
fn resolve(class: Class, body: &Value) -> Result<Vec<(Prop, &Value)>, Refusal> {
    let Value::Object(members) = body else {
        return Err(Refusal::protocol("The body of a write is a JSON object."));
    };
    let named = members.iter().filter(|(name, _)| !is_annotation(name)).map(|(name, value)| {
        let prop = class.find(name).next();
        Ok((prop.ok_or_else(|| Refusal::unknown_property(class, name))?, value))
    });
    named.collect()
}

/// Puts the values in, each checked by itself.
fn apply(app: &mut App, named: &[(Prop, &Value)]) -> Result<(), Refusal> {
    for (prop, value) in named {
        let known = property(*prop);
        if known.access == Access::Read {
            return Err(Refusal::read_only(known.name));
        }
        app.set(*prop, checked(app.class, *prop, value)?);
    }
    Ok(())
}

/// One value, checked for type and length; `None` clears.
fn checked(class: Class, prop: Prop, value: &Value) -> Result<Option<Stored>, Refusal> {
    let known = property(prop);
    let invalid = || Refusal::invalid_value_of(class, known.name);
    Ok(Some(match (known.kind, value) {
        (_, Value::Null) if known.access != Access::Required && !known.is_collection() => return Ok(None),
        (Kind::Bool, Value::Bool(value)) => Stored::Bool(*value),
        (Kind::Text(max), Value::String(text)) => {
            let is_fine = !text.is_empty() && (max == 0 || text.chars().count() <= usize::from(max));
            Stored::Text(is_fine.then_some(text.as_str()).ok_or_else(invalid)?.into())
        }
        (Kind::Date, Value::String(text)) => Stored::Text(read_date(text).ok_or_else(invalid)?.into()),
        (Kind::Texts, Value::Array(items)) if items.iter().all(Value::is_string) => {
            Stored::Json(Box::new(value.clone()))
        }
        (Kind::Objects, Value::Array(items)) if items.iter().all(Value::is_object) => {
            Stored::Json(Box::new(value.clone()))
        }
        (Kind::Object, Value::Object(_)) => Stored::Json(Box::new(value.clone())),
        _ => return Err(invalid()),
    }))
}
