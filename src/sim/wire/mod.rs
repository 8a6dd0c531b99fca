//! Requests as they come in: where each goes, batches, answers, and the socket.

pub(super) mod answer;
pub(super) mod batch;
pub(super) mod dispatch;
pub(super) mod routes;
#[cfg(feature = "sim-server")]
pub(super) mod server;
#[cfg(feature = "sim-server")]
pub(super) mod tls;
