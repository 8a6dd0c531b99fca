//! Requests and answers: the one door to the network.
//!
//! [`Transport`] is what a host may implement; `ReqwestTransport` (feature `reqwest`) is the shipped one. Above it,
//! [`RetryPolicy`] says how often and how long a request is repeated, and [`PacePolicy`] how fast requests go at most.

pub(crate) mod address;
mod lane;
pub(crate) mod pace;
pub(crate) mod redact;
#[cfg(feature = "reqwest")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
mod reqwest;
pub(crate) mod retry;
mod transport;

#[cfg(feature = "reqwest")]
pub use self::reqwest::{ReqwestTransport, ReqwestTransportBuilder};
pub use pace::{Budget, PaceEvent, PaceObserver, PacePolicy, Traffic};
pub use retry::RetryPolicy;
pub use transport::Transport;
