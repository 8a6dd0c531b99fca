//! An application's own user table, in SQLite, as a source and as a target: all that a host writes to bring its own store.
//! It goes out to a tenant, and what changed there comes back; before that, the table is held against the contracts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use entrant::adapters::{Entra, PasswordFile};
use entrant::connection::Connection;
use entrant::job::{Apply, Run};
use entrant::model::{
    AttributeSchema, Attributes, Change, ChangeId, Class, Name, ObjectId, Operation, Origin, Schema, Written,
};
use entrant::reconcile::{Guard, Winner};
use entrant::sim::Sim;
use entrant::store::{BoxStream, Capabilities, GetSupport, Lookup, MemoryState, Query, Read};
use entrant::testing::{self, Sample};
use entrant::{
    Error, ErrorKind, Job, Mapping, Policy, Preferences, Record, Result, Source, Target, Value, async_trait,
};
use futures::stream::{self, StreamExt};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection as Database, params_from_iter};

#[derive(Debug, Clone)]
struct UserTable(Arc<Mutex<Database>>);

impl UserTable {
    fn open(people: &str) -> Result<Self> {
        let database = Database::open_in_memory().map_err(Error::store)?;
        let table =
            "CREATE TABLE person (id INTEGER PRIMARY KEY AUTOINCREMENT, login TEXT NOT NULL UNIQUE COLLATE NOCASE,
            name TEXT, title TEXT, active INTEGER NOT NULL DEFAULT 1)";
        database.execute_batch(&format!("{table}; {people}")).map_err(Error::store)?;
        Ok(Self(Arc::new(Mutex::new(database))))
    }

    /// Works on the database, on a thread that may block.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let Self(database) = self.clone();
        let work = move || work(&database.lock().unwrap_or_else(PoisonError::into_inner));
        // A value that is taken is a conflict of that person; all else is the table's own trouble.
        tokio::task::spawn_blocking(work).await.map_err(Error::store)?.map_err(|error| {
            match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::ConstraintViolation) => {
                    Error::new(ErrorKind::Conflict, "the table refuses the values").with_source(error)
                }
                _ => Error::store(error),
            }
        })
    }

    /// The people for whom `condition` holds. NULL is a value, and truth is 1 or 0 here.
    async fn select(&self, condition: String, values: Vec<String>) -> Result<Vec<Record>> {
        self.with(move |database| {
            let query = format!("SELECT id, login, name, title, active FROM person WHERE {condition}");
            let mut statement = database.prepare(&query)?;
            let people = statement.query_map(params_from_iter(values), |row| {
                let id: i64 = row.get(0)?;
                let record = Record::new(ObjectId::user(id.to_string())).with("id", id.to_string());
                let record = record.with("login", row.get::<_, String>(1)?).with("active", row.get::<_, bool>(4)?);
                let record = record.with("name", row.get::<_, Option<String>>(2)?);
                Ok(record
                    .with("title", row.get::<_, Option<String>>(3)?)
                    .with_origin(Origin::new(format!("person {id}"))))
            })?;
            people.collect()
        })
        .await
    }

    async fn write_one(&self, operation: Operation) -> Result<Written> {
        match operation {
            Operation::Create { attributes, .. } => {
                let (columns, values) = columns(&attributes)?;
                let marks = vec!["?"; columns.len()].join(", ");
                let insert = format!("INSERT INTO person ({}) VALUES ({marks}) RETURNING id", columns.join(", "));
                let made =
                    self.with(move |database| database.query_row(&insert, params_from_iter(values), |row| row.get(0)));
                Ok(Written::new(ObjectId::user(made.await.map(|id: i64| id.to_string())?)))
            }
            Operation::Update { id, attributes, .. } => {
                let (columns, mut values) = columns(&attributes)?;
                values.push(Sql::Text(id.id.to_string()));
                let update = format!("UPDATE person SET {} = ? WHERE id = ?", columns.join(" = ?, "));
                match self.with(move |database| database.execute(&update, params_from_iter(values))).await? {
                    0 => Err(Error::new(ErrorKind::NotFound, "nobody has this id").with_context("id", &id)),
                    _ => Ok(Written::new(id)),
                }
            }
            Operation::Delete { id } => {
                let key = id.id.to_string();
                self.with(move |database| database.execute("DELETE FROM person WHERE id = ?", [key])).await?;
                Ok(Written::new(id))
            }
            _ => Err(Error::new(ErrorKind::Unsupported, "the table has no such thing")),
        }
    }
}

/// The columns that are written; a job names none that the schema does not.
fn columns(attributes: &Attributes) -> Result<(Vec<String>, Vec<Sql>)> {
    let column = |(name, value): (&Name, &Value)| match value {
        Value::Null => Ok((name.to_string(), Sql::Null)),
        Value::Bool(truth) => Ok((name.to_string(), Sql::Integer((*truth).into()))),
        Value::Text(text) => Ok((name.to_string(), Sql::Text(text.to_string()))),
        _ => Err(Error::new(ErrorKind::Invalid, "the column holds text").with_context("column", name)),
    };
    attributes.iter().map(column).collect::<Result<Vec<_>>>().map(|columns| columns.into_iter().unzip())
}

#[async_trait]
impl Source for UserTable {
    fn name(&self) -> &str {
        "user table"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default().with_get(GetSupport::Authoritative).with_find()
    }

    async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        let asked = ids.iter().map(|id| self.select("id = ?".into(), vec![id.id.to_string()]));
        Ok(futures::future::try_join_all(asked).await?.into_iter().map(Lookup::from_found).collect())
    }

    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        let everybody = if query.class == Class::USER { "TRUE" } else { "FALSE" };
        Read::whole(self.select(everybody.into(), Vec::new()))
    }
}

#[async_trait]
impl Target for UserTable {
    fn schema(&self, class: &Class) -> Result<Arc<Schema>> {
        if *class != Class::USER {
            return Err(Error::new(ErrorKind::Unsupported, "the table has people only"));
        }
        let text = AttributeSchema::text;
        let schema = Schema::new(Class::USER).with("login", text().ignore_case().required().unique_in("login"));
        let schema = schema.with("name", text()).with("title", text()).with("active", AttributeSchema::boolean());
        Ok(Arc::new(schema.with_status("active").with_label("login")))
    }

    fn write<'a>(&'a self, changes: Vec<Change>) -> BoxStream<'a, (ChangeId, Result<Written>)> {
        stream::iter(changes).then(async |change| (change.id, self.write_one(change.operation).await)).boxed()
    }

    async fn find(&self, _people: &Class, attribute: &Name, values: &[Value]) -> Result<Vec<Record>> {
        let values: Vec<String> = values.iter().filter_map(Value::as_text).map(str::to_owned).collect();
        let marks = vec!["?"; values.len()].join(", ");
        self.select(format!("{attribute} IN ({marks})"), values).await
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let table = UserTable::open(
        "INSERT INTO person (login, name, title) VALUES ('ada', 'Ada Lovelace', 'Analyst'), ('alan', 'Alan Turing', NULL)",
    )?;
    // As a test of the host's would do. The second writes, and so takes a table of its own.
    let people = table.select("TRUE".into(), Vec::new()).await?;
    testing::records_suite(&table, &people).await?;
    let sample = Sample::new(Class::USER, "title", |n| {
        let login = (Name::from("login"), Value::text(format!("sample-{n}")));
        (Attributes::from_iter([login]), BTreeMap::new())
    });
    testing::target_suite(&UserTable::open("")?, &sample).await?;
    println!("The table keeps the contracts.\n");

    let sim = Sim::new(); // for a real tenant leave out the cloud and the transport
    let connection = Connection::builder(sim.tenant_id(), sim.client_id()).client_secret(sim.client_secret());
    let entra = Entra::builder(connection.cloud(sim.cloud()).build()?).transport(sim.transport()).connect().await?;
    let folder = tempfile::tempdir()?;
    let state = MemoryState::new(); // forgets who is whom when the program ends: in earnest a RedbState
    let out = Mapping::users()
        .attribute("displayName", "name")
        .attribute("employeeId", "id")
        .attribute("jobTitle", "title")
        .attribute("mailNickname", "login")
        .attribute("accountEnabled", "active")
        .expression("userPrincipalName", r#"Join("@", ToLower([login]), %Domain%)"#)?
        .generate_password()
        .match_on("employeeId");
    let job = Job::builder("staff")
        .source(table.clone())
        .target(entra.clone())
        .mapping(out)
        .policy(Policy::outbound(Preferences::default()))
        .passwords(PasswordFile::open(folder.path().join("passwords.jsonl"))?)
        .state(state.clone())
        .build()?;
    let plan = job.plan(Run::full()).await?;
    println!("{plan}{}", job.apply(&plan, Apply::new()).await?);

    sim.update_user("ada@contoso.com", serde_json::json!({"jobTitle": "Countess", "accountEnabled": false}));
    sim.add_user(serde_json::json!({"userPrincipalName": "grace@contoso.com", "displayName": "Grace Hopper"}));
    let back = Mapping::users()
        .expression("login", r#"Item(Split([userPrincipalName], "@"), 1)"#)?
        .attribute("name", "displayName")
        .attribute("title", "jobTitle")
        .attribute("active", "accountEnabled")
        .match_on("login");
    let import = Job::builder("import")
        .source(entra)
        .target(table.clone())
        .mapping(back)
        .policy(Policy::inbound(Winner::Source))
        .state(state)
        .build()?;
    // Two nights: the first takes over whom the table has already, which is allowed by name, and switches nobody off.
    for apply in [Apply::new().lift(Guard::Adopt), Apply::new()] {
        let plan = import.plan(Run::full()).await?;
        println!("{plan}{}", import.apply(&plan, apply).await?);
    }
    for person in table.select("TRUE".into(), Vec::new()).await? {
        println!("{}", serde_json::to_string(&person.attributes)?);
    }
    Ok(())
}
