//! Users, as Graph serves them.

use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::property::{self, Class, Prop, property};
use super::write::By;
use crate::sim::audit::{Activity, AuditEntry};
use crate::sim::groups::membership::Reference;
use crate::sim::lists::list::{Slots, Source};
use crate::sim::lists::query::{Options, Shape};
use crate::sim::objects::object::Object;
use crate::sim::objects::shelf::Slot;
use crate::sim::state::State;
use crate::sim::wire::answer::{Answer, Refusal};
use crate::sim::wire::routes::Call;

/// What an application without a role of its own may not change of a role holder.
const SENSITIVE: &[Prop] = &[
    property::ACCOUNT_ENABLED,
    property::BUSINESS_PHONES,
    property::MOBILE_PHONE,
    property::IMMUTABLE_ID,
    property::OTHER_MAILS,
    property::PASSWORD_PROFILE,
    property::UPN,
];

impl State {
    pub(crate) fn list_users(&self, call: &Call<'_>) -> Result<Answer, Refusal> {
        let options = self.options(call, Class::User, Shape::List)?;
        self.answer_list(call, &options, &self.users(call, &options))
    }

    pub(crate) fn count_users(&self, call: &Call<'_>) -> Result<Answer, Refusal> {
        self.answer_count(call, &self.users(call, &Options::none()))
    }

    /// The users that readers see.
    fn users<'a>(&'a self, call: &Call<'_>, options: &Options) -> Source<'a> {
        let (people, now) = (&self.people, self.listed_at(call));
        let slots = Slots::of(people, options.filter.as_ref());
        let seen = move |slot| Some((slot, Object::User(people.visible(slot, now)?)));
        Source {
            context: "users".to_owned(),
            class: Class::User,
            end: people.end(),
            objects: Box::new(move |from| Box::new(slots.from(from).filter_map(seen))),
        }
    }

    pub(crate) fn post_user(&mut self, call: &Call<'_>, client: &str) -> Result<Answer, Refusal> {
        let mut body = call.json()?;
        let manager = match take_member(&mut body, "manager@odata.bind") {
            Some(reference) => Some(self.manager_reference(&Reference::of_value(&reference)?, call.now)?),
            None => None,
        };
        let slot = self.create_user(&body, By::Client, call.now)?;
        let (id, answer) = {
            let user = self.people.current(slot).ok_or_else(|| Refusal::not_found("user"))?;
            let answer = self.answer_whole(call, 201, Object::User(user), "users");
            (user.id, answer.with_header("Location", self.location(call, Object::User(user))))
        };
        let names = body
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, _)| self.extensions.find(Class::User, name).next());
        let names: Vec<_> = names.map(|prop| property(prop).name).collect();
        self.note(call, client, (Activity::CreateUser, 201), (id, None), names);
        if let Some(manager) = manager {
            self.set_manager(slot, Some(manager), By::Client, call.now);
            self.note(call, client, (Activity::SetManager, 201), (id, Some(manager)), Vec::new());
        }
        Ok(answer)
    }

    pub(crate) fn read_user(&self, call: &Call<'_>, key: &str) -> Result<Answer, Refusal> {
        let options = self.options(call, Class::User, Shape::Single)?;
        let slot = self.people.find(key, call.now).ok_or_else(|| Refusal::not_found(key))?;
        let user = self.people.visible(slot, call.now).ok_or_else(|| Refusal::not_found(key))?;
        Ok(self.answer_one(call, 200, Object::User(user), &options, "users"))
    }

    pub(crate) fn patch_user(&mut self, call: &Call<'_>, client: &str, key: &str) -> Result<Answer, Refusal> {
        let body = call.json()?;
        let (slot, id) = self.writable(key, call.now)?;
        let mut names = body.as_object().into_iter().flatten().filter_map(|(name, _)| property::find(name));
        if names.any(|prop| SENSITIVE.contains(&prop)) {
            self.check_privilege(client, id)?;
        }
        let names = self.update_user(slot, &body, By::Client, call.now)?;
        self.note(call, client, (Activity::UpdateUser, 204), (id, None), names);
        Ok(Answer::no_content())
    }

    pub(crate) fn drop_user(&mut self, call: &Call<'_>, client: &str, key: &str) -> Result<Answer, Refusal> {
        let (slot, id) = self.writable(key, call.now)?;
        self.check_privilege(client, id)?;
        self.delete_user(slot, call.now);
        self.note(call, client, (Activity::DeleteUser, 204), (id, None), Vec::new());
        Ok(Answer::no_content())
    }

    /// A user that a client may write: one that it can see.
    pub(crate) fn writable(&self, key: &str, now: OffsetDateTime) -> Result<(Slot, Uuid), Refusal> {
        let slot = self.people.find(key, now);
        let live = slot.and_then(|slot| Some((slot, self.people.live(slot)?)));
        live.map(|(slot, user)| (slot, user.id)).ok_or_else(|| Refusal::not_found(key))
    }

    /// The address of an object that was created.
    pub(crate) fn location(&self, call: &Call<'_>, object: Object<'_>) -> String {
        format!(
            "{}/v2/{}/directoryObjects/{}/Microsoft.DirectoryServices.{}",
            call.origin,
            self.settings.tenant_id,
            object.id(),
            object.class().resource()
        )
    }

    /// Writes down what a client did to an object, and with which other one.
    pub(crate) fn note(
        &mut self,
        call: &Call<'_>,
        client: &str,
        (activity, status): (Activity, u16),
        (id, target): (Uuid, Option<Uuid>),
        properties: Vec<&'static str>,
    ) {
        self.record(AuditEntry {
            time: call.now,
            actor: client.to_owned(),
            method: call.method.to_owned(),
            activity,
            id,
            target,
            properties: properties.into_iter().map(str::to_owned).collect(),
            status,
        });
    }
}

/// Takes a member out of a body, by its name in any case.
pub(crate) fn take_member(body: &mut Value, name: &str) -> Option<Value> {
    let members = body.as_object_mut()?;
    let key = members.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
    members.remove(&key)
}
