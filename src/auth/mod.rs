//! Tokens for Microsoft Graph: credentials and the cache above them.
//!
//! A [`TokenCredential`] gets a token, [`TokenCache`] keeps it while it is good. [`ClientSecret`] and [`StaticToken`]
//! are the credentials that come with the crate; a host may bring its own.

mod aadsts;
mod base64;
mod cache;
mod catalogue;
mod challenge;
mod claims;
mod client_secret;
mod credential;
mod endpoint;
mod ids;
mod static_token;

pub use aadsts::SignInFailure;
pub use cache::TokenCache;
pub use catalogue::{Actor, Retrying, SignInAdvice, SignInClass};
pub use challenge::ClaimsChallenge;
pub use claims::TokenClaims;
pub use client_secret::ClientSecret;
pub use credential::{AccessToken, TokenContext, TokenCredential};
pub use ids::{ClientId, TenantId};
pub use static_token::StaticToken;
