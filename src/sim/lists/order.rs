//! `$orderby`.

use super::filter::Mode;
use crate::sim::apps::application;
use crate::sim::groups::group_property;
use crate::sim::objects::object::{Context, Object};
use crate::sim::objects::stored::{Reading, fold};
use crate::sim::users::property::{self, Class, Prop, property};
use crate::sim::wire::answer::Refusal;

/// By what a list is sorted, the most important first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Order(Vec<(Prop, Direction)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ascending,
    Descending,
}

/// What sorts a list without more.
const PLAIN: &[Prop] = &[
    property::DISPLAY_NAME,
    property::UPN,
    group_property::DISPLAY_NAME,
    application::DISPLAY_NAME,
    application::PRINCIPAL_NAME,
];
/// What sorts one with `ConsistencyLevel: eventual` and `$count=true`.
const ADVANCED: &[&str] = &["createdDateTime", "deletedDateTime", "mail", "mailNickname", "jobTitle", "department"];

impl Order {
    pub(crate) fn parse(text: &str, class: Class, mode: Mode) -> Result<Self, Refusal> {
        let unsupported = || Refusal::unsupported("Sorting not supported for current query.");
        let mut keys = Vec::new();
        for part in text.split(',') {
            let mut words = part.split_whitespace();
            let name =
                words.next().ok_or_else(|| Refusal::protocol("Invalid $orderby: a property name is missing."))?;
            let direction = match words.next() {
                None => Direction::Ascending,
                Some(word) if word.eq_ignore_ascii_case("asc") => Direction::Ascending,
                Some(word) if word.eq_ignore_ascii_case("desc") => Direction::Descending,
                Some(word) => return Err(Refusal::protocol(format!("Invalid $orderby: syntax error at '{word}'."))),
            };
            if let Some(word) = words.next() {
                return Err(Refusal::protocol(format!("Invalid $orderby: syntax error at '{word}'.")));
            }
            let kind = class.name();
            let prop = class.find(name).next().ok_or_else(|| {
                Refusal::protocol(format!("Could not find a property named '{name}' on type 'microsoft.graph.{kind}'."))
            })?;
            let is_plain = PLAIN.contains(&prop) && class != Class::Any;
            let is_advanced = PLAIN.contains(&prop) || ADVANCED.contains(&property(prop).name);
            if !(is_plain || (is_advanced && mode == Mode::Advanced)) {
                return Err(unsupported());
            }
            keys.push((prop, direction));
        }
        Ok(Self(keys))
    }

    /// Sorts objects; those that are alike keep their places.
    pub(crate) fn sort(&self, objects: &mut [(u32, Object<'_>)], context: Context<'_>) {
        objects.sort_by_cached_key(|(_, object)| {
            let key = |(prop, direction): &(Prop, Direction)| {
                let text = match object.read(*prop, context) {
                    Reading::Text(text) => Some(fold(&text)),
                    _ => None,
                };
                match direction {
                    Direction::Ascending => Key::Up(text),
                    Direction::Descending => Key::Down(std::cmp::Reverse(text)),
                }
            };
            self.0.iter().map(key).collect::<Vec<_>>()
        });
    }
}

/// Of two lists only keys in the same place, and so of the same direction, are compared.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Up(Option<Box<str>>),
    Down(std::cmp::Reverse<Option<Box<str>>>),
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;
    use uuid::Uuid;

    use super::*;
    use crate::sim::users::user::User;

    #[test]
    fn lists_are_sorted_without_regard_to_case() {
        let user = |number: u128, name: Option<&str>, mail: Option<&str>| {
            let mut user = User::new(Uuid::from_u128(number), 0);
            for (prop, text) in [(property::DISPLAY_NAME, name), (property::MAIL, mail)] {
                text.iter().for_each(|text| user.set_text(prop, text));
            }
            user
        };
        let people = [
            user(0, Some("b"), Some("x")),
            user(1, Some("A"), None),
            user(2, None, Some("y")),
            user(3, Some("B"), None),
        ];
        let sorted = |text: &str| {
            let order = Order::parse(text, Class::User, Mode::Advanced).expect(text);
            let mut objects: Vec<_> = (0..).zip(people.iter().map(Object::User)).collect();
            order.sort(&mut objects, Context { issuer: "", skus: &[], members: None, now: OffsetDateTime::UNIX_EPOCH });
            objects.into_iter().map(|(at, _)| at).collect::<Vec<u32>>()
        };
        assert_eq!(sorted("displayName"), [2, 1, 0, 3]);
        assert_eq!(sorted("displayName desc"), [0, 3, 1, 2]);
        assert_eq!(sorted("displayName asc, mail DESC"), [2, 1, 0, 3]);
        assert_eq!(sorted("displayName desc,mail"), [3, 0, 1, 2]);
    }

    #[test]
    fn what_cannot_be_sorted_by_is_refused() {
        for (text, mode, code) in [
            ("surname", Mode::Advanced, "Request_UnsupportedQuery"),
            ("createdDateTime", Mode::Plain, "Request_UnsupportedQuery"),
            ("nothing", Mode::Plain, "BadRequest"),
            ("displayName up", Mode::Plain, "BadRequest"),
            ("displayName asc asc", Mode::Plain, "BadRequest"),
            ("", Mode::Plain, "BadRequest"),
            ("displayName,", Mode::Plain, "BadRequest"),
        ] {
            assert_eq!(Order::parse(text, Class::User, mode).expect_err(text).code, code, "{text}");
        }
    }
}
