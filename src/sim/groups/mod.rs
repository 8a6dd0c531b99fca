//! Groups: what is stored of one, how it is written and served, members and owners.

pub(super) mod group;
pub(super) mod group_property;
pub(super) mod link;
pub(super) mod member_of;
pub(super) mod membership;
pub(super) mod serve;
pub(super) mod write;
