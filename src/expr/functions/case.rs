//! Lower case, as .NET does it: one character for one.

use std::borrow::Cow;

use crate::expr::eval::{Call, Item, Stop, quote};

/// `ToLower(source, culture?)`: in the invariant culture, or with the dotless i of `tr` and `az`.
///
/// See [ToLower](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#tolower).
pub(super) fn to_lower<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let dotless = match call.is_given(1) {
        true => call.text(1)?.map_or(Ok(false), |culture| has_dotless_i(call, &culture))?,
        false => false,
    };
    call.map_text(0, |source| {
        Ok(match source {
            text if text.is_ascii() && !dotless => {
                if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
                    let mut text = text.into_owned();
                    text.make_ascii_lowercase();
                    Cow::Owned(text)
                } else {
                    text
                }
            }
            text => text.chars().map(|character| lower(character, dotless)).collect(),
        })
    })
}

fn lower(character: char, dotless: bool) -> char {
    match character {
        'I' if dotless => 'ı',
        'İ' if dotless => 'i',
        _ => {
            let mut mapped = character.to_lowercase();
            match (mapped.next(), mapped.next()) {
                (Some(one), None) => one,
                // .NET keeps what would become longer.
                _ => character,
            }
        }
    }
}

fn has_dotless_i(call: &Call<'_, '_>, culture: &str) -> Result<bool, Stop> {
    let mut tags = culture.split('-');
    let language = tags.next().unwrap_or_default();
    let is_tag = |tag: &str| (1..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_language = language.bytes().all(|byte| byte.is_ascii_alphabetic()) && is_tag(language);
    // The empty name is .NET's invariant culture.
    let known = culture.is_empty() || (is_language && tags.all(is_tag));
    if !known {
        return Err(call.fault_at(1, format!("{} is no culture such as en-US", quote(culture))));
    }
    Ok(language.eq_ignore_ascii_case("tr") || language.eq_ignore_ascii_case("az"))
}
