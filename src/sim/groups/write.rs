//! Creating and changing groups: what the tenant accepts, and in which order it looks.

use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::group::Group;
use super::group_property as property;
use crate::sim::objects::extension::{self, Extensions};
use crate::sim::objects::object::Context;
use crate::sim::objects::shelf::{Field, Item, Slot, parse_id};
use crate::sim::objects::stored::Stored;
use crate::sim::objects::values::is_annotation;
use crate::sim::state::State;
use crate::sim::trouble::lag::Lag;
use crate::sim::users::property::{Access, Class, Kind, Prop, property};
use crate::sim::users::write::By;
use crate::sim::wire::answer::{Refusal, read_date};

const REQUIRED: &[Prop] =
    &[property::DISPLAY_NAME, property::MAIL_ENABLED, property::MAIL_NICKNAME, property::SECURITY_ENABLED];

/// Set by the service from other facts, so not even an administrator writes them.
const DERIVED: &[Prop] = &[
    property::ID,
    property::CREATED,
    property::DELETED,
    property::RENEWED,
    property::SECURITY_IDENTIFIER,
    property::ASSIGNED_LICENSES,
    property::PROCESSING_STATE,
];

type Named<'a> = Vec<(Prop, &'a Value)>;

impl State {
    pub(crate) fn create_group(&mut self, body: &Value, by: By, now: OffsetDateTime) -> Result<Slot, Refusal> {
        let named = resolve(body, &self.extensions)?;
        let is_given = |prop: &Prop| named.iter().any(|(of, value)| of == prop && !value.is_null());
        if let Some(missing) = REQUIRED.iter().find(|prop| !is_given(prop)) {
            return Err(Refusal::missing_value_of(Class::Group, property(*missing).name));
        }
        let drawn = self.ids.uuid();
        let id = match named.iter().find(|(prop, _)| *prop == property::ID) {
            Some((_, id)) if by == By::Administrator => self.free_group_id(id)?,
            _ => drawn,
        };
        let mut group = Group::new(id, now.unix_timestamp());
        let named: Named<'_> = match by {
            By::Client => named,
            By::Administrator => named.into_iter().filter(|(prop, _)| *prop != property::ID).collect(),
        };
        apply(&mut group, &named, by)?;
        if by == By::Client {
            check_kind(&group)?;
            if group.is_role_assignable() && !self.is_granted("RoleManagement.ReadWrite.Directory") {
                return Err(Refusal::denied());
            }
        }
        if group.is_unified() {
            if group.text(property::VISIBILITY).is_none() {
                group.set_text(property::VISIBILITY, "Public");
            }
            if group.text(property::MAIL).is_none() {
                let mail =
                    format!("{}@{}", group.text(property::MAIL_NICKNAME).unwrap_or_default(), self.default_domain());
                group.set_text(property::MAIL, &mail);
            }
        } else if by == By::Client && group.text(property::VISIBILITY) == Some("HiddenMembership") {
            return Err(invalid(property::VISIBILITY));
        }
        if let Some(mail) = group.text(property::MAIL).map(|mail| format!("SMTP:{mail}")) {
            group.set(property::PROXY_ADDRESSES, Some(Stored::Json(Box::new(json!([mail])))));
        }
        if group.is_dynamic() && group.text(property::RULE_STATE).is_none() {
            group.set_text(property::RULE_STATE, "On");
        }
        self.check_group_unique(&group, None)?;
        self.check_quota(by)?;
        Ok(self.groups.insert(group, self.lag(by, now)))
    }

    /// What a change would make of a group, with the names of the properties that the body wrote.
    pub(crate) fn changed_group(
        &self,
        slot: Slot,
        body: &Value,
        by: By,
    ) -> Result<(Group, Vec<&'static str>), Refusal> {
        let named = resolve(body, &self.extensions)?;
        let before = self.groups.current(slot).ok_or_else(|| Refusal::not_found("group"))?;
        let mut group = before.clone();
        if by == By::Client {
            for (prop, value) in &named {
                check_change(before, *prop, value, self.context())?;
            }
        }
        apply(&mut group, &named, by)?;
        if by == By::Client && !named.is_empty() {
            before.check_writable()?;
            check_kind(&group)?;
        }
        self.check_group_unique(&group, Some(slot))?;
        Ok((group, named.iter().map(|(prop, _)| property(*prop).name).collect()))
    }

    /// Puts a changed group in its place; one that becomes dynamic loses its members.
    pub(crate) fn replace_group(&mut self, slot: Slot, group: Group, by: By, now: OffsetDateTime) {
        let lag = self.lag(by, now);
        let was_dynamic = self.groups.current(slot).is_some_and(Group::is_dynamic);
        let (id, is_dynamic) = (group.id, group.is_dynamic());
        self.groups.replace(slot, group, lag);
        if is_dynamic && !was_dynamic {
            let members: Vec<Uuid> = self.members.all_from(id).collect();
            for member in &members {
                self.members.remove(id, *member, lag);
            }
            self.process_licenses_of(&members, lag);
        }
    }

    /// Moves a group to the recycle bin, at once. Its links stay, for a restore.
    pub(crate) fn delete_group(&mut self, slot: Slot, now: OffsetDateTime) {
        if let Some(mut group) = self.groups.current(slot).cloned() {
            let members: Vec<Uuid> = self.members.all_from(group.id).collect();
            let licensed = !group.licenses.is_empty();
            group.deleted = Some(now.unix_timestamp());
            self.groups.replace(slot, group, Lag::none(now));
            if licensed {
                self.process_licenses_of(&members, Lag::none(now));
            }
        }
    }

    /// Brings a group back from the recycle bin.
    pub(crate) fn restore_group(&mut self, slot: Slot, now: OffsetDateTime) -> Result<(), Refusal> {
        let mut group = self.groups.current(slot).cloned().ok_or_else(|| Refusal::not_found("group"))?;
        group.deleted = None;
        self.check_group_unique(&group, Some(slot))?;
        let members: Vec<Uuid> = self.members.all_from(group.id).collect();
        let (licensed, lag) = (!group.licenses.is_empty(), self.lag(By::Client, now));
        self.groups.replace(slot, group, lag);
        if licensed {
            self.process_licenses_of(&members, lag);
        }
        Ok(())
    }

    /// Deletes for good.
    pub(crate) fn purge_group(&mut self, slot: Slot, now: OffsetDateTime) {
        if let Some(group) = self.groups.remove(slot, now) {
            self.departed.insert(group.id, Class::Group);
            self.forget_links(group.id, now);
        }
    }

    /// Drops everything that leads to an object that is no more.
    pub(crate) fn forget_links(&mut self, id: Uuid, now: OffsetDateTime) {
        self.members.remove_object(id, now);
        self.owners.remove_object(id, now);
        self.assignments.retain(|assignment| assignment.principal != id);
    }

    fn free_group_id(&self, id: &Value) -> Result<Uuid, Refusal> {
        let id = id.as_str().and_then(parse_id).ok_or_else(|| invalid(property::ID))?;
        match self.find_object(id) {
            Some(_) => Err(Refusal::conflict("id", Class::Group, id)),
            None => Ok(id),
        }
    }

    fn check_group_unique(&self, group: &Group, slot: Option<Slot>) -> Result<(), Refusal> {
        for (field, key) in group.keys() {
            let holder = self.groups.holder(field, &key, slot);
            match (field, holder) {
                (Field::UniqueName, Some(holder)) => {
                    let mut refusal = Refusal::new(
                        409,
                        "Request_MultipleObjectsWithSameKeyValue",
                        "A conflicting object with one or more of the specified property values is present in the \
                         directory.",
                    );
                    refusal.details = vec![("ConflictingObjects", format!("Group_{holder}"))];
                    return Err(refusal);
                }
                (Field::Nickname, Some(holder)) => {
                    return Err(Refusal::conflict("mailNickname", Class::Group, holder));
                }
                (Field::Address, Some(holder)) => {
                    return Err(Refusal::conflict("proxyAddresses", Class::Group, holder));
                }
                (Field::Address, None) => {
                    if let Some(holder) = self.people.holder(field, &key, None) {
                        return Err(Refusal::conflict("proxyAddresses", Class::User, holder));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn invalid(prop: Prop) -> Refusal {
    Refusal::invalid_value_of(Class::Group, property(prop).name)
}

/// Finds the properties that a body names.
fn resolve<'a>(body: &'a Value, extensions: &Extensions) -> Result<Named<'a>, Refusal> {
    let Value::Object(members) = body else {
        return Err(Refusal::protocol("The body of a write is a JSON object."));
    };
    let named = members.iter().filter(|(name, _)| !is_annotation(name)).map(|(name, value)| {
        let prop = extensions.find(Class::Group, name).next();
        Ok((prop.ok_or_else(|| Refusal::unknown_property(Class::Group, name))?, value))
    });
    named.collect()
}

/// Puts the values into the group, each checked by itself.
fn apply(group: &mut Group, named: &Named<'_>, by: By) -> Result<(), Refusal> {
    for (prop, value) in named {
        let known = property(*prop);
        if DERIVED.contains(prop) || (by == By::Client && known.access == Access::Read) {
            return Err(Refusal::read_only(known.name));
        }
        if by == By::Client && known.access == Access::Elsewhere {
            return Err(Refusal::denied());
        }
        group.set(*prop, checked(*prop, value)?);
    }
    extension::check_count(&group.extensions())
}

/// One value, checked for type, length and characters; `None` clears.
fn checked(prop: Prop, value: &Value) -> Result<Option<Stored>, Refusal> {
    let known = property(prop);
    let stored = match (known.kind, value) {
        _ if extension::is_extension(prop) => return extension::checked(prop, value),
        (_, Value::Null) if known.access != Access::Required && !known.is_collection() => return Ok(None),
        (Kind::Bool, Value::Bool(value)) => Stored::Bool(*value),
        (Kind::Text(max), Value::String(text)) => {
            let is_short = max == 0 || text.chars().count() <= usize::from(max);
            let is_fine = match prop {
                property::MAIL_NICKNAME => {
                    text.bytes().all(|byte| byte.is_ascii_graphic() && !b"@()\\[]\";:<>,".contains(&byte))
                }
                property::DESCRIPTION => true,
                _ => !text.contains(char::is_control),
            };
            if !is_short || !is_fine || text.is_empty() {
                return Err(invalid(prop));
            }
            Stored::Text(text.as_str().into())
        }
        (Kind::Word(words), Value::String(text)) => {
            let word = words.iter().find(|word| word.eq_ignore_ascii_case(text)).ok_or_else(|| invalid(prop))?;
            Stored::Text((*word).into())
        }
        (Kind::Texts, Value::Array(items)) if prop == property::GROUP_TYPES => {
            let mut types = Vec::new();
            for item in items {
                let kind = ["Unified", "DynamicMembership"].into_iter().find(|kind| item == kind);
                types.push(kind.ok_or_else(|| invalid(prop))?);
            }
            return Ok((!types.is_empty()).then(|| Stored::Json(Box::new(json!(types)))));
        }
        (Kind::Texts, Value::Array(items)) if items.iter().all(Value::is_string) => {
            return Ok((!items.is_empty()).then(|| Stored::Json(Box::new(value.clone()))));
        }
        // Only an administrator comes here: what the service sets.
        (Kind::Date, Value::String(text)) => Stored::Text(read_date(text).ok_or_else(|| invalid(prop))?.into()),
        (Kind::Objects, Value::Array(_)) | (Kind::Object, Value::Object(_)) => Stored::Json(Box::new(value.clone())),
        _ => return Err(invalid(prop)),
    };
    Ok(Some(stored))
}

/// What a group cannot be.
fn check_kind(group: &Group) -> Result<(), Refusal> {
    let (mail, security) = (group.is_true(property::MAIL_ENABLED), group.is_true(property::SECURITY_ENABLED));
    if group.is_mail_list() {
        return Err(Refusal::bad(
            "The service does not currently support writes of mail-enabled groups. Please ensure that the \
             mail-enablement property is unset and the security-enablement property is set.",
        ));
    } else if group.is_unified() && !mail {
        return Err(invalid(property::MAIL_ENABLED));
    } else if !group.is_unified() && !security {
        return Err(invalid(property::SECURITY_ENABLED));
    }
    if group.is_dynamic() && group.text(property::RULE).is_none() {
        return Err(Refusal::missing_value_of(Class::Group, "membershipRule"));
    }
    if !group.is_dynamic() && (group.text(property::RULE).is_some() || group.text(property::RULE_STATE).is_some()) {
        return Err(invalid(property::RULE));
    }
    if group.is_role_assignable() && (!security || group.is_dynamic()) {
        return Err(invalid(property::ROLE_ASSIGNABLE));
    }
    Ok(())
}

/// What of a group cannot be changed.
fn check_change(before: &Group, prop: Prop, value: &Value, context: Context<'_>) -> Result<(), Refusal> {
    let as_before = before.read(prop, context).into_value();
    if as_before == *value {
        return Ok(());
    }
    let name = property(prop).name;
    let has = |list: &Value, kind: &str| list.as_array().is_some_and(|list| list.iter().any(|item| item == kind));
    let is_refused = match prop {
        property::ROLE_ASSIGNABLE => !(as_before.is_null() && value == false),
        property::MAIL_ENABLED => true,
        property::UNIQUE_NAME => !as_before.is_null(),
        property::GROUP_TYPES => has(&as_before, "Unified") != has(value, "Unified"),
        property::VISIBILITY => as_before == "HiddenMembership" || value == "HiddenMembership",
        property::MAIL_NICKNAME => value.as_str().is_some_and(|text| text.contains('.')),
        _ => false,
    };
    match prop {
        _ if !is_refused => Ok(()),
        property::GROUP_TYPES | property::VISIBILITY | property::MAIL_NICKNAME | property::MAIL_ENABLED => {
            Err(invalid(prop))
        }
        _ => Err(Refusal::read_only(name)),
    }
}
