//! An organisation with managers, groups and licences: an HR store, a directory, and a job between them.

use std::sync::Arc;
use std::time::Duration;

use entrant::clock::ManualClock;
use entrant::job::{Apply, JobBuilder, Report, Run};
use entrant::mapping::Mapping;
use entrant::model::{AttributeSchema, Class, License, Mutability, Name, ObjectId, Schema};
use entrant::reconcile::{
    Constraints, Draft, DraftStep, Finding, Guard, Guards, Plan, Policy, Preferences, Product, ProductPlan, Products,
};
use entrant::store::{MemoryState, MemoryStore};
use entrant::{Job, Record, Value};

pub(crate) const E3: &str = "e3-id";
pub(crate) const E5: &str = "e5-id";
pub(crate) const F3: &str = "f3-id";
pub(crate) const PHONE: &str = "phone-id";
pub(crate) const OLD: &str = "old-id";

/// Two stores, a state and a clock, shared by all jobs of a test.
#[derive(Debug, Clone)]
pub(crate) struct Org {
    pub(crate) clock: ManualClock,
    pub(crate) hr: MemoryStore,
    pub(crate) directory: MemoryStore,
    pub(crate) state: MemoryState,
}

pub(crate) fn user_schema() -> Schema {
    Schema::new(Class::USER)
        .with("login", AttributeSchema::text().ignore_case().required().renames().unique_in("login").swappable())
        .with("code", AttributeSchema::text().unique_in("code"))
        .with("employeeId", AttributeSchema::text())
        .with("title", AttributeSchema::text())
        .with("location", AttributeSchema::text())
        .with("active", AttributeSchema::boolean().not_nullable())
        .with("manager", AttributeSchema::reference(Class::USER))
        .with("skuId", AttributeSchema::text().ignore_case().many())
        .with("disabledPlans", AttributeSchema::text().ignore_case().many().with_mutability(Mutability::WriteOnly))
        .with("created", AttributeSchema::new(entrant::model::Kind::DateTime).with_mutability(Mutability::ReadOnly))
        .with_status("active")
        .with_created_at("created")
        .with_label("login")
        .with_licenses("skuId", "disabledPlans")
}

pub(crate) fn group_schema() -> Schema {
    Schema::new(Class::GROUP)
        .with("name", AttributeSchema::text().required().unique_in("name"))
        .with("code", AttributeSchema::text().unique_in("code"))
        .with("dynamic", AttributeSchema::boolean())
        .with("members", AttributeSchema::reference(Class::USER).many())
        .with("memberGroups", AttributeSchema::reference(Class::GROUP).many())
        .with("owners", AttributeSchema::reference(Class::USER).many())
        .with_label("name")
}

pub(crate) fn users() -> Mapping {
    Mapping::users()
        .attribute("login", "login")
        .attribute("employeeId", "id")
        .attribute("title", "title")
        .attribute("location", "location")
        .attribute("active", "active")
        .attribute("manager", "manager")
        .attribute("skuId", "sku")
        .attribute("disabledPlans", "without")
        .match_on("employeeId")
        .scope(entrant::model::ne("kind", "external"))
}

pub(crate) fn groups() -> Mapping {
    Mapping::groups()
        .attribute("name", "name")
        .attribute("members", "members")
        .attribute("memberGroups", "groups")
        .attribute("owners", "owners")
        .match_on("name")
}

pub(crate) fn person(id: &str) -> Record {
    Record::new(ObjectId::user(id))
        .with("id", id)
        .with("login", format!("p{id}@contoso.com"))
        .with("title", "Clerk")
        .with("location", "DE")
        .with("kind", "staff")
        .with("active", true)
        .with("manager", Value::Null)
        .with("sku", Value::Null)
        .with("without", Value::Null)
}

pub(crate) fn group(id: &str, members: &[&str]) -> Record {
    Record::new(ObjectId::group(id))
        .with("name", format!("Group {id}"))
        .with("members", texts(members))
        .with("groups", texts(&[]))
        .with("owners", texts(&[]))
}

pub(crate) fn texts(values: &[&str]) -> Value {
    Value::list(values.iter().map(|value| Value::text(*value)))
}

/// An account as someone else made it.
pub(crate) fn account(id: &str, employee: &str) -> Record {
    Record::new(ObjectId::user(id))
        .with("login", format!("p{employee}@contoso.com"))
        .with("employeeId", employee)
        .with("title", "Clerk")
        .with("location", "DE")
        .with("active", true)
        .with("manager", Value::Null)
        .with("skuId", texts(&[]))
        .with("created", "2020-01-01T00:00:00Z")
}

pub(crate) fn held(licenses: &[License]) -> Value {
    Value::list(licenses.iter().map(License::to_value))
}

/// What the directory forbids: seats, plans that do not go together, groups that take no members by hand.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) products: Products,
}

impl Rules {
    /// As many seats as given for E3, E5 and F3, whose mail plans exclude each other; a phone plan that needs E5's.
    pub(crate) fn seats(e3: Option<u64>, e5: Option<u64>, f3: Option<u64>) -> Self {
        let mail = |own: &str| {
            let others = ["mail-e3", "mail-e5", "mail-f3"].into_iter().filter(|other| *other != own);
            others.fold(ProductPlan::new(own, own.to_uppercase()), |plan, other| plan.excludes(other))
        };
        let products = Products::new([
            Product::new(E3, "E3", e3).with_plan(mail("mail-e3")).with_plan(ProductPlan::new("chat", "CHAT")),
            Product::new(E5, "E5", e5).with_plan(mail("mail-e5")).with_plan(ProductPlan::new("voice", "VOICE")),
            Product::new(F3, "F3", f3).with_plan(mail("mail-f3")),
            Product::new(PHONE, "PHONE", Some(9)).with_plan(ProductPlan::new("call", "CALL").requires("voice")),
            Product::new(OLD, "OLD", Some(9)).with_refusal("the subscription is suspended"),
        ]);
        Self { products }
    }
}

impl Constraints for Rules {
    fn check(&self, draft: &Draft<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let current = |name: &str| draft.current.and_then(|current| current.get(name));
        if draft.step == DraftStep::Elements {
            if current("dynamic") == Some(&Value::Bool(true)) {
                findings.push(Finding::attribute("members", "dynamic-membership", "a rule says who is in the group"));
            }
            let location = draft.attributes.get("location").or_else(|| current("location"));
            if draft.elements.iter().any(|name| name == "skuId") && location.is_none_or(Value::is_blank) {
                findings.push(Finding::attribute("skuId", "usage-location", "a licence needs a location"));
            }
        }
        if current("title") == Some(&"Admin".into()) && matches!(draft.step, DraftStep::Disable | DraftStep::Delete) {
            findings.push(Finding::privileged("role-holder", "holds the role Global Administrator"));
        }
        findings
    }

    fn reads(&self) -> Vec<Name> {
        ["dynamic", "location", "title"].map(Name::from).to_vec()
    }

    fn products(&self) -> Option<&Products> {
        Some(&self.products)
    }

    fn temporary(&self, id: &ObjectId, _: &Name, _: &Value) -> Option<Value> {
        Some(Value::text(format!("x{}@contoso.com", id.id)))
    }
}

impl Org {
    pub(crate) fn new(records: impl IntoIterator<Item = Record>) -> Self {
        let clock = ManualClock::at(time::macros::datetime!(2026-01-05 08:00 UTC));
        let directory = MemoryStore::new("directory")
            .with_schema(user_schema())
            .with_schema(group_schema())
            .with_clock(clock.clone())
            .with_constraints(Arc::new(Rules::seats(None, None, None)));
        let mut records: Vec<Record> = records.into_iter().collect();
        if !records.iter().any(|record| record.id.class == Class::GROUP) {
            // A class that is empty as a whole is taken for a fault.
            records.push(group("nobody", &[]));
        }
        Self {
            hr: MemoryStore::new("hr").with_records(records),
            directory,
            state: MemoryState::new().with_clock(clock.clone()),
            clock,
        }
    }

    /// With so many free seats of E3, E5 and F3, whatever is given and taken.
    pub(crate) fn seats(self, e3: Option<u64>, e5: Option<u64>, f3: Option<u64>) -> Self {
        let directory = self.directory.clone().with_constraints(Arc::new(Rules::seats(e3, e5, f3)));
        Self { directory, ..self }
    }

    pub(crate) fn builder(&self, users: Mapping, preferences: Preferences) -> JobBuilder {
        self.builder_of(users, groups(), preferences)
    }

    pub(crate) fn builder_of(&self, users: Mapping, groups: Mapping, preferences: Preferences) -> JobBuilder {
        Job::builder("staff")
            .source(self.hr.clone())
            .target(self.directory.clone())
            .mapping(users)
            .mapping(groups)
            .policy(Policy::outbound(preferences))
            .state(self.state.clone())
            .clock(self.clock.clone())
    }

    pub(crate) fn job(&self) -> Job {
        self.builder(users(), Preferences::default()).build().expect("the job is sound")
    }

    /// A job whose guards are out of the way.
    pub(crate) fn unguarded(&self, users: Mapping, groups: Mapping, preferences: Preferences) -> Job {
        self.builder_of(users, groups, preferences).guards(no_guards()).build().expect("the job is sound")
    }

    pub(crate) async fn plan(&self) -> Plan {
        plan(&self.job()).await
    }

    /// Runs the default job by hand, so that what failed is tried again, with all guards lifted; and lets an hour pass.
    pub(crate) async fn settle(&self) -> Report {
        self.settle_with(&self.job()).await
    }

    pub(crate) async fn settle_with(&self, job: &Job) -> Report {
        let apply = Guard::ALL.iter().fold(Apply::new(), |apply, guard| apply.lift(*guard));
        let report = job.run(Run::full().by_hand(), apply).await.expect("the run works");
        self.clock.advance(Duration::from_secs(3600));
        report
    }

    /// The directory's object of an employee, or of a group by its name.
    pub(crate) fn find(&self, id: &str) -> Record {
        let is_it = |record: &Record| {
            record.get("employeeId") == Some(&Value::text(id)) || record.get("name") == Some(&Value::text(id))
        };
        self.directory.records().into_iter().find(is_it).unwrap_or_else(|| panic!("{id} is not there"))
    }

    /// The id of an employee's account, or of a group by its name.
    pub(crate) fn id(&self, id: &str) -> ObjectId {
        self.find(id).id
    }

    /// The employees (or groups) that an attribute of an object refers to, in order.
    pub(crate) fn refers(&self, id: &str, attribute: &str) -> Vec<String> {
        let record = self.find(id);
        let ids = record.get(attribute).map_or(&[][..], Value::as_slice);
        let name = |id: &Value| {
            let is_it = |record: &Record| Some(&*record.id.id) == id.as_text();
            let record = self.directory.records().into_iter().find(is_it);
            let record = record.unwrap_or_else(|| panic!("{id} is not there"));
            let name = record.get("employeeId").or_else(|| record.get("name")).cloned().unwrap_or_default();
            if name.is_null() { record.id.id.to_string() } else { name.to_string() }
        };
        let mut names: Vec<String> = ids.iter().map(name).collect();
        names.sort();
        names
    }

    /// The products that an employee has directly, and inherits (marked `^`), in order.
    pub(crate) fn licenses(&self, employee: &str) -> Vec<String> {
        let record = self.find(employee);
        let licenses = record.get("skuId").map_or(&[][..], Value::as_slice).iter().filter_map(License::from_value);
        let text = |license: License| {
            let mark = if license.is_direct() { "" } else { "^" };
            let plans = license.disabled_plans.iter().map(|plan| format!(" -{plan}")).collect::<String>();
            format!("{mark}{}{plans}", license.product.trim_end_matches("-id"))
        };
        let mut names: Vec<String> = licenses.map(text).collect();
        names.sort();
        names
    }

    /// Sets an attribute of a person in HR.
    pub(crate) fn set(&self, employee: &str, attribute: &str, value: impl Into<Value>) {
        assert!(self.hr.set(&ObjectId::user(employee), attribute, value));
    }

    /// Sets an attribute of a group in HR.
    pub(crate) fn set_group(&self, group: &str, attribute: &str, value: impl Into<Value>) {
        assert!(self.hr.set(&ObjectId::group(group), attribute, value));
    }
}

pub(crate) fn no_guards() -> Guards {
    Guard::ALL.iter().fold(Guards::default(), |guards, guard| guards.with_limit(*guard, 1_000_000))
}

pub(crate) async fn plan(job: &Job) -> Plan {
    job.plan(Run::full()).await.expect("planning works")
}

/// The problems of an entry, as `rule: message`.
pub(crate) fn problems(plan: &Plan, id: &str) -> Vec<String> {
    let entries = plan.entries().iter().filter(|entry| &*entry.key.id == id);
    let problems = entries.flat_map(|entry| &entry.problems);
    problems.map(|problem| format!("{}: {problem}", problem.rule)).collect()
}
