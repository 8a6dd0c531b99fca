//! Groups, as Graph serves them.

use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::group::Group;
use super::link::Links;
use super::membership::{Reference, Relation, Target};
use crate::sim::audit::Activity;
use crate::sim::lists::list::{Slots, Source};
use crate::sim::lists::query::{Options, Shape, named_key};
use crate::sim::objects::object::Object;
use crate::sim::objects::shelf::{Field, Slot};
use crate::sim::objects::stored::fold;
use crate::sim::state::{Bin, State};
use crate::sim::trouble::lag::Lag;
use crate::sim::users::property::{Class, property};
use crate::sim::users::serve::take_member;
use crate::sim::users::write::By;
use crate::sim::wire::answer::{Answer, Refusal};
use crate::sim::wire::routes::Call;

/// A request adds so many links at most.
const MAX_LINKS: usize = 20;

impl State {
    pub(crate) fn list_groups(&self, call: &Call<'_>) -> Result<Answer, Refusal> {
        let options = self.options(call, Class::Group, Shape::List)?;
        self.answer_list(call, &options, &self.groups_seen(call, &options))
    }

    pub(crate) fn count_groups(&self, call: &Call<'_>) -> Result<Answer, Refusal> {
        self.answer_count(call, &self.groups_seen(call, &Options::none()))
    }

    fn groups_seen<'a>(&'a self, call: &Call<'_>, options: &Options) -> Source<'a> {
        let (groups, now) = (&self.groups, self.listed_at(call));
        let slots = Slots::of(groups, options.filter.as_ref());
        let seen = move |slot| Some((slot, Object::Group(groups.visible(slot, now)?)));
        Source {
            context: "groups".to_owned(),
            class: Class::Group,
            end: groups.end(),
            objects: Box::new(move |from| Box::new(slots.from(from).filter_map(seen))),
        }
    }

    pub(crate) fn post_group(&mut self, call: &Call<'_>, client: &str) -> Result<Answer, Refusal> {
        let body = call.json()?;
        self.make_group(call, client, body)
    }

    fn make_group(&mut self, call: &Call<'_>, client: &str, mut body: Value) -> Result<Answer, Refusal> {
        let links = self.bound(&mut body, call.now)?;
        let slot = self.create_group(&body, By::Client, call.now)?;
        let group = self.groups.current(slot).cloned().ok_or_else(|| Refusal::not_found("group"))?;
        if let Err(refusal) = self.check_bound(&group, &links) {
            self.groups.take_back(slot);
            return Err(refusal);
        }
        let location = self.location(call, Object::Group(&group));
        let answer = self.answer_whole(call, 201, Object::Group(&group), "groups");
        let names = body
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, _)| self.extensions.find(Class::Group, name).next());
        let names: Vec<_> = names.map(|prop| property(prop).name).collect();
        self.note(call, client, (Activity::CreateGroup, 201), (group.id, None), names);
        self.bind(call, client, group.id, &links, 201);
        Ok(answer.with_header("Location", location))
    }

    pub(crate) fn read_group(&self, call: &Call<'_>, key: &str) -> Result<Answer, Refusal> {
        let options = self.options(call, Class::Group, Shape::Single)?;
        let group = self.group_seen(key, call.now)?;
        Ok(self.answer_one(call, 200, Object::Group(group), &options, "groups"))
    }

    pub(crate) fn patch_group(&mut self, call: &Call<'_>, client: &str, key: &str) -> Result<Answer, Refusal> {
        let mut body = call.json()?;
        if let Some(name) = named_key(key, "uniqueName") {
            let found = self.groups.candidates(Field::UniqueName, &fold(&name)).next();
            let seen = found.filter(|slot| self.groups.visible(*slot, call.now).is_some());
            return match (seen, found, call.headers.creates_if_missing()) {
                (Some(slot), ..) => self.change_group(call, client, slot, body),
                (None, None, true) => {
                    if let Some(members) = body.as_object_mut() {
                        members.retain(|key, _| !key.eq_ignore_ascii_case("uniqueName"));
                        members.insert("uniqueName".to_owned(), name.into());
                    }
                    self.make_group(call, client, body)
                }
                _ => Err(Refusal::not_found(&name)),
            };
        }
        let has_links = body.as_object().into_iter().flatten().any(|(name, _)| name.ends_with("@odata.bind"));
        if has_links {
            self.linkable(key, call.now)?;
        }
        let slot = self.group_slot(key, call.now)?;
        self.change_group(call, client, slot, body)
    }

    fn change_group(&mut self, call: &Call<'_>, client: &str, slot: Slot, mut body: Value) -> Result<Answer, Refusal> {
        let links = self.bound(&mut body, call.now)?;
        let (group, names) = self.changed_group(slot, &body, By::Client)?;
        self.check_bound(&group, &links)?;
        let id = group.id;
        if !names.is_empty() {
            self.replace_group(slot, group, By::Client, call.now);
            self.note(call, client, (Activity::UpdateGroup, 204), (id, None), names);
        }
        self.bind(call, client, id, &links, 204);
        Ok(Answer::no_content())
    }

    pub(crate) fn drop_group(&mut self, call: &Call<'_>, client: &str, key: &str) -> Result<Answer, Refusal> {
        let slot = self.group_slot(key, call.now)?;
        let group = self.groups.current(slot).ok_or_else(|| Refusal::not_found(key))?;
        group.check_writable()?;
        if group.is_role_assignable() && !self.is_granted("RoleManagement.ReadWrite.Directory") {
            return Err(Refusal::denied());
        }
        if !group.licenses.is_empty() {
            return Err(Refusal::bad(
                "The group cannot be deleted because licenses are assigned to it. Remove the licenses first.",
            ));
        }
        let (id, is_unified) = (group.id, group.is_unified());
        self.delete_group(slot, call.now);
        if !is_unified && self.settings.security_groups == Bin::Gone {
            self.purge_group(slot, call.now);
        }
        self.note(call, client, (Activity::DeleteGroup, 204), (id, None), Vec::new());
        Ok(Answer::no_content())
    }

    /// A group that a client may write: one that it can see.
    pub(crate) fn group_slot(&self, key: &str, now: OffsetDateTime) -> Result<Slot, Refusal> {
        let slot = match named_key(key, "uniqueName") {
            Some(name) => {
                let found = self.groups.candidates(Field::UniqueName, &fold(&name)).next();
                found.filter(|slot| self.groups.visible(*slot, now).is_some())
            }
            None => self.groups.find(key, now),
        };
        slot.filter(|slot| self.groups.live(*slot).is_some()).ok_or_else(|| Refusal::not_found(key))
    }

    /// A group as readers see it.
    pub(crate) fn group_seen(&self, key: &str, now: OffsetDateTime) -> Result<&Group, Refusal> {
        let slot = self.group_slot(key, now)?;
        self.groups.visible(slot, now).ok_or_else(|| Refusal::not_found(key))
    }

    /// A group that is not deleted.
    pub(crate) fn group_by_id(&self, id: Uuid) -> Option<&Group> {
        self.groups.live(self.groups.by_id(id)?)
    }

    /// An object of whatever class, deleted or not.
    pub(crate) fn find_object(&self, id: Uuid) -> Option<Object<'_>> {
        let user = self.people.by_id(id).and_then(|slot| self.people.current(slot)).map(Object::User);
        let group = || self.groups.by_id(id).and_then(|slot| self.groups.current(slot)).map(Object::Group);
        let app = |class| self.apps(class).by_id(id).and_then(|slot| self.apps(class).current(slot)).map(Object::App);
        user.or_else(group).or_else(|| app(Class::ServicePrincipal)).or_else(|| app(Class::Application))
    }

    /// An object of whatever class, as readers see it.
    pub(crate) fn visible_object(&self, id: Uuid, now: OffsetDateTime) -> Option<Object<'_>> {
        let user = self.people.by_id(id).and_then(|slot| self.people.visible(slot, now)).map(Object::User);
        let group = || self.groups.by_id(id).and_then(|slot| self.groups.visible(slot, now)).map(Object::Group);
        let app =
            |class| self.apps(class).by_id(id).and_then(|slot| self.apps(class).visible(slot, now)).map(Object::App);
        user.or_else(group).or_else(|| app(Class::ServicePrincipal)).or_else(|| app(Class::Application))
    }

    pub(crate) fn links(&self, relation: Relation) -> &Links {
        match relation {
            Relation::Members => &self.members,
            Relation::Owners => &self.owners,
        }
    }

    /// Takes `members@odata.bind` and `owners@odata.bind` out of a body, and finds whom they name.
    fn bound(&self, body: &mut Value, now: OffsetDateTime) -> Result<Vec<(Relation, Vec<Target>)>, Refusal> {
        let mut named = Vec::new();
        for relation in [Relation::Owners, Relation::Members] {
            let name = format!("{}@odata.bind", relation.name());
            if let Some(value) = take_member(body, &name) {
                let list = value.as_array().ok_or_else(|| Refusal::invalid_value_of(Class::Group, &name))?;
                named.push((relation, list.iter().map(Reference::of_value).collect::<Result<Vec<_>, _>>()?));
            }
        }
        if named.iter().map(|(_, references)| references.len()).sum::<usize>() > MAX_LINKS {
            return Err(Refusal::bad(format!("A resource cannot contain more than {MAX_LINKS} link changes")));
        }
        let mut bound = Vec::new();
        for (relation, references) in named {
            let mut targets: Vec<Target> = Vec::new();
            for reference in &references {
                let target = self.referenced(reference, now)?;
                if targets.iter().any(|known| known.id == target.id) {
                    return Err(Refusal::bad(format!(
                        "Object '{}' referenced from '{}' can only be present once as an add/remove change.",
                        target.id,
                        relation.name()
                    )));
                }
                targets.push(target);
            }
            bound.push((relation, targets));
        }
        Ok(bound)
    }

    fn check_bound(&self, group: &Group, links: &[(Relation, Vec<Target>)]) -> Result<(), Refusal> {
        links.iter().try_for_each(|(relation, targets)| self.check_links(group, *relation, targets))
    }

    fn bind(&mut self, call: &Call<'_>, client: &str, group: Uuid, links: &[(Relation, Vec<Target>)], status: u16) {
        let lag: Lag = self.lag(By::Client, call.now);
        for (relation, targets) in links {
            self.add_links(group, *relation, targets, lag);
            for target in targets {
                self.note(call, client, (relation.added(), status), (group, Some(target.id)), Vec::new());
            }
        }
    }
}
