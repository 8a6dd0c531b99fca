//! An application's own user table as a source: all that a host writes to bring its own store.

use entrant::adapters::{Entra, PasswordFile};
use entrant::connection::Connection;
use entrant::job::{Apply, Run};
use entrant::model::ObjectId;
use entrant::sim::Sim;
use entrant::store::{MemoryState, Query, Read};
use entrant::{Job, Mapping, Policy, Preferences, Record, Result, Source};
use futures::stream::{self, BoxStream, StreamExt};

#[derive(Debug)]
struct Account(u32, &'static str, &'static str);

#[derive(Debug)]
struct UserTable(Vec<Account>);

impl Source for UserTable {
    fn name(&self) -> &str {
        "user table"
    }

    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        let class = query.class.clone();
        let rows = self.0.iter().map(move |Account(id, login, name)| {
            let record = Record::new(ObjectId::new(class.clone(), id.to_string()));
            Ok(Read::Record(record.with("id", id.to_string()).with("login", *login).with("name", *name)))
        });
        // The end mark says that this was all: only then is anybody taken for gone.
        stream::iter(rows.chain([Ok(Read::complete())])).boxed()
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let table = UserTable(vec![Account(1, "ada", "Ada Lovelace"), Account(2, "alan", "Alan Turing")]);
    let sim = Sim::new(); // for a real tenant leave out the cloud and the transport
    let connection = Connection::builder(sim.tenant_id(), sim.client_id()).client_secret(sim.client_secret());
    let entra = Entra::builder(connection.cloud(sim.cloud()).build()?).transport(sim.transport()).connect().await?;
    let mapping = Mapping::users()
        .attribute("displayName", "name")
        .attribute("employeeId", "id")
        .attribute("mailNickname", "login")
        .expression("userPrincipalName", r#"Join("@", ToLower([login]), %Domain%)"#)?
        .generate_password()
        .match_on("employeeId");
    let job = Job::builder("staff")
        .source(table)
        .target(entra)
        .mapping(mapping)
        .policy(Policy::outbound(Preferences::default()))
        .passwords(PasswordFile::open(std::env::temp_dir().join("own_store-passwords.jsonl"))?)
        .state(MemoryState::new())
        .build()?;
    let plan = job.plan(Run::full()).await?;
    print!("{plan}{}", job.apply(&plan, Apply::new()).await?);
    Ok(())
}
