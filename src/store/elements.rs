//! Elements of objects that a store holds itself: references and licences, given and taken one by one.

use std::collections::BTreeMap;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    Cardinality, ElementChange, Kind, License, Mutability, Name, ObjectId, Record, Refused, Schema, Value,
};

/// Gives and takes elements of one object. `there` says whether an object is there; what cannot be done is answered.
pub(crate) fn change(
    schema: &Schema,
    there: &dyn Fn(&ObjectId) -> bool,
    record: &Record,
    changes: BTreeMap<Name, ElementChange>,
) -> (Vec<(Name, Value)>, Vec<Refused>) {
    let mut values = Vec::new();
    let mut refused = Vec::new();
    for (name, change) in changes {
        let mut held: Vec<Value> = record.get(&name).map_or_else(Vec::new, |value| value.as_slice().to_vec());
        for element in change.remove {
            match key(schema, &name, &element) {
                Ok(key) => held.retain(|own| self::key(schema, &name, own).ok().as_deref() != Some(&*key)),
                Err(error) => refused.push(Refused::new(name.clone(), element, error)),
            }
        }
        for element in change.add {
            match may_add(schema, there, &name, &element) {
                Ok(key) => {
                    let single = is_single(schema, &name);
                    held.retain(|own| !single && self::key(schema, &name, own).ok().as_deref() != Some(&*key));
                    held.push(element);
                }
                Err(error) => refused.push(Refused::new(name.clone(), element, error)),
            }
        }
        let value = match (is_single(schema, &name), held.pop()) {
            (true, last) => last.unwrap_or_default(),
            (false, last) => Value::list(held.into_iter().chain(last)),
        };
        values.push((name, value));
    }
    (values, refused)
}

fn is_single(schema: &Schema, name: &Name) -> bool {
    schema.get(name).is_some_and(|attribute| attribute.cardinality == Cardinality::Single)
}

/// What tells an element from the others of its attribute.
fn key(schema: &Schema, name: &Name, element: &Value) -> Result<String> {
    let wrong = |message: &'static str| Err(Error::new(ErrorKind::Invalid, message).with_context("attribute", name));
    if !schema.is_elements(name) {
        return wrong("the attribute has no elements that are given and taken one by one");
    }
    if schema.get(name).is_some_and(|attribute| attribute.mutability == Mutability::ReadOnly) {
        return wrong("the attribute cannot be written");
    }
    if schema.is_licensing(name) {
        return match License::from_value(element) {
            // What a group gives is the group's to take.
            Some(license) if license.is_direct() => Ok(license.product.to_ascii_lowercase()),
            Some(license) => Ok(format!("{} by {}", license.product, license.inherited_from.unwrap_or_default())),
            None => wrong("the element is no licence"),
        };
    }
    match element.as_text() {
        Some(id) => Ok(id.to_owned()),
        None => wrong("the element is no id"),
    }
}

fn may_add(schema: &Schema, there: &dyn Fn(&ObjectId) -> bool, name: &Name, element: &Value) -> Result<String> {
    let key = key(schema, name, element)?;
    let Some(Kind::Reference(class)) = schema.get(name).map(|attribute| &attribute.kind) else { return Ok(key) };
    let id = ObjectId::new(class.clone(), key.as_str());
    if there(&id) {
        return Ok(key);
    }
    Err(Error::new(ErrorKind::NotFound, "the object that is referred to is not there").with_context("object", id))
}
