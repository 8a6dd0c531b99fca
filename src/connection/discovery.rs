//! What the host that issues tokens says of a tenant, to anybody who asks.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, DATE};
use http::{Method, Request, StatusCode};
use serde_json::Value as Json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use url::Url;

use crate::auth::TenantId;
use crate::clock::Clock;
use crate::cloud::Cloud;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::http::address::checked_root;
use crate::http::retry::Attempts;
use crate::http::{RetryPolicy, Transport, redact};

/// A host that answered.
#[derive(Debug)]
pub(super) struct Heard {
    /// How many seconds its clock is ahead, if it says what time it is.
    pub(super) ahead: Option<i64>,
    pub(super) tenant: Told,
}

/// What it said of the tenant.
#[derive(Debug)]
pub(super) enum Told {
    Known(Found),
    /// It knows no such tenant, and this is the number of its refusal.
    Unknown {
        code: Option<u64>,
        message: String,
    },
}

/// A tenant that exists.
#[derive(Debug)]
pub(super) struct Found {
    /// Its id, if the document names one.
    pub(super) id: Option<TenantId>,
    /// Where it lives, by the hosts and the region that the document names; nothing if it names neither.
    pub(super) lives_in: Option<Cloud>,
}

/// The longest time that a clock is believed to be off.
const MAX_AHEAD: time::Duration = time::Duration::days(366);

/// Asks one authority for the tenant's discovery document.
///
/// See [OpenID Connect on the Microsoft identity platform](https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc).
///
/// # Errors
///
/// If no answer comes, or one that says nothing of the tenant.
pub(super) async fn ask(
    authority: Url,
    tenant: &TenantId,
    transport: &dyn Transport,
    clock: &dyn Clock,
    attempts: u32,
) -> Result<Heard> {
    let address = format!("{}{tenant}/v2.0/.well-known/openid-configuration", checked_root(authority.clone())?);
    let policy = RetryPolicy::default().with_max_attempts(attempts).with_deadline(Duration::from_secs(60));
    let mut made = Attempts::begin(clock.now());
    loop {
        let error = match once(&address, transport, clock).await {
            Ok(heard) => return Ok(heard),
            Err(error) => error.with_context("authority", redact::address_for_people(&authority)),
        };
        match made.next(&policy, clock.now(), &error) {
            Some(delay) => clock.sleep(delay).await,
            None => return Err(error),
        }
    }
}

async fn once(address: &str, transport: &dyn Transport, clock: &dyn Clock) -> Result<Heard> {
    let request = Request::builder()
        .method(Method::GET)
        .uri(address)
        .header(ACCEPT, "application/json")
        .body(Bytes::new())
        .map_err(|_| Error::new(ErrorKind::Invalid, "the address of the host that issues tokens is not valid"))?;
    let answer = transport.send(request).await.map_err(|source| {
        let retry = match source.kind() {
            ErrorKind::Transport | ErrorKind::TimedOut => Retry::Later,
            _ => Retry::Never,
        };
        Error::new(source.kind(), "the host that issues tokens did not answer").with_retry(retry).with_source(source)
    })?;
    let date = answer.headers().get(DATE).and_then(|date| OffsetDateTime::parse(date.to_str().ok()?, &Rfc2822).ok());
    let ahead = date.map(|date| date - clock.now()).filter(|ahead| ahead.abs() <= MAX_AHEAD);
    let body: Json = serde_json::from_slice(answer.body()).unwrap_or_default();
    let tenant = match answer.status() {
        StatusCode::OK if body.is_object() => Told::Known(found(&body)),
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND if body["error"].is_string() => unknown(&body),
        status => {
            let passes = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
            let (kind, retry) =
                if passes { (ErrorKind::Unavailable, Retry::Later) } else { (ErrorKind::Protocol, Retry::Never) };
            let message = "the host that issues tokens gives no discovery document";
            return Err(Error::new(kind, message).with_context("status", status.as_u16()).with_retry(retry));
        }
    };
    Ok(Heard { ahead: ahead.map(time::Duration::whole_seconds), tenant })
}

fn unknown(body: &Json) -> Told {
    let text = body["error_description"].as_str().unwrap_or_default();
    let said = text[..text.find("Trace ID:").unwrap_or(text.len())].trim().trim_end_matches('.');
    Told::Unknown { code: body["error_codes"][0].as_u64(), message: redact::one_line(said, 300) }
}

fn found(body: &Json) -> Found {
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    // `https://login.microsoftonline.com/{id}/v2.0`, whatever the tenant was asked by.
    let issuer = Url::parse(text("issuer")).ok();
    let segment = issuer.as_ref().and_then(|issuer| issuer.path_segments()?.next());
    let id = segment.and_then(|id| TenantId::new(id).ok()).filter(|id| !id.as_str().contains('.'));
    let host = Url::parse(text("token_endpoint")).ok().and_then(|url| url.host_str().map(str::to_owned));
    Found { id, lives_in: home(text("tenant_region_sub_scope"), text("msgraph_host"), host.as_deref()) }
}

/// The cloud by the region's name, which tells the government's clouds apart, and by the hosts.
fn home(sub_scope: &str, graph: &str, authority: Option<&str>) -> Option<Cloud> {
    match sub_scope {
        "GCC" => return Some(Cloud::Gcc),
        "DODCON" => return Some(Cloud::GccHigh),
        "DOD" => return Some(Cloud::Dod),
        _ => {}
    }
    let clouds = [Cloud::Global, Cloud::GccHigh, Cloud::Dod, Cloud::China];
    let by_graph = clouds.iter().find(|cloud| cloud.graph().host_str() == Some(graph));
    let by_authority = || clouds.iter().find(|cloud| authority.is_some() && cloud.authority().host_str() == authority);
    by_graph.or_else(by_authority).cloned()
}

/// Whether two clouds have the same hosts: worldwide and GCC have.
pub(super) fn are_alike(one: &Cloud, other: &Cloud) -> bool {
    one.graph() == other.graph() && one.authority() == other.authority()
}

/// What people call a cloud.
pub(super) fn name(cloud: &Cloud) -> &'static str {
    match cloud {
        Cloud::Global => "the worldwide cloud (global)",
        Cloud::Gcc => "GCC",
        Cloud::GccHigh => "GCC High",
        Cloud::Dod => "DoD",
        Cloud::China => "China (21Vianet)",
        _ => "a cloud of its own",
    }
}

/// Where else a tenant may live that one cloud does not know: asked of the other authorities, one attempt each.
pub(super) async fn elsewhere(
    configured: &Cloud,
    tenant: &TenantId,
    transport: &dyn Transport,
    clock: &dyn Clock,
) -> Option<Cloud> {
    if matches!(configured, Cloud::Custom { .. }) {
        return None;
    }
    for cloud in [Cloud::Global, Cloud::GccHigh, Cloud::China] {
        if cloud.authority() == configured.authority() {
            continue;
        }
        if let Ok(Heard { tenant: Told::Known(found), .. }) = ask(cloud.authority(), tenant, transport, clock, 1).await
        {
            return Some(found.lives_in.unwrap_or(cloud));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_document_says_where_a_tenant_lives() {
        let table = [
            (json!({"tenant_region_sub_scope": "DODCON"}), Some(Cloud::GccHigh)),
            (json!({"tenant_region_sub_scope": "DOD", "msgraph_host": "graph.microsoft.us"}), Some(Cloud::Dod)),
            (json!({"tenant_region_sub_scope": "GCC", "msgraph_host": "graph.microsoft.com"}), Some(Cloud::Gcc)),
            (json!({"tenant_region_scope": "EU", "msgraph_host": "graph.microsoft.com"}), Some(Cloud::Global)),
            (json!({"msgraph_host": "microsoftgraph.chinacloudapi.cn"}), Some(Cloud::China)),
            (json!({"token_endpoint": "https://login.microsoftonline.us/x/oauth2/v2.0/token"}), Some(Cloud::GccHigh)),
            (json!({"msgraph_host": "graph.example"}), None),
            (json!({"msgraph_host": 7, "tenant_region_sub_scope": null, "token_endpoint": "::"}), None),
            (json!({}), None),
        ];
        for (document, expected) in table {
            assert_eq!(found(&document).lives_in, expected, "{document}");
        }
    }

    #[test]
    fn the_issuer_names_the_tenant() {
        let id = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
        let table = [
            (json!(format!("https://login.microsoftonline.com/{}/v2.0", id.to_uppercase())), Some(id)),
            (json!("https://login.microsoftonline.com/{tenantid}/v2.0"), None),
            (json!("https://login.microsoftonline.com/contoso.com/v2.0"), None),
            (json!("nonsense"), None),
            (json!("data:x"), None),
            (json!(null), None),
        ];
        for (issuer, expected) in table {
            let found = found(&json!({"issuer": issuer}));
            assert_eq!(found.id.as_ref().map(TenantId::as_str), expected, "{issuer}");
        }
    }
}
