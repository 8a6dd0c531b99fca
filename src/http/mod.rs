//! Requests and answers: the one door to the network.

mod transport;

pub use transport::Transport;
