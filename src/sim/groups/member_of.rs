//! Where an object is a member, and objects by their ids.

use std::collections::{BTreeMap, HashSet, VecDeque};

use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::group_property;
use crate::sim::lists::query::Shape;
use crate::sim::objects::object::{Object, write_object};
use crate::sim::objects::shelf::parse_id;
use crate::sim::objects::stored::write_text;
use crate::sim::state::State;
use crate::sim::users::property::Class;
use crate::sim::wire::answer::{Answer, Refusal};
use crate::sim::wire::routes::Call;

/// `checkMemberGroups` takes so many groups at most.
const MAX_CHECKED: usize = 20;
/// `getByIds` takes so many ids at most.
const MAX_IDS: usize = 1_000;
/// Set in the places of users and of service principals, which come after groups in lists over all.
const USER_PLACE: u32 = 1 << 31;
const PRINCIPAL_PLACE: u32 = 1 << 30;

/// How far membership goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Direct,
    Transitive,
}

/// Which way membership goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Down,
    Up,
}

impl State {
    /// `GET /groups/{id}/transitiveMembers`.
    pub(crate) fn list_transitive(&self, call: &Call<'_>, key: &str, rest: &[&str]) -> Result<Answer, Refusal> {
        let id = self.group_seen(key, call.now)?.id;
        self.answer_reached(call, rest, self.reached(id, Way::Down, self.listed_at(call)))
    }

    /// `GET …/memberOf` and `…/transitiveMemberOf`.
    pub(crate) fn list_member_of(
        &self,
        call: &Call<'_>,
        (collection, key): (&str, &str),
        reach: Reach,
        rest: &[&str],
    ) -> Result<Answer, Refusal> {
        let (id, now) = (self.member(collection, key, call.now)?, self.listed_at(call));
        if reach == Reach::Transitive {
            return self.answer_reached(call, rest, self.reached(id, Way::Up, now));
        }
        self.answer_linked(call, rest, move |from| {
            let shown = self.members.shown_to(id, from, now);
            Box::new(shown.filter_map(move |(place, group)| Some((place, self.visible_object(group, now)?))))
        })
    }

    /// `GET /users/{id}/ownedObjects`.
    pub(crate) fn list_owned(&self, call: &Call<'_>, key: &str, rest: &[&str]) -> Result<Answer, Refusal> {
        let (id, now) = (self.member("users", key, call.now)?, self.listed_at(call));
        self.answer_linked(call, rest, move |from| {
            let shown = self.owners.shown_to(id, from, now);
            Box::new(shown.filter_map(move |(place, owned)| Some((place, self.visible_object(owned, now)?))))
        })
    }

    fn answer_reached(&self, call: &Call<'_>, rest: &[&str], reached: BTreeMap<u32, Uuid>) -> Result<Answer, Refusal> {
        let now = self.listed_at(call);
        self.answer_linked(call, rest, move |from| {
            let places: Vec<_> = reached.range(from..).map(|(place, id)| (*place, *id)).collect();
            Box::new(places.into_iter().filter_map(move |(place, id)| Some((place, self.visible_object(id, now)?))))
        })
    }

    /// Everything that membership leads to, by its place. The start is part of it only if a circle leads back.
    fn reached(&self, start: Uuid, way: Way, now: OffsetDateTime) -> BTreeMap<u32, Uuid> {
        let mut seen = HashSet::new();
        let mut reached = BTreeMap::new();
        let mut left = VecDeque::from([start]);
        while let Some(id) = left.pop_front() {
            let next: Vec<Uuid> = match way {
                Way::Down => self.members.shown_from(id, 0, now).map(|(_, other)| other).collect(),
                Way::Up => self.members.shown_to(id, 0, now).map(|(_, other)| other).collect(),
            };
            for other in next {
                let place = match self.visible_object(other, now) {
                    Some(Object::User(_)) => self.people.by_id(other).map(|slot| slot | USER_PLACE),
                    Some(Object::App(app)) => self.apps(app.class).by_id(other).map(|slot| slot | PRINCIPAL_PLACE),
                    Some(_) => self.groups.by_id(other),
                    None => None,
                };
                if let Some(place) = place
                    && seen.insert(other)
                {
                    reached.insert(place, other);
                    left.push_back(other);
                }
            }
        }
        reached
    }

    /// `POST …/getMemberGroups` and `…/getMemberObjects`.
    pub(crate) fn get_member_groups(
        &self,
        call: &Call<'_>,
        (collection, key): (&str, &str),
    ) -> Result<Answer, Refusal> {
        let body = call.json()?;
        let security_only = match member_of_body(&body, "securityEnabledOnly") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(only)) => *only,
            Some(_) => return Err(Refusal::bad("Invalid value specified for parameter 'securityEnabledOnly'.")),
        };
        let id = self.member(collection, key, call.now)?;
        let groups = self.reached(id, Way::Up, call.now).into_values();
        let wanted = |id: &Uuid| {
            let group = self.group_by_id(*id);
            group.is_some_and(|group| !security_only || group.is_true(group_property::SECURITY_ENABLED))
        };
        Ok(strings(call, groups.filter(wanted)))
    }

    /// `POST …/checkMemberGroups` (`groupIds`) and `…/checkMemberObjects` (`ids`).
    pub(crate) fn check_member_groups(
        &self,
        call: &Call<'_>,
        (collection, key): (&str, &str),
        parameter: &str,
    ) -> Result<Answer, Refusal> {
        let asked = ids(&call.json()?, parameter, MAX_CHECKED)?;
        let id = self.member(collection, key, call.now)?;
        let groups: HashSet<Uuid> = self.reached(id, Way::Up, call.now).into_values().collect();
        Ok(strings(call, asked.into_iter().filter(|id| groups.contains(id))))
    }

    /// `GET /directoryObjects/{id}`.
    pub(crate) fn read_object(&self, call: &Call<'_>, key: &str) -> Result<Answer, Refusal> {
        let options = self.options(call, Class::Any, Shape::Single)?;
        let object = parse_id(key).and_then(|id| self.visible_object(id, call.now));
        let object = object.ok_or_else(|| Refusal::not_found(key))?;
        Ok(self.answer_one(call, 200, object, &options, "directoryObjects"))
    }

    /// `POST /directoryObjects/getByIds`: unknown ids are left out.
    pub(crate) fn get_by_ids(&self, call: &Call<'_>) -> Result<Answer, Refusal> {
        let options = self.options(call, Class::Any, Shape::Single)?;
        let body = call.json()?;
        let asked = ids(&body, "ids", MAX_IDS)?;
        let types: Option<Vec<String>> = match member_of_body(&body, "types") {
            None | Some(Value::Null) => None,
            Some(Value::Array(types)) => Some(types.iter().filter_map(Value::as_str).map(str::to_lowercase).collect()),
            Some(_) => return Err(Refusal::bad("Invalid value specified for parameter 'types'.")),
        };
        let wanted = |object: &Object<'_>| {
            let name = object.class().name();
            let is = |kind: &String| kind.eq_ignore_ascii_case(name) || kind == "directoryobject";
            types.as_ref().is_none_or(|types| types.iter().any(is))
        };
        let mut out = Vec::from(*b"{\"@odata.context\":");
        write_text(&format!("{}/v1.0/$metadata#directoryObjects{}", call.origin, options.shown()), &mut out);
        out.extend_from_slice(b",\"value\":[");
        let found = asked.iter().filter_map(|id| self.visible_object(*id, call.now)).filter(wanted);
        for (index, object) in found.enumerate() {
            if index > 0 {
                out.push(b',');
            }
            let kind = [("@odata.type", object.odata_type())];
            write_object(object, options.select.as_deref(), self.context(), &kind, &mut out);
        }
        out.extend_from_slice(b"]}");
        Ok(Answer::json(200, out))
    }

    /// The id of whoever may be a member, as readers see it.
    fn member(&self, collection: &str, key: &str, now: OffsetDateTime) -> Result<Uuid, Refusal> {
        let user = || self.people.find(key, now).and_then(|slot| self.people.current(slot)).map(|user| user.id);
        let group = || self.group_seen(key, now).ok().map(|group| group.id);
        let app = || self.app_seen(Class::ServicePrincipal, key, now).ok().map(|app| app.id);
        match collection {
            "users" => user(),
            "groups" => group(),
            "serviceprincipals" => app(),
            _ => parse_id(key).and_then(|_| user().or_else(group).or_else(app)),
        }
        .ok_or_else(|| Refusal::not_found(key))
    }
}

fn member_of_body<'a>(body: &'a Value, name: &str) -> Option<&'a Value> {
    let (_, value) = body.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(value)
}

/// A parameter that lists ids.
fn ids(body: &Value, parameter: &str, max: usize) -> Result<Vec<Uuid>, Refusal> {
    let list = member_of_body(body, parameter).and_then(Value::as_array);
    let list = list.ok_or_else(|| Refusal::bad(format!("A value is required for parameter '{parameter}'.")))?;
    if list.len() > max {
        return Err(Refusal::bad(format!("The parameter '{parameter}' takes {max} ids at most, not {}.", list.len())));
    }
    let id = |item: &Value| {
        let id = item.as_str().and_then(parse_id);
        id.ok_or_else(|| Refusal::bad(format!("Invalid GUID:{}", item.as_str().unwrap_or_default())))
    };
    list.iter().map(id).collect()
}

fn strings(call: &Call<'_>, ids: impl Iterator<Item = Uuid>) -> Answer {
    let context = format!("{}/v1.0/$metadata#Collection(Edm.String)", call.origin);
    Answer::value(200, &json!({"@odata.context": context, "value": ids.collect::<Vec<_>>()}))
}
