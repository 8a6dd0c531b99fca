//! What is told of one object: where each value comes from, and nothing that is not to be shown.

use entrant::ErrorKind;
use entrant::job::{Apply, Run};
use entrant::mapping::{Explanation, FlowType, Mapping, OnNull, Told};
use entrant::model::ObjectId;
use entrant::{Job, Value};

use super::world::{World, person};

fn mapping() -> Mapping {
    Mapping::users()
        .expression("userPrincipalName", r#"SelectUniqueValue([login], Append([id], "@c.com"))"#)
        .expect("an expression")
        .create_only("userPrincipalName")
        .attribute("employeeId", "id")
        .expression("displayName", r#"IIF([nick] = "", [name], [nick])"#)
        .expect("an expression")
        .expression("jobTitle", r#"Redact(Append([number], "-constant"))"#)
        .expect("an expression")
        .on_null("jobTitle", OnNull::Clear)
        .closure("active", "is-active", 1, |record| Ok(record.get("active").cloned()))
        .reads("active", ["active"])
        .expression("password", r#"Append("Welcome-", [birthday])"#)
        .expect("an expression")
        .match_on("employeeId")
        .scope(entrant::model::present("id"))
}

fn job(world: &World) -> Job {
    world.scoped_job(mapping())
}

fn world() -> World {
    let ada = person("1").with("number", "Zebra").with("birthday", "1815-12-10").with("nick", Value::Null);
    World::new([ada, person("2").with("id", "")])
}

#[tokio::test]
async fn one_object_is_explained_attribute_by_attribute() {
    let world = world();
    let told = job(&world).explain("1").await.expect("an explanation");
    let expected = r#"user 1 by mapping user: in scope
  active ← closure is-active v1
    [active] = true
    on create true, on update true
    (null is skipped on update; compared exactly)
  displayName ← IIF([nick] = "", [name], [nick])
    [nick] = null
    [nick] = "" = true
    [name] = "Person 1"
    IIF([nick] = "", [name], [nick]) = "Person 1"
    on create "Person 1", on update "Person 1"
    (null is skipped on update; compared exactly)
  employeeId ← [id]
    [id] = "1"
    on create "1", on update "1"
    (null is skipped on update; compared exactly)
  jobTitle ← Redact(…) of [number]
    (redacted)
    on create (redacted), on update (redacted)
    (null clears; compared exactly)
  password ← expression of [birthday]
    (secret)
    on create (secret), on update untouched
    (written on create only)
  userPrincipalName ← SelectUniqueValue([login], Append([id], "@c.com"))
    [login] = "p1@contoso.com"
    [id] = "1"
    Append([id], "@c.com") = "1@c.com"
    SelectUniqueValue([login], Append([id], "@c.com")) = "p1@contoso.com"
    on create "p1@contoso.com", on update untouched
    (written on create only; the first value that nobody holds is taken)
"#;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].to_string(), expected);
    let json = serde_json::to_string(&told).expect("JSON");
    let back: Vec<Explanation> = serde_json::from_str(&json).expect("the same");
    assert_eq!(back, told);
    let all = format!("{json} {told:?}");
    for hidden in ["Zebra", "-constant", "Welcome", "1815"] {
        assert!(!all.contains(hidden), "{hidden} in {all}");
    }
}

/// Who is there keeps what he has, or loses nothing; what stands around the source is told.
#[tokio::test]
async fn conditions_transforms_defaults_and_flow_types_are_told() {
    let mapping = Mapping::users()
        .attribute("userPrincipalName", "login")
        .attribute("employeeId", "id")
        .attribute("displayName", "name")
        .flow_type("displayName", FlowType::AttributeAddOnly)
        .attribute("jobTitle", "title")
        .condition("jobTitle", entrant::model::eq("rank", "officer"))
        .default_value("jobTitle", "Staff")
        .transform("jobTitle", "shout", 2, |value| Ok(value.to_string().to_uppercase().into()))
        .expression("immutableId", "Redact([number])")
        .expect("an expression")
        .condition("immutableId", entrant::model::eq("rank", "officer"))
        .generate_password()
        .match_on("employeeId");
    let ada = person("1").with("title", "Countess").with("number", "Zebra").with("rank", "officer");
    let world = World::new([ada]);
    let job = world.scoped_job(mapping);
    let told = job.explain("1").await.expect("an explanation").remove(0).to_string();
    let title = r#"  jobTitle ← [title]
    [title] = "Countess"
    "COUNTESS"
    on create "COUNTESS", on update "COUNTESS"
    (only if rank eq "officer": it does; transform shout v2; default value "Staff" on create; null is skipped on update; compared exactly)
"#;
    assert!(told.contains(title), "{told}");
    assert!(told.contains("(only if its condition holds: it does; null is skipped"), "{told}");
    assert!(told.contains("on create \"Person 1\", on update \"Person 1\"\n    (flow type AttributeAddOnly"), "{told}");
    _ = job.run(Run::full(), Apply::new()).await.expect("a run");
    world.hr.set(&ObjectId::user("1"), "name", "Ada");
    world.hr.set(&ObjectId::user("1"), "rank", "none");
    let told = job.explain("1").await.expect("an explanation").remove(0).to_string();
    assert!(told.contains(r#"on create "Ada", on update untouched, now "Person 1""#), "he keeps what he has: {told}");
    let title = r#"    (leaves the attribute as it is)
    on create nothing, on update untouched, now "COUNTESS"
    (only if rank eq "officer": it does not; "#;
    assert!(told.contains(title), "{told}");
}

#[tokio::test]
async fn what_the_target_holds_stands_beside_and_who_is_out_of_scope_is_said() {
    let world = world();
    let job = job(&world);
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert!(!format!("{plan}{}", plan.to_json()).contains("Welcome"), "nor does the plan hold a part of a password");
    _ = job.apply(&plan, Apply::new()).await.expect("a report");
    world.hr.set(&ObjectId::user("1"), "nick", "Countess");
    let told = job.explain("1").await.expect("an explanation").remove(0);
    let text = told.to_string();
    assert!(text.contains(r#"on create "Countess", on update "Countess", now "Person 1""#), "{text}");
    assert!(text.contains("on update (redacted), now (redacted)"), "{text}");
    let other = job.explain("2").await.expect("an explanation").remove(0);
    assert!(other.to_string().starts_with("user 2 by mapping user: out of scope\n"), "{other}");
    let nick = other.attributes.iter().find(|attribute| attribute.attribute == "displayName").expect("a name");
    assert_eq!(nick.steps[0].gives, Told::Absent, "{other}");
    let nobody = job.explain("3").await.expect_err("nobody");
    assert_eq!(nobody.kind(), ErrorKind::NotFound);
}
