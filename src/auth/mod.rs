//! Tokens for Microsoft Graph: credentials and the cache above them.
//!
//! A [`TokenCredential`] gets a token, [`TokenCache`] keeps it while it is good. [`ClientSecret`] and [`StaticToken`]
//! are the credentials that come with the crate; a host may bring its own.

mod aadsts;
mod base64;
mod cache;
mod catalogue;
mod certificate;
#[cfg(feature = "aws-lc")]
mod certificate_key;
mod challenge;
mod claims;
mod client_certificate;
mod client_secret;
mod credential;
mod endpoint;
mod ids;
mod signer;
mod static_token;

pub use aadsts::SignInFailure;
pub use cache::TokenCache;
pub use catalogue::{Actor, Retrying, SignInAdvice, SignInClass};
pub use certificate::Certificate;
#[cfg(feature = "aws-lc")]
#[cfg_attr(docsrs, doc(cfg(feature = "aws-lc")))]
pub use certificate_key::CertificateKey;
pub use challenge::ClaimsChallenge;
pub use claims::TokenClaims;
pub use client_certificate::ClientCertificate;
pub use client_secret::ClientSecret;
pub use credential::{AccessToken, TokenContext, TokenCredential};
pub use ids::{ClientId, TenantId};
pub use signer::{AssertionSigner, SigningAlgorithm};
pub use static_token::StaticToken;
