//! Applications and their service principals: what is stored, and what an answer shows of it.

use std::borrow::Cow;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::sim::objects::shelf::{Field, Item};
use crate::sim::objects::stored::{Reading, Stored, Values};
use crate::sim::users::property::{
    APPLICATIONS, Access, Class, Kind, PRINCIPALS, Prop, Property, dated, entry, fixed, other, place_in, text,
};
use crate::sim::wire::answer::date_of;

/// An application or a service principal.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) id: Uuid,
    pub(crate) class: Class,
    pub(crate) app_id: Uuid,
    /// Seconds since 1970, as all dates here.
    pub(crate) created: i64,
    pub(crate) deleted: Option<i64>,
    /// The tenant that the application is of.
    owner: Uuid,
    values: Values,
}

const fn key(name: &'static str) -> Property {
    entry(name, Kind::Text(0), Access::Read, "D---")
}
const fn named(name: &'static str) -> Property {
    entry(name, Kind::Text(256), Access::Required, "DDDA")
}

pub(crate) static APPLICATION: &[Property] = &[
    key("id"),
    fixed("deletedDateTime", Kind::Date),
    key("appId"),
    other("addIns", Kind::Objects),
    other("api", Kind::Object),
    other("appRoles", Kind::Objects),
    fixed("applicationTemplateId", Kind::Text(0)),
    fixed("certification", Kind::Object),
    dated("createdDateTime", "--DA"),
    other("description", Kind::Text(1024)),
    fixed("disabledByMicrosoftStatus", Kind::Text(0)),
    named("displayName"),
    other("groupMembershipClaims", Kind::Text(0)),
    entry("identifierUris", Kind::Texts, Access::Write, "DD--"),
    other("info", Kind::Object),
    other("isDeviceOnlyAuthSupported", Kind::Bool),
    other("isFallbackPublicClient", Kind::Bool),
    other("keyCredentials", Kind::Objects),
    other("notes", Kind::Text(0)),
    other("optionalClaims", Kind::Object),
    other("parentalControlSettings", Kind::Object),
    other("passwordCredentials", Kind::Objects),
    other("publicClient", Kind::Object),
    fixed("publisherDomain", Kind::Text(0)),
    other("requestSignatureVerification", Kind::Object),
    other("requiredResourceAccess", Kind::Objects),
    other("samlMetadataUrl", Kind::Text(0)),
    other("serviceManagementReference", Kind::Text(0)),
    other("servicePrincipalLockConfiguration", Kind::Object),
    other("signInAudience", Kind::Text(0)),
    other("spa", Kind::Object),
    other("tags", Kind::Texts),
    other("tokenEncryptionKeyId", Kind::Text(0)),
    text("uniqueName", 0),
    fixed("verifiedPublisher", Kind::Object),
    other("web", Kind::Object),
];

pub(crate) static PRINCIPAL: &[Property] = &[
    key("id"),
    fixed("deletedDateTime", Kind::Date),
    entry("accountEnabled", Kind::Bool, Access::Required, "D---"),
    other("addIns", Kind::Objects),
    entry("alternativeNames", Kind::Texts, Access::Write, "DD--"),
    fixed("appDescription", Kind::Text(0)),
    fixed("appDisplayName", Kind::Text(0)),
    key("appId"),
    fixed("appOwnerOrganizationId", Kind::Text(0)),
    other("appRoleAssignmentRequired", Kind::Bool),
    fixed("appRoles", Kind::Objects),
    fixed("applicationTemplateId", Kind::Text(0)),
    other("description", Kind::Text(1024)),
    fixed("disabledByMicrosoftStatus", Kind::Text(0)),
    named("displayName"),
    other("homepage", Kind::Text(0)),
    fixed("info", Kind::Object),
    other("keyCredentials", Kind::Objects),
    other("loginUrl", Kind::Text(0)),
    other("logoutUrl", Kind::Text(0)),
    other("notes", Kind::Text(0)),
    other("notificationEmailAddresses", Kind::Texts),
    fixed("oauth2PermissionScopes", Kind::Objects),
    other("passwordCredentials", Kind::Objects),
    other("preferredSingleSignOnMode", Kind::Text(0)),
    other("preferredTokenSigningKeyThumbprint", Kind::Text(0)),
    other("replyUrls", Kind::Texts),
    fixed("resourceSpecificApplicationPermissions", Kind::Objects),
    other("samlSingleSignOnSettings", Kind::Object),
    entry("servicePrincipalNames", Kind::Texts, Access::Write, "DD--"),
    entry("servicePrincipalType", Kind::Text(0), Access::Read, "D---"),
    fixed("signInAudience", Kind::Text(0)),
    entry("tags", Kind::Texts, Access::Write, "DD--"),
    other("tokenEncryptionKeyId", Kind::Text(0)),
    fixed("verifiedPublisher", Kind::Object),
];

const fn whole<const N: usize>(first: Prop) -> [Prop; N] {
    let mut set = [first; N];
    let mut at = 0;
    while at < N {
        #[expect(clippy::cast_possible_truncation, reason = "there are a few dozen")]
        {
            set[at] = first + at as Prop;
        }
        at += 1;
    }
    set
}

/// What an answer shows without `$select`: everything.
pub(crate) const APPLICATION_SET: &[Prop] = &whole::<36>(APPLICATIONS);
/// Likewise.
pub(crate) const PRINCIPAL_SET: &[Prop] = &whole::<35>(PRINCIPALS);

/// `id`, `appId`, `displayName` of applications.
pub(crate) const ID: Prop = place_in(APPLICATION, APPLICATIONS, "id");
pub(crate) const APP_ID: Prop = place_in(APPLICATION, APPLICATIONS, "appId");
pub(crate) const DISPLAY_NAME: Prop = place_in(APPLICATION, APPLICATIONS, "displayName");
pub(crate) const UNIQUE_NAME: Prop = place_in(APPLICATION, APPLICATIONS, "uniqueName");
/// Those of service principals.
pub(crate) const PRINCIPAL_ID: Prop = place_in(PRINCIPAL, PRINCIPALS, "id");
pub(crate) const PRINCIPAL_APP_ID: Prop = place_in(PRINCIPAL, PRINCIPALS, "appId");
pub(crate) const PRINCIPAL_NAME: Prop = place_in(PRINCIPAL, PRINCIPALS, "displayName");
pub(crate) const PASSWORDS: Prop = place_in(APPLICATION, APPLICATIONS, "passwordCredentials");
pub(crate) const PRINCIPAL_PASSWORDS: Prop = place_in(PRINCIPAL, PRINCIPALS, "passwordCredentials");
pub(crate) const REQUIRED_ACCESS: Prop = place_in(APPLICATION, APPLICATIONS, "requiredResourceAccess");
pub(crate) const APP_ROLES: Prop = place_in(PRINCIPAL, PRINCIPALS, "appRoles");
pub(crate) const SCOPES: Prop = place_in(PRINCIPAL, PRINCIPALS, "oauth2PermissionScopes");
const ENABLED: Prop = place_in(PRINCIPAL, PRINCIPALS, "accountEnabled");
pub(crate) const SERVICE_NAMES: Prop = place_in(PRINCIPAL, PRINCIPALS, "servicePrincipalNames");

impl App {
    pub(crate) fn new(class: Class, id: Uuid, app_id: Uuid, owner: Uuid, created: i64) -> Self {
        Self { id, class, app_id, created, deleted: None, owner, values: Values::default() }
    }

    pub(crate) fn set(&mut self, prop: Prop, value: Option<Stored>) {
        self.values.set(prop, value);
    }

    pub(crate) fn name(&self) -> &str {
        let prop = if self.class == Class::Application { DISPLAY_NAME } else { PRINCIPAL_NAME };
        self.values.text(prop).unwrap_or_default()
    }

    /// Whether the service principal may sign in.
    pub(crate) fn is_enabled(&self) -> bool {
        self.values.stored(ENABLED) != Some(&Stored::Bool(false))
    }

    /// What an answer shows.
    pub(crate) fn read(&self, prop: Prop) -> Reading<'_> {
        let text = |text: String| Reading::Text(text.into());
        let value = |value: Value| Reading::Json(Cow::Owned(value));
        match crate::sim::users::property::property(prop).name {
            "id" => text(self.id.to_string()),
            "appId" => text(self.app_id.to_string()),
            "createdDateTime" => text(date_of(self.created)),
            "deletedDateTime" => self.deleted.map_or(Reading::Null, |at| text(date_of(at))),
            "appOwnerOrganizationId" => text(self.owner.to_string()),
            "appDisplayName" => text(self.name().to_owned()),
            "servicePrincipalType" => Reading::Text("Application".into()),
            "servicePrincipalNames" => {
                let further = self.values.json(SERVICE_NAMES).and_then(Value::as_array);
                let own = json!(self.app_id);
                value(
                    [own.clone()]
                        .into_iter()
                        .chain(further.into_iter().flatten().filter(|name| **name != own).cloned())
                        .collect(),
                )
            }
            name => match (self.values.read(prop), name) {
                (Reading::Null, "appRoleAssignmentRequired") => Reading::Bool(false),
                (Reading::Null, "accountEnabled") => Reading::Bool(true),
                (Reading::Null, "signInAudience") => Reading::Text("AzureADMyOrg".into()),
                (Reading::Null, _) => standard(name).map_or(Reading::Null, value),
                (reading, _) => reading,
            },
        }
    }
}

/// What objects show that nobody has set.
fn standard(name: &str) -> Option<Value> {
    Some(match name {
        "api" => json!({
            "acceptMappedClaims": null, "knownClientApplications": [], "requestedAccessTokenVersion": null,
            "oauth2PermissionScopes": [], "preAuthorizedApplications": [],
        }),
        "info" => json!({
            "termsOfServiceUrl": null, "supportUrl": null, "privacyStatementUrl": null, "marketingUrl": null,
            "logoUrl": null,
        }),
        "parentalControlSettings" => json!({"countriesBlockedForMinors": [], "legalAgeGroupRule": "Allow"}),
        "publicClient" | "spa" => json!({"redirectUris": []}),
        "verifiedPublisher" => json!({"displayName": null, "verifiedPublisherId": null, "addedDateTime": null}),
        "web" => json!({
            "redirectUris": [], "homePageUrl": null, "logoutUrl": null, "redirectUriSettings": [],
            "implicitGrantSettings": {"enableIdTokenIssuance": false, "enableAccessTokenIssuance": false},
        }),
        _ => return None,
    })
}

impl Item for App {
    fn id(&self) -> Uuid {
        self.id
    }

    fn is_deleted(&self) -> bool {
        self.deleted.is_some()
    }

    fn name(&self) -> Option<&str> {
        None
    }

    fn keys(&self) -> Vec<(Field, Box<str>)> {
        let unique =
            self.values.text(UNIQUE_NAME).map(|name| (Field::UniqueName, crate::sim::objects::stored::fold(name)));
        unique.into_iter().chain([(Field::AppId, self.app_id.to_string().into())]).collect()
    }

    fn seats(&self) -> Vec<Uuid> {
        Vec::new()
    }

    fn changes(&self, next: &Self) -> Vec<Prop> {
        self.values.changes(&next.values)
    }

    fn compact(&mut self) {
        self.values.compact();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_sets_are_whole() {
        assert_eq!(APPLICATION_SET.len(), APPLICATION.len());
        assert_eq!(PRINCIPAL_SET.len(), PRINCIPAL.len());
    }

    #[test]
    fn what_is_a_collection_is_never_null() {
        for class in [Class::Application, Class::ServicePrincipal] {
            let app = App::new(class, Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3), 0);
            for prop in class.all().filter(|prop| crate::sim::users::property::property(*prop).is_collection()) {
                assert!(app.read(prop).into_value().is_array());
            }
        }
    }
}
