//! Connections with credentials of each kind: made, checked, stored, loaded, checked again.

use entrant::auth::{CertificateKey, Environment, ManagedIdentity};
use entrant::clock::ManualClock;
use entrant::connection::{Connection, ConnectionStatus, CredentialKind, StageName};
use entrant::sim::Sim;
use entrant::{Cloud, ErrorKind};
use std::sync::Arc;
use time::Duration;

use super::{NOW, checked, connection, tenant};
use crate::auth::world::{Pair, foreign_token};

fn key(pair: &Pair) -> CertificateKey {
    CertificateKey::from_pem(pair.pem()).expect("a key")
}

fn environment(name: &str, value: &str) -> Environment {
    Environment::new([(name, value)])
}

/// R4, R5, R34, R37, R77: an application, by what its company allows. R70, R75: what is stored is no secret, and what comes back is the same connection.
#[tokio::test]
async fn each_kind_is_checked_stored_and_loaded() {
    let clock = ManualClock::at(NOW);
    let sim = tenant(&clock).build();
    let pair = Pair::new();
    sim.add_certificate(pair.der());
    sim.add_federated_credential("i", "s");
    let folder = tempfile::tempdir().expect("a folder");
    let (pem, token) = (folder.path().join("key.pem"), folder.path().join("token"));
    std::fs::write(&pem, pair.pem()).expect("a file");
    std::fs::write(&token, foreign_token("i", "s", NOW)).expect("a file");
    let (pem, token) = (pem.to_str().expect("text").to_owned(), token.to_str().expect("text").to_owned());
    let secret = sim.client_secret().expose().to_owned();

    type Give<'a> = Box<dyn Fn(Connection) -> Connection + 'a>;
    let again: [(&str, CredentialKind, Give<'_>); 6] = [
        ("secret", CredentialKind::ClientSecret, Box::new(|one| one.with_client_secret(secret.as_str()))),
        ("certificate", CredentialKind::Certificate, Box::new(|one| one.with_certificate(key(&pair)))),
        ("file", CredentialKind::FederatedToken, Box::new(|one| one.with_federated_token_file(&token))),
        (
            "secret's variable",
            CredentialKind::ClientSecret,
            Box::new(|one| one.with_environment(&environment("AZURE_CLIENT_SECRET", &secret)).expect("complete")),
        ),
        (
            "certificate's variable",
            CredentialKind::Certificate,
            Box::new(|one| {
                one.with_environment(&environment("AZURE_CLIENT_CERTIFICATE_PATH", &pem)).expect("complete")
            }),
        ),
        (
            "file's variable",
            CredentialKind::FederatedToken,
            Box::new(|one| one.with_environment(&environment("AZURE_FEDERATED_TOKEN_FILE", &token)).expect("complete")),
        ),
    ];
    for (name, kind, give) in again {
        let mut connection = give(connection(&sim).build().expect("complete"));
        assert_eq!(connection.credential_kind(), kind, "{name}");
        let check = checked(&mut connection, &sim, &clock).await;
        assert!(check.passed(), "{name}: {check}");
        let stored = serde_json::to_string(&connection).expect("stored");
        assert!(!stored.contains(&secret) && !stored.contains("PRIVATE") && !stored.contains(&token), "{stored}");
        let loaded: Connection = serde_json::from_str(&stored).expect("loaded");
        assert_eq!((loaded.credential_kind(), loaded.has_credential()), (kind, false), "{name}");
        let is_certificate = kind == CredentialKind::Certificate;
        assert_eq!(loaded.thumbprint().is_some(), is_certificate, "{name}");
        assert_eq!(check.certificate_ends.is_some(), is_certificate, "{name}");
        let loaded = give(loaded);
        assert_eq!(loaded.status(), ConnectionStatus::Connected, "{name}: the same again needs no new check");
        // What belongs to the application in its tenant is not sent to another.
        assert!(!loaded.with_cloud(Cloud::China).has_credential(), "{name}");
    }
}

#[tokio::test]
async fn the_builder_takes_each_kind() {
    let clock = ManualClock::at(NOW);
    let sim = tenant(&clock).build();
    let pair = Pair::new();
    sim.add_certificate(pair.der());
    let by_certificate = connection(&sim).certificate(key(&pair)).build().expect("complete");
    assert_eq!(by_certificate.thumbprint(), Some(key_thumbprint(&pair).as_str()));
    // R66: the thumbprint as people copy it from the portal, compared before anything is sent.
    let shown = key_thumbprint(&pair).to_lowercase();
    let colons = shown.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair)).collect::<Vec<_>>().join(":");
    for (shown, says) in [
        (colons.as_str(), None),
        ("BB5D1064437D8720A5C53078185E6A361A78B10A", Some("not the one whose thumbprint was given")),
        ("nonsense", Some("a thumbprint has 40")),
    ] {
        let built = connection(&sim).certificate(key(&pair)).thumbprint(shown).build();
        let said = built.err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(said.is_empty(), says.is_none(), "{shown}: {said}");
        assert!(said.contains(says.unwrap_or_default()), "{said}");
    }
    assert!(connection(&sim).thumbprint(shown).build().is_err(), "a secret has none");
    assert_eq!(sim.requests().discovery + sim.requests().token, 0);
    let by_file = connection(&sim).federated_token_file("/nothing").build().expect("it is read when it is needed");
    let own = connection(&sim).credential_of(CredentialKind::ManagedIdentity, Arc::new(ManagedIdentity::new())).build();
    let variable = environment("AZURE_CLIENT_SECRET", sim.client_secret().expose());
    let by_variable = connection(&sim).environment(&variable).build().expect("complete");
    for (one, kind) in [
        (by_certificate, CredentialKind::Certificate),
        (by_file, CredentialKind::FederatedToken),
        (own.expect("complete"), CredentialKind::ManagedIdentity),
        (by_variable, CredentialKind::ClientSecret),
    ] {
        assert_eq!(one.credential_kind(), kind);
    }
    let error = connection(&sim).environment(&Environment::default()).build().expect_err("nothing is set");
    assert_eq!(error.kind(), ErrorKind::NotReady);
    assert!(error.to_string().contains("AZURE_CLIENT_CERTIFICATE_PATH"), "{error}");
}

fn key_thumbprint(pair: &Pair) -> String {
    entrant::auth::AssertionSigner::certificate(&key(pair)).thumbprint()
}

/// A certificate that a person has, not one that says it is one: its end is read from it.
#[tokio::test]
async fn the_end_of_a_certificate_is_told_before_it_is_sent() {
    let clock = ManualClock::at(NOW);
    for (end, says) in [
        (NOW + Duration::days(100), None),
        (NOW + Duration::days(29), Some("expires on 2026-02-13")),
        (NOW, Some("expired on 2026-01-15")),
    ] {
        let sim: Sim = tenant(&clock).build();
        let pair = Pair::until(end);
        sim.add_certificate(pair.der());
        let mut connection = connection(&sim).certificate(key(&pair)).build().expect("complete");
        let check = checked(&mut connection, &sim, &clock).await;
        assert_eq!(check.certificate_ends, Some(end));
        assert_eq!(check.passed(), end > NOW, "{check}");
        assert_eq!(sim.requests().token > 0, end > NOW, "{check}");
        let told = check.outcome(StageName::Credential).expect("the stage is there").to_string();
        assert!(told.contains(says.unwrap_or("passed")), "{told}");
        assert_eq!(told.contains(&key_thumbprint(&pair)), says.is_some(), "{told}");
    }
    // One that the application does not have.
    let sim = tenant(&clock).build();
    let mut connection = connection(&sim).certificate(key(&Pair::new())).build().expect("complete");
    let check = checked(&mut connection, &sim, &clock).await;
    let (stage, cause, advice) = check.failure().expect("it fails");
    assert!(stage == StageName::Token && cause.contains("AADSTS700027"), "{cause}");
    assert!(advice.contains("humbprint"), "{advice}");
}
