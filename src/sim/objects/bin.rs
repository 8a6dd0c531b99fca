//! The recycle bin.

use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::object::Object;
use super::shelf::{Item, Shelf, Slot, parse_id};
use crate::sim::audit::Activity;
use crate::sim::lists::list::{Objects, Source};
use crate::sim::lists::query::Shape;
use crate::sim::state::State;
use crate::sim::users::property::Class;
use crate::sim::wire::answer::{Answer, Refusal};
use crate::sim::wire::routes::Call;

/// So long a deleted object stays in the recycle bin.
const RETENTION_SECONDS: i64 = 30 * 24 * 60 * 60;

/// What is in the bin.
#[derive(Debug, Clone, Copy)]
enum Found {
    User(Slot, Uuid),
    Group(Slot, Uuid),
    App(Class, Slot, Uuid),
}

impl State {
    pub(crate) fn list_deleted(&mut self, call: &Call<'_>, class: Class) -> Result<Answer, Refusal> {
        self.empty_bin(call.now);
        let options = self.options(call, class, Shape::List)?;
        self.answer_list(call, &options, &self.deleted(class))
    }

    pub(crate) fn count_deleted(&mut self, call: &Call<'_>, class: Class) -> Result<Answer, Refusal> {
        self.empty_bin(call.now);
        self.answer_count(call, &self.deleted(class))
    }

    fn deleted<'a>(&'a self, class: Class) -> Source<'a> {
        fn slots<T: Item>(shelf: &Shelf<T>, from: Slot) -> impl Iterator<Item = (Slot, &T)> {
            let slots = shelf.deleted().filter(move |slot| *slot >= from);
            slots.filter_map(|slot| Some((slot, shelf.current(slot)?)))
        }
        type From<'a> = Box<dyn Fn(u32) -> Objects<'a> + 'a>;
        let objects: From<'a> = match class {
            Class::Application | Class::ServicePrincipal => Box::new(move |from| {
                Box::new(slots(self.apps(class), from).map(|(slot, app)| (slot, Object::App(app))))
            }),
            Class::Group => {
                Box::new(|from| Box::new(slots(&self.groups, from).map(|(slot, group)| (slot, Object::Group(group)))))
            }
            _ => Box::new(|from| Box::new(slots(&self.people, from).map(|(slot, user)| (slot, Object::User(user))))),
        };
        Source { context: class.collection().to_owned(), class, end: u32::MAX, objects }
    }

    pub(crate) fn read_deleted(&mut self, call: &Call<'_>, key: &str) -> Result<Answer, Refusal> {
        let options = self.options(call, Class::Any, Shape::Single)?;
        let found = self.in_bin(key, call.now)?;
        let object = self.binned(found).ok_or_else(|| Refusal::not_found(key))?;
        Ok(self.answer_one(call, 200, object, &options, "directoryObjects"))
    }

    pub(crate) fn restore(&mut self, call: &Call<'_>, client: &str, key: &str) -> Result<Answer, Refusal> {
        let body = if call.body.is_empty() { json!({}) } else { call.json()? };
        let found = self.in_bin(key, call.now)?;
        let (id, activity) = match found {
            Found::User(slot, id) => {
                self.check_privilege(client, id)?;
                self.restore_user(slot, &body, call.now)?;
                (id, Activity::RestoreUser)
            }
            Found::Group(slot, id) => {
                self.restore_group(slot, call.now)?;
                (id, Activity::RestoreGroup)
            }
            Found::App(class, slot, id) => {
                self.restore_app(class, slot, call.now)?;
                (id, crate::sim::apps::serve::activities(class).restored)
            }
        };
        let object = self.binned(found).ok_or_else(|| Refusal::not_found(key))?;
        let answer = self.answer_whole(call, 200, object, "directoryObjects");
        self.note(call, client, (activity, 200), (id, None), Vec::new());
        Ok(answer)
    }

    pub(crate) fn purge(&mut self, call: &Call<'_>, client: &str, key: &str) -> Result<Answer, Refusal> {
        let (id, activity) = match self.in_bin(key, call.now)? {
            Found::User(slot, id) => {
                self.purge_user(slot, call.now);
                (id, Activity::PurgeUser)
            }
            Found::Group(slot, id) => {
                self.purge_group(slot, call.now);
                (id, Activity::PurgeGroup)
            }
            Found::App(class, slot, id) => {
                self.purge_app(class, slot, call.now);
                (id, crate::sim::apps::serve::activities(class).purged)
            }
        };
        self.note(call, client, (activity, 204), (id, None), Vec::new());
        Ok(Answer::no_content())
    }

    fn in_bin(&mut self, key: &str, now: OffsetDateTime) -> Result<Found, Refusal> {
        self.empty_bin(now);
        let id = parse_id(key).ok_or_else(|| Refusal::not_found(key))?;
        let user = self.people.find_deleted(key).map(|slot| Found::User(slot, id));
        let group = || self.groups.find_deleted(key).map(|slot| Found::Group(slot, id));
        let app = || {
            let mut classes = [Class::Application, Class::ServicePrincipal].into_iter();
            classes.find_map(|class| Some(Found::App(class, self.apps(class).find_deleted(key)?, id)))
        };
        user.or_else(group).or_else(app).ok_or_else(|| Refusal::not_found(key))
    }

    fn binned(&self, found: Found) -> Option<Object<'_>> {
        match found {
            Found::User(slot, _) => self.people.current(slot).map(Object::User),
            Found::Group(slot, _) => self.groups.current(slot).map(Object::Group),
            Found::App(class, slot, _) => self.apps(class).current(slot).map(Object::App),
        }
    }

    /// Deletes for good what has been in the recycle bin for long enough.
    fn empty_bin(&mut self, now: OffsetDateTime) {
        let limit = now.unix_timestamp() - RETENTION_SECONDS;
        let is_old = |deleted: Option<i64>| deleted.is_some_and(|at| at < limit);
        let people = &self.people;
        let old = people.deleted().filter(|slot| is_old(people.current(*slot).and_then(|user| user.deleted)));
        for slot in old.collect::<Vec<Slot>>() {
            self.purge_user(slot, now);
        }
        let groups = &self.groups;
        let old = groups.deleted().filter(|slot| is_old(groups.current(*slot).and_then(|group| group.deleted)));
        for slot in old.collect::<Vec<Slot>>() {
            self.purge_group(slot, now);
        }
        for class in [Class::Application, Class::ServicePrincipal] {
            let apps = self.apps(class);
            let old = apps.deleted().filter(|slot| is_old(apps.current(*slot).and_then(|app| app.deleted)));
            for slot in old.collect::<Vec<Slot>>() {
                self.purge_app(class, slot, now);
            }
        }
    }
}
