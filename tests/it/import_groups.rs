//! Groups of a simulated tenant in a store of the host's, and both ways at once.

use std::time::Duration;

use entrant::adapters::{CsvTarget, JsonlTarget};
use entrant::job::{Apply, Report, Run, RunStatus};
use entrant::model::{AttributeSchema, Class, ObjectId, Schema};
use entrant::reconcile::{Guard, Winner};
use entrant::store::MemoryStore;
use entrant::{Job, Mapping, Policy, Preferences, Value};
use serde_json::{Value as Json, json};

use crate::flow_org::World;
use crate::job::org::{problems, texts};

/// A name, what makes it a group of its kind, and why its members are not written through Graph.
fn kinds() -> [(&'static str, Json, &'static str); 6] {
    [
        ("security", json!({}), ""),
        ("unified", json!({"groupTypes": ["Unified"], "mailEnabled": true, "securityEnabled": false}), ""),
        ("mail", json!({"mailEnabled": true, "securityEnabled": true}), "mail-enabled-group"),
        ("list", json!({"mailEnabled": true, "securityEnabled": false}), "mail-enabled-group"),
        ("dynamic", json!({"groupTypes": ["DynamicMembership"], "membershipRule": "x"}), "dynamic-membership"),
        ("synced", json!({"onPremisesSyncEnabled": true}), "directory-synced"),
    ]
}

struct Both {
    world: World,
    host: MemoryStore,
}

impl Both {
    fn new() -> Self {
        let world = World::new([], |builder| builder);
        for login in ["ada", "bo"] {
            world.sim.add_user(json!({"userPrincipalName": format!("{login}@contoso.com"), "displayName": login}));
        }
        for (name, extra, _) in kinds() {
            let mut group = json!({"displayName": name, "mailNickname": name, "members": ["ada@contoso.com"], "owners": ["bo@contoso.com"]});
            group.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
            world.sim.add_group(group);
        }
        let outer = world.sim.add_group(json!({"displayName": "outer", "mailNickname": "outer"}));
        world.sim.add_member(&outer, "security");
        let text = AttributeSchema::text;
        let host = MemoryStore::new("host")
            .with_schema(
                Schema::new(Class::USER)
                    .with("login", text().ignore_case().required().unique_in("login"))
                    .with("name", text())
                    .with_label("login"),
            )
            .with_schema(
                Schema::new(Class::GROUP)
                    .with("name", text().required())
                    .with("types", text().many())
                    .with("mail", text())
                    .with("members", AttributeSchema::reference(Class::USER).many())
                    .with("groups", AttributeSchema::reference(Class::GROUP).many())
                    .with("owners", AttributeSchema::reference(Class::USER).many())
                    .with_label("name"),
            )
            .with_clock(world.clock.clone());
        Self { world, host }
    }

    async fn import(&self) -> Job {
        Job::builder("import")
            .source(self.world.entra().await)
            .target(self.host.clone())
            .mapping(
                Mapping::users()
                    .attribute("login", "userPrincipalName")
                    .attribute("name", "displayName")
                    .match_on("login"),
            )
            .mapping(incoming())
            .policy(Policy::inbound(Winner::Source))
            .state(self.world.state.clone())
            .clock(self.world.clock.clone())
            .build()
            .expect("a job")
    }

    async fn export(&self) -> Job {
        Job::builder("export")
            .source(self.host.clone())
            .target(self.world.entra().await)
            .mapping(
                Mapping::users()
                    .attribute("userPrincipalName", "login")
                    .attribute("displayName", "name")
                    .match_on("userPrincipalName")
                    .policy(Policy::outbound(Preferences::default().without_create())),
            )
            .mapping(
                Mapping::groups()
                    .attribute("displayName", "name")
                    .attribute("mailNickname", "name")
                    .attribute("members", "members")
                    .attribute("memberGroups", "groups")
                    .attribute("owners", "owners")
                    .match_on("displayName"),
            )
            .policy(Policy::outbound(Preferences::default()))
            .state(self.world.state.clone())
            .clock(self.world.clock.clone())
            .build()
            .expect("a job")
    }

    async fn settle(&self, job: &Job) -> Report {
        let apply = Guard::ALL.iter().fold(Apply::new(), |apply, guard| apply.lift(*guard));
        let report = job.run(Run::full(), apply).await.expect("a report");
        self.world.clock.advance(Duration::from_secs(3600));
        report
    }

    /// What the host's group says of others, by the names of those.
    fn refers(&self, group: &str, attribute: &str) -> Vec<String> {
        let name_of = |id: &str| {
            let records = self.host.records();
            let record = records.iter().find(|record| &*record.id.id == id).expect("it is there");
            let name = record.get("login").or(record.get("name")).and_then(Value::as_text).expect("a name");
            name.to_owned()
        };
        let records = self.host.records();
        let group =
            records.iter().find(|record| record.id.class == Class::GROUP && record.get("name") == Some(&group.into()));
        let values = group.expect("it is there").get(attribute).map_or(&[][..], Value::as_slice);
        let mut names: Vec<_> = values.iter().filter_map(Value::as_text).map(name_of).collect();
        names.sort();
        names
    }

    fn id(&self, name: &str) -> ObjectId {
        let is_it = |own: &str, record: &entrant::Record| record.get(own) == Some(&name.into());
        let records = self.host.records();
        records
            .iter()
            .find(|record| is_it("login", record) || (record.id.class == Class::GROUP && is_it("name", record)))
            .expect("there")
            .id
            .clone()
    }
}

fn incoming() -> Mapping {
    Mapping::groups()
        .attribute("name", "displayName")
        .attribute("types", "groupTypes")
        .attribute("mail", "mail")
        .attribute("members", "members")
        .attribute("groups", "memberGroups")
        .attribute("owners", "owners")
        .match_on("name")
}

#[tokio::test]
async fn groups_of_every_kind_come_in_with_who_is_in_them() {
    let both = Both::new();
    let import = both.import().await;
    let report = both.settle(&import).await;
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    for (name, extra, _) in kinds() {
        assert_eq!(both.refers(name, "members"), ["ada@contoso.com"], "{name}");
        assert_eq!(both.refers(name, "owners"), ["bo@contoso.com"], "{name}");
        let types = both.host.record(&both.id(name)).expect("there").get("types").cloned();
        let types: Vec<_> =
            types.iter().flat_map(Value::as_slice).filter_map(Value::as_text).map(str::to_owned).collect();
        assert_eq!(json!(types), extra.get("groupTypes").cloned().unwrap_or(json!([])), "{name}");
    }
    assert_eq!(both.refers("outer", "groups"), ["security"]);
    let plan = import.plan(Run::full()).await.expect("a plan");
    assert!(plan.is_converged() && plan.entries().is_empty(), "{plan}");

    // Who comes and goes there comes and goes here; what the host added stays.
    both.world.sim.add_member("security", "bo@contoso.com");
    both.world.sim.remove_member("security", "ada@contoso.com");
    both.world.sim.remove_member("outer", "security");
    let list = both.id("list");
    both.host.set(&list, "members", texts(&[&both.id("ada@contoso.com").id, &both.id("bo@contoso.com").id]));
    _ = both.settle(&import).await;
    assert_eq!(both.refers("security", "members"), ["bo@contoso.com"]);
    assert_eq!(both.refers("outer", "groups"), [""; 0]);
    assert_eq!(both.refers("list", "members"), ["ada@contoso.com", "bo@contoso.com"]);
}

#[tokio::test]
async fn two_opposite_jobs_for_groups_do_not_echo() {
    let both = Both::new();
    let (import, export) = (both.import().await, both.export().await);
    for _ in 0..2 {
        _ = both.settle(&import).await;
        _ = both.settle(&export).await;
    }
    let before = (both.world.sim.audit().len(), both.host.writes());
    for job in [&import, &export, &import] {
        let plan = job.plan(Run::full()).await.expect("a plan");
        assert!(plan.is_converged(), "{plan}");
        _ = both.settle(job).await;
    }
    assert_eq!((both.world.sim.audit().len(), both.host.writes()), before, "both are quiet");

    // The host adds one to each group: Graph writes some of them, and of the others the plan says why not.
    let people = texts(&[&both.id("ada@contoso.com").id, &both.id("bo@contoso.com").id]);
    for (name, ..) in kinds() {
        both.host.set(&both.id(name), "members", people.clone());
    }
    let plan = export.plan(Run::full()).await.expect("a plan");
    for (name, _, rule) in kinds() {
        let said = problems(&plan, &both.id(name).id);
        assert_eq!(said.iter().any(|said| said.starts_with(rule)), !rule.is_empty(), "{name}: {said:?}\n{plan}");
    }
    _ = both.settle(&export).await;
    for (name, _, rule) in kinds() {
        assert_eq!(both.world.sim.members(name).len(), if rule.is_empty() { 2 } else { 1 }, "{name}");
    }
    let host = both.host.writes();
    _ = both.settle(&import).await;
    assert_eq!(both.host.writes(), host, "no echo");

    // Entra takes one out: he goes here, and nobody puts him back.
    both.world.sim.remove_member("security", "ada@contoso.com");
    _ = both.settle(&import).await;
    assert_eq!(both.refers("security", "members"), ["bo@contoso.com"]);
    let writes = both.world.sim.audit().len();
    _ = both.settle(&export).await;
    assert_eq!(both.world.sim.audit().len(), writes, "no echo");
    assert_eq!(both.world.sim.members("security").len(), 1);

    // A group that the host makes goes out once.
    both.host.push(
        entrant::Record::new(ObjectId::group("own"))
            .with("name", "own")
            .with("types", texts(&[]))
            .with("mail", Value::Null)
            .with("members", people)
            .with("groups", texts(&[]))
            .with("owners", texts(&[])),
    );
    _ = both.settle(&export).await;
    assert_eq!(both.world.sim.members("own").len(), 2);
    let count = both.host.records().len();
    _ = both.settle(&import).await;
    assert_eq!(both.host.records().len(), count, "it is known");
    assert!(export.plan(Run::full()).await.expect("a plan").is_converged());
}

#[tokio::test]
async fn groups_come_into_files() {
    let both = Both::new();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let text = AttributeSchema::text;
    // One store in two files: its name tells whose the people are that the groups name.
    let people = CsvTarget::builder(path("people.csv"))
        .name("files")
        .key("id")
        .attribute("login", text().ignore_case().unique_in("login"))
        .build()
        .expect("a good file");
    let members = || AttributeSchema::reference(Class::USER).many();
    let table = CsvTarget::builder(path("groups.csv"))
        .name("files")
        .class(Class::GROUP)
        .key("id")
        .separator(';')
        .attribute("name", text())
        .attribute("members", members())
        .build()
        .expect("a good file");
    let lines = JsonlTarget::builder(path("groups.jsonl"))
        .name("files")
        .class(Class::GROUP)
        .attribute("name", text())
        .attribute("members", members())
        .attribute("groups", AttributeSchema::reference(Class::GROUP).many())
        .build()
        .expect("a good file");
    let entra = both.world.entra().await;
    let job = |name: &str, link_set: &str| {
        Job::builder(name)
            .source(entra.clone())
            .policy(Policy::inbound(Winner::Source))
            .state(both.world.state.clone())
            .link_set(link_set)
            .clock(both.world.clock.clone())
    };
    let users = || Mapping::users().attribute("login", "userPrincipalName").match_on("login");
    let groups = || Mapping::groups().attribute("name", "displayName").attribute("members", "members").match_on("name");
    for link_set in ["table", "lines"] {
        let report =
            both.settle(&job("people", link_set).target(people.clone()).mapping(users()).build().expect("a job")).await;
        assert_eq!(report.status, RunStatus::Complete, "{report}");
        let groups = match link_set {
            "table" => job("groups", link_set).target(table.clone()).mapping(groups()),
            _ => job("groups", link_set).target(lines.clone()).mapping(groups().attribute("groups", "memberGroups")),
        };
        let groups = groups.build().expect("a job");
        _ = both.settle(&groups).await;
        _ = both.settle(&groups).await;
        let plan = groups.plan(Run::full()).await.expect("a plan");
        assert!(plan.is_converged(), "{plan}");
    }
    let id_of = |login: &str| {
        let content = std::fs::read_to_string(path("people.csv")).expect("a file");
        let row = content.lines().find(|row| row.contains(login)).expect("a row").to_owned();
        row.split(',').next().expect("an id").to_owned()
    };
    let ada = id_of("ada@contoso.com");
    let table = std::fs::read_to_string(path("groups.csv")).expect("a file");
    assert_eq!(table.lines().filter(|row| row.ends_with(&format!(",{ada}"))).count(), 6, "{table}");
    let lines = std::fs::read_to_string(path("groups.jsonl")).expect("a file");
    assert_eq!(lines.matches(&format!(r#""members":["{ada}"]"#)).count(), 6, "{lines}");
    assert_eq!(lines.lines().filter(|line| line.contains(r#""groups":[""#)).count(), 1, "{lines}");
}
