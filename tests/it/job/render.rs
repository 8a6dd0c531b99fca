//! What a plan looks like.

use entrant::Value;
use entrant::model::ObjectId;

use super::world::{World, account, person};

#[tokio::test]
async fn a_plan_reads_from_the_summary_to_the_entries() {
    let world = World::new([person("1"), person("2"), person("3").with("active", false), person("4"), person("4")]);
    _ = world.settled_run().await;
    world.directory.push(account("a", Some("9")));
    world.hr.set(&ObjectId::user("1"), "title", "Chief");
    world.hr.remove(&ObjectId::user("2"));
    world.hr.push(person("5").with("name", "A name that is far longer than twenty characters"));
    world.hr.push(person("6"));
    let plan = world.plan().await;
    insta::assert_snapshot!(plan.to_string().replace(plan.digest(), "…"), @r#"
    Plan of job staff, as of 2026-01-05 09:00 UTC
      read hr: 6 user objects, complete
      read directory: 3 user objects, complete

            1 create (1 more blocked)
            1 update
            1 disable
            1 report (nothing is changed)
            2 exception (need a person)
      found: confirmed 1, absent 3, duplicate 2, source-missing 1, unassigned 1

    Problems
      BLOCKED  [too-long] displayName `A name that is far longer than twenty characters`: 48 characters, and at most 20 are allowed: user 5 A name that is far longer than twenty characters
      ATTENTION [duplicate-id] 2 records share the id `4`; an id must be one object's alone (2 entries)
          user 4 (record 1) Person 4
          user 4 (record 2) Person 4

    Left as they are
      inactive, and create_inactive is off (1 entry)
          user 3 Person 3

    Entries
      update user 1 Person 1 [confirmed]
          jobTitle "Clerk" → "Chief"   ← [title]
      disable user 2 Person 2 [source-missing]
          active true → false   ← leaver: source-missing
          because not among the 6 records of a complete read, and not found when asked again by id
      create BLOCKED user 5 A name that is far longer than twenty characters [absent]
          active = true   ← [active]
          employeeId = "5"   ← [id]
          jobTitle = "Clerk"   ← [title]
          userPrincipalName = "p5@contoso.com"   ← [login]
          password = (secret)   ← generated
      create user 6 Person 6 [absent]
          active = true   ← [active]
          displayName = "Person 6"   ← [name]
          employeeId = "6"   ← [id]
          jobTitle = "Clerk"   ← [title]
          userPrincipalName = "p6@contoso.com"   ← [login]
          password = (secret)   ← generated

    Digest …
    "#);
}

#[tokio::test]
async fn a_hostile_name_does_not_rewrite_the_terminal() {
    let title = "\u{1b}[2J\u{202e}Eve\r\n  create people 1 [absent]";
    let world = World::new([person("1").with("name", "\u{1b}[2J\nEve").with("title", title), person("\u{7}2\n")]);
    let text = world.plan().await.to_string();
    let hostile = |character: &char| character.is_control() && *character != '\n';
    assert_eq!(text.chars().find(hostile), None, "{text:?}");
    assert!(!text.contains('\u{202e}'));
    assert_eq!(text.lines().filter(|line| line.starts_with("  create ")).count(), 2, "no line is forged:\n{text}");
    // The value itself is written as it is.
    _ = world.run().await;
    assert!(world.directory.records().iter().any(|record| record.get("jobTitle") == Some(&Value::text(title))));
}
