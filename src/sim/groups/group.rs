//! One group: what is stored, and what an answer shows of it.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::group_property as property;
use crate::sim::licenses::license::License;
use crate::sim::objects::object::Context;
use crate::sim::objects::shelf::{Field, Item, bare_address};
use crate::sim::objects::stored::{Reading, Stored, Values, fold, security_identifier};
use crate::sim::users::property::{Access, Kind, Prop, Property, property as shown_property};
use crate::sim::wire::answer::{Refusal, date_of};

/// A group. Its members and owners are kept as links.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) id: Uuid,
    /// Seconds since 1970, as all dates here.
    pub(crate) created: i64,
    pub(crate) deleted: Option<i64>,
    pub(crate) licenses: Vec<License>,
    /// When its members were last given its licences, if ever.
    pub(crate) processed: Option<Processing>,
    values: Values,
}

/// When licences come to the members of a group, and how long that takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Processing {
    pub(crate) from: OffsetDateTime,
    pub(crate) takes: Duration,
}

impl Processing {
    /// Half of the time it waits.
    fn state(self, now: OffsetDateTime) -> &'static str {
        match Duration::try_from(now - self.from).unwrap_or_default() {
            passed if passed >= self.takes => "ProcessingComplete",
            passed if passed >= self.takes / 2 => "ProcessingInProgress",
            _ => "QueuedForProcessing",
        }
    }
}

impl Group {
    pub(crate) fn new(id: Uuid, created: i64) -> Self {
        Self { id, created, deleted: None, licenses: Vec::new(), processed: None, values: Values::default() }
    }

    pub(crate) fn text(&self, prop: Prop) -> Option<&str> {
        self.values.text(prop)
    }

    pub(crate) fn is_true(&self, prop: Prop) -> bool {
        self.values.is_true(prop)
    }

    pub(crate) fn set(&mut self, prop: Prop, value: Option<Stored>) {
        self.values.set(prop, value);
    }

    pub(crate) fn set_text(&mut self, prop: Prop, text: &str) {
        self.values.set_text(prop, text);
    }

    fn has_type(&self, name: &str) -> bool {
        let types = self.values.json(property::GROUP_TYPES).and_then(Value::as_array);
        types.into_iter().flatten().any(|kind| kind == name)
    }

    /// Whether it is a Microsoft 365 group.
    pub(crate) fn is_unified(&self) -> bool {
        self.has_type("Unified")
    }

    /// Whether a rule says who its members are.
    pub(crate) fn is_dynamic(&self) -> bool {
        self.has_type("DynamicMembership")
    }

    /// Whether it is a distribution list or a mail-enabled security group, which Exchange keeps.
    pub(crate) fn is_mail_list(&self) -> bool {
        self.is_true(property::MAIL_ENABLED) && !self.is_unified()
    }

    pub(crate) fn is_synced(&self) -> bool {
        self.is_true(property::SYNC_ENABLED)
    }

    pub(crate) fn is_role_assignable(&self) -> bool {
        self.is_true(property::ROLE_ASSIGNABLE)
    }

    /// Refuses what Graph does not write: groups that another system keeps.
    pub(crate) fn check_writable(&self) -> Result<(), Refusal> {
        if self.is_synced() {
            return Err(Refusal::on_premises());
        }
        if self.is_mail_list() {
            return Err(Refusal::bad("Cannot Update a mail-enabled security groups and or distribution list."));
        }
        Ok(())
    }

    /// The directory extensions that have a value.
    pub(crate) fn extensions(&self) -> Vec<Prop> {
        self.values.extensions().collect()
    }

    /// What an answer shows.
    pub(crate) fn read(&self, prop: Prop, context: Context<'_>) -> Reading<'_> {
        match prop {
            property::ID => Reading::Text(self.id.to_string().into()),
            property::CREATED | property::RENEWED => Reading::Text(date_of(self.created).into()),
            property::DELETED => self.deleted.map_or(Reading::Null, |at| Reading::Text(date_of(at).into())),
            property::SECURITY_IDENTIFIER => Reading::Text(security_identifier(self.id).into()),
            property::ASSIGNED_LICENSES => {
                Reading::Json(Cow::Owned(self.licenses.iter().map(License::shown).collect()))
            }
            property::PROCESSING_STATE => self.processed.map_or(Reading::Null, |processing| {
                Reading::Json(Cow::Owned(json!({"state": processing.state(context.now)})))
            }),
            _ => match (self.values.read(prop), shown_property(prop)) {
                // What Exchange keeps has a value from the start.
                (Reading::Null, Property { access: Access::Elsewhere, kind: Kind::Bool, .. }) => Reading::Bool(false),
                (Reading::Null, Property { access: Access::Elsewhere, .. }) => Reading::Json(Cow::Owned(json!(0))),
                (reading, _) => reading,
            },
        }
    }
}

impl Item for Group {
    fn id(&self) -> Uuid {
        self.id
    }

    fn is_deleted(&self) -> bool {
        self.deleted.is_some()
    }

    fn name(&self) -> Option<&str> {
        None
    }

    fn keys(&self) -> Vec<(Field, Box<str>)> {
        let addresses = self.values.json(property::PROXY_ADDRESSES).and_then(Value::as_array);
        let addresses = addresses.into_iter().flatten().filter_map(Value::as_str);
        let addresses = addresses.map(|address| (Field::Address, fold(bare_address(address))));
        let nickname = self.text(property::MAIL_NICKNAME).filter(|_| self.is_unified());
        let nickname = nickname.map(|name| (Field::Nickname, fold(name)));
        let unique = self.text(property::UNIQUE_NAME).map(|name| (Field::UniqueName, fold(name)));
        nickname.into_iter().chain(addresses).chain(unique).collect()
    }

    fn seats(&self) -> Vec<Uuid> {
        Vec::new()
    }

    fn changes(&self, next: &Self) -> Vec<Prop> {
        let mut props = self.values.changes(&next.values);
        if self.licenses != next.licenses {
            props.push(property::ASSIGNED_LICENSES);
        }
        if self.licenses != next.licenses || self.processed != next.processed {
            props.push(property::PROCESSING_STATE);
        }
        props
    }

    fn compact(&mut self) {
        self.values.compact();
    }
}
