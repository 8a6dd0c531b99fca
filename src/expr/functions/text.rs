//! Putting texts together and taking them apart. A character is a Unicode scalar value.

use std::borrow::Cow;
use std::collections::BTreeSet;

use icu_casemap::CaseMapper;

use crate::expr::eval::{Call, Item, Stop, Written, quote};
use crate::expr::types::COMPARE_MODES;
use crate::model::Value;

/// `Append(source, suffix)`: the source, then the suffix. A null suffix adds nothing.
///
/// See [Append](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#append).
pub(super) fn append<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let suffix = call.text(1)?.unwrap_or_default();
    call.map_text(0, |mut source| {
        call.check_length(source.len() + suffix.len())?;
        if !suffix.is_empty() {
            match &mut source {
                Cow::Owned(text) => text.push_str(&suffix),
                Cow::Borrowed(text) => {
                    // Room for a little more: appends come in chains.
                    let mut longer = String::with_capacity(text.len() + suffix.len() + 16);
                    longer.push_str(text);
                    longer.push_str(&suffix);
                    source = Cow::Owned(longer);
                }
            }
        }
        Ok(source)
    })
}

/// `Append` of single texts.
pub(super) fn write_append(call: &Call<'_, '_>, out: &mut String) -> Result<Written, Stop> {
    let begin = out.len();
    let source = call.write(0, out)?;
    // Whatever the source is, the suffix may hold a marker, or a fault.
    let suffix = call.write(1, out)?;
    Ok(match (source, suffix) {
        (Written::Text, Written::Text | Written::Null) => Written::Text,
        (Written::Null, Written::Text | Written::Null) => {
            out.truncate(begin);
            Written::Null
        }
        // A suffix that is no text is a fault, which the usual way tells.
        _ => Written::Other,
    })
}

/// `Join(separator, source, …)`: what is not empty, the elements of lists too, with the separator between.
///
/// See [Join](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#join).
pub(super) fn join<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let mut joined = String::new();
    write_join(call, &mut joined)?;
    Ok(Item::from(joined))
}

/// `Join`, of lists too.
pub(super) fn write_join(call: &Call<'_, '_>, joined: &mut String) -> Result<Written, Stop> {
    let separator = call.text(0)?.unwrap_or_default();
    let begin = joined.len();
    let mut push = |text: &str| {
        if text.is_empty() {
            return Ok(());
        }
        call.check_length(joined.len() + separator.len() + text.len())?;
        call.burn(separator.len() + text.len())?;
        if joined.len() > begin {
            joined.push_str(&separator);
        }
        joined.push_str(text);
        Ok(())
    };
    for index in 1..call.len() {
        let item = call.value(index)?;
        let place = call.place(index);
        match &item {
            Item::Borrowed(Value::List(elements)) | Item::Owned(Value::List(elements)) => {
                for element in elements.iter() {
                    if let Some(text) = Item::Borrowed(element).into_text(place)? {
                        push(&text)?;
                    }
                }
            }
            _ => {
                if let Some(text) = item.into_text(place)? {
                    push(&text)?;
                }
            }
        }
    }
    Ok(Written::Text)
}

/// `StripSpaces(source)`: without U+0020; other white space stays.
///
/// See [StripSpaces](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#stripspaces).
pub(super) fn strip_spaces<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    call.map_text(0, |mut source| {
        if source.contains(' ') {
            source.to_mut().retain(|character| character != ' ');
        }
        Ok(source)
    })
}

/// `Trim(value)`: without white space at its ends.
///
/// See [Trim](https://learn.microsoft.com/entra/identity/hybrid/cloud-sync/reference-expressions#trim).
pub(super) fn trim<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    call.map_text(0, |source| {
        Ok(match source {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        })
    })
}

/// `Left(string, numChars)`: a negative number gives all, null gives empty text.
///
/// See [Left](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#left).
pub(super) fn left<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let count = call.required_integer(1)?;
    map_or_empty(call, |source| {
        let end = match usize::try_from(count) {
            Ok(count) => offset(&source, count),
            Err(_) => None,
        };
        Ok(part(source, 0, end))
    })
}

/// `Mid(source, start, length?)`: what is out of range gives the source as it is, as Entra Connect's page says.
///
/// See [Mid](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#mid).
pub(super) fn mid<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let start = call.required_integer(1)?;
    let length = match call.is_given(2) {
        true => call.required_integer(2)?,
        false => i64::MAX,
    };
    map_or_empty(call, |source| {
        if length == 0 {
            return Ok(Cow::Borrowed(""));
        }
        let (Ok(length), Ok(start)) = (usize::try_from(length), usize::try_from(start)) else {
            return Ok(source);
        };
        let Some(from) = start.checked_sub(1).and_then(|skipped| offset(&source, skipped)) else {
            return Ok(source);
        };
        let end = offset(&source[from..], length).map(|end| from + end);
        Ok(part(source, from, end))
    })
}

/// `Word(string, wordNumber, delimiters)`: words are what stands between any of the delimiters, counted from 1.
///
/// See [Word](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#word).
pub(super) fn word<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let number = call.integer(1)?.and_then(|number| usize::try_from(number).ok());
    let delimiters = call.text(2)?.unwrap_or_default();
    // Each of their characters is put into a set, and each of the source's is looked up.
    call.burn(delimiters.len() * 4)?;
    let delimiters: BTreeSet<char> = delimiters.chars().collect();
    map_or_empty(call, |source| {
        call.burn(source.len() * 2)?;
        let mut words = source.split(|character| delimiters.contains(&character)).filter(|word| !word.is_empty());
        let word = number.and_then(|number| words.nth(number.checked_sub(1)?));
        Ok(Cow::Owned(word.unwrap_or_default().to_owned()))
    })
}

/// `InStr(value1, value2, start?, compareType?)`: where the second stands in the first, from 1; 0 for nowhere.
///
/// See [InStr](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#instr).
pub(super) fn in_str<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let wanted = call.text(1)?.unwrap_or_default();
    let start = call.integer(2)?.unwrap_or(1);
    let Some(skipped) = start.checked_sub(1).and_then(|skipped| usize::try_from(skipped).ok()) else {
        return Err(call.fault_at(2, format!("the start is {start}, and the first character is 1")));
    };
    let mode = call.text(3)?.unwrap_or(Cow::Borrowed(COMPARE_MODES[0]));
    if !COMPARE_MODES.contains(&&*mode) {
        let message = format!("{} is neither vbTextCompare nor vbBinaryCompare", quote(&mode));
        return Err(call.fault_at(3, message));
    }
    let ignores_case = mode == COMPARE_MODES[1];
    if ignores_case {
        call.burn(wanted.len() * 2)?;
    }
    let wanted = if ignores_case { folded(&wanted) } else { wanted.into_owned() };
    call.map(0, |item| {
        let source = item.into_text(call.place(0))?.unwrap_or_default();
        call.burn(source.len() * if ignores_case { 3 } else { 1 })?;
        // Folding maps one character to one, so that places stay.
        let source = if ignores_case { Cow::Owned(folded(&source)) } else { source };
        let found = match offset(&source, skipped) {
            Some(from) => source[from..].find(&wanted).map(|place| source[..from + place].chars().count() + 1),
            None => None,
        };
        Ok(Item::from(i64::try_from(found.unwrap_or(0)).unwrap_or(i64::MAX)))
    })
}

fn folded(text: &str) -> String {
    let mapper = CaseMapper::new();
    text.chars().map(|character| mapper.simple_fold(character)).collect()
}

/// Like `Call::map_text`, but null is empty text.
fn map_or_empty<'a>(
    call: &Call<'a, '_>,
    mut function: impl FnMut(Cow<'a, str>) -> Result<Cow<'a, str>, Stop>,
) -> Result<Item<'a>, Stop> {
    call.map(0, |item| match item.into_text(call.place(0))? {
        Some(text) => function(text).map(Item::Text),
        None => Ok(Item::Text(Cow::Borrowed(""))),
    })
}

/// Where the character after so many begins; `None` if there are not so many after which one begins.
fn offset(text: &str, characters: usize) -> Option<usize> {
    text.char_indices().nth(characters).map(|(index, _)| index)
}

/// A part of a text, to its end if it has no end of its own.
fn part(text: Cow<'_, str>, start: usize, end: Option<usize>) -> Cow<'_, str> {
    let end = end.unwrap_or(text.len());
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[start..end]),
        Cow::Owned(mut text) => {
            text.truncate(end);
            text.drain(..start);
            Cow::Owned(text)
        }
    }
}
