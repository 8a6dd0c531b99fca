//! Members and owners of groups.

use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::group::Group;
use crate::sim::audit::Activity;
use crate::sim::lists::filter::Mode;
use crate::sim::lists::list::Source;
use crate::sim::lists::query::{Shape, Target as Address};
use crate::sim::objects::object::Object;
use crate::sim::objects::shelf::{Slot, parse_id};
use crate::sim::state::State;
use crate::sim::trouble::lag::Lag;
use crate::sim::trouble::lag::Reads;
use crate::sim::users::property::Class;
use crate::sim::users::write::By;
use crate::sim::wire::answer::{Answer, Refusal};
use crate::sim::wire::routes::Call;

/// A group has so many owners at most.
const MAX_OWNERS: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Members,
    Owners,
}

impl Relation {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "members" => Some(Self::Members),
            "owners" => Some(Self::Owners),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::Owners => "owners",
        }
    }

    pub(crate) fn added(self) -> Activity {
        match self {
            Self::Members => Activity::AddMember,
            Self::Owners => Activity::AddOwner,
        }
    }

    fn removed(self) -> Activity {
        match self {
            Self::Members => Activity::RemoveMember,
            Self::Owners => Activity::RemoveOwner,
        }
    }
}

/// What an `@odata.id` names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    class: Class,
    key: String,
}

/// An object that a link leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) id: Uuid,
    pub(crate) place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    User(Slot),
    Group(Slot),
    Principal,
}

impl Reference {
    /// Reads `{"@odata.id": "…"}`.
    pub(crate) fn of_body(call: &Call<'_>) -> Result<Self, Refusal> {
        if call.body.is_empty() {
            return Err(Refusal::bad(
                "An unexpected 'EndOfInput' node was found when reading from the JSON reader. A 'StartObject' node was \
                 expected.",
            ));
        }
        let body = call.json()?;
        let members = body.as_object().into_iter().flatten();
        let id = members.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("@odata.id")).map(|(_, value)| value);
        Self::of_value(id.unwrap_or(&Value::Null))
    }

    /// Reads an address of any origin, such as `https://graph.microsoft.com/v1.0/directoryObjects/{id}`.
    pub(crate) fn of_value(value: &Value) -> Result<Self, Refusal> {
        let malformed = || Refusal::bad("Invalid URL format specified in @odata.id for reference link.");
        let text = value.as_str().ok_or_else(malformed)?;
        let path = match text.split_once("://") {
            Some((_, rest)) => rest.split_once('/').map(|(_, path)| path).ok_or_else(malformed)?,
            None => text,
        };
        let address = Address::parse(path).map_err(|_| malformed())?;
        let class = |name: &str| match name.to_ascii_lowercase().as_str() {
            "users" => Some(Class::User),
            "groups" => Some(Class::Group),
            "serviceprincipals" => Some(Class::ServicePrincipal),
            "directoryobjects" | "devices" | "contacts" => Some(Class::Any),
            _ => None,
        };
        let found = address.segments.windows(2).rev().find_map(|pair| Some((class(&pair[0])?, pair[1].clone())));
        let (class, key) = found.ok_or_else(malformed)?;
        Ok(Self { class, key })
    }
}

impl State {
    /// The object that a reference names, if it has come to all replicas.
    pub(crate) fn referenced(&self, reference: &Reference, now: OffsetDateTime) -> Result<Target, Refusal> {
        let now = self.clock(Reads::References, now);
        let key = &reference.key;
        let unknown = || Refusal::not_found(key);
        let user = || match reference.class {
            Class::User => self.people.find_current(key),
            Class::Any if parse_id(key).is_some() => self.people.find_current(key),
            _ => None,
        };
        let group = || matches!(reference.class, Class::Group | Class::Any).then(|| self.groups.find_current(key))?;
        let principal = || {
            let is_wanted = matches!(reference.class, Class::ServicePrincipal | Class::Any);
            let slot = is_wanted.then(|| self.principals.find_current(key))??;
            Some((self.principals.current(slot)?.id, self.principals.visible(slot, now).is_some()))
        };
        let (target, is_seen) = if let Some(slot) = user() {
            let id = self.people.current(slot).map(|user| user.id).ok_or_else(unknown)?;
            (Target { id, place: Place::User(slot) }, self.people.visible(slot, now).is_some())
        } else if let Some(slot) = group() {
            let id = self.groups.current(slot).map(|group| group.id).ok_or_else(unknown)?;
            (Target { id, place: Place::Group(slot) }, self.groups.visible(slot, now).is_some())
        } else if let Some((id, is_seen)) = principal() {
            (Target { id, place: Place::Principal }, is_seen)
        } else {
            return Err(unknown());
        };
        is_seen.then_some(target).ok_or_else(Refusal::not_replicated)
    }

    /// Whether a client may add these links to a group, all of them.
    pub(crate) fn check_links(&self, group: &Group, relation: Relation, targets: &[Target]) -> Result<(), Refusal> {
        self.check_membership_writable(group, relation)?;
        for target in targets {
            let is_fine = match (relation, target.place) {
                (_, Place::User(_)) | (Relation::Owners, Place::Principal) => true,
                (Relation::Members, Place::Principal) => !group.is_unified(),
                (Relation::Owners, Place::Group(_)) => false,
                (Relation::Members, Place::Group(slot)) => {
                    !group.is_unified() && self.groups.current(slot).is_some_and(|member| !member.is_unified())
                }
            };
            if !is_fine {
                return Err(Refusal::unsupported_link(relation.name()));
            }
        }
        let links = self.links(relation);
        if targets.iter().any(|target| links.has(group.id, target.id)) {
            return Err(Refusal::linked_already(relation.name()));
        }
        let count = links.count(group.id) + targets.len();
        if relation == Relation::Owners && count > MAX_OWNERS {
            return Err(Refusal::new(
                403,
                "Directory_QuotaExceeded",
                format!(
                    "Unable to perform operation as '{count}' would exceed the maximum quota count '{MAX_OWNERS}' for \
                     forward-link 'owners'."
                ),
            ));
        }
        Ok(())
    }

    fn check_membership_writable(&self, group: &Group, relation: Relation) -> Result<(), Refusal> {
        group.check_writable()?;
        let is_ruled = relation == Relation::Members && group.is_dynamic();
        let is_guarded = group.is_role_assignable() && !self.is_granted("RoleManagement.ReadWrite.Directory");
        if is_ruled || is_guarded { Err(Refusal::denied()) } else { Ok(()) }
    }

    pub(crate) fn add_links(&mut self, group: Uuid, relation: Relation, targets: &[Target], lag: Lag) {
        for target in targets {
            match relation {
                Relation::Members => self.members.add(group, target.id, lag),
                Relation::Owners => self.owners.add(group, target.id, lag),
            }
        }
        if relation == Relation::Members {
            let ids: Vec<Uuid> = targets.iter().map(|target| target.id).collect();
            self.licenses_follow(group, &ids, lag);
        }
    }

    /// Answers whether there was such a link.
    pub(crate) fn remove_link(&mut self, group: Uuid, relation: Relation, target: Uuid, lag: Lag) -> bool {
        let removed = match relation {
            Relation::Members => self.members.remove(group, target, lag),
            Relation::Owners => self.owners.remove(group, target, lag),
        };
        if removed && relation == Relation::Members {
            self.licenses_follow(group, &[target], lag);
        }
        removed
    }

    pub(crate) fn post_link(
        &mut self,
        call: &Call<'_>,
        client: &str,
        key: &str,
        relation: Relation,
    ) -> Result<Answer, Refusal> {
        let reference = Reference::of_body(call)?;
        let group = self.linkable(key, call.now)?.clone();
        self.check_membership_writable(&group, relation)?;
        let target = self.referenced(&reference, call.now)?;
        self.check_links(&group, relation, &[target])?;
        self.add_links(group.id, relation, &[target], self.lag(By::Client, call.now));
        self.note(call, client, (relation.added(), 204), (group.id, Some(target.id)), Vec::new());
        Ok(Answer::no_content())
    }

    pub(crate) fn delete_link(
        &mut self,
        call: &Call<'_>,
        client: &str,
        key: &str,
        relation: Relation,
        member: &str,
    ) -> Result<Answer, Refusal> {
        let group = self.linkable(key, call.now)?;
        self.check_membership_writable(group, relation)?;
        let id = group.id;
        let target = parse_id(member).filter(|target| self.links(relation).has(id, *target));
        let target = target.filter(|target| self.visible_object(*target, call.now).is_some());
        let target = target.ok_or_else(|| Refusal::not_found(member))?;
        if relation == Relation::Owners && self.owners.count(id) == 1 {
            return Err(Refusal::bad("The group must have at least one owner, hence this owner cannot be removed."));
        }
        self.remove_link(id, relation, target, self.lag(By::Client, call.now));
        self.note(call, client, (relation.removed(), 204), (id, Some(target)), Vec::new());
        Ok(Answer::no_content())
    }

    /// A group whose links a client may write: one that has come to all replicas.
    pub(crate) fn linkable(&self, key: &str, now: OffsetDateTime) -> Result<&Group, Refusal> {
        let now = self.clock(Reads::References, now);
        match self.group_slot(key, now) {
            Ok(slot) => self.groups.current(slot).ok_or_else(|| Refusal::not_found(key)),
            Err(_) if self.groups.find_current(key).is_some() => Err(Refusal::not_replicated()),
            Err(refusal) => Err(refusal),
        }
    }

    /// `GET …/members`, `…/owners`, and their `$count` and casts.
    pub(crate) fn list_links(
        &self,
        call: &Call<'_>,
        key: &str,
        relation: Relation,
        rest: &[&str],
    ) -> Result<Answer, Refusal> {
        let (id, now) = (self.group_seen(key, call.now)?.id, self.listed_at(call));
        let links = self.links(relation);
        let objects = move |from| {
            let shown = links.shown_from(id, from, now);
            shown.filter_map(move |(place, other)| Some((place, self.visible_object(other, now)?)))
        };
        self.answer_linked(call, rest, move |from| Box::new(objects(from)))
    }

    /// `GET …/membersWithLicenseErrors`.
    pub(crate) fn list_license_errors(&self, call: &Call<'_>, key: &str) -> Result<Answer, Refusal> {
        let (id, now) = (self.group_seen(key, call.now)?.id, self.listed_at(call));
        let fails = move |object: &Object<'_>| match object {
            Object::User(user) => {
                user.licenses.iter().any(|holding| holding.by_group == Some(id) && holding.error.is_some())
            }
            _ => false,
        };
        self.answer_linked(call, &[], move |from| {
            let shown = self.members.shown_from(id, from, now);
            let objects = shown.filter_map(move |(place, other)| Some((place, self.visible_object(other, now)?)));
            Box::new(objects.filter(move |(_, object)| fails(object)))
        })
    }

    /// Objects of mixed classes, with the casts and `$count` behind them.
    pub(crate) fn answer_linked<'a>(
        &'a self,
        call: &Call<'_>,
        rest: &[&str],
        objects: impl Fn(u32) -> crate::sim::lists::list::Objects<'a> + 'a,
    ) -> Result<Answer, Refusal> {
        let is_refs = rest == ["$ref"];
        let (cast, rest) = match rest {
            [cast, rest @ ..] if cast.starts_with("graph.") => (Some(*cast), rest),
            rest => (None, rest),
        };
        let class = match cast {
            Some("graph.user") => Class::User,
            Some("graph.group") => Class::Group,
            Some("graph.application") => Class::Application,
            Some("graph.serviceprincipal") => Class::ServicePrincipal,
            _ => Class::Any,
        };
        // Of other types, such as devices, there is nothing here.
        let is_cast = cast.is_some();
        let fits = move |object: &Object<'_>| !is_cast || object.class() == class;
        let mut source = Source {
            context: class.collection().to_owned(),
            class,
            end: u32::MAX,
            objects: Box::new(move |from| Box::new(objects(from).filter(move |(_, object)| fits(object)))),
        };
        if rest == ["$count"] {
            return self.answer_count(call, &source);
        }
        let mut options = self.options(call, class, Shape::List)?;
        if is_refs {
            options.refs = true;
            source.context = "Collection($ref)".to_owned();
        }
        if options.filter.is_some() && options.mode == Mode::Plain {
            return Err(Refusal::unsupported(
                "The specified filter to the reference property query is currently not supported.",
            ));
        }
        self.answer_list(call, &options, &source)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_of_any_origin_are_read() {
        let id = "a82905a2-4ba2-5e93-bd12-3200cfe70a56";
        let cases = [
            (format!("https://graph.microsoft.com/v1.0/directoryObjects/{id}"), Some((Class::Any, id))),
            (format!("http://127.0.0.1:8080/v1.0/Users/{id}"), Some((Class::User, id))),
            (format!("https://x.example/v1.0/groups/{id}"), Some((Class::Group, id))),
            (format!("https://x.example/v1.0/directoryObjects('{id}')"), Some((Class::Any, id))),
            (
                format!("https://x.example/v2/t/directoryObjects/{id}/Microsoft.DirectoryServices.User"),
                Some((Class::Any, id)),
            ),
            (format!("directoryObjects/{id}"), Some((Class::Any, id))),
            ("https://x.example/v1.0/users/ada%40contoso.com".to_owned(), Some((Class::User, "ada@contoso.com"))),
            (format!("https://x.example/v1.0/rooms/{id}"), None),
            ("https://x.example".to_owned(), None),
            ("https://x.example/v1.0/users/%zz".to_owned(), None),
            (id.to_owned(), None),
            (String::new(), None),
        ];
        for (text, expected) in cases {
            let read = Reference::of_value(&json!(text)).ok();
            let expected = expected.map(|(class, key)| Reference { class, key: key.to_owned() });
            assert_eq!(read, expected, "{text}");
        }
        assert!(Reference::of_value(&json!(5)).is_err());
    }
}
