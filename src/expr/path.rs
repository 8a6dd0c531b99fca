//! The text between the brackets of an attribute: a name, or a path into a complex value.

use crate::expr::coerce::text_form;
use crate::model::{Attributes, Name, Value};

/// Where an attribute is looked up: under its text as a flat name; then, if the text is a path, inside the object that
/// it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttributePath {
    text: Name,
    inside: Option<Box<Inside>>,
}

/// The top-level attribute that a path starts at, and the way from there.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Inside {
    head: Name,
    filter: Option<Filter>,
    steps: Box<[Step]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    member: Name,
    filter: Option<Filter>,
}

/// `[member eq literal]`: keeps the elements whose member has that text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Filter {
    member: Name,
    literal: String,
}

/// What a path leads to.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    Here(&'a Value),
    Collected(Value),
    /// Under no name that the path could mean: not delivered.
    Absent,
}

impl AttributePath {
    /// Any text is a name; one that reads as a path is a path too.
    pub(crate) fn new(text: impl Into<Name>) -> Self {
        let text = text.into();
        let inside = Inside::parse(&text).map(Box::new);
        Self { text, inside }
    }

    pub(crate) fn text(&self) -> &Name {
        &self.text
    }

    /// The top-level attributes that it may read: its text, and the object that the path starts at.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Name> {
        std::iter::once(&self.text).chain(self.inside.as_ref().map(|inside| &inside.head))
    }

    pub(crate) fn find<'a>(&self, attributes: &'a Attributes) -> Found<'a> {
        self.find_counting(attributes).0
    }

    /// The attribute of that very name.
    #[inline]
    pub(super) fn find_flat<'a>(&self, attributes: &'a Attributes) -> Option<&'a Value> {
        attributes.get(&self.text)
    }

    /// Finds it and says how much work that was, in steps.
    pub(super) fn find_counting<'a>(&self, attributes: &'a Attributes) -> (Found<'a>, usize) {
        if let Some(value) = attributes.get(&self.text) {
            return (Found::Here(value), 0);
        }
        let Some(inside) = &self.inside else {
            return (Found::Absent, 0);
        };
        match attributes.get(&inside.head) {
            Some(value) => inside.walk(value),
            None => (Found::Absent, 0),
        }
    }
}

impl Inside {
    fn parse(text: &str) -> Option<Self> {
        let bracket = text.find('[').unwrap_or(text.len());
        if let Some(colon) = text[..bracket].rfind(':') {
            // The name of a SCIM extension holds dots itself; what follows its last colon is the path.
            return Some(Self {
                head: text[..colon].into(),
                filter: None,
                steps: parse_steps(&text[colon + 1..])?.into(),
            });
        }
        let mut steps = parse_steps(text)?;
        let first = steps.remove(0);
        if steps.is_empty() && first.filter.is_none() {
            return None;
        }
        Some(Self { head: first.member, filter: first.filter, steps: steps.into() })
    }

    fn walk<'a>(&self, value: &'a Value) -> (Found<'a>, usize) {
        let mut visited = 0;
        // Looking into a complex value that lies somewhere in memory.
        const VISIT: usize = 25;
        // Whether a list was crossed without a filter: then the result is a list, however long.
        let mut all = false;
        let mut current = vec![value];
        if let Some(filter) = &self.filter {
            visited += VISIT * value.as_slice().len();
            current = filter.apply(&current);
        }
        for step in &self.steps {
            let mut next = Vec::new();
            for value in current {
                all |= matches!(value, Value::List(_));
                visited += VISIT * value.as_slice().len();
                for element in value.as_slice() {
                    if let Value::Object(members) = element {
                        next.extend(members.get(&step.member));
                    }
                }
            }
            current = match &step.filter {
                Some(filter) => {
                    visited += VISIT * next.iter().map(|value| value.as_slice().len()).sum::<usize>();
                    filter.apply(&next)
                }
                None => next,
            };
        }
        let found = match current.as_slice() {
            [one] if !all => Found::Here(one),
            [] if !all => Found::Here(&Value::Null),
            several => Found::Collected(Value::list(several.iter().flat_map(|value| value.as_slice()).cloned())),
        };
        (found, visited)
    }
}

impl Filter {
    fn apply<'a>(&self, values: &[&'a Value]) -> Vec<&'a Value> {
        values
            .iter()
            .flat_map(|value| value.as_slice())
            .filter(|element| match element {
                Value::Object(members) => {
                    members.get(&self.member).and_then(text_form).is_some_and(|text| match text.is_ascii() {
                        true => text.eq_ignore_ascii_case(&self.literal),
                        false => text.to_lowercase() == self.literal,
                    })
                }
                _ => false,
            })
            .collect()
    }
}

fn parse_steps(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.find(['.', '[', ']', '"']).unwrap_or(rest.len());
        let member = rest[..end].trim();
        if member.is_empty() {
            return None;
        }
        rest = &rest[end..];
        let filter = match rest.strip_prefix('[') {
            Some(inner) => {
                let (filter, after) = parse_filter(inner)?;
                rest = after;
                Some(filter)
            }
            None => None,
        };
        steps.push(Step { member: member.into(), filter });
        if rest.is_empty() {
            return Some(steps);
        }
        rest = rest.strip_prefix('.')?;
    }
}

/// Reads `attr eq literal]` and gives what follows.
fn parse_filter(text: &str) -> Option<(Filter, &str)> {
    let text = text.trim_start();
    let (member, rest) = text.split_once(char::is_whitespace)?;
    let (operator, rest) = rest.trim_start().split_once(char::is_whitespace)?;
    if !operator.eq_ignore_ascii_case("eq") || member.contains(['"', '[', ']']) {
        return None;
    }
    let rest = rest.trim_start();
    let (literal, rest) = match rest.strip_prefix('"') {
        Some(quoted) => {
            let mut literal = String::new();
            let mut characters = quoted.char_indices();
            loop {
                match characters.next()? {
                    (index, '"') => break (literal, quoted[index + 1..].trim_start()),
                    (_, '\\') => literal.push(characters.next()?.1),
                    (_, character) => literal.push(character),
                }
            }
        }
        None => {
            let end = rest.find([']', '"', '['])?;
            (rest[..end].trim().to_owned(), &rest[end..])
        }
    };
    let rest = rest.strip_prefix(']')?;
    Some((Filter { member: member.into(), literal: literal.to_lowercase() }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str) -> String {
        let json = serde_json::json!({
            "name": {"givenName": "Ann", "nothing": null},
            "flat.name": "flat",
            "emails": [
                {"type": "Work", "value": "ann@w.io", "primary": true},
                {"type": "home", "value": "ann@h.io"},
                "no object",
            ],
            "one": [{"value": 1}],
            "urn:x:2.0:User": {"department": "Sales", "manager": {"value": "42"}},
        });
        let attributes: Attributes = serde_json::from_value(json).expect("attributes");
        match AttributePath::new(text).find(&attributes) {
            Found::Here(value) => format!("{value:?}"),
            Found::Collected(value) => format!("{value:?}"),
            Found::Absent => "absent".to_owned(),
        }
    }

    #[test]
    fn paths_lead_into_complex_values() {
        for (path, expected) in [
            ("name.givenName", "\"Ann\""),
            ("name.nothing", "null"),
            ("name.missing", "null"),
            ("name.givenName.deeper", "null"),
            ("flat.name", "\"flat\""),
            ("emails.value", "[\"ann@w.io\", \"ann@h.io\"]"),
            ("emails[type eq \"work\"].value", "\"ann@w.io\""),
            ("emails[ type  EQ \"work\" ].value", "\"ann@w.io\""),
            ("emails[primary eq true].value", "\"ann@w.io\""),
            ("emails[primary eq \"True\"].value", "\"ann@w.io\""),
            ("emails[type eq \"other\"].value", "null"),
            ("emails[type ne \"work\"].value", "absent"),
            ("one.value", "[1]"),
            ("urn:x:2.0:User:department", "\"Sales\""),
            ("urn:x:2.0:User:manager.value", "\"42\""),
            ("urn:x:2.0:Group:department", "absent"),
            ("missing", "absent"),
            ("missing.member", "absent"),
            (".", "absent"),
            ("a[", "absent"),
        ] {
            assert_eq!(find(path), expected, "{path}");
        }
    }

    #[test]
    fn a_path_names_all_that_it_may_read() {
        let names = |text: &str| AttributePath::new(text).names().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names("mail"), ["mail"]);
        assert_eq!(names("name.givenName"), ["name.givenName", "name"]);
        assert_eq!(names("urn:a.b:User:x"), ["urn:a.b:User:x", "urn:a.b:User"]);
        assert_eq!(names("Phone [work]"), ["Phone [work]"]);
    }
}
