//! How a connection signs in, and how it stands, in a word.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a connection signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CredentialKind {
    /// With a secret of the application.
    ClientSecret,
    /// With a certificate of the application.
    Certificate,
    /// With a token of another issuer that the application trusts: a workload's identity.
    FederatedToken,
    /// As the machine or service that it runs on.
    ManagedIdentity,
    /// As a person who signed in.
    Person,
    /// As who is signed in to the Azure CLI.
    AzureCli,
    /// With a token that someone else got.
    Token,
    /// With a credential of the host's own.
    Custom,
}

/// How a connection stands, for a list of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ConnectionStatus {
    /// It is on, and its check passed.
    Connected,
    /// It is switched off.
    Disabled,
    /// It was not checked since it was made or edited.
    Unchecked,
    /// Its last check failed.
    Failed,
}

impl CredentialKind {
    /// Whether signing in this way asks the authority that the connection names.
    pub(super) fn signs_in_at_authority(self) -> bool {
        matches!(self, Self::ClientSecret | Self::Certificate | Self::FederatedToken | Self::Person)
    }
}

impl fmt::Display for CredentialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientSecret => "client secret",
            Self::Certificate => "certificate",
            Self::FederatedToken => "federated token",
            Self::ManagedIdentity => "managed identity",
            Self::Person => "person",
            Self::AzureCli => "Azure CLI",
            Self::Token => "token",
            Self::Custom => "credential of the host",
        })
    }
}

impl fmt::Display for ConnectionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connected => "connected",
            Self::Disabled => "disabled",
            Self::Unchecked => "not checked",
            Self::Failed => "failed",
        })
    }
}
