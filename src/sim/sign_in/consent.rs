//! The pages where people sign in and consent, and what comes of that: codes, refresh tokens, device codes.

use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::login::{Denial, Form, deny, missing};
use crate::sim::seed::base64url;
use crate::sim::state::{Client, State};
use crate::sim::wire::answer::{Answer, Body, Trace};
use crate::sim::wire::routes::Call;

/// How long a code is good.
const CODE_LIFE: Duration = Duration::from_secs(600);
/// How long a device code is good.
const DEVICE_LIFE: Duration = Duration::from_secs(900);
/// How long a refresh token is good without use.
const REFRESH_LIFE: Duration = Duration::from_secs(90 * 86_400);
/// How often a device may ask, in seconds.
const INTERVAL: i64 = 5;
/// So many codes and refresh tokens are kept; the oldest go first.
const MAX_GRANTS: usize = 10_000;

/// What people agreed to, and what stands for it until it is a token.
#[derive(Default)]
pub(crate) struct Grants {
    codes: Vec<(String, Code)>,
    refresh: Vec<(String, Person)>,
    devices: Vec<Device>,
}

/// Who signed in where, and for what.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) client: String,
    pub(crate) user: Uuid,
    pub(crate) scope: String,
    until: OffsetDateTime,
}

struct Code {
    person: Person,
    redirect: String,
    challenge: Option<String>,
    is_used: bool,
}

struct Device {
    code: String,
    user_code: String,
    client: String,
    scope: String,
    until: OffsetDateTime,
    last_asked: Option<OffsetDateTime>,
    answer: DeviceAnswer,
}

#[derive(Clone, Copy)]
enum DeviceAnswer {
    Pending,
    Approved(Uuid),
    Declined,
}

impl State {
    /// The page where a person signs in: `GET` shows it, `POST` is its buttons.
    pub(crate) fn authorize(&mut self, call: &Call<'_>, trace: &Trace) -> Result<Answer, Denial> {
        let form = Form::of(call)?;
        let field = |name: &str| form.get(name).or_else(|| option(call, name));
        let client = self.client_named(field("client_id").ok_or_else(|| missing("client_id"))?)?;
        let redirect = field("redirect_uri").unwrap_or_default().to_owned();
        if !client.redirects_to(&redirect) {
            let shown: String = redirect.chars().take(200).collect();
            let text = format!(
                "The redirect URI '{shown}' specified in the request does not match the redirect URIs configured for the \
                 application '{}'.",
                client.id
            );
            return Err(deny(50_011, "invalid_request", 400, text));
        }
        let state = field("state").unwrap_or_default();
        let back = |pairs: &[(&str, &str)]| redirected(&redirect, pairs, state);
        let refused = |error: &str, text: &str| back(&[("error", error), ("error_description", text)]);
        if field("response_type") != Some("code") {
            return Ok(refused("unsupported_response_type", "AADSTS700054: response_type is not enabled."));
        }
        if field("code_challenge").is_some() && field("code_challenge_method") != Some("S256") {
            return Ok(refused("invalid_request", "AADSTS501491: Only the method S256 is taken."));
        }
        if call.method == "GET" {
            return Ok(self.page(call, &client, field("login_hint").unwrap_or_default()));
        }
        if field("answer") != Some("accept") {
            return Ok(refused("access_denied", "AADSTS65004: User declined to consent to access the app."));
        }
        let name = field("login").unwrap_or_default();
        let Some(user) = self.person_named(name) else {
            let shown: String = name.chars().take(200).collect();
            let text = format!("The user account '{shown}' does not exist in the tenant.");
            return Err(deny(50_034, "invalid_grant", 400, text));
        };
        let code = format!("0.{}", base64url(&self.chance.bytes::<48>()));
        let person = Person {
            client: client.id.clone(),
            user,
            scope: field("scope").unwrap_or_default().to_owned(),
            until: trace.now + CODE_LIFE,
        };
        let challenge = field("code_challenge").map(str::to_owned);
        let made = Code { person, redirect: redirect.clone(), challenge, is_used: false };
        keep(&mut self.grants.codes, (code.clone(), made));
        Ok(back(&[("code", &code), ("session_state", &trace.request_id.to_string())]))
    }

    /// The page where an administrator consents for all.
    pub(crate) fn admin_consent(&mut self, call: &Call<'_>) -> Result<Answer, Denial> {
        let form = Form::of(call)?;
        let field = |name: &str| form.get(name).or_else(|| option(call, name));
        let client = self.client_named(field("client_id").ok_or_else(|| missing("client_id"))?)?;
        let redirect = field("redirect_uri").map(str::to_owned);
        if redirect.as_deref().is_some_and(|uri| !client.redirects_to(uri)) {
            let text = "The redirect URI specified in the request does not match those configured for the application.";
            return Err(deny(50_011, "invalid_request", 400, text.to_owned()));
        }
        if call.method == "GET" {
            return Ok(self.page(call, &client, ""));
        }
        let state = field("state").unwrap_or_default();
        let tenant = self.settings.tenant_id.to_string();
        let answer = if field("answer") == Some("accept") {
            let withheld = std::mem::take(&mut self.settings.withheld);
            self.settings.permissions.extend(withheld);
            self.consent(&client.id, call.now);
            vec![("admin_consent", "True"), ("tenant", tenant.as_str())]
        } else {
            let text = "AADSTS65004: The resource owner or authorization server denied the request.";
            vec![("error", "access_denied"), ("error_description", text), ("admin_consent", "True")]
        };
        Ok(match redirect {
            Some(redirect) => redirected(&redirect, &answer, state),
            None => html(200, "<!DOCTYPE html><title>Consent</title><p>Done. You may close this page.</p>".to_owned()),
        })
    }

    fn page(&self, call: &Call<'_>, client: &Client, login: &str) -> Answer {
        let permissions = self.wanted_by(&client.id);
        let permissions: String = permissions.iter().map(|name| format!("<li>{}</li>", escaped(name))).collect();
        let hidden: String = call
            .target
            .options
            .iter()
            .map(|(name, value)| {
                format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", escaped(name), escaped(value))
            })
            .collect();
        html(
            200,
            format!(
                "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Sign in to {tenant}</title></head>\
                 <body><h1>Permissions requested</h1><p>The application {client} would like to:</p><ul>{permissions}</ul>\
                 <form method=\"post\">{hidden}<label>Account <input name=\"login\" value=\"{login}\"></label>\
                 <button name=\"answer\" value=\"accept\">Accept</button>\
                 <button name=\"answer\" value=\"cancel\">Cancel</button></form></body></html>",
                tenant = escaped(&self.settings.name),
                client = escaped(&client.id),
                login = escaped(login),
            ),
        )
    }

    /// Begins a sign-in on another device.
    pub(crate) fn device_code(&mut self, call: &Call<'_>, trace: &Trace) -> Result<Value, Denial> {
        let form = Form::of(call)?;
        let client = self.client_named(form.get("client_id").ok_or_else(|| missing("client_id"))?)?;
        let scope = form.get("scope").ok_or_else(|| missing("scope"))?.to_owned();
        if !client.is_public {
            return Err(no_credential());
        }
        const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
        let user_code: String = (0..9).map(|_| char::from(LETTERS[self.chance.below(LETTERS.len())])).collect();
        let code = base64url(&self.chance.bytes::<48>());
        let page = format!("{}/devicelogin", call.origin);
        let answer = json!({
            "user_code": user_code,
            "device_code": code,
            "verification_uri": page,
            "expires_in": DEVICE_LIFE.as_secs(),
            "interval": INTERVAL,
            "message": format!(
                "To sign in, use a web browser to open the page {page} and enter the code {user_code} to authenticate."
            ),
        });
        keep(
            &mut self.grants.devices,
            Device {
                code,
                user_code,
                client: client.id,
                scope,
                until: trace.now + DEVICE_LIFE,
                last_asked: None,
                answer: DeviceAnswer::Pending,
            },
        );
        Ok(answer)
    }

    /// A device asks whether the person has agreed.
    pub(crate) fn redeem_device(
        &mut self,
        form: &Form,
        client: &Client,
        now: OffsetDateTime,
    ) -> Result<Person, Denial> {
        let code = form.get("device_code").ok_or_else(|| missing("device_code"))?;
        let found = self.grants.devices.iter_mut().find(|device| device.code == code && device.client == client.id);
        let device = found
            .ok_or_else(|| deny(0, "bad_verification_code", 400, "The device code was not recognized.".to_owned()))?;
        if now >= device.until {
            let text =
                "The provided value for the input parameter 'device_code' is not valid. This device code has expired.";
            return Err(deny(70_020, "expired_token", 400, text.to_owned()));
        }
        let is_early = device.last_asked.is_some_and(|last| (now - last).whole_seconds() < INTERVAL);
        device.last_asked = Some(now);
        match device.answer {
            _ if is_early => Err(deny(0, "slow_down", 400, "Polling too fast.".to_owned())),
            DeviceAnswer::Pending => {
                let text = "OAuth 2.0 device flow error. Authorization is pending. Continue polling.";
                Err(deny(70_016, "authorization_pending", 400, text.to_owned()))
            }
            DeviceAnswer::Declined => {
                let text = "The end user denied the authorization request.";
                Err(deny(0, "authorization_declined", 400, text.to_owned()))
            }
            DeviceAnswer::Approved(user) => {
                let person =
                    Person { client: client.id.clone(), user, scope: device.scope.clone(), until: now + REFRESH_LIFE };
                self.grants.devices.retain(|device| device.code != code);
                Ok(person)
            }
        }
    }

    /// Answers for a person whether a device may sign in; `false` if nobody waits with this code.
    pub(crate) fn answer_device(&mut self, user_code: &str, user: Option<Uuid>) -> bool {
        let found = self.grants.devices.iter_mut().find(|device| device.user_code.eq_ignore_ascii_case(user_code));
        let Some(device) = found else { return false };
        device.answer = user.map_or(DeviceAnswer::Declined, DeviceAnswer::Approved);
        true
    }

    /// Takes a code for what it stands for, once.
    pub(crate) fn redeem_code(&mut self, form: &Form, client: &Client, now: OffsetDateTime) -> Result<Person, Denial> {
        let given = form.get("code").ok_or_else(|| missing("code"))?;
        let redirect = form.get("redirect_uri").ok_or_else(|| missing("redirect_uri"))?;
        let found = self.grants.codes.iter_mut().find(|(code, made)| code == given && made.person.client == client.id);
        let Some((_, code)) = found else {
            return Err(deny(70_000, "invalid_grant", 400, "Provided grant is invalid or malformed.".to_owned()));
        };
        if code.is_used {
            let text = "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an \
                        existing refresh token.";
            return Err(deny(54_005, "invalid_grant", 400, text.to_owned()));
        }
        if now >= code.person.until {
            let text = "The provided authorization code or refresh token has expired due to inactivity. Send a new \
                        interactive authorization request for this user and resource.";
            return Err(deny(70_008, "invalid_grant", 400, text.to_owned()));
        }
        if code.redirect != redirect {
            let text =
                "The reply address does not match the reply address provided when requesting Authorization code.";
            return Err(deny(500_112, "invalid_client", 400, text.to_owned()));
        }
        let verifier = form.get("code_verifier");
        let proven = verifier.map(|verifier| base64url(&hmac_sha256::Hash::hash(verifier.as_bytes())));
        if code.challenge != proven {
            let text = "The Code_Verifier does not match the code_challenge supplied in the authorization request.";
            return Err(deny(501_481, "invalid_grant", 400, text.to_owned()));
        }
        code.is_used = true;
        Ok(code.person.clone())
    }

    /// Takes a refresh token.
    pub(crate) fn redeem_refresh(
        &mut self,
        form: &Form,
        client: &Client,
        now: OffsetDateTime,
    ) -> Result<Person, Denial> {
        let given = form.get("refresh_token").ok_or_else(|| missing("refresh_token"))?;
        let found = self.grants.refresh.iter().find(|(token, person)| token == given && person.client == client.id);
        let Some((_, person)) = found else {
            let text = "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user \
                        might have changed or reset their password.";
            return Err(deny(50_173, "invalid_grant", 400, text.to_owned()));
        };
        if now >= person.until {
            let text = "The refresh token has expired due to inactivity.";
            return Err(deny(700_082, "invalid_grant", 400, text.to_owned()));
        }
        let mut person = person.clone();
        if let Some(scope) = form.get("scope") {
            person.scope = scope.to_owned();
        }
        Ok(person)
    }

    /// A refresh token for whoever asked to work offline.
    pub(crate) fn refresh_token(&mut self, person: &Person, now: OffsetDateTime) -> Option<String> {
        person.scope.split_whitespace().find(|scope| *scope == "offline_access")?;
        let token = format!("1.{}", base64url(&self.chance.bytes::<48>()));
        keep(&mut self.grants.refresh, (token.clone(), Person { until: now + REFRESH_LIFE, ..person.clone() }));
        Some(token)
    }

    pub(crate) fn revoke_refresh_tokens(&mut self) {
        self.grants.refresh.clear();
    }

    /// A user who may sign in.
    pub(crate) fn person_named(&self, key: &str) -> Option<Uuid> {
        let slot = self.people.find_current(key)?;
        let user = self.people.live(slot)?;
        let whole = crate::sim::objects::object::whole(crate::sim::objects::object::Object::User(user), self.context());
        (whole["accountEnabled"] != false).then_some(user.id)
    }
}

/// Without a credential, at an application that must have one.
pub(crate) fn no_credential() -> Denial {
    let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
    deny(7_000_218, "invalid_client", 401, text.to_owned())
}

fn keep<T>(list: &mut Vec<T>, item: T) {
    if list.len() >= MAX_GRANTS {
        list.remove(0);
    }
    list.push(item);
}

fn option<'a>(call: &'a Call<'_>, name: &str) -> Option<&'a str> {
    let found = call.target.options.iter().find(|(key, value)| key == name && !value.is_empty());
    found.map(|(_, value)| value.as_str())
}

fn redirected(to: &str, pairs: &[(&str, &str)], state: &str) -> Answer {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    if !state.is_empty() {
        query.append_pair("state", state);
    }
    let query = query.finish();
    let separator = if to.contains('?') { '&' } else { '?' };
    Answer {
        status: 302,
        headers: vec![("Location", format!("{to}{separator}{query}")), ("Cache-Control", "no-store".to_owned())],
        body: Body::Empty,
    }
}

fn html(status: u16, page: String) -> Answer {
    Answer {
        status,
        headers: vec![
            ("Content-Type", "text/html; charset=utf-8".to_owned()),
            ("Cache-Control", "no-store".to_owned()),
            ("Content-Security-Policy", "default-src 'none'".to_owned()),
        ],
        body: Body::Text(page),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl Client {
    /// Whether an answer may be sent there. `http://localhost` of a public application fits every port.
    fn redirects_to(&self, uri: &str) -> bool {
        let Ok(wanted) = url::Url::parse(uri) else { return false };
        self.redirects.iter().any(|known| {
            let Ok(known) = url::Url::parse(known) else { return false };
            let is_loopback = self.is_public && known.scheme() == "http" && known.host_str() == Some("localhost");
            known == wanted
                || is_loopback
                    && wanted.scheme() == "http"
                    && matches!(wanted.host_str(), Some("localhost"))
                    && known.path() == wanted.path()
                    && wanted.query().is_none()
        })
    }
}

/// What a client says of the next token: whether it answers challenges, and from when the token must be.
pub(crate) fn claims_of(form: &Form) -> (bool, Option<i64>) {
    let claims: Value = form.get("claims").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let token = &claims["access_token"];
    let capable = token["xms_cc"]["values"].as_array().is_some_and(|values| values.iter().any(|value| value == "cp1"));
    let from = &token["nbf"]["value"];
    (capable, from.as_i64().or_else(|| from.as_str()?.parse().ok()))
}

/// A challenge that asks for a token from now on.
pub(crate) fn challenge(origin: &str, since: OffsetDateTime) -> String {
    let claims = json!({"access_token": {"nbf": {"essential": true, "value": since.unix_timestamp().to_string()}}});
    let mut encoded = base64url(claims.to_string().as_bytes()).replace('-', "+").replace('_', "/");
    while !encoded.len().is_multiple_of(4) {
        encoded.push('=');
    }
    format!(
        "Bearer realm=\"\", authorization_uri=\"{origin}/common/oauth2/authorize\", \
         client_id=\"00000003-0000-0000-c000-000000000000\", errorDescription=\"Continuous access evaluation resulted \
         in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp\", \
         error=\"insufficient_claims\", claims=\"{encoded}\""
    )
}

impl State {
    pub(crate) fn open_devices(&self) -> Vec<String> {
        let open = self.grants.devices.iter().filter(|device| matches!(device.answer, DeviceAnswer::Pending));
        open.map(|device| device.user_code.clone()).collect()
    }
}
