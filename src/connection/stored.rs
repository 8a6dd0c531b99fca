//! The stored form of a connection, today's and older ones.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value as Json};

use super::check::Check;
use super::kind::CredentialKind;
use super::operation::Operations;
use super::permissions::{Permissions, Roles};
use super::settings::Connection;
use crate::auth::{ClientId, TenantId};
use crate::cloud::Cloud;

/// The version of the stored form. Format 1 is the same with fewer fields.
const FORMAT: u64 = 2;

/// What is stored, with the names of its stored form.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stored {
    format: u64,
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) description: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) owners: Vec<String>,
    pub(super) cloud: Cloud,
    pub(super) tenant: TenantId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) domain: Option<String>,
    pub(super) client_id: ClientId,
    pub(super) credential: CredentialKind,
    /// Of the certificate that it signs in with; needed for that kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) thumbprint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) operations: Option<Operations>,
    #[serde(default, skip_serializing_if = "Permissions::is_empty")]
    pub(super) permissions: Permissions,
    #[serde(default, skip_serializing_if = "Roles::is_empty")]
    pub(super) roles: Roles,
    pub(super) enabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_check: Option<Check>,
}

impl Stored {
    pub(super) fn new(
        name: String,
        cloud: Cloud,
        tenant: TenantId,
        client_id: ClientId,
        credential: CredentialKind,
    ) -> Self {
        Self {
            format: FORMAT,
            name,
            description: String::new(),
            owners: Vec::new(),
            cloud,
            tenant,
            domain: None,
            client_id,
            credential,
            thumbprint: None,
            operations: None,
            permissions: Permissions::none(),
            roles: Roles::none(),
            enabled: true,
            last_check: None,
        }
    }
}

/// A connection as it is loaded: usable, or of an older shape that lacks something.
///
/// # Examples
///
/// ```
/// use entrant::connection::StoredConnection;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Written before a connection said in which cloud it lives.
/// let stored = r#"{"format": 1, "name": "Contoso", "tenant": "contoso.com", "enabled": true,
///     "clientId": "11111111-2222-3333-4444-555555555555", "credential": "client-secret"}"#;
/// let StoredConnection::NeedsUpdate(outdated) = serde_json::from_str(stored)? else { panic!("it lacks the cloud") };
/// assert_eq!(outdated.missing(), ["cloud"]);
/// assert_eq!(outdated.name(), "Contoso");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StoredConnection {
    /// It is whole. Its credential is to be given back.
    Current(Box<Connection>),
    /// Something is missing, and nothing can be done through it before somebody said what.
    NeedsUpdate(OutdatedConnection),
}

/// A connection of an older shape. It is kept as it was stored, and cannot be used: what is
/// [missing](OutdatedConnection::missing) must be given to a new [`Connection::builder`], or filled in with
/// [`fill`](OutdatedConnection::fill).
#[derive(Debug, Clone)]
pub struct OutdatedConnection {
    stored: Map<String, Json>,
    missing: Vec<&'static str>,
}

impl StoredConnection {
    /// The connection, if it is whole.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`](crate::ErrorKind::NotReady), naming what is missing.
    pub fn current(self) -> crate::error::Result<Connection> {
        match self {
            Self::Current(connection) => Ok(*connection),
            Self::NeedsUpdate(outdated) => {
                Err(crate::error::Error::new(crate::error::ErrorKind::NotReady, outdated.to_string()))
            }
        }
    }

    fn read(json: Json) -> Result<Self, String> {
        let Json::Object(stored) = json else { return Err("a connection is stored as an object".into()) };
        match stored.get("format").and_then(Json::as_u64) {
            Some(1..=FORMAT) => {}
            Some(format) => {
                return Err(format!("the connection was stored in format {format}; this version knows 1 to {FORMAT}"));
            }
            None => return Err("the connection was stored without the number of its format".into()),
        }
        let missing = missing(&stored);
        if !missing.is_empty() {
            return Ok(Self::NeedsUpdate(OutdatedConnection { stored, missing }));
        }
        // Not the parser's own error, which may quote what it read.
        let read: Result<Stored, _> = serde_json::from_value(Json::Object(stored));
        let mut stored = read.map_err(|_| "the stored connection has a field that cannot be read".to_owned())?;
        stored.format = FORMAT;
        Ok(Self::Current(Box::new(Connection::loaded(stored))))
    }
}

/// The fields without which there is no connection, as far as they are not there or cannot be read.
fn missing(stored: &Map<String, Json>) -> Vec<&'static str> {
    let is_read = |name: &str| -> bool {
        let Some(value) = stored.get(name).cloned() else { return false };
        match name {
            "cloud" => serde_json::from_value::<Cloud>(value).is_ok(),
            "tenant" => serde_json::from_value::<TenantId>(value).is_ok(),
            "clientId" => serde_json::from_value::<ClientId>(value).is_ok(),
            "credential" => serde_json::from_value::<CredentialKind>(value).is_ok(),
            "enabled" => value.is_boolean(),
            _ => value.as_str().is_some_and(|text| !text.trim().is_empty()),
        }
    };
    let mut needed = vec!["name", "cloud", "tenant", "clientId", "credential", "enabled"];
    if stored.get("credential").and_then(Json::as_str) == Some("certificate") {
        needed.push("thumbprint");
    }
    needed.into_iter().filter(|name| !is_read(name)).collect()
}

impl OutdatedConnection {
    /// The name in lists; may be empty.
    #[must_use]
    pub fn name(&self) -> &str {
        self.stored.get("name").and_then(Json::as_str).unwrap_or_default()
    }

    /// The names of the fields that are missing or cannot be read, as they are stored: `cloud`, `tenant`, `clientId`,
    /// `credential`, `thumbprint`, `name`, `enabled`.
    #[must_use]
    pub fn missing(&self) -> &[&'static str] {
        &self.missing
    }

    /// Gives one of the missing fields, in its stored form (`"gcc-high"`, `"certificate"`); the connection again, which
    /// is whole if nothing else is missing. A check that it passed before counts no longer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the field is not among the missing ones, or another field
    /// cannot be read.
    pub fn fill(mut self, field: &str, value: impl Into<Json>) -> crate::error::Result<StoredConnection> {
        let invalid = |text: String| crate::error::Error::new(crate::error::ErrorKind::Invalid, text);
        if !self.missing.contains(&field) {
            return Err(invalid(format!("the connection does not miss this; it misses {}", self.missing.join(", "))));
        }
        self.stored.insert(field.to_owned(), value.into());
        self.stored.remove("lastCheck");
        StoredConnection::read(Json::Object(self.stored)).map_err(invalid)
    }
}

/// Why it is refused, in one line.
impl fmt::Display for OutdatedConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the connection needs an update before it can be used; it does not say its {}",
            self.missing.join(", ")
        )
    }
}

impl Serialize for StoredConnection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Current(connection) => connection.serialize(serializer),
            Self::NeedsUpdate(outdated) => outdated.stored.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for StoredConnection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(Json::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A connection that is whole; one of an older shape is an error that names what is missing. A host that lists
/// connections loads [`StoredConnection`].
impl<'de> Deserialize<'de> for Connection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        StoredConnection::deserialize(deserializer)?.current().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn whole() -> Json {
        json!({
            "format": 1, "name": "Contoso", "cloud": "gcc-high", "tenant": "contoso.com", "enabled": true,
            "clientId": "11111111-2222-3333-4444-555555555555", "credential": "client-secret",
        })
    }

    #[test]
    fn an_older_shape_says_what_it_lacks() {
        // What is changed of a whole one, and what is missing then (R70).
        #[rustfmt::skip]
        let table = [
            (json!({}), vec![]),
            (json!({"cloud": null}), vec!["cloud"]),
            (json!({"cloud": "germany"}), vec!["cloud"]),
            (json!({"tenant": "common", "clientId": 7}), vec!["tenant", "clientId"]),
            (json!({"credential": "certificate"}), vec!["thumbprint"]),
            (json!({"credential": "certificate", "thumbprint": "BB5D"}), vec![]),
            (json!({"credential": "telepathy"}), vec!["credential"]),
            (json!({"enabled": "yes", "name": ""}), vec!["name", "enabled"]),
        ];
        for (change, expected) in table {
            let mut stored = whole();
            for (name, value) in change.as_object().expect("an object") {
                stored[name] = value.clone();
            }
            let loaded: StoredConnection = serde_json::from_value(stored.clone()).expect("it loads");
            match &loaded {
                StoredConnection::Current(_) => assert!(expected.is_empty(), "{change}"),
                StoredConnection::NeedsUpdate(outdated) => {
                    assert_eq!(outdated.missing(), expected, "{change}");
                    assert_eq!(serde_json::to_value(&loaded).expect("stored again"), stored, "nothing is lost");
                    let error = loaded.clone().current().expect_err("it is refused").to_string();
                    assert!(expected.iter().all(|field| error.contains(field)), "{error}");
                    let error = serde_json::from_value::<Connection>(stored).expect_err("refused").to_string();
                    assert!(expected.iter().all(|field| error.contains(field)), "{error}");
                }
            }
        }
    }

    #[test]
    fn what_is_missing_can_be_filled_in() {
        let mut stored = whole();
        stored["credential"] = json!("certificate");
        stored.as_object_mut().expect("an object").remove("cloud");
        stored["lastCheck"] = serde_json::to_value(Check::default()).expect("a check");
        let StoredConnection::NeedsUpdate(outdated) = serde_json::from_value(stored).expect("it loads") else {
            panic!("two fields are missing");
        };
        assert!(outdated.clone().fill("tenant", "fabrikam.com").is_err(), "that is there");
        let StoredConnection::NeedsUpdate(outdated) = outdated.fill("cloud", "china").expect("one less") else {
            panic!("one is missing still");
        };
        let whole = outdated.fill("thumbprint", "BB5D1064437D8720A5C53078185E6A361A78B10A").expect("whole");
        let connection = whole.current().expect("whole");
        assert_eq!((connection.cloud(), connection.last_check()), (&Cloud::China, None));
    }

    #[test]
    fn what_is_no_connection_is_an_error() {
        for (text, part) in [
            ("7", "an object"),
            ("{}", "format"),
            (r#"{"format": 0}"#, "format 0"),
            (r#"{"format": 3}"#, "format 3"),
            (r#"{"format": "2"}"#, "format"),
        ] {
            let error = serde_json::from_str::<StoredConnection>(text).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        let mut stored = whole();
        stored["roles"] = json!(["hunter2"]);
        let error = serde_json::from_value::<StoredConnection>(stored).expect_err("no such role").to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
