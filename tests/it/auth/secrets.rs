//! What must never show.

use std::fmt;
use std::sync::{Arc, Mutex};

use entrant::auth::{
    AccessToken, AuthorizationCode, AzureCli, BrowserSignIn, CertificateKey, ClientCertificate, ClientSecret,
    CredentialChain, DeviceCode, Environment, EnvironmentCredential, ManagedIdentity, MemoryRefreshTokens,
    RefreshToken, RefreshTokenStore as _, SignInPrompt, SignInRequest, StaticToken, TokenCache, TokenCredential,
    UserApplication, WorkloadIdentity,
};
use entrant::connection::Connection;
use entrant::graph::GraphClient;
use entrant::secret::Secret;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use zeroize::ZeroizeOnDrop;

use super::world::{NOW, Pair, builder, clock, context, foreign_token, ids};

const SECRET: &str = "hunter2~s3cret";

#[test]
fn secrets_are_wiped_when_they_are_dropped() {
    fn wiped<T: ZeroizeOnDrop>() {}
    wiped::<Secret>();
}

/// Takes down everything that is logged, at every level.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<String>>);

impl Log {
    pub(super) fn text(&self) -> String {
        self.0.lock().expect("no panic").clone()
    }
}

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        use fmt::Write as _;
        write!(self.0, " {field}={value:?}").expect("a text");
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Line(&mut self.0.lock().expect("no panic")));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Line(&mut self.0.lock().expect("no panic")));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = self.0.lock().expect("no panic");
        text.push('\n');
        event.record(&mut Line(&mut text));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Debug)]
struct Nobody;

#[async_trait::async_trait]
impl SignInPrompt for Nobody {
    async fn show(&self, _: &SignInRequest) -> entrant::Result<()> {
        Err(entrant::Error::new(entrant::ErrorKind::Unsupported, "nobody is here"))
    }
}

#[tokio::test]
async fn no_secret_shows_in_any_type_log_or_error() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let clock = clock();
    let sim = builder(&clock).client("11111111-2222-3333-4444-555555555555", SECRET).build();
    let (tenant, client) = ids(&sim);
    let pair = Pair::new();
    sim.add_certificate(pair.der());
    sim.add_federated_credential("i", "s");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    let foreign = foreign_token("i", "s", NOW);
    std::fs::write(&file, &foreign).expect("a file");

    let public = UserApplication::public(tenant.clone(), client.clone());
    let confidential = UserApplication::with_secret(tenant.clone(), client.clone(), SECRET);
    let kept = MemoryRefreshTokens::new();
    kept.save(&Secret::new(SECRET)).await.expect("kept");
    let key = || CertificateKey::from_pem(pair.pem()).expect("a key");
    let environment = Environment::new([
        ("AZURE_TENANT_ID", tenant.as_str()),
        ("AZURE_CLIENT_ID", client.as_str()),
        ("AZURE_CLIENT_SECRET", SECRET),
        ("AZURE_CLIENT_CERTIFICATE_PASSWORD", SECRET),
        ("IDENTITY_ENDPOINT", "https://sim.invalid/msi/token"),
        ("IDENTITY_HEADER", SECRET),
        ("MSI_SECRET", SECRET),
    ]);
    let credentials: Vec<Arc<dyn TokenCredential>> = vec![
        Arc::new(ClientSecret::new(tenant.clone(), client.clone(), SECRET)),
        Arc::new(ClientCertificate::new(tenant.clone(), client.clone(), key())),
        Arc::new(WorkloadIdentity::from_file(tenant.clone(), client.clone(), &file)),
        Arc::new(StaticToken::new(SECRET)),
        Arc::new(EnvironmentCredential::new(&environment).expect("complete")),
        Arc::new(ManagedIdentity::from_environment(&environment)),
        Arc::new(RefreshToken::new(confidential.clone(), kept.clone())),
        Arc::new(BrowserSignIn::new(public.clone(), Nobody, kept.clone())),
        Arc::new(DeviceCode::new(public.clone(), Nobody, kept.clone())),
        Arc::new(AzureCli::new().program(folder.path().join("nothing"))),
        Arc::new(CredentialChain::usual(&environment)),
    ];
    // What must not show: what was given, and what was issued on the way.
    let mut secrets = vec![SECRET.to_owned(), foreign];
    secrets.extend(pair.key.serialize_pem().lines().filter(|line| line.len() > 40).map(str::to_owned));
    let mut shown = format!("{:?} {kept:?} {confidential:?} {environment:?} {:?}", Secret::new(SECRET), key());
    for credential in &credentials {
        // A test in another thread may have come by an event for the first time just when nobody listened there.
        tracing::callsite::rebuild_interest_cache();
        shown += &format!("{credential:?} {credential:#?}");
        let cache = TokenCache::new(credential.clone(), context(&sim, &clock));
        match cache.token().await {
            Ok(token) => {
                secrets.push(token.secret.expose().to_owned());
                shown += &format!("{token:?} {:?}", AccessToken::new(token.secret.expose()).claims());
            }
            Err(error) => shown += &format!("{error} {error:?} {}", error.to_chain()),
        }
        shown += &format!("{cache:?}");
        let graph = GraphClient::builder(credential.clone()).cloud(sim.cloud()).transport(sim.transport());
        shown += &format!("{graph:?}");
        let graph = graph.clock(clock.clone()).build().expect("a client");
        shown += &format!("{graph:?}");
        if let Err(error) = graph.organization().await {
            shown += &format!("{error} {error:?} {}", error.to_chain());
        }
    }
    // Refused, so that errors are made with all of them.
    for number in [7_000_215, 700_027, 70_021, 50_173, 90_033] {
        sim.refuse_sign_in(number);
        kept.save(&Secret::new(SECRET)).await.expect("kept");
        for credential in &credentials {
            if let Err(error) = credential.token(&context(&sim, &clock)).await {
                shown += &format!("{error} {error:?} {}", error.to_chain());
            }
        }
    }
    let redirect = "https://sync.contoso.com/".parse().expect("an address");
    let begun = AuthorizationCode::begin(confidential, &context(&sim, &clock), redirect).expect("begun");
    shown += &format!("{begun:?}");
    secrets.extend(begun.page().query_pairs().filter(|(name, _)| name == "state").map(|(_, value)| value.into_owned()));
    let mut connection =
        Connection::builder(sim.tenant_id(), sim.client_id()).client_secret(SECRET).build().expect("one");
    let _ = connection.check_over(sim.transport(), Arc::new(clock.clone())).await.expect("a check");
    shown += &format!("{connection:?} {}", serde_json::to_string(&connection).expect("JSON"));

    let logged = log.text();
    assert!(logged.contains("token request") && logged.contains("Graph answered"), "the log is taken down: {logged}");
    assert!(secrets.len() > 20);
    for secret in secrets {
        assert!(!shown.contains(&secret), "{secret} is shown");
        assert!(!logged.contains(&secret), "{secret} is logged");
    }
}
