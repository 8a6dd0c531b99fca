//! What an administrator does by hand, behind the client's back, and what it sees.

use std::time::Duration;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::state::State;
use super::tenant::Sim;
use crate::sim::groups::group::{Group, Processing};
use crate::sim::groups::group_property;
use crate::sim::groups::membership::{Place, Relation, Target};
use crate::sim::licenses::license::{Holding, License, effective_skus};
use crate::sim::objects::object::{Object, whole};
use crate::sim::objects::shelf::{Field, Slot, parse_id};
use crate::sim::objects::stored::fold;
use crate::sim::roles::role::{Assignment, template};
use crate::sim::trouble::lag::Lag;
use crate::sim::users::property::{Class, Prop, property};
use crate::sim::users::write::By;
use crate::sim::wire::answer::Refusal;

/// Groups.
impl Sim {
    /// Adds a group and answers its id. What is missing of the required properties is made up: a security group.
    ///
    /// Beside the properties of a group, `members` and `owners` list users and groups by id or name, and `licenses`
    /// SKUs by id or part number. Every kind of group can be made: with `groupTypes`, `mailEnabled`, `securityEnabled`,
    /// `onPremisesSyncEnabled`, `isAssignableToRole`.
    ///
    /// # Panics
    ///
    /// If this is not an object, names an unknown property, has a value that Graph would refuse, or names somebody that
    /// is not there.
    pub fn add_group(&self, group: Value) -> String {
        let now = self.now();
        let mut state = self.state();
        let slot = group_of(&mut state, group, now);
        state.groups.current(slot).map(|group| group.id.to_string()).unwrap_or_default()
    }

    /// Adds this many generated groups, each with an owner and members if there are users.
    pub fn add_groups(&self, count: usize) {
        let now = self.now();
        self.state().populate_groups(count, now);
    }

    /// Changes a group; `null` clears a property.
    ///
    /// Groups are found by id, `uniqueName`, `mailNickname` or `displayName`, here and in the other methods.
    ///
    /// # Panics
    ///
    /// If there is no such group, or the change is one that [`add_group`](Sim::add_group) would not take.
    pub fn update_group(&self, key: &str, changes: Value) {
        let now = self.now();
        let mut state = self.state();
        let slot = state.group_named(key);
        match state.changed_group(slot, &changes, By::Administrator) {
            Ok((group, _)) => state.replace_group(slot, group, By::Administrator, now),
            Err(refusal) => panic!("the group cannot be changed: {}", refusal.message),
        }
    }

    /// Moves a group to the recycle bin.
    ///
    /// # Panics
    ///
    /// If there is no such group.
    pub fn delete_group(&self, key: &str) {
        let now = self.now();
        let mut state = self.state();
        let slot = state.group_named(key);
        state.delete_group(slot, now);
    }

    /// All properties of a group as it is now, whatever the lag.
    #[must_use]
    pub fn group(&self, key: &str) -> Option<Value> {
        let state = self.state();
        let group = state.groups.live(state.find_group(key)?)?;
        Some(whole(Object::Group(group), state.context()))
    }

    /// All groups with all properties, in the order of creation.
    #[must_use]
    pub fn groups(&self) -> Vec<Value> {
        let state = self.state();
        let groups = (0..state.groups.end()).filter_map(|slot| state.groups.live(slot));
        groups.map(|group| whole(Object::Group(group), state.context())).collect()
    }

    /// All groups in the recycle bin.
    #[must_use]
    pub fn deleted_groups(&self) -> Vec<Value> {
        let state = self.state();
        let groups = state.groups.deleted().filter_map(|slot| state.groups.current(slot));
        groups.map(|group| whole(Object::Group(group), state.context())).collect()
    }

    /// The ids of a group's direct members that are not deleted, in the order of being added.
    ///
    /// # Panics
    ///
    /// If there is no such group.
    #[must_use]
    pub fn members(&self, group: &str) -> Vec<String> {
        self.linked(group, Relation::Members)
    }

    /// The ids of a group's owners that are not deleted, in the order of being added.
    ///
    /// # Panics
    ///
    /// If there is no such group.
    #[must_use]
    pub fn owners(&self, group: &str) -> Vec<String> {
        self.linked(group, Relation::Owners)
    }

    /// Adds a user or a group to a group of any kind.
    ///
    /// # Panics
    ///
    /// If one of them is not there.
    pub fn add_member(&self, group: &str, member: &str) {
        self.link(group, Relation::Members, member);
    }

    /// Takes a member out of a group.
    ///
    /// # Panics
    ///
    /// If one of them is not there, or it is no member.
    pub fn remove_member(&self, group: &str, member: &str) {
        self.unlink(group, Relation::Members, member);
    }

    /// Adds an owner to a group.
    ///
    /// # Panics
    ///
    /// If one of them is not there.
    pub fn add_owner(&self, group: &str, owner: &str) {
        self.link(group, Relation::Owners, owner);
    }

    /// Takes an owner from a group, the last one too.
    ///
    /// # Panics
    ///
    /// If one of them is not there, or it is no owner.
    pub fn remove_owner(&self, group: &str, owner: &str) {
        self.unlink(group, Relation::Owners, owner);
    }

    fn linked(&self, group: &str, relation: Relation) -> Vec<String> {
        let state = self.state();
        let id = state.id_of_group(state.group_named(group));
        let others = state.links(relation).all_from(id);
        others.filter(|other| state.live_target(*other).is_some()).map(|other| other.to_string()).collect()
    }

    fn link(&self, group: &str, relation: Relation, other: &str) {
        let now = self.now();
        let mut state = self.state();
        let (id, target) = (state.id_of_group(state.group_named(group)), state.target_named(other));
        state.add_links(id, relation, &[target], Lag::none(now));
    }

    fn unlink(&self, group: &str, relation: Relation, other: &str) {
        let now = self.now();
        let mut state = self.state();
        let (id, target) = (state.id_of_group(state.group_named(group)), state.target_named(other));
        let removed = state.remove_link(id, relation, target.id, Lag::none(now));
        assert!(removed, "'{other}' is not among the {} of '{group}'", relation.name());
    }
}

/// Managers, licences, roles and permissions.
impl Sim {
    /// Gives a user a manager, or takes it.
    ///
    /// # Panics
    ///
    /// If one of them is not there.
    pub fn set_manager(&self, user: &str, manager: Option<&str>) {
        let now = self.now();
        let mut state = self.state();
        let slot = state.user_named(user);
        let manager = manager.map(|manager| state.user_named(manager));
        let manager = manager.and_then(|slot| state.people.current(slot)).map(|manager| manager.id);
        state.set_manager(slot, manager, By::Administrator, now);
    }

    /// The id of a user's manager, unless it is deleted.
    ///
    /// # Panics
    ///
    /// If there is no such user.
    #[must_use]
    pub fn manager(&self, user: &str) -> Option<String> {
        let state = self.state();
        let manager = state.people.current(state.user_named(user))?.manager?;
        state.live_target(manager).map(|target| target.id.to_string())
    }

    /// The SKUs with their seats, as `subscribedSkus` shows them.
    #[must_use]
    pub fn skus(&self) -> Vec<Value> {
        self.state().shown_skus()
    }

    /// Changes how many seats a SKU, found by id or part number, has; nobody loses one.
    ///
    /// # Panics
    ///
    /// If there is no such SKU.
    pub fn set_seats(&self, sku: &str, seats: usize) {
        let mut state = self.state();
        let id = state.sku_named(sku);
        for known in state.skus.iter_mut().filter(|known| known.id == id) {
            known.enabled = seats;
        }
    }

    /// The part numbers of the licences that work for a user, direct and inherited, each once.
    ///
    /// Every way by which they come is in the user's `licenseAssignmentStates`.
    ///
    /// # Panics
    ///
    /// If there is no such user.
    #[must_use]
    pub fn licenses(&self, user: &str) -> Vec<String> {
        let state = self.state();
        let user = state.people.current(state.user_named(user));
        let skus = user.map(|user| effective_skus(&user.licenses)).unwrap_or_default();
        skus.into_iter().filter_map(|sku| Some(state.sku(sku)?.part_number.clone())).collect()
    }

    /// Gives a user a licence, whatever its location, the seats and other plans say.
    ///
    /// # Panics
    ///
    /// If there is no such user or SKU.
    pub fn assign_license(&self, user: &str, sku: &str) {
        self.change_license(user, sku, |holdings, holding| {
            if !holdings.iter().any(|known| known.by_group.is_none() && known.sku == holding.sku) {
                holdings.push(holding);
            }
        });
    }

    /// Takes a licence that was assigned to the user itself.
    ///
    /// # Panics
    ///
    /// If there is no such user or SKU.
    pub fn remove_license(&self, user: &str, sku: &str) {
        self.change_license(user, sku, |holdings, holding| {
            holdings.retain(|known| known.by_group.is_some() || known.sku != holding.sku);
        });
    }

    /// Gives a licence to a group, whose direct members inherit it.
    ///
    /// # Panics
    ///
    /// If there is no such group or SKU.
    pub fn assign_group_license(&self, group: &str, sku: &str) {
        let now = self.now();
        let mut state = self.state();
        let (slot, sku) = (state.group_named(group), state.sku_named(sku));
        state.license_group(slot, sku, Lag::none(now));
    }

    /// Gives a directory role, by name or template id, to a user or a group.
    ///
    /// # Panics
    ///
    /// If there is no such role or principal, or roles cannot be given to the group.
    pub fn assign_role(&self, role: &str, principal: &str) {
        self.state().give_role(role, principal);
    }

    /// The ids of those that a directory role, by name or template id, was given to, groups and applications too.
    ///
    /// # Panics
    ///
    /// If there is no such role.
    #[must_use]
    pub fn role_holders(&self, role: &str) -> Vec<String> {
        let state = self.state();
        let role = role_named(role);
        let given = state.assignments.iter().filter(|assignment| assignment.role == role);
        given.map(|assignment| assignment.principal.to_string()).collect()
    }

    /// All applications with all properties, in the order of creation.
    #[must_use]
    pub fn applications(&self) -> Vec<Value> {
        self.apps_of(Class::Application)
    }

    /// All service principals with all properties, in the order of creation.
    #[must_use]
    pub fn service_principals(&self) -> Vec<Value> {
        self.apps_of(Class::ServicePrincipal)
    }

    fn apps_of(&self, class: Class) -> Vec<Value> {
        let state = self.state();
        let apps = state.apps(class);
        let live = (0..apps.end()).filter_map(|slot| apps.live(slot));
        live.map(|app| whole(Object::App(app), state.context())).collect()
    }

    /// Takes a permission from the applications, such as `Domain.Read.All`; what needs it answers 403 from now on.
    pub fn withdraw_permission(&self, permission: &str) {
        self.state().settings.permissions.retain(|granted| granted != permission);
    }

    /// Gives the applications a permission.
    pub fn grant_permission(&self, permission: &str) {
        let mut state = self.state();
        if !state.settings.permissions.iter().any(|granted| granted == permission) {
            state.settings.permissions.push(permission.to_owned());
        }
    }

    fn change_license(&self, user: &str, sku: &str, change: impl FnOnce(&mut Vec<Holding>, Holding)) {
        let now = self.now();
        let mut state = self.state();
        let (slot, sku) = (state.user_named(user), state.sku_named(sku));
        if let Some(mut user) = state.people.current(slot).cloned() {
            let updated = now.unix_timestamp();
            let holding = Holding { sku, disabled: Vec::new(), by_group: None, error: None, updated };
            change(&mut user.licenses, holding);
            state.people.replace(slot, user, Lag::none(now));
            state.process_licenses(slot, Lag::none(now));
        }
    }
}

impl State {
    pub(super) fn user_named(&self, key: &str) -> Slot {
        self.people.find_current(key).unwrap_or_else(|| panic!("there is no user '{key}'"))
    }

    fn find_group(&self, key: &str) -> Option<Slot> {
        if parse_id(key).is_some() {
            return self.groups.find_current(key);
        }
        let unique = self.groups.candidates(Field::UniqueName, &fold(key)).next();
        let named = |prop: Prop| {
            let has = |slot: &Slot| self.groups.live(*slot).and_then(|group| group.text(prop)) == Some(key);
            (0..self.groups.end()).find(has)
        };
        unique.or_else(|| named(group_property::MAIL_NICKNAME)).or_else(|| named(group_property::DISPLAY_NAME))
    }

    fn group_named(&self, key: &str) -> Slot {
        self.find_group(key).unwrap_or_else(|| panic!("there is no group '{key}'"))
    }

    fn id_of_group(&self, slot: Slot) -> Uuid {
        self.groups.current(slot).map(|group| group.id).unwrap_or_default()
    }

    fn sku_named(&self, key: &str) -> Uuid {
        let id = Uuid::try_parse(key).ok();
        let found = self.skus.iter().find(|sku| Some(sku.id) == id || sku.part_number == key);
        found.map(|sku| sku.id).unwrap_or_else(|| panic!("there is no SKU '{key}'"))
    }

    /// A user or a group that is not deleted.
    fn live_target(&self, id: Uuid) -> Option<Target> {
        let user = self.people.by_id(id).filter(|slot| self.people.live(*slot).is_some()).map(Place::User);
        let group = || self.groups.by_id(id).filter(|slot| self.groups.live(*slot).is_some()).map(Place::Group);
        user.or_else(group).map(|place| Target { id, place })
    }

    /// A user by id or name, or a group.
    fn target_named(&self, key: &str) -> Target {
        let user = self.people.find_current(key).and_then(|slot| self.people.current(slot)).map(|user| user.id);
        let id = user.or_else(|| self.find_group(key).map(|slot| self.id_of_group(slot)));
        let target = id.and_then(|id| self.live_target(id));
        target.unwrap_or_else(|| panic!("there is no user or group '{key}'"))
    }

    fn license_group(&mut self, slot: Slot, sku: Uuid, lag: Lag) {
        if let Some(mut group) = self.groups.current(slot).cloned() {
            if !group.licenses.iter().any(|license| license.sku == sku) {
                group.licenses.push(License { sku, disabled: Vec::new() });
            }
            group.processed = Some(Processing { from: lag.now, takes: Duration::ZERO });
            let members: Vec<Uuid> = self.members.all_from(group.id).collect();
            self.groups.replace(slot, group, lag);
            self.process_licenses_of(&members, lag);
        }
    }

    pub(super) fn give_role(&mut self, role: &str, principal: &str) {
        let target = self.target_named(principal);
        if let Place::Group(slot) = target.place {
            let is_assignable = self.groups.current(slot).is_some_and(Group::is_role_assignable);
            assert!(is_assignable, "roles cannot be given to the group '{principal}': isAssignableToRole is not true");
        }
        self.assign(role_named(role), target.id);
    }

    pub(super) fn assign(&mut self, role: Uuid, principal: Uuid) {
        let assignment = Assignment { role, principal };
        if !self.assignments.contains(&assignment) {
            self.assignments.push(assignment);
        }
    }
}

pub(super) fn role_named(role: &str) -> Uuid {
    template(role).unwrap_or_else(|| panic!("there is no directory role '{role}'"))
}

/// Makes a group up from what an administrator says of it.
pub(super) fn group_of(state: &mut State, group: Value, now: time::OffsetDateTime) -> Slot {
    let refuse = |refusal: Refusal| -> Slot { panic!("the group cannot be added: {}", refusal.message) };
    let Value::Object(mut members) = group else { panic!("a group is an object, not {group}") };
    let mut take = |name: &str| -> Vec<String> {
        let list = members.remove(name);
        let list = list.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (links, licenses) = ([("members", take("members")), ("owners", take("owners"))], take("licenses"));
    let body = completed(members, state.groups.end());
    let slot = state.create_group(&body, By::Administrator, now).unwrap_or_else(refuse);
    let id = state.id_of_group(slot);
    for (name, keys) in links {
        let targets: Vec<Target> = keys.iter().map(|key| state.target_named(key)).collect();
        if let Some(relation) = Relation::parse(name) {
            state.add_links(id, relation, &targets, Lag::none(now));
        }
    }
    for sku in licenses {
        let sku = state.sku_named(&sku);
        state.license_group(slot, sku, Lag::none(now));
    }
    slot
}

/// Makes up what is missing.
fn completed(mut members: Map<String, Value>, number: Slot) -> Value {
    let get = |members: &Map<String, Value>, prop: Prop| {
        let found = members.iter().find(|(key, _)| Class::Group.find(key).next() == Some(prop));
        found.map(|(_, value)| value.clone())
    };
    let types = get(&members, group_property::GROUP_TYPES).unwrap_or_default();
    let is_unified = types.as_array().is_some_and(|types| types.iter().any(|kind| kind == "Unified"));
    let is_mail = get(&members, group_property::MAIL_ENABLED).unwrap_or(json!(is_unified));
    let name = get(&members, group_property::DISPLAY_NAME);
    let name = name.as_ref().and_then(Value::as_str).map_or_else(|| format!("Group {}", number + 1), str::to_owned);
    let nickname: String = name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    let nickname = if nickname.is_empty() { format!("group{}", number + 1) } else { nickname };
    for (prop, value) in [
        (group_property::DISPLAY_NAME, json!(name)),
        (group_property::MAIL_NICKNAME, json!(nickname)),
        (group_property::SECURITY_ENABLED, json!(is_mail == false)),
        (group_property::MAIL_ENABLED, is_mail),
    ] {
        if get(&members, prop).is_none() {
            members.insert(property(prop).name.to_owned(), value);
        }
    }
    Value::Object(members)
}
