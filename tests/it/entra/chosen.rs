//! Names that are made unique, and values that are redacted, with Graph behind them.

use entrant::job::{Apply, OutcomeKind, Run};
use entrant::mapping::Mapping;
use entrant::model::ObjectId;
use entrant::reconcile::{Plan, Policy, Preferences};
use entrant::store::{MemoryState, MemoryStore};
use entrant::{Job, Record};

use super::{clock, entra, person, sim, write_one};

fn joiner(id: &str, first: &str) -> Record {
    Record::new(ObjectId::user(id)).with("id", id).with("first", first).with("fax", format!("+49 {id} Zebra"))
}

fn mapping() -> Mapping {
    let nickname = r#"Replace(NormalizeDiacritics(ToLower([first])), , "[^a-z]", , "", , )"#;
    let unique = format!(
        r#"SelectUniqueValue(Join("@", {nickname}, %Domain%), Join("@", Append({nickname}, "2"), %Domain%), Join("@", Append({nickname}, "2x"), %Domain%))"#
    );
    Mapping::users()
        .expression("userPrincipalName", &unique)
        .expect("an expression")
        .create_only("userPrincipalName")
        .expression("mailNickname", nickname)
        .expect("an expression")
        .attribute("displayName", "first")
        .attribute("employeeId", "id")
        .expression("faxNumber", "Redact([fax])")
        .expect("an expression")
        .expression("password", r#"Append("Aa1!", RandomString(20, 4, 4, 4, 4))"#)
        .expect("an expression")
        .match_on("employeeId")
}

fn upn(plan: &Plan, id: &str) -> String {
    let entry = plan.entries().iter().find(|entry| &*entry.key.id == id).unwrap_or_else(|| panic!("{id} in {plan}"));
    let change = entry.changes.iter().find(|change| change.attribute == "userPrincipalName");
    change.unwrap_or_else(|| panic!("a name for {id} in {plan}")).new.to_string()
}

#[tokio::test]
async fn names_are_free_in_the_tenant_and_in_the_plan() {
    let clock = clock();
    let sim = sim(&clock);
    let entra = entra(&sim, &clock).await;
    write_one(&entra, person("ANNA")).await.expect("somebody else");
    let hr = MemoryStore::new("hr").with_records([joiner("1", "Änna"), joiner("2", "Anna"), joiner("3", "Bob")]);
    let sink = crate::job::world::Sink::default();
    let job = Job::builder("staff")
        .source(hr.clone())
        .target(entra.clone())
        .mapping(mapping())
        .policy(Policy::outbound(Preferences::default()))
        .passwords(sink.clone())
        .state(MemoryState::new().with_clock(clock.clone()))
        .clock(clock.clone())
        .build()
        .expect("a job");
    let notes = crate::wire::tracing::Notes::default();
    let guard = notes.listen();
    let one = job.plan(Run::one("2")).await.expect("a plan");
    assert_eq!(upn(&one, "2"), "anna2@contoso.com", "asked of Graph, value by value");
    let plan = job.plan(Run::full()).await.expect("a plan");
    let names = ["1", "2", "3"].map(|id| upn(&plan, id));
    assert_eq!(names, ["anna2@contoso.com", "anna2x@contoso.com", "bob@contoso.com"], "{plan}");
    // Between plan and apply somebody takes a name.
    write_one(&entra, person("bob")).await.expect("another Bob");
    let report = job.apply(&plan, Apply::new()).await.expect("a report");
    assert_eq!((report.outcome(OutcomeKind::Applied), report.outcome(OutcomeKind::Failed)), (2, 1), "{report:?}");
    assert!(format!("{report:?}").contains("Conflict"), "{report:?}");
    drop(guard);
    let traced = notes.told();
    assert!(traced.iter().any(|note| note.starts_with("request_id=")), "each request is traced: {traced:?}");
    let all = format!("{plan}{}{plan:?}{report:?}{traced:?}", plan.to_json());
    assert!(!all.contains("Zebra") && !all.contains("Aa1!"), "{all}");
    let fax = |user: &serde_json::Value| user["faxNumber"].as_str().map(str::to_owned);
    let faxes: Vec<String> = sim.users().iter().filter_map(fax).collect();
    assert_eq!(faxes.len(), 2, "{faxes:?}");
    assert_eq!(sink.confirmed().len(), 2);
    clock.advance(std::time::Duration::from_secs(3600));
    let next = job.plan(Run::full()).await.expect("a plan");
    assert_eq!(next.entries().len(), 1, "{next}");
    assert_eq!(upn(&next, "3"), "bob2@contoso.com");
}
