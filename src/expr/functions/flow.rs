//! What steers the flow around a value: whether it is written, shown, or free.

use crate::expr::eval::{Call, Item, Stop, quote};

/// `IgnoreFlowIfNullOrEmpty(expression)`.
///
/// See [IgnoreFlowIfNullOrEmpty](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#ignoreflowifnullorempty).
pub(super) fn ignore_if_empty<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let item = call.value(0)?;
    match item.is_empty() {
        true => Err(Stop::IgnoreAttribute),
        false => Ok(item),
    }
}

/// `Redact(value)`: the value, never to be shown.
///
/// See [Redact](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#redact).
pub(super) fn redact<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    call.redact();
    call.value(0)
}

/// `Error(message)`: the object fails with the message.
///
/// See [Error](https://learn.microsoft.com/entra/identity/hybrid/cloud-sync/reference-expressions#error).
pub(super) fn error<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let message = call.text(0)?.unwrap_or_default();
    Err(call.fault(match message.is_empty() {
        true => "the expression says that this is an error".to_owned(),
        false => format!("the expression says: {}", quote(&message)),
    }))
}

/// `DefaultDomain()`: the parameter of that name.
///
/// See [the functions of a job](https://learn.microsoft.com/graph/api/synchronization-synchronizationschema-functions).
pub(super) fn default_domain<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    match call.context().parameter(super::DEFAULT_DOMAIN) {
        Some(domain) => Ok(Item::Borrowed(domain)),
        None => Err(call.fault(format!("the parameter %{}% is not defined", super::DEFAULT_DOMAIN))),
    }
}

/// `SelectUniqueValue(rule, rule, …)`: the first value that is not taken. Only at the top of an expression.
///
/// See [SelectUniqueValue](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#selectuniquevalue).
pub(super) fn select_unique<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let mut last = None;
    for index in 0..call.len() {
        let Some(text) = call.text(index)?.filter(|text| !text.is_empty()) else {
            continue;
        };
        call.burn(text.len())?;
        if !call.context().is_taken(&text) {
            return Ok(Item::Text(text));
        }
        last = Some(text);
    }
    Err(call.fault(match last {
        Some(last) => format!("every value is taken, also the last, {}", quote(&last)),
        None => "there is no value to try".to_owned(),
    }))
}
