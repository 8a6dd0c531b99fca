//! The settings of a connection.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};
use url::Url;

use super::builder::{ConnectionBuilder, checked_domain};
use super::check::{Check, StageName};
use super::kind::{ConnectionStatus, CredentialKind};
use super::operation::Operations;
use super::permissions::{Permissions, Roles};
use super::stored::Stored;
use super::{checking, patience};
use crate::auth::{
    AssertionSigner, CertificateValidity, ClientCertificate, ClientId, ClientSecret, Environment,
    EnvironmentCredential, EnvironmentKind, StaticToken, TenantId, TokenCredential, WorkloadIdentity,
};
use crate::clock::{Clock, SystemClock};
use crate::cloud::Cloud;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{GraphClient, GraphClientBuilder};
use crate::http::Transport;
use crate::http::address::checked_root;
use crate::secret::Secret;

/// A tenant, an application in it, and how that signs in.
///
/// Serialised, it holds everything but the secrets, also when the last check failed. Loaded again, it has no
/// credential: add it with [`with_client_secret`](Connection::with_client_secret) or one of its siblings.
///
/// # Examples
///
/// ```
/// use entrant::connection::Connection;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let connection = Connection::builder("contoso.onmicrosoft.com", "11111111-2222-3333-4444-555555555555")
///     .name("Contoso")
///     .client_secret("the secret's value")
///     .build()?;
/// let stored = serde_json::to_string(&connection)?;
/// assert!(!stored.contains("value"));
///
/// let loaded: Connection = serde_json::from_str(&stored)?;
/// assert!(!loaded.has_credential());
/// let loaded = loaded.with_client_secret("the secret's value");
/// assert!(loaded.has_credential());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Connection {
    stored: Stored,
    credential: Option<Arc<dyn TokenCredential>>,
}

impl Connection {
    /// Starts a connection to a tenant (its id, a GUID, or one of its domains) as an application (its client id).
    ///
    /// It needs a credential too.
    pub fn builder(tenant: impl Into<String>, client_id: impl Into<String>) -> ConnectionBuilder {
        ConnectionBuilder::new(tenant.into(), client_id.into())
    }

    pub(super) fn loaded(stored: Stored) -> Self {
        Self { stored, credential: None }
    }

    /// The name in lists.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.stored.name
    }

    /// What people wrote about it; may be empty.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.stored.description
    }

    /// Who answers for it, under the names by which the host knows people.
    #[must_use]
    pub fn owners(&self) -> &[String] {
        &self.stored.owners
    }

    /// Where the tenant is.
    #[must_use]
    pub fn cloud(&self) -> &Cloud {
        &self.stored.cloud
    }

    /// The tenant as it was given: its id or a domain. A check says which id that is.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.stored.tenant
    }

    /// The application.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.stored.client_id
    }

    /// The domain that new users get, if it names one of its own.
    #[must_use]
    pub fn domain(&self) -> Option<&str> {
        self.stored.domain.as_deref()
    }

    /// What it is for, if it says so.
    #[must_use]
    pub fn operations(&self) -> Option<&Operations> {
        self.stored.operations.as_ref()
    }

    /// The permissions that are to be granted whatever it is for.
    #[must_use]
    pub fn permissions(&self) -> &Permissions {
        &self.stored.permissions
    }

    /// The directory roles that the application is to hold.
    #[must_use]
    pub fn roles(&self) -> &Roles {
        &self.stored.roles
    }

    /// The thumbprint of the certificate that it signs in with, if it is known.
    #[must_use]
    pub fn thumbprint(&self) -> Option<&str> {
        self.stored.thumbprint.as_deref()
    }

    /// Where an administrator of the tenant consents to what the application's registration asks for. Whether somebody
    /// did shows in the next [`check`](Self::check).
    ///
    /// See [the admin consent endpoint](https://learn.microsoft.com/entra/identity-platform/v2-admin-consent).
    #[must_use]
    pub fn consent_url(&self) -> Url {
        consent_url(self.cloud(), self.tenant(), self.client_id())
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> ConnectionStatus {
        match self.last_check() {
            _ if !self.is_enabled() => ConnectionStatus::Disabled,
            None => ConnectionStatus::Unchecked,
            Some(check) if check.passed() => ConnectionStatus::Connected,
            Some(_) => ConnectionStatus::Failed,
        }
    }

    /// How it signs in.
    #[must_use]
    pub fn credential_kind(&self) -> CredentialKind {
        self.stored.credential
    }

    /// Whether the credential is there; after loading it is not.
    #[must_use]
    pub fn has_credential(&self) -> bool {
        self.credential.is_some()
    }

    /// Whether it is switched on. Nothing is written through one that is not.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.stored.enabled
    }

    /// What the last check found, if nothing that it depends on was edited since.
    #[must_use]
    pub fn last_check(&self) -> Option<&Check> {
        self.stored.last_check.as_ref()
    }

    /// Why nothing may be written through it, and what to do; `None` if it may.
    #[must_use]
    pub fn refusal(&self) -> Option<&'static str> {
        match self.status() {
            ConnectionStatus::Connected => None,
            ConnectionStatus::Disabled => Some("the connection is switched off; switch it on with Connection::enabled"),
            ConnectionStatus::Unchecked => {
                Some("the connection has not passed its check; run Connection::check, or use Entra::connect")
            }
            ConnectionStatus::Failed => {
                Some("the connection failed its last check; mend what it found and run Connection::check again")
            }
        }
    }

    /// Changes the name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.stored.name = name.into();
        self
    }

    /// Changes the description.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.stored.description = description.into();
        self
    }

    /// Changes who answers for it.
    #[must_use]
    pub fn with_owners<O: Into<String>>(mut self, owners: impl IntoIterator<Item = O>) -> Self {
        self.stored.owners = owners.into_iter().map(Into::into).collect();
        self
    }

    /// Gives new users another domain, or with `None` the tenant's own default; it needs a new check.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if it is no domain name.
    pub fn with_domain(mut self, domain: Option<&str>) -> Result<Self> {
        self.stored.domain = domain.map(checked_domain).transpose()?;
        self.stored.last_check = None;
        Ok(self)
    }

    /// Says what it is for; it needs a new check.
    #[must_use]
    pub fn with_operations(mut self, operations: Operations) -> Self {
        self.stored.operations = Some(operations);
        self.stored.last_check = None;
        self
    }

    /// Says which permissions are to be granted whatever it is for; it needs a new check.
    #[must_use]
    pub fn with_permissions(mut self, permissions: Permissions) -> Self {
        self.stored.permissions = permissions;
        self.stored.last_check = None;
        self
    }

    /// Says which directory roles the application is to hold; it needs a new check.
    #[must_use]
    pub fn with_roles(mut self, roles: Roles) -> Self {
        self.stored.roles = roles;
        self.stored.last_check = None;
        self
    }

    /// Switches it on.
    #[must_use]
    pub fn enabled(mut self) -> Self {
        self.stored.enabled = true;
        self
    }

    /// Switches it off.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.stored.enabled = false;
        self
    }

    /// Moves it to another cloud; it needs a new check, and a secret again: applications are registered in each cloud
    /// by themselves, and what one host is told another need not know.
    #[must_use]
    pub fn with_cloud(mut self, cloud: Cloud) -> Self {
        self.stored.cloud = cloud;
        self.forget()
    }

    /// Moves it to another tenant; it needs a new check, and a secret again.
    #[must_use]
    pub fn with_tenant(mut self, tenant: TenantId) -> Self {
        self.stored.tenant = tenant;
        self.forget()
    }

    /// Makes it another application; it needs a new check, and a secret again.
    #[must_use]
    pub fn with_client_id(mut self, client_id: ClientId) -> Self {
        self.stored.client_id = client_id;
        self.forget()
    }

    /// Signs in with a secret of the application: its value, not its id.
    ///
    /// Where it fills in what loading left out, the last check stays; where it replaces a credential, a new check is
    /// needed.
    #[must_use]
    pub fn with_client_secret(self, secret: impl Into<Secret>) -> Self {
        let credential = ClientSecret::new(self.stored.tenant.clone(), self.stored.client_id.clone(), secret);
        self.sign_in(CredentialKind::ClientSecret, Arc::new(credential))
    }

    /// Signs in with a certificate of the application, as [`with_client_secret`](Self::with_client_secret). Another than
    /// the one that the connection had ([`thumbprint`](Self::thumbprint)) asks for a new check.
    #[must_use]
    pub fn with_certificate(self, signer: impl AssertionSigner) -> Self {
        let credential = ClientCertificate::new(self.stored.tenant.clone(), self.stored.client_id.clone(), signer);
        self.sign_in(CredentialKind::Certificate, Arc::new(credential))
    }

    /// Signs in with a token of another issuer from a file; as [`with_client_secret`](Self::with_client_secret).
    #[must_use]
    pub fn with_federated_token_file(self, file: impl Into<PathBuf>) -> Self {
        let credential = WorkloadIdentity::from_file(self.stored.tenant.clone(), self.stored.client_id.clone(), file);
        self.sign_in(CredentialKind::FederatedToken, Arc::new(credential))
    }

    /// Signs in with what the environment has for the application, as
    /// [`ConnectionBuilder::environment`] says; as [`with_client_secret`](Self::with_client_secret).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] if it has nothing, [`ErrorKind::Invalid`] if a file of it cannot be read.
    pub fn with_environment(self, environment: &Environment) -> Result<Self> {
        let (tenant, client) = (self.stored.tenant.clone(), self.stored.client_id.clone());
        let credential = EnvironmentCredential::of_application(tenant, client, environment)?;
        let kind = match credential.kind() {
            EnvironmentKind::ClientSecret => CredentialKind::ClientSecret,
            EnvironmentKind::Certificate => CredentialKind::Certificate,
            EnvironmentKind::FederatedToken => CredentialKind::FederatedToken,
        };
        Ok(self.sign_in(kind, Arc::new(credential)))
    }

    /// Signs in with a token that someone else got; as [`with_client_secret`](Self::with_client_secret).
    #[must_use]
    pub fn with_token(self, token: impl Into<Secret>) -> Self {
        self.sign_in(CredentialKind::Token, Arc::new(StaticToken::new(token)))
    }

    /// Signs in with a credential of one's own; as [`with_client_secret`](Self::with_client_secret).
    #[must_use]
    pub fn with_credential(self, credential: impl TokenCredential) -> Self {
        self.with_credential_of(CredentialKind::Custom, credential)
    }

    /// Signs in with a credential of this kind; as [`with_client_secret`](Self::with_client_secret). Another
    /// certificate than the one that the connection had asks for a new check; one that does not say its thumbprint
    /// ([`TokenCredential::certificate`]) is a credential of the host's own.
    #[must_use]
    pub fn with_credential_of(self, kind: CredentialKind, credential: impl TokenCredential) -> Self {
        self.sign_in(kind, Arc::new(credential))
    }

    /// Starts a client for the tenant.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] without a credential.
    pub fn client(&self) -> Result<GraphClientBuilder> {
        let credential = self.credential.clone().ok_or_else(|| {
            Error::new(ErrorKind::NotReady, "the connection has no credential; secrets are not stored, add it again")
                .with_context("connection", self.name())
        })?;
        Ok(GraphClient::builder(credential).cloud(self.cloud().clone()))
    }

    /// Finds out whether the tenant can be worked with, and remembers it; see [`Check`].
    ///
    /// That a stage fails is not an error: the check says so, with the cause and what to do.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] without a credential, [`ErrorKind::Invalid`] without a way to the network (feature
    /// `reqwest`).
    ///
    /// # Permissions
    ///
    /// `Organization.Read.All`, and `Domain.Read.All` and `LicenseAssignment.Read.All` or no more (application).
    pub async fn check(&mut self) -> Result<&Check> {
        let client = self.client()?.build()?;
        self.run_check(&client, &SystemClock::new()).await
    }

    /// As [`check`](Self::check), over another way to the network and by another clock.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub async fn check_over(&mut self, transport: Arc<dyn Transport>, clock: Arc<dyn Clock>) -> Result<&Check> {
        let client = self.client()?.transport(transport).clock(Arc::clone(&clock)).build()?;
        self.run_check(&client, &clock).await
    }

    pub(crate) async fn run_check(&mut self, client: &GraphClient, clock: &dyn Clock) -> Result<&Check> {
        let check = checking::run(client, self, clock).await;
        Ok(self.stored.last_check.insert(check))
    }

    /// As [`check_over`](Self::check_over), again and again as long as what was just set up may not have reached all of
    /// the service: a secret that is not known yet, a consent or a role that does not show in tokens yet. Gives up at the
    /// first failure of another kind, or after this long; five minutes are usual.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub async fn check_until_passed(
        &mut self,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        patience: Duration,
    ) -> Result<&Check> {
        let mut waits = patience::Waits::new(clock.now(), patience);
        loop {
            let check = self.check_over(Arc::clone(&transport), Arc::clone(&clock)).await?;
            let may_pass = check.failure().is_some_and(|(stage, cause, _)| match stage {
                StageName::Token => ["AADSTS7000215", "AADSTS700016", "AADSTS7000229", "AADSTS700027"]
                    .iter()
                    .any(|code| cause.contains(code)),
                StageName::Permissions | StageName::Roles => true,
                _ => false,
            });
            match waits.next(clock.now()).filter(|_| may_pass) {
                Some(wait) => clock.sleep(wait).await,
                None => break,
            }
        }
        self.last_check().ok_or_else(|| Error::new(ErrorKind::NotReady, "the connection was not checked"))
    }

    /// The certificate that it signs in with, if it does.
    pub(super) fn certificate(&self) -> Option<CertificateValidity> {
        self.credential.as_ref()?.certificate()
    }

    fn sign_in(mut self, kind: CredentialKind, credential: Arc<dyn TokenCredential>) -> Self {
        let thumbprint = credential.certificate().and_then(|certificate| certificate.thumbprint);
        // Without a thumbprint nobody knows, once it is loaded, which certificate to give back.
        let is_nameless =
            kind == CredentialKind::Certificate && thumbprint.is_none() && self.stored.thumbprint.is_none();
        let kind = if is_nameless { CredentialKind::Custom } else { kind };
        let is_another = self.credential.is_some()
            || self.stored.credential != kind
            || (thumbprint.is_some() && self.stored.thumbprint != thumbprint);
        if is_another {
            self.stored.last_check = None;
        }
        // One that does not say which certificate it has leaves what is known.
        if thumbprint.is_some() || kind != CredentialKind::Certificate {
            self.stored.thumbprint = thumbprint;
        }
        self.stored.credential = kind;
        self.credential = Some(credential);
        self
    }

    /// Forgets what was known of another tenant or application.
    fn forget(mut self) -> Self {
        self.stored.last_check = None;
        // A secret belongs to its application in its tenant, and so does a certificate; a token or a host's credential
        // knows by itself.
        if matches!(
            self.stored.credential,
            CredentialKind::ClientSecret | CredentialKind::Certificate | CredentialKind::FederatedToken
        ) {
            self.credential = None;
        }
        self
    }
}

impl Serialize for Connection {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.stored.serialize(serializer)
    }
}

/// The page where an administrator consents.
pub(super) fn consent_url(cloud: &Cloud, tenant: &TenantId, client_id: &ClientId) -> Url {
    let authority = cloud.authority();
    // The root of an authority is checked when a connection is built; what cannot carry a path has no page.
    let mut url = checked_root(authority.clone()).unwrap_or(authority);
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push(tenant.as_str()).push("adminconsent");
    }
    url.query_pairs_mut().append_pair("client_id", client_id.as_str());
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &str = "11111111-2222-3333-4444-555555555555";

    fn connection() -> Connection {
        Connection::builder("contoso.com", CLIENT).client_secret("geheim").build().expect("all is given")
    }

    #[test]
    fn all_faults_are_named_at_once() {
        let error = Connection::builder("common", "hunter2").build().expect_err("three faults");
        let text = error.to_string();
        for part in ["a tenant is given by", "a client id is a GUID", "no credential is given"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
        let cloud = Cloud::Custom {
            authority: "http://login.example".parse().expect("an address"),
            graph: "https://graph.example".parse().expect("an address"),
        };
        let error = Connection::builder("contoso.com", CLIENT).cloud(cloud).token(" ").build().expect_err("two faults");
        assert!(error.to_string().contains("the token is blank"), "{error}");
        assert!(error.to_string().contains("login.example"), "{error}");
    }

    #[test]
    fn the_secret_is_not_stored_and_not_shown() {
        let connection = connection().with_description("for tests").disabled();
        let stored = serde_json::to_string(&connection).expect("it can be stored");
        assert!(!stored.contains("geheim"), "{stored}");
        assert!(!format!("{connection:?}").contains("geheim"));
        let loaded: Connection = serde_json::from_str(&stored).expect("it can be loaded");
        assert_eq!(loaded.name(), "contoso.com");
        assert_eq!(loaded.description(), "for tests");
        assert_eq!(loaded.credential_kind(), CredentialKind::ClientSecret);
        assert!(!loaded.is_enabled() && !loaded.has_credential());
        assert_eq!(loaded.client().expect_err("no secret").kind(), ErrorKind::NotReady);
        let error = serde_json::from_str::<Connection>(&stored.replace("\"format\":2", "\"format\":3"));
        assert!(error.expect_err("another format").to_string().contains("format 3"));
    }

    #[test]
    fn an_edit_needs_a_new_check() {
        let mut checked = connection();
        checked.stored.last_check = Some(Check::default());
        let stays = |connection: Connection| connection.last_check().is_some();
        let named = checked.clone().with_name("x").with_description("y").with_owners(["ada"]).disabled().enabled();
        assert!(stays(named));
        let elsewhere = checked.clone().with_cloud(Cloud::China);
        assert!(!elsewhere.has_credential() && !stays(elsewhere), "the secret is not sent to another cloud");
        assert!(!stays(checked.clone().with_domain(Some("Contoso.com")).expect("a domain")));
        assert!(!stays(checked.clone().with_domain(None).expect("none")));
        assert!(checked.clone().with_domain(Some("no domain")).is_err());
        assert!(!stays(checked.clone().with_operations(Operations::inbound())));
        assert!(!stays(checked.clone().with_permissions(Permissions::aic_inbound())));
        assert!(!stays(checked.clone().with_roles(Roles::one_identity())));
        assert!(!stays(checked.clone().with_client_secret("new")));
        assert!(!stays(checked.clone().with_token("new")));
        let moved = checked.clone().with_tenant(TenantId::new("fabrikam.com").expect("a domain"));
        assert!(!moved.has_credential(), "the secret is not sent to another tenant");
        assert!(!stays(moved));

        let stored = serde_json::to_string(&checked).expect("it can be stored");
        let loaded: Connection = serde_json::from_str(&stored).expect("it can be loaded");
        assert!(stays(loaded.clone().with_client_secret("geheim")), "only what was left out is filled in");
        assert!(!stays(loaded.with_token("another kind")));
    }
}
