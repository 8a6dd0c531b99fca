//! Licences: what the tenant has, and who gets them.

use std::fmt;

use http::Method;
use serde::de::Deserializer;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::{Error, ErrorKind, Result};
use crate::graph::word::words;
use crate::graph::{Call, GraphClient, GroupId, List, User, UserId, Users};

/// The id of a product that a tenant subscribes to, a GUID; the same in every tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SkuId(Uuid);

/// The id of a service within a product, a GUID; the same in every tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServicePlanId(Uuid);

macro_rules! guid {
    ($id:ident, $what:literal) => {
        impl $id {
            /// Takes a GUID.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Invalid`] if it is none.
            pub fn new(text: impl AsRef<str>) -> Result<Self> {
                Uuid::try_parse(text.as_ref().trim()).map(Self).map_err(|_| {
                    Error::new(ErrorKind::Invalid, concat!($what, " is a GUID"))
                        .with_context("given", format_args!("{:?}", crate::http::redact::one_line(text.as_ref(), 100)))
                })
            }

            /// The id as a number of 128 bits.
            #[must_use]
            pub fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl From<Uuid> for $id {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl TryFrom<&str> for $id {
            type Error = Error;

            fn try_from(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }
    };
}

guid!(SkuId, "a product's id (skuId)");
guid!(ServicePlanId, "a service plan's id");

words! {
    /// Whether a subscription can be used.
    CapabilityStatus {
        /// It is paid for.
        Enabled = "Enabled",
        /// It has ended, and still works for a while.
        Warning = "Warning",
        /// It has ended; its licences do nothing.
        Suspended = "Suspended",
        /// It is gone.
        Deleted = "Deleted",
        /// It was cancelled.
        LockedOut = "LockedOut",
    }
}

words! {
    /// Whom a product or a service plan is for.
    AppliesTo {
        /// Single users.
        User = "User",
        /// The whole tenant: nobody can be given it.
        Company = "Company",
    }
}

words! {
    /// What became of a licence that was assigned.
    LicenseState {
        /// It works.
        Active = "Active",
        /// It works, but for a part.
        ActiveWithError = "ActiveWithError",
        /// It is switched off.
        Disabled = "Disabled",
        /// It was not given; the error says why.
        Error = "Error",
    }
}

words! {
    /// Why a licence was not given.
    LicenseError {
        /// No seat is left.
        CountViolation = "CountViolation",
        /// One of its plans excludes another that the user has.
        MutuallyExclusiveViolation = "MutuallyExclusiveViolation",
        /// One of its plans needs another that the user does not have.
        DependencyViolation = "DependencyViolation",
        /// It may not be used where the user is.
        ProhibitedInUsageLocationViolation = "ProhibitedInUsageLocationViolation",
        /// A value, such as a mail address, is taken.
        UniquenessViolation = "UniquenessViolation",
    }
}

/// A product that the tenant subscribes to, with its seats.
///
/// See [subscribedSku](https://learn.microsoft.com/graph/api/resources/subscribedsku).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SubscribedSku {
    /// The product.
    pub sku_id: SkuId,
    /// Its name, such as `ENTERPRISEPREMIUM`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub sku_part_number: String,
    /// Whom it is for.
    pub applies_to: Option<AppliesTo>,
    /// Whether it can be used.
    pub capability_status: Option<CapabilityStatus>,
    /// How many seats are taken.
    #[serde(default, deserialize_with = "null_as_default")]
    pub consumed_units: i64,
    /// How many seats there are.
    #[serde(default, deserialize_with = "null_as_default")]
    pub prepaid_units: PrepaidUnits,
    /// The services in it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub service_plans: Vec<ServicePlan>,
    /// Every other property, under Graph's own name.
    #[serde(flatten)]
    pub extra: Map<String, Json>,
}

/// Seats by the state of the subscriptions that brought them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PrepaidUnits {
    /// Paid for.
    #[serde(deserialize_with = "null_as_default")]
    pub enabled: i64,
    /// Ended, and not usable.
    #[serde(deserialize_with = "null_as_default")]
    pub suspended: i64,
    /// Ended, and usable for a while.
    #[serde(deserialize_with = "null_as_default")]
    pub warning: i64,
    /// Cancelled.
    #[serde(rename = "lockedOut", deserialize_with = "null_as_default")]
    pub locked_out: i64,
}

/// A service within a product.
///
/// See [servicePlanInfo](https://learn.microsoft.com/graph/api/resources/serviceplaninfo).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ServicePlan {
    /// Its id.
    pub service_plan_id: ServicePlanId,
    /// Its name, such as `EXCHANGE_S_ENTERPRISE`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub service_plan_name: String,
    /// Whom it is for; what is for the company cannot be switched off for a user.
    pub applies_to: Option<AppliesTo>,
    /// How far it is set up, such as `Success`.
    pub provisioning_status: Option<String>,
}

/// A licence that a user or group has, or is to get.
///
/// See [assignedLicense](https://learn.microsoft.com/graph/api/resources/assignedlicense).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AssignedLicense {
    /// The product.
    pub sku_id: SkuId,
    /// Which of its services are switched off.
    #[serde(default, deserialize_with = "null_as_default")]
    pub disabled_plans: Vec<ServicePlanId>,
}

/// One way by which a user has a licence, and what became of it. The same product may come by several.
///
/// See [licenseAssignmentState](https://learn.microsoft.com/graph/api/resources/licenseassignmentstate).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LicenseAssignmentState {
    /// The product.
    pub sku_id: SkuId,
    /// Which of its services are switched off.
    #[serde(default, deserialize_with = "null_as_default")]
    pub disabled_plans: Vec<ServicePlanId>,
    /// The group that gives it; `None` if it was given to the user directly.
    pub assigned_by_group: Option<GroupId>,
    /// What became of it.
    pub state: Option<LicenseState>,
    /// Why it was not given.
    #[serde(default, deserialize_with = "error_or_none")]
    pub error: Option<LicenseError>,
    /// When it last changed.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub last_updated_date_time: Option<OffsetDateTime>,
}

/// Where a user's licence comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a licence is given to the user or to a group")]
pub enum LicenseOrigin<'a> {
    /// It was given to the user, and can be taken from the user.
    Direct,
    /// A group gives it: it goes when the user leaves the group.
    Inherited(&'a GroupId),
}

/// What a user has of a product.
///
/// See [licenseDetails](https://learn.microsoft.com/graph/api/resources/licensedetails).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LicenseDetails {
    /// The product.
    pub sku_id: SkuId,
    /// Its name, such as `ENTERPRISEPREMIUM`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub sku_part_number: String,
    /// Its services, and how far each is set up for the user.
    #[serde(default, deserialize_with = "null_as_default")]
    pub service_plans: Vec<ServicePlan>,
    /// Every other property, under Graph's own name.
    #[serde(flatten)]
    pub extra: Map<String, Json>,
}

/// Licences to give and to take, in one request: all of it is done, or nothing.
///
/// A product is in it once: what was said last holds.
///
/// # Examples
///
/// ```
/// use entrant::graph::{LicenseChange, SkuId};
///
/// # fn main() -> entrant::Result<()> {
/// let (e3, e5) = (
///     SkuId::new("05e9a617-0261-4cee-bb44-138d3ef5d965")?,
///     SkuId::new("06ebc4ee-1bb5-47dd-8120-11324bc54e06")?,
/// );
/// let swap = LicenseChange::new().assign(e5).remove(e3);
/// assert_eq!(serde_json::to_value(&swap).map_err(entrant::error::BoxError::from).ok(), Some(serde_json::json!({
///     "addLicenses": [{ "skuId": "06ebc4ee-1bb5-47dd-8120-11324bc54e06", "disabledPlans": [] }],
///     "removeLicenses": ["05e9a617-0261-4cee-bb44-138d3ef5d965"],
/// })));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[must_use]
pub struct LicenseChange {
    // Graph refuses a body in which one of the two is missing.
    add_licenses: Vec<AssignedLicense>,
    remove_licenses: Vec<SkuId>,
}

impl SubscribedSku {
    /// Whether users can be given it: it is for users, and the subscription works.
    #[must_use]
    pub fn is_assignable(&self) -> bool {
        self.applies_to == Some(AppliesTo::User)
            && matches!(self.capability_status, Some(CapabilityStatus::Enabled | CapabilityStatus::Warning))
    }

    /// How many more users can be given it. Seats in their grace period count, as far as is known; suspended ones do
    /// not.
    #[must_use]
    pub fn free_seats(&self) -> u64 {
        if !self.is_assignable() {
            return 0;
        }
        u64::try_from(self.seats().saturating_sub(self.consumed_units)).unwrap_or(0)
    }

    /// How many more users have it than there are seats, such as after fewer were bought.
    #[must_use]
    pub fn overdrawn_seats(&self) -> u64 {
        u64::try_from(self.consumed_units.saturating_sub(self.seats())).unwrap_or(0)
    }

    fn seats(&self) -> i64 {
        self.prepaid_units.enabled.saturating_add(self.prepaid_units.warning)
    }
}

impl AssignedLicense {
    /// The product with all its services.
    pub fn new(sku: SkuId) -> Self {
        Self { sku_id: sku, disabled_plans: Vec::new() }
    }

    /// Switches services off.
    #[must_use]
    pub fn without(mut self, plans: impl IntoIterator<Item = ServicePlanId>) -> Self {
        for plan in plans {
            if !self.disabled_plans.contains(&plan) {
                self.disabled_plans.push(plan);
            }
        }
        self
    }
}

impl From<SkuId> for AssignedLicense {
    fn from(sku: SkuId) -> Self {
        Self::new(sku)
    }
}

impl LicenseAssignmentState {
    /// Where the licence comes from.
    #[must_use]
    pub fn origin(&self) -> LicenseOrigin<'_> {
        match &self.assigned_by_group {
            Some(group) => LicenseOrigin::Inherited(group),
            None => LicenseOrigin::Direct,
        }
    }
}

impl LicenseChange {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a licence. For a product that the user has directly, only the services that are switched off change.
    pub fn assign(mut self, license: impl Into<AssignedLicense>) -> Self {
        let license = license.into();
        self.forget(license.sku_id);
        self.add_licenses.push(license);
        self
    }

    /// Takes a licence. Only one that the user has directly can be taken.
    pub fn remove(mut self, sku: SkuId) -> Self {
        self.forget(sku);
        self.remove_licenses.push(sku);
        self
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.add_licenses.is_empty() && self.remove_licenses.is_empty()
    }

    /// What is given.
    #[must_use]
    pub fn assigned(&self) -> &[AssignedLicense] {
        &self.add_licenses
    }

    /// What is taken.
    #[must_use]
    pub fn removed(&self) -> &[SkuId] {
        &self.remove_licenses
    }

    fn forget(&mut self, sku: SkuId) {
        self.add_licenses.retain(|license| license.sku_id != sku);
        self.remove_licenses.retain(|removed| *removed != sku);
    }
}

impl Users {
    /// Gives licences to a user and takes others, in one request; gives the user back.
    ///
    /// A user needs a `usageLocation` first. Two changes of one user at the same moment collide, so
    /// that a client and its clones send one after the other, in batches too, as long as they name the user alike. What
    /// collides with others ([`GraphClass::Concurrency`](crate::graph::GraphClass::Concurrency)) is repeated by itself.
    ///
    /// # Errors
    ///
    /// The [`GraphClass`](crate::graph::GraphClass) of the error says which: no seat
    /// ([`NoSeats`](crate::graph::GraphClass::NoSeats)), a plan that needs or excludes another
    /// ([`PlanDependency`](crate::graph::GraphClass::PlanDependency),
    /// [`PlanConflict`](crate::graph::GraphClass::PlanConflict)), a licence that only a group gives
    /// ([`InheritedLicense`](crate::graph::GraphClass::InheritedLicense)), and some more.
    /// [`ErrorKind::NotFound`] if the user or the product is unknown.
    ///
    /// # Permissions
    ///
    /// `LicenseAssignment.ReadWrite.All` (application).
    ///
    /// See [user: assignLicense](https://learn.microsoft.com/graph/api/user-assignlicense).
    pub fn assign_license(&self, id: impl Into<UserId>, change: &LicenseChange) -> Call<User> {
        self.call_at(Method::POST, id.into(), "/assignLicense").body(change).decode()
    }

    /// Lists the products that a user has, with the state of each service.
    ///
    /// # Permissions
    ///
    /// `LicenseAssignment.Read.All` (application).
    ///
    /// See [list licenseDetails](https://learn.microsoft.com/graph/api/user-list-licensedetails).
    pub fn license_details(&self, id: impl Into<UserId>) -> List<LicenseDetails> {
        self.call_at(Method::GET, id.into(), "/licenseDetails").list()
    }
}

pub(super) fn subscribed_skus(client: &GraphClient) -> List<SubscribedSku> {
    Call::new(client.clone(), Method::GET, Ok("/subscribedSkus".to_owned())).list()
}

fn null_as_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(value: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or_default())
}

/// The service has been seen to say `None` where it means null.
fn error_or_none<'de, D: Deserializer<'de>>(value: D) -> Result<Option<LicenseError>, D::Error> {
    Ok(Option::<LicenseError>::deserialize(value)?.filter(|error| !matches!(error.as_str(), "None" | "")))
}
