//! Documents as Entra exports them (R12, R13, R41, R81): read, checked, mapped by, written again.

mod documents;
mod export;
mod faults;
mod hostile;

use entrant::mapping::synchronization::{SchemaError, SynchronizationSchema};
use serde_json::{Value as Json, json};

pub(crate) const OUTBOUND: &str = include_str!("../../data/schemas/outbound-scim-users-and-groups.json");
pub(crate) const INBOUND: &str = include_str!("../../data/schemas/inbound-workday-to-active-directory.json");

fn sample(text: &str) -> Json {
    serde_json::from_str(text).expect("the sample is JSON")
}

/// A small document with two attribute mappings, the first of which is matched on.
fn small() -> Json {
    json!({
        "id": "job", "version": "v1", "more": {"of": ["this"]},
        "directories": [
            {"name": "hr", "objects": [{"name": "Worker", "attributes": [
                {"name": "id"}, {"name": "login"}, {"name": "title", "flowNullValues": true},
                {"name": "tags", "multivalued": true}, {"name": "hired", "type": "DateTime"}, {"name": "level", "type": "Integer"}
            ]}]},
            {"name": "entra", "objects": [{"name": "User", "attributes": [
                {"name": "objectId", "anchor": true, "mutability": "ReadOnly"},
                {"name": "employeeId"}, {"name": "mailNickname", "caseExact": true}, {"name": "jobTitle"},
                {"name": "accountEnabled", "type": "Boolean"}, {"name": "level", "type": "Integer"},
                {"name": "proxies", "multivalued": true}, {"name": "manager", "type": "Reference"},
                {"name": "country", "required": true, "defaultValue": "DE"}
            ]}]}
        ],
        "synchronizationRules": [{
            "name": "IN", "priority": 1, "sourceDirectoryName": "hr", "targetDirectoryName": "entra",
            "objectMappings": [{
                "name": "people", "enabled": true, "sourceObjectName": "Worker", "targetObjectName": "User",
                "attributeMappings": [
                    {"targetAttributeName": "employeeId", "matchingPriority": 1,
                     "source": {"type": "Attribute", "name": "id", "expression": "[id]", "parameters": []}},
                    {"targetAttributeName": "jobTitle", "matchingPriority": 0,
                     "source": {"type": "Attribute", "name": "title", "expression": "[title]", "parameters": []}}
                ]
            }]
        }]
    })
}

/// The place of the object mapping in [`small`].
const MAPPING: &str = "synchronizationRules[0].objectMappings[0]";

fn load(json: &Json) -> Result<SynchronizationSchema, SchemaError> {
    SynchronizationSchema::from_json(&json.to_string())
}

fn faults(json: &Json) -> Vec<String> {
    match load(json) {
        Ok(_) => Vec::new(),
        Err(error) => error.faults().iter().map(ToString::to_string).collect(),
    }
}

fn warnings(json: &Json) -> Vec<String> {
    load(json).expect("a document that can be used").warnings().iter().map(ToString::to_string).collect()
}

/// [`small`] with changed members of its second attribute mapping.
fn with_second(members: Json) -> Json {
    let mut json = small();
    let own = json.pointer_mut("/synchronizationRules/0/objectMappings/0/attributeMappings/1").expect("it is there");
    merge(own, members);
    json
}

/// [`small`] with changed members of its object mapping.
fn with_mapping(members: Json) -> Json {
    let mut json = small();
    merge(json.pointer_mut("/synchronizationRules/0/objectMappings/0").expect("it is there"), members);
    json
}

fn merge(own: &mut Json, members: Json) {
    let (Json::Object(own), Json::Object(members)) = (own, members) else { panic!("two objects") };
    own.extend(members);
}

fn expression(text: &str) -> Json {
    json!({"type": "Function", "expression": text})
}
