//! From an HR export to a tenant, and from there back into a file: for what is mapped both say the same.
//!
//! The people are made here, in the shape of an export as dirty as real ones are. With `ENTRANT_HR_FILE` the second
//! test takes a real one: `ENTRANT_HR_FILE=hr.csv cargo test --test it round_trip -- --ignored`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use entrant::adapters::{CsvSource, CsvTarget, Entra};
use entrant::clock::ManualClock;
use entrant::connection::Connection;
use entrant::job::{Apply, OutcomeKind, Run, RunStatus};
use entrant::mapping::OnNull;
use entrant::model::{AttributeSchema, Class};
use entrant::reconcile::{Action, Situation, Winner};
use entrant::sim::Sim;
use entrant::store::{MemoryState, Query, SourceExt};
use entrant::{Job, Mapping, Policy, Preferences, Record, Value};

use crate::job::world::Sink;

/// Columns of the export, and where they are in the tenant. Each goes there and comes back.
const COLUMNS: [(&str, &str); 16] = [
    ("WorkerID", "employeeId"),
    ("WorkerType", "employeeType"),
    ("UserID", "mailNickname"),
    ("FirstName", "givenName"),
    ("LastName", "surname"),
    ("FullName", "displayName"),
    ("Department", "department"),
    ("Division", "employeeOrgData.division"),
    ("CostCenter", "employeeOrgData.costCenter"),
    ("Company", "companyName"),
    ("Location", "officeLocation"),
    ("JobTitle", "jobTitle"),
    ("StreetAddress", "streetAddress"),
    ("City", "city"),
    ("OfficePhone", "mobilePhone"),
    ("ZipCode", "postalCode"),
];
const HEADER: &str = "WorkerID,WorkerStatus,WorkerType,UserID,FirstName,LastName,FullName,GenderPronoun,ManagerID,HireDate,\
                      OnLeave,Department,Division,CostCenter,Company,Location,JobTitle,StreetAddress,City,CountryCode,\
                      OfficePhone,Custom01,Custom02,ZipCode";

/// A thousand rows: ids that several people share, countries by codes that are none, managers who are nowhere, one who
/// manages himself, missing streets, names with all that a name may have.
fn export() -> String {
    const FIRST: [&str; 8] = ["Zoë", "O'Brian", "Jean-Luc", "李", "\"Bo\"\"b\"", "Ana María", "Þóra", "\"Mary, Jr.\""];
    const LAST: [&str; 7] = ["D'Arcy", "Müller", "van der Berg", "Smith", "Nuñez", "Ødegård", "É"];
    const COUNTRY: [&str; 5] = ["UK", "DE", "US", "UK", "FR"];
    let mut text = format!("{HEADER}\n");
    for row in 0..1_000_u32 {
        // Three in four have an id of their own; the others share theirs with one more.
        let id = if row % 4 == 3 { 2_000 + row / 8 } else { 1_000_000 + row };
        let pick = |of: &'static [&'static str]| of[row as usize % of.len()];
        let (first, last) = (pick(&FIRST), pick(&LAST));
        let bare = |name: &str| name.trim_matches('"').to_owned();
        let manager = if row == 5 { id } else { 1_000_000 + row * 7 % 1_600 };
        let street = if row % 6 == 0 { String::new() } else { format!("\"{row} Main St, #4\"") };
        let status = if row % 2 == 0 { "Active" } else { "Inactive" };
        writeln!(
            text,
            "{id},{status},Employee,EMP{id},{first},{last},\"{} {}\",THEY/THEM,{manager},20{:02}-0{}-11,False,\
             Dept {},Food,CC{row},Fabrikam,Europe,Clerk {},{street},Köln,{},555-01,T1,,{row:05}",
            bare(first),
            bare(last),
            row % 24,
            row % 9 + 1,
            row % 12,
            row % 30,
            pick(&COUNTRY),
        )
        .expect("a text can grow");
    }
    text
}

struct World {
    clock: ManualClock,
    sim: Sim,
    state: MemoryState,
    folder: tempfile::TempDir,
    export: PathBuf,
}

impl World {
    fn new(export: &str) -> Self {
        let clock = ManualClock::at(time::macros::datetime!(2026-01-05 08:00 UTC));
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("hr.csv");
        std::fs::write(&path, export).expect("written");
        Self {
            sim: Sim::builder().domain("contoso.com").clock(clock.clone()).build(),
            state: MemoryState::new().with_clock(clock.clone()),
            export: path,
            folder,
            clock,
        }
    }

    fn source(&self) -> CsvSource {
        CsvSource::builder(&self.export).key("WorkerID").name("hr").build().expect("a file")
    }

    fn back(&self) -> PathBuf {
        self.folder.path().join("back.csv")
    }

    fn target(&self) -> CsvTarget {
        let columns = COLUMNS.iter().filter(|(column, _)| *column != "WorkerID");
        let builder = CsvTarget::builder(self.back()).name("back").key("WorkerID");
        let builder = columns.fold(builder, |builder, (column, _)| builder.attribute(*column, AttributeSchema::text()));
        let builder = builder.attribute("CountryCode", AttributeSchema::text());
        builder.attribute("HireDate", AttributeSchema::text()).status("Active").build().expect("a good file")
    }

    async fn entra(&self) -> Entra {
        let connection = Connection::builder(self.sim.tenant_id(), self.sim.client_id())
            .client_secret(self.sim.client_secret())
            .cloud(self.sim.cloud())
            .build()
            .expect("a connection");
        let builder = Entra::builder(connection).transport(self.sim.transport()).clock(self.clock.clone());
        builder.connect().await.expect("the check passes")
    }

    async fn out(&self) -> Job {
        let mapping =
            COLUMNS.iter().fold(Mapping::users(), |mapping, (column, name)| mapping.attribute(*name, *column));
        let mapping = mapping
            .expression("userPrincipalName", r#"Join("@", ToLower([UserID]), %Domain%)"#)
            .expect("an expression")
            .attribute("usageLocation", "CountryCode")
            .expression("employeeHireDate", r#"FormatDateTime([HireDate], , "yyyy-MM-dd", "yyyy-MM-ddTHH:mm:ssZ")"#)
            .expect("an expression")
            .attribute("manager", "ManagerID")
            .closure("accountEnabled", "is-active", 1, |record| {
                Ok(record.get("WorkerStatus").map(|status| Value::Bool(*status == Value::text("Active"))))
            })
            .reads("accountEnabled", ["WorkerStatus"])
            .generate_password()
            .match_on("employeeId");
        Job::builder("out")
            .source(self.source())
            .target(self.entra().await)
            .mapping(mapping)
            .policy(Policy::outbound(Preferences::default().with_create_inactive()))
            .passwords(Sink::default())
            .state(self.state.clone())
            .clock(self.clock.clone())
            .build()
            .expect("a job")
    }

    async fn import(&self) -> Job {
        let mapping =
            COLUMNS.iter().fold(Mapping::users(), |mapping, (column, name)| mapping.attribute(*column, *name));
        let mapping = mapping
            .attribute("CountryCode", "usageLocation")
            .expression("HireDate", r#"FormatDateTime([employeeHireDate], , "yyyy-MM-ddTHH:mm:ssZ", "yyyy-MM-dd")"#)
            .expect("an expression")
            .attribute("Active", "accountEnabled")
            .on_null("CountryCode", OnNull::Clear)
            .match_on("WorkerID");
        Job::builder("import")
            .source(self.entra().await)
            .target(self.target())
            .mapping(mapping)
            .policy(Policy::inbound(Winner::Source))
            .state(self.state.clone())
            .clock(self.clock.clone())
            .build()
            .expect("a job")
    }
}

async fn rows(source: &CsvSource) -> BTreeMap<String, Vec<Record>> {
    let (records, completeness) = source.collect(&Query::all(Class::USER)).await;
    assert!(completeness.is_complete());
    let mut rows: BTreeMap<String, Vec<Record>> = BTreeMap::new();
    for record in records {
        rows.entry(record.id.id.to_string()).or_default().push(record);
    }
    rows
}

fn text(record: &Record, column: &str) -> String {
    record.get(column).filter(|value| !value.is_blank()).map(Value::to_string).unwrap_or_default()
}

/// Out and back: all whose id is theirs alone, and nobody else; value by value.
async fn round_trip(export: &str) {
    let world = World::new(export);
    let originals = rows(&world.source()).await;
    let alone: BTreeMap<&String, &Record> =
        originals.iter().filter(|(_, rows)| rows.len() == 1).map(|(id, rows)| (id, &rows[0])).collect();
    let shared: usize = originals.values().map(Vec::len).filter(|rows| *rows > 1).sum();
    assert!(alone.len() > 300 && shared > 100, "{} and {shared}", alone.len());

    let out = world.out().await;
    let report = out.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.count(Action::Create, OutcomeKind::Applied), alone.len() as u64, "{report}");
    assert_eq!(report.outcome(OutcomeKind::Failed), 0, "{report}");
    assert_eq!(report.status, RunStatus::NeedsAttention, "{report}");
    assert_eq!(report.situations[&Situation::Duplicate], shared as u64, "each row of a shared id is told");
    world.clock.advance(Duration::from_secs(3600));
    let again = out.plan(Run::full()).await.expect("a plan");
    assert!(again.is_converged(), "{again}");

    let import = world.import().await;
    let report = import.run(Run::full(), Apply::new()).await.expect("a report");
    assert_eq!(report.status, RunStatus::Complete, "{report}");
    world.clock.advance(Duration::from_secs(3600));
    let changes = world.sim.audit().len();
    let again = import.plan(Run::full()).await.expect("a plan");
    assert!(again.is_converged() && again.entries().is_empty(), "{again}");
    // And what came back is no news to the way out.
    let again = out.plan(Run::full()).await.expect("a plan");
    assert!(again.is_converged(), "{again}");
    assert_eq!(world.sim.audit().len(), changes);

    let back = rows(&CsvSource::builder(world.back()).key("WorkerID").name("back").build().expect("a file")).await;
    assert_eq!(back.keys().collect::<Vec<_>>(), alone.keys().copied().collect::<Vec<_>>());
    for (id, original) in alone {
        let [back] = back[id].as_slice() else { panic!("{id} is there twice") };
        for column in COLUMNS.iter().map(|(column, _)| *column).chain(["HireDate"]) {
            assert_eq!(text(back, column), text(original, column), "{column} of {id}");
        }
        let active = text(original, "WorkerStatus") == "Active";
        assert_eq!(text(back, "Active"), active.to_string(), "{id}");
        // What is no country is left out, and told; the person is there all the same.
        let country = text(original, "CountryCode");
        assert_eq!(text(back, "CountryCode"), if country == "UK" { String::new() } else { country }, "{id}");
    }
}

#[tokio::test]
async fn a_dirty_export_goes_out_and_comes_back_value_by_value() {
    round_trip(&export()).await;
}

#[tokio::test]
#[ignore = "needs ENTRANT_HR_FILE"]
async fn a_real_export_goes_out_and_comes_back_value_by_value() {
    let path = std::env::var("ENTRANT_HR_FILE").expect("ENTRANT_HR_FILE names the file");
    round_trip(&std::fs::read_to_string(Path::new(&path)).expect("a file")).await;
}
