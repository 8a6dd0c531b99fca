//! Signing in: the token endpoint and the discovery document.

use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::assertion;
use super::consent::{Person, challenge, claims_of, no_credential};
use super::denials;
use super::identity;
use super::signing;
use crate::sim::lists::query::{Plus, decode};
use crate::sim::roles::role::NO_ROLE;
use crate::sim::seed::base64url;
use crate::sim::state::{Client, State, Token};
use crate::sim::wire::answer::{Answer, Body, Refusal, Trace};
use crate::sim::wire::routes::Call;

/// The part of sign-in that an address names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Token,
    Discovery,
    /// Which hosts are one and the same.
    Instances,
    Keys,
    /// Where people sign in.
    Authorize,
    AdminConsent,
    DeviceCode,
    /// No part of Entra: what hosts in Azure offer to programs on them.
    Identity(identity::Host),
}

/// Why nobody signs in: AADSTS number, OAuth error, status, text.
pub(crate) struct Denial {
    number: u32,
    error: &'static str,
    status: u16,
    text: String,
    suberror: Option<&'static str>,
}

#[cfg(test)]
impl Denial {
    pub(crate) fn number(&self) -> u32 {
        self.number
    }
}

/// The fields of a posted form.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub(crate) fn of(call: &Call<'_>) -> Result<Self, Denial> {
        form(call).map(Self)
    }

    /// A field, if it is there and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }
}

pub(crate) fn missing(name: &str) -> Denial {
    let text = format!("The request body must contain the following parameter: '{name}'.");
    deny(900_144, "invalid_request", 400, text)
}

/// The application id of Microsoft Graph itself, which a token may name as its audience.
const GRAPH: &str = "https://graph.microsoft.com";

impl Door {
    pub(crate) fn find(segments: &[String]) -> Option<Self> {
        let whole: Vec<_> = segments.iter().map(|segment| segment.to_lowercase()).collect();
        let whole: Vec<_> = whole.iter().map(String::as_str).collect();
        match whole.as_slice() {
            ["metadata", "identity", "oauth2", "token"] => return Some(Self::Identity(identity::Host::Metadata)),
            ["msi", "token"] => return Some(Self::Identity(identity::Host::Local)),
            _ => {}
        }
        match whole.get(1..).unwrap_or_default() {
            ["oauth2", "v2.0", "token"] => Some(Self::Token),
            ["v2.0", ".well-known", "openid-configuration"] => Some(Self::Discovery),
            ["discovery", "v2.0", "keys"] => Some(Self::Keys),
            ["discovery", "instance"] => Some(Self::Instances),
            ["oauth2", "v2.0", "authorize"] => Some(Self::Authorize),
            ["oauth2", "v2.0", "devicecode"] => Some(Self::DeviceCode),
            ["adminconsent"] | ["v2.0", "adminconsent"] => Some(Self::AdminConsent),
            _ => None,
        }
    }
}

impl State {
    pub(crate) fn sign_in(&mut self, door: Door, call: &Call<'_>, trace: &Trace) -> Answer {
        if let Door::Identity(host) = door {
            return self.managed_identity(host, call, trace);
        }
        let result = match (door, call.method) {
            (Door::Token, "POST") => self.token(call, trace).map(|body| plain_json(200, &body)),
            (Door::Token | Door::DeviceCode, method) if method != "POST" => Err(deny(
                900_561,
                "invalid_request",
                400,
                format!("The endpoint only accepts POST requests. Received a {method} request."),
            )),
            (Door::DeviceCode, _) => {
                self.find_tenant(call).and_then(|_| self.device_code(call, trace)).map(|body| plain_json(200, &body))
            }
            (Door::Authorize, "GET" | "POST") => self.find_tenant(call).and_then(|_| self.authorize(call, trace)),
            (Door::AdminConsent, "GET" | "POST") => self.find_tenant(call).and_then(|_| self.admin_consent(call)),
            (Door::Discovery, "GET") => self.discovery(call).map(|body| plain_json(200, &body)),
            (Door::Keys, "GET") => self
                .find_tenant(call)
                .map(|tenant| plain_json(200, &signing::keys(&format!("{}/{tenant}/v2.0", call.origin)))),
            (Door::Instances, "GET") => Ok(plain_json(200, &instances(call))),
            _ => {
                Err(deny(9_002_313, "invalid_request", 405, "Invalid request. Request is malformed or invalid.".into()))
            }
        };
        result.unwrap_or_else(|denial| denied(&denial, trace, call))
    }

    /// What a fault answers at the sign-in addresses.
    pub(crate) fn refused_sign_in(&self, call: &Call<'_>, trace: &Trace, status: u16) -> Answer {
        let (number, error, text) = match status {
            429 => (90_055, "invalid_request", "Tenant is throttled. Please wait before retrying."),
            500.. => (90_033, "temporarily_unavailable", "A transient error has occurred. Please try again."),
            _ => (9_002_313, "invalid_request", "Invalid request. Request is malformed or invalid."),
        };
        denied(&deny(number, error, status, text.into()), trace, call)
    }

    /// Checks the bearer token; answers the application that it was issued to.
    pub(crate) fn check_token(&self, call: &Call<'_>, trace: &Trace) -> Result<String, Refusal> {
        let refuse = |message: &str| {
            let mut refusal = Refusal::new(401, "InvalidAuthenticationToken", message);
            let challenge = format!(
                "Bearer realm=\"\", authorization_uri=\"{}/common/oauth2/authorize\", \
                 client_id=\"00000003-0000-0000-c000-000000000000\"",
                call.origin
            );
            refusal.headers.push(("WWW-Authenticate", challenge));
            refusal
        };
        let header = call.headers.authorization.as_deref().unwrap_or_default();
        let token = match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            _ => "",
        };
        if token.is_empty() {
            return Err(refuse("Access token is empty."));
        }
        match self.tokens.find(token) {
            None => Err(refuse("CompactToken parsing failed with error code: 80049217")),
            Some(token) if token.expires <= trace.now => {
                Err(refuse("Lifetime validation failed, the token is expired."))
            }
            Some(token) => match self.challenged.filter(|since| token.answers_challenges && token.issued < *since) {
                Some(since) => {
                    let text = "Continuous access evaluation resulted in challenge with result: InteractionRequired \
                                and code: TokenIssuedBeforeRevocationTimestamp";
                    let mut refusal = Refusal::new(401, "InvalidAuthenticationToken", text);
                    refusal.headers.push(("WWW-Authenticate", challenge(call.origin, since)));
                    Err(refusal)
                }
                None => Ok(token.client.clone()),
            },
        }
    }

    fn token(&mut self, call: &Call<'_>, trace: &Trace) -> Result<Value, Denial> {
        self.find_tenant(call)?;
        if let Some((number, status, error, suberror, text)) = self.refuses.and_then(denials::find) {
            let denial = deny(*number, error, *status, (*text).to_owned());
            return Err(Denial { suberror: *suberror, ..denial });
        }
        let form = Form::of(call)?;
        let basic = basic_credentials(call);
        let basic = basic.as_ref();
        let grant = form.get("grant_type").ok_or_else(|| missing("grant_type"))?;
        let alone = grant == "client_credentials";
        let known = ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"];
        if !alone && !known.contains(&grant) {
            let text = format!("The app requested an unsupported grant type '{grant}'.");
            return Err(deny(70_003, "unsupported_grant_type", 400, text));
        }
        let id = form.get("client_id").or(basic.map(|(id, _)| id.as_str()));
        let id = id.ok_or_else(|| missing("client_id"))?;
        let audience = match alone {
            true => audience(form.get("scope").ok_or_else(|| missing("scope"))?, call.origin)?,
            false => call.origin.to_owned(),
        };
        let client = self.client_named(id)?;
        if let Some(denial) = self.denied_by_region() {
            return Err(denial);
        }
        let way =
            self.authenticate(call, &form, basic.map(|(_, secret)| secret.as_str()), &client, alone, trace.now)?;
        let (answers, from) = claims_of(&form);
        let now = trace.now;
        if alone {
            let issued = self.issue(&client, &audience, way, now);
            self.remember_claims(&issued, answers, from, now);
            return Ok(issued);
        }
        let person = match grant {
            "authorization_code" => self.redeem_code(&form, &client, now)?,
            "refresh_token" => self.redeem_refresh(&form, &client, now)?,
            _ => self.redeem_device(&form, &client, now)?,
        };
        if !self.settings.withheld.is_empty() {
            let text = format!(
                "The user or administrator has not consented to use the application with ID '{}' named 'Simulated \
                 application'. Send an interactive authorization request for this user and resource.",
                client.id
            );
            return Err(Denial { suberror: Some("consent_required"), ..deny(65_001, "invalid_grant", 400, text) });
        }
        let issued = self.issue_for(&client, &person, &audience, way, now);
        self.remember_claims(&issued, answers, from, now);
        Ok(issued)
    }

    /// Checks who asks, and says how that was shown: `appidacr` of the token.
    fn authenticate(
        &self,
        call: &Call<'_>,
        form: &Form,
        basic: Option<&str>,
        client: &Client,
        alone: bool,
        now: OffsetDateTime,
    ) -> Result<&'static str, Denial> {
        if let Some(given) = form.get("client_assertion") {
            let tenant = call.target.segments.first().map_or("", String::as_str);
            let own = self.settings.tenant_id;
            let audiences = [
                format!("{}/{tenant}/oauth2/v2.0/token", call.origin),
                format!("{}/{own}/oauth2/v2.0/token", call.origin),
                format!("{}/{own}/v2.0", call.origin),
            ];
            assertion::check(given, client, &self.certificates_of(client, now), &audiences, now)?;
            return Ok("2");
        }
        let Some(secret) = form.get("client_secret").or(basic) else {
            let is_public = client.is_public && !alone;
            return if is_public { Ok("0") } else { Err(no_credential()) };
        };
        if client.is_public && !alone {
            let text = "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.";
            return Err(deny(700_025, "invalid_client", 401, text.into()));
        }
        match client.secrets.iter().find(|known| known.value.expose() == secret) {
            None => {
                let text = format!(
                    "Invalid client secret provided. Ensure the secret being sent in the request is the client secret \
                     value, not the client secret ID, for a secret added to app '{}'.",
                    client.id
                );
                Err(deny(7_000_215, "invalid_client", 401, text))
            }
            Some(known) if known.ends.is_some_and(|ends| now >= ends) => {
                let text = format!(
                    "The provided client secret keys for app '{}' are expired. Visit the Azure portal to create new keys \
                     for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added \
                     security: https://aka.ms/certCreds.",
                    client.id
                );
                Err(deny(7_000_222, "invalid_client", 401, text))
            }
            Some(_) => Ok("1"),
        }
    }

    /// The application of a request, if it is in the tenant and may sign in.
    pub(crate) fn client_named(&self, id: &str) -> Result<Client, Denial> {
        let known = self.settings.clients.iter().find(|client| client.id.eq_ignore_ascii_case(id));
        let known = known.filter(|client| self.is_there(client)).cloned();
        let known = known.or_else(|| self.registered_later(id));
        let Some(client) = known else {
            let is_of_old = self.settings.clients.iter().any(|client| client.id.eq_ignore_ascii_case(id));
            if !is_of_old && self.is_registered(id) {
                let text = format!(
                    "The client application {id} is missing service principal in the tenant {}.",
                    self.settings.tenant_id
                );
                return Err(deny(7_000_229, "unauthorized_client", 400, text));
            }
            let text = format!(
                "Application with identifier '{id}' was not found in the directory '{}'. This can happen if the \
                 application has not been installed by the administrator of the tenant or consented to by any user in \
                 the tenant. You may have sent your authentication request to the wrong tenant.",
                self.settings.name
            );
            return Err(deny(700_016, "unauthorized_client", 400, text));
        };
        if self.is_disabled(&client) {
            let text = format!("Application '{id}'({}) is disabled.", client.id);
            return Err(deny(7_000_112, "unauthorized_client", 400, text));
        }
        Ok(client)
    }

    /// A token for an application alone; `way` is how it showed who it is.
    pub(crate) fn issue(&mut self, client: &Client, audience: &str, way: &str, now: OffsetDateTime) -> Value {
        let roles = self.roles_of(client.principal).into_iter().map(|role| role.to_string());
        let roles: Vec<String> = roles.chain([NO_ROLE.to_owned()]).collect();
        let claims = json!({
            "idtyp": "app",
            "oid": client.principal,
            "roles": self.permissions_of(&client.id),
            "sub": client.principal,
            "wids": roles,
        });
        self.issue_with(client, claims, audience, way, now)
    }

    /// A token for a person at an application.
    fn issue_for(&mut self, client: &Client, person: &Person, audience: &str, way: &str, now: OffsetDateTime) -> Value {
        let protocol = ["openid", "profile", "email", "offline_access"];
        let asked = person.scope.split_whitespace().filter(|scope| !protocol.contains(scope));
        let granted: Vec<String> = asked
            .flat_map(|scope| match scope.rsplit('/').next() {
                Some(".default") => self.permissions_of(&client.id),
                name => vec![name.unwrap_or(scope).to_owned()],
            })
            .collect();
        let scopes = granted.join(" ");
        let roles: Vec<String> = self.roles_of(person.user).into_iter().map(|role| role.to_string()).collect();
        let name = self.people.by_id(person.user).and_then(|slot| self.people.live(slot));
        let name = name.map(|user| {
            crate::sim::objects::object::whole(crate::sim::objects::object::Object::User(user), self.context())["userPrincipalName"].clone()
        });
        let claims = json!({
            "idtyp": "user",
            "oid": person.user,
            "scp": scopes,
            "sub": base64url(person.user.as_bytes()),
            "upn": name,
            "wids": roles,
        });
        let mut issued = self.issue_with(client, claims, audience, way, now);
        issued["scope"] = json!(scopes);
        if let Some(token) = self.refresh_token(person, now) {
            issued["refresh_token"] = json!(token);
        }
        issued
    }

    fn issue_with(
        &mut self,
        client: &Client,
        mut claims: Value,
        audience: &str,
        way: &str,
        now: OffsetDateTime,
    ) -> Value {
        let lifetime = self.settings.token_lifetime;
        let expires = now.checked_add(lifetime.try_into().unwrap_or(time::Duration::MAX)).unwrap_or(now);
        let tenant = self.settings.tenant_id;
        let common = json!({
            "aud": audience,
            "iss": format!("https://sts.windows.net/{tenant}/"),
            "iat": now.unix_timestamp(),
            "nbf": now.unix_timestamp(),
            "exp": expires.unix_timestamp(),
            "app_displayname": "Simulated application",
            "appid": client.id,
            "appidacr": way,
            "tid": tenant,
            "uti": base64url(&self.chance.bytes::<16>()),
            "ver": "1.0",
        });
        if let (Some(claims), Value::Object(common)) = (claims.as_object_mut(), common) {
            claims.extend(common);
        }
        let token = signing::signed(&claims);
        let issued = Token { client: client.id.clone(), expires, issued: now, answers_challenges: false };
        self.tokens.issue(token.clone(), issued);
        let mut answer = json!({
            "token_type": "Bearer",
            "expires_in": lifetime.as_secs(),
            "ext_expires_in": lifetime.as_secs(),
            "access_token": token,
        });
        if lifetime.as_secs() >= 7_200 {
            answer["refresh_in"] = json!(lifetime.as_secs() / 2);
        }
        answer
    }

    /// Notes what the client said of the token: only who answers challenges is challenged.
    fn remember_claims(&mut self, issued: &Value, answers: bool, from: Option<i64>, now: OffsetDateTime) {
        let answered = from.is_some_and(|from| from <= now.unix_timestamp());
        if let Some(token) = issued["access_token"].as_str().and_then(|text| self.tokens.find_mut(text)) {
            // A token that was asked for without the challenge's claims is as old as the one before.
            token.answers_challenges = answers;
            if answers && !answered && self.challenged.is_some() {
                token.issued = OffsetDateTime::UNIX_EPOCH;
            }
        }
    }

    /// Whether the service principal of an application was not deleted. Those whose id is no UUID have none.
    fn is_there(&self, client: &Client) -> bool {
        let has_none = Uuid::try_parse(&client.id).is_err();
        has_none || self.principals.by_id(client.principal).is_some_and(|slot| self.principals.live(slot).is_some())
    }

    fn is_disabled(&self, client: &Client) -> bool {
        let principal = self.principals.by_id(client.principal).and_then(|slot| self.principals.live(slot));
        principal.is_some_and(|app| !app.is_enabled())
    }

    fn discovery(&self, call: &Call<'_>) -> Result<Value, Denial> {
        let tenant = self.find_tenant(call).map_err(|denial| Denial { error: "invalid_tenant", ..denial })?;
        let origin = call.origin;
        let host = origin.split_once("://").map_or(origin, |(_, host)| host);
        let mut document = json!({
            "token_endpoint": format!("{origin}/{tenant}/oauth2/v2.0/token"),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": format!("{origin}/{tenant}/discovery/v2.0/keys"),
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": format!("{origin}/{tenant}/v2.0"),
            "request_uri_parameter_supported": false,
            "userinfo_endpoint": format!("{origin}/oidc/userinfo"),
            "authorization_endpoint": format!("{origin}/{tenant}/oauth2/v2.0/authorize"),
            "device_authorization_endpoint": format!("{origin}/{tenant}/oauth2/v2.0/devicecode"),
            "end_session_endpoint": format!("{origin}/{tenant}/oauth2/v2.0/logout"),
            "tenant_region_scope": "EU",
            "cloud_instance_name": host,
            "cloud_graph_host_name": host,
            "msgraph_host": host,
        });
        self.tell_region(&mut document);
        Ok(document)
    }

    /// The tenant that the address names by id or by one of its domains.
    fn find_tenant(&self, call: &Call<'_>) -> Result<Uuid, Denial> {
        let named = call.target.segments.first().map_or("", String::as_str);
        let id = self.settings.tenant_id;
        let is_domain = |domain: &str| domain.eq_ignore_ascii_case(named);
        if named.eq_ignore_ascii_case(&id.to_string())
            || self.settings.domains.iter().any(|domain| is_domain(&domain.name))
        {
            return Ok(id);
        }
        let is_plausible = Uuid::try_parse(named).is_ok() || named.contains('.');
        let is_dns = named.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
        if is_plausible && is_dns {
            let text = format!(
                "Tenant '{named}' not found. Check to make sure you have the correct tenant ID and are signing into the \
                 correct cloud. Check with your subscription administrator, this may happen if there are no active \
                 subscriptions for the tenant."
            );
            return Err(deny(90_002, "invalid_request", 400, text));
        }
        let shown: String = named.chars().take(100).collect();
        let text =
            format!("Specified tenant identifier '{shown}' is neither a valid DNS name, nor a valid external domain.");
        Err(deny(900_023, "invalid_request", 400, text))
    }
}

/// `GET /common/discovery/instance`: the tenant knows itself alone.
fn instances(call: &Call<'_>) -> Value {
    let asked = call.target.options.iter().find(|(name, _)| name == "authorization_endpoint");
    let tenant = asked
        .and_then(|(_, endpoint)| endpoint.split_once("://"))
        .and_then(|(_, rest)| rest.split('/').nth(1))
        .filter(|tenant| {
            !tenant.is_empty() && tenant.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
        })
        .unwrap_or("common");
    let host = call.origin.split_once("://").map_or(call.origin, |(_, host)| host);
    json!({
        "tenant_discovery_endpoint": format!("{}/{tenant}/v2.0/.well-known/openid-configuration", call.origin),
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    })
}

pub(crate) fn deny(number: u32, error: &'static str, status: u16, text: String) -> Denial {
    Denial { number, error, status, text, suberror: None }
}

pub(crate) fn plain_json(status: u16, body: &Value) -> Answer {
    Answer {
        status,
        headers: vec![
            ("Content-Type", "application/json; charset=utf-8".to_owned()),
            ("Cache-Control", "no-store, no-cache".to_owned()),
        ],
        body: Body::Json(body.to_string().into_bytes()),
    }
}

fn denied(denial: &Denial, trace: &Trace, call: &Call<'_>) -> Answer {
    let stamp = crate::sim::wire::answer::date(trace.now).replace('T', " ");
    let (number, correlation) = (denial.number, &trace.client_request_id);
    if number == 0 {
        return plain_json(denial.status, &json!({"error": denial.error, "error_description": denial.text}));
    }
    let mut body = json!({
        "error": denial.error,
        "error_description": format!(
            "AADSTS{number}: {} Trace ID: {} Correlation ID: {correlation} Timestamp: {stamp}",
            denial.text, trace.request_id,
        ),
        "error_codes": [number],
        "timestamp": stamp,
        "trace_id": trace.request_id,
        "correlation_id": correlation,
        "error_uri": format!("{}/error?code={number}", call.origin),
    });
    if let Some(suberror) = denial.suberror {
        body["suberror"] = json!(suberror);
    }
    plain_json(denial.status, &body)
}

/// The resource of a scope such as `https://graph.microsoft.com/.default`.
fn audience(scope: &str, origin: &str) -> Result<String, Denial> {
    let shown: String = scope.chars().take(200).collect();
    let Some(resource) = scope.trim().strip_suffix("/.default") else {
        let text = format!(
            "The provided value for scope {shown} is not valid. Client credential flows must have a scope value with \
             /.default suffixed to the resource identifier (application ID URI)."
        );
        return Err(deny(1_002_012, "invalid_scope", 400, text));
    };
    let resource = resource.trim_end_matches('/');
    if [GRAPH, origin].iter().any(|known| known.eq_ignore_ascii_case(resource)) {
        return Ok(resource.to_owned());
    }
    let text = format!(
        "The resource principal named {resource} was not found in the tenant. This can happen if the application has \
         not been installed by the administrator of the tenant or consented to by any user in the tenant."
    );
    Err(deny(500_011, "invalid_resource", 400, text))
}

fn form(call: &Call<'_>) -> Result<Vec<(String, String)>, Denial> {
    let malformed =
        || deny(9_002_313, "invalid_request", 400, "Invalid request. Request is malformed or invalid.".into());
    let media = call.headers.content_type.as_deref().and_then(|text| text.split(';').next()).unwrap_or_default();
    if !media.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Ok(Vec::new());
    }
    let text = std::str::from_utf8(call.body).map_err(|_| malformed())?;
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let part = |text| decode(text, Plus::Blank).map_err(|_| malformed());
            Ok((part(key)?, part(value)?))
        })
        .collect()
}

/// Client id and secret from `Authorization: Basic`, each form-encoded before.
fn basic_credentials(call: &Call<'_>) -> Option<(String, String)> {
    let (scheme, encoded) = call.headers.authorization.as_deref()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text: String = encoded
        .trim()
        .trim_end_matches('=')
        .chars()
        .map(|c| match c {
            '+' => '-',
            '/' => '_',
            other => other,
        })
        .collect();
    let pair = String::from_utf8(crate::sim::lists::query::base64url_decode(&text)?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    Some((decode(id, Plus::Blank).ok()?, decode(secret, Plus::Blank).ok()?))
}
