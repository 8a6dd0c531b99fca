//! A typed client for the part of Microsoft Graph that provisioning needs.
//!
//! [`GraphClient`] authenticates, repeats what may be repeated, keeps a pace that the service takes
//! ([`GraphClient::budget`]), and keeps the token to the configured host. Typed resources hang on it ([`users`](GraphClient::users), [`groups`](GraphClient::groups) with members and owners,
//! [`subscribed_skus`](GraphClient::subscribed_skus), [`role_assignments`](GraphClient::role_assignments),
//! [`deleted_items`](GraphClient::deleted_items), [`organization`](GraphClient::organization),
//! [`domains`](GraphClient::domains)). Users and groups are listed by conditions ([`Query`]) and watched for changes
//! ([`DeltaQuery`]). [`batch`](GraphClient::batch) and [`batch_in_order`](GraphClient::batch_in_order) send many requests
//! in few, and [`request`](GraphClient::request) reaches the rest of Graph. Failures keep what Graph said; [`GraphClass`] says what
//! it means.

mod answer;
mod applications;
mod batch;
mod bin;
mod blot;
mod class;
mod client;
mod delta;
mod directory;
mod driven;
mod error;
mod extensions;
mod filterable;
mod groups;
mod invitations;
mod licenses;
mod members;
mod page;
mod permission;
mod query;
mod request;
mod resource;
mod roles;
mod send;
mod sequence;
mod turns;
mod user;
mod users;
mod word;

pub use applications::{
    AppRole, AppRoleAssignment, Application, Applications, KeyCredential, MICROSOFT_GRAPH, NewPassword,
    PasswordCredential, RequiredResourceAccess, ResourceAccess, ServicePrincipal, ServicePrincipalId,
    ServicePrincipals,
};
pub use batch::{BatchRequest, BatchResponse};
pub use bin::{DeletedItems, Restore};
pub use class::GraphClass;
pub use client::{GraphClient, GraphClientBuilder};
pub use delta::{Delta, DeltaCursor, DeltaQuery, Removal};
pub use directory::{Domain, Organization, VerifiedDomain};
pub use extensions::{ApplicationId, ExtensionProperties, ExtensionProperty, ExtensionType, extension_name};
pub use groups::{Group, GroupId, GroupKind, GroupTarget, Groups};
pub use invitations::{Guest, Invitation, InvitationSent};
pub use licenses::{
    AppliesTo, AssignedLicense, CapabilityStatus, LicenseAssignmentState, LicenseChange, LicenseDetails, LicenseError,
    LicenseOrigin, LicenseState, PrepaidUnits, ServicePlan, ServicePlanId, SkuId, SubscribedSku,
};
pub use members::{DirectoryObject, DirectoryObjectId, DirectoryObjectKind, GroupLinks};
pub use page::{List, Page};
pub use query::Query;
pub use request::Call;
pub use roles::{RoleAssignment, RoleDefinition, RoleId};
pub use user::{EmployeeOrgData, ExtensionAttributes, ObjectIdentity, PasswordProfile, User, UserDetails};
pub use users::{UserId, Users};
