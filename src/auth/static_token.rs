//! A token that someone else got.

use async_trait::async_trait;

use super::{AccessToken, TokenContext, TokenCredential};
use crate::error::Result;
use crate::secret::Secret;

/// A ready-made token: for a test, a script, or a host that signs in by itself.
///
/// When it ends, requests fail with [`ErrorKind::Unauthenticated`](crate::ErrorKind::Unauthenticated).
#[derive(Debug, Clone)]
pub struct StaticToken(AccessToken);

impl StaticToken {
    /// Takes a bearer token.
    pub fn new(token: impl Into<Secret>) -> Self {
        Self(AccessToken::new(token))
    }
}

#[async_trait]
impl TokenCredential for StaticToken {
    async fn token(&self, _context: &TokenContext) -> Result<AccessToken> {
        Ok(self.0.clone())
    }
}
