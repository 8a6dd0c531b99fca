//! Setting a connection up.

use std::path::PathBuf;
use std::sync::Arc;

use super::kind::CredentialKind;
use super::operation::Operations;
use super::permissions::{Permissions, Roles};
use super::settings::Connection;
use super::stored::Stored;
use crate::auth::{AssertionSigner, ClientId, Environment, TenantId, TokenCredential};
use crate::cloud::Cloud;
use crate::error::{Error, ErrorKind, Result};
use crate::http::address::checked_root;
use crate::secret::Secret;

/// Sets up a [`Connection`].
#[derive(Debug)]
#[must_use]
pub struct ConnectionBuilder {
    tenant: String,
    client_id: String,
    cloud: Cloud,
    name: Option<String>,
    description: String,
    owners: Vec<String>,
    domain: Option<String>,
    operations: Option<Operations>,
    permissions: Permissions,
    roles: Roles,
    enabled: bool,
    credential: Option<Given>,
    thumbprint: Option<String>,
}

/// A credential before the ids that it needs are known to be good.
#[derive(Debug)]
enum Given {
    ClientSecret(Secret),
    Certificate(Arc<dyn AssertionSigner>),
    FederatedTokenFile(PathBuf),
    Environment(Environment),
    Token(Secret),
    Own(CredentialKind, Arc<dyn TokenCredential>),
}

impl ConnectionBuilder {
    pub(super) fn new(tenant: String, client_id: String) -> Self {
        Self {
            tenant,
            client_id,
            cloud: Cloud::Global,
            name: None,
            description: String::new(),
            owners: Vec::new(),
            domain: None,
            operations: None,
            permissions: Permissions::none(),
            roles: Roles::none(),
            enabled: true,
            credential: None,
            thumbprint: None,
        }
    }

    /// Signs in with a secret of the application: its value, not its id.
    pub fn client_secret(mut self, secret: impl Into<Secret>) -> Self {
        self.credential = Some(Given::ClientSecret(secret.into()));
        self
    }

    /// Signs in with a certificate of the application: `CertificateKey` reads one from PEM or PFX, a vault's signer keeps
    /// the key where it is.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> entrant::Result<()> {
    /// # let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).expect("a key");
    /// # let certificate = rcgen::CertificateParams::default().self_signed(&key).expect("a certificate");
    /// # let pem = format!("{}{}", certificate.pem(), key.serialize_pem());
    /// use entrant::auth::CertificateKey;
    /// use entrant::connection::{Connection, CredentialKind};
    ///
    /// let connection = Connection::builder("contoso.onmicrosoft.com", "11111111-2222-3333-4444-555555555555")
    ///     .certificate(CertificateKey::from_pem(pem)?)
    ///     .build()?;
    /// assert_eq!(connection.credential_kind(), CredentialKind::Certificate);
    /// println!("compare with the portal: {}", connection.thumbprint().unwrap_or_default());
    /// # Ok(())
    /// # }
    /// ```
    pub fn certificate(mut self, signer: impl AssertionSigner) -> Self {
        self.credential = Some(Given::Certificate(Arc::new(signer)));
        self
    }

    /// Makes sure that the [`certificate`](Self::certificate) is the one that the portal shows by this thumbprint, before
    /// anything is sent; as people copy it, with blanks, colons and in any case.
    pub fn thumbprint(mut self, shown: impl Into<String>) -> Self {
        self.thumbprint = Some(shown.into());
        self
    }

    /// Signs in with a token of another issuer that the application trusts, such as a Kubernetes cluster's, from a file
    /// that is read again for every sign-in.
    pub fn federated_token_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.credential = Some(Given::FederatedTokenFile(file.into()));
        self
    }

    /// Signs in with what the environment has for the application: a secret, a certificate or a federated token, under
    /// the names that [`EnvironmentCredential`](crate::auth::EnvironmentCredential) says. The tenant, the application and
    /// the cloud are this connection's.
    pub fn environment(mut self, environment: &Environment) -> Self {
        self.credential = Some(Given::Environment(environment.clone()));
        self
    }

    /// Signs in with a token that someone else got.
    pub fn token(mut self, token: impl Into<Secret>) -> Self {
        self.credential = Some(Given::Token(token.into()));
        self
    }

    /// Signs in with a credential of one's own: see [`TokenCredential`].
    pub fn credential(self, credential: impl TokenCredential) -> Self {
        self.credential_of(CredentialKind::Custom, credential)
    }

    /// Signs in with a credential of this kind, such as a [`ManagedIdentity`](crate::auth::ManagedIdentity), a person who
    /// signed in ([`RefreshToken`](crate::auth::RefreshToken)), or any other of [`auth`](crate::auth). The kind is what is
    /// stored: by it the host knows what to give back when the connection is loaded.
    pub fn credential_of(mut self, kind: CredentialKind, credential: impl TokenCredential) -> Self {
        self.credential = Some(Given::Own(kind, Arc::new(credential)));
        self
    }

    /// Where the tenant is; the default is the worldwide cloud.
    pub fn cloud(mut self, cloud: Cloud) -> Self {
        self.cloud = cloud;
        self
    }

    /// The name in lists; the default is the tenant.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What people should know about it.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Adds somebody who answers for it, under whatever name the host knows people by.
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owners.push(owner.into());
        self
    }

    /// The domain that new users get, `%Domain%` in expressions; the default is the tenant's own default. A check fails
    /// unless it is one of the tenant's verified domains.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// What it is for. A check then fails if a permission for one of these is missing; without this it only warns.
    pub fn operations(mut self, operations: Operations) -> Self {
        self.operations = Some(operations);
        self
    }

    /// Permissions that are to be granted one by one, whatever the connection is for, such as
    /// [`Permissions::aic_inbound`]; a check fails if one is missing. The default is none.
    pub fn permissions(mut self, permissions: Permissions) -> Self {
        self.permissions = permissions;
        self
    }

    /// Directory roles that the application is to hold; a check fails if one is missing. The default is none.
    pub fn roles(mut self, roles: Roles) -> Self {
        self.roles = roles;
        self
    }

    /// Leaves it switched off for now.
    pub fn disabled(mut self) -> Self {
        self.enabled = false;
        self
    }

    /// The connection; nothing is sent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`], naming everything that is wrong: the tenant, the client id, the domain, a cloud whose
    /// hosts are neither `https` nor this machine, a credential that is missing or blank, a certificate of another
    /// thumbprint. [`ErrorKind::NotReady`] if the
    /// environment has none.
    pub fn build(self) -> Result<Connection> {
        let mut faults = Vec::new();
        let mut note = |error: Error| faults.push(error.to_string());
        let tenant = TenantId::new(&self.tenant).map_err(&mut note).ok();
        let client_id = ClientId::new(&self.client_id).map_err(&mut note).ok();
        let domain = self.domain.map(|domain| checked_domain(&domain)).transpose().map_err(&mut note);
        for host in [self.cloud.authority(), self.cloud.graph()] {
            if let Err(error) = checked_root(host) {
                note(error);
            }
        }
        let blank = |secret: &Secret| secret.expose().trim().is_empty();
        match &self.credential {
            None => faults.push(
                "no credential is given: a client secret, a certificate, a federated token, a token, or one of your own"
                    .into(),
            ),
            Some(Given::ClientSecret(secret)) if blank(secret) => faults.push("the client secret is blank".into()),
            Some(Given::Token(token)) if blank(token) => faults.push("the token is blank".into()),
            Some(_) => {}
        }
        match (&self.thumbprint, &self.credential) {
            (None, _) => {}
            (Some(shown), Some(Given::Certificate(signer))) => {
                faults.extend(signer.certificate().check_thumbprint(shown).err().map(|error| error.to_string()));
            }
            (Some(_), _) => faults.push("a thumbprint is given, and no certificate to compare it with".into()),
        }
        let (Some(tenant), Some(client_id), Some(given), Ok(domain), true) =
            (tenant, client_id, self.credential, domain, faults.is_empty())
        else {
            let message = format!("the connection cannot be made: {}", faults.join("; "));
            return Err(Error::new(ErrorKind::Invalid, message));
        };
        let name = self.name.unwrap_or_else(|| tenant.to_string());
        let mut stored = Stored::new(name, self.cloud, tenant, client_id, CredentialKind::Custom);
        stored.description = self.description;
        stored.owners = self.owners;
        stored.domain = domain;
        stored.operations = self.operations;
        stored.permissions = self.permissions;
        stored.roles = self.roles;
        stored.enabled = self.enabled;
        let connection = Connection::loaded(stored);
        Ok(match given {
            Given::ClientSecret(secret) => connection.with_client_secret(secret),
            Given::Certificate(signer) => connection.with_certificate(signer),
            Given::FederatedTokenFile(file) => connection.with_federated_token_file(file),
            Given::Environment(environment) => connection.with_environment(&environment)?,
            Given::Token(token) => connection.with_token(token),
            Given::Own(kind, credential) => connection.with_credential_of(kind, credential),
        })
    }
}

/// A domain's name, in lower case.
pub(super) fn checked_domain(domain: &str) -> Result<String> {
    let tenant = TenantId::new(domain).ok().filter(|name| name.as_str().contains('.'));
    tenant.map(|name| name.as_str().to_owned()).ok_or_else(|| {
        Error::new(ErrorKind::Invalid, "a domain is a name such as contoso.com")
            .with_context("domain", format_args!("{:?}", crate::http::redact::one_line(domain, 100)))
    })
}
