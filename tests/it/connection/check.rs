//! What else a check finds, and what it learns.

use std::sync::Arc;

use entrant::auth::StaticToken;
use entrant::clock::{Clock, ManualClock};
use entrant::connection::{
    Connection, ConnectionStatus, CredentialKind, Operation, OperationGroup, Operations, Permissions, StageName,
    StageOutcome,
};
use entrant::sim::{Fault, Sim, SimBuilder, Sku};
use serde_json::json;
use time::Duration;

use super::{Certificate, NOW, checked, connection, tenant};

#[tokio::test]
async fn a_check_tells_what_there_is() {
    let clock = ManualClock::at(NOW);
    let sim = tenant(&clock).sku(Sku::office_f3(3)).federated_domain("fabrikam.com").build();
    let mut connection = connection(&sim).build().expect("complete");
    let check = checked(&mut connection, &sim, &clock).await;
    assert!(check.passed() && check.warnings().next().is_none(), "{check}");
    let facts = check.tenant.as_ref().expect("the tenant was read");
    assert_eq!(facts.verified_domains, ["contoso.onmicrosoft.com", "contoso.com", "fabrikam.com"]);
    let application = check.application.as_ref().expect("the token tells");
    assert_eq!(application.client_id.as_ref().map(|id| id.as_str()), Some(sim.client_id().as_str()));
    assert_eq!(application.roles.to_string(), "User Administrator");
    // User.ReadWrite.All does their work too.
    assert_eq!(
        application.unneeded,
        Permissions::from_iter([
            "Application.ReadWrite.All",
            "Domain.Read.All",
            "LicenseAssignment.ReadWrite.All",
            "User.DeleteRestore.All",
            "User.EnableDisableAccount.All",
        ])
    );
    let groups: Vec<_> = check.access.iter().map(|access| access.group).collect();
    assert_eq!(
        groups,
        [
            OperationGroup::Users,
            OperationGroup::Groups,
            OperationGroup::Licenses,
            OperationGroup::Organization,
            OperationGroup::Administrators
        ]
    );
    assert!(check.access.iter().all(|access| access.denied.is_empty() && access.missing.is_empty()));
    let licenses: Vec<_> = check.licenses.iter().map(|sku| (sku.part_number.as_str(), sku.seats, sku.taken)).collect();
    assert_eq!(licenses, [("ENTERPRISEPACK", 25, 0), ("DESKLESSPACK", 3, 0)]);
    assert_eq!(check.clock_ahead_seconds, Some(0));
}

#[tokio::test]
async fn the_least_that_is_missing_is_named_for_each_group() {
    let clock = ManualClock::at(NOW);
    let sim = tenant(&clock).without_consent().permission("User.Read.All").permission("Organization.Read.All").build();
    let operations = Operations::inbound()
        .with(Operation::SwitchUsers)
        .with(Operation::WriteMembers)
        .with(Operation::AssignLicenses)
        .without(Operation::ReadGroups);
    let mut connection = connection(&sim).operations(operations).build().expect("complete");
    let check = checked(&mut connection, &sim, &clock).await;
    let found: Vec<String> = check.access.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "users: may read users; may not disable and enable users: grant User.EnableDisableAccount.All",
            "groups: may not read members, add and remove members: grant GroupMember.ReadWrite.All",
            "licences: may not assign licences: grant LicenseAssignment.ReadWrite.All",
            "organization: may read the organization, read domains",
        ]
    );
    let (stage, _, advice) = check.failure().expect("it fails");
    assert_eq!(stage, StageName::Permissions);
    let all = "GroupMember.ReadWrite.All, LicenseAssignment.ReadWrite.All, User.EnableDisableAccount.All";
    assert!(advice.contains(all), "{advice}");
}

/// R36: each of the permissions, whatever else would do.
#[tokio::test]
async fn permissions_can_be_asked_for_one_by_one() {
    let clock = ManualClock::at(NOW);
    let all = Permissions::aic_inbound();
    for missing in [None, Some("User.Export.All"), Some("Directory.Read.All")] {
        let granted = all.iter().filter(|name| Some(*name) != missing);
        let builder = tenant(&clock).without_consent();
        let sim = granted.map(str::to_owned).fold(builder, SimBuilder::permission).build();
        let builder = connection(&sim).operations(Operations::inbound()).permissions(all.clone());
        let mut connection = builder.build().expect("complete");
        let check = checked(&mut connection, &sim, &clock).await;
        match missing {
            None => {
                assert!(check.passed(), "{check}");
                assert!(check.application.expect("the token tells").unneeded.is_empty(), "all were asked for");
            }
            Some(missing) => {
                let (stage, cause, advice) = check.failure().expect("it fails");
                assert_eq!(
                    (stage, cause),
                    (StageName::Permissions, &*format!("permissions are not granted: {missing}"))
                );
                assert!(advice.starts_with(&format!("add {missing} (API permissions")), "{advice}");
            }
        }
        let stored = serde_json::to_string(&connection).expect("stored");
        assert_eq!(serde_json::from_str::<Connection>(&stored).expect("loaded").permissions(), &all);
    }
}

#[tokio::test]
async fn who_does_not_say_what_a_connection_is_for_is_warned() {
    let clock = ManualClock::at(NOW);
    let sim = tenant(&clock).without_permission("Group.ReadWrite.All").build();
    let plain = |sim: &Sim| {
        let builder = Connection::builder(sim.tenant_id(), sim.client_id()).client_secret(sim.client_secret());
        builder.cloud(sim.cloud()).build().expect("complete")
    };
    let check = checked(&mut plain(&sim), &sim, &clock).await;
    assert!(check.passed(), "{check}");
    let (stage, cause, advice) = check.warnings().next().expect("it warns");
    assert!(cause.contains("groups: may not") && advice.contains("Group.ReadWrite.All"), "{stage}: {cause}; {advice}");
    let sim = tenant(&clock).without_consent().permission("Organization.Read.All").build();
    let check = checked(&mut plain(&sim), &sim, &clock).await;
    assert_eq!(check.failure().expect("nothing can be read").0, StageName::Permissions);
}

#[tokio::test]
async fn what_is_odd_warns_and_does_not_refuse() {
    let clock = ManualClock::at(NOW);
    // R2: an active subscription.
    let sim = Sim::builder().domain("contoso.com").clock(clock.clone()).application_role("User Administrator").build();
    let check = checked(&mut connection(&sim).build().expect("complete"), &sim, &clock).await;
    let warned: Vec<_> = check.warnings().map(|(stage, ..)| stage).collect();
    assert_eq!((warned, check.passed()), (vec![StageName::Subscription], true), "{check}");

    let sim = tenant(&clock).federated_domain("fabrikam.com").build();
    let federated = connection(&sim).domain("FABRIKAM.com").build();
    let check = checked(&mut federated.expect("complete"), &sim, &clock).await;
    let (stage, _, advice) = check.warnings().next().expect("it warns");
    assert_eq!(stage, StageName::Domains);
    assert!(advice.contains("onPremisesImmutableId"), "{advice}");
    assert_eq!(check.tenant.expect("read").default_domain.as_deref(), Some("fabrikam.com"));

    let soon = Certificate::until(&sim, NOW + Duration::days(29));
    let soon = connection(&sim).credential_of(CredentialKind::Certificate, soon).build();
    let check = checked(&mut soon.expect("complete"), &sim, &clock).await;
    let (stage, cause, _) = check.warnings().next().expect("it warns");
    assert!(stage == StageName::Credential && cause.contains("expires on 2026-02-13"), "{cause}");
    assert_eq!(check.certificate_ends, Some(NOW + Duration::days(29)));

    sim.fail(Fault::on("GET", "/v1.0/subscribedSkus").status(403).always());
    let check = checked(&mut connection(&sim).build().expect("complete"), &sim, &clock).await;
    assert!(check.passed());
    let (stage, _, advice) = check.warnings().next().expect("it warns");
    assert!(stage == StageName::Licenses && advice.contains("LicenseAssignment.Read.All"), "{stage}: {advice}");
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_named() {
    let clock = ManualClock::at(NOW);
    let sim = tenant(&clock).build();
    sim.fail(Fault::on("GET", "/").containing("openid-configuration").always().drop_before());
    let mut secret = connection(&sim).build().expect("complete");
    let check = checked(&mut secret, &sim, &clock).await;
    let (stage, _, advice) = check.failure().expect("it fails");
    assert!(stage == StageName::Reachability && advice.contains("network"), "{check}");
    assert_eq!(check.outcome(StageName::Token), Some(&StageOutcome::Skipped), "no secret is sent");
    assert_eq!(sim.requests().token, 0);
    // A credential of the host's own may have another way, and a ready token needs none.
    let own = Certificate::until(&sim, NOW + Duration::days(90));
    let check = checked(&mut connection(&sim).credential(own).build().expect("complete"), &sim, &clock).await;
    assert!(check.passed(), "{check}");
    let asked = sim.requests().discovery;
    let check = checked(&mut connection(&sim).token(sim.token()).build().expect("complete"), &sim, &clock).await;
    assert!(check.passed(), "{check}");
    assert_eq!(sim.requests().discovery, asked);
    assert_eq!(check.outcome(StageName::Reachability), Some(&StageOutcome::Skipped));
    assert!(matches!(check.outcome(StageName::Permissions), Some(StageOutcome::Warned { .. })), "{check}");
}

#[tokio::test]
async fn a_hostile_discovery_document_is_an_error_and_no_panic() {
    let clock = ManualClock::at(NOW);
    for fault in [
        Fault::on("GET", "/").containing("openid-configuration").always().garbage_body(),
        Fault::on("GET", "/").containing("openid-configuration").always().truncated_body(),
        Fault::on("GET", "/").containing("openid-configuration").always().status(302),
    ] {
        let sim = tenant(&clock).build();
        let name = format!("{fault:?}");
        sim.fail(fault);
        let check = checked(&mut connection(&sim).build().expect("complete"), &sim, &clock).await;
        let stage = check.failure().expect("it fails").0;
        assert!(matches!(stage, StageName::Reachability | StageName::Tenant), "{name}: {check}");
        assert_eq!(sim.requests().token, 0, "{name}");
    }
}

#[tokio::test]
async fn a_token_of_another_tenant_is_refused() {
    let clock = ManualClock::at(NOW);
    let (sim, other) =
        (tenant(&clock).build(), Sim::builder().domain("adatum.com").seed(8).clock(clock.clone()).build());
    for tenant in [other.tenant_id(), "adatum.com".to_owned()] {
        let builder = Connection::builder(tenant, sim.client_id()).token(sim.token()).cloud(sim.cloud());
        let check = checked(&mut builder.build().expect("complete"), &sim, &clock).await;
        let (stage, cause, _) = check.failure().expect("it fails");
        assert!(stage == StageName::Organization && cause.contains(&sim.tenant_id()), "{check}");
    }
    let builder = Connection::builder("CONTOSO.com", sim.client_id()).token(sim.token()).cloud(sim.cloud());
    assert!(checked(&mut builder.build().expect("complete"), &sim, &clock).await.passed());
}

/// R1, R33, R38: the status, and a look at the accounts; R7, R37: a name and owners.
#[tokio::test]
async fn accounts_can_be_looked_at_before_anything_is_written() {
    let clock = ManualClock::at(NOW);
    let sim = tenant(&clock)
        .user(json!({"userPrincipalName": "scarter@contoso.com", "mail": "scarter@example.com", "surname": "Carter"}))
        .users(4)
        .build();
    let mut connection = connection(&sim).owner("ada").owner("grace").build().expect("complete");
    assert_eq!(connection.status(), ConnectionStatus::Unchecked);
    checked(&mut connection, &sim, &clock).await;
    assert_eq!(connection.status().to_string(), "connected");
    assert_eq!(connection.owners(), ["ada", "grace"]);
    assert_eq!(connection.clone().disabled().status(), ConnectionStatus::Disabled);
    let clock: Arc<dyn Clock> = Arc::new(clock);
    for (asked, shown, more) in [(0, 0, true), (3, 3, true), (5, 5, false), (2_000, 5, false)] {
        let preview = connection.preview_over(asked, sim.transport(), Arc::clone(&clock)).await.expect("it is read");
        assert_eq!((preview.accounts.len(), preview.has_more), (shown, more));
        if let Some(last) = preview.accounts.get(4) {
            assert_eq!(last.mail.as_deref(), Some("scarter@example.com"), "not the name (R40)");
        }
    }
    assert!(sim.audit().is_empty());
}

/// R70, R75: a certificate that is replaced by another asks for a new check; the same one again does not.
#[tokio::test]
async fn another_certificate_asks_for_a_new_check() {
    let clock = ManualClock::at(NOW);
    let sim = tenant(&clock).build();
    let kind = CredentialKind::Certificate;
    let certificate = Certificate::until(&sim, NOW + Duration::days(90));
    let mut connection = connection(&sim).credential_of(kind, certificate.clone()).build().expect("complete");
    checked(&mut connection, &sim, &clock).await;
    let stored = serde_json::to_string(&connection).expect("stored");
    let loaded: Connection = serde_json::from_str(&stored).expect("loaded");
    assert_eq!(loaded.thumbprint(), Some("BB5D1064437D8720A5C53078185E6A361A78B10A"));
    assert!(loaded.clone().with_credential_of(kind, certificate).refusal().is_none());
    let mut other = Certificate::until(&sim, NOW + Duration::days(900));
    let others = Arc::get_mut(&mut other).expect("nobody else has it");
    others.validity = others.validity.clone().with_thumbprint("0000000000000000000000000000000000000000");
    assert!(loaded.clone().with_credential_of(kind, other).refusal().is_some());
    // One that does not say which it is could not be asked for again.
    let nameless = super::connection(&sim).credential_of(kind, Arc::new(StaticToken::new(sim.token()))).build();
    assert_eq!(nameless.expect("complete").credential_kind(), CredentialKind::Custom);
}

/// A document that speaks for another host is no document of this cloud: nothing is sent after it.
#[tokio::test]
async fn a_discovery_document_that_names_another_host_is_an_error() {
    #[derive(Debug)]
    struct Lying(entrant::sim::Sim);

    #[async_trait::async_trait]
    impl entrant::http::Transport for Lying {
        async fn send(&self, request: http::Request<bytes::Bytes>) -> entrant::Result<http::Response<bytes::Bytes>> {
            if !request.uri().path().contains("openid-configuration") {
                return self.0.transport().send(request).await;
            }
            let tenant = self.0.tenant_id();
            let document = json!({
                "issuer": format!("https://evil.example/{tenant}/v2.0"),
                "token_endpoint": format!("https://evil.example/{tenant}/oauth2/v2.0/token"),
            });
            Ok(http::Response::new(document.to_string().into()))
        }
    }

    let clock = ManualClock::at(NOW);
    let sim = tenant(&clock).build();
    let mut connection = connection(&sim).build().expect("complete");
    let clock: Arc<dyn Clock> = Arc::new(clock);
    let check = connection.check_over(Arc::new(Lying(sim.clone())), clock).await.expect("a check can be made");
    let (_, cause, _) = check.failure().expect("it fails");
    assert!(cause.contains("evil.example"), "{cause}");
    assert_eq!(sim.requests().token, 0, "no secret is sent");
}
