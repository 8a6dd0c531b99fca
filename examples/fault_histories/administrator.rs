//! What others do while the job is at work: administrators, and all that fails.

use serde_json::json;

use crate::chance::Chance;
use crate::company::{Company, PRODUCTS};
use crate::history::Incident;
use crate::witness::{Account, By, Witness, lists};

impl Witness {
    /// Something happens that the job does not do.
    pub(crate) fn befall(&self, incident: Incident) {
        self.note(format!("{incident:?}"));
        match incident {
            Incident::Administrator(seed) => self.administer(&mut Chance::new(seed)),
            Incident::ExpireTokens => self.sim.expire_tokens(),
            Incident::ChallengeTokens => self.sim.challenge_tokens(),
            Incident::ExpirePages => self.sim.expire_page_tokens(),
            Incident::ExpireChanges => self.sim.expire_delta_links(),
            // The application is disabled.
            Incident::RefuseSignIn => self.sim.refuse_sign_in(7_000_112),
            Incident::SetClock(seconds) => self.machine.set_ahead(time::Duration::seconds(seconds)),
            Incident::Fault(fault) => self.sim.fail(fault.scripted()),
            Incident::Heal => {
                self.sim.clear_faults();
                self.sim.refuse_sign_in(None);
            }
        }
    }

    /// Who has an account that is not deleted, and is or was in HR; and the strangers.
    fn live(&self) -> Vec<(String, Account)> {
        let book = self.book();
        book.accounts
            .iter()
            .filter(|(_, own)| own.deleted_by.is_none())
            .map(|(id, own)| (id.clone(), own.clone()))
            .collect()
    }

    fn administer(&self, chance: &mut Chance) {
        let live = self.live();
        let Some((id, account)) = chance.pick(&live).cloned() else { return };
        let circles: Vec<String> = {
            let book = self.book();
            book.circles.iter().filter(|(_, own)| own.deleted_by.is_none()).map(|(id, _)| id.clone()).collect()
        };
        match chance.below(12) {
            0 | 1 => self.administer_status(&id, &account),
            2 | 3 => self.administer_values(&id, chance),
            4 if account.employee.is_some() => {
                self.say(format!("deletes {id}"));
                if self.is_under_way(&id) || account.employee.as_ref().is_some_and(|own| self.is_being_made(own)) {
                    self.ambiguous(&id);
                }
                self.sim.delete_user(&id);
                let mut book = self.book();
                if let Some(account) = book.accounts.get_mut(&id) {
                    account.deleted_by = Some(By::Administrator);
                }
                // As long as he lies there he is nobody's manager, and comes back as one whom nobody knows to have given.
                for (manager, by) in book.accounts.values_mut().filter_map(|own| own.manager.as_mut()) {
                    *by = if *manager == id { By::Either } else { *by };
                }
            }
            5 | 6 => self.administer_products(&id, &account, chance),
            7 | 8 => {
                if let Some(group) = chance.pick(&circles) {
                    self.administer_members(group, &id);
                }
            }
            9 => self.administer_twin(chance),
            10 if chance.happens(30) => {
                if let Some(group) = chance.pick(&circles) {
                    self.say(format!("deletes group {group}"));
                    self.sim.delete_group(group);
                    if let Some(circle) = self.book().circles.get_mut(group) {
                        circle.deleted_by = Some(By::Administrator);
                    }
                }
            }
            _ => {
                let (product, seats) = (chance.one(PRODUCTS[0], &PRODUCTS[1..]), chance.below(12));
                self.say(format!("has {seats} more or fewer seats of {product}"));
                let sku = self.sim.skus().into_iter().find(|sku| sku["skuPartNumber"] == product).unwrap_or_default();
                let used = sku["consumedUnits"].as_u64().and_then(|used| usize::try_from(used).ok()).unwrap_or(0);
                self.sim.set_seats(product, (used + seats).saturating_sub(4));
            }
        }
    }

    fn say(&self, what: impl AsRef<str>) {
        self.note(format!("administrator {}", what.as_ref()));
    }

    fn administer_status(&self, id: &str, account: &Account) {
        let turns_on = account.off_by.is_some();
        self.say(format!("{} {id}", if turns_on { "enables" } else { "disables" }));
        let by = if self.is_under_way(id) { By::Either } else { By::Administrator };
        self.sim.update_user(id, json!({"accountEnabled": turns_on}));
        let mut book = self.book();
        if !turns_on && book.is_applying {
            book.disabled_meanwhile.insert(id.to_owned(), self.timeline.now());
        }
        if let Some(account) = book.accounts.get_mut(id) {
            account.off_by = (!turns_on).then_some(by);
        }
    }

    fn administer_values(&self, id: &str, chance: &mut Chance) {
        let number = {
            let mut book = self.book();
            book.admin_names += 1;
            book.admin_names
        };
        // One who is made by hand and renamed at once, while a run that did not see him makes another, is another.
        let kinds = if self.book().accounts.get(id).is_some_and(|own| own.made_by == By::Either) { 2 } else { 3 };
        let change = match chance.below(kinds) {
            0 => json!({"jobTitle": format!("Title {number}")}),
            1 => json!({"displayName": format!("Name {number}")}),
            _ => json!({
                "userPrincipalName": format!("admin{number}@contoso.com"), "mailNickname": format!("admin{number}")
            }),
        };
        self.say(format!("changes {id} to {change}"));
        // One who is renamed before the job knows that it made him is found by it as somebody else's.
        let renames = change.get("userPrincipalName").is_some();
        let account = self.book().accounts.get(id).cloned();
        let employee = account.and_then(|own| own.employee).unwrap_or_default();
        if renames && self.is_being_made(&employee) {
            self.ambiguous(id);
        }
        self.sim.update_user(id, change);
    }

    /// Who gave what an administrator gives: nobody can tell whether it was the job, if it wants that itself, is at it, had
    /// given the same before and did not see that it was gone, or may have given it.
    fn given_by(&self, object: &str, element: &str, is_wanted: impl Fn(&Company) -> bool) -> By {
        let is_under_way = self.is_under_way(object);
        let is_wanted_now = is_wanted(&self.hr.company());
        let book = self.book();
        let is_planned = is_wanted_now || (book.is_running && is_wanted(&book.hr_then));
        let is_unseen = book.unseen.contains_key(&(object.to_owned(), element.to_owned()));
        drop(book);
        if is_planned || is_under_way || is_unseen || self.may_have_given(object, element) {
            By::Either
        } else {
            By::Administrator
        }
    }

    /// An administrator takes what was given by somebody.
    fn taken(&self, object: &str, element: &str, given: Option<By>) {
        if given.is_some_and(|by| by != By::Administrator) {
            let now = self.timeline.now();
            self.book().unseen.insert((object.to_owned(), element.to_owned()), now);
        }
    }

    /// The job saw the tenant as it was then, and took in what it saw.
    pub(crate) fn seen(&self, then: time::OffsetDateTime) {
        self.book().unseen.retain(|_, taken| *taken > then);
    }

    fn administer_products(&self, id: &str, account: &Account, chance: &mut Chance) {
        let product = chance.one(PRODUCTS[0], &PRODUCTS[1..]);
        if account.products.contains_key(product) {
            self.say(format!("takes {product} from {id}"));
            self.sim.remove_license(id, product);
            let given = self.book().accounts.get_mut(id).and_then(|account| account.products.remove(product));
            self.taken(id, product, given);
        } else if self.free_seats(product) > 0 {
            self.say(format!("gives {product} to {id}"));
            self.sim.assign_license(id, product);
            let employee = account.employee.clone().unwrap_or_default();
            let by = self.given_by(id, product, |company| {
                company.people.get(&employee).is_some_and(|person| person.products.contains(product))
            });
            if let Some(account) = self.book().accounts.get_mut(id) {
                account.products.insert(product, by);
            }
        }
    }

    fn administer_members(&self, group: &str, id: &str) {
        let is_in = self.book().circles.get(group).is_some_and(|circle| circle.members.contains_key(id));
        let name = self.book().circles.get(group).map(|circle| circle.name.clone()).unwrap_or_default();
        let (employee, nested) = self.names_of(id);
        let by = self.given_by(group, id, |company| lists(company, &name, employee.as_deref(), nested.as_deref()));
        self.say(format!("{} {id} {group}", if is_in { "takes out" } else { "puts in" }));
        if is_in {
            self.sim.remove_member(group, id);
        } else {
            self.sim.add_member(group, id);
        }
        let before = self.book().circles.get_mut(group).and_then(|circle| match is_in {
            true => circle.members.remove(id),
            false => circle.members.insert(id.to_owned(), by),
        });
        self.taken(group, id, before);
    }

    /// Makes an account by hand for one who has none yet, as the job would.
    fn administer_twin(&self, chance: &mut Chance) {
        let known: Vec<String> = self.book().accounts.values().filter_map(|account| account.employee.clone()).collect();
        let begun = self.journal();
        let has_begun = |id: &str| begun.iter().any(|intent| intent["source"]["id"] == *id);
        let without: Vec<_> = {
            let company = self.hr.company();
            let people = company.people.values();
            people.filter(|own| !known.contains(&own.id) && !has_begun(&own.id)).cloned().collect()
        };
        let Some(person) = chance.pick(&without) else { return };
        self.say(format!("makes an account for {}", person.id));
        let id = self.sim.add_user(json!({
            "userPrincipalName": format!("{}@contoso.com", person.login),
            "mailNickname": person.login,
            "displayName": person.name,
            "employeeId": person.id,
            "usageLocation": "DE",
        }));
        let user = self.sim.user(&id).unwrap_or_default();
        // What appears moments before the job begins the same, whose answer is lost, is taken for what the job made.
        self.meet(&user, if self.book().is_running { By::Either } else { By::Administrator });
    }
}
