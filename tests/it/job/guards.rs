//! Guards: how much one plan, and one day, may take away (semantics, rule 14).

use std::time::Duration;

use entrant::job::{Apply, Report, Run, RunStatus};
use entrant::mapping::OnNull;
use entrant::model::{Class, ObjectId, eq, ne};
use entrant::reconcile::{Breach, Guard, Guards, Leaver, Plan, Preferences};
use entrant::{Job, Mapping, Record, Value};

use super::org::{Org, account, group, groups, person, plan, texts, users};

fn number(id: usize) -> String {
    format!("{id:03}")
}

/// Fifty people with a manager and a licence, in one large group and ten small ones.
fn staff() -> Vec<Record> {
    let ids: Vec<String> = (0..50).map(number).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let people = ids.iter().map(|id| person(id).with("manager", "000").with("sku", texts(&["E3"])));
    let people = people.map(|person| if &*person.id.id == "000" { person.with("manager", "001") } else { person });
    let small = ids.chunks(5).enumerate().map(|(number, ids)| group(&format!("small {number}"), ids));
    people.chain([group("all", &ids)]).chain(small).collect()
}

fn mapping() -> Mapping {
    users().on_null("title", OnNull::Clear)
}

/// A job with the guards that it has by itself.
fn guarded(org: &Org) -> Job {
    org.builder(mapping(), Preferences::default()).build().expect("the job is sound")
}

async fn settled() -> (Org, Job) {
    let org = Org::new(staff());
    let job = guarded(&org);
    _ = org.settle_with(&job).await;
    org.clock.advance(Duration::from_secs(48 * 3600));
    (org, job)
}

async fn apply(job: &Job, plan: &Plan) -> Report {
    job.apply(plan, Apply::new()).await.expect("a report")
}

fn stopped(report: &Report) -> Vec<&Breach> {
    match &report.status {
        RunStatus::Stopped { breaches } => breaches.iter().collect(),
        _ => Vec::new(),
    }
}

fn kinds(report: &Report) -> Vec<(Guard, Option<&str>, u64, u64, u64)> {
    let kind = |breach: &Breach| (breach.guard, breach.planned, breach.recent, breach.allowed);
    let breaches = stopped(report).into_iter();
    breaches
        .map(|breach| {
            let (guard, planned, recent, allowed) = kind(breach);
            (guard, breach.object.as_ref().map(|_| "object"), planned, recent, allowed)
        })
        .collect()
}

fn without(gone: usize) -> Value {
    Value::list((gone..50).map(|id| Value::text(number(id))))
}

/// "Allowed per class: `max(3, min(500, 10 % of the linked objects of that class))`, memberships 10 % of owned ones and
/// per group alike"; "a breach stops the whole plan with the figures".
#[tokio::test]
async fn members_are_limited_in_all_and_per_group() {
    // 100 memberships were given: 10 may be taken in all, of the 50 of the large group 5, of a small one's 5 still 3.
    let (org, job) = settled().await;
    org.set_group("all", "members", without(6));
    let writes = org.directory.writes();
    let report = apply(&job, &plan(&job).await).await;
    assert_eq!(kinds(&report), [(Guard::MemberRemoval, Some("object"), 6, 0, 5)], "{report}");
    assert!(report.to_string().contains("given by this job"), "{report}");
    assert_eq!(org.directory.writes(), writes, "nothing at all is written");
    org.set_group("all", "members", without(5));
    assert_eq!(kinds(&apply(&job, &plan(&job).await).await), []);

    let (org, job) = settled().await;
    org.set_group("small 0", "members", texts(&["000"]));
    assert_eq!(kinds(&apply(&job, &plan(&job).await).await), [(Guard::MemberRemoval, Some("object"), 4, 0, 3)]);
    for small in 0..4 {
        let ids = [number(small * 5), number(small * 5 + 1)];
        org.set_group(&format!("small {small}"), "members", texts(&[&ids[0], &ids[1]]));
    }
    assert_eq!(kinds(&apply(&job, &plan(&job).await).await), [(Guard::MemberRemoval, None, 12, 0, 10)]);
}

/// "Memberships 10 % of owned ones": what another job gave is no base for this one.
#[tokio::test]
async fn what_another_job_gave_raises_no_limit() {
    let ids: Vec<String> = (0..90).map(number).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let people = ids.iter().map(|id| person(id));
    let theirs = group("theirs", &ids).with("kind", "theirs");
    let ours = ["a", "b", "c"].map(|id| group(id, &ids[..4]).with("kind", "ours"));
    let org = Org::new(people.chain([theirs]).chain(ours));
    let job = org
        .builder_of(users(), groups().scope(eq("kind", "ours")), Preferences::default())
        .build()
        .expect("the job is sound");
    _ = org.settle_with(&job).await;
    let other = Job::builder("other")
        .source(org.hr.clone())
        .target(org.directory.clone())
        .mapping(groups().scope(ne("kind", "ours")))
        .policy(entrant::Policy::outbound(Preferences::default()))
        .state(org.state.clone())
        .clock(org.clock.clone())
        .build()
        .expect("the job is sound");
    _ = org.settle_with(&other).await;
    assert_eq!(org.refers("Group theirs", "members").len(), 90);
    for id in ["a", "b"] {
        org.set_group(id, "members", texts(&[ids[0], ids[1]]));
    }
    let plan = plan(&job).await;
    assert_eq!(plan.memberships(&Class::GROUP), 12, "{plan}");
    assert_eq!(kinds(&apply(&job, &plan).await), [(Guard::MemberRemoval, None, 4, 0, 3)]);
}

/// "A swap … counts in no removal guard."
#[tokio::test]
async fn licences_that_are_swapped_count_in_no_guard_and_those_that_are_taken_do() {
    let (org, job) = settled().await;
    (0..20).for_each(|id| org.set(&number(id), "sku", texts(&["E5"])));
    let report = apply(&job, &plan(&job).await).await;
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    assert_eq!(org.licenses("019"), ["e5"]);
    (20..26).for_each(|id| org.set(&number(id), "sku", Value::Null));
    assert_eq!(kinds(&apply(&job, &plan(&job).await).await), [(Guard::LicenseRemoval, None, 6, 0, 5)]);
    assert_eq!(org.licenses("020"), ["e3"]);
}

/// "`clear` (value → null)": a manager who is taken away is a value that is cleared, one who is replaced is not.
#[tokio::test]
async fn a_manager_taken_away_is_a_value_cleared() {
    let (org, job) = settled().await;
    (10..20).for_each(|id| org.set(&number(id), "manager", "002"));
    (2..8).for_each(|id| org.set(&number(id), "manager", Value::Null));
    assert_eq!(kinds(&apply(&job, &plan(&job).await).await), [(Guard::Clear, None, 6, 0, 5)]);
    org.set("007", "manager", "000");
    assert_eq!(apply(&job, &plan(&job).await).await.status, RunStatus::Complete);
    assert_eq!((org.refers("015", "manager"), org.refers("002", "manager")), (vec!["002".to_owned()], vec![]));
}

/// "`rename` (UPN, mailNickname)"; "each figure can be set on the job".
#[tokio::test]
async fn renames_are_limited_and_a_limit_goes_by_its_name() {
    let (org, job) = settled().await;
    (0..6).for_each(|id| org.set(&number(id), "login", format!("new{id}@contoso.com")));
    let report = apply(&job, &plan(&job).await).await;
    assert_eq!(kinds(&report), [(Guard::Rename, None, 6, 0, 5)]);
    assert!(report.to_string().contains("Guards::with_limit(Guard::Rename, …)"), "{report}");
    let builder = || org.builder(mapping(), Preferences::default());
    let wide = builder().guards(Guards::default().with_limit(Guard::Rename, 6)).build().expect("the job is sound");
    let tight = builder().guards(Guards::default().with_limit(Guard::Update, 5)).build().expect("the job is sound");
    let guards: Vec<Guard> = stopped(&apply(&tight, &plan(&tight).await).await).iter().map(|own| own.guard).collect();
    assert_eq!(guards, [Guard::Rename, Guard::Update], "`create` and `update` can be given limits");
    assert_eq!(apply(&wide, &plan(&wide).await).await.status, RunStatus::Complete);
}

/// "`adopt` allows none while the link set holds no link of that class, afterwards as the others."
#[tokio::test]
async fn the_first_adoption_is_always_looked_at() {
    let org = Org::new(staff());
    org.directory.push(account("a", "000"));
    let before = Record::new(ObjectId::group("g")).with("name", "Group all").with("members", texts(&[]));
    org.directory.push(before.with("memberGroups", texts(&[])).with("owners", texts(&[])));
    let job = guarded(&org);
    let report = apply(&job, &plan(&job).await).await;
    assert_eq!(kinds(&report), [(Guard::Adopt, None, 1, 0, 0), (Guard::Adopt, None, 1, 0, 0)]);
    assert_eq!(stopped(&report)[0].class, Class::GROUP, "each class by itself");
    _ = org.settle_with(&job).await;
    org.clock.advance(Duration::from_secs(48 * 3600));
    for id in 100..106 {
        org.hr.push(person(&number(id)));
        org.directory.push(account(&format!("a{id}"), &number(id)));
    }
    assert_eq!(kinds(&apply(&job, &plan(&job).await).await), [(Guard::Adopt, None, 6, 0, 5)]);
}

/// What a test does to an organisation, entry by entry, and which guard is to stop it.
type Change = (Guard, fn(&Org, usize));

/// "Counted on the plan that is applied plus what the job removed in the last 24 h, so that slices cannot evade it."
#[tokio::test]
async fn no_guard_is_passed_in_slices() {
    let table: [Change; 8] = [
        (Guard::Disable, |org, id| org.set(&number(id), "active", false)),
        // Beside other attributes the status is a request of its own.
        (Guard::Disable, |org, id| {
            org.set(&number(id), "active", false);
            org.set(&number(id), "title", "Gone");
        }),
        (Guard::Delete, |org, id| org.hr.remove(&ObjectId::user(number(id)))),
        (Guard::LicenseRemoval, |org, id| org.set(&number(id), "sku", Value::Null)),
        (Guard::Clear, |org, id| org.set(&number(id), "manager", Value::Null)),
        (Guard::Rename, |org, id| org.set(&number(id), "login", format!("new{id}@contoso.com"))),
        (Guard::Clear, |org, id| {
            // Two values an entry: both count.
            org.set(&number(id), "manager", Value::Null);
            org.set(&number(id), "title", Value::Null);
        }),
        (Guard::Adopt, |org, id| {
            org.hr.push(person(&number(id + 100)));
            org.directory.push(account(&format!("a{id}"), &number(id + 100)));
        }),
    ];
    for (number_of, (guard, change)) in table.into_iter().enumerate() {
        let org = Org::new(staff());
        let preferences = Preferences::default().with_source_deleted(Leaver::delete());
        let job = org.builder(mapping(), preferences).build().expect("the job is sound");
        _ = org.settle_with(&job).await;
        org.clock.advance(Duration::from_secs(48 * 3600));
        let each = if number_of == 6 { 3 } else { 6 };
        (10..10 + each).for_each(|id| change(&org, id));
        let whole = plan(&job).await;
        let of_users = |breaches: Vec<Breach>| breaches.into_iter().filter(|own| own.class == Class::USER).count();
        assert_eq!(of_users(job.breaches(&whole).await.expect("guards")), 1, "{guard}: {whole}");
        let ids: Vec<_> = whole.entries().iter().filter(|own| own.class == Class::USER && own.writes()).collect();
        let keys: Vec<_> = ids[..ids.len() * 2 / 3].iter().map(|own| own.key.clone()).collect();
        let (first, second) =
            (whole.select(|own| keys.contains(&own.key)), whole.select(|own| !keys.contains(&own.key)));
        let report = apply(&job, &first).await;
        assert_eq!(report.status, RunStatus::Complete, "{guard}: {report}{first}");
        let report = apply(&job, &second).await;
        assert!(stopped(&report).iter().any(|breach| breach.guard == guard), "{guard}, case {number_of}: {report}");
        // A new plan for the rest is no way round either; a day later it is.
        let rest = plan(&job).await;
        let report = apply(&job, &rest).await;
        assert!(stopped(&report).iter().any(|breach| breach.guard == guard), "{guard}, case {number_of}: {report}");
        org.clock.advance(Duration::from_secs(24 * 3600 + 1));
        let rest = plan(&job).await.select(|own| own.class == Class::USER);
        let report = apply(&job, &rest).await;
        assert!(stopped(&report).is_empty(), "{guard}, case {number_of}: {report}");
    }
}

/// The same of members, in all and of one group.
#[tokio::test]
async fn members_are_not_taken_in_slices_either() {
    let (org, job) = settled().await;
    for small in 0..4 {
        let ids = [number(small * 5), number(small * 5 + 1)];
        org.set_group(&format!("small {small}"), "members", texts(&[&ids[0], &ids[1]]));
    }
    let whole = plan(&job).await;
    let half = |first: bool| whole.select(|own| (&*own.key.id < "small 2") == first);
    assert_eq!(apply(&job, &half(true)).await.status, RunStatus::Complete);
    assert_eq!(kinds(&apply(&job, &half(false)).await), [(Guard::MemberRemoval, None, 6, 6, 10)]);
    // One group's members, run by run.
    let (org, job) = settled().await;
    for gone in [2, 4] {
        org.set_group("all", "members", without(gone));
        assert_eq!(apply(&job, &plan(&job).await).await.status, RunStatus::Complete);
    }
    org.set_group("all", "members", without(5));
    assert_eq!(kinds(&apply(&job, &plan(&job).await).await), [(Guard::MemberRemoval, Some("object"), 1, 4, 4)]);
}

/// "It is lifted by naming the kind in `apply`, for that digest only."
#[tokio::test]
async fn a_guard_is_lifted_by_its_kind_for_one_plan() {
    let (org, job) = settled().await;
    (0..6).for_each(|id| org.set(&number(id), "sku", Value::Null));
    (0..6).for_each(|id| org.set(&number(id), "login", format!("new{id}@contoso.com")));
    let first = plan(&job).await;
    let report = job.apply(&first, Apply::new().lift(Guard::Rename)).await.expect("a report");
    assert_eq!(kinds(&report), [(Guard::LicenseRemoval, None, 6, 0, 5)], "the other one holds");
    let both = Apply::new().lift(Guard::Rename).lift(Guard::LicenseRemoval);
    assert_eq!(job.apply(&first, both).await.expect("a report").status, RunStatus::Complete);
    org.set("010", "sku", Value::Null);
    let next = plan(&job).await;
    assert_ne!(next.digest(), first.digest());
    assert_eq!(kinds(&apply(&job, &next).await), [(Guard::LicenseRemoval, None, 1, 6, 5)]);
    assert_eq!(job.run(Run::full(), Apply::new()).await.map(|report| kinds(&report).len()).ok(), Some(1));
}

/// What is kept and used again is bound to the plan that was seen by its digest.
#[tokio::test]
async fn a_guard_that_is_lifted_for_an_approved_plan_is_lifted_for_no_other() {
    let (org, job) = settled().await;
    (0..6).for_each(|id| org.set(&number(id), "sku", Value::Null));
    let seen = plan(&job).await;
    let lifted = Apply::new().lift(Guard::LicenseRemoval).approved(seen.digest());
    (6..20).for_each(|id| org.set(&number(id), "sku", Value::Null));
    let other = plan(&job).await;
    for refused in [job.apply(&other, lifted.clone()).await, job.run(Run::full(), lifted.clone()).await] {
        assert_eq!(refused.expect_err("another plan").kind(), entrant::ErrorKind::Stale);
    }
    assert_eq!(job.apply(&seen, lifted).await.expect("a report").status, RunStatus::Complete);
}
