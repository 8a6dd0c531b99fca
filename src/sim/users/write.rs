//! Creating and changing users: what the tenant accepts, and in which order it looks.

use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::property::{self, Class, Prop, property};
use super::user::User;
use crate::sim::objects::shelf::{Field, Item, Slot, bare_address, parse_id};
use crate::sim::objects::stored::fold;
use crate::sim::objects::values::{Named, apply, check_password, missing_value, resolve, stored_list, weak_password};
use crate::sim::state::State;
use crate::sim::trouble::lag::{Lag, Reads};
use crate::sim::wire::answer::Refusal;

/// On whose behalf something is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// Through Graph: every rule holds, and lag delays what readers see.
    Client,
    /// From outside: read-only properties too, no password needed, seen at once.
    Administrator,
}

const REQUIRED: &[Prop] = &[
    property::ACCOUNT_ENABLED,
    property::DISPLAY_NAME,
    property::MAIL_NICKNAME,
    property::PASSWORD_PROFILE,
    property::UPN,
];

impl State {
    pub(crate) fn create_user(&mut self, body: &Value, by: By, now: OffsetDateTime) -> Result<Slot, Refusal> {
        let named = resolve(body, &self.extensions)?;
        if by == By::Client {
            let is_given = |prop: &Prop| named.iter().any(|(of, value)| of == prop && !value.is_null());
            if let Some(missing) = REQUIRED.iter().find(|prop| !is_given(prop)) {
                return Err(missing_value(*missing));
            }
        }
        let drawn = self.ids.uuid();
        let id = match named.iter().find(|(prop, _)| *prop == property::ID) {
            Some((_, id)) if by == By::Administrator => self.free_id(id)?,
            _ => drawn,
        };
        let mut user = User::new(id, now.unix_timestamp());
        let named: Named<'_> = match by {
            By::Client => named,
            By::Administrator => named.into_iter().filter(|(prop, _)| *prop != property::ID).collect(),
        };
        let password = apply(&mut user, &named, by)?;
        if by == By::Client && self.is_federated(&user) && user.text(property::IMMUTABLE_ID).is_none() {
            return Err(missing_value(property::IMMUTABLE_ID));
        }
        self.check(&user, None)?;
        check_password(password.as_ref(), &user)?;
        if by == By::Client && password.is_none() {
            return Err(weak_password());
        }
        self.check_unique(&user, None)?;
        self.check_quota(by)?;
        if let Some(password) = password {
            self.passwords.insert(user.id, password);
        }
        Ok(self.people.insert(user, self.lag(by, now)))
    }

    /// Answers the names of the properties that the body wrote.
    pub(crate) fn update_user(
        &mut self,
        slot: Slot,
        body: &Value,
        by: By,
        now: OffsetDateTime,
    ) -> Result<Vec<&'static str>, Refusal> {
        let named = resolve(body, &self.extensions)?;
        let Some(before) = self.people.current(slot) else {
            return Err(Refusal::not_found("user"));
        };
        let mut user = before.clone();
        let synced = before.is_true(property::SYNC_ENABLED);
        let password = apply(&mut user, &named, by)?;
        self.check(&user, Some(slot))?;
        check_password(password.as_ref(), &user)?;
        self.check_unique(&user, Some(slot))?;
        if by == By::Client && synced && named.iter().any(|(prop, _)| *prop != property::USAGE_LOCATION) {
            return Err(Refusal::on_premises());
        }
        if let Some(password) = password {
            user.password_changed = now.unix_timestamp();
            self.passwords.insert(user.id, password);
        }
        self.people.replace(slot, user, self.lag(by, now));
        Ok(named.iter().map(|(prop, _)| property(*prop).name).collect())
    }

    /// Moves a user to the recycle bin, at once. Its links stay, for a restore; its seats become free.
    pub(crate) fn delete_user(&mut self, slot: Slot, now: OffsetDateTime) {
        if let Some(mut user) = self.people.current(slot).cloned() {
            user.deleted = Some(now.unix_timestamp());
            self.people.replace(slot, user, Lag::none(now));
        }
    }

    /// Brings a user back from the recycle bin.
    pub(crate) fn restore_user(&mut self, slot: Slot, body: &Value, now: OffsetDateTime) -> Result<(), Refusal> {
        let Some(mut user) = self.people.current(slot).cloned() else {
            return Err(Refusal::not_found("user"));
        };
        user.deleted = None;
        match body.get("newUserPrincipalName") {
            None | Some(Value::Null) => {}
            Some(name) => {
                let name = json!({ "userPrincipalName": name });
                apply(&mut user, &resolve(&name, &self.extensions)?, By::Client)?;
                self.check(&user, Some(slot))?;
            }
        }
        if body.get("autoReconcileProxyConflict").and_then(Value::as_bool) == Some(true) {
            self.drop_taken_addresses(&mut user, slot);
        }
        self.check_unique(&user, Some(slot))?;
        self.keep_seated(&mut user);
        let lag = self.lag(By::Client, now);
        self.people.replace(slot, user, lag);
        self.process_licenses(slot, lag);
        Ok(())
    }

    /// Deletes for good.
    pub(crate) fn purge_user(&mut self, slot: Slot, now: OffsetDateTime) {
        if let Some(user) = self.people.remove(slot, now) {
            self.passwords.remove(&user.id);
            self.departed.insert(user.id, Class::User);
            self.forget_links(user.id, now);
            let reports: Vec<Slot> = self.people.candidates(Field::Manager, &user.id.to_string()).collect();
            for report in reports {
                self.set_manager(report, None, By::Administrator, now);
            }
        }
    }

    /// An id that an administrator chose.
    fn free_id(&self, id: &Value) -> Result<Uuid, Refusal> {
        let id = id.as_str().and_then(parse_id).ok_or_else(|| Refusal::invalid_value("id"))?;
        match self.find_object(id) {
            Some(_) => Err(Refusal::conflict("id", Class::User, id)),
            None => Ok(id),
        }
    }

    /// Refuses one object more than a tenant may have; those in the recycle bin count.
    pub(crate) fn check_quota(&self, by: By) -> Result<(), Refusal> {
        let objects = self.people.len() + self.groups.len() + self.applications.len() + self.principals.len();
        match by == By::Client && objects >= self.settings.object_quota {
            true => Err(Refusal::new(
                403,
                "Directory_QuotaExceeded",
                "The directory object quota limit for the Tenant has been exceeded. Please ask your administrator to \
                 increase the quota limit or delete objects to reduce the used quota.",
            )),
            false => Ok(()),
        }
    }

    /// What time it is for a reader.
    pub(crate) fn clock(&self, reads: Reads, now: OffsetDateTime) -> OffsetDateTime {
        self.settings.lags.clock(reads, now)
    }

    pub(crate) fn lag(&self, by: By, now: OffsetDateTime) -> Lag {
        match by {
            By::Client => self.settings.lags.written(now),
            By::Administrator => Lag::none(now),
        }
    }

    /// Whether the user signs in with a domain that another identity provider answers for.
    fn is_federated(&self, user: &User) -> bool {
        let domain = user.text(property::UPN).and_then(|name| name.rsplit_once('@'));
        domain.is_some_and(|(_, domain)| {
            let known = self.settings.domains.iter().find(|known| known.name.eq_ignore_ascii_case(domain));
            known.is_some_and(|known| known.is_federated())
        })
    }

    /// The domain of a name that is new.
    fn check(&self, user: &User, slot: Option<Slot>) -> Result<(), Refusal> {
        let name = user.text(property::UPN);
        let before = slot.and_then(|slot| self.people.current(slot)).and_then(|user| user.text(property::UPN));
        let Some(name) = name.filter(|name| Some(*name) != before) else {
            return Ok(());
        };
        let domain = name.rsplit_once('@').map_or("", |(_, domain)| domain);
        if self.settings.domains.iter().any(|known| known.name.eq_ignore_ascii_case(domain)) {
            return Ok(());
        }
        Err(Refusal::bad(
            "The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain \
             names in your organization.",
        ))
    }

    fn check_unique(&self, user: &User, slot: Option<Slot>) -> Result<(), Refusal> {
        for (field, key) in user.keys() {
            let name = match field {
                Field::Name => "userPrincipalName",
                Field::Address => "proxyAddresses",
                Field::ImmutableId => "onPremisesImmutableId",
                Field::EmployeeId
                | Field::Manager
                | Field::Sku
                | Field::Nickname
                | Field::UniqueName
                | Field::AppId => {
                    continue;
                }
            };
            if let Some(holder) = self.people.holder(field, &key, slot) {
                return Err(Refusal::conflict(name, Class::User, holder));
            }
            if let Some(holder) = self.groups.holder(field, &key, None) {
                return Err(Refusal::conflict(name, Class::Group, holder));
            }
        }
        Ok(())
    }

    fn drop_taken_addresses(&self, user: &mut User, slot: Slot) {
        let is_free =
            |address: &str| self.people.holder(Field::Address, &fold(bare_address(address)), Some(slot)).is_none();
        if user.text(property::MAIL).is_some_and(|mail| !is_free(mail)) {
            user.set(property::MAIL, None);
        }
        let kept: Vec<String> =
            user.further_addresses().filter(|address| is_free(address)).map(str::to_owned).collect();
        user.set(property::PROXY_ADDRESSES, stored_list(kept));
    }
}
