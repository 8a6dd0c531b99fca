//! One of two worlds in which the same happens: an HR store, a tenant, and a job between them.

use entrant::Job;
use entrant::adapters::Entra;
use entrant::clock::ManualClock;
use entrant::connection::Connection;
use entrant::job::{Apply, Report, Run};
use entrant::model::{Class, Filter, ObjectId};
use entrant::reconcile::Plan;
use entrant::sim::{DeltaQuirks, ServicePlan, Sim, Sku};
use entrant::store::{MemoryState, MemoryStore};
use entrant::{Policy, Record, Value};
use proptest::sample::Index;
use serde_json::json;

use super::drawn::{Event, Kind, OfAccount, OfGroup, PRODUCTS, Scene, Trouble};
use super::feed::{Feed, Gaps};
use super::state::Tenant;
use crate::job::org::no_guards;
use crate::job::tracked::Manners;
use crate::job::world::Sink;

pub(super) struct Side {
    kind: Kind,
    manners: Manners,
    pub(super) hr: MemoryStore,
    feed: Feed,
    pub(super) sim: Sim,
    pub(super) job: Job,
}

impl Side {
    pub(super) async fn new(scene: &Scene, clock: &ManualClock) -> Self {
        let setup = &scene.setup;
        let records = scene.people.iter().chain(&scene.teams);
        let hr = MemoryStore::new("hr").with_records(records.map(|record| scene.kind.fits(record.clone())));
        let manners = Manners {
            replays: setup.replays && !setup.silent,
            silent: setup.silent,
            forgets: scene.kind == Kind::Untold,
            ..Manners::default()
        };
        let feed = Feed::new(&hr);
        feed.behaves(manners);
        let mut quirks = DeltaQuirks::default().with_max_links(2);
        if setup.replays {
            quirks = quirks.with_replays(5).with_duplicates().with_empty_pages();
        }
        let mut builder = Sim::builder().domain("contoso.com").clock(clock.clone()).page_size(5).delta(quirks);
        // None excludes another: then a write would fail for what an administrator gave.
        let addon = Sku::new("CONTOSO_ADDON", 200).plan(ServicePlan::new("CONTOSO_CORE"));
        builder = builder.standard_skus(200).sku(addon);
        for number in 0..2 {
            builder = builder.user(json!({
                "userPrincipalName": format!("stranger{number}@contoso.com"), "displayName": format!("Stranger {number}"),
                "usageLocation": "DE",
            }));
        }
        // One is there already, and a group that HR does not have at once.
        let builder = builder
            .user(json!({
                "userPrincipalName": "p1@contoso.com", "displayName": "Before us", "employeeId": "1",
                "usageLocation": "DE",
            }))
            .group(json!({
                "displayName": "Group g0", "mailNickname": "before", "members": ["stranger0@contoso.com"]
            }));
        let sim = builder.build();
        for (product, seats) in PRODUCTS.into_iter().zip(setup.seats) {
            sim.set_seats(product, seats.into());
        }
        let connection = Connection::builder(sim.tenant_id(), sim.client_id())
            .client_secret(sim.client_secret())
            .cloud(sim.cloud())
            .build()
            .expect("a connection");
        let entra = Entra::builder(connection).transport(sim.transport()).clock(clock.clone());
        let job = Job::builder("staff")
            .source(feed.clone())
            .target(entra.connect().await.expect("the check passes"))
            .mapping(setup.users())
            .mapping(setup.groups().policy(setup.group_policy()))
            .policy(Policy::outbound(setup.preferences()))
            .passwords(Sink::default())
            .state(MemoryState::new().with_clock(clock.clone()))
            .guards(no_guards())
            .clock(clock.clone())
            .build()
            .expect("the job is sound");
        Self { kind: scene.kind, manners, hr, feed, sim, job }
    }

    /// Everything that is wrong from now on, or nothing.
    pub(super) fn meets(&self, trouble: &Trouble) {
        self.feed.lacks(trouble.gaps.clone());
        let (expired, partial) = (trouble.hr_expired, trouble.breaks_off);
        self.feed.behaves(Manners { expired, partial, ..self.manners });
        if trouble.links_expired {
            self.sim.expire_delta_links();
        }
    }

    pub(super) fn meets_nothing(&self) {
        self.feed.lacks(Gaps::default());
        self.feed.behaves(self.manners);
    }

    pub(super) async fn run(&self, run: Run) -> (Plan, Report) {
        let plan = self.job.plan(run.allow_empty_source()).await.expect("a plan");
        let report = self.job.apply(&plan, Apply::new()).await.expect("a report");
        (plan, report)
    }

    pub(super) fn tenant(&self) -> Tenant {
        Tenant::of(&self.sim)
    }

    /// Whether somebody is in HR.
    pub(super) fn employs(&self, employee: &str) -> bool {
        self.hr.record(&ObjectId::user(employee)).is_some()
    }

    /// Whether a group is in HR.
    pub(super) fn keeps_group(&self, id: &str) -> bool {
        self.hr.record(&ObjectId::group(id)).is_some()
    }

    /// Whether somebody is in HR and in scope.
    pub(super) fn provides_for(&self, employee: &str, scope: &Filter) -> bool {
        let record = self.hr.record(&ObjectId::user(employee));
        record.is_some_and(|record| scope.matches(&record.attributes))
    }
}

impl Kind {
    /// Where names are not scarce, each has names of his own.
    fn fits(self, record: Record) -> Record {
        let login = record.get("login").cloned();
        match login {
            Some(login) => {
                let login = self.name_of(&record.id, login);
                record.with("login", login)
            }
            None => record,
        }
    }

    fn name_of(self, id: &ObjectId, login: Value) -> Value {
        let own = format!("p{}", id.id);
        match login.as_text() {
            Some(text) if self != Self::Scarce && text != own => Value::text(format!("{own}-{text}")),
            _ => login,
        }
    }
}

/// An event, as it can happen in both worlds alike.
pub(super) fn happens(sides: [&Side; 2], event: &Event, may_return: impl Fn(&str) -> bool) {
    match event {
        Event::Joins(record) if sides[0].hr.record(&record.id).is_some() => {}
        Event::Joins(record) if record.id.class == Class::USER && !may_return(&record.id.id) => {}
        Event::Joins(record) => sides.iter().for_each(|side| side.hr.push(side.kind.fits(record.clone()))),
        Event::Leaves(id) => sides.iter().for_each(|side| side.hr.remove(id)),
        Event::Changes(id, name, value) => {
            for side in sides {
                let value = if *name == "login" { side.kind.name_of(id, value.clone()) } else { value.clone() };
                side.hr.set(id, *name, value);
            }
        }
        Event::Account(..) | Event::Group(..) | Event::Twin(_) | Event::GroupTwin(_) | Event::Seats(..) => {
            administer(sides, event);
        }
    }
}

fn nth<'a>(at: &Index, of: &[&'a String]) -> &'a str {
    of[at.index(of.len())]
}

/// What an administrator does by hand, to what both tenants have.
fn administer(sides: [&Side; 2], event: &Event) {
    let tenants = sides.map(Side::tenant);
    // What becomes of one who is gone unnoticed differs; nobody meddles with him meanwhile.
    let is_known = |employee: &str| employee.is_empty() || sides[0].kind != Kind::Untold || sides[0].employs(employee);
    let accounts: Vec<&String> = {
        let own = tenants[0].accounts.iter().filter(|(name, _)| tenants[1].accounts.contains_key(*name));
        own.filter(|(_, account)| is_known(&account.employee)).map(|(name, _)| name).collect()
    };
    let groups: Vec<&String> = tenants[0].groups.keys().filter(|name| tenants[1].groups.contains_key(*name)).collect();
    let sims = sides.map(|side| &side.sim);
    match event {
        Event::Account(at, deed) if !accounts.is_empty() => {
            let name = nth(at, &accounts);
            let is_free = |name: &str| tenants.iter().all(|tenant| !tenant.accounts.contains_key(name));
            for (sim, tenant) in sims.iter().zip(&tenants) {
                match deed {
                    OfAccount::Sets(attribute, value) => {
                        sim.update_user(name, json!({*attribute: serde_json::to_value(value).expect("JSON")}));
                    }
                    OfAccount::Renames(number) => {
                        let new = format!("admin{number}@contoso.com");
                        if is_free(&new) {
                            sim.update_user(name, json!({"userPrincipalName": new}));
                        }
                    }
                    OfAccount::Licence(product) if tenant.accounts[name].licenses.contains(*product) => {
                        sim.remove_license(name, product);
                    }
                    OfAccount::Licence(product) => sim.assign_license(name, product),
                    OfAccount::Manager(at) => {
                        let manager = at.map(|at| nth(&at, &accounts)).filter(|manager| *manager != name);
                        sim.set_manager(name, manager);
                    }
                    OfAccount::Deletes => sim.delete_user(name),
                }
            }
        }
        Event::Group(at, deed) if !groups.is_empty() => {
            let name = nth(at, &groups);
            let both = |is_in: &str| tenants.iter().all(|tenant| tenant.groups[name].members.contains(is_in));
            let either = |is_in: &str| tenants.iter().any(|tenant| tenant.groups[name].members.contains(is_in));
            for sim in sims {
                match deed {
                    OfGroup::Admits(at) if !accounts.is_empty() && !either(nth(at, &accounts)) => {
                        sim.add_member(name, nth(at, &accounts));
                    }
                    OfGroup::AdmitsGroup(at) => {
                        let inner = nth(at, &groups);
                        if inner != name && !either(inner) {
                            sim.add_member(name, inner);
                        }
                    }
                    OfGroup::Expels(at) => {
                        let members: Vec<&String> =
                            accounts.iter().chain(&groups).copied().filter(|own| both(own)).collect();
                        if !members.is_empty() {
                            sim.remove_member(name, nth(at, &members));
                        }
                    }
                    OfGroup::Renames => sim.update_group(name, json!({"displayName": format!("Circle {name}")})),
                    OfGroup::Deletes => sim.delete_group(name),
                    OfGroup::Admits(_) => {}
                }
            }
        }
        Event::Twin(id) if is_known(&id.to_string()) => {
            let name = format!("twin{id}@contoso.com");
            let is_there = |tenant: &Tenant| tenant.accounts.contains_key(&name);
            if !tenants.iter().any(is_there) {
                let twin = json!({
                    "userPrincipalName": name, "displayName": "Twin", "employeeId": id.to_string(), "usageLocation": "DE",
                });
                sims.iter().for_each(|sim| _ = sim.add_user(twin.clone()));
            }
        }
        Event::GroupTwin(id) => {
            let nick = format!("twin-g{id}");
            if !tenants.iter().any(|tenant| tenant.groups.contains_key(&nick)) {
                let twin = json!({"displayName": format!("Group g{id}"), "mailNickname": nick});
                sims.iter().for_each(|sim| _ = sim.add_group(twin.clone()));
            }
        }
        Event::Seats(product, seats) if sides[0].kind == Kind::Scarce => {
            sims.iter().for_each(|sim| sim.set_seats(product, usize::from(*seats)));
        }
        _ => {}
    }
}
