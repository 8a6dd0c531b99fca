//! A plan and what it is made of: values that are shown, kept, narrowed down and carried out.

pub(super) mod bucket;
pub(super) mod conceal;
pub(super) mod digests;
pub(super) mod entry;
pub(super) mod json_lines;
pub(super) mod order;
pub(super) mod problem;
pub(super) mod set;
pub(super) mod value;
