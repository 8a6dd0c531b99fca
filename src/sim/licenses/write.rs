//! Assigning licences: to users, and to groups whose members inherit them.
//!
//! What members inherit is worked out at once when a licence of the group, its membership, or the member's own licences
//! change; readers see it when the lag is over. Seats that become free later are given to nobody until one of these
//! happens, or the user's assignments are reprocessed.

use serde_json::Value;
use uuid::Uuid;

use super::license::{Holding, License, conflict_of, details, effective, effective_skus, inherit, plans_of};
use super::sku::{AppliesTo, PlanConflict, Sku};
use crate::sim::audit::Activity;
use crate::sim::groups::group::Processing;
use crate::sim::groups::group_property;
use crate::sim::objects::object::Object;
use crate::sim::objects::shelf::{Slot, parse_id};
use crate::sim::state::State;
use crate::sim::trouble::lag::Lag;
use crate::sim::users::property;
use crate::sim::users::user::User;
use crate::sim::users::write::By;
use crate::sim::wire::answer::{Answer, Refusal};
use crate::sim::wire::routes::Call;

/// What a call adds and removes.
#[derive(Debug)]
struct Change {
    add: Vec<License>,
    remove: Vec<Uuid>,
}

impl Change {
    fn read(body: &Value) -> Result<Self, Refusal> {
        let list = |name: &str| {
            let members = body.as_object().into_iter().flatten();
            let found = members.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.and_then(|(_, value)| value.as_array()).ok_or_else(|| {
                Refusal::protocol(format!(
                    "One or more parameters of the operation 'assignLicense' are missing from the request payload. The \
                     missing parameters are: {name}."
                ))
            })
        };
        let (add, remove) = (list("addLicenses")?, list("removeLicenses")?);
        let add = add.iter().map(|item| {
            let member = |name: &str| {
                let (_, value) = item.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
                Some(value)
            };
            let disabled = match member("disabledPlans") {
                None | Some(Value::Null) => Vec::new(),
                Some(Value::Array(plans)) => plans.iter().map(guid).collect::<Result<_, _>>()?,
                Some(_) => return Err(Refusal::bad("Invalid value specified for property 'disabledPlans'.")),
            };
            Ok(License { sku: guid(member("skuId").unwrap_or(&Value::Null))?, disabled })
        });
        let change = Self {
            add: add.collect::<Result<_, Refusal>>()?,
            remove: remove.iter().map(guid).collect::<Result<_, _>>()?,
        };
        let all: Vec<Uuid> = change.add.iter().map(|license| license.sku).chain(change.remove.clone()).collect();
        match all.iter().enumerate().find(|(at, sku)| all[..*at].contains(sku)) {
            Some((_, sku)) => Err(Refusal::bad(format!("License {sku} is named more than once in the request."))),
            None => Ok(change),
        }
    }
}

fn guid(value: &Value) -> Result<Uuid, Refusal> {
    let id = value.as_str().and_then(parse_id);
    id.ok_or_else(|| {
        let shown: String = value.as_str().map_or_else(|| value.to_string(), str::to_owned).chars().take(60).collect();
        Refusal::bad(format!("Cannot convert the literal '{shown}' to the expected type 'Edm.Guid'."))
    })
}

impl State {
    pub(crate) fn sku(&self, id: Uuid) -> Option<&Sku> {
        self.skus.iter().find(|sku| sku.id == id)
    }

    pub(crate) fn list_skus(&self, call: &Call<'_>) -> Result<Answer, Refusal> {
        crate::sim::organization::collection(call, "subscribedSkus", self.shown_skus())
    }

    pub(crate) fn read_sku(&self, call: &Call<'_>, key: &str) -> Result<Answer, Refusal> {
        let found =
            self.shown_skus().into_iter().find(|sku| sku["id"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(key)));
        crate::sim::organization::single(call, "subscribedSkus", found.ok_or_else(|| Refusal::not_found(key))?)
    }

    pub(crate) fn shown_skus(&self) -> Vec<Value> {
        let shown = |sku: &Sku| sku.shown(self.settings.tenant_id, &self.settings.name, self.people.seats(sku.id));
        self.skus.iter().map(shown).collect()
    }

    fn has_seat(&self, sku: Uuid) -> bool {
        self.sku(sku).is_some_and(|known| self.people.seats(sku) < known.seats())
    }

    /// What the tenant says of the SKUs and plans alone, whoever gets them.
    fn check_skus(&self, add: &[License]) -> Result<(), Refusal> {
        for license in add {
            let id = license.sku;
            let sku = self
                .sku(id)
                .ok_or_else(|| Refusal::bad(format!("License {id} does not correspond to a valid company License.")))?;
            if sku.applies_to == AppliesTo::Company {
                return Err(Refusal::bad(format!("License {id} cannot be assigned to a user.")));
            }
            if let Some(foreign) = license.disabled.iter().find(|plan| !sku.has_plan(**plan)) {
                return Err(Refusal::bad(format!("The service plan {foreign} is not part of the license {id}.")));
            }
        }
        Ok(())
    }

    pub(crate) fn assign_user_license(&mut self, call: &Call<'_>, client: &str, key: &str) -> Result<Answer, Refusal> {
        let change = Change::read(&call.json()?)?;
        let (slot, id) = self.writable(key, call.now)?;
        let user = self.people.current(slot).cloned().ok_or_else(|| Refusal::not_found(key))?;
        self.check_skus(&change.add)?;
        let next = self.assigned_directly(user, &change, call.now.unix_timestamp())?;
        let lag = self.lag(By::Client, call.now);
        self.people.replace(slot, next, lag);
        self.process_licenses(slot, lag);
        for license in &change.add {
            self.note(call, client, (Activity::AssignLicense, 200), (id, Some(license.sku)), vec!["assignedLicenses"]);
        }
        for sku in &change.remove {
            self.note(call, client, (Activity::RemoveLicense, 200), (id, Some(*sku)), vec!["assignedLicenses"]);
        }
        let user = self.people.current(slot).ok_or_else(|| Refusal::not_found(key))?;
        Ok(self.answer_whole(call, 200, Object::User(user), "users"))
    }

    /// The user with its own licences changed, if that can be.
    fn assigned_directly(&self, user: User, change: &Change, updated: i64) -> Result<User, Refusal> {
        let is_direct = |holding: &&Holding, sku: Uuid| holding.by_group.is_none() && holding.sku == sku;
        for sku in &change.remove {
            if user.licenses.iter().any(|holding| is_direct(&holding, *sku)) {
                continue;
            }
            let is_inherited = user.licenses.iter().any(|holding| holding.sku == *sku);
            return Err(Refusal::bad(if is_inherited {
                "User license is inherited from a group membership and it cannot be removed directly from the user."
            } else {
                "User does not have a corresponding license."
            }));
        }
        if !change.add.is_empty() && user.text(property::USAGE_LOCATION).is_none() {
            return Err(Refusal::bad("License assignment cannot be done for user with invalid usage location."));
        }
        let before = effective_skus(&user.licenses);
        let on_before: Vec<Uuid> =
            plans_of(&effective(&user.licenses), &self.skus).iter().map(|plan| plan.id).collect();
        let mut next = user;
        next.licenses.retain(|holding| holding.by_group.is_some() || !change.remove.contains(&holding.sku));
        for License { sku, disabled } in &change.add {
            let disabled = disabled.clone();
            match next.licenses.iter_mut().find(|holding| holding.by_group.is_none() && holding.sku == *sku) {
                Some(holding) => (holding.disabled, holding.updated) = (disabled, updated),
                None => {
                    next.licenses.push(Holding { sku: *sku, disabled, by_group: None, error: None, updated });
                }
            }
        }
        match conflict_of(&next.licenses, &self.skus) {
            Some(PlanConflict::Needs { plan, needed }) => {
                let needed: Vec<_> = needed.iter().map(Uuid::to_string).collect();
                return Err(Refusal::bad(format!(
                    "License assignment failed because service plan {plan} depends on the service plan(s) {}",
                    needed.join(",")
                )));
            }
            Some(PlanConflict::Excludes(one, other)) => {
                // The one that comes is named first.
                let (one, other) = if on_before.contains(&one) { (other, one) } else { (one, other) };
                return Err(Refusal::bad(format!(
                    "License assignment failed because service plans {one}, {other} are mutually exclusive."
                )));
            }
            None => {}
        }
        let added = change.add.iter().map(|license| license.sku).filter(|sku| !before.contains(sku));
        match added.into_iter().find(|sku| !self.has_seat(*sku)) {
            Some(sku) => {
                Err(Refusal::bad(format!("Subscription with SKU {sku} does not have any available licenses.")))
            }
            None => Ok(next),
        }
    }

    pub(crate) fn assign_group_license(&mut self, call: &Call<'_>, client: &str, key: &str) -> Result<Answer, Refusal> {
        let change = Change::read(&call.json()?)?;
        let slot = self.group_slot(key, call.now)?;
        let mut group = self.groups.current(slot).cloned().ok_or_else(|| Refusal::not_found(key))?;
        self.check_skus(&change.add)?;
        // Documented is that security groups give licences; the words of the refusal are a guess.
        if !change.add.is_empty() && !group.is_true(group_property::SECURITY_ENABLED) {
            return Err(Refusal::bad("Licenses can be assigned to security-enabled groups only."));
        }
        if change.remove.iter().any(|sku| !group.licenses.iter().any(|license| license.sku == *sku)) {
            return Err(Refusal::bad("Group does not have a corresponding license."));
        }
        group.licenses.retain(|license| !change.remove.contains(&license.sku));
        for license in &change.add {
            match group.licenses.iter_mut().find(|known| known.sku == license.sku) {
                Some(known) => known.disabled.clone_from(&license.disabled),
                None => group.licenses.push(license.clone()),
            }
        }
        let (id, lag, takes) = (group.id, self.lag(By::Client, call.now), self.settings.license_processing);
        group.processed = Some(Processing { from: call.now, takes });
        let answer = self.answer_whole(call, 202, Object::Group(&group), "groups");
        let location = self.location(call, Object::Group(&group));
        self.groups.replace(slot, group, lag);
        for license in &change.add {
            self.note(call, client, (Activity::AssignLicense, 202), (id, Some(license.sku)), vec!["assignedLicenses"]);
        }
        for sku in &change.remove {
            self.note(call, client, (Activity::RemoveLicense, 202), (id, Some(*sku)), vec!["assignedLicenses"]);
        }
        let members: Vec<Uuid> = self.members.all_from(id).collect();
        self.process_licenses_of(&members, lag.at_least(takes));
        Ok(answer.with_header("Location", location))
    }

    pub(crate) fn reprocess(&mut self, call: &Call<'_>, key: &str) -> Result<Answer, Refusal> {
        let (slot, _) = self.writable(key, call.now)?;
        self.process_licenses(slot, self.lag(By::Client, call.now));
        let user = self.people.current(slot).ok_or_else(|| Refusal::not_found(key))?;
        Ok(self.answer_whole(call, 200, Object::User(user), "users"))
    }

    /// Works out what users inherit, after something changed in a group with licences.
    pub(crate) fn licenses_follow(&mut self, group: Uuid, members: &[Uuid], lag: Lag) {
        if self.group_by_id(group).is_some_and(|group| !group.licenses.is_empty()) {
            self.process_licenses_of(members, lag);
        }
    }

    pub(crate) fn process_licenses_of(&mut self, members: &[Uuid], lag: Lag) {
        for member in members {
            if let Some(slot) = self.people.by_id(*member) {
                self.process_licenses(slot, lag);
            }
        }
    }

    /// Works out what a user inherits from the groups that it is a direct member of.
    pub(crate) fn process_licenses(&mut self, slot: Slot, lag: Lag) {
        let Some(user) = self.people.live(slot) else { return };
        let before = effective_skus(&user.licenses);
        let mut holdings: Vec<Holding> =
            user.licenses.iter().filter(|holding| holding.by_group.is_none()).cloned().collect();
        let groups = self.members.all_to(user.id).filter_map(|id| self.group_by_id(id));
        for group in groups.filter(|group| !group.licenses.is_empty()) {
            let held = effective_skus(&holdings);
            let has_seat = |sku: Uuid| held.contains(&sku) || before.contains(&sku) || self.has_seat(sku);
            let errors = inherit(&group.licenses, &holdings, &self.skus, has_seat);
            for (license, error) in group.licenses.iter().zip(errors) {
                let mut holding = Holding {
                    sku: license.sku,
                    disabled: license.disabled.clone(),
                    by_group: Some(group.id),
                    error,
                    updated: lag.now.unix_timestamp(),
                };
                // What stays as it was keeps its date.
                let is_same = |old: &&Holding| Holding { updated: holding.updated, ..(*old).clone() } == holding;
                if let Some(old) = user.licenses.iter().find(is_same) {
                    holding.updated = old.updated;
                }
                holdings.push(holding);
            }
        }
        if holdings != user.licenses {
            let mut next = user.clone();
            next.licenses = holdings;
            self.people.replace(slot, next, lag);
        }
    }

    /// Takes from a restored user what there is no seat for any more.
    pub(crate) fn keep_seated(&self, user: &mut User) {
        user.licenses.retain(|holding| self.has_seat(holding.sku));
    }

    pub(crate) fn list_license_details(&self, call: &Call<'_>, key: &str) -> Result<Answer, Refusal> {
        let slot = self.people.find(key, call.now).ok_or_else(|| Refusal::not_found(key))?;
        let user = self.people.visible(slot, call.now).ok_or_else(|| Refusal::not_found(key))?;
        let context = format!("users('{}')/licenseDetails", user.id);
        crate::sim::organization::collection(call, &context, details(user, &self.skus))
    }
}
