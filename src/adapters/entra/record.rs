//! From a page's text to records, without anything in between.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::schema::{self, USER_PRINCIPAL_NAME};
use crate::model::{Attributes, Kind, Name, ObjectId, Origin, Record, Value};

/// A user as Graph writes it: its id, and those of its properties that the schema knows.
#[derive(Debug)]
pub(super) struct UserRecord {
    id: Arc<str>,
    attributes: Vec<(Name, Value)>,
}

impl UserRecord {
    pub(super) fn into_record(self, origin: &Origin) -> Record {
        let mut record = Record::new(ObjectId::user(self.id)).with_origin(origin.clone());
        record.attributes = Attributes::from_iter(self.attributes);
        record
    }

    /// The record of a deleted user, whose name Graph has put its id in front of.
    pub(super) fn into_deleted_record(self, origin: &Origin) -> Record {
        let mut record = self.into_record(origin);
        let prefix = record.id.id.replace('-', "");
        let name = record.get(USER_PRINCIPAL_NAME).and_then(Value::as_text);
        let stripped = name
            .and_then(|name| name.split_at_checked(prefix.len()))
            .filter(|(start, _)| prefix.len() == 32 && start.eq_ignore_ascii_case(&prefix))
            .map(|(_, name)| Value::text(name));
        if let Some(name) = stripped {
            record.attributes.insert(Name::from_static(USER_PRINCIPAL_NAME), name);
        }
        record
    }
}

impl<'de> Deserialize<'de> for UserRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = UserRecord;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a user")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UserRecord, A::Error> {
                let mut id = None;
                let mut attributes = Vec::with_capacity(map.size_hint().unwrap_or(16).min(64));
                while let Some(Key(key)) = map.next_key()? {
                    if let Some(attribute) = schema::attribute(&key) {
                        let value: Value = map.next_value()?;
                        if attribute.name == "id" {
                            id = value.as_text().map(Arc::from);
                        }
                        attributes.push((Name::from_static(attribute.name), typed(attribute.name, value)));
                    } else if schema::readable()
                        .any(|attribute| attribute.member().is_some() && attribute.property() == key)
                    {
                        let members: Option<BTreeMap<String, Value>> = map.next_value()?;
                        let mut members = members.unwrap_or_default();
                        for attribute in schema::readable().filter(|attribute| attribute.property() == key) {
                            let member = attribute.member().and_then(|member| members.remove(member));
                            attributes.push((Name::from_static(attribute.name), member.unwrap_or_default()));
                        }
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                let id = id.filter(|id: &Arc<str>| !id.is_empty());
                let id = id.ok_or_else(|| de::Error::missing_field("id"))?;
                Ok(UserRecord { id, attributes })
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// The name of a member, borrowed where the text has no escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

fn typed(name: &str, value: Value) -> Value {
    let is_date = schema::user_schema().get(name).is_some_and(|schema| schema.kind == Kind::DateTime);
    match &value {
        Value::Text(text) if is_date => {
            OffsetDateTime::parse(text, &Rfc3339).map_or_else(|_| value.clone(), Value::DateTime)
        }
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(json: &str) -> Record {
        let user: UserRecord = serde_json::from_str(json).expect("a user");
        user.into_deleted_record(&Origin::new("entra"))
    }

    #[test]
    fn a_user_is_read_as_the_schema_says() {
        let record = record(
            r##"{"@odata.type": "#microsoft.graph.user", "id": "7", "display\u004eame": "Ada", "novelty": {"a": [1]},
                "createdDateTime": "2026-01-01T00:00:00Z", "employeeHireDate": "soon", "businessPhones": ["1"],
                "employeeOrgData": {"division": "North", "new": 1}, "onPremisesExtensionAttributes": null,
                "userPrincipalName": "ada@contoso.com"}"##,
        );
        assert_eq!(record.id, ObjectId::user("7"));
        assert_eq!(record.get("displayName"), Some(&"Ada".into()));
        assert_eq!(record.get("createdDateTime"), Some(&time::macros::datetime!(2026-01-01 0:00 UTC).into()));
        assert_eq!(record.get("employeeHireDate"), Some(&"soon".into()), "kept, for someone to look at");
        assert_eq!(record.get("businessPhones"), Some(&Value::list(["1".into()])));
        assert_eq!(record.get("employeeOrgData.division"), Some(&"North".into()));
        assert_eq!(record.get("employeeOrgData.costCenter"), Some(&Value::Null));
        assert_eq!(record.get("onPremisesExtensionAttributes.extensionAttribute15"), Some(&Value::Null));
        assert_eq!(record.get("jobTitle"), None, "not delivered");
        assert_eq!(record.get("novelty"), None);
    }

    #[test]
    fn a_deleted_user_has_its_name_back() {
        let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
        let name = |name: &str| {
            let json = format!(r#"{{"id": "{id}", "userPrincipalName": "{name}"}}"#);
            record(&json).get("userPrincipalName").cloned()
        };
        assert_eq!(name("0f8fad5bd9cb469fa16570867728950eada@contoso.com"), Some("ada@contoso.com".into()));
        assert_eq!(name("ada@contoso.com"), Some("ada@contoso.com".into()));
        assert_eq!(name("0f8fad5bd9cb469fa16570867728950"), Some("0f8fad5bd9cb469fa16570867728950".into()));
    }

    #[test]
    fn a_user_without_an_id_is_none() {
        for json in ["{}", r#"{"id": null}"#, r#"{"id": 7}"#, r#"{"id": ""}"#, "[]", "null"] {
            serde_json::from_str::<UserRecord>(json).expect_err(json);
        }
    }
}
