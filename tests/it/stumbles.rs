//! What people get wrong first, and what they are told.

use entrant::adapters::{PasswordFile, RedbState};
use entrant::auth::{AccessToken, TokenContext, TokenCredential};
use entrant::connection::Connection;
use entrant::model::{Attributes, ObjectId};
use entrant::sim::Sim;
use entrant::store::{BoxStream, Query, Read, SourceExt};
use entrant::{Error, ErrorKind, Job, Record, Result, Source, Value, async_trait};

#[test]
fn a_job_without_anything_says_all_that_it_lacks() {
    for (name, begin) in [("", "the job cannot be built: it has no name; give it one with"), ("staff", "the job staff")]
    {
        let error = Job::builder(name).build().expect_err("it has nothing").to_string();
        assert!(error.starts_with(begin), "{error}");
        for lacking in [".source(…)", ".target(…)", ".mapping(…)", ".state(…)"] {
            assert!(error.contains(lacking), "{error}");
        }
    }
}

#[test]
fn a_folder_that_is_not_there_is_named_as_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("none").join("file");
    let state = RedbState::open(&path).expect_err("there is no folder").to_chain();
    let passwords = PasswordFile::open(&path).expect_err("there is no folder").to_chain();
    assert!(state.contains("folder is not there"), "{state}");
    assert!(passwords.contains("folder must be there"), "{passwords}");
}

/// A store that answers all at once, or fails.
#[derive(Debug)]
struct Table(Option<usize>);

impl Source for Table {
    fn name(&self) -> &str {
        "table"
    }

    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        let class = query.class.clone();
        let record = move |n: usize| Record::new(ObjectId::new(class.clone(), n.to_string()));
        Read::whole(async move {
            let rows = self.0.ok_or_else(|| Error::store("no such column: login"))?;
            Ok((0..rows).map(record).collect())
        })
    }
}

#[tokio::test]
async fn a_read_of_all_at_once_ends_by_itself_and_an_error_is_no_end() {
    let users = Query::all(entrant::model::Class::USER);
    for rows in [0, 3] {
        let (records, completeness) = Table(Some(rows)).collect(&users).await;
        assert_eq!((records.len(), completeness.is_complete()), (rows, true));
    }
    let (records, completeness) = Table(None).collect(&users).await;
    assert!(records.is_empty());
    assert!(format!("{completeness:?}").contains("the store failed: no such column: login"), "{completeness:?}");
}

#[test]
fn what_hosts_have_becomes_values_and_attributes_are_gone_through() {
    let name = "Ada".to_owned();
    let record = Record::new(ObjectId::user("7")).with("name", &name).with("level", 3_i32).with("room", 12_u32);
    let mut seen = Attributes::new();
    for (name, value) in &record.attributes {
        seen.insert(name.clone(), value.clone());
    }
    assert_eq!(seen, record.attributes);
    assert_eq!(record.get("name"), Some(&Value::text("Ada")));
    assert_eq!((record.get("level"), record.get("room")), (Some(&Value::Integer(3)), Some(&Value::Integer(12))));
}

/// A credential of a host's own, as it is written down at first: with no `Arc` around it.
#[derive(Debug)]
struct Sidecar(Sim);

#[async_trait]
impl TokenCredential for Sidecar {
    async fn token(&self, context: &TokenContext) -> Result<AccessToken> {
        let now = context.clock().now();
        let token = AccessToken::new(self.0.token()).with_expiry(now + std::time::Duration::from_secs(600));
        Ok(token.with_refresh(now + std::time::Duration::from_secs(300)))
    }
}

#[tokio::test]
async fn a_credential_of_ones_own_is_taken_and_a_simulated_tenant_without_its_transport_is_told() {
    let sim = Sim::new();
    let builder = || Connection::builder(sim.tenant_id(), sim.client_id()).cloud(sim.cloud());
    let connection = builder().credential(Sidecar(sim.clone())).build().expect("complete");
    entrant::adapters::Entra::builder(connection).transport(sim.transport()).connect().await.expect("it signs in");

    // As if the network were asked, where nobody knows such a host.
    sim.fail(entrant::sim::Fault::on("GET", "/").containing("openid-configuration").always().drop_before());
    let connection = builder().client_secret(sim.client_secret()).build().expect("complete");
    let lost = entrant::adapters::Entra::builder(connection).transport(sim.transport()).connect().await;
    let error = lost.expect_err("it is not reached");
    assert_eq!(error.kind(), ErrorKind::NotReady);
    assert!(error.to_chain().contains(".transport(sim.transport())"), "{}", error.to_chain());
}
