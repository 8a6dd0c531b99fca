//! Endpoints that answer with what nobody expects.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use entrant::auth::{
    AccessToken, ClientId, ClientSecret, Environment, ManagedIdentity, TenantDiscovery, TenantId, TenantLocation,
    TokenContext, TokenCredential as _,
};
use entrant::http::Transport;
use entrant::{Cloud, Error, ErrorKind, Result};
use http::{Request, Response};

use super::world::clock;

const SECRET: &str = "s3cret-of-the-application";

/// Answers by host; counts nothing and follows nothing.
#[derive(Debug, Clone)]
struct Scripted(Vec<(&'static str, u16, Headers, Bytes)>);

type Headers = Vec<(&'static str, &'static str)>;

#[async_trait]
impl Transport for Scripted {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let host = request.uri().host().unwrap_or_default();
        let found = self.0.iter().find(|(known, ..)| *known == host);
        let (_, status, headers, body) =
            found.ok_or_else(|| Error::new(ErrorKind::Transport, format!("{host} must not be asked")))?;
        let mut answer = Response::builder().status(*status);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        Ok(answer.body(body.clone()).expect("an answer"))
    }
}

fn context(transport: Scripted, cloud: &Cloud) -> TokenContext {
    TokenContext::new(cloud, Arc::new(transport), Arc::new(clock())).expect("a context")
}

async fn token(status: u16, headers: Headers, body: impl Into<Bytes>) -> Result<AccessToken> {
    let transport = Scripted(vec![("login.microsoftonline.com", status, headers, body.into())]);
    let credential = ClientSecret::new(
        TenantId::new("contoso.com").expect("a tenant"),
        ClientId::new("11111111-2222-3333-4444-555555555555").expect("a client"),
        SECRET,
    );
    credential.token(&context(transport, &Cloud::Global)).await
}

#[tokio::test]
async fn the_token_endpoint() {
    let good = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"t"}"#;
    assert!(token(200, vec![], good).await.is_ok());
    let echo = format!(
        r#"{{"error":"{SECRET}","error_description":"AADSTS7000215: {SECRET} is wrong","trace_id":"{SECRET}"}}"#
    );
    let negative = format!(r#"{{"token_type":"Bearer","expires_in":-1,"access_token":"{SECRET}"}}"#);
    let text = format!(r#"{{"token_type":"Bearer","expires_in":"soon","access_token":"{SECRET}"}}"#);
    let broken = format!("{{\"token_type\":\"Bearer\",\"access_token\":\"{SECRET}");
    let page = format!("<html>{SECRET}</html>");
    let deep = "[".repeat(500_000);
    let table: [(u16, Headers, Bytes, ErrorKind, &str); 14] = [
        (302, vec![("location", "https://evil.example/")], Bytes::new(), ErrorKind::Protocol, "not followed"),
        (307, vec![("location", "https://evil.example/")], Bytes::new(), ErrorKind::Protocol, "not followed"),
        (200, vec![], Bytes::new(), ErrorKind::Protocol, "not JSON"),
        (200, vec![], page.clone().into(), ErrorKind::Protocol, "not JSON"),
        (200, vec![], broken.into(), ErrorKind::Protocol, "not JSON"),
        (200, vec![], deep.into(), ErrorKind::Protocol, "not JSON"),
        (200, vec![], negative.into(), ErrorKind::Protocol, "how long"),
        (200, vec![], text.into(), ErrorKind::Protocol, "how long"),
        (200, vec![], vec![b'x'; 8 * 1024 * 1024].into(), ErrorKind::Protocol, "larger than any token"),
        (401, vec![], echo.into(), ErrorKind::Unauthenticated, "AADSTS7000215"),
        (403, vec![], page.into(), ErrorKind::Unauthenticated, "<html>…</html>"),
        (418, vec![], Bytes::from_static(b"\xff\xfe"), ErrorKind::Protocol, "refused"),
        (429, vec![("retry-after", "99999999999")], Bytes::new(), ErrorKind::Throttled, "refused"),
        (503, vec![("retry-after", "-1")], Bytes::new(), ErrorKind::Unavailable, "refused"),
    ];
    for (status, headers, body, kind, says) in table {
        let error = token(status, headers, body).await.expect_err(says);
        assert_eq!(error.kind(), kind, "{says}: {error}");
        assert!(error.to_string().contains(says), "{says}: {error}");
        assert!(!format!("{error:?} {}", error.to_chain()).contains(SECRET), "{error:?}");
        assert!(error.to_chain().len() < 2_000, "{}", error.to_chain().len());
    }
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn an_answer_of_a_gigabyte_is_cut_off_on_its_way() {
    use entrant::http::ReqwestTransport;
    use std::io::{Read as _, Write as _};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url: url::Url = format!("http://{}/", listener.local_addr().expect("an address")).parse().expect("an address");
    let sent = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut head = [0; 4_096];
        let _ = stream.read(&mut head).expect("a request");
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").expect("a head");
        let chunk = [&b"100000\r\n"[..], &vec![b'x'; 0x10_0000], b"\r\n"].concat();
        // Until the other side has had enough.
        (0..1_024).take_while(|_| stream.write_all(&chunk).is_ok()).count()
    });
    let transport = ReqwestTransport::builder().max_body_bytes(1024 * 1024).build().expect("a transport");
    let cloud = Cloud::Custom { authority: url.clone(), graph: url };
    let context = TokenContext::new(&cloud, Arc::new(transport), Arc::new(clock())).expect("a context");
    let credential = ClientSecret::new(
        TenantId::new("contoso.com").expect("a tenant"),
        ClientId::new("11111111-2222-3333-4444-555555555555").expect("a client"),
        SECRET,
    );
    let error = credential.token(&context).await.expect_err("too large");
    assert_eq!(error.kind(), ErrorKind::Protocol, "{}", error.to_chain());
    // The runtime has to close the connection meanwhile.
    let sent = tokio::task::spawn_blocking(move || sent.join().expect("no panic")).await.expect("no panic");
    assert!(sent < 64, "a gigabyte was not taken");
}

const GOV: &[u8] = include_bytes!("../../data/auth/discovery/openid-configuration.gcc-high.200.json");
const GLOBAL: &[u8] = include_bytes!("../../data/auth/discovery/openid-configuration.global.200.json");
const UNKNOWN: &[u8] = include_bytes!("../../data/auth/discovery/openid-configuration.unknown-tenant.400.json");

async fn located(transport: Scripted, cloud: Cloud) -> Result<TenantLocation> {
    let tenant = TenantId::new("contoso.com").expect("a tenant");
    TenantDiscovery::locate(&cloud, &tenant, Arc::new(transport), Arc::new(clock())).await
}

#[tokio::test]
async fn a_tenant_of_another_cloud_is_found_and_named() {
    let at = |host, status, body: &'static [u8]| (host, status, vec![], Bytes::from_static(body));
    let (global, gov, china) =
        ("login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn");
    let here = located(Scripted(vec![at(global, 200, GLOBAL)]), Cloud::Global).await.expect("an answer");
    assert!(matches!(here, TenantLocation::Here(found) if found.id.as_str() == "aaaabbbb-0000-cccc-1111-dddd2222eeee"));

    let elsewhere = located(Scripted(vec![at(global, 400, UNKNOWN), at(gov, 200, GOV)]), Cloud::Global).await;
    let TenantLocation::Elsewhere { cloud, .. } = elsewhere.expect("an answer") else { panic!("elsewhere") };
    assert_eq!((cloud.clone(), cloud.to_string()), (Cloud::GccHigh, "GCC High".to_owned()));

    // The worldwide host itself may know, and DoD shares a host with GCC High but not Graph.
    let told = located(Scripted(vec![at(global, 200, GOV)]), Cloud::Global).await.expect("an answer");
    assert!(matches!(told, TenantLocation::Elsewhere { cloud: Cloud::GccHigh, .. }));
    let dod = located(Scripted(vec![at(gov, 200, GOV)]), Cloud::Dod).await.expect("an answer");
    assert!(matches!(dod, TenantLocation::Elsewhere { cloud: Cloud::GccHigh, .. }));

    let all = vec![at(global, 400, UNKNOWN), at(gov, 400, UNKNOWN), at(china, 400, UNKNOWN)];
    assert_eq!(located(Scripted(all), Cloud::Global).await.expect("an answer"), TenantLocation::Nowhere);
    // That another cloud does not answer says nothing.
    let alone = located(Scripted(vec![at(global, 400, UNKNOWN)]), Cloud::Global).await;
    assert_eq!(alone.expect("an answer"), TenantLocation::Nowhere);
    let down = located(Scripted(vec![at(global, 503, b"")]), Cloud::Global).await.expect_err("not known");
    assert_eq!(down.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_discovery_document_cannot_send_anyone_elsewhere() {
    let evil = br#"{"issuer":"https://evil.example/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0","token_endpoint":"https://evil.example/token"}"#;
    for (status, body) in [(200, &evil[..]), (200, b"<html>"), (302, b"")] {
        let headers = vec![("location", "https://evil.example/")];
        let transport = Scripted(vec![("login.microsoftonline.com", status, headers, Bytes::from_static(body))]);
        let error = located(transport, Cloud::Global).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    }
}

#[tokio::test]
async fn identity_services_with_odd_answers() {
    let environment = Environment::new([("IDENTITY_ENDPOINT", "http://127.0.0.1/msi"), ("IDENTITY_HEADER", SECRET)]);
    let samples: [(u16, &'static [u8], Option<ErrorKind>); 7] = [
        (200, include_bytes!("../../data/auth/managed-identity/imds.200.json"), None),
        (200, br#"{"access_token":"t","expires_on":"1768555800","token_type":"Bearer"}"#, None),
        (200, br#"{"access_token":"t","expires_in":"86399","expires_on":"x","token_type":"Bearer"}"#, None),
        (200, br#"{"access_token":"t","expires_in":"-5","token_type":"Bearer"}"#, Some(ErrorKind::Protocol)),
        (
            500,
            include_bytes!("../../data/auth/managed-identity/appservice.error.500.json"),
            Some(ErrorKind::Unavailable),
        ),
        (
            400,
            include_bytes!("../../data/auth/managed-identity/imds.identity-not-found.400.json"),
            Some(ErrorKind::NotReady),
        ),
        (
            400,
            include_bytes!("../../data/auth/managed-identity/imds.missing-header.400.json"),
            Some(ErrorKind::Unauthenticated),
        ),
    ];
    for (status, body, kind) in samples {
        let transport = Scripted(vec![("127.0.0.1", status, vec![], Bytes::from_static(body))]);
        let credential = ManagedIdentity::from_environment(&environment);
        let outcome = credential.token(&context(transport, &Cloud::Global)).await;
        assert_eq!(outcome.as_ref().err().map(Error::kind), kind, "{}", String::from_utf8_lossy(body));
        assert!(!format!("{outcome:?}").contains(SECRET));
        if let Ok(token) = outcome {
            let life = token.expires_at.expect("an end") - super::world::NOW;
            assert!(token.refresh_at.is_some_and(|at| at - super::world::NOW == life / 2), "renewed at half its life");
        }
    }
}
