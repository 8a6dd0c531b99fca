//! No type of these shows a secret: formatted, stored or in an error.

use std::time::Duration;

use entrant::auth::{CertificateKey, Environment, StaticToken};
use entrant::clock::ManualClock;
use entrant::connection::{Connection, Operations, Setup, StoredConnection};
use entrant::graph::GraphClient;
use entrant::sim::Fault;

use super::{NOW, checked, connection, tenant};
use crate::auth::world::Pair;

/// What a person or a file may get to see, and who it came from.
#[derive(Default)]
struct Shown(Vec<(&'static str, String)>);

impl Shown {
    fn add(&mut self, what: &'static str, text: impl Into<String>) {
        self.0.push((what, text.into()));
    }

    #[track_caller]
    fn hold(self, secrets: &[&str]) {
        assert!(self.0.len() > 10, "something was looked at");
        for (what, text) in &self.0 {
            assert!(!text.is_empty(), "{what}");
            for secret in secrets {
                assert!(!text.contains(secret), "{what} shows a secret");
            }
        }
    }
}

#[tokio::test]
async fn no_secret_shows() {
    const SECRET: &str = "hunter2-hunter2";
    const TOKEN: &str = "bearer-bearer";
    let clock = ManualClock::at(NOW);
    let sim = tenant(&clock).permission("AppRoleAssignment.ReadWrite.All").build();
    let mut shown = Shown::default();

    let builder = connection(&sim).client_secret(SECRET);
    shown.add("builder", format!("{builder:?}"));
    shown.add("builder with a token", format!("{:?}", connection(&sim).token(TOKEN)));
    let pair = Pair::new();
    let key = || CertificateKey::from_pem(pair.pem()).expect("a key");
    shown.add("builder with a certificate", format!("{:?}", connection(&sim).certificate(key())));
    let by_certificate = connection(&sim).certificate(key()).build().expect("complete");
    let stored = serde_json::to_string(&by_certificate).expect("stored");
    shown.add("connection with a certificate", format!("{by_certificate:?} {stored}"));
    let environment = Environment::new([("AZURE_CLIENT_SECRET", SECRET)]);
    let by_environment = connection(&sim).environment(&environment);
    shown.add("builder with an environment", format!("{by_environment:?}"));
    let by_environment = by_environment.build().expect("complete");
    let stored = serde_json::to_string(&by_environment).expect("stored");
    shown.add("connection with an environment", format!("{by_environment:?} {stored}"));
    let pem = pair.key.serialize_pem();
    let key_lines: Vec<&str> = pem.lines().filter(|line| line.len() > 40).collect();
    assert!(key_lines.len() > 10);
    // In the wrong field, too.
    let error = Connection::builder(sim.tenant_id(), SECRET).client_secret(SECRET).build().expect_err("no GUID");
    shown.add("builder's error", format!("{error} {error:?} {}", error.to_chain()));
    let mut failed = builder.build().expect("complete");
    let check = checked(&mut failed, &sim, &clock).await;
    assert!(!check.passed(), "the secret is wrong");
    shown.add("failed check", format!("{check} {check:?} {}", serde_json::to_string(&check).expect("stored")));
    let stored = serde_json::to_string(&failed).expect("stored");
    shown.add("stored connection", stored.as_str());
    shown.add("connection", format!("{failed:?} {:#?}", failed.client()));
    let loaded: StoredConnection = serde_json::from_str(&stored).expect("loaded");
    shown.add("loaded connection", format!("{loaded:?}"));
    let mut with_token = connection(&sim).token(TOKEN).build().expect("complete");
    let check = checked(&mut with_token, &sim, &clock).await;
    shown.add("check with a token", format!("{check} {check:?} {with_token:?}"));

    // An answer that echoes what was sent.
    sim.fail(Fault::on("POST", "/").containing("token").garbage_body());
    let check = checked(&mut failed, &sim, &clock).await;
    shown.add("check with garbage", format!("{check} {check:?}"));

    let administrator = StaticToken::new(sim.token());
    shown.add("token", format!("{administrator:?}"));
    let graph = GraphClient::builder(administrator).cloud(sim.cloud()).transport(sim.transport()).clock(clock.clone());
    shown.add("client builder", format!("{graph:?}"));
    let graph = graph.build().expect("a client");
    let setup = Setup::new("Connector")
        .operations(Operations::inbound())
        .client_secret(Duration::from_secs(100 * 24 * 60 * 60));
    let plan = setup.plan(&graph).await.expect("a plan");
    let mut report = setup.apply(&graph, &plan).await.expect("a report");
    let before = format!("{report:?} {report} {}", serde_json::to_string(&report).expect("stored"));
    let secret = report.take_secret().expect("one was made");
    assert!(report.take_secret().is_none(), "it is given once");
    shown.add("set-up", format!("{setup:?} {plan:?} {plan}"));
    shown.add("report that holds it", before);
    shown.add("report", format!("{report:?}"));
    shown.add("made", format!("{:?} {}", report.made, serde_json::to_string(&report.made).expect("stored")));
    let connection = report.made.connection().expect("it is there").client_secret(secret.clone()).cloud(sim.cloud());
    shown.add("builder of a connection to it", format!("{connection:?}"));
    shown.add("connection to it", format!("{:?}", connection.build().expect("complete")));
    let application = graph.applications().get(report.made.application.clone().expect("an id")).await.expect("there");
    shown.add("application", format!("{application:?} {}", serde_json::to_string(&application).expect("JSON")));
    let made = graph.applications().add_password(
        report.made.application.clone().expect("an id"),
        "x",
        NOW + time::Duration::days(9),
    );
    shown.add("call", format!("{made:?}"));
    let made = made.await.expect("another");
    shown.add("another secret", format!("{made:?}"));
    let own = sim.token();
    let secrets = [SECRET, TOKEN, secret.expose(), own.expose(), made.secret.expose()];
    shown.hold(&[&secrets[..], &key_lines].concat());
}
