//! Where initial passwords go.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{Attributes, ObjectId};
use crate::secret::Secret;

/// Takes the initial passwords of the accounts that a job creates, before it creates them.
///
/// Both calls take what belongs to one batch of creates; each makes one durable write.
#[async_trait]
pub trait PasswordSink: fmt::Debug + Send + Sync + 'static {
    /// Keeps passwords durably, and answers which to use, in the order given.
    ///
    /// A password that was prepared for the same key before and not confirmed wins over the new one, so that a create
    /// that is repeated after a crash has the password that was handed out.
    async fn prepare(&self, passwords: Vec<InitialPassword>) -> Result<Vec<Secret>>;

    /// Learns that the accounts exist with the passwords that were prepared.
    ///
    /// Repeating it for the same key and object is no error and changes nothing, whatever was prepared for the key
    /// meanwhile: a create that was repeated since was refused, and the account has the password of the first.
    async fn confirm(&self, created: Vec<(String, ObjectId)>) -> Result<()>;
}

/// A password for an account that is about to be created.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct InitialPassword {
    /// Which entry of which job it is for; stable over runs.
    pub key: String,
    /// What the account is created with, without secrets: a sink finds the name and the manager here.
    pub account: Attributes,
    /// The password.
    pub password: Secret,
}

impl InitialPassword {
    /// A password for the account with these attributes.
    pub fn new(key: impl Into<String>, account: Attributes, password: Secret) -> Self {
        Self { key: key.into(), account, password }
    }
}

macro_rules! forward_sink {
    ($wrapper:ident) => {
        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<T: PasswordSink + ?Sized> PasswordSink for $wrapper<T> {
            async fn prepare(&self, passwords: Vec<InitialPassword>) -> Result<Vec<Secret>> {
                (**self).prepare(passwords).await
            }

            async fn confirm(&self, created: Vec<(String, ObjectId)>) -> Result<()> {
                (**self).confirm(created).await
            }
        }
    };
}

forward_sink!(Arc);
forward_sink!(Box);
