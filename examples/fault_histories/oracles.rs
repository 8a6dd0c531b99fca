//! What must be so, whatever happened. Each oracle is a function; what it finds wrong goes to the witness.

use std::collections::{BTreeMap, BTreeSet};

use entrant::Report;
use entrant::job::{EntryReport, OutcomeKind, RunStatus};
use entrant::model::Class;
use entrant::reconcile::{Action, Plan};
use entrant::sim::Activity;
use entrant::store::{State, Table};
use futures::{FutureExt, StreamExt};
use serde_json::Value as Json;

use crate::company::{OnGone, PRODUCTS, Person};
use crate::fate::Letters;
use crate::history::without_random;
use crate::witness::{Account, By, Witness};

/// Faults have stopped, and the job has run: the tenant is as HR and the rules say.
pub(crate) fn desired_state(witness: &Witness) {
    let tenant = Tenant::of(witness);
    let company = witness.hr.company().clone();
    for person in company.people.values() {
        account_as_wanted(witness, &tenant, person);
    }
    for (id, account) in &tenant.accounts {
        let employee = account.employee.as_ref();
        if employee.is_some_and(|id| company.ever.contains(id) && !company.people.contains_key(id)) {
            leaver_as_wanted(witness, &tenant, id, account);
        }
    }
    for team in company.teams.values() {
        let groups: Vec<&String> =
            tenant.groups.iter().filter(|(_, name)| **name == team.name()).map(|(id, _)| id).collect();
        let [group] = groups.as_slice() else {
            if groups.len() > 1 || witness.rules.restores || !tenant.binned_groups.contains(&team.name()) {
                witness.wrong(DESIRED, format!("team {} has {} groups", team.id, groups.len()));
            }
            continue;
        };
        let members = witness.sim.members(group);
        let people = team.members.iter().filter_map(|id| tenant.account_of(id));
        let nested = team.nested.iter().filter_map(|id| {
            let name = format!("Team {id}");
            tenant.groups.iter().find(|(_, own)| **own == name).map(|(id, _)| id.as_str())
        });
        for wanted in people.chain(nested).filter(|id| !members.iter().any(|own| own == id)) {
            witness.wrong(DESIRED, format!("{wanted} is not in team {}", team.id));
        }
        let given = witness.book().circles.get(*group).map(|circle| circle.members.clone()).unwrap_or_default();
        for member in members {
            match given.get(&member) {
                Some(By::Job) if !witness.is_wanted_in(&team.name(), &member) => {
                    witness.wrong(DESIRED, format!("{member} is still in team {}", team.id));
                }
                Some(_) => {}
                None => witness.wrong("harness", format!("nobody put {member} into team {}", team.id)),
            }
        }
    }
}

const DESIRED: &str = "desired-state";

/// What is there now, whatever the lag.
struct Tenant {
    users: BTreeMap<String, Json>,
    accounts: BTreeMap<String, Account>,
    /// The live account of each employee.
    by_employee: BTreeMap<String, Vec<String>>,
    groups: BTreeMap<String, String>,
    binned_groups: BTreeSet<String>,
}

fn text(object: &Json, name: &str) -> String {
    object[name].as_str().unwrap_or_default().to_owned()
}

impl Tenant {
    fn of(witness: &Witness) -> Self {
        let users: BTreeMap<String, Json> =
            witness.sim.users().into_iter().map(|user| (text(&user, "id"), user)).collect();
        let mut by_employee: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (id, user) in &users {
            if let Some(employee) = user["employeeId"].as_str() {
                by_employee.entry(employee.to_owned()).or_default().push(id.clone());
            }
        }
        Self {
            users,
            by_employee,
            accounts: witness.book().accounts.clone(),
            groups: witness.sim.groups().iter().map(|own| (text(own, "id"), text(own, "displayName"))).collect(),
            binned_groups: witness.sim.deleted_groups().iter().map(|own| text(own, "displayName")).collect(),
        }
    }

    /// The one live account of an employee.
    fn account_of(&self, employee: &str) -> Option<&str> {
        match self.by_employee.get(employee).map(Vec::as_slice) {
            Some([one]) => Some(one.as_str()),
            _ => None,
        }
    }
}

fn account_as_wanted(witness: &Witness, tenant: &Tenant, person: &Person) {
    let id = tenant.account_of(&person.id);
    let of = id.map_or_else(|| person.id.clone(), |id| format!("{} ({id})", person.id));
    let wrong = |why: String| {
        witness.wrong(DESIRED, format!("person {of}: {why}"));
        witness.tell_all_of(person, id);
    };
    let Some(id) = id else {
        let binned = tenant.accounts.values().find(|own| own.employee.as_ref() == Some(&person.id));
        let is_right = match binned {
            // Who is inactive is not brought back; what was never ours to bring back is found by nobody.
            Some(account) => !person.active || !witness.rules.restores || account.made_by != By::Job,
            None => !person.active,
        };
        let ids = tenant.by_employee.get(&person.id).map_or(&[][..], Vec::as_slice);
        let is_shared = |id: &String| tenant.accounts.get(id).is_some_and(|own| own.made_by == By::Either);
        let is_right = is_right || ids.iter().any(is_shared);
        if !is_right {
            wrong(format!("no account, or several: {:?}", tenant.by_employee.get(&person.id)));
        }
        return;
    };
    let (Some(user), Some(account)) = (tenant.users.get(id), tenant.accounts.get(id)) else { return };
    let upn = format!("{}@contoso.com", person.login);
    for (name, wanted) in [
        ("displayName", person.name.as_str()),
        ("jobTitle", &person.title),
        ("usageLocation", person.country),
        ("mailNickname", &person.login),
        ("userPrincipalName", &upn),
    ] {
        if user[name] != wanted {
            wrong(format!("{name} is {} in place of {wanted:?}", user[name]));
        }
    }
    let is_on = user["accountEnabled"] == true;
    let wanted = match account.off_by {
        _ if !person.active => Some(false),
        Some(By::Administrator) => Some(false),
        Some(By::Either) => None,
        // Who is back before his being disabled shows looks as if someone else had enabled him: to be safe he is not
        // enabled again when it does show.
        Some(By::Job) if witness.lags => None,
        Some(By::Job) | None => Some(true),
    };
    if wanted.is_some_and(|wanted| wanted != is_on) {
        wrong(format!("accountEnabled is {is_on} (off by {:?})", account.off_by));
    }
    let manager = witness.sim.manager(id);
    match person.manager.as_ref().map(|manager| tenant.account_of(manager)) {
        Some(Some(wanted)) if manager.as_deref() != Some(wanted) => {
            wrong(format!("the manager is {manager:?} in place of {wanted}"));
        }
        None if manager.is_some() && matches!(account.manager, Some((_, By::Job))) => {
            wrong("there is still a manager".to_owned());
        }
        _ => {}
    }
    let held = witness.held(user);
    if !held.iter().eq(account.products.keys()) {
        witness.wrong(
            "harness",
            format!("{id} has {held:?}, and should by all that was seen have {:?}", account.products),
        );
    }
    if person.active {
        products_as_wanted(witness, person, account, &wrong);
    }
}

fn products_as_wanted(witness: &Witness, person: &Person, account: &Account, wrong: &impl Fn(String)) {
    let lacking: Vec<&str> =
        person.products.iter().copied().filter(|product| !account.products.contains_key(product)).collect();
    let surplus: Vec<&str> = PRODUCTS
        .into_iter()
        .filter(|product| account.products.get(product) == Some(&By::Job) && !person.products.contains(product))
        .collect();
    // Who gives something up for something that he cannot get keeps what he has until he can.
    let waits = lacking.iter().any(|product| witness.free_seats(product) <= 0);
    if !surplus.is_empty() && !waits {
        wrong(format!("still has {surplus:?}"));
    }
    for product in lacking {
        if witness.free_seats(product) > 0 && (!waits || surplus.is_empty()) {
            wrong(format!("has no {product}, and a seat is free"));
        }
    }
}

fn leaver_as_wanted(witness: &Witness, tenant: &Tenant, id: &str, account: &Account) {
    let wrong = |why: &str| witness.wrong(DESIRED, format!("leaver {id}: {why}"));
    // What was there before may never have been linked, and then nobody touches it.
    if account.made_by != By::Job || account.deleted_by.is_some() {
        return;
    }
    let is_on = tenant.users.get(id).is_some_and(|user| user["accountEnabled"] == true);
    if witness.rules.on_gone != OnGone::Keep && is_on {
        wrong("can still sign in");
    }
    match witness.rules.on_gone {
        OnGone::Delete | OnGone::DisableThenDelete => wrong("is not deleted"),
        OnGone::DisableAndTakeProducts if account.products.values().any(|by| *by == By::Job) => {
            wrong("still has products");
        }
        _ => {}
    }
}

/// Nobody and nothing is there twice.
pub(crate) fn no_duplicate(witness: &Witness) {
    let tenant = Tenant::of(witness);
    let mut made: BTreeMap<&String, usize> = BTreeMap::new();
    for account in
        tenant.accounts.values().filter(|own| own.made_by == By::Job && own.deleted_by != Some(By::Administrator))
    {
        if let Some(id) = &account.employee {
            *made.entry(id).or_default() += 1;
        }
    }
    let twice = made.iter().filter(|(_, count)| **count > 1).map(|(id, _)| *id);
    // One who was made by hand, or renamed, while the job did not know yet whether it made him, is another.
    let is_shared = |id: &String| tenant.accounts.get(id).is_some_and(|own| own.made_by == By::Either);
    let several = |ids: &[String]| ids.len() > 1 && !ids.iter().any(is_shared);
    let live = tenant.by_employee.iter().filter(|(_, ids)| several(ids)).map(|(id, _)| id);
    for id in twice.chain(live) {
        witness.wrong("no-duplicate", format!("person {id} has several accounts"));
    }
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for circle in witness.book().circles.values().filter(|circle| circle.deleted_by.is_none()) {
        *names.entry(circle.name.clone()).or_default() += 1;
    }
    for (name, _) in names.into_iter().filter(|(_, count)| *count > 1) {
        witness.wrong("no-duplicate", format!("there are several groups {name}"));
    }
}

/// Whatever a process left behind can be read, and holds no password.
pub(crate) fn journal_is_readable(witness: &Witness, letters: &Letters) {
    let kept = letters.kept();
    let passwords: Vec<&str> = kept
        .open
        .values()
        .chain(kept.confirmed.iter().map(|(_, _, password)| password))
        .map(|own| own.expose())
        .collect();
    for table in Table::ALL {
        let rows = witness.state.scan(*table, b"").collect::<Vec<_>>().now_or_never();
        for row in rows.unwrap_or_default() {
            let Ok((key, value)) = row else { continue };
            let read: Option<Json> = serde_json::from_slice(&value).ok();
            let has = |row: &Json, names: &[&str]| names.iter().all(|name| !row[*name].is_null());
            let is_readable = match *table {
                Table::Journal => read.is_some_and(|row| has(&row, &["key", "plan", "at", "action"])),
                // A digest of a record.
                Table::Seen => value.len() == 16,
                _ => read.is_some(),
            };
            if !is_readable {
                witness.wrong("journal-readable", format!("a row of {} cannot be read", table.as_str()));
            }
            let value = String::from_utf8_lossy(&value);
            if passwords.iter().any(|password| value.contains(*password)) {
                let key = String::from_utf8_lossy(&key).into_owned();
                witness.wrong("journal-readable", format!("a row of {} holds a password: {key}", table.as_str()));
            }
        }
    }
}

/// Every password that the tenant holds was given out once, or is known to be in doubt.
pub(crate) fn passwords_are_known(witness: &Witness, letters: &Letters, is_over: bool) {
    const ORACLE: &str = "passwords-known";
    let kept = letters.kept();
    for (key, id) in &kept.unknown {
        witness.wrong(ORACLE, format!("{id} was confirmed under {key}, for which nothing was prepared"));
    }
    let mut confirmed: BTreeMap<&str, &str> = BTreeMap::new();
    for (_, id, password) in &kept.confirmed {
        if confirmed.insert(&id.id, password.expose()).is_some() {
            witness.wrong(ORACLE, format!("{id} was given out twice"));
        }
    }
    let made: Vec<(String, Account)> = {
        let book = witness.book();
        let made = book.accounts.iter().filter(|(_, account)| account.made_by == By::Job);
        made.map(|(id, account)| (id.clone(), account.clone())).collect()
    };
    let by_hand = |id: &str| witness.book().accounts.get(id).is_none_or(|own| own.made_by == By::Administrator);
    for (id, _) in confirmed.iter().filter(|(id, _)| by_hand(id)) {
        witness.wrong(ORACLE, format!("{id} was given out, and the job did not make it"));
    }
    let begun = witness.journal();
    for (id, account) in made {
        let Some(held) = witness.sim.password_of(&id) else { continue };
        match confirmed.get(id.as_str()) {
            Some(given) if *given == held.expose() => {}
            Some(_) => witness.wrong(ORACLE, format!("{id} has another password than was given out")),
            None if is_over => witness.wrong(ORACLE, format!("{id} never had its password given out")),
            None => {
                let employee = account.employee.unwrap_or_default();
                let is_prepared = kept.open.values().any(|open| open.expose() == held.expose());
                let is_in_doubt = begun.iter().any(|intent| intent["source"]["id"] == *employee);
                if !is_prepared || !is_in_doubt {
                    let why = format!(
                        "{id} has a password that nobody knows (prepared {is_prepared}, in doubt {is_in_doubt})"
                    );
                    witness.wrong(ORACLE, why);
                }
            }
        }
    }
}

/// What a run says of itself is what it did.
pub(crate) fn report_is_true(witness: &Witness, plan: &Plan, report: &Report, told: &[EntryReport], is_clean: bool) {
    const ORACLE: &str = "report-true";
    let wrong = |why: String| witness.wrong(ORACLE, why);
    let deeds = witness.book().deeds.clone();
    let of = |activities: &[Activity]| deeds.iter().filter(|deed| activities.contains(&deed.activity)).count() as u64;
    if let RunStatus::Stopped { .. } = report.status {
        if !deeds.is_empty() {
            wrong(format!("a guard stopped the plan, and {} writes were made", deeds.len()));
        }
        return;
    }
    let mut counts: BTreeMap<(Action, OutcomeKind), u64> = BTreeMap::new();
    for entry in told {
        *counts.entry((entry.action, entry.outcome.kind())).or_default() += 1;
    }
    for ((action, outcome), count) in &counts {
        if report.count(*action, *outcome) != *count {
            wrong(format!(
                "{count} entries {action} were {outcome}, and the report says {}",
                report.count(*action, *outcome)
            ));
        }
    }
    if told.len() != plan.entries().len() {
        wrong(format!("{} of {} entries were told of", told.len(), plan.entries().len()));
    }
    // What surely happened was told as such, or as in doubt.
    let made = [(Action::Create, Activity::CreateUser), (Action::Create, Activity::CreateGroup)];
    let others = [(Action::Delete, Activity::DeleteUser), (Action::Restore, Activity::RestoreUser)];
    for (action, activity) in made.into_iter().chain(others) {
        for deed in deeds.iter().filter(|deed| deed.activity == activity) {
            let (employee, name) = {
                let book = witness.book();
                let account = book.accounts.get(&deed.id);
                if account.is_some_and(|own| own.deleted_by == Some(By::Administrator) || own.made_by == By::Either) {
                    // It may have been made, or brought back, once more.
                    continue;
                }
                (account.and_then(|own| own.employee.clone()), book.circles.get(&deed.id).map(|own| own.name.clone()))
            };
            let is_of = |entry: &&EntryReport| {
                let key = entry.key.id.to_string();
                entry.action == action
                    && (employee.as_ref() == Some(&key) || name.as_ref() == Some(&format!("Team {key}")))
            };
            match told.iter().find(is_of) {
                None => wrong(format!("{activity:?} of {} is of no entry", deed.id)),
                Some(entry) => match entry.outcome.kind() {
                    OutcomeKind::Applied if entry.target.as_ref().is_some_and(|id| *id.id == *deed.id) => {}
                    OutcomeKind::Applied => wrong(format!("{activity:?} of {} is told of another", deed.id)),
                    OutcomeKind::Pending => {}
                    // A part of it that failed tells more than the part that did not.
                    kind if action == Action::Create && entry.target.is_some() && kind != OutcomeKind::Unchanged => {}
                    kind if action == Action::Restore && kind != OutcomeKind::Unchanged => {}
                    kind => wrong(format!("{activity:?} of {} is told to be {kind}", deed.id)),
                },
            }
        }
    }
    // What was told to be done was done, now or when it was in doubt.
    for entry in
        told.iter().filter(|entry| entry.outcome.kind() == OutcomeKind::Applied && entry.key.mapping.as_str() != "")
    {
        let Some(target) = &entry.target else { continue };
        let book = witness.book();
        let is_done = match (entry.action, target.class == Class::USER) {
            (Action::Create, true) => {
                book.accounts.get(&*target.id).is_some_and(|own| own.made_by != By::Administrator)
            }
            (Action::Create, false) => book.circles.contains_key(&*target.id),
            (Action::Delete, true) => book.accounts.get(&*target.id).is_some_and(|own| own.deleted_by.is_some()),
            _ => true,
        };
        drop(book);
        if !is_done {
            wrong(format!("{} {} was told and not done", entry.action, entry.key));
        }
    }
    if is_clean {
        for entry in plan.entries() {
            witness.note(without_random(&format!("  planned {} {}: {:?}", entry.action, entry.key, entry.problems)));
            if !entry.forget.is_empty() {
                witness.note(format!("    forgets {:?}", entry.forget));
            }
        }
        let elements = |names: &[&str], of: fn(&entrant::job::ElementCount) -> u64| {
            report
                .elements
                .iter()
                .filter(|(name, _)| names.contains(&name.as_str()))
                .map(|(_, count)| of(count))
                .sum::<u64>()
        };
        for (what, names, given, taken) in [
            ("members", &["members", "memberGroups"][..], &[Activity::AddMember][..], &[Activity::RemoveMember][..]),
            ("managers", &["manager"], &[Activity::SetManager], &[Activity::ClearManager]),
            ("products", &["skuId"], &[Activity::AssignLicense], &[Activity::RemoveLicense]),
        ] {
            let (told_given, told_taken) = (elements(names, |count| count.given), elements(names, |count| count.taken));
            let (was_given, was_taken) = (of(given), of(taken));
            // Whoever is given another manager has the old one taken, in one request.
            let taken_fits = told_taken == was_taken || (what == "managers" && told_taken >= was_taken);
            if told_given != was_given || !taken_fits {
                wrong(format!("{what}: told {told_given} given, {told_taken} taken; done {was_given} and {was_taken}"));
            }
        }
        // What is pending of them is a part that came later.
        let made = |entry: &&EntryReport| entry.action == Action::Create && entry.target.is_some();
        let applied =
            told.iter().filter(made).filter(|entry| entry.outcome.kind() != OutcomeKind::Unchanged).count() as u64;
        if applied != of(&[Activity::CreateUser, Activity::CreateGroup]) {
            wrong(format!("{applied} creates were told, {} done", of(&[Activity::CreateUser, Activity::CreateGroup])));
        }
    }
}

/// A run that could not settle something says so.
pub(crate) fn giving_up_is_said(witness: &Witness, report: &Report) {
    let open = witness.journal().len();
    let says_so =
        matches!(report.status, RunStatus::Incomplete | RunStatus::Stopped { .. } | RunStatus::Quarantined { .. });
    if open > 0 && !says_so {
        let first =
            witness.journal().first().map(|intent| format!("{} {} {}", intent["key"], intent["action"], intent["at"]));
        let why = format!(
            "{open} writes are in doubt ({}), and the run ended {:?}",
            first.unwrap_or_default(),
            report.status
        );
        witness.wrong("giving-up-said", why);
    }
    if report.outcome(OutcomeKind::Pending) > 0 && !says_so {
        witness.wrong("giving-up-said", format!("something is pending, and the run ended {:?}", report.status));
    }
}
