//! Ten things that go wrong when a connection is made: each is named, with what to do.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use entrant::Cloud;
use entrant::clock::{Clock, ManualClock};
use entrant::connection::{Check, Connection, ConnectionStatus, CredentialKind, StageName, StageOutcome};
use entrant::http::Transport;
use entrant::sim::{Sim, SimBuilder};
use http::{Request, Response, Uri};
use time::{Duration, OffsetDateTime};

use super::{Certificate, NOW, checked, connection, tenant};

struct Defect {
    name: &'static str,
    tenant: fn(SimBuilder) -> SimBuilder,
    connection: fn(&Sim) -> Connection,
    stage: StageName,
    cause: &'static [&'static str],
    remedy: &'static [&'static str],
}

fn usual(sim: &Sim) -> Connection {
    connection(sim).build().expect("complete")
}

const DEFECTS: &[Defect] = &[
    Defect {
        name: "wrong secret",
        tenant: |tenant| tenant,
        connection: |sim| connection(sim).client_secret("hunter2").build().expect("complete"),
        stage: StageName::Token,
        cause: &["AADSTS7000215"],
        remedy: &["secret's value (not its id)", "create a new one"],
    },
    Defect {
        name: "expired secret",
        tenant: |tenant| tenant.secrets_expire(NOW - Duration::days(1)),
        connection: usual,
        stage: StageName::Token,
        cause: &["AADSTS7000222", "expired"],
        remedy: &["create a new one"],
    },
    Defect {
        name: "wrong tenant",
        tenant: |tenant| tenant,
        connection: |sim| {
            usual(sim)
                .with_tenant("99999999-2222-3333-4444-555555555555".try_into().expect("a GUID"))
                .with_client_secret(sim.client_secret())
        },
        stage: StageName::Tenant,
        cause: &["there is no tenant 99999999-2222-3333-4444-555555555555", "AADSTS90002"],
        remedy: &["check the tenant and the cloud", "overview page"],
    },
    Defect {
        name: "other cloud, seen through hosts of one's own",
        tenant: |tenant| tenant.lives_in(Cloud::GccHigh),
        connection: usual,
        stage: StageName::Token,
        cause: &["AADSTS900382", "Cross Cloud"],
        remedy: &["choose the cloud that the tenant lives in"],
    },
    Defect {
        name: "no consent",
        tenant: SimBuilder::without_consent,
        connection: usual,
        stage: StageName::Permissions,
        cause: &["no permission at all", "nobody has consented"],
        remedy: &[
            "Group.ReadWrite.All, Organization.Read.All, RoleManagement.Read.Directory, User.ReadWrite.All",
            "Privileged Role Administrator or Global Administrator",
            "/adminconsent?client_id=",
        ],
    },
    Defect {
        name: "one permission missing",
        tenant: |tenant| tenant.without_permission("Group.ReadWrite.All"),
        connection: usual,
        stage: StageName::Permissions,
        cause: &["groups: may not read groups, create groups, update groups"],
        remedy: &["add Group.ReadWrite.All (API permissions", "/adminconsent?client_id="],
    },
    Defect {
        name: "no role",
        tenant: |_| Sim::builder().domain("contoso.com").clock(ManualClock::at(NOW)),
        connection: usual,
        stage: StageName::Roles,
        cause: &["does not hold the directory role User Administrator"],
        remedy: &["Privileged Role Administrator assign User Administrator", "Roles and administrators"],
    },
    Defect {
        name: "unverified domain",
        tenant: |tenant| tenant,
        connection: |sim| connection(sim).domain("fabrikam.com").build().expect("complete"),
        stage: StageName::Domains,
        cause: &["fabrikam.com is none of the tenant's domains", "contoso.com"],
        remedy: &["verify fabrikam.com in the tenant", "or name one that is"],
    },
    Defect {
        name: "clock ten minutes off",
        tenant: |tenant| tenant.clock_ahead(Duration::minutes(10)),
        connection: usual,
        stage: StageName::Clock,
        cause: &["this machine's clock is 600 seconds behind Microsoft's"],
        remedy: &["set this machine's clock", "NTP"],
    },
    Defect {
        name: "clock ten minutes off, with a certificate",
        tenant: |tenant| tenant.clock_ahead(-Duration::minutes(10)),
        connection: |sim| certified(sim, NOW + Duration::days(100)),
        stage: StageName::Clock,
        cause: &["this machine's clock is 600 seconds ahead of Microsoft's"],
        remedy: &["set this machine's clock"],
    },
    Defect {
        name: "expired certificate",
        tenant: |tenant| tenant,
        connection: |sim| certified(sim, NOW),
        stage: StageName::Credential,
        cause: &["the certificate BB5D1064437D8720A5C53078185E6A361A78B10A expired on 2026-01-15"],
        remedy: &["make a new certificate", "add its public part to the application"],
    },
];

fn certified(sim: &Sim, end: OffsetDateTime) -> Connection {
    let builder = connection(sim).credential_of(CredentialKind::Certificate, Certificate::until(sim, end));
    builder.build().expect("complete")
}

#[track_caller]
fn names(check: &Check, name: &str, stage: StageName, causes: &[&str], remedies: &[&str]) {
    let outcome = check.outcome(stage).expect("the stage is there");
    let (StageOutcome::Failed { cause, advice } | StageOutcome::Warned { cause, advice }) = outcome else {
        panic!("{name}: {check}");
    };
    for part in causes {
        assert!(cause.contains(part), "{name}: {part}: {cause}");
    }
    for part in remedies {
        assert!(advice.contains(part), "{name}: {part}: {advice}");
    }
    // What a person reads holds both.
    let shown = check.to_string();
    assert!(shown.contains(cause) && shown.contains(advice), "{name}: {shown}");
}

/// R8, R11, R69, R78: what is wrong is named with its remedy, and kept with the connection. R53, R55: the domain is verified.
#[tokio::test]
async fn each_defect_is_named_with_its_remedy() {
    for defect in DEFECTS {
        let clock = ManualClock::at(NOW);
        let sim = (defect.tenant)(tenant(&clock)).build();
        let mut connection = (defect.connection)(&sim);
        let check = checked(&mut connection, &sim, &clock).await;
        names(&check, defect.name, defect.stage, defect.cause, defect.remedy);
        let is_warning = matches!(check.outcome(defect.stage), Some(StageOutcome::Warned { .. }));
        if is_warning {
            assert!(check.passed(), "{}: {check}", defect.name);
        } else {
            let (stage, ..) = check.failure().expect("it fails");
            assert_eq!(stage, defect.stage, "{}: {check}", defect.name);
            assert_eq!(connection.status(), ConnectionStatus::Failed);
            assert!(connection.refusal().is_some());
        }
        assert!(!check.to_string().contains("hunter2"));
        // It is stored, and loaded, with what was found.
        let stored = serde_json::to_string(&connection).expect("a connection can be stored");
        let loaded: Connection = serde_json::from_str(&stored).expect("and loaded");
        assert_eq!(loaded.last_check(), Some(&check), "{}", defect.name);
    }
}

#[tokio::test]
async fn all_is_well_without_a_defect() {
    let clock = ManualClock::at(NOW);
    let sim = tenant(&clock).build();
    for mut connection in [usual(&sim), certified(&sim, NOW + Duration::days(100))] {
        let check = checked(&mut connection, &sim, &clock).await;
        assert!(check.stages.iter().all(|stage| stage.outcome == StageOutcome::Passed), "{check}");
        assert_eq!(connection.status(), ConnectionStatus::Connected);
        assert_eq!(connection.refusal(), None);
    }
}

/// Leads the hosts of known clouds to simulated tenants.
#[derive(Debug)]
struct Router(Vec<(&'static str, Sim)>);

#[async_trait]
impl Transport for Router {
    async fn send(&self, request: Request<Bytes>) -> entrant::Result<Response<Bytes>> {
        let host = request.uri().host().unwrap_or_default();
        let found = self.0.iter().find(|(known, _)| *known == host);
        let Some((_, sim)) = found else {
            return Err(entrant::Error::new(entrant::ErrorKind::Transport, "no such host"));
        };
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri: Uri = format!("{}{}", sim.origin(), path.trim_start_matches('/')).parse().expect("an address");
        let (mut parts, body) = request.into_parts();
        parts.uri = uri;
        sim.transport().send(Request::from_parts(parts, body)).await
    }
}

/// R68: every cloud.
#[tokio::test]
async fn a_tenant_of_another_cloud_is_recognised_and_named() {
    let clock = ManualClock::at(NOW);
    let worldwide = Sim::builder().domain("adatum.com").seed(1).clock(clock.clone()).build();
    let here = |cloud: Cloud| tenant(&clock).lives_in(cloud).build();
    // The configured cloud, where the tenant lives, which hosts answer for it, and what it is called.
    let table = [
        (Cloud::Global, Cloud::GccHigh, &["login.microsoftonline.us"][..], "GCC High"),
        (Cloud::Gcc, Cloud::Dod, &["login.microsoftonline.us"], "DoD"),
        (Cloud::Global, Cloud::China, &["login.partner.microsoftonline.cn"], "China"),
        (Cloud::GccHigh, Cloud::Gcc, &["login.microsoftonline.com"], "GCC"),
        // The worldwide host knows the tenant, and says that it lives elsewhere.
        (Cloud::Global, Cloud::GccHigh, &["login.microsoftonline.com"], "GCC High"),
        (Cloud::GccHigh, Cloud::Dod, &["login.microsoftonline.us"], "DoD"),
    ];
    for (configured, home, hosts, name) in table {
        let sim = here(home);
        let mut routes: Vec<(&'static str, Sim)> = hosts.iter().map(|host| (*host, sim.clone())).collect();
        for host in ["login.microsoftonline.com", "login.microsoftonline.us"] {
            routes.push((host, worldwide.clone()));
        }
        let mut connection = connection(&sim).cloud(configured).build().expect("complete");
        let clock: Arc<dyn Clock> = Arc::new(clock.clone());
        let check = connection.check_over(Arc::new(Router(routes)), clock).await.expect("a check can be made");
        let cause = format!("lives in {name}");
        names(check, name, StageName::Tenant, &[&cause], &["choose the cloud", name]);
        assert_eq!(check.outcome(StageName::Token), Some(&StageOutcome::Skipped), "no secret goes there: {check}");
        assert_eq!(sim.requests().token + worldwide.requests().token, 0);
    }
}
