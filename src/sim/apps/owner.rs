//! Who owns applications and service principals.

use crate::sim::audit::Activity;
use crate::sim::groups::membership::{Place, Reference, Relation};
use crate::sim::objects::shelf::parse_id;
use crate::sim::state::State;
use crate::sim::users::property::Class;
use crate::sim::users::write::By;
use crate::sim::wire::answer::{Answer, Refusal};
use crate::sim::wire::routes::Call;

impl State {
    /// `GET …/owners`, with the casts, `$count` and `$ref` behind it.
    pub(crate) fn list_app_owners(
        &self,
        call: &Call<'_>,
        class: Class,
        key: &str,
        rest: &[&str],
    ) -> Result<Answer, Refusal> {
        let id = self.app_seen(class, key, call.now)?.id;
        let now = self.listed_at(call);
        self.answer_linked(call, rest, move |from| {
            let shown = self.owners.shown_from(id, from, now);
            Box::new(shown.filter_map(move |(place, other)| Some((place, self.visible_object(other, now)?))))
        })
    }

    pub(crate) fn add_app_owner(
        &mut self,
        call: &Call<'_>,
        client: &str,
        class: Class,
        key: &str,
    ) -> Result<Answer, Refusal> {
        let reference = Reference::of_body(call)?;
        let slot = self.app_slot(class, key, call.now)?;
        let id = self.apps(class).current(slot).map(|app| app.id).ok_or_else(|| Refusal::not_found(key))?;
        let target = self.referenced(&reference, call.now)?;
        if matches!(target.place, Place::Group(_)) {
            return Err(Refusal::unsupported_link(Relation::Owners.name()));
        }
        if self.owners.has(id, target.id) {
            return Err(Refusal::linked_already(Relation::Owners.name()));
        }
        self.owners.add(id, target.id, self.lag(By::Client, call.now));
        self.note(call, client, (Activity::AddOwner, 204), (id, Some(target.id)), Vec::new());
        Ok(Answer::no_content())
    }

    pub(crate) fn drop_app_owner(
        &mut self,
        call: &Call<'_>,
        client: &str,
        class: Class,
        (key, owner): (&str, &str),
    ) -> Result<Answer, Refusal> {
        let id = self.app_seen(class, key, call.now)?.id;
        let target = parse_id(owner).filter(|target| self.owners.has(id, *target));
        let target = target.ok_or_else(|| Refusal::not_found(owner))?;
        self.owners.remove(id, target, self.lag(By::Client, call.now));
        self.note(call, client, (Activity::RemoveOwner, 204), (id, Some(target)), Vec::new());
        Ok(Answer::no_content())
    }
}
