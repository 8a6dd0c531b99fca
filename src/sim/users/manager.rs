//! Whom people report to.

use std::collections::BTreeSet;

use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::property::{self, Class};
use super::write::By;
use crate::sim::audit::Activity;
use crate::sim::groups::membership::{Place, Reference};
use crate::sim::lists::list::Objects;
use crate::sim::lists::query::Shape;
use crate::sim::objects::object::Object;
use crate::sim::objects::shelf::{Field, Slot};
use crate::sim::state::State;
use crate::sim::wire::answer::{Answer, Refusal};
use crate::sim::wire::routes::Call;

impl State {
    pub(crate) fn put_manager(&mut self, call: &Call<'_>, client: &str, key: &str) -> Result<Answer, Refusal> {
        let reference = Reference::of_body(call)?;
        let (slot, id) = self.reporting(key, call.now)?;
        let manager = self.manager_reference(&reference, call.now)?;
        self.set_manager(slot, Some(manager), By::Client, call.now);
        self.note(call, client, (Activity::SetManager, 204), (id, Some(manager)), Vec::new());
        Ok(Answer::no_content())
    }

    pub(crate) fn delete_manager(&mut self, call: &Call<'_>, client: &str, key: &str) -> Result<Answer, Refusal> {
        let (slot, id) = self.reporting(key, call.now)?;
        let manager = self.people.current(slot).and_then(|user| user.manager);
        let manager = manager.filter(|id| self.visible_object(*id, call.now).is_some());
        let manager = manager.ok_or_else(|| Refusal::not_found("manager"))?;
        self.set_manager(slot, None, By::Client, call.now);
        self.note(call, client, (Activity::ClearManager, 204), (id, Some(manager)), Vec::new());
        Ok(Answer::no_content())
    }

    pub(crate) fn read_manager(&self, call: &Call<'_>, key: &str) -> Result<Answer, Refusal> {
        let options = self.options(call, Class::User, Shape::Single)?;
        let manager = self.manager_seen(call, key)?;
        Ok(self.answer_one(call, 200, manager, &options, "directoryObjects"))
    }

    /// `GET …/manager/$ref`.
    pub(crate) fn read_manager_reference(&self, call: &Call<'_>, key: &str) -> Result<Answer, Refusal> {
        let manager = self.manager_seen(call, key)?;
        let context = format!("{}/v1.0/$metadata#$ref", call.origin);
        Ok(Answer::value(200, &json!({"@odata.context": context, "@odata.id": self.location(call, manager)})))
    }

    /// `GET …/directReports`, with the casts and `$count` behind it.
    pub(crate) fn list_reports(&self, call: &Call<'_>, key: &str, rest: &[&str]) -> Result<Answer, Refusal> {
        let slot = self.people.find(key, call.now).ok_or_else(|| Refusal::not_found(key))?;
        let id = self.people.current(slot).map(|user| user.id).unwrap_or_default();
        let now = self.listed_at(call);
        self.answer_linked(call, rest, move |from| self.reports_of(id, from, now))
    }

    /// Who reports to somebody, from a place on.
    pub(crate) fn reports_of(&self, id: Uuid, from: Slot, now: OffsetDateTime) -> Objects<'_> {
        let people = &self.people;
        // Those whose change readers do not see yet are looked at too.
        let near: BTreeSet<Slot> =
            people.candidates(Field::Manager, &id.to_string()).chain(people.unsettled()).collect();
        let near: Vec<Slot> = near.range(from..).copied().collect();
        let seen = near.into_iter().filter_map(move |slot| Some((slot, people.visible(slot, now)?)));
        Box::new(seen.filter(move |(_, user)| user.manager == Some(id)).map(|(slot, user)| (slot, Object::User(user))))
    }

    /// The id of a user who may be a manager.
    pub(crate) fn manager_reference(&self, reference: &Reference, now: OffsetDateTime) -> Result<Uuid, Refusal> {
        let target = self.referenced(reference, now)?;
        match target.place {
            Place::User(_) => Ok(target.id),
            Place::Group(_) | Place::Principal => Err(Refusal::bad(
                "One or more added object references are of a type that is not supported for the following modified \
                 properties: 'manager'.",
            )),
        }
    }

    pub(crate) fn set_manager(&mut self, slot: Slot, manager: Option<Uuid>, by: By, now: OffsetDateTime) {
        if let Some(mut user) = self.people.current(slot).cloned() {
            user.manager = manager;
            self.people.replace(slot, user, self.lag(by, now));
        }
    }

    /// A user whose manager a client may write: one that it can see, and that no other directory keeps.
    fn reporting(&self, key: &str, now: OffsetDateTime) -> Result<(Slot, Uuid), Refusal> {
        let found = self.writable(key, now)?;
        let is_synced = self.people.current(found.0).is_some_and(|user| user.is_true(property::SYNC_ENABLED));
        if is_synced { Err(Refusal::on_premises()) } else { Ok(found) }
    }

    fn manager_seen(&self, call: &Call<'_>, key: &str) -> Result<Object<'_>, Refusal> {
        let slot = self.people.find(key, call.now).ok_or_else(|| Refusal::not_found(key))?;
        let manager = self.people.visible(slot, call.now).and_then(|user| user.manager);
        let manager = manager.and_then(|id| self.visible_object(id, call.now));
        manager.ok_or_else(|| Refusal::not_found("manager"))
    }
}
