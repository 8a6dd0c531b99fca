//! What Graph does not do to groups.

use super::routing::has_type;
use super::schema::{
    ASSIGNABLE_TO_ROLE, DYNAMIC, GROUP_TYPES, MAIL_ENABLED, MEMBER_GROUPS, MEMBERS, MEMBERSHIP_RULE, SECURITY_ENABLED,
    SKU_ID, UNIFIED, UNIQUE_NAME, VISIBILITY,
};
use crate::model::Value;
use crate::reconcile::{Draft, DraftStep, Finding};

/// What would fail, after [groups](https://learn.microsoft.com/graph/api/resources/groups-overview); a finding of the
/// object stands alone.
pub(super) fn check(draft: &Draft<'_>) -> Vec<Finding> {
    // What is created is as it is drafted; what is there keeps what cannot be changed.
    let value = |name: &str| match draft.current {
        Some(current) => current.get(name),
        None => draft.attributes.get(name),
    };
    let is_true = |name: &str| value(name) == Some(&Value::Bool(true));
    let is_unified = has_type(value(GROUP_TYPES), UNIFIED);
    // Of a group whose types were not read nobody knows.
    let types_known = draft.current.is_none_or(|current| current.get(GROUP_TYPES).is_some());
    if types_known && !is_unified && is_true(MAIL_ENABLED) {
        let message = "distribution lists and mail-enabled security groups cannot be written through Graph; change them \
                       in Exchange";
        return vec![Finding::object("mail-enabled-group", message)];
    }
    let mut findings = Vec::new();
    let mut refuse = |attribute: &'static str, rule, message: String| {
        findings.push(Finding::attribute(attribute, rule, message));
    };
    let is_dynamic = has_type(value(GROUP_TYPES), DYNAMIC);
    let holds_roles = is_true(ASSIGNABLE_TO_ROLE);
    for name in [MEMBERS, MEMBER_GROUPS].into_iter().filter(|name| draft.elements.iter().any(|own| own == name)) {
        if is_dynamic {
            refuse(name, "dynamic-membership", "a rule says who is in the group; change the rule instead".into());
        } else if name == MEMBER_GROUPS && (is_unified || holds_roles) {
            let kind = if is_unified { "a Microsoft 365 group" } else { "a group that can hold roles" };
            refuse(name, "nested-group", format!("{kind} takes users only"));
        }
    }
    let drafted = |name: &str| draft.attributes.get(name).filter(|value| !value.is_null());
    // What is not said of a new group is as it is made: see `routing::new_group`.
    let security = match draft.current {
        Some(current) => current.get(SECURITY_ENABLED).and_then(Value::as_bool),
        None => drafted(SECURITY_ENABLED).and_then(Value::as_bool).or(Some(!is_unified)),
    };
    if draft.elements.iter().any(|own| own == SKU_ID) && security == Some(false) {
        let message = "only a security-enabled group gives licences to its members: set securityEnabled";
        refuse(SKU_ID, "licensing-group", message.into());
    }
    let hides =
        drafted(VISIBILITY).and_then(Value::as_text).is_some_and(|text| text.eq_ignore_ascii_case("HiddenMembership"));
    match draft.step {
        DraftStep::Create => {
            if is_unified && drafted(MAIL_ENABLED) == Some(&Value::Bool(false)) {
                refuse(MAIL_ENABLED, "group-kind", "a Microsoft 365 group is mail-enabled".into());
            }
            if hides && !is_unified {
                refuse(VISIBILITY, "visibility", "only a Microsoft 365 group can hide its members".into());
            }
            let is_secure = match drafted(SECURITY_ENABLED) {
                Some(value) => *value == Value::Bool(true),
                None => !is_unified,
            };
            if holds_roles && !is_secure {
                let message = "a group that can hold roles is security-enabled: map securityEnabled to true";
                refuse(ASSIGNABLE_TO_ROLE, "role-assignable", message.into());
            }
            if holds_roles && is_dynamic {
                refuse(
                    ASSIGNABLE_TO_ROLE,
                    "role-assignable",
                    "the members of a group that can hold roles are assigned, not ruled".into(),
                );
            }
        }
        DraftStep::Update => {
            if hides {
                refuse(
                    VISIBILITY,
                    "visibility",
                    "that members are hidden is said when the group is created, or never".into(),
                );
            }
            if holds_roles && drafted(MEMBERSHIP_RULE).is_some() {
                refuse(
                    MEMBERSHIP_RULE,
                    "role-assignable",
                    "the members of a group that can hold roles are assigned, not ruled".into(),
                );
            }
            if let (Some(_), Some(Value::Text(own))) = (drafted(UNIQUE_NAME), value(UNIQUE_NAME)) {
                refuse(UNIQUE_NAME, "unique-name", format!("a unique name is given once and stays; it is {own}"));
            }
        }
        DraftStep::Delete => {
            if draft.current.is_some_and(|current| current.partial.contains_key(SKU_ID)) {
                let message =
                    "nobody knows which licences the group gives to its members, since they were not read whole";
                return vec![Finding::object("licensing-group", message)];
            }
            let licenses = value(SKU_ID).map_or(0, |licenses| licenses.as_slice().len());
            if licenses > 0 {
                let message = format!(
                    "the group gives {licenses} licences to its members, and Graph deletes none that does: take them away \
                     first, by Leaver::remove_licenses before the delete, or by hand"
                );
                return vec![Finding::object("licensing-group", message)];
            }
        }
        _ => {}
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attributes, Class, Name, ObjectId, Record};

    fn attributes(pairs: &[(&str, Value)]) -> Attributes {
        pairs.iter().map(|(name, value)| (Name::from(*name), value.clone())).collect()
    }

    fn found(
        step: DraftStep,
        current: Option<&[(&str, Value)]>,
        drafted: &[(&str, Value)],
        elements: &[&str],
    ) -> String {
        let current = current.map(|pairs| {
            let mut record = Record::new(ObjectId::group("7"));
            record.attributes = attributes(pairs);
            record
        });
        let elements: Vec<Name> = elements.iter().map(|name| Name::from(*name)).collect();
        let (class, drafted) = (Class::GROUP, attributes(drafted));
        let draft = Draft::new(&class, step, current.as_ref(), &drafted).with_elements(&elements);
        let shown = |finding: Finding| format!("{}@{}", finding.rule, finding.attribute.as_deref().unwrap_or("object"));
        check(&draft).into_iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_graph_would_refuse_of_groups_is_found() {
        use DraftStep::{Create, Delete, Elements, Update};
        let types = |types: &[&str]| (GROUP_TYPES, Value::list(types.iter().map(|text| Value::from(*text))));
        let security = [types(&[]), (MAIL_ENABLED, false.into()), (SECURITY_ENABLED, true.into())];
        let mail = [types(&[]), (MAIL_ENABLED, true.into()), (SECURITY_ENABLED, true.into())];
        let unified = [types(&["Unified"]), (MAIL_ENABLED, true.into())];
        let dynamic = [types(&["unified", "dynamicmembership"]), (MAIL_ENABLED, true.into())];
        let roles = [types(&[]), (ASSIGNABLE_TO_ROLE, true.into()), (UNIQUE_NAME, "a".into())];
        let unknown = [(MAIL_ENABLED, true.into())];
        let distribution = [types(&["Unified"]), (MAIL_ENABLED, true.into()), (SECURITY_ENABLED, false.into())];
        let licensing = [types(&[]), (SKU_ID, Value::list(["a".into()]))];
        type Row<'a> = (DraftStep, Option<&'a [(&'a str, Value)]>, &'a [(&'a str, Value)], &'a [&'a str], &'a str);
        #[rustfmt::skip]
        let table: &[Row<'_>] = &[
            (Update, Some(&security), &[("displayName", "x".into())], &[MEMBERS, MEMBER_GROUPS, "owners"], ""),
            (Update, Some(&mail), &[("displayName", "x".into())], &[], "mail-enabled-group@object"),
            (Delete, Some(&mail), &[], &[], "mail-enabled-group@object"),
            (Elements, Some(&mail), &[], &[MEMBERS], "mail-enabled-group@object"),
            (Elements, Some(&unknown), &[], &[MEMBERS], ""),
            (Elements, Some(&unified), &[], &[MEMBERS], ""),
            (Elements, Some(&unified), &[], &[MEMBERS, MEMBER_GROUPS], "nested-group@memberGroups"),
            (Elements, Some(&dynamic), &[], &[MEMBERS, MEMBER_GROUPS, "owners"], "dynamic-membership@members dynamic-membership@memberGroups"),
            (Elements, Some(&roles), &[], &[MEMBERS, MEMBER_GROUPS], "nested-group@memberGroups"),
            (Update, Some(&roles), &[(MEMBERSHIP_RULE, "x".into())], &[], "role-assignable@membershipRule"),
            (Update, Some(&roles), &[(UNIQUE_NAME, "b".into())], &[], "unique-name@uniqueName"),
            (Update, Some(&security), &[(UNIQUE_NAME, "b".into())], &[], ""),
            (Update, Some(&unified), &[(VISIBILITY, "hiddenmembership".into())], &[], "visibility@visibility"),
            (Update, Some(&unified), &[(VISIBILITY, "Private".into())], &[], ""),
            (Elements, Some(&security), &[], &[SKU_ID], ""),
            (Elements, Some(&distribution), &[], &[SKU_ID], "licensing-group@skuId"),
            (Elements, Some(&unified), &[], &[SKU_ID], ""),
            (Elements, Some(&dynamic), &[], &[SKU_ID], ""),
            (Elements, Some(&roles), &[], &[SKU_ID], ""),
            (Elements, Some(&mail), &[], &[SKU_ID], "mail-enabled-group@object"),
            (Elements, None, &[types(&["Unified"])], &[SKU_ID], "licensing-group@skuId"),
            (Elements, None, &[types(&["Unified"]), (SECURITY_ENABLED, true.into())], &[SKU_ID], ""),
            (Elements, None, &[], &[SKU_ID], ""),
            (Delete, Some(&licensing), &[], &[], "licensing-group@object"),
            (Delete, Some(&security), &[], &[], ""),
            (Create, None, &security, &[MEMBERS], ""),
            (Create, None, &mail, &[], "mail-enabled-group@object"),
            (Create, None, &unified, &[MEMBER_GROUPS], "nested-group@memberGroups"),
            (Create, None, &[types(&["Unified"]), (MAIL_ENABLED, false.into())], &[], "group-kind@mailEnabled"),
            (Create, None, &[types(&["Unified"]), (VISIBILITY, "HiddenMembership".into())], &[], ""),
            (Create, None, &[(VISIBILITY, "HiddenMembership".into())], &[], "visibility@visibility"),
            (Create, None, &[(ASSIGNABLE_TO_ROLE, true.into())], &[], ""),
            (Create, None, &[(ASSIGNABLE_TO_ROLE, true.into()), (SECURITY_ENABLED, false.into())], &[], "role-assignable@isAssignableToRole"),
            (Create, None, &[(ASSIGNABLE_TO_ROLE, true.into()), types(&["Unified"])], &[], "role-assignable@isAssignableToRole"),
            (Create, None, &[(ASSIGNABLE_TO_ROLE, true.into()), types(&["DynamicMembership"])], &[], "role-assignable@isAssignableToRole"),
        ];
        for (step, current, drafted, elements, expected) in table {
            assert_eq!(
                found(*step, *current, drafted, elements),
                *expected,
                "{step:?} {current:?} {drafted:?} {elements:?}"
            );
        }
    }

    #[test]
    fn a_group_whose_licences_were_not_read_is_not_deleted() {
        let group = Record::new(ObjectId::group("7")).with(GROUP_TYPES, Value::list([])).with_partial(SKU_ID, "cut");
        let findings = check(&Draft::new(&Class::GROUP, DraftStep::Delete, Some(&group), &Attributes::default()));
        assert_eq!(findings.iter().map(|finding| &*finding.rule).collect::<Vec<_>>(), ["licensing-group"]);
    }
}
