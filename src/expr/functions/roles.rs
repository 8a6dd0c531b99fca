//! The application roles of a user, as `[appRoleAssignments]` holds them.

use crate::expr::coerce::text_form;
use crate::expr::eval::{Call, Item, Stop};
use crate::model::Value;

/// `SingleAppRoleAssignment([appRoleAssignments])`: the display name of the one role.
///
/// See [SingleAppRoleAssignment](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#singleapproleassignment).
pub(super) fn single<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let value = call.value(0)?.into_value_cow();
    match value.as_slice() {
        [] => Ok(Item::NULL),
        [Value::Object(members)] => Ok(members.get("displayName").map_or(Item::NULL, |name| Item::Owned(name.clone()))),
        [one] => Ok(Item::Owned(one.clone())),
        several => Err(call.fault_at(0, format!("the user has {} roles, and there is place for one", several.len()))),
    }
}

/// `AppRoleAssignmentsComplex([appRoleAssignments])` and `AssertiveAppRoleAssignmentsComplex`: each role as a JSON
/// object. How they are written differs, not what they are.
///
/// See [AppRoleAssignmentsComplex](https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#approleassignmentscomplex).
pub(super) fn complex<'a>(call: &Call<'a, '_>) -> Result<Item<'a>, Stop> {
    let value = call.value(0)?.into_value_cow();
    if value.is_null() {
        return Ok(Item::NULL);
    }
    let mut roles = Vec::with_capacity(value.as_slice().len());
    for role in value.as_slice() {
        let text = match role {
            Value::Object(members) => {
                let parts = ["id", "value", "displayName"].into_iter().filter_map(|name| {
                    let text = members.get(name).and_then(text_form)?;
                    Some(format!("\"{name}\":{}", serde_json::Value::from(text.into_owned())))
                });
                format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
            }
            other => match Item::Borrowed(other).into_text(call.place(0))? {
                Some(text) => text.into_owned(),
                None => continue,
            },
        };
        call.burn(text.len())?;
        roles.push(Value::from(text));
    }
    Ok(Item::Owned(Value::List(roles.into())))
}
