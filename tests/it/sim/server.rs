//! The tenant on a socket.

use std::time::Duration;

use entrant::sim::{Fault, Sim};
use serde_json::Value;

#[tokio::test]
async fn the_tenant_answers_on_a_socket() {
    let sim = Sim::builder().users(5).page_size(2).build();
    let server = sim.serve("127.0.0.1:0").await.expect("a port");
    let url = server.url();
    let web = reqwest::Client::new();
    let issued: Value = web
        .post(format!("{url}{}/oauth2/v2.0/token", sim.tenant_id()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope={url}.default",
            sim.client_id(),
            sim.client_secret().expose()
        ))
        .send()
        .await
        .map(reqwest::Response::bytes)
        .expect("an answer")
        .await
        .map(|body| serde_json::from_slice(&body).expect("JSON"))
        .expect("a body");
    let token = issued["access_token"].as_str().expect("a token").to_owned();
    let get = async |address: String| {
        let answer = web.get(address).header("AUTHORIZATION", format!("Bearer {token}")).send().await?;
        let body = answer.bytes().await?;
        Ok::<Value, reqwest::Error>(serde_json::from_slice(&body).expect("JSON"))
    };
    let mut seen = 0;
    let mut next = Some(format!("{url}v1.0/users"));
    while let Some(address) = next {
        let page = get(address).await.expect("an answer");
        seen += page["value"].as_array().expect("a list").len();
        next = page["@odata.nextLink"].as_str().map(str::to_owned);
        assert!(next.iter().all(|next| next.starts_with(url.as_str())), "{next:?}");
    }
    assert_eq!(seen, 5);

    sim.fail(Fault::on("GET", "/v1.0/users").drop_after());
    assert!(get(format!("{url}v1.0/users")).await.is_err(), "the connection is closed");
    assert!(get(format!("{url}v1.0/users")).await.is_ok());

    let too_long = web.post(format!("{url}v1.0/users")).body(vec![b' '; 5 * 1024 * 1024]).send().await;
    // The server may close before all was sent.
    assert!(too_long.map_or(true, |answer| answer.status() == http::StatusCode::PAYLOAD_TOO_LARGE));
    let request = format!(
        "POST /v1.0/%24batch HTTP/1.1\r\nhost: tenant.example:81\r\nAUTHORIZATION: bearer {token}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n\
         c\r\n{{\"requests\":\r\n3F\r\n[{{\"id\":\"1\",\"method\":\"GET\",\"url\":\"/users?%24select=id&$top=2\"}}]}}\r\n0\r\n\r\n"
    );
    let answer = raw(url.socket_addrs(|| None).expect("an address")[0], request).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("http://tenant.example:81/v1.0/users?$select=id"), "{answer}");

    tokio::time::timeout(Duration::from_secs(10), server.stop()).await.expect("it stops though a client keeps alive");
    assert!(get(format!("{url}v1.0/users")).await.is_err());
}

/// Sends these bytes and reads until the other side closes.
async fn raw(address: std::net::SocketAddr, request: String) -> String {
    use std::io::{Read as _, Write as _};
    let exchange = move || {
        let mut stream = std::net::TcpStream::connect(address)?;
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    tokio::task::spawn_blocking(exchange).await.expect("no panic").expect("an answer")
}

#[tokio::test]
async fn the_tenant_answers_over_https() {
    let pair = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).expect("a pair");
    let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    let sim = Sim::builder().users(5).page_size(2).build();
    let server = sim.serve_https("127.0.0.1:0", certificate.as_bytes(), key.as_bytes()).await.expect("a port");
    let url = server.url();
    assert_eq!(url.scheme(), "https");
    let root = reqwest::Certificate::from_pem(certificate.as_bytes()).expect("a certificate");
    let web = reqwest::Client::builder().tls_certs_only([root]).build().expect("a client");
    let bearer = format!("Bearer {}", sim.token().expose());
    let answer = web.get(format!("{url}v1.0/users")).header("Authorization", bearer).send().await.expect("an answer");
    let page: Value = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
    let next = page["@odata.nextLink"].as_str().expect("more");
    assert!(next.starts_with(url.as_str()), "{next}");

    let stranger = reqwest::Client::builder().tls_certs_only([]).build().expect("a client");
    assert!(stranger.get(url.clone()).send().await.is_err(), "nobody has signed it");
    let plain = raw(url.socket_addrs(|| None).expect("an address")[0], "GET / HTTP/1.1\r\n\r\n".to_owned()).await;
    assert!(!plain.contains("200"), "{plain}");
    tokio::time::timeout(Duration::from_secs(10), server.stop()).await.expect("it stops");

    for (certificate, key, problem) in [
        ("", key.as_str(), "there is no certificate"),
        (certificate.as_str(), "", "the private key is not PEM"),
        (certificate.as_str(), certificate.as_str(), "the private key is not PEM"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", key.as_str(), "do not fit"),
    ] {
        let error = sim.serve_https("127.0.0.1:0", certificate.as_bytes(), key.as_bytes()).await.expect_err(problem);
        assert!(error.to_string().contains(problem), "{error}");
    }
}
