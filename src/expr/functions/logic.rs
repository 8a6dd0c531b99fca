//! Choosing between values, and asking about them. What is not chosen is not evaluated.

use super::{Misuse, Prepared};
use crate::expr::ast::Node;
use crate::expr::coerce::text_form;
use crate::expr::eval::{Call, Item, Stop};
use crate::model::Value;

/// `Coalesce(source, …)`: the first that is not empty; the last whatever it is.
///
/// See [Coalesce](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#coalesce).
pub(super) fn coalesce<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let last = call.len().saturating_sub(1);
    for index in 0..last {
        let item = call.value(index)?;
        if !item.is_empty() {
            return Ok(item);
        }
    }
    call.value(last)
}

/// `IIF(condition, valueIfTrue, valueIfFalse)`.
///
/// Microsoft calls conditions on empty attributes unsupported, and prints results for them; they are evaluated, null
/// being equal to empty text.
///
/// See [IIF](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#iif).
pub(super) fn iif<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    match call.truth(0)? {
        true => call.value(1),
        false => call.value(2),
    }
}

/// Keys and values come in pairs, and none is left out.
pub(super) fn check_switch(arguments: &[Option<Node>]) -> Result<Prepared, Misuse> {
    let accepted = "Switch(source, defaultValue, key1, value1, key2, value2, …); the default may be left empty";
    let misuse = |message: String| Err(Misuse { argument: None, message, accepted: accepted.to_owned() });
    if !arguments.len().is_multiple_of(2) {
        return misuse(format!("Switch takes an even number of arguments and has {}", arguments.len()));
    }
    match arguments.iter().skip(2).position(Option::is_none) {
        Some(index) => misuse(format!("Switch needs its argument {}", index + 3)),
        None => Ok(Prepared::Nothing),
    }
}

/// `Switch(source, defaultValue?, key, value, …)`: the value of the first key that has the text of the source.
///
/// See [Switch](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#switch).
pub(super) fn switch<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let single = |index: usize| {
        let item = call.value(index)?;
        match item.is_compound() {
            true => Err(call.fault_at(index, "a list or complex value cannot be compared")),
            false => Ok(item.into_value_cow()),
        }
    };
    let source = single(0)?;
    let source_text = text_form(&source).unwrap_or_default();
    for key_index in (2..call.len()).step_by(2) {
        let key = single(key_index)?;
        let key_text = text_form(&key).unwrap_or_default();
        let ignores_case = matches!(*source, Value::Bool(_)) || matches!(*key, Value::Bool(_));
        if source_text == key_text || (ignores_case && source_text.eq_ignore_ascii_case(&key_text)) {
            return call.value(key_index + 1);
        }
    }
    call.value(1)
}

/// `Not(source)`: False for True, and True for everything else.
///
/// See [Not](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#not).
pub(super) fn not<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let is_true = match &*call.value(0)?.into_value_cow() {
        Value::Bool(value) => *value,
        Value::Text(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    };
    Ok(Item::from(!is_true))
}

/// `IsNull(expression)`: for null, not for empty text.
///
/// See [IsNull](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#isnull).
pub(super) fn is_null<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    Ok(Item::from(call.value(0)?.is_null()))
}

/// `IsNullOrEmpty(expression)`: for null, empty text and an empty list.
///
/// See [IsNullOrEmpty](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#isnullorempty).
pub(super) fn is_null_or_empty<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    Ok(Item::from(call.value(0)?.is_empty()))
}

/// `IsPresent(expression)`: the opposite of `IsNullOrEmpty`.
///
/// See [IsPresent](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#ispresent).
pub(super) fn is_present<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    Ok(Item::from(!call.value(0)?.is_empty()))
}

/// `IsString(expression)`: for any single value that is not null.
///
/// See [IsString](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#isstring).
pub(super) fn is_string<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let item = call.value(0)?;
    Ok(Item::from(!item.is_null() && !item.is_compound()))
}

/// `BitAnd(value1, value2)`, of 64 bits.
///
/// See [BitAnd](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#bitand).
pub(super) fn bit_and<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    Ok(match (call.integer(0)?, call.integer(1)?) {
        (Some(left), Some(right)) => Item::from(left & right),
        _ => Item::NULL,
    })
}
