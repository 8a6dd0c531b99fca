//! Moments as .NET has them: years 1 to 9999, steps of 100 ns, always UTC.

mod format;
mod pattern;
mod reader;
mod text;

pub(super) use format::print;
pub(super) use pattern::{Format, Styles};
pub(super) use reader::{Read, read};
pub(super) use text::{file_time, of_file_time, parse, within};
