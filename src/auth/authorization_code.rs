//! Signing in with a browser: authorization code and PKCE.

use std::fmt;

use url::{Url, form_urlencoded};

use super::person::RefreshToken;
use super::{AccessToken, RefreshTokenStore, SignInFailure, TokenContext, UserApplication, base64, endpoint};
use crate::error::{Error, ErrorKind, Result};
use crate::http::address::check_private;
use crate::http::redact::one_line;
use crate::secret::Secret;

/// A sign-in with a browser that has begun: open [`page`](Self::page), and [`finish`](Self::finish) with the address that
/// the browser is sent back to.
///
/// For a web application of the host's own: keep it with the person's session, redirect the person to the page, and
/// finish where the redirect URI leads. For a program on a person's machine [`BrowserSignIn`](super::BrowserSignIn)
/// does all of it.
///
/// # Examples
///
/// ```
/// use entrant::Cloud;
/// use entrant::auth::{AuthorizationCode, ClientId, MemoryRefreshTokens, TenantId, TokenContext, UserApplication};
/// # async fn example(transport: std::sync::Arc<dyn entrant::http::Transport>, redirected: url::Url) -> entrant::Result<()> {
/// # let clock = std::sync::Arc::new(entrant::clock::SystemClock::new());
/// let context = TokenContext::new(&Cloud::Global, transport, clock)?;
/// let application = UserApplication::with_secret(
///     TenantId::new("contoso.onmicrosoft.com")?,
///     ClientId::new("11111111-2222-3333-4444-555555555555")?,
///     "the secret's value",
/// );
/// let redirect = url::Url::parse("https://sync.contoso.com/signed-in").expect("an address");
/// let sign_in = AuthorizationCode::begin(application, &context, redirect)?;
/// println!("open {}", sign_in.page());
/// // … the browser comes back to the redirect URI …
/// let kept = MemoryRefreshTokens::new();
/// let token = sign_in.finish(&context, redirected.query().unwrap_or_default(), kept.clone()).await?;
/// # Ok(())
/// # }
/// ```
///
/// See [the authorization code flow](https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow).
pub struct AuthorizationCode {
    application: UserApplication,
    redirect: Url,
    page: Url,
    state: Secret,
    verifier: Secret,
}

impl AuthorizationCode {
    /// Begins a sign-in whose answer goes to `redirect`, which must be registered with the application.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if the redirect URI is neither `https` nor this machine.
    pub fn begin(application: UserApplication, context: &TokenContext, redirect: Url) -> Result<Self> {
        check_private(&redirect)?;
        let state = random()?;
        let verifier = random()?;
        let challenge = base64::url(&hmac_sha256::Hash::hash(verifier.expose().as_bytes()));
        let address = endpoint::address(context, application.tenant(), "oauth2/v2.0/authorize");
        let mut page = Url::parse(&address)
            .map_err(|_| Error::new(ErrorKind::Invalid, "the address of the sign-in page is not valid"))?;
        page.query_pairs_mut()
            .append_pair("client_id", application.client().as_str())
            .append_pair("response_type", "code")
            .append_pair("redirect_uri", redirect.as_str())
            .append_pair("response_mode", "query")
            .append_pair("scope", &application.scope(context))
            .append_pair("state", state.expose())
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(context.claims().map(|claims| ("claims", claims)));
        Ok(Self { application, redirect, page, state, verifier })
    }

    /// Fills in who signs in.
    #[must_use]
    pub fn login_hint(mut self, name: &str) -> Self {
        self.page.query_pairs_mut().append_pair("login_hint", name);
        self
    }

    /// Has the person choose an account, even if the browser is signed in with one.
    #[must_use]
    pub fn select_account(mut self) -> Self {
        self.page.query_pairs_mut().append_pair("prompt", "select_account");
        self
    }

    /// The page to open. It belongs to one person and one attempt.
    #[must_use]
    pub fn page(&self) -> &Url {
        &self.page
    }

    /// Whether an answer at the redirect URI, by its query, is for this sign-in.
    #[must_use]
    pub fn is_answer(&self, query: &str) -> bool {
        field(query, "state").is_some_and(|state| same(state.expose(), self.state.expose()))
    }

    /// Takes the answer, by the query that came to the redirect URI, for a token. The refresh token goes to `store`; go on
    /// with [`RefreshToken`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if the answer is not for this sign-in, [`ErrorKind::Unauthenticated`] if the person
    /// declined or Entra refuses.
    pub async fn finish(
        self,
        context: &TokenContext,
        query: &str,
        store: impl RefreshTokenStore,
    ) -> Result<AccessToken> {
        let sign_in = RefreshToken::new(self.application.clone(), store);
        self.finish_with(context, query, &sign_in).await
    }

    pub(super) async fn finish_with(
        self,
        context: &TokenContext,
        query: &str,
        sign_in: &RefreshToken,
    ) -> Result<AccessToken> {
        if !self.is_answer(query) {
            return Err(Error::new(
                ErrorKind::Invalid,
                "the answer is not for this sign-in: its state is another; begin again",
            ));
        }
        if let Some(error) = field(query, "error") {
            let description = field(query, "error_description");
            return Err(declined(error.expose(), description.as_ref().map_or("", Secret::expose)));
        }
        let code = field(query, "code")
            .ok_or_else(|| Error::new(ErrorKind::Protocol, "the answer holds neither a code nor an error"))?;
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", self.redirect.as_str()),
            ("code_verifier", self.verifier.expose()),
        ];
        let granted = self.application.ask(context, &fields, &[&code, &self.verifier]).await?;
        Ok(sign_in.keep(granted).await)
    }
}

/// Neither the state nor the verifier is shown, and so not the page.
impl fmt::Debug for AuthorizationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationCode")
            .field("application", &self.application)
            .field("redirect", &self.redirect.as_str())
            .finish_non_exhaustive()
    }
}

/// What an error at a redirect URI means.
pub(super) fn declined(error: &str, description: &str) -> Error {
    let body = serde_json::json!({"error": error, "error_description": description}).to_string();
    let failure = SignInFailure::parse(body.as_bytes(), &[]);
    let message = match failure.advice() {
        Some(advice) => format!("the sign-in was refused: {}; {}", failure.description, advice.remedy),
        None => format!("the sign-in was refused: {}", failure.description),
    };
    Error::new(ErrorKind::Unauthenticated, message).with_context("error", one_line(error, 64)).with_source(failure)
}

/// 256 random bits as text.
fn random() -> Result<Secret> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|source| {
        Error::new(ErrorKind::Unsupported, "the machine gives no random numbers").with_source(source)
    })?;
    Ok(Secret::new(base64::url(&bytes)))
}

fn field(query: &str, name: &str) -> Option<Secret> {
    let (_, value) = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name)?;
    Some(Secret::new(value.into_owned()))
}

/// Compares without telling by its time where texts differ.
fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().zip(other.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{ClientId, MemoryRefreshTokens, TenantId};
    use crate::clock::SystemClock;
    use crate::cloud::Cloud;
    use crate::sim::Sim;
    use std::sync::Arc;

    fn begun() -> (AuthorizationCode, TokenContext) {
        let context = TokenContext::new(&Cloud::GccHigh, Sim::new().transport(), Arc::new(SystemClock::new()))
            .expect("a context");
        let application = UserApplication::public(
            TenantId::new("contoso.us").expect("a tenant"),
            ClientId::new("11111111-2222-3333-4444-555555555555").expect("an id"),
        );
        let redirect = Url::parse("http://localhost:7000/").expect("an address");
        let begun = AuthorizationCode::begin(application.scopes(["User.Read"]), &context, redirect).expect("begun");
        (begun, context)
    }

    #[test]
    fn the_page_asks_for_what_is_needed() {
        let (begun, _) = begun();
        let page = begun.login_hint("ada@contoso.us");
        let page = page.page();
        assert!(page.as_str().starts_with("https://login.microsoftonline.us/contoso.us/oauth2/v2.0/authorize?"));
        let get = |name: &str| page.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        assert_eq!(get("scope").as_deref(), Some("https://graph.microsoft.us/User.Read offline_access openid profile"));
        assert_eq!(get("code_challenge").map(|text| text.len()), Some(43));
        assert_eq!(get("state").map(|text| text.len()), Some(43));
        assert_eq!(get("redirect_uri").as_deref(), Some("http://localhost:7000/"));
        assert_eq!(get("login_hint").as_deref(), Some("ada@contoso.us"));
        assert_eq!(get("claims"), None);
    }

    #[tokio::test]
    async fn answers_of_others_and_refusals_are_told_apart() {
        for (answer, kind, says) in [
            ("code=x", ErrorKind::Invalid, "its state is another"),
            ("code=x&state=guess", ErrorKind::Invalid, "its state is another"),
            ("STATE", ErrorKind::Protocol, "neither a code nor an error"),
            ("STATE&error=access_denied&error_description=AADSTS65004%3A+No.", ErrorKind::Unauthenticated, "declined"),
            ("STATE&error=odd%0Aline&code=s3cret", ErrorKind::Unauthenticated, "odd line"),
        ] {
            let (begun, context) = begun();
            let state = format!("state={}", begun.state.expose());
            let shown = format!("{begun:?}");
            assert!(!shown.contains(begun.state.expose()) && !shown.contains(begun.verifier.expose()));
            let query = answer.replace("STATE", &state);
            let error = begun.finish(&context, &query, MemoryRefreshTokens::new()).await.expect_err(answer);
            assert_eq!(error.kind(), kind, "{answer}");
            assert!(error.to_chain().contains(says), "{answer}: {}", error.to_chain());
            assert!(!format!("{error:?}").contains("s3cret"));
        }
    }

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = base64::url(&hmac_sha256::Hash::hash(verifier.as_bytes()));
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
