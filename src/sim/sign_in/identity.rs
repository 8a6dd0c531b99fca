//! Managed identities: the local services that Azure's hosts offer, here at addresses of the tenant itself.

use serde_json::{Value, json};

use super::login::plain_json;
use crate::sim::state::State;
use crate::sim::wire::answer::{Answer, Trace};
use crate::sim::wire::routes::Call;

/// What the local services want to hear.
const HEADER: &str = "simulated-identity-header";

/// Whose way of answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Host {
    /// Virtual machines, at `/metadata/identity/oauth2/token`.
    Metadata,
    /// App Service and its kin, at `/msi/token`.
    Local,
}

impl State {
    /// The header that must come with requests to the local service.
    pub(crate) fn identity_header() -> &'static str {
        HEADER
    }

    pub(crate) fn managed_identity(&mut self, host: Host, call: &Call<'_>, trace: &Trace) -> Answer {
        let refuse = |status: u16, error: &str, text: &str| {
            plain_json(status, &json!({"error": error, "error_description": text}))
        };
        let allowed = match host {
            Host::Metadata => call.headers.metadata,
            Host::Local => call.headers.metadata || call.headers.identity.as_deref() == Some(HEADER),
        };
        if !allowed {
            return refuse(400, "bad_request_102", "Required metadata header not specified");
        }
        let form = crate::sim::sign_in::login::Form::of(call).ok();
        let field = |name: &str| {
            let options = call.target.options.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
            options.or_else(|| form.as_ref()?.get(name))
        };
        let Some(resource) = field("resource") else {
            return refuse(400, "invalid_request", "Required query variable 'resource' is missing");
        };
        let asked = field("client_id").or_else(|| field("clientid"));
        let known = match asked {
            Some(id) => self.settings.clients.iter().find(|client| client.id.eq_ignore_ascii_case(id)),
            None => self.settings.clients.first(),
        };
        let Some(client) = known.cloned() else {
            return refuse(400, "invalid_request", "Identity not found");
        };
        let issued = self.issue(&client, resource.trim_end_matches('/'), "2", trace.now);
        let token = issued["access_token"].clone();
        let life = issued["expires_in"].as_i64().unwrap_or(0);
        let ends = trace.now.unix_timestamp() + life;
        let mut answer: Value = json!({
            "access_token": token,
            "expires_on": ends.to_string(),
            "resource": resource,
            "token_type": "Bearer",
        });
        // Numbers are texts here, and App Service does not say how long.
        if host == Host::Metadata {
            answer["expires_in"] = json!(life.to_string());
            answer["refresh_token"] = json!("");
            answer["not_before"] = json!((trace.now.unix_timestamp() - 300).to_string());
        } else {
            answer["client_id"] = json!(client.id.to_uppercase());
        }
        plain_json(200, &answer)
    }
}
