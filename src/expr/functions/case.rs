//! Letters in the other case, as .NET has them: one character for one.

use std::borrow::Cow;
use std::collections::BTreeSet;

use icu_properties::props::GeneralCategory;

use crate::expr::eval::{Call, Item, Stop, Written, quote};
use crate::expr::types::is_culture;
use crate::expr::unicode::category;

/// `ToLower(source, culture?)`: in the invariant culture, or with the dotless i of `tr` and `az`.
///
/// See [ToLower](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#tolower).
pub(super) fn to_lower<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let dotless = has_dotless_i(call, 1)?;
    call.map_text(0, |source| {
        let mut text = source.into_owned();
        lower_from(&mut text, 0, dotless);
        Ok(Cow::Owned(text))
    })
}

/// `ToLower` of a single text.
pub(super) fn write_lower(call: &Call<'_, '_>, out: &mut String) -> Result<Written, Stop> {
    let dotless = has_dotless_i(call, 1)?;
    let begin = out.len();
    let written = call.write(0, out)?;
    lower_from(out, begin, dotless);
    call.burn(out.len() - begin)?;
    Ok(written)
}

/// Lowers the end of a text.
fn lower_from(text: &mut String, begin: usize, dotless: bool) {
    match text.get_mut(begin..) {
        Some(end) if end.is_ascii() && !dotless => end.make_ascii_lowercase(),
        _ => {
            let lowered: String = text[begin..].chars().map(|character| lower(character, dotless)).collect();
            text.truncate(begin);
            text.push_str(&lowered);
        }
    }
}

/// `ToUpper(source, culture?)`: in the invariant culture, or with the dotted I of `tr` and `az`.
///
/// See [ToUpper](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#toupper).
pub(super) fn to_upper<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let dotless = has_dotless_i(call, 1)?;
    call.map_text(0, |source| Ok(source.chars().map(|character| upper(character, dotless)).collect()))
}

/// `PCase(source, wordSeparators?)`: all in lower case, but the first character of each word.
///
/// Without *wordSeparators* punctuation, symbols, white space and control characters separate words; the apostrophe too.
///
/// See [PCase](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#pcase).
pub(super) fn p_case<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let given = call.text(1)?;
    call.burn(given.as_ref().map_or(0, |separators| separators.len() * 4))?;
    let given: Option<BTreeSet<char>> = given.map(|separators| separators.chars().collect());
    let separates = |character: char| match &given {
        Some(separators) => separators.contains(&character),
        None => is_separator(character),
    };
    call.map_text(0, |source| {
        // Each character is looked up twice.
        call.burn(source.len() * 2)?;
        let mut begins = true;
        let cased = source.chars().map(|character| {
            let cased = if begins { upper(character, false) } else { lower(character, false) };
            begins = separates(character);
            cased
        });
        Ok(cased.collect())
    })
}

fn is_separator(character: char) -> bool {
    use GeneralCategory::*;
    matches!(
        category(character),
        SpaceSeparator
            | LineSeparator
            | ParagraphSeparator
            | Control
            | Format
            | ConnectorPunctuation
            | DashPunctuation
            | OpenPunctuation
            | ClosePunctuation
            | InitialPunctuation
            | FinalPunctuation
            | OtherPunctuation
            | MathSymbol
            | CurrencySymbol
            | ModifierSymbol
            | OtherSymbol
    )
}

fn lower(character: char, dotless: bool) -> char {
    match character {
        'I' if dotless => 'ı',
        'İ' if dotless => 'i',
        _ => only(character.to_lowercase(), character),
    }
}

fn upper(character: char, dotless: bool) -> char {
    match character {
        'i' if dotless => 'İ',
        'ı' if dotless => 'I',
        // The invariant culture leaves it alone.
        'ı' => 'ı',
        _ => only(character.to_uppercase(), character),
    }
}

/// .NET keeps what would become longer.
fn only(mut mapped: impl Iterator<Item = char>, character: char) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => character,
    }
}

fn has_dotless_i(call: &Call<'_, '_>, index: usize) -> Result<bool, Stop> {
    if !call.is_given(index) {
        return Ok(false);
    }
    let Some(culture) = call.text(index)? else {
        return Ok(false);
    };
    if !is_culture(&culture) {
        return Err(call.fault_at(index, format!("{} is no culture such as en-US", quote(&culture))));
    }
    let language = culture.split('-').next().unwrap_or_default();
    Ok(language.eq_ignore_ascii_case("tr") || language.eq_ignore_ascii_case("az"))
}
