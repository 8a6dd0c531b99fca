//! A create whose answer never came: which object it made, if it made one.

use super::inputs::InDoubt;
use crate::model::{Name, Record, Schema, Value, values_equal};

/// How far what is known of the target's clock may be off.
const CLOCK_TOLERANCE: time::Duration = time::Duration::minutes(5);

/// Whether an object is what a create in doubt made: all anchors agree, and it is not older than the intent.
pub(crate) fn is_made_by(schema: &Schema, record: &Record, doubt: &InDoubt) -> bool {
    let agrees = |(name, value): &(Name, Value)| {
        let (Some(schema), Some(own)) = (schema.get(name), record.get(name)) else { return false };
        values_equal(schema, own, value)
    };
    let young = schema.created_at.as_ref().is_none_or(|name| {
        record.get(name).and_then(moment).is_some_and(|created| created >= doubt.target_at - CLOCK_TOLERANCE)
    });
    young && !doubt.anchors.is_empty() && doubt.anchors.iter().all(agrees)
}

fn moment(value: &Value) -> Option<time::OffsetDateTime> {
    match value {
        Value::DateTime(moment) => Some(*moment),
        Value::Text(text) => time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok(),
        _ => None,
    }
}
