//! Every credential obtains a token over a real socket.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use entrant::auth::{
    AccessToken, AssertionSigner as _, AzureCli, CertificateKey, ClientCertificate, ClientSecret, CredentialChain,
    Environment, EnvironmentCredential, ManagedIdentity, SignInFailure, SigningAlgorithm, StaticToken, TokenCredential,
    WorkloadIdentity,
};
use entrant::clock::ManualClock;
use entrant::graph::GraphClient;
use entrant::http::Transport;
use entrant::secret::Secret;
use entrant::sim::{Sim, SimServer};
use entrant::{Error, ErrorKind};
use http::{Request, Response};
use serde_json::Value as Json;

use super::world::{NOW, Pair, base64url, builder, claims_of, clock, context, foreign_token, ids};

struct Served {
    sim: Sim,
    server: SimServer,
    clock: ManualClock,
}

impl Served {
    async fn new() -> Self {
        let clock = clock();
        let sim = builder(&clock).build();
        let server = sim.serve("127.0.0.1:0").await.expect("a port");
        Self { sim, server, clock }
    }

    fn graph(&self, credential: impl TokenCredential) -> GraphClient {
        let graph = GraphClient::builder(credential).cloud(self.server.cloud()).clock(self.clock.clone());
        graph.build().expect("a client")
    }

    /// Gets a token and reads the tenant with it.
    async fn works(&self, credential: impl TokenCredential) -> AccessToken {
        let graph = self.graph(credential);
        let organization = graph.organization().await.expect("the tenant");
        assert_eq!(organization.id.as_str(), self.sim.tenant_id());
        graph.tokens().token().await.expect("a token")
    }

    async fn fails(&self, credential: impl TokenCredential) -> Error {
        self.graph(credential).tokens().token().await.expect_err("a refusal")
    }
}

#[tokio::test]
async fn a_secret() {
    let served = Served::new().await;
    let (tenant, client) = ids(&served.sim);
    let token =
        served.works(ClientSecret::new(tenant.clone(), client.clone(), served.sim.client_secret().expose())).await;
    let claims = claims_of(token.secret.expose());
    assert_eq!((&claims["appidacr"], &claims["idtyp"]), (&"1".into(), &"app".into()));
    served.sim.expire_secret();
    let error = served.fails(ClientSecret::new(tenant, client, served.sim.client_secret().expose())).await;
    assert_eq!(SignInFailure::of(&error).and_then(|failure| failure.code), Some(7_000_222));
}

#[tokio::test]
async fn a_certificate_of_every_form() {
    let served = Served::new().await;
    let (tenant, client) = ids(&served.sim);
    let pair = Pair::new();
    served.sim.add_certificate(pair.der());
    let by = |key: CertificateKey| ClientCertificate::new(tenant.clone(), client.clone(), key);
    let plain = || CertificateKey::from_pem(pair.pem()).expect("a key");
    let other = Pair::new();
    // The key's own certificate is found wherever it stands.
    let chained = format!("{}{}{}", other.certificate.pem(), pair.certificate.pem(), pair.key.serialize_pem());
    let chained = CertificateKey::from_pem(chained).expect("a key");
    assert_eq!(chained.certificate().der(), pair.der());
    assert_eq!(chained.chain().len(), 1);
    let shown = plain().certificate().thumbprint().to_lowercase();
    for credential in [
        by(plain()),
        by(plain()).algorithm(SigningAlgorithm::Ps256),
        by(plain()).algorithm(SigningAlgorithm::Rs256),
        by(chained).send_chain(),
        by(plain()).thumbprint(&shown).expect("its own"),
    ] {
        let token = served.works(credential).await;
        assert_eq!(claims_of(token.secret.expose())["appidacr"], "2");
    }
    let error = by(plain()).thumbprint(&"0".repeat(40)).expect_err("another's");
    assert_eq!((error.kind(), served.sim.requests().token), (ErrorKind::Invalid, 5), "no request for it");

    let error = served.fails(by(CertificateKey::from_pem(other.pem()).expect("a key"))).await;
    let failure = SignInFailure::of(&error).expect("a refusal");
    assert_eq!(failure.code, Some(700_027));
    assert!(failure.description.contains("Thumbprint of key used by client"), "{}", failure.description);
}

#[tokio::test]
async fn files_of_every_kind() {
    use p12_keystore::{EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKey, PrivateKeyChain};

    let pair = Pair::new();
    let password = Secret::new("s3cret pässword");
    let der = pair.key.serialize_der();
    let pem = |label: &str, der: &[u8]| {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n{}", lines.join("\n"), pair.certificate.pem())
    };
    let pfx = |password: &Secret, cipher, mac| {
        let certificate = p12_keystore::Certificate::from_der(pair.der()).expect("a certificate");
        let chain = PrivateKeyChain::new("1", PrivateKey::from_der(&der).expect("a key"), [certificate]);
        let mut store = KeyStore::new();
        store.add_entry("key", KeyStoreEntry::PrivateKeyChain(chain));
        let writer = store.writer(password.expose()).encryption_algorithm(cipher).mac_algorithm(mac);
        writer.encryption_iterations(1_000).mac_iterations(1_000).write().expect("a file")
    };
    let info = pkcs8::PrivateKeyInfoRef::try_from(der.as_slice()).expect("a key");
    let cipher = pkcs8::pkcs5::pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(1_000, b"a grain of salt", [7; 16]);
    let encrypted = info.encrypt_with_params(cipher.expect("a cipher"), password.expose()).expect("encrypted");
    let encrypted = pem("ENCRYPTED PRIVATE KEY", encrypted.as_bytes());
    let modern = pfx(&password, EncryptionAlgorithm::PbeWithHmacSha256AndAes256, MacAlgorithm::HmacSha256);
    let old = pfx(&password, EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc, MacAlgorithm::HmacSha1);
    let none = Secret::new("");
    let open = pfx(&none, EncryptionAlgorithm::PbeWithHmacSha256AndAes256, MacAlgorithm::HmacSha256);
    for (name, key) in [
        ("modern PFX", CertificateKey::from_pfx(&modern, &password)),
        ("old PFX", CertificateKey::from_pfx(&old, &password)),
        ("PFX without a password", CertificateKey::from_pfx(&open, &none)),
        ("encrypted PEM", CertificateKey::from_encrypted_pem(&encrypted, &password)),
        ("PKCS#1", CertificateKey::from_pem(pem("RSA PRIVATE KEY", info.private_key.as_bytes()))),
        ("PKCS#8", CertificateKey::from_pem(pair.pem())),
    ] {
        let key = key.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(key.certificate().der(), pair.der(), "{name}");
        key.sign(SigningAlgorithm::Ps256, b"message").await.expect(name);
    }
    let (wrong, other) = (Secret::new("wrong"), Pair::new());
    let curve = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    for (error, says) in [
        (CertificateKey::from_pfx(&modern, &wrong), "password is wrong"),
        (CertificateKey::from_pfx(&modern[..modern.len() / 2], &password), "cannot be read"),
        (CertificateKey::from_pfx(b"no file", &wrong), "cannot be read"),
        (CertificateKey::from_encrypted_pem(&encrypted, &wrong), "the password is wrong"),
        (CertificateKey::from_encrypted_pem(pair.pem(), &wrong), "no encrypted private key"),
        (CertificateKey::from_pem(&encrypted), "is encrypted"),
        (CertificateKey::from_pem(""), "no private key"),
        (CertificateKey::from_pem(other.key.serialize_pem()), "no certificate"),
        (CertificateKey::from_pem(format!("{}{}", other.key.serialize_pem(), pair.certificate.pem())), "not that of"),
        (CertificateKey::from_pem(curve), "cannot be used"),
    ] {
        let error = error.expect_err(says);
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(!format!("{error:?}").contains("pässword"));
    }
}

/// Keeps what was sent to a transport.
#[derive(Debug, Clone)]
struct Watched(Arc<dyn Transport>, Arc<Mutex<Vec<Request<Bytes>>>>);

#[async_trait]
impl Transport for Watched {
    async fn send(&self, request: Request<Bytes>) -> entrant::Result<Response<Bytes>> {
        self.1.lock().expect("no panic").push(request.clone());
        self.0.send(request).await
    }
}

#[tokio::test]
async fn assertions_are_right_by_an_independent_library() {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};

    let clock = clock();
    let sim = builder(&clock).build();
    let pair = Pair::new();
    let (tenant, client) = ids(&sim);
    let key = DecodingKey::from_rsa_pem(pair.key.public_key_pem().as_bytes()).expect("a public key");
    let mut ids_seen = std::collections::BTreeSet::new();
    for (algorithm, named) in [(SigningAlgorithm::Ps256, Algorithm::PS256), (SigningAlgorithm::Rs256, Algorithm::RS256)]
    {
        let sent = Watched(sim.transport(), Arc::default());
        let signer = CertificateKey::from_pem(pair.pem()).expect("a key");
        let thumbprint = hex_bytes(&signer.certificate().thumbprint());
        let credential =
            ClientCertificate::new(tenant.clone(), client.clone(), signer).algorithm(algorithm).send_chain();
        let graph = GraphClient::builder(credential).cloud(sim.cloud()).transport(sent.clone()).clock(clock.clone());
        graph.build().expect("a client").tokens().token().await.expect_err("the certificate is not registered");
        let seen = sent.1.lock().expect("no panic").clone();
        assert_eq!(seen.len(), 1, "an algorithm that was chosen is kept to");
        let form: std::collections::HashMap<_, _> = url::form_urlencoded::parse(seen[0].body()).into_owned().collect();
        assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        let assertion = &form["client_assertion"];
        let mut rules = Validation::new(named);
        rules.set_audience(&[format!("https://sim.invalid/{}/oauth2/v2.0/token", sim.tenant_id())]);
        rules.set_issuer(&[sim.client_id()]);
        rules.sub = Some(sim.client_id());
        rules.validate_exp = false;
        let decoded = decode::<Json>(assertion, &key, &rules).expect("a good signature");
        let header = decode_header(assertion).expect("a header");
        let expected = base64url(&thumbprint);
        match algorithm {
            SigningAlgorithm::Rs256 => assert_eq!((header.x5t.as_deref(), header.x5t_s256), (Some(&*expected), None)),
            _ => assert!(header.x5t.is_none() && header.x5t_s256.is_some_and(|text| text.len() == 43)),
        }
        assert_eq!(header.typ.as_deref(), Some("JWT"));
        assert_eq!(header.x5c.map(|chain| chain.len()), Some(1));
        let (from, to) = (&decoded.claims["nbf"], &decoded.claims["exp"]);
        let now = NOW.unix_timestamp();
        assert_eq!((from.as_i64(), to.as_i64()), (Some(now - 30), Some(now + 300)));
        ids_seen.insert(decoded.claims["jti"].to_string());
    }
    assert_eq!(ids_seen.len(), 2, "each assertion has an id of its own");
}

fn hex_bytes(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("digits")).collect()
}

#[tokio::test]
async fn tokens_of_the_tenant_are_signed_by_its_published_key() {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

    let served = Served::new().await;
    let (tenant, client) = ids(&served.sim);
    let token = served.works(ClientSecret::new(tenant, client, served.sim.client_secret().expose())).await;
    let keys = format!("{}{}/discovery/v2.0/keys", served.server.url(), served.sim.tenant_id());
    let keys = reqwest::get(keys).await.expect("an answer").bytes().await.expect("a body");
    let keys: Json = serde_json::from_slice(&keys).expect("JSON");
    let text = |name: &str| keys["keys"][0][name].as_str().expect("text").to_owned();
    let key = DecodingKey::from_rsa_components(&text("n"), &text("e")).expect("a key");
    let mut rules = Validation::new(Algorithm::RS256);
    rules.validate_exp = false;
    rules.validate_aud = false;
    let decoded = decode::<Json>(token.secret.expose(), &key, &rules).expect("a good signature");
    assert_eq!(decoded.claims["tid"], served.sim.tenant_id());
}

#[tokio::test]
async fn an_expired_certificate_is_not_sent() {
    let clock = clock();
    let sim = builder(&clock).build();
    let (tenant, client) = ids(&sim);
    let pair = Pair::until(NOW);
    sim.add_certificate(pair.der());
    let credential = ClientCertificate::new(tenant, client, CertificateKey::from_pem(pair.pem()).expect("a key"));
    let error = credential.token(&context(&sim, &clock)).await.expect_err("expired");
    assert_eq!((error.kind(), sim.requests().token), (ErrorKind::Unauthenticated, 0));
    assert!(error.to_string().contains("has expired"), "{error}");
}

#[tokio::test]
async fn the_other_algorithm_is_tried_once_and_kept() {
    let clock = clock();
    let sim = builder(&clock).build();
    let pair = Pair::new();
    sim.add_certificate(pair.der());

    /// Knows certificates by their SHA-1 alone.
    #[derive(Debug)]
    struct Old(Arc<dyn Transport>, Arc<Mutex<Vec<String>>>);

    #[async_trait]
    impl Transport for Old {
        async fn send(&self, request: Request<Bytes>) -> entrant::Result<Response<Bytes>> {
            let form: std::collections::HashMap<_, _> =
                url::form_urlencoded::parse(request.body()).into_owned().collect();
            let header = jsonwebtoken::decode_header(&form["client_assertion"]).expect("a header");
            self.1.lock().expect("no panic").push(format!("{:?}", header.alg));
            if header.alg == jsonwebtoken::Algorithm::PS256 {
                let body = include_bytes!("../../data/auth/token/errors/700027.401.json");
                return Ok(Response::builder().status(401).body(Bytes::from_static(body)).expect("an answer"));
            }
            self.0.send(request).await
        }
    }

    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let (tenant, client) = ids(&sim);
    let credential = ClientCertificate::new(tenant, client, CertificateKey::from_pem(pair.pem()).expect("a key"));
    let transport = Arc::new(Old(sim.transport(), seen.clone()));
    let context =
        entrant::auth::TokenContext::new(&sim.cloud(), transport, Arc::new(clock.clone())).expect("a context");
    credential.token(&context).await.expect("a token");
    credential.token(&context).await.expect("a token");
    assert_eq!(*seen.lock().expect("no panic"), ["PS256", "RS256", "RS256"]);
}

#[tokio::test]
async fn a_token_of_another_issuer() {
    let served = Served::new().await;
    let (tenant, client) = ids(&served.sim);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    let credential = WorkloadIdentity::from_file(tenant.clone(), client.clone(), &file);
    let error = served.fails(credential.clone()).await;
    assert_eq!(error.kind(), ErrorKind::NotReady, "the file is not there yet");

    let (issuer, subject) = ("https://cluster.example/", "system:serviceaccount:sync:entrant");
    std::fs::write(&file, format!("{}\n", foreign_token(issuer, subject, NOW))).expect("a file");
    let error = served.fails(credential.clone()).await;
    assert_eq!(SignInFailure::of(&error).and_then(|failure| failure.code), Some(70_021));
    served.sim.add_federated_credential(issuer, subject);
    served.works(credential.clone()).await;

    // Two hours later the file is read again.
    served.clock.advance(std::time::Duration::from_secs(7_200));
    let error = served.fails(credential.clone()).await;
    assert_eq!(SignInFailure::of(&error).and_then(|failure| failure.code), Some(700_024));
    std::fs::write(&file, foreign_token(issuer, subject, NOW + time::Duration::hours(2))).expect("a file");
    served.works(credential.clone()).await;
    for hostile in ["", " \n", "two words", &"x".repeat(100_000)] {
        std::fs::write(&file, hostile).expect("a file");
        assert_eq!(served.fails(credential.clone()).await.kind(), ErrorKind::NotReady);
    }

    // A managed identity's token can stand in for a secret.
    let identity = ManagedIdentity::from_environment(&app_service(&served));
    let token = served.works(identity.clone()).await;
    let principal = claims_of(token.secret.expose())["oid"].as_str().expect("an id").to_owned();
    served.sim.add_federated_credential(&format!("https://sts.windows.net/{}/", served.sim.tenant_id()), &principal);
    served.works(WorkloadIdentity::from_credential(tenant, client, identity)).await;
}

fn app_service(served: &Served) -> Environment {
    Environment::new([
        ("IDENTITY_ENDPOINT", format!("{}msi/token", served.server.url())),
        ("IDENTITY_HEADER", served.sim.identity_header().to_owned()),
    ])
}

#[tokio::test]
async fn a_managed_identity_of_every_host() {
    let served = Served::new().await;
    let url = served.server.url();
    let (local, header) = (format!("{url}msi/token"), served.sim.identity_header().to_owned());
    let hosts: [(&str, Vec<(&str, String)>); 5] = [
        ("App Service", vec![("IDENTITY_ENDPOINT", local.clone()), ("IDENTITY_HEADER", header.clone())]),
        (
            "Service Fabric",
            vec![
                ("IDENTITY_ENDPOINT", local.clone()),
                ("IDENTITY_HEADER", header.clone()),
                ("IDENTITY_SERVER_THUMBPRINT", "00".to_owned()),
            ],
        ),
        ("Azure Machine Learning", vec![("MSI_ENDPOINT", local.clone()), ("MSI_SECRET", header.clone())]),
        ("Cloud Shell", vec![("MSI_ENDPOINT", local.clone())]),
        ("virtual machine", vec![("AZURE_POD_IDENTITY_AUTHORITY_HOST", url.to_string())]),
    ];
    for (name, variables) in hosts {
        let credential = ManagedIdentity::from_environment(&Environment::new(variables));
        assert!(format!("{credential:?}").contains(name) && !format!("{credential:?}").contains(&header));
        served.works(credential.clone()).await;
        served.works(credential.clone().client_id(served.sim.client_id())).await;
        let stranger = credential.client_id("11111111-2222-3333-4444-555555555555");
        let error = served.fails(stranger).await;
        assert_eq!(error.kind(), ErrorKind::NotReady, "{name}: {error}");
    }
    let nobody = Environment::new([("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1")]);
    let error = served.fails(ManagedIdentity::from_environment(&nobody)).await;
    assert_eq!(error.kind(), ErrorKind::NotReady, "{error}");
    let evil = Environment::new([("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://evil.example")]);
    let error = served.fails(ManagedIdentity::from_environment(&evil)).await;
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
}

#[cfg(unix)]
fn tool(folder: &std::path::Path, script: &str) -> AzureCli {
    use std::os::unix::fs::PermissionsExt as _;

    let program = folder.join("az");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("a file");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).expect("executable");
    AzureCli::new().program(program)
}

#[cfg(unix)]
#[tokio::test]
async fn the_azure_cli() {
    let served = Served::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let ends = NOW.unix_timestamp() + 3_600;
    let token = served.sim.token();
    let answer = format!(r#"{{"accessToken":"{}","expires_on":{ends},"tokenType":"Bearer"}}"#, token.expose());
    let arguments = folder.path().join("arguments");
    let script = format!("echo \"$@\" > {}\necho '{answer}'", arguments.display());
    let (tenant, _) = ids(&served.sim);
    served.works(tool(folder.path(), &script).tenant(tenant.clone())).await;
    let arguments = std::fs::read_to_string(arguments).expect("a file");
    let scope = format!("{}.default", served.server.url());
    assert_eq!(arguments.trim(), format!("account get-access-token --output json --scope {scope} --tenant {tenant}"));
    for (script, kind, says) in [
        ("echo 'ERROR: Please run '\"'az login'\"' to setup account.' >&2; exit 1", ErrorKind::NotReady, "az login"),
        ("exit 127", ErrorKind::NotReady, "not installed"),
        ("echo 'ERROR: no' >&2; exit 1", ErrorKind::Unauthenticated, "said=ERROR: no"),
        ("echo '<html>'", ErrorKind::Protocol, "not JSON"),
    ] {
        let error = served.fails(tool(folder.path(), script)).await;
        assert_eq!(error.kind(), kind, "{script}");
        assert!(error.to_chain().contains(says), "{script}: {}", error.to_chain());
    }
    let error = served.fails(AzureCli::new().program(folder.path().join("nothing"))).await;
    assert_eq!(error.kind(), ErrorKind::NotReady);
}

#[cfg(unix)]
#[tokio::test]
async fn the_azure_cli_takes_nothing_from_where_the_program_was_started() {
    let served = Served::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let ends = NOW.unix_timestamp() + 3_600;
    let token = served.sim.token();
    let (found, answer) =
        (folder.path().join("found"), format!(r#"{{"accessToken":"{}","expires_on":{ends}}}"#, token.expose()));
    let az = tool(folder.path(), &format!("pwd > {}\necho '{answer}'", found.display()));
    served.works(az).await;
    assert_eq!(std::fs::read_to_string(&found).expect("a file").trim(), "/");
    // A path from here on is one all the same.
    let here = std::env::current_dir().expect("a folder");
    let up: std::path::PathBuf = here.components().skip(1).map(|_| "..").collect();
    let relative = up.join(folder.path().strip_prefix("/").expect("absolute")).join("az");
    served.works(AzureCli::new().program(relative)).await;
}

#[tokio::test]
async fn what_the_environment_names() {
    let served = Served::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let pair = Pair::new();
    served.sim.add_certificate(pair.der());
    let pem = folder.path().join("key.pem");
    std::fs::write(&pem, pair.pem()).expect("a file");
    let federated = folder.path().join("token");
    std::fs::write(&federated, foreign_token("i", "s", NOW)).expect("a file");
    served.sim.add_federated_credential("i", "s");
    let path = |path: &std::path::Path| path.to_str().expect("text").to_owned();
    let secret = served.sim.client_secret().expose().to_owned();
    for named in [
        ("AZURE_CLIENT_SECRET", secret.clone()),
        ("AZURE_CLIENT_CERTIFICATE_PATH", path(&pem)),
        ("AZURE_FEDERATED_TOKEN_FILE", path(&federated)),
    ] {
        let ids = [("AZURE_TENANT_ID", served.sim.tenant_id()), ("AZURE_CLIENT_ID", served.sim.client_id())];
        let environment = Environment::new(ids.into_iter().chain([named.clone()]));
        assert!(!format!("{environment:?}").contains(&secret));
        served.works(EnvironmentCredential::new(&environment).expect(named.0)).await;
        served.works(CredentialChain::usual(&environment)).await;
    }
    for (variables, says) in [
        (vec![], "missing=AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET or"),
        (
            vec![("AZURE_CLIENT_SECRET", secret.as_str()), ("AZURE_TENANT_ID", "contoso.com")],
            "missing=AZURE_CLIENT_ID)",
        ),
        (
            vec![("AZURE_CLIENT_SECRET", "x"), ("AZURE_TENANT_ID", "common"), ("AZURE_CLIENT_ID", "x")],
            "a tenant is given by its id",
        ),
        (
            vec![("AZURE_TENANT_ID", " "), ("AZURE_CLIENT_ID", "x"), ("AZURE_CLIENT_SECRET", "x")],
            "missing=AZURE_TENANT_ID)",
        ),
    ] {
        let error = EnvironmentCredential::new(&Environment::new(variables)).expect_err(says);
        assert!(error.to_string().contains(says), "{error}");
        assert!(!format!("{error:?}").contains(&secret));
    }
    for (host, cloud) in [
        ("https://login.microsoftonline.us", Some(entrant::Cloud::GccHigh)),
        ("login.chinacloudapi.cn", Some(entrant::Cloud::China)),
        ("https://evil.example", None),
        ("http://login.microsoftonline.com", None),
    ] {
        assert_eq!(Environment::new([("AZURE_AUTHORITY_HOST", host)]).cloud().ok(), cloud, "{host}");
    }
}

#[tokio::test]
async fn the_first_of_a_chain_that_is_there() {
    let served = Served::new().await;
    let (tenant, client) = ids(&served.sim);
    let missing: Arc<dyn TokenCredential> =
        Arc::new(WorkloadIdentity::from_file(tenant.clone(), client.clone(), "/nowhere/token"));
    let good: Arc<dyn TokenCredential> =
        Arc::new(ClientSecret::new(tenant.clone(), client.clone(), served.sim.client_secret().expose()));
    let wrong: Arc<dyn TokenCredential> = Arc::new(ClientSecret::new(tenant, client, "wrong"));
    let last: Arc<dyn TokenCredential> = Arc::new(StaticToken::new(served.sim.token().expose()));
    served.works(CredentialChain::new([missing.clone(), good.clone(), wrong.clone()])).await;
    // One that is there and refused ends the search.
    let error = served.fails(CredentialChain::new([missing.clone(), wrong, last])).await;
    assert_eq!(SignInFailure::of(&error).and_then(|failure| failure.code), Some(7_000_215));
    let error = served.fails(CredentialChain::new([missing.clone(), missing])).await;
    assert_eq!(error.kind(), ErrorKind::NotReady);
    assert_eq!(served.fails(CredentialChain::new([])).await.kind(), ErrorKind::NotReady);
}

#[tokio::test]
async fn a_challenge_is_answered() {
    let served = Served::new().await;
    let (tenant, client) = ids(&served.sim);
    let credential = ClientSecret::new(tenant, client, served.sim.client_secret().expose());
    let graph = GraphClient::builder(credential.clone()).cloud(served.server.cloud()).clock(served.clock.clone());
    let graph = graph.continuous_access().build().expect("a client");
    graph.organization().await.expect("the tenant");
    served.clock.advance(std::time::Duration::from_secs(60));
    served.sim.challenge_tokens();
    let asked = futures::future::join_all((0..50).map(|_| async { graph.organization().await.map(|_| ()) })).await;
    assert!(asked.iter().all(Result::is_ok), "{asked:?}");
    assert_eq!(served.sim.requests().token, 2, "one request answers the challenge for all");

    // Who does not say that it can is not challenged.
    let plain = served.graph(credential);
    plain.organization().await.expect("the tenant");
}

#[tokio::test]
async fn a_thousand_requests_with_a_refused_token_cause_one_token_request() {
    let served = Served::new().await;
    let (tenant, client) = ids(&served.sim);
    let graph = served.graph(ClientSecret::new(tenant, client, served.sim.client_secret().expose()));
    graph.organization().await.expect("the tenant");
    assert_eq!(served.sim.requests().token, 1);
    // The client does not know: by its clock the token is good.
    served.sim.expire_tokens();
    let calls = (0..1_000).map(|_| {
        let graph = graph.clone();
        tokio::spawn(async move { graph.organization().await.map(|_| ()) })
    });
    for call in futures::future::join_all(calls).await {
        call.expect("no panic").expect("the tenant");
    }
    assert_eq!(served.sim.requests().token, 2);
}

#[tokio::test]
async fn a_thousand_requests_with_an_expired_token_cause_one_token_request() {
    let served = Served::new().await;
    let (tenant, client) = ids(&served.sim);
    let graph = served.graph(ClientSecret::new(tenant, client, served.sim.client_secret().expose()));
    graph.organization().await.expect("the tenant");
    // Both clocks know: the token has ended.
    served.clock.advance(std::time::Duration::from_secs(2 * 60 * 60));
    let calls = (0..1_000).map(|_| {
        let graph = graph.clone();
        tokio::spawn(async move { graph.organization().await.map(|_| ()) })
    });
    for call in futures::future::join_all(calls).await {
        call.expect("no panic").expect("the tenant");
    }
    assert_eq!(served.sim.requests().token, 2);
}
