//! What a failure of Graph means.

use std::error::Error as _;

use uuid::Uuid;

use crate::error::{Error, GraphError, GraphErrorDetail};
use crate::graph::{DirectoryObjectId, ServicePlanId, SkuId};

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
        /// Which object has the value, where Graph says so.
        object: Option<DirectoryObjectId>,
    },
    /// The object is not there, or not yet everywhere.
    NotFound,
    /// Something that was just made is not there yet for this request: worth trying again in some seconds, if it was.
    /// Said only where Graph says so in words of its own; [`NotFound`](GraphClass::NotFound) shortly after an object
    /// was made may mean the same.
    ReplicationDelay,
    /// An object that was to be added to a list, such as a group's members, is in it.
    ReferenceExists,
    /// An object that was to be taken out of a list is not in it.
    ReferenceMissing,
    /// A group's last owner cannot be removed.
    LastOwner,
    /// The group is a distribution list or a mail-enabled security group, which Graph does not change.
    MailEnabledGroup,
    /// Too many requests.
    Throttled,
    /// The token is missing, expired or not for Graph.
    Unauthorized,
    /// The application has the permission, and was refused all the same: as far as can be told, the user holds an
    /// administrator role, or a password was to be set, and the application has no directory role that allows that.
    /// Graph itself says the same as for a missing permission; the token tells the two apart, for writes of users.
    PrivilegedTarget,
    /// A permission is missing, or a directory role: without one, nobody disables, deletes or renames people with
    /// administrator roles, or sets passwords. Graph does not say which of the two;
    /// [`PrivilegedTarget`](GraphClass::PrivilegedTarget) where the token does.
    Denied {
        /// The least permission that the operation needs, where it is known.
        permission: Option<String>,
    },
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
    /// The object is mastered by another directory.
    DirectorySynced,
    /// The property is mastered by Exchange, or the object was once synchronised from another directory.
    MasteredElsewhere,
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
    /// The cursor of a delta query is no longer good: everything must be read anew.
    ResyncRequired,
    /// The directory has no such property, or the tenant does not have the extension property.
    UnknownProperty {
        /// Which, where Graph says so.
        property: Option<String>,
    },
    /// A request of a batch was not tried, since one that it depends on failed.
    DependencyFailed,
    /// A limit of the tenant is reached.
    Quota,
    /// A licence has no seat left.
    NoSeats {
        /// Which product, where Graph says so.
        sku: Option<SkuId>,
    },
    /// A service plan needs others that the user would not have. Removing a licence may say so, too.
    PlanDependency {
        /// The plan, where Graph says so.
        plan: Option<ServicePlanId>,
        /// What it needs.
        needs: Vec<ServicePlanId>,
    },
    /// Service plans exclude each other.
    PlanConflict {
        /// Those that do.
        plans: Vec<ServicePlanId>,
    },
    /// A licence cannot be taken from the user, who has it by way of a group.
    InheritedLicense,
    /// A licence cannot be taken from the user, who does not have it.
    NotLicensed,
    /// The tenant does not subscribe to the product.
    UnknownSku {
        /// Which, where Graph says so.
        sku: Option<SkuId>,
    },
    /// The product is none that users can be given.
    UnassignableSku {
        /// Which, where Graph says so.
        sku: Option<SkuId>,
    },
    /// A user without a valid `usageLocation` gets no licence.
    UsageLocation,
    /// Nothing of the above.
    Other,
}

impl GraphClass {
    /// Reads what a failure means.
    #[must_use]
    pub fn of(error: &GraphError) -> Self {
        let code = error.code.as_str();
        if error.status == 410
            || (matches!(error.status, 400 | 404)
                && (code.eq_ignore_ascii_case("resyncRequired") || code.eq_ignore_ascii_case("syncStateNotFound")))
        {
            return Self::ResyncRequired;
        }
        if error.status == 429 {
            return Self::Throttled;
        }
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
            403 if is_mail_enabled_group(error) => Self::MailEnabledGroup,
            403 if error.needs_role => Self::PrivilegedTarget,
            403 => Self::Denied { permission: error.permission.clone() },
            404 if is_not_replicated(error) => Self::ReplicationDelay,
            404 => Self::NotFound,
            424 => Self::DependencyFailed,
            422 => Self::InvalidValue { property: property_in(error) },
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
            Self::ReferenceExists => "nothing: it is in the list already",
            Self::ReferenceMissing => "nothing: it is not in the list",
            Self::LastOwner => "give the group another owner first",
            Self::MailEnabledGroup => "change distribution lists and mail-enabled security groups in Exchange",
            Self::Throttled => "wait as long as the service asks; if it goes on, run fewer things at once",
            Self::Unauthorized => "check the token: it may have expired, or be for another service or cloud",
            Self::PrivilegedTarget => {
                "give the application a directory role: User Administrator, or Privileged Authentication Administrator for \
                 people with the highest roles; or leave the person to an administrator"
            }
            Self::Denied { .. } => {
                "give the application the permission for this; people with administrator roles also need a directory \
                 role on the application"
            }
            Self::InvalidValue { .. } => "check the value's form and length against the property's documentation",
            Self::MissingProperty { .. } => "give the required property a value",
            Self::ReadOnlyProperty { .. } => "take the property out of the mapping: it cannot be written",
            Self::DirectorySynced => "change the object in the directory that it is synchronised from",
            Self::MasteredElsewhere => "change the property in Exchange, or take it out of the mapping",
            Self::ResyncRequired => "forget the cursor and read everything again",
            Self::UnknownProperty { .. } => "check the property's name; extension properties must be defined first",
            Self::DependencyFailed => "see the request that failed before it",
            Self::UnverifiedDomain => "use one of the tenant's verified domains, or verify this one",
            Self::WeakPassword => "use a longer password of several kinds of characters, without the person's name",
            Self::Concurrency => "try again after a moment",
            Self::ServiceFailure => "try again later; if it stays, give the request-id to Microsoft's support",
            Self::UnsupportedQuery => "simplify the query; some need `ConsistencyLevel: eventual` and `$count=true`",
            Self::ExpiredPageToken => "begin the listing again",
            Self::Quota => "delete what is no longer needed (deleted objects count for a while), or raise the quota",
            Self::NoSeats { .. } => "free or buy seats of the product",
            Self::PlanDependency { .. } => {
                "give the service plans that it needs in the same request, or switch off the plan that needs them"
            }
            Self::PlanConflict { .. } => {
                "take the other licence away in the same request, or switch off one of the service plans"
            }
            Self::InheritedLicense => "take the user out of the group that gives the licence",
            Self::NotLicensed => "nothing: the user does not have the licence",
            Self::UnknownSku { .. } => "check the product's id against the tenant's subscriptions",
            Self::UnassignableSku { .. } => "choose a product for users: this one is for the whole tenant",
            Self::UsageLocation => "give the user a usageLocation first: two letters of ISO 3166-1, such as GB",
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

    /// Whether there is more than a status: a proxy's page in the place of Graph's answer says nothing.
    pub(crate) fn has_reason(&self) -> bool {
        !self.code.is_empty() || !self.message.is_empty()
    }
}

impl Error {
    /// Whether Graph refused to add an object to a list (members, owners) because it is in it: that is a success.
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::{Error, ErrorKind, error::GraphError};
    ///
    /// let mut said = GraphError::default();
    /// said.status = 400;
    /// said.message = "One or more added object references already exist for the following modified properties: \
    ///                 'members'."
    ///     .into();
    /// assert!(Error::new(ErrorKind::Conflict, "refused").with_graph(said).is_already_there());
    /// ```
    #[must_use]
    pub fn is_already_there(&self) -> bool {
        self.graph_of_itself().is_some_and(|graph| graph.class() == GraphClass::ReferenceExists)
    }

    /// Whether another object has a value that must be the only one of its kind: [`GraphClass::DuplicateValue`] says
    /// which property, and which object.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        self.graph_of_itself().is_some_and(|graph| matches!(graph.class(), GraphClass::DuplicateValue { .. }))
    }

    /// Whether Graph refused to take something away because it is not there. A 404 that is not the directory's own,
    /// such as a proxy's, does not count.
    ///
    /// For what was made a moment ago this may be said too early.
    #[must_use]
    pub fn is_not_there(&self) -> bool {
        self.graph_of_itself().is_some_and(|graph| match graph.class() {
            GraphClass::ReferenceMissing => true,
            GraphClass::NotFound => graph.status == 404 && graph.code == "Request_ResourceNotFound",
            _ => false,
        })
    }

    /// Whether the directory said that the object that was asked for is not there, and nobody else: neither a proxy, nor
    /// a batch that failed as a whole.
    pub(crate) fn is_object_missing(&self) -> bool {
        self.graph_of_itself().is_some_and(|graph| {
            graph.class() == GraphClass::NotFound && (graph.status == 400 || graph.code == "Request_ResourceNotFound")
        })
    }

    /// What Graph said of this very request, not of a batch that failed as a whole: such an error has its cause.
    pub(crate) fn graph_of_itself(&self) -> Option<&GraphError> {
        self.graph().filter(|_| self.source().is_none())
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
    let is_object = |detail: &&GraphErrorDetail| detail.code == "ConflictingObjects";
    let named = error.details.iter().find(|detail| !is_object(detail));
    // Such as `User_a82905a2-4ba2-5e93-bd12-3200cfe70a56`.
    let object = error.details.iter().filter(is_object).filter_map(|detail| detail.target.as_deref());
    GraphClass::DuplicateValue {
        property: named.and_then(|detail| detail.target.clone()).or_else(|| property_in(error)),
        object: object.flat_map(guids).next().map(|id| DirectoryObjectId::new(id.to_string())),
    }
}

fn by_message(error: &GraphError) -> GraphClass {
    let property = || property_in(error);
    match () {
        () if has(error, "domain portion of the userprincipalname") => GraphClass::UnverifiedDomain,
        () if has(error, "password complexity") || has(error, "specified password does not comply") => {
            GraphClass::WeakPassword
        }
        () if has(error, "on-premises mastered") => GraphClass::DirectorySynced,
        () if has(error, "originated within an external service") => GraphClass::MasteredElsewhere,
        () if has(error, "extension properties are not available")
            || has(error, "could not find a property named")
            || has(error, "does not exist on type 'microsoft.graph") =>
        {
            GraphClass::UnknownProperty { property: named_property(error) }
        }
        () if is_not_replicated(error) => GraphClass::ReplicationDelay,
        () if is_mail_enabled_group(error) => GraphClass::MailEnabledGroup,
        () if has(error, "added object references already exist") => GraphClass::ReferenceExists,
        () if has(error, "removed object references do not exist") => GraphClass::ReferenceMissing,
        () if has(error, "must have at least one owner") => GraphClass::LastOwner,
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
        () => license(error),
    }
}

/// The failures of a licence, all of which have but a message.
fn license(error: &GraphError) -> GraphClass {
    let ids = guids(&error.message);
    let sku = || ids.first().copied().map(SkuId::from);
    let plans = |ids: &[Uuid]| ids.iter().copied().map(ServicePlanId::from).collect();
    match () {
        () if has(error, "does not have any available licenses") => GraphClass::NoSeats { sku: sku() },
        () if has(error, "depends on the service plan") => GraphClass::PlanDependency {
            plan: ids.first().copied().map(ServicePlanId::from),
            needs: plans(ids.get(1..).unwrap_or_default()),
        },
        () if has(error, "mutually exclusive") => GraphClass::PlanConflict { plans: plans(&ids) },
        () if has(error, "inherited from a group membership") => GraphClass::InheritedLicense,
        () if has(error, "does not have a corresponding license") => GraphClass::NotLicensed,
        () if has(error, "does not correspond to a valid company license") => GraphClass::UnknownSku { sku: sku() },
        () if has(error, "license") && has(error, "cannot be assigned to a user") => {
            GraphClass::UnassignableSku { sku: sku() }
        }
        () if has(error, "invalid usage location") => GraphClass::UsageLocation,
        () => GraphClass::Other,
    }
}

fn is_not_replicated(error: &GraphError) -> bool {
    has(error, "source resource object or one of the objects being referenced")
}

fn is_mail_enabled_group(error: &GraphError) -> bool {
    has(error, "cannot update a mail-enabled security group")
        || has(error, "does not currently support writes of mail-enabled groups")
}

/// The property that is not there: the first quoted name, or the name of an extension property.
fn named_property(error: &GraphError) -> Option<String> {
    let quoted = error.message.split('\'').nth(1).map(str::to_owned);
    let extension = error.message.split(|character: char| character != '_' && !character.is_ascii_alphanumeric());
    extension.into_iter().find(|word| word.starts_with("extension_")).map(str::to_owned).or(quoted)
}

/// The GUIDs in a text, each once.
fn guids(text: &str) -> Vec<Uuid> {
    let mut found = Vec::new();
    for word in text.split(|character: char| !character.is_ascii_hexdigit() && character != '-') {
        if let Some(guid) = (word.len() == 36).then(|| Uuid::try_parse(word).ok()).flatten()
            && !found.contains(&guid)
        {
            found.push(guid);
        }
    }
    found
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
