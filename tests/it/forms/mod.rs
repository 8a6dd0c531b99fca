//! The forms that plans are shown and kept in, and that reports are shown in.

mod figures;
mod hostile;
mod html;
mod json_lines;
mod markdown;
mod report;
pub(crate) mod sample;
