//! Users: what is stored of one, how it is written and served, managers and guests.

pub(super) mod invitation;
pub(super) mod manager;
pub(super) mod property;
pub(super) mod serve;
pub(super) mod user;
pub(super) mod write;
