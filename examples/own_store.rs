//! An application's own user table as a source: what a host writes to bring its own store.

use entrant::adapters::Entra;
use entrant::connection::Connection;
use entrant::job::{Apply, Run};
use entrant::model::ObjectId;
use entrant::sim::Sim;
use entrant::store::{MemoryState, Query, Read};
use entrant::{Job, Mapping, Policy, Preferences, Record, Result, Source};
use futures::stream::{self, BoxStream, StreamExt};

/// A row of the application's own table.
#[derive(Debug, serde::Serialize)]
struct Account {
    id: u32,
    login: &'static str,
    name: &'static str,
}

#[derive(Debug)]
struct UserTable(Vec<Account>);

#[async_trait::async_trait]
impl Source for UserTable {
    fn name(&self) -> &str {
        "user table"
    }

    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        let class = query.class.clone();
        let rows = self.0.iter().map(move |row| {
            Record::from_serialize(ObjectId::new(class.clone(), row.id.to_string()), row).map(Read::Record)
        });
        // The end mark says that this was all: only then is anybody taken for gone.
        stream::iter(rows.chain([Ok(Read::complete())])).boxed()
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let sim = Sim::new(); // a tenant to try it on; leave out the transport for a real one
    let connection = Connection::builder(sim.tenant_id(), sim.client_id())
        .client_secret(sim.client_secret())
        .cloud(sim.cloud())
        .build()?;
    let entra = Entra::builder(connection).transport(sim.transport()).connect().await?;
    let people = [(1, "ada", "Ada Lovelace"), (2, "alan", "Alan Turing")];
    let table = UserTable(people.map(|(id, login, name)| Account { id, login, name }).into());
    let mapping = Mapping::users()
        .attribute("displayName", "name")
        .attribute("employeeId", "id")
        .attribute("mailNickname", "login")
        .expression("userPrincipalName", r#"Join("@", ToLower([login]), %Domain%)"#)?
        .generate_password()
        .match_on("employeeId");
    let passwords = entrant::adapters::PasswordFile::open(std::env::temp_dir().join("own_store-passwords.jsonl"))?;
    let job = Job::builder("staff")
        .source(table)
        .target(entra)
        .mapping(mapping)
        .policy(Policy::outbound(Preferences::default()))
        .passwords(passwords)
        .state(MemoryState::new())
        .build()?;
    let plan = job.plan(Run::full()).await?;
    print!("{plan}{}", job.apply(&plan, Apply::new()).await?);
    Ok(())
}
