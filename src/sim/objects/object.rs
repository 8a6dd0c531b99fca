//! Objects of any class, as answers show them.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use super::shelf::Shelf;
use super::stored::{Reading, write_text};
use crate::sim::apps::application::App;
use crate::sim::groups::group::Group;
use crate::sim::groups::link::Links;
use crate::sim::licenses::sku::Sku;
use crate::sim::roles::role::Assignment;
use crate::sim::users::property::{Class, Prop, property};
use crate::sim::users::user::User;

/// What of the tenant an object's properties depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    /// The tenant's initial domain.
    pub(crate) issuer: &'a str,
    pub(crate) skus: &'a [Sku],
    /// The people and who is a member of what, where they matter.
    pub(crate) members: Option<(&'a Shelf<User>, &'a Links)>,
    pub(crate) now: OffsetDateTime,
}

impl Context<'_> {
    /// Whether a group has members to whom one of its licences does not come.
    pub(crate) fn has_license_errors(self, group: Uuid) -> bool {
        let Some((people, members)) = self.members else { return false };
        let users = members.all_from(group).filter_map(|id| people.live(people.by_id(id)?));
        users.flat_map(|user| &user.licenses).any(|holding| holding.by_group == Some(group) && holding.error.is_some())
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Object<'a> {
    User(&'a User),
    Group(&'a Group),
    Assignment(&'a Assignment),
    /// An application or a service principal.
    App(&'a App),
}

impl<'a> Object<'a> {
    pub(crate) fn id(self) -> Uuid {
        match self {
            Self::User(user) => user.id,
            Self::Group(group) => group.id,
            Self::Assignment(assignment) => assignment.principal,
            Self::App(app) => app.id,
        }
    }

    pub(crate) fn class(self) -> Class {
        match self {
            Self::User(_) => Class::User,
            Self::Group(_) => Class::Group,
            Self::Assignment(_) => Class::Assignment,
            Self::App(app) => app.class,
        }
    }

    /// A property; one of another class by its name, as in lists over several classes.
    pub(crate) fn read(self, prop: Prop, context: Context<'_>) -> Reading<'a> {
        let class = self.class();
        if Class::of(prop) != class {
            let own = class.find(property(prop).name).next();
            return own.map_or(Reading::Null, |own| self.read(own, context));
        }
        match self {
            Self::User(user) => user.read(prop, context),
            Self::Group(group) => group.read(prop, context),
            Self::Assignment(assignment) => assignment.read(prop),
            Self::App(app) => app.read(prop),
        }
    }

    /// The type where objects of any class may come, such as `#microsoft.graph.user`.
    pub(crate) fn odata_type(self) -> &'static str {
        odata_type(self.class())
    }
}

pub(crate) fn odata_type(class: Class) -> &'static str {
    match class {
        Class::User => "#microsoft.graph.user",
        Class::Group => "#microsoft.graph.group",
        Class::Assignment => "#microsoft.graph.unifiedRoleAssignment",
        Class::Application => "#microsoft.graph.application",
        Class::ServicePrincipal => "#microsoft.graph.servicePrincipal",
        Class::Any => "#microsoft.graph.directoryObject",
    }
}

/// Writes `{"a":…,"b":…` with those of these properties that the class has; annotations come first. The last brace is
/// left to [`close`].
pub(crate) fn open(
    object: Object<'_>,
    select: Option<&[Prop]>,
    context: Context<'_>,
    annotations: &[(&str, &str)],
    out: &mut Vec<u8>,
) {
    out.push(b'{');
    let mut first = true;
    let mut name = |name: &str, out: &mut Vec<u8>| {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
    };
    for (key, value) in annotations {
        name(key, out);
        write_text(value, out);
    }
    let class = object.class();
    let props = select.unwrap_or(class.default_set());
    for prop in props.iter().filter(|prop| Class::of(**prop) == class) {
        name(property(*prop).name, out);
        object.read(*prop, context).write(out);
    }
}

/// Writes one more member.
pub(crate) fn member(name: &str, value: &[u8], out: &mut Vec<u8>) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    out.extend_from_slice(value);
}

pub(crate) fn close(out: &mut Vec<u8>) {
    out.push(b'}');
}

/// Writes an object with its annotations.
pub(crate) fn write_object(
    object: Object<'_>,
    select: Option<&[Prop]>,
    context: Context<'_>,
    annotations: &[(&str, &str)],
    out: &mut Vec<u8>,
) {
    open(object, select, context, annotations, out);
    close(out);
}

/// All properties, for whoever looks into the tenant from outside Graph.
pub(crate) fn whole(object: Object<'_>, context: Context<'_>) -> Value {
    let class = object.class();
    let added = match object {
        Object::User(user) => user.extensions(),
        Object::Group(group) => group.extensions(),
        Object::Assignment(_) | Object::App(_) => Vec::new(),
    };
    let all: Map<_, _> = class
        .all()
        .chain(added)
        .map(|prop| (property(prop).name.to_owned(), object.read(prop, context).into_value()))
        .collect();
    Value::Object(all)
}
