//! The company: who works there, in which teams, with which products; and how that changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use entrant::model::{Class, ObjectId, Record};
use entrant::reconcile::days;
use entrant::store::{Capabilities, GetSupport, Lookup, Query, Read, Source};
use entrant::{Error, ErrorKind, Mapping, Policy, Preferences, Result, Value};
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::chance::Chance;

/// Products that have nothing to do with each other.
pub(crate) const PRODUCTS: [&str; 3] = ["ALPHA", "BETA", "GAMMA"];

const TITLES: [&str; 5] = ["Clerk", "Engineer", "Head", "O'Neil's \"deputy\"", "Größter Schüler"];
const COUNTRIES: [&str; 3] = ["DE", "IE", "GB"];

/// Someone in the HR store.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) login: String,
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) country: &'static str,
    pub(crate) active: bool,
    pub(crate) manager: Option<String>,
    pub(crate) products: BTreeSet<&'static str>,
}

/// A group in the HR store.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Team {
    pub(crate) id: String,
    pub(crate) members: BTreeSet<String>,
    pub(crate) nested: BTreeSet<String>,
}

impl Team {
    pub(crate) fn name(&self) -> String {
        format!("Team {}", self.id)
    }
}

/// All that HR knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Company {
    pub(crate) people: BTreeMap<String, Person>,
    pub(crate) teams: BTreeMap<String, Team>,
    /// Whoever was in it at any time.
    pub(crate) ever: BTreeSet<String>,
    /// Those who left, as they were: some come back.
    gone: BTreeMap<String, Person>,
    next: usize,
    names: usize,
}

impl Company {
    pub(crate) fn draw(people: usize, chance: &mut Chance) -> Self {
        let mut company = Self::default();
        for _ in 0..people.max(1) {
            company.join(chance);
        }
        for _ in 0..2 + people / 15 {
            let id = format!("t{}", company.teams.len());
            company.teams.insert(id.clone(), Team { id, members: BTreeSet::new(), nested: BTreeSet::new() });
        }
        let ids: Vec<String> = company.people.keys().cloned().collect();
        for team in company.teams.values_mut() {
            for _ in 0..chance.below(people / 3 + 2) {
                team.members.extend(chance.pick(&ids).cloned());
            }
        }
        company.nest(chance);
        for person in company.people.values_mut() {
            person.manager = chance.pick(&ids).filter(|id| **id != person.id).cloned();
        }
        company
    }

    fn join(&mut self, chance: &mut Chance) {
        self.next += 1;
        let id = format!("{}", 1000 + self.next);
        let person = Person {
            login: format!("p{id}"),
            name: format!("Person {id}"),
            title: chance.one(TITLES[0], &TITLES[1..]).to_owned(),
            country: chance.one(COUNTRIES[0], &COUNTRIES[1..]),
            active: !chance.happens(6),
            manager: None,
            products: some_products(chance),
            id: id.clone(),
        };
        self.ever.insert(id.clone());
        self.people.insert(id, person);
    }

    fn nest(&mut self, chance: &mut Chance) {
        let ids: Vec<String> = self.teams.keys().cloned().collect();
        if let (Some(outer), Some(inner)) = (chance.pick(&ids), chance.pick(&ids))
            && outer != inner
            && let Some(team) = self.teams.get_mut(outer)
            && !team.nested.remove(inner)
        {
            team.nested.insert(inner.clone());
        }
    }

    /// Some days' worth of joiners, movers and leavers.
    pub(crate) fn change(&mut self, deeds: usize, chance: &mut Chance) {
        for _ in 0..deeds {
            self.change_once(chance);
        }
    }

    fn change_once(&mut self, chance: &mut Chance) {
        let ids: Vec<String> = self.people.keys().cloned().collect();
        let teams: Vec<String> = self.teams.keys().cloned().collect();
        let Some(id) = chance.pick(&ids).cloned() else { return self.join(chance) };
        let other = chance.pick(&ids).filter(|other| **other != id).cloned();
        match chance.below(14) {
            0 | 1 => {
                self.join(chance);
                let ids: Vec<String> = self.people.keys().cloned().collect();
                let (new, team) = (ids.last().cloned(), chance.pick(&teams));
                if let (Some(new), Some(team)) = (new, team.and_then(|id| self.teams.get_mut(id))) {
                    team.members.insert(new);
                }
            }
            2 | 3 if ids.len() > 2 => self.leave(&id),
            4 => {
                let gone: Vec<String> = self.gone.keys().cloned().collect();
                if let Some(back) = chance.pick(&gone).and_then(|id| self.gone.remove(id)) {
                    self.people.insert(back.id.clone(), back);
                }
            }
            5 | 6 => self.edit(&id, |person| person.active = !person.active),
            7 => self.edit(&id, |person| person.manager = other),
            8 | 9 => {
                let products = some_products(chance);
                self.edit(&id, |person| person.products = products);
            }
            10 => {
                self.names += 1;
                let login = format!("n{}", self.names);
                self.edit(&id, |person| person.login = login);
            }
            11 | 12 => {
                if let Some(team) = chance.pick(&teams).and_then(|id| self.teams.get_mut(id))
                    && !team.members.remove(&id)
                {
                    team.members.insert(id);
                }
                if chance.happens(20) {
                    self.nest(chance);
                }
            }
            _ => {
                let title = chance.one(TITLES[0], &TITLES[1..]).to_owned();
                self.edit(&id, |person| person.title = title);
            }
        }
    }

    fn edit(&mut self, id: &str, change: impl FnOnce(&mut Person)) {
        if let Some(person) = self.people.get_mut(id) {
            change(person);
        }
    }

    /// Somebody is gone; whom he led gets no other manager, and no team lists him.
    fn leave(&mut self, id: &str) {
        if let Some(person) = self.people.remove(id) {
            self.gone.insert(id.to_owned(), Person { manager: None, ..person });
        }
        self.teams.values_mut().for_each(|team| _ = team.members.remove(id));
        for person in self.people.values_mut() {
            person.manager.take_if(|manager| manager == id);
        }
    }
}

fn some_products(chance: &mut Chance) -> BTreeSet<&'static str> {
    let some = chance.below(4);
    match some {
        0 => BTreeSet::new(),
        3 => PRODUCTS.into_iter().filter(|_| chance.happens(50)).collect(),
        _ => BTreeSet::from([chance.one(PRODUCTS[0], &PRODUCTS[1..])]),
    }
}

/// What the job is told to do, as far as histories differ in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) on_gone: OnGone,
    pub(crate) restores: bool,
}

/// What becomes of those who are gone from HR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnGone {
    Keep,
    Disable,
    DisableAndTakeProducts,
    Delete,
    DisableThenDelete,
}

/// How long after somebody is gone his account is deleted, with [`OnGone::DisableThenDelete`].
pub(crate) const GRACE_DAYS: u32 = 2;

impl Rules {
    pub(crate) fn draw(chance: &mut Chance) -> Self {
        use OnGone as G;
        let on_gone =
            chance.one(G::Disable, &[G::Keep, G::Disable, G::DisableAndTakeProducts, G::Delete, G::DisableThenDelete]);
        Self { on_gone, restores: chance.happens(60) }
    }

    pub(crate) fn policy(self) -> Policy {
        use entrant::reconcile::Leaver;
        let leaver = match self.on_gone {
            OnGone::Keep => Leaver::keep(),
            OnGone::Disable => Leaver::disable(),
            OnGone::DisableAndTakeProducts => Leaver::disable().then_remove_licenses(std::time::Duration::ZERO),
            OnGone::Delete => Leaver::delete(),
            OnGone::DisableThenDelete => Leaver::disable().then_delete(days(GRACE_DAYS)),
        };
        let preferences = Preferences::default().with_source_deleted(leaver);
        Policy::outbound(if self.restores { preferences.with_restore() } else { preferences })
    }
}

pub(crate) fn people_mapping() -> Result<Mapping> {
    Ok(Mapping::users()
        .attribute("displayName", "name")
        .attribute("employeeId", "id")
        .attribute("jobTitle", "title")
        .attribute("usageLocation", "country")
        .attribute("accountEnabled", "active")
        .attribute("mailNickname", "login")
        .expression("userPrincipalName", r#"Join("@", ToLower([login]), %Domain%)"#)?
        .attribute("manager", "manager")
        .attribute("skuId", "products")
        .generate_password()
        .match_on("employeeId"))
}

pub(crate) fn teams_mapping() -> Mapping {
    Mapping::groups()
        .attribute("displayName", "name")
        .attribute("mailNickname", "id")
        .attribute("members", "members")
        .attribute("memberGroups", "groups")
        .match_on("displayName")
}

/// The company as a store that may break off in the middle of a read.
#[derive(Debug, Clone)]
pub(crate) struct Hr {
    company: Arc<Mutex<Company>>,
    breaks_after: Option<usize>,
}

impl Hr {
    pub(crate) fn new(company: Company) -> Self {
        Self { company: Arc::new(Mutex::new(company)), breaks_after: None }
    }

    /// The same store, whose reads break off after so many records.
    pub(crate) fn breaking_after(&self, records: Option<usize>) -> Self {
        Self { breaks_after: records, ..self.clone() }
    }

    pub(crate) fn company(&self) -> MutexGuard<'_, Company> {
        self.company.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn records(&self, class: &Class) -> Vec<Record> {
        let company = self.company();
        if *class == Class::USER {
            company.people.values().map(record_of_person).collect()
        } else {
            company.teams.values().map(record_of_team).collect()
        }
    }
}

#[async_trait]
impl Source for Hr {
    fn name(&self) -> &str {
        "hr"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default().with_get(GetSupport::Authoritative)
    }

    async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        let company = self.company();
        let record = |id: &ObjectId| match id.class == Class::USER {
            true => company.people.get(&*id.id).map(record_of_person),
            false => company.teams.get(&*id.id).map(record_of_team),
        };
        Ok(ids.iter().map(|id| Lookup::from_found(record(id).into_iter().collect())).collect())
    }

    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        let records = self.records(&query.class);
        let whole = records.len();
        let mut steps: Vec<Result<Read>> = records.into_iter().map(|record| Ok(Read::Record(record))).collect();
        match self.breaks_after.map(|after| after % (whole + 1)) {
            None => steps.push(Ok(Read::complete())),
            Some(after) => {
                steps.truncate(after);
                // Each of the three ways to say that this was not all.
                match after % 3 {
                    0 => steps.push(Ok(Read::partial("the file is cut off"))),
                    1 => steps.push(Err(Error::new(ErrorKind::Store, "the database went away"))),
                    _ => {}
                }
            }
        }
        futures::stream::iter(steps).boxed()
    }
}

fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Value {
    Value::list(texts.into_iter().map(Value::text))
}

fn record_of_person(person: &Person) -> Record {
    Record::new(ObjectId::user(person.id.as_str()))
        .with("id", person.id.as_str())
        .with("login", person.login.as_str())
        .with("name", person.name.as_str())
        .with("title", person.title.as_str())
        .with("country", person.country)
        .with("active", person.active)
        .with("manager", person.manager.clone())
        .with("products", texts(person.products.iter().copied()))
}

fn record_of_team(team: &Team) -> Record {
    Record::new(ObjectId::group(team.id.as_str()))
        .with("id", team.id.as_str())
        .with("name", team.name())
        .with("members", texts(team.members.iter().map(String::as_str)))
        .with("groups", texts(team.nested.iter().map(String::as_str)))
}
