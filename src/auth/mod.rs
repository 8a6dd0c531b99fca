//! Tokens for Microsoft Graph: credentials and the cache above them.
//!
//! A [`TokenCredential`] gets a token, [`TokenCache`] keeps it while it is good. A host may bring its own credential;
//! these come with the crate:
//!
//! | who | credential |
//! | --- | --- |
//! | an application with a secret | [`ClientSecret`] |
//! | … with a certificate | [`ClientCertificate`], signed for by `CertificateKey` (PEM, PFX) or a vault's [`AssertionSigner`] |
//! | … with a token of another issuer | [`WorkloadIdentity`] |
//! | a machine or service in Azure | [`ManagedIdentity`] |
//! | a person with a browser | [`BrowserSignIn`]; in a host's web application [`AuthorizationCode`] |
//! | a person with another device | [`DeviceCode`] |
//! | a person who signed in before | [`RefreshToken`] |
//! | whoever is signed in to the Azure CLI | [`AzureCli`] |
//! | whoever the environment names | [`EnvironmentCredential`] |
//! | the first of several that is there | [`CredentialChain`] |
//! | a token from elsewhere | [`StaticToken`] |
//!
//! What Entra refuses is an [`Error`](crate::Error) whose cause is a [`SignInFailure`], with [`SignInAdvice`]: what is
//! wrong, who must act, where, and whether trying again helps.

mod aadsts;
mod authorization_code;
mod azure_cli;
mod base64;
mod browser;
mod cache;
mod catalogue;
mod certificate;
#[cfg(feature = "aws-lc")]
mod certificate_key;
mod chain;
mod challenge;
mod claims;
mod client_certificate;
mod client_secret;
mod credential;
mod device_code;
mod discovery;
mod endpoint;
mod environment;
mod ids;
mod managed_identity;
mod person;
mod signer;
mod static_token;
mod workload_identity;

pub use aadsts::SignInFailure;
pub use authorization_code::AuthorizationCode;
pub use azure_cli::AzureCli;
pub use browser::BrowserSignIn;
pub use cache::TokenCache;
pub use catalogue::{Actor, Retrying, SignInAdvice, SignInClass};
pub use certificate::Certificate;
#[cfg(feature = "aws-lc")]
#[cfg_attr(docsrs, doc(cfg(feature = "aws-lc")))]
pub use certificate_key::CertificateKey;
pub use chain::CredentialChain;
pub use challenge::ClaimsChallenge;
pub use claims::TokenClaims;
pub use client_certificate::ClientCertificate;
pub use client_secret::ClientSecret;
pub use credential::{AccessToken, CertificateValidity, TokenContext, TokenCredential};
pub use device_code::DeviceCode;
pub(crate) use discovery::is_missing;
pub use discovery::{TenantDiscovery, TenantLocation};
pub(crate) use environment::EnvironmentKind;
pub use environment::{Environment, EnvironmentCredential};
pub use ids::{ClientId, TenantId};
pub use managed_identity::ManagedIdentity;
pub use person::{MemoryRefreshTokens, RefreshToken, RefreshTokenStore, SignInPrompt, SignInRequest, UserApplication};
pub use signer::{AssertionSigner, SigningAlgorithm};
pub use static_token::StaticToken;
pub use workload_identity::WorkloadIdentity;
