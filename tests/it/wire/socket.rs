//! The shipped transport, over a socket.

use std::time::Duration;

use bytes::Bytes;
use entrant::auth::{ClientId, ClientSecret, TenantId};
use entrant::graph::GraphClient;
use entrant::http::{ReqwestTransport, Transport};
use entrant::{Cloud, ErrorKind};
use http::Request;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiremock::matchers::{body_string, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn get(address: &str) -> Request<Bytes> {
    Request::get(address).body(Bytes::new()).expect("a request")
}

/// A server that reads one request and writes these bytes.
async fn answers(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}/", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4_096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(bytes).await;
        }
    });
    address
}

#[tokio::test]
async fn a_whole_exchange_has_the_right_bytes() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/contoso.com/oauth2/v2.0/token"))
        .and(header("content-type", "application/x-www-form-urlencoded"))
        .and(body_string(format!(
            "client_id=11111111-2222-3333-4444-555555555555&scope={}%2F.default&client_secret=a%2Bb%26c\
             &grant_type=client_credentials",
            server.uri().replace(':', "%3A").replace('/', "%2F")
        )))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json(json!({"token_type": "Bearer", "expires_in": 3599, "access_token": "t0ken"})),
        )
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("PATCH"))
        .and(path("/v1.0/users/o%27neil%23EXT%23@contoso.com"))
        .and(header("authorization", "Bearer t0ken"))
        .and(header("content-type", "application/json"))
        .and(body_string(r#"{"city":null}"#))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&server)
        .await;
    let root: url::Url = server.uri().parse().expect("an address");
    let credential = ClientSecret::new(
        TenantId::new("contoso.com").expect("a tenant"),
        ClientId::new("11111111-2222-3333-4444-555555555555").expect("a client"),
        "a+b&c",
    );
    let graph = GraphClient::builder(credential)
        .cloud(Cloud::Custom { authority: root.clone(), graph: root })
        .build()
        .expect("a client");
    graph.users().update("o'neil#EXT#@contoso.com", &json!({"city": null})).await.expect("updated");
    let agent = &server.received_requests().await.expect("recorded")[1].headers["user-agent"];
    assert!(agent.to_str().expect("text").starts_with("entrant/"));
}

#[tokio::test]
async fn redirects_come_back_as_they_are() {
    let server = MockServer::start().await;
    Mock::given(path("/a"))
        .respond_with(ResponseTemplate::new(302).insert_header("location", "/b"))
        .mount(&server)
        .await;
    let transport = ReqwestTransport::new().expect("a transport");
    let answer = transport.send(get(&format!("{}/a", server.uri()))).await.expect("an answer");
    assert_eq!(answer.status(), 302);
    assert_eq!(server.received_requests().await.expect("recorded").len(), 1);
}

#[tokio::test]
async fn plain_http_is_refused_but_to_this_machine() {
    let transport = ReqwestTransport::new().expect("a transport");
    for address in ["http://graph.example/", "http://127.0.0.1.example/", "ftp://127.0.0.1/"] {
        let error = transport.send(get(address)).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{address}");
    }
}

#[tokio::test]
async fn bodies_are_bounded() {
    let server = MockServer::start().await;
    Mock::given(path("/"))
        .respond_with(ResponseTemplate::new(200).set_body_bytes(vec![b'x'; 1_001]))
        .mount(&server)
        .await;
    for (limit, fits) in [(1_000, false), (1_001, true)] {
        let transport = ReqwestTransport::builder().max_body_bytes(limit).build().expect("a transport");
        let outcome = transport.send(get(&format!("{}/", server.uri()))).await;
        assert_eq!(outcome.is_ok(), fits);
        if let Err(error) = outcome {
            assert_eq!(error.kind(), ErrorKind::Protocol);
        }
    }
    // Packed: 10,000 times the same byte.
    const PACKED: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x01\x0d\x00\x00\x00\xc2\xa0\xda\x8f\x6f\x0e\x37\xa0\x00\x00\x00\x00\x00\x00\x00\x00\x00\xe0\xdf\x00\xa3\xa4\x55\x0d\x10\x27\x00\x00";
    Mock::given(path("/packed"))
        .respond_with(ResponseTemplate::new(200).insert_header("content-encoding", "gzip").set_body_bytes(PACKED))
        .mount(&server)
        .await;
    for (limit, fits) in [(9_999, false), (10_000, true)] {
        let transport = ReqwestTransport::builder().max_body_bytes(limit).build().expect("a transport");
        let outcome = transport.send(get(&format!("{}/packed", server.uri()))).await;
        assert_eq!(outcome.map(|answer| answer.body().len()).ok(), fits.then_some(10_000));
    }
    // Without a length.
    let chunked = answers(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nhello\r\n5\r\nhello\r\n0\r\n\r\n",
    )
    .await;
    let transport = ReqwestTransport::builder().max_body_bytes(14).build().expect("a transport");
    assert_eq!(transport.send(get(&chunked)).await.expect_err("too large").kind(), ErrorKind::Protocol);
    let transport = ReqwestTransport::builder().max_body_bytes(15).build().expect("a transport");
    assert_eq!(transport.send(get(&chunked)).await.expect("it fits").body(), "hellohellohello");
}

#[tokio::test]
async fn what_was_not_sent_is_told_from_what_is_in_doubt() {
    let transport = ReqwestTransport::builder().timeout(Duration::from_millis(300)).build().expect("a transport");
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        listener.local_addr().expect("an address").port()
    };
    let error = transport.send(get(&format!("http://127.0.0.1:{port}/?q=s3cret"))).await.expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(!error.is_outcome_in_doubt());
    assert!(!format!("{error:?}").contains("s3cret"));

    let broken = [&b""[..], b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", b"garbage\r\n\r\n"];
    for bytes in broken {
        let address = answers(bytes).await;
        let error = transport.send(get(&format!("{address}?q=s3cret"))).await.expect_err("no whole answer");
        assert_eq!(error.kind(), ErrorKind::Transport, "{error:?}");
        assert!(error.is_outcome_in_doubt());
        assert!(!format!("{error:?}").contains("s3cret"));
    }

    let server = MockServer::start().await;
    Mock::given(path("/"))
        .respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(30)))
        .mount(&server)
        .await;
    let error = transport.send(get(&format!("{}/", server.uri()))).await.expect_err("too slow");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.is_outcome_in_doubt());
}

#[test]
fn certificates_are_read_or_refused() {
    for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"] {
        let error = ReqwestTransport::builder().ca_certificate(pem).build().expect_err("no certificate");
        assert!(matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Transport), "{pem}");
    }
}
