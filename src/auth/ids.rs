//! Who asks for a token, and where.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Error, ErrorKind, Result};

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
                .with_context("tenant", format_args!("{:?}", crate::http::redact::one_line(text, 100))));
        }
        Ok(Self(text.to_ascii_lowercase().into()))
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

    #[test]
    fn a_client_is_a_guid_and_a_mistake_is_not_shown() {
        assert!(ClientId::new("11111111-2222-3333-4444-aaaaaaaaaaaa").is_ok());
        let error = ClientId::new("hunter2~secret").expect_err("no GUID");
        assert!(!error.to_chain().contains("hunter2"));
        assert!(serde_json::from_str::<ClientId>("\"x\"").is_err());
    }
}
