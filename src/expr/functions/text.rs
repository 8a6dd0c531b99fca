//! Putting texts together and taking characters out.

use std::borrow::Cow;

use crate::expr::eval::{Call, Item, Stop};
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

/// `Join(separator, source, …)`: what is not empty, the elements of lists too, with the separator between.
///
/// See [Join](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#join).
pub(super) fn join<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let separator = call.text(0)?.unwrap_or_default();
    let mut joined = String::new();
    let mut push = |text: &str| {
        if text.is_empty() {
            return Ok(());
        }
        call.check_length(joined.len() + separator.len() + text.len())?;
        if !joined.is_empty() {
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
    Ok(Item::from(joined))
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
