//! Lists: made, counted, picked from. A single value is a list of one.

use std::collections::HashSet;

use crate::expr::eval::{Call, Item, Stop};
use crate::model::Value;

/// `Count(attribute)`.
///
/// See [Count](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#count).
pub(super) fn count<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let count = call.value(0)?.into_value_cow().as_slice().len();
    Ok(Item::from(i64::try_from(count).unwrap_or(i64::MAX)))
}

/// `Item(attribute, index)`: the index counts from 1.
///
/// See [Item](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#item).
pub(super) fn item<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let value = call.value(0)?.into_value_cow();
    if value.is_null() {
        return Ok(Item::NULL);
    }
    let index = call.required_integer(1)?;
    let elements = value.as_slice();
    let found = usize::try_from(index).ok().and_then(|index| elements.get(index.checked_sub(1)?));
    match found {
        Some(element) => Ok(Item::Owned(element.clone())),
        None => Err(call.fault_at(1, format!("there is no element {index}; there are {}", elements.len()))),
    }
}

/// `RemoveDuplicates(attribute)`: the first of equal ones keeps its place. Case counts.
///
/// See [RemoveDuplicates](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#removeduplicates).
pub(super) fn remove_duplicates<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let value = call.value(0)?.into_value_cow();
    if value.is_null() {
        return Ok(Item::NULL);
    }
    let size = |element: &Value| 1 + element.as_text().map_or(8, str::len);
    call.burn(value.as_slice().iter().map(size).sum())?;
    let mut seen = HashSet::new();
    let kept = value.as_slice().iter().filter(|element| seen.insert(*element)).cloned();
    Ok(Item::Owned(Value::list(kept.collect::<Vec<_>>())))
}

/// `Split(source, delimiter)`: the pieces without white space around, and without empty ones.
///
/// See [Split](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#split).
pub(super) fn split<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let delimiter = call.text(1)?.unwrap_or_default();
    if delimiter.is_empty() {
        return Err(call.fault_at(1, "the delimiter is empty"));
    }
    let value = call.value(0)?.into_value_cow();
    if value.is_null() {
        return Ok(Item::NULL);
    }
    let mut pieces = Vec::new();
    for element in value.as_slice() {
        if let Some(text) = Item::Borrowed(element).into_text(call.place(0))? {
            call.burn(text.len())?;
            let parts = text.split(&*delimiter).map(str::trim).filter(|piece| !piece.is_empty());
            pieces.extend(parts.map(Value::text));
        }
    }
    Ok(Item::Owned(Value::List(pieces.into())))
}
