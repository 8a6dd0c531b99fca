//! What a failure of Graph means.

use crate::error::{GraphError, GraphErrorDetail};

/// What a failure of Graph means, read from its status, code and details; from its message only where those do not
/// tell cases apart.
///
/// # Examples
///
/// ```
/// use entrant::{error::GraphError, graph::GraphClass};
///
/// let mut error = GraphError::default();
/// error.status = 404;
/// assert_eq!(GraphClass::of(&error), GraphClass::NotFound);
/// ```
///
/// See [error responses](https://learn.microsoft.com/graph/errors).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GraphClass {
    /// Another object has this value.
    DuplicateValue {
        /// Which property clashed, where Graph says so.
        property: Option<String>,
    },
    /// The object is not there, or not yet everywhere.
    NotFound,
    /// Something that was just made is not there yet for this request.
    ReplicationDelay,
    /// Too many requests.
    Throttled,
    /// The token is missing, expired or not for Graph.
    Unauthorized,
    /// A permission or a directory role is missing.
    Denied,
    /// A value is not allowed.
    InvalidValue {
        /// Which property has it, where Graph says so.
        property: Option<String>,
    },
    /// A required property has no value.
    MissingProperty {
        /// Which property, where Graph says so.
        property: Option<String>,
    },
    /// The property cannot be written.
    ReadOnlyProperty {
        /// Which property, where Graph says so.
        property: Option<String>,
    },
    /// The object is mastered by another directory, or was.
    DirectorySynced,
    /// The domain of the user principal name is none of the tenant's verified domains.
    UnverifiedDomain,
    /// The password is too simple.
    WeakPassword,
    /// Someone else writes to the same place at the same moment.
    Concurrency,
    /// The service failed.
    ServiceFailure,
    /// The query cannot be answered, or not without the options for advanced queries.
    UnsupportedQuery,
    /// The listing took too long; it must begin again.
    ExpiredPageToken,
    /// A limit of the tenant is reached.
    Quota,
    /// Nothing of the above.
    Other,
}

impl GraphClass {
    /// Reads what a failure means.
    #[must_use]
    pub fn of(error: &GraphError) -> Self {
        let code = error.code.as_str();
        match code {
            "Directory_ExpiredPageToken" => return Self::ExpiredPageToken,
            "Directory_ConcurrencyViolation" => return Self::Concurrency,
            "Directory_QuotaExceeded" | "quotaLimitReached" => return Self::Quota,
            "Directory_ReplicaUnavailable" => return Self::ServiceFailure,
            "Request_UnsupportedQuery" => return Self::UnsupportedQuery,
            "Request_MultipleObjectsWithSameKeyValue" => return duplicate(error),
            _ => {}
        }
        match error.status {
            400 | 409 | 422 if is_duplicate(error) => duplicate(error),
            400 => by_message(error),
            401 => Self::Unauthorized,
            403 => Self::Denied,
            404 => Self::NotFound,
            422 => Self::InvalidValue { property: property_in(error) },
            429 => Self::Throttled,
            501 => Self::UnsupportedQuery,
            500.. => Self::ServiceFailure,
            _ => Self::Other,
        }
    }

    /// What to do about it, in a sentence for people.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::DuplicateValue { .. } => {
                "another object has this value (a deleted one may hold it too): choose another, or link to that object"
            }
            Self::NotFound => "check the id; an object that was just made may take a minute to be found",
            Self::ReplicationDelay => "wait some seconds and try again: the change has not reached all of the service",
            Self::Throttled => "wait as long as the service asks; if it goes on, run fewer things at once",
            Self::Unauthorized => "check the token: it may have expired, or be for another service or cloud",
            Self::Denied => {
                "give the application the permission for this; people with administrator roles also need a directory \
                 role on the application"
            }
            Self::InvalidValue { .. } => "check the value's form and length against the property's documentation",
            Self::MissingProperty { .. } => "give the required property a value",
            Self::ReadOnlyProperty { .. } => "take the property out of the mapping: it cannot be written",
            Self::DirectorySynced => "change the object in the directory that it is synchronised from",
            Self::UnverifiedDomain => "use one of the tenant's verified domains, or verify this one",
            Self::WeakPassword => "use a longer password of several kinds of characters, without the person's name",
            Self::Concurrency => "try again after a moment",
            Self::ServiceFailure => "try again later; if it stays, give the request-id to Microsoft's support",
            Self::UnsupportedQuery => "simplify the query; some need `ConsistencyLevel: eventual` and `$count=true`",
            Self::ExpiredPageToken => "begin the listing again",
            Self::Quota => "delete what is no longer needed (deleted objects count for a while), or raise the quota",
            Self::Other => "see the message; the request-id helps Microsoft's support",
        }
    }
}

impl GraphError {
    /// What the failure means.
    #[must_use]
    pub fn class(&self) -> GraphClass {
        GraphClass::of(self)
    }
}

fn has(error: &GraphError, fragment: &str) -> bool {
    error.message.to_ascii_lowercase().contains(fragment)
}

fn is_duplicate(error: &GraphError) -> bool {
    let named = |detail: &GraphErrorDetail| {
        matches!(detail.code.as_str(), "ObjectConflict" | "ConflictingObjects" | "PropertyConflict")
    };
    error.details.iter().any(named)
        || has(error, "another object with the same value")
        || has(error, "a conflicting object with one or more of the specified property values")
}

fn duplicate(error: &GraphError) -> GraphClass {
    let named = error.details.iter().find(|detail| detail.code != "ConflictingObjects");
    GraphClass::DuplicateValue {
        property: named.and_then(|detail| detail.target.clone()).or_else(|| property_in(error)),
    }
}

fn by_message(error: &GraphError) -> GraphClass {
    let property = || property_in(error);
    match () {
        () if has(error, "domain portion of the userprincipalname") => GraphClass::UnverifiedDomain,
        () if has(error, "password complexity") || has(error, "specified password does not comply") => {
            GraphClass::WeakPassword
        }
        () if has(error, "on-premises mastered") || has(error, "originated within an external service") => {
            GraphClass::DirectorySynced
        }
        () if has(error, "source resource object or one of the objects being referenced") => {
            GraphClass::ReplicationDelay
        }
        () if has(error, "is read-only and cannot be set") => GraphClass::ReadOnlyProperty { property: property() },
        () if has(error, "a value is required for property") => GraphClass::MissingProperty { property: property() },
        () if has(error, "invalid object identifier") => GraphClass::NotFound,
        () if has(error, "invalid value") || has(error, "property values specified are invalid") => {
            GraphClass::InvalidValue { property: property() }
        }
        () if has(error, "property ") && has(error, " is invalid") => GraphClass::InvalidValue { property: property() },
        () if has(error, "$count is not currently supported")
            || has(error, "query filter clause")
            || has(error, "parsing odata select and expand failed") =>
        {
            GraphClass::UnsupportedQuery
        }
        () => GraphClass::Other,
    }
}

/// The name after `property` in the message, with or without quotes, or the target of a detail.
fn property_in(error: &GraphError) -> Option<String> {
    let named = error.message.match_indices("roperty ").find_map(|(at, word)| {
        let rest = &error.message[at + word.len()..];
        let name: String = rest
            .trim_start_matches(['\'', '"'])
            .chars()
            .take_while(|character| character.is_ascii_alphanumeric() || *character == '_')
            .take(128)
            .collect();
        (!name.is_empty() && name != "values" && name != "value").then_some(name)
    });
    named.or_else(|| error.details.iter().find_map(|detail| detail.target.clone()))
}
