//! Signing in on another device.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value as Json;
use url::Url;

use super::endpoint::{self, seconds, usable};
use super::person::RefreshToken;
use super::{
    AccessToken, RefreshTokenStore, SignInFailure, SignInPrompt, SignInRequest, TokenContext, TokenCredential,
    UserApplication,
};
use crate::clock::later;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::http::address::check_private;
use crate::http::redact::one_line;
use crate::secret::Secret;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The shortest time between two questions.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// The longest.
const MAX_INTERVAL: Duration = Duration::from_secs(60);

/// By how much to slow down when told to (RFC 8628).
const SLOWER: Duration = Duration::from_secs(5);

/// The longest time that a person is waited for.
const MAX_LIFE: Duration = Duration::from_secs(3_600);

/// A person who signs in on another device, by entering a code: for programs on servers and terminals without a browser.
///
/// The application must allow public client flows. Many tenants forbid device codes by Conditional Access; prefer
/// [`BrowserSignIn`](super::BrowserSignIn) where there is a browser. Once signed in, it goes on by its refresh token;
/// the person is asked again when that is refused.
///
/// See [the device code flow](https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code).
#[derive(Debug, Clone)]
pub struct DeviceCode {
    sign_in: RefreshToken,
    prompt: Arc<dyn SignInPrompt>,
}

/// What Entra says of a sign-in that has begun.
struct Begun {
    code: Secret,
    request: SignInRequest,
    interval: Duration,
    life: Duration,
}

impl DeviceCode {
    /// A sign-in to `application`; `prompt` shows the code, `store` keeps the refresh token.
    pub fn new(application: UserApplication, prompt: impl SignInPrompt, store: impl RefreshTokenStore) -> Self {
        Self { sign_in: RefreshToken::new(application, store), prompt: Arc::new(prompt) }
    }

    async fn begin(&self, context: &TokenContext) -> Result<Begun> {
        let application = self.sign_in.application();
        let scope = application.scope(context);
        let address = endpoint::address(context, application.tenant(), "oauth2/v2.0/devicecode");
        let fields = [("client_id", application.client().as_str()), ("scope", scope.as_str())];
        let answer = endpoint::send_form(context, &address, &fields).await?;
        match answer.status.is_success() {
            true => parse(&answer.body),
            false => Err(endpoint::refusal(&answer, &[])),
        }
    }
}

#[async_trait]
impl TokenCredential for DeviceCode {
    async fn token(&self, context: &TokenContext) -> Result<AccessToken> {
        if let Ok(token) = self.sign_in.renew(context).await? {
            return Ok(token);
        }
        let mut begun = self.begin(context).await?;
        self.prompt.show(&begun.request).await?;
        let clock = context.clock();
        let ends = later(clock.now(), begun.life);
        let fields = [("grant_type", GRANT), ("device_code", begun.code.expose())];
        loop {
            clock.sleep(begun.interval).await;
            if clock.now() >= ends {
                return Err(Error::new(ErrorKind::TimedOut, "nobody entered the code in time; begin again"));
            }
            let error = match self.sign_in.application().ask(context, &fields, &[&begun.code]).await {
                Ok(granted) => return Ok(self.sign_in.keep(granted).await),
                Err(error) => error,
            };
            match SignInFailure::of(&error).map(|failure| failure.error.as_str()) {
                Some("authorization_pending") => {}
                Some("slow_down") => begun.interval = (begun.interval + SLOWER).min(MAX_INTERVAL),
                _ => match error.retry() {
                    Retry::Never => return Err(error),
                    Retry::Later => begun.interval = (begun.interval * 2).min(MAX_INTERVAL),
                    Retry::After(delay) => clock.sleep(delay.min(MAX_LIFE)).await,
                },
            }
        }
    }
}

fn parse(body: &[u8]) -> Result<Begun> {
    let wrong = |what: &'static str| Error::new(ErrorKind::Protocol, what);
    let json: Json =
        serde_json::from_slice(body).map_err(|_| wrong("the device code endpoint's answer is not JSON"))?;
    let code = usable(&json["device_code"]).ok_or_else(|| wrong("the device code endpoint gave no code"))?;
    let user_code = json["user_code"].as_str().map(|code| one_line(code, 40)).filter(|code| !code.is_empty());
    let user_code = user_code.ok_or_else(|| wrong("the device code endpoint gave no code for the person"))?;
    let page = json["verification_uri"].as_str().and_then(|page| Url::parse(page).ok());
    let page = page.filter(|page| check_private(page).is_ok());
    let page = page.ok_or_else(|| wrong("the device code endpoint gave no page to enter the code at"))?;
    let life = seconds(&json["expires_in"]).unwrap_or(Duration::from_secs(900)).min(MAX_LIFE);
    let interval = seconds(&json["interval"]).unwrap_or(Duration::from_secs(5)).clamp(MIN_INTERVAL, MAX_INTERVAL);
    let message = match json["message"].as_str().map(|message| one_line(message, 500)) {
        Some(message) if !message.is_empty() => message,
        _ => format!("To sign in, open {page} and enter the code {user_code}."),
    };
    let request = SignInRequest::DeviceCode { page, code: user_code, message, expires_in: life.as_secs() };
    Ok(Begun { code: Secret::new(code), request, interval, life })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_read_and_hostile_answers_are_errors() {
        let begun = parse(include_bytes!("../../tests/data/auth/token/devicecode.200.json")).expect("begun");
        assert_eq!((begun.interval, begun.life), (Duration::from_secs(5), Duration::from_secs(900)));
        let SignInRequest::DeviceCode { page, code, .. } = begun.request else { panic!("a device code") };
        assert_eq!((page.as_str(), code.as_str()), ("https://microsoft.com/devicelogin", "FRWQDE7YL"));
        let page = "https://x.example/";
        for (hostile, says) in [
            (String::new(), "not JSON"),
            ("[]".into(), "no code"),
            (r#"{"device_code":"a b"}"#.into(), "no code"),
            (format!(r#"{{"device_code":"s3cret","verification_uri":"{page}"}}"#), "for the person"),
            (r#"{"device_code":"s3cret","user_code":"X"}"#.into(), "no page"),
            (r#"{"device_code":"s3cret","user_code":"X","verification_uri":"javascript:x"}"#.into(), "no page"),
            (r#"{"device_code":"s3cret","user_code":"X","verification_uri":"http://evil.example/"}"#.into(), "no page"),
        ] {
            let error = parse(hostile.as_bytes()).err().expect("an error");
            assert!(error.to_string().contains(says), "{hostile}: {error}");
            assert!(!format!("{error:?}").contains("s3cret"));
        }
        let odd = format!(
            r#"{{"device_code":"c","user_code":"X\nY","verification_uri":"{page}","interval":-1,"expires_in":"1e99"}}"#
        );
        let odd = parse(odd.as_bytes()).expect("bounded");
        assert_eq!((odd.interval, odd.life), (Duration::from_secs(5), MAX_LIFE));
    }
}
