//! What must not be shown: redacted values are planned and written, and stand nowhere; random ones are drawn once.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use entrant::expr::Seed;
use entrant::job::{Apply, Event, Observer, OutcomeKind, Run};
use entrant::mapping::{AbsentMeans, Mapping, OnNull};
use entrant::model::{Name, ObjectId};
use entrant::reconcile::{Action, Constraints, Draft, Finding, Guard, Plan, Policy, Preferences};
use entrant::store::{MemoryState, State, Table};
use entrant::{ErrorKind, Job, Record, Value};
use futures::TryStreamExt;

use super::spy::Spy;
use super::world::{World, entry, mapping as plain, person, schema};

const SECRET: &str = "Zebra-4711";
const OTHER: &str = "Quagga-0815";

fn expression(target: &str, expression: &str) -> Mapping {
    let rest = Mapping::users()
        .attribute("userPrincipalName", "login")
        .attribute("employeeId", "id")
        .attribute("displayName", "name")
        .attribute("active", "active")
        .match_on("employeeId")
        .match_on("userPrincipalName");
    let rest = if target == "password" { rest } else { rest.generate_password() };
    rest.expression(target, expression).expect("an expression")
}

/// The job title is made of a number that nobody may see, and of a constant.
fn redacting() -> Mapping {
    expression("jobTitle", r#"Redact(Append([number], "-constant"))"#).on_null("jobTitle", OnNull::Clear)
}

#[derive(Debug, Clone, Default)]
struct Words(Arc<Mutex<String>>);

impl Observer for Words {
    fn event(&self, event: &Event<'_>) {
        self.0.lock().expect("no test panics with the lock").push_str(&format!("{event:?}"));
    }
}

fn job(world: &World, mapping: Mapping, words: &Words) -> Job {
    Job::builder("staff")
        .source(world.hr.clone())
        .target(world.directory.clone())
        .mapping(mapping)
        .policy(Policy::outbound(Preferences::default()))
        .passwords(world.sink.clone())
        .state(world.state.clone())
        .clock(world.clock.clone())
        .observer(words.clone())
        .build()
        .expect("the job is sound")
}

async fn plan(job: &Job) -> Plan {
    job.plan(Run::full()).await.expect("a plan")
}

/// All that a state holds, as text.
async fn remembered(state: &MemoryState) -> String {
    let mut text = String::new();
    for table in Table::ALL {
        let rows: Vec<_> = state.scan(*table, b"").try_collect().await.expect("a state in memory");
        for (key, value) in rows {
            text.push_str(&String::from_utf8_lossy(&key));
            text.push_str(&String::from_utf8_lossy(&value));
        }
    }
    text
}

/// A plan in its other forms.
fn forms(plan: &Plan) -> String {
    let mut lines = Vec::new();
    plan.write_json_lines(&mut lines).expect("bytes take everything");
    format!("{} {} {} {}", plan.markdown(), plan.summary(), plan.html(), String::from_utf8_lossy(&lines))
}

fn numbered(id: &str, number: &str) -> Record {
    person(id).with("number", number)
}

#[tokio::test]
async fn a_redacted_value_is_written_and_stands_nowhere() {
    let world = World::new([numbered("1", SECRET), numbered("2", OTHER), person("3").with("number", Value::Null)]);
    let words = Words::default();
    let job = job(&world, redacting(), &words);
    let mut told = String::new();
    for step in ["create", "nothing", "update", "clear", "nothing"] {
        match step {
            "update" => _ = world.hr.set(&ObjectId::user("1"), "number", OTHER),
            "clear" => _ = world.hr.set(&ObjectId::user("1"), "number", Value::Null),
            _ => {}
        }
        let plan = plan(&job).await;
        assert_eq!(plan.is_converged(), step == "nothing", "{step}: {plan}");
        if matches!(step, "update" | "clear") {
            let change = &entry(&plan, "1").changes[0];
            assert!(change.redacted && change.old == Some("(redacted)".into()), "{step}: {change:?}");
            assert_eq!(change.clears(), step == "clear", "a guard counts what is cleared");
            assert_eq!(change.rule, "Redact(…) of [number]");
        }
        let again = Plan::from_json(&plan.to_json()).expect("a plan");
        let report = job.apply(&again, Apply::new().lift(Guard::Clear)).await.expect("a report");
        assert!(report.troubles.is_empty(), "{step}: {report:?}");
        told += &format!("{plan} {plan:?} {} {report:?}", plan.to_json());
        told += &forms(&plan);
        told += &format!("{:?}", job.explain("1").await.expect("an explanation"));
        told += &serde_json::to_string(&report).expect("JSON");
        told += &remembered(&world.state).await;
        world.clock.advance(Duration::from_secs(3600));
        let title = world.account_of("1").get("jobTitle").cloned().unwrap_or_default();
        let expected = match step {
            "create" => format!("{SECRET}-constant").into(),
            "update" => format!("{OTHER}-constant").into(),
            "clear" => Value::Null,
            _ => title.clone(),
        };
        assert_eq!(title, expected, "{step}");
    }
    assert_eq!(world.account_of("2").get("jobTitle"), Some(&format!("{OTHER}-constant").into()));
    told += &words.0.lock().expect("the words");
    for hidden in ["Zebra", "Quagga", "-constant"] {
        assert!(!told.contains(hidden), "{hidden} in {told}");
    }
    assert!(told.contains("Person 1"), "the rest is told");
    assert!(told.contains("jobTitle = (redacted)") && told.contains("jobTitle = cleared (redacted)"), "{told}");
}

/// Refuses titles, and says which.
#[derive(Debug)]
struct NoZebras;

impl Constraints for NoZebras {
    fn check(&self, draft: &Draft<'_>) -> Vec<Finding> {
        let Some(title) = draft.attributes.get("jobTitle").and_then(Value::as_text) else { return Vec::new() };
        let message = format!("{title} is no title");
        match title.contains("Zebra") {
            true => vec![
                Finding::attribute("jobTitle", "title", message.clone()),
                Finding::unknown("title", message.clone()),
                Finding::attribute("immutableId", "title", message),
            ],
            false => Vec::new(),
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_redacted_value_is_told_without_it() {
    let mut world = World::new([numbered("1", SECRET), numbered("2", "a"), numbered("3", "b")]);
    world.directory = world.directory.with_constraints(Arc::new(NoZebras));
    let mapping = || expression("jobTitle", "Redact([number])");
    let first = plan(&job(&world, mapping(), &Words::default())).await;
    let one = entry(&first, "1");
    assert_eq!(one.problems.len(), 3, "{first}");
    assert!(!format!("{first:?}{first}").contains("Zebra"), "{first}");
    // A list does not fit a title; the reason would show it.
    world.hr.set(&ObjectId::user("1"), "number", Value::list([SECRET.into(), OTHER.into()]));
    // What the target says when it refuses.
    let spy = Spy::new(&world.directory);
    spy.answers(|change, answer| match &change.operation {
        entrant::model::Operation::Create { attributes, .. } if attributes.get("jobTitle") == Some(&"b".into()) => {
            assert!(!format!("{change:?}").contains("\"b\""), "{change:?}");
            Err(entrant::Error::new(ErrorKind::Invalid, "jobTitle `b` is refused"))
        }
        _ => answer,
    });
    let job = Job::builder("staff")
        .source(world.hr.clone())
        .target(spy)
        .mapping(mapping())
        .policy(Policy::outbound(Preferences::default()))
        .passwords(world.sink.clone())
        .state(world.state.clone())
        .clock(world.clock.clone())
        .build()
        .expect("a job");
    let second = plan(&job).await;
    assert!(entry(&second, "1").problems[0].message.contains("not shown, since the expression redacts"), "{second}");
    let report = job.apply(&second, Apply::new()).await.expect("a report");
    let text = format!("{second:?}{second}{report:?}");
    assert_eq!(report.outcome(OutcomeKind::Failed), 1);
    assert!(!text.contains("Zebra") && !text.contains("`b`"), "{text}");
    assert!(text.contains("is not shown, since it names a redacted value"), "{text}");
}

#[tokio::test]
async fn a_redacted_value_that_went_or_came_since_the_plan_is_stale() {
    for (planned, now) in [(Value::from(SECRET), Value::Null), (Value::Null, SECRET.into())] {
        let world = World::new([numbered("1", OTHER)]);
        let job = job(&world, redacting(), &Words::default());
        _ = job.run(Run::full(), Apply::new()).await.expect("a run");
        world.clock.advance(Duration::from_secs(3600));
        world.hr.set(&ObjectId::user("1"), "number", planned);
        let plan = plan(&job).await;
        world.hr.set(&ObjectId::user("1"), "number", now);
        let report = job.apply(&plan, Apply::new().lift(Guard::Clear)).await.expect("a report");
        assert_eq!(report.outcome(OutcomeKind::Stale), 1, "{report:?}");
        assert_eq!(world.account_of("1").get("jobTitle"), Some(&format!("{OTHER}-constant").into()));
    }
    let world = World::new([numbered("1", SECRET)]);
    let job = job(&world, redacting(), &Words::default());
    let plan = plan(&job).await;
    world.hr.remove(&ObjectId::user("1"));
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!(report.outcome(OutcomeKind::Stale), 1, "{report:?}");
    assert!(world.directory.records().is_empty());
}

#[tokio::test]
async fn the_journal_of_a_create_in_doubt_holds_no_redacted_value() {
    let world = World::new([person("1").with("login", format!("{SECRET}@c.com"))]);
    world.directory.fail_write(1, entrant::store::WriteFault::RequestLost);
    let mapping = Mapping::users()
        .expression("userPrincipalName", "Redact([login])")
        .expect("an expression")
        .attribute("employeeId", "id")
        .attribute("displayName", "name")
        .generate_password()
        .match_on("employeeId");
    let job = job(&world, mapping, &Words::default());
    let report = job.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.outcome(OutcomeKind::Pending), 1, "{report:?}");
    let state = remembered(&world.state).await;
    assert!(state.contains("employeeId") && !state.contains("Zebra"), "{state}");
}

#[test]
fn what_plans_must_show_cannot_be_redacted() {
    let compile = |mapping: Mapping| {
        let error = mapping.compile(&schema(), AbsentMeans::Unknown);
        error.map(|_| ()).map_err(|error| error.to_string())
    };
    let redacted = |target: &str| Mapping::users().expression(target, "Redact([x])").expect("an expression");
    #[rustfmt::skip]
    let table = [
        (redacted("active"), "active: is redacted and says who is switched off"),
        (redacted("employeeId").match_on("employeeId"), "employeeId: is redacted and is matched on"),
        (redacted("reset"), "reset: is redacted and cannot be read back"),
    ];
    for (mapping, fault) in table {
        let error = compile(mapping).expect_err(fault);
        assert!(error.contains(fault), "{error}");
    }
    assert_eq!(compile(redacted("reset").create_only("reset")), Ok(()));
    assert_eq!(compile(redacted("password")), Ok(()), "a secret is hidden anyway");
}

#[tokio::test]
async fn a_mapping_and_its_flows_do_not_show_what_is_redacted() {
    let compiled = redacting().compile(&schema(), AbsentMeans::Unknown).expect("a mapping");
    let record = numbered("1", SECRET);
    let context = entrant::expr::Context::new(time::OffsetDateTime::UNIX_EPOCH);
    let mapped = compiled.evaluate(&record, &context);
    let text = format!("{mapped:?} {compiled:?} {:?}", redacting());
    assert!(!text.contains("Zebra") && !text.contains("-constant"), "{text}");
    let other = expression("jobTitle", r#"Redact(Append([number], "-other"))"#).on_null("jobTitle", OnNull::Clear);
    let other = other.compile(&schema(), AbsentMeans::Unknown).expect("a mapping");
    assert_ne!(other.fingerprint(), compiled.fingerprint(), "constants count although they are not shown");
}

// Random values.

fn random() -> Mapping {
    expression("jobTitle", r#"RandomString(12, 3, 0, 3, 3)"#).create_only("jobTitle")
}

#[tokio::test]
async fn the_same_seed_gives_the_same_plan_and_a_second_run_draws_nothing() {
    let world = World::new((1..=3).map(|id| person(&id.to_string())));
    let job = job(&world, random(), &Words::default());
    let seeded = || job.plan(Run::full().seed(Seed::new([7; 32])));
    let (one, two) = (seeded().await.expect("a plan"), seeded().await.expect("a plan"));
    assert_eq!(one.to_json(), two.to_json());
    let other = job.plan(Run::full().seed(Seed::new([8; 32]))).await.expect("a plan");
    let drawn = |plan: &Plan, id: &str| {
        let changes = &entry(plan, id).changes;
        changes.iter().find(|change| change.attribute == "jobTitle").expect("a title").new.clone()
    };
    assert_ne!(drawn(&one, "1"), drawn(&other, "1"));
    assert_ne!(drawn(&one, "1"), drawn(&one, "2"), "each object has its own");
    assert_ne!(plan(&job).await.to_json(), plan(&job).await.to_json(), "without a seed each plan draws anew");
    let report = job.apply(&one, Apply::new()).await.expect("a report");
    assert_eq!(report.count(Action::Create, OutcomeKind::Applied), 3);
    assert_eq!(world.account_of("2").get("jobTitle"), Some(&drawn(&one, "2")), "what was planned is written");
    world.clock.advance(Duration::from_secs(3600));
    assert!(plan(&job).await.is_converged());
    let without = super::world::World::new([person("1")]).plan().await;
    assert!(!without.to_json().contains("seed"), "who draws nothing needs none");
}

#[tokio::test]
async fn a_random_password_goes_to_the_sink_and_cannot_be_worked_out_from_the_plan() {
    let mapping = || expression("password", r#"Append("Aa1!", RandomString(16, 4, 4, 4, 4))"#);
    let world = World::new((1..=3).map(|id| person(&id.to_string())));
    let words = Words::default();
    let job = job(&world, mapping(), &words);
    let seed = Seed::new([7; 32]);
    let plan = job.plan(Run::full().seed(seed)).await.expect("a plan");
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    let confirmed = world.sink.confirmed();
    assert_eq!(confirmed.len(), 3, "each is handed on, for nobody else knows it");
    let compiled = mapping().compile(&schema(), AbsentMeans::Unknown).expect("a mapping");
    let text = format!("{plan:?}{}{}{:?}", plan.to_json(), remembered(&world.state).await, words.0);
    for (_, id, password) in &confirmed {
        assert_eq!(world.directory.secret(id, "password").as_ref(), Some(password), "and is the one that was written");
        assert!(password.expose().starts_with("Aa1!") && password.expose().len() == 20);
        assert!(!text.contains(password.expose()));
        let context = entrant::expr::Context::new(plan.as_of()).with_seed(seed);
        for id in ["1", "2", "3"] {
            let guessed = compiled.evaluate_secrets(&person(id), &context).expect("secrets");
            assert_ne!(
                guessed[&Name::from("password")].expose(),
                password.expose(),
                "the seed of the plan says nothing"
            );
        }
    }
    let silent = Job::builder("staff")
        .source(world.hr.clone())
        .target(world.directory.clone())
        .mapping(mapping())
        .policy(Policy::outbound(Preferences::default()))
        .state(MemoryState::new())
        .build();
    assert!(silent.expect_err("nowhere to put them").to_string().contains("generates passwords"));
}

#[tokio::test]
async fn what_is_drawn_again_and_again_is_refused() {
    let mapping = expression("jobTitle", "Guid()");
    let error = mapping.compile(&schema(), AbsentMeans::Unknown).expect_err("it would change in each run");
    assert!(error.to_string().contains("jobTitle: is drawn at random, and would change in each run"), "{error}");
    let twice = plain().expression("password", "Guid()").expect("an expression");
    assert!(twice.compile(&schema(), AbsentMeans::Unknown).is_err());
    let hidden = expression("jobTitle", "Redact(Guid())").create_only("jobTitle");
    let world = World::new([person("1")]);
    let job = job(&world, hidden, &Words::default());
    let plan = job.plan(Run::full().seed(Seed::new([7; 32]))).await.expect("a plan");
    assert!(!plan.to_json().contains("\"seed\""), "nothing in the plan is drawn");
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    let title = world.account_of("1").get("jobTitle").map(ToString::to_string).unwrap_or_default();
    assert_eq!(title.len(), 36, "{title}");
}
