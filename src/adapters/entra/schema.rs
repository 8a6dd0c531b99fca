//! What the objects of a tenant hold, and how each attribute can be asked for: what differs from class to class.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::{groups, users};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{AttributeSchema, Class, Kind, Name, Schema};

/// A secret that is written when a user is created.
pub(super) const PASSWORD: &str = "password";
/// Whether a new password must be chosen at the next sign-in.
pub(super) const RESET_PASSWORD: &str = "resetPassword";
/// Ends all of a user's sign-ins when true is written.
pub(super) const REVOKE_SESSIONS: &str = "revokeSignInSessions";
/// Whether the user can sign in.
pub(super) const ACCOUNT_ENABLED: &str = "accountEnabled";
pub(super) const ORG_DATA: &str = "employeeOrgData";
pub(super) const USER_PRINCIPAL_NAME: &str = "userPrincipalName";
pub(super) const USAGE_LOCATION: &str = "usageLocation";
pub(super) const IMMUTABLE_ID: &str = "onPremisesImmutableId";
pub(super) const SYNC_ENABLED: &str = "onPremisesSyncEnabled";
pub(super) const MANAGER: &str = "manager";
/// The products that a user or a group has licences of.
pub(super) const SKU_ID: &str = "skuId";
/// The plans that are left out of them.
pub(super) const DISABLED_PLANS: &str = "disabledPlans";
/// Where Graph says which licences a user has, and from whom.
pub(super) const LICENSE_STATES: &str = "licenseAssignmentStates";
/// Where Graph says which licences a group has for its members.
pub(super) const ASSIGNED_LICENSES: &str = "assignedLicenses";
/// How far giving a group's licences to its members has come.
pub(super) const PROCESSING_STATE: &str = "licenseProcessingState.state";
/// What members of a group did not get of its licences, and why.
pub(super) const LICENSE_ERRORS: &str = "licenseErrors";
pub(super) const GROUP_TYPES: &str = "groupTypes";
pub(super) const MAIL_ENABLED: &str = "mailEnabled";
pub(super) const SECURITY_ENABLED: &str = "securityEnabled";
pub(super) const ASSIGNABLE_TO_ROLE: &str = "isAssignableToRole";
pub(super) const UNIQUE_NAME: &str = "uniqueName";
pub(super) const VISIBILITY: &str = "visibility";
pub(super) const MEMBERSHIP_RULE: &str = "membershipRule";
pub(super) const RULE_STATE: &str = "membershipRuleProcessingState";
/// The users in a group.
pub(super) const MEMBERS: &str = "members";
/// The groups in a group, which Graph keeps among its members.
pub(super) const MEMBER_GROUPS: &str = "memberGroups";
pub(super) const OWNERS: &str = "owners";
/// The member of `groupTypes` that makes a Microsoft 365 group.
pub(super) const UNIFIED: &str = "Unified";
/// The member of `groupTypes` that lets a rule say who is in the group.
pub(super) const DYNAMIC: &str = "DynamicMembership";
/// How Graph marks a user among objects of several kinds.
pub(super) const USER_TYPE: &str = "#microsoft.graph.user";
/// How Graph marks a group among objects of several kinds.
pub(super) const GROUP_TYPE: &str = "#microsoft.graph.group";

/// How `$filter` can test an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filtering {
    No,
    /// `eq` and `in`.
    Equals,
    /// `startsWith` too.
    Prefix,
    /// As an advanced query only, whose answers may lag.
    Advanced,
}

/// How an attribute is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// By `$select`.
    Selected,
    /// By `$select` of another property, of which it is the essence.
    Licenses,
    /// The same of a group, whose licences are its own in any case.
    Assigned,
    /// By `$expand`.
    Expanded,
    /// By requests of its own.
    Linked,
    /// By requests of its own, of objects that have licences.
    Faults,
}

/// One attribute of a class.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) filtering: Filtering,
    /// The words that it takes; any if there are none.
    pub(super) words: &'static [&'static str],
    pub(super) reading: Reading,
}

impl Attribute {
    /// The property of Graph that it is, or is a member of.
    pub(super) fn property(&self) -> &'static str {
        match self.reading {
            Reading::Licenses => LICENSE_STATES,
            Reading::Assigned => ASSIGNED_LICENSES,
            _ => self.name.split_once('.').map_or(self.name, |(parent, _)| parent),
        }
    }

    /// Its name within that property, if it is a member.
    pub(super) fn member(&self) -> Option<&'static str> {
        self.name.split_once('.').map(|(_, member)| member)
    }

    /// What to select to get it.
    pub(super) fn selected(&self) -> Option<&'static str> {
        matches!(self.reading, Reading::Selected | Reading::Licenses | Reading::Assigned).then(|| self.property())
    }
}

/// An attribute, as Graph and as the planner see it.
pub(super) type Row = (Attribute, AttributeSchema);

/// An attribute that is selected like any other.
pub(super) fn row(name: &'static str, filtering: Filtering, schema: AttributeSchema) -> Row {
    words(name, filtering, &[], schema)
}

/// One that is read in a way of its own.
pub(super) fn read_by(name: &'static str, reading: Reading, schema: AttributeSchema) -> Row {
    (Attribute { name, filtering: Filtering::No, words: &[], reading }, schema)
}

/// One that takes only some words.
pub(super) fn words(
    name: &'static str,
    filtering: Filtering,
    words: &'static [&'static str],
    schema: AttributeSchema,
) -> Row {
    (Attribute { name, filtering, words, reading: Reading::Selected }, schema)
}

/// One that refers to objects and is read by requests of its own.
pub(super) fn linked(name: &'static str, class: Class) -> Row {
    read_by(name, Reading::Linked, AttributeSchema::reference(class).many())
}

/// What is known of a class.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) class: Class,
    pub(super) place: Place,
    attributes: BTreeMap<&'static str, Attribute>,
    schema: Arc<Schema>,
}

/// Where and how Graph has the objects of a class.
#[derive(Debug)]
pub(super) struct Place {
    /// Where Graph has them.
    pub(super) path: &'static str,
    /// Where Graph has those that were deleted.
    pub(super) deleted: &'static str,
    /// How Graph marks them among objects of several kinds.
    pub(super) type_name: &'static str,
    /// What people call them.
    pub(super) plural: &'static str,
    /// What is read of them by requests of its own.
    pub(super) links: &'static [Link],
}

/// Objects that Graph lists under another, and the attribute that takes those of each kind; others are left out.
#[derive(Debug)]
pub(super) struct Link {
    /// Such as `members`.
    pub(super) property: &'static str,
    /// The attribute by the type of the objects.
    pub(super) attributes: &'static [(&'static str, &'static str)],
}

impl Table {
    pub(super) fn new(place: Place, mut schema: Schema, rows: Vec<Row>) -> Self {
        let mut attributes = BTreeMap::new();
        for (attribute, kind) in rows {
            schema = schema.with(Name::from_static(attribute.name), kind);
            attributes.insert(attribute.name, attribute);
        }
        Self { class: schema.class.clone(), place, attributes, schema: Arc::new(schema) }
    }

    /// What is known of an attribute beside its schema.
    pub(super) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.get(name)
    }

    /// The attributes that can be read.
    pub(super) fn readable(&self) -> impl Iterator<Item = &Attribute> {
        let readable = |name| self.schema.get(name).is_some_and(AttributeSchema::is_readable);
        self.attributes.values().filter(move |attribute| readable(attribute.name))
    }

    /// Its schema.
    pub(super) fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }
}

static USERS: LazyLock<Table> = LazyLock::new(users::table);
static GROUPS: LazyLock<Table> = LazyLock::new(groups::table);

/// What is known of users.
pub(super) fn users() -> &'static Table {
    &USERS
}

/// What is known of a class.
pub(super) fn of(class: &Class) -> Result<&'static Table> {
    let table = [&*USERS, &*GROUPS].into_iter().find(|table| table.class == *class);
    table.ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, "a tenant has users and groups only").with_context("class", class)
    })
}

/// How the value of a property of Graph becomes attributes.
#[derive(Debug)]
pub(super) enum Shape {
    /// It is the attribute.
    Plain { name: &'static str, is_date: bool },
    /// Its members are.
    Members(Vec<(&'static str, &'static str)>),
    /// It is an object, of which the attribute is the id.
    Reference(&'static str),
    /// It says which licences there are, and from whom.
    Licenses,
    /// It says which licences a group has.
    Assigned,
}

/// How the value of a property of Graph becomes attributes; the same whichever class has it.
pub(super) fn shape(property: &str) -> Option<&'static Shape> {
    static SHAPES: LazyLock<BTreeMap<&'static str, Shape>> = LazyLock::new(|| {
        let mut shapes = BTreeMap::new();
        for table in [&*USERS, &*GROUPS] {
            for attribute in table.readable() {
                let name = attribute.name;
                match (attribute.reading, attribute.member()) {
                    (Reading::Linked | Reading::Faults, _) => {}
                    (Reading::Assigned, _) => {
                        shapes.insert(attribute.property(), Shape::Assigned);
                    }
                    (Reading::Licenses, _) => {
                        shapes.insert(attribute.property(), Shape::Licenses);
                    }
                    (Reading::Expanded, _) => {
                        shapes.insert(name, Shape::Reference(name));
                    }
                    (Reading::Selected, None) => {
                        let is_date = table.schema.get(name).is_some_and(|schema| schema.kind == Kind::DateTime);
                        shapes.insert(name, Shape::Plain { name, is_date });
                    }
                    (Reading::Selected, Some(member)) => {
                        let shape = shapes.entry(attribute.property()).or_insert_with(|| Shape::Members(Vec::new()));
                        if let Shape::Members(members) = shape {
                            members.push((name, member));
                        }
                    }
                }
            }
        }
        shapes
    });
    SHAPES.get(property)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_classes_have_is_read_alike() {
        let kind = |table: &Table, name| table.schema.get(name).map(|schema| (schema.kind.clone(), schema.cardinality));
        for attribute in USERS.readable() {
            // Of licences each class has a property of its own.
            if let Some(other) = GROUPS.attribute(attribute.name) {
                let alike = attribute.name == SKU_ID || attribute.reading == other.reading;
                assert!(alike, "{}", attribute.name);
                assert_eq!(kind(&USERS, attribute.name), kind(&GROUPS, attribute.name), "{}", attribute.name);
            }
        }
        assert!(shape("licenseAssignmentStates").is_some() && shape("assignedLicenses").is_some());
        assert!(shape("skuId").is_none() && shape("password").is_none());
    }

    #[test]
    fn there_are_users_and_groups() {
        for class in [Class::USER, Class::GROUP] {
            assert_eq!(of(&class).expect("it is known").schema().class, class);
        }
        assert_eq!(of(&Class::new("device")).expect_err("no such class").kind(), ErrorKind::Unsupported);
    }
}
