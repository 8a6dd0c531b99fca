//! The forms that a plan is shown and kept in.

mod hostile;
mod html;
mod json_lines;
mod markdown;
pub(crate) mod sample;
