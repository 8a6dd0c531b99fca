//! Who sees all that is done in the tenant, by the job and by administrators, and what of it was nobody's to do.
//!
//! What belongs to whom is kept here from what really happened, not from what the job says.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use entrant::sim::{Activity, AuditEntry, Sim};
use entrant::store::{MemoryState, State, Table};
use futures::{FutureExt, StreamExt};
use serde_json::Value as Json;
use time::OffsetDateTime;

use crate::company::{Company, Hr, OnGone, PRODUCTS, Person, Rules};
use crate::timeline::{MachineClock, Timeline};
use crate::watch::Watch;

/// By whom something was given, made or switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Job,
    Administrator,
    /// Both were at it at the same moment, and nobody could tell.
    Either,
}

/// What is known of a user.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) employee: Option<String>,
    pub(crate) made_by: By,
    /// Who switched it off, if it is off.
    pub(crate) off_by: Option<By>,
    pub(crate) deleted_by: Option<By>,
    pub(crate) products: BTreeMap<&'static str, By>,
    pub(crate) manager: Option<(String, By)>,
}

/// What is known of a group.
#[derive(Debug, Clone)]
pub(crate) struct Circle {
    pub(crate) name: String,
    pub(crate) deleted_by: Option<By>,
    pub(crate) members: BTreeMap<String, By>,
}

/// Something that the job did.
#[derive(Debug, Clone)]
pub(crate) struct Deed {
    pub(crate) activity: Activity,
    pub(crate) id: String,
    /// Which value a status was given.
    pub(crate) switched: Option<bool>,
}

/// What an oracle found wrong.
#[derive(Debug, Clone)]
pub(crate) struct Wrong {
    pub(crate) oracle: &'static str,
    pub(crate) why: String,
}

#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) circles: BTreeMap<String, Circle>,
    /// What the job did since this was last emptied.
    pub(crate) deeds: Vec<Deed>,
    pub(crate) wrongs: Vec<Wrong>,
    /// All that happened, a line each.
    pub(crate) lines: Vec<String>,
    /// Whether HR changed between plan and apply.
    pub(crate) hr_moved: bool,
    /// What HR said when the plan that is at work was made.
    pub(crate) hr_then: Company,
    /// Whether a plan is being applied.
    pub(crate) is_applying: bool,
    /// Whom an administrator disabled while this plan is applied, with when.
    pub(crate) disabled_meanwhile: BTreeMap<String, OffsetDateTime>,
    /// Whether a process of the job lives.
    pub(crate) is_running: bool,
    /// What administrators took since the job last made a plan, by object: the job knows nothing of it yet.
    pub(crate) unseen: BTreeMap<(String, String), time::OffsetDateTime>,
    pub(crate) admin_names: usize,
}

/// The witness of one history; clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Witness {
    pub(crate) sim: Sim,
    pub(crate) hr: Hr,
    pub(crate) state: MemoryState,
    pub(crate) timeline: Timeline,
    pub(crate) machine: MachineClock,
    pub(crate) rules: Rules,
    /// Whether reads of the tenant lag behind writes.
    pub(crate) lags: bool,
    products: Arc<BTreeMap<String, &'static str>>,
    ear: Ear,
    book: Arc<Mutex<Book>>,
}

/// Where the tenant's audit arrives.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ear(Arc<Mutex<Vec<u8>>>);

impl Write for Ear {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn text(object: &Json, name: &str) -> Option<String> {
    object[name].as_str().map(str::to_owned)
}

impl Witness {
    pub(crate) fn new(
        sim: Sim,
        ear: Ear,
        hr: Hr,
        state: MemoryState,
        machine: MachineClock,
        rules: Rules,
        lags: bool,
    ) -> Self {
        let timeline = machine.timeline().clone();
        let products = sim.skus().into_iter().filter_map(|sku| {
            let name = PRODUCTS.into_iter().find(|name| sku["skuPartNumber"] == *name)?;
            Some((text(&sku, "skuId")?, name))
        });
        let products = Arc::new(products.collect());
        let witness = Self { sim, hr, state, timeline, machine, rules, lags, products, ear, book: Arc::default() };
        witness.meet_those_who_are_there();
        witness
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note(&self, line: impl AsRef<str>) {
        let now = self.timeline.now().unix_timestamp_nanos() / 1_000_000;
        self.book().lines.push(format!("{now} {}", line.as_ref()));
    }

    pub(crate) fn wrong(&self, oracle: &'static str, why: impl Into<String>) {
        let why = why.into();
        self.note(format!("WRONG {oracle}: {why}"));
        self.book().wrongs.push(Wrong { oracle, why });
    }

    fn meet_those_who_are_there(&self) {
        for user in self.sim.users() {
            self.meet(&user, By::Administrator);
        }
        for group in self.sim.groups() {
            let Some(id) = text(&group, "id") else { continue };
            let members = self.sim.members(&id).into_iter().map(|member| (member, By::Administrator)).collect();
            let name = text(&group, "displayName").unwrap_or_default();
            self.book().circles.insert(id, Circle { name, deleted_by: None, members });
        }
    }

    pub(crate) fn meet(&self, user: &Json, made_by: By) {
        let Some(id) = text(user, "id") else { return };
        let is_off = user["accountEnabled"] == false;
        let account = Account {
            employee: text(user, "employeeId"),
            made_by,
            off_by: is_off.then_some(made_by),
            deleted_by: None,
            products: self.held(user).into_iter().map(|product| (product, made_by)).collect(),
            manager: None,
        };
        self.book().accounts.insert(id, account);
    }

    /// The products that a user has.
    pub(crate) fn held(&self, user: &Json) -> BTreeSet<&'static str> {
        let held = user["assignedLicenses"].as_array().into_iter().flatten();
        held.filter_map(|license| self.product(license["skuId"].as_str()?)).collect()
    }

    pub(crate) fn product(&self, sku: &str) -> Option<&'static str> {
        self.products.get(sku).copied()
    }

    /// How many seats of a product are free.
    pub(crate) fn free_seats(&self, product: &str) -> i64 {
        let sku = self.sim.skus().into_iter().find(|sku| sku["skuPartNumber"] == product).unwrap_or_default();
        sku["prepaidUnits"]["enabled"].as_i64().unwrap_or(0) - sku["consumedUnits"].as_i64().unwrap_or(0)
    }

    // What the job does.

    /// Takes note of what the job did since the last look, and says what was not its to do.
    pub(crate) fn look(&self) {
        let heard = std::mem::take(&mut *self.ear.0.lock().unwrap_or_else(PoisonError::into_inner));
        for line in heard.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice::<AuditEntry>(line) {
                Ok(entry) => self.see(&entry),
                Err(error) => self.wrong("harness", format!("the audit cannot be read: {error}")),
            }
        }
    }

    fn see(&self, entry: &AuditEntry) {
        let (id, target) = (entry.id.to_string(), entry.target.map(|target| target.to_string()));
        let written = entry.properties.join(",");
        self.note(format!("job {:?} {id} {} {written}", entry.activity, target.as_deref().unwrap_or("-")));
        let mut deed = Deed { activity: entry.activity, id: id.clone(), switched: None };
        match (entry.activity, target) {
            (Activity::CreateUser, _) => {
                let user = self.sim.user(&id).unwrap_or_default();
                self.meet(&user, By::Job);
            }
            (Activity::UpdateUser, _) if entry.properties.iter().any(|name| name == "accountEnabled") => {
                let is_on = self.sim.user(&id).is_some_and(|user| user["accountEnabled"] == true);
                deed.switched = Some(is_on);
                self.see_switched(&id, is_on);
            }
            (Activity::DeleteUser, _) => self.see_deleted(&id),
            (Activity::RestoreUser, _) => {
                if !self.rules.restores {
                    self.wrong(FORBIDDEN, format!("{id} was restored, and restoring is off"));
                }
                // A licence whose seat is taken by now does not come back with him.
                let held = self.held(&self.sim.user(&id).unwrap_or_default());
                if let Some(account) = self.book().accounts.get_mut(&id) {
                    account.deleted_by = None;
                    account.products.retain(|product, _| held.contains(product));
                }
            }
            (Activity::CreateGroup, _) => {
                let name = self.sim.group(&id).and_then(|group| text(&group, "displayName")).unwrap_or_default();
                self.book().circles.insert(id, Circle { name, deleted_by: None, members: BTreeMap::new() });
            }
            (Activity::RestoreGroup, _) => {
                if let Some(circle) = self.book().circles.get_mut(&id) {
                    circle.deleted_by = None;
                }
            }
            (Activity::DeleteGroup, _) => self.wrong(FORBIDDEN, format!("group {id} was deleted")),
            (Activity::AddMember, Some(member)) => {
                if let Some(circle) = self.book().circles.get_mut(&id) {
                    circle.members.insert(member, By::Job);
                }
            }
            (Activity::RemoveMember, Some(member)) => self.see_removed(&id, &member),
            (Activity::SetManager, Some(manager)) => {
                if let Some(account) = self.book().accounts.get_mut(&id) {
                    account.manager = Some((manager, By::Job));
                }
            }
            (Activity::ClearManager, _) => self.see_manager_cleared(&id),
            (Activity::AssignLicense, Some(sku)) => {
                if let (Some(product), Some(account)) = (self.product(&sku), self.book().accounts.get_mut(&id)) {
                    account.products.entry(product).or_insert(By::Job);
                }
            }
            (Activity::RemoveLicense, Some(sku)) => self.see_license_taken(&id, &sku),
            _ => {}
        }
        self.book().deeds.push(deed);
    }

    /// Whether the person of an account is gone from HR; nobody's account is nobody's to touch.
    fn is_gone(&self, account: &Account) -> bool {
        let company = self.hr.company();
        account.employee.as_ref().is_some_and(|id| company.ever.contains(id) && !company.people.contains_key(id))
    }

    fn see_switched(&self, id: &str, is_on: bool) {
        let Some(mut account) = self.book().accounts.get(id).cloned() else { return };
        let person = account.employee.as_ref().and_then(|id| self.hr.company().people.get(id).cloned());
        if is_on {
            if account.off_by == Some(By::Administrator) {
                self.wrong(FORBIDDEN, format!("{id} was enabled, whom an administrator had disabled"));
            }
            // Who leaves between plan and apply is switched off by the next run.
            if !person.is_some_and(|person| person.active) && !self.book().hr_moved {
                self.wrong(FORBIDDEN, format!("{id} was enabled, and is not active in HR"));
            }
            account.off_by = None;
        } else {
            let leaves = self.is_gone(&account) && self.rules.on_gone != OnGone::Keep;
            if !leaves && person.is_none_or(|person| person.active) {
                self.wrong(FORBIDDEN, format!("{id} was disabled, and HR does not say so"));
            }
            // Between the job's last look at him and its write, with all that it is tried again, nobody could tell.
            let since = self.book().disabled_meanwhile.get(id).copied();
            let is_race = account.off_by == Some(By::Administrator)
                && since.is_some_and(|since| self.timeline.now() - since < 2 * Watch::DEADLINE);
            account.off_by = if is_race { Some(By::Either) } else { account.off_by.or(Some(By::Job)) };
        }
        self.book().accounts.insert(id.to_owned(), account);
    }

    fn see_deleted(&self, id: &str) {
        let Some(account) = self.book().accounts.get(id).cloned() else { return };
        let deletes = matches!(self.rules.on_gone, OnGone::Delete | OnGone::DisableThenDelete);
        if !deletes || !self.is_gone(&account) {
            self.wrong(FORBIDDEN, format!("{id} was deleted, and HR and the rules do not say so"));
        }
        if account.made_by == By::Administrator {
            self.wrong(FORBIDDEN, format!("{id} was deleted, which was there before the job"));
        }
        if let Some(account) = self.book().accounts.get_mut(id) {
            account.deleted_by = Some(By::Job);
        }
    }

    fn see_removed(&self, group: &str, member: &str) {
        let Some(circle) = self.book().circles.get(group).cloned() else { return };
        if circle.members.get(member) == Some(&By::Administrator) {
            self.wrong(FORBIDDEN, format!("{member} was taken out of {group}, whom an administrator had put there"));
        }
        if self.is_wanted_in(&circle.name, member) {
            self.wrong(FORBIDDEN, format!("{member} was taken out of {group}, where HR lists it"));
        }
        if let Some(circle) = self.book().circles.get_mut(group) {
            circle.members.remove(member);
        }
    }

    /// Whether HR lists a user or a group as a member of a group.
    pub(crate) fn is_wanted_in(&self, group: &str, member: &str) -> bool {
        let (employee, name) = self.names_of(member);
        lists(&self.hr.company(), group, employee.as_deref(), name.as_deref())
    }

    /// What HR calls a user, or a group.
    pub(crate) fn names_of(&self, id: &str) -> (Option<String>, Option<String>) {
        let book = self.book();
        let employee = book.accounts.get(id).and_then(|account| account.employee.clone());
        (employee, book.circles.get(id).map(|circle| circle.name.clone()))
    }

    fn see_manager_cleared(&self, id: &str) {
        let Some(account) = self.book().accounts.get(id).cloned() else { return };
        let person = account.employee.as_ref().and_then(|id| self.hr.company().people.get(id).cloned());
        if person.is_none_or(|person| person.manager.is_some()) {
            self.wrong(FORBIDDEN, format!("{id} lost its manager, and HR does not say so"));
        }
        if account.manager.is_some_and(|(_, by)| by == By::Administrator) {
            self.wrong(FORBIDDEN, format!("{id} lost the manager whom an administrator had given"));
        }
        if let Some(account) = self.book().accounts.get_mut(id) {
            account.manager = None;
        }
    }

    fn see_license_taken(&self, id: &str, sku: &str) {
        let Some(product) = self.product(sku) else { return };
        let Some(account) = self.book().accounts.get(id).cloned() else { return };
        let person = account.employee.as_ref().and_then(|id| self.hr.company().people.get(id).cloned());
        let leaves = self.is_gone(&account) && self.rules.on_gone == OnGone::DisableAndTakeProducts;
        if !leaves && person.is_none_or(|person| person.products.contains(product)) {
            self.wrong(FORBIDDEN, format!("{id} lost {product}, and HR does not say so"));
        }
        if account.products.get(product) == Some(&By::Administrator) {
            self.wrong(FORBIDDEN, format!("{id} lost {product}, which an administrator had given"));
        }
        if let Some(account) = self.book().accounts.get_mut(id) {
            account.products.remove(product);
        }
    }

    // What the job has begun.

    /// The writes whose outcome is not known, as the job noted them.
    pub(crate) fn journal(&self) -> Vec<Json> {
        let rows = self.state.scan(Table::Journal, b"").collect::<Vec<_>>().now_or_never().unwrap_or_default();
        let rows = rows.into_iter().filter_map(|row| serde_json::from_slice(&row.ok()?.1).ok());
        rows.collect()
    }

    /// Writes down what HR and the job's state know of somebody.
    pub(crate) fn tell_all_of(&self, person: &Person, account: Option<&str>) {
        self.note(format!("  HR: {person:?}"));
        for table in Table::ALL {
            let rows = self.state.scan(*table, b"").collect::<Vec<_>>().now_or_never().unwrap_or_default();
            for (key, value) in rows.into_iter().flatten() {
                let row = format!("{} {}", String::from_utf8_lossy(&key), String::from_utf8_lossy(&value));
                if account.is_some_and(|id| row.contains(id)) {
                    self.note(format!("  {}: {row}", table.as_str()));
                }
            }
        }
    }

    /// Whether the job has begun something with an object, and does not know the outcome.
    pub(crate) fn is_under_way(&self, id: &str) -> bool {
        self.journal().iter().any(|intent| intent["target"].to_string().contains(id))
    }

    /// Whether the job noted that it may have given an element to an object, of which nobody knows.
    pub(crate) fn may_have_given(&self, object: &str, element: &str) -> bool {
        let rows = self.state.scan(Table::Given, b"").collect::<Vec<_>>().now_or_never().unwrap_or_default();
        rows.into_iter().flatten().any(|(key, value)| {
            let key: Vec<String> = serde_json::from_slice(&key).unwrap_or_default();
            let giving: Json = serde_json::from_slice(&value).unwrap_or_default();
            giving["inDoubt"] == true && [object, element].iter().all(|id| key.iter().any(|own| own == id))
        })
    }

    /// Whether the job has begun to make an account, and does not know the outcome.
    pub(crate) fn is_being_made(&self, employee: &str) -> bool {
        self.journal().iter().any(|intent| intent["action"] == "create" && intent["source"]["id"] == *employee)
    }

    /// From now on nobody can tell what of an account the job made and gave.
    pub(crate) fn ambiguous(&self, id: &str) {
        let mut book = self.book();
        if let Some(account) = book.accounts.get_mut(id) {
            account.made_by = By::Either;
            account.products.values_mut().for_each(|by| *by = By::Either);
            account.manager = account.manager.take().map(|(manager, _)| (manager, By::Either));
        }
        for circle in book.circles.values_mut() {
            circle.members.get_mut(id).into_iter().for_each(|by| *by = By::Either);
        }
    }
}

/// Whether HR lists a user or a group, by number or name, as a member of a group.
pub(crate) fn lists(company: &Company, group: &str, employee: Option<&str>, name: Option<&str>) -> bool {
    let Some(team) = company.teams.values().find(|team| team.name() == group) else { return false };
    let nested = |name: &str| team.nested.iter().any(|id| format!("Team {id}") == name);
    employee.is_some_and(|id| team.members.contains(id)) || name.is_some_and(nested)
}

/// The oracle that watches every single write.
pub(crate) const FORBIDDEN: &str = "no-forbidden-removal";
