//! Every refusal of Entra that we have seen, and what we say of it.

use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use entrant::Error;
use entrant::auth::{
    ClientId, ClientSecret, Retrying, SignInAdvice, SignInFailure, TenantId, TokenContext, TokenCredential as _,
};
use entrant::error::Retry;
use entrant::http::Transport;
use http::{Request, Response};

use super::world::{builder, clock, context, ids};

#[derive(Debug)]
struct Always(u16, Bytes);

#[async_trait]
impl Transport for Always {
    async fn send(&self, _: Request<Bytes>) -> entrant::Result<Response<Bytes>> {
        Ok(Response::builder().status(self.0).body(self.1.clone()).expect("an answer"))
    }
}

async fn refused(status: u16, body: Bytes) -> Error {
    let transport = Arc::new(Always(status, body));
    let context = TokenContext::new(&entrant::Cloud::Global, transport, Arc::new(clock())).expect("a context");
    let credential = ClientSecret::new(
        TenantId::new("contoso.com").expect("a tenant"),
        ClientId::new("00001111-aaaa-2222-bbbb-3333cccc4444").expect("a client"),
        "a secret",
    );
    credential.token(&context).await.expect_err("a refusal")
}

/// What a person reads of an error.
fn told(error: &Error) -> String {
    let failure = SignInFailure::of(error).expect("a refusal of Entra");
    let advice = failure.advice().unwrap_or_else(|| panic!("no advice: {error}"));
    let again = match (advice.retrying, error.retry()) {
        (Retrying::Later, Retry::Later | Retry::After(_)) => "after a while",
        (Retrying::JustCreated, Retry::Never) => "only just after it was made",
        (Retrying::Never, Retry::Never) => "does not help",
        odd => panic!("{odd:?} does not fit: {error}"),
    };
    let mut text = String::new();
    writeln!(text, "AADSTS{}: {}", advice.code, advice.cause).expect("a text");
    writeln!(text, "  class     {}", advice.class).expect("a text");
    writeln!(text, "  remedy    {}", advice.remedy).expect("a text");
    writeln!(text, "  who       {}", advice.actor).expect("a text");
    writeln!(text, "  where     {}", advice.place).expect("a text");
    writeln!(text, "  again     {again}").expect("a text");
    writeln!(text, "  kind      {:?}", error.kind()).expect("a text");
    text
}

#[tokio::test]
async fn every_sample_yields_its_class_and_advice() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/auth/token/errors");
    let mut samples: Vec<_> = std::fs::read_dir(folder)
        .expect("the samples")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
            let mut parts = name.split('.').map_while(|part| part.parse::<u64>().ok());
            let (code, status) = (parts.next().expect("a number"), parts.next().expect("a status"));
            (code, u16::try_from(status).expect("a status"), std::fs::read(path).expect("a body"))
        })
        .collect();
    samples.sort_by_key(|(code, ..)| *code);
    assert_eq!(samples.len(), 31);
    let mut all = String::new();
    for (code, status, body) in samples {
        let error = refused(status, body.into()).await;
        let failure = SignInFailure::of(&error).expect("a refusal");
        assert_eq!(failure.code, Some(code));
        assert_eq!(failure.correlation_id.as_deref(), Some("aaaa0000-bb11-2222-33cc-444444dddddd"));
        assert_eq!(failure.timestamp.as_deref(), Some("2026-01-15 09:30:00Z"));
        assert!(!error.to_string().contains("Trace ID"), "{error}");
        writeln!(all, "{}", told(&error)).expect("a text");
    }
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn every_number_can_be_had_from_the_tenant_with_its_class() {
    let samples: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../../data/auth/aadsts.json")).expect("JSON");
    let clock = clock();
    let sim = builder(&clock).build();
    let (tenant, client) = ids(&sim);
    for sample in samples {
        let code = u32::try_from(sample["code"].as_u64().expect("a number")).expect("small");
        sim.refuse_sign_in(code);
        let credential = ClientSecret::new(tenant.clone(), client.clone(), sim.client_secret().expose());
        let error = credential.token(&context(&sim, &clock)).await.expect_err("a refusal");
        let failure = SignInFailure::of(&error).expect("a refusal of Entra");
        assert_eq!(failure.code, Some(u64::from(code)));
        assert_eq!(failure.error, sample["error"].as_str().expect("text"), "{code}");
        assert_eq!(failure.suberror.as_deref(), sample["suberror"].as_str(), "{code}");
        let class = failure.class().expect("a class");
        assert_eq!(serde_json::to_value(class).expect("text"), sample["klass"], "{code}");
        assert!(error.to_string().contains(&format!("status={}", sample["http_status"])), "{error}");
        told(&error);
    }
    sim.refuse_sign_in(None);
    let credential = ClientSecret::new(tenant, client, sim.client_secret().expose());
    credential.token(&context(&sim, &clock)).await.expect("a token");
    assert!(SignInAdvice::all().len() > 50);
}

#[tokio::test]
async fn what_device_codes_answer_is_told_apart() {
    for (body, word) in [
        (
            &include_bytes!("../../data/auth/token/devicecode.authorization_declined.400.json")[..],
            "authorization_declined",
        ),
        (include_bytes!("../../data/auth/token/devicecode.authorization_pending.400.json"), "authorization_pending"),
        (include_bytes!("../../data/auth/token/devicecode.expired_token.400.json"), "expired_token"),
        (include_bytes!("../../data/auth/token/devicecode.slow_down.400.json"), "slow_down"),
    ] {
        let error = refused(400, Bytes::from_static(body)).await;
        let failure = SignInFailure::of(&error).expect("a refusal");
        assert_eq!(failure.error, word);
        assert!(failure.class().is_some(), "{word}");
    }
}
