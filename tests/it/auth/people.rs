//! People who sign in: with a browser, with another device, and again by their refresh token.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use entrant::ErrorKind;
use entrant::auth::{
    AuthorizationCode, BrowserSignIn, CertificateKey, ClientCertificate, DeviceCode, MemoryRefreshTokens, RefreshToken,
    RefreshTokenStore as _, SignInFailure, SignInPrompt, SignInRequest, TokenContext, TokenCredential, UserApplication,
};
use entrant::clock::ManualClock;
use entrant::http::ReqwestTransport;
use entrant::sim::{Sim, SimServer};
use url::Url;

use super::secrets::Log;
use super::world::{Pair, builder, claims_of, clock, ids};

const REDIRECT: &str = "http://127.0.0.1:9/signed-in";

struct Served {
    sim: Sim,
    _server: SimServer,
    clock: ManualClock,
    context: TokenContext,
}

impl Served {
    async fn new() -> Self {
        let clock = clock();
        let sim = builder(&clock).build();
        let server = sim.serve("127.0.0.1:0").await.expect("a port");
        let transport = Arc::new(ReqwestTransport::new().expect("a transport"));
        let context = TokenContext::new(&server.cloud(), transport, Arc::new(clock.clone())).expect("a context");
        Self { sim, _server: server, clock, context }
    }

    fn confidential(&self) -> UserApplication {
        let (tenant, client) = ids(&self.sim);
        UserApplication::with_secret(tenant, client, self.sim.client_secret().expose())
    }

    fn public(&self) -> UserApplication {
        let (tenant, client) = ids(&self.sim);
        UserApplication::public(tenant, client).scopes(["User.ReadWrite.All"])
    }

    fn begin(&self, application: UserApplication) -> AuthorizationCode {
        AuthorizationCode::begin(application, &self.context, REDIRECT.parse().expect("an address")).expect("begun")
    }
}

/// A browser without a screen: opens a page, fills in the form, presses a button, and says where it is sent.
async fn press(page: &Url, login: &str, button: &str) -> Result<Url, String> {
    let web = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let answer = web.get(page.clone()).send().await.expect("an answer");
    let status = answer.status();
    let text = String::from_utf8(answer.bytes().await.expect("a body").to_vec()).expect("text");
    if !status.is_success() {
        return Err(text);
    }
    let field = |name: &str| {
        let found = regex::Regex::new(&format!("name=\"{name}\" value=\"([^\"]*)\"")).expect("a pattern");
        found.captures(&text).map(|found| found[1].replace("&amp;", "&").replace("&quot;", "\"")).unwrap_or_default()
    };
    assert!(text.contains("<form method=\"post\">") && text.contains("value=\"accept\""), "{text}");
    let names = [
        "client_id",
        "response_type",
        "redirect_uri",
        "response_mode",
        "scope",
        "state",
        "code_challenge",
        "code_challenge_method",
    ];
    let form = {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(names.map(|name| (name, field(name))));
        form.append_pair("login", login).append_pair("answer", button).finish()
    };
    let post = web.post(page.clone()).header("content-type", "application/x-www-form-urlencoded").body(form);
    let answer = post.send().await.expect("an answer");
    match answer.headers().get("location") {
        Some(location) => Ok(location.to_str().expect("text").parse().expect("an address")),
        None => Err(String::from_utf8_lossy(&answer.bytes().await.expect("a body")).into_owned()),
    }
}

/// R54, R57, R77: a redirect that is registered, a page where a person accepts, and back.
#[tokio::test]
async fn a_web_application_with_its_own_redirect() {
    let served = Served::new().await;
    let begun = served.begin(served.confidential());
    let refused = press(begun.page(), "ada@contoso.com", "accept").await.expect_err("not registered yet");
    assert!(refused.contains("AADSTS50011"), "{refused}");
    served.sim.add_redirect_uri(REDIRECT);

    let kept = MemoryRefreshTokens::new();
    let begun = served.begin(served.confidential());
    let back = press(begun.page(), "ada@contoso.com", "accept").await.expect("a redirect");
    assert!(back.as_str().starts_with(REDIRECT), "{back}");
    let query = back.query().expect("an answer").to_owned();
    let token = begun.finish(&served.context, &query, kept.clone()).await.expect("a token");
    let claims = claims_of(token.secret.expose());
    assert_eq!(
        (&claims["idtyp"], &claims["upn"], &claims["appidacr"]),
        (&"user".into(), &"ada@contoso.com".into(), &"1".into())
    );
    assert!(claims["scp"].as_str().is_some_and(|scopes| scopes.contains("User.ReadWrite.All")));

    // It goes on by the refresh token, which changes each time.
    let again = RefreshToken::new(served.confidential(), kept.clone());
    let first = kept.load().await.expect("loaded").expect("kept");
    again.token(&served.context).await.expect("a token");
    let second = kept.load().await.expect("loaded").expect("kept");
    assert_ne!(first, second);

    served.sim.revoke_refresh_tokens();
    let error = again.token(&served.context).await.expect_err("revoked");
    assert_eq!(SignInFailure::of(&error).and_then(|failure| failure.code), Some(50_173));
    assert_eq!(kept.load().await.expect("loaded"), None, "it is of no more use");
    assert_eq!(again.token(&served.context).await.expect_err("nobody").kind(), ErrorKind::NotReady);
}

#[tokio::test]
async fn what_can_go_wrong_at_the_page() {
    let served = Served::new().await;
    served.sim.add_redirect_uri(REDIRECT);
    let begun = served.begin(served.confidential());
    let back = press(begun.page(), "ada@contoso.com", "cancel").await.expect("a redirect");
    let error = begun.finish(&served.context, back.query().expect("an answer"), MemoryRefreshTokens::new()).await;
    let error = error.expect_err("cancelled");
    assert_eq!(SignInFailure::of(&error).and_then(|failure| failure.code), Some(65_004));

    let begun = served.begin(served.confidential());
    let refused = press(begun.page(), "nobody@contoso.com", "accept").await.expect_err("no such person");
    assert!(refused.contains("AADSTS50034"), "{refused}");

    // A code that another sign-in's verifier is shown for, one that is used again, and one that is too old.
    let (one, other) = (served.begin(served.confidential()), served.begin(served.confidential()));
    let back = press(one.page(), "ada@contoso.com", "accept").await.expect("a redirect");
    let stolen = back.query().expect("an answer").replace(&state_of(one.page()), &state_of(other.page()));
    let code = async |begun: AuthorizationCode, query: &str| {
        let error = begun.finish(&served.context, query, MemoryRefreshTokens::new()).await.expect_err("refused");
        SignInFailure::of(&error).and_then(|failure| failure.code)
    };
    assert_eq!(code(other, &stolen).await, Some(501_481));
    one.finish(&served.context, back.query().expect("an answer"), MemoryRefreshTokens::new()).await.expect("a token");

    let late = served.begin(served.confidential());
    let back = press(late.page(), "ada@contoso.com", "accept").await.expect("a redirect");
    served.clock.advance(std::time::Duration::from_secs(600));
    assert_eq!(code(late, back.query().expect("an answer")).await, Some(70_008));

    served.sim.withdraw_consent();
    let begun = served.begin(served.confidential());
    let back = press(begun.page(), "ada@contoso.com", "accept").await.expect("a redirect");
    assert_eq!(code(begun, back.query().expect("an answer")).await, Some(65_001));
    // The administrator's page gives it back.
    let page = format!(
        "{}{}/adminconsent?client_id={}&redirect_uri={REDIRECT}&state=s%26t",
        served.context.authority(),
        served.sim.tenant_id(),
        served.sim.client_id()
    );
    let back = press(&page.parse().expect("an address"), "", "accept").await.expect("a redirect");
    let query: std::collections::HashMap<_, _> = back.query_pairs().into_owned().collect();
    assert_eq!(
        (&*query["admin_consent"], &*query["tenant"], &*query["state"]),
        ("True", &*served.sim.tenant_id(), "s&t")
    );
    let begun = served.begin(served.confidential());
    let back = press(begun.page(), "ada@contoso.com", "accept").await.expect("a redirect");
    begun.finish(&served.context, back.query().expect("one"), MemoryRefreshTokens::new()).await.expect("a token");
}

fn state_of(page: &Url) -> String {
    page.query_pairs().find(|(name, _)| name == "state").expect("a state").1.into_owned()
}

#[tokio::test]
async fn an_application_with_a_certificate() {
    let served = Served::new().await;
    served.sim.add_redirect_uri(REDIRECT);
    let pair = Pair::new();
    served.sim.add_certificate(pair.der());
    let (tenant, client) = ids(&served.sim);
    let key = CertificateKey::from_pem(pair.pem()).expect("a key");
    let begun = served.begin(UserApplication::with_certificate(ClientCertificate::new(tenant, client, key)));
    let back = press(begun.page(), "ada@contoso.com", "accept").await.expect("a redirect");
    let query = back.query().expect("an answer").to_owned();
    let token = begun.finish(&served.context, &query, MemoryRefreshTokens::new()).await.expect("a token");
    assert_eq!(claims_of(token.secret.expose())["appidacr"], "2");
}

/// A person before a screen that nobody sees.
#[derive(Debug, Clone)]
struct Person {
    sim: Sim,
    asked: Arc<Mutex<Vec<SignInRequest>>>,
    button: &'static str,
}

impl Person {
    fn new(sim: &Sim, button: &'static str) -> Self {
        Self { sim: sim.clone(), asked: Arc::default(), button }
    }

    fn asked(&self) -> usize {
        self.asked.lock().expect("no panic").len()
    }
}

#[async_trait]
impl SignInPrompt for Person {
    async fn show(&self, request: &SignInRequest) -> entrant::Result<()> {
        self.asked.lock().expect("no panic").push(request.clone());
        match request {
            SignInRequest::Browser { page } => {
                let (page, button) = (page.clone(), self.button);
                tokio::spawn(async move {
                    let back = press(&page, "ada@contoso.com", button).await.expect("a redirect");
                    let port = back.port().expect("a port");
                    // Browsers ask for an icon; others may knock with an answer of their own.
                    let root = format!("http://127.0.0.1:{port}/");
                    for other in ["favicon.ico", "?code=x&state=guess", ""] {
                        let answer = reqwest::get(format!("{root}{other}")).await.expect("an answer");
                        assert_eq!(answer.status(), 404);
                    }
                    let mut back = back;
                    back.set_host(Some("127.0.0.1")).expect("a host");
                    let answer = reqwest::get(back).await.expect("an answer");
                    assert_eq!(answer.status(), 200);
                });
            }
            SignInRequest::DeviceCode { code, message, .. } => {
                assert!(message.contains(code.as_str()), "{message}");
                match self.button {
                    "accept" => self.sim.approve_device(code, "ada@contoso.com"),
                    "cancel" => self.sim.decline_device(code),
                    _ => {}
                }
            }
            other => panic!("an unknown request: {other:?}"),
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_browser_on_this_machine() {
    let served = Served::new().await;
    served.sim.allow_public_client();
    let person = Person::new(&served.sim, "accept");
    let kept = MemoryRefreshTokens::new();
    let credential = BrowserSignIn::new(served.public(), person.clone(), kept.clone());
    let token = credential.token(&served.context).await.expect("a token");
    let claims = claims_of(token.secret.expose());
    assert_eq!((&claims["scp"], &claims["appidacr"]), (&"User.ReadWrite.All".into(), &"0".into()));
    credential.token(&served.context).await.expect("a token");
    assert_eq!(person.asked(), 1, "the refresh token does");
    served.sim.revoke_refresh_tokens();
    credential.token(&served.context).await.expect("a token");
    assert_eq!(person.asked(), 2, "asked again once it was refused");

    let declines = BrowserSignIn::new(served.public(), Person::new(&served.sim, "cancel"), MemoryRefreshTokens::new());
    let error = declines.token(&served.context).await.expect_err("cancelled");
    assert_eq!(SignInFailure::of(&error).and_then(|failure| failure.code), Some(65_004));
}

#[tokio::test]
async fn another_device() {
    let served = Served::new().await;
    let sign_in = |person: &Person| DeviceCode::new(served.public(), person.clone(), MemoryRefreshTokens::new());
    let accepts = Person::new(&served.sim, "accept");
    let error = sign_in(&accepts).token(&served.context).await.expect_err("no public client flows");
    assert_eq!(SignInFailure::of(&error).and_then(|failure| failure.code), Some(7_000_218));

    served.sim.allow_public_client();
    let credential = sign_in(&accepts);
    let token = credential.token(&served.context).await.expect("a token");
    assert_eq!(claims_of(token.secret.expose())["upn"], "ada@contoso.com");
    credential.token(&served.context).await.expect("a token");
    assert_eq!(accepts.asked(), 1, "the refresh token does");

    let error = sign_in(&Person::new(&served.sim, "cancel")).token(&served.context).await.expect_err("declined");
    assert!(error.to_string().contains("denied"), "{error}");

    // Nobody enters the code: the clock runs to its end.
    let before = served.sim.requests().token;
    let error = sign_in(&Person::new(&served.sim, "")).token(&served.context).await.expect_err("nobody");
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    let asked = served.sim.requests().token - before;
    assert!((170..=180).contains(&asked), "every 5 s for 15 minutes: {asked}");
    assert_eq!(served.sim.device_codes().len(), 1);
}

/// With everything taken down at every level: no token, no code and no state is logged.
#[tokio::test]
async fn nothing_that_a_person_signs_in_with_is_logged() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let served = Served::new().await;
    served.sim.allow_public_client();
    served.sim.add_redirect_uri(REDIRECT);
    let person = Person::new(&served.sim, "accept");
    let (browser, device, web) = (MemoryRefreshTokens::new(), MemoryRefreshTokens::new(), MemoryRefreshTokens::new());
    let mut shown = String::new();

    let by_browser = BrowserSignIn::new(served.public(), person.clone(), browser.clone());
    let by_device = DeviceCode::new(served.public(), person.clone(), device.clone());
    let mut secrets = Vec::new();
    for credential in [&by_browser as &dyn TokenCredential, &by_device] {
        // A test in another thread may have come by an event for the first time just when nobody listened there.
        tracing::callsite::rebuild_interest_cache();
        secrets.push(credential.token(&served.context).await.expect("a token").secret);
    }
    let begun = served.begin(served.public());
    let back = press(begun.page(), "ada@contoso.com", "accept").await.expect("a redirect");
    let once = back.query_pairs().filter(|(name, _)| name == "code" || name == "state");
    secrets.extend(once.map(|(_, value)| value.into_owned().into()));
    let query = back.query().expect("an answer").to_owned();
    tracing::callsite::rebuild_interest_cache();
    let token = begun.finish(&served.context, &query, web.clone()).await.expect("a token");
    shown += &format!("{token:?} {by_browser:?} {by_device:?} {web:?}");
    secrets.push(token.secret);
    for kept in [browser, device, web] {
        secrets.push(kept.load().await.expect("loaded").expect("kept"));
    }
    assert_eq!(secrets.len(), 8);
    let logged = log.text();
    assert!(logged.contains("token request"), "the log is taken down: {logged}");
    for secret in secrets {
        assert!(!logged.contains(secret.expose()), "{} is logged", secret.expose());
        assert!(!shown.contains(secret.expose()), "{} is shown", secret.expose());
    }
}
