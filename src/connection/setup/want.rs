//! What there should be.

use std::time::Duration;

use super::super::operation::Operations;
use super::super::permissions::{Permissions, Roles};
use crate::auth::{Certificate, ClientId};
use crate::error::{Error, ErrorKind, Result};

/// The application that there should be.
///
/// Nothing is ever taken from an application: permissions that it asks for already, its other credentials and its other
/// roles stay as they are.
///
/// # Permissions
///
/// Of the caller, who is an administrator (delegated) or a program of the administrator's (application):
/// `Application.ReadWrite.All` and `Organization.Read.All`; to grant permissions `AppRoleAssignment.ReadWrite.All`, to give
/// roles `RoleManagement.ReadWrite.Directory`. A person also needs a directory role: Cloud Application Administrator to
/// register, and Privileged Role Administrator to consent and to give roles.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use entrant::connection::{Operations, Setup, StepKind};
/// use entrant::graph::GraphClient;
/// # use entrant::auth::StaticToken;
/// # use entrant::sim::Sim;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> entrant::Result<()> {
/// # let sim = Sim::builder().permission("AppRoleAssignment.ReadWrite.All").build();
/// # let administrator = StaticToken::new(sim.token());
/// # let graph = GraphClient::builder(administrator).cloud(sim.cloud()).transport(sim.transport()).build()?;
/// let setup = Setup::new("Provisioning connector")
///     .operations(Operations::outbound_users())
///     .client_secret(Duration::from_secs(180 * 24 * 60 * 60));
/// let plan = setup.plan(&graph).await?; // writes nothing
/// println!("{plan}");
/// let mut report = setup.apply(&graph, &plan).await?;
/// assert!(report.is_complete());
/// let secret = report.take_secret().expect("it is told this once");
/// assert!(setup.plan(&graph).await?.is_converged());
/// # assert!(sim.applications().len() > 1);
/// # Ok(())
/// # }
/// ```
///
/// See [grant permissions with Microsoft Graph](https://learn.microsoft.com/graph/permissions-grant-via-msgraph).
#[derive(Debug, Clone)]
#[must_use]
pub struct Setup {
    pub(super) name: String,
    pub(super) unique_name: Option<String>,
    pub(super) client_id: Option<ClientId>,
    pub(super) permissions: Permissions,
    pub(super) roles: Roles,
    pub(super) credential: Option<NewCredential>,
}

/// A credential that the application should have.
#[derive(Debug, Clone)]
pub(super) enum NewCredential {
    Secret { name: String, good_for: Duration, is_forced: bool },
    Certificate(Certificate),
}

/// The longest name that Entra takes.
const MAX_NAME: usize = 256;

/// A secret with so much time left or more is not replaced.
pub(super) const FRESH: time::Duration = time::Duration::days(30);

impl Setup {
    /// An application of this name, without permissions, roles or a credential yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            unique_name: None,
            client_id: None,
            permissions: Permissions::none(),
            roles: Roles::none(),
            credential: None,
        }
    }

    /// The one that is there with this client id, and no new one.
    pub fn client_id(mut self, id: ClientId) -> Self {
        self.client_id = Some(id);
        self
    }

    /// The key by which the application is found again; the default is its name in small letters, digits and hyphens.
    pub fn unique_name(mut self, name: impl Into<String>) -> Self {
        self.unique_name = Some(name.into());
        self
    }

    /// It gets the least permissions that do this.
    pub fn operations(self, operations: Operations) -> Self {
        self.permissions(Permissions::least(&operations))
    }

    /// It gets these permissions of Microsoft Graph, in place of those said before.
    pub fn permissions(mut self, permissions: Permissions) -> Self {
        self.permissions = permissions;
        self
    }

    /// It gets these directory roles.
    pub fn roles(mut self, roles: Roles) -> Self {
        self.roles = roles;
        self
    }

    /// It gets a secret that is good for so long, unless it has one of the same name that is good for 30 days more. What
    /// that one's value is nobody can read again: where it is lost, ask for a
    /// [new one](Setup::new_client_secret).
    pub fn client_secret(mut self, good_for: Duration) -> Self {
        self.credential = Some(NewCredential::Secret { name: self.name.clone(), good_for, is_forced: false });
        self
    }

    /// It gets one more secret, whatever it has. Each plan with this makes one.
    pub fn new_client_secret(mut self, good_for: Duration) -> Self {
        self.credential = Some(NewCredential::Secret { name: self.name.clone(), good_for, is_forced: true });
        self
    }

    /// It trusts this certificate, whose private key stays where it was made.
    pub fn certificate(mut self, certificate: Certificate) -> Self {
        self.credential = Some(NewCredential::Certificate(certificate));
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        let wrong = |what: &'static str| Err(Error::new(ErrorKind::Invalid, what));
        if self.name.trim().is_empty() || self.name.chars().count() > MAX_NAME {
            return wrong("an application's name has 1 to 256 characters");
        }
        if self.key().is_empty() {
            return wrong("the name has no letters or digits to make a key of; give Setup::unique_name");
        }
        match &self.credential {
            Some(NewCredential::Secret { good_for, .. }) if *good_for < Duration::from_secs(24 * 60 * 60) => {
                wrong("a secret is to be good for a day at least")
            }
            _ => Ok(()),
        }
    }

    /// By what the application is found again.
    pub(super) fn key(&self) -> String {
        if let Some(name) = &self.unique_name {
            return name.trim().to_owned();
        }
        let words: Vec<String> = self
            .name
            .split(|character: char| !character.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_lowercase)
            .collect();
        words.join("-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_of_names() {
        for (name, key) in [
            ("Provisioning connector", "provisioning-connector"),
            ("  O'Brien & Söhne  (HR) ", "o-brien-s-hne-hr"),
            ("会社", ""),
        ] {
            assert_eq!(Setup::new(name).key(), key);
        }
        assert!(Setup::new("会社").check().is_err());
        assert!(Setup::new("会社").unique_name("kaisha").check().is_ok());
        assert!(Setup::new(" ").check().is_err() && Setup::new("x".repeat(257)).check().is_err());
        assert!(Setup::new("x").client_secret(Duration::from_secs(60)).check().is_err());
    }
}
