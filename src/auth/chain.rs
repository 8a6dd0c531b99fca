//! Several credentials, of which one is there.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;

use super::{
    AccessToken, AzureCli, CertificateValidity, Environment, EnvironmentCredential, ManagedIdentity, TokenContext,
    TokenCredential,
};
use crate::error::{Error, ErrorKind, Result};

/// Asks credentials in turn until one gives a token, and from then on only that one.
///
/// A credential that is not there ([`ErrorKind::NotReady`]: no variables, no identity service, no tool) is passed over.
/// One that is there and refused ends the search: another identity in its place would be a surprise.
///
/// # Examples
///
/// ```
/// use entrant::auth::{CredentialChain, Environment};
///
/// let credential = CredentialChain::usual(&Environment::of_process());
/// ```
#[derive(Debug, Clone)]
pub struct CredentialChain {
    links: Vec<Arc<dyn TokenCredential>>,
    chosen: Arc<OnceLock<usize>>,
}

impl CredentialChain {
    /// These, in this order.
    pub fn new(links: impl IntoIterator<Item = Arc<dyn TokenCredential>>) -> Self {
        Self { links: links.into_iter().collect(), chosen: Arc::default() }
    }

    /// The environment's, then the machine's managed identity, then the Azure CLI's.
    ///
    /// What the environment says is settled here; that it is not complete shows when a token is asked for.
    #[must_use]
    pub fn usual(environment: &Environment) -> Self {
        let named: Arc<dyn TokenCredential> = match EnvironmentCredential::new(environment) {
            Ok(credential) => Arc::new(credential),
            Err(error) => Arc::new(Unusable(Arc::new(error))),
        };
        Self::new([named, Arc::new(ManagedIdentity::from_environment(environment)), Arc::new(AzureCli::new())])
    }
}

#[async_trait]
impl TokenCredential for CredentialChain {
    async fn token(&self, context: &TokenContext) -> Result<AccessToken> {
        if let Some(link) = self.chosen.get().and_then(|place| self.links.get(*place)) {
            return link.token(context).await;
        }
        let mut missing = Vec::new();
        for (place, link) in self.links.iter().enumerate() {
            match link.token(context).await {
                Ok(token) => {
                    // Somebody else may have chosen in the meantime: theirs is as good.
                    let _ = self.chosen.set(place);
                    return Ok(token);
                }
                Err(error) if error.kind() == ErrorKind::NotReady => missing.push(error.to_chain()),
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(ErrorKind::NotReady, "no credential is there").with_context("tried", missing.join("; ")))
    }

    /// That of the credential that was chosen; before the first token, of the first that signs in with one.
    fn certificate(&self) -> Option<CertificateValidity> {
        match self.chosen.get().and_then(|place| self.links.get(*place)) {
            Some(link) => link.certificate(),
            None => self.links.iter().find_map(|link| link.certificate()),
        }
    }
}

/// Settings that are no credential.
#[derive(Debug)]
struct Unusable(Arc<Error>);

#[async_trait]
impl TokenCredential for Unusable {
    async fn token(&self, _: &TokenContext) -> Result<AccessToken> {
        Err(Error::new(self.0.kind(), "the environment gives no credential").with_source(self.0.clone()))
    }
}
