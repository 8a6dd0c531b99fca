//! The forms that a plan is shown and kept in.

mod json_lines;
pub(crate) mod sample;
