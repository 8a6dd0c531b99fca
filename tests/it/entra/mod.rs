//! The Entra adapter and the connection, against the simulated tenant.

use std::collections::BTreeMap;

use entrant::adapters::Entra;
use entrant::clock::ManualClock;
use entrant::connection::{Connection, ConnectionBuilder};
use entrant::model::{Attributes, Change, ChangeId, Class, Name, ObjectId, Operation, Written};
use entrant::secret::Secret;
use entrant::sim::Sim;
use entrant::store::Target;
use entrant::{Result, Value};
use futures::StreamExt;
use time::macros::datetime;

mod changes;
mod chosen;
mod constraints;
mod groups;
mod licenses;
mod pushdown;
mod users;

pub(crate) fn clock() -> ManualClock {
    ManualClock::at(datetime!(2026-01-01 0:00 UTC))
}

pub(crate) fn sim(clock: &ManualClock) -> Sim {
    Sim::builder().domain("contoso.com").clock(clock.clone()).build()
}

pub(crate) fn connection(sim: &Sim) -> ConnectionBuilder {
    Connection::builder(sim.tenant_id(), sim.client_id()).client_secret(sim.client_secret()).cloud(sim.cloud())
}

pub(crate) async fn entra(sim: &Sim, clock: &ManualClock) -> Entra {
    Entra::builder(connection(sim).build().expect("complete"))
        .transport(sim.transport())
        .clock(clock.clone())
        .connect()
        .await
        .expect("the check passes")
}

pub(crate) async fn tenant() -> (Sim, Entra) {
    let clock = clock();
    let sim = sim(&clock);
    let entra = entra(&sim, &clock).await;
    (sim, entra)
}

pub(crate) fn attributes(pairs: &[(&str, Value)]) -> Attributes {
    pairs.iter().map(|(name, value)| (Name::from(*name), value.clone())).collect()
}

pub(crate) fn person(login: &str) -> Operation {
    let attributes = attributes(&[
        ("displayName", login.into()),
        ("mailNickname", "nick".into()),
        ("userPrincipalName", format!("{login}@contoso.com").into()),
    ]);
    Operation::Create {
        class: Class::USER,
        attributes,
        secrets: BTreeMap::from([("password".into(), Secret::new("Ge-heim-1234"))]),
    }
}

pub(crate) fn update(id: &str, pairs: &[(&str, Value)]) -> Operation {
    Operation::Update { id: ObjectId::user(id), attributes: attributes(pairs), secrets: BTreeMap::new() }
}

pub(crate) async fn write(entra: &Entra, operations: Vec<Operation>) -> Vec<Result<Written>> {
    let changes = (0..).zip(operations).map(|(number, operation)| Change::new(ChangeId::new(number), operation));
    let mut answers: Vec<_> = entra.write(changes.collect()).collect().await;
    answers.sort_by_key(|(id, _)| *id);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

pub(crate) async fn write_one(entra: &Entra, operation: Operation) -> Result<ObjectId> {
    write(entra, vec![operation]).await.remove(0).map(|written| written.id)
}
