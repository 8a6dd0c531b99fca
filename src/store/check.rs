//! What a schema lets be written: the checks of the stores that hold objects themselves.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    AttributeSchema, Attributes, Cardinality, Kind, Mutability, Name, ObjectId, Schema, Value, values_equal,
};
use crate::secret::Secret;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Create,
    Update,
}

/// Whether all is given that an object cannot be made without.
pub(crate) fn check_required(schema: &Schema, attributes: &Attributes, secrets: &BTreeMap<Name, Secret>) -> Result<()> {
    for (name, attribute) in &schema.attributes {
        let given = attributes.get(name).is_some_and(|value| !value.is_null()) || secrets.contains_key(name);
        if attribute.required_on_create && !given {
            return Err(invalid("a required attribute is missing").with_context("attribute", name));
        }
    }
    Ok(())
}

/// Whether what is given may be written.
pub(crate) fn check(
    schema: &Schema,
    attributes: &Attributes,
    secrets: &BTreeMap<Name, Secret>,
    step: Step,
) -> Result<()> {
    for (name, value) in attributes.iter() {
        let attribute = known(schema, name)?;
        let wrong = |message: &'static str| Err(invalid(message).with_context("attribute", name));
        if attribute.secret {
            return wrong("a secret was given among the attributes that are shown");
        }
        check_mutability(attribute, name, step)?;
        if value.is_null() && !attribute.nullable {
            return wrong("the attribute cannot be cleared");
        }
        if attribute.cardinality == Cardinality::Single && matches!(value, Value::List(_)) {
            return wrong("the attribute holds one value, not several");
        }
        for one in value.as_slice() {
            if !fits(&attribute.kind, one) {
                return wrong("the value is not of the attribute's type");
            }
            let length = one.as_text().map_or(0, |text| text.chars().count());
            if attribute.max_length.is_some_and(|max| length > max) {
                return wrong("the value is too long");
            }
        }
    }
    for name in secrets.keys() {
        let attribute = known(schema, name)?;
        check_mutability(attribute, name, step)?;
        if !attribute.secret {
            return Err(invalid("the attribute is not a secret").with_context("attribute", name));
        }
    }
    Ok(())
}

fn check_mutability(attribute: &AttributeSchema, name: &Name, step: Step) -> Result<()> {
    let may = match attribute.mutability {
        Mutability::ReadOnly => false,
        Mutability::CreateOnly => step == Step::Create,
        Mutability::ReadWrite | Mutability::WriteOnly => true,
    };
    if may { Ok(()) } else { Err(invalid("the attribute cannot be written").with_context("attribute", name)) }
}

fn fits(kind: &Kind, value: &Value) -> bool {
    match kind {
        Kind::Text | Kind::Reference(_) => matches!(value, Value::Text(_)),
        Kind::Boolean => matches!(value, Value::Bool(_)),
        Kind::Integer => matches!(value, Value::Integer(_)),
        // In JSON both are strings; see `Value`.
        Kind::DateTime => matches!(value, Value::DateTime(_) | Value::Text(_)),
        Kind::Binary => matches!(value, Value::Binary(_) | Value::Text(_)),
        Kind::Complex => matches!(value, Value::Object(_)),
    }
}

pub(crate) fn holds_any(schema: &AttributeSchema, own: &Value, values: &[Value]) -> bool {
    let own = own.as_slice();
    values.iter().flat_map(Value::as_slice).any(|value| own.iter().any(|own| values_equal(schema, own, value)))
}

pub(crate) fn known<'a>(schema: &'a Schema, name: &Name) -> Result<&'a AttributeSchema> {
    schema.get(name).ok_or_else(|| invalid("the class has no such attribute").with_context("attribute", name))
}

pub(crate) fn missing(id: &ObjectId) -> Error {
    Error::new(ErrorKind::NotFound, "the object is not there").with_context("object", id)
}

pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Invalid, message)
}
