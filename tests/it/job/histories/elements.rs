//! Members and managers who were given or taken in doubt, or lie in a recycle bin.

use std::time::Duration;

use entrant::job::{Apply, Run, RunStatus};
use entrant::mapping::ScopingFilter;
use entrant::model::{Change, ChangeId, ObjectId, Operation, Value, Written};
use entrant::reconcile::{Leaver, Policy, Preferences};
use entrant::store::Target;
use entrant::{Error, ErrorKind, Job, Record};
use futures::StreamExt;

use super::{lost, run};
use crate::job::org::{Org, account, group, groups, no_guards, texts, users};
use crate::job::spy::Spy;
use crate::job::world::{entry, person};

/// Someone deletes an object; it lies in the recycle bin.
async fn delete(org: &Org, id: &ObjectId) {
    let delete = Change::new(ChangeId::new(1), Operation::Delete { id: id.clone() });
    org.directory.write(vec![delete]).collect::<Vec<_>>().await;
}

#[tokio::test]
async fn who_lies_in_the_bin_keeps_what_the_job_gave_him() {
    let org = Org::new([person_of("1"), person_of("2"), group("a", &["1", "2"])]);
    org.directory.push(account("stranger", "9"));
    let preferences = Preferences::default().with_restore().with_source_deleted(Leaver::keep());
    let job = org.unguarded(users(), groups(), preferences);
    _ = org.settle_with(&job).await;
    let (team, gone) = (org.id("Group a"), org.id("2"));
    let members = org.find("Group a").get("members").cloned().expect("members");
    // Someone deletes the account, and HR takes the person out of the group while it lies in the bin.
    delete(&org, &gone).await;
    let left = members.as_slice().iter().filter(|own| **own != Value::text(&*org_id(&members, 1)));
    org.directory.set(&team, "members", Value::list(left.cloned()));
    org.set_group("a", "members", texts(&["1"]));
    _ = org.settle_with(&job).await;
    // It comes back with its memberships.
    org.directory.set(&team, "members", members);
    _ = org.settle_with(&job).await;
    assert_eq!(org.refers("Group a", "members"), ["1"], "what the job gave, the job takes");
}

/// Seed 424: a run that reads only what changed does not read those who left.
#[tokio::test]
async fn who_left_and_lies_in_the_bin_is_forgotten_in_no_plan_of_a_run_that_does_not_read_him() {
    let org = Org::new([person_of("1"), person_of("2"), person_of("3"), group("a", &["1", "2"])]);
    org.directory.push(account("stranger", "9"));
    let job = org.unguarded(users(), groups(), Preferences::default().with_source_deleted(Leaver::keep()));
    _ = org.settle_with(&job).await;
    let (team, gone, stays) = (org.id("Group a"), org.id("2"), org.id("1"));
    // Someone deletes the account of one who leaves.
    delete(&org, &gone).await;
    org.directory.set(&team, "members", texts(&[&stays.id]));
    org.hr.remove(&ObjectId::user("2"));
    org.set_group("a", "members", texts(&["1"]));
    _ = org.settle_with(&job).await;
    org.set_group("a", "members", texts(&["1", "3"]));
    let plan = job.plan(Run::incremental()).await.expect("a plan");
    assert!(plan.entries().iter().all(|entry| entry.forget.is_empty()), "{plan}");
    // Of one who is there it is known who took him out.
    org.directory.push(account(&gone.id, "2"));
    let plan = job.plan(Run::one("a")).await.expect("a plan");
    let forgotten = entry(&plan, "a").forget.values().flatten().map(|id| id.to_string()).collect::<Vec<_>>();
    assert_eq!(forgotten, [gone.id.to_string()], "{plan}");
}

/// In a group that was made a moment ago, whose members may not show yet.
#[tokio::test]
async fn who_is_made_anew_is_not_taken_out_as_the_one_who_is_gone() {
    let org = Org::new([person_of("1"), person_of("2")]);
    let job = org.unguarded(users(), groups(), Preferences::default().with_recreate_missing());
    _ = org.settle_with(&job).await;
    org.clock.advance(Duration::from_secs(3600));
    org.hr.push(group("a", &["1", "2"]));
    _ = run(&job).await;
    let (team, gone, stays) = (org.id("Group a"), org.id("2"), org.id("1"));
    org.directory.remove(&gone);
    org.directory.set(&team, "members", texts(&[&stays.id]));
    let plan = job.plan(Run::full()).await.expect("a plan");
    let set = entry(&plan, "a").sets.first().unwrap_or_else(|| panic!("no members: {plan}"));
    assert_eq!((set.add.len(), set.remove.len()), (1, 0), "{plan}");
}

#[tokio::test]
async fn what_may_have_been_given_stays_in_doubt_though_giving_it_again_is_refused() {
    let org = Org::new([person_of("1").with("sku", texts(&["E3"]))]);
    let spy = Spy::new(&org.directory);
    let mut attempts = 0;
    spy.answers(move |change, answer| match &change.operation {
        Operation::Elements { .. } => {
            attempts += 1;
            match attempts {
                1 => Err(lost()),
                _ => Err(Error::new(ErrorKind::Throttled, "too many requests")),
            }
        }
        _ => answer,
    });
    let builder = org.builder(users(), Preferences::default());
    let job = builder.target(spy).build().expect("a job");
    let report = run(&job).await;
    assert_eq!(report.status, RunStatus::Incomplete, "{report}");
    org.clock.advance(Duration::from_secs(3600));
    let job = org.job();
    _ = org.settle_with(&job).await;
    org.set("1", "sku", Value::Null);
    _ = org.settle_with(&job).await;
    assert_eq!(org.licenses("1"), [""; 0], "what the job gave, the job takes");
}

#[tokio::test]
async fn what_may_have_been_given_to_a_group_that_was_deleted_since_is_the_jobs_when_it_is_back() {
    let org = Org::new([person_of("1"), person_of("2"), group("a", &["1", "2"])]);
    let spy = Spy::new(&org.directory);
    spy.answers(loses_answers);
    let preferences = Preferences::default().with_restore();
    let job = org.builder(users(), preferences.clone()).target(spy).build().expect("a job");
    let report = run(&job).await;
    assert_eq!(report.status, RunStatus::Incomplete, "{report}");
    org.clock.advance(Duration::from_secs(3600));
    // Someone deletes the group; it is brought back, with all who were in it, and HR wants one of them no more.
    delete(&org, &org.id("Group a")).await;
    org.set_group("a", "members", texts(&["1"]));
    let job = org.unguarded(users(), groups(), preferences);
    for _ in 0..3 {
        _ = org.settle_with(&job).await;
    }
    assert_eq!(org.refers("Group a", "members"), ["1"], "what the job gave, the job takes");
}

/// Seed 79917: nobody knows whether they were put in, until the group is back and shows who is in it.
#[tokio::test]
async fn whom_a_group_does_not_hold_when_it_is_back_was_not_put_in() {
    let org = Org::new([person_of("1"), person_of("2"), group("a", &["1", "2"])]);
    let spy = Spy::new(&org.directory);
    spy.refuses(loses_elements);
    let preferences = Preferences::default().with_restore();
    let job = org.builder(users(), preferences.clone()).target(spy).build().expect("a job");
    _ = run(&job).await;
    org.clock.advance(Duration::from_secs(3600));
    let (team, two) = (org.id("Group a"), org.id("2"));
    delete(&org, &team).await;
    org.set_group("a", "members", texts(&["1"]));
    let job = org.unguarded(users(), groups(), preferences);
    for _ in 0..2 {
        _ = run(&job).await;
        org.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(org.refers("Group a", "members"), ["1"], "it is back");
    // Minutes later an administrator puts the other in.
    org.directory.set(&team, "members", texts(&[&org.id("1").id, &two.id]));
    _ = run(&job).await;
    assert_eq!(org.refers("Group a", "members"), ["1", "2"], "whom the job did not give, it does not take");
}

/// A group that was brought back may show its members later than itself.
#[tokio::test]
async fn whom_a_group_shows_late_when_it_is_back_is_still_the_jobs_to_take() {
    let org = Org::new([person_of("1"), person_of("2"), group("a", &["1", "2"])]);
    let job = org.unguarded(users(), groups(), Preferences::default().with_restore());
    _ = run(&job).await;
    org.clock.advance(Duration::from_secs(3600));
    let team = org.id("Group a");
    delete(&org, &team).await;
    org.set_group("a", "members", texts(&["1"]));
    _ = run(&job).await;
    let both = texts(&[&org.id("1").id, &org.id("2").id]);
    org.directory.set(&team, "members", texts(&[]));
    org.clock.advance(Duration::from_secs(60));
    _ = run(&job).await;
    org.directory.set(&team, "members", both);
    _ = run(&job).await;
    assert_eq!(org.refers("Group a", "members"), ["1"], "what the job gave, the job takes");
}

/// No element is given or taken, and nobody knows.
fn loses_elements(change: &Change) -> Option<Error> {
    matches!(change.operation, Operation::Elements { .. }).then(lost)
}

/// Elements are given and taken, and nobody knows.
fn loses_answers(change: &Change, answer: entrant::Result<Written>) -> entrant::Result<Written> {
    if matches!(change.operation, Operation::Elements { .. }) { Err(lost()) } else { answer }
}

/// A group of two, given by a job that restores accounts, of whom HR wants only the first.
struct Team {
    org: Org,
    spy: Spy,
    job: Job,
    two: ObjectId,
}

impl Team {
    async fn new() -> Self {
        let org = Org::new([person_of("1"), person_of("2"), group("a", &["1"])]);
        let spy = Spy::new(&org.directory);
        let job = org.builder(users(), Preferences::default().with_restore()).target(spy.clone());
        let job = job.guards(no_guards()).build().expect("a job");
        _ = org.settle_with(&job).await;
        let two = org.id("2");
        Self { org, spy, job, two }
    }

    /// The job puts him in.
    async fn of_both(self) -> Self {
        self.org.set_group("a", "members", texts(&["1", "2"]));
        _ = self.org.settle_with(&self.job).await;
        self
    }

    /// The job puts him in, after an attempt that was lost, and of which nothing is known as long as a third does not show.
    async fn after_a_lost_attempt(self) -> Self {
        self.org.hr.push(person_of("3"));
        _ = self.org.settle_with(&self.job).await;
        self.org.set_group("a", "members", texts(&["1", "2", "3"]));
        self.spy.refuses(loses_elements);
        assert_eq!(run(&self.job).await.status, RunStatus::Incomplete);
        self.spy.refuses(|_| None);
        self.wants(&["1", "2"]).await;
        self
    }

    /// HR wants these, and at once they are in.
    async fn wants(&self, members: &[&str]) {
        self.org.set_group("a", "members", texts(members));
        _ = run(&self.job).await;
        assert_eq!(self.org.refers("Group a", "members"), members);
    }

    async fn leaves_whom_an_administrator_puts_in(self) {
        let (team, one) = (self.org.id("Group a"), self.org.id("1"));
        self.org.directory.set(&team, "members", texts(&[&one.id, &self.two.id]));
        for _ in 0..2 {
            _ = run(&self.job).await;
        }
        assert_eq!(self.org.refers("Group a", "members"), ["1", "2"], "whom the job did not give, it does not take");
    }

    async fn delete(&self) {
        delete(&self.org, &self.two).await;
    }

    /// He is brought back, with his membership, which is the job's to take.
    async fn takes_him_out_when_he_is_back(self) {
        self.spy.hides([self.two.id.to_string()]);
        self.org.set_group("a", "members", texts(&["1"]));
        _ = run(&self.job).await;
        assert!(has(&self.org, &self.two), "it is brought back");
        self.spy.hides([]);
        for _ in 0..2 {
            _ = self.org.settle_with(&self.job).await;
        }
        assert_eq!(self.org.refers("Group a", "members"), ["1"], "what the job gave, the job takes");
    }
}

/// Seed 87605: an attempt whose answer was lost, one that went through, and a taking that did.
#[tokio::test]
async fn whom_the_job_took_out_is_not_its_own_by_an_older_attempt() {
    let team = Team::new().await.after_a_lost_attempt().await;
    team.wants(&["1"]).await;
    team.leaves_whom_an_administrator_puts_in().await;
}

#[tokio::test]
async fn a_manager_whom_another_replaced_is_not_given_by_an_older_attempt() {
    let org = Org::new([person_of("1"), person_of("2"), person_of("3"), group("a", &["1"])]);
    let spy = Spy::new(&org.directory);
    let job =
        org.builder(users(), Preferences::default()).target(spy.clone()).guards(no_guards()).build().expect("a job");
    _ = org.settle_with(&job).await;
    org.set("1", "manager", "2");
    spy.refuses(loses_elements);
    _ = run(&job).await;
    spy.refuses(|_| None);
    org.set("1", "manager", "3");
    _ = run(&job).await;
    assert_eq!(org.refers("1", "manager"), ["3"]);
    org.set("1", "manager", Value::Null);
    _ = run(&job).await;
    assert_eq!(org.refers("1", "manager"), Vec::<String>::new());
    org.directory.set(&org.id("1"), "manager", Value::text(&*org.id("2").id));
    for _ in 0..2 {
        _ = run(&job).await;
    }
    assert_eq!(org.refers("1", "manager"), ["2"], "whom the job did not give, it does not take");
}

#[tokio::test]
async fn whom_the_job_took_out_unseen_is_not_its_own_by_an_older_attempt() {
    let team = Team::new().await.after_a_lost_attempt().await;
    team.spy.answers(loses_answers);
    team.wants(&["1"]).await;
    team.spy.answers(|_, answer| answer);
    // Found out by looking.
    _ = run(&team.job).await;
    team.leaves_whom_an_administrator_puts_in().await;
}

#[tokio::test]
async fn who_is_left_alone_and_lies_in_the_bin_is_not_forgotten() {
    let filter = ScopingFilter::from_json(
        r#"{"inputFilterGroups": [{"clauses": [
        {"sourceOperandName": "title", "operatorName": "EQUALS", "targetOperand": {"values": ["Clerk"]}}
    ]}]}"#,
    )
    .expect("a filter");
    let org = Org::new([person_of("1"), person_of("2"), person_of("3"), group("a", &["1", "2"])]);
    let job = org.unguarded(users().scoping(filter), groups(), Preferences::default());
    _ = org.settle_with(&job).await;
    let (team, gone, stays) = (org.id("Group a"), org.id("2"), org.id("1"));
    org.set("2", "title", "Boss");
    delete(&org, &gone).await;
    org.directory.set(&team, "members", texts(&[&stays.id]));
    org.set_group("a", "members", texts(&["1"]));
    _ = org.settle_with(&job).await;
    _ = org.settle_with(&job).await;
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert!(plan.entries().iter().all(|entry| entry.forget.is_empty()), "{plan}");
}

#[tokio::test]
async fn whom_another_job_keeps_and_who_lies_in_the_bin_is_not_forgotten() {
    let org = Org::new([person_of("1"), person_of("2"), person_of("3"), group("a", &["1", "2"])]);
    let people = Job::builder("people")
        .source(org.hr.clone())
        .target(org.directory.clone())
        .mapping(users())
        .policy(Policy::outbound(Preferences::default().with_source_deleted(Leaver::keep())))
        .state(org.state.clone())
        .clock(org.clock.clone())
        .guards(no_guards())
        .build()
        .expect("a job");
    let job = org.unguarded(users(), groups(), Preferences::default().with_source_deleted(Leaver::keep()));
    _ = org.settle_with(&people).await;
    let report = org.settle_with(&job).await;
    assert_eq!(org.refers("Group a", "members"), ["1", "2"], "{report}");
    let (team, gone, stays) = (org.id("Group a"), org.id("2"), org.id("1"));
    delete(&org, &gone).await;
    org.directory.set(&team, "members", texts(&[&stays.id]));
    org.hr.remove(&ObjectId::user("2"));
    org.set_group("a", "members", texts(&["1"]));
    _ = org.settle_with(&people).await;
    _ = org.settle_with(&job).await;
    _ = org.settle_with(&job).await;
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert!(plan.entries().iter().all(|entry| entry.forget.is_empty()), "{plan}");
}

#[tokio::test]
async fn who_may_have_been_put_in_before_he_was_deleted_is_the_jobs_when_he_is_back() {
    let team = Team::new().await;
    team.org.set_group("a", "members", texts(&["1", "2"]));
    team.spy.answers(loses_answers);
    let report = run(&team.job).await;
    assert_eq!(report.status, RunStatus::Incomplete, "{report}");
    team.spy.answers(|_, answer| answer);
    team.org.clock.advance(Duration::from_secs(3600));
    team.delete().await;
    team.takes_him_out_when_he_is_back().await;
}

#[tokio::test]
async fn who_is_deleted_while_a_plan_is_made_is_not_taken_for_taken_out() {
    let team = Team::new().await.of_both().await;
    // The account was read before it was deleted, the group after.
    team.spy.hides([team.two.id.to_string()]);
    team.org.set_group("a", "members", texts(&["1"]));
    let plan = team.job.plan(Run::full()).await.expect("a plan");
    team.delete().await;
    let report = team.job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    team.takes_him_out_when_he_is_back().await;
}

#[tokio::test]
async fn who_is_deleted_while_he_is_taken_out_is_taken_out_when_he_is_back() {
    let team = Team::new().await.of_both().await;
    team.org.set_group("a", "members", texts(&["1"]));
    let plan = team.job.plan(Run::full()).await.expect("a plan");
    let (directory, two) = (team.org.directory.clone(), Value::text(&team.two.id));
    let members = team.org.find("Group a").get("members").cloned().unwrap_or_default();
    team.spy.answers(move |change, answer| match &change.operation {
        // He is not seen to be in there, and is.
        Operation::Elements { id, .. } => {
            directory.set(id, "members", members.clone());
            answer.map(|written| written.with_not_there("members".into(), two.clone()))
        }
        _ => answer,
    });
    team.delete().await;
    let report = team.job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    team.spy.answers(|_, answer| answer);
    team.takes_him_out_when_he_is_back().await;
}

#[tokio::test]
async fn who_may_not_have_been_taken_out_is_taken_out_when_he_is_back() {
    let team = Team::new().await.of_both().await;
    // HR wants one of them no more; the request is lost on its way.
    team.org.set_group("a", "members", texts(&["1"]));
    team.spy.refuses(loses_elements);
    assert_eq!(run(&team.job).await.status, RunStatus::Incomplete);
    team.spy.refuses(|_| None);
    team.org.clock.advance(Duration::from_secs(3600));
    team.delete().await;
    team.takes_him_out_when_he_is_back().await;
}

#[tokio::test]
async fn what_was_given_later_is_not_forgotten_over_an_older_attempt_to_take_it() {
    let team = Team::new().await.of_both().await;
    team.org.set_group("a", "members", texts(&["1"]));
    team.spy.refuses(loses_elements);
    assert_eq!(run(&team.job).await.status, RunStatus::Incomplete);
    team.spy.refuses(|_| None);
    // An hour later nobody can be asked for by id. Someone has taken him out, and HR wants him again.
    team.org.clock.advance(Duration::from_secs(3600));
    team.spy.is_blind(true);
    let one = team.org.id("1");
    team.org.directory.set(&team.org.id("Group a"), "members", texts(&[&one.id]));
    team.org.set_group("a", "members", texts(&["1", "2"]));
    _ = run(&team.job).await;
    assert_eq!(team.org.refers("Group a", "members"), ["1", "2"]);
    // A minute later he does not show yet, it shows what became of the older attempt, and HR wants him no more.
    team.spy.is_blind(false);
    team.spy.hides([team.two.id.to_string()]);
    team.org.set_group("a", "members", texts(&["1"]));
    team.org.clock.advance(Duration::from_secs(60));
    _ = run(&team.job).await;
    team.spy.hides([]);
    for _ in 0..2 {
        _ = team.org.settle_with(&team.job).await;
    }
    assert_eq!(team.org.refers("Group a", "members"), ["1"], "what the job gave, the job takes");
}

#[tokio::test]
async fn what_is_given_to_a_late_made_account_is_as_young_as_it_is() {
    let org = Org::new([person("1"), person("2").with("manager", "1")]);
    let spy = Spy::new(&org.directory);
    let builder = org.builder(users(), Preferences::default()).target(spy.clone());
    let job = builder.guards(no_guards()).build().expect("a job");
    let is_two = |change: &Change| match &change.operation {
        Operation::Create { attributes, .. } => attributes.get("employeeId") == Some(&Value::text("2")),
        _ => false,
    };
    spy.refuses(move |change| is_two(change).then(lost));
    assert_eq!(run(&job).await.status, RunStatus::Incomplete);
    // Minutes later he is made, and the answer to his manager is lost.
    org.clock.advance(Duration::from_secs(12 * 60));
    spy.refuses(|_| None);
    spy.answers(loses_answers);
    assert_eq!(run(&job).await.status, RunStatus::Incomplete);
    assert_eq!(org.refers("2", "manager"), ["1"]);
    // The manager does not show yet; and HR wants none any more.
    spy.answers(|_, answer| answer);
    spy.hides([org.id("1").id.to_string()]);
    org.set("2", "manager", Value::Null);
    org.clock.advance(Duration::from_secs(4 * 60));
    _ = run(&job).await;
    spy.hides([]);
    for _ in 0..2 {
        _ = org.settle_with(&job).await;
    }
    assert_eq!(org.refers("2", "manager"), [""; 0], "what the job gave, the job takes");
}

#[tokio::test]
async fn what_comes_back_with_an_account_may_not_show_at_once() {
    let org = Org::new([person_of("1"), person_of("2"), group("a", &["1", "2"])]);
    let spy = Spy::new(&org.directory);
    let job = org.builder(users(), Preferences::default().with_restore()).target(spy.clone());
    let job = job.guards(no_guards()).build().expect("a job");
    _ = org.settle_with(&job).await;
    let two = org.id("2");
    delete(&org, &two).await;
    spy.hides([two.id.to_string()]);
    _ = run(&job).await;
    assert!(has(&org, &two), "it is brought back");
    // Moments later the account shows, and its membership does not; nor does HR want it any more.
    org.set_group("a", "members", texts(&["1"]));
    _ = run(&job).await;
    spy.hides([]);
    for _ in 0..2 {
        _ = org.settle_with(&job).await;
    }
    assert_eq!(org.refers("Group a", "members"), ["1"], "what the job gave, the job takes");
}

fn has(org: &Org, id: &ObjectId) -> bool {
    org.directory.records().iter().any(|record| record.id == *id)
}

fn person_of(id: &str) -> Record {
    crate::job::org::person(id)
}

/// The id of the member in a place.
fn org_id(members: &Value, place: usize) -> String {
    members.as_slice().get(place).and_then(Value::as_text).expect("a member").to_owned()
}
