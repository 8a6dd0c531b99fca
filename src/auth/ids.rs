//! Who asks for a token, and where.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::error::{Error, ErrorKind, Result};
use crate::http::redact::one_line;

/// A tenant: its id (a GUID) or one of its verified domains.
///
/// # Examples
///
/// ```
/// use entrant::auth::TenantId;
///
/// assert!(TenantId::new("contoso.onmicrosoft.com").is_ok());
/// assert!(TenantId::new("common").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(Arc<str>);

/// The application (client) id of an application registration, a GUID.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(Arc<str>);

impl TenantId {
    /// Takes a GUID or a domain name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if it is neither, or one of the names that stand for any tenant (`common`,
    /// `organizations`, `consumers`), which an application without a person cannot use.
    pub fn new(text: impl AsRef<str>) -> Result<Self> {
        let text = text.as_ref().trim();
        if let Some(guid) = guid(text) {
            return Ok(Self(guid));
        }
        let is_domain = text.len() <= 253
            && text.contains('.')
            && text.split('.').all(|label| {
                !label.is_empty()
                    && !label.starts_with('-')
                    && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            });
        if !is_domain {
            return Err(Error::new(ErrorKind::Invalid, "a tenant is given by its id (a GUID) or one of its domains")
                .with_context("tenant", format_args!("{:?}", one_line(text, 100))));
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }

    /// Whether a text is a tenant's id in the form that the portal shows: a GUID with hyphens, of any version, and not
    /// that of zeros alone. Blanks around it do not count.
    ///
    /// ```
    /// use entrant::auth::TenantId;
    ///
    /// assert!(TenantId::is_guid("AAAABBBB-0000-cccc-1111-dddd2222eeee"));
    /// assert!(!TenantId::is_guid("contoso.com"));
    /// ```
    #[must_use]
    pub fn is_guid(text: &str) -> bool {
        let text = text.trim();
        let has_hyphens = text.len() == 36 && Uuid::try_parse(text).is_ok();
        has_hyphens && guid(text).is_some()
    }

    /// Takes a tenant out of what people paste: its id, a domain, or an address that an application's page lists under
    /// `Endpoints`, which also tells the cloud.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if it is none of these, or an address of another host or for any tenant.
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::Cloud;
    /// use entrant::auth::TenantId;
    ///
    /// # fn main() -> entrant::Result<()> {
    /// let pasted = "https://login.microsoftonline.us/aaaabbbb-0000-cccc-1111-dddd2222eeee/oauth2/v2.0/token";
    /// let (tenant, cloud) = TenantId::from_pasted(pasted)?;
    /// assert_eq!(tenant.as_str(), "aaaabbbb-0000-cccc-1111-dddd2222eeee");
    /// assert_eq!(cloud, Some(Cloud::GccHigh));
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_pasted(text: &str) -> Result<(Self, Option<Cloud>)> {
        let text = text.trim();
        if !text.contains("://") {
            return Ok((Self::new(text)?, None));
        }
        let wrong = |message: &'static str| Error::new(ErrorKind::Invalid, message);
        let address = Url::parse(text).map_err(|_| wrong("this is no address"))?;
        let cloud = Cloud::of_authority(&address).ok_or_else(|| {
            wrong("this is no address of a sign-in host; copy one that the application's page lists under `Endpoints`")
                .with_context("host", one_line(address.host_str().unwrap_or_default(), 100))
        })?;
        let tenant = address.path_segments().and_then(|mut segments| segments.next()).unwrap_or_default();
        Ok((Self::new(tenant)?, Some(cloud)))
    }

    /// Checks the authorize and token endpoints that people typed, and takes the tenant and the cloud out of them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] with what would be right, if one is not `https`, at no known sign-in host, has another path
    /// than `/<tenant>/oauth2/v2.0/authorize` or `/<tenant>/oauth2/v2.0/token`, or if they differ in host or tenant.
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::auth::TenantId;
    ///
    /// # fn main() -> entrant::Result<()> {
    /// let root = "https://login.microsoftonline.com/contoso.com/oauth2/v2.0";
    /// let (tenant, _cloud) = TenantId::from_endpoints(&format!("{root}/authorize"), &format!("{root}/token"))?;
    /// assert_eq!(tenant.as_str(), "contoso.com");
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_endpoints(authorize: &str, token: &str) -> Result<(Self, Cloud)> {
        let read = |text: &str, name: &str| {
            let wrong = || {
                let right = format!("https://login.microsoftonline.com/<tenant id>/oauth2/v2.0/{name}");
                Error::new(ErrorKind::Invalid, "this is not such an endpoint").with_context("should be", right)
            };
            let address = Url::parse(text.trim()).map_err(|_| wrong())?;
            let is_plain = address.query().is_none()
                && address.fragment().is_none()
                && address.username().is_empty()
                && address.password().is_none();
            let cloud = Cloud::of_authority(&address).filter(|_| is_plain).ok_or_else(wrong)?;
            let path: Vec<&str> = address.path_segments().into_iter().flatten().collect();
            match path.as_slice() {
                [tenant, "oauth2", "v2.0", end] if *end == name => Ok((Self::new(tenant)?, cloud)),
                _ => Err(wrong()),
            }
        };
        let (authorize, token) = (read(authorize, "authorize")?, read(token, "token")?);
        if authorize != token {
            return Err(Error::new(ErrorKind::Invalid, "the two endpoints are not of the same tenant and cloud")
                .with_context("authorize", format_args!("{} in {}", authorize.0, authorize.1))
                .with_context("token", format_args!("{} in {}", token.0, token.1)));
        }
        Ok(token)
    }

    /// The id or domain, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ClientId {
    /// Takes a GUID.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if it is none.
    pub fn new(text: impl AsRef<str>) -> Result<Self> {
        guid(text.as_ref().trim()).map(Self).ok_or_else(|| {
            // Not shown: what is not a client id is easily a secret in the wrong field.
            Error::new(
                ErrorKind::Invalid,
                "a client id is a GUID, as the application's page shows under `Application (client) ID`",
            )
        })
    }

    /// The id, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn guid(text: &str) -> Option<Arc<str>> {
    let guid = Uuid::try_parse(text).ok().filter(|guid| !guid.is_nil())?;
    Some(guid.hyphenated().to_string().into())
}

macro_rules! as_text {
    ($id:ident) => {
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $id {
            type Error = Error;

            fn try_from(text: String) -> Result<Self> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $id {
            type Error = Error;

            fn try_from(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }

        impl From<$id> for String {
            fn from(id: $id) -> String {
                id.0.as_ref().to_owned()
            }
        }
    };
}

as_text!(TenantId);
as_text!(ClientId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_a_guid_or_a_domain() {
        let table = [
            ("11111111-2222-3333-4444-AAAAAAAAAAAA", Some("11111111-2222-3333-4444-aaaaaaaaaaaa")),
            (" {11111111-2222-3333-4444-aaaaaaaaaaaa} ", Some("11111111-2222-3333-4444-aaaaaaaaaaaa")),
            ("Contoso.com", Some("contoso.com")),
            ("00000000-0000-0000-0000-000000000000", None),
            ("common", None),
            ("consumers", None),
            ("", None),
            (".", None),
            ("..", None),
            ("a/../b.com", None),
            ("contoso.com?x", None),
            ("contoso..com", None),
        ];
        for (text, expected) in table {
            let tenant = TenantId::new(text).ok();
            assert_eq!(tenant.as_ref().map(TenantId::as_str), expected, "{text:?}");
        }
    }

    /// R3: a tenant is lifted out of a pasted address. R71: a well-formed GUID.
    #[test]
    fn the_form_of_an_id_is_checked() {
        const ID: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
        for (text, expected) in [
            (ID, true),
            (" AAAABBBB-0000-CCCC-1111-DDDD2222EEEE\n", true),
            ("ffffffff-ffff-ffff-ffff-ffffffffffff", true),
            ("00000000-0000-0000-0000-000000000000", false),
            ("aaaabbbb0000cccc1111dddd2222eeee", false),
            ("{aaaabbbb-0000-cccc-1111-dddd2222eeee}", false),
            ("urn:uuid:aaaabbbb-0000-cccc-1111-dddd2222eeee", false),
            ("aaaabbbb-0000-cccc-1111-dddd2222eeeg", false),
            ("aaaabbbb-0000-cccc-1111-dddd2222eee", false),
            ("aaaabbbb-0000-cccc-1111_dddd2222eeee", false),
            ("", false),
        ] {
            assert_eq!(TenantId::is_guid(text), expected, "{text:?}");
        }
        for (text, expected) in [
            (ID, Some((ID, None))),
            ("Contoso.com", Some(("contoso.com", None))),
            (
                "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/authorize",
                Some(("contoso.com", Some(Cloud::Global))),
            ),
            ("https://sts.windows.net/aaaabbbb-0000-cccc-1111-dddd2222eeee/", Some((ID, Some(Cloud::Global)))),
            (
                "https://login.chinacloudapi.cn/contoso.cn/v2.0/.well-known/openid-configuration",
                Some(("contoso.cn", Some(Cloud::China))),
            ),
            ("https://login.microsoftonline.com/common/oauth2/v2.0/token", None),
            ("https://login.microsoftonline.com/", None),
            ("https://login.microsoftonline.com.evil.example/contoso.com/", None),
            ("http://login.microsoftonline.com/contoso.com/", None),
            ("https://login.microsoftonline.com:8443/contoso.com/", None),
            ("https://[", None),
        ] {
            let found = TenantId::from_pasted(text).ok();
            assert_eq!(found.as_ref().map(|(tenant, cloud)| (tenant.as_str(), cloud.clone())), expected, "{text}");
        }
    }

    /// R56: endpoints that are typed by hand.
    #[test]
    fn typed_endpoints_are_checked() {
        let authorize = "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/authorize";
        let token = "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token";
        assert!(TenantId::from_endpoints(authorize, token).is_ok());
        assert!(TenantId::from_endpoints(token, authorize).is_err(), "mixed up");
        for wrong in [
            "",
            "contoso.com",
            "http://login.microsoftonline.com/contoso.com/oauth2/v2.0/token",
            "https://evil.example/contoso.com/oauth2/v2.0/token",
            "https://login.microsoftonline.com/contoso.com/oauth2/token",
            "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token/",
            "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token?x=1",
            "https://me@login.microsoftonline.com/contoso.com/oauth2/v2.0/token",
            "https://login.microsoftonline.com/common/oauth2/v2.0/token",
            "https://login.microsoftonline.com/fabrikam.com/oauth2/v2.0/token",
            "https://login.microsoftonline.us/contoso.com/oauth2/v2.0/token",
        ] {
            assert!(TenantId::from_endpoints(authorize, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_client_is_a_guid_and_a_mistake_is_not_shown() {
        assert!(ClientId::new("11111111-2222-3333-4444-aaaaaaaaaaaa").is_ok());
        let error = ClientId::new("hunter2~secret").expect_err("no GUID");
        assert!(!error.to_chain().contains("hunter2"));
        assert!(serde_json::from_str::<ClientId>("\"x\"").is_err());
    }
}
