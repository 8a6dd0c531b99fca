//! Who is whom, and in which situation each object is.

pub(super) mod assess;
pub(super) mod case;
pub(super) mod conflict;
pub(super) mod correlate;
pub(super) mod doubt;
pub(super) mod link;
pub(super) mod rows;
