//! `$expand`: what stands beside an object's own properties.

use super::filter::Mode;
use super::list::Objects;
use super::query::{Shape, option_name, select};
use crate::sim::groups::membership::Relation;
use crate::sim::objects::extension::Extensions;
use crate::sim::objects::object::{Object, close, member, open, write_object};
use crate::sim::roles::role::RoleExpand;
use crate::sim::state::State;
use crate::sim::users::property::{Class, Prop};
use crate::sim::wire::answer::Refusal;
use crate::sim::wire::routes::Call;

/// So many objects stand in an expansion at most, and there is no next page.
const MAX_EXPANDED: usize = 20;
/// A chain of managers ends here, even if it is a circle.
const MAX_LEVELS: usize = 1_000;

#[derive(Debug, PartialEq)]
pub(crate) enum Expand {
    Manager {
        select: Option<Vec<Prop>>,
        /// How many managers above each other; `None`: without `$levels`.
        levels: Option<usize>,
    },
    Linked {
        way: Way,
        select: Option<Vec<Prop>>,
    },
    Role(RoleExpand),
}

/// Which links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    To(Relation),
    MemberOf,
    DirectReports,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::To(relation) => relation.name(),
            Self::MemberOf => "memberOf",
            Self::DirectReports => "directReports",
        }
    }
}

/// Reads `manager($levels=max;$select=id)`, of which a request has one.
pub(crate) fn parse(value: &str, class: Class, extensions: &Extensions) -> Result<Expand, Refusal> {
    let unsupported = || Refusal::unsupported(format!("Expanding '{value}' is not supported here."));
    if class == Class::Assignment {
        return RoleExpand::parse(value).map(Expand::Role);
    }
    let (name, inner) = match value.trim().split_once('(') {
        Some((name, inner)) => (name, inner.strip_suffix(')').ok_or_else(unsupported)?),
        None => (value.trim(), ""),
    };
    let name = name.to_ascii_lowercase();
    let (mut names, mut levels) = (None, None);
    for option in inner.split(';').filter(|option| !option.trim().is_empty()) {
        let (option, value) = option.split_once('=').ok_or_else(unsupported)?;
        match option_name(option.trim()).as_str() {
            "select" => names = Some(value),
            "levels" if name == "manager" => {
                levels = Some(match value.trim() {
                    "max" => MAX_LEVELS,
                    number => number
                        .parse()
                        .ok()
                        .filter(|levels| (1..=MAX_LEVELS).contains(levels))
                        .ok_or_else(unsupported)?,
                });
            }
            _ => return Err(unsupported()),
        }
    }
    let selected = |class: Class| match names {
        Some(names) => select(names, class, Shape::Single, extensions),
        None => Ok(None),
    };
    let linked = |way: Way| Ok(Expand::Linked { way, select: selected(Class::Any)? });
    match (class, name.as_str()) {
        (Class::User, "manager") => Ok(Expand::Manager { select: selected(Class::User)?, levels }),
        (Class::User, "directreports") => linked(Way::DirectReports),
        (Class::User | Class::Group | Class::ServicePrincipal, "memberof") => linked(Way::MemberOf),
        (Class::Group, "members") => linked(Way::To(Relation::Members)),
        (Class::Group, "owners") => linked(Way::To(Relation::Owners)),
        _ => Err(unsupported()),
    }
}

impl Expand {
    /// As `@odata.context` shows it.
    pub(crate) fn shown(&self) -> String {
        let names = |select: &Option<Vec<Prop>>| {
            let mut names: Vec<&str> = Vec::new();
            for prop in select.iter().flatten() {
                let name = crate::sim::users::property::property(*prop).name;
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            names.join(",")
        };
        match self {
            Self::Manager { select, .. } => format!("manager({})", names(select)),
            Self::Linked { way, select } => format!("{}({})", way.name(), names(select)),
            Self::Role(expand) => format!("{}()", expand.name()),
        }
    }

    /// Refuses what cannot be asked for together.
    pub(crate) fn check(&self, mode: Mode, has_search: bool) -> Result<(), Refusal> {
        let climbs = matches!(self, Self::Manager { levels: Some(_), .. });
        match (climbs, mode) {
            (true, Mode::Plain) => Err(Refusal::unsupported(
                "$levels is not supported because the required parameters might be missing. Try adding $count=true query \
                 parameter and ConsistencyLevel:eventual header.",
            )),
            (false, Mode::Advanced) => {
                Err(Refusal::unsupported("$expand is not supported together with advanced query parameters."))
            }
            _ if has_search => Err(Refusal::unsupported("$expand is not supported together with $search.")),
            _ => Ok(()),
        }
    }
}

impl State {
    /// Writes what is asked for beside an object's own properties.
    pub(crate) fn write_expansion(&self, call: &Call<'_>, object: Object<'_>, expand: &Expand, out: &mut Vec<u8>) {
        match (expand, object) {
            (Expand::Manager { select, levels }, object) => {
                self.write_managers(call, object, select.as_deref(), levels.unwrap_or(1), out);
            }
            (Expand::Linked { way, select }, object) => {
                let mut value = vec![b'['];
                for (index, (_, other)) in self.followed(call, object, *way).take(MAX_EXPANDED).enumerate() {
                    if index > 0 {
                        value.push(b',');
                    }
                    let kind = [("@odata.type", other.odata_type())];
                    write_object(other, select.as_deref(), self.context(), &kind, &mut value);
                }
                value.push(b']');
                member(way.name(), &value, out);
            }
            (Expand::Role(expand), Object::Assignment(assignment)) => {
                let value = self.expanded_role(assignment, *expand).to_string();
                member(expand.name(), value.as_bytes(), out);
            }
            (Expand::Role(_), _) => {}
        }
    }

    /// A chain of managers, each within the one before; whoever has none has no such member.
    fn write_managers(
        &self,
        call: &Call<'_>,
        object: Object<'_>,
        select: Option<&[Prop]>,
        levels: usize,
        out: &mut Vec<u8>,
    ) {
        let above = |object: Object<'_>| match object {
            Object::User(user) => user.manager.and_then(|id| self.visible_object(id, call.now)),
            _ => None,
        };
        let mut chain: Vec<Object<'_>> = Vec::new();
        let mut next = above(object);
        while let Some(manager) =
            next.filter(|manager| chain.len() < levels && !chain.iter().any(|known| known.id() == manager.id()))
        {
            chain.push(manager);
            next = above(manager);
        }
        let mut inner: Option<Vec<u8>> = None;
        for manager in chain.iter().rev() {
            let kind = [("@odata.type", manager.odata_type())];
            let mut value = Vec::new();
            open(*manager, select, self.context(), &kind, &mut value);
            if let Some(inner) = &inner {
                member("manager", inner, &mut value);
            }
            close(&mut value);
            inner = Some(value);
        }
        if let Some(manager) = inner {
            member("manager", &manager, out);
        }
    }

    fn followed<'a>(&'a self, call: &Call<'_>, object: Object<'_>, way: Way) -> Objects<'a> {
        let (id, now) = (object.id(), call.now);
        let seen = move |(place, other)| Some((place, self.visible_object(other, now)?));
        match way {
            Way::To(relation) => Box::new(self.links(relation).shown_from(id, 0, now).filter_map(seen)),
            Way::MemberOf => Box::new(self.members.shown_to(id, 0, now).filter_map(seen)),
            Way::DirectReports => self.reports_of(id, 0, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expansions_are_read_and_shown() {
        for (class, text, shown) in [
            (Class::User, "manager", "manager()"),
            (Class::User, "Manager($select=id,displayName)", "manager(id,displayName)"),
            (Class::User, "manager($levels=max;$select=id)", "manager(id)"),
            (Class::User, "memberOf($select=id,displayName)", "memberOf(id,displayName)"),
            (Class::Group, "members", "members()"),
        ] {
            assert_eq!(parse(text, class, &Extensions::default()).expect(text).shown(), shown, "{text}");
        }
        for (class, text) in [
            (Class::User, "manager,memberOf"),
            (Class::User, "manager($levels=0)"),
            (Class::User, "memberOf($levels=2)"),
            (Class::User, "manager($select=id"),
            (Class::User, "manager($top=1)"),
            (Class::User, "members"),
            (Class::Group, "manager"),
            (Class::Any, "members"),
            (Class::User, ""),
        ] {
            assert_eq!(parse(text, class, &Extensions::default()).expect_err(text).status, 400, "{text}");
        }
        let climbs = parse("manager($levels=2)", Class::User, &Extensions::default()).expect("valid");
        assert!(climbs.check(Mode::Plain, false).is_err() && climbs.check(Mode::Advanced, false).is_ok());
        let plain = parse("manager", Class::User, &Extensions::default()).expect("valid");
        assert!(plain.check(Mode::Plain, false).is_ok() && plain.check(Mode::Advanced, false).is_err());
    }
}
