//! From a page's text to records, without anything in between.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::schema::{self, Reading, SKU_ID, Shape, Table, USER_PRINCIPAL_NAME};
use crate::error::{Error, ErrorKind};
use crate::model::{Attributes, License, Name, ObjectId, Origin, Record, Value};

/// A user or a group as Graph writes it: its id, and those of its properties that the tables know.
#[derive(Debug)]
pub(super) struct ObjectRecord {
    id: Arc<str>,
    /// What kind of object it says that it is, if it does.
    type_name: Option<Box<str>>,
    attributes: Vec<(Name, Value)>,
    /// The attributes in which something goes by what is no id.
    nameless: Vec<Name>,
    /// The licences that it would have as a group. A user's `assignedLicenses` do not say from whom they are.
    assigned: Option<Value>,
}

impl ObjectRecord {
    /// Whether it may be of this class: it does not say otherwise.
    pub(super) fn is_of(&self, table: &Table) -> bool {
        self.type_name.as_deref().is_none_or(|name| name.eq_ignore_ascii_case(table.place.type_name))
    }

    /// Whether its id is one that the directory gives out: another would be remembered, and lead nowhere.
    pub(super) fn check_id(&self) -> crate::error::Result<()> {
        if is_object_id(&self.id) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Protocol, "Microsoft Graph names an object by what is no object id"))
    }

    pub(super) fn into_record(self, table: &Table, origin: &Origin) -> Record {
        let mut record = Record::new(ObjectId::new(table.class.clone(), self.id)).with_origin(origin.clone());
        record.attributes = Attributes::from_iter(self.attributes);
        let is_group = table.attribute(SKU_ID).is_some_and(|attribute| attribute.reading == Reading::Assigned);
        if let Some(assigned) = self.assigned.filter(|_| is_group) {
            record.attributes.insert(Name::from_static(SKU_ID), assigned);
        }
        for name in self.nameless {
            let gap = format!("what goes by no id cannot be told apart: {name}");
            record.partial.insert(name, gap);
        }
        record
    }

    /// The record of a deleted object. In front of a user's name Graph has put the id.
    pub(super) fn into_deleted_record(self, table: &Table, origin: &Origin) -> Record {
        let mut record = self.into_record(table, origin);
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

impl<'de> Deserialize<'de> for ObjectRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = ObjectRecord;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a user or a group")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ObjectRecord, A::Error> {
                let (mut id, mut type_name, mut assigned) = (None, None, None);
                let mut nameless = Vec::new();
                let mut attributes = Vec::with_capacity(map.size_hint().unwrap_or(16).min(64));
                let mut set = |name, value| attributes.push((Name::from_static(name), value));
                while let Some(Key(key)) = map.next_key()? {
                    match schema::shape(&key) {
                        Some(Shape::Plain { name, is_date }) => {
                            let value: Value = map.next_value()?;
                            if *name == "id" {
                                id = value.as_text().map(Arc::from);
                            }
                            set(*name, if *is_date { as_date(value) } else { value });
                        }
                        Some(Shape::Members(shape)) => {
                            let members: Option<BTreeMap<String, Value>> = map.next_value()?;
                            let mut members = members.unwrap_or_default();
                            for (name, member) in shape {
                                set(*name, members.remove(*member).unwrap_or_default());
                            }
                        }
                        Some(Shape::Reference(name)) => {
                            let object: Option<Reference> = map.next_value()?;
                            match object {
                                // Whoever it stands for would be taken for another.
                                Some(object) if !is_object_id(&object.id) => nameless.push(*name),
                                object => set(*name, object.map(|object| object.id).into()),
                            }
                        }
                        Some(Shape::Licenses) => {
                            // Who has none has an empty list; null tells nothing.
                            let rows: Option<Vec<LicenseRow>> = map.next_value()?;
                            if let Some(held) = rows.and_then(|rows| licenses(rows, &mut nameless)) {
                                set(SKU_ID, held);
                            }
                        }
                        Some(Shape::Assigned) => {
                            let rows: Option<Vec<LicenseRow>> = map.next_value()?;
                            assigned = rows.and_then(|rows| licenses(rows, &mut nameless));
                        }
                        None if key == "@odata.type" => {
                            let value: Value = map.next_value()?;
                            type_name = value.as_text().map(Box::from);
                        }
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                let id = id.filter(|id: &Arc<str>| !id.is_empty());
                let id = id.ok_or_else(|| de::Error::missing_field("id"))?;
                let nameless = nameless.into_iter().map(Name::from_static).collect();
                Ok(ObjectRecord { id, type_name, attributes, nameless, assigned })
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// Whether it is such an id as the directory gives out.
pub(super) fn is_object_id(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}

/// An object of which the id is all that matters.
#[derive(Deserialize)]
struct Reference {
    id: String,
}

/// One way by which a user has a licence; or a licence of a group, which has a product and its plans alone.
///
/// See [licenseAssignmentState](https://learn.microsoft.com/graph/api/resources/licenseassignmentstate) and
/// [assignedLicense](https://learn.microsoft.com/graph/api/resources/assignedlicense).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LicenseRow {
    sku_id: String,
    #[serde(default)]
    disabled_plans: Option<Vec<String>>,
    #[serde(default)]
    assigned_by_group: Option<String>,
    #[serde(default)]
    state: Option<String>,
}

/// The licences that a user or a group holds; what could not be given is not held. `None`, and noted as nameless, if the
/// product of one, or the group that it is from, goes by what is no id: it would be taken for another's, and the true one
/// for gone.
fn licenses(rows: Vec<LicenseRow>, nameless: &mut Vec<&'static str>) -> Option<Value> {
    let is_told =
        |row: &LicenseRow| is_object_id(&row.sku_id) && row.assigned_by_group.as_deref().is_none_or(is_object_id);
    if !rows.iter().all(is_told) {
        nameless.push(SKU_ID);
        return None;
    }
    let is_held = |row: &LicenseRow| !row.state.as_deref().is_some_and(|state| state.eq_ignore_ascii_case("error"));
    let license = |row: LicenseRow| {
        let plans = row.disabled_plans.unwrap_or_default();
        let license = plans.iter().fold(License::new(row.sku_id.to_ascii_lowercase()), |license, plan| {
            license.without_plan(plan.to_ascii_lowercase())
        });
        match row.assigned_by_group {
            Some(group) => license.inherited_from(group.to_ascii_lowercase()),
            None => license,
        }
    };
    let held: BTreeSet<License> = rows.into_iter().filter(is_held).map(license).collect();
    Some(Value::list(held.iter().map(License::to_value)))
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

/// A date of another form is kept, for someone to look at.
fn as_date(value: Value) -> Value {
    match &value {
        Value::Text(text) => OffsetDateTime::parse(text, &Rfc3339).map_or_else(|_| value.clone(), Value::DateTime),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Class;

    fn record(json: &str) -> Record {
        let user: ObjectRecord = serde_json::from_str(json).expect("a user");
        user.into_deleted_record(schema::of(&Class::USER).expect("users are known"), &Origin::new("entra"))
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
            serde_json::from_str::<ObjectRecord>(json).expect_err(json);
        }
    }

    #[test]
    fn an_id_is_one_that_the_directory_gives_out() {
        let check = |id: &str| {
            let user: ObjectRecord = serde_json::from_str(&format!(r#"{{"id": "{id}"}}"#)).expect("a user");
            user.check_id().is_ok()
        };
        assert!(check("0f8fad5b-d9cb-469f-a165-70867728950e"));
        for id in ["7", "a/../b", "0f8fad5b", "0f8fad5bd9cb469fa16570867728950e", "ada@contoso.com", "\\u0000"] {
            assert!(!check(id), "{id}");
        }
    }

    #[test]
    fn a_manager_is_read_as_an_id() {
        let manager = |json: &str| record(&format!(r#"{{"id": "7", "manager": {json}}}"#)).get("manager").cloned();
        let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
        let boss = format!(r##"{{"@odata.type": "#microsoft.graph.user", "id": "{id}"}}"##);
        assert_eq!(manager(&boss), Some(id.into()));
        assert_eq!(manager("null"), Some(Value::Null));
        assert_eq!(record(r#"{"id": "7"}"#).get("manager"), None);
        for id in ["", "8", "a/../b?c=d#e", "https://graph.example/users/8"] {
            let record = record(&format!(r#"{{"id": "7", "manager": {{"id": "{id}"}}}}"#));
            assert_eq!(record.get("manager"), None, "nobody knows who it is: {id}");
            assert_eq!(record.partial.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["manager"], "{id}");
        }
    }

    #[test]
    fn licences_are_read_by_the_way_they_come() {
        let [a, b, c, g] = ["aa", "bb", "cc", "ee"].map(|last| format!("0f8fad5b-d9cb-469f-a165-7086772895{last}"));
        let user = record(&format!(
            r#"{{"id": "7", "licenseAssignmentStates": [
                {{"skuId": "{}", "disabledPlans": ["P2", "P1"], "assignedByGroup": null, "state": "Active"}},
                {{"skuId": "{a}", "disabledPlans": [], "assignedByGroup": "{g}", "state": "ActiveWithError"}},
                {{"skuId": "{b}", "disabledPlans": null, "state": "Error", "error": "CountViolation"}},
                {{"skuId": "{c}"}}
            ]}}"#,
            a.to_uppercase(),
        ));
        let held = user.get("skuId").expect("it was selected").as_slice();
        let held: Vec<_> = held.iter().map(|value| License::from_value(value).expect("a licence")).collect();
        let own = License::new(&*a).without_plan("p1").without_plan("p2");
        assert_eq!(held, [License::new(&*a).inherited_from(&*g), own, License::new(&*c)]);

        let licenses = |json: &str| record(json).get("skuId").cloned();
        assert_eq!(licenses(r#"{"id": "7", "licenseAssignmentStates": []}"#), Some(Value::list([])));
        for untold in [r#"{"id": "7", "licenseAssignmentStates": null}"#, r#"{"id": "7"}"#] {
            assert_eq!(licenses(untold), None, "nobody said that there are none: {untold}");
        }
        for (sku, by) in [("", "null"), (&*a, r#""a/../b""#)] {
            let row = format!(r#""skuId": "{sku}", "assignedByGroup": {by}"#);
            let user = record(&format!(r#"{{"id": "7", "licenseAssignmentStates": [{{{row}}}]}}"#));
            assert_eq!(user.get("skuId"), None, "nobody knows which it is: {row}");
            assert!(user.partial.contains_key("skuId"), "{row}");
        }
    }

    #[test]
    fn the_licences_of_a_group_are_its_own() {
        let read = |class: &Class, json: &str| {
            let object: ObjectRecord = serde_json::from_str(json).expect("an object");
            let record = object.into_record(schema::of(class).expect("known"), &Origin::new("entra"));
            record.get("skuId").cloned()
        };
        let json = r#"{"id": "7", "assignedLicenses": [
            {"skuId": "0F8FAD5B-d9cb-469f-a165-7086772895aa", "disabledPlans": ["P"]}],
            "licenseProcessingState": {"state": "QueuedForProcessing"}}"#;
        let own = License::new("0f8fad5b-d9cb-469f-a165-7086772895aa").without_plan("p");
        assert_eq!(read(&Class::GROUP, json), Some(Value::list([own.to_value()])));
        assert_eq!(read(&Class::USER, json), None, "of a user it does not say from whom it is");
        assert_eq!(read(&Class::GROUP, r#"{"id": "7", "assignedLicenses": []}"#), Some(Value::list([])));
        for untold in [r#"{"id": "7", "assignedLicenses": null}"#, r#"{"id": "7"}"#] {
            assert_eq!(read(&Class::GROUP, untold), None, "nobody said that there are none: {untold}");
        }
    }

    #[test]
    fn an_object_says_of_what_kind_it_is() {
        let users = schema::of(&Class::USER).expect("users are known");
        let groups = schema::of(&Class::GROUP).expect("groups are known");
        for (json, is_user, is_group) in [
            (r#"{"id": "7"}"#, true, true),
            (r##"{"id": "7", "@odata.type": "#microsoft.graph.user"}"##, true, false),
            (r##"{"id": "7", "@odata.type": "#microsoft.graph.group"}"##, false, true),
            (r##"{"id": "7", "@odata.type": "#microsoft.graph.device"}"##, false, false),
        ] {
            let object: ObjectRecord = serde_json::from_str(json).expect("an object");
            assert_eq!((object.is_of(users), object.is_of(groups)), (is_user, is_group), "{json}");
        }
    }
}
