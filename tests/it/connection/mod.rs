//! Connections: what a check finds, how an application is set up, and that no secret shows.

mod check;
mod credentials;
mod defects;
mod secrets;
mod setup;

use std::sync::Arc;

use async_trait::async_trait;
use entrant::auth::{
    AccessToken, CertificateValidity, ClientId, ClientSecret, TenantId, TokenContext, TokenCredential,
};
use entrant::clock::{Clock, ManualClock};
use entrant::connection::{Check, Connection, ConnectionBuilder, Operations, Roles};
use entrant::sim::{Sim, SimBuilder, Sku};
use time::OffsetDateTime;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-01-15 09:30:00 UTC);

/// A tenant in which all is as it should be for [`connection`].
fn tenant(clock: &ManualClock) -> SimBuilder {
    Sim::builder()
        .domain("contoso.com")
        .clock(clock.clone())
        .seed(7)
        .sku(Sku::office_e3(25))
        .application_role("User Administrator")
}

fn connection(sim: &Sim) -> ConnectionBuilder {
    Connection::builder(sim.tenant_id(), sim.client_id())
        .name("Contoso")
        .client_secret(sim.client_secret())
        .cloud(sim.cloud())
        .domain("contoso.com")
        .operations(Operations::outbound())
        .roles(Roles::over_limited_administrators())
}

async fn checked(connection: &mut Connection, sim: &Sim, clock: &ManualClock) -> Check {
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    connection.check_over(sim.transport(), clock).await.expect("a check can be made").clone()
}

/// Signs in with the tenant's secret and says that it is a certificate.
#[derive(Debug)]
struct Certificate {
    validity: CertificateValidity,
    secret: ClientSecret,
}

impl Certificate {
    fn until(sim: &Sim, end: OffsetDateTime) -> Arc<Self> {
        let validity = CertificateValidity::new(end - time::Duration::days(365), end);
        Arc::new(Self {
            validity: validity.with_thumbprint("BB5D1064437D8720A5C53078185E6A361A78B10A"),
            secret: ClientSecret::new(
                TenantId::new(sim.tenant_id()).expect("a tenant"),
                ClientId::new(sim.client_id()).expect("a client"),
                sim.client_secret(),
            ),
        })
    }
}

#[async_trait]
impl TokenCredential for Certificate {
    async fn token(&self, context: &TokenContext) -> entrant::Result<AccessToken> {
        self.secret.token(context).await
    }

    fn certificate(&self) -> Option<CertificateValidity> {
        Some(self.validity.clone())
    }
}
