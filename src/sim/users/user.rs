//! One user: what is stored, and what an answer shows of it.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::property::{self, MANAGER, Prop};
use crate::sim::licenses::license::{self, Holding};
use crate::sim::objects::object::Context;
use crate::sim::objects::shelf::{Field, Item, bare_address};
use crate::sim::objects::stored::{Reading, Stored, Values, fold, security_identifier};
use crate::sim::wire::answer::date_of;

/// A user, small: only what was set is stored.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) id: Uuid,
    /// Seconds since 1970, as all dates here.
    pub(crate) created: i64,
    pub(crate) password_changed: i64,
    /// From when on sign-in sessions are valid.
    pub(crate) sessions_from: i64,
    pub(crate) deleted: Option<i64>,
    pub(crate) manager: Option<Uuid>,
    /// One for each way by which a licence comes.
    pub(crate) licenses: Vec<Holding>,
    values: Values,
}

impl User {
    pub(crate) fn new(id: Uuid, created: i64) -> Self {
        Self {
            id,
            created,
            password_changed: created,
            sessions_from: created,
            deleted: None,
            manager: None,
            licenses: Vec::new(),
            values: Values::default(),
        }
    }

    pub(crate) fn text(&self, prop: Prop) -> Option<&str> {
        self.values.text(prop)
    }

    pub(crate) fn json(&self, prop: Prop) -> Option<&Value> {
        self.values.json(prop)
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

    /// The addresses beside `mail`, each as `smtp:…`.
    pub(crate) fn further_addresses(&self) -> impl Iterator<Item = &str> {
        let list = self.json(property::PROXY_ADDRESSES).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str)
    }

    /// The directory extensions that have a value.
    pub(crate) fn extensions(&self) -> Vec<Prop> {
        self.values.extensions().collect()
    }

    /// What an answer shows.
    pub(crate) fn read(&self, prop: Prop, context: Context<'_>) -> Reading<'_> {
        match prop {
            property::ID => Reading::Text(self.id.to_string().into()),
            property::CREATED => Reading::Text(date_of(self.created).into()),
            property::SESSIONS_VALID_FROM => Reading::Text(date_of(self.sessions_from).into()),
            property::PASSWORD_CHANGED => Reading::Text(date_of(self.password_changed).into()),
            property::DELETED => self.deleted.map_or(Reading::Null, |at| Reading::Text(date_of(at).into())),
            property::UPN => self.shown_name(),
            property::USER_TYPE => Reading::Text(self.text(prop).unwrap_or("Member").into()),
            property::SECURITY_IDENTIFIER => Reading::Text(security_identifier(self.id).into()),
            property::PROXY_ADDRESSES => Reading::Json(Cow::Owned(self.addresses())),
            property::IDENTITIES => Reading::Json(Cow::Owned(self.identities(context.issuer))),
            property::EXTENSION_ATTRIBUTES => Reading::Json(Cow::Owned(self.extension_attributes())),
            property::ASSIGNED_LICENSES => Reading::Json(Cow::Owned(license::assigned(self))),
            property::LICENSE_STATES => Reading::Json(Cow::Owned(license::states(self))),
            property::ASSIGNED_PLANS => Reading::Json(Cow::Owned(license::assigned_plans(self, context.skus))),
            property::PROVISIONED_PLANS => Reading::Json(Cow::Owned(license::provisioned_plans(self, context.skus))),
            property::PASSWORD_PROFILE => self.json(prop).map_or(Reading::Null, |profile| {
                let mut profile = profile.clone();
                profile["password"] = Value::Null;
                Reading::Json(Cow::Owned(profile))
            }),
            _ => self.values.read(prop),
        }
    }

    /// A deleted user's name has its id in front, which frees the name for others.
    fn shown_name(&self) -> Reading<'_> {
        match (self.text(property::UPN), self.deleted) {
            (Some(name), Some(_)) => Reading::Text(format!("{}{name}", self.id.simple()).into()),
            (Some(name), None) => Reading::Text(name.into()),
            (None, _) => Reading::Null,
        }
    }

    fn addresses(&self) -> Value {
        let primary = self.text(property::MAIL).map(|mail| format!("SMTP:{mail}"));
        primary.into_iter().chain(self.further_addresses().map(str::to_owned)).collect()
    }

    fn identities(&self, issuer: &str) -> Value {
        let own = json!({
            "signInType": "userPrincipalName",
            "issuer": issuer,
            "issuerAssignedId": self.text(property::UPN),
        });
        let stored = self.json(property::IDENTITIES).and_then(Value::as_array);
        stored.into_iter().flatten().cloned().chain([own]).collect()
    }

    fn extension_attributes(&self) -> Value {
        let stored = self.json(property::EXTENSION_ATTRIBUTES);
        let all: Map<_, _> = (1..=15)
            .map(|number| {
                let name = format!("extensionAttribute{number}");
                let value = stored.and_then(|stored| stored.get(&name)).cloned();
                (name, value.unwrap_or(Value::Null))
            })
            .collect();
        Value::Object(all)
    }
}

impl Item for User {
    fn id(&self) -> Uuid {
        self.id
    }

    fn is_deleted(&self) -> bool {
        self.deleted.is_some()
    }

    fn name(&self) -> Option<&str> {
        self.text(property::UPN)
    }

    fn keys(&self) -> Vec<(Field, Box<str>)> {
        let single = [
            (Field::Name, property::UPN),
            (Field::EmployeeId, property::EMPLOYEE_ID),
            (Field::ImmutableId, property::IMMUTABLE_ID),
            (Field::Address, property::MAIL),
        ];
        let texts = single.into_iter().filter_map(|(field, prop)| Some((field, fold(self.text(prop)?))));
        let further = self.further_addresses().map(|address| (Field::Address, fold(bare_address(address))));
        let manager = self.manager.map(|id| (Field::Manager, id.to_string().into()));
        let skus = self.seats().into_iter().map(|sku| (Field::Sku, sku.to_string().into()));
        texts.chain(further).chain(manager).chain(skus).collect()
    }

    fn seats(&self) -> Vec<Uuid> {
        license::effective_skus(&self.licenses)
    }

    fn changes(&self, next: &Self) -> Vec<Prop> {
        let mut props = self.values.changes(&next.values);
        let has = |props: &[Prop], prop| props.contains(&prop);
        for (is_changed, shown) in [
            (self.password_changed != next.password_changed, &[property::PASSWORD_CHANGED][..]),
            (self.sessions_from != next.sessions_from, &[property::SESSIONS_VALID_FROM]),
            (self.manager != next.manager, &[MANAGER]),
            // Changes of `licenseAssignmentStates` are not tracked: a licence may come in another way unseen.
            (
                self.licenses != next.licenses && license::assigned(self) != license::assigned(next),
                &[property::ASSIGNED_LICENSES, property::ASSIGNED_PLANS, property::PROVISIONED_PLANS],
            ),
            (has(&props, property::UPN), &[property::IDENTITIES]),
            (has(&props, property::MAIL), &[property::PROXY_ADDRESSES]),
        ] {
            if is_changed {
                props.extend(shown.iter().filter(|prop| !has(&props, **prop)).copied().collect::<Vec<_>>());
            }
        }
        props
    }

    fn manager(&self) -> Option<Uuid> {
        self.manager
    }

    fn compact(&mut self) {
        self.values.compact();
        self.licenses.shrink_to_fit();
    }
}
