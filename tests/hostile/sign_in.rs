//! Every field of every answer on the way to a token, changed in every way: a token or an error, in bounded time, and
//! nothing told of what was sent.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use entrant::auth::{
    ClientId, ClientSecret, DeviceCode, Environment, ManagedIdentity, MemoryRefreshTokens, SignInPrompt, SignInRequest,
    TenantDiscovery, TenantId, TokenContext, TokenCredential, UserApplication,
};
use entrant::clock::{Clock as _, ManualClock};
use entrant::sim::Sim;
use entrant::{Error, Result};
use serde_json::json;

use super::mutation::{CHANGES, Liar, Mutation, WHOLE, places};

/// The longest that a person may be waited for, and what goes with it.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Someone who enters the code that is shown, if there is such a code.
#[derive(Debug, Clone)]
struct Person(Sim);

#[async_trait]
impl SignInPrompt for Person {
    async fn show(&self, request: &SignInRequest) -> Result<()> {
        if let SignInRequest::DeviceCode { code, .. } = request
            && self.0.device_codes().contains(code)
        {
            self.0.approve_device(code, "ada@contoso.com");
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Secret,
    Identity,
    Device,
    Discovery,
}

struct World {
    clock: ManualClock,
    sim: Sim,
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::at(time::macros::datetime!(2026-01-15 09:30:00 UTC));
        let sim = Sim::builder().domain("contoso.com").seed(7).clock(clock.clone()).build();
        sim.add_user(json!({"userPrincipalName": "ada@contoso.com", "displayName": "Ada", "accountEnabled": true}));
        sim.allow_public_client();
        Self { clock, sim }
    }

    async fn signs_in(&self, way: Way, liar: &Liar) -> Result<()> {
        let tenant = TenantId::new(self.sim.tenant_id())?;
        let client = ClientId::new(self.sim.client_id())?;
        let (transport, clock) = (Arc::new(liar.clone()), Arc::new(self.clock.clone()));
        let credential: Box<dyn TokenCredential> = match way {
            Way::Discovery => {
                TenantDiscovery::locate(&self.sim.cloud(), &tenant, transport, clock).await?;
                return Ok(());
            }
            Way::Secret => Box::new(ClientSecret::new(tenant, client, self.sim.client_secret())),
            Way::Identity => Box::new(ManagedIdentity::from_environment(&Environment::new([
                ("IDENTITY_ENDPOINT", format!("{}msi/token", self.sim.origin())),
                ("IDENTITY_HEADER", self.sim.identity_header().to_owned()),
            ]))),
            Way::Device => {
                let application = UserApplication::public(tenant, client).scopes(["User.ReadWrite.All"]);
                Box::new(DeviceCode::new(application, Person(self.sim.clone()), MemoryRefreshTokens::new()))
            }
        };
        let context = TokenContext::new(&self.sim.cloud(), transport, clock)?;
        // The second one of a person's comes by the refresh token.
        credential.token(&context).await?;
        credential.token(&context).await?;
        Ok(())
    }

    fn secrets(&self) -> [String; 2] {
        [self.sim.client_secret().expose().to_owned(), self.sim.identity_header().to_owned()]
    }
}

#[tokio::test]
async fn a_token_or_an_error_whatever_is_answered() {
    for way in [Way::Secret, Way::Identity, Way::Device, Way::Discovery] {
        let world = World::new();
        let liar = Liar::new(world.sim.transport(), "", None);
        world.signs_in(way, &liar).await.expect("it works");
        let mut all = Vec::new();
        for (number, answer) in liar.answers().iter().enumerate() {
            all.extend(WHOLE.iter().map(|mutation| (number, mutation.clone())));
            for place in answer.iter().flat_map(places) {
                all.extend(CHANGES.iter().map(|change| (number, Mutation::Field(place.clone(), *change))));
            }
        }
        let mut lied = 0;
        for (number, mutation) in &all {
            let when = format!("{way:?}: answer {number}, {mutation:?}");
            let world = World::new();
            let secret = world.secrets();
            let liar = Liar::new(world.sim.transport(), &secret[0], Some((*number, mutation.clone())));
            let begun = world.clock.now();
            let outcome = world.signs_in(way, &liar).await;
            lied += usize::from(liar.has_lied());
            let took = Duration::try_from(world.clock.now() - begun).expect("time goes on");
            assert!(!liar.was_flooded() && took <= LONGEST, "{when}: {took:?}");
            let told = outcome.err().map(|error: Error| format!("{error:?} {}", error.to_chain())).unwrap_or_default();
            assert!(told.len() < 20_000, "{when}: {} bytes of error", told.len());
            let issued = liar.secrets();
            let secrets = secret.iter().chain(&issued);
            assert!(secrets.into_iter().all(|secret| !told.contains(secret.as_str())), "{when}: {told}");
        }
        assert!(lied * 10 >= all.len() * 7, "{way:?}: {lied} of {} lied", all.len());
    }
}
