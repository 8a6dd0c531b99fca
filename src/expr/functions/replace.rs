//! Replacing text in text.

use std::borrow::Cow;

use super::Misuse;
use crate::expr::ast::Node;
use crate::expr::eval::{Call, Item, Stop};

const OLD_VALUE: usize = 1;
const REGEX_PATTERN: usize = 2;
const REPLACEMENT_VALUE: usize = 4;
const TEMPLATE: usize = 6;

/// Which arguments are given decides what is done, and is known without data.
pub(super) fn check(arguments: &[Option<Node>]) -> Result<(), Misuse> {
    let given = |index: usize| matches!(arguments.get(index), Some(Some(_)));
    if given(OLD_VALUE) && given(TEMPLATE) {
        return Ok(());
    }
    if given(REGEX_PATTERN) {
        return Err(Misuse {
            argument: Some(REGEX_PATTERN),
            message: "Replace with a regular expression is not supported yet in this version".to_owned(),
            accepted: "give oldValue with replacementValue or with template".to_owned(),
        });
    }
    if given(OLD_VALUE) && given(REPLACEMENT_VALUE) {
        return Ok(());
    }
    Err(Misuse {
        argument: None,
        message: "Replace does not know what to replace with what".to_owned(),
        accepted: "give oldValue with replacementValue, Replace([a], \"old\", , , \"new\"), or with template, \
                   Replace([a], \"old\", , , , , \"text with old\")"
            .to_owned(),
    })
}

/// `Replace(source, oldValue, regexPattern, regexGroupName, replacementValue, replacementAttributeName, template)`.
///
/// With a template: every *oldValue* in the template becomes the source. Else every *oldValue* in the source becomes
/// *replacementValue*. Case matters.
///
/// See [Replace](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#replace).
pub(super) fn replace<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let old = call.text(OLD_VALUE)?.unwrap_or_default();
    if old.is_empty() {
        return Err(call.fault_at(OLD_VALUE, "the text to replace (oldValue) is empty"));
    }
    if call.is_given(TEMPLATE) {
        let Some(template) = call.text(TEMPLATE)? else {
            return Ok(Item::NULL);
        };
        return call.map_text(0, |source| replace_all(call, template.clone(), &old, &source));
    }
    let new = call.text(REPLACEMENT_VALUE)?.unwrap_or_default();
    call.map_text(0, |source| replace_all(call, source, &old, &new))
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
