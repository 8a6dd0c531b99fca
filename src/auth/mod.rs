//! Tokens for Microsoft Graph: credentials and the cache above them.
//!
//! A [`TokenCredential`] gets a token, [`TokenCache`] keeps it while it is good. [`ClientSecret`] and [`StaticToken`]
//! are the credentials that come with the crate; a host may bring its own.

mod aadsts;
mod cache;
mod claims;
mod client_secret;
mod credential;
mod endpoint;
mod ids;
mod static_token;

pub(crate) use aadsts::advice as aadsts_advice;
pub use cache::TokenCache;
pub use claims::TokenClaims;
pub use client_secret::ClientSecret;
pub use credential::{AccessToken, CertificateValidity, TokenContext, TokenCredential};
pub use ids::{ClientId, TenantId};
pub use static_token::StaticToken;
