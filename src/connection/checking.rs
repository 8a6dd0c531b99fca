//! Whether a tenant can be worked with, stage by stage.

use futures::TryStreamExt;
use http::Method;
use serde_json::Value as Json;
use time::{Duration, OffsetDateTime};

use super::access;
use super::check::{Check, LicenseFacts, Stage, StageName, StageOutcome, TenantFacts};
use super::kind::CredentialKind;
use super::settings::Connection;
use crate::auth::{SignInFailure, TenantDiscovery, TenantId, is_missing};
use crate::clock::Clock;
use crate::cloud::Cloud;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Domain, GraphClient, Organization, SubscribedSku, VerifiedDomain};

/// From here on before its end a certificate is warned about.
const SOON: Duration = Duration::days(30);

/// How far clocks may be apart: what Entra tolerates in assertions, as far as anybody knows.
const TOLERATED: i64 = 300;

/// In the order in which they are told.
const STAGES: [StageName; 11] = [
    StageName::Credential,
    StageName::Reachability,
    StageName::Tenant,
    StageName::Clock,
    StageName::Token,
    StageName::Permissions,
    StageName::Roles,
    StageName::Organization,
    StageName::Domains,
    StageName::Subscription,
    StageName::Licenses,
];

/// Goes through the stages.
pub(super) async fn run(client: &GraphClient, connection: &Connection, clock: &dyn Clock) -> Check {
    let check = Check {
        at: clock.now(),
        stages: Vec::new(),
        tenant: None,
        application: None,
        access: Vec::new(),
        licenses: Vec::new(),
        certificate_ends: None,
        clock_ahead_seconds: None,
    };
    let mut run = Run { client, connection, clock, check, begun: clock.now() };
    run.go().await;
    // What was not reached.
    for name in STAGES {
        if run.check.outcome(name).is_none() {
            run.note(name, StageOutcome::Skipped);
        }
    }
    let place = |name| STAGES.iter().position(|stage| *stage == name);
    run.check.stages.sort_by_key(|stage| place(stage.name));
    run.check
}

struct Run<'a> {
    client: &'a GraphClient,
    connection: &'a Connection,
    clock: &'a dyn Clock,
    check: Check,
    /// When the stage under way began.
    begun: OffsetDateTime,
}

/// Nothing more can be looked at.
struct Stop;

impl Run<'_> {
    fn note(&mut self, name: StageName, outcome: StageOutcome) {
        let now = self.clock.now();
        let took = (now - self.begun).whole_milliseconds();
        self.begun = now;
        self.check.stages.push(Stage { name, outcome, took_ms: u64::try_from(took).unwrap_or_default() });
    }

    fn fail(&mut self, name: StageName, cause: impl Into<String>, advice: impl Into<String>) -> Stop {
        self.note(name, StageOutcome::Failed { cause: cause.into(), advice: advice.into() });
        Stop
    }

    /// `Err` only says that no stage comes after.
    async fn go(&mut self) {
        let is_usable = self.credential();
        let id = self.tenant().await;
        if is_usable.is_err() {
            return;
        }
        let Ok(id) = id else { return };
        if self.token(id.as_ref()).await.is_err() {
            return;
        }
        let organization = self.organization(id.as_ref()).await;
        if let Ok(organization) = &organization {
            self.domains(organization).await;
            self.subscription(organization);
        }
        if self.check.clock_ahead_seconds.is_none() {
            self.clock(self.client.clock_ahead().map(Duration::whole_seconds));
        }
        if organization.is_ok() {
            self.licenses().await;
        }
    }

    fn credential(&mut self) -> Result<(), Stop> {
        let Some(certificate) = self.connection.certificate() else {
            self.note(StageName::Credential, StageOutcome::Passed);
            return Ok(());
        };
        self.check.certificate_ends = Some(certificate.not_after);
        let now = self.clock.now();
        let which = certificate.thumbprint.as_ref().map_or_else(String::new, |print| format!(" {print}"));
        let renew = "make a new certificate, add its public part to the application, and give it to the connection";
        if now >= certificate.not_after {
            let cause = format!("the certificate{which} expired on {}", certificate.not_after.date());
            return Err(self.fail(StageName::Credential, cause, renew));
        }
        if now < certificate.not_before {
            let cause = format!("the certificate{which} is good only from {} on", certificate.not_before);
            return Err(self.fail(StageName::Credential, cause, "check this machine's clock, or wait until then"));
        }
        let outcome = if certificate.not_after - now < SOON {
            let cause = format!("the certificate{which} expires on {}", certificate.not_after.date());
            StageOutcome::Warned { cause, advice: renew.into() }
        } else {
            StageOutcome::Passed
        };
        self.note(StageName::Credential, outcome);
        Ok(())
    }

    /// Asks the host that issues tokens; the tenant's id, if it tells.
    async fn tenant(&mut self) -> Result<Option<TenantId>, Stop> {
        let connection = self.connection;
        let kind = connection.credential_kind();
        if kind == CredentialKind::Token {
            return Ok(None);
        }
        let (cloud, tenant) = (connection.cloud(), connection.tenant());
        let context = self.client.tokens().context();
        let found = match TenantDiscovery::ask(context, tenant).await {
            Ok(found) => found,
            Err(error) if is_refusal(&error) => {
                self.note(StageName::Reachability, StageOutcome::Passed);
                if is_missing(&error)
                    && let Ok(Some((lives_in, _))) = TenantDiscovery::elsewhere(context, cloud, tenant).await
                {
                    return Err(self.other_cloud(&lives_in));
                }
                let remedy = SignInFailure::of(&error).and_then(SignInFailure::advice).map(|advice| advice.remedy);
                let remedy = remedy.unwrap_or("check the tenant and the cloud");
                let cause = format!("there is no tenant {tenant} here: {error}");
                let advice = format!("{remedy}; the tenant's id is on its overview page in the portal");
                return Err(self.fail(StageName::Tenant, cause, advice));
            }
            Err(error) => {
                let cause = error.to_chain();
                let advice = match context.authority().host_str() {
                    Some(host) if host.ends_with(".invalid") => {
                        "check the network, the proxy and the cloud that is set: such a host is nowhere, and a simulated tenant in process \
                         is reached by .transport(sim.transport())"
                    }
                    _ => "check the network, the proxy and the cloud that is set",
                };
                if kind.signs_in_at_authority() {
                    return Err(self.fail(StageName::Reachability, cause, advice));
                }
                // A broker of the host's may have another way.
                self.note(StageName::Reachability, StageOutcome::Warned { cause, advice: advice.into() });
                return Ok(None);
            }
        };
        self.note(StageName::Reachability, StageOutcome::Passed);
        self.clock(found.clock_ahead.map(Duration::whole_seconds));
        let is_alike = |other: &Cloud| other.graph() == cloud.graph() && other.authority() == cloud.authority();
        if let Some(lives_in) = found.cloud.filter(|lives_in| !is_alike(lives_in)) {
            if !matches!(cloud, Cloud::Custom { .. }) {
                return Err(self.other_cloud(&lives_in));
            }
            // Hosts of one's own may be a proxy before any cloud.
            let cause = format!("the tenant lives in {lives_in}, says the host that issues tokens");
            let advice = "if the hosts that are set are not a way into that cloud, choose it";
            self.note(StageName::Tenant, StageOutcome::Warned { cause, advice: advice.into() });
            return Ok(Some(found.id));
        }
        if is_id(tenant) && found.id != *tenant {
            let cause = format!("the host that issues tokens answers for the tenant {}, not for {tenant}", found.id);
            return Err(self.fail(
                StageName::Tenant,
                cause,
                "check the tenant, and what stands between here and there",
            ));
        }
        self.note(StageName::Tenant, StageOutcome::Passed);
        Ok(Some(found.id))
    }

    fn other_cloud(&mut self, lives_in: &Cloud) -> Stop {
        let (tenant, here) = (self.connection.tenant(), self.connection.cloud());
        let cause = format!("the tenant {tenant} lives in {lives_in}, not in {here}");
        let advice = format!("choose the cloud that it lives in, {lives_in}, and an application registered there");
        self.fail(StageName::Tenant, cause, advice)
    }

    fn clock(&mut self, ahead: Option<i64>) {
        let Some(ahead) = ahead else { return };
        self.check.clock_ahead_seconds = Some(ahead);
        if ahead.abs() <= TOLERATED {
            return self.note(StageName::Clock, StageOutcome::Passed);
        }
        let way = if ahead > 0 { "behind" } else { "ahead of" };
        let cause = format!("this machine's clock is {} seconds {way} Microsoft's", ahead.unsigned_abs());
        let advice = "set this machine's clock, and keep it by a time service (NTP)".to_owned();
        // Who signs assertions dates them.
        let outcome = if self.connection.certificate().is_some() {
            StageOutcome::Failed { cause, advice }
        } else {
            StageOutcome::Warned { cause, advice }
        };
        self.note(StageName::Clock, outcome);
    }

    async fn token(&mut self, id: Option<&TenantId>) -> Result<(), Stop> {
        let token = match self.client.tokens().token().await {
            Ok(token) => token,
            Err(error) => {
                let advice = token_advice(&error);
                return Err(self.fail(StageName::Token, error.to_chain(), advice));
            }
        };
        let claims = token.claims();
        let graph = self.connection.cloud().graph();
        let root = graph.as_str().trim_end_matches('/');
        let is_graph = |audience: &&str| {
            let audience = audience.trim_end_matches('/');
            audience.eq_ignore_ascii_case(root) || audience == access::GRAPH
        };
        // A proxy of one's own before Graph has another address than the token is for.
        let is_fixed = !matches!(self.connection.cloud(), Cloud::Custom { .. });
        if let Some(audience) = claims.audience.as_deref().filter(|audience| is_fixed && !is_graph(audience)) {
            let cause = format!("the token is for {audience}, not for {root}");
            return Err(self.fail(StageName::Token, cause, "ask for a token for Microsoft Graph of this cloud"));
        }
        let expected = id.or(Some(self.connection.tenant())).filter(|tenant| is_id(tenant));
        if let (Some(tenant), Some(expected)) = (&claims.tenant, expected)
            && !tenant.eq_ignore_ascii_case(expected.as_str())
        {
            let cause = format!("the token is for the tenant {tenant}, not for {expected}");
            return Err(self.fail(StageName::Token, cause, "check the tenant and where the token comes from"));
        }
        let client_id = self.connection.client_id();
        let other = claims.application.as_deref().filter(|id| !id.eq_ignore_ascii_case(client_id.as_str()));
        let outcome = match other {
            Some(other) => StageOutcome::Warned {
                cause: format!("the token is of the application {other}, not of {client_id}"),
                advice: "if that is not meant, check where the token comes from".into(),
            },
            None => StageOutcome::Passed,
        };
        self.note(StageName::Token, outcome);
        let found = access::look(&claims, self.connection.operations());
        let is_told = found.is_some();
        if let Some((mut facts, access)) = found {
            facts.unneeded = facts.unneeded.missing_from(self.connection.permissions());
            let permissions = access::permissions(&facts, &access, self.connection);
            let roles = access::roles(&facts, self.connection);
            (self.check.application, self.check.access) = (Some(facts), access);
            self.note(StageName::Permissions, permissions);
            self.note(StageName::Roles, roles);
        }
        if !is_told {
            self.probe().await;
        }
        Ok(())
    }

    /// What a token that cannot be read permits shows only when it is used.
    async fn probe(&mut self) {
        let users = self.client.request(Method::GET, "/users").query("$top", "1").select(["id"]).await;
        let outcome = match users {
            Err(error) if error.kind() == ErrorKind::Forbidden => StageOutcome::Failed {
                cause: format!("users cannot be read: {}", error.to_chain()),
                advice: "grant the application User.Read.All and consent to it".into(),
            },
            // What else is wrong, the next stage says.
            Err(_) => StageOutcome::Skipped,
            Ok(_) => StageOutcome::Warned {
                cause: "the token does not tell what it permits; users can be read".into(),
                advice: "if a run is refused, see which permission its error names".into(),
            },
        };
        self.note(StageName::Permissions, outcome);
        let outcome = match self.connection.roles().is_empty() {
            true => StageOutcome::Passed,
            false => StageOutcome::Warned {
                cause: "the token does not tell which directory roles the application holds".into(),
                advice: format!("see in the portal that it holds {}", self.connection.roles()),
            },
        };
        self.note(StageName::Roles, outcome);
    }

    async fn organization(&mut self, id: Option<&TenantId>) -> Result<Organization, Stop> {
        let organization = match self.client.organization().await {
            Ok(organization) => organization,
            Err(error) => {
                let advice = graph_advice(&error, "grant the application Organization.Read.All and consent to it");
                return Err(self.fail(StageName::Organization, error.to_chain(), advice));
            }
        };
        let tenant = id.unwrap_or(self.connection.tenant());
        if is_id(tenant) && *tenant != organization.id {
            let cause = format!("the token is for the tenant {}, not for {tenant}", organization.id);
            let advice = "check the tenant and where the token comes from";
            return Err(self.fail(StageName::Organization, cause, advice));
        }
        // With a ready token nobody has said yet which tenant a domain stands for.
        let is_named = |domain: &VerifiedDomain| domain.name.eq_ignore_ascii_case(tenant.as_str());
        let verified = &organization.verified_domains;
        if !is_id(tenant) && !verified.is_empty() && !verified.iter().any(is_named) {
            let cause = format!("the token is for the tenant {}, which {tenant} is no domain of", organization.id);
            let advice = "check the tenant and where the token comes from";
            return Err(self.fail(StageName::Organization, cause, advice));
        }
        self.note(StageName::Organization, StageOutcome::Passed);
        Ok(organization)
    }

    async fn domains(&mut self, organization: &Organization) {
        let domains = match domains(self.client, organization).await {
            Ok(domains) => domains,
            Err(error) => {
                let advice = graph_advice(&error, "grant the application Domain.Read.All and consent to it");
                self.fail(StageName::Domains, error.to_chain(), advice);
                return;
            }
        };
        let verified: Vec<&Domain> = domains.iter().filter(|domain| domain.is_verified).collect();
        let names: Vec<String> = verified.iter().map(|domain| domain.id.clone()).collect();
        let wanted = self.connection.domain();
        let chosen = match wanted {
            Some(wanted) => verified.iter().find(|domain| domain.id.eq_ignore_ascii_case(wanted)),
            None => verified.iter().find(|domain| domain.is_default),
        };
        self.check.tenant = Some(TenantFacts {
            id: organization.id.clone(),
            name: organization.display_name.clone(),
            default_domain: chosen.map(|domain| domain.id.clone()),
            verified_domains: names.clone(),
            is_synchronized: organization.on_premises_sync_enabled == Some(true),
        });
        let outcome = match (chosen, wanted) {
            (Some(domain), _) if domain.authentication_type.as_deref() == Some("Federated") => StageOutcome::Warned {
                cause: format!(
                    "{} is a federated domain: its users sign in elsewhere and have no password here",
                    domain.id
                ),
                advice: "map onPremisesImmutableId for its users, or name a managed domain".into(),
            },
            (Some(_), _) => StageOutcome::Passed,
            (None, Some(wanted)) => {
                let is_there = domains.iter().any(|domain| domain.id.eq_ignore_ascii_case(wanted));
                let state = if is_there { "is not verified yet" } else { "is none of the tenant's domains" };
                StageOutcome::Failed {
                    cause: format!("{wanted} {state}; verified are {}", names.join(", ")),
                    advice: format!("verify {wanted} in the tenant (Domain names in the portal), or name one that is"),
                }
            }
            (None, None) => StageOutcome::Failed {
                cause: "no verified domain is the default for new users".into(),
                advice: "verify a domain in the tenant and make it the default".into(),
            },
        };
        self.note(StageName::Domains, outcome);
    }

    /// R2: a plan that is `Enabled` shows an active subscription.
    fn subscription(&mut self, organization: &Organization) {
        let plans = organization.extra.get("assignedPlans").and_then(Json::as_array);
        let is_active = |plan: &Json| plan["capabilityStatus"].as_str() == Some("Enabled");
        let outcome = match plans {
            Some(plans) if plans.iter().any(is_active) => StageOutcome::Passed,
            Some(_) => StageOutcome::Warned {
                cause: "the tenant has no active subscription".into(),
                advice: "without one, people get accounts and no services; buy or renew one in the admin center".into(),
            },
            None => StageOutcome::Warned {
                cause: "the tenant's subscriptions cannot be read".into(),
                advice: "grant the application Organization.Read.All and consent to it".into(),
            },
        };
        self.note(StageName::Subscription, outcome);
    }

    async fn licenses(&mut self) {
        let skus = self.client.subscribed_skus().items().try_collect::<Vec<SubscribedSku>>().await;
        let outcome = match skus {
            Ok(skus) => {
                self.check.licenses = skus
                    .into_iter()
                    .map(|sku| LicenseFacts {
                        sku: sku.sku_id,
                        part_number: sku.sku_part_number,
                        seats: sku.prepaid_units.enabled.saturating_add(sku.prepaid_units.warning),
                        taken: sku.consumed_units,
                    })
                    .collect();
                StageOutcome::Passed
            }
            Err(error) => StageOutcome::Warned {
                cause: format!("the tenant's products cannot be read: {}", error.to_chain()),
                advice: graph_advice(&error, "grant the application LicenseAssignment.Read.All and consent to it"),
            },
        };
        self.note(StageName::Licenses, outcome);
    }
}

/// Whether the host that issues tokens answered, and refused.
fn is_refusal(error: &Error) -> bool {
    let passes = matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Throttled);
    !passes && SignInFailure::of(error).is_some_and(|failure| !failure.error.is_empty())
}

fn is_id(tenant: &TenantId) -> bool {
    !tenant.as_str().contains('.')
}

/// The tenant's domains; without the permission to list them, those that the organization names.
async fn domains(client: &GraphClient, organization: &Organization) -> Result<Vec<Domain>, Error> {
    match client.domains().items().try_collect().await {
        Err(error) if error.kind() == ErrorKind::Forbidden && !organization.verified_domains.is_empty() => {
            Ok(organization.verified_domains.iter().map(Domain::from).collect())
        }
        listed => listed,
    }
}

fn token_advice(error: &Error) -> String {
    if let Some(advice) = SignInFailure::of(error).and_then(SignInFailure::advice) {
        return format!("{} ({}; {})", advice.remedy, advice.actor, advice.place);
    }
    match error.kind() {
        ErrorKind::Transport | ErrorKind::TimedOut => NETWORK.to_owned(),
        ErrorKind::Unavailable | ErrorKind::Throttled => "wait some minutes and try again".to_owned(),
        _ => "check the tenant, the client id and the credential".to_owned(),
    }
}

const NETWORK: &str = "check the network, the proxy and the hosts of the cloud, then try again";

fn graph_advice(error: &Error, permission: &str) -> String {
    match error.kind() {
        ErrorKind::Unauthenticated if error.graph().is_some() => {
            "Graph refuses the token: use one that was issued for this cloud's Microsoft Graph and has not run out"
                .to_owned()
        }
        ErrorKind::Forbidden | ErrorKind::Unauthenticated => permission.to_owned(),
        ErrorKind::Transport | ErrorKind::TimedOut => NETWORK.to_owned(),
        _ => match error.graph() {
            Some(graph) => graph.class().advice().to_owned(),
            None => permission.to_owned(),
        },
    }
}
