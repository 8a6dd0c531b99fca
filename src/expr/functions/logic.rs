//! Choosing between values. What is not chosen is not evaluated.

use crate::expr::eval::{Call, Item, Stop};

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
