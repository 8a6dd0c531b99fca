//! Registering the application that a connection signs in as.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use entrant::ErrorKind;
use entrant::auth::{Certificate, ClientSecret, StaticToken, TenantId};
use entrant::clock::{Clock, ManualClock};
use entrant::connection::{
    Connection, DirectoryRole, Operation, Operations, Permissions, Roles, Setup, SetupPlan, SetupStep, StepKind,
};
use entrant::graph::GraphClient;
use entrant::sim::{Activity, Fault, Sim, SimBuilder};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{NOW, tenant};
use crate::auth::world::Pair;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const NAME: &str = "Provisioning connector";

/// A tenant in which the first application may set others up.
fn governed(clock: &ManualClock) -> SimBuilder {
    tenant(clock).permission("AppRoleAssignment.ReadWrite.All").permission("RoleManagement.ReadWrite.Directory")
}

fn administrator(sim: &Sim, clock: impl Clock) -> GraphClient {
    let secret = ClientSecret::new(
        TenantId::new(sim.tenant_id()).expect("a tenant"),
        sim.client_id().try_into().expect("a client"),
        sim.client_secret(),
    );
    let builder = GraphClient::builder(secret).cloud(sim.cloud()).transport(sim.transport()).clock(clock);
    builder.build().expect("a client")
}

fn setup() -> Setup {
    Setup::new(NAME)
        .operations(Operations::outbound())
        .roles(Roles::over_limited_administrators())
        .client_secret(180 * DAY)
}

fn kinds(plan: &SetupPlan) -> Vec<StepKind> {
    plan.steps.iter().map(|step| step.kind).collect()
}

fn made_by(sim: &Sim) -> Vec<Activity> {
    sim.audit().iter().map(|entry| entry.activity).collect()
}

/// R65, R67, R72: made by name, and found again. R73, R74: with roles and consent.
#[tokio::test]
async fn an_application_is_made_and_connects_and_is_found_again() {
    let clock = ManualClock::at(NOW);
    let sim = governed(&clock).build();
    let graph = administrator(&sim, clock.clone());
    let plan = setup().plan(&graph).await.expect("a plan");
    assert_eq!(
        plan.to_string(),
        "application: change: create the application 'Provisioning connector' (unique name provisioning-connector)\n\
         permissions: change: Group.ReadWrite.All, Organization.Read.All, RoleManagement.Read.Directory, \
         User.ReadWrite.All\n\
         service principal: change: create the service principal\n\
         consent: change: Group.ReadWrite.All, Organization.Read.All, RoleManagement.Read.Directory, \
         User.ReadWrite.All\n\
         roles: change: User Administrator\n\
         credential: change: make a secret 'Provisioning connector' that is good for 180 days"
    );
    assert!(sim.audit().is_empty(), "a plan writes nothing");
    let stored = serde_json::to_string(&plan).expect("a plan can be stored");
    let plan: SetupPlan = serde_json::from_str(&stored).expect("and loaded");
    let mut report = setup().apply(&graph, &plan).await.expect("a report");
    assert!(report.is_complete(), "{report}");
    let secret = report.take_secret().expect("a secret was made");

    // What was made, seen from inside.
    let client_id = report.made.client_id.clone().expect("it has one");
    let wanted: Vec<String> = Permissions::least(&Operations::outbound()).iter().map(str::to_owned).collect();
    let mut granted = sim.permissions_of(client_id.as_str());
    granted.sort();
    assert_eq!(granted, wanted);
    let principal = report.made.service_principal.clone().expect("it has one");
    assert!(sim.role_holders("User Administrator").contains(&principal.as_str().to_owned()));
    let application = sim.applications().into_iter().find(|one| one["appId"] == client_id.as_str()).expect("there");
    assert_eq!((&application["displayName"], &application["signInAudience"]), (&json!(NAME), &json!("AzureADMyOrg")));
    let asked = &application["requiredResourceAccess"][0];
    assert_eq!(asked["resourceAccess"].as_array().map(Vec::len), Some(4));
    assert!(application["passwordCredentials"][0]["secretText"].is_null());

    // It connects, and does what it is for.
    let builder = report.made.connection().expect("it has a client id").client_secret(secret).cloud(sim.cloud());
    let builder = builder.operations(Operations::outbound()).roles(Roles::over_limited_administrators());
    let mut connection = builder.build().expect("complete");
    let check = connection.check_over(sim.transport(), Arc::new(clock.clone())).await.expect("a check can be made");
    assert!(check.passed(), "{check}");

    // Again: nothing to do, and nothing done.
    let written = sim.audit().len();
    let again = setup().plan(&graph).await.expect("a plan");
    assert!(again.is_converged(), "{again}");
    let report = setup().apply(&graph, &again).await.expect("a report");
    assert!(report.is_complete());
    assert_eq!(sim.audit().len(), written);
    assert_eq!(report.made.client_id.as_ref(), Some(&client_id));
    assert!(!report.made.created_application);
}

#[tokio::test]
async fn what_an_application_has_stays() {
    let clock = ManualClock::at(NOW);
    let sim = governed(&clock).build();
    let graph = administrator(&sim, clock.clone());
    // Somebody made it by hand, with a permission of another kind, a key and a role.
    let body = json!({
        "displayName": NAME, "tags": ["hr"],
        "requiredResourceAccess": [
            {"resourceAppId": "00000003-0000-0000-c000-000000000000", "resourceAccess": [
                {"id": "e1fe6dd8-ba31-4d61-89e7-88639da4683d", "type": "Scope"},
                {"id": "741f803b-c850-494e-b5df-cde7c675a1ca", "type": "Role"},
            ]},
            {"resourceAppId": "00000002-0000-0ff1-ce00-000000000000", "resourceAccess": [
                {"id": "dc50a0fb-09a3-484d-be87-e023b12c6440", "type": "Role"},
            ]},
        ],
        "keyCredentials": [{"type": "AsymmetricX509Cert", "usage": "Verify", "key": "AAAA", "customKeyIdentifier": "zz"}],
    });
    let created: Value = graph.request(http::Method::POST, "/applications").body(&body).decode().await.expect("made");
    let pair = Pair::new();
    // The key beside it stays where it is.
    let certificate = Certificate::from_pem(pair.pem()).expect("it is one");
    let setup = Setup::new(NAME).operations(Operations::outbound()).certificate(certificate.clone());
    let plan = setup.plan(&graph).await.expect("a plan");
    assert_eq!(kinds(&plan)[0], StepKind::Unchanged);
    let report = setup.apply(&graph, &plan).await.expect("a report");
    assert!(report.is_complete(), "{report}");
    let id = created["id"].as_str().expect("an id");
    let application = sim.applications().into_iter().find(|one| one["id"] == id).expect("there");
    let access = application["requiredResourceAccess"].as_array().expect("a list");
    assert_eq!(access[0]["resourceAccess"].as_array().map(Vec::len), Some(5));
    assert_eq!(access[1], body["requiredResourceAccess"][1], "others' stay");
    let keys = application["keyCredentials"].as_array().expect("a list");
    assert_eq!((keys.len(), &keys[0]), (2, &body["keyCredentials"][0]), "word for word");
    let der = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pair.der());
    assert_eq!((&keys[1]["key"], &keys[1]["endDateTime"]), (&json!(der), &json!("2027-01-01T00:00:00Z")));
    assert!(plan.to_string().contains(&certificate.thumbprint()), "{plan}");
    assert_eq!(application["tags"], json!(["hr"]));
    assert!(setup.plan(&graph).await.expect("a plan").is_converged());

    // What was added goes, what was there stays.
    assert_eq!(Setup::remove(&graph, &report.made).await.expect("removed"), []);
    let application = sim.applications().into_iter().find(|one| one["id"] == id).expect("it was there before");
    assert_eq!(application["keyCredentials"], body["keyCredentials"]);
    assert_eq!(application["requiredResourceAccess"], body["requiredResourceAccess"]);
    let app_id = application["appId"].as_str().expect("an id");
    assert!(sim.permissions_of(app_id).is_empty());
    assert!(!sim.service_principals().iter().any(|one| one["appId"] == app_id), "it was made by the set-up");
}

#[tokio::test]
async fn what_was_made_is_taken_back() {
    let clock = ManualClock::at(NOW);
    let sim = governed(&clock).build();
    let graph = administrator(&sim, clock.clone());
    let count = sim.applications().len();
    let plan = setup().plan(&graph).await.expect("a plan");
    let report = setup().apply(&graph, &plan).await.expect("a report");
    let stored = serde_json::to_string(&report.made).expect("it can be stored");
    let made = serde_json::from_str(&stored).expect("and loaded");
    assert_eq!(Setup::remove(&graph, &made).await.expect("removed"), []);
    assert_eq!(sim.applications().len(), count);
    assert_eq!(sim.role_holders("User Administrator").len(), 1, "only the administrator's own is left");
    let activities = made_by(&sim);
    assert_eq!(activities.iter().filter(|one| **one == Activity::WithdrawPermission).count(), 4);
    // Again is no failure, and another tenant's is refused.
    assert_eq!(Setup::remove(&graph, &made).await.expect("nothing left"), []);
    let other = governed(&clock).seed(8).build();
    let error = Setup::remove(&administrator(&other, clock), &made).await.expect_err("another tenant");
    assert_eq!(error.kind(), ErrorKind::TenantChanged);
}

#[tokio::test]
async fn replicas_that_lag_are_waited_for() {
    let clock = ManualClock::at(NOW);
    let sim = governed(&clock).lag(Duration::from_secs(45)).build();
    let graph = administrator(&sim, clock.clone());
    let plan = setup().plan(&graph).await.expect("a plan");
    let report = setup().apply(&graph, &plan).await.expect("a report");
    assert!(report.is_complete(), "{report}");
    let waited = clock.now() - NOW;
    assert!(waited >= time::Duration::seconds(45) && waited < time::Duration::seconds(300), "{waited}");
    let created = made_by(&sim);
    for once in [Activity::CreateApplication, Activity::CreateServicePrincipal, Activity::AddPassword] {
        assert_eq!(created.iter().filter(|one| **one == once).count(), 1, "{once:?}");
    }
    // What lags for ever is given up.
    let clock = ManualClock::at(NOW);
    let sim = governed(&clock).lag(Duration::from_secs(100_000)).build();
    let graph = administrator(&sim, clock.clone());
    let report = setup().apply(&graph, &setup().plan(&graph).await.expect("a plan")).await.expect("a report");
    let failure = report.failure.expect("it is not there in time");
    assert_eq!(failure.step, SetupStep::Application);
    assert!(clock.now() - NOW <= time::Duration::seconds(300));
}

/// R74: consent is a step of its own, for another administrator.
/// Who on Microsoft's side must act is named (R52); who may ask for it on the host's side is the host's matter.
#[tokio::test]
async fn a_caller_without_the_right_leaves_it_to_others() {
    let clock = ManualClock::at(NOW);
    // The token tells beforehand; an opaque one only when it is tried.
    for is_told in [true, false] {
        let sim = tenant(&clock).build();
        let graph = if is_told {
            administrator(&sim, clock.clone())
        } else {
            let token = StaticToken::new(sim.token());
            GraphClient::builder(token)
                .cloud(sim.cloud())
                .transport(sim.transport())
                .clock(clock.clone())
                .build()
                .expect("a client")
        };
        let plan = setup().plan(&graph).await.expect("a plan");
        let expected = if is_told { StepKind::ByHand } else { StepKind::Change };
        assert_eq!(kinds(&plan)[3..5], [expected, expected]);
        let report = setup().apply(&graph, &plan).await.expect("a report");
        assert!(report.failure.is_none() && !report.is_complete(), "{report}");
        let left: Vec<_> = report.by_hand().map(|step| step.step).collect();
        assert_eq!(left, [SetupStep::Consent, SetupStep::Roles]);
        let url = report.made.consent_url(&sim.cloud()).expect("there is a page");
        let client_id = report.made.client_id.clone().expect("it has one");
        assert_eq!(url.as_str(), format!("https://sim.invalid/{}/adminconsent?client_id={client_id}", sim.tenant_id()));
        // Nobody consents for a while.
        let missing = setup().wait_for_consent(&graph, Duration::from_secs(60)).await.expect("it is read");
        assert_eq!(missing, Permissions::least(&Operations::outbound()));
        // Somebody does, on the page.
        sim.consent(client_id.as_str());
        let missing = setup().wait_for_consent(&graph, Duration::from_secs(60)).await.expect("it is read");
        assert!(missing.is_empty(), "{missing}");
        assert_eq!(kinds(&setup().plan(&graph).await.expect("a plan"))[3], StepKind::Unchanged);
    }
}

/// Does something once it was waited for so often.
#[derive(Debug, Clone)]
struct Meanwhile {
    clock: ManualClock,
    sim: Sim,
    client_id: String,
    waits: Arc<AtomicU32>,
}

#[async_trait]
impl Clock for Meanwhile {
    fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    async fn sleep(&self, duration: Duration) {
        if self.waits.fetch_add(1, Ordering::SeqCst) == 3 {
            self.sim.consent(&self.client_id);
        }
        self.clock.sleep(duration).await;
    }
}

#[tokio::test]
async fn a_connection_waits_until_a_consent_shows() {
    let clock = ManualClock::at(NOW);
    let sim = tenant(&clock).build();
    let graph = administrator(&sim, clock.clone());
    let setup = Setup::new(NAME).operations(Operations::inbound()).client_secret(DAY);
    let mut report = setup.apply(&graph, &setup.plan(&graph).await.expect("a plan")).await.expect("a report");
    let secret = report.take_secret().expect("one was made");
    let builder = report.made.connection().expect("it is there").operations(Operations::inbound());
    let mut connection: Connection = builder.client_secret(secret).cloud(sim.cloud()).build().expect("complete");
    let client_id = connection.client_id().as_str().to_owned();
    let meanwhile = Meanwhile { clock, sim: sim.clone(), client_id, waits: Arc::default() };
    let waits = Arc::clone(&meanwhile.waits);
    let patience = Duration::from_secs(300);
    let clock: Arc<dyn Clock> = Arc::new(meanwhile);
    let check = connection.check_until_passed(sim.transport(), Arc::clone(&clock), patience).await;
    let check = check.expect("a check can be made");
    assert!(check.passed(), "{check}");
    assert_eq!(waits.load(Ordering::SeqCst), 4);
    // What time does not mend is not waited for.
    let mut wrong = connection.with_domain(Some("fabrikam.com")).expect("a domain");
    let check = wrong.check_until_passed(sim.transport(), clock, patience).await.expect("a check can be made");
    assert!(!check.passed());
    assert_eq!(waits.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_plan_holds_for_what_it_showed() {
    let clock = ManualClock::at(NOW);
    let sim = governed(&clock).build();
    let graph = administrator(&sim, clock.clone());
    let plan = setup().plan(&graph).await.expect("a plan");
    let more = setup().operations(Operations::outbound().with(Operation::ManageIdentities));
    let error = more.apply(&graph, &plan).await.expect_err("more than the plan shows");
    assert_eq!(error.kind(), ErrorKind::Stale);
    let other = governed(&clock).seed(8).build();
    let error = setup().apply(&administrator(&other, clock.clone()), &plan).await.expect_err("another tenant");
    assert_eq!(error.kind(), ErrorKind::Stale);
    assert!(sim.audit().is_empty() && other.audit().is_empty());
}

#[tokio::test]
async fn names_and_permissions_that_fit_nothing_or_much_are_named() {
    let clock = ManualClock::at(NOW);
    let sim = governed(&clock).build();
    let graph = administrator(&sim, clock.clone());
    let unknown = Setup::new(NAME).permissions(Permissions::from_iter(["User.Conquer.All", "User.Read.All"]));
    let error = unknown.plan(&graph).await.expect_err("no such permission");
    assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("User.Conquer.All"), "{error}");
    for _ in 0..2 {
        let body = json!({"displayName": "O'Brien connector"});
        graph.request(http::Method::POST, "/applications").body(&body).await.expect("made");
    }
    let error = Setup::new("O'Brien connector").plan(&graph).await.expect_err("two have it");
    assert!(error.kind() == ErrorKind::Conflict && error.to_string().contains("client id"), "{error}");
    let expired = setup().certificate(Certificate::from_der(Pair::until(NOW).der()).expect("it is one"));
    let error = expired.plan(&graph).await.expect_err("nobody could sign in with it");
    assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("expired"), "{error}");
    // Another name, the same key.
    let plan = setup().plan(&graph).await.expect("a plan");
    setup().apply(&graph, &plan).await.expect("a report");
    let error = Setup::new("provisioning-CONNECTOR").plan(&graph).await.expect_err("another has the key");
    assert!(error.kind() == ErrorKind::Conflict && error.to_string().contains(NAME), "{error}");
    let renamed = Setup::new("Connector").unique_name("provisioning-connector");
    let plan = renamed.plan(&graph).await.expect("it is meant");
    assert_eq!(plan.steps[0].what, "rename the application 'Provisioning connector' to 'Connector'");
    let nobody = setup().client_id("99999999-2222-3333-4444-555555555555".try_into().expect("a GUID"));
    assert_eq!(nobody.plan(&graph).await.expect_err("nobody").kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_failure_in_between_is_reported_and_mended_by_the_next_run() {
    let clock = ManualClock::at(NOW);
    for fault in [
        Fault::on("PATCH", "/v1.0/applications").drop_after(),
        Fault::on("POST", "/v1.0/servicePrincipals").drop_after(),
        Fault::on("POST", "/v1.0/servicePrincipals").containing("appRoleAssignedTo").after(2).drop_after(),
        Fault::on("POST", "/v1.0/roleManagement").drop_after(),
        Fault::on("POST", "/v1.0/applications").containing("addPassword").drop_before(),
        Fault::on("POST", "/v1.0/servicePrincipals").containing("appRoleAssignedTo").status(500),
    ] {
        let name = format!("{fault:?}");
        let sim = governed(&clock).build();
        let graph = administrator(&sim, clock.clone());
        sim.fail(fault);
        let first = setup().apply(&graph, &setup().plan(&graph).await.expect("a plan")).await.expect("a report");
        let has_secret = {
            let mut first = first;
            first.take_secret().is_some()
        };
        let second = setup().apply(&graph, &setup().plan(&graph).await.expect("a plan")).await.expect("a report");
        assert!(second.is_complete(), "{name}: {second}");
        let mut second = second;
        assert!(has_secret || second.take_secret().is_some(), "{name}");
        let created = made_by(&sim);
        for once in
            [Activity::CreateApplication, Activity::CreateServicePrincipal, Activity::AddPassword, Activity::AssignRole]
        {
            assert_eq!(created.iter().filter(|one| **one == once).count(), 1, "{name}: {once:?}");
        }
        assert_eq!(created.iter().filter(|one| **one == Activity::GrantPermission).count(), 4, "{name}");
        assert!(setup().plan(&graph).await.expect("a plan").is_converged(), "{name}");
    }
}

#[tokio::test]
async fn a_secret_that_runs_out_gets_a_successor() {
    let clock = ManualClock::at(NOW);
    let sim = governed(&clock).build();
    let graph = administrator(&sim, clock.clone());
    let setup = setup();
    setup.apply(&graph, &setup.plan(&graph).await.expect("a plan")).await.expect("a report");
    clock.advance(149 * DAY);
    assert!(setup.plan(&graph).await.expect("a plan").is_converged());
    clock.advance(2 * DAY);
    let plan = setup.plan(&graph).await.expect("a plan");
    let last = plan.steps.last().expect("there are steps");
    assert_eq!((last.step, last.kind), (SetupStep::Credential, StepKind::Change));
    let forced = setup.new_client_secret(DAY);
    let plan = forced.plan(&graph).await.expect("a plan");
    let mut report = forced.apply(&graph, &plan).await.expect("a report");
    assert!(report.take_secret().is_some());
    assert_eq!(DirectoryRole::new("User Administrator").expect("known").name(), "User Administrator");
}
