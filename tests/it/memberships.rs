//! Groups and their memberships from files, and several stores as one.

use std::path::PathBuf;

use async_trait::async_trait;
use entrant::adapters::{CsvMemberships, CsvSource};
use entrant::job::{Apply, Run};
use entrant::model::{AttributeSchema, Class, Completeness, Mutability, Name, ObjectId, Schema, eq};
use entrant::store::{
    Access, ByClass, Capabilities, GetSupport, Lookup, MemoryState, MemoryStore, Query, Read, SourceExt,
};
use entrant::{ErrorKind, Job, Mapping, Policy, Preferences, Record, Result, Source, Value};
use futures::StreamExt;
use futures::stream::BoxStream;
use tempfile::TempDir;

const GROUPS: &str = "GroupID,Name\nsales,Sales\nit,IT\nempty,Nobody\n";

/// Files of groups and of memberships.
struct Files(TempDir);

impl Files {
    fn new(groups: &str, members: &str) -> Self {
        let own = Self(tempfile::tempdir().expect("a directory"));
        std::fs::write(own.path("groups.csv"), groups).expect("written");
        std::fs::write(own.path("members.csv"), members).expect("written");
        own
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn groups(&self) -> CsvSource {
        CsvSource::builder(self.path("groups.csv")).name("hr").class(Class::GROUP).build().expect("a good header")
    }

    fn open(&self) -> Result<CsvMemberships> {
        CsvMemberships::open(self.groups(), self.path("members.csv"))
    }
}

fn whole() -> Query {
    Query::all(Class::GROUP)
}

/// A value in few words: `[a b]` for a list.
fn shown(value: Option<&Value>) -> String {
    match value {
        None => "absent".to_owned(),
        Some(Value::List(values)) => {
            let texts: Vec<_> = values.iter().map(|value| value.as_text().unwrap_or("?")).collect();
            format!("[{}]", texts.join(" "))
        }
        Some(other) => format!("{other:?}"),
    }
}

/// A group in one line, and what of it is partial.
fn line(record: &Record) -> String {
    let [members, groups, owners] = ["members", "groups", "owners"].map(|name| shown(record.get(name)));
    let mut line = format!("{}: {members} {groups} {owners}", record.id.id);
    for (name, reason) in &record.partial {
        line += &format!(" | {name}: {reason}");
    }
    line
}

/// All that a read yields, a line each.
async fn steps(source: &impl Source, query: &Query) -> Vec<String> {
    let steps = source.read(query).map(|step| match step {
        Ok(Read::Record(record)) => line(&record),
        Ok(Read::Unreadable { id, origin, reason }) => format!("{id} ({origin}): {reason}"),
        Ok(Read::End { completeness: Completeness::Complete, .. }) => "complete".to_owned(),
        Ok(Read::End { completeness: Completeness::Partial { reason }, .. }) => format!("partial: {reason}"),
        Ok(other) => format!("{other:?}"),
        Err(error) => format!("error: {}", error.to_string().split(" (").next().unwrap_or_default()),
    });
    steps.collect().await
}

/// What `get` says of each of these groups; it must be what `read` says.
async fn looked_up(source: &impl Source, ids: &[&str]) -> Result<Vec<String>> {
    let ids: Vec<_> = ids.iter().map(|id| ObjectId::group(*id)).collect();
    let answers = source.get(&ids).await?;
    let shown = answers.iter().map(|answer| match answer {
        Lookup::One(record) => line(record),
        other => format!("{other:?}"),
    });
    Ok(shown.collect())
}

#[tokio::test]
async fn groups_get_their_memberships() {
    #[rustfmt::skip]
    let table: &[(&str, &[&str], &str)] = &[
        ("groupId,memberId\nsales,2\nit,1\nsales,1\nsales,2\n",
         &["sales: [2 1] [] []", "it: [1] [] []", "empty: [] [] []", "complete"], "twice counts once, in order of appearance"),
        ("Group ID,Worker_ID,Kind,Since\nsales,1,,x\nsales,it,Group,\nsales,1,OWNER,\nsales,3, user ,\nit,9,member,\n",
         &["sales: [1 3] [it] [1]", "it: [9] [] []", "empty: [] [] []", "complete"], "kinds, and a column that is nobody's"),
        ("group,groupId,user,userId\nSales,sales,Ada,1\n",
         &["sales: [1] [] []", "it: [] [] []", "empty: [] [] []", "complete"], "ids before names"),
        ("group,member\n\"sales\",\"a/../b%2F\"\nsales,\"O'Neil, \"\"Shaq\"\"\nZoë 🦀\"\nsales, 1\nSales,2\n",
         &["sales: [a/../b%2F O'Neil, \"Shaq\"\nZoë 🦀  1] [] []", "it: [] [] []", "empty: [] [] []",
           "group:Sales (row 6 of members.csv): the row names a group that is not among the groups",
           "partial: members.csv: row 6 names \"Sales\", which is not among the groups"], "ids are taken as they are"),
        ("group,member\nit,1\nb,1\na,1\nb,2\n",
         &["sales: [] [] []", "it: [1] [] []", "empty: [] [] []",
           "group:b (row 3 of members.csv): the row names a group that is not among the groups",
           "group:a (row 4 of members.csv): the row names a group that is not among the groups",
           "partial: members.csv: row 3 names \"b\", which is not among the groups; row 4 names \"a\", which is not among the groups"],
         "strangers, each once"),
    ];
    for (members, expected, why) in table {
        let files = Files::new(GROUPS, members);
        let source = files.open().expect(why);
        assert_eq!(steps(&source, &whole()).await, *expected, "{why}");
        assert_eq!(looked_up(&source, &["sales", "it", "empty"]).await.expect(why), expected[..3], "{why}");
    }
}

#[tokio::test]
async fn a_file_without_rows_is_believed_only_if_that_is_allowed() {
    let files = Files::new(GROUPS, "group,member\n");
    let source = files.open().expect("a header");
    let said = steps(&source, &whole()).await;
    assert!(said[3].contains("members.csv has no membership; allow it to be empty if that is true"), "{said:?}");
    assert!(said[0].contains(" | members: "), "nobody is taken out: {said:?}");
    let allowed = steps(&source.allow_empty(), &whole()).await;
    assert_eq!(allowed, ["sales: [] [] []", "it: [] [] []", "empty: [] [] []", "complete"]);
}

#[tokio::test]
async fn rows_that_cannot_be_read_make_partial_what_they_may_have_been() {
    #[rustfmt::skip]
    let table: &[(&str, &[&str], &str)] = &[
        ("group,member,type\nsales,1,\nsales,,\nsales,,owner\n",
         &["sales: [1] [] [] | members: members.csv: row 3 has no member | owners: members.csv: row 4 has no member",
           "it: [] [] []", "empty: [] [] []",
           "partial: members.csv: row 3 has no member; row 4 has no member"], "no member: that attribute"),
        ("group,member,type\nit,1,robot\n",
         &["sales: [] [] []",
           "it: [] [] [] | groups: members.csv: row 2 says \"robot\", which is none of user, group, owner \
            | members: members.csv: row 2 says \"robot\", which is none of user, group, owner \
            | owners: members.csv: row 2 says \"robot\", which is none of user, group, owner",
           "empty: [] [] []",
           "partial: members.csv: row 2 says \"robot\", which is none of user, group, owner"], "a kind that is none: all three"),
        ("group,member,type\nit,1\n",
         &["sales: [] [] []",
           "it: [] [] [] | groups: members.csv: row 2 has 2 fields instead of 3 \
            | members: members.csv: row 2 has 2 fields instead of 3 | owners: members.csv: row 2 has 2 fields instead of 3",
           "empty: [] [] []", "partial: members.csv: row 2 has 2 fields instead of 3"], "too few fields: all three"),
        ("group,member\nit\nit,2\n",
         &["sales: [] [] [] | groups: members.csv: row 2 has 1 field instead of 2 \
            | members: members.csv: row 2 has 1 field instead of 2 | owners: members.csv: row 2 has 1 field instead of 2",
           "it: [2] [] [] | groups: members.csv: row 2 has 1 field instead of 2 \
            | members: members.csv: row 2 has 1 field instead of 2 | owners: members.csv: row 2 has 1 field instead of 2",
           "empty: [] [] [] | groups: members.csv: row 2 has 1 field instead of 2 \
            | members: members.csv: row 2 has 1 field instead of 2 | owners: members.csv: row 2 has 1 field instead of 2",
           "partial: members.csv: row 2 has 1 field instead of 2"], "a group that may be cut off: all groups"),
    ];
    for (members, expected, why) in table {
        let files = Files::new(GROUPS, members);
        let source = files.open().expect(why);
        assert_eq!(steps(&source, &whole()).await, *expected, "{why}");
        assert_eq!(looked_up(&source, &["sales", "it", "empty"]).await.expect(why), expected[..3], "{why}");
    }
    let broken = "sales\n".repeat(1_000);
    let files = Files::new(GROUPS, &format!("group,member\n{broken}"));
    let (records, _) = files.open().expect("a good header").collect(&whole()).await;
    let reason = &records[0].partial["members"];
    assert!(reason.ends_with("row 11 has 1 field instead of 2; and 990 more rows"), "{reason}");
}

#[tokio::test]
async fn a_file_of_memberships_that_breaks_off_makes_all_partial() {
    let files = Files::new(GROUPS, "group,member\nsales,1\n");
    let source = files.open().expect("a good header");
    let all_partial = async |source: &CsvMemberships, reason: &str| {
        let (records, completeness) = source.collect(&whole()).await;
        assert_eq!(records.len(), 3, "{reason}");
        for record in records {
            for name in ["members", "groups", "owners"] {
                let own = record.partial.get(name).unwrap_or_else(|| panic!("{name} of {} is not partial", record.id));
                assert!(own.contains(reason), "{own}");
            }
        }
        assert!(format!("{completeness:?}").contains(reason), "{completeness:?}");
    };
    std::fs::write(files.path("members.csv"), "group,mebmer\nsales,1\n").expect("written");
    all_partial(&source, "no column is the member's id: call it memberId; there are group, mebmer").await;
    std::fs::write(files.path("members.csv"), "group,member\nsales,\"1\n").expect("written");
    all_partial(&source, "row 2 has a quote that is never closed").await;
    std::fs::write(files.path("members.csv"), "").expect("written");
    all_partial(&source, "the file is empty").await;
    std::fs::remove_file(files.path("members.csv")).expect("removed");
    all_partial(&source, "cannot open the file").await;
    // What the groups lack themselves is said beside it.
    std::fs::write(files.path("groups.csv"), "GroupID,Name\nsales\n").expect("written");
    let seen = steps(&source, &whole()).await;
    let last = seen.last().expect("an end");
    assert!(last.contains("groups.csv: row 2 has 1 field") && last.contains("cannot open the file"), "{last}");
}

#[tokio::test]
async fn a_group_that_memberships_name_is_not_gone() {
    let files =
        Files::new("GroupID,Name\nsales,Sales\nsales,Twin\nbad,x,y\n", "group,member\nsales,1\nbad,1\ngone,1\n");
    let source = files.open().expect("a good header");
    assert_eq!(
        steps(&source, &whole()).await,
        [
            "sales: [1] [] []",
            "sales: [1] [] []",
            "group:bad (row 4 of groups.csv): the row has 3 fields instead of 2",
            "group:gone (row 4 of members.csv): the row names a group that is not among the groups",
            "partial: groups.csv: row 4 has 3 fields instead of 2; \
             members.csv: row 4 names \"gone\", which is not among the groups",
        ]
    );
    std::fs::write(files.path("groups.csv"), "GroupID,Name\nsales,Sales\nsales,Twin\n").expect("written");
    let ids = [ObjectId::group("sales"), ObjectId::group("never")];
    let answers = source.get(&ids).await.expect("nobody names the second");
    assert!(matches!(&answers[0], Lookup::Many(twins) if twins.iter().all(|twin| line(twin) == "sales: [1] [] []")));
    assert_eq!(answers[1], Lookup::None);
    let error = looked_up(&source, &["gone"]).await.expect_err("it is named");
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.to_string().contains("row 4 of members.csv"), "{error}");
}

#[tokio::test]
async fn a_filter_or_a_selection_makes_no_strangers() {
    let files = Files::new(GROUPS, "group,member\nsales,1\nit,2\n");
    let memory = MemoryStore::new("groups")
        .with_records(["sales", "it"].map(|id| Record::new(ObjectId::group(id)).with("name", id).with("note", "x")));
    let source = CsvMemberships::open(memory, files.path("members.csv")).expect("a good header");
    let filtered = whole().with_filter(eq("name", "it"));
    assert_eq!(steps(&source, &filtered).await, ["sales: [1] [] []", "it: [2] [] []", "complete"]);
    let selected = whole().with_select(["name", "members"].map(Name::from_static));
    let (records, _) = source.collect(&selected).await;
    assert_eq!((records[0].get("note"), shown(records[0].get("members"))), (None, "[1]".to_owned()));
    let (people, completeness) = source.collect(&Query::all(Class::USER)).await;
    assert!(people.is_empty() && completeness.is_complete(), "other classes pass through");
}

#[tokio::test]
async fn memberships_of_a_groups_own_are_an_error() {
    let files = Files::new("GroupID,owners\nsales,1\nit,2\n", "group,member\nsales,1\nit,2\n");
    let source = files.open().expect("a good header");
    let message = "error: the group has owners of its own beside its memberships; call that attribute otherwise";
    assert_eq!(steps(&source, &whole()).await, [message], "and no end mark, so that nobody is gone");
    let error = looked_up(&source, &["it"]).await.expect_err("the same");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("row 3 of groups.csv"), "{error}");
}

#[test]
fn a_header_says_which_column_is_what_or_is_refused() {
    for (header, message) in [
        ("member", "no column is the group's id: call it groupId; there are member"),
        ("group,name", "no column is the member's id: call it memberId; there are group, name"),
        ("group,UserID,WorkerID", "UserID and WorkerID may both be the member's id; leave one out"),
        ("group,user,member", "user and member may both be the member's id; leave one out"),
        ("groupName,group,member", "groupName and group may both be the group's id; leave one out"),
        ("group,member,type,role", "type and role may both be what the member is; leave one out"),
        ("group,member,group", "two columns are called group"),
        ("", "the file is empty"),
    ] {
        let files = Files::new(GROUPS, header);
        let error = files.open().expect_err(message);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().starts_with(message) && error.to_string().contains("members.csv"), "{error}");
    }
    let files = Files::new(GROUPS, "group,member\n");
    let error = CsvMemberships::open(files.groups(), files.path("nothing.csv")).expect_err("no file");
    assert_eq!(error.kind(), ErrorKind::Store);
}

#[tokio::test]
async fn a_million_memberships_are_workable() {
    use std::fmt::Write as _;

    let (groups, each) = (1_000, if cfg!(debug_assertions) { 50 } else { 1_000 });
    let mut text = String::from("groupId,memberId\n");
    // Debug builds take a part of the million. The members of all groups by turns, so that no group's rows stand together.
    for member in 0..each {
        for group in 0..groups {
            writeln!(text, "g{group},{}", group * 7 + member).expect("memory");
        }
    }
    let rows: String = (0..groups).map(|group| format!("g{group},Group {group}\n")).collect();
    let files = Files::new(&format!("GroupID,Name\n{rows}"), &text);
    let source = files.open().expect("a good header");
    let start = std::time::Instant::now();
    let (records, completeness) = source.collect(&whole()).await;
    println!("{} memberships in {:?}", groups * each, start.elapsed());
    assert!(completeness.is_complete());
    for (group, record) in records.iter().enumerate() {
        let mut expected: Vec<Value> = (0..each).map(|member| (group * 7 + member).to_string().into()).collect();
        let mut members = record.get("members").expect("an attribute").as_slice().to_vec();
        expected.sort();
        members.sort();
        assert!(members == expected, "{}", record.id);
    }
}

fn store(name: &'static str, class: Class, ids: &[&str]) -> MemoryStore {
    MemoryStore::new(name)
        .with_records(ids.iter().map(|id| Record::new(ObjectId::new(class.clone(), *id)).with("in", name)))
}

#[tokio::test]
async fn several_stores_are_one() {
    let people = store("people", Class::USER, &["1", "2"]);
    // What is not of its class is not looked at.
    people.push(Record::new(ObjectId::group("1")).with("in", "people"));
    let groups = store("groups", Class::GROUP, &["1"]).with_read_partial("the cable was pulled");
    let both = ByClass::new("hr").with(Class::USER, people).with(Class::GROUP, groups);
    assert_eq!(both.name(), "hr");
    let (records, completeness) = both.collect(&Query::all(Class::USER)).await;
    assert!(records.len() == 2 && completeness.is_complete(), "each class has its own end");
    let (records, completeness) = both.collect(&whole()).await;
    assert_eq!((records.len(), records[0].get("in")), (1, Some(&"groups".into())));
    assert!(!completeness.is_complete());

    let ids = [
        ObjectId::group("1"),
        ObjectId::user("2"),
        ObjectId::group("9"),
        ObjectId::user("9"),
        ObjectId::user("1"),
        ObjectId::group("1"),
    ];
    let answers = both.get(&ids).await.expect("both can");
    let seen: Vec<_> = answers
        .iter()
        .map(|answer| match answer {
            Lookup::One(record) => format!("{} in {:?}", record.id, shown(record.get("in"))),
            other => format!("{other:?}"),
        })
        .collect();
    let (one, two) = (r#"group:1 in "\"groups\"""#, r#"user:2 in "\"people\"""#);
    assert_eq!(seen, [one, two, "None", "None", r#"user:1 in "\"people\"""#, one]);

    let device = Class::new("device");
    let error = both.get(&[ObjectId::user("1"), ObjectId::new(device.clone(), "1")]).await.expect_err("no such class");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().starts_with("no store is given for the class device; there is one for user, group"));
    let (records, completeness) = both.collect(&Query::all(device)).await;
    assert!(records.is_empty() && !completeness.is_complete(), "nobody is gone");
    let twice = both.with(Class::GROUP, store("more", Class::GROUP, &[]));
    let error = twice.get(&[ObjectId::group("1")]).await.expect_err("which?");
    assert!(error.to_string().starts_with("two stores are given for the class group"), "{error}");
}

#[derive(Debug)]
struct Able(Capabilities);

#[async_trait]
impl Source for Able {
    fn name(&self) -> &str {
        "able"
    }

    fn capabilities(&self) -> Capabilities {
        self.0.clone()
    }

    async fn get(&self, _: &[ObjectId]) -> Result<Vec<Lookup>> {
        Ok(vec![Lookup::None])
    }

    fn read(&self, _: &Query) -> BoxStream<'_, Result<Read>> {
        futures::stream::empty().boxed()
    }
}

#[tokio::test]
async fn several_stores_can_do_what_all_can() {
    let can = |left: Capabilities, right: Capabilities| {
        ByClass::new("hr").with(Class::USER, Able(left)).with(Class::GROUP, Able(right)).capabilities()
    };
    let any = Capabilities::default;
    let authoritative = || any().with_get(GetSupport::Authoritative);
    let closed = || Access::Refused("closed for the day".into());
    for (left, right, expected) in [
        (authoritative(), authoritative(), authoritative()),
        (authoritative(), any().with_get(GetSupport::Found), any().with_get(GetSupport::Found)),
        (any(), authoritative(), any()),
        (any().with_absent_is_empty(), any(), any()),
        (any().with_absent_is_empty(), any().with_absent_is_empty(), any().with_absent_is_empty()),
        (any(), any().with_tenant("a"), any().with_tenant("a")),
        (any().with_tenant("b"), any().with_tenant("a"), any().with_tenant("a, b")),
        (any(), any().with_writes(closed()), any().with_writes(closed())),
        (any().with_find().with_recycle_bin(), any().with_find(), any()),
    ] {
        assert_eq!(can(left.clone(), right.clone()), expected, "{left:?} and {right:?}");
    }
    assert_eq!(ByClass::new("hr").capabilities(), any());
    let two = [ObjectId::user("1"), ObjectId::user("2")];
    let error = ByClass::new("hr").with(Class::USER, Able(any())).get(&two).await.expect_err("one answer for two");
    assert!(error.to_string().starts_with("the store gave 1 answers for 2 ids"), "{error}");
}

/// What a directory knows of people and groups, in little.
fn directory() -> MemoryStore {
    let text = AttributeSchema::text;
    let people = Schema::new(Class::USER)
        .with("displayName", text().required())
        .with("employeeId", text())
        .with("manager", AttributeSchema::reference(Class::USER))
        .with("password", text().secret().with_mutability(Mutability::CreateOnly));
    let groups = Schema::new(Class::GROUP)
        .with("displayName", text().required())
        .with("mailNickname", text().required())
        .with("uniqueName", text())
        .with("members", AttributeSchema::reference(Class::USER).many())
        .with("memberGroups", AttributeSchema::reference(Class::GROUP).many())
        .with("owners", AttributeSchema::reference(Class::USER).many());
    MemoryStore::new("directory").with_schema(people).with_schema(groups)
}

/// A job from a file of people, one of groups and one of memberships.
fn job(files: &Files, directory: &MemoryStore, state: &MemoryState) -> Job {
    let people = CsvSource::open(files.path("people.csv")).expect("a good header");
    let headers = ["WorkerID", "Name", "ManagerID"].map(String::from);
    let source = ByClass::new("hr").with(Class::USER, people).with(Class::GROUP, files.open().expect("a good header"));
    let mut mapping = Mapping::users();
    for (header, target) in Mapping::from_headers(&headers).recognised {
        mapping = mapping.attribute(target, header);
    }
    Job::builder("staff")
        .source(source)
        .target(directory.clone())
        .mapping(mapping.match_on("employeeId"))
        .mapping(Mapping::from_group_headers(&["GroupID", "Name"]).with_memberships().mapping)
        .policy(Policy::outbound(Preferences::default().without_disable()))
        .state(state.clone())
        .build()
        .expect("it fits")
}

/// The groups of a directory, their members by name.
fn held(directory: &MemoryStore) -> Vec<String> {
    let records = directory.records();
    let name = |id: &Value| {
        let found = records.iter().find(|record| Some(&*record.id.id) == id.as_text());
        shown(found.and_then(|record| record.get("displayName"))).trim_matches('"').to_owned()
    };
    let names = |record: &Record, attribute: &str| {
        let mut names: Vec<_> =
            record.get(attribute).map(|ids| ids.as_slice().iter().map(name).collect()).unwrap_or_default();
        names.sort();
        names.join(" ")
    };
    let groups = records.iter().filter(|record| record.id.class == Class::GROUP);
    let line = |record: &Record| {
        let [members, groups, owners] = ["members", "memberGroups", "owners"].map(|attribute| names(record, attribute));
        format!("{}: {members} | {groups} | {owners}", shown(record.get("displayName")).trim_matches('"'))
    };
    let mut lines: Vec<_> = groups.map(line).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn files_of_groups_and_memberships_reach_a_directory() {
    let members = "group,member,type\nsales,1,\nsales,2,\nall,sales,group\nsales,1,owner\n";
    let files = Files::new("GroupID,Name\nsales,Sales\nall,All\n", members);
    let write = |name: &str, text: &str| std::fs::write(files.path(name), text).expect("written");
    write("people.csv", "WorkerID,Name,ManagerID\n1,Ada,\n2,Bo,1\n");
    let (directory, state) = (directory(), MemoryState::new());
    let run = async || {
        let job = job(&files, &directory, &state);
        let plan = job.plan(Run::full()).await.expect("a plan");
        _ = job.apply(&plan, Apply::new()).await.expect("a report");
        plan
    };
    run().await;
    assert_eq!(held(&directory), ["All:  | Sales | ", "Sales: Ada Bo |  | Ada"]);
    let people: Vec<_> = directory.records().into_iter().filter(|record| record.id.class == Class::USER).collect();
    let ada = people.iter().find(|record| record.get("displayName") == Some(&"Ada".into())).expect("she is there");
    assert!(people.iter().any(|record| record.get("manager") == Some(&Value::text(&*ada.id.id))), "Bo has a manager");
    assert!(run().await.is_converged());

    // A row that cannot be read takes nobody out, and does not keep others from being added.
    write("people.csv", "WorkerID,Name,ManagerID\n1,Ada,\n2,Bo,1\n3,Cy,1\n");
    write("members.csv", "group,member,type\nsales,1,\nsales\nall,sales,group\nsales,1,owner\nsales,3,user\n");
    run().await;
    assert_eq!(held(&directory), ["All:  | Sales | ", "Sales: Ada Bo Cy |  | Ada"]);
    // Of a group whose rows can all be read.
    write("members.csv", "group,member,type\nsales,1,\nall,,user\nsales,1,owner\nsales,3,user\n");
    run().await;
    assert_eq!(held(&directory), ["All:  |  | ", "Sales: Ada Cy |  | Ada"], "of All only the members are in doubt");
    // A file that is gone takes nobody out.
    let job = job(&files, &directory, &state);
    std::fs::remove_file(files.path("members.csv")).expect("removed");
    let plan = job.plan(Run::full()).await.expect("a plan");
    assert!(plan.is_converged(), "{plan}");
    assert!(plan.to_string().contains("cannot open the file"), "{plan}");
}
