//! What is drawn: who is there, what the job is told, and round by round what happens and what cannot be read.

use entrant::mapping::Mapping;
use entrant::model::{Filter, ObjectId, ne};
use entrant::reconcile::{Leaver, Policy, Preferences, days};
use entrant::{Record, Value};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::feed::Gaps;
use crate::flow_org;
use crate::job::org::texts;

/// Few people and groups for many events, so that they get in each other's way.
const PEOPLE: u8 = 6;
const TEAMS: u8 = 3;
pub(super) const PRODUCTS: [&str; 4] = ["ENTERPRISEPACK", "ENTERPRISEPREMIUM", "CONTOSO_ADDON", "EMS"];

/// What makes a world hard for a run that reads only what changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Seats and names are scarce, and all is told and can be read.
    Scarce,
    /// Some of it cannot be read at times. Who gets a scarce thing would depend on when; so nothing is scarce.
    Troubled,
    /// Nobody says who is gone. Nothing is scarce, so that what a leaver holds stands in nobody's way.
    Untold,
}

#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) kind: Kind,
    pub(super) setup: Setup,
    pub(super) people: Vec<Record>,
    pub(super) teams: Vec<Record>,
    pub(super) rounds: Vec<Round>,
}

#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) leave: Leave,
    pub(super) left_scope: Leave,
    pub(super) restores: bool,
    pub(super) recreates: bool,
    pub(super) deletes_groups: bool,
    pub(super) exact: bool,
    pub(super) flat: bool,
    /// Whether those whom the first person leads are out of scope.
    pub(super) by_manager: bool,
    pub(super) seats: [u8; 4],
    /// Whether feeds tell more than once.
    pub(super) replays: bool,
    /// Whether HR gives no cursors, so that all of it is compared with what was seen; where nobody says who is gone.
    pub(super) silent: bool,
}

/// What becomes of those who are gone, or out of scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    Keep,
    Disable,
    DisableAndTakeProducts,
    DisableLater,
    Delete,
}

impl Leave {
    fn leaver(self) -> Leaver {
        match self {
            Self::Keep => Leaver::keep(),
            Self::Disable => Leaver::disable(),
            Self::DisableAndTakeProducts => Leaver::disable().then_remove_licenses(days(0)),
            Self::DisableLater => Leaver::disable().after(days(1)),
            Self::Delete => Leaver::delete(),
        }
    }
}

impl Setup {
    pub(super) fn preferences(&self) -> Preferences {
        let preferences =
            Preferences::default().with_source_deleted(self.leave.leaver()).with_left_scope(self.left_scope.leaver());
        let preferences = if self.restores { preferences.with_restore() } else { preferences };
        if self.recreates { preferences.with_recreate_missing() } else { preferences }
    }

    pub(super) fn group_policy(&self) -> Policy {
        let preferences = Preferences::default();
        Policy::outbound(match self.deletes_groups {
            true => preferences.with_source_deleted(Leaver::delete()),
            false => preferences,
        })
    }

    pub(super) fn users(&self) -> Mapping {
        flow_org::users().scope(self.scope())
    }

    pub(super) fn scope(&self) -> Filter {
        let staff = ne("kind", "external");
        if self.by_manager { staff.and(ne("manager", "0")) } else { staff }
    }

    pub(super) fn groups(&self) -> Mapping {
        let groups = flow_org::groups();
        let groups = if self.exact { groups.exact("members").claims(["g0"]) } else { groups };
        if self.flat { groups.flatten("memberGroups", "members") } else { groups }
    }
}

/// What happens, and then a run or a few.
#[derive(Debug, Clone)]
pub(super) struct Round {
    pub(super) events: Vec<Event>,
    pub(super) hours: u8,
    pub(super) trouble: Trouble,
}

/// What is wrong in the first run of a round.
#[derive(Debug, Clone, Default)]
pub(super) struct Trouble {
    pub(super) gaps: Gaps,
    /// HR's changes break off.
    pub(super) breaks_off: bool,
    /// HR takes its cursors no more.
    pub(super) hr_expired: bool,
    /// The tenant takes its delta links no more.
    pub(super) links_expired: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Event {
    /// In HR: comes, or comes back.
    Joins(Record),
    Leaves(ObjectId),
    Changes(ObjectId, &'static str, Value),
    /// In the tenant, by an administrator: to one of the accounts.
    Account(Index, OfAccount),
    /// To one of the groups.
    Group(Index, OfGroup),
    /// Makes an account for a person by hand, who may have none yet.
    Twin(u8),
    /// Makes a group by hand, as HR calls it.
    GroupTwin(u8),
    Seats(&'static str, u8),
}

#[derive(Debug, Clone)]
pub(super) enum OfAccount {
    Sets(&'static str, Value),
    Renames(u8),
    Licence(&'static str),
    Manager(Option<Index>),
    Deletes,
}

#[derive(Debug, Clone)]
pub(super) enum OfGroup {
    Admits(Index),
    AdmitsGroup(Index),
    Expels(Index),
    Renames,
    Deletes,
}

fn id(of: u8) -> impl Strategy<Value = String> {
    (0..of).prop_map(|id| id.to_string())
}

fn products() -> impl Strategy<Value = Value> {
    prop_oneof![
        2 => Just(Value::Null),
        4 => select(&PRODUCTS[..]).prop_map(|one| texts(&[one])),
        // Such as go together.
        2 => select(&PRODUCTS[..3]).prop_map(|one| texts(&[one, "EMS"])),
    ]
}

fn manager() -> impl Strategy<Value = Value> {
    // One more than there are: somebody whom nobody knows.
    prop_oneof![1 => Just(Value::Null), 3 => id(PEOPLE + 1).prop_map(Value::from)]
}

fn members() -> impl Strategy<Value = Value> {
    prop::collection::btree_set(id(PEOPLE + 1), 0..5).prop_map(|ids| Value::list(ids.into_iter().map(Value::from)))
}

fn nested() -> impl Strategy<Value = Value> {
    let id = (0..=TEAMS).prop_map(|id| format!("g{id}"));
    prop::collection::btree_set(id, 0..3).prop_map(|ids| Value::list(ids.into_iter().map(Value::from)))
}

fn kind() -> impl Strategy<Value = Value> {
    prop_oneof![4 => Just(Value::from("staff")), 1 => Just(Value::from("external"))]
}

fn person_of(id: String) -> impl Strategy<Value = Record> {
    let active = prop::bool::weighted(0.8);
    (manager(), products(), kind(), active).prop_map(move |(manager, sku, kind, active)| {
        let person = flow_org::person(&id).with("manager", manager).with("sku", sku);
        person.with("kind", kind).with("active", active)
    })
}

fn person() -> impl Strategy<Value = Record> {
    id(PEOPLE).prop_flat_map(person_of)
}

fn team_of(id: u8) -> impl Strategy<Value = Record> {
    (members(), nested()).prop_map(move |(members, nested)| {
        flow_org::group(&format!("g{id}"), &[]).with("members", members).with("groups", nested)
    })
}

fn user() -> impl Strategy<Value = ObjectId> {
    id(PEOPLE).prop_map(ObjectId::user)
}

fn group() -> impl Strategy<Value = ObjectId> {
    (0..TEAMS).prop_map(|id| ObjectId::group(format!("g{id}")))
}

fn event() -> impl Strategy<Value = Event> {
    let of_person = prop_oneof![
        3 => manager().prop_map(|manager| ("manager", manager)),
        3 => products().prop_map(|sku| ("sku", sku)),
        2 => any::<bool>().prop_map(|active| ("active", active.into())),
        2 => kind().prop_map(|kind| ("kind", kind)),
        1 => select(vec!["DE", ""]).prop_map(|country| ("country", country.into())),
        2 => id(PEOPLE).prop_map(|login| ("login", format!("p{login}").into())),
        1 => id(3).prop_map(|title| ("title", title.into())),
    ];
    let of_team = prop_oneof![
        4 => members().prop_map(|members| ("members", members)),
        1 => nested().prop_map(|nested| ("groups", nested)),
    ];
    let of_account = prop_oneof![
        1 => id(3).prop_map(|title| OfAccount::Sets("jobTitle", title.into())),
        2 => any::<bool>().prop_map(|on| OfAccount::Sets("accountEnabled", on.into())),
        1 => (0..4_u8).prop_map(OfAccount::Renames),
        3 => select(&PRODUCTS[..]).prop_map(OfAccount::Licence),
        2 => prop::option::of(any::<Index>()).prop_map(OfAccount::Manager),
        1 => Just(OfAccount::Deletes),
    ];
    let of_group = prop_oneof![
        3 => any::<Index>().prop_map(OfGroup::Admits),
        1 => any::<Index>().prop_map(OfGroup::AdmitsGroup),
        3 => any::<Index>().prop_map(OfGroup::Expels),
        1 => Just(OfGroup::Renames),
        1 => Just(OfGroup::Deletes),
    ];
    prop_oneof![
        3 => person().prop_map(Event::Joins),
        1 => (0..TEAMS).prop_flat_map(team_of).prop_map(Event::Joins),
        3 => user().prop_map(Event::Leaves),
        1 => group().prop_map(Event::Leaves),
        7 => (user(), of_person).prop_map(|(id, (name, value))| Event::Changes(id, name, value)),
        4 => (group(), of_team).prop_map(|(id, (name, value))| Event::Changes(id, name, value)),
        5 => (any::<Index>(), of_account).prop_map(|(at, deed)| Event::Account(at, deed)),
        3 => (any::<Index>(), of_group).prop_map(|(at, deed)| Event::Group(at, deed)),
        1 => (0..PEOPLE).prop_map(Event::Twin),
        1 => (0..TEAMS).prop_map(Event::GroupTwin),
        1 => (select(&PRODUCTS[..]), 0..4_u8).prop_map(|(product, seats)| Event::Seats(product, seats)),
    ]
}

fn trouble(kind: Kind) -> BoxedStrategy<Trouble> {
    let expired = (prop::bool::weighted(0.1), prop::bool::weighted(0.1));
    if kind != Kind::Troubled {
        let expired =
            expired.prop_map(|(hr_expired, links_expired)| Trouble { hr_expired, links_expired, ..Trouble::default() });
        return expired.boxed();
    }
    let unreadable = prop::collection::btree_set(prop_oneof![3 => user(), 1 => group()], 0..3);
    let cut = prop_oneof![2 => group().prop_map(|id| (id, "members")), 1 => user().prop_map(|id| (id, "sku"))];
    let cut = prop::collection::btree_set(cut, 0..3);
    let gaps = (unreadable, cut, prop::bool::weighted(0.15));
    let gaps = gaps.prop_map(|(unreadable, cut, deaf)| Gaps { unreadable, cut, deaf });
    (gaps, prop::bool::weighted(0.15), expired)
        .prop_map(|(gaps, breaks_off, (hr_expired, links_expired))| Trouble {
            gaps,
            breaks_off,
            hr_expired,
            links_expired,
        })
        .boxed()
}

fn round(kind: Kind) -> impl Strategy<Value = Round> {
    let events = prop::collection::vec(event(), 0..7);
    let hours = prop_oneof![2 => Just(0), 1 => 1..48_u8];
    (events, hours, trouble(kind)).prop_map(|(events, hours, trouble)| Round { events, hours, trouble })
}

fn setup(kind: Kind) -> impl Strategy<Value = Setup> {
    use Leave as L;
    let all = || select(vec![L::Keep, L::Disable, L::DisableAndTakeProducts, L::DisableLater, L::Delete]);
    let switches = prop::array::uniform7(any::<bool>());
    let scarce = prop::array::uniform4(1..5_u8);
    (all(), all(), switches, scarce, any::<bool>()).prop_map(move |(leave, left_scope, switches, scarce, replays)| {
        let [restores, recreates, deletes_groups, exact, flat, by_manager, silent] = switches;
        Setup {
            leave,
            left_scope,
            restores,
            recreates,
            deletes_groups,
            exact,
            flat,
            by_manager,
            seats: if kind == Kind::Scarce { scarce } else { [200; 4] },
            replays,
            silent: silent && kind == Kind::Untold,
        }
    })
}

pub(super) fn scene(kind: Kind) -> impl Strategy<Value = Scene> {
    let people = (0..PEOPLE - 1).map(|id| person_of(id.to_string())).collect::<Vec<_>>();
    let teams = (0..TEAMS - 1).map(team_of).collect::<Vec<_>>();
    (setup(kind), people, teams, prop::collection::vec(round(kind), 1..5))
        .prop_map(move |(setup, people, teams, rounds)| Scene { kind, setup, people, teams, rounds })
}
