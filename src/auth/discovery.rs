//! Which tenant a domain belongs to, and in which cloud it lives.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http::header::DATE;
use serde_json::Value as Json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use url::Url;

use super::endpoint::{self, Patience};
use super::{SignInFailure, TenantId, TokenContext};
use crate::clock::Clock;
use crate::cloud::Cloud;
use crate::error::{Error, ErrorKind, Result};
use crate::http::Transport;
use crate::http::redact::one_line;

/// The number for a tenant that is not there.
const NO_SUCH_TENANT: u64 = 90_002;

/// What a tenant's discovery document says; it needs no credential.
///
/// See [OpenID Connect metadata](https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TenantDiscovery {
    /// The tenant's id, a GUID, also where it was asked for by a domain.
    pub id: TenantId,
    /// The cloud that it lives in, as far as the document tells; `None` for hosts of one's own.
    pub cloud: Option<Cloud>,
    /// Where it lives, such as `EU`.
    pub region: Option<String>,
    /// The host of Graph that it uses, such as `graph.microsoft.com`.
    pub graph_host: Option<String>,
    /// How far Entra's clock is ahead of this machine's, where its answer has a date.
    pub clock_ahead: Option<time::Duration>,
}

/// Where a tenant is, seen from a cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TenantLocation {
    /// In this cloud.
    Here(TenantDiscovery),
    /// In another: choose that one.
    Elsewhere {
        /// The one.
        cloud: Cloud,
        /// What is known of it there.
        discovery: TenantDiscovery,
    },
    /// In none of the clouds that have a name.
    Nowhere,
}

impl TenantDiscovery {
    /// Asks the cloud of `context` for a tenant.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unauthenticated`] with a [`SignInFailure`] if there is no such tenant, [`ErrorKind::Protocol`] if the
    /// document is not one, or names hosts of somebody else.
    ///
    /// # Examples
    ///
    /// ```
    /// # use entrant::sim::Sim;
    /// # futures::executor::block_on(async {
    /// use entrant::auth::{TenantDiscovery, TenantId, TokenContext};
    /// use entrant::clock::SystemClock;
    /// use std::sync::Arc;
    ///
    /// let sim = Sim::builder().domain("contoso.com").build();
    /// let context = TokenContext::new(&sim.cloud(), sim.transport(), Arc::new(SystemClock::new()))?;
    /// let found = TenantDiscovery::ask(&context, &TenantId::new("contoso.com")?).await?;
    /// assert_eq!(found.id.as_str(), sim.tenant_id());
    /// # Ok::<_, entrant::Error>(())
    /// # }).unwrap();
    /// ```
    pub async fn ask(context: &TokenContext, tenant: &TenantId) -> Result<Self> {
        let mut patience = Patience::begin(context);
        loop {
            match ask_once(context, tenant).await {
                Ok(found) => return Ok(found),
                Err(error) => patience.wait(context, error).await?,
            }
        }
    }

    /// Looks for a tenant in `cloud`, and if it is not there, in the others that have a name.
    ///
    /// A domain can be that of different tenants in two clouds: `cloud` comes first. A cloud of one's own is the only one
    /// that is asked.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask) in `cloud`; that another cloud does not answer is no error.
    pub async fn locate(
        cloud: &Cloud,
        tenant: &TenantId,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Result<TenantLocation> {
        let context = TokenContext::new(cloud, transport, clock)?;
        match Self::ask(&context, tenant).await {
            Ok(found) => {
                let lives = found.cloud.clone().filter(|lives| lives.graph() != cloud.graph());
                let is_own = matches!(cloud, Cloud::Custom { .. });
                Ok(match lives.filter(|_| !is_own) {
                    Some(lives) => TenantLocation::Elsewhere { cloud: lives, discovery: found },
                    None => TenantLocation::Here(found),
                })
            }
            Err(error) if is_missing(&error) => {
                tracing::debug!(error = %error, "the tenant is not in the cloud that was chosen");
                Ok(match Self::elsewhere(&context, cloud, tenant).await? {
                    Some((cloud, discovery)) => TenantLocation::Elsewhere { cloud, discovery },
                    None => TenantLocation::Nowhere,
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Asks the other clouds that have a name for a tenant that `cloud` does not know, once each; a cloud of one's own
    /// is the only one that is asked.
    pub(crate) async fn elsewhere(
        context: &TokenContext,
        cloud: &Cloud,
        tenant: &TenantId,
    ) -> Result<Option<(Cloud, Self)>> {
        if matches!(cloud, Cloud::Custom { .. }) {
            return Ok(None);
        }
        for other in [Cloud::Global, Cloud::GccHigh, Cloud::China] {
            if other.authority() == cloud.authority() {
                continue;
            }
            match ask_once(&context.at(&other)?, tenant).await {
                Ok(found) => return Ok(Some((found.cloud.clone().unwrap_or(other), found))),
                Err(error) => tracing::debug!(error = %error, cloud = %other, "the tenant is not there either"),
            }
        }
        Ok(None)
    }
}

/// Whether the host that issues tokens says that it has no such tenant.
pub(crate) fn is_missing(error: &Error) -> bool {
    SignInFailure::of(error).is_some_and(|failure| failure.code == Some(NO_SUCH_TENANT))
}

async fn ask_once(context: &TokenContext, tenant: &TenantId) -> Result<TenantDiscovery> {
    let address = endpoint::address(context, tenant, "v2.0/.well-known/openid-configuration");
    let answer = endpoint::send(context, Request::get(&address).body(Bytes::new())).await?;
    if !answer.status.is_success() {
        return Err(endpoint::refusal(&answer, &[]).with_context("tenant", tenant));
    }
    let date = answer.headers.get(DATE).and_then(|date| OffsetDateTime::parse(date.to_str().ok()?, &Rfc2822).ok());
    let mut found = parse(&answer.body, context.authority())?;
    found.clock_ahead = date.map(|date| date - answer.sent_at);
    Ok(found)
}

/// Reads a document, and believes only hosts of the authority that was asked, or of a cloud that is known.
fn parse(body: &[u8], authority: &Url) -> Result<TenantDiscovery> {
    let wrong = |what: &'static str| Error::new(ErrorKind::Protocol, what);
    let json: Json = serde_json::from_slice(body).map_err(|_| wrong("the discovery document is not JSON"))?;
    let address = |name: &str| json[name].as_str().and_then(|text| Url::parse(text).ok());
    let (Some(issuer), Some(token)) = (address("issuer"), address("token_endpoint")) else {
        return Err(wrong("the discovery document names no issuer or no token endpoint"));
    };
    let named = Cloud::of_authority(&token);
    // A host of one's own may be a way into a cloud that is known. What is named is only told, never asked.
    let is_trusted = |url: &Url| {
        url.origin() == authority.origin() || Cloud::of_authority(url).is_some() && Cloud::of_authority(url) == named
    };
    if let Some(stranger) = [&issuer, &token].into_iter().find(|url| !is_trusted(url)) {
        return Err(wrong("the discovery document names a host that does not belong to the cloud; it is not followed")
            .with_context("host", one_line(stranger.host_str().unwrap_or_default(), 100)));
    }
    let id = issuer.path_segments().and_then(|mut segments| segments.next()).unwrap_or_default();
    if !TenantId::is_guid(id) {
        return Err(wrong("the discovery document's issuer names no tenant"));
    }
    let is_dod = || json["msgraph_host"].as_str() == Cloud::Dod.graph().host_str();
    let cloud = match json["tenant_region_sub_scope"].as_str() {
        _ if named.is_none() => None,
        Some("DODCON") => Some(Cloud::GccHigh),
        Some("DOD") => Some(Cloud::Dod),
        _ if named == Some(Cloud::GccHigh) && is_dod() => Some(Cloud::Dod),
        Some("GCC") if named == Some(Cloud::Global) => Some(Cloud::Gcc),
        _ => named,
    };
    let text = |name: &str| json[name].as_str().map(|text| one_line(text, 100)).filter(|text| !text.is_empty());
    Ok(TenantDiscovery {
        id: TenantId::new(id)?,
        cloud,
        region: text("tenant_region_scope"),
        graph_host: text("msgraph_host"),
        clock_ahead: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_are_read() {
        let table = [
            (
                &include_bytes!("../../tests/data/auth/discovery/openid-configuration.global.200.json")[..],
                Cloud::Global,
                "EU",
            ),
            (include_bytes!("../../tests/data/auth/discovery/openid-configuration.gcc.200.json"), Cloud::Gcc, "NA"),
            (
                include_bytes!("../../tests/data/auth/discovery/openid-configuration.gcc-high.200.json"),
                Cloud::GccHigh,
                "USGov",
            ),
        ];
        for (body, cloud, region) in table {
            let found = parse(body, &cloud.authority()).expect("a document");
            assert_eq!(found.id.as_str(), "aaaabbbb-0000-cccc-1111-dddd2222eeee");
            assert_eq!((found.cloud, found.region.as_deref()), (Some(cloud.clone()), Some(region)));
            assert_eq!(found.graph_host.as_deref(), cloud.graph().host_str());
        }
        // The worldwide host may know of a tenant in another cloud.
        let gov = include_bytes!("../../tests/data/auth/discovery/openid-configuration.gcc-high.200.json");
        assert_eq!(parse(gov, &Cloud::Global.authority()).expect("a document").cloud, Some(Cloud::GccHigh));
    }

    #[test]
    fn hostile_documents_are_errors() {
        const ID: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
        let own = Url::parse("https://login.example/").expect("an address");
        let document = |issuer: &str, token: &str| format!(r#"{{"issuer":"{issuer}","token_endpoint":"{token}"}}"#);
        let good = document(&format!("https://login.example/{ID}/v2.0"), "https://login.example/x/token");
        assert_eq!(parse(good.as_bytes(), &own).expect("a document").cloud, None);
        for (body, says) in [
            (String::new(), "not JSON"),
            ("[]".to_owned(), "no issuer"),
            (document("x", "y"), "no issuer"),
            (document(&format!("https://evil.example/{ID}/v2.0"), "https://login.example/x"), "host"),
            (document(&format!("https://login.example/{ID}/v2.0"), "https://evil.example/x"), "host"),
            (document(&format!("https://login.example/{ID}/v2.0"), "http://login.example/x"), "host"),
            (document(&format!("https://evil.example/{ID}/v2.0"), "https://login.microsoftonline.com/x"), "host"),
            (document("https://login.example/{tenantid}/v2.0", "https://login.example/x"), "no tenant"),
            (document("https://login.example", "https://login.example/x"), "no tenant"),
        ] {
            let error = parse(body.as_bytes(), &own).expect_err(&body);
            assert!(error.to_string().contains(says), "{body}: {error}");
        }
        // A host of one's own before a cloud that is known, but nobody's before that cloud.
        let cloud =
            document(&format!("https://login.microsoftonline.us/{ID}/v2.0"), "https://login.microsoftonline.us/x");
        assert_eq!(parse(cloud.as_bytes(), &own).expect("a document").cloud, Some(Cloud::GccHigh));
        let dod = cloud.replace('}', r#","msgraph_host":"dod-graph.microsoft.us"}"#);
        assert_eq!(parse(dod.as_bytes(), &Cloud::Dod.authority()).expect("a document").cloud, Some(Cloud::Dod));
        let evil = document(&format!("https://evil.example/{ID}/v2.0"), "https://evil.example/x");
        assert!(parse(evil.as_bytes(), &Cloud::Global.authority()).is_err());
    }
}
