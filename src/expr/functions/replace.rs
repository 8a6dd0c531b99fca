//! Replacing text in text, by itself or by a pattern.

use std::borrow::Cow;

use super::{Misuse, Prepared};
use crate::expr::ast::{Node, NodeKind};
use crate::expr::eval::{Call, Item, Stop, quote};
use crate::expr::fuel::Exhausted;
use crate::expr::regex::{Regex, Replacement};
use crate::model::Value;

const OLD_VALUE: usize = 1;
const REGEX_PATTERN: usize = 2;
const REGEX_GROUP_NAME: usize = 3;
const REPLACEMENT_VALUE: usize = 4;
const REPLACEMENT_ATTRIBUTE_NAME: usize = 5;
const TEMPLATE: usize = 6;

/// What is done, by which arguments are given; the first that fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::expr) enum Mode {
    /// Every old value in the template becomes the source.
    Template,
    /// Every old value in the source becomes the new one.
    Plain,
    /// A source without a value gets the group of a match in another attribute.
    FromAttribute,
    /// In every match the group becomes the new value.
    Group,
    /// Every match becomes the new value, with its references.
    Pattern,
}

#[derive(Debug, PartialEq)]
pub(in crate::expr) struct Prepare {
    mode: Mode,
    /// `None` if the pattern is not constant.
    regex: Option<Regex>,
}

/// Which arguments are given decides what is done, and is known without data; so is a constant pattern.
pub(super) fn check(arguments: &[Option<Node>]) -> Result<Prepared, Misuse> {
    let given = |index: usize| matches!(arguments.get(index), Some(Some(_)));
    let mode = if given(OLD_VALUE) && given(TEMPLATE) {
        Mode::Template
    } else if given(OLD_VALUE) && given(REPLACEMENT_VALUE) && !given(REGEX_PATTERN) {
        Mode::Plain
    } else if given(REGEX_PATTERN) && given(REGEX_GROUP_NAME) && given(REPLACEMENT_ATTRIBUTE_NAME) {
        Mode::FromAttribute
    } else if given(REGEX_PATTERN) && given(REGEX_GROUP_NAME) && given(REPLACEMENT_VALUE) {
        Mode::Group
    } else if given(REGEX_PATTERN) && given(REPLACEMENT_VALUE) {
        Mode::Pattern
    } else {
        return Err(Misuse {
            argument: None,
            message: "Replace does not know what to replace with what".to_owned(),
            accepted:
                "give oldValue with replacementValue, Replace([a], \"old\", , , \"new\"), oldValue with template, \
                       Replace([a], \"old\", , , , , \"text with old\"), or regexPattern with replacementValue, \
                       Replace([a], , \"[0-9]+\", , \"new\")"
                    .to_owned(),
        });
    };
    let constant = |index: usize| match &arguments.get(index)?.as_ref()?.kind {
        NodeKind::Constant(Value::Text(text)) => Some(text.as_ref()),
        _ => None,
    };
    if constant(OLD_VALUE) == Some("") && matches!(mode, Mode::Template | Mode::Plain) {
        return Err(Misuse {
            argument: Some(OLD_VALUE),
            message: "the text to replace (oldValue) is empty".to_owned(),
            accepted: "a text of one character at least".to_owned(),
        });
    }
    let regex = match constant(REGEX_PATTERN) {
        Some(pattern) => Some(Regex::new(pattern).map_err(|error| Misuse {
            argument: Some(REGEX_PATTERN),
            message: format!("the pattern is wrong: {error}"),
            accepted: "a regular expression of .NET; in a text \\\\ stands for one backslash".to_owned(),
        })?),
        None => None,
    };
    if let (Some(regex), Some(name), Mode::FromAttribute | Mode::Group) = (&regex, constant(REGEX_GROUP_NAME), mode)
        && regex.group(name).is_none()
    {
        return Err(Misuse {
            argument: Some(REGEX_GROUP_NAME),
            message: format!("the pattern has no group {name}"),
            accepted: format!("name a group in the pattern: (?<{name}>…)"),
        });
    }
    Ok(Prepared::Replace(Box::new(Prepare { mode, regex })))
}

/// `Replace(source, oldValue, regexPattern, regexGroupName, replacementValue, replacementAttributeName, template)`.
///
/// See [Replace](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#replace).
pub(super) fn replace<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let Prepared::Replace(prepared) = call.prepared() else {
        return Err(call.fault("Replace was not prepared"));
    };
    match prepared.mode {
        Mode::Template => {
            let old = old_value(call)?;
            let Some(template) = call.text(TEMPLATE)? else {
                return Ok(Item::NULL);
            };
            call.map_text(0, |source| replace_all(call, template.clone(), &old, &source))
        }
        Mode::Plain => {
            let old = old_value(call)?;
            let new = call.text(REPLACEMENT_VALUE)?.unwrap_or_default();
            call.map_text(0, |source| replace_all(call, source, &old, &new))
        }
        Mode::FromAttribute | Mode::Group | Mode::Pattern => match &prepared.regex {
            Some(regex) => by_pattern(call, prepared.mode, regex),
            None => {
                let pattern = call.text(REGEX_PATTERN)?.unwrap_or_default();
                // What follows from a pattern costs about as much as a hundred steps a character.
                call.burn(pattern.len().saturating_mul(100))?;
                let regex = Regex::new(&pattern)
                    .map_err(|error| call.fault_at(REGEX_PATTERN, format!("the pattern is wrong: {error}")))?;
                by_pattern(call, prepared.mode, &regex)
            }
        },
    }
}

fn by_pattern<'a>(call: &Call<'a, '_>, mode: Mode, regex: &Regex) -> Result<Item<'a>, Stop> {
    match mode {
        Mode::FromAttribute => {
            let source = call.value(0)?;
            if !source.is_empty() {
                return Ok(source);
            }
            let group = group(call, regex)?;
            let Some(text) = call.text(REPLACEMENT_ATTRIBUTE_NAME)? else {
                return Ok(Item::NULL);
            };
            let found = regex.first(&text, call.fuel()).map_err(|exhausted| call.exhausted(exhausted))?;
            Ok(match found.as_ref().and_then(|found| found.group(group)) {
                Some(text) => Item::from(text.to_owned()),
                None => Item::NULL,
            })
        }
        Mode::Group => {
            let group = group(call, regex)?;
            let new = call.text(REPLACEMENT_VALUE)?.unwrap_or_default();
            call.map_text(0, |source| {
                let (mut out, mut copied) = (String::new(), 0);
                let each = regex.each(&source, call.fuel(), |found| {
                    // A group within look-around may lie outside of its match, and before what is done.
                    if let Some(range) = found.group_range(group).filter(|range| range.start >= copied) {
                        call.fuel().burn(range.start - copied + new.len())?;
                        out.push_str(&source[copied..range.start]);
                        out.push_str(&new);
                        copied = range.end;
                    }
                    Ok(())
                });
                finish(call, each, source, out, copied)
            })
        }
        _ => {
            let new = call.text(REPLACEMENT_VALUE)?.unwrap_or_default();
            let replacement = Replacement::new(&new, regex);
            call.map_text(0, |source| {
                let (mut out, mut copied) = (String::new(), 0);
                let each = regex.each(&source, call.fuel(), |found| {
                    let range = found.range();
                    call.fuel().burn((range.start - copied).saturating_add(replacement.length(found)))?;
                    out.push_str(&source[copied..range.start]);
                    replacement.expand(found, &mut out);
                    copied = range.end;
                    Ok(())
                });
                finish(call, each, source, out, copied)
            })
        }
    }
}

/// Adds what follows the last match.
fn finish<'a>(
    call: &Call<'a, '_>,
    each: Result<(), Exhausted>,
    source: Cow<'a, str>,
    mut out: String,
    copied: usize,
) -> Result<Cow<'a, str>, Stop> {
    each.map_err(|exhausted| call.exhausted(exhausted))?;
    if copied == 0 && out.is_empty() {
        return Ok(source);
    }
    out.push_str(&source[copied..]);
    Ok(Cow::Owned(out))
}

fn group(call: &Call<'_, '_>, regex: &Regex) -> Result<usize, Stop> {
    let name = call.text(REGEX_GROUP_NAME)?.unwrap_or_default();
    let missing = || call.fault_at(REGEX_GROUP_NAME, format!("the pattern has no group {}", quote(&name)));
    regex.group(&name).ok_or_else(missing)
}

fn old_value<'a>(call: &Call<'a, '_>) -> Result<Cow<'a, str>, Stop> {
    let old = call.text(OLD_VALUE)?.unwrap_or_default();
    match old.is_empty() {
        true => Err(call.fault_at(OLD_VALUE, "the text to replace (oldValue) is empty")),
        false => Ok(old),
    }
}

fn replace_all<'a>(call: &Call<'a, '_>, text: Cow<'a, str>, old: &str, new: &str) -> Result<Cow<'a, str>, Stop> {
    let count = text.matches(old).count();
    if count == 0 {
        return Ok(text);
    }
    // Known before anything is made: the rest of the text, and the new text as often as the old one.
    let rest = text.len().saturating_sub(count.saturating_mul(old.len()));
    call.check_length(rest.saturating_add(count.saturating_mul(new.len())))?;
    Ok(Cow::Owned(text.replace(old, new)))
}
