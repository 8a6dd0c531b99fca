//! Signing in: every credential, what is refused, and what must never show.

#[cfg(feature = "reqwest")]
mod credentials;
mod hostile;
#[cfg(feature = "reqwest")]
mod people;
mod refusals;
mod secrets;
pub(crate) mod world;
