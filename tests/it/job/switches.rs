//! The switches of other products, each combination, by what a run leaves behind: an oracle in the words of their pages
//! says what each person's account must be like afterwards (R12–R19, R59–R62, R79, R80).

use std::collections::BTreeMap;
use std::time::Duration;

use entrant::Mapping;
use entrant::job::{Apply, OutcomeKind, Run};
use entrant::model::{License, ObjectId};
use entrant::reconcile::{Guard, PingOne, Preferences, RemoveAction, Zoho};

use super::org::{F3, Org, PHONE, account, groups, held, person, texts, users};

/// An account: whether it is active, its title, its licences; inherited ones are marked.
type Account = (bool, &'static str, Vec<&'static str>);

/// Who has an account, by employee.
type Accounts = BTreeMap<&'static str, Account>;

const EVERYBODY: [&str; 9] = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// A joiner; and of those who have accounts: a mover with a stranger's licence, one who is switched off, one who is gone,
/// one whose licence is cleared and who inherits another, one who comes back, one who was there before us and is gone,
/// one who left the scope; and one whose account nobody has linked yet, switched off, under an old title.
async fn world() -> (Org, Accounts) {
    let org = Org::new(["2", "3", "4", "6", "7", "8"].map(person));
    org.hr.push(person("5").with("sku", texts(&["E3"])));
    org.directory.push(account("a7", "7"));
    _ = org.settle().await;
    org.set("6", "active", false);
    _ = org.settle().await;
    let inherited = License::new(PHONE).inherited_from("g").to_value();
    let mut licenses = org.find("5").get("skuId").map(|own| own.as_slice().to_vec()).expect("given");
    licenses.push(inherited);
    org.directory.set(&org.id("5"), "skuId", entrant::Value::list(licenses));
    org.directory.set(&org.id("2"), "skuId", held(&[License::new(F3)]));

    org.hr.push(person("1"));
    org.set("2", "title", "Chief");
    org.set("3", "active", false);
    org.set("5", "sku", entrant::Value::Null);
    org.set("6", "active", true);
    org.set("8", "kind", "external");
    org.hr.remove(&ObjectId::user("4"));
    org.hr.remove(&ObjectId::user("7"));
    org.hr.push(person("9").with("title", "Chief"));
    org.directory.push(account("a9", "9").with("active", false));
    let before = accounts(&org);
    let clerk = |active: bool| (active, "Clerk", vec![]);
    let expected: Accounts = [
        ("2", (true, "Clerk", vec!["f3"])),
        ("3", clerk(true)),
        ("4", clerk(true)),
        ("5", (true, "Clerk", vec!["^phone", "e3"])),
        ("6", clerk(false)),
        ("7", clerk(true)),
        ("8", clerk(true)),
        ("9", clerk(false)),
    ]
    .into();
    assert_eq!(before, expected);
    (org, before)
}

fn accounts(org: &Org) -> Accounts {
    let records = org.directory.records();
    let of = |id: &'static str| {
        let record = records.iter().find(|record| record.get("employeeId") == Some(&id.into()))?;
        let title = ["Clerk", "Chief"].into_iter().find(|title| record.get("title") == Some(&(*title).into()));
        let known = ["^phone", "e3", "f3"];
        let licenses = org.licenses(id);
        let licenses: Vec<&str> =
            licenses.iter().map(|own| *known.iter().find(|known| *known == own).expect("a known licence")).collect();
        Some((id, (record.get("active") == Some(&true.into()), title.expect("a known title"), licenses)))
    };
    EVERYBODY.into_iter().filter_map(of).collect()
}

/// The mapping without products.
fn without_products() -> Mapping {
    Mapping::users()
        .attribute("login", "login")
        .attribute("employeeId", "id")
        .attribute("title", "title")
        .attribute("location", "location")
        .attribute("active", "active")
        .match_on("employeeId")
        .scope(entrant::model::ne("kind", "external"))
}

/// Runs until adoption has nothing more to hold back, and a run more that must change nothing.
async fn run(org: &Org, mapping: &Mapping, preferences: &Preferences) {
    let lifted = || Guard::ALL.iter().fold(Apply::new(), |apply, guard| apply.lift(*guard));
    for round in 0..3 {
        let job = org.unguarded(mapping.clone(), groups(), preferences.clone());
        let before = accounts(org);
        let report = job.run(Run::full(), lifted()).await.expect("a report");
        assert_eq!(report.outcome(OutcomeKind::Failed), 0, "{report}");
        assert!(round < 2 || accounts(org) == before, "the third run changes something: {report}");
        org.clock.advance(Duration::from_secs(3600));
    }
}

async fn retire(org: &Org, mapping: &Mapping, preferences: &Preferences) {
    let job = org.unguarded(mapping.clone(), groups(), preferences.clone());
    let report = job.run(Run::retire(), Apply::new()).await.expect("a report");
    assert_eq!(report.outcome(OutcomeKind::Failed), 0, "{report}");
}

fn change(accounts: &mut Accounts, who: &str, with: impl Fn(&mut Account)) {
    accounts.iter_mut().filter(|(id, _)| **id == who).for_each(|(_, account)| with(account));
}

/// "Applied when the user is deleted in the source": of what existed before us, deleting is disabling.
fn remove(accounts: &mut Accounts, who: &str, action: Option<RemoveAction>) {
    match action {
        None => {}
        Some(RemoveAction::Delete) if !["7", "9"].contains(&who) => drop(accounts.remove(who)),
        Some(RemoveAction::Delete | RemoveAction::Disable) => change(accounts, who, |account| account.0 = false),
    }
}

#[tokio::test]
async fn each_combination_of_pingone_s_switches_leaves_what_its_page_says() {
    let mut combinations = 0;
    for bits in 0..128_u32 {
        let [creation, updation, disable, deprovision, on_deletion, licences, mapped] =
            [0, 1, 2, 3, 4, 5, 6].map(|bit| bits >> bit & 1 == 1);
        for action in [None, Some(RemoveAction::Disable), Some(RemoveAction::Delete)] {
            let on =
                |switches: PingOne, on: bool, with: fn(PingOne) -> PingOne| if on { with(switches) } else { switches };
            let mut switches = PingOne::default();
            switches = on(switches, creation, PingOne::with_users_creation);
            switches = on(switches, updation, PingOne::with_users_updation);
            switches = on(switches, disable, PingOne::with_users_disable);
            switches = on(switches, deprovision, PingOne::with_users_deprovision);
            switches = on(switches, on_deletion, PingOne::with_deprovision_on_rule_deletion);
            switches = on(switches, licences, PingOne::with_remove_licenses_when_sku_id_is_empty);
            if let Some(action) = action {
                switches = switches.with_remove_action(action);
            }
            let Ok(preferences) = Preferences::pingone(switches) else { continue };
            combinations += 1;
            let (org, mut expected) = world().await;
            let mapping = if mapped { users() } else { without_products() };
            let what = format!("{switches:?}, skuId mapped: {mapped}");
            run(&org, &mapping, &preferences).await;

            if creation {
                expected.insert("1", (true, "Clerk", vec![])); // R14
            }
            if updation {
                change(&mut expected, "2", |account| account.1 = "Chief"); // R15
                change(&mut expected, "9", |account| account.1 = "Chief");
            }
            if disable {
                change(&mut expected, "3", |account| account.0 = false); // R16
            }
            // Who was switched off by this job, and is active again; by someone else (9) he stays so.
            change(&mut expected, "6", |account| account.0 = true);
            if mapped || licences {
                // R12: two answers, which differ only where skuId is not mapped.
                change(&mut expected, "2", |account| account.2 = vec![]);
                change(&mut expected, "5", |account| account.2 = vec!["^phone"]);
            }
            for gone in ["4", "7", "8"] {
                remove(&mut expected, gone, action); // R17, R18
            }
            assert_eq!(accounts(&org), expected, "{what}");

            retire(&org, &mapping, &preferences).await; // R19
            if on_deletion {
                for who in EVERYBODY {
                    remove(&mut expected, who, action);
                }
            }
            assert_eq!(accounts(&org), expected, "after the rule is deleted: {what}");
        }
    }
    assert_eq!(combinations, 104);
}

#[tokio::test]
async fn each_combination_of_zoho_s_switches_leaves_what_its_page_says() {
    for bits in 0..16_u32 {
        let [create, update, delete, activate] = [0, 1, 2, 3].map(|bit| bits >> bit & 1 == 1);
        let on = |switches: Zoho, on: bool, with: fn(Zoho) -> Zoho| if on { with(switches) } else { switches };
        let mut switches = Zoho::default();
        switches = on(switches, create, Zoho::with_create_users);
        switches = on(switches, update, Zoho::with_update_user_profile);
        switches = on(switches, delete, Zoho::with_delete_users);
        switches = on(switches, activate, Zoho::with_activate_and_deactivate_users);
        let preferences = Preferences::zoho(switches);
        let (org, mut expected) = world().await;
        run(&org, &users(), &preferences).await;

        if create {
            expected.insert("1", (true, "Clerk", vec![])); // R59
        }
        if update {
            change(&mut expected, "2", |account| account.1 = "Chief"); // R60
            change(&mut expected, "9", |account| account.1 = "Chief");
        }
        for gone in ["4", "8"].into_iter().filter(|_| delete) {
            expected.remove(gone); // R61
        }
        if delete && activate {
            change(&mut expected, "7", |account| account.0 = false);
        }
        if activate {
            // R62: in both directions, and who is assigned is activated.
            change(&mut expected, "3", |account| account.0 = false);
            change(&mut expected, "6", |account| account.0 = true);
            change(&mut expected, "9", |account| account.0 = true);
        }
        // Products are not among these switches: what this job gave goes with the value.
        change(&mut expected, "5", |account| account.2 = vec!["^phone"]);
        assert_eq!(accounts(&org), expected, "{switches:?}");
    }
}
