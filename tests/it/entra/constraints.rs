//! What a tenant forbids.

use entrant::adapters::{Entra, PlanRelation};
use entrant::model::{Attributes, Class, Name, ObjectId};
use entrant::reconcile::{Constraints, Draft, DraftStep, FindingKind};
use entrant::sim::{Fault, ServicePlan, Sim, Sku};
use entrant::store::Target;
use entrant::{ErrorKind, Record};
use serde_json::json;

use super::{attributes, clock, connection, entra};

#[tokio::test]
async fn the_constraints_are_those_of_the_tenant() {
    let clock = clock();
    let sim = Sim::builder().domain("contoso.com").federated_domain("fed.contoso.com").clock(clock.clone()).build();
    let entra = entra(&sim, &clock).await;
    let constraints = entra.constraints().await.expect("they can be read");
    assert_eq!(constraints.parameters(), [("Domain".into(), "contoso.com".into())]);
    let rules = |name: &str| {
        let attributes = attributes(&[("userPrincipalName", name.into())]);
        let findings = constraints.check(&Draft::new(&Class::USER, DraftStep::Create, None, &attributes));
        findings.into_iter().map(|finding| finding.rule.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(rules("ada@contoso.com"), Vec::<String>::new());
    assert_eq!(rules("ada@fed.contoso.com"), ["federated-domain"]);
    assert_eq!(rules("ada@fabrikam.com"), ["unverified-domain"]);

    sim.fail(Fault::on("GET", "/v1.0/domains").status(403).always());
    let constraints = entra.constraints().await.expect("the organization knows them too");
    assert_eq!(constraints.parameters().len(), 1);
    sim.fail(Fault::on("GET", "/v1.0/organization").status(403).always());
    let constraints = entra.constraints().await.expect("unknown is no error");
    assert_eq!(constraints.parameters(), []);
}

fn of_user(id: &str) -> Record {
    Record::new(ObjectId::user(id))
}

fn found(constraints: &dyn Constraints, step: DraftStep, current: &Record) -> Vec<(FindingKind, String)> {
    let attributes = Attributes::new();
    let findings = constraints.check(&Draft::new(&current.id.class, step, Some(current), &attributes));
    findings.into_iter().map(|finding| (finding.kind, finding.message)).collect()
}

#[tokio::test]
async fn who_holds_a_role_is_known() {
    let clock = clock();
    let sim = Sim::builder()
        .domain("contoso.com")
        .user(json!({"userPrincipalName": "admin@contoso.com"}))
        .user(json!({"userPrincipalName": "helper@contoso.com"}))
        .user(json!({"userPrincipalName": "ada@contoso.com"}))
        .group(json!({"displayName": "helpers", "isAssignableToRole": true, "members": ["helper@contoso.com"]}))
        .group(json!({"displayName": "idle", "isAssignableToRole": true, "members": ["ada@contoso.com"]}))
        .role("Global Administrator", "admin@contoso.com")
        .role("User Administrator", "helpers")
        .clock(clock.clone())
        .build();
    let entra = entra(&sim, &clock).await;
    let id = |key: &str| sim.user(key).expect("there")["id"].as_str().expect("an id").to_owned();
    let before = sim.requests();
    let constraints = entra.constraints().await.expect("they can be read");
    let after = sim.requests();
    assert_eq!((after.others - before.others, after.batch_posts - before.batch_posts), (4, 1));

    let group = sim.group("helpers").expect("there")["id"].as_str().expect("an id").to_owned();
    for (current, expected) in [
        (of_user(&id("admin@contoso.com")), Some("Global Administrator".to_owned())),
        (of_user(&id("helper@contoso.com")), Some(format!("User Administrator by the group {group}"))),
        (Record::new(ObjectId::group(&*group)), Some("User Administrator".to_owned())),
        (of_user(&id("ada@contoso.com")), None),
    ] {
        let findings = found(&*constraints, DraftStep::Delete, &current);
        match expected {
            Some(role) => assert!(
                matches!(&findings[..], [(FindingKind::Privileged, message)] if message.contains(&role)),
                "{findings:?}"
            ),
            None => assert_eq!(findings, []),
        }
        assert_eq!(found(&*constraints, DraftStep::Enable, &current), []);
    }
}

#[tokio::test]
async fn roles_that_cannot_be_read_are_a_danger_only_to_those_who_could_do_harm() {
    for (role, kind) in [(None, FindingKind::Unknown), (Some("User Administrator"), FindingKind::Privileged)] {
        let clock = clock();
        let mut sim = Sim::builder()
            .domain("contoso.com")
            .user(json!({"userPrincipalName": "ada@contoso.com"}))
            .without_permission("RoleManagement.Read.Directory")
            .clock(clock.clone());
        if let Some(role) = role {
            sim = sim.application_role(role);
        }
        let sim = sim.build();
        let entra = entra(&sim, &clock).await;
        let constraints = entra.constraints().await.expect("unknown is no error");
        let ada = of_user(sim.user("ada@contoso.com").expect("there")["id"].as_str().expect("an id"));
        for step in [DraftStep::Disable, DraftStep::Delete] {
            let findings = found(&*constraints, step, &ada);
            assert!(
                matches!(&findings[..], [(found, message)] if *found == kind && message.contains("RoleManagement.Read.Directory")),
                "{role:?}: {findings:?}"
            );
        }
        assert_eq!(found(&*constraints, DraftStep::Update, &ada), []);
        sim.grant_permission("RoleManagement.Read.Directory");
        sim.assign_role("Global Reader", &ada.id.id);
        sim.fail(Fault::on("GET", "/v1.0/groups").status(403).always());
        let constraints = entra.constraints().await.expect("unknown is no error");
        let other = of_user("00000000-0000-4000-8000-000000000000");
        let findings = found(&*constraints, DraftStep::Delete, &other);
        assert!(
            matches!(&findings[..], [(found, message)] if *found == kind && message.contains("GroupMember.Read.All")),
            "{findings:?}"
        );
        sim.fail(Fault::on("GET", "/v1.0/roleManagement").status(500).always());
        let error = entra.constraints().await.expect_err("a failure is no missing permission");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
}

#[tokio::test]
async fn the_products_are_those_of_the_tenant() {
    let clock = clock();
    let addon = Sku::new("CONTOSO_ADDON", 2).plan(ServicePlan::new("CONTOSO_EXTRA"));
    let (addon_id, extra) = (addon.sku_id(), addon.plan_id("CONTOSO_EXTRA").expect("it has the plan"));
    let company = Sku::new("CONTOSO_ALL", 2).for_company();
    let company_id = company.sku_id();
    let e3 = Sku::office_e3(5);
    let (e3_id, mail) = (e3.sku_id(), e3.plan_id("EXCHANGE_S_ENTERPRISE").expect("E3 has mail"));
    let sim = Sim::builder().domain("contoso.com").sku(e3).sku(addon).sku(company).clock(clock.clone()).build();
    let ada = sim.add_user(json!({"userPrincipalName": "ada@contoso.com", "usageLocation": "DE"}));
    sim.assign_license(&ada, &e3_id);
    let entra = Entra::builder(connection(&sim).build().expect("complete"))
        .transport(sim.transport())
        .clock(clock.clone())
        .plan_relations([PlanRelation::requires("CONTOSO_EXTRA", ["EXCHANGE_S_ENTERPRISE"])])
        .connect()
        .await
        .expect("the check passes");
    let constraints = entra.constraints().await.expect("they can be read");
    let products = constraints.products().expect("a tenant has products");
    let e3 = products.get(&e3_id.to_uppercase()).expect("it is there");
    assert_eq!((&*e3.name, e3.free_seats, &e3.refusal), ("ENTERPRISEPACK", Some(4), &None));
    let plan = &products.get(&addon_id).expect("it is there").plans[0];
    assert_eq!((&*plan.id, plan.requires.iter().map(|id| &**id).collect::<Vec<_>>()), (&*extra, vec![&*mail]));
    assert!(products.get(&company_id).expect("it is there").refusal.is_some());

    sim.withdraw_permission("LicenseAssignment.ReadWrite.All");
    sim.withdraw_permission("Organization.Read.All");
    sim.fail(Fault::on("GET", "/v1.0/subscribedSkus").status(403).always());
    let constraints = entra.constraints().await.expect("unknown is no error");
    assert!(constraints.products().expect("unread ones").get(&e3_id).is_none());
}

#[tokio::test]
async fn what_a_job_may_not_do_to_groups_is_found_over_their_records() {
    let clock = clock();
    let sim = Sim::builder().domain("contoso.com").clock(clock.clone()).build();
    let entra = entra(&sim, &clock).await;
    sim.add_group(json!({"displayName": "mail", "mailEnabled": true}));
    sim.add_group(json!({"displayName": "synced", "onPremisesSyncEnabled": true}));
    sim.add_group(json!({"displayName": "dynamic", "groupTypes": ["DynamicMembership"], "membershipRule": "x"}));
    sim.add_group(json!({"displayName": "plain"}));
    let constraints = entra.constraints().await.expect("they can be read");
    let query = entrant::store::Query::all(Class::GROUP)
        .with_select(constraints.reads().into_iter().chain([Name::from("displayName")]));
    let (groups, _) = entrant::store::SourceExt::collect(&entra, &query).await;
    let elements = [Name::from("members")];
    let rule = |name: &str| {
        let group = groups.iter().find(|group| group.get("displayName") == Some(&name.into())).expect("there");
        let (class, none) = (Class::GROUP, Attributes::new());
        let draft = Draft::new(&class, DraftStep::Elements, Some(group), &none).with_elements(&elements);
        constraints.check(&draft).into_iter().map(|finding| finding.rule.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        ["mail", "synced", "dynamic", "plain"].map(rule),
        ["mail-enabled-group", "directory-synced", "dynamic-membership", ""]
    );
}
