//! What is drawn: two stores, how the job is set up, and turn by turn what people do, what breaks, and what is run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use entrant::mapping::{Mapping, OnNull};
use entrant::model::{Class, License, ObjectId};
use entrant::reconcile::{
    Action, Enable, Leaver, LicenseRemoval, Licenses, Managed, Policy, Preferences, Situation, days,
};
use entrant::store::GetSupport;
use entrant::{Record, Value};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::watched::{Ending, Faults};
use crate::job::org::{self, E3, E5, F3};

/// Few values for many people, so that they get in each other's way.
const PEOPLE: u8 = 7;
const TEAMS: u8 = 3;

/// A whole world.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) setup: Setup,
    /// What the target holds before the job comes.
    pub(super) before: Vec<Record>,
    pub(super) source: Vec<Record>,
    pub(super) turns: Vec<Turn>,
}

/// How the job is set up.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) preferences: Preferences,
    pub(super) removal: LicenseRemoval,
    pub(super) managed: Managed,
    pub(super) enable: Enable,
    pub(super) rules: Vec<(Situation, Action)>,
    pub(super) exact: bool,
    pub(super) flat: bool,
    pub(super) deletes_groups: bool,
    pub(super) seats: [Option<u64>; 3],
    pub(super) source_get: GetSupport,
}

impl Setup {
    pub(super) fn policy(&self) -> Policy {
        let policy = Policy::outbound(self.preferences.clone());
        self.rules.iter().fold(policy, |policy, (situation, action)| policy.rule(*situation, *action))
    }

    pub(super) fn users(&self) -> Mapping {
        org::users().on_null("title", OnNull::Clear)
    }

    pub(super) fn groups(&self) -> Mapping {
        let groups = if self.exact { org::groups().exact("members").claims(["g0"]) } else { org::groups() };
        if self.flat { groups.flatten("memberGroups", "members") } else { groups }
    }
}

/// What happens between two runs, and the run.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    pub(super) events: Vec<Event>,
    pub(super) hours: u64,
    pub(super) run: Look,
    pub(super) source_faults: Faults,
    pub(super) target_faults: Faults,
    /// Whether guards are lifted.
    pub(super) lifted: bool,
    /// Which of the entries are applied, by their places modulo 16; all if none is drawn.
    pub(super) picked: Option<u16>,
}

/// What a run looks at.
#[derive(Debug, Clone)]
pub(super) enum Look {
    Full,
    One(String),
    Titled(&'static str),
}

/// What somebody does.
#[derive(Debug, Clone)]
pub(super) enum Event {
    /// In the source: comes, beside others of the same id.
    Comes(Record),
    /// In the source: all records of the id go.
    Goes(ObjectId),
    /// In the source: a value changes.
    Changes(ObjectId, &'static str, Value),
    /// In the target, behind the job's back.
    Stranger(Index, Strange),
}

/// What somebody else does to an object of the target.
#[derive(Debug, Clone)]
pub(super) enum Strange {
    Disables,
    Enables,
    Deletes,
    Purges,
    Retitles,
    Licenses(&'static str),
    /// Of a group, if it is one: takes the first member out.
    Expels,
    /// Of a group: puts somebody in.
    Admits(Index),
}

fn id(of: u8) -> impl Strategy<Value = String> {
    (0..of).prop_map(|id| id.to_string())
}

fn some_ids(of: u8, most: usize) -> impl Strategy<Value = Vec<String>> {
    // One more than there are: somebody whom nobody knows.
    prop::collection::vec((0..=of).prop_map(|id| id.to_string()), 0..most)
}

fn products() -> impl Strategy<Value = Value> {
    let sku = || select(vec!["E3", "E5", "F3", "PHONE", "E4", "OLD"]);
    prop_oneof![
        3 => Just(Value::Null),
        4 => sku().prop_map(|one| org::texts(&[one])),
        1 => prop::collection::vec(sku(), 2).prop_map(|several| org::texts(&several)),
    ]
}

fn title() -> impl Strategy<Value = Value> {
    select(vec![Value::text("Clerk"), Value::text("Clerk"), Value::text("Admin"), Value::Null])
}

fn person() -> impl Strategy<Value = Record> {
    let number = prop_oneof![6 => Just(None), 1 => id(PEOPLE).prop_map(Some), 1 => Just(Some(String::new()))];
    let login = prop_oneof![6 => Just(None), 1 => id(PEOPLE).prop_map(Some)];
    let manager = prop::option::weighted(0.6, id(PEOPLE + 1));
    let rest = (any::<bool>(), any::<bool>(), 0..6_u8, 0..10_u8);
    (id(PEOPLE), number, login, title(), manager, products(), rest).prop_map(
        |(id, number, login, title, manager, sku, (active, also, kind, location))| {
            let login = login.unwrap_or_else(|| id.clone());
            org::person(&id)
                .with("id", number.unwrap_or_else(|| id.clone()))
                .with("login", format!("p{login}@contoso.com"))
                .with("title", title)
                .with("manager", manager)
                .with("sku", sku)
                .with("active", active || also)
                .with("kind", if kind == 0 { "external" } else { "staff" })
                .with("location", if location == 0 { Value::Null } else { "DE".into() })
        },
    )
}

fn team_id() -> impl Strategy<Value = String> {
    (0..TEAMS).prop_map(|id| format!("g{id}"))
}

fn team() -> impl Strategy<Value = Record> {
    (team_id(), some_ids(PEOPLE, 5), some_ids(TEAMS, 2), some_ids(PEOPLE, 2)).prop_map(
        |(id, members, nested, owners)| {
            let list = |ids: &[String]| Value::list(ids.iter().map(|id| Value::text(id.as_str())));
            let nested: Vec<String> = nested.iter().map(|id| format!("g{id}")).collect();
            org::group(&id, &[])
                .with("members", list(&members))
                .with("groups", list(&nested))
                .with("owners", list(&owners))
        },
    )
}

/// What was there before the job: accounts and groups, with what strangers gave. A name is held once.
fn before() -> impl Strategy<Value = Vec<Record>> {
    let license = (select(vec![E3, E5, F3, "old-id"]), any::<bool>());
    let licenses = prop::collection::btree_map(select(vec![E3, E5, F3]), license, 0..3).prop_map(|licenses| {
        let own = |(product, own): (&str, bool)| match own {
            true => License::new(product),
            false => License::new(product).inherited_from("g"),
        };
        let licenses: BTreeMap<_, _> = licenses.into_values().collect();
        org::held(&licenses.into_iter().map(own).collect::<Vec<_>>())
    });
    let number = prop_oneof![4 => Just(None), 1 => id(PEOPLE).prop_map(Some)];
    let account = (licenses, number, title(), prop::option::of(0..3_u8), 0..4_u8);
    let accounts = prop::collection::btree_map(0..PEOPLE, account, 0..4);
    let teams = prop::collection::btree_map(0..TEAMS, prop::collection::btree_set(0..3_u8, 0..3), 0..3);
    (accounts, teams).prop_map(|(accounts, teams)| {
        let strangers = (0..3_u8).map(|id| org::account(&format!("s{id}"), &format!("9{id}")));
        let accounts = accounts.into_iter().map(|(id, (licenses, number, title, manager, active))| {
            let manager = manager.map(|manager| format!("s{manager}"));
            org::account(&format!("a{id}"), &id.to_string())
                .with("employeeId", number.unwrap_or_else(|| id.to_string()))
                .with("title", title)
                .with("skuId", licenses)
                .with("manager", manager)
                .with("active", active > 0)
        });
        let teams = teams.into_iter().map(|(id, members)| {
            let members = members.into_iter().map(|id| Value::text(format!("s{id}")));
            let group = Record::new(ObjectId::group(format!("t{id}"))).with("name", format!("Group g{id}"));
            group
                .with("members", Value::list(members))
                .with("memberGroups", org::texts(&[]))
                .with("owners", org::texts(&[]))
        });
        strangers.chain(accounts).chain(teams).collect()
    })
}

fn leaver() -> impl Strategy<Value = Leaver> {
    select(vec![
        Leaver::keep(),
        Leaver::delete(),
        Leaver::remove_licenses(),
        Leaver::disable(),
        Leaver::disable().after(days(3)),
        Leaver::delete().after(days(3)),
        Leaver::disable().then_remove_licenses(days(2)).then_delete(days(9)),
    ])
}

fn preferences() -> impl Strategy<Value = (Preferences, LicenseRemoval, Managed, Enable)> {
    let removal = select(vec![LicenseRemoval::Never, LicenseRemoval::WhenMappedValueCleared, LicenseRemoval::Always]);
    let managed = select(vec![Managed::Own, Managed::list(["F3"]), Managed::AllDirect]);
    let enable = select(vec![Enable::Own, Enable::Own, Enable::OnSourceChange, Enable::Always, Enable::Never]);
    let leavers = (prop::option::of(leaver()), prop::option::of(leaver()));
    (prop::array::uniform8(any::<bool>()), 0..4_u8, removal, managed, enable, leavers).prop_map(
        |(switches, off, removal, managed, enable, (left_scope, source_deleted))| {
            let [create_inactive, restore, recreate, adopted, privileged, _, inactive, _] = switches;
            let mut licenses = Licenses::default().with_removal(removal).with_managed(managed.clone());
            if inactive {
                licenses = licenses.with_inactive();
            }
            let on = |preferences: Preferences, on: bool, with: fn(Preferences) -> Preferences| match on {
                true => with(preferences),
                false => preferences,
            };
            let mut all = Preferences::default().with_licenses(licenses).with_enable(enable);
            all = on(all, create_inactive, Preferences::with_create_inactive);
            all = on(all, restore, Preferences::with_restore);
            all = on(all, recreate, Preferences::with_recreate_missing);
            all = on(all, adopted, Preferences::with_delete_adopted);
            all = on(all, privileged, Preferences::with_privileged);
            if let Some(leaver) = left_scope {
                all = all.with_left_scope(leaver);
            }
            if let Some(leaver) = source_deleted {
                all = all.with_source_deleted(leaver);
            }
            // Rarely something is off; what contradicts that is left out.
            let narrowed = match off {
                0 if switches[7] => all.clone().without_create(),
                1 if switches[7] => all.clone().without_update(),
                2 if switches[7] => all.clone().without_disable(),
                _ => all.clone(),
            };
            let all = if narrowed.check().is_ok() { narrowed } else { all };
            (all, removal, managed, enable)
        },
    )
}

fn setup() -> impl Strategy<Value = Setup> {
    let rule = (select(Situation::ALL), select(Action::ALL));
    let rules = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(rule, 1..6)];
    let seats = || prop::option::weighted(0.6, 0..4_u64);
    let get =
        select(vec![GetSupport::Authoritative, GetSupport::Authoritative, GetSupport::Found, GetSupport::Unsupported]);
    let switches = (any::<bool>(), any::<bool>(), any::<bool>());
    (preferences(), rules, switches, (seats(), seats(), seats()), get).prop_map(
        |((preferences, removal, managed, enable), rules, (exact, flat, deletes_groups), (e3, e5, f3), source_get)| {
            let legal = |(situation, action): &(Situation, Action)| {
                Policy::outbound(Preferences::default()).rule(*situation, *action).check().is_ok()
            };
            let rules = rules.into_iter().filter(legal).collect();
            let seats = [e3, e5, f3];
            let kept = (preferences, removal, managed, enable);
            let (preferences, removal, managed, enable) = kept;
            Setup { preferences, removal, managed, enable, rules, exact, flat, deletes_groups, seats, source_get }
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let user = || id(PEOPLE).prop_map(ObjectId::user);
    let group = || team_id().prop_map(ObjectId::group);
    let change = prop_oneof![
        title().prop_map(|title| ("title", title)),
        any::<bool>().prop_map(|active| ("active", active.into())),
        any::<bool>().prop_map(|active| ("active", active.into())),
        select(vec!["staff", "external"]).prop_map(|kind| ("kind", kind.into())),
        products().prop_map(|sku| ("sku", sku)),
        id(PEOPLE + 1).prop_map(|manager| ("manager", manager.into())),
        Just(("manager", Value::Null)),
        id(PEOPLE).prop_map(|login| ("login", format!("p{login}@contoso.com").into())),
        id(PEOPLE).prop_map(|number| ("id", number.into())),
    ];
    let list = |ids: Vec<String>| Value::list(ids.into_iter().map(Value::from));
    let strange = prop_oneof![
        Just(Strange::Disables),
        Just(Strange::Disables),
        Just(Strange::Enables),
        Just(Strange::Deletes),
        Just(Strange::Purges),
        Just(Strange::Retitles),
        select(vec![E3, E5, F3]).prop_map(Strange::Licenses),
        Just(Strange::Expels),
        any::<Index>().prop_map(Strange::Admits),
    ];
    prop_oneof![
        2 => person().prop_map(Event::Comes),
        1 => team().prop_map(Event::Comes),
        3 => user().prop_map(Event::Goes),
        1 => group().prop_map(Event::Goes),
        6 => (user(), change).prop_map(|(id, (name, value))| Event::Changes(id, name, value)),
        2 => (group(), some_ids(PEOPLE, 5)).prop_map(move |(id, ids)| Event::Changes(id, "members", list(ids))),
        1 => (group(), some_ids(TEAMS, 2)).prop_map(move |(id, ids)| {
            Event::Changes(id, "groups", list(ids.iter().map(|id| format!("g{id}")).collect()))
        }),
        4 => (any::<Index>(), strange).prop_map(|(at, strange)| Event::Stranger(at, strange)),
    ]
}

fn broken(ids: Vec<String>) -> impl Strategy<Value = (Ending, BTreeSet<Arc<str>>)> {
    let ids: Vec<Arc<str>> = ids.into_iter().map(Arc::from).collect();
    let most = ids.len();
    let endings = select(vec![Ending::Marked, Ending::Failed, Ending::Silent]);
    (endings, prop::sample::subsequence(ids, 0..=most))
        .prop_map(|(ending, hidden)| (ending, hidden.into_iter().collect()))
}

fn names(prefix: &'static str, of: u8) -> Vec<String> {
    (0..of).map(|id| format!("{prefix}{id}")).collect()
}

fn faults(users: Vec<String>, groups: Vec<String>, sets: [&'static str; 3]) -> impl Strategy<Value = Faults> {
    let rarely = |strategy: BoxedStrategy<(Ending, BTreeSet<Arc<str>>)>| prop::option::weighted(0.5, strategy);
    let unreadable = prop::collection::btree_set(select(users.clone()).prop_map(ObjectId::user), 0..2);
    let cut = prop_oneof![
        (select(groups.clone()).prop_map(ObjectId::group), select(vec![sets[0], sets[1]])),
        (select(users.clone()).prop_map(ObjectId::user), Just(sets[2])),
    ];
    let cut = prop::collection::btree_set(cut, 0..3);
    let calls = (prop::bool::weighted(0.2), prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    let all = (rarely(broken(users).boxed()), rarely(broken(groups).boxed()), unreadable, cut, calls).prop_map(
        |(users, groups, unreadable, cut, (get_fails, find_fails, bin_fails))| {
            let broken = [(Class::USER, users), (Class::GROUP, groups)];
            let broken = broken.into_iter().filter_map(|(class, ending)| Some((class, ending?))).collect();
            Faults { broken, unreadable, readable: 0, cut, get_fails, find_fails, bin_fails }
        },
    );
    prop_oneof![3 => Just(Faults::default()), 2 => all]
}

fn turn() -> impl Strategy<Value = Turn> {
    let look = prop_oneof![
        6 => Just(Look::Full),
        1 => id(PEOPLE).prop_map(Look::One),
        1 => select(vec!["Clerk", "Admin"]).prop_map(Look::Titled),
    ];
    let source_faults = faults(names("", PEOPLE), names("g", TEAMS), ["members", "groups", "sku"]);
    // In the target an object that is there can be read.
    let made = || (1..12_u8).map(|id| format!("user-{id}"));
    let users = names("a", PEOPLE).into_iter().chain(made()).collect();
    let groups = names("t", TEAMS).into_iter().chain((1..12_u8).map(|id| format!("group-{id}"))).collect();
    let target_faults = faults(users, groups, ["members", "memberGroups", "skuId"])
        .prop_map(|faults| Faults { unreadable: BTreeSet::new(), ..faults });
    let events = prop::collection::vec(event(), 0..5);
    let hours = select(vec![0, 1, 1, 1, 30, 24 * 8]);
    let rest = (prop::bool::weighted(0.7), prop::option::weighted(0.3, any::<u16>()));
    (events, hours, look, source_faults, target_faults, rest).prop_map(
        |(events, hours, run, source_faults, target_faults, (lifted, picked))| Turn {
            events,
            hours,
            run,
            source_faults,
            target_faults,
            lifted,
            picked,
        },
    )
}

pub(super) fn scene() -> impl Strategy<Value = Scene> {
    let people = prop::collection::vec(person(), 1..8);
    let teams = prop::collection::vec(team(), 1..4);
    let source = (people, teams).prop_map(|(people, teams)| people.into_iter().chain(teams).collect());
    (setup(), before(), source, prop::collection::vec(turn(), 1..5)).prop_map(|(setup, before, source, turns)| Scene {
        setup,
        before,
        source,
        turns,
    })
}

/// A few people who come, in part twice, and go while grace periods run, and whom a rule may leave as they are.
pub(super) fn comings_and_goings() -> impl Strategy<Value = Scene> {
    const FEW: u8 = 3;
    let leaver = || {
        select(vec![
            Leaver::delete().after(days(3)),
            Leaver::disable().after(days(3)),
            Leaver::disable().then_remove_licenses(days(2)).then_delete(days(9)),
        ])
    };
    let rule = select(vec![Action::Update, Action::Report, Action::Ignore, Action::Exception]);
    let setup = (setup(), leaver(), leaver(), rule).prop_map(|(setup, left_scope, source_deleted, action)| Setup {
        preferences: Preferences::default().with_left_scope(left_scope).with_source_deleted(source_deleted),
        enable: Enable::Own,
        removal: LicenseRemoval::WhenMappedValueCleared,
        managed: Managed::Own,
        rules: vec![(Situation::Confirmed, action)],
        ..setup
    });
    let here = |id: String| org::person(&id).with("kind", "staff").with("sku", org::texts(&["E3"]));
    let user = || id(FEW).prop_map(ObjectId::user);
    let event = prop_oneof![
        3 => id(FEW).prop_map(move |id| Event::Comes(here(id))),
        4 => user().prop_map(Event::Goes),
        1 => (user(), select(vec!["staff", "external"])).prop_map(|(id, kind)| Event::Changes(id, "kind", kind.into())),
    ];
    let torn = prop::option::weighted(0.2, user()).prop_map(|id| id.into_iter().collect());
    let turn = (prop::collection::vec(event, 0..4), select(vec![1, 24, 48]), torn);
    let turn = turn.prop_map(|(events, hours, unreadable)| Turn {
        events,
        hours,
        run: Look::Full,
        source_faults: Faults { unreadable, ..Faults::default() },
        target_faults: Faults::default(),
        lifted: true,
        picked: None,
    });
    (setup, prop::collection::vec(turn, 3..9)).prop_map(move |(setup, turns)| Scene {
        setup,
        before: Vec::new(),
        source: (0..FEW).map(|id| here(id.to_string())).collect(),
        turns,
    })
}

impl Turn {
    pub(super) fn wait(&self) -> Duration {
        Duration::from_secs(self.hours * 3600)
    }
}
