//! The text that stands for a match: `${name}`, `$1`, `$$` as .NET has them.

use super::pattern::{Match, Regex};

/// A parsed replacement. What refers to no group is text.
///
/// See [substitutions](https://learn.microsoft.com/dotnet/standard/base-types/substitutions-in-regular-expressions).
#[derive(Debug)]
pub(crate) struct Replacement<'r>(Vec<Part<'r>>);

#[derive(Debug)]
enum Part<'r> {
    Text(&'r str),
    Group(usize),
    /// `$+`: the last group that took part.
    LastGroup,
    /// `` $` ``
    Before,
    /// `$'`
    After,
    /// `$_`
    Everything,
}

impl<'r> Replacement<'r> {
    pub(crate) fn new(text: &'r str, regex: &Regex) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            parts.push(Part::Text(&rest[..dollar]));
            let tail = &rest[dollar + 1..];
            let (part, length) = match tail.chars().next() {
                Some('$') => (Part::Text("$"), 1),
                Some('&') => (Part::Group(0), 1),
                Some('`') => (Part::Before, 1),
                Some('\'') => (Part::After, 1),
                Some('+') => (Part::LastGroup, 1),
                Some('_') => (Part::Everything, 1),
                _ => reference(tail, regex).unwrap_or((Part::Text("$"), 0)),
            };
            parts.push(part);
            rest = &tail[length..];
        }
        parts.push(Part::Text(rest));
        Self(parts)
    }

    /// Appends what stands for a match.
    pub(crate) fn expand(&self, found: &Match<'_>, out: &mut String) {
        let text = found.text();
        let range = found.range();
        for part in &self.0 {
            out.push_str(match part {
                Part::Text(text) => text,
                Part::Group(group) => found.group(*group).unwrap_or_default(),
                Part::LastGroup => found.last_group().unwrap_or_default(),
                Part::Before => &text[..range.start],
                Part::After => &text[range.end..],
                Part::Everything => text,
            });
        }
    }

    /// How long that is, in bytes, for a text of which `$_` and the like take no more than all.
    pub(crate) fn length(&self, found: &Match<'_>) -> usize {
        let (all, range) = (found.text().len(), found.range());
        let lengths = self.0.iter().map(|part| match part {
            Part::Text(text) => text.len(),
            Part::Group(group) => found.group(*group).map_or(0, str::len),
            Part::LastGroup => found.last_group().map_or(0, str::len),
            Part::Before => range.start,
            Part::After => all - range.end,
            Part::Everything => all,
        });
        lengths.fold(0, usize::saturating_add)
    }
}

/// `1` or `{name}` after a dollar, if there is such a group, and its length.
fn reference<'r>(tail: &str, regex: &Regex) -> Option<(Part<'r>, usize)> {
    let (name, length) = match tail.strip_prefix('{') {
        Some(inner) => {
            let end = inner.find('}')?;
            (&inner[..end], end + 2)
        }
        None => {
            let end = tail.find(|character: char| !character.is_ascii_digit()).unwrap_or(tail.len());
            (&tail[..end], end)
        }
    };
    if name.is_empty() {
        return None;
    }
    let by_number = || match name.bytes().all(|byte| byte.is_ascii_digit()) {
        true => name.parse().ok().filter(|number| *number < regex.groups()),
        false => None,
    };
    let group = by_number().or_else(|| regex.group(name))?;
    Some((Part::Group(group), length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::fuel::Fuel;

    #[test]
    fn replacements_are_read_as_in_dotnet() {
        let regex = Regex::new("(b)(?<n>c)(x)?").expect("a pattern");
        let found = regex.first("abcd", &Fuel::full()).expect("fuel enough").expect("a match");
        for (text, expected) in [
            ("[$1]", "[b]"),
            ("$1x", "bx"),
            ("${1}2", "b2"),
            ("$2", ""),
            ("$3", "c"),
            ("${n}", "c"),
            ("$n ${m} $9 $12 $", "$n ${m} $9 $12 $"),
            ("$$1", "$1"),
            ("$&$0", "bcbc"),
            ("$`|$'|$_|$+", "a|d|abcd|c"),
            ("${", "${"),
            ("${}", "${}"),
            ("é$é", "é$é"),
        ] {
            let replacement = Replacement::new(text, &regex);
            let mut out = String::new();
            replacement.expand(&found, &mut out);
            assert_eq!(out, expected, "{text}");
            assert_eq!(replacement.length(&found), expected.len(), "{text}");
        }
    }
}
